"""Identify Type 2 tags; refuse what must not be written, before the first write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import NdefError, TagLost, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.sim.type2 import MODELS, Type2Chip
from dpptag.tags import ContentState, apply, identify, plan_write, read_back, write_and_verify
from tests.unit.tags.chip_link import UID, ChipLink, area_of, chip_with, message_of

CHIP_NAMES = sorted(MODELS)
CAPACITY = {
    "NTAG203": 144,
    "NTAG210": 48,
    "NTAG212": 128,
    "NTAG213": 144,
    "NTAG213F": 144,
    "NTAG215": 496,
    "NTAG216": 872,
    "NTAG216F": 872,
    "NTAG-I2C-1K": 872,
    "NTAG-I2C-PLUS-1K": 872,
    "NTAG-I2C-PLUS-2K": 872,
    "ULTRALIGHT": 48,
    "ULTRALIGHT-EV1-128": 128,
    "ULTRALIGHT-EV1-48": 48,
}
BLANK_AS_DELIVERED = ["ULTRALIGHT", "ULTRALIGHT-EV1-128", "ULTRALIGHT-EV1-48"]


@pytest.mark.parametrize("fast", [0, 4, 60])
@pytest.mark.parametrize("name", CHIP_NAMES)
def test_identify_reads_the_whole_data_area(name: str, fast: int) -> None:
    message = message_of(46)
    chip = chip_with(name, message)
    tag = identify(ChipLink(chip, fast_read_pages=fast))
    assert (tag.uid, tag.chip_name, tag.capacity) == (UID, name, CAPACITY[name])
    assert tag.pages == b"".join(chip.pages[: 4 + tag.capacity // 4])
    assert tag.content.state is ContentState.MESSAGE
    assert tag.ndef == message
    assert (tag.auth0, tag.read_protected, tag.mirror, tag.locked) == (0xFF, False, False, frozenset())


@pytest.mark.parametrize("name", BLANK_AS_DELIVERED)
def test_a_chip_delivered_without_a_cc_is_unformatted(name: str) -> None:
    tag = identify(ChipLink(chip_with(name)))
    assert tag.content.state is ContentState.UNFORMATTED
    assert refusal_of(chip_with(name), message_of(10)).code == "tag-unformatted"


@pytest.mark.parametrize("name", CHIP_NAMES)
def test_the_longest_message_is_written_inside_the_data_area_alone(name: str) -> None:
    chip = chip_with(name)
    delivered = list(chip.pages)
    link = ChipLink(chip)
    tag = identify(link)
    message = message_of(tag.message_room)
    blank = name in BLANK_AS_DELIVERED
    assert [step.data for step in plan_write(tag, message, allow_format=True).irreversible] == [tag.chip.cc] * blank
    assert write_and_verify(link, tag, message, allow_format=blank) == message
    assert plan_write(identify(link), message).steps == ()
    outside = [page for page in range(chip.model.pages) if not 4 <= page < 4 + CAPACITY[name] // 4 and page != 3]
    assert [chip.pages[page] for page in outside] == [delivered[page] for page in outside]


@pytest.mark.parametrize("name", sorted(set(MODELS) - set(BLANK_AS_DELIVERED)))
def test_a_tag_as_delivered_is_empty(name: str) -> None:
    tag = identify(ChipLink(chip_with(name)))
    assert tag.content.state is ContentState.EMPTY
    assert tag.ndef == b""
    assert tag.writable


def test_fast_read_takes_4_frames_for_an_ntag213_and_read_13() -> None:
    frames = {}
    for fast in (0, 60):
        link = ChipLink(chip_with("NTAG213"), fast_read_pages=fast)
        identify(link)
        frames[fast] = link.frames
    assert frames == {0: 13, 60: 4}


@settings(max_examples=200, deadline=None)
@given(pages=st.dictionaries(st.integers(2, 44), st.binary(min_size=4, max_size=4)), fast=st.sampled_from([0, 60]))
def test_whatever_the_memory_holds_identify_answers_or_refuses(pages: dict[int, bytes], fast: int) -> None:
    chip = chip_with("NTAG213", message_of(50))
    for number, data in pages.items():
        chip.pages[number] = data if number > 2 else chip.pages[2][:2] + data[2:]
    before = list(chip.pages)
    link = ChipLink(chip, fast_read_pages=fast)
    try:
        tag = identify(link)
        plan = plan_write(tag, message_of(60, seed=5), allow_format=True)
    except TagRefused:
        assert chip.pages == before
        return
    assert apply(link, plan) == len(plan.steps)
    assert read_back(link, tag, message_of(60, seed=5)) == message_of(60, seed=5)


def refusal_of(chip: Type2Chip, message: bytes | None = None, *, link_uid: bytes | None = None) -> TagRefused:
    """The refusal of identify, or of the plan; the memory must be as before."""
    before = list(chip.pages)
    link = ChipLink(chip)
    link.link_uid = link_uid or chip.uid
    if message is None:
        with pytest.raises(TagRefused) as caught:
            identify(link)
    else:
        tag = identify(link)
        with pytest.raises(TagRefused) as caught:
            plan_write(tag, message)
    assert chip.pages == before
    assert link.written == []
    assert caught.value.facts["tag_state"] == "untouched"
    assert caught.value.facts["chip"] == link.link_uid.hex()
    assert caught.value.action
    return caught.value


def test_a_4_byte_uid_is_refused() -> None:
    assert refusal_of(Type2Chip(MODELS["NTAG213"], bytes.fromhex("08112233"))).code == "tag-uid"


@pytest.mark.parametrize("version", ["0004040501021303", "0004040301000F03", ""])
def test_a_chip_outside_the_table_is_refused(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChipLink, "get_version", lambda _: bytes.fromhex(version) or None)
    assert refusal_of(chip_with("NTAG213")).code == "tag-chip-unknown"


def test_a_cc_that_contradicts_get_version_is_refused() -> None:
    chip = chip_with("NTAG213")
    chip.pages[3] = bytes.fromhex("E1103E00")
    error = refusal_of(chip)
    assert (error.code, error.facts["wanted"], error.facts["got"]) == ("tag-cc-size", 0x12, 0x3E)


def test_pages_that_do_not_hold_the_uid_are_refused() -> None:
    assert refusal_of(chip_with("NTAG213"), link_uid=bytes.fromhex("04112233445567")).code == "tag-uid-check"
    chip = chip_with("NTAG213")
    chip.pages[0] = chip.pages[0][:3] + b"\0"
    assert refusal_of(chip).code == "tag-uid-check"


def protected(name: str, auth0: int, access: int = 0) -> Type2Chip:
    chip = chip_with(name, message_of(20))
    chip.pages[chip.model.cfg0] = bytes((4, 0, 0, auth0))
    chip.pages[chip.model.cfg0 + 1] = bytes((access, 5, 0, 0))
    return chip


def test_a_password_on_reading_is_refused_not_misread() -> None:
    for auth0 in range(42):
        assert refusal_of(protected("NTAG213", auth0, 0x80)).code == "tag-read-protected"


@pytest.mark.parametrize("auth0", [42, 43, 44, 45])
def test_a_password_behind_the_configuration_hides_no_data(auth0: int) -> None:
    tag = identify(ChipLink(protected("NTAG213", auth0, 0x80)))
    assert tag.auth0 == auth0
    assert tag.read_protected is (None if auth0 == 42 else True)
    assert tag.ndef == message_of(20)


def test_a_password_on_writing_is_refused_only_inside_the_range() -> None:
    assert refusal_of(protected("NTAG213", 4), message_of(30)).code == "tag-password"
    assert refusal_of(protected("NTAG213", 12), message_of(31)).facts["auth0"] == 12
    assert plan_write(identify(ChipLink(protected("NTAG213", 13))), message_of(30)).steps


def test_too_large_a_message_names_the_missing_bytes() -> None:
    error = refusal_of(chip_with("NTAG213"), message_of(150))
    assert (error.code, error.facts["missing"], error.facts["room"]) == ("tag-too-small", 8, 142)


def test_each_locked_page_in_the_range_is_refused() -> None:
    refused = 0
    for bit in range(16):
        chip = chip_with("NTAG215", message_of(30))
        chip.pages[2] = chip.pages[2][:2] + (1 << bit).to_bytes(2, "little")
        link = ChipLink(chip)
        if 4 <= bit <= 13:  # 2 + 34 + 1 bytes: pages 4 to 13
            assert refusal_of(chip, message_of(34, seed=9)).code == "tag-locked"
            refused += 1
        else:
            assert plan_write(identify(link), message_of(34, seed=9)).steps
    assert refused == 10


def test_a_dynamic_lock_bit_in_the_range_is_refused() -> None:
    chip = chip_with("NTAG216")
    chip.pages[226] = bytes.fromhex("000200BD")  # pages 160-175
    assert refusal_of(chip, message_of(650)).facts["page"] == 160
    assert plan_write(identify(ChipLink(chip)), message_of(600)).steps


@pytest.mark.parametrize("access", [0x0F, 0x80, 0xF0])
def test_a_cc_that_is_not_free_to_write_is_refused(access: int) -> None:
    chip = chip_with("NTAG213")
    chip.pages[3] = bytes((0xE1, 0x10, 0x12, access))
    assert refusal_of(chip, message_of(10)).code == "tag-read-only"


def test_a_foreign_cc_is_refused() -> None:
    chip = chip_with("NTAG213")
    chip.pages[3] = bytes.fromhex("A5101200")
    assert identify(ChipLink(chip)).content.state is ContentState.FOREIGN
    assert refusal_of(chip, message_of(10)).code == "tag-foreign"


def test_a_foreign_cc_before_the_right_bytes_is_not_already_done() -> None:
    chip = chip_with("NTAG213", message_of(10))
    chip.pages[3] = bytes.fromhex("E1201200")  # mapping version 2
    assert refusal_of(chip, message_of(10)).code == "tag-foreign"
    link = ChipLink(chip)
    with pytest.raises(TagWriteFailed, match="no message"):
        read_back(link, identify(link), message_of(10))


def test_a_mirror_is_refused_for_the_readback_would_prove_nothing() -> None:
    chip = chip_with("NTAG213")
    chip.pages[41] = bytes.fromhex("440006FF")
    assert refusal_of(chip, message_of(10)).code == "tag-mirror"


def test_what_is_no_ndef_message_is_never_planned() -> None:
    with pytest.raises(NdefError):
        plan_write(identify(ChipLink(chip_with("NTAG213"))), b"\x03\x00")


def test_a_blank_cc_is_written_only_when_allowed_and_shown_as_irreversible() -> None:
    chip = chip_with("NTAG215")
    chip.pages[3] = bytes(4)
    chip.pages[4] = bytes(4)
    assert refusal_of(chip, message_of(10)).code == "tag-unformatted"
    link = ChipLink(chip)
    plan = plan_write(identify(link), message_of(10), allow_format=True)
    assert [(step.at, step.data.hex()) for step in plan.irreversible] == [(3, "e1103e00")]
    assert "page 03h  E1 10 3E 00  capability container  IRREVERSIBLE" in str(plan)
    assert write_and_verify(link, identify(link), message_of(10), allow_format=True) == message_of(10)
    assert link.written == [4, 5, 6, 7, 3, 4]


def test_a_locked_cc_cannot_be_formatted() -> None:
    chip = chip_with("NTAG215")
    chip.pages[2] = chip.pages[2][:2] + b"\x08\x00"
    chip.pages[3] = bytes(4)
    with pytest.raises(TagRefused) as caught:
        plan_write(identify(ChipLink(chip)), message_of(10), allow_format=True)
    assert (caught.value.code, caught.value.facts["page"]) == ("tag-locked", 3)


def test_an_equal_tag_needs_no_write_even_if_it_is_read_only() -> None:
    chip = chip_with("NTAG213", message_of(60))
    chip.pages[2] = chip.pages[2][:2] + b"\xf8\xff"
    chip.pages[3] = bytes.fromhex("E110120F")
    chip.pages[41] = bytes.fromhex("04000004")
    link = ChipLink(chip)
    tag = identify(link)
    plan = plan_write(tag, message_of(60))
    assert plan.steps == ()
    assert apply(link, plan) == 0
    assert read_back(link, tag, message_of(60)) == message_of(60)


def test_dropping_the_lock_control_tlv_of_an_ntag213_needs_no_extra_write() -> None:
    tag = identify(ChipLink(chip_with("NTAG213")))
    plan = plan_write(tag, message_of(4))
    assert [(step.at, step.data.hex()) for step in plan.steps] == [
        (4, "0300fe00"),
        (5, "0100fe00"),
        (4, "0304d500"),
    ]


def test_only_changed_pages_are_written_and_the_header_twice() -> None:
    old = message_of(100)
    new = bytearray(old)
    new[50] ^= 1
    tag = identify(ChipLink(chip_with("NTAG213", old)))
    assert [step.at for step in plan_write(tag, bytes(new)).steps] == [4, 4 + (2 + 50) // 4, 4]


def test_a_body_that_is_right_behind_an_empty_header_needs_one_write() -> None:
    chip = chip_with("NTAG213", message_of(100))
    chip.pages[4] = bytes.fromhex("0300FE00")
    assert [step.at for step in plan_write(identify(ChipLink(chip)), message_of(100)).steps] == [4]


@pytest.mark.parametrize(("length", "header"), [(254, "03fed500"), (255, "03ff00ff"), (300, "03ff012c")])
def test_the_commit_is_one_page_for_both_length_forms(length: int, header: str) -> None:
    chip = chip_with("NTAG215")
    link = ChipLink(chip)
    plan = plan_write(identify(link), message_of(length))
    assert [step.at for step in plan.steps].count(4) == 1  # as delivered, page 4 is the empty header already
    assert plan.steps[-1].data.hex() == header
    apply(link, plan)
    assert area_of(chip) == plan.wanted[4:]


def test_an_empty_message_blanks_the_tag() -> None:
    chip = chip_with("NTAG213", message_of(100))
    link = ChipLink(chip)
    assert write_and_verify(link, identify(link), b"") == b""
    assert area_of(chip) == bytes.fromhex("0300FE00").ljust(144, b"\0")


def test_apply_refuses_another_chip() -> None:
    link = ChipLink(chip_with("NTAG213"))
    plan = plan_write(identify(link), message_of(10))
    other = ChipLink(chip_with("NTAG213", uid=bytes.fromhex("04AABBCCDDEEFF")))
    with pytest.raises(TagSwapped):
        apply(other, plan)
    assert other.written == []


def test_readback_refuses_another_chip() -> None:
    link = ChipLink(chip_with("NTAG213"))
    tag = identify(link)
    write_and_verify(link, tag, message_of(10))
    link.chip = chip_with("NTAG213", message_of(10), uid=bytes.fromhex("04AABBCCDDEEFF"))
    with pytest.raises(TagSwapped):
        read_back(link, tag, message_of(10))


def test_readback_compares_the_uid_even_where_the_link_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    link = ChipLink(chip_with("NTAG213", message_of(10)))
    tag = identify(link)
    monkeypatch.setattr(link, "reselect", lambda: setattr(link, "link_uid", bytes.fromhex("04AABBCCDDEEFF")))
    with pytest.raises(TagSwapped) as caught:
        read_back(link, tag, message_of(10))
    assert caught.value.facts["tag_state"] == "written-unverified"


def test_every_single_bit_that_a_cell_loses_is_found() -> None:
    message = message_of(60)
    chip = chip_with("NTAG213", message)
    link = ChipLink(chip)
    tag = identify(link)
    found = 0
    for page in range(3, 40):
        good = chip.pages[page]
        for bit in range(32):
            chip.pages[page] = (int.from_bytes(good, "big") ^ 1 << bit).to_bytes(4, "big")
            with pytest.raises(TagWriteFailed) as caught:
                read_back(link, tag, message)
            assert caught.value.facts["page"] == page
            found += 1
        chip.pages[page] = good
    assert found == 37 * 32


@pytest.mark.parametrize("page", [4, 5, 12])
def test_one_lost_write_is_healed_by_one_full_rewrite(page: int) -> None:
    chip = chip_with("NTAG213", message_of(60, seed=3))
    dropped: list[int] = []

    def program(number: int, data: bytes) -> bytes:
        if number == page and data != bytes.fromhex("0300FE00") and not dropped:
            dropped.append(number)
            return bytes(data[:-1]) + bytes((data[-1] ^ 1,))
        return data

    chip.program = program
    link = ChipLink(chip)
    assert write_and_verify(link, identify(link), message_of(60)) == message_of(60)
    assert dropped == [page]


def test_a_worn_cell_fails_after_one_rewrite() -> None:
    chip = chip_with("NTAG213")
    chip.program = lambda page, data: data[:3] + bytes((data[3] & 0xFE,)) if page == 9 else data
    link = ChipLink(chip)
    message = message_of(60, seed=1)
    with pytest.raises(TagWriteFailed) as caught:
        write_and_verify(link, identify(link), message)
    assert caught.value.facts["page"] == 9
    assert link.written.count(9) == 2


def test_a_nak_says_which_page_and_what_became_of_the_tag() -> None:
    states = {}
    for locked in (4, 5, 6):
        chip = chip_with("NTAG213", message_of(10, seed=1))
        link = ChipLink(chip)
        plan = plan_write(identify(link), message_of(10))
        chip.pages[2] = chip.pages[2][:2] + bytes((1 << locked, 0))  # locked behind our back
        with pytest.raises(TagNak) as caught:
            apply(link, plan)
        assert caught.value.facts["page"] == locked
        states[locked] = caught.value.facts["tag_state"]
    assert states == {4: "untouched", 5: "unknown", 6: "unknown"}


def test_a_pulled_tag_says_what_is_certain() -> None:
    states = []
    for k in range(4):
        link = ChipLink(chip_with("NTAG213", message_of(10, seed=1)))
        plan = plan_write(identify(link), message_of(10))
        link.writes_left = k
        with pytest.raises(TagLost) as caught:
            apply(link, plan)
        states.append(caught.value.facts["tag_state"])
    assert states == ["unknown"] * 4


def test_an_acknowledged_empty_header_that_was_not_kept_is_not_called_blank() -> None:
    chip = chip_with("NTAG213", message_of(60, seed=1))
    chip.program = lambda page, data: chip.pages[4] if page == 4 else data
    link = ChipLink(chip)
    plan = plan_write(identify(link), message_of(60, seed=2))
    link.writes_left = 3
    with pytest.raises(TagLost) as caught:
        apply(link, plan)
    assert caught.value.facts["tag_state"] == "unknown"
    assert identify(ChipLink(chip)).ndef != b""


def test_a_rewrite_writes_every_page_of_the_message_again() -> None:
    tag = identify(ChipLink(chip_with("NTAG213", message_of(60))))
    assert plan_write(tag, message_of(60)).steps == ()
    steps = plan_write(tag, message_of(60), rewrite=True).steps
    assert [step.at for step in steps] == [4, *range(5, 21), 4]


def test_a_tag_refused_after_it_was_written_is_a_failed_write() -> None:
    """A page that was locked while the tag lay there: found by the read-back, and the rewrite cannot be planned."""
    chip = chip_with("NTAG213")
    link = ChipLink(chip)
    tag = identify(link)
    commit = plan_write(tag, message_of(60)).steps[-1]

    def lock_at_the_end(page: int, data: bytes) -> bytes:
        if (page, data) == (commit.at, commit.data):
            chip.pages[2] = chip.pages[2][:2] + b"\xf0\xff"
        return bytes(4) if page == 9 else data

    chip.program = lock_at_the_end
    with pytest.raises(TagWriteFailed) as caught:
        write_and_verify(link, tag, message_of(60))
    assert caught.value.facts["tag_state"] == "written-unverified"
    assert isinstance(caught.value.__cause__, TagRefused)
    assert caught.value.__cause__.code == "tag-locked"


def test_a_rewrite_refused_at_its_first_page_does_not_call_the_tag_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = chip_with("NTAG213")
    chip.program = lambda page, data: bytes(4) if page == 9 else data
    link = ChipLink(chip)
    tag = identify(link)
    wanted = len(plan_write(tag, message_of(60)).steps)
    write = link.write

    def refuse_the_rewrite(page: int, data: bytes) -> None:
        if len(link.written) == wanted:
            raise TagNak("NAK 0", nak=0)
        write(page, data)

    monkeypatch.setattr(link, "write", refuse_the_rewrite)
    with pytest.raises(TagNak) as caught:
        write_and_verify(link, tag, message_of(60))
    assert caught.value.facts["tag_state"] == "written-unverified"


def test_only_an_argument_nak_speaks_of_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """NAK 1h: the chip received a damaged command, which says nothing about its configuration."""
    link = ChipLink(chip_with("NTAG213"))
    read = link.read

    def damaged(page: int) -> bytes:
        if page == 41:
            raise TagNak("NAK 1", nak=1)
        return read(page)

    monkeypatch.setattr(link, "read", damaged)
    with pytest.raises(TagNak):
        identify(link)
