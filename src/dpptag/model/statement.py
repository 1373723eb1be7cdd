"""The signed statement and its four levels (docs/tag-format.md sections 1 and 2)."""

from __future__ import annotations

from enum import Enum, unique
from typing import Final, NamedTuple

SECONDS_A_DAY: Final = 86400
LAST_DAY: Final = 0xFFFF
"""The largest day number: ``minimal`` stores it in two bytes (2149-06-06)."""
LAST_SLOT: Final = 31


@unique
class Level(Enum):
    """From poorest to richest."""

    BARE = "bare"
    MINIMAL = "minimal"
    COMPACT = "compact"
    FULL = "full"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    @property
    def digest_widths(self) -> tuple[int, ...]:
        """The digest lengths in bytes that this level can carry."""
        return _DIGEST_WIDTHS[self]


_RANKS: Final = {level: rank for rank, level in enumerate(Level)}
_DIGEST_WIDTHS: Final = {Level.BARE: (0,), Level.MINIMAL: (0, 16), Level.COMPACT: (0, 16, 32), Level.FULL: (32,)}


class Statement(NamedTuple):
    """One COSE_Sign1 as read from a tag, or rebuilt from what the tag stores of it.

    ``slot`` names the key for bare, minimal and compact; ``key_hint`` (8 bytes of the RFC 9679 thumbprint) for full.
    ``day`` is days since 1970-01-01 UTC, 0 for bare alone. ``digest`` is None or 16 or 32 bytes. ``protected`` and
    ``payload`` are the bytes that were signed. ``uri``, ``content_type`` and ``issued_at`` (seconds) are full's own.
    """

    level: Level
    algorithm: int
    slot: int | None
    key_hint: bytes | None
    day: int
    digest: bytes | None
    protected: bytes
    payload: bytes
    signature: bytes
    uri: str | None = None
    content_type: str | int | None = None
    issued_at: int | None = None
