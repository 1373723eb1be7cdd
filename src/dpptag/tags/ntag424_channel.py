"""EV2 secure messaging, the reader's side: authentication, session keys, MACs and encryption (AES mode).

Sources: NT4H2421Gx rev 3.0 sections 9.1 and 10.4.1; examples of AN12196. LRP mode is not spoken.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import IntEnum, unique
from typing import Final

from dpptag.crypto import AES_BYTES, aes_cbc_decrypt, aes_cbc_encrypt, aes_cmac, aes_encrypt_block, is_same
from dpptag.errors import TagLost, TagRefused
from dpptag.links.nfc import ApduLink
from dpptag.tags.type4_apdu import Status, exchange, native_apdu, refused

MAC_BYTES: Final = 8
_AUTHENTICATE_EV2_FIRST: Final = 0x71
_ADDITIONAL_FRAME: Final = 0xAF
_NO_CAPABILITIES: Final = b"\0"  # LenCap: AES mode is asked for by saying nothing
_CAPABILITY_BYTES: Final = 6
_ZERO_IV: Final = bytes(AES_BYTES)
_ENC_LABEL: Final = bytes.fromhex("A55A00010080")
_MAC_LABEL: Final = bytes.fromhex("5AA500010080")
_COMMAND_IV: Final = bytes.fromhex("A55A")
_ANSWER_IV: Final = bytes.fromhex("5AA5")
_LAST_COUNTER: Final = 0xFFFF

Random = Callable[[int], bytes]


@unique
class Mode(IntEnum):
    """CommMode (NT4H2421Gx 8.2.3.5)."""

    PLAIN = 0
    MAC = 1
    FULL = 3


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """SesAuthENCKey and SesAuthMACKey (9.1.7). The data sheet counts the bytes of both numbers from the right."""
    mixed = bytes(a ^ b for a, b in zip(rnd_a[2:8], rnd_b[:6], strict=True))
    context = rnd_a[:2] + mixed + rnd_b[6:] + rnd_a[8:]
    return aes_cmac(key, _ENC_LABEL + context), aes_cmac(key, _MAC_LABEL + context)


def padded(data: bytes) -> bytes:
    """Padding method 2 of ISO/IEC 9797-1: always 80h, then zeros to a whole block."""
    return data + b"\x80" + bytes(-(len(data) + 1) % AES_BYTES)


def unpadded(data: bytes) -> bytes:
    """Raises ValueError where the padding is none."""
    body = data.rstrip(b"\0")
    if not body.endswith(b"\x80") or len(data) - len(body) >= AES_BYTES:
        raise ValueError("no padding")
    return body[:-1]


def rotated(number: bytes) -> bytes:
    """One byte to the left."""
    return number[1:] + number[:1]


class Ev2Session:
    """The cryptography of one authenticated state, without a link. ``counter`` is CmdCtr."""

    __slots__ = ("_enc_key", "_mac_key", "counter", "transaction")

    def __init__(self, transaction: bytes, enc_key: bytes, mac_key: bytes, counter: int = 0) -> None:
        self.transaction = transaction
        self._enc_key = enc_key
        self._mac_key = mac_key
        self.counter = counter

    def __repr__(self) -> str:
        return f"Ev2Session({self.transaction.hex()}, {self.counter})"

    def _mac(self, code: int, body: bytes) -> bytes:
        """MACt: every second byte of the CMAC (9.1.3)."""
        head = bytes((code,)) + self.counter.to_bytes(2, "little") + self.transaction
        return aes_cmac(self._mac_key, head + body)[1::2]

    def _iv(self, label: bytes) -> bytes:
        block = label + self.transaction + self.counter.to_bytes(2, "little")
        return aes_encrypt_block(self._enc_key, block.ljust(AES_BYTES, b"\0"))

    def command(self, ins: int, header: bytes, data: bytes, mode: Mode) -> bytes:
        """The data field of a command; ``header`` (a key or file number, an offset) is never encrypted.

        Counts the command: :meth:`answer` is for its answer.
        """
        if self.counter >= _LAST_COUNTER:
            raise ValueError("the session's command counter is spent")
        if mode is Mode.FULL and data:
            data = aes_cbc_encrypt(self._enc_key, self._iv(_COMMAND_IV), padded(data))
        mac = b"" if mode is Mode.PLAIN else self._mac(ins, header + data)
        self.counter += 1
        return header + data + mac

    def answer(self, data: bytes, mode: Mode) -> bytes:
        """The plain data of an answer whose status is 9100h. Raises ValueError where its MAC or padding is false."""
        if mode is Mode.PLAIN:
            return data
        body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if not is_same(mac, self._mac(Status.NATIVE_OK & 0xFF, body)):
            raise ValueError("the MAC of the answer is false")
        if mode is Mode.FULL and body:
            if len(body) % AES_BYTES:
                raise ValueError("the answer is no whole number of blocks")
            return unpadded(aes_cbc_decrypt(self._enc_key, self._iv(_ANSWER_IV), body))
        return body


class Ev2Channel:
    """An authenticated state of the chip behind ``link``; ended by the next authentication, selection or error."""

    __slots__ = ("_link", "_session")

    def __init__(self, link: ApduLink, session: Ev2Session) -> None:
        self._link = link
        self._session = session

    def send(
        self, what: str, ins: int, header: bytes, data: bytes = b"", *, mode: Mode = Mode.FULL, ends: bool = False
    ) -> bytes:
        """One command and its answer, both secured as ``mode`` says.

        ``ends``: the command ends the authentication, so its answer carries no MAC. Raises TagNak with ``sw``, and
        TagLost for an answer that is not the chip's: what it did is then not known.
        """
        field = self._session.command(ins, header, data, mode)
        answer, status = exchange(self._link, native_apdu(ins, field), secret=mode is Mode.FULL)
        if status != Status.NATIVE_OK:
            raise refused(self._link, what, status)
        if ends:
            return b""
        try:
            return self._session.answer(answer, mode)
        except ValueError as error:
            raise TagLost(f"the answer to {what} is damaged: {error}", chip=self._link.uid.hex()) from None


def authenticate(link: ApduLink, number: int, key: bytes, random: Random = os.urandom) -> Ev2Channel:
    """AuthenticateEV2First with key ``number`` of the selected application. One attempt, never more.

    Each failure counts on the chip, and the total limit kills the key for ever (AN12196 7.4): so a wrong key raises
    TagRefused, code ``tag-wrong-key``, and nothing is tried again.
    """
    what = f"an authentication with key {number}"
    challenge, status = exchange(link, native_apdu(_AUTHENTICATE_EV2_FIRST, bytes((number,)) + _NO_CAPABILITIES))
    if status != Status.MORE:
        raise _not_authenticated(link, what, number, status)
    if len(challenge) != AES_BYTES:
        raise TagLost(f"a challenge of {len(challenge)} bytes", chip=link.uid.hex())
    rnd_b = aes_cbc_decrypt(key, _ZERO_IV, challenge)
    rnd_a = random(AES_BYTES)
    token = aes_cbc_encrypt(key, _ZERO_IV, rnd_a + rotated(rnd_b))
    answer, status = exchange(link, native_apdu(_ADDITIONAL_FRAME, token), secret=True)
    if status != Status.NATIVE_OK:
        raise _not_authenticated(link, what, number, status)
    if len(answer) != 2 * AES_BYTES:
        raise TagLost(f"an authentication answered with {len(answer)} bytes", chip=link.uid.hex())
    plain = aes_cbc_decrypt(key, _ZERO_IV, answer)
    if not is_same(plain[4:20], rotated(rnd_a)):
        raise TagRefused(
            f"the chip accepted {what}, but its own proof is false",
            code="tag-chip-false",
            action="set this tag aside: it does not know the key that it takes",
            chip=link.uid.hex(),
            key=number,
        )
    return Ev2Channel(link, Ev2Session(plain[:4], *session_keys(key, rnd_a, rnd_b)))


def _not_authenticated(link: ApduLink, what: str, number: int, status: int) -> Exception:
    facts: dict[str, str | int] = {"chip": link.uid.hex(), "key": number, "sw": f"{status:04x}"}
    if status == Status.AUTHENTICATION:
        return TagRefused(
            f"key {number} of this chip is not the one expected; one failed attempt was counted",
            code="tag-wrong-key",
            action="do not try again: find the master key under which this chip was made, or set the tag aside",
            **facts,
        )
    if status == Status.AUTHENTICATION_DELAY:
        return TagRefused(
            f"the chip delays {what} after failed ones",
            code="tag-key-delay",
            action="leave the tag on the reader for a minute, then call again with the right master key",
            **facts,
        )
    if status == Status.PERMISSION_DENIED:
        return TagRefused(
            f"the chip does not allow {what}: LRP mode, or too many failures",
            code="tag-key-closed",
            action="take another tag",
            **facts,
        )
    return refused(link, what, status)
