"""Memory of NFC Forum Type 2 chips, without any reader: chip table, lock bits, CC. Bytes in, values out.

Clauses: NFC Forum T2T 2.3 (CC); NXP NTAG213_215_216 rev 3.2 section 8.5 (memory map, lock bits).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from dpptag.links.nfc import Technology
from dpptag.tags.tag import Content, ContentState
from dpptag.tags.tlv import message_room, read_area

PAGE_BYTES: Final = 4
LOCK_PAGE: Final = 2
CC_PAGE: Final = 3
FIRST_PAGE: Final = 4
"""First page of the data area; it holds the TLV header, so that one page write commits or withdraws a message."""

BLANK_CC: Final = bytes(4)
CC_MAGIC: Final = 0xE1
CC_VERSION: Final = 0x10

NO_PASSWORD: Final = 0xFF
"""AUTH0 as delivered: above the last page, so nothing is protected."""

_FIRST_DYNAMIC_PAGE: Final = 16
_CC_WRITABLE: Final = 0x00


@dataclass(frozen=True, slots=True)
class ChipType:
    """One chip as its GET_VERSION answer tells it; counts in pages of 4 bytes.

    The configuration is the last four pages: CFG0, CFG1, PWD, PACK. ``dynamic_group`` is how many pages one dynamic
    lock bit covers, from page 16 on.
    """

    name: str
    version: bytes
    page_count: int
    last_user_page: int
    cc_size: int
    dynamic_lock_page: int
    dynamic_group: int

    @property
    def area_bytes(self) -> int:
        """The NDEF data area by the CC as delivered; smaller than the user memory on 215 and 216."""
        return 8 * self.cc_size

    @property
    def last_area_page(self) -> int:
        return FIRST_PAGE + self.area_bytes // PAGE_BYTES - 1

    @property
    def cfg0_page(self) -> int:
        return self.page_count - 4

    @property
    def cc(self) -> bytes:
        """The CC as delivered: version 1.0, free to read and write."""
        return bytes((CC_MAGIC, CC_VERSION, self.cc_size, 0))


CHIPS: Final = (
    ChipType("NTAG213", bytes.fromhex("0004040201000F03"), 45, 39, 0x12, 40, 2),
    ChipType("NTAG215", bytes.fromhex("0004040201001103"), 135, 129, 0x3E, 130, 16),
    ChipType("NTAG216", bytes.fromhex("0004040201001303"), 231, 225, 0x6D, 226, 16),
)
"""The chips that may be written. A new chip is one line, taken from its data sheet, never from a tag."""


def chip_by_version(version: bytes) -> ChipType | None:
    """The chip that answers GET_VERSION with these 8 bytes; None where we do not know its memory map."""
    return next((chip for chip in CHIPS if chip.version == version), None)


def chip_by_name(name: str) -> ChipType | None:
    """The chip of this name, as a job file gives it; capital letters do not matter."""
    return next((chip for chip in CHIPS if chip.name == name.upper()), None)


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
    first, second = static_lock
    locked = {page for page in range(CC_PAGE, 8) if first >> page & 1}
    locked |= {page for page in range(8, _FIRST_DYNAMIC_PAGE) if second >> (page - 8) & 1}
    bits = int.from_bytes(dynamic_lock[:2], "little")
    for page in range(_FIRST_DYNAMIC_PAGE, chip.last_user_page + 1):
        if bits >> ((page - _FIRST_DYNAMIC_PAGE) // chip.dynamic_group) & 1:
            locked.add(page)
    return frozenset(locked)


def uid_of(pages: bytes) -> bytes | None:
    """The 7-byte UID of pages 0-2; None if a check byte is wrong: BCC0 = 88 ^ SN0..2, BCC1 = xor SN3..6 (14443-3)."""
    sn0, sn1, sn2, bcc0, sn3, sn4, sn5, sn6, bcc1 = pages[:9]
    if bcc0 != 0x88 ^ sn0 ^ sn1 ^ sn2 or bcc1 != sn3 ^ sn4 ^ sn5 ^ sn6:
        return None
    return bytes((sn0, sn1, sn2, sn3, sn4, sn5, sn6))


@dataclass(frozen=True, slots=True)
class Type2Tag:
    """A tag as it was read, once. ``pages`` is its memory from page 0 to the end of the NDEF data area.

    ``locked``: pages whose lock bits are set. ``auth0``: first page that asks for a password, above the last page
    where none does; ``read_protected`` is None where the configuration does not read. ``mirror``: READ shows the UID
    or the counter inside user memory, so that a read-back proves nothing.
    """

    uid: bytes
    chip: ChipType
    cc: bytes
    static_lock: bytes
    dynamic_lock: bytes
    locked: frozenset[int]
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
    def writable(self) -> bool:
        """Whether the CC allows writing; locks and passwords are looked at page by page when a write is planned."""
        return self.cc[0] == CC_MAGIC and self.cc[3] == _CC_WRITABLE

    def page(self, number: int) -> bytes:
        return self.pages[PAGE_BYTES * number : PAGE_BYTES * (number + 1)]
