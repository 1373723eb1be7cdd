"""Rows of a CSV or XLSX file as text, each with the line that a person sees. The one door to the spreadsheet library.

A file that was cut off must never pass for a short one: a CSV ends with a line break, every line has as many fields as
the header. Of a workbook one sheet is read; formulas count by the value that was saved with them.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from dpptag.errors import PassportError

FILE_LIMIT: Final = 64 * 1024 * 1024
EXPANDED_LIMIT: Final = 512 * 1024 * 1024
"""Bytes of a workbook's parts together, before any is opened: a zip of zeros would fill the memory."""
ROW_LIMIT: Final = 200_000
COLUMN_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class SheetRow:
    """``line`` as the spreadsheet program counts; ``cells`` by column name, without blanks at their ends."""

    line: int
    cells: Mapping[str, str]


def read_sheet(name: str, content: bytes, sheet: str | None = None) -> tuple[SheetRow, ...]:
    """All rows behind the header, empty ones left out. ``sheet`` None: the first. Raises PassportError."""
    if len(content) > FILE_LIMIT:
        raise PassportError(f"{name} is larger than {FILE_LIMIT} bytes", code="rows-size")
    suffix = Path(name).suffix.lower()
    if suffix == ".csv":
        lines = _csv_lines(name, content)
    elif suffix == ".xlsx":
        lines = _workbook_lines(name, content, sheet)
    else:
        raise PassportError(f"{name}: rows come as .csv or .xlsx", code="rows-kind")
    if not lines:
        raise PassportError(f"{name} has no header", code="rows-empty")
    header_line, header = lines[0]
    _check_header(name, header_line, header)
    rows = tuple(
        SheetRow(line, dict(zip(header, fields, strict=True)))
        for line, fields in lines[1:]
        if any(map(str.strip, fields))
    )
    if not rows or len(rows) > ROW_LIMIT:
        raise PassportError(f"{name} has {len(rows)} rows; 1 to {ROW_LIMIT} are read", code="rows-size")
    return rows


def _check_header(name: str, line: int, header: list[str]) -> None:
    double = sorted({column for column in header if column and header.count(column) > 1})
    if double:
        raise PassportError(f"{name}, line {line}: columns that stand twice: {', '.join(double)}", code="rows-header")
    if not any(header):
        raise PassportError(f"{name}, line {line}: no column has a name", code="rows-header")
    if len(header) == 1 and ";" in header[0]:
        raise PassportError(
            f"{name}: the fields are separated by semicolons", code="rows-header", action="save it with commas"
        )


def _csv_lines(name: str, content: bytes) -> list[tuple[int, list[str]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise PassportError(
            f"{name}, line {line}: this is not UTF-8 text", code="rows-encoding", action="save the file as UTF-8"
        ) from exc
    if text and not text.endswith(("\n", "\r")):
        raise _cut(name, text.count("\n") + 1, "the last line has no line break")
    if "\0" in text:
        raise _cut(name, text.count("\n", 0, text.index("\0")) + 1, "there is a NUL in it")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for fields in reader:
            if lines and fields and len(fields) != len(lines[0][1]):
                raise _cut(name, line, f"{len(fields)} fields, the header has {len(lines[0][1])}")
            if fields:
                lines.append((line, [field.strip() for field in fields]))
            line = reader.line_num + 1
    except csv.Error as exc:
        raise _cut(name, line, f"the row that begins here is broken ({exc})") from exc
    return lines


def _cut(name: str, line: int, what: str) -> PassportError:
    return PassportError(
        f"{name}, line {line}: {what}; the file may be cut off",
        code="rows-cut",
        action="write it again from its source",
    )


def _workbook_lines(name: str, content: bytes, sheet: str | None) -> list[tuple[int, list[str]]]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            expanded = sum(part.file_size for part in parts.infolist())
        if expanded > EXPANDED_LIMIT:
            raise PassportError(f"{name} expands to more than {EXPANDED_LIMIT} bytes", code="rows-size")
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            names = book.sheet_names
            if sheet is not None and sheet not in names:
                raise PassportError(
                    f"{name} has no sheet {sheet!r}", code="rows-sheet", action="one of: " + ", ".join(names)[:200]
                )
            values = book.get_sheet_by_name(names[0] if sheet is None else sheet).to_python(skip_empty_area=False)
    except (CalamineError, PasswordError, zipfile.BadZipFile, OSError, ValueError, IndexError) as exc:
        raise PassportError(f"{name} is no workbook that can be read: {exc}", code="rows-workbook") from exc
    if values and len(values[0]) > COLUMN_LIMIT:
        raise PassportError(f"{name} has more than {COLUMN_LIMIT} columns", code="rows-size")
    return [(line, [_text(cell) for cell in cells]) for line, cells in enumerate(values, 1)]


def _text(cell: object) -> str:
    """As a person reads the cell: no ``.0`` behind a whole number, no time behind a day.

    A number that a workbook keeps as a number has lost its leading zeros already; whoever needs them keeps it as text.
    """
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime) and not any((cell.hour, cell.minute, cell.second)):
        return cell.date().isoformat()
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell).strip()
