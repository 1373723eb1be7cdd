"""The simulated ACR122U: a CCID reader of release 2.06 round a PN532 (ACS API 2.04; CCID 1.1).

What APDUs do is :mod:`dpptag.sim.pseudo_apdu`; this is the way there and back, the slot, and the interrupt endpoint
that tells of cards. Escape carries the same pseudo-APDUs. Whatever is no whole CCID message is not answered.
"""

from __future__ import annotations

from typing import Any, Final

from dpptag.sim.pseudo_apdu import READER_CLASSES, PseudoReader
from dpptag.sim.usb.ccid import NOTIFY_SLOT_CHANGE, FromHost, Icc, Request, SlotError
from dpptag.sim.usb.descriptors import ACR122U
from dpptag.sim.usb.reader import UsbReader

_ACK_FRAME: Final = bytes.fromhex("0000FF00FF00")  # hosts that took the reader for a bare PN532 end a command so
_FAILED: Final = bytes.fromhex("6300")
_T1: Final = 0x01
_T1_PARAMETERS: Final = bytes.fromhex("11 10 00 15 00 FE 00")  # CCID 1.1 6.1.7, as after a warm reset
_NO_CLOCK_RATES: Final = b""


class Acr122u(UsbReader):
    """``signals`` of :attr:`inside` has the LED and buzzer orders in their order."""

    model = ACR122U

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._power_up()

    def unplugged(self) -> None:
        super().unplugged()
        self._power_up()

    def client_gone(self) -> None:
        super().client_gone()
        self._announced = False

    def _power_up(self) -> None:
        self.inside = PseudoReader(self.field, READER_CLASSES["acr122u"])
        self._powered = False
        self._announced = False

    # The slot

    def _icc(self) -> Icc:
        if self.inside.tag is None:
            self._powered = False
            return Icc.ABSENT
        return Icc.ACTIVE if self._powered else Icc.INACTIVE

    def tag_moved(self) -> None:
        """Tell the host, if it listens (CCID 6.3.1): bit 0 present, bit 1 changed."""
        present = self.inside.tag is not None
        if not present:
            self._powered = False
        self._announced = present
        if self.model.interrupt_in is not None:
            self.send(bytes((NOTIFY_SLOT_CHANGE, 0x02 | present)), self.model.interrupt_in)

    def control(self, request_type: int, request: int, data: bytes, length: int) -> bytes | None:
        """GET_CLOCK_FREQUENCIES and GET_DATA_RATES are empty, ABORT is taken (CCID 5.3)."""
        known = {(0xA1, 0x02), (0xA1, 0x03), (0x21, 0x01)}
        return _NO_CLOCK_RATES if (request_type, request) in known else None

    # Messages

    def host_sent(self, data: bytes) -> None:
        try:
            message = Request.from_bytes(data)
        except ValueError:
            return
        if message.kind in (FromHost.XFR_BLOCK, FromHost.ESCAPE):
            self.run(lambda: self._transfer(message))
        elif not self.commands.holding:
            self.send(self._about_the_slot(message))

    def _transfer(self, message: Request) -> bytes:
        if message.data == _ACK_FRAME:
            return message.answer(self._icc(), _FAILED)
        was_there = self.inside.tag is not None
        answer = self.inside.transmit(message.data)
        if was_there and self.inside.tag is None:  # torn away under the command
            self.tag_moved()
        if answer is None:
            return message.answer(self._icc(), error=SlotError.MUTE)
        return message.answer(self._icc(), answer)

    def _about_the_slot(self, message: Request) -> bytes:
        match message.kind:
            case FromHost.POWER_ON:
                return self._power_on(message)
            case FromHost.POWER_OFF:
                self.inside.power(False)
                self._powered = False
                return message.answer(self._icc(), last=0x01)  # clock stopped low
            case FromHost.SLOT_STATUS:
                return message.answer(self._icc())
            case FromHost.GET_PARAMETERS | FromHost.SET_PARAMETERS | FromHost.RESET_PARAMETERS:
                return message.answer(self._icc(), _T1_PARAMETERS, last=_T1)
            case FromHost.ABORT:
                return message.answer(self._icc())
            case _:
                return message.answer(self._icc(), error=SlotError.NOT_SUPPORTED)

    def _power_on(self, message: Request) -> bytes:
        self.inside.power(True)
        atr = self.inside.atr()
        if atr is None:
            return message.answer(Icc.ABSENT, error=SlotError.MUTE)
        self._powered = True
        return message.answer(Icc.ACTIVE, atr)
