"""The models say of every document what the published JSON Schema of its version says."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bench.passport_validation import passports
from dpptag.errors import PassportError
from dpptag.passport.validation import validate
from dpptag.passport.versions import CONTEXTS, VCDM_2, Version, recognise
from dpptag.passport.versions.basic import is_date, is_time, is_uri
from dpptag.passport.versions.models import all_faults
from dpptag.passport.versions.names import RENAMED, names_of
from tests.needs import ROOT
from tests.unit.passport.untp_schemas import (
    SCHEMAS,
    Outcome,
    instance_of,
    mutants,
    our_outcome,
    schema_of,
    schema_outcome,
)
from tests.vectors import VECTORS, vector_path

SAMPLES = VECTORS / "untp" / "samples"
NOT_A_PASSPORT, UNKNOWN = "not-a-passport", "unknown-version"
# Every stored sample, and what it is recognised as. A folder's name is no version: @context decides.
RECOGNISED = {
    "0.3.10/DigitalProductPassport.json": "0.3.10",
    "0.4.0/DigitalProductPassport.json": "0.4.0",
    "0.4.1/DigitalProductPassport.json": "0.4.1",
    "0.4.2/DigitalProductPassport.json": "0.4.2",
    "0.5.0/DigitalProductPassport.json": "0.5.0",
    "0.6.0-derived/DigitalProductPassport.json": "0.6.0",
    "0.6.1-branch/untp-dpp-instance.json": "0.6.1",
    "0.7.0-rc/DigitalProductPassport_battery_instance.json": "0.7.0",
    "0.7.0-rc/DigitalProductPassport_cathode_instance.json": "0.7.0",
    "0.7.0-rc/DigitalProductPassport_instance.json": "0.7.0",
    "spec-site-untp-digital-product-passport-v0.3.10.json": "0.3.10",
    "spec-site-untp-digital-product-passport-v0.3.9.json": UNKNOWN,
    "spec-site-untp-digital-traceability-events-v0.3.10.json": UNKNOWN,
    "0.6-main/untp-dpp-instance.json": UNKNOWN,
}
# The bare events, identities and ProductPassport of these folders are parts of credentials, without a context.
PARTS = re.compile(r"0\.6(-main|\.1-branch)/[A-Z][A-Za-z]+-instance\.json").fullmatch


def sample_names() -> list[str]:
    return sorted(str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.json")) if SAMPLES.exists() else []


def sample(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(vector_path("untp", "samples", *name.split("/")).read_bytes())
    return document


@pytest.mark.parametrize("name", sample_names())
def test_every_sample_is_recognised_or_refused_by_name(name: str) -> None:
    expected = RECOGNISED.get(name, UNKNOWN if PARTS(name) else NOT_A_PASSPORT)
    try:
        found = str(recognise(sample(name)))
    except PassportError as refused:
        found = refused.code
    assert found == expected


@pytest.mark.parametrize("name", sample_names())
def test_a_sample_has_the_outcome_of_its_schema(name: str) -> None:
    document = sample(name)
    expected = RECOGNISED.get(name)
    if expected in (None, UNKNOWN):
        # Whatever is refused as unknown would pass under none of the schemas either, nor would another credential.
        assert our_outcome(document) == Outcome(False, False)
        envelopes = [version for version in SCHEMAS if version is not Version.V0_3_0]
        assert not any(schema_outcome(version, document).plain for version in envelopes)
        return
    outcome = schema_outcome(Version(expected), document)
    assert our_outcome(document) == outcome
    assert outcome == Outcome(True, with_formats=expected >= "0.6.0")


def test_the_pre_release_schema_of_0_6_is_no_reason_to_guess_a_version() -> None:
    document = sample("0.6-main/untp-dpp-instance.json")
    with pytest.raises(PassportError) as refused:
        recognise(document)
    assert "working" in str(refused.value.facts["found"])


@pytest.mark.parametrize("version", Version)
def test_an_instance_with_every_member_passes(version: Version) -> None:
    document = instance_of(version, schema_of(version))
    assert schema_outcome(version, document) == Outcome(True, True)
    assert our_outcome(document) == Outcome(True, True)


@pytest.mark.parametrize("version", Version)
def test_mutants_have_the_outcome_of_the_schema(version: Version) -> None:
    """The document is valid but for the changed object, so that the schema of that object decides for the whole."""
    document = instance_of(version, schema_of(version))
    untouched = copy.deepcopy(document)
    counted, refused, differing = 0, 0, []
    for mutant in mutants(version, document):
        counted += 1
        outcome = schema_outcome(version, mutant.holder, mutant.part)
        refused += not outcome.plain
        if counted % 97 == 0:
            assert schema_outcome(version, document) == outcome
        if our_outcome(document) != outcome:
            differing.append(f"{mutant.what}: schema {outcome}, ours {our_outcome(document)}")
    assert differing == []
    assert document == untouched
    assert counted > 300
    assert refused > 120


@pytest.mark.parametrize("version", Version)
def test_the_models_name_every_member_of_the_schema(version: Version) -> None:
    named: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            named.update(part.get("properties", {}))
            for inner in part.values():
                walk(inner)

    walk(schema_of(version))
    assert names_of(version) == named


@pytest.mark.parametrize("version", Version)
def test_a_name_of_another_version_is_not_one_of_this(version: Version) -> None:
    assert not set(RENAMED[version]) & names_of(version)
    assert set(RENAMED[version].values()) <= names_of(version)


# --- differences ------------------------------------------------------------------------------------------------------


def with_id(value: str) -> dict[str, Any]:
    document = instance_of(Version.V0_6_1, schema_of(Version.V0_6_1))
    document["id"] = value
    return document  # type: ignore[no-any-return]


def with_start(value: str) -> dict[str, Any]:
    document = instance_of(Version.V0_6_1, schema_of(Version.V0_6_1))
    document["validFrom"] = value
    return document  # type: ignore[no-any-return]


PASSES, REFUSED, ONLY_PLAIN = Outcome(True, True), Outcome(False, False), Outcome(True, False)
# name in docs/passports.md -> version, document, outcome of jsonschema, ours. There are no others known.
DIFFERENCES: dict[str, tuple[Version, Any, Outcome, Outcome]] = {
    "line-end-uri": (Version.V0_6_1, lambda: with_id("https://example.com/a\n"), PASSES, ONLY_PLAIN),
    "line-end-time": (Version.V0_6_1, lambda: with_start("2026-02-28T12:00:00Z\n"), PASSES, REFUSED),
    "shapeless-product": (Version.V0_3_0, lambda: {"description": "a product"}, PASSES, REFUSED),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_known_difference_is_as_the_table_says(name: str) -> None:
    version, make, theirs, ours = DIFFERENCES[name]
    assert (schema_outcome(version, make()), our_outcome(make())) == (theirs, ours)


def test_the_documentation_names_the_same_differences() -> None:
    text = (ROOT / "docs" / "passports.md").read_text("utf-8")
    section = text.partition("\n## Differences")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE) == list(DIFFERENCES)


# --- formats, against the checkers that jsonschema uses ---------------------------------------------------------------

CONFORMS = Draft202012Validator.FORMAT_CHECKER.conforms
_PIECES = """
http https: // / ? # @ : [ ] [::1] [1::2:3] [v1.a] %41 % a é 1.2.3.4 did:web: .. [::ffff:1.2.3.4] [1:2:3:4:5:6:7:8] 80 '
| ~ + -
"""
URI_PIECES = _PIECES.split()


@given(st.lists(st.sampled_from(URI_PIECES), max_size=7).map("".join))
def test_a_uri_is_what_rfc_3986_says(text: str) -> None:
    assert is_uri(text) == CONFORMS(text, "uri")


@given(
    st.from_regex(r"\A(0000|2024|2026|1900)-[01]?[0-9]-[0-3][0-9](T[0-2][0-9]:[0-6]0:60?(\.5)?(Z|z|[+-]1[0-9]:30)?)?\Z")
)
def test_a_time_and_a_date_are_what_rfc_3339_says(text: str) -> None:
    assert is_time(text) == CONFORMS(text, "date-time")
    assert is_date(text) == CONFORMS(text, "date")


# --- recognition ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", CONTEXTS)
def test_the_second_context_alone_decides(version: Version) -> None:
    assert recognise({"@context": ["anything", CONTEXTS[version]], "granularityLevel": "item"}) is version


@pytest.mark.parametrize(
    "contexts",
    [
        None,
        [],
        VCDM_2,
        CONTEXTS[Version.V0_7_0],
        [VCDM_2],
        [CONTEXTS[Version.V0_6_0], VCDM_2],
        [VCDM_2, {"@vocab": CONTEXTS[Version.V0_6_0]}],
        [VCDM_2, CONTEXTS[Version.V0_6_0].removesuffix("/")],
        [VCDM_2, CONTEXTS[Version.V0_6_0].replace("https", "http")],
        [VCDM_2, "https://test.uncefact.org/vocabulary/untp/dpp/0.6.2/"],
        [VCDM_2, "https://test.uncefact.org/vocabulary/untp/dpp/working/"],
        [VCDM_2, "https://vocabulary.uncefact.org/untp/0.8.0/context/"],
    ],
)
def test_no_version_is_guessed(contexts: object) -> None:
    with pytest.raises(PassportError) as refused:
        recognise({"@context": contexts, "type": ["DigitalProductPassport", "VerifiableCredential"]})
    assert refused.value.code == "unknown-version"


def test_a_bare_product_is_0_3_0_by_its_shape() -> None:
    assert recognise({"productName": "Lamp", "idValue": "1"}) is Version.V0_3_0
    for none in ({"name": "Lamp"}, {"productName": "Lamp", "credentialSubject": {}}, {}):
        with pytest.raises(PassportError):
            recognise(none)


def test_another_credential_under_the_shared_context_is_no_passport() -> None:
    with pytest.raises(PassportError) as refused:
        recognise({"@context": [VCDM_2, CONTEXTS[Version.V0_7_0]], "type": ["DigitalTraceabilityEvent"]})
    assert (refused.value.code, "DigitalTraceabilityEvent" in refused.value.message) == (NOT_A_PASSPORT, True)


def test_an_envelope_is_told_as_one() -> None:
    with pytest.raises(PassportError) as refused:
        recognise({"@context": [VCDM_2], "type": "EnvelopedVerifiableCredential", "id": "data:application/vc+jwt,x"})
    assert refused.value.code == "enveloped"


@pytest.mark.parametrize("version", Version)
def test_a_model_is_built_once(version: Version) -> None:
    assert all_faults(version) is all_faults(version)


def test_no_schema_file_is_committed() -> None:
    assert not [path for path in Path(ROOT, "src").rglob("*.json") if b"json-schema.org" in path.read_bytes()]


def test_the_passports_of_the_bench_are_sound() -> None:
    for version, data in passports(6):
        document = json.loads(data)
        assert recognise(document) is version
        assert validate(document, strict=True) == ()
        assert schema_outcome(version, document) == PASSES
