"""Links over a PC/SC reader: NFC Forum Type 3 (FeliCa) and Type 5 (ISO/IEC 15693)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from dpptag.devices.felica_link import ANY_SYSTEM, NDEF_SYSTEM
from dpptag.devices.pcsc_apdu import OK, read_binary, status, update_binary
from dpptag.devices.pcsc_links import Card, Dialect, Span, gone, odd_answer, passed
from dpptag.errors import TagLost, TagNak, TagRefused
from dpptag.links.nfc import Technology

_LITE_S_SYSTEM: Final = 0x88B4
_FELICA_BLOCK: Final = 16
_FELICA_PATIENCE_US: Final = 200_000
_V_PATIENCE_US: Final = 1_000_000
"""One second, as reported to work: a reader that waits less calls a write that was made unanswered."""
_ADDRESSED: Final = 0x22  # high data rate, addressed (ISO/IEC 15693-3 7.3.1)
_OPTION: Final = 0x40
_READ, _WRITE, _READ_MULTIPLE = 0x20, 0x21, 0x23
_UNSUPPORTED: Final = (0x01, 0x02, 0x03)  # not supported, not recognized, option not supported (15693-3 table 7)
_CUSTOM: Final = range(0xA0, 0xE0)
_V_BLOCK: Final = 4
_UNKNOWN_ERROR: Final = 0x0F


def _no_commands(uid: bytes) -> TagRefused:
    return TagRefused(
        "this reader passes no tag commands",
        code="reader-passes-no-commands",
        action="use a reader with a transparent session",
        chip=uid.hex(),
        tag_state="untouched",
    )


class PcscFelicaLink:
    """A FeliCa tag; implements :class:`dpptag.links.FelicaLink`. Raises TagRefused where the reader passes nothing."""

    def __init__(self, card: Card, idm: bytes) -> None:
        self._card = card
        self._idm = idm
        if card.dialect is Dialect.STORAGE:
            raise _no_commands(idm)
        self._pmm, self._system_code = self._poll()

    @property
    def technology(self) -> Literal[Technology.TYPE3]:
        return Technology.TYPE3

    @property
    def uid(self) -> bytes:
        return self._idm

    @property
    def pmm(self) -> bytes:
        return self._pmm

    @property
    def system_code(self) -> int:
        return self._system_code

    def read(self, service: int, blocks: Sequence[int]) -> bytes:
        answer = self._command(0x06, service, blocks, b"")
        if len(answer) != 1 + _FELICA_BLOCK * len(blocks) or answer[0] != len(blocks):
            raise gone(self._idm)
        return answer[1:]

    def write(self, service: int, blocks: Sequence[int], data: bytes) -> None:
        if len(data) != _FELICA_BLOCK * len(blocks):
            raise ValueError(f"{len(blocks)} blocks have {_FELICA_BLOCK * len(blocks)} bytes, not {len(data)}")
        try:
            self._command(0x08, service, blocks, data)
        except TagLost:
            # "No answer" to a write may be said of one that was made: what the blocks hold decides.
            if self.read(service & ~0x2 | 0x2, blocks) != data:
                raise

    def reselect(self) -> None:
        self._card.reselect(self._idm)
        self._poll((self._system_code,))

    def _poll(self, systems: Sequence[int] = (NDEF_SYSTEM, _LITE_S_SYSTEM, ANY_SYSTEM)) -> tuple[bytes, int]:
        """PMm and the first of these systems that the tag answers to. Raises TagLost where it answers none."""
        for system in systems:
            answer = self._frame(b"\x00" + system.to_bytes(2, "big") + b"\x00\x00")
            if len(answer) >= 17 and answer[0] == 0x01 and answer[1:9] == self._idm:
                return answer[9:17], system
        raise gone(self._idm)

    def _command(self, code: int, service: int, blocks: Sequence[int], data: bytes) -> bytes:
        body = bytes((code,)) + self._idm + b"\x01" + service.to_bytes(2, "little") + bytes((len(blocks),))
        body += b"".join(
            bytes((0x80, block)) if block <= 0xFF else b"\x00" + block.to_bytes(2, "little") for block in blocks
        )
        answer = self._frame(body + data)
        if len(answer) < 11 or answer[0] != code + 1 or answer[1:9] != self._idm:
            raise gone(self._idm)
        if answer[9]:
            raise TagNak(
                f"the chip {self._idm.hex()} answered with status flags {answer[9]:02X} {answer[10]:02X}",
                action="check the chip type and what its memory is protected by",
                chip=self._idm.hex(),
                block=blocks[0] if blocks else None,
                status1=answer[9],
                status2=answer[10],
            )
        return answer[11:]

    def _frame(self, body: bytes) -> bytes:
        """One frame; the answer without its length byte, empty where none came."""
        received = passed(self._card, self._idm, bytes((len(body) + 1,)) + body, _FELICA_PATIENCE_US)
        if received.damaged or not received.data or received.data[0] != len(received.data):
            return b""
        return received.data[1:]


class PcscType5Link:
    """An ISO/IEC 15693 tag; implements :class:`dpptag.links.Type5Link`."""

    def __init__(self, card: Card, uid: bytes) -> None:
        self._card = card
        self._uid = uid
        self._reads_multiple = True  # optional in ISO/IEC 15693-3: a chip without it says so once

    @property
    def technology(self) -> Literal[Technology.TYPE5]:
        return Technology.TYPE5

    @property
    def uid(self) -> bytes:
        return self._uid

    @property
    def passes_commands(self) -> bool:
        return self._card.dialect is Dialect.TRANSPARENT

    def read(self, block: int, count: int = 1) -> bytes:
        if not self.passes_commands:
            return b"".join(self._read_binary(at) for at in range(block, block + count))
        if count > 1 and self._reads_multiple:
            try:
                data = self.command(_READ_MULTIPLE, bytes((block, count - 1)))
            except TagNak as error:
                if error.facts.get("error") not in _UNSUPPORTED:
                    raise
                self._reads_multiple = False
            else:
                if len(data) != count * _V_BLOCK:
                    raise gone(self._uid)
                return data
        return b"".join(self.command(_READ, bytes((at,))) for at in range(block, block + count))

    def write(self, block: int, data: bytes) -> None:
        if self.passes_commands:
            try:
                self.command(_WRITE, bytes((block,)) + data)
            except TagLost:
                if self.read(block) != data:  # 64 01 is said of writes that were made: the block decides
                    raise
            return
        answer = self._card.transmit(self._uid, update_binary(block, data))
        if status(answer) != OK and self.read(block) != data:
            raise self._nak(_UNKNOWN_ERROR, block)

    def command(self, code: int, parameters: bytes = b"", *, option: bool = False, secret: bool = False) -> bytes:
        if not self.passes_commands:
            raise _no_commands(self._uid)
        maker, rest = (parameters[:1], parameters[1:]) if code in _CUSTOM else (b"", parameters)
        frame = bytes((_ADDRESSED | (_OPTION if option else 0), code)) + maker + self._uid[::-1] + rest
        hidden: Span | None = (len(frame) - len(rest), len(frame)) if secret else None
        received = passed(self._card, self._uid, frame, _V_PATIENCE_US, hidden)
        if received.damaged or not received.data:
            raise gone(self._uid, silent=not received.data)
        if received.data[0] & 0x01:
            raise self._nak(received.data[1] if len(received.data) > 1 else _UNKNOWN_ERROR, None)
        return received.data[1:]

    def reselect(self) -> None:
        self._card.reselect(self._uid)

    def _read_binary(self, block: int) -> bytes:
        answer = self._card.transmit(self._uid, read_binary(block, _V_BLOCK))
        if status(answer) != OK:
            raise self._nak(_UNKNOWN_ERROR, block)
        if len(answer) != _V_BLOCK + 2:
            raise odd_answer(self._uid, answer)
        return answer[:-2]

    def _nak(self, error: int, block: int | None) -> TagNak:
        return TagNak(
            f"the chip {self._uid.hex()} answered error {error:02X}h",
            action="check the chip type, and whether the block is locked",
            chip=self._uid.hex(),
            block=block,
            error=error,
        )
