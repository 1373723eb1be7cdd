"""One row of a spreadsheet to one passport, by a column map; what is wrong in a row is told all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from dpptag.codec.digital_link import gtin14, percent_encode
from dpptag.errors import LinkError, PassportError
from dpptag.passport import cell_values
from dpptag.passport.column_map import ColumnMap, filled
from dpptag.passport.internal import (
    Circularity,
    Claim,
    Classification,
    Country,
    Criterion,
    Dimensions,
    Emissions,
    Facility,
    Granularity,
    Issuer,
    Link,
    Material,
    Measure,
    Party,
    Passport,
    Performance,
    Product,
    Regulation,
    RelatedParty,
    Scheme,
    Score,
    Standard,
    Topic,
)
from dpptag.passport.spreadsheet import SheetRow

_GTIN_SCHEME: Final = Scheme(id="https://id.gs1.org/01/", name="Global Trade Identification Number (GTIN)")
_CPC: Final = Scheme(
    id="https://unstats.un.org/unsd/classifications/Econ/cpc/", name="UN Central Product Classification (CPC)"
)
_ENERGY_TOPIC: Final = "https://vocabulary.uncefact.org/conformity-topic/energy-optimization"
"""As the samples of UNTP 0.7.0 write it; a list of its topics was not found, so others are the map's to name."""
_MASS_UNIT: Final = "KGM"
_DIGITS_COUNT: Final = frozenset(("serial", "batch", "model", "category.code", "material.N.type.code"))
"""Where ``007`` is not ``7``: a cell of a workbook must be text. A GTIN is padded, and has its check digit."""
_NUMBERED: Final = re.compile(r"(?<=\.)[0-9]+(?=\.)")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MadePassport:
    """``file`` is the name to write it under; ``gtin``, ``serial`` and ``batch`` are for the rows of a line job."""

    line: int
    file: str
    passport: Passport
    gtin: str
    serial: str | None
    batch: str | None


def make_passport(columns: ColumnMap, row: SheetRow) -> MadePassport:
    """Raises PassportError naming every cell of the row that is wrong or missing."""
    return _Row(columns, row).made()


class _Row:
    """The values of one row by target; faults are collected."""

    def __init__(self, columns: ColumnMap, row: SheetRow) -> None:
        self._map = columns
        self._row = row
        self._faults: list[str] = []
        missing = sorted({name for name in columns.columns.values() if name not in row.cells})
        if missing:
            raise PassportError(
                f"no column is called {', '.join(map(repr, missing))[:300]}",
                code="rows-column",
                action="correct [columns] of the map: names count to the letter",
            )
        for target, column in columns.columns.items():
            if column in row.broken:
                self._faults.append(f"{self._place(target)}: an error, or a formula that was saved without its value")
            elif column in row.numbers and _NUMBERED.sub("N", target) in _DIGITS_COUNT:
                self._faults.append(
                    f"{self._place(target)}: a number; leading zeros and long digits are lost, so format the column as "
                    "text and enter it again"
                )
        given = {target: row.cells[column] for target, column in columns.columns.items()}
        self._values: Mapping[str, str] = {
            target: text for target, text in (columns.values | given).items() if text.strip()
        }

    def made(self) -> MadePassport:
        gtin = self._as("gtin", gtin14, required=True) or ""
        level = self._map.passport.level
        serial, batch = self._text("serial", required=level == "item"), self._text("batch", required=level == "batch")
        values = {**self._values, "gtin": gtin}
        head = self._map.passport
        product_id, passport_id, file = (
            self._pattern(name, pattern, values)
            for name, pattern in (("product", head.product), ("id", head.id), ("file", head.file))
        )
        passport = Passport(
            version=head.version,
            product=self._product(product_id, gtin),
            granularity=Granularity(level),
            id=passport_id,
            name=None if self._old else self._text("title") or self._title(gtin, serial),
            issuer=Issuer(id=self._text("issuer.id", required=True), name=self._text("issuer.name", required=True)),
            valid_from=self._as("valid.from", cell_values.instant, required=True),
            valid_until=self._as("valid.until", cell_values.instant),
            materials=tuple(self._materials()),
            claims=(*self._energy_claims(passport_id), *self._compliance_claims(passport_id)),
            emissions=self._emissions(),
            circularity=self._circularity(),
        )
        if file in (".", "..") or "/" in file or "\0" in file:
            self._faults.append(f"file: {file!r} is no file name")
        if self._faults:
            raise PassportError(f"line {self._row.line}: " + "; ".join(self._faults), code="rows")
        return MadePassport(self._row.line, file, passport, gtin, serial, batch)

    # Values

    @property
    def _old(self) -> bool:
        """0.6: what that version names otherwise, or has no place for, is then said in its own way."""
        return self._map.passport.version != "0.7.0"

    def _text(self, target: str, *, required: bool = False) -> str | None:
        value = self._values.get(target)
        if value is None and required:
            self._faults.append(f"{self._place(target)}: missing")
        return value

    def _as(self, target: str, parse: Callable[[str], T], *, required: bool = False) -> T | None:
        text = self._text(target, required=required)
        if text is None:
            return None
        try:
            return parse(text)
        except (ValueError, LinkError) as exc:
            reason = exc.message if isinstance(exc, LinkError) else str(exc)
            self._faults.append(f"{self._place(target)}: {text[:40]!r}: {reason}")
            return None

    def _place(self, target: str) -> str:
        column = self._map.columns.get(target)
        return target if column is None else f"{target} (column {column!r})"

    def _pattern(self, name: str, pattern: str, values: Mapping[str, str]) -> str:
        try:
            return filled(pattern, values, percent_encode)
        except KeyError as exc:
            self._faults.append(f"passport.{name} asks for {exc.args[0]}, which this row does not give")
            return ""

    def _numbered(self, head: str) -> list[str]:
        """The numbers N for which this row gives anything below ``head.N.``."""
        found = {target.split(".")[1] for target in self._values if target.startswith(f"{head}.")}
        return sorted(found, key=int)

    def _title(self, gtin: str, serial: str | None) -> str:
        named = self._values.get("name", gtin)
        return f"Digital Product Passport: {named}" + (f", serial {serial}" if serial else "")

    # Parts

    def _product(self, product_id: str, gtin: str) -> Product:
        category = self._text("category.code")
        weight = self._as("weight", cell_values.mass)
        producer = self._party("producer")
        facility_id = self._text("facility.id")
        return Product(
            id=product_id,
            name=self._text("name", required=True),
            registered_id=gtin if self._old else None,
            scheme=_GTIN_SCHEME,
            model_number=None if self._old else self._text("model"),
            batch=self._text("batch"),
            serial=self._text("serial"),
            description=self._described(),
            categories=(self._category(category),) if category else (),
            parties=(RelatedParty(role="producer", party=producer),) if producer else (),
            facility=Facility(id=facility_id, name=self._text("facility.name", required=True)) if facility_id else None,
            production_date=self._as("production.date", cell_values.day),
            country=self._country("country"),
            dimensions=None
            if weight is None
            else Dimensions(weight=Measure(value=weight, unit=self._mass_unit("weight"))),
        )

    def _category(self, code: str) -> Classification:
        scheme = self._text("category.scheme", required=True)
        name = self._text("category.name", required=True)
        scheme_name = self._text("category.scheme_name", required=True)
        found = f"{(scheme or '').rstrip('/')}/{percent_encode(code)}" if self._old else None
        return Classification(code=code, name=name, scheme_id=scheme, scheme_name=scheme_name, id=found)

    def _described(self) -> str | None:
        """0.6 has no model number, and its context no term for what stands among the characteristics: it is said in
        words, so that no reader of linked data loses it."""
        described, model = self._text("description"), self._text("model")
        if not self._old or model is None:
            return described
        return f"{described} (model {model})" if described else f"Model {model}"

    def _party(self, head: str) -> Party | None:
        party_id = self._text(f"{head}.id")
        if party_id is None:
            return None
        return Party(id=party_id, name=self._text(f"{head}.name", required=True))

    def _country(self, target: str) -> Country | None:
        code = self._as(target, cell_values.country)
        return Country(code=code) if code else None

    def _mass_unit(self, head: str) -> str:
        return self._text(f"{head}.unit") or _MASS_UNIT

    def _materials(self) -> list[Material]:
        found = []
        for number in self._numbered("material"):
            head = f"material.{number}"
            mass = self._as(f"{head}.mass", cell_values.mass)
            code = self._text(f"{head}.type.code")
            safety = self._text(f"{head}.safety")
            found.append(
                Material(
                    name=self._text(f"{head}.name", required=True),
                    origin=self._country(f"{head}.origin"),
                    type=self._material_type(head, code) if code else None,
                    mass_fraction=self._as(f"{head}.fraction", cell_values.fraction),
                    mass=None if mass is None else Measure(value=mass, unit=self._mass_unit(f"{head}.mass")),
                    recycled_fraction=self._as(f"{head}.recycled", cell_values.fraction),
                    hazardous=self._as(f"{head}.hazardous", cell_values.flag),
                    safety=Link(url=safety, name="Material safety information") if safety else None,
                )
            )
        fractions = [one.mass_fraction for one in found if one.mass_fraction is not None]
        if sum(fractions) > 1.001:
            self._faults.append(f"material.N.fraction: together {sum(fractions):g}, more than the whole (0 to 1 each)")
        return found

    def _material_type(self, head: str, code: str) -> Classification:
        name = self._text(f"{head}.type.name", required=True)
        found = f"{_CPC.id}{percent_encode(code)}" if self._old else None
        return Classification(code=code, name=name, scheme_id=_CPC.id, scheme_name=_CPC.name, id=found)

    def _energy_claims(self, passport_id: str) -> list[Claim]:
        claims = []
        for number in self._numbered("energy"):
            head = f"energy.{number}"
            metric = self._text(f"{head}.metric", required=True)
            value, grade = self._as(f"{head}.value", cell_values.number), self._text(f"{head}.class")
            if value is None and grade is None:
                self._faults.append(f"{head}: neither value nor class")
            measure = None if value is None else Measure(value=value, unit=self._text(f"{head}.unit", required=True))
            standard, name = self._text(f"{head}.standard"), self._text(f"{head}.standard.name")
            by = self._party(f"{head}.standard_by")
            rule = Standard(id=standard, name=name or standard, issuing_party=by) if standard else None
            performance = Performance(
                metric_id=None if self._old else f"{passport_id}#energy-{number}-metric",
                metric_name=metric,
                measure=measure,
                score=Score(code=grade) if grade else None,
            )
            claim = self._claim(head, f"{passport_id}#energy-{number}", metric, "environment.energy")
            claims.append(
                replace(
                    claim,
                    standards=(rule,) if rule and (by or not self._old) else (),
                    criteria=() if self._old or not standard else (Criterion(id=standard, name=name or standard),),
                    values=(performance,),
                    conforms=True if self._old else None,
                )
            )
        return claims

    def _compliance_claims(self, passport_id: str) -> list[Claim]:
        claims = []
        for number in self._numbered("compliance"):
            head = f"compliance.{number}"
            name = self._text(f"{head}.name", required=True)
            regulation, rule_id = self._text(f"{head}.regulation"), self._text(f"{head}.regulation_id")
            by = self._party(f"{head}.regulation_by")
            # A column that is there and says nothing is no statement that the product conforms.
            stated = self._as(f"{head}.conforms", cell_values.flag, required=f"{head}.conforms" in self._map.targets)
            conforms = stated is not False
            rule = Regulation(id=rule_id, name=regulation or name, administered_by=by) if rule_id else None
            performance = Performance(
                metric_id=f"{passport_id}#compliance-{number}-metric",
                metric_name=name,
                score=Score(code="conforms" if conforms else "does not conform"),
            )
            claim = self._claim(head, f"{passport_id}#compliance-{number}", name, "governance.compliance")
            claims.append(
                replace(
                    claim,
                    regulations=(rule,) if rule and (by or not self._old) else (),
                    criteria=() if self._old or not rule_id else (Criterion(id=rule_id, name=regulation or name),),
                    values=() if self._old else (performance,),
                    conforms=conforms if self._old else None,
                )
            )
        return claims

    def _claim(self, head: str, claim_id: str, name: str | None, topic: str) -> Claim:
        """What every claim has. 0.6 knows topics by a code, 0.7.0 by an id, and asks for a date and a criterion."""
        evidence, digest = (
            self._text(f"{head}.evidence"),
            self._as(f"{head}.evidence_sha256", cell_values.sha256_digest),
        )
        link = Link(url=evidence, name=f"Evidence: {name}", digest=digest) if evidence else None
        rule = "standard" if head.startswith("energy") else "regulation_id"
        if not self._old:
            self._text(f"{head}.date", required=True)
            self._text(f"{head}.{rule}", required=True)
        energy = head.startswith("energy")
        topic_id = self._text(f"{head}.topic.id", required=not self._old and not energy) or _ENERGY_TOPIC
        known = Topic(code=topic) if self._old else Topic(id=topic_id, name=self._text(f"{head}.topic.name") or topic)
        rule_name = self._text(f"{head}.regulation") or self._text(f"{head}.{rule}")
        described = f"{name} ({rule_name})" if rule_name else name
        return Claim(
            id=claim_id,
            name=None if self._old else name,
            description=described if self._old else None,
            topics=(known,),
            date=self._as(f"{head}.date", cell_values.day),
            evidence=(link,) if link else (),
        )

    def _emissions(self) -> Emissions | None:
        footprint = self._as("emissions.footprint", cell_values.number)
        if footprint is None:
            return None
        return Emissions(
            carbon_footprint=footprint,
            declared_unit=self._text("emissions.unit", required=True),
            scope=self._text("emissions.scope", required=True),
            primary_ratio=self._as("emissions.primary", cell_values.fraction, required=True),
        )

    def _circularity(self) -> Circularity | None:
        recycling, repair = self._text("recycling.link"), self._text("repair.link")
        found = Circularity(
            recycling=Link(url=recycling, name=self._text("recycling.name") or "Recycling") if recycling else None,
            repair=Link(url=repair, name=self._text("repair.name") or "Repair") if repair else None,
            recyclable_content=self._as("recyclable", cell_values.fraction),
            recycled_content=self._as("recycled", cell_values.fraction),
            utility_factor=self._as("utility", cell_values.number),
            indicator=self._as("circularity", cell_values.fraction),
        )
        return None if found == Circularity() else found
