"""ACR122U: a PN532 behind CCID messages and the pseudo-APDU for direct transmission (ACS, ACR122U API 2.04)."""

from __future__ import annotations

import errno
import logging
import os
import struct
from typing import Final

from nfc.clf import acr122, pn532

from dpptag.devices.nfcpy.pn53x_port import Pn53xPort
from dpptag.devices.nfcpy.usb_transport import LoggedUsb

_log = logging.getLogger(__name__)

_ICC_POWER_ON: Final = bytes.fromhex("62000000000000000000")
_FIRMWARE_TEXT: Final = bytes.fromhex("FF00480000")
_POLLING_OFF: Final = bytes.fromhex("FF00517F00")
_POLLING_ON: Final = bytes.fromhex("FF0051FF00")
_DETECTION_BEEP_OFF: Final = bytes.fromhex("FF00520000")
_GREEN: Final = bytes.fromhex("FF00400E0400000000")
_RED_AND_BEEP: Final = bytes.fromhex("FF00400D0403000101")  # 3 x 100 ms once, the buzzer with it
_SIGNAL_SECONDS: Final = 1.0
_KNOWN_TEXT: Final = b"ACR122U2"
_DATA_BLOCK: Final = 0x80
_HEADER: Final = 10
_TIME_EXTENSION: Final = 0x80  # bmCommandStatus (CCID 1.1 6.2.6)
_ANSWERS: Final = 8


class Acr122Chipset(acr122.Chipset):
    """nfcpy's chip set, which refuses firmware texts of release 1 and of clones: here they are a warning."""

    def __init__(self, transport: LoggedUsb) -> None:
        self.transport = transport
        self._sequence = 0
        text = bytes(self.ccid_xfr_block(_FIRMWARE_TEXT))
        self.firmware_text = text.removesuffix(b"\x90\x00").decode("ascii", "replace").strip("\x00 ")
        if not text.startswith(_KNOWN_TEXT):
            _log.warning("firmware text %r is none of an ACR122U of release 2: a clone?", self.firmware_text)
        transport.write(_ICC_POWER_ON)
        transport.read(100)
        for order in (_POLLING_OFF, _DETECTION_BEEP_OFF, _GREEN):
            self.ccid_xfr_block(order)
        pn532.Chipset.__init__(self, transport, logger=logging.getLogger("nfc.clf.acr122"))

    def ccid_xfr_block(self, data: bytes | bytearray, timeout: float = 0.1) -> bytearray:
        """One block and its answer; late answers to an earlier block and requests for more time are passed over."""
        self._sequence = (self._sequence + 1) & 0xFF
        header = struct.pack("<BI5B", 0x6F, len(data), 0, self._sequence, 0, 0, 0)
        self.transport.write(header + bytes(data))
        for _ in range(_ANSWERS):
            frame = self.transport.read(int(timeout * 1000))
            if not frame or len(frame) < _HEADER or frame[0] != _DATA_BLOCK:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if frame[6] != self._sequence or frame[7] & 0xC0 == _TIME_EXTENSION:
                continue
            if len(frame) != _HEADER + int.from_bytes(frame[1:5], "little"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return frame[_HEADER:]
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def send_ack(self) -> None:
        """Nothing: the reader's own controller speaks to the chip, and an ACK is no command to it."""

    def signal(self) -> None:
        self.ccid_xfr_block(_RED_AND_BEEP, _SIGNAL_SECONDS)
        self.ccid_xfr_block(_GREEN)

    def polling_on(self) -> None:
        """As it was found: PC/SC sees no card on a reader that does not poll."""
        self.ccid_xfr_block(_POLLING_ON)


class Acr122Port(Pn53xPort):
    frame_size = 128  # one APDU carries 255 bytes, the PN532's own and the status among them

    @property
    def firmware(self) -> str:
        return f"{self._acr122.firmware_text}, {super().firmware}"

    def signal(self) -> bool:
        self.call(self._acr122.signal)
        return True

    @property
    def _acr122(self) -> Acr122Chipset:
        assert isinstance(self.device.chipset, Acr122Chipset)
        return self.device.chipset
