"""Stores with events in them, and an outside world without real time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from dpptag.events.event import FrozenEvent, Repair, RepairOutcome, freeze
from dpptag.events.store import EventStore
from dpptag.sync.report import Edge

START = datetime(2027, 5, 10, 10, 10, tzinfo=UTC)


@dataclass
class FakeWorld:
    """A clock that only sleeping moves, and seeded dice."""

    moment: datetime = START
    slept: list[float] = field(default_factory=list)
    dice: Random = field(default_factory=lambda: Random(7))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)

    @property
    def edge(self) -> Edge:
        return Edge(now=lambda: self.moment, sleep=self.sleep, random=self.dice.random)


def repair_event(number: int) -> FrozenEvent:
    return freeze(
        Repair(
            items=(f"https://id.gs1.org/01/09520123456788/21/N{number}",),
            at=START + timedelta(seconds=number),
            read_point="https://id.gs1.org/414/9520123456788/254/BENCH",
            fault_code="battery-swollen",
            outcome=RepairOutcome.FIXED,
        )
    )


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    with EventStore(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def fill(store: EventStore) -> Callable[[int], list[FrozenEvent]]:
    def append(count: int) -> list[FrozenEvent]:
        events = [repair_event(number) for number in range(count)]
        for event in events:
            store.append(event)
        return events

    return append
