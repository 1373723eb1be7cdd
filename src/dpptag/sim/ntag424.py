"""Simulated NTAG 424 DNA (NXP NT4H2421Gx rev 3.0, AN12196), AES mode.

Open points, settled to the stricter side: ISO SELECT ends an authentication; UPDATE BINARY past the end of the file is
6700h and writes nothing; LRP mode and random UIDs are refused, as either is for ever. The delay after 50 failed
authentications in a row is counted in attempts, not in time.

A torn write loses its last radio frame whole (10.8.2: data within one frame is protected); a torn change of a key or
of settings has not happened. Units of ``program`` are lines of 16 bytes: file number times 65536 plus the line.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from dpptag.sim.chip import Kind
from dpptag.sim.ev2 import Mode, NativeStatus
from dpptag.sim.native import Random
from dpptag.sim.native_files import FileChip
from dpptag.sim.native_memory import Application, DataFile, Key
from dpptag.sim.sdm import FREE, NEVER, Sdm
from dpptag.sim.type4 import CC_FILE, NDEF_APPLICATION, NDEF_FILE, StatusError

_PROPRIETARY_FILE: Final = 0xE105
_KEYS: Final = 5
_SDM_FILE: Final = 2

# As read from delivered chips: mapping version 2.0, MLe 256, MLc 255, NDEF file of 256 bytes, proprietary of 128.
_CC: Final = bytes.fromhex("001720010000FF0406E104010000000506E10500808283").ljust(32, b"\x00")
# Part 3 of GetVersion after the UID: batch, week and year of production; values of AN12196's example chip.
_PRODUCTION: Final = bytes.fromhex("CF39D4498034 20")

# Data of a frame of FSC 128: less CRC, PCB, and the five bytes before the data in the first of a chain.
_FIRST_FRAME: Final = 120
_NEXT_FRAME: Final = 125


def factory_files() -> dict[int, DataFile]:
    """The three files as delivered (8.2.3; the proprietary file begins with its length, 007Eh)."""
    return {
        1: DataFile(1, CC_FILE, bytearray(_CC), Mode.PLAIN, 0xE000),
        2: DataFile(2, NDEF_FILE, bytearray(256), Mode.PLAIN, 0xEEE0),
        3: DataFile(3, _PROPRIETARY_FILE, bytearray(b"\x00\x7e".ljust(128, b"\x00")), Mode.FULL, 0x2330),
    }


class Ntag424(FileChip):
    """One chip, ``stored`` as :meth:`record` gave it; an empty mapping is a delivered chip."""

    def __init__(
        self, uid: bytes, stored: Mapping[str, Any] = MappingProxyType({}), *, random: Random = secrets.token_bytes
    ) -> None:
        super().__init__(uid, random=random)
        keys = [Key.restored(key) for key in stored["keys"]] if "keys" in stored else [Key() for _ in range(_KEYS)]
        files = factory_files()
        if "files" in stored:
            files = {file["number"]: DataFile.restored(file) for file in stored["files"]}
        self.the_application = Application(keys, files, df_name=NDEF_APPLICATION, iso_id=0xE110)
        self.applications = [self.the_application]
        self.signature = bytes.fromhex(stored.get("signature", "00" * 56))
        self.failure_limit = stored.get("failure_limit", 1000)
        self.failure_decrement = stored.get("failure_decrement", 10)
        self.strong_modulation = stored.get("strong_modulation", True)
        self._capabilities = bytes.fromhex(stored.get("capabilities", "0000"))

    @property
    def kind(self) -> str:
        return "NTAG424"

    @property
    def ats(self) -> bytes:
        """FSC 128, all rates to 848 kbit/s, FWI 7, SFGI 1, CID; historical byte 80h."""
        return bytes.fromhex("067777710280")

    @property
    def keys(self) -> list[Key]:
        return self.the_application.keys

    @property
    def files(self) -> dict[int, DataFile]:
        return self.the_application.files

    def record(self) -> dict[str, Any]:
        return {
            "keys": [key.record() for key in self.keys],
            "files": [file.record() for file in self.files.values()],
            "signature": self.signature.hex(),
            "failure_limit": self.failure_limit,
            "failure_decrement": self.failure_decrement,
            "strong_modulation": self.strong_modulation,
            "capabilities": self._capabilities.hex(),
        }

    def native_commands(self) -> dict[int, Callable[[bytes], bytes]]:
        return {
            0x3C: self._read_signature,
            0x51: self.get_card_uid,
            0x5C: self._set_configuration,
            0x5F: self.change_file_settings,
            0x60: self.get_version,
            0x64: self.get_key_version,
            0x8D: self.write_data,
            0xAD: self.read_data,
            0xC4: self.change_key,
            0xF5: self.get_file_settings,
            0xF6: self._get_file_counters,
        }

    def version_parts(self) -> list[bytes]:
        subtype = 0x02 if self.strong_modulation else 0x82
        return [
            bytes((0x04, 0x04, subtype, 0x30, 0x00, 0x11, 0x05)),
            bytes.fromhex("04040201021105"),
            self.uid + _PRODUCTION,
        ]

    def capabilities(self) -> bytes:
        return bytes(4) + self._capabilities

    def write_kept(self, offset: int, data: bytes) -> bytes:
        if len(data) <= _FIRST_FRAME:
            return b""
        whole = (len(data) - _FIRST_FRAME - 1) // _NEXT_FRAME
        return data[: _FIRST_FRAME + whole * _NEXT_FRAME]

    def _read_signature(self, body: bytes) -> bytes:
        """3Ch: 56 bytes; encrypted in an authenticated state (table 22).

        Without one they come plain, and with 9190h: the data sheet says 9100h, AN12196 section 7.2 and chips differ.
        """
        plain = self.opened(0x3C, body, 1, Mode.MAC)
        if len(plain) != 1:
            raise StatusError(NativeStatus.LENGTH)
        if plain != b"\x00":
            raise StatusError(NativeStatus.PARAMETER)
        if self.session is None:
            self.success = NativeStatus.SIGNATURE
        return self.closed(self.signature, Mode.FULL)

    def _get_file_counters(self, body: bytes) -> bytes:
        if not body:
            raise StatusError(NativeStatus.LENGTH)
        file = self.native_file(body[0] & 0x1F)
        if file.sdm is None or file.sdm.counter_return == NEVER:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        right = file.sdm.counter_return
        keyed = self.session is not None and self.session.key_number == right
        if not keyed and right != FREE:
            raise StatusError(NativeStatus.AUTHENTICATION)
        mode = Mode.FULL if keyed else Mode.PLAIN
        if len(self.opened(0xF6, body, 1, mode)) != 1:
            raise StatusError(NativeStatus.LENGTH)
        return self.closed(file.counter.to_bytes(3, "little") + bytes(2), mode)

    def parsed_settings(self, file: DataFile, data: bytes) -> tuple[Mode, int, Sdm | None]:
        if len(data) < 3:
            raise StatusError(NativeStatus.LENGTH)
        option, rights = data[0], int.from_bytes(data[1:3], "little")
        if option & 0xBC or option & 0x03 == 0x02:
            raise StatusError(NativeStatus.PARAMETER)
        if any(rights >> shift & 0xF not in (*range(_KEYS), FREE, NEVER) for shift in (0, 4, 8, 12)):
            raise StatusError(NativeStatus.PARAMETER)
        if not option & 0x40:
            if len(data) != 3:
                raise StatusError(NativeStatus.LENGTH)
            return Mode(option), rights, None
        if file.number != _SDM_FILE:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        sdm = Sdm.from_bytes(data[3:])
        sdm.check(len(file.content), _KEYS, file.counter if file.sdm is not None else 0)
        return Mode(option & 0x03), rights, sdm

    def _set_configuration(self, body: bytes) -> bytes:
        """5Ch (10.5.1), the options that can be taken back; the others are refused as not allowed."""
        session = self.need_session()
        if session.key_number != 0:
            raise StatusError(NativeStatus.AUTHENTICATION)
        plain = self.opened(0x5C, body, 1, Mode.FULL)
        option, data = plain[0], plain[1:]
        lengths = {0x00: 1, 0x04: 2, 0x05: 10, 0x0A: 5, 0x0B: 1}
        if option not in lengths:
            raise StatusError(NativeStatus.PARAMETER)
        if len(data) != lengths[option]:
            raise StatusError(NativeStatus.LENGTH)
        self._configure(option, data)
        return self.closed(b"", Mode.FULL)

    def _configure(self, option: int, data: bytes) -> None:
        for_ever = (option == 0x00 and data[0]) or (option == 0x04 and any(data)) or (option == 0x05 and data[4] & 0x02)
        if for_ever:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        limit = int.from_bytes(data[1:3], "little")
        if option == 0x0A and (data[0] & 0xFE or (data[0] and not limit)):
            raise StatusError(NativeStatus.PARAMETER)
        if self.torn_before():
            return
        if option == 0x05:
            self._capabilities = data[8:]
        elif option == 0x0A:
            self.failure_limit = limit if data[0] else None
            self.failure_decrement = int.from_bytes(data[3:5], "little")
        elif option == 0x0B:
            self.strong_modulation = bool(data[0] & 1)
        self.changes += 1


def _made(uid: bytes, stored: Mapping[str, Any]) -> Ntag424:
    return Ntag424(uid, stored)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType({"NTAG424": Kind(_made, b"\x04", 7)})
