"""The device log: durable, chained, signed; damage and tampering are found, never repaired in silence."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dpptag.codec import cbor, cose
from dpptag.crypto import PrivateKey
from dpptag.errors import CborError, InputError, StoreError
from dpptag.events.device_log import FIRST_PREVIOUS, LogEntry
from dpptag.events.event import FrozenEvent, Repair, RepairOutcome, declare_error, freeze
from dpptag.events.store import EventStore

AT = datetime(2027, 5, 10, 10, 10, tzinfo=UTC)
REPO = Path(__file__).resolve().parents[3]


def event(number: int, seconds: int | None = None) -> FrozenEvent:
    return freeze(
        Repair(
            items=(f"https://id.gs1.org/01/09520123456788/21/N{number}",),
            at=AT + timedelta(seconds=number if seconds is None else seconds),
            read_point="https://id.gs1.org/414/9520123456788/254/BENCH",
            fault_code="battery",
            outcome=RepairOutcome.FIXED,
        )
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Iterator[EventStore]:
    with EventStore(home) as opened:
        yield opened


def test_entries_come_back_in_order_with_the_exact_bytes(store: EventStore, home: Path) -> None:
    appended = [store.append(event(number)).entry for number in range(5)]
    with EventStore(home) as reopened:
        assert list(reopened.entries()) == appended
        assert list(reopened.entries(after=3)) == appended[3:]
        assert [entry.event.body for entry in appended] == [event(number).body for number in range(5)]


def test_a_commit_is_on_disk_when_it_returns(store: EventStore) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys")
    values = {name: store.database.select(f"PRAGMA {name}")[0][0] for name in names}
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2 is FULL


def test_the_database_is_for_this_account_only(store: EventStore, home: Path) -> None:
    store.append(event(1))
    assert {path.stat().st_mode & 0o077 for path in home.glob("events.*")} == {0}


def test_each_entry_names_the_one_before_it(store: EventStore) -> None:
    first, second = (store.append(event(number)).entry for number in range(2))
    assert (first.seq, first.previous) == (1, FIRST_PREVIOUS)
    assert (second.seq, second.previous) == (2, first.digest)


def test_an_entry_is_a_standard_cose_sign1_over_deterministic_cbor(store: EventStore) -> None:
    entry = store.append(event(1)).entry
    message = cose.parse_sign1(entry.envelope, max_size=4096)
    assert message.payload is not None
    assert cbor.decode(message.payload, max_size=4096) == [1, 1, bytes(32), event(1).body]
    assert message.header(cose.Header.ALG) == -7


def test_the_same_event_twice_is_recognised_and_not_duplicated(store: EventStore) -> None:
    first = store.append(event(1))
    again = store.append(event(1))
    assert (first.already, again.already) == (False, True)
    assert again.entry == first.entry
    assert store.count() == 1


def test_an_error_declaration_is_an_event_of_its_own(store: EventStore) -> None:
    store.append(event(1))
    plain = declare_error(event(1), at=AT, reason="did_not_occur")
    corrected = declare_error(event(1), at=AT, reason="incorrect_data", corrective=(event(2),))
    assert [store.append(item).already for item in (plain, corrected, plain)] == [False, False, True]
    assert store.count() == 3


def test_a_clock_set_back_loses_nothing_and_is_said(store: EventStore) -> None:
    store.append(event(1, seconds=1000))
    late = store.append(event(2, seconds=10))
    assert late.entry.seq == 2
    assert "990 s older" in late.warnings[0]
    assert store.append(event(3, seconds=2000)).warnings == ()


def test_a_whole_log_verifies(store: EventStore) -> None:
    assert store.verify_log().entries == 0
    last = [store.append(event(number)).entry for number in range(4)][-1]
    health = store.verify_log()
    assert (health.entries, health.head) == (4, last.digest)


def test_the_log_refuses_change_and_deletion(store: EventStore, home: Path) -> None:
    store.append(event(1))
    with sqlite3.connect(home / "events.sqlite3") as raw:
        for statement in ("UPDATE entry SET event_id = 'x'", "DELETE FROM entry"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                raw.execute(statement)
    raw.close()


def _flip_a_bit(raw: sqlite3.Connection) -> None:
    [(envelope,)] = raw.execute("SELECT envelope FROM entry WHERE seq = 2").fetchall()
    at = envelope.index(b"battery")
    changed = envelope[:at] + bytes((envelope[at] ^ 1,)) + envelope[at + 1 :]
    raw.execute("UPDATE entry SET envelope = ? WHERE seq = 2", (changed,))


def _sign_with_another_key(raw: sqlite3.Connection) -> None:
    [(envelope,)] = raw.execute("SELECT envelope FROM entry WHERE seq = 3").fetchall()
    entry = LogEntry.from_envelope(envelope)
    forged = LogEntry.seal(PrivateKey.generate(), 3, entry.previous, entry.event)
    raw.execute("UPDATE entry SET envelope = ? WHERE seq = 3", (forged.envelope,))


def _swap(raw: sqlite3.Connection) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        raw.execute("UPDATE entry SET seq = ? WHERE seq = ?", (new, old))


def _swap_envelopes(raw: sqlite3.Connection) -> None:
    rows = dict(raw.execute("SELECT seq, envelope FROM entry").fetchall())
    raw.execute("UPDATE entry SET envelope = ? WHERE seq = 2", (rows[3],))
    raw.execute("UPDATE entry SET envelope = ? WHERE seq = 3", (rows[2],))


def _cut_out(raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM entry WHERE seq = 2")


def _cut_out_and_close_up(raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM entry WHERE seq = 2")
    raw.execute("UPDATE entry SET seq = seq - 1 WHERE seq > 2")


def _cut_the_head(raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM entry WHERE seq = 1")


def _edit_the_index(raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE entry SET event_id = 'ni:///sha-256;0?ver=CBV2.0' WHERE seq = 2")


def _edit_the_time(raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE entry SET event_time_ms = 0 WHERE seq = 4")


def _replace_by_rubbish(raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE entry SET envelope = x'00' WHERE seq = 2")


@pytest.mark.parametrize(
    ("tamper", "seq"),
    [
        (_flip_a_bit, 2),
        (_sign_with_another_key, 3),
        (_swap, 2),
        (_swap_envelopes, 2),
        (_cut_out, 2),
        (_cut_out_and_close_up, 2),
        (_cut_the_head, 1),
        (_edit_the_index, 2),
        (_edit_the_time, 4),
        (_replace_by_rubbish, 2),
    ],
)
def test_tampering_is_found_at_the_first_entry_that_it_touches(
    tamper: Callable[[sqlite3.Connection], None], seq: int, store: EventStore, home: Path
) -> None:
    for number in range(4):
        store.append(event(number))
    with sqlite3.connect(home / "events.sqlite3") as raw:
        raw.execute("DROP TRIGGER entry_is_never_changed")
        raw.execute("DROP TRIGGER entry_is_never_deleted")
        tamper(raw)
    raw.close()
    with pytest.raises(StoreError) as caught:
        store.verify_log()
    assert (caught.value.code, caught.value.facts["seq"]) == ("log-broken", seq)


def test_every_flipped_bit_of_an_entry_is_found() -> None:
    key = PrivateKey.generate()
    entry = LogEntry.seal(key, 1, FIRST_PREVIOUS, event(1))
    accepted = []
    for bit in range(8 * len(entry.envelope)):
        changed = bytearray(entry.envelope)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            LogEntry.from_envelope(bytes(changed)).verify(key.public_key)
        except InputError:
            continue
        accepted.append(bit)
    assert accepted == []


def test_an_entry_over_the_size_limit_is_refused() -> None:
    large = FrozenEvent(b"x" * 600_000, "id", AT)
    with pytest.raises(CborError):
        LogEntry.seal(PrivateKey.generate(), 1, FIRST_PREVIOUS, large)


def test_the_device_key_is_made_once_and_private(store: EventStore, home: Path) -> None:
    path = home / "device.key"
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    with EventStore(home) as again:
        assert again.device_id == store.device_id
    assert path.read_bytes() == before
    assert before.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_a_key_left_by_a_first_start_that_died_is_taken(home: Path) -> None:
    home.mkdir()
    (home / "device.key").write_bytes(PrivateKey.generate().pkcs8(None))
    before = (home / "device.key").read_bytes()
    with EventStore(home):
        assert (home / "device.key").read_bytes() == before


@pytest.mark.parametrize("change", ["missing", "other", "rubbish"])
def test_a_log_without_its_key_is_refused(change: str, home: Path) -> None:
    EventStore(home).close()
    path = home / "device.key"
    if change == "missing":
        path.unlink()
    else:
        path.write_bytes(PrivateKey.generate().pkcs8(None) if change == "other" else b"rubbish")
    with pytest.raises(StoreError) as caught:
        EventStore(home)
    assert caught.value.code == "device-key"


def test_a_newer_schema_is_refused_and_left_as_it_is(home: Path) -> None:
    EventStore(home).close()
    with sqlite3.connect(home / "events.sqlite3") as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(StoreError) as caught:
        EventStore(home)
    assert caught.value.code == "store-newer"


def test_another_programs_database_is_refused(home: Path) -> None:
    home.mkdir()
    with sqlite3.connect(home / "events.sqlite3") as raw:
        raw.execute("CREATE TABLE cookies (a)")
    raw.close()
    with pytest.raises(StoreError) as caught:
        EventStore(home)
    assert caught.value.code == "store-foreign"


def test_a_damaged_file_is_refused(home: Path) -> None:
    with EventStore(home) as store:
        for number in range(30):
            store.append(event(number))
    path = home / "events.sqlite3"
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        EventStore(home)
    assert caught.value.code == "store-damaged"


def test_a_file_that_is_no_database_is_refused(home: Path) -> None:
    home.mkdir()
    (home / "events.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError) as caught:
        EventStore(home)
    assert caught.value.code == "store-damaged"


def test_a_home_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        EventStore(tmp_path / "file" / "home")
    assert caught.value.code == "store-home"


def _append_until_refused(store: EventStore, first: int) -> tuple[int, StoreError]:
    for number in range(first, first + 100):
        try:
            store.append(event(number))
        except StoreError as error:
            return number, error
    pytest.fail("the store was never full")


def test_a_full_database_saves_nothing_and_keeps_the_old_entries_whole(store: EventStore) -> None:
    store.append(event(0))
    store.database.select("PRAGMA max_page_count = 1")  # SQLite takes the present size, if that is more
    saved, error = _append_until_refused(store, first=1)
    assert error.code == "store-full"
    assert "nothing was saved" in error.message
    assert store.verify_log().entries == saved
    store.database.select("PRAGMA max_page_count = 1000000")
    assert store.append(event(200)).entry.seq == saved + 1


def test_a_full_disk_saves_nothing_and_keeps_the_old_entries_whole(store: EventStore, home: Path) -> None:
    for number in range(10):
        store.append(event(number))
    largest = max(path.stat().st_size for path in home.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 5000, hard))
    try:
        saved, error = _append_until_refused(store, first=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.code == "store-full"
    assert store.verify_log().entries == saved
    with EventStore(home) as reopened:
        assert reopened.append(event(200)).entry.seq == saved + 1


_APPEND = """
import sys
from pathlib import Path
from tests.unit.events.test_store import event
from dpptag.events.store import EventStore
first, count = int(sys.argv[2]), int(sys.argv[3])
with EventStore(Path(sys.argv[1])) as store:
    for number in range(first, first + count):
        store.append(event(number))
        print(number, flush=True)
"""


def _appender(home: Path, first: int, count: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'src'}"}
    command = [sys.executable, "-c", _APPEND, str(home), str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=REPO)


def test_two_processes_that_append_at_once_do_not_fork_the_chain(home: Path) -> None:
    writers = [_appender(home, first, 60) for first in (0, 1000)]  # also the first start of the store, both at once
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    with EventStore(home) as store:
        assert store.verify_log().entries == 120


def test_what_append_has_returned_survives_kill_9(home: Path) -> None:
    with _appender(home, 0, 100_000) as writer:
        assert writer.stdout is not None
        seen = [int(writer.stdout.readline()) for _ in range(25)][-1]
        writer.kill()
    with EventStore(home) as store:
        recorded = {entry.event.event_id for entry in store.entries()}
        assert {event(number).event_id for number in range(seen + 1)} <= recorded
        assert store.verify_log().entries == store.count()


def test_a_copied_home_verifies_elsewhere(store: EventStore, home: Path, tmp_path: Path) -> None:
    store.append(event(1))
    store.close()
    shutil.copytree(home, tmp_path / "copy")
    with EventStore(tmp_path / "copy") as copy:
        assert copy.verify_log().entries == 1
