"""What the line says of every tag and of a whole run; plain values that become one line of NDJSON each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dpptag.errors import DpptagError
from dpptag.ledger import Row
from dpptag.model.outcome import RowState, TagOutcome
from dpptag.tags import Tag


@dataclass(frozen=True, slots=True)
class TagRecord:
    """One tag at the reader. ``seconds`` by phase; the last four are set where the tag is not good.

    ``tag_state``: untouched, written-unverified or unknown (do not ship). ``row`` is the row's number in its job.
    ``metadata`` are the row's own further columns.
    """

    outcome: TagOutcome
    chip: str
    chip_type: str | None = None
    job: str | None = None
    row: int | None = None
    identity: str | None = None
    level: str | None = None
    state: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None
    message: str | None = None
    action: str | None = None
    tag_state: str | None = None

    @property
    def is_good(self) -> bool:
        return self.outcome in (TagOutcome.ENCODED, TagOutcome.RESUMED, TagOutcome.ALREADY_DONE)


def tag_record(
    outcome: TagOutcome,
    chip: str,
    tag: Tag | None,
    row: Row | None,
    seconds: Mapping[str, float],
    metadata: Mapping[str, str],
    error: DpptagError | None = None,
) -> TagRecord:
    """Put a record together; ``error`` explains every outcome that is not good."""
    return TagRecord(
        outcome=outcome,
        chip=chip,
        chip_type=tag.chip_name if tag else None,
        job=row.job if row else None,
        row=row.item.number if row else None,
        identity=row.item.identity if row else None,
        level=row.level if row else None,
        state=row.state.value if row else None,
        seconds=seconds,
        metadata=metadata,
        code=error.code if error else None,
        message=error.message if error else None,
        action=error.action if error else None,
        tag_state=_tag_state(outcome, row, error),
    )


def _tag_state(outcome: TagOutcome, row: Row | None, error: DpptagError | None) -> str | None:
    if error is None:
        return None
    untouched = outcome is TagOutcome.REFUSED or row is None or row.state is RowState.RESERVED
    return str(error.facts.get("tag_state") or ("untouched" if untouched else "unknown"))
