"""ST25TA: written, given a password, locked; stopped at every command."""

from __future__ import annotations

import pytest

from dpptag.errors import TagError, TagLost, TagRefused, TagWriteFailed
from dpptag.sim.st25ta import Right, Side, St25ta
from dpptag.tags import ContentState, Lock, Protection, apply, identify, plan_protection, plan_write, protect, read_back
from dpptag.tags.type4_st25ta import PURPOSE
from tests.unit.tags.apdu_link import ApduChipLink
from tests.unit.tags.type4_rig import KEYS, MESSAGE, OTHER_KEYS, uri_message

UID = bytes.fromhex("02E20011223344")
PASSWORD = Protection(password=True)
LOCK = Protection(lock=Lock.PERMANENT)
BOTH = Protection(password=True, lock=Lock.PERMANENT)
EVERY = [PASSWORD, LOCK, BOTH]
IDS = ["password", "lock", "both"]
DERIVED = KEYS.key(UID, PURPOSE)


def st25ta(message: bytes | None = None) -> St25ta:
    chip = St25ta(UID)
    if message is not None:
        chip.ndef[: 2 + len(message)] = len(message).to_bytes(2, "big") + message
    return chip


def run(chip: St25ta, protection: Protection, stop: int | None = None) -> int:
    """Plan and protect; pulled with its answer lost after ``stop`` commands. How many it took."""
    link = ApduChipLink(chip)
    plan = plan_protection(identify(link), protection, KEYS)
    before = len(link.sent)
    link.left, link.unanswered = stop, True
    protect(link, plan, KEYS)
    return len(link.sent) - before


def assert_complete(chip: St25ta, protection: Protection) -> None:
    locked = protection.lock is Lock.PERMANENT
    assert chip.rights[Side.WRITE] is (Right.NEVER_WRITTEN if locked else Right.LOCKED)
    assert chip.rights[Side.READ] is Right.FREE
    assert chip.passwords[Side.WRITE] == (DERIVED if protection.password else bytes(16))
    assert chip.ndef[2 : 2 + len(MESSAGE)] == MESSAGE


def test_a_delivered_chip_is_told_written_in_its_own_chunks_and_read_back() -> None:
    link = ApduChipLink(st25ta())
    tag = identify(link)
    assert (tag.chip_name, tag.capacity, tag.content.state) == ("ST25TA02K", 256, ContentState.EMPTY)
    plan = plan_write(tag, MESSAGE)
    assert max(len(step.data) for step in plan.steps) == 54
    apply(link, plan)
    assert read_back(link, tag, MESSAGE) == MESSAGE
    assert plan_write(identify(link), MESSAGE).steps == ()


def test_a_write_stopped_at_any_command_can_be_finished() -> None:
    old = uri_message("example.com/old")
    for stop in range(100):
        chip = st25ta(old)
        link = ApduChipLink(chip)
        plan = plan_write(identify(link), MESSAGE)
        link.left, link.unanswered = stop, True
        try:
            apply(link, plan)
            break
        except TagLost:
            again = ApduChipLink(St25ta(UID, chip.record()))
        tag = identify(again)
        assert tag.ndef in (old, b"", MESSAGE)
        apply(again, plan_write(tag, MESSAGE))
        assert read_back(again, tag, MESSAGE) == MESSAGE
    assert stop > 4


def test_an_st_chip_of_no_known_product_is_refused() -> None:
    with pytest.raises(TagRefused) as caught:
        identify(ApduChipLink(St25ta(bytes.fromhex("02990011223344"))))
    assert caught.value.code == "tag-chip-unknown"


@pytest.mark.parametrize("protection", EVERY, ids=IDS)
def test_a_protection_is_on_the_chip_and_may_be_repeated(protection: Protection) -> None:
    chip = st25ta(MESSAGE)
    run(chip, protection)
    assert_complete(chip, protection)
    run(chip, protection)
    assert_complete(chip, protection)
    link = ApduChipLink(chip)
    tag = identify(link)
    assert not tag.writable
    with pytest.raises(TagRefused):
        plan_write(tag, uri_message("example.com"))


@pytest.mark.parametrize("protection", EVERY, ids=IDS)
def test_a_protection_stopped_at_any_command_is_finished_by_the_next_run(protection: Protection) -> None:
    commands = run(st25ta(MESSAGE), protection)
    for stop in range(commands):
        chip = st25ta(MESSAGE)
        with pytest.raises(TagLost):
            run(chip, protection, stop)
        chip = St25ta(UID, chip.record())
        assert chip.passwords[Side.WRITE] in (bytes(16), DERIVED if protection.password else bytes(16))
        if protection.password and chip.rights[Side.WRITE] is not Right.FREE:
            assert chip.passwords[Side.WRITE] == DERIVED, "never closed with the password everybody knows"
        run(chip, protection)
        assert_complete(chip, protection)


def test_a_plan_names_what_is_for_ever_and_shows_no_password() -> None:
    plan = plan_protection(identify(ApduChipLink(st25ta(MESSAGE))), BOTH, KEYS)
    assert [(step.unit, step.data.hex()) for step in plan.steps] == [("password", ""), ("state", "80"), ("state", "ff")]
    assert [step.data.hex() for step in plan.irreversible] == ["ff"]
    assert DERIVED.hex() not in (str(plan) + repr(plan)).lower()
    assert plan.derivation is not None
    assert PURPOSE in plan.derivation


def test_passwords_are_kept_out_of_the_log() -> None:
    link = ApduChipLink(st25ta(MESSAGE))
    protect(link, plan_protection(identify(link), PASSWORD, KEYS), KEYS)
    shown = [apdu for apdu in link.sent if DERIVED in apdu]
    assert shown
    assert all(apdu in link.secret for apdu in shown)


def test_a_password_of_another_master_key_is_refused_and_nothing_is_changed() -> None:
    chip = st25ta(MESSAGE)
    run(chip, PASSWORD)
    before = chip.record()
    link = ApduChipLink(chip)
    plan = plan_protection(identify(link), BOTH, OTHER_KEYS)
    with pytest.raises(TagRefused) as caught:
        protect(link, plan, OTHER_KEYS)
    assert caught.value.code == "tag-wrong-key"
    assert chip.record() == before


def test_what_cannot_be_had_is_refused() -> None:
    chip = st25ta(MESSAGE)
    for protection, keys, code in ((Protection(sun=True), KEYS, "tag-no-sun"), (PASSWORD, None, "tag-no-keys")):
        with pytest.raises(TagRefused) as caught:
            plan_protection(identify(ApduChipLink(chip)), protection, keys)
        assert caught.value.code == code
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(ApduChipLink(st25ta())), LOCK, None)
    assert caught.value.code == "tag-not-complete"
    run(chip, PASSWORD)
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(ApduChipLink(chip)), LOCK, None)
    assert caught.value.code == "tag-password"
    run(chip, BOTH)
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(ApduChipLink(chip)), PASSWORD, KEYS)
    assert caught.value.code == "tag-locked"


def test_a_state_that_was_only_acknowledged_is_no_success() -> None:
    link = ApduChipLink(st25ta(MESSAGE))
    plan = plan_protection(identify(link), LOCK, None)
    real = link.transceive
    link.transceive = (
        lambda apdu, *, secret=False: (  # type: ignore[method-assign]
            b"\x90\x00" if apdu[:2] == b"\xa2\x28" else real(apdu, secret=secret)
        )
    )
    with pytest.raises(TagWriteFailed, match="new state"):
        protect(link, plan, None)


def test_what_ends_after_the_first_change_never_says_that_nothing_was_done() -> None:
    for stop in range(run(st25ta(MESSAGE), BOTH)):
        chip = st25ta(MESSAGE)
        link = ApduChipLink(chip)
        plan = plan_protection(identify(link), BOTH, KEYS)
        garble(link, stop)
        try:
            protect(link, plan, KEYS)
        except TagError as error:
            ended = error
        else:
            ended = None
        if chip.passwords[Side.WRITE] == DERIVED and ended is not None:
            assert not isinstance(ended, TagRefused)
            assert ended.facts["tag_state"] == "unknown"
        run(St25ta(UID, chip.record()), BOTH)


def garble(link: ApduChipLink, after: int) -> None:
    """The command behind so many more ones is not carried out; its answer is of no use, and says that all is well."""
    at, real = len(link.sent) + after, link.transceive

    def transceive(apdu: bytes, *, secret: bool = False) -> bytes:
        if len(link.sent) == at:
            link.sent.append(apdu)
            return bytes(18) + b"\x90\x00"
        return real(apdu, secret=secret)

    link.transceive = transceive  # type: ignore[method-assign]
