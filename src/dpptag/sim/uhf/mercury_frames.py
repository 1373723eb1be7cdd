"""Frames of the Mercury serial protocol (ThingMagic/Jadak/Novanta M5e, M6e, Nano, M7e): bytes in, commands out.

Request ``FF LEN OP DATA[LEN] CRC``, answer ``FF LEN OP STATUS16 DATA[LEN] CRC``, everything high byte first.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

_START: Final = 0xFF
_SHIFTED_PRESET: Final = binascii.crc_hqx(b"\xff\xff", 0)
_MOST_REQUEST: Final = 0xFA
"""The vendor's own client sends at most 255 bytes, so LEN ends here; FFh can only be the next start."""
MOST_ANSWER: Final = 0xF8


@unique
class Status(IntEnum):
    """Status words (tmr_status.h of the vendor's Mercury API for C)."""

    OK = 0x0000
    WRONG_DATA_COUNT = 0x0100
    INVALID_OPCODE = 0x0101
    POWER_TOO_HIGH = 0x0103
    INVALID_PARAMETER = 0x0105
    POWER_TOO_LOW = 0x0106
    UNIMPLEMENTED_FEATURE = 0x0109
    INVALID_BAUD = 0x010A
    INVALID_REGION = 0x010B
    NO_TAGS = 0x0400
    INVALID_PROTOCOL = 0x0402
    WRITE_FAILED = 0x0406
    GENERAL_TAG_ERROR = 0x040A
    TOO_LARGE = 0x040B
    INVALID_KILL_PASSWORD = 0x040C
    KILL_FAILED = 0x040E
    INVALID_EPC = 0x0410
    GEN2 = 0x0420  # plus the tag's own error code
    ANTENNA_NOT_CONNECTED = 0x0503
    BUFFER_NOT_ENOUGH = 0x0600


class Refused(Exception):  # noqa: N818  an answer of the protocol, no fault of the simulator
    """The module answers with a status other than 0000; a few of them carry data all the same."""

    def __init__(self, status: int, data: bytes = b"") -> None:
        super().__init__(f"{status:04X}")
        self.status = status
        self.data = data


@dataclass(frozen=True, slots=True)
class Request:
    """One command of the host."""

    opcode: int
    data: bytes


def crc(data: bytes) -> bytes:
    """Of two bytes or more: polynomial 1021h, preset FFFFh, the bits shifted in at the low end, no 16 zero bits after.

    The last two bytes are therefore never divided: they are added to what the usual CRC makes of the rest.
    """
    rest = binascii.crc_hqx(data[:-2], _SHIFTED_PRESET)
    return (rest ^ int.from_bytes(data[-2:], "big")).to_bytes(2, "big")


def answer(opcode: int, status: int, data: bytes = b"") -> bytes:
    body = bytes((len(data), opcode)) + status.to_bytes(2, "big") + data
    return bytes((_START,)) + body + crc(body)


class RequestFrames:
    """Cuts the host's bytes into requests. A frame with a wrong CRC is met with silence and a new search for a start;
    so are bytes that only wake the module (any number of FFh)."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def clear(self) -> None:
        """Forget a half-sent frame."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[Request]:
        self._buffer += data
        requests: list[Request] = []
        while (found := self._next()) is not None:
            requests.append(found)
        return requests

    def _next(self) -> Request | None:
        """The first whole and correct frame in the buffer; what cannot begin one is dropped."""
        waiting = None
        at = self._buffer.find(_START)
        while at >= 0:
            head = self._buffer[at : at + 2]
            whole = at + head[1] + 5 if len(head) == 2 else None
            if len(head) == 1 or (head[1] <= _MOST_REQUEST and whole is not None and whole > len(self._buffer)):
                waiting = at if waiting is None else waiting
            elif head[1] <= _MOST_REQUEST:
                body = bytes(self._buffer[at + 1 : whole])
                if crc(body[:-2]) == body[-2:]:
                    del self._buffer[:whole]
                    return Request(body[1], body[2:-2])
            at = self._buffer.find(_START, at + 1)
        del self._buffer[: len(self._buffer) if waiting is None else waiting]
        return None


class Fields:
    """The data of a request, read from its beginning; too few bytes are answered 0100."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if len(part) < count:
            raise Refused(Status.WRONG_DATA_COUNT)
        self._at += count
        return part

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def peek(self) -> int | None:
        """The next byte, not taken; None at the end."""
        return self._data[self._at] if self._at < len(self._data) else None

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._data):
            raise Refused(Status.WRONG_DATA_COUNT)
