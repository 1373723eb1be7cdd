"""A Type A card that is selected with a SAK of its own and then answers nothing: what dpptag must refuse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from dpptag.sim.chip import Answer, Kind, Rf

_NAME: Final = re.compile(r"SAK([0-9A-F]{2})", re.ASCII)


class SilentChip:
    """One such card."""

    atqa: Final = 0x0004
    ats: Final = None
    rf: Final = Rf.A
    changes: Final = 0

    def __init__(self, sak: int, uid: bytes) -> None:
        self.sak = sak
        self.uid = uid
        self._powered = False

    @property
    def kind(self) -> str:
        return f"SAK{self.sak:02X}"

    def power(self, on: bool) -> None:
        self._powered = on

    def select(self) -> bool:
        return self._powered

    def exchange(self, frame: bytes) -> Answer:
        return None

    def record(self) -> dict[str, Any]:
        return {}


def silent_kind(name: str) -> Kind | None:
    """The kind ``SAK20`` (any SAK in capital hex); None for another name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    sak = int(match[1], 16)

    def make(uid: bytes, stored: Mapping[str, Any]) -> SilentChip:
        return SilentChip(sak, uid)

    return Kind(make, uid_head=b"\x04", uid_bytes=7)
