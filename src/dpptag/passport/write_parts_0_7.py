"""Parts of a UNTP 0.7.0 passport: links, classifications, measures, parties, claims.

Each function gives the JSON object, or None, listed in the sheet, where the part lacks what 0.7.0 requires of it.
``path`` says where the part stands if it was not read from a document.
"""

from __future__ import annotations

from typing import Final

from dpptag.passport.digests import to_multibase
from dpptag.passport.document import JsonObject
from dpptag.passport.internal import (
    Address,
    Claim,
    Classification,
    Country,
    Criterion,
    Digest,
    Dimensions,
    Image,
    Link,
    Measure,
    Party,
    Performance,
    Period,
    Regulation,
    Scheme,
    Score,
    Standard,
    Topic,
)
from dpptag.passport.scorecards import metric_with_id, topic_with_id
from dpptag.passport.write_sheet import Sheet, each, maybe

NOT_IN_0_7: Final = {
    "registeredId": "{version} has the registered id of a product in its id alone",
    "id": "classifications of {version} have no id of their own",
    "conformance": "{version} has no verdict beside a claim; the claimed performance speaks",
    "accuracy": "metrics of {version} have no accuracy",
    "encryptionMethod": "links of {version} do not say how their document is encrypted",
    "hashDigest": "a SHA-1 digest proves nothing, so it is not written as a digest of {version}",
    "linkType": "the link type is taken to say what the document is to the product",
    "subCriterion": "criteria of {version} have no parts",
    "thresholdValue": "criteria of {version} state no threshold here",
    "performanceLevel": "criteria of {version} state no level here",
    "tag": "criteria of {version} state no tags here",
    "category": "criteria of {version} state no categories here",
    "benchmarkValue": "claims of {version} have no benchmark",
    "benchmarkReference": "claims of {version} have no benchmark",
    "valueChainProcess": "{version} has traceability events as related documents, without their process",
    "verifiedRatio": "{version} has traceability events as related documents, without their verified ratio",
    "eventType": "{version} has traceability events as related documents, without their type",
    "recycled": "a flag is no fraction, and {version} has only that",
    "operatedBy": "facilities of {version} name no operator here",
    "emissionsScorecard": "a scorecard without values claims nothing",
}
"""What UNTP 0.6.1 and earlier can say and 0.7.0 cannot, by the member's name there, and why."""


def digest(sheet: Sheet, value: Digest | None, at: str) -> str | None:
    if value is not None and not value.proves:
        sheet.lose(at, NOT_IN_0_7, {"hashDigest": value})
        return None
    return None if value is None else to_multibase(value)


def link(sheet: Sheet, value: Link, path: str) -> JsonObject | None:
    """A link without a name is named by its address: 0.7.0 requires one."""
    at = value.at or path
    sheet.lose(at, NOT_IN_0_7, {"encryptionMethod": value.encryption})
    if value.name is None and value.url is not None:
        sheet.note(at, "the link has no name; its address is written as its name")
    members = {
        "linkURL": sheet.uri(at, "linkURL", value.url),
        "linkName": value.url if value.name is None else value.name,
        "digestMultibase": digest(sheet, value.digest, at),
        "mediaType": value.media_type,
        "linkType": value.type,
    }
    return sheet.make(at, members, ("linkURL", "linkName"))


def image(sheet: Sheet, value: Image, path: str) -> JsonObject | None:
    members = {
        "name": value.name,
        "description": value.description,
        "imageData": value.data,
        "mediaType": value.media_type,
    }
    return sheet.make(value.at or path, members, ("name", "imageData", "mediaType"))


def scheme(sheet: Sheet, value: Scheme, path: str) -> JsonObject | None:
    at = value.at or path
    members = {"type": ["IdentifierScheme"], "id": sheet.uri(at, "id", value.id), "name": value.name}
    return sheet.make(at, members, ("id", "name"), is_open=True)


def country(sheet: Sheet, value: Country, path: str) -> JsonObject | None:
    return sheet.make(value.at or path, {"countryCode": value.code, "countryName": value.name}, ("countryCode",))


def classification(sheet: Sheet, value: Classification, path: str) -> JsonObject | None:
    at = value.at or path
    sheet.lose(at, NOT_IN_0_7, {"id": value.id})
    members = {
        "code": value.code,
        "name": value.name,
        "definition": value.definition,
        "schemeId": sheet.uri(at, "schemeId", value.scheme_id),
        "schemeName": value.scheme_name,
    }
    return sheet.make(at, members, ("code", "name", "schemeId", "schemeName"))


def measure(sheet: Sheet, value: Measure, path: str) -> JsonObject | None:
    members = {
        "value": value.value,
        "upperTolerance": value.upper_tolerance,
        "lowerTolerance": value.lower_tolerance,
        "unit": value.unit,
    }
    return sheet.make(value.at or path, members, ("value", "unit"))


def dimensions(sheet: Sheet, value: Dimensions, path: str) -> JsonObject | None:
    at = value.at or path
    members = {
        name: maybe(sheet, getattr(value, name), f"{at}.{name}", measure)
        for name in ("weight", "length", "width", "height", "volume")
    }
    return sheet.make(at, members, is_open=True)


def address(sheet: Sheet, value: Address, path: str) -> JsonObject | None:
    at = value.at or path
    members = {
        "streetAddress": value.street,
        "postalCode": value.postal_code,
        "addressLocality": value.locality,
        "addressRegion": value.region,
        "addressCountry": maybe(sheet, value.country, f"{at}.addressCountry", country),
    }
    return sheet.make(at, members, tuple(members))


def party(sheet: Sheet, value: Party, path: str) -> JsonObject | None:
    at = value.at or path
    members = {
        "type": ["Party"],
        "id": sheet.uri(at, "id", value.id),
        "name": value.name,
        "description": value.description,
        "registeredId": value.registered_id,
        "idScheme": maybe(sheet, value.scheme, f"{at}.idScheme", scheme),
        "registrationCountry": maybe(sheet, value.country, f"{at}.registrationCountry", country),
        "partyAddress": maybe(sheet, value.address, f"{at}.partyAddress", address),
        "organisationWebsite": sheet.uri(at, "organisationWebsite", value.website),
        "industryCategory": each(sheet, value.industries, f"{at}.industryCategory", classification),
        "partyAlsoKnownAs": each(sheet, value.also_known_as, f"{at}.partyAlsoKnownAs", party),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


# ---------------------------------------------------------------- claims


def claim(sheet: Sheet, value: Claim, path: str) -> JsonObject | None:
    """Without criteria, date or claimed performance 0.7.0 takes no claim. One without a name is named by what it says
    it is about."""
    at = value.at or path
    sheet.lose(
        at,
        NOT_IN_0_7,
        {
            "conformance": value.conforms,
            "benchmarkValue": value.benchmark,
            "benchmarkReference": value.benchmark_reference,
        },
    )
    members = {
        "type": ["Claim"],
        "id": sheet.uri(at, "id", value.id),
        "name": _claim_name(sheet, value, at) if value.name is None else value.name,
        "description": value.description,
        "referenceCriteria": each(sheet, value.criteria, f"{at}.referenceCriteria", criterion),
        "referenceRegulation": each(sheet, value.regulations, f"{at}.referenceRegulation", regulation),
        "referenceStandard": each(sheet, value.standards, f"{at}.referenceStandard", standard),
        "claimDate": sheet.day(at, "claimDate", value.date),
        "applicablePeriod": maybe(sheet, value.period, f"{at}.applicablePeriod", period),
        "claimedPerformance": each(sheet, value.values, f"{at}.claimedPerformance", performance),
        "evidence": each(sheet, value.evidence, f"{at}.evidence", link),
        "conformityTopic": each(sheet, value.topics, f"{at}.conformityTopic", topic),
    }
    required = ("id", "name", "referenceCriteria", "claimDate", "claimedPerformance", "conformityTopic")
    return sheet.make(at, members, required, is_open=True)


def _claim_name(sheet: Sheet, value: Claim, at: str) -> str | None:
    topics = (topic.name or topic.code for topic in value.topics)
    name = value.description or next((text for text in topics if text), None) or value.id
    if name is not None:
        sheet.note(at, "the claim has no name; its description, topic or id is written as its name")
    return name


def topic(sheet: Sheet, value: Topic, path: str) -> JsonObject | None:
    at = value.at or path
    told = topic_with_id(value)
    members = {
        "type": ["ConformityTopic"],
        "id": sheet.uri(at, "id", told.id),
        "name": told.name,
        "definition": told.definition,
    }
    return sheet.make(at, members, ("id", "name"))


def criterion(sheet: Sheet, value: Criterion, path: str) -> JsonObject | None:
    at = value.at or path
    sheet.lose(
        at,
        NOT_IN_0_7,
        {
            "subCriterion": value.parts,
            "thresholdValue": value.thresholds,
            "performanceLevel": value.level,
            "tag": value.tags,
            "category": value.categories,
        },
    )
    members = {
        "type": ["Criterion"],
        "id": sheet.uri(at, "id", value.id),
        "name": value.name,
        "description": value.description,
        "status": value.status,
        "conformityTopic": each(sheet, value.topics, f"{at}.conformityTopic", topic),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


def standard(sheet: Sheet, value: Standard, path: str) -> JsonObject | None:
    at = value.at or path
    members = {
        "type": ["Standard"],
        "id": sheet.uri(at, "id", value.id),
        "name": value.name,
        "issuingParty": maybe(sheet, value.issuing_party, f"{at}.issuingParty", party),
        "issueDate": sheet.day(at, "issueDate", value.issue_date),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


def regulation(sheet: Sheet, value: Regulation, path: str) -> JsonObject | None:
    at = value.at or path
    members = {
        "type": ["Regulation"],
        "id": sheet.uri(at, "id", value.id),
        "name": value.name,
        "jurisdictionCountry": maybe(sheet, value.country, f"{at}.jurisdictionCountry", country),
        "administeredBy": maybe(sheet, value.administered_by, f"{at}.administeredBy", party),
        "effectiveDate": sheet.day(at, "effectiveDate", value.effective_date),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


def period(sheet: Sheet, value: Period, path: str) -> JsonObject | None:
    at = value.at or path
    members = {
        "startDate": sheet.day(at, "startDate", value.start),
        "endDate": sheet.day(at, "endDate", value.end),
        "periodInformation": value.information,
    }
    return sheet.make(at, members, ("startDate", "endDate"))


def performance(sheet: Sheet, value: Performance, path: str) -> JsonObject | None:
    at = value.at or path
    sheet.lose(at, NOT_IN_0_7, {"accuracy": value.accuracy})
    told = metric_with_id(value)
    metric = None
    if told.metric_id is not None or told.metric_name is not None:
        place = f"{at}.metric"
        named = {
            "type": ["PerformanceMetric"],
            "id": sheet.uri(place, "id", told.metric_id),
            "name": told.metric_name,
        }
        metric = sheet.make(place, named, ("id", "name"), is_open=True)
    members = {
        "metric": metric,
        "measure": maybe(sheet, value.measure, f"{at}.measure", measure),
        "score": maybe(sheet, value.score, f"{at}.score", score),
    }
    # A measure without its metric says nothing, and the schema refuses it; a score may stand alone.
    return sheet.make(at, members, ("metric",) if members["measure"] is not None else ())


def score(sheet: Sheet, value: Score, path: str) -> JsonObject | None:
    members = {"code": value.code, "rank": value.rank, "definition": value.definition}
    return sheet.make(value.at or path, members, ("code",))
