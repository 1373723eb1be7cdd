"""Signing a passport: ``vc+jwt`` and ``vc+cose`` round the exact bytes of the document (VC-JOSE-COSE 3.1, 3.2)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Final, Literal

from dpptag.codec import cbor, cose
from dpptag.crypto import PublicKey, Signer, sha256
from dpptag.errors import PassportError, UsageError
from dpptag.passport.document import JsonObject, read_document

Form = Literal["vc+jwt", "vc+cose"]
_COSE_TYP: Final = 16


def seal(document: bytes, signer: Signer, form: Form) -> bytes:
    """The signed passport; its payload is ``document``, byte for byte.

    The key id is the issuer's id with the key's thumbprint (RFC 7638) behind ``#``: a hint for whoever looks it up.
    Raises PassportError for a document that is no unsigned credential of an issuer with an id, UsageError for a key
    that is not P-256.
    """
    if signer.public_key.kind != "P-256":
        raise UsageError("passports are signed with P-256 keys", code="key-kind")
    read = read_document(document)
    if read.secured != "none":
        raise PassportError(
            f"this document is signed already ({read.secured})",
            code="signed-already",
            action="give the unsigned document",
        )
    key_id = f"{issuer_id(read.credential)}#{jwk_thumbprint(signer.public_key)}"
    if form == "vc+jwt":
        header = {"alg": "ES256", "typ": "vc+jwt", "cty": "vc", "kid": key_id}
        to_sign = base64url(json.dumps(header, separators=(",", ":")).encode()) + b"." + base64url(document)
        return to_sign + b"." + base64url(signer.sign(to_sign))
    protected = cbor.encode(
        {
            int(cose.Header.ALG): int(cose.Algorithm.ES256),
            int(cose.Header.CONTENT_TYPE): "application/vc",
            int(cose.Header.KID): key_id.encode(),
            _COSE_TYP: "application/vc+cose",
        }
    )
    signature = signer.sign(cose.sig_structure(protected, b"", document))
    return cose.assemble(protected, document, signature, tagged=True)


def issuer_id(credential: JsonObject) -> str:
    """The issuer, a string or an object with ``id`` (VCDM 2.0 section 4.7). Raises PassportError."""
    issuer = credential.get("issuer")
    found = issuer.get("id") if isinstance(issuer, dict) else issuer
    if not isinstance(found, str) or not found or not found.isascii() or not found.isprintable() or "#" in found:
        raise PassportError("the credential names no issuer by an id", code="issuer-id", field="issuer.id")
    return found


def jwk_thumbprint(key: PublicKey) -> str:
    """RFC 7638 with SHA-256, base64url: 43 characters."""
    if key.kind == "P-256":
        x, y = (base64url(part).decode() for part in (key.point[:32], key.point[32:]))
        members = {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    else:
        members = {"crv": "Ed25519", "kty": "OKP", "x": base64url(key.point).decode()}
    return base64url(sha256(json.dumps(members, separators=(",", ":")).encode())).decode()


def base64url(data: bytes) -> bytes:
    """Without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=")
