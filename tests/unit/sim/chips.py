"""Chips as small as the field's contract allows, for tests of the readers in front of them."""

from collections.abc import Callable
from typing import Any

from dpptag.sim.chip import Answer, Program, Rf, unchanged

UID = bytes.fromhex("04A1B2C3D4E5F6")
IDM = bytes.fromhex("012E000102030405")
PMM = bytes.fromhex("00F1000000014300")
UID_15693 = bytes.fromhex("E004010203040506")


class ApduEcho:
    """An ISO/IEC 14443-4 chip: an APDU comes back with 9000h, class FFh is refused, INS D6h stores its first byte."""

    atqa = 0x0344
    sak = 0x20
    ats = bytes.fromhex("0577818002")
    rf = Rf.A
    kind = "ECHO"

    def __init__(self, uid: bytes = UID) -> None:
        self.uid = uid
        self.changes = 0
        self.stored = b"old!"
        self.program: Program = unchanged
        self._state = "off"

    def power(self, on: bool) -> None:
        if not on or self._state == "off":
            self._state = "idle" if on else "off"

    def select(self) -> bool:
        if self._state != "idle":
            return False
        self._state = "active"
        return True

    def wake(self) -> bool:
        if self._state == "halt":
            self._state = "idle"
        return self.select()

    def exchange(self, frame: bytes) -> Answer:
        if self._state == "active" and frame[:1] == b"\xe0":
            self._state = "protocol"
            return self.ats
        if self._state != "protocol":
            return None
        if frame == b"\xc2":
            self._state = "halt"
            return frame
        if frame[0] & 0x10 or frame == b"\xb2":
            return bytes((0xA2 | frame[0] & 1,))
        answer = self.apdu(frame[1:])
        return None if answer is None else frame[:1] + answer

    def apdu(self, command: bytes) -> bytes | None:
        if self._state != "protocol":
            return None
        if command[:1] == b"\xff":
            return bytes.fromhex("6E00")
        if command[1:2] == b"\xd6":
            self.stored = self.program(0, command[5:9])
            self.changes += 1
        return command + bytes.fromhex("9000")

    def tear(self, execute: Callable[[], object]) -> bool:
        before, program = self.changes, self.program
        self.program = lambda _unit, data: data[:2] + b"\xff\xff"
        execute()
        self.program = program
        return self.changes != before

    def record(self) -> dict[str, Any]:
        return {}


class Felica:
    """Answers a Read of service 000Bh with its stored block, and another service with status FFA6h."""

    rf = Rf.F
    kind = "FELICA-TEST"
    uid = IDM
    pmm = PMM
    changes = 0

    def __init__(self, system_code: int = 0x12FC) -> None:
        self.system_code = system_code
        self._powered = False

    def power(self, on: bool) -> None:
        self._powered = on

    def poll(self, system_code: int, request: int) -> bytes | None:
        if not self._powered or system_code not in (0xFFFF, self.system_code):
            return None
        return IDM + PMM + (self.system_code.to_bytes(2, "big") if request == 1 else b"")

    def exchange(self, frame: bytes) -> Answer:
        if not self._powered or frame[1:9] != IDM:
            return None
        if frame[10:12] != b"\x0b\x00":
            return b"\x07" + IDM + bytes.fromhex("FFA6")
        return b"\x07" + IDM + bytes.fromhex("0000 01") + bytes(range(16))

    def record(self) -> dict[str, Any]:
        return {}


class Vicinity:
    """An ISO/IEC 15693 chip with one block."""

    rf = Rf.V
    kind = "15693-TEST"
    uid = UID_15693
    changes = 0

    def __init__(self) -> None:
        self._powered = False

    def power(self, on: bool) -> None:
        self._powered = on

    def exchange(self, frame: bytes) -> Answer:
        if not self._powered:
            return None
        if frame[0] & 0x04:
            return bytes(2) + self.uid[::-1]
        if frame[0] & 0x20 and frame[2:10] != self.uid[::-1]:
            return None
        return b"\x00abcd"

    def record(self) -> dict[str, Any]:
        return {}
