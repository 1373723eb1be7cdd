"""Simulated NTAG213, NTAG215 and NTAG216 (NXP NTAG213_215_216 rev 3.2), frame in, answer out.

A frame is the command without CRC; the reader model adds and checks CRC_A. An answer is the bytes without CRC, a
:class:`Nibble` (4-bit ACK or NAK), or None (silence). After a NAK, a HALT or a loss of power the chip is mute until it
is selected again.

Two points the data sheet leaves open, settled to the stricter side: a new AUTH0 acts at once, and CFGLCK acts at the
next power-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, unique
from types import MappingProxyType
from typing import Any, Final

from dpptag.sim.chip import ACK, NAK_ARGUMENT, Answer, Kind, Nibble, Program, Rf, unchanged

PAGE: Final = 4


@unique
class Command(IntEnum):
    """NTAG21x section 9 command codes."""

    PWD_AUTH = 0x1B
    READ = 0x30
    READ_CNT = 0x39
    FAST_READ = 0x3A
    READ_SIG = 0x3C
    HALT = 0x50
    GET_VERSION = 0x60
    COMPATIBILITY_WRITE = 0xA0
    WRITE = 0xA2


NAK_AUTH_LIMIT: Final = Nibble(0x4)


@unique
class State(Enum):
    OFF = "off"
    IDLE = "idle"
    ACTIVE = "active"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Model:
    """Geometry of one chip; page numbers are absolute."""

    name: str
    pages: int
    dynamic_lock: int
    version: bytes
    delivered: bytes
    """Pages 3 to 5 as NXP delivers them."""
    pages_per_lock_bit: int
    lock_bits: int

    @property
    def cfg0(self) -> int:
        return self.dynamic_lock + 1

    @property
    def cfg1(self) -> int:
        return self.dynamic_lock + 2

    @property
    def pwd(self) -> int:
        return self.dynamic_lock + 3

    @property
    def pack(self) -> int:
        return self.dynamic_lock + 4


def _model(name: str, pages: int, storage: int, delivered: str, pages_per_lock_bit: int, lock_bits: int) -> Model:
    version = bytes((0x00, 0x04, 0x04, 0x02, 0x01, 0x00, storage, 0x03))
    return Model(name, pages, pages - 5, version, bytes.fromhex(delivered), pages_per_lock_bit, lock_bits)


MODELS: Final = MappingProxyType(
    {
        model.name: model
        for model in (
            _model("NTAG213", 45, 0x0F, "E1101200 0103A00C 340300FE", 2, 12),
            _model("NTAG215", 135, 0x11, "E1103E00 0300FE00 00000000", 16, 8),
            _model("NTAG216", 231, 0x13, "E1106D00 0300FE00 00000000", 16, 14),
        )
    }
)


def factory_pages(model: Model, uid: bytes) -> list[bytes]:
    """The memory as delivered, real PWD and PACK included; BCC0 and BCC1 as ISO/IEC 14443-3 6.5.4."""
    pages = [bytes(PAGE)] * model.pages
    if len(uid) == 7:
        bcc0 = 0x88 ^ uid[0] ^ uid[1] ^ uid[2]
        bcc1 = uid[3] ^ uid[4] ^ uid[5] ^ uid[6]
        pages[0] = uid[:3] + bytes((bcc0,))
        pages[1] = uid[3:]
        pages[2] = bytes((bcc1, 0x48, 0x00, 0x00))
    else:
        pages[0] = uid
        pages[1] = bytes((uid[0] ^ uid[1] ^ uid[2] ^ uid[3], 0x48, 0x00, 0x00))
    for offset in range(3):
        pages[3 + offset] = model.delivered[offset * PAGE : (offset + 1) * PAGE]
    pages[model.dynamic_lock] = bytes((0x00, 0x00, 0x00, 0xBD))
    pages[model.cfg0] = bytes((0x04, 0x00, 0x00, 0xFF))
    pages[model.cfg1] = bytes((0x00, 0x05, 0x00, 0x00))
    pages[model.pwd] = bytes((0xFF, 0xFF, 0xFF, 0xFF))
    return pages


class Type2Chip:
    """One chip. ``pages`` is its memory, ``program`` what the cells keep of a write (a worn cell, a torn write)."""

    atqa: Final = 0x0044
    sak: Final = 0x00
    ats: Final = None
    rf: Final = Rf.A

    def __init__(
        self, model: Model, uid: bytes, pages: Sequence[bytes] | None = None, *, signature: bytes = bytes(32)
    ) -> None:
        if len(uid) not in (4, 7):
            raise ValueError("a UID has 4 or 7 bytes")
        if pages is not None and (len(pages) != model.pages or any(len(page) != PAGE for page in pages)):
            raise ValueError(f"{model.name} has {model.pages} pages of {PAGE} bytes")
        self.model = model
        self.uid = uid
        self.pages = list(pages) if pages is not None else factory_pages(model, uid)
        self.signature = signature
        self.program: Program = unchanged
        self.changes = 0
        self.state = State.OFF
        self.counter = 0
        self.failed_passwords = 0
        self._authenticated = False
        self._counted = False
        self._config_locked = False
        self._compatibility_page: int | None = None

    @property
    def kind(self) -> str:
        return self.model.name

    def record(self) -> dict[str, Any]:
        return {
            "pages": [page.hex() for page in self.pages],
            "signature": self.signature.hex(),
            "counter": self.counter,
            "failed_passwords": self.failed_passwords,
        }

    def tear(self, execute: Callable[[], object]) -> bool:
        torn: list[int] = []

        def half(page: int, data: bytes) -> bytes:
            torn.append(page)
            return data[: PAGE // 2] + b"\xff" * (PAGE // 2)

        program, self.program = self.program, half
        try:
            execute()
        finally:
            self.program = program
        return bool(torn)

    def fade(self, unit: int) -> None:
        page = self.pages[unit]
        self.pages[unit] = bytes((page[0] ^ 0x01,)) + page[1:]
        self.changes += 1

    def power(self, on: bool) -> None:
        """Field on or off. Power-up latches CFGLCK and forgets the password."""
        if not on:
            self.state = State.OFF
        elif self.state is State.OFF:
            self.state = State.IDLE
            self._authenticated = self._counted = False
            self._compatibility_page = None
            self._config_locked = bool(self.pages[self.model.cfg1][0] & 0x40)

    def select(self) -> bool:
        """REQA, anticollision and SELECT; False where the chip does not answer REQA (no power, or halted)."""
        if self.state in (State.OFF, State.HALT):
            return False
        self.state = State.ACTIVE
        self._compatibility_page = None
        return True

    def wake(self) -> bool:
        if self.state is State.HALT:
            self.state = State.IDLE
        return self.select()

    def exchange(self, frame: bytes) -> Answer:
        if self.state is not State.ACTIVE:
            return None
        if self._compatibility_page is not None:
            page, self._compatibility_page = self._compatibility_page, None
            answer = self._write(page, frame[:PAGE]) if len(frame) == 16 else NAK_ARGUMENT
        else:
            answer = self._command(frame)
        if isinstance(answer, Nibble) and answer is not ACK:
            self.state = State.IDLE
        return answer

    def _command(self, frame: bytes) -> Answer:
        match list(frame):
            case [Command.READ, page]:
                return self._read(page)
            case [Command.FAST_READ, first, last]:
                return self._fast_read(first, last)
            case [Command.WRITE, page, _, _, _, _]:
                return self._write(page, frame[2:])
            case [Command.COMPATIBILITY_WRITE, page]:
                return self._compatibility_write(page)
            case [Command.GET_VERSION]:
                return self.model.version
            case [Command.PWD_AUTH, _, _, _, _]:
                return self._pwd_auth(frame[1:])
            case [Command.READ_CNT, 0x02]:
                return self._read_cnt()
            case [Command.READ_SIG, 0x00]:
                return self.signature
            case [Command.HALT, 0x00]:
                self.state = State.HALT
                return None
            case []:
                return None
            case _:
                return NAK_ARGUMENT

    # Reading

    def _visible(self, page: int) -> bytes:
        return bytes(PAGE) if page in (self.model.pwd, self.model.pack) else self.pages[page]

    def _readable_pages(self) -> int:
        """How many pages from 0 on READ may show now: up to AUTH0 where PROT = 1 and no password was given."""
        protects_reading = self.pages[self.model.cfg1][0] & 0x80
        return min(self._auth0, self.model.pages) if protects_reading and not self._authenticated else self.model.pages

    def _read(self, page: int) -> Answer:
        end = self._readable_pages()
        if page >= end:
            return NAK_ARGUMENT
        self._count_read()
        return b"".join(self._visible((page + offset) % end) for offset in range(4))

    def _fast_read(self, first: int, last: int) -> Answer:
        if first > last or last >= self._readable_pages():
            return NAK_ARGUMENT
        self._count_read()
        return b"".join(self._visible(page) for page in range(first, last + 1))

    def _count_read(self) -> None:
        if self.pages[self.model.cfg1][0] & 0x10 and not self._counted:
            self.counter = min(self.counter + 1, 0xFFFFFF)
            self.changes += 1
            self._counted = True

    def _read_cnt(self) -> Answer:
        access = self.pages[self.model.cfg1][0]
        if not access & 0x10 or (access & 0x08 and not self._authenticated):
            return NAK_ARGUMENT
        return self.counter.to_bytes(3, "little")

    # Password

    @property
    def _auth0(self) -> int:
        return self.pages[self.model.cfg0][3]

    def _pwd_auth(self, password: bytes) -> Answer:
        limit = self.pages[self.model.cfg1][0] & 0x07
        if limit and self.failed_passwords >= limit:
            return NAK_AUTH_LIMIT
        if password != self.pages[self.model.pwd]:
            if limit:
                self.failed_passwords += 1
                self.changes += 1
            return NAK_ARGUMENT
        if self.failed_passwords:
            self.failed_passwords = 0
            self.changes += 1
        self._authenticated = True
        return self.pages[self.model.pack][:2]

    # Writing

    def _write(self, page: int, data: bytes) -> Answer:
        if not self._writable(page):
            return NAK_ARGUMENT
        if page == 2:
            data = self._static_lock_after(data)
        elif page == 3:
            data = bytes(old | new for old, new in zip(self.pages[3], data, strict=True))
        elif page == self.model.dynamic_lock:
            data = self._dynamic_lock_after(data)
        self.pages[page] = self.program(page, data)
        self.changes += 1
        return ACK

    def _compatibility_write(self, page: int) -> Answer:
        if not self._writable(page):
            return NAK_ARGUMENT
        self._compatibility_page = page
        return ACK

    def _writable(self, page: int) -> bool:
        if not 2 <= page < self.model.pages:
            return False
        if page >= self._auth0 and not self._authenticated:
            return False
        if page in (self.model.cfg0, self.model.cfg1):
            return not self._config_locked
        return not self.page_locked(page)

    def page_locked(self, page: int) -> bool:
        """Whether a lock bit closes this page: the CC or user memory. Lock and configuration pages have none."""
        static = int.from_bytes(self.pages[2][2:4], "little")
        if 3 <= page <= 15:
            return bool(static >> page & 1)
        if 16 <= page < self.model.dynamic_lock:
            bits = int.from_bytes(self.pages[self.model.dynamic_lock][:2], "little")
            return bool(bits >> (page - 16) // self.model.pages_per_lock_bit & 1)
        return False

    def _static_lock_after(self, data: bytes) -> bytes:
        """Page 2 after a write: lock bits OR-ed, save those that a block-lock bit set before has frozen."""
        old = int.from_bytes(self.pages[2][2:4], "little")
        frozen = (0x0008 if old & 1 else 0) | (0x03F0 if old & 2 else 0) | (0xFC00 if old & 4 else 0)
        new = old | (int.from_bytes(data[2:4], "little") & ~frozen)
        return self.pages[2][:2] + new.to_bytes(2, "little")

    def _dynamic_lock_after(self, data: bytes) -> bytes:
        """The dynamic lock page after a write; one block-lock bit freezes two lock bits, RFUI bits stay 0."""
        page = self.pages[self.model.dynamic_lock]
        block_locks = page[2]
        frozen = 0
        for index in range(self.model.lock_bits // 2):
            if block_locks >> index & 1:
                frozen |= 0b11 << 2 * index
        allowed = ((1 << self.model.lock_bits) - 1) & ~frozen
        bits = int.from_bytes(page[:2], "little") | (int.from_bytes(data[:2], "little") & allowed)
        block_locks |= data[2] & ((1 << self.model.lock_bits // 2) - 1)
        return bits.to_bytes(2, "little") + bytes((block_locks, page[3]))


def _kind(model: Model) -> Kind:
    def make(uid: bytes, stored: Mapping[str, Any]) -> Type2Chip:
        pages = [bytes.fromhex(page) for page in stored["pages"]] if "pages" in stored else None
        chip = Type2Chip(model, uid, pages, signature=bytes.fromhex(stored.get("signature", "00" * 32)))
        chip.counter = int(stored.get("counter", 0))
        chip.failed_passwords = int(stored.get("failed_passwords", 0))
        return chip

    return Kind(make, uid_head=b"\x04", uid_bytes=7)


KINDS: Final = MappingProxyType({name: _kind(model) for name, model in MODELS.items()})
