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
_BY: Final = {factor: bytes(_times(value, factor) for value in range(256)) for factor in (2, 3, 9, 11, 13, 14)}
# ShiftRows (5.1.2) on a block held column by column: where each byte of the new block comes from.
_SHIFT: Final = tuple((index + 4 * (index % 4)) % 16 for index in range(16))
_UNSHIFT: Final = tuple((index - 4 * (index % 4)) % 16 for index in range(16))


@lru_cache(maxsize=64)
def _round_keys(key: bytes) -> tuple[bytes, ...]:
    """FIPS 197 5.2."""
    if len(key) != BLOCK:
        raise ValueError("an AES-128 key has 16 bytes")
    words = [key[index : index + 4] for index in range(0, 16, 4)]
    constant = 1
    while len(words) < 44:
        word = words[-1]
        if len(words) % 4 == 0:
            rotated = bytes(_SBOX[value] for value in word[1:] + word[:1])
            word = bytes((rotated[0] ^ constant,)) + rotated[1:]
            constant = _doubled(constant)
        words.append(xor(words[-4], word))
    return tuple(b"".join(words[index : index + 4]) for index in range(0, 44, 4))


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))


def encrypt_block(key: bytes, block: bytes) -> bytes:
    keys = _round_keys(key)
    by2, by3 = _BY[2], _BY[3]
    state = xor(block, keys[0])
    for number in range(1, 11):
        shifted = [_SBOX[state[source]] for source in _SHIFT]
        if number < 10:
            mixed = bytearray()
            for column in range(0, 16, 4):
                a, b, c, d = shifted[column : column + 4]
                mixed += bytes(
                    (by2[a] ^ by3[b] ^ c ^ d, a ^ by2[b] ^ by3[c] ^ d, a ^ b ^ by2[c] ^ by3[d], by3[a] ^ b ^ c ^ by2[d])
                )
            shifted = list(mixed)
        state = xor(bytes(shifted), keys[number])
    return state


def decrypt_block(key: bytes, block: bytes) -> bytes:
    keys = _round_keys(key)
    by9, by11, by13, by14 = _BY[9], _BY[11], _BY[13], _BY[14]
    state = xor(block, keys[10])
    for number in range(9, -1, -1):
        state = xor(bytes(_INVERSE_SBOX[state[source]] for source in _UNSHIFT), keys[number])
        if number:
            mixed = bytearray()
            for column in range(0, 16, 4):
                a, b, c, d = state[column : column + 4]
                mixed += bytes(
                    (
                        by14[a] ^ by11[b] ^ by13[c] ^ by9[d],
                        by9[a] ^ by14[b] ^ by11[c] ^ by13[d],
                        by13[a] ^ by9[b] ^ by14[c] ^ by11[d],
                        by11[a] ^ by13[b] ^ by9[c] ^ by14[d],
                    )
                )
            state = bytes(mixed)
    return state


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
