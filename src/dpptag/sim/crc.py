"""Checksums of the air interfaces."""

from __future__ import annotations


def crc_a(data: bytes) -> bytes:
    """CRC_A, low byte first (ISO/IEC 14443-3 annex B)."""
    crc = 0x6363
    for octet in data:
        mixed = octet ^ crc & 0xFF
        mixed = (mixed ^ mixed << 4) & 0xFF
        crc = (crc >> 8) ^ (mixed << 8) ^ (mixed << 3) ^ (mixed >> 4)
    return crc.to_bytes(2, "little")


def crc_f(data: bytes) -> bytes:
    """FeliCa's CRC over length byte and data, high byte first (JIS X 6319-4: x16 + x12 + x5 + 1, from 0000h)."""
    crc = 0x0000
    for octet in data:
        crc ^= octet << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
        crc &= 0xFFFF
    return crc.to_bytes(2, "big")
