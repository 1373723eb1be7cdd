"""The NDEF application of a DESFire chip that has none: what is made, in which order, and what a stop leaves.

Application, then the NDEF file (as made: length 0), then the CC file, then the CC: until the CC is whole nothing reads
as NDEF, and what is missing can be told and made. Layout as NXP AN11004 has it: file 1 the CC (E103h), file 2 the
message (E104h), DF name D2760000850101h. Rights: free to read, to write and to change, as a blank tag's are.

Native commands: CreateApplication CAh, CreateStdDataFile CDh. A chip whose PICC master key settings do not allow free
creation answers 91AEh, and stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dpptag.tags.ntag424_settings import FREE, FileSettings, access_rights
from dpptag.tags.tag import WriteStep
from dpptag.tags.type4_apdu import CC_FILE, NDEF_APPLICATION

CC_NUMBER: Final = 1
NDEF_NUMBER: Final = 2
NDEF_FILE: Final = 0xE104
FORMATTED_BYTES: Final = 1024
"""Of the NDEF file that is made: every DESFire has room for it (2 kB and up)."""

# MLe 59, MLc 52: one native frame, as AN11004 has it; the rest as T4T 2.0 asks
FORMATTED_CC: Final = bytes.fromhex("000F20003B00340406E104") + FORMATTED_BYTES.to_bytes(2, "big") + b"\0\0"

CREATE_APPLICATION: Final = 0xCA
CREATE_FILE: Final = 0xCD
COMMAND: Final = "command"
"""``unit`` of a step that is a native command; ``at`` is its code."""

APPLICATION: Final = bytes.fromhex("010000")
"""Identifier of the application, 000001h, low byte first."""
_DF_FILE: Final = bytes.fromhex("10E1")  # ISO file identifier E110h of the application, low byte first
DELIVERED_SETTINGS: Final = 0x0F
"""Key settings: all free, the key can be changed. A card is delivered with them too."""
APPLICATION_KEYS: Final = 0x81
"""One AES key."""
FILE_IDENTIFIERS: Final = 0x20
"""In the same byte: the files of the application have identifiers of two bytes."""
_KEY_SETTINGS: Final = bytes((DELIVERED_SETTINGS, APPLICATION_KEYS | FILE_IDENTIFIERS))
FORMATTED_RIGHTS: Final = access_rights(read=FREE, write=FREE, read_write=FREE, change=FREE)


def format_steps(missing: frozenset[str]) -> list[WriteStep]:
    """What makes an empty NDEF tag of the chip, in order."""
    steps = []
    if "application" in missing:
        data = APPLICATION + _KEY_SETTINGS + _DF_FILE + NDEF_APPLICATION
        steps.append(WriteStep(COMMAND, CREATE_APPLICATION, data, "create the NDEF application"))
    if "ndef file" in missing:
        data = _created(NDEF_NUMBER, NDEF_FILE, FORMATTED_BYTES)
        steps.append(WriteStep(COMMAND, CREATE_FILE, data, f"create the NDEF file of {FORMATTED_BYTES} bytes"))
    if "cc file" in missing:
        data = _created(CC_NUMBER, CC_FILE, len(FORMATTED_CC))
        steps.append(WriteStep(COMMAND, CREATE_FILE, data, "create the file of the capability container"))
    if "cc" in missing:
        steps.append(WriteStep("offset", 0, FORMATTED_CC, "capability container", file=CC_FILE))
    return steps


def missing_parts(numbers: set[int], known: Mapping[int, FileSettings]) -> frozenset[str] | None:
    """Of an NDEF application whose CC does not read: what formatting has left to do; None where it is not ours."""
    sizes = {NDEF_NUMBER: FORMATTED_BYTES, CC_NUMBER: len(FORMATTED_CC)}
    if numbers - sizes.keys() or (CC_NUMBER in numbers and NDEF_NUMBER not in numbers):
        return None
    if any(settings.size != sizes[number] or settings.rights != FORMATTED_RIGHTS for number, settings in known.items()):
        return None
    missing = {"cc"}
    if NDEF_NUMBER not in numbers:
        missing.add("ndef file")
    if CC_NUMBER not in numbers:
        missing.add("cc file")
    return frozenset(missing)


def _created(number: int, file: int, size: int) -> bytes:
    """Number, ISO identifier (low byte first), plain communication, rights, size (low byte first)."""
    return bytes((number,)) + file.to_bytes(2, "little") + b"\0" + FORMATTED_RIGHTS + size.to_bytes(3, "little")
