"""Many encodes in a row on one simulated PN532, opened once: does the last cost what the first did?

``soak``: sense, identify, sign for this chip, plan, write, read back, each with a serial and a statement of its own, on
tags as delivered. The tags are a roll of 100 whose memory is set back to the delivery state between two encodes, so
that a growing memory could not be that of the simulated chips. ``line``: a whole job by the line's own session, with
passports and a ledger on disk, on as many tags as it has rows; the tags that have passed are blanked before memory is
looked at. Its ledger's page cache grows the resident set by up to 2 MB, so there the blocks alone are judged.

Host commands are frames that the PN532 receives; the first encode begins when the reader was opened and has looked at a
tag once. Memory: the resident set, and the blocks that Python's allocator has given out, after a collection; both are
taken at the mark, after ``mark`` encodes, and at the end. CPU: that of this thread (driver, tag family, signing), and
that of the simulator's thread, which no real reader costs. Nothing is paced, and the wait with the field off is left
out: wall time is what the computer's side takes.

Prints JSON; exits 1 where an encode costs another number of host commands than the first, or memory grows.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dpptag.crypto import PrivateKey
from dpptag.devices.nfcpy import NfcpyReader
from dpptag.devices.nfcpy.serial_pn532 import LoggedTty
from dpptag.devices.profiles import NfcProfile, load_profile
from dpptag.ledger import Ledger
from dpptag.line import JobPlan, KeyJudge, KeyStatementMaker, Phase, Session, TagRecord, read_job
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import Level
from dpptag.sim import SimulatedReader, start
from dpptag.sim.chip import Chip
from dpptag.sim.type2 import Type2Chip
from dpptag.tags import identify, write_and_verify
from dpptag.trust.signing import carrier_content, sign_statement

PROFILE: Final = "nfc-pn532-uart"
PASSPORT: Final = Path(__file__).parents[1] / "examples" / "passports" / "laptop-battery.json"
ROLL: Final = 100
GTIN: Final = "09520123456788"
LINK: Final = "https://id.example.com"
FIRST_SERIAL: Final = 1_000_000
NOW: Final = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
BLOCKS_LIMIT: Final = 500
"""Blocks that may come and go between two looks (caches, the report's own list); a leak of one a tag is far above."""
PATIENCE_MS: Final = 10_000
"""A machine at work on other things can hold the simulator's thread back for longer than a reader would ever take."""
RSS_LIMIT: Final = 1 << 20
JOB: Final = f"""
[job]
name = "soak"
rows = "rows.csv"
link = "{LINK}"
passport = "passports/{{serial}}.json"
[statement]
level = "minimal"
digest = 16
[signing]
key = "issuer.key"
slot = 1
[chips]
allowed = ["NTAG213"]
"""


def memory() -> dict[str, int]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "rss_bytes": pages * resource.getpagesize(),
        "allocated_blocks": sys.getallocatedblocks(),
        "open_files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "threads": threading.active_count(),
    }


class Clocks:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.thread_time(), time.process_time()

    def per_encode(self, count: int) -> dict[str, float]:
        ends = time.perf_counter(), time.thread_time(), time.process_time()
        wall, ours, process = (end - began for end, began in zip(ends, self._began, strict=True))
        return {
            "seconds": round(wall, 2),
            "encodes_per_second": round(count / wall, 1),
            "wall_ms_each": round(wall / count * 1000, 3),
            "cpu_ms_each": round(ours / count * 1000, 3),
            "simulator_cpu_ms_each": round((process - ours) / count * 1000, 3),
        }


def opened(sim: SimulatedReader, profile: NfcProfile) -> NfcpyReader:
    reader = NfcpyReader(
        sim.path,
        fast_read_pages=profile.fast_read_pages,
        bauds=profile.bauds,
        wait=lambda _seconds: None,
        simulated=True,
    )
    transport = reader.port.device.chipset.transport
    assert isinstance(transport, LoggedTty)
    transport.least_wait_ms = PATIENCE_MS
    return reader


def blank(chip: Chip | None, delivered: list[bytes]) -> None:
    """The memory behind the CC as delivered; lets go of what was written."""
    assert isinstance(chip, Type2Chip)
    chip.pages[4:] = delivered


def delivery_state(sim: SimulatedReader) -> list[bytes]:
    chip = sim.field.tag
    assert isinstance(chip, Type2Chip)
    return chip.pages[4:]


def put_on_reader(sim: SimulatedReader, position: int, delivered: list[bytes]) -> None:
    """The tag at this place of the roll, as delivered, takes the place of the one that stood there."""
    field = sim.field
    field.power(False)
    field.position = position
    blank(field.tag, delivered)
    field.put_back()


def encode(reader: NfcpyReader, key: PrivateKey, serial: int) -> bytes:
    link = reader.sense()
    assert link is not None
    tag = identify(link)
    uri = f"{LINK}/01/{GTIN}/21/{serial}"
    statement = sign_statement(
        key,
        1,
        uri,
        ChipNumber(tag.uid),
        level=Level.MINIMAL,
        digest=None,
        digest_width=0,
        issued_at=int(NOW.timestamp()),
    )
    message = carrier_content(uri, statement)
    assert write_and_verify(link, tag, message) == message
    return message


def encodes(count: int, mark: int, profile: NfcProfile) -> dict[str, Any]:
    key = PrivateKey.generate()
    roll = min(ROLL, mark)  # at the mark every chip has been written once, and holds the bytes of it
    with start(f"tags=NTAG213*{roll}&seed=1&dwell=1000") as sim, opened(sim, profile) as reader:
        delivered = delivery_state(sim)
        assert reader.sense() is not None
        first = last = size = 0
        other, slowest = 0, 0.0
        at_mark = memory()
        clocks = Clocks()
        for number in range(count):
            put_on_reader(sim, number % roll, delivered)
            before, began = sim.host_commands, time.perf_counter()
            size = len(encode(reader, key, FIRST_SERIAL + number))
            slowest = max(slowest, time.perf_counter() - began)
            last = sim.host_commands - before
            first = first or last
            other += last != first
            if number + 1 == mark:
                at_mark = memory()
        spent = clocks.per_encode(count)
        at_end = memory()
    return {
        "encodes": count,
        "message_bytes": size,
        "host_commands": {"first": first, "last": last, "encodes_that_differ_from_the_first": other},
        "mark": mark,
        "memory_at_mark": at_mark,
        "memory_at_end": at_end,
        "growth": grown(at_mark, at_end),
        **spent,
        "slowest_wall_ms": round(slowest * 1000, 1),
    }


def grown(at_mark: dict[str, int], at_end: dict[str, int]) -> dict[str, int]:
    return {name: at_end[name] - at_mark[name] for name in at_end}


class Told:
    """The reports of a session: host commands from one tag's record to the next, and memory at the mark."""

    def __init__(self, sim: SimulatedReader, mark: int) -> None:
        self._sim = sim
        self._delivered = delivery_state(sim)
        self._mark = mark
        self._last = 0
        self.tags = 0
        self.outcomes: dict[str, int] = {}
        self.spent: dict[int, int] = {}
        self.first = self.final = 0
        self.at_mark = memory()

    def __call__(self, event: Phase | TagRecord) -> None:
        if isinstance(event, Phase):
            return
        self.tags += 1
        self.outcomes[event.outcome.value] = self.outcomes.get(event.outcome.value, 0) + 1
        now = self._sim.host_commands
        if self.tags > 1:  # the first tag stood there at the start: no tag had to be taken away before it
            self.final = now - self._last
            self.first = self.first or self.final
            self.spent[self.final] = self.spent.get(self.final, 0) + 1
        self._last = now
        if self.tags == self._mark:
            self.at_mark = self.memory()

    def memory(self) -> dict[str, int]:
        """As :func:`memory`, the tags that have passed blanked."""
        for chip in self._sim.field.tags[: self._sim.field.position]:
            blank(chip, self._delivered)
        return memory()


def passport_of(serial: str) -> str:
    """The example passport of a battery, made out to this serial."""
    document = json.loads(PASSPORT.read_bytes())
    product = document["credentialSubject"]["product"]
    product |= {
        "id": f"{LINK}/01/{GTIN}/21/{serial}",
        "serialNumber": serial,
        "registeredId": f"{GTIN}.21.{serial}",
    }
    product.pop("batchNumber", None)
    return json.dumps(document)


def line(count: int, mark: int, profile: NfcProfile) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = PrivateKey.generate()
        (folder / "issuer.key").write_bytes(key.pkcs8(None))
        (folder / "job.toml").write_text(JOB)
        serials = [str(FIRST_SERIAL + number) for number in range(count)]
        (folder / "rows.csv").write_text("gtin,serial\n" + "".join(f"{GTIN},{serial}\n" for serial in serials))
        (folder / "passports").mkdir()
        for serial in serials:
            (folder / "passports" / f"{serial}.json").write_text(passport_of(serial))
        job = read_job(folder / "job.toml")
        with (
            start(f"tags=NTAG213*{count}&seed=1") as sim,
            opened(sim, profile) as reader,
            Ledger(folder / "ledger.sqlite3", lambda: NOW) as ledger,
        ):
            told = Told(sim, mark)
            session = Session(
                reader,
                ledger,
                JobPlan(job),
                KeyStatementMaker(key, 1, lambda: NOW),
                KeyJudge(key.public_key, 1),
                report=told,
                monotonic=time.monotonic,
                idle_seconds=30.0,
            )
            clocks = Clocks()
            summary = session.run()
            spent = clocks.per_encode(count)
            at_end = told.memory()
    return {
        "tags": told.tags,
        "complete": summary.is_complete,
        "outcomes": told.outcomes,
        "host_commands": {
            "second": told.first,
            "last": told.final,
            "tags_by_host_commands": {str(commands): tags for commands, tags in sorted(told.spent.items())},
        },
        "mark": mark,
        "growth": grown(told.at_mark, at_end),
        **spent,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="encodes in a row")
    parser.add_argument("--line-count", type=int, default=300, help="rows of the job that the line's session runs")
    parser.add_argument("--mark", type=int, default=ROLL, help="encodes after which memory is looked at first")
    options = parser.parse_args()
    profile = load_profile(PROFILE)
    soak = encodes(options.count, options.mark, profile)
    session = line(options.line_count, min(options.mark, options.line_count // 2), profile)
    growth = soak["growth"]
    flat = {
        "rss": growth["rss_bytes"] <= RSS_LIMIT,
        "allocated_blocks": growth["allocated_blocks"] <= BLOCKS_LIMIT,
        "line_allocated_blocks": session["growth"]["allocated_blocks"] <= BLOCKS_LIMIT,
        "open_files": growth["open_files"] <= 0 and session["growth"]["open_files"] <= 0,
        "threads": growth["threads"] <= 0 and session["growth"]["threads"] <= 0,
    }
    equal = soak["host_commands"]["encodes_that_differ_from_the_first"] == 0
    line_equal = session["host_commands"]["second"] == session["host_commands"]["last"]
    report = {
        "bench": "nfc_soak",
        "profile": PROFILE,
        "host_commands_equal": equal,
        "line_host_commands_equal": line_equal,
        "memory_flat": flat,
        "soak": soak,
        "line": session,
    }
    print(json.dumps(report, indent=1))
    if not (equal and line_equal and all(flat.values()) and session["complete"]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
