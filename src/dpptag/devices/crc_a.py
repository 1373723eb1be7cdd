"""CRC_A of ISO/IEC 14443-3 annex B, for drivers that take a tag's answer from the reader as it was on the air."""

from __future__ import annotations

from typing import Final

CRC_BYTES: Final = 2
_START: Final = 0x6363


def _step(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc


_TABLE: Final = tuple(_step(octet) for octet in range(256))


def crc_a(data: bytes) -> bytes:
    """The two check bytes, low byte first."""
    crc = _START
    for octet in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xFF]
    return crc.to_bytes(CRC_BYTES, "little")


def without_crc_a(frame: bytes) -> bytes | None:
    """``frame`` less its check bytes, or None where they are not those of its data."""
    data, check = frame[:-CRC_BYTES], frame[-CRC_BYTES:]
    return data if data and crc_a(data) == check else None
