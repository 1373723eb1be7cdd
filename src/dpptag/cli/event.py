"""``dpptag event``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from dpptag.cli.options import home_folder, home_option, json_option, parse_time
from dpptag.cli.output import emit, emit_json, facts, say, warn
from dpptag.errors import UsageError
from dpptag.events.event import RepairOutcome
from dpptag.events.store import Appended, EventStore
from dpptag.field.record import Place, RecyclingFacts, RepairFacts, record_recycling, record_repair

_item = click.option("--item", "items", multiple=True, required=True, help="Digital Link of the item; repeat.")
_at = click.option("--at", help="When, ISO 8601 with offset [default: now, local zone].")
_read_point = click.option("--read-point", help="Link of the read point [default: this device].")
_location = click.option("--location", help="Link of the place, (414) with (254).")


@click.group("event")
def command() -> None:
    """Record repair and recycling: EPCIS 2.0 events, on disk before they count as saved."""


@command.command()
@_item
@click.option("--fault", required=True, help="Fault code, such as battery-swollen.")
@click.option("--text", help="Fault in words. No names of persons: events may become public.")
@click.option(
    "--outcome",
    type=click.Choice([outcome.value for outcome in RepairOutcome], case_sensitive=False),
    default=RepairOutcome.FIXED.value,
    show_default=True,
)
@click.option("--part", "parts", multiple=True, help="Digital Link of a part put in; repeat.")
@click.option("--rma", help="URI of the repair order.")
@_at
@_read_point
@_location
@home_option
@json_option
def repair(
    items: tuple[str, ...],
    fault: str,
    text: str | None,
    outcome: str,
    parts: tuple[str, ...],
    rma: str | None,
    at: str | None,
    read_point: str | None,
    location: str | None,
    home: str | None,
    as_json: bool,
) -> None:
    """Record that an item was repaired, or could not be."""
    told = RepairFacts(items, fault, text, RepairOutcome(outcome), parts, rma)
    with EventStore(home_folder(home)) as store:
        saved = record_repair(store, told, Place(_when(at), read_point, location))
    _show(saved, as_json)


@command.command()
@_item
@click.option("--method", required=True, help="Recovery operation, R1 to R13 (Directive 2008/98/EC annex II).")
@click.option("--output", "outputs", multiple=True, required=True, help="Material out: LINK or LINK=KILOGRAMS; repeat.")
@click.option("--disposal", help="Final disposal of the rest, D1 to D15 (annex I).")
@click.option("--waste-code", help="European List of Waste, such as '16 02 14'.")
@_at
@_read_point
@_location
@home_option
@json_option
def recycle(
    items: tuple[str, ...],
    method: str,
    outputs: tuple[str, ...],
    disposal: str | None,
    waste_code: str | None,
    at: str | None,
    read_point: str | None,
    location: str | None,
    home: str | None,
    as_json: bool,
) -> None:
    """Record that an item was recycled: it ends, materials come out."""
    told = RecyclingFacts(items, method, outputs, disposal, waste_code)
    with EventStore(home_folder(home)) as store:
        saved = record_recycling(store, told, Place(_when(at), read_point, location))
    _show(saved, as_json)


@command.command("list")
@click.option("--after", type=int, default=0, help="Only entries with a higher sequence number.")
@home_option
@json_option
def list_events(after: int, home: str | None, as_json: bool) -> None:
    """List the recorded events; NDJSON with --json."""
    with EventStore(home_folder(home)) as store:
        for entry in store.entries(after):
            body: dict[str, Any] = json.loads(entry.event.body)
            if as_json:
                emit_json({"seq": entry.seq, "event": body}, pretty=False)
            else:
                emit(f"{entry.seq:6}  {body['eventTime']}  {body['bizStep']:12}  {entry.event.event_id}")


@command.command()
@home_option
@json_option
def check(home: str | None, as_json: bool) -> None:
    """Walk the log: every entry there, in order, signed by this device."""
    with EventStore(home_folder(home)) as store:
        health = store.verify_log()
    value = {"entries": health.entries, "head": health.head.hex()}
    if as_json:
        emit_json(value)
    else:
        emit(facts(value))


def _when(at: str | None) -> datetime:
    if at is None:
        return datetime.now().astimezone()
    when = parse_time(at)
    if datetime.fromisoformat(at).tzinfo is None:  # a guess would be signed into the log for good
        raise UsageError(
            f"--at {at} does not say its offset from UTC",
            code="time-without-offset",
            action=f"write --at {when:%Y-%m-%dT%H:%M:%S}+01:00, or Z for UTC",
        )
    return when


def _show(saved: Appended, as_json: bool) -> None:
    for warning in saved.warnings:
        warn(warning)
    body: dict[str, Any] = json.loads(saved.entry.event.body)
    if as_json:
        emit_json({"saved": True, "already": saved.already, "seq": saved.entry.seq, "event": body})
    else:
        say(f"{'already recorded' if saved.already else 'saved'} as entry {saved.entry.seq}; not sent yet")
        emit(saved.entry.event.event_id)
