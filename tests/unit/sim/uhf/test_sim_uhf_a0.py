"""The simulated board with the A0 protocol, frame by frame."""

from typing import Any

import pytest

from dpptag.sim.uhf.a0 import A0
from dpptag.sim.uhf.field import Conditions, Field
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.tag import Area, Gen2Chip, crc16

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
OTHER = bytes.fromhex("E2005186010701870770C4C1")
PASSWORD = "00003039"
DONE, NO_TAG, WRITE_FAILED = "10", "36", "33"


def request(text: str, address: int = 0x01) -> bytes:
    """``CMD DATA`` in hex as a frame."""
    data = bytes.fromhex(text)
    frame = bytes((0xA0, len(data) + 2, address)) + data
    return frame + bytes((-sum(frame) & 0xFF,))


def chip(serial: int, epc: bytes, kind: str = "UCODE-7xm") -> Gen2Chip:
    model = MODELS[kind]
    return Gen2Chip(model, model.fixed_tid + serial.to_bytes(model.serial_bytes, "big"), epc)


def board(*tags: Gen2Chip, **options: Any) -> A0:
    return A0(Field(tags, conditions=Conditions(is_belt=False)), **options)


def ask_all(a0: A0, text: str, address: int = 0x01) -> list[str]:
    """What stands between command and check of every answer; their frames are checked."""
    answers = []
    for frame in a0.feed(request(text, address)):
        assert frame[0] == 0xA0
        assert len(frame) == frame[1] + 2
        assert sum(frame) & 0xFF == 0
        assert frame[3] == bytes.fromhex(text)[0]
        answers.append(frame[4:-1].hex().upper())
    return answers


def ask(a0: A0, text: str) -> str:
    (answer,) = ask_all(a0, text)
    return answer


def choose(a0: A0, epc: bytes = EPC) -> None:
    assert ask(a0, f"85 00 {len(epc):02X} {epc.hex()}") == DONE


def on_air(epc: bytes, pc: str = "3000") -> str:
    """``PC EPC CRC``."""
    return pc + epc.hex().upper() + f"{crc16(bytes.fromhex(pc) + epc):04X}"


@pytest.fixture
def tag() -> Gen2Chip:
    return chip(1, EPC)


def test_the_printed_identifier_request_is_answered() -> None:
    (frame,) = board().feed(bytes.fromhex("A0030168F4"))
    assert (len(frame), frame[:4].hex()) == (17, "a00f0168")


def test_it_hears_its_own_address_and_everybodys() -> None:
    a0 = board()
    assert a0.feed(request("72", 0x02)) == []
    assert ask_all(a0, "72", 0xFF) == ["0307"]
    assert ask(a0, "73 05") == DONE
    assert a0.feed(request("72", 0x01)) == []
    assert a0.feed(request("72", 0x05))[0][2] == 0x05


@pytest.mark.parametrize(
    ("text", "answer", "flash"),
    [
        ("76 14191E21", DONE, 1),
        ("76 14", DONE, 1),
        ("76 22", "48", 0),
        ("66 1E", DONE, 0),
        ("66 13", "48", 0),
        ("74 00", DONE, 0),
        ("74 04", "47", 0),
        ("75", "00", 0),
        ("77", "14", 0),
        ("78 01 07 3B", DONE, 1),
        ("78 02 00 07", "4F", 0),
        ("78 05 00 06", "49", 0),
        ("78 04 3C 04 0D35A4", DONE, 1),
        ("79", "020006", 0),
        ("7A 03", "4B", 0),
        ("7B", "0120", 0),
        ("7E 03", "12", 0),
        ("69 D2", DONE, 1),
        ("6A", "D1", 0),
        ("71 05", "4A", 0),
        ("67" + "41" * 12, DONE, 1),
        ("5F", "41", 0),
    ],
)
def test_settings_and_what_they_write_to_flash(text: str, answer: str, flash: int) -> None:
    a0 = board()
    assert ask(a0, text) == answer
    assert a0.flash_writes == flash


def test_what_was_set_is_told() -> None:
    a0 = board()
    for text in ("76 14191E21", "78 04 3C 04 0D35A4", "69 D3", "67" + "42" * 12):
        ask(a0, text)
    assert [ask(a0, text) for text in ("77", "79", "6A", "68")] == ["14191E21", "043C040D35A4", "D3", "42" * 12]
    ask(a0, "66 1E")
    assert ask(a0, "77") == "1E"


def test_a_restart_is_not_answered_and_forgets_the_choice() -> None:
    a0 = board()
    choose(a0)
    assert ask_all(a0, "70") == []
    assert ask(a0, "86") == "01"


def test_a_round_has_a_frame_for_every_tag_and_one_that_ends_it(tag: Gen2Chip) -> None:
    a0 = board(tag, chip(2, OTHER[:8]))
    first, second, end = ask_all(a0, "89 01")
    # 865.7 MHz is channel 1 of the table, and -55 dBm is 74.
    assert first == "0C3000" + EPC.hex().upper() + "4A" or second == "0C3000" + EPC.hex().upper() + "4A"
    assert {first[2:6], second[2:6]} == {"3000", "2000"}
    assert end == "00005000000002"
    assert len(ask_all(a0, "8B 01 00 03")) == 7
    assert ask_all(board(), "89 FF") == ["00000000000000"]


def test_a_user_region_counts_its_own_channels(tag: Gen2Chip) -> None:
    a0 = board(tag)
    ask(a0, "78 04 3C 04 0D35A4")  # 865.7 MHz and four channels every 600 kHz
    assert [int(ask_all(a0, "89 01")[0][:2], 16) >> 2 for _ in range(4)] == [1, 2, 3, 0]


def test_only_the_first_antenna_has_tags(tag: Gen2Chip) -> None:
    a0 = board(tag)
    ask(a0, "74 01")
    assert ask(a0, "89 01") == "22"
    assert [len(answer) // 2 for answer in ask_all(a0, "8A 00 02 01 01 FF 01 FF 01 00 01")] == [1]
    ask(a0, "74 00")
    *tags, end = ask_all(a0, "8A 00 02 01 01 FF 01 FF 01 00 01")
    assert (len(tags), end[:6]) == (2, "000002")


def test_the_buffer_keeps_one_record_of_an_epc(tag: Gen2Chip) -> None:
    a0 = board(tag, chip(2, EPC))
    assert ask(a0, "90") == "38"
    assert ask(a0, "80 03") == "000001005000000006"
    record = "000110" + on_air(EPC) + "4A"
    assert ask(a0, "90").startswith(record)
    assert ask(a0, "92") == "0001"
    assert ask(a0, "91").endswith("06")
    assert (ask(a0, "92"), ask(a0, "93")) == ("0000", DONE)


def test_a_read_carries_the_tag_and_its_words(tag: Gen2Chip) -> None:
    a0 = board(tag, chip(2, OTHER))
    choose(a0)
    assert ask(a0, "86") == "000C" + EPC.hex().upper()
    tid = tag.tid.hex().upper()
    assert ask(a0, "81 02 00 06") == "00011C" + on_air(EPC) + tid + "0C0401"
    assert ask(a0, "85 01 00") == DONE
    assert len(ask_all(a0, "81 02 00 06 00000000")) == 2


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("81 04 00 01", "43"),
        ("81 03 00 00", "42"),
        ("81 03 00 78", "32"),  # more than the bank holds
        ("81 03 00 01 0000", "41"),
        ("82 00000000 03 00 02 1234", "42"),
        ("83 00000000 06 01", "44"),
        ("83 00000000 01 04", "45"),
        ("84 0000", "41"),
        ("84 00000000", "35"),
        ("85 02 00", "4E"),
        ("85 00 02 12", "4D"),
    ],
)
def test_what_cannot_be_is_refused_by_its_number(tag: Gen2Chip, text: str, answer: str) -> None:
    a0 = board(tag)
    choose(a0)
    assert ask(a0, text) == answer


@pytest.mark.parametrize("command", ["82", "94"])
def test_written_words_are_answered_with_the_tag(tag: Gen2Chip, command: str) -> None:
    a0 = board(tag)
    choose(a0)
    data = bytes(range(64)).hex()
    assert ask(a0, f"{command} 00000000 03 00 20 {data}") == "000110" + on_air(EPC) + DONE + "0401"
    assert tag.user[:64] == bytes(range(64))


def test_without_a_choice_every_tag_of_a_round_is_read_twins_too() -> None:
    twins = [chip(n, EPC) for n in (1, 2)]
    answers = ask_all(board(*twins), "81 02 00 06")
    assert {answer[6 + 2 * 16 : 6 + 2 * 28] for answer in answers} == {twin.tid.hex().upper() for twin in twins}


def test_after_an_epc_write_the_old_choice_finds_nothing(tag: Gen2Chip) -> None:
    a0 = board(tag)
    choose(a0)
    assert ask(a0, "82 00000000 01 01 05 2000 1122334455667788").startswith("000110" + on_air(EPC))
    assert ask(a0, "81 02 00 02") == NO_TAG
    choose(a0, bytes.fromhex("1122334455667788"))
    assert ask(a0, "81 02 00 02").startswith("0001")


def test_a_locked_bank_takes_only_the_password(tag: Gen2Chip) -> None:
    a0 = board(tag)
    choose(a0)
    ask(a0, f"82 00000000 00 02 02 {PASSWORD}")
    assert ask(a0, "83 00000001 01 01") == "40"
    assert ask(a0, "83 00000000 01 01") == "34"
    assert ask(a0, f"83 {PASSWORD} 01 01").endswith("100401")
    assert ask(a0, "82 00000000 03 00 01 1234") == WRITE_FAILED
    assert ask(a0, f"82 {PASSWORD} 03 00 01 1234").startswith("0001")
    assert ask(a0, f"83 {PASSWORD} 01 00").startswith("0001")
    assert ask(a0, "82 00000000 03 00 01 5678").startswith("0001")


@pytest.mark.parametrize(("area", "place"), [(1, Area.USER), (3, Area.EPC), (4, Area.ACCESS), (5, Area.KILL)])
@pytest.mark.parametrize(("kind", "bits"), [(0, 0b00), (1, 0b10), (2, 0b01), (3, 0b11)])
def test_lock_codes_mean_what_the_protocol_says(tag: Gen2Chip, area: int, place: Area, kind: int, bits: int) -> None:
    a0 = board(tag)
    choose(a0)
    assert ask(a0, f"83 00000000 {area:02X} {kind:02X}").startswith("0001")
    assert tag.lock_bits(place) == bits
    assert tag.locks == (0b11 << Area.TID | bits << place)


def test_kill_needs_the_password(tag: Gen2Chip) -> None:
    a0 = board(tag)
    choose(a0)
    ask(a0, "82 00000000 00 00 02 BEADEAD1")
    assert ask(a0, "84 BEADEAD2") == "35"
    assert not tag.killed
    assert ask(a0, "84 BEADEAD1").startswith("0001")
    assert tag.killed
    assert ask(a0, "84 BEADEAD1") == NO_TAG


def test_frames_are_found_in_any_pieces_and_behind_a_wrong_check() -> None:
    a0 = board()
    version = request("72")
    assert [frame for octet in version for frame in a0.feed(bytes((octet,)))] == a0.feed(version)
    assert len(a0.feed(version[:-1] + b"\x00" + version)) == 1
    assert len(a0.feed(b"\x13\x37" + version + version)) == 2
    a0.feed(version[:3])
    a0.reset()
    assert a0.feed(version[3:]) == []


def test_its_commands_take_the_time_of_an_m100(tag: Gen2Chip) -> None:
    a0 = board(tag)
    choose(a0)
    took = []
    for text in ("72", "81 03 00 0A", "82 00000000 03 00 02 12345678", "83 00000000 01 00"):
        before = a0.simulated_us
        ask(a0, text)
        took.append(a0.simulated_us - before)
    assert took == [2_000, 47_000, 57_000, 60_000]


def test_an_ordered_speed_holds_from_the_next_opening() -> None:
    a0 = board()
    ask(a0, "71 03")
    assert a0.baud == 115_200
    a0.reset()
    assert a0.baud == 38_400
