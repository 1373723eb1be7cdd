"""dpptag epc: every vector from the command line and back, forms, options, refusals."""

import json
from pathlib import Path

import pytest

from tests.cli.command_line import TID, Trust, dpptag
from tests.vectors import vector_path

GTIN = "09520123456788"
ITEM = ("--gtin", GTIN, "--serial", "6789")
KEYS = {
    *(
        "hex",
        "bits",
        "words",
        "pc",
        "spare",
        "scheme",
        "filter",
        "gtin",
        "serial",
        "company_prefix",
        "hostname",
        "date",
    ),
    *("aidc", "urn_id", "urn_tag", "digital_link", "element_string", "dropped"),
}


def encoded(*arguments: object) -> dict[str, object]:
    done = dpptag("epc", "encode", *arguments, "--json")
    assert done.code == 0, done.err
    assert set(done.json) == KEYS
    return dict(done.json)


def decoded(*arguments: object) -> dict[str, object]:
    done = dpptag("epc", "decode", *arguments, "--json")
    assert done.code == 0, done.err
    assert set(done.json) == KEYS
    return dict(done.json)


def test_every_sgtin_vector_goes_both_ways() -> None:
    run = 0
    for vector in json.loads(vector_path("epc", "epc_vectors.json").read_text())["vectors"]:
        if "SGTIN" not in vector["scheme"]:
            continue
        shown = decoded(vector["hex"])  # some are printed without their zero fill
        assert shown["scheme"] == vector["scheme"]
        assert str(shown["hex"]).startswith(vector["hex"].rstrip("0"))
        assert (shown["urn_id"], shown["urn_tag"]) == (vector.get("pure_identity"), vector.get("tag_uri"))
        for key in ("filter", "words", "bits", "element_string", "digital_link"):
            assert shown[key] == vector.get(key, shown[key])
        if not shown["aidc"]:
            options: list[object] = ["--scheme", shown["scheme"], "--filter", shown["filter"]]
            options += ["--prefix-digits", len(str(shown["company_prefix"]))] if shown["company_prefix"] else []
            again = encoded("--link", shown["digital_link"], *options)
            assert again == {**shown, "spare": 496 - 16 * vector["words"]}
            if shown["urn_tag"]:
                assert encoded("--urn", shown["urn_tag"])["hex"] == shown["hex"]
                assert decoded(shown["urn_tag"])["hex"] == shown["hex"]
        run += 1
    assert run == 20


def test_the_short_forms_of_one_item() -> None:
    wanted = {
        "hex": "3036450FEC2C9B8000001A85",
        "bits": 96,
        "words": 6,
        "pc": "3000",
        "spare": 0,
        "scheme": "SGTIN-96",
        "filter": 1,
        "gtin": GTIN,
        "serial": "6789",
        "company_prefix": "9520123",
        "hostname": None,
        "date": None,
        "aidc": {},
        "urn_id": "urn:epc:id:sgtin:9520123.045678.6789",
        "urn_tag": "urn:epc:tag:sgtin-96:1.9520123.045678.6789",
        "digital_link": f"https://id.gs1.org/01/{GTIN}/21/6789",
        "element_string": f"(01){GTIN}(21)6789",
        "dropped": [],
    }
    options = ("--prefix-digits", 7, "--epc-bits", 96)
    assert encoded(*ITEM, *options) == wanted
    assert encoded("--gtin", "9520123456788", "--serial", "6789", *options) == wanted
    assert encoded("--link", wanted["digital_link"], *options) == wanted
    assert encoded("--element-string", wanted["element_string"], *options) == wanted
    assert encoded("--urn", wanted["urn_id"], "--epc-bits", 96) == wanted
    for form in ("urn_id", "digital_link", "element_string"):
        assert decoded(wanted[form], *(options if form != "urn_id" else options[2:])) == wanted
    assert decoded(str(wanted["hex"]).lower()) == {**wanted, "spare": None}


def test_host_and_date_take_the_schemes_that_carry_them() -> None:
    shown = encoded(*ITEM, "--host", "id.example.com", "--date", "17=271200", "--chip", "Higgs-9")
    assert (shown["scheme"], shown["hostname"], shown["date"]) == ("DSGTIN++", "id.example.com", "17=271200")
    assert shown["digital_link"] == f"https://id.example.com/01/{GTIN}/21/6789?17=271200"
    assert (shown["urn_id"], shown["urn_tag"]) == (None, None)


def test_what_an_epc_does_not_carry_is_left_out_and_said() -> None:
    link = f"https://id.example.com/dpp/01/{GTIN}/21/6789?linkType=all"
    done = dpptag("epc", "encode", "--link", link, "--scheme", "sgtin+", "--json")
    assert done.json["dropped"] == ["host id.example.com/dpp", "query parameter linkType"]
    assert done.err.count("warning: no EPC carries this, left out") == 2
    shown = encoded("--link", f"https://id.example.com/01/{GTIN}/21/6789", "--host", "dpp.example.eu")
    assert (shown["hostname"], shown["dropped"]) == ("dpp.example.eu", ["host id.example.com"])


def test_people_get_a_line_a_fact() -> None:
    done = dpptag("epc", "decode", "3036450FEC2C9B8000001A85")
    assert done.code == 0
    assert "scheme          SGTIN-96\n" in done.out
    assert "hostname" not in done.out


@pytest.mark.parametrize("options", [(), ("--date", "17=271200"), ("--host", "id.example.com", "--date", "11=261101")])
def test_every_plus_scheme_is_signed_and_verified_under_its_own_link(
    trust: Trust, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Level full: label 260 holds the Digital Link, which the verifier makes of the EPC again."""
    epc = str(encoded(*ITEM, *options)["hex"])
    bank = trust.signed(tmp_path / "user", "--epc", epc, "--chip", TID, "--level", "full", "--digest", 32)
    judge = ["verify", "--user", bank, "--chip", TID, *trust.options, "--json"]
    done = dpptag(*judge, "--epc", epc)
    assert (done.code, done.json["verdict"]) == (0, "genuine")
    other = str(encoded("--gtin", GTIN, "--serial", "6788", *options)["hex"])
    assert dpptag(*judge, "--epc", other).json["verdict"] == "forged"


REFUSED = [
    (("encode",), 2, "item"),
    (("encode", "--gtin", GTIN), 2, "item"),
    (("encode", *ITEM, "--urn", "urn:epc:id:sgtin:9520123.045678.7"), 2, "item"),
    (("encode", *ITEM, "--scheme", "SGTIN-96", "--host", "a"), 2, "epc-options"),
    (("encode", *ITEM, "--scheme", "SGTIN+", "--date", "17=271231"), 2, "epc-options"),
    (("encode", *ITEM, "--scheme", "SGTIN+", "--prefix-digits", "7"), 2, "epc-options"),
    (("encode", *ITEM, "--chip", "Higgs-9", "--epc-bits", "96"), 2, "epc-options"),
    (("encode", *ITEM, "--chip", "Higgs-99"), 2, "unknown-chip"),
    (("encode", *ITEM, "--date", "271231"), 2, "not-a-date"),
    (("encode", *ITEM, "--filter", "8"), 2, "usage"),
    (("encode", *ITEM, "--scheme", "SSCC-96"), 2, "usage"),
    (("encode", "--urn", "urn:epc:id:sgtin:9520123.045678.7", "--prefix-digits", "8"), 2, "epc-options"),
    (("encode", "--urn", "urn:epc:tag:sgtin-96:1.9520123.045678.7", "--scheme", "SGTIN-198"), 2, "epc-options"),
    (("encode", "--urn", "urn:epc:tag:sgtin-96:1.9520123.045678.7", "--filter", "2"), 2, "epc-options"),
    (("encode", "--element-string", f"(01){GTIN}(21)7(17)271231", "--date", "17=271231"), 2, "epc-options"),
    (("decode", "3036450FEC2C9B8000001A85", "--filter", "1"), 2, "epc-options"),
    (("decode", "3036450FEC2C9B8000001A8"), 7, "epc-truncated"),
    (("decode", "F710950600013435248DEADBE"), 7, "epc-truncated"),
    (("decode", "3036450FEC2C9B8000001A850000"), 7, "epc-length"),
    (("decode", "000000000000000000000000"), 7, "epc-unprogrammed"),
    (("decode", "311BA1B300CE0A6A83000000"), 7, "epc-unknown-header"),
    (("decode", ""), 7, "epc-length"),
    (("decode", "hello"), 7, "epc-form"),
    (("encode", *ITEM, "--scheme", "SGTIN-96"), 7, "company-prefix-digits"),
    (("encode", "--gtin", GTIN, "--serial", "007", "--scheme", "SGTIN-96", "--prefix-digits", "7"), 7, "epc-scheme"),
    (("encode", "--urn", "urn:epc:tag:sgtin-96:1.9520123.045678.007"), 7, "epc-scheme"),
    (("encode", "--gtin", "09520123456789", "--serial", "7"), 7, "check-digit"),
    (("encode", "--gtin", GTIN, "--serial", "a b"), 7, "epc-characters"),
    (("encode", "--gtin", GTIN, "--serial", "123456789012", "--chip", "Monza-R6"), 7, "epc-too-long"),
    (("encode", "--link", f"https://id.example.com/dpp/01/{GTIN}/21/7"), 7, "epc-link-path"),
    (("encode", "--link", f"https://id.example.com/01/{GTIN}/10/L"), 7, "epc-no-item"),
    (("encode", *ITEM, "--date", "12=271231"), 7, "epc-date-type"),
]


@pytest.mark.parametrize(("arguments", "code", "name"), REFUSED)
def test_a_refusal_has_its_exit_code_and_name(arguments: tuple[str, ...], code: int, name: str) -> None:
    done = dpptag("epc", *arguments, "--json")
    assert (done.code, done.error["code"]) == (code, name)


@pytest.mark.parametrize("text", ["zz", "3074 257B gtin", "URN:EPC:ID:SGTIN:0614141.112345.400", "gtin/1"])
def test_a_text_that_is_no_form_of_an_epc_is_told_which_forms_there_are(text: str) -> None:
    error = dpptag("epc", "decode", text, "--json").error
    assert (error["exit_code"], error["code"]) == (7, "epc-form")
    assert "urn:epc:" in error["action"]
