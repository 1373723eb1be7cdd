"""One fault at one host command of a real line job that writes, verifies, protects and locks a tag; then the job again.

``python tools/fault_sweep.py`` prints the table. Every case starts from the same two tags and the same ledger: the tag
in hand carries a message of somebody else, which the job may overwrite; the other tag, which ``swap`` lays down in its
place, is a finished, writable tag of another job. What the tags hold is read from the simulator's state past our own
code, what the ledger holds by SQL.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final

from dpptag.crypto import PrivateKey, parse_private_pem
from dpptag.devices.nfcpy import NfcpyReader
from dpptag.errors import DeviceError, DpptagError
from dpptag.ledger import Ledger
from dpptag.line import JobPlan, KeyJudge, KeyStatementMaker, Session, TagGuard, TagRecord, read_job
from dpptag.links import NfcReader
from dpptag.sim import start
from dpptag.tags.key_derivation import DerivedKeys
from tests.fork_server import Child, ForkServer
from tests.line.job_folder import JobFolder
from tests.line.line_rig import NOW, Told, counted_clock
from tests.line.production_line import Case
from tests.line.sweep_stations import PcscStation, PtyStation, Run, Station, memory_folder
from tests.line.swept_chips import Ntag213, Ntag424, Record, Slix2, SweptChip
from tests.pcsc_rig import pcsc_rig

OLD: Final = bytes.fromhex("D1 01 3E 55 04") + b"somebody.example/what-stood-here-before-the-job-0123456789ABC"
MASTER: Final = bytes(range(16))
KILLS: Final = ("hold", "hold-after")
FAULTS: Final = ("no-answer", "mute", "nak", "short", "trim", "garbage", "pull", "swap", *KILLS)
"""In words: the reader does not answer; the tag does not; the tag refuses; the reader's answer is cut; the tag's answer
is a byte short; garbage; the tag leaves; another takes its place; the process is killed before or after it."""
AT_THE_TAG: Final = frozenset({"mute", "nak", "trim"})
"""They wait for the next command that goes to the tag: ordered at any host command between, they are the same case."""
_IDLE: Final = 0.1  # of the counted clock: ten looks for a tag
_TRIES: Final = 8
"""A machine too busy to answer or to kill within the driver's time-out of a tenth of a second tries again."""

LOCK: Final = {"protect__lock": '"permanent"'}
PASSWORD: Final = LOCK | {"protect__password": "true", "protect__master": '"tag-master.key"'}


@unique
class Left(Enum):
    """What the fault left of the message on the tag in hand."""

    OLD = "old"
    EMPTY = "empty"
    COMPLETE = "complete"


class CaseError(AssertionError):
    """A case after which the tag or the ledger is not as it must be."""


@dataclass(frozen=True)
class Outcome:
    """``fired_at``: the host command that the fault hit, None where it never went off."""

    fault: str
    asked_at: int
    fired_at: int | None
    left: Left
    partly_locked: bool
    secret_set: bool
    reruns: int


@dataclass
class Tally:
    """One line of the table. ``asked``: the host commands that a fault was ordered for; ``fired``: the faults that went
    off, those that would hit the same command of the tag counted once."""

    commands: int = 0
    asked: int = 0
    fired: int = 0
    left: Counter[Left] = field(default_factory=Counter)
    partly_locked: int = 0
    secret_set: int = 0
    done_at_once: int = 0
    finished: int = 0
    later: int = 0

    def add(self, outcome: Outcome, stood_for: int) -> None:
        self.asked += stood_for
        self.fired += outcome.fired_at is not None
        self.left[outcome.left] += 1
        self.partly_locked += outcome.partly_locked
        self.secret_set += outcome.secret_set
        self.done_at_once += outcome.reruns == 0
        self.finished += outcome.reruns == 1
        self.later += outcome.reruns > 1

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            max(self.commands, other.commands),
            self.asked + other.asked,
            self.fired + other.fired,
            self.left + other.left,
            self.partly_locked + other.partly_locked,
            self.secret_set + other.secret_set,
            self.done_at_once + other.done_at_once,
            self.finished + other.finished,
            self.later + other.later,
        )

    def row(self, name: str, fault: str) -> str:
        left = "".join(f"{self.left[state]:>9}" for state in Left)
        rest = "".join(
            f"{count:>9}"
            for count in (self.partly_locked, self.secret_set, self.done_at_once, self.finished, self.later)
        )
        return f"{name:27}{fault:>11}{self.commands:>9}{self.asked:>9}{self.fired:>9}{left}{rest}"


HEADER: Final = f"{'chip, protection':27}{'fault':>11}" + "".join(
    f"{word:>9}"
    for word in (
        "commands",
        "asked",
        "fired",
        *(state.value for state in Left),
        "partly",
        "secret",
        "at once",
        "by rerun",
        "later",
    )
)
"""``partly``: locks begun and not ended when the fault had ended the run; ``secret``: a password or key set by then.
Finished in the same run, by the next one, or by a later one: as where the machine was too busy for the driver."""


class Sweep:
    """One chip under one protection. Close it: it keeps its tags and ledgers in a folder of its own."""

    def __init__(self, chip: SweptChip, protection: Mapping[str, str], station: Station) -> None:
        self.chip = chip
        self.station = station
        self._folder = tempfile.TemporaryDirectory(prefix="dpptag-sweep-", dir=memory_folder())
        self.path = Path(self._folder.name)
        self._cases = 0
        self._server: ForkServer | None = None
        self._stranger = self._other_job()
        self.folder = JobFolder(self.path / "job", 1)
        (self.folder.path / "tag-master.key").touch()
        self.folder.write_job(**_allowing(chip, line__overwrite="true", **protection))
        self.begun = self._tags(self.path / "begun")
        for _ in range(_TRIES):
            self.clean, run = self.case(), Run()
            told = self._run(self.clean, "", run)
            if told.outcomes == ["encoded"]:
                break
        if told.outcomes != ["encoded"]:
            raise CaseError(f"an undisturbed run does not encode: {told.records}")
        self.commands = run.commands
        done = self._records(self.clean)[0]
        self.whole_locks, self.whole_secrets, self.still = chip.locks(done), chip.secrets(done), chip.still(done)
        if not self.whole_locks - chip.locks(self.begun[0]):
            raise CaseError("an undisturbed run locks nothing")

    def close(self) -> None:
        if self._server is not None:
            self._server.__exit__(None, None, None)
        self._folder.cleanup()

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The cases

    def tally(self, fault: str, part: int = 0, parts: int = 1, every: int = 1) -> Tally:
        """``fault`` at each host command of this part, or at one in ``every``. Raises CaseError."""
        tally = Tally(self.commands)
        for outcome, stands_for in self._points(fault, part, parts, every):
            tally.add(outcome, stands_for)
        return tally

    def _points(self, fault: str, part: int, parts: int, every: int) -> Iterator[tuple[Outcome, int]]:
        """Each outcome with the number of host commands that it stands for."""
        share = -(-self.commands // parts)
        last = min((part + 1) * share, self.commands)
        # Each kind of fault begins at another command, so that together they hit more of them where few are taken.
        at = 1 + part * share + FAULTS.index(fault) * every // len(FAULTS)
        while at <= last:
            outcome = self.check(fault, at)
            beyond = outcome.fired_at is None or outcome.fired_at > last
            stands_for = 1
            if fault in AT_THE_TAG and every == 1:
                stands_for = (last if beyond or outcome.fired_at is None else max(at, outcome.fired_at)) - at + 1
            yield replace(outcome, fired_at=None) if beyond else outcome, stands_for
            at += max(stands_for, every)

    def check(self, fault: str, at: int) -> Outcome:
        """One case from beginning to end. Raises CaseError."""
        where = f"{self.chip.kind} {fault}@{at}"
        try:
            return self._check(fault, at)
        except (AssertionError, DpptagError) as error:
            raise CaseError(f"{where}: {error}") from error

    def _check(self, fault: str, at: int) -> Outcome:
        for _ in range(_TRIES):
            case = self.case()
            run = Run()
            order = f"{fault}@{at}"
            claims = self._killed(case, order, run) if fault in KILLS else self._run(case, order, run)
            if run.fired_at or fault in AT_THE_TAG:
                break
        left, partly, secret = self._check_between(case)
        finished = self._is_finished(case)
        _must(finished or not _claimed(claims), f"success was claimed: {claims.records}")
        reruns = 0
        while not finished and reruns < _TRIES:
            reruns += 1
            self._run(case, "", Run())
            finished = self._is_finished(case)
        self._check_end(case)
        shutil.rmtree(case.path)
        return Outcome(fault, at, run.fired_at[0] if run.fired_at else None, left, partly, secret, reruns)

    def case(self) -> Case:
        self._cases += 1
        case = Case(self.path / f"case-{self._cases}")
        case.home.mkdir(parents=True)
        shutil.copy(self._other.home / "ledger.sqlite3", case.home / "ledger.sqlite3")
        state = {"version": 1, "position": 0, "faults_fired": [], "tags": self.begun}
        case.state.write_text(json.dumps(state))
        return case

    # Runs

    def _run(self, case: Case, fault: str, run: Run) -> Told:
        """The job once, in this process. An error that ends the run is no matter: what it left is looked at."""
        told = Told()
        query = f"state={case.state}&position=0&dwell=1000&{f'fault={fault}' if fault else ''}"
        try:
            with self.station.reader(query, run) as reader:
                seconds = self.station.seconds_for_another_tag if fault.startswith("swap") else 0.0
                work(reader, case.home, self.folder.path, self.folder.key, told, seconds)
        except DpptagError as error:
            if not fault and not isinstance(error, DeviceError):
                raise CaseError(f"without a fault: {error.message}") from error
        return told

    def _killed(self, case: Case, fault: str, run: Run) -> Told:
        """The job in a process of its own, killed at ``fault``; what it had reported by then."""
        server = self._fork_server()
        for _ in range(_TRIES):

            def spawn(device: str) -> Child:
                driver = type(self.station).__name__
                return server.start(driver, device, str(case.home), str(self.folder.path), module=__name__)

            query = f"state={case.state}&position=0&dwell=1000&fault={fault}"
            ended = self.station.kill(query, spawn)
            if ended.code == -signal.SIGKILL:
                run.fired_at.append(int(fault.partition("@")[2]))
                return Told(records=[TagRecord(**json.loads(line)) for line in ended.stdout.splitlines()])
            if ended.code == 0:
                raise CaseError(f"the run ended before it was killed: {ended}")
            fresh = self.case()
            shutil.rmtree(case.path)
            fresh.path.rename(case.path)
        raise CaseError(f"never killed: {ended}")

    def _fork_server(self) -> ForkServer:
        if self._server is None:
            self._server = ForkServer(__name__, "dpptag.devices.pcsc_driver", environment=_pcsc_environment())
        return self._server

    # Checks

    def _check_between(self, case: Case) -> tuple[Left, bool, bool]:
        record, stranger = self._records(case)
        _must(stranger == self.begun[1], "the other tag was changed")
        row = self._row(case)
        left = self._left(record, row)
        locks, secrets = self.chip.locks(record), self.chip.secrets(record)
        new_locks = locks - self.chip.locks(self.begun[0])
        _must(new_locks <= self.whole_locks, f"locked more than asked for: {sorted(new_locks - self.whole_locks)}")
        verified = row is not None and row["state"] in ("verified", "locked")
        _must(not new_locks or (left is Left.COMPLETE and verified), f"locked: {left.value}, {row and row['state']}")
        partly = bool(new_locks) and locks != self.whole_locks
        _must(not partly or (row is not None and row["state"] == "verified"), "locked half-way and done in the ledger")
        set_now = {name for name, value in secrets.items() if value != self.chip.secrets(self.begun[0])[name]}
        if set_now:
            _must(
                row is not None and row["state"] in ("verified", "locked"),
                "a secret was set before the tag was verified",
            )
            told = bool(row and "AN10922" in (row["protection"] or ""))
            _must(told, "a secret was set whose derivation the ledger does not know")
            strange = {name for name in set_now if secrets[name] != self.whole_secrets[name]}
            _must(not strange, f"a secret that was never derived: {strange}")
        return left, partly, bool(set_now)

    def _left(self, record: Record, row: Mapping[str, Any] | None) -> Left:
        message = self.chip.message(record)
        if message == OLD:
            return Left.OLD
        if message == b"":
            return Left.EMPTY
        _must(row is not None and message is not None and message == row["message"], f"a wrong message: {message!r}")
        return Left.COMPLETE

    def _is_finished(self, case: Case) -> bool:
        row, record = self._row(case), self._records(case)[0]
        done = self.chip.locks(record) == self.whole_locks and self.chip.still(record) == self.still
        if row is not None and row["state"] == "locked":
            _must(done and self.chip.message(record) == row["message"], "the ledger says locked and the tag is not")
            return True
        return False

    def _check_end(self, case: Case) -> None:
        record, stranger = self._records(case)
        _must(stranger == self.begun[1], "the other tag was changed by the second run")
        row = self._row(case)
        _must(row is not None and row["state"] == "locked", f"not finished by a second run: {row and row['state']}")
        _must(row is not None and self.chip.message(record) == row["message"], "the message is not that of the row")
        _must(self.chip.locks(record) == self.whole_locks, "not all is locked")
        _must(self.chip.still(record) == self.still, "the tag is not as after an undisturbed run")
        rows = case.ledger().rows
        identities = [row["identity"] for row in rows]
        chips = [row["chip"] for row in rows]
        _must(len(rows) == len(set(identities)) == len(set(chips)) == 2, "a serial or chip is in the ledger twice")

    def _row(self, case: Case) -> Mapping[str, Any] | None:
        """The row of the job; None before it is reserved. The other row is that of the other job."""
        ledger = case.ledger()
        rows = [row for row in ledger.rows if row["chip"] is None or row["chip"].hex() != self.begun[1]["uid"]]
        _must(len(rows) <= 1, f"{len(rows)} rows for one tag")
        _must(not ledger.revocations, "a row was given up")
        return rows[0] if rows else None

    def _records(self, case: Case) -> list[Record]:
        tags: list[Record] = json.loads(case.state.read_text())["tags"]
        return tags

    # What every case begins with

    def _other_job(self) -> Record:
        """A finished tag of another job, in the ledger that every case begins with."""
        folder = JobFolder(self.path / "other", 1)
        folder.write_rows([["gtin", "serial"], ["09520123456788", "OTHER"]])
        folder.write_passport("OTHER")
        folder.write_job(**_allowing(self.chip, job__name='"other"', line__overwrite="true"))
        tags = self._tags(self.path / "others")
        for number in range(_TRIES):
            self._other = Case(self.path / f"other-case-{number}")
            self._other.home.mkdir(parents=True)
            self._other.state.write_text(json.dumps({"version": 1, "position": 1, "faults_fired": [], "tags": tags}))
            told = Told()
            query = f"state={self._other.state}&dwell=1000&"
            with contextlib.suppress(DeviceError), self.station.reader(query, Run()) as reader:
                work(reader, self._other.home, folder.path, folder.key, told)
            if told.outcomes == ["encoded"]:
                break
        if told.outcomes != ["encoded"]:
            raise CaseError(f"the other tag is not encoded: {told.records}")
        return self._records(self._other)[1]

    def _tags(self, state: Path) -> list[Record]:
        start(f"state={state}&tags={self.chip.kind}*2&seed=7").close()
        tags: list[Record] = json.loads(state.read_text())["tags"]
        for tag in tags:
            self.chip.put(tag, OLD)
        if hasattr(self, "_stranger"):
            tags[1] = self._stranger
        return tags


def _allowing(chip: SweptChip, **job: str) -> dict[str, str]:
    return {"chips__allowed": json.dumps([chip.name])} | job


def _must(condition: bool, otherwise: str) -> None:
    if not condition:
        raise CaseError(otherwise)


def _claimed(told: Told) -> bool:
    return any(record.is_good for record in told.records)


def work(
    reader: NfcReader, home: Path, folder: Path, key: PrivateKey, told: Callable[..., None], seconds: float = 0.0
) -> None:
    """One run of the job in ``folder``, as the command line puts it together; ends after ``seconds`` without a tag."""
    job = read_job(folder / "job.toml")
    keys = DerivedKeys(MASTER) if job.tag_master is not None else None
    with Ledger(home / "ledger.sqlite3", lambda: NOW) as ledger:
        Session(
            reader,
            ledger,
            JobPlan(job),
            KeyStatementMaker(key, 1, lambda: NOW, mirrored=job.mirrored),
            KeyJudge(key.public_key, 1),
            None if job.protection.is_none else TagGuard(job.protection, keys),
            report=told,
            monotonic=time.monotonic if seconds else counted_clock(),
            idle_seconds=seconds or _IDLE,
        ).run()


def _pcsc_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PCSCLITE_CSOCK_NAME",) if name in os.environ}


def main() -> int:
    """The process that is killed: one run, a line of JSON for each tag."""
    driver, device, home, folder = sys.argv[1:]
    key = parse_private_pem((Path(folder) / "issuer.key").read_bytes(), None)

    def told(event: object) -> None:
        if isinstance(event, TagRecord):
            values = {"outcome": event.outcome.value, "chip": event.chip, "code": event.code, "message": event.message}
            sys.stdout.write(json.dumps(values) + "\n")
            sys.stdout.flush()

    try:
        if driver == "PcscStation":
            from dpptag.devices.pcsc_driver import PcscReader

            with PcscReader(device, simulated=True) as reader:
                work(reader, Path(home), Path(folder), key, told)
        else:
            with NfcpyReader(device, fast_read_pages=60, simulated=True) as nfcpy_reader:
                work(nfcpy_reader, Path(home), Path(folder), key, told)
    except DpptagError as error:
        sys.stderr.write(error.message)
        return error.exit_code
    return 0


@dataclass(frozen=True)
class Swept:
    """One variant of the sweep."""

    chip: SweptChip
    protection: str

    @property
    def name(self) -> str:
        return f"{self.chip.kind} {self.protection}"

    def sweep(self) -> Sweep:
        station: Station = PcscStation(pcsc_rig()) if isinstance(self.chip, Slix2) else PtyStation()
        return Sweep(self.chip, PASSWORD if "password" in self.protection else LOCK, station)


VARIANTS: Final = tuple(
    Swept(chip, protection)
    for chip, protections in (
        (Ntag213(), ("lock", "password+lock")),
        (Ntag424(), ("lock", "password+lock")),
        (Slix2(), ("lock",)),
    )
    for protection in protections
)
