"""What one family's protocol must do: one question, one answer, in its own frames.

A module knows nothing of tag families, write orders or retries of writes. It raises TagLost where no tag answered,
TagNak with fact ``error`` (:class:`dpptag.links.gen2.Refusal`) where tag or module refused, TagSwapped where its answer
names another EPC than the chosen tag's, DeviceProtocolError for frames that its protocol does not allow, DeviceLost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from dpptag.links.gen2 import Area, Bank, LockAction, ModuleState, Sighting

LOCK_ORDER: Final = (Area.EPC, Area.TID, Area.USER, Area.KILL, Area.ACCESS)
"""For modules that lock one area a command: the passwords last, for that they cannot be read is taken for a sign that a
chip is locked. Where a command fails no other is sent."""


@dataclass(frozen=True, slots=True)
class ModuleVersion:
    """``model`` as the module names itself, or as its hardware number is known; ``firmware`` as printed to people."""

    model: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Target:
    """The tag that the following commands are for. ``tid`` is the chip number, None while it is not known yet.

    ``epc``: what the tag's EPC is now: modules that choose by EPC use it. Empty where it was written to since and
    ``tid`` is what the module chooses by.
    """

    epc: bytes
    tid: bytes | None = None


class Gen2Module(Protocol):
    """One opened module. Words have 16 bits; passwords 4 bytes, zeros for none."""

    @property
    def selects_by_tid(self) -> bool: ...

    @property
    def max_read_words(self) -> int: ...

    @property
    def max_write_words(self) -> int: ...

    @property
    def offers_block_write(self) -> bool: ...

    @property
    def cuts_block_writes(self) -> bool: ...

    def identify(self) -> ModuleVersion:
        """Ask for the version; also the probe: raises DeviceProtocolError where something else answers."""

    def state(self) -> ModuleState: ...

    def set_region(self, name: str) -> None: ...

    def set_power(self, cdbm: int) -> None:
        """Reading and writing, hundredths of dBm, for now only: no flash is written where the module offers that."""

    def inventory(self) -> list[Sighting]:
        """One round, one entry for every reply, in their order; equal EPCs are not merged here."""

    def choose(self, target: Target | None) -> None:
        """Whom the following commands are for; None: whatever tag answers. Stateful modules are told at once."""

    def read(self, bank: Bank, word: int, count: int, password: bytes, *, secret: bool = False) -> bytes: ...

    def write(
        self,
        bank: Bank,
        word: int,
        data: bytes,
        password: bytes,
        *,
        block: bool = False,
        secret: bool = False,
        expect_refusal: bool = False,
    ) -> None:
        """``expect_refusal``: the write proves a lock, so a module that would try until its time is up gets little."""

    def lock(self, actions: Mapping[Area, LockAction], password: bytes) -> int:
        """How many commands it took."""

    def kill(self, password: bytes) -> None: ...

    def signal(self) -> bool: ...

    def close(self) -> None:
        """Give the port free; raises nothing."""


PC_WORD: Final = 1
"""StoredPC in the EPC bank; the EPC follows it (Gen2 6.3.2.1.2)."""


def epc_after(epc: bytes | None, word: int, data: bytes) -> bytes | None:
    """The EPC once ``data`` stands in its bank from ``word`` on; None where that cannot be told."""
    if word == PC_WORD:
        counted, new = 2 * (data[0] >> 3), data[2:] or epc  # StoredPC alone leaves the EPC as it is
        return new if new is not None and len(new) == counted else None
    at = 2 * (word - PC_WORD - 1)
    if epc is None or at < 0 or at + len(data) > len(epc):
        return None
    return epc[:at] + data + epc[at + len(data) :]
