"""The simulated PN532: one host command in, the response payload out (UM0701-02 rev 02, chapter 7).

Only what an initiator of Type A and FeliCa tags uses. The chip knows no ISO/IEC 15693: such a tag stays unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from dpptag.sim.crc import crc_a
from dpptag.sim.field import Field
from dpptag.sim.pn532_codes import HostCode, HostSyntaxError, Register, Registers, Status
from dpptag.sim.pn532_exchange import Exchange
from dpptag.sim.pn532_targets import Targets

__all__ = ["BAUD_RATES", "FIRMWARE", "HostCode", "HostSyntaxError", "Pn532", "Status", "crc_a"]

BAUD_RATES: Final = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
FIRMWARE: Final = bytes.fromhex("32010607")

_TFI_HOST: Final = 0xD4
_TFI_CHIP: Final = 0xD5
_AUTOMATIC_RATS: Final = 0x10
_CARD_PRESENCE: Final = 0x06  # Diagnose, section 7.2.1


class Pn532:
    """The chip behind the UART. Baud rate and sleep are seen by the port that serves it."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.baud = 115200
        self.asleep = True
        self._next_baud: int | None = None
        self._registers = Registers()
        self._targets = Targets(field, self._registers)
        self._exchange = Exchange(field, self._registers, self._targets)
        self._commands: MappingProxyType[int, Callable[[bytes], bytes | None]] = MappingProxyType(
            {
                HostCode.DIAGNOSE: self._diagnose,
                HostCode.GET_FIRMWARE_VERSION: lambda _data: FIRMWARE,
                HostCode.GET_GENERAL_STATUS: self._general_status,
                HostCode.READ_REGISTER: self._read_register,
                HostCode.WRITE_REGISTER: self._write_register,
                HostCode.SET_SERIAL_BAUD_RATE: self._set_serial_baud_rate,
                HostCode.SET_PARAMETERS: self._set_parameters,
                HostCode.SAM_CONFIGURATION: self._sam_configuration,
                HostCode.POWER_DOWN: self._power_down,
                HostCode.RF_CONFIGURATION: self._rf_configuration,
                HostCode.IN_DATA_EXCHANGE: self._exchange.data_exchange,
                HostCode.IN_COMMUNICATE_THRU: self._exchange.communicate_thru,
                HostCode.IN_DESELECT: self._targets.deselect,
                HostCode.IN_LIST_PASSIVE_TARGET: self._targets.list_passive,
                HostCode.IN_RELEASE: self._targets.release,
                HostCode.IN_SELECT: self._targets.select,
                HostCode.IN_AUTO_POLL: self._targets.auto_poll,
            }
        )

    @property
    def awaits_baud_ack(self) -> bool:
        """Between the answer to SetSerialBaudRate and the host's ACK, which puts the new rate into force."""
        return self._next_baud is not None

    def host_ack(self) -> None:
        """ACK from the host: ends an endless poll, or puts a new baud rate into force."""
        if self._next_baud is not None:
            self.baud, self._next_baud = self._next_baud, None

    def command(self, payload: bytes) -> bytes | None:
        """Execute one command, TFI first. Returns the response payload; None where none comes before the host's ACK.

        Raises HostSyntaxError for an unknown command or parameters of a wrong length.
        """
        self._next_baud = None
        if len(payload) < 2 or payload[0] != _TFI_HOST or payload[1] not in self._commands:
            raise HostSyntaxError
        if payload[1] != HostCode.IN_DATA_EXCHANGE:
            self._exchange.forget()
        answer = self._commands[payload[1]](payload[2:])
        return None if answer is None else bytes((_TFI_CHIP, payload[1] + 1)) + answer

    # The chip itself

    def _diagnose(self, data: bytes) -> bytes:
        if not data:
            raise HostSyntaxError
        if data[0] == 0x00:
            return data
        if data[0] == _CARD_PRESENCE:
            return bytes((Status.OK if self._targets.is_present() else Status.TIMEOUT,))
        return b"\x00"

    def _general_status(self, data: bytes) -> bytes:
        if data:
            raise HostSyntaxError
        return bytes((0x00, self.field.rf_on)) + self._targets.status + b"\x00"

    def _set_parameters(self, data: bytes) -> bytes:
        if len(data) != 1:
            raise HostSyntaxError
        self._targets.automatic_rats = bool(data[0] & _AUTOMATIC_RATS)
        return b""

    def _read_register(self, data: bytes) -> bytes:
        if not data or len(data) % 2:
            raise HostSyntaxError
        addresses = (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))
        return bytes(self._register(address) for address in addresses)

    def _register(self, address: int) -> int:
        if address == Register.TX_CONTROL:
            return 0x80 | (0x03 if self.field.rf_on else 0x00)
        return self._registers[address]

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
            self._targets.passive_retries = data[3]
        return b""
