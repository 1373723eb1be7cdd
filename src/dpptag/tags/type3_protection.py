"""Locks of FeliCa Lite tags. There is no password: the chips know a card key and a MAC, which no NDEF reader uses.

``lock permanent`` clears the write bits of the 14 user blocks in MC bytes 0-1, and bit 15, by which these bytes and
the restrictions of bytes 6-12 stay as they are: without it a stranger could still close the tag to reading. A cleared
bit never comes back (Sony M802; SATO CL6NX manual p.497). MC_ALL is left alone: the system blocks stay open, so SYS_OP
can still be cleared, which hides the message from NDEF readers but changes none of it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from dpptag.errors import TagLost, TagNak, TagWriteFailed
from dpptag.links.nfc import FelicaLink, Technology
from dpptag.tags.protection import Lock, Protection, ProtectionPlan, ProtectionStep, TagKeys
from dpptag.tags.tag import ContentState, refusal
from dpptag.tags.type3_memory import (
    ATTRIBUTE_BLOCK,
    BLOCK_BYTES,
    MC_BLOCK,
    SERVICE_READ,
    SERVICE_WRITE,
    Attributes,
    Type3Tag,
    attributes_for,
    read_content,
)

_LOG: Final = logging.getLogger(__name__)

_USER_BITS: Final = 0x3FFF
_CONFIGURATION_BIT: Final = 0x8000
_READ_ONLY: Final = 0x00
_READ_BLOCKS: Final = 4


def plan_protection(tag: Type3Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    """The steps of the lock; pure. Raises TagRefused for a password or SUN, and for a tag without a whole message."""
    if protection.password or protection.sun:
        what = "password" if protection.password else "SUN"
        raise refusal(
            tag.uid,
            "tag-no-password" if protection.password else "tag-no-sun",
            f"a {tag.chip.name} has no {what}: it has a card key, under which it authenticates blocks to a reader",
            "ask for a permanent lock alone, or take another chip",
            chip_type=tag.chip.name,
        )
    steps: tuple[ProtectionStep, ...] = ()
    if protection.lock is Lock.PERMANENT:
        steps = _lock_steps(tag)
    return ProtectionPlan(Technology.TYPE3, tag.uid, tag.chip.name, protection, steps)


def _lock_steps(tag: Type3Tag) -> tuple[ProtectionStep, ...]:
    if tag.content.state is not ContentState.MESSAGE:
        raise refusal(
            tag.uid,
            "tag-not-complete",
            f"a tag without a whole message is never locked ({tag.content.reason or 'its message is empty'})",
            "write the tag, then lock it",
            chip_type=tag.chip.name,
        )
    steps: list[ProtectionStep] = []
    # A plan is also made for a tag that is yet to be written: what a blank one lacks, the write will have put there.
    present = tag.attributes or attributes_for(tag.chip)
    closed = replace(present, access=_READ_ONLY, write_flag=0, length=len(tag.content.ndef or b"")).to_bytes()
    locked = locked_configuration(tag.configuration)
    if closed != tag.attribute_block:
        if ATTRIBUTE_BLOCK in tag.read_only_blocks or ATTRIBUTE_BLOCK in tag.keyed_blocks:
            raise refusal(
                tag.uid,
                "tag-locked",
                "the attribute block says that the tag is writable, and can itself not be written any more",
                "set this tag aside",
                chip_type=tag.chip.name,
                configuration=tag.configuration.hex(),
            )
        steps.append(ProtectionStep("block", ATTRIBUTE_BLOCK, closed, "attribute block: RWFlag 00h, read-only"))
    if locked != tag.configuration:
        if not tag.configuration[1] & 0x80:
            raise refusal(
                tag.uid,
                "tag-locked",
                "the write bits are frozen (MC bit 15), and not all of them are cleared: this tag cannot be locked",
                "set this tag aside",
                chip_type=tag.chip.name,
                configuration=tag.configuration.hex(),
            )
        steps.append(
            ProtectionStep(
                "block",
                MC_BLOCK,
                locked,
                "memory configuration: bits 0-13 (the user blocks) and 15 (these bits) read-only for ever",
                irreversible=True,
            )
        )
    return tuple(steps)


def locked_configuration(configuration: bytes) -> bytes:
    """Block MC with the user blocks and the bits themselves closed; REG (bit 14) and all other bytes as they are."""
    bits = int.from_bytes(configuration[:2], "little") & ~(_USER_BITS | _CONFIGURATION_BIT)
    return bits.to_bytes(2, "little") + configuration[2:]


def protect(link: FelicaLink, plan: ProtectionPlan, keys: TagKeys | None) -> None:
    """Carry out the steps, each read back after a power-up, when a new MC acts, then prove the lock.

    The message is read and checked once more first: nothing is locked that no reader could read. Raises TagRefused,
    TagWriteFailed, TagLost, TagNak.
    """
    if plan.protection.lock is not Lock.PERMANENT:
        return
    link.reselect()
    before = _whole_message(link, plan)
    for step in plan.steps:
        if _block(link, step.at) == step.data:
            continue
        link.write(SERVICE_WRITE, (step.at,), step.data)
        link.reselect()
        got = _block(link, step.at)
        if got != step.data:
            raise _not_in_force(plan, step.at, f"{step.purpose}: it does not read back", step.data.hex(), got.hex())
    _prove(link, plan, before)


def _whole_message(link: FelicaLink, plan: ProtectionPlan) -> bytes:
    """The data area, which must hold a whole message."""
    attributes = Attributes.from_bytes(_block(link, ATTRIBUTE_BLOCK))
    area = _area(link, attributes.data_blocks) if attributes is not None else b""
    content = read_content(attributes, _block(link, MC_BLOCK)[3] == 0x01, area)
    if content.state is not ContentState.MESSAGE:
        raise refusal(
            plan.uid,
            "tag-not-complete",
            f"a tag without a whole message is never locked ({content.reason or 'its message is empty'})",
            "write the tag, then lock it",
            chip_type=plan.chip_name,
        )
    return area


def _prove(link: FelicaLink, plan: ProtectionPlan, before: bytes) -> None:
    """Offer the last data block other bytes: what it holds then decides, not what the reader says of the write."""
    link.reselect()
    configuration = _block(link, MC_BLOCK)
    if configuration != locked_configuration(configuration):
        raise _not_in_force(plan, MC_BLOCK, "the write bits are not all cleared", None, configuration.hex())
    block = len(before) // BLOCK_BYTES
    held = _block(link, block)
    try:
        link.write(SERVICE_WRITE, (block,), bytes(octet ^ 0xFF for octet in held))
    except (TagNak, TagLost):
        _LOG.debug("%s: block %d refuses a write", plan.uid.hex(), block)
    link.reselect()
    if _block(link, block) != held:
        link.write(SERVICE_WRITE, (block,), held)  # it can be written, so it is put back
        raise _not_in_force(plan, block, "a locked block took a write", None, None)
    attributes = Attributes.from_bytes(_block(link, ATTRIBUTE_BLOCK))
    if attributes is None or attributes.access != _READ_ONLY or _area(link, attributes.data_blocks) != before:
        raise _not_in_force(plan, ATTRIBUTE_BLOCK, "the tag does not read as it did before the lock", None, None)


def _block(link: FelicaLink, number: int) -> bytes:
    return link.read(SERVICE_READ, (number,))


def _area(link: FelicaLink, blocks: int) -> bytes:
    numbers = range(1, blocks + 1)
    return b"".join(
        link.read(SERVICE_READ, tuple(numbers[at : at + _READ_BLOCKS])) for at in range(0, blocks, _READ_BLOCKS)
    )


def _not_in_force(
    plan: ProtectionPlan, block: int, message: str, wanted: str | None, got: str | None
) -> TagWriteFailed:
    return TagWriteFailed(
        message,
        code="lock-failed",
        action="do not ship this tag; lock it again",
        chip=plan.uid.hex(),
        chip_type=plan.chip_name,
        block=block,
        wanted=wanted,
        got=got,
        tag_state="written",
    )
