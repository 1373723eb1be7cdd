"""Member names that one version has and another writes differently (UNTP data model pages, compared by schema)."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from dpptag.passport.versions import Version
from dpptag.passport.versions.models import all_faults

_SINCE_0_3_10: Final = {
    "idValue": "registeredId",
    "productName": "name",
    "producedBy": "producedByParty",
    "manufacturedAt": "producedAtFacility",
    "circularityInformation": "circularityScorecard",
}
_SINCE_0_4_1: Final = _SINCE_0_3_10 | {
    "recyecledContent": "recycledContent",
    "conformityInformation": "conformityClaim",
    "conformityDeclarations": "conformityClaim",
    "conformityClaims": "conformityClaim",
    "traceabilityEvents": "traceabilityEvent",
    "circularityScoreCard": "circularityScorecard",
    "otherIdentifiers": "otherIdentifier",
    "schemeId": "schemeID",
}
_SINCE_0_6_0: Final = _SINCE_0_4_1 | {
    "massAmount": "mass",
    "recycledAmount": "recycledMassFraction",
    "declaredValues": "declaredValue",
    "thresholdValues": "thresholdValue",
    "compliance": "conformance",
    "otherIdentifiers": "issuerAlsoKnownAs",
    "otherIdentifier": "issuerAlsoKnownAs",
    "itemNumber": "serialNumber",
    "idGranularity": "granularityLevel",
    "materialProvenance": "materialsProvenance",
    "performanceClaim": "conformityClaim",
}
_SINCE_0_7_0: Final = {
    "productName": "name",
    "serialNumber": "itemNumber",
    "granularityLevel": "idGranularity",
    "producedByParty": "relatedParty",
    "producedBy": "relatedParty",
    "manufacturedAt": "producedAtFacility",
    "furtherInformation": "relatedDocument",
    "dueDiligenceDeclaration": "relatedDocument",
    "traceabilityInformation": "relatedDocument",
    "materialsProvenance": "materialProvenance",
    "massAmount": "mass",
    "recycledAmount": "recycledMassFraction",
    "conformityClaim": "performanceClaim",
    "emissionsScorecard": "performanceClaim",
    "circularityScorecard": "performanceClaim",
    "conformityEvidence": "evidence",
    "declaredValue": "claimedPerformance",
    "assessmentCriteria": "referenceCriteria",
    "assessmentDate": "claimDate",
    "schemeID": "schemeId",
    "hashDigest": "digestMultibase",
}
RENAMED: Final[dict[Version, dict[str, str]]] = {
    Version.V0_3_0: {},
    Version.V0_3_10: _SINCE_0_3_10,
    Version.V0_4_0: _SINCE_0_3_10 | {"conformityDeclarations": "conformityClaims"},
    Version.V0_4_1: _SINCE_0_4_1,
    Version.V0_4_2: _SINCE_0_4_1,
    Version.V0_5_0: _SINCE_0_4_1 | {"compliance": "conformance"},
    Version.V0_6_0: _SINCE_0_6_0 | {"tag": "tags", "category": "tags"},
    Version.V0_6_1: _SINCE_0_6_0 | {"tags": "tag"},
    Version.V0_7_0: _SINCE_0_7_0,
}
"""What the version calls a member that another version, or a sample, calls otherwise."""

VCDM_1: Final = {"issuanceDate": "validFrom", "expirationDate": "validUntil"}
"""Names of the W3C data model 1.1, which its version 2.0 replaced."""


@cache
def names_of(version: Version) -> frozenset[str]:
    """Every member name that the version's models know, wherever it stands."""
    found: set[str] = set()
    stack: list[Any] = [all_faults(version).core_schema]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            if part.get("type") == "typed-dict":
                found.update(field.get("validation_alias", name) for name, field in part["fields"].items())
            stack.extend(part.values())
        elif isinstance(part, (list, tuple)):
            stack.extend(part)
    return frozenset(found)
