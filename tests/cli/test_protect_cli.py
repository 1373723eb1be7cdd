"""Locks, passwords, originality and SUN from the command line, on simulated chips behind the real driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dpptag.trust.tag_keys import open_tag_master
from tests.cli.command_line import UID, Done, Trust, dpptag, make_trust
from tests.sim_fixtures import stored_pages
from tests.vectors import vector_path

PASSPHRASE = {"DPPTAG_PASSPHRASE": "only for tests"}
UID424 = "04a10000000424"


@pytest.fixture
def master(tmp_path: Path) -> Path:
    path = tmp_path / "tag-master.key"
    done = dpptag("keys", "new-tag-master", "--out", path, "--json", env=PASSPHRASE)
    assert (done.code, set(done.json)) == (0, {"file", "id"}), done.err
    return path


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return make_trust(tmp_path_factory.mktemp("trust"))


def written(folder: Path, trust: Trust, kind: str, uid: str, *options: str) -> str:
    """A simulated tag that holds a good statement; its device path."""
    device = f"sim:nfc?state={folder / kind}.json&tags={kind}&uid={uid}"
    ndef = trust.signed(folder / f"{kind}.ndef", "--chip", uid, "--digest", "0", *options)
    done = dpptag("tag", "write", "--device", device, "--ndef", ndef)
    assert done.code == 0, done.err
    return device


def protect(device: str, home: Path, *options: object) -> Done:
    return dpptag("tag", "protect", "--device", device, "--home", home, "--json", *options, env=PASSPHRASE)


def chip_check(device: str, trust: Trust, *options: object) -> tuple[Done, dict[str, Any]]:
    done = dpptag(
        *("scan", "--device", device, *trust.options, "--count", 1, "--wait", 5, "--json"), *options, env=PASSPHRASE
    )
    (report,) = done.lines
    return done, next(check for check in report["checks"] if check["n"] == 10) | {"verdict": report["verdict"]}


def test_a_dry_run_shows_every_irreversible_bit_and_changes_nothing(tmp_path: Path, trust: Trust) -> None:
    device = written(tmp_path, trust, "NTAG213", UID)
    before = stored_pages(tmp_path / "NTAG213.json")
    done = protect(device, tmp_path, "--lock", "--dry-run")
    assert (done.code, done.json["done"], done.json["lock"]) == (0, False, "permanent")
    assert [step.get("page") for step in done.json["steps"]] == [40, 2, 3, 2]
    assert all(step["irreversible"] for step in done.json["steps"])
    assert stored_pages(tmp_path / "NTAG213.json") == before


def test_a_lock_needs_the_chip_number_typed_and_is_proved(tmp_path: Path, trust: Trust) -> None:
    device = written(tmp_path, trust, "NTAG213", UID)
    before = stored_pages(tmp_path / "NTAG213.json")
    assert (done := protect(device, tmp_path, "--lock")).code == 2, done.err
    assert done.error["code"] == "confirm"
    wrong = protect(device, tmp_path, "--lock", "--yes", "04000000000000")
    assert (wrong.code, wrong.error["code"]) == (2, "confirm")
    assert stored_pages(tmp_path / "NTAG213.json") == before
    done = protect(device, tmp_path, "--lock", "--yes", UID)
    assert (done.code, done.json["done"]) == (0, True), done.err
    pages = stored_pages(tmp_path / "NTAG213.json")
    assert (pages[40][:2], pages[2][2:], pages[3][3]) == (b"\xff\x0f", b"\xf8\xff", 0x0F)
    again = protect(device, tmp_path, "--lock", "--yes", UID)
    assert (again.code, again.json["steps"]) == (0, [])
    ndef = tmp_path / "NTAG213.ndef"
    plain = tmp_path / "plain.ndef"
    plain.write_bytes(b"\xd1\x01\x0cU\x04example.com")
    refused = dpptag("tag", "write", "--device", device, "--ndef", plain, "--json")
    assert (refused.code, refused.error["code"]) == (4, "tag-read-only")
    assert ndef.read_bytes() in b"".join(pages)


def test_a_password_is_journalled_before_it_is_set_and_never_shown(tmp_path: Path, trust: Trust, master: Path) -> None:
    device = written(tmp_path, trust, "NTAG213", UID)
    done = protect(device, tmp_path, "--password", "--master", master, "--yes", UID)
    assert done.code == 0, done.err
    keys = open_tag_master(master, PASSPHRASE["DPPTAG_PASSPHRASE"].encode())
    secret = keys.key(bytes.fromhex(UID), "type2-password")
    pages = stored_pages(tmp_path / "NTAG213.json")
    assert (pages[43], pages[44][:2]) == (secret[:4], secret[4:6])
    (entry,) = [json.loads(line) for line in (tmp_path / "protections.jsonl").read_text().splitlines()]
    assert (entry["chip"], entry["derivation"]) == (UID, keys.derivation(bytes.fromhex(UID), ("type2-password",)))
    everything = done.out + done.err + (tmp_path / "protections.jsonl").read_text()
    assert secret[:4].hex() not in everything.lower()


def test_a_full_disk_of_the_journal_leaves_the_tag_without_a_password(
    tmp_path: Path, trust: Trust, master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = written(tmp_path, trust, "NTAG213", UID)
    before = stored_pages(tmp_path / "NTAG213.json")

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dpptag.cli.protect.append_line", full)
    done = protect(device, tmp_path, "--password", "--master", master, "--yes", UID)
    assert (done.code, done.error["code"]) == (7, "journal")
    assert stored_pages(tmp_path / "NTAG213.json") == before


@pytest.mark.parametrize(
    ("options", "code"),
    [([], "protection-none"), (["--password"], "master-missing"), (["--sun"], "master-missing")],
)
def test_what_is_asked_for_is_checked_before_a_port_opens(tmp_path: Path, options: list[str], code: str) -> None:
    done = protect("nfc:tty:/dev/none", tmp_path, *options)
    assert (done.code, done.error["code"]) == (2, code)


def test_a_wrong_passphrase_of_the_master_key_is_refused(tmp_path: Path, trust: Trust, master: Path) -> None:
    device = written(tmp_path, trust, "NTAG213", UID)
    arguments = ("tag", "protect", "--device", device, "--password", "--master", master, "--yes", UID, "--json")
    done = dpptag(*arguments, "--home", tmp_path, env={"DPPTAG_PASSPHRASE": "wrong"})
    assert done.code == 7
    assert done.error["code"].startswith("key-")


def test_a_scan_names_the_maker_s_key_where_the_originality_signature_is_good(tmp_path: Path, trust: Trust) -> None:
    cases = json.loads(vector_path("tag_auth", "originality_signatures.json").read_text())["vectors"]
    point = "04494e1a386d3d3cfe3dc10e5de68a499b1c202db5b132393e89ed19fe5be8bc61"  # AN11350
    sample = next(case for case in cases if point in json.dumps(case).lower() and len(case["uid"]) == 14)
    uid = sample["uid"].lower()
    device = written(tmp_path, trust, "NTAG213", uid)
    state = tmp_path / "NTAG213.json"
    stored = json.loads(state.read_text())
    stored["tags"][0]["signature"] = sample["signature"].lower()
    state.write_text(json.dumps(stored))
    done, check = chip_check(device, trust)
    assert (done.code, check["verdict"], check["outcome"]) == (0, "genuine", "passed")
    assert "NXP NTAG21x" in check["detail"]
    assert "not proven" not in done.out
    read = dpptag("tag", "read", "--device", device, "--json")
    assert (read.json["originality"], read.json["originality_key"]) == ("valid", "NXP NTAG21x and NTAG 5")
    stored["tags"][0]["signature"] = "01" + sample["signature"].lower()[2:]
    state.write_text(json.dumps(stored))
    done, check = chip_check(device, trust)
    assert (done.code, check["verdict"], check["outcome"]) == (0, "genuine", "not-run")
    assert "no known key matches" in check["detail"]


def test_a_chip_that_makes_a_mac_proves_itself_at_every_tap(tmp_path: Path, trust: Trust, master: Path) -> None:
    device = written(tmp_path, trust, "NTAG424", UID424, "--sun")
    scan_options = ("--tag-master", master, "--home", tmp_path)
    done, check = chip_check(device, trust, *scan_options)
    assert (check["verdict"], check["outcome"]) == ("genuine", "not-run"), "not switched on yet"
    done = protect(device, tmp_path, "--sun", "--master", master, "--yes", UID424)
    assert done.code == 0, done.err
    counters = []
    for _ in range(2):
        done, check = chip_check(device, trust, *scan_options)
        assert (done.code, check["verdict"], check["outcome"]) == (0, "genuine", "passed"), check
        counters.append(int(check["detail"].rpartition(" ")[2]))
    assert counters[1] > counters[0] >= 0
    other = tmp_path / "other-master.key"
    dpptag("keys", "new-tag-master", "--out", other, env=PASSPHRASE)
    done, check = chip_check(device, trust, "--tag-master", other, "--home", tmp_path)
    assert (check["verdict"], check["outcome"]) == ("genuine", "not-run"), "another master key proves nothing"


def test_a_copied_tap_is_noticed_and_a_changed_mac_is_a_forgery(tmp_path: Path, trust: Trust, master: Path) -> None:
    device = written(tmp_path, trust, "NTAG424", UID424, "--sun")
    assert protect(device, tmp_path, "--sun", "--master", master, "--yes", UID424).code == 0
    tapped = bytes.fromhex(dpptag("tag", "read", "--device", device, "--json").json["ndef"])
    for changed, expected in (
        (False, ("genuine", "passed")),
        (False, ("genuine", "failed")),
        (True, ("forged", "failed")),
    ):
        copy = bytearray(tapped)
        if changed:
            at = copy.index(b"&c=") + 3
            copy[at] = ord("0") if copy[at] != ord("0") else ord("1")
        (tmp_path / "copy.ndef").write_bytes(copy)
        (tmp_path / "NTAG216.json").unlink(missing_ok=True)
        emulator = f"sim:nfc?state={tmp_path / 'NTAG216.json'}&tags=NTAG216&uid={UID424}"
        assert dpptag("tag", "write", "--device", emulator, "--ndef", tmp_path / "copy.ndef").code == 0
        _, check = chip_check(emulator, trust, "--tag-master", master, "--home", tmp_path)
        assert (check["verdict"], check["outcome"]) == expected, check
