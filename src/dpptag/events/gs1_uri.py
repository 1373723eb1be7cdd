"""GS1 identifiers as EPCIS hashes them: one canonical Digital Link at its finest level (CBV 2.0 section 8.9.2).

Pure text to text. Events of our own carry canonical links already, so for them this is the identity; the translation
of EPC URNs and foreign domains serves the reference vectors and events that others wrote. Check digits of links are
not checked here (``codec.digital_link`` does), those of URNs are computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

CANONICAL: Final = "https://id.gs1.org/"

_NAMES: Final = {
    "gtin": "01", "itip": "8006", "cpid": "8010", "gln": "414", "party": "417", "gsrnp": "8017", "gsrn": "8018",
    "gcn": "255", "sscc": "00", "gdti": "253", "ginc": "401", "gsin": "402", "grai": "8003", "giai": "8004",
    "cpv": "22", "lot": "10", "ser": "21",
}  # fmt: skip
"""Short names of Digital Link 1.0, withdrawn since, still met in data."""

_FINEST: Final[dict[str, tuple[str, ...]]] = {
    "01": ("21", "235", "10"),
    "8006": ("21", "10"),
    "414": ("254",),
    "8010": ("8011",),
}
"""Key qualifiers, finest first: only the first one present stays."""

_KEYS: Final = "01|8006|8010|414|417|8017|8018|255|00|253|401|402|8003|8004"
_LINK: Final = re.compile(
    rf"https?://[^/?#]+(?:/[^?#]*?)?/(?P<key>{_KEYS}|{'|'.join(_NAMES)})/(?P<value>\d{{4}}[^/?#]*)"
    r"(?P<path>(?:/[^/?#]+/[^/?#]+)*)/?(?:[?#].*)?",
    re.DOTALL,
)
_URN: Final = re.compile(
    r"urn:epc:(?P<form>id|class|idpat):(?P<scheme>[a-z]+):(?P<prefix>\d{6,12})\.(?P<rest>.*)", re.DOTALL
)


def check_digit(digits: str) -> str:
    """GS1 General Specifications 7.9.1: weights 3, 1, 3, ... from the right."""
    weighted = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits)))
    return str(-weighted % 10)


def canonical_identifier(text: str) -> str:
    """The canonical link of a Digital Link or EPC URN; any other text comes back as it is."""
    if text.startswith("urn:epc:"):
        return _from_urn(text) or text
    match = _LINK.fullmatch(text) if text.startswith("http") else None
    if match is None:
        return text
    key = _NAMES.get(match["key"], match["key"])
    value = match["value"]
    if key == "01" and value.isdigit():
        value = value.zfill(14)
    cells = match["path"].split("/")[1:]
    qualifiers = {_NAMES.get(name, name): cell for name, cell in zip(cells[::2], cells[1::2], strict=True)}
    for name in _FINEST.get(key, ()):
        if name in qualifiers:
            return f"{CANONICAL}{key}/{value}/{name}/{qualifiers[name]}"
    return f"{CANONICAL}{key}/{value}"


def _escaped(text: str) -> str:
    """Percent-encode what a URN may hold bare and a Digital Link may not (Digital Link URI syntax, table 7-1)."""
    return re.sub(r"[!()*+,:]", lambda match: f"%{ord(match[0]):02X}", text)


def _keyed(ai: str, digits: str, length: int, serial: str = "") -> str | None:
    """``digits`` must be ``length`` long without its check digit, which is added before ``serial``."""
    if len(digits) != length or not digits.isdigit():
        return None
    return f"{CANONICAL}{ai}/{digits}{check_digit(digits)}{_escaped(serial)}"


def _gtin(qualifier: str) -> Callable[[str, str], str | None]:
    def translate(prefix: str, rest: str) -> str | None:
        item, _, serial = rest.partition(".")
        link = _keyed("01", item[:1] + prefix + item[1:], 13)
        return f"{link}/{qualifier}/{_escaped(serial)}" if link and serial and serial != "*" else link

    return translate


def _serialised(ai: str, lead: str = "") -> Callable[[str, str], str | None]:
    """Key, check digit, and the serial stuck to it: GRAI, GDTI, GCN."""

    def translate(prefix: str, rest: str) -> str | None:
        reference, _, serial = rest.partition(".")
        return _keyed(ai, lead + prefix + reference, 12 + len(lead), "" if serial == "*" else serial)

    return translate


def _plain(ai: str, length: int) -> Callable[[str, str], str | None]:
    return lambda prefix, rest: _keyed(ai, prefix + rest, length)


def _unchecked(ai: str) -> Callable[[str, str], str | None]:
    """GIAI and GINC have no check digit."""
    return lambda prefix, rest: f"{CANONICAL}{ai}/{prefix}{_escaped(rest)}"


def _sscc(prefix: str, rest: str) -> str | None:
    return _keyed("00", rest[:1] + prefix + rest[1:], 17)


def _sgln(prefix: str, rest: str) -> str | None:
    location, _, extension = rest.partition(".")
    link = _keyed("414", prefix + location, 12)
    return f"{link}/254/{_escaped(extension)}" if link and extension not in ("", "0") else link


def _itip(prefix: str, rest: str) -> str | None:
    item, piece, total, serial = (*rest.split(".", 3), "", "", "")[:4]
    link = _keyed("01", item[:1] + prefix + item[1:], 13)
    if link is None or not (piece + total).isdigit():
        return None
    stem = f"{CANONICAL}8006/{link.rpartition('/')[2]}{piece}{total}"
    return f"{stem}/21/{_escaped(serial)}" if serial and serial != "*" else stem


def _cpi(prefix: str, rest: str) -> str | None:
    reference, _, serial = rest.rpartition(".")
    stem = f"{CANONICAL}8010/{_escaped(prefix + reference)}"
    return stem if serial == "*" else f"{stem}/8011/{serial}"


_SCHEMES: Final[dict[str, Callable[[str, str], str | None]]] = {
    "sgtin": _gtin("21"),
    "lgtin": _gtin("10"),
    "upui": _gtin("235"),
    "itip": _itip,
    "sscc": _sscc,
    "sgln": _sgln,
    "pgln": lambda prefix, rest: _keyed("417", prefix + rest, 12),
    "grai": _serialised("8003", "0"),
    "gdti": _serialised("253"),
    "sgcn": _serialised("255"),
    "giai": _unchecked("8004"),
    "ginc": _unchecked("401"),
    "gsrn": _plain("8018", 17),
    "gsrnp": _plain("8017", 17),
    "gsin": _plain("402", 16),
    "cpi": _cpi,
}


def _from_urn(text: str) -> str | None:
    match = _URN.fullmatch(text)
    translate = _SCHEMES.get(match["scheme"]) if match else None
    return translate(match["prefix"], match["rest"]) if match and translate else None
