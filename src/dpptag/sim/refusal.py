"""How a chip of each technology refuses a command that it does not execute: what the fault ``nak`` makes it do.

==================  ========================================================================================
Type 2              NAK 0h; the chip has left ACTIVE and is mute until it is selected again
ISO/IEC 14443-4     the command is replaced by one of a class that no chip knows (CLA FFh), in the same block: an
                    error status (6E00h), and whatever the chip forgets at an unknown command
FeliCa              the service of a Read or Write is replaced by one that no chip has (FFFFh): its error status
ISO/IEC 15693       error flag and code 0Fh (unknown error); a frame to another UID is not answered
==================  ========================================================================================

What no chip can refuse is let pass, and the fault waits: RATS, R- and S-blocks, later parts of a command in several
blocks, FeliCa commands without a service, inventories.
"""

from __future__ import annotations

from typing import Final

from dpptag.sim.chip import NAK_ARGUMENT, Answer, ApduChip, Chip, Rf
from dpptag.sim.frames import is_i_block, is_iso_dep

_UNKNOWN_APDU: Final = bytes.fromhex("FFFF0000")
_UNKNOWN_TYPE2: Final = b"\xff"
_CID_FOLLOWS: Final = 0x08
_SERVICE_AT: Final = 10
_ADDRESSED: Final = 0x20
_INVENTORY: Final = 0x04
_ERROR_15693: Final = bytes.fromhex("010F")


def refusable(tag: Chip, frame: bytes) -> bool:
    """Whether a chip of this technology has a way to refuse this frame."""
    if tag.rf is Rf.F:
        return frame[:1] in (b"\x06", b"\x08")
    if tag.rf is Rf.V:
        return len(frame) >= 2 and not frame[0] & _INVENTORY
    return is_i_block(frame) if is_iso_dep(tag) else bool(frame)


def refused(tag: Chip, frame: bytes) -> Answer:
    """The answer of ``tag`` to a refusable ``frame`` when it refuses it."""
    if tag.rf is Rf.F:
        return tag.exchange(frame[:_SERVICE_AT] + b"\xff\xff" + frame[_SERVICE_AT + 2 :])
    if tag.rf is Rf.V:
        return _refused_15693(tag, frame)
    if is_iso_dep(tag):
        head = 2 if frame[0] & _CID_FOLLOWS else 1
        return tag.exchange(frame[:head] + _UNKNOWN_APDU + (frame[head + 4 :] if frame[0] & 0x10 else b""))
    tag.exchange(_UNKNOWN_TYPE2)
    return NAK_ARGUMENT


def refused_apdu(tag: Chip, _command: bytes) -> Answer:
    """The same for an APDU that was handed over whole."""
    return tag.apdu(_UNKNOWN_APDU) if isinstance(tag, ApduChip) else None


def _refused_15693(tag: Chip, frame: bytes) -> Answer:
    maker = 1 if 0xA0 <= frame[1] <= 0xDF else 0
    if frame[0] & _ADDRESSED and frame[2 + maker : 10 + maker] != tag.uid[::-1]:
        return None
    return _ERROR_15693
