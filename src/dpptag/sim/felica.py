"""Simulated FeliCa Lite-S (RC-S966) and FeliCa Lite (RC-S965), frame in, answer out (JIS X 6319-4).

A frame is the command from its code on, without length byte and CRC; an answer likewise. Known are Polling (00h), Read
Without Encryption (06h, service 000Bh or 0009h, up to 4 blocks) and Write Without Encryption (08h, service 0009h, one
block); like the chip, it is silent to everything else.

Of the memory configuration block MC (88h) the user's manual (Sony M802) says, as SATO's CL6NX manual p.497 and wikis on
the chip repeat it: bytes 0-1 give one bit to each of S_PAD0 to S_PAD13 and REG (1 writable, 0 for ever read-only) and
bit 15 to these bytes themselves; byte 2, MC_ALL, is FFh while the system blocks may be written; byte 3, SYS_OP, is 01h
where the chip answers the NDEF system code. A cleared bit never comes back. Where the sources leave open when a new MC
acts, the stricter side is taken: at the next power-up, and until then it reads as before.

The message authentication codes (blocks MAC, MAC_A) are left out: they need Triple DES, and no NDEF reader asks for
them. Reading them answers B2h, "RC was not written".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Any, Final

from dpptag.sim.chip import Kind, Program, Rf, unchanged

BLOCK: Final = 16
WILDCARD: Final = 0xFF
SYSTEM_LITE: Final = 0x88B4
SYSTEM_NDEF: Final = 0x12FC

_SERVICE_READ: Final = 0x000B
_SERVICE_WRITE: Final = 0x0009
_READ_MAX: Final = 4
_WRITE_COUNTER_END: Final = 0xFFFFFF


@unique
class Command(IntEnum):
    """JIS X 6319-4 command codes; a response has the code after it."""

    POLLING = 0x00
    READ = 0x06
    WRITE = 0x08


@unique
class Block(IntEnum):
    """Block numbers; S_PAD0 to S_PAD13 are 00h to 0Dh."""

    REG = 0x0E
    RC = 0x80
    MAC = 0x81
    ID = 0x82
    D_ID = 0x83
    SER_C = 0x84
    SYS_C = 0x85
    CKV = 0x86
    CK = 0x87
    MC = 0x88
    WCNT = 0x90
    MAC_A = 0x91
    STATE = 0x92
    CRC_CHECK = 0xA0


@unique
class Status(IntEnum):
    """Status flag 2; flag 1 is FFh, or has the bit of the block in the list that is at fault."""

    SERVICE_COUNT = 0xA1
    BLOCK_COUNT = 0xA2
    SERVICE_ORDER = 0xA3
    SERVICE_CODE = 0xA6
    ACCESS_MODE = 0xA7
    BLOCK_NUMBER = 0xA8
    NO_AUTHENTICATION = 0xB1
    NO_CHALLENGE = 0xB2


@dataclass(frozen=True, slots=True)
class Model:
    """``ic_code`` is PMm byte 1; ``secure`` has the blocks and MC bytes that only Lite-S knows."""

    name: str
    pmm: bytes
    secure: bool


LITE_S: Final = Model("FELICA-LITE-S", bytes.fromhex("00F1000000014300"), secure=True)
LITE: Final = Model("FELICA-LITE", bytes.fromhex("00F0000002060300"), secure=False)

_USER_BLOCKS: Final = 14
_SECURE_ONLY: Final = frozenset({Block.WCNT, Block.MAC_A, Block.STATE, Block.CRC_CHECK})
_NEVER_WRITTEN: Final = frozenset({Block.MAC, Block.D_ID, Block.SYS_C, Block.WCNT, Block.MAC_A, Block.CRC_CHECK})
_SYSTEM: Final = frozenset({Block.ID, Block.SER_C, Block.CKV, Block.CK})
_STORED: Final = (*range(_USER_BLOCKS), Block.REG, Block.ID, Block.SER_C, Block.CKV, Block.CK, Block.MC)

MC_DELIVERED: Final = bytes.fromhex("FFFFFF00070000000000000000000000")
MC_NDEF: Final = bytes.fromhex("FFFFFF01070000000000000000000000")
ATTRIBUTE_EMPTY: Final = bytes.fromhex("100401000D0000000000010000000023")
"""Version 1.0, 4 blocks a read, 1 a write, 13 blocks, free to write, no message; the sum of the first 14 bytes."""


def delivered_blocks(uid: bytes) -> dict[int, bytes]:
    """As it leaves the factory: user blocks zero, card key zero, MC all writable, no NDEF."""
    blocks = dict.fromkeys(_STORED, bytes(BLOCK))
    blocks[Block.REG] = b"\xff" * BLOCK
    blocks[Block.ID] = uid + bytes(8)
    blocks[Block.SER_C] = bytes.fromhex("0900") + bytes(14)
    blocks[Block.MC] = MC_DELIVERED
    return blocks


def ndef_blocks(uid: bytes) -> dict[int, bytes]:
    """NDEF formatted and empty, still open: SYS_OP set, attribute block of 13 blocks, one block a write."""
    return delivered_blocks(uid) | {0: ATTRIBUTE_EMPTY, Block.MC: MC_NDEF}


class FelicaLite:
    """One chip. ``blocks`` is its memory, ``program`` what the cells keep of a write (a worn cell, a torn write)."""

    rf: Final = Rf.F

    def __init__(
        self, model: Model, uid: bytes, blocks: Mapping[int, bytes] | None = None, *, writes: int = 0, kind: str = ""
    ) -> None:
        if len(uid) != 8:
            raise ValueError("an IDm has 8 bytes")
        self.model = model
        self.uid = uid
        self.kind = kind or model.name
        self.blocks = dict(blocks) if blocks is not None else delivered_blocks(uid)
        if set(self.blocks) != set(_STORED) or any(len(data) != BLOCK for data in self.blocks.values()):
            raise ValueError(f"{model.name} keeps {len(_STORED)} blocks of {BLOCK} bytes")
        self.writes = writes
        self.program: Program = unchanged
        self.changes = 0
        self._powered = False
        self._mc = self.blocks[Block.MC]
        self._state = bytes(BLOCK)

    @property
    def pmm(self) -> bytes:
        return self.model.pmm

    @property
    def is_ndef(self) -> bool:
        """SYS_OP as it acts now."""
        return self._mc[3] == 0x01

    def power(self, on: bool) -> None:
        """Field on or off. Power-up puts a new MC into force and forgets RC and STATE."""
        if on and not self._powered:
            self._mc = self.blocks[Block.MC]
            self._state = bytes(BLOCK)
        self._powered = on

    def poll(self, system_code: int, request: int) -> bytes | None:
        """Polling: a wildcard or 88B4h is answered with 88B4h, 12FCh only where SYS_OP is set."""
        if not self._powered:
            return None
        if self.is_ndef and system_code == SYSTEM_NDEF:
            system = SYSTEM_NDEF
        elif all(
            asked in (WILDCARD, own)
            for asked, own in zip(system_code.to_bytes(2, "big"), SYSTEM_LITE.to_bytes(2, "big"), strict=True)
        ):
            system = SYSTEM_LITE
        else:
            return None
        return self.uid + self.pmm + (system.to_bytes(2, "big") if request == 0x01 else b"")

    def exchange(self, frame: bytes) -> bytes | None:
        if not self._powered or not frame:
            return None
        if frame[0] == Command.POLLING and len(frame) == 5:
            answer = self.poll(int.from_bytes(frame[1:3], "big"), frame[3])
            return None if answer is None else b"\x01" + answer
        if frame[0] not in (Command.READ, Command.WRITE) or frame[1:9] != self.uid or len(frame) < 11:
            return None
        command = _Parsed.of(frame)
        if command is None:
            return None
        answer = self._read(command) if frame[0] == Command.READ else self._write(command)
        return bytes((frame[0] + 1,)) + self.uid + answer

    def tear(self, execute: Callable[[], object]) -> bool:
        torn: list[int] = []

        def half(block: int, data: bytes) -> bytes:
            torn.append(block)
            return data[: BLOCK // 2] + bytes(BLOCK // 2)

        program, self.program = self.program, half
        try:
            execute()
        finally:
            self.program = program
        return bool(torn)

    def fade(self, unit: int) -> None:
        data = self.blocks[unit]
        self.blocks[unit] = bytes((data[0] ^ 0x01,)) + data[1:]
        self.changes += 1

    def record(self) -> dict[str, Any]:
        blocks = {f"{number:02X}": data.hex().upper() for number, data in self.blocks.items()}
        return {"blocks": blocks, "writes": self.writes}

    # Reading

    def _read(self, command: _Parsed) -> bytes:
        fault = command.fault(read=True)
        if fault is not None:
            return fault
        parts: list[bytes] = []
        for index, number in enumerate(command.blocks):
            if command.service == _SERVICE_WRITE and self._is_read_only(number):
                return _fault(index, Status.BLOCK_NUMBER)
            if not self._exists(number):
                return _fault(index, Status.BLOCK_NUMBER)
            if number in (Block.MAC, Block.MAC_A):
                return _fault(index, Status.NO_CHALLENGE)
            if self._restricted(6, number):
                return _fault(index, Status.NO_AUTHENTICATION)
            parts.append(self._visible(number))
        return bytes((0, 0, len(parts))) + b"".join(parts)

    def _exists(self, number: int) -> bool:
        if number not in (*range(_USER_BLOCKS), *Block):
            return False
        return self.model.secure or number not in _SECURE_ONLY

    def _visible(self, number: int) -> bytes:
        """What a reader sees; RC and CK read as zeros."""
        if number in (Block.RC, Block.CK, Block.CRC_CHECK):
            return bytes(BLOCK)
        if number == Block.MC:
            return self._mc
        if number == Block.D_ID:
            return self.uid + self.pmm
        if number == Block.SYS_C:
            codes = (SYSTEM_LITE, SYSTEM_NDEF) if self.is_ndef else (SYSTEM_LITE,)
            return b"".join(code.to_bytes(2, "big") for code in codes).ljust(BLOCK, b"\0")
        if number == Block.WCNT:
            return self.writes.to_bytes(3, "little").ljust(BLOCK, b"\0")
        if number == Block.STATE:
            return self._state
        return self.blocks[number]

    # Writing

    def _write(self, command: _Parsed) -> bytes:
        fault = command.fault(read=False)
        if fault is not None:
            return fault
        if len(command.blocks) == 2:
            # The second block can only be MAC_A, and no challenge was ever taken.
            return _fault(1, Status.NO_CHALLENGE if command.blocks[1] == Block.MAC_A else Status.BLOCK_NUMBER)
        if len(command.blocks) != 1:
            return bytes((0xFF, Status.BLOCK_COUNT))
        number = command.blocks[0]
        if not self._exists(number) or self._is_read_only(number) or self._restricted(10, number):
            return _fault(0, Status.BLOCK_NUMBER)
        if self._restricted(8, number):
            return _fault(0, Status.NO_AUTHENTICATION)
        if number == Block.RC:
            return b"\0\0"
        if number == Block.STATE:
            self._state = command.data
            return b"\0\0"
        self._store(number, command.data)
        return b"\0\0"

    def _is_read_only(self, number: int) -> bool:
        if number <= Block.REG:
            return not int.from_bytes(self._mc[:2], "little") >> number & 1
        if number in _SYSTEM:
            return self._mc[2] == 0x00
        return number in _NEVER_WRITTEN

    def _restricted(self, at: int, number: int) -> bool:
        """Whether MC bytes ``at`` (6 read, 8 write after authentication, 10 write with MAC) hold back a user block."""
        bits = int.from_bytes(self._mc[at : at + 2], "little")
        return self.model.secure and number <= Block.REG and bool(bits >> number & 1)

    def _store(self, number: int, data: bytes) -> None:
        old = self.blocks[number]
        if number == Block.MC:
            data = self._configuration_after(self.program(number, data))
        elif number == Block.REG:
            data = self.program(number, _counted_down(old, data))
        elif number == Block.ID:
            data = self.uid + self.program(number, data)[8:]
        else:
            data = self.program(number, data)
        self.blocks[number] = data
        self.writes = min(self.writes + 1, _WRITE_COUNTER_END)
        self.changes += 1

    def _configuration_after(self, data: bytes) -> bytes:
        """MC after a write: cleared write bits stay cleared, set restrictions stay set, bytes 2-5 need MC_ALL."""
        new = bytearray(self.blocks[Block.MC])
        if new[1] & 0x80:
            for at in range(2):
                new[at] &= data[at]
            if self.model.secure:
                for at in range(6, 13):
                    new[at] |= data[at]
        if self.blocks[Block.MC][2] == 0xFF:
            new[2:6] = data[2:6]
        return bytes(new)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A read or write as it came: service count, first service, block list, block data."""

    services: int
    service: int
    blocks: tuple[int, ...]
    modes: tuple[int, ...]
    orders: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, frame: bytes) -> _Parsed | None:
        """None where the length does not fit the counts: the chip is silent then."""
        services = frame[9]
        at = 10 + 2 * services
        if services == 0 or len(frame) <= at:
            return None
        service = int.from_bytes(frame[10:12], "little")
        count = frame[at]
        at += 1
        blocks: list[int] = []
        modes: list[int] = []
        orders: list[int] = []
        for _ in range(count):
            size = 2 if frame[at : at + 1] and frame[at] & 0x80 else 3
            element = frame[at : at + size]
            if len(element) < size:
                return None
            blocks.append(int.from_bytes(element[1:], "little"))
            modes.append(element[0] >> 4 & 0x07)
            orders.append(element[0] & 0x0F)
            at += size
        data = frame[at:]
        wanted = BLOCK * count if frame[0] == Command.WRITE else 0
        if len(data) != wanted:
            return None
        return cls(services, service, tuple(blocks), tuple(modes), tuple(orders), data)

    def fault(self, *, read: bool) -> bytes | None:
        if self.services != 1:
            return bytes((0xFF, Status.SERVICE_COUNT))
        if not 1 <= len(self.blocks) <= (_READ_MAX if read else 2):
            return bytes((0xFF, Status.BLOCK_COUNT))
        if self.service != _SERVICE_WRITE and not (read and self.service == _SERVICE_READ):
            return bytes((0x01, Status.SERVICE_CODE))
        for index in range(len(self.blocks)):
            if self.orders[index]:
                return _fault(index, Status.SERVICE_ORDER)
            if self.modes[index]:
                return _fault(index, Status.ACCESS_MODE)
        return None


def _fault(index: int, status: Status) -> bytes:
    return bytes((1 << index, status))


def _counted_down(old: bytes, new: bytes) -> bytes:
    """REG: two counters, low byte first, that only fall, and 8 bytes that follow where neither rises."""
    parts = [bytes(old[at : at + 4]) for at in (0, 4)]
    falls = [int.from_bytes(new[at : at + 4], "little") <= int.from_bytes(old[at : at + 4], "little") for at in (0, 4)]
    kept = [bytes(new[at : at + 4]) if fall else part for at, fall, part in zip((0, 4), falls, parts, strict=True)]
    return b"".join(kept) + (new[8:] if all(falls) else old[8:])


def _maker(name: str, model: Model, fresh: Callable[[bytes], dict[int, bytes]]) -> Kind:
    def make(uid: bytes, stored: Mapping[str, Any]) -> FelicaLite:
        if not stored:
            return FelicaLite(model, uid, fresh(uid), kind=name)
        blocks = {int(number, 16): bytes.fromhex(data) for number, data in stored["blocks"].items()}
        return FelicaLite(model, uid, blocks, writes=int(stored["writes"]), kind=name)

    return Kind(make, bytes.fromhex("03FE"), 8)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "FELICA-LITE-S": _maker("FELICA-LITE-S", LITE_S, ndef_blocks),
        "FELICA-LITE-S-BLANK": _maker("FELICA-LITE-S-BLANK", LITE_S, delivered_blocks),
        "FELICA-LITE": _maker("FELICA-LITE", LITE, ndef_blocks),
    }
)
"""``FELICA-LITE-S`` and ``FELICA-LITE`` are NDEF formatted, as NDEF tags are sold; BLANK is as the factory makes it."""
