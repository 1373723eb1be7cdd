"""``dpptag passport``: the documents that tags point to."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from dpptag.cli.options import (
    json_option,
    load_private_key,
    load_trust,
    parse_time,
    passphrase_option,
    path_type,
    read_file,
    write_file,
)
from dpptag.cli.output import emit, emit_json, facts, one_line, say
from dpptag.crypto import sha256
from dpptag.errors import EXIT_INPUT, EXIT_OK, InputError
from dpptag.passport.credentials import CredentialReport, judge_passport
from dpptag.passport.document import MAX_BYTES, read_document
from dpptag.passport.sealing import Form, seal

SHEET_LIMIT = 64 * 1024 * 1024
_document = click.argument("document", type=path_type())


@click.group("passport")
def command() -> None:
    """Digital product passports: make, check, show, convert, sign and verify them. Touches no network."""


@command.command()
@_document
@click.option("--strict", is_flag=True, help="Refuse also what the standard forbids and the schema lets pass.")
@json_option
def validate(document: Path, strict: bool, as_json: bool) -> int:
    """Tell every fault of a passport by its place. Exit code 0 without errors, 7 with any."""
    from dpptag.passport.validation import has_errors
    from dpptag.passport.validation import validate as faults_of

    credential = read_document(read_file(document, "passport", MAX_BYTES)).credential
    faults = faults_of(credential, strict=strict)
    failed = has_errors(faults)
    if as_json:
        emit_json({"valid": not failed, "faults": [asdict(fault) for fault in faults]})
    else:
        for fault in faults:
            sign = "✘" if fault.severity == "error" else "!"
            emit(one_line(f"{sign} {fault.path}: {fault.text}"))
            if fault.hint:
                emit(f"    {one_line(fault.hint)}")
        say(f"{document}: {'NOT valid' if failed else 'valid'}, {len(faults)} faults and warnings")
    return EXIT_INPUT if failed else EXIT_OK


@command.command()
@_document
@click.option("--html", type=path_type(), help="Write one HTML page instead, with charts; it loads nothing.")
@json_option
def show(document: Path, html: Path | None, as_json: bool) -> None:
    """Show a passport of any UNTP version for people: nothing dropped, nothing checked."""
    from dpptag.passport.outline import outline
    from dpptag.passport.page import html_page
    from dpptag.passport.read_untp import read_internal

    content = read_file(document, "passport", MAX_BYTES)
    read = read_document(content)
    passport = read_internal(read)
    secured = (
        "not signed" if read.secured == "none" else f"says it is signed ({read.secured}), which nobody checked here"
    )
    footer = f"UNTP {passport.version}; {secured}; SHA-256 of the document {sha256(content).hex()}"
    sections = outline(passport)
    if html is not None:
        _write_beside(document, html, "page", html_page(passport, footer).encode())
        say(f"wrote {html}")
    if as_json:
        values = [{"title": one.title, "lines": [line._asdict() for line in one.lines]} for one in sections]
        emit_json({"version": passport.version, "secured": read.secured, "sections": values})
    elif html is None:
        for section in sections:
            emit(f"\n{one_line(section.title.upper())}")
            for line in section.lines:
                emit(f"  {one_line(line.label):28} {one_line(line.text)}")
        emit(f"\n{footer}")


@command.command()
@_document
@click.option("--to", type=click.Choice(["0.6.0", "0.6.1", "0.7.0"]), required=True, help="UNTP version to write.")
@click.option("--out", type=path_type(), required=True, help="File for the converted passport, unsigned.")
@json_option
def convert(document: Path, to: str, out: Path, as_json: bool) -> None:
    """Write a passport in another UNTP version, unsigned, and list what could not be carried."""
    from dpptag.passport.convert import convert as converted_to

    found = converted_to(read_document(read_file(document, "passport", MAX_BYTES)), to)
    _write_beside(document, out, "passport", _json_bytes(found.document))
    if as_json:
        dropped = [asdict(one) for one in found.dropped]
        notes = [asdict(one) for one in found.notes]
        emit_json({"out": str(out), "from": found.source, "to": to, "dropped": dropped, "notes": notes})
        return
    for one in found.dropped:
        emit(one_line(f"not carried: {one.path}: {one.why}"))
    for note in found.notes:
        say(one_line(f"note: {note.path}: {note.text}"))
    say(f"wrote {out}: UNTP {found.source} to {to}, {len(found.dropped)} members not carried; unsigned")


@command.command()
@click.argument("rows", type=path_type())
@click.option("--map", "column_map", type=path_type(), required=True, help="Column map, TOML; see passport targets.")
@click.option("--out", type=path_type(), required=True, help="Folder for the passports and the rows of a line job.")
@click.option("--dry-run", is_flag=True, help="Check every row and write nothing.")
@json_option
def new(rows: Path, column_map: Path, out: Path, dry_run: bool, as_json: bool) -> None:
    """Make a passport of each row of a CSV or XLSX file; all rows are checked before the first is written."""
    from dpptag.passport.make import make_passports, write_passports

    made = make_passports(
        column_map.name, read_file(column_map, "column map"), rows.name, read_file(rows, "rows", SHEET_LIMIT)
    )
    if not dry_run:
        write_passports(made, out)
    dropped = [{"line": one.line, **asdict(lost)} for one in made for lost in one.dropped]
    warnings = [{"line": one.line, **asdict(fault)} for one in made for fault in one.warnings]
    if as_json:
        value = {"passports": len(made), "out": None if dry_run else str(out), "files": [one.file for one in made]}
        emit_json(value | {"dropped": dropped, "warnings": warnings})
        return
    for fault in warnings:
        say(one_line(f"line {fault['line']}: {fault['path']}: {fault['text']}"))
    for lost in dropped:
        emit(one_line(f"line {lost['line']}: not carried: {lost['path']}: {lost['why']}"))
    rows_too = ", with rows.csv for a line job" if all(one.serial for one in made) else ""
    done = "all checked; nothing was written" if dry_run else f"written to {out}{rows_too}"
    say(f"{len(made)} passports {done}")


@command.command()
@json_option
def targets(as_json: bool) -> None:
    """What a column map can name, by the groups of an electronic product's passport."""
    from dpptag.passport.column_map import TARGETS

    if as_json:
        emit_json({group: list(names) for group, names in TARGETS.items()})
        return
    for group, names in TARGETS.items():
        emit(f"{group}: {', '.join(names)}")


def _write_beside(document: Path, out: Path, what: str, data: bytes) -> None:
    """Never over ``document`` itself or a signed passport: tags may point to that very issue. Raises InputError."""
    if out.is_file():
        try:
            issued = read_document(read_file(out, what)).secured != "none"
        except InputError:
            issued = False
        if issued or out.samefile(document):
            which = "holds a signed passport, to which tags may point" if issued else "is the document itself"
            raise InputError(f"{out} {which}: it is not replaced", code="passport-exists", action="give another --out")
    write_file(out, what, data)


def _json_bytes(document: object) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


@command.command()
@_document
@click.option("--key", type=path_type(), required=True, help="The issuer's PKCS#8 private key, P-256.")
@click.option(
    "--form", type=click.Choice(["vc+jwt", "vc+cose"]), default="vc+jwt", show_default=True, help="Envelope to make."
)
@click.option("--out", type=path_type(), required=True, help="File for the signed passport.")
@passphrase_option
@json_option
def sign(document: Path, key: Path, form: Form, out: Path, passphrase_file: str | None, as_json: bool) -> None:
    """Sign a passport: the envelope holds DOCUMENT byte for byte. Tags then point to the envelope's own digest."""
    content = read_file(document, "passport", MAX_BYTES)
    signed = seal(content, load_private_key(key, passphrase_file), form)
    _write_beside(document, out, "signed passport", signed)
    value = {"out": str(out), "form": form, "bytes": len(signed), "media_type": f"application/{form}"}
    if as_json:
        emit_json(value)
    else:
        say(f"wrote {out}: {len(signed)} bytes of {form}")


@command.command()
@_document
@click.option("--trust", required=True, help="Trust bundle, issuers.cose, with the issuer's DID among its scopes.")
@click.option("--root", required=True, help="Pinned root key, root.pub.")
@click.option("--status", "status", type=path_type(), multiple=True, help="Status list credential at hand; repeat.")
@click.option("--at", help="Judge as of this ISO 8601 time [default: now].")
@json_option
def verify(document: Path, trust: str, root: str, status: tuple[Path, ...], at: str | None, as_json: bool) -> int:
    """Judge a signed passport, offline. Exit code 0 genuine, 5 forged or revoked, 8 could not check."""
    content = read_file(document, "passport", MAX_BYTES)
    lists = [read_file(path, "status list", MAX_BYTES) for path in status]
    report = judge_passport(content, load_trust(trust, root), parse_time(at), lists)
    if as_json:
        emit_json(report_value(report))
    else:
        emit(report_text(report))
    return report.verdict.exit_code


def report_value(report: CredentialReport) -> dict[str, object]:
    """The verdict object of a passport (docs/passports.md); absent values are null."""
    return {
        "verdict": report.verdict.value,
        "reason": report.reason,
        "issuer": {"name": report.issuer, "id": report.issuer_id, "slot": report.slot},
        "product": report.product,
        "secured": report.secured,
        "window": report.window.value if report.window else None,
        "status": report.status.value if report.status else None,
        "sha256": report.digest.hex(),
        "checks": [
            {"n": check.number, "name": check.name, "outcome": check.outcome.value, "detail": check.detail}
            for check in report.checks
        ],
        "warnings": list(report.warnings),
    }


def report_text(report: CredentialReport) -> str:
    """A few lines for a person."""
    shown = {
        "product": report.product,
        "issuer": report.issuer_id,
        "secured": report.secured,
        "period": report.window.value if report.window else None,
        "status": report.status.value if report.status else None,
        "sha256": report.digest.hex(),
    }
    lines = [f"{report.verdict.sign} {report.verdict.value.upper()}", f"  {one_line(report.reason)}"]
    lines += [f"  {line}" for line in facts({name: text for name, text in shown.items() if text}).split("\n")]
    lines += [f"  note: {one_line(warning)}" for warning in report.warnings]
    return "\n".join(lines)
