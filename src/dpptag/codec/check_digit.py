"""The mod-10 check digit of GS1 keys and the padding of short GTINs (GS1 General Specifications 7.9)."""

from __future__ import annotations

from dpptag.errors import LinkError

_GTIN_LENGTHS = (8, 12, 13, 14)


def check_digit(digits: str) -> str:
    """The check digit for ``digits``, which come without one. ASCII digits only, at least one; raises LinkError."""
    if not is_digits(digits):
        raise LinkError(f"not digits: {digits[:40]!r}", code="characters")
    octets = digits.encode("ascii")  # the digit of an octet is its value less 48
    weighted = 3 * sum(octets[-1::-2]) + sum(octets[-2::-2]) - 48 * (3 * ((len(octets) + 1) // 2) + len(octets) // 2)
    return str(-weighted % 10)


def has_check_digit(digits: str) -> bool:
    """Whether the last of these ASCII digits is the check digit of the others; False for fewer than two."""
    return len(digits) > 1 and is_digits(digits) and digits[-1] == check_digit(digits[:-1])


def is_digits(text: str) -> bool:
    """Whether ``text`` is one or more ASCII digits; ``str.isdigit`` alone would let other scripts in."""
    return text.isascii() and text.isdigit()


def gtin14(text: str) -> str:
    """A GTIN-8, -12, -13 or -14 padded with zeros to the 14 digits that a Digital Link carries.

    Raises LinkError: ``characters``, ``length`` or ``check-digit``.
    """
    if not is_digits(text):
        raise LinkError(f"a GTIN has digits only: {text[:40]!r}", code="characters", ai="01")
    if len(text) not in _GTIN_LENGTHS:
        raise LinkError(
            f"a GTIN has 8, 12, 13 or 14 digits, not {len(text)}",
            code="length",
            action="give the GTIN with its check digit; leading zeros count",
            ai="01",
            got=len(text),
        )
    if not has_check_digit(text):
        raise LinkError(
            f"wrong check digit in GTIN {text}",
            code="check-digit",
            action="compare the number with the product master data",
            ai="01",
            wanted=check_digit(text[:-1]),
            got=text[-1],
        )
    return text.rjust(14, "0")
