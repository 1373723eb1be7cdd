"""The half-duplex block protocol of ISO/IEC 14443-4 on the reader's side, apart from all input and output.

A command is a generator: it yields the frames to send (without CRC) and is sent what came back, its CRC checked and
taken off, or None for silence and damage alike; it returns the response. Rules are numbered as in the standard's 7.5.

What makes it safe to use for writes: after an error the tag is *asked* (R(NAK), or R(ACK) where the tag was chaining),
and a block is sent again only when the tag answers by its block number that it never had it. A command is so never
executed twice, and never sent again on a guess.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, Self, TypeGuard

FRAME_SIZES: Final = (16, 24, 32, 40, 48, 64, 96, 128, 256)
"""Bytes by FSCI or FSDI (5.2.3), prologue and CRC included; larger ones exist, and nobody here can use them."""

_CARRIER_HZ: Final = 13.56e6
ACTIVATION_WAITING_TIME: Final = 65536 / _CARRIER_HZ  # 5.6.1: for the ATS
_WAITING_UNIT: Final = 4096 / _CARRIER_HZ
_WAITING_MARGIN: Final = 49152 / _CARRIER_HZ  # delta FWT of the NFC Forum's Digital Protocol: the poller waits longer
LONGEST_WAITING_TIME: Final = _WAITING_UNIT * 2**14
_DEFAULT_FSCI: Final = 2
_DEFAULT_FWI: Final = 4
_RFU_INDEX: Final = 15

_RATS: Final = 0xE0
_I_BLOCK: Final = 0x02
_CHAINING: Final = 0x10
_R_ACK: Final = 0xA2
_R_NAK: Final = 0xB2
_S_WTX: Final = 0xF2
_NUMBER: Final = 0x01
_CRC_AND_PCB: Final = 3

RETRIES: Final = 3
"""Asks after one block, before the tag is given up; EMV Contactless Book D gives two."""
WTX_SECONDS: Final = 20.0
"""The most waiting time that a tag is granted for one command; DESFire needs a fraction of a second."""
_WTX_TIMES: Final = 64
_LONGEST_RESPONSE: Final = 258  # to a short APDU, its status included (ISO/IEC 7816-4 5.1)
_BLOCKS: Final = 32
"""Of one response, which in the smallest frames takes 20: a tag may take its waiting time, up to 5 s, for each."""


class IsoDepError(Exception):
    """The tag no longer answers, or not by the protocol. ``silent``: the last thing heard was nothing at all.

    Whether it has executed the command is then unknown.
    """

    def __init__(self, message: str, *, silent: bool) -> None:
        super().__init__(message)
        self.silent = silent


@dataclass(frozen=True, slots=True)
class Ats:
    """Answer to select (5.2): ``frame_size`` FSC in bytes, ``waiting_time`` FWT and ``guard_time`` SFGT in seconds."""

    frame_size: int
    waiting_time: float
    guard_time: float
    historical: bytes

    @classmethod
    def from_bytes(cls, ats: bytes) -> Self:
        """From the length byte on, without CRC. Raises ValueError. Each interface byte may be missing, T0 too."""
        if not ats or ats[0] != len(ats):
            raise ValueError("the length byte of the ATS is not its length")
        if len(ats) == 1:
            return cls(FRAME_SIZES[_DEFAULT_FSCI], _WAITING_UNIT * 2**_DEFAULT_FWI, 0.0, b"")
        fsci, at = min(ats[1] & 0x0F, len(FRAME_SIZES) - 1), 2
        fwi, sfgi = _DEFAULT_FWI, 0
        present = [bool(ats[1] & bit) for bit in (0x10, 0x20, 0x40)]  # TA(1), TB(1), TC(1)
        if len(ats) < at + sum(present):
            raise ValueError("the ATS ends before the interface bytes that its T0 names")
        if present[1]:
            tb = ats[at + present[0]]
            fwi, sfgi = tb >> 4, tb & 0x0F
        if fwi == _RFU_INDEX:
            fwi = _DEFAULT_FWI
        guard = _WAITING_UNIT * 2**sfgi if 0 < sfgi < _RFU_INDEX else 0.0
        return cls(FRAME_SIZES[fsci], _WAITING_UNIT * 2**fwi, guard, ats[at + sum(present) :])


@dataclass(frozen=True, slots=True)
class Block:
    """One frame to send, without CRC; ``secret_from`` is the first byte that no log may show."""

    frame: bytes
    waiting_time: float
    secret_from: int | None = None


def rats(frame_size: int) -> Block:
    """Request for answer to select (5.1): CID 0, and the largest FSD within ``frame_size`` bytes."""
    fsdi = max(index for index, size in enumerate(FRAME_SIZES) if size <= frame_size)
    return Block(bytes((_RATS, fsdi << 4)), ACTIVATION_WAITING_TIME + _WAITING_MARGIN)


Exchange = Generator[Block, bytes | None, bytes]
"""Yields blocks, is sent the answers, returns the response."""


class IsoDep:
    """The protocol with one activated tag. ``frame_size``: the most bytes that the reader can send in one frame.

    After IsoDepError the block numbers of both sides may differ: activate the tag again.
    """

    def __init__(self, ats: Ats, frame_size: int) -> None:
        self._chunk = min(ats.frame_size, frame_size) - _CRC_AND_PCB
        self._waiting = ats.waiting_time
        self._number = 0  # rule A

    def command(self, apdu: bytes, *, visible: int | None = None) -> Exchange:
        """``visible``: how many bytes of ``apdu`` a log may show; None for all."""
        chunks = [apdu[at : at + self._chunk] for at in range(0, len(apdu), self._chunk)]
        talk = _Talk(self._waiting)
        for index, chunk in enumerate(chunks):
            more = index < len(chunks) - 1
            secret_from = None if visible is None else 1 + max(visible - index * self._chunk, 0)
            block = bytes((_I_BLOCK | (_CHAINING if more else 0) | self._number,)) + chunk
            answer = yield from self._send(talk, block, secret_from, acknowledged=more)
            self._number ^= 1  # rule B
        response = bytearray(answer[1:])
        for _ in range(_BLOCKS):
            if not answer[0] & _CHAINING:
                return bytes(response)
            answer = yield from self._acknowledge(talk)
            self._number ^= 1
            response += answer[1:]
            if len(response) > _LONGEST_RESPONSE:
                break
        raise IsoDepError("the response has no end", silent=False)

    def _send(
        self, talk: _Talk, block: bytes, secret_from: int | None, *, acknowledged: bool
    ) -> Generator[Block, bytes | None, bytes]:
        """One I-block until its answer: R(ACK) where it was chained, else the first I-block of the response."""
        current = Block(block, talk.waiting(), secret_from)
        while True:
            answer = yield from talk.hear(current)
            if acknowledged and answer == bytes((_R_ACK | self._number,)):  # rule 7
                talk.errors = 0
                return answer
            if not acknowledged and self._is_information(answer):
                talk.errors = 0
                return answer
            talk.error(answer)
            if answer == bytes((_R_ACK | self._number ^ 1,)):  # rule 6: the tag never had the block
                current = Block(block, talk.waiting(), secret_from)
            else:  # rule 4
                current = Block(bytes((_R_NAK | self._number,)), talk.waiting())

    def _acknowledge(self, talk: _Talk) -> Generator[Block, bytes | None, bytes]:
        """R(ACK) for a chained block until the next one comes (rules 3 and 5)."""
        while True:
            answer = yield from talk.hear(Block(bytes((_R_ACK | self._number,)), talk.waiting()))
            if self._is_information(answer):
                talk.errors = 0
                return answer
            talk.error(answer)

    def _is_information(self, answer: bytes | None) -> TypeGuard[bytes]:
        """An I-block that carries our block number, without CID and NAD, which we never use."""
        return answer is not None and len(answer) > 0 and answer[0] & ~_CHAINING == _I_BLOCK | self._number


class _Talk:
    """What is counted over one command: errors in a row, and the waiting time granted to the tag."""

    def __init__(self, waiting_time: float) -> None:
        self._waiting_time = waiting_time
        self._granted = 0.0
        self._grants = 0
        self.errors = 0

    def waiting(self, factor: int = 1) -> float:
        return min(self._waiting_time * factor, LONGEST_WAITING_TIME) + _WAITING_MARGIN

    def hear(self, block: Block) -> Generator[Block, bytes | None, bytes | None]:
        """The answer to ``block``, every request for more time granted on the way (7.3)."""
        answer = yield block
        while answer is not None and len(answer) == 2 and answer[0] == _S_WTX and 1 <= answer[1] & 0x3F <= 59:
            factor = answer[1] & 0x3F
            waiting = self.waiting(factor)
            self._granted += waiting
            self._grants += 1
            if self._granted > WTX_SECONDS or self._grants > _WTX_TIMES:
                raise IsoDepError("the tag asks for more and more time", silent=False)
            answer = yield Block(bytes((_S_WTX, factor)), waiting)
        return answer

    def error(self, answer: bytes | None) -> None:
        """Count one. Raises IsoDepError after too many."""
        self.errors += 1
        if self.errors > RETRIES:
            raise IsoDepError("no answer that the block protocol allows", silent=answer is None)
