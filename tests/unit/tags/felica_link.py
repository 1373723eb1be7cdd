"""A FeliCa link straight onto a simulated chip: frames of JIS X 6319-4, no reader in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from dpptag.errors import TagLost, TagNak, TagSwapped
from dpptag.links import Technology
from dpptag.sim.felica import LITE_S, FelicaLite, Model, ndef_blocks

IDM = bytes.fromhex("03FE010203040506")


class FelicaChipLink:
    """``writes_left``: the tag is pulled when so many block writes are done; ``tear`` mangles the one after them."""

    def __init__(self, chip: FelicaLite) -> None:
        self.chip = chip
        self.writes_left: int | None = None
        self.tear: Callable[[bytes, bytes], bytes] | None = None
        self.written: list[int] = []
        self.frames = 0
        self.link_uid = chip.uid
        self._poll()

    def _poll(self) -> None:
        self.chip.power(False)
        self.chip.power(True)
        for code in (0x12FC, 0xFFFF):
            answer = self.chip.poll(code, 1)
            if answer is not None:
                self.system_code = int.from_bytes(answer[16:], "big")
                return
        raise TagLost("no answer")

    @property
    def technology(self) -> Literal[Technology.TYPE3]:
        return Technology.TYPE3

    @property
    def uid(self) -> bytes:
        return self.link_uid

    @property
    def pmm(self) -> bytes:
        return self.chip.pmm

    def _exchange(self, code: int, service: int, blocks: Sequence[int], data: bytes = b"") -> bytes:
        self.frames += 1
        elements = b"".join(bytes((0x80, block)) for block in blocks)
        head = bytes((code,)) + self.uid + b"\x01" + service.to_bytes(2, "little") + bytes((len(blocks),))
        answer = self.chip.exchange(head + elements + data)
        if answer is None:
            raise TagLost("no answer")
        assert answer[:9] == bytes((code + 1,)) + self.uid
        if answer[9]:
            raise TagNak("status", status1=answer[9], status2=answer[10])
        return answer[11:]

    def read(self, service: int, blocks: Sequence[int]) -> bytes:
        answer = self._exchange(0x06, service, blocks)
        assert answer[0] == len(blocks)
        return answer[1:]

    def write(self, service: int, blocks: Sequence[int], data: bytes) -> None:
        if self.writes_left == 0:
            if self.tear is not None:
                (block,) = blocks
                self.chip.blocks[block] = self.tear(self.chip.blocks[block], data)
            self.chip.power(False)
        self._exchange(0x08, service, blocks, data)
        self.written += blocks
        if self.writes_left is not None:
            self.writes_left -= 1

    def reselect(self) -> None:
        self._poll()
        if self.chip.uid != self.link_uid:
            raise TagSwapped("another chip", got=self.chip.uid.hex())


def attribute_block(length: int, *, write_flag: int = 0, access: int = 1, data_blocks: int = 13) -> bytes:
    """Made here and not by the code under test."""
    body = bytes((0x10, 4, 1)) + data_blocks.to_bytes(2, "big") + bytes((0, 0, 0, 0, write_flag, access))
    body += length.to_bytes(3, "big")
    return body + sum(body).to_bytes(2, "big")


def felica_with(message: bytes, model: Model = LITE_S, **flags: int) -> FelicaLite:
    """An NDEF formatted chip that holds ``message``."""
    blocks = ndef_blocks(IDM)
    blocks[0] = attribute_block(len(message), **flags)
    for number in range(1, 14):
        blocks[number] = message[16 * (number - 1) : 16 * number].ljust(16, b"\0")
    return FelicaLite(model, IDM, blocks)
