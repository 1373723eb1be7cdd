"""What a tag holds, read from the simulator's record of its memory and past our own code: message, locks, secrets.

Only what the rules of each family say is read here; what locks and secrets should be is learnt from an undisturbed run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Record = dict[str, Any]
"""One tag in the simulator's state file."""

_TERMINATOR, _NULL, _NDEF = 0xFE, 0x00, 0x03


class SweptChip(Protocol):
    @property
    def kind(self) -> str:
        """Its name in the simulator's query."""

    @property
    def name(self) -> str:
        """Its name in job files."""

    def message(self, record: Record) -> bytes | None:
        """The NDEF message, empty where the tag validly says so; None where no reader could find one."""

    def put(self, record: Record, message: bytes) -> None:
        """Make it a tag that was written with ``message`` by somebody else."""

    def locks(self, record: Record) -> frozenset[str]:
        """What is set and can never be undone."""

    def secrets(self, record: Record) -> Mapping[str, str]:
        """Passwords and keys as stored."""

    def still(self, record: Record) -> object:
        """What is the same whenever this chip was written, protected and locked: without counters, and without the
        message, whose signature is another each time."""


def _tlv_message(area: bytes) -> bytes | None:
    """NFC Forum Type 2 and Type 5: the first NDEF TLV; None where the walk leaves the area or ends without one."""
    at = 0
    while at < len(area) and area[at] != _TERMINATOR:
        if area[at] == _NULL:
            at += 1
            continue
        if at + 4 > len(area):
            return None
        length, body = area[at + 1], at + 2
        if length == 0xFF:
            length, body = int.from_bytes(area[at + 2 : at + 4], "big"), at + 4
        if body + length > len(area):
            return None
        if area[at] == _NDEF:
            return area[body : body + length]
        at = body + length
    return None


def _without(memory: bytes, message: bytes | None) -> bytes:
    return memory.replace(message, b"message") if message else memory


def _units(data: bytes) -> list[str]:
    return [data[at : at + 4].hex() for at in range(0, len(data), 4)]


def _bits(name: str, value: int) -> set[str]:
    return {f"{name}.{bit}" for bit in range(value.bit_length()) if value >> bit & 1}


@dataclass(frozen=True)
class Ntag213:
    kind: str = "NTAG213"
    name: str = "NTAG213"

    def message(self, record: Record) -> bytes | None:
        return _tlv_message(bytes.fromhex("".join(record["pages"][4:40])))

    def put(self, record: Record, message: bytes) -> None:
        area = bytes.fromhex("0103A00C34 03") + bytes((len(message),)) + message + b"\xfe"
        record["pages"][4:40] = _units(area.ljust(144, b"\0"))

    def locks(self, record: Record) -> frozenset[str]:
        """NTAG213_215_216 rev 3.2, 8.5.2 and 8.5.3; the CC (page 3) is one-time programmable."""
        static, dynamic = bytes.fromhex(record["pages"][2])[2:], bytes.fromhex(record["pages"][40])[:3]
        access = bytes.fromhex(record["pages"][3])[3]
        return frozenset(
            _bits("static", int.from_bytes(static, "little"))
            | _bits("dynamic", int.from_bytes(dynamic, "little"))
            | _bits("cc", access)
        )

    def still(self, record: Record) -> object:
        return _without(bytes.fromhex("".join(record["pages"])), self.message(record))

    def secrets(self, record: Record) -> Mapping[str, str]:
        return {"PWD": record["pages"][43], "PACK": record["pages"][44]}


@dataclass(frozen=True)
class Ntag424:
    kind: str = "NTAG424"
    name: str = "NTAG 424 DNA"

    def message(self, record: Record) -> bytes | None:
        content = bytes.fromhex(record["files"][1]["content"])
        length = int.from_bytes(content[:2], "big")
        return content[2 : 2 + length] if 2 + length <= len(content) else None

    def put(self, record: Record, message: bytes) -> None:
        content = len(message).to_bytes(2, "big") + message
        record["files"][1]["content"] = content.ljust(256, b"\0").hex()

    def locks(self, record: Record) -> frozenset[str]:
        """NT4H2421Gx rev 3.0, 8.2.3.3: where Change is Fh, nobody can ever change the rights again."""
        return frozenset(f"file {file['number']}" for file in record["files"] if file["rights"] & 0x000F == 0x000F)

    def still(self, record: Record) -> object:
        files = [
            (file["number"], file["content"], file["mode"], file["rights"], file["sdm"]) for file in record["files"]
        ]
        message = self.message(record)
        text = repr((files, [key[:2] for key in record["keys"]], record["failure_limit"], record["capabilities"]))
        return text.replace(message.hex(), "message") if message else text

    def secrets(self, record: Record) -> Mapping[str, str]:
        return {f"key {number}": key[0] for number, key in enumerate(record["keys"])}


@dataclass(frozen=True)
class Slix2:
    kind: str = "SLIX2"
    name: str = "SLIX2"

    def message(self, record: Record) -> bytes | None:
        memory = bytes.fromhex("".join(record["blocks"]))
        return _tlv_message(memory[4:]) if memory[0] == 0xE1 else None

    def put(self, record: Record, message: bytes) -> None:
        head = b"\x03" + (bytes((len(message),)) if len(message) < 255 else b"\xff" + len(message).to_bytes(2, "big"))
        memory = bytes.fromhex("E1402701") + head + message + b"\xfe"
        record["blocks"] = _units(memory.ljust(4 * len(record["blocks"]), b"\0"))

    def locks(self, record: Record) -> frozenset[str]:
        return frozenset(f"block {block}" for block in record["locked"])

    def still(self, record: Record) -> object:
        memory = bytes.fromhex("".join(record["blocks"]))
        return (
            _without(memory, self.message(record)),
            record["locked"],
            record["afi"],
            record["dsfid"],
            record["custom"],
        )

    def secrets(self, record: Record) -> Mapping[str, str]:
        return {f"password {number}": value for number, value in record["custom"]["passwords"].items()}
