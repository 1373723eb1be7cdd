"""What a reader's chip set must do for the links: poll, exchange one raw frame, switch the field.

A port knows one foreign library and one chip set, and nothing of tag commands; the links built on it know the tag
commands, and nothing of readers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from dpptag.errors import DeviceProtocolError

USUAL_WAITING_TIME: Final = 0.0256
"""Seconds. The longest answer of a Type 2 tag, a WRITE, takes up to 10 ms (NTAG213F/216F data sheet p.40); a chip set
that can wait for powers of two of 0.1 ms alone waits this long."""


@dataclass(frozen=True, slots=True)
class TypeATarget:
    """A selected ISO/IEC 14443-3 Type A chip: UID in anticollision order, SAK."""

    uid: bytes
    sak: int


@dataclass(frozen=True, slots=True)
class FelicaTarget:
    """A FeliCa chip that answered Polling: IDm, PMm, and the system code where it was asked for and came."""

    idm: bytes
    pmm: bytes
    system_code: int | None


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the traffic log must not show of one exchange: a half-open span of the command, and all of the answer."""

    start: int
    stop: int
    answer: bool = False


class UnansweredError(Exception):
    """No whole answer came from the tag. ``silent``: nothing at all came; ``status`` is the chip set's own number."""

    def __init__(self, status: int, *, silent: bool) -> None:
        super().__init__(f"status {status:X}h")
        self.status = status
        self.silent = silent


class CollisionError(Exception):
    """Several tags answered at once."""


class RawPort(Protocol):
    """An opened chip set. Every call returns in bounded time: the waiting time asked for and :data:`HOST_SECONDS`.

    All of them raise DeviceLost where the reader went away and DeviceProtocolError where it breaks its own protocol.
    """

    @property
    def name(self) -> str:
        """What messages call the reader: its device node, or its USB id and physical port."""

    @property
    def firmware(self) -> str: ...

    @property
    def frame_size(self) -> int:
        """How many bytes one frame from or to a tag may have, its CRC included."""

    @property
    def poll_lead_seconds(self) -> float:
        """The least time for which a poll is on its way to the chip set: a field that was off is still off so long."""

    def poll_a(self) -> TypeATarget | None:
        """One poll for a Type A tag, field on, the tag selected. Raises CollisionError where the chip set tells."""

    def poll_f(self, system_code: int) -> FelicaTarget | None:
        """One poll for a FeliCa tag at 212 kbit/s, field on."""

    def exchange(self, frame: bytes, waiting_time: float, hidden: Hidden | None = None) -> bytes:
        """One frame to the tag that was polled last, and its answer within ``waiting_time`` seconds.

        Type A: without CRC_A on the way out, with it (or one byte for a 4-bit ACK or NAK) on the way back.
        FeliCa: from the length byte on, without CRC. Raises UnansweredError.
        """

    def field_off(self) -> None: ...

    def signal(self) -> bool:
        """Blink or beep once; False where the reader can do neither."""

    def close(self) -> None:
        """Field off, everything given back; raises nothing, and is harmless when called before."""


HOST_SECONDS: Final = 5.0
"""The most that the host's side of a call takes, on top of the waiting time it was asked for, where a reader hangs.

An exchange is at most two host commands, each 1 s for the writing, 0.5 s for the ACK and 0.5 s for the answer. Opening
tries eight speeds of a serial port; polling is at most eight host commands on the RC-S380.
"""


def malformed(name: str) -> DeviceProtocolError:
    return DeviceProtocolError(
        f"the reader at {name} sent a frame that its protocol does not allow",
        action="check the cable and the speed, then run the command again",
        device=name,
    )
