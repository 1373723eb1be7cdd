"""AES-128 (FIPS 197), CBC and CMAC (RFC 4493) in plain Python, for chips simulated under a bare system Python.

Slow and not constant in time: for simulated keys alone. Every length that does not fit raises ValueError.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

BLOCK: Final = 16


def _doubled(value: int) -> int:
    """Times x in GF(2^8), FIPS 197 4.2.1."""
    value <<= 1
    return (value ^ 0x11B) if value & 0x100 else value


def _times(left: int, right: int) -> int:
    result = 0
    while right:
        if right & 1:
            result ^= left
        left, right = _doubled(left), right >> 1
    return result


def _sbox() -> bytes:
    """FIPS 197 5.1.1: the inverse in GF(2^8), then the affine map; 3 generates the field."""
    box = bytearray(256)
    value = inverse = 1
    for _ in range(255):
        value = _times(value, 3)
        inverse = _times(inverse, 0xF6)  # 1/3
        rotated = inverse | inverse << 8
        box[value] = 0x63 ^ (inverse ^ rotated >> 7 ^ rotated >> 6 ^ rotated >> 5 ^ rotated >> 4) & 0xFF
    box[0] = 0x63
    return bytes(box)


_SBOX: Final = _sbox()
_INVERSE_SBOX: Final = bytes(_SBOX.index(value) for value in range(256))


def _table(factors: tuple[int, int, int, int], box: bytes) -> tuple[tuple[int, ...], ...]:
    """Substitution and column mixing in one look-up a byte: for each place in the column its share of the new one."""
    first = [int.from_bytes(bytes(_times(box[value], factor) for factor in factors), "big") for value in range(256)]
    return tuple(tuple(word >> turn | word << (32 - turn) & 0xFFFFFFFF for word in first) for turn in (0, 8, 16, 24))


_MIX: Final = _table((2, 1, 1, 3), _SBOX)
_UNMIX: Final = _table((14, 9, 13, 11), _INVERSE_SBOX)
_ROUNDS: Final = 10


def _words(block: bytes) -> tuple[int, int, int, int]:
    if len(block) != BLOCK:
        raise ValueError("a block has 16 bytes")
    a, b, c, d = (int.from_bytes(block[start : start + 4], "big") for start in (0, 4, 8, 12))
    return a, b, c, d


@lru_cache(maxsize=256)
def _round_keys(key: bytes) -> tuple[tuple[int, int, int, int], ...]:
    """FIPS 197 5.2."""
    if len(key) != BLOCK:
        raise ValueError("an AES-128 key has 16 bytes")
    words = list(_words(key))
    constant = 1
    while len(words) < 4 * (_ROUNDS + 1):
        word = words[-1]
        if len(words) % 4 == 0:
            turned = (word << 8 | word >> 24) & 0xFFFFFFFF
            word = int.from_bytes(bytes(_SBOX[value] for value in turned.to_bytes(4, "big")), "big") ^ constant << 24
            constant = _doubled(constant)
        words.append(words[-4] ^ word)
    return tuple((words[at], words[at + 1], words[at + 2], words[at + 3]) for at in range(0, len(words), 4))


@lru_cache(maxsize=256)
def _inverse_round_keys(key: bytes) -> tuple[tuple[int, int, int, int], ...]:
    """Those of the equivalent inverse cipher (5.3.5): the inner ones unmixed, last first."""
    keys = _round_keys(key)
    inner = [tuple(_unmixed(word) for word in words) for words in keys[1:-1]]
    return keys[-1], *((a, b, c, d) for a, b, c, d in reversed(inner)), keys[0]


def _unmixed(word: int) -> int:
    parts = zip(_UNMIX, word.to_bytes(4, "big"), strict=True)
    a, b, c, d = (table[_SBOX[value]] for table, value in parts)
    return a ^ b ^ c ^ d


def xor(left: bytes, right: bytes) -> bytes:
    if len(left) != len(right):
        raise ValueError("not of equal length")
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(len(left), "big")


def encrypt_block(key: bytes, block: bytes) -> bytes:
    keys = _round_keys(key)
    t0, t1, t2, t3 = _MIX
    a, b, c, d = (word ^ part for word, part in zip(_words(block), keys[0], strict=True))
    for k0, k1, k2, k3 in keys[1:-1]:
        a, b, c, d = (
            t0[a >> 24] ^ t1[b >> 16 & 0xFF] ^ t2[c >> 8 & 0xFF] ^ t3[d & 0xFF] ^ k0,
            t0[b >> 24] ^ t1[c >> 16 & 0xFF] ^ t2[d >> 8 & 0xFF] ^ t3[a & 0xFF] ^ k1,
            t0[c >> 24] ^ t1[d >> 16 & 0xFF] ^ t2[a >> 8 & 0xFF] ^ t3[b & 0xFF] ^ k2,
            t0[d >> 24] ^ t1[a >> 16 & 0xFF] ^ t2[b >> 8 & 0xFF] ^ t3[c & 0xFF] ^ k3,
        )
    return _last_round(_SBOX, ((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c)), keys[-1])


def decrypt_block(key: bytes, block: bytes) -> bytes:
    keys = _inverse_round_keys(key)
    t0, t1, t2, t3 = _UNMIX
    a, b, c, d = (word ^ part for word, part in zip(_words(block), keys[0], strict=True))
    for k0, k1, k2, k3 in keys[1:-1]:
        a, b, c, d = (
            t0[a >> 24] ^ t1[d >> 16 & 0xFF] ^ t2[c >> 8 & 0xFF] ^ t3[b & 0xFF] ^ k0,
            t0[b >> 24] ^ t1[a >> 16 & 0xFF] ^ t2[d >> 8 & 0xFF] ^ t3[c & 0xFF] ^ k1,
            t0[c >> 24] ^ t1[b >> 16 & 0xFF] ^ t2[a >> 8 & 0xFF] ^ t3[d & 0xFF] ^ k2,
            t0[d >> 24] ^ t1[c >> 16 & 0xFF] ^ t2[b >> 8 & 0xFF] ^ t3[a & 0xFF] ^ k3,
        )
    return _last_round(_INVERSE_SBOX, ((a, d, c, b), (b, a, d, c), (c, b, a, d), (d, c, b, a)), keys[-1])


def _last_round(box: bytes, columns: tuple[tuple[int, int, int, int], ...], keys: tuple[int, int, int, int]) -> bytes:
    """The round without mixing; each column names the words that its four bytes come from."""
    out = b""
    for (w, x, y, z), key in zip(columns, keys, strict=True):
        word = box[w >> 24] << 24 | box[x >> 16 & 0xFF] << 16 | box[y >> 8 & 0xFF] << 8 | box[z & 0xFF]
        out += (word ^ key).to_bytes(4, "big")
    return out


def _blocks(data: bytes) -> list[bytes]:
    if len(data) % BLOCK:
        raise ValueError("not whole blocks of 16 bytes")
    return [data[start : start + BLOCK] for start in range(0, len(data), BLOCK)]


def cbc_encrypt(key: bytes, data: bytes, iv: bytes = bytes(BLOCK)) -> bytes:
    out = []
    for block in _blocks(data):
        iv = encrypt_block(key, xor(block, iv))
        out.append(iv)
    return b"".join(out)


def cbc_decrypt(key: bytes, data: bytes, iv: bytes = bytes(BLOCK)) -> bytes:
    out = []
    for block in _blocks(data):
        out.append(xor(decrypt_block(key, block), iv))
        iv = block
    return b"".join(out)


def _subkey(previous: bytes) -> bytes:
    """RFC 4493 2.3."""
    value = int.from_bytes(previous, "big") << 1
    if value >> 128:
        value = value & (1 << 128) - 1 ^ 0x87
    return value.to_bytes(BLOCK, "big")


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC, 16 bytes."""
    first = _subkey(encrypt_block(key, bytes(BLOCK)))
    if message and len(message) % BLOCK == 0:
        last = xor(message[-BLOCK:], first)
        head = message[:-BLOCK]
    else:
        whole = len(message) // BLOCK * BLOCK
        last = xor(pad(message[whole:]), _subkey(first))
        head = message[:whole]
    return cbc_encrypt(key, head + last)[-BLOCK:]


def pad(data: bytes) -> bytes:
    """80h and zeros up to the next whole block, always at least one byte (ISO/IEC 9797-1 padding method 2)."""
    padded = data + b"\x80"
    return padded + bytes(-len(padded) % BLOCK)


def unpad(data: bytes) -> bytes:
    """The way back of :func:`pad`; ValueError where the padding is not that."""
    body = data.rstrip(b"\x00")
    if not body.endswith(b"\x80") or len(data) - len(body) >= BLOCK:
        raise ValueError("not padded by method 2")
    return body[:-1]
