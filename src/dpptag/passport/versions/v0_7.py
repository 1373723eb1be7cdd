"""UNTP 0.7.0: the product is the subject again, and claims carry every performance.

Sources: the published JSON Schema of each version; names, enumerations and requiredness are as there.
"""

from __future__ import annotations

from typing import Annotated, Literal, Required

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from dpptag.passport.versions import Version
from dpptag.passport.versions.basic import (
    Date,
    DateTime,
    Fraction,
    Integer,
    Names,
    Uri,
    closed,
    first_contexts,
    measure_with_metric,
    naming,
    open_ended,
)

PartyRoleCode = Literal[
    "owner",
    "producer",
    "manufacturer",
    "processor",
    "remanufacturer",
    "recycler",
    "operator",
    "serviceProvider",
    "inspector",
    "certifier",
    "logisticsProvider",
    "carrier",
    "consignor",
    "consignee",
    "importer",
    "exporter",
    "distributor",
    "retailer",
    "brandOwner",
    "regulator",
]


@open_ended
class PartyReference(TypedDict, total=False):
    type: Annotated[Names, naming("Party")]
    id: Required[Uri]
    name: Required[str]
    registeredId: str


@open_ended
class CredentialIssuer(TypedDict, total=False):
    type: Annotated[Names, naming("CredentialIssuer")]
    id: Required[Uri]
    name: Required[str]
    issuerAlsoKnownAs: list[PartyReference]


@closed
class BitstringStatusListEntry(TypedDict, total=False):
    type: Required[Literal["BitstringStatusListEntry"]]
    id: Uri
    statusPurpose: Required[Literal["refresh", "revocation", "suspension", "message"]]
    statusListIndex: Required[Annotated[Integer, Field(ge=0)]]
    statusListCredential: Required[Uri]


@closed
class RenderTemplate2024(TypedDict, total=False):
    type: Annotated[Names, naming("RenderTemplate2024")]
    name: str
    mediaQuery: str
    template: str
    url: Uri
    mediaType: str
    digestMultibase: str


@open_ended
class IdentifierSchemeReference(TypedDict, total=False):
    type: Annotated[Names, naming("IdentifierScheme")]
    id: Required[Uri]
    name: Required[str]


@closed
class Link(TypedDict, total=False):
    linkURL: Required[Uri]
    linkName: Required[str]
    digestMultibase: str
    mediaType: str
    linkType: str


@open_ended
class Characteristics(TypedDict, total=False):
    pass


@closed
class Classification(TypedDict, total=False):
    code: Required[str]
    name: Required[str]
    definition: str
    schemeId: Required[Uri]
    schemeName: Required[str]


@closed
class Country(TypedDict, total=False):
    countryCode: Required[str]
    countryName: str


@closed
class Address(TypedDict, total=False):
    streetAddress: Required[str]
    postalCode: Required[str]
    addressLocality: Required[str]
    addressRegion: Required[str]
    addressCountry: Required[Country]


@open_ended
class Party(TypedDict, total=False):
    type: Annotated[Names, naming("Party")]
    id: Required[Uri]
    name: Required[str]
    description: str
    registeredId: str
    idScheme: IdentifierSchemeReference
    registrationCountry: Country
    partyAddress: Address
    organisationWebsite: Uri
    industryCategory: list[Classification]
    partyAlsoKnownAs: list[PartyReference]


@closed
class PartyRole(TypedDict, total=False):
    role: Required[PartyRoleCode]
    party: Required[Party]


@open_ended
class FacilityReference(TypedDict, total=False):
    type: Annotated[Names, naming("Facility")]
    id: Required[Uri]
    name: Required[str]
    registeredId: str


@closed
class Measure(TypedDict, total=False):
    value: Required[float]
    upperTolerance: float
    lowerTolerance: float
    unit: Required[str]


@open_ended
class Dimension(TypedDict, total=False):
    weight: Measure
    length: Measure
    width: Measure
    height: Measure
    volume: Measure


@closed
class Image(TypedDict, total=False):
    name: Required[str]
    description: str
    imageData: Required[str]
    mediaType: Required[str]


@open_ended
class Material(TypedDict, total=False):
    name: Required[str]
    originCountry: Required[Country]
    materialType: Required[Classification]
    massFraction: Required[Fraction]
    mass: Measure
    recycledMassFraction: Fraction
    hazardous: bool
    symbol: Image
    materialSafetyInformation: Link


@open_ended
class CriterionReference(TypedDict, total=False):
    type: Annotated[Names, naming("Criterion")]
    id: Required[Uri]
    name: Required[str]


@open_ended
class RegulationReference(TypedDict, total=False):
    type: Annotated[Names, naming("Regulation")]
    id: Required[Uri]
    name: Required[str]


@open_ended
class StandardReference(TypedDict, total=False):
    type: Annotated[Names, naming("Standard")]
    id: Required[Uri]
    name: Required[str]


@closed
class Period(TypedDict, total=False):
    startDate: Required[Date]
    endDate: Required[Date]
    periodInformation: str


@open_ended
class MetricReference(TypedDict, total=False):
    type: Annotated[Names, naming("PerformanceMetric")]
    id: Required[Uri]
    name: Required[str]


@closed
class Score(TypedDict, total=False):
    code: Required[str]
    rank: Integer
    definition: str


@closed
class Performance(TypedDict, total=False):
    metric: MetricReference
    measure: Measure
    score: Score


@closed
class ConformityTopic(TypedDict, total=False):
    type: Annotated[Names, naming("ConformityTopic")]
    id: Required[Uri]
    name: Required[str]
    definition: str


@open_ended
class Claim(TypedDict, total=False):
    type: Annotated[Names, naming("Claim")]
    id: Required[Uri]
    name: Required[str]
    description: str
    referenceCriteria: Required[list[CriterionReference]]
    referenceRegulation: list[RegulationReference]
    referenceStandard: list[StandardReference]
    claimDate: Required[Date]
    applicablePeriod: Period
    claimedPerformance: Required[list[Annotated[Performance, AfterValidator(measure_with_metric)]]]
    evidence: list[Link]
    conformityTopic: Required[list[ConformityTopic]]


@open_ended
class Package(TypedDict, total=False):
    description: Required[str]
    dimensions: Required[Dimension]
    materialUsed: Required[list[Material]]
    packageLabel: list[Image]
    performanceClaim: list[Claim]


@open_ended
class Product(TypedDict, total=False):
    type: Annotated[Names, naming("Product")]
    id: Required[Uri]
    name: Required[str]
    description: str
    idScheme: Required[IdentifierSchemeReference]
    modelNumber: str
    batchNumber: str
    itemNumber: str
    idGranularity: Required[Literal["model", "batch", "item"]]
    productImage: Link
    characteristics: Characteristics
    productCategory: Required[list[Classification]]
    relatedDocument: list[Link]
    relatedParty: list[PartyRole]
    producedAtFacility: Required[FacilityReference]
    productionDate: Date
    expiryDate: Date
    countryOfProduction: Required[Country]
    dimensions: Dimension
    materialProvenance: list[Material]
    packaging: Package
    productLabel: list[Image]
    performanceClaim: list[Claim]


@closed
class SoftwareVendor(TypedDict, total=False):
    id: Required[Uri]
    name: Required[str]


@closed
class IssuingSoftware(TypedDict, total=False):
    id: Required[Uri]
    name: Required[str]
    version: Required[str]
    vendor: Required[SoftwareVendor]


@open_ended
class Passport(TypedDict, total=False):
    type: Annotated[Names, naming("DigitalProductPassport", "VerifiableCredential")]
    context: Required[Annotated[Names, first_contexts(Version.V0_7_0), Field(alias="@context")]]
    id: Required[Uri]
    issuer: Required[CredentialIssuer]
    validFrom: Required[DateTime]
    validUntil: DateTime
    name: Required[str]
    credentialStatus: BitstringStatusListEntry
    renderMethod: list[RenderTemplate2024]
    credentialSubject: Required[Product]
    issuingSoftware: IssuingSoftware
