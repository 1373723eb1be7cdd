"""``dpptag sync``."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from dpptag.cli.options import home_folder, home_option, json_option
from dpptag.cli.output import emit_json, say
from dpptag.errors import SyncIncomplete
from dpptag.events.outbox import Outbox
from dpptag.events.store import EventStore
from dpptag.sync.targets import open_target, synchronise


@click.command("sync")
@click.option("--to", "target", required=True, help="EPCIS 2.0 service (https://host/path) or a file.")
@click.option("--retry-rejected", is_flag=True, help="Try again what the receiver refused.")
@home_option
@json_option
def command(target: str, retry_rejected: bool, home: str | None, as_json: bool) -> None:
    """Send recorded events that the receiver has not confirmed. Exit 9: incomplete, everything is still queued."""
    receiver = open_target(target, os.environ)
    with EventStore(home_folder(home)) as store:
        if "://" in target:
            say(f"sending to {receiver.name}; a receiver that does not answer is given up after about two minutes")
        try:
            report = synchronise(store, receiver, retry_rejected=retry_rejected)
        except SyncIncomplete as error:
            for parked in Outbox(store, receiver.name).parked():
                say(f"refused by the receiver, kept here: entry {parked.seq}, {parked.event_id}: {parked.reason}")
            say(f"nothing is lost: {error.facts['pending']} events are still queued")
            raise
    if as_json:
        emit_json(asdict(report))
    else:
        say(f"{report.target}: {report.stored} stored now, {report.already} before; nothing is left to send")
