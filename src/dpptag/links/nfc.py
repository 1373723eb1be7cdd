"""Links to NFC tags."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """``path`` as the user named it; ``simulated`` is shown in every output."""

    path: str
    driver: str
    model: str
    firmware: str
    simulated: bool


class Type2Link(Protocol):
    """An activated NFC Forum Type 2 tag (ISO/IEC 14443-3A, SAK 00h).

    It speaks to this tag alone: once the reader has sensed another tag, or none, it raises TagSwapped or TagLost.

    Pages are 4 bytes. A write is acknowledged by the chip but proves nothing about the cells: read back.
    """

    @property
    def uid(self) -> bytes:
        """The UID in anticollision order, 4, 7 or 10 bytes."""

    @property
    def fast_read_pages(self) -> int:
        """How many pages one FAST_READ may ask for; 0 where the reader is not trusted with it (its profile says)."""

    def get_version(self) -> bytes | None:
        """GET_VERSION: 8 bytes, or None where the chip does not know it (the link has then selected the chip again).

        Not knowing it is NAK 0h, or silence when asked twice. Raises TagLost or TagNak for an answer that was damaged.
        """

    def read(self, page: int) -> bytes:
        """READ: 16 bytes from ``page`` on. Rolls over at the end of memory: never ask past it."""

    def fast_read(self, first: int, last: int) -> bytes:
        """FAST_READ: 4 bytes for each page from ``first`` to ``last``, both included; the length is checked."""

    def write(self, page: int, data: bytes) -> None:
        """WRITE: 4 bytes to one page, acknowledged."""

    def reselect(self) -> None:
        """Field off and on, then select the same UID again. Raises TagLost, or TagSwapped for another chip."""


class NfcReader(Protocol):
    """An opened reader. One owner: no two threads, no two processes."""

    @property
    def info(self) -> DeviceInfo: ...

    def sense(self) -> Type2Link | None:
        """Poll once: the tag in the field, or None. Does not wait, does not beep."""

    def close(self) -> None:
        """Field off, port closed; harmless if the device is gone or this was called before."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
