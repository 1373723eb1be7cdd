"""The simulated Gen2 chip: memory, locks, passwords, kill (Gen2 6.3.2)."""

from collections.abc import Callable

import pytest

from dpptag.sim.uhf.air import Code, Selection, Silence, TagRefusal
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.tag import Area, Bank, Gen2Chip, crc16

TID = bytes.fromhex("E2801105 2000 112233445566")
EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
PASSWORD = 0x0000FFFF
OPEN, OPEN_FOREVER, LOCKED, LOCKED_FOREVER = 0b00, 0b01, 0b10, 0b11
WORD_OF = {Area.KILL: (0, 0), Area.ACCESS: (0, 3), Area.EPC: (1, 2), Area.USER: (3, 5)}


def chip(model: str = "Monza-4QT", password: int = 0) -> Gen2Chip:
    """In the open state where it has a password, else secured."""
    kind = MODELS[model]
    made = Gen2Chip(kind, kind.fixed_tid + TID[6:].rjust(kind.serial_bytes, b"\0"), EPC)
    if password:
        made.reserved[4:] = password.to_bytes(4, "big")
    made.singulate()
    return made


def refusal(act: Callable[[], object]) -> Code | None:
    try:
        act()
    except TagRefusal as refused:
        return refused.code
    return None


@pytest.mark.parametrize("area", WORD_OF)
@pytest.mark.parametrize(
    ("action", "in_open", "in_secured"),
    [(OPEN, True, True), (OPEN_FOREVER, True, True), (LOCKED, False, True), (LOCKED_FOREVER, False, False)],
)
@pytest.mark.parametrize("is_secured", [False, True])
def test_each_row_of_the_lock_table(area: Area, action: int, in_open: bool, in_secured: bool, is_secured: bool) -> None:
    tag = chip(password=PASSWORD)
    assert tag.access(PASSWORD)
    tag.lock(0b11 << area, action << area)
    tag.singulate()
    assert tag.secured is False
    if is_secured:
        assert tag.access(PASSWORD)
    bank, word = WORD_OF[area]
    expected = None if (in_secured if is_secured else in_open) else Code.LOCKED
    assert refusal(lambda: tag.write(bank, word, 0xA55A)) is expected
    assert (tag.memory(bank)[2 * word : 2 * word + 2] == b"\xa5\x5a") is (expected is None)
    can_read = refusal(lambda: tag.read(bank, word, 1)) is None
    assert can_read is (expected is None or bank != Bank.RESERVED)


def test_a_zero_access_password_makes_a_reversible_lock_worthless() -> None:
    tag = chip(password=0)
    tag.lock(0b11 << Area.USER, LOCKED << Area.USER)
    tag.singulate()
    tag.write(Bank.USER, 0, 0x1234)
    assert tag.user[:2] == b"\x12\x34"


def test_only_the_bits_of_the_mask_change() -> None:
    tag = chip()
    tag.lock(0b11 << Area.USER, LOCKED << Area.USER)
    tag.lock(0b01 << Area.USER, LOCKED_FOREVER << Area.USER | LOCKED_FOREVER << Area.EPC)
    assert tag.lock_bits(Area.USER) == LOCKED_FOREVER
    assert tag.lock_bits(Area.EPC) == OPEN


def test_a_lock_against_a_permalocked_area_is_refused_as_a_whole() -> None:
    tag = chip()
    tag.lock(0b11 << Area.EPC, OPEN_FOREVER << Area.EPC)
    mask = 0b11 << Area.EPC | 0b11 << Area.USER
    assert refusal(lambda: tag.lock(mask, LOCKED << Area.EPC | LOCKED << Area.USER)) is Code.LOCKED
    assert tag.lock_bits(Area.USER) == OPEN
    tag.lock(mask, OPEN_FOREVER << Area.EPC | LOCKED << Area.USER)
    assert tag.lock_bits(Area.USER) == LOCKED


def test_a_lock_outside_the_secured_state_is_not_answered() -> None:
    tag = chip(password=PASSWORD)
    with pytest.raises(Silence):
        tag.lock(0b11 << Area.USER, LOCKED << Area.USER)
    assert tag.lock_bits(Area.USER) == OPEN


def test_power_ends_the_secured_state_and_a_wrong_password_does_not_begin_it() -> None:
    tag = chip(password=PASSWORD)
    assert not tag.access(PASSWORD + 1)
    assert tag.access(PASSWORD)
    tag.power(False)
    assert not tag.secured


@pytest.mark.parametrize("bank", [Bank.TID, Bank.EPC])
def test_the_tid_and_the_stored_crc_are_never_written(bank: Bank) -> None:
    tag = chip()
    before = tag.memory(bank)
    assert refusal(lambda: tag.write(bank, 0, 0)) is Code.LOCKED
    assert tag.memory(bank) == before


def test_the_stored_crc_of_the_printed_example() -> None:
    """M100 protocol text: PC 3400, this EPC, CRC 3A76; the 4 in PC is the indicator of user memory."""
    tag = chip()
    assert tag.stored_pc == 0x3000
    tag.write(Bank.USER, 0, 0x1234)
    assert tag.stored_pc == 0x3400
    assert tag.read(Bank.EPC, 0, 2) == bytes.fromhex("3A763400")
    assert crc16(bytes.fromhex("3400") + EPC) == 0x3A76


def test_stored_pc_counts_what_a_reply_carries() -> None:
    tag = chip()
    tag.write(Bank.EPC, 1, 0x4000)
    assert tag.epc == EPC + bytes(4)
    tag.write(Bank.EPC, 1, 0x0800)
    assert tag.epc == EPC[:2]
    assert tag.read(Bank.EPC, 2, 0) == EPC[:2]
    assert refusal(lambda: tag.write(Bank.EPC, 1, 9 << 11)) is Code.OVERRUN  # 128 bits are 8 words


@pytest.mark.parametrize(
    ("model", "word", "indicator"),
    [("Monza-4QT", 0x0001, 1), ("UCODE-DNA", 0x0001, 0), ("UCODE-DNA", 0x0100, 1), ("Higgs-9", 0xFFFF, 0)],
)
def test_the_user_memory_indicator_of_chips_that_compute_it(model: str, word: int, indicator: int) -> None:
    tag = chip(model)
    tag.write(Bank.USER, 0, word)
    assert tag.stored_pc >> 10 & 1 == indicator


def test_a_packet_pc_is_not_the_stored_pc_on_chips_with_xpc() -> None:
    tag = chip("UCODE-DNA")
    tag.write(Bank.EPC, 1, 0x30A5)
    assert tag.stored_pc == 0x30A5
    assert tag.packet_pc == 0x3004  # the low byte of XPC_W1: killable


def test_kill_needs_a_password_that_is_not_zero() -> None:
    tag = chip()
    assert refusal(lambda: tag.kill(0)) is Code.OTHER
    tag.write(Bank.RESERVED, 1, 0x0007)
    with pytest.raises(Silence):
        tag.kill(8)
    assert not tag.killed
    tag.kill(7)
    assert tag.killed


@pytest.mark.parametrize(("bank", "word", "count"), [(3, 31, 2), (3, 32, 1), (0, 4, 1), (2, 6, 1), (1, 10, 1)])
def test_reads_and_writes_beyond_a_bank_are_refused(bank: int, word: int, count: int) -> None:
    tag = chip()
    assert refusal(lambda: tag.read(bank, word, count)) is Code.OVERRUN
    assert refusal(lambda: tag.write(bank, word + count - 1, 0)) is Code.OVERRUN


def test_a_chip_without_user_memory_has_no_user_bank() -> None:
    tag = chip("Monza-R6")
    assert refusal(lambda: tag.read(Bank.USER, 0, 0)) is Code.OVERRUN
    assert refusal(lambda: tag.lock(0b11 << Area.USER, LOCKED << Area.USER)) is Code.OVERRUN


def test_a_chip_without_passwords_has_no_reserved_bank() -> None:
    tag = chip("Monza-R6")
    assert tag.secured
    assert refusal(lambda: tag.read(Bank.RESERVED, 0, 1)) is Code.OVERRUN
    assert refusal(lambda: tag.lock(0b11 << Area.ACCESS, LOCKED << Area.ACCESS)) is Code.OVERRUN
    assert refusal(lambda: tag.kill(0)) is Code.OTHER
    tag.lock(0b11 << Area.EPC, LOCKED_FOREVER << Area.EPC)
    assert refusal(lambda: tag.write(Bank.EPC, 2, 0)) is Code.LOCKED


def test_a_block_write_is_done_whole_or_not_at_all() -> None:
    tag = chip(password=PASSWORD)
    assert tag.access(PASSWORD)
    tag.lock(0b11 << Area.ACCESS, LOCKED << Area.ACCESS)
    tag.singulate()
    assert refusal(lambda: tag.block_write(Bank.RESERVED, 1, b"\1\2\3\4")) is Code.LOCKED
    assert refusal(lambda: tag.block_write(Bank.USER, 0, bytes(6))) is Code.OTHER
    assert tag.reserved == bytes.fromhex("000000000000FFFF")
    tag.block_write(Bank.USER, 30, b"\1\2\3\4")
    assert tag.user[60:] == b"\1\2\3\4"
    with pytest.raises(Silence):
        chip("UCODE-8").block_write(Bank.EPC, 2, b"\1\2")


def test_a_permalocked_block_stays_and_its_neighbours_stay_free() -> None:
    """Monza 4QT: four blocks of 128 bits."""
    tag = chip()
    tag.block_permalock(Bank.USER, 0, 0x4000)
    tag.block_permalock(Bank.USER, 0, 0x0000)
    assert tag.block_permalock_state(Bank.USER, 0, 1) == 0x4000
    assert refusal(lambda: tag.write(Bank.USER, 8, 1)) is Code.LOCKED
    assert refusal(lambda: tag.write(Bank.USER, 15, 1)) is Code.LOCKED
    assert refusal(lambda: tag.write(Bank.USER, 7, 1)) is None
    assert refusal(lambda: tag.write(Bank.USER, 16, 1)) is None
    assert refusal(lambda: tag.block_permalock(Bank.USER, 0, 0x0800)) is Code.OVERRUN


@pytest.mark.parametrize(
    ("selection", "hit"),
    [
        (None, True),
        (Selection(Bank.TID, 0, 96, TID), True),
        (Selection(Bank.TID, 0, 96, TID, inverted=True), False),
        (Selection(Bank.TID, 4, 8, b"\x28"), True),
        (Selection(Bank.TID, 95, 1, b"\x00"), True),
        (Selection(Bank.TID, 95, 2, b"\x00"), False),
        (Selection(Bank.EPC, 0x20, 96, EPC), True),
        (Selection(Bank.EPC, 0x20, 96, EPC[:-1] + b"\0"), False),
        (Selection(Bank.EPC, 0x10, 5, b"\x30"), True),
        (Selection(Bank.USER, 0, 0, b""), True),
        (Selection(Bank.RESERVED, 0, 0, b""), False),
    ],
)
def test_select(selection: Selection | None, hit: bool) -> None:
    assert chip().matches(selection) is hit


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_chip_that_keeps_what_it_says(name: str) -> None:
    model = MODELS[name]
    tag = Gen2Chip(model, model.fixed_tid + bytes(range(model.serial_bytes)) + model.tid_tail)
    assert len(tag.tid) >= 6
    assert tag.read(Bank.TID, 0, 0) == tag.tid
    assert len(tag.epc) == 12
    assert tag.epc == (tag.tid[:12] if model.copies_tid else bytes(12))
    assert len(tag.memory(Bank.EPC)) * 8 == model.epc_bits + 32
    assert len(tag.user) * 8 == model.user_bits


def test_a_restored_chip_is_the_chip_that_was_recorded() -> None:
    tag = chip(password=PASSWORD)
    assert tag.access(PASSWORD)
    tag.write(Bank.USER, 3, 0xBEEF)
    tag.lock(0b11 << Area.USER, LOCKED_FOREVER << Area.USER)
    tag.block_permalock(Bank.USER, 0, 0x1000)
    again = chip()
    again.restore(tag.record())
    assert again.record() == tag.record()
    assert refusal(lambda: again.write(Bank.USER, 3, 0)) is Code.LOCKED
    with pytest.raises(ValueError, match="other lengths"):
        chip("Higgs-9").restore(tag.record())
