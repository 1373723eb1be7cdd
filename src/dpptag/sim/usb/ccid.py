"""CCID messages (USB device class specification for integrated circuit card interface devices, revision 1.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

HEAD: Final = 10
NOTIFY_SLOT_CHANGE: Final = 0x50


@unique
class FromHost(IntEnum):
    """Table 6.1-1."""

    SET_PARAMETERS = 0x61
    POWER_ON = 0x62
    POWER_OFF = 0x63
    SLOT_STATUS = 0x65
    ESCAPE = 0x6B
    GET_PARAMETERS = 0x6C
    RESET_PARAMETERS = 0x6D
    XFR_BLOCK = 0x6F
    ABORT = 0x72


@unique
class ToHost(IntEnum):
    """Table 6.2-1."""

    DATA_BLOCK = 0x80
    SLOT_STATUS = 0x81
    PARAMETERS = 0x82
    ESCAPE = 0x83


@unique
class Icc(IntEnum):
    """bmICCStatus, table 6.2-3."""

    ACTIVE = 0
    INACTIVE = 1
    ABSENT = 2


@unique
class SlotError(IntEnum):
    """bError with bmCommandStatus 1, table 6.2-2; 0 is "command not supported"."""

    NOT_SUPPORTED = 0x00
    BAD_LENGTH = 0x01
    MUTE = 0xFE


ANSWERS: Final = {
    FromHost.SET_PARAMETERS: ToHost.PARAMETERS,
    FromHost.GET_PARAMETERS: ToHost.PARAMETERS,
    FromHost.RESET_PARAMETERS: ToHost.PARAMETERS,
    FromHost.POWER_ON: ToHost.DATA_BLOCK,
    FromHost.XFR_BLOCK: ToHost.DATA_BLOCK,
    FromHost.ESCAPE: ToHost.ESCAPE,
}


@dataclass(frozen=True, slots=True)
class Request:
    """``kind`` may be a number that :class:`FromHost` does not know."""

    kind: int
    slot: int
    sequence: int
    data: bytes

    @classmethod
    def from_bytes(cls, message: bytes) -> Request:
        if len(message) < HEAD:
            raise ValueError(f"{len(message)} bytes are no CCID message")
        kind, length, slot, sequence = struct.unpack_from("<BIBB", message)
        if len(message) != HEAD + length:
            raise ValueError(f"{len(message) - HEAD} bytes behind the head, not {length}")
        return cls(kind, slot, sequence, message[HEAD:])

    def answer(self, icc: Icc, data: bytes = b"", error: SlotError | None = None, last: int = 0) -> bytes:
        """The message that answers this one; ``last`` ends its head: clock status, chaining or protocol number."""
        try:
            kind = ANSWERS.get(FromHost(self.kind), ToHost.SLOT_STATUS)
        except ValueError:
            kind = ToHost.SLOT_STATUS
        status = icc if error is None else 0x40 | icc
        return struct.pack("<BIBBBBB", kind, len(data), self.slot, self.sequence, status, error or 0, last) + data
