"""From a spreadsheet to passports: columns by name, every row checked, CSV and XLSX alike."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.errors import PassportError
from dpptag.passport.column_map import TARGETS, read_column_map
from dpptag.passport.document import read_document
from dpptag.passport.make import NewPassport, make_passports, write_passports
from dpptag.passport.read_untp import read_internal
from dpptag.passport.reading import read_passport
from dpptag.passport.spreadsheet import SheetRow, read_sheet
from tests.needs import ROOT

SHEETS = ROOT / "examples" / "sheets"
ROWS = (SHEETS / "batteries.csv").read_bytes()
MAP = (SHEETS / "batteries.toml").read_text()
VERSIONS = ("0.6.0", "0.6.1", "0.7.0")


def made(rows: bytes = ROWS, column_map: str = MAP, name: str = "rows.csv") -> tuple[NewPassport, ...]:
    return make_passports("map.toml", column_map.encode(), name, rows)


def refused(rows: bytes = ROWS, column_map: str = MAP, name: str = "rows.csv") -> PassportError:
    with pytest.raises(PassportError) as caught:
        made(rows, column_map, name)
    return caught.value


def in_version(version: str) -> str:
    return MAP.replace('version = "0.7.0"', f'version = "{version}"')


def workbook(rows: bytes, *, as_numbers: bool = False) -> bytes:
    """The CSV as a spreadsheet program would save it; leading zeros need text cells."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in rows.decode().splitlines():
        cells: list[Any] = line.split(",")
        if as_numbers:
            cells = [float(cell) if re.fullmatch(r"0\.[0-9]+", cell) else cell for cell in cells]
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("version", VERSIONS)
def test_each_row_becomes_a_passport_of_its_item_in_every_version(version: str) -> None:
    found = made(column_map=in_version(version))
    assert [one.file for one in found] == ["LB70B0001.json", "LB70B0002.json"]
    for one in found:
        pointer = read_passport(one.content)
        assert (pointer.uri, pointer.serial, pointer.granularity) == (
            f"https://id.example.com/01/09520123456788/21/{one.serial}",
            one.serial,
            "item",
        )
        assert pointer.untp_version == version
        assert one.dropped == ()
        passport = read_internal(read_document(one.content))
        assert [material.mass_fraction for material in passport.materials] == [0.38, 0.17]
        assert passport.emissions is not None
        assert (passport.emissions.carbon_footprint, passport.emissions.primary_ratio) == (8.4, 0.6)
        assert passport.circularity is not None
        assert passport.circularity.repair is not None
        assert len(passport.claims) == 2
        assert passport.unknown == ()
        assert "LB70-3S" in (passport.product.model_number, (passport.product.description or "").removeprefix("Model "))


def test_a_workbook_gives_the_very_documents_of_the_csv() -> None:
    for as_numbers in (False, True):
        found = made(workbook(ROWS, as_numbers=as_numbers), name="rows.xlsx")
        assert [one.content for one in found] == [one.content for one in made()]


def test_every_fault_of_every_row_is_told_with_its_line_and_column() -> None:
    rows = ROWS.decode().replace("38 %", "138 %", 1).replace(",NO,", ",Norway,", 1).replace("2026-11-09", "9.11.2026")
    error = refused(rows.encode())
    assert "line 2" in error.message
    assert "line 3" in error.message
    assert "column 'Share A'" in error.message
    assert "column 'Country'" in error.message
    assert error.message.count("Made on") == 2


def test_shares_that_are_more_than_the_whole_are_refused() -> None:
    assert "together 1.21" in refused(ROWS.replace(b"17 %", b"83 %")).message


def test_a_wrong_check_digit_never_reaches_a_passport() -> None:
    assert "gtin" in refused(ROWS.replace(b"09520123456788", b"09520123456789")).message


def test_two_rows_of_one_item_are_refused() -> None:
    assert "same file name as line 2" in refused(ROWS.replace(b"LB70B0002", b"LB70B0001")).message


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('gtin = "GTIN"', 'gtin = "Gtin"', "rows-column"),
        ('name = "Product"', 'nmae = "Product"', "map-target"),
        ('material.1.name = "Material A"', 'material.51.name = "Material A"', "map-target"),
        ('level = "item"', 'level = "thing"', "map-schema"),
        ('level = "item"', 'levle = "item"', "map-schema"),
        ("passports/{serial}", "passports/{colour}", "map-place"),
        ('file = "{serial}.json"', 'file = "../{serial}.json"', "rows"),
        ("[values]", "[values", "map-toml"),
    ],
)
def test_a_map_that_cannot_be_followed_is_refused(old: str, new: str, code: str) -> None:
    assert old in MAP
    assert refused(column_map=MAP.replace(old, new)).code == code


@pytest.mark.parametrize(
    ("rows", "name", "code"),
    [
        (ROWS[:-10], "rows.csv", "rows-cut"),
        (ROWS.replace(b",NO,", b",", 1), "rows.csv", "rows-cut"),
        (b"\xff\xfe" + ROWS, "rows.csv", "rows-encoding"),
        (ROWS.split(b"\n")[0] + b"\n", "rows.csv", "rows-size"),
        (b"", "rows.csv", "rows-empty"),
        (ROWS, "rows.ods", "rows-kind"),
        (b"PK\x03\x04" + bytes(100), "rows.xlsx", "rows-workbook"),
        (ROWS, "rows.xlsx", "rows-workbook"),
    ],
)
def test_half_a_file_never_passes_for_a_short_one(rows: bytes, name: str, code: str) -> None:
    assert refused(rows, name=name).code == code


@given(st.binary(max_size=200))
def test_whatever_a_workbook_holds_is_refused_in_order(data: bytes) -> None:
    with pytest.raises(PassportError):
        read_sheet("rows.xlsx", b"PK\x03\x04" + data)


def test_a_line_job_can_run_from_what_was_written(tmp_path: Path) -> None:
    found = made()
    write_passports(found, tmp_path)
    assert (tmp_path / "rows.csv").read_text().splitlines() == [
        "gtin,serial,batch,passport",
        "09520123456788,LB70B0001,2026W46-1,LB70B0001.json",
        "09520123456788,LB70B0002,2026W46-1,LB70B0002.json",
    ]
    write_passports(found, tmp_path)
    (tmp_path / "LB70B0001.json").write_text(json.dumps({}))
    with pytest.raises(PassportError) as caught:
        write_passports(found, tmp_path)
    assert caught.value.code == "passport-exists"


def test_every_target_is_understood() -> None:
    names = [name.replace(".N.", ".7.") for group in TARGETS.values() for name in group]
    lines = "\n".join(f'"{name}" = "{name}"' for name in names)
    text = f'[passport]\nid = "x:{{serial}}"\nproduct = "https://a.example/01/{{gtin}}/21/{{serial}}"\n[columns]\n{lines}\n'
    assert read_column_map("map.toml", text.encode()).columns.keys() == set(names)


def test_rows_keep_the_line_that_a_spreadsheet_shows() -> None:
    assert read_sheet("a.csv", b'a,b\n1,"two\nlines"\n\n3,4\n') == (
        SheetRow(2, {"a": "1", "b": "two\nlines"}),
        SheetRow(5, {"a": "3", "b": "4"}),
    )
