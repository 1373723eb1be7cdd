"""UNTP 0.3.10: the first passport in a credential. Nothing but the named members is allowed anywhere.

Sources: the published JSON Schema of each version; names, enumerations and requiredness are as there.
"""

from __future__ import annotations

from typing import Annotated, Literal, Required

from pydantic import Field
from typing_extensions import TypedDict

from dpptag.passport.versions import Version
from dpptag.passport.versions.basic import (
    ConformityTopicCode,
    Date,
    DateTime,
    Names,
    Uri,
    closed,
    exactly,
    only_contexts,
)


@closed
class IdentifierScheme(TypedDict, total=False):
    type: Annotated[Names, exactly("IdentifierScheme")]
    id: Uri
    name: str


@closed
class Entity(TypedDict, total=False):
    type: Annotated[Names, exactly("Entity")]
    id: Required[Uri]
    name: Required[str]
    registeredId: str
    idScheme: IdentifierScheme


@closed
class CredentialIssuer(TypedDict, total=False):
    type: Annotated[Names, exactly("CredentialIssuer")]
    id: Required[Uri]
    name: Required[str]
    otherIdentifiers: list[Entity]


@closed
class Link(TypedDict, total=False):
    type: Annotated[Names, exactly("Link")]
    linkURL: Uri
    linkName: str
    linkType: str


@closed
class Classification(TypedDict, total=False):
    type: Annotated[Names, exactly("Classification")]
    id: Required[Uri]
    code: str
    name: Required[str]
    schemeID: Uri
    schemeName: str


@closed
class Measure(TypedDict, total=False):
    type: Annotated[Names, exactly("Measure")]
    value: Required[float]
    unit: Required[str]


@closed
class Dimension(TypedDict, total=False):
    type: Annotated[Names, exactly("Dimension")]
    weight: Measure
    length: Measure
    width: Measure
    height: Measure
    volume: Measure


@closed
class Material(TypedDict, total=False):
    type: Annotated[Names, exactly("Material")]
    name: Required[str]
    originCountry: str
    materialType: Classification
    massFraction: float
    recycledAmount: float
    hazardous: bool
    materialSafetyInformation: Link


@closed
class Standard(TypedDict, total=False):
    type: Annotated[Names, exactly("Standard")]
    id: Uri
    name: str
    issuingParty: Required[Entity]
    issueDate: Date


@closed
class Regulation(TypedDict, total=False):
    type: Annotated[Names, exactly("Regulation")]
    id: Uri
    name: str
    jurisdictionCountry: str
    administeredBy: Required[Entity]
    effectiveDate: Date


@closed
class Metric(TypedDict, total=False):
    type: Annotated[Names, exactly("Metric")]
    metricName: Required[str]
    metricValue: Required[Measure]
    accuracy: float


@closed
class Criterion(TypedDict, total=False):
    type: Annotated[Names, exactly("Criterion")]
    id: Required[Uri]
    name: Required[str]
    thresholdValues: list[Metric]


@closed
class SecureLink(TypedDict, total=False):
    type: Annotated[Names, exactly("SecureLink", "Link")]
    linkURL: Uri
    linkName: str
    linkType: str
    hashDigest: str
    hashMethod: Literal["SHA-256", "SHA-1"]
    encryptionMethod: Literal["none", "AES"]


@closed
class Declaration(TypedDict, total=False):
    type: Annotated[Names, exactly("Declaration")]
    id: Required[Uri]
    referenceStandard: Standard
    referenceRegulation: Regulation
    assessmentCriteria: list[Criterion]
    declaredValues: list[Metric]
    compliance: Required[bool]
    conformityTopic: Required[ConformityTopicCode]
    conformityEvidence: SecureLink


@closed
class CircularityPerformance(TypedDict, total=False):
    type: Annotated[Names, exactly("CircularityPerformance")]
    recyclingInformation: Link
    repairInformation: Link
    recyclableContent: float
    recyecledContent: float
    utilityFactor: float
    materialCircularityIndicator: float


@closed
class EmissionsPerformance(TypedDict, total=False):
    type: Annotated[Names, exactly("EmissionsPerformance")]
    carbonFootprint: Required[float]
    declaredUnit: Required[str]
    operationalScope: Required[Literal["None", "CradleToGate", "CradleToGrave"]]
    primarySourcedRatio: Required[float]
    reportingStandard: Standard


@closed
class Product(TypedDict, total=False):
    type: Annotated[Names, exactly("Product", "Entity")]
    id: Required[Uri]
    name: Required[str]
    registeredId: str
    idScheme: IdentifierScheme
    serialNumber: str
    batchNumber: str
    productImage: Link
    description: str
    productCategory: list[Classification]
    furtherInformation: list[Link]
    producedByParty: Entity
    producedAtFacility: Entity
    dimensions: Dimension
    productionDate: Date
    countryOfProduction: str
    materialsProvenance: list[Material]
    conformityDeclarations: list[Declaration]
    circularityScorecard: CircularityPerformance
    emissionsScorecard: EmissionsPerformance
    traceabilityInformation: list[SecureLink]


@closed
class Passport(TypedDict, total=False):
    type: Annotated[Names, exactly("DigitalProductPassport", "VerifiableCredential")]
    context: Required[Annotated[Names, only_contexts(Version.V0_3_10), Field(alias="@context")]]
    id: Required[Uri]
    issuer: Required[CredentialIssuer]
    validFrom: DateTime
    validUntil: DateTime
    credentialSubject: Product
