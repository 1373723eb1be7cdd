"""A simulated UHF module on a pseudo-terminal: real drivers open its path like a serial port.

No link in the device folder and no root is needed. A pseudo-terminal has a speed but no line, so the speed is checked
here: what the host sends or hears at another speed than the module's is lost, as on a wire.
"""

from __future__ import annotations

import errno
import importlib
import os
import pty
import random
import select
import termios
import threading
import tty
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Protocol, Self, cast

from dpptag.errors import UsageError
from dpptag.sim.uhf.faults import Announce, Fault, FaultSchedule, HostCommands, PortLost
from dpptag.sim.uhf.field import Field
from dpptag.sim.uhf.population import Options, StateFile, parse_query, populate

_SPEEDS: Final = {
    value: int(name[1:]) for name, value in vars(termios).items() if name[:1] == "B" and name[1:].isdecimal()
}
_CLOSED_POLL_MS: Final = 2  # a master without a slave reports a hang-up at once, for ever: look again after this time
_PIECES_APART_MS: Final = 1  # so that a host that reads at once sees an answer in pieces
_LONGEST_PIECE: Final = 5
_BITS_PER_BYTE: Final = 10  # 8N1

EMULATORS: Final[Mapping[str, tuple[str, str, Mapping[str, str]]]] = {
    "m100": ("magicrf", "Magicrf", {"dialect": "m100"}),
    "r200": ("magicrf", "Magicrf", {"dialect": "r200"}),
    "mercury": ("mercury", "Mercury", {}),
    "a0": ("a0", "A0", {}),
    "uhfreader18": ("reader18", "Reader18", {"variant": "uhfreader18"}),
    "uhfreader288": ("reader18", "Reader18", {"variant": "uhfreader288"}),
}
"""Family: file beside this one, class in it, and what its constructor is told besides air, commands and coarse."""


class Emulator(Protocol):
    """One family's module. It is made as ``Class(air, commands, **more)``, with ``coarse`` where the query says it.

    ``simulated_us``: what its commands would have taken, without the wire. ``baud``: the speed of its port now.
    """

    simulated_us: int
    baud: int

    def feed(self, data: bytes) -> list[bytes]:
        """Bytes as they came, in any pieces; the answers, in order. Whole frames go through ``commands.run``."""

    def reset(self) -> None:
        """The client closed the port: what it left half said is void."""


class SimulatedModule:
    """A module and its tags, served by a thread from construction to :meth:`close`.

    ``announce`` is called, in that thread, with ``{"fired": "late@12", "host_command": 12}``, ``{"held": N}``,
    ``{"released": N}`` once the held client has closed the port, and ``{"lost": N, "path": PATH}`` when the port has
    gone and is back as PATH. ``held`` is set while a hold lasts, ``unused`` while no client has the port open: whoever
    closes to end a hold or a pull waits for ``released`` or ``unused`` before the port is opened anew.
    """

    def __init__(self, family: str, options: Options, announce: Announce = lambda _event: None) -> None:
        if family not in EMULATORS:
            raise UsageError(
                f"no simulated family of UHF modules: {family!r}",
                code="sim-family",
                action="one of: " + ", ".join(EMULATORS),
            )
        tags, position, fired_before = populate(options)
        self._state = StateFile(options.state) if options.state is not None else None
        self._fired_before = fired_before
        self._announce = announce
        self.faults = FaultSchedule(options.faults, self._note_fault)
        self.field = Field(tags, position=position, conditions=options.conditions, faults=self.faults, save=self._save)
        self._commands = HostCommands(self.field, announce)
        self.held = self._commands.held
        self.unused = threading.Event()
        self.unused.set()
        self.module = _emulator(family, self.field, self._commands, coarse=options.coarse)
        self._pieces = None if options.split is None else random.Random(options.split)  # noqa: S311  no secret is drawn
        self._wire_us = 0
        self._save()
        self._master, self.path = _new_port()
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, name=f"sim {self.path}", daemon=True)
        self._thread.start()

    @property
    def host_commands(self) -> int:
        """Whole frames received since the start."""
        return self.faults.host_command

    @property
    def simulated_us(self) -> int:
        """Microseconds the module and the wire would have taken; nothing is ever slept."""
        return self.module.simulated_us + self._wire_us

    @property
    def wire_us(self) -> int:
        """The wire's share of ``simulated_us``."""
        return self._wire_us

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
            self._state.save(self.field.tags, self.field.position, [*self._fired_before, *self.faults_fired])

    def _note_fault(self, fault: Fault, host_command: int) -> None:
        self._save()
        self._announce({"fired": str(fault), "host_command": host_command})

    # The port

    def _serve(self) -> None:
        while self._serve_port():
            gone = self._master
            self._master, self.path = _new_port()
            self._client_gone()
            os.close(gone)
            self._announce({"lost": self.faults.host_command, "path": self.path})

    def _serve_port(self) -> bool:
        """Until it is told to stop (False) or the port is lost (True)."""
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        is_open = False
        while True:
            events = dict(poll.poll())
            if self._stop_read in events:
                return False
            state = events.get(self._master, 0)
            baud = self._host_baud()
            if state & select.POLLIN and (data := self._read()):
                is_open = True
                self.unused.clear()
                try:
                    self._heard(data, baud)
                except PortLost:
                    return True
            elif state & (select.POLLHUP | select.POLLERR):
                if is_open:
                    self._client_gone()
                is_open = False
                if select.select([self._stop_read], [], [], _CLOSED_POLL_MS / 1000)[0]:
                    return False

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 4096)
        except OSError as exc:
            if exc.errno == errno.EIO:  # no slave is open
                return b""
            raise

    def _client_gone(self) -> None:
        """The client closed the port or died, or the port is gone. The module itself notices nothing.

        What the client left unread would else be the first that the next one hears.
        """
        termios.tcflush(self._master, termios.TCOFLUSH)
        self.module.reset()
        self._commands.client_gone()
        self.unused.set()

    def _host_baud(self) -> int:
        return _SPEEDS.get(termios.tcgetattr(self._master)[5], 0)

    def _heard(self, data: bytes, baud: int) -> None:
        if self.held.is_set() or baud != self.module.baud:
            return
        self._count(data)
        for answer in self.module.feed(data):
            self._count(answer)
            self._send(answer)

    def _count(self, data: bytes) -> None:
        self._wire_us += len(data) * _BITS_PER_BYTE * 1_000_000 // self.module.baud

    def _send(self, data: bytes) -> None:
        try:
            if self._host_baud() != self.module.baud:
                return
            while data:
                length = len(data) if self._pieces is None else self._pieces.randint(1, _LONGEST_PIECE)
                data = data[self._written(data[:length]) :]
                if data and self._pieces is not None:
                    select.select([self._stop_read], [], [], _PIECES_APART_MS / 1000)
        except OSError as exc:
            if exc.errno != errno.EIO:
                raise

    def _written(self, data: bytes) -> int:
        """How much the host's buffer took; all of it, were it told to stop or did the host leave meanwhile."""
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            poll = select.poll()
            poll.register(self._master, select.POLLOUT)
            poll.register(self._stop_read, select.POLLIN)
            events = dict(poll.poll())
            gone = self._stop_read in events or events.get(self._master, 0) & (select.POLLHUP | select.POLLERR)
            return len(data) if gone else 0


def _new_port() -> tuple[int, str]:
    """A pseudo-terminal that changes no byte; its master, and the path to open."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    os.close(slave)
    os.set_blocking(master, False)  # a host that asks for much and reads nothing may not stop the module's thread
    return master, path


def _emulator(family: str, field: Field, commands: HostCommands, *, coarse: bool | None) -> Emulator:
    file, name, more = EMULATORS[family]
    told = more if coarse is None else {**more, "coarse": coarse}
    made = getattr(importlib.import_module(f"dpptag.sim.uhf.{file}"), name)(field, commands, **told)
    return cast(Emulator, made)


def start_uhf(family: str, query: str = "", announce: Announce = lambda _event: None) -> SimulatedModule:
    """Start the module of ``sim:uhf/FAMILY?QUERY``. Raises UsageError for what it cannot use of it."""
    return SimulatedModule(family, parse_query(query), announce)
