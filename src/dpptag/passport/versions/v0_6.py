"""UNTP 0.6.0 and 0.6.1: a ProductPassport round a product.

0.6.1 differs in its criterion alone, and in what holds one.

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
    DateTimeStamp,
    Names,
    Uri,
    closed,
    first_contexts,
    naming,
    open_ended,
)


@open_ended
class PartyReference(TypedDict, total=False):
    id: Required[Uri]
    name: Required[str]
    registeredId: str


@closed
class CredentialIssuer(TypedDict, total=False):
    type: Annotated[Names, naming("CredentialIssuer")]
    id: Required[Uri]
    name: Required[str]
    issuerAlsoKnownAs: list[PartyReference]


@closed
class IdentifierScheme(TypedDict, total=False):
    type: Annotated[Names, naming("IdentifierScheme")]
    id: Uri
    name: str


@closed
class Link(TypedDict, total=False):
    type: Annotated[Names, naming("Link")]
    linkURL: Uri
    linkName: str
    linkType: str


@open_ended
class Characteristics(TypedDict, total=False):
    type: Annotated[Names, naming("Characteristics")]


@closed
class Classification(TypedDict, total=False):
    type: Annotated[Names, naming("Classification")]
    id: Required[Uri]
    code: str
    name: Required[str]
    schemeID: Uri
    schemeName: str


@closed
class Measure(TypedDict, total=False):
    type: Annotated[Names, naming("Measure")]
    value: Required[float]
    unit: Required[str]


@open_ended
class Dimension(TypedDict, total=False):
    type: Annotated[Names, naming("Dimension")]
    weight: Measure
    length: Measure
    width: Measure
    height: Measure
    volume: Measure


@open_ended
class Product(TypedDict, total=False):
    type: Annotated[Names, naming("Product")]
    id: Required[Uri]
    name: Required[str]
    registeredId: str
    idScheme: IdentifierScheme
    batchNumber: str
    productImage: Link
    description: str
    characteristics: Characteristics
    productCategory: list[Classification]
    furtherInformation: list[Link]
    producedByParty: PartyReference
    producedAtFacility: PartyReference
    productionDate: Date
    countryOfProduction: str
    serialNumber: str
    dimensions: Dimension


@closed
class Standard(TypedDict, total=False):
    type: Annotated[Names, naming("Standard")]
    id: Uri
    name: str
    issuingParty: Required[PartyReference]
    issueDate: Date


@closed
class Regulation(TypedDict, total=False):
    type: Annotated[Names, naming("Regulation")]
    id: Uri
    name: str
    jurisdictionCountry: str
    administeredBy: Required[PartyReference]
    effectiveDate: Date


@closed
class Metric(TypedDict, total=False):
    type: Annotated[Names, naming("Metric")]
    metricName: Required[str]
    metricValue: Required[Measure]
    score: str
    accuracy: float


@closed
class Criterion(TypedDict, total=False):
    type: Annotated[Names, naming("Criterion")]
    id: Required[Uri]
    name: Required[str]
    description: Required[str]
    conformityTopic: Required[ConformityTopicCode]
    status: Required[Literal["proposed", "active", "deprecated"]]
    subCriterion: list[Criterion]
    thresholdValue: Metric
    performanceLevel: str
    tags: str


@closed
class SecureLink(TypedDict, total=False):
    type: Annotated[Names, naming("SecureLink", "Link")]
    linkURL: Uri
    linkName: str
    linkType: str
    hashDigest: str
    hashMethod: Literal["SHA-256", "SHA-1"]
    encryptionMethod: Literal["none", "AES"]


@open_ended
class Claim(TypedDict, total=False):
    type: Annotated[Names, naming("Claim", "Declaration")]
    id: Required[Uri]
    description: str
    referenceStandard: Standard
    referenceRegulation: Regulation
    assessmentCriteria: list[Criterion]
    assessmentDate: Date
    declaredValue: list[Metric]
    conformance: Required[bool]
    conformityTopic: Required[ConformityTopicCode]
    conformityEvidence: SecureLink


@open_ended
class EmissionsPerformance(TypedDict, total=False):
    type: Annotated[Names, naming("EmissionsPerformance")]
    carbonFootprint: Required[float]
    declaredUnit: Required[str]
    operationalScope: Required[Literal["None", "CradleToGate", "CradleToGrave"]]
    primarySourcedRatio: Required[float]
    reportingStandard: Standard


@open_ended
class TraceabilityPerformance(TypedDict, total=False):
    type: Annotated[Names, naming("TraceabilityPerformance")]
    valueChainProcess: str
    verifiedRatio: float
    traceabilityEvent: list[SecureLink]


@open_ended
class CircularityPerformance(TypedDict, total=False):
    type: Annotated[Names, naming("CircularityPerformance")]
    recyclingInformation: Link
    repairInformation: Link
    recyclableContent: float
    recycledContent: float
    utilityFactor: float
    materialCircularityIndicator: float


@open_ended
class Material(TypedDict, total=False):
    type: Annotated[Names, naming("Material")]
    name: Required[str]
    originCountry: str
    materialType: Classification
    massFraction: float
    mass: Measure
    recycledMassFraction: float
    hazardous: bool
    symbol: str
    materialSafetyInformation: Link


@open_ended
class ProductPassport(TypedDict, total=False):
    type: Annotated[Names, naming("ProductPassport")]
    id: Uri
    product: Product
    granularityLevel: Literal["item", "batch", "model"]
    conformityClaim: list[Claim]
    emissionsScorecard: EmissionsPerformance
    traceabilityInformation: list[TraceabilityPerformance]
    circularityScorecard: CircularityPerformance
    dueDiligenceDeclaration: Link
    materialsProvenance: list[Material]


@open_ended
class Passport(TypedDict, total=False):
    type: Annotated[Names, naming("DigitalProductPassport", "VerifiableCredential")]
    context: Required[Annotated[Names, first_contexts(Version.V0_6_0), Field(alias="@context")]]
    id: Required[Uri]
    issuer: Required[CredentialIssuer]
    validFrom: DateTimeStamp
    validUntil: DateTimeStamp
    credentialSubject: ProductPassport


@closed
class Criterion061(TypedDict, total=False):
    type: Annotated[Names, naming("Criterion")]
    id: Required[Uri]
    name: Required[str]
    description: Required[str]
    conformityTopic: Required[ConformityTopicCode]
    status: Required[Literal["proposed", "active", "deprecated"]]
    subCriterion: list[Criterion061]
    thresholdValue: Metric
    performanceLevel: str
    category: list[Classification]
    tag: list[str]


@open_ended
class Claim061(TypedDict, total=False):
    type: Annotated[Names, naming("Claim", "Declaration")]
    id: Required[Uri]
    description: str
    referenceStandard: Standard
    referenceRegulation: Regulation
    assessmentCriteria: list[Criterion061]
    assessmentDate: Date
    declaredValue: list[Metric]
    conformance: Required[bool]
    conformityTopic: Required[ConformityTopicCode]
    conformityEvidence: SecureLink


@open_ended
class ProductPassport061(TypedDict, total=False):
    type: Annotated[Names, naming("ProductPassport")]
    id: Uri
    product: Product
    granularityLevel: Literal["item", "batch", "model"]
    conformityClaim: list[Claim061]
    emissionsScorecard: EmissionsPerformance
    traceabilityInformation: list[TraceabilityPerformance]
    circularityScorecard: CircularityPerformance
    dueDiligenceDeclaration: Link
    materialsProvenance: list[Material]


@open_ended
class Passport061(TypedDict, total=False):
    type: Annotated[Names, naming("DigitalProductPassport", "VerifiableCredential")]
    context: Required[Annotated[Names, first_contexts(Version.V0_6_1), Field(alias="@context")]]
    id: Required[Uri]
    issuer: Required[CredentialIssuer]
    validFrom: DateTimeStamp
    validUntil: DateTimeStamp
    credentialSubject: ProductPassport061
