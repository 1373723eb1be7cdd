"""Cold start of ``dpptag verify --ndef``, as a ratio to a bare interpreter importing click and cryptography's ECDSA.

Both are whole processes of the same interpreter, run in turn; the figure is the ratio of the medians. dpptag's byte
code is compiled before, as pip does when it installs a wheel. Prints JSON, with the heavy modules that the command
loaded: there should be none.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

AIM, BOUND = 1.3, 1.5
URI = "https://id.example.com/01/09520123456788/21/12345"
CHIP = "04a1b2c3d4e5f6"
PEER = (
    "import click\n"
    "from cryptography.hazmat.primitives import hashes\n"
    "from cryptography.hazmat.primitives.asymmetric import ec\n"
    "ec.ECDSA, hashes.SHA256\n"
)
PROBE = """
import atexit, sys
sys.argv = ["dpptag", *{arguments!r}]
atexit.register(lambda: print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr))
from dpptag.cli import main
main()
"""
HEAVY = (
    *("pydantic", "sqlite3", "nfc", "serial", "usb1"),
    *("dpptag.devices", "dpptag.sim", "dpptag.ledger", "dpptag.events", "dpptag.line", "dpptag.passport"),
)
SETUP = (
    "trust init --out trust",
    "keys new --out issuer.key --unsafe-plain",
    "trust add-issuer --dir trust --name Ours --scope gcp:9520123 --key issuer.pub --slot 1",
    "trust sign --dir trust --expires 2099-01-01",
    f"sign --uri {URI} --chip {CHIP} --digest 0 --level minimal --key issuer.key --slot 1 --out tag.ndef",
)
QUIET: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True}
VERIFY = f"verify --ndef tag.ndef --chip {CHIP} --trust trust/issuers.cose --root trust/root.pub".split()


def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> float:
    """Seconds that a whole process takes."""
    start = time.perf_counter()
    subprocess.run(
        arguments, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    import dpptag

    compileall.compile_dir(str(Path(dpptag.__file__).parent), quiet=2)
    dpptag_program = str(Path(sys.executable).parent / "dpptag")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DPPTAG_")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for line in SETUP:
            subprocess.run([dpptag_program, *line.split()], check=True, cwd=folder, **QUIET)
        probe = PROBE.format(arguments=VERIFY, heavy=HEAVY)
        listing = subprocess.run([sys.executable, "-c", probe], cwd=folder, capture_output=True, text=True, check=True)
        peer, ours = [], []
        for _ in range(options.rounds):
            peer.append(run([sys.executable, "-c", PEER], folder, environment))
            ours.append(run([dpptag_program, *VERIFY], folder, environment))
    ratio = statistics.median(ours) / statistics.median(peer)
    result = {
        "bench": "cold_start",
        "rounds": options.rounds,
        "peer_ms": {"median": round(statistics.median(peer) * 1000, 1), "min": round(min(peer) * 1000, 1)},
        "dpptag_verify_ms": {"median": round(statistics.median(ours) * 1000, 1), "min": round(min(ours) * 1000, 1)},
        "ratio": round(ratio, 3),
        "ratio_of_minima": round(min(ours) / min(peer), 3),
        "aim": AIM,
        "bound": BOUND,
        "within_aim": ratio <= AIM,
        "within_bound": ratio < BOUND,
        "heavy_modules_loaded": listing.stderr.strip(),
    }
    print(json.dumps(result, indent=1))
    if ratio >= BOUND:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
