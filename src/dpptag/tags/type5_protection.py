"""Passwords and locks of Type 5 tags: what is planned, taken step by step, and proved.

``lock permanent`` sets the CC to "never written", then closes every block from the CC to the end of the data area by
Lock Block (22h), which no command undoes (ISO/IEC 15693-3 10.4.3; ST DS12074 rev 11: "permanent write locks at a block
level"). The lock goes before the password, so that a chip stopped in between needs no password to go on.
"""

from __future__ import annotations

import logging
from typing import Final

from dpptag.errors import TagLost, TagNak, TagRefused, TagWriteFailed
from dpptag.links.nfc import Technology, Type5Link
from dpptag.tags.protection import Lock, Protection, ProtectionPlan, ProtectionStep, TagKeys
from dpptag.tags.tag import ContentState, refusal
from dpptag.tags.type5_memory import (
    BLOCK_BYTES,
    CC_BLOCK,
    Cc,
    PasswordKind,
    Type5Chip,
    Type5Tag,
    chip_by_uid,
    judge,
)
from dpptag.tags.type5_passwords import (
    check_can_protect,
    open_for_writing,
    password_failed,
    password_steps,
    purposes,
    take_password_step,
)
from dpptag.tags.type5_reading import (
    BLOCK_STATUS,
    ask,
    is_password_protected,
    locked_blocks,
    read_memory,
    write_command,
)

_LOG: Final = logging.getLogger(__name__)

_LOCK_BLOCK: Final = 0x22


def plan_protection(tag: Type5Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    """The steps of the lock and of the password; pure. Raises TagRefused for what this chip or link does not offer."""
    steps: list[ProtectionStep] = []
    derivation = None
    if not protection.is_none:
        _refuse_unprotectable(tag, protection, keys)
    if protection.lock is Lock.PERMANENT:
        steps += _lock_steps(tag)
    if protection.password and keys is not None:
        steps += password_steps(tag.uid, tag.chip, keys)
        derivation = keys.derivation(tag.uid, purposes(tag.chip))
    return ProtectionPlan(Technology.TYPE5, tag.uid, tag.chip.name, protection, tuple(steps), derivation)


def _refuse_unprotectable(tag: Type5Tag, protection: Protection, keys: TagKeys | None) -> None:
    chip = tag.chip
    code, reason = "", ""
    if protection.sun:
        code, reason = "tag-no-sun", "it mirrors nothing"
    elif protection.password and chip.password is PasswordKind.NONE:
        code, reason = "tag-no-password", chip.unguarded
    elif protection.lock is Lock.PERMANENT:
        code, reason = "tag-no-lock", chip.no_lock
    if reason:
        raise refusal(
            tag.uid,
            code,
            f"a {chip.name} cannot be protected so: {reason}",
            "ask for another protection, or take another chip",
            chip_type=chip.name,
        )
    if not tag.passes_commands:
        raise refusal(
            tag.uid,
            "reader-commands",
            "this reader passes no commands to the tag but reading and writing: nothing can be locked or protected",
            "take a reader with transparent exchange",
            chip_type=chip.name,
        )
    if tag.content.state is not ContentState.MESSAGE:
        raise _incomplete(tag.uid, chip, tag.content.reason)
    if protection.password and keys is None:
        raise refusal(
            tag.uid, "tag-no-keys", "a password is derived from a master key", "name one", chip_type=chip.name
        )
    if protection.lock is Lock.PERMANENT and tag.password_protected and keys is None:
        raise refusal(
            tag.uid,
            "tag-password",
            "the chip asks for a password before it lets a block be locked",
            "name the master key under which the tag was protected",
            chip_type=chip.name,
        )


def _lock_steps(tag: Type5Tag) -> list[ProtectionStep]:
    cc = tag.planned_cc
    steps: list[ProtectionStep] = []
    if cc.read_only != cc.raw:
        if CC_BLOCK in tag.locked:
            raise refusal(
                tag.uid,
                "tag-locked",
                "the CC says that the tag is writable, and is itself locked for ever",
                "set this tag aside",
                chip_type=tag.chip.name,
                cc=cc.raw.hex(),
            )
        closed = cc.read_only[:BLOCK_BYTES]
        steps.append(ProtectionStep("block", CC_BLOCK, closed, "capability container: write access never"))
    for block in _area_blocks(cc):
        if block not in tag.locked:
            what = "the capability container" if block < cc.first_block else "the data area"
            steps.append(ProtectionStep("lock", block, b"", f"Lock Block: {what}", irreversible=True))
    return steps


def _area_blocks(cc: Cc) -> range:
    """The CC and the whole data area."""
    return range((len(cc.raw) + cc.area_bytes) // BLOCK_BYTES)


def protect(link: Type5Link, plan: ProtectionPlan, keys: TagKeys | None) -> None:
    """Carry out the steps, each seen in force before the next, then prove the whole after a power-up.

    The message is read and checked once more first: nothing is locked that no reader could read.
    """
    chip = chip_by_uid(plan.uid)
    if plan.protection.is_none or chip is None:
        return
    link.reselect()
    before = read_memory(link, chip)
    _check_whole(plan, chip, before)
    if plan.protection.password:
        check_can_protect(link, chip, plan.steps)
    if plan.protection.lock is Lock.PERMANENT and is_password_protected(link, chip):
        open_for_writing(link, chip, keys)
    try:
        for step in plan.steps:
            if step.unit == "block":
                _write(link, plan, step)
            elif step.unit == "lock":
                _lock(link, plan, step.at)
            elif keys is not None:
                take_password_step(link, chip, step, keys)
        _prove(link, plan, chip, before, keys)
    except TagRefused as refused:  # it would say that nothing was done
        if not plan.steps:
            raise
        raise TagWriteFailed(
            f"after blocks or passwords were changed: {refused.message}",
            action="do not ship this tag; protect it again",
            chip=plan.uid.hex(),
            chip_type=plan.chip_name,
            refusal=refused.code,
            tag_state="unknown",
        ) from refused


def _check_whole(plan: ProtectionPlan, chip: Type5Chip, memory: bytes) -> Cc:
    try:
        cc, content = judge(memory, chip)
    except ValueError as error:
        raise _incomplete(plan.uid, chip, "its CC contradicts the chip") from error
    if cc is None or content.state is not ContentState.MESSAGE:
        raise _incomplete(plan.uid, chip, content.reason)
    return cc


def _write(link: Type5Link, plan: ProtectionPlan, step: ProtectionStep) -> None:
    if link.read(step.at) == step.data:
        return
    link.write(step.at, step.data)
    got = link.read(step.at)
    if got != step.data:
        raise _lock_failed(plan, step.at, f"{step.purpose}: it does not read back", step.data.hex(), got.hex())


def _lock(link: Type5Link, plan: ProtectionPlan, block: int) -> None:
    if _is_locked(link, block):
        return
    write_command(link, _LOCK_BLOCK, bytes((block,)))
    if not _is_locked(link, block):
        raise _lock_failed(plan, block, f"block {block} was locked, and its security status does not say so")


def _is_locked(link: Type5Link, block: int) -> bool:
    return bool(ask(link, BLOCK_STATUS, bytes((block, 0)), 1)[0] & 0x01)


def _prove(link: Type5Link, plan: ProtectionPlan, chip: Type5Chip, before: bytes, keys: TagKeys | None) -> None:
    """See one write refused, and the memory read as before but for the CC."""
    link.reselect()
    memory = read_memory(link, chip)
    cc = _check_whole(plan, chip, memory)
    permanent = plan.protection.lock is Lock.PERMANENT
    if permanent:
        open_blocks = sorted(set(_area_blocks(cc)) - locked_blocks(link, chip))
        if open_blocks or cc.writable:
            raise _lock_failed(plan, (open_blocks or [CC_BLOCK])[0], "not all of the tag is locked")
    _see_write_refused(link, plan, _area_blocks(cc)[-1], memory)
    after = read_memory(link, chip)
    if after != memory or after[len(cc.raw) :] != before[len(cc.raw) :]:
        raise _lock_failed(plan, CC_BLOCK, "the tag does not read as it did before it was protected")
    if plan.protection.password:
        if not is_password_protected(link, chip):
            raise password_failed(link, chip, "the chip does not ask for its password")
        open_for_writing(link, chip, keys)
        link.reselect()


def _see_write_refused(link: Type5Link, plan: ProtectionPlan, block: int, memory: bytes) -> None:
    """Offer the last block of the data area other bytes. What it holds then decides, not what the reader says:
    some report a write as failed that was made, and one as made that was refused."""
    held = memory[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]
    try:
        link.write(block, bytes(octet ^ 0xFF for octet in held))
    except (TagNak, TagLost):
        _LOG.debug("%s: block %d refuses a write", plan.uid.hex(), block)
    link.reselect()
    if link.read(block) != held:
        link.write(block, held)  # it can be written, so it is put back
        raise _lock_failed(plan, block, "a protected block took a write")


def _incomplete(uid: bytes, chip: Type5Chip, reason: str) -> Exception:
    return refusal(
        uid,
        "tag-not-complete",
        f"a tag without a whole message is never locked ({reason or 'its message is empty'})",
        "write the tag, then protect it",
        chip_type=chip.name,
    )


def _lock_failed(
    plan: ProtectionPlan, block: int, message: str, wanted: str | None = None, got: str | None = None
) -> TagWriteFailed:
    return TagWriteFailed(
        message,
        code="lock-failed",
        action="do not ship this tag; protect it again",
        chip=plan.uid.hex(),
        chip_type=plan.chip_name,
        block=block,
        wanted=wanted,
        got=got,
        tag_state="written",
    )
