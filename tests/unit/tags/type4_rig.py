"""Type 4 chips with a message in them, made here and not by the code under test."""

from __future__ import annotations

from dpptag.sim.ntag424 import Ntag424
from dpptag.tags.key_derivation import DerivedKeys
from tests.unit.tags.apdu_link import ApduChipLink

UID = bytes.fromhex("04112233445566")
KEYS = DerivedKeys(bytes.fromhex("00112233445566778899aabbccddeeff"))
OTHER_KEYS = DerivedKeys(bytes(range(16)))


def uri_message(text: str) -> bytes:
    """One short URI record, prefix code 04h (https)."""
    payload = b"\x04" + text.encode()
    return bytes((0xD1, 1, len(payload))) + b"U" + payload


def two_records(text: str, payload: bytes) -> bytes:
    """The URI and a record of TNF unknown behind it, as this program writes them."""
    return b"\x91" + uri_message(text)[1:] + bytes((0x55, 0, len(payload))) + payload


LINK = "id.example.com/01/09520123456788/21/LB70A0001"
SUN_LINK = f"{LINK}?e={'0' * 32}&c={'0' * 16}"
MESSAGE = two_records(LINK, bytes(range(67)))
SUN_MESSAGE = two_records(SUN_LINK, bytes(range(67)))


def ntag424(message: bytes | None = None, uid: bytes = UID) -> Ntag424:
    chip = Ntag424(uid)
    if message is not None:
        put_message(chip, message)
    return chip


def put_message(chip: Ntag424, message: bytes) -> None:
    chip.files[2].content[: 2 + len(message)] = len(message).to_bytes(2, "big") + message


def message_of(chip: Ntag424) -> bytes:
    content = bytes(chip.files[2].content)
    return content[2 : 2 + int.from_bytes(content[:2], "big")]


def ntag424_link(message: bytes | None = None) -> ApduChipLink:
    return ApduChipLink(ntag424(message))


def copied(chip: Ntag424) -> Ntag424:
    """The same chip after a loss of power."""
    return Ntag424(chip.uid, chip.record())
