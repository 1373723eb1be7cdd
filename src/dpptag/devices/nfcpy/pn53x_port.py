"""PN531, PN532, PN533 and RC-S956 as a raw port, one host command an exchange.

Why not nfcpy's own ``connect`` and tag classes: they spend four host commands on one tag exchange, run ``stty`` through
a shell, swallow KeyboardInterrupt and write AUTH0 before the password. So this calls the chip set's
``in_communicate_thru`` itself.

Receive CRC stays off from the selection of a Type A tag on and CRC_A is checked by the links: under receive CRC the
chip reports a 4-bit ACK or NAK as a CRC error, and nobody could tell them from a damaged answer.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from nfc.clf import pn53x
from nfc.clf.pn53x import Chipset

from dpptag.devices.nfcpy.foreign import foreign_errors
from dpptag.devices.nfcpy.traffic import Traffic
from dpptag.devices.raw_port import USUAL_WAITING_TIME, FelicaTarget, Hidden, TypeATarget, UnansweredError, malformed
from dpptag.errors import DeviceError, DeviceLost

_TYPE_A: Final = 0
_FELICA_212: Final = 1
_SHORTEST_POLL_BYTES: Final = 11
"""Of the host frame that brings the field on again: InListPassiveTarget for Type A, RFConfiguration before FeliCa."""
_RF_FIELD: Final = 0x01
_RF_TIMINGS: Final = 0x02
_ATR_RES_TIMEOUT: Final = bytes((0x00, 0x0B))  # RFU and NFC-DEP, which nobody here speaks
_LEAST_TIMEOUT: Final = 0.0001
_LONGEST_TIMEOUT: Final = 16  # index of 3.28 s (UM0701-02 7.3.1)
_HOST_MARGIN: Final = 0.225  # for the host's side of an exchange, on top of what the chip waits
_RX_CRC_ENABLE: Final = 0x80  # CIU_RxMode bit 7
_RF_STATUSES: Final = frozenset({0x01, 0x02, 0x03, 0x04, 0x05, 0x0B, 0x13})
"""UM0701-02 section 7.1: time-out, CRC, parity, bit count, framing, protocol, format: the tag's doing."""
_RF_SILENCE: Final = 0x01
_SYSTEM_CODE_REQUEST: Final = 0x01
_FELICA_START_SECONDS: Final = 0.005


def timeout_index(seconds: float) -> int:
    """The shortest time-out of the chip that is no shorter: 100 us times 2 to the power of the index less one."""
    for index in range(1, _LONGEST_TIMEOUT):
        if _LEAST_TIMEOUT * 2 ** (index - 1) >= seconds * 0.999999:
            return index
    return _LONGEST_TIMEOUT


class Pn53xPort:
    """An opened chip set; implements :class:`dpptag.devices.raw_port.RawPort`.

    ``closing`` are the steps that end the work in order, ``release`` gives the transport and the lock free.
    ``byte_seconds`` is the time of a byte on a serial line, 0 on USB.
    """

    frame_size = 256
    """What the chip's firmware and one host frame carry with room to spare."""

    def __init__(
        self,
        name: str,
        device: pn53x.Device,
        traffic: Traffic,
        *,
        present: Callable[[], bool],
        closing: Iterable[Callable[[], object]],
        release: Callable[[], None],
        drop_stale_frames: Callable[[], None],
        byte_seconds: float = 0.0,
    ) -> None:
        self._name = name
        self._byte_seconds = byte_seconds
        self.device = device
        self._chipset: Chipset | None = device.chipset
        self._traffic = traffic
        self._present = present
        self._closing = tuple(closing)
        self._release = release
        self._drop_stale_frames = drop_stale_frames
        self._rx_mode: int | None = None
        self._timeout = 0
        self._field_on = False
        self._unsure = False
        with self._command() as chipset:
            self._set_timeout(chipset, USUAL_WAITING_TIME)

    @property
    def name(self) -> str:
        return self._name

    @property
    def firmware(self) -> str:
        return self.device.chipset_name

    @property
    def poll_lead_seconds(self) -> float:
        return _SHORTEST_POLL_BYTES * self._byte_seconds

    def poll_a(self) -> TypeATarget | None:
        """InListPassiveTarget, one target, 106 kbit/s Type A. Leaves receive CRC off.

        The chip set resolves a collision by itself and takes one of the tags: it does not tell.
        """
        with self._command() as chipset:
            self._field_on = True
            target = chipset.in_list_passive_target(1, _TYPE_A, b"")
            if target is None:
                return None
            uid = self._uid(bytes(target[4:]))  # SENS_RES (2), SEL_RES, NFCID length, NFCID
            if len(target) < 5 or len(target) != 4 + target[3] or len(uid) not in (4, 7, 10):
                raise malformed(self._name)
            if self._rx_mode is None:  # the firmware sets the same value at every activation: read it once
                self._rx_mode = chipset.read_register("CIU_RxMode")
            chipset.write_register("CIU_RxMode", self._rx_mode & ~_RX_CRC_ENABLE)
        return TypeATarget(uid, target[2])

    def _uid(self, nfcid: bytes) -> bytes:
        return nfcid

    def poll_f(self, system_code: int) -> FelicaTarget | None:
        request = bytes((0x00, *system_code.to_bytes(2, "big"), _SYSTEM_CODE_REQUEST, 0x00))
        with self._command() as chipset:
            if not self._field_on:  # the poll would follow the field at once, and some FeliCa chips start slower
                chipset.rf_configuration(_RF_FIELD, b"\x01")
                time.sleep(_FELICA_START_SECONDS)
                self._field_on = True
            target = chipset.in_list_passive_target(1, _FELICA_212, request)
        if target is None:
            return None
        answer = bytes(target)  # POL_RES from its length byte on
        if len(answer) not in (18, 20) or answer[0] != len(answer) or answer[1] != 0x01:
            raise malformed(self._name)
        return FelicaTarget(answer[2:10], answer[10:18], int.from_bytes(answer[18:], "big") if answer[18:] else None)

    def exchange(self, frame: bytes, waiting_time: float, hidden: Hidden | None = None) -> bytes:
        self._opened()
        self._traffic.hide(frame, hidden)
        try:
            with self._command() as chipset:
                self._set_timeout(chipset, waiting_time)
                try:
                    return bytes(chipset.in_communicate_thru(frame, waiting_time + _HOST_MARGIN))
                except Chipset.Error as exc:
                    if exc.errno not in _RF_STATUSES:
                        raise
                    raise UnansweredError(exc.errno, silent=exc.errno == _RF_SILENCE) from exc
        finally:
            self._traffic.hide(b"", None)

    def _set_timeout(self, chipset: Chipset, seconds: float) -> None:
        """A host command only where the time-out changes."""
        index = timeout_index(seconds)
        if index != self._timeout:
            self._timeout = 0
            chipset.rf_configuration(_RF_TIMINGS, _ATR_RES_TIMEOUT + bytes((index,)))
            self._timeout = index

    def field_off(self) -> None:
        with self._command() as chipset:
            self._field_on = False
            chipset.rf_configuration(_RF_FIELD, b"\x00")

    def call(self, step: Callable[[], object]) -> None:
        """A call of nfcpy, its errors mapped."""
        with self._command():
            step()

    def signal(self) -> bool:
        return False

    def close(self) -> None:
        chipset, self._chipset = self._chipset, None
        if chipset is not None:
            # A reader that is gone cannot be closed in order, and there is nobody to tell. One that stumbles at the
            # first step, as after an interrupt in mid-command, must still get its speed back.
            for step in self._closing:
                with contextlib.suppress(DeviceError), foreign_errors(self._name, self._present):
                    step()
        self._release()

    @contextlib.contextmanager
    def _command(self) -> Iterator[Chipset]:
        """Round all host commands of a call, their errors mapped.

        After a failure or Ctrl-C in mid-command its answer may be still to come, and would be taken for that to the
        next command, and so on for ever: the chip is told to end it, and what has come is thrown away.
        """
        chipset = self._opened()
        with foreign_errors(self._name, self._present):
            if self._unsure:
                chipset.send_ack()
                self._drop_stale_frames()
            self._unsure = True
            try:
                yield chipset
            except UnansweredError:  # the reader has answered: the tag did not
                self._unsure = False
                raise
            self._unsure = False

    def _opened(self) -> Chipset:
        if self._chipset is None:
            raise DeviceLost(f"the reader at {self._name} is closed", action="open it again", device=self._name)
        return self._chipset


class Pn531Port(Pn53xPort):
    """The PN531 gives the cascade tags (88h) with the UID, and has no extended host frames."""

    frame_size = 128

    def _uid(self, nfcid: bytes) -> bytes:
        return uid_without_cascade_tags(nfcid)


def uid_without_cascade_tags(nfcid: bytes) -> bytes:
    """ISO/IEC 14443-3 6.5.4: 88h opens each cascade level but the last."""
    if len(nfcid) == 8:
        return nfcid[1:]
    return nfcid[1:4] + nfcid[5:] if len(nfcid) == 12 else nfcid
