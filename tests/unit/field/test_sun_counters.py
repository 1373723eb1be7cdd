"""The highest counter of each chip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpptag.errors import EXIT_NEGATIVE, StoreError
from dpptag.field import sun_counters
from dpptag.field.sun_counters import Replayed, SunCounters

UID, OTHER = bytes.fromhex("04DE5F1EACC040"), bytes.fromhex("04958CAA5C5E80")


def test_a_higher_counter_is_fresh_and_the_same_or_a_lower_one_a_replay(tmp_path: Path) -> None:
    counters = SunCounters(tmp_path / "counters.json")
    counters.accept(UID, 8)
    for old in (8, 7, 0):
        with pytest.raises(Replayed) as caught:
            counters.accept(UID, old)
        assert (caught.value.facts["counter"], caught.value.facts["highest"]) == (old, 8)
        assert caught.value.exit_code == EXIT_NEGATIVE
    counters.accept(UID, 9)
    assert counters.highest(UID) == 9


def test_chips_are_counted_apart_and_counter_0_is_a_counter(tmp_path: Path) -> None:
    counters = SunCounters(tmp_path / "counters.json")
    assert counters.highest(UID) is None
    counters.accept(UID, 500)
    counters.accept(OTHER, 0)
    assert (counters.highest(UID), counters.highest(OTHER)) == (500, 0)
    with pytest.raises(Replayed):
        counters.accept(OTHER, 0)


def test_what_was_accepted_is_on_disk_when_it_is_told(tmp_path: Path) -> None:
    SunCounters(tmp_path / "counters.json").accept(UID, 0xFFFFFF)
    with pytest.raises(Replayed):
        SunCounters(tmp_path / "counters.json").accept(UID, 0xFFFFFF)


def test_a_tap_is_not_accepted_where_it_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = SunCounters(tmp_path / "counters.json")
    counters.accept(UID, 1)

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(sun_counters, "replace_file", full)
        with pytest.raises(StoreError) as caught:
            counters.accept(UID, 2)
        assert caught.value.code == "sun-counters"
    assert counters.highest(UID) == 1
    counters.accept(UID, 2)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"format": "dpptag sun counters 1"}', b'{"format": "x", "highest": {}}', b"\xff"]
    + [
        json.dumps({"format": "dpptag sun counters 1", "highest": {"04": value}}).encode()
        for value in ("9", -1, 1 << 24, True)
    ],
)
def test_a_damaged_store_is_said_and_never_started_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "counters.json"
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        SunCounters(path).accept(UID, 5)
    assert caught.value.code == "sun-counters-damaged"
    assert path.read_bytes() == content


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        SunCounters(tmp_path / "none" / "counters.json").accept(UID, 5)
