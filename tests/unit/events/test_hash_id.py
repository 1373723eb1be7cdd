"""The event hash id against the reference vectors (CBV 2.0 section 8.9.2)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from dpptag.errors import InputError
from dpptag.events.gs1_uri import canonical_identifier, check_digit
from dpptag.events.hash_id import canonical_value, event_hash_id, pre_hash
from tests.vectors import vector_path

OUT_OF_SCOPE = {
    "CertificationInfoAndSensorReportWithCRS": "sensor data",
    "ReferenceEventHashAlgorithm2": "sensor data",
    "epcisDocWithSensorComponent": "sensor data",
    "epcisDocWithSensorDataObjectEvent": "sensor data",
    "epcisDocHavingEventWithIgnoreFields": "ignoreFields of a repository",
    "epcisQueryDocHavingEventWithIgnoreFields": "ignoreFields of a repository",
}
SENSOR_EVENTS = {("TimeStampRoundOff", 2)}


def _document(folder: str, name: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    document = json.loads(vector_path("epcis", folder, f"{name}.jsonld").read_text(encoding="utf-8"))
    body = document["epcisBody"]
    events = (
        body.get("eventList") or body.get("queryResults", {}).get("resultsBody", {}).get("eventList") or [body["event"]]
    )
    namespaces: dict[str, str] = {}
    for part in document["@context"]:
        if isinstance(part, dict):
            namespaces |= part
    return events, namespaces


def _cases() -> list[Any]:
    names = sorted(path.stem for path in vector_path("epcis", "hash").glob("*.jsonld"))
    return names


def test_the_reference_vectors_in_scope_give_the_published_hash() -> None:
    names = _cases()
    assert len(names) == 22
    checked = 0
    for name in names:
        if name in OUT_OF_SCOPE:
            continue
        events, namespaces = _document("hash", name)
        wanted = vector_path("epcis", "hash", f"{name}.hashes").read_text().split()
        for index, (event, published) in enumerate(zip(events, wanted, strict=True)):
            if (name, index) in SENSOR_EVENTS:
                continue
            assert event_hash_id(event, namespaces) == published, (name, index, pre_hash(event, namespaces))
            checked += 1
    assert checked == 31
