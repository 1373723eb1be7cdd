"""The encoding loop: one tag after another until every row of the job is done.

For each tag: sense, identify, decide, reserve (committed), sign for this chip, plan the write, start writing
(committed), write, read everything back, mark written, judge the bytes read, mark verified, wait until it is gone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from dpptag.codec.layout import later_records, with_later_records
from dpptag.errors import (
    DeviceError,
    DeviceLost,
    DpptagError,
    LedgerConflict,
    TagError,
    TagLost,
    TagRefused,
    TagSwapped,
    VerificationError,
)
from dpptag.ledger import Item, Ledger, Row
from dpptag.line.encode import (
    CARRIES_OTHER,
    Judge,
    Laps,
    Standing,
    StatementMaker,
    approach,
    finish,
    is_blank,
    message_sha256,
    refuse_unnumbered,
    standing,
)
from dpptag.line.feed import Found, Phase, TagFeed
from dpptag.line.guard import Guard
from dpptag.line.plan import JobPlan
from dpptag.line.records import TagRecord, tag_record
from dpptag.links import TagLink, TagReader
from dpptag.model.identifiers import ChipNumber
from dpptag.model.outcome import RowState, TagOutcome
from dpptag.tags import Tag, plan_write

OPEN_TAG_SECONDS: Final = 15.0
"""Once all that is left are tags that dropped out half-way: time to put one back before the run ends without them."""


@unique
class RunEnd(Enum):
    """Why a run ended: no row left, no tag for too long, or too many failures in a row."""

    DONE = "done"
    IDLE = "idle"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """``open_rows`` were begun and are not done; they wait for ``line resolve`` or for their tags."""

    job: str
    end: RunEnd
    outcomes: Mapping[TagOutcome, int]
    rows: int
    done: int
    unstarted: int
    open_rows: tuple[Row, ...]

    @property
    def is_complete(self) -> bool:
        """Every row of the job is at its end state."""
        return self.done == self.rows


class Turn:
    """One tag in hand, as far as it is known."""

    def __init__(self, found: Found, laps: Laps) -> None:
        self.found = found
        self.laps = laps
        self.tag: Tag | None = None
        self.row: Row | None = None

    @property
    def uid(self) -> str:
        return self.tag.uid.hex() if self.tag else self.found.uid


class Session:
    """A run of one job on one reader.

    ``report`` gets a Phase on every change and one TagRecord for each tag. ``idle_seconds`` without a tag end the run;
    None waits for ever. Raises DeviceError, after the tag in hand was reported, and LedgerError.
    """

    def __init__(
        self,
        reader: TagReader,
        ledger: Ledger,
        plan: JobPlan,
        maker: StatementMaker,
        judge: Judge,
        guard: Guard | None = None,
        *,
        report: Callable[[Phase | TagRecord], None],
        monotonic: Callable[[], float],
        idle_seconds: float | None = None,
    ) -> None:
        self._ledger = ledger
        self._plan = plan
        self._job = plan.job
        self._entry = plan.job.entry
        self._maker = maker
        self._judge = judge
        self._guard = guard
        self._report = report
        self._monotonic = monotonic
        self._idle_seconds = idle_seconds
        self._feed = TagFeed(reader, monotonic, report)
        self._rows = {row.number: row for row in plan.job.rows}
        self._reserved: deque[Row] = deque()
        self._unstarted: deque[Item] = deque()
        self._open: set[int] = set()
        self._outcomes: Counter[TagOutcome] = Counter()

    def run(self) -> RunSummary:
        """Raises LedgerConflict where the job contradicts the ledger or another process runs it."""
        entry = self._entry
        self._ledger.register_job(entry)
        with self._ledger.working_on(entry.name):
            opened = self._ledger.open_rows(entry.name)
            self._reserved = deque(row for row in opened if row.state is RowState.RESERVED)
            self._open = {row.id for row in opened if row.state is not RowState.RESERVED}
            self._unstarted = deque(self._ledger.unstarted(entry))
            return self._summary(self._loop())

    def _loop(self) -> RunEnd:
        failures = 0
        while self._reserved or self._unstarted or self._open:
            found = self._feed.next(self._limit())
            if found is None:
                return RunEnd.IDLE
            record = self._handle(found)
            failures = 0 if record.is_good else failures + (record.outcome is TagOutcome.FAILED)
            if failures >= self._job.stop_after_failures:
                return RunEnd.STOPPED
        return RunEnd.DONE

    def _limit(self) -> float | None:
        if self._reserved or self._unstarted:
            return self._idle_seconds
        return OPEN_TAG_SECONDS if self._idle_seconds is None else min(OPEN_TAG_SECONDS, self._idle_seconds)

    def _handle(self, found: Found) -> TagRecord:
        turn = Turn(found, Laps(self._monotonic))
        try:
            outcome = self._work(turn)
        except TagRefused as error:
            row = turn.row
            if row is not None and row.state is RowState.RESERVED:
                turn.row = None  # it goes to the next tag
            elif row is not None and row.is_open and row.job == self._job.name:
                error.facts["tag_state"] = "unknown"  # begun: refused by this look at it, but not untouched
                return self._tell(turn, TagOutcome.FAILED, error)
            return self._tell(turn, TagOutcome.REFUSED, error)
        except (TagError, VerificationError) as error:
            if isinstance(error, TagLost | TagSwapped):
                self._feed.left()
            return self._tell(turn, TagOutcome.FAILED, error)
        except LedgerConflict as error:
            record = self._tell(turn, TagOutcome.FAILED, error)
            if error.code != CARRIES_OTHER:
                raise
            return record
        except DeviceLost as error:
            # The next look for a tag opens a reader that can be found again, and raises for one that cannot.
            self._feed.left()
            return self._tell(turn, TagOutcome.FAILED, error)
        except DeviceError as error:
            self._tell(turn, TagOutcome.FAILED, error)
            raise
        return self._tell(turn, outcome)

    def _work(self, turn: Turn) -> TagOutcome:
        if turn.found.link is None:
            assert turn.found.refusal is not None
            raise turn.found.refusal
        link, tag = approach(self._feed.reader, turn.found.link)
        turn.tag = tag
        self._feed.holds(tag.uid.hex())
        refuse_unnumbered(tag)
        turn.laps.lap("identify")
        turn.row = row = self._ledger.row_by_chip(ChipNumber(tag.uid))
        if row is None:
            return self._encode(turn, link, tag)
        if row.job != self._job.name:
            raise TagRefused(
                f"this tag is row {row.item.number} of job {row.job!r}",
                code="tag-of-another-job",
                action="take another tag",
                chip=tag.uid.hex(),
                job=row.job,
            )
        if row.is_open:
            turn.row = self._finish(turn, link, tag, row)
            return TagOutcome.RESUMED
        return self._already_done(tag, row)

    def _already_done(self, tag: Tag, row: Row) -> TagOutcome:
        if standing(tag, row) is not Standing.CARRIES or tag.message is None:
            raise TagRefused(
                f"this tag was finished as row {row.item.number} and no longer holds its statement",
                code="tag-changed",
                action=f"set it aside, then: dpptag line resolve JOB.toml --void {tag.uid.hex()} --reason TEXT",
                chip=tag.uid.hex(),
                tag_state="unknown",
            )
        self._judge.judge(tag.message, ChipNumber(tag.uid))
        return TagOutcome.ALREADY_DONE

    def _encode(self, turn: Turn, link: TagLink, tag: Tag) -> TagOutcome:
        self._refuse_unfit(tag)
        chip = ChipNumber(tag.uid)
        turn.row = row = self._reserve(chip)
        job_row = self._rows[row.item.number]
        planned = self._plan.row_plan(job_row, tag.chip_name)
        # A tag that carried a statement before may carry records of others behind it: they stay (tag-format.md 4).
        message = with_later_records(self._maker.make(job_row, planned, chip), later_records(tag.ndef or b""))
        plan_write(
            tag, message, allow_format=self._job.allow_format
        )  # refuses locks and passwords before the row is bound to this chip
        turn.laps.lap("sign")
        turn.row = row = self._ledger.start_writing(
            row.id,
            chip,
            message,
            planned.placement.level.value,
            former_sha256=message_sha256(tag),
            protection=self._guard.commitment(tag, message) if self._guard else None,
        )
        self._reserved.remove(next(waiting for waiting in self._reserved if waiting.id == row.id))
        self._open.add(row.id)
        turn.row = self._finish(turn, link, tag, row)
        return TagOutcome.ENCODED

    def _finish(self, turn: Turn, link: TagLink, tag: Tag, row: Row) -> Row:
        collaborators = (self._ledger, self._judge, self._guard, turn.laps)
        return finish(link, tag, row, *collaborators, allow_format=self._job.allow_format)

    def _refuse_unfit(self, tag: Tag) -> None:
        uid = tag.uid.hex()
        if tag.chip_name not in self._job.chips:
            raise TagRefused(
                f"this is an {tag.chip_name}; the job allows {', '.join(self._job.chips)}",
                code="tag-chip-not-allowed",
                action="take another tag, or name this chip in chips.allowed",
                chip=uid,
                chip_type=tag.chip_name,
            )
        if not is_blank(tag) and not self._job.overwrite:
            raise TagRefused(
                f"this tag is not blank ({tag.content.state.value}) and the ledger does not know it",
                code="tag-not-blank",
                action="take a blank tag, or set line.overwrite = true to lose what is on it",
                chip=uid,
                found=tag.content.state.value,
            )

    def _reserve(self, chip: ChipNumber) -> Row:
        """The next row for this chip, one reserved by an earlier run first; never one that was revoked on this chip."""
        for row in self._reserved:
            if not self._ledger.is_revoked(row.item.identity, chip):
                return row
        for item in self._unstarted:
            if not self._ledger.is_revoked(item.identity, chip):
                row = self._ledger.reserve(self._entry, item)
                self._unstarted.remove(item)
                self._reserved.append(row)
                return row
        raise TagRefused(
            f"no row is left for this tag; {len(self._open)} rows wait for their own tags",
            code="no-row-left",
            action="put back the tags that dropped out, or: dpptag line resolve JOB.toml",
            chip=chip.hex,
        )

    def _tell(self, turn: Turn, outcome: TagOutcome, error: DpptagError | None = None) -> TagRecord:
        """Report the tag, and keep in the ledger why a row stays open."""
        row = turn.row
        if error is not None and outcome is TagOutcome.FAILED and row is not None:
            if not isinstance(error, LedgerConflict):
                self._ledger.note(row.id, f"{error.code}: {error.message}")
            row = self._ledger.row(row.id)
            error.action = (
                error.action or "put the tag back on the reader; if it stays so: dpptag line resolve JOB.toml"
            )
        if row is not None and not row.is_open:
            self._open.discard(row.id)
        metadata = self._rows[row.item.number].metadata if row is not None and row.job == self._job.name else {}
        record = tag_record(outcome, turn.uid, turn.tag, row, turn.laps.seconds, metadata, error)
        self._outcomes[outcome] += 1
        self._report(record)
        return record

    def _summary(self, end: RunEnd) -> RunSummary:
        opened = self._ledger.open_rows(self._job.name)
        rows = len(self._job.rows)
        return RunSummary(
            job=self._job.name,
            end=end,
            outcomes=dict(self._outcomes),
            rows=rows,
            done=rows - len(self._unstarted) - len(opened),
            unstarted=len(self._unstarted),
            open_rows=opened,
        )
