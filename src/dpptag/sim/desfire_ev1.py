"""Secure messaging of DESFire EV1, the card's side: ISO authentication with DES keys (1Ah) and with AES keys (AAh).

One initialisation vector runs through a session: every encryption and every CMAC, sent or received, begins with the
last block of the one before. A command that is not enciphered goes plain and moves the vector by its CMAC; its answer
carries 8 bytes of CMAC over data and status. What is enciphered carries CRC-32 over command code, header and data.

Sources: libfreefare (mifare_desfire_crypto.c), the proxmark3 client (desfiresecurechan.c, desfirecore.c) and the
"DESFire EV1 Communication Examples" in sotechcllc/RFDoorLock, whose exchanges the tests replay.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpptag.sim import aes, des
from dpptag.sim.aes import xor
from dpptag.sim.desfire_legacy import LegacyChip
from dpptag.sim.ev2 import MAC, Mode, NativeStatus, Session
from dpptag.sim.native import crc32
from dpptag.sim.native_memory import Key
from dpptag.sim.type4 import StatusError, status_bytes

_CRC = 4
_WRITES = frozenset({0x3D, 0x8D})


def _encrypt(key: bytes, data: bytes, iv: bytes) -> bytes:
    """CBC of whole blocks, by AES or single DES as the key's length says."""
    if len(key) == aes.BLOCK:
        return aes.cbc_encrypt(key, data, iv)
    out = b""
    for start in range(0, len(data), des.BLOCK):
        iv = des.encrypt_block(key, xor(data[start : start + des.BLOCK], iv))
        out += iv
    return out


def _decrypt(key: bytes, data: bytes, iv: bytes) -> bytes:
    if len(key) == aes.BLOCK:
        return aes.cbc_decrypt(key, data, iv)
    out = b""
    for start in range(0, len(data), des.BLOCK):
        block = data[start : start + des.BLOCK]
        out += xor(des.decrypt_block(key, block), iv)
        iv = block
    return out


def _doubled(block: bytes) -> bytes:
    """NIST SP 800-38B 6.1: subkeys of blocks of 16 and of 8 bytes."""
    bits = 8 * len(block)
    value = int.from_bytes(block, "big") << 1
    if value >> bits:
        value = value & (1 << bits) - 1 ^ (0x87 if bits == 128 else 0x1B)
    return value.to_bytes(len(block), "big")


@dataclass(slots=True)
class Ev1Session(Session):
    """``key`` has 16 bytes (AES) or 8 (DES); ``iv`` one block."""

    key: bytes = b""
    iv: bytes = b""

    def _cmac(self, data: bytes) -> bytes:
        size = len(self.key)
        first = _doubled(_encrypt(self.key, bytes(size), bytes(size)))
        if data and len(data) % size == 0:
            last = first
        else:
            data += b"\x80"
            data += bytes(-len(data) % size)
            last = _doubled(first)
        data = data[:-size] + xor(data[-size:], last)
        self.iv = _encrypt(self.key, data, self.iv)[-size:]
        return self.iv[:MAC]

    def deciphered(self, body: bytes) -> bytes:
        if not body or len(body) % len(self.key):
            raise StatusError(NativeStatus.LENGTH)
        plain = _decrypt(self.key, body, self.iv)
        self.iv = body[-len(self.key) :]
        return plain

    def open(self, code: int, body: bytes, header: int, mode: Mode) -> bytes:
        if mode is not Mode.FULL or len(body) <= header:
            if code in _WRITES and mode is Mode.MAC:
                body, mac = body[:-MAC], body[-MAC:]
                if self._cmac(bytes((code,)) + body) != mac:
                    raise StatusError(NativeStatus.INTEGRITY)
            else:
                self._cmac(bytes((code,)) + body)
            return body
        head, plain = body[:header], self.deciphered(body[header:])
        for end in range(len(plain) - _CRC + 1):  # the shortest: CRC bytes and zeros can have a true CRC in turn
            data, crc, rest = plain[:end], plain[end : end + _CRC], plain[end + _CRC :]
            if not any(rest) and crc == crc32(bytes((code,)) + head + data):
                return head + data
        raise StatusError(NativeStatus.INTEGRITY)

    def close(self, data: bytes, mode: Mode) -> bytes:
        if mode is not Mode.FULL or not data:
            return data + self._cmac(data + b"\x00")
        data += crc32(data + b"\x00")
        sealed = _encrypt(self.key, data + bytes(-len(data) % len(self.key)), self.iv)
        self.iv = sealed[-len(self.key) :]
        return sealed


@dataclass(frozen=True, slots=True)
class _Challenge:
    key_number: int
    key: Key
    rnd_b: bytes
    sent: bytes


class Ev1Chip(LegacyChip):
    """A card whose own key is a single DES key or, once changed to it, an AES key."""

    _ev1: _Challenge | None = None

    def abandon(self) -> None:
        super().abandon()
        self._ev1 = None

    def in_progress(self) -> bool:
        return self._ev1 is not None or super().in_progress()

    def continued(self, body: bytes) -> bytes:
        if self._ev1 is None:
            return super().continued(body)
        challenge, self._ev1 = self._ev1, None
        return self._ev1_proved(challenge, body) + status_bytes(NativeStatus.OK)

    def all_keys(self) -> list[Key]:
        """Of the application selected, or the card's own one."""
        return [self.card] if self.application is None else self.application.keys

    def has_aes_keys(self) -> bool:
        return len(self.card.value) == aes.BLOCK if self.application is None else self.application.aes

    def iso_challenge(self, body: bytes) -> bytes:
        """1Ah: of DES keys alone; 3DES keys are not modelled."""
        return self._ev1_challenge(body, des.BLOCK)

    def aes_challenge(self, body: bytes) -> bytes:
        """AAh."""
        return self._ev1_challenge(body, aes.BLOCK)

    def _ev1_challenge(self, body: bytes, size: int) -> bytes:
        if len(body) != 1:
            raise StatusError(NativeStatus.LENGTH)
        if self.has_aes_keys() != (size == aes.BLOCK):
            raise StatusError(NativeStatus.AUTHENTICATION)
        keys = self.all_keys()
        if body[0] >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        self.session = None
        rnd_b, key = self.random(size), keys[body[0]]
        sent = _encrypt(key.value[:size], rnd_b, bytes(size))
        self._ev1 = _Challenge(body[0], key, rnd_b, sent)
        self.success = NativeStatus.ADDITIONAL_FRAME
        return sent

    def _ev1_proved(self, challenge: _Challenge, body: bytes) -> bytes:
        size = len(challenge.rnd_b)
        if len(body) != 2 * size:
            raise StatusError(NativeStatus.LENGTH)
        key = challenge.key.value[:size]
        plain = _decrypt(key, body, challenge.sent)
        rnd_a, rnd_b = plain[:size], challenge.rnd_b
        if plain[size:] != rnd_b[1:] + rnd_b[:1]:
            self._count_failure(challenge.key)
            raise StatusError(NativeStatus.AUTHENTICATION)
        session_key = rnd_a[:4] + rnd_b[:4]
        if size == aes.BLOCK:
            session_key += rnd_a[12:] + rnd_b[12:]
        self.session = Ev1Session(challenge.key_number, b"", b"", b"", key=session_key, iv=bytes(size))
        return _encrypt(key, rnd_a[1:] + rnd_a[:1], body[-size:])

    def changed_key(self, session: Ev1Session, body: bytes) -> tuple[int, Key]:
        """C4h: number and value of the key that is sent, checked.

        Another key than the session's is sent xored with what is there, and a CRC of itself follows. The card's own
        key takes its type in the upper two bits of the number: 80h AES, 00h DES.
        """
        if len(body) < 2:
            raise StatusError(NativeStatus.LENGTH)
        number, plain = body[0] & 0x3F, session.deciphered(body[1:])
        keys = self.all_keys()
        if number >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        kind = body[0] >> 6
        if self.application is None:
            to_aes = {2: True, 0: False}.get(kind)
        else:
            to_aes = True if kind == 0 and self.application.aes else None
        if to_aes is None:
            raise StatusError(NativeStatus.PARAMETER)
        own = number == session.key_number
        size = aes.BLOCK + 1 if to_aes else aes.BLOCK
        value = plain[: aes.BLOCK] if own else xor(plain[: aes.BLOCK], keys[number].value)
        sums = crc32(b"\xc4" + body[:1] + plain[:size]) + (b"" if own else crc32(value))
        if plain[size : size + len(sums)] != sums or any(plain[size + len(sums) :]):
            raise StatusError(NativeStatus.INTEGRITY)
        if to_aes:
            return number, Key(value, plain[aes.BLOCK])
        if value[: des.BLOCK] != value[des.BLOCK :]:
            raise StatusError(NativeStatus.PARAMETER)
        return number, Key(value[: des.BLOCK])
