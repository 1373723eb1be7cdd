"""Payloads of UHFReader18, UHFReader86, 288M and 288MP: bytes to values and back, no port.

Layouts: "UHF RFID Reader UHFReader18 User's Manual V2.0"; the inventory of the 288 as recorded in the tests of
wabson/chafon-rfid (MIT). A request is what stands between command and CRC, an answer what stands between status and
CRC; the frame round it is :mod:`dpptag.devices.uhf.framing`'s. Everything that is not exactly as long as its own
counts say raises DeviceProtocolError: a wrong value is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dpptag.errors import DeviceProtocolError
from dpptag.links.gen2 import Bank, Sighting

TYPES: Final = MappingProxyType(
    {
        0x03: "RRU9803M",
        0x08: "RRU9803M",
        0x09: "UHFReader18",
        0x0C: "UHFReader288M",
        0x0F: "UHFReader86",
        0x10: "UHFReader86",
        0x16: "RRU9883M",
        0x20: "UHFReader288MP",
        0x8B: "UHFReader288ADV",
    }
)
"""The type byte of the reader information, as wabson/chafon-rfid lists it; used for display alone."""

_LEAST_INFORMATION: Final = 8
_CHANNEL_MASK: Final = 0x3F
_ANTENNA_1: Final = 0x80
_EVERY_TAG_MASK: Final = bytes([Bank.EPC, 0, 0, 0])  # bank, bit address (2), no bits
_TARGET_A: Final = 0
UNIT_MS: Final = 100
_SCAN_UNITS: Final = range(3, 256)
"""Scan times that a reader takes (command 25h), in 100 ms."""
SHORTEST_SCAN_MS: Final = UNIT_MS * _SCAN_UNITS.start


@dataclass(frozen=True, slots=True)
class Information:
    """What 21h tells. ``band`` and the channels are those that 22h sets; ``power_dbm`` what 2Fh sets."""

    firmware: str
    type: int
    band: int
    first_channel: int
    last_channel: int
    power_dbm: int
    scan_time_ms: int

    @classmethod
    def from_bytes(cls, answer: bytes) -> Information:
        """``version2 type protocols highest lowest power scan-time``; newer readers add their antennas behind it."""
        if len(answer) < _LEAST_INFORMATION:
            raise malformed("information", answer)
        highest, lowest = answer[4], answer[5]
        return cls(
            firmware=f"{answer[0]}.{answer[1]}",
            type=answer[2],
            band=highest >> 6 << 2 | lowest >> 6,
            first_channel=lowest & _CHANNEL_MASK,
            last_channel=highest & _CHANNEL_MASK,
            power_dbm=answer[6],
            scan_time_ms=answer[7] * UNIT_MS,
        )


def malformed(what: str, answer: bytes) -> DeviceProtocolError:
    """Lengths alone: an answer may hold a password that was read."""
    return DeviceProtocolError(
        f"the module's {what} answer is malformed", action="check profile, cable and speed", bytes=len(answer)
    )


def region_request(band: int, first_channel: int, last_channel: int) -> bytes:
    """22h: highest channel, lowest channel; their two high bits are the four bits of the band, in this order."""
    return bytes([band >> 2 << 6 | last_channel, (band & 0b11) << 6 | first_channel])


def inventory_request(q: int, session: int, round_ms: int) -> bytes:
    """01h of the 288: no mask, flag A, antenna 1. An UHFReader18 takes none of it."""
    return bytes([q, session]) + _EVERY_TAG_MASK + bytes([_TARGET_A, _ANTENNA_1, scan_units(round_ms)])


def scan_units(round_ms: int) -> int:
    """A scan time as the reader takes it: whole 100 ms, not below 300 ms."""
    return min(max(-(-round_ms // UNIT_MS), _SCAN_UNITS.start), _SCAN_UNITS.stop - 1)


def read_request(epc: bytes, bank: Bank, word: int, count: int, password: bytes) -> bytes:
    return _named(epc) + bytes([bank, word, count]) + password


def write_request(epc: bytes, bank: Bank, word: int, data: bytes, password: bytes) -> bytes:
    return bytes([len(data) // 2]) + _named(epc) + bytes([bank, word]) + data + password


def lock_request(epc: bytes, area: int, action: int, password: bytes) -> bytes:
    return _named(epc) + bytes([area, action]) + password


def kill_request(epc: bytes, password: bytes) -> bytes:
    return _named(epc) + password


def _named(epc: bytes) -> bytes:
    """The EPC of a command. Without MaskAdr and MaskLen behind the password all of it must match."""
    return bytes([len(epc) // 2]) + epc


def parse_sightings(answer: bytes, *, antenna_and_rssi: bool) -> list[Sighting]:
    """The tags of one inventory frame: of the 18 ``n {length EPC}``, of the 288 ``antenna n {length EPC RSSI}``.

    Neither tells a tag's PC: what is given is the length that its EPC has, no other bit of it. The RSSI of the 288
    is a number without a unit. An empty answer says that no tag was heard.
    """
    if not answer:
        return []
    antenna = _antenna(answer) if antenna_and_rssi else None
    at = 1 if antenna_and_rssi else 0
    if len(answer) <= at:
        raise malformed("inventory", answer)
    count, at = answer[at], at + 1
    found = []
    for _ in range(count):
        if at >= len(answer):
            raise malformed("inventory", answer)
        length, at = answer[at], at + 1
        epc, at = answer[at : at + length], at + length
        # Bits 7 and 6 of a length announce a TID or a phase (UHFEx10): nobody asked for them.
        if length % 2 or length > 62 or len(epc) != length:
            raise malformed("inventory", answer)
        at += 1 if antenna_and_rssi else 0
        found.append(Sighting(epc=epc, pc=length // 2 << 11, antenna=antenna))
    if at != len(answer):
        raise malformed("inventory", answer)
    return found


def parse_words(answer: bytes, count: int) -> bytes:
    """02h: exactly the words asked for."""
    if len(answer) != 2 * count:
        raise malformed("read", answer)
    return answer


def parse_nothing(answer: bytes) -> None:
    """A command whose status says all."""
    if answer:
        raise malformed("empty", answer)


def _antenna(answer: bytes) -> int | None:
    """The antenna from its mask: 04h is the third. No one bit: not told."""
    mask = answer[0]
    return mask.bit_length() if mask and not mask & (mask - 1) else None
