"""A write that stops anywhere: what the tag then shows, and that writing again finishes it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import TagLost
from dpptag.sim.type2 import Type2Chip
from dpptag.tags import ContentState, apply, identify, plan_write, read_back
from dpptag.tags.tlv import build_area, read_area
from tests.unit.tags.chip_link import ChipLink, area_bytes, area_of, chip_with, message_of

TEXT = b"\x04id.example.com/01/09520123000027/21/4711"
URI = bytes((0xD1, 1, len(TEXT))) + b"U" + TEXT
TWO_RECORDS = b"\x91" + URI[1:] + bytes((0x55, 0, 67)) + bytes(range(67))


def _bits(old: bytes, new: bytes, keep: Callable[[int, int], int]) -> bytes:
    return bytes(keep(a, b) for a, b in zip(old, new, strict=True))


TEARS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "nothing": lambda old, new: old,
    "first byte": lambda old, new: new[:1] + old[1:],
    "two bytes": lambda old, new: new[:2] + old[2:],
    "three bytes": lambda old, new: new[:3] + old[3:],
    "last byte": lambda old, new: old[:3] + new[3:],
    "last two bytes": lambda old, new: old[:2] + new[2:],
    "last three bytes": lambda old, new: old[:1] + new[1:],
    "erased to 0": lambda old, new: bytes(4),
    "erased to 1": lambda old, new: b"\xff" * 4,
    "and": lambda old, new: _bits(old, new, lambda a, b: a & b),
    "or": lambda old, new: _bits(old, new, lambda a, b: a | b),
    "half programmed": lambda old, new: _bits(old, new, lambda a, b: b & 0x5A),
    "half erased": lambda old, new: _bits(old, new, lambda a, b: a & 0xA5),
    "noise": lambda old, new: bytes.fromhex("5ac33c99"),
}

PAIRS: list[tuple[str, bytes | None, bytes]] = [
    ("NTAG213", None, URI),  # as delivered, with the Lock Control TLV
    ("NTAG213", None, TWO_RECORDS),
    ("NTAG213", b"", URI),
    ("NTAG213", URI, TWO_RECORDS),
    ("NTAG213", TWO_RECORDS, URI),
    ("NTAG213", URI, URI[:-1] + b"9"),  # same length, changed body
    ("NTAG213", URI, URI),
    ("NTAG213", message_of(142), message_of(142, seed=1)),  # no terminator
    ("NTAG213", URI, message_of(3)),
    ("NTAG213", TWO_RECORDS, b""),
    ("NTAG215", URI, message_of(254)),
    ("NTAG215", message_of(254), message_of(255)),  # one length byte to three
    ("NTAG215", message_of(300), message_of(254)),
    ("NTAG215", None, message_of(492)),
    ("NTAG216", TWO_RECORDS, message_of(300)),
]


def stopped_at_every_write(name: str, old: bytes | None, new: bytes) -> Iterator[tuple[int, int, str, Type2Chip]]:
    """(k, writes planned, tear, chip) for each number k of whole writes and each tear of the one after them."""
    planned = len(plan_write(identify(ChipLink(chip_with(name, old))), new).steps)
    for k in range(planned):
        for tear, mangle in TEARS.items():
            link = ChipLink(chip_with(name, old))
            plan = plan_write(identify(link), new)
            link.writes_left, link.tear = k, mangle
            with pytest.raises(TagLost):
                apply(link, plan)
            yield k, planned, tear, link.chip


def finish(chip: Type2Chip, new: bytes) -> None:
    link = ChipLink(chip)
    tag = identify(link)
    apply(link, plan_write(tag, new))
    assert read_back(link, tag, new) == new
    assert area_of(chip) == build_area(new, area_bytes(chip))


def test_every_stopped_write_leaves_old_empty_torn_or_new_and_can_be_finished() -> None:
    found: Counter[str] = Counter()
    for name, old, new in PAIRS:
        before = identify(ChipLink(chip_with(name, old))).ndef
        for k, planned, tear, chip in stopped_at_every_write(name, old, new):
            content = identify(ChipLink(chip)).content
            inside_header = tear != "nothing" and (k in (0, planned - 1))
            if content.state is ContentState.EMPTY:
                found["empty"] += 1
            elif content.state is ContentState.MESSAGE:
                assert content.ndef in (before, new), (name, k, tear, content)
                assert k in (0, planned - 1), "a message may show only before the first or by the last write"
                found["old" if content.ndef == before else "new"] += 1
            else:
                assert inside_header, (name, k, tear, content)
                found[content.state.value] += 1
            if tear == "nothing" and k:
                assert content.state is ContentState.EMPTY
            finish(chip, new)
    print(f"{sum(found.values())} stopped writes: {dict(found)}")
    assert found == {"empty": 8068, "torn": 194, "old": 22, "new": 17, "unformatted": 1}


def test_a_repair_that_is_stopped_too_can_be_finished() -> None:
    old, new = URI, URI[:20] + b"/01/09520123000027/21/12"
    new = bytes((0xD1, 1, len(new) - 4)) + new[3:]
    stops = 0
    for _, planned, tear, chip in stopped_at_every_write("NTAG213", old, new):
        torn = list(chip.pages)
        left = len(plan_write(identify(ChipLink(chip)), new).steps)
        assert left <= planned
        for k in range(left):
            again = Type2Chip(chip.model, chip.uid, torn)
            link = ChipLink(again)
            plan = plan_write(identify(link), new)
            link.writes_left, link.tear = k, TEARS[tear]
            with pytest.raises(TagLost):
                apply(link, plan)
            content = identify(ChipLink(again)).content
            assert content.ndef in (None, b"", old, new)
            finish(again, new)
            stops += 1
    assert stops == 759


def test_a_format_that_is_stopped_leaves_a_blank_cc_or_the_right_one_and_can_be_finished() -> None:
    stops = 0
    for k in itertools.count():
        chip = chip_with("NTAG213")
        for page in (3, 4, 5):
            chip.pages[page] = bytes(4)
        link = ChipLink(chip)
        plan = plan_write(identify(link), URI, allow_format=True)
        assert [step.at for step in plan.steps[-2:]] == [3, 4]
        if k >= len(plan.steps):
            break
        link.writes_left = k
        with pytest.raises(TagLost):
            apply(link, plan)
        tag = identify(ChipLink(chip))
        formatted = k == len(plan.steps) - 1
        assert tag.content.state is (ContentState.EMPTY if formatted else ContentState.UNFORMATTED)
        link = ChipLink(chip)
        apply(link, plan_write(tag, URI, allow_format=not formatted))
        assert read_back(link, tag, URI) == URI
        assert chip.pages[3] == bytes.fromhex("E1101200")
        stops += 1
    assert stops == len(plan.steps)


def header_tears(old: bytes, new: bytes) -> Iterator[bytes]:
    """Every page that keeps only some of the set bits of ``old`` (erasing) or of ``new`` (programming).

    Cells that erase to 1 are left out: there a few headers in ten million would parse as another message; whatever
    reads a message off a tag has its signature to check.
    """
    for page in (old, new):
        value = int.from_bytes(page, "big")
        bits = [1 << bit for bit in range(32) if value >> bit & 1]
        for chosen in itertools.product((0, 1), repeat=len(bits)):
            yield sum(bit * kept for bit, kept in zip(bits, chosen, strict=True)).to_bytes(4, "big")


@pytest.mark.parametrize("message", [URI, TWO_RECORDS, message_of(300)], ids=["one record", "two records", "long"])
def test_no_half_erased_or_half_programmed_header_is_a_wrong_message(message: bytes) -> None:
    area = build_area(message, 144 if len(message) <= 142 else 496)
    seen: Counter[ContentState] = Counter()
    for header in set(header_tears(bytes.fromhex("0300FE00"), area[:4])):
        content = read_area(header + area[4:])
        seen[content.state] += 1
        assert content.ndef in (None, b"", message)
    assert seen[ContentState.MESSAGE] == 1


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_old_and_new_message_at_any_stop(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["NTAG213", "NTAG215"]))
    room = 142 if name == "NTAG213" else 492
    lengths = st.sampled_from([0, 3, 4, 5, 6, room - 1, room, min(room, 254), min(room, 255)]) | st.integers(3, room)
    messages = lengths.flatmap(lambda n: st.integers(0, 255).map(lambda seed: message_of(n, seed) if n else b""))
    old, new = data.draw(messages), data.draw(messages)
    whole = chip_with(name, old)
    link = ChipLink(whole)
    plan = plan_write(identify(link), new)
    assert apply(link, plan) == len(plan.steps)
    assert area_of(whole) == plan.wanted[4:] == build_area(new, area_bytes(whole))
    for k in range(len(plan.steps)):
        chip = chip_with(name, old)
        link = ChipLink(chip)
        link.writes_left = k
        with pytest.raises(TagLost):
            apply(link, plan)
        assert identify(ChipLink(chip)).ndef == (old if k == 0 else b"")
        finish(chip, new)
