"""Tag families over a link: identify, plan, apply, read back, protect.

A family is a module with these functions; the functions here choose it by the technology of the link or tag. Each is a
step of its own, so that a caller can commit its ledger in between; :func:`write_and_verify` is all in one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from dpptag.errors import TagRefused, TagSwapped, TagWriteFailed
from dpptag.links import TagLink, Technology
from dpptag.tags import (
    gen2,
    gen2_protection,
    type2,
    type2_protection,
    type3,
    type3_memory,
    type4,
    type4_tag,
    type5,
    type5_memory,
)
from dpptag.tags.gen2_chips import BY_NAME as GEN2_CHIPS
from dpptag.tags.gen2_chips import Gen2Chip
from dpptag.tags.gen2_kill import kill_chip
from dpptag.tags.gen2_memory import Gen2Tag
from dpptag.tags.gen2_protection import derive_passwords
from dpptag.tags.offers import cannot_protect
from dpptag.tags.protection import (
    POLICIES,
    Lock,
    Passwords,
    Protection,
    ProtectionPlan,
    ProtectionStep,
    TagKeys,
)
from dpptag.tags.tag import Content, ContentState, WritePlan, WriteStep, refusal
from dpptag.tags.tlv import message_room
from dpptag.tags.type2_memory import CHIPS, ChipType, Type2Tag, chip_by_name, chip_by_version
from dpptag.tags.type3 import Type3Tag
from dpptag.tags.type4 import Type4Tag
from dpptag.tags.type5 import Type5Tag

_LOG: Final = logging.getLogger(__name__)

Tag = Type2Tag | Type3Tag | Type4Tag | Type5Tag | Gen2Tag
"""A tag as it was read, once; all have ``uid``, ``chip_name``, ``capacity``, ``message_room``, ``content``, ``ndef``,
``message`` (what the ledger keeps: the NDEF message, of a Gen2 tag its EPC and user bank), ``memory`` (the data area as
read), ``writable`` and ``technology``."""


CHIP_ROOMS: Final[Mapping[str, int]] = MappingProxyType(
    {chip.name: message_room(chip.area_bytes) for chip in CHIPS}
    | {chip.name: chip.area_bytes for chip in type3_memory.CHIPS}
    | type4_tag.MESSAGE_ROOMS
    | {chip.name: message_room(chip.area_bytes) for chip in type5_memory.CHIPS}
)
"""The NFC chips that may be written, by name, and the longest NDEF message of each in bytes.

Of a DESFire it is that of the file that a format makes; one with a smaller file is refused when it is met.
"""


def identify(link: TagLink) -> Tag:
    """Tell the chip and read all that a write depends on; writes nothing. Raises TagRefused for what is not ours."""
    if link.technology is Technology.TYPE2:
        return type2.identify(link)
    if link.technology is Technology.TYPE3:
        return type3.identify(link)
    if link.technology is Technology.TYPE4:
        return type4.identify(link)
    if link.technology is Technology.TYPE5:
        return type5.identify(link)
    return gen2.identify(link)


def as_written(tag: Tag, message: bytes) -> Tag:
    """``tag`` as it is to a plan of its protection once it holds ``message``; pure."""
    if isinstance(tag, Gen2Tag):
        return gen2.as_written(tag, message)
    return replace(tag, content=Content(ContentState.MESSAGE, message))


def plan_write(
    tag: Tag,
    message: bytes,
    *,
    allow_format: bool = False,
    rewrite: bool = False,
    passwords: Passwords | None = None,
) -> WritePlan:
    """The writes that leave ``tag`` with exactly ``message``; pure, nothing is sent.

    What already holds its bytes is left out; ``rewrite`` writes all of the message again, for cells that did not keep
    it. A tag that is not formatted is written only with ``allow_format``. ``passwords`` are for Gen2 tags alone, and
    set before the EPC. Raises CodecError if ``message`` is no NDEF message (Gen2: no Gen2Content), TagRefused if the
    tag cannot take it.
    """
    match tag:
        case Type2Tag():
            return type2.plan_write(tag, message, allow_format=allow_format, rewrite=rewrite)
        case Type3Tag():
            return type3.plan_write(tag, message, allow_format=allow_format, rewrite=rewrite)
        case Type4Tag():
            return type4.plan_write(tag, message, allow_format=allow_format, rewrite=rewrite)
        case Type5Tag():
            return type5.plan_write(tag, message, allow_format=allow_format, rewrite=rewrite)
        case Gen2Tag():
            return gen2.plan_write(tag, message, rewrite=rewrite, passwords=passwords)


def apply(link: TagLink, plan: WritePlan, *, state_before: str = "untouched") -> int:
    """Carry out the steps on the tag that they were planned for; returns how many writes were made.

    An acknowledged write proves nothing: :func:`read_back` does. An error of the link is let through, with what was
    ``written`` and ``tag_state`` among its facts: ``state_before`` where nothing was touched, else unknown.
    """
    if link.uid != plan.uid or link.technology is not plan.technology:
        raise TagSwapped(
            "another chip stands where the planned one stood",
            action="put the planned tag back",
            wanted=plan.uid.hex(),
            got=link.uid.hex(),
            tag_state=state_before,
        )
    if link.technology is Technology.TYPE2:
        return type2.apply(link, plan, state_before=state_before)
    if link.technology is Technology.TYPE3:
        return type3.apply(link, plan, state_before=state_before)
    if link.technology is Technology.TYPE4:
        return type4.apply(link, plan, state_before=state_before)
    if link.technology is Technology.TYPE5:
        return type5.apply(link, plan, state_before=state_before)
    return gen2.apply(link, plan, state_before=state_before)


def read_back(link: TagLink, tag: Tag, message: bytes) -> bytes:
    """Field off and on, the same chip again, then compare the whole data area with ``message``.

    Returns the message as parsed from the bytes just read. The passwords of a Gen2 tag are read back by
    :func:`protect`, before it locks. Raises TagWriteFailed with place, wanted and got; TagLost or TagSwapped by the
    link. Never TagRefused: that would say that the tag is untouched.
    """
    try:
        return _read_back(link, tag, message)
    except TagRefused as refused:
        raise TagWriteFailed(
            f"the tag does not read back: {refused.message}",
            action="do not ship this tag; write it again",
            chip=tag.uid.hex(),
            chip_type=tag.chip_name,
            refusal=refused.code,
            tag_state="written-unverified",
        ) from refused


def _read_back(link: TagLink, tag: Tag, message: bytes) -> bytes:
    if link.technology is Technology.TYPE2 and isinstance(tag, Type2Tag):
        return type2.read_back(link, tag, message)
    if link.technology is Technology.TYPE3 and isinstance(tag, Type3Tag):
        return type3.read_back(link, tag, message)
    if link.technology is Technology.TYPE4 and isinstance(tag, Type4Tag):
        return type4.read_back(link, tag, message)
    if link.technology is Technology.TYPE5 and isinstance(tag, Type5Tag):
        return type5.read_back(link, tag, message)
    if link.technology is Technology.GEN2 and isinstance(tag, Gen2Tag):
        return gen2.read_back(link, tag, message)
    raise _of_another_family(link, tag)


def plan_protection(tag: Tag, protection: Protection, keys: TagKeys | None = None) -> ProtectionPlan:
    """The steps that give ``tag``, which holds its message, the protection; pure, nothing is sent.

    ``keys`` where the protection sets a password or key. Raises TagRefused for what this chip does not offer.
    """
    match tag:
        case Type2Tag():
            return type2_protection.plan_protection(tag, protection, keys)
        case Type3Tag():
            return type3.plan_protection(tag, protection, keys)
        case Type4Tag():
            return type4.plan_protection(tag, protection, keys)
        case Type5Tag():
            return type5.plan_protection(tag, protection, keys)
        case Gen2Tag():
            return gen2_protection.plan_protection(tag, protection, keys)


def protect(link: TagLink, plan: ProtectionPlan, keys: TagKeys | None = None) -> None:
    """Carry out the steps, each read back before the next, then prove the whole: nothing to return, or an error.

    The tag is read again first: steps done meanwhile are left out, and nothing is done that the plan did not show.
    Repeating it on a tag on which an earlier run stopped finishes the work; on one that has it all, it only proves it.
    Raises TagRefused (nothing done), TagWriteFailed (a step does not read back, or is not in force), TagLost, TagNak.
    """
    if link.uid != plan.uid or link.technology is not plan.technology:
        raise TagSwapped(
            "another chip stands where the planned one stood",
            action="put the planned tag back",
            wanted=plan.uid.hex(),
            got=link.uid.hex(),
        )
    if plan.protection.is_none:
        return
    if link.technology is Technology.TYPE2:
        type2_protection.protect(link, plan, keys)
    elif link.technology is Technology.TYPE3:
        type3.protect(link, _still_true(plan, type3.identify(link), keys), keys)
    elif link.technology is Technology.TYPE4:
        type4.protect(link, plan, keys)
    elif link.technology is Technology.GEN2:
        gen2_protection.protect(link, plan, keys)
    else:
        type5.protect(link, _still_true(plan, type5.identify(link), keys), keys)


def _still_true(plan: ProtectionPlan, tag: Type3Tag | Type5Tag, keys: TagKeys | None) -> ProtectionPlan:
    """What of ``plan`` the tag, just read, still lacks. Raises TagRefused for a step that the plan did not show.

    The steps of these chips say what the message was when they were planned: its length stands in one of them.
    """
    now = plan_protection(tag, plan.protection, keys)
    if not set(now.steps) <= set(plan.steps):
        raise refusal(
            tag.uid,
            "tag-changed",
            f"this {tag.chip_name} is no longer as it was when this was planned",
            "plan it again",
            chip_type=tag.chip_name,
        )
    return now


def write_and_verify(
    link: TagLink, tag: Tag, message: bytes, *, allow_format: bool = False, passwords: Passwords | None = None
) -> bytes:
    """Plan, apply, read back; on a mismatch write everything once more, then fail. Returns the message read back.

    For callers without a ledger, who need no state between the steps. A NAK or a lost tag is not tried again.
    TagRefused means that nothing was written: a tag that cannot be written once more raises TagWriteFailed.
    """
    apply(link, plan_write(tag, message, allow_format=allow_format, passwords=passwords))
    try:
        return read_back(link, tag, message)
    except TagWriteFailed as error:
        _LOG.warning("%s: %s; writing the whole message once more", tag.uid.hex(), error.message)
    try:
        fresh = identify(link)
        plan = plan_write(fresh, message, rewrite=True, passwords=passwords)
    except TagRefused as refused:
        raise TagWriteFailed(
            f"the tag did not read back, and cannot be written once more: {refused.message}",
            action="do not ship this tag",
            chip=tag.uid.hex(),
            chip_type=tag.chip_name,
            refusal=refused.code,
            tag_state="written-unverified",
        ) from refused
    apply(link, plan, state_before="written-unverified")
    return read_back(link, fresh, message)


def _of_another_family(link: TagLink, tag: Tag) -> TagSwapped:
    return TagSwapped(
        "a tag of another technology stands where the written one stood",
        action="put the written tag back and read it again",
        wanted=tag.uid.hex(),
        got=link.uid.hex(),
        tag_state="written-unverified",
    )


__all__ = [
    "CHIPS",
    "CHIP_ROOMS",
    "GEN2_CHIPS",
    "POLICIES",
    "ChipType",
    "Content",
    "ContentState",
    "Gen2Chip",
    "Gen2Tag",
    "Lock",
    "Passwords",
    "Protection",
    "ProtectionPlan",
    "ProtectionStep",
    "Tag",
    "TagKeys",
    "Type2Tag",
    "Type3Tag",
    "Type4Tag",
    "Type5Tag",
    "WritePlan",
    "WriteStep",
    "apply",
    "as_written",
    "cannot_protect",
    "chip_by_name",
    "chip_by_version",
    "derive_passwords",
    "identify",
    "kill_chip",
    "message_room",
    "plan_protection",
    "plan_write",
    "protect",
    "read_back",
    "write_and_verify",
]
