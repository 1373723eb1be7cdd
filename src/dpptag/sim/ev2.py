"""EV2 secure messaging, the card's side: NTAG 424 DNA and DESFire EV2 and EV3 (NT4H2421Gx rev 3.0, section 9.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import ClassVar, Final

from dpptag.sim.aes import cbc_decrypt, cbc_encrypt, cmac, encrypt_block, pad, unpad, xor
from dpptag.sim.type4 import StatusError

MAC: Final = 8
_ENC_LABEL: Final = bytes.fromhex("A55A00010080")
_MAC_LABEL: Final = bytes.fromhex("5AA500010080")
_COMMAND_IV: Final = bytes.fromhex("A55A")
_RESPONSE_IV: Final = bytes.fromhex("5AA5")


@unique
class NativeStatus(IntEnum):
    """SW1 SW2 for CLA 90h (table 23), and what DESFire adds."""

    OK = 0x9100
    OUT_OF_MEMORY = 0x910E
    ILLEGAL_COMMAND = 0x911C
    INTEGRITY = 0x911E
    NO_SUCH_KEY = 0x9140
    LENGTH = 0x917E
    SIGNATURE = 0x9190
    PERMISSION_DENIED = 0x919D
    PARAMETER = 0x919E
    APPLICATION_NOT_FOUND = 0x91A0
    AUTHENTICATION_DELAY = 0x91AD
    AUTHENTICATION = 0x91AE
    ADDITIONAL_FRAME = 0x91AF
    BOUNDARY = 0x91BE
    COMMAND_ABORTED = 0x91CA
    DUPLICATE = 0x91DE
    FILE_NOT_FOUND = 0x91F0


@unique
class Mode(IntEnum):
    """CommMode, as the low bits of FileOption say it (8.2.3.5)."""

    PLAIN = 0
    MAC = 1
    FULL = 3


def truncated(mac: bytes) -> bytes:
    """Every second byte, the first left out (9.1.3 calls them even-numbered, counting from 1)."""
    return mac[1::2]


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """SesAuthENCKey and SesAuthMACKey (9.1.7). Indices there count from the last byte."""
    context = rnd_a[:2] + xor(rnd_a[2:8], rnd_b[:6]) + rnd_b[6:] + rnd_a[8:]
    return cmac(key, _ENC_LABEL + context), cmac(key, _MAC_LABEL + context)


@dataclass(slots=True)
class Session:
    """An authenticated state. ``counter`` is CmdCtr; it grows between a command and its answer.

    ``plain``: commands come in it as they come without it.
    """

    plain: ClassVar[bool] = False
    key_number: int
    transaction: bytes
    enc_key: bytes
    mac_key: bytes
    counter: int = 0

    def _mac(self, code: int, body: bytes) -> bytes:
        head = bytes((code,)) + self.counter.to_bytes(2, "little") + self.transaction
        return truncated(cmac(self.mac_key, head + body))

    def _iv(self, label: bytes) -> bytes:
        return encrypt_block(self.enc_key, label + self.transaction + self.counter.to_bytes(2, "little") + bytes(8))

    def open(self, code: int, body: bytes, header: int, mode: Mode) -> bytes:
        """Header and data of a command in plain; ``body`` is its data field. Raises StatusError 911Eh."""
        if self.counter == 0xFFFF:
            raise StatusError(NativeStatus.INTEGRITY)
        if mode is Mode.PLAIN:
            self.counter += 1
            return body
        if len(body) < header + MAC:
            raise StatusError(NativeStatus.LENGTH)
        body, mac = body[:-MAC], body[-MAC:]
        if mac != self._mac(code, body):
            raise StatusError(NativeStatus.INTEGRITY)
        if mode is Mode.FULL and len(body) > header:
            try:
                body = body[:header] + unpad(cbc_decrypt(self.enc_key, body[header:], self._iv(_COMMAND_IV)))
            except ValueError:
                raise StatusError(NativeStatus.INTEGRITY) from None
        self.counter += 1
        return body

    def close(self, data: bytes, mode: Mode) -> bytes:
        """The data field of a successful answer."""
        if mode is Mode.PLAIN:
            return data
        if mode is Mode.FULL and data:
            data = cbc_encrypt(self.enc_key, pad(data), self._iv(_RESPONSE_IV))
        return data + self._mac(NativeStatus.OK & 0xFF, data)
