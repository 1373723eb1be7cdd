"""dpptag event and dpptag sync: valid events, where they are kept, what is refused, and a disk that is full."""

import json
import resource
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from dpptag.cli import sync as sync_command
from dpptag.sync.report import Edge
from dpptag.sync.targets import REAL_EDGE, synchronise
from tests.cli.command_line import ITEM, Done, dpptag, process
from tests.sync.capture_server import CaptureServer
from tests.vectors import vector_path

CANONICAL = "https://id.gs1.org/01/09520123456788/21/LB70A0001"
COPPER = "https://id.gs1.org/01/09520123400019/10/CU-LOT9"
AT = "2026-11-21T10:00:00.000+01:00"


def repair(home: Path, *arguments: object, item: str = ITEM) -> Done:
    options = [*arguments] if "--fault" in arguments else ["--fault", "battery-swollen", *arguments]
    return dpptag("event", "repair", "--item", item, *options, "--home", home, "--json")


def recycle(home: Path, *arguments: object) -> Done:
    defaults = {"--item": ITEM, "--method": "R4", "--output": f"{COPPER}=0.21"}
    options = [part for pair in defaults.items() if pair[0] not in arguments for part in pair]
    return dpptag("event", "recycle", *options, *arguments, "--home", home, "--json")


def listed(home: Path) -> list[Any]:
    done = dpptag("event", "list", "--home", home, "--json")
    assert done.code == 0, done.err
    return done.lines


@cache
def schema() -> Draft7Validator:
    text = vector_path("epcis", "schema", "EPCIS-JSON-Schema.json").read_text(encoding="utf-8")
    return Draft7Validator(json.loads(text), format_checker=FormatChecker())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody sleeps: what would have been slept is noted."""
    slept: list[float] = []
    edge = Edge(now=REAL_EDGE.now, sleep=slept.append, random=REAL_EDGE.random)
    monkeypatch.setattr(sync_command, "synchronise", partial(synchronise, edge=edge))
    return slept


def test_what_was_recorded_is_valid_for_the_official_schema(tmp_path: Path) -> None:
    location = "https://id.gs1.org/414/9521321000018/254/S1"
    everything = ["--text", "pack swollen", "--outcome", "Repairable", "--part", COPPER.replace("/10/", "/21/")]
    everything += ["--rma", "urn:uuid:2f9b4c1e-7e3a-4d52-9b1a-0c6f5e7d8a90", "--read-point", location]
    assert repair(tmp_path, *everything, "--location", location, "--at", AT).code == 0
    waste = ["--disposal", "D1", "--waste-code", "16 02 13*", "--output", COPPER.replace("LOT9", "LOT10")]
    assert recycle(tmp_path, *waste, "--output", f"{COPPER}=0.21", "--location", location).code == 0
    assert repair(tmp_path).code == 0
    document = tmp_path / "events.json"
    assert dpptag("sync", "--to", document, "--home", tmp_path).code == 0
    value = json.loads(document.read_text())
    schema().validate(value)
    assert [event["type"] for event in value["epcisBody"]["eventList"]] == [
        *("ObjectEvent", "TransformationEvent", "ObjectEvent")
    ]
    assert all(event["eventID"].startswith("ni:///sha-256;") for event in value["epcisBody"]["eventList"])


def test_an_item_has_one_canonical_name_whatever_its_host(tmp_path: Path) -> None:
    names = set()
    for item in (ITEM, CANONICAL, "https://brand.example.org/some/shop/01/09520123456788/21/LB70A0001?17=261231"):
        names |= set(repair(tmp_path, item=item).json["event"]["epcList"])
    assert names == {CANONICAL}


def test_the_answer_says_saved_only_with_what_the_log_holds(tmp_path: Path) -> None:
    first, again, second = repair(tmp_path, "--at", AT), repair(tmp_path, "--at", AT), recycle(tmp_path)
    assert [set(done.json) for done in (first, again)] == [{"saved", "already", "seq", "event"}] * 2
    assert [(done.json["already"], done.json["seq"]) for done in (first, again, second)] == [
        *((False, 1), (True, 1), (False, 2))
    ]
    assert [entry["event"] for entry in listed(tmp_path)] == [first.json["event"], second.json["event"]]
    check = dpptag("event", "check", "--home", tmp_path, "--json")
    assert (check.code, check.json["entries"]) == (0, 2)


@pytest.mark.parametrize(
    ("kind", "arguments", "code", "error"),
    [
        ("repair", ["--item", "https://id.example.com/"], 7, None),
        ("repair", ["--item", "https://id.example.com/01/09520123456789"], 7, "check-digit"),
        ("repair", ["--part", "battery"], 7, None),
        ("repair", ["--outcome", "Unknown"], 2, "usage"),
        ("repair", ["--fault", ""], 7, "event-text-length"),
        ("repair", ["--fault", "true"], 7, "event-value-ambiguous"),
        ("repair", ["--fault", "bell\a"], 7, "event-text-control"),
        ("repair", ["--rma", "order 7"], 7, "event-identifier"),
        ("repair", ["--at", "2026-11-21T10:00:00"], 2, "time-without-offset"),
        ("repair", ["--at", "2026-11-21"], 2, "time-without-offset"),
        ("repair", ["--at", "noon"], 2, "not-a-time"),
        ("repair", ["--at", "0001-01-01T00:00:00+14:00"], 7, "event-time-range"),
        ("recycle", ["--method", "R14"], 7, "event-code"),
        ("recycle", ["--method", "r4"], 7, "event-code"),
        ("recycle", ["--disposal", "D16"], 7, "event-code"),
        ("recycle", ["--waste-code", "160214"], 7, "event-code"),
        ("recycle", ["--waste-code", "21 02 14"], 7, "event-code"),
        ("recycle", ["--output", f"{COPPER}=heavy"], 7, "event-quantity"),
        ("recycle", ["--output", f"{COPPER}=-1"], 7, "event-quantity"),
        ("recycle", ["--output", f"{COPPER}=nan"], 7, "event-quantity"),
        ("recycle", ["--output", "copper=1"], 7, None),
    ],
)
def test_a_bad_fact_is_refused_and_nothing_is_saved(
    tmp_path: Path, kind: str, arguments: list[str], code: int, error: str | None
) -> None:
    done = {"repair": repair, "recycle": recycle}[kind](tmp_path, *arguments)
    assert done.code == code, done.err
    assert error in (None, done.error["code"])
    assert listed(tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "missing"), [("repair", "--item"), ("repair", "--fault"), ("recycle", "--method"), ("recycle", "--output")]
)
def test_a_missing_fact_is_named(tmp_path: Path, kind: str, missing: str) -> None:
    options = {"--item": ITEM, "--fault": "x", "--method": "R4", "--output": COPPER}
    wanted = {"repair": ("--item", "--fault"), "recycle": ("--item", "--method", "--output")}[kind]
    given = [part for name in wanted if name != missing for part in (name, options[name])]
    done = dpptag("event", kind, *given, "--home", tmp_path)
    assert done.code == 2
    assert missing in done.err


def test_home_comes_from_the_command_then_from_before_it_then_from_the_environment(tmp_path: Path) -> None:
    command = ["event", "repair", "--item", ITEM, "--fault", "battery-swollen"]
    env = {"DPPTAG_HOME": str(tmp_path / "environment")}
    assert dpptag(*command, env=env).code == 0
    assert dpptag("--home", tmp_path / "before", *command, env=env).code == 0
    assert dpptag("--home", tmp_path / "before", *command, "--home", tmp_path / "own", env=env).code == 0
    assert [len(listed(tmp_path / name)) for name in ("environment", "before", "own")] == [1, 1, 1]


def test_a_home_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        done = repair(home)
        assert (done.code, done.error["code"]) == (7, "home")


def test_a_clock_set_back_is_warned_of_and_the_event_is_kept(tmp_path: Path) -> None:
    repair(tmp_path, "--at", "2026-11-21T10:00:00+01:00")
    done = repair(tmp_path, "--at", "2026-11-20T10:00:00+01:00")
    assert done.code == 0
    assert "is the clock right?" in done.err
    assert len(listed(tmp_path)) == 2


def test_a_damaged_store_is_refused_by_every_command(tmp_path: Path) -> None:
    repair(tmp_path)
    (tmp_path / "events.sqlite3").write_bytes(b"not a database" * 100)
    for done in (repair(tmp_path), dpptag("sync", "--to", tmp_path / "out.json", "--home", tmp_path, "--json")):
        assert (done.code, done.error["exit_code"]) == (6, 6)


def test_a_log_with_a_changed_entry_is_found_broken(tmp_path: Path) -> None:
    repair(tmp_path)
    path = tmp_path / "events.sqlite3"
    path.write_bytes(path.read_bytes().replace(b"battery-swollen", b"battery-healthy"))
    done = dpptag("event", "check", "--home", tmp_path, "--json")
    assert (done.code, done.error["code"]) == (6, "log-broken")


# Sending


def test_a_second_sync_to_a_file_sends_nothing_and_changes_nothing(tmp_path: Path) -> None:
    repair(tmp_path)
    recycle(tmp_path)
    target = tmp_path / "events.json"
    first = dpptag("sync", "--to", target, "--home", tmp_path, "--json")
    before = target.read_bytes()
    second = dpptag("sync", "--to", target, "--home", tmp_path, "--json")
    assert [(done.code, done.json["stored"], done.json["already"]) for done in (first, second)] == [
        *((0, 2, 0), (0, 0, 2))
    ]
    assert target.read_bytes() == before


def test_a_file_that_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    repair(tmp_path)
    target = tmp_path / "notes.txt"
    target.write_text("mine\n")
    done = dpptag("sync", "--to", target, "--home", tmp_path, "--json")
    assert done.code == 7, done.err
    assert target.read_text() == "mine\n"


def test_events_go_to_a_capture_endpoint_once(tmp_path: Path) -> None:
    repair(tmp_path)
    with CaptureServer() as server:
        first = dpptag("sync", "--to", server.url, "--home", tmp_path, "--json")
        second = dpptag("sync", "--to", server.url, "--home", tmp_path, "--json")
        assert list(server.copies().values()) == [1]
    assert (first.code, first.json["stored"], second.json["already"]) == (0, 1, 1)
    assert {"target", "sent", "stored", "already", "rejected", "pending"} <= set(first.json)


def test_a_receiver_out_of_reach_leaves_everything_queued(tmp_path: Path, patient: list[float]) -> None:
    repair(tmp_path)
    recycle(tmp_path)
    done = dpptag("sync", "--to", "http://127.0.0.1:1/epcis", "--home", tmp_path, "--json")
    assert (done.code, done.error["code"]) == (9, "sync-unreachable")
    assert done.error["facts"]["pending"] == 2
    assert "nothing is lost: 2 events are still queued" in done.err
    assert done.error["action"]
    assert 0 < sum(patient) <= 150
    with CaptureServer() as server:
        assert dpptag("sync", "--to", server.url, "--home", tmp_path, "--json").json["stored"] == 2


def test_what_the_receiver_refuses_is_kept_and_its_reason_told(tmp_path: Path) -> None:
    repair(tmp_path, "--text", "poisoned")
    recycle(tmp_path)
    with CaptureServer(poison="poisoned") as server:
        done = dpptag("sync", "--to", server.url, "--home", tmp_path, "--json")
        assert [event["type"] for event in server.stored] == ["TransformationEvent"]
    assert (done.code, done.error["code"]) == (9, "sync-rejected")
    assert done.error["facts"]["rejected"] == 1
    assert "entry 1" in done.err
    assert "not to my taste" in done.err


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("ftp://host/path", "sync-scheme"),
        ("https://", "sync-address"),
        ("https://user:pa55word@host/epcis", "sync-address-secret"),
        ("https://host/epcis?x=1", "sync-address"),
        ("http://[::1", "sync-address"),
        ("http://ho st/epcis", "sync-address"),
        ("http://host/a b", "sync-address"),
        ("http://höst/epcis", "sync-address"),
        ("http://host\udcff/", "sync-address"),
        ("events\udcff.json", "sync-address"),
        ("events\n.json", "sync-address"),
        ("/", "sync-address"),
        ("", "sync-address"),
    ],
)
def test_a_bad_address_is_a_usage_error_before_anything_opens(tmp_path: Path, target: str, error: str) -> None:
    done = dpptag("sync", "--to", target, "--home", tmp_path / "home", "--json")
    assert (done.code, done.error["code"]) == (2, error)
    assert "pa55word" not in done.out + done.err
    assert not (tmp_path / "home").exists()


def test_a_token_is_sent_and_never_shown(tmp_path: Path) -> None:
    repair(tmp_path)
    with CaptureServer(token="s3cret-token") as server:
        env = {"DPPTAG_SYNC_TOKEN": "s3cret-token"}
        done = process("-vvv", "sync", "--to", server.url, "--home", tmp_path, env=env)
    assert done.code == 0, done.err
    assert "s3cret-token" not in done.out + done.err


# A full disk


@pytest.mark.parametrize("command", ["repair", "sync"])
def test_a_full_disk_saves_nothing_by_halves(tmp_path: Path, command: str) -> None:
    home = tmp_path / "home"
    for minute in range(60):
        repair(home, "--at", f"2026-11-21T10:{minute:02}:00Z", "--text", "x" * 400)
    target = tmp_path / "events.json"
    limit = {"repair": 40960, "sync": 34000}[command]  # the database's shared memory takes 32 KiB
    arguments = {
        "repair": ["event", "repair", "--item", ITEM, "--fault", "battery-swollen", "--text", "y" * 500, "--json"],
        "sync": ["sync", "--to", target, "--json"],
    }[command]
    before = listed(home)
    done: Done | None = None
    for _ in range(20):  # the write-ahead log takes a few more events before it meets the limit
        done = process(
            *arguments,
            env={"DPPTAG_HOME": str(home)},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        if done.code:
            break
        before.append({"seq": done.json["seq"], "event": done.json["event"]})
    assert done is not None
    assert done.code == 6, done.err
    assert done.error["action"]
    assert "Traceback" not in done.err
    assert listed(home) == before
    assert not target.exists()
    assert dpptag("event", "check", "--home", home).code == 0
    assert dpptag("sync", "--to", target, "--home", home, "--json").json["stored"] == len(before)
