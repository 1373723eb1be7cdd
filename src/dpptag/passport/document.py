"""The passport document: bytes to one JSON object, strictly and within bounds.

Read are a JSON file; a compact JWS of type ``vc+jwt`` (VC-JOSE-COSE section 3.1) and a COSE_Sign1 of type ``vc+cose``
(section 3.2), whose payload is the credential itself; and an EnvelopedVerifiableCredential, whose ``data:`` URL holds
one of these two. No signature and no proof is checked here: ``Document.secured`` only says what is there, and
``Document.envelope`` what there is to check. A vc+cose must be deterministic CBOR (RFC 8949 section 4.2.1).

Refused, each PassportError with a code of its own: ``too-large``, ``encoding`` (not UTF-8, or half a character),
``bom``, ``depth``, ``json``, ``duplicate-key``, ``number`` (NaN, infinity, longer than a number needs to be), ``jwt``
(form and header of the JWS), ``jwt-line-end``, ``vcdm-1`` (a ``vc`` claim), ``cose`` (form and header of the
COSE_Sign1), ``enveloped`` (a ``data:`` URL that holds neither, or members beside it).
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, replace
from typing import Final

from dpptag.codec.cose import Header, parse_sign1
from dpptag.errors import CoseError, PassportError

MAX_BYTES: Final = 1 << 20
"""Larger than any passport seen (24 kB) by far; keeps a wrong file from filling a handheld's memory."""
MAX_DEPTH: Final = 64
_MAX_NUMBER: Final = 64  # characters; CPython's own bound is 4,300 digits

ENVELOPED: Final = "EnvelopedVerifiableCredential"
_OF_AN_ENVELOPE: Final = frozenset(("@context", "id", "type"))
_COSE_TYP: Final = 16  # RFC 9596

JsonObject = dict[str, object]

_COMPACT_JWS: Final = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)").fullmatch
# The closing quote is optional: an open string runs to the end once, instead of being tried again at every quote.
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKET: Final = re.compile(r"[^][{}]++")
_SURROGATE: Final = re.compile(r"\\u[dD][89A-Fa-f]")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signature round a credential. ``algorithm`` as the header names it: JOSE text or COSE number.

    ``key_id`` is a hint as it stands, and proves nothing.
    """

    algorithm: str | int
    key_id: str | bytes | None
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """``credential`` is the VCDM object; ``secured`` how it claims to be signed, which nobody has checked."""

    credential: JsonObject
    media_type: str
    secured: str
    """``vc+jwt``, ``vc+cose``, ``proof`` (an embedded proof) or ``none``."""
    envelope: Envelope | None = None


def read_document(data: bytes) -> Document:
    """Parse a passport document exactly as issued. Raises PassportError."""
    if len(data) > MAX_BYTES:
        raise PassportError("the passport document is too large", code="too-large", size=len(data), limit=MAX_BYTES)
    if data[:1] in (b"\xd2", b"\x84"):
        return _cose_document(data)
    if data.lstrip(b" \t\r\n")[:1] in (b"{", b"\xef") or not data.strip():
        credential = parse_object(data, "the passport document")
        if _is_enveloped(credential):
            return _in_envelope(credential)
        return Document(credential, "application/vc", "proof" if "proof" in credential else "none")
    return _jwt_document(data)


def _is_enveloped(credential: JsonObject) -> bool:
    types = credential.get("type")
    return types == ENVELOPED or (isinstance(types, list) and ENVELOPED in types)


def _in_envelope(credential: JsonObject) -> Document:
    """VCDM 2.0 section 4.12.1: the credential is in the ``data:`` URL of ``id``; the document is the envelope."""
    beside = sorted(credential.keys() - _OF_AN_ENVELOPE)
    if beside:
        raise PassportError(
            f"the envelope has members of its own, which nobody signed: {', '.join(beside)[:120]}",
            code="enveloped",
            action="have it issued with @context, id and type alone; the credential is in the data: URL",
        )
    url = credential.get("id")
    media_type, separator, text = url.partition(",") if isinstance(url, str) else ("", "", "")
    inner: Document | None = None
    if separator and text.isascii():
        if media_type == "data:application/vc+jwt":
            inner = _jwt_document(text.encode())
        elif media_type == "data:application/vc+cose;base64":
            try:
                inner = _cose_document(b64decode(text, validate=True))
            except Base64Error as exc:
                raise PassportError("the data: URL of the envelope is not base64", code="enveloped") from exc
    if inner is None:
        raise PassportError(
            "the envelope's data: URL holds neither a vc+jwt nor a vc+cose",
            code="enveloped",
            action="have it issued as data:application/vc+jwt,... or data:application/vc+cose;base64,...",
        )
    return replace(inner, media_type="application/vc")


def parse_object(data: bytes, what: str) -> JsonObject:
    """One JSON object (RFC 8259) without repeated names or numbers that no two readers agree on."""
    if data.startswith(_BOM):
        raise PassportError(
            f"{what} starts with a byte order mark, which JSON must not have",
            code="bom",
            action="have it issued again without the mark; taking it off here would change the digest",
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise PassportError(f"{what} is not UTF-8", code="encoding", offset=exc.start) from exc
    _check_depth(text, what)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_refuse_number,
            parse_float=_finite,
            parse_int=_bounded_integer,
        )
    except json.JSONDecodeError as exc:
        raise PassportError(f"{what} is not JSON: {exc.msg}", code="json", line=exc.lineno, column=exc.colno) from exc
    if not isinstance(value, dict):
        raise PassportError(f"{what} is JSON, but not an object", code="json")
    if _SURROGATE.search(text):
        _check_surrogates(value, what)
    return value


def _check_surrogates(value: JsonObject, what: str) -> None:
    """Half a character, as an escape: no UTF-8 can hold it, so that it could be neither shown nor written again."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise PassportError(
            f"{what} has half a character: a \\u escape of a surrogate without its other half", code="encoding"
        ) from exc


def _check_depth(text: str, what: str) -> None:
    """Count before parsing: the parser itself recurses."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for mark in _NO_BRACKET.sub("", _STRING.sub("", text)):
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise PassportError(f"{what} is nested too deeply", code="depth", limit=MAX_DEPTH)
        else:
            depth -= 1


def _no_duplicates(pairs: list[tuple[str, object]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _value in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise PassportError(f"the name {twice[:80]!r} stands twice in one object", code="duplicate-key")
    return members


def _refuse_number(text: str) -> float:
    raise PassportError(f"{text[:20]} is no JSON number of a passport", code="number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)


def _bounded_integer(text: str) -> float:
    return int(text) if len(text) <= _MAX_NUMBER else _refuse_number(text)


def _jwt_document(data: bytes) -> Document:
    if data != data.rstrip(b"\r\n") and _COMPACT_JWS(data.rstrip(b"\r\n")):
        raise PassportError(
            "a line end follows the vc+jwt; it is no part of what was issued and would change the digest",
            code="jwt-line-end",
            action="save the token without a line end",
        )
    match = _COMPACT_JWS(data)
    if match is None:
        raise PassportError("neither a JSON object nor a compact vc+jwt", code="json")
    header = parse_object(_base64url(match[1], "header"), "the header of the vc+jwt")
    algorithm = _check_header(header, signed=bool(match[3]))
    signature = _base64url(match[3], "signature")
    payload = parse_object(_base64url(match[2], "payload"), "the payload of the vc+jwt")
    for claim in ("vc", "vp"):
        if claim in payload:
            raise PassportError(
                f"the token wraps its credential in a {claim!r} claim, the form of data model 1.1",
                code="vcdm-1",
                action="have it issued as vc+jwt of data model 2.0",
            )
    key_id = header.get("kid")
    envelope = Envelope(algorithm, key_id if isinstance(key_id, str) else None, data[: match.end(2)], signature)
    return Document(payload, "application/vc+jwt", "vc+jwt", envelope)


def _cose_document(data: bytes) -> Document:
    """VC-JOSE-COSE section 3.2: typ (RFC 9596, label 16) and content type say what it is; RFC 9052 section 4.2."""
    try:
        sign1 = parse_sign1(data, max_size=MAX_BYTES, max_depth=8)
    except CoseError as exc:
        raise PassportError(f"the passport document is no vc+cose: {exc.message}", code="cose") from exc
    for label, wanted in ((_COSE_TYP, "vc+cose"), (Header.CONTENT_TYPE, "vc")):
        found = sign1.protected_header.get(int(label), wanted)
        if not isinstance(found, str) or found.lower().removeprefix("application/") != wanted:
            raise PassportError(f"the header says {label:d} {str(found)[:40]!r}, not {wanted!r}", code="cose")
    algorithm = sign1.protected_header.get(int(Header.ALG))
    if not isinstance(algorithm, int) or sign1.payload is None or not sign1.signature:
        raise PassportError("the vc+cose is not signed, or holds no credential", code="cose")
    key_id = sign1.header(int(Header.KID))
    credential = parse_object(sign1.payload, "the payload of the vc+cose")
    envelope = Envelope(algorithm, key_id if isinstance(key_id, bytes) else None, sign1.to_be_signed(), sign1.signature)
    return Document(credential, "application/vc+cose", "vc+cose", envelope)


def _check_header(header: JsonObject, *, signed: bool) -> str:
    """The algorithm. VC-JOSE-COSE 3.1.1; RFC 7515 4.1.9 lets ``application/`` be left out, 4.1.11 rules ``crit``."""
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm.lower() == "none" or not signed:
        raise PassportError("the vc+jwt is not signed", code="jwt", alg=str(algorithm)[:40])
    for name, wanted in (("typ", "vc+jwt"), ("cty", "vc")):
        found = header.get(name, wanted)
        if not isinstance(found, str) or found.lower().removeprefix("application/") != wanted:
            raise PassportError(f"the header says {name} {str(found)[:40]!r}, not {wanted!r}", code="jwt")
    if "crit" in header:
        raise PassportError("the header has critical extensions, and none is known here", code="jwt")
    return algorithm


def _base64url(part: bytes, name: str) -> bytes:
    """Unpadded base64url whose unused bits are zero, so that one token has one spelling (RFC 7515 section 2)."""
    try:
        octets = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except Base64Error as exc:
        raise PassportError(f"the {name} of the vc+jwt is not base64url", code="jwt") from exc
    if urlsafe_b64encode(octets).rstrip(b"=") != part:
        raise PassportError(f"the {name} of the vc+jwt is not canonical base64url", code="jwt")
    return octets
