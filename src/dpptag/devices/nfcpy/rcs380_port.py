"""RC-S380 (NFC Port-100) as a raw port: here the host itself speaks to the tag, anticollision included.

Sony publishes no manual of the chip set; command names and values are nfcpy's. CRC_A is made and checked on our side,
for under its CRC check the reader reports a 4-bit ACK as a CRC error; FeliCa's CRC is left to the reader.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import reduce
from operator import xor
from typing import Final

from nfc.clf.rcs380 import Chipset, CommunicationError

from dpptag.devices.crc_a import crc_a, without_crc_a
from dpptag.devices.nfcpy.foreign import foreign_errors
from dpptag.devices.nfcpy.traffic import Traffic
from dpptag.devices.nfcpy.usb_transport import LoggedUsb
from dpptag.devices.raw_port import CollisionError, FelicaTarget, Hidden, TypeATarget, UnansweredError, malformed
from dpptag.errors import DeviceError, DeviceLost

_TYPE_A: Final = "106A"
_FELICA: Final = "212F"
_REQA: Final = b"\x26"
_CASCADE_LEVELS: Final = b"\x93\x95\x97"
_CASCADE_BIT: Final = 0x04
_POLL_SECONDS: Final = 0.03
_HOST_MARGIN_MS: Final = 1000
_SYSTEM_CODE_REQUEST: Final = 0x01
_SILENCE: Final = 0x80  # RECEIVE_TIMEOUT_ERROR
_COLLISION: Final = 0x08
_RF_STATUSES: Final = 0x8000009F  # protocol, parity, CRC, collision, overflow, time-out, length: the tag's doing

# InSetProtocol: pairs of key and value.
_SHORT_FRAME: Final = bytes((0x00, 6, 0x01, 0, 0x02, 0, 0x05, 1, 0x07, 7))  # guard, no CRC, parity checked, 7 bits
_WHOLE_BYTES: Final = bytes((0x04, 1, 0x07, 8))  # parity added
_FELICA_GUARD: Final = bytes((0x00, 24))


class Rcs380Port:
    """An opened reader; implements :class:`dpptag.devices.raw_port.RawPort`."""

    frame_size = 256
    poll_lead_seconds = 0.0  # USB: nothing that could be counted on

    def __init__(
        self,
        name: str,
        chipset: Chipset,
        transport: LoggedUsb,
        traffic: Traffic,
        *,
        present: Callable[[], bool],
        release: Callable[[], None],
    ) -> None:
        self._name = name
        self._chipset: Chipset | None = chipset
        self._transport = transport
        self._traffic = traffic
        self._present = present
        self._release = release
        self._modulation = ""
        self._selected = False
        self._unsure = False
        with self._command():
            version = chipset.get_firmware_version()
        if version is None or len(version) < 2:
            raise malformed(name)
        self._firmware = f"NFC Port-100 v{version[1]:x}.{version[0]:02x}"

    @property
    def name(self) -> str:
        return self._name

    @property
    def firmware(self) -> str:
        return self._firmware

    def poll_a(self) -> TypeATarget | None:
        with self._command() as chipset:
            self._modulate(chipset, _TYPE_A)
            chipset.in_set_protocol(bytes(chipset.in_set_protocol_defaults) + _SHORT_FRAME)
            # A tag that was active takes the first REQA for an error and falls back to IDLE without a word.
            tries = 2 if self._selected else 1
            self._selected = False
            for _ in range(tries):
                if self._heard(chipset, _REQA) is not None:
                    break
            else:
                return None
            chipset.in_set_protocol(_WHOLE_BYTES)
            target = self._select(chipset)
        self._selected = target is not None
        return target

    def _select(self, chipset: Chipset) -> TypeATarget | None:
        """Anticollision and SELECT of each cascade level (ISO/IEC 14443-3 6.5); None where the tag goes meanwhile."""
        uid = b""
        for level in _CASCADE_LEVELS:
            part = self._heard(chipset, bytes((level, 0x20)))
            if part is None or len(part) != 5 or reduce(xor, part):
                return None
            select = bytes((level, 0x70)) + part
            answer = without_crc_a(self._heard(chipset, select + crc_a(select)) or b"")
            if answer is None or len(answer) != 1:
                return None
            if not answer[0] & _CASCADE_BIT:
                return TypeATarget(uid + part[:4], answer[0])
            uid += part[1:4]
        return None

    def poll_f(self, system_code: int) -> FelicaTarget | None:
        self._selected = False
        request = bytes((6, 0x00, *system_code.to_bytes(2, "big"), _SYSTEM_CODE_REQUEST, 0x00))
        with self._command() as chipset, contextlib.suppress(CollisionError):
            self._modulate(chipset, _FELICA)
            chipset.in_set_protocol(bytes(chipset.in_set_protocol_defaults) + _FELICA_GUARD)
            answer = self._heard(chipset, request)
            if answer is None or len(answer) not in (18, 20) or answer[0] != len(answer) or answer[1] != 0x01:
                return None
            code = int.from_bytes(answer[18:], "big") if answer[18:] else None
            return FelicaTarget(answer[2:10], answer[10:18], code)
        return None

    def exchange(self, frame: bytes, waiting_time: float, hidden: Hidden | None = None) -> bytes:
        self._opened()
        self._traffic.hide(frame, hidden)
        try:
            with self._command() as chipset:
                return self._communicate(chipset, self._framed(frame), waiting_time)
        finally:
            self._traffic.hide(b"", None)

    def _framed(self, frame: bytes) -> bytes:
        return frame + crc_a(frame) if self._modulation == _TYPE_A else frame

    def _modulate(self, chipset: Chipset, modulation: str) -> None:
        if self._modulation != modulation:
            self._modulation = ""
            chipset.in_set_rf(modulation)
            self._modulation = modulation

    def _heard(self, chipset: Chipset, frame: bytes) -> bytes | None:
        try:
            return self._communicate(chipset, frame, _POLL_SECONDS)
        except UnansweredError as exc:
            if exc.status & _COLLISION:
                raise CollisionError from exc
            return None

    def _communicate(self, chipset: Chipset, frame: bytes, waiting_time: float) -> bytes:
        milliseconds = math.ceil(waiting_time * 1000)
        self._transport.limit_ms = milliseconds + _HOST_MARGIN_MS
        try:
            answer = chipset.in_comm_rf(frame, milliseconds)
        except CommunicationError as exc:
            if not exc.errno & _RF_STATUSES:
                raise
            raise UnansweredError(exc.errno, silent=bool(exc.errno & _SILENCE)) from exc
        if answer is None:  # nfcpy logs a broken frame and returns nothing
            raise malformed(self._name)
        return bytes(answer)

    def field_off(self) -> None:
        with self._command() as chipset:
            self._selected = False
            self._modulation = ""  # InSetRF puts the field on again, as nfcpy does it before each poll
            chipset.switch_rf("off")

    def signal(self) -> bool:
        return False

    def close(self) -> None:
        chipset, self._chipset = self._chipset, None
        if chipset is not None:
            with contextlib.suppress(DeviceError), foreign_errors(self._name, self._present):
                self._transport.write(Chipset.ACK)  # ends a command that an interrupt left running
                chipset.switch_rf("off")
        self._release()

    @contextlib.contextmanager
    def _command(self) -> Iterator[Chipset]:
        """Round all host commands of a call, their errors mapped; see :meth:`Pn53xPort._command`."""
        chipset = self._opened()
        with foreign_errors(self._name, self._present):
            if self._unsure:
                self._transport.write(Chipset.ACK)
                self._transport.drop_stale_frames()
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
