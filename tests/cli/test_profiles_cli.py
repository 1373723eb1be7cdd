"""``dpptag profiles``: list, show, and check with everything that is wrong, by file, line and cause."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dpptag.devices import profile_check, profiles
from tests.cli.command_line import dpptag

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "firmware_profiles"
FIXTURES = ROOT / "hw_fixtures"


def check(*arguments: object, code: int) -> dict[str, Any]:
    done = dpptag("profiles", "check", *arguments, "--json")
    assert done.code == code, done.err or done.out
    value: dict[str, Any] = done.json
    assert value["ok"] == (code == 0)
    return value


def problems(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [problem for one in value["profiles"] for problem in one["problems"]]


def test_every_shipped_profile_and_transcript_is_right() -> None:
    value = check(code=0)
    assert {one["name"] for one in value["profiles"]} == {path.stem for path in SHIPPED.glob("*.toml")}
    assert value["transcripts_checked"]
    assert all(one["transcripts"] >= 1 for one in value["profiles"])
    people = dpptag("profiles", "check", "uhf-m100", "uhf-r200")
    assert (people.code, "uhf-m100" in people.out, "nfc-" in people.out) == (0, True, False)


NEW_MODEL = """kind = "uhf"
name = "my-encoder"
title = "A module of a known family"
models = ["Model 7"]
source = "its maker's manual"
based_on = "uhf-m100"
fixtures = "my-encoder"

[identity]
texts = ["Model 7"]

[memory]
write_words = 8
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of the user's own with a new model: one TOML file and one folder of transcripts, no Python."""
    (tmp_path / "my-encoder.toml").write_text(NEW_MODEL)
    shutil.copytree(FIXTURES / "uhf-m100", tmp_path / "hw_fixtures" / "my-encoder")
    return tmp_path


def test_a_new_model_is_one_file_and_one_folder(own: Path) -> None:
    value = check("my-encoder", "--profile-dir", own, code=0)
    assert value["profiles"] == [
        {"name": "my-encoder", "file": str(own / "my-encoder.toml"), "own": True, "transcripts": 1, "problems": []}
    ]
    assert "my-encoder" in dpptag("profiles", "list", "--profile-dir", own).out
    shown = dpptag("profiles", "show", "my-encoder", "--profile-dir", own, "--json").json
    assert (shown["memory"]["write_words"], shown["memory"]["word_pointer_bits"]) == (8, 16)
    assert shown["commands"]["write"]["code"] == 0x49


def test_a_new_model_can_stand_by_itself(own: Path) -> None:
    text = (SHIPPED / "uhf-uhfreader18.toml").read_text().replace('"uhf-uhfreader18"', '"my-reader"')
    (own / "my-reader.toml").write_text(text)
    shutil.copytree(FIXTURES / "uhf-uhfreader18", own / "elsewhere" / "my-reader")
    check("my-reader", "--profile-dir", own, "--fixtures", own / "elsewhere", code=0)


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("[memory]", "[memorry]", "[memorry]", "not known"),
        ("write_words", "write_wrods", "write_wrods", "not known"),
        ("write_words = 8", "write_words = 256", "write_words", "less than or equal to 255"),
        ("write_words = 8", "write_words = 8\n[power]\nmax_cdbm = 1900", "[power]", "between"),
        ("write_words = 8", "write_words = 8\n[commands]\nread = { code = 0x49 }", "[commands]", "the same code 49"),
    ],
)
def test_a_planted_error_is_told_by_file_line_and_cause(own: Path, old: str, new: str, line: str, cause: str) -> None:
    path = own / "my-encoder.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    (problem,) = problems(check("my-encoder", "--profile-dir", own, code=7))
    assert problem["file"] == str(path)
    assert cause in problem["cause"]
    assert path.read_text().splitlines()[problem["line"] - 1].startswith(line)


def test_a_missing_transcript_is_told(own: Path) -> None:
    shutil.rmtree(own / "hw_fixtures")
    (problem,) = problems(check("my-encoder", "--profile-dir", own, code=7))
    assert (problem["code"], problem["file"]) == ("profile-fixtures-missing", str(own / "my-encoder.toml"))
    assert path_line(problem).startswith("fixtures = ")


def path_line(problem: dict[str, Any]) -> str:
    return Path(problem["file"]).read_text().splitlines()[problem["line"] - 1]


def test_all_errors_of_all_files_are_shown(own: Path) -> None:
    (own / "a-broken.toml").write_text('kind = "uhf"\nname = ')
    (own / "b-unknown.toml").write_text('kind = "rfid"\n')
    text = (SHIPPED / "uhf-m100.toml").read_text().replace("baud = 115200", "baud = 1").replace("by_tid", "by_tdi")
    (own / "uhf-m100.toml").write_text(text)
    transcript = own / "hw_fixtures" / "my-encoder" / "encode-and-lock.toml"
    transcript.write_text(transcript.read_text().replace("BB 00 22 00 00 22 7E", "BB 00 22 00 00 00 7E", 1))
    (own / "my-encoder.toml").write_text(NEW_MODEL.replace("uhf-m100", "uhf-r200"))
    done = dpptag("profiles", "check", "--profile-dir", own)
    assert done.code == 7
    for expected in (
        f"{own / 'a-broken.toml'}:2:",
        f"{own / 'b-unknown.toml'}:1: kind is 'rfid'",
        "serial.baud: ",
        "selection.by_tid: Field required",
        "selection.by_tdi: this key is not known",
        f"{transcript}:",
    ):
        assert expected in done.out, expected
    found = check("--profile-dir", own, code=7)
    assert {one["name"] for one in found["profiles"] if one["problems"]} >= {"a-broken", "b-unknown", "uhf-m100"}
    assert not [one for one in found["profiles"] if one["name"].startswith("nfc-") and one["problems"]]


def test_a_profile_of_ones_own_hides_the_shipped_one(own: Path) -> None:
    text = (SHIPPED / "uhf-r200.toml").read_text().replace('title = "', 'title = "Changed ')
    (own / "uhf-r200.toml").write_text(text)
    (value,) = check("uhf-r200", "--profile-dir", own, code=0)["profiles"]
    assert (value["own"], value["transcripts"]) == (True, 1)
    assert "Changed" in dpptag("profiles", "show", "uhf-r200", "--profile-dir", own).out
    assert "Changed" not in dpptag("profiles", "show", "uhf-r200").out


def test_a_wheel_has_no_transcripts_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_check, "find_fixtures_dir", lambda: None)
    done = dpptag("profiles", "check")
    assert done.code == 0
    assert "transcripts were not checked" in done.err
    assert check(code=0)["transcripts_checked"] is False
    assert check("uhf-m100", "--fixtures", FIXTURES, code=0)["transcripts_checked"] is True
    monkeypatch.setattr(profiles, "__file__", "/nowhere/dpptag/devices/profiles.py")
    assert profiles.find_fixtures_dir() is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "uhf-none"),
        ("show", "uhf-none"),
        ("list", "--profile-dir", "/no/where"),
        ("check", "--profile-dir", "/no/where"),
        ("check", "--fixtures", "/no/where"),
    ],
)
def test_what_is_not_there_is_bad_input(arguments: tuple[str, ...]) -> None:
    done = dpptag("profiles", *arguments, "--json")
    assert done.code == 7
    assert done.error["code"] in ("profile-unknown", "profile-folder-missing")


def test_a_module_is_shown_with_its_law_and_its_hazards() -> None:
    done = dpptag("profiles", "show", "uhf-a0-r2000")
    for words in ("by EPC alone", "33 dBm ERP", "36 dBm EIRP", "writes", "power (76h): stored"):
        assert words in done.out
    nfc = dpptag("profiles", "show", "nfc-pn532-uart").out
    assert "nfcpy" in nfc
    assert dpptag("profiles", "show", "nfc-pn532-uart", "--json").json["kind"] == "nfc"


def test_a_simulated_module_is_driven_by_a_profile_of_ones_own(own: Path) -> None:
    device = "sim:uhf/m100?profile=my-encoder"
    done = dpptag("devices", "identify", "--device", device, "--profile-dir", own, "--json")
    assert (done.code, done.json["driver"], done.json["simulated"]) == (3, "dpptag magicrf", True)  # it has no light
    refused = dpptag("devices", "identify", "--device", device, "--json")
    assert (refused.code, refused.error["code"]) == (7, "profile-unknown")
