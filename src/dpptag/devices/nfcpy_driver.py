"""PN532 on a serial port, through nfcpy 1.0.4. The only file that imports nfcpy.

Why not nfcpy's own ``connect`` and tag classes: they spend four host commands on one tag exchange, run ``stty`` through
a shell, swallow KeyboardInterrupt and write AUTH0 before the password. So this driver opens nfcpy's transport on the
path, builds its chip set and device, and calls ``in_communicate_thru`` itself: one host command an exchange.

Receive CRC stays off from activation on and CRC_A is checked here: under receive CRC the chip reports a 4-bit ACK or
NAK as a CRC error, and nobody could tell them from a damaged answer.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import struct
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import nfc
from nfc.clf import pn532
from nfc.clf.pn53x import Chipset
from nfc.clf.transport import TTY

from dpptag import logs
from dpptag.devices.ports import PortLock
from dpptag.errors import (
    DeviceError,
    DeviceLost,
    DeviceNotFound,
    DeviceProtocolError,
    TagLost,
    TagNak,
    TagRefused,
    TagSwapped,
)
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

_RF_FIELD: Final = 0x01
_RF_TIMINGS: Final = 0x02
_TIMINGS: Final = bytes((0x00, 0x0B, 0x09))  # last: 25.6 ms for an answer; a WRITE takes up to 10 ms (data sheet p.40)
_FIELD_OFF_SECONDS: Final = 0.006  # NFC Forum Digital, reset time: at least 5 ms without field
_EXCHANGE_SECONDS: Final = 0.25  # for the host's side of an exchange; the chip gives up after 25.6 ms

_RF_STATUSES: Final = frozenset({0x01, 0x02, 0x03, 0x04, 0x05, 0x0B, 0x13})
"""UM0701-02 section 7.1: time-out, CRC, parity, bit count, framing, protocol, format: the tag's doing."""
_RF_SILENCE: Final = 0x01
_RX_CRC_ENABLE: Final = 0x80  # CIU_RxMode bit 7
_ACK: Final = 0x0A
_NAK_UNKNOWN_COMMAND: Final = 0x00  # 1h: what the chip received was damaged
_CRC_BYTES: Final = 2


_LEAST_WAIT_MS: Final = 500
"""nfcpy gives the ACK frame 100 ms. The chip needs one, but a loaded host or hub holds it back longer: that is no
reason to call a reader lost. Costs time only where nothing answers."""


class _LoggedTty(TTY):
    """nfcpy's serial transport, its frames logged at TRAFFIC; a password on its way to the tag is masked."""

    least_wait_ms = 0  # while speeds are probed, silence is an answer

    def write(self, frame: bytes | bytearray) -> None:
        at = bytes(frame).find(b"\xd4\x42\x1b")  # InCommunicateThru of PWD_AUTH
        logs.traffic(_log, ">", bytes(frame), [(at + 3, at + 7)] if at >= 0 else ())
        super().write(frame)

    def read(self, timeout: int) -> bytearray | None:
        frame = super().read(max(timeout, self.least_wait_ms))
        logs.traffic(_log, "<", bytes(frame or b""))
        return frame

    def set_baudrate(self, baudrate: int) -> None:
        """Change over after everything written is on the wire."""
        if self.tty is not None:
            self.tty.flush()
            self.tty.baudrate = baudrate


@contextlib.contextmanager
def _foreign_errors(node: str) -> Iterator[None]:
    """Map what nfcpy, pyserial and termios raise. ``Chipset.Error`` here is a command the chip itself refused."""
    try:
        yield
    except Chipset.Error as exc:
        raise DeviceProtocolError(
            f"the reader at {node} refused a command: {exc}", action="plug the reader in again", device=node
        ) from exc
    except (OSError, termios.error) as exc:
        gone = not Path(node).exists()
        # nfcpy turns a missing ACK frame into EIO raised from another OSError; a bare EIO is a malformed frame.
        from_below = isinstance(exc.__context__, OSError | termios.error)
        malformed = isinstance(exc, OSError) and exc.errno == errno.EIO and not from_below
        if malformed and not gone:
            raise _malformed(node) from exc
        how = "is gone" if gone else "does not answer"
        raise DeviceLost(
            f"the reader at {node} {how}", action="check cable and power, then run the command again", device=node
        ) from exc
    except (IndexError, struct.error) as exc:  # nfcpy takes frames apart without checking their length
        raise _malformed(node) from exc


def _malformed(node: str) -> DeviceProtocolError:
    return DeviceProtocolError(
        f"the reader at {node} sent a frame that the PN532 protocol does not allow",
        action="check the cable and the speed, then run the command again",
        device=node,
    )


def _gone(uid: bytes) -> TagLost:
    return TagLost(f"the chip {uid.hex()} is gone", action="put the tag back on the reader", chip=uid.hex())


def _swapped(wanted: bytes, got: bytes) -> TagSwapped:
    return TagSwapped(
        f"another chip stands in the field: {got.hex()}, not {wanted.hex()}",
        action="put the first tag back on the reader, alone",
        wanted=wanted.hex(),
        got=got.hex(),
    )


class NfcpyReader:
    """An opened PN532; implements :class:`dpptag.links.NfcReader`.

    ``node`` is the device node, ``path`` what the user called it. ``bauds`` are the speeds the reader is good for; the
    fastest that the port can do is used. ``response_timeout_ms`` is the wait for the first answer, longer where the
    USB host is slow to start (Raspberry Pi). Raises DeviceNotFound, DeviceBusy, DeviceProtocolError.
    """

    def __init__(
        self,
        node: str,
        *,
        path: str | None = None,
        fast_read_pages: int = 0,
        bauds: Sequence[int] = (DEFAULT_BAUD,),
        response_timeout_ms: int = 100,
        model: str = "PN532",
        simulated: bool = False,
    ) -> None:
        logging.getLogger("nfc").setLevel(logging.CRITICAL)  # what matters is raised here; its frames are not masked
        self._node = os.path.realpath(node)  # a by-id link may point elsewhere after a replug: lock what we open
        self._timeout_ms = response_timeout_ms
        self._fast_read_pages = fast_read_pages
        self._device: pn532.Device | None = None
        self._rx_mode: int | None = None
        self._selected: bytes | None = None  # UID of the chip that now answers: a link to another one must not reach it
        self._lock = PortLock(self._node)
        self._tty: _LoggedTty | None = None
        try:
            with _foreign_errors(self._node):
                self._tty = _LoggedTty(self._node)
                self._wake(self._tty)
                self._tty.least_wait_ms = _LEAST_WAIT_MS
                chipset = pn532.Chipset(self._tty, logger=logging.getLogger("nfc.clf.pn532"))
                self._raise_speed(self._tty, chipset, max(bauds))
                self._device = pn532.Device(chipset, logger=logging.getLogger("nfc.clf.pn532"))
                chipset.rf_configuration(_RF_TIMINGS, _TIMINGS)
        except BaseException:
            self._close_port()
            raise
        self._info = DeviceInfo(
            path=path or node,
            driver=f"nfcpy {nfc.__version__}",
            model=model,
            firmware=self._device.chipset_name,
            simulated=simulated,
        )

    @property
    def info(self) -> DeviceInfo:
        return self._info

    def sense(self) -> NfcpyType2Link | None:
        """Poll once for a Type A tag; SAK 00h is a Type 2 tag, any other raises TagRefused."""
        found = self._select()
        if found is None:
            return None
        uid, sak = found
        if sak != 0x00:
            raise TagRefused(
                f"the chip {uid.hex()} is no Type 2 tag (SAK {sak:02X}h)",
                code="tag-not-type-2",
                action="use an NTAG213, NTAG215 or NTAG216",
                chip=uid.hex(),
                sak=f"{sak:02X}",
                tag_state="untouched",
            )
        return NfcpyType2Link(self, uid)

    def signal(self) -> bool:
        return False

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            # A reader that is gone cannot be closed in order, and there is nobody to tell. One that stumbles at the
            # first step, as after an interrupt in mid-command, must still get its speed back.
            for step in (device.chipset.send_ack, device.mute, device.close):
                with contextlib.suppress(DeviceError), _foreign_errors(self._node):
                    step()
        self._close_port()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Opening

    def _wake(self, tty: _LoggedTty) -> None:
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
            raise _malformed(self._node)

    def _answers(self, tty: _LoggedTty) -> bool:
        tty.write(Chipset.ACK)  # ends a command that a killed process left running
        tty.write(_WAKE_UP + _GET_FIRMWARE_VERSION)
        try:
            if tty.read(self._timeout_ms) != Chipset.ACK:
                return False
            version = tty.read(self._timeout_ms)
        except (TimeoutError, IndexError):  # IndexError: nfcpy on fewer than four bytes of noise
            return False
        return version is not None and version.startswith(_FIRMWARE_VERSION)

    def _raise_speed(self, tty: _LoggedTty, chipset: pn532.Chipset, baud: int) -> None:
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

    def _close_port(self) -> None:
        tty, self._tty = self._tty, None
        if tty is not None and tty.tty is not None:
            with contextlib.suppress(OSError, termios.error):
                tty.tty.close()
            tty.tty = None
        self._lock.close()

    # What the link uses

    @property
    def fast_read_pages(self) -> int:
        return self._fast_read_pages

    def _chipset(self) -> Chipset:
        if self._device is None:
            raise DeviceLost(f"the reader at {self._node} is closed", action="open it again", device=self._node)
        return self._device.chipset

    def _select(self) -> tuple[bytes, int] | None:
        """InListPassiveTarget, one target, 106 kbit/s Type A: UID and SAK. Leaves receive CRC off."""
        chipset = self._chipset()
        self._selected = None
        with _foreign_errors(self._node):
            target = chipset.in_list_passive_target(1, 0, b"")
            if target is None:
                return None
            uid = bytes(target[4:])  # SENS_RES (2), SEL_RES, NFCID length, NFCID
            if len(uid) != target[3] or len(uid) not in (4, 7, 10):
                raise _malformed(self._node)
            if self._rx_mode is None:  # the firmware sets the same value at every activation: read it once
                self._rx_mode = chipset.read_register("CIU_RxMode")
            chipset.write_register("CIU_RxMode", self._rx_mode & ~_RX_CRC_ENABLE)
        self._selected = uid
        return uid, target[2]

    def _field_off(self) -> None:
        chipset = self._chipset()
        with _foreign_errors(self._node):
            chipset.rf_configuration(_RF_FIELD, b"\x00")
        time.sleep(_FIELD_OFF_SECONDS)

    def _exchange(self, frame: bytes, uid: bytes) -> bytes:
        """One command to the chip ``uid``: the raw answer, one byte for a 4-bit one, else with its CRC.

        Raises TagLost, its ``status`` telling silence from noise; TagSwapped where another chip was selected since.
        """
        chipset = self._chipset()
        if self._selected is None:
            raise _gone(uid)
        if self._selected != uid:
            raise _swapped(uid, self._selected)
        with _foreign_errors(self._node):
            try:
                return bytes(chipset.in_communicate_thru(frame, _EXCHANGE_SECONDS))
            except Chipset.Error as exc:
                if exc.errno not in _RF_STATUSES:
                    raise
                raise TagLost(
                    f"no whole answer from the chip {uid.hex()}",
                    action="put the tag back on the reader",
                    chip=uid.hex(),
                    status=exc.errno,
                ) from exc


class NfcpyType2Link:
    """An activated Type 2 tag on a :class:`NfcpyReader`; implements :class:`dpptag.links.Type2Link`."""

    def __init__(self, reader: NfcpyReader, uid: bytes) -> None:
        self._reader = reader
        self._uid = uid

    @property
    def technology(self) -> Literal[Technology.TYPE2]:
        return Technology.TYPE2

    @property
    def uid(self) -> bytes:
        return self._uid

    @property
    def fast_read_pages(self) -> int:
        return self._reader.fast_read_pages

    @property
    def passes_commands(self) -> bool:
        return True

    def authenticate(self, password: bytes) -> bytes:
        return self._data(b"\x1b" + password, 2)

    def read_signature(self) -> bytes | None:
        try:
            return self._data(b"\x3c\x00", 32)
        except TagNak:
            self.reselect()
            return None

    def get_version(self) -> bytes | None:
        try:
            return self._ask_version()
        except TagLost:  # a moment's silence or noise: it says nothing about the chip, which may wait to be selected
            self.reselect()
        try:
            return self._ask_version()
        except TagLost as error:
            if error.facts.get("status") != _RF_SILENCE:
                raise
        self.reselect()
        return None

    def _ask_version(self) -> bytes | None:
        try:
            return self._data(b"\x60", 8)
        except TagNak as error:
            self.reselect()
            if error.facts["nak"] != _NAK_UNKNOWN_COMMAND:
                raise
            return None

    def read(self, page: int) -> bytes:
        return self._data(bytes((0x30, page)), 16, page)

    def fast_read(self, first: int, last: int) -> bytes:
        return self._data(bytes((0x3A, first, last)), 4 * (last - first + 1), first)

    def write(self, page: int, data: bytes) -> None:
        if len(data) != 4:
            raise ValueError(f"a page has 4 bytes, not {len(data)}")
        answer = self._reader._exchange(bytes((0xA2, page)) + data, self._uid)
        if len(answer) != 1:
            raise self._wrong_length(answer, page)
        if answer[0] & 0x0F != _ACK:
            raise self._nak(answer[0], page)

    def reselect(self) -> None:
        self._reader._field_off()
        found = self._reader._select()
        if found is None:
            raise _gone(self._uid)
        if found[0] != self._uid:
            raise _swapped(self._uid, found[0])

    def _data(self, frame: bytes, length: int, page: int | None = None) -> bytes:
        """An answer of ``length`` bytes, its CRC checked and taken off."""
        answer = self._reader._exchange(frame, self._uid)
        if len(answer) == 1:
            raise self._nak(answer[0], page)
        if len(answer) != length + _CRC_BYTES:
            raise self._wrong_length(answer, page)
        if not pn532.Device.check_crc_a(answer):
            raise TagLost(
                f"a damaged answer from the chip {self._uid.hex()}",
                code="tag-answer-damaged",
                action="move the tag to the middle of the antenna",
                chip=self._uid.hex(),
                page=page,
            )
        return answer[:-_CRC_BYTES]

    def _nak(self, value: int, page: int | None) -> TagNak:
        where = "" if page is None else f" at page {page}"
        return TagNak(
            f"the chip {self._uid.hex()} answered NAK {value & 0x0F:X}h{where}",
            action="check the chip type, its lock bits and its password",
            chip=self._uid.hex(),
            page=page,
            nak=value & 0x0F,
        )

    def _wrong_length(self, answer: bytes, page: int | None) -> DeviceProtocolError:
        """Some readers repeat or swallow bytes of a FAST_READ."""
        return DeviceProtocolError(
            f"an answer of {len(answer)} bytes from the chip {self._uid.hex()} is none that the command has",
            code="tag-answer-length",
            action="set fast_read_pages = 0 in the reader's profile",
            chip=self._uid.hex(),
            page=page,
            got=len(answer),
        )
