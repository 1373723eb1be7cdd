"""The simulated PN532: one host command in, the response payload out (UM0701-02 rev 02, chapter 7).

Only what an initiator of Type A tags uses. Register 6302h/6303h (CIU_TxMode, CIU_RxMode) decide, as in the chip, which
framing, speed and CRC an InCommunicateThru has: a frame that is not ISO/IEC 14443 A at 106 kbit/s reaches no tag, and a
4-bit answer under receive CRC is status 02h.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Final

from dpptag.sim.chip import ACK, NAK_CRC, Answer, Nibble, TypeAChip
from dpptag.sim.faults import FaultKind
from dpptag.sim.field import Field
from dpptag.sim.type2 import Command

BAUD_RATES: Final = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
FIRMWARE: Final = bytes.fromhex("32010607")

_TFI_HOST: Final = 0xD4
_TFI_CHIP: Final = 0xD5
_CIU_TX_MODE: Final = 0x6302
_CIU_RX_MODE: Final = 0x6303
_CIU_TX_CONTROL: Final = 0x6304
_CIU_FIFO_DATA: Final = 0x6339
_REQA: Final = 0x26
_CRC_ENABLE: Final = 0x80
_CASCADE_TAG: Final = 0x88
_FOREVER: Final = 0xFF


@unique
class HostCode(IntEnum):
    """UM0701-02 section 7, command codes."""

    DIAGNOSE = 0x00
    GET_FIRMWARE_VERSION = 0x02
    GET_GENERAL_STATUS = 0x04
    READ_REGISTER = 0x06
    WRITE_REGISTER = 0x08
    SET_SERIAL_BAUD_RATE = 0x10
    SET_PARAMETERS = 0x12
    SAM_CONFIGURATION = 0x14
    POWER_DOWN = 0x16
    RF_CONFIGURATION = 0x32
    IN_DATA_EXCHANGE = 0x40
    IN_COMMUNICATE_THRU = 0x42
    IN_DESELECT = 0x44
    IN_LIST_PASSIVE_TARGET = 0x4A
    IN_RELEASE = 0x52
    IN_SELECT = 0x54
    IN_AUTO_POLL = 0x60


@unique
class Status(IntEnum):
    """UM0701-02 section 7.1, error codes."""

    OK = 0x00
    TIMEOUT = 0x01
    CRC = 0x02
    PARAMETER = 0x10
    REFUSED = 0x14
    CONTEXT = 0x27


class HostSyntaxError(Exception):
    """The host's command is answered by the syntax error frame."""


def crc_a(data: bytes) -> bytes:
    """CRC_A, low byte first (ISO/IEC 14443-3 annex B)."""
    crc = 0x6363
    for octet in data:
        mixed = octet ^ crc & 0xFF
        mixed = (mixed ^ mixed << 4) & 0xFF
        crc = (crc >> 8) ^ (mixed << 8) ^ (mixed << 3) ^ (mixed >> 4)
    return crc.to_bytes(2, "little")


class Pn532:
    """The chip behind the UART. Baud rate and sleep are seen by the port that serves it."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.baud = 115200
        self.asleep = True
        self._next_baud: int | None = None
        self._registers: dict[int, int] = {}
        self._targets: dict[int, TypeAChip] = {}
        self._passive_retries = _FOREVER
        self._endless_poll: Callable[[], bytes | None] | None = None
        self._commands: MappingProxyType[int, Callable[[bytes], bytes | None]] = MappingProxyType(
            {
                HostCode.DIAGNOSE: self._diagnose,
                HostCode.GET_FIRMWARE_VERSION: lambda _data: FIRMWARE,
                HostCode.GET_GENERAL_STATUS: self._general_status,
                HostCode.READ_REGISTER: self._read_register,
                HostCode.WRITE_REGISTER: self._write_register,
                HostCode.SET_SERIAL_BAUD_RATE: self._set_serial_baud_rate,
                HostCode.SET_PARAMETERS: lambda data: _exactly(data, 1, b""),
                HostCode.SAM_CONFIGURATION: self._sam_configuration,
                HostCode.POWER_DOWN: self._power_down,
                HostCode.RF_CONFIGURATION: self._rf_configuration,
                HostCode.IN_DATA_EXCHANGE: self._in_data_exchange,
                HostCode.IN_COMMUNICATE_THRU: self._in_communicate_thru,
                HostCode.IN_DESELECT: self._in_deselect,
                HostCode.IN_LIST_PASSIVE_TARGET: self._in_list_passive_target,
                HostCode.IN_RELEASE: self._in_release,
                HostCode.IN_SELECT: self._in_select,
                HostCode.IN_AUTO_POLL: self._in_auto_poll,
            }
        )

    @property
    def awaits_baud_ack(self) -> bool:
        """Between the answer to SetSerialBaudRate and the host's ACK, which puts the new rate into force."""
        return self._next_baud is not None

    def host_ack(self) -> None:
        """ACK from the host: ends an endless poll, or puts a new baud rate into force."""
        self._endless_poll = None
        if self._next_baud is not None:
            self.baud, self._next_baud = self._next_baud, None

    def command(self, payload: bytes) -> bytes | None:
        """Execute one command, TFI first. Returns the response payload; None where none comes before the host's ACK.

        Raises HostSyntaxError for an unknown command or parameters of a wrong length.
        """
        self._endless_poll = None
        self._next_baud = None
        if len(payload) < 2 or payload[0] != _TFI_HOST or payload[1] not in self._commands:
            raise HostSyntaxError
        answer = self._commands[payload[1]](payload[2:])
        return None if answer is None else bytes((_TFI_CHIP, payload[1] + 1)) + answer

    # The chip itself

    def _diagnose(self, data: bytes) -> bytes:
        if not data:
            raise HostSyntaxError
        if data[0] == 0x00:
            return data
        return b"\x01" if data[0] == 0x06 else b"\x00"

    def _general_status(self, data: bytes) -> bytes:
        targets = b"".join(bytes((number, 0x00, 0x00, 0x10)) for number in self._targets)
        return _exactly(data, 0, bytes((0x00, self.field.rf_on, len(self._targets))) + targets + b"\x00")

    def _read_register(self, data: bytes) -> bytes:
        if not data or len(data) % 2:
            raise HostSyntaxError
        addresses = (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
        return bytes(self._register(address) for address in addresses)

    def _register(self, address: int) -> int:
        if address == _CIU_TX_CONTROL:
            return 0x80 | (0x03 if self.field.rf_on else 0x00)
        return self._registers.get(address, 0x00)

    def _write_register(self, data: bytes) -> bytes:
        if not data or len(data) % 3:
            raise HostSyntaxError
        for at in range(0, len(data), 3):
            self._registers[int.from_bytes(data[at : at + 2], "big")] = data[at + 2]
        return b""

    def _set_serial_baud_rate(self, data: bytes) -> bytes:
        if len(data) != 1 or data[0] >= len(BAUD_RATES):
            raise HostSyntaxError
        self._next_baud = BAUD_RATES[data[0]]
        return b""

    def _sam_configuration(self, data: bytes) -> bytes:
        if not 1 <= len(data) <= 3 or not 1 <= data[0] <= 4:
            raise HostSyntaxError
        return b""

    def _power_down(self, data: bytes) -> bytes:
        if not 1 <= len(data) <= 2:
            raise HostSyntaxError
        self.field.power(False)
        self._targets.clear()
        self.asleep = True
        return bytes((Status.OK,))

    def _rf_configuration(self, data: bytes) -> bytes:
        if len(data) < 2:
            raise HostSyntaxError
        if data[0] == 0x01:
            self.field.power(bool(data[1] & 1))
        elif data[0] == 0x05 and len(data) == 4:
            self._passive_retries = data[3]
        return b""

    # Targets

    def _in_list_passive_target(self, data: bytes) -> bytes | None:
        if len(data) < 2 or not 1 <= data[0] <= 2 or data[1] > 4:
            raise HostSyntaxError
        framing = (0x00, 0x12, 0x22, 0x03, 0x00)[data[1]]
        self._registers[_CIU_TX_MODE] = self._registers[_CIU_RX_MODE] = _CRC_ENABLE | framing
        self._targets.clear()
        uid = data[2:]

        def poll() -> bytes | None:
            found = self._poll_type_a(uid) if data[1] == 0 else self._poll_other()
            return None if found is None else b"\x01" + found

        if (found := poll()) is not None:
            return found
        if self._passive_retries == _FOREVER:
            # The chip polls on until a tag comes or the host sends ACK. Time stands still here, so one more poll says
            # whether a tag will come at all.
            return poll()
        return b"\x00"

    def _poll_type_a(self, uid: bytes) -> bytes | None:
        wanted = uid[1:] if len(uid) == 8 and uid[0] == _CASCADE_TAG else uid
        self._registers[_CIU_FIFO_DATA] = _REQA
        tag = self.field.poll(wanted)
        if tag is None:
            return None
        self._registers[_CIU_FIFO_DATA] = tag.sak
        self._targets[1] = tag
        return b"\x01" + tag.atqa.to_bytes(2, "big") + bytes((tag.sak, len(tag.uid))) + tag.uid

    def _poll_other(self) -> bytes | None:
        """Type B, FeliCa or Topaz: none of them is ever in this field."""
        self.field.power(True)
        return None

    def _in_auto_poll(self, data: bytes) -> bytes | None:
        """Types 00h and 10h find a Type A tag; others find nothing."""
        if len(data) < 3 or data[0] == 0:
            raise HostSyntaxError
        self._targets.clear()
        self._registers[_CIU_TX_MODE] = self._registers[_CIU_RX_MODE] = _CRC_ENABLE
        polls = 2 if data[0] == _FOREVER else data[0]
        for _ in range(polls):
            for kind in data[2:]:
                found = self._poll_type_a(b"") if kind in (0x00, 0x10) else self._poll_other()
                if found is not None:
                    return bytes((1, kind, len(found))) + found
        return None if data[0] == _FOREVER else b"\x00"

    def _in_deselect(self, data: bytes) -> bytes:
        return self._with_target(data)

    def _in_select(self, data: bytes) -> bytes:
        return self._with_target(data)

    def _in_release(self, data: bytes) -> bytes:
        answer = self._with_target(data)
        self._targets.clear()
        return answer

    def _with_target(self, data: bytes) -> bytes:
        """Target 0 means all; a number never given out is out of context."""
        if len(data) != 1:
            raise HostSyntaxError
        known = data[0] == 0 or data[0] in self._targets
        return bytes((Status.OK if known else Status.CONTEXT,))

    # Exchanges

    def _in_communicate_thru(self, data: bytes) -> bytes:
        tx_mode, rx_mode = self._register(_CIU_TX_MODE), self._register(_CIU_RX_MODE)
        if not self.field.rf_on or (tx_mode & 0x73) or (rx_mode & 0x73):
            return bytes((Status.TIMEOUT,))
        answer: Answer
        if tx_mode & _CRC_ENABLE:
            answer = self.field.exchange(data)
        elif len(data) >= 2 and crc_a(data[:-2]) == data[-2:]:
            answer = self.field.exchange(data[:-2])
        else:
            answer = self._damaged_frame()
        if answer is None:
            return bytes((Status.TIMEOUT,))
        if isinstance(answer, Nibble):
            return bytes((Status.CRC,)) if rx_mode & _CRC_ENABLE else bytes((Status.OK, answer.value))
        on_air = answer + crc_a(answer)
        if self.field.faults.due(FaultKind.NOISE):
            on_air = bytes((on_air[0] ^ 0x01,)) + on_air[1:]
        if not rx_mode & _CRC_ENABLE:
            return bytes((Status.OK,)) + on_air
        whole = crc_a(on_air[:-2]) == on_air[-2:]
        return bytes((Status.OK,)) + on_air[:-2] if whole else bytes((Status.CRC,))

    def _damaged_frame(self) -> Answer:
        """A frame whose CRC is wrong: the chip answers NAK 1h and is mute from then on."""
        return NAK_CRC if isinstance(self.field.exchange(b"\xff"), Nibble) else None

    def _in_data_exchange(self, data: bytes) -> bytes:
        """READ, WRITE and the 16-byte COMPATIBILITY_WRITE. Whether the firmware passes other tag commands is not known
        (60h it takes for MIFARE authentication): they are refused here, so that no driver comes to rely on them.
        """
        if not data:
            raise HostSyntaxError
        if data[0] & 0x3F not in self._targets:
            return bytes((Status.CONTEXT,))
        match list(data[1:]):
            case []:
                return bytes((Status.TIMEOUT,))
            case [Command.READ, _]:
                answer = self.field.exchange(data[1:])
                if answer is None:
                    return bytes((Status.TIMEOUT,))
                return bytes((Status.REFUSED,)) if isinstance(answer, Nibble) else bytes((Status.OK,)) + answer
            case [Command.WRITE, _, _, _, _, _]:
                return self._acknowledged(data[1:])
            case [Command.COMPATIBILITY_WRITE, _, *rest] if len(rest) == 16:
                first = self._acknowledged(data[1:3])
                return first if first[0] else self._acknowledged(data[3:])
            case _:
                return bytes((Status.CONTEXT,))

    def _acknowledged(self, frame: bytes) -> bytes:
        answer = self.field.exchange(frame)
        if answer is None:
            return bytes((Status.TIMEOUT,))
        return bytes((Status.OK if answer is ACK else Status.REFUSED,))


def _exactly(data: bytes, length: int, answer: bytes) -> bytes:
    if len(data) != length:
        raise HostSyntaxError
    return answer
