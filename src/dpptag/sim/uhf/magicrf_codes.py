"""Numbers of the M100/QM100 and R200 protocol ("Unit-RFID-UHF-Protocol-EN"), and what its steps take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

# What the steps take, measured on a JRD-4035 by the authors of M5Stack's M5Unit-RFID (unit_JRD4035.cpp, comments).
ROUND_US: Final = 25_000
SETTLE_US: Final = 20_000
"""After Select before the next access. Counted with the Select: the model's clock is not the host's."""
READ_US: Final = 35_000
READ_WORD_US: Final = 1_200
WRITE_US: Final = 37_000
WRITE_WORD_US: Final = 10_000
LOCK_US: Final = 60_000
"""Kill and BlockPermalock too, which were not measured."""
FAILURE_US: Final = 100_000
"""An access that failed. Measured: 33 to 160 ms."""


@unique
class Command(IntEnum):
    ERROR = 0xFF
    INFO = 0x03
    IDLE = 0x04
    SET_REGION = 0x07
    GET_REGION = 0x08
    GET_SELECT = 0x0B
    SELECT = 0x0C
    GET_QUERY = 0x0D
    SET_QUERY = 0x0E
    SET_BAUD = 0x11
    SELECT_MODE = 0x12
    SLEEP = 0x17
    AUTO_SLEEP = 0x1D
    INVENTORY = 0x22
    INVENTORIES = 0x27
    STOP = 0x28
    READ = 0x39
    WRITE = 0x49
    KILL = 0x65
    LOCK = 0x82
    HOP_LIST = 0xA9
    GET_CHANNEL = 0xAA
    SET_CHANNEL = 0xAB
    HOPPING = 0xAD
    CARRIER = 0xB0
    SET_POWER = 0xB6
    GET_POWER = 0xB7
    PERMALOCK = 0xD3
    PERMALOCK_DONE = 0xD4
    NXP_CONFIG = 0xE0
    NXP_READ_PROTECT = 0xE1
    NXP_EAS = 0xE4
    MONZA_QT = 0xE5
    SET_DEMODULATOR = 0xF0
    GET_DEMODULATOR = 0xF1


@unique
class Failure(IntEnum):
    """Error codes; those below 9Fh that stand for tags, the others with a Gen2 code in their low half."""

    READ = 0x09
    WRITE = 0x10
    KILL = 0x12
    LOCK = 0x13
    PERMALOCK = 0x14
    NO_TAG = 0x15
    PASSWORD = 0x16
    MALFORMED = 0x17
    NXP_CONFIG = 0x1A
    NXP_EAS = 0x1D
    NXP_READ_PROTECT = 0x2A
    MONZA_QT = 0x2E
    TAG_READ = 0xA0
    TAG_WRITE = 0xB0
    TAG_LOCK = 0xC0
    TAG_KILL = 0xD0
    TAG_PERMALOCK = 0xE0


@unique
class Mode(IntEnum):
    """When the kept Select is sent (12h)."""

    ALWAYS = 0
    NEVER = 1
    BEFORE_ACCESS = 2


@dataclass(frozen=True, slots=True)
class Dialect:
    header: int
    end: int
    hardware: bytes
    mode_answer: Command


DIALECTS: Final = {
    "m100": Dialect(0xBB, 0x7E, b"M100 V1.00", Command.SELECT),
    "r200": Dialect(0xAA, 0xDD, b"R200 V1.00", Command.SELECT_MODE),
}
