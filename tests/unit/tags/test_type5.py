"""Type 5 tags: identify, plan, write, read back; refuse what must not be written, before the first write."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import NdefError, TagLost, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.sim.type5 import SLIX, SLIX2, ST25DV04K, ST25TV02K, Iso15693Chip, Model
from dpptag.tags import ContentState, apply, identify, plan_write, read_back, write_and_verify
from dpptag.tags.type5_memory import CHIPS
from tests.unit.tags.chip_link import message_of
from tests.unit.tags.type5_link import CCS, Type5ChipLink, put_memory, type5_with, uid_of

Mangle = Callable[[bytes], bytes]
MODELS = [SLIX, SLIX2, ST25TV02K, ST25DV04K]
AREAS = {"SLIX": 104, "SLIX2": 312, "ST25TV02K": 248, "ST25DV04K": 504}
MESSAGE = message_of(60)
OTHER = message_of(75, seed=3)


def refusal_of(
    chip: Iso15693Chip, message: bytes = b"", *, allow_format: bool = False, uid: bytes | None = None
) -> TagRefused:
    before = list(chip.memory)
    link = Type5ChipLink(chip)
    link.link_uid = uid or chip.uid
    with pytest.raises(TagRefused) as caught:
        plan_write(identify(link), message, allow_format=allow_format)
    assert chip.memory == before
    assert link.written == []
    assert caught.value.facts["tag_state"] == "untouched"
    assert caught.value.facts["chip"] == link.uid.hex()
    assert caught.value.action
    return caught.value


@pytest.mark.parametrize("passes_commands", [True, False])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_identify_tells_the_chip_and_reads_its_data_area(model: Model, passes_commands: bool) -> None:
    chip = type5_with(MESSAGE, model)
    tag = identify(Type5ChipLink(chip, passes_commands=passes_commands))
    assert (tag.uid, tag.chip_name, tag.capacity) == (uid_of(model), model.name, AREAS[model.name])
    assert tag.content.state is ContentState.MESSAGE
    assert tag.ndef == MESSAGE
    assert tag.memory == b"".join(chip.memory)[4 : 4 + tag.capacity]
    assert tag.writable
    assert tag.locked == frozenset()
    expected = {"SLIX2": False, "ST25DV04K": False} if passes_commands else {}
    assert tag.password_protected is expected.get(model.name)


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_the_cc_of_a_format_covers_the_memory_in_units_of_8_bytes(chip: object) -> None:
    assert chip.cc.hex().upper() == CCS[chip.name]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "uid", ["E004010000000001", "E004011800000001", "E004020800000001", "E0022600000000AA", "E007000000000001"]
)
def test_a_chip_outside_the_table_is_refused(uid: str) -> None:
    assert refusal_of(type5_with(MESSAGE), uid=bytes.fromhex(uid)).code == "tag-chip-unknown"


def test_system_information_that_contradicts_the_uid_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = type5_with(MESSAGE)
    information = Iso15693Chip._system_information

    def other(self: Iso15693Chip, at: int, octet: int) -> bytes:
        answer = information(self)
        return answer[:at] + bytes((octet,)) + answer[at + 1 :]

    monkeypatch.setattr(Iso15693Chip, "_system_information", lambda self: other(self, 11, 27))
    assert refusal_of(chip).code == "tag-chip-unknown"
    monkeypatch.setattr(Iso15693Chip, "_system_information", lambda self: other(self, 1, 0xEE))
    assert refusal_of(chip).code == "tag-uid-check"


@pytest.mark.parametrize(
    ("memory", "state"),
    [
        ("E1402701 0300FE00", ContentState.EMPTY),
        ("E1402701 0304D50001AA FE00", ContentState.MESSAGE),
        ("E1402701 0305D50001AA FE00", ContentState.TORN),
        ("E1402701 FFFFFFFF", ContentState.TORN),
        ("E1402701 00000000", ContentState.UNFORMATTED),
        ("00000000 00000000", ContentState.UNFORMATTED),
        ("00000000 0300FE00", ContentState.TORN),
        ("5AC33C99 0300FE00", ContentState.TORN),
        ("E1400000 0300FE00", ContentState.TORN),
        ("5AC33C99 0304D50001AA FE00", ContentState.TORN),
        ("5AC33C99 11223344", ContentState.FOREIGN),
        ("E1802701 11223344", ContentState.FOREIGN),
        ("E24C2701 11223344", ContentState.FOREIGN),
        ("E1482701 0300FE00", ContentState.FOREIGN),
        ("E1400001 00000027 0300FE00", ContentState.EMPTY),
        ("E1400001 00000000 0300FE00", ContentState.FOREIGN),
        ("E1502701 0000 FD03AABBCC 0300FE", ContentState.EMPTY),
    ],
)
def test_what_cc_and_tlv_say(memory: str, state: ContentState) -> None:
    chip = type5_with(None)
    put_memory(chip, bytes.fromhex(memory))
    assert identify(Type5ChipLink(chip)).content.state is state


def test_an_8_byte_cc_moves_the_data_area_by_one_block() -> None:
    chip = type5_with(MESSAGE, cc="E140000100000026")
    link = Type5ChipLink(chip)
    tag = identify(link)
    assert (tag.capacity, tag.ndef) == (304, MESSAGE)
    assert write_and_verify(link, tag, OTHER) == OTHER
    assert link.written[0] == link.written[-1] == 2
    assert b"".join(chip.memory[:2]).hex() == "e140000100000026"


def test_a_cc_that_counts_itself_is_cut_to_the_chip_and_one_beyond_it_is_refused() -> None:
    tag = identify(Type5ChipLink(type5_with(MESSAGE, SLIX, cc="E1400E01")))
    assert tag.capacity == 108
    error = refusal_of(type5_with(MESSAGE, SLIX, cc="E1400F01"))
    assert (error.code, error.facts["got"]) == ("tag-cc-size", 120)


def test_a_write_empties_the_header_first_and_commits_it_last() -> None:
    chip = type5_with(MESSAGE)
    link = Type5ChipLink(chip)
    plan = plan_write(identify(link), OTHER)
    assert (plan.steps[0].at, plan.steps[0].data.hex()) == (1, "0300fe00")
    assert (plan.steps[-1].at, plan.steps[-1].data[:2].hex()) == (1, "034b")
    assert not plan.irreversible
    assert apply(link, plan) == len(plan.steps)
    assert b"".join(chip.memory)[: len(plan.wanted)] == plan.wanted
    assert read_back(link, identify(link), OTHER) == OTHER


def test_one_changed_block_costs_three_writes() -> None:
    changed = MESSAGE[:-1] + b"\xee"
    plan = plan_write(identify(Type5ChipLink(type5_with(MESSAGE))), changed)
    assert [step.at for step in plan.steps] == [1, 16, 1]
    assert plan_write(identify(Type5ChipLink(type5_with(MESSAGE))), MESSAGE).steps == ()
    again = plan_write(identify(Type5ChipLink(type5_with(MESSAGE))), MESSAGE, rewrite=True)
    assert [step.at for step in again.steps] == [1, *range(2, 18), 1]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_blank_is_formatted_when_allowed_and_only_then(model: Model) -> None:
    error = refusal_of(type5_with(None, model), MESSAGE)
    assert error.code == "tag-unformatted"
    assert "can be undone" in error.message
    chip = type5_with(None, model)
    link = Type5ChipLink(chip)
    assert write_and_verify(link, identify(link), MESSAGE, allow_format=True) == MESSAGE
    assert chip.memory[0].hex().upper() == CCS[model.name]
    assert [link.written[at] for at in (0, -2, -1)] == [1, 0, 1]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_longest_message_fits_and_one_byte_more_does_not(model: Model) -> None:
    link = Type5ChipLink(type5_with(b"", model))
    tag = identify(link)
    assert tag.message_room == {"SLIX": 102, "SLIX2": 308, "ST25TV02K": 246, "ST25DV04K": 500}[model.name]
    assert write_and_verify(link, tag, message_of(tag.message_room)) == message_of(tag.message_room)
    with pytest.raises(TagRefused) as caught:
        plan_write(tag, message_of(tag.message_room + 1))
    assert (caught.value.code, caught.value.facts["missing"]) == ("tag-too-small", 1)


def test_an_empty_tag_whose_cc_a_format_tore_is_formatted_anew_when_it_must_be() -> None:
    chip = type5_with(b"", cc="E1400701")
    with pytest.raises(TagRefused, match="do not fit"):
        plan_write(identify(Type5ChipLink(chip)), OTHER)
    link = Type5ChipLink(chip)
    assert write_and_verify(link, identify(link), OTHER, allow_format=True) == OTHER
    assert chip.memory[0].hex() == "e1402701"
    chip = type5_with(b"", cc="E1400701")
    link = Type5ChipLink(chip)
    assert write_and_verify(link, identify(link), message_of(20), allow_format=True) == message_of(20)
    assert chip.memory[0].hex() == "e1400701"


def test_read_only_locked_protected_and_special_tags_are_refused() -> None:
    assert refusal_of(type5_with(MESSAGE, cc="E1432701"), OTHER).code == "tag-read-only"
    assert refusal_of(type5_with(MESSAGE, cc="E1402711"), OTHER).code == "tag-special-frame"
    chip = type5_with(MESSAGE)
    chip.locked.add(5)
    error = refusal_of(chip, OTHER)
    assert (error.code, error.facts["block"]) == ("tag-locked", 5)
    chip = type5_with(MESSAGE)
    chip.custom.condition = 0x20  # type: ignore[attr-defined]
    assert refusal_of(chip, OTHER).code == "tag-password"
    chip.custom.condition = 0x10  # type: ignore[attr-defined]
    assert refusal_of(chip, OTHER).code == "tag-read-protected"
    chip = type5_with(MESSAGE, ST25DV04K)
    chip.custom.registers[4] = 0x0C  # type: ignore[attr-defined]
    assert refusal_of(chip, OTHER).code == "tag-password"


def test_foreign_content_and_bad_messages_are_refused() -> None:
    chip = type5_with(None)
    put_memory(chip, bytes.fromhex("1101010134303132333435"))
    assert refusal_of(chip, OTHER, allow_format=True).code == "tag-foreign"
    with pytest.raises(NdefError):
        plan_write(identify(Type5ChipLink(type5_with(MESSAGE))), b"\x00\x01")


def test_a_block_that_does_not_keep_its_bytes_is_found_and_written_once_more() -> None:
    chip = type5_with(MESSAGE)
    link = Type5ChipLink(chip)
    chip.program = lambda block, data: data[:-1] + b"\x55" if block == 7 else data
    with pytest.raises(TagWriteFailed) as caught:
        write_and_verify(link, identify(link), OTHER)
    assert caught.value.facts["block"] == 7
    assert link.written.count(7) == 2


def test_another_chip_in_its_place_is_noticed() -> None:
    chip = type5_with(MESSAGE)
    link = Type5ChipLink(chip)
    tag = identify(link)
    link.link_uid = chip.uid = uid_of(SLIX2)[:-1] + b"\xee"
    with pytest.raises(TagSwapped):
        read_back(link, tag, MESSAGE)
    with pytest.raises(TagSwapped):
        apply(link, plan_write(tag, OTHER))


@pytest.mark.parametrize("model", [SLIX2, ST25DV04K], ids=lambda model: model.name)
def test_an_answer_of_another_length_is_no_answer(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Iso15693Chip.exchange
    identify(Type5ChipLink(type5_with(MESSAGE, model)))
    for code in (0x2C, 0xAB if model is SLIX2 else 0xA0):
        for mangle in (lambda answer: answer[:-1], lambda answer: answer + b"\0"):

            def other(chip: Iso15693Chip, frame: bytes, code: int = code, mangle: Mangle = mangle) -> bytes | None:
                answer = exchange(chip, frame)
                return mangle(answer) if answer is not None and frame[1] == code else answer

            monkeypatch.setattr(Iso15693Chip, "exchange", other)
            with pytest.raises(TagLost) as caught:
                identify(Type5ChipLink(type5_with(MESSAGE, model)))
            assert caught.value.code == "tag-answer-damaged"


def test_a_reader_that_returns_too_few_bytes_of_blocks_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Type5ChipLink, "read", lambda *_: bytes(60))
    with pytest.raises(TagLost):
        identify(Type5ChipLink(type5_with(MESSAGE)))


def test_a_refused_write_says_what_was_written() -> None:
    chip = type5_with(MESSAGE)
    link = Type5ChipLink(chip)
    plan = plan_write(identify(link), OTHER)
    chip.locked.add(5)
    with pytest.raises(TagNak) as caught:
        apply(link, plan)
    assert (caught.value.facts["block"], caught.value.facts["written"]) == (5, 4)
    assert caught.value.facts["tag_state"] == "unknown"


@settings(max_examples=150, deadline=None)
@given(
    blocks=st.dictionaries(st.integers(0, 40), st.binary(min_size=4, max_size=4)),
    head=st.sampled_from([b"", bytes.fromhex("E140")]),
)
def test_whatever_the_memory_holds_identify_answers_or_refuses(blocks: dict[int, bytes], head: bytes) -> None:
    chip = type5_with(MESSAGE)
    for number, data in blocks.items():
        chip.memory[number] = data
    chip.memory[0] = head + chip.memory[0][len(head) :]
    before = list(chip.memory)
    link = Type5ChipLink(chip)
    try:
        tag = identify(link)
        plan = plan_write(tag, OTHER, allow_format=True)
    except TagRefused:
        assert chip.memory == before
        return
    apply(link, plan)
    assert read_back(link, tag, OTHER) == OTHER


def test_a_read_back_that_is_refused_is_no_refusal_of_an_untouched_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = type5_with(MESSAGE)
    link = Type5ChipLink(chip)
    tag = identify(link)
    apply(link, plan_write(tag, OTHER))

    def closed(*_: object) -> bytes:
        raise TagNak("error", error=0x0F)

    monkeypatch.setattr(link, "read", closed)
    with pytest.raises(TagWriteFailed) as caught:
        read_back(link, tag, OTHER)
    assert (caught.value.facts["refusal"], caught.value.facts["tag_state"]) == (
        "tag-read-protected",
        "written-unverified",
    )
