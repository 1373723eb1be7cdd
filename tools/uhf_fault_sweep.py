"""Inject every fault wherever it can strike in a UHF encode with passwords and lock, run again, print the table.

    python tools/uhf_fault_sweep.py [--only TEXT] [--every N] [--jobs N]

One tag with an 86-byte user bank, through the line's session and the real drivers on simulated modules of four
families. tests/line/uhf_fault_sweep.py says how a case goes, tests/line/uhf_sweep_rules.py what is checked at every
word that is written; the first case that breaks a rule ends the sweep with its name. CI takes a part of the same cases.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.line.uhf_fault_sweep import FAULTS, VARIANTS, Sweep  # noqa: E402
from tests.line.uhf_sweep_table import HEADER, Tally  # noqa: E402


def one_line(variant: int, fault: str, every: int) -> Tally:
    with Sweep(VARIANTS[variant]) as sweep:
        return sweep.tally(fault, every=every)


def main() -> None:
    parser = argparse.ArgumentParser(description="One fault at every host command of a UHF line job.")
    parser.add_argument("--only", default="", help="variants whose name has this in it, such as m100")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one place in N")
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="so many lines of the table at once")
    chosen = parser.parse_args()
    started = time.monotonic()
    sys.stdout.write(HEADER + "\n")
    by_fault = {fault: Tally() for fault in FAULTS}
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.jobs, mp_context=spawned) as pool:
        asked = [
            (variant, fault, pool.submit(one_line, number, fault, chosen.every))
            for number, variant in enumerate(VARIANTS)
            if chosen.only in variant.name
            for fault in FAULTS
        ]
        for variant, fault, one in asked:
            tally = one.result()
            sys.stdout.write(tally.row(variant.name, fault) + "\n")
            sys.stdout.flush()
            tally.commands = 0
            by_fault[fault] += tally
    for fault, tally in by_fault.items():
        sys.stdout.write(tally.row("all together", fault) + "\n")
    sys.stdout.write(sum(by_fault.values(), Tally()).row("all together", "") + "\n")
    sys.stdout.write(f"{time.monotonic() - started:.0f} seconds\n")


if __name__ == "__main__":
    main()
