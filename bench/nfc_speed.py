"""Write and read back on a simulated PN532: host commands against nfcpy's tag class, simulated time against a floor.

Both sides run in one process on the same simulated reader, at the speed and with the FAST_READ of the profile, on a tag
as delivered, and write the same message, of which every page differs from what the tag holds. Nothing is paced: the
simulated clock adds up what air and wire would have taken (``dpptag.sim.air``), so all of it but ``wall_ms`` is exact
and the same in every run.

========================  ==========================================================================================
host commands             frames that the PN532 receives, from the tag identified to the message read back. nfcpy:
                          ``tag.ndef.octets = message``, then ``tag.ndef.has_changed``, which is its read. Ours: the
                          page writes and the FAST_READs. Selection is left out on both sides: nfcpy does none, ours
                          goes through it once, field off and on, before it reads; that is counted beside it
floor_ms                  changed pages and one guard page at the time of a page write, and one FAST_READ of what is
                          read back (the CC and the data area), on the air alone
floor_changed_pages_ms    the same, but the FAST_READ of nothing more than the changed pages
simulated_ms              air and wire of all that ours sends, reselection included: ``reselect`` is its air and wire
ratio                     simulated_ms over floor_ms; ``with_field_off`` adds the time for which the driver leaves the
                          field off, which passes on the host and not on the simulated clock
wall_ms                   what this process took, simulator and the wait with the field off included
========================  ==========================================================================================

Prints JSON; exits 1 where a limit is not kept.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import nfc
import nfc.clf
import nfc.tag

from dpptag.devices.nfcpy import NfcpyReader
from dpptag.devices.profiles import NfcProfile, load_profile
from dpptag.links import Type2Link
from dpptag.links.nfc import Technology
from dpptag.sim import SimulatedReader, air, start
from dpptag.sim.chip import ACK, Rf
from dpptag.tags import Type2Tag, apply, identify, plan_write, read_back

PROFILE = "nfc-pn532-uart"
JOBS = (("NTAG213", 64), ("NTAG213", 126), ("NTAG215", 250), ("NTAG215", 492), ("NTAG216", 868))
LIMITED = ("NTAG213", 126)
COMMAND_LIMIT, TIME_LIMIT = 0.25, 1.15
PAGE = 4


@dataclass(frozen=True, slots=True)
class Meter:
    """What was spent up to now, or, as a difference, on one thing. Times in microseconds."""

    host_commands: int
    exchanges: int
    air: int
    wire: int
    off: int
    wall: int

    def __sub__(self, other: Meter) -> Meter:
        return Meter(
            self.host_commands - other.host_commands,
            self.exchanges - other.exchanges,
            self.air - other.air,
            self.wire - other.wire,
            self.off - other.off,
            self.wall - other.wall,
        )

    @property
    def simulated(self) -> int:
        return self.air + self.wire


class Rig:
    """A simulated reader with one tag as delivered, and the driver opened on it as the profile says."""

    def __init__(self, sim: SimulatedReader, profile: NfcProfile) -> None:
        self._sim = sim
        self._off_us = 0
        self.reader = NfcpyReader(
            sim.path,
            fast_read_pages=profile.fast_read_pages,
            bauds=profile.bauds,
            wait=self._wait,
            simulated=True,
        )

    def _wait(self, seconds: float) -> None:
        self._off_us += round(seconds * 1_000_000)
        time.sleep(seconds)

    def now(self) -> Meter:
        sim = self._sim
        field_us = sim.field.simulated_us
        wall = time.perf_counter_ns() // 1000
        return Meter(sim.host_commands, sim.exchanges, field_us, sim.simulated_us - field_us, self._off_us, wall)

    def sensed(self) -> Type2Link:
        link = self.reader.sense()
        assert link is not None
        assert link.technology is Technology.TYPE2
        return link


@contextmanager
def rig(chip: str, profile: NfcProfile) -> Iterator[Rig]:
    with start(f"type={chip}&uid=04A1B2C3D4E5F6") as sim:
        opened = Rig(sim, profile)
        with opened.reader:
            yield opened


def message_of(length: int, start_at: int = 1) -> bytes:
    """An NDEF message of so many bytes: one record of TNF unknown whose payload has no zero in it."""
    short = length <= 258
    payload = bytes(1 + (start_at + index) % 255 for index in range(length - (3 if short else 6)))
    if short:
        return bytes((0xD5, 0, len(payload))) + payload
    return bytes((0xC5, 0)) + len(payload).to_bytes(4, "big") + payload


def floor_us(page_writes: int, pages_read: int) -> int:
    """Air time alone of so many page writes and one FAST_READ."""
    write = air.exchange_us(Rf.A, bytes(2 + PAGE), ACK, programmed=True)
    return page_writes * write + air.exchange_us(Rf.A, bytes(3), bytes(PAGE * pages_read), programmed=False)


def nfcpy_job(chip: str, message: bytes, profile: NfcProfile) -> tuple[Meter, Meter]:
    """What nfcpy's own tag class spends on writing and on reading back."""
    with rig(chip, profile) as opened:
        frontend = nfc.ContactlessFrontend()
        frontend.device = opened.reader.port.device
        tag: Any = nfc.tag.activate(frontend, frontend.sense(nfc.clf.RemoteTarget("106A")))
        assert tag.ndef.length == 0
        begun = opened.now()
        tag.ndef.octets = message
        written = opened.now()
        assert not tag.ndef.has_changed
        done = opened.now()
        assert tag.ndef.octets == message
        return written - begun, done - written


@dataclass(frozen=True, slots=True)
class OurJob:
    changed_pages: int
    page_writes: int
    area_pages: int
    write: Meter
    read_back: Meter
    reselect: Meter


def our_job(chip: str, message: bytes, profile: NfcProfile, held: bytes | None = None) -> OurJob:
    """What ours spends; the tag is as delivered, or holds the message ``held``."""
    with rig(chip, profile) as opened:
        link = opened.sensed()
        if held is not None:
            apply(link, plan_write(identify(link), held))
        tag = identify(link)
        assert isinstance(tag, Type2Tag)
        plan = plan_write(tag, message)
        begun = opened.now()
        apply(link, plan)
        written = opened.now()
        assert read_back(link, tag, message) == message
        done = opened.now()
        link.reselect()  # once more by itself: what the selection inside the read-back took
        alone = opened.now() - done
        left = {step.at: step.data for step in plan.steps}
        changed = sum(data != tag.page(page) for page, data in left.items())
        return OurJob(changed, len(plan.steps), tag.capacity // PAGE, written - begun, done - written, alone)


def measure(chip: str, length: int, profile: NfcProfile) -> dict[str, Any]:
    message = message_of(length)
    theirs_write, theirs_read = nfcpy_job(chip, message, profile)
    ours = our_job(chip, message, profile)
    floor = floor_us(ours.changed_pages + 1, 1 + ours.area_pages)
    floor_changed = floor_us(ours.changed_pages + 1, ours.changed_pages)
    return {
        "chip": chip,
        "message_bytes": length,
        "changed_pages": ours.changed_pages,
        **counts(ours),
        "nfcpy_host_commands": {
            "write": theirs_write.host_commands,
            "read": theirs_read.host_commands,
            "exchanges": theirs_write.exchanges + theirs_read.exchanges,
            "total": theirs_write.host_commands + theirs_read.host_commands,
        },
        "host_commands_ratio": round(
            (ours.write.host_commands + ours.read_back.host_commands - ours.reselect.host_commands)
            / (theirs_write.host_commands + theirs_read.host_commands),
            3,
        ),
        **times(ours, floor, floor_changed),
        "nfcpy_simulated_ms": ms(theirs_write.simulated + theirs_read.simulated),
        "wall_ms": {
            "ours": ms(ours.write.wall + ours.read_back.wall),
            "nfcpy": ms(theirs_write.wall + theirs_read.wall),
        },
    }


def counts(job: OurJob) -> dict[str, Any]:
    reads = job.read_back.host_commands - job.reselect.host_commands
    return {
        "host_commands": {
            "write": job.write.host_commands,
            "read": reads,
            "total": job.write.host_commands + reads,
            "reselect_beside_it": job.reselect.host_commands,
        }
    }


def times(job: OurJob, floor: int, floor_changed: int) -> dict[str, Any]:
    simulated = job.write.simulated + job.read_back.simulated
    off = job.read_back.off
    return {
        "floor_ms": ms(floor),
        "floor_changed_pages_ms": ms(floor_changed),
        "simulated_ms": {
            "write_air": ms(job.write.air),
            "write_wire": ms(job.write.wire),
            "reselect": ms(job.reselect.simulated),
            "read_air": ms(job.read_back.air - job.reselect.air),
            "read_wire": ms(job.read_back.wire - job.reselect.wire),
            "total": ms(simulated),
            "field_off_beside_it": ms(off),
        },
        "ratio": {
            "simulated": round(simulated / floor, 4),
            "with_field_off": round((simulated + off) / floor, 4),
            "simulated_over_changed_pages": round(simulated / floor_changed, 4),
            "with_field_off_over_changed_pages": round((simulated + off) / floor_changed, 4),
        },
    }


def rewrite_of_one_page(profile: NfcProfile) -> dict[str, Any]:
    """A full NTAG213, 36 pages, of which one in the middle of the message changes."""
    held = bytearray(message_of(142))
    held[70] ^= 1
    job = our_job("NTAG213", message_of(142), profile, bytes(held))
    return {
        "chip": "NTAG213",
        "message_bytes": 142,
        "pages": job.area_pages,
        "changed_pages": job.changed_pages,
        "page_writes": {"changed": job.changed_pages, "length_guard": job.page_writes - job.changed_pages},
        **counts(job),
        "simulated_ms": ms(job.write.simulated + job.read_back.simulated),
    }


def ms(microseconds: int) -> float:
    return round(microseconds / 1000, 2)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    profile = load_profile(PROFILE)
    results = [measure(chip, length, profile) for chip, length in JOBS]
    limited = next(row for row in results if (row["chip"], row["message_bytes"]) == LIMITED)
    rewrite = rewrite_of_one_page(profile)
    kept = {
        "host_commands": limited["host_commands_ratio"] <= COMMAND_LIMIT,
        "simulated_time": limited["ratio"]["with_field_off"] <= TIME_LIMIT,
        "one_page_rewrite": rewrite["page_writes"]["changed"] == 1,
    }
    report = {
        "bench": "nfc_speed",
        "profile": PROFILE,
        "baud": max(profile.bauds),
        "fast_read_pages": profile.fast_read_pages,
        "limits": {"of": list(LIMITED), "host_commands_ratio": COMMAND_LIMIT, "with_field_off": TIME_LIMIT},
        "within_limits": kept,
        "results": results,
        "one_page_of_36_rewritten": rewrite,
    }
    print(json.dumps(report, indent=1))
    if not all(kept.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
