"""Memory of NFC Forum Type 2 chips, without any reader: chip table, lock bits, CC, TLV blocks. Bytes in, values out.

Clauses: NFC Forum T2T 2.3 (CC, TLV blocks); NXP NTAG213_215_216 rev 3.2 section 8.5 (memory map, lock bits).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, IntEnum, unique
from typing import Final

from dpptag.codec.ndef import decode_message
from dpptag.errors import NdefError, PlanError

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

_LONGEST_SHORT: Final = 254  # FFh in the length byte announces two more (T2T 2.3)
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


def message_room(area_bytes: int) -> int:
    """The longest NDEF message that an area of so many bytes holds, without a terminator (T2T 2.3 asks for none)."""
    return area_bytes - 4 if area_bytes - 4 > _LONGEST_SHORT else max(0, min(area_bytes - 2, _LONGEST_SHORT))


def build_area(message: bytes, area_bytes: int) -> bytes:
    """The whole data area: NDEF TLV in its shortest form, terminator where it fits, zeros.

    No Lock Control TLV: it would repeat the defaults of these chips. Raises PlanError if the message is too long.
    """
    room = message_room(area_bytes)
    if len(message) > room:
        raise PlanError(
            f"the message has {len(message)} bytes, the data area has room for {room}",
            code="ndef-too-large",
            action="shorten the message or take a larger chip",
            length=len(message),
            room=room,
            missing=len(message) - room,
        )
    short = len(message) <= _LONGEST_SHORT
    length = bytes((len(message),)) if short else b"\xff" + len(message).to_bytes(2, "big")
    tlv = bytes((Tlv.NDEF,)) + length + message
    return (tlv + bytes((Tlv.TERMINATOR,)))[:area_bytes].ljust(area_bytes, b"\0")


@unique
class Tlv(IntEnum):
    """TLV block types (T2T 2.3)."""

    NULL = 0x00
    LOCK_CONTROL = 0x01
    MEMORY_CONTROL = 0x02
    NDEF = 0x03
    PROPRIETARY = 0xFD
    TERMINATOR = 0xFE


_TLV_TYPES: Final = frozenset(int(kind) for kind in Tlv)


@unique
class ContentState(Enum):
    """What the data area holds.

    ``EMPTY``: an NDEF TLV of length 0, a formatted blank tag. ``MESSAGE``: an NDEF message, whole and well-formed.
    ``TORN``: good CC, but no whole message: what a write leaves that stopped inside the header page; other damage looks
    the same. ``UNFORMATTED``: blank CC, or a good one with no NDEF TLV. ``FOREIGN``: a CC that is not NDEF version 1.
    """

    EMPTY = "empty"
    MESSAGE = "message"
    TORN = "torn"
    UNFORMATTED = "unformatted"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Content:
    """``ndef`` is the message, empty for EMPTY, None where there is none; ``reason`` says why, else it is empty."""

    state: ContentState
    ndef: bytes | None = None
    reason: str = ""


def read_content(cc: bytes, area: bytes) -> Content:
    """Judge the capability container and the data area behind it; never raises, never looks outside ``area``."""
    if cc == BLANK_CC:
        return Content(ContentState.UNFORMATTED, reason="the capability container is blank")
    if cc[0] != CC_MAGIC:
        return Content(ContentState.FOREIGN, reason=f"capability container {cc.hex()} is not of an NDEF tag")
    if cc[1] & 0xF0 != CC_VERSION:
        return Content(ContentState.FOREIGN, reason=f"NDEF mapping version {cc[1] >> 4}.{cc[1] & 15} is not known")
    return read_area(area)


def read_area(area: bytes) -> Content:
    """Find the first NDEF TLV of a data area whose CC is good, and check the message in it."""
    try:
        for kind, value in _blocks(area):
            if kind is Tlv.NDEF:
                if not value:
                    return Content(ContentState.EMPTY, b"")
                decode_message(value)
                return Content(ContentState.MESSAGE, value)
            if kind in (Tlv.LOCK_CONTROL, Tlv.MEMORY_CONTROL):
                _check_reserved(kind, value, len(area))
    except _BrokenTlvError as broken:
        return Content(ContentState.TORN, reason=str(broken))
    except NdefError as error:
        return Content(ContentState.TORN, reason=f"the NDEF TLV holds no whole message: {error.message}")
    return Content(ContentState.UNFORMATTED, reason="there is no NDEF TLV")


class _BrokenTlvError(Exception):
    """Inside this module only: the bytes are no sequence of TLV blocks."""


def _blocks(area: bytes) -> Iterator[tuple[Tlv, bytes]]:
    """Each TLV block with a value, up to the terminator or the end of the area.

    A three-byte length below 255 is accepted: old writers make it. A type outside the table ends the walk as broken:
    skipping it, as T2T 2.3 allows, would jump into the body of a message whose header page was torn.
    """
    position = 0
    while position < len(area):
        octet = area[position]
        if octet == Tlv.NULL:
            position += 1
            continue
        if octet == Tlv.TERMINATOR:
            return
        if octet not in _TLV_TYPES:
            raise _BrokenTlvError(f"byte {octet:02x} at offset {position} starts no known TLV block")
        start = position + (4 if area[position + 1 : position + 2] == b"\xff" else 2)
        if start > len(area):
            raise _BrokenTlvError(f"the TLV length at offset {position} is cut off by the end of the data area")
        length = int.from_bytes(area[start - 2 : start], "big") if start - position == 4 else area[position + 1]
        if start + length > len(area):
            raise _BrokenTlvError(
                f"the TLV block at offset {position} runs {start + length - len(area)} bytes past the area"
            )
        yield Tlv(octet), area[start : start + length]
        position = start + length


def _check_reserved(kind: Tlv, value: bytes, area_bytes: int) -> None:
    """A control TLV names bytes that no message may use (T2T 2.3); on these chips they lie behind the area.

    GET_VERSION told the geometry, so a TLV that reserves bytes inside the area is false, and nothing is read by it.
    """
    if len(value) != 3:
        raise _BrokenTlvError(f"control TLV {kind:02x} has {len(value)} bytes instead of 3")
    position, size, geometry = value
    start = (position >> 4) * (1 << (geometry & 0x0F)) + (position & 0x0F)
    size = size or 256
    stop = start + (size if kind is Tlv.MEMORY_CONTROL else -(-size // 8))
    first = FIRST_PAGE * PAGE_BYTES
    if start < first + area_bytes and stop > first:
        raise _BrokenTlvError(f"control TLV {kind:02x} reserves bytes {start}..{stop - 1} inside the data area")


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
    def chip_name(self) -> str:
        return self.chip.name

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
