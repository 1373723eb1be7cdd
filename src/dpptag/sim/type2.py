"""A simulated NFC Forum Type 2 chip, frame in, answer out; which chips there are is in ``type2_models``.

After a NAK, a HALT or a loss of power the chip is mute until it is selected again. A command that the model does not
know is NAK 0h. Two points that data sheets leave open are settled to the stricter side: a new AUTH0 acts at once, and
CFGLCK acts at the next power-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, unique
from types import MappingProxyType
from typing import Any, Final

from dpptag.sim.chip import ACK, NAK_ARGUMENT, Answer, Kind, Nibble, Program, Rf, unchanged
from dpptag.sim.type2_models import MODELS, PAGE, Command, Model, factory_pages

__all__ = ["KINDS", "MODELS", "PAGE", "Command", "Model", "State", "Type2Chip", "factory_pages"]

NAK_COUNTER: Final = Nibble(0x4)
"""The limit of wrong passwords is spent, or a counter would overflow."""

_PROT: Final = 0x80
_CFGLCK: Final = 0x40
_NFC_CNT_EN: Final = 0x10
_NFC_CNT_PWD_PROT: Final = 0x08
_AUTHLIM: Final = 0x07
_NO_TEARING: Final = b"\xbd"
_COUNTER_END: Final = 0xFFFFFF
_PAGE_COUNTER_END: Final = 0xFFFF


@unique
class State(Enum):
    OFF = "off"
    IDLE = "idle"
    ACTIVE = "active"
    HALT = "halt"


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
        if len(signature) != 32:
            raise ValueError("an originality signature has 32 bytes")
        self.model = model
        self.uid = uid
        self.pages = list(pages) if pages is not None else factory_pages(model, uid)
        self.signature = signature
        self.program: Program = unchanged
        self.changes = 0
        self.state = State.OFF
        self.counter = 0
        self.counters = [0] * model.counters
        self.failed_passwords = 0
        self._authenticated = False
        self._counted = False
        self._config_locked = False
        self._locks_in_force = self._lock_values()
        self._compatibility_page: int | None = None

    @property
    def kind(self) -> str:
        return self.model.name

    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "pages": [page.hex() for page in self.pages],
            "signature": self.signature.hex(),
            "counter": self.counter,
            "failed_passwords": self.failed_passwords,
        }
        return record | ({"counters": self.counters} if self.counters else {})

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
            self._config_locked = self.model.has_config_lock and bool(self._access & _CFGLCK)

    def select(self) -> bool:
        """REQA, anticollision and SELECT; False where the chip does not answer REQA (no power, or halted)."""
        if self.state in (State.OFF, State.HALT):
            return False
        self.state = State.ACTIVE
        self._compatibility_page = None
        self._locks_in_force = self._lock_values()
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
        if isinstance(answer, Nibble) and answer != ACK:
            self.state = State.IDLE
        return answer

    def _command(self, frame: bytes) -> Answer:
        if not frame:
            return None
        if frame[0] not in self.model.commands:
            return NAK_ARGUMENT
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
            case [Command.READ_CNT, number]:
                return self._read_cnt(number)
            case [Command.INCR_CNT, number, _, _, _, _]:
                return self._incr_cnt(number, int.from_bytes(frame[2:5], "little"))
            case [Command.CHECK_TEARING_EVENT, number] if number < self.model.counters:
                return _NO_TEARING
            case [Command.VCSL, *rest] if len(rest) == 20:
                return self._configuration[PAGE + 1 : PAGE + 2]
            case [Command.READ_SIG, 0x00]:
                return self.signature
            case [Command.HALT, 0x00]:
                self.state = State.HALT
                return None
            case _:
                return NAK_ARGUMENT

    # Configuration

    @property
    def _configuration(self) -> bytes:
        """CFG0 and CFG1; a chip without a password behaves as one that asks for none."""
        cfg0 = self.model.cfg0
        return b"\x00\x00\x00\xff\x00\x00\x00\x00" if cfg0 is None else self.pages[cfg0] + self.pages[cfg0 + 1]

    @property
    def _auth0(self) -> int:
        return self._configuration[3]

    @property
    def _access(self) -> int:
        return self._configuration[4]

    # Reading

    def _memory(self) -> list[bytes]:
        """What READ sees: PWD and PACK as zeros, and where CFG0 says so the UID and the counter over user memory."""
        seen = [bytes(PAGE) if page in self.model.secrets else data for page, data in enumerate(self.pages)]
        text = self._mirrored()
        start = PAGE * self._configuration[2] + (self._configuration[0] >> 4 & 3)
        if not text or not 4 * PAGE <= start <= PAGE * (self.model.last_user_page + 1) - len(text):
            return seen
        flat = b"".join(seen)
        flat = flat[:start] + text + flat[start + len(text) :]
        return [flat[at : at + PAGE] for at in range(0, len(flat), PAGE)]

    def _mirrored(self) -> bytes:
        """NTAG213_215_216 section 8.7: 14 characters of the UID, 6 of the counter, x between them."""
        if not self.model.nfc_counter:
            return b""
        wanted = self._configuration[0] >> 6
        texts = [self.uid.hex().upper()] if wanted & 1 else []
        if wanted & 2:
            texts.append(f"{self.counter:06X}")
        return "x".join(texts).encode()

    def _readable_pages(self) -> int:
        """How many pages from 0 on READ may show now: up to AUTH0 where PROT = 1 and no password was given."""
        pages = self.model.pages
        return min(self._auth0, pages) if self._access & _PROT and not self._authenticated else pages

    def _read(self, page: int) -> Answer:
        end = self._readable_pages()
        if page >= end:
            return NAK_ARGUMENT
        self._count_read()
        memory = self._memory()
        if self.model.rolls_over:
            return b"".join(memory[(page + offset) % end] for offset in range(4))
        return b"".join(memory[page : min(page + 4, end)]).ljust(4 * PAGE, b"\x00")

    def _fast_read(self, first: int, last: int) -> Answer:
        if first > last or last >= self._readable_pages():
            return NAK_ARGUMENT
        self._count_read()
        return b"".join(self._memory()[first : last + 1])

    # Counters

    def _count_read(self) -> None:
        if self.model.nfc_counter and self._access & _NFC_CNT_EN and not self._counted:
            self.counter = min(self.counter + 1, _COUNTER_END)
            self.changes += 1
            self._counted = True

    def _read_cnt(self, number: int) -> Answer:
        if number < self.model.counters:
            return self.counters[number].to_bytes(3, "little")
        enabled = self._access & _NFC_CNT_EN
        hidden = self._access & _NFC_CNT_PWD_PROT and not self._authenticated
        if not self.model.nfc_counter or number != 2 or not enabled or hidden:
            return NAK_ARGUMENT
        return self.counter.to_bytes(3, "little")

    def _incr_cnt(self, number: int, step: int) -> Answer:
        if number >= self.model.counters:
            return NAK_ARGUMENT
        if self.counters[number] + step > _COUNTER_END:
            return NAK_COUNTER
        self.counters[number] += step
        self.changes += 1
        return ACK

    # Password

    def _pwd_auth(self, password: bytes) -> Answer:
        pwd, pack = self.model.secrets
        limit = self._access & _AUTHLIM
        if limit and self.failed_passwords >= limit:
            return NAK_COUNTER
        if password != self.pages[pwd]:
            if limit:
                self.failed_passwords += 1
                self.changes += 1
            return NAK_ARGUMENT
        if self.failed_passwords:
            self.failed_passwords = 0
            self.changes += 1
        self._authenticated = True
        return self.pages[pack][:2]

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
        elif page == self.model.counter_page:
            count = self._page_counter_after(data)
            if count is None:
                return NAK_ARGUMENT
            data = count.to_bytes(2, "little") + self.pages[page][2:]
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
        cfg0 = self.model.cfg0
        if cfg0 is not None and page in (cfg0, cfg0 + 1):
            return not self._config_locked
        values = self._locks_in_force if self.model.locks_at_selection else self._lock_values()
        return not self._closed(page, *values)

    def page_locked(self, page: int) -> bool:
        """Whether a lock bit closes this page: the CC or user memory. Lock and configuration pages have none."""
        return self._closed(page, *self._lock_values())

    def _lock_values(self) -> tuple[int, int]:
        """Static and dynamic lock bits as they stand in memory."""
        locks = self.model.locks
        dynamic = 0 if locks is None else int.from_bytes(self.pages[locks.page][:3], "little")
        return int.from_bytes(self.pages[2][2:4], "little"), dynamic

    def _closed(self, page: int, static: int, dynamic: int) -> bool:
        if 3 <= page <= 15:
            return bool(static >> page & 1)
        return self.model.locks is not None and self.model.locks.closes(dynamic, page)

    def _static_lock_after(self, data: bytes) -> bytes:
        """Page 2 after a write: lock bits OR-ed, save those that a block-lock bit set before has frozen."""
        old = int.from_bytes(self.pages[2][2:4], "little")
        frozen = (0x0008 if old & 1 else 0) | (0x03F0 if old & 2 else 0) | (0xFC00 if old & 4 else 0)
        new = old | (int.from_bytes(data[2:4], "little") & ~frozen)
        return self.pages[2][:2] + new.to_bytes(2, "little")

    def _dynamic_lock_after(self, data: bytes) -> bytes:
        assert self.model.locks is not None
        page = self.pages[self.model.locks.page]
        value = self.model.locks.after(int.from_bytes(page[:3], "little"), int.from_bytes(data[:3], "little"))
        return value.to_bytes(3, "little") + page[3:]

    def _page_counter_after(self, data: bytes) -> int | None:
        """A counter at 0 takes any value; then a write adds its low nibble. None where it would overflow."""
        assert self.model.counter_page is not None
        count = int.from_bytes(self.pages[self.model.counter_page][:2], "little")
        new = count + (data[0] & 0x0F) if count else int.from_bytes(data[:2], "little")
        return new if new <= _PAGE_COUNTER_END else None


def _kind(model: Model) -> Kind:
    def make(uid: bytes, stored: Mapping[str, Any]) -> Type2Chip:
        pages = [bytes.fromhex(page) for page in stored["pages"]] if "pages" in stored else None
        chip = Type2Chip(model, uid, pages, signature=bytes.fromhex(stored.get("signature", "00" * 32)))
        chip.counter = int(stored.get("counter", 0))
        chip.counters = [int(count) for count in stored.get("counters", chip.counters)]
        chip.failed_passwords = int(stored.get("failed_passwords", 0))
        return chip

    return Kind(make, uid_head=b"\x04", uid_bytes=7)


KINDS: Final = MappingProxyType({name: _kind(model) for name, model in MODELS.items()})
