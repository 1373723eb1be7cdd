"""Keys, locks and SUN of the NTAG 424 DNA: what is planned, how it is carried out, how it is proved.

What is set (NT4H2421Gx 8.2.3, 10.6, 10.7):

- **password**: key 0, derived for this chip. The NDEF file is then written, and its settings changed, with key 0
  alone; reading stays free.
- **sun**: key 1 decrypts UID and counter (common to all chips under the master key: dpptag.tags.sun), key 2 makes the
  MAC, and key 0 is set too: whoever has key 0 as delivered could set the other two anew. The message must end its URI
  with ``?e=<32 hex>&c=<16 hex>``; the offsets are those of the file as it was read from the chip.
- **lock permanent**: Write, ReadWrite and Change of the NDEF file and of the CC file become "never", and the CC says
  so to phones. Both files: a CC that can be written could point to another file. Key 0 as delivered still lets anybody
  switch the chip to random UIDs; a password beside the lock stops that.

Order: keys 1 and 2, key 0, settings that can still be changed (with SUN proved by reading the message), then the lock.
Each step can be found on the chip, so that a run that was stopped is finished by the next: a key that is not as
delivered has version 01h, set in the same command as the key, so no authentication is spent on guessing. Keys come
from the master key alone: none is ever set that could not be derived again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from dpptag.codec.ndef import decode_message
from dpptag.links.nfc import Technology
from dpptag.tags.ntag424_settings import FREE, NEVER, SDM, FileSettings, access_rights, sdm_block
from dpptag.tags.protection import Lock, Protection, ProtectionPlan, ProtectionStep, TagKeys
from dpptag.tags.sun import FILE_PURPOSE, META_PURPOSE
from dpptag.tags.tag import ContentState
from dpptag.tags.type4_cc import NEVER as CC_NEVER
from dpptag.tags.type4_cc import WRITE_ACCESS_AT
from dpptag.tags.type4_tag import LENGTH_BYTES, Type4Tag, refused_tag

KEY0_PURPOSE: Final = "ntag424-key0"
PURPOSES: Final = {0: KEY0_PURPOSE, 1: META_PURPOSE, 2: FILE_PURPOSE}
META_KEY: Final = 1
FILE_KEY: Final = 2
DELIVERED_VERSION: Final = 0x00
DERIVED_VERSION: Final = 0x01
"""Set with every derived key: GetKeyVersion, which needs no key, then tells which of the two a chip has."""

CC_NUMBER: Final = 1
NDEF_NUMBER: Final = 2
_URI_TYPE: Final = b"U"
_PICC_PART: Final = b"?e="
_MAC_PART: Final = b"&c="
_PICC_CHARACTERS: Final = 32
_MAC_CHARACTERS: Final = 16

OPEN_TO_KEY0: Final = access_rights(read=FREE, write=0, read_write=0, change=0)
LOCKED: Final = access_rights(read=FREE, write=NEVER, read_write=NEVER, change=NEVER)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the chip shall have in the end; ``ndef_before``: settings of the NDEF file before the lock, None where
    they are the last."""

    keys: tuple[int, ...]
    ndef_before: FileSettings | None
    ndef: FileSettings
    cc: FileSettings
    cc_access: int


def plan_protection(tag: Type4Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    """The steps that are still missing on ``tag`` as read; none where it has all of it. Raises TagRefused."""
    if protection.is_none:
        return ProtectionPlan(Technology.TYPE4, tag.uid, tag.chip_name, protection, ())
    wanted = wanted_of(tag, protection)
    derivation = None
    if wanted.keys:
        if keys is None:
            raise refused_tag(tag, "tag-no-keys", "cannot get keys without a master key", "name the master key")
        derivation = keys.derivation(tag.uid, tuple(PURPOSES[number] for number in wanted.keys if number != META_KEY))
        if META_KEY in wanted.keys:
            derivation += "; " + keys.derivation(b"", (META_PURPOSE,))
    return ProtectionPlan(
        Technology.TYPE4, tag.uid, tag.chip_name, protection, tuple(missing_steps(tag, wanted)), derivation
    )


def wanted_of(tag: Type4Tag, protection: Protection) -> Wanted:
    """Checks all that can be known to stop the work. Raises TagRefused."""
    if tag.settings is None or tag.cc_settings is None or tag.container is None:
        raise refused_tag(tag, "tag-foreign", f"cannot be protected: {tag.content.reason}", "take another tag")
    if tag.content.state is not ContentState.MESSAGE:
        reason = tag.content.reason or "its message is empty"
        raise refused_tag(
            tag, "tag-not-complete", f"holds no whole message: {reason}", "write it first, then protect it"
        )
    locks = protection.lock is Lock.PERMANENT
    keyed = protection.password or protection.sun
    ndef, cc = tag.settings, tag.cc_settings
    if not ndef.is_plain or FREE not in (ndef.read, ndef.read_write):
        raise refused_tag(tag, "tag-settings", "has an NDEF file that is not free to read", "take another tag")
    if protection.sun:
        ndef = replace(ndef, option=SDM, sdm=_sdm_for(tag))
    elif ndef.sdm and not ndef.is_never_written:
        # Left as it is where it is asked for no more: only its keys could tell whether it is ours.
        raise refused_tag(
            tag, "tag-mirror", "mirrors values into its message already", "ask for SUN, or take another tag"
        )
    before = None
    if keyed:
        before = replace(ndef, rights=OPEN_TO_KEY0)
    if locks:
        wanted = Wanted(_keys(protection), before, replace(ndef, rights=LOCKED), replace(cc, rights=LOCKED), CC_NEVER)
    else:
        assert before is not None
        wanted = Wanted(_keys(protection), None, before, cc, tag.container.write_access)
    _refuse_impossible(tag, wanted)
    return wanted


def _keys(protection: Protection) -> tuple[int, ...]:
    """In the order in which they are set: key 0, with which the others are set, last."""
    if protection.sun:
        return (META_KEY, FILE_KEY, 0)
    return (0,) if protection.password else ()


def _refuse_impossible(tag: Type4Tag, wanted: Wanted) -> None:
    assert tag.settings is not None
    assert tag.cc_settings is not None
    for number in {0, *wanted.keys}:
        if tag.key_versions[number] not in (DELIVERED_VERSION, DERIVED_VERSION):
            raise refused_tag(
                tag,
                "tag-key-unknown",
                f"has a key {number} of version {tag.key_versions[number]:02x}, which this program never sets",
                "take another tag, or set its keys back with the program that set them",
            )
    if 0 not in wanted.keys and _needs_key0(tag, wanted) and tag.key_versions[0] != DELIVERED_VERSION:
        raise refused_tag(
            tag,
            "tag-password",
            "has a key 0 of its own",
            "ask for the password and the lock together, with the master key that its keys come from",
        )
    for name, now, then in (("NDEF", tag.settings, wanted.ndef), ("CC", tag.cc_settings, wanted.cc)):
        if now != then and now.change != 0:
            raise refused_tag(
                tag,
                "tag-locked" if now.change == NEVER else "tag-settings",
                f"has a {name} file whose settings key 0 cannot change (rights {now.rights.hex()})",
                "take another tag",
            )
    writes_cc = tag.container is not None and tag.container.write_access != wanted.cc_access
    if writes_cc and (0 not in (tag.cc_settings.write, tag.cc_settings.read_write) or not tag.cc_settings.is_plain):
        raise refused_tag(tag, "tag-locked", "has a CC that key 0 cannot write", "take another tag")


def _needs_key0(tag: Type4Tag, wanted: Wanted) -> bool:
    return tag.settings != wanted.ndef or tag.cc_settings != wanted.cc


def missing_steps(tag: Type4Tag, wanted: Wanted) -> list[ProtectionStep]:
    """What ``tag`` lacks, in the order of the work."""
    assert tag.settings is not None
    assert tag.cc_settings is not None
    assert tag.container is not None
    steps = [
        ProtectionStep("key", number, b"", f"key {number} derived as {PURPOSES[number]}", secret=True)
        for number in wanted.keys
        if tag.key_versions[number] == DELIVERED_VERSION
    ]
    if wanted.ndef_before is not None and tag.settings not in (wanted.ndef_before, wanted.ndef):
        steps.append(_settings_step(NDEF_NUMBER, wanted.ndef_before, "NDEF file: written with key 0 alone"))
    if tag.container.write_access != wanted.cc_access:
        data = bytes((wanted.cc_access,))
        steps.append(ProtectionStep("CC byte", WRITE_ACCESS_AT, data, "tells phones: never write", irreversible=False))
    if tag.cc_settings != wanted.cc:
        steps.append(_settings_step(CC_NUMBER, wanted.cc, "CC file: never written, never changed"))
    if tag.settings != wanted.ndef and wanted.ndef.is_never_written:
        steps.append(_settings_step(NDEF_NUMBER, wanted.ndef, "NDEF file: never written, never changed"))
    elif tag.settings != wanted.ndef:
        steps.append(_settings_step(NDEF_NUMBER, wanted.ndef, "NDEF file: written with key 0 alone"))
    return steps


def _settings_step(number: int, settings: FileSettings, purpose: str) -> ProtectionStep:
    mirrored = ", mirrors UID, counter and MAC" if settings.sdm else ""
    return ProtectionStep(
        "file", number, settings.to_change(), purpose + mirrored, irreversible=settings.is_never_written
    )


def _sdm_for(tag: Type4Tag) -> bytes:
    """SDM for the places that the first record, a URI, ends with; offsets count from the start of the file."""
    message = tag.ndef or b""
    record = decode_message(message)[0]
    end = message.index(record.payload) + len(record.payload)
    mac_at = end - _MAC_CHARACTERS
    picc_at = mac_at - len(_MAC_PART) - _PICC_CHARACTERS
    fits = (
        record.type == _URI_TYPE
        and picc_at > 0
        and message[mac_at - len(_MAC_PART) : mac_at] == _MAC_PART
        and message[picc_at - len(_PICC_PART) : picc_at] == _PICC_PART
        and _is_hex(message[picc_at : picc_at + _PICC_CHARACTERS] + message[mac_at:end])
    )
    if not fits:
        raise refused_tag(
            tag,
            "tag-no-sun-place",
            "holds a link without places for what the chip mirrors",
            "write a message whose link ends with ?e= and 32 zeros, then &c= and 16 zeros",
        )
    return sdm_block(meta_key=META_KEY, file_key=FILE_KEY, picc_at=LENGTH_BYTES + picc_at, mac_at=LENGTH_BYTES + mac_at)


def _is_hex(text: bytes) -> bool:
    return all(char in b"0123456789abcdefABCDEF" for char in text)
