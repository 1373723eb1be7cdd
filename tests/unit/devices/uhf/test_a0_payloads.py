"""What the A0 payload codecs build and believe. Layouts: "UHF RFID Reader Serial Interface Protocol V3.7"."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.devices.uhf import a0_payloads as a0
from dpptag.errors import DeviceProtocolError
from dpptag.links.gen2 import Bank

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
PC = bytes.fromhex("3400")
CRC = bytes.fromhex("3A76")  # of this PC and EPC, as printed in the M100 protocol's inventory example
BODY = PC + EPC + CRC


def dbm(octet: int) -> int:
    return octet - 129


def tagged(body: bytes, last: int, count: int = 1) -> bytes:
    return count.to_bytes(2, "big") + bytes([len(body)]) + body + bytes([last, 0x09, 1])


@pytest.mark.parametrize(
    ("built", "printed"),
    [
        (a0.read_request(Bank.TID, 0, 6, bytes(4)), "02 00 06 00000000"),
        (a0.write_request(Bank.USER, 2, bytes.fromhex("12345678"), b"\1\2\3\4"), "01020304 03 02 02 12345678"),
        (a0.lock_request(3, 1, b"\1\2\3\4"), "01020304 03 01"),
        (a0.match_request(EPC), "00 0C 30751FEB705C5904E3D50D70"),
        (a0.match_request(None), "01 00"),
        (a0.RegionSetting(2, 0, 6).to_bytes(), "02 00 06"),
        (a0.RegionSetting(4, 0, 3, 865_700, 600).to_bytes(), "04 3C 04 0D35A4"),
    ],
)
def test_requests_have_the_printed_layout(built: bytes, printed: str) -> None:
    assert built == bytes.fromhex(printed)


@pytest.mark.parametrize("setting", [a0.RegionSetting(1, 7, 59), a0.RegionSetting(4, 0, 3, 865_700, 600)])
def test_a_region_reads_back_as_it_was_set(setting: a0.RegionSetting) -> None:
    assert a0.RegionSetting.from_bytes(setting.to_bytes()) == setting


@pytest.mark.parametrize(("channel", "khz"), [(0, 865_000), (6, 868_000), (7, 902_000), (43, 920_000), (59, 928_000)])
def test_the_common_channels_lie_where_the_table_says(channel: int, khz: int) -> None:
    assert a0.table_khz(channel) == khz


def test_a_channel_outside_of_the_region_has_no_frequency() -> None:
    assert a0.table_khz(60) is None
    assert a0.RegionSetting(4, 0, 3, 865_700, 600).frequency_khz(3) == 867_500
    assert a0.RegionSetting(4, 0, 3, 865_700, 600).frequency_khz(4) is None


def test_a_sighting_tells_channel_antenna_and_dbm() -> None:
    seen = a0.parse_sighting(bytes([6 << 2 | 1]) + PC + EPC + bytes([70]), a0.RegionSetting(2, 0, 6), dbm)
    assert (seen.epc, seen.pc, seen.rssi_dbm, seen.antenna, seen.frequency_khz) == (EPC, 0x3400, -59, 2, 868_000)


def test_the_high_bit_of_the_rssi_is_an_antenna_above_four() -> None:
    seen = a0.parse_sighting(b"\1" + PC + EPC + bytes([0x80 | 70]), None, dbm)
    assert (seen.rssi_dbm, seen.antenna) == (-59, 6)


def test_extended_pc_words_are_no_part_of_the_epc() -> None:
    seen = a0.parse_sighting(b"\0" + bytes.fromhex("3600 0001") + EPC + b"\x46", None, dbm)
    assert seen.epc == EPC
    pc_xpc_epc = bytes.fromhex("3600 0001") + EPC
    assert a0.parse_access(tagged(pc_xpc_epc + a0.stored_crc(pc_xpc_epc), 0x10)).epc == EPC


def test_the_stored_crc_is_the_printed_one() -> None:
    assert a0.stored_crc(PC + EPC) == CRC


def test_a_read_of_sixteen_bytes_is_no_error_code() -> None:
    found = a0.parse_access(tagged(BODY + bytes(range(16)), 16))
    assert (found.code, found.data, found.epc) == (None, bytes(range(16)), EPC)


def test_a_verdict_without_data_is_the_code() -> None:
    assert a0.parse_access(tagged(BODY, 0x33)).code == 0x33


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(tagged(BODY + bytes(4), 2), id="fewer bytes of data than there are"),
        pytest.param(tagged(BODY, 0x10, count=0), id="no tag, yet one answers"),
        pytest.param(tagged(BODY, 0x10)[:-1], id="one byte short"),
        pytest.param(tagged(PC + EPC + b"\x3a\x77", 0x10), id="CRC of another EPC"),
        pytest.param(tagged(b"\xf8\x00" + EPC + CRC, 0x10), id="PC longer than the EPC"),
        pytest.param(b"\x36", id="a code alone"),
    ],
)
def test_an_access_answer_that_contradicts_itself_is_refused(answer: bytes) -> None:
    with pytest.raises(DeviceProtocolError):
        a0.parse_access(answer)


@pytest.mark.parametrize(("answer", "degrees"), [("01 2A", 42), ("00 05", -5)])
def test_a_temperature_has_its_sign_first(answer: str, degrees: int) -> None:
    assert a0.parse_temperature(bytes.fromhex(answer)) == degrees


def test_no_end_of_an_inventory_is_taken_for_a_tag() -> None:
    with pytest.raises(DeviceProtocolError):
        a0.parse_sighting(bytes(a0.ALL_DONE), None, dbm)


@given(answer=st.binary(max_size=80))
def test_garbage_is_refused_or_means_what_it_says(answer: bytes) -> None:
    for parse in (
        a0.parse_code,
        a0.parse_version,
        a0.parse_temperature,
        a0.parse_powers,
        a0.parse_identifier,
        a0.parse_total,
        a0.RegionSetting.from_bytes,
    ):
        with contextlib.suppress(DeviceProtocolError):
            parse(answer)
    try:
        seen = a0.parse_sighting(answer, None, dbm)
    except DeviceProtocolError:
        pass
    else:
        assert answer[3:-1].endswith(seen.epc)
        assert 2 * (seen.pc >> 11) == len(seen.epc)
    try:
        found = a0.parse_access(answer)
    except DeviceProtocolError:
        pass
    else:
        assert found.epc + a0.stored_crc(answer[3 : 5 + len(found.epc)]) in answer


@given(epc=st.binary(max_size=62).filter(lambda epc: len(epc) % 2 == 0), data=st.binary(max_size=64), at=st.integers(0))
def test_one_wrong_byte_before_the_data_never_gives_another_epc(epc: bytes, data: bytes, at: int) -> None:
    pc_and_epc = (len(epc) // 2 << 11).to_bytes(2, "big") + epc
    answer = bytearray(tagged(pc_and_epc + a0.stored_crc(pc_and_epc) + data, len(data) or 0x10))
    answer[at % (3 + len(pc_and_epc) + 2)] ^= 1 + at % 255
    try:
        found = a0.parse_access(bytes(answer))
    except DeviceProtocolError:
        return
    assert found.epc == epc
