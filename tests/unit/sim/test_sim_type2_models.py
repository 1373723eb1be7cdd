"""Each simulated Type 2 chip has the map, the lock bits and the commands of its data sheet, and no others."""

import pytest

from dpptag.sim.chip import ACK, Answer, Nibble, Tearable, TypeAChip, Wakeable
from dpptag.sim.kinds import KINDS
from dpptag.sim.type2 import MODELS, State, Type2Chip

UID = bytes.fromhex("04A1B2C3D4E5F6")
NAK = Nibble(0)


def active(kind: str, **stored: object) -> Type2Chip:
    chip = KINDS[kind].make(UID, stored)
    assert isinstance(chip, Type2Chip)
    return reselected(chip)


def reselected(chip: Type2Chip) -> Type2Chip:
    chip.power(False)
    chip.power(True)
    assert chip.select()
    return chip


def send(chip: Type2Chip, text: str) -> Answer:
    return chip.exchange(bytes.fromhex(text))


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_every_model_is_a_kind_and_keeps_the_contract_of_the_field(kind: str) -> None:
    chip = active(kind)
    assert isinstance(chip, TypeAChip)
    assert isinstance(chip, Tearable)
    assert isinstance(chip, Wakeable)
    assert (chip.kind, chip.ats) == (kind, None)


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("NTAG210", "0004040101000B03"),
        ("NTAG212", "0004040101000E03"),
        ("NTAG213F", "0004040401000F03"),
        ("NTAG216F", "0004040401001303"),
        ("ULTRALIGHT-EV1-48", "0004030101000B03"),
        ("ULTRALIGHT-EV1-128", "0004030101000E03"),
        ("NTAG-I2C-1K", "0004040502011303"),
        ("NTAG-I2C-PLUS-1K", "0004040502021303"),
        ("NTAG-I2C-PLUS-2K", "0004040502021503"),
    ],
)
def test_get_version_names_the_chip(kind: str, version: str) -> None:
    assert send(active(kind), "60") == bytes.fromhex(version)


@pytest.mark.parametrize("kind", ["NTAG203", "ULTRALIGHT"])
@pytest.mark.parametrize("command", ["60", "3A0003", "1BFFFFFFFF", "3C00", "3902"])
def test_an_old_chip_refuses_what_it_does_not_know_and_is_mute(kind: str, command: str) -> None:
    chip = active(kind)
    assert send(chip, command) == NAK
    assert send(chip, "3000") is None
    assert isinstance(send(reselected(chip), "3000"), bytes)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("NTAG210", "3902"),
        ("NTAG212", "3902"),
        ("NTAG213", "A50001000000"),
        ("NTAG213", "3E00"),
        ("NTAG-I2C-1K", "1BFFFFFFFF"),
        ("NTAG-I2C-1K", "3C00"),
        ("NTAG-I2C-1K", "A2 E3 00000000"),
        ("NTAG-I2C-PLUS-1K", "A006"),
        ("NTAG-I2C-PLUS-1K", "3902"),
        ("NTAG-I2C-PLUS-1K", "C2FF"),
        ("ULTRALIGHT-EV1-48", "A4"),
        ("ULTRALIGHT-EV1-48", "4B00"),
        ("ULTRALIGHT-EV1-48", "3903"),
    ],
)
def test_a_command_of_another_chip_is_nak(kind: str, command: str) -> None:
    assert send(active(kind), command) == NAK


@pytest.mark.parametrize(
    ("kind", "last_page"),
    [
        ("ULTRALIGHT", 0x0F),
        ("NTAG210", 0x13),
        ("ULTRALIGHT-EV1-48", 0x13),
        ("NTAG212", 0x28),
        ("ULTRALIGHT-EV1-128", 0x28),
        ("NTAG203", 0x29),
        ("NTAG213F", 0x2C),
        ("NTAG216F", 0xE6),
    ],
)
def test_read_rolls_over_behind_the_last_page_and_refuses_the_next(kind: str, last_page: int) -> None:
    chip = active(kind)
    first = send(chip, "3000")
    assert isinstance(first, bytes)
    over = chip.exchange(bytes((0x30, last_page)))
    assert isinstance(over, bytes)
    assert over[4:] == first[:12]
    assert chip.exchange(bytes((0x30, last_page + 1))) == NAK


def test_ntag_i2c_plus_does_not_roll_over_and_ends_before_its_registers() -> None:
    chip = active("NTAG-I2C-PLUS-1K")
    chip.pages[0xE9] = b"last"
    assert send(chip, "30E9") == b"last" + bytes(12)
    assert send(chip, "30EC") == NAK


def test_ntag_i2c_plus_stores_its_uid_without_check_bytes() -> None:
    assert send(active("NTAG-I2C-PLUS-1K"), "3000") == UID + bytes.fromhex("00 44000000 E1106D00")


@pytest.mark.parametrize(
    ("kind", "pages_3_to_5"),
    [
        ("ULTRALIGHT", "00" * 12),
        ("ULTRALIGHT-EV1-48", "00" * 12),
        ("NTAG203", "E1101200 0103A010 440300FE"),
        ("NTAG210", "E1100600 0300FE00 00000000"),
        ("NTAG212", "E1101000 0103900A 340300FE"),
        ("NTAG216F", "E1106D00 0300FE00 00000000"),
    ],
)
def test_memory_is_as_delivered(kind: str, pages_3_to_5: str) -> None:
    answer = send(active(kind), "3003")
    assert isinstance(answer, bytes)
    assert answer[:12] == bytes.fromhex(pages_3_to_5)


@pytest.mark.parametrize(
    ("kind", "page", "bits", "locked", "free"),
    [
        ("NTAG203", 0x28, "0200", (16, 19), (15, 20, 39)),
        ("NTAG203", 0x28, "2000", (28, 31), (27, 32)),
        ("NTAG203", 0x28, "8000", (36, 39), (35,)),
        ("NTAG212", 0x24, "0100", (16, 17), (18,)),
        ("NTAG212", 0x24, "0002", (34, 35), (33,)),
        ("ULTRALIGHT-EV1-128", 0x24, "0002", (34, 35), (33,)),
        ("NTAG-I2C-1K", 0xE2, "0100", (16, 31), (32,)),
        ("NTAG-I2C-PLUS-1K", 0xE2, "0100", (16, 31), (32,)),
        ("NTAG-I2C-PLUS-1K", 0xE2, "0020", (224, 225), (223,)),
        ("NTAG-I2C-PLUS-2K", 0xE2, "4000", (208, 225), (207,)),
    ],
)
def test_dynamic_lock_bits_close_their_pages(
    kind: str, page: int, bits: str, locked: tuple[int, ...], free: tuple[int, ...]
) -> None:
    chip = active(kind)
    assert chip.exchange(bytes((0xA2, page)) + bytes.fromhex(bits + "0000")) == ACK
    for number in locked:
        assert reselected(chip).exchange(bytes((0xA2, number, 1, 2, 3, 4))) == NAK
    for number in free:
        assert reselected(chip).exchange(bytes((0xA2, number, 1, 2, 3, 4))) == ACK


@pytest.mark.parametrize(
    ("kind", "page", "all_bits"),
    [
        ("NTAG203", 0x28, "FF110000"),
        ("NTAG212", 0x24, "FF031FBD"),
        ("ULTRALIGHT-EV1-128", 0x24, "FF031FBD"),
        ("NTAG-I2C-PLUS-1K", 0xE2, "FF3F7F00"),
    ],
)
def test_bits_that_mean_nothing_stay_0(kind: str, page: int, all_bits: str) -> None:
    chip = active(kind)
    assert chip.exchange(bytes((0xA2, page)) + b"\xff" * 4) == ACK
    assert chip.pages[page] == bytes.fromhex(all_bits)


def test_ntag203_block_lock_bits_freeze_three_lock_bits_of_their_byte() -> None:
    chip = active("NTAG203")
    assert send(chip, "A2 28 01000000") == ACK
    assert send(chip, "A2 28 FF000000") == ACK
    assert chip.pages[40] == bytes.fromhex("F1000000")


@pytest.mark.parametrize("kind", ["NTAG203", "ULTRALIGHT"])
def test_lock_bits_of_an_old_chip_are_in_force_from_the_next_selection_on(kind: str) -> None:
    chip = active(kind)
    assert send(chip, "A2 02 0000 1000") == ACK
    assert send(chip, "A2 04 01020304") == ACK
    assert chip.select()
    assert send(chip, "A2 04 05060708") == NAK
    assert chip.pages[4] == bytes.fromhex("01020304")


def test_chips_without_a_password_refuse_pages_that_others_keep_it_in() -> None:
    assert send(active("ULTRALIGHT"), "A2 10 00000000") == NAK
    assert send(active("NTAG203"), "A2 2A 00000000") == NAK


def test_the_ntag203_counter_takes_a_start_value_and_then_adds_a_nibble() -> None:
    chip = active("NTAG203")
    for data in ("34120000", "0F000000", "F1FF0000"):
        assert send(chip, "A2 29" + data) == ACK
    assert chip.pages[41] == bytes.fromhex("44120000")
    chip.pages[41] = bytes.fromhex("FFFF0000")
    assert send(chip, "A2 29 01000000") == NAK


@pytest.mark.parametrize("kind", ["NTAG210", "NTAG212", "ULTRALIGHT-EV1-48", "ULTRALIGHT-EV1-128", "NTAG-I2C-PLUS-1K"])
def test_the_password_is_behind_cfg1_and_guards_from_auth0_on(kind: str) -> None:
    chip = active(kind)
    cfg0 = MODELS[kind].cfg0
    assert cfg0 is not None
    for page, data in ((cfg0 + 2, "11223344"), (cfg0 + 3, "AABB0000"), (cfg0 + 1, "80050000"), (cfg0, "00000008")):
        assert chip.exchange(bytes((0xA2, page)) + bytes.fromhex(data)) == ACK
    assert send(reselected(chip), "3008") == NAK
    assert send(reselected(chip), "1B 11223345") == NAK
    assert send(reselected(chip), "1B 11223344") == bytes.fromhex("AABB")
    assert send(chip, "A2 08 01020304") == ACK
    assert chip.exchange(bytes((0x3A, cfg0 + 2, cfg0 + 3))) == bytes(8)


@pytest.mark.parametrize(("kind", "frozen"), [("ULTRALIGHT-EV1-48", True), ("NTAG-I2C-PLUS-1K", False)])
def test_bit_6_of_access_freezes_the_configuration_where_it_means_cfglck(kind: str, frozen: bool) -> None:
    chip = active(kind)
    cfg0 = MODELS[kind].cfg0
    assert cfg0 is not None
    assert chip.exchange(bytes((0xA2, cfg0 + 1)) + bytes.fromhex("40050000")) == ACK
    assert chip.exchange(bytes((0xA2, cfg0)) + bytes.fromhex("000000FE")) == ACK
    assert reselected(chip).exchange(bytes((0xA2, cfg0)) + bytes.fromhex("000000FF")) == (NAK if frozen else ACK)


def test_ultralight_ev1_has_three_one_way_counters() -> None:
    chip = active("ULTRALIGHT-EV1-48")
    assert send(chip, "A5 01 05000000") == ACK
    assert [send(chip, f"390{number}") for number in range(3)] == [bytes(3), b"\x05\0\0", bytes(3)]
    assert send(chip, "A5 01 FFFFFF00") == Nibble(4)
    again = KINDS["ULTRALIGHT-EV1-48"].make(UID, chip.record())
    assert isinstance(again, Type2Chip)
    assert again.counters == [0, 5, 0]


def test_ultralight_ev1_tells_of_no_torn_counter_and_its_card_type() -> None:
    chip = active("ULTRALIGHT-EV1-48")
    assert send(chip, "3E02") == b"\xbd"
    assert send(chip, "4B" + "00" * 20) == b"\x05"


def test_a_uid_mirror_covers_user_memory_when_it_is_read_and_not_when_it_is_stored() -> None:
    chip = active("NTAG213")
    assert send(chip, "A2 29 540006FF") == ACK  # UID from byte 1 of page 6 on
    assert send(chip, "3006") == b"\0" + UID.hex().upper().encode() + b"\0"
    assert chip.pages[6] == bytes(4)


def test_uid_and_counter_are_mirrored_with_an_x_between() -> None:
    chip = active("NTAG213", counter=0x1A)
    assert send(chip, "A2 29 C40006FF") == ACK
    assert send(chip, "3A060B") == (UID.hex().upper() + "x00001A").encode().ljust(24, b"\0")


def test_a_mirror_that_does_not_fit_is_not_shown() -> None:
    chip = active("NTAG213")
    assert send(chip, "A2 29 440027FF") == ACK
    assert send(chip, "3A2727") == bytes(4)


def test_the_signature_is_what_the_state_file_says() -> None:
    assert send(active("ULTRALIGHT-EV1-128", signature=bytes(range(32)).hex()), "3C00") == bytes(range(32))
    with pytest.raises(ValueError, match="32 bytes"):
        KINDS["NTAG213"].make(UID, {"signature": "00"})


def test_a_halted_chip_is_woken_by_its_uid_alone() -> None:
    chip = active("NTAG210")
    send(chip, "5000")
    assert not chip.select()
    assert chip.wake()
    assert chip.state is State.ACTIVE


def test_a_refused_write_is_not_torn() -> None:
    chip = active("NTAG210")
    before = list(chip.pages)
    assert not chip.tear(lambda: send(chip, "A2 00 01020304"))
    assert chip.pages == before
    assert reselected(chip).tear(lambda: send(chip, "A2 04 61626364"))
    assert chip.pages[4] == b"ab\xff\xff"
