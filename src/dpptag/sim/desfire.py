"""Simulated MIFARE DESFire EV1, EV2 and EV3 of 8 kB, as NFC Forum Type 4 tags (NXP AN11004 rev 2.2, NT4H2421Gx 9.1).

A kind is a card with an NDEF application of 2 kB, its ``-BLANK`` a card as delivered. On either whoever wants creates
applications and files without a key: the delivered key settings 0Fh allow it. The full data sheets are not public; the
command codes, fields and version bytes are those that libfreefare and the proxmark3 client use.

What it has not: 3DES keys, a change of keys in legacy sessions and of DES keys of applications, value, record and
backup files. DES keys take legacy (0Ah) and ISO authentication (1Ah), AES keys AAh, and on EV2 and EV3
AuthenticateEV2First; the card's own key is changed from DES to AES and back in sessions of EV1 (1Ah, AAh).

A torn write keeps half of its last line: StandardData files are not protected from tearing. Of free memory only files
are counted, in steps of 32 bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from dpptag.sim.chip import Kind
from dpptag.sim.des import BLOCK as DES_BLOCK
from dpptag.sim.desfire_keys import KeyedChip
from dpptag.sim.ev2 import Mode, NativeStatus
from dpptag.sim.native import Random
from dpptag.sim.native_memory import Application, DataFile, Key
from dpptag.sim.sdm import FREE, NEVER, Sdm
from dpptag.sim.type4 import CC_FILE, NDEF_APPLICATION, NDEF_FILE, StatusError, half_torn

_STORAGE: Final = 8192
_PRODUCTION: Final = bytes.fromhex("BA5434A5C04019")
_DELIVERED_SETTINGS: Final = 0x0F
_FREE_CREATE: Final = 0x04
_NDEF_SIZE: Final = 2048
_MOST_KEYS: Final = 14
_MOST_FILES: Final = 32
_FRAME: Final = 59
"""Longest data field of a native answer frame."""


@dataclass(frozen=True, slots=True)
class Generation:
    """``read`` and ``write``: the longest READ and UPDATE BINARY that it takes, which the CC of a kind names too."""

    name: str
    hardware: bytes
    software: bytes
    ev2: bool
    read: int
    write: int


def _generation(name: str, hardware: str, software: str, ev2: bool, read: int, write: int) -> Generation:
    def part(version: str) -> bytes:
        return bytes.fromhex("040101" + version + "1A05")

    return Generation(name, part(hardware), part(software), ev2, read, write)


# AN11004 gives EV1 an MLe of 3Bh and an MLc of 34h, which keep to its one frame of 64 bytes.
GENERATIONS: Final = MappingProxyType(
    {
        generation.name: generation
        for generation in (
            _generation("DESFIRE-EV1", "0100", "0104", False, 0x3B, 0x34),
            _generation("DESFIRE-EV2", "1200", "0201", True, 256, 255),
            _generation("DESFIRE-EV3", "3300", "0300", True, 256, 255),
        )
    }
)


def ndef_application(generation: Generation) -> Application:
    """AID 000001h with its CC (read by all, written by key 0) and an empty NDEF file open to all.

    Its key is DES on EV1, as libfreefare makes it, AES on the others.
    """
    cc = bytes.fromhex("000F20") + generation.read.to_bytes(2, "big") + generation.write.to_bytes(2, "big")
    cc += bytes.fromhex("0406E104") + _NDEF_SIZE.to_bytes(2, "big") + bytes(2)
    files = {
        1: DataFile(1, CC_FILE, bytearray(cc), Mode.PLAIN, 0xE000),
        2: DataFile(2, NDEF_FILE, bytearray(_NDEF_SIZE), Mode.PLAIN, 0xEEE0),
    }
    return Application(
        [Key()], files, b"\x01\x00\x00", NDEF_APPLICATION, 0xE110, key_type=0xA0 if generation.ev2 else 0x20
    )


class Desfire(KeyedChip):
    """One card, ``stored`` as :meth:`record` gave it; with an empty mapping as delivered, or ``formatted`` for NDEF."""

    def __init__(
        self,
        generation: Generation,
        uid: bytes,
        stored: Mapping[str, Any] = MappingProxyType({}),
        *,
        formatted: bool,
        random: Random = secrets.token_bytes,
    ) -> None:
        super().__init__(uid, random=random)
        self.generation = generation
        self.formatted = formatted
        if "applications" in stored:
            self.applications = [Application.restored(application) for application in stored["applications"]]
        elif formatted:
            self.applications = [ndef_application(generation)]
        self.settings: int = stored.get("settings", _DELIVERED_SETTINGS)
        self.card = Key.restored(stored["card"]) if "card" in stored else Key(bytes(DES_BLOCK))
        self.signature = bytes.fromhex(stored.get("signature", "00" * 56))
        self.failure_limit = None
        self.knows_ev2 = generation.ev2
        self.iso_read_limit, self.iso_write_limit = generation.read, generation.write

    @property
    def kind(self) -> str:
        return self.generation.name + ("" if self.formatted else "-BLANK")

    @property
    def ats(self) -> bytes:
        """FSC 64, all rates to 848 kbit/s, FWI 8, SFGI 1, CID; historical byte 80h."""
        return bytes.fromhex("067577810280")

    def record(self) -> dict[str, Any]:
        return {
            "applications": [application.record() for application in self.applications],
            "settings": self.settings,
            "card": self.card.record(),
            "signature": self.signature.hex(),
        }

    def native_commands(self) -> dict[int, Callable[[bytes], bytes]]:
        commands: dict[int, Callable[[bytes], bytes]] = {
            0x0A: self.legacy_challenge,
            0x1A: self.iso_challenge,
            0x3D: partial(self.write_data, ins=0x3D),
            0x45: self.get_key_settings,
            0x51: self.get_card_uid,
            0x54: self.change_key_settings,
            0x5A: self._select_by_aid,
            0x5F: self.change_file_settings,
            0x60: self.get_version,
            0x61: self._get_iso_file_ids,
            0x64: self.get_key_version,
            0x6A: self._get_application_ids,
            0x6D: self._get_df_names,
            0x6E: self._get_free_memory,
            0x6F: self._get_file_ids,
            0xAA: self.aes_challenge,
            0xBD: partial(self.read_data, ins=0xBD),
            0xC4: self.change_key,
            0xCA: self._create_application,
            0xCD: self._create_file,
            0xDA: self._delete_application,
            0xDF: self._delete_file,
            0xF5: self._get_file_settings,
            0xFC: self._format,
        }
        if self.generation.ev2:
            commands |= {0x3C: self._read_signature, 0x8D: self.write_data, 0xAD: self.read_data}
        return commands

    def frame_of(self, ins: int) -> int | None:
        """ADh and 8Dh of EV2 go whole, over chained blocks; all else in frames."""
        return None if ins in (0x8D, 0xAD) else _FRAME

    def write_kept(self, offset: int, data: bytes) -> bytes:
        return half_torn(offset, data)

    def parsed_settings(self, file: DataFile, data: bytes) -> tuple[Mode, int, Sdm | None]:
        if len(data) != 3:
            raise StatusError(NativeStatus.LENGTH)
        return _mode(data[0]), self._rights(data[1:3]), None

    def version_parts(self) -> list[bytes]:
        return [self.generation.hardware, self.generation.software, self.uid + _PRODUCTION]

    # The card

    def _need_card_key(self) -> None:
        self._at_picc_level()
        if self.need_session().key_number != 0:
            raise StatusError(NativeStatus.AUTHENTICATION)

    def _format(self, body: bytes) -> bytes:
        """FCh: all applications go, with the card's own key alone."""
        self._need_card_key()
        self.plain(0xFC, body)
        if not self.torn_before():
            self.applications = []
            self.changes += 1
        return b""

    def _delete_application(self, body: bytes) -> bytes:
        self._need_card_key()
        aid = self.plain(0xDA, body, 3)
        kept = [application for application in self.applications if application.aid != aid]
        if len(kept) == len(self.applications):
            raise StatusError(NativeStatus.APPLICATION_NOT_FOUND)
        if not self.torn_before():
            self.applications = kept
            self.changes += 1
        return b""

    def _read_signature(self, body: bytes) -> bytes:
        if self.plain(0x3C, body, 1) != b"\x00":
            raise StatusError(NativeStatus.PARAMETER)
        if self.session is None:
            self.success = NativeStatus.SIGNATURE
        return self.closed(self.signature, Mode.FULL)

    def _free_memory(self) -> int:
        files = (file for application in self.applications for file in application.files.values())
        return _STORAGE - sum(-(-len(file.content) // 32) * 32 for file in files)

    def _get_free_memory(self, body: bytes) -> bytes:
        self.plain(0x6E, body)
        return self.closed(self._free_memory().to_bytes(3, "little"), Mode.MAC)

    def _at_picc_level(self) -> None:
        if self.application is not None:
            raise StatusError(NativeStatus.PERMISSION_DENIED)

    def _get_application_ids(self, body: bytes) -> bytes:
        self._at_picc_level()
        self.listing()
        self.plain(0x6A, body)
        return self.closed(b"".join(application.aid for application in self.applications), Mode.MAC)

    def _get_df_names(self, body: bytes) -> bytes:
        """6Dh: of each application that has one AID, ISO file id and DF name, each in a frame of its own."""
        self._at_picc_level()
        self.listing()
        self.plain(0x6D, body)
        named = [application for application in self.applications if application.iso_id is not None]
        self.answer_in_parts(
            [one.aid + (one.iso_id or 0).to_bytes(2, "little") + one.df_name for one in named] or [b""]
        )
        return b""

    def _select_by_aid(self, body: bytes) -> bytes:
        """5Ah; it ends an authentication. 000000h is the PICC level."""
        if len(body) != 3:
            raise StatusError(NativeStatus.LENGTH)
        found = next((application for application in self.applications if application.aid == body), None)
        if found is None and any(body):
            raise StatusError(NativeStatus.APPLICATION_NOT_FOUND)
        self.session = None
        self.application, self._file = found, None
        return b""

    def _create_application(self, body: bytes) -> bytes:
        """CAh: AID, KeySett1, KeySett2, then ISO file id (low byte first) and DF name, both or none or the id alone."""
        self._at_picc_level()
        if not self.settings & _FREE_CREATE:
            self._need_card_key()
        if not 5 <= len(body) <= 23 or len(body) == 6:
            raise StatusError(NativeStatus.LENGTH)
        aid, settings, key_type = body[:3], body[3], body[4]
        iso_id = int.from_bytes(body[5:7], "little") if len(body) > 5 else None
        name = body[7:]
        keys = key_type & 0x0F
        if not any(aid) or key_type & 0x10 or key_type & 0xC0 == 0xC0 or keys > _MOST_KEYS:
            raise StatusError(NativeStatus.PARAMETER)
        for other in self.applications:
            if other.aid == aid or (iso_id is not None and other.iso_id == iso_id) or (name and other.df_name == name):
                raise StatusError(NativeStatus.DUPLICATE)
        if not self.torn_before():
            made = Application([Key() for _ in range(keys)], {}, aid, name, iso_id, settings, key_type & 0xE0)
            self.applications.append(made)
            self.changes += 1
        return b""

    # Files of the selected application

    def _changeable(self) -> Application:
        """The application selected, where its settings let anyone create and delete files, or its master key has."""
        if self.application is None:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        by_master = self.session is not None and self.session.key_number == 0
        if not self.application.settings & _FREE_CREATE and not by_master:
            raise StatusError(NativeStatus.AUTHENTICATION)
        return self.application

    def _rights(self, data: bytes) -> int:
        rights = int.from_bytes(data, "little")
        keys = 0 if self.application is None else len(self.application.keys)
        if any(rights >> shift & 0xF not in (*range(keys), FREE, NEVER) for shift in (0, 4, 8, 12)):
            raise StatusError(NativeStatus.PARAMETER)
        return rights

    def _create_file(self, body: bytes) -> bytes:
        """CDh, CreateStdDataFile: number, ISO file id where the application has such, CommMode, rights, size."""
        application = self._changeable()
        plain = self.opened(0xCD, body, 0, Mode.MAC)
        if len(plain) != (9 if application.iso_files else 7):
            raise StatusError(NativeStatus.LENGTH)
        number, iso_id = plain[0], int.from_bytes(plain[1:3], "little") if application.iso_files else None
        size = int.from_bytes(plain[-3:], "little")
        if number >= _MOST_FILES or not size:
            raise StatusError(NativeStatus.PARAMETER)
        taken = iso_id is not None and any(file.iso_id == iso_id for file in application.files.values())
        if number in application.files or taken:
            raise StatusError(NativeStatus.DUPLICATE)
        if size > self._free_memory():
            raise StatusError(NativeStatus.OUT_OF_MEMORY)
        file = DataFile(number, iso_id, bytearray(size), _mode(plain[-6]), self._rights(plain[-5:-3]))
        if not self.torn_before():
            application.files[number] = file
            self.changes += 1
        return self.closed(b"", Mode.MAC)

    def _delete_file(self, body: bytes) -> bytes:
        application = self._changeable()
        number = self.plain(0xDF, body, 1)[0]
        if number not in application.files:
            raise StatusError(NativeStatus.FILE_NOT_FOUND)
        if not self.torn_before():
            if self._file is application.files[number]:
                self._file = None
            del application.files[number]
            self.changes += 1
        return self.closed(b"", Mode.MAC)

    def _get_file_ids(self, body: bytes) -> bytes:
        self.listing()
        self.plain(0x6F, body)
        if self.application is None:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        return self.closed(bytes(self.application.files), Mode.MAC)

    def _get_file_settings(self, body: bytes) -> bytes:
        self.listing()
        return self.get_file_settings(body)

    def _get_iso_file_ids(self, body: bytes) -> bytes:
        self.listing()
        self.plain(0x61, body)
        if self.application is None:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        files = self.application.files.values()
        return self.closed(b"".join((file.iso_id or 0).to_bytes(2, "little") for file in files), Mode.MAC)


def _mode(option: int) -> Mode:
    """CommMode of DESFire: 0 and 2 are plain."""
    if option & ~0x03:
        raise StatusError(NativeStatus.PARAMETER)
    return Mode.PLAIN if option == 0x02 else Mode(option)


def _kind(generation: Generation, formatted: bool) -> Kind:
    def made(uid: bytes, stored: Mapping[str, Any]) -> Desfire:
        return Desfire(generation, uid, stored, formatted=formatted)

    return Kind(made, b"\x04", 7)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        generation.name + ("" if formatted else "-BLANK"): _kind(generation, formatted)
        for generation in GENERATIONS.values()
        for formatted in (True, False)
    }
)
