"""A Type 3 write that stops anywhere: what the tag then shows, and that writing again finishes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import TagLost
from dpptag.sim.felica import LITE_S, FelicaLite
from dpptag.tags import ContentState, apply, identify, plan_write, read_back
from tests.unit.tags.chip_link import message_of
from tests.unit.tags.felica_link import IDM, FelicaChipLink, felica_with


def _bits(old: bytes, new: bytes, keep: Callable[[int, int], int]) -> bytes:
    return bytes(keep(a, b) for a, b in zip(old, new, strict=True))


TEARS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "nothing": lambda old, new: old,
    **{f"first {n}": lambda old, new, n=n: new[:n] + old[n:] for n in (1, 4, 8, 10, 12, 14, 15)},
    **{f"last {n}": lambda old, new, n=n: old[:-n] + new[-n:] for n in (1, 2, 4, 6, 8, 15)},
    "erased to 0": lambda old, new: bytes(16),
    "erased to 1": lambda old, new: b"\xff" * 16,
    "and": lambda old, new: _bits(old, new, lambda a, b: a & b),
    "or": lambda old, new: _bits(old, new, lambda a, b: a | b),
    "half programmed": lambda old, new: _bits(old, new, lambda a, b: b & 0x5A),
    "half erased": lambda old, new: _bits(old, new, lambda a, b: a & 0xA5),
    "noise": lambda old, new: bytes.fromhex("5ac33c99") * 4,
}

PAIRS: list[tuple[bytes, bytes]] = [
    (b"", message_of(60)),
    (message_of(60), message_of(130, seed=1)),
    (message_of(130, seed=1), message_of(60)),
    (message_of(60), message_of(60)[:-1] + b"9"),
    (message_of(208), message_of(208, seed=9)),
    (message_of(60), b""),
    (message_of(60), message_of(60)[:32] + message_of(60)[32:]),
]


def finish(chip: FelicaLite, new: bytes, *, allow_format: bool = False) -> None:
    link = FelicaChipLink(chip)
    tag = identify(link)
    apply(link, plan_write(tag, new, allow_format=allow_format))
    assert read_back(link, tag, new) == new
    assert b"".join(chip.blocks[number] for number in range(1, 14)) == new.ljust(208, b"\0")


def test_every_stopped_write_leaves_old_torn_or_new_and_can_be_finished() -> None:
    found: Counter[str] = Counter()
    for old, new in PAIRS:
        planned = len(plan_write(identify(FelicaChipLink(felica_with(old))), new).steps)
        for k in range(planned):
            for tear, mangle in TEARS.items():
                link = FelicaChipLink(felica_with(old))
                plan = plan_write(identify(link), new)
                link.writes_left, link.tear = k, mangle
                with pytest.raises(TagLost):
                    apply(link, plan)
                content = identify(FelicaChipLink(link.chip)).content
                found[content.state.value] += 1
                if content.ndef is not None:
                    assert content.ndef in (old, new), (len(old), len(new), k, tear)
                    assert k in (0, planned - 1)
                else:
                    assert content.state is ContentState.TORN
                finish(link.chip, new)
    print(f"{sum(found.values())} stopped writes: {dict(found)}")
    assert found == {"torn": 1056, "message": 30, "empty": 6}


def test_a_format_that_is_stopped_leaves_a_blank_and_can_be_finished() -> None:
    planned = plan_write(identify(FelicaChipLink(FelicaLite(LITE_S, IDM))), message_of(60), allow_format=True)
    for k in range(len(planned.steps)):
        link = FelicaChipLink(FelicaLite(LITE_S, IDM))
        plan = plan_write(identify(link), message_of(60), allow_format=True)
        link.writes_left = k
        with pytest.raises(TagLost):
            apply(link, plan)
        assert identify(FelicaChipLink(link.chip)).content.state is ContentState.UNFORMATTED
        finish(link.chip, message_of(60), allow_format=True)


messages = st.sampled_from([0, 3, 15, 16, 17, 207, 208]) | st.integers(3, 208)


@settings(max_examples=40, deadline=None)
@given(old=messages, new=messages, seeds=st.tuples(st.integers(0, 255), st.integers(0, 255)))
def test_any_old_and_new_message_at_any_stop(old: int, new: int, seeds: tuple[int, int]) -> None:
    before = message_of(old, seeds[0]) if old else b""
    after = message_of(new, seeds[1]) if new else b""
    chip = felica_with(before)
    link = FelicaChipLink(chip)
    plan = plan_write(identify(link), after)
    assert apply(link, plan) == len(plan.steps)
    assert b"".join(chip.blocks[number] for number in range(14)) == plan.wanted
    for k in range(len(plan.steps)):
        link = FelicaChipLink(felica_with(before))
        link.writes_left = k
        with pytest.raises(TagLost):
            apply(link, plan)
        content = identify(FelicaChipLink(link.chip)).content
        assert content.state is ContentState.TORN or (k == 0 and content.ndef == before)
        finish(link.chip, after)
