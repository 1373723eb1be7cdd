"""COSE_Sign1: bytes to be signed, parsing, assembly (RFC 9052 sections 4.2 and 4.4). No cryptography here."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final, NamedTuple

from dpptag.codec import cbor
from dpptag.codec.cbor import CborValue
from dpptag.errors import CborError, CoseError

TAG_SIGN1: Final = 0xD2
"""The one byte of CBOR tag 18."""

HeaderMap = dict[int | str, CborValue]


@unique
class Algorithm(IntEnum):
    """COSE algorithms that are accepted (RFC 9053, RFC 9864). ES256 alone is written."""

    ES256 = -7
    EDDSA = -8
    ESP256 = -9
    ED25519 = -19


@unique
class Header(IntEnum):
    """COSE header parameters (IANA; RFC 9052, RFC 9597, RFC 9995)."""

    ALG = 1
    CRIT = 2
    CONTENT_TYPE = 3
    KID = 4
    CWT_CLAIMS = 15
    PAYLOAD_HASH_ALG = 258
    PREIMAGE_CONTENT_TYPE = 259
    PAYLOAD_LOCATION = 260


_CONTEXT: Final = cbor.encode_text("Signature1")
_SIG_STRUCTURE: Final = b"\x84" + _CONTEXT


def sig_structure(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """The bytes to be signed. An empty protected map counts as h'', however the message writes it."""
    if protected == b"\xa0":
        protected = b""
    encode_bytes = cbor.encode_bytes
    return _SIG_STRUCTURE + encode_bytes(protected) + encode_bytes(external_aad) + encode_bytes(payload)


def assemble(
    protected: bytes, payload: bytes, signature: bytes, *, tagged: bool, unprotected: bytes = b"\xa0"
) -> bytes:
    """COSE_Sign1 from encoded parts; ``unprotected`` is an encoded map."""
    encode_bytes = cbor.encode_bytes
    body = b"\x84" + encode_bytes(protected) + unprotected + encode_bytes(payload) + encode_bytes(signature)
    return b"\xd2" + body if tagged else body


class Sign1(NamedTuple):
    """A parsed COSE_Sign1. ``protected`` are the bytes as they stand: never encode them again.

    ``payload`` is None where it is detached.
    """

    protected: bytes
    protected_header: HeaderMap
    unprotected_header: HeaderMap
    payload: bytes | None
    signature: bytes
    tagged: bool

    def header(self, label: int) -> CborValue:
        """The protected value, else the unprotected one, else None."""
        if label in self.protected_header:
            return self.protected_header[label]
        return self.unprotected_header.get(label)

    def to_be_signed(self, external_aad: bytes = b"", detached_payload: bytes | None = None) -> bytes:
        """Raises CoseError where the payload is missing, or there are two."""
        payload = self.payload if self.payload is not None else detached_payload
        if payload is None or (self.payload is not None and detached_payload is not None):
            raise CoseError("the payload must stand either in the message or beside it", code="cose-payload")
        return sig_structure(self.protected, external_aad, payload)


def split_sign1(data: bytes) -> tuple[bytes, bytes | None, bytes]:
    """Protected header, payload and signature by their heads alone, tagged or not; for messages too large to trust.

    Time and memory do not depend on what is inside. Raises CoseError, ``cose-unprotected`` for an unprotected header
    that is not empty.
    """
    at = 1 if data[:1] == b"\xd2" else 0
    if data[at : at + 1] != b"\x84":
        raise CoseError("a COSE_Sign1 is an array of four", code="cose-shape")
    try:
        protected, at = cbor.bytes_at(data, at + 1)
        if data[at : at + 1] != b"\xa0":
            raise CoseError("headers that nobody signed", code="cose-unprotected")
        payload: bytes | None = None
        if data[at + 1 : at + 2] == b"\xf6":
            at += 2
        else:
            payload, at = cbor.bytes_at(data, at + 1)
        signature, at = cbor.bytes_at(data, at)
    except CborError as exc:
        raise CoseError(f"not a COSE_Sign1: {exc.message}", code="cose-cbor") from exc
    if at != len(data):
        raise CoseError("bytes follow the COSE_Sign1", code="cose-cbor")
    return protected, payload, signature


def parse_sign1(data: bytes, *, max_size: int = cbor.TAG_LIMIT, max_depth: int = 4) -> Sign1:
    """Parse a tagged or untagged COSE_Sign1, strictly. Raises CoseError.

    Refused beside malformed CBOR: another tag than 18, a label in both headers, ``crit``, a header that is no map.
    """
    tagged = data[:1] == b"\xd2"
    try:
        parts = cbor.decode(data[1:] if tagged else data, max_size=max_size, max_depth=max_depth)
        if type(parts) is not list or len(parts) != 4:
            raise CoseError("a COSE_Sign1 is an array of four", code="cose-shape")
        protected, unprotected, payload, signature = parts
        if type(protected) is not bytes or type(unprotected) is not dict or type(signature) is not bytes:
            raise CoseError("a part of the COSE_Sign1 has the wrong type", code="cose-shape")
        if payload is not None and type(payload) is not bytes:
            raise CoseError("the payload is neither a byte string nor null", code="cose-shape")
        header = cbor.decode(protected, max_size=max_size, max_depth=max_depth) if protected else {}
    except CborError as exc:
        raise CoseError(f"not a COSE_Sign1: {exc.message}", code="cose-cbor") from exc
    if type(header) is not dict:
        raise CoseError("the protected header is no map", code="cose-header")
    if header.keys() & unprotected.keys():
        raise CoseError("a header label stands in both buckets", code="cose-header-twice")
    if Header.CRIT in header or Header.CRIT in unprotected:
        raise CoseError("critical headers are not supported", code="cose-crit")
    return Sign1(protected, header, unprotected, payload, signature, tagged)
