"""The published JSON Schemas as an oracle: which is whose, an instance that uses all of one, and ways to break it."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from dpptag.errors import PassportError
from dpptag.passport.validation import validate
from dpptag.passport.versions import Version
from tests.vectors import vector_path

SCHEMAS = {
    Version.V0_3_0: "0.3.0/digitalProductPassport.json",
    Version.V0_3_10: "0.3.10/digitalProductPassport.json",
    Version.V0_4_0: "0.4.0/digitalProductPassport.json",
    Version.V0_4_1: "0.4.1/digitalProductPassport.json",
    Version.V0_4_2: "0.4.2/digitalProductPassport.json",
    Version.V0_5_0: "0.5.0/digitalProductPassport.json",
    Version.V0_6_0: "0.6.0/digitalProductPassport.json",
    Version.V0_6_1: "0.6.1/untp-dpp-schema-0.6.1.json",
    Version.V0_7_0: "0.7.0/untp-dpp-schema-0.7.0.json",
}
DEEPEST = 9  # steps into a class that holds itself


@dataclass(frozen=True)
class Outcome:
    """Whether a document passes, formats taken for annotations and for assertions."""

    plain: bool
    with_formats: bool


@functools.cache
def schema_of(version: Version) -> dict[str, Any]:
    path = vector_path("untp", "schema", *SCHEMAS[version].split("/"))
    schema: dict[str, Any] = json.loads(path.read_bytes())
    return schema


@functools.cache
def checker(version: Version) -> Validator:
    return Draft202012Validator(schema_of(version), format_checker=Draft202012Validator.FORMAT_CHECKER)


def schema_outcome(version: Version, instance: object, part: dict[str, Any] | None = None) -> Outcome:
    """By python jsonschema; ``part`` is a subschema of the version's and ``instance`` then what stands there."""
    validator = checker(version) if part is None else checker(version).evolve(schema=part)
    kinds = {error.validator for error in validator.iter_errors(instance)}
    return Outcome(kinds <= {"format"}, not kinds)


def our_outcome(document: dict[str, Any]) -> Outcome:
    """A document that is not recognised passes in no way."""
    try:
        faults = validate(document)
    except PassportError:
        return Outcome(False, False)
    plain = not any(fault.severity == "error" for fault in faults)
    return Outcome(plain, plain and not any(fault.code.startswith("format-") for fault in faults))


# --- instances --------------------------------------------------------------------------------------------------------


def resolved(version: Version, part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        part = schema_of(version)["$defs"][part["$ref"].removeprefix("#/$defs/")]
    return part


def instance_of(version: Version, part: dict[str, Any], depth: int = 0, name: str = "") -> Any:
    """A valid value that has every member which the schema names, as far as it does not hold itself."""
    part = resolved(version, part)
    match part["type"]:
        case "object":
            members = part.get("properties", {})
            required = part.get("required", [])
            return {
                name: instance_of(version, member, depth + 1, name)
                for name, member in members.items()
                if name in required or depth < DEEPEST
            }
        case "array" if "const" in part:
            return list(part["const"])
        case "array" if "prefixItems" in part:
            return [item["const"] for item in part["prefixItems"]]
        case "array" if "allOf" in part:
            return [rule["contains"]["const"] for rule in part["allOf"]]
        case "array":
            return [instance_of(version, part["items"], depth + 1, name)] if depth < DEEPEST else []
        case "string" if "enum" in part:
            return part["enum"][0]
        case "string":
            return {
                "uri": "https://example.com/a",
                "date": "2026-02-28",
                "date-time": "2026-02-28T12:00:00Z",
            }.get(part.get("format", ""), "DE" if "ountry" in name else "KGM")
        case "number":
            return 1
        case "integer":
            return 3
        case "boolean":
            return False
    raise AssertionError(part)


# --- mutants ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """``holder`` is the changed object inside the whole document, ``part`` what the schema says of it."""

    what: str
    holder: dict[str, Any]
    part: dict[str, Any]


@dataclass(frozen=True)
class Place:
    path: str
    holder: dict[str, Any]
    part: dict[str, Any]
    first: bool
    turn: int


def places(version: Version, document: dict[str, Any]) -> Iterator[Place]:
    """Every object that the schema describes; ``first`` at the first one of its class."""
    seen: set[int] = set()

    def walk(path: str, value: Any, part: dict[str, Any]) -> Iterator[Place]:
        part = resolved(version, part)
        if isinstance(value, list) and "items" in part:
            for at, one in enumerate(value):
                yield from walk(f"{path}[{at}]", one, part["items"])
        elif isinstance(value, dict):
            yield Place(path, value, part, id(part) not in seen, len(seen))
            seen.add(id(part))
            for name, member in list(value.items()):
                yield from walk(f"{path}.{name}", member, part["properties"][name])

    yield from walk("$", document, schema_of(version))


OTHER_TYPES: dict[str, tuple[Any, ...]] = {
    "string": (7, None),
    "number": ("7", True),
    "integer": ("7", 7.5),
    "boolean": ("false", 0),
    "array": ({}, "text"),
    "object": ([], None),
}
FORMATS = {
    "uri": ("no uri", "//example.com/a", "https://example.com/ä", "http://[::1", "a:", "https://example.com/%4"),
    "date": ("2026-02-29", "2026-2-3", "28.02.2026", "2024-02-29"),
    "date-time": (
        "2026-02-28T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-02-28t12:00:00z",
        "2026-02-28T24:00:00Z",
        "2026-02-28T12:00:00.5+14:00",
        "-0044-02-28T12:00:00Z",
        "2026-02-28",
        "2026-02-28T12:00:00+15:00",
    ),
}


def mutants(version: Version, document: dict[str, Any]) -> Iterator[Mutant]:
    """Break ``document`` in place, one way at a time, and put it right again after each.

    Everywhere a member is added and the object replaced; at the first object of each class also every member.
    Wrong formats take turns, two a member, and wrong types one.
    """
    types = {name: itertools.cycle(others) for name, others in OTHER_TYPES.items()}
    turns = {name: itertools.cycle(texts) for name, texts in FORMATS.items()}
    for place in places(version, document):
        holder, part = place.holder, place.part

        def changed(name: str, value: Any, what: str, place: Place = place) -> Iterator[Mutant]:
            before = place.holder.get(name, ...)
            place.holder[name] = value
            yield Mutant(f"{place.path}.{name} {what}", place.holder, place.part)
            if before is ...:
                del place.holder[name]
            else:
                place.holder[name] = before

        yield from changed("unheardOf", {"a": [1, None]}, "added")
        for name, member in part.get("properties", {}).items():
            member = resolved(version, member)
            if name not in holder:
                continue
            if member["type"] == "object":
                yield from changed(name, 5, "= 5")
            if not place.first:
                continue
            kept = holder.pop(name)
            yield Mutant(f"{place.path}.{name} dropped", holder, part)
            holder[name] = kept
            for other in itertools.islice(types[member["type"]], 1):
                yield from changed(name, other, f"= {other!r}")
            for text in itertools.islice(turns.get(member.get("format", ""), ()), 2):
                yield from changed(name, text, f"= {text!r}")
            if "enum" in member:
                yield from changed(name, member["enum"][0].upper() + "x", "not in its enumeration")
            for number in (-0.1, 0, 1.0, 1.1, 10**20) if member["type"] in ("number", "integer") else ():
                yield from changed(name, number, f"= {number!r}")
            if member["type"] == "array" and isinstance(kept, list) and kept:
                lists = ([], [5], [*kept, 5], kept[::-1], kept + kept[:1], [*kept, "https://example.com/c"])
                # Contexts have rules for each of these; other lists take turns.
                for value in lists if name == "@context" else lists[place.turn % 2 :: 2]:
                    yield from changed(name, value, "another list")
