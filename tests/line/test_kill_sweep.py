"""SIGKILL at every host command of a whole run of three tags, before and after the reader executes it, and at every
step of the ledger; then ``line resolve``, then ``line run``: all rows verified, no serial twice, no false good.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from dpptag.errors import EXIT_DEVICE
from dpptag.model.verdict import Verdict
from dpptag.sim import start
from tests.fork_server import Ended, ForkServer, Simulator
from tests.line.production_line import Case, Factory, LedgerCopy, TagMemory

ROWS = 3
PARTS = 8
"""Every part takes each eighth command, so that the parts last alike and xdist can spread them."""

TRIES = 5
"""The driver gives a silent reader up after a tenth of a second: a machine too busy to kill within it tries again."""

STEPS = ["reserved", "writing", "written", "verified"]
WAIT = ("--wait", "60")
"""Seconds without a tag; only a failing case waits so long."""

pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Factory:
    return Factory(tmp_path_factory.mktemp("factory"), ROWS)


@pytest.fixture(scope="module")
def commands(server: ForkServer, factory: Factory) -> int:
    """The host commands of one undisturbed run, from opening the reader to closing it."""
    case = factory.case()
    with start(f"state={case.state}") as reader:
        ended = server.run(*line("run", factory, case, f"nfc:tty:{reader.path}"))
        assert ended.code == 0, ended.stderr
        return reader.host_commands


def line(command: str, factory: Factory, case: Case, device: str) -> list[str]:
    return ["line", command, factory.job, "--device", device, "--home", str(case.home), "--json", *WAIT]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_killed_at_any_host_command_is_finished_without_a_false_good(
    part: int, server: ForkServer, factory: Factory, commands: int
) -> None:
    killed_in: Counter[str] = Counter()
    mine = range(1 + part, commands + 1, PARTS)
    for at in mine:
        for fault in ("hold", "hold-after"):
            killed_in[killed_and_finished(server, factory, f"{fault}@{at}")] += 1
    print(f"part {part}: {killed_in.total()} kills at {len(mine)} of {commands} host commands: {dict(killed_in)}")
    assert killed_in.total() == 2 * len(mine)


def killed_and_finished(server: ForkServer, factory: Factory, fault: str) -> str:
    """Kill one run at ``fault``, settle, finish, check; what row was in hand when it was killed, and its state."""
    for _ in range(TRIES):
        case = factory.case()
        with server.simulator(case.state, "--fault", fault) as simulator:
            ended = killed(server, simulator, line("run", factory, case, simulator.device), fault)
            if ended.code == EXIT_DEVICE:
                continue
            assert ended.code == -signal.SIGKILL, f"{fault}: {ended}"
            found = case.ledger()
            check_at_kill(factory, case, found)
            settle_and_finish(server, factory, case, simulator, fault)
        check_at_end(factory, case, found)
        return in_hand(found)
    raise AssertionError(f"{fault}: the machine is too busy to kill a process in time")


def killed(server: ForkServer, simulator: Simulator, arguments: list[str], fault: str) -> Ended:
    """Start, wait until the reader went silent, kill, and let the reader see the port closed."""
    process = server.start(*arguments)
    assert simulator.child.event_unless_ended(process, "held"), f"{fault} never fired: {process.end()}"
    process.send(signal.SIGKILL)
    ended = process.end()
    assert simulator.child.event("released")
    return ended


def settle_and_finish(server: ForkServer, factory: Factory, case: Case, simulator: Simulator, where: str) -> None:
    """``line resolve`` settles exactly the rows that had a tag and were not done; ``line run`` does the rest."""
    half_way = [row for row in case.ledger().rows if row["state"] in ("writing", "written")]
    ended = server.run(*line("resolve", factory, case, simulator.device))
    assert (ended.code, ended.lines[-1]["settled"]) == (0, len(half_way)), f"{where}, then resolve: {ended}"
    assert {row["state"] for row in case.ledger().rows} <= {"reserved", "verified"}
    ended = server.run(*line("run", factory, case, simulator.device))
    assert ended.code == 0, f"{where}, then run: {ended}"


def in_hand(ledger: LedgerCopy) -> str:
    """The row begun last, and its state."""
    if not ledger.rows:
        return "no row yet"
    return f"row {ledger.rows[-1]['number']} {ledger.rows[-1]['state']}"


def check_at_kill(factory: Factory, case: Case, ledger: LedgerCopy) -> None:
    """The ledger never runs ahead of the tag, the tag never ahead of the ledger's intent."""
    tags = case.tags()
    bound = {row["chip"].hex(): row for row in ledger.rows if row["chip"] is not None}
    for row in ledger.rows:
        assert ledger.steps(row["id"]) == STEPS[: STEPS.index(row["state"]) + 1]
    for uid, tag in tags.items():
        if uid not in bound:
            assert tag == factory.blank_tags()[uid], "a tag was touched before the ledger knew it"
        elif bound[uid]["state"] in ("written", "verified"):
            check_good(factory, tag, bound[uid]["identity"], bound[uid]["message"])
        else:
            assert bound[uid]["state"] == "writing"
            is_whole = tag.message == bound[uid]["message"]
            assert (factory.judge(tag).verdict is Verdict.GENUINE) == is_whole


def check_at_end(factory: Factory, case: Case, at_kill: LedgerCopy) -> None:
    ledger, tags = case.ledger(), case.tags()
    assert [row["state"] for row in ledger.rows] == ["verified"] * ROWS
    assert [row["attempt"] for row in ledger.rows] == [1] * ROWS
    assert [ledger.steps(row["id"]) for row in ledger.rows] == [STEPS] * ROWS
    assert {row["identity"].rpartition("/")[2] for row in ledger.rows} == set(factory.folder.serials)
    assert {row["chip"].hex() for row in ledger.rows} == set(tags)
    assert len({row["message"] for row in ledger.rows}) == ROWS
    assert ledger.revocations == ()
    for row in ledger.rows:
        check_good(factory, tags[row["chip"].hex()], row["identity"], row["message"])
    # What was signed before the kill is what stands on the tag: nothing was signed a second time.
    for before, after in zip(at_kill.rows, ledger.rows, strict=False):
        fixed = ["id", "number", "identity"] if before["chip"] is None else ["id", "number", "chip", "message"]
        assert [before[name] for name in fixed] == [after[name] for name in fixed]


def check_good(factory: Factory, tag: TagMemory, identity: str, message: bytes) -> None:
    report = factory.judge(tag)
    assert (report.verdict, report.identity, tag.message) == (Verdict.GENUINE, identity, message)


LEDGER_STEPS = [("register_job", 1)] + [
    (step, count)
    for count in range(1, ROWS + 1)
    for step in ("reserve", "start_writing", "mark_written", "mark_verified")
]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_at_any_step_of_the_ledger_is_finished_without_a_false_good(
    when: str, server: ForkServer, factory: Factory
) -> None:
    """Between two host commands the states ``reserved`` and ``written`` pass by; here they are caught."""
    killed_in: Counter[str] = Counter()
    for step, count in LEDGER_STEPS:
        case = factory.case()
        with server.simulator(case.state) as simulator:
            ended = server.run(*line("run", factory, case, simulator.device), die=(step, when, count))
            assert ended.code == -signal.SIGKILL, f"{when} {step}: {ended}"
            found = case.ledger()
            check_at_kill(factory, case, found)
            killed_in[in_hand(found)] += 1
            settle_and_finish(server, factory, case, simulator, f"{when} {step}")
        check_at_end(factory, case, found)
    print(f"{when}: {killed_in.total()} kills at {len(LEDGER_STEPS)} steps of the ledger: {dict(killed_in)}")
    assert {name.rpartition(" ")[2] for name in killed_in} >= set(STEPS), "a state was never met"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["mark_written", "mark_verified"])
def test_a_resolve_that_is_killed_itself_is_called_again(
    step: str, when: str, server: ForkServer, factory: Factory, commands: int
) -> None:
    case = factory.case()
    with server.simulator(case.state, "--fault", f"hold@{commands // 2}") as simulator:
        killed(server, simulator, line("run", factory, case, simulator.device), "hold")
        found = case.ledger()
        assert in_hand(found) == "row 2 writing"
        ended = server.run(*line("resolve", factory, case, simulator.device), die=(step, when, 1))
        assert ended.code == -signal.SIGKILL
        check_at_kill(factory, case, case.ledger())
        settle_and_finish(server, factory, case, simulator, f"{when} {step}")
    check_at_end(factory, case, found)


def test_a_run_alone_finishes_what_a_killed_one_left(server: ForkServer, factory: Factory, commands: int) -> None:
    """No lock outlives its process, and the tag at the reader is resumed, not refused."""
    case = factory.case()
    with server.simulator(case.state, "--fault", f"hold@{commands // 2}") as simulator:
        killed(server, simulator, line("run", factory, case, simulator.device), "hold")
        found = case.ledger()
        ended = server.run(*line("run", factory, case, simulator.device))
        assert (ended.code, ended.lines[0]["outcome"]) == (0, "resumed")
    check_at_end(factory, case, found)
