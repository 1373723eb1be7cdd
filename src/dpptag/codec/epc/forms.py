"""The other forms of an SGTIN: EPC URIs, GS1 Digital Link, element string (TDS 2.3).

::

    urn:epc:id:sgtin:PREFIX.ITEM.SERIAL            SGTIN-96 and SGTIN-198 alone: the others know no company prefix
    urn:epc:tag:sgtin-96:FILTER.PREFIX.ITEM.SERIAL    the same
    https://HOST/01/GTIN/21/SERIAL                 ``Sgtin.digital_link``
    (01)GTIN(21)SERIAL                             in a value, ``(`` is escaped only where it would be read as an AI

:func:`read_item` reads each of them to an :class:`EpcItem`, of which :func:`planning.plan_epc` makes an EPC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dpptag.codec.check_digit import check_digit
from dpptag.codec.digital_link import CANONICAL_HOST, DigitalLink, parse
from dpptag.codec.epc.encoding import PARTITIONED, check_date, check_gtin, check_serial
from dpptag.codec.epc.sgtin import DATE_AIS, Sgtin
from dpptag.errors import LinkError

# TDS annex A: of the 82 characters those that an EPC URI takes unescaped
_PLAIN: Final = frozenset("!'()*+,-.0123456789:;=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_URN: Final = re.compile(r"urn:epc:(?:id:sgtin:|tag:(sgtin-96|sgtin-198):([0-7])\.)([0-9]{6,12})\.([0-9]{1,7})\.(.+)")
_AI: Final = re.compile(r"\(([0-9]{2,4})\)")
_AI_NOT_ESCAPED: Final = re.compile(r"(?<!\\)\(([0-9]{2,4})\)")


@dataclass(frozen=True, slots=True)
class EpcItem:
    """What a text form says of an EPC. ``dropped``: what stands in a link and in no EPC, in words."""

    gtin14: str
    serial: str
    company_prefix: str | None = None
    hostname: str | None = None
    date: tuple[str, str] | None = None
    scheme: str | None = None
    """Of a ``urn:epc:tag`` alone."""
    filter: int | None = None
    """Of a ``urn:epc:tag`` alone."""
    dropped: tuple[str, ...] = ()

    @property
    def company_prefix_digits(self) -> int | None:
        return None if self.company_prefix is None else len(self.company_prefix)


def urn_id(value: Sgtin) -> str | None:
    """The pure identity URI; None for a scheme that has none."""
    return f"urn:epc:id:sgtin:{_urn_body(value)}" if value.scheme in PARTITIONED else None


def urn_tag(value: Sgtin) -> str | None:
    """The tag URI; None for a scheme that has none."""
    if value.scheme not in PARTITIONED:
        return None
    return f"urn:epc:tag:{value.scheme.lower()}:{value.filter}.{_urn_body(value)}"


def element_string(value: Sgtin) -> str:
    """AIs in brackets: GTIN, serial, then date and +AIDC data."""
    pairs = (("01", value.gtin14), ("21", value.serial), *value.attributes)
    return "".join(f"({ai}){_AI.sub(_escaped, data)}" for ai, data in pairs)


def read_item(text: str) -> EpcItem:
    """Read an EPC URI, an element string or a Digital Link. Raises LinkError."""
    if text.startswith("urn:"):
        return item_from_urn(text)
    if text.startswith("("):
        return item_from_element_string(text)
    return item_from_link(text)


def item_from_urn(urn: str) -> EpcItem:
    """Read ``urn:epc:id:sgtin`` or ``urn:epc:tag:sgtin-96|198``. Raises LinkError ``epc-urn`` and those of values."""
    match = _URN.fullmatch(urn)
    if match is None or len(match[3] + match[4]) != 13:
        raise LinkError(
            f"no EPC URI of an SGTIN: {urn[:120]!r}",
            code="epc-urn",
            action="write urn:epc:id:sgtin:PREFIX.ITEM.SERIAL, prefix and item of 13 digits together",
        )
    tag_scheme, tag_filter, prefix, item, escaped = match.groups()
    raw = _ESCAPE.sub("", escaped)
    if not _PLAIN.issuperset(raw):
        wrong = next(char for char in raw if char not in _PLAIN)
        raise LinkError(
            f"{wrong!r} stands in the serial of an EPC URI unescaped",
            code="epc-urn",
            action=f"write %{ord(wrong):02X}" if wrong.isascii() else None,
        )
    serial = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), escaped)
    check_serial(serial)
    digits = item[0] + prefix + item[1:]
    return EpcItem(
        digits + check_digit(digits),
        serial,
        company_prefix=prefix,
        scheme=None if tag_scheme is None else tag_scheme.upper(),
        filter=None if tag_filter is None else int(tag_filter),
    )


def item_from_element_string(text: str) -> EpcItem:
    """Read ``(01)GTIN(21)SERIAL``, in this order, with at most one date of DSGTIN+ behind.

    ``(`` and two to four digits and ``)`` begin an AI; in a value they are written ``\\(``. Raises LinkError.
    """
    parts = _AI_NOT_ESCAPED.split(text)
    pairs = [(ai, data.replace("\\(", "(")) for ai, data in zip(parts[1::2], parts[2::2], strict=True)]
    if parts[0] or [ai for ai, _ in pairs[:2]] != ["01", "21"]:
        raise LinkError(
            f"no element string of a GTIN with its serial: {text[:120]!r}",
            code="epc-element-string",
            action="write (01) and 14 digits, then (21) and the serial",
        )
    check_gtin(pairs[0][1])
    check_serial(pairs[1][1])
    return EpcItem(pairs[0][1], pairs[1][1], date=_only_date(pairs[2:]))


def item_from_link(uri: str, *, keep_host: bool = True) -> EpcItem:
    """Read a Digital Link of a GTIN with its serial, and perhaps one date of DSGTIN+ in the query.

    ``keep_host``: the EPC must lead to this very link, so that a host other than id.gs1.org becomes the item's and what
    no ``++`` scheme says (a path before the key, http) is refused. Without it host and path are dropped.
    Raises LinkError: ``epc-no-item`` for a link of another key or without serial, ``epc-qualifier``, ``epc-attribute``,
    ``epc-link-path``, ``epc-link-scheme``, and the codes of ``digital_link.parse``.
    """
    link = parse(uri)
    if link.key_ai != "01" or link.serial is None:
        raise LinkError(
            f"an SGTIN is a GTIN with a serial; this link names a {link.granularity} by AI {link.key_ai}",
            code="epc-no-item",
            action="give a link with /01/ and /21/",
            ai=link.key_ai,
        )
    for ai, _ in link.qualifiers:
        if ai != "21":
            raise LinkError(
                f"the link has AI {ai} in its path, which an EPC of GTIN and serial does not carry",
                code="epc-qualifier",
                action="give the link of GTIN and serial alone",
                ai=ai,
            )
    dropped = _dropped_parameters(uri)
    hostname: str | None = None
    if keep_host:
        hostname = _carried_host(uri, link)
    elif link.host.lower() != CANONICAL_HOST or link.stem:
        dropped = (f"host {link.host}{link.stem}", *dropped)
    return EpcItem(
        link.key_value, link.serial, hostname=hostname, date=_only_date(list(link.attributes)), dropped=dropped
    )


def _carried_host(uri: str, link: DigitalLink) -> str | None:
    action = "name a scheme without host to drop host and path"
    if link.stem:
        raise LinkError(
            f"the link has {link.stem} before /01/: no EPC says that",
            code="epc-link-path",
            action=action,
            host=link.host,
            path=link.stem,
        )
    if not uri.lower().startswith("https:"):
        raise LinkError("the link is http, that of an EPC is https", code="epc-link-scheme", action=action)
    return None if link.host.lower() == CANONICAL_HOST else link.host


def _dropped_parameters(uri: str) -> tuple[str, ...]:
    """The parameters of a query that are no AIs, and a fragment."""
    rest, _, fragment = uri.partition("#")
    query = rest.partition("?")[2]
    found = []
    for part in query.split("&") if query else ():
        name, equals, _ = part.partition("=")
        if not (equals and name.isdigit()):
            found.append(f"query parameter {name}")
    return (*found, *((f"fragment #{fragment}",) if fragment else ()))


def _only_date(pairs: list[tuple[str, str]]) -> tuple[str, str] | None:
    for ai, _ in pairs:
        if ai not in DATE_AIS:
            raise LinkError(
                f"an EPC of GTIN and serial does not carry AI {ai}",
                code="epc-attribute",
                action=f"leave it out; a date may be one of AI {', '.join(DATE_AIS)}",
                ai=ai,
            )
    if len(pairs) > 1:
        raise LinkError("an EPC carries one date", code="epc-attribute", got=len(pairs))
    if not pairs:
        return None
    check_date(pairs[0])
    return pairs[0]


def _urn_body(value: Sgtin) -> str:
    prefix, gtin = value.company_prefix or "", value.gtin14
    serial = "".join(char if char in _PLAIN else f"%{ord(char):02X}" for char in value.serial)
    return f"{prefix}.{gtin[0]}{gtin[1 + len(prefix) : -1]}.{serial}"


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}"
