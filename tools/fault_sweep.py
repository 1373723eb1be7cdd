"""Inject every fault at every host command of write, verify, protect and lock, run the job again, print the table.

    python tools/fault_sweep.py [--only TEXT] [--every N] [--jobs N]

NTAG213 and NTAG 424 DNA through nfcpy on a simulated PN532, ICODE SLIX2 through pyscard on pcscd with vpcd (needs the
Debian packages pcscd and vsmartcard-vpcd). tests/line/fault_sweep.py says what is checked after each case; the first
case that breaks a rule ends the sweep with its name. CI takes the same cases, for SLIX2 and passwords a part of them.
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

from tests.line.fault_sweep import FAULTS, HEADER, VARIANTS, Tally  # noqa: E402

_PARTS: Final = {"SLIX2": 4}


def one_part(variant: int, fault: str, part: int, parts: int, every: int) -> Tally:
    with VARIANTS[variant].sweep() as sweep:
        return sweep.tally(fault, part, parts, every)


def main() -> None:
    parser = argparse.ArgumentParser(description="One fault at every host command of a line job.")
    parser.add_argument("--only", default="", help="variants whose name has this in it, such as NTAG213")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one host command in N")
    parser.add_argument("--jobs", type=int, default=8, metavar="N", help="so many cases at once; most of them wait")
    chosen = parser.parse_args()
    started = time.monotonic()
    together = Tally()
    sys.stdout.write(HEADER + "\n")
    # Every worker has a PC/SC service of its own, which a forked one would share.
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.jobs, mp_context=spawned) as pool:
        tasks = []
        for number, variant in enumerate(VARIANTS):
            if chosen.only in variant.name:
                parts = _PARTS.get(variant.chip.kind, 2)
                for fault in FAULTS:
                    asked = [pool.submit(one_part, number, fault, part, parts, chosen.every) for part in range(parts)]
                    tasks.append((variant, fault, asked))
        for variant, fault, asked in tasks:
            tally = sum((one.result() for one in asked), Tally())
            together += tally
            sys.stdout.write(tally.row(variant.name, fault) + "\n")
            sys.stdout.flush()
    together.commands = 0
    sys.stdout.write(together.row("together", "") + "\n")
    sys.stdout.write(f"{time.monotonic() - started:.0f} seconds\n")


if __name__ == "__main__":
    main()
