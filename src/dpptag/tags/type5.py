"""NFC Forum Type 5 tags over a link (ICODE SLIX and SLIX2, ST25TV, ST25DV): identify, plan, apply, read back.

The order of a write is that of Type 2: empty header, body, true header; the TLV header sits in one block, so one block
write withdraws a message and one commits the next (T5T 1.0). The CC is plain EEPROM here: a format can be undone.
"""

from __future__ import annotations

import logging
from typing import Final

from dpptag.codec.ndef import decode_message
from dpptag.errors import DeviceError, TagError, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.links import Technology, Type5Link
from dpptag.tags.tag import ContentState, WritePlan, WriteStep, refusal
from dpptag.tags.tlv import build_area, message_room
from dpptag.tags.type5_memory import (
    BLOCK_BYTES,
    CC_BLOCK,
    EMPTY_HEADER,
    Cc,
    Type5Chip,
    Type5Tag,
    chip_by_uid,
    judge,
)
from dpptag.tags.type5_protection import plan_protection, protect
from dpptag.tags.type5_reading import is_password_protected, locked_blocks, read_memory

__all__ = ["Type5Tag", "apply", "identify", "plan_protection", "plan_write", "protect", "read_back"]

_LOG: Final = logging.getLogger(__name__)

_SYSTEM_INFORMATION: Final = 0x2B
_HAS_DSFID, _HAS_AFI, _HAS_MEMORY = 0x01, 0x02, 0x04


def identify(link: Type5Link) -> Type5Tag:
    """Tell the chip by its UID and Get System Information, and read its memory and locks; writes nothing.

    Raises TagRefused for a chip whose memory is not known, one that contradicts its UID, and a CC that contradicts it.
    """
    uid = link.uid
    chip = chip_by_uid(uid) if len(uid) == 8 else None
    if chip is None:
        raise _unknown(uid, "the memory of this chip is not known, and guessing could write into its configuration")
    if link.passes_commands:
        _check_system_information(link, chip)
    memory = read_memory(link, chip)
    try:
        cc, content = judge(memory, chip)
    except ValueError as error:
        raise refusal(
            uid,
            "tag-cc-size",
            f"the CC gives a data area of {error} bytes, a {chip.name} has {chip.memory_bytes}",
            "set this tag aside, or clear its block 0",
            chip_type=chip.name,
            wanted=chip.area_bytes,
            got=int(str(error)),
        ) from error
    tag = Type5Tag(
        uid=uid,
        chip=chip,
        cc=cc,
        content=content,
        locked=locked_blocks(link, chip) if link.passes_commands else frozenset(),
        password_protected=is_password_protected(link, chip) if link.passes_commands else None,
        passes_commands=link.passes_commands,
        user_memory=memory,
    )
    _LOG.debug("%s %s: %s %s", chip.name, uid.hex(), content.state.value, content.reason)
    return tag


def plan_write(tag: Type5Tag, message: bytes, *, allow_format: bool = False, rewrite: bool = False) -> WritePlan:
    """The block writes that leave ``tag`` with exactly ``message``; pure, nothing is sent.

    Raises NdefError if ``message`` is no NDEF message, TagRefused if the tag cannot take it. With ``allow_format`` an
    empty tag whose CC gives less than the chip has is formatted anew, if it must be.
    """
    if message:
        decode_message(message)
    if tag.content.state is ContentState.FOREIGN:
        raise refusal(
            tag.uid,
            "tag-foreign",
            tag.content.reason,
            "take a tag that is NDEF formatted or blank",
            chip_type=tag.chip.name,
        )
    cc = _cc_for(tag, message, allow_format=allow_format)
    room = message_room(cc.area_bytes)
    if len(message) > room:
        raise refusal(
            tag.uid,
            "tag-too-small",
            f"{len(message)} bytes of NDEF do not fit into this {tag.chip.name}: {len(message) - room} too many",
            "shorten the message or take a larger chip",
            chip_type=tag.chip.name,
            room=room,
            missing=len(message) - room,
        )
    area = build_area(message, cc.area_bytes)
    rewrite_until = cc.first_block + (len(message) + 4) // BLOCK_BYTES if rewrite else 0
    steps = _steps(tag, cc, area, rewrite_until)
    if steps:
        _refuse_unwritable(tag, steps, allow_format=allow_format)
    return WritePlan(Technology.TYPE5, tag.uid, tag.chip.name, message, steps, cc.raw + area)


def _cc_for(tag: Type5Tag, message: bytes, *, allow_format: bool) -> Cc:
    """The CC to write for; that of a format also where a format tore and left a smaller one on an empty tag."""
    cc = tag.planned_cc
    too_small = message_room(cc.area_bytes) < len(message) <= message_room(tag.chip.area_bytes)
    if allow_format and tag.content.state is ContentState.EMPTY and too_small:
        return Cc(tag.chip.cc, tag.chip.area_bytes)
    return cc


def _steps(tag: Type5Tag, cc: Cc, area: bytes, rewrite_until: int) -> tuple[WriteStep, ...]:
    """Order: empty header, body ascending, CC where there is none, true header. The header is the commit."""
    first = cc.first_block
    blocks = [area[at : at + BLOCK_BYTES].ljust(BLOCK_BYTES, b"\0") for at in range(0, len(area), BLOCK_BYTES)]
    body = [
        WriteStep("block", number, data, "body")
        for number, data in enumerate(blocks[1:], first + 1)
        if number <= rewrite_until or data != tag.block(number)
    ]
    if tag.cc != cc:
        for at in reversed(range(first)):
            data = cc.raw[at * BLOCK_BYTES : (at + 1) * BLOCK_BYTES]
            body.append(WriteStep("block", at, data, "capability container (plain memory: can be rewritten)"))
    header = tag.block(first)
    steps: list[WriteStep] = []
    if body and header != EMPTY_HEADER:
        steps.append(WriteStep("block", first, EMPTY_HEADER, "empty message while the body changes"))
        header = EMPTY_HEADER
    steps += body
    if header != blocks[0]:
        steps.append(WriteStep("block", first, blocks[0], "true header: the message is valid from here on"))
    return tuple(steps)


def _refuse_unwritable(tag: Type5Tag, steps: tuple[WriteStep, ...], *, allow_format: bool) -> None:
    """Everything that would stop the write half-way stops it here, before the first block. Raises TagRefused."""
    name = tag.chip.name
    if tag.content.state is ContentState.UNFORMATTED and not allow_format:
        raise refusal(
            tag.uid,
            "tag-unformatted",
            f"{tag.content.reason}; formatting writes {tag.planned_cc.raw.hex()} to block 0, which can be undone",
            "allow formatting, or take a tag that is NDEF formatted",
            chip_type=name,
            block=CC_BLOCK,
        )
    if tag.cc is not None and not tag.writable:
        raise refusal(
            tag.uid,
            "tag-read-only",
            f"the CC says that this tag is not free to write (access {tag.cc.raw[1] & 0x0F:x})",
            "take another tag",
            chip_type=name,
            cc=tag.cc.raw.hex(),
        )
    if tag.cc is not None and tag.cc.special_frame:
        raise refusal(
            tag.uid,
            "tag-special-frame",
            f"the CC asks for writes with the option flag, which a {name} does not know",
            "set this tag aside",
            chip_type=name,
            cc=tag.cc.raw.hex(),
        )
    if tag.password_protected:
        raise refusal(
            tag.uid,
            "tag-password",
            "the chip asks for a password to write",
            "take another tag, or remove the password first",
            chip_type=name,
        )
    if closed := sorted({step.at for step in steps} & tag.locked):
        raise refusal(
            tag.uid,
            "tag-locked",
            f"{len(closed)} blocks that must change are locked for ever, the first is {closed[0]}",
            "take another tag",
            chip_type=name,
            block=closed[0],
        )


def apply(link: Type5Link, plan: WritePlan, *, state_before: str = "untouched") -> int:
    """Carry out the steps on the tag that they were planned for; returns how many blocks were written.

    An error of the link is let through, with ``block``, ``written`` and ``tag_state`` among its facts.
    """
    for written, step in enumerate(plan.steps):
        try:
            link.write(step.at, step.data)
        except (TagError, DeviceError) as error:
            error.facts.setdefault("block", step.at)
            error.facts.setdefault("written", written)
            kept = written == 0 and isinstance(error, TagNak | TagSwapped)
            error.facts.setdefault("tag_state", state_before if kept else "unknown")
            raise
    return len(plan.steps)


def read_back(link: Type5Link, tag: Type5Tag, message: bytes) -> bytes:
    """Field off and on, the same chip again, then compare the CC and the whole data area with ``message``.

    Returns the message as parsed from the bytes just read. Raises TagWriteFailed with block, wanted and got; TagLost or
    TagSwapped by the link.
    """
    link.reselect()
    if link.uid != tag.uid:
        raise TagSwapped(
            "another chip stands where the written one stood",
            action="put the written tag back and read it again",
            wanted=tag.uid.hex(),
            got=link.uid.hex(),
            tag_state="written-unverified",
        )
    cc = tag.planned_cc
    if message_room(cc.area_bytes) < len(message):
        cc = Cc(tag.chip.cc, tag.chip.area_bytes)
    wanted = cc.raw + build_area(message, cc.area_bytes)
    memory = read_memory(link, tag.chip)
    for at in range(0, len(wanted), BLOCK_BYTES):
        got = memory[at : min(at + BLOCK_BYTES, len(wanted))]
        if got != wanted[at : at + BLOCK_BYTES]:
            raise TagWriteFailed(
                f"block {at // BLOCK_BYTES} does not hold what was written to it",
                action="do not ship this tag; write it again",
                chip_type=tag.chip.name,
                chip=tag.uid.hex(),
                block=at // BLOCK_BYTES,
                wanted=wanted[at : at + BLOCK_BYTES].hex(),
                got=got.hex(),
                tag_state="written-unverified",
            )
    content = judge(memory, tag.chip)[1]
    if content.ndef is None:
        raise TagWriteFailed(
            f"what was read back is no message: {content.reason}",
            action="do not ship this tag",
            chip=tag.uid.hex(),
            tag_state="written-unverified",
        )
    return content.ndef


def _check_system_information(link: Type5Link, chip: Type5Chip) -> None:
    """Get System Information must name the same UID and, where it tells it, the same memory size. Raises TagRefused."""
    try:
        answer = link.command(_SYSTEM_INFORMATION)
    except TagNak as error:
        raise _unknown(link.uid, "the chip does not tell what it is (Get System Information)") from error
    if len(answer) < 9 or answer[1:9] != link.uid[::-1]:
        raise refusal(
            link.uid,
            "tag-uid-check",
            "Get System Information does not name the UID that answered: reader or chip is faulty",
            "try again, then try another reader",
            wanted=link.uid.hex(),
            got=answer.hex(),
        )
    at = 9 + bool(answer[0] & _HAS_DSFID) + bool(answer[0] & _HAS_AFI)
    if answer[0] & _HAS_MEMORY:
        size = answer[at : at + 2]
        if size != bytes((chip.blocks - 1, BLOCK_BYTES - 1)):
            raise _unknown(link.uid, f"the UID is that of a {chip.name}, the memory size ({size.hex()}) is not")


def _unknown(uid: bytes, message: str) -> TagRefused:
    return refusal(uid, "tag-chip-unknown", message, "take an ICODE SLIX or SLIX2, an ST25TV02K or an ST25DV04K")
