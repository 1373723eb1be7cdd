"""The NFC Forum Type 2 chips that are simulated: geometry, lock bits, commands, and memory as delivered.

====================  ============================================================================================
NTAG213, 215, 216     NXP NTAG213_215_216 rev 3.2
NTAG213F, 216F        NXP NTAG213F_216F rev 3.1: the same map. GET_VERSION as readers in the field report it; table 26
                      of that revision prints other bytes
NTAG210, 212          NXP NTAG210_212 rev 3.0
NTAG203               NXP NTAG203 rev 3.0, sections 8.5.2 (lock bytes, in force from the next selection on) and 8.5.4;
                      the place of the counter's own lock bits from memory
ULTRALIGHT            NXP MF0ICU1; when its lock bits come into force from memory, as NTAG203
ULTRALIGHT-EV1-*      NXP MF0ULx1 rev 3.3; NAK 4h at a counter overflow
NTAG-I2C-1K           NXP NT3H1101_1201 rev 3.3, sector 0 up to its lock bytes
NTAG-I2C-PLUS-*       NXP NT3H2111_2211 rev 3.5, sector 0 alone: sector select, session registers and SRAM (EAh and
                      up) are refused. What one lock bit of the 2k covers (32 pages) is from memory
====================  ============================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Final

PAGE: Final = 4
_FIRST_DYNAMIC_PAGE: Final = 16


@unique
class Command(IntEnum):
    """NTAG213_215_216 section 9, MF0ULx1 section 10."""

    PWD_AUTH = 0x1B
    READ = 0x30
    READ_CNT = 0x39
    FAST_READ = 0x3A
    READ_SIG = 0x3C
    CHECK_TEARING_EVENT = 0x3E
    VCSL = 0x4B
    HALT = 0x50
    GET_VERSION = 0x60
    COMPATIBILITY_WRITE = 0xA0
    WRITE = 0xA2
    INCR_CNT = 0xA5


_ULTRALIGHT: Final = frozenset({Command.READ, Command.WRITE, Command.COMPATIBILITY_WRITE, Command.HALT})
_NTAG21X: Final = _ULTRALIGHT | {Command.GET_VERSION, Command.FAST_READ, Command.PWD_AUTH, Command.READ_SIG}
_NTAG_I2C: Final = _NTAG21X - {Command.COMPATIBILITY_WRITE}
_ULTRALIGHT_EV1: Final = _NTAG21X | {
    Command.READ_CNT,
    Command.INCR_CNT,
    Command.CHECK_TEARING_EVENT,
    Command.VCSL,
}


@dataclass(frozen=True, slots=True)
class Locks:
    """The dynamic lock page. Bits count from bit 0 of byte 0 over its first three bytes; what is not named stays 0.

    ``page_bits``: a bit and the first and last page that it closes. ``block_bits``: a bit and the mask of those that it
    freezes. ``last`` is the fourth byte as it reads.
    """

    page: int
    page_bits: tuple[tuple[int, int, int], ...]
    block_bits: tuple[tuple[int, int], ...]
    last: int = 0xBD

    @property
    def mask(self) -> int:
        return sum(1 << bit for bit, *_ in (*self.page_bits, *self.block_bits))

    def closes(self, value: int, page: int) -> bool:
        return any(value >> bit & 1 and first <= page <= last for bit, first, last in self.page_bits)

    def after(self, old: int, written: int) -> int:
        """The lock bytes after a write: OR-ed, save what a block-lock bit set before has frozen."""
        frozen = sum(mask for bit, mask in self.block_bits if old >> bit & 1)
        return old | (written & self.mask & ~frozen)


@dataclass(frozen=True, slots=True)
class Model:
    """One chip; page numbers are absolute. ``version`` is empty where GET_VERSION is refused.

    ``cfg0`` is followed by CFG1, PWD and PACK; None where there is no password. ``counters``: one-way counters that
    INCR_CNT knows. ``nfc_counter``: counts the first read after power-up and can be mirrored. ``counter_page``: a
    16-bit counter that WRITE adds to. ``plain_serial``: UID, SAK and ATQA in pages 0 to 2 without check bytes.
    ``locks_at_selection``: new lock bits are in force from the next selection on.
    """

    name: str
    pages: int
    last_user_page: int
    version: bytes
    delivered: bytes
    """Pages 3 to 5."""
    commands: frozenset[Command]
    locks: Locks | None
    cfg0: int | None
    configuration: bytes = bytes(8)
    """CFG0 and CFG1 as delivered."""
    counters: int = 0
    nfc_counter: bool = False
    counter_page: int | None = None
    plain_serial: bool = False
    locks_at_selection: bool = False
    has_config_lock: bool = True
    rolls_over: bool = True

    @property
    def dynamic_lock(self) -> int | None:
        return None if self.locks is None else self.locks.page

    @property
    def lock_bits(self) -> int:
        """Dynamic lock bits that close user pages."""
        bits = () if self.locks is None else self.locks.page_bits
        return sum(first <= self.last_user_page for _, first, _ in bits)

    @property
    def secrets(self) -> range:
        """PWD and PACK, which read as zeros."""
        return range(0) if self.cfg0 is None else range(self.cfg0 + 2, self.cfg0 + 4)


def _even_locks(page: int, last_user_page: int, group: int, *, last: int = 0xBD) -> Locks:
    """One bit for ``group`` pages from page 16 on, the last group short; in the third byte one bit freezes two."""
    page_bits = tuple(
        (bit, first, min(first + group - 1, last_user_page))
        for bit, first in enumerate(range(_FIRST_DYNAMIC_PAGE, last_user_page + 1, group))
    )
    block_bits = tuple((16 + index, 0b11 << 2 * index) for index in range((len(page_bits) + 1) // 2))
    return Locks(page, page_bits, block_bits, last)


_NTAG203_LOCKS: Final = Locks(
    page=40,
    page_bits=((1, 16, 19), (2, 20, 23), (3, 24, 27), (5, 28, 31), (6, 32, 35), (7, 36, 39), (12, 41, 41)),
    block_bits=((0, 0b0000_1110), (4, 0b1110_0000), (8, 1 << 12)),
    last=0x00,
)
_BLANK: Final = "00000000 00000000 00000000"
_EMPTY_MESSAGE: Final = " 0300FE00 00000000"


def _ntag21x(
    name: str, version: str, pages: int, delivered: str, group: int | None, *, nfc_counter: bool = True
) -> Model:
    """The last pages are the dynamic lock page (where there is one), CFG0, CFG1, PWD and PACK."""
    cfg0 = pages - 4
    last_user_page = cfg0 - (1 if group is None else 2)
    return Model(
        name,
        pages,
        last_user_page,
        bytes.fromhex(version),
        bytes.fromhex(delivered),
        _NTAG21X | {Command.READ_CNT} if nfc_counter else _NTAG21X,
        None if group is None else _even_locks(cfg0 - 1, last_user_page, group),
        cfg0,
        bytes.fromhex("040000FF 00050000" if nfc_counter else "000000FF 00050000"),
        nfc_counter=nfc_counter,
    )


def _ultralight_ev1(name: str, storage: str, pages: int, group: int | None) -> Model:
    cfg0 = pages - 4
    last_user_page = cfg0 - (1 if group is None else 2)
    return Model(
        name,
        pages,
        last_user_page,
        bytes.fromhex(f"000403010100{storage}03"),
        bytes.fromhex(_BLANK),
        _ULTRALIGHT_EV1,
        None if group is None else _even_locks(cfg0 - 1, last_user_page, group),
        cfg0,
        bytes.fromhex("000000FF 00050000"),
        counters=3,
    )


def _ntag_i2c(name: str, storage: str) -> Model:
    """The first generation: no password and no signature; its registers (E8h and up) are refused here."""
    return Model(
        name,
        0xE3,
        0xE1,
        bytes.fromhex(f"000404050201{storage}03"),
        bytes.fromhex("E1106D00" + _EMPTY_MESSAGE),
        _NTAG_I2C - {Command.PWD_AUTH, Command.READ_SIG},
        _even_locks(0xE2, 0xE1, 16, last=0x00),
        None,
        plain_serial=True,
        rolls_over=False,
    )


def _ntag_i2c_plus(name: str, storage: str, group: int) -> Model:
    return Model(
        name,
        0xEA,
        0xE1,
        bytes.fromhex(f"000404050202{storage}03"),
        bytes.fromhex("E1106D00" + _EMPTY_MESSAGE),
        _NTAG_I2C,
        _even_locks(0xE2, 0xE1, group, last=0x00),
        0xE3,
        bytes.fromhex("000000FF 00000000"),
        plain_serial=True,
        has_config_lock=False,
        rolls_over=False,
    )


MODELS: Final = MappingProxyType(
    {
        model.name: model
        for model in (
            _ntag21x("NTAG213", "0004040201000F03", 45, "E1101200 0103A00C 340300FE", 2),
            _ntag21x("NTAG215", "0004040201001103", 135, "E1103E00" + _EMPTY_MESSAGE, 16),
            _ntag21x("NTAG216", "0004040201001303", 231, "E1106D00" + _EMPTY_MESSAGE, 16),
            _ntag21x("NTAG213F", "0004040401000F03", 45, "E1101200 0103A00C 340300FE", 2),
            _ntag21x("NTAG216F", "0004040401001303", 231, "E1106D00" + _EMPTY_MESSAGE, 16),
            _ntag21x("NTAG210", "0004040101000B03", 20, "E1100600" + _EMPTY_MESSAGE, None, nfc_counter=False),
            _ntag21x("NTAG212", "0004040101000E03", 41, "E1101000 0103900A 340300FE", 2, nfc_counter=False),
            Model(
                "NTAG203",
                42,
                39,
                b"",
                bytes.fromhex("E1101200 0103A010 440300FE"),
                _ULTRALIGHT,
                _NTAG203_LOCKS,
                None,
                counter_page=41,
                locks_at_selection=True,
            ),
            Model(
                "ULTRALIGHT",
                16,
                15,
                b"",
                bytes.fromhex(_BLANK),
                _ULTRALIGHT,
                None,
                None,
                locks_at_selection=True,
            ),
            _ultralight_ev1("ULTRALIGHT-EV1-48", "0B", 20, None),
            _ultralight_ev1("ULTRALIGHT-EV1-128", "0E", 41, 2),
            _ntag_i2c("NTAG-I2C-1K", "13"),
            _ntag_i2c_plus("NTAG-I2C-PLUS-1K", "13", 16),
            _ntag_i2c_plus("NTAG-I2C-PLUS-2K", "15", 32),
        )
    }
)


def factory_pages(model: Model, uid: bytes) -> list[bytes]:
    """The memory as delivered, real PWD and PACK included; BCC0 and BCC1 as ISO/IEC 14443-3 6.5.4."""
    pages = [bytes(PAGE)] * model.pages
    if len(uid) == 7 and model.plain_serial:
        pages[0:3] = [uid[:4], uid[4:] + b"\x00", b"\x44\x00\x00\x00"]
    elif len(uid) == 7:
        bcc0 = 0x88 ^ uid[0] ^ uid[1] ^ uid[2]
        bcc1 = uid[3] ^ uid[4] ^ uid[5] ^ uid[6]
        pages[0:3] = [uid[:3] + bytes((bcc0,)), uid[3:], bytes((bcc1, 0x48, 0x00, 0x00))]
    else:
        pages[0] = uid
        pages[1] = bytes((uid[0] ^ uid[1] ^ uid[2] ^ uid[3], 0x48, 0x00, 0x00))
    pages[3:6] = [model.delivered[at : at + PAGE] for at in range(0, 3 * PAGE, PAGE)]
    if model.locks is not None:
        pages[model.locks.page] = bytes((0x00, 0x00, 0x00, model.locks.last))
    if model.cfg0 is not None:
        pages[model.cfg0] = model.configuration[:PAGE]
        pages[model.cfg0 + 1] = model.configuration[PAGE:]
        pages[model.cfg0 + 2] = bytes((0xFF, 0xFF, 0xFF, 0xFF))
    return pages
