"""Writing that accounts for every value: what has no place in the version written is listed with the reason.

A ``Sheet`` makes the objects of one document. Unknown members of the passport go to the object that stands for the one
they were read from, if that object is open in the version written and gives their name no meaning of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import IPv6Address
from typing import Final, TypeVar

from dpptag.passport.document import JsonObject
from dpptag.passport.internal import Node, Note, Passport, Unknown
from dpptag.passport.read_0_6 import NAMES
from dpptag.passport.read_cursor import member_path, split_member
from dpptag.passport.versions import VCDM_2, Version

N = TypeVar("N", bound=Node)

NO_PLACE: Final = "no member of {version} takes it, and its object takes no other members or was itself left out"
OWN_MEANING: Final = "{version} gives this name a meaning of its own"
PROOF: Final = "a proof covers the document it was made for and no other"
ENTRY: Final = "an entry of another type than its list holds"

# RFC 3986 section 3 and appendix A; an address in brackets is looked at again.
_NAME: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
_SEGMENT: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_URI: Final = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:"
    rf"(?://(?:(?:{_NAME}|:)*@)?(?:\[([0-9A-Fa-f:.]+)\]|{_NAME}*)(?::[0-9]*)?(?:/(?:{_SEGMENT}|/)*)?"
    rf"|/?(?:{_SEGMENT}(?:{_SEGMENT}|/)*)?)"
    rf"(?:\?(?:{_SEGMENT}|[/?])*)?(?:#(?:{_SEGMENT}|[/?])*)?"
).fullmatch
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII).fullmatch
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))?"
).fullmatch


@dataclass(frozen=True, slots=True)
class Dropped:
    """A value that the document written does not carry: its path in the source document, or where there is none the
    name of the internal passport's field; and why, for people."""

    path: str
    why: str


class Sheet:
    """One document being written, and the account of what it could not carry."""

    def __init__(self, passport: Passport, version: str) -> None:
        self.version = version
        self.dropped: list[Dropped] = []
        self.notes: list[Note] = []
        self._spelling = _spelling(passport.version)
        self._unknown: dict[str, list[tuple[str, Unknown]]] = defaultdict(list)
        for unknown in passport.unknown:
            place = split_member(unknown.path)
            if place is None:
                self.drop(unknown.path, ENTRY)
            elif place == ("$", "proof"):
                self.drop(unknown.path, PROOF)
            else:
                self._unknown[place[0]].append((place[1], unknown))

    def drop(self, path: str, why: str) -> None:
        self.dropped.append(Dropped(path, why.format(version=self.version)))

    def lose(self, at: str, reasons: Mapping[str, str], members: Mapping[str, object]) -> None:
        """List those of ``members`` that have a value, each with the reason that the version's table gives."""
        for name, value in members.items():
            if value is not None and value != ():
                self.drop(member_path(at, self._spelling.get(name, name)), reasons[name])

    def note(self, path: str, text: str) -> None:
        self.notes.append(Note(path, text))

    def make(
        self,
        at: str,
        members: Mapping[str, object],
        required: Collection[str] = (),
        *,
        is_open: bool = False,
        also: Collection[str] = (),
    ) -> JsonObject | None:
        """The members that have a value, and the unknown ones of the objects at ``at`` and ``also``.

        None, listed, where a required one has no value. ``members`` names all that the version knows in this place.
        """
        written = {name: value for name, value in members.items() if value is not None and value != []}
        missing = [name for name in required if name not in written]
        if missing:
            self.drop(at, f"{{version}} wants {' and '.join(missing)} here, which the passport does not give")
            return None
        if is_open:
            for place in dict.fromkeys((at, *also)):
                self._add_unknown(written, members, place)
        return written

    def _add_unknown(self, written: JsonObject, members: Mapping[str, object], place: str) -> None:
        for name, unknown in self._unknown.pop(place, ()):
            if name in members or name in written or name in ("@context", "type", "proof"):
                self.drop(unknown.path, OWN_MEANING)
            else:
                written[name] = unknown.value

    def finish(self) -> tuple[Dropped, ...]:
        """All that was left out, unknown members whose object was left out among them; call when all is written."""
        for left in self._unknown.values():
            for _name, unknown in left:
                self.drop(unknown.path, NO_PLACE)
        self._unknown.clear()
        return tuple(self.dropped)

    # ------------------------------------------------------------ values that the schemas check

    def uri(self, at: str, name: str, value: str | None) -> str | None:
        if value is None or is_uri(value):
            return value
        self.drop(member_path(at, name), "not a URI, which {version} wants here")
        return None

    def day(self, at: str, name: str, value: str | None) -> str | None:
        if value is None or (_DATE(value) and _exists(value)):
            return value
        self.drop(member_path(at, name), "not a date, which {version} wants here")
        return None

    def time(self, name: str, value: str | None) -> str | None:
        """A time with its zone. One without is written as UTC, which the note says the source does not."""
        match = None if value is None else _TIME(value.upper())
        if value is None:
            return None
        if match is None or not _exists(value.upper()):
            self.drop(f"$.{name}", "not a date and time, which {version} wants here")
            return None
        if match[1] is None:
            self.note(f"$.{name}", f"{value} states no time zone; written as UTC, which is an assumption")
            return value.upper() + "Z"
        return value.upper()

    def one_of(self, at: str, name: str, value: str | None, words: Collection[str]) -> str | None:
        if value is None or value in words:
            return value
        self.drop(member_path(at, name), f"not one of the words that {{version}} knows here: {', '.join(words)}")
        return None


def _spelling(version: str) -> dict[str, str]:
    """How the version read spells what the table of reasons has under its latest name."""
    names = NAMES.get(Version(version)) if version in set(Version) else None
    if names is None:
        return {}
    return {
        "conformance": names.verdict,
        "thresholdValue": names.thresholds or names.threshold or "thresholdValue",
        "tag": names.tag_text or names.tags or "tag",
    }


def each(
    sheet: Sheet, nodes: Iterable[N], path: str, write: Callable[[Sheet, N, str], JsonObject | None]
) -> list[JsonObject]:
    """The parts that could be written; ``path`` is for those that were not read from a document."""
    written = (write(sheet, node, f"{path}[{index}]") for index, node in enumerate(nodes))
    return [one for one in written if one is not None]


def maybe(
    sheet: Sheet, node: N | None, path: str, write: Callable[[Sheet, N, str], JsonObject | None]
) -> JsonObject | None:
    return None if node is None else write(sheet, node, path)


def contexts_and_types(passport: Passport, context: str) -> JsonObject:
    """The first members of a credential; contexts and types that the document adds are kept."""
    own = (VCDM_2, context)
    words = ("DigitalProductPassport", "VerifiableCredential")
    added = dict.fromkeys(one for one in passport.contexts if one not in own)
    return {
        "type": [*words, *(one for one in passport.types if one not in words)],
        "@context": [*own, *added],
    }


def is_uri(text: str) -> bool:
    """A URI with its scheme (RFC 3986); neither a relative reference nor an IRI."""
    match = _URI(text)
    if match is None or match[1] is None:
        return match is not None
    try:
        IPv6Address(match[1])
    except ValueError:
        return False
    return True


def _exists(text: str) -> bool:
    try:
        _ = datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
    except ValueError:
        return False
    return True
