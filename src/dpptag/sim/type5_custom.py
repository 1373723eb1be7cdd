"""The vendors' own commands of simulated ISO/IEC 15693 chips: passwords and what they protect.

ICODE (NXP SL2S2602 rev 4.2 section 9.5, SL2S2002 rev 3.4 section 9.4.3): after a wrong password the chip is mute until
it loses power; a new password must be given again before it opens anything; PROTECT PAGE needs read and write password.
ST25DV (ST25DV04K data sheet and ST's own SDK, registers and password numbers): a session lasts until another password
is presented or the field goes.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Model:
    """``counter``: a block that counts. ``lockable``: how many blocks Lock Block reaches, None for all.

    ``write_max``: blocks in one Write Multiple, 0 where the chip does not know it.
    """

    name: str
    blocks: int
    ic_reference: int
    maker: int
    uid_head: bytes
    counter: int | None = None
    lockable: int | None = None
    write_max: int = 0


@unique
class Error(IntEnum):
    """ISO/IEC 15693-3 table 7."""

    NOT_SUPPORTED = 0x01
    NOT_RECOGNISED = 0x02
    OPTION = 0x03
    UNKNOWN = 0x0F
    NO_BLOCK = 0x10
    ALREADY_LOCKED = 0x11
    LOCKED = 0x12


class RefusedError(Exception):
    """Inside the chip only: answered with the error flag."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.name)
        self.error = error


class Custom:
    """A chip without commands of its own."""

    def __init__(self) -> None:
        self.changes = 0
        self.mute = False

    def reset(self) -> None:
        """The chip has lost its power."""
        self.mute = False

    def command(self, code: int, body: bytes, *, addressed: bool) -> bytes:
        """What follows the flags of the answer. Raises RefusedError."""
        raise RefusedError(Error.NOT_SUPPORTED)

    def check_read(self, block: int) -> None:
        """Raises RefusedError where a password is missing."""

    def check_write(self, block: int) -> None:
        """Raises RefusedError where a password is missing."""

    def record(self) -> dict[str, Any]:
        return {}

    def restore(self, stored: Mapping[str, Any]) -> None:
        """The inverse of :meth:`record`."""


@unique
class IcodeCommand(IntEnum):
    NXP_SYSTEM_INFORMATION = 0xAB
    GET_RANDOM_NUMBER = 0xB2
    SET_PASSWORD = 0xB3
    WRITE_PASSWORD = 0xB4
    PROTECT_PAGE = 0xB6
    READ_SIGNATURE = 0xBD


READ_PASSWORD: Final = 0x01
WRITE_PASSWORD: Final = 0x02
_DELIVERED: Final = {0x01: bytes(4), 0x02: bytes(4), 0x04: b"\x0f" * 4, 0x08: b"\x0f" * 4, 0x10: bytes(4)}
_PAGE_BITS: Final = 0x33  # read and write, page L in the low and page H in the high half byte
_FEATURES: Final = bytes.fromhex("7F350000")


class Icode(Custom):
    """SLIX2; with ``counter`` None SLIX, which has the EAS/AFI password alone."""

    def __init__(self, uid: bytes, counter: int | None) -> None:
        super().__init__()
        self.uid = uid
        self.counter = counter
        self.passwords = dict(_DELIVERED) if counter is not None else {0x10: _DELIVERED[0x10]}
        self.pointer = 0
        self.condition = 0
        self.signature = bytes(32)
        self._given: set[int] = set()
        self._random: bytes | None = None
        self._drawn = 0

    def reset(self) -> None:
        super().reset()
        self._given.clear()
        self._random = None

    def command(self, code: int, body: bytes, *, addressed: bool) -> bytes:
        if code == IcodeCommand.GET_RANDOM_NUMBER and not body:
            self._drawn += 1
            self._random = zlib.crc32(self.uid + self._drawn.to_bytes(4, "big")).to_bytes(4, "big")[:2]
            return self._random
        if code == IcodeCommand.SET_PASSWORD and len(body) == 5 and addressed:
            return self._set_password(body[0], body[1:])
        if code == IcodeCommand.WRITE_PASSWORD and len(body) == 5 and addressed:
            return self._write_password(body[0], body[1:])
        if self.counter is None:
            raise RefusedError(Error.NOT_SUPPORTED)
        if code == IcodeCommand.NXP_SYSTEM_INFORMATION and not body:
            return bytes((self.pointer, self.condition, 0)) + _FEATURES
        if code == IcodeCommand.READ_SIGNATURE and not body:
            return self.signature
        if code == IcodeCommand.PROTECT_PAGE and len(body) == 2:
            return self._protect_page(*body)
        raise RefusedError(Error.NOT_SUPPORTED)

    def _set_password(self, number: int, masked: bytes) -> bytes:
        """The password comes xored with the last random number, twice."""
        if number not in self.passwords:
            raise RefusedError(Error.NOT_SUPPORTED)
        given = bytes(octet ^ (self._random or b"\0\0")[at % 2] for at, octet in enumerate(masked))
        if self._random is None or given != self.passwords[number]:
            self.mute = True
            raise RefusedError(Error.UNKNOWN)
        self._given.add(number)
        return b""

    def _write_password(self, number: int, password: bytes) -> bytes:
        if number not in self._given:
            raise RefusedError(Error.UNKNOWN)
        self.passwords[number] = password
        self._given.discard(number)
        self.changes += 1
        return b""

    def _protect_page(self, pointer: int, condition: int) -> bytes:
        if not {READ_PASSWORD, WRITE_PASSWORD} <= self._given or condition & ~_PAGE_BITS:
            raise RefusedError(Error.UNKNOWN)
        if self.counter is None or pointer >= self.counter:
            raise RefusedError(Error.NO_BLOCK)
        self.pointer, self.condition = pointer, condition
        self.changes += 1
        return b""

    def _protected(self, block: int, bit: int) -> bool:
        return bool(self.condition >> (4 if block >= self.pointer else 0) & bit)

    def check_read(self, block: int) -> None:
        if block != self.counter and self._protected(block, 0x01) and READ_PASSWORD not in self._given:
            raise RefusedError(Error.UNKNOWN)

    def check_write(self, block: int) -> None:
        self.check_read(block)
        if self._protected(block, 0x02) and WRITE_PASSWORD not in self._given:
            raise RefusedError(Error.UNKNOWN)

    def record(self) -> dict[str, Any]:
        passwords = {str(number): password.hex() for number, password in self.passwords.items()}
        page = [self.pointer, self.condition]
        return {"passwords": passwords, "page": page, "signature": self.signature.hex()}

    def restore(self, stored: Mapping[str, Any]) -> None:
        self.passwords = {int(number): bytes.fromhex(text) for number, text in stored["passwords"].items()}
        self.pointer, self.condition = stored["page"]
        self.signature = bytes.fromhex(stored["signature"])


@unique
class StCommand(IntEnum):
    READ_CONFIGURATION = 0xA0
    WRITE_CONFIGURATION = 0xA1
    WRITE_PASSWORD = 0xB1
    PRESENT_PASSWORD = 0xB3


@unique
class Register(IntEnum):
    """System configuration; RFA1SS: bits 1-0 the password of area 1, bits 3-2 its protection against writing."""

    RFA1SS = 0x04
    ENDA1 = 0x05
    LOCK_CFG = 0x0F


CONFIGURATION: Final = 0
_NEVER: Final = 0x03


class St25dv(Custom):
    """ST25DV04K with one area; password 0 opens the configuration, 1 to 3 an area."""

    def __init__(self) -> None:
        super().__init__()
        self.passwords = [bytes(8)] * 4
        self.registers = {int(Register.RFA1SS): 0x00, int(Register.ENDA1): 0x0F, int(Register.LOCK_CFG): 0x00}
        self._session: int | None = None

    def reset(self) -> None:
        super().reset()
        self._session = None

    def command(self, code: int, body: bytes, *, addressed: bool) -> bytes:
        if code == StCommand.READ_CONFIGURATION and len(body) == 1 and body[0] in self.registers:
            return bytes((self.registers[body[0]],))
        if code == StCommand.WRITE_CONFIGURATION and len(body) == 2 and body[0] in self.registers:
            if self._session != CONFIGURATION or self.registers[Register.LOCK_CFG]:
                raise RefusedError(Error.LOCKED)
            if body[0] != Register.RFA1SS or body[1] > 0x0F:
                raise RefusedError(Error.UNKNOWN)
            self.registers[body[0]] = body[1]
            self.changes += 1
            return b""
        if code == StCommand.PRESENT_PASSWORD and len(body) == 9 and body[0] < 4:
            self._session = body[0] if self.passwords[body[0]] == body[1:] else None
            if self._session is None:
                raise RefusedError(Error.UNKNOWN)
            return b""
        if code == StCommand.WRITE_PASSWORD and len(body) == 9 and body[0] < 4:
            if self._session != body[0]:
                raise RefusedError(Error.LOCKED)
            self.passwords[body[0]] = body[1:]
            self.changes += 1
            return b""
        raise RefusedError(Error.NOT_SUPPORTED)

    def check_write(self, block: int) -> None:
        number, protection = self.registers[Register.RFA1SS] & 3, self.registers[Register.RFA1SS] >> 2
        if protection == _NEVER or (protection and (number == CONFIGURATION or self._session != number)):
            raise RefusedError(Error.LOCKED)

    def record(self) -> dict[str, Any]:
        registers = {str(number): value for number, value in self.registers.items()}
        return {"passwords": [password.hex() for password in self.passwords], "registers": registers}

    def restore(self, stored: Mapping[str, Any]) -> None:
        self.passwords = [bytes.fromhex(text) for text in stored["passwords"]]
        self.registers = {int(number): value for number, value in stored["registers"].items()}
