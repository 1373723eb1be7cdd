"""Firmware profiles: what is known of a reader model, as data, and the transcripts that stand for its firmware.

A new reader model of a known kind is one TOML file and one fixture folder. Unknown keys are refused, so that a misspelt
key never goes unnoticed.
"""

from __future__ import annotations

import datetime
import logging
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from dpptag.errors import ProfileError

_LOG = logging.getLogger(__name__)

NFC_QUIRKS: Final = MappingProxyType(
    {
        "speed-survives-close": "a killed process leaves the reader at the raised speed: probe the others on opening",
        "ack-reads-as-crc-error": "the 4-bit ACK of a WRITE comes back as a CRC error while receive CRC is on",
    }
)
"""Every quirk that a profile may name, and what it asks of a driver."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Words = Annotated[str, Field(min_length=1, max_length=400)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_T = TypeVar("_T", bound=_Table)


class UsbId(_Table):
    """USB vendor and product; only where they name the reader itself, not a serial adapter inside it."""

    vendor: Annotated[int, Field(ge=1, le=0xFFFF)]
    product: Annotated[int, Field(ge=0, le=0xFFFF)]
    note: Words | None = None


class Timeout(_Table):
    ms: Annotated[int, Field(ge=1, le=60_000)]
    reason: Words


class NfcTimeouts(_Table):
    """``response``: the wait for each answer on the host side while the reader is opened."""

    response: Timeout


class SerialSpeeds(_Table):
    """``safe_baud`` after power-up; ``fast_baud`` is tried afterwards and left again where the port cannot do it."""

    safe_baud: Literal[9600, 19200, 38400, 57600, 115200]
    fast_baud: Literal[9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000]

    @model_validator(mode="after")
    def _fast_is_no_slower(self) -> Self:
        if self.fast_baud < self.safe_baud:
            raise ValueError("fast_baud is below safe_baud")
        return self


class NfcProfile(_Table):
    """An NFC reader model. ``fast_read_pages``: pages that one FAST_READ may ask for, 0 where it is not trusted.

    ``serial`` is absent where the reader is no serial port; ``fixtures`` names its folder below ``hw_fixtures``.
    """

    kind: Literal["nfc"]
    name: Name
    title: Words
    models: Annotated[list[Words], Field(min_length=1)]
    usb: list[UsbId]
    driver: Literal["nfcpy"]
    fast_read_pages: Annotated[int, Field(ge=0, le=60)]
    quirks: list[str]
    fixtures: Name
    serial: SerialSpeeds | None = None
    timeouts: NfcTimeouts

    @field_validator("quirks")
    @classmethod
    def _quirks_are_known(cls, quirks: list[str]) -> list[str]:
        for quirk in quirks:
            if quirk not in NFC_QUIRKS:
                raise ValueError(f"quirk {quirk!r} is not known; known are {', '.join(NFC_QUIRKS)}")
        if len(set(quirks)) != len(quirks):
            raise ValueError("a quirk is named twice")
        return quirks

    @property
    def bauds(self) -> tuple[int, ...]:
        """The speeds that the reader is good for, the safe one first; empty where it is no serial port."""
        if self.serial is None:
            return ()
        return tuple(dict.fromkeys((self.serial.safe_baud, self.serial.fast_baud)))


Profile = NfcProfile
"""Any profile, told apart by ``kind``; further kinds make this a union."""

KINDS: Final[Mapping[str, type[Profile]]] = MappingProxyType({"nfc": NfcProfile})


def find_profiles_dir() -> Path:
    """The folder of the shipped profiles: beside the package's modules in a wheel, at the root in a clone.

    An editable install is a clone. Raises ProfileError where the installation lacks them.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "firmware_profiles", package.parents[1] / "firmware_profiles"):
        if folder.is_dir():
            return folder
    raise ProfileError(
        "this installation has no firmware profiles", code="profile-folder-missing", action="install dpptag again"
    )


def load_profile(name: str, *, user_dir: Path | None = None) -> Profile:
    """The profile of this name; one of the user's own hides a shipped one. Raises ProfileError listing the names."""
    paths = _profile_paths(user_dir)
    if name not in paths:
        raise ProfileError(
            f"there is no firmware profile {name[:80]!r}",
            code="profile-unknown",
            action=f"take one of: {', '.join(sorted(paths))}",
            profile=name[:80],
        )
    return load_file(paths[name])


def load_all(*, user_dir: Path | None = None) -> tuple[Profile, ...]:
    """All profiles by name. Raises ProfileError at the first bad one."""
    return tuple(load_file(path) for _, path in sorted(_profile_paths(user_dir).items()))


def _profile_paths(user_dir: Path | None) -> dict[str, Path]:
    paths = {path.stem: path for path in find_profiles_dir().glob("*.toml")}
    if user_dir is not None:
        for path in user_dir.glob("*.toml"):
            if path.stem in paths:
                _LOG.info("profile %s: %s hides the shipped one", path.stem, path)
            paths[path.stem] = path
    return paths


def load_file(path: Path) -> Profile:
    """One profile file. Raises ProfileError with file, line where one can be told, and cause."""
    document, text = _read_toml(path)
    kind = document.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise _bad(path, _line_of(text, ("kind",)), f"kind is {kind!r}, not one of: {', '.join(KINDS)}")
    profile = _validated(model, document, path, text)
    if profile.name != path.stem:
        raise _bad(path, _line_of(text, ("name",)), f"the name is {profile.name!r}, the file is called {path.stem!r}")
    return profile


# Transcripts


def _hex(value: object) -> object:
    if not isinstance(value, str):
        return value
    return bytes.fromhex(value)  # a ValueError is what pydantic reports


class Provenance(_Table):
    """Where the bytes are from: printed in a manual, captured from a device, or put together from the specification."""

    kind: Literal["printed", "captured", "synthesised"]
    source: Words
    date: datetime.date
    note: Words


class TranscriptTag(_Table):
    """The tag that stood in the field."""

    chip: Words
    uid: Annotated[bytes, BeforeValidator(_hex)]


class TranscriptFrame(_Table):
    """One frame on the wire between host and reader, preamble to postamble."""

    sender: Literal["host", "reader"]
    name: Words
    octets: Annotated[bytes, BeforeValidator(_hex), Field(alias="bytes", min_length=1)]


class Transcript(_Table):
    """A conversation in its order; ``frames`` begin with the host."""

    title: Words
    protocol: Literal["pn532"]
    provenance: Provenance
    tag: TranscriptTag | None = None
    frames: Annotated[list[TranscriptFrame], Field(min_length=1)]


def load_transcript(path: Path) -> Transcript:
    """One transcript, its frames checked one by one and in their order. Raises ProfileError with file and line."""
    document, text = _read_toml(path)
    transcript = _validated(Transcript, document, path, text)
    awaited: list[str | bytes] = []
    last_answer = b""
    for index, frame in enumerate(transcript.frames):
        line = _line_of(text, ("frames", index))
        try:
            what = _pn532_frame(frame.octets, frame.sender)
        except ValueError as error:
            raise _bad(path, line, f"frame {frame.name!r}: {error}") from error
        if frame.sender == "host":
            if awaited:
                raise _bad(path, line, f"the host speaks while {_said(awaited[0])} is awaited")
            awaited = [] if what == "ack" else [last_answer] if what == "nack" else ["ack", what]
            continue
        if not awaited or awaited[0] not in (what, frame.octets):
            raise _bad(path, line, f"the reader sends {what}, awaited is {_said(awaited[0]) if awaited else 'nothing'}")
        del awaited[0]
        last_answer = frame.octets
    if awaited:
        raise _bad(path, None, f"the transcript ends while {_said(awaited[0])} is awaited")
    return transcript


def _said(awaited: str | bytes) -> str:
    return awaited if isinstance(awaited, str) else f"{awaited.hex()} again"


def check_fixtures(profile: Profile, fixtures_dir: Path) -> tuple[Transcript, ...]:
    """The transcripts of a profile, at least one. Raises ProfileError for a missing folder or a bad file."""
    folder = fixtures_dir / profile.fixtures
    paths = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not paths:
        raise ProfileError(
            f"profile {profile.name} names the fixture folder {profile.fixtures}, which has no transcript",
            code="profile-fixtures-missing",
            action=f"add a transcript below hw_fixtures/{profile.fixtures}",
            profile=profile.name,
        )
    return tuple(load_transcript(path) for path in paths)


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


# Reading TOML so that an error names its line


def _read_toml(path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except OSError as error:
        raise _bad(path, None, f"it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _bad(path, None, "it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        raise _bad(path, int(found[1]) if found else None, str(error)) from error


def _validated(model: type[_T], document: dict[str, Any], path: Path, text: str) -> _T:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        cause = "this key is not known" if first["type"] == "extra_forbidden" else first["msg"]
        raise _bad(path, _line_of(text, first["loc"]), f"{where or model.__name__}: {cause}") from error


def _line_of(text: str, location: tuple[int | str, ...]) -> int | None:
    """The line of a key, or of the innermost table on the way to it that the text spells out; None where none is."""
    best: tuple[int, int | None] = (0, None)
    header: tuple[int | str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
            header = tuple(found[2].split("."))
            if found[1] == "[[":
                counts[found[2]] = counts.get(found[2], -1) + 1
                header += (counts[found[2]],)
            path = header
        elif found := re.match(r"\s*([\w-]+)\s*=", line):
            path = (*header, found[1])
        else:
            continue
        if location[: len(path)] == path and len(path) > best[0]:
            best = (len(path), number)
    return best[1]


def _bad(path: Path, line: int | None, cause: str) -> ProfileError:
    place = f"{path.name}, line {line}" if line is not None else path.name
    return ProfileError(
        f"{place}: {cause}", code="profile-bad", action=f"correct {path}", file=str(path), line=line, cause=cause
    )
