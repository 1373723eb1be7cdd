"""Spreadsheets that would make a wrong passport in silence, or fill the memory: refused, with the place."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from dpptag.errors import PassportError
from dpptag.passport import spreadsheet, workbook_parts
from dpptag.passport.make import write_passports
from dpptag.passport.spreadsheet import COLUMN_LIMIT, read_sheet
from tests.unit.passport.test_from_rows import MAP, ROWS, made, refused, workbook

SHEET_PART = "xl/worksheets/sheet1.xml"


def book(*rows: list[Any]) -> bytes:
    made_book = openpyxl.Workbook()
    sheet = made_book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    made_book.save(out)
    return out.getvalue()


def altered(data: bytes, change: Callable[[bytes], bytes], more: dict[str, bytes] | None = None) -> bytes:
    """The workbook with its first sheet's part changed, and with parts more."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == SHEET_PART else old.read(name))
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return out.getvalue()


def code_of(name: str, data: bytes, sheet: str | None = None) -> str:
    with pytest.raises(PassportError) as caught:
        read_sheet(name, data, sheet)
    return caught.value.code


# Cells that do not say what a person sees


def test_errors_and_formulas_without_value_are_no_blank_cells() -> None:
    data = book(["a", "b", "c"], ["x", "#N/A", "=A2"], ["y", 1, None], [None, "#N/A", None])
    rows = read_sheet("rows.xlsx", data)
    assert [(row.line, row.broken, row.numbers) for row in rows] == [
        (2, {"b", "c"}, frozenset()),
        (3, frozenset(), {"b"}),
        (4, {"b"}, frozenset()),
    ]


def test_the_broken_cells_of_another_sheet_do_not_count() -> None:
    two = openpyxl.Workbook()
    first = two.active
    assert first is not None
    first.append(["a"])
    first.append(["#N/A"])
    second = two.create_sheet("More & more")
    second.append(["a"])
    second.append(["x"])
    out = io.BytesIO()
    two.save(out)
    assert read_sheet("rows.xlsx", out.getvalue(), "More & more")[0].broken == frozenset()
    assert read_sheet("rows.xlsx", out.getvalue())[0].broken == {"a"}


def test_a_broken_cell_that_the_map_uses_is_told_and_another_one_is_not() -> None:
    lines = [line.split(",") for line in ROWS.decode().splitlines()]
    at = lines[0].index("Footprint")
    rows = [[*line, "more"] for line in lines]
    rows[1][-1] = "#N/A"
    assert len(made(book(*rows), name="rows.xlsx")) == 2
    rows[2][at] = "=1+1"
    message = refused(book(*rows), name="rows.xlsx").message
    assert "line 3: emissions.footprint (column 'Footprint'): an error, or a formula" in message
    assert "line 2" not in message


def test_a_serial_that_is_a_number_has_lost_its_zeros_and_is_refused() -> None:
    lines: list[list[Any]] = [line.split(",") for line in ROWS.decode().splitlines()]
    lines[1][1] = 7
    message = refused(book(*lines), name="rows.xlsx").message
    assert "line 2: serial (column 'Serial no.'): a number" in message
    lines[1][1], lines[1][0] = "007", 9520123456788
    first = made(book(*lines), name="rows.xlsx")[0]
    assert (first.serial, first.gtin) == ("007", "09520123456788"), "a GTIN is padded and has its check digit"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (0.00001, "0.00001"),
        (12.0, "12"),
        (8.4, "8.4"),
        (1e20, "100000000000000000000"),
        (-0.5, "-0.5"),
    ],
)
def test_a_number_is_taken_with_the_fifteen_digits_that_a_spreadsheet_keeps(cell: float, text: str) -> None:
    assert read_sheet("rows.xlsx", book(["a"], [cell]))[0].cells == {"a": text}


def test_the_rest_of_a_binary_fraction_is_no_digit_of_a_number() -> None:
    data = altered(book(["a"], [0.3]), lambda part: part.replace(b"<v>0.3<", b"<v>0.30000000000000004<"))
    assert read_sheet("rows.xlsx", data)[0].cells == {"a": "0.3"}


def test_nothing_weighs_less_than_nothing() -> None:
    assert "Weight kg" in refused(ROWS.replace(b",0.31,", b",-0.31,", 1)).message


# Sizes


@pytest.mark.parametrize("without_place", [False, True], ids=["cell", "row"])
def test_a_cell_in_the_far_corner_is_refused_before_the_rectangle_is_made(without_place: bool) -> None:
    data = book(["a"], ["x"])

    def far(part: bytes) -> bytes:
        cell, row = (b"<c t=", b'r="9999999"') if without_place else (b'<c r="XFD1048576" t=', b'r="1048576"')
        wide = b"<c><v>1</v></c>" * 20 if without_place else b""
        return part.replace(b'<c r="A2" t=', wide + cell).replace(b'<row r="2"', b"<row " + row)

    assert far(zipfile.ZipFile(io.BytesIO(data)).read(SHEET_PART)).count(b"<row ") == 2
    assert code_of("rows.xlsx", altered(data, far)) == "rows-size"


def test_parts_that_expand_too_far_or_further_than_they_say_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_parts, "EXPANDED_LIMIT", 200_000)
    large = altered(book(["a"], ["x"]), lambda part: part + b" " * 300_000)
    assert code_of("rows.xlsx", large) == "rows-size"
    at = large.rfind(SHEET_PART.encode()) - 46  # its entry in the central directory; the size is 24 bytes on
    lying = large[: at + 24] + (1000).to_bytes(4, "little") + large[at + 28 :]
    assert code_of("rows.xlsx", lying) == "rows-workbook"


def test_another_kind_of_workbook_under_that_name_is_refused() -> None:
    data = altered(book(["a"], ["x"]), lambda part: part, {"content.xml": b"<office/>"})
    assert code_of("rows.xlsx", data) == "rows-workbook"


def test_too_many_columns_or_rows_of_a_csv_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = b",".join(b"c%d" % at for at in range(COLUMN_LIMIT + 1)) + b"\n"
    assert code_of("rows.csv", wide) == "rows-size"
    monkeypatch.setattr(spreadsheet, "ROW_LIMIT", 20)
    assert code_of("rows.csv", b"a\n" + b"x\n" * 21) == "rows-size"
    assert len(read_sheet("rows.csv", b"a\n" + b"x\n" * 20)) == 20


def test_a_map_with_a_name_of_a_thousand_parts_is_refused() -> None:
    name = ".".join(["a"] * 1100)
    assert refused(column_map=MAP.replace("[columns]", f'[columns]\n{name} = "x"')).code == "map-schema"


# What is written


def test_two_rows_with_one_id_are_refused_whatever_their_files_are_called() -> None:
    named = MAP.replace('file = "{serial}.json"', 'file = "{batch}.json"')
    rows = ROWS.replace(b"LB70B0002,2026W46-1", b"LB70B0001,2026W46-2")
    message = refused(rows, named).message
    assert "line 3: the same id as line 2: https://id.example.com/passports/LB70B0001" in message
    assert "line 3: the same id as line 2: https://id.example.com/01/09520123456788/21/LB70B0001" in message


def test_no_passport_takes_the_name_of_the_rows() -> None:
    named = MAP.replace('file = "{serial}.json"', 'file = "{serial}.csv"')
    assert "the rows of a line job: rows.csv" in refused(ROWS.replace(b"LB70B0001", b"ROWS"), named).message


def test_the_rows_of_other_passports_are_not_lost_and_more_rows_may_follow(tmp_path: Path) -> None:
    both = made()
    write_passports(both[:1], tmp_path)
    write_passports(both, tmp_path)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 3
    with pytest.raises(PassportError) as caught:
        write_passports(made(ROWS.replace(b"LB70B000", b"LB70C000")), tmp_path)
    assert caught.value.code == "passport-exists"
    assert not (tmp_path / "LB70C0001.json").exists()


def test_a_blank_in_the_column_that_says_conforms_is_no_conformity() -> None:
    named = MAP.replace("[columns]", '[columns]\n"compliance.1.conforms" = "Conforms"')
    head, *lines = ROWS.decode().splitlines()
    rows = "\n".join([f"{head},Conforms", f"{lines[0]},yes", f"{lines[1]},", ""]).encode()
    error = refused(rows, named)
    assert "line 3: compliance.1.conforms (column 'Conforms'): missing" in error.message
    assert "line 2" not in error.message
    no = "\n".join([f"{head},Conforms", f"{lines[0]},no", ""]).encode()
    claims = json.loads(made(no, named)[0].content)["credentialSubject"]["performanceClaim"]
    assert "does not conform" in [
        one["score"]["code"] for claim in claims for one in claim["claimedPerformance"] if "score" in one
    ]


def test_what_validation_tells_of_a_row_is_kept_with_it() -> None:
    first, second = made(ROWS.replace(b",NO,", b",ZZ,", 1))
    assert "country" in [fault.code for fault in first.warnings]
    assert "country" not in [fault.code for fault in second.warnings]


def test_the_workbook_of_the_csv_has_no_mark() -> None:
    assert all(not row.numbers and not row.broken for row in read_sheet("rows.xlsx", workbook(ROWS)))
