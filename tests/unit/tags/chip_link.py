"""A Type 2 link straight onto a simulated chip: strict 4-byte pages, lock bits and NAKs, no reader in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from dpptag.errors import TagLost, TagNak, TagSwapped
from dpptag.links import Technology
from dpptag.sim.chip import ACK, Nibble
from dpptag.sim.type2 import MODELS, Type2Chip

UID = bytes.fromhex("04112233445566")


class ChipLink:
    """``writes_left``: the tag is pulled when so many page writes are done; ``tear`` mangles the one write after them.

    ``tear(old, new)`` gives what the cells keep of that write.
    """

    def __init__(self, chip: Type2Chip, *, fast_read_pages: int = 60) -> None:
        self.chip = chip
        self.fast_read_pages = fast_read_pages
        self.writes_left: int | None = None
        self.tear: Callable[[bytes, bytes], bytes] | None = None
        self.written: list[int] = []
        self.frames = 0
        self.link_uid = chip.uid
        self._select()

    @property
    def technology(self) -> Literal[Technology.TYPE2]:
        return Technology.TYPE2

    @property
    def passes_commands(self) -> bool:
        return True

    @property
    def uid(self) -> bytes:
        return self.link_uid

    def _select(self) -> None:
        self.chip.power(False)
        self.chip.power(True)
        assert self.chip.select()

    def _exchange(self, frame: bytes) -> bytes | Nibble:
        self.frames += 1
        answer = self.chip.exchange(frame)
        if answer is None:
            raise TagLost("no answer")
        if isinstance(answer, Nibble) and answer is not ACK:
            raise TagNak(f"NAK {answer.value:x}", nak=answer.value)
        return answer

    def _bytes(self, frame: bytes) -> bytes:
        answer = self._exchange(frame)
        assert isinstance(answer, bytes)
        return answer

    def get_version(self) -> bytes | None:
        try:
            return self._bytes(b"\x60")
        except TagNak:
            self._select()
            return None

    def authenticate(self, password: bytes) -> bytes:
        return self._bytes(b"\x1b" + password)

    def read_signature(self) -> bytes | None:
        return self._bytes(b"\x3c\x00")

    def read(self, page: int) -> bytes:
        return self._bytes(bytes((0x30, page)))

    def fast_read(self, first: int, last: int) -> bytes:
        assert 0 < last - first + 1 <= self.fast_read_pages
        return self._bytes(bytes((0x3A, first, last)))

    def write(self, page: int, data: bytes, *, secret: bool = False) -> None:
        assert len(data) == 4
        if self.writes_left == 0:
            if self.tear is not None:
                self.chip.pages[page] = self.tear(self.chip.pages[page], data)
            self.chip.power(False)
        self._exchange(bytes((0xA2, page)) + data)
        self.written.append(page)
        if self.writes_left is not None:
            self.writes_left -= 1

    def reselect(self) -> None:
        self._select()
        if self.chip.uid != self.link_uid:
            raise TagSwapped("another chip", got=self.chip.uid.hex())


def chip_with(name: str, message: bytes | None = None, uid: bytes = UID) -> Type2Chip:
    """A chip as delivered, or with ``message`` in a plain NDEF TLV, made here and not by the code under test."""
    chip = Type2Chip(MODELS[name], uid)
    if message is not None:
        if chip.pages[3] == bytes(4):  # delivered blank: what AN1303 asks for
            chip.pages[3] = bytes((0xE1, 0x10, (chip.model.last_user_page - 3) * 4 // 8, 0x00))
        length = bytes((len(message),)) if len(message) < 255 else b"\xff" + len(message).to_bytes(2, "big")
        put_area(chip, (b"\x03" + length + message + b"\xfe").ljust(area_bytes(chip), b"\0")[: area_bytes(chip)])
    return chip


def area_bytes(chip: Type2Chip) -> int:
    return 8 * chip.pages[3][2]


def put_area(chip: Type2Chip, area: bytes) -> None:
    for at in range(0, len(area), 4):
        chip.pages[4 + at // 4] = area[at : at + 4]


def area_of(chip: Type2Chip) -> bytes:
    return b"".join(chip.pages[4 : 4 + area_bytes(chip) // 4])


def message_of(length: int, seed: int = 0) -> bytes:
    """A well-formed NDEF message of exactly ``length`` bytes: one record of TNF unknown, long form from 259 on."""
    if length < 3:
        raise ValueError("a record with a payload length has at least 3 bytes")
    short = length <= 258
    payload = bytes((seed + 7 * index) % 256 for index in range(length - (3 if short else 6)))
    if short:
        return bytes((0xD5, 0, len(payload))) + payload
    return bytes((0xC5, 0)) + len(payload).to_bytes(4, "big") + payload
