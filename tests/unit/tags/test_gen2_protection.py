"""Passwords, locks and kill of Gen2 tags: taken once, proved each time."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dpptag import tags
from dpptag.errors import DpptagError, TagError, TagLost, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.links.gen2 import (
    NO_PASSWORD,
    Area,
    Bank,
    Gen2Link,
    Gen2Reader,
    LockAction,
    Refusal,
    Sighting,
)
from dpptag.tags import POLICIES, Gen2Tag, Passwords, Protection, cannot_protect, kill_chip
from dpptag.tags.gen2_protection import NOT_IN_FORCE, lock_actions, lock_payload
from dpptag.tags.key_derivation import DerivedKeys
from tests.unit.tags.gen2_rig import (
    EPC,
    KEYS,
    STATEMENT,
    Recorded,
    content,
    field,
    linked,
    module,
    opened,
    opened_impatient,
    stored,
)

FAMILIES = ("m100", "mercury", "a0", "uhfreader18", "uhfreader288")
LOCKING = ("password", "permanent", "permanent-and-password")


def written(link: Gen2Link, tag: Gen2Tag, policy: str) -> Gen2Tag:
    passwords = tags.derive_passwords(tag.uid, KEYS) if POLICIES[policy].password else None
    tags.write_and_verify(link, tag, content(), passwords=passwords)
    found = tags.identify(link)
    assert isinstance(found, Gen2Tag)
    return found


def protect(link: Gen2Link, tag: Gen2Tag, policy: str) -> None:
    tags.protect(link, tags.plan_protection(tag, POLICIES[policy], KEYS), KEYS)


class Lockless(Recorded):
    """A module that acknowledges a lock and does not carry it out for some areas."""

    deaf: frozenset[Area] = frozenset()

    def lock(self, actions: Mapping[Area, LockAction], *, password: bytes = NO_PASSWORD) -> int:
        self._note("lock")
        heard = {area: action for area, action in actions.items() if area not in self.deaf}
        return self._link.lock(heard, password=password) if heard else 1


@pytest.mark.parametrize("policy", LOCKING)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_policy_is_in_force_and_doing_it_again_only_proves_it(family: str, policy: str) -> None:
    with field(family=family) as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, policy)
        protect(link, tag, policy)
        recorded = Recorded(link, sim)
        protect(recorded, tag, policy)
        # A lock for ever that is shown by no password, or refused without a reason, is shown by taking it once more.
        vague = policy == "permanent-and-password" and family in ("mercury", "a0")
        again = [call for call in recorded.calls if call[0] == "lock"]
        assert len(again) == (policy == "permanent" or vague)
        access = tags.derive_passwords(tag.uid, KEYS).access if POLICIES[policy].password else NO_PASSWORD
        for bank in (Bank.EPC, Bank.USER):
            with pytest.raises(TagNak):
                link.write(bank, 2, b"\xff\xff", expect_refusal=True)
            if policy == "password":
                link.write(bank, 2, link.read(bank, 2, 1), password=access)
            else:
                with pytest.raises(TagNak):
                    link.write(bank, 2, b"\xff\xff", password=access, expect_refusal=True)
        with pytest.raises(TagNak):
            link.read(Bank.RESERVED, 0, 4)
        assert tags.identify(link).message == tag.message


def test_a_fresh_tag_is_locked_by_eight_commands() -> None:
    with field() as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        recorded = Recorded(link, sim)
        before = sim.host_commands
        protect(recorded, tag, "password")
        assert recorded.calls == [
            ("read", Bank.RESERVED, 0, 4),  # ours
            ("lock", None, 0, 0),
            ("write", Bank.EPC, 7, 1),  # refused
            ("read", Bank.EPC, 7, 1),
            ("write", Bank.USER, 42, 1),  # refused
            ("read", Bank.USER, 42, 1),
            ("read", Bank.RESERVED, 2, 2),  # refused
            ("read", Bank.RESERVED, 0, 2),  # refused
        ]
        assert sim.host_commands - before == 8


def test_passwords_that_the_write_did_not_set_are_set_and_read_back_before_the_lock() -> None:
    with field() as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "open")
        recorded = Recorded(link, sim)
        protect(recorded, tag, "password")
        assert [call[:3] for call in recorded.calls[:4]] == [
            ("read", Bank.RESERVED, 0),
            ("write", Bank.RESERVED, 0),
            ("read", Bank.RESERVED, 0),
            ("lock", None, 0),
        ]


class Unwilling(Recorded):
    """A chip that acknowledges its passwords and keeps one bit of them otherwise."""

    def write(self, bank: Bank, word: int, data: bytes, **options: Any) -> None:
        kept = bytes((data[0] ^ 0x80,)) + data[1:] if bank is Bank.RESERVED else data
        super().write(bank, word, kept, **options)


def test_passwords_that_do_not_read_back_are_never_locked() -> None:
    with field() as (sim, reader):
        link, tag = linked(reader)
        unwilling = Unwilling(link, sim)
        tag = written(unwilling, tag, "password")
        with pytest.raises(TagWriteFailed) as failed:
            protect(unwilling, tag, "password")
        assert failed.value.code == "password-read-back"
        assert not [call for call in unwilling.calls if call[0] == "lock"]
        passwords = tags.derive_passwords(tag.uid, KEYS)
        assert passwords.access.hex() not in str(vars(failed.value))
        protect(link, tag, "password")  # and a chip that does keep them is locked


@pytest.mark.parametrize("family", ["m100", "mercury", "a0"])
@pytest.mark.parametrize("area", [Area.EPC, Area.USER, Area.ACCESS, Area.KILL])
def test_a_lock_that_is_acknowledged_and_not_in_force_is_found(family: str, area: Area) -> None:
    with field(family=family) as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        deaf = Lockless(link, sim)
        deaf.deaf = frozenset({area})
        with pytest.raises(TagWriteFailed) as failed:
            protect(deaf, tag, "password")
        assert failed.value.code == NOT_IN_FORCE
        assert tags.identify(link).message == tag.message, "the proof writes what the word holds"
        protect(link, tag, "password")  # and a module that does lock finishes it


def test_a_password_lock_is_not_taken_for_a_permanent_one() -> None:
    with field() as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        protect(link, tag, "password")
        deaf = Lockless(link, sim)
        deaf.deaf = frozenset(Area)
        with pytest.raises(TagWriteFailed) as failed:
            protect(deaf, tag, "permanent-and-password")
        assert failed.value.code == NOT_IN_FORCE


@pytest.mark.parametrize("family", FAMILIES)
def test_a_strangers_lock_is_not_taken_for_one_for_ever(family: str) -> None:
    with field(family=family) as (_, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "open")
        strange = b"\x05\x06\x07\x08"
        link.write(Bank.RESERVED, 0, b"\x01\x02\x03\x04" + strange, secret=True)
        link.lock(lock_actions(POLICIES["password"]), password=strange)
        with pytest.raises(TagError):
            protect(link, tag, "permanent")
        link.write(Bank.USER, 2, b"\xff\xff", password=strange)


class Weak(Recorded):
    """A module that reads, and from ``lock`` on has too little power for all but the areas that it locks first."""

    first: frozenset[Area] = frozenset()

    def write(self, *_: object, **__: object) -> None:
        raise TagNak("the write failed", error=Refusal.WRITE_FAILED.value)

    def lock(self, actions: Mapping[Area, LockAction], *, password: bytes = NO_PASSWORD) -> int:
        if heard := {area: action for area, action in actions.items() if area in self.first}:
            self._link.lock(heard, password=password)
        raise TagNak("the lock failed", error=Refusal.OTHER.value)


@pytest.mark.parametrize(
    ("before", "first"), [("password", frozenset[Area]()), ("open", frozenset({Area.KILL, Area.ACCESS}))]
)
def test_too_little_power_is_not_taken_for_a_lock_for_ever(before: str, first: frozenset[Area]) -> None:
    with field(family="a0") as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "permanent-and-password")
        protect(link, tag, before)
        weak = Weak(link, sim)
        weak.first = first
        with pytest.raises(TagWriteFailed) as failed:
            protect(weak, tag, "permanent-and-password")
        assert failed.value.code == NOT_IN_FORCE


@pytest.mark.parametrize("family", ["m100", "mercury", "a0"])
def test_a_module_with_coarse_errors_must_show_that_the_password_opens(family: str) -> None:
    with field("tags=Higgs-9&seed=1&errors=coarse", family) as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        recorded = Recorded(link, sim)
        protect(recorded, tag, "password")
        assert [call for call in recorded.calls if call[:2] == ("write", Bank.EPC)] == [("write", Bank.EPC, 7, 1)] * 3
        link.write(Bank.RESERVED, 2, b"\x01\x02\x03\x04", password=tags.derive_passwords(tag.uid, KEYS).access)
        with pytest.raises(TagError):
            protect(link, tag, "password")


def test_another_master_key_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with module(f"state={state}&tags=Higgs-9&seed=1") as sim, opened(sim) as reader:
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        protect(link, tag, "password")
        before = state.read_bytes()
        other = DerivedKeys(bytes(16))
        with pytest.raises(TagRefused) as refused:
            tags.protect(link, tags.plan_protection(tag, POLICIES["password"], other), other)
        assert refused.value.code == "tag-password"
        assert state.read_bytes() == before


def test_strange_passwords_are_not_frozen_into_a_chip() -> None:
    with field() as (_, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "open")
        link.write(Bank.RESERVED, 0, b"\x01\x02\x03\x04" + bytes(4), secret=True)
        with pytest.raises(TagRefused) as refused:
            protect(link, tag, "permanent")
        assert refused.value.code == "tag-password"
        protect(link, tag, "permanent-and-password")  # ours replace them


@pytest.mark.parametrize("fault", ["no-answer", "late", "checksum", "refuse"])
def test_one_failure_anywhere_in_a_protection_is_overcome_or_leaves_it_to_be_done_again(
    tmp_path: Path, fault: str
) -> None:
    state = tmp_path / "state.json"
    with module(f"state={state}&tags=Higgs-9&seed=1") as sim, opened(sim) as reader:
        link, tag = linked(reader)
        tag = written(link, tag, "password")
    whole = state.read_bytes()
    first = 5  # a protection begins at the eighth host command or so: sense, identify, then eight of its own
    for at in range(first, first + 12):
        state.write_bytes(whole)
        with module(f"state={state}&fault={fault}@{at}") as sim:
            with opened_impatient(sim) as reader, contextlib.suppress(DpptagError):
                link, tag = linked(reader)
                protect(link, tag, "password")
            assert sim.unused.wait(1)
            with opened(sim) as reader:
                link, tag = linked(reader)
                protect(link, tag, "password")
        _, epc, user, reserved = stored(state)
        assert (epc, user) == (EPC, STATEMENT.ljust(86, b"\0"))
        assert reserved == tags.derive_passwords(tag.uid, KEYS).reserved


# What is planned


@pytest.mark.parametrize(
    ("policy", "payload"),
    [("password", "0fcea2"), ("permanent", "0fcff3"), ("permanent-and-password", "0fcff3")],
)
def test_the_lock_payload_is_that_of_gen2(policy: str, payload: str) -> None:
    assert lock_payload(lock_actions(POLICIES[policy])).hex() == payload


def test_the_printed_payload_of_the_m100_protocol_text_locks_the_access_password() -> None:
    assert (
        lock_payload({Area.ACCESS: LockAction.LOCKED}).hex() == "030080"
    )  # printed with mask 080: its first bit alone


def test_a_plan_says_what_is_for_ever_and_how_passwords_are_derived() -> None:
    with field() as (_, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "open")
    permanent = tags.plan_protection(tag, POLICIES["permanent"])
    assert permanent.derivation is None
    assert [step.unit for step in permanent.irreversible] == ["lock payload"]
    assert "can never be killed" in str(permanent)
    both = tags.plan_protection(tag, POLICIES["permanent-and-password"], KEYS)
    assert both.derivation == KEYS.derivation(tag.uid, ("gen2-access", "gen2-kill"))
    assert "never read or written again" in str(both)
    assert tags.plan_protection(tag, POLICIES["password"], KEYS).irreversible == ()
    assert tags.plan_protection(tag, POLICIES["open"]).steps == ()


@pytest.mark.parametrize(
    ("protection", "code"),
    [(Protection(sun=True), "tag-no-sun"), (POLICIES["password"], "tag-no-keys")],
)
def test_what_no_gen2_chip_offers_is_refused(protection: Protection, code: str) -> None:
    with field() as (_, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "open")
    with pytest.raises(TagRefused) as refused:
        tags.plan_protection(tag, protection)
    assert refused.value.code == code


def test_a_tag_without_a_message_is_not_locked() -> None:
    with field() as (_, reader):
        _, tag = linked(reader)
    with pytest.raises(TagRefused) as refused:
        tags.plan_protection(tag, POLICIES["permanent"])
    assert refused.value.code == "tag-not-complete"


def test_what_a_chip_offers_is_known_by_its_name() -> None:
    assert cannot_protect("Higgs-9", POLICIES["permanent-and-password"]) is None
    assert cannot_protect("Higgs-9", Protection(sun=True)) == "it has no SUN (an NTAG 424 DNA has)"
    assert cannot_protect("UCODE-9", POLICIES["password"]) == "it has no passwords"
    assert cannot_protect("UCODE-9", POLICIES["open"]) is None


def test_a_chip_that_told_no_serial_gets_no_password_of_its_kind() -> None:
    with field() as (_, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "open")
    with pytest.raises(TagRefused) as refused:
        tags.plan_protection(replace(tag, uid=tag.uid[:4]), POLICIES["password"], KEYS)
    assert refused.value.code == "chip-tid-unserialised"


# Passwords


def test_a_password_is_the_first_four_bytes_of_its_key_that_are_not_zero() -> None:
    class Keys:
        def key(self, uid: bytes, purpose: str) -> bytes:
            return bytes(8) + b"\0\0\0\x07" + bytes(4) if purpose == "gen2-kill" else b"\x01\x02\x03\x04" + uid

        def derivation(self, uid: bytes, purposes: tuple[str, ...]) -> str:
            return ""

    found = tags.derive_passwords(bytes(12), Keys())
    assert (found.kill, found.access) == (b"\0\0\0\x07", b"\x01\x02\x03\x04")


def test_a_password_of_zero_is_none() -> None:
    with pytest.raises(ValueError, match="zero"):
        Passwords(kill=bytes(4), access=b"\0\0\0\1")


# Kill


def test_a_chip_is_killed_and_no_round_finds_it() -> None:
    with field() as (_, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        protect(link, tag, "password")
        kill_chip(reader, link, tag, tags.derive_passwords(tag.uid, KEYS).kill)
        assert reader.sense() is None


def test_a_wrong_or_zero_kill_password_kills_nothing() -> None:
    with field() as (_, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        with pytest.raises(TagRefused):
            kill_chip(reader, link, tag, bytes(4))
        with pytest.raises(TagError):
            kill_chip(reader, link, tag, b"\x01\x02\x03\x04")
        found = reader.sense()
        assert found is not None
        assert found.uid == tag.uid


def test_a_kill_meant_for_another_chip_is_not_sent() -> None:
    with field() as (sim, reader):
        link, tag = linked(reader)
        recorded = Recorded(link, sim)
        recorded.__dict__["uid"] = bytes(12)
        with pytest.raises(TagSwapped):
            kill_chip(reader, recorded, tag, b"\x01\x02\x03\x04")
        assert reader.sense() is not None


def test_a_tag_that_is_heard_and_not_read_any_more_is_not_called_killed() -> None:
    class Deaf:
        """Inventories go on as they were, and no TID can be read."""

        def __init__(self, reader: Gen2Reader) -> None:
            self.inventory = reader.inventory

        def select(self, sighting: Sighting) -> Gen2Link:
            raise TagLost("it does not answer", answered=True)

    with field() as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        unheard = Recorded(link, sim)
        unheard.__dict__["kill"] = lambda _password: None
        with pytest.raises(TagWriteFailed) as failed:
            kill_chip(Deaf(reader), unheard, tag, b"\x01\x02\x03\x04")
        assert failed.value.code == "kill-failed"


@pytest.mark.parametrize("act", ["protect", "kill"])
def test_a_tag_changed_for_another_with_its_epc_is_neither_killed_nor_locked(act: str) -> None:
    with field("tags=Higgs-9*2&seed=1", "a0") as (sim, reader):
        link, tag = linked(reader)
        tag = written(link, tag, "password")
        first, second = sim.field.tags
        second.restore(first.record())
        before = second.record()
        sim.field.position = 1
        kill = partial(kill_chip, reader, link, tag, tags.derive_passwords(tag.uid, KEYS).kill)
        lock = partial(protect, link, tag, "permanent-and-password")
        with pytest.raises(TagSwapped):
            (kill if act == "kill" else lock)()
        assert second.record() == before
