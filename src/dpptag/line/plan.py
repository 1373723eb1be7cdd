"""A whole job is planned before its first tag is touched: every row on every chip type it may meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dpptag.codec.ndef import uri_record
from dpptag.codec.planner import MessageCapacity, Placement, Wish, plan
from dpptag.errors import JobError, LinkError, PlanError
from dpptag.line.job import Job
from dpptag.line.rows import JobRow
from dpptag.line.table import collected
from dpptag.tags import CHIP_ROOMS
from dpptag.trust.signing import check_identity


@dataclass(frozen=True, slots=True)
class ChipPlan:
    """What the rows of a job become on one chip type: how many at each (level, digest bytes), and the least room left.

    ``tightest`` is the number of the row that leaves ``spare`` bytes.
    """

    chip: str
    placements: Mapping[tuple[str, int], int]
    spare: int
    tightest: int


class JobPlan:
    """The placements of a job; pure. Raises JobError naming the bytes that each misfit lacks."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._found: dict[tuple[str, int, int, str], Placement] = {}
        self._capacities = {name: MessageCapacity(_room(name)) for name in job.chips}
        self.chips = self._plan_all()

    def placement(self, row: JobRow, chip: str) -> Placement:
        """Raises PlanError; KeyError for a chip type that the job does not allow."""
        uri = self.job.tag_uri(row)
        media_type = row.pointer.media_type
        # Sizes depend on lengths alone, so rows of one shape share their answer.
        shape = (chip, len(uri_record(uri).payload), len(uri), media_type)
        placement = self._found.get(shape)
        if placement is None:
            wish = Wish(uri, row.identity, self.job.digest_width, self.job.level, media_type)
            placement = self._found[shape] = plan(wish, self._capacities[chip])
        return placement

    def _plan_all(self) -> tuple[ChipPlan, ...]:
        errors: list[str] = []
        action: str | None = None
        chips: list[ChipPlan] = []
        for chip in self.job.chips:
            counts: Counter[tuple[str, int]] = Counter()
            tightest: tuple[int, int] | None = None
            for row in self.job.rows:
                try:
                    check_identity(row.identity)
                    placement = self.placement(row, chip)
                except (PlanError, LinkError) as error:
                    errors.append(f"line {row.line} on {chip}: {error.message}")
                    action = action or error.action
                    continue
                counts[placement.level.value, placement.digest_width] += 1
                room = (placement.spare or 0, row.number)
                tightest = min(tightest or room, room)
            if tightest is not None:
                chips.append(ChipPlan(chip, counts, *tightest))
        if errors:
            raise collected(self.job.name, errors, "job-too-large", file=self.job.path, action=action)
        return tuple(chips)


def _room(name: str) -> int:
    room = CHIP_ROOMS.get(name)
    if room is None:
        raise JobError(f"{name} is not a chip that can be written", code="job-chip")
    return room
