"""Writes what ``bits`` reads: bit fields, and serials in the shortest of six encodings (TDS 2.3 section 14.5)."""

from __future__ import annotations

from typing import Final

from dpptag.codec.epc.bits import BASE64, CODE40, HEX_LOWER, HEX_UPPER, NUMERIC_BITS, cset82
from dpptag.errors import LinkError

_GROUP: Final = 3  # characters of URN Code 40 in 16 bits


class BitWriter:
    """Takes unsigned fields from the most significant bit on."""

    def __init__(self) -> None:
        self._value = 0
        self.bits = 0
        """Bits put so far."""

    def put(self, value: int, width: int) -> None:
        assert 0 <= value < 1 << width, (value, width)
        self._value = self._value << width | value
        self.bits += width

    def words(self) -> bytes:
        """All bits, with zero bits up to a whole 16-bit word."""
        fill = -self.bits % 16
        return (self._value << fill).to_bytes((self.bits + fill) // 8, "big")


def write_decimal(bits: BitWriter, digits: str) -> None:
    """BCD digits (TDS 14.5.4)."""
    bits.put(int(digits, 16), 4 * len(digits))


def code40_bits(length: int) -> int:
    """Bits of ``length`` characters of URN Code 40."""
    return 16 * -(-length // _GROUP)


def fits_code40(text: str) -> bool:
    """Whether ``text`` has capitals, digits, ``-``, ``.`` and ``:`` alone."""
    return not set(text) - set(CODE40[1:])


def write_code40(bits: BitWriter, text: str) -> None:
    """URN Code 40: groups of three characters in 16 bits, the last one padded (TDS 14.5.6.5)."""
    padded = text + CODE40[0] * (-len(text) % _GROUP)
    for at in range(0, len(padded), _GROUP):
        first, second, third = (CODE40.index(char) for char in padded[at : at + _GROUP])
        bits.put(1600 * first + 40 * second + third + 1, 16)


def write_seven_bit(bits: BitWriter, text: str) -> None:
    for char in text:
        bits.put(ord(char), 7)


def alphanumeric_encoding(text: str) -> tuple[int, int]:
    """Encoding indicator and data bits of the encoding that is taken for ``text``, 1 to 20 characters of set 82.

    The fewest bits; on a tie the lower indicator. TDS 14.5.6 leaves the choice free: ours is always the same.
    """
    length = len(text)
    options = [(7 * length, 4)]
    if text.isdigit():
        options.append((NUMERIC_BITS[length - 1], 0))
    for indicator, alphabet, width in ((1, HEX_UPPER, 4), (2, HEX_LOWER, 4), (3, BASE64, 6)):
        if set(alphabet).issuperset(text):
            options.append((width * length, indicator))
    if fits_code40(text):
        options.append((code40_bits(length), 5))
    size, indicator = min(options)
    return indicator, size


def write_alphanumeric(bits: BitWriter, text: str, maximum: int) -> None:
    """3-bit encoding indicator, 5-bit length, data (TDS 14.5.6). Raises LinkError: ``length``, ``epc-characters``."""
    if not 1 <= len(text) <= maximum:
        raise LinkError(
            f"a value of 1 to {maximum} characters is wanted, not of {len(text)}", code="length", got=len(text)
        )
    cset82(text)
    indicator, size = alphanumeric_encoding(text)
    bits.put(indicator, 3)
    bits.put(len(text), 5)
    if indicator == 0:
        bits.put(int(text), size)
    elif indicator in (1, 2):
        bits.put(int(text, 16), size)
    elif indicator == 3:
        for char in text:
            bits.put(BASE64.index(char), 6)
    elif indicator == 4:
        write_seven_bit(bits, text)
    else:
        write_code40(bits, text)
