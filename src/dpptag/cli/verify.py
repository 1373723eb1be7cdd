"""``dpptag verify``. Imports as little as it can: a handheld starts it for every tag."""

from __future__ import annotations

import click

from dpptag.cli.options import (
    day_of,
    json_option,
    load_trust,
    parse_hex,
    parse_time,
    read_file,
    write_file,
)
from dpptag.cli.output import emit, emit_json, warn
from dpptag.cli.verdict import verdict_text, verdict_value
from dpptag.codec.ndef import MESSAGE_LIMIT
from dpptag.crypto import sha256
from dpptag.errors import UsageError
from dpptag.trust.verification import Findings, judge_nfc, judge_uhf


@click.command("verify")
@click.option("--ndef", help="NFC: the bare NDEF message, no TLV.")
@click.option("--epc", help="UHF: the EPC bank from word 2, hex.")
@click.option("--user", help="UHF: the user bank.")
@click.option("--chip", required=True, help="UID in anticollision order, or TID from word 0; hex.")
@click.option("--trust", required=True, help="Trust bundle, issuers.cose.")
@click.option("--root", required=True, help="Pinned root key, root.pub.")
@click.option("--at", help="Judge as of this ISO 8601 time [default: now].")
@click.option("--passport", help="Passport document to compare with the signed digest.")
@click.option("--export", help="Write the rebuilt COSE_Sign1, its external_aad and the key as JSON.")
@json_option
def command(
    ndef: str | None,
    epc: str | None,
    user: str | None,
    chip: str,
    trust: str,
    root: str,
    at: str | None,
    passport: str | None,
    export: str | None,
    as_json: bool,
) -> int:
    """Judge the bytes of one tag, offline. Exit code 0 genuine, 5 forged or revoked, 8 could not check."""
    if (ndef is None) == (epc is None) or (epc is None) != (user is None):
        raise UsageError("give either --ndef, or --epc with --user", code="carrier")
    chip_number = parse_hex(chip, "--chip")
    epc_bank = parse_hex(epc, "--epc") if epc is not None else b""
    today = day_of(parse_time(at))
    store = load_trust(trust, root)
    digest = sha256(read_file(passport, "passport")) if passport is not None else None
    if ndef is not None:
        message = read_file(ndef, "NDEF message", MESSAGE_LIMIT * 16)
        report, found = judge_nfc(message, chip_number, store, today, digest)
    else:
        assert user is not None
        bank = read_file(user, "user bank", MESSAGE_LIMIT * 16)
        report, found = judge_uhf(epc_bank, bank, chip_number, store, today, digest)
    if export is not None:
        _export(export, found)
    if as_json:
        emit_json(verdict_value(report))
    else:
        emit(verdict_text(report))
    return report.exit_code


def _export(path: str, found: Findings) -> None:
    import json

    from dpptag.codec.statement import export_cose_sign1

    if found.statement is None or found.key is None:
        # Written all the same: a script must not take what an earlier call left there for this tag's.
        write_file(path, "export", b'{"cose_sign1": null, "external_aad": null, "key": null}\n')
        warn(f"nothing to export to {path}: no statement whose key is known")
        return
    value = {
        "cose_sign1": export_cose_sign1(found.statement).hex(),
        "external_aad": found.external_aad().hex(),
        "key": found.key.public_key.pem(),
    }
    write_file(path, "export", (json.dumps(value, indent=1) + "\n").encode())
