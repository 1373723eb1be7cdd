"""Whatever is done to a ledger, and in whatever order, its promises hold."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dpptag.errors import LedgerConflict
from dpptag.ledger import Item, JobEntry, Ledger
from dpptag.model.identifiers import ChipNumber
from dpptag.model.outcome import RowState

ITEMS = tuple(
    Item(number, f"https://{host}/01/09521234000013/21/{serial}", f"/01/09521234000013/21/{serial}", b"\1" * 32)
    for number, (host, serial) in enumerate([("a.example", 1), ("b.example", 1), ("a.example", 2)], start=1)
)
JOBS = tuple(JobEntry(name, b"\1" * 32, ITEMS) for name in ("one", "two"))
CHIPS = tuple(ChipNumber(bytes((4, 1, 2, 3, 4, 5, last))) for last in range(3))


class LedgerMachine(RuleBasedStateMachine):
    """Two jobs that quarrel about three items and three chips; two of the items claim one serial."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = self._open()
        for job in JOBS:
            self.ledger.register_job(JobEntry(job.name, job.file_sha256, ()))
        self.rows = 0

    def _open(self) -> Ledger:
        return Ledger(Path(self.folder.name) / "ledger.sqlite3", lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    @rule(job=st.sampled_from(JOBS), item=st.sampled_from(ITEMS))
    def reserve(self, job: JobEntry, item: Item) -> None:
        try:
            self.rows = self.ledger.reserve(job, item).id
        except LedgerConflict:
            return

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), chip=st.sampled_from(CHIPS))
    def start_writing(self, data: st.DataObject, chip: ChipNumber) -> None:
        row = data.draw(st.integers(1, self.rows))
        try:
            self.ledger.start_writing(row, chip, b"message", "minimal")
        except LedgerConflict:
            return

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), step=st.sampled_from(["mark_written", "mark_verified"]))
    def forward(self, data: st.DataObject, step: str) -> None:
        try:
            getattr(self.ledger, step)(data.draw(st.integers(1, self.rows)))
        except LedgerConflict:
            return

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), spared=st.booleans())
    def void(self, data: st.DataObject, spared: bool) -> None:
        row = data.draw(st.integers(1, self.rows))
        before = self.ledger.row(row)
        try:
            self.ledger.void(row, "test", read_back_without_statement=spared)
        except LedgerConflict:
            assert before.state is RowState.VOID
            return
        assert before.chip is None or spared or self.ledger.is_revoked(before.item.identity, before.chip)

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = self._open()

    @invariant()
    def nothing_is_given_twice(self) -> None:
        rows = [row for job in JOBS for row in self.ledger.rows(job.name)]
        live = [row for row in rows if row.state is not RowState.VOID]
        for values in ([row.item.serial_key for row in live], [row.chip for row in live if row.chip]):
            assert max(Counter(values).values(), default=0) <= 1
        assert len({row.item.serial_key for row in rows}) == len({row.item.identity for row in rows})
        revoked = {(one.identity, one.chip) for one in self.ledger.revocations()}
        assert not revoked & {(row.item.identity, row.chip) for row in live}
        for row in rows:
            trail = self.ledger.history(row.id)
            assert trail[0].from_state is None
            assert trail[-1].to_state is row.state


LedgerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
