"""The NFC Forum Type 2 chips that may be written, and where each keeps its locks and its configuration.

A new chip is one line, taken from its data sheet, never from a tag. Sources, by chip:

- NTAG213, 215, 216: NXP NTAG213_215_216 rev 3.2; 213F, 216F: NTAG213F_216F rev 3.1 (the same map).
- NTAG210, 212: NXP NTAG210_212 rev 3.0; the Lock Control TLV that NTAG212 is delivered with (01 03 90 0A 34) says the
  same of its lock bits: at page 36, ten of them, 8 bytes each.
- NTAG203: NXP NTAG203 rev 3.0, 8.5.2 and figure 7. Its dynamic lock byte mixes page bits and block-lock bits.
- Ultralight: NXP MF0ICU1; Ultralight EV1: NXP MF0ULx1 rev 3.3; as NDEF tags: NXP AN1303 (both delivered without CC).
- NTAG I2C plus: NXP NT3H2111_2211 rev 3.5; NTAG I2C: NT3H1101_1201 rev 3.3. Page numbers of the dynamic lock bytes and
  how many pages one bit covers were compared with the emulations of public firmware, which agree.

Left out, because their maps are not settled by a source at hand: NTAG213 TagTamper, Ultralight C and AES, and NTAG I2C
2k, whose CC spans two sectors. NTAG I2C plus 2k is written in sector 0, as its CC says; it is not locked for ever, for
how its lock bits divide the two sectors is not settled either.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

FIRST_PAGE: Final = 4
"""First page of the data area; it holds the TLV header, so that one page write commits or withdraws a message."""

PAGE_BYTES: Final = 4
CC_MAGIC: Final = 0xE1
CC_VERSION: Final = 0x10

FIRST_DYNAMIC_PAGE: Final = 16
"""Pages before it have static lock bits."""


@unique
class SignatureFamily(Enum):
    """Whose key signs the UID (READ_SIG); the value is what reports print."""

    NTAG21X = "NTAG21x"
    ULTRALIGHT_EV1 = "MIFARE Ultralight EV1"


@dataclass(frozen=True, slots=True)
class DynamicLock:
    """The dynamic lock page. ``page_bits``: lock bit and the pages it closes; ``block_bits``: block-lock bit and the
    lock bits (a mask) that it freezes. Bits count from bit 0 of byte 0; every other bit is RFUI and is written 0."""

    page: int
    page_bits: tuple[tuple[int, range], ...]
    block_bits: tuple[tuple[int, int], ...]

    @property
    def mask(self) -> int:
        """Every page bit, no block-lock bit, no RFUI bit."""
        return sum(1 << bit for bit, _ in self.page_bits)

    def closed(self, value: int) -> frozenset[int]:
        """The pages closed by lock bytes of this value."""
        return frozenset(page for bit, pages in self.page_bits if value >> bit & 1 for page in pages)

    def frozen(self, value: int) -> int:
        """The lock bits that can no longer be set, where block-lock bits of ``value`` froze them open."""
        return sum(mask & ~value for bit, mask in self.block_bits if value >> bit & 1)


@dataclass(frozen=True, slots=True)
class ChipType:
    """One chip; counts in pages of 4 bytes.

    ``versions``: its GET_VERSION answers, none where it does not know the command. ``page_count``: what READ reaches.
    ``configuration``: the page of CFG0, which CFG1, PWD and PACK follow; None where the chip has no password.
    ``plain_serial``: pages 0 to 2 hold the UID without check bytes, then SAK and ATQA. ``settled_lock``: a lock
    is for ever, and its bits are known well enough to set them.
    """

    name: str
    versions: tuple[bytes, ...]
    page_count: int
    last_user_page: int
    cc_size: int
    dynamic_lock: DynamicLock | None
    configuration: int | None
    signature: SignatureFamily | None = None
    mirror: bool = False
    fast_read: bool = True
    plain_serial: bool = False
    settled_lock: bool = True
    told_by_pages: bool = False
    """Its page count is no other known chip's of another map, so that it may be told by measuring (see identify)."""

    @property
    def area_bytes(self) -> int:
        """The NDEF data area by the CC as delivered; smaller than the user memory on 215 and 216."""
        return 8 * self.cc_size

    @property
    def last_area_page(self) -> int:
        return FIRST_PAGE + self.area_bytes // PAGE_BYTES - 1

    @property
    def cc(self) -> bytes:
        """The CC as delivered (where there is none, as AN1303 asks for): version 1.0, free to read and write."""
        return bytes((CC_MAGIC, CC_VERSION, self.cc_size, 0))


def _even_lock(page: int, last_user_page: int, group: int) -> DynamicLock:
    """One bit for each ``group`` pages from page 16 on, the last group short; in byte 2 a block-lock bit for two."""
    starts = range(FIRST_DYNAMIC_PAGE, last_user_page + 1, group)
    page_bits = tuple((bit, range(first, min(first + group, last_user_page + 1))) for bit, first in enumerate(starts))
    block_bits = tuple((16 + index, 0b11 << 2 * index) for index in range((len(page_bits) + 1) // 2))
    return DynamicLock(page, page_bits, block_bits)


_NTAG203_LOCK: Final = DynamicLock(
    page=40,
    page_bits=tuple(
        (bit, range(first, first + 4)) for bit, first in ((1, 16), (2, 20), (3, 24), (5, 28), (6, 32), (7, 36))
    ),
    block_bits=((0, 0b1110), (4, 0b1110_0000)),
)


def _versions(*answers: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(answer) for answer in answers)


def _ntag21x(name: str, version: str, page_count: int, cc_size: int, group: int | None, *, told: bool) -> ChipType:
    """NTAG21x and their F variants: dynamic lock page, CFG0, CFG1, PWD, PACK are the last pages."""
    cfg0 = page_count - 4
    lock = _even_lock(cfg0 - 1, cfg0 - 2, group) if group is not None else None
    last_user_page = cfg0 - 2 if lock is not None else cfg0 - 1
    return ChipType(
        name,
        _versions(version),
        page_count,
        last_user_page,
        cc_size,
        lock,
        cfg0,
        signature=SignatureFamily.NTAG21X,
        mirror=True,
        told_by_pages=told,
    )


def _ultralight_ev1(name: str, storage: str, page_count: int, cc_size: int, group: int | None) -> ChipType:
    """Both input capacitances, 17 pF (01) and 50 pF (02), have the same memory."""
    cfg0 = page_count - 4
    lock = _even_lock(cfg0 - 1, cfg0 - 2, group) if group is not None else None
    last_user_page = cfg0 - 2 if lock is not None else cfg0 - 1
    return ChipType(
        name,
        _versions(f"000403010100{storage}03", f"000403020100{storage}03"),
        page_count,
        last_user_page,
        cc_size,
        lock,
        cfg0,
        signature=SignatureFamily.ULTRALIGHT_EV1,
    )


def _ntag_i2c(name: str, version: str, *, plus: bool, pages_per_lock_bit: int) -> ChipType:
    """Sector 0 alone, as a CC of 872 bytes says; the plus has AUTH0, ACCESS, PWD and PACK at E3h to E6h.

    From the I2C side every lock bit can be cleared again: none is for ever.
    """
    return ChipType(
        name,
        _versions(version),
        0xEA if plus else 0xE3,
        0xE1,
        0x6D,
        _even_lock(0xE2, 0xE1, pages_per_lock_bit),
        0xE3 if plus else None,
        signature=SignatureFamily.NTAG21X if plus else None,
        plain_serial=True,
        settled_lock=False,
    )


CHIPS: Final = (
    ChipType("ULTRALIGHT", (), 16, 15, 0x06, None, None, fast_read=False, told_by_pages=True),
    _ultralight_ev1("ULTRALIGHT-EV1-48", "0B", 20, 0x06, None),
    _ultralight_ev1("ULTRALIGHT-EV1-128", "0E", 41, 0x10, 2),
    ChipType("NTAG203", (), 42, 39, 0x12, _NTAG203_LOCK, None, fast_read=False, told_by_pages=True),
    _ntag21x("NTAG210", "0004040101000B03", 20, 0x06, None, told=False),
    _ntag21x("NTAG212", "0004040101000E03", 41, 0x10, 2, told=False),
    _ntag21x("NTAG213", "0004040201000F03", 45, 0x12, 2, told=True),
    _ntag21x("NTAG213F", "0004040401000F03", 45, 0x12, 2, told=False),
    _ntag21x("NTAG215", "0004040201001103", 135, 0x3E, 16, told=True),
    _ntag21x("NTAG216", "0004040201001303", 231, 0x6D, 16, told=True),
    _ntag21x("NTAG216F", "0004040401001303", 231, 0x6D, 16, told=False),
    _ntag_i2c("NTAG-I2C-1K", "0004040502011303", plus=False, pages_per_lock_bit=16),
    _ntag_i2c("NTAG-I2C-PLUS-1K", "0004040502021303", plus=True, pages_per_lock_bit=16),
    _ntag_i2c("NTAG-I2C-PLUS-2K", "0004040502021503", plus=True, pages_per_lock_bit=32),
)
"""The chips that may be written."""


def chip_by_version(version: bytes) -> ChipType | None:
    """The chip that answers GET_VERSION with these 8 bytes; None where we do not know its memory map."""
    return next((chip for chip in CHIPS if version in chip.versions), None)


def chip_by_name(name: str) -> ChipType | None:
    """The chip of this name, as a job file gives it; capital letters do not matter."""
    return next((chip for chip in CHIPS if chip.name.casefold() == name.casefold()), None)
