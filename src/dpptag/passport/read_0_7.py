"""UNTP passports 0.7.0 to the internal passport.

0.7.0 has claims and related documents where 0.6 has scorecards and links of their own. A claim or document that the
0.7.0 writer made of such a part is read back as that part; see ``scorecards``. Everything else stays what it says.
Source: the published JSON Schema of 0.7.0; members of parties, facilities, standards and criteria that the schema
leaves open are read by the names of its JSON-LD context.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dpptag.passport import read_parts as parts
from dpptag.passport.internal import (
    Address,
    Claim,
    Criterion,
    Facility,
    Granularity,
    Image,
    Issuer,
    Material,
    Packaging,
    Party,
    Passport,
    Performance,
    Period,
    Product,
    Regulation,
    RelatedParty,
    RenderMethod,
    Score,
    Software,
    Standard,
    Topic,
)
from dpptag.passport.read_0_6 import characteristics
from dpptag.passport.read_cursor import Cursor
from dpptag.passport.scorecards import metric_name, topic_code

_LEVELS: Final = ("item", "batch", "model")


def read_0_7(root: Cursor) -> Passport:
    """The credential. Scorecards stand among ``claims`` still; ``scorecards.lifted`` takes them out."""
    contexts, types = parts.envelope_words(root)
    issuer_id = root.text("issuer")
    passport = Passport(
        version="0.7.0",
        product=Product(),
        granularity=Granularity("model", derived=True),
        id=root.text("id"),
        name=root.text("name"),
        contexts=contexts,
        types=types,
        issuer=Issuer(issuer_id) if issuer_id else root.node("issuer", issuer),
        valid_from=root.text("validFrom"),
        valid_until=root.text("validUntil"),
        status=parts.statuses(root),
        render_methods=root.nodes("renderMethod", _render_method),
        software=root.node("issuingSoftware", _software),
        at=root.at,
    )
    return root.node("credentialSubject", lambda cursor: _subject(cursor, passport)) or passport


def issuer(cursor: Cursor) -> Issuer:
    cursor.implied("type", "CredentialIssuer")
    return Issuer(cursor.text("id"), cursor.text("name"), cursor.nodes("issuerAlsoKnownAs", _party), at=cursor.at)


def _subject(cursor: Cursor, envelope: Passport) -> Passport:
    cursor.implied("type", "Product")
    granularity = envelope.granularity
    level = cursor.peek("idGranularity")
    if level in _LEVELS:
        cursor.take("idGranularity")
        granularity = Granularity(str(level))
    product = Product(
        id=cursor.text("id"),
        name=cursor.text("name"),
        scheme=cursor.node("idScheme", parts.scheme),
        model_number=cursor.text("modelNumber"),
        batch=cursor.text("batchNumber"),
        serial=cursor.text("itemNumber"),
        description=cursor.text("description"),
        image=cursor.node("productImage", parts.link_0_7),
        categories=cursor.nodes("productCategory", parts.classification_0_7),
        documents=cursor.nodes("relatedDocument", parts.link_0_7),
        parties=cursor.nodes("relatedParty", _related_party),
        facility=cursor.node("producedAtFacility", _facility),
        production_date=cursor.text("productionDate"),
        expiry_date=cursor.text("expiryDate"),
        country=cursor.node("countryOfProduction", parts.country),
        dimensions=cursor.node("dimensions", parts.dimensions),
        characteristics=cursor.node("characteristics", characteristics),
        packaging=cursor.node("packaging", _packaging),
        labels=cursor.nodes("productLabel", _image),
        at=cursor.at,
    )
    return replace(
        envelope,
        product=product,
        granularity=granularity,
        materials=cursor.nodes("materialProvenance", _material),
        claims=cursor.nodes("performanceClaim", _claim),
    )


def _related_party(cursor: Cursor) -> RelatedParty:
    return RelatedParty(cursor.text("role"), cursor.node("party", _party), at=cursor.at)


def _party(cursor: Cursor) -> Party:
    cursor.implied("type", "Party")
    return Party(
        id=cursor.text("id"),
        name=cursor.text("name"),
        registered_id=cursor.text("registeredId"),
        scheme=cursor.node("idScheme", parts.scheme),
        description=cursor.text("description"),
        country=cursor.node("registrationCountry", parts.country),
        address=cursor.node("partyAddress", _address),
        website=cursor.text("organisationWebsite"),
        industries=cursor.nodes("industryCategory", parts.classification_0_7),
        also_known_as=cursor.nodes("partyAlsoKnownAs", _party),
        at=cursor.at,
    )


def _address(cursor: Cursor) -> Address:
    return Address(
        street=cursor.text("streetAddress"),
        postal_code=cursor.text("postalCode"),
        locality=cursor.text("addressLocality"),
        region=cursor.text("addressRegion"),
        country=cursor.node("addressCountry", parts.country),
        at=cursor.at,
    )


def _facility(cursor: Cursor) -> Facility:
    cursor.implied("type", "Facility")
    return Facility(
        id=cursor.text("id"),
        name=cursor.text("name"),
        registered_id=cursor.text("registeredId"),
        scheme=cursor.node("idScheme", parts.scheme),
        country=cursor.node("countryOfOperation", parts.country),
        processes=cursor.nodes("processCategory", parts.classification_0_7),
        also_known_as=cursor.nodes("facilityAlsoKnownAs", _party),
        at=cursor.at,
    )


def _image(cursor: Cursor) -> Image:
    return Image(
        name=cursor.text("name"),
        data=cursor.text("imageData"),
        media_type=cursor.text("mediaType"),
        description=cursor.text("description"),
        at=cursor.at,
    )


def _material(cursor: Cursor) -> Material:
    return Material(
        name=cursor.text("name"),
        origin=cursor.node("originCountry", parts.country),
        type=cursor.node("materialType", parts.classification_0_7),
        mass_fraction=cursor.number("massFraction"),
        mass=cursor.node("mass", parts.measure),
        recycled_fraction=cursor.number("recycledMassFraction"),
        hazardous=cursor.flag("hazardous"),
        symbol=cursor.node("symbol", _image),
        safety=cursor.node("materialSafetyInformation", parts.link_0_7),
        at=cursor.at,
    )


def _packaging(cursor: Cursor) -> Packaging:
    return Packaging(
        description=cursor.text("description"),
        dimensions=cursor.node("dimensions", parts.dimensions),
        materials=cursor.nodes("materialUsed", _material),
        labels=cursor.nodes("packageLabel", _image),
        claims=cursor.nodes("performanceClaim", _claim),
        at=cursor.at,
    )


def _claim(cursor: Cursor) -> Claim:
    cursor.implied("type", "Claim")
    return Claim(
        id=cursor.text("id"),
        name=cursor.text("name"),
        description=cursor.text("description"),
        topics=cursor.nodes("conformityTopic", _topic),
        standards=cursor.nodes("referenceStandard", _standard),
        regulations=cursor.nodes("referenceRegulation", _regulation),
        criteria=cursor.nodes("referenceCriteria", _criterion),
        date=cursor.text("claimDate"),
        period=cursor.node("applicablePeriod", _period),
        values=cursor.nodes("claimedPerformance", _performance),
        evidence=cursor.nodes("evidence", parts.link_0_7),
        at=cursor.at,
    )


def _topic(cursor: Cursor) -> Topic:
    cursor.implied("type", "ConformityTopic")
    return topic_code(
        Topic(id=cursor.text("id"), name=cursor.text("name"), definition=cursor.text("definition"), at=cursor.at)
    )


def _standard(cursor: Cursor) -> Standard:
    cursor.implied("type", "Standard")
    return Standard(
        id=cursor.text("id"),
        name=cursor.text("name"),
        issuing_party=cursor.node("issuingParty", _party),
        issue_date=cursor.text("issueDate"),
        at=cursor.at,
    )


def _regulation(cursor: Cursor) -> Regulation:
    cursor.implied("type", "Regulation")
    return Regulation(
        id=cursor.text("id"),
        name=cursor.text("name"),
        country=cursor.node("jurisdictionCountry", parts.country),
        administered_by=cursor.node("administeredBy", _party),
        effective_date=cursor.text("effectiveDate"),
        at=cursor.at,
    )


def _criterion(cursor: Cursor) -> Criterion:
    cursor.implied("type", "Criterion")
    return Criterion(
        id=cursor.text("id"),
        name=cursor.text("name"),
        description=cursor.text("description"),
        topics=cursor.nodes("conformityTopic", _topic),
        status=cursor.text("status"),
        at=cursor.at,
    )


def _period(cursor: Cursor) -> Period:
    return Period(
        start=cursor.text("startDate"),
        end=cursor.text("endDate"),
        information=cursor.text("periodInformation"),
        at=cursor.at,
    )


def _performance(cursor: Cursor) -> Performance:
    metric = cursor.node("metric", _metric) or Performance()
    return replace(
        metric,
        measure=cursor.node("measure", parts.measure),
        score=cursor.node("score", _score),
        at=cursor.at,
    )


def _metric(cursor: Cursor) -> Performance:
    cursor.implied("type", "PerformanceMetric")
    return metric_name(Performance(metric_id=cursor.text("id"), metric_name=cursor.text("name")))


def _score(cursor: Cursor) -> Score:
    rank = cursor.peek("rank")
    if isinstance(rank, int) and not isinstance(rank, bool):
        cursor.take("rank")
        return Score(cursor.text("code"), rank, cursor.text("definition"), at=cursor.at)
    return Score(cursor.text("code"), None, cursor.text("definition"), at=cursor.at)


def _render_method(cursor: Cursor) -> RenderMethod:
    cursor.implied("type", "RenderTemplate2024")
    return RenderMethod(
        name=cursor.text("name"),
        media_query=cursor.text("mediaQuery"),
        template=cursor.text("template"),
        url=cursor.text("url"),
        media_type=cursor.text("mediaType"),
        digest=parts.multibase(cursor, "digestMultibase"),
        at=cursor.at,
    )


def _software(cursor: Cursor) -> Software:
    return Software(
        id=cursor.text("id"),
        name=cursor.text("name"),
        version=cursor.text("version"),
        vendor=cursor.node("vendor", _party),
        at=cursor.at,
    )
