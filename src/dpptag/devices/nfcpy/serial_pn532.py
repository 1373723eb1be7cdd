"""PN532 on a serial port (high speed UART): wake it, find its speed, raise it, and give it back as it was found."""

from __future__ import annotations

import contextlib
import logging
import os
import termios
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import nfc
from nfc.clf import pn532
from nfc.clf.pn53x import Chipset
from nfc.clf.transport import TTY

from dpptag.devices.nfcpy.foreign import foreign_errors
from dpptag.devices.nfcpy.pn53x_port import Pn53xPort
from dpptag.devices.nfcpy.traffic import Traffic
from dpptag.devices.ports import PortLock
from dpptag.devices.raw_port import malformed
from dpptag.devices.raw_reader import EVERY_TECHNOLOGY, RawReader
from dpptag.errors import DeviceNotFound
from dpptag.links.nfc import DeviceInfo, Technology

_log = logging.getLogger(__name__)

DEFAULT_BAUD: Final = 115200
RECOVERY_BAUDS: Final = (921600, 460800, 230400)
"""Speeds at which a killed process may have left the chip."""

_WAKE_UP: Final = bytes.fromhex("5555") + bytes(14)
_GET_FIRMWARE_VERSION: Final = bytes.fromhex("0000FF02FED4022A00")
_FIRMWARE_VERSION: Final = bytes.fromhex("0000FF06FAD50332")
_SAM_NORMAL: Final = bytes.fromhex("0000FF05FBD4140100001700")
_SAM_DONE: Final = bytearray.fromhex("0000FF02FED5151600")

_BITS_PER_BYTE: Final = 10  # 8N1
_LEAST_WAIT_MS: Final = 500
"""nfcpy gives the ACK frame 100 ms. The chip needs one, but a loaded host or hub holds it back longer: that is no
reason to call a reader lost. Costs time only where nothing answers."""
_WRITE_SECONDS: Final = 1.0
"""An adapter that takes no bytes for this long hangs: the longest frame needs 25 ms at 115200 baud."""
_QUIET_SECONDS: Final = 0.02  # longer than the 16 ms for which an FTDI adapter holds bytes back
_STALE_BYTES, _STALE_READS = 300, 8


class LoggedTty(TTY):
    """nfcpy's serial transport, its frames logged and every wait bounded."""

    least_wait_ms = 0  # while speeds are probed, silence is an answer

    def __init__(self, port: str, traffic: Traffic) -> None:
        self._traffic = traffic
        super().__init__(port)

    def open(self, port: str, baudrate: int = DEFAULT_BAUD) -> None:
        super().open(port, baudrate)
        if self.tty is not None:
            self.tty.write_timeout = _WRITE_SECONDS

    def write(self, frame: bytes | bytearray) -> None:
        self._traffic.sent(bytes(frame))
        super().write(frame)

    def read(self, timeout: int) -> bytearray | None:
        frame = super().read(max(timeout, self.least_wait_ms))
        self._traffic.received(bytes(frame or b""))
        return frame

    def drop_stale_frames(self) -> None:
        """Whatever the chip still sends of an earlier answer: nothing of it is left once the line was quiet."""
        if self.tty is not None:
            self.tty.timeout = _QUIET_SECONDS
            for _ in range(_STALE_READS):
                if not self.tty.read(_STALE_BYTES):
                    return

    def set_baudrate(self, baudrate: int) -> None:
        """Change over after everything written is on the wire."""
        if self.tty is not None:
            self.tty.flush()
            self.tty.baudrate = baudrate


class NfcpyReader(RawReader):
    """A PN532 on a serial port, opened.

    ``node`` is the device node, ``path`` what the user called it. ``bauds`` are the speeds the reader is good for; the
    fastest that the port can do is used. ``response_timeout_ms`` is the wait for the first answer, longer where the
    USB host is slow to start (Raspberry Pi). ``wait`` passes the seconds without field.
    Raises DeviceNotFound, DeviceBusy, DeviceProtocolError.
    """

    def __init__(
        self,
        node: str,
        *,
        path: str | None = None,
        fast_read_pages: int = 0,
        bauds: Sequence[int] = (DEFAULT_BAUD,),
        response_timeout_ms: int = 100,
        technologies: Collection[Technology] = EVERY_TECHNOLOGY,
        model: str = "PN532",
        simulated: bool = False,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.port = _open(node, max(bauds), response_timeout_ms)
        info = DeviceInfo(
            path=path or node,
            driver=f"nfcpy {nfc.__version__}",
            model=model,
            firmware=self.port.firmware,
            simulated=simulated,
        )
        super().__init__(self.port, info, fast_read_pages=fast_read_pages, technologies=technologies, wait=wait)


def _open(node: str, baud: int, timeout_ms: int) -> Pn53xPort:
    logging.getLogger("nfc").setLevel(logging.CRITICAL)  # what matters is raised here; its frames are not masked
    node = os.path.realpath(node)  # a by-id link may point elsewhere after a replug: lock what we open
    opening = _Opening(node, timeout_ms)
    try:
        return opening.port(baud)
    except BaseException:
        opening.release()
        raise


class _Opening:
    """The steps from a node to a port."""

    def __init__(self, node: str, timeout_ms: int) -> None:
        self._node = node
        self._timeout_ms = timeout_ms
        self._lock = PortLock(node)
        self._traffic = Traffic()
        self._tty: LoggedTty | None = None

    def port(self, baud: int) -> Pn53xPort:
        with foreign_errors(self._node, self._present):
            tty = self._tty = LoggedTty(self._node, self._traffic)
            self._wake(tty)
            tty.least_wait_ms = _LEAST_WAIT_MS
            chipset = pn532.Chipset(tty, logger=logging.getLogger("nfc.clf.pn532"))
            self._raise_speed(tty, chipset, baud)
            device = pn532.Device(chipset, logger=logging.getLogger("nfc.clf.pn532"))
            return Pn53xPort(
                self._node,
                device,
                self._traffic,
                present=self._present,
                closing=(chipset.send_ack, device.mute, device.close),
                release=self.release,
                drop_stale_frames=tty.drop_stale_frames,
                byte_seconds=_BITS_PER_BYTE / tty.baudrate,
            )

    def _present(self) -> bool:
        return Path(self._node).exists()

    def _wake(self, tty: LoggedTty) -> None:
        """Find the speed at which the chip answers, and put it into normal mode.

        Every speed is tried twice: a process killed in the middle of a frame leaves a chip that takes the first bytes
        for the rest of that frame.
        """
        for baud in (DEFAULT_BAUD, *RECOVERY_BAUDS) * 2:
            tty.set_baudrate(baud)
            if self._answers(tty):
                _log.debug("%s answers at %d baud", self._node, baud)
                break
        else:
            raise DeviceNotFound(
                f"no PN532 answers at {self._node}",
                action="check that the module is set to HSU (serial), and TX and RX are crossed",
                device=self._node,
            )
        tty.write(_WAKE_UP + _SAM_NORMAL)
        if tty.read(self._timeout_ms) != Chipset.ACK or tty.read(self._timeout_ms) != _SAM_DONE:
            raise malformed(self._node)

    def _answers(self, tty: LoggedTty) -> bool:
        tty.write(Chipset.ACK)  # ends a command that a killed process left running
        tty.write(_WAKE_UP + _GET_FIRMWARE_VERSION)
        try:
            if tty.read(self._timeout_ms) != Chipset.ACK:
                return False
            version = tty.read(self._timeout_ms)
        except (TimeoutError, IndexError):  # IndexError: nfcpy on fewer than four bytes of noise
            return False
        return version is not None and version.startswith(_FIRMWARE_VERSION)

    def _raise_speed(self, tty: LoggedTty, chipset: pn532.Chipset, baud: int) -> None:
        if tty.baudrate == baud:
            return
        now = tty.baudrate
        try:
            tty.set_baudrate(baud)  # does the port know this speed?
        except (OSError, ValueError):
            _log.info("%s cannot do %d baud, staying at %d", self._node, baud, now)
            tty.set_baudrate(now)
            return
        tty.set_baudrate(now)
        try:
            chipset.set_serial_baudrate(baud)
        except Chipset.Error:
            _log.info("the chip at %s does not do %d baud, staying at %d", self._node, baud, now)
            return
        tty.set_baudrate(baud)
        if not self._answers(tty):  # a long cable, a cheap adapter: better slow than not at all
            _log.warning("%s is silent at %d baud, going back", self._node, baud)
            self._wake(tty)

    def release(self) -> None:
        tty, self._tty = self._tty, None
        if tty is not None and tty.tty is not None:
            with contextlib.suppress(OSError, termios.error):
                tty.tty.close()
            tty.tty = None
        self._lock.close()
