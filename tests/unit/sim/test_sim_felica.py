"""The simulated FeliCa Lite-S and Lite obey JIS X 6319-4 and what is known of block MC."""

from __future__ import annotations

import json

import pytest

from dpptag.sim.chip import Fading, FelicaChip, Rf, Tearable
from dpptag.sim.felica import KINDS, LITE, LITE_S, FelicaLite, Model, ndef_blocks

IDM = bytes.fromhex("03FE0102030405AA")
DATA = bytes(range(16))


def powered(model: Model = LITE_S, *, ndef: bool = True) -> FelicaLite:
    chip = FelicaLite(model, IDM, ndef_blocks(IDM) if ndef else None)
    chip.power(True)
    return chip


def read(chip: FelicaLite, *blocks: int, service: str = "0B00", count: int = 1) -> bytes | None:
    elements = b"".join(bytes((0x80, block)) for block in blocks)
    head = b"\x06" + IDM + bytes((count,)) + bytes.fromhex(service) * count + bytes((len(blocks),))
    answer = chip.exchange(head + elements)
    return answer if answer is None else answer[9:]


def write(chip: FelicaLite, block: int, data: bytes = DATA, service: str = "0900") -> str:
    answer = chip.exchange(b"\x08" + IDM + b"\x01" + bytes.fromhex(service) + bytes((1, 0x80, block)) + data)
    assert answer is not None
    assert answer[:9] == b"\x09" + IDM
    return answer[9:].hex().upper()


def test_it_is_what_the_field_asks_for() -> None:
    chip = powered()
    assert isinstance(chip, FelicaChip)
    assert isinstance(chip, Tearable)
    assert isinstance(chip, Fading)
    assert (chip.rf, chip.kind, chip.pmm.hex()) == (Rf.F, "FELICA-LITE-S", "00f1000000014300")


@pytest.mark.parametrize(
    ("ndef", "system_code", "answer"),
    [
        (True, 0x12FC, "12FC"),
        (True, 0xFFFF, "88B4"),
        (True, 0x88B4, "88B4"),
        (True, 0x88FF, "88B4"),
        (True, 0x0003, None),
        (False, 0x12FC, None),
        (False, 0xFFFF, "88B4"),
    ],
)
def test_polling_answers_its_own_system_codes_alone(ndef: bool, system_code: int, answer: str | None) -> None:
    chip = powered(ndef=ndef)
    wanted = None if answer is None else IDM + chip.pmm + bytes.fromhex(answer)
    assert chip.poll(system_code, 1) == wanted
    frame = chip.exchange(b"\x00" + system_code.to_bytes(2, "big") + b"\x00\x00")
    assert frame == (None if wanted is None else b"\x01" + wanted[:16])


def test_without_power_and_to_another_idm_it_is_silent() -> None:
    chip = powered()
    assert chip.exchange(b"\x06" + bytes(8) + bytes.fromhex("010B00018000")) is None
    assert chip.exchange(b"") is None
    assert chip.exchange(b"\x0c" + IDM + b"\x00") is None
    chip.power(False)
    assert chip.poll(0xFFFF, 0) is None
    assert read(chip, 0) is None


def test_four_blocks_are_read_and_five_are_not() -> None:
    chip = powered()
    answer = read(chip, 0, 1, 2, 3)
    assert answer == b"\0\0\x04" + chip.blocks[0] + bytes(48)
    assert read(chip, 0, 1, 2, 3, 4) == b"\xff\xa2"
    three_bytes = chip.exchange(b"\x06" + IDM + bytes.fromhex("010B0001000000"))
    assert three_bytes is not None
    assert three_bytes[9:] == b"\0\0\x01" + chip.blocks[0]


@pytest.mark.parametrize(
    ("answer", "arguments"),
    [
        ("FFA1", {"count": 2}),
        ("01A6", {"service": "0100"}),
        ("00", {"service": "0900"}),
    ],
)
def test_services(answer: str, arguments: dict[str, object]) -> None:
    found = read(powered(), 0, **arguments)  # type: ignore[arg-type]
    assert found is not None
    assert found.hex().upper().startswith(answer)


def test_a_block_that_does_not_exist_is_named_by_its_place_in_the_list() -> None:
    assert read(powered(), 0, 0x0F) == b"\x02\xa8"
    assert read(powered(LITE), 0x90) == b"\x01\xa8"
    assert read(powered(), 0x91) == b"\x01\xb2"
    assert write(powered(), 0x0F) == "01A8"


def test_a_write_is_stored_counted_and_kept() -> None:
    chip = powered()
    assert write(chip, 5) == "0000"
    assert chip.blocks[5] == DATA
    assert (chip.writes, chip.changes) == (1, 1)
    assert read(chip, 0x90) == b"\0\0\x01\x01" + bytes(15)
    assert write(chip, 5, service="0B00") == "01A6"


def test_two_blocks_are_not_written_without_a_mac() -> None:
    chip = powered()
    two = b"\x08" + IDM + bytes.fromhex("0109000280008001") + DATA + DATA
    answer = chip.exchange(two)
    assert answer is not None
    assert answer[9:] == b"\x02\xa8"
    assert chip.changes == 0


def test_the_card_key_and_the_challenge_are_never_read() -> None:
    chip = powered()
    assert write(chip, 0x87) == "0000"
    assert read(chip, 0x87) == b"\0\0\x01" + bytes(16)
    assert write(chip, 0x80) == "0000"
    assert read(chip, 0x80) == b"\0\0\x01" + bytes(16)


def test_identity_blocks_show_idm_and_pmm_and_cannot_be_written() -> None:
    chip = powered()
    assert read(chip, 0x83) == b"\0\0\x01" + IDM + chip.pmm
    assert write(chip, 0x83) == "01A8"
    assert write(chip, 0x82) == "0000"
    assert chip.blocks[0x82] == IDM + DATA[8:]


def test_a_new_configuration_acts_and_reads_at_the_next_power_up() -> None:
    chip = powered(ndef=False)
    wanted = bytes.fromhex("DFFFFF0107") + bytes(11)
    assert write(chip, 0x88, wanted) == "0000"
    assert read(chip, 0x88) == b"\0\0\x01" + bytes.fromhex("FFFFFF0007") + bytes(11)
    assert write(chip, 5) == "0000"
    chip.power(False)
    chip.power(True)
    assert read(chip, 0x88) == b"\0\0\x01" + wanted
    assert chip.poll(0x12FC, 0) == IDM + chip.pmm
    assert write(chip, 5, bytes(16)) == "01A8"
    assert chip.blocks[5] == DATA


def test_cleared_write_bits_never_come_back_and_set_restrictions_stay() -> None:
    chip = powered()
    for wanted in ("F0FFFF01070001000100000000000000", "FFFFFF01070000000000000000000000"):
        assert write(chip, 0x88, bytes.fromhex(wanted)) == "0000"
        chip.power(False)
        chip.power(True)
    assert chip.blocks[0x88].hex().upper() == "F0FFFF01070001000100000000000000"
    assert read(chip, 0) == b"\x01\xb1"
    assert write(chip, 0) == "01A8"


def test_bit_15_freezes_the_write_bits_and_mc_all_the_system_blocks() -> None:
    chip = powered()
    for wanted in ("FF7F0001070000000000000000000000", "0000FF00000000000100000000000000"):
        write(chip, 0x88, bytes.fromhex(wanted))
        chip.power(False)
        chip.power(True)
    assert chip.blocks[0x88].hex().upper() == "FF7F0001070000000000000000000000"
    assert write(chip, 0x87) == "01A8"


def test_the_subtraction_register_only_falls() -> None:
    chip = powered()
    lower = (5).to_bytes(4, "little") + (7).to_bytes(4, "little") + b"ABCDEFGH"
    assert write(chip, 0x0E, lower) == "0000"
    assert chip.blocks[0x0E] == lower
    write(chip, 0x0E, (6).to_bytes(4, "little") + (3).to_bytes(4, "little") + bytes(8))
    assert chip.blocks[0x0E] == (5).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"ABCDEFGH"


def test_a_torn_write_leaves_half_a_block() -> None:
    chip = powered()
    assert chip.tear(lambda: write(chip, 3))
    assert chip.blocks[3] == DATA[:8] + bytes(8)
    assert not chip.tear(lambda: read(chip, 3))
    write(chip, 3)
    assert chip.blocks[3] == DATA
    chip.fade(3)
    assert chip.blocks[3] == b"\x01" + DATA[1:]


@pytest.mark.parametrize("name", list(KINDS))
def test_a_record_brings_back_the_same_chip(name: str) -> None:
    kind = KINDS[name]
    chip = kind.make(kind.uid_head + bytes(6), {})
    chip.power(True)
    assert chip.kind == name
    chip.exchange(b"\x08" + chip.uid + bytes.fromhex("010900018003") + DATA)
    again = kind.make(chip.uid, json.loads(json.dumps(chip.record())))
    assert isinstance(chip, FelicaLite)
    assert isinstance(again, FelicaLite)
    assert again.blocks == chip.blocks
    assert (again.writes, again.kind) == (1, name)


def test_a_wrong_idm_or_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        FelicaLite(LITE_S, IDM[:7])
    with pytest.raises(ValueError, match="keeps 20 blocks"):
        FelicaLite(LITE_S, IDM, {0: bytes(16)})
