"""Values the ledger takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from dpptag.model.identifiers import ChipNumber
from dpptag.model.outcome import RowState


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a job. ``number`` counts the rows from 1, without the header.

    ``identity`` is the text exactly as signed. ``serial_key`` is the GS1 key with its serial (host and spelling left
    out, so that two links of one item meet), None for other URIs. ``passport_sha256`` has 32 bytes.
    """

    number: int
    identity: str
    serial_key: str | None
    passport_sha256: bytes


@dataclass(frozen=True, slots=True)
class JobEntry:
    """A job as the ledger knows it; ``end_state`` is ``VERIFIED``, or ``LOCKED`` for a job that locks."""

    name: str
    file_sha256: bytes
    items: tuple[Item, ...]
    end_state: RowState = RowState.VERIFIED


@dataclass(frozen=True, slots=True)
class Row:
    """One attempt to put one item on one chip.

    ``chip``, ``message`` and ``level`` are set from ``writing`` on and stay in a void row; ``former_sha256`` is of the
    message that the chip held before, None where it held none. ``protection`` tells what lock, password and keys the
    tag gets, and how every secret among them is derived; None where the job protects nothing. ``reason`` is set in void
    rows only. Times are ISO 8601 in UTC.
    """

    id: int
    job: str
    item: Item
    attempt: int
    state: RowState
    end_state: RowState
    chip: ChipNumber | None
    message: bytes | None
    level: str | None
    former_sha256: bytes | None
    protection: str | None
    reason: str | None
    created_at: str
    changed_at: str

    @property
    def is_open(self) -> bool:
        """Neither void nor at its job's end state."""
        return self.state not in (RowState.VOID, RowState.LOCKED, self.end_state)


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the audit trail. ``from_state`` is None for a new row and equals ``to_state`` in a note."""

    row_id: int
    from_state: RowState | None
    to_state: RowState
    at: str
    detail: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """A tag that may carry a good statement but must not pass."""

    row_id: int
    identity: str
    chip: ChipNumber
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class JobSummary:
    """``row_count`` is the number of rows of the job file as last registered."""

    name: str
    row_count: int
    end_state: RowState
    created_at: str
