"""Transcripts: conversations between host and reader that stand for a reader's firmware, checked frame by frame."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from dpptag.devices.toml_files import Table, Words, bad_file, line_of, read_toml, validated
from dpptag.devices.uhf_transcripts import FRAMINGS, Conversation


def _hex(value: object) -> object:
    if not isinstance(value, str):
        return value
    return bytes.fromhex(value)  # a ValueError is what pydantic reports


class Provenance(Table):
    """Where the bytes are from: printed in a manual, captured from a device, or put together from the specification."""

    kind: Literal["printed", "captured", "synthesised"]
    source: Words
    date: datetime.date
    note: Words


class TranscriptTag(Table):
    """The tag that stood in the field."""

    chip: Words
    uid: Annotated[bytes, BeforeValidator(_hex)]


class TranscriptFrame(Table):
    """One frame on the wire between host and reader, preamble to postamble."""

    sender: Literal["host", "reader"]
    name: Words
    octets: Annotated[bytes, BeforeValidator(_hex), Field(alias="bytes", min_length=1)]


class Transcript(Table):
    """A conversation in its order; ``frames`` begin with the host."""

    title: Words
    protocol: Literal["pn532", "port100", "pcsc", "mercury", "magicrf", "a0", "reader18"]
    provenance: Provenance
    tag: TranscriptTag | None = None
    frames: Annotated[list[TranscriptFrame], Field(min_length=1)]


def load_transcript(path: Path) -> Transcript:
    """One transcript, its frames checked one by one and in their order. Raises ProfileError with file and line."""
    document, text = read_toml(path)
    transcript = validated(Transcript, document, path, text)
    if transcript.protocol in FRAMINGS:
        _hear(transcript, path, text)
        return transcript
    awaited: list[str | bytes] = []
    last_answer = b""
    for index, frame in enumerate(transcript.frames):
        line = line_of(text, ("frames", index))
        try:
            what = _FRAMES[transcript.protocol](frame.octets, frame.sender)
        except ValueError as error:
            raise bad_file(path, line, f"frame {frame.name!r}: {error}") from error
        if frame.sender == "host":
            if awaited:
                raise bad_file(path, line, f"the host speaks while {_said(awaited[0])} is awaited")
            if what in ("ack", "nack"):
                awaited = [] if what == "ack" else [last_answer]
            else:
                awaited = [what] if transcript.protocol == "pcsc" else ["ack", what]
            continue
        if not awaited or awaited[0] not in (what, frame.octets):
            raise bad_file(
                path, line, f"the reader sends {what}, awaited is {_said(awaited[0]) if awaited else 'nothing'}"
            )
        del awaited[0]
        last_answer = frame.octets
    if awaited:
        raise bad_file(path, None, f"the transcript ends while {_said(awaited[0])} is awaited")
    return transcript


def _hear(transcript: Transcript, path: Path, text: str) -> None:
    """A conversation with a UHF module."""
    conversation = Conversation(transcript.protocol)
    for index, frame in enumerate(transcript.frames):
        try:
            conversation.hear(frame.octets, frame.sender)
        except ValueError as error:
            raise bad_file(path, line_of(text, ("frames", index)), f"frame {frame.name!r}: {error}") from error
    try:
        conversation.end()
    except ValueError as error:
        raise bad_file(path, None, str(error)) from error


def _said(awaited: str | bytes) -> str:
    return awaited if isinstance(awaited, str) else f"{awaited.hex()} again"


_PN532_ACK: Final = bytes.fromhex("0000FF00FF00")
_PN532_NACK: Final = bytes.fromhex("0000FFFF0000")


def _pn532_frame(octets: bytes, sender: str) -> str:
    """``ack``, ``nack``, or the code that ends the exchange, as in "answer 03". Raises ValueError (UM0701-02 6.2.1).

    A wake-up, 55h and zeros, may come before a frame of the host.
    """
    at = octets.find(b"\x00\x00\xff")
    if at < 0:
        raise ValueError("there is no start of a frame")
    lead, frame = octets[:at], octets[at:]
    if lead.strip(b"\x55\x00") or (lead and sender == "reader"):
        raise ValueError("bytes before the frame are no wake-up")
    if frame == _PN532_ACK:
        return "ack"
    if frame == _PN532_NACK and sender == "host":
        return "nack"
    if len(frame) < 9:
        raise ValueError("the frame is cut short")
    head = frame[3:]
    if head[:2] == b"\xff\xff":
        length, checked, body = int.from_bytes(head[2:4], "big"), head[2:5], head[5:]
    else:
        length, checked, body = head[0], head[:2], head[2:]
    if sum(checked) & 0xFF:
        raise ValueError("LCS is wrong")
    if len(body) != length + 2 or length < 2:
        raise ValueError(f"LEN says {length} bytes, the frame has {len(body) - 2}")
    if sum(body[: length + 1]) & 0xFF:
        raise ValueError("DCS is wrong")
    if body[-1] != 0:
        raise ValueError("the postamble is not 00")
    if body[0] != (0xD4 if sender == "host" else 0xD5):
        raise ValueError(f"TFI {body[0]:02x} is not that of the {sender}")
    return f"answer {body[1] + (sender == 'host'):02x}"


def _port100_frame(octets: bytes, sender: str) -> str:
    """The frames of Sony's RC-S380: the extended PN53x frame with its length low byte first, TFI D6h and D7h."""
    if octets == _PN532_ACK:
        return "ack"
    if octets[:5] != bytes.fromhex("0000FFFFFF") or len(octets) < 12:
        raise ValueError("there is no start of a frame")
    length, body = int.from_bytes(octets[5:7], "little"), octets[8:]
    if sum(octets[5:8]) & 0xFF:
        raise ValueError("LCS is wrong")
    if len(body) != length + 2 or length < 2:
        raise ValueError(f"LEN says {length} bytes, the frame has {len(body) - 2}")
    if sum(body[: length + 1]) & 0xFF:
        raise ValueError("DCS is wrong")
    if body[-1] != 0:
        raise ValueError("the postamble is not 00")
    if body[0] != (0xD6 if sender == "host" else 0xD7):
        raise ValueError(f"command byte {body[0]:02x} is not that of the {sender}")
    return f"answer {body[1] + (sender == 'host'):02x}"


def _pcsc_apdu(octets: bytes, sender: str) -> str:
    """A command APDU of four bytes at least (ISO/IEC 7816-4 5.1), its Lc true; a response that ends in a status."""
    if sender == "reader":
        if len(octets) < 2 or octets[-2] & 0xF0 not in (0x60, 0x90):
            raise ValueError("the response does not end in SW1 SW2")
        return "response"
    if len(octets) < 4:
        raise ValueError("the APDU is cut short")
    if len(octets) > 5 and len(octets) - 5 - octets[4] not in (0, 1):
        raise ValueError(f"Lc says {octets[4]} bytes, the APDU has {len(octets) - 5}")
    return "response"


_FRAMES: Final[Mapping[str, Callable[[bytes, str], str]]] = MappingProxyType(
    {"pn532": _pn532_frame, "port100": _port100_frame, "pcsc": _pcsc_apdu}
)
