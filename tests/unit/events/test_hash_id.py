"""The event hash id against the reference vectors (CBV 2.0 section 8.9.2)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

import pytest

from dpptag.errors import InputError
from dpptag.events.gs1_uri import canonical_identifier, check_digit
from dpptag.events.hash_id import canonical_value, event_hash_id, pre_hash
from tests.vectors import vector_path

OUT_OF_SCOPE = {
    ("CertificationInfoAndSensorReportWithCRS", 0): "sensor data",
    ("ReferenceEventHashAlgorithm2", 0): "sensor data",
    ("TimeStampRoundOff", 2): "sensor data",
    ("epcisDocWithSensorComponent", 0): "sensor data",
    ("epcisDocWithSensorDataObjectEvent", 0): "sensor data",
    ("epcisDocHavingEventWithIgnoreFields", 0): "fields that a repository wants ignored",
    ("epcisQueryDocHavingEventWithIgnoreFields", 0): "fields that a repository wants ignored",
}
NAMESPACES = {"dpt": "https://dpptag.example/ns#"}


def _document(folder: str, name: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    document = json.loads(vector_path("epcis", folder, f"{name}.jsonld").read_text(encoding="utf-8"))
    body = document["epcisBody"]
    results = body.get("queryResults", {}).get("resultsBody", body)
    namespaces: dict[str, str] = {}
    for part in document["@context"]:
        namespaces |= part if isinstance(part, dict) else {}
    return results.get("eventList") or [results["event"]], namespaces


def test_every_reference_vector_in_scope_gives_the_published_hash() -> None:
    folder = vector_path("epcis", "hash")
    counts: Counter[str] = Counter()
    for path in sorted(folder.glob("*.jsonld")):
        events, namespaces = _document("hash", path.stem)
        published = path.with_suffix(".hashes").read_text().split()
        for index, (event, wanted) in enumerate(zip(events, published, strict=True)):
            reason = OUT_OF_SCOPE.get((path.stem, index))
            if reason is None:
                assert event_hash_id(event, namespaces) == wanted, (path.stem, index)
            counts[reason or "equal"] += 1
        counts["files"] += 1
    assert counts == {"files": 22, "equal": 36, "sensor data": 5, "fields that a repository wants ignored": 2}


def test_the_published_prehashes_agree_wherever_they_hash_to_the_published_hash() -> None:
    """Of the 36 strings in scope one has no file and three are misprinted: they do not hash to their own hash."""
    agreed = 0
    for path in sorted(vector_path("epcis", "hash").glob("*.prehashes")):
        events, namespaces = _document("hash", path.stem)
        printed = path.read_text(encoding="utf-8").split("\n")
        published = path.with_suffix(".hashes").read_text().split()
        for index, (event, wanted) in enumerate(zip(events, published, strict=True)):
            line = printed[index] if index < len(printed) else ""
            own = f"ni:///sha-256;{hashlib.sha256(line.encode()).hexdigest()}?ver=CBV2.0" == wanted
            if own and (path.stem, index) not in OUT_OF_SCOPE:
                assert pre_hash(event, namespaces) == line
                agreed += 1
    assert agreed == 32


def test_every_proposed_event_gives_its_printed_string_and_hash() -> None:
    names = sorted(path.stem for path in vector_path("epcis", "dpptag_proposed").glob("*.jsonld"))
    assert len(names) == 12
    for name in names:
        [event], namespaces = _document("dpptag_proposed", name)
        printed = vector_path("epcis", "dpptag_proposed", f"{name}.prehashes").read_text(encoding="utf-8")
        assert pre_hash(event, namespaces) == printed.rstrip("\n"), name
        assert event_hash_id(event, namespaces) == event["eventID"], name


BASE: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-11-02T08:00:00.000+01:00",
    "eventTimeZoneOffset": "+01:00",
    "epcList": ["https://id.gs1.org/01/09520123456788/21/12345"],
    "action": "OBSERVE",
    "bizStep": "repairing",
    "dpt:repair": {"dpt:faultCode": "F1"},
}


@pytest.mark.parametrize(
    "change",
    [
        {"eventTime": "2026-11-02T07:00:00.000Z"},
        {"epcList": ["urn:epc:id:sgtin:9520123.045678.12345"]},
        {"epcList": ["https://dpp.example.com/p/01/09520123456788/21/12345?lang=de"]},
        {"epcList": ["https://id.gs1.org/01/09520123456788/10/LOT/21/12345"]},
        {"bizStep": "https://ref.gs1.org/cbv/BizStep-repairing"},
        {"recordTime": "2026-11-02T08:00:01.000Z"},
        {"errorDeclaration": {"declarationTime": "2026-11-03T08:00:00.000Z", "reason": "incorrect_data"}},
        {"eventID": "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"},
    ],
)
def test_what_says_the_same_hashes_the_same(change: dict[str, Any]) -> None:
    assert event_hash_id(BASE | change, NAMESPACES) == event_hash_id(BASE, NAMESPACES)


@pytest.mark.parametrize(
    "change",
    [
        {"eventTimeZoneOffset": "+00:00"},
        {"eventTime": "2026-11-02T08:00:00.001+01:00"},
        {"dpt:repair": {"dpt:faultCode": "F2"}},
        {"action": "ADD"},
    ],
)
def test_what_says_something_else_hashes_differently(change: dict[str, Any]) -> None:
    assert event_hash_id(BASE | change, NAMESPACES) != event_hash_id(BASE, NAMESPACES)


def test_the_namespace_and_not_the_prefix_is_hashed() -> None:
    renamed = {key: value for key, value in BASE.items() if key != "dpt:repair"} | {"x:repair": {"x:faultCode": "F1"}}
    assert event_hash_id(renamed, {"x": NAMESPACES["dpt"]}) == event_hash_id(BASE, NAMESPACES)
    assert event_hash_id(BASE, {"dpt": "https://other.example/ns#"}) != event_hash_id(BASE, NAMESPACES)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bizstep": "repairing"}, "event-field"),
        ({"x:unknown": "1"}, "event-field"),
        ({"sensorElementList": []}, "event-field"),
        ({"dpt:repair": {"faultCode": "F1"}}, "event-field"),
        ({"dpt:repair": {"dpt:ok": True}}, "event-value-type"),
        ({"eventTime": "2026-11-02T08:00:00.000"}, "event-time"),
        ({"eventTime": "2026-13-02T08:00:00.000Z"}, "event-time"),
        ({"eventTime": 1}, "event-field-type"),
        ({"readPoint": "x"}, "event-field-type"),
    ],
)
def test_what_is_outside_the_subset_is_refused_and_not_left_out(change: dict[str, Any], code: str) -> None:
    with pytest.raises(InputError) as caught:
        pre_hash(BASE | change, NAMESPACES)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("given", "hashed"),
    [(452.0, "452"), (0.21, "0.21"), (600, "600"), ("007", "7"), ("1.50", "1.5"), ("-0", "0"), (" F 1 ", "F 1")],
)
def test_numbers_lose_idle_zeros_and_text_its_margins(given: object, hashed: str) -> None:
    assert canonical_value(given) == hashed


@pytest.mark.parametrize(
    "text",
    ["urn:epc:id:sgtin:123.1.1", "urn:epc:id:nonsense:1234567.1", "urn:epc:id:itip:4012345.0.1", "http://a/b", "x", ""],
)
def test_what_is_no_gs1_identifier_stays_as_it_is(text: str) -> None:
    assert canonical_identifier(text) == text


def test_the_check_digit_of_the_general_specifications_example() -> None:
    assert check_digit("629104150021") == "3"
