"""TIDs and XTIDs (TDS 2.3 section 16)."""

import pytest

from dpptag.errors import InputError
from dpptag.sim.uhf.models import MODELS
from dpptag.tags.gen2_chips import BY_NAME, CHIPS, chip_by_model, larger_than
from dpptag.tags.gen2_tid import Tid

HIGGS_9 = bytes.fromhex("E2803821 2000 0123456789AB")


def test_a_tid_gives_maker_model_and_serial() -> None:
    tid = Tid.parse(HIGGS_9)
    assert (tid.maker, tid.model, tid.serial) == (0x003, 0x821, bytes.fromhex("0123456789AB"))
    assert (tid.has_xtid, tid.is_secure, tid.has_files) == (True, False, False)
    assert tid.uri == "urn:epc:stid:x803.x821.x0123456789AB"
    assert tid.chip_number.octets == HIGGS_9


def test_the_flag_of_a_crypto_chip_is_no_part_of_its_maker() -> None:
    tid = Tid.parse(bytes.fromhex("E2C011A2 2000 000000000001"))
    assert (tid.maker, tid.model, tid.is_secure) == (0x001, 0x1A2, True)
    assert chip_by_model(tid.maker, tid.model) is BY_NAME["M775"]


@pytest.mark.parametrize(
    ("header", "serial_bytes"), [("2000", 6), ("4000", 8), ("6000", 10), ("E000", 18)], ids=["48", "64", "80", "144"]
)
def test_the_serial_is_as_long_as_the_xtid_header_says(header: str, serial_bytes: int) -> None:
    serial = bytes(range(1, serial_bytes + 1))
    tid = Tid.parse(bytes.fromhex("E2806D12" + header) + serial + b"\xff\xff")
    assert tid.serial == serial
    assert tid.chip_number.octets == tid.octets[: 6 + serial_bytes]


@pytest.mark.parametrize(
    "tid", ["E2003412 0123456789ABCDEF", "E2806D12 0000 0123456789AB", "E2806D12 2000 0123456789", "E2806D12"]
)
def test_a_tid_without_a_whole_serial_names_no_chip(tid: str) -> None:
    parsed = Tid.parse(bytes.fromhex(tid))
    assert parsed.serial is None
    assert parsed.uri is None
    with pytest.raises(InputError) as refused:
        _ = parsed.chip_number
    assert refused.value.code == "chip-tid-unserialised"
    assert "cannot be told from others" in refused.value.message


@pytest.mark.parametrize("tid", ["E0040150 12345678", "E280", "", "00000000"])
def test_what_is_no_gs1_tid_is_refused(tid: str) -> None:
    with pytest.raises(InputError):
        Tid.parse(bytes.fromhex(tid))


def test_segments_behind_the_serial_tell_the_size_of_the_user_bank() -> None:
    # bits 12, 11 and 10 of the header: optional commands, BlockWrite and BlockErase, user memory and BlockPermalock
    whole = bytes.fromhex("E2806D12 3C00 0123456789AB 0421 1122334455667788 0040 0004")
    tid = Tid.parse(whole)
    assert (tid.user_words, tid.permalock_block_words, tid.lock_bits) == (0x40, 4, None)
    assert Tid.parse(whole[:-2]).user_words is None, "not read to its end: it says nothing"
    assert Tid.parse(bytes.fromhex("E2806D12 2200 0123456789AB 0015")).lock_bits == 0x15


def test_every_simulated_product_is_told_by_its_tid_and_no_model_twice() -> None:
    for model in MODELS.values():
        if model.name in BY_NAME:
            tid = Tid.parse(model.tid_head)
            chip = chip_by_model(tid.maker, tid.model)
            assert chip is BY_NAME[model.name], model.name
            assert (chip.epc_bits, chip.user_bits) == (model.epc_bits, model.user_bits), model.name
    models = [(chip.maker, model) for chip in CHIPS for model in chip.models]
    assert len(models) == len(set(models))
    assert all(chip.source and " " not in chip.name for chip in CHIPS)


def test_larger_chips_are_named_smallest_first() -> None:
    assert larger_than(928)[:2] == ["UCODE-7xm", "UCODE-7xm-2k"]
    assert larger_than(9000) == []
