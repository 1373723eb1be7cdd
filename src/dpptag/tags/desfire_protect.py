"""Carry out what a DESFire lacks of a protection, read each step back, then prove the whole.

The order, and why a stop between any two commands is finished by the next run: dpptag.tags.desfire. Each change has a
session of its own; ChangeFileSettings goes plain where the right to change is free (libfreefare, NT4H2421Gx 10.7.1).
"""

from __future__ import annotations

import os
from typing import Final

from dpptag.errors import DeviceError, TagError, TagNak, TagRefused, TagWriteFailed
from dpptag.links.nfc import ApduLink
from dpptag.tags.desfire import (
    APPLICATION_PURPOSE,
    CARD_KEY,
    CARD_PURPOSE,
    CARD_SETTINGS,
    CC_BYTE,
    DELIVERED_VERSION,
    DERIVED_VERSION,
    FILE,
    KEY,
    Wanted,
    missing_steps,
    wanted_of,
)
from dpptag.tags.desfire_card import CARD, GUARDED, SELECT
from dpptag.tags.desfire_channel import AES_CARD_KEY, Ev1Channel, Random, authenticate_aes, authenticate_delivered
from dpptag.tags.ntag424_settings import FREE
from dpptag.tags.protection import ProtectionPlan, ProtectionStep, TagKeys
from dpptag.tags.type4_apdu import (
    CC_FILE,
    Status,
    exchange,
    native,
    read_binary,
    refused,
    select_application,
    select_file,
    update_apdu,
    update_binary,
)
from dpptag.tags.type4_format import APPLICATION, CC_NUMBER, NDEF_FILE, NDEF_NUMBER
from dpptag.tags.type4_identify import identify, key_version, read_settings
from dpptag.tags.type4_tag import LENGTH_BYTES, Type4Tag, refused_tag

_DELIVERED_KEY: Final = bytes(16)
_GET_KEY_SETTINGS: Final = 0x45
_CHANGE_KEY_SETTINGS: Final = 0x54
_CHANGE_FILE_SETTINGS: Final = 0x5F

# What nobody may do without a key. Were a creation taken, it would do no harm; a deletion would, to a tag that then is
# one that must not be shipped.
_ON_THE_CARD: Final = (
    ("create an application", 0xCA, bytes.fromhex("0200000F81")),
    ("delete the NDEF application", 0xDA, APPLICATION),
)
_IN_THE_APPLICATION: Final = (
    ("create a file", 0xCD, bytes.fromhex("0305E100EEEE100000")),
    ("delete the NDEF file", 0xDF, bytes((NDEF_NUMBER,))),
)
_REFUSALS: Final = (Status.AUTHENTICATION, Status.PERMISSION_DENIED)


def protect(
    link: ApduLink, tag: Type4Tag, plan: ProtectionPlan, keys: TagKeys | None, random: Random = os.urandom
) -> None:
    """Carry out what ``tag``, just read, lacks of the plan; read each step back; then prove the whole.

    At most one authentication fails, and ends the work. Nothing is done that the plan did not show.
    """
    wanted = wanted_of(tag, plan.protection)
    if keys is None:
        raise refused_tag(tag, "tag-no-keys", "cannot get keys without a master key", "name the master key")
    steps = missing_steps(tag, wanted)
    shown = {(step.unit, step.at, step.data) for step in plan.steps}
    if unseen := [step for step in steps if (step.unit, step.at, step.data) not in shown]:
        raise refused_tag(
            tag,
            "tag-changed",
            f"is not as it was when the protection was planned: now it lacks {unseen[0].purpose}",
            "plan the protection again",
        )
    work = _Work(link, tag, keys, random)
    try:
        work.prove_keys()
        proved = False
        for step in steps:
            if step.irreversible and not proved:
                _prove_refusals(link, tag, CARD, _ON_THE_CARD)
                proved = True
            work.do(step)
        _prove(link, tag, wanted)
    except (TagError, DeviceError) as error:
        if not work.changed:
            raise
        error.facts["tag_state"] = "unknown"
        if isinstance(error, TagRefused):  # that would say that nothing was done
            raise _failed(tag, f"after keys or settings were changed: {error.message}", refusal=error.code) from error
        raise


class _Work:
    """The steps on one chip. ``changed``: a command was sent that may have changed it."""

    def __init__(self, link: ApduLink, tag: Type4Tag, keys: TagKeys, random: Random) -> None:
        assert tag.card is not None
        assert tag.card.application is not None
        assert tag.cc_settings is not None
        self._link = link
        self._tag = tag
        self._random = random
        self._derived = {CARD: keys.key(tag.uid, CARD_PURPOSE), APPLICATION: keys.key(tag.uid, APPLICATION_PURPOSE)}
        self._versions = {CARD: tag.card.card.version, APPLICATION: tag.card.application.version}
        self._cc = tag.cc_settings
        self.changed = False

    def prove_keys(self) -> None:
        """That both keys are as their versions say, before anything is done to a chip under other keys."""
        self._open(CARD)
        self._open(APPLICATION)

    def do(self, step: ProtectionStep) -> None:
        if step.unit in (CARD_KEY, KEY):
            self._change_key(CARD if step.unit == CARD_KEY else APPLICATION)
        elif step.unit == CC_BYTE:
            self._write_cc(step.at, step.data)
        elif step.unit == FILE:
            self._change_file(step)
        else:
            self._change_settings(CARD if step.unit == CARD_SETTINGS else APPLICATION, step.data)

    def _open(self, place: bytes) -> Ev1Channel:
        """Authenticated with the key of the card or the application: as delivered or derived, as its version says."""
        what = f"an authentication with the key of {_name(place)}"
        _select(self._link, place)
        if self._versions[place] != DELIVERED_VERSION:
            return authenticate_aes(self._link, what, self._derived[place], self._random)
        if place == CARD:
            return authenticate_delivered(self._link, what, self._random)
        return authenticate_aes(self._link, what, _DELIVERED_KEY, self._random)

    def _change_key(self, place: bytes) -> None:
        """Key and version in one command; read back by the version and by an authentication."""
        number = AES_CARD_KEY if place == CARD else 0
        channel = self._open(place)
        self.changed = True
        channel.change_own_key(f"setting the key of {_name(place)}", number, self._derived[place], DERIVED_VERSION)
        _select(self._link, place)
        version = key_version(self._link, 0)
        if version != DERIVED_VERSION:
            raise _failed(self._tag, f"the key of {_name(place)} did not take its version", got=f"{version:02x}")
        self._versions[place] = version
        self._open(place)

    def _change_settings(self, place: bytes, data: bytes) -> None:
        channel = self._open(place)
        self.changed = True
        channel.enciphered(f"changing the key settings of {_name(place)}", _CHANGE_KEY_SETTINGS, b"", data)
        _select(self._link, place)
        got, status = native(self._link, _GET_KEY_SETTINGS)
        if status != Status.NATIVE_OK or got[:1] != data:
            raise _failed(
                self._tag, f"{_name(place)} has other key settings than were set", wanted=data.hex(), got=got.hex()
            )

    def _write_cc(self, at: int, data: bytes) -> None:
        if FREE in (self._cc.write, self._cc.read_write):
            _select_ndef(self._link)
            select_file(self._link, CC_FILE)
            self.changed = True
            update_binary(self._link, at, data)
        else:
            header = bytes((CC_NUMBER,)) + at.to_bytes(3, "little") + len(data).to_bytes(3, "little")
            channel = self._open(APPLICATION)
            self.changed = True
            channel.write_plain("writing the CC", header, data)
        _select_ndef(self._link)
        select_file(self._link, CC_FILE)
        got = read_binary(self._link, at, len(data))
        if got != data:
            raise _failed(self._tag, "the CC does not hold what was written to it", wanted=data.hex(), got=got.hex())

    def _change_file(self, step: ProtectionStep) -> None:
        what, header = f"changing the settings of file {step.at}", bytes((step.at,))
        now = self._tag.settings if step.at == NDEF_NUMBER else self._tag.cc_settings
        assert now is not None
        if now.change == FREE:
            _select(self._link, APPLICATION)
            self.changed = True
            status = native(self._link, _CHANGE_FILE_SETTINGS, header + step.data)[1]
            if status != Status.NATIVE_OK:
                raise refused(self._link, what, status)
        else:
            channel = self._open(APPLICATION)
            self.changed = True
            channel.enciphered(what, _CHANGE_FILE_SETTINGS, header, step.data)
        _select(self._link, APPLICATION)
        got = read_settings(self._link, step.at).to_change()
        if got != step.data:
            raise _failed(
                self._tag, f"file {step.at} has other settings than were set", wanted=step.data.hex(), got=got.hex()
            )


def _name(place: bytes) -> str:
    return "the card" if place == CARD else "the NDEF application"


def _select(link: ApduLink, place: bytes) -> None:
    """The card itself or the NDEF application, natively; whatever session there was ends."""
    status = native(link, SELECT, place)[1]
    if status != Status.NATIVE_OK:
        raise refused(link, f"selecting {_name(place)}", status)


def _select_ndef(link: ApduLink) -> None:
    status = select_application(link)
    if status != Status.OK:
        raise TagNak(f"the chip refuses its NDEF application: {status:04X}", chip=link.uid.hex(), sw=f"{status:04x}")


def _prove(link: ApduLink, tag: Type4Tag, wanted: Wanted) -> None:
    """Field off and on; what needs a key is refused without it; keys, settings and content are as wanted."""
    link.reselect()
    _prove_refusals(link, tag, CARD, _ON_THE_CARD)
    _prove_refusals(link, tag, APPLICATION, _IN_THE_APPLICATION)
    for file in (NDEF_FILE, CC_FILE):
        _prove_unwritable(link, tag, file)
    fresh = identify(link)
    card, content = fresh.card, tag.memory[: LENGTH_BYTES + len(tag.ndef or b"")]
    if card is None or card.application is None or card.identifiers != APPLICATION:
        raise _failed(tag, "the card does not tell its keys and settings any more")
    states = (card.card.settings, card.card.version, card.application.settings, card.application.version)
    if states != (GUARDED, DERIVED_VERSION, wanted.settings, DERIVED_VERSION):
        raise _failed(tag, "keys and their settings do not read back as they were set", got=bytes(states).hex())
    if fresh.settings != wanted.ndef or fresh.cc_settings != wanted.cc or not fresh.holds(content):
        raise _failed(tag, "the tag does not read back as it was protected")
    if fresh.container is None or fresh.container.write_access != wanted.cc_access:
        raise _failed(tag, "the CC does not read back as it was protected")


def _prove_refusals(link: ApduLink, tag: Type4Tag, place: bytes, commands: tuple[tuple[str, int, bytes], ...]) -> None:
    """Without a key each of these must be refused for want of one; any other refusal proves nothing."""
    for what, ins, data in commands:
        _select(link, place)
        status = native(link, ins, data)[1]
        if status not in _REFUSALS:
            raise _failed(tag, f"that nobody can {what} without a key is not proved", sw=f"{status:04x}")


def _prove_unwritable(link: ApduLink, tag: Type4Tag, file: int) -> None:
    """What is written is what stands there already: were it taken, it would do no harm."""
    _select_ndef(link)
    select_file(link, file)
    before = read_binary(link, 0, LENGTH_BYTES)
    if exchange(link, update_apdu(0, before))[1] == Status.OK:
        raise _failed(tag, f"file {file:04X}h takes a write without a key", file=f"{file:04X}")
    _select_ndef(link)
    select_file(link, file)
    if read_binary(link, 0, LENGTH_BYTES) != before:
        raise _failed(tag, f"file {file:04X}h changed under a refused write", file=f"{file:04X}")


def _failed(tag: Type4Tag, message: str, **facts: str) -> TagWriteFailed:
    return TagWriteFailed(
        message,
        action="do not ship this tag; protect it again",
        chip=tag.uid.hex(),
        chip_type=tag.chip_name,
        tag_state="unknown",
        **facts,
    )
