"""``dpptag scan``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from dpptag.cli.device import device_option, is_uhf, opened_reader
from dpptag.cli.options import (
    Seconds,
    day_of,
    home_folder,
    home_option,
    json_option,
    load_trust,
    passphrase_option,
)
from dpptag.cli.output import emit, emit_json, say
from dpptag.cli.tag_master import load_tag_keys
from dpptag.cli.verdict import verdict_text, verdict_value
from dpptag.errors import TagNotFound
from dpptag.field.authenticity import ChipCheck
from dpptag.field.scan import scan, worst_exit_code
from dpptag.field.scan_uhf import scan_uhf
from dpptag.field.sun_counters import SunCounters
from dpptag.links import Gen2Reader, NfcReader
from dpptag.model.verdict import Report
from dpptag.trust.store import TrustStore

COUNTERS = "sun-counters.json"
"""In the home folder: the highest counter seen of each chip that makes a MAC at every tap."""


@click.command("scan")
@device_option
@click.option("--trust", required=True, help="Trust bundle, issuers.cose.")
@click.option("--root", required=True, help="Pinned root key, root.pub.")
@click.option("--count", type=click.IntRange(1), help="End after this many tags [default: at Ctrl-C].")
@click.option("--wait", type=Seconds(), help="End after this many seconds without a new tag.")
@click.option("--tag-master", help="Tag master key: checks the MACs of NTAG 424 DNA chips (SUN) too.")
@passphrase_option
@home_option
@json_option
def command(
    device: str,
    trust: str,
    root: str,
    count: int | None,
    wait: float | None,
    tag_master: str | None,
    passphrase_file: str | None,
    home: str | None,
    as_json: bool,
) -> int:
    """Judge tag after tag, offline. NDJSON with --json: one verdict a tag. The worst verdict is the exit code."""
    store = load_trust(trust, root)
    chip_check = ChipCheck()
    if tag_master is not None:
        counters = SunCounters(home_folder(home) / COUNTERS)
        chip_check = ChipCheck(load_tag_keys(tag_master, passphrase_file), counters)
    codes: list[int] = []
    with opened_reader(device, lasting=True) as reader:
        say(f"{reader.info.model}: lay a tag on the reader, Ctrl-C ends")
        for report in _reports(reader, store, wait, chip_check):
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


def _reports(
    reader: NfcReader | Gen2Reader, trust: TrustStore, wait: float | None, chip_check: ChipCheck
) -> Iterator[Report]:
    if is_uhf(reader):
        return scan_uhf(reader, trust, _today, time.monotonic, wait)
    return scan(reader, trust, _today, time.monotonic, wait, chip_check)


def _today() -> int:
    return day_of(datetime.now(UTC))
