"""A simulated USB reader without its bus: messages from the host in, messages for the host out, faults on order.

Host commands are counted as on the serial simulator, and the same faults apply to each: one PN53x command frame, one
CCID message that carries data (what libccid polls by itself is not counted), one RC-S380 command frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from dpptag.sim.faults import Fault, FaultKind, FaultSchedule
from dpptag.sim.field import Field
from dpptag.sim.host import Announce, HostCommands
from dpptag.sim.population import Options, StateFile, populate
from dpptag.sim.usb.descriptors import UsbModel

GARBAGE: Final = bytes.fromhex("5AA50F F0 17 2C")

_BY_HAND: Final = Fault(FaultKind.PULL, 0)


class UsbReader(ABC):
    """``announce`` gets ``{"fired": ..., "host_command": N}``, ``{"held": N}`` and ``{"released": N}``; ``wake`` is
    called when a message for the host is ready. A hold or a pull without count ends when the client has closed the
    device or died."""

    model: UsbModel

    def __init__(
        self, options: Options, announce: Announce = lambda _event: None, wake: Callable[[], None] = lambda: None
    ) -> None:
        tags, position, fired_before = populate(options)
        self._state = StateFile(options.state) if options.state is not None else None
        self._fired_before = fired_before
        self._announce = announce
        self.wake = wake
        self.faults = FaultSchedule(options.faults, self._note_fault)
        self.field = Field(tags, position=position, dwell=options.dwell, faults=self.faults, save=self._save)
        self.commands = HostCommands(self.field, announce)
        self._out: dict[int, deque[bytes]] = {end.address: deque() for end in self.model.endpoints}
        self._taken_away = False
        self._save()

    # What the bus calls

    @abstractmethod
    def host_sent(self, data: bytes) -> None:
        """One bulk transfer from the host."""

    def control(self, request_type: int, request: int, data: bytes, length: int) -> bytes | None:
        """A class or vendor request on endpoint 0; None stalls."""
        return None

    def take(self, endpoint: int, room: int) -> bytes | None:
        """The next message for the host on an IN endpoint, at most ``room`` bytes of it; None where none is ready."""
        queue = self._out[endpoint]
        if not queue:
            return None
        message = queue.popleft()
        if len(message) > room:
            queue.appendleft(message[room:])
        return message[:room]

    def reset(self) -> None:
        """A bus reset, or the interface given back: what was half said is void."""
        for queue in self._out.values():
            queue.clear()

    def client_gone(self) -> None:
        """The last client closed the device or died."""
        self.reset()
        self.commands.client_gone()
        if self._taken_away:
            self.field.pull(_BY_HAND)

    def unplugged(self) -> None:
        """No power: the field is off, and the chips in the reader forget."""
        self.reset()
        self.field.power(False)

    def take_away(self) -> None:
        """A hand takes the tag away, until :meth:`put_back`."""
        self._taken_away = True
        self.field.pull(_BY_HAND)
        self.tag_moved()

    def put_back(self) -> None:
        self._taken_away = False
        self.field.put_back()
        self.tag_moved()

    def swap(self) -> None:
        """The next tag takes the place of this one."""
        self._taken_away = False
        self.field.swap()
        self.tag_moved()

    def lay(self, options: Options) -> None:
        """Other tags take the place of all that were here, as delivered; the state file stays the one of the start."""
        self._taken_away = False
        self.field.lay(populate(replace(options, state=None))[0])
        self.tag_moved()

    def tag_moved(self) -> None:  # noqa: B027 - most readers notice nothing
        """Something came into the field or left it by hand, not by a fault."""

    # What the models use

    def send(self, message: bytes, endpoint: int | None = None) -> None:
        """Queue one message for the host, on bulk IN where no endpoint is named."""
        if not self.commands.holding:
            self._out[self.model.bulk_in if endpoint is None else endpoint].append(message)
            self.wake()

    def run(self, execute: Callable[[], bytes], *, acknowledge: bytes = b"") -> None:
        """One host command: counted, and subject to faults. ``acknowledge`` is a message before the answer's."""
        answer = self.commands.run(execute, GARBAGE)
        if answer is None:
            return
        for message in filter(None, (acknowledge, answer)):
            self.send(message)

    def record(self) -> dict[str, Any]:
        """What a query for the reader's state tells."""
        tag = self.field.tag
        return {
            "model": self.model.name,
            "host_commands": self.faults.host_command,
            "exchanges": self.field.exchanges,
            "simulated_us": self.field.simulated_us,
            "fired": [str(fault) for fault in self.faults.fired],
            "tag": None if tag is None else tag.uid.hex(),
        }

    def _save(self) -> None:
        if self._state is not None:
            fired = [*self._fired_before, *(str(fault) for fault in self.faults.fired)]
            self._state.save(self.field.tags, self.field.position, fired)

    def _note_fault(self, fault: Fault, host_command: int) -> None:
        self._save()
        self._announce({"fired": str(fault), "host_command": host_command})
