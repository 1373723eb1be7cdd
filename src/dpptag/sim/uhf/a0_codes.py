"""Error codes of the A0 protocol, and the pieces that its answers are made of ("... Interface Protocol V3.7")."""

from __future__ import annotations

from collections.abc import Container
from enum import IntEnum, unique
from typing import Final

from dpptag.sim.uhf.air import Reply

ROUND_US: Final = 25_000
_RSSI_OFFSET: Final = 129


@unique
class Code(IntEnum):
    """Error codes (V3.7, chapter 3), as far as this board uses them."""

    SUCCESS = 0x10
    FAIL = 0x11
    ANTENNA_MISSING = 0x22
    READ = 0x32
    WRITE = 0x33
    LOCK = 0x34
    KILL = 0x35
    NO_TAG = 0x36
    BUFFER_EMPTY = 0x38
    PASSWORD = 0x40
    PARAMETER = 0x41
    WORD_COUNT = 0x42
    BANK = 0x43
    LOCK_AREA = 0x44
    LOCK_ACTION = 0x45
    ADDRESS = 0x46
    ANTENNA = 0x47
    POWER = 0x48
    REGION = 0x49
    BAUD = 0x4A
    BEEPER = 0x4B
    MATCH_LENGTH = 0x4D
    MATCH_MODE = 0x4E
    FREQUENCY = 0x4F


class Refused(Exception):  # noqa: N818  an answer of the protocol, no fault of the simulator
    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


def success() -> bytes:
    return bytes((Code.SUCCESS,))


def exactly(data: bytes, count: int) -> bytes:
    if len(data) != count:
        raise Refused(Code.PARAMETER)
    return data


def one_of(data: bytes, values: Container[int], code: Code) -> int:
    if len(data) != 1 or data[0] not in values:
        raise Refused(code)
    return data[0]


def rate(total: int, rounds: int) -> bytes:
    """Tags a second."""
    return min(0xFFFF, total * 1_000_000 // (max(rounds, 1) * ROUND_US)).to_bytes(2, "big")


def of_tag(reply: Reply) -> bytes:
    return reply.pc.to_bytes(2, "big") + reply.epc + reply.crc.to_bytes(2, "big")


def rssi(reply: Reply) -> int:
    return min(max(reply.rssi_dbm + _RSSI_OFFSET, 0), 0xFF)
