"""``dpptag demo``: the main job on simulated devices, through the real driver, with every verdict foretold."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from dpptag.cli.demo_scene import SLOT, TAGS, TRUST_DAYS, UHF_TAGS, Scene, build_scene, fresh_folder
from dpptag.cli.options import day_of, path_type, show_day
from dpptag.cli.output import emit, say, table
from dpptag.codec.layout import read_ndef
from dpptag.crypto import PrivateKey
from dpptag.devices import open_nfc, open_uhf, parse_device_path
from dpptag.errors import EXIT_OK, EXIT_TAG, TagError
from dpptag.events.event import RepairOutcome
from dpptag.events.store import EventStore
from dpptag.field.record import Place, RecyclingFacts, RepairFacts, record_recycling, record_repair
from dpptag.field.scan import scan
from dpptag.field.scan_uhf import scan_uhf
from dpptag.ledger import Ledger
from dpptag.line import JobPlan, KeyStatementMaker, Phase, Session, TagRecord, TrustJudge, read_job
from dpptag.links import Gen2Reader, TagReader
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import SECONDS_A_DAY, Level
from dpptag.model.verdict import Report, Verdict
from dpptag.sim import SimulatedModule, SimulatedReader, start, start_uhf
from dpptag.sync.targets import open_target, synchronise
from dpptag.tags import apply, identify, plan_write, write_and_verify
from dpptag.trust.signing import carrier_content, sign_statement

_SEED: Final = 25
_MATERIAL: Final = "https://id.gs1.org/01/09520123400019/10/CU-LOT9=0.21"
_TAGS: Final = "+".join(f"{chip}*{count}" for chip, count in TAGS)
_UHF_TAGS: Final = "+".join(f"{chip}*{count}" for chip, count in UHF_TAGS)


@dataclass(frozen=True, slots=True)
class Line:
    """One verdict beside the one that was foretold."""

    what: str
    chip_type: str
    expected: Verdict
    report: Report

    @property
    def as_expected(self) -> bool:
        return self.report.verdict is self.expected


@click.command("demo")
@click.option("--out", type=path_type(), default="demo-out", show_default=True, help="Folder for all that it makes.")
def command(out: Path) -> int:
    """Encode 25 NFC and 10 UHF tags, all simulated, through the real drivers, scan them, then meet five bad ones."""
    started = time.monotonic()
    fresh_folder(out)
    today = day_of(_now())
    scene = build_scene(out, today)
    passports = sum(count for _, count in (*TAGS, *UHF_TAGS))
    say(f"made keys, a trust bundle and {passports} passports in {out}/ (trial keys, not encrypted)")
    state = f"state={_quoted(out / 'tags.json')}"
    types = _encode(scene, scene.job, _rig(f"{state}&tags={_TAGS}&seed={_SEED}"))
    lines = _scan_all(scene, f"{state}&position=0", types)
    uhf = f"sim:uhf/m100?state={_quoted(out / 'uhf-tags.json')}"
    uhf_types = _encode(scene, scene.uhf_job, _uhf_rig(f"{uhf}&tags={_UHF_TAGS}&seed={_SEED}&mode=belt"))
    lines += _scan_uhf(scene, f"{uhf}&mode=field", uhf_types) + _bad_ones(scene, lines)
    events = _record_events(scene, lines[0].report)
    seconds = time.monotonic() - started
    good = _report(out, lines, events, seconds)
    return EXIT_OK if good else EXIT_TAG


def _now() -> datetime:
    return datetime.now(UTC)


def _quoted(path: Path) -> str:
    """For a device path: only what its syntax needs, so that names which are no text pass too."""
    return str(path).replace("%", "%25").replace("&", "%26")


@contextmanager
def _rig(query: str) -> Iterator[tuple[SimulatedReader, TagReader]]:
    path = parse_device_path(f"sim:nfc?{query}")
    with start(path.query) as simulator, open_nfc(path, node=simulator.path) as reader:
        yield simulator, reader


@contextmanager
def _uhf_rig(device: str) -> Iterator[tuple[SimulatedModule, Gen2Reader]]:
    path = parse_device_path(device)
    with start_uhf(path.family, path.query) as simulator, open_uhf(path, node=simulator.path) as reader:
        yield simulator, reader


def _encode(
    scene: Scene, job_file: Path, rig: AbstractContextManager[tuple[SimulatedReader | SimulatedModule, TagReader]]
) -> dict[str, str]:
    """Run the job; gives the chip type of every chip number. Raises TagError where not every row got its tag."""
    job = read_job(job_file)
    plan = JobPlan(job)
    types: dict[str, str] = {}

    def note(event: Phase | TagRecord) -> None:
        if isinstance(event, TagRecord):
            types[event.chip] = event.chip_type or "?"

    with Ledger(scene.folder / "home" / "ledger.sqlite3", _now) as ledger, rig as (simulator, reader):
        maker, judge = KeyStatementMaker(scene.issuer, SLOT, _now), TrustJudge(scene.trust, _now)
        session = Session(reader, ledger, plan, maker, judge, report=note, monotonic=time.monotonic, idle_seconds=5)
        summary = session.run()
        commands = simulator.host_commands
    if not summary.is_complete:
        raise TagError(f"only {summary.done} of {summary.rows} rows got their tag", code="demo-encode")
    kind = "UHF" if job.is_uhf else "NFC"
    said = f"encoded {summary.done} {kind} tags with {reader.info.driver} over a pseudo-terminal"
    say(f"{said}: {commands} host commands")
    return types


def _scan_all(scene: Scene, query: str, types: dict[str, str]) -> list[Line]:
    lines: list[Line] = []
    with _rig(query) as (_, reader):
        for report in scan(reader, scene.trust, lambda: day_of(_now()), time.monotonic, 5):
            lines.append(Line("good tag", types.get(report.chip or "", "?"), Verdict.GENUINE, report))
            if len(lines) == len(types):
                break
    return lines


def _scan_uhf(scene: Scene, device: str, types: dict[str, str]) -> list[Line]:
    """All at once: they stand in the field together."""
    lines: list[Line] = []
    with _uhf_rig(device) as (_, reader):
        for report in scan_uhf(reader, scene.trust, lambda: day_of(_now()), time.monotonic, 5):
            lines.append(Line("good UHF tag", types.get(report.chip or "", "?"), Verdict.GENUINE, report))
            if len(lines) == len(types):
                break
    return lines


def _bad_ones(scene: Scene, good: list[Line]) -> list[Line]:
    victim = good[0].report
    message = _stored_message(scene, victim)
    uid, today = victim.chip, day_of(_now())
    content = read_ndef(message)
    edited = message.replace(content.identity[-3:].encode(), b"999")
    rival = _signed(scene.rival, content.identity, "04b0b0b0b0b0b0")
    expired = scene.expires + 1
    return [
        Line("edited URI", "NTAG213", Verdict.FORGED, _written(scene, f"uid={uid}", edited, today)),
        Line(
            "copied to another chip", "NTAG213", Verdict.FORGED, _written(scene, "uid=04c0c0c0c0c0c0", message, today)
        ),
        Line("another company's key", "NTAG213", Verdict.FORGED, _written(scene, "uid=04b0b0b0b0b0b0", rival, today)),
        Line("torn tag", "NTAG213", Verdict.UNREADABLE, _torn(scene, message, today)),
        Line(
            f"trust {expired - scene.expires} day past its date",
            "NTAG213",
            Verdict.GENUINE_STALE,
            _written(scene, f"uid={uid}", message, expired),
        ),
    ]


def _stored_message(scene: Scene, report: Report) -> bytes:
    """The message of a tag, from the ledger that signed for it."""
    assert report.chip is not None
    with Ledger(scene.folder / "home" / "ledger.sqlite3", _now) as ledger:
        row = ledger.row_by_chip(ChipNumber.from_hex(report.chip))
    assert row is not None
    assert row.message is not None
    return row.message


def _signed(key: PrivateKey, uri: str, chip: str) -> bytes:
    """A statement of ``key`` in the slot that the true issuer's key has."""
    now = int(_now().timestamp()) // SECONDS_A_DAY * SECONDS_A_DAY
    statement = sign_statement(
        *(key, SLOT, uri, ChipNumber.from_hex(chip)), level=Level.MINIMAL, digest=None, digest_width=0, issued_at=now
    )
    return carrier_content(uri, statement)


def _scan_one(scene: Scene, reader: TagReader, today: int) -> Report:
    return next(scan(reader, scene.trust, lambda: today, time.monotonic, 5))


def _written(scene: Scene, query: str, message: bytes, today: int) -> Report:
    with _rig(query) as (_, reader):
        link = reader.sense()
        assert link is not None
        write_and_verify(link, identify(link), message)
        return _scan_one(scene, reader, today)


def _torn(scene: Scene, message: bytes, today: int) -> Report:
    """A tag that is pulled in the middle of a page write, and laid on the reader again."""
    state = _quoted(scene.folder / "torn.json")
    with _rig(f"state={state}&fault=tear@40") as (simulator, reader):
        link = reader.sense()
        assert link is not None
        with suppress(TagError):
            apply(link, plan_write(identify(link), message))
        if not simulator.faults_fired:
            raise TagError("the tag of the demo did not tear", code="demo-tear")
    with _rig(f"state={state}") as (_, reader):
        return _scan_one(scene, reader, today)


def _record_events(scene: Scene, report: Report) -> dict[str, object]:
    """A repair and a recycling of the first item, synchronised to a file."""
    assert report.identity is not None
    place = Place(datetime.now().astimezone(), None, None)
    with EventStore(scene.folder / "home") as store:
        repair = RepairFacts([report.identity], "battery-swollen", "pack swollen", RepairOutcome.FIXED, [], None)
        recycling = RecyclingFacts([report.identity], "R4", [_MATERIAL], "D1", "16 02 14")
        saved = [record_repair(store, repair, place), record_recycling(store, recycling, place)]
        target = scene.folder / "events.json"
        sync = synchronise(store, open_target(str(target), {}))
    return {
        "recorded": [one.entry.event.event_id for one in saved],
        "synchronised_to": target.name,
        "stored": sync.stored,
    }


def _report(out: Path, lines: list[Line], events: dict[str, object], seconds: float) -> bool:
    good = all(line.as_expected for line in lines)
    counts = Counter(line.report.verdict.value for line in lines)
    value = {
        "simulated": True,
        "ok": good,
        "seconds": round(seconds, 2),
        "tags": [
            {
                "n": number,
                "what": line.what,
                "type": line.chip_type,
                "chip": line.report.chip,
                "identity": line.report.identity,
                "level": line.report.level,
                "expected": line.expected.value,
                "verdict": line.report.verdict.value,
                "as_expected": line.as_expected,
                "reason": line.report.reason,
            }
            for number, line in enumerate(lines, 1)
        ],
        "counts": {verdict.value: counts.get(verdict.value, 0) for verdict in Verdict},
        "as_expected": sum(line.as_expected for line in lines),
        "not_as_expected": sum(not line.as_expected for line in lines),
        "events": events,
    }
    (out / "report.json").write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    rows = [
        (
            str(number),
            line.what,
            line.chip_type,
            line.report.chip or "-",
            line.report.level or "-",
            f"{line.report.verdict.sign:3} {line.report.verdict.value}",
            "as expected" if line.as_expected else f"EXPECTED {line.expected.value}",
        )
        for number, line in enumerate(lines, 1)
    ]
    emit(table(("", "tag", "type", "chip", "level", "verdict", ""), rows))
    emit("")
    emit(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f"; {seconds:.1f} s, all simulated")
    emit(f"trust data good to {show_day(day_of(_now()) + TRUST_DAYS)}; one repair, one recycling recorded")
    emit(f"report: {out / 'report.json'}   events: {out / 'events.json'}")
    if not good:
        say("NOT every verdict is the expected one: see the table")
    return good
