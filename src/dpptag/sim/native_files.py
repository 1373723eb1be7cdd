"""Files of chips with NXP's native commands: read and written natively (10.8) and by ISO/IEC 7816-4 commands (10.9).

Section and table numbers are those of the NT4H2421Gx data sheet, rev 3.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from dpptag.sim.aes import BLOCK
from dpptag.sim.ev2 import Mode, NativeStatus
from dpptag.sim.native import NativeChip
from dpptag.sim.native_memory import Application, DataFile
from dpptag.sim.sdm import FREE, NEVER, Sdm
from dpptag.sim.type4 import LINE, Apdu, Status, StatusError, program_file


class FileChip(NativeChip):
    """Commands on files. Units of ``program`` are lines of 16 bytes, numbered by :meth:`unit_of`."""

    # What a family adds

    def write_kept(self, offset: int, data: bytes) -> bytes:
        """What a torn write of ``data`` leaves behind, from ``offset`` on; nothing where it has not begun."""
        raise NotImplementedError

    def parsed_settings(self, file: DataFile, data: bytes) -> tuple[Mode, int, Sdm | None]:
        """FileOption and what follows it in ChangeFileSettings, checked."""
        raise NotImplementedError

    # Cells

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

    def native_file(self, number: int) -> DataFile:
        if self.application is None:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        if number not in self.application.files:
            raise StatusError(NativeStatus.FILE_NOT_FOUND)
        return self.application.files[number]

    def get_file_settings(self, body: bytes) -> bytes:
        header = self.opened(0xF5, body, 1, Mode.MAC)
        if len(header) != 1:
            raise StatusError(NativeStatus.LENGTH)
        return self.closed(self.native_file(header[0] & 0x1F).settings(), Mode.MAC)

    def change_file_settings(self, body: bytes) -> bytes:
        """5Fh (10.7.1). Switching SDM on sets its counter to zero (9.3.1)."""
        if not body:
            raise StatusError(NativeStatus.LENGTH)
        file = self.native_file(body[0] & 0x1F)
        if file.change == NEVER:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        keyed = self.session is not None and self.session.key_number == file.change
        if not keyed and file.change != FREE:
            raise StatusError(NativeStatus.AUTHENTICATION)
        mode = Mode.FULL if keyed else Mode.PLAIN
        plain = self.opened(0x5F, body, 1, mode)
        option, rights, sdm = self.parsed_settings(file, plain[1:])
        if not self.torn_before():
            if sdm is not None and file.sdm is None:
                file.counter = 0
            file.mode, file.rights, file.sdm = option, rights, sdm
            self.changes += 1
        return self.closed(b"", mode)

    # Files, native (10.8)

    def _granted(self, nibbles: tuple[int, ...], file: DataFile) -> Mode | None:
        """The mode of a command on a file: the file's for the right key, plain for free access, None refused."""
        if self.session is not None and self.session.key_number in nibbles:
            return file.mode
        return Mode.PLAIN if FREE in nibbles else None

    def _not_granted(self, nibbles: tuple[int, ...]) -> NoReturn:
        never = all(nibble == NEVER for nibble in nibbles)
        raise StatusError(NativeStatus.PERMISSION_DENIED if never else NativeStatus.AUTHENTICATION)

    def read_data(self, body: bytes, ins: int = 0xAD) -> bytes:
        """ADh (DESFire: BDh too): file number, offset and length of 3 bytes each; length 0 reads to the end."""
        if len(body) < 7:
            raise StatusError(NativeStatus.LENGTH)
        file = self.native_file(body[0] & 0x1F)
        mode = self._granted(file.read, file)
        if mode is None:
            if self.session is not None or file.sdm is None or file.sdm.file_read == NEVER:
                self._not_granted(file.read)
            mode = Mode.PLAIN
        header = self.opened(ins, body, 7, mode)
        if len(header) != 7:
            raise StatusError(NativeStatus.LENGTH)
        offset, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:7], "little")
        if offset >= len(file.content) or offset + length > len(file.content):
            raise StatusError(NativeStatus.BOUNDARY)
        view = self._served(file, 0xAD, NativeStatus.PERMISSION_DENIED)
        answer = self.closed(view[offset : offset + length if length else None], mode)
        if self.frame_of(ins) is None and len(answer) > 256:
            raise StatusError(NativeStatus.LENGTH)
        return answer

    def write_data(self, body: bytes, ins: int = 0x8D) -> bytes:
        """8Dh (DESFire: 3Dh too): file number, offset and length of 3 bytes each, then the data."""
        if len(body) < 7:
            raise StatusError(NativeStatus.LENGTH)
        file = self.native_file(body[0] & 0x1F)
        mode = self._granted(file.write, file)
        if mode is None:
            self._not_granted(file.write)
        plain = self.opened(ins, body, 7, mode)
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
            data = self.write_kept(offset, data)
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
            if file.sdm.counts:
                if file.counter >= (0xFFFFFF if file.sdm.counter_limit is None else file.sdm.counter_limit):
                    raise StatusError(spent)
                file.counter += 1
                self.changes += 1
            self._padding = self.random(BLOCK)
            self._reading = ins, file.number
        assert self.application is not None
        keys = [key.value for key in self.application.keys]
        return file.sdm.served(bytes(file.content), self.uid, file.counter, keys, self._padding)

    # Files, ISO/IEC 7816-4 (10.9)

    def iso_command(self, apdu: Apdu) -> bytes:
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

    iso_read_limit: int = 256
    iso_write_limit: int = 255

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
        return view[offset : offset + min(apdu.expected, self.iso_read_limit)]

    def _update_binary(self, apdu: Apdu) -> bytes:
        """D6h: plain alone, and not in an authenticated state. Nothing is written that does not fit whole."""
        if not apdu.data:
            raise StatusError(Status.WRONG_LENGTH)
        file, offset = self._target(apdu)
        if self.session is not None or FREE not in file.write:
            raise StatusError(Status.SECURITY)
        if len(apdu.data) > self.iso_write_limit:
            raise StatusError(Status.WRONG_LENGTH)
        if offset >= len(file.content):
            raise StatusError(Status.WRONG_OFFSET)
        if offset + len(apdu.data) > len(file.content):
            raise StatusError(Status.WRONG_LENGTH)
        self._write(file, offset, apdu.data)
        return b""
