"""The rows of a job, each checked with its link and its passport before the first tag is touched.

A row names its item by ``uri``, or by ``gtin`` and ``serial`` (and ``batch``) under the job's ``link``; its passport by
``passport``, or by the job's pattern. Every other column travels along as metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dpptag.codec.digital_link import DigitalLink, build, gtin14, parse, percent_encode
from dpptag.errors import InputError, JobError, LinkError, PassportError
from dpptag.line.table import COLUMNS, FILE_LIMIT, Cells, collected, read_cells
from dpptag.model.pointer import PassportPointer
from dpptag.passport import read_passport
from dpptag.trust.signing import check_identity

PASSPORT_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one passport document."""

_NOT_OF_THE_ITEM: Final = ("10", "22")
"""Lot and product variant: a serial is unique for its GTIN, whatever these say (GS1 General Specifications, AI 21)."""


@dataclass(frozen=True, slots=True)
class RowRules:
    """What a job says about all of its rows. ``link`` is host and stem; ``passport`` a pattern below ``folder``.

    ``batch_passports``: a passport of the item's batch will do. ``epc``: the tags hold EPCs, so a row is a GTIN with
    its serial, and its identity the link that the EPC stands for.
    """

    folder: Path
    link: str | None
    passport: str | None
    batch_passports: bool = False
    epc: bool = False


@dataclass(frozen=True, slots=True)
class JobRow:
    """One item. ``identity`` is the URI as it will stand on the tag, or the link that the tag's EPC stands for.

    ``link`` is None for a URI without a GS1 key.
    """

    number: int
    line: int
    identity: str
    link: DigitalLink | None
    pointer: PassportPointer
    passport: Path
    metadata: Mapping[str, str]

    @property
    def serial(self) -> str | None:
        return self.link.serial if self.link else self.pointer.serial

    @property
    def serial_key(self) -> str | None:
        return item_key(self.link) if self.link else None


def item_key(link: DigitalLink) -> str:
    """GS1 key and serial without lot and variant, in canonical encoding: equal for all links of one item."""
    pairs = ((link.key_ai, link.key_value), *link.qualifiers)
    return "".join(f"/{ai}/{percent_encode(value)}" for ai, value in pairs if ai not in _NOT_OF_THE_ITEM)


def read_rows(path: Path, rules: RowRules) -> tuple[tuple[JobRow, ...], bytes]:
    """All rows of the file, checked, and the file's SHA-256. Raises JobError with what is wrong in all of them."""
    content = _read(path, FILE_LIMIT)
    rows: list[JobRow] = []
    errors: list[str] = []
    for cells in read_cells(path, content):
        try:
            rows.append(_checked(cells, rules))
        except InputError as error:
            errors.append(f"line {cells.line}: {error.message}")
    errors += _doubles(rows)
    if errors:
        raise collected(path.name, errors, "rows", file=path)
    return tuple(rows), hashlib.sha256(content).digest()


def _checked(cells: Cells, rules: RowRules) -> JobRow:
    identity, link = (_epc_identity if rules.epc else _identity)(cells.values, rules)
    passport = _passport_path(cells.values, rules, link)
    try:
        pointer = read_passport(_read(passport, PASSPORT_LIMIT))
    except PassportError as error:
        raise JobError(f"passport {passport.name}: {error.message}", code="rows") from error
    if pointer.granularity == "batch" and rules.batch_passports:
        _compare_batch(link, _batch_of(cells.values), pointer)
    else:
        _compare(identity, link, _batch_of(cells.values), pointer)
    metadata = {name: value for name, value in cells.values.items() if name not in COLUMNS}
    return JobRow(cells.number, cells.line, identity, link, pointer, passport, metadata)


def _identity(values: Mapping[str, str], rules: RowRules) -> tuple[str, DigitalLink | None]:
    uri, gtin, serial, batch = (values.get(name, "") for name in ("uri", "gtin", "serial", "batch"))
    if uri:
        if gtin or serial or batch:
            raise JobError("give the uri, or gtin and serial, not both", code="rows")
        check_identity(uri)
        return uri, _item_link(uri)
    if not gtin or not serial:
        missing = " and ".join(name for name, value in (("gtin", gtin), ("serial", serial)) if not value)
        raise JobError(f"{missing} missing (or give the uri)", code="rows")
    if rules.link is None:
        raise JobError("rows with gtin and serial need job.link, the host of their links", code="rows")
    ais = {"01": gtin14(gtin), **({"10": batch} if batch else {}), "21": serial}
    uri = build(rules.link, ais)
    return uri, parse(uri)


def _epc_identity(values: Mapping[str, str], rules: RowRules) -> tuple[str, DigitalLink]:
    """GTIN and serial, given as such or by a link whose host and batch the EPC does not carry."""
    found = _identity(values, replace(rules, epc=False))[1]
    if found is None or found.key_ai != "01" or found.serial is None:
        raise JobError("an EPC of these schemes names a GTIN and a serial: give both", code="rows")
    assert rules.link is not None
    uri = build(rules.link, {"01": found.key_value, "21": found.serial})
    return uri, parse(uri)


def _item_link(uri: str) -> DigitalLink | None:
    """The link in a URI; None for a URI that is no Digital Link at all. Raises LinkError, JobError."""
    try:
        link = parse(uri)
    except LinkError as error:
        if error.code == "no-key":
            return None
        raise
    if link.granularity != "item":
        raise JobError(f"the uri names a {link.granularity}, not one item: a serial is missing", code="rows")
    return link


def _passport_path(values: Mapping[str, str], rules: RowRules, link: DigitalLink | None) -> Path:
    given = values.get("passport", "")
    if given:
        return rules.folder / given
    if rules.passport is None:
        raise JobError("no passport: give a passport column, or job.passport", code="rows")
    filled = rules.passport
    wanted = {"gtin": link.key_value if link else None, "serial": link.serial if link else values.get("serial")}
    wanted["batch"] = _batch_of(values)
    for name, value in wanted.items():
        place = "{" + name + "}"
        if place in filled:
            if not value:
                raise JobError(f"job.passport asks for {place} and the row has none", code="rows")
            # Encoded, so that no value can lead out of the folder or into another file.
            filled = filled.replace(place, percent_encode(value))
    if "{" in filled or "}" in filled:
        raise JobError("job.passport knows {gtin}, {serial} and {batch} only", code="rows")
    return rules.folder / filled


def _compare(identity: str, link: DigitalLink | None, batch: str | None, pointer: PassportPointer) -> None:
    """The passport must be of the very item, and of its batch where both name one. Host and stem may differ: they say
    who answers, not what it is."""
    if pointer.granularity != "item":
        allowed = " (job.batch_passports = true allows it)" if pointer.granularity == "batch" else ""
        raise JobError(f"the passport is of a {pointer.granularity}, not of one item{allowed}", code="rows")
    other = _parsed(pointer.uri) if link else None
    if pointer.uri != identity and (link is None or other is None or item_key(other) != item_key(link)):
        raise JobError(f"the passport is of another item: {pointer.uri}", code="rows")
    named = pointer.batch or (other.batch if other else None)
    if batch and named and batch != named:
        raise JobError(f"the passport names batch {named}, the row {batch}", code="rows")


def _batch_of(values: Mapping[str, str]) -> str | None:
    """The batch that the row names, also where the tag's EPC will not carry it."""
    if batch := values.get("batch"):
        return batch
    link = _parsed(values.get("uri", ""))
    return link.batch if link else None


def _compare_batch(link: DigitalLink | None, batch: str | None, pointer: PassportPointer) -> None:
    """The passport of a batch stands for the item only where the row says that the item is of this very batch."""
    other = _parsed(pointer.uri)
    named = pointer.batch or (other.batch if other else None)
    if link is None or other is None or (other.key_ai, other.key_value) != (link.key_ai, link.key_value):
        raise JobError(f"the passport is of another product: {pointer.uri}", code="rows")
    if batch is None or named != batch:
        raise JobError(f"the passport is of batch {named or '-'}, the row names {batch or 'none'}", code="rows")


def _parsed(uri: str) -> DigitalLink | None:
    try:
        return parse(uri)
    except LinkError:
        return None


def _doubles(rows: list[JobRow]) -> Iterator[str]:
    first: dict[str, JobRow] = {}
    for row in rows:
        for key in filter(None, (row.identity, row.serial_key)):
            before = first.setdefault(key, row)
            if before is not row:
                yield f"line {row.line}: the same item as line {before.line} ({row.serial or row.identity})"
                break


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the name
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise JobError(f"cannot read {path.name}: {reason}", code="rows-unreadable", file=str(path)) from exc
    if len(content) > limit:
        raise JobError(f"{path.name} is larger than {limit} bytes", code="rows-size", file=str(path))
    return content
