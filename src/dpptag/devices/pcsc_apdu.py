"""Pseudo-APDUs of PC/SC readers and what comes back: bytes in, bytes out (PC/SC part 3, its supplement 2.02 for
contactless cards; ACR122U API 2.04 for direct transmit)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

OK: Final = 0x9000
FAILED: Final = 0x6300
GET_UID: Final = bytes.fromhex("FFCA000000")
GET_FIRMWARE: Final = bytes.fromhex("FF00480000")
BEEP_OFF: Final = bytes.fromhex("FF00520000")
"""ACR122U: no buzzer when a tag is detected. A beep of ours means "take it away"."""
BLINK: Final = bytes.fromhex("FF0040AA0402010201")
"""ACR122U: green twice, 200 ms each, with the buzzer."""
START_SESSION: Final = bytes.fromhex("FFC20000028100" + "00")
END_SESSION: Final = bytes.fromhex("FFC20000028200" + "00")
PROBE_DIRECT: Final = bytes.fromhex("FF00000002D402")
"""GetFirmwareVersion of the PN532: reads, and changes nothing."""

_STORAGE_CARD: Final = bytes.fromhex("804F0CA000000306")
_PN532_FIRMWARE: Final = bytes.fromhex("D503")
_NO_ANSWER: Final = 0x6401
_LONG: Final = 0x81


@unique
class CardKind(Enum):
    """What an ATR says of the tag. It never tells one Type 2 chip from another."""

    TYPE2 = "type2"
    TYPE3 = "type3"
    TYPE4 = "type4"
    TYPE5 = "type5"
    CLASSIC = "MIFARE Classic"
    CONTACT = "a card with contacts"


def card_kind(atr: bytes) -> CardKind:
    """PC/SC part 3, 3.1.3.2.3: storage cards name their standard (SS) and card (NN); others are ISO/IEC 14443-4."""
    at = atr.find(_STORAGE_CARD)
    if at >= 0 and len(atr) >= at + 11:
        standard, name = atr[at + 8], int.from_bytes(atr[at + 9 : at + 11], "big")
        if standard == 0x11 or name in (0xF011, 0xF012, 0x003B):
            return CardKind.TYPE3
        if standard in (0x09, 0x0A, 0x0B, 0x0C):
            return CardKind.TYPE5
        return CardKind.CLASSIC if name in (0x0001, 0x0002, 0x0026) else CardKind.TYPE2
    contactless = len(atr) >= 5 and atr[0] == 0x3B and atr[1] & 0xF0 == 0x80 and atr[2:4] == b"\x80\x01"
    return CardKind.TYPE4 if contactless else CardKind.CONTACT


def historical_bytes(atr: bytes) -> bytes:
    """Of a Type 4A tag: 3B 8n 80 01, n historical bytes, TCK."""
    return atr[4 : 4 + (atr[1] & 0x0F)] if len(atr) > 4 else b""


def status(answer: bytes) -> int:
    """SW1 SW2; 0 where the answer is too short to have them."""
    return int.from_bytes(answer[-2:], "big") if len(answer) >= 2 else 0


def read_binary(number: int, length: int) -> bytes:
    return bytes((0xFF, 0xB0, 0x00, number, length))


def update_binary(number: int, data: bytes) -> bytes:
    return bytes((0xFF, 0xD6, 0x00, number, len(data))) + data


# Tag commands through the reader


@dataclass(frozen=True, slots=True)
class Received:
    """What came back over the air, without its checksum. ``bits`` is 4 for an ACK or NAK, else 0.

    ``damaged``: a checksum or parity was wrong. With nothing received all of them are empty.
    """

    data: bytes = b""
    bits: int = 0
    damaged: bool = False

    @property
    def nibble(self) -> int | None:
        return self.data[0] & 0x0F if self.bits == 4 and len(self.data) == 1 else None


def direct_transmit(frame: bytes) -> bytes:
    """InCommunicateThru by the reader's PN532."""
    return bytes((0xFF, 0x00, 0x00, 0x00, len(frame) + 2, 0xD4, 0x42)) + frame


def direct_received(answer: bytes) -> Received | None:
    """None where it is no answer to InCommunicateThru. Status 02h is a damaged answer, or one of 4 bits."""
    if status(answer) != OK or answer[:2] != b"\xd5\x43" or len(answer) < 5:
        return Received() if status(answer) == 0x6301 else None
    if answer[2] & 0x3F == 0:
        return Received(answer[3:-2])
    return Received(damaged=answer[2] & 0x3F == 0x02)


def is_pn532_firmware(answer: bytes) -> bool:
    return status(answer) == OK and answer[:2] == _PN532_FIRMWARE


def switch_protocol(standard: int, layer: int) -> bytes:
    """Standard 00h ISO/IEC 14443 A, 02h ISO/IEC 15693, 03h FeliCa."""
    return bytes((0xFF, 0xC2, 0x00, 0x02, 0x04, 0x8F, 0x02, standard, layer, 0x00))


def transceive(frame: bytes, patience_us: int) -> bytes:
    """A timer object in front of the frame: without it, readers give up on a write before the tag has answered."""
    length = bytes((len(frame),)) if len(frame) < 0x80 else bytes((_LONG, len(frame)))
    objects = b"\x5f\x46\x04" + patience_us.to_bytes(4, "little") + b"\x95" + length + frame
    return bytes((0xFF, 0xC2, 0x00, 0x01, len(objects))) + objects + b"\x00"


def is_session_answer(answer: bytes) -> bool:
    """Whether the reader took a command of the transparent session."""
    return status(answer) == OK and (len(answer) == 2 or _object_status(answer) == OK)


def session_received(answer: bytes) -> Received | None:
    """What a transceive brought; None where the answer is none of the transparent session."""
    if status(answer) != OK:
        return Received() if status(answer) in (_NO_ANSWER, FAILED) else None
    objects = _objects(answer[:-2])
    if objects is None:
        return None
    if int.from_bytes(objects.get(0xC0, b"\x00\x90\x00")[1:3], "big") not in (OK, _NO_ANSWER):
        return None
    data = objects.get(0x97, b"")
    bits = objects.get(0x92, b"\x00")[:1] == b"\x04"
    damaged = objects.get(0x96, b"\x00")[:1] != b"\x00" and not (bits and len(data) == 1)
    return Received(data, 4 if bits else 0, damaged)


def _object_status(answer: bytes) -> int:
    objects = _objects(answer[:-2]) or {}
    return int.from_bytes(objects.get(0xC0, b"")[1:3], "big")


def _objects(data: bytes) -> dict[int, bytes] | None:
    """Objects of one-byte tags; None where one is cut short."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag, rest = data[at], data[at + 1 :]
        head = 2 if rest[:1] == bytes((_LONG,)) else 1
        if len(rest) < head or len(rest) < head + rest[head - 1]:
            return None
        found[tag] = rest[head : head + rest[head - 1]]
        at += 1 + head + rest[head - 1]
    return found
