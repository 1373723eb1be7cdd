"""DESFire EV1 to EV3: formatted, written, and what is refused of them."""

from __future__ import annotations

from collections import Counter

import pytest

from dpptag.errors import TagLost, TagNak, TagRefused
from dpptag.sim.desfire import GENERATIONS, Desfire
from dpptag.tags import ContentState, apply, identify, plan_write, read_back
from tests.unit.tags.apdu_link import ApduChipLink
from tests.unit.tags.type4_rig import MESSAGE, UID, two_records

NAMES = sorted(GENERATIONS)
LONG = two_records("id.example.com/01/09520123456788/21/1", bytes(250))


def desfire(name: str, *, formatted: bool) -> Desfire:
    return Desfire(GENERATIONS[name], UID, formatted=formatted)


def copied(chip: Desfire) -> Desfire:
    return Desfire(chip.generation, chip.uid, chip.record(), formatted=chip.formatted)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("message", [MESSAGE, LONG], ids=["short", "long"])
def test_a_formatted_card_is_told_written_and_read_back(name: str, message: bytes) -> None:
    link = ApduChipLink(desfire(name, formatted=True))
    tag = identify(link)
    assert tag.chip_name == name.replace("DESFIRE-", "DESFire ")
    assert (tag.capacity, tag.content.state, tag.writable) == (2048, ContentState.EMPTY, True)
    assert apply(link, plan_write(tag, message)) >= 2
    assert read_back(link, tag, message) == message
    assert identify(link).ndef == message
    assert plan_write(identify(link), message).steps == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_card_is_formatted_only_where_that_is_allowed(name: str) -> None:
    chip = desfire(name, formatted=False)
    link = ApduChipLink(chip)
    tag = identify(link)
    assert (tag.content.state, tag.capacity) == (ContentState.UNFORMATTED, 1024)
    with pytest.raises(TagRefused) as caught:
        plan_write(tag, MESSAGE)
    assert caught.value.code == "tag-unformatted"
    assert not chip.applications
    plan = plan_write(tag, MESSAGE, allow_format=True)
    assert [(step.unit, step.at) for step in plan.steps[:4]] == [
        ("command", 0xCA),
        ("command", 0xCD),
        ("command", 0xCD),
        ("offset", 0),
    ]
    assert "create the NDEF application" in str(plan)
    apply(link, plan)
    assert read_back(link, tag, MESSAGE) == MESSAGE
    fresh = identify(link)
    assert (fresh.ndef, fresh.capacity, fresh.writable) == (MESSAGE, 1024, True)


@pytest.mark.parametrize("lost", [False, True], ids=["command lost", "answer lost"])
def test_a_format_stopped_at_any_command_is_finished_by_the_next_run(lost: bool) -> None:
    states: Counter[str] = Counter()
    for stop in range(100):
        chip = desfire("DESFIRE-EV1", formatted=False)
        link = ApduChipLink(chip)
        plan = plan_write(identify(link), MESSAGE, allow_format=True)
        link.left, link.unanswered = stop, lost
        try:
            apply(link, plan)
            break
        except TagLost:
            again = ApduChipLink(copied(chip))
        tag = identify(again)
        states[tag.content.state.value] += 1
        assert tag.ndef in (None, b"", MESSAGE)
        apply(again, plan_write(tag, MESSAGE, allow_format=tag.content.state is ContentState.UNFORMATTED))
        assert read_back(again, tag, MESSAGE) == MESSAGE
        assert identify(again).ndef == MESSAGE
    else:
        raise AssertionError("the format never came to its end")
    print(states)
    assert states["unformatted"] >= 6
    assert states["empty"] >= 3


def test_a_foreign_application_of_the_same_name_is_not_touched() -> None:
    chip = desfire("DESFIRE-EV2", formatted=True)
    application = chip.applications[0]
    application.files[1].content[:] = bytes(15)
    application.files[9] = application.files[2]
    link = ApduChipLink(chip)
    tag = identify(link)
    assert tag.content.state is ContentState.FOREIGN
    with pytest.raises(TagRefused) as caught:
        plan_write(tag, MESSAGE, allow_format=True)
    assert caught.value.code == "tag-foreign"


def test_a_card_that_lets_nobody_create_stays_as_it_was() -> None:
    chip = desfire("DESFIRE-EV3", formatted=False)
    link = ApduChipLink(chip)
    plan = plan_write(identify(link), MESSAGE, allow_format=True)
    real = link.transceive
    link.transceive = lambda apdu, *, secret=False: (  # type: ignore[method-assign]
        b"\x91\xae" if apdu[1] == 0xCA else real(apdu, secret=secret)
    )
    with pytest.raises(TagNak) as caught:
        apply(link, plan)
    assert (caught.value.facts["sw"], caught.value.facts["tag_state"]) == ("91ae", "untouched")
    assert not chip.applications


def test_a_file_that_needs_a_key_is_refused_before_the_first_byte() -> None:
    chip = desfire("DESFIRE-EV1", formatted=True)
    chip.applications[0].files[2].rights = 0xE000
    with pytest.raises(TagRefused) as caught:
        plan_write(identify(ApduChipLink(chip)), MESSAGE)
    assert caught.value.code == "tag-password"
