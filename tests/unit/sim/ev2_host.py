"""The reader's side of EV2 secure messaging, on `cryptography`: it shares no code with the chips."""

from __future__ import annotations

from typing import TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from dpptag.sim.chip import ApduChip

ChipT = TypeVar("ChipT", bound=ApduChip)

UID = bytes.fromhex("04958CAA5C5E80")
ZERO = bytes(16)
SELECT_NDEF = "00A4040007D276000085010100"


def selected(chip: ChipT) -> ChipT:
    chip.power(False)
    chip.power(True)
    assert chip.select()
    return chip


def send(chip: ApduChip, command: str | bytes) -> str:
    answer = chip.apdu(bytes.fromhex(command) if isinstance(command, str) else command)
    assert answer is not None
    return answer.hex().upper()


def in_application(chip: ChipT) -> ChipT:
    assert send(selected(chip), SELECT_NDEF) == "9000"
    return chip


def native(ins: int, data: bytes = b"") -> bytes:
    length = bytes((len(data),)) if data else b""
    return bytes((0x90, ins, 0, 0)) + length + data + b"\x00"


def aes_ecb(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def aes_cbc(key: bytes, data: bytes, iv: bytes = ZERO) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def aes_cbc_back(key: bytes, data: bytes, iv: bytes = ZERO) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def aes_cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def padded(data: bytes) -> bytes:
    return data + b"\x80" + bytes(-(len(data) + 1) % 16)


class Host:
    """An authenticated reader. RndA is fixed: a test is repeatable where the chip's randomness is too."""

    def __init__(self, chip: ApduChip, number: int = 0, key: bytes = ZERO, *, rnd_a: bytes = bytes(range(16))) -> None:
        self.chip = chip
        self.counter = 0
        self.transaction = b""
        self.authenticate(number, key, rnd_a, first=True)

    def authenticate(self, number: int, key: bytes, rnd_a: bytes = bytes(range(16)), *, first: bool) -> None:
        challenge = self.answered(native(0x71, bytes((number, 0))) if first else native(0x77, bytes((number,))), "91AF")
        rnd_b = aes_cbc_back(key, challenge)
        answer = self.answered(native(0xAF, aes_cbc(key, rnd_a + rnd_b[1:] + rnd_b[:1])), "9100")
        plain = aes_cbc_back(key, answer)
        if first:
            self.transaction, self.counter = plain[:4], 0
            assert plain[20:] == bytes(12)
            plain = plain[4:20]
        assert plain == rnd_a[1:] + rnd_a[:1]
        mixed = bytes(a ^ b for a, b in zip(rnd_a[2:8], rnd_b[:6], strict=True))
        context = bytes.fromhex("00010080") + rnd_a[:2] + mixed + rnd_b[6:] + rnd_a[8:]
        self.enc_key = aes_cmac(key, b"\xa5\x5a" + context)
        self.mac_key = aes_cmac(key, b"\x5a\xa5" + context)

    def answered(self, command: bytes, status: str) -> bytes:
        answer = self.chip.apdu(command)
        assert answer is not None
        assert answer[-2:].hex().upper() == status
        return answer[:-2]

    def mac(self, code: int, body: bytes) -> bytes:
        head = bytes((code,)) + self.counter.to_bytes(2, "little") + self.transaction
        return aes_cmac(self.mac_key, head + body)[1::2]

    def iv(self, label: str) -> bytes:
        plain = bytes.fromhex(label) + self.transaction + self.counter.to_bytes(2, "little") + bytes(8)
        return aes_ecb(self.enc_key, plain)

    def command(self, ins: int, header: bytes = b"", data: bytes = b"", *, mode: str = "full") -> bytes:
        """The wrapped command APDU; the counter is not moved by it."""
        if mode == "plain":
            return native(ins, header + data)
        if data and mode == "full":
            data = aes_cbc(self.enc_key, padded(data), self.iv("A55A"))
        return native(ins, header + data + self.mac(ins, header + data))

    def run(self, ins: int, header: bytes = b"", data: bytes = b"", *, mode: str = "full") -> bytes:
        """Send, see 9100h, check the MAC of the answer, return its data in plain."""
        answer = self.answered(self.command(ins, header, data, mode=mode), "9100")
        self.counter += 1
        if mode == "plain":
            return answer
        body, mac = answer[:-8], answer[-8:]
        assert mac == self.mac(0x00, body)
        if mode == "full" and body:
            plain = aes_cbc_back(self.enc_key, body, self.iv("5AA5"))
            body, _, filler = plain.rpartition(b"\x80")
            assert not any(filler)
        return body
