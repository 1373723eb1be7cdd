"""An APDU link straight onto a simulated chip's own APDUs: no reader and no block protocol in between."""

from __future__ import annotations

from typing import Literal, Protocol

from dpptag.errors import TagLost, TagSwapped
from dpptag.links import Technology
from dpptag.sim.chip import ApduChip


class _Torn(Protocol):
    def tear(self, frame: bytes) -> bool: ...


class ApduChipLink:
    """``left``: the tag is pulled when so many commands have been answered; None: never.

    ``unanswered``: the one command after them is still carried out, and its answer lost.
    """

    def __init__(self, chip: ApduChip) -> None:
        self.chip = chip
        self.left: int | None = None
        self.unanswered = False
        self.sent: list[bytes] = []
        self.secret: list[bytes] = []
        self.uid_seen = chip.uid
        self._activate()

    @property
    def technology(self) -> Literal[Technology.TYPE4]:
        return Technology.TYPE4

    @property
    def uid(self) -> bytes:
        return self.uid_seen

    @property
    def historical_bytes(self) -> bytes:
        return b"\x80"

    def _activate(self) -> None:
        self.chip.power(False)
        self.chip.power(True)
        assert self.chip.select()
        assert self.chip.exchange(b"\xe0\x80") is not None  # RATS

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        assert len(apdu) <= 261, "no short APDU"
        if self.left == 0:
            if self.unanswered:
                self.chip.apdu(apdu)
            self.chip.power(False)
            raise TagLost("the tag was pulled")
        self.sent.append(apdu)
        if secret:
            self.secret.append(apdu)
        answer = self.chip.apdu(apdu)
        if answer is None:
            raise TagLost("no answer")
        if self.left is not None:
            self.left -= 1
        return answer

    def reselect(self) -> None:
        if self.left == 0:
            raise TagLost("the tag was pulled")
        self._activate()
        if self.chip.uid != self.uid_seen:
            raise TagSwapped("another chip", got=self.chip.uid.hex())

    def count(self, ins: int) -> int:
        """How many commands of this code were answered."""
        return sum(apdu[1] == ins for apdu in self.sent)
