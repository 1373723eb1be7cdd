"""The simulated ISO/IEC 15693 chips obey ISO/IEC 15693-3 and what their data sheets say of passwords."""

from __future__ import annotations

import json

import pytest

from dpptag.sim.chip import Fading, Rf, Tearable
from dpptag.sim.type5 import KINDS, SLIX, SLIX2, ST25DV04K, ST25TV02K, Iso15693Chip, Model, make

MODELS = [SLIX, SLIX2, ST25TV02K, ST25DV04K]
DATA = bytes.fromhex("01020304")


def powered(model: Model = SLIX2, tail: str = "0102030405") -> Iso15693Chip:
    uid = model.uid_head + bytes.fromhex(tail)[: 8 - len(model.uid_head)]
    chip = make(model, uid)
    chip.power(True)
    return chip


def again(chip: Iso15693Chip) -> Iso15693Chip:
    chip.power(False)
    chip.power(True)
    return chip


def addressed(
    chip: Iso15693Chip, code: int, parameters: str = "", flags: int = 0x22, maker: bool = False
) -> str | None:
    head = bytes((flags, code)) + (bytes((chip.model.maker,)) if maker else b"")
    answer = chip.exchange(head + chip.uid[::-1] + bytes.fromhex(parameters))
    return None if answer is None else answer.hex().upper()


def custom(chip: Iso15693Chip, code: int, parameters: str = "") -> str | None:
    return addressed(chip, code, parameters, maker=True)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_an_inventory_finds_every_chip(model: Model) -> None:
    chip = powered(model)
    assert isinstance(chip, Tearable)
    assert isinstance(chip, Fading)
    assert (chip.rf, chip.kind) == (Rf.V, model.name)
    assert chip.exchange(bytes.fromhex("260100")) == b"\0\0" + chip.uid[::-1]


def test_an_inventory_is_answered_under_the_right_mask_afi_and_slot_alone() -> None:
    chip = powered(tail="AABBCC53")
    assert chip.uid.hex() == "e0040108aabbcc53"
    low = chip.uid[::-1]
    assert chip.exchange(b"\x26\x01\x08\x53") == b"\0\0" + low
    assert chip.exchange(b"\x26\x01\x08\x54") is None
    assert chip.exchange(b"\x26\x01\x0c\x53\x0c") == b"\0\0" + low
    assert chip.exchange(b"\x26\x01\x40" + low) == b"\0\0" + low
    assert chip.exchange(b"\x26\x01\x08") is None
    assert chip.exchange(b"\x06\x01\x00") is None, "sixteen slots: this one answers in slot 3"
    assert powered(tail="AABBCC50").exchange(b"\x06\x01\x00") is not None
    assert chip.exchange(b"\x36\x01\x05\x00") is None
    assert addressed(chip, 0x27, "05") == "00"
    assert chip.exchange(b"\x36\x01\x05\x00") == b"\0\0" + low
    assert chip.exchange(b"\x26\x02\x00") is None


def test_a_quiet_chip_answers_addressed_frames_alone_until_it_loses_power() -> None:
    chip = powered()
    assert addressed(chip, 0x02) is None
    assert chip.exchange(b"\x26\x01\x00") is None
    assert chip.exchange(b"\x02\x20\x00") is None
    assert addressed(chip, 0x20, "00") == "0000000000"
    assert addressed(chip, 0x26) == "00"
    assert chip.exchange(b"\x02\x20\x00") == bytes(5)
    addressed(chip, 0x02)
    assert again(chip).exchange(b"\x26\x01\x00") is not None


def test_a_selected_chip_answers_the_select_flag_until_another_is_selected() -> None:
    chip = powered()
    assert chip.exchange(b"\x12\x20\x00") is None
    assert addressed(chip, 0x25) == "00"
    assert chip.exchange(b"\x12\x20\x00") == bytes(5)
    assert chip.exchange(b"\x22\x25" + bytes(8)) is None
    assert chip.exchange(b"\x12\x20\x00") is None


def test_a_frame_to_another_uid_and_one_without_power_are_not_answered() -> None:
    chip = powered()
    assert chip.exchange(b"\x22\x20" + bytes(8) + b"\x00") is None
    assert chip.exchange(b"\x32\x20" + chip.uid[::-1] + b"\x00") is None
    assert chip.exchange(b"") is None
    chip.power(False)
    assert chip.exchange(b"\x26\x01\x00") is None


@pytest.mark.parametrize(
    ("model", "tail"),
    [(SLIX, "00001B0301"), (SLIX2, "00004F0301"), (ST25TV02K, "00003F0323"), (ST25DV04K, "00007F0324")],
    ids=lambda value: getattr(value, "name", value),
)
def test_system_information(model: Model, tail: str) -> None:
    chip = powered(model)
    assert addressed(chip, 0x2B) == f"000F{chip.uid[::-1].hex().upper()}{tail}"


def test_blocks_are_read_singly_and_together_with_their_status() -> None:
    chip = powered()
    assert addressed(chip, 0x21, "0501020304") == "00"
    assert addressed(chip, 0x20, "05") == "0001020304"
    assert addressed(chip, 0x23, "0402") == "00000000000102030400000000"
    assert addressed(chip, 0x22, "05") == "00"
    assert addressed(chip, 0x23, "0401", flags=0x62) == "0000000000000101020304"
    assert addressed(chip, 0x2C, "0402") == "00000100"


@pytest.mark.parametrize(
    ("code", "parameters", "flags", "error"),
    [
        (0x20, "50", 0x22, "10"),
        (0x23, "4F01", 0x22, "10"),
        (0x21, "5001020304", 0x22, "10"),
        (0x22, "50", 0x22, "10"),
        (0x22, "4F", 0x22, "10"),
        (0x20, "", 0x22, "02"),
        (0x21, "05010203", 0x22, "02"),
        (0x21, "0501020304", 0x62, "03"),
        (0x22, "05", 0x62, "03"),
        (0x24, "050001020304", 0x22, "01"),
        (0x77, "", 0x22, "01"),
        (0x20, "00", 0x2A, "02"),
    ],
)
def test_errors_are_answered_with_their_code(code: int, parameters: str, flags: int, error: str) -> None:
    chip = powered()
    assert addressed(chip, code, parameters, flags) == f"01{error}"
    assert chip.changes == 0


def test_a_lock_is_for_ever() -> None:
    chip = powered()
    addressed(chip, 0x21, "0501020304")
    assert addressed(chip, 0x22, "05") == "00"
    assert addressed(again(chip), 0x21, "0505060708") == "0112"
    assert addressed(chip, 0x22, "05") == "0111"
    assert chip.memory[5] == DATA


def test_afi_and_dsfid_are_written_until_they_are_locked() -> None:
    for write, lock in ((0x27, 0x28), (0x29, 0x2A)):
        chip = powered()
        assert addressed(chip, write, "33") == "00"
        assert addressed(chip, lock) == "00"
        assert addressed(chip, write, "44") == "0112"
        assert addressed(chip, lock) == "0111"
        assert 0x33 in (chip.afi, chip.dsfid)


def test_st25dv_writes_four_blocks_at_once_and_locks_two() -> None:
    chip = powered(ST25DV04K)
    assert addressed(chip, 0x24, "0503" + "01020304" * 4) == "00"
    assert chip.memory[5:9] == [DATA] * 4
    assert addressed(chip, 0x24, "0504" + "01020304" * 5) == "010F"
    assert addressed(chip, 0x22, "01") == "00"
    assert addressed(chip, 0x22, "02") == "0110"
    assert addressed(chip, 0x24, "0001" + "01020304" * 2) == "0112"


def test_the_counter_of_slix2_counts_and_is_preset() -> None:
    chip = powered()
    for _ in range(3):
        assert addressed(chip, 0x21, "4F01000000") == "00"
    assert addressed(chip, 0x20, "4F") == "0003000000"
    assert addressed(chip, 0x21, "4FFFFF0000") == "00"
    addressed(chip, 0x21, "4F01000000")
    assert addressed(chip, 0x20, "4F") == "00FFFF0000"


def masked(chip: Iso15693Chip, number: str, password: str) -> str:
    random = custom(chip, 0xB2)
    assert random is not None
    key = bytes.fromhex(random[2:]) * 2
    return number + bytes(a ^ b for a, b in zip(bytes.fromhex(password), key, strict=True)).hex()


def test_slix2_wants_the_password_to_write_and_only_while_it_has_power() -> None:
    chip = powered()
    assert custom(chip, 0xB4, "0211223344") == "010F", "the old password was not given"
    assert custom(chip, 0xB3, masked(chip, "02", "00000000")) == "00"
    assert custom(chip, 0xB4, "0211223344") == "00"
    assert custom(chip, 0xB6, "0022") == "010F", "the new one was not given, nor the read password"
    assert custom(chip, 0xB3, masked(chip, "02", "11223344")) == "00"
    assert custom(chip, 0xB3, masked(chip, "01", "00000000")) == "00"
    assert custom(chip, 0xB6, "0022") == "00"
    assert custom(chip, 0xAB) == "000022007F350000"
    assert addressed(chip, 0x21, "0501020304") == "00"
    assert addressed(again(chip), 0x21, "0505060708") == "010F"
    assert addressed(chip, 0x22, "05") == "010F"
    assert addressed(chip, 0x20, "05") == "0001020304"
    assert custom(chip, 0xB3, masked(chip, "02", "11223344")) == "00"
    assert addressed(chip, 0x21, "0505060708") == "00"


def test_after_a_wrong_password_slix2_is_mute_until_it_loses_power() -> None:
    chip = powered()
    assert custom(chip, 0xB3, masked(chip, "02", "00000001")) == "010F"
    assert addressed(chip, 0x20, "00") is None
    assert chip.exchange(b"\x26\x01\x00") is None
    assert addressed(again(chip), 0x20, "00") == "0000000000"
    assert custom(chip, 0xB3, "0200000000") == "010F", "no random number was drawn"


def test_pages_low_and_high_are_protected_apart_and_reading_too() -> None:
    chip = powered()
    for number in ("01", "02"):
        assert custom(chip, 0xB3, masked(chip, number, "00000000")) == "00"
    assert custom(chip, 0xB6, "4F20") == "0110"
    assert custom(chip, 0xB6, "0044") == "010F"
    assert custom(chip, 0xB6, "2810") == "00"
    again(chip)
    assert addressed(chip, 0x20, "27") == "0000000000"
    assert addressed(chip, 0x20, "28") == "010F"
    assert addressed(chip, 0x20, "4F") == "0000000000", "the counter is always read"
    assert addressed(chip, 0x21, "2701020304") == "00"
    assert addressed(chip, 0x21, "2801020304") == "010F"


def test_slix2_shows_its_signature_and_slix_has_none() -> None:
    chip = powered()
    chip.custom.signature = bytes(range(32))  # type: ignore[attr-defined]
    assert custom(chip, 0xBD) == "00" + bytes(range(32)).hex().upper()
    for code in (0xBD, 0xAB):
        assert custom(powered(SLIX), code) == "0101"
    assert custom(powered(SLIX), 0xB3, "0200000000") == "0101"


def test_a_custom_command_of_another_maker_is_not_answered() -> None:
    chip = powered()
    assert chip.exchange(b"\x22\xb2\x02" + chip.uid[::-1]) is None
    assert custom(powered(ST25TV02K), 0xB3, "01") == "0101"


def test_st25dv_area_1_is_closed_by_its_configuration() -> None:
    chip = powered(ST25DV04K)
    zero, secret = "00" * 8, "1122334455667788"
    assert custom(chip, 0xA0, "05") == "000F"
    assert custom(chip, 0xA1, "0405") == "0112", "no configuration session"
    assert custom(chip, 0xB3, "01" + zero) == "00"
    assert custom(chip, 0xB1, "01" + secret) == "00"
    assert custom(chip, 0xA1, "0405") == "0112"
    assert custom(chip, 0xB3, "00" + zero) == "00"
    assert custom(chip, 0xA1, "0405") == "00"
    assert custom(chip, 0xA0, "04") == "0005"
    assert addressed(chip, 0x21, "0501020304") == "0112"
    assert custom(chip, 0xB3, "01" + zero) == "010F"
    assert custom(chip, 0xB3, "01" + secret) == "00"
    assert addressed(chip, 0x21, "0501020304") == "00"
    assert addressed(again(chip), 0x21, "0505060708") == "0112"
    assert addressed(chip, 0x20, "05") == "0001020304"
    assert custom(chip, 0xB1, "00" + secret) == "0112"


def test_a_torn_write_leaves_half_a_block_and_a_weak_cell_forgets() -> None:
    chip = powered()
    assert chip.tear(lambda: addressed(chip, 0x21, "0501020304"))
    assert chip.memory[5] == DATA[:2] + bytes(2)
    assert not chip.tear(lambda: addressed(chip, 0x20, "05"))
    assert not chip.tear(lambda: addressed(chip, 0x21, "5001020304"))
    addressed(chip, 0x21, "0501020304")
    assert chip.memory[5] == DATA
    chip.fade(5)
    assert chip.memory[5] == bytes.fromhex("00020304")


@pytest.mark.parametrize("name", list(KINDS))
def test_a_record_brings_back_the_same_chip(name: str) -> None:
    kind = KINDS[name]
    chip = kind.make((kind.uid_head + bytes(8))[: kind.uid_bytes], {})
    assert isinstance(chip, Iso15693Chip)
    chip.power(True)
    addressed(chip, 0x21, "0001020304")
    addressed(chip, 0x22, "00")
    addressed(chip, 0x27, "33")
    if name == "SLIX2":
        custom(chip, 0xB3, masked(chip, "02", "00000000"))
        custom(chip, 0xB4, "0211223344")
    if name == "ST25DV04K":
        custom(chip, 0xB3, "02" + "00" * 8)
        custom(chip, 0xB1, "02" + "55" * 8)
    stored = json.loads(json.dumps(chip.record()))
    assert kind.make(chip.uid, stored).record() == stored
    stored["blocks"].pop()
    with pytest.raises(ValueError, match="blocks of 4 bytes"):
        kind.make(chip.uid, stored)


def test_a_uid_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        make(SLIX, bytes(7))
