"""The rows: all checked before the first tag, and a cut file never passes for a short one."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpptag.errors import JobError
from dpptag.line import Job, read_job
from dpptag.line.table import read_cells
from tests.line.job_folder import GTIN, HOST, JobFolder, uri_of

OTHER_GTIN = "09520123456825"


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "job")


def refused(folder: JobFolder) -> JobError:
    with pytest.raises(JobError) as caught:
        read_job(folder.job)
    return caught.value


def with_rows(folder: JobFolder, content: str | bytes, name: str = "rows.csv") -> JobFolder:
    data = content.encode() if isinstance(content, str) else content
    (folder.path / name).write_bytes(data)
    return folder


def read_json_rows(folder: JobFolder, rows: object) -> Job:
    with_rows(folder, json.dumps(rows), "rows.json")
    folder.write_job(job__rows='"rows.json"')
    return read_job(folder.job)


def test_a_byte_order_mark_is_accepted(folder: JobFolder) -> None:
    with_rows(folder, b"\xef\xbb\xbfgtin,serial\r\n" + f"{GTIN},SN1\r\n".encode())
    assert [row.serial for row in read_job(folder.job).rows] == ["SN1"]


def test_further_columns_travel_as_metadata(folder: JobFolder) -> None:
    with_rows(folder, f'order,gtin,serial,note\n7,{GTIN},SN1,"two, ""quoted""\nlines"\n8,{GTIN},SN2,\n')
    rows = read_job(folder.job).rows
    assert rows[0].metadata == {"order": "7", "note": 'two, "quoted"\nlines'}
    assert [row.line for row in rows] == [2, 4]


def test_a_short_gtin_is_padded_to_14_digits(folder: JobFolder) -> None:
    with_rows(folder, f"gtin,serial\n{GTIN[1:]},SN1\n")
    assert read_job(folder.job).rows[0].identity == uri_of("SN1")


def test_a_batch_stands_before_the_serial_and_outside_the_item_key(folder: JobFolder) -> None:
    with_rows(folder, f"gtin,serial,batch\n{GTIN},SN1,L7\n")
    (row,) = read_job(folder.job).rows
    assert row.identity == f"{HOST}/01/{GTIN}/10/L7/21/SN1"
    assert row.serial_key == f"/01/{GTIN}/21/SN1"


def test_a_row_may_give_its_uri(folder: JobFolder) -> None:
    with_rows(folder, f"uri,passport\nhttps://b.example/x/01/{GTIN}/21/SN1,passports/SN1.json\n")
    (row,) = read_job(folder.job).rows
    assert (row.identity, row.serial) == (f"https://b.example/x/01/{GTIN}/21/SN1", "SN1")


def test_a_uri_without_a_gs1_key_must_be_the_passports_own(folder: JobFolder) -> None:
    folder.write_passport("SN1", uri="https://maker.example/items/SN1")
    with_rows(folder, "uri,passport\nhttps://maker.example/items/SN1,passports/SN1.json\n")
    (row,) = read_job(folder.job).rows
    assert (row.serial_key, row.serial) == (None, "SN1")
    with_rows(folder, "uri,passport\nhttps://maker.example/items/SN2,passports/SN1.json\n")
    assert "of another item" in refused(folder).message


def test_json_rows_are_read_like_csv(folder: JobFolder) -> None:
    rows = read_json_rows(folder, [{"gtin": GTIN, "serial": "SN1", "order": 7, "note": None, "ok": True}]).rows
    assert rows[0].identity == uri_of("SN1")
    assert rows[0].metadata == {"order": "7", "note": "", "ok": "true"}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"gtin": GTIN}, "array of objects"),
        ([[GTIN, "SN1"]], "row 1: not a flat object"),
        ([{"gtin": GTIN, "serial": ["SN1"]}], "row 1: not a flat object"),
        ([{"gtin": int(GTIN), "serial": "SN1"}], "row 1: gtin: put it in quotes"),
        ([{"gtin": GTIN, "serial": True}], "row 1: serial: put it in quotes"),
        ([{"uri": 1.5, "passport": False}], "row 1: uri, passport: put it in quotes"),
        ([], "has no rows"),
    ],
)
def test_json_of_another_shape_is_refused(folder: JobFolder, rows: object, says: str) -> None:
    with pytest.raises(JobError, match=says):
        read_json_rows(folder, rows)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f'[{{"gtin": "{GTIN}", "serial": "SN1"}}, {{"gt', "rows-cut"),
        (f'[{{"gtin": "{GTIN}", "gtin": "{GTIN}"}}]', "rows-json"),
        ("[" * 100_000, "rows-json"),
        ('[{"n": ' + "9" * 5000 + "}]", "rows-json"),
    ],
)
def test_broken_json_is_one_clear_error(folder: JobFolder, text: str, code: str) -> None:
    with_rows(folder, text, "rows.json")
    folder.write_job(job__rows='"rows.json"')
    assert refused(folder).code == code


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (f"gtin,serial\n{GTIN},SN1\n{GTIN},SN", 3, "the last line has no line break"),
        (f'gtin,serial\n{GTIN},SN1\n{GTIN},"SN\n', 3, "the row that begins here is broken"),
        (f"gtin,serial\n{GTIN},SN1\n{GTIN},SN2\0\n", 3, "NUL"),
    ],
)
def test_a_csv_cut_in_mid_row_names_the_line(folder: JobFolder, text: str, line: int, says: str) -> None:
    error = refused(with_rows(folder, text))
    assert (error.code, error.facts["line"]) == ("rows-cut", line)
    assert says in error.message
    assert f"line {line}" in error.message


def test_a_missing_last_line_break_says_what_to_do(folder: JobFolder) -> None:
    error = refused(with_rows(folder, f"gtin,serial\n{GTIN},SN1"))
    assert error.action == "if the file is complete, end it with a line break"


def test_a_row_with_a_field_too_few_names_its_line(folder: JobFolder) -> None:
    error = refused(with_rows(folder, f"gtin,serial,note\n{GTIN},SN1,a\n{GTIN},SN2\n"))
    assert "line 3: 2 fields, the header has 3" in error.message


@given(cut=st.integers(min_value=0))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_csv_cut_at_any_byte_is_refused_or_lacks_whole_rows_only(cut: int) -> None:
    whole = f'gtin,serial,note\n{GTIN},SN1,"a\nb"\n{GTIN},SN2,"c,d"\n'.encode()
    piece = whole[: cut % len(whole)]
    complete = read_cells(Path("rows.csv"), whole)
    try:
        rows = read_cells(Path("rows.csv"), piece)
    except JobError:
        return
    assert rows == complete[: len(rows)]
    assert piece.endswith(b"\n")


@given(st.binary(max_size=300))
def test_garbage_rows_are_a_job_error_or_nothing(content: bytes) -> None:
    for name in ("rows.csv", "rows.json"):
        with contextlib.suppress(JobError):
            read_cells(Path(name), content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("gtin;serial\n1;2\n", "separated by semicolons"),
        ("gtin,gtin\n1,2\n", "'gtin'"),
        ("gtin,\n1,2\n", "''"),
        ("gtin, serial\n1,2\n", "' serial'"),
        ("gtin,serial\n", "has no rows"),
        ("", "has no rows"),
        (b"gtin,serial\n\xff,1\n", "line 2: this is not UTF-8"),
    ],
)
def test_a_wrong_header_or_no_rows_is_refused(folder: JobFolder, content: str | bytes, says: str) -> None:
    assert says in refused(with_rows(folder, content)).message


def test_rows_of_another_kind_are_refused(folder: JobFolder) -> None:
    with_rows(folder, "x", "rows.xlsx")
    folder.write_job(job__rows='"rows.xlsx"')
    assert refused(folder).code == "rows-kind"


def test_a_missing_rows_file_is_refused(folder: JobFolder) -> None:
    (folder.path / "rows.csv").unlink()
    assert refused(folder).code == "rows-unreadable"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (f"{GTIN[:-1]}9,SN1,,,", "check digit"),
        (f"{GTIN},,,,", "serial missing"),
        (",,,,", "gtin and serial missing"),
        (f"{GTIN},SN 1,,,", "AI 21"),
        (f"{GTIN},{'x' * 21},,,", "21"),
        (f"{GTIN},SN9,,,", "cannot read SN9.json"),
        (f"{GTIN},SN1,,,passports/SN2.json", "of another item"),
        (f"{OTHER_GTIN},SN1,,,", "of another item"),
        (f"{GTIN},SN1,,,rows.csv", "passport rows.csv"),
        (f"{GTIN},SN1,,{uri_of('SN1')},", "not both"),
        (f",,,{HOST}/01/{GTIN},passports/SN1.json", "names a model"),
        (f",,,{uri_of('SN1')}?e={'0' * 32}&c={'0' * 16},passports/SN1.json", "SUN query"),
        (f",,,{HOST}/01/{GTIN[:-1]}9/21/SN1,passports/SN1.json", "check digit"),
        (",,,https://id.example.com:81/x,passports/SN1.json", "neither a GS1 Digital Link nor a plain URI"),
    ],
)
def test_a_wrong_row_names_its_line_and_cause(folder: JobFolder, row: str, says: str) -> None:
    error = refused(with_rows(folder, f"gtin,serial,batch,uri,passport\n{GTIN},SN3,,,\n{row}\n"))
    assert "line 3: " in error.message
    assert says in error.message
    assert error.facts["errors"] == 1


def test_a_passport_of_another_batch_is_refused(folder: JobFolder) -> None:
    folder.write_passport("SN1", uri=f"{HOST}/01/{GTIN}/10/L8/21/SN1")
    assert "batch L8" in refused(with_rows(folder, f"gtin,serial,batch\n{GTIN},SN1,L7\n")).message


def test_one_item_twice_is_refused_whatever_its_spelling(folder: JobFolder) -> None:
    with_rows(folder, f"gtin,serial,batch\n{GTIN},SN1,\n{GTIN},SN2,\n{GTIN[1:]},SN1,L7\n")
    assert "line 4: the same item as line 2" in refused(folder).message


def test_all_wrong_rows_are_counted_and_the_first_twenty_shown(folder: JobFolder) -> None:
    error = refused(with_rows(folder, "gtin,serial\n" + "".join(f"{GTIN},X{number}\n" for number in range(30))))
    assert error.facts["errors"] == 30
    assert "line 21: " in error.message
    assert "line 22: " not in error.message
    assert "and 10 more" in error.message


def test_no_passport_at_all_is_refused(folder: JobFolder) -> None:
    folder.write_job(job__passport="")
    assert "give a passport column" in refused(folder).message


def test_rows_without_a_host_for_their_links_are_refused(folder: JobFolder) -> None:
    folder.write_job(job__link="")
    assert "need job.link" in refused(folder).message


def test_a_serial_cannot_lead_out_of_the_passport_folder(folder: JobFolder) -> None:
    (folder.path / "secret.json").write_bytes((folder.path / "passports/SN1.json").read_bytes())
    assert "cannot read ..%2Fsecret.json" in refused(with_rows(folder, f"gtin,serial\n{GTIN},../secret\n")).message


def test_a_pattern_with_an_unknown_place_is_refused(folder: JobFolder) -> None:
    folder.write_job(job__passport='"passports/{colour}.json"')
    assert "{gtin}, {serial} and {batch} only" in refused(folder).message


def test_a_pattern_that_needs_a_batch_needs_it_in_every_row(folder: JobFolder) -> None:
    folder.write_job(job__passport='"passports/{batch}/{serial}.json"')
    assert "asks for {batch}" in refused(folder).message
