"""UNTP passports 0.3.10 to 0.6.1 to the internal passport.

One reader: the versions differ in where the product stands and in the names of ``Names``. A member that a version
spells otherwise than its neighbours is read under its own version's name only; the other spelling is unknown.
Sources: the JSON Schemas of the versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpptag.passport import read_parts as parts
from dpptag.passport.internal import (
    Characteristics,
    Circularity,
    Claim,
    Criterion,
    Emissions,
    Facility,
    Granularity,
    Image,
    Issuer,
    Link,
    Material,
    Passport,
    Performance,
    Product,
    Regulation,
    RelatedParty,
    Score,
    Standard,
    Topic,
    Traceability,
)
from dpptag.passport.read_cursor import Cursor
from dpptag.passport.versions import Version

_LEVELS: Final = ("item", "batch", "model")


@dataclass(frozen=True, slots=True)
class Names:
    """What changed its name or shape between 0.3.10 and 0.6.1; None where a version has no such member."""

    version: str
    aliases: str
    claims: str
    verdict: str
    values: tuple[str, ...]
    recycled_content: str
    recycled_fraction: str
    mass: str | None
    events: str | None
    """In ``traceabilityInformation``; None: that is itself the list of links."""
    level: str | None
    nested: bool = False
    """Whether a ProductPassport stands round the product (0.6)."""
    thresholds: str | None = "thresholdValues"
    threshold: str | None = None
    tag_text: str | None = None
    tags: str | None = None


_0_3_10: Final = Names(
    version="0.3.10",
    aliases="otherIdentifiers",
    claims="conformityDeclarations",
    verdict="compliance",
    values=("declaredValues",),
    recycled_content="recyecledContent",
    recycled_fraction="recycledAmount",
    mass=None,
    events=None,
    level=None,
)
_0_4_0: Final = Names(
    version="0.4.0",
    aliases="otherIdentifiers",
    claims="conformityClaims",
    verdict="compliance",
    values=("declaredValues",),
    recycled_content="recyecledContent",
    recycled_fraction="recycledAmount",
    mass="massAmount",
    events="traceabilityEvents",
    level=None,
)


def _from_0_4_1(version: str, verdict: str) -> Names:
    """The schemas of 0.4.1 to 0.5.0 have ``granularityLevel`` and both ``declaredValue`` and ``declaredValues``."""
    return Names(
        version=version,
        aliases="otherIdentifier",
        claims="conformityClaim",
        verdict=verdict,
        values=("declaredValue", "declaredValues"),
        recycled_content="recycledContent",
        recycled_fraction="recycledAmount",
        mass="massAmount",
        events="traceabilityEvent",
        level="granularityLevel",
    )


def _from_0_6(version: str, *, tag_text: str | None = None, tags: str | None = None) -> Names:
    return Names(
        version=version,
        aliases="issuerAlsoKnownAs",
        claims="conformityClaim",
        verdict="conformance",
        values=("declaredValue",),
        recycled_content="recycledContent",
        recycled_fraction="recycledMassFraction",
        mass="mass",
        events="traceabilityEvent",
        level="granularityLevel",
        nested=True,
        thresholds=None,
        threshold="thresholdValue",
        tag_text=tag_text,
        tags=tags,
    )


NAMES: Final[dict[Version, Names]] = {
    Version.V0_3_10: _0_3_10,
    Version.V0_4_0: _0_4_0,
    Version.V0_4_1: _from_0_4_1("0.4.1", "compliance"),
    Version.V0_4_2: _from_0_4_1("0.4.2", "compliance"),
    Version.V0_5_0: _from_0_4_1("0.5.0", "conformance"),
    Version.V0_6_0: _from_0_6("0.6.0", tag_text="tags"),
    Version.V0_6_1: _from_0_6("0.6.1", tags="tag"),
}


def read_0_6(root: Cursor, names: Names) -> Passport:
    """The credential, whose ``credentialSubject`` is the product, or a ProductPassport round it from 0.6.0 on."""
    contexts, types = parts.envelope_words(root)
    empty = _Subject(Product(), Granularity("model", derived=True))
    subject = root.node("credentialSubject", lambda cursor: _subject(cursor, names)) or empty
    issuer_id = root.text("issuer")
    return Passport(
        version=names.version,
        product=subject.product,
        granularity=subject.granularity,
        id=root.text("id"),
        contexts=contexts,
        types=types,
        issuer=Issuer(issuer_id) if issuer_id else root.node("issuer", lambda c: parts.issuer(c, names.aliases)),
        valid_from=root.text("validFrom"),
        valid_until=root.text("validUntil"),
        subject_id=subject.id,
        materials=subject.materials,
        claims=subject.claims,
        emissions=subject.emissions,
        circularity=subject.circularity,
        traceability=subject.traceability,
        due_diligence=subject.due_diligence,
        status=parts.statuses(root),
        at=root.at,
    )


@dataclass(frozen=True, slots=True)
class _Subject:
    """``credentialSubject``, the product and what 0.6 keeps beside it."""

    product: Product
    granularity: Granularity
    id: str | None = None
    materials: tuple[Material, ...] = ()
    claims: tuple[Claim, ...] = ()
    emissions: Emissions | None = None
    circularity: Circularity | None = None
    traceability: tuple[Traceability, ...] = ()
    due_diligence: Link | None = None


def _subject(cursor: Cursor, names: Names) -> _Subject:
    level = cursor.peek(names.level) if names.level else None
    if level in _LEVELS:
        cursor.text(names.level)
    if names.nested:
        cursor.implied("type", "ProductPassport")
        product = cursor.node("product", _product) or Product()
    else:
        product = _product(cursor)
    return _Subject(
        product=product,
        granularity=Granularity(str(level)) if level in _LEVELS else Granularity("model", derived=True),
        id=cursor.text("id") if names.nested else None,
        materials=cursor.nodes("materialsProvenance", lambda c: _material(c, names)),
        claims=cursor.nodes(names.claims, lambda c: _claim(c, names)),
        emissions=cursor.node("emissionsScorecard", _emissions),
        circularity=cursor.node("circularityScorecard", lambda c: _circularity(c, names)),
        traceability=_traceability(cursor, names),
        due_diligence=cursor.node("dueDiligenceDeclaration", parts.link),
    )


def _product(cursor: Cursor) -> Product:
    cursor.implied("type", "Product", "Entity")
    producer = cursor.node("producedByParty", parts.party)
    return Product(
        id=cursor.text("id"),
        name=cursor.text("name"),
        registered_id=cursor.text("registeredId"),
        scheme=cursor.node("idScheme", parts.scheme),
        batch=cursor.text("batchNumber"),
        serial=cursor.text("serialNumber"),
        description=cursor.text("description"),
        image=cursor.node("productImage", parts.link),
        categories=cursor.nodes("productCategory", parts.classification),
        documents=cursor.nodes("furtherInformation", parts.link),
        parties=() if producer is None else (RelatedParty("producer", producer),),
        facility=cursor.node("producedAtFacility", _facility),
        production_date=cursor.text("productionDate"),
        country=parts.country_code(cursor, "countryOfProduction"),
        dimensions=cursor.node("dimensions", parts.dimensions),
        characteristics=cursor.node("characteristics", characteristics),
        at=cursor.at,
    )


def characteristics(cursor: Cursor) -> Characteristics:
    return Characteristics(cursor.take_rest(), at=cursor.at)


def _facility(cursor: Cursor) -> Facility:
    cursor.implied("type", "Entity", "Identifier", "Facility")
    return Facility(
        id=cursor.text("id"),
        name=cursor.text("name"),
        registered_id=cursor.text("registeredId"),
        scheme=cursor.node("idScheme", parts.scheme),
        at=cursor.at,
    )


def _material(cursor: Cursor, names: Names) -> Material:
    cursor.implied("type", "Material")
    symbol = cursor.text("symbol")
    return Material(
        name=cursor.text("name"),
        origin=parts.country_code(cursor, "originCountry"),
        type=cursor.node("materialType", parts.classification),
        mass_fraction=cursor.number("massFraction"),
        mass=cursor.node(names.mass, parts.measure),
        recycled_fraction=cursor.number(names.recycled_fraction),
        hazardous=cursor.flag("hazardous"),
        symbol=None if symbol is None else Image(data=symbol),
        safety=cursor.node("materialSafetyInformation", parts.link),
        at=cursor.at,
    )


def _claim(cursor: Cursor, names: Names) -> Claim:
    cursor.implied("type", "Claim", "Declaration")
    standard = cursor.node("referenceStandard", _standard)
    regulation = cursor.node("referenceRegulation", _regulation)
    evidence = cursor.node("conformityEvidence", parts.link)
    return Claim(
        id=cursor.text("id"),
        description=cursor.text("description"),
        topics=_topics(cursor),
        standards=() if standard is None else (standard,),
        regulations=() if regulation is None else (regulation,),
        criteria=cursor.nodes("assessmentCriteria", lambda c: _criterion(c, names)),
        date=cursor.text("assessmentDate"),
        values=tuple(value for name in names.values for value in cursor.nodes(name, _metric)),
        conforms=cursor.flag(names.verdict),
        evidence=() if evidence is None else (evidence,),
        at=cursor.at,
    )


def _topics(cursor: Cursor) -> tuple[Topic, ...]:
    code = cursor.text("conformityTopic")
    return () if code is None else (Topic(code),)


def _standard(cursor: Cursor) -> Standard:
    cursor.implied("type", "Standard")
    return Standard(
        id=cursor.text("id"),
        name=cursor.text("name"),
        issuing_party=cursor.node("issuingParty", parts.party),
        issue_date=cursor.text("issueDate"),
        at=cursor.at,
    )


def _regulation(cursor: Cursor) -> Regulation:
    cursor.implied("type", "Regulation")
    return Regulation(
        id=cursor.text("id"),
        name=cursor.text("name"),
        country=parts.country_code(cursor, "jurisdictionCountry"),
        administered_by=cursor.node("administeredBy", parts.party),
        effective_date=cursor.text("effectiveDate"),
        at=cursor.at,
    )


def _criterion(cursor: Cursor, names: Names) -> Criterion:
    cursor.implied("type", "Criterion")
    threshold = cursor.node(names.threshold, _metric)
    tag_text = cursor.text(names.tag_text)
    return Criterion(
        id=cursor.text("id"),
        name=cursor.text("name"),
        description=cursor.text("description"),
        topics=_topics(cursor),
        status=cursor.text("status"),
        parts=cursor.nodes("subCriterion", lambda c: _criterion(c, names)),
        thresholds=cursor.nodes(names.thresholds, _metric) if threshold is None else (threshold,),
        level=cursor.text("performanceLevel"),
        tags=cursor.texts(names.tags) if tag_text is None else (tag_text,),
        categories=cursor.nodes("category", parts.classification),
        at=cursor.at,
    )


def _metric(cursor: Cursor) -> Performance:
    cursor.implied("type", "Metric")
    score = cursor.text("score")
    return Performance(
        metric_name=cursor.text("metricName"),
        measure=cursor.node("metricValue", parts.measure),
        score=None if score is None else Score(score),
        accuracy=cursor.number("accuracy"),
        at=cursor.at,
    )


def _emissions(cursor: Cursor) -> Emissions:
    cursor.implied("type", "EmissionsPerformance")
    return Emissions(
        carbon_footprint=cursor.number("carbonFootprint"),
        declared_unit=cursor.text("declaredUnit"),
        scope=cursor.text("operationalScope"),
        primary_ratio=cursor.number("primarySourcedRatio"),
        standard=cursor.node("reportingStandard", _standard),
        at=cursor.at,
    )


def _circularity(cursor: Cursor, names: Names) -> Circularity:
    cursor.implied("type", "CircularityPerformance")
    return Circularity(
        recycling=cursor.node("recyclingInformation", parts.link),
        repair=cursor.node("repairInformation", parts.link),
        recyclable_content=cursor.number("recyclableContent"),
        recycled_content=cursor.number(names.recycled_content),
        utility_factor=cursor.number("utilityFactor"),
        indicator=cursor.number("materialCircularityIndicator"),
        at=cursor.at,
    )


def _traceability(cursor: Cursor, names: Names) -> tuple[Traceability, ...]:
    """A list of links (0.3.10), one stage (0.4.0 to 0.5.0) or a list of stages (0.6)."""
    member = "traceabilityInformation"
    if names.events is None:
        links = cursor.nodes(member, parts.link)
        return tuple(Traceability(events=(link,), at=link.at) for link in links)
    if names.nested:
        return cursor.nodes(member, lambda c: _stage(c, names))
    stage = cursor.node(member, lambda c: _stage(c, names))
    return () if stage is None else (stage,)


def _stage(cursor: Cursor, names: Names) -> Traceability:
    cursor.implied("type", "TraceabilityPerformance")
    return Traceability(
        process=cursor.text("valueChainProcess"),
        verified_ratio=cursor.number("verifiedRatio"),
        events=cursor.nodes(names.events, parts.link),
        at=cursor.at,
    )
