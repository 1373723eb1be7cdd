"""dpptag sign and dpptag verify: every level, every verdict that needs no reader, every refusal."""

import json
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.command_line import (
    EPC,
    ITEM,
    OTHER_UID,
    PASSPORT,
    TID,
    UID,
    Done,
    Trust,
    dpptag,
    make_key,
    make_trust,
    process,
    started,
)

KEYS = {
    *("verdict", "reason", "identity", "chip", "level", "day", "issuer", "trust", "checks", "passport"),
    *("extra_records", "warnings"),
}
NFC_LEVELS = [
    *(("minimal", 0), ("minimal", 16)),
    *(("compact", 0), ("compact", 16), ("compact", 32)),
    ("full", 32),
]
UHF_LEVELS = [("bare", 0), *NFC_LEVELS]
STORED = {
    *(("bare", 0, 64), ("minimal", 0, 67), ("minimal", 16, 83)),
    *(("compact", 0, 80), ("compact", 16, 97), ("compact", 32, 115)),
}


def verify(trust: Trust, content: Path, *arguments: object, chip: str = UID) -> Done:
    return dpptag("verify", "--ndef", content, "--chip", chip, *trust.options, "--json", *arguments)


def verify_uhf(trust: Trust, bank: Path, *arguments: object, epc: str = EPC, chip: str = TID) -> Done:
    options = ["--epc", epc, "--user", bank, "--chip", chip]
    return dpptag("verify", *options, *trust.options, "--json", *arguments)


@pytest.mark.parametrize(("level", "digest"), NFC_LEVELS)
def test_what_is_signed_for_nfc_is_genuine_on_its_chip_and_forged_on_another(
    trust: Trust, tmp_path: Path, level: str, digest: int
) -> None:
    content = trust.signed(tmp_path / "tag.ndef", "--level", level, "--digest", digest)
    good, copied = verify(trust, content), verify(trust, content, chip=OTHER_UID)
    assert (good.code, good.json["verdict"], good.json["level"]) == (0, "genuine", level)
    assert (copied.code, copied.json["verdict"]) == (5, "forged")


@pytest.mark.parametrize(("level", "digest"), UHF_LEVELS)
def test_what_is_signed_for_uhf_is_genuine_on_its_chip_and_forged_on_another(
    trust: Trust, tmp_path: Path, level: str, digest: int
) -> None:
    bank = trust.signed(tmp_path / "user", "--epc", EPC, "--chip", TID, "--level", level, "--digest", digest)
    good, copied = verify_uhf(trust, bank), verify_uhf(trust, bank, chip=TID[:-2] + "00")
    assert (good.code, good.json["verdict"], good.json["level"]) == (0, "genuine", level)
    assert good.json["identity"] == EPC
    assert (copied.code, copied.json["verdict"]) == (5, "forged")


@pytest.mark.parametrize(("level", "digest", "stored"), sorted(STORED))
def test_a_user_bank_is_as_long_as_the_table_says(
    trust: Trust, tmp_path: Path, level: str, digest: int, stored: int
) -> None:
    bank = trust.signed(tmp_path / "user", "--epc", EPC, "--chip", TID, "--level", level, "--digest", digest)
    with_dsfid = stored if level == "bare" else stored + 1
    assert bank.stat().st_size == with_dsfid + with_dsfid % 2


def test_the_verdict_object_has_the_fields_that_were_promised_and_no_other(trust: Trust, tmp_path: Path) -> None:
    value = verify(trust, trust.signed(tmp_path / "tag.ndef", "--on", "2026-03-01"), "--at", "2026-11-21").json
    assert set(value) == KEYS
    assert value["identity"] == ITEM
    assert (value["chip"], value["day"]) == (UID, "2026-03-01")
    assert value["issuer"] == {"name": "Example Batteries", "slot": 1}
    assert set(value["trust"]) == {"issued", "expires", "stale"}
    assert value["trust"]["expires"] == "2099-12-31"
    assert [check["n"] for check in value["checks"]] == list(range(1, 12))
    assert all(set(check) == {"n", "name", "outcome", "detail"} for check in value["checks"])
    assert {check["outcome"] for check in value["checks"]} <= {"passed", "failed", "not-run"}
    assert (value["passport"], value["extra_records"]) == ("absent", 0)


def test_absent_values_of_a_verdict_are_null(trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "blank.ndef").write_bytes(b"")
    done = verify(trust, tmp_path / "blank.ndef")
    assert (done.code, done.json["verdict"]) == (8, "unreadable")
    assert set(done.json) == KEYS
    assert [done.json[name] for name in ("identity", "level", "day")] == [None] * 3
    assert done.json["issuer"] == {"name": None, "slot": None}


def test_bare_says_that_its_day_is_not_signed(trust: Trust, tmp_path: Path) -> None:
    options = ["--epc", EPC, "--chip", TID, "--level", "bare", "--digest", "0"]
    value = verify_uhf(trust, trust.signed(tmp_path / "user", *options)).json
    assert value["day"] is None
    assert "bare: the date is not signed" in value["warnings"]


def test_auto_takes_what_fits_the_chip(trust: Trust, tmp_path: Path) -> None:
    levels = {}
    for capacity in (144, 496):
        out = trust.signed(tmp_path / f"{capacity}", "--level", "auto", "--digest", "16", "--capacity", capacity)
        levels[capacity] = verify(trust, out).json["level"]
    assert levels == {144: "minimal", 496: "compact"}


def test_the_passphrase_of_an_encrypted_key_comes_from_the_environment(trust: Trust, tmp_path: Path) -> None:
    secret = {"DPPTAG_PASSPHRASE": "a long one"}
    done = dpptag("keys", "new", "--out", tmp_path / "line.key", env=secret)
    assert done.code == 0
    sign = ["sign", "--uri", ITEM, "--chip", UID, "--digest", 0, "--level", "minimal", "--slot", 1]
    sign += ["--key", tmp_path / "line.key", "--out", tmp_path / "tag.ndef"]
    assert dpptag(*sign, env=secret).code == 0
    missing, wrong = dpptag(*sign, "--json"), dpptag(*sign, "--json", env={"DPPTAG_PASSPHRASE": "another"})
    assert (missing.code, missing.error["code"]) == (7, "key-passphrase-missing")
    assert (wrong.code, wrong.error["code"]) == (7, "key-passphrase-wrong")


@pytest.mark.parametrize(
    ("changed", "code", "error"),
    [
        (["--level", "minimal", "--digest", "32"], 2, "digest-width"),
        (["--level", "full", "--digest", "16"], 2, "digest-width"),
        (["--level", "bare", "--digest", "16"], 2, "digest-width"),
        (["--level", "bare", "--digest", "0"], 2, "bare-on-nfc"),
        (["--digest", "20"], 2, "usage"),
        (["--level", "rich"], 2, "usage"),
        (["--slot", "32"], 2, "usage"),
        (["--epc", EPC], 2, "carrier"),
        (["--chip", "04xyz"], 2, "not-hex"),
        (["--chip", "04a1b2c3"], 7, "chip-4-byte-uid"),
        (["--chip", "04a1b2c3d4"], 7, "chip-malformed"),
        (["--chip", "e20011912000"], 7, "chip-malformed"),
        (["--chip", "e20011910000000000000000"], 7, "chip-tid-unserialised"),
        (["--on", "yesterday"], 2, "not-a-day"),
        (["--on", "1970-01-01"], 7, "day-range"),
        (["--on", "2190-01-01"], 7, "day-range"),
        (["--passport", "/nowhere/passport.json"], 7, "file"),
        (["--key", "/nowhere/issuer.key"], 7, "file"),
        (["--key", str(PASSPORT)], 7, "key-not-private-pem"),
        (["--out", "/nowhere/tag.ndef"], 7, "file"),
        (["--uri", "https://id.example.com/01/09520123456789"], 7, "check-digit"),
        (["--uri", "https://id.example.com:8443/x"], 7, "identity"),
        (["--level", "auto", "--capacity", "48"], 7, "too-large"),
    ],
)
def test_what_must_not_be_signed_is_refused_with_its_own_code(
    trust: Trust, tmp_path: Path, changed: list[str], code: int, error: str
) -> None:
    options = {"--uri": ITEM, "--chip": UID, "--passport": str(PASSPORT), "--level": "minimal", "--digest": "16"}
    options |= {"--key": str(trust.key), "--slot": "1", "--out": str(tmp_path / "tag.ndef")}
    options |= dict(zip(changed[::2], changed[1::2], strict=True))
    done = dpptag("sign", *(part for pair in options.items() for part in pair), "--json")
    assert done.code == code, done.err
    assert done.error["code"] == error
    assert not (tmp_path / "tag.ndef").exists()


@pytest.mark.parametrize("missing", ["--chip", "--key", "--slot", "--out", "--uri"])
def test_signing_names_the_option_that_is_missing(trust: Trust, tmp_path: Path, missing: str) -> None:
    options = {"--uri": ITEM, "--chip": UID, "--key": trust.key, "--slot": 1, "--out": tmp_path / "x", "--digest": 0}
    del options[missing]
    done = dpptag("sign", *(part for pair in options.items() for part in pair))
    assert done.code == 2
    assert missing in done.err


@pytest.mark.parametrize("missing", ["--chip", "--trust", "--root", "--ndef"])
def test_verifying_names_the_option_that_is_missing(trust: Trust, tmp_path: Path, missing: str) -> None:
    given = dict(zip(trust.options[::2], trust.options[1::2], strict=True))
    options = {"--ndef": tmp_path / "x", "--chip": UID, **given}
    del options[missing]
    done = dpptag("verify", *(part for pair in options.items() for part in pair))
    assert done.code == 2
    assert missing in done.err


@pytest.mark.parametrize(
    ("chip", "verdict"), [("04a1b2c3", "unknown-issuer"), ("", "unknown-issuer"), (TID, "unknown-issuer")]
)
def test_a_number_that_names_no_single_nfc_chip_cannot_be_checked(
    trust: Trust, tmp_path: Path, chip: str, verdict: str
) -> None:
    done = verify(trust, trust.signed(tmp_path / "tag.ndef"), chip=chip)
    assert (done.code, done.json["verdict"]) == (8, verdict)


@pytest.mark.parametrize(
    ("changed", "code", "error"),
    [
        ({"--chip": "04xyz"}, 2, "not-hex"),
        ({"--at": "tomorrow"}, 2, "not-a-time"),
        ({"--at": "2026-13-01"}, 2, "not-a-time"),
        ({"--at": ""}, 2, "not-a-time"),
        ({"--ndef": "/nowhere/tag.ndef"}, 7, "file"),
        ({"--ndef": "/"}, 7, "file"),
        ({"--ndef": "/dev/zero"}, 7, "file-size"),
        ({"--trust": "/nowhere/issuers.cose"}, 7, "file"),
        ({"--trust": str(PASSPORT)}, 7, "bundle-damaged"),
        ({"--root": "/dev/null"}, 7, "key-not-public-pem"),
        ({"--passport": "/nowhere/passport.json"}, 7, "file"),
        ({"--export": "/nowhere/export.json"}, 7, "file"),
        ({"--user": "/dev/null"}, 2, "carrier"),
        ({"--epc": EPC}, 2, "carrier"),
    ],
)
def test_verify_refuses_bad_options_with_one_error_document(
    trust: Trust, tmp_path: Path, changed: dict[str, str], code: int, error: str
) -> None:
    given = dict(zip(trust.options[::2], trust.options[1::2], strict=True))
    options = {"--ndef": trust.signed(tmp_path / "tag.ndef"), "--chip": UID, **given, **changed}
    done = dpptag("verify", *(part for pair in options.items() for part in pair), "--json")
    assert done.code == code, done.err
    assert done.error["code"] == error
    assert done.err.startswith(f"error [{error}]: ")


@pytest.mark.parametrize(
    ("at", "verdict", "why"),
    [
        ("2020-01-01", "genuine-stale", "the clock is wrong"),
        ("0001-01-01", "genuine-stale", "the clock is wrong"),
        ("0001-01-01T00:00:00+14:00", "genuine-stale", "the clock is wrong"),
        ("9999-12-31T23:59:59-12:00", "genuine-stale", "past its date"),
        ("2100-01-01T00:00:00Z", "genuine-stale", "past its date"),
        ("2100-01-01T00:30:00+01:00", "genuine", "good for 0 more days"),
        ("2099-12-31T23:59:59", "genuine", "good for 0 more days"),
        ("20991231T235959Z", "genuine", "good for 0 more days"),
        ("2099-12-31T23:30:00-01:00", "genuine-stale", "past its date"),
    ],
)
def test_the_time_to_judge_at_is_taken_in_every_iso_form(
    trust: Trust, tmp_path: Path, at: str, verdict: str, why: str
) -> None:
    done = verify(trust, trust.signed(tmp_path / "tag.ndef"), "--at", at)
    assert (done.code, done.json["verdict"]) == (0, verdict)
    assert done.json["trust"]["stale"] is (verdict == "genuine-stale")
    assert why in done.json["checks"][8]["detail"]


def test_a_signed_day_that_lies_in_the_future_is_a_warning(trust: Trust, tmp_path: Path) -> None:
    done = verify(trust, trust.signed(tmp_path / "tag.ndef", "--on", "2099-01-01"))
    assert (done.code, done.json["verdict"]) == (0, "genuine")
    assert done.json["warnings"] == ["the signed day lies in the future of this clock"]


def test_the_passport_at_hand_is_compared_and_never_changes_the_verdict(trust: Trust, tmp_path: Path) -> None:
    content = trust.signed(tmp_path / "tag.ndef", "--digest", "16")
    other = tmp_path / "other.json"
    other.write_bytes(PASSPORT.read_bytes() + b" ")
    match, mismatch = verify(trust, content, "--passport", PASSPORT), verify(trust, content, "--passport", other)
    assert (match.code, match.json["passport"], match.json["verdict"]) == (0, "match", "genuine")
    assert (mismatch.code, mismatch.json["passport"], mismatch.json["verdict"]) == (7, "mismatch", "genuine")
    forged = verify(trust, content, "--passport", other, chip=OTHER_UID)
    assert (forged.code, forged.json["verdict"], forged.json["passport"]) == (5, "forged", "absent")


def test_a_statement_without_digest_has_no_passport_to_compare(trust: Trust, tmp_path: Path) -> None:
    done = verify(trust, trust.signed(tmp_path / "tag.ndef", "--digest", "0"), "--passport", PASSPORT)
    assert (done.code, done.json["passport"]) == (0, "absent")


def test_export_writes_the_standard_statement(trust: Trust, tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    done = verify(trust, trust.signed(tmp_path / "tag.ndef"), "--export", export)
    value = json.loads(export.read_text())
    assert set(value) == {"cose_sign1", "external_aad", "key"}
    assert bytes.fromhex(value["cose_sign1"])[0] in (0x84, 0xD2)
    assert bytes.fromhex(UID) in bytes.fromhex(value["external_aad"])
    assert value["key"] == trust.public.read_text()
    assert done.code == 0


def test_nothing_is_exported_where_there_is_no_statement(trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "tag.ndef").write_bytes(bytes.fromhex("d101055504612e6465"))
    done = verify(trust, tmp_path / "tag.ndef", "--export", tmp_path / "export.json")
    assert (done.code, done.json["verdict"]) == (8, "unsigned")
    assert "nothing to export" in done.err
    assert json.loads((tmp_path / "export.json").read_text()) == dict.fromkeys(("cose_sign1", "external_aad", "key"))


def test_another_companys_key_is_forged_and_an_unknown_slot_unknown(trust: Trust, tmp_path: Path) -> None:
    rival, _ = make_key(tmp_path, "rival")
    forged = verify(trust, trust.signed(tmp_path / "forged.ndef", key=rival))
    sign = ["sign", "--uri", ITEM, "--chip", UID, "--digest", 0, "--level", "minimal", "--key", trust.key]
    assert dpptag(*sign, "--slot", 2, "--out", tmp_path / "slot.ndef").code == 0
    unknown = verify(trust, tmp_path / "slot.ndef")
    assert (forged.code, forged.json["verdict"]) == (5, "forged")
    assert (unknown.code, unknown.json["verdict"]) == (8, "unknown-issuer")


def test_an_identity_of_nobody_is_an_unknown_issuer(trust: Trust, tmp_path: Path) -> None:
    content = trust.signed(tmp_path / "tag.ndef", "--uri", "https://id.example.com/01/04012345678901/21/1")
    done = verify(trust, content)
    assert (done.code, done.json["verdict"], done.json["issuer"]["name"]) == (8, "unknown-issuer", None)


def test_a_full_disk_leaves_the_file_that_stood_there(trust: Trust, tmp_path: Path) -> None:
    out = trust.signed(tmp_path / "tag.ndef")
    before = out.read_bytes()
    sign = ["sign", "--uri", ITEM, "--chip", OTHER_UID, "--digest", 0, "--level", "minimal", "--slot", 1]
    done = process(
        *(*sign, "--key", trust.key, "--out", out, "--json"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50)),
    )
    assert (done.code, done.error["code"]) == (7, "file")
    assert [(path, path.read_bytes()) for path in tmp_path.iterdir()] == [(out, before)]


def test_content_can_go_to_a_pipe_and_through_a_link(trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    trust.signed(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").stat().st_size > 67
    sign = ["sign", "--uri", ITEM, "--chip", UID, "--digest", 0, "--level", "minimal", "--slot", 1, "--key", trust.key]
    with started(*sign, "--out", "/dev/stdout", text=False) as child:
        content = child.communicate(timeout=60)[0]
    (tmp_path / "piped").write_bytes(content)
    assert verify(trust, tmp_path / "piped").json["verdict"] == "genuine"


def test_a_person_reads_the_verdict_with_a_sign_that_needs_no_colour(trust: Trust, tmp_path: Path) -> None:
    content = trust.signed(tmp_path / "tag.ndef")
    done = dpptag("verify", "--ndef", content, "--chip", UID, *trust.options)
    assert done.out.startswith("✔ GENUINE\n")
    assert "the chip itself is not proven" in done.out


def test_what_a_stranger_wrote_on_a_tag_cannot_forge_the_screen(trust: Trust, tmp_path: Path) -> None:
    uri = "evil.example/\u202e\u2028✔ GENUINE".encode()
    record = bytes((0xD1, 1, len(uri) + 1)) + b"U\x04" + uri
    (tmp_path / "tag.ndef").write_bytes(record)
    done = dpptag("verify", "--ndef", tmp_path / "tag.ndef", "--chip", UID, *trust.options)
    assert done.code == 8
    assert "\u202e" not in done.out
    assert "\u2028" not in done.out


def test_the_signed_day_is_todays_by_default(trust: Trust, tmp_path: Path) -> None:
    before = datetime.now(UTC).date().isoformat()
    day = verify(trust, trust.signed(tmp_path / "tag.ndef")).json["day"]
    assert before <= day <= datetime.now(UTC).date().isoformat()


@pytest.mark.parametrize(
    ("options", "code", "verdict"),
    [
        (["--status", "retired"], 0, "genuine"),
        (["--status", "compromised"], 5, "revoked"),
        (["--not-before", "2026-02-01", "--not-after", "2026-03-31"], 0, "genuine"),
        (["--not-before", "2026-03-01", "--not-after", "2026-03-01"], 0, "genuine"),
        (["--not-before", "2026-03-02"], 5, "forged"),
        (["--not-after", "2026-02-28"], 5, "forged"),
    ],
)
def test_status_and_signing_period_of_the_key_decide(
    tmp_path: Path, options: list[str], code: int, verdict: str
) -> None:
    own = make_trust(tmp_path / "own", *options)
    done = verify(own, own.signed(tmp_path / "tag.ndef", "--on", "2026-03-01"))
    assert (done.code, done.json["verdict"]) == (code, verdict)


def test_trust_past_its_date_gives_genuine_stale(tmp_path: Path) -> None:
    own = make_trust(tmp_path / "own", expires="2026-01-01")
    done = verify(own, own.signed(tmp_path / "tag.ndef"))
    assert (done.code, done.json["verdict"], done.json["trust"]["stale"]) == (0, "genuine-stale", True)
