"""Any old and new message, any chunk size, any stop: the steps themselves, on a file of bytes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.tags.ntag424_settings import FREE, FileSettings, access_rights
from dpptag.tags.tag import ContentState
from dpptag.tags.type4_cc import parse_cc
from dpptag.tags.type4_plan import plan_write
from dpptag.tags.type4_tag import NTAG424, Type4Tag, read_content
from tests.unit.tags.chip_link import message_of
from tests.unit.tags.type4_rig import UID

CC = bytes.fromhex("000F2000FF00FF0406E10401000000")
SIZE = 256
OPEN = FileSettings(0, access_rights(read=FREE, write=FREE, read_write=FREE, change=0), SIZE)


def tag_with(file: bytes, chunk: int, read: int) -> Type4Tag:
    """A tag whose file is known as far as ``read`` bytes, or as its message goes."""
    end = max(read, 2 + int.from_bytes(file[:2], "big"), 2)
    container = replace(parse_cc(CC), write_chunk=chunk)
    known = file[: min(end, SIZE)]
    return Type4Tag(UID, NTAG424, CC, container, SIZE, read_content(known, SIZE), OPEN, OPEN, bytes(3), memory=known)


messages = st.one_of(
    st.just(b""), st.builds(message_of, st.integers(3, 254), st.integers(0, 255)), st.builds(message_of, st.just(254))
)


@settings(max_examples=150, deadline=None)
@given(messages, messages, st.integers(2, 255), st.integers(2, SIZE), st.binary(min_size=SIZE, max_size=SIZE))
def test_any_stop_leaves_old_empty_or_new_and_the_end_is_the_new_message(
    old: bytes, new: bytes, chunk: int, read: int, rest: bytes
) -> None:
    file = bytearray(len(old).to_bytes(2, "big") + old + rest[2 + len(old) :])
    plan = plan_write(tag_with(bytes(file), chunk, read), new)
    assert max((len(step.data) for step in plan.steps), default=0) <= chunk
    for number, step in enumerate(plan.steps):
        found = read_content(bytes(file), SIZE).ndef
        assert found == (old if number == 0 else b"")
        assert not number or found == b""
        finished = bytearray(file)
        for again in plan_write(tag_with(bytes(file), chunk, read), new).steps:
            finished[again.at : again.at + len(again.data)] = again.data
        assert read_content(bytes(finished), SIZE).ndef == new
        file[step.at : step.at + len(step.data)] = step.data
    assert read_content(bytes(file), SIZE).ndef == new
    assert plan.wanted == CC + bytes(file[: 2 + len(new)])
    assert plan_write(tag_with(bytes(file), chunk, read), new).steps == ()


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=2, max_size=SIZE))
def test_whatever_a_file_holds_is_judged_without_an_error(file: bytes) -> None:
    content = read_content(file.ljust(SIZE, b"\0"), SIZE)
    assert content.state in (ContentState.EMPTY, ContentState.MESSAGE, ContentState.TORN)
    assert (content.ndef is None) == (content.state is ContentState.TORN)
