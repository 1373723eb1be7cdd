"""Mercury serial, requests: what stands between opcode and checksum, values to bytes.

Sources: the vendor's MIT-licensed C interface ("MAPI" in comments) and transcripts of a real M6e Nano; numbers are big
endian. Select blocks come in two shapes: behind a password where the command has no field for one (22, 24, 28, 2D),
and bare where it has (lock 25, kill 26).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, unique
from typing import Final, Self

from dpptag.links.gen2 import NO_PASSWORD, Bank

PROTOCOL_GEN2: Final = 0x0005
BLOCK_WRITE: Final = 0x00C7
"""Sub-command of 2D for Gen2's own BlockWrite."""
_CHIP_ANY: Final = 0x00
_EXTENDED: Final = 0x40
"""Option bit of 2D: a 16-bit sub-command follows."""
_EMBEDDED_READ: Final = 0x28
_WITH_METADATA: Final = 0x10
_LONG_MASK: Final = 0x20
_BY_EPC, _BY_TID, _PASSWORD_ONLY = 1, 2, 5


@unique
class Search(IntFlag):
    """Flags of the inventory command 22 (MAPI)."""

    CONFIGURED_LIST = 0x0003  # the antennas set with 91 02
    EMBEDDED_COMMAND = 0x0004
    LARGE_POPULATION = 0x0010  # the count has 32 bits


@unique
class Metadata(IntFlag):
    """What a tag record carries, in the order of its fields (MAPI)."""

    COUNT = 0x0001
    RSSI = 0x0002
    ANTENNA = 0x0004
    FREQUENCY = 0x0008
    TIMESTAMP = 0x0010
    PHASE = 0x0020
    PROTOCOL = 0x0040
    DATA = 0x0080
    GPIO = 0x0100


READ_METADATA: Final = Metadata.DATA | Metadata.PROTOCOL
"""What the vendor's own client asks for with every read, so what modules are known to answer."""


@dataclass(frozen=True, slots=True)
class Select:
    """The tags that a command is for. ``option``: bank and way of matching; ``pointer``: the mask's first bit there."""

    option: int
    mask: bytes
    pointer: int | None

    @classmethod
    def by_tid(cls, tid: bytes) -> Self:
        return cls(_BY_TID, tid, 0)

    @classmethod
    def by_epc(cls, epc: bytes) -> Self:
        """EPCs that begin so; the pointer stands at word 2 by itself."""
        return cls(_BY_EPC, epc, None)

    @property
    def bits(self) -> int:
        return len(self.mask) * 8

    @property
    def full_option(self) -> int:
        return self.option | (_LONG_MASK if self.bits > 0xFF else 0)

    def block(self) -> bytes:
        pointer = b"" if self.pointer is None else self.pointer.to_bytes(4, "big")
        return pointer + self.bits.to_bytes(2 if self.bits > 0xFF else 1, "big") + self.mask


def behind_password(select: Select | None, password: bytes) -> tuple[int, bytes]:
    """Option byte and block for the commands that have no password field of their own."""
    if select is not None:
        return select.full_option, password + select.block()
    if password != NO_PASSWORD:
        return _PASSWORD_ONLY, password
    return 0, b""


def bare(select: Select | None) -> tuple[int, bytes]:
    """Option byte and block for lock and kill, whose password is a field of the command."""
    return (0, b"") if select is None else (select.full_option, select.block())


def inventory(flags: int, timeout_ms: int, select: Select | None = None, embedded: bytes = b"") -> bytes:
    """``embedded``: a command that every tag found is given at once; ``flags`` must then say so."""
    option, block = behind_password(select, NO_PASSWORD)
    return bytes([option]) + flags.to_bytes(2, "big") + timeout_ms.to_bytes(2, "big") + block + embedded


def embedded_read(timeout_ms: int, bank: Bank, word: int, count: int) -> bytes:
    """One command: its length without opcode, a read (28), and what that is asked without metadata and select."""
    command = timeout_ms.to_bytes(2, "big") + bytes([0, bank]) + word.to_bytes(4, "big") + bytes([count])
    return bytes([1, len(command), _EMBEDDED_READ]) + command


def buffer_page(metadata: int) -> bytes:
    """The next records of the tag buffer; read option 00: go on behind the last page."""
    return metadata.to_bytes(2, "big") + b"\0"


def read(timeout_ms: int, bank: Bank, word: int, count: int, select: Select | None, password: bytes) -> bytes:
    option, block = behind_password(select, password)
    head = timeout_ms.to_bytes(2, "big") + bytes([option | _WITH_METADATA]) + READ_METADATA.to_bytes(2, "big")
    return head + bytes([bank]) + word.to_bytes(4, "big") + bytes([count]) + block


def write(timeout_ms: int, bank: Bank, word: int, data: bytes, select: Select | None, password: bytes) -> bytes:
    option, block = behind_password(select, password)
    return timeout_ms.to_bytes(2, "big") + bytes([option]) + word.to_bytes(4, "big") + bytes([bank]) + block + data


def block_write(timeout_ms: int, bank: Bank, word: int, data: bytes, select: Select | None, password: bytes) -> bytes:
    option, block = behind_password(select, password)
    head = timeout_ms.to_bytes(2, "big") + bytes([_CHIP_ANY, option | _EXTENDED]) + BLOCK_WRITE.to_bytes(2, "big")
    return head + block + bytes([0, bank]) + word.to_bytes(4, "big") + bytes([len(data) // 2]) + data


def lock(timeout_ms: int, payload: bytes, select: Select | None, password: bytes) -> bytes:
    """``payload``: mask and action, 16 bits each."""
    option, block = bare(select)
    return timeout_ms.to_bytes(2, "big") + bytes([option]) + password + payload + block


def kill(timeout_ms: int, select: Select | None, password: bytes) -> bytes:
    option, block = bare(select)
    return timeout_ms.to_bytes(2, "big") + bytes([option]) + password + b"\0" + block
