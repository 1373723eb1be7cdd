"""The lock of FeliCa Lite tags: planned, taken, read back, proved, finished after any stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dpptag.errors import TagLost, TagNak, TagRefused, TagWriteFailed
from dpptag.sim.felica import LITE, LITE_S, FelicaLite
from dpptag.tags import (
    Content,
    ContentState,
    Lock,
    Protection,
    identify,
    plan_protection,
    plan_write,
    protect,
)
from tests.unit.tags.chip_link import message_of
from tests.unit.tags.felica_link import IDM, FelicaChipLink, attribute_block, felica_with

MESSAGE = message_of(60)
LOCK = Protection(lock=Lock.PERMANENT)
LOCKED_MC = bytes.fromhex("0040FF0107") + bytes(11)


def locked(chip: FelicaLite) -> FelicaChipLink:
    link = FelicaChipLink(chip)
    protect(link, plan_protection(identify(link), LOCK))
    return link


@pytest.mark.parametrize("model", [LITE_S, LITE])
def test_a_locked_tag_reads_as_before_and_takes_no_write(model: object) -> None:
    chip = felica_with(MESSAGE, model)  # type: ignore[arg-type]
    link = locked(chip)
    assert chip.blocks[0x88] == LOCKED_MC
    assert chip.blocks[0] == attribute_block(60, access=0)
    assert identify(link).ndef == MESSAGE
    for block in range(14):
        with pytest.raises(TagNak):
            link.write(0x0009, (block,), bytes(16))
    link.write(0x0009, (0x88,), b"\xff\xff\xff\x01" + b"\xff" * 12)
    link.reselect()
    assert chip.blocks[0x88][:2] == LOCKED_MC[:2]
    assert chip.blocks[0x88][6:13] == bytes(7)
    with pytest.raises(TagRefused, match="read-only"):
        plan_write(identify(link), b"")


def test_the_plan_names_each_step_and_marks_the_irreversible_one() -> None:
    plan = plan_protection(identify(FelicaChipLink(felica_with(MESSAGE))), LOCK)
    assert [(step.at, step.irreversible) for step in plan.steps] == [(0, False), (0x88, True)]
    assert plan.derivation is None
    assert "IRREVERSIBLE" in str(plan)


def test_no_protection_is_no_step_and_nothing_is_sent() -> None:
    link = FelicaChipLink(felica_with(MESSAGE))
    plan = plan_protection(identify(link), Protection())
    before = link.frames
    protect(link, plan)
    assert (plan.steps, link.frames) == ((), before)


def test_a_password_and_sun_are_refused() -> None:
    tag = identify(FelicaChipLink(felica_with(MESSAGE)))
    for protection, code in ((Protection(password=True), "tag-no-password"), (Protection(sun=True), "tag-no-sun")):
        with pytest.raises(TagRefused) as caught:
            plan_protection(tag, protection)
        assert caught.value.code == code
        assert "card key" in caught.value.message


@pytest.mark.parametrize("block", [attribute_block(0), attribute_block(60, write_flag=0x0F), bytes(16)])
def test_a_tag_without_a_whole_message_is_never_locked(block: bytes) -> None:
    chip = felica_with(MESSAGE)
    link = FelicaChipLink(chip)
    plan = plan_protection(identify(link), LOCK)
    chip.blocks[0] = block
    with pytest.raises(TagRefused) as caught:
        plan_protection(identify(link), LOCK)
    assert caught.value.code == "tag-not-complete"
    with pytest.raises(TagRefused):
        protect(link, plan)
    assert chip.blocks[0x88][:2] == b"\xff\xff"


def test_a_plan_for_another_message_locks_nothing() -> None:
    chip = felica_with(MESSAGE)
    link = FelicaChipLink(chip)
    plan = plan_protection(identify(link), LOCK)
    chip.blocks.update(felica_with(message_of(100, seed=5)).blocks)
    with pytest.raises(TagRefused) as caught:
        protect(link, plan)
    assert caught.value.code == "tag-changed"
    assert link.written == []


def test_a_plan_can_be_made_before_the_tag_is_written() -> None:
    blank = identify(FelicaChipLink(FelicaLite(LITE_S, IDM)))
    planned = plan_protection(replace(blank, content=Content(ContentState.MESSAGE, MESSAGE)), LOCK)
    assert planned.steps[0].data == attribute_block(60, access=0)


def test_a_lock_that_stops_anywhere_is_finished_by_doing_it_again() -> None:
    for k in range(2):
        link = FelicaChipLink(felica_with(MESSAGE))
        plan = plan_protection(identify(link), LOCK)
        link.writes_left = k
        with pytest.raises(TagLost):
            protect(link, plan)
        again = FelicaChipLink(link.chip)
        assert identify(again).ndef == MESSAGE
        assert len(plan_protection(identify(again), LOCK).steps) == 2 - k
        locked(link.chip)
        assert link.chip.blocks[0x88] == LOCKED_MC
    chip = felica_with(MESSAGE)
    first = plan_protection(identify(FelicaChipLink(chip)), LOCK)
    locked(chip)
    assert plan_protection(identify(FelicaChipLink(chip)), LOCK).steps == ()
    link = FelicaChipLink(chip)
    protect(link, first)
    assert link.written == []


def test_a_torn_attribute_block_is_repaired_by_writing_and_then_locked() -> None:
    link = FelicaChipLink(felica_with(MESSAGE))
    plan = plan_protection(identify(link), LOCK)
    link.writes_left, link.tear = 0, lambda old, new: new[:12] + b"\xff" * 4
    with pytest.raises(TagLost):
        protect(link, plan)
    again = FelicaChipLink(link.chip)
    tag = identify(again)
    assert tag.content.state is ContentState.TORN
    (repair,) = plan_write(tag, MESSAGE).steps
    again.write(0x0009, (repair.at,), repair.data)
    locked(link.chip)


def test_write_bits_that_do_not_take_are_found() -> None:
    chip = felica_with(MESSAGE)
    chip.program = lambda block, data: b"\xff" * 16 if block == 0x88 else data
    with pytest.raises(TagWriteFailed) as caught:
        locked(chip)
    assert (caught.value.code, caught.value.facts["block"]) == ("lock-failed", 0x88)


def test_a_chip_that_takes_a_write_in_spite_of_its_lock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = felica_with(MESSAGE)
    monkeypatch.setattr(FelicaLite, "_is_read_only", lambda *_: False)
    with pytest.raises(TagWriteFailed, match="took a write"):
        locked(chip)


def test_frozen_write_bits_that_are_not_all_cleared_are_refused() -> None:
    chip = felica_with(MESSAGE)
    chip.blocks[0x88] = bytes.fromhex("FF7FFF0107") + bytes(11)
    with pytest.raises(TagRefused) as caught:
        locked(chip)
    assert caught.value.code == "tag-locked"
    chip = felica_with(MESSAGE)
    chip.blocks[0x88] = bytes.fromhex("FEFFFF0107") + bytes(11)
    with pytest.raises(TagRefused) as caught:
        locked(chip)
    assert caught.value.code == "tag-locked"
