"""The serial port of a UHF module: frames out, frames in, every wait bounded, nothing late taken for an answer.

A module works off its commands one after the other. So the answer to a harmless question (the *barrier*) proves that
everything before it has been said: it is asked after each answer that did not come, before anything else is.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import select
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import serial

from dpptag import logs
from dpptag.devices.ports import PortLock
from dpptag.devices.uhf.framing import Frame, FrameReader, Framing
from dpptag.errors import DeviceBusy, DeviceLost, DeviceProtocolError, TagLost

LOG: Final = logging.getLogger("dpptag.devices.uhf")

_WRITE_SECONDS: Final = 1.0
"""An adapter that takes no bytes for this long hangs: the longest frame needs 0.3 s at 9600 baud."""
_STALL_SECONDS: Final = 0.25
"""Within a frame a module does not pause. An FTDI adapter holds bytes back for 16 ms, a loaded host for longer."""
_CHUNK: Final = 4096
_STALE_CHUNKS: Final = 64
"""Read before a command; a module that never falls silent is not listened to for longer."""
_BITS_PER_BYTE: Final = 10  # 8N1

SILENT: Final = "device-silent"
"""Code of the DeviceLost whose port is there, while nobody answers."""

Accept = Callable[[Frame], bool]


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the traffic log must not show of one exchange: half-open spans of the request's data, and the answer."""

    spans: tuple[tuple[int, int], ...] = ()
    answer: bool = False


NOTHING_HIDDEN: Final = Hidden()


@dataclass(frozen=True, slots=True)
class Barrier:
    """A question that changes nothing, and what answers it. ``seconds``: how long that may take."""

    request: Frame
    accept: Accept
    seconds: float


class UnansweredError(Exception):
    """No answer came in time, or none that could be read."""


class UhfPort:
    """An opened serial port that speaks in frames. One owner: no second process, no second thread.

    ``name``: what messages call the device. ``gap`` seconds of silence are kept before each command. ``wait`` passes
    them and every other time that must pass (:meth:`pause`); waits for answers are real.
    Raises DeviceNotFound (no such node, no serial port, no permission), DeviceBusy with the holder where it is known.
    """

    def __init__(
        self,
        node: str,
        framing: Framing,
        *,
        baud: int,
        name: str | None = None,
        gap: float = 0.0,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.node = os.path.realpath(node)  # a by-id link may point elsewhere after a replug: lock what we open
        self.name = name or node
        self.framing = framing
        self.pause = wait
        self.barrier: Barrier | None = None
        self._gap = gap
        self._baud = baud
        self._reader = FrameReader(framing)
        self._waiting: list[Frame] = []
        self._hidden = NOTHING_HIDDEN
        self._owed = False
        self._serial: serial.Serial | None = _opened(self.node, baud)
        self._poll = select.poll()
        self._poll.register(self._serial.fileno(), select.POLLIN)

    @property
    def skipped(self) -> int:
        """Bytes since the last command that belonged to no frame."""
        return self._reader.skipped

    @property
    def baud(self) -> int:
        return self._baud

    @baud.setter
    def baud(self, baud: int) -> None:
        if self._serial is None:
            raise self._closed()
        try:
            self._serial.baudrate = baud
        except (OSError, termios.error) as exc:
            raise self._lost(exc) from exc
        self._baud = baud

    def ask(
        self, request: Frame, accept: Accept, seconds: float, *, hidden: Hidden = NOTHING_HIDDEN, attempts: int = 1
    ) -> Frame:
        """Send ``request``; the first frame that ``accept`` takes. Others are dropped.

        ``attempts``: for a question that may be asked again. Raises DeviceLost where the module stays silent.
        """
        for attempt in range(1, attempts + 1):
            try:
                self.send(request, hidden=hidden)
                return self.receive(accept, seconds)
            except UnansweredError as error:
                if attempt == attempts:
                    raise self.silent() from error
        raise AssertionError(attempts)

    def ask_tag(self, request: Frame, accept: Accept, seconds: float, *, hidden: Hidden = NOTHING_HIDDEN) -> Frame:
        """As :meth:`ask`, once, for a command that goes to a tag: what became of it is not known without an answer.

        Raises TagLost, with fact ``answered`` False, where none comes.
        """
        self.send(request, hidden=hidden)
        try:
            return self.receive(accept, seconds)
        except UnansweredError as error:
            raise TagLost(
                f"the module at {self.name} gave no answer: what the tag did is not known",
                code="answer-lost",
                action="leave the tag in the field and try again",
                answered=False,
                device=self.name,
            ) from error

    def ask_many(
        self, request: Frame, accept: Accept, is_last: Accept, seconds: float, *, attempts: int = 1, most: int = 5000
    ) -> list[Frame]:
        """Send ``request``; all that ``accept`` takes, up to the frame that ``is_last`` takes, this one included.

        ``seconds``: to wait for each. A frame that arrived damaged may have been any: then, too, all is asked again.
        Raises DeviceLost, DeviceProtocolError.
        """
        for _ in range(attempts):
            frames: list[Frame] = []
            self.send(request)
            try:
                while not frames or not is_last(frames[-1]):
                    frames.append(self.receive(accept, seconds))
                    if len(frames) > most:
                        raise self.malformed("its answer has no end")
            except UnansweredError:
                continue
            if not self.skipped:
                return frames
        if self.skipped:
            raise self.malformed("its answers arrive damaged")
        raise self.silent()

    def send(self, request: Frame, *, hidden: Hidden = NOTHING_HIDDEN, keep: bool = False) -> None:
        """Write one command, after everything that came before it was dropped.

        ``keep``: what came before is not dropped but received, for the answers to a command that nothing ends.
        """
        if self._owed and self.barrier is not None:
            self._pass(self.barrier)
        self._owed = True  # until its answer is here: whoever waits may be interrupted, and go on with another command
        self._write(request, hidden, keep=keep)

    def receive(self, accept: Accept, seconds: float, aside: Callable[[Frame], object] | None = None) -> Frame:
        """The next frame that ``accept`` takes; what it does not take is handed to ``aside``, or dropped.

        ``seconds`` count from the call; the time on the line comes on top. Raises UnansweredError, DeviceLost.
        """
        self._owed = True
        seconds += self.framing.longest_answer * _BITS_PER_BYTE / self._baud
        deadline = time.monotonic() + seconds
        while True:
            while self._waiting:
                frame = self._waiting.pop(0)
                if accept(frame):
                    self._owed = False
                    return frame
                if aside is not None:
                    aside(frame)
                else:
                    LOG.debug("%s: a frame that nobody asked for, command %02Xh", self.name, frame.command)
            left = deadline - time.monotonic()
            chunk = self._read(min(left, _STALL_SECONDS) if self._reader.midway else left) if left > 0 else b""
            if chunk:
                self._waiting += self._reader.feed(chunk)
            elif self._reader.midway:
                self._waiting += self._reader.quiet()
            elif left <= 0:
                raise UnansweredError

    def send_raw(self, octets: bytes) -> None:
        """Bytes that are no frame, such as one that wakes the module."""
        logs.traffic(LOG, ">", octets)
        self._put(octets)

    def malformed(self, what: str) -> DeviceProtocolError:
        return DeviceProtocolError(
            f"the module at {self.name}: {what}", action="check profile, cable and speed", device=self.name
        )

    def silent(self) -> DeviceLost:
        return DeviceLost(
            f"the module at {self.name} does not answer",
            code=SILENT,
            action="check cable and power, then run the command again",
            device=self.name,
        )

    def close(self) -> None:
        """Give the port free; harmless if the device is gone or this was called before."""
        port, self._serial = self._serial, None
        if port is not None:
            with contextlib.suppress(OSError, termios.error):
                port.reset_output_buffer()  # else closing waits for a device that takes nothing
            with contextlib.suppress(OSError, termios.error):
                port.close()

    def _pass(self, barrier: Barrier) -> None:
        for _ in range(2):
            self._write(barrier.request, Hidden(answer=self._hidden.answer))
            try:
                self.receive(barrier.accept, barrier.seconds)
            except UnansweredError:
                continue
            return
        raise self.silent()

    def _write(self, request: Frame, hidden: Hidden, *, keep: bool = False) -> None:
        octets = self.framing.build(request)
        if self._gap:
            self.pause(self._gap)
        for _ in range(_STALE_CHUNKS):
            chunk = self._read(0.0)
            if not chunk:
                break
            if keep:
                self._waiting += self._reader.feed(chunk)
        if not keep:
            self._reader.clear()
            self._waiting.clear()
        self._hidden = hidden
        if LOG.isEnabledFor(logs.TRAFFIC):
            at = self.framing.data_at(answer=False)
            spans = [(at + start, at + stop) for start, stop in hidden.spans]
            if spans:  # the check tells of the secret too
                spans.append((at + len(request.data), len(octets)))
            logs.traffic(LOG, ">", octets, spans)
        self._put(octets)

    def _put(self, octets: bytes) -> None:
        """What the kernel takes at once it takes in one call, without asking before; else it is waited for."""
        if self._serial is None:
            raise self._closed()
        try:
            try:
                taken = os.write(self._serial.fileno(), octets)
            except BlockingIOError:
                taken = 0
            if taken < len(octets):
                self._serial.write(octets[taken:])
        except (OSError, termios.error) as exc:
            raise self._lost(exc) from exc

    def _read(self, seconds: float) -> bytes:
        """What has come, as soon as a byte has; nothing after ``seconds``."""
        if self._serial is None:
            raise self._closed()
        try:
            if not self._poll.poll(math.ceil(seconds * 1000)):
                return b""
            octets = os.read(self._serial.fileno(), _CHUNK)
            if not octets:  # always ready and never anything: hung up
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        except BlockingIOError:
            return b""
        except (OSError, termios.error) as exc:
            raise self._lost(exc) from exc
        if LOG.isEnabledFor(logs.TRAFFIC):
            logs.traffic(LOG, "<", octets, [(0, len(octets))] if self._hidden.answer else ())
        return octets

    def _closed(self) -> DeviceLost:
        return DeviceLost(f"the module at {self.name} is closed", action="open it again", device=self.name)

    def _lost(self, error: Exception) -> DeviceLost:
        """What pyserial, termios and the system raise is a port that was lost."""
        how = "takes no bytes" if isinstance(error, serial.SerialTimeoutException) else "is gone"
        return DeviceLost(
            f"the module at {self.name} {how}",
            action="check cable and power, then run the command again",
            device=self.name,
        )


def _opened(node: str, baud: int) -> serial.Serial:
    """The lock is taken twice, for pyserial's own says neither who holds it nor what else is wrong."""
    PortLock(node).close()
    try:
        return serial.Serial(node, baud, timeout=0, write_timeout=_WRITE_SECONDS, exclusive=True)
    except (OSError, termios.error, ValueError) as exc:
        PortLock(node).close()
        if getattr(exc, "errno", None) in (errno.EAGAIN, errno.EBUSY):
            raise DeviceBusy(
                f"{node} is in use by another process", action="end the other program", device=node
            ) from exc
        raise DeviceLost(
            f"{node} cannot be set to {baud} baud: {exc}",
            action="check the adapter, or name another speed",
            device=node,
        ) from exc
