"""Secure Dynamic Messaging of NTAG 424 DNA in AES mode: settings, and what a reader is served in place of the file.

NT4H2421Gx rev 3.0, sections 9.3 and 10.7.1; AN12196 section 3. Mirrors are ASCII, the only encoding the chip has.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from dpptag.sim.aes import cbc_encrypt, cmac, encrypt_block
from dpptag.sim.ev2 import NativeStatus, truncated
from dpptag.sim.type4 import StatusError

FREE: Final = 0xE
NEVER: Final = 0xF

_UID: Final = 14
_COUNTER: Final = 6
_PICC_DATA: Final = 32
_MAC: Final = 16
_NOT_MIRRORED: Final = 0xFFFFFF
RANDOM_PADDING: Final = 16


@dataclass(frozen=True, slots=True)
class Sdm:
    """SDMOptions and all that follows it in the settings (table 69); an offset that is not there is None."""

    options: int
    meta_read: int
    file_read: int
    counter_return: int
    uid_offset: int | None = None
    counter_offset: int | None = None
    picc_offset: int | None = None
    mac_input: int | None = None
    enc_offset: int | None = None
    enc_length: int | None = None
    mac_offset: int | None = None
    counter_limit: int | None = None

    @property
    def mirrors_uid(self) -> bool:
        return bool(self.options & 0x80)

    @property
    def counts(self) -> bool:
        return bool(self.options & 0x40)

    @property
    def encrypts(self) -> bool:
        return bool(self.options & 0x10)

    @classmethod
    def from_bytes(cls, data: bytes) -> Sdm:
        """Raises StatusError 917Eh for a length that the options do not ask for, 919Eh for reserved bits."""
        if len(data) < 3:
            raise StatusError(NativeStatus.LENGTH)
        options, rights = data[0], int.from_bytes(data[1:3], "little")
        if options & 0x0E or not options & 0x01 or rights >> 4 & 0xF != 0xF:
            raise StatusError(NativeStatus.PARAMETER)
        meta_read, file_read, counter_return = rights >> 12, rights >> 8 & 0xF, rights & 0xF
        present = _fields(options, meta_read, file_read)
        if len(data) != 3 + 3 * len(present):
            raise StatusError(NativeStatus.LENGTH)
        numbers = [int.from_bytes(data[start : start + 3], "little") for start in range(3, len(data), 3)]
        return cls(options, meta_read, file_read, counter_return, **dict(zip(present, numbers, strict=True)))

    def to_bytes(self) -> bytes:
        rights = self.meta_read << 12 | self.file_read << 8 | 0xF0 | self.counter_return
        present = _fields(self.options, self.meta_read, self.file_read)
        offsets = b"".join(int(getattr(self, name)).to_bytes(3, "little") for name in present)
        return bytes((self.options,)) + rights.to_bytes(2, "little") + offsets

    def check(self, size: int, keys: int, counter: int) -> None:
        """Table 71: raises StatusError 919Eh for settings that a file of ``size`` bytes cannot have."""
        refused = (
            self.meta_read not in (*range(keys), FREE, NEVER)
            or self.file_read not in (*range(keys), NEVER)
            or self.counter_return not in (*range(keys), FREE, NEVER)
            or (self.meta_read != NEVER and not self.mirrors_uid and not self.counts)
            or (self.meta_read == NEVER and self.mirrors_uid)
            or (self.counter_return != NEVER and not self.counts)
            or (self.encrypts and (self.file_read == NEVER or not self.mirrors_uid or not self.counts))
            or (self.counter_limit is not None and (not self.counts or self.counter_limit <= counter))
        )
        if refused or not self._places_fit(size):
            raise StatusError(NativeStatus.PARAMETER)

    def _places_fit(self, size: int) -> bool:
        places = [
            (offset, length)
            for offset, length in (
                (self.uid_offset, _UID),
                (None if self.counter_offset == _NOT_MIRRORED else self.counter_offset, _COUNTER),
                (self.picc_offset, _PICC_DATA),
                (self.enc_offset, self.enc_length or 0),
                (self.mac_offset, _MAC),
            )
            if offset is not None
        ]
        places.sort()
        if any(one + length > other for (one, length), (other, _) in pairwise(places)):
            return False
        if any(offset + length > size for offset, length in places):
            return False
        if self.mac_input is not None and self.mac_offset is not None and self.mac_input > self.mac_offset:
            return False
        if self.enc_offset is None or self.enc_length is None or self.mac_input is None or self.mac_offset is None:
            return True
        whole = self.enc_length >= 32 and self.enc_length % 32 == 0
        return whole and self.mac_input <= self.enc_offset and self.enc_offset + self.enc_length <= self.mac_offset

    def served(self, content: bytes, uid: bytes, counter: int, keys: list[bytes], padding: bytes) -> bytes:
        """The file as a reader sees it who has not authenticated; ``padding`` is RandomPadding (9.3.4)."""
        view = bytearray(content)
        count = counter.to_bytes(3, "little")
        if self.uid_offset is not None:
            _place(view, self.uid_offset, uid)
        if self.counter_offset not in (None, _NOT_MIRRORED):
            _place(view, self.counter_offset or 0, count[::-1])
        if self.picc_offset is not None:
            plain = bytes((self.options & 0xC0 | (len(uid) if self.mirrors_uid else 0),))
            plain += (uid if self.mirrors_uid else b"") + (count if self.counts else b"")
            block = (plain + padding)[:16]
            _place(view, self.picc_offset, cbc_encrypt(keys[self.meta_read], block))
        if self.file_read == NEVER:
            return bytes(view)
        vector = (uid if self.mirrors_uid else b"") + (count if self.counts else b"")
        key = keys[self.file_read]
        if self.enc_offset is not None and self.enc_length is not None:
            enc_key = cmac(key, _vector("C33C00010080", vector))
            plain = content[self.enc_offset : self.enc_offset + self.enc_length // 2]
            _place(view, self.enc_offset, cbc_encrypt(enc_key, plain, encrypt_block(enc_key, count + bytes(13))))
        if self.mac_offset is not None and self.mac_input is not None:
            mac_key = cmac(key, _vector("3CC300010080", vector))
            _place(view, self.mac_offset, truncated(cmac(mac_key, bytes(view[self.mac_input : self.mac_offset]))))
        return bytes(view)


def _fields(options: int, meta_read: int, file_read: int) -> list[str]:
    """Which 3-byte fields are there, in their order (table 69)."""
    reads = file_read != NEVER
    there = (
        ("uid_offset", options & 0x80 and meta_read == FREE),
        ("counter_offset", options & 0x40 and meta_read == FREE),
        ("picc_offset", meta_read not in (FREE, NEVER)),
        ("mac_input", reads),
        ("enc_offset", reads and options & 0x10),
        ("enc_length", reads and options & 0x10),
        ("mac_offset", reads),
        ("counter_limit", options & 0x20),
    )
    return [name for name, present in there if present]


def _place(view: bytearray, offset: int, value: bytes) -> None:
    text = value.hex().upper().encode()
    view[offset : offset + len(text)] = text


def _vector(label: str, parts: bytes) -> bytes:
    """SV1 or SV2 (9.3.9), filled up with zeros to whole blocks."""
    vector = bytes.fromhex(label) + parts
    return vector + bytes(-len(vector) % 16)
