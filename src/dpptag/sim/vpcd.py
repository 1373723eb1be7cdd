"""A private PC/SC service with simulated readers: pcscd with the virtual driver vpcd, our chips behind its socket.

The service runs in name spaces of its own (mounts and network), so that any number run beside one another and beside
the machine's own. Its /run is a folder of ours: whoever sets PCSCLITE_CSOCK_NAME to the socket in it is its client.

vpcd asks for the ATR to find out whether a card is there; a connection lost instead of an answer means no. The service
looks every 0.4 s, and a tag that leaves is put back no sooner than it has seen the field empty: else it would take the
next tag for the same.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from dpptag.errors import DeviceNotFound
from dpptag.sim.faults import Fault, FaultKind, FaultSchedule, parse_fault
from dpptag.sim.field import Field
from dpptag.sim.population import Options, StateFile, parse_query, populate
from dpptag.sim.pseudo_apdu import READER_CLASSES, PseudoReader

DRIVER: Final = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SERVICE: Final = "pcscd"
_FIRST_PORT: Final = 0x4000
_PORTS_PER_DRIVER: Final = 2  # vpcd always has two slots, on neighbouring ports
_START_SECONDS: Final = 20
_ROUND_SECONDS: Final = 0.3
_FOR_EVER: Final = 1_000_000_000
"""The service powers a tag up more often than its clients know: the belt moves on by command alone."""
_OFF, _ON, _RESET, _ATR = (bytes((code,)) for code in (0, 1, 2, 4))
_GARBAGE: Final = b"\x5a"
_LOG: Final = "pcscd.log"

Announce = Callable[[dict[str, object]], None]


class Slot:
    """One reader: the tags before it, and the socket on which the virtual driver asks for them."""

    def __init__(self, name: str, reader: PseudoReader, faults: FaultSchedule, announce: Announce) -> None:
        self.name = name
        self.port = 0
        self.reader = reader
        self.faults = faults
        self.socket: socket.socket | None = None
        self._announce = announce
        self._holding = False
        self._away = False  # until the service has seen the field empty
        self._away_since: float | None = None
        self._told: str | None = None

    @property
    def field(self) -> Field:
        return self.reader.field

    # Tags

    def command(self, what: str) -> None:
        """``remove``, ``insert``, ``swap`` (the next tag of the population takes the place of this one)."""
        if what == "insert":
            self.field.put_back()
        elif what == "remove":
            self.field.pull(Fault(FaultKind.PULL, self.faults.host_command))
            self._away = True
        elif what == "swap":
            self.field.swap()
            self._away = True

    def lay(self, query: str) -> None:
        """Other tags take the place of all that were here, as delivered, and the service sees no empty field between:
        only while no client has a tag connected, and for tags of the same ATR."""
        self.field.lay(populate(replace(parse_query(query), state=None))[0])

    def renew(self, fresh: Slot) -> None:
        """The tags, faults and counters of ``fresh`` before a reader that goes on; as :meth:`lay`, but of a state file.

        A tag that had left is seen gone before the new ones are seen.
        """
        self.reader, self.faults = fresh.reader, fresh.faults
        self._told = None

    def release(self) -> None:
        """End a hold: the client is gone, what it sent last stays unanswered."""
        if self._holding:
            self._holding = False
            self._away = True
            self._answer_nothing()
            self._announce({"released": self.faults.host_command, "reader": self.name})

    def _present(self) -> bool:
        return not self._away and self.reader.tag is not None

    # The virtual driver

    def connect(self) -> None:
        """Connect to the driver's port. Raises OSError as long as nobody listens there."""
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def forget(self) -> None:
        """The service has gone, and with it whoever used the reader."""
        self._holding = False
        self._told = None
        self.reader.power(False)

    def serve(self) -> None:
        """One message of the driver. Raises EOFError where the service has gone."""
        message = self._receive()
        if self._holding:
            return
        if message == _ATR:
            self._presence()
        elif message == _ON:
            if self._present():
                self.reader.power(True)
        elif message == _OFF:
            self.reader.power(False)
        elif message == _RESET:
            self.reader.power(False)
            if self._present():
                self.reader.power(True)
        elif message:
            self._apdu(message)

    def _presence(self) -> None:
        present = self._present()
        tag = self.field.tag
        if present:
            self._send(self.reader.atr() or b"")
        else:
            self._answer_nothing()
        self._tell(tag.uid.hex() if present and tag is not None else "")
        if not present:
            self._seen_empty()
            for poll in (self.field.poll, self.field.poll_f, self.field.inventory):
                poll()  # the reader looks round by itself, which is what a tag that was pulled for K polls waits for

    def _seen_empty(self) -> None:
        """Only the service's own round counts, each 0.4 s; the driver also asks whenever a client lets go of a tag."""
        now = time.monotonic()
        if self._away and self._away_since is None:
            self._away_since = now
        elif self._away_since is None or now - self._away_since > _ROUND_SECONDS:
            self._away, self._away_since = False, None

    def _tell(self, uid: str) -> None:
        """Announce what the service has just been told, once: ``{"tag": UID or null}``."""
        if uid != self._told:
            self._told = uid
            self._announce({"tag": uid or None, "reader": self.name})

    def _apdu(self, apdu: bytes) -> None:
        self.faults.host_command += 1
        if self.faults.due(FaultKind.HOLD):
            self._hold()
            return
        if fault := self.faults.due(FaultKind.PULL):
            self.field.pull(fault)
            self._away = True
        if fault := self.faults.due(FaultKind.SWAP):
            self.field.swap(fault)
            self._away = True
        if self.faults.due(FaultKind.NO_ANSWER):
            self._away = True  # a broken connection must be seen as a tag that left, or the service waits for it
        if not self._present():
            self._answer_nothing()
            return
        answer = self.reader.transmit(apdu)
        if self.faults.due(FaultKind.HOLD_AFTER):
            self._hold()
            return
        if self.field.tag is None:  # torn away in the middle
            answer = None
        if answer and self.faults.due(FaultKind.GARBAGE):
            answer = _GARBAGE
        elif answer and self.faults.due(FaultKind.SHORT):
            answer = answer[: len(answer) // 2]
        if answer:
            self._send(answer)
        else:
            self._away = True
            self._answer_nothing()

    def _answer_nothing(self) -> None:
        """Lose the connection and make a new one: an answer of no bytes would be waited for without end."""
        self.close()
        try:
            self.connect()
        except OSError as exc:
            raise EOFError from exc

    def _hold(self) -> None:
        self._holding = True
        self._announce({"held": self.faults.host_command, "reader": self.name})

    def _receive(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def _exactly(self, count: int) -> bytes:
        """The driver sends length and body apart and waits for the acknowledgement between: give it at once."""
        data = b""
        while self.socket is not None and len(data) < count:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            try:
                part = self.socket.recv(count - len(data))
            except ConnectionError as exc:
                raise EOFError from exc
            if not part:
                raise EOFError
            data += part
        return data

    def _send(self, data: bytes) -> None:
        if self.socket is not None:
            try:
                self.socket.sendall(len(data).to_bytes(2, "big") + data)
            except OSError as exc:
                raise EOFError from exc


class PcscService:
    """The service and its readers, to be run inside name spaces of its own (:func:`dpptag.sim.pcsc.main` makes them).

    ``folder`` becomes its /run. ``announce`` is told what happens: ``{"tag": UID or null, "reader": NAME}``,
    ``{"fired": ...}``, ``{"held": N}``, ``{"released": N}``, ``{"service": "up" or "down"}``.
    """

    def __init__(self, folder: Path, options: list[Options], reader_class: str, announce: Announce) -> None:
        self.folder = folder
        self.socket_path = folder / SERVICE / f"{SERVICE}.comm"
        self._announce = announce
        self._process: subprocess.Popen[bytes] | None = None
        self._next_port = _FIRST_PORT
        self.plugged = True
        self.populate(options, reader_class)

    def populate(self, options: list[Options], reader_class: str) -> None:
        """Other readers and tags; only while the service does not run."""
        self._reader_class = READER_CLASSES[reader_class]
        self.slots = [self._slot(number, option) for number, option in enumerate(options)]

    def _slot(self, number: int, options: Options) -> Slot:
        tags, position, fired_before = populate(options)
        state = StateFile(options.state) if options.state is not None else None
        name = f"{self._reader_class.name} 00 {number:02X}"

        def save() -> None:
            if state is not None:
                state.save(field.tags, field.position, [*fired_before, *map(str, faults.fired)])

        def note(fault: Fault, host_command: int) -> None:
            save()
            self._announce({"fired": str(fault), "host_command": host_command, "reader": name})

        faults = FaultSchedule(options.faults, note)
        field = Field(tags, position=position, dwell=_FOR_EVER, faults=faults, save=save)
        save()
        reader = PseudoReader(field, self._reader_class)
        return Slot(name, reader, faults, self._announce)

    # The service

    def start(self) -> None:
        """Start the service and connect the readers. Raises DeviceNotFound where it does not come up."""
        config = self.folder / "reader.conf.d"
        config.mkdir(exist_ok=True)
        slots = self.slots if self.plugged else []
        self._next_port += _PORTS_PER_DRIVER  # the kernel may not have let go of those used a moment ago
        for number, slot in enumerate(slots):
            slot.port = self._next_port + number
        (config / "dpptag").write_text(self._reader_entry() if slots else "", encoding="ascii")
        shutil.rmtree(self.folder / SERVICE, ignore_errors=True)
        with (self.folder / _LOG).open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/bin/setpriv", "--pdeathsig", "KILL", SERVICE, "--foreground", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        end = time.monotonic() + _START_SECONDS
        waiting = list(slots)
        while waiting or not self._listens():
            try:
                # Not before the service listens: while it starts, it would wait for an ATR that nobody gives yet.
                while waiting and self._listens():
                    waiting[0].connect()
                    waiting.pop(0)
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > end:
                raise DeviceNotFound(
                    "the private PC/SC service did not start",
                    action="install pcscd and vsmartcard-vpcd",
                    log=(self.folder / _LOG).read_text(errors="replace")[-400:],
                )
            time.sleep(0.002)
        self._announce({"service": "up"})

    def _listens(self) -> bool:
        """Whether the service takes clients: its socket is there a moment before it does."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket_path))
            except OSError:
                return False
        return True

    def _reader_entry(self) -> str:
        return (
            f'FRIENDLYNAME "{self._reader_class.name}"\nDEVICENAME /dev/null:0x{self._next_port:04X}\n'
            f"LIBPATH {DRIVER}\nCHANNELID 0x{self._next_port:04X}\n"
        )

    def stop(self) -> None:
        """Kill the service as a crash would; harmless where it does not run."""
        for slot in self.slots:
            slot.close()
            slot.forget()
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            self._announce({"service": "down"})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Serving

    def serve(self, commands: int, on_commands: Callable[[bytes], None]) -> None:
        """Answer the driver until the descriptor ``commands`` ends; what was read from it goes to ``on_commands``."""
        while True:
            sockets: dict[Any, Slot] = {slot.socket: slot for slot in self.slots if slot.socket is not None}
            ready = select.select([commands, *sockets], [], [])[0]
            if commands in ready:
                data = os.read(commands, 65536)
                if not data:
                    return
                on_commands(data)
                continue
            for key in ready:
                try:
                    sockets[key].serve()
                except EOFError:
                    sockets[key].close()

    def command(self, request: dict[str, Any]) -> None:
        """One JSON object: ``{"tag": "remove" | "insert" | "swap", "slot": N}``, ``{"lay": QUERY}`` (other tags, as
        delivered), ``{"renew": QUERY}`` (tags, faults and counters), ``{"fault": "tear@0"}``, ``{"release": true}``,
        ``{"service": "stop" | "start" | "restart"}``, ``{"plugged": false}`` before a start."""
        slot = self.slots[int(request.get("slot", 0))]
        if "tag" in request:
            slot.command(str(request["tag"]))
        if "lay" in request:
            slot.lay(str(request["lay"]))
        if "renew" in request:
            slot.renew(self._slot(self.slots.index(slot), parse_query(str(request["renew"]))))
        if "fault" in request:
            slot.faults.order(parse_fault(str(request["fault"])))
        if request.get("release"):
            slot.release()
        if "plugged" in request:
            self.plugged = bool(request["plugged"])
        if request.get("service") in ("stop", "restart"):
            self.stop()
        if request.get("service") in ("start", "restart"):
            self.start()
