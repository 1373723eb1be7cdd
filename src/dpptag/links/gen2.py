"""The link to an EPC Gen2 tag (ISO/IEC 18000-63): what a UHF module's driver must offer to the tag family.

A link speaks to one chip, known by its TID. Words have 16 bits and count from the start of their bank. A refusal by the
chip or module raises TagNak with its reason in fact ``error`` (a :class:`Refusal` value); silence raises TagLost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, unique
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from dpptag.links.nfc import DeviceInfo, Technology

NO_PASSWORD: Final = bytes(4)
"""An access password of zero is none: the Access command is then not sent."""


@unique
class Bank(IntEnum):
    """Memory banks (Gen2 6.3.2.1). Reserved holds the kill password (words 0-1) and the access password (2-3)."""

    RESERVED = 0
    EPC = 1
    TID = 2
    USER = 3


@unique
class Area(Enum):
    """What a Lock command can name, in the order of its payload (Gen2 6.3.2.12.3.5)."""

    KILL = "kill"
    ACCESS = "access"
    EPC = "epc"
    TID = "tid"
    USER = "user"


@unique
class LockAction(Enum):
    """The four meanings of the two action bits; what they are on the wire differs from module to module.

    ``LOCKED``: written (passwords: read and written) only by whoever knows a non-zero access password.
    """

    OPEN = "open"
    OPEN_FOREVER = "open-forever"
    LOCKED = "locked"
    LOCKED_FOREVER = "locked-forever"


@unique
class Refusal(Enum):
    """Why a command was refused; the values are the ``error`` fact of TagNak.

    ``WRITE_FAILED``: the module cannot tell locked, overrun and too little power apart.
    """

    LOCKED = "locked"
    OVERRUN = "overrun"
    LOW_POWER = "low-power"
    PASSWORD = "password"  # noqa: S105  a reason, no secret
    UNSUPPORTED = "unsupported"
    WRITE_FAILED = "write-failed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A tag as one inventory round saw it. ``epc`` comes from the air, not from memory: nothing is judged by it.

    ``replies``: how often this EPC was heard in the round; two in one round may be two tags. ``rssi_dbm``: the
    strongest; None where the module gives none, or gives a number without a unit.
    """

    epc: bytes
    pc: int
    replies: int = 1
    rssi_dbm: int | None = None
    antenna: int | None = None
    frequency_khz: int | None = None


@dataclass(frozen=True, slots=True)
class ModuleState:
    """What a module tells of itself; None where it does not. Powers in hundredths of dBm."""

    region: str | None
    read_power_cdbm: int | None
    write_power_cdbm: int | None
    temperature_c: int | None


class Gen2Link(Protocol):
    """One Gen2 chip, chosen by its TID."""

    @property
    def technology(self) -> Literal[Technology.GEN2]: ...

    @property
    def uid(self) -> bytes:
        """The TID from word 0 to the end of its serial; where it has none, all that was read."""

    @property
    def tid(self) -> bytes:
        """The TID bank as far as it was read, at least 4 bytes."""

    @property
    def sighting(self) -> Sighting:
        """How the last inventory round saw this tag."""

    @property
    def selects_by_tid(self) -> bool:
        """False where the tag can only be chosen by its EPC: no other may be in the field while it is written then.

        It is so where the module knows no other way, or where the TID has no serial.
        """

    @property
    def max_read_words(self) -> int: ...

    @property
    def max_write_words(self) -> int: ...

    @property
    def offers_block_write(self) -> bool: ...

    @property
    def cuts_block_writes(self) -> bool:
        """Whether a command with ``block`` may have ``max_write_words``, which the module cuts as the chip takes them.

        Where it does not, every few words need a command of their own, and that takes longer than single writes.
        """

    def read(self, bank: Bank, word: int, count: int, *, password: bytes = NO_PASSWORD, secret: bool = False) -> bytes:
        """``count`` words, 1 to ``max_read_words``, one command. ``secret`` keeps the answer out of the traffic log."""

    def write(
        self,
        bank: Bank,
        word: int,
        data: bytes,
        *,
        password: bytes = NO_PASSWORD,
        block: bool = False,
        secret: bool = False,
        expect_refusal: bool = False,
    ) -> None:
        """Whole words, 1 to ``max_write_words``, one command. ``block``: BlockWrite instead of single writes.

        ``expect_refusal``: this write proves a lock. A module that repeats a refused write for as long as it is given
        is then given little time; nothing else changes.

        A lost answer is no failed write, and an acknowledged one proves nothing: read back.
        """

    def lock(self, actions: Mapping[Area, LockAction], *, password: bytes = NO_PASSWORD) -> int:
        """Lock or open areas; those not named stay as they are. Returns how many commands the module needed."""

    def kill(self, password: bytes) -> None:
        """IRREVERSIBLE. The chip never answers again; a zero password kills nothing. Never repeated by the link."""

    def reselect(self, *, field_off: bool = True) -> None:
        """Choose the same chip anew, also after its EPC was changed. Raises TagLost, TagSwapped, TagRefused.

        What reads right after it is in the chip's cells: a round takes the chip's power away. ``field_off`` False asks
        for no round where the module can choose without one.
        """


class Gen2Reader(Protocol):
    """An opened UHF module. One owner: no two threads, no two processes."""

    @property
    def info(self) -> DeviceInfo: ...

    def inventory(self) -> tuple[Sighting, ...]:
        """One round: every EPC heard, once each."""

    def select(self, sighting: Sighting) -> Gen2Link:
        """A link to a tag with this EPC: its TID is read, and it is chosen by it where the module can.

        Of several tags with the same EPC it is one of them. Raises TagLost, TagNak.
        """

    def sense(self) -> Gen2Link | None:
        """One round: the only tag in the field, or None.

        Raises TagRefused ``several-tags`` where more than one answers, with ``count``, their ``rssi`` as text, and
        ``chip`` (the EPCs): nothing is then written.
        """

    def state(self) -> ModuleState: ...

    def configure(self, *, region: str | None = None, power_cdbm: int | None = None) -> None:
        """Set what is given; power for reading and writing, by a command that wears no flash where there is one.

        Raises UsageError for a region or power that the profile does not allow.
        """

    def signal(self) -> bool:
        """Blink or beep once; False where the module can do neither."""

    def close(self) -> None:
        """Give the port free; harmless if the device is gone or this was called before."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
