"""The parts of a 0.6 passport that 0.7.0 has no members for, as the claims and related documents that take them over.

``lowered`` turns the scorecards, the due diligence declaration and the traceability links of a passport into claims and
related documents, each marked with the IRI that the UNTP 0.6 vocabulary gives the member; ``lifted`` turns exactly such
claims and documents back, and no others: a claim is lifted only if lowering the result gives the same claim again.

======================================  ================================================================================
part                                    in 0.7.0
======================================  ================================================================================
emissions                               claim ``<passport id>#emissionsScorecard``; criterion the scorecard's own class;
                                        claim date the day of ``validFrom``; kg CO2e as KGM, ratios C62, codes as scores
circularity, numbers                    claim ``<passport id>#circularityScorecard``, ratios as C62
circularity, links; due diligence;      related document whose ``linkType`` is the IRI of the 0.6 member
traceability events
conformity topic, a code                ConformityTopic whose id is the code's IRI and whose name is the code
metric without an id                    PerformanceMetric whose id is the ``data:`` URL of its name (RFC 2397)
======================================  ================================================================================
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from dpptag.passport.internal import (
    Circularity,
    Claim,
    Criterion,
    Emissions,
    Link,
    Measure,
    Number,
    Passport,
    Performance,
    Score,
    Topic,
    Traceability,
)

_CORE: Final = "https://test.uncefact.org/vocabulary/untp/core/0/"
_TOPICS: Final = _CORE + "conformityTopicCode#"
RECYCLING: Final = _CORE + "recyclingInformation"
REPAIR: Final = _CORE + "repairInformation"
DUE_DILIGENCE: Final = _CORE + "dueDiligenceDeclaration"
EVENT: Final = _CORE + "traceabilityEvent"
_EMISSIONS: Final = Criterion(_CORE + "EmissionsPerformance", "Emissions scorecard of UNTP 0.6")
_CIRCULARITY: Final = Criterion(_CORE + "CircularityPerformance", "Circularity scorecard of UNTP 0.6")
_KILOGRAM: Final = "KGM"
_ONE: Final = "C62"  # Rec 20: one, the unit of a ratio
_ENTRY: Final = re.compile(r"\$\.credentialSubject\.(?:performanceClaim|relatedDocument)\[\d+\]").match
# Fields of Circularity and their members in 0.6.
_RATIOS: Final = {
    "recyclable_content": "recyclableContent",
    "recycled_content": "recycledContent",
    "utility_factor": "utilityFactor",
    "indicator": "materialCircularityIndicator",
}

# ---------------------------------------------------------------- topics and metrics


def topic_code(topic: Topic) -> Topic:
    """The code of a topic that ``topic_with_id`` made; any other topic as it is."""
    code = topic.name
    if code and topic.id == _topic_id(code) and topic.definition is None:
        return Topic(code, at=topic.at)
    return topic


def topic_with_id(topic: Topic) -> Topic:
    """0.7.0 wants id and name where earlier versions have a code."""
    if topic.code is None or topic.id is not None or topic.name is not None:
        return topic
    return Topic(id=_topic_id(topic.code), name=topic.code, definition=topic.definition, at=topic.at)


def metric_name(metric: Performance) -> Performance:
    """The metric without the id that ``metric_with_id`` made; any other as it is."""
    name = metric.metric_name
    return replace(metric, metric_id=None) if name and metric.metric_id == _named(name) else metric


def metric_with_id(metric: Performance) -> Performance:
    """0.7.0 wants an id of every metric, which earlier ones only name; a ``data:`` URL names it and claims no more."""
    if metric.metric_id is not None or not metric.metric_name:
        return metric
    return replace(metric, metric_id=_named(metric.metric_name))


def _topic_id(code: str) -> str:
    return _TOPICS + quote(code, safe="", errors="surrogatepass")


def _named(name: str) -> str:
    return "data:," + quote(name, safe="", errors="surrogatepass")


# ---------------------------------------------------------------- the whole passport


def lowered(passport: Passport) -> Passport:
    """The same with claims and documents in place of what 0.7.0 has no members for.

    What cannot be said that way stays where it is, for the writer to list: a scorecard without values, the type that a
    link states besides its new one, the process and ratio of a stage, and stages after the first.
    """
    product = passport.product
    claims = list(passport.claims)
    documents: list[Link] = []
    emissions, circularity = passport.emissions, passport.circularity
    claim = None if emissions is None else _emissions_claim(emissions, passport)
    if claim is not None:
        claims.append(claim)
        emissions = None
    if circularity is not None:
        for role, link in ((RECYCLING, circularity.recycling), (REPAIR, circularity.repair)):
            if link is not None:
                documents.append(replace(link, type=role))
        claim = _circularity_claim(circularity, passport)
        if claim is not None:
            claims.append(claim)
        if claim is not None or documents:
            circularity = None
    if passport.due_diligence is not None:
        documents.append(replace(passport.due_diligence, type=DUE_DILIGENCE))
    documents.extend(replace(event, type=EVENT) for stage in passport.traceability for event in stage.events)
    return replace(
        passport,
        product=replace(product, documents=(*documents, *product.documents)),
        claims=tuple(claims),
        emissions=emissions,
        circularity=circularity,
        due_diligence=None,
        traceability=(),
    )


def lifted(passport: Passport) -> Passport:
    """The inverse, of a passport just read from 0.7.0.

    A claim or link with unknown members stays what it is, and so do two that would be the same part.
    """
    odd = {match[0] for unknown in passport.unknown if (match := _ENTRY(unknown.path))}
    roles: dict[str, list[Link]] = {RECYCLING: [], REPAIR: [], DUE_DILIGENCE: [], EVENT: []}
    for link in passport.product.documents:
        if link.type in roles and link.at not in odd:
            roles[link.type].append(link)
    for role in (RECYCLING, REPAIR, DUE_DILIGENCE):
        if len(roles[role]) > 1:
            roles[role] = []
    taken = {id(link) for links in roles.values() for link in links}
    documents = tuple(link for link in passport.product.documents if id(link) not in taken)
    emissions: Emissions | None = None
    circularity: Circularity | None = None
    claims = list(passport.claims)
    cards = [claim for claim in claims if claim.criteria in ((_EMISSIONS,), (_CIRCULARITY,)) and claim.at not in odd]
    for criterion in (_EMISSIONS, _CIRCULARITY):
        same = [claim for claim in cards if claim.criteria == (criterion,)]
        if len(same) != 1:
            continue
        if criterion is _EMISSIONS:
            emissions = _as_emissions(same[0], passport)
            lifted_one = emissions is not None
        else:
            circularity = _as_circularity(same[0], passport)
            lifted_one = circularity is not None
        if lifted_one:
            claims = [claim for claim in claims if claim is not same[0]]
    events = tuple(replace(link, type=None) for link in roles[EVENT])
    recycling, repair = _first(roles[RECYCLING]), _first(roles[REPAIR])
    if recycling is not None or repair is not None:
        circularity = replace(circularity or Circularity(), recycling=recycling, repair=repair)
    return replace(
        passport,
        product=replace(passport.product, documents=documents),
        claims=tuple(claims),
        emissions=emissions,
        circularity=circularity,
        due_diligence=_first(roles[DUE_DILIGENCE]),
        traceability=(Traceability(events=events),) if events else (),
    )


def _first(links: list[Link]) -> Link | None:
    return replace(links[0], type=None) if links else None


# ---------------------------------------------------------------- the two scorecards


def _ratio(member: str, value: Number) -> Performance:
    return Performance(_CORE + member, member, measure=Measure(value, _ONE))


def _coded(member: str, code: str) -> Performance:
    return Performance(_CORE + member, member, score=Score(code))


def _emissions_claim(emissions: Emissions, passport: Passport) -> Claim | None:
    values: list[Performance] = []
    if emissions.carbon_footprint is not None:
        measure = Measure(emissions.carbon_footprint, _KILOGRAM)
        values.append(Performance(_CORE + "carbonFootprint", "carbonFootprint", measure=measure))
    if emissions.declared_unit is not None:
        values.append(_coded("declaredUnit", emissions.declared_unit))
    if emissions.scope is not None:
        values.append(_coded("operationalScope", emissions.scope))
    if emissions.primary_ratio is not None:
        values.append(_ratio("primarySourcedRatio", emissions.primary_ratio))
    if not values:
        return None
    return Claim(
        id=_claim_id(passport, "emissionsScorecard"),
        name=_EMISSIONS.name,
        topics=(Topic("environment.emissions"),),
        standards=() if emissions.standard is None else (emissions.standard,),
        criteria=(_EMISSIONS,),
        date=_day(passport),
        values=tuple(values),
        at=emissions.at,
    )


def _as_emissions(claim: Claim, passport: Passport) -> Emissions | None:
    if claim.criteria != (_EMISSIONS,):
        return None
    values = {value.metric_name: value for value in claim.values}
    emissions = Emissions(
        carbon_footprint=_measured(values.get("carbonFootprint")),
        declared_unit=_scored(values.get("declaredUnit")),
        scope=_scored(values.get("operationalScope")),
        primary_ratio=_measured(values.get("primarySourcedRatio")),
        standard=claim.standards[0] if claim.standards else None,
        at=claim.at,
    )
    return emissions if _emissions_claim(emissions, passport) == claim else None


def _circularity_claim(circularity: Circularity, passport: Passport) -> Claim | None:
    stated: list[tuple[str, Number | None]] = [(name, getattr(circularity, name)) for name in _RATIOS]
    values = tuple(_ratio(_RATIOS[name], value) for name, value in stated if value is not None)
    if not values:
        return None
    return Claim(
        id=_claim_id(passport, "circularityScorecard"),
        name=_CIRCULARITY.name,
        topics=(Topic("circularity.content"),),
        criteria=(_CIRCULARITY,),
        date=_day(passport),
        values=values,
        at=circularity.at,
    )


def _as_circularity(claim: Claim, passport: Passport) -> Circularity | None:
    if claim.criteria != (_CIRCULARITY,):
        return None
    values = {value.metric_name: _measured(value) for value in claim.values}
    circularity = Circularity(
        recyclable_content=values.get("recyclableContent"),
        recycled_content=values.get("recycledContent"),
        utility_factor=values.get("utilityFactor"),
        indicator=values.get("materialCircularityIndicator"),
        at=claim.at,
    )
    return circularity if _circularity_claim(circularity, passport) == claim else None


def _measured(value: Performance | None) -> Number | None:
    return value.measure.value if value is not None and value.measure is not None else None


def _scored(value: Performance | None) -> str | None:
    return value.score.code if value is not None and value.score is not None else None


def _claim_id(passport: Passport, part: str) -> str:
    return f"{(passport.id or '').partition('#')[0]}#{part}"


def _day(passport: Passport) -> str:
    """The scorecards of 0.6 have no date of their own; what they say, they say on the day the passport begins."""
    return (passport.valid_from or "")[:10]
