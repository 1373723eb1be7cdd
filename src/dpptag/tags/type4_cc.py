"""The capability container of NFC Forum Type 4 tags: T4T 2.0 and 3.0, section 5.1. Bytes in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpptag.tags.type4_apdu import SHORT_LIMIT

CC_BYTES: Final = 15
"""Of the plain layout, and the least that a CC has."""
WRITE_ACCESS_AT: Final = 14
"""Offset of the byte that says who may write the NDEF file."""
FREE: Final = 0x00
NEVER: Final = 0xFF

_CONTROL_TLV: Final = b"\x04\x06"  # NDEF File Control TLV
_MAPPINGS: Final = (2, 3)
_LEAST_MLE: Final = 0x000F
_LEAST_MLC: Final = 0x0002  # T4T 2.0 lets it be 1, but then the length could not be committed by one command
_LEAST_FILE: Final = 0x0005
_RESERVED_FILES: Final = frozenset((0x0000, 0xE102, 0xE103, 0x3F00, 0x3FFF, 0xFFFF))  # T4T 2.0 table 5


class BrokenCcError(Exception):
    """What was read is no capability container of these mapping versions; the text says why."""


@dataclass(frozen=True, slots=True)
class CapabilityContainer:
    """``file``: the NDEF file. ``size``: of that file, in bytes. ``read_chunk`` and ``write_chunk``: MLe and MLc,
    clamped to what short APDUs carry. Access bytes: 00h free, FFh never, others a matter of the chip."""

    mapping: int
    read_chunk: int
    write_chunk: int
    file: int
    size: int
    read_access: int
    write_access: int


def cc_length(head: bytes) -> int:
    """CCLEN from the first bytes of the file. Raises BrokenCcError where it is none."""
    length = int.from_bytes(head[:2], "big")
    if not CC_BYTES <= length <= SHORT_LIMIT:
        raise BrokenCcError(f"a capability container of {length} bytes cannot be")
    return length


def parse_cc(cc: bytes) -> CapabilityContainer:
    """Strictly: lengths, mapping version, limits, file identifier, and the NDEF File Control TLV as the first one.

    TLVs behind it (proprietary files) are walked over but not used. Raises BrokenCcError.
    """
    if len(cc) != cc_length(cc):
        raise BrokenCcError(f"the capability container says {int.from_bytes(cc[:2], 'big')} bytes and has {len(cc)}")
    mapping = cc[2]
    if mapping >> 4 not in _MAPPINGS:
        raise BrokenCcError(f"NDEF mapping version {mapping >> 4}.{mapping & 15} is not known")
    mle, mlc = int.from_bytes(cc[3:5], "big"), int.from_bytes(cc[5:7], "big")
    if mle < _LEAST_MLE or mlc < _LEAST_MLC:
        raise BrokenCcError(f"the chip says it reads {mle} and writes {mlc} bytes at once, which is too little")
    if cc[7:9] != _CONTROL_TLV:
        raise BrokenCcError(f"the capability container names no NDEF file (TLV {cc[7:9].hex()})")
    _check_tlvs(cc[7:])
    file, size = int.from_bytes(cc[9:11], "big"), int.from_bytes(cc[11:13], "big")
    if file in _RESERVED_FILES or not _LEAST_FILE <= size <= 0xFFFE:
        raise BrokenCcError(f"file {file:04X}h with {size} bytes cannot be an NDEF file")
    return CapabilityContainer(
        mapping, min(mle, SHORT_LIMIT), min(mlc, SHORT_LIMIT), file, size, cc[13], cc[WRITE_ACCESS_AT]
    )


def _check_tlvs(tlvs: bytes) -> None:
    at = 0
    while at < len(tlvs):
        if at + 2 > len(tlvs) or at + 2 + tlvs[at + 1] > len(tlvs):
            raise BrokenCcError("a TLV of the capability container runs past its end")
        at += 2 + tlvs[at + 1]
