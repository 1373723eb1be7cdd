"""Memory of FeliCa Lite chips, without any reader: attribute block, memory configuration. Bytes in, values out.

Clauses: NFC Forum T3T 1.0 section 6.1 (attribute block); Sony FeliCa Lite-S user's manual M802 (block MC).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from dpptag.codec.ndef import decode_message
from dpptag.errors import NdefError
from dpptag.links.nfc import Technology
from dpptag.tags.tag import Content, ContentState

BLOCK_BYTES: Final = 16
ATTRIBUTE_BLOCK: Final = 0
MC_BLOCK: Final = 0x88
SERVICE_READ: Final = 0x000B
SERVICE_WRITE: Final = 0x0009
SYSTEM_NDEF: Final = 0x12FC

WRITING: Final = 0x0F
"""WriteF while a write is under way; seen at rest, the write stopped."""

_MAJOR: Final = 1
_WRITABLE: Final = 0x01
_MC_OPEN: Final = 0xFF


@dataclass(frozen=True, slots=True)
class FelicaChip:
    """``blocks`` counts all user blocks, the attribute block among them; ``secure``: MC bytes 6-12 have a meaning."""

    name: str
    ic_code: int
    blocks: int
    secure: bool

    @property
    def data_blocks(self) -> int:
        return self.blocks - 1

    @property
    def area_bytes(self) -> int:
        """Of the longest message: it needs no TLV, its length stands in the attribute block."""
        return self.data_blocks * BLOCK_BYTES


CHIPS: Final = (
    FelicaChip("FeliCa Lite-S", 0xF1, 14, secure=True),
    FelicaChip("FeliCa Lite", 0xF0, 14, secure=False),
)
"""The chips that may be written, by PMm byte 1. Other FeliCa cards hold money and tickets: they are left alone."""


def chip_by_pmm(pmm: bytes) -> FelicaChip | None:
    return next((chip for chip in CHIPS if len(pmm) == 8 and pmm[1] == chip.ic_code), None)


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attribute block; ``read_blocks`` (Nbr) and ``write_blocks`` (Nbw) a command, ``data_blocks`` is Nmaxb."""

    version: int
    read_blocks: int
    write_blocks: int
    data_blocks: int
    write_flag: int
    access: int
    length: int

    @classmethod
    def from_bytes(cls, block: bytes) -> Attributes | None:
        """None where the checksum is wrong, or the block is all zeros, which passes for a right one."""
        if not any(block) or sum(block[:14]) != int.from_bytes(block[14:16], "big"):
            return None
        return cls(
            version=block[0],
            read_blocks=block[1],
            write_blocks=block[2],
            data_blocks=int.from_bytes(block[3:5], "big"),
            write_flag=block[9],
            access=block[10],
            length=int.from_bytes(block[11:14], "big"),
        )

    def to_bytes(self) -> bytes:
        body = (
            bytes((self.version, self.read_blocks, self.write_blocks))
            + self.data_blocks.to_bytes(2, "big")
            + bytes((0, 0, 0, 0, self.write_flag, self.access))
            + self.length.to_bytes(3, "big")
        )
        return body + sum(body).to_bytes(2, "big")


def attributes_for(chip: FelicaChip) -> Attributes:
    """As a format makes them: version 1.0, 4 blocks a read and 1 a write (what both chips take), all data blocks."""
    return Attributes(0x10, 4, 1, chip.data_blocks, 0, _WRITABLE, 0)


def read_content(attributes: Attributes | None, is_ndef: bool, area: bytes) -> Content:
    """Judge the attribute block and the data area behind it; never raises. ``is_ndef``: SYS_OP is set.

    An attribute block without a right checksum is TORN, for SYS_OP says that this is an NDEF tag; none is lost by it.
    """
    if not is_ndef:
        return Content(ContentState.UNFORMATTED, reason="the chip does not answer the NDEF system code")
    if attributes is None:
        return Content(ContentState.TORN, reason="the attribute block is blank, or its checksum is wrong")
    if attributes.version >> 4 != _MAJOR:
        found = f"NDEF mapping version {attributes.version >> 4}.{attributes.version & 15} is not known"
        return Content(ContentState.FOREIGN, reason=found)
    if attributes.write_flag == WRITING:
        return Content(ContentState.TORN, reason="a write was begun and not finished (WriteF 0Fh)")
    if attributes.length > len(area):
        return Content(ContentState.TORN, reason=f"a length of {attributes.length} bytes runs past the data area")
    if not attributes.length:
        return Content(ContentState.EMPTY, b"")
    message = area[: attributes.length]
    try:
        decode_message(message)
    except NdefError as error:
        return Content(ContentState.TORN, reason=f"the data area holds no whole message: {error.message}")
    return Content(ContentState.MESSAGE, message)


@dataclass(frozen=True, slots=True)
class Type3Tag:
    """A tag as it was read, once. ``memory`` is its data area from block 1 on.

    ``attributes``: None where the checksum is wrong. ``configuration``: block MC, 16 bytes.
    """

    uid: bytes
    chip: FelicaChip
    attribute_block: bytes
    attributes: Attributes | None
    configuration: bytes
    content: Content
    memory: bytes = field(repr=False)

    @property
    def technology(self) -> Literal[Technology.TYPE3]:
        return Technology.TYPE3

    @property
    def chip_name(self) -> str:
        return self.chip.name

    @property
    def capacity(self) -> int:
        """Bytes of the data area: what the attribute block says, where it says nothing, what the chip has."""
        return len(self.memory)

    @property
    def message_room(self) -> int:
        """Bytes of the longest message: all of the data area, the length stands elsewhere."""
        return self.capacity

    @property
    def ndef(self) -> bytes | None:
        return self.content.ndef

    @property
    def message(self) -> bytes | None:
        """What the ledger keeps of this tag: its NDEF message."""
        return self.content.ndef

    @property
    def writable(self) -> bool:
        """Whether the attribute block allows writing; MC is looked at block by block when a write is planned."""
        return self.attributes is not None and self.attributes.access == _WRITABLE and self.attributes.write_blocks > 0

    @property
    def is_ndef(self) -> bool:
        return self.configuration[3] == 0x01

    @property
    def system_open(self) -> bool:
        """Whether MC bytes 2-5 may still be written (MC_ALL)."""
        return self.configuration[2] == _MC_OPEN

    def block(self, number: int) -> bytes:
        """A user block as it was read."""
        at = (number - 1) * BLOCK_BYTES
        return self.attribute_block if number == ATTRIBUTE_BLOCK else self.memory[at : at + BLOCK_BYTES]

    @property
    def read_only_blocks(self) -> frozenset[int]:
        """User blocks that MC closes to writing for ever (MC_SP_REG_ALL_RW)."""
        bits = int.from_bytes(self.configuration[:2], "little")
        return frozenset(number for number in range(self.chip.blocks) if not bits >> number & 1)

    @property
    def keyed_blocks(self) -> frozenset[int]:
        """User blocks that ask for the card key before a write (MC_SP_REG_W_RESTR, MC_SP_REG_W_MAC_A; Lite-S)."""
        if not self.chip.secure:
            return frozenset()
        bits = int.from_bytes(self.configuration[8:10], "little") | int.from_bytes(self.configuration[10:12], "little")
        return frozenset(number for number in range(self.chip.blocks) if bits >> number & 1)
