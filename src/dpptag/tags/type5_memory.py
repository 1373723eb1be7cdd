"""Memory of NFC Forum Type 5 chips, without any reader: chip table, capability container. Bytes in, values out.

Clauses: NFC Forum T5T 1.0 section 4.3.1 (CC); NXP SL2S2002 rev 3.4 and SL2S2602 rev 4.2 (SLIX, SLIX2); ST DS12074
rev 11 (ST25TV02K) and ST25DV04K data sheet. All blocks of these chips have 4 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, Literal

from dpptag.links.nfc import Technology
from dpptag.tags.tag import Content, ContentState
from dpptag.tags.tlv import message_room, read_area

BLOCK_BYTES: Final = 4
CC_BLOCK: Final = 0
EMPTY_HEADER: Final = bytes.fromhex("0300FE00")
"""An empty NDEF TLV and a terminator: what the first area block holds while the rest changes."""

_MAGIC: Final = 0xE1
_MAGIC_WIDE: Final = 0xE2  # two-byte block addresses, for chips larger than any in the table
_MAJOR: Final = 0x40
_READ_ACCESS: Final = 0x0C
_WRITE_ACCESS: Final = 0x03
_READ_MULTIPLE: Final = 0x01
_SPECIAL_FRAME: Final = 0x10


@unique
class PasswordKind(Enum):
    """How a chip's write password works: NXP's page protection, ST25DV's areas, or not known well enough."""

    NONE = "none"
    ICODE = "icode"
    ST25DV = "st25dv"


@dataclass(frozen=True, slots=True)
class Type5Chip:
    """``blocks`` as Get System Information counts them, ``user_blocks`` without the counter of SLIX2.

    ``uid_mask`` says which bits of ``uid_head`` tell the chip. ``no_lock`` and ``unguarded`` say why there is none;
    empty where there is.
    """

    name: str
    uid_head: bytes
    uid_mask: bytes
    blocks: int
    user_blocks: int
    ic_reference: int
    password: PasswordKind = PasswordKind.NONE
    no_lock: str = ""
    unguarded: str = ""

    @property
    def memory_bytes(self) -> int:
        return self.user_blocks * BLOCK_BYTES

    @property
    def mlen(self) -> int:
        """MLEN of the CC as a format makes it: whole units of 8 bytes behind the 4 of the CC."""
        return (self.memory_bytes - BLOCK_BYTES) // 8

    @property
    def area_bytes(self) -> int:
        return 8 * self.mlen

    @property
    def cc(self) -> bytes:
        """As a format makes it: version 1.0, free to read and write, Read Multiple Blocks supported."""
        return bytes((_MAGIC, _MAJOR, self.mlen, _READ_MULTIPLE))


_ICODE_TYPE_BITS: Final = bytes.fromhex("FFFFFF18")  # UID bits 36 and 35 tell SLI, SLIX and SLIX2
_ST_PRODUCT: Final = bytes.fromhex("FFFFFF")

CHIPS: Final = (
    Type5Chip(
        "SLIX",
        bytes.fromhex("E0040110"),
        _ICODE_TYPE_BITS,
        blocks=28,
        user_blocks=28,
        ic_reference=0x01,
        unguarded="its only password guards EAS and AFI, not the memory",
    ),
    Type5Chip(
        "SLIX2",
        bytes.fromhex("E0040108"),
        _ICODE_TYPE_BITS,
        blocks=80,
        user_blocks=79,
        ic_reference=0x01,
        password=PasswordKind.ICODE,
    ),
    Type5Chip(
        "ST25TV02K",
        bytes.fromhex("E00223"),
        _ST_PRODUCT,
        blocks=64,
        user_blocks=64,
        ic_reference=0x23,
        unguarded="its area passwords are not known well enough here to set one without the risk of closing the tag",
    ),
    Type5Chip(
        "ST25DV04K",
        bytes.fromhex("E00224"),
        _ST_PRODUCT,
        blocks=128,
        user_blocks=128,
        ic_reference=0x24,
        password=PasswordKind.ST25DV,
        no_lock="Lock Block reaches its blocks 0 and 1 alone, and its I2C side can write all of it",
    ),
)
"""The chips that may be written. A new chip is one entry, taken from its data sheet."""


def chip_by_uid(uid: bytes) -> Type5Chip | None:
    """The chip whose maker and type bits this UID has, E0h first; None where we do not know its memory."""
    for chip in CHIPS:
        head = bytes(octet & mask for octet, mask in zip(uid, chip.uid_mask, strict=False))
        if head == chip.uid_head:
            return chip
    return None


@dataclass(frozen=True, slots=True)
class Cc:
    """A capability container that follows the rules. ``raw`` has 4 or 8 bytes; ``area_bytes`` is cut to the chip."""

    raw: bytes
    area_bytes: int

    @property
    def first_block(self) -> int:
        return len(self.raw) // BLOCK_BYTES

    @property
    def readable(self) -> bool:
        return not self.raw[1] & _READ_ACCESS

    @property
    def writable(self) -> bool:
        return not self.raw[1] & _WRITE_ACCESS

    @property
    def read_multiple(self) -> bool:
        return bool(self.raw[3] & _READ_MULTIPLE)

    @property
    def special_frame(self) -> bool:
        """Writing needs the option flag, which no chip of the table does."""
        return bool(self.raw[3] & _SPECIAL_FRAME)

    @property
    def read_only(self) -> bytes:
        """The same CC with write access "never"."""
        return self.raw[:1] + bytes((self.raw[1] | _WRITE_ACCESS,)) + self.raw[2:]


def parse_cc(memory: bytes, chip: Type5Chip) -> Cc | str:
    """The CC at the start of ``memory``, or why there is none. ValueError for one that contradicts the chip."""
    if memory[0] == _MAGIC_WIDE:
        return "the capability container is of a chip with two-byte block addresses"
    if memory[0] != _MAGIC:
        return f"capability container {memory[:4].hex()} is not of an NDEF tag"
    if memory[1] & 0xC0 != _MAJOR:
        return f"NDEF mapping version {memory[1] >> 6}.{memory[1] >> 4 & 3} is not known"
    size = 4 if memory[2] else 8
    mlen = memory[2] or int.from_bytes(memory[6:8], "big")
    if not mlen:
        return "the capability container gives no data area"
    if 8 * mlen > chip.memory_bytes:
        raise ValueError(8 * mlen)
    # Some writers count the CC itself: MLEN x 8 is then all of the memory, and the area ends with the chip.
    return Cc(memory[:size], min(8 * mlen, chip.memory_bytes - size))


@dataclass(frozen=True, slots=True)
class Type5Tag:
    """A tag as it was read, once. ``user_memory`` is all of it from block 0 on, counters left out.

    ``cc``: None where it is blank, damaged or another application's. ``locked``: blocks locked for ever, as far as the
    link tells. ``password_protected``: writing asks for a password; None where the link cannot tell.
    """

    uid: bytes
    chip: Type5Chip
    cc: Cc | None
    content: Content
    locked: frozenset[int]
    password_protected: bool | None
    passes_commands: bool
    user_memory: bytes = field(repr=False)

    @property
    def technology(self) -> Literal[Technology.TYPE5]:
        return Technology.TYPE5

    @property
    def chip_name(self) -> str:
        return self.chip.name

    @property
    def planned_cc(self) -> Cc:
        """The CC that a write leaves: the present one, where there is none that of a format."""
        return self.cc or Cc(self.chip.cc, self.chip.area_bytes)

    @property
    def memory(self) -> bytes:
        """The data area as read, whatever it holds."""
        start = len(self.planned_cc.raw)
        return self.user_memory[start : start + self.capacity]

    @property
    def capacity(self) -> int:
        """Bytes of the data area: what the CC says and the chip has; on a blank CC what it would say."""
        return self.planned_cc.area_bytes

    @property
    def message_room(self) -> int:
        return message_room(self.capacity)

    @property
    def ndef(self) -> bytes | None:
        return self.content.ndef

    @property
    def message(self) -> bytes | None:
        """What the ledger keeps of this tag: its NDEF message."""
        return self.content.ndef

    @property
    def writable(self) -> bool:
        """Whether the CC allows writing; locks and passwords are looked at when a write is planned."""
        return self.cc is not None and self.cc.writable

    def block(self, number: int) -> bytes:
        return self.user_memory[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]


def judge(memory: bytes, chip: Type5Chip) -> tuple[Cc | None, Content]:
    """The CC and the content of a whole user memory; ValueError as :func:`parse_cc`.

    The CC is plain EEPROM, so that a write can tear it. Where it is no CC, but an NDEF message (or the empty one that
    guards a write) stands where our format puts it, the CC is what was torn: TORN, to be repaired by writing again.
    """
    guarded = memory[BLOCK_BYTES : 2 * BLOCK_BYTES] == EMPTY_HEADER
    try:
        found = parse_cc(memory, chip)
    except ValueError as error:
        if not guarded:
            raise
        found = f"the capability container gives a data area of {error} bytes"
    if isinstance(found, Cc):
        area = memory[len(found.raw) : len(found.raw) + found.area_bytes]
        if not found.readable:
            return found, Content(ContentState.FOREIGN, reason="the capability container forbids reading")
        return found, read_area(area)
    behind = read_area(memory[BLOCK_BYTES : BLOCK_BYTES + chip.area_bytes])
    if guarded or behind.state is ContentState.MESSAGE:
        return None, Content(ContentState.TORN, reason=f"{found}, with an NDEF message behind it")
    if not any(memory[:BLOCK_BYTES]):
        return None, Content(ContentState.UNFORMATTED, reason="the capability container is blank")
    return None, Content(ContentState.FOREIGN, reason=found)
