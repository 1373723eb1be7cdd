"""Every UNTP passport is read into the internal one with nothing dropped: each leaf is in one field or in unknown."""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import PassportError
from dpptag.passport.digests import from_hex, from_multibase, to_hex, to_multibase
from dpptag.passport.document import read_document
from dpptag.passport.internal import Characteristics, Digest, Granularity, Passport, RelatedParty, Unknown
from dpptag.passport.read_cursor import member_path, split_member
from dpptag.passport.read_untp import has_zone, read_credential, read_internal
from dpptag.passport.versions import CONTEXTS, Version
from tests.needs import ROOT
from tests.vectors import vector_path

SAMPLES = (
    "0.3.10/DigitalProductPassport.json",
    "0.4.0/DigitalProductPassport.json",
    "0.4.1/DigitalProductPassport.json",
    "0.4.2/DigitalProductPassport.json",
    "0.5.0/DigitalProductPassport.json",
    "0.6.0-derived/DigitalProductPassport.json",
    "0.6.1-branch/untp-dpp-instance.json",
    "0.7.0-rc/DigitalProductPassport_instance.json",
    "0.7.0-rc/DigitalProductPassport_battery_instance.json",
    "0.7.0-rc/DigitalProductPassport_cathode_instance.json",
    "spec-site-untp-digital-product-passport-v0.3.10.json",
)
EXAMPLES = ROOT / "examples" / "passports"
VCDM = "https://www.w3.org/ns/credentials/v2"
# What a class of the internal passport says by being that class; any other word is an unknown member.
IMPLIED = {
    *("Product", "Entity", "ProductPassport", "CredentialIssuer", "Identifier", "IdentifierScheme", "Party", "Link"),
    *(
        "SecureLink",
        "Classification",
        "Measure",
        "Dimension",
        "Material",
        "Claim",
        "Declaration",
        "Standard",
        "Facility",
    ),
    *("Regulation", "Criterion", "Metric", "EmissionsPerformance", "CircularityPerformance", "ConformityTopic"),
    *("TraceabilityPerformance", "PerformanceMetric", "RenderTemplate2024", "DigitalProductPassport"),
    *("VerifiableCredential", "Organisation", "BinaryFile", "Circularity", "TraceabilityEvent"),
}


def sample(name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(vector_path("untp", "samples", name).read_bytes())
    return value


# ---------------------------------------------------------------- the accounts


def tagged(value: object) -> tuple[str, object]:
    """1, 1.0 and true are equal to Python and three values to JSON."""
    return type(value).__name__, value


def leaves(value: object, *, implied: bool = False) -> Iterator[tuple[str, object]]:
    """The scalar values of a JSON value; an empty object counts as one, an empty list as none."""
    if isinstance(value, dict):
        yield from () if value else (("object", ""),)
        for name, inner in value.items():
            words = [inner] if isinstance(inner, str) else inner
            says_class = (
                name in ("type", "@context") and isinstance(words, list) and all(isinstance(w, str) for w in words)
            )
            if implied and says_class:
                known = IMPLIED | {VCDM, *CONTEXTS.values()}
                yield from (tagged(word) for word in words if word not in known)
            else:
                yield from leaves(inner, implied=implied)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, implied=implied)
    else:
        yield tagged(value)


def digest_leaves(value: object) -> object:
    """The document with each digest that a reader can decode in one form: its algorithm and its hex digits."""
    if isinstance(value, dict):
        members = {name: digest_leaves(inner) for name, inner in value.items()}
        method, digits, multibase = (members.get(name) for name in ("hashMethod", "hashDigest", "digestMultibase"))
        digest = None
        if isinstance(method, str) and isinstance(digits, str):
            digest = from_hex(method, digits)
        elif isinstance(multibase, str):
            digest = from_multibase(multibase)
        if digest is not None:
            for name in ("hashMethod", "hashDigest", "digestMultibase"):
                members.pop(name, None)
            members["digest"] = [digest.algorithm, digest.value.hex()]
        return members
    return [digest_leaves(inner) for inner in value] if isinstance(value, list) else value


def held(value: object) -> Iterator[tuple[str, object]]:
    """The scalar values of the internal passport; none for what is derived or only accounts for something."""
    if isinstance(value, Unknown):
        yield from leaves(value.value)
    elif isinstance(value, Characteristics):
        yield from leaves(value.members)
    elif isinstance(value, Digest):
        yield from (tagged(value.algorithm), tagged(value.value.hex()))
    elif isinstance(value, Granularity):
        yield from () if value.derived else (tagged(value.level),)
    elif is_dataclass(value):
        for one in fields(value):
            derived = one.name == "mass_fraction" and getattr(value, "mass_percent", None) is not None
            role = isinstance(value, RelatedParty) and not value.at and one.name == "role"
            if one.name not in ("at", "notes", "version") and not derived and not role:
                yield from held(getattr(value, one.name))
        yield from () if any(True for _ in held_fields(value)) else (("object", ""),)
    elif isinstance(value, tuple):
        for inner in value:
            yield from held(inner)
    elif value is not None:
        yield tagged(value)


def held_fields(value: Any) -> Iterator[object]:
    """Fields that are set, to tell an object without members from one with some."""
    for one in fields(value):
        if one.name != "at" and getattr(value, one.name) not in (None, ()):
            yield one


def assert_all_accounted_for(credential: dict[str, Any]) -> Passport:
    passport = read_credential(credential)
    stated = Counter(leaves(digest_leaves(credential), implied=True))
    taken = Counter(held(passport))
    # An object of which only its type was stated, or that lost all its members to unknown, is no leaf of its own.
    for counts in (stated, taken):
        counts.pop(("object", ""), None)
    assert taken == stated
    paths = [unknown.path for unknown in passport.unknown]
    assert len(paths) == len(set(paths))
    for unknown in passport.unknown:
        assert tagged(at_path(credential, unknown.path)) == tagged(unknown.value)
    return passport


def at_path(document: Any, path: str) -> object:
    """An independent walk: tries every member name at each step."""
    if path == "$":
        return document
    parts = split_member(path)
    if parts is not None:
        holder: Any = at_path(document, parts[0])
        return holder[parts[1]]
    head, _, index = path.removesuffix("]").rpartition("[")
    entries: Any = at_path(document, head)
    return entries[int(index)]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_leaf_of_a_sample_is_in_one_field_or_unknown(name: str) -> None:
    assert_all_accounted_for(sample(name))


@pytest.mark.parametrize("name", ["laptop-battery.json", "phone.json"])
def test_every_leaf_of_an_example_is_in_one_field(name: str) -> None:
    assert assert_all_accounted_for(json.loads((EXAMPLES / name).read_bytes())).unknown == ()


@pytest.mark.parametrize("name", SAMPLES)
def test_only_digests_that_are_none_are_unknown_in_a_sample(name: str) -> None:
    passport = read_credential(sample(name))
    assert {path.path.rpartition(".")[2] for path in passport.unknown} <= {"hashDigest", "hashMethod"}
    assert passport.version in name or "0.6" in name


# ---------------------------------------------------------------- generated documents

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.lists(
        st.one_of(st.none(), st.text(max_size=4), st.integers(), st.dictionaries(st.text(max_size=3), st.none())),
        max_size=3,
    ),
    st.dictionaries(
        st.text(max_size=6), st.one_of(st.text(max_size=4), st.lists(st.integers(), max_size=2)), max_size=3
    ),
)
NAMES = st.one_of(
    st.sampled_from(["colour", "id", "name", "type", "it's", "a.b", "\\", "['x']", "", "@id"]), st.text(max_size=5)
)


def objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_a_sample_with_any_members_added_replaced_or_removed_is_accounted_for(name: str, data: st.DataObject) -> None:
    """The generator: a sample in which up to six objects, wherever they stand, get a member of any name and value,
    lose one, or have one replaced by a value of any type."""
    credential = sample(name)
    inner = [one for one in objects(credential) if one is not credential]
    for _ in range(data.draw(st.integers(1, 6))):
        holder = data.draw(st.sampled_from(inner))
        chosen = data.draw(st.one_of(NAMES, st.sampled_from(sorted(holder) or ["x"])))
        if chosen in holder and data.draw(st.booleans()):
            del holder[chosen]
        else:
            holder[chosen] = data.draw(ODD)
    assert_all_accounted_for(credential)


@pytest.mark.parametrize("path", ["$", "$.issuer", "$.credentialSubject"])
def test_a_member_of_another_type_is_unknown_and_nothing_else_changes(path: str) -> None:
    credential = sample("0.7.0-rc/DigitalProductPassport_battery_instance.json")
    before = read_credential(copy.deepcopy(credential))
    holder: Any = at_path(credential, path)
    holder["x-own"] = {"a": [1, None]}
    after = read_credential(credential)
    assert after.unknown == (Unknown(f"{path}['x-own']", {"a": [1, None]}),)
    assert (after.product, after.claims, after.issuer) == (before.product, before.claims, before.issuer)


@given(st.text(max_size=12))
def test_a_path_gives_back_its_member(name: str) -> None:
    assert split_member(member_path("$.a['b'][3]", name)) == ("$.a['b'][3]", name)


# ---------------------------------------------------------------- single facts


def v(version: str, subject: dict[str, Any]) -> Passport:
    return read_credential(
        {
            "@context": [VCDM, CONTEXTS[Version(version)]],
            "type": ["DigitalProductPassport", "VerifiableCredential"],
            "id": "https://example.com/1",
            "issuer": {"id": "did:web:example.com", "name": "Example"},
            "credentialSubject": subject,
        }
    )


BARE = {
    "type": "Product",
    "id": "https://id.example.com/01/09520123456788/10/B7",
    "idScheme": "https://id.gs1.org/01/",
    "idSchemeName": "GTIN",
    "idValue": "09520123456788",
    "productName": "Battery",
    "productImage": {"type": "BinaryFile", "id": "https://example.com/a.png", "fileName": "a", "fileType": "image/png"},
    "furtherInformation": "https://example.com/more",
    "producedBy": {
        "type": "Organisation",
        "id": "did:web:maker.example.com",
        "organisationName": "Maker",
        "registrationCOuntry": "NO",
        "otherIdentifiers": {"type": "Identifier", "id": "https://example.com/lei", "idValue": "LEI1"},
    },
    "manufacturedAt": {"facilityName": "Works", "countryOfOperation": "NO", "operatedBy": {"organisationName": "Op"}},
    "materialsProvenance": [
        {"originCountry": "ZM", "massFraction": 60, "recycled": True, "hazardous": "false"},
        {"originCountry": "NO", "massFraction": 40.5, "recycled": False, "hazardous": False},
    ],
    "conformityInformation": [
        {
            "topic": "environment.energy",
            "standardOrRegulation": "https://example.com/std",
            "criteriaReference": "https://example.com/c",
            "criteriaName": "C",
            "claimedValues": [{"metricName": "m", "metricValue": {"value": 1, "unit": "KGM"}, "accuracy": 0.1}],
            "benchmarkValue": {"metricName": "b", "metricValue": {"value": 2, "unit": "KGM"}},
            "benchmarkReference": "https://example.com/bench",
            "conformance": True,
            "conformityEvidence": "https://example.com/cert",
        }
    ],
    "circularityInformation": {"recyclingInformation": "https://example.com/rec", "recyecledContent": 0.25},
    "traceabilityInformation": [{"eventReference": "https://example.com/e1", "eventType": "object"}],
}


def test_the_bare_product_of_0_3_0_is_read_with_all_its_own_names() -> None:
    passport = assert_all_accounted_for(BARE)
    assert passport.version == "0.3.0"
    assert passport.issuer is None
    product = passport.product
    assert (product.name, product.registered_id) == ("Battery", "09520123456788")
    assert product.producer is not None
    assert (product.producer.name, product.producer.also_known_as[0].registered_id) == ("Maker", "LEI1")
    assert product.facility is not None
    assert product.facility.operator is not None
    assert passport.claims[0].benchmark is not None
    assert passport.circularity is not None
    assert passport.circularity.recycled_content == 0.25
    assert passport.traceability[0].event_type == "object"
    assert [one.path for one in passport.unknown] == ["$.materialsProvenance[0].hazardous"]


def test_granularity_before_0_5_is_derived_from_the_digital_link_and_says_so() -> None:
    passport = read_credential(BARE)
    assert passport.granularity == Granularity("batch", derived=True)
    assert any("batch is derived from its Digital Link" in note.text for note in passport.notes)


def test_a_stated_granularity_is_not_derived() -> None:
    assert v("0.6.0", {"granularityLevel": "batch", "product": {}}).granularity == Granularity("batch")


def test_a_granularity_that_is_none_is_unknown_and_another_is_derived() -> None:
    passport = v("0.7.0", {"id": "https://example.com/p", "itemNumber": "7", "idGranularity": "lot"})
    assert passport.granularity == Granularity("item", derived=True)
    assert passport.unknown == (Unknown("$.credentialSubject.idGranularity", "lot"),)


def test_recycled_is_a_flag_and_no_fraction() -> None:
    first, second = read_credential(BARE).materials
    assert (first.recycled, first.recycled_fraction) == (True, None)
    assert (second.recycled, second.recycled_fraction) == (False, None)


def test_hazardous_as_text_is_never_taken_for_a_flag() -> None:
    assert read_credential(BARE).materials[0].hazardous is None


def test_fractions_that_sum_to_a_hundred_are_percent() -> None:
    first, second = read_credential(BARE).materials
    assert (first.mass_fraction, first.mass_percent) == (0.6, 60)
    assert (second.mass_fraction, second.mass_percent) == (0.405, 40.5)


@pytest.mark.parametrize("stated", [[60, 20], [0.5, 0.5], [1, 99.5, 1.6], [1.0], [0.5, 1.5]])
def test_fractions_in_doubt_stay_as_stated(stated: list[float]) -> None:
    passport = v("0.6.0", {"materialsProvenance": [{"name": "m", "massFraction": value} for value in stated]})
    assert [one.mass_fraction for one in passport.materials] == stated
    assert [one.mass_percent for one in passport.materials] == [None] * len(stated)
    assert any("kept as stated" in note.text for note in passport.notes) == any(value > 1 for value in stated)


def test_0_7_0_is_never_percent() -> None:
    passport = v("0.7.0", {"materialProvenance": [{"massFraction": 60}, {"massFraction": 40}]})
    assert [one.mass_fraction for one in passport.materials] == [60, 40]


def test_a_country_is_a_code_before_0_7_0_and_an_object_from_then_on() -> None:
    old = v("0.6.1", {"product": {"countryOfProduction": "NO"}}).product.country
    new = v("0.7.0", {"countryOfProduction": {"countryCode": "NO", "countryName": "Norway"}}).product.country
    assert old is not None
    assert new is not None
    assert (old.code, old.name, new.code, new.name) == ("NO", None, "NO", "Norway")


def test_a_country_object_in_0_6_is_unknown() -> None:
    passport = v("0.6.1", {"product": {"countryOfProduction": {"countryCode": "NO"}}})
    assert passport.unknown == (Unknown("$.credentialSubject.product.countryOfProduction", {"countryCode": "NO"}),)


def test_a_time_without_zone_is_kept_and_said_to_have_none() -> None:
    passport = read_credential(sample("0.5.0/DigitalProductPassport.json"))
    assert passport.valid_from == "2024-03-15T12:00:00"
    assert any("no time zone" in note.text for note in passport.notes)


@pytest.mark.parametrize(
    ("time", "zone"),
    [("2024-03-15T12:00:00", False), ("2024-03-15T12:00:00Z", True), ("2024-03-15t12:00:00z", True),
     ("2024-03-15T12:00:00+02:00", True), ("2024-03-15T12:00:00-02:00", True), ("2024-03-15", False)],
)  # fmt: skip
def test_a_zone_is_z_or_an_offset(time: str, zone: bool) -> None:
    assert has_zone(time) is zone


def test_the_other_spelling_of_a_neighbouring_version_is_unknown() -> None:
    passport = v("0.4.1", {"circularityScorecard": {"recyecledContent": 0.3, "recycledContent": 0.4}})
    assert passport.circularity is not None
    assert passport.circularity.recycled_content == 0.4
    assert passport.unknown == (Unknown("$.credentialSubject.circularityScorecard.recyecledContent", 0.3),)


@pytest.mark.parametrize(
    ("version", "member", "value"),
    [
        ("0.3.10", "traceabilityInformation", [{"linkURL": "https://e.x/1"}]),
        ("0.4.0", "traceabilityInformation", {"traceabilityEvents": [{"linkURL": "https://e.x/1"}]}),
        ("0.5.0", "traceabilityInformation", {"traceabilityEvent": [{"linkURL": "https://e.x/1"}]}),
        ("0.6.0", "traceabilityInformation", [{"traceabilityEvent": [{"linkURL": "https://e.x/1"}]}]),
    ],
)
def test_traceability_is_read_in_each_versions_shape(version: str, member: str, value: object) -> None:
    assert v(version, {member: value}).traceability[0].events[0].url == "https://e.x/1"


def test_both_lists_of_declared_values_are_read_from_0_4_1_on() -> None:
    passport = v(
        "0.5.0",
        {"conformityClaim": [{"declaredValue": [{"metricName": "a"}], "declaredValues": [{"metricName": "b"}]}]},
    )
    assert [one.metric_name for one in passport.claims[0].values] == ["a", "b"]


def test_an_issuer_may_be_a_bare_id() -> None:
    credential = sample("0.7.0-rc/DigitalProductPassport_instance.json") | {"issuer": "did:web:example.com"}
    passport = assert_all_accounted_for(credential)
    assert passport.issuer is not None
    assert passport.issuer.id == "did:web:example.com"


@pytest.mark.parametrize("index", ["94567", 94567])
def test_a_status_index_is_kept_as_text_or_number(index: object) -> None:
    credential = sample("0.6.0-derived/DigitalProductPassport.json")
    credential["credentialStatus"] = {"type": "BitstringStatusListEntry", "statusListIndex": index}
    passport = assert_all_accounted_for(credential)
    assert tagged(passport.status[0].index) == tagged(index)


def test_a_passport_document_is_read_from_its_bytes() -> None:
    document = read_document((EXAMPLES / "phone.json").read_bytes())
    assert read_internal(document).version == "0.7.0"


def test_an_unreleased_version_is_refused_and_not_read_as_its_neighbour() -> None:
    with pytest.raises(PassportError) as caught:
        read_credential(sample("0.6-main/untp-dpp-instance.json"))
    assert caught.value.code == "unknown-version"


# ---------------------------------------------------------------- digests

HEX = "abe2f5afec4c4a47c202273b4475028278b6a43958d63d329bed4c035f298859"
MULTIBASE = "uEiCr4vWv7ExKR8ICJztEdQKCeLakOVjWPTKb7UwDXymIWQ"
BASE58 = "zQmZud9fTBkAvz2DULXxkk68YhysvLpViPqH5P5ryd1VXWp"


def test_one_digest_in_three_forms() -> None:
    digest = from_hex("SHA-256", HEX)
    assert digest is not None
    assert digest.proves
    assert from_multibase(MULTIBASE) == from_multibase(BASE58) == digest
    assert (to_multibase(digest), to_hex(digest)) == (MULTIBASE, HEX)


@given(st.binary(min_size=32, max_size=32))
def test_hex_to_multibase_and_back_loses_nothing(octets: bytes) -> None:
    digest = Digest("SHA-256", octets)
    assert from_multibase(to_multibase(digest)) == digest
    assert from_hex("SHA-256", to_hex(digest)) == digest


def test_sha1_is_read_and_proves_nothing() -> None:
    digest = from_hex("SHA-1", "00" * 20)
    assert digest is not None
    assert not digest.proves


@pytest.mark.parametrize(
    ("method", "digits"),
    [("SHA-1", HEX), ("SHA-256", "00" * 20), ("SHA-256", "6239119"), ("MD5", HEX), ("SHA-256", " " + HEX[1:])],
)
def test_a_digest_that_does_not_fit_its_method_is_none(method: str, digits: str) -> None:
    assert from_hex(method, digits) is None


@pytest.mark.parametrize(
    "text",
    ["", "u", "z", MULTIBASE + "=", MULTIBASE[:-1], MULTIBASE[:-1] + "R", "m" + MULTIBASE[1:], BASE58[:-1],
     "z" + "0" * 46, "u" + "A" * 46, "u" * 4000, "uEi/" + MULTIBASE[4:], "z1" + BASE58[1:]],
)  # fmt: skip
def test_a_multibase_that_is_no_digest_is_none(text: str) -> None:
    assert from_multibase(text) is None
