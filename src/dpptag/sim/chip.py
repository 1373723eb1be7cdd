"""What the simulated field needs of a chip, and the kinds of chips there are.

A chip takes radio frames without their checksum and answers likewise; the reader model adds and checks the checksum.
An answer is bytes, a :class:`Nibble` (a 4-bit ACK or NAK, Type A alone), or None (silence).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Nibble:
    """A 4-bit answer, sent without parity and CRC."""

    value: int


ACK: Final = Nibble(0xA)
NAK_ARGUMENT: Final = Nibble(0x0)
NAK_CRC: Final = Nibble(0x1)

Answer = bytes | Nibble | None


@unique
class Rf(Enum):
    """How a chip is polled: ISO/IEC 14443-3 Type A, FeliCa (JIS X 6319-4, 212 and 424 kbit/s), ISO/IEC 15693."""

    A = "A"
    F = "F"
    V = "V"


class Chip(Protocol):
    """Any chip. ``uid``: Type A in anticollision order, FeliCa the IDm, ISO 15693 with E0h first."""

    @property
    def kind(self) -> str:
        """Its name in state files and queries."""

    @property
    def rf(self) -> Rf: ...

    @property
    def uid(self) -> bytes: ...

    @property
    def changes(self) -> int:
        """Grows with every change of what survives a loss of power: the state file is saved before such an answer."""

    def power(self, on: bool) -> None: ...

    def exchange(self, frame: bytes) -> Answer:
        """One frame: Type A a command or an ISO/IEC 14443-4 block; FeliCa the command after its length byte; ISO 15693
        from the flags byte on (an inventory too, so that the chip is found)."""

    def record(self) -> dict[str, Any]:
        """What the state file keeps beside kind and UID; JSON values alone. The maker takes it back."""


@runtime_checkable
class TypeAChip(Chip, Protocol):
    """A Type A chip; ``ats`` is None where it is no ISO/IEC 14443-4 chip, else the whole ATS with its length byte."""

    @property
    def atqa(self) -> int: ...

    @property
    def sak(self) -> int: ...

    @property
    def ats(self) -> bytes | None: ...

    def select(self) -> bool:
        """REQA, anticollision and SELECT; False where the chip does not answer REQA (no power, or halted)."""


@runtime_checkable
class Wakeable(TypeAChip, Protocol):
    """A Type A chip that can come back from HALT without a loss of power."""

    def wake(self) -> bool:
        """WUPA, anticollision and SELECT: as :meth:`select`, out of HALT too."""


@runtime_checkable
class FelicaChip(Chip, Protocol):
    """A FeliCa chip."""

    @property
    def pmm(self) -> bytes: ...

    def poll(self, system_code: int, request: int) -> bytes | None:
        """Polling (00h): IDm and PMm, with ``request`` 01h the system code (2 bytes) behind; None where it is not
        its system (FFh in either byte is a wildcard)."""


@runtime_checkable
class ApduChip(TypeAChip, Protocol):
    """An ISO/IEC 14443-4 chip whose APDUs may also be handed over whole, for readers that run the block protocol."""

    def apdu(self, command: bytes) -> bytes | None:
        """One command APDU, one response with its status bytes; None for silence."""


class Maker(Protocol):
    """Makes a chip of one kind: as delivered, or from what :meth:`Chip.record` gave (an empty mapping: delivered)."""

    def __call__(self, uid: bytes, stored: Mapping[str, Any]) -> Chip: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """``uid_head`` begins every UID made up for it, ``uid_bytes`` is its length."""

    make: Maker
    uid_head: bytes
    uid_bytes: int


Program = Callable[[int, bytes], bytes]
"""What the cells of unit number N (a page, a block) keep of the bytes that were written to it."""


def unchanged(_unit: int, data: bytes) -> bytes:
    """The :data:`Program` of sound cells."""
    return data


@runtime_checkable
class Tearable(Protocol):
    """A chip whose cells can be disturbed. The field sets ``program``, so it must be an ordinary attribute."""

    program: Program

    def tear(self, execute: Callable[[], object]) -> bool:
        """Call ``execute`` (it hands this chip one frame, or one APDU), and stop inside the programming of its last
        unit: half of it is done, and the rest erased. False where nothing was programmed: then all is as without.
        """


@runtime_checkable
class Fading(Protocol):
    """A chip whose cells can forget: the fault ``weak`` needs it."""

    def fade(self, unit: int) -> None:
        """One bit of a unit is wrong from now on."""
