"""NFC Forum Type 3 tags over a link (FeliCa Lite-S, FeliCa Lite): identify, plan, apply, read back.

The attribute block commits a write: WriteF is 0Fh while the data blocks change, and the message is valid once WriteF is
00h and Ln its length (NFC Forum T3T 1.0 section 6.4). Blocks are written one at a time: these chips take no more.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from dpptag.codec.ndef import decode_message
from dpptag.errors import DeviceError, TagError, TagNak, TagSwapped, TagWriteFailed
from dpptag.links import FelicaLink, Technology
from dpptag.tags.tag import ContentState, WritePlan, WriteStep, refusal
from dpptag.tags.type3_memory import (
    ATTRIBUTE_BLOCK,
    BLOCK_BYTES,
    MC_BLOCK,
    SERVICE_READ,
    SERVICE_WRITE,
    WRITING,
    Attributes,
    FelicaChip,
    Type3Tag,
    attributes_for,
    chip_by_pmm,
    read_content,
)
from dpptag.tags.type3_protection import plan_protection, protect

__all__ = ["Type3Tag", "apply", "identify", "plan_protection", "plan_write", "protect", "read_back"]

_LOG: Final = logging.getLogger(__name__)

_READ_BLOCKS: Final = 4  # what both chips take in one command, whatever a foreign attribute block says
_SYS_OP: Final = 3
_NO_AUTHENTICATION: Final = 0xB1


def identify(link: FelicaLink) -> Type3Tag:
    """Tell the chip by its PMm and read MC, attribute block and data area; writes nothing.

    Raises TagRefused for a chip that is no FeliCa Lite, and an attribute block that contradicts the chip.
    """
    uid = link.uid
    chip = chip_by_pmm(link.pmm)
    if chip is None:
        raise refusal(
            uid,
            "tag-chip-unknown",
            "this FeliCa chip is not one that we write: it may be a card with money or a ticket on it",
            "take a FeliCa Lite-S",
            pmm=link.pmm.hex(),
            system_code=f"{link.system_code:04x}",
        )
    first = _read(link, chip, (ATTRIBUTE_BLOCK, MC_BLOCK))
    attribute_block, configuration = first[:BLOCK_BYTES], first[BLOCK_BYTES:]
    attributes = Attributes.from_bytes(attribute_block)
    data_blocks = chip.data_blocks
    is_ndef = configuration[_SYS_OP] == 0x01
    if is_ndef and attributes is not None and attributes.version >> 4 == 1:
        data_blocks = attributes.data_blocks
        if not 0 < data_blocks <= chip.data_blocks or not attributes.read_blocks:
            raise refusal(
                uid,
                "tag-cc-size",
                f"the attribute block gives {data_blocks} data blocks, a {chip.name} has {chip.data_blocks}",
                "set this tag aside, or format it anew",
                chip_type=chip.name,
                wanted=chip.data_blocks,
                got=data_blocks,
            )
    area = _read(link, chip, tuple(range(1, data_blocks + 1)))
    tag = Type3Tag(
        uid=uid,
        chip=chip,
        attribute_block=attribute_block,
        attributes=attributes,
        configuration=configuration,
        content=read_content(attributes, is_ndef, area),
        memory=area,
    )
    _LOG.debug("%s %s: %s %s", chip.name, uid.hex(), tag.content.state.value, tag.content.reason)
    return tag


def plan_write(tag: Type3Tag, message: bytes, *, allow_format: bool = False, rewrite: bool = False) -> WritePlan:
    """The block writes that leave ``tag`` with exactly ``message``; pure, nothing is sent.

    The data area behind the message becomes zeros. Raises NdefError if ``message`` is no NDEF message, TagRefused if
    the tag cannot take it.
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
    missing = len(message) - tag.message_room
    if missing > 0:
        raise refusal(
            tag.uid,
            "tag-too-small",
            f"{len(message)} bytes of NDEF do not fit into this {tag.chip.name}: {missing} too many",
            "shorten the message or take a larger chip",
            chip_type=tag.chip.name,
            room=tag.message_room,
            missing=missing,
        )
    area = message.ljust(tag.capacity, b"\0")
    formatting = tag.content.state is ContentState.UNFORMATTED
    known = tag.attributes if tag.attributes is not None and not formatting else attributes_for(tag.chip)
    done = replace(known, write_flag=0, length=len(message))
    written = -(-len(message) // BLOCK_BYTES) if rewrite else 0
    steps = _steps(tag, area, done, written)
    if steps:
        _refuse_unwritable(tag, steps, allow_format=allow_format)
    return WritePlan(Technology.TYPE3, tag.uid, tag.chip.name, message, steps, done.to_bytes() + area)


def _steps(tag: Type3Tag, area: bytes, done: Attributes, rewrite_until: int) -> tuple[WriteStep, ...]:
    """Order: WriteF 0Fh with the old length, data blocks, WriteF 00h with the new; SYS_OP behind all of it.

    An attribute block that no reader accepts guards as well as WriteF does, so none is written over it.
    """
    body = [
        WriteStep("block", number, wanted, "data")
        for number in range(1, len(area) // BLOCK_BYTES + 1)
        if (wanted := area[(number - 1) * BLOCK_BYTES : number * BLOCK_BYTES]) != tag.block(number)
        or number <= rewrite_until
    ]
    steps: list[WriteStep] = []
    present = tag.attribute_block
    read_by_others = tag.attributes if tag.content.state is not ContentState.UNFORMATTED else None
    if body and read_by_others is not None and read_by_others.write_flag != WRITING:
        present = replace(read_by_others, write_flag=WRITING).to_bytes()
        steps.append(WriteStep("block", ATTRIBUTE_BLOCK, present, "WriteF: a write is under way"))
    steps += body
    if present != done.to_bytes():
        purpose = "WriteF and length: the message is valid from here on"
        steps.append(WriteStep("block", ATTRIBUTE_BLOCK, done.to_bytes(), purpose))
    if not tag.is_ndef:
        # Last, so that a chip on which this stops is still the blank that it was. Undone only while MC_ALL is FFh.
        wanted = tag.configuration[:_SYS_OP] + b"\x01" + tag.configuration[_SYS_OP + 1 :]
        purpose = "memory configuration: SYS_OP, the chip answers the NDEF system code"
        steps.append(WriteStep("block", MC_BLOCK, wanted, purpose, irreversible=True))
    return tuple(steps)


def _refuse_unwritable(tag: Type3Tag, steps: tuple[WriteStep, ...], *, allow_format: bool) -> None:
    """Everything that would stop the write half-way stops it here, before the first block. Raises TagRefused."""
    name = tag.chip.name
    unformatted = tag.content.state is ContentState.UNFORMATTED
    if unformatted and not allow_format:
        raise refusal(
            tag.uid,
            "tag-unformatted",
            f"{tag.content.reason}; formatting writes the attribute block and sets SYS_OP in block 88h",
            "allow formatting, or take a tag that is NDEF formatted",
            chip_type=name,
        )
    if not tag.is_ndef and not tag.system_open:
        raise refusal(
            tag.uid,
            "tag-locked",
            "the system blocks are closed for ever (MC_ALL), so this chip can never answer the NDEF system code",
            "take another tag",
            chip_type=name,
            configuration=tag.configuration.hex(),
        )
    if not unformatted and tag.attributes is not None and not tag.writable:
        raise refusal(
            tag.uid,
            "tag-read-only",
            f"the attribute block says that this tag is read-only (RWFlag {tag.attributes.access:02x})",
            "take another tag",
            chip_type=name,
        )
    changed = {step.at for step in steps if step.at != MC_BLOCK}
    for blocks, code, what, action in (
        (tag.read_only_blocks, "tag-locked", "are locked for ever", "take another tag"),
        (tag.keyed_blocks, "tag-password", "ask for the card key to write", "take another tag"),
    ):
        if closed := sorted(changed & blocks):
            raise refusal(
                tag.uid,
                code,
                f"{len(closed)} blocks that must change {what}, the first is {closed[0]}",
                action,
                chip_type=name,
                block=closed[0],
                configuration=tag.configuration.hex(),
            )


def apply(link: FelicaLink, plan: WritePlan, *, state_before: str = "untouched") -> int:
    """Carry out the steps on the tag that they were planned for; returns how many blocks were written.

    An error of the link is let through, with ``block``, ``written`` and ``tag_state`` among its facts.
    """
    for written, step in enumerate(plan.steps):
        try:
            link.write(SERVICE_WRITE, (step.at,), step.data)
        except (TagError, DeviceError) as error:
            error.facts.setdefault("block", step.at)
            error.facts.setdefault("written", written)
            kept = written == 0 and isinstance(error, TagNak | TagSwapped)
            error.facts.setdefault("tag_state", state_before if kept else "unknown")
            raise
    return len(plan.steps)


def read_back(link: FelicaLink, tag: Type3Tag, message: bytes) -> bytes:
    """Field off and on, the same chip again, then compare the attribute block and the whole data area.

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
    formatting = tag.content.state is ContentState.UNFORMATTED
    known = tag.attributes if tag.attributes is not None and not formatting else attributes_for(tag.chip)
    wanted = replace(known, write_flag=0, length=len(message)).to_bytes() + message.ljust(tag.capacity, b"\0")
    configuration = _read(link, tag.chip, (MC_BLOCK,))
    got = _read(link, tag.chip, tuple(range(tag.capacity // BLOCK_BYTES + 1)))
    for block in range(len(wanted) // BLOCK_BYTES):
        at = slice(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)
        if got[at] != wanted[at]:
            raise _failed(tag, block, wanted[at], got[at])
    if configuration[_SYS_OP] != 0x01:
        wanted_mc = tag.configuration[:_SYS_OP] + b"\x01" + tag.configuration[_SYS_OP + 1 :]
        raise _failed(tag, MC_BLOCK, wanted_mc, configuration)
    attributes = Attributes.from_bytes(got[:BLOCK_BYTES])
    content = read_content(attributes, True, got[BLOCK_BYTES:])
    if content.ndef is None:
        raise TagWriteFailed(
            f"what was read back is no message: {content.reason}",
            action="do not ship this tag",
            chip=tag.uid.hex(),
            tag_state="written-unverified",
        )
    return content.ndef


def _failed(tag: Type3Tag, block: int, wanted: bytes, got: bytes) -> TagWriteFailed:
    return TagWriteFailed(
        f"block {block:02X}h does not hold what was written to it",
        action="do not ship this tag; write it again",
        chip_type=tag.chip.name,
        chip=tag.uid.hex(),
        block=block,
        wanted=wanted.hex(),
        got=got.hex(),
        tag_state="written-unverified",
    )


def _read(link: FelicaLink, chip: FelicaChip, blocks: tuple[int, ...]) -> bytes:
    """These blocks, at most four a command. Raises TagRefused where the chip asks for the card key."""
    parts: list[bytes] = []
    for at in range(0, len(blocks), _READ_BLOCKS):
        try:
            parts.append(link.read(SERVICE_READ, blocks[at : at + _READ_BLOCKS]))
        except TagNak as error:
            if error.facts.get("status2") != _NO_AUTHENTICATION:
                raise
            raise refusal(
                link.uid,
                "tag-read-protected",
                "blocks of this tag are read only with the card key",
                "take another tag",
                chip_type=chip.name,
                block=blocks[at],
            ) from error
    return b"".join(parts)
