"""NXP's native commands in ISO/IEC 7816-4 wrapping (CLA 90h) over files with access rights: NTAG 424 DNA and DESFire.

Section and table numbers are those of the NT4H2421Gx data sheet, rev 3.0. Strict where a reader could be careless: P1
and P2 must be 00h, Le must be there, and every error ends the authentication (9.1.9).
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from dpptag.sim.aes import BLOCK, cbc_decrypt, cbc_encrypt, xor
from dpptag.sim.ev2 import Mode, NativeStatus, Session, session_keys
from dpptag.sim.iso_dep import IsoDepChip
from dpptag.sim.sdm import FREE, NEVER, Sdm
from dpptag.sim.type4 import LINE, Apdu, Status, StatusError, program_file, status_bytes

Random = Callable[[int], bytes]

ADDITIONAL_FRAME: Final = 0xAF

# AN12196 section 7.4: a delay from 50 failures in a row on. Its length is not modelled in time: so many authentications
# are refused after each further failure.
_DELAY_FROM: Final = 50
_REFUSED_IN_DELAY: Final = 3


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
    """Keys and files that are selected together."""

    keys: list[Key]
    files: dict[int, DataFile]
    aid: bytes = b""
    df_name: bytes = b""
    iso_id: int | None = None


@dataclass(slots=True)
class _Challenge:
    key_number: int
    rnd_b: bytes
    first: bool
    capabilities: bytes


@dataclass(slots=True)
class _Parts:
    """Answer parts still to be fetched by AFh; ``whole`` is what the MAC at the end covers, ``mac`` that MAC."""

    parts: list[bytes] = field(default_factory=list)
    mac: bytes = b""


class NativeChip(IsoDepChip):
    """Commands common to the families. ``random`` makes challenges, transaction identifiers and SDM padding.

    ``application`` is the one selected, None at PICC level (the master file).
    """

    answer_frame: int | None = None
    """Longest data field of one native answer where longer ones come in parts (AFh); None: they come whole."""

    def __init__(self, uid: bytes, *, random: Random = secrets.token_bytes) -> None:
        self.random = random
        self.applications: list[Application] = []
        self.application: Application | None = None
        self.session: Session | None = None
        self.signature = bytes(56)
        self.failure_limit: int | None = 1000
        self.failure_decrement = 10
        self._file: DataFile | None = None
        self._challenge: _Challenge | None = None
        self._parts: _Parts | None = None
        self._reading: tuple[int, int] | None = None
        self._padding = b""
        self.success = NativeStatus.OK
        """The status of the command at hand where it succeeds."""
        super().__init__(uid)

    # What a family adds

    def version_parts(self) -> list[bytes]:
        raise NotImplementedError

    def native_commands(self) -> dict[int, Callable[[bytes], bytes]]:
        raise NotImplementedError

    def write_kept(self, data: bytes) -> bytes:
        """What of a torn write is in the file afterwards; the default keeps half of its last line, as cells do."""
        raise NotImplementedError

    def fade(self, unit: int) -> None:
        """One bit of a line is wrong from now on; nothing happens where there is no such line."""
        for application in self.applications:
            for file in application.files.values():
                start = (unit - self.unit_of(file, 0)) * LINE
                if 0 <= start < len(file.content):
                    file.content[start] ^= 1
                    self.changes += 1

    def unit_of(self, file: DataFile, line: int) -> int:
        """The number of a line of a file, for :attr:`program`."""
        return file.number << 16 | line

    # Commands

    def deactivated(self) -> None:
        self.application = None
        self.session = None
        self._file = None
        self._challenge = self._parts = None
        self._reading = None

    def respond(self, command: bytes) -> bytes:
        cla = command[0] if command else 0x00
        if cla == 0x90:
            return self._native(command)
        try:
            if self._challenge is not None or self._parts is not None:
                self._challenge = self._parts = None
                raise StatusError(Status.CONDITIONS)
            apdu = Apdu.from_bytes(command)
            if apdu.cla != 0x00:
                raise StatusError(Status.UNKNOWN_CLA)
            return self._iso(apdu) + status_bytes(Status.OK)
        except StatusError as refusal:
            self.session = None
            return status_bytes(refusal.status)

    def _native(self, command: bytes) -> bytes:
        try:
            try:
                apdu = Apdu.from_bytes(command)
            except StatusError:
                raise StatusError(NativeStatus.LENGTH) from None
            if apdu.expected is None:
                raise StatusError(NativeStatus.LENGTH)
            if apdu.p1 or apdu.p2:
                raise StatusError(NativeStatus.PARAMETER)
            if apdu.ins != 0xAD:
                self._reading = None
            return self._dispatched(apdu.ins, apdu.data)
        except StatusError as refusal:
            self.session = None
            self._challenge = self._parts = None
            return status_bytes(refusal.status)

    def _dispatched(self, ins: int, body: bytes) -> bytes:
        if ins == ADDITIONAL_FRAME:
            return self._continued(body)
        if self._challenge is not None or self._parts is not None:
            raise StatusError(NativeStatus.COMMAND_ABORTED)
        if ins in (0x71, 0x77):
            return self._challenged(ins, body)
        commands = self.native_commands()
        if ins not in commands:
            raise StatusError(NativeStatus.ILLEGAL_COMMAND)
        return self._in_parts(commands[ins](body))

    def _in_parts(self, answer: bytes) -> bytes:
        """The whole answer, or its first part."""
        if self._parts is not None:
            return self._next_part()
        if self.answer_frame is not None and len(answer) > self.answer_frame:
            size = self.answer_frame
            self._parts = _Parts([answer[start : start + size] for start in range(0, len(answer), size)])
            return self._next_part()
        success, self.success = self.success, NativeStatus.OK
        return answer + status_bytes(success)

    def _next_part(self) -> bytes:
        assert self._parts is not None
        part = self._parts.parts.pop(0)
        if self._parts.parts:
            return part + status_bytes(NativeStatus.ADDITIONAL_FRAME)
        mac, self._parts = self._parts.mac, None
        return part + mac + status_bytes(NativeStatus.OK)

    def _continued(self, body: bytes) -> bytes:
        if self._challenge is not None:
            challenge, self._challenge = self._challenge, None
            return self._authenticated(challenge, body)
        if self._parts is None:
            raise StatusError(NativeStatus.COMMAND_ABORTED)
        if body:
            raise StatusError(NativeStatus.LENGTH)
        return self._next_part()

    def opened(self, ins: int, body: bytes, header: int, mode: Mode) -> bytes:
        """The command in plain; without an authentication it is taken as it comes."""
        return body if self.session is None else self.session.open(ins, body, header, mode)

    def closed(self, data: bytes, mode: Mode) -> bytes:
        return data if self.session is None else self.session.close(data, mode)

    def need_session(self) -> Session:
        if self.session is None:
            raise StatusError(NativeStatus.AUTHENTICATION)
        return self.session

    def native_file(self, number: int) -> DataFile:
        if self.application is None:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        if number not in self.application.files:
            raise StatusError(NativeStatus.FILE_NOT_FOUND)
        return self.application.files[number]

    # Authentication (9.1.5, 9.1.6, 10.4)

    def authentication_keys(self) -> list[Key]:
        return [] if self.application is None else self.application.keys

    def _challenged(self, ins: int, body: bytes) -> bytes:
        first = ins == 0x71
        if not body or (first and (len(body) < 2 or len(body) != 2 + body[1])) or (not first and len(body) != 1):
            raise StatusError(NativeStatus.LENGTH)
        keys = self.authentication_keys()
        number = body[0]
        if number & 0xC0:
            raise StatusError(NativeStatus.PARAMETER)
        if number >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        if not first:
            if self.session is None:
                raise StatusError(NativeStatus.PERMISSION_DENIED)
        else:
            self.session = None
        key = keys[number]
        if self.failure_limit is not None and key.failed >= self.failure_limit:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        if key.refusals:
            key.refusals -= 1
            self.changes += 1
            raise StatusError(NativeStatus.AUTHENTICATION_DELAY)
        rnd_b = self.random(BLOCK)
        self._challenge = _Challenge(number, rnd_b, first, (body[2:] + bytes(6))[:6])
        return cbc_encrypt(key.value, rnd_b) + status_bytes(NativeStatus.ADDITIONAL_FRAME)

    def _authenticated(self, challenge: _Challenge, body: bytes) -> bytes:
        if len(body) != 2 * BLOCK:
            raise StatusError(NativeStatus.LENGTH)
        key = self.authentication_keys()[challenge.key_number]
        plain = cbc_decrypt(key.value, body)
        rnd_a, rotated = plain[:BLOCK], plain[BLOCK:]
        if rotated != challenge.rnd_b[1:] + challenge.rnd_b[:1]:
            self._count_failure(key)
            raise StatusError(NativeStatus.AUTHENTICATION)
        if key.failed or key.failed_in_row:
            key.failed = max(0, key.failed - self.failure_decrement)
            key.failed_in_row = key.refusals = 0
            self.changes += 1
        enc_key, mac_key = session_keys(key.value, rnd_a, challenge.rnd_b)
        answer = rnd_a[1:] + rnd_a[:1]
        if challenge.first:
            transaction, counter = self.random(4), 0
            answer = transaction + answer + self.capabilities() + challenge.capabilities
        else:
            previous = self.need_session()
            transaction, counter = previous.transaction, previous.counter
        self.session = Session(challenge.key_number, transaction, enc_key, mac_key, counter)
        return cbc_encrypt(key.value, answer) + status_bytes(NativeStatus.OK)

    def capabilities(self) -> bytes:
        """PDcap2: 6 bytes."""
        return bytes(6)

    def _count_failure(self, key: Key) -> None:
        if self.failure_limit is not None:
            key.failed += 1
        key.failed_in_row = min(key.failed_in_row + 1, 255)
        if key.failed_in_row >= _DELAY_FROM:
            key.refusals = _REFUSED_IN_DELAY
        self.changes += 1

    # Commands that both families know

    def get_version(self, body: bytes) -> bytes:
        """60h: three parts; authenticated, one MAC over all three comes with the last (table 22, note 1)."""
        if self.opened(0x60, body, 0, Mode.MAC):
            raise StatusError(NativeStatus.LENGTH)
        parts = self.version_parts()
        whole = b"".join(parts)
        self._parts = _Parts(parts, self.closed(whole, Mode.MAC)[len(whole) :])
        return b""

    def get_card_uid(self, body: bytes) -> bytes:
        self.need_session()
        if self.opened(0x51, body, 0, Mode.FULL):
            raise StatusError(NativeStatus.LENGTH)
        return self.closed(self.uid, Mode.FULL)

    def get_file_settings(self, body: bytes) -> bytes:
        header = self.opened(0xF5, body, 1, Mode.MAC)
        if len(header) != 1:
            raise StatusError(NativeStatus.LENGTH)
        return self.closed(self.native_file(header[0] & 0x1F).settings(), Mode.MAC)

    def get_key_version(self, body: bytes) -> bytes:
        header = self.opened(0x64, body, 1, Mode.MAC)
        if len(header) != 1:
            raise StatusError(NativeStatus.LENGTH)
        keys = self.authentication_keys()
        if header[0] >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        return self.closed(bytes((keys[header[0]].version,)), Mode.MAC)

    def change_key(self, body: bytes) -> bytes:
        """C4h (10.6.1). Changing the key of the session ends it: that answer carries no MAC."""
        session = self.need_session()
        if session.key_number != 0:
            raise StatusError(NativeStatus.AUTHENTICATION)
        plain = self.opened(0xC4, body, 1, Mode.FULL)
        number, data = plain[0], plain[1:]
        keys = self.authentication_keys()
        if number & 0x3F >= len(keys):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        if number & 0xC0:
            raise StatusError(NativeStatus.PARAMETER)
        own = number == session.key_number
        if len(data) != (17 if own else 21):
            raise StatusError(NativeStatus.LENGTH)
        value = data[:16] if own else xor(data[:16], keys[number].value)
        if not own and data[17:] != crc32(value):
            raise StatusError(NativeStatus.INTEGRITY)
        if not self.torn_before():
            keys[number] = Key(value, data[16])
            self.changes += 1
        if own:
            self.session = None
            return b""
        return self.closed(b"", Mode.FULL)

    # Files, native (10.8)

    def _granted(self, nibbles: tuple[int, ...], file: DataFile) -> Mode | None:
        """The mode of a command on a file: the file's for the right key, plain for free access, None refused."""
        if self.session is not None and self.session.key_number in nibbles:
            return file.mode
        return Mode.PLAIN if FREE in nibbles else None

    def _not_granted(self, nibbles: tuple[int, ...]) -> NoReturn:
        never = all(nibble == NEVER for nibble in nibbles)
        raise StatusError(NativeStatus.PERMISSION_DENIED if never else NativeStatus.AUTHENTICATION)

    def read_data(self, body: bytes) -> bytes:
        """ADh: file number, offset and length of 3 bytes each; length 0 reads to the end."""
        if len(body) < 7:
            raise StatusError(NativeStatus.LENGTH)
        file = self.native_file(body[0] & 0x1F)
        mode = self._granted(file.read, file)
        if mode is None:
            if self.session is not None or file.sdm is None or file.sdm.file_read == NEVER:
                self._not_granted(file.read)
            mode = Mode.PLAIN
        header = self.opened(0xAD, body, 7, mode)
        if len(header) != 7:
            raise StatusError(NativeStatus.LENGTH)
        offset, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:7], "little")
        if offset >= len(file.content) or offset + length > len(file.content):
            raise StatusError(NativeStatus.BOUNDARY)
        view = self._served(file, 0xAD, NativeStatus.PERMISSION_DENIED)
        answer = self.closed(view[offset : offset + length if length else None], mode)
        if self.answer_frame is None and len(answer) > 256:
            raise StatusError(NativeStatus.LENGTH)
        return answer

    def write_data(self, body: bytes) -> bytes:
        """8Dh: file number, offset and length of 3 bytes each, then the data."""
        if len(body) < 7:
            raise StatusError(NativeStatus.LENGTH)
        file = self.native_file(body[0] & 0x1F)
        mode = self._granted(file.write, file)
        if mode is None:
            self._not_granted(file.write)
        plain = self.opened(0x8D, body, 7, mode)
        offset, length = int.from_bytes(plain[1:4], "little"), int.from_bytes(plain[4:7], "little")
        data = plain[7:]
        if not data or len(data) != length:
            raise StatusError(NativeStatus.LENGTH)
        if offset + length > len(file.content):
            raise StatusError(NativeStatus.BOUNDARY)
        self._write(file, offset, data)
        return self.closed(b"", mode)

    def _write(self, file: DataFile, offset: int, data: bytes) -> None:
        if self.torn_before():
            data = self.write_kept(data)
            if not data:
                return

        def programmed(line: int, piece: bytes) -> bytes:
            return self.program(self.unit_of(file, line), piece)

        program_file(file.content, offset, data, programmed)
        self.changes += 1

    def _served(self, file: DataFile, ins: int, spent: int) -> bytes:
        """The file's content, or its SDM view; the first read of a row counts (9.3.1). ``spent``: limit reached."""
        if file.sdm is None or self.session is not None:
            return bytes(file.content)
        if self._reading != (ins, file.number):
            limit = 0xFFFFFF if file.sdm.counter_limit is None else file.sdm.counter_limit
            if file.sdm.counts and file.counter >= limit:
                raise StatusError(spent)
            self._padding = self.random(BLOCK)
            file.counter += 1
            self.changes += 1
            self._reading = ins, file.number
        assert self.application is not None
        keys = [key.value for key in self.application.keys]
        return file.sdm.served(bytes(file.content), self.uid, file.counter, keys, self._padding)

    # Files, ISO/IEC 7816-4 (10.9)

    def _iso(self, apdu: Apdu) -> bytes:
        if apdu.ins != 0xB0:
            self._reading = None
        match apdu.ins:
            case 0xA4:
                return self._select_file(apdu)
            case 0xB0:
                return self._read_binary(apdu)
            case 0xD6:
                return self._update_binary(apdu)
            case _:
                raise StatusError(Status.UNKNOWN_INS)

    def _select_file(self, apdu: Apdu) -> bytes:
        """A4h. No FCI is ever returned. What was selected stays so where nothing is found (table 86)."""
        if apdu.p1 not in (0x00, 0x02, 0x04) or apdu.p2 not in (0x00, 0x0C):
            raise StatusError(Status.WRONG_P1_P2)
        if len(apdu.data) > 16 or (apdu.p1 != 0x04 and len(apdu.data) != 2 and not (apdu.p1 == 0 and not apdu.data)):
            raise StatusError(Status.LENGTH_AND_P1_P2)
        self.session = None
        if apdu.p1 == 0x04:
            self._select_application(lambda application: application.df_name == apdu.data, apdu.data == self.mf_name)
            return b""
        identifier = int.from_bytes(apdu.data, "big")
        if apdu.p1 == 0x00 and (not apdu.data or identifier == 0x3F00):
            self._select_application(lambda _: False, True)
            return b""
        files = () if self.application is None else self.application.files.values()
        for file in files:
            if file.iso_id == identifier:
                self._file = file
                return b""
        if apdu.p1 != 0x00:
            raise StatusError(Status.NOT_FOUND)
        self._select_application(lambda application: application.iso_id == identifier, False)
        return b""

    mf_name: bytes = bytes.fromhex("D2760000850100")

    def _select_application(self, fits: Callable[[Application], bool], master: bool) -> None:
        found = next((application for application in self.applications if fits(application)), None)
        if found is None and not master:
            raise StatusError(Status.NOT_FOUND)
        self.application, self._file = found, None

    def _target(self, apdu: Apdu) -> tuple[DataFile, int]:
        """The file and the offset that P1 and P2 mean (table 87); a short file id selects."""
        offset = apdu.offset
        if apdu.p1 & 0x80:
            short, offset = apdu.p1 & 0x1F, apdu.p2
            if apdu.p1 & 0x60 or short == 0x1F:
                raise StatusError(Status.WRONG_P1_P2)
            if short:
                files = () if self.application is None else self.application.files.values()
                found = next((file for file in files if (file.iso_id or 0) & 0x1F == short), None)
                if found is None:
                    raise StatusError(Status.NOT_FOUND)
                self._file = found
        if self._file is None:
            raise StatusError(Status.CONDITIONS)
        return self._file, offset

    def _read_binary(self, apdu: Apdu) -> bytes:
        """B0h: plain alone, and not in an authenticated state. Less than Le comes where the file ends (table 87)."""
        if apdu.data or apdu.expected is None:
            raise StatusError(Status.WRONG_LENGTH)
        file, offset = self._target(apdu)
        mirrored = file.sdm is not None and file.sdm.file_read != NEVER
        if self.session is not None or (FREE not in file.read and not mirrored):
            raise StatusError(Status.SECURITY)
        if offset >= len(file.content):
            raise StatusError(Status.WRONG_OFFSET)
        view = self._served(file, 0xB0, Status.SECURITY)
        return view[offset : offset + self.iso_read_limit(apdu.expected)]

    def iso_read_limit(self, expected: int) -> int:
        return expected

    def _update_binary(self, apdu: Apdu) -> bytes:
        """D6h: plain alone, and not in an authenticated state. Nothing is written that does not fit whole."""
        if not apdu.data:
            raise StatusError(Status.WRONG_LENGTH)
        file, offset = self._target(apdu)
        if self.session is not None or FREE not in file.write:
            raise StatusError(Status.SECURITY)
        if offset >= len(file.content):
            raise StatusError(Status.WRONG_OFFSET)
        if offset + len(apdu.data) > len(file.content):
            raise StatusError(Status.WRONG_LENGTH)
        self._write(file, offset, apdu.data)
        return b""


def crc32(key: bytes) -> bytes:
    """CRC-32 of ChangeKey: IEEE 802.3 without the final complement, low byte first."""
    return (zlib.crc32(key) ^ 0xFFFFFFFF).to_bytes(4, "little")
