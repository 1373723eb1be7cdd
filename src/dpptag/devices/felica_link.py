"""NFC Forum Type 3 over a raw port: FeliCa's Read and Write Without Encryption (JIS X 6319-4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from dpptag.devices.air import Air
from dpptag.devices.raw_port import USUAL_WAITING_TIME, FelicaTarget
from dpptag.errors import TagLost, TagNak
from dpptag.links.nfc import Technology

ANY_SYSTEM: Final = 0xFFFF
NDEF_SYSTEM: Final = 0x12FC
_READ: Final = 0x06
_WRITE: Final = 0x08
_BLOCK_BYTES: Final = 16
_PMM_READ, _PMM_WRITE = 5, 6
_TIME_UNIT: Final = 4096 / 13.56e6


def waiting_time(code: int, blocks: int) -> float:
    """Seconds that the tag may take for a command on so many blocks, by its byte of the PMm: T x ((B+1)n + A+1) x 4^E.

    A is bits 0-2, B bits 3-5, E bits 6-7, T 302 us.
    """
    a, b, e = code & 7, code >> 3 & 7, code >> 6
    return _TIME_UNIT * ((b + 1) * blocks + a + 1) * 4.0**e


class RawFelicaLink:
    """A polled FeliCa tag; implements :class:`dpptag.links.FelicaLink`."""

    def __init__(self, air: Air, target: FelicaTarget, system_code: int) -> None:
        self._air = air
        self._idm = target.idm
        self._pmm = target.pmm
        self._system_code = system_code

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
        answer = self._command(_READ, service, blocks, b"", self._pmm[_PMM_READ])
        if len(answer) != 1 + _BLOCK_BYTES * len(blocks) or answer[0] != len(blocks):
            raise self._damaged()
        return answer[1:]

    def write(self, service: int, blocks: Sequence[int], data: bytes) -> None:
        if len(data) != _BLOCK_BYTES * len(blocks):
            raise ValueError(f"{len(blocks)} blocks have {_BLOCK_BYTES * len(blocks)} bytes, not {len(data)}")
        if self._command(_WRITE, service, blocks, data, self._pmm[_PMM_WRITE]):
            raise self._damaged()

    def reselect(self) -> None:
        self._air.reselect_f(self._idm, self._system_code)

    def _command(self, code: int, service: int, blocks: Sequence[int], data: bytes, pmm: int) -> bytes:
        """One command on one service; what follows the status flags of its answer."""
        body = bytes((code,)) + self._idm + b"\x01" + service.to_bytes(2, "little") + bytes((len(blocks),))
        body += b"".join(map(_block_element, blocks)) + data
        if len(body) > 0xFE:
            raise ValueError(f"a frame has at most 254 bytes, {len(blocks)} blocks make {len(body)}")
        waiting = max(waiting_time(pmm, len(blocks)), USUAL_WAITING_TIME)
        answer = self._air.exchange(self._idm, bytes((len(body) + 1,)) + body, waiting)
        if len(answer) < 12 or answer[0] != len(answer) or answer[1] != code + 1 or answer[2:10] != self._idm:
            raise self._damaged()
        if answer[10]:
            raise TagNak(
                f"the chip {self._idm.hex()} answered with status flags {answer[10]:02X} {answer[11]:02X}",
                action="check the chip type and what its memory is protected by",
                chip=self._idm.hex(),
                block=blocks[0] if blocks else None,
                status1=answer[10],
                status2=answer[11],
            )
        return answer[12:]

    def _damaged(self) -> TagLost:
        return TagLost(
            f"a damaged answer from the chip {self._idm.hex()}",
            code="tag-answer-damaged",
            action="move the tag to the middle of the antenna",
            chip=self._idm.hex(),
        )


def _block_element(block: int) -> bytes:
    """Block list element of two bytes, or three above FFh; access mode 0, first service."""
    return bytes((0x80, block)) if block <= 0xFF else bytes((0x00,)) + block.to_bytes(2, "little")
