"""NFC Forum Type 4 chips and tags as values: the chips that may be written, and a tag as it was read. Nothing is sent.

Sources: NT4H2421Gx 10.5.2 (version bytes of NTAG 424 DNA); DESFire EV1 to EV3 short data sheets and public readings;
ST25TA data sheets (system file) with the product codes of ST's own SDK.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, Literal

from dpptag.codec.ndef import decode_message
from dpptag.errors import NdefError, TagRefused
from dpptag.links.nfc import Technology
from dpptag.tags.desfire_card import DesfireCard
from dpptag.tags.ntag424_settings import FileSettings
from dpptag.tags.tag import Content, ContentState, refusal
from dpptag.tags.type4_apdu import OFFSET_LIMIT
from dpptag.tags.type4_cc import FREE, CapabilityContainer

LENGTH_BYTES: Final = 2
"""NLEN, at the start of the NDEF file."""
MAKER_NXP: Final = 0x04
MAKER_ST: Final = 0x02


@unique
class Type4Family(Enum):
    """What the chips of one family have in common beyond T4T: how they are locked, and what else they offer."""

    NTAG424 = "NTAG 424 DNA"
    DESFIRE = "DESFire"
    ST25TA = "ST25TA"


@dataclass(frozen=True, slots=True)
class Type4Chip:
    name: str
    family: Type4Family


NTAG424: Final = Type4Chip("NTAG 424 DNA", Type4Family.NTAG424)
NTAG424_TAMPER: Final = Type4Chip("NTAG 424 DNA TagTamper", Type4Family.NTAG424)
_DESFIRE: Final = {  # hardware and software major version
    (0x01, 1): Type4Chip("DESFire EV1", Type4Family.DESFIRE),
    (0x12, 2): Type4Chip("DESFire EV2", Type4Family.DESFIRE),
    (0x33, 3): Type4Chip("DESFire EV3", Type4Family.DESFIRE),
}
DESFIRE_NAMES: Final = frozenset(chip.name for chip in _DESFIRE.values())
_ST25TA: Final = {  # product code: second byte of the UID
    **dict.fromkeys((0xE5, 0xD5, 0xE4), Type4Chip("ST25TA512", Type4Family.ST25TA)),
    **dict.fromkeys((0xE2, 0xE3, 0xA2, 0xA3, 0xF2, 0xF3), Type4Chip("ST25TA02K", Type4Family.ST25TA)),
    0xC5: Type4Chip("ST25TA16K", Type4Family.ST25TA),
    0xC4: Type4Chip("ST25TA64K", Type4Family.ST25TA),
}


_FILE_BYTES: Final = {
    "NTAG 424 DNA": 256,
    "NTAG 424 DNA TagTamper": 256,
    "DESFire EV1": 1024,
    "DESFire EV2": 1024,
    "DESFire EV3": 1024,
    "ST25TA512": 64,
    "ST25TA02K": 256,
    "ST25TA16K": 2048,
    "ST25TA64K": 8192,
}
MESSAGE_ROOMS: Final = {name: size - LENGTH_BYTES for name, size in _FILE_BYTES.items()}
"""The longest NDEF message of each chip in bytes: its NDEF file as delivered, a DESFire's as formatted here."""


def nxp_chip(version: bytes) -> Type4Chip | None:
    """The chip that answers GetVersion with these parts: hardware 7 bytes, software 7, then its UID; else None."""
    if len(version) < 21 or version[0] != MAKER_NXP or version[7] != MAKER_NXP or version[6] != 0x05:
        return None
    kind, subtype, major, software_kind, software_major = version[1], version[2], version[3], version[8], version[10]
    if (kind, major, version[5], software_kind) == (0x04, 0x30, 0x11, 0x04):
        # Subtype: 2h in the low nibble for 50 pF, 8h in the high one for standard back modulation. AN12196 has an
        # example with 08h; which chip that is, is from memory, and nothing depends on it.
        return {0x2: NTAG424, 0x8: NTAG424_TAMPER}.get(subtype & 0x0F)
    if (kind, software_kind) == (0x01, 0x01):
        return _DESFIRE.get((major, software_major))
    return None


def st_chip(uid: bytes) -> Type4Chip | None:
    return _ST25TA.get(uid[1]) if uid[0] == MAKER_ST else None


@dataclass(frozen=True, slots=True)
class Type4Tag:
    """A tag as it was read, once. ``cc``: the capability container as read, empty where there is none.

    ``capacity``: bytes of the NDEF file that may be used, its length bytes included. ``memory``: the beginning of that
    file as read: at least as far as its message goes. ``settings`` and ``cc_settings``: of the NDEF file and the CC,
    where the chip tells them. ``key_versions``: of keys 0 to 2 (NTAG 424 DNA), else empty. ``missing``: what formatting
    has left to make on a chip without a whole NDEF application, None where that is no question. ``card``: keys and key
    settings of a DESFire, None elsewhere and where it does not tell them.
    """

    uid: bytes
    chip: Type4Chip
    cc: bytes
    container: CapabilityContainer | None
    capacity: int
    content: Content
    settings: FileSettings | None = None
    cc_settings: FileSettings | None = None
    key_versions: bytes = b""
    missing: frozenset[str] | None = None
    card: DesfireCard | None = None
    memory: bytes = field(default=b"", repr=False)

    @property
    def technology(self) -> Literal[Technology.TYPE4]:
        return Technology.TYPE4

    @property
    def chip_name(self) -> str:
        return self.chip.name

    @property
    def message_room(self) -> int:
        """Bytes of the longest message."""
        return max(0, self.capacity - LENGTH_BYTES)

    @property
    def ndef(self) -> bytes | None:
        return self.content.ndef

    @property
    def message(self) -> bytes | None:
        """What the ledger keeps of this tag: its NDEF message."""
        return self.content.ndef

    @property
    def writable(self) -> bool:
        """Whether the CC, and the file's own settings where they are known, let anybody write."""
        if self.container is None or self.container.write_access != FREE:
            return False
        return self.settings is None or self.settings.is_free_to_write

    @property
    def mirrors(self) -> tuple[range, ...]:
        """Places of the file that read as what the chip put there, not as what was written."""
        return () if self.settings is None else self.settings.mirrors

    def holds(self, content: bytes) -> bool:
        """Whether the file begins with ``content``, places that the chip fills itself left out."""
        return is_equal_but(self.memory[: len(content)], content, self.mirrors)


def is_equal_but(got: bytes, wanted: bytes, places: Iterable[range]) -> bool:
    """Byte for byte, except in ``places``."""
    return without(got, places) == without(wanted, places)


def without(data: bytes, places: Iterable[range]) -> bytes:
    """``data`` with zeros in ``places``."""
    masked = bytearray(data)
    for place in places:
        inside = range(min(place.start, len(masked)), min(place.stop, len(masked)))
        masked[inside.start : inside.stop] = bytes(len(inside))
    return bytes(masked)


def refused_tag(tag: Type4Tag, code: str, what: str, action: str) -> TagRefused:
    """What a tag is refused for; ``what`` goes on from the chip's name."""
    return refusal(tag.uid, code, f"this {tag.chip_name} {what}", action, chip_type=tag.chip_name)


def usable_bytes(container: CapabilityContainer, settings: FileSettings | None) -> int:
    """Of the NDEF file: what the CC says, at most what the chip says, and what plain offsets reach."""
    size = container.size if settings is None else min(container.size, settings.size)
    return min(size, OFFSET_LIMIT + 1)


def read_content(file: bytes, capacity: int) -> Content:
    """Judge the beginning of an NDEF file: length bytes and message. Never raises."""
    length = int.from_bytes(file[:LENGTH_BYTES], "big")
    if length == 0:
        return Content(ContentState.EMPTY, b"")
    if length > capacity - LENGTH_BYTES:
        return Content(
            ContentState.TORN, reason=f"the file says {length} bytes of message and has room for {capacity - 2}"
        )
    message = file[LENGTH_BYTES : LENGTH_BYTES + length]
    try:
        decode_message(message)
    except NdefError as error:
        return Content(ContentState.TORN, reason=f"the file holds no whole message: {error.message}")
    return Content(ContentState.MESSAGE, message)
