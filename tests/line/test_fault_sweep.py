"""Every fault at every host command of a real job that writes, verifies, protects and locks; then the job again.

No wrong message, no lock without a verified message, no secret whose derivation is not in the ledger, no false success,
the other tag untouched, and the second run ends the job: :mod:`tests.line.fault_sweep` checks it after every case.
``python tools/fault_sweep.py`` takes all commands of all variants. Here one in ``PARTS`` is taken of the locks of
NTAG213 and NTAG 424 DNA (all of them for faults at the tag), one in ``FEW`` where passwords are set too, and one in
``FEW_PCSC`` of the APDUs of an ICODE SLIX2.
"""

from __future__ import annotations

import pytest

from tests.line.fault_sweep import AT_THE_TAG, FAULTS, HEADER, VARIANTS, Left, Swept, Tally

FEW = 9
FEW_PCSC = 45
PARTS = 3

pytestmark = pytest.mark.no_cover

LOCKS = [variant for variant in VARIANTS if variant.protection == "lock" and variant.chip.kind != "SLIX2"]
PASSWORDS = [variant for variant in VARIANTS if variant.protection != "lock"]
PCSC = [variant for variant in VARIANTS if variant.chip.kind == "SLIX2"]


def swept(variant: Swept, fault: str, part: int = 0, parts: int = 1, every: int = 1) -> Tally:
    with variant.sweep() as sweep:
        tally = sweep.tally(fault, part, parts, every)
    print(f"\n{HEADER}\n{tally.row(variant.name, fault)}")
    assert tally.done_at_once + tally.finished + tally.later == tally.left.total()
    assert tally.later <= tally.left.total() // 8, "a second run is enough, but on a machine too busy for the driver"
    return tally


# A fault at the tag is taken whole: the first commands, which open the reader, reach no tag, and the bound is of all.
LOCK_CASES = [
    (fault, part, parts)
    for fault in FAULTS
    for parts in (1 if fault in AT_THE_TAG else PARTS,)
    for part in (parts - 1,)
]


@pytest.mark.parametrize(("fault", "part", "parts"), LOCK_CASES)
@pytest.mark.parametrize("variant", LOCKS, ids=lambda variant: variant.name)
def test_no_fault_leaves_a_tag_locked_half_way_or_a_job_unfinished(
    variant: Swept, fault: str, part: int, parts: int
) -> None:
    tally = swept(variant, fault, part, parts)
    share = -(-tally.commands // parts)
    assert tally.asked == min(share, tally.commands - part * share), "not every host command was hit"
    if fault in AT_THE_TAG:
        # Commands of the reader alone reach no tag, and an acknowledgement has no byte to lose.
        assert tally.fired * (16 if fault == "trim" else 2) > tally.asked
    else:
        assert tally.fired == tally.asked
    assert tally.left[Left.COMPLETE] > 0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("variant", PASSWORDS, ids=lambda variant: variant.name)
def test_no_fault_sets_a_secret_that_the_ledger_cannot_derive(variant: Swept, fault: str) -> None:
    tally = swept(variant, fault, every=FEW)
    assert tally.fired > tally.asked // 2
    assert tally.secret_set > 0


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("variant", PCSC, ids=lambda variant: variant.name)
def test_no_fault_breaks_a_type_5_job_through_pcsc(variant: Swept, fault: str) -> None:
    tally = swept(variant, fault, every=FEW_PCSC)
    assert tally.asked >= tally.commands // FEW_PCSC
    assert tally.fired > tally.asked // 2
    assert tally.left[Left.COMPLETE] > 0
