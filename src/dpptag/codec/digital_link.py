"""GS1 Digital Link URIs: read, write, canonical form (GS1 Digital Link: URI Syntax 1.6).

Every refusal is a LinkError with a code of its own. ``no-key`` is said only where nothing in the path looks like a GS1
key, so that a caller may take such a URI for an ordinary one; a link that has a key but is wrong never gets that code.

=====================  =================================================================================
code                   refused
=====================  =================================================================================
too-long               more than 2048 characters
non-ascii              a character outside ASCII
illegal-character      raw space, control character, ``" < > \\ ^ { | }`` or backtick
percent-escape         ``%`` without two hex digits (own rule: RFC 3986 section 2.1)
scheme, scheme-case    neither http nor https; mixed case
no-host, no-path       nothing between ``//`` and ``/``; no ``/`` after the host
userinfo               ``user@`` before the host
host-characters        a character that no host name or address has
no-key                 no GS1 key in the path
trailing-slash         a key, right or wrong, and its qualifiers, then ``/``
misplaced-key          what is like a key, right or wrong, in another place than the end of the path
convenience-name       ``gtin``, ``sscc``... in place of the AI (deprecated since 1.2)
ai-03                  AI 03, which is no Digital Link key
compressed-form        the compressed form of release 1.1
empty-value, nul       nothing, or an encoded NUL, in a value
qualifier-order        the qualifiers of this key, but not in its order
qualifier-combination  AIs in the path that do not go together
gtin-short, length     a GTIN of 8, 12 or 13 digits; any other wrong length
characters             a character that the AI does not take
check-digit            also ``check-characters`` for a GMN
company-prefix         no digits where the company prefix stands
date, time, content    impossible date or time; other content rules of the dictionary
belongs-in-path        a qualifier of this key in the query
duplicate-ai           an AI twice
unknown-ai             an all-digit parameter that is no AI
not-attribute          an AI that may not be a query attribute
missing-companion      ``req`` rule of the dictionary
excluded-ai            ``ex`` rule of the dictionary
stem, dot-segment      written only: a stem or value that a browser or server would read differently
readback               written only: what was written does not parse to what was meant
=====================  =================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from dpptag.codec.check_digit import check_digit, gtin14
from dpptag.codec.digital_link_value import CANONICAL_HOST, MAX_URI, DigitalLink, Pairs, fixed_first, percent_encode
from dpptag.errors import LinkError

__all__ = [
    "CANONICAL_HOST",
    "MAX_URI",
    "DigitalLink",
    "build",
    "check_digit",
    "gs1_digits",
    "gtin14",
    "parse",
    "percent_encode",
]

_PLAIN: Final = r"[A-Za-z0-9._-]{1,20}"
_FAST: Final = re.compile(
    r"https://([a-z0-9.-]+(?::[0-9]+)?)((?:/[A-Za-z0-9._~-]+)*?)/01/([0-9]{14})"
    rf"(?:/22/({_PLAIN}))?(?:/10/({_PLAIN}))?(?:/21/({_PLAIN}))?"
).fullmatch

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST_TO_WRITE: Final = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]{{1,5}})?"
_STEM_TO_WRITE: Final = r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*"


def parse(uri: str) -> DigitalLink:
    """Read a Digital Link URI. Raises LinkError with a code from the table of this module."""
    if len(uri) <= MAX_URI:
        # The common shape in one match. It only ever accepts: whatever it does not take goes the long way. No qualifier
        # it knows is a key, so that its 01 is also the first key from the right.
        match = _FAST(uri)
        if match is not None:
            host, stem, gtin, variant, batch, serial = match.groups()
            digits = gtin.encode()
            if (3 * sum(digits[::2]) + sum(digits[1::2])) % 10 == 4:  # 28 weights of 48 make 1344
                qualifiers: Pairs
                if variant is None:
                    if batch is None:
                        qualifiers = () if serial is None else (("21", serial),)
                    else:
                        qualifiers = (("10", batch),) if serial is None else (("10", batch), ("21", serial))
                else:
                    pairs = (("22", variant), ("10", batch), ("21", serial))
                    qualifiers = tuple((ai, value) for ai, value in pairs if value is not None)
                return DigitalLink("01", gtin, qualifiers, (), host, stem)
    from dpptag.codec.digital_link_syntax import parse_any  # most links never need it, nor the AI table behind it

    return parse_any(uri)


def gs1_digits(uri: str) -> str:
    """``parse(uri).gs1_digits``, which is all that finding an issuer needs. Raises LinkError as ``parse`` does."""
    if len(uri) <= MAX_URI and (match := _FAST(uri)) is not None:
        gtin: str = match[3]
        digits = gtin.encode()
        if (3 * sum(digits[::2]) + sum(digits[1::2])) % 10 == 4:
            return gtin[1:]
    return parse(uri).gs1_digits


def build(host_or_stem: str, ais: Mapping[str, str]) -> str:
    """Write the Digital Link of ``ais`` (AI -> decoded value) under a host, with or without a stem.

    ``host_or_stem`` is ``id.example.com``, ``id.example.com/dpp`` or the same after ``https://``. The first key of
    ``ais`` is the key of the link; its qualifiers go into the path, whatever their order, the rest into the query.
    A GTIN has 14 digits (``gtin14``). Reads back what it wrote. Raises LinkError with the codes of ``parse``.
    """
    from dpptag.codec.gs1_ai import rule_for

    host, stem = _host_and_stem(host_or_stem)
    rules = {}
    for ai in ais:
        rule = rule_for(ai)
        if rule is None:
            raise LinkError(f"{ai!r} is no AI", code="unknown-ai", ai=ai)
        rules[ai] = rule
    key = next((rule for rule in rules.values() if rule.paths is not None), None)
    if key is None:
        raise LinkError("none of the AIs is a Digital Link key", code="no-key", got=",".join(ais))
    for ai, value in ais.items():
        if not value:
            raise LinkError(f"AI {ai} has no value", code="empty-value", ai=ai)
        if not value.isascii():
            raise LinkError(f"AI {ai} takes ASCII characters only", code="characters", ai=ai, value=value)
    order = max(key.paths or ((),), key=lambda path: sum(ai in ais for ai in path))
    qualifiers = tuple((ai, ais[ai]) for ai in order if ai in ais)
    in_path = {key.ai, *order}
    attributes = fixed_first(tuple((ai, value) for ai, value in ais.items() if ai not in in_path))
    for ai, value in ((key.ai, ais[key.ai]), *qualifiers):
        if value in (".", ".."):  # RFC 3986 section 5.2.4: a browser removes such a segment, encoded or not
            raise LinkError(f"AI {ai} would be a dot segment of the path", code="dot-segment", ai=ai, value=value)
    link = DigitalLink(key.ai, ais[key.ai], qualifiers, attributes, host, stem)
    uri = link.uri
    if parse(uri) != link:
        raise LinkError("the link does not read back as it was meant", code="readback", uri=uri)
    return uri


def _host_and_stem(host_or_stem: str) -> tuple[str, str]:
    scheme, separator, rest = host_or_stem.partition("://")
    if not separator:
        rest = host_or_stem
    elif scheme != "https":
        raise LinkError("links are written with https only", code="scheme", got=scheme)
    host, slash, tail = rest.removesuffix("/").partition("/")
    host, stem = host.lower(), slash + tail
    if not host:
        raise LinkError("there is no host", code="no-host")
    if not host.isascii():
        raise LinkError(
            "the host has characters outside ASCII", code="non-ascii", action="write the host in punycode", host=host
        )
    if re.fullmatch(_HOST_TO_WRITE, host) is None:
        raise LinkError(f"{host!r} is no host name to write", code="host-characters", host=host)
    if re.fullmatch(_STEM_TO_WRITE, stem) is None:
        raise LinkError(f"{stem!r} is no stem to write", code="stem", stem=stem)
    return host, stem
