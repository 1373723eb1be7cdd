"""Passports from a spreadsheet: every row checked and every document validated before the first file is written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dpptag.errors import PassportError
from dpptag.files import replace_file
from dpptag.passport.column_map import ColumnMap, read_column_map
from dpptag.passport.faults import Fault
from dpptag.passport.from_rows import MadePassport, make_passport
from dpptag.passport.reading import read_passport
from dpptag.passport.spreadsheet import read_sheet
from dpptag.passport.validation import has_errors, validate
from dpptag.passport.write_untp import Dropped, write

SHOWN_ERRORS: Final = 20
ROWS_FILE: Final = "rows.csv"


@dataclass(frozen=True, slots=True)
class NewPassport:
    """``content`` is the document as it will be issued. ``dropped`` tells what its version cannot carry.

    ``ids`` are those of passport and product; ``warnings`` what validation tells of it that is no error.
    """

    line: int
    file: str
    content: bytes
    gtin: str
    serial: str | None
    batch: str | None
    dropped: tuple[Dropped, ...]
    ids: tuple[str, ...]
    warnings: tuple[Fault, ...]


def make_passports(map_name: str, map_content: bytes, rows_name: str, rows: bytes) -> tuple[NewPassport, ...]:
    """One document a row. Raises PassportError with the faults of all rows, by their lines."""
    columns = read_column_map(map_name, map_content)
    made: list[NewPassport] = []
    errors: list[str] = []
    first: dict[tuple[str, str], int] = {("file name", ROWS_FILE): 0}
    for row in read_sheet(rows_name, rows, columns.passport.sheet):
        try:
            new = _written(columns, make_passport(columns, row))
        except PassportError as exc:
            if exc.code in ("rows-column", "map-target"):
                raise
            errors.append(exc.message)
            continue
        for what, text in (("file name", new.file.casefold()), *(("id", one) for one in new.ids)):
            before = first.setdefault((what, text), new.line)
            if before != new.line:
                whose = f"line {before}" if before else "the rows of a line job"
                errors.append(f"line {new.line}: the same {what} as {whose}: {text}")
        made.append(new)
    if errors:
        more = len(errors) - SHOWN_ERRORS
        text = "; ".join(errors[:SHOWN_ERRORS]) + (f"; and {more} more" if more > 0 else "")
        raise PassportError(f"{rows_name}: {text}", code="rows", action="correct the rows; nothing was written")
    return tuple(made)


def _written(columns: ColumnMap, one: MadePassport) -> NewPassport:
    document, dropped = write(one.passport, columns.passport.version)
    faults = validate(document, strict=True)
    if has_errors(faults):
        said = "; ".join(f"{fault.path}: {fault.text}" for fault in faults if fault.severity == "error")
        raise PassportError(f"line {one.line}: {said}", code="rows")
    content = (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
    try:
        pointer = read_passport(content)
    except PassportError as exc:
        raise PassportError(f"line {one.line}: {exc.message}", code="rows") from exc
    ids = tuple({one.passport.id or "", pointer.uri})
    return NewPassport(one.line, one.file, content, one.gtin, one.serial, one.batch, dropped, ids, faults)


def write_passports(made: Sequence[NewPassport], folder: Path) -> None:
    """The documents and, where each has a serial, the rows of a line job that point to them.

    No existing file is replaced by another, save rows by more rows that hold them all. Raises PassportError; what was
    written so far stays, and writing the same again is no conflict.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in made:
            path = folder / one.file
            if path.exists() and path.read_bytes() != one.content:
                raise PassportError(
                    f"{path} holds another document: an issued passport is never replaced",
                    code="passport-exists",
                    action="give another --out",
                )
        rows = _rows(made) if all(one.serial for one in made) else None
        path = folder / ROWS_FILE
        if rows is not None and path.exists() and not {*path.read_bytes().splitlines()} <= {*rows.splitlines()}:
            raise PassportError(
                f"{path} has rows of other passports, which would be lost",
                code="passport-exists",
                action="give another --out",
            )
        for one in made:
            replace_file(folder / one.file, one.content)
        if rows is not None:
            replace_file(path, rows)
    except OSError as exc:
        raise PassportError(f"cannot write to {folder}: {exc.strerror}", code="passport-write") from exc


def _rows(made: Sequence[NewPassport]) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(["gtin", "serial", "batch", "passport"])
    rows.writerows([one.gtin, one.serial, one.batch or "", one.file] for one in made)
    return text.getvalue().encode()
