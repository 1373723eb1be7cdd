"""NFC Forum Type 2 over a raw port: the commands of NTAG21x and MIFARE Ultralight (data sheets, chapter "commands")."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final, Literal

from dpptag.devices.air import Air
from dpptag.devices.crc_a import CRC_BYTES, without_crc_a
from dpptag.devices.raw_port import USUAL_WAITING_TIME, Hidden
from dpptag.errors import DeviceProtocolError, TagLost, TagNak
from dpptag.links.nfc import Technology

_ACK: Final = 0x0A
_NAK_UNKNOWN_COMMAND: Final = 0x00  # 1h: what the chip received was damaged
_PAGE_BYTES: Final = 4
_PASSWORD_BYTES: Final = 4


@unique
class Command(IntEnum):
    """NTAG213/215/216 data sheet rev 3.2, chapter 10."""

    GET_VERSION = 0x60
    READ = 0x30
    FAST_READ = 0x3A
    WRITE = 0xA2
    PWD_AUTH = 0x1B
    READ_SIG = 0x3C


class RawType2Link:
    """An activated Type 2 tag; implements :class:`dpptag.links.Type2Link`."""

    def __init__(self, air: Air, uid: bytes, fast_read_pages: int) -> None:
        self._air = air
        self._uid = uid
        self._fast_read_pages = fast_read_pages

    @property
    def technology(self) -> Literal[Technology.TYPE2]:
        return Technology.TYPE2

    @property
    def uid(self) -> bytes:
        return self._uid

    @property
    def fast_read_pages(self) -> int:
        return self._fast_read_pages

    @property
    def passes_commands(self) -> bool:
        return True

    def get_version(self) -> bytes | None:
        return self._asked(bytes((Command.GET_VERSION,)), 8)

    def read_signature(self) -> bytes | None:
        return self._asked(bytes((Command.READ_SIG, 0x00)), 32)

    def read(self, page: int) -> bytes:
        return self._data(bytes((Command.READ, page)), 16, page)

    def fast_read(self, first: int, last: int) -> bytes:
        return self._data(bytes((Command.FAST_READ, first, last)), _PAGE_BYTES * (last - first + 1), first)

    def write(self, page: int, data: bytes, *, secret: bool = False) -> None:
        """``secret`` masks the four bytes in the traffic log."""
        if len(data) != _PAGE_BYTES:
            raise ValueError(f"a page has {_PAGE_BYTES} bytes, not {len(data)}")
        hidden = Hidden(2, 2 + _PAGE_BYTES) if secret else None
        answer = self._exchange(bytes((Command.WRITE, page)) + data, hidden)
        if len(answer) != 1:
            raise self._wrong_length(answer, page)
        if answer[0] & 0x0F != _ACK:
            raise self._nak(answer[0], page)

    def authenticate(self, password: bytes) -> bytes:
        if len(password) != _PASSWORD_BYTES:
            raise ValueError(f"a password has {_PASSWORD_BYTES} bytes, not {len(password)}")
        frame = bytes((Command.PWD_AUTH,)) + password
        return self._data(frame, 2, hidden=Hidden(1, 1 + _PASSWORD_BYTES, answer=True))

    def reselect(self) -> None:
        self._air.reselect_a(self._uid)

    def _asked(self, frame: bytes, length: int) -> bytes | None:
        """The answer to a command that the chip may not know: None then, the chip selected again.

        Silence or noise once says nothing about the chip: it is selected and asked again. Silence twice is how a chip
        without the command may answer too.
        """
        try:
            return self._asked_once(frame, length)
        except TagLost:
            self.reselect()
        try:
            return self._asked_once(frame, length)
        except TagLost as error:
            if not error.facts.get("silent"):
                raise
        self.reselect()
        return None

    def _asked_once(self, frame: bytes, length: int) -> bytes | None:
        try:
            return self._data(frame, length)
        except TagNak as error:
            self.reselect()
            if error.facts["nak"] != _NAK_UNKNOWN_COMMAND:
                raise
            return None

    def _data(self, frame: bytes, length: int, page: int | None = None, hidden: Hidden | None = None) -> bytes:
        """An answer of ``length`` bytes, its CRC checked and taken off."""
        answer = self._exchange(frame, hidden)
        if len(answer) == 1:
            raise self._nak(answer[0], page)
        if len(answer) != length + CRC_BYTES:
            raise self._wrong_length(answer, page)
        data = without_crc_a(answer)
        if data is None:
            raise TagLost(
                f"a damaged answer from the chip {self._uid.hex()}",
                code="tag-answer-damaged",
                action="move the tag to the middle of the antenna",
                chip=self._uid.hex(),
                page=page,
            )
        return data

    def _exchange(self, frame: bytes, hidden: Hidden | None) -> bytes:
        return self._air.exchange(self._uid, frame, USUAL_WAITING_TIME, hidden)

    def _nak(self, value: int, page: int | None) -> TagNak:
        where = "" if page is None else f" at page {page}"
        return TagNak(
            f"the chip {self._uid.hex()} answered NAK {value & 0x0F:X}h{where}",
            action="check the chip type, its lock bits and its password",
            chip=self._uid.hex(),
            page=page,
            nak=value & 0x0F,
        )

    def _wrong_length(self, answer: bytes, page: int | None) -> DeviceProtocolError:
        """Some readers repeat or swallow bytes of a FAST_READ."""
        return DeviceProtocolError(
            f"an answer of {len(answer)} bytes from the chip {self._uid.hex()} is none that the command has",
            code="tag-answer-length",
            action="set fast_read_pages = 0 in the reader's profile",
            chip=self._uid.hex(),
            page=page,
            got=len(answer),
        )
