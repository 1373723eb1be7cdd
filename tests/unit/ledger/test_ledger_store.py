"""The ledger file: schemas, damage, a full disk, a killed process, other processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dpptag.database import Database, migrations
from dpptag.errors import DpptagError, LedgerConflict, LedgerDamaged
from dpptag.ledger import Item, JobEntry, Ledger
from dpptag.ledger.store import LEDGER_DATABASE
from dpptag.model.identifiers import ChipNumber
from dpptag.model.outcome import RowState

CHIP = ChipNumber(bytes.fromhex("04a1b2c3d4e580"))
STORED_VERSION_1 = Path(__file__).with_name("ledger_schema_1.sql")


def clock() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def item(number: int) -> Item:
    return Item(
        number, f"https://id.example.com/01/09521234000013/21/{number}", f"01/09521234000013/21/{number}", b"\x01" * 32
    )


def job(count: int) -> JobEntry:
    return JobEntry("battery", b"\x01" * 32, tuple(item(number) for number in range(1, count + 1)))


def run_child(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``script`` with this module imported as ``test``, in a process that may die."""
    root = Path(__file__).parents[3]
    search = os.pathsep.join([str(root / "src"), str(root), str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, "-c", f"import os, signal, sys, test_ledger_store as test\n{script}", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_ledger_is_marked_durable_and_private(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.sqlite3"
    store = Database(path, LEDGER_DATABASE)
    values = {name: store.select(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "foreign_keys")}
    store.close()
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert path.stat().st_mode & 0o077 == 0
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA application_id").fetchone()[0] == LEDGER_DATABASE.application_id
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(migrations(LEDGER_DATABASE.package))
    connection.close()


def test_migrations_are_numbered_without_a_gap() -> None:
    folder = Path(__file__).parents[3] / "src" / "dpptag" / "ledger" / "migrations"
    numbers = sorted(int(file.name[:4]) for file in folder.glob("*.sql"))
    assert numbers == list(range(1, len(migrations(LEDGER_DATABASE.package)) + 1))


def test_a_stored_ledger_of_schema_1_opens_with_all_it_held(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    connection = sqlite3.connect(path)
    connection.executescript(STORED_VERSION_1.read_text())
    connection.close()
    with Ledger(path, clock) as ledger:
        states = [(row.item.number, row.attempt, row.state) for row in ledger.rows("battery")]
        assert states == [
            (1, 1, RowState.VERIFIED),
            (2, 1, RowState.VOID),
            (2, 2, RowState.WRITING),
            (3, 1, RowState.RESERVED),
        ]
        assert [revocation.row_id for revocation in ledger.revocations()] == [2]
        assert ledger.mark_written(3).state is RowState.WRITTEN


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    Ledger(path, clock).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(migrations(LEDGER_DATABASE.package)) + 1}")
    connection.close()
    with pytest.raises(LedgerDamaged) as caught:
        Ledger(path, clock)
    assert caught.value.code == "ledger-newer"


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photos (id INTEGER)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerDamaged) as caught:
        Ledger(path, clock)
    assert caught.value.code == "ledger-foreign"
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(LedgerDamaged):
        Ledger(path, clock)


def test_a_damaged_page_refuses_to_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with Ledger(path, clock) as ledger:
        ledger.register_job(job(50))
        for entry in job(50).items:
            ledger.reserve(job(50), entry)
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    for start in range(2 * page, len(content), page):
        content[start + 8 : start + 40] = b"\xff" * 32
    path.write_bytes(content)
    with pytest.raises(LedgerDamaged) as caught:
        Ledger(path, clock)
    assert "backup" in (caught.value.action or "")


def test_a_truncated_ledger_refuses_to_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with Ledger(path, clock) as ledger:
        ledger.register_job(job(1))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(LedgerDamaged):
        Ledger(path, clock)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerDamaged) as caught:
        Ledger(tmp_path / "file" / "ledger.sqlite3", clock)
    assert caught.value.code == "ledger-unwritable"


STEPS = """
ledger = test.Ledger(test.Path(sys.argv[1]), test.clock)
entry = test.job(1)
steps = [
    lambda: ledger.register_job(entry),
    lambda: ledger.reserve(entry, entry.items[0]),
    lambda: ledger.start_writing(1, test.CHIP, b"message", "minimal"),
    lambda: ledger.mark_written(1),
    lambda: ledger.mark_verified(1),
    lambda: ledger.void(1, "test"),
]
for step in steps[: int(sys.argv[2])]:
    step()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("steps", "state"),
    [(1, None), (2, "reserved"), (3, "writing"), (4, "written"), (5, "verified"), (6, "void")],
)
def test_a_step_that_returned_survives_kill_9(tmp_path: Path, steps: int, state: str | None) -> None:
    path = tmp_path / "ledger.sqlite3"
    assert run_child(STEPS, path, steps).returncode == -signal.SIGKILL
    with Ledger(path, clock) as ledger:
        assert [row.state.value for row in ledger.rows("battery")] == ([state] if state else [])
        assert len(ledger.revocations()) == (steps == 6)


KILL_INSIDE = """
calls = 0
def now():
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return test.clock()
ledger = test.Ledger(test.Path(sys.argv[1]), now)
entry = test.job(1)
ledger.register_job(entry)
ledger.reserve(entry, entry.items[0])
ledger.start_writing(1, test.CHIP, b"message", "minimal")
ledger.void(1, "test")
"""


@pytest.mark.parametrize(
    ("call", "states", "revoked"),
    [(1, None, 0), (2, [], 0), (3, ["reserved"], 0), (4, ["writing"], 0), (5, ["writing"], 0), (6, ["void"], 1)],
)
def test_a_transaction_cut_by_kill_9_leaves_nothing_behind(
    tmp_path: Path, call: int, states: list[str] | None, revoked: int
) -> None:
    """The clock is asked inside each transaction; it kills the process there. In void: row and revocation, or none."""
    path = tmp_path / "ledger.sqlite3"
    child = run_child(KILL_INSIDE, path, call)
    assert child.returncode == (0 if call == 6 else -signal.SIGKILL), child.stderr
    with Ledger(path, clock) as ledger:
        if states is None:
            assert ledger.jobs() == ()
        else:
            assert [row.state.value for row in ledger.rows("battery")] == states
        assert len(ledger.revocations()) == revoked


FULL_DISK = """
import resource
entry = test.job(2000)
ledger = test.Ledger(test.Path(sys.argv[1]), test.clock)
ledger.register_job(entry)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
done = 0
try:
    for item in entry.items:
        ledger.reserve(entry, item)
        done += 1
except test.DpptagError as error:
    print(done, error.code, error.exit_code)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_full_disk_is_loud_and_loses_no_recorded_step(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    child = run_child(FULL_DISK, path)
    done, code, exit_code = child.stdout.split()
    assert (code, exit_code) == ("ledger-disk-full", "6")
    entry = job(2000)
    with Ledger(path, clock) as ledger:
        assert [row.item.number for row in ledger.rows("battery")] == list(range(1, int(done) + 1))
        assert ledger.reserve(entry, ledger.unstarted(entry)[0]).item.number == int(done) + 1


def test_a_held_write_lock_is_a_conflict_not_a_guess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dpptag.ledger.ledger.LEDGER_DATABASE", replace(LEDGER_DATABASE, busy_seconds=0.0))
    path = tmp_path / "ledger.sqlite3"
    with Ledger(path, clock) as ledger:
        ledger.register_job(job(1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerConflict) as caught:
            ledger.reserve(job(1), item(1))
        assert caught.value.code == "ledger-busy"
        other.close()
        assert ledger.reserve(job(1), item(1)).state is RowState.RESERVED


def test_one_process_at_a_time_works_on_a_job(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with Ledger(path, clock) as first, Ledger(path, clock) as second:
        first.register_job(job(1))
        with first.working_on("battery"):
            with pytest.raises(LedgerConflict) as caught, second.working_on("battery"):
                pass
            assert caught.value.code == "job-busy"
        with second.working_on("battery"):
            assert second.rows("battery") == ()


def worked_on(path: Path, *names: str) -> None:
    with Ledger(path, clock) as ledger:
        for name in names:
            ledger.register_job(JobEntry(name, b"\x01" * 32, ()))
            with ledger.working_on(name):
                pass


@pytest.mark.parametrize("left", [None, b""])
def test_a_lost_ledger_is_not_replaced_by_an_empty_one(tmp_path: Path, left: bytes | None) -> None:
    path = tmp_path / "ledger.sqlite3"
    worked_on(path, "battery")
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    with pytest.raises(LedgerDamaged) as caught:
        Ledger(path, clock)
    assert (caught.value.code, path.exists()) == ("ledger-lost", left is not None)
    (tmp_path / "ledger.sqlite3.job1.lock").unlink()  # what the message asks for where a new one is meant
    Ledger(path, clock).close()


def test_an_older_ledger_that_lacks_a_job_is_refused(tmp_path: Path) -> None:
    path, backup = tmp_path / "ledger.sqlite3", tmp_path / "backup"
    worked_on(path, "battery")
    backup.write_bytes(path.read_bytes())
    worked_on(path, "second")
    path.write_bytes(backup.read_bytes())
    with pytest.raises(LedgerDamaged) as caught:
        Ledger(path, clock)
    assert (caught.value.code, caught.value.facts["lock"]) == ("ledger-lost", f"{path}.job2.lock")


def test_a_backup_made_while_the_line_runs_is_a_whole_ledger(tmp_path: Path) -> None:
    """The statement that docs/operating.md gives; it keeps the header by which a ledger is known."""
    path, backup = tmp_path / "ledger.sqlite3", tmp_path / "backup.sqlite3"
    with Ledger(path, clock) as ledger:
        ledger.register_job(job(1))
        ledger.reserve(job(1), item(1))
        connection = sqlite3.connect(path)
        connection.execute("VACUUM INTO ?", (str(backup),))
        connection.close()
        with Ledger(backup, clock) as copy:
            assert copy.rows("battery") == ledger.rows("battery")


def test_a_job_is_locked_under_every_name_of_its_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "ledger.sqlite3").symlink_to(path)
    (tmp_path / "home").symlink_to(tmp_path)
    with Ledger(path, clock) as first:
        first.register_job(job(1))
        for name in ("other", "home"):
            with Ledger(tmp_path / name / "ledger.sqlite3", clock) as second, first.working_on("battery"):
                with pytest.raises(LedgerConflict) as caught, second.working_on("battery"):
                    pass
                assert caught.value.code == "job-busy"


HOLD_AND_DIE = """
ledger = test.Ledger(test.Path(sys.argv[1]), test.clock)
ledger.register_job(test.job(1))
with ledger.working_on("battery"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_holds_no_job(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    assert run_child(HOLD_AND_DIE, path).returncode == -signal.SIGKILL
    with Ledger(path, clock) as ledger, ledger.working_on("battery"):
        assert ledger.rows("battery") == ()


def test_every_ledger_error_is_of_the_tree(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite3", clock) as ledger, pytest.raises(DpptagError) as caught:
        ledger.working_on("nothing").__enter__()
    assert caught.value.exit_code == 6
