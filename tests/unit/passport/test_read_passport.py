"""A UNTP passport gives the pointer a tag must carry, or one clear error."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from dpptag.errors import PassportError
from dpptag.passport import digest_multibase, read_passport
from dpptag.passport.untp import SHAPES
from dpptag.passport.versions import Version
from tests.needs import ROOT
from tests.vectors import vector_path

EXAMPLES = ROOT / "examples" / "passports"
V060 = "https://test.uncefact.org/vocabulary/untp/dpp/0.6.0/"
V070 = "https://vocabulary.uncefact.org/untp/0.7.0/context/"
LINK = "https://id.example.com/01/09520123456788"


def example(name: str) -> bytes:
    return (EXAMPLES / name).read_bytes()


def v070(**product: object) -> dict[str, Any]:
    subject = {"id": f"{LINK}/21/A1", "name": "Phone", "idGranularity": "item"} | product
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2", V070],
        "type": ["DigitalProductPassport", "VerifiableCredential"],
        "issuer": {"id": "did:web:example.com", "name": "Example AS"},
        "credentialSubject": {name: value for name, value in subject.items() if value is not None},
    }


def v060(level: str | None = None, **product: object) -> dict[str, Any]:
    credential = v070()
    credential["@context"][1] = V060
    credential["credentialSubject"] = {"product": {"id": LINK, "name": "Battery"} | product}
    if level is not None:
        credential["credentialSubject"]["granularityLevel"] = level
    return credential


def read(credential: dict[str, Any]):
    return read_passport(json.dumps(credential).encode())


def refusal(credential: dict[str, Any]) -> PassportError:
    with pytest.raises(PassportError) as caught:
        read(credential)
    return caught.value


def test_the_laptop_battery_of_untp_060_gives_its_pointer() -> None:
    pointer = read_passport(example("laptop-battery.json"))
    assert pointer.uri == "https://id.example.com/01/09520123456788/21/LB70A0001"
    assert (pointer.serial, pointer.batch, pointer.granularity) == ("LB70A0001", "2026W40-3", "item")
    assert pointer.product_name == "Laptop battery LB70, 15.4 V 4550 mAh"
    assert pointer.issuer_name == "Fjordcell Electronics AS"
    assert (pointer.untp_version, pointer.media_type, pointer.secured) == ("0.6.0", "application/vc", "none")


def test_the_phone_of_untp_070_gives_its_pointer() -> None:
    pointer = read_passport(example("phone.json"))
    assert pointer.uri == "https://id.example.com/01/09520123456825/21/FP3000417"
    assert (pointer.serial, pointer.batch, pointer.granularity) == ("FP3000417", "2026W41-1", "item")
    assert pointer.product_name == "Phone FP3, 128 GB"
    assert (pointer.untp_version, pointer.media_type, pointer.secured) == ("0.7.0", "application/vc", "none")


def test_the_signed_phone_differs_from_the_plain_one_in_digest_and_form_only() -> None:
    plain, signed = read_passport(example("phone.json")), read_passport(example("phone.vc+jwt"))
    assert (signed.media_type, signed.secured) == ("application/vc+jwt", "vc+jwt")
    assert signed.digest != plain.digest
    assert (signed.uri, signed.serial, signed.product_name) == (plain.uri, plain.serial, plain.product_name)


@pytest.mark.parametrize("name", ["laptop-battery.json", "phone.json", "phone.vc+jwt"])
def test_the_digest_is_sha256_over_the_file_as_it_stands(name: str) -> None:
    assert read_passport(example(name)).digest == hashlib.sha256(example(name)).digest()


def test_white_space_that_json_ignores_changes_the_digest() -> None:
    assert read_passport(example("phone.json")).digest != read_passport(example("phone.json") + b"\n").digest


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("laptop-battery.json", "0.6.0/digitalProductPassport.json"),
        ("phone.json", "0.7.0/untp-dpp-schema-0.7.0.json"),
    ],
)
def test_the_examples_are_valid_against_the_published_schema(name: str, schema: str) -> None:
    rules = json.loads(vector_path("untp", "schema", *schema.split("/")).read_bytes())
    Draft202012Validator.check_schema(rules)
    errors = Draft202012Validator(rules, format_checker=FormatChecker()).iter_errors(json.loads(example(name)))
    assert [error.message for error in errors] == []


def test_the_official_sample_has_the_digest_of_the_reference() -> None:
    """The value stated beside the sample; three independent forms of one digest."""
    sample = vector_path("untp", "samples", "0.7.0-rc", "DigitalProductPassport_instance.json").read_bytes()
    pointer = read_passport(sample)
    assert len(sample) == 7950
    assert pointer.digest.hex() == "abe2f5afec4c4a47c202273b4475028278b6a43958d63d329bed4c035f298859"
    assert digest_multibase(pointer.digest) == "uEiCr4vWv7ExKR8ICJztEdQKCeLakOVjWPTKb7UwDXymIWQ"


OFFICIAL_070 = {
    "DigitalProductPassport_instance.json": (None, "2025-Q1-4501", "model"),
    "DigitalProductPassport_battery_instance.json": ("BAT-75-2025-00471", "2025-SZG-0342", "item"),
    "DigitalProductPassport_cathode_instance.json": (None, "2025-Q1-0812", "model"),
}


@pytest.mark.parametrize("name", OFFICIAL_070)
def test_the_official_070_samples_are_read(name: str) -> None:
    pointer = read_passport(vector_path("untp", "samples", "0.7.0-rc", name).read_bytes())
    assert (pointer.serial, pointer.batch, pointer.granularity) == OFFICIAL_070[name]


def test_the_derived_060_sample_contradicts_itself_and_is_refused() -> None:
    """It states serialNumber 12345678 beside a Digital Link with AI 21 = 12345."""
    sample = vector_path("untp", "samples", "0.6.0-derived", "DigitalProductPassport.json").read_bytes()
    with pytest.raises(PassportError) as caught:
        read_passport(sample)
    assert caught.value.code == "serial-mismatch"
    assert caught.value.facts == {"stated": "12345678", "linked": "12345"}


def test_an_unreleased_version_is_named_and_refused() -> None:
    path: Path = vector_path("untp", "samples", "0.6-main", "untp-dpp-instance.json")
    with pytest.raises(PassportError) as caught:
        read_passport(path.read_bytes())
    assert caught.value.code == "unknown-version"
    assert caught.value.facts["found"] == json.loads(path.read_bytes())["@context"][1]


EVERY_VERSION = [
    ("0.3.10", "0.3.10/DigitalProductPassport.json", None),
    ("0.4.0", "0.4.0/DigitalProductPassport.json", None),
    ("0.4.1", "0.4.1/DigitalProductPassport.json", "granularityLevel"),
    ("0.4.2", "0.4.2/DigitalProductPassport.json", "granularityLevel"),
    ("0.5.0", "0.5.0/DigitalProductPassport.json", "granularityLevel"),
    ("0.6.0", "0.6.0-derived/DigitalProductPassport.json", "granularityLevel"),
    ("0.6.1", "0.6.1-branch/untp-dpp-instance.json", "granularityLevel"),
    ("0.7.0", "0.7.0-rc/DigitalProductPassport_battery_instance.json", "idGranularity"),
]


def sample_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The credential, and its product without a serial number that contradicts its id."""
    credential: dict[str, Any] = json.loads(vector_path("untp", "samples", *name.split("/")).read_bytes())
    product = credential["credentialSubject"].get("product", credential["credentialSubject"])
    product.pop("serialNumber", None)
    return credential, product


@pytest.mark.parametrize(("version", "sample", "level"), EVERY_VERSION)
def test_a_passport_of_every_version_gives_its_pointer(version: str, sample: str, level: str | None) -> None:
    credential, product = sample_of(sample)
    if level:
        credential["credentialSubject"][level] = "item"
    data = json.dumps(credential).encode()
    pointer = read_passport(data)
    assert (pointer.untp_version, pointer.granularity) == (version, "item")
    assert (pointer.uri, pointer.product_name) == (product["id"], product["name"])
    assert pointer.issuer_name == credential["issuer"]["name"]
    assert pointer.digest == hashlib.sha256(data).digest()


@pytest.mark.parametrize(
    ("path", "serial", "granularity"),
    [
        ("/01/09520123456788/21/A1", "A1", "item"),
        ("/01/09520123456788/10/B1", None, "batch"),
        ("/01/09520123456788", None, "model"),
    ],
)
@pytest.mark.parametrize(("version", "sample", "level"), [one for one in EVERY_VERSION if one[0] != "0.7.0"])
def test_a_granularity_that_is_not_stated_is_what_the_digital_link_names(
    version: str, sample: str, level: str | None, path: str, serial: str | None, granularity: str
) -> None:
    credential, product = sample_of(sample)
    credential["credentialSubject"].pop("granularityLevel", None)
    product["id"] = f"https://id.example.com{path}"
    product["batchNumber"] = "B1"
    pointer = read(credential)
    assert (pointer.granularity, pointer.serial, pointer.untp_version) == (granularity, serial, version)
    assert level is None or pointer.batch == "B1"


@pytest.mark.parametrize(("version", "sample", "level"), [one for one in EVERY_VERSION if one[2]])
def test_a_stated_granularity_that_the_link_does_not_bear_out_is_refused(version: str, sample: str, level: str) -> None:
    credential, product = sample_of(sample)
    product["id"] = LINK + "/10/B1"
    product["batchNumber"] = "B1"
    credential["credentialSubject"][level] = "item"
    product.pop("itemNumber", None)
    assert refusal(credential).code == "granularity-mismatch", version


@pytest.mark.parametrize("version", ["0.3.10", "0.4.0"])
def test_a_level_in_a_version_that_has_none_is_not_read(version: str) -> None:
    credential, _product = sample_of(f"{version}/DigitalProductPassport.json")
    credential["credentialSubject"]["granularityLevel"] = "model"
    assert read(credential).granularity == "item"


def test_the_bare_product_of_030_gives_a_pointer_without_issuer() -> None:
    bare = {"id": f"{LINK}/10/B7", "productName": "Battery", "batchNumber": "B7", "idValue": "09520123456788"}
    pointer = read(bare)
    assert (pointer.untp_version, pointer.issuer_name, pointer.granularity) == ("0.3.0", None, "batch")
    assert refusal(bare | {"batchNumber": "B8"}).code == "batch-mismatch"
    assert refusal(bare | {"productName": ""}).code == "field"


def test_every_released_version_has_its_shape() -> None:
    assert set(SHAPES) == set(Version)


@pytest.mark.parametrize(
    "contexts",
    [None, V070, [], [V070], ["https://www.w3.org/2018/credentials/v1", V070], ["x", 7], [V070, V070], {"a": 1}],
)
def test_no_version_is_guessed(contexts: object) -> None:
    assert refusal(v070() | {"@context": contexts}).code == "unknown-version"


def test_another_kind_of_070_credential_is_no_passport() -> None:
    sample = vector_path("untp", "samples", "0.7.0", "DigitalIdentityAnchor_battery_instance.json").read_bytes()
    with pytest.raises(PassportError) as caught:
        read_passport(sample)
    assert caught.value.code == "not-a-passport"


def test_an_envelope_is_opened_and_one_round_something_else_is_told() -> None:
    envelope = {
        "@context": "https://www.w3.org/ns/credentials/v2",
        "type": "EnvelopedVerifiableCredential",
        "id": "data:application/vp+jwt,e30.e30.AA",
    }
    assert refusal(envelope).code == "enveloped"
    assert refusal(envelope | {"id": "data:application/vc+jwt,e30.e30.AA"}).code == "jwt", "no algorithm"


@pytest.mark.parametrize(
    ("tail", "serial", "batch", "level"),
    [
        ("/21/A1", "A1", None, "item"),
        ("/10/B1/21/A1", "A1", "B1", "item"),
        ("/10/B1", None, "B1", "batch"),
        ("", None, None, "model"),
        ("/22/V2", None, None, "model"),
    ],
)
def test_level_serial_and_batch_come_from_the_digital_link(
    tail: str, serial: str | None, batch: str | None, level: str
) -> None:
    for pointer in (read(v060(id=LINK + tail)), read(v070(id=LINK + tail, idGranularity=level))):
        assert (pointer.serial, pointer.batch, pointer.granularity) == (serial, batch, level)


@pytest.mark.parametrize(
    ("tail", "stated"),
    [("/21/A1", "batch"), ("/21/A1", "model"), ("/10/B1", "item"), ("/10/B1", "model"), ("", "item"), ("", "batch")],
)
def test_a_level_that_the_digital_link_does_not_bear_out_is_refused(tail: str, stated: str) -> None:
    """DPP-01."""
    assert refusal(v070(id=LINK + tail, idGranularity=stated)).code == "granularity-mismatch"
    assert refusal(v060(stated, id=LINK + tail)).code == "granularity-mismatch"


def test_serials_that_differ_are_refused() -> None:
    assert refusal(v070(itemNumber="A2")).code == "serial-mismatch"


def test_batches_that_differ_are_refused() -> None:
    assert refusal(v070(id=f"{LINK}/10/B1/21/A1", batchNumber="B2")).code == "batch-mismatch"


def test_an_encoded_serial_equals_the_plain_one() -> None:
    assert read(v070(id=f"{LINK}/21/A%2F1", itemNumber="A/1")).serial == "A/1"


def test_a_serial_beside_a_link_of_the_model_does_not_make_it_an_item() -> None:
    assert refusal(v060("item", serialNumber="A1")).code == "granularity-mismatch"


def test_an_item_without_a_serial_is_refused() -> None:
    assert refusal(v070(id="https://example.com/phones/1")).code == "serial-missing"


def test_an_asset_number_is_its_own_serial() -> None:
    assert read(v070(id="https://id.example.com/8004/9520123PUMP7")).granularity == "item"


@pytest.mark.parametrize(
    "uri", ["https://example.com/phones/1", "urn:uuid:5939fbd6-18a7-463a-91fc-3879dc53c534", "did:web:example.com:p:1"]
)
def test_an_identity_need_not_be_a_digital_link(uri: str) -> None:
    pointer = read(v070(id=uri, itemNumber="A1"))
    assert (pointer.uri, pointer.serial, pointer.granularity) == (uri, "A1", "item")


@pytest.mark.parametrize(
    ("product", "level"),
    [({"serialNumber": "A1"}, "item"), ({"batchNumber": "B1"}, "batch"), ({}, "model")],
)
def test_060_without_a_level_and_without_a_digital_link_derives_it(product: dict[str, str], level: str) -> None:
    assert read(v060(id="https://example.com/b", **product)).granularity == level


@pytest.mark.parametrize(
    ("uri", "link_code"),
    [
        ("https://id.example.com/01/09520123456789/21/A1", "check-digit"),
        ("https://id.example.com/01/09520123456788/21/A1/", "trailing-slash"),
        ("https://id.example.com/01/09520123456788/21/A1/10/B1", "qualifier-order"),
    ],
)
def test_a_wrong_digital_link_is_refused_with_its_reason(uri: str, link_code: str) -> None:
    error = refusal(v070(id=uri))
    assert (error.code, error.facts["link_code"]) == ("identity", link_code)


@pytest.mark.parametrize("uri", ["id.example.com/01/09520123456788", "https:", "https://a b", "x:%zz", "x:ü"])
def test_an_identity_that_is_no_uri_is_refused(uri: str) -> None:
    assert refusal(v070(id=uri)).code == "identity"


@pytest.mark.parametrize(
    ("credential", "field"),
    [
        (v070(name=None), "credentialSubject.name"),
        (v070(name=""), "credentialSubject.name"),
        (v070(name=7), "credentialSubject.name"),
        (v070(name="a\u001b[31mred"), "credentialSubject.name"),
        (v070(name="a" * 1001), "credentialSubject.name"),
        (v070(itemNumber=417), "credentialSubject.itemNumber"),
        (v070(itemNumber=[]), "credentialSubject.itemNumber"),
        (v070(idGranularity="unit"), "credentialSubject.idGranularity"),
        (v070() | {"issuer": "did:web:example.com"}, "issuer"),
        (v070() | {"credentialSubject": [{}]}, "credentialSubject"),
        (v060() | {"credentialSubject": {}}, "credentialSubject.product"),
        (v060(id=None), "credentialSubject.product.id"),
    ],
)
def test_a_missing_or_malformed_field_is_named(credential: dict[str, Any], field: str) -> None:
    error = refusal(credential)
    assert (error.code, error.facts["field"]) == ("field", field)


def test_an_embedded_proof_is_seen_and_not_taken_for_checked() -> None:
    assert read(v070() | {"proof": {"type": "DataIntegrityProof"}}).secured == "proof"
