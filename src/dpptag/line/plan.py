"""A whole job is planned before its first tag is touched: every row on every chip type it may meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dpptag.codec.ndef import uri_record
from dpptag.codec.planner import Capacity, MessageCapacity, Placement, UhfCapacity, Wish, plan
from dpptag.errors import JobError, LinkError, PlanError
from dpptag.line.job import Job
from dpptag.line.rows import JobRow
from dpptag.line.table import collected
from dpptag.tags import CHIP_ROOMS, GEN2_CHIPS
from dpptag.trust.signing import check_identity


@dataclass(frozen=True, slots=True)
class RowPlan:
    """What one row becomes on one chip type. ``identity`` is what is signed: the URI, or the EPC from word 2 on.

    ``carrier`` names how it is written: the URI record, or the EPC scheme.
    """

    identity: str | bytes
    carrier: str
    placement: Placement


@dataclass(frozen=True, slots=True)
class ChipPlan:
    """What the rows of a job become on one chip type: how many at each (level, digest bytes), and the least room left.

    ``tightest`` is the number of the row that leaves ``spare`` bytes. ``carriers`` counts rows by EPC scheme.
    """

    chip: str
    placements: Mapping[tuple[str, int], int]
    carriers: Mapping[str, int]
    spare: int
    tightest: int


class JobPlan:
    """The placements of a job; pure. Raises JobError naming the bytes that each misfit lacks."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._found: dict[tuple[str, int, int, str], Placement] = {}
        self._capacities = {name: _capacity(name) for name in job.chips}
        self.chips = self._plan_all()

    def row_plan(self, row: JobRow, chip: str) -> RowPlan:
        """Raises PlanError, LinkError; KeyError for a chip type that the job does not allow."""
        capacity = self._capacities[chip]
        if self.job.epc is None:
            uri = self.job.tag_uri(row)
            placement = self._placed(chip, len(uri_record(uri).payload), uri, row.identity, row, capacity)
            return RowPlan(row.identity, "URI", placement)
        assert row.link is not None
        assert row.link.serial is not None
        planned = self.job.epc.plan(row.link.key_value, row.link.serial, GEN2_CHIPS[chip].epc_bits)
        epc = planned.epc
        return RowPlan(epc, planned.scheme, self._placed(chip, len(epc), epc, check_identity(epc), row, capacity))

    def _placed(
        self, chip: str, size: int, carried: str | bytes, full_uri: str, row: JobRow, capacity: Capacity
    ) -> Placement:
        """Sizes depend on lengths alone, so rows of one shape share their answer."""
        media_type = row.pointer.media_type
        shape = (chip, size, len(full_uri), media_type)
        placement = self._found.get(shape)
        if placement is None:
            wish = Wish(carried, full_uri, self.job.digest_width, self.job.level, media_type)
            placement = self._found[shape] = plan(wish, capacity)
        return placement

    def _plan_all(self) -> tuple[ChipPlan, ...]:
        errors: list[str] = []
        action: str | None = None
        chips: list[ChipPlan] = []
        for chip in self.job.chips:
            counts: Counter[tuple[str, int]] = Counter()
            carriers: Counter[str] = Counter()
            tightest: tuple[int, int] | None = None
            for row in self.job.rows:
                try:
                    check_identity(row.identity)
                    planned = self.row_plan(row, chip)
                except (PlanError, LinkError) as error:
                    errors.append(f"line {row.line} on {chip}: {error.message}")
                    action = action or error.action
                    continue
                placement = planned.placement
                counts[placement.level.value, placement.digest_width] += 1
                carriers[planned.carrier] += 1
                room = (placement.spare or 0, row.number)
                tightest = min(tightest or room, room)
            if tightest is not None:
                chips.append(ChipPlan(chip, counts, carriers, *tightest))
        if errors:
            raise collected(self.job.name, errors, "job-too-large", file=self.job.path, action=action)
        return tuple(chips)


def _capacity(name: str) -> Capacity:
    gen2 = GEN2_CHIPS.get(name)
    if gen2 is not None:
        return UhfCapacity(gen2.user_bits // 8)
    room = CHIP_ROOMS.get(name)
    if room is None:
        raise JobError(f"{name} is not a chip that can be written", code="job-chip")
    return MessageCapacity(room)
