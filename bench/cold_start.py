"""Cold start of ``dpptag verify --ndef``, as a ratio to a bare interpreter importing click and cryptography's ECDSA.

Both are whole processes of the same interpreter, run in turn; the figure is the ratio of the medians. Prints JSON,
and which heavy modules the command loaded (there should be none).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AIM, BOUND = 1.3, 1.5
URI = "https://id.example.com/01/09520123456788/21/12345"
CHIP = "04a1b2c3d4e5f6"
PEER = "import click; from cryptography.hazmat.primitives.asymmetric import ec; from cryptography.hazmat.primitives import hashes"
HEAVY = (
    "pydantic",
    "sqlite3",
    "nfc",
    "serial",
    "usb1",
    "dpptag.devices",
    "dpptag.sim",
    "dpptag.ledger",
    "dpptag.events",
)


def run(arguments: list[str], **kwargs: object) -> float:
    start = time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)  # type: ignore[call-overload]
    return time.perf_counter() - start


def prepare(dpptag: str, folder: Path) -> list[str]:
    def call(*arguments: str) -> None:
        subprocess.run([dpptag, *arguments], check=True, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)

    call("trust", "init", "--out", "trust")
    call("keys", "new", "--out", "issuer.key", "--unsafe-plain")
    call(
        "trust",
        "add-issuer",
        "--dir",
        "trust",
        "--name",
        "Ours",
        "--scope",
        "gcp:9520123",
        "--key",
        "issuer.pub",
        "--slot",
        "1",
    )
    call("trust", "sign", "--dir", "trust", "--expires", "2099-01-01")
    call(
        "sign",
        "--uri",
        URI,
        "--chip",
        CHIP,
        "--digest",
        "0",
        "--level",
        "minimal",
        "--key",
        "issuer.key",
        "--slot",
        "1",
        "--out",
        "tag.ndef",
    )
    return [
        "verify",
        "--ndef",
        "tag.ndef",
        "--chip",
        CHIP,
        "--trust",
        "trust/issuers.cose",
        "--root",
        "trust/root.pub",
        "--json",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    dpptag = str(Path(sys.executable).parent / "dpptag")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DPPTAG_")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        verify = prepare(dpptag, folder)
        probe = "import sys; sys.argv = ['dpptag'] + %r\nimport atexit\natexit.register(lambda: print([m for m in %r if m in sys.modules], file=sys.stderr))\nfrom dpptag.cli import main; main()"
        listing = subprocess.run(
            [sys.executable, "-c", probe % (verify, HEAVY)], cwd=folder, capture_output=True, text=True, check=True
        )
        peer, ours = [], []
        for _ in range(options.rounds):
            peer.append(run([sys.executable, "-c", PEER], cwd=folder, env=environment))
            ours.append(run([dpptag, *verify], cwd=folder, env=environment))
    ratio = statistics.median(ours) / statistics.median(peer)
    print(
        json.dumps(
            {
                "bench": "cold_start",
                "rounds": options.rounds,
                "peer_ms": round(statistics.median(peer) * 1000, 1),
                "dpptag_verify_ms": round(statistics.median(ours) * 1000, 1),
                "ratio": round(ratio, 3),
                "aim": AIM,
                "bound": BOUND,
                "within_aim": ratio <= AIM,
                "within_bound": ratio < BOUND,
                "heavy_modules_loaded": listing.stderr.strip(),
            },
            indent=1,
        )
    )
    if ratio >= BOUND:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
