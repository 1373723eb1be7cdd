"""States of a line ledger row (DESIGN.md section 4)."""

from __future__ import annotations

from enum import Enum, unique


@unique
class RowState(Enum):
    """``reserved -> writing -> written -> verified -> locked``; from any of them ``void``."""

    RESERVED = "reserved"
    WRITING = "writing"
    WRITTEN = "written"
    VERIFIED = "verified"
    LOCKED = "locked"
    VOID = "void"


NEXT_STATE = {
    RowState.RESERVED: RowState.WRITING,
    RowState.WRITING: RowState.WRITTEN,
    RowState.WRITTEN: RowState.VERIFIED,
    RowState.VERIFIED: RowState.LOCKED,
}
"""The one forward step each state allows; ``void`` is allowed from every state but itself."""


@unique
class TagOutcome(Enum):
    """What happened to one tag on the line."""

    ENCODED = "encoded"
    RESUMED = "resumed"
    ALREADY_DONE = "already-done"
    REFUSED = "refused"
    FAILED = "failed"
