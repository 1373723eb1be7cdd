"""No single-bit flip of a signed tag is ever genuine: every bit, through the ordinary read path.

tools/bit_flips.py says what is flipped, what is left out and why, and prints these tables (``pytest -s`` does, too).
"""

import pytest

from dpptag.model.statement import Level
from dpptag.model.verdict import Verdict
from dpptag.tags.tlv import build_area
from dpptag.tags.type2_memory import chip_by_name
from tools.bit_flips import UID, image_of, judge_image, render, sweep_nfc, sweep_uhf, trust_store
from tools.published_keys import PublishedKey

FORGED, UNREADABLE, UNSIGNED = Verdict.FORGED, Verdict.UNREADABLE, Verdict.UNSIGNED
UNKNOWN, GENUINE = Verdict.UNKNOWN_ISSUER, Verdict.GENUINE
CHIP_BYTES = 7 + 9  # another chip's number; the UID with its check bytes in memory

NTAG213 = [
    # level, digest; bytes of the message; forged, unreadable, unsigned, unknown-issuer
    (Level.MINIMAL, 0, 116, (700, 356, 2, 14)),
    (Level.MINIMAL, 16, 132, (828, 356, 2, 14)),
    (Level.COMPACT, 0, 129, (701, 453, 8, 14)),
]


@pytest.mark.parametrize(("level", "width", "message", "verdicts"), NTAG213)
def test_no_bit_of_a_signed_ntag213_can_be_flipped_unnoticed(
    level: Level, width: int, message: int, verdicts: tuple[int, ...]
) -> None:
    sweep = sweep_nfc("NTAG213", level, width)
    print(render(sweep))
    assert sweep.unflipped is GENUINE
    assert len(sweep.content) == message
    assert sweep.flips == 8 * (2 + message + CHIP_BYTES)
    assert sweep.verdicts() == dict(zip((FORGED, UNREADABLE, UNSIGNED, UNKNOWN), verdicts, strict=True))


def test_no_bit_of_a_compact_statement_on_ntag215_can_be_flipped_unnoticed() -> None:
    sweep = sweep_nfc("NTAG215", Level.COMPACT, 32)
    print(render(sweep))
    assert sweep.unflipped is GENUINE
    assert sweep.flips == 8 * (2 + 164 + CHIP_BYTES)
    assert sweep.verdicts() == {FORGED: 957, UNREADABLE: 477, UNSIGNED: 8, UNKNOWN: 14}


def test_no_bit_of_a_full_statement_on_ntag215_can_be_flipped_unnoticed() -> None:
    """Not even the case of a letter in ``application/cose``: the record type is not signed and compared exactly."""
    sweep = sweep_nfc("NTAG215", Level.FULL, 32)
    print(render(sweep))
    assert sweep.unflipped is GENUINE
    assert sweep.flips == 8 * (4 + 267 + CHIP_BYTES)
    assert sweep.verdicts() == {FORGED: 1414, UNREADABLE: 672, UNSIGNED: 137, UNKNOWN: 73}


@pytest.mark.parametrize(
    ("level", "width", "bank", "verdicts"),
    [
        (Level.BARE, 0, 64, {FORGED: 658, UNSIGNED: 34, UNKNOWN: 12}),
        (Level.MINIMAL, 0, 68, {FORGED: 674, UNREADABLE: 3, UNSIGNED: 10, UNKNOWN: 49}),
        (Level.MINIMAL, 16, 84, {FORGED: 802, UNREADABLE: 3, UNSIGNED: 10, UNKNOWN: 49}),
    ],
)
def test_no_bit_of_epc_user_bank_and_tid_can_be_flipped_unnoticed(
    level: Level, width: int, bank: int, verdicts: dict[Verdict, int]
) -> None:
    sweep = sweep_uhf(level, width)
    print(render(sweep))
    assert sweep.unflipped is GENUINE
    assert len(sweep.content) == bank
    assert sweep.flips == 8 * (12 + bank + 12)
    assert sweep.verdicts() == verdicts


def test_what_stands_behind_the_message_is_not_read() -> None:
    """Why terminator and padding are left out of the sweep: whatever they hold, the message is the same."""
    chip = chip_by_name("NTAG213")
    assert chip is not None
    trust = trust_store(PublishedKey("issuer"))
    message = sweep_nfc("NTAG213", Level.MINIMAL, 0).content
    area = build_area(message, chip.area_bytes)
    end = 2 + len(message)
    assert area[end] == 0xFE
    for filler in (b"\0", b"\xfe", b"\xff", b"\x03"):
        behind = area[:end] + filler * (len(area) - end)
        assert judge_image(chip, UID, image_of(chip, UID, behind), trust) is GENUINE
