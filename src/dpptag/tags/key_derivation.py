"""Keys and passwords of single chips, derived from one master key by NXP AN10922 (AES-128).

The rule: ``D = 01 | M``; below 32 bytes padded with ``80 00..`` to 32 and the last block xored with subkey K2 of
RFC 4493, at exactly 32 bytes with K1; AES-CBC of the two blocks with IV 0; the last block is the key.

The input of this project: ``M = purpose | UID``. The purpose is its ASCII text with zeros behind it to 16 bytes, so
that no purpose begins another one and M never has less than 16 bytes: there the rule equals plain AES-CMAC over D,
which any library has. The UID is as the reader gives it, 7, 8 or 10 bytes, of a Gen2 chip the TID to the end of its
serial, 12 or 14; it is empty for a key that is the same in all chips under this master (what decrypts a chip number
cannot depend on it). A TID of 16 bytes or more leaves no room in ``M``: the first 15 bytes of its SHA-256 stand for it,
a length that no chip number has, so that it can be taken for none.
"""

from __future__ import annotations

import re
from typing import Final

from dpptag.crypto import AES_BYTES, aes_cbc_encrypt, aes_cmac, aes_encrypt_block, sha256

_CONSTANT: Final = b"\x01"  # AN10922: diversification constant of AES-128
_PADDED_BYTES: Final = 32
_LONGEST_INPUT: Final = 31
_PURPOSE_BYTES: Final = 16
_LONGEST_UID: Final = _LONGEST_INPUT - _PURPOSE_BYTES
_PURPOSE: Final = re.compile(r"[a-z0-9-]{1,15}")
_ID_LABEL: Final = b"dpptag tag master key identifier"
_ID_BYTES: Final = 4


def diversify(master: bytes, data: bytes) -> bytes:
    """AN10922 for AES-128: the key that ``master`` gives for the diversification input ``data``, 1 to 31 bytes."""
    if not 1 <= len(data) <= _LONGEST_INPUT:
        raise ValueError("a diversification input has 1 to 31 bytes")
    block = _CONSTANT + data
    first, second = cmac_subkeys(master)
    whole = len(block) == _PADDED_BYTES
    padded = block if whole else (block + b"\x80").ljust(_PADDED_BYTES, b"\0")
    last = bytes(a ^ b for a, b in zip(padded[-AES_BYTES:], first if whole else second, strict=True))
    return aes_cbc_encrypt(master, bytes(AES_BYTES), padded[:-AES_BYTES] + last)[-AES_BYTES:]


def cmac_subkeys(key: bytes) -> tuple[bytes, bytes]:
    """K1 and K2 of RFC 4493 section 2.3."""
    first = _doubled(aes_encrypt_block(key, bytes(AES_BYTES)))
    return first, _doubled(first)


def _doubled(block: bytes) -> bytes:
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value = (value & (1 << 128) - 1) ^ 0x87
    return value.to_bytes(AES_BYTES, "big")


def diversification_input(uid: bytes, purpose: str) -> bytes:
    """``M`` of this project, 16 to 31 bytes. ``uid`` is empty for a key that all chips share."""
    if _PURPOSE.fullmatch(purpose) is None:
        raise ValueError("a purpose is 1 to 15 lower-case letters, digits and hyphens")
    return purpose.encode().ljust(_PURPOSE_BYTES, b"\0") + _short(uid)


def _short(uid: bytes) -> bytes:
    return uid if len(uid) < _LONGEST_UID else sha256(uid)[:_LONGEST_UID]


class DerivedKeys:
    """The keys of all chips under one master key (dpptag.tags.protection.TagKeys). It never shows the master key."""

    __slots__ = ("_master", "master_id")

    def __init__(self, master: bytes) -> None:
        if len(master) != AES_BYTES:
            raise ValueError("a master key has 16 bytes")
        self._master = master
        self.master_id: str = master_id(master)
        """8 hex characters: tells master keys apart in plans, ledger rows and events."""

    def key(self, uid: bytes, purpose: str) -> bytes:
        return diversify(self._master, diversification_input(uid, purpose))

    def derivation(self, uid: bytes, purposes: tuple[str, ...]) -> str:
        chip = uid.hex() or "none (shared by all chips under this master key)"
        short = "UID" if _short(uid) == uid else f"first {_LONGEST_UID} bytes of SHA-256(UID)"
        return (
            f"AN10922-AES128 master {self.master_id}, M = purpose padded to 16 bytes | {short}, "
            f"purposes {' '.join(purposes)}, UID {chip}"
        )

    def __repr__(self) -> str:
        return f"DerivedKeys({self.master_id})"


def master_id(master: bytes) -> str:
    """8 hex characters of SHA-256 over a CMAC check value: names a master key and tells nothing about it."""
    return sha256(aes_cmac(master, _ID_LABEL))[:_ID_BYTES].hex()
