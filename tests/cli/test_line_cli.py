"""``dpptag line`` as a script meets it: exit codes, JSON shapes, and what an interrupted run leaves."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import Done, dpptag
from tests.fork_server import Ended, ForkServer
from tests.line.job_folder import GTIN, uri_of
from tests.line.production_line import Case, Factory

RECORD = {
    "outcome", "chip", "chip_type", "job", "row", "identity", "level", "state", "seconds", "metadata",
    "code", "message", "action", "tag_state",
}  # fmt: skip
ROW = {
    "row", "attempt", "identity", "state", "chip", "level", "reason", "created_at", "changed_at", "last_note", "next",
}  # fmt: skip
MID_WRITE = 30
"""A host command in the middle of the first tag's write; the test that uses it sees the row in ``writing``."""


@pytest.fixture
def factory(tmp_path: Path) -> Factory:
    return Factory(tmp_path)


@pytest.fixture
def case(factory: Factory) -> Case:
    return factory.case()


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


def one_tag_only(case: Case) -> None:
    """The same tag lies on the reader for ever."""
    state = json.loads(case.state.read_text())
    state["tags"] = state["tags"][:1]
    case.state.write_text(json.dumps(state))


def sim(case: Case, **query: object) -> str:
    return f"sim:nfc?state={case.state}" + "".join(f"&{key}={value}" for key, value in query.items())


def run(factory: Factory, case: Case, *options: object, wait: float = 30, **query: object) -> Done:
    device = ("--device", sim(case, **query))
    return dpptag("line", "run", factory.job, *device, "--home", case.home, "--wait", wait, "--json", *options)


def resolve(factory: Factory, case: Case, *options: object) -> Done:
    return dpptag("line", "resolve", factory.job, "--home", case.home, "--json", *options)


def report(case: Case, *options: object) -> Done:
    return dpptag("line", "report", *options, "--home", case.home, "--json")


def left_half_way(factory: Factory, case: Case) -> str:
    """Row 1 in ``writing``: its reader went silent in the middle of the write. The chip number."""
    done = run(factory, case, fault=f"hold@{MID_WRITE}")
    assert (done.code, done.lines[0]["state"]) == (3, "writing")
    return str(done.lines[0]["chip"])


def states(case: Case) -> list[str]:
    return [row["state"] for row in case.ledger().rows]


# run


def test_a_run_prints_one_object_a_tag_and_a_summary(factory: Factory, case: Case) -> None:
    done = run(factory, case)
    assert done.code == 0, done.err
    *records, summary = done.lines
    assert [set(record) for record in records] == [RECORD] * 3
    assert [(record["outcome"], record["row"], record["state"]) for record in records] == [
        ("encoded", number, "verified") for number in (1, 2, 3)
    ]
    assert {record["chip"] for record in records} == set(case.tags())
    assert summary == {
        "summary": {
            "job": "battery",
            "judged_by": "trust-data",
            "ledger_created": True,
            "end": "done",
            "rows": 3,
            "done": 3,
            "unstarted": 0,
            "open": 0,
            "outcomes": {"encoded": 3, "resumed": 0, "already-done": 0, "refused": 0, "failed": 0},
        }
    }


def test_a_run_of_a_job_that_is_done_touches_no_tag_and_ends_well(factory: Factory, case: Case) -> None:
    run(factory, case)
    before = case.tags()
    done = run(factory, case)
    assert (done.code, len(done.lines), done.lines[0]["summary"]["done"]) == (0, 1, 3)
    assert case.tags() == before


def test_a_new_ledger_is_said_until_a_job_is_in_it(factory: Factory, case: Case) -> None:
    report(case)  # makes the file, as a run that finds no reader does
    first, second = run(factory, case), run(factory, case)
    assert [done.lines[-1]["summary"]["ledger_created"] for done in (first, second)] == [True, False]
    assert f"new ledger {case.home}/ledger.sqlite3" in first.err
    assert "new ledger" not in second.err


def test_a_ledger_that_is_gone_from_its_home_is_exit_6(factory: Factory, case: Case) -> None:
    run(factory, case)
    (case.home / "ledger.sqlite3").unlink()
    before = case.tags()
    done = run(factory, case)
    assert (done.code, done.error["code"], case.tags()) == (6, "ledger-lost", before)


def test_a_job_without_trust_data_says_what_nobody_checked(factory: Factory, case: Case) -> None:
    unchecked = "key period and issuer are not checked"
    assert unchecked not in run(factory, case).err
    factory.folder.write_job(chips__allowed='["NTAG213"]')
    done = run(factory, factory.case())
    assert (done.code, done.lines[-1]["summary"]["judged_by"]) == (0, "signing-key")
    assert unchecked in done.err


def test_a_clock_set_back_is_exit_6_before_the_first_tag(
    factory: Factory, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory.folder.write_job(chips__allowed='["NTAG213"]')
    one_tag_only(case)
    run(factory, case, wait=0)
    shutil.copy(factory.path / "blank.json", case.state)
    before = case.tags()
    monkeypatch.setattr("dpptag.cli.line._now", lambda: datetime(2020, 1, 1, tzinfo=UTC))
    done = run(factory, case, position=1, wait=0)
    assert (done.code, done.error["code"]) == (6, "clock")
    assert (states(case), case.tags()) == (["verified"], before)


def test_rows_without_a_tag_end_a_run_with_exit_4(factory: Factory, case: Case) -> None:
    one_tag_only(case)
    done = run(factory, case, wait=0)
    summary = done.lines[-1]["summary"]
    assert (done.code, summary["end"], summary["done"], summary["unstarted"]) == (4, "idle", 1, 2)


def test_too_many_failed_tags_end_a_run_with_exit_4(factory: Factory, case: Case) -> None:
    factory.folder.write_job(line__stop_after_failures="1")
    done = run(factory, case, fault="bitflip@10")
    record, summary = done.lines
    assert (done.code, record["outcome"], record["code"], record["state"]) == (
        4,
        "failed",
        "tag-write-failed",
        "writing",
    )
    assert (summary["summary"]["end"], summary["summary"]["open"]) == ("stopped", 1)
    assert "dpptag line resolve" in done.err


def test_a_reader_that_falls_silent_ends_a_run_with_exit_3(factory: Factory, case: Case) -> None:
    done = run(factory, case, fault=f"hold@{MID_WRITE}")
    record, error = done.lines
    assert (done.code, record["outcome"], record["state"], record["tag_state"]) == (
        3,
        "failed",
        "writing",
        "unknown",
    )
    assert (error["error"]["code"], error["error"]["exit_code"]) == ("device-lost", 3)


def test_a_reader_that_is_not_there_is_exit_3(factory: Factory, case: Case) -> None:
    device = f"nfc:tty:{factory.path}/none"
    done = dpptag("line", "run", factory.job, "--device", device, "--home", case.home, "--json")
    assert (done.code, done.error["code"]) == (3, "device-not-found")


@pytest.mark.parametrize("options", [(), ("--device", "usb:1"), ("--wait", "soon"), ("--all",)])
def test_wrong_options_are_exit_2_before_any_ledger_is_made(
    factory: Factory, case: Case, options: tuple[str, ...]
) -> None:
    done = dpptag("line", "run", factory.job, *options, "--home", case.home, "--json")
    assert (done.code, done.error["exit_code"]) == (2, 2)
    assert states(case) == []


def test_a_job_that_contradicts_the_ledger_is_exit_6(factory: Factory, case: Case) -> None:
    run(factory, case)
    factory.folder.write_rows([["gtin", "serial"], [GTIN, "SN2"], [GTIN, "SN1"], [GTIN, "SN3"]])
    done = run(factory, case)
    assert (done.code, done.error["code"]) == (6, "job-contradicts")


def test_a_ledger_that_is_no_ledger_is_exit_6(factory: Factory, case: Case) -> None:
    (case.home / "ledger.sqlite3").write_bytes(b"no ledger " * 1000)
    before = case.tags()
    done = run(factory, case)
    assert (done.code, done.error["code"]) == (6, "ledger-damaged")
    assert case.tags() == before


# Job input


def test_a_csv_cut_in_mid_row_is_exit_7_with_its_line(factory: Factory, case: Case) -> None:
    rows = factory.folder.path / "rows.csv"
    rows.write_bytes(rows.read_bytes()[:-4])
    before = case.tags()
    done = run(factory, case)
    assert (done.code, done.error["code"], done.error["facts"]["line"]) == (7, "rows-cut", 4)
    assert "line 4" in done.err
    assert (states(case), case.tags()) == ([], before)


def test_a_csv_cut_between_two_runs_loses_nothing(factory: Factory, case: Case) -> None:
    one_tag_only(case)
    run(factory, case, wait=0)
    rows = factory.folder.path / "rows.csv"
    whole = rows.read_bytes()
    for cut in range(len(whole)):
        rows.write_bytes(whole[:cut])
        code = dpptag("line", "run", factory.job, "--dry-run").code
        # Cut at a line break it is a shorter job, and no file can tell; but there must be a row.
        is_shorter_job = len(whole[:cut].splitlines()) > 1 and whole[:cut].endswith((b"\r", b"\n"))
        assert code == (0 if is_shorter_job else 7), whole[:cut]
    assert states(case) == ["verified"]
    rows.write_bytes(whole)
    shutil.copy(factory.path / "blank.json", case.state)
    done = run(factory, case, position=1, wait=0)
    assert (done.code, states(case)) == (4, ["verified", "verified"])


def test_every_bad_row_is_named_by_its_line(factory: Factory, case: Case) -> None:
    factory.folder.write_rows([["gtin", "serial"], [GTIN, "SN1"], ["09520123456780", "SN2"], [GTIN, ""], [GTIN, "SN1"]])
    done = run(factory, case)
    assert (done.code, done.error["facts"]["errors"]) == (7, 3)
    for line in ("line 3: ", "line 4: ", "line 5: "):
        assert line in done.error["message"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"job__colour": '"red"'}, "job-schema"),
        ({"chips__allowed": '["NTAG999"]'}, "job-chip"),
        ({"statement__level": '"full"', "statement__digest": "0"}, "job-too-large"),
        ({"signing__key": '"none.key"'}, "job-file-missing"),
        ({"signing__slot": "2"}, "job-trust"),
    ],
)
def test_a_job_that_cannot_work_is_exit_7_before_the_first_tag(
    factory: Factory, case: Case, changes: dict[str, str], code: str
) -> None:
    trust = {"trust__bundle": '"issuers.cose"', "trust__root": '"root.pub"', "chips__allowed": '["NTAG213"]'}
    factory.folder.write_job(**trust | changes)
    before = case.tags()
    done = run(factory, case)
    assert (done.code, done.error["code"]) == (7, code)
    assert (states(case), case.tags()) == ([], before)


def test_a_job_file_that_is_not_there_is_exit_7(tmp_path: Path) -> None:
    done = dpptag("line", "run", tmp_path / "none.toml", "--dry-run", "--json")
    assert (done.code, done.error["code"]) == (7, "job-unreadable")


# Dry run


def test_a_dry_run_shows_the_plan_and_touches_neither_device_nor_ledger(factory: Factory, case: Case) -> None:
    home = case.path / "no-home"
    device = f"nfc:tty:{case.path}/none"
    done = dpptag("line", "run", factory.job, "--dry-run", "--device", device, "--home", home, "--json")
    assert done.code == 0
    assert done.json == {
        "job": "battery",
        "rows": 3,
        "protect": {"lock": "none", "password": False, "sun": False},
        "chips": [
            {
                "chip": "NTAG213",
                "placements": [{"level": "minimal", "digest": 16, "rows": 3}],
                "spare": done.json["chips"][0]["spare"],
                "tightest_row": 1,
            }
        ],
    }
    assert not home.exists()


# resolve


def test_with_nothing_open_resolve_needs_no_device(factory: Factory, case: Case) -> None:
    run(factory, case)
    done = resolve(factory, case)
    assert (done.code, done.json) == (0, {"settled": 0, "conflicts": [], "waiting": [], "reserved": 0})


def test_resolve_settles_a_half_written_tag(factory: Factory, case: Case) -> None:
    chip = left_half_way(factory, case)
    done = resolve(factory, case, "--device", sim(case))
    record, result = done.lines
    assert (done.code, set(record), record["outcome"], record["chip"]) == (0, RECORD, "resumed", chip)
    assert result == {"settled": 1, "conflicts": [], "waiting": [], "reserved": 0}
    assert states(case) == ["verified"]


def test_open_rows_are_settled_by_reading_tags_so_a_device_must_be_given(factory: Factory, case: Case) -> None:
    left_half_way(factory, case)
    done = resolve(factory, case)
    assert (done.code, done.error["code"]) == (2, "device-missing")


def test_a_tag_that_does_not_come_leaves_its_row_waiting(factory: Factory, case: Case) -> None:
    chip = left_half_way(factory, case)
    done = resolve(factory, case, "--device", sim(case, position=3), "--wait", 0)
    assert done.code == 4
    assert done.json == {"settled": 0, "conflicts": [], "waiting": [chip], "reserved": 0}
    assert states(case) == ["writing"]


# resolve --void


def test_void_gives_a_row_up_and_puts_its_tag_on_the_list_to_revoke(factory: Factory, case: Case) -> None:
    chip = left_half_way(factory, case)
    done = resolve(factory, case, "--void", chip, "--reason", "lost", "--yes")
    assert done.code == 0
    assert done.json == {
        "job": "battery",
        "row": 1,
        "identity": uri_of("SN1"),
        "chip": chip,
        "state": "void",
        "on_revocation_list": True,
    }
    assert report(case).json["revocations"] == [
        {"identity": uri_of("SN1"), "chip": chip, "reason": "lost", "at": report(case).json["revocations"][0]["at"]}
    ]


def test_a_tag_shown_to_hold_nothing_of_its_statement_is_not_revoked(factory: Factory, case: Case) -> None:
    chip = left_half_way(factory, case)
    shutil.copy(factory.path / "blank.json", case.state)
    done = resolve(factory, case, "--void", chip, "--reason", "wrong reel", "--yes", "--device", sim(case))
    assert (done.code, done.json["on_revocation_list"]) == (0, False)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--void", "1", "--yes"), "reason-missing"),
        (("--void", "1", "--reason", "lost"), "confirm"),
        (("--void", "row one", "--reason", "lost", "--yes"), "usage"),
    ],
)
def test_a_void_that_is_not_meant_is_exit_2(factory: Factory, case: Case, options: tuple[str, ...], code: str) -> None:
    left_half_way(factory, case)
    done = resolve(factory, case, *options)
    assert (done.code, done.error["code"]) == (2, code)
    assert states(case) == ["writing"]


@pytest.mark.parametrize(("typed", "code", "state"), [("VOID", 0, "void"), ("void", 2, "writing"), ("y", 2, "writing")])
def test_only_the_word_void_typed_at_the_terminal_confirms(
    server: ForkServer, factory: Factory, case: Case, typed: str, code: int, state: str
) -> None:
    left_half_way(factory, case)
    options = ("--void", "1", "--reason", "lost", "--home", str(case.home), "--json")
    ended = server.run("line", "resolve", factory.job, *options, typed=f"{typed}\n")
    assert (ended.code, states(case)) == (code, [state])
    assert uri_of("SN1") in ended.stderr


def test_a_bare_row_number_is_of_the_job_named(factory: Factory, case: Case) -> None:
    left_half_way(factory, case)
    rows = factory.folder.path / "rows.csv"
    rows.write_text(rows.read_text().replace("SN", "T"))
    for serial in ("T1", "T2", "T3"):
        factory.folder.write_passport(serial)
    factory.folder.write_job(job__name='"second"')
    run(factory, case, position=3, wait=0)
    done = resolve(factory, case, "--void", "1", "--reason", "lost", "--yes")
    assert (done.code, done.error["code"], states(case)) == (6, "row-unknown", ["writing"])
    done = resolve(factory, case, "--void", "battery:1", "--reason", "lost", "--yes")
    assert (done.code, states(case)) == (0, ["void"])


def test_a_chip_number_is_of_whatever_job_has_it_and_the_job_is_said(
    server: ForkServer, factory: Factory, case: Case
) -> None:
    """A chip has one live row: unlike a row number, its number cannot be taken for another's."""
    chip = left_half_way(factory, case)
    factory.folder.write_job(job__name='"second"')
    options = ("--void", chip, "--reason", "lost", "--home", str(case.home), "--json")
    ended = server.run("line", "resolve", factory.job, *options, typed="VOID\n")
    assert (ended.code, json.loads(ended.stdout)["job"], states(case)) == (0, "battery", ["void"])
    assert f"row 1 of job battery, {uri_of('SN1')} on chip {chip}" in ended.stderr


def test_a_row_that_does_not_live_cannot_be_voided(factory: Factory, case: Case) -> None:
    left_half_way(factory, case)
    done = resolve(factory, case, "--void", "2", "--reason", "lost", "--yes")
    assert (done.code, done.error["code"]) == (6, "row-unknown")


# report


def test_a_report_has_every_job_with_its_counts_and_rows(factory: Factory, case: Case) -> None:
    one_tag_only(case)
    run(factory, case, wait=0)
    found = report(case)
    assert found.code == 0
    job = found.json["jobs"][0]
    assert set(job) == {"job", "created_at", "rows_in_file", "end_state", "complete", "counts", "rows"}
    assert (job["job"], job["rows_in_file"], job["end_state"], job["complete"]) == ("battery", 3, "verified", False)
    assert job["counts"] == {
        "unstarted": 2, "reserved": 0, "writing": 0, "written": 0, "verified": 1, "locked": 0, "void": 0,
    }  # fmt: skip
    assert [set(row) for row in job["rows"]] == [ROW]
    assert found.json == {"jobs": [job], "revocations": []}


def test_a_report_says_what_to_do_with_an_open_row(factory: Factory, case: Case) -> None:
    left_half_way(factory, case)
    row = report(case, "battery").json["jobs"][0]["rows"][0]
    assert row["state"] == "writing"
    assert row["last_note"].startswith("device-lost: ")
    typed = row["next"].replace("JOB.toml", factory.job).replace("DEVICE", sim(case)).split()
    assert dpptag(*typed[1:], "--home", case.home).code == 0
    assert states(case) == ["verified"]


def test_a_job_that_the_ledger_does_not_know_is_exit_6(case: Case) -> None:
    assert report(case).json == {"jobs": [], "revocations": []}
    done = report(case, "nobody")
    assert (done.code, done.error["code"]) == (6, "job-unknown")


# Interrupted, crowded, full: processes of their own


def arguments(command: str, factory: Factory, case: Case, device: str) -> list[str]:
    return ["line", command, factory.job, "--device", device, "--home", str(case.home), "--json", "--wait", "60"]


def finish(server: ForkServer, factory: Factory, case: Case, device: str) -> None:
    """What the messages tell the operator to do."""
    for command in ("resolve", "run"):
        ended = server.run(*arguments(command, factory, case, device))
        assert ended.code == 0, ended
    assert states(case) == ["verified"] * 3
    for row in case.ledger().rows:
        assert case.tags()[row["chip"].hex()].message == row["message"]
        assert factory.judge(case.tags()[row["chip"].hex()]).verdict.value == "genuine"


def test_ctrl_c_while_waiting_for_a_tag_is_exit_130(server: ForkServer, factory: Factory, case: Case) -> None:
    one_tag_only(case)
    with server.simulator(case.state) as simulator:
        process = server.start(*arguments("run", factory, case, simulator.device))
        assert process.event("outcome")
        process.send(signal.SIGINT)
        ended = process.end()
    assert (ended.code, ended.stdout, "interrupted" in ended.stderr) == (130, "", True)
    assert states(case) == ["verified"]


def test_ctrl_c_in_the_middle_of_a_write_leaves_a_ledger_that_resolve_settles(
    server: ForkServer, factory: Factory
) -> None:
    ended: Ended | None = None
    while ended is None or ended.code == 3:  # a busy machine: the driver gave the silent reader up before the signal
        case = factory.case()
        with server.simulator(case.state, "--fault", f"hold@{MID_WRITE}") as simulator:
            process = server.start(*arguments("run", factory, case, simulator.device))
            assert simulator.child.event_unless_ended(process, "held")
            process.send(signal.SIGINT)
            ended = process.end()
            assert simulator.child.event("released")
            assert states(case) == ["writing"]
            finish(server, factory, case, simulator.device)
    assert (ended.code, "interrupted" in ended.stderr) == (130, True)


def test_a_second_run_is_refused_at_the_first_thing_that_is_taken(
    server: ForkServer, factory: Factory, case: Case
) -> None:
    """On the same reader that is the port (3: device busy); on a reader of its own it is the job (6: ledger conflict),
    for two readers could put one row on two tags."""
    one_tag_only(case)
    other = factory.case()
    with server.simulator(case.state) as first, server.simulator(other.state) as second:
        process = server.start(*arguments("run", factory, case, first.device))
        assert process.event("outcome")
        same = server.run(*arguments("run", factory, case, first.device))
        assert (same.code, same.lines[-1]["error"]["code"]) == (3, "device-busy")
        assert same.lines[-1]["error"]["facts"]["holder"] == process.pid
        elsewhere = server.run(*arguments("run", factory, case, second.device))
        assert (elsewhere.code, elsewhere.lines[-1]["error"]["code"]) == (6, "job-busy")
        process.send(signal.SIGINT)
        assert process.end().code == 130
    assert (states(case), other.tags()) == (["verified"], factory.blank_tags())


def test_a_full_disk_is_exit_6_and_nothing_is_lost(server: ForkServer, factory: Factory) -> None:
    """At every size that the disk may be full at: the message says what is safe, and with room the job is finished."""
    refused: dict[str, int] = {}
    for limit in range(4096, 1_000_000, 20_000):
        case = factory.case()
        with server.simulator(case.state) as simulator:
            ended = server.run(*arguments("run", factory, case, simulator.device), file_limit=limit)
            if ended.code == 0:
                break
            check_refused(factory, case, ended)
            name = ",".join(states(case)) or "nothing"
            refused[name] = refused.get(name, 0) + 1
            finish(server, factory, case, simulator.device)
    print(f"full at {sum(refused.values())} sizes, the ledger then held {refused}")
    assert ended.code == 0, "no size was enough"
    assert any(name.startswith("verified,verified") for name in refused), "it was never full in the middle of the job"


def check_refused(factory: Factory, case: Case, ended: Ended) -> None:
    assert ended.code == 6, ended
    error: dict[str, Any] = ended.lines[-1]["error"]
    assert error["code"] in ("ledger-disk-full", "ledger-unwritable"), error
    assert "free" in error["action"], error
    if error["code"] == "ledger-disk-full":
        assert "every earlier step is safe" in error["message"]
    # What the ledger says is done is on the tag; what it does not know was not touched.
    bound = {row["chip"].hex(): row for row in case.ledger().rows if row["chip"] is not None}
    for uid, tag in case.tags().items():
        if uid not in bound:
            assert tag == factory.blank_tags()[uid]
        elif bound[uid]["state"] != "writing":
            assert tag.message == bound[uid]["message"]
