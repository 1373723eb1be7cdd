"""One tag and its ledger row: what stands on the tag, and bringing the row to its end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum, unique
from typing import Final, Protocol

from dpptag.errors import LedgerConflict, TagLost, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.ledger import Ledger, Row
from dpptag.line.compare import carries, same_but_mirrored, wrong_bytes
from dpptag.line.guard import Guard
from dpptag.line.plan import RowPlan
from dpptag.line.rows import JobRow
from dpptag.links import TagLink, TagReader
from dpptag.model.identifiers import ChipNumber, tid_serial_end
from dpptag.model.outcome import RowState
from dpptag.tags import ContentState, Gen2Tag, Tag, as_written, identify, write_and_verify

WRONG_BYTES: Final = 16
"""So many bytes of a message may be wrong and it is still the row's own, badly kept. Two signatures, of 64 bytes each,
differ in nearly all of them: no other good statement is ever this near."""

APPROACH_TRIES: Final = 3
"""A hand that brings a tag passes the edge of the field; so often a tag may drop out while it is only read."""


_FACTORY_EPCS: Final = (b"", b"\x00", b"\xe2")
"""First byte of the EPC of a chip that nobody encoded: unprogrammed (TDS 14.2), or the head of its TID repeated."""

CARRIES_OTHER: Final = "tag-carries-other"
"""Code of the one ledger conflict that is about a single tag: it ends neither a run nor a resolve."""


class StatementMaker(Protocol):
    """Signs for one chip."""

    def make(self, row: JobRow, planned: RowPlan, chip: ChipNumber) -> bytes:
        """The message of this row for this chip: NDEF, or EPC and user bank (codec.gen2_content)."""


class Judge(Protocol):
    """Judges a tag from the bytes read back, as a reader in the field would."""

    def judge(self, message: bytes, chip: ChipNumber) -> None:
        """Returns nothing for a good statement. Raises VerificationError."""


@unique
class Standing(Enum):
    """What a tag holds, seen from its row.

    ``CARRIES``: the row's own URI and statement. ``NOT_BEGUN``: nothing, a torn message, the row's message with a few
    wrong bytes that nobody has read back yet, or what stood there before the row began: to be written, again or for the
    first time. ``OTHER``: content that this row cannot explain.
    """

    CARRIES = "carries"
    NOT_BEGUN = "not-begun"
    OTHER = "other"


class Laps:
    """Seconds spent in each phase of one tag, by the clock handed in."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last = monotonic()
        self.seconds: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        now = self._monotonic()
        self.seconds[phase] = round(self.seconds.get(phase, 0.0) + now - self._last, 6)
        self._last = now


def approach(reader: TagReader, link: TagLink) -> tuple[TagLink, Tag]:
    """Identify the tag, selecting it again where it drops out on its way in; nothing is written.

    Raises TagRefused for a tag that cannot be written, TagLost or TagNak for one that keeps dropping out.
    """
    for _ in range(APPROACH_TRIES - 1):
        try:
            return link, identify(link)
        except (TagLost, TagNak, TagSwapped):
            found = reader.sense()
            if found is None:
                raise
            link = found
    return link, identify(link)


def refuse_unnumbered(tag: Tag) -> None:
    """Raises TagRefused for a Gen2 chip whose TID has no serial: a statement could not be bound to it."""
    if isinstance(tag, Gen2Tag) and tid_serial_end(tag.uid) is None:
        raise TagRefused(
            "the TID of this chip has no serial: it cannot be told from others of its kind, and no statement be bound "
            "to it",
            code="chip-tid-unserialised",
            action="take a chip with a serialised TID (XTID)",
            chip=tag.uid.hex(),
            tag_state="untouched",
        )


def is_blank(tag: Tag) -> bool:
    """Formatted and empty, or never written: nothing of anybody's is lost by writing it.

    A Gen2 tag's user bank is then all zero, and its EPC the one from its factory: no header of the Tag Data Standard.
    """
    if tag.content.state is ContentState.EMPTY:
        return not isinstance(tag, Gen2Tag) or tag.epc[:1] in _FACTORY_EPCS
    return tag.content.state is ContentState.UNFORMATTED and not any(tag.memory)


def message_sha256(tag: Tag) -> bytes | None:
    """Of the message on the tag; None where there is none."""
    return hashlib.sha256(tag.message).digest() if tag.message else None


def standing(tag: Tag, row: Row) -> Standing:
    """Compare the tag with its row. Records behind the statement do not count: they are not the row's."""
    if row.message is not None and carries(tag, row.message):
        return Standing.CARRIES
    if tag.content.state is ContentState.TORN:
        return Standing.NOT_BEGUN
    if not tag.message and tag.content.state is not ContentState.FOREIGN:
        return Standing.NOT_BEGUN
    if row.former_sha256 is not None and message_sha256(tag) == row.former_sha256:
        return Standing.NOT_BEGUN
    if row.state is RowState.WRITING and row.message is not None and _nearly(tag, row.message):
        return Standing.NOT_BEGUN
    return Standing.OTHER


def _nearly(tag: Tag, wanted: bytes) -> bool:
    """A write that was cut off before its read-back may have left wrong cells."""
    wrong = wrong_bytes(tag, wanted)
    return wrong is not None and wrong <= WRONG_BYTES


def finish(
    link: TagLink,
    tag: Tag,
    row: Row,
    ledger: Ledger,
    judge: Judge,
    guard: Guard | None,
    laps: Laps,
    *,
    allow_format: bool = False,
) -> Row:
    """Take a begun row to its job's end, always with the message it was started with.

    A tag that holds the message already is not written again; a lock comes only after the row is ``verified``. Raises
    LedgerConflict where the tag holds what the row cannot explain; TagError or VerificationError leave the row where
    it was proved to be.
    """
    message = row.message
    if message is None or row.chip is None or row.chip.octets != tag.uid:
        raise LedgerConflict(f"row {row.item.number} was not begun on this tag", code="row-state", row=row.id)
    found = standing(tag, row)
    if found is Standing.OTHER or (row.state is RowState.VERIFIED and found is not Standing.CARRIES):
        raise carries_other(tag, row)
    if row.state is not RowState.VERIFIED:
        if found is Standing.CARRIES:
            read = _read_again(link, tag)
        else:
            passwords = guard.passwords(tag) if guard is not None else None
            read = write_and_verify(link, tag, message, allow_format=allow_format, passwords=passwords)
            laps.lap("write")
        if row.state is RowState.WRITING:
            row = ledger.mark_written(row.id)
        judge.judge(read, row.chip or ChipNumber(tag.uid))
        row = ledger.mark_verified(row.id)
        laps.lap("verify")
    if row.end_state is RowState.LOCKED:
        if guard is None:
            raise LedgerConflict(
                f"job {row.job!r} locks its tags, and nothing says how",
                code="protection-missing",
                action="give the job file with its [protect] section",
                row=row.id,
            )
        # All that the plan for a Gen2 tag rests on was just read back, and its reserved bank is read before the lock;
        # NFC tags have lock bytes and settings besides, which are read again.
        guard.protect(link, row, as_written(tag, message) if isinstance(tag, Gen2Tag) else None)
        row = ledger.mark_locked(row.id)
        laps.lap("protect")
    return row


def _read_again(link: TagLink, tag: Tag) -> bytes:
    """The message once more after the field was off: a cell can read right for as long as the chip has power."""
    link.reselect()
    again = identify(link)
    if again.uid != tag.uid or not again.message or not same_but_mirrored(again, tag):
        raise TagWriteFailed(
            "the message on the tag did not last: it reads otherwise after the field was off",
            action="lay the tag on the reader again: its message is then written once more",
            chip=tag.uid.hex(),
            tag_state="written-unverified",
        )
    return again.message


def carries_other(tag: Tag, row: Row) -> LedgerConflict:
    return LedgerConflict(
        f"tag {tag.uid.hex()} should hold row {row.item.number} of job {row.job!r} but holds something else",
        code=CARRIES_OTHER,
        action=f"find out who wrote it, then: dpptag line resolve JOB.toml --void {tag.uid.hex()} --reason TEXT",
        chip=tag.uid.hex(),
        row=row.item.number,
        found=tag.content.state.value,
        tag_state="unknown",
    )
