"""What the parts of the simulated PN532 share: command and status codes, and the registers that its commands use."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

from dpptag.sim.chip import Rf

CRC_ENABLE: Final = 0x80
FOREVER: Final = 0xFF

_MODE_MASK: Final = 0x73  # speed in bits 6-4, framing in bits 1-0 (CIU_TxMode, CIU_RxMode)
_MODES: Final = {0x00: (Rf.A, 106), 0x12: (Rf.F, 212), 0x22: (Rf.F, 424)}


@unique
class HostCode(IntEnum):
    """UM0701-02 section 7, command codes."""

    DIAGNOSE = 0x00
    GET_FIRMWARE_VERSION = 0x02
    GET_GENERAL_STATUS = 0x04
    READ_REGISTER = 0x06
    WRITE_REGISTER = 0x08
    SET_SERIAL_BAUD_RATE = 0x10
    SET_PARAMETERS = 0x12
    SAM_CONFIGURATION = 0x14
    POWER_DOWN = 0x16
    RF_CONFIGURATION = 0x32
    IN_DATA_EXCHANGE = 0x40
    IN_COMMUNICATE_THRU = 0x42
    IN_DESELECT = 0x44
    IN_LIST_PASSIVE_TARGET = 0x4A
    IN_RELEASE = 0x52
    IN_SELECT = 0x54
    IN_AUTO_POLL = 0x60


@unique
class Status(IntEnum):
    """UM0701-02 section 7.1, error codes."""

    OK = 0x00
    TIMEOUT = 0x01
    CRC = 0x02
    PARAMETER = 0x10
    REFUSED = 0x14
    CONTEXT = 0x27


MORE: Final = 0x40
"""Bit of a status byte, and of a target number: more is to come (UM0701-02 section 7.3.8)."""


@unique
class Register(IntEnum):
    """UM0701-02 section 7.2.4, addresses in the CIU."""

    TX_MODE = 0x6302
    RX_MODE = 0x6303
    TX_CONTROL = 0x6304
    FIFO_DATA = 0x6339


class HostSyntaxError(Exception):
    """The host's command is answered by the syntax error frame."""


class Registers:
    """The registers as the host wrote them; those never written read as 0."""

    def __init__(self) -> None:
        self._values: dict[int, int] = {}

    def __getitem__(self, address: int) -> int:
        return self._values.get(address, 0x00)

    def __setitem__(self, address: int, value: int) -> None:
        self._values[address] = value

    def set_mode(self, framing: int) -> None:
        """Speed and framing of both directions, with CRC: what every command that looks for targets sets."""
        self[Register.TX_MODE] = self[Register.RX_MODE] = CRC_ENABLE | framing

    @property
    def mode(self) -> tuple[Rf, int] | None:
        """Technology and kbit/s of both directions; None where they differ, or reach none of our chips."""
        tx, rx = self[Register.TX_MODE] & _MODE_MASK, self[Register.RX_MODE] & _MODE_MASK
        return _MODES.get(tx) if tx == rx else None
