"""Mercury serial, answers: what stands between status and checksum, bytes to values (sources: mercury_requests).

Whatever else stands there raises DeviceProtocolError: a record is never guessed from half of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from dpptag.devices.uhf.mercury_requests import READ_METADATA, Metadata, Search
from dpptag.errors import DeviceProtocolError

_MOST_TAG_BITS: Final = 16 * (1 + 2 + 31 + 1)  # PC, both words of XPC, the longest EPC, CRC
_EMBEDDED_FAILED: Final = 0x8000
"""In place of a bit count: the embedded command failed, and its 16-bit status follows (MAPI)."""
_MODELS: Final = {0x18: "M6e", 0x19: "M6e-i", 0x20: "M6e Micro", 0x30: "M6e Nano", 0x38: "M7e", 0x80: "M3e"}
"""First byte of the hardware number (MAPI). An M5e has none of these."""
_M7E: Final = 0x38
_M7E_VARIANTS: Final = {0: " Pico", 1: " Deka", 2: " Hecto", 3: " Mega", 4: " Tera"}
"""Third byte, of an M7e (MAPI)."""
_XI: Final = 0x0200
"""PC bit 16h: XPC_W1 follows, and XPC_W2 where XPC_W1 begins with a one (Gen2 6.3.2.1.2)."""


def foreign(what: str) -> DeviceProtocolError:
    """The error for an answer that the protocol does not allow."""
    return DeviceProtocolError(f"the module's answer is none of its protocol: {what}", code="answer-malformed")


class _Fields:
    """Takes fields off the front of an answer."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise foreign("it ends in the middle of a field")
        self._at += count
        return taken

    def number(self, octets: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(octets), "big", signed=signed)

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        if self._at != len(self._data):
            raise foreign("it goes on behind its last field")


@dataclass(frozen=True, slots=True)
class Version:
    """Answer to 03 and 04. ``protocols`` 0: the boot loader is running."""

    bootloader: bytes
    hardware: bytes
    date: bytes
    firmware: bytes
    protocols: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        fields = _Fields(data)
        version = cls(fields.take(4), fields.take(4), fields.take(4), fields.take(4), fields.number(4))
        fields.end()
        return version

    @property
    def model(self) -> str:
        name = _MODELS.get(self.hardware[0])
        if name is None:
            return f"Mercury module, hardware {self.hardware.hex()}"
        return name + (_M7E_VARIANTS.get(self.hardware[2], "") if self.hardware[0] == _M7E else "")

    @property
    def firmware_text(self) -> str:
        """As the vendor prints it: four pairs of hexadecimal digits."""
        return ".".join(f"{octet:02x}" for octet in self.firmware)


@dataclass(frozen=True, slots=True)
class Power:
    """Answer to 62 and 64, hundredths of dBm; the limits only with option 01."""

    cdbm: int
    most: int | None = None
    least: int | None = None

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        fields = _Fields(data)
        limits = fields.number(1)
        power = (
            cls(*(fields.number(2, signed=True) for _ in range(3))) if limits else cls(fields.number(2, signed=True))
        )
        fields.end()
        return power


def parse_byte(data: bytes) -> int:
    """Answers of one octet: region (67), program (0C)."""
    fields = _Fields(data)
    value = fields.number(1)
    fields.end()
    return value


def parse_temperature(data: bytes) -> int:
    """Answer to 72, degrees Celsius."""
    return int.from_bytes(parse_byte(data).to_bytes(1, "big"), "big", signed=True)


def parse_ports(data: bytes) -> dict[int, bool]:
    """Answer to 61 05: every antenna port, and whether the module sees an antenna there.

    A module that cannot tell, as the M6e Nano, says no (captured).
    """
    if len(data) % 2 == 0 or data[0] != 5:
        raise foreign("no list of antenna ports")
    return {data[at]: data[at + 1] != 0 for at in range(1, len(data), 2)}


def parse_frequencies(data: bytes) -> list[int]:
    """Answer to 65: the hop table in kHz, empty while no region is set."""
    if len(data) % 4:
        raise foreign("no list of frequencies")
    return [int.from_bytes(data[at : at + 4], "big") for at in range(0, len(data), 4)]


def parse_waiting(data: bytes) -> int:
    """Answer to 29 without data: how many records stand in the buffer (MAPI)."""
    fields = _Fields(data)
    read, written = fields.number(2), fields.number(2)
    fields.end()
    return written - read


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Answer to 22: how many tags stand in the buffer. ``embedded``: what an embedded command told."""

    option: int
    flags: int
    count: int
    embedded: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        fields = _Fields(data)
        option, flags = fields.number(1), fields.number(2)
        count = fields.number(4 if flags & Search.LARGE_POPULATION else 1)
        embedded = fields.rest() if flags & Search.EMBEDDED_COMMAND else b""
        fields.end()
        return cls(option, flags, count, embedded)


@dataclass(frozen=True, slots=True)
class Heard:
    """The metadata of a record, in the order of its fields; None for what was not asked for.

    ``antenna``: transmitting and receiving port, four bits each. ``data``: what an embedded command read, None also
    where it failed.
    """

    count: int | None = None
    rssi_dbm: int | None = None
    antenna: int | None = None
    frequency_khz: int | None = None
    timestamp_ms: int | None = None
    phase_degrees: int | None = None
    protocol: int | None = None
    data: bytes | None = None
    gpio: int | None = None

    @property
    def port(self) -> int | None:
        """The transmitting port; a module that knows one port only may name it in the low half."""
        return None if self.antenna is None else self.antenna >> 4 or self.antenna & 0xF


@dataclass(frozen=True, slots=True)
class Record:
    """One tag of the buffer, as it was heard. ``epc`` without XPC."""

    heard: Heard
    pc: int
    xpc: bytes
    epc: bytes
    crc: int


def parse_page(data: bytes, metadata: int) -> list[Record]:
    """Answer to 29, asked with the same ``metadata``: ``metaflags16 00 n`` and n records."""
    fields = _Fields(data)
    if fields.number(2) != metadata:
        raise foreign("other metadata than were asked for")
    fields.take(1)  # the read option again
    records = [_record(fields, metadata) for _ in range(fields.number(1))]
    fields.end()
    return records


def parse_read(data: bytes, count: int) -> bytes:
    """Answer to 28: the ``count`` words behind ``opt metaflags16 metadata``.

    The words do not stand in the metadata's data field, which is empty here (MAPI).
    """
    fields = _Fields(data)
    fields.take(1)
    flags = fields.number(2)
    if flags != READ_METADATA:
        raise foreign("other metadata than were asked for")
    _heard(fields, flags)
    words = fields.rest()
    if len(words) != 2 * count:
        raise foreign(f"{len(words)} bytes where {2 * count} were asked for")
    return words


def _record(fields: _Fields, flags: int) -> Record:
    heard = _heard(fields, flags)
    bits = fields.number(2)
    if bits % 16 or bits > _MOST_TAG_BITS:
        raise foreign(f"a tag of {bits} bits")
    tag = _Fields(fields.take(bits // 8))
    pc = tag.number(2)
    xpc = b""
    if pc & _XI:
        xpc = tag.take(2)
        if xpc[0] & 0x80:
            xpc += tag.take(2)
    epc = tag.rest()
    if len(epc) < 2:
        raise foreign("a tag without its CRC")
    return Record(heard, pc, xpc, epc[:-2], int.from_bytes(epc[-2:], "big"))


def _heard(fields: _Fields, flags: int) -> Heard:
    def number(flag: Metadata, octets: int, *, signed: bool = False) -> int | None:
        return fields.number(octets, signed=signed) if flags & flag else None

    return Heard(
        count=number(Metadata.COUNT, 1),
        rssi_dbm=number(Metadata.RSSI, 1, signed=True),
        antenna=number(Metadata.ANTENNA, 1),
        frequency_khz=number(Metadata.FREQUENCY, 3),
        timestamp_ms=number(Metadata.TIMESTAMP, 4),
        phase_degrees=number(Metadata.PHASE, 2),
        protocol=number(Metadata.PROTOCOL, 1),
        data=_data(fields) if flags & Metadata.DATA else None,
        gpio=number(Metadata.GPIO, 1),
    )


def _data(fields: _Fields) -> bytes | None:
    bits = fields.number(2)
    if bits == _EMBEDDED_FAILED:
        fields.take(2)
        return None
    return fields.take((bits + 7) // 8)
