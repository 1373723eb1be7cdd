"""Payloads of the A0 protocol (R2000 and E710 boards): bytes to values and back, no port.

Layouts: "UHF RFID Reader Serial Interface Protocol V3.7". A request or answer is what stands between the command byte
and the checksum; the frame round it is :mod:`dpptag.devices.uhf.framing`'s. Everything that is not exactly as long as
its own counts say raises DeviceProtocolError: a wrong value is worse than none.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dpptag.errors import DeviceProtocolError
from dpptag.links.gen2 import Bank, Sighting

ALL_DONE: Final = 7
"""Bytes of the frame that ends a real-time inventory (its LEN is 0Ah). No tag's frame has as many: an EPC has whole
words, so a tag's frame has an even number."""

_CHECKED: Final = 4  # PC and CRC round the EPC of an access answer
_LEAST_ACCESS: Final = 3 + _CHECKED + 3
_XPC_FOLLOWS: Final = 0x0200
"""PC bit 16h (XI): extended PC words stand between PC and EPC (Gen2 6.3.2.1.2.2)."""


@dataclass(frozen=True, slots=True)
class AccessAnswer:
    """What a tag's read, write, lock or kill came to.

    ``count``: how many tags the command reached; each has a frame of its own. ``data`` is what was read. ``code``: the
    module's verdict, None where data came, which have their length in its place.
    """

    count: int
    pc: int
    epc: bytes
    data: bytes
    code: int | None


@dataclass(frozen=True, slots=True)
class RegionSetting:
    """What 78h sets and 79h tells. ``number`` 1 to 3 with channel numbers, or 4 with channels of its own.

    ``first``/``last``: channel numbers of the common table; of region 4: 0, and the number of channels less one.
    ``spacing_khz``: a multiple of 10.
    """

    number: int
    first: int
    last: int
    start_khz: int = 0
    spacing_khz: int = 0

    def to_bytes(self) -> bytes:
        if self.number != USER_REGION:
            return bytes([self.number, self.first, self.last])
        return bytes([self.number, self.spacing_khz // 10, self.last + 1]) + self.start_khz.to_bytes(3, "big")

    @classmethod
    def from_bytes(cls, answer: bytes) -> RegionSetting:
        if answer[:1] == bytes([USER_REGION]):
            if len(answer) != 6 or answer[2] == 0:
                raise malformed("region", answer)
            start_khz = int.from_bytes(answer[3:6], "big")
            return cls(USER_REGION, 0, answer[2] - 1, start_khz, answer[1] * 10)
        if len(answer) != 3:
            raise malformed("region", answer)
        return cls(answer[0], answer[1], answer[2])

    def frequency_khz(self, channel: int) -> int | None:
        """The carrier of a channel number in an inventory, None for a number outside of the table."""
        if self.number == USER_REGION:
            return self.start_khz + channel * self.spacing_khz if channel <= self.last else None
        return table_khz(channel)


USER_REGION: Final = 4
_ETSI_CHANNELS: Final = 7
_CHANNELS: Final = 60


def table_khz(channel: int) -> int | None:
    """The common channel table: 0 to 6 from 865.0 MHz, 7 to 59 from 902.0 MHz, every 0.5 MHz."""
    if channel < _ETSI_CHANNELS:
        return 865_000 + 500 * channel
    if channel < _CHANNELS:
        return 902_000 + 500 * (channel - _ETSI_CHANNELS)
    return None


def malformed(what: str, answer: bytes) -> DeviceProtocolError:
    """Lengths alone: an answer may hold a password that was read."""
    return DeviceProtocolError(
        f"the module's {what} answer is malformed", action="check profile, cable and speed", bytes=len(answer)
    )


def read_request(bank: Bank, word: int, count: int, password: bytes) -> bytes:
    return bytes([bank, word, count]) + password


def write_request(bank: Bank, word: int, data: bytes, password: bytes) -> bytes:
    return password + bytes([bank, word, len(data) // 2]) + data


def lock_request(area: int, kind: int, password: bytes) -> bytes:
    return password + bytes([area, kind])


def match_request(epc: bytes | None) -> bytes:
    """85h: whom access commands are for; None takes an earlier choice back."""
    return bytes([1, 0]) if epc is None else bytes([0, len(epc)]) + epc


def parse_code(answer: bytes) -> int:
    """The answer of a command that gives success or an error and nothing else."""
    if len(answer) != 1:
        raise malformed("one byte", answer)
    return answer[0]


def parse_version(answer: bytes) -> str:
    """72h: major, minor."""
    if len(answer) != 2:
        raise malformed("version", answer)
    return f"{answer[0]}.{answer[1]}"


def parse_temperature(answer: bytes) -> int:
    """7Bh: sign (0 below zero, 1 above), degrees Celsius."""
    if len(answer) != 2 or answer[0] > 1:
        raise malformed("temperature", answer)
    return answer[1] if answer[0] else -answer[1]


def parse_powers(answer: bytes) -> tuple[int, ...]:
    """77h: dBm, one for all antennas or one each."""
    if len(answer) not in (1, 4, 8):
        raise malformed("power", answer)
    return tuple(answer)


def parse_identifier(answer: bytes) -> str:
    """68h: twelve characters, filled up with FFh; only those that can be printed."""
    if len(answer) != 12:
        raise malformed("identifier", answer)
    return "".join(chr(byte) for byte in answer if 0x20 <= byte < 0x7F).strip()


def parse_sighting(answer: bytes, region: RegionSetting | None, dbm: Callable[[int], int | None]) -> Sighting:
    """One tag of a real-time inventory: frequency and antenna, PC, EPC, RSSI.

    Boards with eight antennas say by the high bit of the RSSI that it was one of the upper four (vendor's demo).
    ``region`` None: nobody asked which channels the numbers mean, so none is told. ``dbm``: what the
    profile makes of the RSSI byte.
    """
    if len(answer) < 4:
        raise malformed("inventory", answer)
    pc = int.from_bytes(answer[1:3], "big")
    epc = _epc(pc, answer[3:-1])
    if epc is None:
        raise malformed("inventory", answer)
    channel, antenna = divmod(answer[0], 4)
    group, strength = divmod(answer[-1], 0x80)
    return Sighting(
        epc=epc,
        pc=pc,
        rssi_dbm=dbm(strength),
        antenna=4 * group + antenna + 1,
        frequency_khz=region.frequency_khz(channel) if region else None,
    )


def parse_total(answer: bytes) -> int:
    """The end of a real-time inventory: antenna, tags a second, replies heard."""
    if len(answer) != ALL_DONE:
        raise malformed("inventory", answer)
    return int.from_bytes(answer[3:7], "big")


def parse_access(answer: bytes) -> AccessAnswer:
    """``count16 length PC EPC CRC data last frequency-antenna n``; ``length`` counts PC to data.

    ``last`` counts the data in bytes, or is the verdict where there are none. The CRC came over the air with PC and
    EPC and is checked again: it alone tells where the EPC ends where extended PC words stand before it.
    """
    if len(answer) < _LEAST_ACCESS or len(answer) != 3 + answer[2] + 3:
        raise malformed("access", answer)
    count, body, last = int.from_bytes(answer[:2], "big"), answer[3:-3], answer[-3]
    pc = int.from_bytes(body[:2], "big")
    for extended in (0, 2, 4) if pc & _XPC_FOLLOWS else (0,):
        end = 2 + 2 * (pc >> 11) + extended
        if len(body) < end + 2 or stored_crc(body[:end]) != body[end : end + 2]:
            continue
        data = body[end + 2 :]
        if count == 0 or (data and len(data) != last):
            break
        epc = body[2 + extended : end]
        return AccessAnswer(count=count, pc=pc, epc=epc, data=data, code=None if data else last)
    raise malformed("access", answer)


def stored_crc(pc_and_epc: bytes) -> bytes:
    """CRC-16 of Gen2 annex F: polynomial 1021h, preset FFFFh, inverted."""
    return (binascii.crc_hqx(pc_and_epc, 0xFFFF) ^ 0xFFFF).to_bytes(2, "big")


def _epc(pc: int, rest: bytes) -> bytes | None:
    extended = len(rest) - 2 * (pc >> 11)
    if extended == 0 or (pc & _XPC_FOLLOWS and extended in (2, 4)):
        return rest[extended:]
    return None
