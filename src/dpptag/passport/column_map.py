"""Which column of a spreadsheet is which part of a passport: a TOML file that is checked before the first row.

::

    [passport]
    version = "0.7.0"                                  # 0.6.0, 0.6.1 or 0.7.0
    level = "item"                                     # item, batch or model
    id = "https://id.example.com/passports/{serial}"   # every {name} is a target below, percent-encoded
    product = "https://id.example.com/01/{gtin}/21/{serial}"
    file = "{serial}.json"
    sheet = "Products"                                 # of a workbook; left out: the first

    [columns]                                          # target = column of the spreadsheet
    gtin = "GTIN"
    serial = "Serial no."
    name = "Product"
    "material.1.name" = "Main material"
    "material.1.fraction" = "Share"

    [values]                                           # target = the same text in every row
    "issuer.id" = "did:web:id.example.com"
    "issuer.name" = "Example Batteries"
    "valid.from" = "2026-01-01T00:00:00Z"

The targets are in :data:`TARGETS`, by the six groups of an electronic product's passport; those with ``N`` may be given
for N = 1 to 50.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dpptag.errors import PassportError

MAP_LIMIT: Final = 256 * 1024

TARGETS: Final[Mapping[str, tuple[str, ...]]] = {
    "passport": ("issuer.id", "issuer.name", "valid.from", "valid.until", "title"),
    "product": (
        "gtin",
        "serial",
        "batch",
        "model",
        "name",
        "description",
        "category.code",
        "category.name",
        "category.scheme",
        "category.scheme_name",
        "weight",
        "weight.unit",
    ),
    "material composition": (
        "material.N.name",
        "material.N.fraction",
        "material.N.mass",
        "material.N.mass.unit",
        "material.N.origin",
        "material.N.recycled",
        "material.N.hazardous",
        "material.N.type.code",
        "material.N.type.name",
        "material.N.safety",
    ),
    "energy": (
        "energy.N.metric",
        "energy.N.value",
        "energy.N.unit",
        "energy.N.class",
        "energy.N.date",
        "energy.N.standard",
        "energy.N.standard.name",
        "energy.N.standard_by.id",
        "energy.N.standard_by.name",
        "energy.N.topic.id",
        "energy.N.topic.name",
        "energy.N.evidence",
        "energy.N.evidence_sha256",
        "emissions.footprint",
        "emissions.unit",
        "emissions.scope",
        "emissions.primary",
    ),
    "origin": (
        "facility.id",
        "facility.name",
        "producer.id",
        "producer.name",
        "country",
        "production.date",
    ),
    "compliance": (
        "compliance.N.name",
        "compliance.N.regulation",
        "compliance.N.regulation_id",
        "compliance.N.regulation_by.id",
        "compliance.N.regulation_by.name",
        "compliance.N.topic.id",
        "compliance.N.topic.name",
        "compliance.N.conforms",
        "compliance.N.date",
        "compliance.N.evidence",
        "compliance.N.evidence_sha256",
    ),
    "maintenance": ("repair.link", "repair.name"),
    "recycling": (
        "recycling.link",
        "recycling.name",
        "recyclable",
        "recycled",
        "utility",
        "circularity",
    ),
}
"""Group -> targets. Fractions are 0 to 1; dates are ISO 8601; countries two letters; units UNECE Rec 20 codes."""

_KNOWN: Final = frozenset(target for group in TARGETS.values() for target in group)
_NUMBERED: Final = re.compile(r"(?<=\.)(?:[1-9]|[1-4][0-9]|50)(?=\.)")
_PLACE: Final = re.compile(r"\{([a-z.]+)\}")
_Text = Field(min_length=1, max_length=1000)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PassportTable(_Table):
    """What all rows have in common."""

    version: Literal["0.6.0", "0.6.1", "0.7.0"] = "0.7.0"
    level: Literal["item", "batch", "model"] = "item"
    id: str = _Text
    product: str = _Text
    file: str = Field(default="{serial}.json", min_length=1, max_length=200)
    sheet: str | None = None


class ColumnMap(_Table):
    """``columns``: target -> column name; ``values``: target -> text for every row."""

    passport: PassportTable
    columns: dict[str, str] = Field(min_length=1)
    values: dict[str, str] = Field(default_factory=dict)

    @property
    def targets(self) -> set[str]:
        return {*self.columns, *self.values}


def read_column_map(name: str, content: bytes) -> ColumnMap:
    """Raises PassportError with what is wrong, by key."""
    if len(content) > MAP_LIMIT:
        raise PassportError(f"{name} is larger than {MAP_LIMIT} bytes", code="map-size")
    try:
        values: dict[str, Any] = tomllib.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as exc:
        raise PassportError(f"{name} is no TOML: {exc}", code="map-toml") from exc
    try:
        for table in ("columns", "values"):  # unquoted dots make tables of TOML: they mean the same here
            if isinstance(values.get(table), dict):
                values[table] = dict(_flat(values[table]))
        found = ColumnMap.model_validate(values)
    except ValidationError as exc:
        said = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: "
            + ("unknown key" if error["type"] == "extra_forbidden" else error["msg"])
            for error in exc.errors(include_url=False)[:20]
        )
        raise PassportError(f"{name}: {said}", code="map-schema") from exc
    except RecursionError as exc:
        raise PassportError(f"{name}: a name of more parts than any target has", code="map-schema") from exc
    _check(name, found)
    return found


def _flat(table: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{head}{key}.")
        else:
            yield head + key, value


def _check(name: str, found: ColumnMap) -> None:
    strange = sorted(target for target in found.targets if _NUMBERED.sub("N", target) not in _KNOWN)
    if strange:
        raise PassportError(
            f"{name}: targets that are not known: {', '.join(strange)[:300]}",
            code="map-target",
            action="dpptag passport targets lists them",
        )
    double = sorted(found.columns.keys() & found.values.keys())
    if double:
        raise PassportError(f"{name}: both a column and a value: {', '.join(double)}", code="map-target")
    for key in ("id", "product", "file"):
        missing = [place for place in places(getattr(found.passport, key)) if place not in found.targets]
        if missing:
            raise PassportError(
                f"{name}: passport.{key} asks for {', '.join(missing)}, which nothing gives", code="map-place"
            )


def places(pattern: str) -> list[str]:
    """The targets that a pattern names."""
    return _PLACE.findall(pattern)


def filled(pattern: str, values: Mapping[str, str], encode: Any) -> str:
    """The pattern with each place filled by ``encode`` of its value."""
    return _PLACE.sub(lambda place: encode(values[place[1]]), pattern)
