"""The simulated chip obeys the NTAG213/215/216 data sheet (rev 3.2)."""

import pytest

from dpptag.sim.chip import ACK, Answer, Nibble
from dpptag.sim.type2 import MODELS, Type2Chip

UID = bytes.fromhex("04A1B2C3D4E5F6")
NAK = Nibble(0)


def active(kind: str = "NTAG213", **arguments: object) -> Type2Chip:
    chip = Type2Chip(MODELS[kind], UID, **arguments)  # type: ignore[arg-type]
    return reselected(chip)


def reselected(chip: Type2Chip) -> Type2Chip:
    chip.power(False)
    chip.power(True)
    assert chip.select()
    return chip


def send(chip: Type2Chip, text: str) -> Answer:
    return chip.exchange(bytes.fromhex(text))


@pytest.mark.parametrize(
    ("kind", "version"),
    [("NTAG213", "0004040201000F03"), ("NTAG215", "0004040201001103"), ("NTAG216", "0004040201001303")],
)
def test_get_version_names_the_chip(kind: str, version: str) -> None:
    assert send(active(kind), "60") == bytes.fromhex(version)


@pytest.mark.parametrize(
    ("kind", "pages_3_to_6"),
    [
        ("NTAG213", "E1101200 0103A00C 340300FE 00000000"),
        ("NTAG215", "E1103E00 0300FE00 00000000 00000000"),
        ("NTAG216", "E1106D00 0300FE00 00000000 00000000"),
    ],
)
def test_capability_container_and_first_pages_are_as_delivered(kind: str, pages_3_to_6: str) -> None:
    assert send(active(kind), "3003") == bytes.fromhex(pages_3_to_6)


def test_the_uid_is_stored_with_both_check_bytes() -> None:
    uid = send(active(), "3000")
    assert isinstance(uid, bytes)
    assert uid[:9] == bytes.fromhex("04A1B2 9F C3D4E5F6 04")
    assert uid[3] == 0x88 ^ 0x04 ^ 0xA1 ^ 0xB2
    assert uid[8] == 0xC3 ^ 0xD4 ^ 0xE5 ^ 0xF6


@pytest.mark.parametrize(("kind", "lock_page"), [("NTAG213", 0x28), ("NTAG215", 0x82), ("NTAG216", 0xE2)])
def test_configuration_is_as_delivered_and_the_password_reads_as_zero(kind: str, lock_page: int) -> None:
    answer = send(active(kind), f"3A{lock_page:02X}{lock_page + 4:02X}")
    assert answer == bytes.fromhex("000000BD 040000FF 00050000 00000000 00000000")


def test_read_rolls_over_to_page_0_at_the_end_of_memory() -> None:
    chip = active()
    chip.pages[43] = b"PWD!"
    assert send(chip, "302B") == bytes(8) + send(chip, "3000")[:8]  # type: ignore[index]


@pytest.mark.parametrize(
    "command",
    ["302D", "3A002700", "3A0504", "3A002D", "A2 00 01020304", "A2 01 01020304", "A2 2D 01020304", "A204010203", "77"],
)
def test_an_impossible_command_is_nak_and_the_chip_is_mute_until_selected(command: str) -> None:
    chip = active()
    assert send(chip, command) == NAK
    assert send(chip, "3000") is None
    assert chip.select()
    assert isinstance(send(chip, "3000"), bytes)


def test_a_halted_chip_is_not_selected_before_the_field_was_off() -> None:
    chip = active()
    assert send(chip, "5000") is None
    assert not chip.select()
    assert isinstance(send(reselected(chip), "60"), bytes)


def test_the_capability_container_is_or_ed() -> None:
    chip = active()
    assert send(chip, "A2 03 00 00 6D 0F") == ACK
    assert chip.pages[3] == bytes.fromhex("E1107F0F")


def test_static_lock_bits_are_or_ed_and_close_their_pages() -> None:
    chip = active()
    assert send(chip, "A2 02 FFFF 10 00") == ACK  # page 4
    assert send(chip, "A2 02 0000 00 80") == ACK  # page 15
    assert chip.pages[2][:2] == bytes.fromhex("0448")
    assert chip.pages[2][2:] == bytes.fromhex("1080")
    assert send(chip, "A2 05 01020304") == ACK
    for page in ("04", "0F"):
        assert send(reselected(chip), f"A2 {page} 01020304") == NAK


def test_the_capability_container_has_its_own_lock_bit() -> None:
    chip = active()
    assert send(chip, "A2 02 0000 0800") == ACK
    assert send(chip, "A2 03 0000000F") == NAK
    assert chip.pages[3] == bytes.fromhex("E1101200")


def test_a_block_lock_bit_freezes_the_lock_bits_of_its_pages() -> None:
    chip = active()
    assert send(chip, "A2 02 0000 0200") == ACK  # BL 9-4
    assert send(chip, "A2 02 0000 F8FF") == ACK
    assert chip.pages[2][2:] == bytes.fromhex("0AFC")


@pytest.mark.parametrize(
    ("kind", "bits", "locked", "free"),
    [
        ("NTAG213", "0100", (16, 17), (18, 15)),
        ("NTAG213", "0008", (38, 39), (37,)),
        ("NTAG215", "0100", (16, 31), (32,)),
        ("NTAG215", "8000", (128, 129), (127,)),
        ("NTAG216", "0020", (224, 225), (223,)),
    ],
)
def test_dynamic_lock_bits_close_their_pages(
    kind: str, bits: str, locked: tuple[int, ...], free: tuple[int, ...]
) -> None:
    chip = active(kind)
    assert chip.exchange(bytes((0xA2, chip.model.dynamic_lock)) + bytes.fromhex(bits + "0000")) == ACK
    for page in locked:
        assert reselected(chip).exchange(bytes((0xA2, page, 1, 2, 3, 4))) == NAK
    for page in free:
        assert reselected(chip).exchange(bytes((0xA2, page, 1, 2, 3, 4))) == ACK


@pytest.mark.parametrize(
    ("kind", "all_bits"), [("NTAG213", "FF0F3FBD"), ("NTAG215", "FF000FBD"), ("NTAG216", "FF3F7FBD")]
)
def test_rfui_bits_of_the_dynamic_lock_page_stay_0(kind: str, all_bits: str) -> None:
    chip = active(kind)
    assert chip.exchange(bytes((0xA2, chip.model.dynamic_lock)) + b"\xff" * 4) == ACK
    assert chip.pages[chip.model.dynamic_lock] == bytes.fromhex(all_bits)


def test_block_lock_bits_without_page_bits_freeze_the_pages_writable() -> None:
    chip = active()
    assert send(chip, "A2 28 00003F00") == ACK
    assert send(chip, "A2 28 FF0F0000") == ACK
    assert chip.pages[0x28] == bytes.fromhex("00003FBD")


def protected(access: str) -> Type2Chip:
    """PWD, PACK, CFG1, then CFG0 with AUTH0 = 8."""
    chip = active()
    for frame in ("A2 2B 11223344", "A2 2C AABB0000", f"A2 2A {access}050000", "A2 29 04000008"):
        assert send(chip, frame) == ACK
    return reselected(chip)


def test_a_password_guards_writing_from_auth0_on() -> None:
    chip = protected("00")
    assert send(chip, "A2 07 01020304") == ACK
    assert send(chip, "3008") == bytes(16)
    assert send(chip, "A2 08 01020304") == NAK
    assert send(reselected(chip), "1B 11223344") == bytes.fromhex("AABB")
    assert send(chip, "A2 08 01020304") == ACK


def test_a_wrong_password_is_nak() -> None:
    assert send(protected("00"), "1B 11223345") == NAK


def test_prot_guards_reading_too_and_read_rolls_over_at_auth0() -> None:
    chip = protected("80")
    assert send(chip, "3006") == chip.pages[6] + chip.pages[7] + chip.pages[0] + chip.pages[1]
    assert send(chip, "3A0708") == NAK
    assert send(reselected(chip), "3008") == NAK
    send(reselected(chip), "1B 11223344")
    assert send(chip, "3A0708") == bytes(8)


def test_authlim_closes_the_chip_for_the_right_password_too() -> None:
    chip = protected("02")
    for _ in range(2):
        assert send(reselected(chip), "1B 00000000") == NAK
    assert send(reselected(chip), "1B 11223344") == Nibble(4)


def test_cfglck_freezes_the_configuration_from_the_next_power_up_on() -> None:
    chip = active()
    assert send(chip, "A2 2A 40050000") == ACK
    assert send(chip, "A2 29 04000010") == ACK
    assert send(reselected(chip), "A2 29 040000FF") == NAK


def test_compatibility_write_stores_the_first_four_of_sixteen_bytes() -> None:
    chip = active()
    assert send(chip, "A006") == ACK
    assert chip.exchange(b"abcd" + b"x" * 12) == ACK
    assert chip.pages[6:8] == [b"abcd", bytes(4)]


def test_the_counter_counts_one_read_a_power_up() -> None:
    chip = active()
    assert send(chip, "3902") == NAK
    assert send(reselected(chip), "A2 2A 10050000") == ACK
    for _ in range(2):
        send(reselected(chip), "3000")
        send(chip, "3000")
    assert send(chip, "3902") == bytes((2, 0, 0))


def test_the_originality_signature_is_what_was_given() -> None:
    assert send(active(), "3C00") == bytes(32)
    assert send(active(signature=bytes(range(32))), "3C00") == bytes(range(32))


def test_a_worn_cell_is_acknowledged() -> None:
    chip = active()
    chip.program = lambda _page, data: b"\xff" + data[1:]
    assert send(chip, "A2 04 01020304") == ACK
    assert chip.pages[4] == bytes.fromhex("FF020304")
