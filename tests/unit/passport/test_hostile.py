"""Hostile documents meet a clear error and bounded work; nothing that they name is ever fetched.

tests/network.py cuts the network, so that an attempt would raise. Work is counted and not timed: the calls of Python
functions as a document grows, and the memory at its peak.
"""

import json
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from dpptag.errors import PassportError
from dpptag.passport.document import MAX_BYTES, MAX_DEPTH, JsonObject, read_document
from dpptag.passport.faults import MAX_FAULTS
from dpptag.passport.validation import has_errors, validate
from tests.unit.passport.clean_passports import lamp_0_6_1, lamp_0_7_0

LONGEST_SENTENCE = 400
MOST_MEMORY = 100 << 20  # a hundred times the largest document
Lists = Callable[[dict[str, Any], int], object]


def subject(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["credentialSubject"]
    return found


def claim(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = subject(document)["conformityClaim"][0]
    return found


def changed(change: Lists, size: int) -> JsonObject:
    """A 0.6.1 passport, hostile by so many entries, after its way through the parser."""
    document = lamp_0_6_1()
    change(document, size)
    data = json.dumps(document, separators=(",", ":")).encode()
    assert len(data) <= MAX_BYTES
    return read_document(data).credential


# change, entries that fill the document, code and path of the first fault
LARGE: dict[str, tuple[Lists, int, str, str]] = {
    "empty objects": (
        lambda d, n: subject(d).update(materialsProvenance=[{}] * n),
        100_000,
        "missing",
        "$.credentialSubject.materialsProvenance[0].name",
    ),
    "nulls": (
        lambda d, n: subject(d).update(materialsProvenance=[None] * n),
        100_000,
        "null",
        "$.credentialSubject.materialsProvenance[0]",
    ),
    "lists in lists": (
        lambda d, n: subject(d).update(conformityClaim=[{"assessmentCriteria": [{}] * 500}] * (n // 500)),
        100_000,
        "missing",
        "$.credentialSubject.conformityClaim[0].id",
    ),
    "unknown members": (
        lambda d, n: d["issuer"].update({f"k{at:x}": 1 for at in range(n)}),
        90_000,
        "unknown-member",
        "$.issuer.k0",
    ),
    "broken formats": (
        lambda d, n: subject(d)["product"].update(furtherInformation=[{"linkURL": "x"}] * n),
        30_000,
        "format-uri",
        "$.credentialSubject.product.furtherInformation[0].linkURL",
    ),
    "doubtful units": (
        lambda d, n: claim(d).update(
            declaredValue=[{"metricName": "m", "metricValue": {"value": 1, "unit": "kg"}}] * n
        ),
        10_000,
        "unit",
        "$.credentialSubject.conformityClaim[0].declaredValue[0].metricValue.unit",
    ),
    "remote contexts": (
        lambda d, n: d["@context"].extend(f"https://evil.example/{at}" for at in range(n)),
        30_000,
        "further-context",
        "$['@context'][2]",
    ),
    "numbers for contexts": (lambda d, n: d["@context"].extend(range(n)), 150_000, "context", "$['@context'][2]"),
    "numbers for types": (lambda d, n: d["type"].extend(range(n)), 150_000, "wrong-type", "$.type[2]"),
    "a context object in a context object": (
        lambda d, n: d["@context"].append({"a": {"@context": ["https://evil.example/"] * n}}),
        40_000,
        "context",
        "$['@context'][2]",
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_document_full_of_faults_is_told_in_few_words(name: str) -> None:
    change, size, code, path = LARGE[name]
    document = changed(change, size)
    tracemalloc.start()
    faults = validate(document)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (faults[0].code, faults[0].path) == (code, path)
    assert len(faults) <= MAX_FAULTS
    assert all(len(fault.text) + len(fault.hint or "") + len(fault.path) < LONGEST_SENTENCE for fault in faults)
    assert peak < MOST_MEMORY


def calls_of(document: JsonObject) -> int:
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        validate(document)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("name", LARGE)
def test_work_grows_no_faster_than_the_document(name: str) -> None:
    change = LARGE[name][0]
    validate(lamp_0_6_1())  # the models are built once
    first, second, fourth = (calls_of(changed(change, size)) for size in (2500, 5000, 10_000))
    assert fourth - second <= 2 * (second - first) + 100


def test_a_fault_behind_thousands_of_sound_entries_is_found() -> None:
    document = lamp_0_6_1()
    subject(document)["materialsProvenance"] = [{"name": "Dust"}] * 30_000 + [{"name": 1}]
    (fault,) = validate(document)
    assert (fault.severity, fault.path) == ("error", "$.credentialSubject.materialsProvenance[30000].name")


def test_a_broken_format_hides_no_error_behind_it() -> None:
    document = lamp_0_6_1()
    links: list[object] = [{"linkURL": "no uri"}] * 3000
    subject(document)["product"]["furtherInformation"] = [*links, {"linkURL": 7}]
    assert has_errors(validate(document))


def test_broken_formats_behind_thousands_of_sound_entries_are_counted() -> None:
    document = lamp_0_6_1()
    links: list[object] = [{"linkURL": "https://lamps.example/"}] * 3000
    subject(document)["product"]["furtherInformation"] = [*links, {"linkURL": "no uri"}]
    for strict in (False, True):
        (fault,) = validate(document, strict=strict)
        assert (fault.code, fault.severity) == ("more", "error" if strict else "warning")


LONG: list[Callable[[dict[str, Any]], object]] = [
    lambda d: subject(d)["product"].update(id="https://a/" + "a" * 1_000_000),
    lambda d: subject(d)["product"].update(id="https://" + "a@" * 500_000),
    lambda d: subject(d)["product"].update(id="https://a.example/" + "%41" * 300_000 + "%"),
    lambda d: subject(d)["product"].update(id="https://a.example/" + "01/" * 300_000),
    lambda d: subject(d)["product"].update(id="https://[" + ":" * 1_000_000 + "]/"),
    lambda d: subject(d)["product"].update(registeredId="0" * 1_000_000, countryOfProduction="A" * 10_000),
    lambda d: d.update(validFrom="2026-01-01T00:00:00." + "0" * 1_000_000),
    lambda d: claim(d)["conformityEvidence"].update(hashDigest="f" * 1_000_000),
    lambda d: d.update({"x" * 1_000_000: 1}),
    lambda d: d["issuer"].update({"\x1b[2J" * 100_000: 1}),
    lambda d: claim(d).update(conformityTopic="environment." * 80_000),
]


@pytest.mark.parametrize("at", range(len(LONG)))
def test_a_long_text_is_read_once_and_shown_cut(at: int) -> None:
    document = lamp_0_6_1()
    LONG[at](document)
    validate(document)  # tables are read when they are first asked for
    assert calls_of(document) < 5000
    for fault in validate(document, strict=True):
        # The list of topics is the longest sentence; nothing of the document makes it longer.
        assert len(fault.text) + len(fault.hint or "") + len(fault.path) < 2 * LONGEST_SENTENCE
        assert "\x1b" not in fault.text + fault.path


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "depth"),
        ('{"@context":' + "[" * 200_000 + "]" * 200_000 + "}", "depth"),
        ('{"massFraction": 1e400}', "number"),
        ('{"massFraction": ' + "1" * 5000 + "}", "number"),
        ('{"massFraction": NaN}', "number"),
        ('{"id": "https://a.example", "id": "https://b.example"}', "duplicate-key"),
        (" " * MAX_BYTES + "{}", "too-large"),
    ],
)
def test_the_parser_refuses_before_any_model_is_asked(text: str, code: str) -> None:
    with pytest.raises(PassportError) as refused:
        read_document(text.encode())
    assert refused.value.code == code


def test_the_deepest_document_that_is_read_can_be_validated() -> None:
    def nested(depth: int) -> dict[str, Any]:
        return {"subCriterion": [nested(depth - 1)]} if depth else {}

    document = lamp_0_6_1()
    claim(document)["assessmentCriteria"] = [nested((MAX_DEPTH - 6) // 2)]
    faults = validate(read_document(json.dumps(document).encode()).credential)
    assert (faults[0].code, len(faults)) == ("missing", MAX_FAULTS)


def test_a_document_deeper_than_the_parser_allows_is_refused_without_a_crash() -> None:
    inner: dict[str, Any] = {}
    for _ in range(5000):
        inner = {"subCriterion": [inner]}
    document = lamp_0_6_1()
    claim(document)["assessmentCriteria"] = [inner]
    assert has_errors(validate(document))


HUGE: list[object] = [10**63, -(10**63), 1e308, -1e308, 1e-320, 0.0, -0.0]


@pytest.mark.parametrize("number", HUGE)
def test_a_huge_number_is_no_trouble(number: object) -> None:
    document = lamp_0_7_0()
    subject(document)["materialProvenance"][0]["massFraction"] = number
    document["credentialStatus"]["statusListIndex"] = number
    document["name"] = number
    faults = validate(document, strict=True)
    assert "$.name" in {fault.path for fault in faults}


@pytest.mark.parametrize("value", [None, True, 7, 7.5, "text", [], {}, [[]], [None], [{}], {"a": None}])
@pytest.mark.parametrize("make", [lamp_0_6_1, lamp_0_7_0])
def test_any_value_anywhere_ends_in_faults_and_in_no_exception(make: Callable[[], JsonObject], value: object) -> None:
    def everywhere(document: JsonObject, here: Any) -> None:
        for key in list(here if isinstance(here, dict) else range(len(here))):
            kept, here[key] = here[key], value
            with suppress(PassportError):  # no passport of a known version any more
                validate(document, strict=True)
            here[key] = kept
            if isinstance(kept, (dict, list)):
                everywhere(document, kept)

    document = make()
    everywhere(document, document)
    assert validate(document) == ()
