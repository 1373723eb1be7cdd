"""The air between simulated module and tags: what a module emulator may ask of the field, in Gen2's own terms.

A module emulator knows its serial protocol and nothing of populations, locks or faults; the field knows nothing of
serial protocols. Words have 16 bits; passwords and lock payloads are numbers as in the Gen2 commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Protocol


@unique
class Code(IntEnum):
    """Error codes a tag backscatters (Gen2 annex I)."""

    OTHER = 0x00
    OVERRUN = 0x03
    LOCKED = 0x04
    LOW_POWER = 0x0B
    NON_SPECIFIC = 0x0F


class TagRefusal(Exception):
    """The tag answered with an error code. ``words_done``: how many words of a write took effect before."""

    def __init__(self, code: Code, words_done: int = 0) -> None:
        super().__init__(code.name)
        self.code = code
        self.words_done = words_done


class Silence(Exception):
    """No tag answered, or it fell silent in the middle. ``words_done``: as in TagRefusal."""

    def __init__(self, words_done: int = 0) -> None:
        super().__init__()
        self.words_done = words_done


class AccessRefused(Exception):
    """The tag did not take the access password."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Tags whose ``bank`` holds the first ``bits`` of ``mask`` from bit ``pointer`` on; ``inverted``: all others."""

    bank: int
    pointer: int
    bits: int
    mask: bytes
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One tag's backscatter in a round. ``pc`` is the PacketPC, ``crc`` the StoredCRC as sent."""

    pc: int
    epc: bytes
    crc: int
    rssi_dbm: int
    antenna: int
    frequency_khz: int
    phase_degrees: int


class OpenTag(Protocol):
    """A tag singulated for access commands; every call may raise TagRefusal or Silence."""

    @property
    def reply(self) -> Reply: ...

    def read(self, bank: int, word: int, count: int) -> bytes:
        """``count`` 0 reads to the end of the bank."""

    def write(self, bank: int, word: int, data: bytes) -> None:
        """Write commands, one for each word, in order."""

    def block_write(self, bank: int, word: int, data: bytes) -> None: ...

    def block_erase(self, bank: int, word: int, count: int) -> None: ...

    def lock(self, mask: int, action: int) -> None:
        """The 10-bit mask and action of Lock."""

    def block_permalock(self, bank: int, block: int, mask: int) -> None: ...

    def block_permalock_state(self, bank: int, block: int, count: int) -> int: ...

    def kill(self, password: int) -> None: ...


class Air(Protocol):
    """The field as one module sees it."""

    def round(self, selection: Selection | None = None) -> list[Reply]:
        """One inventory round: every tag that answers, each once."""

    def open(self, selection: Selection | None, password: int = 0) -> OpenTag:
        """Singulate one matching tag and, for a password other than 0, send Access.

        Raises Silence, AccessRefused. Of several matching tags it is one, not always the same.
        """

    def open_reply(self, reply: Reply, password: int = 0) -> OpenTag:
        """Singulate the very tag that gave this reply in the last round, as a module does that reads while it counts.

        Raises Silence, AccessRefused.
        """

    def power(self, on: bool) -> None:
        """Field off and on between rounds: tags lose their session flags and their secured state."""
