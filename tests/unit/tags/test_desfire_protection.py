"""Keys and locks of DESFire cards: planned, carried out, stopped at every command, proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from dpptag.errors import TagError, TagLost, TagRefused, TagSwapped, TagWriteFailed
from dpptag.sim.desfire import GENERATIONS, Desfire
from dpptag.sim.native_memory import Application, Key
from dpptag.tags import (
    Content,
    ContentState,
    Lock,
    Protection,
    ProtectionPlan,
    apply,
    cannot_protect,
    identify,
    plan_protection,
    plan_write,
    protect,
    read_back,
)
from dpptag.tags.desfire import APPLICATION_PURPOSE, CARD_PURPOSE
from dpptag.tags.type4 import Type4Tag
from tests.unit.tags.apdu_link import ApduChipLink
from tests.unit.tags.type4_rig import KEYS, MESSAGE, OTHER_KEYS, UID, uri_message

NAMES = sorted(GENERATIONS)
PASSWORD = Protection(password=True)
BOTH = Protection(password=True, lock=Lock.PERMANENT)
LOCK = Protection(lock=Lock.PERMANENT)
EVERY = [PASSWORD, BOTH]
CARD_AES = KEYS.key(UID, CARD_PURPOSE)
NDEF_AES = KEYS.key(UID, APPLICATION_PURPOSE)
NEVER = 0xEFFF
KEY0 = 0xE000


def names(protection: Protection) -> str:
    return "password+lock" if protection.lock is Lock.PERMANENT else "password"


def blank(name: str = "DESFIRE-EV2", uid: bytes = UID) -> Desfire:
    return Desfire(GENERATIONS[name], uid, formatted=False)


def written(name: str = "DESFIRE-EV2", uid: bytes = UID) -> Desfire:
    """Formatted by this program, with a message."""
    chip = blank(name, uid)
    link = ApduChipLink(chip)
    apply(link, plan_write(identify(link), MESSAGE, allow_format=True))
    return chip


def copied(chip: Desfire) -> Desfire:
    """The same card after a loss of power."""
    return Desfire(chip.generation, chip.uid, chip.record(), formatted=chip.formatted)


def planned(link: ApduChipLink, protection: Protection) -> ProtectionPlan:
    return plan_protection(identify(link), protection, KEYS)


def protected(protection: Protection, name: str = "DESFIRE-EV2") -> Desfire:
    chip = written(name)
    link = ApduChipLink(chip)
    protect(link, planned(link, protection), KEYS)
    return chip


def application_of(chip: Desfire) -> Application:
    (application,) = chip.applications
    return application


def assert_complete(chip: Desfire, protection: Protection) -> None:
    """What the card itself holds, looked at from inside."""
    locked = protection.lock is Lock.PERMANENT
    application = application_of(chip)
    assert (chip.card.value, chip.card.version, chip.settings) == (CARD_AES, 1, 0x0B)
    assert [(key.value, key.version) for key in application.keys] == [(NDEF_AES, 1)]
    assert application.settings == (0x02 if locked else 0x0B)
    for number in (1, 2):
        assert application.files[number].rights == (NEVER if locked else KEY0)
    assert application.files[1].content[14] == 0xFF
    content = bytes(application.files[2].content)
    assert content[: 2 + len(MESSAGE)] == len(MESSAGE).to_bytes(2, "big") + MESSAGE
    assert failures(chip) == 0


def failures(chip: Desfire) -> int:
    return sum(key.failed_in_row for key in (chip.card, *application_of(chip).keys))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_a_protection_is_on_the_card_and_a_second_run_proves_it_without_a_change(
    name: str, protection: Protection
) -> None:
    chip = protected(protection, name)
    assert_complete(chip, protection)
    link = ApduChipLink(chip)
    plan = planned(link, protection)
    assert plan.steps == ()
    changes = chip.changes
    protect(link, plan, KEYS)
    assert_complete(chip, protection)
    assert chip.changes == changes
    assert link.count(0xC4) == link.count(0x54) == link.count(0x5F) == 0


@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_nobody_without_the_keys_writes_deletes_or_creates_afterwards(protection: Protection) -> None:
    chip = protected(protection)
    link = ApduChipLink(chip)
    tag = identify(link)
    assert (tag.writable, tag.ndef) == (False, MESSAGE)
    with pytest.raises(TagRefused):
        plan_write(tag, uri_message("example.com/other"))
    before = chip.record()
    for place, commands in (
        ("000000", ["DA 010000", "FC", "CA 020000 0F 81", "54" + "00" * 16, "C4 80" + "00" * 32]),
        (
            "010000",
            [
                "DF 02",
                "DF 01",
                "CD 03 05E1 00 EEEE 100000",
                "5F 02 00 EEEE",
                "3D 02 000000 010000 00",
                "54" + "00" * 16,
            ],
        ),
    ):
        for command in commands:
            body = bytes.fromhex(command)
            assert link.transceive(bytes.fromhex(f"905A000003{place}00")) == b"\x91\x00"
            length = bytes((len(body) - 1,)) if len(body) > 1 else b""
            assert link.transceive(bytes((0x90, body[0], 0, 0)) + length + body[1:] + b"\0") in (
                b"\x91\xae",
                b"\x91\x9d",
            )
    link.transceive(bytes.fromhex("00A4040007D276000085010100"))
    for file in ("E104", "E103"):
        link.transceive(bytes.fromhex(f"00A4000C02{file}"))
        assert link.transceive(bytes.fromhex("00D6000002FFFF")) == b"\x69\x82"
    assert chip.record() == before


def test_a_plan_shows_every_step_no_secret_and_which_steps_are_for_ever() -> None:
    link = ApduChipLink(written())
    plan = planned(link, BOTH)
    assert [(step.unit, step.at) for step in plan.steps] == [
        ("card key", 0),
        ("card settings", 0),
        ("key", 0),
        ("CC byte", 14),
        ("file", 2),
        ("file", 1),
        ("key settings", 0),
    ]
    assert [(step.unit, step.at) for step in plan.irreversible] == [("file", 2), ("file", 1), ("key settings", 0)]
    assert not planned(link, PASSWORD).irreversible
    shown = (str(plan) + repr(plan)).lower()
    assert CARD_AES.hex() not in shown
    assert NDEF_AES.hex() not in shown
    assert plan.derivation is not None
    for part in (KEYS.master_id, CARD_PURPOSE, APPLICATION_PURPOSE, UID.hex()):
        assert part in plan.derivation
    assert link.count(0xAA) == link.count(0x1A) == 0, "planning authenticates nowhere"


@pytest.mark.parametrize("name", NAMES)
def test_what_sets_a_key_is_never_in_the_traffic_log(name: str) -> None:
    """Under a key that everybody knows, the recorded command would tell the new one."""
    link = ApduChipLink(written(name))
    protect(link, planned(link, BOTH), KEYS)
    changes = [apdu for apdu in link.sent if apdu[1] == 0xC4]
    tokens = [apdu for apdu in link.sent if apdu[1] == 0xAF and len(apdu) > 6]
    assert len(changes) == 2
    assert len(tokens) >= 8
    for apdu in changes + tokens:
        assert apdu in link.secret
    for apdu in link.sent:
        assert CARD_AES not in apdu
        assert NDEF_AES not in apdu


@pytest.mark.parametrize("chip_name", ["DESFire EV1", "DESFire EV2", "DESFire EV3"])
def test_a_job_is_told_before_its_first_tag_what_a_desfire_does_not_take(chip_name: str) -> None:
    assert cannot_protect(chip_name, PASSWORD) is None
    assert cannot_protect(chip_name, BOTH) is None
    assert "password" in (cannot_protect(chip_name, LOCK) or "")
    assert "SUN" in (cannot_protect(chip_name, Protection(password=True, sun=True)) or "")


# refusals before anything is done


def test_a_lock_alone_is_refused_because_the_delivered_key_would_undo_it() -> None:
    link = ApduChipLink(written())
    with pytest.raises(TagRefused) as caught:
        planned(link, LOCK)
    assert caught.value.code == "tag-no-protection"
    assert "master key" in caught.value.message
    assert planned(link, Protection()).steps == ()


def test_sun_is_refused() -> None:
    with pytest.raises(TagRefused) as caught:
        planned(ApduChipLink(written()), Protection(password=True, sun=True))
    assert caught.value.code == "tag-no-sun"


def test_keys_need_a_master_key() -> None:
    chip = written()
    link = ApduChipLink(chip)
    changes = chip.changes
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(link), PASSWORD, None)
    assert caught.value.code == "tag-no-keys"
    with pytest.raises(TagRefused):
        protect(link, planned(link, PASSWORD), None)
    assert chip.changes == changes


def _other_application(chip: Desfire) -> None:
    chip.applications.append(Application([Key()], {}, b"\x02\x00\x00"))


def _hidden(chip: Desfire) -> None:
    chip.settings = 0x0D


def _hidden_application(chip: Desfire) -> None:
    application_of(chip).settings = 0x0D


def _des(chip: Desfire) -> None:
    application_of(chip).key_type = 0x20


def _two_keys(chip: Desfire) -> None:
    application_of(chip).keys.append(Key())


def _card_version(chip: Desfire) -> None:
    chip.card.version = 7


def _key_version(chip: Desfire) -> None:
    application_of(chip).keys[0].version = 7


def _card_settings(chip: Desfire) -> None:
    chip.settings = 0x0A


def _frozen(chip: Desfire) -> None:
    application_of(chip).settings = 0x02


def _settings(chip: Desfire) -> None:
    application_of(chip).settings = 0xEF


def _rights(rights: int, file: int = 2) -> Callable[[Desfire], None]:
    def change(chip: Desfire) -> None:
        application_of(chip).files[file].rights = rights

    return change


def _empty(chip: Desfire) -> None:
    application_of(chip).files[2].content[:2] = bytes(2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_other_application, "tag-foreign"),
        (_hidden, "tag-foreign"),
        (_hidden_application, "tag-foreign"),
        (_des, "tag-foreign"),
        (_two_keys, "tag-foreign"),
        (_card_version, "tag-key-unknown"),
        (_key_version, "tag-key-unknown"),
        (_card_settings, "tag-settings"),
        (_frozen, "tag-locked"),
        (_settings, "tag-settings"),
        (_rights(NEVER), "tag-locked"),
        (_rights(0xEEE3), "tag-settings"),
        (_rights(0xEFF0, file=1), "tag-locked"),
        (_empty, "tag-not-complete"),
    ],
)
def test_a_card_that_is_not_ours_is_refused_without_an_authentication(
    change: Callable[[Desfire], None], code: str
) -> None:
    chip = written()
    change(chip)
    changes = chip.changes
    link = ApduChipLink(chip)
    with pytest.raises(TagRefused) as caught:
        planned(link, PASSWORD)
    assert caught.value.code == code
    assert link.count(0xAA) == link.count(0x1A) == 0
    assert chip.changes == changes


@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_a_card_of_another_master_key_costs_one_failed_authentication_and_is_left_as_it_was(
    protection: Protection,
) -> None:
    chip = protected(PASSWORD)
    before = chip.record()["applications"]
    link = ApduChipLink(chip)
    with pytest.raises(TagRefused) as caught:
        protect(link, plan_protection(identify(link), protection, OTHER_KEYS), OTHER_KEYS)
    assert caught.value.code == "tag-wrong-key"
    assert chip.record()["applications"] == before
    assert (chip.card.value, chip.card.failed_in_row, failures(chip)) == (CARD_AES, 1, 1)


@pytest.mark.parametrize("place", ["card", "application"])
def test_a_foreign_key_of_version_0_costs_one_failed_authentication_and_nothing_changes(place: str) -> None:
    chip = written()
    if place == "card":
        chip.card.value = b"\x10" * 8
    else:
        application_of(chip).keys[0].value = b"\x10" * 16
    link = ApduChipLink(chip)
    plan = planned(link, BOTH)
    with pytest.raises(TagRefused) as caught:
        protect(link, plan, KEYS)
    assert caught.value.code == "tag-wrong-key"
    assert failures(chip) == 1
    assert (chip.settings, chip.card.version, application_of(chip).settings) == (0x0F, 0, 0x0F)
    assert link.count(0xC4) == link.count(0x54) == link.count(0x5F) == 0


def test_another_chip_than_planned_gets_nothing() -> None:
    plan = planned(ApduChipLink(written()), PASSWORD)
    other = written(uid=bytes.fromhex("04aabbccddeeff"))
    link = ApduChipLink(other)
    changes = other.changes
    with pytest.raises(TagSwapped):
        protect(link, plan, KEYS)
    assert not link.sent
    assert other.changes == changes


def test_what_the_plan_did_not_show_is_not_done() -> None:
    chip = written()
    link = ApduChipLink(chip)
    plan = planned(link, BOTH)
    changes = chip.changes
    with pytest.raises(TagRefused) as caught:
        protect(link, replace(plan, steps=plan.steps[1:]), KEYS)
    assert caught.value.code == "tag-changed"
    assert chip.changes == changes


# other ways to the same end


@pytest.mark.parametrize("name", NAMES)
def test_a_password_is_followed_by_the_lock_and_the_lock_by_nothing(name: str) -> None:
    chip = protected(PASSWORD, name)
    link = ApduChipLink(chip)
    protect(link, planned(link, BOTH), KEYS)
    assert_complete(chip, BOTH)
    with pytest.raises(TagRefused) as caught:
        planned(ApduChipLink(chip), PASSWORD)
    assert caught.value.code == "tag-locked"


@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_a_cc_that_key_0_alone_writes_is_written_with_it(protection: Protection) -> None:
    """As AN11004 makes the CC."""
    chip = written("DESFIRE-EV1")
    application_of(chip).files[1].rights = KEY0
    link = ApduChipLink(chip)
    protect(link, planned(link, protection), KEYS)
    assert link.count(0x3D) == 1
    assert_complete(chip, protection)


@pytest.mark.parametrize("name", ["DESFIRE-EV2", "DESFIRE-EV3"])
@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_a_card_that_others_formatted_with_an_aes_key_is_protected_too(name: str, protection: Protection) -> None:
    """Its CC is written and its NDEF file's rights are changed with key 0; its file is longer than ours."""
    chip = Desfire(GENERATIONS[name], UID, formatted=True)
    link = ApduChipLink(chip)
    apply(link, plan_write(identify(link), MESSAGE))
    protect(link, planned(link, protection), KEYS)
    assert_complete(chip, protection)


@pytest.mark.parametrize("keys", ["A1", "81"])
def test_a_chip_may_tell_of_its_file_identifiers_or_not(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chip = written()
    link = ApduChipLink(chip)
    real = link.transceive

    def transceive(apdu: bytes, *, secret: bool = False) -> bytes:
        answer = real(apdu, secret=secret)
        return answer[:1] + bytes.fromhex(keys) + answer[2:] if apdu[1] == 0x45 and chip.application else answer

    monkeypatch.setattr(link, "transceive", transceive)
    protect(link, planned(link, PASSWORD), KEYS)
    assert_complete(chip, PASSWORD)


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_card_has_the_derivation_of_the_tag_that_it_will_be(name: str) -> None:
    chip = blank(name)
    link = ApduChipLink(chip)
    tag = identify(link)
    assert isinstance(tag, Type4Tag)
    early = plan_protection(replace(tag, content=Content(ContentState.MESSAGE, MESSAGE)), BOTH, KEYS)
    apply(link, plan_write(tag, MESSAGE, allow_format=True))
    plan = planned(link, BOTH)
    assert (plan.derivation, plan.steps) == (early.derivation, early.steps)


def test_a_blank_card_with_a_foreign_key_is_refused_before_its_first_byte() -> None:
    chip = blank()
    chip.card.version = 3
    tag = identify(ApduChipLink(chip))
    assert isinstance(tag, Type4Tag)
    with pytest.raises(TagRefused) as caught:
        plan_protection(replace(tag, content=Content(ContentState.MESSAGE, MESSAGE)), PASSWORD, KEYS)
    assert caught.value.code == "tag-key-unknown"


@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_a_protected_card_still_reads_back(protection: Protection) -> None:
    link = ApduChipLink(protected(protection))
    assert read_back(link, identify(link), MESSAGE) == MESSAGE


# stops


@pytest.mark.parametrize(
    ("name", "start"), [("DESFIRE-EV1", None), ("DESFIRE-EV3", PASSWORD)], ids=["delivered", "with its password"]
)
@pytest.mark.parametrize("lost", [False, True], ids=["command lost", "answer lost"])
def test_a_protection_stopped_at_any_command_is_finished_by_the_next_run(
    name: str, start: Protection | None, lost: bool
) -> None:
    made = written(name) if start is None else protected(start, name)
    stages: Counter[str] = Counter()
    for stop in range(300):
        chip = copied(made)
        link = ApduChipLink(chip)
        plan = planned(link, BOTH)
        link.left, link.unanswered = stop, lost
        try:
            protect(link, plan, KEYS)
            assert_complete(chip, BOTH)
            break
        except TagLost:
            pass
        again = copied(chip)
        assert failures(again) == 0
        fresh = ApduChipLink(again)
        rest = planned(fresh, BOTH)
        assert rest.derivation == plan.derivation
        stages[rest.steps[0].unit if rest.steps else "done"] += 1
        protect(fresh, rest, KEYS)
        assert_complete(again, BOTH)
    else:
        raise AssertionError("the protection never came to its end")
    print(stages)
    left = {"file", "key settings", "done"}
    assert stages.keys() == (left | {"card key", "card settings", "key", "CC byte"} if start is None else left)


def test_an_error_after_the_first_change_says_that_the_state_is_unknown() -> None:
    chip = written()
    link = ApduChipLink(chip)
    plan = planned(link, PASSWORD)
    real = link.transceive

    def transceive(apdu: bytes, *, secret: bool = False) -> bytes:
        return b"\x91\xae" if apdu[1] == 0x54 else real(apdu, secret=secret)

    link.transceive = transceive  # type: ignore[method-assign]
    with pytest.raises(TagError) as caught:
        protect(link, plan, KEYS)
    assert caught.value.facts["tag_state"] == "unknown"
    assert chip.card.value == CARD_AES
    del link.transceive  # type: ignore[method-assign]
    protect(link, planned(link, PASSWORD), KEYS)
    assert_complete(chip, PASSWORD)


# a chip that does not keep its word


class _Liar(ApduChipLink):
    """``answers``: status by command code, for commands without authentication whose real effect is left out."""

    def __init__(self, chip: Desfire, answers: dict[int, bytes]) -> None:
        super().__init__(chip)
        self.answers = answers

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        assert isinstance(self.chip, Desfire)
        if self.chip.session is None and apdu[1] in self.answers:
            return self.answers[apdu[1]]
        return super().transceive(apdu, secret=secret)


@pytest.mark.parametrize("ins", [0xCA, 0xDA, 0xCD, 0xDF])
@pytest.mark.parametrize("answer", ["9100", "91DE", "910E", "91A0"])
@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_a_card_that_does_not_refuse_for_want_of_a_key_is_no_protected_card(
    ins: int, answer: str, protection: Protection
) -> None:
    chip = written()
    link = _Liar(chip, {ins: bytes.fromhex(answer)})
    with pytest.raises(TagWriteFailed) as caught:
        protect(link, planned(link, protection), KEYS)
    assert caught.value.facts["sw"] == answer.lower()
    if protection is BOTH and ins in (0xCA, 0xDA):
        assert application_of(chip).files[2].rights == 0xEEEE, "nothing is locked on a card that is not guarded"


def test_a_file_that_takes_a_write_without_a_key_is_no_protected_file() -> None:
    chip = written()
    link = _Liar(chip, {0xD6: b"\x90\x00"})
    application_of(chip).files[1].rights = KEY0
    with pytest.raises(TagWriteFailed) as caught:
        protect(link, planned(link, BOTH), KEYS)
    assert "without a key" in caught.value.message


def test_settings_that_the_card_did_not_take_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = written()
    link = ApduChipLink(chip)
    real = chip.native_commands

    def commands() -> dict[int, Callable[[bytes], bytes]]:
        table = real()
        change = table[0x54]

        def unchanged(body: bytes) -> bytes:
            before = chip.settings
            answer = change(body)
            chip.settings = before
            return answer

        return table | {0x54: unchanged}

    monkeypatch.setattr(chip, "native_commands", commands)
    with pytest.raises(TagWriteFailed) as caught:
        protect(link, planned(link, PASSWORD), KEYS)
    assert "key settings" in caught.value.message
