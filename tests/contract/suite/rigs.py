"""One face for every simulated reader: chips laid before it, taken away, exchanged; its memory; the real driver on it.

A rig is made in the process in which the driver runs. Where that is a child, the bus belongs to the test process, and
``order`` is asked of it over the child's pipes.
"""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dpptag.devices import open_nfc, parse_device_path
from dpptag.links import NfcReader
from dpptag.sim import SimulatedReader, start
from dpptag.sim.faults import Fault, FaultKind, parse_fault
from dpptag.sim.population import parse_query, populate
from tests.contract.suite.readers import READERS, Reader

Order = Callable[..., dict[str, Any]]
_BELT = "&seed=7&dwell=1000000"  # the same chips each time; none moves on by itself
_PATIENCE_SECONDS = 20.0


def population(kind: str) -> str:
    """Two chips of one kind: the first stands in the field, the other may take its place."""
    return f"tags={kind}*2{_BELT}"


class Rig(ABC):
    """``path`` is the device path of the reader."""

    def __init__(self, reader: Reader, state: Path) -> None:
        self.reader = reader
        self.state = state
        self.path = reader.device

    def open(self) -> NfcReader:
        return open_nfc(parse_device_path(self.path))

    def tags(self) -> list[dict[str, Any]]:
        """The records of both chips, as the simulator keeps them."""
        tags: list[dict[str, Any]] = json.loads(self.state.read_text())["tags"]
        return tags

    @abstractmethod
    def lay(self, kind: str) -> None:
        """Two chips as delivered, the first in the field, and the reader plugged in; no client has it open."""

    @abstractmethod
    def remove(self) -> None:
        """The chip leaves, and the driver's service, where there is one, has seen it."""

    @abstractmethod
    def insert(self) -> None:
        """The chip that left stands there again, likewise."""

    @abstractmethod
    def swap(self) -> None:
        """The second chip takes the place of the first, likewise."""

    @abstractmethod
    def fault(self, fault: str) -> None:
        """A fault of :mod:`dpptag.sim.faults`, from now on."""

    @abstractmethod
    def unplug(self) -> None:
        """The reader leaves until the next :meth:`lay`."""

    def close(self) -> None:  # noqa: B027  most are ended by their owner
        """Give the simulator back."""


class PtyRig(Rig):
    """The serial PN532 in this process."""

    def __init__(self, reader: Reader, state: Path) -> None:
        super().__init__(reader, state)
        self._sim: SimulatedReader | None = None

    def lay(self, kind: str) -> None:
        query = population(kind)
        if self._sim is None:
            self.state.unlink(missing_ok=True)
            self._sim = start(f"{query}&state={self.state}")
            self.path = f"nfc:tty:{self._sim.path}"
        else:
            self._sim.unused.wait(_PATIENCE_SECONDS)
            self._sim.field.lay(populate(parse_query(query))[0])

    @property
    def sim(self) -> SimulatedReader:
        assert self._sim is not None
        return self._sim

    def remove(self) -> None:
        self.sim.field.pull(Fault(FaultKind.PULL, 0))

    def insert(self) -> None:
        self.sim.field.put_back()

    def swap(self) -> None:
        self.sim.field.swap()

    def fault(self, fault: str) -> None:
        self.sim.faults.order(parse_fault(fault))

    def unplug(self) -> None:
        self.close()

    def close(self) -> None:
        if self._sim is not None:
            self._sim.close()
            self._sim = None


class UsbBusRig(Rig):
    """A reader on the simulated bus: libusb and nfcpy are in this process, the bus is in another."""

    def __init__(self, reader: Reader, state: Path, order: Order) -> None:
        super().__init__(reader, state)
        self._order = order
        self._plugged = True

    def lay(self, kind: str) -> None:
        if not self._plugged:
            self._order(reader="replug")
            self._plugged = True
        self._order(lay=population(kind))

    def remove(self) -> None:
        self._order(tag="remove")

    def insert(self) -> None:
        self._order(tag="insert")

    def swap(self) -> None:
        self._order(tag="swap")

    def fault(self, fault: str) -> None:
        self._order(fault=fault)

    def unplug(self) -> None:
        self._order(reader="unplug")
        self._plugged = False


class CcidRig(UsbBusRig):
    """The same bus below pcscd and libccid: PC/SC is asked what the service has seen."""

    def lay(self, kind: str) -> None:
        if self._plugged:
            self.remove()
        super().lay(kind)
        _until(self.reader.device.removeprefix("pcsc:"), self._present_after(kind))

    def _present_after(self, kind: str) -> str:
        seen = populate(parse_query(population(kind)))[0][0].rf.value != "V"
        return "present" if seen else "empty"

    def remove(self) -> None:
        super().remove()
        self._wait("empty")

    def insert(self) -> None:
        super().insert()
        self._wait("present")

    def swap(self) -> None:
        """A hand that takes one tag away and puts another there; the service looks in between."""
        self.remove()
        super().swap()
        self._wait("present")

    def unplug(self) -> None:
        super().unplug()
        self._wait("gone")

    def _wait(self, wanted: str) -> None:
        _until(self.reader.device.removeprefix("pcsc:"), wanted)


def _until(reader: str, wanted: str) -> None:
    """Wait, by PC/SC's own means, until the reader is ``present`` (with a tag), ``empty`` or ``gone``."""
    from smartcard import scard

    end = time.monotonic() + _PATIENCE_SECONDS
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    assert code == 0, f"{code & 0xFFFFFFFF:08X}"
    try:
        while time.monotonic() < end:
            _, names = scard.SCardListReaders(context, [])
            found = [name for name in names or [] if name.startswith(reader)]
            if found:
                code, states = scard.SCardGetStatusChange(context, 0, [(found[0], 0)])
                present = states[0][1] & scard.SCARD_STATE_PRESENT
                if code == 0 and wanted == ("present" if present else "empty"):
                    return
            elif wanted == "gone":
                return
            time.sleep(0.01)
    finally:
        scard.SCardReleaseContext(context)
    raise AssertionError(f"{reader} was never seen {wanted}")


class VpcdRig(Rig):
    """A class of reader behind vpcd, in the PC/SC rig of this process."""

    def __init__(self, reader: Reader, state: Path) -> None:
        from tests.pcsc_rig import pcsc_rig

        super().__init__(reader, state)
        self._pcsc = pcsc_rig()
        self._laid = ""
        self._plugged = True

    def lay(self, kind: str) -> None:
        """The service starts anew where it must see something else; chips of one kind are exchanged behind its back."""
        if not self._plugged:
            self._pcsc.command(plugged=True)
            self._plugged = True
        if self._laid == kind:
            self._pcsc.command(lay=population(kind))
            return
        self.state.unlink(missing_ok=True)
        query = f"{population(kind)}&state={self.state}"
        seen = populate(parse_query(query.partition("&state")[0]))[0][0].rf.value != "V" or not self.reader.unseen
        name = self._pcsc.setup("--class", self.reader.simulated_by[1], query, tag=seen)
        self.path = f"pcsc:{name}"
        self._laid = kind

    def remove(self) -> None:
        self._laid = ""
        self._pcsc.remove()

    def insert(self) -> None:
        self._laid = ""
        self._pcsc.insert()

    def swap(self) -> None:
        self._laid = ""
        self._pcsc.swap()

    def fault(self, fault: str) -> None:
        self._laid = ""
        self._pcsc.command(fault=fault)

    def unplug(self) -> None:
        self._laid = ""
        self._pcsc.command(plugged=False, service="restart")
        self._plugged = False

    def close(self) -> None:
        """The rig stays for other tests of this process, with a reader in it."""
        if not self._plugged:
            self._pcsc.command(plugged=True, service="restart")


def make_rig(reader_name: str, state: Path, order: Order | None = None) -> Rig:
    """The rig of a reader, in the process where its driver is to run; ``order`` is that of its bus, if it has one."""
    reader = READERS[reader_name]
    if order is None:
        return PtyRig(reader, state) if reader.simulated_by[0] == "pty" else VpcdRig(reader, state)
    return (CcidRig if reader.simulated_by[0] == "libccid" else UsbBusRig)(reader, state, order)
