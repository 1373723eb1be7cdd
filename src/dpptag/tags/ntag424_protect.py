"""Carry out what an NTAG 424 DNA lacks of a protection, read each step back, then prove the whole.

The order, and why a stop between any two commands is finished by the next run: dpptag.tags.ntag424.
"""

from __future__ import annotations

import os
import zlib
from typing import Final

from dpptag.codec.ndef import decode_message, expand_uri
from dpptag.errors import DeviceError, LinkError, NdefError, TagError, TagNak, TagRefused, TagWriteFailed
from dpptag.links.nfc import ApduLink
from dpptag.tags.ntag424 import (
    CC_NUMBER,
    DELIVERED_VERSION,
    DERIVED_VERSION,
    META_KEY,
    PURPOSES,
    Wanted,
    missing_steps,
    wanted_of,
)
from dpptag.tags.ntag424_channel import Ev2Channel, Mode, Random, authenticate
from dpptag.tags.ntag424_settings import parse_settings
from dpptag.tags.protection import ProtectionPlan, ProtectionStep, TagKeys
from dpptag.tags.sun import FILE_PURPOSE, META_PURPOSE, SunOutcome, check_sun, parse_sun
from dpptag.tags.type4_apdu import CC_FILE, Status, exchange, read_binary, select_application, select_file, update_apdu
from dpptag.tags.type4_identify import GET_FILE_SETTINGS, identify, key_version
from dpptag.tags.type4_tag import LENGTH_BYTES, Type4Tag, refused_tag

DELIVERED_KEY: Final = bytes(16)
_CHANGE_KEY: Final = 0xC4
_CHANGE_FILE_SETTINGS: Final = 0x5F
_WRITE_DATA: Final = 0x8D


def protect(
    link: ApduLink, tag: Type4Tag, plan: ProtectionPlan, keys: TagKeys | None, random: Random = os.urandom
) -> None:
    """Carry out what ``tag``, just read, lacks of the plan; read each step back; then prove the whole.

    At most one authentication fails, and ends the work. Nothing is done that the plan did not show.
    """
    wanted = wanted_of(tag, plan.protection)
    if wanted.keys and keys is None:
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
        _carry_out(work, link, tag, plan, wanted, steps, keys)
    except (TagError, DeviceError) as error:
        if not work.changed:
            raise
        error.facts["tag_state"] = "unknown"
        if isinstance(error, TagRefused):  # that would say that nothing was done
            raise _failed(tag, f"after keys or settings were changed: {error.message}", refusal=error.code) from error
        raise


def _carry_out(
    work: _Work,
    link: ApduLink,
    tag: Type4Tag,
    plan: ProtectionPlan,
    wanted: Wanted,
    steps: list[ProtectionStep],
    keys: TagKeys | None,
) -> None:
    for number in wanted.keys:
        if tag.key_versions[number] == DERIVED_VERSION:
            work.prove_key(number)  # before anything is done to a chip under another master key
    unproved = plan.protection.sun
    for step in steps:
        if unproved and step.irreversible:  # before the lock makes it final
            work.close()
            _prove_sun(link, tag, keys)
            unproved = False
        work.do(step)
    _prove(link, tag, wanted)
    if plan.protection.sun:
        _prove_sun(link, tag, keys)


class _Work:
    """The steps on one chip. The channel is that of key 0, opened when the first step needs it.

    ``changed``: a command was sent that may have changed the chip.
    """

    def __init__(self, link: ApduLink, tag: Type4Tag, keys: TagKeys | None, random: Random) -> None:
        self._link = link
        self._tag = tag
        self._keys = keys
        self._random = random
        self._versions = list(tag.key_versions)
        self._channel: Ev2Channel | None = None
        self.changed = False

    def close(self) -> None:
        """The next step authenticates anew."""
        self._channel = None

    def prove_key(self, number: int) -> None:
        """That the chip has the derived key: one authentication."""
        self.close()
        self._select()
        authenticate(self._link, number, self._derived(number), self._random)

    def do(self, step: ProtectionStep) -> None:
        if step.unit == "key":
            self._change_key(step.at)
        elif step.unit == "CC byte":
            self._write_cc(step.at, step.data)
        else:
            self._change_settings(step)

    def _derived(self, number: int) -> bytes:
        assert self._keys is not None
        return self._keys.key(b"" if number == META_KEY else self._tag.uid, PURPOSES[number])

    def _select(self) -> None:
        _select(self._link)

    def _open(self) -> Ev2Channel:
        """Authenticated with key 0: as delivered or derived, as its version says."""
        if self._channel is None:
            self._select()
            key = DELIVERED_KEY if self._versions[0] == DELIVERED_VERSION else self._derived(0)
            self._channel = authenticate(self._link, 0, key, self._random)
        return self._channel

    def _change_key(self, number: int) -> None:
        """Key and version in one command; read back by the version, and by an authentication before the work ends."""
        new = self._derived(number)
        data = change_key_data(new, DERIVED_VERSION, None if number == 0 else DELIVERED_KEY)
        channel = self._open()
        self.changed = True
        channel.send(f"setting key {number}", _CHANGE_KEY, bytes((number,)), data, ends=number == 0)
        self._channel = None
        self._select()
        version = key_version(self._link, number)
        if version != DERIVED_VERSION:
            raise _failed(self._tag, f"key {number} did not take its version", wanted="01", got=f"{version:02x}")
        self._versions[number] = version
        authenticate(self._link, number, new, self._random)
        self._select()

    def _write_cc(self, at: int, data: bytes) -> None:
        header = bytes((CC_NUMBER,)) + at.to_bytes(3, "little") + len(data).to_bytes(3, "little")
        channel = self._open()
        self.changed = True
        channel.send("writing the CC", _WRITE_DATA, header, data, mode=Mode.PLAIN)
        self._channel = None
        self._select()
        select_file(self._link, CC_FILE)
        got = read_binary(self._link, at, len(data))
        if got != data:
            raise _failed(self._tag, "the CC does not hold what was written to it", wanted=data.hex(), got=got.hex())

    def _change_settings(self, step: ProtectionStep) -> None:
        channel = self._open()
        self.changed = True
        header = bytes((step.at,))
        channel.send(f"changing the settings of file {step.at}", _CHANGE_FILE_SETTINGS, header, step.data)
        answer = channel.send(f"telling the settings of file {step.at}", GET_FILE_SETTINGS, header, mode=Mode.MAC)
        try:
            got = parse_settings(answer).to_change()
        except ValueError as error:
            raise _failed(self._tag, f"file {step.at} has settings that are none: {error}") from error
        if got != step.data:
            raise _failed(
                self._tag, f"file {step.at} has other settings than were set", wanted=step.data.hex(), got=got.hex()
            )


def change_key_data(new: bytes, version: int, old: bytes | None) -> bytes:
    """KeyData of ChangeKey (10.6.1). ``old`` is the key that is there now; None for the key of the session itself."""
    if old is None:
        return new + bytes((version,))
    mixed = bytes(a ^ b for a, b in zip(new, old, strict=True))
    # CRC-32 of IEEE 802.3 without the final complement, low byte first (AN12196)
    return mixed + bytes((version,)) + (zlib.crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little")


def _select(link: ApduLink) -> None:
    status = select_application(link)
    if status != Status.OK:
        raise TagNak(f"the chip refuses its NDEF application: {status:04X}", chip=link.uid.hex(), sw=f"{status:04x}")


def _prove(link: ApduLink, tag: Type4Tag, wanted: Wanted) -> None:
    """Field off and on; settings as wanted; a write without a key is refused and leaves the bytes as they are.

    What is written is what stands there already: were it taken, it would do no harm.
    """
    link.reselect()
    fresh = identify(link)
    if fresh.settings != wanted.ndef or fresh.cc_settings != wanted.cc or not fresh.holds(_file_of(tag)):
        raise _failed(tag, "the tag does not read back as it was protected")
    if fresh.container is None or fresh.container.write_access != wanted.cc_access:
        raise _failed(tag, "the CC does not read back as it was protected")
    files = [fresh.container.file] + ([CC_FILE] if wanted.cc.is_never_written else [])
    for file in files:
        _select(link)
        select_file(link, file)
        before = read_binary(link, 0, LENGTH_BYTES)
        status = exchange(link, update_apdu(0, before))[1]
        if status == Status.OK:
            raise _failed(tag, f"file {file:04X}h takes a write without a key", file=f"{file:04X}")
        _select(link)
        select_file(link, file)
        if read_binary(link, 0, LENGTH_BYTES) != before:
            raise _failed(tag, f"file {file:04X}h changed under a refused write", file=f"{file:04X}")


def _file_of(tag: Type4Tag) -> bytes:
    """The file as far as its message goes."""
    return tag.memory[: LENGTH_BYTES + len(tag.ndef or b"")]


def _prove_sun(link: ApduLink, tag: Type4Tag, keys: TagKeys | None) -> None:
    """Read the message as a phone does, and check what the chip mirrored into it. Costs one count of its counter."""
    assert keys is not None
    link.reselect()
    message = identify(link).ndef or b""
    if not message:
        raise _failed(tag, "the message is gone")
    try:
        link_text = expand_uri(decode_message(message)[0])
        mirrored = parse_sun(link_text[link_text.rfind("?") :])
    except (LinkError, NdefError) as error:
        raise _failed(tag, f"what the chip mirrors does not read: {error.message}") from error
    result = check_sun(mirrored, keys.key(b"", META_PURPOSE), lambda uid: keys.key(uid, FILE_PURPOSE))
    if result.outcome is not SunOutcome.VALID or result.uid != tag.uid:
        raise _failed(tag, f"what the chip mirrors does not verify: {result.reason or 'another UID'}")


def _failed(tag: Type4Tag, message: str, **facts: str) -> TagWriteFailed:
    return TagWriteFailed(
        message,
        action="do not ship this tag; protect it again",
        chip=tag.uid.hex(),
        chip_type=tag.chip_name,
        tag_state="unknown",
        **facts,
    )
