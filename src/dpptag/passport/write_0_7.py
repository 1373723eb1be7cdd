"""The internal passport as UNTP 0.7.0, a JSON object that its JSON Schema accepts.

Scorecards and links of 0.6 are written as ``scorecards`` says. A part that lacks what 0.7.0 requires of it is left out
and listed; a passport that lacks what 0.7.0 requires of the whole is refused.
"""

from __future__ import annotations

from typing import Final

from dpptag.errors import PassportError
from dpptag.passport import write_parts_0_7 as parts
from dpptag.passport.document import JsonObject
from dpptag.passport.internal import (
    Facility,
    Issuer,
    Link,
    Material,
    Number,
    Packaging,
    Passport,
    Product,
    RelatedParty,
    RenderMethod,
    Scheme,
    Software,
    Status,
)
from dpptag.passport.read_cursor import member_path
from dpptag.passport.scorecards import lowered
from dpptag.passport.versions import SHARED_CONTEXT
from dpptag.passport.write_parts_0_7 import NOT_IN_0_7
from dpptag.passport.write_sheet import Sheet, contexts_and_types, each, maybe

ROLES: Final = (
    *("owner", "producer", "manufacturer", "processor", "remanufacturer", "recycler", "operator", "serviceProvider"),
    *("inspector", "certifier", "logisticsProvider", "carrier", "consignor", "consignee", "importer", "exporter"),
    *("distributor", "retailer", "brandOwner", "regulator"),
)
_PURPOSES: Final = ("refresh", "revocation", "suspension", "message")
_STATUS: Final = "BitstringStatusListEntry"


def write_0_7(passport: Passport, sheet: Sheet) -> JsonObject:
    """Raises PassportError ``incomplete``: what is missing, and of which part."""
    valid_from = sheet.time("validFrom", passport.valid_from)
    _lost_in_lowering(passport, sheet)
    told = lowered(passport)
    sheet.lose("$.credentialSubject", NOT_IN_0_7, {"emissionsScorecard": told.emissions})
    name = passport.name
    if name is None and passport.product.name is not None:
        name = passport.product.name
        sheet.note("$", "the passport has no name; its product's is written")
    members = {
        **contexts_and_types(passport, SHARED_CONTEXT),
        "id": sheet.uri("$", "id", passport.id),
        "issuer": maybe(sheet, passport.issuer, "issuer", _issuer),
        "validFrom": valid_from,
        "validUntil": sheet.time("validUntil", passport.valid_until),
        "name": name,
        "credentialStatus": _status(passport, sheet),
        "renderMethod": each(sheet, passport.render_methods, "render_methods", _render_method),
        "credentialSubject": _product(told, sheet),
        "issuingSoftware": maybe(sheet, passport.software, "software", _software),
    }
    required = ("id", "issuer", "validFrom", "name", "credentialSubject")
    written = sheet.make("$", members, required, is_open=True)
    if written is None:
        missing = ", ".join(f"{one.path}: {one.why}" for one in sheet.dropped if " wants " in one.why)
        raise PassportError(
            "the passport lacks what UNTP 0.7.0 requires",
            code="incomplete",
            action="give what is missing, or write UNTP 0.6.1, which requires less",
            missing=missing[:2000],
        )
    return written


def _lost_in_lowering(passport: Passport, sheet: Sheet) -> None:
    """What the claims and documents that take a part over do not say."""
    if passport.subject_id is not None:
        sheet.drop("$.credentialSubject.id", "{version} has no object with an id of its own round the product")
    marked: list[Link] = [event for stage in passport.traceability for event in stage.events]
    if passport.due_diligence is not None:
        marked.append(passport.due_diligence)
    if passport.circularity is not None:
        marked.extend(one for one in (passport.circularity.recycling, passport.circularity.repair) if one is not None)
    for link in marked:
        sheet.lose(link.at or "link", NOT_IN_0_7, {"linkType": link.type})
    for index, stage in enumerate(passport.traceability):
        members = {
            "valueChainProcess": stage.process,
            "verifiedRatio": stage.verified_ratio,
            "eventType": stage.event_type,
        }
        sheet.lose(stage.at or f"traceability[{index}]", NOT_IN_0_7, members)
    if len(passport.traceability) > 1:
        sheet.note("traceability", "the events of all stages are related documents in one list")


def _issuer(sheet: Sheet, issuer: Issuer, path: str) -> JsonObject | None:
    at = issuer.at or path
    members = {
        "type": ["CredentialIssuer"],
        "id": sheet.uri(at, "id", issuer.id),
        "name": issuer.name,
        "issuerAlsoKnownAs": each(sheet, issuer.also_known_as, f"{at}.issuerAlsoKnownAs", parts.party),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


def _status(passport: Passport, sheet: Sheet) -> JsonObject | None:
    """0.7.0 takes one entry with an integer for its index, where the W3C takes a list with text."""
    for status in passport.status[1:]:
        sheet.drop(status.at or "status", "{version} takes one status entry")
    return maybe(sheet, passport.status[0], "status", _status_entry) if passport.status else None


def _status_entry(sheet: Sheet, status: Status, path: str) -> JsonObject | None:
    at = status.at or path
    index = status.index
    if isinstance(index, str):
        digits = index.isascii() and index.isdigit() and len(index) <= 18
        index = int(index) if digits else None
    if index is None or index < 0:
        index = None
    members = {
        "type": sheet.one_of(at, "type", status.type, (_STATUS,)),
        "id": sheet.uri(at, "id", status.id),
        "statusPurpose": sheet.one_of(at, "statusPurpose", status.purpose, _PURPOSES),
        "statusListIndex": index,
        "statusListCredential": sheet.uri(at, "statusListCredential", status.list_credential),
    }
    return sheet.make(at, members, ("type", "statusPurpose", "statusListIndex", "statusListCredential"))


def _render_method(sheet: Sheet, method: RenderMethod, path: str) -> JsonObject | None:
    at = method.at or path
    members = {
        "type": ["RenderTemplate2024"],
        "name": method.name,
        "mediaQuery": method.media_query,
        "template": method.template,
        "url": sheet.uri(at, "url", method.url),
        "mediaType": method.media_type,
        "digestMultibase": parts.digest(sheet, method.digest, at),
    }
    return sheet.make(at, members)


def _software(sheet: Sheet, software: Software, path: str) -> JsonObject | None:
    at = software.at or path
    vendor = None
    if software.vendor is not None:
        place = software.vendor.at or f"{at}.vendor"
        named = {"id": sheet.uri(place, "id", software.vendor.id), "name": software.vendor.name}
        vendor = sheet.make(place, named, ("id", "name"))
    members = {
        "id": sheet.uri(at, "id", software.id),
        "name": software.name,
        "version": software.version,
        "vendor": vendor,
    }
    return sheet.make(at, members, ("id", "name", "version", "vendor"))


def _product(passport: Passport, sheet: Sheet) -> JsonObject | None:
    product = passport.product
    at = product.at or "product"
    sheet.lose(at, NOT_IN_0_7, {"registeredId": product.registered_id})
    categories = each(sheet, product.categories, f"{at}.productCategory", parts.classification)
    members: dict[str, object] = {
        "type": ["Product"],
        "id": sheet.uri(at, "id", product.id),
        "name": product.name,
        "description": product.description,
        "idScheme": _id_scheme(passport, product, sheet),
        "modelNumber": product.model_number,
        "batchNumber": product.batch,
        "itemNumber": product.serial,
        "idGranularity": passport.granularity.level,
        "productImage": maybe(sheet, product.image, f"{at}.productImage", parts.link),
        "characteristics": None if product.characteristics is None else dict(product.characteristics.members),
        "productCategory": categories,
        "relatedDocument": each(sheet, product.documents, f"{at}.relatedDocument", parts.link),
        "relatedParty": each(sheet, product.parties, f"{at}.relatedParty", _related_party),
        "producedAtFacility": maybe(sheet, product.facility, f"{at}.producedAtFacility", _facility),
        "productionDate": sheet.day(at, "productionDate", product.production_date),
        "expiryDate": sheet.day(at, "expiryDate", product.expiry_date),
        "countryOfProduction": maybe(sheet, product.country, f"{at}.countryOfProduction", parts.country),
        "dimensions": maybe(sheet, product.dimensions, f"{at}.dimensions", parts.dimensions),
        "materialProvenance": each(sheet, passport.materials, "materials", _material),
        "packaging": maybe(sheet, product.packaging, f"{at}.packaging", _packaging),
        "productLabel": each(sheet, product.labels, f"{at}.productLabel", parts.image),
        "performanceClaim": each(sheet, passport.claims, "claims", parts.claim),
    }
    required = ("id", "name", "idScheme", "idGranularity", "producedAtFacility", "countryOfProduction")
    written = sheet.make(at, members, required, is_open=True, also=("$.credentialSubject",))
    if written is not None and not categories:
        # The schema requires the list and lets it be empty.
        written["productCategory"] = []
        sheet.note(at, "the product has no classification")
    return written


def _id_scheme(passport: Passport, product: Product, sheet: Sheet) -> JsonObject | None:
    """Without a scheme of its own the product's id is the issuer's own, says 0.7.0."""
    if product.scheme is None and passport.issuer is not None:
        sheet.note(product.at or "product", "the product's id has no scheme; the issuer's own is written")
        return parts.scheme(sheet, Scheme(passport.issuer.id, passport.issuer.name), "product.idScheme")
    return maybe(sheet, product.scheme, "product.idScheme", parts.scheme)


def _related_party(sheet: Sheet, related: RelatedParty, path: str) -> JsonObject | None:
    at = related.at or path
    members = {
        "role": sheet.one_of(at, "role", related.role, ROLES),
        "party": maybe(sheet, related.party, f"{at}.party", parts.party),
    }
    return sheet.make(at, members, ("role", "party"))


def _facility(sheet: Sheet, facility: Facility, path: str) -> JsonObject | None:
    at = facility.at or path
    sheet.lose(at, NOT_IN_0_7, {"operatedBy": facility.operator})
    members = {
        "type": ["Facility"],
        "id": sheet.uri(at, "id", facility.id),
        "name": facility.name,
        "registeredId": facility.registered_id,
        "idScheme": maybe(sheet, facility.scheme, f"{at}.idScheme", parts.scheme),
        "countryOfOperation": maybe(sheet, facility.country, f"{at}.countryOfOperation", parts.country),
        "processCategory": each(sheet, facility.processes, f"{at}.processCategory", parts.classification),
        "facilityAlsoKnownAs": each(sheet, facility.also_known_as, f"{at}.facilityAlsoKnownAs", parts.party),
    }
    return sheet.make(at, members, ("id", "name"), is_open=True)


def _material(sheet: Sheet, material: Material, path: str) -> JsonObject | None:
    at = material.at or path
    sheet.lose(at, NOT_IN_0_7, {"recycled": material.recycled})
    members = {
        "name": material.name,
        "originCountry": maybe(sheet, material.origin, f"{at}.originCountry", parts.country),
        "materialType": maybe(sheet, material.type, f"{at}.materialType", parts.classification),
        "massFraction": _fraction(sheet, at, "massFraction", material.mass_fraction),
        "mass": maybe(sheet, material.mass, f"{at}.mass", parts.measure),
        "recycledMassFraction": _fraction(sheet, at, "recycledMassFraction", material.recycled_fraction),
        "hazardous": material.hazardous,
        "symbol": maybe(sheet, material.symbol, f"{at}.symbol", parts.image),
        "materialSafetyInformation": maybe(sheet, material.safety, f"{at}.materialSafetyInformation", parts.link),
    }
    return sheet.make(at, members, ("name", "originCountry", "materialType", "massFraction"), is_open=True)


def _fraction(sheet: Sheet, at: str, name: str, value: Number | None) -> Number | None:
    if value is None or 0 <= value <= 1:
        return value
    sheet.drop(member_path(at, name), "not a fraction from 0 to 1, which {version} wants here")
    return None


def _packaging(sheet: Sheet, packaging: Packaging, path: str) -> JsonObject | None:
    at = packaging.at or path
    materials = each(sheet, packaging.materials, f"{at}.materialUsed", _material)
    members = {
        "description": packaging.description,
        "dimensions": maybe(sheet, packaging.dimensions, f"{at}.dimensions", parts.dimensions),
        "materialUsed": materials,
        "packageLabel": each(sheet, packaging.labels, f"{at}.packageLabel", parts.image),
        "performanceClaim": each(sheet, packaging.claims, f"{at}.performanceClaim", parts.claim),
    }
    written = sheet.make(at, members, ("description", "dimensions"), is_open=True)
    return written if written is None else {**written, "materialUsed": materials}
