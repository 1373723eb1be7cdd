"""The simulated Mercury module, frame by frame. Expected bytes are those captured from a real M6e Nano where there are
any; the field is the simulator's own."""

import json
from dataclasses import replace
from typing import Any

import pytest

from dpptag.sim.uhf.field import Conditions, Field
from dpptag.sim.uhf.mercury import Mercury
from dpptag.sim.uhf.mercury_frames import answer, crc
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.tag import Gen2Chip
from tests.vectors import vector_path

EPC = bytes.fromhex("E2000015860E01861050B205")
OTHER = bytes.fromhex("E2005186010701870770C4C1")
EU3 = "9708"
PASSWORD = "00003039"


def request(text: str) -> bytes:
    """``OP DATA`` in hex as a frame."""
    data = bytes.fromhex(text)
    body = bytes((len(data) - 1,)) + data
    return b"\xff" + body + crc(body)


def chip(serial: int, epc: bytes, kind: str = "Monza-4QT") -> Gen2Chip:
    model = MODELS[kind]
    return Gen2Chip(model, model.fixed_tid + serial.to_bytes(model.serial_bytes, "big"), epc)


def module(*tags: Gen2Chip, **options: Any) -> Mercury:
    made = Mercury(Field(tags, conditions=Conditions(is_belt=False)), **options)
    ask(made, EU3)
    return made


def ask(mercury: Mercury, text: str) -> str:
    """The answer as ``STATUS DATA`` in hex; its frame is checked."""
    (frame,) = mercury.feed(request(text))
    assert frame[0] == 0xFF
    assert len(frame) == frame[1] + 7
    assert crc(frame[1:-2]) == frame[-2:]
    assert frame[2] == int(text.split(maxsplit=1)[0][:2], 16)
    return frame[3:-2].hex().upper()


def by_epc(epc: bytes) -> str:
    return f"{len(epc) * 8:02X}{epc.hex()}"


@pytest.fixture
def tag() -> Gen2Chip:
    return chip(1, EPC)


def test_the_crc_is_the_protocols_own() -> None:
    assert crc(bytes.fromhex("0003")).hex() == "1d0c"
    assert crc(b"123456789").hex() == "a69d"


def test_it_answers_a_clients_start_up_as_the_captured_module_did() -> None:
    frames = json.loads(vector_path("uhf", "golden_frames.json").read_text())["frames"]
    settings = [f for f in frames if "params.transport" in f["source"] and f["dir"] == "exchange"]
    mercury = module()
    own = {"10", "62", "64", "67"}  # serial number, powers and region were that module's
    compared = 0
    for exchange in settings:
        (got,) = mercury.feed(bytes.fromhex(exchange["request"]))
        wanted = bytes.fromhex(exchange["response"])
        assert got[2] == wanted[2]
        if exchange["request"][4:6] in own:
            assert got[3:5] == wanted[3:5], exchange
        else:
            assert got.hex() == wanted.hex(), exchange
            compared += 1
    assert compared == 29


def test_captured_tag_commands_end_as_captured() -> None:
    """The same requests in the same order, on tags with the same EPCs: write, lock, refused write, BlockWrite, kill."""
    frames = json.loads(vector_path("uhf", "golden_frames.json").read_text())["frames"]
    names = ["write.", "blockWrite.", "blockErase.", "lock.", "blockPermalockRead.", "blockPermalockWrite.", "kill."]
    # That tag had eight blocks of four words: its write to word 4 passed with only every other block permalocked.
    model = replace(MODELS["Higgs-3"], permalock_words=4, block_words=4)
    tags = [Gen2Chip(model, model.fixed_tid + bytes(model.serial_bytes), epc) for epc in (EPC, OTHER)]
    mercury = module(*tags)
    asked = 0
    for name in names:
        for exchange in frames:
            if f"tests/{name}transport" not in exchange["source"] or exchange["request"][4:6] == "22":
                continue
            (got,) = mercury.feed(bytes.fromhex(exchange["request"]))
            assert got.hex().upper() == exchange["response"], exchange
            asked += 1
    assert asked == 14


def test_the_epc_is_written_as_captured_and_counts_its_words() -> None:
    tag = chip(2, OTHER)
    mercury = module(tag)
    assert mercury.feed(bytes.fromhex("FF1C2303E8010000000060E2005186010701870770C4C10123456789ABCDEF5B20")) == [
        bytes.fromhex("FF0023000090C1")
    ]
    assert (tag.epc.hex(), tag.stored_pc) == ("0123456789abcdef", 0x2000)
    mercury.feed(bytes.fromhex("FF1C2303E80100000000400123456789ABCDEFE2005186010701870770C4C172C4"))
    assert (tag.epc, tag.stored_pc) == (OTHER, 0x3000)


def test_a_record_has_every_field_in_its_place(tag: Gen2Chip) -> None:
    """Fields in the order of the captured page; the empty data field keeps its two bytes of length."""
    mercury = module(tag)
    assert ask(mercury, "22 00 0013 03E8") == "0000" + "00001300000001"
    pc_epc_crc = "3000" + EPC.hex().upper() + tag.memory(1)[:2].hex().upper()
    record = "0AC9110D37FC0000000A002F050000000080" + pc_epc_crc
    assert ask(mercury, "29 01FF 00") == "000001FF0001" + record
    assert ask(mercury, "29 01FF 00") == "0600"


def test_pages_hold_what_fits_and_2a_empties_the_buffer() -> None:
    tags = [chip(n, n.to_bytes(12, "big")) for n in range(1, 21)]
    mercury = module(*tags)
    assert ask(mercury, "22 00 0013 0064").endswith("00000014")
    counts = []
    while not (page := ask(mercury, "29 01FF 00")).startswith("0600"):
        counts.append(int(page[10:12], 16))
        assert len(page) // 2 - 2 <= 0xF8
    assert counts == [7, 7, 6]
    assert ask(mercury, "29") == "000000140014"
    ask(mercury, "2A")
    assert ask(mercury, "29") == "000000000000"


def test_equal_epcs_are_one_record_unless_their_data_differ() -> None:
    twins = [chip(n, EPC) for n in (1, 2)]
    mercury = module(*twins)
    assert ask(mercury, "22 00 0013 01F4").endswith("00000001")
    assert ask(mercury, "29 0001 00")[12:14] == "0A"  # both were heard five times
    ask(mercury, "2A")
    ask(mercury, "9A 01 08 00")
    read_tid = "22 00 0017 01F4 01 09 28 01F4 00 02 00000000 06"
    assert ask(mercury, read_tid).startswith("000000001700000002012800020000")
    page = ask(mercury, "29 0080 00")
    assert all(twin.tid.hex().upper() in page for twin in twins)


def test_an_embedded_read_that_fails_is_counted_and_marked(tag: Gen2Chip) -> None:
    mercury = module(tag)
    assert ask(mercury, "22 00 0017 00C8 01 09 28 00C8 00 03 00000000 40") == ("000000001700000001012800000001")
    assert ask(mercury, "29 0080 00")[12:20] == "8000040A"


def test_no_tag_costs_the_whole_time() -> None:
    mercury = module()
    before = mercury.simulated_us
    assert ask(mercury, "22 00 0013 03E8") == "040000001300000000"
    assert ask(mercury, "28 03E8 00 02 00000000 06") == "0400"
    assert mercury.simulated_us - before > 1_990_000


@pytest.mark.parametrize(
    ("option", "select"),
    [
        ("01", by_epc(EPC)),
        ("04", "00000020" + by_epc(EPC)),
        ("04", "00000010103400"),
        ("02", "0000000060{tid}"),
        ("22", "000000000060{tid}"),
        ("03", "0000000010BEEF"),
        ("0C", "00000020" + by_epc(OTHER[:10])),
        ("06", None),
        ("07", "0000002010E200"),
        ("05", ""),
    ],
)
@pytest.mark.parametrize("multi", [False, True])
def test_every_kind_of_select_finds_its_tag(tag: Gen2Chip, option: str, select: str | None, multi: bool) -> None:
    other = chip(2, OTHER[:10])
    tag.user[:2] = b"\xbe\xef"
    mercury = module(tag, other)
    block = "0060" if select is None else "00000000" + select.format(tid=tag.tid.hex())
    prefix, tail = ("88", "000000") if multi else ("", "")
    # A selection that is met by one tag alone reads that one, however often.
    wanted = tag.tid.hex().upper() if option not in ("05", "07") else None
    for _ in range(2):
        got = ask(mercury, f"28 03E8 {prefix}{option} 02 00000000 06 {block} {tail}")
        assert got[:4] == "0000"
        assert wanted in (None, got[4:])


def test_a_second_select_is_refused() -> None:
    assert ask(module(), f"28 03E8 88 01 02 00000000 06 00000000 {by_epc(EPC)} 0000 04") == "0109"


def test_a_read_with_metadata_carries_the_words_behind_it(tag: Gen2Chip) -> None:
    mercury = module(tag)
    assert ask(mercury, "28 03E8 10 00C0 02 00000000 02") == "00001000C0050000" + tag.tid[:4].hex().upper()
    assert ask(mercury, "28 03E8 88 10 00C2 02 00000000 02").startswith("0000881000C2C9050000")


@pytest.mark.parametrize(("coarse", "locked", "overrun"), [(True, "0406", "0406"), (False, "0424", "0423")])
def test_a_refused_write_is_told_in_two_ways(tag: Gen2Chip, coarse: bool, locked: str, overrun: str) -> None:
    mercury = module(tag, coarse=coarse)
    assert ask(mercury, f"24 03E8 00 00000002 00 {PASSWORD}") == "0000"
    assert ask(mercury, f"25 03E8 05 {PASSWORD} 0002 0002") == "0000"
    before = mercury.simulated_us
    assert ask(mercury, "24 03E8 00 00000000 03 1234") == locked
    assert (mercury.simulated_us - before > 990_000) is coarse
    assert ask(mercury, f"24 03E8 05 00000020 03 {PASSWORD} 1234") == overrun
    assert ask(mercury, "24 03E8 05 00000000 03 11111111 1234") == ("0406" if coarse else "040A")
    assert ask(mercury, f"24 03E8 05 00000000 03 {PASSWORD} 1234") == "0000"
    assert tag.user[:2].hex() == "1234"
    assert ask(mercury, "28 03E8 00 03 00000000 40") == "0423"  # reads are told as they are
    assert ask(mercury, "28 03E8 00 00 00000002 02") == "0000" + PASSWORD  # not locked themselves


def test_a_written_epc_is_read_back_by_the_module_and_bad_ones_are_refused(tag: Gen2Chip) -> None:
    mercury = module(tag)
    assert ask(mercury, "23 03E8 00 00 112233") == "0410"
    assert ask(mercury, "23 03E8 00 00") == "0410"
    assert ask(mercury, "23 03E8 00 00" + "11" * 18) == "0406"  # more than this chip holds
    assert ask(mercury, "23 03E8 00 00 1122334455667788") == "0000"
    assert (tag.epc.hex(), tag.stored_pc >> 11) == ("1122334455667788", 4)


def test_kill_needs_the_password(tag: Gen2Chip) -> None:
    mercury = module(tag)
    assert ask(mercury, "26 03E8 00 00000000 00") == "040C"
    assert ask(mercury, "26 03E8 00 00000001 00") == "040E"
    ask(mercury, "24 03E8 00 00000000 00 BEADEAD1")
    assert ask(mercury, "26 03E8 00 BEADEAD2 00") == "040E"
    assert not tag.killed
    assert ask(mercury, "26 03E8 00 BEADEAD1 00") == "0000"
    assert tag.killed
    assert ask(mercury, "26 03E8 00 BEADEAD1 00") == "0400"


def test_settings_have_bounds_and_rf_needs_a_region() -> None:
    mercury = Mercury(Field(()))
    assert ask(mercury, "22 00 0013 0064") == "010B"
    assert ask(mercury, "97 02") == "010B"
    assert ask(mercury, EU3) == "0000"
    assert ask(mercury, "67") == "000008"
    assert ask(mercury, "92 0A8D") == "0103"
    assert ask(mercury, "92 0898") == "0000"
    assert ask(mercury, "94 05DC") == "0000"
    assert ask(mercury, "62 01") == "00000108980A8C0000"
    assert ask(mercury, "64 00") == "00000005DC"
    assert ask(mercury, "93 0003") == "0402"
    assert ask(mercury, "91 03") == "0100"
    assert ask(mercury, "91 0202") == "0105"
    assert ask(mercury, "91 020101") == "0000"
    assert ask(mercury, "6A 01 77") == "010501"
    assert ask(mercury, "77") == "0101"
    assert ask(mercury, "28 03E8") == "0100"


def test_it_may_wait_in_its_boot_loader() -> None:
    mercury = Mercury(Field(()), boots=True)
    assert ask(mercury, "03")[-8:] == "00000000"
    assert ask(mercury, "0C") == "000051"
    assert ask(mercury, "63") == "0101"
    assert ask(mercury, "04")[-8:] == "00000010"
    assert ask(mercury, "0C") == "000052"
    assert ask(mercury, "04") == "0101"


def test_frames_are_found_in_any_pieces_and_behind_anything() -> None:
    mercury = Mercury(Field(()))
    version = request("03")
    assert mercury.feed(b"\xff" * 20 + version[:2]) == []
    assert len(mercury.feed(version[2:])) == 1
    assert len(mercury.feed(request("24 03E8 00 00000000 03 1234")[:9] + version)) == 1
    assert mercury.feed(version[:-1] + b"\x00") == []
    assert len(mercury.feed(version + version)) == 2
    assert [frame for octet in version for frame in mercury.feed(bytes((octet,)))] == mercury.feed(version)


def test_a_half_frame_ends_with_the_client() -> None:
    mercury = Mercury(Field(()))
    mercury.feed(request("03")[:3])
    mercury.reset()
    assert mercury.feed(request("03")[3:]) == []


def test_an_ordered_speed_holds_from_the_next_opening() -> None:
    mercury = Mercury(Field(()))
    assert ask(mercury, "06 0000BEEF") == "010A"
    assert ask(mercury, "06 0000E100") == "0000"
    assert mercury.baud == 115_200
    mercury.reset()
    assert mercury.baud == 57_600


def test_times_are_those_captured(tag: Gen2Chip) -> None:
    """With the wire's share added again, as the transcripts have it; milliseconds."""
    mercury = module(tag)
    captured = {
        f"24 03E8 01 00000000 03 00000000 {by_epc(EPC)} 0004": (28.8, 0.1),
        f"24 03E8 01 00000000 03 00000000 {by_epc(EPC)}" + "4920616D2047726F6F74": (75.6, 0.1),
        f"2D 03E8 00 41 00C7 00000000 {by_epc(EPC)} 00 03 00000000 04 0001020304050607": (32.5, 0.1),
        f"25 03E8 01 00000000 {'0002'}{'0000'}" + by_epc(EPC): (64.0, 0.1),
        "72": (1.7, 0.3),
    }
    for text, (wanted, share) in captured.items():
        before = mercury.simulated_us
        frame = request(text)
        (got,) = mercury.feed(frame)
        assert got[3:5] == b"\0\0", text
        took = (mercury.simulated_us - before + 87 * (len(frame) + len(got))) / 1000
        assert took == pytest.approx(wanted, rel=share), text


def test_an_answer_repeats_the_opcode() -> None:
    assert answer(0x24, 0x0406) == bytes.fromhex("FF00240406E420")
