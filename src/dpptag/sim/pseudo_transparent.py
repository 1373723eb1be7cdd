"""The transparent session of a simulated PC/SC reader (supplement 2.02 for contactless cards): FF C2, its objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from dpptag.sim.chip import Nibble, Rf
from dpptag.sim.faults import FaultKind
from dpptag.sim.field import Field

_OK: Final = bytes.fromhex("9000")
_NO_ANSWER: Final = bytes.fromhex("6401")
_BAD_OBJECT: Final = bytes.fromhex("6A80")
_NOT_STARTED: Final = bytes.fromhex("6985")
_NOT_SUPPORTED: Final = bytes.fromhex("6A81")
_WRONG_LENGTH: Final = bytes.fromhex("6700")

_START, _END, _RF_OFF, _RF_ON, _SWITCH = b"\x81", b"\x82", b"\x83", b"\x84", b"\x8f"
_TIMER, _FLAGS, _TRANSCEIVE = b"\x5f\x46", b"\x90", b"\x95"
_STANDARDS: Final = {0x00: Rf.A, 0x02: Rf.V, 0x03: Rf.F}
_PATIENCE_US: Final = 20_000
"""A write of an ISO/IEC 15693 chip takes up to 20 ms (SL2S2602 rev 4.2); a reader of ``late_writes`` waits less."""
_V_WRITES: Final = frozenset({0x21, 0x22, 0x24, 0x27, 0x28, 0x29, 0x2A})


class TransparentSession:
    """Objects in, objects out. An answer is C0 03 (object number, its status), what was received, and 9000."""

    def __init__(self, field: Field, nibbles: bool, late_writes: bool) -> None:
        self.field = field
        self.nibbles = nibbles
        self.late_writes = late_writes
        self.started = False
        self._standard: Rf | None = None
        self._timer_us = 0

    def end(self) -> None:
        self.started = False
        self._standard = None
        self._timer_us = 0

    def command(self, apdu: bytes) -> bytes | None:
        """FF C2 00 P2: manage the session (0), exchange (1), switch the protocol (2)."""
        if len(apdu) < 6 or len(apdu) - 5 - apdu[4] not in (0, 1):
            return _WRONG_LENGTH
        received = b""
        self._timer_us = 0
        number = 0
        try:
            for number, (tag, value) in enumerate(_objects(apdu[5 : 5 + apdu[4]]), 1):
                status, found = self._object(apdu[3], tag, value)
                if status != _OK:
                    return b"\xc0\x03" + bytes((number,)) + status + found + _OK
                received += found
        except ValueError:
            return b"\xc0\x03" + bytes((number + 1,)) + _BAD_OBJECT + _OK
        if self.field.tag is None:
            return b"\xc0\x03" + bytes((number,)) + _NO_ANSWER + _OK
        return b"\xc0\x03\x00" + _OK + received + _OK

    def _object(self, function: int, tag: bytes, value: bytes) -> tuple[bytes, bytes]:
        match function, tag:
            case 0, b"\x81":
                self.started = True
            case 0, b"\x82":
                self.end()
            case 0, b"\x83" if self.started:
                self.field.power(False)
            case 0, b"\x84" if self.started:
                self.field.power(True)
                self._standard = None
            case 2, b"\x8f" if self.started and len(value) == 2 and value[0] in _STANDARDS:
                return self._switch(_STANDARDS[value[0]])
            case 1, b"\x5f\x46" if len(value) == 4:
                self._timer_us = int.from_bytes(value, "little")
            case 1, b"\x90" if len(value) == 2:
                pass  # 0000h: the reader does CRC, parity and protocol itself, as it does without this object
            case 1, b"\x95" if self.started and value:
                return self._transceive(value)
            case _:
                return (_NOT_SUPPORTED if self.started else _NOT_STARTED), b""
        return _OK, b""

    def _switch(self, standard: Rf) -> tuple[bytes, bytes]:
        """Layer 3 selects the card of that standard where there is one."""
        self._standard = standard
        polls: dict[Rf, Callable[[], object]] = {
            Rf.A: self.field.poll,
            Rf.F: self.field.poll_f,
            Rf.V: self.field.inventory,
        }
        return (_OK if polls[standard]() is not None else _NO_ANSWER), b""

    def _transceive(self, frame: bytes) -> tuple[bytes, bytes]:
        chip = self.field.tag
        if chip is None or chip.rf is not self._standard:
            return _NO_ANSWER, b""
        if self._standard is Rf.F:
            if frame[0] != len(frame):
                return _NO_ANSWER, b""
            answer = self.field.exchange(frame[1:])
            answer = bytes((len(answer) + 1,)) + answer if isinstance(answer, bytes) else None
        else:
            answer = self.field.exchange(frame)
        denied = _writes(self._standard, frame) and self.field.faults.due(FaultKind.DENY) is not None
        if answer is None or denied or self.field.tag is None:
            return _NO_ANSWER, b""
        if isinstance(answer, Nibble):
            if not self.nibbles:
                return _NO_ANSWER, b""
            return _OK, bytes((0x92, 1, 4, 0x96, 2, 0, 0, 0x97, 1, answer.value))
        if self._standard is Rf.V and self.late_writes and frame[1] in _V_WRITES and self._timer_us < _PATIENCE_US:
            return _NO_ANSWER, b""
        if self.field.faults.due(FaultKind.NOISE):
            return _OK, bytes((0x92, 1, 0, 0x96, 2, 1, 0, 0x97, len(answer))) + bytes((answer[0] ^ 1,)) + answer[1:]
        length = bytes((len(answer),)) if len(answer) < 0x80 else bytes((0x81, len(answer)))
        return _OK, bytes((0x92, 1, 0, 0x96, 2, 0, 0, 0x97)) + length + answer


def _writes(standard: Rf | None, frame: bytes) -> bool:
    if standard is Rf.V:
        return len(frame) > 1 and frame[1] in _V_WRITES
    return frame[0] == 0xA2 if standard is Rf.A else frame[1:2] == b"\x08"


def _objects(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """BER-TLV with tags of one or two bytes. Raises ValueError where one is cut short."""
    at = 0
    while at < len(data):
        end = at + (2 if data[at] & 0x1F == 0x1F else 1)
        tag = data[at:end]
        if end >= len(data):
            raise ValueError("no length")
        length = data[end]
        end += 1
        if length == 0x81:
            if end >= len(data):
                raise ValueError("no length")
            length = data[end]
            end += 1
        value = data[end : end + length]
        if len(value) != length:
            raise ValueError("cut short")
        yield tag, value
        at = end + length
