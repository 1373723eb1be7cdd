"""What of a UNTP product passport reaches a tag, and where each version from 0.3.0 to 0.7.0 keeps it.

The version is chosen by ``versions.recognise``, by ``@context[1]`` and nothing else. This is no schema validation; only
the few fields that reach a tag are read, and those strictly: a wrong one is an error here, where ``read_untp`` keeps it
as unknown.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from dpptag.errors import PassportError
from dpptag.passport.document import JsonObject
from dpptag.passport.versions import PASSPORT_TYPE, VCDM_2, Version, recognise

_MAX_TEXT: Final = 1000  # characters of a name; more than any display or event shows
LEVELS: Final = ("item", "batch", "model")
_SUBJECT: Final = "credentialSubject"


@dataclass(frozen=True, slots=True)
class Shape:
    """Paths of names from the credential down; the names differ between versions, the meaning does not.

    ``level`` is None where a version does not state the granularity.
    """

    product: tuple[str, ...]
    level: tuple[str, ...] | None
    name: str = "name"
    serial: str = "serialNumber"


_FLAT: Final = Shape((_SUBJECT,), (_SUBJECT, "granularityLevel"))
_NESTED: Final = Shape((_SUBJECT, "product"), (_SUBJECT, "granularityLevel"))
SHAPES: Final = {
    Version.V0_3_0: Shape((), None, name="productName"),
    Version.V0_3_10: Shape((_SUBJECT,), None),
    Version.V0_4_0: Shape((_SUBJECT,), None),
    Version.V0_4_1: _FLAT,
    Version.V0_4_2: _FLAT,
    Version.V0_5_0: _FLAT,
    Version.V0_6_0: _NESTED,
    Version.V0_6_1: _NESTED,
    Version.V0_7_0: Shape((_SUBJECT,), (_SUBJECT, "idGranularity"), serial="itemNumber"),
}


@dataclass(frozen=True, slots=True)
class UntpProduct:
    """The product as the passport states it, nothing derived; ``None`` where the passport is silent."""

    version: str
    identity: str
    name: str
    serial: str | None
    batch: str | None
    level: str | None
    issuer_name: str | None


def read_product(credential: JsonObject) -> UntpProduct:
    """Raises PassportError: ``unknown-version``, ``enveloped``, ``not-a-passport``, ``field``."""
    version = recognise(credential)
    shape = SHAPES[version]
    if version is not Version.V0_3_0:
        _check_envelope(credential, version)
    product = _object(credential, shape.product)
    level = _text(credential, shape.level) if shape.level else None
    if shape.level and level is not None and level not in LEVELS:
        raise _field_error(shape.level, f"is {level[:40]!r}, not one of {', '.join(LEVELS)}")
    return UntpProduct(
        version=str(version),
        identity=_required(product, (*shape.product, "id")),
        name=_required(product, (*shape.product, shape.name)),
        serial=_own_text(product, (*shape.product, shape.serial)),
        batch=_own_text(product, (*shape.product, "batchNumber")),
        level=level,
        # The bare product of 0.3.0 has no issuer.
        issuer_name=None if version is Version.V0_3_0 else _text(credential, ("issuer", "name")),
    )


def read_identity(credential: JsonObject) -> str:
    """The id of the product that the passport is for, from where its version keeps it. Raises as ``read_product``."""
    version = recognise(credential)
    shape = SHAPES[version]
    if version is not Version.V0_3_0:
        _check_envelope(credential, version)
    return _required(_object(credential, shape.product), (*shape.product, "id"))


def _check_envelope(credential: JsonObject, version: Version) -> None:
    """The first context and the types, which every version from 0.3.10 on requires."""
    contexts = credential["@context"]
    first = contexts[0] if isinstance(contexts, list) else contexts
    if first != VCDM_2:
        raise PassportError(
            f"no credential of data model 2.0: @context starts with {str(first)[:200]!r}",
            code="unknown-version",
            action="have the passport issued with the W3C context first",
            found=str(first)[:200],
        )
    types = credential.get("type")
    if isinstance(types, str):
        types = [types]
    if not isinstance(types, list) or not {PASSPORT_TYPE, "VerifiableCredential"} <= _strings(types):
        raise PassportError(
            f"a UNTP {version} credential, but no {PASSPORT_TYPE}", code="not-a-passport", found=str(types)[:200]
        )


def _strings(values: list[object]) -> set[str]:
    return {value for value in values if isinstance(value, str)}


def _field_error(path: tuple[str, ...], fault: str) -> PassportError:
    field = ".".join(path)
    return PassportError(f"{field} {fault}", code="field", field=field)


def _object(credential: JsonObject, path: tuple[str, ...]) -> JsonObject:
    here: object = credential
    for depth, name in enumerate(path, 1):
        here = here.get(name) if isinstance(here, dict) else None
        if not isinstance(here, dict):
            raise _field_error(path[:depth], "is missing" if here is None else "is no object")
    assert isinstance(here, dict)
    return here


def _text(credential: JsonObject, path: tuple[str, ...]) -> str | None:
    return _own_text(_object(credential, path[:-1]), path)


def _required(holder: JsonObject, path: tuple[str, ...]) -> str:
    text = _own_text(holder, path)
    if text is None:
        raise _field_error(path, "is missing")
    return text


def _own_text(holder: JsonObject, path: tuple[str, ...]) -> str | None:
    """A string that may be shown on a terminal and encoded as UTF-8, the last name of ``path`` in ``holder``."""
    if path[-1] not in holder:
        return None
    text = holder[path[-1]]
    if not isinstance(text, str) or not text.strip():
        raise _field_error(path, "is empty" if isinstance(text, str) else "is no string")
    if len(text) > _MAX_TEXT:
        raise _field_error(path, f"has {len(text)} characters, more than {_MAX_TEXT}")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise _field_error(path, "has control characters")
    return text
