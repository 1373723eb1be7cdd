"""Faults are told by their path, in words, several at once; strictness adds what the standard's text forbids."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from dpptag.passport.document import JsonObject
from dpptag.passport.faults import MAX_FAULTS, Fault, json_path
from dpptag.passport.validation import has_errors, validate
from tests.needs import ROOT
from tests.unit.passport.clean_passports import SHA_256, lamp_0_6_1, lamp_0_7_0

Change = Callable[[dict[str, Any]], object]


def subject(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["credentialSubject"]
    return found


def product(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = subject(document).get("product", subject(document))
    return found


def faults_of(document: JsonObject, change: Change, *, strict: bool = False) -> tuple[Fault, ...]:
    change(document)
    return validate(document, strict=strict)


def only(faults: tuple[Fault, ...]) -> Fault:
    assert len(faults) == 1, faults
    return faults[0]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("make", [lamp_0_6_1, lamp_0_7_0])
def test_a_clean_passport_has_no_faults(make: Callable[[], JsonObject], strict: bool) -> None:
    assert validate(make(), strict=strict) == ()


def test_several_faults_are_told_at_once_with_their_paths() -> None:
    def change(document: dict[str, Any]) -> None:
        del product(document)["name"]
        product(document)["countryOfProduction"] = 7
        subject(document)["materialsProvenance"][1]["hazardous"] = "false"
        subject(document)["conformityClaim"][0]["conformityTopic"] = "Environment.Energy"
        document["issuer"]["address"] = "here"

    found = {fault.path: fault for fault in faults_of(lamp_0_6_1(), change)}
    assert {path: (fault.severity, fault.code) for path, fault in found.items()} == {
        "$.credentialSubject.product.name": ("error", "missing"),
        "$.credentialSubject.product.countryOfProduction": ("error", "wrong-type"),
        "$.credentialSubject.materialsProvenance[1].hazardous": ("error", "wrong-type"),
        "$.credentialSubject.conformityClaim[0].conformityTopic": ("error", "code"),
        "$.issuer.address": ("error", "unknown-member"),
    }
    assert "without quotes" in str(found["$.credentialSubject.materialsProvenance[1].hazardous"].hint)
    assert "environment.energy" in str(found["$.credentialSubject.conformityClaim[0].conformityTopic"].hint)


# What the schema refuses: path, code, and a word that the text or the hint must have.
ERRORS_0_6_1: list[tuple[Change, str, str, str]] = [
    (lambda d: d.pop("id"), "$.id", "missing", '"id"'),
    (lambda d: d["issuer"].update(name=None), "$.issuer.name", "null", "leave the member out"),
    (lambda d: d.update(validFrom="2026-01-01T00:00:00"), "$.validFrom", "naive-time", "append Z"),
    (lambda d: d.update(validFrom="2026"), "$.validFrom", "time", "zone"),
    (lambda d: d["type"].remove("VerifiableCredential"), "$.type", "type", "VerifiableCredential"),
    (lambda d: d["@context"].append({"a": "b"}), "$['@context'][2]", "context", "inline context"),
    (lambda d: d["@context"].append(d["@context"][0]), "$['@context']", "context", "twice"),
    (
        lambda d: d["@context"].__setitem__(0, "https://www.w3.org/2018/credentials/v1"),
        "$['@context']",
        "context",
        "data model 1.1",
    ),
    (
        lambda d: product(d).update(registeredId=9520123456788),
        "$.credentialSubject.product.registeredId",
        "wrong-type",
        "leading zeros",
    ),
    (
        lambda d: product(d).update(productCategory={"id": "https://x.example", "name": "Lamps"}),
        "$.credentialSubject.product.productCategory",
        "wrong-type",
        "square brackets",
    ),
    (
        lambda d: subject(d)["materialsProvenance"][0].update(massFraction="0.75"),
        "$.credentialSubject.materialsProvenance[0].massFraction",
        "wrong-type",
        "0.75 without quotes",
    ),
    (
        lambda d: d["issuer"].update(otherIdentifiers=[]),
        "$.issuer.otherIdentifiers",
        "unknown-member",
        "issuerAlsoKnownAs",
    ),
    (
        lambda d: subject(d)["conformityClaim"][0]["conformityEvidence"].update(hashMethod="sha-256"),
        "$.credentialSubject.conformityClaim[0].conformityEvidence.hashMethod",
        "code",
        "write it SHA-256",
    ),
]
ERRORS_0_7_0: list[tuple[Change, str, str, str]] = [
    (
        lambda d: d["credentialStatus"].update(statusListIndex="7"),
        "$.credentialStatus.statusListIndex",
        "wrong-type",
        "W3C",
    ),
    (
        lambda d: d["credentialStatus"].update(statusListIndex=-1),
        "$.credentialStatus.statusListIndex",
        "range",
        "from 0",
    ),
    (
        lambda d: subject(d).update(countryOfProduction="AT"),
        "$.credentialSubject.countryOfProduction",
        "wrong-type",
        '{"countryCode": "AT"}',
    ),
    (
        lambda d: subject(d)["materialProvenance"][0].update(recycledMassFraction=40),
        "$.credentialSubject.materialProvenance[0].recycledMassFraction",
        "range",
        "40 percent is 0.4",
    ),
    (
        lambda d: subject(d)["productCategory"][0].update(schemeID="x"),
        "$.credentialSubject.productCategory[0].schemeID",
        "unknown-member",
        "schemeId",
    ),
    (lambda d: d.update(validFrom=2026), "$.validFrom", "wrong-type", "in quotes"),
]


@pytest.mark.parametrize(("change", "path", "code", "word"), ERRORS_0_6_1)
def test_an_error_of_0_6_1_is_told(change: Change, path: str, code: str, word: str) -> None:
    fault = only(faults_of(lamp_0_6_1(), change))
    assert (fault.path, fault.severity, fault.code) == (path, "error", code)
    assert word in f"{fault.text} {fault.hint}"


@pytest.mark.parametrize(("change", "path", "code", "word"), ERRORS_0_7_0)
def test_an_error_of_0_7_0_is_told(change: Change, path: str, code: str, word: str) -> None:
    fault = only(faults_of(lamp_0_7_0(), change))
    assert (fault.path, fault.severity, fault.code) == (path, "error", code)
    assert word in f"{fault.text} {fault.hint}"


def test_a_member_under_its_old_name_is_hinted_at_where_the_new_one_is_missing() -> None:
    def change(document: dict[str, Any]) -> None:
        subject(document)["granularityLevel"] = subject(document).pop("idGranularity")

    missing, doubted = faults_of(lamp_0_7_0(), change)
    assert (missing.path, missing.code) == ("$.credentialSubject.idGranularity", "missing")
    assert '"granularityLevel" stands there' in str(missing.hint)
    assert (doubted.path, doubted.severity) == ("$.credentialSubject.granularityLevel", "warning")


# What the schema lets pass: a warning, and where the last column says so an error for the strict.
WARNINGS: list[tuple[Callable[[], JsonObject], Change, str, str, bool]] = [
    # formats
    (lamp_0_6_1, lambda d: d.update(id="no uri"), "$.id", "format-uri", True),
    (lamp_0_7_0, lambda d: d.update(validFrom="2026-01-01T00:00:00"), "$.validFrom", "format-naive-time", True),
    (lamp_0_7_0, lambda d: d.update(validFrom="today"), "$.validFrom", "format-time", True),
    (
        lamp_0_6_1,
        lambda d: product(d).update(productionDate="2026-02-30"),
        "$.credentialSubject.product.productionDate",
        "format-date",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: product(d).update(id="id.lamps.example/01/09520123456788/10/B7/21/0042"),
        "$.credentialSubject.product.id",
        "format-uri",
        True,
    ),
    # envelope
    (lamp_0_6_1, lambda d: d.pop("type"), "$.type", "missing-by-standard", True),
    (lamp_0_6_1, lambda d: d.pop("credentialSubject"), "$.credentialSubject", "missing-by-standard", True),
    (lamp_0_6_1, lambda d: subject(d).pop("product"), "$.credentialSubject.product", "missing-by-standard", True),
    (lamp_0_6_1, lambda d: d.update(issuanceDate="2026-01-01T00:00:00Z"), "$.issuanceDate", "vcdm-1", True),
    (lamp_0_6_1, lambda d: d.update(validUntil="2025-12-31T23:59:59Z"), "$.validUntil", "validity", True),
    (lamp_0_6_1, lambda d: d["issuer"].update(id="https://lamps.example"), "$.issuer.id", "issuer-no-did", True),
    (
        lamp_0_6_1,
        lambda d: d["@context"].append("https://evil.example/context"),
        "$['@context'][2]",
        "further-context",
        False,
    ),
    (
        lamp_0_6_1,
        lambda d: d.update(credentialStatus={"statusListIndex": 7}),
        "$.credentialStatus.statusListIndex",
        "status-index",
        True,
    ),
    # identity
    (
        lamp_0_6_1,
        lambda d: product(d).update(id="https://id.lamps.example/01/09520123456789/10/B7/21/0042"),
        "$.credentialSubject.product.id",
        "gtin-check-digit",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: product(d).update(id="https://id.lamps.example/01/09520123456788/21/0042/10/B7"),
        "$.credentialSubject.product.id",
        "digital-link",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d).update(granularityLevel="model"),
        "$.credentialSubject.granularityLevel",
        "granularity",
        True,
    ),
    (
        lamp_0_7_0,
        lambda d: subject(d).update(idGranularity="item", itemNumber="1"),
        "$.credentialSubject.idGranularity",
        "granularity",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: product(d).update(serialNumber="42"),
        "$.credentialSubject.product.serialNumber",
        "serial-mismatch",
        True,
    ),
    (
        lamp_0_7_0,
        lambda d: subject(d).update(batchNumber="B8"),
        "$.credentialSubject.batchNumber",
        "batch-mismatch",
        True,
    ),
    (
        lamp_0_7_0,
        lambda d: subject(d).update(id="urn:example:lamp", idGranularity="item"),
        "$.credentialSubject.itemNumber",
        "serial-missing",
        True,
    ),
    (
        lamp_0_7_0,
        lambda d: (subject(d).update(id="urn:example:lamp"), subject(d).pop("batchNumber")),
        "$.credentialSubject.batchNumber",
        "batch-missing",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: product(d).update(registeredId="09520123456780.21.0042"),
        "$.credentialSubject.product.registeredId",
        "gtin-check-digit",
        False,
    ),
    # members
    (
        lamp_0_6_1,
        lambda d: product(d)["dimensions"]["weight"].update(unit="kg"),
        "$.credentialSubject.product.dimensions.weight.unit",
        "unit",
        False,
    ),
    (
        lamp_0_6_1,
        lambda d: product(d).update(countryOfProduction="UK"),
        "$.credentialSubject.product.countryOfProduction",
        "country",
        False,
    ),
    (
        lamp_0_7_0,
        lambda d: subject(d)["countryOfProduction"].update(countryCode="AUT"),
        "$.credentialSubject.countryOfProduction.countryCode",
        "country",
        False,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d)["materialsProvenance"][0].update(massFraction=0.5),
        "$.credentialSubject.materialsProvenance",
        "mass-fractions",
        False,
    ),
    (
        lamp_0_6_1,
        lambda d: [one.update(massFraction=one["massFraction"] * 100) for one in subject(d)["materialsProvenance"]],
        "$.credentialSubject.materialsProvenance",
        "mass-percent",
        False,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d)["circularityScorecard"].update(recycledContent=25),
        "$.credentialSubject.circularityScorecard.recycledContent",
        "share",
        False,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d)["materialsProvenance"][1].pop("materialSafetyInformation"),
        "$.credentialSubject.materialsProvenance[1].hazardous",
        "safety-information",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d)["conformityClaim"][0]["conformityEvidence"].update(hashMethod="SHA-1"),
        "$.credentialSubject.conformityClaim[0].conformityEvidence.hashDigest",
        "digest",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d)["conformityClaim"][0]["conformityEvidence"].update(hashDigest=SHA_256[:40]),
        "$.credentialSubject.conformityClaim[0].conformityEvidence.hashDigest",
        "digest",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d)["conformityClaim"][0]["conformityEvidence"].pop("hashMethod"),
        "$.credentialSubject.conformityClaim[0].conformityEvidence.hashDigest",
        "digest",
        False,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d)["conformityClaim"][0]["conformityEvidence"].update(
            hashDigest=SHA_256[:40], hashMethod="SHA-1"
        ),
        "$.credentialSubject.conformityClaim[0].conformityEvidence.hashDigest",
        "weak-digest",
        False,
    ),
    (
        lamp_0_7_0,
        lambda d: subject(d)["relatedDocument"][0].update(digestMultibase=SHA_256),
        "$.credentialSubject.relatedDocument[0].digestMultibase",
        "digest",
        True,
    ),
    (
        lamp_0_6_1,
        lambda d: subject(d).update(circularityScoreCard={}),
        "$.credentialSubject.circularityScoreCard",
        "other-version",
        False,
    ),
]


@pytest.mark.parametrize(("make", "change", "path", "code", "forbidden"), WARNINGS)
def test_what_the_schema_lets_pass_is_told(
    make: Callable[[], JsonObject], change: Change, path: str, code: str, forbidden: bool
) -> None:
    fault = only(faults_of(make(), change))
    assert (fault.path, fault.severity, fault.code) == (path, "warning", code)
    strict = only(faults_of(make(), change, strict=True))
    assert (strict.path, strict.severity, strict.code) == (path, "error" if forbidden else "warning", code)


QUIET: list[tuple[Callable[[], JsonObject], Change]] = [
    (lamp_0_6_1, lambda d: product(d).update(id="did:web:lamps.example:42")),
    (lamp_0_6_1, lambda d: product(d).update(id="https://lamps.example/products/42")),
    (lamp_0_6_1, lambda d: product(d)["dimensions"]["weight"].update(unit="XYZ")),  # looks like a code
    (lamp_0_6_1, lambda d: [one.pop("massFraction") for one in subject(d)["materialsProvenance"]]),
    (lamp_0_6_1, lambda d: subject(d)["materialsProvenance"].append({"name": "Rest"})),
    (lamp_0_6_1, lambda d: subject(d)["materialsProvenance"][0].update(massFraction=0.755)),  # rounded
    (lamp_0_6_1, lambda d: d.update(proof={"unit": "kg", "issuanceDate": "x"})),
    (lamp_0_6_1, lambda d: d.update(credentialStatus={"statusListIndex": "7"})),
    (lamp_0_6_1, lambda d: subject(d)["circularityScorecard"].update(utilityFactor=25)),
    (lamp_0_6_1, lambda d: product(d).update(idScheme={"name": "Own"}, registeredId="12345678")),
]


@pytest.mark.parametrize(("make", "change"), QUIET)
def test_what_may_well_be_meant_is_not_doubted(make: Callable[[], JsonObject], change: Change) -> None:
    assert faults_of(make(), change, strict=True) == ()


def test_percent_is_no_fault_where_the_version_speaks_of_percent() -> None:
    context = "https://test.uncefact.org/vocabulary/untp/dpp/0.5.0/"
    document: JsonObject = {
        "@context": ["https://www.w3.org/ns/credentials/v2", context],
        "type": ["DigitalProductPassport", "VerifiableCredential"],
        "id": "https://lamps.example/credentials/1",
        "issuer": {"id": "did:web:lamps.example", "name": "Lamps of Example"},
        "credentialSubject": {
            "id": "https://lamps.example/1",
            "name": "Desk lamp",
            "materialsProvenance": [{"name": "Aluminium", "massFraction": 60}, {"name": "Glass", "massFraction": 40}],
        },
    }
    assert validate(document, strict=True) == ()


def test_0_3_0_is_said_to_be_known_by_its_shape() -> None:
    fault = only(validate({"productName": "Desk lamp", "idValue": "42"}, strict=True))
    assert (fault.severity, fault.code) == ("warning", "by-shape")


def test_errors_come_before_warnings() -> None:
    def change(document: dict[str, Any]) -> None:
        document["id"] = "no uri"
        product(document)["countryOfProduction"] = "UK"
        subject(document)["materialsProvenance"][0]["hazardous"] = 1

    assert [fault.severity for fault in faults_of(lamp_0_6_1(), change)] == ["error", "warning", "warning"]


def test_has_errors_tells_warnings_from_errors() -> None:
    assert not has_errors(faults_of(lamp_0_6_1(), lambda d: d.update(id="no uri")))
    assert has_errors(faults_of(lamp_0_6_1(), lambda d: d.update(id="no uri"), strict=True))


def test_no_more_faults_are_told_than_can_be_read() -> None:
    def change(document: dict[str, Any]) -> None:
        subject(document)["materialsProvenance"] = [{"name": 1, "originCountry": "UK"} for _ in range(500)]

    faults = faults_of(lamp_0_6_1(), change)
    assert len(faults) == MAX_FAULTS
    assert (faults[-1].path, faults[-1].severity, faults[-1].code) == ("$", "error", "more")
    assert "401 error(s)" in faults[-1].text


def test_validation_does_not_change_the_document() -> None:
    document = lamp_0_7_0()
    subject(document)["materialProvenance"][0]["massFraction"] = 7
    before = repr(document)
    validate(document)
    assert repr(document) == before


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ([], "$"),
        (["a", 0, "b_1"], "$.a[0].b_1"),
        (["@context", 1], "$['@context'][1]"),
        (["two words"], "$['two words']"),
        (["\x1b[31m"], "$['\\u001b[31m']"),
        (["\ud800"], "$['\\ud800']"),
    ],
)
def test_a_path_can_be_shown_on_any_terminal(steps: list[str | int], path: str) -> None:
    assert json_path(steps) == path


def test_the_documentation_names_every_code() -> None:
    section = (ROOT / "docs" / "passports.md").read_text("utf-8").partition("\n## Faults")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    documented = {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row)}
    told = {code for _change, _path, code, _word in ERRORS_0_6_1 + ERRORS_0_7_0}
    told |= {code for _make, _change, _path, code, _forbidden in WARNINGS} | {"more", "by-shape"}
    assert documented == told
