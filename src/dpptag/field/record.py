"""Recording what was done to an item: the event is on disk before anybody is told "saved"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from dpptag.errors import InputError
from dpptag.events.event import Output, Recycling, Repair, RepairOutcome, freeze
from dpptag.events.store import Appended, EventStore
from dpptag.events.wording import item_identifier


class Place(NamedTuple):
    """Where and when: ``at`` in the zone of the place; ``read_point`` None names the device itself."""

    at: datetime
    read_point: str | None
    location: str | None


class RepairFacts(NamedTuple):
    items: Sequence[str]
    fault_code: str
    fault_text: str | None
    outcome: RepairOutcome
    parts: Sequence[str]
    rma: str | None


class RecyclingFacts(NamedTuple):
    """``outputs``: ``LINK`` or ``LINK=KILOGRAMS`` each."""

    items: Sequence[str]
    method: str
    outputs: Sequence[str]
    final_disposal: str | None
    waste_code: str | None


def record_repair(store: EventStore, facts: RepairFacts, place: Place) -> Appended:
    """Append event 6, durably. Raises LinkError, InputError, StoreError; then nothing was saved."""
    event = Repair(
        items=tuple(map(item_identifier, facts.items)),
        at=place.at,
        read_point=place.read_point or store.device_id,
        fault_code=facts.fault_code,
        outcome=facts.outcome,
        fault_text=facts.fault_text,
        parts_replaced=tuple(map(item_identifier, facts.parts)),
        biz_location=place.location,
        rma=facts.rma,
    )
    return store.append(freeze(event))


def record_recycling(store: EventStore, facts: RecyclingFacts, place: Place) -> Appended:
    """Append event 9, durably. Raises LinkError, InputError, StoreError; then nothing was saved."""
    event = Recycling(
        items=tuple(map(item_identifier, facts.items)),
        at=place.at,
        read_point=place.read_point or store.device_id,
        method=facts.method,
        outputs=tuple(map(_output, facts.outputs)),
        final_disposal=facts.final_disposal,
        waste_code=facts.waste_code,
        biz_location=place.location,
    )
    return store.append(freeze(event))


def _output(text: str) -> Output:
    link, separator, weight = text.rpartition("=")
    if not separator or "/" in weight:
        return Output(item_identifier(text))
    try:
        return Output(item_identifier(link), Decimal(weight))
    except InvalidOperation as exc:
        raise InputError(f"{weight[:40]!r} is no weight in kilograms", code="event-quantity") from exc
