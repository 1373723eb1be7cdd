"""Legacy authentication of DESFire (command 0Ah, DES), the card's side: what libfreefare and delivered cards speak.

After it commands go plain; its MACed and enciphered modes are not modelled, and what wants them is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dpptag.sim import des
from dpptag.sim.aes import xor
from dpptag.sim.ev2 import Mode, NativeStatus, Session
from dpptag.sim.native_files import FileChip
from dpptag.sim.native_memory import Key
from dpptag.sim.type4 import StatusError, status_bytes


@dataclass(slots=True)
class LegacySession(Session):
    """Says which key was proved, and takes commands as they come; ``key`` is the session's for what is enciphered."""

    plain: ClassVar[bool] = True
    key: bytes = bytes(des.BLOCK)

    def open(self, code: int, body: bytes, header: int, mode: Mode) -> bytes:
        if mode is Mode.FULL:
            raise StatusError(NativeStatus.INTEGRITY)
        return body

    def close(self, data: bytes, mode: Mode) -> bytes:
        return data


@dataclass(frozen=True, slots=True)
class _Challenge:
    key_number: int
    key: bytes
    rnd_b: bytes


class LegacyChip(FileChip):
    """A card whose own key, and those of applications that are not of AES keys, are single DES keys."""

    card: Key
    """The card's own key: 8 bytes of DES, 16 of AES."""
    _legacy: _Challenge | None = None

    def abandon(self) -> None:
        super().abandon()
        self._legacy = None

    def in_progress(self) -> bool:
        return self._legacy is not None or super().in_progress()

    def continued(self, body: bytes) -> bytes:
        if self._legacy is None:
            return super().continued(body)
        challenge, self._legacy = self._legacy, None
        return self._proved(challenge, body) + status_bytes(NativeStatus.OK)

    def legacy_challenge(self, body: bytes) -> bytes:
        """First part: RndB, encrypted. A key of an AES application is refused."""
        if len(body) != 1:
            raise StatusError(NativeStatus.LENGTH)
        keys = [self.card.value]
        if self.application is not None:
            if self.application.aes:
                raise StatusError(NativeStatus.AUTHENTICATION)
            keys = [key.value[: des.BLOCK] for key in self.application.keys]
        elif len(self.card.value) != des.BLOCK:
            raise StatusError(NativeStatus.AUTHENTICATION)
        if body[0] >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        self.session = None
        self._legacy = _Challenge(body[0], keys[body[0]], self.random(des.BLOCK))
        self.success = NativeStatus.ADDITIONAL_FRAME
        return des.encrypt_block(self._legacy.key, self._legacy.rnd_b)

    def _proved(self, challenge: _Challenge, body: bytes) -> bytes:
        """Second part: the reader deciphers where it sends, so that the card only ever encrypts."""
        if len(body) != 2 * des.BLOCK:
            raise StatusError(NativeStatus.LENGTH)
        first, second = body[: des.BLOCK], body[des.BLOCK :]
        rnd_a = des.encrypt_block(challenge.key, first)
        if xor(des.encrypt_block(challenge.key, second), first) != challenge.rnd_b[1:] + challenge.rnd_b[:1]:
            raise StatusError(NativeStatus.AUTHENTICATION)
        self.session = LegacySession(
            challenge.key_number, b"", b"", b"", key=rnd_a[: des.BLOCK // 2] + challenge.rnd_b[: des.BLOCK // 2]
        )
        return des.encrypt_block(challenge.key, rnd_a[1:] + rnd_a[:1])

    def deciphered(self, block: bytes) -> int:
        """One byte that a legacy session sends in a block of its own, with CRC_A and zeros behind it."""
        session = self.need_session()
        if not isinstance(session, LegacySession):
            raise StatusError(NativeStatus.AUTHENTICATION)
        if len(block) != des.BLOCK:
            raise StatusError(NativeStatus.LENGTH)
        plain = des.encrypt_block(session.key, block)
        if plain[1:3] != crc_a(plain[:1]) or any(plain[3:]):
            raise StatusError(NativeStatus.INTEGRITY)
        return plain[0]


def crc_a(data: bytes) -> bytes:
    """CRC_A (ISO/IEC 14443-3 annex B), low byte first."""
    value = 0x6363
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value.to_bytes(2, "little")
