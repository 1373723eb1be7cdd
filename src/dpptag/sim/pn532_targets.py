"""The targets of the simulated PN532: how it finds them, and which it knows (UM0701-02 sections 7.3.5 to 7.3.13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpptag.sim.chip import Chip, Rf
from dpptag.sim.field import Field
from dpptag.sim.pn532_codes import FOREVER, HostSyntaxError, Register, Registers, Status

_FRAMING: Final = (0x00, 0x12, 0x22, 0x03, 0x00)  # of BrTy: 106 A, FeliCa 212, FeliCa 424, 106 B, Jewel
_TYPE_A: Final = 0x00
_FELICA: Final = (0x01, 0x02)
_REQA: Final = 0x26
_CASCADE_TAG: Final = 0x88
_ISO_DEP: Final = 0x20
_RATS: Final = bytes.fromhex("E050")  # 64-byte frames, CID 0
_DESELECT: Final = b"\xc2"
_R_NAK: Final = b"\xb2"
_POLL_RESPONSE: Final = 0x01
_POLL_BYTES: Final = 5

# InAutoPoll: target types by what they find (section 7.3.13). Types 00h to 02h are the general ones.
_POLL_A_ANY: Final = 0x00
_POLL_A_PLAIN: Final = 0x10
_POLL_A_ISO_DEP: Final = 0x20
_POLL_F: Final = {0x01: 1, 0x11: 1, 0x02: 2, 0x12: 2}
_ANY_SYSTEM: Final = bytes.fromhex("00FFFF0000")


@dataclass(slots=True)
class Target:
    """``iso_dep``: RATS was answered, so that InDataExchange carries APDUs. ``speed`` is BrTy's, 0 to 2."""

    chip: Chip
    speed: int = 0
    iso_dep: bool = False
    deselected: bool = False


class Targets:
    """``automatic_rats`` is bit 4 of SetParameters, set at power-up; ``passive_retries`` of RFConfiguration 05h."""

    def __init__(self, field: Field, registers: Registers) -> None:
        self.automatic_rats = True
        self.passive_retries = FOREVER
        self._field = field
        self._registers = registers
        self._known: dict[int, Target] = {}

    def __getitem__(self, number: int) -> Target | None:
        return self._known.get(number)

    def clear(self) -> None:
        self._known.clear()

    @property
    def status(self) -> bytes:
        """Count, then number, both speeds and modulation type of each (GetGeneralStatus, section 7.2.3)."""
        listed = [
            bytes((number, target.speed, target.speed, 0x10 if target.chip.rf is Rf.F else 0x00))
            for number, target in self._known.items()
        ]
        return bytes((len(listed),)) + b"".join(listed)

    # Finding

    def list_passive(self, data: bytes) -> bytes | None:
        """InListPassiveTarget; None where the chip would poll on until the host's ACK."""
        if len(data) < 2 or not 1 <= data[0] <= 2 or data[1] >= len(_FRAMING):
            raise HostSyntaxError
        kind, initiator = data[1], data[2:]
        if kind in _FELICA and (len(initiator) != _POLL_BYTES or initiator[0] != 0x00):
            raise HostSyntaxError
        self._registers.set_mode(_FRAMING[kind])
        self._known.clear()

        def poll() -> bytes | None:
            found = self._poll(kind, initiator)
            return None if found is None else b"\x01" + found

        if (answer := poll()) is not None:
            return answer
        # With endless retries the chip polls on until a tag comes or the host sends ACK. Time stands still here, so one
        # more poll says whether a tag will come at all.
        return poll() if self.passive_retries == FOREVER else b"\x00"

    def auto_poll(self, data: bytes) -> bytes | None:
        """InAutoPoll: Type A and FeliCa types; others find nothing, as none of them is ever in this field."""
        if len(data) < 3 or data[0] == 0:
            raise HostSyntaxError
        self._known.clear()
        for _ in range(2 if data[0] == FOREVER else data[0]):
            for kind in data[2:]:
                if (found := self._auto_poll_once(kind)) is not None:
                    return bytes((1, kind, len(found))) + found
        return None if data[0] == FOREVER else b"\x00"

    def _auto_poll_once(self, kind: int) -> bytes | None:
        if kind in _POLL_F:
            self._registers.set_mode(_FRAMING[_POLL_F[kind]])
            return self._poll(_POLL_F[kind], _ANY_SYSTEM)
        self._registers.set_mode(_FRAMING[_TYPE_A])
        if kind not in (_POLL_A_ANY, _POLL_A_PLAIN, _POLL_A_ISO_DEP):
            self._field.power(True)
            return None
        found = self._poll(_TYPE_A, b"")
        if found is None or kind == _POLL_A_ANY:
            return found
        is_iso_dep = bool(found[3] & _ISO_DEP)
        if is_iso_dep == (kind == _POLL_A_ISO_DEP):
            return found
        # The next type asked for must find it again: the field is off between two types (from memory).
        self._known.clear()
        self._field.power(False)
        return None

    def _poll(self, kind: int, initiator: bytes) -> bytes | None:
        if kind == _TYPE_A:
            return self._poll_type_a(initiator)
        if kind in _FELICA:
            return self._poll_felica(kind, initiator)
        self._field.power(True)
        return None

    def _poll_type_a(self, uid: bytes) -> bytes | None:
        self._registers[Register.FIFO_DATA] = _REQA
        tag = self._field.poll(_without_cascade_tags(uid))
        if tag is None:
            return None
        self._registers[Register.FIFO_DATA] = tag.sak
        target = Target(tag)
        ats = b""
        if self.automatic_rats and tag.sak & _ISO_DEP:
            answer = self._rats()
            if answer is None:  # from memory: a target that does not answer RATS is not listed
                return None
            ats, target.iso_dep = answer, True
        self._known[1] = target
        return b"\x01" + tag.atqa.to_bytes(2, "big") + bytes((tag.sak, len(tag.uid))) + tag.uid + ats

    def _rats(self) -> bytes | None:
        answer = self._field.exchange(_RATS, Rf.A)
        return answer if isinstance(answer, bytes) else None

    def _poll_felica(self, kind: int, request: bytes) -> bytes | None:
        """POL_RES: length, response code 01h, IDm, PMm and, where asked for, the system code."""
        found = self._field.poll_f(int.from_bytes(request[1:3], "big"), request[3])
        if found is None:
            return None
        tag, answer = found
        self._known[1] = Target(tag, speed=kind)
        return bytes((1, len(answer) + 2, _POLL_RESPONSE)) + answer

    def is_present(self) -> bool:
        """R(NAK) to the ISO/IEC 14443-4 target, as Diagnose 06h asks; other targets cannot be asked so."""
        target = self._known.get(1)
        if target is None or not target.iso_dep or target.deselected:
            return False
        return self._field.exchange(_R_NAK, Rf.A) is not None

    # Leaving and coming back

    def deselect(self, data: bytes) -> bytes:
        """InDeselect: S(DESELECT) to an ISO/IEC 14443-4 target; others are only noted."""
        for target in self._named(data):
            if target.iso_dep and not target.deselected:
                self._field.exchange(_DESELECT, Rf.A)
                target.deselected = True
        return self._outcome(data)

    def release(self, data: bytes) -> bytes:
        """InRelease: the same, and the targets are forgotten."""
        self.deselect(data)
        answer = self._outcome(data)
        self._known.clear()
        return answer

    def select(self, data: bytes) -> bytes:
        """InSelect: wakes a deselected target and activates it as before."""
        for target in self._named(data):
            if target.deselected:
                woken = self._field.poll(target.chip.uid)
                if woken is None or (target.iso_dep and self._rats() is None):
                    return bytes((Status.TIMEOUT,))
                target.deselected = False
        return self._outcome(data)

    def _named(self, data: bytes) -> list[Target]:
        """Target 0 means all."""
        if len(data) != 1:
            raise HostSyntaxError
        return [target for number, target in self._known.items() if data[0] in (0, number)]

    def _outcome(self, data: bytes) -> bytes:
        """A number never given out is out of context."""
        return bytes((Status.OK if data[0] == 0 or data[0] in self._known else Status.CONTEXT,))


def _without_cascade_tags(uid: bytes) -> bytes:
    """The UID of InitiatorData: 7 and 10 bytes have a cascade tag before each level but the last (section 7.3.5)."""
    if len(uid) == 8 and uid[0] == _CASCADE_TAG:
        return uid[1:]
    if len(uid) == 12 and uid[0] == uid[4] == _CASCADE_TAG:
        return uid[1:4] + uid[5:]
    return uid
