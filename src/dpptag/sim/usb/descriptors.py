"""What a simulated reader says of itself on its bus: descriptors, strings (USB 2.0 chapter 9, CCID 1.1 chapter 5)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Final

PACKET: Final = 64  # bytes in a bulk packet at full speed
LANGUAGE: Final = 0x0409
_DIRECTION_IN: Final = 0x80
_SELF_POWERED_NEVER: Final = 0x80  # bmAttributes: bus powered, no remote wake-up
_MILLIAMPERE_UNITS: Final = 100  # bMaxPower in units of 2 mA


@unique
class Transfer(IntEnum):
    """USB 2.0 table 9-13, bits 1..0 of bmAttributes."""

    BULK = 2
    INTERRUPT = 3


@unique
class Descriptor(IntEnum):
    """USB 2.0 table 9-5."""

    DEVICE = 1
    CONFIGURATION = 2
    STRING = 3
    INTERFACE = 4
    ENDPOINT = 5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``interval`` in frames of 1 ms; 0 for bulk."""

    address: int
    transfer: Transfer
    packet: int = PACKET
    interval: int = 0

    def to_bytes(self) -> bytes:
        return struct.pack("<BBBBHB", 7, Descriptor.ENDPOINT, self.address, self.transfer, self.packet, self.interval)


@dataclass(frozen=True, slots=True)
class UsbModel:
    """A reader model as the bus sees it. ``strings``: manufacturer and product, in this order."""

    name: str
    vendor: int
    product: int
    release: int
    strings: tuple[str, str]
    endpoints: tuple[Endpoint, ...]
    interface_class: int = 0xFF
    class_descriptor: bytes = b""

    @property
    def bulk_out(self) -> int:
        return self._bulk(0)

    @property
    def bulk_in(self) -> int:
        return self._bulk(_DIRECTION_IN)

    @property
    def interrupt_in(self) -> int | None:
        return next((end.address for end in self.endpoints if end.transfer is Transfer.INTERRUPT), None)

    def device_descriptor(self) -> bytes:
        ids = struct.pack("<HHH", self.vendor, self.product, self.release)
        return struct.pack("<BBHBBBB", 18, Descriptor.DEVICE, 0x0200, 0, 0, 0, PACKET) + ids + bytes((1, 2, 0, 1))

    def configuration_descriptor(self) -> bytes:
        """The configuration with its interface, class and endpoint descriptors."""
        count = len(self.endpoints)
        body = bytes((9, Descriptor.INTERFACE, 0, 0, count, self.interface_class, 0, 0, 0)) + self.class_descriptor
        body += b"".join(end.to_bytes() for end in self.endpoints)
        head = struct.pack("<BBHBBB", 9, Descriptor.CONFIGURATION, 9 + len(body), 1, 1, 0)
        return head + bytes((_SELF_POWERED_NEVER, _MILLIAMPERE_UNITS)) + body

    def string_descriptor(self, index: int) -> bytes | None:
        """String ``index``, 0 the list of languages; None where there is none."""
        if index == 0:
            body = LANGUAGE.to_bytes(2, "little")
        elif index <= len(self.strings):
            body = self.strings[index - 1].encode("utf-16-le")
        else:
            return None
        return bytes((2 + len(body), Descriptor.STRING)) + body

    def _bulk(self, direction: int) -> int:
        return next(
            end.address
            for end in self.endpoints
            if end.transfer is Transfer.BULK and end.address & _DIRECTION_IN == direction
        )


def _ccid_descriptor() -> bytes:
    """CCID class descriptor (CCID 1.1 table 5.1-1) with the values that ACR122U readers of release 2.06 report: one
    slot, T=1, short APDUs, 271 bytes a message."""
    return (
        struct.pack("<BBHBB", 0x36, 0x21, 0x0100, 0, 0x07)
        + struct.pack("<IIIBIIB", 0x2, 4000, 4000, 0, 10752, 250_000, 0)
        + struct.pack("<IIIII", 256, 0, 0, 0x0002_0040, 271)
        + struct.pack("<BBHBB", 0, 0, 0, 0, 1)
    )


ACR122U: Final = UsbModel(
    "acr122u",
    0x072F,
    0x2200,
    0x0206,
    ("ACS", "ACR122U PICC Interface"),
    (
        Endpoint(0x81, Transfer.INTERRUPT, 8, 16),
        Endpoint(0x02, Transfer.BULK),
        Endpoint(0x82, Transfer.BULK),
    ),
    interface_class=0x0B,
    class_descriptor=_ccid_descriptor(),
)
# Endpoint numbers as libnfc's table of PN533 readers has them; strings are made up, real boards differ.
PN533: Final = UsbModel(
    "pn533",
    0x04CC,
    0x2533,
    0x0100,
    ("NXP", "PN533"),
    (Endpoint(0x04, Transfer.BULK), Endpoint(0x84, Transfer.BULK)),
)
# Endpoint numbers from memory: drivers take them from the descriptors.
RCS380: Final = UsbModel(
    "rcs380",
    0x054C,
    0x06C1,
    0x0111,
    ("SONY", "RC-S380/S"),
    (Endpoint(0x81, Transfer.BULK), Endpoint(0x02, Transfer.BULK)),
)

MODELS: Final[Mapping[str, UsbModel]] = MappingProxyType({model.name: model for model in (ACR122U, PN533, RCS380)})
