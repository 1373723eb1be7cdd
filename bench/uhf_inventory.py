"""A thousand tags in one field: each reported once, each with its verdict; and what judging one costs.

``scan``: tags with EPCs and signed statements of their own lie in the field of a simulated module (``mode=field``) all
at once; in a part of the rounds two of them collide and are not heard. The scan goes on for some rounds after the last
tag was reported, in which it must say nothing more. ``wall_ms_a_tag`` is the whole way: rounds, frames, simulator.

``verification``: CPU time of a tag's verdict from the bytes of its banks (``judge_uhf``), as a ratio to one bare ES256
verify by ``cryptography`` with the key object ready and the signature in DER; both over the same tags, fifty in turn.
Of every fifty the fastest of the rounds counts on either side, so that what else the machine does is left out;
``ratio_of_medians`` leaves it in. ``with_frames_cpu_us`` is what this process spends on a tag when driver and frames
are counted too, the simulator in its thread included.

Prints JSON; exits 1 where a limit is not kept.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from dpptag.codec.cose import sig_structure
from dpptag.codec.layout import build_user_bank
from dpptag.crypto import PrivateKey
from dpptag.devices import open_uhf, parse_device_path
from dpptag.field.scan_uhf import UhfScan
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import SECONDS_A_DAY, Level
from dpptag.model.verdict import Report, Verdict
from dpptag.sim import start_uhf
from dpptag.sim.uhf.server import SimulatedModule
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey
from dpptag.trust.scopes import parse_scope
from dpptag.trust.signing import sign_statement
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import Findings, check_uhf, judge_uhf

T = TypeVar("T")

DAY: Final = 20_778
LIMIT: Final = 1.5
MOST_ROUNDS: Final = 60
ROUNDS_AFTER: Final = 3
IN_TURN: Final = 50
"""Tags verified by one side before the other has its turn."""
FIRST_EPC: Final = int.from_bytes(bytes.fromhex("3034d11e5ec9380000000001"), "big")
SCANS: Final = (
    ("m100", ""),
    ("m100", "&collisions=50&weak=20"),
    ("mercury", ""),
    ("mercury", "&collisions=50&weak=20"),
)


@dataclass(frozen=True, slots=True)
class SignedTag:
    epc: bytes
    user: bytes
    tid: bytes


def trust_with(key: PrivateKey) -> TrustStore:
    ours = Issuer("Ours", (parse_scope("gcp:3426199"),), (IssuerKey(1, key.public_key),))
    return TrustStore(Bundle(DAY, DAY + 90, (ours,)))


def signed_tags(key: PrivateKey, tids: Sequence[bytes]) -> list[SignedTag]:
    """Serial after serial, minimal with a 16-byte digest, as long as a Higgs-9's bank."""
    made = []
    for number, tid in enumerate(tids):
        epc = (FIRST_EPC + number).to_bytes(12, "big")
        statement = sign_statement(
            key,
            1,
            epc,
            ChipNumber.from_tid(tid),
            level=Level.MINIMAL,
            digest=bytes(31) + b"\x01",
            digest_width=16,
            issued_at=DAY * SECONDS_A_DAY,
        )
        made.append(SignedTag(epc, build_user_bank(statement).ljust(86, b"\0"), tid))
    return made


def fill(sim: SimulatedModule, key: PrivateKey) -> list[SignedTag]:
    """Put signed content straight into the simulated chips."""
    made = signed_tags(key, [chip.tid for chip in sim.field.tags])
    for chip, tag in zip(sim.field.tags, made, strict=True):
        chip.epc_memory[2 : 2 + len(tag.epc)] = tag.epc
        chip.user[:] = tag.user
    return made


def scan(family: str, conditions: str, count: int) -> dict[str, Any]:
    key = PrivateKey.generate()
    path = parse_device_path(f"sim:uhf/{family}")
    with start_uhf(family, f"tags=Higgs-9*{count}&mode=field&seed=1{conditions}") as sim:
        tags = fill(sim, key)
        with open_uhf(path, node=sim.path) as reader:
            scanning = UhfScan(reader, trust_with(key), lambda: DAY)
            before, wall, cpu = sim.host_commands, time.perf_counter(), time.process_time()
            reports: list[Report] = []
            while len(reports) < count and scanning.rounds < MOST_ROUNDS:
                reports += scanning.round()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            frames, rounds = sim.host_commands - before, scanning.rounds
            for _ in range(ROUNDS_AFTER):
                reports += scanning.round()
        chips = Counter(report.chip for report in reports)
    return {
        "family": family,
        "conditions": conditions.lstrip("&"),
        "tags": count,
        "reports": len(reports),
        "every_tag_once": chips == Counter(tag.tid.hex() for tag in tags),
        "verdicts": dict(Counter(report.verdict.value for report in reports)),
        "rounds": rounds,
        "frames": frames,
        "frames_a_tag": round(frames / count, 2),
        "wall_ms_a_tag": round(wall / count * 1000, 2),
        "with_frames_cpu_us": round(cpu / count * 1_000_000, 1),
    }


def cpu_us(work: Callable[[T], object], items: Sequence[T]) -> float:
    start = time.process_time_ns()
    for item in items:
        work(item)
    return (time.process_time_ns() - start) / len(items) / 1000


def verification(count: int, rounds: int) -> dict[str, Any]:
    """The collector is at rest: it would visit what this process holds beside the tags."""
    key = PrivateKey.generate()
    trust = trust_with(key)
    tids = [bytes.fromhex("e28038212000") + number.to_bytes(6, "big") for number in range(1, count + 1)]
    tags = signed_tags(key, tids)
    bare_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + key.public_key.point)
    algorithm = ec.ECDSA(SHA256())
    signed: list[tuple[bytes, bytes]] = []
    for tag in tags:
        found = Findings()
        check_uhf(tag.epc, tag.user, tag.tid, trust, DAY, found)
        assert found.statement is not None
        r, s = (int.from_bytes(found.statement.signature[at : at + 32], "big") for at in (0, 32))
        content = sig_structure(found.statement.protected, found.external_aad(), found.statement.payload)
        signed.append((utils.encode_dss_signature(r, s), content))
    ours: list[list[float]] = []
    bare: list[list[float]] = []
    gc.collect()
    gc.disable()
    try:
        for at in range(0, count, IN_TURN):
            some = slice(at, at + IN_TURN)
            ours.append([])
            bare.append([])
            for _ in range(rounds):
                bare[-1].append(cpu_us(lambda one: bare_key.verify(one[0], one[1], algorithm), signed[some]))
                ours[-1].append(cpu_us(lambda tag: judge_uhf(tag.epc, tag.user, tag.tid, trust, DAY), tags[some]))
    finally:
        gc.enable()
    ours_us, bare_us = (statistics.fmean(map(min, turns)) for turns in (ours, bare))
    ratio = ours_us / bare_us
    medians = [statistics.median(time for turn in turns for time in turn) for turns in (ours, bare)]
    return {
        "tags": count,
        "rounds": rounds,
        "bare_verify_cpu_us": round(bare_us, 1),
        "judge_uhf_cpu_us": round(ours_us, 1),
        "ratio": round(ratio, 3),
        "ratio_of_medians": round(medians[0] / medians[1], 3),
        "limit": LIMIT,
        "within_limit": ratio <= LIMIT,
    }


def is_whole(row: dict[str, Any]) -> bool:
    return bool(row["every_tag_once"]) and row["verdicts"] == {Verdict.GENUINE.value: row["tags"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=30, help="of the verification; 0 leaves it out")
    options = parser.parse_args()
    scans = [scan(family, conditions, options.tags) for family, conditions in SCANS]
    kept = {"every_tag_once_and_genuine": all(map(is_whole, scans))}
    report: dict[str, Any] = {"bench": "uhf_inventory", "within_limits": kept, "scan": scans}
    if options.rounds:
        report["verification"] = verified = verification(options.tags, options.rounds)
        kept["verification_cpu"] = verified["within_limit"]
    print(json.dumps(report, indent=1))
    if not all(kept.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
