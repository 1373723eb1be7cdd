"""The internal passport is written as UNTP 0.6.0, 0.6.1 and 0.7.0, and what one of them cannot carry is listed."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from dpptag.errors import PassportError
from dpptag.passport import internal as i
from dpptag.passport.document import read_document
from dpptag.passport.read_untp import read_credential, read_internal
from dpptag.passport.write_sheet import is_uri
from dpptag.passport.write_untp import write, write_noted
from tests.unit.passport.internal_passports import passport_of
from tests.vectors import vector_path

SCHEMAS = {
    "0.6.0": ("0.6.0", "digitalProductPassport.json"),
    "0.6.1": ("0.6.1", "untp-dpp-schema-0.6.1.json"),
    "0.7.0": ("0.7.0", "untp-dpp-schema-0.7.0.json"),
}
TARGETS = tuple(SCHEMAS)
LINK = "https://id.example.com/01/09520123456788/21/A1"


@cache
def validator(version: str) -> Draft202012Validator:
    schema = json.loads(vector_path("untp", "schema", *SCHEMAS[version]).read_bytes())
    return Draft202012Validator(schema, format_checker=FormatChecker())


def faults(credential: dict[str, Any]) -> list[str]:
    version = next(version for version in TARGETS if version in credential["@context"][1])
    return [f"{one.json_path}: {one.message[:80]}" for one in validator(version).iter_errors(credential)]


def passport(**changes: Any) -> i.Passport:
    base = i.Passport(
        version="0.7.0",
        id="https://example.com/passports/1",
        name="Passport",
        issuer=i.Issuer("did:web:example.com", "Example AS"),
        valid_from="2026-01-02T03:04:05Z",
        granularity=i.Granularity("item"),
        product=i.Product(
            id=LINK,
            name="Phone",
            scheme=i.Scheme("https://id.gs1.org/01/", "GTIN"),
            facility=i.Facility("https://example.com/works", "Works"),
            country=i.Country("NO"),
            serial="A1",
        ),
    )
    return replace(base, **changes)


def paths(dropped: tuple[Any, ...]) -> list[str]:
    return [one.path for one in dropped]


# ---------------------------------------------------------------- round trip


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 9))
def test_a_passport_that_0_7_0_can_express_comes_back_from_it_unchanged(seed: int, rich: int) -> None:
    """What the generator makes stands in ``internal_passports``; the document goes through its bytes."""
    before = passport_of(seed, rich)
    credential, dropped = write(before, "0.7.0")
    after = read_internal(read_document(json.dumps(credential).encode()))
    assert dropped == ()
    assert {one.path: repr(one.value) for one in after.unknown} == {one.path: repr(one.value) for one in before.unknown}
    # By their text too: 1, 1.0 and true are equal to Python.
    assert replace(after, unknown=()) == replace(before, unknown=())
    assert repr(replace(after, unknown=(), notes=())) == repr(replace(before, unknown=(), notes=()))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 9))
def test_what_is_written_passes_the_json_schema_of_its_version(seed: int, rich: int) -> None:
    for version in TARGETS:
        assert faults(write(passport_of(seed, rich), version)[0]) == []


@pytest.mark.parametrize("version", TARGETS)
def test_the_smallest_passport_passes_the_schema(version: str) -> None:
    credential, dropped = write(passport(), version)
    assert faults(credential) == []
    assert dropped == ()


@pytest.mark.parametrize("version", ["0.6.0", "0.6.1"])
def test_a_full_passport_of_0_6_comes_back_from_its_own_version_unchanged(version: str) -> None:
    name = {"0.6.0": "0.6.0-derived/DigitalProductPassport.json", "0.6.1": "0.6.1-branch/untp-dpp-instance.json"}[
        version
    ]
    before = read_credential(json.loads(vector_path("untp", "samples", name).read_bytes()))
    credential, dropped = write(before, version)
    assert dropped == ()
    assert faults(credential) == []
    assert read_credential(credential) == before


# ---------------------------------------------------------------- what 0.7.0 requires


@pytest.mark.parametrize("field", ["id", "issuer", "valid_from"])
@pytest.mark.parametrize("version", TARGETS)
def test_a_passport_without_what_every_one_needs_is_refused(field: str, version: str) -> None:
    made = passport(**{field: None})
    if field == "valid_from" and version != "0.7.0":
        assert "validFrom" not in write(made, version)[0]
        return
    with pytest.raises(PassportError) as caught:
        write(made, version)
    assert caught.value.code == "incomplete"


@pytest.mark.parametrize("field", ["facility", "country"])
def test_0_7_0_is_refused_without_facility_or_country_and_0_6_is_not(field: str) -> None:
    made = passport(product=replace(passport().product, **{field: None}))
    with pytest.raises(PassportError) as caught:
        write(made, "0.7.0")
    assert caught.value.code == "incomplete"
    assert "producedAtFacility" in str(caught.value.facts) or "countryOfProduction" in str(caught.value.facts)
    assert faults(write(made, "0.6.1")[0]) == []


def test_a_product_without_scheme_has_the_issuers_own() -> None:
    written = write_noted(passport(product=replace(passport().product, scheme=None)), "0.7.0")
    assert written.credential["credentialSubject"]["idScheme"]["id"] == "did:web:example.com"  # type: ignore[index]
    assert any("issuer's own" in note.text for note in written.notes)


CLAIM = i.Claim(
    id="https://example.com/claims/1",
    name="Energy",
    topics=(i.Topic("environment.energy"),),
    criteria=(i.Criterion("https://example.com/c", "C", "c", (i.Topic("environment.energy"),), "active"),),
    date="2026-01-01",
    values=(i.Performance(metric_name="power", measure=i.Measure(5, "WTT")),),
    conforms=True,
)


@pytest.mark.parametrize("missing", ["criteria", "date", "values"])
def test_a_claim_without_what_0_7_0_needs_is_listed_and_left_out(missing: str) -> None:
    claim = replace(CLAIM, conforms=None, **{missing: None if missing == "date" else ()})
    credential, dropped = write(passport(claims=(claim,)), "0.7.0")
    assert "performanceClaim" not in credential["credentialSubject"]  # type: ignore[operator]
    assert paths(dropped) == ["claims[0]"]
    assert faults(credential) == []


def test_a_claim_of_0_6_needs_a_verdict() -> None:
    credential, dropped = write(passport(claims=(replace(CLAIM, name=None, conforms=None),)), "0.6.1")
    assert paths(dropped) == ["claims[0]"]
    assert "conformance" in dropped[0].why
    assert faults(credential) == []


def test_a_verdict_is_listed_in_0_7_0_and_a_name_in_0_6() -> None:
    made = passport(claims=(CLAIM,))
    assert paths(write(made, "0.7.0")[1]) == ["claims[0].conformance"]
    assert paths(write(made, "0.6.0")[1]) == ["claims[0].name"]


def test_a_metric_without_id_is_named_by_a_data_url_and_comes_back_without() -> None:
    credential, _dropped = write(passport(claims=(CLAIM,)), "0.7.0")
    claim = credential["credentialSubject"]["performanceClaim"][0]  # type: ignore[index]
    assert claim["claimedPerformance"][0]["metric"]["id"] == "data:,power"
    assert read_credential(credential).claims[0].values == CLAIM.values


def test_a_metric_with_an_id_of_its_own_keeps_it() -> None:
    values = (i.Performance("https://example.com/m", "power", i.Measure(1, "WTT")),)
    credential, _dropped = write(passport(claims=(replace(CLAIM, values=values),)), "0.7.0")
    assert read_credential(credential).claims[0].values == values


# ---------------------------------------------------------------- scorecards

EMISSIONS = i.Emissions(1.8, "C62", "CradleToGate", 0.3, i.Standard("https://example.com/s", "S"))
CIRCULARITY = i.Circularity(
    i.Link("https://example.com/rec", "recycling"), i.Link("https://example.com/rep", "repair"), 0.5, 0.3, 1.2, 0.67
)


def test_scorecards_are_claims_and_documents_in_0_7_0_and_come_back_as_scorecards() -> None:
    made = passport(emissions=EMISSIONS, circularity=CIRCULARITY, claims=(replace(CLAIM, conforms=None),))
    credential, dropped = write(made, "0.7.0")
    subject: Any = credential["credentialSubject"]
    assert dropped == ()
    assert [claim["id"].partition("#")[2] for claim in subject["performanceClaim"]] == [
        "",
        "emissionsScorecard",
        "circularityScorecard",
    ]
    assert len(subject["relatedDocument"]) == 2
    assert faults(credential) == []
    assert read_credential(credential) == made


@pytest.mark.parametrize(
    "change",
    [
        {"claimDate": "1999-01-01"},
        {"description": "d"},
        {"id": "https://example.com/other"},
        {"x": 1},
        {"evidence": [{}]},
    ],
)
def test_a_claim_that_is_not_exactly_our_scorecard_stays_a_claim(change: dict[str, Any]) -> None:
    credential: Any = write(passport(emissions=EMISSIONS), "0.7.0")[0]
    credential["credentialSubject"]["performanceClaim"][0].update(change)
    read = read_credential(credential)
    assert read.emissions is None
    assert len(read.claims) == 1


def test_two_equal_scorecard_claims_stay_claims() -> None:
    credential: Any = write(passport(emissions=EMISSIONS), "0.7.0")[0]
    credential["credentialSubject"]["performanceClaim"] *= 2
    read = read_credential(credential)
    assert read.emissions is None
    assert len(read.claims) == 2


def test_an_emissions_scorecard_without_values_is_listed() -> None:
    _credential, dropped = write(passport(emissions=i.Emissions(standard=EMISSIONS.standard)), "0.7.0")
    assert paths(dropped) == ["$.credentialSubject.emissionsScorecard"]


# ---------------------------------------------------------------- what has no place


@pytest.mark.parametrize(
    ("product", "path"),
    [
        ({"model_number": "M"}, "product.modelNumber"),
        ({"expiry_date": "2027-01-01"}, "product.expiryDate"),
        ({"packaging": i.Packaging("box")}, "product.packaging"),
        ({"labels": (i.Image("CE", "", "image/png"),)}, "product.productLabel"),
        ({"parties": (i.RelatedParty("recycler", i.Party("https://e.x/r", "R")),)}, "product.parties[0]"),
    ],
)
@pytest.mark.parametrize("version", ["0.6.0", "0.6.1"])
def test_what_0_6_has_no_place_for_is_listed(product: dict[str, Any], path: str, version: str) -> None:
    credential, dropped = write(passport(product=replace(passport().product, **product)), version)
    assert paths(dropped) == [path]
    assert faults(credential) == []


def test_a_flag_of_recycling_is_never_a_fraction() -> None:
    material = i.Material("m", i.Country("NO"), i.Classification("1", "n", "https://e.x/", "s"), 0.5, recycled=True)
    for version in TARGETS:
        credential, dropped = write(passport(materials=(material,)), version)
        assert paths(dropped) == ["materials[0].recycled"]
        assert "recycledMassFraction" not in json.dumps(credential)


@pytest.mark.parametrize("fraction", [1.5, -0.1, 50])
def test_a_material_outside_0_to_1_is_left_out_of_0_7_0_and_listed(fraction: float) -> None:
    material = i.Material("m", i.Country("NO"), i.Classification("1", "n", "https://e.x/", "s"), fraction)
    credential, dropped = write(passport(materials=(material,)), "0.7.0")
    assert paths(dropped) == ["materials[0].massFraction", "materials[0]"]
    assert faults(credential) == []


@pytest.mark.parametrize(
    "url", ["no uri", "https://e.x/ä", "https://e.x/%zz", "x", "https://e.x/#a#b", "https://e.x/[1]"]
)
def test_a_text_that_is_no_uri_is_listed_and_left_out(url: str) -> None:
    for version in TARGETS:
        product = replace(passport().product, documents=(i.Link(url, "n"),))
        credential, dropped = write(passport(product=product), version)
        assert "product.documents[0].linkURL" in "".join(paths(dropped)).replace(
            "relatedDocument", "documents"
        ).replace("furtherInformation", "documents")
        assert faults(credential) == []


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["", "x:", "https:", "https://", "https://[::1]", "https://["]),
    st.text("ab1:/?#[]@%4G. ", max_size=8),
)
def test_no_text_is_written_as_uri_that_a_format_checker_would_refuse(start: str, rest: str) -> None:
    if is_uri(start + rest):
        assert FormatChecker(["uri"]).conforms(start + rest, "uri")


@pytest.mark.parametrize(
    "uri",
    ["did:web:example.com%3A8443", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "example:product/1234", "x:",
     "data:,a", "https://u:p@e.x:8443/a//b/?q=/?#f/?", "http://[2001:db8::1]:80/", "tag:a@e.x,2026:b",
     "https://e.x", "x:/a"],
)  # fmt: skip
def test_a_uri_of_any_scheme_is_written(uri: str) -> None:
    assert is_uri(uri)


@pytest.mark.parametrize(
    ("time", "written"), [("2026-01-02t03:04:05z", "2026-01-02T03:04:05Z"), ("2026-01-02T03:04:05.5+14:00", None)]
)
def test_times_are_written_as_every_version_takes_them(time: str, written: str | None) -> None:
    for version in TARGETS:
        credential, dropped = write(passport(valid_from=time), version)
        assert (credential["validFrom"], dropped) == (written or time, ())
        assert faults(credential) == []


@pytest.mark.parametrize(
    "time", ["2026-02-30T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02", "now", "2026-01-02T03:04:05+15:00"]
)
def test_a_text_that_is_no_time_is_listed(time: str) -> None:
    for version in TARGETS:
        credential, dropped = write(passport(valid_until=time), version)
        assert paths(dropped) == ["$.validUntil"]
        assert faults(credential) == []


@pytest.mark.parametrize("day", ["2026-02-30", "2026-1-1", "yesterday", "20260101", "2026-01-01T00:00:00Z"])
def test_a_text_that_is_no_date_is_listed_and_left_out(day: str) -> None:
    for version in TARGETS:
        credential, dropped = write(passport(product=replace(passport().product, production_date=day)), version)
        assert paths(dropped) == ["product.productionDate"]
        assert faults(credential) == []


def test_a_time_without_zone_is_written_as_utc_and_said_to_be_assumed() -> None:
    for version in TARGETS:
        written = write_noted(passport(valid_from="2026-01-02T03:04:05"), version)
        assert written.credential["validFrom"] == "2026-01-02T03:04:05Z"
        assert any("assumption" in note.text for note in written.notes)
        assert faults(written.credential) == []


def test_sha1_is_written_to_0_6_and_never_to_0_7_0() -> None:
    evidence = (i.Link("https://e.x/1", "n", digest=i.Digest("SHA-1", bytes(20))),)
    made = passport(claims=(replace(CLAIM, name=None, evidence=evidence),))
    old = write(made, "0.6.1")[0]["credentialSubject"]["conformityClaim"][0]  # type: ignore[index]
    assert old["conformityEvidence"]["hashMethod"] == "SHA-1"
    credential, dropped = write(made, "0.7.0")
    assert "digestMultibase" not in json.dumps(credential)
    assert any(one.path.endswith("evidence[0].hashDigest") for one in dropped)


# ---------------------------------------------------------------- unknown members


def unknown_in(place: str, name: str = "x-own", value: object = 7) -> i.Passport:
    made = read_credential(write(passport(claims=(replace(CLAIM, conforms=None),)), "0.7.0")[0])
    return replace(made, unknown=(i.Unknown(f"{place}['{name}']", value),))


@pytest.mark.parametrize("place", ["$", "$.issuer", "$.credentialSubject", "$.credentialSubject.performanceClaim[0]"])
def test_an_unknown_member_goes_where_it_was(place: str) -> None:
    made = unknown_in(place)
    credential, dropped = write(made, "0.7.0")
    assert dropped == ()
    assert read_credential(credential).unknown == made.unknown
    assert faults(credential) == []


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("$.credentialSubject.countryOfProduction", "x-own"),
        ("$.credentialSubject.nowhere", "x-own"),
        ("$.credentialSubject", "itemNumber"),
        ("$.credentialSubject", "modelNumber"),
        ("$", "proof"),
        ("$", "type"),
    ],
)
def test_an_unknown_member_that_would_do_harm_is_listed_and_left_out(place: str, name: str) -> None:
    credential, dropped = write(unknown_in(place, name), "0.7.0")
    assert paths(dropped) == [f"{place}['{name}']"]
    assert faults(credential) == []


def test_a_list_entry_of_another_type_is_listed() -> None:
    made = replace(passport(), unknown=(i.Unknown("$.credentialSubject.performanceClaim[0]", "text"),))
    assert paths(write(made, "0.7.0")[1]) == ["$.credentialSubject.performanceClaim[0]"]


# ---------------------------------------------------------------- the two of 0.6


def test_tags_are_one_text_in_0_6_0_and_a_list_in_0_6_1() -> None:
    criterion = replace(
        CLAIM.criteria[0], tags=("a", "b"), categories=(i.Classification("1", "n", id="https://e.x/1"),)
    )
    made = passport(claims=(replace(CLAIM, name=None, criteria=(criterion,)),))
    old, dropped = write(made, "0.6.0")
    new, nothing = write(made, "0.6.1")
    assert '"tags": "a, b"' in json.dumps(old)
    assert '"tag": ["a", "b"]' in json.dumps(new)
    assert [path.rpartition(".")[2] for path in paths(dropped)] == ["category"]
    assert nothing == ()
    assert faults(old) == faults(new) == []


def test_only_released_versions_are_written() -> None:
    with pytest.raises(PassportError) as caught:
        write(passport(), "0.5.0")
    assert caught.value.code == "version"


# ---------------------------------------------------------------- more than one, and what only 0.3.0 has


@pytest.mark.parametrize(
    ("field", "second"),
    [
        ("topics", i.Topic("environment.water")),
        ("standards", i.Standard("https://e.x/2", "S")),
        ("regulations", i.Regulation("https://e.x/2", "R")),
        ("evidence", i.Link("https://e.x/2", "E")),
    ],
)
def test_the_second_of_what_0_6_has_once_is_listed(field: str, second: Any) -> None:
    party = i.Party("https://e.x/p", "P")
    claim = replace(
        CLAIM,
        name=None,
        standards=(i.Standard("https://e.x/1", "S", party),),
        regulations=(i.Regulation("https://e.x/1", "R", administered_by=party),),
        evidence=(i.Link("https://e.x/1", "E"),),
    )
    claim = replace(claim, **{field: (*getattr(claim, field), second)})
    credential, dropped = write(passport(claims=(claim,)), "0.6.1")
    assert paths(dropped) == [f"claims[0].{field}[1]"]
    assert faults(credential) == []


@pytest.mark.parametrize("version", TARGETS)
def test_the_benchmark_and_the_event_type_of_0_3_0_are_listed(version: str) -> None:
    claim = replace(
        CLAIM,
        name="Energy" if version == "0.7.0" else None,
        conforms=None if version == "0.7.0" else True,
        benchmark=i.Performance(metric_name="b"),
        benchmark_reference="https://e.x/b",
    )
    stage = i.Traceability(events=(i.Link("https://e.x/e", "e"),), event_type="object")
    credential, dropped = write(passport(claims=(claim,), traceability=(stage,)), version)
    assert sorted(paths(dropped)) == [
        "claims[0].benchmarkReference",
        "claims[0].benchmarkValue",
        "traceability[0].eventType",
    ]
    assert faults(credential) == []
