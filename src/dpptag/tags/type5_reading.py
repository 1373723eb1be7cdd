"""Reading what a Type 5 chip tells of itself: its memory, its locked blocks, whether it asks for a password."""

from __future__ import annotations

import logging
from typing import Final

from dpptag.errors import TagLost, TagNak
from dpptag.links.nfc import Type5Link
from dpptag.tags.tag import refusal
from dpptag.tags.type5_memory import BLOCK_BYTES, PasswordKind, Type5Chip

_LOG: Final = logging.getLogger(__name__)

NXP: Final = b"\x04"
ST: Final = b"\x02"

BLOCK_STATUS: Final = 0x2C
NXP_SYSTEM_INFORMATION: Final = 0xAB
READ_CONFIGURATION: Final = 0xA0

RFA1SS: Final = 0x04
WRITE_BITS: Final = 0x22
"""Of SLIX2's page conditions: the write password for page L (02h) and for page H (20h)."""

_PAGE_L, _PAGE_H = 0x02, 0x20
_LOCKED: Final = 0x01
_READ_BLOCKS: Final = 16  # 64 bytes: what a reader's buffer surely holds
_STATUS_BLOCKS: Final = 32
_NXP_INFORMATION_BYTES: Final = 7  # pointer, conditions, lock bits, four bytes of feature flags


def read_memory(link: Type5Link, chip: Type5Chip) -> bytes:
    """All user memory. Raises TagRefused where a block asks for a password, or does not exist."""
    parts: list[bytes] = []
    for block in range(0, chip.user_blocks, _READ_BLOCKS):
        count = min(_READ_BLOCKS, chip.user_blocks - block)
        try:
            part = link.read(block, count)
        except TagNak as error:
            raise refusal(
                link.uid,
                "tag-read-protected",
                f"blocks from {block} on do not read: they are behind a password, or the chip is not what its UID says",
                "take another tag",
                chip_type=chip.name,
                block=block,
                error=error.facts.get("error"),
            ) from error
        if len(part) != count * BLOCK_BYTES:
            raise _damaged(link, part)
        parts.append(part)
    return b"".join(parts)


def locked_blocks(link: Type5Link, chip: Type5Chip) -> frozenset[int]:
    """User blocks that Lock Block has closed, by Get Multiple Block Security Status."""
    locked: set[int] = set()
    for first in range(0, chip.user_blocks, _STATUS_BLOCKS):
        count = min(_STATUS_BLOCKS, chip.user_blocks - first)
        status = ask(link, BLOCK_STATUS, bytes((first, count - 1)), count)
        locked.update(first + at for at, octet in enumerate(status) if octet & _LOCKED)
    return frozenset(locked)


def is_password_protected(link: Type5Link, chip: Type5Chip) -> bool | None:
    """Whether some block asks for a password to write; None where the chip has no command that tells."""
    if chip.password is PasswordKind.ICODE:
        pointer, condition = page_protection(link)
        return bool(condition & _PAGE_H or (pointer and condition & _PAGE_L))
    if chip.password is PasswordKind.ST25DV:
        return bool(configuration(link, RFA1SS) >> 2)
    return None


def page_protection(link: Type5Link) -> tuple[int, int]:
    """SLIX2: the first block of page H, and the conditions of both pages (GET NXP SYSTEM INFORMATION)."""
    answer = ask(link, NXP_SYSTEM_INFORMATION, NXP, _NXP_INFORMATION_BYTES)
    return answer[0], answer[1]


def configuration(link: Type5Link, register: int) -> int:
    """ST25DV: one static register (Read Configuration)."""
    return ask(link, READ_CONFIGURATION, ST + bytes((register,)), 1)[0]


def ask(link: Type5Link, code: int, parameters: bytes, length: int) -> bytes:
    """A command whose answer has exactly ``length`` bytes. Raises TagLost for a damaged one."""
    answer = link.command(code, parameters)
    if len(answer) != length:
        raise _damaged(link, answer)
    return answer


def _damaged(link: Type5Link, answer: bytes) -> TagLost:
    return TagLost(
        f"a damaged answer from the chip {link.uid.hex()}",
        code="tag-answer-damaged",
        action="move the tag to the middle of the antenna",
        chip=link.uid.hex(),
        got=answer.hex(),
    )


def write_command(link: Type5Link, code: int, parameters: bytes, *, secret: bool = False) -> None:
    """A command that programs cells. Its answer comes late, and some readers miss it: the caller looks what it did."""
    try:
        link.command(code, parameters, secret=secret)
    except TagLost as error:
        _LOG.debug("%s: no answer to command %02Xh: %s", link.uid.hex(), code, error.message)
