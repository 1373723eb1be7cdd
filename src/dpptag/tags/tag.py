"""What every tag family has in common: the content of a tag, the plan of a write, the refusal. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique

from dpptag.errors import TagRefused
from dpptag.links.gen2 import Bank
from dpptag.links.nfc import Technology


@unique
class ContentState(Enum):
    """What the data area holds.

    ``EMPTY``: an NDEF message of length 0, a formatted blank tag. ``MESSAGE``: an NDEF message, whole and well-formed.
    ``TORN``: formatted, but no whole message: what a write leaves that stopped inside its commit; other damage looks
    the same. ``UNFORMATTED``: nothing says that this is an NDEF tag, or where its message begins. ``FOREIGN``: it says
    that it is something else, or of an unknown version.
    """

    EMPTY = "empty"
    MESSAGE = "message"
    TORN = "torn"
    UNFORMATTED = "unformatted"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Content:
    """``ndef`` is the message, empty for EMPTY, None where there is none; ``reason`` says why, else it is empty."""

    state: ContentState
    ndef: bytes | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WriteStep:
    """One write to the chip. ``unit`` is what ``at`` counts: page, block, word, or offset (bytes, in a file).

    ``irreversible``: the bits set can never be cleared again. ``file``: the file identifier, for offsets. ``bank``:
    the memory bank, for words; such a step may be longer than the reader takes in one command. ``secret``: ``data``
    is never shown.
    """

    unit: str
    at: int
    data: bytes
    purpose: str
    irreversible: bool = False
    file: int | None = None
    bank: Bank | None = None
    secret: bool = False

    def __str__(self) -> str:
        mark = "  IRREVERSIBLE" if self.irreversible else ""
        shown = "*" * 8 if self.secret else self.data.hex(" ").upper()
        return f"{self._where}  {shown}  {self.purpose}{mark}"

    @property
    def _where(self) -> str:
        if self.bank is not None:
            last = self.at + len(self.data) // 2 - 1
            until = f" to {last:02X}h" if last > self.at else ""
            return f"{self.bank.name} bank {self.unit} {self.at:02X}h{until}"
        if self.file is not None:
            return f"file {self.file:04X}h {self.unit} {self.at}"
        return f"{self.unit} {self.at:02X}h"

    def __repr__(self) -> str:
        return f"WriteStep({self})"


@dataclass(frozen=True, slots=True)
class WritePlan:
    """The writes, in order, that give one tag one message; none if the tag holds it already.

    ``wanted`` is the memory that :func:`read_back` must find once they are done.
    """

    technology: Technology
    uid: bytes
    chip_name: str
    message: bytes
    steps: tuple[WriteStep, ...]
    wanted: bytes = field(repr=False)

    @property
    def irreversible(self) -> tuple[WriteStep, ...]:
        """The steps to show to the user, bit by bit, before the act."""
        return tuple(step for step in self.steps if step.irreversible)

    def __str__(self) -> str:
        unit = self.steps[0].unit if self.steps else "page"
        kind = "file" if unit == "offset" else unit
        what = "EPC and statement" if self.technology is Technology.GEN2 else "NDEF"
        head = (
            f"{self.chip_name} {self.uid.hex()}: {len(self.message)} bytes of {what}, {len(self.steps)} {kind} writes"
        )
        return "\n".join((head, *map(str, self.steps)))


def refusal(uid: bytes, code: str, message: str, action: str, **facts: str | int | bool | None) -> TagRefused:
    """The error of a tag that was left as it was, with its chip number and the next action."""
    return TagRefused(message, code=code, action=action, chip=uid.hex(), tag_state="untouched", **facts)
