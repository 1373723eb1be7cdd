"""Simulated ST25TA02K (ST DocID027801 rev 4), with the command details of its forerunners that share its command set:
SRTAG2KL (DocID026583 rev 2) and M24SR02 (DocID025386 rev 10); clauses are those of SRTAG2KL.

What those leave open is settled to the stricter side: READ BINARY past the end of the NDEF message (3.1.3) is 6282h
with no data, EXTENDED READ BINARY alone reads on; every change of the access rights, permanent ones too, wants the
write password verified first (3.2); a password that was refused three times in a session is not tried again.
From memory are the ATS (FSC 64, which holds the 54 bytes of one write) and the NDEF file as delivered (length 0).

Units of ``program`` are lines of 16 bytes of the NDEF file. A torn write keeps half of its last line; a torn change of
a password or of a right has not happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, unique
from types import MappingProxyType
from typing import Any, Final

from dpptag.sim.chip import Kind
from dpptag.sim.iso_dep import IsoDepChip
from dpptag.sim.type4 import (
    CC_FILE,
    LINE,
    NDEF_APPLICATION,
    Apdu,
    Status,
    StatusError,
    half_torn,
    program_file,
    status_bytes,
)

_SYSTEM_FILE: Final = 0xE101
_NDEF_FILE: Final = 0x0001
_SIZE: Final = 256
_MOST_READ: Final = 255
_MOST_WRITTEN: Final = 54
_PASSWORD: Final = 16
_TRIES: Final = 3
_PRODUCT: Final = 0xE2
_COUNTER_MAX: Final = 0xFFFFF

# The counter's configuration byte in the system file (3.1.4): bit 7 locks the byte, bit 1 counts, bit 0 writes.
_COUNTER_LOCKED: Final = 0x80
_COUNTS: Final = 0x02
_COUNTS_WRITES: Final = 0x01
_COUNTER_BYTE: Final = 3


@unique
class StStatus(IntEnum):
    """What ISO/IEC 7816-4 table 6 leaves to the chip."""

    END_OF_FILE = 0x6282
    PASSWORD_NEEDED = 0x6300
    PASSWORD_WRONG = 0x63C0
    NOT_USABLE = 0x6984


@unique
class Side(IntEnum):
    """P2 of the password commands (5.7): which password, and which right."""

    READ = 1
    WRITE = 2


@unique
class Right(Enum):
    """Access bytes of the CC (3.2.1)."""

    FREE = 0x00
    LOCKED = 0x80
    NEVER_READ = 0xFE
    NEVER_WRITTEN = 0xFF


class St25ta(IsoDepChip):
    """One chip, ``stored`` as :meth:`record` gave it; an empty mapping is a delivered chip."""

    def __init__(self, uid: bytes, stored: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.ndef = bytearray.fromhex(stored.get("ndef", "00" * _SIZE))
        self.rights = {
            Side.READ: Right(stored.get("read", Right.FREE.value)),
            Side.WRITE: Right(stored.get("write", Right.FREE.value)),
        }
        passwords = stored.get("passwords", ["00" * _PASSWORD] * 2)
        self.passwords = {side: bytes.fromhex(text) for side, text in zip(Side, passwords, strict=True)}
        self.counter: int = stored.get("counter", 0)
        self.counter_configuration: int = stored.get("counter_configuration", 0)
        self._file: int | None = None
        self._in_application = False
        self._counted = False
        self._verified: set[Side] = set()
        self._tries = dict.fromkeys(Side, _TRIES)
        super().__init__(uid)

    @property
    def kind(self) -> str:
        return "ST25TA02K"

    @property
    def atqa(self) -> int:
        return 0x0042

    @property
    def ats(self) -> bytes:
        return bytes.fromhex("0575806002")

    def record(self) -> dict[str, Any]:
        return {
            "ndef": self.ndef.hex(),
            "read": self.rights[Side.READ].value,
            "write": self.rights[Side.WRITE].value,
            "passwords": [self.passwords[side].hex() for side in Side],
            "counter": self.counter,
            "counter_configuration": self.counter_configuration,
        }

    def fade(self, unit: int) -> None:
        """One bit of a line of the NDEF file is wrong from now on."""
        if 0 <= unit * LINE < _SIZE:
            self.ndef[unit * LINE] ^= 1
            self.changes += 1

    # Files as they are read

    @property
    def cc(self) -> bytes:
        """3.1.2: MLe 255, MLc 54, one NDEF file of 256 bytes; the rights are kept here."""
        head = bytes.fromhex("000F20") + _MOST_READ.to_bytes(2, "big") + _MOST_WRITTEN.to_bytes(2, "big")
        place = bytes.fromhex("0406") + _NDEF_FILE.to_bytes(2, "big") + _SIZE.to_bytes(2, "big")
        return head + place + bytes((self.rights[Side.READ].value, self.rights[Side.WRITE].value))

    @property
    def system(self) -> bytes:
        """3.1.4: length, a reserved byte, counter configuration, counter, version, UID, memory size less 1, product."""
        counter = bytes((self.counter_configuration,)) + self.counter.to_bytes(3, "big")
        return b"\x00\x12\x00" + counter + b"\x13" + self.uid + (_SIZE - 1).to_bytes(2, "big") + bytes((_PRODUCT,))

    # Commands

    def deactivated(self) -> None:
        self._file = None
        self._in_application = self._counted = False
        self._verified = set()
        self._tries = dict.fromkeys(Side, _TRIES)

    def respond(self, command: bytes) -> bytes:
        try:
            apdu = Apdu.from_bytes(command)
            return self._executed(apdu) + status_bytes(Status.OK)
        except StatusError as refusal:
            return status_bytes(refusal.status)

    def _executed(self, apdu: Apdu) -> bytes:
        match apdu.cla, apdu.ins:
            case 0x00, 0xA4:
                return self._select(apdu)
            case 0x00, 0xB0:
                return self._read(apdu, extended=False)
            case 0xA2, 0xB0:
                return self._read(apdu, extended=True)
            case 0x00, 0xD6:
                return self._update(apdu)
            case 0x00, 0x20:
                return self._verify(apdu)
            case 0x00, 0x24:
                return self._change_password(apdu)
            case 0x00, 0x28:
                return self._set_right(apdu, Right.LOCKED)
            case 0x00, 0x26:
                return self._set_right(apdu, Right.FREE)
            case 0xA2, 0x28:
                return self._set_right(apdu, None)
            case ((0x00 | 0xA2), _):
                raise StatusError(Status.UNKNOWN_INS)
            case _:
                raise StatusError(Status.UNKNOWN_CLA)

    def _select(self, apdu: Apdu) -> bytes:
        """5.6.3 to 5.6.6. A new selection forgets passwords (3.3)."""
        match apdu.p1, apdu.p2:
            case 0x04, 0x00:
                if apdu.data != NDEF_APPLICATION:
                    raise StatusError(Status.NOT_FOUND)
                self._in_application, self._file, self._counted = True, None, False
            case 0x00, 0x0C:
                if len(apdu.data) != 2:
                    raise StatusError(Status.WRONG_LENGTH)
                identifier = int.from_bytes(apdu.data, "big")
                if not self._in_application or identifier not in (_SYSTEM_FILE, CC_FILE, _NDEF_FILE):
                    raise StatusError(Status.NOT_FOUND)
                self._file = identifier
            case _:
                raise StatusError(Status.WRONG_P1_P2)
        self._verified = set()
        return b""

    def _granted(self, side: Side) -> bool:
        right = self.rights[side]
        return right is Right.FREE or (right is Right.LOCKED and side in self._verified)

    def _read(self, apdu: Apdu, *, extended: bool) -> bytes:
        """5.6.7 and 5.8.1. READ BINARY keeps to the NDEF message, the extended one to the file."""
        if self._file is None or (extended and self._file != _NDEF_FILE):
            raise StatusError(Status.NOT_FOUND)
        if apdu.data or apdu.expected is None or apdu.expected > _MOST_READ:
            raise StatusError(Status.WRONG_LENGTH)
        content = {_SYSTEM_FILE: self.system, CC_FILE: self.cc}.get(self._file, bytes(self.ndef))
        if self._file == _NDEF_FILE and not self._granted(Side.READ):
            raise StatusError(Status.SECURITY)
        end = apdu.offset + apdu.expected
        if end > len(content):
            raise StatusError(Status.WRONG_LENGTH if extended else StStatus.END_OF_FILE)
        if self._file == _NDEF_FILE:
            if not extended and end > max(2, 2 + int.from_bytes(self.ndef[:2], "big")):
                raise StatusError(StStatus.END_OF_FILE)
            self._count(writing=False)
        return content[apdu.offset : end]

    def _update(self, apdu: Apdu) -> bytes:
        """5.6.8: the NDEF file, or the counter's configuration in the system file."""
        if self._file is None:
            raise StatusError(Status.NOT_FOUND)
        if not apdu.data or len(apdu.data) > _MOST_WRITTEN:
            raise StatusError(Status.WRONG_LENGTH)
        if self._file == _SYSTEM_FILE:
            return self._configure_counter(apdu)
        if self._file == CC_FILE or not self._granted(Side.WRITE):
            raise StatusError(Status.SECURITY)
        if apdu.offset + len(apdu.data) > _SIZE:
            raise StatusError(Status.NO_ROOM)
        data = half_torn(apdu.offset, apdu.data) if self.torn_before() else apdu.data
        program_file(self.ndef, apdu.offset, data, self.program)
        self.changes += 1
        self._count(writing=True)
        return b""

    def _configure_counter(self, apdu: Apdu) -> bytes:
        """3.5: only the one byte, and not once it is locked. Switched off, the counter begins again."""
        if apdu.offset != _COUNTER_BYTE or len(apdu.data) != 1 or self.counter_configuration & _COUNTER_LOCKED:
            raise StatusError(Status.SECURITY)
        if not self.torn_before():
            self.counter_configuration = apdu.data[0]
            self.counter = self.counter if apdu.data[0] & _COUNTS else 0
            self.changes += 1
        return b""

    def _count(self, *, writing: bool) -> None:
        """3.5: the first read, or the first write, after a selection of the application."""
        configured = self.counter_configuration
        if self._counted or not configured & _COUNTS or bool(configured & _COUNTS_WRITES) != writing:
            return
        self._counted = True
        self.counter = min(self.counter + 1, _COUNTER_MAX)
        self.changes += 1

    # Passwords and rights (5.7, 5.8.2)

    def _side(self, apdu: Apdu) -> Side:
        if apdu.p1 or apdu.p2 not in (Side.READ, Side.WRITE):
            raise StatusError(Status.WRONG_P1_P2)
        return Side(apdu.p2)

    def _verify(self, apdu: Apdu) -> bytes:
        """Without a password it only asks whether one is needed: 6300h, or 9000h."""
        side = self._side(apdu)
        if self._file != _NDEF_FILE or self.rights[side] in (Right.NEVER_READ, Right.NEVER_WRITTEN):
            raise StatusError(StStatus.NOT_USABLE)
        if not apdu.data:
            if self.rights[side] is Right.LOCKED:
                raise StatusError(StStatus.PASSWORD_NEEDED)
            return b""
        if len(apdu.data) != _PASSWORD:
            raise StatusError(Status.WRONG_DATA)
        if not self._tries[side]:
            raise StatusError(StStatus.PASSWORD_WRONG)
        if apdu.data != self.passwords[side]:
            self._verified.discard(side)
            self._tries[side] -= 1
            raise StatusError(StStatus.PASSWORD_WRONG + self._tries[side])
        self._verified.add(side)
        self._tries[side] = _TRIES
        return b""

    def _change_password(self, apdu: Apdu) -> bytes:
        side = self._side(apdu)
        if len(apdu.data) != _PASSWORD:
            raise StatusError(Status.WRONG_DATA)
        self._need_write_password()
        if not self.torn_before():
            self.passwords[side] = apdu.data
            self.changes += 1
        return b""

    def _set_right(self, apdu: Apdu, right: Right | None) -> bytes:
        """A right that is never any more cannot be changed; None makes it so."""
        side = self._side(apdu)
        if apdu.data:
            raise StatusError(Status.WRONG_LENGTH)
        self._need_write_password()
        never = Right.NEVER_READ if side is Side.READ else Right.NEVER_WRITTEN
        if self.rights[side] is never and right is not None:
            raise StatusError(Status.SECURITY)
        if not self.torn_before():
            self.rights[side] = right or never
            self.changes += 1
        return b""

    def _need_write_password(self) -> None:
        if self._file != _NDEF_FILE:
            raise StatusError(Status.WRONG_DATA)
        if Side.WRITE not in self._verified:
            raise StatusError(Status.SECURITY)


def _made(uid: bytes, stored: Mapping[str, Any]) -> St25ta:
    return St25ta(uid, stored)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType({"ST25TA02K": Kind(_made, bytes((0x02, _PRODUCT)), 7)})
