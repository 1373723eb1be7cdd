"""The TID bank of a Gen2 chip: who made it, which model, and the segments of the XTID (TDS 2.3 section 16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from dpptag.errors import InputError
from dpptag.model.identifiers import ChipNumber, tid_serial_end

CLASS_GS1: Final = 0xE2
"""ISO/IEC 15963 allocation class of EPC Gen2 chips."""

_HEADER_AT, _SERIAL_AT = 4, 6
_OPTIONAL_COMMANDS, _BLOCK_WRITE, _USER_MEMORY, _LOCK_BITS = 1 << 12, 1 << 11, 1 << 10, 1 << 9
_SEGMENT_BYTES: Final = ((_OPTIONAL_COMMANDS, 2), (_BLOCK_WRITE, 8), (_USER_MEMORY, 4), (_LOCK_BITS, 2))
"""Segments behind the serial in this order, each only where its header bit is set (TDS 2.3, 16.2). Their widths are
from memory: what they tell is a hint that reading the bank confirms."""


@dataclass(frozen=True, slots=True)
class Tid:
    """What a TID says. ``model`` is the TMN; Gen2 version 1 chips use the three bits before the MDID as part of it.

    ``user_words`` and ``permalock_block_words`` come from the XTID, None where it does not say or was not read so far.
    """

    octets: bytes
    has_xtid: bool
    is_secure: bool
    has_files: bool
    maker: int
    model: int
    serial: bytes | None
    user_words: int | None = None
    permalock_block_words: int | None = None
    lock_bits: int | None = None

    @classmethod
    def parse(cls, tid: bytes) -> Self:
        """``tid`` from word 0, as far as it was read. Raises InputError for another class, or less than two words."""
        if len(tid) < _HEADER_AT or tid[0] != CLASS_GS1:
            raise InputError(
                "this is not the TID of a GS1 Gen2 chip: it does not begin with E2h",
                code="chip-tid-class",
                action="take a tag with an EPC Gen2 chip",
                chip=tid[:32].hex(),
            )
        bits = int.from_bytes(tid[1:4], "big")
        end = tid_serial_end(tid)
        segments = _segments(tid, end)
        user = segments.get(_USER_MEMORY)
        lock_bits = segments.get(_LOCK_BITS)
        return cls(
            octets=tid,
            has_xtid=bool(bits >> 23),
            is_secure=bool(bits >> 22 & 1),
            has_files=bool(bits >> 21 & 1),
            maker=bits >> 12 & 0x1FF,
            model=bits & 0xFFF,
            serial=None if end is None else tid[_SERIAL_AT:end],
            user_words=None if user is None else int.from_bytes(user[:2], "big") or None,
            permalock_block_words=None if user is None else int.from_bytes(user[2:4], "big") or None,
            lock_bits=None if lock_bits is None else int.from_bytes(lock_bits, "big") & 0x3F,
        )

    @property
    def head(self) -> str:
        """The first two words in hex, as chips are listed."""
        return self.octets[:_HEADER_AT].hex().upper()

    @property
    def chip_number(self) -> ChipNumber:
        """What a statement is bound to. Raises InputError where the TID has no serial."""
        return ChipNumber.from_tid(self.octets)

    @property
    def uri(self) -> str | None:
        """``urn:epc:stid:...`` (TDS 2.3, 16.3.2), None without a serial. Bits X, S, F are part of its first field."""
        if self.serial is None:
            return None
        designer = int.from_bytes(self.octets[1:3], "big") >> 4
        return f"urn:epc:stid:x{designer:03X}.x{self.model:03X}.x{self.serial.hex().upper()}"


def _segments(tid: bytes, end: int | None) -> dict[int, bytes]:
    """The XTID segments that were read in full."""
    if end is None:
        return {}
    header = int.from_bytes(tid[_HEADER_AT:_SERIAL_AT], "big")
    found = {}
    for bit, length in _SEGMENT_BYTES:
        if header & bit:
            segment = tid[end : end + length]
            if len(segment) < length:
                break
            found[bit] = segment
            end += length
    return found
