"""The rules of the line ledger: states, uniqueness, serials, revocations."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dpptag.errors import LedgerConflict
from dpptag.ledger import Item, JobEntry, Ledger, Row
from dpptag.model.identifiers import ChipNumber
from dpptag.model.outcome import NEXT_STATE, RowState

CHIP_A = ChipNumber(bytes.fromhex("04a1b2c3d4e580"))
CHIP_B = ChipNumber(bytes.fromhex("04a1b2c3d4e681"))
MESSAGE = b"\xd1\x01\x04U\x04a.b"


class TickingClock:
    """A second a call, so that times in the ledger differ and can be foretold."""

    def __init__(self) -> None:
        self._at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._at += timedelta(seconds=1)
        return self._at


def item(number: int, serial: str | None = None, passport: int = 1, host: str = "id.example.com") -> Item:
    serial = serial or f"SN{number}"
    return Item(
        number,
        f"https://{host}/01/09521234000013/21/{serial}",
        f"01/09521234000013/21/{serial}",
        bytes([passport]) * 32,
    )


def job(*items: Item, name: str = "battery", end: RowState = RowState.VERIFIED) -> JobEntry:
    return JobEntry(name, b"\x01" * 32, items, end)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite3", TickingClock()) as opened:
        yield opened


def reserved(ledger: Ledger, entry: JobEntry, number: int = 1) -> Row:
    ledger.register_job(entry)
    return ledger.reserve(entry, entry.items[number - 1])


def advance(ledger: Ledger, row: Row, to: RowState, chip: ChipNumber = CHIP_A) -> Row:
    """Take a row forward, step by step, to ``to``; or void it from where it is."""
    if to is RowState.VOID:
        return ledger.void(row.id, "test")
    steps: dict[RowState, Callable[[], Row]] = {
        RowState.WRITING: lambda: ledger.start_writing(row.id, chip, MESSAGE, "minimal"),
        RowState.WRITTEN: lambda: ledger.mark_written(row.id),
        RowState.VERIFIED: lambda: ledger.mark_verified(row.id),
        RowState.LOCKED: lambda: ledger.mark_locked(row.id),
    }
    while row.state is not to:
        row = steps[NEXT_STATE[row.state]]()
    return row


def single_step(ledger: Ledger, row: Row, to: RowState) -> Row:
    match to:
        case RowState.WRITING:
            return ledger.start_writing(row.id, CHIP_A, MESSAGE, "minimal")
        case RowState.WRITTEN:
            return ledger.mark_written(row.id)
        case RowState.VERIFIED:
            return ledger.mark_verified(row.id)
        case RowState.LOCKED:
            return ledger.mark_locked(row.id)
        case _:
            return ledger.void(row.id, "test")


@pytest.mark.parametrize(
    ("start", "to"), [pair for pair in itertools.product(RowState, RowState) if pair[1] is not RowState.RESERVED]
)
def test_only_the_next_state_or_void_can_follow(ledger: Ledger, start: RowState, to: RowState) -> None:
    row = advance(ledger, reserved(ledger, job(item(1), end=RowState.LOCKED)), start)
    allowed = start is not RowState.VOID if to is RowState.VOID else NEXT_STATE.get(start) is to
    if allowed:
        assert single_step(ledger, row, to).state is to
    else:
        with pytest.raises(LedgerConflict) as caught:
            single_step(ledger, row, to)
        assert caught.value.code == "row-state"
        assert ledger.row(row.id) == row


def test_a_row_of_a_job_that_does_not_lock_is_never_locked(ledger: Ledger) -> None:
    row = advance(ledger, reserved(ledger, job(item(1))), RowState.VERIFIED)
    with pytest.raises(LedgerConflict, match="does not lock"):
        ledger.mark_locked(row.id)


def test_the_audit_trail_has_one_line_a_step_with_its_time(ledger: Ledger) -> None:
    row = advance(ledger, reserved(ledger, job(item(1))), RowState.WRITTEN)
    ledger.note(row.id, "read back twice")
    trail = ledger.history(row.id)
    assert [(line.from_state, line.to_state) for line in trail] == [
        (None, RowState.RESERVED),
        (RowState.RESERVED, RowState.WRITING),
        (RowState.WRITING, RowState.WRITTEN),
        (RowState.WRITTEN, RowState.WRITTEN),
    ]
    assert trail[-1].detail == "read back twice"
    assert [line.at for line in trail] == sorted({line.at for line in trail})
    assert trail[0].at.endswith("Z")


def test_a_row_keeps_what_was_about_to_be_written(ledger: Ledger) -> None:
    row = reserved(ledger, job(item(1)))
    row = ledger.start_writing(
        row.id, CHIP_A, MESSAGE, "compact", former_sha256=b"\x07" * 32, protection="hkdf-v1 key 3"
    )
    assert (row.chip, row.message, row.level) == (CHIP_A, MESSAGE, "compact")
    assert (row.former_sha256, row.protection) == (b"\x07" * 32, "hkdf-v1 key 3")
    assert ledger.row_by_chip(CHIP_A) == row


def test_a_chip_has_one_live_row(ledger: Ledger) -> None:
    entry = job(item(1), item(2))
    advance(ledger, reserved(ledger, entry), RowState.VERIFIED)
    second = ledger.reserve(entry, entry.items[1])
    with pytest.raises(LedgerConflict) as caught:
        ledger.start_writing(second.id, CHIP_A, MESSAGE, "minimal")
    assert caught.value.code == "chip-in-use"
    assert ledger.row(second.id).state is RowState.RESERVED


def test_the_chip_of_a_void_row_is_free_for_another_item(ledger: Ledger) -> None:
    entry = job(item(1), item(2))
    advance(ledger, reserved(ledger, entry), RowState.WRITTEN)
    ledger.void(1, "label torn")
    second = ledger.reserve(entry, entry.items[1])
    assert ledger.start_writing(second.id, CHIP_A, MESSAGE, "minimal").chip == CHIP_A


def test_a_chip_revoked_for_an_item_never_carries_that_item_again(ledger: Ledger) -> None:
    entry = job(item(1))
    advance(ledger, reserved(ledger, entry), RowState.WRITTEN)
    ledger.void(1, "label torn")
    again = ledger.reserve(entry, entry.items[0])
    with pytest.raises(LedgerConflict) as caught:
        ledger.start_writing(again.id, CHIP_A, MESSAGE, "minimal")
    assert caught.value.code == "chip-revoked"
    assert ledger.start_writing(again.id, CHIP_B, MESSAGE, "minimal").chip == CHIP_B


def test_an_item_has_one_live_row(ledger: Ledger) -> None:
    entry = job(item(1))
    reserved(ledger, entry)
    with pytest.raises(LedgerConflict) as caught:
        ledger.reserve(entry, entry.items[0])
    assert caught.value.code == "serial-in-use"


def test_an_item_gets_a_new_attempt_once_its_row_is_void(ledger: Ledger) -> None:
    entry = job(item(1))
    ledger.void(reserved(ledger, entry).id, "wrong reel")
    row = ledger.reserve(entry, entry.items[0])
    assert (row.attempt, row.state) == (2, RowState.RESERVED)


@pytest.mark.parametrize("reached", [RowState.RESERVED, RowState.WRITING, RowState.VERIFIED])
@pytest.mark.parametrize("voided", [True, False])
def test_a_serial_is_never_given_to_another_item(ledger: Ledger, reached: RowState, voided: bool) -> None:
    row = advance(ledger, reserved(ledger, job(item(1, "SN1"))), reached)
    if voided:
        ledger.void(row.id, "test")
    other = job(item(1, "SN1", host="other.example.com"), name="second")
    with pytest.raises(LedgerConflict) as caught:
        ledger.register_job(other)
    assert caught.value.code == "job-contradicts"
    ledger.register_job(job(name="second"))
    with pytest.raises(LedgerConflict) as caught:
        ledger.reserve(other, other.items[0])
    assert caught.value.code == "serial-in-use"


def test_a_serial_that_reached_a_tag_keeps_its_passport_after_void(ledger: Ledger) -> None:
    advance(ledger, reserved(ledger, job(item(1, passport=1))), RowState.WRITING)
    ledger.void(1, "test")
    with pytest.raises(LedgerConflict, match="another passport"):
        ledger.register_job(job(item(1, passport=2)))


def test_a_passport_may_be_corrected_while_no_tag_was_touched(ledger: Ledger) -> None:
    ledger.void(reserved(ledger, job(item(1, passport=1))).id, "typing error in the passport")
    corrected = job(item(1, passport=2))
    ledger.register_job(corrected)
    assert ledger.reserve(corrected, corrected.items[0]).item.passport_sha256 == b"\x02" * 32


def test_identities_without_a_gs1_key_do_not_collide(ledger: Ledger) -> None:
    entry = job(Item(1, "https://a.example/1", None, b"\x01" * 32), Item(2, "https://a.example/2", None, b"\x01" * 32))
    reserved(ledger, entry, 1)
    assert ledger.reserve(entry, entry.items[1]).item == entry.items[1]


def test_registering_a_job_again_changes_nothing(ledger: Ledger) -> None:
    entry = job(item(1), item(2))
    row = advance(ledger, reserved(ledger, entry), RowState.VERIFIED)
    ledger.register_job(entry)
    assert ledger.rows("battery") == (row,)
    assert ledger.unstarted(entry) == (entry.items[1],)
    assert [summary.row_count for summary in ledger.jobs()] == [2]


@pytest.mark.parametrize(
    ("edited", "says"),
    [
        (job(item(1, "SN9"), item(2)), "another identity"),
        (job(item(1, passport=9), item(2)), "another passport"),
        (job(), "no longer in the file"),
        (job(item(1), item(2), end=RowState.LOCKED), "ended at 'verified' before"),
        (job(item(2), item(1, "SN1"), name="copy"), "already has a tag or is about to get one"),
    ],
)
def test_an_edited_job_that_contradicts_the_ledger_is_refused(ledger: Ledger, edited: JobEntry, says: str) -> None:
    reserved(ledger, job(item(1), item(2)))
    with pytest.raises(LedgerConflict, match=says):
        ledger.register_job(edited)
    assert len(ledger.jobs()) == 1


def test_rows_that_were_never_started_may_be_edited(ledger: Ledger) -> None:
    reserved(ledger, job(item(1), item(2)))
    edited = job(item(1), item(2, "SN77"), item(3))
    ledger.register_job(edited)
    assert ledger.unstarted(edited) == edited.items[1:]


@pytest.mark.parametrize("reached", [RowState.WRITING, RowState.WRITTEN, RowState.VERIFIED])
def test_a_void_row_that_reached_writing_revokes_its_tag(ledger: Ledger, reached: RowState) -> None:
    row = advance(ledger, reserved(ledger, job(item(1))), reached)
    ledger.void(row.id, "label torn")
    (revocation,) = ledger.revocations()
    assert (revocation.identity, revocation.chip, revocation.reason) == (row.item.identity, CHIP_A, "label torn")
    assert ledger.is_revoked(row.item.identity, CHIP_A)


def test_a_void_row_without_a_chip_revokes_nothing(ledger: Ledger) -> None:
    ledger.void(reserved(ledger, job(item(1))).id, "test")
    assert ledger.revocations() == ()


def test_a_tag_read_back_without_its_statement_is_not_revoked(ledger: Ledger) -> None:
    row = advance(ledger, reserved(ledger, job(item(1))), RowState.WRITING)
    ledger.void(row.id, "chip dead before the first page", read_back_without_statement=True)
    assert ledger.revocations() == ()
    assert ledger.row(row.id).reason == "chip dead before the first page"


def test_void_needs_a_reason(ledger: Ledger) -> None:
    row = reserved(ledger, job(item(1)))
    with pytest.raises(LedgerConflict, match="reason"):
        ledger.void(row.id, "  ")


def test_open_rows_are_those_neither_void_nor_at_the_end(ledger: Ledger) -> None:
    entry = job(*(item(number) for number in range(1, 5)))
    done = advance(ledger, reserved(ledger, entry, 1), RowState.VERIFIED)
    torn = advance(ledger, ledger.reserve(entry, entry.items[1]), RowState.WRITING, CHIP_B)
    gone = ledger.void(ledger.reserve(entry, entry.items[2]).id, "test")
    waiting = ledger.reserve(entry, entry.items[3])
    assert ledger.open_rows() == (torn, waiting) == ledger.open_rows("battery")
    assert ledger.open_rows("another") == ()
    assert [row.is_open for row in (done, torn, gone, waiting)] == [False, True, False, True]


def test_a_verified_row_of_a_locking_job_is_open(ledger: Ledger) -> None:
    row = advance(ledger, reserved(ledger, job(item(1), end=RowState.LOCKED)), RowState.VERIFIED)
    assert row.is_open
    assert ledger.open_rows() == (row,)


def test_an_unknown_job_or_row_is_a_conflict(ledger: Ledger) -> None:
    with pytest.raises(LedgerConflict) as caught:
        ledger.rows("nothing")
    assert caught.value.code == "job-unknown"
    with pytest.raises(LedgerConflict):
        ledger.reserve(job(item(1)), item(1))
    with pytest.raises(LedgerConflict) as caught:
        ledger.row(7)
    assert caught.value.code == "row-unknown"


# The clock


class SetClock:
    """Shows what it was set to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def dated(tmp_path: Path, clock: SetClock) -> Iterator[Ledger]:
    with Ledger(tmp_path / "dated.sqlite3", clock) as opened:
        yield opened


def refused_for_its_clock(step: Callable[[], object]) -> LedgerConflict:
    with pytest.raises(LedgerConflict) as caught:
        step()
    assert caught.value.code == "clock"
    return caught.value


@pytest.mark.parametrize("back", [timedelta(minutes=6), timedelta(days=400)])
def test_nothing_is_begun_with_a_clock_set_back(dated: Ledger, clock: SetClock, back: timedelta) -> None:
    entry = job(item(1), item(2), item(3))
    row = advance(dated, reserved(dated, entry), RowState.VERIFIED)
    waiting = dated.reserve(entry, entry.items[1])
    clock.at -= back
    error = refused_for_its_clock(lambda: dated.register_job(entry))
    assert error.facts["newest"] == row.changed_at
    assert "set the clock" in (error.action or "")
    refused_for_its_clock(lambda: dated.reserve(entry, entry.items[2]))
    refused_for_its_clock(lambda: dated.start_writing(waiting.id, CHIP_B, MESSAGE, "minimal"))
    assert dated.rows("battery") == (row, waiting)


def test_a_clock_that_was_put_right_by_a_few_minutes_stops_nothing(dated: Ledger, clock: SetClock) -> None:
    entry = job(item(1), item(2))
    advance(dated, reserved(dated, entry), RowState.VERIFIED)
    clock.at -= timedelta(minutes=4)
    dated.register_job(entry)
    second = dated.reserve(entry, entry.items[1])
    assert advance(dated, second, RowState.VERIFIED, CHIP_B).state is RowState.VERIFIED


def test_what_was_done_to_a_tag_is_recorded_whatever_the_clock_shows(dated: Ledger, clock: SetClock) -> None:
    row = advance(dated, reserved(dated, job(item(1))), RowState.WRITING)
    clock.at -= timedelta(days=1)
    assert advance(dated, row, RowState.VERIFIED).state is RowState.VERIFIED


def test_rows_made_with_a_clock_ahead_stop_the_line_until_they_are_void(dated: Ledger, clock: SetClock) -> None:
    entry = job(item(1), item(2))
    clock.at += timedelta(days=40_000)
    row = advance(dated, reserved(dated, entry), RowState.VERIFIED)
    clock.at -= timedelta(days=40_000)
    error = refused_for_its_clock(lambda: dated.register_job(entry))
    assert "--void battery:1" in (error.action or "")
    dated.void(row.id, "signed with a wrong day")
    dated.register_job(entry)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM rows",
        "DELETE FROM transitions",
        "UPDATE transitions SET at = ''",
        "DELETE FROM revocations",
        "UPDATE revocations SET reason = ''",
        "UPDATE rows SET identity = 'x'",
        "UPDATE rows SET chip = x'00'",
        "UPDATE rows SET message = x'00'",
        "UPDATE rows SET state = 'reserved', reason = NULL",
        "UPDATE rows SET state = 'good', reason = NULL",
        "UPDATE rows SET reason = NULL",
    ],
)
def test_the_file_itself_refuses_to_forget(ledger: Ledger, tmp_path: Path, statement: str) -> None:
    advance(ledger, reserved(ledger, job(item(1))), RowState.WRITING)
    ledger.void(1, "test")
    connection = sqlite3.connect(tmp_path / "ledger.sqlite3")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()
