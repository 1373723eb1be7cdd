"""A whole line in one process: job folder, ledger, simulated reader under nfcpy's real driver."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dpptag.devices.nfcpy import NfcpyReader
from dpptag.ledger import Ledger
from dpptag.line import (
    Job,
    JobPlan,
    Judge,
    KeyJudge,
    KeyStatementMaker,
    Phase,
    Resolution,
    Resolver,
    RunSummary,
    Session,
    TagGuard,
    TagRecord,
    read_job,
)
from dpptag.line.plan import RowPlan
from dpptag.line.rows import JobRow
from dpptag.links import TagReader
from dpptag.model.identifiers import ChipNumber
from dpptag.sim import SimulatedModule, SimulatedReader, start
from dpptag.tags.key_derivation import DerivedKeys
from tests.line.job_folder import JobFolder

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
IDLE = 1.0
"""Seconds of the counted clock: a hundred looks at it."""


def counted_clock() -> Callable[[], float]:
    """A hundredth of a second a look, so that waits end after a number of polls and not after a time."""
    ticks = itertools.count()
    return lambda: next(ticks) / 100


@dataclass
class Told:
    """What a run reported."""

    phases: list[Phase] = field(default_factory=list)
    records: list[TagRecord] = field(default_factory=list)

    def __call__(self, event: Phase | TagRecord) -> None:
        if isinstance(event, TagRecord):
            self.records.append(event)
        else:
            self.phases.append(event)

    @property
    def outcomes(self) -> list[str]:
        return [record.outcome.value for record in self.records]

    @property
    def codes(self) -> list[str | None]:
        return [record.code for record in self.records]


class CountingMaker(KeyStatementMaker):
    """Notes how many host commands the reader had seen when each tag was signed for: its first write comes next."""

    def __init__(self, rig: LineRig) -> None:
        super().__init__(rig.folder.key, 1, lambda: NOW, mirrored=read_job(rig.folder.job).mirrored)
        self._rig = rig

    def make(self, row: JobRow, planned: RowPlan, chip: ChipNumber) -> bytes:
        self._rig.commands_before_write.append(self._rig.sim.host_commands)
        return super().make(row, planned, chip)


def write_commands(path: Path, **options: str) -> range:
    """The numbers of the host commands that write and read back the first tag, learnt from a run without faults."""
    rig = LineRig(path / "without-faults", rows=1, **options)
    rig.run()
    return range(rig.commands_before_write[0] + 1, rig.commands_at_end + 1)


def at(commands: range, part: float) -> int:
    """The command that lies ``part`` of the way, 0 to 1."""
    return commands[round(part * (len(commands) - 1))]


class LineRig:
    """``tags`` as in the simulator's query. Tags keep their memory from one run to the next."""

    def __init__(self, path: Path, *, rows: int = 3, tags: str = "NTAG213*3", seed: int = 7, **job: str) -> None:
        self.folder = JobFolder(path / "job", rows)
        self.folder.write_job(**job)
        self.ledger_path = path / "home" / "ledger.sqlite3"
        self.state = path / "tags.json"
        self.tags = f"{tags}&seed={seed}"
        self.master = bytes(range(16))
        self.commands_before_write: list[int] = []
        self.commands_at_end = 0

    def reader(self, *, fault: str = "", position: int = 0) -> TagReader:
        """A new reader before the same tags; close it and its simulator with :meth:`close`."""
        query = f"state={self.state}&position={position}"
        if not self.state.exists():
            query += f"&tags={self.tags}"
        if fault:
            query += f"&fault={fault}"
        self.sim: SimulatedReader | SimulatedModule = start(query)
        return NfcpyReader(self.sim.path, simulated=True)

    def ledger(self) -> Ledger:
        return Ledger(self.ledger_path, lambda: NOW)

    def run(
        self, *, fault: str = "", position: int = 0, judge: Judge | None = None, told: Told | None = None
    ) -> tuple[RunSummary, Told]:
        told = Told() if told is None else told
        job = read_job(self.folder.job)
        reader = self.reader(fault=fault, position=position)
        try:
            with reader, self.ledger() as ledger:
                session = Session(
                    reader,
                    ledger,
                    JobPlan(job),
                    CountingMaker(self),
                    judge or self.judge(),
                    self.guard(job),
                    report=told,
                    monotonic=counted_clock(),
                    idle_seconds=IDLE,
                )
                summary = session.run()
                self.commands_at_end = self.sim.host_commands
                return summary, told
        finally:
            self.sim.close()

    def resolve(self, *, fault: str = "", position: int = 0, job: str | None = None) -> tuple[Resolution, Told]:
        told = Told()
        reader = self.reader(fault=fault, position=position)
        try:
            with reader, self.ledger() as ledger:
                resolver = Resolver(
                    reader,
                    ledger,
                    self.judge(),
                    self.guard(read_job(self.folder.job)),
                    job=job,
                    report=told,
                    monotonic=counted_clock(),
                    idle_seconds=IDLE,
                )
                return resolver.run(), told
        finally:
            self.sim.close()

    def judge(self) -> Judge:
        return KeyJudge(self.folder.key.public_key, 1)

    def guard(self, job: Job) -> TagGuard | None:
        return None if job.protection.is_none else TagGuard(job.protection, DerivedKeys(self.master))

    def states(self) -> list[str]:
        with self.ledger() as ledger:
            return [row.state.value for row in ledger.rows("battery")]
