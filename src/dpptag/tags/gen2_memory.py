"""A Gen2 tag as it was read: TID, StoredPC, EPC and user bank (Gen2 6.3.2.1, TDS 2.3 sections 9 and 16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from dpptag.codec.gen2_content import Gen2Content
from dpptag.links.nfc import Technology
from dpptag.tags.gen2_chips import Gen2Chip
from dpptag.tags.tag import Content

PC_COMPUTED_BITS: Final = 0x0600
"""StoredPC bits 15h (UMI) and 16h (XI): the chip sets them by itself, so two PCs are compared without them."""


def pc_for(epc: bytes) -> int:
    """The StoredPC that is written with this EPC: its length in words, no toggle, no attribute bits (TDS 9.3)."""
    return len(epc) // 2 << 11


def epc_words(pc: int) -> int:
    """How many words of EPC a StoredPC counts: bits 10h-14h."""
    return pc >> 11


@dataclass(frozen=True, slots=True)
class Gen2Tag:
    """``uid`` is the chip number: the TID to the end of its serial; of an unserialised TID all that was read.

    ``epc`` is what StoredPC counts, from word 2. ``user`` is the whole user bank, empty where the chip has none.
    ``content``: MESSAGE where the user bank begins with something, EMPTY where it is all zero, TORN where only its
    first word is zero.
    """

    uid: bytes
    tid: bytes
    chip: Gen2Chip
    pc: int
    epc: bytes
    user: bytes
    content: Content
    writable: bool = True

    @property
    def technology(self) -> Literal[Technology.GEN2]:
        return Technology.GEN2

    @property
    def chip_name(self) -> str:
        return self.chip.name

    @property
    def capacity(self) -> int:
        """Bytes of the user bank."""
        return len(self.user)

    @property
    def message_room(self) -> int:
        return len(self.user)

    @property
    def ndef(self) -> None:
        """No NDEF on a Gen2 tag."""
        return

    @property
    def memory(self) -> bytes:
        return self.user

    @property
    def message(self) -> bytes | None:
        """EPC and the whole user bank as the ledger keeps them; None for a blank bank.

        Nothing is cut off: a signature may end in zeros, and a bank of 512 bits may be a bare one.
        """
        return Gen2Content(self.epc, self.user).to_bytes() if self.epc and any(self.user) else None
