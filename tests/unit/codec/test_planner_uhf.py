"""Which statement fits which Gen2 chip, and what would help where none does."""

import pytest

from dpptag.codec.planner import UHF_BANKS, UhfCapacity, Wish, plan
from dpptag.errors import PlanError
from dpptag.model.statement import Level
from dpptag.tags import GEN2_CHIPS

EPC = bytes.fromhex("3034d11e5ec9380000003039")
LINK = "https://id.gs1.org/01/09520123456788/21/12345"


def capacity(chip: str) -> UhfCapacity:
    return UhfCapacity(GEN2_CHIPS[chip].user_bits // 8, GEN2_CHIPS[chip].epc_bits // 8)


def wish(width: int, lowest: Level = Level.MINIMAL) -> Wish:
    return Wish(EPC, LINK, width, lowest)


@pytest.mark.parametrize(
    ("chip", "width", "lowest", "level", "digest", "stored", "spare"),
    [
        ("Higgs-9", 16, Level.MINIMAL, Level.MINIMAL, 16, 84, 2),  # 688 bits
        ("Higgs-9", 0, Level.MINIMAL, Level.COMPACT, 0, 82, 4),  # signed without a digest, a COSE_Sign1 fits as it is
        ("UCODE-7xm", 32, Level.MINIMAL, Level.COMPACT, 32, 116, 12),  # 1024 bits
        ("Monza-4QT", 0, Level.BARE, Level.BARE, 0, 64, 0),  # exactly 512 bits
        ("Higgs-3", 0, Level.BARE, Level.BARE, 0, 64, 0),
        ("UCODE-7xm-plus", 0, Level.MINIMAL, Level.FULL, 32, None, None),  # 2048 bits
    ],
)
def test_the_richest_statement_that_the_user_bank_holds(
    chip: str, width: int, lowest: Level, level: Level, digest: int, stored: int | None, spare: int | None
) -> None:
    found = plan(wish(width, lowest), capacity(chip))
    assert (found.level, found.digest_width) == (level, digest)
    if stored is not None:
        assert (found.stored, found.spare) == (stored, spare)


@pytest.mark.parametrize(
    ("chip", "width", "lowest", "missing", "remedy"),
    [
        ("Higgs-9", 32, Level.MINIMAL, 30, "at least 928 bits of user memory (UCODE-7xm or up)"),
        ("Monza-4QT", 16, Level.MINIMAL, 20, "at least 672 bits of user memory (Higgs-9 or up)"),
        ("Monza-4QT", 0, Level.MINIMAL, 4, "allow level bare"),
        ("UCODE-9", 16, Level.MINIMAL, 84, "Higgs-9 or up"),
    ],
)
def test_what_does_not_fit_names_the_bytes_missing_and_a_larger_chip(
    chip: str, width: int, lowest: Level, missing: int, remedy: str
) -> None:
    with pytest.raises(PlanError) as failed:
        plan(wish(width, lowest), capacity(chip))
    assert failed.value.facts["missing"] == missing
    assert remedy in (failed.value.action or "")


def test_an_epc_longer_than_the_bank_is_refused_before_any_tag() -> None:
    long = Wish(bytes.fromhex("fd") + bytes(27), LINK, 0)
    with pytest.raises(PlanError, match="12 are missing") as failed:
        plan(long, UhfCapacity(64, 16))
    assert failed.value.code == "epc-too-large"
    assert "host name" in (failed.value.action or "")
    assert plan(long, capacity("UCODE-7xm")).level is Level.COMPACT


def test_the_chips_named_as_remedies_are_chips_that_can_be_written() -> None:
    for name, size in UHF_BANKS.items():
        assert GEN2_CHIPS[name].user_bits == size * 8
