"""A simulated reader on a pseudo-terminal: real drivers open its path like a serial port.

No link in the device folder and no root is needed. A pseudo-terminal has a speed but no line, so the speed is checked
here: what the host sends or hears at another speed than the chip's is lost, as on a wire.
"""

from __future__ import annotations

import errno
import os
import pty
import select
import termios
import threading
from types import TracebackType
from typing import Final, Self

from dpptag.sim.faults import Fault, FaultSchedule
from dpptag.sim.field import Field
from dpptag.sim.host import Announce, HostCommands
from dpptag.sim.pn532 import HostSyntaxError, Pn532
from dpptag.sim.pn532_frames import ACK, SYNTAX_ERROR, HostCommand, HostFrames, Signal, information_frame
from dpptag.sim.population import Options, StateFile, parse_query, populate

_SPEEDS: Final = {
    value: int(name[1:]) for name, value in vars(termios).items() if name[:1] == "B" and name[1:].isdecimal()
}
_CLOSED_POLL_MS: Final = 2  # a master without a slave reports a hang-up at once, for ever: look again after this time
_BITS_PER_BYTE: Final = 10  # 8N1
_GARBAGE: Final = bytes.fromhex("0000FF 05 A0 5A A5 00 FF 17 2C")


class SimulatedReader:
    """A PN532 and its tags, served by a thread from construction to :meth:`close`.

    ``announce`` is called, in that thread, with ``{"fired": "nak@12", "host_command": 12}``, ``{"held": N}``, and
    ``{"released": N}`` once the held client has closed the port. ``held`` is set while a hold lasts, ``unused`` while
    no client has the port open. A pseudo-terminal tells of a close only until it is opened again: whoever closes to end
    a hold or a pull waits for ``released`` or ``unused`` before the port is opened anew.
    """

    def __init__(self, options: Options, announce: Announce = lambda _event: None) -> None:
        tags, position, fired_before = populate(options)
        self._state = StateFile(options.state) if options.state is not None else None
        self._fired_before = fired_before
        self._announce = announce
        self.faults = FaultSchedule(options.faults, self._note_fault)
        self.field = Field(tags, position=position, dwell=options.dwell, faults=self.faults, save=self._save)
        self.chip = Pn532(self.field)
        self._host = HostCommands(self.field, announce)
        self.held = self._host.held
        self.unused = threading.Event()
        self.unused.set()
        self._frames = HostFrames()
        self._last_answer = b""
        self._wire_us = 0
        self._save()
        self._master, slave = pty.openpty()
        self.path = os.ttyname(slave)
        os.close(slave)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, name=f"sim {self.path}", daemon=True)
        self._thread.start()

    @property
    def host_commands(self) -> int:
        """Host commands received since the start, those answered by an error frame included."""
        return self.faults.host_command

    @property
    def exchanges(self) -> int:
        """Commands sent to a tag since the start, answered or not."""
        return self.field.exchanges

    @property
    def simulated_us(self) -> int:
        """Microseconds the air and the wire would have taken; nothing is ever slept."""
        return self.field.simulated_us + self._wire_us

    @property
    def faults_fired(self) -> tuple[str, ...]:
        """The faults that went off since the start, in order."""
        return tuple(str(fault) for fault in self.faults.fired)

    def close(self) -> None:
        """Stop serving and remove the path. Harmless if called before."""
        if self._thread.is_alive():
            os.write(self._stop_write, b"\x00")
            self._thread.join()
        for descriptor in (self._master, self._stop_read, self._stop_write):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._stop_read = self._stop_write = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # State

    def _save(self) -> None:
        if self._state is not None:
            fired = [*self._fired_before, *self.faults_fired]
            self._state.save(self.field.tags, self.field.position, fired)

    def _note_fault(self, fault: Fault, host_command: int) -> None:
        self._save()
        self._announce({"fired": str(fault), "host_command": host_command})

    # The port

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        is_open = False
        while True:
            events = dict(poll.poll())
            if self._stop_read in events:
                return
            state = events.get(self._master, 0)
            baud = self._host_baud()
            if state & select.POLLIN and (data := self._read()):
                is_open = True
                self.unused.clear()
                self._heard(data, baud)
            elif state & (select.POLLHUP | select.POLLERR):
                if is_open:
                    self._client_gone()
                is_open = False
                if select.select([self._stop_read], [], [], _CLOSED_POLL_MS / 1000)[0]:
                    return

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 4096)
        except OSError as exc:
            if exc.errno == errno.EIO:  # no slave is open
                return b""
            raise

    def _client_gone(self) -> None:
        """The client closed the port or died: what it left half said is void. The chip itself notices nothing."""
        self._frames.reset()
        self._host.client_gone()
        self.unused.set()

    def _host_baud(self) -> int:
        return _SPEEDS.get(termios.tcgetattr(self._master)[5], 0)

    def _heard(self, data: bytes, baud: int) -> None:
        if self._host.holding:
            return
        # The ACK that ends SetSerialBaudRate may be read after the host has changed over: a pty has no drain.
        if baud != self.chip.baud and not self.chip.awaits_baud_ack:
            return
        self._wire_us += len(data) * _BITS_PER_BYTE * 1_000_000 // self.chip.baud
        for frame in self._frames.feed(data):
            if isinstance(frame, HostCommand):
                self._host_command(frame)
            elif frame is Signal.ACK:
                self.chip.host_ack()
            elif self._last_answer:
                self._send(self._last_answer)

    def _host_command(self, frame: HostCommand) -> None:
        if self.chip.asleep and not frame.wakes:
            return
        self.chip.asleep = False
        answer = self._host.run(lambda: self._answer(frame.payload), _GARBAGE)
        if answer is not None:
            self._send(ACK + answer)

    def _answer(self, payload: bytes) -> bytes:
        try:
            response = self.chip.command(payload)
        except HostSyntaxError:
            self._last_answer = SYNTAX_ERROR
        else:
            self._last_answer = b"" if response is None else information_frame(response)
        return self._last_answer

    def _send(self, data: bytes) -> None:
        self._wire_us += len(data) * _BITS_PER_BYTE * 1_000_000 // self.chip.baud
        try:
            if self._host_baud() == self.chip.baud:
                os.write(self._master, data)
        except OSError as exc:
            if exc.errno != errno.EIO:
                raise


def start(query: str = "", announce: Announce = lambda _event: None) -> SimulatedReader:
    """Start the simulated NFC reader of ``sim:nfc?QUERY``. Raises UsageError on a query or state file it cannot use."""
    return SimulatedReader(parse_query(query), announce)
