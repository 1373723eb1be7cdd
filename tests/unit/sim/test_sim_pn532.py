"""Commands of the simulated PN532 (UM0701-02 chapter 7); the faults that independent clients found once are tests."""

import pytest

from dpptag.sim.faults import FaultSchedule, parse_fault
from dpptag.sim.field import Field
from dpptag.sim.pn532 import HostSyntaxError, Pn532, crc_a
from dpptag.sim.silent import SilentChip
from dpptag.sim.type2 import MODELS, Type2Chip

UID = bytes.fromhex("04A1B2C3D4E5F6")
SELECTED = bytes.fromhex("01 01 0044 00 07 04A1B2C3D4E5F6")


def chip_with_tag() -> Pn532:
    return Pn532(Field([Type2Chip(MODELS["NTAG213"], UID)]))


def tell(chip: Pn532, command: str) -> bytes | None:
    """The response data, TFI and response code checked and taken off."""
    payload = bytes.fromhex("D4" + command)
    answer = chip.command(payload)
    if answer is None:
        return None
    assert answer[:2] == bytes((0xD5, payload[1] + 1))
    return answer[2:]


def activated() -> Pn532:
    chip = chip_with_tag()
    tell(chip, "32 05 010001")
    assert tell(chip, "4A 01 00") == SELECTED
    return chip


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("02", "32010607"),
        ("00 00 0102FF", "00 0102FF"),
        ("00 01", "00"),
        ("00 02", "00"),
        ("04", "00 00 00 00"),
        ("12 14", ""),
        ("14 01 00 01", ""),
        ("32 02 000B0A", ""),
        ("44 00", "00"),
        ("52 00", "00"),
        ("52 01", "27"),
        ("54 01", "27"),
        ("40 01 30 00", "27"),
        ("16 20", "00"),
    ],
)
def test_a_command_without_a_tag_is_answered(command: str, answer: str) -> None:
    assert tell(chip_with_tag(), command) == bytes.fromhex(answer)


@pytest.mark.parametrize("command", ["", "40", "4A", "4A 01 05", "4A 03 00", "60", "10 09", "06 63", "99", "00"])
def test_an_unknown_or_short_command_is_a_syntax_error(command: str) -> None:
    chip = chip_with_tag()
    with pytest.raises(HostSyntaxError):
        tell(chip, command)


def test_written_registers_read_back() -> None:
    chip = chip_with_tag()
    tell(chip, "08 6302 80 6303 00")
    assert tell(chip, "06 6302 6303") == b"\x80\x00"


def test_a_poll_with_another_uid_finds_nothing() -> None:
    chip = chip_with_tag()
    tell(chip, "32 05 010001")
    assert tell(chip, "4A 01 00 88 04A1B2C3D4E5F7") == b"\x00"
    assert tell(chip, "4A 01 00 88 04A1B2C3D4E5F6") == SELECTED


@pytest.mark.parametrize("baud_and_modulation", ["01 00FFFF0100", "02 00FFFF0100", "03 00", "04"])
def test_a_poll_of_another_technology_finds_nothing(baud_and_modulation: str) -> None:
    chip = chip_with_tag()
    tell(chip, "32 05 010001")
    assert tell(chip, f"4A 01 {baud_and_modulation}") == b"\x00"


def test_with_endless_retries_an_empty_field_is_not_answered() -> None:
    assert tell(Pn532(Field([])), "4A 01 00") is None


def test_communicate_thru_adds_and_strips_the_crc() -> None:
    assert tell(activated(), "42 60") == bytes.fromhex("00 0004040201000F03")


def test_without_receive_crc_the_answer_carries_it() -> None:
    chip = activated()
    tell(chip, "08 6303 00")
    version = bytes.fromhex("0004040201000F03")
    assert tell(chip, "42 60") == b"\x00" + version + crc_a(version)


@pytest.mark.parametrize(("rx_mode", "length"), [("80", 1), ("00", 11)])
def test_noise_on_the_air_is_status_02_or_a_wrong_crc(rx_mode: str, length: int) -> None:
    faults = FaultSchedule([parse_fault("noise@0")])
    chip = Pn532(Field([Type2Chip(MODELS["NTAG213"], UID)], faults=faults))
    tell(chip, "4A 01 00")
    tell(chip, "08 6303" + rx_mode)
    answer = tell(chip, "42 60")
    assert answer is not None
    assert len(answer) == length
    assert answer[0] == (2 if rx_mode == "80" else 0)
    assert crc_a(answer[1:-2]) != answer[-2:]
    assert len(faults.fired) == 1


def test_a_4_bit_ack_under_receive_crc_is_status_02() -> None:
    assert tell(activated(), "42 A2 04 01020304") == b"\x02"


def test_a_4_bit_answer_without_receive_crc_is_one_byte() -> None:
    chip = activated()
    tell(chip, "08 6303 00")
    assert tell(chip, "42 A2 04 01020304") == b"\x00\x0a"
    assert tell(chip, "42 A2 00 01020304") == b"\x00\x00"
    assert tell(chip, "42 30 00") == b"\x01"


def test_without_transmit_crc_the_host_must_bring_it() -> None:
    chip = activated()
    tell(chip, "08 6302 00 6303 00")
    assert tell(chip, "42 60" + crc_a(b"\x60").hex()) is not None
    assert len(tell(chip, "42 60" + crc_a(b"\x60").hex()) or b"") == 11
    assert tell(chip, "42 600000") == b"\x00\x01"  # NAK 1h: CRC error


@pytest.mark.parametrize("registers", ["6302 83 6303 83", "6302 92 6303 92", "6302 90 6303 90"])
def test_a_frame_that_is_not_type_a_at_106_kbit_reaches_no_tag(registers: str) -> None:
    chip = activated()
    tell(chip, "08" + registers)
    assert tell(chip, "42 60") == b"\x01"


@pytest.mark.parametrize("command", ["42", "40 01"])
def test_an_empty_frame_to_the_tag_is_a_time_out(command: str) -> None:
    assert tell(activated(), command) == b"\x01"


def test_data_exchange_reads_and_writes() -> None:
    chip = activated()
    assert tell(chip, "40 01 A2 06 61626364") == b"\x00"
    assert tell(chip, "40 01 30 06") == b"\x00abcd" + bytes(12)


def test_data_exchange_knows_the_16_byte_compatibility_write() -> None:
    chip = activated()
    assert tell(chip, "40 01 A0 06 61626364" + "00" * 12) == b"\x00"
    assert tell(chip, "40 01 30 06") == b"\x00abcd" + bytes(12)


@pytest.mark.parametrize("command", ["A2 00 01020304", "30 2D"])
def test_a_nak_in_data_exchange_is_status_14(command: str) -> None:
    assert tell(activated(), "40 01" + command) == b"\x14"


@pytest.mark.parametrize("command", ["60", "3A0004", "1B00000000"])
def test_data_exchange_passes_no_command_it_is_not_known_to_pass(command: str) -> None:
    assert tell(activated(), "40 01" + command) == b"\x27"


def test_auto_poll_finds_a_type_a_tag() -> None:
    assert tell(chip_with_tag(), "60 01 01 11 10") == bytes.fromhex("01 10 0C") + SELECTED[1:]
    assert tell(chip_with_tag(), "60 01 01 11 12") == b"\x00"


def test_the_field_off_forgets_the_selection() -> None:
    chip = activated()
    tell(chip, "32 01 00")
    tell(chip, "32 01 01")
    assert tell(chip, "42 60") == b"\x01"


def test_a_silent_chip_is_selected_with_its_sak() -> None:
    chip = Pn532(Field([SilentChip(0x20, UID)]))
    tell(chip, "12 00")
    assert tell(chip, "4A 01 00") == bytes.fromhex("01 01 0004 20 07") + UID
    assert tell(chip, "42 E050") == b"\x01"


def test_a_new_baud_rate_waits_for_the_hosts_ack() -> None:
    chip = chip_with_tag()
    tell(chip, "10 07")
    assert chip.baud == 115200
    chip.host_ack()
    assert chip.baud == 921600


def test_a_baud_rate_that_was_not_acknowledged_is_void() -> None:
    chip = chip_with_tag()
    tell(chip, "10 07")
    tell(chip, "02")
    chip.host_ack()
    assert chip.baud == 115200


def test_simulated_time_counts_a_write_as_the_data_sheets_do() -> None:
    chip = activated()
    before = chip.field.simulated_us
    tell(chip, "42 A2 04 01020304")
    assert chip.field.simulated_us - before == 4930


def test_a_belt_moves_on_after_three_activations_without_a_memory_command() -> None:
    uids = [bytes((4, 0, 0, 0, 0, 0, number)) for number in range(2)]
    field = Field([Type2Chip(MODELS["NTAG213"], uid) for uid in uids])
    seen = [tag.uid if (tag := field.poll()) else None for _ in range(10)]
    assert seen == [uids[0]] * 3 + [None] + [uids[1]] * 3 + [None] * 3


def test_a_memory_command_keeps_the_tag_on_the_belt() -> None:
    field = Field([Type2Chip(MODELS["NTAG213"], bytes((4, 0, 0, 0, 0, 0, number))) for number in range(2)], dwell=1)
    for _ in range(4):
        assert field.poll() is field.tags[0]
        field.exchange(b"\x30\x00")
    assert field.poll() is field.tags[0]
    field.exchange(b"\x60")
    assert field.poll() is None
    assert field.poll() is field.tags[1]


def test_a_lone_tag_stays() -> None:
    field = Field([Type2Chip(MODELS["NTAG213"], UID)], dwell=1)
    assert all(field.poll() for _ in range(9))


def test_a_pulled_tag_is_back_after_the_polls_ordered() -> None:
    faults = FaultSchedule([parse_fault("pull@1+2")])
    field = Field([Type2Chip(MODELS["NTAG213"], UID)], faults=faults)
    field.pull(parse_fault("pull@1+2"))
    assert [field.poll() is not None for _ in range(4)] == [False, False, True, True]
