"""``dpptag passport``: the documents that tags point to."""

from __future__ import annotations

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
from dpptag.passport.credentials import CredentialReport, judge_passport
from dpptag.passport.document import MAX_BYTES
from dpptag.passport.sealing import Form, seal

_document = click.argument("document", type=path_type())


@click.group("passport")
def command() -> None:
    """Digital product passports: sign and verify them."""


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
    write_file(out, "signed passport", signed)
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
