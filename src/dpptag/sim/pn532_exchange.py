"""Data between the host of the simulated PN532 and a tag: InCommunicateThru and InDataExchange.

InCommunicateThru sends what it is given: registers CIU_TxMode and CIU_RxMode decide, as in the chip, which framing,
speed and CRC it has. A frame that is not Type A at 106 kbit/s reaches no Type A tag, and a 4-bit answer under receive
CRC is status 02h. Of FeliCa frames the length byte is the host's (UM0701-02 section 7.3.9).

InDataExchange knows what it talks to: the APDU of an ISO/IEC 14443-4 target whole, or in parts by the bit MI; the
frame of a FeliCa target; of the rest the commands of MIFARE cards (section 7.3.8).
"""

from __future__ import annotations

from typing import Final

from dpptag.sim.chip import ACK, NAK_CRC, Answer, Nibble, Rf
from dpptag.sim.crc import crc_a, crc_f
from dpptag.sim.faults import FaultKind
from dpptag.sim.field import Field
from dpptag.sim.pn532_codes import CRC_ENABLE, MORE, HostSyntaxError, Register, Registers, Status
from dpptag.sim.pn532_targets import Targets
from dpptag.sim.type2 import Command

_DATA_MAX: Final = 262  # DataIn of one answer


class Exchange:
    """Both commands; what of an APDU is on its way is kept between them."""

    def __init__(self, field: Field, registers: Registers, targets: Targets) -> None:
        self._field = field
        self._registers = registers
        self._targets = targets
        self._apdu = b""
        self._rest = b""

    def forget(self) -> None:
        """Parts of an APDU or of its answer are void: another command came between."""
        self._apdu = self._rest = b""

    # InCommunicateThru

    def communicate_thru(self, data: bytes) -> bytes:
        mode = self._registers.mode
        if not self._field.rf_on or mode is None:
            return bytes((Status.TIMEOUT,))
        rf, kbit = mode
        answer = self._sent_f(data, kbit) if rf is Rf.F else self._sent_a(data)
        if answer is None:
            return bytes((Status.TIMEOUT,))
        rx_crc = bool(self._registers[Register.RX_MODE] & CRC_ENABLE)
        if isinstance(answer, Nibble):
            return bytes((Status.CRC,)) if rx_crc else bytes((Status.OK, answer.value))
        checksum = crc_f if rf is Rf.F else crc_a
        on_air = answer + checksum(answer)
        if self._field.faults.due(FaultKind.NOISE):
            on_air = bytes((on_air[0] ^ 0x01,)) + on_air[1:]
        if not rx_crc:
            return bytes((Status.OK,)) + on_air
        whole = checksum(on_air[:-2]) == on_air[-2:]
        return bytes((Status.OK,)) + on_air[:-2] if whole else bytes((Status.CRC,))

    def _sent_a(self, data: bytes) -> Answer:
        if self._registers[Register.TX_MODE] & CRC_ENABLE:
            return self._field.exchange(data, Rf.A)
        if len(data) >= 2 and crc_a(data[:-2]) == data[-2:]:
            return self._field.exchange(data[:-2], Rf.A)
        # A Type 2 chip answers a frame whose CRC is wrong by NAK 1h, and is mute from then on.
        return NAK_CRC if isinstance(self._field.exchange(b"\xff", Rf.A), Nibble) else None

    def _sent_f(self, data: bytes, kbit: int) -> bytes | None:
        """A frame with a wrong length byte or CRC is not answered by any FeliCa chip."""
        if not self._registers[Register.TX_MODE] & CRC_ENABLE:
            if len(data) < 2 or crc_f(data[:-2]) != data[-2:]:
                return None
            data = data[:-2]
        return self._felica(data, kbit)

    def _felica(self, frame: bytes, kbit: int) -> bytes | None:
        if len(frame) < 2 or frame[0] != len(frame):
            return None
        answer = self._field.exchange(frame[1:], Rf.F, kbit=kbit)
        return bytes((len(answer) + 1,)) + answer if isinstance(answer, bytes) else None

    # InDataExchange

    def data_exchange(self, data: bytes) -> bytes:
        if not data:
            raise HostSyntaxError
        target = self._targets[data[0] & 0x3F]
        if target is None or target.deselected:
            return bytes((Status.CONTEXT,))
        if target.iso_dep:
            return self._iso_dep(data[1:], more=bool(data[0] & MORE))
        if target.chip.rf is Rf.F:
            answer = self._felica(data[1:], 106 << target.speed)
            return bytes((Status.TIMEOUT,)) if answer is None else bytes((Status.OK,)) + answer
        return self._mifare(data[1:])

    def _iso_dep(self, part: bytes, *, more: bool) -> bytes:
        """An APDU, or the next part of one; without data the rest of an answer longer than 262 bytes."""
        if self._rest and not part:
            return self._delivered(self._rest)
        self._rest = b""
        self._apdu += part
        if more:
            return bytes((Status.OK,))
        command, self._apdu = self._apdu, b""
        answer = self._field.apdu(command) if command else None
        return bytes((Status.TIMEOUT,)) if answer is None else self._delivered(answer)

    def _delivered(self, answer: bytes) -> bytes:
        self._rest = answer[_DATA_MAX:]
        return bytes((Status.OK | (MORE if self._rest else 0),)) + answer[:_DATA_MAX]

    def _mifare(self, frame: bytes) -> bytes:
        """READ, WRITE and the 16-byte COMPATIBILITY_WRITE. Whether the firmware passes other tag commands is not known
        (60h it takes for MIFARE authentication): they are refused here, so that no driver comes to rely on them.
        """
        match list(frame):
            case []:
                return bytes((Status.TIMEOUT,))
            case [Command.READ, _]:
                answer = self._field.exchange(frame, Rf.A)
                if answer is None:
                    return bytes((Status.TIMEOUT,))
                return bytes((Status.REFUSED,)) if isinstance(answer, Nibble) else bytes((Status.OK,)) + answer
            case [Command.WRITE, _, _, _, _, _]:
                return self._acknowledged(frame)
            case [Command.COMPATIBILITY_WRITE, _, *rest] if len(rest) == 16:
                first = self._acknowledged(frame[:2])
                return first if first[0] else self._acknowledged(frame[2:])
            case _:
                return bytes((Status.CONTEXT,))

    def _acknowledged(self, frame: bytes) -> bytes:
        answer = self._field.exchange(frame, Rf.A)
        if answer is None:
            return bytes((Status.TIMEOUT,))
        return bytes((Status.OK if answer == ACK else Status.REFUSED,))
