"""Conversations with UHF modules: their frames read by the protocol, and who may say what when.

The protocols' framing stands here once more, beside the profiles: a wrong number in a profile is then seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from dpptag.devices.uhf_framing_profile import Check, FrameField, FrameTypes, Framing

Sender = Literal["host", "reader"]

_MAGICRF: Final[list[FrameField]] = ["header", "type", "command", "length", "data", "check", "end"]
_A0: Final[list[FrameField]] = ["header", "length", "address", "command", "data", "check"]
_READER18: Final[list[FrameField]] = ["length", "address", "command", "status", "data", "check"]


def _magicrf(header: int, end: int) -> Framing:
    return Framing(
        header=header,
        end=end,
        types=FrameTypes(command=0, answer=1, notice=2),
        request=_MAGICRF,
        answer=_MAGICRF,
        length_bytes=2,
        length_counts=["data"],
        longest_request=1024,
        longest_answer=1024,
        check=Check(kind="sum8", covers=["type", "command", "length", "data"]),
    )


FRAMINGS: Final[Mapping[str, tuple[Framing, ...]]] = MappingProxyType(
    {
        "mercury": (
            Framing(
                header=0xFF,
                request=["header", "length", "command", "data", "check"],
                answer=["header", "length", "command", "status", "data", "check"],
                length_bytes=1,
                length_counts=["data"],
                longest_request=255,
                longest_answer=248,
                status_bytes=2,
                check=Check(
                    kind="crc16",
                    covers=["length", "command", "status", "data"],
                    poly=0x1021,
                    init=0xFFFF,
                    xorout=0,
                    reflected=False,
                    augmented=False,
                    order="big",
                ),
            ),
        ),
        "magicrf": (_magicrf(0xBB, 0x7E), _magicrf(0xAA, 0xDD)),
        "a0": (
            Framing(
                header=0xA0,
                address=0xFF,
                request=_A0,
                answer=_A0,
                length_bytes=1,
                length_counts=["address", "command", "data", "check"],
                longest_request=255,
                longest_answer=255,
                check=Check(kind="complement8", covers=["header", "length", "address", "command", "data"]),
            ),
        ),
        "reader18": (
            Framing(
                address=0xFF,
                request=[field for field in _READER18 if field != "status"],
                answer=_READER18,
                length_bytes=1,
                length_counts=["address", "command", "status", "data", "check"],
                longest_request=255,
                longest_answer=255,
                status_bytes=1,
                check=Check(
                    kind="crc16",
                    covers=["length", "address", "command", "status", "data"],
                    poly=0x8408,
                    init=0xFFFF,
                    xorout=0,
                    reflected=True,
                    augmented=True,
                    order="little",
                ),
            ),
        ),
    }
)
"""How frames of each protocol look; the two dialects of MagicRF differ by header and end."""

_SILENT: Final[Mapping[str, frozenset[int]]] = MappingProxyType(
    {"magicrf": frozenset({0x11}), "a0": frozenset({0x70}), "mercury": frozenset({0x04}), "reader18": frozenset()}
)
"""Commands that may stay without an answer: a speed set, a restart."""

_REPLIES: Final[Mapping[int, frozenset[int]]] = MappingProxyType(
    {0x12: frozenset({0x0C, 0x12}), 0x27: frozenset({0x22, 0x27}), 0xD3: frozenset({0xD3, 0xD4}),
     0xE1: frozenset({0xE1, 0xE2}), 0xE5: frozenset({0xE5, 0xE6})}
)  # fmt: skip
"""MagicRF: answers under other codes than the command's."""

_ERROR: Final = 0xFF
"""MagicRF: the command code of every error answer."""

_A0_INVENTORY: Final = frozenset({0x89, 0x8A, 0x8B})
_A0_ACCESS: Final = frozenset({0x81, 0x82, 0x83, 0x84, 0x94})


@dataclass(frozen=True, slots=True)
class Said:
    """What one frame says. ``kind``: its type byte where it has one."""

    command: int
    data: bytes
    length: int
    status: int = 0
    kind: int = 0


class Conversation:
    """Whose turn it is, frame by frame. Raises ValueError for what the protocol does not allow."""

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol
        self._command: int | None = None
        self._answers = 0
        self._awaited = 0
        """How many answers must still come; -1: any number, until one says that it is the last."""

    def hear(self, octets: bytes, sender: Sender) -> Said:
        said = _understood(self._protocol, octets, sender)
        if sender == "host":
            self._host(said)
        else:
            self._reader(said)
        return said

    def end(self) -> None:
        if self._awaited:
            raise ValueError(f"the transcript ends while answer {self._command:02x} is awaited")

    def _host(self, said: Said) -> None:
        stops = self._protocol == "magicrf" and said.command == 0x28
        if self._awaited and not stops:
            raise ValueError(f"the host speaks while answer {self._command:02x} is awaited")
        self._command, self._answers = said.command, 0
        self._awaited = 0 if said.command in _SILENT[self._protocol] else 1
        if self._protocol == "a0" and said.command in _A0_INVENTORY:
            self._awaited = -1

    def _reader(self, said: Said) -> None:
        command = self._command
        if command is None:
            raise ValueError("the reader speaks before it is asked")
        if self._protocol == "magicrf":
            self._magicrf(said, command)
        elif self._protocol == "reader18":
            self._reader18(said, command)
        elif self._protocol == "a0":
            self._a0(said, command)
        else:
            self._one_more(said.command, command)
        self._answers += 1

    def _one_more(self, got: int, wanted: int) -> None:
        if got != wanted:
            raise ValueError(f"the reader sends answer {got:02x}, awaited is answer {wanted:02x}")
        if not self._awaited and wanted not in _SILENT[self._protocol]:
            raise ValueError(f"the reader sends answer {got:02x}, awaited is nothing")
        self._awaited = max(0, self._awaited - 1)

    def _magicrf(self, said: Said, command: int) -> None:
        if said.kind == 2:
            if said.command not in (0x22, 0x27) or command not in (0x22, 0x27, 0x28):
                raise ValueError(f"the reader sends notice {said.command:02x} during {command:02x}")
            if command != 0x28:
                self._awaited = 0  # any number may follow, and none must
            return
        if said.command == _ERROR or said.command in _REPLIES.get(command, ()):
            said = Said(command, said.data, said.length)
        self._one_more(said.command, command)

    def _reader18(self, said: Said, command: int) -> None:
        if said.command == 0 and said.status == 0xFE:
            self._awaited = 0
            return
        self._one_more(said.command, command)
        if said.status == 0x03 and command in (0x01, 0x0F):
            self._awaited = 1

    def _a0(self, said: Said, command: int) -> None:
        if said.command != command or not self._awaited:
            self._one_more(said.command, command)
        elif command in _A0_INVENTORY:
            self._awaited = 0 if said.length in (0x04, 0x0A) else -1  # an error, the frame with the totals
        elif command in _A0_ACCESS and said.length > 0x04 and not self._answers:
            self._awaited = max(0, int.from_bytes(said.data[:2], "big") - 1)  # how many tags answer
        else:
            self._awaited -= 1


def understood_by(framing: Framing, octets: bytes, sender: Sender) -> Said:
    """A frame as this framing reads it. Raises ValueError with what is wrong with it."""
    layout = framing.request if sender == "host" else framing.answer
    fixed = sum(framing.size_of(field) for field in layout)
    if len(octets) < fixed:
        raise ValueError("the frame is cut short")
    values: dict[FrameField, bytes] = {}
    at = 0
    for field in layout:
        size = len(octets) - fixed if field == "data" else framing.size_of(field)
        values[field], at = octets[at : at + size], at + size
    if framing.header is not None and values["header"][0] != framing.header:
        raise ValueError(f"the frame begins with {values['header'].hex()}, not with {framing.header:02x}")
    length = int.from_bytes(values["length"], "big")
    if length != len(values["data"]) + framing.counted(layout):
        raise ValueError(f"LEN says {length}, the frame has {len(values['data']) + framing.counted(layout)}")
    if length > (framing.longest_request if sender == "host" else framing.longest_answer):
        raise ValueError(f"LEN {length} is more than a frame may have")
    if framing.end is not None and values["end"][0] != framing.end:
        raise ValueError(f"the frame ends with {values['end'].hex()}, not with {framing.end:02x}")
    covered = b"".join(values[field] for field in layout if field in framing.check.covers)
    if values["check"] != _checksum(framing.check, covered):
        raise ValueError(f"the checksum is {values['check'].hex()}, computed {_checksum(framing.check, covered).hex()}")
    kind = values["type"][0] if "type" in values else 0
    if framing.types is not None:
        allowed = (framing.types.command,) if sender == "host" else (framing.types.answer, framing.types.notice)
        if kind not in allowed:
            raise ValueError(f"type {kind:02x} is not that of the {sender}")
    status = int.from_bytes(values.get("status", b""), "big")
    return Said(values["command"][0], values["data"], length, status, kind)


def _understood(protocol: str, octets: bytes, sender: Sender) -> Said:
    framings = FRAMINGS[protocol]
    fitting = [framing for framing in framings if framing.header is None or octets[:1] == bytes((framing.header,))]
    return understood_by((fitting or framings)[0], octets, sender)


def _checksum(check: Check, octets: bytes) -> bytes:
    if check.kind != "crc16":
        return bytes(((sum(octets) if check.kind == "sum8" else -sum(octets)) & 0xFF,))
    poly, crc = check.poly or 0, check.init or 0
    for bit in _bits(octets, check):
        if check.reflected:
            crc = crc >> 1 ^ (poly if (crc ^ bit) & 1 else 0)
        elif check.augmented:
            crc = (crc << 1 & 0xFFFF) ^ (poly if (crc >> 15) ^ bit else 0)
        else:
            crc = (crc << 1 & 0xFFFF | bit) ^ (poly if crc >> 15 else 0)
    return (crc ^ (check.xorout or 0)).to_bytes(2, check.order or "big")


def _bits(octets: bytes, check: Check) -> Sequence[int]:
    places = range(8) if check.reflected else range(7, -1, -1)
    return [octet >> place & 1 for octet in octets for place in places]
