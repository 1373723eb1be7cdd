"""NFC Forum Type 4 tags over a link: identify, plan, apply, read back, protect.

Each is a step of its own, so that a caller can commit its ledger in between. T4T 2.0 section 5 is the procedure;
mapping version 3.0 is the same for files of this size.
"""

from __future__ import annotations

from dpptag.errors import DeviceError, TagError, TagNak, TagSwapped, TagWriteFailed
from dpptag.links.nfc import ApduLink
from dpptag.tags import desfire, desfire_protect, ntag424, ntag424_protect, type4_st25ta
from dpptag.tags.protection import Protection, ProtectionPlan, TagKeys
from dpptag.tags.tag import WritePlan, WriteStep
from dpptag.tags.type4_apdu import (
    CC_FILE,
    Status,
    native,
    read_file,
    refused,
    select_application,
    select_file,
    update_binary,
)
from dpptag.tags.type4_cc import parse_cc
from dpptag.tags.type4_format import COMMAND, CREATE_APPLICATION, FORMATTED_CC, NDEF_NUMBER
from dpptag.tags.type4_identify import identify, read_settings
from dpptag.tags.type4_plan import plan_write
from dpptag.tags.type4_tag import LENGTH_BYTES, Type4Family, Type4Tag, is_equal_but, read_content

__all__ = ["Type4Tag", "apply", "identify", "plan_protection", "plan_write", "protect", "read_back"]


def apply(link: ApduLink, plan: WritePlan, *, state_before: str = "untouched") -> int:
    """Carry out the steps on the tag that they were planned for; returns how many writes were made.

    An acknowledged write proves nothing: :func:`read_back` does. An error of the link is let through, with ``offset``,
    ``written`` and ``tag_state`` among its facts: ``state_before`` where nothing was touched, else unknown.
    """
    if link.uid != plan.uid:
        raise TagSwapped(
            "another chip stands where the planned one stood",
            action="put the planned tag back",
            wanted=plan.uid.hex(),
            got=link.uid.hex(),
            tag_state=state_before,
        )
    selected: int | None = None  # the file; None: not even the application
    for written, step in enumerate(plan.steps):
        try:
            selected = _apply_step(link, step, selected)
        except (TagError, DeviceError) as error:
            error.facts.setdefault("offset", step.at)
            error.facts.setdefault("written", written)
            # Nothing was stored where the first write was refused or was never sent; else only reading would tell.
            kept = written == 0 and isinstance(error, TagNak | TagSwapped)
            error.facts.setdefault("tag_state", state_before if kept else "unknown")
            raise
    return len(plan.steps)


def _apply_step(link: ApduLink, step: WriteStep, selected: int | None) -> int | None:
    """Returns the file that is selected afterwards; 0 where it is the application alone."""
    if step.unit == COMMAND and step.at == CREATE_APPLICATION:
        _native(link, "selecting the card itself", 0x5A, bytes(3))
        _native(link, step.purpose, step.at, step.data)
        return None
    if selected is None:
        _select_application(link)
        selected = 0
    if step.unit == COMMAND:
        _native(link, step.purpose, step.at, step.data)
        return 0
    assert step.file is not None
    if selected != step.file:
        select_file(link, step.file)
    update_binary(link, step.at, step.data)
    return step.file


def _native(link: ApduLink, what: str, ins: int, data: bytes) -> None:
    status = native(link, ins, data)[1]
    if status != Status.NATIVE_OK:
        raise refused(link, f"to {what}", status)


def _select_application(link: ApduLink) -> None:
    status = select_application(link)
    if status != Status.OK:
        raise refused(link, "selecting the NDEF application", status)


def read_back(link: ApduLink, tag: Type4Tag, message: bytes) -> bytes:
    """Field off and on, the same chip again, then compare the CC and the file up to the end of ``message``.

    Returns the message as parsed from the bytes just read; places that the chip fills itself (SUN) are as it filled
    them. Raises TagWriteFailed with offset, wanted and got; TagLost or TagSwapped by the link.
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
    wanted_cc = tag.cc if tag.container is not None else FORMATTED_CC
    wanted = len(message).to_bytes(LENGTH_BYTES, "big") + message
    _select_application(link)
    mirrors = read_settings(link, NDEF_NUMBER).mirrors if tag.chip.family is Type4Family.NTAG424 else ()
    container = parse_cc(wanted_cc)
    select_file(link, CC_FILE)
    _compare(tag, CC_FILE, read_file(link, 0, len(wanted_cc), container.read_chunk), wanted_cc, ())
    select_file(link, container.file)
    length = read_file(link, 0, LENGTH_BYTES, LENGTH_BYTES)
    _compare(tag, container.file, length, wanted[:LENGTH_BYTES], ())
    got = length + read_file(link, LENGTH_BYTES, len(message), container.read_chunk)
    _compare(tag, container.file, got, wanted, mirrors)
    content = read_content(got, max(tag.capacity, len(got)))
    if content.ndef is None:
        raise TagWriteFailed(
            f"what was read back is no message: {content.reason}",
            action="do not ship this tag",
            chip=tag.uid.hex(),
            tag_state="written-unverified",
        )
    return content.ndef


def _compare(tag: Type4Tag, file: int, got: bytes, wanted: bytes, mirrors: tuple[range, ...]) -> None:
    if is_equal_but(got, wanted, mirrors):
        return
    at = next(
        at
        for at in range(len(wanted))
        if got[at : at + 1] != wanted[at : at + 1] and not any(at in place for place in mirrors)
    )
    raise TagWriteFailed(
        f"file {file:04X}h does not hold at offset {at} what was written there",
        action="do not ship this tag; write it again",
        chip_type=tag.chip_name,
        chip=tag.uid.hex(),
        file=f"{file:04X}",
        offset=at,
        wanted=wanted[at : at + 16].hex(),
        got=got[at : at + 16].hex(),
        tag_state="written-unverified",
    )


def plan_protection(tag: Type4Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    """The steps that ``tag`` lacks of the protection. Raises TagRefused for what this chip does not offer."""
    if tag.chip.family is Type4Family.NTAG424:
        return ntag424.plan_protection(tag, protection, keys)
    if tag.chip.family is Type4Family.ST25TA:
        return type4_st25ta.plan_protection(tag, protection, keys)
    return desfire.plan_protection(tag, protection, keys)


def protect(link: ApduLink, plan: ProtectionPlan, keys: TagKeys | None) -> None:
    """Carry out the plan on the tag that it was made for, as that tag is now; then prove it."""
    if link.uid != plan.uid:
        raise TagSwapped(
            "another chip stands where the planned one stood",
            action="put the planned tag back",
            wanted=plan.uid.hex(),
            got=link.uid.hex(),
        )
    if plan.protection.is_none:
        return
    tag = identify(link)
    if tag.chip.family is Type4Family.NTAG424:
        ntag424_protect.protect(link, tag, plan, keys)
    elif tag.chip.family is Type4Family.ST25TA:
        type4_st25ta.protect(link, tag, plan, keys)
    else:
        desfire_protect.protect(link, tag, plan, keys)
