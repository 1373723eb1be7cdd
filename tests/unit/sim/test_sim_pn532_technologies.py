"""The simulated PN532 in front of FeliCa and ISO/IEC 14443-4 chips (UM0701-02 section 7.3)."""

import pytest

from dpptag.sim.chip import Chip
from dpptag.sim.crc import crc_f
from dpptag.sim.faults import FaultSchedule, parse_fault
from dpptag.sim.field import Field
from dpptag.sim.pn532 import HostSyntaxError, Pn532
from dpptag.sim.silent import SilentChip
from tests.unit.sim.chips import IDM, PMM, UID, ApduEcho, Felica, Vicinity

POLL_F = "00FFFF0100"
READ_F = "06" + IDM.hex() + "01 0B00 01 8000"
"""Read Without Encryption of block 0, without its length byte."""


def reader(*chips: Chip, fault: str | None = None, parameters: str = "14") -> Pn532:
    faults = FaultSchedule([parse_fault(fault)] if fault else [])
    chip = Pn532(Field(chips, faults=faults))
    tell(chip, "32 05 010001")
    tell(chip, "12" + parameters)
    return chip


def tell(chip: Pn532, command: str) -> bytes | None:
    answer = chip.command(bytes.fromhex("D4" + command))
    return None if answer is None else answer[2:]


def framed(command: str) -> str:
    frame = bytes.fromhex(command)
    return bytes((len(frame) + 1, *frame)).hex()


# FeliCa


@pytest.mark.parametrize("speed", ["01", "02"])
def test_a_felica_chip_is_listed_with_idm_pmm_and_the_system_code_asked_for(speed: str) -> None:
    assert tell(reader(Felica()), f"4A 01 {speed} {POLL_F}") == bytes.fromhex("01 01 14 01") + IDM + PMM + b"\x12\xfc"


def test_without_a_request_code_the_poll_response_is_18_bytes() -> None:
    assert tell(reader(Felica()), "4A 01 01 0012FC0000") == bytes.fromhex("01 01 12 01") + IDM + PMM


def test_a_felica_chip_of_another_system_is_not_found() -> None:
    assert tell(reader(Felica(0x88B4)), "4A 01 01 0012FC0100") == b"\x00"


@pytest.mark.parametrize("request_", ["", "00FFFF01", "01FFFF0100"])
def test_a_felica_poll_needs_the_five_bytes_of_a_polling_command(request_: str) -> None:
    with pytest.raises(HostSyntaxError):
        tell(reader(Felica()), "4A 01 01" + request_)


def test_a_type_a_poll_finds_no_felica_chip_and_no_15693_chip() -> None:
    assert tell(reader(Felica()), "4A 01 00") == b"\x00"
    assert tell(reader(Vicinity()), "4A 01 00") == b"\x00"
    assert tell(reader(Vicinity()), "4A 01 01" + POLL_F) == b"\x00"


def test_a_felica_frame_goes_through_with_its_length_byte() -> None:
    chip = reader(Felica())
    tell(chip, "4A 01 01" + POLL_F)
    answer = tell(chip, "42" + framed(READ_F))
    assert answer == bytes.fromhex("00 1D 07") + IDM + bytes.fromhex("000001") + bytes(range(16))


def test_a_felica_frame_whose_length_byte_is_wrong_is_not_answered() -> None:
    chip = reader(Felica())
    tell(chip, "4A 01 01" + POLL_F)
    assert tell(chip, "42 11" + READ_F) == b"\x01"


def test_without_crc_the_host_brings_and_gets_that_of_felica() -> None:
    chip = reader(Felica())
    tell(chip, "4A 01 02" + POLL_F)
    tell(chip, "08 6302 22 6303 22")
    frame = bytes.fromhex(framed(READ_F))
    assert tell(chip, "42" + frame.hex()) == b"\x01"
    answer = tell(chip, "42" + (frame + crc_f(frame)).hex())
    assert answer is not None
    assert answer[-2:] == crc_f(answer[1:-2])


def test_the_felica_checksum_is_that_of_the_standards_polynomial() -> None:
    assert crc_f(b"123456789") == bytes.fromhex("31C3")  # CRC-16/XMODEM: the same polynomial, start and order


@pytest.mark.parametrize("mode", ["80", "92"])
def test_a_frame_of_the_other_technology_reaches_no_chip(mode: str) -> None:
    chip = reader(Felica() if mode == "80" else ApduEcho())
    tell(chip, "4A 01 01" + POLL_F if mode == "80" else "4A 01 00")
    tell(chip, f"08 6302 {mode} 6303 {mode}")
    assert tell(chip, "42" + (READ_F if mode == "80" else framed(READ_F))) == b"\x01"


def test_noise_on_a_felica_answer_is_status_02() -> None:
    chip = reader(Felica(), fault="noise@0")
    tell(chip, "4A 01 01" + POLL_F)
    assert tell(chip, "42" + framed(READ_F)) == b"\x02"


def test_data_exchange_carries_felica_frames_too() -> None:
    chip = reader(Felica())
    tell(chip, "4A 01 01" + POLL_F)
    assert tell(chip, "40 01" + framed(READ_F)) == tell(chip, "42" + framed(READ_F))


def test_a_refused_felica_read_has_the_chips_error_status() -> None:
    chip = reader(Felica(), fault="nak@0")
    tell(chip, "4A 01 01" + POLL_F)
    assert tell(chip, "42" + framed(READ_F)) == bytes.fromhex("00 0C 07") + IDM + bytes.fromhex("FFA6")


@pytest.mark.parametrize("kind", ["01", "11", "02", "12"])
def test_auto_poll_finds_a_felica_chip(kind: str) -> None:
    answer = tell(reader(Felica()), "60 01 01" + kind)
    assert answer == bytes.fromhex(f"01 {kind} 13 01 12 01") + IDM + PMM


# ISO/IEC 14443-4


def test_automatic_rats_adds_the_ats_to_the_target() -> None:
    assert tell(reader(ApduEcho()), "4A 01 00") == bytes.fromhex("01 01 0344 20 07") + UID + ApduEcho.ats


def test_a_target_that_does_not_answer_automatic_rats_is_not_listed() -> None:
    assert tell(reader(SilentChip(0x20, UID)), "4A 01 00") == b"\x00"


def test_without_automatic_rats_the_host_sends_it_and_the_blocks_itself() -> None:
    chip = reader(ApduEcho(), parameters="00")
    assert tell(chip, "4A 01 00") == bytes.fromhex("01 01 0344 20 07") + UID
    assert tell(chip, "42 E080") == b"\x00" + ApduEcho.ats
    assert tell(chip, "42 02 00A40000") == bytes.fromhex("00 02 00A40000 9000")
    assert tell(chip, "42 C2") == bytes.fromhex("00 C2")


def test_a_whole_apdu_goes_through_data_exchange() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    assert tell(chip, "40 01 00B0000004") == bytes.fromhex("00 00B0000004 9000")


def test_data_exchange_to_a_target_without_rats_passes_no_apdu() -> None:
    chip = reader(ApduEcho(), parameters="00")
    tell(chip, "4A 01 00")
    assert tell(chip, "40 01 00B0000004") == b"\x27"


def test_parts_of_an_apdu_are_put_together() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    assert tell(chip, "40 41 00D60000") == b"\x00"
    assert tell(chip, "40 01 0461626364") == bytes.fromhex("00 00D600000461626364 9000")


def test_another_command_between_the_parts_makes_them_void() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    tell(chip, "40 41 00D60000")
    tell(chip, "02")
    assert tell(chip, "40 01 00A40000") == bytes.fromhex("00 00A40000 9000")


def test_an_answer_longer_than_one_frame_comes_in_parts() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    tell(chip, "40 41" + "AA" * 200)
    first = tell(chip, "40 01" + "BB" * 100)
    rest = tell(chip, "40 01")
    assert first is not None
    assert rest is not None
    assert (first[0], len(first), rest[0]) == (0x40, 263, 0x00)
    assert first[1:] + rest[1:] == bytes.fromhex("AA" * 200 + "BB" * 100 + "9000")


def test_a_refused_apdu_has_an_error_status() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    chip.field.faults = FaultSchedule([parse_fault("nak@0")])
    assert tell(chip, "40 01 00B0000004") == bytes.fromhex("00 6E00")


def test_a_refused_block_has_an_error_status_in_its_block() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    chip.field.faults = FaultSchedule([parse_fault("nak@0")])
    assert tell(chip, "42 03 00B0000004") == bytes.fromhex("00 03 6E00")


def test_the_middle_of_a_chain_is_not_refused() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    tell(chip, "42 12 00D60000")
    chip.field.faults = FaultSchedule([parse_fault("nak@0")])
    assert tell(chip, "42 03 0461626364") == bytes.fromhex("00 03 0461626364 9000")
    assert tell(chip, "42 02 00B0000004") == bytes.fromhex("00 02 6E00")


@pytest.mark.parametrize("command", ["40 01 00D600000461626364", "42 02 00D600000461626364"])
def test_a_torn_apdu_is_half_stored_and_the_tag_is_gone(command: str) -> None:
    tag = ApduEcho()
    chip = reader(tag)
    tell(chip, "4A 01 00")
    chip.field.faults = FaultSchedule([parse_fault("tear@0")])
    assert tell(chip, "42 02 00B0000004") == bytes.fromhex("00 02 00B0000004 9000")
    assert tell(chip, command) == b"\x01"
    assert tag.stored == b"ab\xff\xff"
    assert tell(chip, "4A 01 00") == b"\x00"


def test_a_deselected_target_is_out_of_context_until_it_is_selected() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    assert tell(chip, "44 01") == b"\x00"
    assert tell(chip, "40 01 00B0000004") == b"\x27"
    assert tell(chip, "54 01") == b"\x00"
    assert tell(chip, "40 01 00B0000004") == bytes.fromhex("00 00B0000004 9000")


def test_a_released_target_is_found_again_by_its_uid_alone() -> None:
    chip = reader(ApduEcho())
    tell(chip, "4A 01 00")
    assert tell(chip, "52 01") == b"\x00"
    assert tell(chip, "4A 01 00") == b"\x00"
    assert tell(chip, "4A 01 00 88" + UID.hex()) == bytes.fromhex("01 01 0344 20 07") + UID + ApduEcho.ats


def test_auto_poll_tells_an_iso_14443_4_target_from_a_plain_one() -> None:
    found = bytes.fromhex("01 0344 20 07") + UID + ApduEcho.ats
    assert tell(reader(ApduEcho()), "60 01 01 10 20") == bytes((1, 0x20, len(found))) + found
    assert tell(reader(ApduEcho()), "60 01 01 10") == b"\x00"
    assert tell(reader(ApduEcho()), "60 01 01 00") == bytes((1, 0x00, len(found))) + found


def test_general_status_names_speed_and_modulation_of_a_target() -> None:
    chip = reader(Felica())
    tell(chip, "4A 01 02" + POLL_F)
    assert tell(chip, "04") == bytes.fromhex("00 01 01 01 02 02 10 00")


def test_diagnose_tells_whether_an_iso_14443_4_target_is_still_there() -> None:
    chip = reader(ApduEcho())
    assert tell(chip, "00 06") == b"\x01"
    tell(chip, "4A 01 00")
    assert tell(chip, "00 06") == b"\x00"
    chip.field.pull(parse_fault("pull@1"))
    assert tell(chip, "00 06") == b"\x01"


def test_a_trimmed_answer_is_whole_to_the_reader() -> None:
    chip = reader(Felica())
    tell(chip, "4A 01 01" + POLL_F)
    whole = tell(chip, "42" + framed(READ_F))
    chip.field.faults = FaultSchedule([parse_fault("trim@0")])
    trimmed = tell(chip, "42" + framed(READ_F))
    assert whole is not None
    assert trimmed == b"\x00" + bytes((whole[1] - 1,)) + whole[2:-1]
