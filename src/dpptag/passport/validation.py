"""A passport against its version: every fault by its path, in words.

Three steps. 1: the version's models, which say what its JSON Schema says; in each list the first wrong entry ends the
search, so that no document makes many errors. 2: only where there is a fault, the models once more over a copy cut to
a bounded size, which tells all of them. 3: the rules beyond the schema. Nothing is fetched, and the work is linear in
the size of the document.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from dpptag.passport.document import MAX_DEPTH, JsonObject
from dpptag.passport.faults import Fault, Findings
from dpptag.passport.versions import Version, recognise
from dpptag.passport.versions.basic import Breaches
from dpptag.passport.versions.models import all_faults, first_faults
from dpptag.passport.versions.names import names_of
from dpptag.passport.versions.rules import examine
from dpptag.passport.versions.words import tell

_ENTRIES: Final = 2000  # of lists, in the copy that is searched for every fault
_UNKNOWN_MEMBERS: Final = 200  # of one object, likewise
_ERRORS: Final = 2000  # of pydantic's that are turned into words
_NAME_LISTS: Final = frozenset({"@context", "type"})


def validate(document: JsonObject, *, strict: bool = False) -> tuple[Fault, ...]:
    """Errors first, then warnings; empty for a passport without either.

    Without ``strict`` there is an error where, and only where, the version's JSON Schema refuses the document; formats
    (URI, date, time) are annotations to it, so breaking one is a warning. ``strict`` makes errors of those and of what
    the standard's text forbids. ``document`` is the credential of ``read_document``. Raises PassportError as
    ``recognise`` does.
    """
    version = recognise(document)
    findings = Findings(strict=strict)
    _against_models(document, version, findings)
    examine(document, version, findings)
    return findings.told()


def has_errors(faults: tuple[Fault, ...]) -> bool:
    return any(fault.severity == "error" for fault in faults)


def _against_models(document: JsonObject, version: Version, findings: Findings) -> None:
    breaches = Breaches()
    first: ValidationError | None = None
    try:
        first_faults(version).validate_python(document, strict=True, context=breaches)
    except ValidationError as exc:
        first = exc
    if first is None and not breaches.of_format:
        return
    told_formats, told_errors = 0, 0
    try:
        all_faults(version).validate_python(_cut(document, version), strict=True)
    except ValidationError as exc:
        for error in _errors(exc):
            tell(error, version, findings)
            is_format = error["type"].startswith("format-")
            told_formats += is_format
            told_errors += not is_format
    if first is not None and first.error_count() <= _ERRORS:
        for error in _errors(first):  # those beyond the cut; the others are known by their path
            tell(error, version, findings)
    elif first is not None:
        findings.untold("error", first.error_count() - told_errors)
    findings.untold("error" if findings.strict else "warning", breaches.of_format - told_formats)


def _errors(exc: ValidationError) -> list[Any]:
    return exc.errors(include_url=False) if exc.error_count() <= _ERRORS else exc.errors(include_url=False)[:_ERRORS]


def _cut(document: JsonObject, version: Version) -> JsonObject:
    """A copy with a bounded number of list entries and unknown members; all that the models ask for by name stays."""
    known = names_of(version)
    left = _ENTRIES

    def copy(value: object, depth: int) -> object:
        nonlocal left
        if depth > MAX_DEPTH:  # the parser lets no such document in, but a caller may have made one
            return value
        if isinstance(value, dict):
            unknown = 0
            members: JsonObject = {}
            for name, member in value.items():
                if name not in known:
                    unknown += 1
                    if unknown > _UNKNOWN_MEMBERS:
                        continue
                members[name] = member if name in _NAME_LISTS else copy(member, depth + 1)
            return members
        if isinstance(value, list):
            taken = value[: min(len(value), left)]
            left -= len(taken)
            return [copy(one, depth + 1) for one in taken]
        return value

    copied = copy(document, 0)
    assert isinstance(copied, dict)
    return copied
