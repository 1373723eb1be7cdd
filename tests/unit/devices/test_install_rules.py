"""Rules are written whole, only where they differ, and below another root for an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpptag.devices.install_rules import install, install_command, rule_files
from dpptag.devices.profiles import load_all
from dpptag.errors import DeviceError


def test_missing_files_are_written_and_equal_ones_left_alone(tmp_path: Path) -> None:
    files = rule_files(load_all(), root=tmp_path)
    assert [file.state for file in files] == ["missing"] * 4
    assert install(files) == tuple(file.path for file in files)
    again = rule_files(load_all(), root=tmp_path)
    assert [file.state for file in again] == ["same"] * 4
    assert install(again) == ()
    assert all(file.path.stat().st_mode & 0o777 == 0o644 for file in files)


def test_a_changed_file_is_replaced(tmp_path: Path) -> None:
    files = rule_files(load_all(), root=tmp_path)
    install(files)
    files[0].path.write_text("# somebody's\n")
    changed = rule_files(load_all(), root=tmp_path)
    assert [file.state for file in changed] == ["different", "same", "same", "same"]
    assert install(changed) == (files[0].path,)
    assert files[0].path.read_text() == files[0].text


def test_a_folder_that_may_not_be_written_is_an_error_with_the_next_action(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file where a folder should be")
    with pytest.raises(DeviceError) as caught:
        install(rule_files(load_all(), root=tmp_path))
    assert caught.value.code == "rules-unwritable"
    assert "sudo" in (caught.value.action or "")


def test_the_command_for_root_names_the_program_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sudo's secure_path holds no virtual environment: `sudo dpptag` would not be found."""
    program = tmp_path / "my venv" / "dpptag"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setattr("sys.argv", [str(program), "devices", "doctor"])
    assert install_command() == f"sudo '{program}' devices install-rules --apply"
    monkeypatch.setattr("sys.argv", ["-c"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install_command().endswith("-m dpptag devices install-rules --apply")
    assert install_command().split()[1].startswith("/")
