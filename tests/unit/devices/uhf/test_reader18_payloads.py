"""What the UHFReader18 and 288 payload codecs build and believe. Layouts: UHFReader18 User's Manual V2.0."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.devices.uhf import reader18_payloads as reader18
from dpptag.errors import DeviceProtocolError
from dpptag.links.gen2 import Bank, Sighting

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")


@pytest.mark.parametrize(
    ("built", "layout"),
    [
        (reader18.read_request(EPC, Bank.TID, 0, 6, bytes(4)), f"06 {EPC.hex()} 02 00 06 00000000"),
        (reader18.read_request(b"", Bank.TID, 0, 6, bytes(4)), "00 02 00 06 00000000"),
        (
            reader18.write_request(EPC, Bank.EPC, 1, b"\x30\0" + EPC, b"\1\2\3\4"),
            f"07 06 {EPC.hex()} 01 01 3000 {EPC.hex()} 01020304",
        ),
        (reader18.lock_request(EPC, 4, 2, b"\1\2\3\4"), f"06 {EPC.hex()} 04 02 01020304"),
        (reader18.kill_request(EPC, b"\1\2\3\4"), f"06 {EPC.hex()} 01020304"),
        (reader18.inventory_request(4, 1, 300), "04 01 01 0000 00 00 80 03"),
    ],
)
def test_requests_have_the_printed_layout(built: bytes, layout: str) -> None:
    assert built == bytes.fromhex(layout)


@pytest.mark.parametrize(
    ("band", "first", "last", "highest_and_lowest"),
    [(0b0100, 0, 14, "4E 00"), (0b0010, 0, 49, "31 80"), (0b0001, 0, 19, "13 40")],
)
def test_the_band_is_spread_over_both_channel_bytes(band: int, first: int, last: int, highest_and_lowest: str) -> None:
    """EU, US, China 2. The US pair is what maxbl4/RfidDotNet's tests hold as the answer of a real reader."""
    assert reader18.region_request(band, first, last) == bytes.fromhex(highest_and_lowest)
    told = reader18.Information.from_bytes(bytes.fromhex(f"0301 10 02 {highest_and_lowest} 1A 03 01000000"))
    assert (told.band, told.first_channel, told.last_channel) == (band, first, last)
    assert (told.firmware, told.type, told.power_dbm, told.scan_time_ms) == ("3.1", 0x10, 26, 300)


@pytest.mark.parametrize(("round_ms", "units"), [(50, 3), (300, 3), (301, 4), (60_000, 255)])
def test_a_scan_time_is_one_that_the_reader_takes(round_ms: int, units: int) -> None:
    assert reader18.scan_units(round_ms) == units


def test_an_inventory_without_tags_is_empty() -> None:
    assert reader18.parse_sightings(b"", antenna_and_rssi=False) == []
    assert reader18.parse_sightings(bytes.fromhex("01 00"), antenna_and_rssi=True) == []


def test_an_epc_of_no_words_is_a_tag() -> None:
    assert reader18.parse_sightings(bytes.fromhex("01 00"), antenna_and_rssi=False) == [Sighting(epc=b"", pc=0)]


@pytest.mark.parametrize(("mask", "antenna"), [("01", 1), ("04", 3), ("80", 8), ("00", None), ("05", None)])
def test_the_antenna_is_a_mask(mask: str, antenna: int | None) -> None:
    [seen] = reader18.parse_sightings(bytes.fromhex(f"{mask} 01 02 1234 6B"), antenna_and_rssi=True)
    assert (seen.antenna, seen.rssi_dbm) == (antenna, None)


@pytest.mark.parametrize(
    ("answer", "reader_288"),
    [
        pytest.param("01 03 123456", False, id="half a word"),
        pytest.param("02 02 1234", False, id="a tag too few"),
        pytest.param("01 02 1234 00", False, id="a byte too many"),
        pytest.param("01 82 1234", False, id="a TID nobody asked for"),
        pytest.param("01 01 02 1234", True, id="no RSSI"),
        pytest.param("01", True, id="no count"),
    ],
)
def test_an_inventory_that_contradicts_itself_is_refused(answer: str, reader_288: bool) -> None:
    with pytest.raises(DeviceProtocolError):
        reader18.parse_sightings(bytes.fromhex(answer), antenna_and_rssi=reader_288)


def test_a_read_gives_exactly_the_words_asked_for() -> None:
    assert reader18.parse_words(b"\1\2\3\4", 2) == b"\1\2\3\4"
    with pytest.raises(DeviceProtocolError):
        reader18.parse_words(b"\1\2\3\4", 1)


@given(answer=st.binary(max_size=80), reader_288=st.booleans())
def test_garbage_is_refused_or_means_what_it_says(answer: bytes, reader_288: bool) -> None:
    try:
        seen = reader18.parse_sightings(answer, antenna_and_rssi=reader_288)
    except DeviceProtocolError:
        pass
    else:
        extra = 1 if reader_288 else 0
        assert sum(1 + len(one.epc) + extra for one in seen) + 1 + extra == len(answer) or not answer
    try:
        told = reader18.Information.from_bytes(answer)
    except DeviceProtocolError:
        assert len(answer) < 8
    else:
        assert reader18.region_request(told.band, told.first_channel, told.last_channel) == answer[4:6]
