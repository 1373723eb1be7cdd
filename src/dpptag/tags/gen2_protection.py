"""Passwords and locks of Gen2 tags: planned, taken, and proved by writes that must be refused.

``password``: kill and access password, derived per chip, then EPC bank, user bank and both passwords locked: whoever
knows the access password can still write. ``permanent``: EPC and user bank are locked for ever, the passwords too;
where they are zero the chip can never be killed. A reversible lock with an access password of zero protects nothing,
for every reader then finds the chip in its secured state (Gen2 6.3.2.6): it is never made.

Gen2 offers no command that reads lock bits. That the reserved bank cannot be read is the sign that a chip was locked,
and the proof is a write of what the word holds already, so that a lock that is not in force costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dpptag.errors import TagLost, TagNak, TagRefused, TagWriteFailed
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, Gen2Link, LockAction, Refusal
from dpptag.links.nfc import Technology
from dpptag.model.identifiers import tid_serial_end
from dpptag.tags.gen2_access import TRIES, read_words, select_again, write_words
from dpptag.tags.gen2_memory import (
    ACCESS_WORD,
    EPC_WORD,
    KILL_WORD,
    PASSWORD_WORDS,
    WORD,
    Gen2Tag,
)
from dpptag.tags.protection import (
    PASSWORD_BYTES,
    Lock,
    Passwords,
    Protection,
    ProtectionPlan,
    ProtectionStep,
    TagKeys,
)
from dpptag.tags.tag import ContentState, refusal

_LOG: Final = logging.getLogger(__name__)

PURPOSE_ACCESS: Final = "gen2-access"
PURPOSE_KILL: Final = "gen2-kill"

NOT_IN_FORCE: Final = "lock-not-in-force"
"""Error code: a write that the lock should stop was accepted."""

_VAGUE_REFUSALS: Final = 2
"""So many refusals without a reason count as one: a single one may be noise."""

_ORDER: Final = (Area.KILL, Area.ACCESS, Area.EPC, Area.TID, Area.USER)
_ACTION_BITS: Final = {
    LockAction.OPEN: 0b00,
    LockAction.OPEN_FOREVER: 0b01,
    LockAction.LOCKED: 0b10,
    LockAction.LOCKED_FOREVER: 0b11,
}
_LOCK_UNIT: Final = "lock payload"
_PROOF_UNITS: Final = MappingProxyType({"EPC bank word": Bank.EPC, "USER bank word": Bank.USER})


def derive_passwords(uid: bytes, keys: TagKeys) -> Passwords:
    """Of each 16-byte key the first four bytes that are not zero, counted in steps of four."""
    return Passwords(kill=_of_key(keys.key(uid, PURPOSE_KILL)), access=_of_key(keys.key(uid, PURPOSE_ACCESS)))


def _of_key(key: bytes) -> bytes:
    parts = (key[at : at + PASSWORD_BYTES] for at in range(0, len(key), PASSWORD_BYTES))
    return next(part for part in parts if any(part))


def lock_actions(protection: Protection) -> Mapping[Area, LockAction]:
    action = LockAction.LOCKED_FOREVER if protection.lock is Lock.PERMANENT else LockAction.LOCKED
    return {area: action for area in _ORDER if area is not Area.TID}


def lock_payload(actions: Mapping[Area, LockAction]) -> bytes:
    """The 20 bits of Lock, mask then action, in three bytes (Gen2 6.3.2.12.3.5); modules have their own encodings."""
    mask = action = 0
    for area in _ORDER:
        chosen = actions.get(area)
        mask = mask << 2 | (0b11 if chosen else 0)
        action = action << 2 | (_ACTION_BITS[chosen] if chosen else 0)
    return (mask << 10 | action).to_bytes(3, "big")


# Planning


def plan_protection(tag: Gen2Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    """Passwords, lock, and the writes that prove it; pure. The plan is the same for a tag that has it all already.

    Raises TagRefused for what this chip does not offer, and for a tag that holds no whole message.
    """
    if protection.is_none:
        return ProtectionPlan(Technology.GEN2, tag.uid, tag.chip_name, protection, ())
    _refuse_unprotectable(tag, protection, keys)
    steps: list[ProtectionStep] = []
    derivation = None
    if protection.password and keys is not None:
        reserved = derive_passwords(tag.uid, keys).reserved
        steps.append(
            ProtectionStep(
                "RESERVED bank word", KILL_WORD, reserved, "kill and access password of this chip", secret=True
            )
        )
        derivation = keys.derivation(tag.uid, (PURPOSE_ACCESS, PURPOSE_KILL))
    permanent = protection.lock is Lock.PERMANENT
    steps.append(
        ProtectionStep(
            _LOCK_UNIT, 0, lock_payload(lock_actions(protection)), _lock_text(protection), irreversible=permanent
        )
    )
    for unit, bank in _PROOF_UNITS.items():
        word, data = _last_word(tag, bank)
        text = "proof: the same word, written even with the password, must be refused"
        if not protection.password:
            text = "proof: the same word, written again, must be refused"
        elif not permanent:
            text = "proof: the same word, written without the password, must be refused"
        steps.append(ProtectionStep(unit, word, data, text))
    return ProtectionPlan(Technology.GEN2, tag.uid, tag.chip_name, protection, tuple(steps), derivation)


def _lock_text(protection: Protection) -> str:
    if protection.lock is not Lock.PERMANENT:
        return "EPC bank, user bank and both passwords: locked, open to the access password"
    if protection.password:
        return "EPC bank and user bank: never written again; both passwords: never read or written again"
    return (
        "EPC bank and user bank: never written again; both passwords stay zero and are never read or written again: "
        "this chip can never be killed"
    )


def _last_word(tag: Gen2Tag, bank: Bank) -> tuple[int, bytes]:
    """Of the EPC or of the user bank: no commit stands there, should its write be cut off where no lock stops it."""
    data = tag.epc if bank is Bank.EPC else tag.user
    first = EPC_WORD if bank is Bank.EPC else 0
    return first + len(data) // WORD - 1, data[-WORD:]


def _refuse_unprotectable(tag: Gen2Tag, protection: Protection, keys: TagKeys | None) -> None:
    name = tag.chip_name
    if protection.sun:
        raise refusal(tag.uid, "tag-no-sun", f"a {name} has no SUN", "take an NTAG 424 DNA for SUN", chip_type=name)
    if not tag.chip.is_known:
        raise refusal(
            tag.uid,
            "tag-chip-unknown",
            f"this is an {name}: what its locks and passwords do is not known",
            "ask for no protection, or take a chip that `dpptag` lists",
            chip_type=name,
        )
    if not tag.chip.passwords:
        raise refusal(
            tag.uid,
            "tag-no-password",
            f"a {name} has no passwords",
            "ask for no protection, or take another chip",
            chip_type=name,
        )
    if tag.content.state is not ContentState.MESSAGE:
        raise refusal(
            tag.uid,
            "tag-not-complete",
            f"this {name} holds no whole message: {tag.content.reason or 'its user bank is empty'}",
            "write it first, then protect it",
            chip_type=name,
        )
    if tid_serial_end(tag.uid) is None:
        raise refusal(
            tag.uid,
            "chip-tid-unserialised",
            f"the TID of this {name} has no serial, or it was not read: its passwords would be those of all its kind",
            "try again, or use a chip with a serialised TID",
            chip_type=name,
        )
    if protection.password and keys is None:
        raise refusal(
            tag.uid, "tag-no-keys", "passwords are derived from a master key", "name the master key", chip_type=name
        )


# Doing


def protect(link: Gen2Link, plan: ProtectionPlan, keys: TagKeys | None) -> None:
    """Set the passwords, lock, prove. A tag that has it all is only proved; one that lacks a part gets the rest.

    A closed chip without a password of ours is locked once more: who locked it is not known, and a chip that somebody
    else's password opens refuses that; one that holds our lock for ever has nothing to change.
    Raises TagRefused where nothing was done, TagWriteFailed where a password does not read back or a lock is not in
    force, TagLost, TagNak, TagSwapped.
    """
    if not link.selects_by_tid:
        select_again(link)  # while somebody was asked, the tag may have been changed for another with its EPC
    work = _Work(link, plan, derive_passwords(plan.uid, keys) if plan.protection.password and keys else None)
    if work.is_open():
        work.lock_and_prove()
        return
    work.check_password()
    if work.may_be_a_strangers:
        work.lock_and_prove()
        return
    try:
        work.prove()
    except TagWriteFailed as error:
        if error.code != NOT_IN_FORCE:
            raise
        work.lock_and_prove()


class _Work:
    """One chip on its way to its protection."""

    def __init__(self, link: Gen2Link, plan: ProtectionPlan, passwords: Passwords | None) -> None:
        self._link = link
        self._plan = plan
        self._passwords = passwords
        self._access = NO_PASSWORD if passwords is None else passwords.access
        self._permanent = plan.protection.lock is Lock.PERMANENT
        self._is_taken = False
        """The chip acknowledged our lock in this run."""
        self.may_be_a_strangers = False
        """It was found closed, and there is no password to show that we did it."""

    def is_open(self) -> bool:
        """Whether the reserved bank can be read; it then holds our passwords, written now where they were missing."""
        wanted = bytes(2 * PASSWORD_BYTES) if self._passwords is None else self._passwords.reserved
        found = self._reserved()
        if found is None:
            self.may_be_a_strangers = self._passwords is None
            return False
        if found == wanted:
            return True
        if self._passwords is None:
            raise self._refused(
                "tag-password",
                "carries passwords that nobody here set: locked as it is, a stranger could kill it",
                "ask for the password too: it is then replaced by one of ours",
            )
        write_words(self._link, Bank.RESERVED, KILL_WORD, wanted, secret=True)
        if self._reserved() != wanted:
            raise self._failed("password-read-back", "the chip does not hold the passwords that were written to it")
        return True

    def _reserved(self, word: int = KILL_WORD, words: int = PASSWORD_WORDS) -> bytes | None:
        """Words of the reserved bank; None where the chip keeps them to itself, said twice if it does not say why."""
        for last in (False, True):
            try:
                return read_words(self._link, Bank.RESERVED, word, words, secret=True)
            except TagNak as nak:
                kind = nak.facts.get("error")
                if kind == Refusal.OVERRUN.value:
                    raise self._refused("tag-no-password", "has no passwords", "take another chip") from nak
                if last or kind == Refusal.LOCKED.value:
                    break
        return None

    def check_password(self) -> None:
        """The chip is closed: it must take our access password. Raises TagRefused where it does not."""
        if self._passwords is None:
            return
        for tries_left in reversed(range(TRIES)):
            try:
                read_words(self._link, Bank.EPC, EPC_WORD, 1, password=self._access)
                return
            except TagNak as nak:
                if not tries_left or nak.facts.get("error") == Refusal.PASSWORD.value:
                    raise self._refused(
                        "tag-password",
                        "is locked with a password that is not the one of this master key",
                        "name the master key that it was locked with, or take another tag",
                    ) from nak

    def lock_and_prove(self) -> None:
        """A lock whose answer was lost is repeated only once the proof has shown that it is not in force."""
        for tries_left in reversed(range(TRIES)):
            try:
                self._link.lock(lock_actions(self._plan.protection), password=self._access)
                self._is_taken = True
            except TagLost:
                select_again(self._link)
            except TagNak as nak:
                if nak.facts.get("error") in (Refusal.PASSWORD.value, Refusal.LOCKED.value, Refusal.UNSUPPORTED.value):
                    nak.facts.setdefault("tag_state", "unknown")
                    raise
            try:
                self.prove()
            except TagWriteFailed as error:
                if error.code != NOT_IN_FORCE or not tries_left:
                    raise
            else:
                return

    def prove(self) -> None:
        """1: no bank can be written; 2: each holds what it held; 3: neither password can be read.

        A module that cannot tell a lock from too little power is believed only where a write with the password goes
        through; of a permanent lock no write can show that, there the chip must have acknowledged it in this run.
        """
        certain = not self.may_be_a_strangers
        for step in self._plan.steps:
            bank = _PROOF_UNITS.get(step.unit)
            if bank is None:
                continue
            if not self._is_refused(bank, step.at, step.data):
                certain = certain and not self._permanent
                if self._passwords is not None and not self._permanent:
                    self._write_with_password(bank, step.at, step.data)
            if read_words(self._link, bank, step.at, 1) != step.data:
                raise self._failed(
                    "lock-read-back",
                    f"{bank.name} bank word {step.at} is not what it was before the lock was tried",
                    bank=bank.name,
                    word=step.at,
                )
        for word in (ACCESS_WORD, KILL_WORD):
            if self._reserved(word, PASSWORD_WORDS // 2) is not None:
                raise self._failed(
                    NOT_IN_FORCE, "a password can still be read by anybody", bank=Bank.RESERVED.name, word=word
                )
        if not certain and not self._is_taken:
            raise self._failed(NOT_IN_FORCE, "the chip did not acknowledge that it is locked for ever")

    def _is_refused(self, bank: Bank, word: int, data: bytes) -> bool:
        """Write what the word holds: True for an answer that names a lock, False for two refusals that name nothing.

        A lock for ever is tried with the password: only then a refusal tells it from a lock that the password opens.
        Raises TagWriteFailed where the write was accepted.
        """
        password = self._access if self._permanent else NO_PASSWORD
        vague = 0
        for tries_left in reversed(range(TRIES)):
            try:
                self._link.write(bank, word, data, password=password, expect_refusal=True)
            except TagNak as nak:
                kind = nak.facts.get("error")
                if kind == Refusal.LOCKED.value:
                    return True
                if kind not in (Refusal.WRITE_FAILED.value, Refusal.OTHER.value) and (
                    not tries_left or kind != Refusal.LOW_POWER.value
                ):
                    raise
                vague += kind != Refusal.LOW_POWER.value
            except TagLost as lost:
                if not tries_left:
                    raise
                select_again(self._link)
                vague += lost.facts.get("answered") is not False  # the module spoke: no tag, or a damaged answer
            else:
                break
            if vague == _VAGUE_REFUSALS:
                return False
        raise self._failed(
            NOT_IN_FORCE, f"the {bank.name} bank can still be written by anybody", bank=bank.name, word=word
        )

    def _write_with_password(self, bank: Bank, word: int, data: bytes) -> None:
        """What was refused without the password must be acknowledged with it; reading tells nothing of equal words."""
        for tries_left in reversed(range(TRIES)):
            try:
                self._link.write(bank, word, data, password=self._access)
                return
            except TagLost:
                if not tries_left:
                    raise
                select_again(self._link)
            except TagNak as nak:
                if not tries_left or nak.facts.get("error") == Refusal.PASSWORD.value:
                    raise

    def _refused(self, code: str, text: str, action: str) -> TagRefused:
        name = self._plan.chip_name
        return refusal(self._plan.uid, code, f"this {name} {text}", action, chip_type=name)

    def _failed(self, code: str, message: str, **facts: str | int) -> TagWriteFailed:
        return TagWriteFailed(
            message,
            code=code,
            action="lay the tag on the antenna again; if it stays so, do not ship it",
            chip=self._plan.uid.hex(),
            chip_type=self._plan.chip_name,
            tag_state="unknown",
            **facts,
        )
