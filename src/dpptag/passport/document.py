"""The passport document: bytes to one JSON object, strictly and within bounds.

Two envelopes are read: a JSON file, and a compact JWS of type ``vc+jwt`` (VC-JOSE-COSE section 3.1) whose payload is
the credential itself. No signature and no proof is checked here; ``Document.secured`` only says what is there.

Refused, each PassportError with a code of its own: ``too-large``, ``encoding`` (not UTF-8), ``bom``, ``depth``,
``json``, ``duplicate-key``, ``number`` (NaN, infinity, longer than a number needs to be), ``jwt`` (form and header of
the JWS), ``jwt-line-end``, ``vcdm-1`` (a ``vc`` claim).
"""

from __future__ import annotations

import json
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final

from dpptag.errors import PassportError

MAX_BYTES: Final = 1 << 20
"""Larger than any passport seen (24 kB) by far; keeps a wrong file from filling a handheld's memory."""
MAX_DEPTH: Final = 64
_MAX_NUMBER: Final = 64  # characters; CPython's own bound is 4,300 digits

JsonObject = dict[str, object]

_COMPACT_JWS: Final = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)").fullmatch
# The closing quote is optional: an open string runs to the end once, instead of being tried again at every quote.
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Document:
    """``credential`` is the VCDM object; ``secured`` how it claims to be signed, which nobody has checked."""

    credential: JsonObject
    media_type: str
    secured: str
    """``vc+jwt``, ``proof`` (an embedded proof) or ``none``."""


def read_document(data: bytes) -> Document:
    """Parse a passport document exactly as issued. Raises PassportError."""
    if len(data) > MAX_BYTES:
        raise PassportError("the passport document is too large", code="too-large", size=len(data), limit=MAX_BYTES)
    if data.lstrip(b" \t\r\n")[:1] in (b"{", b"\xef") or not data.strip():
        credential = parse_object(data, "the passport document")
        return Document(credential, "application/vc", "proof" if "proof" in credential else "none")
    return Document(_jwt_payload(data), "application/vc+jwt", "vc+jwt")


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
    return value


def _check_depth(text: str, what: str) -> None:
    """Count before parsing: the parser itself recurses."""
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise PassportError(f"{what} is nested too deeply", code="depth", limit=MAX_DEPTH)
        elif mark in "]}":
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


def _jwt_payload(data: bytes) -> JsonObject:
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
    _check_header(header, signed=bool(match[3]))
    _base64url(match[3], "signature")
    payload = parse_object(_base64url(match[2], "payload"), "the payload of the vc+jwt")
    for claim in ("vc", "vp"):
        if claim in payload:
            raise PassportError(
                f"the token wraps its credential in a {claim!r} claim, the form of data model 1.1",
                code="vcdm-1",
                action="have it issued as vc+jwt of data model 2.0",
            )
    return payload


def _check_header(header: JsonObject, *, signed: bool) -> None:
    """VC-JOSE-COSE section 3.1.1; RFC 7515 section 4.1.9 lets ``application/`` be left out, 4.1.11 rules ``crit``."""
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm.lower() == "none" or not signed:
        raise PassportError("the vc+jwt is not signed", code="jwt", alg=str(algorithm)[:40])
    for name, wanted in (("typ", "vc+jwt"), ("cty", "vc")):
        found = header.get(name, wanted)
        if not isinstance(found, str) or found.lower().removeprefix("application/") != wanted:
            raise PassportError(f"the header says {name} {str(found)[:40]!r}, not {wanted!r}", code="jwt")
    if "crit" in header:
        raise PassportError("the header has critical extensions, and none is known here", code="jwt")


def _base64url(part: bytes, name: str) -> bytes:
    """Unpadded base64url whose unused bits are zero, so that one token has one spelling (RFC 7515 section 2)."""
    try:
        octets = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except Base64Error as exc:
        raise PassportError(f"the {name} of the vc+jwt is not base64url", code="jwt") from exc
    if urlsafe_b64encode(octets).rstrip(b"=") != part:
        raise PassportError(f"the {name} of the vc+jwt is not canonical base64url", code="jwt")
    return octets
