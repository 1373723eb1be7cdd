"""The simulated RC-S380 (NFC Port-100): the host speaks to the tag itself, the reader only frames, checks and times.

Sony publishes no manual of its command set; names and values are those that drivers use. Type A at 106 kbit/s and
FeliCa at 212 and 424 kbit/s carry tags here; other bit rates and Type B are accepted and hear nothing.
"""

from __future__ import annotations

from enum import IntEnum, unique
from functools import reduce
from operator import xor
from typing import Any, Final

from dpptag.sim.chip import Answer, Nibble, Rf, TypeAChip
from dpptag.sim.faults import FaultKind
from dpptag.sim.pn532 import crc_a
from dpptag.sim.usb import port100_frames
from dpptag.sim.usb.descriptors import RCS380
from dpptag.sim.usb.port100_frames import ACK, FromHost
from dpptag.sim.usb.reader import UsbReader

_FROM_HOST: Final = 0xD6
_TO_HOST: Final = 0xD7
_FIRMWARE: Final = bytes.fromhex("1101")  # 1.11, low byte first
_PACKAGE_DATA: Final = bytes.fromhex("0001")
_COMMAND_TYPES: Final = (0b11).to_bytes(8, "big")  # types 0 and 1
_CASCADE_TAG: Final = 0x88
_CASCADE_BIT: Final = 0x04
_SHORT_FRAME_BITS: Final = 7
_WHOLE_BYTES: Final = 8
_NIBBLE_BITS: Final = 4


@unique
class Code(IntEnum):
    IN_SET_RF = 0x00
    IN_SET_PROTOCOL = 0x02
    IN_COMM_RF = 0x04
    SWITCH_RF = 0x06
    RESET_DEVICE = 0x12
    GET_FIRMWARE_VERSION = 0x20
    GET_PD_DATA_VERSION = 0x22
    GET_COMMAND_TYPE = 0x28
    SET_COMMAND_TYPE = 0x2A


@unique
class Status(IntEnum):
    """One byte, of every command but InCommRF."""

    SUCCESS = 0
    PARAMETER = 1
    COMMAND_TYPE = 7


@unique
class RfStatus(IntEnum):
    """Four bytes low first, of InCommRF: bits."""

    NO_ERROR = 0x00
    CRC = 0x04
    RECEIVE_TIMEOUT = 0x80


@unique
class Setting(IntEnum):
    """InSetProtocol keys that change what a tag hears or the host reads."""

    ADD_CRC = 1
    CHECK_CRC = 2
    LAST_BYTE_BITS = 7


@unique
class Air(IntEnum):
    """Third and first bytes of InSetRF are analogue settings; the second names the bit rate and modulation."""

    F212 = 1
    F424 = 2
    A106 = 3
    A212 = 4
    A424 = 5
    B106 = 7
    B212 = 8
    B424 = 9


class RcS380(UsbReader):
    model = RCS380

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._power_up()

    def unplugged(self) -> None:
        super().unplugged()
        self._power_up()

    def _power_up(self) -> None:
        self._air: Air | None = None
        self._settings: dict[int, int] = {}
        self._asked: TypeAChip | None = None

    def host_sent(self, data: bytes) -> None:
        payload = port100_frames.parse(data)
        if payload is FromHost.ACK:
            return  # ends a running command; none ever runs on here
        if payload is FromHost.DAMAGED:
            self.send(port100_frames.ERROR)
            return
        self.run(lambda: self._answer(payload), acknowledge=ACK)

    def _answer(self, payload: bytes) -> bytes:
        response = self._command(payload)
        return port100_frames.ERROR if response is None else port100_frames.frame(response)

    def _command(self, payload: bytes) -> bytes | None:
        if len(payload) < 2 or payload[0] != _FROM_HOST:
            return None
        data = payload[2:]
        match payload[1]:
            case Code.IN_SET_RF:
                answer = self._in_set_rf(data)
            case Code.IN_SET_PROTOCOL:
                answer = self._in_set_protocol(data)
            case Code.IN_COMM_RF:
                answer = self._in_comm_rf(data)
            case Code.SWITCH_RF if len(data) == 1:
                self.field.power(bool(data[0]))
                self._asked = None
                answer = bytes((Status.SUCCESS,))
            case Code.RESET_DEVICE:
                self.field.power(False)
                self._power_up()
                answer = bytes((Status.SUCCESS,))
            case Code.GET_FIRMWARE_VERSION:
                answer = _FIRMWARE
            case Code.GET_PD_DATA_VERSION:
                answer = _PACKAGE_DATA
            case Code.GET_COMMAND_TYPE:
                answer = _COMMAND_TYPES
            case Code.SET_COMMAND_TYPE if len(data) == 1:
                answer = bytes((Status.SUCCESS if data[0] in (0, 1) else Status.PARAMETER,))
            case _:
                return None
        return bytes((_TO_HOST, payload[1] + 1)) + answer

    def _in_set_rf(self, data: bytes) -> bytes:
        known = {int(air) for air in Air}
        if len(data) != 4 or data[1] not in known or data[3] not in known:
            return bytes((Status.PARAMETER,))
        self._air = Air(data[1])
        return bytes((Status.SUCCESS,))

    def _in_set_protocol(self, data: bytes) -> bytes:
        if len(data) % 2 or any(key > 0x13 for key in data[::2]):
            return bytes((Status.PARAMETER,))
        self._settings.update(zip(data[::2], data[1::2], strict=True))
        return bytes((Status.SUCCESS,))

    # The air

    def _in_comm_rf(self, data: bytes) -> bytes:
        """Time-out (2 bytes, units of 0.1 ms), then the frame. Answers status (4), bits of the last byte, the frame."""
        if len(data) < 3:
            return _failed(RfStatus.RECEIVE_TIMEOUT)
        if not self.field.rf_on:
            self.field.power(True)
        frame = data[2:]
        match self._air:
            case Air.A106:
                return self._type_a(frame)
            case Air.F212 | Air.F424:
                return self._felica(frame)
            case _:
                return _failed(RfStatus.RECEIVE_TIMEOUT)

    def _type_a(self, frame: bytes) -> bytes:
        if self._settings.get(Setting.LAST_BYTE_BITS, _WHOLE_BYTES) == _SHORT_FRAME_BITS:
            return self._request(frame)
        if not self._settings.get(Setting.ADD_CRC):
            if len(frame) == 2 and frame[0] in (0x93, 0x95, 0x97) and frame[1] == 0x20:
                return self._anticollision(frame[0])
            if len(frame) < 3 or crc_a(frame[:-2]) != frame[-2:]:
                return _failed(RfStatus.RECEIVE_TIMEOUT)  # a chip that answers a NAK to this is not modelled
            frame = frame[:-2]
        if len(frame) == 7 and frame[0] in (0x93, 0x95, 0x97) and frame[1] == 0x70:
            return self._select(frame)
        return self._received(self.field.exchange(frame, Rf.A))

    def _request(self, frame: bytes) -> bytes:
        """REQA or WUPA. The field does the whole activation at once; its steps are told to the host one by one."""
        self._asked = None
        if frame not in (b"\x26", b"\x52"):
            return _failed(RfStatus.RECEIVE_TIMEOUT)
        chip = self.field.poll()
        if chip is None:
            return _failed(RfStatus.RECEIVE_TIMEOUT)
        self._asked = chip
        return _heard(chip.atqa.to_bytes(2, "little"))

    def _anticollision(self, code: int) -> bytes:
        level = self._level(code)
        if level is None:
            return _failed(RfStatus.RECEIVE_TIMEOUT)
        return _heard(level + bytes((reduce(xor, level),)))

    def _select(self, frame: bytes) -> bytes:
        level = self._level(frame[0])
        if level is None or self._asked is None or frame[2:] != level + bytes((reduce(xor, level),)):
            return _failed(RfStatus.RECEIVE_TIMEOUT)
        return self._received(bytes((_CASCADE_BIT if level[0] == _CASCADE_TAG else self._asked.sak,)))

    def _level(self, code: int) -> bytes | None:
        """The four bytes that the chip shows at this cascade level (ISO/IEC 14443-3 6.5.4)."""
        if self._asked is None or self.field.tag is not self._asked:
            return None
        uid, levels = self._asked.uid, []
        while len(uid) > 4:
            levels.append(bytes((_CASCADE_TAG,)) + uid[:3])
            uid = uid[3:]
        levels.append(uid)
        number = (0x93, 0x95, 0x97).index(code)
        return levels[number] if number < len(levels) else None

    def _received(self, answer: Answer) -> bytes:
        if answer is None:
            return _failed(RfStatus.RECEIVE_TIMEOUT)
        checks = bool(self._settings.get(Setting.CHECK_CRC))
        if isinstance(answer, Nibble):
            return _failed(RfStatus.CRC) if checks else _heard(bytes((answer.value,)), _NIBBLE_BITS)
        on_air = answer + crc_a(answer)
        if self.faults.due(FaultKind.NOISE):
            on_air = bytes((on_air[0] ^ 0x01,)) + on_air[1:]
        if not checks:
            return _heard(on_air)
        return _heard(on_air[:-2]) if crc_a(on_air[:-2]) == on_air[-2:] else _failed(RfStatus.CRC)

    def _felica(self, frame: bytes) -> bytes:
        """A length byte first, both ways. A chip answers at either speed."""
        if len(frame) < 2 or frame[0] != len(frame):
            return _failed(RfStatus.RECEIVE_TIMEOUT)
        answer = self.field.exchange(frame[1:], Rf.F)
        if not isinstance(answer, bytes):
            return _failed(RfStatus.RECEIVE_TIMEOUT)
        if self.faults.due(FaultKind.NOISE):
            return _failed(RfStatus.CRC)
        return _heard(bytes((len(answer) + 1,)) + answer)


def _heard(frame: bytes, bits: int = _WHOLE_BYTES) -> bytes:
    return bytes(4) + bytes((bits,)) + frame


def _failed(status: RfStatus) -> bytes:
    return status.to_bytes(4, "little")
