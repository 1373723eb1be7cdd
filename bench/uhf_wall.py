"""Wall time per frame of our driver and tag family, as a ratio to bare pyserial, for every simulated family.

Ours: sense, identify, write EPC and 84 bytes, select again, read back, on a tag that is written anew each time. The
peer is pyserial alone: the very bytes that ours sent in the same run, each written in one call, then a read of as many
bytes as were answered. Both go over the same pseudo-terminal to the same simulated module, one after the other, round
by round, so that both see the same machine; each opens the port for its round, and opening is not counted. Nothing is
waited for but answers: a simulated module needs no time to settle. The figure is the ratio of the medians, the
collector of cyclic garbage at rest on both sides. Prints JSON; exits 1 where the limit is not kept.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import serial
from uhf_speed import EPC, FAMILIES, STATEMENT

from dpptag.codec.gen2_content import Gen2Content
from dpptag.devices import open_uhf, parse_device_path
from dpptag.links import Gen2Reader
from dpptag.sim import start_uhf
from dpptag.sim.uhf.server import SimulatedModule
from dpptag.tags import apply, identify, plan_write, read_back

LIMIT: Final = 1.6
MESSAGE: Final = Gen2Content(EPC, STATEMENT).to_bytes()


@dataclass(frozen=True, slots=True)
class Exchange:
    request: bytes
    answer: int
    """Bytes."""


@contextmanager
def recorded(sim: SimulatedModule) -> Iterator[list[Exchange]]:
    exchanges: list[Exchange] = []
    heard = sim.module.feed

    def feed(data: bytes) -> list[bytes]:
        answers = heard(data)
        exchanges.append(Exchange(data, sum(map(len, answers))))
        return answers

    sim.module.feed = feed  # type: ignore[method-assign]
    try:
        yield exchanges
    finally:
        sim.module.feed = heard  # type: ignore[method-assign]


def our_job(reader: Gen2Reader) -> None:
    link = reader.sense()
    assert link is not None
    tag = identify(link)
    apply(link, plan_write(tag, MESSAGE, rewrite=True))
    assert read_back(link, tag, MESSAGE)


def replay(port: serial.Serial, exchanges: list[Exchange]) -> None:
    for exchange in exchanges:
        port.write(exchange.request)
        if len(port.read(exchange.answer)) != exchange.answer:
            raise SystemExit("the module did not answer the bare port as it answered the driver")


def microseconds(work: Callable[[], None]) -> float:
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1000


def measure(family: str, rounds: int) -> dict[str, Any]:
    path = parse_device_path(f"sim:uhf/{family}")
    ours: list[float] = []
    bare: list[float] = []
    with start_uhf(family, "tags=Higgs-9&seed=1") as sim:
        with open_uhf(path, node=sim.path) as reader:
            our_job(reader)  # the first finds a blank tag, and a module that was asked nothing yet
            with recorded(sim) as exchanges:
                our_job(reader)
        for _ in range(rounds):
            with open_uhf(path, node=sim.path) as reader:
                reader.inventory()
                ours.append(microseconds(lambda reader=reader: our_job(reader)))  # type: ignore[misc]
            with closing(serial.Serial(sim.path, sim.module.baud, timeout=2)) as port:
                bare.append(microseconds(lambda port=port: replay(port, exchanges)))  # type: ignore[misc]
    frames = len(exchanges)
    ratio = statistics.median(ours) / statistics.median(bare)
    return {
        "family": family,
        "frames": frames,
        "octets": sum(len(exchange.request) + exchange.answer for exchange in exchanges),
        "bare_us_a_frame": round(statistics.median(bare) / frames, 1),
        "ours_us_a_frame": round(statistics.median(ours) / frames, 1),
        "ratio": round(ratio, 3),
        "limit": LIMIT,
        "within_limit": ratio <= LIMIT,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    gc.collect()
    gc.disable()
    results = [measure(family, options.rounds) for family in FAMILIES]
    print(json.dumps({"bench": "uhf_wall", "rounds": options.rounds, "results": results}, indent=1))
    if not all(result["within_limit"] for result in results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
