"""``dpptag sign``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from dpptag.cli.options import (
    SECONDS_A_DAY,
    json_option,
    load_private_key,
    parse_day,
    parse_hex,
    passphrase_option,
    read_file,
    show_day,
    write_file,
)
from dpptag.cli.output import emit_json, say, warn
from dpptag.codec.layout import SUN_QUERY
from dpptag.codec.planner import Capacity, NfcCapacity, UhfCapacity, Wish, check_digest_width, plan
from dpptag.crypto import sha256
from dpptag.errors import PassportError, UsageError
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import Level
from dpptag.trust.signing import carrier_content, check_identity, sign_statement

_path = click.Path(path_type=Path)
_PASSPORT_LIMIT = 1024 * 1024


@click.command("sign")
@click.option("--uri", help="NFC: the link that the tag will carry.")
@click.option("--epc", help="UHF: the EPC bank from word 2, hex.")
@click.option("--chip", required=True, help="UID in anticollision order, or TID from word 0; hex.")
@click.option("--passport", type=_path, help="The passport document as issued.")
@click.option("--digest", type=click.Choice(["0", "16", "32"]), default="16", show_default=True, help="Digest bytes.")
@click.option(
    "--level",
    type=click.Choice(["minimal", "compact", "full", "bare", "auto"]),
    default="auto",
    show_default=True,
    help="auto: the richest that carries the digest and fits --capacity.",
)
@click.option("--capacity", type=click.IntRange(1), help="Bytes of the chip's NDEF data area or user bank, for auto.")
@click.option("--key", type=_path, required=True, help="PKCS#8 private key, P-256.")
@click.option("--slot", type=click.IntRange(0, 31), required=True, help="The key's slot in the trust data.")
@click.option("--out", type=_path, required=True, help="File for the NDEF message or the user bank.")
@click.option("--sun", is_flag=True, help="Leave the places that an NTAG 424 DNA fills in at every tap.")
@click.option("--on", help="Signed day, ISO date [default: today, UTC].")
@passphrase_option
@json_option
def command(
    uri: str | None,
    epc: str | None,
    chip: str,
    passport: Path | None,
    digest: str,
    level: str,
    capacity: int | None,
    key: Path,
    slot: int,
    out: Path,
    sun: bool,
    on: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Sign a statement for one chip and write what the tag will hold."""
    if (uri is None) == (epc is None):
        raise UsageError("give either --uri or --epc", code="carrier")
    if sun and uri is None:
        raise UsageError("--sun goes with --uri", code="carrier")
    mirrored = SUN_QUERY if sun else ""
    identity: str | bytes = uri if uri is not None else parse_hex(epc or "", "--epc")
    width = int(digest)
    if level != "auto":
        check_digest_width(Level(level), width)
    parse_hex(chip, "--chip")
    chip_number = ChipNumber.from_hex(chip)
    full_uri = check_identity(identity)
    document = read_file(passport, "passport", _PASSPORT_LIMIT) if passport is not None else None
    if document is None and (width or level == "full"):
        raise UsageError("a digest needs --passport FILE", code="digest-missing")
    content_type = _content_type(document, identity) if document is not None else "application/vc"
    chosen = (
        _choose(Wish(_with(identity, mirrored), full_uri, width, content_type=content_type, exact=True), capacity)
        if level == "auto"
        else Level(level)
    )
    issued_at = parse_day(on, "--on") * SECONDS_A_DAY if on else int(datetime.now(UTC).timestamp())
    signer = load_private_key(key, passphrase_file)
    statement = sign_statement(
        signer,
        slot,
        identity,
        chip_number,
        level=chosen,
        digest=sha256(document) if document is not None else None,
        digest_width=width,
        issued_at=issued_at,
        content_type=content_type,
    )
    content = carrier_content(_with(identity, mirrored), statement)
    write_file(out, "carrier content", content)
    day = show_day(statement.day) if statement.day else None
    if as_json:
        emit_json({"out": str(out), "bytes": len(content), "level": chosen.value, "digest": width, "day": day})
    else:
        signed_on = day or "not signed (bare)"
        say(f"wrote {out}: {len(content)} bytes, {chosen.value}, digest {width}, signed day {signed_on}")


def _with(identity: str | bytes, mirrored: str) -> str | bytes:
    """What the carrier holds: the identity and, on NFC, what the chip fills in behind it."""
    return identity + mirrored if isinstance(identity, str) else identity


def _choose(wish: Wish, capacity: int | None) -> Level:
    room: Capacity | None = None
    if capacity is not None:
        room = NfcCapacity(capacity) if isinstance(wish.identity, str) else UhfCapacity(capacity)
    return plan(wish, room).level


def _content_type(document: bytes, identity: str | bytes) -> str:
    """The document's media type for label 259. A document that is no passport for this link is only warned of."""
    from dpptag.passport import read_passport

    try:
        pointer = read_passport(document)
    except PassportError as error:
        warn(f"the passport is not a UNTP credential that this version reads: {error.message}")
        return "application/octet-stream"
    if isinstance(identity, str) and pointer.uri != identity:
        warn(f"the passport is about {pointer.uri}, the tag will say {identity}")
    return pointer.media_type
