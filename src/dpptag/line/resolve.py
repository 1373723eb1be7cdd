"""Settling what a crash or a pulled tag left open: by reading the tag, never by guessing."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from dpptag.codec.gen2_content import Gen2Content
from dpptag.codec.layout import read_ndef
from dpptag.errors import (
    CodecError,
    DeviceLost,
    DpptagError,
    LedgerConflict,
    TagError,
    TagLost,
    TagRefused,
    TagSwapped,
    UsageError,
    VerificationError,
)
from dpptag.ledger import Ledger, Row
from dpptag.line.encode import (
    APPROACH_TRIES,
    CARRIES_OTHER,
    Judge,
    Laps,
    Standing,
    approach,
    finish,
    refuse_unnumbered,
    standing,
)
from dpptag.line.feed import Found, Phase, TagFeed
from dpptag.line.guard import Guard
from dpptag.line.records import TagRecord, tag_record
from dpptag.links import TagReader
from dpptag.model.identifiers import ChipNumber
from dpptag.model.outcome import RowState, TagOutcome
from dpptag.tags import Gen2Tag, Tag

_CHIP: Final = re.compile(r"[0-9A-Fa-f]{14}|[0-9A-Fa-f]{16}|[0-9A-Fa-f]{20}|(?:[0-9A-Fa-f]{4}){6,13}")
_ROW: Final = re.compile(r"(?:(?P<job>[^:]+):)?(?P<number>[0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Resolution:
    """``settled`` rows reached their end, ``conflicts`` are on tags that hold something else, ``waiting`` saw no tag.

    ``reserved`` rows never had a chip: no tag was touched for them, and the next run takes them up first.
    """

    settled: tuple[Row, ...]
    conflicts: tuple[Row, ...]
    waiting: tuple[Row, ...]
    reserved: tuple[Row, ...]

    @property
    def is_complete(self) -> bool:
        return not self.conflicts and not self.waiting


class Resolver:
    """Reads tags until every open row of ``job`` (None: of all jobs) is settled, or no tag came for ``idle_seconds``.

    A tag that holds the whole good statement is accepted; a blank or torn one gets the message kept in the ledger,
    never a new signature. Nothing but the tags of open rows is written.
    """

    def __init__(
        self,
        reader: TagReader,
        ledger: Ledger,
        judge: Judge,
        guard: Guard | None = None,
        *,
        job: str | None,
        report: Callable[[Phase | TagRecord], None],
        monotonic: Callable[[], float],
        idle_seconds: float | None,
        allow_format: bool = False,
    ) -> None:
        self._ledger = ledger
        self._judge = judge
        self._guard = guard
        self._allow_format = allow_format
        self._losses = 0
        self._job = job
        self._report = report
        self._monotonic = monotonic
        self._idle_seconds = idle_seconds
        self._feed = TagFeed(reader, monotonic, report)
        self._waiting: dict[ChipNumber, Row] = {}
        self._settled: list[Row] = []
        self._conflicts: list[Row] = []

    def run(self) -> Resolution:
        """Raises DeviceError and LedgerError; LedgerConflict where another process works on one of the jobs."""
        jobs = sorted({row.job for row in self._ledger.open_rows(self._job) if row.chip is not None})
        with ExitStack() as locks:
            for job in jobs:
                locks.enter_context(self._ledger.working_on(job))
            opened = self._ledger.open_rows(self._job)
            self._waiting = {row.chip: row for row in opened if row.chip is not None and row.job in jobs}
            while self._waiting:
                found = self._feed.next(self._idle_seconds)
                if found is None:
                    break
                self._handle(found)
        return Resolution(
            tuple(self._settled),
            tuple(self._conflicts),
            tuple(self._waiting.values()),
            tuple(row for row in opened if row.state is RowState.RESERVED),
        )

    def _handle(self, found: Found) -> None:
        laps = Laps(self._monotonic)
        tag: Tag | None = None
        row: Row | None = None
        error: DpptagError | None = None
        outcome = TagOutcome.RESUMED
        try:
            if found.link is None:
                assert found.refusal is not None
                raise found.refusal
            link, tag = approach(self._feed.reader, found.link)
            self._feed.holds(tag.uid.hex())
            refuse_unnumbered(tag)
            laps.lap("identify")
            row = self._waiting.get(ChipNumber(tag.uid))
            if row is None:
                raise TagRefused(
                    "no open row waits for this tag", code="tag-not-open", action="put it back", chip=found.uid
                )
            collaborators = (self._ledger, self._judge, self._guard, laps)
            row = finish(link, tag, row, *collaborators, allow_format=self._allow_format)
            self._settled.append(self._waiting.pop(ChipNumber(tag.uid)))
            self._settled[-1] = row
            self._losses = 0
        except TagRefused as refusal:
            outcome, error = TagOutcome.REFUSED, refusal
            if row is not None:
                outcome = TagOutcome.FAILED
                refusal.facts["tag_state"] = "unknown"  # begun: refused by this look at it, but not untouched
        except (TagError, VerificationError) as failure:
            outcome, error = TagOutcome.FAILED, failure
            if isinstance(failure, TagLost | TagSwapped):
                self._feed.left()
        except DeviceLost as failure:  # the next look for a tag finds it again, or raises
            self._losses += 1
            if self._losses >= APPROACH_TRIES:
                self._tell(found, TagOutcome.FAILED, tag, row, laps, failure)
                raise
            outcome, error = TagOutcome.FAILED, failure
            self._feed.left()
        except LedgerConflict as failure:
            if failure.code != CARRIES_OTHER:
                raise
            outcome, error = TagOutcome.FAILED, failure
        self._tell(found, outcome, tag, row, laps, error)

    def _tell(
        self,
        found: Found,
        outcome: TagOutcome,
        tag: Tag | None,
        row: Row | None,
        laps: Laps,
        error: DpptagError | None,
    ) -> None:
        if row is not None and error is not None:
            self._ledger.note(row.id, f"{error.code}: {error.message}")
            row = self._ledger.row(row.id)
            if isinstance(error, LedgerConflict) and row.chip is not None:
                self._conflicts.append(self._waiting.pop(row.chip))
            elif row.chip is not None:
                self._waiting[row.chip] = row
        self._report(tag_record(outcome, tag.uid.hex() if tag else found.uid, tag, row, laps.seconds, {}, error))


def find_row(ledger: Ledger, target: str) -> Row:
    """The live row that ``--void`` names: a chip number in hex, ``JOB:NUMBER``, or NUMBER where one job is known.

    Raises UsageError for a text that is none of these, LedgerConflict where there is no such live row.
    """
    if _CHIP.fullmatch(target):
        row = ledger.row_by_chip(ChipNumber.from_hex(target))
        if row is None:
            raise LedgerConflict(f"no live row has chip {target}", code="row-unknown", chip=target)
        return row
    named = _ROW.fullmatch(target)
    if named is None:
        raise UsageError(f"{target!r} is neither a chip number nor a row", action="give the chip in hex, or JOB:NUMBER")
    jobs = [summary.name for summary in ledger.jobs()]
    job = named["job"] or (jobs[0] if len(jobs) == 1 else None)
    if job is None:
        raise UsageError(
            f"the ledger has {len(jobs)} jobs: which row {target}?", action=f"give JOB:{target}", code="row-ambiguous"
        )
    for row in ledger.rows(job):
        if row.item.number == int(named["number"]) and row.state is not RowState.VOID:
            return row
    raise LedgerConflict(f"job {job!r} has no live row {named['number']}", code="row-unknown", job=job)


def void_row(ledger: Ledger, row: Row, reason: str, tag: Tag | None = None) -> Row:
    """Void ``row``. ``tag``, if at hand, spares it the revocation list when not a byte of the signature is left on it.

    A torn message is not enough: whoever mends its length byte has a good tag. Raises LedgerConflict.
    """
    with ledger.working_on(row.job):
        return ledger.void(row.id, reason, read_back_without_statement=tag is not None and _is_gone(tag, row))


def _is_gone(tag: Tag, row: Row) -> bool:
    if row.chip is None or row.message is None or tag.uid != row.chip.octets or standing(tag, row) is Standing.CARRIES:
        return False
    if isinstance(tag, Gen2Tag):
        return _no_word_left(tag, row.message)
    try:
        statement = read_ndef(row.message).statement
    except CodecError:
        return False
    if len(tag.memory) < len(row.message):
        return False  # a Type 4 file is read no further than the length it tells: what lies behind is not known
    # Any four bytes of it (one page) would show that the write had begun to reach the signature.
    signature = statement.signature if statement else row.message
    return not any(signature[at : at + 4] in tag.memory for at in range(len(signature) - 3))


def _no_word_left(tag: Gen2Tag, message: bytes) -> bool:
    """Words are written one by one: not one of the row's may stand in its place. Word 0, a DSFID and head, tells
    nothing; a word that happens to be the same costs an entry in the revocation list, no more."""
    try:
        wanted = Gen2Content.from_bytes(message).user
    except CodecError:
        return False
    if len(tag.user) < len(wanted):
        return False  # a chip can hide its user bank, or a part: what was not read may be the statement
    places = range(2, len(wanted), 2)
    return not any(tag.user[at : at + 2] == wanted[at : at + 2] != b"\0\0" for at in places)
