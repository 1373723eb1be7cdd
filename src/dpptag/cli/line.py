"""``dpptag line``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from dpptag.cli.device import opened_reader, own_profiles_option
from dpptag.cli.options import (
    Seconds,
    at_terminal,
    home_folder,
    home_option,
    json_option,
    load_private_key,
    load_trust,
    path_type,
)
from dpptag.cli.output import emit, emit_json, facts, say, table
from dpptag.cli.tag_master import load_tag_keys
from dpptag.crypto import PrivateKey
from dpptag.devices import parse_device_path
from dpptag.errors import EXIT_LEDGER, EXIT_OK, EXIT_TAG, UsageError
from dpptag.ledger import Ledger
from dpptag.line import (
    Job,
    JobPlan,
    Judge,
    KeyJudge,
    KeyStatementMaker,
    LineReport,
    Phase,
    Resolver,
    RunEnd,
    RunSummary,
    Session,
    TagGuard,
    TagRecord,
    TrustJudge,
    check_trust,
    find_row,
    line_report,
    read_job,
    void_row,
)
from dpptag.line.signing import day_of
from dpptag.model.outcome import TagOutcome
from dpptag.tags import Lock, Protection, identify
from dpptag.trust.store import TrustStore

LEDGER = "ledger.sqlite3"
_job_argument = click.argument("job", type=path_type())


@click.group("line")
def command() -> None:
    """Encode a job's tags on the production line: every serial once, every tag read back."""


@command.command()
@_job_argument
@click.option("--device", help="Reader; see dpptag tag read --help.")
@own_profiles_option
@click.option("--dry-run", is_flag=True, help="Check the job and show its plan; no device, no ledger.")
@click.option("--wait", type=Seconds(), help="End after this many seconds without a tag [default: wait for ever].")
@home_option
@json_option
def run(job: Path, device: str | None, dry_run: bool, wait: float | None, home: str | None, as_json: bool) -> int:
    """Run JOB.toml until every row has its tag. NDJSON with --json: one object a tag, then a summary."""
    the_job = read_job(job)
    plan = JobPlan(the_job)
    if dry_run:
        _show_plan(plan, as_json)
        return EXIT_OK
    if device is None:
        raise UsageError("a run needs --device", code="device-missing")
    _check_kind(the_job, device)
    key = _signing_key(the_job)
    trust = _trust(the_job)
    if trust is not None:
        check_trust(the_job, trust, key.public_key, day_of(_now()))
    maker = KeyStatementMaker(key, the_job.signing.slot, _now, mirrored=the_job.mirrored)
    judge = _judge(the_job, trust, key)
    guard = _guard(the_job)
    with _ledger(home) as ledger, opened_reader(device, lasting=True) as reader:
        say(f"job {the_job.name}: {len(the_job.rows)} rows, {reader.info.model} at {device}")
        created = not ledger.jobs()
        if created:
            say(
                f"ATTENTION: new ledger {home_folder(home) / LEDGER}: it knows of no tag encoded so far. If there are "
                "any, stop and put their ledger back: serials would be given out twice"
            )
        session = Session(
            *(reader, ledger, plan, maker, judge, guard),
            report=_reporter(as_json),
            monotonic=time.monotonic,
            idle_seconds=wait,
        )
        summary = session.run()
    _show_summary(summary, as_json, by_trust=trust is not None, created=created)
    return EXIT_OK if summary.is_complete else EXIT_TAG


@command.command()
@_job_argument
@click.option("--device", help="Reader on which the open tags are laid.")
@own_profiles_option
@click.option(
    "--void", "target", help="Give up one row: its number in JOB; or, of any job, its chip number in hex or NAME:ROW."
)
@click.option("--reason", help="Why, for --void; goes into the ledger.")
@click.option("--yes", is_flag=True, help="Do not ask before --void.")
@click.option("--wait", type=Seconds(), default=30.0, show_default=True, help="Seconds without a tag that end it.")
@home_option
@json_option
def resolve(
    job: Path,
    device: str | None,
    target: str | None,
    reason: str | None,
    yes: bool,
    wait: float,
    home: str | None,
    as_json: bool,
) -> int:
    """Settle what a crash or a pulled tag left open: by reading the tags, never by guessing."""
    the_job = read_job(job)
    if target is not None:
        # A bare number is a row of the job named here, not of the only job that the ledger may happen to know.
        target = f"{the_job.name}:{target}" if target.isdecimal() and len(target) < 10 else target
        return _void(target, reason, yes=yes, device=device, home=home, as_json=as_json)
    with _ledger(home) as ledger:
        if not any(row.chip is not None for row in ledger.open_rows() if row.job == the_job.name):
            reserved = [row for row in ledger.open_rows() if row.job == the_job.name]
            say(f"nothing to settle: no tag of job {the_job.name} is half-way")
            if as_json:
                emit_json({"settled": 0, "conflicts": [], "waiting": [], "reserved": len(reserved)}, pretty=False)
            return EXIT_OK
        if device is None:
            raise UsageError("open rows are settled by reading their tags: give --device", code="device-missing")
        _check_kind(the_job, device)
        key = _signing_key(the_job)
        judge = _judge(the_job, _trust(the_job), key)
        guard = _guard(the_job)
        with opened_reader(device, lasting=True) as reader:
            resolver = Resolver(
                *(reader, ledger, judge, guard),
                job=the_job.name,
                report=_reporter(as_json),
                monotonic=time.monotonic,
                idle_seconds=wait,
                allow_format=the_job.allow_format,
            )
            result = resolver.run()
    value = {
        "settled": len(result.settled),
        "conflicts": [row.chip.hex for row in result.conflicts if row.chip],
        "waiting": [row.chip.hex for row in result.waiting if row.chip],
        "reserved": len(result.reserved),
    }
    if as_json:
        emit_json(value, pretty=False)
    else:
        emit(facts(value))
    if not result.is_complete:
        say("not all is settled: lay the waiting tags on the reader and call again, or give them up with --void CHIP")
    return EXIT_LEDGER if result.conflicts else EXIT_OK if result.is_complete else EXIT_TAG


@command.command()
@click.argument("job", required=False)
@home_option
@json_option
def report(job: str | None, home: str | None, as_json: bool) -> None:
    """What the ledger knows: of one job by its name, or of all."""
    with _ledger(home) as ledger:
        found = line_report(ledger, job)
    if as_json:
        emit_json(found)
    else:
        _show_report(found)


def _void(target: str, reason: str | None, *, yes: bool, device: str | None, home: str | None, as_json: bool) -> int:
    if not reason:
        raise UsageError("--void needs --reason", code="reason-missing", action="say why, it goes into the ledger")
    with _ledger(home) as ledger:
        row = find_row(ledger, target)
        chip = row.chip.hex if row.chip else None
        if not yes:
            if not at_terminal():
                raise UsageError("--void asks first, and there is no terminal", code="confirm", action="add --yes")
            named = f"row {row.item.number} of job {row.job}, {row.item.identity} on chip {chip}"
            typed = click.prompt(f"{named}: type VOID to give it up", err=True)
            if typed != "VOID":
                raise UsageError("not confirmed: nothing was changed", code="declined")
        if device is None:
            voided = void_row(ledger, row, reason)
        else:
            with opened_reader(device) as reader:
                link = reader.sense()
                voided = void_row(ledger, row, reason, identify(link) if link is not None else None)
        revoked = row.chip is not None and ledger.is_revoked(row.item.identity, row.chip)
    value = {
        "job": voided.job,
        "row": voided.item.number,
        "identity": voided.item.identity,
        "chip": chip,
        "state": voided.state.value,
        "on_revocation_list": revoked,
    }
    if as_json:
        emit_json(value)
    else:
        emit(facts(value))
    return EXIT_OK


def _ledger(home: str | None) -> AbstractContextManager[Ledger]:
    return Ledger(home_folder(home) / LEDGER, _now)


def _now() -> datetime:
    return datetime.now(UTC)


def _signing_key(job: Job) -> PrivateKey:
    return load_private_key(job.signing.key, str(job.signing.passphrase_file) if job.signing.passphrase_file else None)


def _trust(job: Job) -> TrustStore | None:
    return load_trust(job.trust.bundle, job.trust.root) if job.trust is not None else None


def _judge(job: Job, trust: TrustStore | None, key: PrivateKey) -> Judge:
    if trust is not None:
        return TrustJudge(trust, _now)
    say("no [trust] in the job: tags are judged by the signing key alone; key period and issuer are not checked")
    return KeyJudge(key.public_key, job.signing.slot)


def _guard(job: Job) -> TagGuard | None:
    if job.protection.is_none:
        return None
    master = job.tag_master
    keys = None
    if master is not None:
        keys = load_tag_keys(master.file, str(master.passphrase_file) if master.passphrase_file else None)
    say(f"every tag gets: {_protection_text(job.protection)}")
    return TagGuard(job.protection, keys)


def _protection_text(protection: Protection) -> str:
    asked = []
    if protection.password:
        asked.append("a password or key of its own")
    if protection.sun:
        asked.append("SUN mirroring")
    if protection.lock is Lock.PERMANENT:
        asked.append("a permanent lock (IRREVERSIBLE)")
    return ", ".join(asked)


_WORDS = {Phase.WAITING: "lay the next tag on the reader", Phase.WORKING: "hold still", Phase.TAKE_AWAY: "take it away"}


def _reporter(as_json: bool) -> Callable[[Phase | TagRecord], None]:
    def tell(event: Phase | TagRecord) -> None:
        if isinstance(event, Phase):
            if sys.stderr.isatty():
                say(f"  ... {_WORDS[event]}")
        elif as_json:
            emit_json({**asdict(event), "outcome": event.outcome.value}, pretty=False)
            sys.stdout.flush()
        else:
            emit(_record_text(event))

    return tell


def _record_text(record: TagRecord) -> str:
    sign = "✔" if record.is_good else "✘"
    row = f"row {record.row}" if record.row is not None else "no row"
    line = f"{sign} {record.outcome.value.upper():12} {record.chip}  {record.chip_type or '-':8} {row}  "
    line += record.identity or ""
    if record.code:
        line += f"\n    [{record.code}] {record.message}; the tag is {record.tag_state}"
        line += f"\n    next: {record.action}" if record.action else ""
    return line


def _check_kind(job: Job, device: str) -> None:
    """Raises UsageError where the reader cannot meet a tag of the job."""
    if parse_device_path(device).is_uhf == job.is_uhf:
        return
    wanted, example = ("a UHF module", "uhf:/dev/ttyUSB0?profile=NAME") if job.is_uhf else ("an NFC reader", "nfc:...")
    raise UsageError(
        f"job {job.name} has {'UHF' if job.is_uhf else 'NFC'} tags and needs {wanted}, which {device} is not",
        code="device-other-kind",
        action=f"name one: {example}; dpptag devices list shows what is plugged in",
        device=device,
    )


def _show_plan(plan: JobPlan, as_json: bool) -> None:
    chips = [
        {
            "chip": chip.chip,
            "placements": [
                {"level": level, "digest": width, "rows": count} for (level, width), count in chip.placements.items()
            ],
            "spare": chip.spare,
            "tightest_row": chip.tightest,
            **({"epc_schemes": dict(chip.carriers)} if plan.job.is_uhf else {}),
        }
        for chip in plan.chips
    ]
    if as_json:
        protect = {
            "lock": plan.job.protection.lock.value,
            "password": plan.job.protection.password,
            "sun": plan.job.protection.sun,
        }
        emit_json({"job": plan.job.name, "rows": len(plan.job.rows), "chips": chips, "protect": protect})
        return
    if not plan.job.protection.is_none:
        emit(f"every tag gets: {_protection_text(plan.job.protection)}")
    emit(f"job {plan.job.name}: {len(plan.job.rows)} rows, all checked; nothing was written")
    rows = [
        (chip.chip, level, str(width), str(count), str(chip.spare))
        for chip in plan.chips
        for (level, width), count in chip.placements.items()
    ]
    emit(table(("chip", "level", "digest", "rows", "least bytes spare"), rows))
    for chip in plan.chips if plan.job.is_uhf else ():
        schemes = ", ".join(f"{count} {scheme}" for scheme, count in sorted(chip.carriers.items()))
        emit(f"EPCs on {chip.chip}: {schemes}")


def _show_summary(summary: RunSummary, as_json: bool, *, by_trust: bool, created: bool) -> None:
    value = {
        "job": summary.job,
        "judged_by": "trust-data" if by_trust else "signing-key",
        "ledger_created": created,
        "end": summary.end.value,
        "rows": summary.rows,
        "done": summary.done,
        "unstarted": summary.unstarted,
        "open": len(summary.open_rows),
        "outcomes": {outcome.value: summary.outcomes.get(outcome, 0) for outcome in TagOutcome},
    }
    if as_json:
        emit_json({"summary": value}, pretty=False)
    else:
        say(f"job {summary.job}: {summary.done} of {summary.rows} rows done ({summary.end.value})")
    if summary.end is RunEnd.STOPPED:
        say("stopped: too many tags failed in a row. Look at reader and tags, then run again")
    if summary.open_rows:
        say(f"{len(summary.open_rows)} rows are open. Next: dpptag line resolve JOB.toml --device DEVICE")


def _show_report(found: LineReport) -> None:
    for one in found["jobs"]:
        counts = ", ".join(f"{count} {state}" for state, count in one["counts"].items() if count)
        emit(f"job {one['job']}: {one['rows_in_file']} rows, {counts or 'none begun'}")
        if one["rows"]:
            rows = [
                (str(row["row"]), row["state"], row["chip"] or "-", row["level"] or "-", row["identity"])
                for row in one["rows"]
            ]
            emit(table(("row", "state", "chip", "level", "identity"), rows))
    for revocation in found["revocations"]:
        emit(f"to revoke: {revocation['identity']} on {revocation['chip']}: {revocation['reason']}")
