"""DES (FIPS 46-3) in plain Python: what delivered DESFire cards and libfreefare authenticate with.

Slow, broken as a cipher, and for simulated keys alone. Bits are numbered from 1 at the left, as in the standard.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

BLOCK: Final = 8

_IP: Final = tuple(start - 8 * row for start in (58, 60, 62, 64, 57, 59, 61, 63) for row in range(8))
_FP: Final = tuple(_IP.index(bit) + 1 for bit in range(1, 65))
_E: Final = tuple((4 * group + offset - 1) % 32 + 1 for group in range(8) for offset in range(6))
_P: Final = (
    *(16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10),
    *(2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25),
)
_PC1: Final = (
    *(57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36),
    *(63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4),
)
_PC2: Final = (
    *(14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2),
    *(41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32),
)
_TURNS: Final = (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1)
_S: Final = tuple(
    tuple(int(digit, 16) for digit in box)
    for box in (
        "E4D12FB83A6C59070F74E2D1A6CB953841E8D62BFC973A50FC8249175B3EA06D",
        "F18E6B34972DC05A3D47F28EC01A69B50E7BA4D158C6932FD8A13F42B67C05E9",
        "A09E63F51DC7B428D709346A285ECBF1D6498F30B12C5AE71AD069874FE3B52C",
        "7DE3069A1285BC4FD8B56F03472C1AE9A690CB7DF13E52843F06A1D8945BC72E",
        "2C417AB6853FD0E9EB2C47D150FA3986421BAD78F9C5630EB8C71E2D6F09A453",
        "C1AF92680D34E75BAF427C9561DE0B389EF528C3704A1DB6432C95FABE17608D",
        "4B2EF08D3C975A61D0B7491AE35C2F8614BDC37EAF6805926BD814A7950FE23C",
        "D2846FB1A93E50C71FD8A374C56B0E927B419CE206ADF35821E74A8DFC90356B",
    )
)


def _permuted(value: int, width: int, table: tuple[int, ...]) -> int:
    result = 0
    for bit in table:
        result = result << 1 | value >> (width - bit) & 1
    return result


@lru_cache(maxsize=64)
def _round_keys(key: bytes) -> tuple[int, ...]:
    if len(key) != BLOCK:
        raise ValueError("a DES key has 8 bytes")
    both = _permuted(int.from_bytes(key, "big"), 64, _PC1)
    left, right = both >> 28, both & 0xFFFFFFF
    keys = []
    for turns in _TURNS:
        left, right = ((half << turns | half >> (28 - turns)) & 0xFFFFFFF for half in (left, right))
        keys.append(_permuted(left << 28 | right, 56, _PC2))
    return tuple(keys)


def _rounds(block: bytes, keys: tuple[int, ...]) -> bytes:
    if len(block) != BLOCK:
        raise ValueError("a block has 8 bytes")
    both = _permuted(int.from_bytes(block, "big"), 64, _IP)
    left, right = both >> 32, both & 0xFFFFFFFF
    for key in keys:
        mixed = _permuted(right, 32, _E) ^ key
        chosen = 0
        for number, box in enumerate(_S):
            six = mixed >> (42 - 6 * number) & 0x3F
            chosen = chosen << 4 | box[(six >> 4 & 2 | six & 1) << 4 | six >> 1 & 0xF]
        left, right = right, left ^ _permuted(chosen, 32, _P)
    return _permuted(right << 32 | left, 64, _FP).to_bytes(BLOCK, "big")


def encrypt_block(key: bytes, block: bytes) -> bytes:
    return _rounds(block, _round_keys(key))


def decrypt_block(key: bytes, block: bytes) -> bytes:
    return _rounds(block, _round_keys(key)[::-1])
