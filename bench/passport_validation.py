"""Reading and validating 10,000 passports, against json.loads with jsonschema and with fastjsonschema in the same run.

The passports, UNTP 0.6.1 and 0.7.0 in turn, are made from a template of ours, each with its own numbers, and streamed:
one is in memory at a time. Ours is the whole way from bytes to faults: strict bounded JSON, the version by its context,
the models, formats, and the rules beyond the schema. The peers get bare ``json.loads`` and the published schema of the
version, which they are handed; fastjsonschema knows no ``prefixItems``, so that a check of the two contexts is added to
its time. jsonschema sees one passport in twenty, being slow. Blocks alternate between the three, so that all see the
same machine; a figure is the median of the blocks' ratios. Memory is the resident size after 1,000 and after all
passports of a pass of ours alone. Prints JSON; without the schemas, ours alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from dpptag.codec.check_digit import check_digit
from dpptag.passport.document import read_document
from dpptag.passport.validation import validate
from dpptag.passport.versions import CONTEXTS, VCDM_2, Version

SCHEMAS: Final = Path(__file__).parents[2] / "shared" / "vectors" / "untp" / "schema"
SCHEMA_FILES: Final = {
    Version.V0_6_1: SCHEMAS / "0.6.1" / "untp-dpp-schema-0.6.1.json",
    Version.V0_7_0: SCHEMAS / "0.7.0" / "untp-dpp-schema-0.7.0.json",
}
BLOCK: Final = 100
JSONSCHEMA_EVERY: Final = 20
FASTJSONSCHEMA_BOUND: Final = 3.0
MEMORY_BOUND: Final = 4 << 20  # octets between the 1,000th passport and the last
SHA_256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
TOPICS: Final = ("environment.energy", "environment.emissions", "circularity.design", "social.safety")
COUNTRIES: Final = ("AT", "DE", "JP", "NO", "CL")

Passport = tuple[Version, bytes]
Checker = Callable[[Version, bytes], object]


# --- passports --------------------------------------------------------------------------------------------------------


def passports(count: int) -> Iterator[Passport]:
    for number in range(count):
        version = (Version.V0_6_1, Version.V0_7_0)[number % 2]
        make = subject_0_6_1 if version is Version.V0_6_1 else subject_0_7_0
        document = {
            "@context": [VCDM_2, CONTEXTS[version]],
            "type": ["DigitalProductPassport", "VerifiableCredential"],
            "id": f"https://lamps.example/credentials/{number}",
            "name": f"Passport of lamp {number}",
            "issuer": {"type": ["CredentialIssuer"], "id": "did:web:lamps.example", "name": "Lamps of Example"},
            "validFrom": f"2026-01-{1 + number % 28:02}T00:00:00Z",
            "validUntil": "2036-01-01T00:00:00+01:00",
            "credentialSubject": make(number),
        }
        yield version, json.dumps(document, indent=1).encode()


def link_of(number: int) -> str:
    digits = f"0952012{number % 1_000_000:06}"
    return f"https://id.lamps.example/01/{digits}{check_digit(digits)}/10/B{number % 97}/21/{number:06}"


def subject_0_6_1(number: int) -> dict[str, Any]:
    party = {"id": "https://lamps.example", "name": "Lamps of Example", "registeredId": str(number)}
    return {
        "type": ["ProductPassport"],
        "granularityLevel": "item",
        "product": {
            "type": ["Product"],
            "id": link_of(number),
            "name": f"Desk lamp {number % 40}",
            "serialNumber": f"{number:06}",
            "batchNumber": f"B{number % 97}",
            "producedByParty": party,
            "producedAtFacility": party,
            "countryOfProduction": COUNTRIES[number % 5],
            "productionDate": f"2026-01-{1 + number % 28:02}",
            "productCategory": [
                {"type": ["Classification"], "id": "https://unstats.un.org/cpc/46539", "name": "Lamps"}
            ],
            "dimensions": {"type": ["Dimension"], "weight": measure(1 + number / 1000, "KGM", typed=True)},
            "characteristics": {"colour": "red", "lumen": 800 + number % 100},
        },
        "emissionsScorecard": {
            "type": ["EmissionsPerformance"],
            "carbonFootprint": 1.5 + number / 10_000,
            "declaredUnit": "C62",
            "operationalScope": "CradleToGate",
            "primarySourcedRatio": 0.3,
        },
        "circularityScorecard": {"type": ["CircularityPerformance"], "recycledContent": 0.25, "utilityFactor": 1.4},
        "materialsProvenance": [
            {
                "type": ["Material"],
                "name": f"Material {at}",
                "originCountry": COUNTRIES[at],
                "massFraction": 0.2,
                "mass": measure(0.2 + number / 5000, "KGM", typed=True),
                "hazardous": False,
            }
            for at in range(5)
        ],
        "conformityClaim": [
            {
                "type": ["Claim", "Declaration"],
                "id": f"https://lamps.example/claims/{number}/{topic}",
                "description": "Assessed by the maker",
                "conformance": True,
                "conformityTopic": topic,
                "assessmentDate": "2026-01-05",
                "declaredValue": [
                    {"type": ["Metric"], "metricName": "Power", "metricValue": measure(7.5, "WTT", typed=True)}
                ],
                "conformityEvidence": {
                    "type": ["SecureLink", "Link"],
                    "linkURL": f"https://lamps.example/evidence/{number}",
                    "hashDigest": SHA_256,
                    "hashMethod": "SHA-256",
                },
            }
            for topic in TOPICS
        ],
    }


def subject_0_7_0(number: int) -> dict[str, Any]:
    category = {"code": "46539", "name": "Lamps", "schemeId": "https://unstats.un.org/cpc", "schemeName": "UN CPC"}
    named = {"id": "https://lamps.example/terms/1", "name": "Term of the trade"}
    return {
        "type": ["Product"],
        "id": link_of(number),
        "name": f"Desk lamp {number % 40}",
        "idScheme": {"type": ["IdentifierScheme"], "id": "https://id.gs1.org/01", "name": "GS1 GTIN"},
        "idGranularity": "item",
        "itemNumber": f"{number:06}",
        "batchNumber": f"B{number % 97}",
        "productCategory": [category],
        "producedAtFacility": {"type": ["Facility"], "id": "https://lamps.example/sites/1", "name": "Works 1"},
        "countryOfProduction": {"countryCode": COUNTRIES[number % 5], "countryName": "Somewhere"},
        "productionDate": f"2026-01-{1 + number % 28:02}",
        "relatedParty": [{"role": "manufacturer", "party": {"type": ["Party"], **named}}],
        "relatedDocument": [{"linkURL": f"https://lamps.example/repair/{number}", "linkName": "Repair"}],
        "dimensions": {"weight": measure(1 + number / 1000, "KGM")},
        "materialProvenance": [
            {
                "name": f"Material {at}",
                "originCountry": {"countryCode": COUNTRIES[at]},
                "materialType": category,
                "massFraction": 0.2,
                "mass": measure(0.2 + number / 5000, "KGM"),
                "hazardous": False,
            }
            for at in range(5)
        ],
        "performanceClaim": [
            {
                "type": ["Claim"],
                "id": f"https://lamps.example/claims/{number}/{topic}",
                "name": "Power drawn",
                "referenceCriteria": [{"type": ["Criterion"], **named}],
                "claimDate": "2026-01-05",
                "claimedPerformance": [
                    {"metric": {"type": ["PerformanceMetric"], **named}, "measure": measure(7.5, "WTT")}
                ],
                "evidence": [{"linkURL": f"https://lamps.example/evidence/{number}", "linkName": "Evidence"}],
                "conformityTopic": [{"id": f"https://lamps.example/topics/{topic}", "name": topic}],
            }
            for topic in TOPICS
        ],
    }


def measure(value: float, unit: str, *, typed: bool = False) -> dict[str, Any]:
    return {"type": ["Measure"], "value": value, "unit": unit} if typed else {"value": value, "unit": unit}


# --- the three --------------------------------------------------------------------------------------------------------


def ours(_version: Version, data: bytes) -> object:
    faults = validate(read_document(data).credential)
    assert not faults, faults
    return faults


def peers() -> dict[str, Checker]:
    """Empty where the schemas are not at hand."""
    if not all(path.exists() for path in SCHEMA_FILES.values()):
        return {}
    import fastjsonschema
    from jsonschema import Draft202012Validator

    schemas = {version: json.loads(path.read_bytes()) for version, path in SCHEMA_FILES.items()}
    compiled = {version: fastjsonschema.compile(schema) for version, schema in schemas.items()}
    interpreted = {version: Draft202012Validator(schema) for version, schema in schemas.items()}
    contexts = {version: [VCDM_2, CONTEXTS[version]] for version in schemas}

    def fast(version: Version, data: bytes) -> object:
        document = json.loads(data)
        assert document["@context"][:2] == contexts[version]
        return compiled[version](document)

    def slow(version: Version, data: bytes) -> object:
        assert interpreted[version].is_valid(json.loads(data))
        return None

    return {"fastjsonschema": fast, "jsonschema": slow}


def microseconds(check: Checker, block: list[Passport]) -> float:
    """For each passport of the block."""
    start = time.perf_counter_ns()
    for version, data in block:
        check(version, data)
    return (time.perf_counter_ns() - start) / 1000 / len(block)


def resident() -> int:
    """Octets now; the peak where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory(count: int) -> dict[str, object]:
    first = 0
    octets = 0
    start = time.perf_counter()
    for number, (version, data) in enumerate(passports(count), 1):
        ours(version, data)
        octets += len(data)
        if number == min(1000, count // 2):
            first = resident()
    grown = resident() - first
    return {
        "seconds_with_making": round(time.perf_counter() - start, 2),
        "mean_octets": octets // count,
        "resident_mb": round(first / 1e6, 1),
        "grown_mb": round(grown / 1e6, 2),
        "flat": grown <= MEMORY_BOUND,
    }


def compare(count: int, checks: dict[str, Checker]) -> dict[str, object]:
    times: dict[str, list[float]] = {name: [] for name in ("ours", *checks)}
    stream = passports(count)
    while block := [passport for passport, _ in zip(stream, range(BLOCK), strict=False)]:
        times["ours"].append(microseconds(ours, block))
        for name, check in checks.items():
            # An odd step, so that both versions come up.
            some = block if name != "jsonschema" else block[:: JSONSCHEMA_EVERY + 1]
            times[name].append(microseconds(check, some))
    result: dict[str, object] = {f"{name}_us": round(statistics.median(found), 1) for name, found in times.items()}
    for name in checks:
        ratios = [mine / theirs for mine, theirs in zip(times["ours"], times[name], strict=True)]
        result[f"ratio_to_{name}"] = round(statistics.median(ratios), 3)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    checks = peers()
    for version, data in passports(2):  # models are built once
        ours(version, data)
    streamed = memory(options.count)
    compared = compare(options.count, checks)
    verdicts = {"memory_flat": streamed["flat"]}
    if checks:
        fast, slow = (float(str(compared[f"ratio_to_{name}"])) for name in ("fastjsonschema", "jsonschema"))
        verdicts |= {"within_3_of_fastjsonschema": fast <= FASTJSONSCHEMA_BOUND, "faster_than_jsonschema": slow < 1}
    report = {
        "bench": "passport_validation",
        "count": options.count,
        "streamed": streamed,
        "compared": compared,
        "peers": sorted(checks) or "schemas absent",
        "verdicts": verdicts,
    }
    print(json.dumps(report, indent=1))
    if not all(verdicts.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
