"""The parts of a workbook, looked at before its library opens them: what would fill memory, and what reads as blank.

The library keeps a sheet as one rectangle from its first to its last cell, so that two cells in opposite corners cost
as much as all between them; and it gives errors, and formulas that were saved without a value, as empty cells.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from html import unescape
from typing import Final

from dpptag.errors import PassportError

EXPANDED_LIMIT: Final = 512 * 1024 * 1024
"""Bytes of a workbook's parts together."""
CELL_LIMIT: Final = 10_000_000
"""Of the rectangle round all cells of a sheet: 200,000 rows of 50 columns."""

_WORKBOOK: Final = "xl/workbook.xml"
_OTHER_KINDS: Final = frozenset(("content.xml", "xl/workbook.bin"))  # ODS, XLSB: the library would open these, too
_SHEET_PART: Final = re.compile(r"xl/worksheets/[^/]*\.xml", re.IGNORECASE).fullmatch
_PLACE: Final = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
_ROW: Final = re.compile(rb"""\br\s*=\s*["']([0-9]{1,10})["']""")
_CELL: Final = re.compile(rb"<(?:\w+:)?c[\s/>]")
_ROW_START: Final = re.compile(rb"<(?:\w+:)?row[\s/>]")
_ERROR: Final = re.compile(rb"<(?:\w+:)?c\b([^<>]*\bt\s*=\s*[\"']e[\"'][^<>]*)>")
_NO_VALUE: Final = re.compile(
    rb"<(?:\w+:)?c\b([^<>]*)>\s*<(?:\w+:)?f\b[^<>]*(?:/>|>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:</(?:\w+:)?c>|<(?:\w+:)?v\s*/>|<(?:\w+:)?v\s*></)"
)
_TEXT_RESULT: Final = re.compile(rb"""\bt\s*=\s*["']str["']""")
_SHEET: Final = re.compile(r"<(?:\w+:)?sheet\b([^<>]*)>")
_LINK: Final = re.compile(r"<(?:\w+:)?Relationship\b([^<>]*)>")
_ATTRIBUTE: Final = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")

Broken = Mapping[int, frozenset[int]]
"""Line, counted from 1 -> columns, counted from 0."""


def check_parts(name: str, parts: zipfile.ZipFile, sheet: str | None) -> Broken:
    """Errors and formulas without value in ``sheet`` (None: the first). Raises PassportError, BadZipFile, zlib.error.

    Every part is read to its end, and no further than its entry says.
    """
    entries = parts.infolist()
    names = {entry.filename.lower() for entry in entries}
    if _WORKBOOK not in names or names & _OTHER_KINDS:
        raise PassportError(f"{name} is no .xlsx workbook", code="rows-workbook")
    if sum(entry.file_size for entry in entries) > EXPANDED_LIMIT:
        raise PassportError(f"{name} expands to more than {EXPANDED_LIMIT} bytes", code="rows-size")
    chosen = _part_of(parts, sheet)
    broken: Broken = {}
    for entry in entries:
        part = parts.read(entry)
        _check_size(name, part)
        if entry.filename == chosen or (chosen is None and _SHEET_PART(entry.filename)):
            broken = {**broken, **_broken(part)}
    return broken


def _check_size(name: str, part: bytes) -> None:
    cells = len(_CELL.findall(part))
    columns = rows = placed = 0
    for letters, digits in _PLACE.findall(part):
        placed += 1
        columns, rows = max(columns, _column(letters) + 1), max(rows, int(digits))
    if placed < cells:  # a cell may leave its place out: it is the one behind the last, in the row that was named last
        columns = max(columns, *(len(_CELL.findall(row)) for row in _ROW_START.split(part)))
        rows = max(rows, *(int(digits) for digits in _ROW.findall(part)), len(_ROW_START.findall(part)))
    if cells and max(columns * rows, cells) > CELL_LIMIT:
        raise PassportError(
            f"{name}: the cells of a sheet reach over {rows} rows and {columns} columns, more than {CELL_LIMIT} cells",
            code="rows-size",
            action="copy the table into a new workbook: a cell far outside of it was written or formatted",
        )


def _broken(part: bytes) -> Broken:
    found: dict[int, set[int]] = {}
    for pattern in (_ERROR, _NO_VALUE):
        for attributes in pattern.findall(part):
            place = _PLACE.search(attributes)
            if place is not None and (pattern is _ERROR or not _TEXT_RESULT.search(attributes)):
                found.setdefault(int(place[2]), set()).add(_column(place[1]))
    return {line: frozenset(columns) for line, columns in found.items()}


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number - 1


def _part_of(parts: zipfile.ZipFile, sheet: str | None) -> str | None:
    """The part that holds the sheet; None where it cannot be told: then the marks of all sheets count."""
    try:
        book = parts.read(_WORKBOOK).decode()
        links = parts.read("xl/_rels/workbook.xml.rels").decode()
    except (KeyError, UnicodeDecodeError):
        return None
    sheets = [_attributes(text) for text in _SHEET.findall(book)]
    chosen = next((one for one in sheets if sheet is None or one.get("name") == sheet), {})
    link = next((one for one in map(_attributes, _LINK.findall(links)) if one.get("Id") == chosen.get("r:id")), {})
    target = link.get("Target", "")
    path = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return path if path in parts.namelist() else None


def _attributes(text: str) -> dict[str, str]:
    return {name: unescape(double or single) for name, double, single in _ATTRIBUTE.findall(text)}
