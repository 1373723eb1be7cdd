"""``dpptag scan``."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from dpptag.cli.device import device_option, opened_reader
from dpptag.cli.options import Seconds, day_of, json_option, load_trust
from dpptag.cli.output import emit, emit_json, say
from dpptag.cli.verdict import verdict_text, verdict_value
from dpptag.errors import TagNotFound
from dpptag.field.scan import scan, worst_exit_code


@click.command("scan")
@device_option
@click.option("--trust", required=True, help="Trust bundle, issuers.cose.")
@click.option("--root", required=True, help="Pinned root key, root.pub.")
@click.option("--count", type=click.IntRange(1), help="End after this many tags [default: at Ctrl-C].")
@click.option("--wait", type=Seconds(), help="End after this many seconds without a new tag.")
@json_option
def command(device: str, trust: str, root: str, count: int | None, wait: float | None, as_json: bool) -> int:
    """Judge tag after tag, offline. NDJSON with --json: one verdict a tag. The worst verdict is the exit code."""
    store = load_trust(trust, root)
    codes: list[int] = []
    with opened_reader(device) as reader:
        say(f"{reader.info.model}: lay a tag on the reader, Ctrl-C ends")
        for report in scan(reader, store, lambda: day_of(datetime.now(UTC)), time.monotonic, wait):
            if as_json:
                emit_json(verdict_value(report), pretty=False)
            else:
                emit(verdict_text(report))
            codes.append(report.exit_code)
            if count is not None and len(codes) >= count:
                break
    if not codes:
        raise TagNotFound("no tag came to the reader", action="lay a tag on the reader, or give a longer --wait")
    return worst_exit_code(codes)
