"""What chips of NFC Forum Type 4 share: ISO/IEC 7816-4 commands and their status, and files whose cells can be torn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

LINE: Final = 16
"""A write is programmed in lines of so many bytes: the unit of torn writes and of bad cells."""

NDEF_APPLICATION: Final = bytes.fromhex("D2760000850101")
CC_FILE: Final = 0xE103
NDEF_FILE: Final = 0xE104


@unique
class Status(IntEnum):
    """ISO/IEC 7816-4 table 6."""

    OK = 0x9000
    WRONG_LENGTH = 0x6700
    INCOMPATIBLE = 0x6981
    SECURITY = 0x6982
    CONDITIONS = 0x6985
    NO_FILE_SELECTED = 0x6986
    WRONG_DATA = 0x6A80
    NOT_FOUND = 0x6A82
    NO_ROOM = 0x6A84
    WRONG_P1_P2 = 0x6A86
    LENGTH_AND_P1_P2 = 0x6A87
    WRONG_OFFSET = 0x6B00
    UNKNOWN_INS = 0x6D00
    UNKNOWN_CLA = 0x6E00


class StatusError(Exception):
    """A command is answered by this status word and changes nothing."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:04X}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Apdu:
    """A short command APDU (ISO/IEC 7816-4 5.1); ``expected`` is Le as a count, None where Le is absent."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes
    expected: int | None

    @classmethod
    def from_bytes(cls, command: bytes) -> Apdu:
        """Raises StatusError with 6700h where Lc and Le do not fit the length."""
        if len(command) < 4:
            raise StatusError(Status.WRONG_LENGTH)
        cla, ins, p1, p2 = command[:4]
        rest = command[4:]
        if not rest:
            return cls(cla, ins, p1, p2, b"", None)
        if len(rest) == 1:
            return cls(cla, ins, p1, p2, b"", rest[0] or 256)
        length = rest[0]
        if length == 0 or len(rest) not in (1 + length, 2 + length):
            raise StatusError(Status.WRONG_LENGTH)
        expected = (rest[-1] or 256) if len(rest) == 2 + length else None
        return cls(cla, ins, p1, p2, rest[1 : 1 + length], expected)

    @property
    def offset(self) -> int:
        """P1 and P2 of READ BINARY and UPDATE BINARY (11.3.1): an offset; with bit 8 of P1 they name a file instead."""
        return self.p1 << 8 | self.p2


def status_bytes(status: int) -> bytes:
    return status.to_bytes(2, "big")


def program_file(content: bytearray, offset: int, data: bytes, programmed: Callable[[int, bytes], bytes]) -> None:
    """Write ``data`` line by line; ``programmed`` gives what the cells keep of a piece in the line of that number."""
    position, end = offset, offset + len(data)
    while position < end:
        line = position // LINE
        stop = min((line + 1) * LINE, end)
        content[position:stop] = programmed(line, data[position - offset : stop - offset])
        position = stop


def half_torn(offset: int, data: bytes) -> bytes:
    """What a write without tearing protection leaves: of its last line half of what it wrote there, the rest FFh."""
    last = min((offset + len(data) - 1) % LINE + 1, len(data))
    kept = len(data) - last + last // 2
    return data[:kept] + b"\xff" * (len(data) - kept)
