"""Memory of NFC Forum Type 2 chips, without any reader: lock bits, CC, a tag as it was read. Bytes in, values out.

Clauses: NFC Forum T2T 2.3 (CC); NXP NTAG213_215_216 rev 3.2 section 8.5 (memory map, lock bits). The chips themselves
are in :mod:`dpptag.tags.type2_chips`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, Literal

from dpptag.links.nfc import Technology
from dpptag.tags.tag import Content, ContentState
from dpptag.tags.tlv import message_room, read_area
from dpptag.tags.type2_chips import (
    CC_MAGIC,
    CC_VERSION,
    CHIPS,
    FIRST_DYNAMIC_PAGE,
    FIRST_PAGE,
    PAGE_BYTES,
    ChipType,
    chip_by_name,
    chip_by_version,
)

__all__ = [
    "BLANK_CC",
    "CC_MAGIC",
    "CC_PAGE",
    "CC_VERSION",
    "CC_WRITABLE",
    "CHIPS",
    "FIRST_PAGE",
    "LOCK_PAGE",
    "NO_PASSWORD",
    "PAGE_BYTES",
    "ChipType",
    "ToldBy",
    "Type2Tag",
    "chip_by_name",
    "chip_by_version",
    "locked_pages",
    "read_content",
    "uid_of",
]

LOCK_PAGE: Final = 2
CC_PAGE: Final = 3

BLANK_CC: Final = bytes(4)
CC_WRITABLE: Final = 0x00

NO_PASSWORD: Final = 0xFF
"""AUTH0 as delivered: above the last page, so nothing is protected."""

_CHECK: Final = 0x88
"""Cascade tag, which BCC0 covers too (ISO/IEC 14443-3 6.5.4)."""


@unique
class ToldBy(Enum):
    """How the chip was told; the value completes "told by"."""

    VERSION = "GET_VERSION"
    NO_VERSION = "its page count, as it does not know GET_VERSION"
    PAGES = "its page count alone, as the reader passes no GET_VERSION"


def read_content(cc: bytes, area: bytes) -> Content:
    """Judge the capability container and the data area behind it; never raises, never looks outside ``area``."""
    if cc == BLANK_CC:
        return Content(ContentState.UNFORMATTED, reason="the capability container is blank")
    if cc[0] != CC_MAGIC:
        return Content(ContentState.FOREIGN, reason=f"capability container {cc.hex()} is not of an NDEF tag")
    if cc[1] & 0xF0 != CC_VERSION:
        return Content(ContentState.FOREIGN, reason=f"NDEF mapping version {cc[1] >> 4}.{cc[1] & 15} is not known")
    return read_area(area)


def locked_pages(chip: ChipType, static_lock: bytes, dynamic_lock: bytes) -> frozenset[int]:
    """Pages 3.. that can never be written again. ``static_lock``: page 2 bytes 2-3; ``dynamic_lock``: its page.

    NXP NTAG213_215_216 section 8.5.2 and 8.5.3. Block-lock bits freeze lock bits, not pages, and are not looked at.
    """
    static = int.from_bytes(static_lock, "little")
    locked = frozenset(page for page in range(CC_PAGE, FIRST_DYNAMIC_PAGE) if static >> page & 1)
    if chip.dynamic_lock is None:
        return locked
    return locked | chip.dynamic_lock.closed(int.from_bytes(dynamic_lock, "little"))


def uid_of(chip: ChipType, pages: bytes) -> bytes | None:
    """The 7-byte UID of pages 0-2; None if a check byte is wrong: BCC0 = 88 ^ SN0..2, BCC1 = xor SN3..6 (14443-3).

    NTAG I2C keeps no check bytes: its UID stands in one piece (NT3H2111_2211 figure 7).
    """
    if chip.plain_serial:
        return pages[:7]
    sn0, sn1, sn2, bcc0, sn3, sn4, sn5, sn6, bcc1 = pages[:9]
    if bcc0 != _CHECK ^ sn0 ^ sn1 ^ sn2 or bcc1 != sn3 ^ sn4 ^ sn5 ^ sn6:
        return None
    return bytes((sn0, sn1, sn2, sn3, sn4, sn5, sn6))


@dataclass(frozen=True, slots=True)
class Type2Tag:
    """A tag as it was read, once. ``pages`` is its memory from page 0 to the end of the NDEF data area.

    ``locked``: pages whose lock bits are set. ``configuration``: CFG0 and CFG1 as read, empty where the chip has none.
    ``auth0``: first page that asks for a password, above the last page where none does; ``read_protected`` is None
    where the configuration does not read. ``mirror``: READ shows the UID or the counter inside user memory, so that a
    read-back proves nothing.
    """

    uid: bytes
    chip: ChipType
    told_by: ToldBy
    cc: bytes
    static_lock: bytes
    dynamic_lock: bytes
    locked: frozenset[int]
    configuration: bytes
    auth0: int
    read_protected: bool | None
    mirror: bool
    content: Content
    pages: bytes = field(repr=False)

    @property
    def technology(self) -> Literal[Technology.TYPE2]:
        return Technology.TYPE2

    @property
    def chip_name(self) -> str:
        return self.chip.name

    @property
    def memory(self) -> bytes:
        """The data area as read, whatever it holds."""
        return self.pages[PAGE_BYTES * FIRST_PAGE :]

    @property
    def capacity(self) -> int:
        """Bytes of the NDEF data area: what the CC says, on a blank CC what it would say."""
        return self.chip.area_bytes

    @property
    def message_room(self) -> int:
        """Bytes of the longest message."""
        return message_room(self.capacity)

    @property
    def ndef(self) -> bytes | None:
        """The message without its TLV, empty for a formatted blank tag, None where there is no whole message."""
        return self.content.ndef

    @property
    def message(self) -> bytes | None:
        """What the ledger keeps of this tag: its NDEF message."""
        return self.content.ndef

    @property
    def writable(self) -> bool:
        """Whether the CC allows writing; locks and passwords are looked at page by page when a write is planned."""
        return self.cc[0] == CC_MAGIC and self.cc[3] == CC_WRITABLE

    def page(self, number: int) -> bytes:
        return self.pages[PAGE_BYTES * number : PAGE_BYTES * (number + 1)]
