"""Secure messaging of DESFire EV1, which EV2 and EV3 take too, the reader's side: what the change of keys needs of it.

ISO authentication with the DES key that a card is delivered with (1Ah), AES authentication (AAh), and after them
ChangeKey (C4h), ChangeKeySettings (54h), ChangeFileSettings (5Fh) and a plain WriteData (3Dh). One initialisation
vector runs through a session: each encryption and each CMAC, sent or received, begins with the last block of the one
before. What is enciphered carries a CRC-32 over command code, header and data, and zeros.

Sources: libfreefare (mifare_desfire.c, mifare_desfire_crypto.c) and, independent of it, "DESFire EV1 Communication
Examples" (sotechcllc/RFDoorLock), exchanges of a real card with all their intermediate values, which the tests replay;
the proxmark3 client (desfirecore.c) agrees. A card's own key becomes an AES key by the number 80h: libfreefare,
proxmark3, and recorded from a card in skjolber/desfire-tools-for-android (in a legacy session, else the same).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Final

from dpptag.crypto import (
    AES_BYTES,
    DES_BYTES,
    aes_cbc_decrypt,
    aes_cbc_encrypt,
    des_cbc_decrypt,
    des_cbc_encrypt,
    is_same,
)
from dpptag.errors import TagLost, TagRefused
from dpptag.links.nfc import ApduLink
from dpptag.tags.key_derivation import cmac_subkeys
from dpptag.tags.type4_apdu import Status, exchange, native_apdu, refused

AES_CARD_KEY: Final = 0x80
"""Added to the key number of ChangeKey at the level of the card: the new key is an AES key."""
_AUTHENTICATE_ISO: Final = 0x1A
_AUTHENTICATE_AES: Final = 0xAA
_ADDITIONAL_FRAME: Final = 0xAF
_MAC_BYTES: Final = 8
_WRITE_DATA: Final = 0x3D
_SUCCESS: Final = b"\0"

Random = Callable[[int], bytes]
_Cbc = Callable[[bytes, bytes, bytes], bytes]


def crc32(data: bytes) -> bytes:
    """IEEE 802.3 without the final complement, low byte first."""
    return (zlib.crc32(data) ^ 0xFFFFFFFF).to_bytes(4, "little")


class Ev1Session:
    """The cryptography of one authenticated state, without a link; ``key`` has 16 bytes (AES) or 8 (DES)."""

    __slots__ = ("_encrypt", "_iv", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._encrypt: _Cbc = aes_cbc_encrypt if len(key) == AES_BYTES else des_cbc_encrypt
        self._iv = bytes(len(key))

    def encipher(self, data: bytes) -> bytes:
        """Zeros are added to whole blocks."""
        sealed = self._encrypt(self._key, self._iv, data + bytes(-len(data) % len(self._key)))
        self._iv = sealed[-len(self._key) :]
        return sealed

    def mac(self, data: bytes) -> bytes:
        """The first 8 bytes of the CMAC (SP 800-38B) that begins where the last one ended. AES sessions alone."""
        first, second = cmac_subkeys(self._key)
        whole = bool(data) and len(data) % AES_BYTES == 0
        padded = data if whole else data + b"\x80" + bytes(-(len(data) + 1) % AES_BYTES)
        mixed = bytes(a ^ b for a, b in zip(padded[-AES_BYTES:], first if whole else second, strict=True))
        self._iv = self._encrypt(self._key, self._iv, padded[:-AES_BYTES] + mixed)[-AES_BYTES:]
        return self._iv[:_MAC_BYTES]


class Ev1Channel:
    """An authenticated state of the chip behind ``link``; ended by the next authentication, selection or error."""

    __slots__ = ("_link", "_session")

    def __init__(self, link: ApduLink, session: Ev1Session) -> None:
        self._link = link
        self._session = session

    def change_own_key(self, what: str, number: int, key: bytes, version: int) -> None:
        """ChangeKey to an AES key, of the key that this session was opened with: the session ends, unMACed.

        Secret: under a key that everybody knows, the log would tell the new one.
        """
        header = bytes((number,))
        data = key + bytes((version,))
        self._send(what, 0xC4, header + self._sealed(0xC4, header, data), secret=True)

    def enciphered(self, what: str, ins: int, header: bytes, data: bytes) -> None:
        """A command whose ``data`` goes enciphered, and whose answer is a MAC alone."""
        self._check(what, self._send(what, ins, header + self._sealed(ins, header, data)))

    def write_plain(self, what: str, header: bytes, data: bytes) -> None:
        """WriteData of a file in plain communication mode with the key of the session."""
        body = header + data
        self._session.mac(bytes((_WRITE_DATA,)) + body)
        self._check(what, self._send(what, _WRITE_DATA, body))

    def _sealed(self, ins: int, header: bytes, data: bytes) -> bytes:
        return self._session.encipher(data + crc32(bytes((ins,)) + header + data))

    def _send(self, what: str, ins: int, body: bytes, *, secret: bool = False) -> bytes:
        answer, status = exchange(self._link, native_apdu(ins, body), secret=secret)
        if status != Status.NATIVE_OK:
            raise refused(self._link, what, status)
        return answer

    def _check(self, what: str, answer: bytes) -> None:
        if not is_same(answer, self._session.mac(_SUCCESS)):
            raise TagLost(f"the answer to {what} is damaged: its MAC is false", chip=self._link.uid.hex())


def authenticate_delivered(link: ApduLink, what: str, random: Random = os.urandom) -> Ev1Channel:
    """With the DES key of zeros that a card is delivered with; the card itself must be selected. One attempt."""
    key = bytes(DES_BYTES)
    rnd_a, rnd_b = _handshake(link, what, _AUTHENTICATE_ISO, 0, key, (des_cbc_encrypt, des_cbc_decrypt), random)
    return Ev1Channel(link, Ev1Session(rnd_a[:4] + rnd_b[:4]))


def authenticate_aes(
    link: ApduLink, what: str, key: bytes, random: Random = os.urandom, *, number: int = 0
) -> Ev1Channel:
    """With an AES key of the card or application selected. One attempt, never more.

    Raises TagRefused, code ``tag-wrong-key``, for a key that is not the chip's.
    """
    rnd_a, rnd_b = _handshake(link, what, _AUTHENTICATE_AES, number, key, (aes_cbc_encrypt, aes_cbc_decrypt), random)
    return Ev1Channel(link, Ev1Session(rnd_a[:4] + rnd_b[:4] + rnd_a[12:] + rnd_b[12:]))


def _handshake(
    link: ApduLink, what: str, ins: int, number: int, key: bytes, cbc: tuple[_Cbc, _Cbc], random: Random
) -> tuple[bytes, bytes]:
    """Both random numbers, once each side has proved the key. The vector runs through all three messages."""
    encrypt, decrypt = cbc
    size = len(key)
    challenge, status = exchange(link, native_apdu(ins, bytes((number,))))
    if status != Status.MORE:
        raise _not_authenticated(link, what, status)
    if len(challenge) != size:
        raise TagLost(f"a challenge of {len(challenge)} bytes", chip=link.uid.hex())
    rnd_a, rnd_b = random(size), decrypt(key, bytes(size), challenge)
    token = encrypt(key, challenge, rnd_a + rnd_b[1:] + rnd_b[:1])
    answer, status = exchange(link, native_apdu(_ADDITIONAL_FRAME, token), secret=True)
    if status != Status.NATIVE_OK:
        raise _not_authenticated(link, what, status)
    if len(answer) != size or not is_same(decrypt(key, token[-size:], answer), rnd_a[1:] + rnd_a[:1]):
        raise TagRefused(
            f"the chip accepted {what}, but its own proof is false",
            code="tag-chip-false",
            action="set this tag aside: it does not know the key that it takes",
            chip=link.uid.hex(),
        )
    return rnd_a, rnd_b


def _not_authenticated(link: ApduLink, what: str, status: int) -> Exception:
    if status == Status.AUTHENTICATION:
        return TagRefused(
            f"the chip refuses {what}: its key is not the one expected",
            code="tag-wrong-key",
            action="do not try again: find the master key under which this chip was made, or set the tag aside",
            chip=link.uid.hex(),
            sw=f"{status:04x}",
        )
    if status == Status.AUTHENTICATION_DELAY:
        return TagRefused(
            f"the chip delays {what} after failed ones",
            code="tag-key-delay",
            action="leave the tag on the reader for a minute, then call again with the right master key",
            chip=link.uid.hex(),
            sw=f"{status:04x}",
        )
    return refused(link, what, status)
