"""Locks and passwords of Type 5 tags: planned, taken, proved, finished after any stop."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from dpptag.errors import TagLost, TagNak, TagRefused, TagWriteFailed
from dpptag.sim.type5 import SLIX, SLIX2, ST25DV04K, ST25TV02K, Iso15693Chip, Model
from dpptag.sim.type5_custom import Icode, St25dv
from dpptag.tags import (
    Content,
    ContentState,
    Lock,
    Protection,
    apply,
    identify,
    plan_protection,
    plan_write,
    protect,
    type5_protection,
)
from tests.unit.tags.chip_link import message_of
from tests.unit.tags.test_type2_tear import TEARS
from tests.unit.tags.type5_link import Keys, Type5ChipLink, put_memory, type5_with, uid_of

MESSAGE = message_of(60)
LOCK = Protection(lock=Lock.PERMANENT)
PASSWORD = Protection(password=True)
BOTH = Protection(password=True, lock=Lock.PERMANENT)
KEYS = Keys()
AREA_BLOCKS = {"SLIX": 27, "SLIX2": 79, "ST25TV02K": 63}


def protected(chip: Iso15693Chip, protection: Protection, keys: Keys | None = KEYS) -> Type5ChipLink:
    link = Type5ChipLink(chip)
    protect(link, plan_protection(identify(link), protection, keys), keys)
    return link


def stops(make: Callable[[], Iso15693Chip], protection: Protection) -> int:
    """Pull the tag before each change in turn, see the message whole, do it again; returns how many stops.

    The last stop is in the proof, whose write would change something on a chip that is not protected.
    """
    for k in range(1000):
        link = Type5ChipLink(make())
        plan = plan_protection(identify(link), protection, KEYS)
        link.writes_left = k
        try:
            protect(link, plan, KEYS)
        except TagLost:
            assert identify(Type5ChipLink(link.chip)).ndef == MESSAGE
            protected(link.chip, protection)
            assert identify(Type5ChipLink(link.chip)).ndef == MESSAGE
        else:
            return k
    raise AssertionError("it never ended")


def test_a_tag_is_locked_block_by_block_and_stays_readable() -> None:
    for model in (SLIX, SLIX2, ST25TV02K):
        chip = type5_with(MESSAGE, model)
        link = protected(chip, LOCK)
        assert chip.locked == set(range(AREA_BLOCKS[model.name]))
        assert chip.memory[0][1] == 0x43
        tag = identify(link)
        assert tag.ndef == MESSAGE
        for block in chip.locked:
            with pytest.raises(TagNak):
                link.write(block, b"\xee" * 4)
        with pytest.raises(TagRefused):
            plan_write(tag, b"")


def test_the_plan_lists_every_block_and_marks_it_irreversible() -> None:
    plan = plan_protection(identify(Type5ChipLink(type5_with(MESSAGE, SLIX))), LOCK)
    assert [(step.unit, step.at) for step in plan.steps] == [("block", 0), *(("lock", block) for block in range(27))]
    assert plan.irreversible == plan.steps[1:]
    assert plan.derivation is None


def test_the_cc_is_locked_too_where_it_has_8_bytes() -> None:
    chip = type5_with(MESSAGE, cc="E140000100000026")
    protected(chip, LOCK)
    assert b"".join(chip.memory[:2]).hex() == "e143000100000026"
    assert chip.locked == set(range(78))


def test_a_lock_that_stops_before_any_step_is_finished_by_doing_it_again() -> None:
    assert stops(lambda: type5_with(MESSAGE, SLIX), LOCK) == 1 + 27 + 1


def test_a_lock_with_all_its_steps_only_proves_itself() -> None:
    chip = type5_with(MESSAGE, SLIX)
    link = Type5ChipLink(chip)
    first = plan_protection(identify(link), LOCK)
    protect(link, first)
    assert plan_protection(identify(link), LOCK).steps == ()
    before = chip.changes
    protect(link, first)
    assert chip.changes == before


def test_a_cc_that_was_torn_by_the_lock_is_repaired_by_writing() -> None:
    for mangle in TEARS.values():
        link = Type5ChipLink(type5_with(MESSAGE, SLIX))
        plan = plan_protection(identify(link), LOCK)
        link.writes_left, link.tear = 0, mangle
        with pytest.raises(TagLost):
            protect(link, plan)
        again = Type5ChipLink(link.chip)
        tag = identify(again)
        assert tag.content.state in (ContentState.MESSAGE, ContentState.TORN)
        assert link.chip.locked == set()
        apply(again, plan_write(tag, MESSAGE))
        protected(link.chip, LOCK)


def test_an_incomplete_tag_is_never_locked() -> None:
    chip = type5_with(MESSAGE, SLIX)
    link = Type5ChipLink(chip)
    plan = plan_protection(identify(link), LOCK)
    for header in ("0300FE00", "033dd500", "00000000"):
        chip.memory[1] = bytes.fromhex(header)
        with pytest.raises(TagRefused) as caught:
            plan_protection(identify(link), LOCK)
        assert caught.value.code == "tag-not-complete"
        with pytest.raises(TagRefused):
            protect(link, plan)
    chip.memory[0] = bytes.fromhex("E140FF01")
    with pytest.raises(TagRefused):
        protect(link, plan)
    assert chip.locked == set()


def test_a_plan_can_be_made_before_the_tag_is_written() -> None:
    blank = identify(Type5ChipLink(type5_with(None, SLIX2)))
    written = replace(blank, content=Content(ContentState.MESSAGE, MESSAGE))
    plan = plan_protection(written, BOTH, KEYS)
    assert plan.derivation == f"test:{uid_of(SLIX2).hex()}:type5-password"
    assert plan.steps[0].data.hex() == "e1432701"


@pytest.mark.parametrize(
    ("model", "protection", "code", "reason"),
    [
        (SLIX, PASSWORD, "tag-no-password", "EAS"),
        (ST25TV02K, PASSWORD, "tag-no-password", "not known well enough"),
        (ST25DV04K, LOCK, "tag-no-lock", "I2C"),
        (SLIX2, Protection(sun=True), "tag-no-sun", "mirrors nothing"),
    ],
    ids=["SLIX", "ST25TV02K", "ST25DV04K", "SUN"],
)
def test_what_a_chip_does_not_offer_is_refused_with_the_reason(
    model: Model, protection: Protection, code: str, reason: str
) -> None:
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(Type5ChipLink(type5_with(MESSAGE, model))), protection, KEYS)
    assert caught.value.code == code
    assert reason in caught.value.message


def test_a_reader_that_passes_no_commands_locks_and_protects_nothing() -> None:
    tag = identify(Type5ChipLink(type5_with(MESSAGE), passes_commands=False))
    for protection in (LOCK, PASSWORD):
        with pytest.raises(TagRefused) as caught:
            plan_protection(tag, protection, KEYS)
        assert caught.value.code == "reader-commands"
    assert plan_protection(tag, Protection(), None).steps == ()


def test_keys_must_be_at_hand_for_a_password() -> None:
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(Type5ChipLink(type5_with(MESSAGE))), PASSWORD, None)
    assert caught.value.code == "tag-no-keys"


def test_slix2_asks_for_its_password_to_write_and_not_to_read() -> None:
    chip = type5_with(MESSAGE)
    link = protected(chip, PASSWORD)
    assert isinstance(chip.custom, Icode)
    assert chip.custom.passwords[2] == KEYS.key(chip.uid, "type5-password")[:4]
    assert (chip.custom.pointer, chip.custom.condition) == (0, 0x22)
    assert chip.custom.passwords[1] == bytes(4)
    tag = identify(link)
    assert (tag.ndef, tag.password_protected) == (MESSAGE, True)
    for block in range(79):
        with pytest.raises(TagNak):
            link.write(block, bytes(4))
    with pytest.raises(TagRefused) as caught:
        plan_write(tag, b"")
    assert caught.value.code == "tag-password"


def test_st25dv_asks_for_its_password_and_its_configuration_is_closed() -> None:
    chip = type5_with(MESSAGE, ST25DV04K)
    link = protected(chip, PASSWORD)
    assert isinstance(chip.custom, St25dv)
    area, configuration = (KEYS.key(chip.uid, name)[:8] for name in ("type5-password", "type5-config"))
    assert chip.custom.passwords == [configuration, area, bytes(8), bytes(8)]
    assert chip.custom.registers[4] == 0x05
    with pytest.raises(TagNak):
        link.write(1, bytes(4))
    assert identify(link).ndef == MESSAGE


def test_a_password_plan_shows_no_secret() -> None:
    for model in (SLIX2, ST25DV04K):
        chip = type5_with(MESSAGE, model)
        plan = plan_protection(identify(Type5ChipLink(chip)), PASSWORD, KEYS)
        secret = KEYS.key(chip.uid, "type5-password")[:4].hex(" ").upper()
        assert secret not in str(plan)
        assert plan.irreversible == ()
        assert plan.derivation is not None


@pytest.mark.parametrize(
    ("model", "protection", "changes"),
    [(SLIX2, PASSWORD, 2), (ST25DV04K, PASSWORD, 3)],
    ids=["SLIX2", "ST25DV04K"],
)
def test_a_protection_that_stops_before_any_step_is_finished(
    model: Model, protection: Protection, changes: int
) -> None:
    assert stops(lambda: type5_with(MESSAGE, model), protection) == changes + 1


def test_lock_and_password_together_lock_first_and_stop_between_them() -> None:
    link = Type5ChipLink(type5_with(MESSAGE))
    plan = plan_protection(identify(link), BOTH, KEYS)
    assert [step.unit for step in plan.steps] == ["block", *["lock"] * 79, "password", "page"]
    for k in (0, 1, 40, 80, 81):
        link = Type5ChipLink(type5_with(MESSAGE))
        link.writes_left = k
        with pytest.raises(TagLost):
            protect(link, plan, KEYS)
        again = protected(link.chip, BOTH)
        assert link.chip.locked == set(range(79))
        assert identify(again).password_protected


def test_a_tag_with_our_password_is_locked_later_and_with_another_it_is_refused() -> None:
    chip = type5_with(MESSAGE)
    protected(chip, PASSWORD)
    with pytest.raises(TagRefused) as caught:
        protected(chip, LOCK, None)
    assert caught.value.code == "tag-password"
    with pytest.raises(TagRefused) as caught:
        protected(chip, LOCK, Keys(b"another master"))
    assert caught.value.code == "tag-password"
    assert chip.locked == set()
    protected(chip, LOCK)
    assert chip.locked == set(range(79))


def test_a_password_that_is_neither_ours_nor_the_delivered_one_is_refused() -> None:
    for number in (1, 2):
        chip = type5_with(MESSAGE)
        assert isinstance(chip.custom, Icode)
        chip.custom.passwords[number] = b"abcd"
        with pytest.raises(TagRefused) as caught:
            protected(chip, PASSWORD)
        assert (caught.value.code, caught.value.facts["password"]) == ("tag-password", number)
        assert chip.custom.condition == 0
    chip = type5_with(MESSAGE, ST25DV04K)
    assert isinstance(chip.custom, St25dv)
    chip.custom.passwords[0] = b"abcdefgh"
    with pytest.raises(TagRefused):
        protected(chip, PASSWORD)
    assert chip.custom.registers[4] == 0


@pytest.mark.parametrize("number", [1, 2])
def test_a_foreign_password_is_refused_before_anything_is_locked_for_ever(number: int) -> None:
    chip = type5_with(MESSAGE)
    assert isinstance(chip.custom, Icode)
    chip.custom.passwords[number] = b"abcd"
    before = chip.changes
    with pytest.raises(TagRefused) as caught:
        protected(chip, BOTH)
    assert (caught.value.code, caught.value.facts["tag_state"]) == ("tag-password", "untouched")
    assert (chip.locked, chip.changes) == (set(), before)


def test_what_is_refused_after_a_change_is_a_failure_and_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type5_protection, "check_can_protect", lambda *_: None)  # the password turns foreign behind it
    chip = type5_with(MESSAGE)
    assert isinstance(chip.custom, Icode)
    chip.custom.passwords[2] = b"abcd"
    with pytest.raises(TagWriteFailed) as caught:
        protected(chip, BOTH)
    assert chip.locked
    assert (caught.value.facts["refusal"], caught.value.facts["tag_state"]) == ("tag-password", "unknown")


def test_a_plan_for_what_the_tag_held_before_locks_nothing() -> None:
    chip = type5_with(MESSAGE)
    link = Type5ChipLink(chip)
    plan = plan_protection(identify(link), LOCK)
    put_memory(chip, b"".join(type5_with(message_of(40, seed=3), cc="E140000100000026").memory))
    before = chip.changes
    with pytest.raises(TagRefused) as caught:
        protect(link, plan)
    assert (caught.value.code, chip.changes) == ("tag-changed", before)


def test_st25dv_with_other_areas_is_refused_before_the_first_step() -> None:
    chip = type5_with(MESSAGE, ST25DV04K)
    assert isinstance(chip.custom, St25dv)
    chip.custom.registers[5] = 0x07
    with pytest.raises(TagRefused) as caught:
        protected(chip, PASSWORD)
    assert caught.value.code == "tag-configuration"
    assert chip.custom.passwords == [bytes(8)] * 4


def test_page_protection_that_is_there_already_keeps_its_border() -> None:
    chip = type5_with(MESSAGE)
    assert isinstance(chip.custom, Icode)
    chip.custom.pointer, chip.custom.condition = 40, 0x00
    protected(chip, PASSWORD)
    assert (chip.custom.pointer, chip.custom.condition) == (40, 0x22)


def test_a_lock_that_does_not_show_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = type5_with(MESSAGE, SLIX)
    monkeypatch.setattr(Iso15693Chip, "_lock", lambda *_: b"")
    with pytest.raises(TagWriteFailed) as caught:
        protected(chip, LOCK)
    assert (caught.value.code, caught.value.facts["block"]) == ("lock-failed", 0)


def test_a_cc_that_does_not_keep_its_bytes_is_found_before_any_lock() -> None:
    chip = type5_with(MESSAGE, SLIX)
    chip.program = lambda block, data: bytes.fromhex("E1400D01") if block == 0 else data
    with pytest.raises(TagWriteFailed):
        protected(chip, LOCK)
    assert chip.locked == set()


def test_a_chip_that_takes_a_write_in_spite_of_its_protection_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = type5_with(MESSAGE)
    monkeypatch.setattr(Icode, "check_write", lambda *_: None)
    with pytest.raises(TagWriteFailed, match="took a write"):
        protected(chip, PASSWORD)
    assert identify(Type5ChipLink(chip)).ndef == MESSAGE
    assert chip.memory[78] == bytes(4), "what the proof wrote is put back"


@pytest.mark.parametrize(
    ("model", "protection"), [(SLIX, LOCK), (SLIX2, PASSWORD), (ST25DV04K, PASSWORD)], ids=["lock", "SLIX2", "ST25DV"]
)
def test_a_reader_that_misses_the_late_answers_of_writes_is_no_hindrance(
    model: Model, protection: Protection, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = Iso15693Chip.exchange

    def late(chip: Iso15693Chip, frame: bytes) -> bytes | None:
        before = chip.changes
        answer = exchange(chip, frame)
        return answer if chip.changes == before or frame[1] == 0x21 else None

    monkeypatch.setattr(Iso15693Chip, "exchange", late)
    chip = type5_with(MESSAGE, model)
    protected(chip, protection)
    assert identify(Type5ChipLink(chip)).ndef == MESSAGE


def test_a_reader_that_calls_a_refused_write_done_proves_no_less(monkeypatch: pytest.MonkeyPatch) -> None:
    write = Type5ChipLink.write

    def deaf(link: Type5ChipLink, block: int, data: bytes) -> None:
        with contextlib.suppress(TagNak):
            write(link, block, data)

    monkeypatch.setattr(Type5ChipLink, "write", deaf)
    chip = type5_with(MESSAGE, SLIX)
    protected(chip, LOCK)
    assert chip.locked == set(range(27))


def test_a_locked_cc_that_says_writable_is_refused() -> None:
    chip = type5_with(MESSAGE, SLIX)
    chip.locked.add(0)
    with pytest.raises(TagRefused) as caught:
        protected(chip, LOCK)
    assert caught.value.code == "tag-locked"
