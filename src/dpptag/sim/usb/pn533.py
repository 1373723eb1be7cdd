"""The simulated PN533 on USB (NXP PN533 user manual; UM0701-02 where they agree): PN53x frames on two bulk endpoints.

The ACK and the answer are two transfers. It differs from the PN532 in what :data:`_ABSENT` names, in a status byte
before register values and after a register write, and in analogue settings 0Ah to 0Dh with lengths of their own.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from dpptag.sim.pn532 import HostCode, HostSyntaxError, Pn532
from dpptag.sim.pn532_frames import ACK, SYNTAX_ERROR, HostCommand, HostFrames, Signal, information_frame
from dpptag.sim.usb.descriptors import PN533
from dpptag.sim.usb.reader import UsbReader

_FIRMWARE: Final = bytes.fromhex("33020707")
_TFI_CHIP: Final = 0xD5
_OK: Final = 0x00
_PARAMETER: Final = 0x10
_EEPROM: Final = range(0xA000, 0xA100)
_ANALOGUE: Final = {0x0A: 11, 0x0B: 8, 0x0C: 3, 0x0D: 9}
_ABSENT: Final = frozenset(
    {HostCode.SET_SERIAL_BAUD_RATE, HostCode.SAM_CONFIGURATION, HostCode.POWER_DOWN, HostCode.IN_AUTO_POLL}
)


class Pn533(UsbReader):
    """No EEPROM is fitted: its registers are refused."""

    model = PN533

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._power_up()

    def unplugged(self) -> None:
        super().unplugged()
        self._power_up()

    def reset(self) -> None:
        super().reset()
        self._frames.reset()

    def _power_up(self) -> None:
        self._chip = Pn532(self.field)
        self._frames = HostFrames()
        self._last_answer = b""

    def host_sent(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            if isinstance(frame, HostCommand):
                self.run(partial(self._answer, frame.payload), acknowledge=ACK)
            elif frame is Signal.ACK:
                self._chip.host_ack()
            elif self._last_answer:
                self.send(self._last_answer)

    def _answer(self, payload: bytes) -> bytes:
        try:
            response = self._command(payload)
        except HostSyntaxError:
            return SYNTAX_ERROR
        if response is None:
            return b""
        self._last_answer = information_frame(response)
        return self._last_answer

    def _command(self, payload: bytes) -> bytes | None:
        code, data = payload[1:2], payload[2:]
        if not code or code[0] in _ABSENT:
            raise HostSyntaxError
        head = bytes((_TFI_CHIP, code[0] + 1 & 0xFF))
        match code[0]:
            case HostCode.GET_FIRMWARE_VERSION:
                self._chip.command(payload)
                return head + _FIRMWARE
            case HostCode.READ_REGISTER:
                if any(int.from_bytes(data[at : at + 2], "big") in _EEPROM for at in range(0, len(data), 2)):
                    return head + bytes((_PARAMETER,))
                response = self._chip.command(payload) or head
                return head + bytes((_OK,)) + response[2:]
            case HostCode.WRITE_REGISTER:
                self._chip.command(payload)
                return head + bytes((_OK,))
            case HostCode.GET_GENERAL_STATUS:
                response = self._chip.command(payload) or head
                return response[:-1]  # the PN532 ends it with the state of its SAM
            case HostCode.RF_CONFIGURATION if data[:1] and data[0] in _ANALOGUE:
                if len(data) != 1 + _ANALOGUE[data[0]]:
                    raise HostSyntaxError
                return head
            case _:
                return self._chip.command(payload)
