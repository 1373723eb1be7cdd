"""Digests of linked documents: hex with a method name (UNTP 0.3.10 to 0.6.1) and ``digestMultibase`` (0.7.0).

Multihash in multibase ``u`` (base64url without padding) or ``z`` (base58btc), decoded strictly; ``u`` is written.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from dpptag.passport.internal import Digest

_LENGTHS: Final = {"SHA-256": 32, "SHA-1": 20}
_MULTIHASH: Final = {"SHA-256": b"\x12\x20", "SHA-1": b"\x11\x14"}
_HEX: Final = re.compile(r"[0-9A-Fa-f]+").fullmatch
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+").fullmatch
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LONGEST: Final = 64  # characters; a SHA-256 multihash has 47 in either base


def from_hex(method: str, digits: str) -> Digest | None:
    """None where the text is no digest of that method: 64 digits are no SHA-1, whatever the document says."""
    length = _LENGTHS.get(method)
    if length is None or len(digits) != 2 * length or not _HEX(digits):
        return None
    return Digest(method, bytes.fromhex(digits))


def to_hex(digest: Digest) -> str:
    return digest.value.hex()


def from_multibase(text: str) -> Digest | None:
    """None where the text is no SHA-256 or SHA-1 multihash in one of the two bases, or not in its one spelling."""
    if len(text) > _LONGEST:
        return None
    octets = _base64url(text[1:]) if text[:1] == "u" else _base58(text[1:]) if text[:1] == "z" else None
    if octets is None:
        return None
    for algorithm, prefix in _MULTIHASH.items():
        if octets[:2] == prefix and len(octets) == 2 + _LENGTHS[algorithm]:
            return Digest(algorithm, octets[2:])
    return None


def to_multibase(digest: Digest) -> str:
    """``u`` and the multihash, 47 characters from ``uEi`` on for SHA-256."""
    return "u" + urlsafe_b64encode(_MULTIHASH[digest.algorithm] + digest.value).rstrip(b"=").decode("ascii")


def _base64url(text: str) -> bytes | None:
    if not _BASE64URL(text) or len(text) % 4 == 1:
        return None
    octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return octets if urlsafe_b64encode(octets).rstrip(b"=").decode("ascii") == text else None


def _base58(text: str) -> bytes | None:
    number = 0
    for character in text:
        place = _BASE58.find(character)
        if place < 0:
            return None
        number = number * 58 + place
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
