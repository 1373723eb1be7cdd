"""Parts of a UNTP 0.6.0 or 0.6.1 passport: links, classifications, measures, parties, claims.

Each function gives the JSON object, or None, listed in the sheet, where the part lacks what 0.6 requires of it.
``path`` says where the part stands if it was not read from a document.
"""

from __future__ import annotations

from typing import Final, TypeVar

from dpptag.passport.digests import to_hex
from dpptag.passport.document import JsonObject
from dpptag.passport.internal import (
    Claim,
    Classification,
    Country,
    Criterion,
    Dimensions,
    Link,
    Measure,
    Node,
    Party,
    Performance,
    Product,
    Regulation,
    Scheme,
    Standard,
    Topic,
)
from dpptag.passport.scorecards import topic_code
from dpptag.passport.write_sheet import Sheet, each, maybe

N = TypeVar("N", bound=Node)

TOPICS: Final = (
    *("environment.energy", "environment.emissions", "environment.water", "environment.waste"),
    *("environment.deforestation", "environment.biodiversity", "circularity.content", "circularity.design"),
    *("social.labour", "social.rights", "social.community", "social.safety"),
    *("governance.ethics", "governance.compliance", "governance.transparency"),
)
_STATUSES: Final = ("proposed", "active", "deprecated")
_ENCRYPTIONS: Final = ("none", "AES")

NOT_IN_0_6: Final = {
    "renderMethod": "{version} has no render methods",
    "issuingSoftware": "{version} does not name the issuing software",
    "modelNumber": "products of {version} have no model number",
    "expiryDate": "products of {version} have no expiry date",
    "packaging": "{version} has no packaging",
    "productLabel": "{version} has no labels",
    "relatedParty": "{version} has one producer and no other parties",
    "countryOfOperation": "facilities of {version} have an id and a name only",
    "processCategory": "facilities of {version} have an id and a name only",
    "operatedBy": "facilities of {version} have an id and a name only",
    "facilityAlsoKnownAs": "facilities of {version} have an id and a name only",
    "recycled": "a flag is no fraction, and {version} has only that",
    "symbol": "symbols of {version} have no name, description or media type",
    "eventType": "{version} does not state the type of an event beside its link",
    "mediaType": "links of {version} state no media type",
    "digestMultibase": "only evidence and traceability events have a digest in {version}",
    "encryptionMethod": "only evidence and traceability events state an encryption in {version}",
    "definition": "{version} has no definitions here",
    "upperTolerance": "measures of {version} have no tolerances",
    "lowerTolerance": "measures of {version} have no tolerances",
    "countryName": "countries of {version} are bare codes",
    "description": "parties of {version} have an id and a name only",
    "registrationCountry": "parties of {version} have an id and a name only",
    "partyAddress": "parties of {version} have an id and a name only",
    "organisationWebsite": "parties of {version} have an id and a name only",
    "industryCategory": "parties of {version} have an id and a name only",
    "partyAlsoKnownAs": "parties of {version} have an id and a name only",
    "name": "claims of {version} have no name",
    "applicablePeriod": "claims of {version} have no period",
    "benchmarkValue": "claims of {version} have no benchmark",
    "benchmarkReference": "claims of {version} have no benchmark",
    "metricId": "metrics of {version} have a name and no id",
    "rank": "scores of {version} are bare codes",
    "category": "criteria of {version} have no categories",
}
"""What the internal passport can say and UNTP 0.6 cannot, by the member's name in the version that has it, and why."""


def _one_of_several(sheet: Sheet, nodes: tuple[Node, ...], path: str) -> None:
    for index, node in enumerate(nodes[1:], 1):
        sheet.drop(node.at or f"{path}[{index}]", "{version} has room for one here; the first is written")


def link(sheet: Sheet, value: Link, path: str) -> JsonObject | None:
    at = value.at or path
    lost = {"mediaType": value.media_type, "digestMultibase": value.digest, "encryptionMethod": value.encryption}
    sheet.lose(at, NOT_IN_0_6, lost)
    return sheet.make(at, _link_members(sheet, value, at))


def secure_link(sheet: Sheet, value: Link, path: str) -> JsonObject | None:
    """With hex digest and its method: the evidence of a claim, a traceability event."""
    at = value.at or path
    sheet.lose(at, NOT_IN_0_6, {"mediaType": value.media_type})
    digest = value.digest
    members = {
        **_link_members(sheet, value, at),
        "hashDigest": None if digest is None else to_hex(digest),
        "hashMethod": None if digest is None else digest.algorithm,
        "encryptionMethod": sheet.one_of(at, "encryptionMethod", value.encryption, _ENCRYPTIONS),
    }
    return sheet.make(at, members)


def _link_members(sheet: Sheet, value: Link, at: str) -> dict[str, object]:
    return {"linkURL": sheet.uri(at, "linkURL", value.url), "linkName": value.name, "linkType": value.type}


def scheme(sheet: Sheet, value: Scheme, path: str) -> JsonObject | None:
    at = value.at or path
    members = {"type": ["IdentifierScheme"], "id": sheet.uri(at, "id", value.id), "name": value.name}
    return sheet.make(at, members)


def country(sheet: Sheet, value: Country | None, at: str, member: str) -> str | None:
    """The bare code."""
    if value is None:
        return None
    sheet.lose(value.at or f"{at}.{member}", NOT_IN_0_6, {"countryName": value.name})
    return value.code


def classification(sheet: Sheet, value: Classification, path: str) -> JsonObject | None:
    """0.6 requires an id; without one it is the scheme's, with the code behind, as UN CPC ids are made."""
    at = value.at or path
    sheet.lose(at, NOT_IN_0_6, {"definition": value.definition})
    own = value.id
    if own is None and value.scheme_id and value.code and value.scheme_id.endswith(("/", "#")):
        own = value.scheme_id + value.code
        sheet.note(at, "the classification has no id; its scheme's id and its code are written as one")
    members = {
        "type": ["Classification"],
        "id": sheet.uri(at, "id", own),
        "code": value.code,
        "name": value.name,
        "schemeID": sheet.uri(at, "schemeID", value.scheme_id),
        "schemeName": value.scheme_name,
    }
    return sheet.make(at, members, ("id", "name"))


def measure(sheet: Sheet, value: Measure, path: str) -> JsonObject | None:
    at = value.at or path
    lost = {"upperTolerance": value.upper_tolerance, "lowerTolerance": value.lower_tolerance}
    sheet.lose(at, NOT_IN_0_6, lost)
    return sheet.make(at, {"type": None, "value": value.value, "unit": value.unit}, ("value", "unit"))


def dimensions(sheet: Sheet, value: Dimensions, path: str) -> JsonObject | None:
    at = value.at or path
    members: dict[str, object] = {"type": ["Dimension"]}
    for name in ("weight", "length", "width", "height", "volume"):
        members[name] = maybe(sheet, getattr(value, name), f"{at}.{name}", measure)
    return sheet.make(at, members, is_open=True)


def party(sheet: Sheet, value: Party, path: str) -> JsonObject | None:
    at = value.at or path
    sheet.lose(
        at,
        NOT_IN_0_6,
        {
            "description": value.description,
            "registrationCountry": value.country,
            "partyAddress": value.address,
            "organisationWebsite": value.website,
            "industryCategory": value.industries,
            "partyAlsoKnownAs": value.also_known_as,
        },
    )
    members = {
        "id": sheet.uri(at, "id", value.id),
        "name": value.name,
        "registeredId": value.registered_id,
        "idScheme": maybe(sheet, value.scheme, f"{at}.idScheme", scheme),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


def characteristics(sheet: Sheet, product: Product, at: str) -> JsonObject | None:
    """The members as they are; a ``type`` must name the class if there is one, which a document of 0.7.0 need not."""
    if product.characteristics is None:
        return None
    members = dict(product.characteristics.members)
    kind = members.get("type")
    if "type" in members and not (
        isinstance(kind, list) and "Characteristics" in kind and all(isinstance(one, str) for one in kind)
    ):
        del members["type"]
        sheet.drop(f"{product.characteristics.at or at}.type", "{version} wants the name of the class here")
    return members


# ---------------------------------------------------------------- claims


def claim(sheet: Sheet, value: Claim, path: str) -> JsonObject | None:
    """0.6 takes one topic, standard, regulation and evidence, and requires the issuer's verdict."""
    at = value.at or path
    sheet.lose(
        at,
        NOT_IN_0_6,
        {
            "name": value.name,
            "applicablePeriod": value.period,
            "benchmarkValue": value.benchmark,
            "benchmarkReference": value.benchmark_reference,
        },
    )
    for name in ("topics", "standards", "regulations", "evidence"):
        _one_of_several(sheet, getattr(value, name), f"{at}.{name}")
    members = {
        "type": ["Claim", "Declaration"],
        "id": sheet.uri(at, "id", value.id),
        "description": value.description,
        "referenceStandard": maybe(sheet, _first(value.standards), f"{at}.standards[0]", standard),
        "referenceRegulation": maybe(sheet, _first(value.regulations), f"{at}.regulations[0]", regulation),
        "assessmentCriteria": each(sheet, value.criteria, f"{at}.criteria", criterion),
        "assessmentDate": sheet.day(at, "assessmentDate", value.date),
        "declaredValue": each(sheet, value.values, f"{at}.values", metric),
        "conformance": value.conforms,
        "conformityTopic": topic(sheet, value.topics, at),
        "conformityEvidence": maybe(sheet, _first(value.evidence), f"{at}.evidence[0]", secure_link),
    }
    return sheet.make(at, members, ("id", "conformance", "conformityTopic"), is_open=True)


def _first(nodes: tuple[N, ...]) -> N | None:
    return nodes[0] if nodes else None


def topic(sheet: Sheet, topics: tuple[Topic, ...], at: str) -> str | None:
    if not topics:
        return None
    told = topic_code(topics[0])
    code = told.code or told.id or told.name
    sheet.lose(topics[0].at or f"{at}.conformityTopic", NOT_IN_0_6, {"definition": told.definition})
    return sheet.one_of(at, "conformityTopic", code, TOPICS)


def standard(sheet: Sheet, value: Standard, path: str) -> JsonObject | None:
    at = value.at or path
    members = {
        "type": ["Standard"],
        "id": sheet.uri(at, "id", value.id),
        "name": value.name,
        "issuingParty": maybe(sheet, value.issuing_party, f"{at}.issuingParty", party),
        "issueDate": sheet.day(at, "issueDate", value.issue_date),
    }
    return sheet.make(at, members, ("issuingParty",))


def regulation(sheet: Sheet, value: Regulation, path: str) -> JsonObject | None:
    at = value.at or path
    members = {
        "type": ["Regulation"],
        "id": sheet.uri(at, "id", value.id),
        "name": value.name,
        "jurisdictionCountry": country(sheet, value.country, at, "jurisdictionCountry"),
        "administeredBy": maybe(sheet, value.administered_by, f"{at}.administeredBy", party),
        "effectiveDate": sheet.day(at, "effectiveDate", value.effective_date),
    }
    return sheet.make(at, members, ("administeredBy",))


def criterion(sheet: Sheet, value: Criterion, path: str) -> JsonObject | None:
    """Tags are one text in 0.6.0 and a list beside categories in 0.6.1."""
    at = value.at or path
    _one_of_several(sheet, value.topics, f"{at}.topics")
    _one_of_several(sheet, value.thresholds, f"{at}.thresholds")
    members: dict[str, object] = {
        "type": ["Criterion"],
        "id": sheet.uri(at, "id", value.id),
        "name": value.name,
        "description": value.description,
        "conformityTopic": topic(sheet, value.topics, at),
        "status": sheet.one_of(at, "status", value.status, _STATUSES),
        "subCriterion": each(sheet, value.parts, f"{at}.subCriterion", criterion),
        "thresholdValue": maybe(sheet, _first(value.thresholds), f"{at}.thresholds[0]", metric),
        "performanceLevel": value.level,
    }
    if sheet.version == "0.6.0":
        sheet.lose(at, NOT_IN_0_6, {"category": value.categories})
        if len(value.tags) > 1:
            sheet.note(at, "the tags are one text, with commas between, in 0.6.0")
        members["tags"] = ", ".join(value.tags) if value.tags else None
    else:
        members["category"] = each(sheet, value.categories, f"{at}.category", classification)
        members["tag"] = list(value.tags)
    return sheet.make(at, members, ("id", "name", "description", "conformityTopic", "status"))


def metric(sheet: Sheet, value: Performance, path: str) -> JsonObject | None:
    at = value.at or path
    score = value.score
    lost: dict[str, object] = {"metricId": value.metric_id}
    if score is not None:
        lost |= {"rank": score.rank, "definition": score.definition}
    sheet.lose(at, NOT_IN_0_6, lost)
    members = {
        "type": None,
        "metricName": value.metric_name,
        "metricValue": maybe(sheet, value.measure, f"{at}.metricValue", measure),
        "score": None if score is None else score.code,
        "accuracy": value.accuracy,
    }
    return sheet.make(at, members, ("metricName", "metricValue"))
