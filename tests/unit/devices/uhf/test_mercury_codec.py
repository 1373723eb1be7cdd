"""Mercury payloads by themselves: select blocks, lock payloads, records; garbage is refused, never guessed at."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf import mercury_answers as answers
from dpptag.devices.uhf import mercury_requests as requests
from dpptag.devices.uhf.mercury_requests import Metadata, Select
from dpptag.errors import DeviceProtocolError
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction

NANO = load_uhf_profile("uhf-m6e-nano")
TID = bytes.fromhex("E28011A02000732F4A5B0C01")
PASSWORD = bytes.fromhex("00003039")


def test_every_access_command_chooses_by_tid() -> None:
    # Password, 32-bit pointer 0, 96 bits, mask: behind the fixed fields of 28, 24 and 2D, before the data of 24.
    block = PASSWORD + bytes.fromhex("00000000 60") + TID
    by_tid = Select.by_tid(TID)
    assert requests.read(500, Bank.USER, 4, 8, by_tid, PASSWORD) == bytes.fromhex("01F4 12 00C0 03 00000004 08") + block
    assert (
        requests.write(500, Bank.USER, 4, b"data", by_tid, PASSWORD)
        == bytes.fromhex("01F4 02 00000004 03") + block + b"data"
    )
    assert (
        requests.block_write(500, Bank.USER, 4, b"data", by_tid, PASSWORD)
        == bytes.fromhex("01F4 00 42 00C7") + block + bytes.fromhex("00 03 00000004 02") + b"data"
    )


def test_lock_and_kill_have_the_password_as_a_field_and_choose_by_the_bare_block() -> None:
    block = bytes.fromhex("00000000 60") + TID
    by_tid = Select.by_tid(TID)
    assert (
        requests.lock(500, bytes.fromhex("002A002A"), by_tid, PASSWORD)
        == bytes.fromhex("01F4 02 00003039 002A 002A") + block
    )
    assert requests.kill(500, by_tid, PASSWORD) == bytes.fromhex("01F4 02 00003039 00") + block


def test_without_a_tag_to_choose_only_a_password_is_sent_and_none_where_there_is_none() -> None:
    assert requests.write(500, Bank.USER, 0, b"da", None, PASSWORD) == bytes.fromhex(
        "01F4 05 00000000 03 00003039 6461"
    )
    assert requests.write(500, Bank.USER, 0, b"da", None, NO_PASSWORD) == bytes.fromhex("01F4 00 00000000 03 6461")
    assert requests.lock(500, bytes.fromhex("00020002"), None, PASSWORD) == bytes.fromhex("01F4 00 00003039 0002 0002")


def test_a_mask_of_more_than_255_bits_counts_them_in_16_bits() -> None:
    assert requests.behind_password(Select.by_epc(bytes(62)), NO_PASSWORD) == (0x21, bytes(4) + b"\x01\xf0" + bytes(62))


def lock_payload(actions: dict[Area, LockAction]) -> tuple[int, int]:
    (payload,) = NANO.lock.payloads(actions)
    return int.from_bytes(payload[:2], "big"), int.from_bytes(payload[2:], "big")


def test_lock_payloads_as_the_air_protocol_has_them() -> None:
    # Gen2 6.3.2.12.3.5: kill 200/100, access 080/040, EPC 020/010, TID 008/004, USER 002/001.
    assert lock_payload({Area.USER: LockAction.LOCKED}) == (0x002, 0x002)
    assert lock_payload({Area.USER: LockAction.OPEN}) == (0x002, 0x000)
    assert lock_payload({Area.EPC: LockAction.LOCKED_FOREVER}) == (0x030, 0x030)
    assert lock_payload({Area.KILL: LockAction.OPEN_FOREVER}) == (0x300, 0x100)
    assert lock_payload({Area.ACCESS: LockAction.LOCKED, Area.EPC: LockAction.LOCKED}) == (0x0A0, 0x0A0)


def test_no_two_meanings_of_a_lock_have_the_same_payload() -> None:
    payloads = {lock_payload({area: action}) for area, action in itertools.product(Area, LockAction)}
    assert len(payloads) == len(Area) * len(LockAction)


def test_records_are_parsed_for_every_choice_of_metadata() -> None:
    fields = {
        Metadata.COUNT: "0A",
        Metadata.RSSI: "D4",
        Metadata.ANTENNA: "21",
        Metadata.FREQUENCY: "0E13E8",
        Metadata.TIMESTAMP: "00000334",
        Metadata.PHASE: "00AE",
        Metadata.PROTOCOL: "05",
        Metadata.DATA: "0010ABCD",
        Metadata.GPIO: "03",
    }
    tag = "0060" + "2000" + "1122334455667788" + "BEEF"
    every = sum(Metadata)
    for flags in [0, every, *Metadata, *(every - flag for flag in Metadata)]:
        body = "".join(text for flag, text in fields.items() if flags & flag)
        page = bytes.fromhex(f"{flags:04X}0002" + 2 * (body + tag))
        first, second = answers.parse_page(page, flags)
        assert first == second
        assert (first.pc, first.epc, first.crc) == (0x2000, bytes.fromhex("1122334455667788"), 0xBEEF)
        heard = first.heard
        assert heard.count == (10 if flags & Metadata.COUNT else None)
        assert heard.rssi_dbm == (-44 if flags & Metadata.RSSI else None)
        assert heard.port == (2 if flags & Metadata.ANTENNA else None)
        assert heard.frequency_khz == (922_600 if flags & Metadata.FREQUENCY else None)
        assert heard.phase_degrees == (174 if flags & Metadata.PHASE else None)
        assert heard.data == (b"\xab\xcd" if flags & Metadata.DATA else None)
        assert heard.gpio == (3 if flags & Metadata.GPIO else None)


@pytest.mark.parametrize(
    ("hardware", "model"),
    [
        ("30000002", "M6e Nano"),
        ("38010201", "M7e Hecto"),
        ("18000001", "M6e"),
        ("00010203", "Mercury module, hardware 00010203"),
    ],
)
def test_the_hardware_number_names_the_model(hardware: str, model: str) -> None:
    version = answers.Version.from_bytes(bytes(4) + bytes.fromhex(hardware) + bytes(12))
    assert version.model == model


def test_xpc_words_are_no_part_of_the_epc() -> None:
    page = bytes.fromhex("000000 02 0050 1200 0101 AAAA BBBB 1234 0060 1200 8101 0002 AAAA BBBB 1234")
    one, two = answers.parse_page(page, 0)
    assert (one.xpc.hex(), one.epc.hex()) == ("0101", "aaaabbbb")
    assert (two.xpc.hex(), two.epc.hex()) == ("81010002", "aaaabbbb")


def test_a_failed_embedded_command_leaves_no_data_and_the_record_whole() -> None:
    page = bytes.fromhex("0080 00 01 8000 0424 0040 1000 AAAA BBBB 1234")
    (record,) = answers.parse_page(page, Metadata.DATA)
    assert (record.heard.data, record.epc.hex()) == (None, "aaaabbbb")


@pytest.mark.parametrize(
    "page",
    [
        "",
        "0000",
        "0001 00 00",  # metadata that nobody asked for
        "0000 00 01",  # one record promised, none there
        "0000 00 01 0040 1000 AAAA BBBB",  # ends in the CRC
        "0000 00 01 0040 1000 AAAA BBBB 1234 00",  # something behind the last record
        "0000 00 01 0010 1000",  # no CRC
        "0000 00 01 0021 1000 BEEF00",  # half a word
        "0000 00 01 0240" + "00" * 72,  # longer than any tag
        "0000 00 01 0030 1200 8101 BEEF",  # two words of XPC and no room for the CRC
    ],
)
def test_a_page_that_is_not_whole_is_refused(page: str) -> None:
    with pytest.raises(DeviceProtocolError):
        answers.parse_page(bytes.fromhex(page), 0)


def test_a_read_gives_exactly_the_words_that_were_asked_for() -> None:
    answer = bytes.fromhex("12 00C0 05 0000 11112222")
    assert answers.parse_read(answer, 2) == b"\x11\x11\x22\x22"
    for wrong, count in ((answer, 1), (answer, 3), (b"", 1), (b"\x12\x00\x40\x05\x11\x11", 1)):
        with pytest.raises(DeviceProtocolError):
            answers.parse_read(wrong, count)


@given(st.binary(max_size=250), st.integers(0, 0x1FF), st.integers(0, 120))
def test_garbage_raises_the_protocol_error_and_nothing_else(data: bytes, flags: int, count: int) -> None:
    page = flags.to_bytes(2, "big") + data
    for parse in (
        lambda: answers.parse_page(data, flags),
        lambda: answers.parse_page(page, flags),
        lambda: answers.parse_read(data, count),
        lambda: answers.parse_read(b"\0\0\xc0" + data, count),
        lambda: answers.SearchResult.from_bytes(data),
        lambda: answers.Version.from_bytes(data),
        lambda: answers.Power.from_bytes(data),
        lambda: answers.parse_ports(data),
        lambda: answers.parse_frequencies(data),
        lambda: answers.parse_waiting(data),
        lambda: answers.parse_temperature(data),
    ):
        with contextlib.suppress(DeviceProtocolError):
            parse()
