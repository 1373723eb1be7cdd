"""The internal passport as UNTP 0.6.0 or 0.6.1, a JSON object that the version's JSON Schema accepts.

The two differ in the tags of a criterion: one text in 0.6.0, a list beside categories in 0.6.1. A part that lacks what
0.6 requires of it is left out and listed; a passport without id or issuer is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dpptag.errors import PassportError
from dpptag.passport import write_parts_0_6 as parts
from dpptag.passport.document import JsonObject
from dpptag.passport.internal import (
    Circularity,
    Emissions,
    Facility,
    Issuer,
    Material,
    Passport,
    Product,
    Traceability,
)
from dpptag.passport.versions import CONTEXTS, Version
from dpptag.passport.write_parts_0_6 import NOT_IN_0_6
from dpptag.passport.write_sheet import Sheet, contexts_and_types, each, maybe

_SCOPES: Final = ("None", "CradleToGate", "CradleToGrave")


def write_0_6(passport: Passport, sheet: Sheet) -> JsonObject:
    """Raises PassportError ``incomplete``: what is missing, and of which part."""
    envelope = {"renderMethod": passport.render_methods, "issuingSoftware": passport.software}
    sheet.lose("$", NOT_IN_0_6, envelope)
    members = {
        **contexts_and_types(passport, CONTEXTS[Version(sheet.version)]),
        "id": sheet.uri("$", "id", passport.id),
        "issuer": maybe(sheet, passport.issuer, "issuer", _issuer),
        "validFrom": sheet.time("validFrom", passport.valid_from),
        "validUntil": sheet.time("validUntil", passport.valid_until),
        "name": passport.name,
        "credentialStatus": _statuses(passport, sheet),
        "credentialSubject": _subject(passport, sheet),
    }
    written = sheet.make("$", members, ("id", "issuer", "credentialSubject"), is_open=True)
    if written is None:
        missing = ", ".join(f"{one.path}: {one.why}" for one in sheet.dropped if " wants " in one.why)
        raise PassportError(
            f"the passport lacks what UNTP {sheet.version} requires",
            code="incomplete",
            action="give what is missing",
            missing=missing[:2000],
        )
    return written


def _issuer(sheet: Sheet, issuer: Issuer, path: str) -> JsonObject | None:
    at = issuer.at or path
    members = {
        "type": ["CredentialIssuer"],
        "id": sheet.uri(at, "id", issuer.id),
        "name": issuer.name,
        "issuerAlsoKnownAs": each(sheet, issuer.also_known_as, f"{at}.issuerAlsoKnownAs", parts.party),
    }
    return sheet.make(at, members, ("id", "name"))


def _statuses(passport: Passport, sheet: Sheet) -> object:
    """The 0.6 schemas leave the member to the W3C, whose Bitstring Status List has the index as text."""
    written: list[JsonObject] = []
    for number, status in enumerate(passport.status):
        at = status.at or f"status[{number}]"
        members = {
            "type": status.type,
            "id": sheet.uri(at, "id", status.id),
            "statusPurpose": status.purpose,
            "statusListIndex": None if status.index is None else str(status.index),
            "statusListCredential": sheet.uri(at, "statusListCredential", status.list_credential),
        }
        one = sheet.make(at, members, is_open=True)
        if one:
            written.append(one)
    return written[0] if len(written) == 1 else written


def _subject(passport: Passport, sheet: Sheet) -> JsonObject | None:
    at = "$.credentialSubject"
    product = maybe(sheet, passport.product, "product", _product)
    if product is None:
        return None
    members: dict[str, object] = {
        "type": ["ProductPassport"],
        "id": sheet.uri(at, "id", passport.subject_id),
        "product": product,
        "granularityLevel": passport.granularity.level,
        "conformityClaim": each(sheet, passport.claims, "claims", parts.claim),
        "emissionsScorecard": maybe(sheet, passport.emissions, "emissions", _emissions),
        "circularityScorecard": maybe(sheet, passport.circularity, "circularity", _circularity),
        "traceabilityInformation": each(sheet, passport.traceability, "traceability", _stage),
        "dueDiligenceDeclaration": maybe(sheet, passport.due_diligence, "due_diligence", parts.link),
        "materialsProvenance": each(sheet, passport.materials, "materials", _material),
    }
    return sheet.make(at, members, ("product",), is_open=True)


def _product(sheet: Sheet, product: Product, path: str) -> JsonObject | None:
    at = product.at or path
    sheet.lose(
        at,
        NOT_IN_0_6,
        {
            "modelNumber": product.model_number,
            "expiryDate": product.expiry_date,
            "packaging": product.packaging,
            "productLabel": product.labels,
        },
    )
    producer = product.producer
    for index, related in enumerate(product.parties):
        if related.party is not producer:
            sheet.drop(related.at or f"{at}.parties[{index}]", NOT_IN_0_6["relatedParty"])
        elif related.role != "producer":
            sheet.note(related.at or f"{at}.parties[{index}]", f"the {related.role} is written as producedByParty")
    members: dict[str, object] = {
        "type": ["Product"],
        "id": sheet.uri(at, "id", product.id),
        "name": product.name,
        "registeredId": product.registered_id,
        "idScheme": maybe(sheet, product.scheme, f"{at}.idScheme", parts.scheme),
        "serialNumber": product.serial,
        "batchNumber": product.batch,
        "productImage": maybe(sheet, product.image, f"{at}.productImage", parts.link),
        "description": product.description,
        "characteristics": parts.characteristics(sheet, product, at),
        "productCategory": each(sheet, product.categories, f"{at}.productCategory", parts.classification),
        "furtherInformation": each(sheet, product.documents, f"{at}.furtherInformation", parts.link),
        "producedByParty": maybe(sheet, producer, f"{at}.producedByParty", parts.party),
        "producedAtFacility": maybe(sheet, product.facility, f"{at}.producedAtFacility", _facility),
        "productionDate": sheet.day(at, "productionDate", product.production_date),
        "countryOfProduction": parts.country(sheet, product.country, at, "countryOfProduction"),
        "dimensions": maybe(sheet, product.dimensions, f"{at}.dimensions", parts.dimensions),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


def _facility(sheet: Sheet, facility: Facility, path: str) -> JsonObject | None:
    at = facility.at or path
    sheet.lose(
        at,
        NOT_IN_0_6,
        {
            "countryOfOperation": facility.country,
            "processCategory": facility.processes,
            "operatedBy": facility.operator,
            "facilityAlsoKnownAs": facility.also_known_as,
        },
    )
    members = {
        "id": sheet.uri(at, "id", facility.id),
        "name": facility.name,
        "registeredId": facility.registered_id,
        "idScheme": maybe(sheet, facility.scheme, f"{at}.idScheme", parts.scheme),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


def _material(sheet: Sheet, material: Material, path: str) -> JsonObject | None:
    at = material.at or path
    symbol = material.symbol
    described: Mapping[str, object] = {"recycled": material.recycled}
    if symbol is not None:
        described = {**described, "symbol": symbol.name or symbol.media_type or symbol.description}
    sheet.lose(at, NOT_IN_0_6, described)
    members = {
        "type": ["Material"],
        "name": material.name,
        "originCountry": parts.country(sheet, material.origin, at, "originCountry"),
        "materialType": maybe(sheet, material.type, f"{at}.materialType", parts.classification),
        "massFraction": material.mass_fraction,
        "mass": maybe(sheet, material.mass, f"{at}.mass", parts.measure),
        "recycledMassFraction": material.recycled_fraction,
        "hazardous": material.hazardous,
        "symbol": None if symbol is None else symbol.data,
        "materialSafetyInformation": maybe(sheet, material.safety, f"{at}.materialSafetyInformation", parts.link),
    }
    return sheet.make(at, members, ("name",), is_open=True)


def _emissions(sheet: Sheet, emissions: Emissions, path: str) -> JsonObject | None:
    at = emissions.at or path
    members = {
        "type": ["EmissionsPerformance"],
        "carbonFootprint": emissions.carbon_footprint,
        "declaredUnit": emissions.declared_unit,
        "operationalScope": sheet.one_of(at, "operationalScope", emissions.scope, _SCOPES),
        "primarySourcedRatio": emissions.primary_ratio,
        "reportingStandard": maybe(sheet, emissions.standard, f"{at}.reportingStandard", parts.standard),
    }
    required = ("carbonFootprint", "declaredUnit", "operationalScope", "primarySourcedRatio")
    return sheet.make(at, members, required, is_open=True)


def _circularity(sheet: Sheet, circularity: Circularity, path: str) -> JsonObject | None:
    at = circularity.at or path
    members = {
        "type": ["CircularityPerformance"],
        "recyclingInformation": maybe(sheet, circularity.recycling, f"{at}.recyclingInformation", parts.link),
        "repairInformation": maybe(sheet, circularity.repair, f"{at}.repairInformation", parts.link),
        "recyclableContent": circularity.recyclable_content,
        "recycledContent": circularity.recycled_content,
        "utilityFactor": circularity.utility_factor,
        "materialCircularityIndicator": circularity.indicator,
    }
    return sheet.make(at, members, is_open=True)


def _stage(sheet: Sheet, stage: Traceability, path: str) -> JsonObject | None:
    at = stage.at or path
    sheet.lose(at, NOT_IN_0_6, {"eventType": stage.event_type})
    members = {
        "type": ["TraceabilityPerformance"],
        "valueChainProcess": stage.process,
        "verifiedRatio": stage.verified_ratio,
        "traceabilityEvent": each(sheet, stage.events, f"{at}.traceabilityEvent", parts.secure_link),
    }
    # A stage made of a bare link (0.3.10) has no members of its own: those at its place are the link's.
    return sheet.make(at, members, is_open=all(event.at != at for event in stage.events))
