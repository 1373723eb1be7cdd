"""Keys, files and applications of chips with NXP's native commands, as they are kept (NT4H2421Gx rev 3.0, 8.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpptag.sim.aes import BLOCK
from dpptag.sim.ev2 import Mode
from dpptag.sim.sdm import Sdm


@dataclass(slots=True)
class Key:
    """An AES key with its version and its failed authentications: in all, in a row, and refusals still to come."""

    value: bytes = bytes(BLOCK)
    version: int = 0
    failed: int = 0
    failed_in_row: int = 0
    refusals: int = 0

    def record(self) -> list[Any]:
        return [self.value.hex(), self.version, self.failed, self.failed_in_row, self.refusals]

    @classmethod
    def restored(cls, stored: list[Any]) -> Key:
        return cls(bytes.fromhex(stored[0]), *stored[1:])


@dataclass(slots=True)
class DataFile:
    """A StandardData file. ``rights``: 4 bits each for Read, Write, ReadWrite, Change (8.2.3.3), read as a number."""

    number: int
    iso_id: int | None
    content: bytearray
    mode: Mode
    rights: int
    sdm: Sdm | None = None
    counter: int = 0

    @property
    def read(self) -> tuple[int, int]:
        return self.rights >> 12, self.rights >> 4 & 0xF

    @property
    def write(self) -> tuple[int, int]:
        return self.rights >> 8 & 0xF, self.rights >> 4 & 0xF

    @property
    def change(self) -> int:
        return self.rights & 0xF

    def settings(self) -> bytes:
        """The answer to GetFileSettings (table 73)."""
        option = self.mode | (0x40 if self.sdm is not None else 0)
        head = bytes((0x00, option)) + self.rights.to_bytes(2, "little") + len(self.content).to_bytes(3, "little")
        return head + (self.sdm.to_bytes() if self.sdm is not None else b"")

    def record(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "iso_id": self.iso_id,
            "content": self.content.hex(),
            "mode": int(self.mode),
            "rights": self.rights,
            "sdm": None if self.sdm is None else self.sdm.to_bytes().hex(),
            "counter": self.counter,
        }

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> DataFile:
        return cls(
            stored["number"],
            stored["iso_id"],
            bytearray.fromhex(stored["content"]),
            Mode(stored["mode"]),
            stored["rights"],
            None if stored["sdm"] is None else Sdm.from_bytes(bytes.fromhex(stored["sdm"])),
            stored["counter"],
        )


@dataclass(slots=True)
class Application:
    """Keys and files that are selected together. ``settings`` and ``key_type`` are KeySett1 and the upper bits of
    KeySett2 of DESFire; ``aes`` keys alone can be used here."""

    keys: list[Key]
    files: dict[int, DataFile]
    aid: bytes = b""
    df_name: bytes = b""
    iso_id: int | None = None
    settings: int = 0x0F
    key_type: int = 0x80

    @property
    def aes(self) -> bool:
        return self.key_type & 0xC0 == 0x80

    @property
    def iso_files(self) -> bool:
        """Whether its files have ISO/IEC 7816-4 file identifiers."""
        return bool(self.key_type & 0x20)

    def record(self) -> dict[str, Any]:
        return {
            "keys": [key.record() for key in self.keys],
            "files": [file.record() for file in self.files.values()],
            "aid": self.aid.hex(),
            "df_name": self.df_name.hex(),
            "iso_id": self.iso_id,
            "settings": self.settings,
            "key_type": self.key_type,
        }

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Application:
        return cls(
            [Key.restored(key) for key in stored["keys"]],
            {file["number"]: DataFile.restored(file) for file in stored["files"]},
            bytes.fromhex(stored["aid"]),
            bytes.fromhex(stored["df_name"]),
            stored["iso_id"],
            stored["settings"],
            stored["key_type"],
        )
