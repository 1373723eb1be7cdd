"""TLV blocks of a data area (NFC Forum T2T 2.3, T5T 1.0): the message in it, and an area for a message."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum, unique
from typing import Final

from dpptag.codec.ndef import decode_message
from dpptag.errors import NdefError, PlanError
from dpptag.tags.tag import Content, ContentState

_LONGEST_SHORT: Final = 254  # FFh in the length byte announces two more (T2T 2.3)
_AREA_START: Final = 16  # byte address of the data area of a Type 2 tag, which control TLVs count from 0 on


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
    if start < _AREA_START + area_bytes and stop > _AREA_START:
        raise _BrokenTlvError(f"control TLV {kind:02x} reserves bytes {start}..{stop - 1} inside the data area")
