"""Converting a passport loses only what is listed, and never goes down from 0.7.0."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.errors import PassportError
from dpptag.passport.convert import convert
from dpptag.passport.document import Document, read_document
from dpptag.passport.read_cursor import member_path
from dpptag.passport.read_untp import has_zone, read_credential
from dpptag.passport.write_parts_0_7 import NOT_IN_0_7
from tests.needs import ROOT
from tests.unit.passport.test_read_internal import NAMES, ODD, SAMPLES, at_path, digest_leaves, leaves, objects, sample
from tests.unit.passport.test_write_untp import TARGETS, faults

EXAMPLES = ROOT / "examples" / "passports"
OLD = tuple(name for name in SAMPLES if not name.startswith("0.7.0"))
HEX = "abe2f5afec4c4a47c202273b4475028278b6a43958d63d329bed4c035f298859"

# What every sample of 0.6 loses on its way to 0.7.0: the last step of the path, as the source spells it. Each but two
# stands in the writer's own table; the id is that of the ProductPassport, and a bare symbol has no name or media type.
LOST_FROM_0_6 = (set(NOT_IN_0_7) - {"tag", "hashDigest"}) | {"id", "symbol", "tags", "tag"}


def document(credential: dict[str, Any]) -> Document:
    return read_document(json.dumps(credential).encode())


def located(value: object, path: str = "$") -> Iterator[tuple[str, tuple[str, object]]]:
    """Each leaf with its path; words that only say the class are none, and a time without zone has gained its Z."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("type", "@context"):
                yield from ((member_path(path, name), leaf) for leaf in leaves({name: inner}, implied=True))
            else:
                yield from located(inner, member_path(path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from located(inner, f"{path}[{index}]")
    elif path in ("$.validFrom", "$.validUntil") and isinstance(value, str) and not has_zone(value):
        yield path, ("str", value.upper() + "Z")
    else:
        yield path, (type(value).__name__, value)


def assert_only_what_is_listed_is_lost(credential: dict[str, Any], to: str) -> list[str]:
    """Every leaf of the source is in the document written, or at a path that is listed, or below one."""
    converted = convert(document(credential), to)
    listed = [one.path for one in converted.dropped]
    kept = Counter(leaves(digest_leaves(converted.document)))
    missing: Counter[tuple[str, object]] = Counter()
    for path, leaf in located(digest_leaves(credential)):
        # 0.6.0 has the tags of a criterion as one text.
        as_one_text = to == "0.6.0" and re.search(r"\.tag\[\d+\]$", path)
        if not as_one_text and not any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in listed):
            missing[leaf] += 1
    missing.subtract(kept)
    assert +missing == Counter()
    assert faults(converted.document) == []
    return listed


# ---------------------------------------------------------------- what is lost


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("name", OLD)
def test_a_sample_loses_only_what_is_listed_and_each_listed_path_is_in_it(name: str, to: str) -> None:
    credential = sample(name)
    for path in assert_only_what_is_listed_is_lost(credential, to):
        at_path(credential, path)


@pytest.mark.parametrize("name", ["0.6.0-derived/DigitalProductPassport.json", "0.6.1-branch/untp-dpp-instance.json"])
def test_0_6_to_0_7_0_loses_only_what_the_table_names(name: str) -> None:
    lost = assert_only_what_is_listed_is_lost(sample(name), "0.7.0")
    assert {path.rpartition(".")[2] for path in lost} <= LOST_FROM_0_6


def test_the_electronics_example_loses_what_the_table_names_and_what_0_7_0_wants_more_of() -> None:
    """Its materials name no origin and its claims no criteria, which 0.7.0 requires of them."""
    credential = json.loads((EXAMPLES / "laptop-battery.json").read_bytes())
    assert_only_what_is_listed_is_lost(credential, "0.7.0")
    dropped = convert(document(credential), "0.7.0").dropped
    short = [one.path.rpartition(".")[2] for one in dropped if one.why.startswith("0.7.0 wants ")]
    assert {path.partition("[")[0] for path in short} == {"materialsProvenance", "conformityClaim"}
    assert {one.path.rpartition(".")[2] for one in dropped} - set(short) <= LOST_FROM_0_6


@pytest.mark.parametrize("name", ["0.6.0-derived/DigitalProductPassport.json", "0.6.1-branch/untp-dpp-instance.json"])
def test_the_scorecards_of_0_6_survive_0_7_0(name: str) -> None:
    before = read_credential(sample(name))
    after = read_credential(convert(document(sample(name)), "0.7.0").document)
    assert after.emissions == before.emissions
    assert before.circularity is not None
    assert after.circularity is not None
    numbers = ("recyclable_content", "recycled_content", "utility_factor", "indicator")
    assert [getattr(after.circularity, one) for one in numbers] == [getattr(before.circularity, one) for one in numbers]
    assert after.circularity.repair is not None
    assert after.due_diligence is not None
    assert [len(one.events) for one in after.traceability] == [sum(len(one.events) for one in before.traceability)]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(OLD), st.sampled_from(TARGETS), st.data())
def test_a_sample_with_any_members_changed_loses_only_what_is_listed(name: str, to: str, data: st.DataObject) -> None:
    """The generator: a sample in which up to four inner objects get a member of any name and value, or lose one."""
    credential = sample(name)
    inner = [one for one in objects(credential) if one is not credential]
    for _ in range(data.draw(st.integers(1, 4))):
        holder = data.draw(st.sampled_from(inner))
        chosen = data.draw(st.one_of(NAMES, st.sampled_from(sorted(holder) or ["x"])))
        if chosen in holder and data.draw(st.booleans()):
            del holder[chosen]
        else:
            holder[chosen] = data.draw(ODD)
    refusal = None
    try:
        assert_only_what_is_listed_is_lost(credential, to)
    except PassportError as error:
        refusal = error.code
    assert refusal in (None, "incomplete")


@pytest.mark.parametrize("name", OLD)
def test_converting_twice_over_0_6_1_loses_nothing_more(name: str) -> None:
    once = convert(document(sample(name)), "0.6.1").document
    twice = convert(document(once), "0.6.1")
    assert twice.dropped == ()
    assert twice.document == once


# ---------------------------------------------------------------- the rules


@pytest.mark.parametrize("to", ["0.6.0", "0.6.1"])
@pytest.mark.parametrize("name", [name for name in SAMPLES if name.startswith("0.7.0")])
def test_0_7_0_is_never_converted_down(name: str, to: str) -> None:
    with pytest.raises(PassportError) as caught:
        convert(document(sample(name)), to)
    assert caught.value.code == "no-way-down"


@pytest.mark.parametrize("to", ["0.5.0", "0.8.0", ""])
def test_a_version_that_is_not_written_is_refused(to: str) -> None:
    with pytest.raises(PassportError) as caught:
        convert(document(sample(OLD[0])), to)
    assert caught.value.code == "version"


def test_a_proof_is_not_carried_over_and_listed() -> None:
    credential = sample(OLD[5]) | {"proof": {"type": "DataIntegrityProof", "proofValue": "z1"}}
    converted = convert(document(credential), "0.7.0")
    assert "proof" not in converted.document
    assert "$.proof" in [one.path for one in converted.dropped]
    assert any("unsigned" in note.text for note in converted.notes)


def test_an_envelope_is_not_carried_over() -> None:
    signed = read_document((EXAMPLES / "phone.vc+jwt").read_bytes())
    converted = convert(signed, "0.7.0")
    assert converted.document["credentialSubject"] == signed.credential["credentialSubject"]
    assert any("vc+jwt of the source is not carried over" in note.text for note in converted.notes)


def test_the_source_document_is_not_changed() -> None:
    credential = sample(OLD[5])
    source = document(credential)
    convert(source, "0.7.0")
    assert source.credential == credential


def test_a_status_entry_comes_along_and_is_said_to_be_the_sources() -> None:
    status = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "94567",
        "statusListCredential": "https://example.com/status/3",
    }
    converted = convert(document(sample(OLD[5]) | {"credentialStatus": status}), "0.7.0")
    assert converted.document["credentialStatus"] == status | {"statusListIndex": 94567}
    assert any("needs its own" in note.text for note in converted.notes)
    assert faults(converted.document) == []


def test_a_digest_is_the_same_in_hex_and_multibase() -> None:
    credential = sample(OLD[5])
    evidence = credential["credentialSubject"]["conformityClaim"][0]["conformityEvidence"]
    evidence |= {"hashDigest": HEX.upper(), "hashMethod": "SHA-256"}
    claim: Any = convert(document(credential), "0.7.0").document["credentialSubject"]
    assert claim["performanceClaim"][0]["evidence"][0]["digestMultibase"] == (
        "uEiCr4vWv7ExKR8ICJztEdQKCeLakOVjWPTKb7UwDXymIWQ"
    )


def test_percent_becomes_fraction_and_says_so() -> None:
    credential = sample(OLD[5])
    for material, percent in zip(credential["credentialSubject"]["materialsProvenance"], (60, 40), strict=True):
        material["massFraction"] = percent
    converted = convert(document(credential), "0.7.0")
    subject: Any = converted.document["credentialSubject"]
    assert [one["massFraction"] for one in subject["materialProvenance"]] == [0.6, 0.4]
    assert any("percent" in note.text for note in converted.notes)


def test_a_bare_product_of_0_3_0_lacks_an_issuer_and_is_refused() -> None:
    with pytest.raises(PassportError) as caught:
        convert(document({"productName": "Battery", "id": "https://example.com/1"}), "0.6.1")
    assert caught.value.code == "incomplete"
    assert "issuer" in str(caught.value.facts["missing"])


def test_a_metric_is_named_and_a_topic_keeps_its_code_through_0_7_0() -> None:
    before = read_credential(sample(OLD[5])).claims[0]
    after = read_credential(convert(document(sample(OLD[5])), "0.7.0").document).claims[0]
    assert after.topics == before.topics
    assert [one.metric_name for one in after.values] == [one.metric_name for one in before.values]
    assert [one.metric_id for one in after.values] == [None] * len(before.values)
