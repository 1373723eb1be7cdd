"""Whole files or none, and locks between processes."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dpptag.files import NoLocksError, append_line, locked, replace_file


def fail(number: int) -> Callable[..., None]:
    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return failing


@pytest.mark.parametrize("step", ["fchmod", "fsync", "replace"])
def test_a_failed_step_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(os, step, fail(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            replace_file(path, b"new", mode=0o600)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"old")]


def test_a_replaced_file_has_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"new", mode=0o640)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_a_file_is_replaced_by_a_name_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    replace_file("file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["", "file.lock"])
def test_a_lock_is_held_from_the_call_to_the_end_of_the_block(tmp_path: Path, name: str) -> None:
    with locked(tmp_path / name, wait=True, folder=not name), pytest.raises(BlockingIOError):
        locked(tmp_path / name, wait=False, folder=not name)
    with locked(tmp_path / name, wait=False, folder=not name):
        pass


def test_a_file_system_without_locks_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", fail(errno.ENOLCK))
    with pytest.raises(NoLocksError, match="No locks available"):
        locked(tmp_path, wait=True, folder=True)


def test_a_missing_folder_is_not_made_a_lock_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        locked(tmp_path / "missing", wait=True, folder=True)
    assert list(tmp_path.iterdir()) == []


def test_lines_are_added_to_a_private_file_and_half_a_line_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append_line(path, b"one")
    append_line(path, b"two")
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"one\ntw")  # the power was cut here
    append_line(path, b"three")
    assert path.read_bytes() == b"one\ntw\nthree\n"
