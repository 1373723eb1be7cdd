"""What the ledger knows, as plain data for ``line report``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypedDict

from dpptag.ledger import JobSummary, Ledger, Row
from dpptag.model.outcome import RowState


class RowReport(TypedDict):
    """``chip`` in hex. ``next`` is the command that takes an open row further; None for a settled one."""

    row: int
    attempt: int
    identity: str
    state: str
    chip: str | None
    level: str | None
    reason: str | None
    created_at: str
    changed_at: str
    last_note: str | None
    next: str | None


class JobReport(TypedDict):
    """``counts`` has every state and ``unstarted``; void attempts count beside the rows, not among them."""

    job: str
    created_at: str
    rows_in_file: int
    end_state: str
    complete: bool
    counts: Mapping[str, int]
    rows: list[RowReport]


class RevocationReport(TypedDict):
    identity: str
    chip: str
    reason: str
    at: str


class LineReport(TypedDict):
    jobs: list[JobReport]
    revocations: list[RevocationReport]


def line_report(ledger: Ledger, job: str | None = None) -> LineReport:
    """All jobs, or one. Raises LedgerConflict for a job that the ledger does not know."""
    if job is not None:
        ledger.rows(job)
    return {
        "jobs": [_job_report(ledger, summary) for summary in ledger.jobs() if job in (None, summary.name)],
        "revocations": [
            {"identity": one.identity, "chip": one.chip.hex, "reason": one.reason, "at": one.at}
            for one in ledger.revocations()
        ],
    }


def _job_report(ledger: Ledger, summary: JobSummary) -> JobReport:
    rows = ledger.rows(summary.name)
    found = Counter(row.state for row in rows)
    live = len(rows) - found[RowState.VOID]
    counts = {"unstarted": summary.row_count - live, **{state.value: found[state] for state in RowState}}
    return {
        "job": summary.name,
        "created_at": summary.created_at,
        "rows_in_file": summary.row_count,
        "end_state": summary.end_state.value,
        "complete": found[summary.end_state] == summary.row_count,
        "counts": counts,
        "rows": [_row_report(ledger, row) for row in rows],
    }


def _row_report(ledger: Ledger, row: Row) -> RowReport:
    return {
        "row": row.item.number,
        "attempt": row.attempt,
        "identity": row.item.identity,
        "state": row.state.value,
        "chip": row.chip.hex if row.chip else None,
        "level": row.level,
        "reason": row.reason,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "last_note": ledger.history(row.id)[-1].detail or None if row.is_open else None,
        "next": _next_command(row),
    }


def _next_command(row: Row) -> str | None:
    if not row.is_open:
        return None
    if row.state is RowState.RESERVED:
        return "dpptag line run JOB.toml"
    return "dpptag line resolve JOB.toml --device DEVICE"
