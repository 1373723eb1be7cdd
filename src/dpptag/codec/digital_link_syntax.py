"""The general path of the Digital Link parser: any key, stem, query and encoding.

Called by ``digital_link.parse`` for all that its fast path does not take; codes as listed there.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from dpptag.codec.digital_link_value import CANONICAL_HOST, MAX_URI, DigitalLink, Pairs
from dpptag.codec.gs1_ai import AiRule, check_companions, check_value, rule_for
from dpptag.errors import LinkError

_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")
_HOST_END: Final = re.compile(r"[/?#]")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9.:\[\]-]")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_COMPRESSED: Final = re.compile(r"/[A-Za-z0-9_-]{10,}")

# Names of release 1.0 and 1.1 for the keys; those of qualifiers alone make no link.
_CONVENIENCE_NAMES: Final = {
    "cpid": "8010",
    "gcn": "255",
    "gdti": "253",
    "giai": "8004",
    "ginc": "401",
    "gln": "414",
    "gmn": "8013",
    "grai": "8003",
    "gsin": "402",
    "gsrn": "8018",
    "gsrnp": "8017",
    "gtin": "01",
    "itip": "8006",
    "party": "417",
    "payto": "415",
    "sscc": "00",
}


# How many leading digits make a value after this AI a GS1 key, right or wrong: about the digits of the key; for keys of
# free length the shortest company prefix. /401/page-2 is none, /01/9520123456788/ is a broken one.
_KEY_DIGITS: Final = {
    "01": 8,
    **dict.fromkeys(("8003", "8006"), 13),
    "402": 16,
    **dict.fromkeys(("00", "8017", "8018"), 17),
    **dict.fromkeys(("253", "255", "414", "415", "417"), 12),
    **dict.fromkeys(("401", "8004", "8010", "8013"), 4),
}
_LEADING_DIGITS: Final = re.compile(r"[0-9]*")


def parse_any(uri: str) -> DigitalLink:
    """The general path: any key, stem, query, encoding. Agrees with the fast path wherever that accepts."""
    host, path, query = _split(uri)
    found = _key_and_qualifiers(path)
    if found is None:
        raise _no_key(host, path, query)
    stem, pairs = found
    values: list[tuple[str, str]] = []
    for rule, raw in pairs:
        values.append((rule.ai, _decoded(rule, raw, in_query=False)))
    _check_sequence(pairs[0][0], [rule.ai for rule, _raw in pairs[1:]])
    attributes = _attributes(query, pairs[0][0], [rule.ai for rule, _raw in pairs[1:]])
    check_companions(dict((*values, *attributes)))
    return DigitalLink(*values[0], tuple(values[1:]), attributes, host, stem)


def _split(uri: str) -> tuple[str, str, str]:
    """Host, path from ``/`` and query without ``?``; the fragment is dropped."""
    if len(uri) > MAX_URI:
        raise LinkError(f"the URI has more than {MAX_URI} characters", code="too-long", wanted=MAX_URI, got=len(uri))
    if not uri.isascii():
        raise LinkError(
            "the URI has characters outside ASCII",
            code="non-ascii",
            action="write the host in punycode and values in GS1 characters",
        )
    illegal = _ILLEGAL.search(uri)
    if illegal is not None:
        raise LinkError(f"{illegal[0]!r} may not stand in a URI", code="illegal-character", at=illegal.start())
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in ("https", "http", "HTTPS", "HTTP"):
        if separator and scheme.lower() in ("https", "http"):
            raise LinkError(f"scheme {scheme!r} mixes cases", code="scheme-case", action="write https")
        raise LinkError("a Digital Link begins with https://", code="scheme")
    broken = _BROKEN_ESCAPE.search(uri)
    if broken is not None:
        raise LinkError(
            "% without two hex digits after it (RFC 3986 section 2.1)",
            code="percent-escape",
            action="write a percent sign as %25",
            at=broken.start(),
        )
    end = _HOST_END.search(rest)
    host, tail = (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])
    if not host or host.startswith(":"):
        raise LinkError("there is no host", code="no-host")
    _check_host(host)
    if not tail.startswith("/"):
        raise LinkError("there is no path after the host", code="no-path")
    path, _mark, query = tail.partition("#")[0].partition("?")
    return host, path, query


def _check_host(host: str) -> None:
    if "@" in host:
        raise LinkError("the URI has user information before the host", code="userinfo")
    illegal = _HOST_ILLEGAL.search(host)
    if illegal is not None:
        raise LinkError(f"{illegal[0]!r} may not stand in a host", code="host-characters", host=host)


def _key_and_qualifiers(path: str) -> tuple[str, list[tuple[AiRule, str]]] | None:
    """Stem and (rule, raw value) pairs from the key on, which is found from the right; None where there is none."""
    segments = path.split("/")[1:]
    pairs: list[tuple[AiRule, str]] = []
    for at in range(len(segments) - 2, -1, -2):
        rule = rule_for(segments[at])
        if rule is None:
            break
        pairs.append((rule, segments[at + 1]))
        if rule.paths is not None:
            stem = "".join("/" + segment for segment in segments[:at])
            return stem, pairs[::-1]
    return None


def _no_key(host: str, path: str, query: str) -> LinkError:
    """Say what the URI holds in place of a key at the end of its path; ``no-key`` only where nothing is like one.

    Who signs for an ordinary URI is found by its host. So whatever somebody could take for a GS1 key must be told here,
    above all where it is broken: a wrong check digit, a slash too many, the wrong place.
    """
    trimmed = path.rstrip("/")
    if trimmed != path and (found := _key_and_qualifiers(trimmed)) is not None:
        ai = found[1][0][0].ai
        return LinkError("a / stands after the last value", code="trailing-slash", action="remove it", ai=ai)
    plain = [_unescape(segment) for segment in path.split("/")[1:]]
    for name, value in (*pairwise(plain), *_parameters(query)):
        if name == "03" and re.fullmatch(r"[0-9]{14}", value):
            return LinkError("AI 03 (made-to-order GTIN) is no Digital Link key", code="ai-03", value=value)
        ai = _CONVENIENCE_NAMES.get(name.lower(), name)
        rule = rule_for(ai)
        if rule is None or rule.paths is None:
            continue
        if ai != name:
            shape = re.match(r"[0-9]{8}" if ai == "01" else r"[0-9]{13}" if rule.shortest >= 13 else r"[0-9]{4}", value)
            if shape is not None:
                return LinkError(
                    f"the name {name!r} stands where the AI belongs: write /{ai}/",
                    code="convenience-name",
                    action=f"write /{ai}/ in place of /{name}/",
                    ai=ai,
                )
        elif len(_LEADING_DIGITS.match(value)[0]) >= _KEY_DIGITS[ai]:  # type: ignore[index]  # it always matches
            return LinkError(
                f"AI {ai} with {value[:40]!r} is like a GS1 key, but does not stand at the end of the path as one",
                code="misplaced-key",
                action="write the key unencoded, then only its qualifiers; or choose another path",
                ai=ai,
            )
    if host.lower() == CANONICAL_HOST and _COMPRESSED.fullmatch(path):
        return LinkError("the compressed form of GS1 Digital Link is not supported", code="compressed-form")
    return LinkError(
        "there is no GS1 key in the path (the compressed form is not supported)",
        code="no-key",
        action="write the key as /01/ and the 14-digit GTIN",
    )


def _parameters(query: str) -> list[tuple[str, str]]:
    return [(_unescape(ai), _unescape(raw)) for ai, _, raw in (part.partition("=") for part in query.split("&"))]


def _decoded(rule: AiRule, raw: str, *, in_query: bool) -> str:
    """Decode one raw value, once, and check it. A raw plus sign in a query means a space (and is then refused)."""
    if not raw:
        raise LinkError(f"AI {rule.ai} has no value", code="empty-value", ai=rule.ai)
    value = _unescape(raw.replace("+", " ") if in_query else raw)
    if "\0" in value:
        raise LinkError(f"the value of AI {rule.ai} holds a NUL", code="nul", ai=rule.ai)
    check_value(rule, value)
    return value


def _unescape(raw: str) -> str:
    # Octets above 7Fh come out as Latin-1 characters, which no AI takes: they need no UTF-8 decoding to be refused.
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), raw) if "%" in raw else raw


def _is_subsequence(wanted: list[str], order: tuple[str, ...]) -> bool:
    rest = iter(order)
    return all(ai in rest for ai in wanted)


def _check_sequence(key: AiRule, qualifiers: list[str]) -> None:
    orders = key.paths or ()
    if any(_is_subsequence(qualifiers, order) for order in orders):
        return
    for ai in qualifiers:
        if qualifiers.count(ai) > 1:
            raise LinkError(f"AI {ai} stands twice in the path", code="duplicate-ai", ai=ai)
    for order in orders:
        if set(qualifiers) <= set(order):
            raise LinkError(
                f"the qualifiers of AI {key.ai} come in the order {', '.join(order)}",
                code="qualifier-order",
                ai=key.ai,
                wanted=",".join(order),
                got=",".join(qualifiers),
            )
    raise LinkError(
        f"AI {', '.join(qualifiers)} may not follow AI {key.ai} in the path",
        code="qualifier-combination",
        ai=key.ai,
        got=",".join(qualifiers),
    )


def _attributes(query: str, key: AiRule, qualifiers: list[str]) -> Pairs:
    """The AI attributes of a query, checked; parameters with other names, or without ``=``, are ignored."""
    found: dict[str, str] = {}
    for parameter in query.split("&") if query else ():
        ai, equals, raw = parameter.partition("=")
        if not equals or not ai.isdigit():
            continue
        rule = rule_for(ai)
        if rule is None:
            raise LinkError(f"{ai} in the query is no AI", code="unknown-ai", ai=ai)
        if ai in found or ai == key.ai or ai in qualifiers:
            raise LinkError(f"AI {ai} stands twice", code="duplicate-ai", ai=ai)
        if any(
            _is_subsequence([*qualifiers[:at], ai, *qualifiers[at:]], order)
            for order in key.paths or ()
            for at in range(len(qualifiers) + 1)
        ):
            raise LinkError(
                f"AI {ai} is a qualifier of AI {key.ai} and belongs in the path",
                code="belongs-in-path",
                action=f"write /{ai}/ in the path",
                ai=ai,
            )
        if not rule.attribute:
            raise LinkError(f"AI {ai} may not be a query attribute", code="not-attribute", ai=ai)
        found[ai] = _decoded(rule, raw, in_query=True)
    return tuple(found.items())
