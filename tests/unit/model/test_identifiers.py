"""Chip numbers: which octets name one chip (TDS 2.3 section 16.2, ISO/IEC 14443-3, 15693)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.errors import InputError
from dpptag.model.identifiers import ChipNumber, tid_serial_end

TID = "e2801160" + "2000" + "70b1c2d3e4f5"


@pytest.mark.parametrize("text", ["04a1b2c3d4e5f6", "e004010012345678", "0102030405060708090a", TID])
def test_a_chip_number_is_taken_as_it_stands(text: str) -> None:
    assert ChipNumber.from_hex(text).hex == text


@pytest.mark.parametrize("text", ["04A1B2C3D4E5F6", "04 a1 b2 c3 d4 e5 f6"])
def test_hex_is_read_in_either_case_and_with_blanks(text: str) -> None:
    assert ChipNumber.from_hex(text).octets == bytes.fromhex("04a1b2c3d4e5f6")


@pytest.mark.parametrize("text", ["08a1b2c3", "01020304"])
def test_a_four_byte_uid_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        ChipNumber.from_hex(text)
    assert refusal.value.code == "chip-4-byte-uid"


@pytest.mark.parametrize("length", [0, 1, 2, 3, 5, 6, 9])
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(InputError) as refusal:
        ChipNumber(bytes(length))
    assert refusal.value.code == "chip-malformed"


@pytest.mark.parametrize("text", ["", "0", "xyz", "04:a1:b2:c3:d4:e5:f6", "0x04a1b2c3d4e5f6"])
def test_what_is_no_hex_number_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        ChipNumber.from_hex(text)


@pytest.mark.parametrize(
    ("serialisation", "end"), [(0, None), (1, 12), (2, 14), (3, 16), (4, 18), (5, 20), (6, 22), (7, 24)]
)
def test_the_xtid_header_says_where_the_serial_ends(serialisation: int, end: int | None) -> None:
    """TDS table 16-2: 48 bits, then 16 more a step."""
    tid = bytes.fromhex("e2801160") + bytes((serialisation << 5, 0)) + bytes(range(1, 31))
    assert tid_serial_end(tid) == end


def test_the_other_bits_of_the_xtid_header_do_not_matter() -> None:
    assert tid_serial_end(bytes.fromhex("e2801160" + "3fff") + bytes(6)) == 12


def test_a_tid_is_cut_behind_its_serial() -> None:
    assert ChipNumber.from_hex(TID + "ffff0000").hex == TID


@pytest.mark.parametrize(
    "text",
    [
        "e2001160" + "2000" + "70b1c2d3e4f5",
        "e2801160" + "0000" + "70b1c2d3e4f5",
        "e0801160" + "2000" + "70b1c2d3e4f5",
        "e2801160" + "2000" + "70b1c2d3e4",
        "e2801160" + "4000" + "70b1c2d3e4f5",
    ],
)
def test_a_tid_without_a_whole_serial_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        ChipNumber.from_hex(text)
    assert refusal.value.code == "chip-tid-unserialised"


@given(st.binary(max_size=40))
def test_any_octets_are_a_chip_number_or_an_input_error(octets: bytes) -> None:
    for make in (ChipNumber, ChipNumber.from_tid):
        try:
            chip = make(octets)
        except InputError:
            continue
        assert octets.startswith(chip.octets)
        assert ChipNumber(chip.octets) == chip
