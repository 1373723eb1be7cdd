"""Events as they are frozen: valid for the official schema, strict about what they take."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker, ValidationError

from dpptag.errors import InputError
from dpptag.events.event import (
    KINDS,
    NAMESPACES,
    FrozenEvent,
    Output,
    Recycling,
    Repair,
    RepairOutcome,
    declare_error,
    document,
    freeze,
)
from dpptag.events.hash_id import event_hash_id
from dpptag.events.wording import BizStep, Disposition, item_identifier
from tests.vectors import vector_path

ITEM = "https://id.gs1.org/01/09520123456788/21/12345"
PART = "https://id.gs1.org/01/09521234543213/21/BAT-777"
COPPER = "https://id.gs1.org/01/09520123400019/10/CU-LOT9"
BENCH = "https://id.gs1.org/414/9520123456788/254/BENCH"
SUMMER = timezone(timedelta(hours=2))
AT = datetime(2027, 5, 10, 10, 10, tzinfo=SUMMER)

REPAIR = Repair(
    items=(ITEM,),
    at=AT,
    read_point=BENCH,
    fault_code="battery-swollen",
    fault_text="pack swollen, 61 % SoH",
    outcome=RepairOutcome.FIXED,
    parts_replaced=(PART,),
    biz_location="https://id.gs1.org/414/9520123456788/254/SVC42",
    rma="urn:uuid:6f1a2b0e-5c11-4c2e-9a39-0c2a0a6d1e11",
)
RECYCLING = Recycling(
    items=(ITEM,),
    at=AT,
    read_point="https://id.gs1.org/414/9520123456788/254/SHRED",
    method="R4",
    outputs=(Output(COPPER, Decimal("0.21")), Output("https://id.gs1.org/01/09520123400019")),
    final_disposal="D1",
    waste_code="16 02 14",
)
EVENTS = {
    "repair": REPAIR,
    "repair, bare": replace(REPAIR, fault_text=None, parts_replaced=(), biz_location=None, rma=None),
    "repair, not possible": replace(REPAIR, outcome=RepairOutcome.END_OF_LIFE),
    "repair, repairable": replace(REPAIR, outcome=RepairOutcome.REPAIRABLE),
    "repair, unicode": replace(REPAIR, fault_text='Akku gebläht 🔋 – „61 %“ \\ "quoted" 日本'),
    "repair, many parts": replace(REPAIR, parts_replaced=tuple(f"{PART}-{n}" for n in (10, 9, 1))),
    "repair, numeric code": replace(REPAIR, fault_code="0071"),
    "repair, two items": replace(REPAIR, items=(f"{ITEM}-b", f"{ITEM}-a")),
    "repair, device without a GS1 key": replace(REPAIR, read_point="ni:///sha-256;" + "Aa0_-" * 8 + "xyz"),
    "repair, DID as place": replace(REPAIR, biz_location="did:web:repair.example"),
    "repair, encoded serial": replace(REPAIR, items=("https://id.gs1.org/01/09520123456788/21/a%2Fb%21",)),
    "recycle": RECYCLING,
    "recycle, bare": replace(RECYCLING, outputs=(Output(COPPER),), final_disposal=None, waste_code=None),
    "recycle, hazardous": replace(RECYCLING, waste_code="16 02 13*", method="R13", final_disposal="D15"),
    "recycle, weights": replace(RECYCLING, outputs=(Output(COPPER, Decimal(12)), Output(COPPER, Decimal("0.0001")))),
}


@cache
def _schema() -> Draft7Validator:
    schema = json.loads(vector_path("epcis", "schema", "EPCIS-JSON-Schema.json").read_text(encoding="utf-8"))
    return Draft7Validator(schema, format_checker=FormatChecker())


def _vocabulary(name: str) -> set[str]:
    [words] = [branch["enum"] for branch in _schema().schema["definitions"][name]["anyOf"] if "enum" in branch]
    return set(words)


def _validate(event: dict[str, Any]) -> None:
    """The official schema with format checks, and every bare word against its enum."""
    body = json.dumps(event).encode()
    _schema().validate(json.loads(document([body], AT)))
    persistent = [word for words in event.get("persistentDisposition", {}).values() for word in words]
    assert {event["disposition"], *persistent} <= _vocabulary("disposition")
    assert event["bizStep"] in _vocabulary("bizStep")


@pytest.mark.parametrize("name", EVENTS)
def test_every_kind_is_valid_for_the_official_schema(name: str) -> None:
    _validate(json.loads(freeze(EVENTS[name]).body))


@pytest.mark.parametrize(
    "planted",
    [
        {"bizstep": "repairing"},
        {"bizStep": "recycling"},
        {"disposition": "repaired"},
        {"eventTimeZoneOffset": "+2:00"},
        {"faultCode": "x"},
        {"eventTime": "yesterday"},
        {"readPoint": {"id": "not a uri"}},
    ],
)
def test_the_schema_check_itself_can_fail(planted: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        _validate(json.loads(freeze(REPAIR).body) | planted)


def test_our_vocabulary_is_a_part_of_the_schemas() -> None:
    assert set(BizStep) <= _vocabulary("bizStep")
    assert set(Disposition) <= _vocabulary("disposition")


@pytest.mark.parametrize(
    ("link", "item"),
    [
        ("https://dpp.example.com/p/01/09520123456788/21/12345?lang=de", ITEM),
        ("https://id.gs1.org/01/09520123456788/22/V/10/LOT/21/12345", ITEM),
        ("urn:epc:id:sgtin:9520123.045678.12345", ITEM),
        ("https://id.gs1.org/01/09520123456788/21/a%2fb", "https://id.gs1.org/01/09520123456788/21/a%2Fb"),
        ("urn:uuid:6f1a2b0e-5c11-4c2e-9a39-0c2a0a6d1e11", "urn:uuid:6f1a2b0e-5c11-4c2e-9a39-0c2a0a6d1e11"),
    ],
)
def test_the_item_of_a_scanned_link_is_named_in_one_form(link: str, item: str) -> None:
    assert item_identifier(link) == item
    assert item_identifier(item) == item


def test_the_table_of_kinds_covers_both_commands() -> None:
    assert {"repair": Repair, "recycle": Recycling} == KINDS


@pytest.mark.parametrize("name", EVENTS)
def test_the_id_is_the_hash_of_the_body(name: str) -> None:
    frozen = freeze(EVENTS[name])
    body = json.loads(frozen.body)
    assert body["eventID"] == frozen.event_id == event_hash_id(body, NAMESPACES)


def test_the_proposed_repair_differs_only_by_its_namespace() -> None:
    proposed = json.loads(vector_path("epcis", "dpptag_proposed", "6_repaired.jsonld").read_text(encoding="utf-8"))
    [wanted] = proposed["epcisBody"]["eventList"]
    ours = json.loads(freeze(REPAIR).body)
    assert ours | {"eventID": 0} == wanted | {"eventID": 0}
    assert event_hash_id(ours, {"dpt": "https://dpptag.example/ns#"}) == wanted["eventID"]


def test_the_proposed_recycling_differs_only_by_its_namespace() -> None:
    proposed = json.loads(vector_path("epcis", "dpptag_proposed", "9_recycled_out.jsonld").read_text(encoding="utf-8"))
    [wanted] = proposed["epcisBody"]["eventList"]
    event = replace(
        RECYCLING,
        at=datetime(2030, 2, 3, 10, tzinfo=timezone(timedelta(hours=1))),
        outputs=RECYCLING.outputs[:1],
        biz_location="https://id.gs1.org/414/9520123456788/254/WEEE7",
    )
    assert json.loads(freeze(event).body) | {"eventID": 0} == wanted | {"eventID": 0}


@given(
    at=st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1)),  # noqa: DTZ001 - hypothesis wants them naive
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_the_time_has_three_decimals_and_its_own_offset(at: datetime, minutes: int) -> None:
    local = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    event = json.loads(freeze(replace(REPAIR, at=local)).body)
    assert event["eventTime"].endswith(event["eventTimeZoneOffset"])
    assert timedelta(0) <= local - datetime.fromisoformat(event["eventTime"]) < timedelta(milliseconds=1)
    assert len(event["eventTime"]) == len("2027-05-10T10:10:00.000+02:00")


@given(st.text(max_size=600))
def test_any_fault_text_is_refused_or_stored_as_text_without_margins(text: str) -> None:
    try:
        frozen = freeze(replace(REPAIR, fault_text=text))
    except InputError:
        return
    event = json.loads(frozen.body)
    assert event["dpt:repair"]["dpt:faultText"] == text.strip()
    assert frozen.event_id == event_hash_id(event, NAMESPACES)


def test_only_a_fixed_item_becomes_available() -> None:
    for outcome in RepairOutcome:
        event = json.loads(freeze(replace(REPAIR, outcome=outcome)).body)
        assert (event["disposition"] == "available") is (outcome is RepairOutcome.FIXED)
        assert ("persistentDisposition" in event) is (outcome is RepairOutcome.FIXED)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (replace(REPAIR, items=()), "event-items-empty"),
        (replace(RECYCLING, items=()), "event-items-empty"),
        (replace(REPAIR, items=(ITEM, ITEM)), "event-items-twice"),
        (replace(REPAIR, items=("https://dpp.example.com/01/09520123456788/21/12345",)), "event-identifier-form"),
        (replace(REPAIR, items=("https://id.gs1.org/01/09520123456788/10/L/21/1",)), "event-identifier-form"),
        (replace(REPAIR, items=("urn:epc:id:sgtin:9520123.045678.1",)), "event-identifier-form"),
        (replace(REPAIR, items=("https://example.com/item/5",)), "event-identifier"),
        (replace(REPAIR, read_point=""), "event-identifier"),
        (replace(REPAIR, parts_replaced=("BAT-777",)), "event-identifier"),
        (replace(REPAIR, fault_code=""), "event-text-length"),
        (replace(REPAIR, fault_code="x" * 81), "event-text-length"),
        (replace(REPAIR, fault_text="a\nb"), "event-text-control"),
        (replace(REPAIR, fault_text="\ud800"), "event-text-control"),
        (replace(REPAIR, fault_text="available"), "event-value-ambiguous"),
        (replace(REPAIR, at=datetime(2027, 5, 10)), "event-time-naive"),  # noqa: DTZ001
        (replace(REPAIR, at=AT.replace(tzinfo=timezone(timedelta(hours=15)))), "event-time-offset"),
        (replace(REPAIR, at=AT.replace(tzinfo=timezone(timedelta(seconds=3601)))), "event-time-offset"),
        (replace(REPAIR, at=datetime(1969, 1, 1, tzinfo=UTC)), "event-time-range"),
        (replace(RECYCLING, outputs=()), "event-outputs-empty"),
        (replace(RECYCLING, method="R14"), "event-code"),
        (replace(RECYCLING, method="R0"), "event-code"),
        (replace(RECYCLING, method="r4"), "event-code"),
        (replace(RECYCLING, final_disposal="D16"), "event-code"),
        (replace(RECYCLING, waste_code="160214"), "event-code"),
        (replace(RECYCLING, waste_code="21 02 14"), "event-code"),
        (replace(RECYCLING, outputs=(Output(COPPER, Decimal(0)),)), "event-quantity"),
        (replace(RECYCLING, outputs=(Output(COPPER, Decimal("0.00001")),)), "event-quantity"),
        (replace(RECYCLING, outputs=(Output(COPPER, Decimal("nan")),)), "event-quantity"),
    ],
)
def test_what_an_event_must_not_hold_is_refused(event: Repair | Recycling, code: str) -> None:
    with pytest.raises(InputError) as caught:
        freeze(event)
    assert caught.value.code == code


def test_an_item_with_a_wrong_check_digit_is_refused() -> None:
    with pytest.raises(InputError):
        freeze(replace(REPAIR, items=("https://id.gs1.org/01/09520123456789/21/1",)))


@pytest.mark.parametrize(
    "text",
    [
        "1e5",
        "1_000",
        "nan",
        "12345678901234567890",
        "+5",
        "2027-05-10T10:10:00Z",
        "https://a.example/b",
        "true",
        "dpt:x",
    ],
)
def test_values_that_tools_hash_differently_are_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        freeze(replace(REPAIR, fault_code=text))
    assert caught.value.code == "event-value-ambiguous"


def test_a_declaration_keeps_body_and_id_of_the_event_that_it_voids() -> None:
    wrong = freeze(REPAIR)
    right = freeze(replace(REPAIR, fault_code="display"))
    declared = declare_error(wrong, at=AT + timedelta(days=1), reason="incorrect_data", corrective=(right,))
    event = json.loads(declared.body)
    assert event.pop("errorDeclaration")["correctiveEventIDs"] == [right.event_id]
    assert event == json.loads(wrong.body)
    assert declared.key == (wrong.event_id, True, (right.event_id,))
    _validate(json.loads(declared.body))


def test_a_declaration_is_not_declared_wrong_again_and_has_a_known_reason() -> None:
    wrong = freeze(REPAIR)
    declared = declare_error(wrong, at=AT, reason="did_not_occur")
    for event, reason in ((declared, "did_not_occur"), (wrong, "recycling")):
        with pytest.raises(InputError):
            declare_error(event, at=AT, reason=reason)


def test_a_document_carries_the_frozen_bytes_unchanged() -> None:
    bodies = [freeze(event).body for event in EVENTS.values()]
    content = document(bodies, AT)
    assert all(content.count(body) == 1 for body in bodies)
    assert json.loads(content)["@context"][1] == NAMESPACES


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"eventID":1,"eventTime":"2027-05-10T10:10:00.000Z"}', b"\xff"])
def test_bytes_that_are_no_event_are_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        FrozenEvent.from_body(body)
