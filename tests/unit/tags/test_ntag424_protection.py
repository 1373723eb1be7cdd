"""Keys, SUN and locks of the NTAG 424 DNA: planned, carried out, stopped at every command, proved."""

from __future__ import annotations

from collections import Counter

import pytest

from dpptag.errors import TagError, TagLost, TagRefused, TagSwapped, TagWriteFailed
from dpptag.sim.ntag424 import Ntag424
from dpptag.sim.sdm import Sdm
from dpptag.tags import (
    Lock,
    Protection,
    ProtectionPlan,
    apply,
    identify,
    plan_protection,
    plan_write,
    protect,
    read_back,
)
from dpptag.tags.ntag424 import KEY0_PURPOSE
from dpptag.tags.sun import FILE_PURPOSE, META_PURPOSE, SunOutcome, check_sun, parse_sun
from tests.unit.tags.apdu_link import ApduChipLink
from tests.unit.tags.type4_rig import (
    KEYS,
    LINK,
    MESSAGE,
    OTHER_KEYS,
    SUN_LINK,
    SUN_MESSAGE,
    UID,
    copied,
    message_of,
    ntag424,
    two_records,
    uri_message,
)

PASSWORD = Protection(password=True)
LOCK = Protection(lock=Lock.PERMANENT)
SUN = Protection(sun=True)
ALL = Protection(password=True, lock=Lock.PERMANENT, sun=True)
EVERY = [
    PASSWORD,
    LOCK,
    SUN,
    Protection(password=True, lock=Lock.PERMANENT),
    Protection(sun=True, lock=Lock.PERMANENT),
    ALL,
]
DERIVED = {0: KEYS.key(UID, KEY0_PURPOSE), 1: KEYS.key(b"", META_PURPOSE), 2: KEYS.key(UID, FILE_PURPOSE)}
NEVER = 0xEFFF
"""Read free; Write, ReadWrite and Change never."""


def names(protection: Protection) -> str:
    words = ("password" * protection.password, "lock" * (protection.lock is Lock.PERMANENT), "sun" * protection.sun)
    return "+".join(filter(None, words))


def message_for(protection: Protection) -> bytes:
    return SUN_MESSAGE if protection.sun else MESSAGE


def planned(link: ApduChipLink, protection: Protection) -> ProtectionPlan:
    return plan_protection(identify(link), protection, KEYS)


def protected(protection: Protection, message: bytes | None = None) -> Ntag424:
    chip = ntag424(message_for(protection) if message is None else message)
    link = ApduChipLink(chip)
    protect(link, planned(link, protection), KEYS)
    return chip


def assert_complete(chip: Ntag424, protection: Protection) -> None:
    """What the chip itself holds, looked at from inside."""
    locked = protection.lock is Lock.PERMANENT
    keyed = protection.password or protection.sun
    assert chip.files[2].rights == (NEVER if locked else 0xE000)
    assert chip.files[1].rights == (NEVER if locked else 0xE000)
    assert chip.files[1].content[14] == (0xFF if locked else 0x00)
    for number in range(5):
        ours = (keyed and number == 0) or (protection.sun and number in (1, 2))
        assert chip.keys[number].value == (DERIVED[number] if ours else bytes(16))
        assert chip.keys[number].version == int(ours)
        assert chip.keys[number].failed == 0
    assert (chip.files[2].sdm is not None) == protection.sun
    assert message_of(chip) == message_for(protection)


@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_a_protection_is_on_the_chip_and_a_second_run_proves_it_without_a_change(protection: Protection) -> None:
    chip = protected(protection)
    assert_complete(chip, protection)
    link = ApduChipLink(chip)
    plan = planned(link, protection)
    assert plan.steps == ()
    protect(link, plan, KEYS)
    assert_complete(chip, protection)
    assert link.count(0xC4) == link.count(0x5F) == link.count(0x8D) == 0


@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_nobody_without_the_key_can_write_afterwards(protection: Protection) -> None:
    chip = protected(protection)
    link = ApduChipLink(chip)
    tag = identify(link)
    assert not tag.writable
    with pytest.raises(TagRefused):
        plan_write(tag, uri_message("example.com/other"))
    before = bytes(chip.files[2].content)
    for file in (b"\xe1\x04", b"\xe1\x03"):
        link.transceive(b"\x00\xa4\x00\x0c\x02" + file)
        assert link.transceive(b"\x00\xd6\x00\x00\x02\xff\xff") != b"\x90\x00"
    assert chip.files[2].content == before


def test_a_plan_shows_every_step_no_secret_and_which_steps_are_for_ever() -> None:
    link = ApduChipLink(ntag424(SUN_MESSAGE))
    plan = planned(link, ALL)
    assert [(step.unit, step.at) for step in plan.steps] == [
        ("key", 1),
        ("key", 2),
        ("key", 0),
        ("file", 2),
        ("CC byte", 14),
        ("file", 1),
        ("file", 2),
    ]
    assert [(step.unit, step.at) for step in plan.irreversible] == [("file", 1), ("file", 2)]
    assert "IRREVERSIBLE" in str(plan)
    shown = str(plan) + repr(plan)
    for key in DERIVED.values():
        assert key.hex() not in shown.lower()
    assert plan.derivation is not None
    for part in (KEYS.master_id, KEY0_PURPOSE, FILE_PURPOSE, META_PURPOSE, UID.hex()):
        assert part in plan.derivation
    assert not link.count(0x71), "planning authenticates nowhere"


def test_a_lock_alone_sets_no_key_and_commits_no_derivation() -> None:
    plan = plan_protection(identify(ApduChipLink(ntag424(MESSAGE))), LOCK, None)
    assert plan.derivation is None
    assert [step.unit for step in plan.steps] == ["CC byte", "file", "file"]


def test_the_sdm_offsets_are_those_of_the_file_as_written() -> None:
    chip = protected(SUN)
    sdm = chip.files[2].sdm
    assert sdm is not None
    file = bytes(chip.files[2].content)
    assert file[sdm.picc_offset :][:35] == b"0" * 32 + b"&c="
    assert file[sdm.picc_offset - 3 : sdm.picc_offset] == b"?e="
    assert sdm.mac_input == sdm.mac_offset == file.index(b"&c=") + 3
    assert (sdm.meta_read, sdm.file_read, sdm.counter_return) == (1, 2, 0xF)


def test_every_tap_gives_a_link_that_verifies_with_a_higher_counter() -> None:
    chip = protected(ALL)
    counters = []
    for _ in range(3):
        ndef = identify(ApduChipLink(chip)).ndef
        assert ndef is not None
        url = ndef[5 : 5 + len(SUN_LINK)].decode()
        assert url.startswith(LINK + "?e=")
        result = check_sun(parse_sun(url), DERIVED[1], lambda uid: KEYS.key(uid, FILE_PURPOSE))
        assert (result.outcome, result.uid) == (SunOutcome.VALID, UID)
        counters.append(result.counter)
    assert counters == sorted(set(counters), key=lambda counter: counter or 0)


def test_a_tag_that_mirrors_counts_as_holding_its_message_and_reads_back() -> None:
    chip = protected(ALL)
    link = ApduChipLink(chip)
    tag = identify(link)
    assert tag.ndef != SUN_MESSAGE
    assert plan_write(tag, SUN_MESSAGE).steps == ()
    assert len(read_back(link, tag, SUN_MESSAGE)) == len(SUN_MESSAGE)
    changed = SUN_MESSAGE[:-1] + b"\xff"
    with pytest.raises(TagWriteFailed):
        read_back(link, tag, changed)


def test_a_message_for_other_places_is_not_written_over_a_mirroring_file() -> None:
    chip = protected(SUN)
    chip.files[2].rights = 0xEEE0
    with pytest.raises(TagRefused) as caught:
        plan_write(identify(ApduChipLink(chip)), MESSAGE)
    assert caught.value.code == "tag-mirror"


# refusals before anything is done


@pytest.mark.parametrize(
    "text",
    [
        LINK,
        f"{LINK}?e={'0' * 32}",
        f"{LINK}?e={'0' * 30}&c={'0' * 16}",
        f"{LINK}?c={'0' * 16}&e={'0' * 32}",
        f"{LINK}?x=1&e={'0' * 32}&c={'0' * 16}",
        f"{LINK}?e={'g' * 32}&c={'0' * 16}",
        f"{LINK}?e={'0' * 32}&c={'0' * 16}#top",
    ],
)
def test_sun_needs_its_places_at_the_end_of_the_link(text: str) -> None:
    chip = ntag424(uri_message(text))
    with pytest.raises(TagRefused) as caught:
        planned(ApduChipLink(chip), SUN)
    assert caught.value.code == "tag-no-sun-place"


@pytest.mark.parametrize("message", [b"", None])
@pytest.mark.parametrize("protection", EVERY, ids=names)
def test_a_tag_without_a_whole_message_is_never_protected(protection: Protection, message: bytes | None) -> None:
    chip = ntag424(message)
    if message is None:
        chip.files[2].content[:2] = b"\x00\xff"
    changes = chip.changes
    with pytest.raises(TagRefused) as caught:
        planned(ApduChipLink(chip), protection)
    assert caught.value.code == "tag-not-complete"
    assert chip.changes == changes


@pytest.mark.parametrize("protection", [PASSWORD, SUN], ids=names)
def test_keys_need_a_master_key(protection: Protection) -> None:
    chip = ntag424(message_for(protection))
    link = ApduChipLink(chip)
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(link), protection, None)
    assert caught.value.code == "tag-no-keys"
    with pytest.raises(TagRefused):
        protect(link, planned(link, protection), None)
    assert_untouched(chip)


def assert_untouched(chip: Ntag424) -> None:
    fresh = ntag424(message_of(chip))
    assert {key: value for key, value in chip.record().items() if key != "keys"} == {
        key: value for key, value in fresh.record().items() if key != "keys"
    }
    assert [(key.value, key.version) for key in chip.keys] == [(key.value, key.version) for key in fresh.keys]


def test_a_chip_with_a_key_of_another_version_is_refused_without_an_authentication() -> None:
    chip = ntag424(MESSAGE)
    chip.keys[0].version = 0x07
    link = ApduChipLink(chip)
    with pytest.raises(TagRefused) as caught:
        planned(link, PASSWORD)
    assert caught.value.code == "tag-key-unknown"
    assert not link.count(0x71)


@pytest.mark.parametrize("protection", [PASSWORD, SUN, ALL], ids=names)
def test_a_chip_of_another_master_key_costs_one_failed_authentication_and_is_left_as_it_was(
    protection: Protection,
) -> None:
    chip = protected(Protection(password=True, sun=protection.sun), message_for(protection))
    before = chip.record()
    link = ApduChipLink(chip)
    plan = plan_protection(identify(link), protection, OTHER_KEYS)
    with pytest.raises(TagRefused) as caught:
        protect(link, plan, OTHER_KEYS)
    assert caught.value.code == "tag-wrong-key"
    assert sum(key.failed for key in chip.keys) == 1
    assert chip.record()["files"][0] == before["files"][0]
    assert chip.files[2].rights == 0xE000
    assert [key.value for key in chip.keys][:1] == [DERIVED[0]]


def test_a_foreign_key_of_version_0_costs_one_failed_authentication() -> None:
    chip = ntag424(MESSAGE)
    chip.keys[0].value = b"\5" * 16
    link = ApduChipLink(chip)
    with pytest.raises(TagRefused) as caught:
        protect(link, planned(link, PASSWORD), KEYS)
    assert caught.value.code == "tag-wrong-key"
    assert chip.keys[0].failed == 1
    assert (chip.keys[0].value, chip.files[2].rights) == (b"\5" * 16, 0xEEE0)


def test_a_lock_of_a_tag_with_a_password_asks_for_both_together() -> None:
    chip = protected(PASSWORD)
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(ApduChipLink(chip)), LOCK, KEYS)
    assert caught.value.code == "tag-password"
    link = ApduChipLink(chip)
    both = Protection(password=True, lock=Lock.PERMANENT)
    protect(link, planned(link, both), KEYS)
    assert_complete(chip, both)


def test_a_locked_tag_can_get_nothing_more() -> None:
    chip = protected(LOCK)
    with pytest.raises(TagRefused) as caught:
        planned(ApduChipLink(chip), PASSWORD)
    assert caught.value.code == "tag-locked"


def test_another_chip_than_planned_gets_nothing() -> None:
    plan = planned(ApduChipLink(ntag424(MESSAGE)), PASSWORD)
    other = ntag424(MESSAGE, bytes.fromhex("04aabbccddeeff"))
    link = ApduChipLink(other)
    with pytest.raises(TagSwapped):
        protect(link, plan, KEYS)
    assert not link.sent
    assert_untouched(other)


def test_what_the_plan_did_not_show_is_not_done() -> None:
    """Between plan and work somebody wrote another message: SUN's places are elsewhere now."""
    chip = ntag424(SUN_MESSAGE)
    link = ApduChipLink(chip)
    plan = planned(link, SUN)
    longer = two_records(f"{LINK}X?e={'0' * 32}&c={'0' * 16}", bytes(67))
    apply(link, plan_write(identify(link), longer))
    with pytest.raises(TagRefused) as caught:
        protect(link, plan, KEYS)
    assert caught.value.code == "tag-changed"
    assert_untouched(chip)


def test_nothing_asked_for_is_nothing_done() -> None:
    link = ApduChipLink(ntag424(MESSAGE))
    plan = planned(link, Protection())
    assert plan.steps == ()
    before = len(link.sent)
    protect(link, plan, KEYS)
    assert len(link.sent) == before


# proofs that can fail


class LyingLink(ApduChipLink):
    """Answers a write without a key as done, or a change of settings as done without doing it."""

    lie: tuple[int, bytes] = (0, b"")

    def transceive(self, apdu: bytes, *, secret: bool = False) -> bytes:
        if apdu[1] == self.lie[0]:
            self.sent.append(apdu)
            return self.lie[1]
        return super().transceive(apdu, secret=secret)


def test_a_chip_that_takes_a_write_after_its_protection_is_no_success() -> None:
    link = LyingLink(ntag424(MESSAGE))
    plan = planned(link, PASSWORD)
    link.lie = (0xD6, b"\x90\x00")
    with pytest.raises(TagWriteFailed, match="without a key"):
        protect(link, plan, KEYS)


def test_settings_that_were_only_acknowledged_are_no_success() -> None:
    link = LyingLink(ntag424(MESSAGE))
    plan = planned(link, PASSWORD)
    link.lie = (0x5F, b"\x91\x00")
    with pytest.raises(TagLost):
        protect(link, plan, KEYS)


def test_sun_that_does_not_verify_stops_before_the_lock() -> None:
    chip = ntag424(SUN_MESSAGE)
    link = ApduChipLink(chip)
    plan = planned(link, ALL)
    real = link.transceive

    def transceive(apdu: bytes, *, secret: bool = False) -> bytes:
        answer = bytearray(real(apdu, secret=secret))
        if apdu[1] == 0xB0 and b"?e=" in answer and chip.files[2].sdm is not None:
            answer[answer.index(b"&c=") + 3] = ord("0") if answer[answer.index(b"&c=") + 3] != ord("0") else ord("1")
        return bytes(answer)

    link.transceive = transceive  # type: ignore[method-assign]
    with pytest.raises(TagWriteFailed, match="does not verify"):
        protect(link, plan, KEYS)
    assert chip.files[2].rights == 0xE000
    assert chip.files[1].rights == 0xE000


def test_sun_that_does_not_read_is_a_failure_of_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Sdm.served

    def garbled(sdm: Sdm, content: bytes, uid: bytes, counter: int, keys: list[bytes], padding: bytes) -> bytes:
        view = bytearray(served(sdm, content, uid, counter, keys, padding))
        view[view.index(b"?e=") + 3] = ord("Z")
        return bytes(view)

    monkeypatch.setattr(Sdm, "served", garbled)
    chip = ntag424(SUN_MESSAGE)
    link = ApduChipLink(chip)
    with pytest.raises(TagWriteFailed, match="does not read") as caught:
        protect(link, planned(link, ALL), KEYS)
    assert caught.value.facts["tag_state"] == "unknown"
    assert chip.files[2].rights == 0xE000


# stopped anywhere


def run(chip: Ntag424, protection: Protection, stop: int | None = None, lost: bool = False) -> int:
    """Plan, then protect with the tag pulled after ``stop`` commands; how many it took."""
    link = ApduChipLink(chip)
    plan = planned(link, protection)
    before = len(link.sent)
    link.left, link.unanswered = stop, lost
    protect(link, plan, KEYS)
    return len(link.sent) - before


def assert_never_half_and_always_derivable(chip: Ntag424, protection: Protection, where: object) -> None:
    """The promises that hold after any stop."""
    assert message_of(chip) == message_for(protection), where
    for number, key in enumerate(chip.keys):
        assert (key.value, key.version) in ((bytes(16), 0), (DERIVED.get(number, bytes(16)), 1)), where
        assert key.failed == 0, where
    if chip.files[2].rights == NEVER:  # the last step
        assert chip.files[1].rights == NEVER, where
        assert chip.files[1].content[14] == 0xFF, where
        assert (chip.files[2].sdm is not None) == protection.sun, where


@pytest.mark.parametrize("protection", [ALL, Protection(password=True, lock=Lock.PERMANENT), LOCK, SUN], ids=names)
def test_a_protection_stopped_at_any_command_is_finished_by_the_next_run(protection: Protection) -> None:
    """The answer is lost; that the next command is lost before it is carried out leaves the same chip."""
    commands = run(ntag424(message_for(protection)), protection)
    seen: Counter[tuple[int, ...]] = Counter()
    for stop in range(commands):
        chip = ntag424(message_for(protection))
        with pytest.raises(TagLost):
            run(chip, protection, stop, lost=True)
        chip = copied(chip)
        assert_never_half_and_always_derivable(chip, protection, stop)
        versions = (key.version for key in chip.keys[:3])
        seen[*versions, chip.files[1].rights, chip.files[2].rights] += 1
        run(chip, protection)
        assert_complete(chip, protection)
    assert sum(seen.values()) == commands
    print(f"{names(protection)}: stopped after each of {commands} commands, {len(seen)} states met")


def test_a_repair_that_is_stopped_too_is_finished() -> None:
    protection = ALL
    stops = 0
    for stop in range(10, run(ntag424(SUN_MESSAGE), protection), 31):
        for again in range(0, 200, 23):
            chip = ntag424(SUN_MESSAGE)
            with pytest.raises(TagLost):
                run(chip, protection, stop, lost=True)
            chip = copied(chip)
            try:
                run(chip, protection, again, lost=True)
            except TagError:
                chip = copied(chip)
                assert_never_half_and_always_derivable(chip, protection, (stop, again))
                run(chip, protection)
                stops += 1
            assert_complete(chip, protection)
    assert stops >= 10


@pytest.mark.parametrize(
    "sw", ["91AE", "911E", "6982", "", "91", "00" * 18 + "9000", "FF" * 18 + "9100", "01" * 7 + "9100"]
)
def test_a_wrong_answer_to_any_command_is_no_false_success_and_the_next_run_finishes(sw: str) -> None:
    commands = run(ntag424(MESSAGE), PASSWORD)
    ended: Counter[str] = Counter()
    for stop in range(commands):
        chip = ntag424(MESSAGE)
        link = ApduChipLink(chip)
        plan = planned(link, PASSWORD)
        start, real = len(link.sent), link.transceive

        def transceive(
            apdu: bytes, *, secret: bool = False, link: ApduChipLink = link, at: int = start + stop, real: object = real
        ) -> bytes:
            if len(link.sent) == at:
                link.sent.append(apdu)
                return bytes.fromhex(sw)
            assert callable(real)
            answer = real(apdu, secret=secret)
            assert isinstance(answer, bytes)
            return answer

        link.transceive = transceive  # type: ignore[method-assign]
        failed: TagError | None = None
        try:
            protect(link, plan, KEYS)
        except TagError as error:
            failed = error
        ended["done" if failed is None else type(failed).__name__] += 1
        if failed is not None and chip.keys[0].value == DERIVED[0]:
            assert not isinstance(failed, TagRefused), "a refusal says that nothing was done"
            assert failed.facts["tag_state"] == "unknown"
        if failed is None:
            assert_complete(chip, PASSWORD)
        chip = copied(chip)
        assert chip.keys[0].value in (bytes(16), DERIVED[0])
        run(chip, PASSWORD)
        assert chip.keys[0].value == DERIVED[0]
        assert chip.files[2].rights == 0xE000
    # A garbled answer to a selection, or to the write that must be refused, may leave the work whole all the same.
    assert ended["done"] < commands / 4
    assert sum(ended.values()) == commands
