"""UNTP 0.3.0: a bare product, without credential or context, that refuses every member it does not name.

Sources: the published JSON Schema of each version; names, enumerations and requiredness are as there.
"""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from dpptag.passport.versions.basic import ConformityTopicCode, Date, Uri, closed


@closed
class BinaryFile(TypedDict, total=False):
    type: Literal["BinaryFile"]
    id: Uri
    fileName: str
    fileType: str


@closed
class Classification(TypedDict, total=False):
    type: Literal["Classification"]
    id: Uri
    classificationSchemeID: Uri
    classificationSchemeName: str
    classifierValue: str
    classifierName: str


@closed
class Identifier(TypedDict, total=False):
    type: Literal["Identifier"]
    id: Uri
    idScheme: Uri
    idSchemeName: str
    idValue: str


@closed
class Organisation(TypedDict, total=False):
    type: Literal["Organisation"]
    id: Uri
    idScheme: Uri
    idSchemeName: str
    idValue: str
    organisationName: str
    registrationCOuntry: str
    organisationWebsite: Uri
    industryCategory: list[Classification]
    otherIdentifiers: Identifier


@closed
class Measure(TypedDict, total=False):
    value: float
    unit: str


@closed
class Dimension(TypedDict, total=False):
    weight: Measure
    length: Measure
    width: Measure
    height: Measure
    volume: Measure


@closed
class Characteristic(TypedDict, total=False):
    pass


@closed
class Facility(TypedDict, total=False):
    type: Literal["Facility"]
    id: Uri
    idScheme: Uri
    idSchemeName: str
    idValue: str
    facilityName: str
    countryOfOperation: str
    processCategory: list[Classification]
    operatedBy: Organisation
    otherIdentifiers: Identifier


@closed
class Material(TypedDict, total=False):
    originCountry: str
    materialType: Classification
    massFraction: float
    recycled: bool
    hazardous: bool


@closed
class Metric(TypedDict, total=False):
    metricName: str
    metricValue: Measure
    accuracy: float


@closed
class Claim(TypedDict, total=False):
    topic: ConformityTopicCode
    standardOrRegulation: Uri
    criteriaReference: Uri
    criteriaName: str
    claimedValues: list[Metric]
    benchmarkValue: Metric
    benchmarkReference: Uri
    conformance: bool
    conformityEvidence: Uri


@closed
class Circularity(TypedDict, total=False):
    recyclingInformation: Uri
    repairInformation: Uri
    recyclableContent: float
    recyecledContent: float


@closed
class TraceabilityEvent(TypedDict, total=False):
    eventReference: Uri
    eventType: Literal["aggregation", "transformation", "object", "transaction", "association"]


@closed
class Product(TypedDict, total=False):
    type: Literal["Product"]
    id: Uri
    idScheme: Uri
    idSchemeName: str
    idValue: str
    productName: str
    productImage: BinaryFile
    description: str
    productCategory: list[Classification]
    furtherInformation: Uri
    producedBy: Organisation
    serialNumber: str
    batchNumber: str
    productionDate: Date
    countryOfProduction: str
    dimensions: Dimension
    characteristics: Characteristic
    manufacturedAt: Facility
    materialsProvenance: list[Material]
    conformityInformation: list[Claim]
    circularityInformation: Circularity
    traceabilityInformation: list[TraceabilityEvent]
