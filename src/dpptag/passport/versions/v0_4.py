"""UNTP 0.4.0, 0.4.1, 0.4.2 and 0.5.0: one product, growing.

A class with a number after its name is the class of that version and of those after it; what 0.4.0 has from
0.3.10 is imported. 0.4.0 still refuses unknown members everywhere, 0.4.1 opens the large classes.

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
    open_ended,
)
from dpptag.passport.versions.v0_3_10 import (
    CircularityPerformance,
    Classification,
    Dimension,
    IdentifierScheme,
    Link,
    Measure,
    SecureLink,
)


@closed
class Identifier(TypedDict, total=False):
    type: Annotated[Names, exactly("Identifier")]
    id: Required[Uri]
    name: Required[str]
    registeredId: str
    idScheme: IdentifierScheme


@closed
class CredentialIssuer(TypedDict, total=False):
    type: Annotated[Names, exactly("CredentialIssuer")]
    id: Required[Uri]
    name: Required[str]
    otherIdentifiers: list[Identifier]


@closed
class Material(TypedDict, total=False):
    type: Annotated[Names, exactly("Material")]
    name: Required[str]
    originCountry: str
    materialType: Classification
    massFraction: float
    massAmount: Measure
    recycledAmount: float
    hazardous: bool
    symbol: str
    materialSafetyInformation: Link


@closed
class Standard(TypedDict, total=False):
    type: Annotated[Names, exactly("Standard")]
    id: Uri
    name: str
    issuingParty: Required[Identifier]
    issueDate: Date


@closed
class Regulation(TypedDict, total=False):
    type: Annotated[Names, exactly("Regulation")]
    id: Uri
    name: str
    jurisdictionCountry: str
    administeredBy: Required[Identifier]
    effectiveDate: Date


@closed
class Metric(TypedDict, total=False):
    type: Annotated[Names, exactly("Metric")]
    metricName: Required[str]
    metricValue: Required[Measure]
    score: str
    accuracy: float


@closed
class Criterion(TypedDict, total=False):
    type: Annotated[Names, exactly("Criterion")]
    id: Required[Uri]
    name: Required[str]
    thresholdValues: list[Metric]


@closed
class Claim(TypedDict, total=False):
    type: Annotated[Names, exactly("Claim", "Declaration")]
    assessmentDate: Date
    id: Required[Uri]
    referenceStandard: Standard
    referenceRegulation: Regulation
    assessmentCriteria: list[Criterion]
    declaredValues: list[Metric]
    compliance: Required[bool]
    conformityTopic: Required[ConformityTopicCode]
    conformityEvidence: SecureLink


@closed
class EmissionsPerformance(TypedDict, total=False):
    type: Annotated[Names, exactly("EmissionsPerformance")]
    carbonFootprint: Required[float]
    declaredUnit: Required[str]
    operationalScope: Required[Literal["None", "CradleToGate", "CradleToGrave"]]
    primarySourcedRatio: Required[float]
    reportingStandard: Standard


@closed
class TraceabilityPerformance(TypedDict, total=False):
    type: Annotated[Names, exactly("TraceabilityPerformance")]
    valueChainProcess: str
    verifiedRatio: float
    traceabilityEvents: list[SecureLink]


@closed
class Product(TypedDict, total=False):
    type: Annotated[Names, exactly("Product")]
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
    producedByParty: Identifier
    producedAtFacility: Identifier
    dimensions: Dimension
    productionDate: Date
    countryOfProduction: str
    dueDiligenceDeclaration: Link
    materialsProvenance: list[Material]
    conformityClaims: list[Claim]
    circularityScorecard: CircularityPerformance
    emissionsScorecard: EmissionsPerformance
    traceabilityInformation: TraceabilityPerformance


@closed
class Passport(TypedDict, total=False):
    type: Annotated[Names, exactly("DigitalProductPassport", "VerifiableCredential")]
    context: Required[Annotated[Names, only_contexts(Version.V0_4_0), Field(alias="@context")]]
    id: Required[Uri]
    issuer: Required[CredentialIssuer]
    validFrom: DateTime
    validUntil: DateTime
    credentialSubject: Product


@closed
class CredentialIssuer041(TypedDict, total=False):
    type: Annotated[Names, exactly("CredentialIssuer")]
    id: Required[Uri]
    name: Required[str]
    otherIdentifier: list[Identifier]


@open_ended
class Dimension041(TypedDict, total=False):
    type: Annotated[Names, exactly("Dimension")]
    weight: Measure
    length: Measure
    width: Measure
    height: Measure
    volume: Measure


@open_ended
class Material041(TypedDict, total=False):
    type: Annotated[Names, exactly("Material")]
    name: Required[str]
    originCountry: str
    materialType: Classification
    massFraction: float
    massAmount: Measure
    recycledAmount: float
    hazardous: bool
    symbol: str
    materialSafetyInformation: Link


@open_ended
class Claim041(TypedDict, total=False):
    type: Annotated[Names, exactly("Claim", "Declaration")]
    assessmentDate: Date
    declaredValue: list[Metric]
    id: Required[Uri]
    referenceStandard: Standard
    referenceRegulation: Regulation
    assessmentCriteria: list[Criterion]
    declaredValues: list[Metric]
    compliance: Required[bool]
    conformityTopic: Required[ConformityTopicCode]
    conformityEvidence: SecureLink


@open_ended
class CircularityPerformance041(TypedDict, total=False):
    type: Annotated[Names, exactly("CircularityPerformance")]
    recyclingInformation: Link
    repairInformation: Link
    recyclableContent: float
    recycledContent: float
    utilityFactor: float
    materialCircularityIndicator: float


@open_ended
class EmissionsPerformance041(TypedDict, total=False):
    type: Annotated[Names, exactly("EmissionsPerformance")]
    carbonFootprint: Required[float]
    declaredUnit: Required[str]
    operationalScope: Required[Literal["None", "CradleToGate", "CradleToGrave"]]
    primarySourcedRatio: Required[float]
    reportingStandard: Standard


@open_ended
class TraceabilityPerformance041(TypedDict, total=False):
    type: Annotated[Names, exactly("TraceabilityPerformance")]
    valueChainProcess: str
    verifiedRatio: float
    traceabilityEvent: list[SecureLink]


@open_ended
class Product041(TypedDict, total=False):
    type: Annotated[Names, exactly("Product")]
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
    producedByParty: Identifier
    producedAtFacility: Identifier
    dimensions: Dimension041
    productionDate: Date
    countryOfProduction: str
    granularityLevel: Literal["item", "batch", "model"]
    dueDiligenceDeclaration: Link
    materialsProvenance: list[Material041]
    conformityClaim: list[Claim041]
    circularityScorecard: CircularityPerformance041
    emissionsScorecard: EmissionsPerformance041
    traceabilityInformation: TraceabilityPerformance041


@open_ended
class Passport041(TypedDict, total=False):
    type: Annotated[Names, exactly("DigitalProductPassport", "VerifiableCredential")]
    context: Required[Annotated[Names, only_contexts(Version.V0_4_1), Field(alias="@context")]]
    id: Required[Uri]
    issuer: Required[CredentialIssuer041]
    validFrom: DateTime
    validUntil: DateTime
    credentialSubject: Product041


@open_ended
class Passport042(TypedDict, total=False):
    type: Annotated[Names, exactly("DigitalProductPassport", "VerifiableCredential")]
    context: Required[Annotated[Names, only_contexts(Version.V0_4_2), Field(alias="@context")]]
    id: Required[Uri]
    issuer: Required[CredentialIssuer041]
    validFrom: DateTime
    validUntil: DateTime
    credentialSubject: Product041


@open_ended
class Claim050(TypedDict, total=False):
    type: Annotated[Names, exactly("Claim", "Declaration")]
    assessmentDate: Date
    declaredValue: list[Metric]
    id: Required[Uri]
    referenceStandard: Standard
    referenceRegulation: Regulation
    assessmentCriteria: list[Criterion]
    declaredValues: list[Metric]
    conformance: Required[bool]
    conformityTopic: Required[ConformityTopicCode]
    conformityEvidence: SecureLink


@open_ended
class Product050(TypedDict, total=False):
    type: Annotated[Names, exactly("Product")]
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
    producedByParty: Identifier
    producedAtFacility: Identifier
    dimensions: Dimension041
    productionDate: Date
    countryOfProduction: str
    granularityLevel: Literal["item", "batch", "model"]
    dueDiligenceDeclaration: Link
    materialsProvenance: list[Material041]
    conformityClaim: list[Claim050]
    circularityScorecard: CircularityPerformance041
    emissionsScorecard: EmissionsPerformance041
    traceabilityInformation: TraceabilityPerformance041


@open_ended
class Passport050(TypedDict, total=False):
    type: Annotated[Names, exactly("DigitalProductPassport", "VerifiableCredential")]
    context: Required[Annotated[Names, only_contexts(Version.V0_5_0), Field(alias="@context")]]
    id: Required[Uri]
    issuer: Required[CredentialIssuer041]
    validFrom: DateTime
    validUntil: DateTime
    credentialSubject: Product050
