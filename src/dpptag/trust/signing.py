"""Making statements: everything that would be refused at reading is refused here first."""

from __future__ import annotations

import re
from typing import Final

from dpptag.codec import statement as codec
from dpptag.codec.cose import sig_structure
from dpptag.codec.epc import decode_epc
from dpptag.codec.layout import build_ndef, build_user_bank, signed_identity
from dpptag.codec.ndef import NdefRecord, expand_uri, uri_record
from dpptag.codec.planner import check_digest_width
from dpptag.crypto import Signer
from dpptag.errors import InputError, LayoutError, LinkError, UsageError
from dpptag.model.identifiers import LONGEST_UID, ChipNumber
from dpptag.model.statement import SECONDS_A_DAY, Level, Statement
from dpptag.trust.scopes import gs1_digits, split_uri

DIGEST_BYTES: Final = 32
_DOT_SEGMENT: Final = re.compile(r"/(?:\.|%2[Ee]){1,2}(?=[/?#]|\Z)")
_PLAIN_START: Final = re.compile(r"https://[^A-Z/?#]+/")


def check_identity(identity: str | bytes) -> str:
    """What label 260 of ``full`` says: the URI itself, or the Digital Link of the EPC. Raises LinkError."""
    if isinstance(identity, bytes):
        return decode_epc(identity).digital_link
    if gs1_digits(identity) is None:
        if split_uri(identity) is None:
            raise LinkError(
                "neither a GS1 Digital Link nor a plain URI that an issuer can be found by",
                code="identity",
                action="use https, a lower-case host, no user info, no port, no dot segments",
                uri=identity[:200],
            )
    elif _DOT_SEGMENT.search(identity) or not _PLAIN_START.match(identity):
        raise LinkError(
            "a link is written with https, a lower-case host and no dot segment: a browser would open another page",
            code="identity-form",
            action="write it so, or choose another serial",
            uri=identity[:200],
        )
    if signed_identity(identity) != identity:
        raise LinkError("the link ends in a SUN query: give it without", code="identity-sun")
    if expand_uri(uri_record(identity)) != identity:
        raise LinkError("the link does not survive a URI record", code="identity")
    return identity


def sign_statement(
    signer: Signer,
    slot: int,
    identity: str | bytes,
    chip: ChipNumber,
    *,
    level: Level,
    digest: bytes | None,
    digest_width: int,
    issued_at: int,
    content_type: str = "application/vc",
) -> Statement:
    """Sign for one chip. ``digest``: SHA-256 of the passport, 32 bytes; ``issued_at``: seconds since 1970-01-01 UTC.

    Raises UsageError (level, width, digest), LinkError (identity), LayoutError (slot, day, or more than readers take).
    """
    uri = check_identity(identity)
    if (len(chip.octets) > LONGEST_UID) is isinstance(identity, str):
        raise InputError(
            "a link goes on an NFC chip with a UID, an EPC on a Gen2 chip with a TID: this number is of the other kind",
            code="chip-carrier",
            action="give --uri with a UID of 7, 8 or 10 bytes, or --epc with a TID",
            chip=chip.hex,
        )
    check_digest_width(level, digest_width)
    if level is Level.BARE and isinstance(identity, str):
        raise UsageError("bare is for UHF tags with a user bank of exactly 512 bits", code="bare-on-nfc")
    if digest_width and digest is None:
        raise UsageError(f"a digest of {digest_width} bytes needs the passport document", code="digest-missing")
    if digest is not None and len(digest) != DIGEST_BYTES:
        raise UsageError(f"a SHA-256 digest has 32 bytes, not {len(digest)}", code="digest-length")
    if signer.public_key.kind != "P-256":
        raise UsageError("dpptag signs with P-256 keys alone", code="key-kind")
    stored_digest = digest[:digest_width] if digest is not None and digest_width else None
    day = issued_at // SECONDS_A_DAY
    codec.check_day(day)
    protected = codec.protected_for_slot(slot)
    payload = codec.claims_payload(0 if level is Level.BARE else day, stored_digest)
    if level is Level.FULL:
        assert stored_digest is not None
        thumbprint = signer.public_key.thumbprint()
        protected, payload = codec.full_protected(issued_at, thumbprint, content_type, uri), stored_digest
    to_be_signed = sig_structure(protected, codec.external_aad(identity, chip.octets), payload)
    signature = signer.sign(to_be_signed)
    while level is Level.BARE and signature[:2] == b"\0\0":
        signature = signer.sign(to_be_signed)  # its first word is written last: zero would read as torn
    if level is Level.FULL:
        hint = signer.public_key.thumbprint()[:8]
        statement = Statement(
            *(level, -7, None, hint, day, stored_digest, protected, payload, signature),
            *(uri, content_type, issued_at),
        )
    elif level is Level.BARE:
        return codec.bare_statement(signature, slot)
    else:
        statement = Statement(level, -7, slot, None, day, stored_digest, protected, payload, signature)
    _check_reads_back(statement)
    return statement


def _check_reads_back(statement: Statement) -> None:
    try:
        same = codec.parse_statement(codec.encode_statement(statement)) == statement
    except LayoutError as exc:
        raise LayoutError(f"no reader would take this statement: {exc.message}", code="readback") from exc
    if not same:
        raise LayoutError("the statement does not read back as it was meant", code="readback")


def carrier_content(identity: str | bytes, statement: Statement, later: tuple[NdefRecord, ...] = ()) -> bytes:
    """The NDEF message, or the user bank, that carries ``statement``."""
    if isinstance(identity, str):
        return build_ndef(identity, statement, later)
    return build_user_bank(statement)
