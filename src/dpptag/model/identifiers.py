"""Chip numbers: what a statement is bound to (docs/tag-format.md section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpptag.errors import InputError

LONGEST_UID: Final = 10
"""Bytes: whatever is longer is a TID."""
_TID_CLASS: Final = 0xE2  # ISO/IEC 15963 allocation class of EPC Gen2 tags
_TID_XTID_BIT: Final = 0x80  # TDS 16.2: TID bit 08h, "XTID present"


@dataclass(frozen=True, slots=True)
class ChipNumber:
    """The number a chip maker put into the chip, in anticollision order.

    ISO/IEC 14443-3A: the 7- or 10-byte UID. ISO/IEC 15693: 8 bytes with E0h first. FeliCa: the 8-byte IDm.
    Gen2: the TID from word 0 to the end of the XTID serial.
    """

    octets: bytes

    def __post_init__(self) -> None:
        length = len(self.octets)
        if length == 4:
            raise InputError(
                "a 4-byte UID is no chip number: it may be random or shared",
                code="chip-4-byte-uid",
                action="use a chip with a 7-byte UID",
                chip=self.octets.hex(),
            )
        if length in (7, 8, 10):
            return
        if length >= 12 and length == tid_serial_end(self.octets):
            return
        raise InputError(
            "not a chip number: an NFC UID has 7 or 10 bytes, an ISO 15693 UID or IDm 8, a TID ends with its serial",
            code="chip-malformed",
            action="give the UID, or the TID from word 0, in hex",
            chip=self.octets.hex(),
        )

    @classmethod
    def from_hex(cls, text: str) -> ChipNumber:
        """Parse hex; a TID may be longer than its serial and is cut there. Raises InputError."""
        try:
            octets = bytes.fromhex(text)
        except ValueError as exc:
            raise InputError(f"the chip number is not hex: {text[:80]!r}", code="chip-not-hex") from exc
        return cls.from_tid(octets) if len(octets) >= 11 else cls(octets)

    @classmethod
    def from_tid(cls, tid: bytes) -> ChipNumber:
        """The chip number of a Gen2 TID bank read from word 0. Raises InputError where it has no serial."""
        end = tid_serial_end(tid)
        if end is None:
            raise InputError(
                "this TID has no XTID serial: the chip cannot be told from others of its kind",
                code="chip-tid-unserialised",
                action="use a chip with a serialised TID",
                chip=tid[:32].hex(),
            )
        return cls(tid[:end])

    @property
    def hex(self) -> str:
        return self.octets.hex()


def tid_serial_end(tid: bytes) -> int | None:
    """Byte offset at which the XTID serial of ``tid`` ends; None if it has none or is cut short (TDS 16.2)."""
    if len(tid) < 6 or tid[0] != _TID_CLASS or not tid[1] & _TID_XTID_BIT:
        return None
    serialisation = tid[4] >> 5  # XTID header bits 15-13: 0 none, n: 48 + 16 (n - 1) bits
    if not serialisation:
        return None
    end = 6 + 6 + 2 * (serialisation - 1)
    return end if len(tid) >= end else None
