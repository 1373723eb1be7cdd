"""The simulated UHFReader18 and 288, frame by frame."""

import json
from typing import Any

import pytest

from dpptag.sim.uhf.field import Conditions, Field
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.reader18 import Reader18, crc
from dpptag.sim.uhf.tag import Area, Gen2Chip
from tests.vectors import vector_path

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
OTHER = bytes.fromhex("E2005186010701870770C4C1")
PASSWORD = "00003039"
VARIANTS = ["uhfreader18", "uhfreader288"]
OK, DONE, MORE, NO_TAG, LOCKED = "00", "01", "03", "FB", "FC04"
INVENTORY_288 = "01 04 00 01 0000 00 00 80 0A"


def request(text: str, address: int = 0x00) -> bytes:
    """``CMD DATA`` in hex as a frame."""
    data = bytes.fromhex(text)
    frame = bytes((len(data) + 3, address)) + data
    return frame + crc(frame)


def chip(serial: int, epc: bytes, kind: str = "UCODE-7xm") -> Gen2Chip:
    model = MODELS[kind]
    return Gen2Chip(model, model.fixed_tid + serial.to_bytes(model.serial_bytes, "big"), epc)


def reader(*tags: Gen2Chip, **options: Any) -> Reader18:
    return Reader18(Field(tags, conditions=Conditions(is_belt=False)), **options)


def ask_all(module: Reader18, text: str, address: int = 0x00, command: str | None = None) -> list[str]:
    """Status and data of every answer in hex; their frames are checked."""
    answers = []
    for frame in module.feed(request(text, address)):
        assert len(frame) == frame[0] + 1
        assert crc(frame[:-2]) == frame[-2:]
        assert frame[2] == bytes.fromhex(command or text)[0]
        answers.append(frame[3:-2].hex().upper())
    return answers


def ask(module: Reader18, text: str, command: str | None = None) -> str:
    (answer,) = ask_all(module, text, command=command)
    return answer


def named(epc: bytes) -> str:
    return f"{len(epc) // 2:02X}{epc.hex()}"


@pytest.fixture
def tag() -> Gen2Chip:
    return chip(1, EPC)


def test_the_crc_is_mcrf4xx() -> None:
    assert crc(b"123456789").hex() == "916f"
    assert request("21", 0xFF).hex() == "04ff211995"


@pytest.mark.parametrize(("variant", "kind"), [("uhfreader18", "09"), ("uhfreader288", "0C")])
def test_the_information_is_what_was_set(variant: str, kind: str) -> None:
    module = reader(variant=variant)
    for text in ("22 4E00", "2F 1E", "25 0A"):
        assert ask(module, text) == OK
    assert ask(module, "21") == OK + "0307" + kind + "024E001E0A"
    assert module.flash_writes == 3


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("22 0001", "FF"),
        ("24 FF", "FF"),
        ("25 02", "FF"),
        ("28 03", "FF"),
        ("2F 1F", "FF"),
        ("2F", "FD"),
        ("33 010101", OK),
        ("02 00 04 00 01 00000000", "FF"),
        ("02 00 03 00 78 00000000", "FF"),
        ("02 00 03 00 01 0000", "FD"),
        ("02 10" + "11" * 32 + "03 00 01 00000000", "FF"),
        ("05 00 00000000", "0A"),
        ("06 00 05 00 00000000", "FF"),
        ("06 00 04 04 00000000", "FF"),
    ],
)
def test_what_cannot_be_is_refused_by_its_number(text: str, answer: str) -> None:
    assert ask(reader(), text) == answer


def test_work_modes_belong_to_their_variants() -> None:
    module = reader()
    assert ask(module, "35 010203040506") == OK
    assert ask(module, "36") == OK + "00" * 6 + "010203040506"
    assert ask(module, "76 00", command="00") == "FE"
    module = reader(variant="uhfreader288")
    assert ask(module, "76 00") == OK
    assert ask(module, "35 010203040506", command="00") == "FE"


def test_silence_for_others_and_for_short_frames_fe_for_the_rest() -> None:
    module = reader()
    assert module.feed(request("21", 0x01)) == []
    assert module.feed(bytes.fromhex("0300FFFF")) == []
    assert ask(module, "7F", command="00") == "FE"
    broken = bytearray(request("21"))
    broken[-1] ^= 1
    (answer,) = module.feed(bytes(broken))
    assert answer[2:4].hex() == "00fe"
    assert ask(module, "24 07") == OK
    assert module.feed(request("21")) == []
    assert module.feed(request("21", 0x07))[0][1] == 0x07


def test_an_18_tells_epcs_or_that_there_are_none(tag: Gen2Chip) -> None:
    assert reader().feed(request("01")) == [bytes.fromhex("050001FBF23D")]
    assert ask(reader(tag), "01") == DONE + "010C" + EPC.hex().upper()
    assert ask(reader(tag), "01 00 06") == DONE + "010C" + tag.tid.hex().upper()
    many = reader(*(chip(n, n.to_bytes(12, "big")) for n in range(1, 31)))
    first, second = ask_all(many, "01")
    assert (first[:4], second[:4]) == (MORE + "13", DONE + "0B")


def test_a_288_tells_antenna_and_rssi_and_ends_with_an_empty_frame(tag: Gen2Chip) -> None:
    frames = json.loads(vector_path("uhf", "golden_frames.json").read_text())["frames"]
    (printed,) = (f["hex"] for f in frames if f["protocol"] == "uhfreader288" and "no tag" in f["meaning"])
    assert reader(variant="uhfreader288").feed(request(INVENTORY_288)) == [bytes.fromhex(printed)]
    told, end = ask_all(reader(tag, variant="uhfreader288"), INVENTORY_288)
    assert told == MORE + "01010C" + EPC.hex().upper() + "69"
    assert end == DONE + "0100"


def test_a_recorded_inventory_frame_is_built_alike() -> None:
    frames = json.loads(vector_path("uhf", "golden_frames.json").read_text())["frames"]
    (printed,) = (f["hex"] for f in frames if f["protocol"] == "uhfreader288" and "antenna 01, 1 tag" in f["meaning"])
    module = Reader18(
        Field((chip(1, bytes.fromhex("000000000000000000000313")),), conditions=Conditions(rssi_dbm=(0x6B - 160,))),
        variant="uhfreader288",
    )
    assert module.feed(request(INVENTORY_288))[0].hex().upper() == printed


def test_a_288_selects_in_its_inventory(tag: Gen2Chip) -> None:
    module = reader(tag, chip(2, OTHER), variant="uhfreader288")
    told, _ = ask_all(module, "01 04 00 01 0020 10 E200 00 80 0A")
    assert told[6:] == "0C" + OTHER.hex().upper() + "69"
    told, _ = ask_all(module, f"01 04 00 02 0000 60 {tag.tid.hex()} 00 06 00 80 0A")
    assert told[6:] == "0C" + tag.tid.hex().upper() + "69"
    assert ask(module, "01 04 00 01 0000 00 00 81 0A") == DONE + "0100"


def test_a_single_inventory_tells_one_tag(tag: Gen2Chip) -> None:
    assert ask(reader(tag, chip(2, OTHER)), "0F")[:6] == DONE + "010C"
    assert ask(reader(tag, variant="uhfreader288"), "0F") == DONE + "01010C" + EPC.hex().upper() + "69"
    assert ask(reader(), "0F") == NO_TAG


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("command", ["03", "10"])
def test_words_are_written_to_the_tag_that_is_named(tag: Gen2Chip, variant: str, command: str) -> None:
    other = chip(2, OTHER)
    module = reader(tag, other, variant=variant)
    data = bytes(range(64)).hex()
    assert ask(module, f"{command} 20 {named(OTHER)} 03 00 {data} 00000000") == OK
    assert (other.user[:64].hex(), any(tag.user)) == (data, False)
    assert ask(module, f"02 {named(OTHER)} 03 1F 01 00000000") == OK + "3E3F"
    assert ask(module, "02 02 11223344 03 00 01 00000000") == NO_TAG
    assert ask(module, f"02 {named(OTHER)} 03 40 01 00000000") == "FC03"


def test_part_of_an_epc_may_name_a_tag(tag: Gen2Chip) -> None:
    module = reader(tag, chip(2, OTHER))
    assert ask(module, f"02 {named(OTHER[:2] + EPC[2:])} 02 00 06 00000000 02 0A") == OK + tag.tid.hex().upper()
    assert ask(module, f"02 {named(EPC)} 02 00 06 00000000 0A 04") == "FF"


def test_04_writes_whichever_tag_answers(tag: Gen2Chip) -> None:
    module = reader(tag)
    assert ask(module, "04 04 00000000 1122334455667788") == OK
    assert (tag.epc.hex(), tag.stored_pc) == ("1122334455667788", 0x2000)
    assert ask(module, "04 04 00000000 11223344") == "FD"
    assert ask(reader(), "04 01 00000000 1122") == NO_TAG


def test_a_locked_bank_takes_only_the_password(tag: Gen2Chip) -> None:
    module = reader(tag)
    name = named(EPC)
    ask(module, f"03 02 {name} 00 02 {PASSWORD} 00000000")
    assert ask(module, f"06 {name} 04 02 00000001") == "05"
    assert ask(module, f"06 {name} 04 02 {PASSWORD}") == OK
    assert ask(module, f"03 01 {name} 03 00 1234 00000000") == LOCKED
    assert ask(module, f"03 01 {name} 03 00 1234 {PASSWORD}") == OK
    assert ask(module, f"06 {name} 04 00 {PASSWORD}") == OK
    assert ask(module, f"03 01 {name} 03 00 5678 00000000") == OK


@pytest.mark.parametrize(("area", "place"), [(0, Area.KILL), (1, Area.ACCESS), (2, Area.EPC), (4, Area.USER)])
@pytest.mark.parametrize(("kind", "bits"), [(0, 0b00), (1, 0b01), (2, 0b10), (3, 0b11)])
def test_lock_codes_mean_what_the_manual_says(tag: Gen2Chip, area: int, place: Area, kind: int, bits: int) -> None:
    assert ask(reader(tag), f"06 {named(EPC)} {area:02X} {kind:02X} 00000000") == OK
    assert tag.lock_bits(place) == bits
    assert tag.locks == (0b11 << Area.TID | bits << place)


def test_kill_needs_the_password(tag: Gen2Chip) -> None:
    module = reader(tag)
    name = named(EPC)
    ask(module, f"03 02 {name} 00 00 BEADEAD1 00000000")
    assert ask(module, f"05 {name} BEADEAD2") == "09"
    assert not tag.killed
    assert ask(module, f"05 {name} BEADEAD1") == OK
    assert tag.killed
    assert ask(module, f"05 {name} BEADEAD1") == NO_TAG


def test_frames_are_found_in_any_pieces_and_half_ones_end_with_the_client() -> None:
    module = reader()
    information = request("21")
    assert [frame for octet in information for frame in module.feed(bytes((octet,)))] == module.feed(information)
    assert len(module.feed(information + information)) == 2
    module.feed(information[:3])
    module.reset()
    assert len(module.feed(information)) == 1


def test_its_commands_take_the_time_of_an_m100(tag: Gen2Chip) -> None:
    module = reader(tag)
    name, took = named(EPC), []
    for text in ("21", f"02 {name} 03 00 0A 00000000", f"03 02 {name} 03 00 12345678 00000000", "01"):
        before = module.simulated_us
        ask(module, text)
        took.append(module.simulated_us - before)
    assert took == [2_000, 47_000, 57_000, 25_000]


def test_an_ordered_speed_holds_from_the_next_opening() -> None:
    module = reader()
    ask(module, "28 06")
    assert module.baud == 57_600
    module.reset()
    assert module.baud == 115_200
