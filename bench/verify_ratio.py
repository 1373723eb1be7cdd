"""Whole-tag strict verification from NDEF bytes, as a ratio to a bare ES256 verify in the same run.

The peer is ``cryptography``: one ECDSA P-256 verify with the key object ready and the signature in DER. Ours starts at
the NDEF message and the chip number, with the trust data loaded: NDEF, URI, Digital Link, issuer, key, statement,
Sig_structure, signature. Rounds alternate between the two, so that both see the same machine; the figure is the ratio
of the medians. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from dpptag.codec.cose import sig_structure
from dpptag.crypto import PrivateKey
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import SECONDS_A_DAY, Level
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey
from dpptag.trust.scopes import parse_scope
from dpptag.trust.signing import carrier_content, sign_statement
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import Findings, check_nfc

URI = "https://id.example-company.com/01/09520123456788/10/6789/21/12345"
CHIP = ChipNumber.from_hex("04a1b2c3d4e5f6")
DAY = 20778
LEVELS = (
    (Level.MINIMAL, 0),
    (Level.MINIMAL, 16),
    (Level.COMPACT, 0),
    (Level.COMPACT, 16),
    (Level.COMPACT, 32),
    (Level.FULL, 32),
)
AIM, BOUND = 1.25, 1.5


def trust_with(key: PrivateKey, issuers: int) -> TrustStore:
    """A store of many issuers, ours among them."""
    ours = Issuer("Ours", (parse_scope("gcp:9520123"),), (IssuerKey(1, key.public_key),))
    others = tuple(
        Issuer(f"Issuer {n}", (parse_scope(f"gcp:{1000000 + n}"),), (IssuerKey(1, key.public_key),))
        for n in range(issuers)
    )
    return TrustStore(Bundle(DAY, DAY + 90, (ours, *others)))


def microseconds(work: Callable[[], None], calls: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(calls):
        work()
    return (time.perf_counter_ns() - start) / calls / 1000


def measure(level: Level, width: int, rounds: int, calls: int) -> dict[str, object]:
    key = PrivateKey.generate()
    trust = trust_with(key, 1000)
    statement = sign_statement(
        key, 1, URI, CHIP, level=level, digest=bytes(32), digest_width=width, issued_at=DAY * SECONDS_A_DAY
    )
    message = carrier_content(URI, statement)
    chip = CHIP.octets
    found = Findings()
    check_nfc(message, chip, trust, DAY, found)
    signed = sig_structure(statement.protected, found.external_aad(), statement.payload)
    r, s = (int.from_bytes(statement.signature[at : at + 32], "big") for at in (0, 32))
    der = utils.encode_dss_signature(r, s)
    point = b"\x04" + key.public_key.point
    peer_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    algorithm = ec.ECDSA(SHA256())
    peer, ours = [], []
    for _ in range(rounds):
        peer.append(microseconds(lambda: peer_key.verify(der, signed, algorithm), calls))
        ours.append(microseconds(lambda: check_nfc(message, chip, trust, DAY, Findings()), calls))
    ratio = statistics.median(ours) / statistics.median(peer)
    return {
        "level": level.value,
        "digest": width,
        "bare_verify_us": round(statistics.median(peer), 1),
        "whole_tag_us": round(statistics.median(ours), 1),
        "ratio": round(ratio, 3),
        "aim": AIM,
        "bound": BOUND,
        "within_aim": ratio <= AIM,
        "within_bound": ratio < BOUND,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    results = [measure(level, width, options.rounds, options.calls) for level, width in LEVELS]
    print(
        json.dumps(
            {"bench": "verify_ratio", "rounds": options.rounds, "calls": options.calls, "results": results}, indent=1
        )
    )
    if not all(result["within_bound"] for result in results if result["level"] in ("minimal", "compact")):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
