"""One fault at one host command of a real UHF job: EPC, user bank of a Higgs-9, passwords, lock; then the job again.

``python tools/uhf_fault_sweep.py`` prints the table. What the tags hold is read from the simulator past our own code,
before every word that is written and after every change (:mod:`tests.line.uhf_sweep_rules`); what the ledger holds, by
SQL. The job is run again by ``line run`` in every other case, by ``line resolve`` and ``line run`` in the rest.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from dpptag.crypto import PrivateKey, parse_private_pem
from dpptag.errors import DeviceError, DpptagError
from dpptag.ledger import Ledger
from dpptag.line import JobPlan, KeyJudge, KeyStatementMaker, Resolver, Session, TagGuard, TagRecord, read_job
from dpptag.links import TagReader
from dpptag.sim import start_uhf
from dpptag.tags.key_derivation import DerivedKeys
from tests.fork_server import Child, ForkServer
from tests.line.job_folder import GTIN, JobFolder
from tests.line.line_rig import NOW, Told, counted_clock
from tests.line.production_line import Case
from tests.line.sweep_stations import memory_folder
from tests.line.uhf_rig import LOCK, PASSWORD, UHF_JOB
from tests.line.uhf_sweep_rules import Asked, CaseError, Left, Rules, is_partly_locked, may_spoil, must
from tests.line.uhf_sweep_station import Listener, Run, Station, Trace, impatient_profiles, open_module
from tests.line.uhf_sweep_table import Outcome, Tally
from tests.line.uhf_sweep_tags import KIND, USER_BYTES, WORD, Memory, passwords

MASTER: Final = bytes(range(16))
_IDLE: Final = 0.1  # of the counted clock: ten looks for a tag
_TRIES: Final = 6
"""A machine too busy to answer or to kill within the driver's time-out tries again."""

STEPS: Final = ("reserve", "start_writing", "mark_written", "mark_verified", "mark_locked")
KILLS: Final = ("hold", "hold-after")
AT_WORDS: Final = ("weak-word", "weak-word+1", "forget", "forget+1")
AT_WRITES: Final = ("leave", "low-power")
AT_TAGS: Final = ("refuse", "other-tag")
AT_FRAMES: Final = (
    *("no-answer", "late", "checksum", "short", "garbage"),
    *("pull", "pull+1", "swap", "port-lost", "port-lost+1"),
)
DIE: Final = "die"
FAULTS: Final = (*AT_FRAMES, *AT_TAGS, *AT_WRITES, *AT_WORDS, *KILLS, DIE)
"""As in dpptag.sim.uhf.faults; ``pull+1``: the tag is back after one round; ``port-lost+1``: after the command was
executed; ``+1`` of a word: one write long. ``die``: killed before and after each step of the ledger."""

_FACTORY_STATE: Final = {"version": 1, "technology": "gen2", "position": 0, "faults_fired": []}


class SecretSeenError(Exception):
    """Four bytes of a log read like a password: once in a million cases those of a signature do."""


@dataclass(frozen=True)
class Variant:
    """A family of modules, a protection, and what lies before the antenna.

    ``crowd``: "former" (the tag carries a good statement of the same key from an earlier job, the other tag is a
    finished one of another job) or "twins" (both blank, with the same EPC of zeros).
    """

    family: str
    protection: str
    crowd: str
    more: str = ""

    @property
    def name(self) -> str:
        return f"{self.family} {self.protection} {self.crowd}"

    @property
    def chooses_by_tid(self) -> bool:
        return self.family in ("m100", "mercury", "r200")


class Sweep:
    """One variant. Close it: it keeps its tags and ledgers in a folder of its own."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self._folder = tempfile.TemporaryDirectory(prefix="dpptag-uhf-sweep-", dir=memory_folder())
        self.path = Path(self._folder.name)
        self._cases = 0
        self._server: ForkServer | None = None
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    def _set_up(self) -> None:
        variant = self.variant
        self.station = Station(variant.family, variant.more, impatient_profiles(self.path / "profiles"))
        permanent = "permanent" in variant.protection
        self.folder = JobFolder(self.path / "job", 1)
        self._write_job(
            self.folder,
            line__overwrite="true" if variant.crowd == "former" else "false",
            **(PASSWORD | LOCK if permanent else PASSWORD),
        )
        self._other_home = self.path / "other-home"
        self.begun = self._beginning()
        one, other = map(Memory.of_record, self.begun)
        key = load_pem_public_key(self.folder.key.public_key.pem().encode())
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self.asked = Asked(
            (one, other),
            key,
            MASTER,
            f"https://id.gs1.org/01/{GTIN}/21/SN1",
            permanent,
            variant.chooses_by_tid,
        )
        self.trace, self.commands = self._undisturbed()

    def close(self) -> None:
        if self._server is not None:
            self._server.__exit__(None, None, None)
        self._folder.cleanup()

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The cases

    def orders(self, fault: str) -> list[str]:
        """Every place where ``fault`` can strike, as it is ordered: ``no-answer@12``, ``die@reserve-before``."""
        kind, _, count = fault.partition("+")
        more = f"+{count}" if count else ""
        if fault == DIE:
            return [f"{fault}@{step}-{when}" for step in STEPS for when in ("before", "after")]
        if fault in AT_WORDS:
            return [f"{kind}@{word}{more}" for word in range(USER_BYTES // WORD)]
        if fault in AT_WRITES:
            # A tag can also leave after the last word, before it answers.
            beyond = 1 if fault == "leave" else 0
            words = sorted(self.trace.words.items())
            return [f"{fault}@{at}+{done}" for at, count in words for done in range(count + beyond)]
        if fault in AT_TAGS:
            heard = self.trace.opened | (self.trace.rounds if fault == "other-tag" else set())
            return [f"{fault}@{at}" for at in sorted(heard)]
        return [f"{kind}@{at}{more}" for at in range(1, self.commands + 1)]

    def tally(self, fault: str, part: int = 0, parts: int = 1, every: int = 1) -> Tally:
        """``fault`` wherever it can strike, or at one place in ``every``. Raises CaseError."""
        orders = self.orders(fault)
        # Each kind of fault begins at another place, so that together they hit more of them where few are taken.
        chosen = orders[FAULTS.index(fault) % every :: every][part::parts]
        tally = Tally(self.commands)
        for number, order in enumerate(chosen):
            tally.add(self.check(fault, order, resolve=number % 2 == 1))
        return tally

    def check(self, fault: str, order: str, *, resolve: bool = False) -> Outcome:
        """One case from beginning to end. Raises CaseError."""
        for last in (False, True):
            try:
                return self._check(fault, order, resolve)
            except SecretSeenError as seen:
                if last:
                    raise CaseError(f"{self.variant.name} {order}: {seen}") from seen
            except (AssertionError, DpptagError) as error:
                raise CaseError(f"{self.variant.name} {order}: {error}") from error
        raise AssertionError

    def _check(self, fault: str, order: str, resolve: bool) -> Outcome:
        for _ in range(_TRIES):
            case = self.case()
            rules = self._rules(case, fault)
            told = self._killed(case, order, rules) if fault in (*KILLS, DIE) else self._run(case, order, rules)
            if rules.fired_at or fault in AT_WORDS or fault in AT_WRITES:
                break
        else:
            raise CaseError(f"the fault never went off: {told.records}")
        rules.check()
        memory, row = self._in_hand(case)
        left, begun = self.asked.left(memory), self.asked.begun_of(memory)
        finished = self._check_row(case, row, told)
        must(left is not Left.SPOILED or may_spoil(fault), "a spoiled statement")
        reruns = 0
        while not finished and reruns < _TRIES:
            reruns += 1
            finished = self._again(case, fault, resolve=resolve and reruns == 1)
        self._check_end(case, row)
        shutil.rmtree(case.path)
        return Outcome(
            fired=bool(rules.fired_at),
            left=left,
            partly_locked=is_partly_locked(memory),
            secret_set=memory.reserved != begun.reserved,
            secret_torn=memory.reserved not in (begun.reserved, passwords(MASTER, memory.tid)),
            other_hit=rules.others_hit,
            reruns=reruns,
        )

    def _again(self, case: Case, fault: str, *, resolve: bool) -> bool:
        """The job once more, by a process that knows nothing of the first; whether it is finished now."""
        rules = self._rules(case, fault if may_spoil(fault) else "")
        finished = False
        for only_resolve in (True, False) if resolve else (False,):
            if not finished:
                told = self._run(case, "", rules, resolve=only_resolve)
                rules.check()
                finished = self._check_row(case, self._row(case), told)
        return finished

    def case(self) -> Case:
        self._cases += 1
        case = Case(self.path / f"case-{self._cases}")
        case.home.mkdir(parents=True)
        if self._other_home.exists():
            shutil.copy(self._other_home / "ledger.sqlite3", case.home / "ledger.sqlite3")
        case.state.write_text(json.dumps(_FACTORY_STATE | {"tags": self.begun}))
        return case

    def _rules(self, case: Case, fault: str) -> Rules:
        return Rules(self.asked, self._memories(case), case.home / "ledger.sqlite3", fault.partition("+")[0])

    # Runs

    def _run(
        self,
        case: Case,
        order: str,
        rules: Rules,
        *,
        resolve: bool = False,
        trace: Trace | None = None,
        station: Station | None = None,
    ) -> Told:
        """The job once, in this process. An error that ends the run is no matter: what it left is looked at."""
        told, run = Told(), Run(fired_at=rules.fired_at)
        with Listener() as listener:
            try:
                query = _query(case, order, self._position(case))
                with (station or self.station).reader(query, run, rules.look, trace) as reader:
                    work(reader, case.home, self.folder, told, resolve=resolve)
            except DpptagError as error:
                listener.lines.append(repr(error))
                if not order and not isinstance(error, DeviceError):
                    raise CaseError(f"without a fault: {error.message}") from error
        rules.fired_at = run.fired_at
        self._commands_seen = run.commands
        self._check_secrets(case, [*listener.lines, *map(repr, told.records)])
        return told

    def _killed(self, case: Case, order: str, rules: Rules) -> Told:
        """The job in a process of its own, killed at ``order``; what it had reported by then."""
        if self._server is None:
            self._server = ForkServer(__name__)
        server = self._server
        step, _, when = order.partition("@")[2].partition("-")
        die = (step, when, 1) if when else None

        def spawn(node: str) -> Child:
            arguments = (self.variant.family, node, str(case.home), str(self.folder.path))
            return server.start(*arguments, module=__name__, die=die)

        ended = self.station.kill(_query(case, "" if die else order), rules.look, spawn)
        if ended.code == 0:
            raise CaseError(f"the run ended before it was killed: {ended}")
        if ended.code == -signal.SIGKILL:
            rules.fired_at.append(0)
        lines = (case.home / "log").read_text().splitlines() if (case.home / "log").exists() else []
        self._check_secrets(case, [*lines, ended.stdout, ended.stderr])
        return Told(records=[TagRecord(**json.loads(line)) for line in ended.stdout.splitlines()])

    # Checks

    def _check_row(self, case: Case, row: Mapping[str, Any] | None, told: Told) -> bool:
        """Whether the job is finished; what was said and written down is true."""
        memory = self._in_hand(case)[0]
        finished = row is not None and self.asked.is_finished(memory, row)
        if row is not None:
            self.asked.check_ledger(memory, row)
        for record in told.records:
            must(not record.is_good or (finished and record.chip == memory.tid.hex()), f"success was claimed: {record}")
        return finished

    def _check_end(self, case: Case, before: Mapping[str, Any] | None) -> None:
        memory, row = self._in_hand(case)
        must(row is not None and self.asked.is_finished(memory, row), f"not finished: {row and row['state']}")
        if row is not None and before is not None and before["message"] is not None:
            same = all(before[name] == row[name] for name in ("id", "chip", "message", "protection", "identity"))
            must(same, "the second run wrote another message, or on another chip")

    def _check_secrets(self, case: Case, lines: Sequence[str]) -> None:
        stored = [
            path.read_bytes() for path in sorted(case.home.glob("ledger.sqlite3*")) if path.suffix != ".sqlite3-shm"
        ]
        text = "\n".join(lines).lower()
        for begun in self.asked.begun:
            secrets = passwords(MASTER, begun.tid)
            for secret in (secrets[:4], secrets[4:]):
                for form in (secret.hex(), secret.hex(" "), repr(secret)[2:-1].lower()):
                    if form in text:
                        raise SecretSeenError(next(line for line in lines if form in line.lower()))
                    if any(form.encode() in octets.lower() for octets in stored):
                        raise SecretSeenError("in the ledger")
            must(not any(secrets in octets for octets in stored), "both passwords are in the ledger")

    def _in_hand(self, case: Case) -> tuple[Memory, Mapping[str, Any] | None]:
        """The tag of the row, or the one that lies there first; and the row."""
        row, memories = self._row(case), self._memories(case)
        chip = memories[0].tid if row is None or row["chip"] is None else row["chip"]
        return next(memory for memory in memories if memory.tid == chip), row

    def _position(self, case: Case) -> int:
        """Of the tag that is laid down: the row's, or the first."""
        chip = self._in_hand(case)[0].tid
        return next(number for number, begun in enumerate(self.asked.begun) if begun.tid == chip)

    def _row(self, case: Case) -> Mapping[str, Any] | None:
        ledger = case.ledger()
        rows = [row for row in ledger.rows if row["identity"] == self.asked.identity]
        must(len(rows) <= 1, f"{len(rows)} rows for one tag")
        must(not ledger.revocations, "a row was given up")
        return rows[0] if rows else None

    def _memories(self, case: Case) -> list[Memory]:
        return [Memory.of_record(record) for record in json.loads(case.state.read_text())["tags"]]

    # What every case begins with

    def _undisturbed(self) -> tuple[Trace, int]:
        # With the patience of the shipped profiles: a time-out on a busy machine would add commands.
        patient = replace(self.station, profiles=None)
        for _ in range(_TRIES):
            case, trace = self.case(), Trace()
            rules = self._rules(case, "")
            told = self._run(case, "", rules, trace=trace, station=patient)
            rules.check()
            if told.outcomes == ["encoded"]:
                must(self._check_row(case, self._row(case), told), "an undisturbed run does not finish")
                shutil.rmtree(case.path)
                return trace, self._commands_seen
        raise CaseError(f"an undisturbed run does not encode: {told.records}")

    def _beginning(self) -> list[dict[str, Any]]:
        state = self.path / "begun.json"
        start_uhf(self.variant.family, f"state={state}&tags={KIND}*2&seed=7").close()
        if self.variant.crowd == "former":
            self._encode_before("other", 1, state, self._other_home)
            # Of an earlier job whose ledger is gone: the same key, the same chip, the same length of EPC.
            self._encode_before("former", 0, state, self.path / "former-home")
        tags: list[dict[str, Any]] = json.loads(state.read_text())["tags"]
        return tags

    def _encode_before(self, name: str, position: int, state: Path, home: Path) -> None:
        serial = f"S{name[:1].upper()}1"
        folder = JobFolder(self.path / name, 1)
        folder.key = self.folder.key
        (folder.path / "issuer.key").write_bytes(folder.key.pkcs8(None))
        folder.write_rows([["gtin", "serial"], [GTIN, serial]])
        folder.write_passport(serial)
        self._write_job(folder, job__name=f'"{name}"')
        home.mkdir()
        told = Told()
        query = f"state={state}&position={position}&dwell=1000"
        for _ in range(_TRIES):
            with self.station.reader(query, Run(), lambda _command, _memories: None) as reader:
                work(reader, home, folder, told)
            if told.outcomes[-1:] in (["encoded"], ["resumed"]):
                return
        raise CaseError(f"the tag of job {name} is not encoded: {told.records}")

    def _write_job(self, folder: JobFolder, **job: str) -> None:
        (folder.path / "tag-master.key").touch()
        folder.write_job(**(UHF_JOB | {"chips__allowed": json.dumps([KIND])} | job))


def _query(case: Case, order: str, position: int = 0) -> str:
    return f"state={case.state}&position={position}&dwell=1000" + (f"&fault={order}" if order else "")


def work(
    reader: TagReader, home: Path, folder: JobFolder | Path, told: Callable[..., None], *, resolve: bool = False
) -> None:
    """``line run`` or ``line resolve`` of the job in ``folder``, as the command line puts them together."""
    path = folder.path if isinstance(folder, JobFolder) else folder
    key: PrivateKey = parse_private_pem((path / "issuer.key").read_bytes(), None)
    job = read_job(path / "job.toml")
    guard = None if job.protection.is_none else TagGuard(job.protection, DerivedKeys(MASTER))
    judge = KeyJudge(key.public_key, 1)
    with Ledger(home / "ledger.sqlite3", lambda: NOW) as ledger:
        clock = counted_clock()
        if resolve:
            Resolver(reader, ledger, judge, guard, job=job.name, report=told, monotonic=clock, idle_seconds=_IDLE).run()
            return
        maker = KeyStatementMaker(key, 1, lambda: NOW)
        Session(
            reader, ledger, JobPlan(job), maker, judge, guard, report=told, monotonic=clock, idle_seconds=_IDLE
        ).run()


def main() -> int:
    """The process that is killed: one run, a line of JSON for each tag; what it logs goes to a file.

    It has the patience that the shipped profiles ask for: it shall not give a silent module up before it is killed.
    """
    family, node, home, folder = sys.argv[1:]

    def told(event: object) -> None:
        if isinstance(event, TagRecord):
            values = {"outcome": event.outcome.value, "chip": event.chip, "code": event.code, "message": event.message}
            sys.stdout.write(json.dumps(values) + "\n")
            sys.stdout.flush()

    with (Path(home) / "log").open("w", buffering=1) as log, Listener() as listener:
        listener.lines = _Lines(log.write)
        try:
            with open_module(family, lambda: node, None) as reader:
                work(reader, Path(home), Path(folder), told)
        except DpptagError as error:
            sys.stderr.write(error.message)
            return error.exit_code
    return 0


class _Lines(list[str]):
    """Lines that are written down as they come: the process will be killed."""

    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__()
        self._write = write

    def append(self, line: str) -> None:
        self._write(line + "\n")


VARIANTS: Final = (
    Variant("m100", "password+permanent", "former"),
    Variant("m100", "password", "twins"),
    Variant("a0", "password+permanent", "twins"),
    Variant("a0", "password", "former"),
    Variant("uhfreader18", "password", "twins"),
    Variant("uhfreader18", "password+permanent", "former"),
    Variant("mercury", "password+permanent", "twins", "&errors=coarse"),
    Variant("mercury", "password", "former", "&errors=coarse"),
)


def sweeps(chosen: str) -> Iterator[Variant]:
    return (variant for variant in VARIANTS if chosen in variant.name)
