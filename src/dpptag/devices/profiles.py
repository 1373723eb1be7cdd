"""Firmware profiles: what is known of a reader model, as data, and the transcripts that stand for its firmware.

A new reader model of a known kind is one TOML file and one fixture folder. Unknown keys are refused, so that a misspelt
key never goes unnoticed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from dpptag.devices.toml_files import Name, Table, Words, all_problems, bad_file, line_of, read_toml, validated
from dpptag.devices.transcripts import Transcript, load_transcript
from dpptag.devices.uhf_fixtures import misfit
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.errors import ProfileError

_LOG = logging.getLogger(__name__)

NFC_QUIRKS: Final = MappingProxyType(
    {
        "acr122u-shell": "a PN532 behind the CCID and APDU commands of an ACR122U, also under a clone's firmware text",
        "detection-beep": "beeps when it sees a tag, before anything is written: switched off where the reader allows",
        "fast-read-repeats-bytes": "answers of FAST_READ can be longer than the command asks for: read with READ",
        "kernel-module-takes-reader": "a Linux NFC driver claims it at plug-in: pn533_usb or port100 must be kept away",
        "one-open-a-process": "a second opening after a close fails until it is plugged in again: open once",
        "register-status": "answers to register commands carry a status byte in front (PN533)",
        "write-status-unsure": "a write may be refused with 6300 or 6401 although it was made: the content decides",
        "speed-survives-close": "a killed process leaves the reader at the raised speed: probe the others on opening",
        "ack-reads-as-crc-error": "the 4-bit ACK of a WRITE comes back as a CRC error while receive CRC is on",
    }
)
"""Every quirk that a profile may name, and what it asks of a driver."""


class UsbId(Table):
    """USB vendor and product; only where they name the reader itself, not a serial adapter inside it."""

    vendor: Annotated[int, Field(ge=1, le=0xFFFF)]
    product: Annotated[int, Field(ge=0, le=0xFFFF)]
    note: Words | None = None


class Timeout(Table):
    ms: Annotated[int, Field(ge=1, le=60_000)]
    reason: Words


class NfcTimeouts(Table):
    """``response``: the wait for each answer on the host side while the reader is opened."""

    response: Timeout


class SerialSpeeds(Table):
    """``safe_baud`` after power-up; ``fast_baud`` is tried afterwards and left again where the port cannot do it."""

    safe_baud: Literal[9600, 19200, 38400, 57600, 115200]
    fast_baud: Literal[9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000]

    @model_validator(mode="after")
    def _fast_is_no_slower(self) -> Self:
        if self.fast_baud < self.safe_baud:
            raise ValueError("fast_baud is below safe_baud")
        return self


class NfcProfile(Table):
    """An NFC reader model. ``fast_read_pages``: pages that one FAST_READ may ask for, 0 where it is not trusted.

    ``driver`` is the preferred one, ``other_driver`` works too where the user names it in the device path.
    ``pcsc_names``: how the reader's PC/SC name begins. ``signal``: how it can say which one it is.
    ``serial`` is absent where the reader is no serial port; ``fixtures`` names its folder below ``hw_fixtures``.
    """

    kind: Literal["nfc"]
    name: Name
    title: Words
    models: Annotated[list[Words], Field(min_length=1)]
    usb: list[UsbId]
    driver: Literal["nfcpy", "pcsc"]
    other_driver: Literal["nfcpy", "pcsc"] | None = None
    technologies: Annotated[list[Literal["type2", "type3", "type4", "type5"]], Field(min_length=1)]
    pcsc_names: Annotated[list[Words], Field(default_factory=list)]
    signal: Literal["none", "led-and-buzzer"] = "none"
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


Profile = NfcProfile | UhfProfile
"""Any profile, told apart by ``kind``."""

ANY_PCSC: Final = "nfc-pcsc"
"""The profile of a PC/SC reader that no other one names."""

KINDS: Final[Mapping[str, type[NfcProfile] | type[UhfProfile]]] = MappingProxyType(
    {"nfc": NfcProfile, "uhf": UhfProfile}
)

_OWN_KEYS: Final = ("kind", "name", "title", "models", "source", "based_on", "fixtures", "identity", "firmware")
"""What a profile never takes over from the one it is based on."""

_WHOLE_TABLES: Final = frozenset({"regions"})
"""What a profile that names it replaces as a whole; other tables are taken over
key by key."""


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


def load_profile(name: str, *, user_dir: Path | None = None) -> NfcProfile:
    """The NFC profile of this name; one of the user's own hides a shipped one. Raises ProfileError."""
    profile = load_any(name, user_dir=user_dir)
    if not isinstance(profile, NfcProfile):
        raise _other_kind(profile, "an NFC reader", user_dir)
    return profile


def load_uhf_profile(name: str, *, user_dir: Path | None = None) -> UhfProfile:
    """The UHF profile of this name, likewise."""
    profile = load_any(name, user_dir=user_dir)
    if not isinstance(profile, UhfProfile):
        raise _other_kind(profile, "a UHF module", user_dir)
    return profile


def load_any(name: str, *, user_dir: Path | None = None) -> Profile:
    """The profile of this name, whatever its kind. Raises ProfileError listing the names."""
    paths = profile_paths(user_dir)
    if name not in paths:
        raise ProfileError(
            f"there is no firmware profile {name[:80]!r}",
            code="profile-unknown",
            action=f"take one of: {', '.join(sorted(paths))}",
            profile=name[:80],
        )
    return load_file(paths[name], user_dir=user_dir)


def _other_kind(profile: Profile, wanted: str, user_dir: Path | None) -> ProfileError:
    prefix = "nfc-" if isinstance(profile, UhfProfile) else "uhf-"
    fitting = ", ".join(name for name in sorted(profile_paths(user_dir)) if name.startswith(prefix))
    return ProfileError(
        f"the profile {profile.name} is not that of {wanted}",
        code="profile-kind",
        action=f"take one of: {fitting}",
        profile=profile.name,
    )


def load_all(*, user_dir: Path | None = None) -> tuple[Profile, ...]:
    """All profiles by name. Raises ProfileError at the first bad one."""
    return tuple(load_file(path, user_dir=user_dir) for _, path in sorted(profile_paths(user_dir).items()))


def load_nfc(*, user_dir: Path | None = None) -> tuple[NfcProfile, ...]:
    """The profiles of NFC readers; those of other kinds are not looked at. Raises ProfileError at the first bad one."""
    found: list[NfcProfile] = []
    for _, path in sorted(profile_paths(user_dir).items()):
        document, text = read_toml(path)
        if document.get("kind") != "uhf":
            profile = _of_document(document, text, path, user_dir)
            assert isinstance(profile, NfcProfile)
            found.append(profile)
    return tuple(found)


def profile_paths(user_dir: Path | None = None) -> dict[str, Path]:
    """Where each profile is by its name; the user's own hide the shipped ones."""
    paths = {path.stem: path for path in find_profiles_dir().glob("*.toml")}
    if user_dir is not None:
        for path in user_dir.glob("*.toml"):
            if path.stem in paths:
                _LOG.info("profile %s: %s hides the shipped one", path.stem, path)
            paths[path.stem] = path
    return paths


def load_file(path: Path, *, user_dir: Path | None = None) -> Profile:
    """One profile file. Raises ProfileError with file, line where one can be told, and cause.

    ``user_dir``: where the profile that it is based on is looked for before the shipped ones.
    """
    document, text = read_toml(path)
    return _of_document(document, text, path, user_dir)


def problems_of(path: Path, *, user_dir: Path | None = None) -> list[ProfileError]:
    """Everything that is wrong with a profile file, not the first thing alone; empty where it loads."""
    try:
        document, text = read_toml(path)
        model, document = _prepared(document, text, path, user_dir)
    except ProfileError as error:
        return [error]
    found = all_problems(model, document, path, text)
    if document.get("name") != path.stem and not any("name:" in str(error.facts["cause"]) for error in found):
        found.append(_misnamed(document.get("name"), path, text))
    return found


def _of_document(document: dict[str, Any], text: str, path: Path, user_dir: Path | None) -> Profile:
    model, document = _prepared(document, text, path, user_dir)
    profile = validated(model, document, path, text)
    if profile.name != path.stem:
        raise _misnamed(profile.name, path, text)
    return profile


def _prepared(
    document: dict[str, Any], text: str, path: Path, user_dir: Path | None
) -> tuple[type[NfcProfile] | type[UhfProfile], dict[str, Any]]:
    """The model for this kind, and the tables with those taken over."""
    kind = document.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise bad_file(path, line_of(text, ("kind",)), f"kind is {kind!r}, not one of: {', '.join(KINDS)}")
    if kind == "uhf" and "based_on" in document:
        document = _merged(document, text, path, user_dir)
    return model, document


def _misnamed(name: object, path: Path, text: str) -> ProfileError:
    return bad_file(path, line_of(text, ("name",)), f"the name is {name!r}, the file is called {path.stem!r}")


def _merged(document: dict[str, Any], text: str, path: Path, user_dir: Path | None) -> dict[str, Any]:
    """The tables of the profile that this one is based on, with its own over them. One step, so that it stays plain."""
    base = document["based_on"]
    paths = profile_paths(user_dir)
    line = line_of(text, ("based_on",))
    if not isinstance(base, str) or base not in paths or base == path.stem:
        raise bad_file(path, line, f"based_on names {base!r}, which is no other profile")
    below, _ = read_toml(paths[base])
    if "based_on" in below:
        raise bad_file(path, line, f"{base} is itself based on {below['based_on']!r}: name that one")
    if below.get("kind") != document.get("kind"):
        raise bad_file(path, line, f"{base} is of the kind {below.get('kind')!r}")
    load_file(paths[base])  # its errors are its own
    merged = _over(below, document)
    lacking, commands = merged.get("without_commands"), merged.get("commands")
    if isinstance(lacking, list) and isinstance(commands, dict):
        if unknown := [name for name in lacking if name not in commands]:
            raise bad_file(path, line_of(text, ("without_commands",)), f"{base} has no command {unknown[0]!r}")
        merged["commands"] = {name: command for name, command in commands.items() if name not in lacking}
    return merged


def _over(below: dict[str, Any], own: dict[str, Any], *, top: bool = True) -> dict[str, Any]:
    result = {key: value for key, value in below.items() if not (top and key in _OWN_KEYS)}
    for key, value in own.items():
        taken = result.get(key)
        if isinstance(value, dict) and isinstance(taken, dict) and not (top and key in _WHOLE_TABLES):
            result[key] = _over(taken, value, top=False)
        else:
            result[key] = value
    return result


def find_fixtures_dir() -> Path | None:
    """The folder of the shipped transcripts: at the root of a clone; an installed wheel has none."""
    folder = Path(__file__).resolve().parents[3] / "hw_fixtures"
    return folder if folder.is_dir() else None


def check_fixtures(profile: Profile, fixtures_dir: Path) -> tuple[Transcript, ...]:
    """The transcripts of a profile, at least one. Raises ProfileError for a missing folder or a bad file."""
    paths = fixture_paths(fixtures_dir, profile.fixtures)
    if not paths:
        raise ProfileError(
            f"profile {profile.name} names the fixture folder {profile.fixtures}, which has no transcript",
            code="profile-fixtures-missing",
            action=f"add a transcript below hw_fixtures/{profile.fixtures}",
            profile=profile.name,
        )
    return tuple(check_transcript(profile, path) for path in paths)


def fixture_paths(fixtures_dir: Path, name: str) -> list[Path]:
    """The transcripts of a fixture folder; none where it is missing."""
    folder = fixtures_dir / name
    return sorted(folder.glob("*.toml")) if folder.is_dir() else []


def check_transcript(profile: Profile, path: Path) -> Transcript:
    """A transcript that its protocol allows; one of a UHF module must fit its profile too. Raises ProfileError."""
    transcript = load_transcript(path)
    if isinstance(profile, UhfProfile) and (problem := misfit(profile, transcript)) is not None:
        index, cause = problem
        _, text = read_toml(path)
        location = ("protocol",) if index is None else ("frames", index)
        raise bad_file(path, line_of(text, location), f"by the profile {profile.name}: {cause}")
    return transcript


def profile_by_usb(vendor: int, product: int, *, user_dir: Path | None = None) -> NfcProfile | None:
    """The profile that names this USB id; None where none does. Raises ProfileError at the first bad one."""
    for profile in load_nfc(user_dir=user_dir):
        if any(known.vendor == vendor and known.product == product for known in profile.usb):
            return profile
    return None


def profile_by_pcsc_name(name: str, *, user_dir: Path | None = None) -> NfcProfile:
    """The profile whose PC/SC name begins ``name``, the longest first; else the one for any PC/SC reader."""
    best: tuple[int, NfcProfile | None] = (0, None)
    for profile in load_nfc(user_dir=user_dir):
        for start in profile.pcsc_names:
            if name.lower().startswith(start.lower()) and len(start) > best[0]:
                best = (len(start), profile)
    return best[1] or load_profile(ANY_PCSC, user_dir=user_dir)
