"""PN532 host frames on the high speed UART (UM0701-02 section 6.2): bytes in, frames out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

ACK: Final = bytes.fromhex("0000FF00FF00")
NACK: Final = bytes.fromhex("0000FFFF0000")
SYNTAX_ERROR: Final = bytes.fromhex("0000FF01FF7F8100")

_START: Final = b"\x00\xff"
_EXTENDED: Final = b"\xff\xff"
_WAKE_LENGTH: Final = 5  # bytes before the start code that keep the line busy long enough to wake the chip
_LEAD_KEPT: Final = 16


@unique
class Signal(Enum):
    """The two frames from the host that carry no command."""

    ACK = "ack"
    NACK = "nack"


@dataclass(frozen=True, slots=True)
class HostCommand:
    """An information frame: ``payload`` begins with TFI; ``wakes`` where a wake-up sequence came before it."""

    payload: bytes
    wakes: bool


def information_frame(payload: bytes) -> bytes:
    """Normal frame up to 255 bytes of TFI and data, extended frame above."""
    if len(payload) < 0x100:
        head = bytes((len(payload), -len(payload) & 0xFF))
    else:
        length = len(payload).to_bytes(2, "big")
        head = _EXTENDED + length + bytes((-sum(length) & 0xFF,))
    return b"\x00" + _START + head + payload + bytes((-sum(payload) & 0xFF, 0x00))


class HostFrames:
    """Cuts the host's bytes into frames. A wrong LCS or DCS is met with silence and a new search for a start code."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def reset(self) -> None:
        """Forget a half-sent frame."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[HostCommand | Signal]:
        self._buffer += data
        frames: list[HostCommand | Signal] = []
        wakes = False
        while (start := self._buffer.find(_START)) >= 0:
            lead = self._buffer[:start]
            wakes = wakes or 0x55 in lead or len(lead) >= _WAKE_LENGTH
            body = bytes(self._buffer[start + 2 :])
            taken = self._take(body, wakes)
            if taken is None:
                break
            frame, used = taken
            del self._buffer[: start + 2 + used]
            if frame is not None:
                frames.append(frame)
                wakes = False
        if _START not in self._buffer:
            del self._buffer[:-_LEAD_KEPT]
        return frames

    @staticmethod
    def _take(body: bytes, wakes: bool) -> tuple[HostCommand | Signal | None, int] | None:
        """The frame after a start code and the bytes it used; (None, 0) for a false start, None for "more to come"."""
        if len(body) < 2:
            return None
        if body[:2] == b"\x00\xff":
            return Signal.ACK, 2
        if body[:2] == b"\xff\x00":
            return Signal.NACK, 2
        if body[:2] == _EXTENDED:
            if len(body) < 5:
                return None
            if sum(body[2:5]) & 0xFF:
                return None, 0
            length, head = int.from_bytes(body[2:4], "big"), 5
        else:
            if sum(body[:2]) & 0xFF:
                return None, 0
            length, head = body[0], 2
        if length == 0:
            return None, head
        if len(body) < head + length + 1:
            return None
        if sum(body[head : head + length + 1]) & 0xFF:
            return None, 0
        return HostCommand(body[head : head + length], wakes), head + length + 1
