"""The card's side of ISO/IEC 14443-4: from RATS to DESELECT, blocks in and out, APDUs to the chip behind.

Frames come and go without their checksum. What the standard does not let a card answer is met with silence, so that a
reader's mistake shows: a block before RATS, a frame longer than the card's FSC, a block for another CID, an I-block in
the middle of the card's own chain. An I-block that a reader sends twice, where R(NAK) was due, is executed twice
(rule D).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum, unique
from typing import Any, Final

from dpptag.sim.chip import Answer, Program, Rf, unchanged

# 5.1 table 1: the frame size that FSDI and FSCI stand for, checksum included.
_FRAME_SIZES: Final = (16, 24, 32, 40, 48, 64, 96, 128, 256)
_CRC: Final = 2

_RATS: Final = 0xE0
_PPSS: Final = 0xD0
_HLTA: Final = bytes((0x50, 0x00))


@unique
class Pcb(IntEnum):
    """The bits of a protocol control byte (7.1.1)."""

    I_BLOCK = 0x02
    CHAINING = 0x10
    R_ACK = 0xA2
    R_NAK = 0xB2
    S_DESELECT = 0xC2
    S_WTX = 0xF2
    CID_FOLLOWING = 0x08
    NAD_FOLLOWING = 0x04


@unique
class State(Enum):
    OFF = "off"
    IDLE = "idle"
    ACTIVE = "active"
    PROTOCOL = "protocol"
    HALT = "halt"


def frame_size(index: int) -> int:
    """The frame size in bytes for FSDI or FSCI; an index reserved for later counts as the largest (5.1)."""
    return _FRAME_SIZES[min(index, len(_FRAME_SIZES) - 1)]


class IsoDepChip:
    """A Type A chip with 7-byte UID that speaks ISO/IEC 14443-4; what it does with an APDU is its subclass's.

    ``extensions``: so many S(WTX) requests precede the next answer (7.3), with multiplier ``extension_multiplier``.
    ``program`` is what the cells keep of a write; the unit is numbered as the subclass says.
    """

    sak: Final = 0x20
    rf: Final = Rf.A

    def __init__(self, uid: bytes) -> None:
        if len(uid) != 7:
            raise ValueError("a UID has 7 bytes here")
        self.uid = uid
        self.changes = 0
        self.state = State.OFF
        self.program: Program = unchanged
        self.extensions = 0
        self.extension_multiplier = 1
        self._tearing = self._tore = False
        self._forget_link()

    # What the subclass adds

    @property
    def kind(self) -> str:
        raise NotImplementedError

    @property
    def atqa(self) -> int:
        """NXP's of a chip with a 7-byte UID, where the subclass says no other."""
        return 0x0344

    @property
    def ats(self) -> bytes:
        raise NotImplementedError

    def respond(self, command: bytes) -> bytes:
        """One command APDU, one response APDU."""
        raise NotImplementedError

    def deactivated(self) -> None:
        """Power, a new activation or DESELECT ended the session: forget what was selected and authenticated."""
        raise NotImplementedError

    def record(self) -> dict[str, Any]:
        raise NotImplementedError

    # Activation

    def power(self, on: bool) -> None:
        if not on:
            self.state = State.OFF
            self._forget_link()
            self.deactivated()
        elif self.state is State.OFF:
            self.state = State.IDLE

    def select(self) -> bool:
        """REQA, anticollision, SELECT; False where it does not answer REQA: no power, halted, or in the protocol."""
        if self.state not in (State.IDLE, State.ACTIVE):
            return False
        self.state = State.ACTIVE
        return True

    def wake(self) -> bool:
        """WUPA, anticollision, SELECT: a halted card answers that too."""
        if self.state is State.HALT:
            self.state = State.IDLE
        return self.select()

    def apdu(self, command: bytes) -> bytes | None:
        """An APDU by a reader that runs the block protocol itself; RATS is then taken as given."""
        if self.state is State.ACTIVE:
            self._activate(frame_size(8), 0)
        return self.respond(command) if self.state is State.PROTOCOL else None

    def tear(self, execute: Callable[[], object]) -> bool:
        """What ``execute`` hands over (a block or an APDU) is torn in its last unit; False where it completes no write.

        Commands that write ask :meth:`torn_before`, which notes it here.
        """
        self._tearing, self._tore = True, False
        try:
            execute()
        finally:
            self._tearing = False
        return self._tore

    def torn_before(self) -> bool:
        """Whether the write at hand is torn: asked once before it; what then is kept is the subclass's to say."""
        if self._tearing:
            self._tore = True
        return self._tearing

    # Blocks

    def exchange(self, frame: bytes) -> Answer:
        match self.state:
            case State.ACTIVE:
                return self._before_protocol(frame)
            case State.PROTOCOL:
                return self._block(frame) if 0 < len(frame) <= self._fsc - _CRC else None
            case _:
                return None

    def _before_protocol(self, frame: bytes) -> Answer:
        if len(frame) == 2 and frame[0] == _RATS and frame[1] & 0x0F != 0x0F:
            self._activate(frame_size(frame[1] >> 4), frame[1] & 0x0F)
            self._pps_allowed = True
            return self.ats
        # ISO/IEC 14443-3 6.4: HLTA halts, anything else not known in ACTIVE leads back to IDLE.
        self.state = State.HALT if frame == _HLTA else State.IDLE
        return None

    def _activate(self, fsd: int, cid: int) -> None:
        self.deactivated()
        self._forget_link()
        self.state = State.PROTOCOL
        self._fsd, self._cid = fsd, cid

    def _forget_link(self) -> None:
        self._fsd, self._cid = frame_size(0), 0
        self._number = 1  # rule C
        self._received = b""
        self._receiving = False
        self._to_send = b""
        self._sending = False
        self._last: bytes | None = None
        self._awaiting_extension: bytes | None = None
        self._pps_allowed = False

    @property
    def _fsc(self) -> int:
        return frame_size(self.ats[1] & 0x0F) if len(self.ats) > 1 else 32

    @property
    def _interface_bytes(self) -> tuple[int | None, int | None, int | None]:
        """TA(1), TB(1), TC(1) of the ATS, None where absent (5.2.3)."""
        position, found = 2, []
        for bit in (0x10, 0x20, 0x40):
            present = len(self.ats) > 1 and self.ats[1] & bit
            found.append(self.ats[position] if present else None)
            position += 1 if present else 0
        return found[0], found[1], found[2]

    @property
    def _supports_cid(self) -> bool:
        tc = self._interface_bytes[2]
        return tc is None or bool(tc & 0x02)  # 5.2.6: without TC(1) CID is supported

    def _block(self, frame: bytes) -> bytes | None:
        if self._pps_allowed and frame[0] & 0xF0 == _PPSS:
            return self._pps(frame)
        pcb = frame[0]
        has_cid = bool(pcb & Pcb.CID_FOLLOWING)
        body = frame[1:]
        if has_cid:
            if not self._supports_cid or not body or body[0] != self._cid:
                return None
            body = body[1:]
        elif self._cid:
            return None  # 7.1.2: a block without CID is for the card with CID 0 alone
        kind = pcb & ~Pcb.CID_FOLLOWING
        self._pps_allowed = False
        if kind & 0xE2 == Pcb.I_BLOCK:
            if kind & Pcb.NAD_FOLLOWING:
                return None  # NAD is not announced in the ATS
            return self._i_block(bool(kind & Pcb.CHAINING), body, has_cid)
        if kind & 0xFE == Pcb.R_ACK and not body:
            return self._r_ack(kind & 1, has_cid)
        if kind & 0xFE == Pcb.R_NAK and not body:
            return self._r_nak(kind & 1, has_cid)
        if kind == Pcb.S_DESELECT and not body:
            self.state = State.HALT
            self._forget_link()
            self.deactivated()
            return frame
        if kind == Pcb.S_WTX and self._awaiting_extension is not None and body == bytes((self.extension_multiplier,)):
            waiting, self._awaiting_extension = self._awaiting_extension, None
            return self._extended(waiting, has_cid)
        return None

    def _pps(self, frame: bytes) -> bytes | None:
        """Table 5: PPSS, PPS0 with bit 5 for PPS1; the rates must be those of TA(1). The rate is not modelled."""
        if frame[0] & 0x0F != self._cid or len(frame) < 2 or frame[1] not in (0x01, 0x11):
            return None
        if len(frame) != (3 if frame[1] == 0x11 else 2):
            return None
        rates = frame[2] if frame[1] == 0x11 else 0
        offered = self._interface_bytes[0] or 0
        receive, send = rates & 0x03, rates >> 2 & 0x03
        if rates & 0xF0 or (receive and not offered >> (receive - 1) & 1) or (send and not offered >> (send + 3) & 1):
            return None
        if offered & 0x80 and receive != send:
            return None
        self._pps_allowed = False
        return frame[:1]

    def _i_block(self, chaining: bool, body: bytes, has_cid: bool) -> bytes | None:
        if self._sending or self._awaiting_extension is not None:
            return None
        self._number ^= 1  # rule D
        self._received += body
        self._receiving = chaining
        if chaining:
            return self._sent(bytes((Pcb.R_ACK | self._number,)), has_cid)
        command, self._received = self._received, b""
        return self._extended(self.respond(command) if command else b"", has_cid)

    def _extended(self, response: bytes, has_cid: bool) -> bytes:
        """The response, after as many S(WTX) requests as were ordered (rule 9)."""
        if self.extensions:
            self.extensions -= 1
            self._awaiting_extension = response
            return self._sent(bytes((Pcb.S_WTX,)), has_cid, bytes((self.extension_multiplier,)))
        self._to_send = response
        return self._next_piece(has_cid)

    def _next_piece(self, has_cid: bool) -> bytes:
        room = self._fsd - _CRC - (2 if has_cid else 1)
        piece, self._to_send = self._to_send[:room], self._to_send[room:]
        self._sending = bool(self._to_send)
        pcb = Pcb.I_BLOCK | self._number | (Pcb.CHAINING if self._sending else 0)
        return self._sent(bytes((pcb,)), has_cid, piece)

    def _sent(self, pcb: bytes, has_cid: bool, body: bytes = b"") -> bytes:
        if has_cid:
            pcb = bytes((pcb[0] | Pcb.CID_FOLLOWING, self._cid))
        self._last = pcb + body
        return self._last

    def _r_ack(self, number: int, has_cid: bool) -> bytes | None:
        if number == self._number:
            return self._last  # rule 11
        if not self._sending:
            return None
        self._number ^= 1  # rule E
        return self._next_piece(has_cid)  # rule 13

    def _r_nak(self, number: int, has_cid: bool) -> bytes | None:
        if number == self._number:
            return self._last  # rule 11
        answer = bytes((Pcb.R_ACK | self._number,))  # rule 12; it does not take the place of the last I-block
        return bytes((answer[0] | Pcb.CID_FOLLOWING, self._cid)) if has_cid else answer
