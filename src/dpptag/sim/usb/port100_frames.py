"""Frames of Sony's NFC Port-100 (RC-S380): always the extended form, its length low byte first."""

from __future__ import annotations

from enum import Enum, unique
from typing import Final

ACK: Final = bytes.fromhex("0000FF00FF00")
ERROR: Final = bytes.fromhex("0000FFFFFF")

_HEAD: Final = bytes.fromhex("0000FFFFFF")


@unique
class FromHost(Enum):
    """A transfer that carries no command."""

    ACK = "ack"
    DAMAGED = "damaged"


def frame(payload: bytes) -> bytes:
    length = len(payload).to_bytes(2, "little")
    return _HEAD + length + bytes((-sum(length) & 0xFF,)) + payload + bytes((-sum(payload) & 0xFF, 0))


def parse(transfer: bytes) -> bytes | FromHost:
    """The payload of one bulk transfer; lengths and both checksums must hold."""
    if transfer == ACK:
        return FromHost.ACK
    if len(transfer) < 10 or transfer[:5] != _HEAD or sum(transfer[5:8]) & 0xFF:
        return FromHost.DAMAGED
    length = int.from_bytes(transfer[5:7], "little")
    if len(transfer) != length + 10 or sum(transfer[8:-1]) & 0xFF:
        return FromHost.DAMAGED
    return transfer[8 : 8 + length]
