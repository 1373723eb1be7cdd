"""Type 2 memory: the vector images, TLV bounds, chip table and lock bits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.errors import PlanError
from dpptag.sim.type2 import MODELS, Model, Type2Chip
from dpptag.tags.tag import ContentState
from dpptag.tags.tlv import build_area, message_room, read_area
from dpptag.tags.type2_memory import (
    BLANK_CC,
    CHIPS,
    ChipType,
    chip_by_name,
    chip_by_version,
    locked_pages,
    read_content,
    uid_of,
)
from tests.unit.tags.chip_link import UID, message_of
from tests.vectors import vector_path

PREFIXES = {
    "213 URI record only, lock-control TLV kept": "0103a00c34",
    "213 URI + 67 B TNF-unknown, lock TLV kept": "0103a00c34",
    "213 NULL TLVs before the message": "000000",
    "213 proprietary TLV before the message": "fd03616263",
}
"""Valid images without a note that hold TLV blocks before the message; our writer makes none of these."""

TWO_MESSAGES = "213 two NDEF TLVs: only the first counts"


def images() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(vector_path("ndef", "t2t_images.json").read_text())
    return entries


def test_reader_agrees_with_all_24_vector_images() -> None:
    states: dict[ContentState, int] = {}
    for entry in images():
        content = read_area(bytes.fromhex(entry["image"]))
        states[content.state] = states.get(content.state, 0) + 1
        if entry["valid"]:
            assert content.ndef == bytes.fromhex(entry["ndef"]), entry["name"]
        else:
            assert content.ndef is None, entry["name"]
            assert content.reason, entry["name"]
    assert states == {
        ContentState.MESSAGE: 18,
        ContentState.EMPTY: 1,
        ContentState.TORN: 3,
        ContentState.UNFORMATTED: 2,
    }


def test_writer_makes_the_vector_images_byte_for_byte() -> None:
    same = behind_prefix = 0
    for entry in images():
        if not entry["valid"] or "note" in entry or entry["name"] == TWO_MESSAGES:
            continue
        image, message = bytes.fromhex(entry["image"]), bytes.fromhex(entry["ndef"])
        prefix = bytes.fromhex(PREFIXES.get(entry["name"], ""))
        assert prefix + build_area(message, len(image) - len(prefix)) == image, entry["name"]
        behind_prefix += bool(prefix)
        same += not prefix
    assert (same, behind_prefix) == (11, 4)


def test_no_image_is_read_differently_when_other_bytes_follow_the_area() -> None:
    for entry in images():
        image = bytes.fromhex(entry["image"])
        assert read_area(image) == read_area(memoryview(image + b"\x03\x00\xfe\x00")[: len(image)].tobytes())


@pytest.mark.parametrize(("area", "room"), [(144, 142), (496, 492), (872, 868), (256, 254), (258, 254), (259, 255)])
def test_message_room_is_the_longest_message_without_terminator(area: int, room: int) -> None:
    assert message_room(area) == room
    assert read_area(build_area(message_of(room), area)).ndef == message_of(room)
    with pytest.raises(PlanError) as caught:
        build_area(message_of(room + 1), area)
    assert caught.value.facts["missing"] == 1


@given(area=st.integers(2, 900))
def test_message_room_is_never_wrong_by_one(area: int) -> None:
    room = message_room(area)
    assert (2 if room < 255 else 4) + room <= area
    assert (2 if room + 1 < 255 else 4) + room + 1 > area


@given(length=st.integers(3, 868), seed=st.integers(0, 255))
def test_what_is_built_reads_back(length: int, seed: int) -> None:
    message = message_of(length, seed)
    area = 872 if length > 142 else 144
    built = build_area(message, area)
    assert len(built) == area
    assert read_area(built).ndef == message


@given(area=st.binary(max_size=64))
def test_any_bytes_give_a_state_and_never_an_exception(area: bytes) -> None:
    content = read_area(area)
    assert (content.ndef is None) == bool(content.reason)


@pytest.mark.parametrize(
    ("tlv", "state"),
    [
        ("0300FE00", ContentState.EMPTY),
        ("03FF0000", ContentState.EMPTY),
        ("0304D5000101", ContentState.MESSAGE),
        ("03", ContentState.TORN),  # T: no length
        ("03FF", ContentState.TORN),  # three-byte length cut off
        ("03FF00", ContentState.TORN),
        ("0305D5000101", ContentState.TORN),  # one byte past the area
        ("FF0300FE", ContentState.TORN),  # reserved type
        ("0000", ContentState.UNFORMATTED),
        ("FE0300", ContentState.UNFORMATTED),
        ("", ContentState.UNFORMATTED),
        ("0102A00C0300", ContentState.TORN),  # control TLV of 2 bytes
        ("01031008340300", ContentState.TORN),  # reserves byte 16, the first of the area
        ("0203F000340300", ContentState.EMPTY),  # reserves 256 bytes from 240 on
    ],
)
def test_tlv_walk(tlv: str, state: ContentState) -> None:
    assert read_area(bytes.fromhex(tlv)).state is state


@pytest.mark.parametrize(
    ("cc", "state"),
    [
        ("E1101200", ContentState.EMPTY),
        ("E111120F", ContentState.EMPTY),
        ("00000000", ContentState.UNFORMATTED),
        ("E1201200", ContentState.FOREIGN),
        ("E3101200", ContentState.FOREIGN),
        ("00101200", ContentState.FOREIGN),
    ],
)
def test_the_capability_container_is_judged_first(cc: str, state: ContentState) -> None:
    assert read_content(bytes.fromhex(cc), bytes.fromhex("0300FE00")).state is state


def known_chip(model: Model) -> ChipType | None:
    return chip_by_version(model.version) if model.version else chip_by_name(model.name)


def test_chip_table_agrees_with_the_simulated_chips() -> None:
    for model in MODELS.values():
        chip = known_chip(model)
        assert chip is not None
        assert chip_by_name(model.name.lower()) is chip
        assert chip.page_count == model.pages
        assert chip.configuration in (None, model.cfg0)
        assert chip.dynamic_lock is None or chip.dynamic_lock.page == model.dynamic_lock
        assert model.delivered[:4] in (chip.cc, BLANK_CC)


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_every_chip_keeps_its_data_area_before_its_locks_and_its_configuration(chip: ChipType) -> None:
    assert chip.last_area_page <= chip.last_user_page < chip.page_count
    assert chip.area_bytes % 4 == 0
    if chip.dynamic_lock is not None:
        closed = [page for _, pages in chip.dynamic_lock.page_bits for page in pages]
        if chip.settled_lock:
            assert closed == list(range(16, chip.last_user_page + 1))  # every page once
        assert chip.dynamic_lock.page == chip.last_user_page + 1
        assert chip.configuration in (None, chip.dynamic_lock.page + 1)
        blocks = sum(1 << bit for bit, _ in chip.dynamic_lock.block_bits)
        assert not blocks & chip.dynamic_lock.mask
        assert sum(mask for _, mask in chip.dynamic_lock.block_bits) & chip.dynamic_lock.mask == chip.dynamic_lock.mask
    else:
        assert chip.last_user_page == 15


@pytest.mark.parametrize(
    ("name", "page", "page_bits", "with_block_bits"),
    [  # data sheets, see dpptag.tags.type2_chips; RFUI bits 0
        ("NTAG203", 40, "EE000000", "FF000000"),
        ("NTAG212", 36, "FF030000", "FF031F00"),
        ("NTAG213", 40, "FF0F0000", "FF0F3F00"),
        ("NTAG213F", 40, "FF0F0000", "FF0F3F00"),
        ("NTAG215", 130, "FF000000", "FF000F00"),
        ("NTAG216", 226, "FF3F0000", "FF3F7F00"),
        ("NTAG216F", 226, "FF3F0000", "FF3F7F00"),
        ("ULTRALIGHT-EV1-128", 36, "FF030000", "FF031F00"),
        ("NTAG-I2C-PLUS-1K", 226, "FF3F0000", "FF3F7F00"),
    ],
)
def test_dynamic_lock_bits(name: str, page: int, page_bits: str, with_block_bits: str) -> None:
    chip = chip_by_name(name)
    assert chip is not None
    assert chip.dynamic_lock is not None
    assert chip.dynamic_lock.page == page
    assert chip.dynamic_lock.mask.to_bytes(4, "little") == bytes.fromhex(page_bits)
    blocks = sum(1 << bit for bit, _ in chip.dynamic_lock.block_bits)
    assert (chip.dynamic_lock.mask | blocks).to_bytes(4, "little") == bytes.fromhex(with_block_bits)


@pytest.mark.parametrize(
    ("name", "pages", "cc", "room"),
    [
        ("ULTRALIGHT", 16, "E1100600", 46),
        ("ULTRALIGHT-EV1-48", 20, "E1100600", 46),
        ("ULTRALIGHT-EV1-128", 41, "E1101000", 126),
        ("NTAG203", 42, "E1101200", 142),
        ("NTAG210", 20, "E1100600", 46),
        ("NTAG212", 41, "E1101000", 126),
        ("NTAG213", 45, "E1101200", 142),
        ("NTAG215", 135, "E1103E00", 492),
        ("NTAG216", 231, "E1106D00", 868),
        ("NTAG-I2C-PLUS-2K", 234, "E1106D00", 868),
    ],
)
def test_sizes(name: str, pages: int, cc: str, room: int) -> None:
    chip = chip_by_name(name)
    assert chip is not None
    assert (chip.page_count, chip.cc, message_room(chip.area_bytes)) == (pages, bytes.fromhex(cc), room)


def test_no_version_and_no_name_stands_for_two_chips() -> None:
    versions = [version for chip in CHIPS for version in chip.versions]
    assert len(versions) == len(set(versions)) == 14
    assert len({chip.name.casefold() for chip in CHIPS}) == len(CHIPS)
    told = [chip for chip in CHIPS if chip.told_by_pages]
    assert sorted(chip.page_count for chip in told) == [16, 42, 45, 135, 231]
    for chip in told:  # another chip of this count has this very map
        for other in CHIPS:
            if other.page_count == chip.page_count:
                assert (other.dynamic_lock, other.configuration, other.cc, other.last_user_page) == (
                    chip.dynamic_lock,
                    chip.configuration,
                    chip.cc,
                    chip.last_user_page,
                )


def test_a_block_lock_bit_freezes_only_lock_bits_that_are_still_open() -> None:
    chip = chip_by_name("NTAG213")
    assert chip is not None
    assert chip.dynamic_lock is not None
    assert chip.dynamic_lock.frozen(0x01_0000) == 0b11
    assert chip.dynamic_lock.frozen(0x01_0001) == 0b10
    assert chip.dynamic_lock.frozen(0x3F_0FFF) == 0


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_lock_bit_closes_the_pages_that_the_simulated_chip_closes(name: str) -> None:
    model = MODELS[name]
    chip = known_chip(model)
    assert chip is not None
    checked = 0
    for bit in range(16 + 24):
        simulated = Type2Chip(model, UID)
        locks = (1 << bit).to_bytes(5, "little")
        simulated.pages[2] = simulated.pages[2][:2] + locks[:2]
        if model.dynamic_lock is not None:
            simulated.pages[model.dynamic_lock] = locks[2:] + b"\xbd"
        closed = {page for page in range(3, chip.last_user_page + 1) if simulated.page_locked(page)}
        assert locked_pages(chip, locks[:2], locks[2:]) == closed
        checked += bool(closed)
    assert checked == 13 + model.lock_bits


def test_uid_needs_both_check_bytes() -> None:
    pages = b"".join(Type2Chip(MODELS["NTAG213"], UID).pages[:4])
    chip, plain = chip_by_name("NTAG213"), chip_by_name("NTAG-I2C-PLUS-1K")
    assert chip is not None
    assert plain is not None
    assert uid_of(chip, pages) == UID
    assert uid_of(plain, UID + bytes.fromhex("00440000")) == UID
    for bit in range(9 * 8):
        flipped = bytearray(pages)
        flipped[bit // 8] ^= 1 << bit % 8
        assert uid_of(chip, bytes(flipped)) is None
