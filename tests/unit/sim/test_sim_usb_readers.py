"""The simulated USB readers without a bus: what a host sends, what it gets."""

from typing import TypeVar

import pytest

from dpptag.sim.pn532 import crc_a
from dpptag.sim.pn532_frames import ACK, information_frame
from dpptag.sim.population import parse_query
from dpptag.sim.usb import port100_frames
from dpptag.sim.usb.acr122u import Acr122u
from dpptag.sim.usb.ccid import Icc, Request, SlotError
from dpptag.sim.usb.descriptors import MODELS
from dpptag.sim.usb.pn533 import Pn533
from dpptag.sim.usb.rcs380 import RcS380
from dpptag.sim.usb.reader import UsbReader

UID = "04A1B2C3D4E5F6"
ROOM = 512
Reader = TypeVar("Reader", bound=UsbReader)


def reader(kind: type[Reader], query: str = f"uid={UID}") -> Reader:
    return kind(parse_query(query))


def said(one: UsbReader, endpoint: int | None = None) -> list[str]:
    """All messages that wait for the host, in hex."""
    found = []
    address = one.model.bulk_in if endpoint is None else endpoint
    while (message := one.take(address, ROOM)) is not None:
        found.append(message.hex())
    return found


# Descriptors


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_descriptors_have_the_lengths_that_they_state(model) -> None:
    device, rest = model.device_descriptor(), model.configuration_descriptor()
    assert device[0] == len(device) == 18
    assert int.from_bytes(rest[2:4], "little") == len(rest)
    kinds = []
    while rest:
        kinds.append(rest[1])
        rest = rest[rest[0] :]
    assert kinds.count(5) == len(model.endpoints)


def test_the_ccid_descriptor_has_54_bytes_and_the_features_of_the_reader() -> None:
    descriptor = MODELS["acr122u"].class_descriptor
    assert len(descriptor) == descriptor[0] == 0x36
    assert descriptor[40:48].hex() == "400002000f010000"  # dwFeatures, dwMaxCCIDMessageLength


def test_strings_are_numbered_from_one_and_zero_is_the_language() -> None:
    model = MODELS["pn533"]
    assert model.string_descriptor(0) == bytes.fromhex("04030904")
    assert model.string_descriptor(2) == bytes((12, 3)) + "PN533".encode("utf-16-le")
    assert model.string_descriptor(3) is None


# PN533


def pn533(one: Pn533, command: str) -> list[str]:
    one.host_sent(information_frame(bytes.fromhex("D4" + command)))
    return said(one)


def test_the_pn533_acknowledges_and_answers_in_two_transfers() -> None:
    assert pn533(reader(Pn533), "02") == [ACK.hex(), information_frame(bytes.fromhex("D50333020707")).hex()]


def test_register_answers_of_the_pn533_begin_with_a_status() -> None:
    one = reader(Pn533)
    assert pn533(one, "0863023A")[1] == information_frame(bytes.fromhex("D50900")).hex()
    assert pn533(one, "066302")[1] == information_frame(bytes.fromhex("D507003A")).hex()


def test_a_pn533_without_eeprom_refuses_its_registers() -> None:
    assert pn533(reader(Pn533), "06A000")[1] == information_frame(bytes.fromhex("D50710")).hex()


@pytest.mark.parametrize("command", ["1004", "140100", "1600", "60010100"])
def test_commands_that_only_the_pn532_has_are_syntax_errors(command: str) -> None:
    assert pn533(reader(Pn533), command)[1] == "0000ff01ff7f8100"


# RC-S380


def rcs380(one: RcS380, command: str) -> str:
    one.host_sent(port100_frames.frame(bytes.fromhex("D6" + command)))
    acknowledge, answer = said(one)
    assert acknowledge == ACK.hex()
    payload = port100_frames.parse(bytes.fromhex(answer))
    assert isinstance(payload, bytes)
    return payload.hex()


def test_a_port100_frame_has_its_length_low_byte_first_and_two_checksums() -> None:
    assert port100_frames.frame(bytes.fromhex("D62A01")).hex() == "0000ffffff0300fdd62a01ff00"


@pytest.mark.parametrize("at", [5, 7, 8, 11])
def test_a_damaged_port100_frame_is_answered_by_an_error_frame(at: int) -> None:
    one = reader(RcS380)
    frame = bytearray(port100_frames.frame(bytes.fromhex("D62A01")))
    frame[at] ^= 1
    one.host_sent(bytes(frame))
    assert said(one) == [port100_frames.ERROR.hex()]


def test_the_rcs380_walks_a_seven_byte_uid_up_in_two_cascade_levels() -> None:
    one = reader(RcS380)
    assert rcs380(one, "0002030F03") == "d70100"
    assert rcs380(one, "02010002000707") == "d70300"
    assert rcs380(one, "042C0126") == "d70500000000084400"
    assert rcs380(one, "020708") == "d70300"
    assert rcs380(one, "042C019320") == "d705000000000888" + "04a1b2" + "9f"
    assert rcs380(one, "0201010201") == "d70300"
    assert rcs380(one, "042C0193708804A1B29F") == "d7050000000008" + "04"
    assert rcs380(one, "042C019570C3D4E5F604") == "d7050000000008" + "00"


def test_the_rcs380_hears_a_nibble_only_without_crc_check() -> None:
    one = reader(RcS380)
    for command in ("0002030F03", "02010002000707", "042C0126", "02070801010201"):
        rcs380(one, command)
    assert rcs380(one, "042C01A20511223344") == "d70504000000"
    rcs380(one, "020200")
    assert rcs380(one, "042C01A20511223344") == "d7050000000004" + "0a"
    data = bytes.fromhex("11223344") + bytes.fromhex(rcs380(one, "042C013005"))[11:-2]
    assert rcs380(one, "042C013005").endswith(crc_a(data).hex())


def test_the_rcs380_times_out_where_nothing_answers() -> None:
    one = reader(RcS380)
    assert rcs380(one, "0003070F07") == "d70100"  # Type B
    assert rcs380(one, "042C01050010") == "d70580000000"


@pytest.mark.parametrize("command", ["00FFFF0F0F", "0214", "2A07"])
def test_the_rcs380_refuses_parameters_that_it_does_not_know(command: str) -> None:
    assert rcs380(reader(RcS380), command)[4:] == "01"


# ACR122U


def ccid(one: Acr122u, kind: int, data: str = "") -> str:
    body = bytes.fromhex(data)
    one.host_sent(bytes((kind,)) + len(body).to_bytes(4, "little") + bytes((0, 7, 0, 0, 0)) + body)
    (answer,) = said(one)
    return answer


def test_the_slot_is_inactive_until_it_is_powered_and_empty_without_a_tag() -> None:
    one = reader(Acr122u)
    assert ccid(one, 0x65) == "81000000000007010000"
    assert ccid(one, 0x62)[:20] == "80140000000007000000"
    assert ccid(one, 0x65) == "81000000000007000000"
    one.take_away()
    assert ccid(one, 0x65) == "81000000000007020000"
    assert ccid(one, 0x62) == "8000000000000742fe00"


def test_the_interrupt_endpoint_tells_of_a_tag_that_leaves_and_comes() -> None:
    one = reader(Acr122u)
    one.take_away()
    one.put_back()
    assert said(one, 0x81) == ["5002", "5003"]


@pytest.mark.parametrize("kind", [0x6F, 0x6B])
def test_pseudo_apdus_go_through_transfer_and_escape_alike(kind: int) -> None:
    one = reader(Acr122u)
    assert bytes.fromhex(ccid(one, kind, "FF00480000"))[10:] == b"ACR122U215"
    assert ccid(one, kind, "FF00000002D402")[20:] == "d50332010607" + "9000"


def test_a_message_that_is_not_whole_is_not_answered() -> None:
    one = reader(Acr122u)
    one.host_sent(bytes.fromhex("6F0500000000070000") + b"\xff")
    one.host_sent(b"\x6f")
    assert said(one) == []


def test_an_unknown_message_is_a_failed_command() -> None:
    answer = Request(0x7A, 0, 7, b"").answer(Icc.INACTIVE, error=SlotError.NOT_SUPPORTED)
    assert ccid(reader(Acr122u), 0x7A) == answer.hex() == "81000000000007410000"


# Faults, on every model


@pytest.mark.parametrize("fault", ["no-answer@1", "hold@1", "hold-after@1"])
def test_a_silent_reader_says_nothing_at_all(fault: str) -> None:
    one = reader(Pn533, f"uid={UID}&fault={fault}")
    assert pn533(one, "02") == []


def test_a_hold_ends_when_the_client_has_gone() -> None:
    events: list[dict[str, object]] = []
    one = Pn533(parse_query(f"uid={UID}&fault=hold@1"), events.append)
    assert pn533(one, "02") == []
    assert pn533(one, "02") == []
    one.client_gone()
    assert len(pn533(one, "02")) == 2
    assert events == [{"fired": "hold@1", "host_command": 1}, {"held": 1}, {"released": 1}]


def test_polls_of_the_slot_are_no_host_commands() -> None:
    one = reader(Acr122u, f"uid={UID}&fault=garbage@1")
    ccid(one, 0x65)
    ccid(one, 0x62)
    assert one.faults.host_command == 0
    assert ccid(one, 0x6F, "FFCA000000") == "5aa50ff0172c"


def test_a_message_longer_than_the_transfer_comes_in_pieces() -> None:
    one = reader(Pn533)
    one.host_sent(information_frame(bytes.fromhex("D402")))
    assert one.take(0x84, 4) == ACK[:4]
    assert one.take(0x84, 64) == ACK[4:]


def test_a_tag_taken_away_by_hand_stays_away_when_a_client_goes() -> None:
    one = reader(Pn533)
    one.take_away()
    one.client_gone()
    assert one.record()["tag"] is None
    one.put_back()
    assert one.record()["tag"] == UID.lower()
