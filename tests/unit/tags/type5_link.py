"""A Type 5 link straight onto a simulated chip: addressed frames of ISO/IEC 15693-3, no reader in between."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Literal

from dpptag.errors import TagLost, TagNak, TagRefused, TagSwapped
from dpptag.links import Technology
from dpptag.sim.type5 import SLIX2, Iso15693Chip, Model, make

CCS = {"SLIX": "E1400D01", "SLIX2": "E1402701", "ST25TV02K": "E1401F01", "ST25DV04K": "E1403F01"}
_INVENTORY = bytes.fromhex("260100")


class Type5ChipLink:
    """``writes_left``: the tag is pulled when so many changes are done; ``tear`` mangles the write after them."""

    def __init__(self, chip: Iso15693Chip, *, passes_commands: bool = True) -> None:
        self.chip = chip
        self.passes_commands = passes_commands
        self.writes_left: int | None = None
        self.tear: Callable[[bytes, bytes], bytes] | None = None
        self.written: list[int] = []
        self.frames = 0
        self.link_uid = chip.uid
        self.pulled = False
        self._find()

    def _find(self) -> None:
        if self.pulled:
            raise TagLost("no tag")
        self.chip.power(False)
        self.chip.power(True)
        assert self.chip.exchange(_INVENTORY) == b"\0" + bytes((self.chip.dsfid,)) + self.chip.uid[::-1]

    @property
    def technology(self) -> Literal[Technology.TYPE5]:
        return Technology.TYPE5

    @property
    def uid(self) -> bytes:
        return self.link_uid

    def _exchange(self, code: int, parameters: bytes) -> bytes:
        self.frames += 1
        maker = 1 if 0xA0 <= code <= 0xDF else 0
        frame = bytes((0x22, code)) + parameters[:maker] + self.uid[::-1] + parameters[maker:]
        before = self.chip.changes
        if self.writes_left == 0 and self._would_change(frame):
            if self.tear is not None and code == 0x21:
                block = parameters[0]
                self.chip.memory[block] = self.tear(self.chip.memory[block], parameters[1:])
            self.pulled = True
            self.chip.power(False)
        answer = self.chip.exchange(frame)
        if self.chip.changes != before and self.writes_left is not None:
            self.writes_left -= 1
        if not answer:
            raise TagLost("no answer, or none of it")
        if answer[0] & 1:
            raise TagNak("error", error=answer[-1])
        return answer[1:]

    def _would_change(self, frame: bytes) -> bool:
        code = frame[1]
        return code in (0x21, 0x22, 0xA1, 0xB1, 0xB4, 0xB6)

    def read(self, block: int, count: int = 1) -> bytes:
        code, last = (0x20, b"") if count == 1 else (0x23, bytes((count - 1,)))
        answer = self._exchange(code, bytes((block,)) + last)
        assert len(answer) == 4 * count
        return answer

    def write(self, block: int, data: bytes) -> None:
        assert len(data) == 4
        assert self._exchange(0x21, bytes((block,)) + data) == b""
        self.written.append(block)

    def command(self, code: int, parameters: bytes = b"", *, option: bool = False, secret: bool = False) -> bytes:
        if not self.passes_commands:
            raise TagRefused("blocks alone")
        return self._exchange(code, parameters)

    def reselect(self) -> None:
        self._find()
        if self.chip.uid != self.link_uid:
            raise TagSwapped("another chip", got=self.chip.uid.hex())


class Keys:
    """Secrets of a chip, made up here: a hash under ``master``."""

    def __init__(self, master: bytes = b"master") -> None:
        self._master = master

    def key(self, uid: bytes, purpose: str) -> bytes:
        return hashlib.sha256(self._master + uid + purpose.encode()).digest()[:16]

    def derivation(self, uid: bytes, purposes: tuple[str, ...]) -> str:
        return f"test:{uid.hex()}:{','.join(purposes)}"


def uid_of(model: Model) -> bytes:
    return model.uid_head + bytes(range(8 - len(model.uid_head)))


def type5_with(message: bytes | None, model: Model = SLIX2, cc: str | None = None) -> Iso15693Chip:
    """A chip as delivered, or formatted and with ``message``, made here and not by the code under test."""
    chip = make(model, uid_of(model))
    if message is not None:
        head = bytes.fromhex(cc or CCS[model.name])
        length = bytes((len(message),)) if len(message) < 255 else b"\xff" + len(message).to_bytes(2, "big")
        put_memory(chip, head + b"\x03" + length + message + b"\xfe")
    return chip


def put_memory(chip: Iso15693Chip, memory: bytes) -> None:
    for at in range(0, min(len(memory), 4 * len(chip.memory)), 4):
        chip.memory[at // 4] = memory[at : at + 4].ljust(4, b"\0")
