"""Every fault at host commands of a real UHF job that writes EPC, user bank and passwords, locks, and proves it.

What must hold is numbered in :mod:`tests.line.uhf_sweep_rules`, and is looked at before every word that is written.
``python tools/uhf_fault_sweep.py`` takes every place of all variants, some 6,700 cases. Here an M100 gets every fault
at one place in ``FEW``, and at every place those of ``WHOLE``, which wait for nothing; the other variants get every
fault at one place in ``FEWER``: about 450 cases.
"""

from __future__ import annotations

import pytest

from tests.line.uhf_fault_sweep import (
    AT_FRAMES,
    AT_TAGS,
    AT_WORDS,
    AT_WRITES,
    DIE,
    FAULTS,
    KILLS,
    VARIANTS,
    Sweep,
    Variant,
)
from tests.line.uhf_sweep_rules import Left
from tests.line.uhf_sweep_table import HEADER, Tally
from tests.line.uhf_sweep_tags import USER_BYTES, WORD

FEW = 6
FEWER = 20
WHOLE = ("refuse", "other-tag", "die")

pytestmark = pytest.mark.no_cover

GROUPS = {"frames": AT_FRAMES, "tags": (*AT_TAGS, *AT_WRITES), "cells": AT_WORDS, "kills": (*KILLS, DIE)}


def swept(variant: Variant, faults: tuple[str, ...], few: int, whole: tuple[str, ...] = ()) -> dict[str, Tally]:
    print(f"\n{HEADER}")
    tallies = {}
    with Sweep(variant) as sweep:
        for fault in faults:
            every = 1 if fault in whole else few
            tallies[fault] = tally = sweep.tally(fault, every=every)
            print(tally.row(variant.name, fault))
            assert tally.asked >= len(sweep.orders(fault)) // every
            if fault in (*AT_WORDS, *AT_WRITES):
                # A word of the statement may hold its value already, and a refused write ends before its last word.
                assert tally.fired >= tally.asked - max(2, tally.asked // 8)
            else:
                assert tally.fired == tally.asked
    return tallies


@pytest.mark.parametrize("group", GROUPS)
def test_no_fault_at_an_m100_makes_a_bad_tag_good_or_leaves_a_job_unfinished(group: str) -> None:
    tallies = swept(VARIANTS[0], GROUPS[group], FEW, WHOLE)
    left = sum((tally.left for tally in tallies.values()), start=Tally().left)
    assert left[Left.SPOILED] > 0 if group == "cells" else left[Left.SPOILED] == 0
    if group in ("tags", "kills"):
        assert left[Left.TORN] > 0, "no fault ended a run in the middle"
    assert sum(tally.later for tally in tallies.values()) <= 2, "a second run is enough, but on a machine too busy"


@pytest.mark.parametrize("variant", VARIANTS[1:], ids=lambda variant: variant.name)
def test_no_fault_at_any_family_makes_a_bad_tag_good_or_leaves_a_job_unfinished(variant: Variant) -> None:
    tallies = swept(variant, FAULTS, FEWER)
    total = sum(tallies.values(), Tally())
    assert total.secret_set > 0
    assert total.left[Left.AS_FOUND] > 0
    assert total.left[Left.TORN] > 0
    assert total.later <= 2


def test_every_word_of_the_statement_and_every_step_of_the_ledger_is_a_place_of_its_own() -> None:
    with Sweep(VARIANTS[0]) as sweep:
        assert len(sweep.orders("forget")) == USER_BYTES // WORD
        # Word 0 twice, 41 words, four of passwords, StoredPC and EPC; Lock and two refused writes; each once more.
        leaves = sweep.orders("leave")
        assert len(leaves) >= 2 + 41 + 4 + 1 + 6 + 3
        assert all(len(sweep.orders(fault)) == sweep.commands for fault in ("no-answer", "hold", "port-lost+1"))
        assert sweep.orders("die")[0] == "die@reserve-before"
        assert len(sweep.orders("die")) == 10
