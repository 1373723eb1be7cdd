"""A Type 5 write that stops anywhere: what the tag then shows, and that writing again finishes it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import TagLost
from dpptag.sim.type5 import SLIX, SLIX2, ST25DV04K, ST25TV02K, Iso15693Chip, Model
from dpptag.tags import ContentState, apply, identify, plan_write, read_back
from dpptag.tags.tlv import build_area
from tests.unit.tags.chip_link import message_of
from tests.unit.tags.test_type2_tear import TEARS
from tests.unit.tags.type5_link import Type5ChipLink, type5_with

IN_THE_BODY = ("nothing", "two bytes", "noise")  # what stands there is not looked at while the header is empty
WIDE = "E140000100000026"
PAIRS: list[tuple[Model, str | None, bytes, bytes]] = [
    (SLIX, None, b"", message_of(45)),
    (SLIX, None, message_of(45), message_of(102, seed=1)),
    (SLIX, None, message_of(102), message_of(45)),
    (SLIX2, None, message_of(45), message_of(45)[:-1] + b"9"),
    (SLIX2, None, message_of(254), message_of(255)),
    (SLIX2, WIDE, message_of(45), message_of(60)),
    (ST25TV02K, None, message_of(60), b""),
    (ST25DV04K, None, message_of(20), message_of(300)),
]


def finish(chip: Iso15693Chip, new: bytes, *, allow_format: bool = False) -> None:
    link = Type5ChipLink(chip)
    tag = identify(link)
    apply(link, plan_write(tag, new, allow_format=allow_format))
    assert read_back(link, tag, new) == new
    after = identify(link)
    assert after.memory == build_area(new, after.capacity)


def test_every_stopped_write_leaves_old_empty_torn_or_new_and_can_be_finished() -> None:
    found: Counter[str] = Counter()
    for model, cc, old, new in PAIRS:
        planned = len(plan_write(identify(Type5ChipLink(type5_with(old, model, cc))), new).steps)
        for k in range(planned):
            for tear in TEARS if k in (0, 1, planned - 2, planned - 1) else IN_THE_BODY:
                mangle = TEARS[tear]
                link = Type5ChipLink(type5_with(old, model, cc))
                plan = plan_write(identify(link), new)
                link.writes_left, link.tear = k, mangle
                with pytest.raises(TagLost):
                    apply(link, plan)
                content = identify(Type5ChipLink(link.chip)).content
                found[content.state.value] += 1
                at_header = k in (0, planned - 1)
                if content.state is ContentState.MESSAGE:
                    assert at_header
                    assert content.ndef in (old, new), (model.name, k, tear)
                elif content.state is not ContentState.EMPTY:
                    assert at_header
                    assert tear != "nothing"
                finish(link.chip, new, allow_format=content.state is ContentState.UNFORMATTED)
    print(f"{sum(found.values())} stopped writes: {dict(found)}")
    assert found == {"empty": 893, "torn": 99, "message": 33}


@pytest.mark.parametrize("model", [SLIX, SLIX2, ST25TV02K, ST25DV04K], ids=lambda model: model.name)
def test_a_format_that_is_stopped_anywhere_can_be_finished(model: Model) -> None:
    message = message_of(40)
    planned = len(plan_write(identify(Type5ChipLink(type5_with(None, model))), message, allow_format=True).steps)
    for k in range(planned):
        for mangle in TEARS.values():
            link = Type5ChipLink(type5_with(None, model))
            plan = plan_write(identify(link), message, allow_format=True)
            link.writes_left, link.tear = k, mangle
            with pytest.raises(TagLost):
                apply(link, plan)
            content = identify(Type5ChipLink(link.chip)).content
            assert content.ndef in (None, b"", message)
            assert content.state is not ContentState.FOREIGN or k == 0
            if content.state is not ContentState.FOREIGN:
                finish(link.chip, message, allow_format=True)


@settings(max_examples=30, deadline=None)
@given(
    model=st.sampled_from([SLIX, SLIX2]),
    lengths=st.tuples(*[st.sampled_from([0, 3, 4, 5, 6, 101, 102]) | st.integers(3, 102)] * 2),
    seed=st.integers(0, 255),
)
def test_any_old_and_new_message_at_any_stop(model: Model, lengths: tuple[int, int], seed: int) -> None:
    old, new = (message_of(length, seed + at) if length else b"" for at, length in enumerate(lengths))
    chip = type5_with(old, model)
    link = Type5ChipLink(chip)
    plan = plan_write(identify(link), new)
    assert apply(link, plan) == len(plan.steps)
    assert b"".join(chip.memory)[: len(plan.wanted)] == plan.wanted
    for k in range(len(plan.steps)):
        link = Type5ChipLink(type5_with(old, model))
        link.writes_left = k
        with pytest.raises(TagLost):
            apply(link, plan)
        assert identify(Type5ChipLink(link.chip)).ndef == (old if k == 0 else b"")
        finish(link.chip, new)
