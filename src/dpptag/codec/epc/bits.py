"""Bit fields and the character encodings of variable-length EPC fields (TDS 2.3 section 14.5)."""

from __future__ import annotations

from typing import Final

from dpptag.codec.gs1_content import CSET82
from dpptag.errors import LinkError

# TDS 14.5.6.1: ceil(L x log2 10) for L = 1..20, as printed; floating point would be a trap.
NUMERIC_BITS: Final = (4, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40, 44, 47, 50, 54, 57, 60, 64, 67)

HEX_UPPER: Final = "0123456789ABCDEF"
HEX_LOWER: Final = "0123456789abcdef"
BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CODE40: Final = " ABCDEFGHIJKLMNOPQRSTUVWXYZ-.:0123456789"  # index 0 is the pad (TDS table 14-8)


class BitReader:
    """Reads unsigned fields from the most significant bit on. Reading past the end raises LinkError."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._size = self.left = 8 * len(data)
        """Bits not read yet."""

    def take(self, width: int) -> int:
        if width > self.left:
            raise LinkError("the EPC ends inside a field", code="epc-truncated", wanted_bits=width, got_bits=self.left)
        self.left -= width
        return (self._value >> self.left) & ((1 << width) - 1)

    @property
    def taken(self) -> int:
        """Bits read so far."""
        return self._size - self.left

    @property
    def rest_is_zero(self) -> bool:
        return not self._value & ((1 << self.left) - 1)


def read_decimal(bits: BitReader, digits: int) -> str:
    """``digits`` BCD digits (TDS 14.5.4)."""
    text = f"{bits.take(4 * digits):0{digits}x}"
    if not text.isdigit():
        raise LinkError(f"BCD field holds {text}", code="epc-digit", got=text)
    return text


def read_code40(bits: BitReader, length: int) -> str:
    """``length`` characters of URN Code 40: groups of three in 16 bits, the last one padded (TDS 14.5.6.5)."""
    text = ""
    for _group in range(-(-length // 3)):
        group = bits.take(16) - 1
        if not 0 <= group < 64000:
            raise LinkError("URN Code 40 group out of range", code="epc-characters", got=group + 1)
        text += CODE40[group // 1600] + CODE40[group // 40 % 40] + CODE40[group % 40]
    if " " in text[:length] or text[length:].strip(" "):
        raise LinkError("URN Code 40 padding is not where the length says", code="epc-characters", got=text)
    return text[:length]


def read_seven_bit(bits: BitReader, length: int) -> str:
    """``length`` 7-bit characters of the GS1 82-character set (TDS 14.5.6.4)."""
    return cset82("".join(chr(bits.take(7)) for _ in range(length)))


def cset82(text: str) -> str:
    """``text``, or LinkError where a character is outside the 82 that an AI 10 or 21 takes."""
    if not CSET82.issuperset(text):
        raise LinkError(f"characters outside GS1 character set 82: {text!r}", code="epc-characters", got=text)
    return text


def read_alphanumeric(bits: BitReader, maximum: int) -> str:
    """A value of 1 to ``maximum`` (at most 20) characters: 3-bit encoding indicator, 5-bit length, data (TDS 14.5.6).

    Every encoding is taken, also one that is not the shortest: encoders choose freely.
    """
    indicator = bits.take(3)
    length = bits.take(5)
    if not 1 <= length <= maximum:
        raise LinkError(f"length {length} of a value of 1 to {maximum} characters", code="epc-length", got=length)
    if indicator == 0:
        number = bits.take(NUMERIC_BITS[length - 1])
        if number >= 10**length:
            raise LinkError(f"{number} has more than {length} digits", code="epc-range", got=number)
        return f"{number:0{length}d}"
    if indicator in (1, 2):
        alphabet = HEX_UPPER if indicator == 1 else HEX_LOWER
        return "".join(alphabet[bits.take(4)] for _ in range(length))
    if indicator == 3:
        return "".join(BASE64[bits.take(6)] for _ in range(length))
    if indicator == 4:
        return read_seven_bit(bits, length)
    if indicator == 5:
        return read_code40(bits, length)
    raise LinkError(f"encoding indicator {indicator:03b} is reserved", code="epc-reserved", got=indicator)
