"""A Gen2 chip as its reader meets it: memory banks, locks, passwords, kill (Gen2, ISO/IEC 18000-63, 6.3.2).

The chip knows nothing of rounds and of other tags; :mod:`dpptag.sim.uhf.field` puts it into the air. Where a clause is
named "from memory" the protocol text was not at hand: a driver may not rest on that detail.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum, unique
from typing import Any, Final

from dpptag.sim.uhf.air import Code, Selection, Silence, TagRefusal

_PC_BIT, _EPC_BIT = 0x10, 0x20  # where StoredPC and EPC begin in the EPC bank
_UMI: Final = 0x0400
_XI: Final = 0x0200
_PERMALOCK: Final = 0b01
_LOCKED: Final = 0b10
_NEVER: Final = 0b11
_WORDS_OF_A_PASSWORD: Final = 2
_BLOCKS_OF_A_UNIT: Final = 16


@unique
class Bank(IntEnum):
    RESERVED = 0
    EPC = 1
    TID = 2
    USER = 3


@unique
class Area(IntEnum):
    """What has two lock bits of its own; the value is their place in the 10 bits of Lock (6.3.2.12.3.5)."""

    USER = 0
    TID = 2
    EPC = 4
    ACCESS = 6
    KILL = 8


@unique
class Umi(Enum):
    """How a chip comes to bit 15h of StoredPC, the user memory indicator (TDS 2.3, 9.3).

    ``STORED``: as written. ``BITS_03_07``: computed, set where these bits of the user bank hold a one (from memory).
    ``FIRST_WORD``: computed, set where the first word is not zero.
    """

    STORED = "stored"
    BITS_03_07 = "bits 03h-07h"
    FIRST_WORD = "first word"


@dataclass(frozen=True, slots=True)
class Model:
    """What chips of one kind have in common.

    ``tid_head``: words 0 and 1 of the TID. ``xtid``: word 2 of the TID, None where bit 08h says that there is no XTID.
    ``serial_bytes``: what follows, then ``tid_tail``. ``epc_bits``: room behind StoredPC. ``block_words``: words that
    one BlockWrite or BlockErase programs at once, 0 where the chip knows neither. ``permalock_words``: words of a block
    of BlockPermalock, 0 where it is not known. ``word_us``: microseconds to program a word, or a BlockWrite's words.
    ``copies_tid``: the factory's EPC is the start of the TID; else it is zero, the same on all blank tags.
    ``passwords``: False where the Reserved bank is not there; such a chip is always in the secured state.
    ``has_xpc``: PacketPC carries the low byte of XPC_W1 (TDS 2.3, 9.4).
    """

    name: str
    tid_head: bytes
    epc_bits: int
    user_bits: int
    xtid: int | None = 0x2000
    serial_bytes: int = 6
    tid_tail: bytes = b""
    block_words: int = 0
    permalock_words: int = 0
    word_us: int = 3_000
    copies_tid: bool = True
    umi: Umi = Umi.STORED
    has_xpc: bool = False
    passwords: bool = True

    @property
    def fixed_tid(self) -> bytes:
        """What every TID of this model begins with."""
        return self.tid_head + (b"" if self.xtid is None else self.xtid.to_bytes(2, "big"))

    @property
    def tid_bytes(self) -> int:
        return len(self.fixed_tid) + self.serial_bytes + len(self.tid_tail)


def crc16(data: bytes) -> int:
    """CRC-16/GENIBUS, that of StoredCRC and of every Gen2 reply (annex F)."""
    return binascii.crc_hqx(data, 0xFFFF) ^ 0xFFFF


class Gen2Chip:
    """One chip. ``changes`` counts what must be saved; ``program`` may spoil a word (bank, word, value) on its way.

    Every command raises TagRefusal or Silence. ``secured``: the state that Lock and locked areas ask for; singulation
    sets it where the access password is zero (6.3.2.6.6), else :meth:`access` does.
    """

    def __init__(self, model: Model, tid: bytes, epc: bytes | None = None) -> None:
        """Raises ValueError for a TID that this model cannot have, or an EPC that it cannot hold."""
        if len(tid) != model.tid_bytes or tid[: len(model.fixed_tid)] != model.fixed_tid:
            raise ValueError(
                f"the TID of {model.name} is {model.fixed_tid.hex()} and {model.tid_bytes - len(model.fixed_tid)} bytes"
            )
        if epc is None:
            room = min(12, model.epc_bits // 8)
            epc = tid[:room].ljust(room, b"\0") if model.copies_tid else bytes(room)
        if len(epc) % 2 or len(epc) * 8 > model.epc_bits or len(epc) > 62:
            raise ValueError(f"{model.name} holds whole words of EPC, up to {model.epc_bits} bits: not {epc.hex()}")
        self.model = model
        self.tid = tid
        self.reserved = bytearray(8 if model.passwords else 0)
        self.epc_memory = bytearray((len(epc) // 2 << 11).to_bytes(2, "big") + epc.ljust(model.epc_bits // 8, b"\0"))
        """From StoredPC on: StoredCRC is computed, never kept."""
        self.user = bytearray(model.user_bits // 8)
        self.locks = _NEVER << Area.TID
        self.permalocked_blocks: set[int] = set()
        self.killed = False
        self.secured = False
        self.changes = 0
        self.program: Callable[[int, int, int], int] = lambda _bank, _word, value: value

    @property
    def kind(self) -> str:
        return self.model.name

    # What the chip says of itself

    @property
    def stored_pc(self) -> int:
        """Computed bits included; XI stays 0 without XPC_W2 or a set bit in the high byte of XPC_W1."""
        pc = int.from_bytes(self.epc_memory[:2], "big") & ~_XI
        if self.model.umi is Umi.STORED:
            return pc
        said = self.user[0] & 0x1F if self.model.umi is Umi.BITS_03_07 and self.user else any(self.user[:2])
        return pc & ~_UMI | (_UMI if said else 0)

    @property
    def packet_pc(self) -> int:
        """What a reply carries: StoredPC, its low byte replaced by XPC_W1's where the chip has one (TDS 2.3, 9.4)."""
        if not self.model.has_xpc:
            return self.stored_pc
        killable = any(self.reserved[:4]) or not self.locks >> Area.KILL & _PERMALOCK  # XPC_W1 bit 21Dh
        return self.stored_pc & 0xFF00 | (0x04 if killable else 0)

    @property
    def epc(self) -> bytes:
        """As long as StoredPC says, from word 2 on."""
        return bytes(self.epc_memory[2 : 2 + 2 * (self.stored_pc >> 11)])

    @property
    def access_password(self) -> int:
        return int.from_bytes(self.reserved[4:], "big")

    def memory(self, bank: int) -> bytes:
        """A whole bank, whatever its locks."""
        if bank == Bank.EPC:
            pc = self.stored_pc.to_bytes(2, "big")
            return crc16(pc + self.epc).to_bytes(2, "big") + pc + bytes(self.epc_memory[2:])
        if bank == Bank.TID:
            return self.tid
        return bytes(self.user if bank == Bank.USER else self.reserved)

    def lock_bits(self, area: Area) -> int:
        """Two bits: pwd-write (pwd-read/write), permalock."""
        return self.locks >> area & _NEVER

    # Singulation

    def power(self, on: bool) -> None:
        """The field comes or goes; the secured state does not outlive it."""
        self.secured = False

    def matches(self, selection: Selection | None) -> bool:
        """Select (6.3.2.12.1.1): a mask that reaches beyond the bank does not match; the Reserved bank has no mask."""
        if selection is None:
            return True
        return self._holds(selection) is not selection.inverted

    def _holds(self, selection: Selection) -> bool:
        """Asked of every tag of a field for every command: no bank is copied, nor its check made, without need."""
        start, bits = selection.pointer, selection.bits
        memory: bytes | bytearray = b""
        if selection.bank == Bank.TID:
            memory = self.tid
        elif selection.bank == Bank.USER:
            memory = self.user
        elif selection.bank == Bank.EPC and start >= _EPC_BIT:
            memory, start = self.epc_memory, start - _PC_BIT
        elif selection.bank == Bank.EPC:
            memory = self.memory(Bank.EPC)
        end = start + bits
        if not memory or end > 8 * len(memory):
            return False
        octets = memory[start // 8 : -(-end // 8)]
        if start % 8 == 0 and bits % 8 == 0:
            return octets == selection.mask[: bits // 8]
        wanted = int.from_bytes(selection.mask, "big") >> (8 * len(selection.mask) - bits)
        return int.from_bytes(octets, "big") >> -end % 8 & ((1 << bits) - 1) == wanted

    def singulate(self) -> None:
        """Req_RN: open, or secured at once where the access password is zero."""
        self.secured = self.access_password == 0

    def access(self, password: int) -> bool:
        """Access: False where the password is another; the tag then is silent until the next singulation."""
        self.secured = password == self.access_password
        return self.secured

    # Commands

    def read(self, bank: int, word: int, count: int) -> bytes:
        """``count`` 0: to the end of the bank, of the EPC bank to the end of the EPC (6.3.2.12.3.2)."""
        memory = self._bank(bank)
        if count == 0:
            end = 4 + len(self.epc) if bank == Bank.EPC else len(memory)
            count = end // 2 - word
        if count <= 0 or 2 * (word + count) > len(memory):
            raise TagRefusal(Code.OVERRUN)
        if bank == Bank.RESERVED and not all(self._may(self._area(bank, at)) for at in range(word, word + count)):
            raise TagRefusal(Code.LOCKED)
        return memory[2 * word : 2 * (word + count)]

    def write(self, bank: int, word: int, value: int) -> None:
        """One Write: one word."""
        self._check_writable(bank, word, 1, value)
        self._store(bank, word, value)

    def block_write(self, bank: int, word: int, data: bytes) -> None:
        """One BlockWrite, all of its words or none: up to ``model.block_words``."""
        count = len(data) // 2
        if not self.model.block_words:
            raise Silence
        if count > self.model.block_words:
            raise TagRefusal(Code.OTHER)
        values = [int.from_bytes(data[at : at + 2], "big") for at in range(0, 2 * count, 2)]
        for at, value in enumerate(values, word):
            self._check_writable(bank, at, 1, value)
        for at, value in enumerate(values, word):
            self._store(bank, at, value)

    def lock(self, mask: int, action: int) -> None:
        """Lock (6.3.2.12.3.5): all areas or none. Without the secured state the chip does not answer (from memory)."""
        if not self.secured:
            raise Silence
        locks = self.locks & ~mask | action & mask
        for area in Area:
            if not mask >> area & _NEVER:
                continue
            if not (self.user if area is Area.USER else self.reserved if area >= Area.ACCESS else True):
                raise TagRefusal(Code.OVERRUN)  # what is not there
            if self.lock_bits(area) & _PERMALOCK and locks >> area & _NEVER != self.lock_bits(area):
                raise TagRefusal(Code.LOCKED)
        if locks != self.locks:
            self.locks = locks
            self.changes += 1

    def block_permalock(self, bank: int, unit: int, mask: int) -> None:
        """Lock for ever blocks ``16 * unit`` and following, the first by the highest of 16 bits (6.3.2.12.3.9)."""
        blocks = {_BLOCKS_OF_A_UNIT * unit + at for at in range(_BLOCKS_OF_A_UNIT) if mask & 0x8000 >> at}
        self._check_blocks(bank, unit, 1)
        if not self.secured:
            raise Silence
        if any(block >= self._blocks for block in blocks):
            raise TagRefusal(Code.OVERRUN)
        if blocks - self.permalocked_blocks:
            self.permalocked_blocks |= blocks
            self.changes += 1

    def block_permalock_state(self, bank: int, unit: int, count: int) -> int:
        """``16 * count`` bits, the first block in the highest."""
        self._check_blocks(bank, unit, count)
        first, size = _BLOCKS_OF_A_UNIT * unit, _BLOCKS_OF_A_UNIT * count
        return sum(1 << (size - 1 - at) for at in range(size) if first + at in self.permalocked_blocks)

    def kill(self, password: int) -> None:
        """Kill (6.3.2.12.3.4). A zero kill password cannot kill, and the chip says so; a wrong one silences it."""
        wanted = int.from_bytes(self.reserved[:4], "big")
        if wanted == 0:
            raise TagRefusal(Code.OTHER)
        if password != wanted:
            raise Silence
        self.killed = True
        self.changes += 1

    # Cells

    def fade(self, bank: int, word: int) -> None:
        """One bit of a word turns over by itself: weak programming shows when the power is gone."""
        self._keep(bank, word, int.from_bytes(self._cells(bank, word), "big") ^ 1)

    def record(self) -> dict[str, Any]:
        """What :meth:`restore` takes."""
        return {
            "reserved": self.reserved.hex(),
            "pc_epc": self.epc_memory.hex(),
            "user": self.user.hex(),
            "locks": self.locks,
            "permalocked_blocks": sorted(self.permalocked_blocks),
            "killed": self.killed,
        }

    def restore(self, record: Mapping[str, Any]) -> None:
        """Raises ValueError or KeyError for what no chip of this model holds."""
        parts = [bytes.fromhex(record[key]) for key in ("reserved", "pc_epc", "user")]
        if [len(part) for part in parts] != [len(self.reserved), len(self.epc_memory), len(self.user)]:
            raise ValueError(f"the banks of {self.kind} have other lengths")
        self.reserved[:], self.epc_memory[:], self.user[:] = parts
        self.locks = int(record["locks"])
        self.permalocked_blocks = {int(block) for block in record["permalocked_blocks"]}
        self.killed = bool(record["killed"])

    def to_json(self) -> str:
        """One line, kind and TID with it."""
        return json.dumps({"type": self.kind, "tid": self.tid.hex(), **self.record()})

    def _bank(self, bank: int) -> bytes:
        memory = self.memory(bank) if 0 <= bank <= Bank.USER else b""
        if not memory:
            raise TagRefusal(Code.OVERRUN)
        return memory

    def _area(self, bank: int, word: int) -> Area:
        if bank == Bank.RESERVED:
            return Area.KILL if word < _WORDS_OF_A_PASSWORD else Area.ACCESS
        return {Bank.EPC: Area.EPC, Bank.TID: Area.TID, Bank.USER: Area.USER}[Bank(bank)]

    def _may(self, area: Area) -> bool:
        bits = self.lock_bits(area)
        return bits != _NEVER and not (bits == _LOCKED and not self.secured)

    def _check_writable(self, bank: int, word: int, count: int, value: int) -> None:
        if 2 * (word + count) > len(self._bank(bank)):
            raise TagRefusal(Code.OVERRUN)
        computed = bank == Bank.EPC and word == 0
        if computed or not all(self._may(self._area(bank, at)) for at in range(word, word + count)):
            raise TagRefusal(Code.LOCKED)
        if bank == Bank.EPC and word == 1 and (value >> 11) * 16 > self.model.epc_bits:
            raise TagRefusal(Code.OVERRUN)  # StoredPC may not count more EPC than there is (6.3.2.1.2.2)
        if bank == Bank.USER and self.model.permalock_words:
            blocks = {at // self.model.permalock_words for at in range(word, word + count)}
            if blocks & self.permalocked_blocks:
                raise TagRefusal(Code.LOCKED)

    def _store(self, bank: int, word: int, value: int) -> None:
        self._keep(bank, word, self.program(bank, word, value))

    def _cells(self, bank: int, word: int) -> bytes:
        return self.memory(bank)[2 * word : 2 * word + 2]

    def _keep(self, bank: int, word: int, value: int) -> None:
        cells = {Bank.RESERVED: self.reserved, Bank.EPC: self.epc_memory, Bank.USER: self.user}[Bank(bank)]
        at = 2 * (word - (bank == Bank.EPC))
        cells[at : at + 2] = value.to_bytes(2, "big")
        self.changes += 1

    @property
    def _blocks(self) -> int:
        return -(-len(self.user) // (2 * self.model.permalock_words))

    def _check_blocks(self, bank: int, unit: int, count: int) -> None:
        if not self.model.permalock_words:
            raise Silence
        if bank != Bank.USER or not count or _BLOCKS_OF_A_UNIT * (unit + count - 1) >= self._blocks:
            raise TagRefusal(Code.OVERRUN)
