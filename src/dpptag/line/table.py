"""Rows files as plain text cells: CSV with a header, or a JSON array of flat objects.

A file that was cut off must never pass for a short one: a CSV ends with a line break, every quote is closed, every
line has as many fields as the header.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dpptag.errors import JobError

FILE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of a rows file: some 300 bytes a row at the largest job."""
ROW_LIMIT: Final = 200_000

COLUMNS: Final = ("uri", "gtin", "serial", "batch", "passport")
"""The columns that name an item and its passport; every other one is metadata."""

SHOWN_ERRORS: Final = 20
_SCALARS = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Cells:
    """One row as text. ``line`` is its first line in a CSV, its place in a JSON array; both count from 1."""

    number: int
    line: int
    values: Mapping[str, str]


def collected(name: str, errors: list[str], code: str, *, file: Path, action: str | None = None) -> JobError:
    """One error for all that was found in the rows, the first of them spelt out."""
    more = len(errors) - SHOWN_ERRORS
    text = "; ".join(errors[:SHOWN_ERRORS]) + (f"; and {more} more" if more > 0 else "")
    return JobError(f"{name}: {text}", code=code, action=action, file=str(file), errors=len(errors))


def read_cells(path: Path, content: bytes) -> tuple[Cells, ...]:
    """The rows of a ``.csv`` or ``.json`` file. Raises JobError with the line of what is wrong."""
    if len(content) > FILE_LIMIT:
        raise JobError(f"{path.name} is larger than {FILE_LIMIT} bytes", code="rows-size", file=str(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise JobError(
            f"{path.name}, line {line}: this is not UTF-8 text",
            code="rows-encoding",
            action="save the file as UTF-8",
            file=str(path),
            line=line,
        ) from exc
    readers = {".csv": _read_csv, ".json": _read_json}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise JobError(f"{path.name}: rows come as .csv or .json", code="rows-kind", file=str(path))
    rows = reader(path, text)
    if not rows:
        raise JobError(f"{path.name} has no rows", code="rows-empty", file=str(path))
    if len(rows) > ROW_LIMIT:
        raise JobError(
            f"{path.name} has {len(rows)} rows, more than {ROW_LIMIT}",
            code="rows-size",
            action="split the job",
            file=str(path),
        )
    return rows


def _read_csv(path: Path, text: str) -> tuple[Cells, ...]:
    if "\0" in text:
        raise _cut(path, text.count("\n", 0, text.index("\0")) + 1, "there is a NUL in it")
    if text and not text.endswith(("\n", "\r")):
        last = text.count("\n") + 1
        raise _cut(path, last, "the last line has no line break", "if the file is complete, end it with a line break")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Cells] = []
    errors: list[str] = []
    header: list[str] | None = None
    line = 1
    try:
        for fields in reader:
            if header is None:
                header = _checked_header(path, fields)
            elif len(fields) == len(header):
                rows.append(Cells(len(rows) + 1, line, dict(zip(header, fields, strict=True))))
            else:
                found = f"{len(fields)} fields" if fields else "empty line"
                errors.append(f"line {line}: {found}, the header has {len(header)}")
            line = reader.line_num + 1
    except csv.Error as exc:
        raise _cut(path, line, f"the row that begins here is broken ({exc})") from exc
    if errors:
        raise collected(path.name, errors, "rows-cut", file=path)
    return tuple(rows)


def _cut(path: Path, line: int, what: str, action: str = "write the file again from its source") -> JobError:
    return JobError(
        f"{path.name}, line {line}: {what}; the file may be cut off",
        code="rows-cut",
        action=action,
        file=str(path),
        line=line,
    )


def _checked_header(path: Path, fields: list[str]) -> list[str]:
    if len(fields) == 1 and ";" in fields[0]:
        raise JobError(
            f"{path.name}, line 1: the fields are separated by semicolons",
            code="rows-header",
            action="save the file with commas between the fields",
            file=str(path),
            line=1,
        )
    wrong = [name for name in fields if not name or name != name.strip() or fields.count(name) > 1]
    if wrong or not fields:
        shown = ", ".join(repr(name) for name in dict.fromkeys(wrong)) or "nothing"
        raise JobError(
            f"{path.name}, line 1: column names that are empty, padded or double: {shown}",
            code="rows-header",
            file=str(path),
            line=1,
        )
    return fields


def _read_json(path: Path, text: str) -> tuple[Cells, ...]:
    try:
        values = json.loads(text, object_pairs_hook=_no_double_names)
    except json.JSONDecodeError as exc:
        raise JobError(
            f"{path.name}, line {exc.lineno}: no JSON: {exc.msg}; the file may be cut off",
            code="rows-cut",
            file=str(path),
            line=exc.lineno,
        ) from exc
    except (RecursionError, ValueError) as exc:  # ValueError: a double name, or a number of thousands of digits
        reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise JobError(f"{path.name}: {reason}", code="rows-json", file=str(path)) from exc
    if not isinstance(values, list):
        raise JobError(f"{path.name}: rows are an array of objects", code="rows-json", file=str(path))
    rows: list[Cells] = []
    errors: list[str] = []
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict) or not all(isinstance(cell, _SCALARS) for cell in value.values()):
            errors.append(f"row {number}: not a flat object")
            continue
        # A bare 0070 or true would be guessed at; what names an item or a file is text as it stands.
        bare = [name for name in COLUMNS if not isinstance(value.get(name), str | None)]
        if bare:
            errors.append(f"row {number}: {', '.join(bare)}: put it in quotes, leading zeros matter")
            continue
        rows.append(Cells(number, number, {name: _text(cell) for name, cell in value.items()}))
    if errors:
        raise collected(path.name, errors, "rows-json", file=path)
    return tuple(rows)


def _no_double_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a name stands twice in one row: {', '.join(name for name, _ in pairs)}")
    return found


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else json.dumps(cell)
