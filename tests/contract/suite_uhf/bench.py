"""A simulated module in this process, the real driver on its pseudo-terminal, and the simulator's own memory."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.reader import UhfReader, open_module
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Wait
from dpptag.errors import TagNak
from dpptag.links.gen2 import Gen2Link, Gen2Reader, Refusal
from dpptag.sim import SimulatedModule, start_uhf
from dpptag.sim.uhf.faults import parse_fault
from dpptag.sim.uhf.tag import Gen2Chip
from tests.contract.suite_uhf.families import CHIPS, Chip, Family

SHORT_MS = 60
"""So long is waited for an answer that never comes."""
REFUSED_MS = 10
"""For a module that is refused whether its answers come in time or not."""
_BELT = "&seed=7&dwell=1000000"  # the same chips each time; none moves on by itself


@functools.cache
def profile_of(family: Family) -> UhfProfile:
    return load_uhf_profile(family.profile)


@functools.cache
def impatient(family: Family, milliseconds: int = SHORT_MS) -> UhfProfile:
    """The same module, given little time: for cases in which an answer does not come."""
    profile = profile_of(family)
    wait = Wait(ms=milliseconds, reason="a simulated module answers at once or never")
    changed: dict[str, object] = {
        "waits": profile.waits.model_copy(update=dict.fromkeys(("answer", "access", "inventory"), wait))
    }
    if profile.access is not None:
        changed["access"] = profile.access.model_copy(update={"timeout_ms": milliseconds, "proof_ms": milliseconds})
    if profile.inventory.round_ms is not None and profile.family == "mercury":
        changed["inventory"] = profile.inventory.model_copy(update={"round_ms": milliseconds})
    return profile.model_copy(update=changed)


def no_wait(_seconds: float) -> None:
    """A simulated module is ready at once."""


def order(sim: SimulatedModule, fault: str) -> None:
    """A fault of the host's next command: ``pull``, ``leave+1``."""
    kind, plus, count = fault.partition("+")
    sim.faults.order(parse_fault(f"{kind}@{sim.host_commands + 1}{plus}{count}"))


@dataclass(frozen=True)
class Scene:
    """One module with its tags, and its driver."""

    sim: SimulatedModule
    reader: Gen2Reader

    @property
    def tag(self) -> Gen2Chip:
        return self.sim.field.tags[0]

    def link(self) -> Gen2Link:
        """The tag in the field, and no other."""
        link = self.reader.sense()
        assert link is not None, "no tag was sensed"
        return link

    def order(self, fault: str) -> None:
        """A fault of the host's next command: ``pull``, ``leave+1``."""
        order(self.sim, fault)


@dataclass(frozen=True)
class Bench:
    """What a case is about. Every case has a module of its own, so none depends on another's."""

    family: Family
    chip_name: str

    @property
    def chip(self) -> Chip:
        return CHIPS[self.chip_name]

    def simulator(self, tags: str = "", more: str = "") -> SimulatedModule:
        return start_uhf(self.family.family, f"tags={tags or self.chip_name}{_BELT}{self.family.query}{more}")

    @contextmanager
    def scene(self, tags: str = "", more: str = "", profile: UhfProfile | None = None) -> Iterator[Scene]:
        with self.simulator(tags, more) as sim, self.opened(sim, profile) as reader:
            yield Scene(sim, reader)

    def opened(
        self,
        sim: SimulatedModule | str,
        profile: UhfProfile | None = None,
        *,
        region: str | None = "EU",
        power_cdbm: int | None = None,
        baud: int | None = None,
    ) -> UhfReader:
        return open_module(
            sim if isinstance(sim, str) else sim.path,
            profile or profile_of(self.family),
            name=f"sim:uhf/{self.family.family}",
            region=region,
            power_cdbm=power_cdbm,
            baud=baud,
            simulated=True,
            wait=no_wait,
        )


def pattern(words: int, seed: int = 1) -> bytes:
    """Words of which no two neighbours are equal, and none is zero."""
    return b"".join((0x0101 * (1 + (seed + at) % 250)).to_bytes(2, "big") for at in range(words))


@contextmanager
def refused(*reasons: Refusal) -> Iterator[None]:
    """The chip or module says no, for one of these reasons."""
    with pytest.raises(TagNak) as caught:
        yield
    assert caught.value.facts["error"] in {reason.value for reason in reasons}, caught.value.facts
