"""A file as the receiver: every event once, the document whole at any time."""

from __future__ import annotations

import fcntl
import json
import os
import resource
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from dpptag.errors import InputError, StoreError, UsageError
from dpptag.events.event import FrozenEvent, document
from dpptag.events.outbox import Outbox, Queued
from dpptag.events.store import EventStore
from dpptag.sync.file_target import FileTarget, sole_writer
from dpptag.sync.report import SyncReport
from dpptag.sync.targets import open_target, synchronise
from tests.sync.conftest import FakeWorld, repair_event

Fill = Callable[[int], list[FrozenEvent]]


def _sync(store: EventStore, path: Path, world: FakeWorld) -> SyncReport:
    return synchronise(store, open_target(str(path), {}), edge=world.edge)


def _ids(path: Path) -> list[str]:
    return [event["eventID"] for event in json.loads(path.read_bytes())["epcisBody"]["eventList"]]


def test_the_file_holds_every_event_in_order(store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path) -> None:
    events = fill(5)
    report = _sync(store, tmp_path / "out.json", world)
    assert _ids(tmp_path / "out.json") == [event.event_id for event in events]
    assert (report.sent, report.stored, report.already, report.pending) == (5, 5, 0, 0)
    assert Outbox(store, report.target).cursor == 5


def test_a_rerun_changes_nothing(store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path) -> None:
    fill(5)
    _sync(store, tmp_path / "out.json", world)
    before = (tmp_path / "out.json").read_bytes(), (tmp_path / "out.json").stat().st_ino
    world.sleep(60)
    report = _sync(store, tmp_path / "out.json", world)
    assert ((tmp_path / "out.json").read_bytes(), (tmp_path / "out.json").stat().st_ino) == before
    assert (report.sent, report.stored, report.already) == (0, 0, 5)


def test_new_events_are_added_and_old_ones_kept_byte_for_byte(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path
) -> None:
    events = [*fill(3), repair_event(100)]
    _sync(store, tmp_path / "out.json", world)
    store.append(events[3])
    report = _sync(store, tmp_path / "out.json", world)
    content = (tmp_path / "out.json").read_bytes()
    assert [content.count(event.body) for event in events] == [1, 1, 1, 1]
    assert (report.sent, report.stored, report.already) == (1, 1, 3)


def test_events_of_another_device_in_the_file_stay(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path
) -> None:
    fill(2)
    with EventStore(tmp_path / "other") as other:
        other.append(repair_event(50))
        _sync(other, tmp_path / "out.json", world)
    _sync(store, tmp_path / "out.json", world)
    assert len(_ids(tmp_path / "out.json")) == 3


def test_a_file_carried_away_is_written_anew_in_full(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path
) -> None:
    fill(3)
    _sync(store, tmp_path / "out.json", world)
    (tmp_path / "out.json").unlink()
    report = _sync(store, tmp_path / "out.json", world)
    assert len(_ids(tmp_path / "out.json")) == 3
    assert (report.sent, report.already) == (3, 3)


def test_an_empty_store_writes_a_document_that_can_grow(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path
) -> None:
    _sync(store, tmp_path / "out.json", world)
    assert _ids(tmp_path / "out.json") == []
    fill(2)
    _sync(store, tmp_path / "out.json", world)
    assert len(_ids(tmp_path / "out.json")) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"my diary", b'{"type":"EPCISDocument","epcisBody":{"eventList":[]}}', b"\xff\xfe"],
)
def test_a_file_that_is_not_ours_is_left_alone(
    content: bytes, store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path
) -> None:
    fill(1)
    (tmp_path / "out.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        _sync(store, tmp_path / "out.json", world)
    assert caught.value.code == "sync-file-foreign"
    assert (tmp_path / "out.json").read_bytes() == content
    assert Outbox(store, f"file:{tmp_path / 'out.json'}").cursor == 0


def test_a_torn_file_of_ours_is_not_taken_for_a_whole_one(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path
) -> None:
    fill(3)
    _sync(store, tmp_path / "out.json", world)
    (tmp_path / "out.json").write_bytes((tmp_path / "out.json").read_bytes()[:-200])
    with pytest.raises(InputError):
        _sync(store, tmp_path / "out.json", world)


def test_an_altered_event_is_not_taken_for_the_one_that_was_recorded(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path
) -> None:
    fill(3)
    _sync(store, tmp_path / "out.json", world)
    altered = (tmp_path / "out.json").read_bytes().replace(b"battery-swollen", b"battery-perfect", 1)
    (tmp_path / "out.json").write_bytes(altered)
    store.append(repair_event(100))
    with pytest.raises(InputError) as caught:
        _sync(store, tmp_path / "out.json", world)
    assert (caught.value.code, caught.value.facts["seq"]) == ("sync-file-altered", 1)
    assert (tmp_path / "out.json").read_bytes() == altered
    assert Outbox(store, f"file:{tmp_path / 'out.json'}").cursor == 3


def test_no_other_sender_writes_the_file_between_its_reading_and_its_replacing(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(1)
    refused = []
    replace = FileTarget._replace

    def tried_by_another(target: FileTarget, content: bytes) -> None:
        other = os.open(tmp_path, os.O_RDONLY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            refused.append(True)
        finally:
            os.close(other)
        replace(target, content)

    monkeypatch.setattr(FileTarget, "_replace", tried_by_another)
    _sync(store, tmp_path / "out.json", world)
    assert refused == [True]
    with sole_writer(tmp_path):
        pass  # free again


def test_nothing_counts_as_stored_that_the_file_does_not_hold_in_the_end(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(2)
    replace = FileTarget._replace
    other = document([repair_event(50).body], world.moment)
    monkeypatch.setattr(FileTarget, "_replace", lambda target, _: replace(target, other))
    with pytest.raises(StoreError) as caught:
        _sync(store, tmp_path / "out.json", world)
    assert caught.value.code == "sync-file-changed"
    assert Outbox(store, f"file:{tmp_path / 'out.json'}").counts().stored == 0


def test_a_folder_that_cannot_be_locked_is_a_store_error(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(1)
    target = open_target(str(tmp_path / "out.json"), {})
    with store.sole_sender():
        monkeypatch.setattr(fcntl, "flock", _no_locks)
        with pytest.raises(StoreError) as caught:
            target.synchronise(store, world.edge)
    assert caught.value.code == "sync-file-lock"
    assert not (tmp_path / "out.json").exists()


def _no_locks(*_: object) -> None:
    raise OSError(37, "No locks available")


def test_the_whole_content_and_its_name_are_on_disk_before_anything_counts_as_stored(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(3)
    synced: list[tuple[int, int]] = []
    fsync, stored = os.fsync, Outbox.stored

    def recorded(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size))
        fsync(descriptor)

    def checked(outbox: Outbox, batch: Iterable[Queued]) -> None:
        out = (tmp_path / "out.json").stat()
        assert synced[0] == (out.st_ino, out.st_size)
        assert synced[-1][0] == tmp_path.stat().st_ino
        stored(outbox, batch)

    monkeypatch.setattr(os, "fsync", recorded)
    monkeypatch.setattr(Outbox, "stored", checked)
    assert _sync(store, tmp_path / "out.json", world).stored == 3


def test_a_full_disk_keeps_the_old_document_and_the_cursor(
    store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path
) -> None:
    fill(2)
    _sync(store, tmp_path / "out.json", world)
    before = (tmp_path / "out.json").read_bytes()
    for number in range(100, 200):
        store.append(repair_event(number))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, hard))
    try:
        with pytest.raises(StoreError) as caught:
            _sync(store, tmp_path / "out.json", world)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == "sync-file-write"
    assert (tmp_path / "out.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out.json"]
    assert Outbox(store, f"file:{tmp_path / 'out.json'}").cursor == 2


def test_a_missing_folder_is_a_store_error(store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path) -> None:
    fill(1)
    with pytest.raises(StoreError):
        _sync(store, tmp_path / "absent" / "out.json", world)


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        open_target(str(tmp_path), {})


def test_two_targets_have_their_own_cursors(store: EventStore, fill: Fill, world: FakeWorld, tmp_path: Path) -> None:
    fill(2)
    _sync(store, tmp_path / "a.json", world)
    store.append(repair_event(9))
    _sync(store, tmp_path / "b.json", world)
    assert Outbox(store, f"file:{tmp_path / 'a.json'}").counts().new == 1
    assert Outbox(store, f"file:{tmp_path / 'b.json'}").counts().stored == 3


def test_a_second_sender_is_refused_while_one_is_at_work(store: EventStore, world: FakeWorld, tmp_path: Path) -> None:
    with store.sole_sender(), EventStore(store.home) as second, pytest.raises(StoreError) as caught:
        _sync(second, tmp_path / "out.json", world)
    assert caught.value.code == "sync-running"
