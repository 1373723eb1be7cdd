"""The face that others script: options by name, versions, exit codes, one JSON document an error."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dpptag import __version__
from dpptag.cli import cli
from tests.cli.command_line import ITEM, UID, Trust, command_line, dpptag, environment, process

FACE = {
    "": "--version --home --verbose",
    "link check": "--json",
    "sign": "--uri --epc --chip --passport --digest --level --key --slot --out --on",
    "verify": "--ndef --epc --user --chip --trust --root --at --passport --export --json",
    "tag read": "--device --json",
    "tag write": "--device --ndef",
    "scan": "--device --trust --root --count --json",
    "trust init": "--out",
    "trust add-issuer": "--dir --name --scope --key --slot --not-before --not-after --status --allow-bare",
    "trust sign": "--dir --expires",
    "trust show": "--trust --root --json",
    "keys new": "--out",
    "event repair": "--item --home",
    "event recycle": "--item --home",
    "sync": "--to --home",
    "line run": "--home",
    "line resolve": "--home",
    "line report": "--json --home",
    "demo": "--out",
}
"""What was promised: command -> options."""

DATA_FREE = {"keys public"}
"""Commands that give back no data, and so need no --json."""


def commands(group: click.Group, *path: str) -> list[tuple[str, ...]]:
    """Every command and group below ``group``."""
    found = [path]
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        found += commands(command, *path, name) if isinstance(command, click.Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("command", [pytest.param(path, id=" ".join(path) or "dpptag") for path in commands(cli)])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_has_its_help(command: tuple[str, ...], option: str) -> None:
    done = dpptag(*command, option)
    assert done.code == 0
    assert done.out.startswith(" ".join(("Usage: dpptag", *command)))
    assert done.err == ""


@pytest.mark.parametrize("command", FACE)
def test_every_promised_option_stands_in_the_help(command: str) -> None:
    named = set(re.findall(r"--[a-z-]+", dpptag(*command.split(), "--help").out))
    assert set(FACE[command].split()) <= named


@pytest.mark.parametrize(
    "command", [pytest.param(path, id=" ".join(path)) for path in commands(cli) if " ".join(path) not in DATA_FREE]
)
def test_every_command_that_returns_data_has_json(command: tuple[str, ...]) -> None:
    out = dpptag(*command, "--help").out
    assert "--json" in out or "COMMAND [ARGS]" in out or command == ("demo",)  # the demo writes report.json


def test_the_version_is_printed() -> None:
    assert dpptag("--version").out == f"dpptag, version {__version__}\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["trust", "nonsense"], ["--nonsense"], ["verify", "--nonsense"]])
def test_an_unknown_word_is_a_usage_error_with_the_help_to_type(arguments: list[str]) -> None:
    done = dpptag(*arguments, "--json")
    assert (done.code, done.error["code"]) == (2, "usage")
    assert done.error["action"].endswith("--help")
    assert "nonsense" in done.err


@pytest.mark.parametrize("group", ["", "trust", "keys", "link", "event", "tag", "line"])
def test_a_group_alone_shows_its_commands_and_is_a_usage_error(group: str) -> None:
    done = dpptag(*group.split())
    assert (done.code, done.out) == (2, "")
    assert "Commands:" in done.err


def test_the_console_script_and_the_module_are_one_program() -> None:
    script = Path(sys.executable).with_name("dpptag")
    code = "import sys; sys.argv[0] = 'dpptag'; from dpptag.cli import main; main()"
    by_script = [str(script)] if script.exists() else [sys.executable, "-c", code]
    outputs = [
        subprocess.run([*start, "--help"], env=environment(), capture_output=True, text=True, check=True).stdout
        for start in (by_script, command_line())
    ]
    assert outputs[0] == outputs[1]


# link check


@pytest.mark.parametrize(
    ("uri", "keys", "canonical"),
    [
        (ITEM, {"01": "09520123456788", "21": "LB70A0001"}, "https://id.gs1.org/01/09520123456788/21/LB70A0001"),
        ("HTTPS://x.example/gtin/9520123456788", None, None),
        ("https://x.example/a/b/01/09520123456788?17=261231", {"01": "09520123456788", "17": "261231"}, None),
        ("https://id.gs1.org/8004/952012312345", {"8004": "952012312345"}, None),
    ],
)
def test_a_link_is_checked(uri: str, keys: dict[str, str] | None, canonical: str | None) -> None:
    done = dpptag("link", "check", uri, "--json")
    assert set(done.json) == {"valid", "canonical", "keys", "error"}
    assert done.json["valid"] is (done.code == 0)
    if keys is None:
        assert done.code == 7
    else:
        assert (done.json["keys"], done.json["error"]) == (keys, None)
        assert canonical in (None, done.json["canonical"])


@pytest.mark.parametrize(
    "uri", ["", "x", "https://", "https://id.example.com/", f"{ITEM[:-10]}", "https://id.example.com/01/1", "ü" * 9000]
)
def test_an_invalid_link_exits_7_and_says_why(uri: str) -> None:
    done = dpptag("link", "check", uri, "--json")
    assert (done.code, done.json["valid"], done.json["canonical"]) == (7, False, None)
    assert set(done.json["error"]) == {"code", "message"}
    plain = dpptag("link", "check", uri)
    assert (plain.code, plain.out) == (7, "")
    assert plain.err.startswith(f"error [{done.json['error']['code']}]: ")


def test_bytes_that_are_no_text_are_an_invalid_link() -> None:
    done = subprocess.run(
        [*map(os.fsencode, command_line("link", "check")), b"https://id.example.com/\xff\xfe", b"--json"],
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 7
    assert json.loads(done.stdout)["valid"] is False


# Errors


@pytest.mark.parametrize(
    ("arguments", "code", "error", "has_action"),
    [
        (["verify", "--json"], 2, "usage", True),
        (["verify", "--ndef", "x", "--epc", "00", "--chip", "00", "--trust", "t", "--root", "r"], 2, "carrier", False),
        (["sign", "--chip", "00", "--key", "k", "--slot", "1", "--out", "o"], 2, "carrier", False),
        (["sign", "--uri", ITEM, "--chip", "04a1b2c3", "--key", "k", "--slot", "1", "--out", "o"], 7,
         "chip-4-byte-uid", True),
        (["keys", "new", "--out", "/nowhere/k.key"], 2, "passphrase-missing", True),
        (["keys", "new", "--out", "/nowhere/k.key", "--unsafe-plain"], 7, "key-write", False),
        (["keys", "new", "--out", "/nowhere/k.pub", "--unsafe-plain"], 2, "key-name", False),
        (["keys", "show", "--key", "/nowhere/k.pub"], 7, "file", False),
        (["keys", "show", "--key", "/dev/null"], 7, "key-not-public-pem", True),
        (["keys", "public", "--key", "/dev/null", "--out", "x"], 7, "key-not-private-pem", True),
        (["trust", "sign", "--dir", "/nowhere", "--expires", "2099-01-01"], 7, "no-trust-folder", True),
        (["trust", "sign", "--dir", "/nowhere", "--expires", "soon"], 2, "not-a-day", False),
        (["trust", "show", "--trust", "/dev/null", "--root", "/dev/null"], 7, "key-not-public-pem", True),
        (["tag", "read", "--device", "nfc"], 2, "device-path", True),
        (["tag", "read", "--device", "nfc:tty:/dev/nowhere"], 3, "device-not-found", True),
        (["tag", "read", "--device", "sim:nfc?fault=pull@1", "--wait", "0"], 4, "tag-not-found", True),
        (["event", "check", "--home", "/dev/null"], 7, "home", False),
        (["sync", "--to", "gopher://x"], 2, "sync-scheme", True),
        (["line", "run", "/nowhere/job.toml", "--device", "sim:nfc"], 7, None, False),
        (["demo", "--out", "/dev/null"], 2, "demo-folder", True),
    ],
)  # fmt: skip
def test_an_error_is_said_once_with_code_cause_and_next_action(
    arguments: list[str], code: int, error: str | None, has_action: bool
) -> None:
    done = dpptag(*(argument for argument in arguments if argument != "--json"), "--json")
    if arguments[0] in ("demo",) or arguments[:2] == ["keys", "public"]:  # they have no --json
        done = dpptag(*arguments)
        assert done.out == ""
    else:
        assert error in (None, done.error["code"])
        assert bool(done.error["action"]) or not has_action
        assert done.error["message"] in done.err
    assert done.code == code, done.err
    assert done.err.count("error [") == 1
    assert error is None or f"error [{error}]: " in done.err
    assert ("  next:  " in done.err) or not has_action


def test_a_bug_is_called_one_and_is_still_one_json_document(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_uri: str) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("dpptag.codec.digital_link.parse", broken)
    done = dpptag("link", "check", ITEM, "--json")
    assert (done.code, done.error["code"]) == (1, "bug")
    assert "planted" in caplog.text


def test_a_full_disk_under_stdout_is_an_error_and_no_traceback() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command_line("link", "check", ITEM, "--json"),
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 7
    assert "error [stdout]" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_signs_and_names_survive_every_encoding_of_the_terminal(trust: Trust, tmp_path: Path, encoding: str) -> None:
    options = ["verify", "--ndef", trust.signed(tmp_path / "tag.ndef"), "--chip", UID, *trust.options]
    env = {"PYTHONIOENCODING": encoding}
    text, value = process(*options, env=env), process(*options, "--json", env=env)
    assert (text.code, value.code) == (0, 0)
    assert "GENUINE" in text.out
    assert value.json["verdict"] == "genuine"


# What a start costs


def test_verifying_starts_without_what_it_does_not_need(trust: Trust, tmp_path: Path) -> None:
    arguments = ["verify", "--ndef", trust.signed(tmp_path / "tag.ndef"), "--chip", UID, *trust.options, "--json"]
    program = (
        "import sys\nfrom dpptag.cli import run\ncode = run(sys.argv[1:])\n"
        "sys.stderr.write(' '.join(sys.modules))\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "genuine")
    loaded = set(done.stderr.split())
    unwanted = {"pydantic", "sqlite3", "nfc", "serial", "usb1", "smartcard", "ecdsa", "six"}
    unwanted |= {f"dpptag.{part}" for part in ("devices", "sim", "ledger", "events", "line", "passport", "sync")}
    assert not loaded & unwanted
    assert "dpptag.trust.verification" in loaded
