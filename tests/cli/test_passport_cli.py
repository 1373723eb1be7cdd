"""dpptag passport and trust import-did, as a script meets them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dpptag.crypto import parse_public_pem, sha256
from dpptag.passport.sealing import base64url
from tests.cli.command_line import Done, dpptag, make_key

PHONE = Path(__file__).resolve().parents[2] / "examples" / "passports" / "phone.json"
DID = "did:web:id.example.com"
SECRET = {"DPPTAG_PASSPHRASE": "only a test"}


class Company:
    """A key, a did.json that names it, and trust data that took it over."""

    def __init__(self, folder: Path) -> None:
        self.key, public = make_key(folder, "issuer")
        point = parse_public_pem(Path(public).read_bytes()).point
        x, y = (base64url(part).decode() for part in (point[:32], point[32:]))
        method = {"id": "#key-1", "type": "JsonWebKey", "publicKeyJwk": {"kty": "EC", "crv": "P-256", "x": x, "y": y}}
        self.did_document = folder / "did.json"
        self.did_document.write_text(
            json.dumps({"id": DID, "verificationMethod": [method], "assertionMethod": ["#key-1"]})
        )
        self.trust = folder / "trust"
        assert dpptag("trust", "init", "--out", self.trust, env=SECRET).code == 0
        done = self.import_did("--slot", "3")
        assert done.code == 0, done.err
        assert dpptag("trust", "sign", "--dir", self.trust, "--expires", "2099-12-31", env=SECRET).code == 0
        self.options = ("--trust", self.trust / "issuers.cose", "--root", self.trust / "root.pub")

    def import_did(self, *arguments: str) -> Done:
        named = ("--name", "Fjordcell", "--scope", "gcp:9520123", "--document", self.did_document)
        return dpptag("trust", "import-did", "--dir", self.trust, *named, "--json", *arguments)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return Company(tmp_path_factory.mktemp("company"))


@pytest.mark.parametrize("form", ["vc+jwt", "vc+cose"])
def test_a_signed_passport_is_genuine_and_a_changed_one_is_not(form: str, company: Company, tmp_path: Path) -> None:
    out = tmp_path / "passport"
    done = dpptag("passport", "sign", PHONE, "--key", company.key, "--form", form, "--out", out, "--json")
    assert (done.code, done.json["media_type"]) == (0, f"application/{form}")
    verified = dpptag("passport", "verify", out, *company.options, "--json")
    assert verified.code == 0, verified.out
    value = verified.json
    assert (value["verdict"], value["issuer"]) == ("genuine", {"name": "Fjordcell", "id": DID, "slot": 3})
    assert value["sha256"] == sha256(out.read_bytes()).hex()
    data = bytearray(out.read_bytes())
    data[-3] ^= 4
    out.write_bytes(data)
    assert dpptag("passport", "verify", out, *company.options).code in (5, 8)


def test_an_unsigned_passport_could_not_be_checked(company: Company) -> None:
    done = dpptag("passport", "verify", PHONE, *company.options, "--json")
    assert (done.code, done.json["verdict"]) == (8, "unsigned")


@pytest.mark.parametrize("command", [("sign", "--key", "KEY"), ("convert", "--to", "0.7.0"), ("show", "--html")])
def test_what_was_issued_and_what_is_read_are_never_overwritten(
    command: tuple[str, ...], company: Company, tmp_path: Path
) -> None:
    issued, source = tmp_path / "passport.jwt", tmp_path / "passport.json"
    source.write_bytes(PHONE.read_bytes())
    assert dpptag("passport", "sign", source, "--key", company.key, "--out", issued).code == 0
    before = issued.read_bytes(), source.read_bytes()
    name, *options = (company.key if word == "KEY" else word for word in command)
    out = [] if name == "show" else ["--out"]
    for there in (issued, source):
        done = dpptag("passport", name, source, *options, *out, there, "--json")
        assert (done.code, done.error["code"]) == (7, "passport-exists"), done.err
    assert (issued.read_bytes(), source.read_bytes()) == before


def test_no_name_in_a_passport_makes_a_line_of_its_own(tmp_path: Path) -> None:
    document = json.loads(PHONE.read_text())
    document["credentialSubject"]["characteristics"] = {"x\nGENUINE": 1}
    document["credentialSubject"]["performanceClaim"][0]["conformityTopic"][0]["name"] = "x\nGENUINE"
    document["credentialSubject"]["dimensions"] = {"weight": {"value": 12345678901234567, "unit": "KGM"}}
    path = tmp_path / "passport.json"
    path.write_text(json.dumps(document))
    lines = dpptag("passport", "show", path).out.splitlines()
    assert sum("GENUINE" in line for line in lines) == 2
    assert not any(line.startswith("GENUINE") for line in lines)
    assert any(line.split() == ["weight", "12345678901234567", "KGM"] for line in lines)


def test_a_passport_is_not_signed_twice(company: Company, tmp_path: Path) -> None:
    out = tmp_path / "passport"
    assert dpptag("passport", "sign", PHONE, "--key", company.key, "--out", out).code == 0
    again = dpptag("passport", "sign", out, "--key", company.key, "--out", tmp_path / "twice", "--json")
    assert (again.code, again.error["code"]) == (7, "signed-already")
    assert not (tmp_path / "twice").exists()


def test_a_tag_signed_for_the_envelope_matches_the_envelope_alone(company: Company, tmp_path: Path) -> None:
    envelope, ndef = tmp_path / "passport.jwt", tmp_path / "tag.ndef"
    dpptag("passport", "sign", PHONE, "--key", company.key, "--out", envelope)
    uri, chip = "https://id.example.com/01/09520123456825/21/FP3000417", "04a1b2c3d4e5f6"
    signing = ("--uri", uri, "--chip", chip, "--passport", envelope, "--key", company.key, "--slot", "3")
    assert dpptag("sign", *signing, "--out", ndef).code == 0
    asked = ("verify", "--ndef", ndef, "--chip", chip, *company.options, "--json")
    assert dpptag(*asked, "--passport", envelope).json["passport"] == "match"
    other = dpptag(*asked, "--passport", PHONE)
    assert (other.code, other.json["passport"]) == (7, "mismatch")


def test_a_key_that_is_taken_over_again_keeps_its_slot(company: Company) -> None:
    done = company.import_did("--slot", "9")
    assert done.code == 0
    assert [key["slot"] for key in done.json["keys"]] == [3]
    assert DID in done.json["scopes"]


def test_an_import_that_cannot_be_whole_changes_nothing(company: Company, tmp_path: Path) -> None:
    """Slot 31 is the last: of two new keys the second finds no place."""
    methods = []
    for name in ("one", "two"):
        point = parse_public_pem(Path(make_key(tmp_path, name)[1]).read_bytes()).point
        x, y = (base64url(part).decode() for part in (point[:32], point[32:]))
        jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        methods.append({"id": f"#{name}", "publicKeyJwk": jwk})
    snapshot = tmp_path / "did.json"
    snapshot.write_text(json.dumps({"id": DID, "assertionMethod": methods}))
    before = (company.trust / "issuers.json").read_bytes()
    named = ("--name", "Fjordcell", "--document", snapshot, "--slot", "31", "--json")
    done = dpptag("trust", "import-did", "--dir", company.trust, *named)
    assert (done.code, done.error["code"]) == (2, "slot-range")
    assert (company.trust / "issuers.json").read_bytes() == before


def test_a_key_that_the_snapshot_no_longer_names_is_told(company: Company, tmp_path: Path) -> None:
    folder = tmp_path / "trust"
    shutil.copytree(company.trust, folder)
    point = parse_public_pem(Path(make_key(tmp_path, "new")[1]).read_bytes()).point
    x, y = (base64url(part).decode() for part in (point[:32], point[32:]))
    entry = {"id": "#new", "publicKeyJwk": {"kty": "EC", "crv": "P-256", "x": x, "y": y}}
    snapshot = tmp_path / "did.json"
    snapshot.write_text(json.dumps({"id": DID, "assertionMethod": [entry]}))
    done = dpptag("trust", "import-did", "--dir", folder, "--name", "Fjordcell", "--document", snapshot, "--slot", "4")
    assert done.code == 0
    assert "slot 3" in done.err


# Without keys


def test_a_spreadsheet_becomes_passports_that_a_line_job_can_use(tmp_path: Path) -> None:
    sheets = PHONE.parents[1] / "sheets"
    arguments = (sheets / "batteries.csv", "--map", sheets / "batteries.toml", "--out", tmp_path / "out", "--json")
    dry = dpptag("passport", "new", *arguments, "--dry-run")
    assert (dry.code, dry.json["passports"]) == (0, 2)
    assert not (tmp_path / "out").exists()
    assert dpptag("passport", "new", *arguments).code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "LB70B0001.json",
        "LB70B0002.json",
        "rows.csv",
    ]
    checked = dpptag("passport", "validate", tmp_path / "out" / "LB70B0001.json", "--strict", "--json")
    assert (checked.code, checked.json["valid"]) == (0, True)


def test_faults_are_told_by_their_place_and_exit_with_7(tmp_path: Path) -> None:
    document = json.loads(PHONE.read_text())
    del document["credentialSubject"]["idGranularity"]
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document))
    done = dpptag("passport", "validate", bad, "--json")
    assert (done.code, done.json["valid"]) == (7, False)
    assert [fault["path"] for fault in done.json["faults"] if fault["severity"] == "error"] == [
        "$.credentialSubject.idGranularity"
    ]
    assert dpptag("passport", "validate", PHONE).code == 0


def test_a_passport_is_shown_as_text_as_json_and_as_a_page(tmp_path: Path) -> None:
    text = dpptag("passport", "show", PHONE)
    assert "FP3000417" in text.out
    assert "not signed" in text.out
    value = dpptag("passport", "show", PHONE, "--json").json
    assert value["version"] == "0.7.0"
    assert [section["title"] for section in value["sections"]][:2] == ["Passport", "Product"]
    page = tmp_path / "page.html"
    assert dpptag("passport", "show", PHONE, "--html", page).code == 0
    assert sha256(PHONE.read_bytes()).hex() in page.read_text()


def test_a_conversion_lists_what_it_could_not_carry_and_never_goes_down(tmp_path: Path) -> None:
    laptop, out = PHONE.with_name("laptop-battery.json"), tmp_path / "out.json"
    done = dpptag("passport", "convert", laptop, "--to", "0.7.0", "--out", out, "--json")
    assert (done.code, done.json["from"], done.json["to"]) == (0, "0.6.0", "0.7.0")
    assert dpptag("passport", "validate", out).code == 0
    down = dpptag("passport", "convert", PHONE, "--to", "0.6.0", "--out", tmp_path / "down.json", "--json")
    assert (down.code, down.error["code"]) == (7, "no-way-down")
    assert not (tmp_path / "down.json").exists()
