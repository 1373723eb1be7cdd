"""The one passport that every UNTP version is read into and every writer starts from.

The classes say what a passport means, not how a version spells it: ``Party.registered_id`` is ``idValue`` in 0.3.0 and
``registeredId`` from 0.3.10 on. Every field is optional, because an issued passport may lack what its version asks for;
whether it may is for validation to say. Texts, dates and numbers stay as the document states them: dates and times are
ISO 8601 text (before 0.6.0 often without a zone, which is then unknown), numbers are ``int`` or ``float`` as written,
countries ISO 3166-1 alpha-2, units UNECE Rec 20 codes.

A member that no field takes, or whose value is of a type that the field cannot hold, stands in ``Passport.unknown``
under its JSON path. ``at`` is the JSON path of the object that a value was read from, empty for a value that was made
here; it takes no part in comparisons. Values of ``Characteristics`` and ``Unknown`` are JSON and must not be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Number = int | float
Json = object
"""A value as the JSON parser gives it: dict, list, str, int, float, bool or None."""

READABLE: Final = ("0.3.0", "0.3.10", "0.4.0", "0.4.1", "0.4.2", "0.5.0", "0.6.0", "0.6.1", "0.7.0")
WRITABLE: Final = ("0.6.0", "0.6.1", "0.7.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``at``: JSON path of the source object, such as ``$.credentialSubject.product``."""

    at: str = field(default="", compare=False, repr=False)


# ---------------------------------------------------------------- small values


@dataclass(frozen=True, slots=True)
class Digest:
    """``algorithm`` as UNTP 0.6 names it: ``SHA-256`` (32 bytes) or ``SHA-1`` (20 bytes: shown, never a proof)."""

    algorithm: str
    value: bytes

    @property
    def proves(self) -> bool:
        return self.algorithm == "SHA-256"


@dataclass(frozen=True, slots=True)
class Link(Node):
    """A document elsewhere. ``encryption`` is ``none`` or ``AES`` (0.3.10 to 0.6.1)."""

    url: str | None = None
    name: str | None = None
    type: str | None = None
    media_type: str | None = None
    digest: Digest | None = None
    encryption: str | None = None


@dataclass(frozen=True, slots=True)
class Image(Node):
    """``data`` is the base64 text (0.7.0) or the bare symbol text (0.4.0 to 0.6.1) of the document."""

    name: str | None = None
    data: str | None = None
    media_type: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Scheme(Node):
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Country(Node):
    """``name`` only from 0.7.0 on; before, the document gives the bare code."""

    code: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Classification(Node):
    code: str | None = None
    name: str | None = None
    scheme_id: str | None = None
    scheme_name: str | None = None
    id: str | None = None
    """Up to 0.6.1."""
    definition: str | None = None
    """From 0.7.0 on."""


@dataclass(frozen=True, slots=True)
class Measure(Node):
    value: Number | None = None
    unit: str | None = None
    upper_tolerance: Number | None = None
    lower_tolerance: Number | None = None


@dataclass(frozen=True, slots=True)
class Dimensions(Node):
    weight: Measure | None = None
    length: Measure | None = None
    width: Measure | None = None
    height: Measure | None = None
    volume: Measure | None = None


@dataclass(frozen=True, slots=True)
class Period(Node):
    start: str | None = None
    end: str | None = None
    information: str | None = None


# ---------------------------------------------------------------- parties and places


@dataclass(frozen=True, slots=True)
class Address(Node):
    street: str | None = None
    postal_code: str | None = None
    locality: str | None = None
    region: str | None = None
    country: Country | None = None


@dataclass(frozen=True, slots=True)
class Party(Node):
    id: str | None = None
    name: str | None = None
    registered_id: str | None = None
    scheme: Scheme | None = None
    description: str | None = None
    country: Country | None = None
    address: Address | None = None
    website: str | None = None
    industries: tuple[Classification, ...] = ()
    also_known_as: tuple[Party, ...] = ()


@dataclass(frozen=True, slots=True)
class RelatedParty(Node):
    """``role`` in the words of 0.7.0; the ``producedByParty`` of earlier versions is the ``producer``."""

    role: str | None = None
    party: Party | None = None


@dataclass(frozen=True, slots=True)
class Facility(Node):
    id: str | None = None
    name: str | None = None
    registered_id: str | None = None
    scheme: Scheme | None = None
    country: Country | None = None
    processes: tuple[Classification, ...] = ()
    operator: Party | None = None
    also_known_as: tuple[Party, ...] = ()


@dataclass(frozen=True, slots=True)
class Issuer(Node):
    id: str | None = None
    name: str | None = None
    also_known_as: tuple[Party, ...] = ()


# ---------------------------------------------------------------- claims


@dataclass(frozen=True, slots=True)
class Topic(Node):
    """``code`` up to 0.6.1, such as ``environment.energy``; ``id``, ``name`` and ``definition`` from 0.7.0 on."""

    code: str | None = None
    id: str | None = None
    name: str | None = None
    definition: str | None = None


@dataclass(frozen=True, slots=True)
class Score(Node):
    code: str | None = None
    rank: int | None = None
    definition: str | None = None


@dataclass(frozen=True, slots=True)
class Performance(Node):
    """One metric with its value: declared, required (a threshold) or of a benchmark. ``accuracy`` 0..1, to 0.6.1."""

    metric_id: str | None = None
    metric_name: str | None = None
    measure: Measure | None = None
    score: Score | None = None
    accuracy: Number | None = None


@dataclass(frozen=True, slots=True)
class Standard(Node):
    id: str | None = None
    name: str | None = None
    issuing_party: Party | None = None
    issue_date: str | None = None


@dataclass(frozen=True, slots=True)
class Regulation(Node):
    id: str | None = None
    name: str | None = None
    country: Country | None = None
    administered_by: Party | None = None
    effective_date: str | None = None


@dataclass(frozen=True, slots=True)
class Criterion(Node):
    id: str | None = None
    name: str | None = None
    description: str | None = None
    topics: tuple[Topic, ...] = ()
    status: str | None = None
    parts: tuple[Criterion, ...] = ()
    thresholds: tuple[Performance, ...] = ()
    level: str | None = None
    tags: tuple[str, ...] = ()
    """The one text ``tags`` of 0.6.0 is one entry here, commas and all."""
    categories: tuple[Classification, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim(Node):
    """``conforms`` is the issuer's own verdict (to 0.6.1), None where the document gives none."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    topics: tuple[Topic, ...] = ()
    standards: tuple[Standard, ...] = ()
    """In 0.3.0 a standard or a regulation: its one member does not say which."""
    regulations: tuple[Regulation, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    date: str | None = None
    period: Period | None = None
    values: tuple[Performance, ...] = ()
    benchmark: Performance | None = None
    benchmark_reference: str | None = None
    conforms: bool | None = None
    evidence: tuple[Link, ...] = ()


# ---------------------------------------------------------------- the parts of a passport


@dataclass(frozen=True, slots=True)
class Material(Node):
    """``mass_fraction`` and ``recycled_fraction`` 0..1 where the document keeps to that; nothing is clipped.

    ``mass_percent`` is what the document states where its list is plainly in percent (it sums to 100 ± 1 and some value
    is above 1); ``mass_fraction`` is then derived, a hundredth of it. ``recycled`` is the flag of 0.3.0, no quantity.
    """

    name: str | None = None
    origin: Country | None = None
    type: Classification | None = None
    mass_fraction: Number | None = None
    mass_percent: Number | None = None
    mass: Measure | None = None
    recycled_fraction: Number | None = None
    recycled: bool | None = None
    hazardous: bool | None = None
    symbol: Image | None = None
    safety: Link | None = None


@dataclass(frozen=True, slots=True)
class Emissions(Node):
    """``carbon_footprint`` in kg CO2 equivalent for one ``declared_unit``; ``primary_ratio`` meant as 0..1."""

    carbon_footprint: Number | None = None
    declared_unit: str | None = None
    scope: str | None = None
    """``None`` (the word), ``CradleToGate`` or ``CradleToGrave``."""
    primary_ratio: Number | None = None
    standard: Standard | None = None


@dataclass(frozen=True, slots=True)
class Circularity(Node):
    """Numbers meant as 0..1, but ``utility_factor``, which is above 1 for better than the industry's average."""

    recycling: Link | None = None
    repair: Link | None = None
    recyclable_content: Number | None = None
    recycled_content: Number | None = None
    utility_factor: Number | None = None
    indicator: Number | None = None


@dataclass(frozen=True, slots=True)
class Traceability(Node):
    """One stage of the value chain. ``event_type`` only in 0.3.0, whose entries are single events."""

    process: str | None = None
    verified_ratio: Number | None = None
    events: tuple[Link, ...] = ()
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class Packaging(Node):
    description: str | None = None
    dimensions: Dimensions | None = None
    materials: tuple[Material, ...] = ()
    labels: tuple[Image, ...] = ()
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Characteristics(Node):
    """The industry's own members, byte for byte in value; never hashed."""

    members: Mapping[str, Json] = field(default_factory=dict)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Product(Node):
    """What the passport is of. ``serial`` is ``serialNumber``, ``itemNumber`` in 0.7.0."""

    id: str | None = None
    name: str | None = None
    registered_id: str | None = None
    scheme: Scheme | None = None
    model_number: str | None = None
    batch: str | None = None
    serial: str | None = None
    description: str | None = None
    image: Link | None = None
    categories: tuple[Classification, ...] = ()
    documents: tuple[Link, ...] = ()
    """Further information; documents of a kind of their own stand where that kind does (``circularity.repair``)."""
    parties: tuple[RelatedParty, ...] = ()
    facility: Facility | None = None
    production_date: str | None = None
    expiry_date: str | None = None
    country: Country | None = None
    dimensions: Dimensions | None = None
    characteristics: Characteristics | None = None
    packaging: Packaging | None = None
    labels: tuple[Image, ...] = ()

    @property
    def producer(self) -> Party | None:
        """The party in the role of producer, else of manufacturer."""
        for role in ("producer", "manufacturer"):
            for related in self.parties:
                if related.role == role:
                    return related.party
        return None


# ---------------------------------------------------------------- the envelope


@dataclass(frozen=True, slots=True)
class Status(Node):
    """A BitstringStatusListEntry. ``index`` is text in the W3C's form and an integer in UNTP 0.7.0; kept as stated."""

    type: str | None = None
    id: str | None = None
    purpose: str | None = None
    index: int | str | None = None
    list_credential: str | None = None


@dataclass(frozen=True, slots=True)
class RenderMethod(Node):
    name: str | None = None
    media_query: str | None = None
    template: str | None = None
    url: str | None = None
    media_type: str | None = None
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Software(Node):
    id: str | None = None
    name: str | None = None
    version: str | None = None
    vendor: Party | None = None


@dataclass(frozen=True, slots=True)
class Granularity:
    """``level`` is ``item``, ``batch`` or ``model``. ``derived``: the document states none, this follows from the
    product's Digital Link (AI 21 item, AI 10 batch, else model), and without one from its serial and batch number."""

    level: str
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """A member or list entry that no field takes: ``path`` such as ``$.credentialSubject.product.colour``."""

    path: str
    value: Json

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader or writer did or saw that its user should know, in words; nothing is lost by it."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Passport(Node):
    """A UNTP product passport, whatever its version; a view, never the credential that was signed.

    ``contexts`` and ``types`` hold only what the document adds to those of its version. ``subject_id`` is the id of the
    ProductPassport object of 0.6. ``notes`` take no part in comparisons.
    """

    version: str
    product: Product
    granularity: Granularity
    id: str | None = None
    name: str | None = None
    contexts: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    issuer: Issuer | None = None
    valid_from: str | None = None
    valid_until: str | None = None
    subject_id: str | None = None
    materials: tuple[Material, ...] = ()
    claims: tuple[Claim, ...] = ()
    emissions: Emissions | None = None
    circularity: Circularity | None = None
    traceability: tuple[Traceability, ...] = ()
    due_diligence: Link | None = None
    status: tuple[Status, ...] = ()
    render_methods: tuple[RenderMethod, ...] = ()
    software: Software | None = None
    unknown: tuple[Unknown, ...] = ()
    notes: tuple[Note, ...] = field(default=(), compare=False)

    __hash__ = None  # type: ignore[assignment]
