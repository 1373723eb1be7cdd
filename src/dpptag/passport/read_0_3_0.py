"""The bare product of UNTP 0.3.0 to the internal passport: no envelope, no issuer, names of its own throughout.

Source: the data-model page of the product passport (0.3.0) and its JSON Schema; the misspelt names are the standard's.
"""

from __future__ import annotations

from dpptag.passport import read_parts as parts
from dpptag.passport.internal import (
    Circularity,
    Claim,
    Classification,
    Criterion,
    Facility,
    Granularity,
    Link,
    Material,
    Party,
    Passport,
    Performance,
    Product,
    RelatedParty,
    Scheme,
    Standard,
    Topic,
    Traceability,
)
from dpptag.passport.read_0_6 import characteristics
from dpptag.passport.read_cursor import Cursor


def read_0_3_0(root: Cursor) -> Passport:
    """``root`` is the Product itself; its envelope, if it had one, is not described anywhere."""
    root.implied("type", "Product")
    producer = root.node("producedBy", _organisation)
    page = _page(root, "furtherInformation")
    product = Product(
        id=root.text("id"),
        name=root.text("productName"),
        registered_id=root.text("idValue"),
        scheme=_scheme(root),
        batch=root.text("batchNumber"),
        serial=root.text("serialNumber"),
        description=root.text("description"),
        image=root.node("productImage", _file),
        categories=root.nodes("productCategory", _classification),
        documents=() if page is None else (page,),
        parties=() if producer is None else (RelatedParty("producer", producer),),
        facility=root.node("manufacturedAt", _facility),
        production_date=root.text("productionDate"),
        country=parts.country_code(root, "countryOfProduction"),
        dimensions=root.node("dimensions", parts.dimensions),
        characteristics=root.node("characteristics", characteristics),
        at=root.at,
    )
    return Passport(
        version="0.3.0",
        product=product,
        granularity=Granularity("model", derived=True),
        materials=root.nodes("materialsProvenance", _material),
        claims=root.nodes("conformityInformation", _claim),
        circularity=root.node("circularityInformation", _circularity),
        traceability=root.nodes("traceabilityInformation", _event),
        at=root.at,
    )


def _scheme(cursor: Cursor) -> Scheme | None:
    """Two members beside the id they explain."""
    scheme = Scheme(cursor.text("idScheme"), cursor.text("idSchemeName"))
    return None if scheme == Scheme() else scheme


def _page(cursor: Cursor, name: str) -> Link | None:
    url = cursor.text(name)
    return None if url is None else Link(url)


def _file(cursor: Cursor) -> Link:
    cursor.implied("type", "BinaryFile")
    return Link(cursor.text("id"), name=cursor.text("fileName"), media_type=cursor.text("fileType"), at=cursor.at)


def _classification(cursor: Cursor) -> Classification:
    cursor.implied("type", "Classification")
    return Classification(
        code=cursor.text("classifierValue"),
        name=cursor.text("classifierName"),
        scheme_id=cursor.text("classificationSchemeID"),
        scheme_name=cursor.text("classificationSchemeName"),
        id=cursor.text("id"),
        at=cursor.at,
    )


def _identifier(cursor: Cursor) -> Party:
    cursor.implied("type", "Identifier")
    return Party(cursor.text("id"), registered_id=cursor.text("idValue"), scheme=_scheme(cursor), at=cursor.at)


def _organisation(cursor: Cursor) -> Party:
    cursor.implied("type", "Organisation")
    other = cursor.node("otherIdentifiers", _identifier)
    return Party(
        id=cursor.text("id"),
        name=cursor.text("organisationName"),
        registered_id=cursor.text("idValue"),
        scheme=_scheme(cursor),
        country=parts.country_code(cursor, "registrationCOuntry"),
        website=cursor.text("organisationWebsite"),
        industries=cursor.nodes("industryCategory", _classification),
        also_known_as=() if other is None else (other,),
        at=cursor.at,
    )


def _facility(cursor: Cursor) -> Facility:
    cursor.implied("type", "Facility")
    other = cursor.node("otherIdentifiers", _identifier)
    return Facility(
        id=cursor.text("id"),
        name=cursor.text("facilityName"),
        registered_id=cursor.text("idValue"),
        scheme=_scheme(cursor),
        country=parts.country_code(cursor, "countryOfOperation"),
        processes=cursor.nodes("processCategory", _classification),
        operator=cursor.node("operatedBy", _organisation),
        also_known_as=() if other is None else (other,),
        at=cursor.at,
    )


def _material(cursor: Cursor) -> Material:
    """``recycled: true`` says that, not how much: it is no fraction of 1."""
    cursor.implied("type", "Material")
    return Material(
        origin=parts.country_code(cursor, "originCountry"),
        type=cursor.node("materialType", _classification),
        mass_fraction=cursor.number("massFraction"),
        recycled=cursor.flag("recycled"),
        hazardous=cursor.flag("hazardous"),
        at=cursor.at,
    )


def _claim(cursor: Cursor) -> Claim:
    cursor.implied("type", "Claim")
    topic = cursor.text("topic")
    rule = cursor.text("standardOrRegulation")
    criterion = Criterion(cursor.text("criteriaReference"), cursor.text("criteriaName"))
    evidence = _page(cursor, "conformityEvidence")
    return Claim(
        topics=() if topic is None else (Topic(topic),),
        standards=() if rule is None else (Standard(rule),),
        criteria=() if criterion == Criterion() else (criterion,),
        values=cursor.nodes("claimedValues", _metric),
        benchmark=cursor.node("benchmarkValue", _metric),
        benchmark_reference=cursor.text("benchmarkReference"),
        conforms=cursor.flag("conformance"),
        evidence=() if evidence is None else (evidence,),
        at=cursor.at,
    )


def _metric(cursor: Cursor) -> Performance:
    cursor.implied("type", "Metric")
    return Performance(
        metric_name=cursor.text("metricName"),
        measure=cursor.node("metricValue", parts.measure),
        accuracy=cursor.number("accuracy"),
        at=cursor.at,
    )


def _circularity(cursor: Cursor) -> Circularity:
    cursor.implied("type", "Circularity")
    return Circularity(
        recycling=_page(cursor, "recyclingInformation"),
        repair=_page(cursor, "repairInformation"),
        recyclable_content=cursor.number("recyclableContent"),
        recycled_content=cursor.number("recyecledContent"),
        at=cursor.at,
    )


def _event(cursor: Cursor) -> Traceability:
    cursor.implied("type", "TraceabilityEvent")
    event = _page(cursor, "eventReference")
    return Traceability(events=() if event is None else (event,), event_type=cursor.text("eventType"), at=cursor.at)
