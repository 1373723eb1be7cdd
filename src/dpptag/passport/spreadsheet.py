"""Rows of a CSV or XLSX file as text, each with the line that a person sees. The one door to the spreadsheet library.

A file that was cut off must never pass for a short one: a CSV ends with a line break, every line has as many fields as
the header. Of a workbook one sheet is read; formulas count by the value that was saved with them.
"""

from __future__ import annotations

import csv
import io
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from dpptag.errors import PassportError
from dpptag.passport.workbook_parts import check_parts

FILE_LIMIT: Final = 64 * 1024 * 1024
ROW_LIMIT: Final = 200_000
COLUMN_LIMIT: Final = 1000
_ZIP_FAULTS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    IndexError,
    RuntimeError,
)
"""Of a damaged archive and its parts; RuntimeError: it is encrypted, or compressed in a way that is not known."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """``line`` as the spreadsheet program counts; ``cells`` by column name, without blanks at their ends.

    Of a workbook: ``numbers`` are the columns whose cell is a number, so that leading zeros and digits behind the
    fifteenth are lost already; ``broken`` those whose cell is an error or a formula that was saved without its value.
    """

    line: int
    cells: Mapping[str, str]
    numbers: Set[str] = frozenset()
    broken: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Line:
    """``numbers`` and ``broken``: the columns, counted from 0."""

    number: int
    fields: list[str]
    numbers: Set[int] = field(default_factory=frozenset)
    broken: Set[int] = field(default_factory=frozenset)


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
    header = lines[0].fields
    _check_header(name, lines[0].number, header)
    rows = tuple(
        SheetRow(
            line.number,
            dict(zip(header, line.fields, strict=True)),
            frozenset(header[at] for at in line.numbers),
            frozenset(header[at] for at in line.broken),
        )
        for line in lines[1:]
        if line.broken or any(map(str.strip, line.fields))
    )
    if not rows or len(rows) > ROW_LIMIT:
        raise PassportError(f"{name} has {len(rows)} rows; 1 to {ROW_LIMIT} are read", code="rows-size")
    return rows


def _check_header(name: str, line: int, header: list[str]) -> None:
    if len(header) > COLUMN_LIMIT:
        raise PassportError(f"{name} has more than {COLUMN_LIMIT} columns", code="rows-size")
    double = sorted(column for column, times in Counter(header).items() if column and times > 1)
    if double:
        raise PassportError(f"{name}, line {line}: columns that stand twice: {', '.join(double)}", code="rows-header")
    if not any(header):
        raise PassportError(f"{name}, line {line}: no column has a name", code="rows-header")
    if len(header) == 1 and ";" in header[0]:
        raise PassportError(
            f"{name}: the fields are separated by semicolons", code="rows-header", action="save it with commas"
        )


def _csv_lines(name: str, content: bytes) -> list[_Line]:
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
    lines: list[_Line] = []
    line = 1
    try:
        for fields in reader:
            if lines and fields and len(fields) != len(lines[0].fields):
                raise _cut(name, line, f"{len(fields)} fields, the header has {len(lines[0].fields)}")
            if fields:
                lines.append(_Line(line, [one.strip() for one in fields]))
            if len(lines) > ROW_LIMIT + 1:
                raise PassportError(f"{name} has more than {ROW_LIMIT} rows", code="rows-size")
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


def _workbook_lines(name: str, content: bytes, sheet: str | None) -> list[_Line]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            broken = check_parts(name, parts, sheet)
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            names = book.sheet_names
            if sheet is not None and sheet not in names:
                raise PassportError(
                    f"{name} has no sheet {sheet!r}", code="rows-sheet", action="one of: " + ", ".join(names)[:200]
                )
            values = book.get_sheet_by_name(names[0] if sheet is None else sheet).to_python(skip_empty_area=False)
    except (CalamineError, PasswordError, *_ZIP_FAULTS) as exc:
        raise PassportError(f"{name} is no workbook that can be read: {exc}", code="rows-workbook") from exc
    width = len(values[0]) if values else 0
    for _ in range(len(values), max(broken, default=0)):  # rows of nothing but broken cells at the end
        values.append([""] * width)
    return [
        _Line(
            line,
            [_text(cell) for cell in cells],
            frozenset(
                at for at, cell in enumerate(cells) if isinstance(cell, float | int) and not isinstance(cell, bool)
            ),
            frozenset(at for at in broken.get(line, ()) if at < width),
        )
        for line, cells in enumerate(values, 1)
    ]


def _text(cell: object) -> str:
    """No ``.0`` behind a whole number, no time behind a day. How the cell is formatted is not known here.

    Spreadsheets keep fifteen digits of a number: what lies behind them is the rest of a binary fraction.
    """
    if isinstance(cell, float):
        return format(Decimal(f"{cell:.15g}"), "f")
    if isinstance(cell, datetime) and not any((cell.hour, cell.minute, cell.second)):
        return cell.date().isoformat()
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell).strip()
