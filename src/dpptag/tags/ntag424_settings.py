"""File settings of NTAG 424 DNA: access rights and Secure Dynamic Messaging (NT4H2421Gx 8.2.3, 10.7.1, 10.7.2).

DESFire answers GetFileSettings alike, without SDM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FREE: Final = 0xE
NEVER: Final = 0xF
KEY_BITS: Final = 0xF

SDM: Final = 0x40  # FileOption bit 6
_COMMUNICATION: Final = 0x03
_SDM_UID: Final = 0x80
_SDM_COUNTER: Final = 0x40
_SDM_LIMIT: Final = 0x20
_SDM_ENC: Final = 0x10
_SDM_ASCII: Final = 0x01
_UID_CHARACTERS: Final = 14
_COUNTER_CHARACTERS: Final = 6
PICC_CHARACTERS: Final = 32
MAC_CHARACTERS: Final = 16
_NOT_MIRRORED: Final = 0xFFFFFF
_STANDARD_DATA: Final = 0x00


def access_rights(*, read: int, write: int, read_write: int, change: int) -> bytes:
    """The two bytes as they are sent: ReadWrite and Change, then Read and Write; 0h-4h a key, Eh free, Fh never."""
    return bytes((read_write << 4 | change, read << 4 | write))


@dataclass(frozen=True, slots=True)
class FileSettings:
    """``option``: FileOption. ``rights``: as sent. ``sdm``: SDMOptions and all behind it, empty where SDM is off."""

    option: int
    rights: bytes
    size: int
    sdm: bytes = b""

    @property
    def read(self) -> int:
        return self.rights[1] >> 4

    @property
    def write(self) -> int:
        return self.rights[1] & KEY_BITS

    @property
    def read_write(self) -> int:
        return self.rights[0] >> 4

    @property
    def change(self) -> int:
        return self.rights[0] & KEY_BITS

    @property
    def is_free_to_write(self) -> bool:
        """UPDATE BINARY needs Write or ReadWrite to be free (10.9.3)."""
        return FREE in (self.write, self.read_write)

    @property
    def is_never_written(self) -> bool:
        """Nobody writes, and nobody can change that."""
        return self.write == self.read_write == self.change == NEVER

    @property
    def is_plain(self) -> bool:
        """Communication mode; 2h means plain too (8.2.3.5)."""
        return self.option & _COMMUNICATION in (0, 2)

    def to_change(self) -> bytes:
        """The data of ChangeFileSettings."""
        return bytes((self.option,)) + self.rights + self.sdm

    @property
    def mirrors(self) -> tuple[range, ...]:
        """The places in the file that a reader is served something else for. Raises ValueError for no whole block."""
        if not self.sdm:
            return ()
        options, rights = self.sdm[0], int.from_bytes(self.sdm[1:3], "little")
        meta, file_read = rights >> 12, rights >> 8 & KEY_BITS
        numbers = [int.from_bytes(self.sdm[at : at + 3], "little") for at in range(3, len(self.sdm), 3)]
        found: list[range] = []
        try:
            if options & _SDM_UID and meta == FREE:
                found.append(_place(numbers.pop(0), _UID_CHARACTERS))
            if options & _SDM_COUNTER and meta == FREE:
                offset = numbers.pop(0)
                found += [] if offset == _NOT_MIRRORED else [_place(offset, _COUNTER_CHARACTERS)]
            if meta not in (FREE, NEVER):
                found.append(_place(numbers.pop(0), PICC_CHARACTERS))
            if file_read != NEVER:
                numbers.pop(0)
                if options & _SDM_ENC:
                    offset, length = numbers.pop(0), numbers.pop(0)
                    found.append(_place(offset, length))
                found.append(_place(numbers.pop(0), MAC_CHARACTERS))
        except IndexError:
            raise ValueError("the settings of Secure Dynamic Messaging are cut short") from None
        return tuple(found)


def _place(offset: int, length: int) -> range:
    return range(offset, offset + length)


def parse_settings(data: bytes) -> FileSettings:
    """The answer to GetFileSettings. Raises ValueError for another file type, or a block of no possible length."""
    if len(data) < 7 or data[0] != _STANDARD_DATA:
        raise ValueError(f"not the settings of a standard data file: {data.hex()}")
    option, rights, size, sdm = data[1], data[2:4], int.from_bytes(data[4:7], "little"), data[7:]
    if bool(option & SDM) != bool(sdm) or (sdm and (len(sdm) < 3 or len(sdm) % 3)):
        raise ValueError(f"settings of {len(data)} bytes do not fit their options")
    settings = FileSettings(option, rights, size, sdm)
    _ = settings.mirrors
    return settings


def sdm_block(*, meta_key: int, file_key: int, picc_at: int, mac_at: int) -> bytes:
    """SDM that mirrors UID and counter encrypted at ``picc_at``, and a MAC over nothing but them at ``mac_at``.

    Offsets from the start of the file, its length bytes included. Nobody may ask for the counter without reading. The
    MAC's input offset equals its own, as in the example of AN12196 (rev 2.0 table 18).
    """
    options = _SDM_UID | _SDM_COUNTER | _SDM_ASCII
    rights = meta_key << 12 | file_key << 8 | 0xF << 4 | NEVER
    offsets = b"".join(at.to_bytes(3, "little") for at in (picc_at, mac_at, mac_at))
    return bytes((options,)) + rights.to_bytes(2, "little") + offsets
