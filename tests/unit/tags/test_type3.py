"""Type 3 tags: identify, plan, write, read back; refuse what must not be written, before the first write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import NdefError, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.sim.felica import LITE, LITE_S, FelicaLite, delivered_blocks
from dpptag.tags import ContentState, apply, identify, plan_write, read_back, write_and_verify
from dpptag.tags.type3_memory import Attributes
from tests.unit.tags.chip_link import message_of
from tests.unit.tags.felica_link import IDM, FelicaChipLink, attribute_block, felica_with

MESSAGE = message_of(60)
OTHER = message_of(75, seed=3)


def refusal_of(chip: FelicaLite, message: bytes | None = None, *, allow_format: bool = False) -> TagRefused:
    before = dict(chip.blocks)
    link = FelicaChipLink(chip)
    with pytest.raises(TagRefused) as caught:
        plan_write(identify(link), message or b"", allow_format=allow_format)
    assert chip.blocks == before
    assert link.written == []
    assert caught.value.facts["tag_state"] == "untouched"
    assert caught.value.facts["chip"] == IDM.hex()
    assert caught.value.action
    return caught.value


@pytest.mark.parametrize(("model", "name"), [(LITE_S, "FeliCa Lite-S"), (LITE, "FeliCa Lite")])
def test_identify_reads_the_whole_data_area(model: object, name: str) -> None:
    tag = identify(FelicaChipLink(felica_with(MESSAGE, model)))  # type: ignore[arg-type]
    assert (tag.uid, tag.chip_name, tag.capacity, tag.message_room) == (IDM, name, 208, 208)
    assert tag.content.state is ContentState.MESSAGE
    assert tag.ndef == MESSAGE
    assert tag.memory == MESSAGE.ljust(208, b"\0")
    assert tag.writable


def test_identify_takes_five_commands() -> None:
    link = FelicaChipLink(felica_with(MESSAGE))
    identify(link)
    assert link.frames == 5


def test_the_attribute_block_of_the_specification_reads_and_writes_back() -> None:
    block = bytes.fromhex("10040100 0D000000 00000100 00EA010D")
    attributes = Attributes.from_bytes(block)
    assert attributes == Attributes(0x10, 4, 1, 13, 0, 1, 0xEA)
    assert attributes is not None
    assert attributes.to_bytes() == block
    assert Attributes.from_bytes(block[:15] + b"\x0e") is None


@pytest.mark.parametrize(
    ("block", "state"),
    [
        (attribute_block(0), ContentState.EMPTY),
        (attribute_block(60), ContentState.MESSAGE),
        (attribute_block(60, write_flag=0x0F), ContentState.TORN),
        (attribute_block(59), ContentState.TORN),
        (attribute_block(209), ContentState.TORN),
        (attribute_block(60)[:15] + b"\0", ContentState.TORN),
        (bytes(16), ContentState.TORN),
        (bytes.fromhex("20040100 0D000000 00000100 00000033"), ContentState.FOREIGN),
    ],
)
def test_what_the_attribute_block_says(block: bytes, state: ContentState) -> None:
    chip = felica_with(MESSAGE)
    chip.blocks[0] = block
    assert identify(FelicaChipLink(chip)).content.state is state


def test_a_write_is_guarded_by_write_flag_and_committed_by_the_length() -> None:
    chip = felica_with(MESSAGE)
    link = FelicaChipLink(chip)
    plan = plan_write(identify(link), OTHER)
    assert plan.steps[0].data == attribute_block(60, write_flag=0x0F)
    assert plan.steps[-1].data == attribute_block(75)
    assert [step.at for step in plan.steps] == [0, 1, 2, 3, 4, 5, 0]
    assert not plan.irreversible
    assert apply(link, plan) == 7
    assert chip.blocks[0] + b"".join(chip.blocks[number] for number in range(1, 14)) == plan.wanted


def test_blocks_that_hold_their_bytes_are_not_written() -> None:
    changed = MESSAGE[:-1] + b"\xee"
    plan = plan_write(identify(FelicaChipLink(felica_with(MESSAGE))), changed)
    assert [step.at for step in plan.steps] == [0, 4, 0]
    assert plan_write(identify(FelicaChipLink(felica_with(MESSAGE))), MESSAGE).steps == ()
    rewritten = plan_write(identify(FelicaChipLink(felica_with(MESSAGE))), MESSAGE, rewrite=True)
    assert [step.at for step in rewritten.steps] == [0, 1, 2, 3, 4, 0]


def test_the_rest_of_an_older_message_is_wiped() -> None:
    chip = felica_with(message_of(200))
    assert write_and_verify(FelicaChipLink(chip), identify(FelicaChipLink(chip)), MESSAGE) == MESSAGE
    assert all(chip.blocks[number] == bytes(16) for number in range(5, 14))


def test_a_blank_is_formatted_when_allowed_and_only_then() -> None:
    assert refusal_of(FelicaLite(LITE_S, IDM), MESSAGE).code == "tag-unformatted"
    chip = FelicaLite(LITE_S, IDM)
    link = FelicaChipLink(chip)
    assert link.system_code == 0x88B4
    tag = identify(link)
    assert tag.content.state is ContentState.UNFORMATTED
    plan = plan_write(tag, MESSAGE, allow_format=True)
    assert [step.at for step in plan.steps] == [1, 2, 3, 4, 0, 0x88]
    assert [step.at for step in plan.irreversible] == [0x88]
    apply(link, plan)
    assert read_back(link, tag, MESSAGE) == MESSAGE
    assert link.system_code == 0x12FC
    assert chip.blocks[0x88] == bytes.fromhex("FFFFFF0107") + bytes(11)


def test_a_chip_that_can_never_answer_the_ndef_system_code_is_refused() -> None:
    blocks = delivered_blocks(IDM)
    blocks[0x88] = bytes.fromhex("FFFF000007") + bytes(11)
    assert refusal_of(FelicaLite(LITE_S, IDM, blocks), MESSAGE, allow_format=True).code == "tag-locked"


@pytest.mark.parametrize("pmm", ["0120220427674EFF", "00F20000FF004300", "00E0000000014300"])
def test_a_card_that_is_no_felica_lite_is_refused(pmm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FelicaChipLink, "pmm", bytes.fromhex(pmm))
    assert refusal_of(felica_with(MESSAGE)).code == "tag-chip-unknown"


def test_an_attribute_block_that_contradicts_the_chip_is_refused() -> None:
    for data_blocks in (0, 14, 1000):
        error = refusal_of(felica_with(MESSAGE, data_blocks=data_blocks))
        assert (error.code, error.facts["got"]) == ("tag-cc-size", data_blocks)


def test_a_smaller_data_area_than_the_chip_has_is_respected() -> None:
    tag = identify(FelicaChipLink(felica_with(MESSAGE, data_blocks=4)))
    assert tag.capacity == 64
    with pytest.raises(TagRefused, match="do not fit"):
        plan_write(tag, message_of(65))


def test_read_only_locked_keyed_and_secret_tags_are_refused() -> None:
    assert refusal_of(felica_with(MESSAGE, access=0), OTHER).code == "tag-read-only"
    for offset, value, code in ((0, 0xDF, "tag-locked"), (8, 0x20, "tag-password"), (10, 0x01, "tag-password")):
        chip = felica_with(MESSAGE)
        configuration = bytearray(chip.blocks[0x88])
        configuration[offset] = value
        chip.blocks[0x88] = bytes(configuration)
        assert refusal_of(chip, OTHER).code == code
    chip = felica_with(MESSAGE)
    chip.blocks[0x88] = chip.blocks[0x88][:6] + b"\x02" + chip.blocks[0x88][7:]
    assert refusal_of(chip, OTHER).code == "tag-read-protected"


def test_foreign_content_bad_messages_and_long_ones_are_refused() -> None:
    chip = felica_with(MESSAGE)
    chip.blocks[0] = bytes.fromhex("20040100 0D000000 00000100 00000033")
    assert refusal_of(chip, OTHER, allow_format=True).code == "tag-foreign"
    tag = identify(FelicaChipLink(felica_with(MESSAGE)))
    with pytest.raises(NdefError):
        plan_write(tag, b"\x00\x01")
    with pytest.raises(TagRefused) as caught:
        plan_write(tag, message_of(209))
    assert (caught.value.code, caught.value.facts["missing"]) == ("tag-too-small", 1)
    assert plan_write(tag, message_of(208)).steps


def test_a_block_that_does_not_keep_its_bytes_is_found_and_written_once_more() -> None:
    chip = felica_with(MESSAGE)
    link = FelicaChipLink(chip)
    tag = identify(link)
    chip.program = lambda block, data: data[:-1] + b"\x55" if block == 2 else data
    with pytest.raises(TagWriteFailed) as caught:
        write_and_verify(link, tag, OTHER)
    assert caught.value.facts["block"] == 2
    assert link.written.count(2) == 2


def test_another_chip_in_its_place_is_noticed() -> None:
    chip = felica_with(MESSAGE)
    link = FelicaChipLink(chip)
    tag = identify(link)
    link.link_uid = chip.uid = bytes.fromhex("03FE010203040507")
    with pytest.raises(TagSwapped):
        read_back(link, tag, MESSAGE)
    with pytest.raises(TagSwapped):
        apply(link, plan_write(tag, OTHER))


def test_a_refused_write_says_what_was_written() -> None:
    chip = felica_with(MESSAGE)
    link = FelicaChipLink(chip)
    plan = plan_write(identify(link), OTHER)
    chip.blocks[0x88] = b"\xef" + chip.blocks[0x88][1:]
    link.reselect()
    with pytest.raises(TagNak) as caught:
        apply(link, plan)
    assert caught.value.facts["block"] == 4
    assert caught.value.facts["written"] == 4
    assert caught.value.facts["tag_state"] == "unknown"


@settings(max_examples=150, deadline=None)
@given(blocks=st.dictionaries(st.sampled_from([*range(14), 0x88]), st.binary(min_size=16, max_size=16)))
def test_whatever_the_memory_holds_identify_answers_or_refuses(blocks: dict[int, bytes]) -> None:
    chip = felica_with(MESSAGE)
    chip.blocks.update(blocks)
    before = dict(chip.blocks)
    link = FelicaChipLink(chip)
    try:
        tag = identify(link)
        plan = plan_write(tag, OTHER, allow_format=True)
    except TagRefused:
        assert chip.blocks == before
        return
    apply(link, plan)
    assert read_back(link, tag, OTHER) == OTHER
