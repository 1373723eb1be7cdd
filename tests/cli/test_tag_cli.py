"""dpptag tag and dpptag scan at simulated readers: in this process, and at a simulator in another one."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dpptag.sim import start
from tests.cli.command_line import (
    ITEM,
    OTHER_UID,
    PASSPORT,
    UID,
    Done,
    Trust,
    dpptag,
    make_key,
    process,
    started,
)
from tests.sim_fixtures import sim_process

UIDS = ("04a10000000001", "04a10000000002", "04a10000000003")


def read(device: str, *arguments: object) -> Done:
    return dpptag("tag", "read", "--device", device, "--json", *arguments)


def write(device: str, ndef: Path, *arguments: object) -> Done:
    return dpptag("tag", "write", "--device", device, "--ndef", ndef, "--json", *arguments)


def scan(device: str, trust: Trust, *arguments: object) -> Done:
    return dpptag("scan", "--device", device, *trust.options, "--json", *arguments)


def belt(trust: Trust, folder: Path, *contents: str) -> str:
    """A state file with one tag for each of ``contents``: good, forged, blank, copied."""
    state = folder / "belt.json"
    device = f"sim:nfc?state={state}&tags=NTAG213*{len(contents)}&uid={','.join(UIDS[: len(contents)])}"
    rival, _ = make_key(folder, "rival")
    for position, content in enumerate(contents):
        if content == "blank":
            continue
        chip = OTHER_UID if content == "copied" else UIDS[position]
        key = rival if content == "forged" else None
        ndef = trust.signed(folder / f"{position}.ndef", "--chip", chip, "--digest", "0", key=key)
        done = write(f"{device}&position={position}", ndef)
        assert (done.code, done.json["chip"]) == (0, UIDS[position]), done.err
    return f"sim:nfc?state={state}&position=0"


# One tag


@pytest.mark.parametrize(("kind", "capacity"), [("NTAG213", 144), ("NTAG215", 496), ("NTAG216", 872)])
def test_a_tag_is_read_as_chip_type_capacity_and_message(tmp_path: Path, kind: str, capacity: int) -> None:
    done = read(f"sim:nfc?state={tmp_path / 'state'}&type={kind}&uid={UID}")
    assert done.code == 0
    assert {"chip", "type", "capacity", "ndef"} <= set(done.json)
    assert [done.json[name] for name in ("chip", "type", "capacity")] == [UID, kind, capacity]
    assert done.json["simulated"] is True


def test_what_was_written_is_there_for_the_next_process(trust: Trust, tmp_path: Path) -> None:
    device = f"sim:nfc?state={tmp_path / 'state'}&uid={UID}"
    ndef = trust.signed(tmp_path / "tag.ndef")
    assert process("tag", "write", "--device", device, "--ndef", ndef).code == 0
    done = process("tag", "read", "--device", device, "--json")
    assert (done.code, done.json["ndef"]) == (0, ndef.read_bytes().hex())
    (tmp_path / "again.ndef").write_bytes(bytes.fromhex(done.json["ndef"]))
    verdict = dpptag("verify", "--ndef", tmp_path / "again.ndef", "--chip", done.json["chip"], *trust.options, "--json")
    assert verdict.json["verdict"] == "genuine"


def test_a_message_too_large_for_the_chip_leaves_the_tag_untouched(trust: Trust, tmp_path: Path) -> None:
    device = f"sim:nfc?state={tmp_path / 'state'}&uid={UID}"
    before = read(device).json
    done = write(device, trust.signed(tmp_path / "tag.ndef", "--level", "full", "--digest", "32"))
    assert done.code == 4
    assert done.error["facts"]["tag_state"] == "untouched"
    assert read(device).json == before


@pytest.mark.parametrize("content", [b"\xff" * 9, b"\xd1\x01\x05U\x04", bytes(0x10001)])
def test_bytes_that_are_no_ndef_message_are_refused_before_a_reader_is_opened(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.ndef").write_bytes(content)
    done = write("nfc:tty:/dev/nowhere", tmp_path / "bad.ndef")
    assert (done.code, done.error["exit_code"]) == (7, 7)


def test_a_dry_run_writes_nothing(trust: Trust, tmp_path: Path) -> None:
    device = f"sim:nfc?state={tmp_path / 'state'}&uid={UID}"
    before = read(device).json
    done = write(device, trust.signed(tmp_path / "tag.ndef"), "--dry-run")
    assert done.code == 0
    assert done.json["steps"]
    assert read(device).json == before


def test_a_dry_run_on_a_chip_with_files_names_the_file_of_every_offset(trust: Trust, tmp_path: Path) -> None:
    device = f"sim:nfc?tags=NTAG424&uid={UID}"
    done = write(device, trust.signed(tmp_path / "tag.ndef"), "--dry-run")
    assert done.json["steps"]
    assert {step["file"] for step in done.json["steps"]} == {"e104"}


def test_a_tag_pulled_while_it_is_written_is_told_with_its_state(trust: Trust, tmp_path: Path) -> None:
    device = f"sim:nfc?state={tmp_path / 'state'}&uid={UID}"
    done = write(f"{device}&fault=tear@40", trust.signed(tmp_path / "tag.ndef"))
    assert done.code == 4
    assert done.error["facts"]["tag_state"]
    assert done.error["action"]
    assert write(device, tmp_path / "tag.ndef").code == 0
    assert read(device).json["ndef"] == (tmp_path / "tag.ndef").read_bytes().hex()


@pytest.mark.parametrize("fault", ["no-answer@30", "short@30", "pull@30", "swap@30", "tear@30"])
def test_whatever_ends_a_write_says_not_to_ship_the_tag(trust: Trust, tmp_path: Path, fault: str) -> None:
    device = f"sim:nfc?tags=NTAG213*2&uid={UID},{OTHER_UID}&fault={fault}"
    done = write(device, trust.signed(tmp_path / "tag.ndef"))
    assert done.code in (3, 4)
    assert done.error["facts"]["tag_state"] != "untouched"
    assert "  next:  " in done.err


@pytest.mark.parametrize("fault", ["no-answer@20", "pull@20"])
def test_whatever_ends_a_reading_says_that_the_tag_is_untouched(fault: str) -> None:
    done = read(f"sim:nfc?uid={UID}&fault={fault}", "--wait", "0")
    assert done.code in (3, 4)
    assert done.error["facts"]["tag_state"] == "untouched"


@pytest.mark.parametrize("at", range(12, 26))
@pytest.mark.parametrize("fault", ["noise", "mute", "nak"])
def test_one_answer_lost_on_the_air_never_makes_a_known_chip_unknown(fault: str, at: int) -> None:
    done = read(f"sim:nfc?uid={UID}&fault={fault}@{at}", "--wait", "1")
    assert "tag-chip-unknown" not in done.err
    assert done.code in (0, 4)


def test_an_interrupted_write_says_what_became_of_the_tag(
    trust: Trust, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dpptag.cli.tag.write_and_verify", interrupted)
    done = write(f"sim:nfc?uid={UID}", trust.signed(tmp_path / "tag.ndef"))
    assert (done.code, done.out) == (130, "")
    assert "do not ship" in done.err


@pytest.mark.parametrize("wait", ["-1", "inf", "soon"])
def test_a_wait_is_a_number_of_seconds(wait: str) -> None:
    assert read("sim:nfc", "--wait", wait).code == 2


def test_no_tag_at_the_reader_ends_after_the_wait(tmp_path: Path, trust: Trust) -> None:
    for done in (
        read("sim:nfc?fault=pull@1", "--wait", "0"),
        scan("sim:nfc?fault=pull@1", trust, "--wait", "0"),
    ):
        assert (done.code, done.error["code"]) == (4, "tag-not-found")
        assert "--wait" in done.error["action"]


@pytest.mark.parametrize(
    ("device", "code", "error"),
    [
        ("", 2, "device-path"),
        ("/dev/ttyUSB0", 2, "device-path"),
        ("nfc:tty:ttyUSB0", 2, "device-path"),
        ("nfc:usb:072f", 2, "device-path"),
        ("sim:nfc?stat=x", 2, "sim-query"),
        ("sim:nfc?type=NTAG999", 2, "sim-tag"),
        ("sim:nfc?uid=04", 2, "sim-uid"),
        ("sim:nfc?fault=explode@3", 2, "sim-fault"),
        ("sim:nfc?state=/nowhere/state.json", 2, "sim-state"),
        ("sim:nfc?state=/dev", 2, "sim-state"),
        ("sim:nfc?profile=nowhere", 7, "profile-unknown"),
        ("nfc:tty:/dev/nowhere", 3, "device-not-found"),
    ],
)
def test_a_device_that_cannot_be_is_refused_with_what_to_write(device: str, code: int, error: str) -> None:
    done = read(device, "--wait", "0")
    assert done.code == code, done.err
    assert done.error["code"] == error
    assert done.error["action"]


# Tag after tag


@pytest.mark.parametrize(
    ("contents", "code"),
    [
        (("good", "blank", "forged"), 5),
        (("forged", "good", "blank"), 5),
        (("good", "blank", "good"), 8),
        (("blank", "good"), 8),
        (("good", "copied"), 5),
        (("good", "good"), 0),
    ],
)
def test_a_scan_ends_with_its_worst_verdict(trust: Trust, tmp_path: Path, contents: tuple[str, ...], code: int) -> None:
    verdicts = {"good": "genuine", "forged": "forged", "copied": "forged", "blank": "unreadable"}
    done = scan(belt(trust, tmp_path, *contents), trust, "--count", len(contents))
    assert done.code == code, done.err
    assert [line["verdict"] for line in done.lines] == [verdicts[content] for content in contents]
    assert [line["chip"] for line in done.lines] == list(UIDS[: len(contents)])


def test_a_scanned_verdict_is_the_one_that_verify_gives(trust: Trust, tmp_path: Path) -> None:
    [line] = scan(belt(trust, tmp_path, "good"), trust, "--count", 1).lines
    done = dpptag("verify", "--ndef", tmp_path / "0.ndef", "--chip", UIDS[0], *trust.options, "--json")
    assert line == done.json


def test_a_four_byte_chip_number_cannot_be_checked(trust: Trust) -> None:
    done = scan("sim:nfc?uid=04a1b2c3", trust, "--count", 1)
    assert (done.code, done.lines[0]["verdict"]) == (8, "unknown-issuer")


def test_a_tag_of_another_kind_is_one_verdict_and_the_scan_goes_on(trust: Trust) -> None:
    done = scan(f"sim:nfc?tags=SAK20+NTAG213&uid={UIDS[0]},{UIDS[1]}", trust, "--count", 2)
    assert (done.code, [line["verdict"] for line in done.lines]) == (8, ["unreadable", "unreadable"])


def test_a_scan_without_count_ends_when_nothing_more_comes(trust: Trust, tmp_path: Path) -> None:
    done = scan(belt(trust, tmp_path, "good", "forged"), trust, "--wait", "0.5")
    assert (done.code, len(done.lines)) == (5, 2)


def test_a_person_sees_one_block_a_tag(trust: Trust, tmp_path: Path) -> None:
    done = dpptag("scan", "--device", belt(trust, tmp_path, "good", "forged"), *trust.options, "--count", 2)
    assert done.out.startswith("✔ GENUINE\n")
    assert "✘ FORGED\n" in done.out


# Processes


def started_scan(trust: Trust, device: str, *arguments: str, **options: Any) -> Any:
    return started("scan", "--device", device, *trust.options, "--json", *arguments, **options)


def test_an_interrupted_scan_ends_with_130_and_whole_lines(trust: Trust, tmp_path: Path) -> None:
    with started_scan(trust, belt(trust, tmp_path, "good", "forged")) as child:
        lines = [child.stdout.readline(), child.stdout.readline()]
        child.send_signal(signal.SIGINT)
        rest, talk = child.communicate(timeout=60)
    assert child.returncode == 130
    assert [json.loads(line)["verdict"] for line in lines] == ["genuine", "forged"]
    assert rest == ""
    assert "Traceback" not in talk
    assert "interrupted" in talk


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_scan_leaves_the_reader_dark_and_at_its_safe_speed(
    trust: Trust, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with start(f"uid={UID}") as simulator, started_scan(trust, f"nfc:tty:{simulator.path}") as child:
        assert json.loads(child.stdout.readline())["chip"] == UID
        assert (simulator.chip.baud, simulator.field.rf_on) == (921600, True)
        child.send_signal(number)
        rest, talk = child.communicate(timeout=60)
        assert (simulator.chip.baud, simulator.field.rf_on) == (115200, False)
    assert (child.returncode, rest) == (code, "")
    assert "Traceback" not in talk


def unread_pipe() -> int:
    """The end to write to of a pipe that nobody reads any more, as after ``| head -1``."""
    nobody, ours = os.pipe()
    os.close(nobody)
    return ours


def test_a_closed_pipe_ends_the_scan_without_a_word_and_never_with_0(trust: Trust, tmp_path: Path) -> None:
    ours = unread_pipe()
    with started_scan(trust, belt(trust, tmp_path, "good", "forged", "good"), stdout=ours) as child:
        os.close(ours)
        talk = child.communicate(timeout=60)[1]
    assert child.returncode == 130
    assert "Traceback" not in talk
    assert "Broken" not in talk


def test_a_forged_tag_does_not_pass_where_nobody_reads_the_verdict(trust: Trust, tmp_path: Path) -> None:
    ndef = trust.signed(tmp_path / "tag.ndef")
    ours = unread_pipe()
    with started("verify", "--ndef", ndef, "--chip", OTHER_UID, *trust.options, "--json", stdout=ours) as child:
        os.close(ours)
        assert child.communicate(timeout=60)[1] == ""
    assert child.returncode != 0


def test_a_closed_stderr_does_not_stop_the_work(trust: Trust, tmp_path: Path) -> None:
    ours = unread_pipe()
    with started_scan(trust, belt(trust, tmp_path, "good"), "--count", "1", stderr=ours) as child:
        os.close(ours)
        out = child.communicate(timeout=60)[0]
    assert child.returncode == 0
    assert json.loads(out)["verdict"] == "genuine"


def test_a_real_port_is_read_and_is_busy_for_a_second_process(trust: Trust, tmp_path: Path) -> None:
    ndef = trust.signed(tmp_path / "tag.ndef")
    with sim_process("--uid", UID) as simulator:
        device = f"nfc:tty:{simulator.path}"
        done = process("tag", "write", "--device", device, "--ndef", ndef, "--json")
        assert (done.code, done.json["chip"], done.json["simulated"]) == (0, UID, False)
        with started_scan(trust, device) as child:
            assert json.loads(child.stdout.readline())["verdict"] == "genuine"
            busy = process("tag", "read", "--device", device, "--json")
            assert (busy.code, busy.error["code"]) == (3, "device-busy")
            assert busy.error["action"]
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=60)
        assert child.returncode == 130
        assert process("tag", "read", "--device", device, "--json").json["ndef"] == ndef.read_bytes().hex()


def test_a_reader_lost_in_the_middle_is_a_device_error(trust: Trust, tmp_path: Path) -> None:
    """It is waited for, for a minute. Its number may soon be another pseudo-terminal's: the name goes with it."""
    node = tmp_path / "ttyUSB0"
    with sim_process("--uid", UID) as simulator:
        node.symlink_to(simulator.path)
        with started_scan(trust, f"nfc:tty:{node}") as child:
            assert json.loads(child.stdout.readline())["chip"] == UID
            node.unlink()
            simulator.process.terminate()
            rest, talk = child.communicate(timeout=200)
    assert child.returncode == 3
    assert json.loads(rest)["error"]["exit_code"] == 3
    assert "Traceback" not in talk


def test_traffic_is_shown_in_hex_on_stderr_alone(tmp_path: Path) -> None:
    done = process("-vvv", "tag", "read", "--device", f"sim:nfc?uid={UID}", "--json")
    assert done.json["chip"] == UID
    assert "TRAFFIC" in done.err
    assert UID in done.err


def test_the_passport_is_found_by_its_bytes_after_a_whole_round(trust: Trust, tmp_path: Path) -> None:
    """sign, write, read, verify: the shortest way through the program, each step a command."""
    device = f"sim:nfc?state={tmp_path / 'state'}&type=NTAG215&uid={UID}"
    ndef = trust.signed(tmp_path / "tag.ndef", "--level", "full", "--digest", "32")
    assert write(device, ndef).code == 0
    (tmp_path / "read.ndef").write_bytes(bytes.fromhex(read(device).json["ndef"]))
    options = ["--ndef", tmp_path / "read.ndef", "--chip", UID, *trust.options, "--passport", PASSPORT, "--json"]
    value = dpptag("verify", *options).json
    assert (value["verdict"], value["level"], value["passport"]) == ("genuine", "full", "match")
    assert value["identity"] == ITEM


def test_a_scan_outlives_a_reader_that_is_silent_once_while_a_tag_is_read(trust: Trust, tmp_path: Path) -> None:
    """Silent while it is opened or polls, a simulated reader is lost for good: those commands come first, and end."""
    device = belt(trust, tmp_path, "good")
    codes = [
        scan(f"{device}&fault=no-answer@{command}", trust, "--count", "1", "--wait", "5").code
        for command in range(16, 25)
    ]
    assert codes[0] == 3
    assert codes == [3] * codes.index(0) + [0] * (len(codes) - codes.index(0))
    assert codes.count(0) >= 4, "identify alone asks four times"
