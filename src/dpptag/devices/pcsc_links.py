"""Links over a PC/SC reader: NFC Forum Types 2 and 4. Types 3 and 5 are in :mod:`dpptag.devices.pcsc_block_links`.

A reader that says that a write failed may have made it all the same (63 00, or 64 01 in a transparent session). So a
failed write is decided by what the page holds; whether every byte is right, only the read-back of the caller proves.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import Final, Literal, Protocol

from dpptag.devices.pcsc_apdu import (
    OK,
    Received,
    direct_received,
    direct_transmit,
    read_binary,
    session_received,
    status,
    transceive,
    update_binary,
)
from dpptag.errors import DeviceProtocolError, TagLost, TagNak, TagRefused
from dpptag.links.nfc import Technology

_ACK: Final = 0x0A
_NAK_UNKNOWN_COMMAND: Final = 0x00
_PAGE_BYTES: Final = 4
_READ_BYTES: Final = 16
_PATIENCE_US: Final = 50_000  # a page write takes up to 10 ms (NTAG213F/216F p.40); the rest is the reader's own time

Span = tuple[int, int]


@unique
class Dialect(Enum):
    """How a reader hands tag commands through: PN532 commands (ACR122U), the transparent session, or not at all."""

    DIRECT = "direct transmit"
    TRANSPARENT = "transparent session"
    STORAGE = "storage card"


class Card(Protocol):
    """The tag in the reader, as the driver gives it to its links."""

    @property
    def dialect(self) -> Dialect: ...

    def transmit(self, uid: bytes, apdu: bytes, hidden: Span | None = None, *, hide_answer: bool = False) -> bytes:
        """One APDU for the tag ``uid``; the answer with its status bytes. Raises TagLost, TagSwapped, DeviceError."""

    def open_session(self, uid: bytes) -> None:
        """Begin a transparent session for the technology of the tag, if there is none yet."""

    def reselect(self, uid: bytes) -> None:
        """Power off and on, then the same tag again. Raises TagLost, TagSwapped."""


def gone(uid: bytes, *, page: int | None = None, silent: bool = False) -> TagLost:
    return TagLost(
        f"no answer from the chip {uid.hex()}",
        action="put the tag back on the reader",
        chip=uid.hex(),
        page=page,
        silent=silent,
    )


def odd_answer(uid: bytes, answer: bytes) -> DeviceProtocolError:
    return DeviceProtocolError(
        f"the reader answered {answer[-8:].hex(' ').upper() or 'nothing'}, which its protocol does not allow",
        action="plug the reader in again; if it comes back, use another reader",
        chip=uid.hex(),
        status=f"{status(answer):04X}",
    )


def passed(card: Card, uid: bytes, frame: bytes, patience_us: int, hidden: Span | None = None) -> Received:
    """One tag command through the reader. ``hidden`` counts in ``frame``; the answer is then hidden too."""
    if card.dialect is Dialect.DIRECT:
        apdu, at = direct_transmit(frame), 7
    else:
        card.open_session(uid)
        apdu = transceive(frame, patience_us)
        at = len(apdu) - 1 - len(frame)
    span = None if hidden is None else (at + hidden[0], at + hidden[1])
    answer = card.transmit(uid, apdu, span, hide_answer=hidden is not None)
    received = direct_received(answer) if card.dialect is Dialect.DIRECT else session_received(answer)
    if received is None:
        raise odd_answer(uid, answer)
    return received


class PcscType2Link:
    """A Type 2 tag; implements :class:`dpptag.links.Type2Link`."""

    def __init__(self, card: Card, uid: bytes, fast_read_pages: int) -> None:
        self._card = card
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
        return self._fast_read_pages if self.passes_commands else 0

    @property
    def passes_commands(self) -> bool:
        return self._card.dialect is not Dialect.STORAGE

    def get_version(self) -> bytes | None:
        return self._asked(b"\x60", 8)

    def read_signature(self) -> bytes | None:
        return self._asked(b"\x3c\x00", 32)

    def read(self, page: int) -> bytes:
        if self._card.dialect is Dialect.TRANSPARENT:
            return self._data(bytes((0x30, page)), _READ_BYTES, page)
        data = self._read_binary(page)
        if data is None:  # a NAK and a tag out of reach look the same: selected again it tells
            self.reselect()
            data = self._read_binary(page)
        if data is None:
            raise self._nak(_NAK_UNKNOWN_COMMAND, page)
        return data

    def fast_read(self, first: int, last: int) -> bytes:
        return self._data(bytes((0x3A, first, last)), _PAGE_BYTES * (last - first + 1), first)

    def write(self, page: int, data: bytes, *, secret: bool = False) -> None:
        """``secret`` masks the four bytes in the traffic log."""
        if len(data) != _PAGE_BYTES:
            raise ValueError(f"a page has {_PAGE_BYTES} bytes, not {len(data)}")
        if self._card.dialect is Dialect.TRANSPARENT:
            hidden = (2, 2 + _PAGE_BYTES) if secret else None
            received = passed(self._card, self._uid, bytes((0xA2, page)) + data, _PATIENCE_US, hidden)
            if received.nibble == _ACK:
                return
            if received.nibble is not None:
                raise self._nak(received.nibble, page)
        else:
            hidden = (5, 5 + _PAGE_BYTES) if secret else None
            answer = self._card.transmit(self._uid, update_binary(page, data), hidden)
            if status(answer) == OK:
                return
            self._known_refusal(answer)
        self._decide_by_content(page, data)

    def authenticate(self, password: bytes) -> bytes:
        if len(password) != _PAGE_BYTES:
            raise ValueError(f"a password has {_PAGE_BYTES} bytes, not {len(password)}")
        return self._data(b"\x1b" + password, 2, hidden=(1, 1 + _PAGE_BYTES))

    def reselect(self) -> None:
        self._card.reselect(self._uid)

    # How it is done

    def _asked(self, frame: bytes, length: int) -> bytes | None:
        """The answer to a command that the chip may not know: None where it refused, or was silent, twice."""
        if not self.passes_commands:
            return None
        for again in (True, False):
            received = passed(self._card, self._uid, frame, _PATIENCE_US)
            if len(received.data) == length and not received.bits and not received.damaged:
                return received.data
            self.reselect()
            if received.nibble == _NAK_UNKNOWN_COMMAND:
                return None
            # Status 02h of a PN532 stands for a NAK and for noise alike; nobody answers a command it knows by silence.
            if not again and received.data:
                raise self._damaged(None)
        return None

    def _data(self, frame: bytes, length: int, page: int | None = None, hidden: Span | None = None) -> bytes:
        if not self.passes_commands:
            raise TagRefused(
                "this reader passes no tag commands",
                code="reader-passes-no-commands",
                action="use a reader with direct transmit or a transparent session",
                chip=self._uid.hex(),
            )
        received = passed(self._card, self._uid, frame, _PATIENCE_US, hidden)
        if not (received.data or received.damaged) and self._card.dialect is Dialect.TRANSPARENT:
            # Some readers call a 4-bit answer none. A chip that is still there has refused, or was asked too soon;
            # a password is never sent twice, for chips may count the wrong ones.
            self.reselect()
            received = passed(self._card, self._uid, frame, _PATIENCE_US) if hidden is None else Received()
            if not (received.data or received.damaged):
                raise self._nak(_NAK_UNKNOWN_COMMAND, page)
        if received.nibble is not None:
            raise self._nak(received.nibble, page)
        if received.damaged and not received.data:  # direct transmit: the 4-bit NAK under receive CRC
            raise self._nak(_NAK_UNKNOWN_COMMAND, page)
        if received.damaged:
            raise self._damaged(page)
        if not received.data:
            raise gone(self._uid, page=page, silent=True)
        if len(received.data) != length:
            raise DeviceProtocolError(
                f"an answer of {len(received.data)} bytes from the chip {self._uid.hex()} is none that the command has",
                code="tag-answer-length",
                action="set fast_read_pages = 0 in the reader's profile",
                chip=self._uid.hex(),
                page=page,
                got=len(received.data),
            )
        return received.data

    def _read_binary(self, page: int) -> bytes | None:
        answer = self._card.transmit(self._uid, read_binary(page, _READ_BYTES))
        if status(answer) != OK:
            self._known_refusal(answer)
            return None
        if len(answer) != _READ_BYTES + 2:
            raise odd_answer(self._uid, answer)
        return answer[:-2]

    def _decide_by_content(self, page: int, data: bytes) -> None:
        """After a write that the reader calls failed.

        A chip that answered NAK is mute until it is selected again: then only the very bytes count as written. One that
        goes on answering gave no NAK; its lock bits, CC and password pages do not read back as they were written, so
        bits that are all set, or nothing but zeros, are left to the caller's read-back.
        """
        try:
            held = self._read_once(page)
        except TagLost:
            held = None
        refused = held is None
        if held is None:
            self.reselect()
            held = self.read(page)
        held = held[:_PAGE_BYTES]
        may_hide = not any(held) or all(new & ~old == 0 for old, new in zip(held, data, strict=True))
        if held != data and (refused or not may_hide):
            raise self._nak(_NAK_UNKNOWN_COMMAND, page)

    def _read_once(self, page: int) -> bytes | None:
        """READ, not tried again: None where the chip is mute."""
        if self._card.dialect is not Dialect.TRANSPARENT:
            return self._read_binary(page)
        received = passed(self._card, self._uid, bytes((0x30, page)), _PATIENCE_US)
        return received.data if len(received.data) == _READ_BYTES and not received.damaged else None

    def _known_refusal(self, answer: bytes) -> None:
        """63 00, 6A 8x, 69 8x and 64 01 are the reader's ways to say that the tag did not do it; others are faults."""
        code = status(answer)
        if code == 0x6700:
            raise TagRefused(
                "this reader does not write single pages",
                code="reader-write-length",
                action="use another reader",
                chip=self._uid.hex(),
                tag_state="untouched",
            )
        if code >> 8 not in (0x62, 0x63, 0x64, 0x65, 0x69, 0x6A):
            raise odd_answer(self._uid, answer)

    def _damaged(self, page: int | None) -> TagLost:
        return TagLost(
            f"a damaged answer from the chip {self._uid.hex()}",
            code="tag-answer-damaged",
            action="move the tag to the middle of the antenna",
            chip=self._uid.hex(),
            page=page,
        )

    def _nak(self, value: int, page: int | None) -> TagNak:
        where = "" if page is None else f" at page {page}"
        return TagNak(
            f"the chip {self._uid.hex()} refused the command{where}",
            action="check the chip type, its lock bits and its password",
            chip=self._uid.hex(),
            page=page,
            nak=value,
        )


class PcscApduLink:
    """A Type 4 tag; implements :class:`dpptag.links.ApduLink`. The reader runs the block protocol."""

    def __init__(self, card: Card, uid: bytes, history: bytes) -> None:
        self._card = card
        self._uid = uid
        self._history = history

    @property
    def technology(self) -> Literal[Technology.TYPE4]:
        return Technology.TYPE4

    @property
    def uid(self) -> bytes:
        return self._uid

    @property
    def historical_bytes(self) -> bytes:
        return self._history

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        answer = self._card.transmit(self._uid, apdu, (5, len(apdu)) if secret else None, hide_answer=secret)
        if len(answer) < 2:
            raise odd_answer(self._uid, answer)
        return answer

    def reselect(self) -> None:
        self._card.reselect(self._uid)
