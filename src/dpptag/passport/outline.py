"""A passport for people, as plain values: titled sections of labelled lines, the same for terminal and page.

Nothing is dropped: what no field takes stands in the last section. A link is only shown, never followed: whether its
evidence has a digest is said, and that it was not checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from dpptag.passport.internal import (
    Claim,
    Country,
    Link,
    Material,
    Measure,
    Number,
    Party,
    Passport,
    Performance,
    Topic,
)

_LONGEST_VALUE = 300


class Line(NamedTuple):
    """``link`` is where ``text`` leads, as the passport states it; None where it leads nowhere."""

    label: str
    text: str
    link: str | None = None


class Section(NamedTuple):
    title: str
    lines: tuple[Line, ...]


def outline(passport: Passport) -> tuple[Section, ...]:
    """The sections that hold anything, in reading order."""
    made = (
        Section("Passport", tuple(_head(passport))),
        Section("Product", tuple(_product(passport))),
        Section("Materials", tuple(_material(one) for one in passport.materials)),
        Section("Emissions", tuple(_emissions(passport))),
        Section("Circularity", tuple(_circularity(passport))),
        *_claims(passport),
        Section("Traceability", tuple(_traceability(passport))),
        Section("Packaging and labels", tuple(_packaging(passport))),
        Section("Documents", tuple(_documents(passport))),
        Section("Characteristics", tuple(_characteristics(passport))),
        Section("Members that no field takes", tuple(Line(one.path, _json(one.value)) for one in passport.unknown)),
        Section("Notes", tuple(Line(one.path, one.text) for one in passport.notes)),
    )
    return tuple(section for section in made if section.lines)


def _head(passport: Passport) -> Iterator[Line]:
    derived = " (derived: the passport states none)" if passport.granularity.derived else ""
    yield Line("level", passport.granularity.level + derived)
    yield Line("UNTP version", passport.version)
    yield from _some("id", passport.id)
    yield from _some("name", passport.name)
    if passport.issuer is not None:
        yield Line("issuer, as it calls itself", passport.issuer.name or "-")
        yield from _some("issuer's id", passport.issuer.id)
        for other in passport.issuer.also_known_as:
            yield Line("issuer, also known as", _party(other))
    yield from _some("valid from", passport.valid_from)
    yield from _some("valid until", passport.valid_until)
    for status in passport.status:
        yield Line("status", f"{status.purpose or '-'} list {status.list_credential or '-'}, place {status.index}")
    if passport.software is not None:
        yield Line("made with", " ".join(filter(None, (passport.software.name, passport.software.version))) or "-")


def _product(passport: Passport) -> Iterator[Line]:
    product = passport.product
    yield from _some("name", product.name)
    yield from _some("id", product.id)
    yield from _some("model", product.model_number)
    yield from _some("batch", product.batch)
    yield from _some("serial", product.serial)
    yield from _some("registered as", product.registered_id)
    yield from _some("description", product.description)
    for one in product.categories:
        scheme = one.scheme_name or one.scheme_id
        yield Line("category", " ".join(filter(None, (one.code, one.name, f"({scheme})" if scheme else None))) or "-")
    for related in product.parties:
        yield Line(related.role or "party", _party(related.party))
    if product.facility is not None:
        facility = product.facility
        yield Line("made at", " ".join(filter(None, (facility.name, facility.id and f"({facility.id})"))) or "-")
    yield from _some("made in", _country(product.country))
    yield from _some("made on", product.production_date)
    yield from _some("expires", product.expiry_date)
    dimensions = product.dimensions
    if dimensions is not None:
        for name in ("weight", "length", "width", "height", "volume"):
            yield from _some(name, _measure(getattr(dimensions, name)))
    if product.image is not None:
        yield _link("image", product.image)


def _material(one: Material) -> Line:
    parts = [_percent(one.mass_fraction)]
    parts += [_measure(one.mass), _country(one.origin)]
    if one.recycled_fraction is not None:
        parts.append(f"recycled {_percent(one.recycled_fraction)}")
    if one.recycled is not None:
        parts.append("recycled" if one.recycled else "not recycled")
    if one.hazardous is not None:
        parts.append("HAZARDOUS" if one.hazardous else "not hazardous")
    if one.type is not None:
        parts.append(" ".join(filter(None, (one.type.code, one.type.name))))
    safety = one.safety.url if one.safety else None
    return Line(one.name or "material", ", ".join(filter(None, parts)) or "-", safety)


def _emissions(passport: Passport) -> Iterator[Line]:
    found = passport.emissions
    if found is None:
        return
    if found.carbon_footprint is not None:
        yield Line("carbon footprint", f"{_plain(found.carbon_footprint)} kg CO2e for one {found.declared_unit or '?'}")
    yield from _some("scope", found.scope)
    yield from _some("from primary sources", _percent(found.primary_ratio))
    if found.standard is not None:
        yield from _some("standard", found.standard.name or found.standard.id)


def _circularity(passport: Passport) -> Iterator[Line]:
    found = passport.circularity
    if found is None:
        return
    yield from _some("recyclable", _percent(found.recyclable_content))
    yield from _some("recycled content", _percent(found.recycled_content))
    yield from _some("utility factor", None if found.utility_factor is None else _plain(found.utility_factor))
    yield from _some("material circularity", None if found.indicator is None else _plain(found.indicator))
    for label, link in (("recycling", found.recycling), ("repair", found.repair)):
        if link is not None:
            yield _link(label, link)


def _claims(passport: Passport) -> Iterator[Section]:
    """By topic; a topic that is not known here is shown, not refused."""
    groups: dict[str, list[Claim]] = {}
    for claim in passport.claims:
        groups.setdefault(_topic(claim.topics), []).append(claim)
    for topic, claims in sorted(groups.items()):
        lines: list[Line] = []
        for claim in claims:
            said = {True: "conforms, says the issuer", False: "does NOT conform, says the issuer", None: ""}
            values = "; ".join(filter(None, map(_performance, claim.values)))
            text = "; ".join(filter(None, (values, said[claim.conforms], claim.date and f"on {claim.date}")))
            lines.append(Line(claim.name or claim.description or claim.id or "claim", text or "-"))
            rules = [(one.name, one.id) for kind in (claim.standards, claim.regulations) for one in kind]
            rules += [(one.name, one.id) for one in claim.criteria]
            lines += [Line("  by", name or reference or "-", reference) for name, reference in rules]
            lines += [_link("  evidence", link) for link in claim.evidence]
        yield Section(f"Claims: {topic}", tuple(lines))


def _traceability(passport: Passport) -> Iterator[Line]:
    for stage in passport.traceability:
        ratio = (
            f", {_percent(stage.verified_ratio)} verified, says the issuer" if stage.verified_ratio is not None else ""
        )
        yield Line(stage.process or stage.event_type or "stage", f"{len(stage.events)} events{ratio}")
        for link in stage.events:
            yield _link("  event", link)


def _packaging(passport: Passport) -> Iterator[Line]:
    packaging = passport.product.packaging
    if packaging is not None:
        yield Line("packaging", packaging.description or "-")
        for material in packaging.materials:
            yield _material(material)
    for label in passport.product.labels:
        yield Line("label", " ".join(filter(None, (label.name, label.description))) or "-")


def _documents(passport: Passport) -> Iterator[Line]:
    for link in passport.product.documents:
        yield _link(link.type or "document", link)
    if passport.due_diligence is not None:
        yield _link("due diligence", passport.due_diligence)


def _characteristics(passport: Passport) -> Iterator[Line]:
    found = passport.product.characteristics
    if found is not None:
        for name, value in found.members.items():
            yield Line(name, _json(value))


def _some(label: str, text: str | None) -> Iterator[Line]:
    if text:
        yield Line(label, text, text if text.startswith(("http://", "https://")) else None)


def _link(label: str, link: Link) -> Line:
    if link.digest is None:
        held = "no digest: nothing holds it to what it was"
    elif link.digest.proves:
        held = f"{link.digest.algorithm} stated, not checked"
    else:
        held = f"{link.digest.algorithm} stated, which proves nothing"
    return Line(label, f"{link.name or link.url or '-'} ({held})", link.url)


def _party(party: Party | None) -> str:
    if party is None:
        return "-"
    return " ".join(filter(None, (party.name, party.id and f"({party.id})"))) or "-"


def _country(country: Country | None) -> str | None:
    return " ".join(filter(None, (country.name, country.code))) or None if country else None


def _measure(measure: Measure | None) -> str | None:
    if measure is None or measure.value is None:
        return None
    return f"{_plain(measure.value)} {measure.unit or ''}".strip()


def _performance(value: Performance) -> str:
    parts = [value.metric_name or value.metric_id, _measure(value.measure)]
    if value.score is not None:
        parts.append(value.score.code)
    if value.accuracy is not None:
        parts.append(f"accuracy {_plain(value.accuracy)}")
    return " ".join(filter(None, parts))


def _topic(topics: tuple[Topic, ...]) -> str:
    return ", ".join(one.code or one.name or one.id or "?" for one in topics) or "no topic"


def _percent(fraction: Number | None) -> str | None:
    return None if fraction is None else f"{round(fraction * 100, 4):.12g} %"


def _plain(number: Number) -> str:
    """As stated, digit for digit; only ``.0`` behind a whole number is left out."""
    return repr(number).removesuffix(".0")


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}... ({len(text)} characters)"
