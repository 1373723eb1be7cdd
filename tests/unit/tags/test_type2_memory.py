"""Type 2 memory: the vector images, TLV bounds, chip table and lock bits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.errors import PlanError
from dpptag.sim.type2 import MODELS, Type2Chip
from dpptag.tags.tag import ContentState
from dpptag.tags.tlv import build_area, message_room, read_area
from dpptag.tags.type2_memory import CHIPS, chip_by_name, chip_by_version, locked_pages, read_content, uid_of
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


def test_chip_table_agrees_with_the_simulated_chips() -> None:
    assert {chip.name for chip in CHIPS} == set(MODELS)
    for chip in CHIPS:
        model = MODELS[chip.name]
        assert chip_by_version(model.version) is chip
        assert chip_by_name(chip.name.lower()) is chip
        assert (chip.page_count, chip.dynamic_lock_page, chip.cfg0_page) == (
            model.pages,
            model.dynamic_lock,
            model.cfg0,
        )
        assert chip.cc == model.delivered[:4]
        assert chip.last_area_page <= chip.last_user_page == chip.dynamic_lock_page - 1


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_lock_bit_closes_the_pages_that_the_simulated_chip_closes(name: str) -> None:
    model, chip = MODELS[name], chip_by_name(name)
    assert chip is not None
    checked = 0
    for bit in range(16 + 24):
        simulated = Type2Chip(model, UID)
        locks = (1 << bit).to_bytes(5, "little")
        simulated.pages[2] = simulated.pages[2][:2] + locks[:2]
        simulated.pages[model.dynamic_lock] = locks[2:] + b"\xbd"
        closed = {page for page in range(3, chip.last_user_page + 1) if simulated.page_locked(page)}
        assert locked_pages(chip, locks[:2], locks[2:]) == closed
        checked += bool(closed)
    assert checked == 13 + model.lock_bits


def test_uid_needs_both_check_bytes() -> None:
    pages = b"".join(Type2Chip(MODELS["NTAG213"], UID).pages[:4])
    assert uid_of(pages) == UID
    for bit in range(9 * 8):
        flipped = bytearray(pages)
        flipped[bit // 8] ^= 1 << bit % 8
        assert uid_of(bytes(flipped)) is None
