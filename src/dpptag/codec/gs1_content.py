"""Content rules of AI components, by the names that the GS1 Barcode Syntax Dictionary gives them.

Each rule gets a component whose length and character set are right already. Rules that need a code list kept by someone
else (ISO 3166, ISO 4217, UN/ECE package types) and the North American coupon grammar are not applied: ``NOT_APPLIED``.
No Digital Link key or qualifier depends on one of those.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from dpptag.codec.check_digit import has_check_digit

CSET82: Final = frozenset("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
CSET39: Final = frozenset("#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
CSET64: Final = frozenset("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")

_CSET82_ORDER: Final = "".join(sorted(CSET82))  # GenSpecs table 7.9.5: values in ASCII order, from 0
_CSET32: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)
_COMPANY_PREFIX_MINIMUM: Final = 4  # the shortest GS1 company prefix


class Rule(NamedTuple):
    """``holds`` tells whether a component obeys; ``code`` and ``says`` are for the LinkError where it does not."""

    holds: Callable[[str], bool]
    code: str
    says: str


def check_pair(data: str) -> str:
    """The two check characters of a GMN (GenSpecs 7.9.5); ``data`` without them, at most 23 characters of CSET 82."""
    weights = _PRIMES[: len(data)][::-1]
    total = sum(_CSET82_ORDER.index(char) * weight for char, weight in zip(data, weights, strict=True)) % 1021
    return _CSET32[total >> 5] + _CSET32[total & 31]


def _has_check_pair(text: str) -> bool:
    return 2 <= len(text) <= len(_PRIMES) + 2 and text[-2:] == check_pair(text[:-2])


def _starts_with_prefix(text: str) -> bool:
    head = text[:_COMPANY_PREFIX_MINIMUM]
    return len(head) == _COMPANY_PREFIX_MINIMUM and head.isdigit()


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _yymmdd(text: str) -> bool:
    # The century matters for 29 February of year 00 alone, and the GS1 window reads 00 as 2000 until 2049.
    return _is_date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))


def _yymmd0(text: str) -> bool:
    return _yymmdd(text[:4] + "01") if text.endswith("00") else _yymmdd(text)


def _yyyymmdd(text: str) -> bool:
    return _is_date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _hour(text: str) -> bool:
    return int(text) <= 23


def _sixtieth(text: str) -> bool:
    return int(text) <= 59


def _piece_of_total(text: str) -> bool:
    half = len(text) // 2
    return 1 <= int(text[:half]) <= int(text[half:])


def _position_in_sequence(text: str) -> bool:
    match = re.fullmatch(r"([1-9][0-9]*)/([1-9][0-9]*)", text)
    return match is not None and int(match[1]) <= int(match[2])


def _iban(text: str) -> bool:
    if re.fullmatch(r"[A-Z]{2}[0-9A-Z]{9,}", text) is None:
        return False
    turned = text[4:] + text[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


RULES: Final[dict[str, Rule]] = {
    "csum": Rule(has_check_digit, "check-digit", "wrong check digit"),
    "csumalpha": Rule(_has_check_pair, "check-characters", "wrong check character pair"),
    "gcppos1": Rule(_starts_with_prefix, "company-prefix", "does not start with a GS1 company prefix"),
    "gcppos2": Rule(
        lambda text: _starts_with_prefix(text[1:]), "company-prefix", "no GS1 company prefix after the first digit"
    ),
    "yymmdd": Rule(_yymmdd, "date", "no such date"),
    "yymmd0": Rule(_yymmd0, "date", "no such date (day 00 means the end of the month)"),
    "yyyymmdd": Rule(_yyyymmdd, "date", "no such date"),
    "hhmi": Rule(lambda text: _hour(text[:2]) and _sixtieth(text[2:]), "time", "no such time of day"),
    "hh": Rule(_hour, "time", "no such hour"),
    "mi": Rule(_sixtieth, "time", "no such minute"),
    "ss": Rule(_sixtieth, "time", "no such second"),
    "zero": Rule(lambda text: not text.strip("0"), "content", "must be zero"),
    "nonzero": Rule(lambda text: bool(text.strip("0")), "content", "must not be zero"),
    "nozeroprefix": Rule(lambda text: not text.startswith("0"), "content", "must not start with zero"),
    "pieceoftotal": Rule(_piece_of_total, "content", "is no piece of a total"),
    "posinseqslash": Rule(_position_in_sequence, "content", "is no position in a sequence such as 1/3"),
    "importeridx": Rule(lambda text: text in CSET64, "content", "is no importer index"),
    "hasnondigit": Rule(lambda text: not text.isdigit(), "content", "needs a character that is not a digit"),
    "hyphen": Rule(lambda text: not text.strip("-"), "content", "may only be a hyphen"),
    "yesno": Rule(lambda text: text in {"0", "1"}, "content", "must be 0 or 1"),
    "winding": Rule(lambda text: text in {"0", "1", "9"}, "content", "must be 0, 1 or 9"),
    "iso5218": Rule(lambda text: text in {"0", "1", "2", "9"}, "content", "is no ISO/IEC 5218 code"),
    "mediatype": Rule(lambda text: 1 <= int(text) <= 10 or int(text) >= 80, "content", "is no AIDC media type"),
    "latitude": Rule(lambda text: int(text) <= 1_800_000_000, "content", "is no latitude"),
    "longitude": Rule(lambda text: int(text) <= 3_600_000_000, "content", "is no longitude"),
    "pcenc": Rule(
        lambda text: re.search(r"%(?![0-9A-Fa-f]{2})", text) is None, "content", "has a broken percent sequence inside"
    ),
    "iban": Rule(_iban, "content", "is no IBAN"),
}

NOT_APPLIED: Final = frozenset(
    {"iso3166", "iso3166999", "iso3166alpha2", "iso4217", "packagetype", "couponcode", "couponposoffer"}
)
