"""Password and permanent lock of ST25TA chips.

Commands (ST data sheets of the family: SRTAG2KL DocID026583 rev 2 sections 5.7 and 5.8, M24SR02 DocID025386 rev 10,
which agree): VERIFY 20h, CHANGE REFERENCE DATA 24h, ENABLE VERIFICATION REQUIREMENT 28h, and with CLA A2h ENABLE
PERMANENT STATE 28h; P2 02h is the write password. The chip itself keeps the access byte of the CC: 00h free, 80h
password, FFh never. FFh cannot be taken back.

Passwords have 16 bytes, all zero as delivered. Three may be tried in one session, any number after a new selection:
none is ever dead. So a chip whose run was stopped is asked which of its two possible passwords it has.
"""

from __future__ import annotations

from typing import Final

from dpptag.errors import DeviceError, TagError, TagNak, TagRefused, TagWriteFailed
from dpptag.links.nfc import ApduLink, Technology
from dpptag.tags.protection import Lock, Protection, ProtectionPlan, ProtectionStep, TagKeys
from dpptag.tags.tag import ContentState, refusal
from dpptag.tags.type4_apdu import (
    Status,
    checked,
    exchange,
    read_binary,
    refused,
    select_application,
    select_file,
    update_apdu,
)
from dpptag.tags.type4_cc import FREE, NEVER
from dpptag.tags.type4_identify import identify
from dpptag.tags.type4_tag import LENGTH_BYTES, Type4Tag

PURPOSE: Final = "st25ta-write"
DELIVERED: Final = bytes(16)
LOCKED: Final = 0x80
"""Access byte of the CC: the password first."""
_WRITE: Final = b"\x00\x02"
_WRONG: Final = 0x63C0
_PASSWORD: Final = "password"  # noqa: S105  the unit of a step
_STATE: Final = "state"


def plan_protection(tag: Type4Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    """The steps that are still missing on ``tag`` as read. Raises TagRefused.

    Whether the password is ours cannot be read: so it is among the steps until the chip is locked for ever.
    """
    if protection.sun:
        raise _refused(tag, "tag-no-sun", "has no key to sign what it sends", "take an NTAG 424 DNA for SUN")
    if protection.is_none:
        return ProtectionPlan(Technology.TYPE4, tag.uid, tag.chip_name, protection, ())
    steps = _missing(tag, protection)
    derivation = None
    if protection.password:
        if keys is None:
            raise _refused(tag, "tag-no-keys", "cannot get a password without a master key", "name the master key")
        derivation = keys.derivation(tag.uid, (PURPOSE,))
    return ProtectionPlan(Technology.TYPE4, tag.uid, tag.chip_name, protection, tuple(steps), derivation)


def _missing(tag: Type4Tag, protection: Protection) -> list[ProtectionStep]:
    if tag.content.state is not ContentState.MESSAGE or tag.container is None:
        reason = tag.content.reason or "its message is empty"
        raise _refused(tag, "tag-not-complete", f"holds no whole message: {reason}", "write it first, then protect it")
    access = tag.container.write_access
    locks = protection.lock is Lock.PERMANENT
    if access == NEVER:
        if locks:
            return []  # a password has nothing left to protect, and can no longer be set
        raise _refused(tag, "tag-locked", "is locked for ever", "take another tag")
    if access not in (FREE, LOCKED):
        raise _refused(tag, "tag-settings", f"has write access {access:02x}, which is not known", "take another tag")
    if access == LOCKED and not protection.password:
        raise _refused(
            tag,
            "tag-password",
            "asks for a password to write",
            "ask for the password and the lock together, with the master key that the password comes from",
        )
    steps = []
    if protection.password:
        steps.append(ProtectionStep(_PASSWORD, 2, b"", f"write password derived as {PURPOSE}", secret=True))
        if access == FREE:
            steps.append(ProtectionStep(_STATE, 2, bytes((LOCKED,)), "writing asks for the password"))
    if locks:
        steps.append(ProtectionStep(_STATE, 2, bytes((NEVER,)), "never written by anybody", irreversible=True))
    return steps


def protect(link: ApduLink, tag: Type4Tag, plan: ProtectionPlan, keys: TagKeys | None) -> None:
    """Carry out what ``tag``, just read, lacks of the plan; read each step back; then prove the whole."""
    steps = _missing(tag, plan.protection)
    shown = {(step.unit, step.data) for step in plan.steps}
    if any((step.unit, step.data) not in shown for step in steps):
        raise _refused(tag, "tag-changed", "is not as it was when the protection was planned", "plan it again")
    password = DELIVERED
    if plan.protection.password:
        if keys is None:
            raise _refused(tag, "tag-no-keys", "cannot get a password without a master key", "name the master key")
        password = keys.key(tag.uid, PURPOSE)
    changed = False
    try:
        for step in steps:
            if step.unit == _PASSWORD:
                if _has_delivered_password(link, tag, password):
                    changed = True
                    _set_password(link, tag, password)
            else:
                _open(link, tag)
                if not _verify(link, password):
                    raise _wrong(tag)
                cla = b"\xa2" if step.data[0] == NEVER else b"\x00"
                changed = True
                checked(link, f"the change to state {step.data[0]:02X}h", cla + b"\x28" + _WRITE)
            _check_access(link, tag, step)
        _prove(link, tag, NEVER if plan.protection.lock is Lock.PERMANENT else LOCKED)
    except (TagError, DeviceError) as error:
        if not changed:
            raise
        error.facts["tag_state"] = "unknown"
        if isinstance(error, TagRefused):  # that would say that nothing was done
            raise _failed(tag, f"after password or rights were changed: {error.message}", refusal=error.code) from error
        raise


def _open(link: ApduLink, tag: Type4Tag) -> None:
    """Select anew: the passwords shown before are forgotten, and their tries counted anew."""
    link.reselect()
    status = select_application(link)
    if status != Status.OK:
        raise refused(link, "selecting the NDEF application", status)
    assert tag.container is not None
    select_file(link, tag.container.file)


def _verify(link: ApduLink, password: bytes) -> bool:
    """VERIFY with the write password: whether it is the chip's."""
    apdu = b"\x00\x20" + _WRITE + bytes((len(password),)) + password
    status = exchange(link, apdu, secret=True)[1]
    if status & 0xFFF0 == _WRONG:
        return False
    if status != Status.OK:
        raise refused(link, "the write password", status)
    return True


def _has_delivered_password(link: ApduLink, tag: Type4Tag, password: bytes) -> bool:
    """False where the chip has the derived one already; the right one is then verified. Raises TagRefused."""
    _open(link, tag)
    if _verify(link, password):
        return False
    if not _verify(link, DELIVERED):
        raise _wrong(tag)
    return True


def _set_password(link: ApduLink, tag: Type4Tag, password: bytes) -> None:
    """From the delivered one, which was verified; then show the new one to a new session."""
    apdu = b"\x00\x24" + _WRITE + bytes((len(password),)) + password
    checked(link, "the new write password", apdu, secret=True)
    _open(link, tag)
    if not _verify(link, password):
        raise _failed(tag, "the write password does not read back")


def _wrong(tag: Type4Tag) -> TagRefused:
    return _refused(
        tag,
        "tag-wrong-key",
        "has a write password that is neither the delivered one nor derived from this master key",
        "find the master key under which it was made, or set it aside",
    )


def _check_access(link: ApduLink, tag: Type4Tag, step: ProtectionStep) -> None:
    if step.unit == _STATE:
        link.reselect()
        container = identify(link).container
        if container is None or container.write_access != step.data[0]:
            got = "none" if container is None else f"{container.write_access:02x}"
            raise _failed(tag, "the CC does not show the new state", wanted=step.data.hex(), got=got)


def _prove(link: ApduLink, tag: Type4Tag, access: int) -> None:
    """Field off and on; a write without the password is refused and leaves the bytes as they are."""
    link.reselect()
    fresh = identify(link)
    if fresh.container is None or fresh.container.write_access != access or fresh.ndef != tag.ndef:
        raise _failed(tag, "the tag does not read back as it was protected")
    _open(link, tag)
    before = read_binary(link, 0, LENGTH_BYTES)
    try:
        checked(link, "a write without the password", update_apdu(0, before))
    except TagNak:
        _open(link, tag)
        if read_binary(link, 0, LENGTH_BYTES) == before:
            return
        raise _failed(tag, "the file changed under a refused write") from None
    raise _failed(tag, "the file takes a write without the password")


def _refused(tag: Type4Tag, code: str, what: str, action: str) -> TagRefused:
    return refusal(tag.uid, code, f"this {tag.chip_name} {what}", action, chip_type=tag.chip_name)


def _failed(tag: Type4Tag, message: str, **facts: str) -> TagWriteFailed:
    return TagWriteFailed(
        message,
        action="do not ship this tag; protect it again",
        chip=tag.uid.hex(),
        chip_type=tag.chip_name,
        tag_state="unknown",
        **facts,
    )
