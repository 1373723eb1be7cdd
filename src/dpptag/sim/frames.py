"""What a radio frame is, seen from outside the chip: the field needs it for belts, faults and air time."""

from __future__ import annotations

from typing import Final

from dpptag.sim.chip import Chip, Rf

PAGE: Final = 4
FAST_READ: Final = b"\x3a"

# READ, FAST_READ, COMPATIBILITY_WRITE, WRITE (NTAG213_215_216 rev 3.2 section 10).
_TYPE2_MEMORY: Final = b"\x30\x3a\xa0\xa2"
# Read and Write Without Encryption (JIS X 6319-4).
_FELICA_MEMORY: Final = b"\x06\x08"
# Inventory, Stay Quiet, Select, Reset to Ready, Get System Information and its extended form (ISO/IEC 15693-3).
_NO_MEMORY_15693: Final = b"\x01\x02\x25\x26\x2b\x3b"
_INVENTORY_FLAG: Final = 0x04

_I_BLOCK_MASK: Final = 0xE2
_I_BLOCK: Final = 0x02
_CHAINING: Final = 0x10


def is_i_block(frame: bytes) -> bool:
    """An I-block of ISO/IEC 14443-4 7.1.1: it carries a command, or a part of one."""
    return bool(frame) and frame[0] & _I_BLOCK_MASK == _I_BLOCK


def is_iso_dep(tag: Chip) -> bool:
    """Whether it is an ISO/IEC 14443-4 chip. Asked at every exchange: a look at one attribute, not at a protocol."""
    return tag.rf is Rf.A and getattr(tag, "ats", None) is not None


def begins_chain(tag: Chip, frame: bytes) -> bool:
    """Whether more of this command is to come: an I-block with the chaining bit."""
    return is_iso_dep(tag) and is_i_block(frame) and bool(frame[0] & _CHAINING)


def is_inventory(frame: bytes) -> bool:
    """An ISO/IEC 15693 inventory: flag 04h and command 01h."""
    return len(frame) >= 3 and bool(frame[0] & _INVENTORY_FLAG) and frame[1] == 0x01


def touches_memory(tag: Chip, frame: bytes) -> bool:
    """Whether this frame is work, and not a look whether the tag is still there: work keeps a tag on the belt."""
    if tag.rf is Rf.F:
        return bool(frame) and frame[0] in _FELICA_MEMORY
    if tag.rf is Rf.V:
        return len(frame) > 1 and frame[1] not in _NO_MEMORY_15693
    if is_iso_dep(tag):
        return is_i_block(frame) or (len(frame) >= 4 and frame[0] != 0xE0)  # a block, or a whole APDU
    return bool(frame) and frame[0] in _TYPE2_MEMORY
