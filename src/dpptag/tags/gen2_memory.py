"""A Gen2 tag as it was read: TID, StoredPC, EPC and user bank (Gen2 6.3.2.1, TDS 2.3 sections 9 and 16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from dpptag.codec.gen2_content import Gen2Content
from dpptag.links.nfc import Technology
from dpptag.tags.gen2_chips import Gen2Chip
from dpptag.tags.tag import Content, ContentState

PC_COMPUTED_BITS: Final = 0x0600
"""StoredPC bits 15h (UMI) and 16h (XI): the chip sets them by itself, so two PCs are compared without them."""

PC_ISO: Final = 0x0100
"""StoredPC bit 17h (T): what follows is no EPC but an item number of an ISO application (TDS 2.3, 9.3)."""

WORD: Final = 2
"""Bytes of a word."""

PC_WORD, EPC_WORD = 1, 2
"""Where StoredPC and the EPC begin in the EPC bank."""

KILL_WORD, ACCESS_WORD, PASSWORD_WORDS = 0, 2, 4
"""The reserved bank: the kill password, then the access password, two words each."""


def pc_for(epc: bytes) -> int:
    """The StoredPC that is written with this EPC: its length in words, no toggle, no attribute bits (TDS 9.3)."""
    return len(epc) // 2 << 11


def epc_words(pc: int) -> int:
    """How many words of EPC a StoredPC counts: bits 10h-14h."""
    return pc >> 11


def same_pc(one: int, other: int) -> bool:
    return (one ^ other) & ~PC_COMPUTED_BITS == 0


def judge(pc: int, epc: bytes, user: bytes, *, has_user_bank: bool = False) -> Content:
    """What the EPC and user bank hold; never raises. ``has_user_bank``: the chip has one, so that none of it was read
    means that it hides it (as Monza QT can), not that it is blank."""
    if len(epc) // WORD < epc_words(pc):
        return Content(ContentState.FOREIGN, reason=f"StoredPC counts {epc_words(pc)} words, the EPC bank has fewer")
    if pc & PC_ISO:
        return Content(ContentState.FOREIGN, reason=f"an ISO application owns this tag (AFI {pc & 0xFF:02X}h)")
    if not user and has_user_bank:
        return Content(ContentState.FOREIGN, reason="nothing of its user bank can be read: it may hold a statement")
    if not any(user):
        return Content(ContentState.EMPTY)
    if not epc:
        return Content(ContentState.FOREIGN, reason="the user bank holds something, and StoredPC counts no EPC")
    if not any(user[:WORD]):
        return Content(ContentState.TORN, reason="the first word of the user bank is missing: a write stopped half-way")
    return Content(ContentState.MESSAGE)


@dataclass(frozen=True, slots=True)
class Gen2Tag:
    """``uid`` is the chip number: the TID to the end of its serial; of an unserialised TID all that was read.

    ``epc`` is what StoredPC counts, from word 2. ``user`` is the whole user bank, empty where the chip has none.
    ``content``: MESSAGE where the user bank begins with something, EMPTY where it is all zero, TORN where only its
    first word is zero; FOREIGN where the EPC bank holds no EPC, or a user bank cannot be read.
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
        """EPC and the whole user bank as the ledger keeps them; None for a blank or torn bank.

        Nothing is cut off: a signature may end in zeros, and a bank of 512 bits may be a bare one.
        """
        whole = self.content.state is ContentState.MESSAGE
        return Gen2Content(self.epc, self.user).to_bytes() if whole else None
