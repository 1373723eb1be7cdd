"""UNTP product passports 0.6.0 and 0.7.0: where each version keeps what a tag needs.

The version is chosen by ``@context[1]`` and nothing else: the shapes of neighbouring versions overlap. This is no
schema validation; only the fields that reach a tag are read, and those strictly. An additional version is one row in
``VERSIONS``.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from dpptag.errors import PassportError
from dpptag.passport.document import JsonObject

VCDM_2: Final = "https://www.w3.org/ns/credentials/v2"
_MAX_TEXT: Final = 1000  # characters of a name; more than any display or event shows
LEVELS: Final = ("item", "batch", "model")


@dataclass(frozen=True, slots=True)
class Shape:
    """Paths of names from the credential down; the names differ between versions, the meaning does not."""

    version: str
    product: tuple[str, ...]
    serial: str
    level: tuple[str, ...]


VERSIONS: Final = {
    "https://test.uncefact.org/vocabulary/untp/dpp/0.6.0/": Shape(
        "0.6.0",
        product=("credentialSubject", "product"),
        serial="serialNumber",
        level=("credentialSubject", "granularityLevel"),
    ),
    "https://vocabulary.uncefact.org/untp/0.7.0/context/": Shape(
        "0.7.0",
        product=("credentialSubject",),
        serial="itemNumber",
        level=("credentialSubject", "idGranularity"),
    ),
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
    shape = _shape_of(credential)
    product = _object(credential, shape.product)
    level = _text(credential, shape.level)
    if level is not None and level not in LEVELS:
        raise _field_error(shape.level, f"is {level[:40]!r}, not one of {', '.join(LEVELS)}")
    return UntpProduct(
        version=shape.version,
        identity=_required(product, (*shape.product, "id")),
        name=_required(product, (*shape.product, "name")),
        serial=_own_text(product, (*shape.product, shape.serial)),
        batch=_own_text(product, (*shape.product, "batchNumber")),
        level=level,
        issuer_name=_text(credential, ("issuer", "name")),
    )


def _shape_of(credential: JsonObject) -> Shape:
    contexts = credential.get("@context")
    types = credential.get("type")
    if isinstance(types, str):
        types = [types]
    if isinstance(types, list) and "EnvelopedVerifiableCredential" in types:
        raise PassportError(
            "this is an envelope round a credential, not the credential itself",
            code="enveloped",
            action="give the vc+jwt that its data: URL holds, as a file of its own",
        )
    found = contexts[1] if isinstance(contexts, list) and len(contexts) > 1 else None
    shape = VERSIONS.get(found) if isinstance(found, str) and contexts[0] == VCDM_2 else None  # type: ignore[index]
    if shape is None:
        shown = str(contexts if found is None else found)[:200]
        raise PassportError(
            f"no UNTP version known here: @context[1] is {shown!r}" if found else f"no UNTP context in {shown!r}",
            code="unknown-version",
            action=f"have the passport issued as UNTP {' or '.join(shape.version for shape in VERSIONS.values())}",
            found=shown,
        )
    # From 0.7.0 on one context serves every kind of UNTP credential, so the type has to tell.
    if not isinstance(types, list) or not {"DigitalProductPassport", "VerifiableCredential"} <= _strings(types):
        raise PassportError(
            f"a UNTP {shape.version} credential, but no DigitalProductPassport",
            code="not-a-passport",
            found=str(types)[:200],
        )
    return shape


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
