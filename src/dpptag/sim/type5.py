"""Simulated ISO/IEC 15693 chips: ICODE SLIX, ICODE SLIX2, ST25TV02K, ST25DV04K. Frame in, answer out.

A frame begins with the flags byte and has no CRC; a UID in it has its low byte first. The states are those of ISO/IEC
15693-3 figure 11: a quiet chip answers addressed frames alone, a selected chip frames with the select flag. The
vendors' own commands stand in ``type5_custom``. Write-alike commands with the option flag, whose answer waits for
another EOF from the reader, answer 03h (option not supported).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, IntEnum, IntFlag, unique
from types import MappingProxyType
from typing import Any, Final

from dpptag.sim.chip import Kind, Program, Rf, unchanged
from dpptag.sim.type5_custom import Custom, Error, Icode, Model, RefusedError, St25dv

BLOCK: Final = 4

SLIX: Final = Model("SLIX", blocks=28, ic_reference=0x01, maker=0x04, uid_head=bytes.fromhex("E0040110"))
SLIX2: Final = Model("SLIX2", blocks=80, ic_reference=0x01, maker=0x04, uid_head=bytes.fromhex("E0040108"), counter=79)
ST25TV02K: Final = Model("ST25TV02K", blocks=64, ic_reference=0x23, maker=0x02, uid_head=bytes.fromhex("E00223"))
ST25DV04K: Final = Model(
    "ST25DV04K", blocks=128, ic_reference=0x24, maker=0x02, uid_head=bytes.fromhex("E00224"), lockable=2, write_max=4
)


class Flags(IntFlag):
    """Request flags (ISO/IEC 15693-3 7.3.1); SELECT and ADDRESS mean AFI and one slot in an inventory."""

    TWO_SUBCARRIERS = 0x01
    HIGH_RATE = 0x02
    INVENTORY = 0x04
    EXTENSION = 0x08
    SELECT = 0x10
    ADDRESS = 0x20
    OPTION = 0x40
    RFU = 0x80


@unique
class Command(IntEnum):
    """ISO/IEC 15693-3 10.2."""

    INVENTORY = 0x01
    STAY_QUIET = 0x02
    READ_SINGLE = 0x20
    WRITE_SINGLE = 0x21
    LOCK_BLOCK = 0x22
    READ_MULTIPLE = 0x23
    WRITE_MULTIPLE = 0x24
    SELECT = 0x25
    RESET_TO_READY = 0x26
    WRITE_AFI = 0x27
    LOCK_AFI = 0x28
    WRITE_DSFID = 0x29
    LOCK_DSFID = 0x2A
    SYSTEM_INFORMATION = 0x2B
    BLOCK_STATUS = 0x2C


@unique
class State(Enum):
    OFF = "off"
    READY = "ready"
    QUIET = "quiet"
    SELECTED = "selected"


_WRITE_ALIKE: Final = frozenset(
    {
        Command.WRITE_SINGLE,
        Command.LOCK_BLOCK,
        Command.WRITE_MULTIPLE,
        Command.WRITE_AFI,
        Command.LOCK_AFI,
        Command.WRITE_DSFID,
        Command.LOCK_DSFID,
    }
)
_CUSTOM: Final = range(0xA0, 0xE0)
_ALL_INFORMATION: Final = 0x0F


class Iso15693Chip:
    """One chip. ``memory`` is its blocks, ``program`` what the cells keep of a write (a worn cell, a torn write)."""

    rf: Final = Rf.V

    def __init__(self, model: Model, uid: bytes, custom: Custom) -> None:
        if len(uid) != 8:
            raise ValueError("a UID of ISO/IEC 15693 has 8 bytes")
        self.model = model
        self.uid = uid
        self.custom = custom
        self.memory = [bytes(BLOCK)] * model.blocks
        self.locked: set[int] = set()
        self.afi = 0
        self.dsfid = 0
        self.afi_locked = False
        self.dsfid_locked = False
        self.program: Program = unchanged
        self.state = State.OFF
        self._own_changes = 0

    @property
    def kind(self) -> str:
        return self.model.name

    @property
    def changes(self) -> int:
        return self._own_changes + self.custom.changes

    def power(self, on: bool) -> None:
        """Field on or off; power-up forgets quiet, selected and every password that was given."""
        if not on:
            self.state = State.OFF
        elif self.state is State.OFF:
            self.state = State.READY
            self.custom.reset()

    def record(self) -> dict[str, Any]:
        return {
            "blocks": [block.hex().upper() for block in self.memory],
            "locked": sorted(self.locked),
            "afi": [self.afi, self.afi_locked],
            "dsfid": [self.dsfid, self.dsfid_locked],
            "custom": self.custom.record(),
        }

    def restore(self, stored: Mapping[str, Any]) -> None:
        """The inverse of :meth:`record`. Raises ValueError for a memory of another size."""
        memory = [bytes.fromhex(block) for block in stored["blocks"]]
        if len(memory) != self.model.blocks or any(len(block) != BLOCK for block in memory):
            raise ValueError(f"{self.model.name} has {self.model.blocks} blocks of {BLOCK} bytes")
        self.memory = memory
        self.locked = set(stored["locked"])
        self.afi, self.afi_locked = stored["afi"]
        self.dsfid, self.dsfid_locked = stored["dsfid"]
        self.custom.restore(stored["custom"])

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
        block = self.memory[unit]
        self.memory[unit] = bytes((block[0] ^ 0x01,)) + block[1:]
        self._own_changes += 1

    # Frames

    def exchange(self, frame: bytes) -> bytes | None:
        if self.state is State.OFF or self.custom.mute or len(frame) < 2:
            return None
        flags, code = Flags(frame[0]), frame[1]
        if flags & Flags.INVENTORY:
            return self._inventory(flags, frame[2:]) if code == Command.INVENTORY else None
        body = frame[2:]
        if code in _CUSTOM:
            if body[:1] != bytes((self.model.maker,)):
                return None
            body = body[1:]
        if code == Command.SELECT and self.state is State.SELECTED and body[:8] != self.uid[::-1]:
            self.state = State.READY
            return None
        if flags & Flags.ADDRESS:
            if body[:8] != self.uid[::-1] or flags & Flags.SELECT:
                return None
            body = body[8:]
        elif flags & Flags.SELECT:
            if self.state is not State.SELECTED:
                return None
        elif self.state is State.QUIET:
            return None
        return self._answer(flags, code, body)

    def _inventory(self, flags: Flags, body: bytes) -> bytes | None:
        """One slot, or the first of sixteen, in which only a chip answers whose next four UID bits are 0."""
        if self.state is State.QUIET or not body:
            return None
        if flags & Flags.SELECT:  # the AFI flag here
            if body[0] not in (0, self.afi):
                return None
            body = body[1:]
        length = body[0] if body else 0
        mask = body[1:]
        if len(mask) != -(-length // 8) or length > 64:
            return None
        number = int.from_bytes(self.uid, "big")
        if (number ^ int.from_bytes(mask, "little")) & ((1 << length) - 1):
            return None
        if not flags & Flags.ADDRESS and number >> length & 0x0F:  # sixteen slots
            return None
        return bytes((0, self.dsfid)) + self.uid[::-1]

    def _answer(self, flags: Flags, code: int, body: bytes) -> bytes | None:
        if code == Command.STAY_QUIET:
            if flags & Flags.ADDRESS and not body:
                self.state = State.QUIET
            return None
        try:
            if flags & (Flags.EXTENSION | Flags.RFU):
                raise RefusedError(Error.NOT_RECOGNISED)
            if code in _CUSTOM:
                return b"\0" + self.custom.command(code, body, addressed=bool(flags & (Flags.ADDRESS | Flags.SELECT)))
            return b"\0" + self._execute(flags, code, body)
        except RefusedError as refused:
            return bytes((0x01, refused.error))

    def _execute(self, flags: Flags, code: int, body: bytes) -> bytes:
        option = bool(flags & Flags.OPTION)
        if option and code in _WRITE_ALIKE:
            raise RefusedError(Error.OPTION)
        if code in (Command.SELECT, Command.RESET_TO_READY):
            _length(body, 0)
            self.state = State.SELECTED if code == Command.SELECT else State.READY
            return b""
        if code in (Command.READ_SINGLE, Command.READ_MULTIPLE):
            return self._read(code, body, with_status=option)
        if code == Command.WRITE_SINGLE:
            _length(body, 1 + BLOCK)
            return self._write(body[0], body[1:])
        if code == Command.WRITE_MULTIPLE and self.model.write_max:
            return self._write_multiple(body)
        if code == Command.LOCK_BLOCK:
            _length(body, 1)
            return self._lock(body[0])
        if code == Command.SYSTEM_INFORMATION:
            _length(body, 0)
            return self._system_information()
        if code == Command.BLOCK_STATUS:
            return bytes(int(block in self.locked) for block in self._range(body))
        return self._identifiers(code, body)

    # Memory

    def _range(self, body: bytes) -> range:
        _length(body, 2)
        blocks = range(body[0], body[0] + body[1] + 1)
        if blocks.stop > self.model.blocks:
            raise RefusedError(Error.NO_BLOCK)
        return blocks

    def _read(self, code: int, body: bytes, *, with_status: bool) -> bytes:
        if code == Command.READ_SINGLE:
            _length(body, 1)
            body = body + b"\0"
        parts: list[bytes] = []
        for block in self._range(body):
            self.custom.check_read(block)
            parts.append((bytes((block in self.locked,)) if with_status else b"") + self.memory[block])
        return b"".join(parts)

    def _write(self, block: int, data: bytes) -> bytes:
        if block >= self.model.blocks:
            raise RefusedError(Error.NO_BLOCK)
        if block in self.locked:
            raise RefusedError(Error.LOCKED)
        self.custom.check_write(block)
        if block == self.model.counter:
            data = _counted(self.memory[block], data)
        self.memory[block] = self.program(block, data)
        self._own_changes += 1
        return b""

    def _write_multiple(self, body: bytes) -> bytes:
        blocks = self._range(body[:2])
        _length(body, 2 + BLOCK * len(blocks))
        if len(blocks) > self.model.write_max:
            raise RefusedError(Error.UNKNOWN)
        if any(block in self.locked for block in blocks):
            raise RefusedError(Error.LOCKED)
        for index, block in enumerate(blocks):
            self._write(block, body[2 + BLOCK * index : 2 + BLOCK * (index + 1)])
        return b""

    def _lock(self, block: int) -> bytes:
        if block >= self.model.blocks or block == self.model.counter:
            raise RefusedError(Error.NO_BLOCK)
        if self.model.lockable is not None and block >= self.model.lockable:
            raise RefusedError(Error.NO_BLOCK)
        if block in self.locked:
            raise RefusedError(Error.ALREADY_LOCKED)
        self.custom.check_write(block)
        self.locked.add(block)
        self._own_changes += 1
        return b""

    # Identifiers

    def _system_information(self) -> bytes:
        head = bytes((_ALL_INFORMATION,)) + self.uid[::-1]
        return head + bytes((self.dsfid, self.afi, self.model.blocks - 1, BLOCK - 1, self.model.ic_reference))

    def _identifiers(self, code: int, body: bytes) -> bytes:
        if code in (Command.WRITE_AFI, Command.LOCK_AFI):
            if self.afi_locked:
                raise RefusedError(Error.LOCKED if code == Command.WRITE_AFI else Error.ALREADY_LOCKED)
            _length(body, int(code == Command.WRITE_AFI))
            self.afi, self.afi_locked = (body[0], False) if body else (self.afi, True)
        elif code in (Command.WRITE_DSFID, Command.LOCK_DSFID):
            if self.dsfid_locked:
                raise RefusedError(Error.LOCKED if code == Command.WRITE_DSFID else Error.ALREADY_LOCKED)
            _length(body, int(code == Command.WRITE_DSFID))
            self.dsfid, self.dsfid_locked = (body[0], False) if body else (self.dsfid, True)
        else:
            raise RefusedError(Error.NOT_SUPPORTED)
        self._own_changes += 1
        return b""


def _length(body: bytes, wanted: int) -> None:
    if len(body) != wanted:
        raise RefusedError(Error.NOT_RECOGNISED)


def _counted(old: bytes, data: bytes) -> bytes:
    """The counter block of SLIX2: 01 00 00 00 counts up, anything else presets (low byte first)."""
    if data != b"\x01\0\0\0":
        return data
    value = min(int.from_bytes(old[:2], "little") + 1, 0xFFFF)
    return value.to_bytes(2, "little") + old[2:]


def make(model: Model, uid: bytes, stored: Mapping[str, Any] | None = None) -> Iso15693Chip:
    """A chip as delivered, memory zero and unlocked, or as :meth:`Iso15693Chip.record` gave it."""
    custom: Custom
    if model in (SLIX, SLIX2):
        custom = Icode(uid, model.counter)
    elif model is ST25DV04K:
        custom = St25dv()
    else:
        custom = Custom()
    chip = Iso15693Chip(model, uid, custom)
    if stored:
        chip.restore(stored)
    return chip


def _kind(model: Model) -> Kind:
    return Kind(lambda uid, stored: make(model, uid, stored), model.uid_head, 8)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {model.name: _kind(model) for model in (SLIX, SLIX2, ST25TV02K, ST25DV04K)}
)
