"""Links to NFC tags: what a reader driver must offer, one protocol for each tag technology.

A link speaks to one tag alone: once the reader has sensed another tag, or none, every call raises TagSwapped or
TagLost. A command that the chip itself refuses raises TagNak; silence and damaged answers raise TagLost; a reader that
breaks its own protocol raises DeviceError. An acknowledged write proves nothing about the cells: read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from types import TracebackType
from typing import Literal, Protocol, Self


@unique
class Technology(Enum):
    """NFC Forum tag types, and EPC Gen2 (UHF); the value is what commands and reports print."""

    TYPE2 = "NFC Forum Type 2"
    TYPE3 = "NFC Forum Type 3"
    TYPE4 = "NFC Forum Type 4"
    TYPE5 = "NFC Forum Type 5"
    GEN2 = "EPC Gen2"


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """``path`` as the user named it; ``simulated`` is shown in every output."""

    path: str
    driver: str
    model: str
    firmware: str
    simulated: bool


class Type2Link(Protocol):
    """An activated NFC Forum Type 2 tag (ISO/IEC 14443-3A, SAK 00h). Pages are 4 bytes."""

    @property
    def technology(self) -> Literal[Technology.TYPE2]: ...

    @property
    def uid(self) -> bytes:
        """The UID in anticollision order, 4, 7 or 10 bytes."""

    @property
    def fast_read_pages(self) -> int:
        """How many pages one FAST_READ may ask for; 0 where the reader is not trusted with it (its profile says)."""

    @property
    def passes_commands(self) -> bool:
        """Whether any tag command passes the reader; False where it knows READ and WRITE alone (PC/SC storage card).

        Without it ``get_version`` and ``read_signature`` return None, and ``authenticate`` raises TagRefused.
        """

    def get_version(self) -> bytes | None:
        """GET_VERSION: 8 bytes, or None where the chip does not know it (the link has then selected the chip again).

        Not knowing it is NAK 0h, or silence when asked twice. Raises TagLost or TagNak for an answer that was damaged.
        """

    def read(self, page: int) -> bytes:
        """READ: 16 bytes from ``page`` on. Rolls over at the end of memory: never ask past it.

        After TagNak the chip is mute until :meth:`reselect`.
        """

    def fast_read(self, first: int, last: int) -> bytes:
        """FAST_READ: 4 bytes for each page from ``first`` to ``last``, both included; the length is checked."""

    def write(self, page: int, data: bytes, *, secret: bool = False) -> None:
        """WRITE: 4 bytes to one page, acknowledged. After TagNak the chip is mute until :meth:`reselect`.

        ``secret`` (a password page) masks the data in the traffic log; no error ever holds it.
        """

    def authenticate(self, password: bytes) -> bytes:
        """PWD_AUTH with 4 bytes: the 2-byte PACK. TagNak for a wrong password; the chip is then mute until reselect.

        The password is masked in the traffic log, and in no error.
        """

    def read_signature(self) -> bytes | None:
        """READ_SIG: 32 bytes as the chip sends them, or None where it does not know the command (selected again)."""

    def reselect(self) -> None:
        """Field off and on, then select the same UID again. Raises TagLost, or TagSwapped for another chip."""


class FelicaLink(Protocol):
    """A polled NFC Forum Type 3 tag (FeliCa, JIS X 6319-4). Blocks are 16 bytes."""

    @property
    def technology(self) -> Literal[Technology.TYPE3]: ...

    @property
    def uid(self) -> bytes:
        """The IDm, 8 bytes."""

    @property
    def pmm(self) -> bytes:
        """PMm, 8 bytes: byte 1 is the IC code."""

    @property
    def system_code(self) -> int:
        """The system code that the tag was polled with: 12FCh for NDEF, else FFFFh or 88B4h (Lite-S, not formatted)."""

    def read(self, service: int, blocks: Sequence[int]) -> bytes:
        """Read Without Encryption (06h): 16 bytes a block. TagNak with facts ``status1`` and ``status2``."""

    def write(self, service: int, blocks: Sequence[int], data: bytes) -> None:
        """Write Without Encryption (08h): 16 bytes a block. TagNak with facts ``status1`` and ``status2``."""

    def reselect(self) -> None:
        """Field off and on, then poll for the same IDm again. Raises TagLost, or TagSwapped for another chip."""


class ApduLink(Protocol):
    """An activated NFC Forum Type 4 tag (ISO/IEC 14443-4): APDUs in and out, block protocol below."""

    @property
    def technology(self) -> Literal[Technology.TYPE4]: ...

    @property
    def uid(self) -> bytes:
        """The UID in anticollision order, 4, 7 or 10 bytes."""

    @property
    def historical_bytes(self) -> bytes:
        """Of the ATS (ISO/IEC 14443-4 5.2.7); empty where it has none."""

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        """One short command APDU (Lc and Le of one byte); the response with its two status bytes, whatever they say.

        ``secret`` keeps the body of the command out of the traffic log.
        """

    def reselect(self) -> None:
        """Field off and on, then activate the same UID again; nothing is selected in the tag after it."""


class Type5Link(Protocol):
    """An inventoried NFC Forum Type 5 tag (ISO/IEC 15693)."""

    @property
    def technology(self) -> Literal[Technology.TYPE5]: ...

    @property
    def uid(self) -> bytes:
        """The UID, 8 bytes, E0h first."""

    @property
    def passes_commands(self) -> bool:
        """Whether any command passes the reader; False where it knows reading and writing of blocks alone.

        Without it ``command`` raises TagRefused: nothing can be locked, and no password set.
        """

    def read(self, block: int, count: int = 1) -> bytes:
        """``count`` blocks from ``block`` on. TagNak with fact ``error`` (ISO/IEC 15693-3 table 7) past the end."""

    def write(self, block: int, data: bytes) -> None:
        """WRITE SINGLE BLOCK, addressed; TagNak with fact ``error`` where the chip refuses it."""

    def command(self, code: int, parameters: bytes = b"", *, option: bool = False, secret: bool = False) -> bytes:
        """One addressed command: ``parameters`` are what follows the UID (after the maker byte, which the caller gives
        first for custom commands, A0h to DFh); returns the answer without flags. TagNak with fact ``error``."""

    def reselect(self) -> None:
        """Field off and on, then find the same UID again. Raises TagLost, or TagSwapped for another chip."""


NfcLink = Type2Link | FelicaLink | ApduLink | Type5Link
"""Told apart by ``technology``."""


class NfcReader(Protocol):
    """An opened reader. One owner: no two threads, no two processes."""

    @property
    def info(self) -> DeviceInfo: ...

    def sense(self) -> NfcLink | None:
        """Poll once, every technology that the reader knows: the tag in the field, or None. Does not wait or beep.

        Raises TagRefused for a tag that is none of ours (its ``chip`` fact is the UID), and where several stand there.
        """

    def signal(self) -> bool:
        """Blink or beep once, so that a person can tell which reader it is; False where it can do neither."""

    def close(self) -> None:
        """Field off, port closed; harmless if the device is gone or this was called before."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
