"""The text of a spreadsheet's cell as the value that it is meant to be; ValueError says what it should look like."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from dpptag.passport.internal import Digest, Number

_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")
_TRUE, _FALSE = frozenset(("true", "yes", "1", "x")), frozenset(("false", "no", "0"))


def number(text: str) -> Number:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("not a number written as 1234.5")
    return float(text) if "." in text else int(text)


def mass(text: str) -> Number:
    value = number(text)
    if value < 0:
        raise ValueError("less than nothing")
    return value


def fraction(text: str) -> Number:
    """``0.62`` or ``62 %``."""
    percent = text.endswith("%")
    value = number(text.removesuffix("%").strip())
    value = round(value / 100, 15) if percent else value
    if not 0 <= value <= 1:
        raise ValueError("not a share from 0 to 1 (or 0 % to 100 %)")
    return value


def flag(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("neither yes nor no")


def country(text: str) -> str:
    if _COUNTRY.fullmatch(text) is None:
        raise ValueError("not a country code of two letters (ISO 3166-1)")
    return text


def day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def instant(text: str) -> str:
    """A day counts from its first moment in UTC; a time needs its zone."""
    if "T" not in text and " " not in text:
        return f"{date.fromisoformat(text).isoformat()}T00:00:00Z"
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without its zone: write 2026-01-01T00:00:00Z")
    return text.replace(" ", "T")


def sha256_digest(text: str) -> Digest:
    if _SHA256.fullmatch(text) is None:
        raise ValueError("not a SHA-256 in 64 hex digits")
    return Digest("SHA-256", bytes.fromhex(text))
