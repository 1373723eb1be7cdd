"""Passwords and permanent locks of NFC Forum Type 2 chips: planned from the tag as read, each step read back, proved.

The password (PWD and PACK) is put against writing from page 3 on: user memory, the dynamic lock bits and the
configuration, and the CC too, whose bits a stranger could otherwise set for ever with any phone. Reading stays free.
AUTH0 is written last, and not before the chip has answered the new PWD with the new PACK, so that a password nobody
knows never comes into force (NTAG213_215_216 rev 3.2, 8.8; the order does not depend on when AUTH0 takes effect).
AUTHLIM and CFGLCK are never set. The password goes over the air in clear: it stops accidents and phone apps.

The lock sets, in this order, the page bits of the dynamic lock bytes (every RFUI bit 0), the static lock bits of pages
4 to 15, the access byte of the CC to read-only, and the lock bit of the CC. Block-lock bits are never set: alone, they
would freeze pages writable for ever. Lock bits are OR-ed by the chip, so writing them again is harmless.
"""

from __future__ import annotations

from typing import Final

from dpptag.errors import TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.links.nfc import Technology, Type2Link
from dpptag.tags.protection import Lock, Protection, ProtectionPlan, ProtectionStep, TagKeys
from dpptag.tags.tag import ContentState, refusal
from dpptag.tags.type2_chips import ChipType
from dpptag.tags.type2_identify import identify, read_configuration, read_dynamic_lock
from dpptag.tags.type2_memory import BLANK_CC, CC_PAGE, FIRST_PAGE, LOCK_PAGE, PAGE_BYTES, ToldBy, Type2Tag

PURPOSE: Final = "type2-password"
"""What the key of a chip is derived for: 4 bytes of it are PWD, the next 2 PACK."""

FIRST_PROTECTED: Final = CC_PAGE
"""AUTH0."""

_PROT: Final = 0x80  # CFG1 ACCESS b7: the password is asked for reading too
_CFGLCK: Final = 0x40  # b6: the configuration can never be written again
_AUTHLIM: Final = 0x07  # b2-b0: so many wrong passwords close the chip for good
_MIRROR_BITS: Final = 0xC0  # CFG0 byte 0 b7-b6
_READ_ONLY: Final = 0x0F  # T2T 2.3: CC byte 3, low nibble
_CC_LOCK: Final = 0x0008  # static lock bytes, bit 3
_PAGE_LOCKS: Final = 0xFFF0  # bits 4 to 15 lock pages 4 to 15
_NAK_DAMAGED: Final = 1  # parity or CRC: the command was damaged on its way, which is no verdict on it
_STATIC_BLOCKS: Final = ((0x0001, 0x0008), (0x0002, 0x03F0), (0x0004, 0xFC00))
"""Block-lock bit, and the static lock bits that it freezes (NTAG213_215_216 8.5.2)."""


def plan_protection(tag: Type2Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    """The steps that are still missing on ``tag`` as read; none where it has all of it. Raises TagRefused."""
    if protection.sun:
        raise _refused(tag, "tag-no-sun", "has no key to sign what it sends", "take an NTAG 424 DNA for SUN")
    if protection.is_none:
        return ProtectionPlan(Technology.TYPE2, tag.uid, tag.chip.name, protection, ())
    if tag.content.state is not ContentState.MESSAGE:
        reason = tag.content.reason or "its message is empty"
        raise _refused(tag, "tag-not-complete", f"holds no whole message: {reason}", "write it first, then protect it")
    steps: list[ProtectionStep] = []
    derivation = None
    if protection.password:
        if keys is None:
            raise _refused(tag, "tag-no-keys", "cannot get a password without a master key", "name the master key")
        steps += _password_steps(tag, keys)
        derivation = keys.derivation(tag.uid, (PURPOSE,))
    if protection.lock is Lock.PERMANENT:
        locks = _lock_steps(tag)
        if locks and _has_password(tag) and not protection.password:
            raise _refused(
                tag,
                "tag-password",
                f"asks for a password from page {tag.auth0} on",
                "ask for the password and the lock together, with the master key that the password comes from",
                auth0=tag.auth0,
            )
        steps += locks
    return ProtectionPlan(Technology.TYPE2, tag.uid, tag.chip.name, protection, tuple(steps), derivation)


def protect(link: Type2Link, plan: ProtectionPlan, keys: TagKeys | None) -> None:
    """Carry out the plan on the tag that it was made for, as that tag is now; then prove it.

    The tag is read again first: steps done meanwhile are left out, and nothing is done that the plan did not show.
    At most one wrong password is sent.
    """
    if link.uid != plan.uid:
        raise TagSwapped(
            "another chip stands where the planned one stood",
            action="put the planned tag back",
            wanted=plan.uid.hex(),
            got=link.uid.hex(),
            tag_state="untouched",
        )
    if plan.protection.is_none:
        return
    tag = identify(link)
    if plan.protection.password and not link.passes_commands:
        raise _no_password_command(tag)
    now = plan_protection(tag, plan.protection, keys)
    if not set(now.steps) <= set(plan.steps):
        raise _refused(tag, "tag-changed", "is no longer as it was when this was planned", "plan it again")
    writer = _Writer(link, tag, keys)
    if plan.protection.password:
        writer.set_password([step for step in now.steps if not step.irreversible])
    if plan.protection.lock is Lock.PERMANENT:
        writer.set_locks([step for step in now.steps if step.irreversible], password=plan.protection.password)


# Planning


def _has_password(tag: Type2Tag) -> bool:
    return tag.chip.configuration is not None and tag.auth0 < tag.chip.page_count


def _password_steps(tag: Type2Tag, keys: TagKeys) -> list[ProtectionStep]:
    cfg0_page = tag.chip.configuration
    if cfg0_page is None:
        raise _refused(tag, "tag-no-password", "has no password", "take an NTAG21x, or ask for the lock alone")
    if tag.told_by is ToldBy.PAGES:
        raise _no_password_command(tag)
    cfg0, cfg1 = tag.configuration[:PAGE_BYTES], tag.configuration[PAGE_BYTES:]
    if cfg1[0] & _AUTHLIM:
        raise _refused(
            tag,
            "tag-authlim",
            f"closes for good after wrong passwords (AUTHLIM {cfg1[0] & _AUTHLIM})",
            "take another tag",
            access=f"{cfg1[0]:02x}",
        )
    wanted0 = cfg0[:3] + bytes((FIRST_PROTECTED,))
    purpose0 = f"CFG0: AUTH0 = {FIRST_PROTECTED:02X}h, the password is in force from this page on"
    if tag.mirror:  # what we write never is mirrored: the bits were left by a write of this page that stopped inside it
        wanted0 = bytes((cfg0[0] & ~_MIRROR_BITS, cfg0[1], 0, FIRST_PROTECTED))
        purpose0 += "; mirror off"
    wanted1 = bytes((cfg1[0] & ~_PROT,)) + cfg1[1:]
    steps = []
    if not _has_password(tag):  # else PWD and PACK are there already, and protect() proves that they are ours
        pwd, pack = _secrets(tag.uid, keys)
        steps.append(ProtectionStep("page", cfg0_page + 2, pwd, "PWD, the password", secret=True))
        steps.append(ProtectionStep("page", cfg0_page + 3, pack + bytes(2), "PACK, its acknowledge", secret=True))
    if cfg1 != wanted1:
        steps.append(ProtectionStep("page", cfg0_page + 1, wanted1, "CFG1: the password is asked for writing alone"))
    if cfg0 != wanted0:
        steps.append(ProtectionStep("page", cfg0_page, wanted0, purpose0))
    if steps and cfg1[0] & _CFGLCK:
        raise _refused(tag, "tag-config-locked", "has a configuration that is locked for ever", "take another tag")
    return steps


def _lock_steps(tag: Type2Tag) -> list[ProtectionStep]:
    chip = tag.chip
    if not chip.settled_lock:
        raise _refused(
            tag,
            "tag-no-lock",
            "has no lock that is for ever: its I2C side can clear the bits again",
            "ask for a password, or take another chip",
        )
    _refuse_frozen(tag)
    cc = chip.cc if tag.cc == BLANK_CC else tag.cc  # blank: planned for what formatting will make of the tag
    access = cc[3]
    if access & ~_READ_ONLY:
        raise _refused(tag, "tag-cc-access", f"has a CC with proprietary access ({access:02x})", "take another tag")
    if CC_PAGE in tag.locked and access != _READ_ONLY:
        raise _refused(tag, "tag-cc-locked", "has a locked CC that says it is free to write", "take another tag")
    static = int.from_bytes(tag.static_lock, "little")
    steps = []
    if chip.dynamic_lock is not None:
        mask = chip.dynamic_lock.mask
        if mask & ~int.from_bytes(tag.dynamic_lock, "little"):
            last = chip.last_user_page
            steps.append(
                _lock_step(chip.dynamic_lock.page, mask.to_bytes(4, "little"), f"lock bits of pages 16 to {last}")
            )
    if _PAGE_LOCKS & ~static:
        steps.append(_lock_step(LOCK_PAGE, _static(_PAGE_LOCKS), "lock bits of pages 4 to 15"))
    if access != _READ_ONLY:
        steps.append(_lock_step(CC_PAGE, cc[:3] + bytes((_READ_ONLY,)), "CC: read only"))
    if _CC_LOCK & ~static:
        steps.append(_lock_step(LOCK_PAGE, _static(_CC_LOCK), "lock bit of page 3, the CC"))
    return steps


def _refuse_frozen(tag: Type2Tag) -> None:
    """A page bit that a block-lock bit froze open can never be set. Raises TagRefused."""
    static = int.from_bytes(tag.static_lock, "little")
    frozen = any(static & block and ~static & bits for block, bits in _STATIC_BLOCKS)
    if tag.chip.dynamic_lock is not None:
        frozen = frozen or bool(tag.chip.dynamic_lock.frozen(int.from_bytes(tag.dynamic_lock, "little")))
    if frozen:
        raise _refused(
            tag,
            "tag-lock-frozen",
            "has block-lock bits that keep some of its pages writable for ever",
            "take another tag",
            static_lock=tag.static_lock.hex(),
            dynamic_lock=tag.dynamic_lock.hex(),
        )


def _lock_step(page: int, data: bytes, purpose: str) -> ProtectionStep:
    return ProtectionStep("page", page, data, purpose, irreversible=True)


def _static(bits: int) -> bytes:
    """Page 2 as it is sent: bytes 0 and 1 are not writable, the lock bytes are OR-ed."""
    return bytes(2) + bits.to_bytes(2, "little")


def _secrets(uid: bytes, keys: TagKeys) -> tuple[bytes, bytes]:
    """PWD (4 bytes) and PACK (2 bytes) of this chip."""
    key = keys.key(uid, PURPOSE)
    return key[:4], key[4:6]


def _no_password_command(tag: Type2Tag) -> TagRefused:
    return _refused(
        tag,
        "tag-no-password",
        "stands on a reader that passes no password command, so its password could be written but never proved",
        "use a reader that passes tag commands, or ask for the lock alone",
    )


def _refused(tag: Type2Tag, code: str, what: str, action: str, **facts: str | int | bool | None) -> TagRefused:
    return refusal(tag.uid, code, f"this {tag.chip.name} {what}", action, chip_type=tag.chip.name, **facts)


# Carrying out


class _Writer:
    """One run on one tag."""

    def __init__(self, link: Type2Link, tag: Type2Tag, keys: TagKeys | None) -> None:
        self._link = link
        self._tag = tag
        self._keys = keys
        self._cc = tag.cc

    def set_password(self, steps: list[ProtectionStep]) -> None:
        """PWD and PACK, then the configuration, AUTH0 last; ends authenticated."""
        secrets = [step for step in steps if step.secret]
        for step in secrets:
            self._link.write(step.at, step.data, secret=True)
        if secrets:
            self._link.reselect()
        self._authenticate(just_written=bool(secrets))
        for step in steps:
            if not step.secret:
                self._link.write(step.at, step.data)
                self._compare(step, read_configuration(self._link, self._tag.chip))
        self._link.reselect()
        self._prove_refused("the password is not in force")
        self._authenticate(just_written=True)

    def set_locks(self, steps: list[ProtectionStep], *, password: bool) -> None:
        """The lock bits, each read back; then all of them after the field was off, and one write refused."""
        for step in steps:
            self._link.write(step.at, step.data)
            self._compare_lock(step)
        self._link.reselect()
        self._prove_locked()
        self._cc = self._tag.cc[:3] + bytes((_READ_ONLY,))
        if password:
            self._authenticate(just_written=True)  # without it the password would refuse the write, not the lock
        self._prove_refused("the lock is not in force")

    def _authenticate(self, *, just_written: bool) -> None:
        """PWD_AUTH, once, and the PACK compared. Raises TagRefused where the password is another's, TagWriteFailed
        where it should be the one just written."""
        assert self._keys is not None
        pwd, pack = _secrets(self._tag.uid, self._keys)
        try:
            answer = self._link.authenticate(pwd)
        except TagNak as error:
            if error.facts.get("nak") == _NAK_DAMAGED:
                raise
            self._link.reselect()
            raise self._not_ours(just_written=just_written) from error
        if answer != pack:
            raise self._not_ours(just_written=just_written)

    def _not_ours(self, *, just_written: bool) -> TagRefused | TagWriteFailed:
        if just_written:
            return self._failed("the chip does not keep the password that was written to it", None)
        return _refused(
            self._tag,
            "tag-password",
            "has a password that does not come from this master key",
            "use the master key that it was protected with; no second password was tried",
        )

    def _compare(self, step: ProtectionStep, configuration: bytes) -> None:
        cfg0_page = self._tag.chip.configuration
        assert cfg0_page is not None
        at = PAGE_BYTES * (step.at - cfg0_page)
        got = configuration[at : at + PAGE_BYTES]
        if got != step.data:
            raise self._failed(f"page {step.at} does not hold what was written to it", step.at, step.data, got)

    def _compare_lock(self, step: ProtectionStep) -> None:
        """Every bit that was sent is set; others may be, as lock bits and CC are OR-ed."""
        if step.at == LOCK_PAGE:
            got = bytes(2) + self._link.read(LOCK_PAGE)[2:PAGE_BYTES]
        else:
            got = self._link.read(step.at)[:PAGE_BYTES]
        if any(sent & ~kept for sent, kept in zip(step.data, got, strict=True)):
            raise self._failed(f"page {step.at} does not hold what was written to it", step.at, step.data, got)

    def _prove_locked(self) -> None:
        """All lock bits are set, and the CC says so: read anew, whatever was written in this run."""
        chip: ChipType = self._tag.chip
        head = self._link.read(LOCK_PAGE)
        static = int.from_bytes(head[2:4], "little")
        missing = (_PAGE_LOCKS | _CC_LOCK) & ~static
        if missing or head[4:8] != self._tag.cc[:3] + bytes((_READ_ONLY,)):
            raise self._failed("the static lock bits or the CC are not as locked", LOCK_PAGE, None, head[:8])
        if chip.dynamic_lock is not None:
            dynamic = read_dynamic_lock(self._link, chip)
            if chip.dynamic_lock.mask & ~int.from_bytes(dynamic, "little"):
                raise self._failed("the dynamic lock bits are not all set", chip.dynamic_lock.page, None, dynamic)

    def _prove_refused(self, why: str) -> None:
        """One write is refused, and nothing has changed. Leaves the chip selected.

        The bytes sent differ from those that are there, for some readers tell a refused write from a made one by
        reading. Were it accepted, it would spoil nothing: it goes behind the message, or sends no bits to the CC.
        """
        page, kept, sent = self._probe
        try:
            self._link.write(page, sent)
        except TagNak as error:
            if error.facts.get("nak") == _NAK_DAMAGED:
                raise
            self._link.reselect()
        else:
            if page != CC_PAGE:
                self._link.write(page, kept)
            raise self._failed(f"{why}: a write was accepted", page)
        got = self._link.read(page)[:PAGE_BYTES]
        if got != kept:
            raise self._failed("a refused write has changed the tag", page, kept, got)

    @property
    def _probe(self) -> tuple[int, bytes, bytes]:
        """Page, what it holds, and what is sent to it: the last of the data area where the message ends before it,
        else the CC, which the chip ORs with what is sent (it then holds what the lock has made of it)."""
        tag = self._tag
        page = tag.chip.last_area_page
        message = tag.content.ndef or b""
        end = tag.memory.rindex(message) + len(message) + 1  # and the terminator
        if PAGE_BYTES * (page - FIRST_PAGE) >= end:
            kept = tag.page(page)
            return page, kept, bytes(byte ^ 0xFF for byte in kept)
        return CC_PAGE, self._cc, bytes(PAGE_BYTES)

    def _failed(
        self, message: str, page: int | None, wanted: bytes | None = None, got: bytes | None = None
    ) -> TagWriteFailed:
        return TagWriteFailed(
            message,
            action="run the command again; if it fails again, set this tag aside",
            chip_type=self._tag.chip.name,
            chip=self._tag.uid.hex(),
            page=page,
            wanted=wanted.hex() if wanted is not None else None,
            got=got.hex() if got is not None else None,
            tag_state="written-unverified",
        )
