"""Whom a Mercury command is for: the option byte and the select block (tmr_gen2.h, serial_reader_l3.c of the API)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from dpptag.sim.uhf.air import Selection
from dpptag.sim.uhf.mercury_frames import Fields, Refused, Status

METADATA: Final = 0x10
SUBCOMMAND: Final = 0x40
"""In commands 2D and 2E; elsewhere the bit asks for secure reads, which this module has not."""

_INVERTED: Final = 0x08
_LONG_MASK: Final = 0x20
_MULTI_SELECT: Final = 0x88
"""Before the option byte in clients from about 1.37 on: target and action follow each mask, then 00h."""
_EXTENDED: Final = 0x80
_EPC_AT: Final = 0x20
_PC_AT: Final = 0x10


@unique
class _Kind(IntEnum):
    """The low three bits of the option byte."""

    NONE = 0
    EPC = 1
    TID = 2
    USER = 3
    EPC_AT_POINTER = 4
    PASSWORD_ONLY = 5
    EPC_LENGTH = 6
    TRUNCATE = 7


_BANK: Final = {_Kind.EPC: 1, _Kind.TID: 2, _Kind.USER: 3, _Kind.EPC_AT_POINTER: 1, _Kind.TRUNCATE: 1}


@dataclass(frozen=True, slots=True)
class Option:
    """The option byte, and whether the multi-select prefix came before it."""

    value: int
    multi: bool = False

    @property
    def metadata(self) -> bool:
        return bool(self.value & METADATA)

    def echo(self) -> bytes:
        """How an answer repeats it."""
        return bytes((_MULTI_SELECT, self.value) if self.multi else (self.value,))


@dataclass(frozen=True, slots=True)
class Singulation:
    """Which tag, None for any, and the access password, 0 for none."""

    selection: Selection | None
    password: int = 0


def read_option(fields: Fields, *, subcommand: bool = False) -> Option:
    """The option byte. ``subcommand``: bit 40h must be set (2D, 2E); elsewhere it is refused."""
    value = fields.number(1)
    multi = value == _MULTI_SELECT
    if multi:
        value = fields.number(1)
    if value & _EXTENDED or bool(value & SUBCOMMAND) is not subcommand:
        raise Refused(Status.UNIMPLEMENTED_FEATURE)
    return Option(value, multi)


def read_singulation(fields: Fields, option: Option, *, password: bool = True) -> Singulation:
    """The select block. ``password`` False in lock and kill, where it is a field of its own."""
    kind = _Kind(option.value & 0x07)
    if kind is _Kind.NONE:
        return Singulation(None)
    if kind is _Kind.EPC_LENGTH:
        words = fields.number(2) // 16
        _end_of_select(fields, option)
        return Singulation(Selection(1, _PC_AT, 5, bytes((words << 3 & 0xFF,))))
    code = fields.number(4) if password else 0
    selection = None
    if kind is not _Kind.PASSWORD_ONLY:
        pointer = _EPC_AT if kind is _Kind.EPC else fields.number(4)
        bits = fields.number(2 if option.value & _LONG_MASK else 1)
        mask = fields.take((bits + 7) // 8)
        selection = Selection(_BANK[kind], pointer, bits, mask, bool(option.value & _INVERTED))
    _end_of_select(fields, option)
    return Singulation(selection, code)


def _end_of_select(fields: Fields, option: Option) -> None:
    if not option.multi:
        return
    fields.take(2)  # target and action: this field knows only "answers" and "does not"
    if fields.number(1):
        raise Refused(Status.UNIMPLEMENTED_FEATURE)  # a second select
