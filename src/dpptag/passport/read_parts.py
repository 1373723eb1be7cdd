"""The small parts that several UNTP versions from 0.3.10 on write alike."""

from __future__ import annotations

from typing import Final

from dpptag.passport.digests import from_hex, from_multibase
from dpptag.passport.internal import (
    Classification,
    Country,
    Digest,
    Dimensions,
    Issuer,
    Link,
    Measure,
    Note,
    Party,
    Scheme,
    Status,
)
from dpptag.passport.read_cursor import Cursor, member_path
from dpptag.passport.versions import PASSPORT_TYPE, VCDM_2

DIMENSIONS: Final = ("weight", "length", "width", "height", "volume")
_TYPES: Final = frozenset({PASSPORT_TYPE, "VerifiableCredential"})


def multibase(cursor: Cursor, name: str) -> Digest | None:
    """A text that is no digest this reader can decode stays with the unknown members, and can prove nothing."""
    text = cursor.peek(name)
    digest = from_multibase(text) if isinstance(text, str) else None
    if digest is not None:
        cursor.take(name)
    return digest


def hex_digest(cursor: Cursor) -> Digest | None:
    """``hashDigest`` and ``hashMethod`` together, or neither: a digest without its method is unknown."""
    digits, method = cursor.peek("hashDigest"), cursor.peek("hashMethod")
    digest = from_hex(method, digits) if isinstance(digits, str) and isinstance(method, str) else None
    if digest is not None:
        cursor.take("hashDigest")
        cursor.take("hashMethod")
    elif digits is not None:
        text = "no digest: hashDigest and hashMethod do not fit each other, so it proves nothing"
        cursor.ledger.notes.append(Note(member_path(cursor.at, "hashDigest"), text))
    return digest


def link(cursor: Cursor) -> Link:
    """A Link or SecureLink of 0.3.10 to 0.6.1."""
    cursor.implied("type", "Link", "SecureLink")
    return Link(
        url=cursor.text("linkURL"),
        name=cursor.text("linkName"),
        type=cursor.text("linkType"),
        digest=hex_digest(cursor),
        encryption=cursor.text("encryptionMethod"),
        at=cursor.at,
    )


def link_0_7(cursor: Cursor) -> Link:
    return Link(
        url=cursor.text("linkURL"),
        name=cursor.text("linkName"),
        type=cursor.text("linkType"),
        media_type=cursor.text("mediaType"),
        digest=multibase(cursor, "digestMultibase"),
        at=cursor.at,
    )


def scheme(cursor: Cursor) -> Scheme:
    cursor.implied("type", "IdentifierScheme")
    return Scheme(cursor.text("id"), cursor.text("name"), at=cursor.at)


def country_code(cursor: Cursor, name: str) -> Country | None:
    """The bare code that countries are up to 0.6.1."""
    code = cursor.text(name)
    return None if code is None else Country(code)


def country(cursor: Cursor) -> Country:
    return Country(cursor.text("countryCode"), cursor.text("countryName"), at=cursor.at)


def classification(cursor: Cursor) -> Classification:
    """Of 0.3.10 to 0.6.1."""
    cursor.implied("type", "Classification")
    return Classification(
        code=cursor.text("code"),
        name=cursor.text("name"),
        scheme_id=cursor.text("schemeID"),
        scheme_name=cursor.text("schemeName"),
        id=cursor.text("id"),
        at=cursor.at,
    )


def classification_0_7(cursor: Cursor) -> Classification:
    return Classification(
        code=cursor.text("code"),
        name=cursor.text("name"),
        scheme_id=cursor.text("schemeId"),
        scheme_name=cursor.text("schemeName"),
        definition=cursor.text("definition"),
        at=cursor.at,
    )


def measure(cursor: Cursor) -> Measure:
    """Tolerances are of 0.7.0; an earlier document that has them means the same."""
    cursor.implied("type", "Measure")
    return Measure(
        value=cursor.number("value"),
        unit=cursor.text("unit"),
        upper_tolerance=cursor.number("upperTolerance"),
        lower_tolerance=cursor.number("lowerTolerance"),
        at=cursor.at,
    )


def dimensions(cursor: Cursor) -> Dimensions:
    cursor.implied("type", "Dimension")
    return Dimensions(**{name: cursor.node(name, measure) for name in DIMENSIONS}, at=cursor.at)


def party(cursor: Cursor) -> Party:
    """The Entity of 0.3.10, the Identifier of 0.4 and 0.5, the bare id and name of 0.6, the Party of 0.6 schemas."""
    cursor.implied("type", "Entity", "Identifier", "Party")
    return Party(
        id=cursor.text("id"),
        name=cursor.text("name"),
        registered_id=cursor.text("registeredId"),
        scheme=cursor.node("idScheme", scheme),
        at=cursor.at,
    )


def issuer(cursor: Cursor, aliases: str) -> Issuer:
    """``aliases``: the name of the list of other identities, which changed three times."""
    cursor.implied("type", "CredentialIssuer")
    return Issuer(cursor.text("id"), cursor.text("name"), cursor.nodes(aliases, party), at=cursor.at)


def statuses(cursor: Cursor) -> tuple[Status, ...]:
    """``credentialStatus``, one object or a list (W3C data model 2.0 section 4.10), in any version."""
    if isinstance(cursor.peek("credentialStatus"), list):
        return cursor.nodes("credentialStatus", _status)
    one = cursor.node("credentialStatus", _status)
    return () if one is None else (one,)


def _status(cursor: Cursor) -> Status:
    index: int | str | None = cursor.text("statusListIndex")
    number = cursor.peek("statusListIndex")
    if isinstance(number, int) and not isinstance(number, bool):
        cursor.take("statusListIndex")
        index = number
    return Status(
        type=cursor.text("type"),
        id=cursor.text("id"),
        purpose=cursor.text("statusPurpose"),
        index=index,
        list_credential=cursor.text("statusListCredential"),
        at=cursor.at,
    )


def envelope_words(cursor: Cursor) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the document adds to the two contexts and the two types of its version; odd values stay unknown."""
    contexts = cursor.peek("@context")
    added_contexts: tuple[str, ...] = ()
    if isinstance(contexts, list) and contexts[:1] == [VCDM_2] and all(isinstance(one, str) for one in contexts):
        cursor.take("@context")
        added_contexts = tuple(contexts[2:])
    types = cursor.peek("type")
    added_types: tuple[str, ...] = ()
    if isinstance(types, list) and all(isinstance(one, str) for one in types) and set(types) >= _TYPES:
        cursor.take("type")
        added_types = tuple(one for one in types if one not in _TYPES)
    return added_contexts, added_types
