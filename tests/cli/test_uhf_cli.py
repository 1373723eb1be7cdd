"""dpptag tag, scan, sign, verify and devices at simulated UHF modules, as a script meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpptag.ledger import Ledger
from dpptag.line import read_job
from dpptag.model.identifiers import ChipNumber
from tests.cli.command_line import EPC, PASSPORT, Done, Trust, dpptag
from tests.line.job_folder import GTIN, JobFolder
from tests.line.line_rig import NOW
from tests.line.uhf_rig import UHF_JOB

FAMILIES = ("m100", "r200", "mercury", "a0", "uhfreader18", "uhfreader288")
TIDS = tuple(f"e2806d122000{number:012x}" for number in (1, 2, 3))
"""UCODE 7xm with three serials."""


def device(state: Path, family: str = "m100", **more: str) -> str:
    query = "&".join(f"{key}={value}" for key, value in more.items())
    return f"sim:uhf/{family}?state={state}" + (f"&{query}" if query else "")


def bank(trust: Trust, folder: Path, tid: str, *arguments: str) -> Path:
    """A user bank signed for this chip, under :data:`EPC`."""
    out = folder / f"{tid[-4:]}.user"
    signing = ("--epc", EPC, "--chip", tid, "--digest", "16", "--passport", PASSPORT, "--level", "minimal")
    done = dpptag("sign", *signing, "--key", trust.key, "--slot", "1", "--out", out, *arguments)
    assert done.code == 0, done.err
    return out


def write(where: str, user: Path, *arguments: str) -> Done:
    return dpptag("tag", "write", "--device", where, "--epc", EPC, "--user", user, "--json", *arguments)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_one_command_wrote_another_reads_judges_and_verifies(family: str, trust: Trust, tmp_path: Path) -> None:
    state, user = tmp_path / "tags.json", bank(trust, tmp_path, TIDS[0])
    done = write(device(state, family, tid=TIDS[0]), user)
    assert done.code == 0, done.err
    value = dpptag("tag", "read", "--device", device(state, family), "--json").json
    assert (value["epc"], value["pc"], value["tid"]) == (EPC, f"{len(EPC) // 4 << 11:04x}", TIDS[0])
    assert bytes.fromhex(value["user"]) == user.read_bytes().ljust(128, b"\0")
    assert (value["type"], value["technology"], value["content"]) == ("UCODE-7xm", "EPC Gen2", "message")
    read_back = tmp_path / "read.user"
    read_back.write_bytes(bytes.fromhex(value["user"]))
    verified = dpptag(
        "verify", "--epc", value["epc"], "--user", read_back, "--chip", value["tid"], *trust.options, "--json"
    )
    scanned = dpptag("scan", "--device", device(state, family), *trust.options, "--json", "--count", "1")
    assert (verified.code, scanned.code) == (0, 0)
    assert scanned.lines == [verified.json]
    assert verified.json["verdict"] == "genuine"


def test_a_field_of_good_copied_and_blank_tags_gets_each_its_verdict_once(trust: Trust, tmp_path: Path) -> None:
    state, user = tmp_path / "tags.json", bank(trust, tmp_path, TIDS[0])
    where = device(state, tags="UCODE-7xm*3", tid=",".join(TIDS))
    for position in ("0", "1"):
        assert write(f"{where}&position={position}", user).code == 0
    done = dpptag("scan", "--device", device(state, mode="field"), *trust.options, "--json", "--wait", "0.2")
    verdicts = {value["chip"]: value["verdict"] for value in done.lines}
    assert verdicts == {TIDS[0]: "genuine", TIDS[1]: "forged", TIDS[2]: "unsigned"}
    assert len(done.lines) == 3
    assert done.code == 5, "the worst of them"
    twins = [value for value in done.lines if value["identity"] == EPC]
    assert all("another tag in the field has the same EPC" in value["warnings"] for value in twins)


def test_a_copy_that_hides_behind_a_stronger_tag_is_not_passed_over(trust: Trust, tmp_path: Path) -> None:
    state, user = tmp_path / "tags.json", bank(trust, tmp_path, TIDS[0])
    where = device(state, tags="UCODE-7xm*2", tid=",".join(TIDS[:2]))
    for position in ("0", "1"):
        assert write(f"{where}&position={position}", user).code == 0
    field = device(state, mode="field", rssi="-40,-60")
    done = dpptag("scan", "--device", field, *trust.options, "--json", "--wait", "0.2")
    assert [(value["chip"], value["verdict"]) for value in done.lines] == [(TIDS[0], "genuine"), (None, "unreadable")]
    assert "same EPC" in done.lines[1]["reason"]
    assert done.code == 8


def test_a_write_with_two_tags_in_the_field_says_how_many_and_how_strong(tmp_path: Path) -> None:
    where = device(tmp_path / "tags.json", tags="UCODE-7xm*2", mode="field", rssi="-41,-57")
    done = dpptag("tag", "write", "--device", where, "--epc", EPC, "--json")
    assert done.code == 4
    error = done.error
    assert error["code"] == "several-tags"
    assert error["facts"]["count"] == 2
    assert "-41" in error["message"]
    assert "-57" in error["message"]
    assert error["action"]


def test_an_epc_is_not_written_over_a_statement_that_belongs_to_another(trust: Trust, tmp_path: Path) -> None:
    state = tmp_path / "tags.json"
    write(device(state, tid=TIDS[0]), bank(trust, tmp_path, TIDS[0]))
    before = json.loads(state.read_text())["tags"]
    done = dpptag("tag", "write", "--device", device(state), "--epc", "30" + "00" * 11, "--json")
    assert (done.code, done.error["code"]) == (4, "user-bank-in-use")
    assert json.loads(state.read_text())["tags"] == before


def test_a_dry_run_shows_every_word_and_writes_none(trust: Trust, tmp_path: Path) -> None:
    state, user = tmp_path / "tags.json", bank(trust, tmp_path, TIDS[0])
    done = write(device(state, tid=TIDS[0]), user, "--dry-run")
    assert done.code == 0
    steps = done.json["steps"]
    assert len(steps) >= 3
    assert steps[-1]["data"] == user.read_bytes()[:2].hex(), "the first word comes last"
    (stored,) = json.loads(state.read_text())["tags"]
    assert not any(bytes.fromhex(stored["user"]))


def test_the_list_of_tags_has_every_one_with_its_strength_strongest_first(tmp_path: Path) -> None:
    where = device(tmp_path / "tags.json", tags="UCODE-7xm*3", tid=",".join(TIDS), mode="field", rssi="-60,-40,-50")
    where += "&epc=" + ",".join(f"e280{number:020x}" for number in (1, 2, 3))
    values = dpptag("tag", "list", "--device", where, "--json").json
    assert [value["rssi_dbm"] for value in values] == [-40, -50, -60]
    assert [value["rounds_heard"] for value in values] == [3, 3, 3]


def test_protect_then_kill_under_the_master_key(tmp_path: Path) -> None:
    state, master = tmp_path / "tags.json", tmp_path / "master.key"
    made = dpptag("keys", "new-tag-master", "--out", master, env={"DPPTAG_PASSPHRASE": "only a test"})
    assert made.code == 0, made.err
    env = {"DPPTAG_PASSPHRASE": "only a test", "DPPTAG_HOME": str(tmp_path / "home")}
    user = tmp_path / "user"
    user.write_bytes(b"\0\x41" + bytes(66))
    assert write(device(state, tid=TIDS[0]), user).code == 0
    options = ("--password", "--master", master, "--yes", TIDS[0], "--json")
    done = dpptag("tag", "protect", "--device", device(state), *options, env=env)
    assert done.code == 0, done.err
    journal = (tmp_path / "home" / "protections.jsonl").read_text()
    (stored,) = json.loads(state.read_text())["tags"]
    assert TIDS[0] in journal
    assert stored["reserved"] != "00" * 8
    assert stored["reserved"][:8] not in journal + done.out + done.err
    refused = dpptag("tag", "kill", "--device", device(state), "--master", master, "--yes", TIDS[1], env=env)
    assert refused.code == 2
    asked = dpptag("tag", "kill", "--device", device(state), "--master", master, env=env)
    assert asked.code == 2, "no terminal, no --yes"
    assert not json.loads(state.read_text())["tags"][0]["killed"]
    killed = dpptag("tag", "kill", "--device", device(state), "--master", master, "--yes", TIDS[0], "--json", env=env)
    assert (killed.code, killed.json["killed"]) == (0, True), killed.err
    assert json.loads(state.read_text())["tags"][0]["killed"]
    silent = dpptag("tag", "read", "--device", device(state), "--wait", "0", "--json")
    assert (silent.code, silent.error["code"]) == (4, "tag-not-found")


def test_a_wrong_kill_password_kills_nothing(tmp_path: Path) -> None:
    state, password = tmp_path / "tags.json", tmp_path / "password"
    password.write_text("deadbeef\n")
    done = dpptag(
        *(
            "tag",
            "kill",
            "--device",
            device(state, tid=TIDS[0]),
            "--password-file",
            password,
            "--yes",
            TIDS[0],
            "--json",
        )
    )
    assert done.code == 4
    assert not json.loads(state.read_text())["tags"][0]["killed"]
    assert "deadbeef" not in done.out + done.err


def test_devices_info_tells_version_region_and_power_in_force(tmp_path: Path) -> None:
    where = device(tmp_path / "tags.json", region="EU", power="20")
    value = dpptag("devices", "info", "--device", where, "--json").json
    assert value["simulated"]
    assert value["model"]
    assert value["firmware"]
    assert (value["region"], value["read_power_dbm"], value["write_power_dbm"]) == ("EU", 20.0, 20.0)


@pytest.mark.parametrize(
    ("more", "code"),
    [({"power": "90"}, "uhf-power"), ({"region": "MOON"}, "uhf-region"), ({"profile": "no"}, "profile-unknown")],
)
def test_a_power_or_region_that_the_profile_does_not_allow_is_refused(
    more: dict[str, str], code: str, tmp_path: Path
) -> None:
    done = dpptag("tag", "list", "--device", device(tmp_path / "tags.json", **more), "--json")
    assert done.code in (2, 7)
    assert done.error["code"] == code
    assert done.error["action"]


def test_a_device_of_the_other_kind_is_refused_before_a_port_opens() -> None:
    assert dpptag("tag", "list", "--device", "sim:nfc").code == 2
    assert dpptag("tag", "write", "--device", "sim:nfc", "--epc", EPC).code == 2
    assert dpptag("tag", "write", "--device", "sim:uhf/m100", "--ndef", "x").code == 2


def test_the_plan_of_a_uhf_job_says_which_epcs_its_rows_become(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path, 3)
    folder.write_passport("7")
    folder.write_rows([["gtin", "serial"], *([GTIN, serial] for serial in ("SN1", "SN2", "7"))])
    folder.write_job(**UHF_JOB)
    (first, _) = dpptag("line", "run", folder.job, "--dry-run", "--json").json["chips"]
    assert (first["chip"], first["epc_schemes"]) == ("Higgs-9", {"SGTIN+": 2, "SGTIN-96": 1})
    assert "EPCs on Higgs-9: 2 SGTIN+, 1 SGTIN-96" in dpptag("line", "run", folder.job, "--dry-run").out


@pytest.mark.parametrize(("chips", "device"), [("UHF", "sim:nfc"), ("NFC", "sim:uhf/m100")])
@pytest.mark.parametrize("what", ["run", "resolve"])
def test_a_job_is_refused_on_a_reader_for_the_other_kind_of_tags(
    what: str, chips: str, device: str, tmp_path: Path
) -> None:
    folder = JobFolder(tmp_path / "job", 1)
    folder.write_job(**(UHF_JOB if chips == "UHF" else {}))
    home = tmp_path / "home"
    if what == "resolve":
        with Ledger(home / "ledger.sqlite3", lambda: NOW) as ledger:
            entry = read_job(folder.job).entry
            ledger.register_job(entry)
            row = ledger.reserve(entry, entry.items[0])
            ledger.start_writing(row.id, ChipNumber.from_hex("04a1b2c3d4e5f6"), b"message", "minimal")
    done = dpptag("line", what, folder.job, "--device", device, "--home", home, "--wait", "0", "--json")
    assert (done.code, done.error["code"]) == (2, "device-other-kind")
    assert done.error["action"]
    assert what == "resolve" or not home.exists()
