"""The line ledger: who has which serial and which chip, and how far each tag is (DESIGN.md section 4).

Each call is one durable transaction. ``reserve`` and ``start_writing`` come before their step, ``mark_written``,
``mark_verified`` and ``mark_locked`` only after that step was proved by reading the tag.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dpptag.database import Database, SqlRow, SqlValue
from dpptag.errors import LedgerConflict
from dpptag.ledger.job_locks import last_locked_job, locked_job, lost
from dpptag.ledger.rows import Item, JobEntry, JobSummary, Revocation, Row, Transition
from dpptag.ledger.store import LEDGER_DATABASE
from dpptag.model.identifiers import ChipNumber
from dpptag.model.outcome import NEXT_STATE, RowState

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""A time service puts a clock right by less; what is further back would sign a wrong day sooner or later."""

_SHOWN_CONFLICTS: Final = 20
_ROW: Final = "SELECT rows.*, jobs.name AS job, jobs.end_state FROM rows JOIN jobs ON jobs.id = rows.job_id "
_RESOLVE: Final = "dpptag line resolve JOB.toml"


class Ledger:
    """Opens or makes the ledger at ``path``; ``now`` gives the time in UTC. Raises LedgerDamaged, LedgerConflict."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        path = Path(os.path.realpath(path))  # one place for the lock files, whatever links lead to the ledger
        # Asked first: jobs and locks that other processes make meanwhile come in this order.
        last = last_locked_job(path)
        if last and not path.exists():
            raise lost(path, last)
        self._store = Database(path, LEDGER_DATABASE)
        self._now = now
        if last and not self._store.select("SELECT 1 FROM jobs WHERE id >= ?", (last,)):
            self.close()
            raise lost(path, last)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._store.close()

    # Jobs

    def working_on(self, job: str) -> AbstractContextManager[None]:
        """Keep every other process away from this job's tags. Raises LedgerConflict where one is at work already."""
        found = self._store.select("SELECT id FROM jobs WHERE name = ?", (job,))
        if not found:
            raise _unknown_job(job)
        return locked_job(self._store.path, found[0]["id"], job)

    def register_job(self, job: JobEntry) -> None:
        """Take the job in, or compare it with what was done under its name. Repeating it changes nothing.

        Rows that were never started may have been edited since. Raises LedgerConflict, with the first contradictions,
        for a started row that is gone or says something else, a serial or identity of a live row elsewhere, and a
        serial that ever belonged to another item; code ``clock`` where the clock lies before the newest live row.
        """
        with self._store.transaction():
            at = self._beginning()
            conflicts = list(self._contradictions(job))
            if conflicts:
                raise LedgerConflict(
                    f"job {job.name!r} contradicts the ledger: " + "; ".join(conflicts[:_SHOWN_CONFLICTS]),
                    code="job-contradicts",
                    action="restore the job's rows as they were when they were started, or void those rows first: "
                    f"{_RESOLVE} --void ROW --reason TEXT",
                    job=job.name,
                    conflicts=len(conflicts),
                )
            self._store.run(
                "INSERT INTO jobs (name, file_sha256, row_count, end_state, created_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET file_sha256 = excluded.file_sha256, row_count = excluded.row_count",
                (job.name, job.file_sha256, len(job.items), job.end_state.value, at),
            )

    def unstarted(self, job: JobEntry) -> tuple[Item, ...]:
        """The items of ``job`` that have no live row, in the order of the file."""
        taken = {
            int(found["number"])
            for found in self._store.select(
                "SELECT number FROM rows JOIN jobs ON jobs.id = job_id WHERE name = ? AND state <> 'void'", (job.name,)
            )
        }
        return tuple(item for item in job.items if item.number not in taken)

    def jobs(self) -> tuple[JobSummary, ...]:
        return tuple(
            JobSummary(found["name"], found["row_count"], RowState(found["end_state"]), found["created_at"])
            for found in self._store.select("SELECT * FROM jobs ORDER BY id")
        )

    # Questions

    def row(self, row_id: int) -> Row:
        """Raises LedgerConflict where there is no such row."""
        found = self._rows("WHERE rows.id = ?", row_id)
        if not found:
            raise LedgerConflict(f"there is no row {row_id} in this ledger", code="row-unknown", row=row_id)
        return found[0]

    def rows(self, job: str) -> tuple[Row, ...]:
        """All rows of a job, void ones too, by row number and attempt. Raises LedgerConflict for an unknown job."""
        if not self._store.select("SELECT id FROM jobs WHERE name = ?", (job,)):
            raise _unknown_job(job)
        return self._rows("WHERE jobs.name = ? ORDER BY number, attempt", job)

    def open_rows(self, job: str | None = None) -> tuple[Row, ...]:
        """Rows neither void nor at their job's end state, oldest first; of all jobs where none is named."""
        return self._rows(
            "WHERE (jobs.name = ? OR ? IS NULL) AND state NOT IN ('void', 'locked', jobs.end_state) ORDER BY rows.id",
            job,
            job,
        )

    def row_by_chip(self, chip: ChipNumber) -> Row | None:
        """The live row of this chip."""
        found = self._rows("WHERE chip = ? AND state <> 'void'", chip.octets)
        return found[0] if found else None

    def history(self, row_id: int) -> tuple[Transition, ...]:
        return tuple(
            Transition(
                row_id,
                RowState(found["from_state"]) if found["from_state"] else None,
                RowState(found["to_state"]),
                found["at"],
                found["detail"],
            )
            for found in self._store.select("SELECT * FROM transitions WHERE row_id = ? ORDER BY id", (row_id,))
        )

    def revocations(self) -> tuple[Revocation, ...]:
        return tuple(
            Revocation(found["row_id"], found["identity"], ChipNumber(found["chip"]), found["reason"], found["at"])
            for found in self._store.select("SELECT * FROM revocations ORDER BY id")
        )

    def is_revoked(self, identity: str, chip: ChipNumber) -> bool:
        return bool(
            self._store.select("SELECT 1 FROM revocations WHERE identity = ? AND chip = ?", (identity, chip.octets))
        )

    # Steps

    def reserve(self, job: JobEntry, item: Item) -> Row:
        """Give the item's serial to this job, before any tag is touched. Raises LedgerConflict, ``clock`` too."""
        with self._store.transaction():
            self._refuse_other_item(item)
            jobs = self._store.select("SELECT id FROM jobs WHERE name = ?", (job.name,))
            if not jobs:
                raise _unknown_job(job.name)
            at = self._beginning()
            attempts = self._store.select(
                "SELECT count(*) AS made FROM rows WHERE job_id = ? AND number = ?", (jobs[0]["id"], item.number)
            )
            inserted = self._store.run(
                "INSERT INTO rows (job_id, number, attempt, identity, serial_key, passport_sha256, state, "
                "created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, 'reserved', ?, ?)",
                (
                    jobs[0]["id"],
                    item.number,
                    attempts[0]["made"] + 1,
                    item.identity,
                    item.serial_key,
                    item.passport_sha256,
                    at,
                    at,
                ),
            )
            row_id = inserted.lastrowid or 0
            self._append(row_id, None, RowState.RESERVED, at, "")
        return self.row(row_id)

    def start_writing(
        self,
        row_id: int,
        chip: ChipNumber,
        message: bytes,
        level: str,
        *,
        former_sha256: bytes | None = None,
        protection: str | None = None,
    ) -> Row:
        """Bind the row to its chip and keep what is about to be written; commit comes before the first write.

        ``former_sha256`` is of the NDEF message that the tag holds now, None where it holds none: after a crash it
        tells "not begun" from "somebody else's". Raises LedgerConflict where the chip has a live row, where it was
        revoked for this very item (its new statement would be revoked too), or where the clock was set back.
        """
        with self._store.transaction():
            row = self.row(row_id)
            if self.is_revoked(row.item.identity, chip):
                raise LedgerConflict(
                    f"chip {chip.hex} was revoked for this item and can never carry it again",
                    code="chip-revoked",
                    action="put this item on another tag",
                    chip=chip.hex,
                    row=row_id,
                )
            other = self.row_by_chip(chip)
            if other is not None and other.id != row_id:
                raise LedgerConflict(
                    f"chip {chip.hex} carries row {other.item.number} of job {other.job!r}",
                    code="chip-in-use",
                    action=f"take another tag, or: {_RESOLVE} --void {chip.hex} --reason TEXT",
                    chip=chip.hex,
                    row=row_id,
                )
            self._step(
                row,
                RowState.WRITING,
                level,
                chip=chip.octets,
                message=message,
                level=level,
                former_sha256=former_sha256,
                protection=protection,
            )
        return self.row(row_id)

    def mark_written(self, row_id: int, detail: str = "") -> Row:
        """The message was read back from the tag, byte for byte."""
        return self._forward(row_id, RowState.WRITTEN, detail)

    def mark_verified(self, row_id: int, detail: str = "") -> Row:
        """The statement, as read from the tag, was judged good."""
        return self._forward(row_id, RowState.VERIFIED, detail)

    def mark_locked(self, row_id: int, detail: str = "") -> Row:
        """The lock was read back from the tag. Raises LedgerConflict where the job does not lock."""
        with self._store.transaction():
            row = self.row(row_id)
            if row.end_state is not RowState.LOCKED:
                raise _refused_step(row, RowState.LOCKED, "this job does not lock")
            self._step(row, RowState.LOCKED, detail)
        return self.row(row_id)

    def void(self, row_id: int, reason: str, *, read_back_without_statement: bool = False) -> Row:
        """Give the row up for ever; its item may then get another tag.

        A row that reached ``writing`` puts its tag on the revocation list, unless the tag was read and does not carry
        the statement. Raises LedgerConflict for a void row or an empty reason.
        """
        if not reason.strip():
            raise LedgerConflict("a row is voided only with a reason", code="void-without-reason", row=row_id)
        with self._store.transaction():
            row = self.row(row_id)
            self._step(row, RowState.VOID, reason, reason=reason)
            if row.chip is not None and not read_back_without_statement:
                self._store.run(
                    "INSERT INTO revocations (row_id, identity, chip, reason, at) VALUES (?, ?, ?, ?, ?)",
                    (row_id, row.item.identity, row.chip.octets, reason, self._stamp()),
                )
        return self.row(row_id)

    def note(self, row_id: int, detail: str) -> None:
        """Keep in the audit trail what happened to a row that stays where it is."""
        with self._store.transaction():
            state = self.row(row_id).state
            self._append(row_id, state, state, self._stamp(), detail)

    # Inside a transaction

    def _forward(self, row_id: int, to: RowState, detail: str) -> Row:
        with self._store.transaction():
            self._step(self.row(row_id), to, detail)
        return self.row(row_id)

    def _step(self, row: Row, to: RowState, detail: str, **columns: SqlValue) -> None:
        allowed = row.state is not RowState.VOID if to is RowState.VOID else NEXT_STATE.get(row.state) is to
        if not allowed:
            raise _refused_step(row, to, f"it is {row.state.value}")
        at = self._beginning() if to is RowState.WRITING else self._stamp()
        assignments = "".join(f", {name} = ?" for name in columns)  # names are this module's own, never input
        self._store.run(
            f"UPDATE rows SET state = ?, changed_at = ?{assignments} WHERE id = ?",  # noqa: S608
            (to.value, at, *columns.values(), row.id),
        )
        self._append(row.id, row.state, to, at, detail)

    def _append(self, row_id: int, from_state: RowState | None, to: RowState, at: str, detail: str) -> None:
        self._store.run(
            "INSERT INTO transitions (row_id, from_state, to_state, at, detail) VALUES (?, ?, ?, ?, ?)",
            (row_id, from_state.value if from_state else None, to.value, at, detail),
        )

    def _refuse_other_item(self, item: Item) -> None:
        trouble = self._item_trouble(item, job=None)
        if trouble:
            raise LedgerConflict(
                trouble,
                code="serial-in-use",
                action="give this item a serial of its own; see what holds it: dpptag line report --json",
                identity=item.identity,
                row=item.number,
            )

    def _contradictions(self, job: JobEntry) -> Iterator[str]:
        known = self._store.select("SELECT end_state FROM jobs WHERE name = ?", (job.name,))
        if known and known[0]["end_state"] != job.end_state.value:
            yield f"it ended at {known[0]['end_state']!r} before, now at {job.end_state.value!r}"
        items = {item.number: item for item in job.items}
        for row in self._rows("WHERE jobs.name = ? AND state <> 'void'", job.name):
            item = items.get(row.item.number)
            if item is None:
                yield f"row {row.item.number} ({row.item.identity}) was started and is no longer in the file"
            elif item != row.item:
                changed = "identity" if item.identity != row.item.identity else "passport"
                yield f"row {row.item.number} ({row.item.identity}) was started and has another {changed} now"
        for item in job.items:
            trouble = self._item_trouble(item, job=job.name)
            if trouble:
                yield trouble

    def _item_trouble(self, item: Item, job: str | None) -> str | None:
        """Why this item may not have a new row; live rows of ``job`` itself are left to the caller."""
        for row in self._rows("WHERE identity = ? OR serial_key = ?", item.identity, item.serial_key):
            place = f"row {row.item.number} of job {row.job!r}"
            if row.item.identity != item.identity:
                return f"row {item.number}: its serial belongs to another item, {row.item.identity} ({place})"
            if row.state is RowState.VOID:
                # A void row that never had a tag binds nothing: no tag in the world names that passport.
                if row.chip is not None and row.item.passport_sha256 != item.passport_sha256:
                    return f"row {item.number}: its serial was written with another passport ({place}, void)"
            elif row.job != job or row.item.number != item.number:
                return f"row {item.number}: {item.identity} already has a tag or is about to get one ({place})"
        return None

    def _rows(self, condition: str, *values: SqlValue) -> tuple[Row, ...]:
        return tuple(_row(found) for found in self._store.select(_ROW + condition, values))

    def _beginning(self) -> str:
        """The time of a step that leads to a new signature. Raises LedgerConflict where the clock was set back.

        Steps that record what was read from a tag take any time: they are true, whatever the clock shows.
        """
        at = self._stamp()
        newest = self._rows("WHERE state <> 'void' ORDER BY changed_at DESC LIMIT 1")
        if newest and datetime.fromisoformat(at) < datetime.fromisoformat(newest[0].changed_at) - CLOCK_TOLERANCE:
            place = f"{newest[0].job}:{newest[0].item.number}"
            raise LedgerConflict(
                f"the clock of this machine shows {at}, before the newest row of this ledger ({place}, "
                f"{newest[0].changed_at}): tags would carry a wrong day",
                code="clock",
                action="set the clock, then run again; if it is right now and ran ahead when that row was made, give "
                f"such rows up: {_RESOLVE} --void {place} --reason TEXT",
                now=at,
                newest=newest[0].changed_at,
                row=place,
            )
        return at

    def _stamp(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(found: SqlRow) -> Row:
    return Row(
        id=found["id"],
        job=found["job"],
        item=Item(found["number"], found["identity"], found["serial_key"], found["passport_sha256"]),
        attempt=found["attempt"],
        state=RowState(found["state"]),
        end_state=RowState(found["end_state"]),
        chip=ChipNumber(found["chip"]) if found["chip"] is not None else None,
        message=found["message"],
        level=found["level"],
        former_sha256=found["former_sha256"],
        protection=found["protection"],
        reason=found["reason"],
        created_at=found["created_at"],
        changed_at=found["changed_at"],
    )


def _unknown_job(name: str) -> LedgerConflict:
    return LedgerConflict(
        f"this ledger knows no job {name!r}",
        code="job-unknown",
        action="list the jobs: dpptag line report --json",
        job=name,
    )


def _refused_step(row: Row, to: RowState, why: str) -> LedgerConflict:
    return LedgerConflict(
        f"row {row.item.number} of job {row.job!r} cannot become {to.value}: {why}",
        code="row-state",
        action=f"settle it by reading the tag: {_RESOLVE}",
        row=row.id,
        state=row.state.value,
        wanted=to.value,
    )
