"""Keys and locks of DESFire EV1, EV2 and EV3 as NDEF tags: what is planned, and why it is a lock.

The files of a DESFire can be made read-only, but whoever has the card's own key deletes their application and makes it
anew, and a card is delivered with a key that everybody knows. So nothing is locked without the password:

- **password**: the card's own key becomes an AES key derived for this chip, and the card's settings then ask for it
  before an application is created or deleted. The key of the NDEF application is derived too; NDEF file and CC are
  written, their settings changed, files created and deleted with it alone. Reading stays free, the CC tells phones not
  to write. Keys and settings can still be changed: whoever can derive the keys can take all of it back.
- **lock permanent**, with the password alone: Write, ReadWrite and Change of NDEF file and CC become "never", and the
  key and the settings of the application are frozen. What is left is to delete files or the whole application with
  the keys that only the master key gives.

Order: card key, card settings, application key, CC byte, files, settings of the application; proved before the first
step that is for ever. Each step can be found on the chip without a key, so that a run that was stopped is finished by
the next: a derived key has version 01h, set in the same command as the key, so no authentication is spent on guessing.
Keys come from the master key alone: none is ever set that could not be derived again.

Limits: the card must be as delivered or as this program left it, with the NDEF application as its only one, at
000001h, with one AES key, as formatting makes it. An application with DES keys (AN11004's on EV1) cannot get an AES
key and is refused. The new keys travel enciphered under keys that everybody knows: set them where nobody listens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from dpptag.links.nfc import Technology
from dpptag.tags.desfire_card import FORMATTED, FROZEN, GUARDED, OPEN, DesfireCard
from dpptag.tags.ntag424_settings import FREE, NEVER, FileSettings, access_rights
from dpptag.tags.protection import Lock, Protection, ProtectionPlan, ProtectionStep, TagKeys
from dpptag.tags.tag import ContentState
from dpptag.tags.type4_cc import NEVER as CC_NEVER
from dpptag.tags.type4_cc import WRITE_ACCESS_AT, parse_cc
from dpptag.tags.type4_format import (
    APPLICATION,
    APPLICATION_KEYS,
    CC_NUMBER,
    FORMATTED_BYTES,
    FORMATTED_CC,
    FORMATTED_RIGHTS,
    NDEF_FILE,
    NDEF_NUMBER,
)
from dpptag.tags.type4_tag import Type4Tag, refused_tag

CARD_PURPOSE: Final = "desfire-picc"
APPLICATION_PURPOSE: Final = "desfire-ndef"
DELIVERED_VERSION: Final = 0x00
DERIVED_VERSION: Final = 0x01
"""Set with every derived key: GetKeyVersion, which needs no key, then tells which of the two a chip has."""

CARD_KEY: Final = "card key"
CARD_SETTINGS: Final = "card settings"
KEY: Final = "key"
KEY_SETTINGS: Final = "key settings"
CC_BYTE: Final = "CC byte"
FILE: Final = "file"

OPEN_TO_KEY0: Final = access_rights(read=FREE, write=0, read_write=0, change=0)
LOCKED: Final = access_rights(read=FREE, write=NEVER, read_write=NEVER, change=NEVER)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the chip shall have in the end beside its two derived keys. ``settings``: of the NDEF application."""

    settings: int
    ndef: FileSettings
    cc: FileSettings
    cc_access: int


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a tag must tell before it can be protected."""

    card: DesfireCard
    ndef: FileSettings
    cc: FileSettings
    cc_access: int


def plan_protection(tag: Type4Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    """The steps that are still missing on ``tag`` as read; none where it has all of it. Raises TagRefused."""
    if protection.is_none:
        return ProtectionPlan(Technology.TYPE4, tag.uid, tag.chip_name, protection, ())
    wanted = wanted_of(tag, protection)
    if keys is None:
        raise refused_tag(tag, "tag-no-keys", "cannot get keys without a master key", "name the master key")
    derivation = keys.derivation(tag.uid, (CARD_PURPOSE, APPLICATION_PURPOSE))
    steps = tuple(missing_steps(tag, wanted))
    return ProtectionPlan(Technology.TYPE4, tag.uid, tag.chip_name, protection, steps, derivation)


def wanted_of(tag: Type4Tag, protection: Protection) -> Wanted:
    """Checks all that can be known to stop the work. Raises TagRefused."""
    if protection.sun:
        raise refused_tag(tag, "tag-no-sun", "has no key to sign what it sends", "take an NTAG 424 DNA for SUN")
    if not protection.password:
        raise refused_tag(
            tag,
            "tag-no-protection",
            "cannot be locked by its files alone: the card's master key, which everybody knows as delivered, deletes "
            "whole applications",
            "ask for the password and the lock together, with a tag master key",
        )
    parts = _parts(tag)
    _refuse_foreign(tag, parts)
    locks = protection.lock is Lock.PERMANENT
    rights = LOCKED if locks else OPEN_TO_KEY0
    wanted = Wanted(
        FROZEN if locks else GUARDED, replace(parts.ndef, rights=rights), replace(parts.cc, rights=rights), CC_NEVER
    )
    _refuse_impossible(tag, parts, wanted)
    return wanted


def _parts(tag: Type4Tag) -> _Parts:
    """Of a tag that is not formatted yet: as formatting will make it."""
    if tag.content.state is not ContentState.MESSAGE:
        reason = tag.content.reason or "its message is empty"
        raise refused_tag(
            tag, "tag-not-complete", f"holds no whole message: {reason}", "write it first, then protect it"
        )
    card = tag.card
    if card is not None and tag.missing is not None:
        card = replace(card, identifiers=card.identifiers or APPLICATION, application=card.application or FORMATTED)
        ndef = FileSettings(0, FORMATTED_RIGHTS, FORMATTED_BYTES)
        return _Parts(card, ndef, replace(ndef, size=len(FORMATTED_CC)), parse_cc(FORMATTED_CC).write_access)
    if card is None or tag.settings is None or tag.cc_settings is None or tag.container is None:
        raise refused_tag(tag, "tag-foreign", "does not tell its keys and settings without a key", "take another tag")
    if tag.container.file != NDEF_FILE:
        raise refused_tag(tag, "tag-foreign", "has its message in another file than E104h", "take another tag")
    return _Parts(card, tag.settings, tag.cc_settings, tag.container.write_access)


def _refuse_foreign(tag: Type4Tag, parts: _Parts) -> None:
    """A card that is more than our tag belongs to somebody else too: its key is not ours to change."""
    if parts.card.identifiers != APPLICATION:
        raise refused_tag(
            tag,
            "tag-foreign",
            f"carries applications that are not ours ({parts.card.identifiers.hex()})",
            "take a blank card",
        )
    application = parts.card.application
    if application is None or application.keys != APPLICATION_KEYS:
        raise refused_tag(
            tag,
            "tag-foreign",
            "has an NDEF application without exactly one AES key",
            "take a blank card, which this program formats with one",
        )


def _refuse_impossible(tag: Type4Tag, parts: _Parts, wanted: Wanted) -> None:
    card, application = parts.card.card, parts.card.application
    assert application is not None
    for what, version in (("card key", card.version), ("key 0", application.version)):
        if version not in (DELIVERED_VERSION, DERIVED_VERSION):
            raise refused_tag(
                tag,
                "tag-key-unknown",
                f"has a {what} of version {version:02x}, which this program never sets",
                "take another tag, or set its keys back with the program that set them",
            )
    if card.settings not in (OPEN, GUARDED):
        raise refused_tag(
            tag,
            "tag-settings",
            f"has card settings {card.settings:02x}, neither delivered nor ours",
            "take another tag",
        )
    if application.settings not in (OPEN, GUARDED, wanted.settings):
        raise refused_tag(
            tag,
            "tag-locked" if application.settings == FROZEN else "tag-settings",
            f"has an NDEF application whose settings {application.settings:02x} cannot be changed as asked",
            "take another tag",
        )
    for name, now, then in (("NDEF", parts.ndef, wanted.ndef), ("CC", parts.cc, wanted.cc)):
        if not now.is_plain or FREE not in (now.read, now.read_write):
            raise refused_tag(tag, "tag-settings", f"has a {name} file that is not free to read", "take another tag")
        if now != then and now.change not in (0, FREE):
            raise refused_tag(
                tag,
                "tag-locked" if now.change == NEVER else "tag-settings",
                f"has a {name} file whose settings key 0 cannot change (rights {now.rights.hex()})",
                "take another tag",
            )
    writable = {0, FREE} & {parts.cc.write, parts.cc.read_write}
    if parts.cc_access != wanted.cc_access and not writable:
        raise refused_tag(tag, "tag-locked", "has a CC that key 0 cannot write", "take another tag")


def missing_steps(tag: Type4Tag, wanted: Wanted) -> list[ProtectionStep]:
    """What ``tag`` lacks, in the order of the work."""
    parts = _parts(tag)
    application = parts.card.application
    assert application is not None
    locks = wanted.ndef.is_never_written
    steps = []
    if parts.card.card.version == DELIVERED_VERSION:
        steps.append(ProtectionStep(CARD_KEY, 0, b"", f"the card's key derived as {CARD_PURPOSE}, AES", secret=True))
    if parts.card.card.settings != GUARDED:
        purpose = "creating and deleting applications asks for the card's key"
        steps.append(ProtectionStep(CARD_SETTINGS, 0, bytes((GUARDED,)), purpose))
    if application.version == DELIVERED_VERSION:
        steps.append(ProtectionStep(KEY, 0, b"", f"key 0 derived as {APPLICATION_PURPOSE}", secret=True))
    if parts.cc_access != wanted.cc_access:
        steps.append(ProtectionStep(CC_BYTE, WRITE_ACCESS_AT, bytes((wanted.cc_access,)), "tells phones: never write"))
    rule = "never written, never changed" if locks else "written with key 0 alone"
    for number, name, now, then in (
        (NDEF_NUMBER, "NDEF file", parts.ndef, wanted.ndef),
        (CC_NUMBER, "CC file", parts.cc, wanted.cc),
    ):
        if now != then:
            steps.append(ProtectionStep(FILE, number, then.to_change(), f"{name}: {rule}", irreversible=locks))
    if application.settings != wanted.settings:
        purpose = "creating and deleting files asks for key 0" + (", key and settings frozen" if locks else "")
        steps.append(ProtectionStep(KEY_SETTINGS, 0, bytes((wanted.settings,)), purpose, irreversible=locks))
    return steps
