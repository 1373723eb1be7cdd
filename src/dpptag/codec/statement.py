"""Statement bytes: the four levels, stored and rebuilt (docs/tag-format.md sections 1 to 3).

``bare`` and ``minimal`` store less than a COSE_Sign1; a fixed template rebuilds the rest. The compact shapes that this
program writes are read by position; every other input goes the long way through strict CBOR, with the same result
(a test compares both ways).
"""

from __future__ import annotations

from typing import Final

from dpptag.codec import cbor, cose
from dpptag.codec.cose import Algorithm, Header
from dpptag.errors import CodecError, LayoutError
from dpptag.model.statement import LAST_DAY, LAST_SLOT, SECONDS_A_DAY, Level, Statement

SIGNATURE_BYTES: Final = 64
HASH_SHA256: Final = -16
KEY_HINT_BYTES: Final = 8
_IAT: Final = 6
_DOMAIN: Final = cbor.encode("dpptag/1")

_ALGORITHMS: Final = frozenset(Algorithm)
_ALGORITHM_BYTES: Final = {cbor.encode(int(algorithm))[0]: int(algorithm) for algorithm in Algorithm}
_COMPACT_LABELS: Final = frozenset((Header.ALG, Header.KID))
_FULL_LABELS: Final = frozenset(
    (
        *(Header.ALG, Header.KID, Header.CWT_CLAIMS),
        *(Header.PAYLOAD_HASH_ALG, Header.PREIMAGE_CONTENT_TYPE, Header.PAYLOAD_LOCATION),
    )
)


def external_aad(identity: str | bytes, chip: bytes) -> bytes:
    """What binds a statement to its carrier: the identity (URI text or EPC bytes) and the chip number."""
    encoded = cbor.encode_text(identity) if isinstance(identity, str) else cbor.encode_bytes(identity)
    return b"\x83" + _DOMAIN + encoded + cbor.encode_bytes(chip)


def protected_for_slot(slot: int, algorithm: int = Algorithm.ES256) -> bytes:
    """The protected header of bare, minimal and compact: ``{1: alg, 4: slot byte}``."""
    if not 0 <= slot <= LAST_SLOT:
        raise LayoutError(f"key slot {slot} is outside 0..31", code="slot-range")
    return b"\xa2\x01" + cbor.encode(int(algorithm)) + b"\x04\x41" + bytes((slot,))


def claims_payload(day: int, digest: bytes | None = None) -> bytes:
    """``[day]`` or ``[day, digest]``; day 0 is bare's alone."""
    return cbor.encode([day] if digest is None else [day, digest])


def check_day(day: int) -> None:
    """Raises LayoutError unless 1 <= day <= 65535."""
    if not 1 <= day <= LAST_DAY:
        raise LayoutError(f"day {day} is outside 1..{LAST_DAY}", code="day-range", day=day)


def full_protected(issued_at: int, key_thumbprint: bytes, content_type: str, uri: str) -> bytes:
    """The protected header of an RFC 9995 hash envelope over the passport; ``issued_at`` in seconds."""
    check_day(issued_at // SECONDS_A_DAY)
    return cbor.encode(
        {
            int(Header.ALG): int(Algorithm.ES256),
            int(Header.KID): key_thumbprint[:KEY_HINT_BYTES],
            int(Header.CWT_CLAIMS): {_IAT: issued_at},
            int(Header.PAYLOAD_HASH_ALG): HASH_SHA256,
            int(Header.PREIMAGE_CONTENT_TYPE): content_type,
            int(Header.PAYLOAD_LOCATION): uri,
        }
    )


def encode_statement(statement: Statement) -> bytes:
    """What the tag stores of ``statement``."""
    if statement.level is Level.BARE:
        return statement.signature
    if statement.level is Level.MINIMAL:
        assert statement.slot is not None
        head = 0x40 | (0x20 if statement.digest else 0) | statement.slot
        return bytes((head,)) + statement.day.to_bytes(2, "big") + (statement.digest or b"") + statement.signature
    tagged = statement.level is Level.FULL
    return cose.assemble(statement.protected, statement.payload, statement.signature, tagged=tagged)


def export_cose_sign1(statement: Statement) -> bytes:
    """The rebuilt standard COSE_Sign1, tagged 18, that any COSE library verifies."""
    return cose.assemble(statement.protected, statement.payload, statement.signature, tagged=True)


def bare_statement(signature: bytes, slot: int) -> Statement:
    """The statement that a bare signature stands for under the key in ``slot``; its claims are ``[0]``."""
    protected = protected_for_slot(slot)
    return Statement(Level.BARE, Algorithm.ES256, slot, None, 0, None, protected, b"\x81\x00", signature)


def is_statement_start(octet: int) -> bool:
    """Whether a statement can begin with this byte: minimal 40h..7Fh, compact 84h, full D2h."""
    return 0x40 <= octet <= 0x7F or octet in (0x84, cose.TAG_SIGN1)


def parse_statement(data: bytes) -> Statement:
    """Minimal, compact or full by the first byte. Raises LayoutError: ``no-statement`` or what is damaged."""
    if not data or not is_statement_start(data[0]):
        raise LayoutError("no statement begins with this byte", code="no-statement", found=data[:1].hex())
    head = data[0]
    if head < 0x80:
        return _parse_minimal(data, head)
    if head == 0x84:
        return _parse_compact_by_position(data) or _parse_compact(data)
    return _parse_full(data)


def _parse_minimal(data: bytes, head: int) -> Statement:
    with_digest = head & 0x20
    if len(data) != (83 if with_digest else 67):
        raise LayoutError("a minimal statement has 67 bytes, or 83 with a digest", code="length", found=len(data))
    slot = head & 0x1F
    day = data[1] << 8 | data[2]
    if not day:
        raise LayoutError("day 0 is refused", code="day-range", day=0)
    protected = b"\xa2\x01\x26\x04\x41" + bytes((slot,))
    claim = b"\x19" + data[1:3] if day > 0xFF else cbor.encode(day)
    if with_digest:
        digest = data[3:19]
        return Statement(
            Level.MINIMAL, -7, slot, None, day, digest, protected, b"\x82" + claim + b"\x50" + digest, data[19:]
        )
    return Statement(Level.MINIMAL, -7, slot, None, day, None, protected, b"\x81" + claim, data[3:])


# stored length -> (where the claims end, what stands before the day, what stands between day and digest)
_COMPACT_SHAPES: Final = {
    80: (14, b"\x44\x81\x19", b""),
    97: (31, b"\x55\x82\x19", b"\x50"),
    115: (49, b"\x58\x26\x82\x19", b"\x58\x20"),
}


def _parse_compact_by_position(data: bytes) -> Statement | None:
    shape = _COMPACT_SHAPES.get(len(data))
    if shape is None:
        return None
    end, before_day, before_digest = shape
    algorithm = _ALGORITHM_BYTES.get(data[4])
    slot = data[7]
    day_at = 9 + len(before_day)
    if (
        algorithm is None
        or slot > LAST_SLOT
        or data[:4] != b"\x84\x46\xa2\x01"
        or data[5:7] != b"\x04\x41"
        or data[8:day_at] != b"\xa0" + before_day
        or data[end : end + 2] != b"\x58\x40"
        or not data[day_at]  # a day below 256 has a shorter encoding
    ):
        return None
    digest_at = day_at + 2 + len(before_digest)
    if data[day_at + 2 : digest_at] != before_digest:
        return None
    return Statement(
        Level.COMPACT,
        algorithm,
        slot,
        None,
        data[day_at] << 8 | data[day_at + 1],
        data[digest_at:end] or None,
        data[2:8],
        data[day_at - 2 : end],
        data[end + 2 :],
    )


def _parse_sign1(data: bytes, labels: frozenset[int]) -> cose.Sign1:
    try:
        sign1 = cose.parse_sign1(data)
    except CodecError as exc:
        raise LayoutError(f"damaged statement: {exc.message}", code="statement-damaged") from exc
    if sign1.protected_header.keys() != labels or sign1.unprotected_header:
        raise LayoutError("header labels other than the format names", code="statement-labels")
    if len(sign1.signature) != SIGNATURE_BYTES:
        raise LayoutError("a signature has 64 bytes", code="signature-length", found=len(sign1.signature))
    algorithm = sign1.protected_header[Header.ALG]
    if type(algorithm) is not int or algorithm not in _ALGORITHMS:  # a list or map could not even be looked up
        raise LayoutError("unsupported signature algorithm", code="algorithm")
    return sign1


def _parse_compact(data: bytes) -> Statement:
    sign1 = _parse_sign1(data, _COMPACT_LABELS)
    algorithm, kid, payload = sign1.protected_header[Header.ALG], sign1.protected_header[Header.KID], sign1.payload
    if type(kid) is not bytes or len(kid) != 1 or kid[0] > LAST_SLOT:
        raise LayoutError("the key id is not one slot byte", code="slot-range")
    if payload is None:
        raise LayoutError("the claims are missing", code="claims")
    try:
        claims = cbor.decode(payload)
    except CodecError as exc:
        raise LayoutError(f"damaged claims: {exc.message}", code="claims") from exc
    if type(claims) is not list or len(claims) not in (1, 2):
        raise LayoutError("the claims are neither [day] nor [day, digest]", code="claims")
    day = claims[0]
    digest = claims[1] if len(claims) == 2 else None
    if type(day) is not int or (digest is not None and (type(digest) is not bytes or len(digest) not in (16, 32))):
        raise LayoutError("the claims are neither [day] nor [day, digest]", code="claims")
    if len(claims) == 2 and digest is None:
        raise LayoutError("the claims are neither [day] nor [day, digest]", code="claims")
    check_day(day)
    assert type(algorithm) is int
    return Statement(Level.COMPACT, algorithm, kid[0], None, day, digest, sign1.protected, payload, sign1.signature)


def _parse_full(data: bytes) -> Statement:
    sign1 = _parse_sign1(data, _FULL_LABELS)
    header = sign1.protected_header
    algorithm, kid, claims = header[Header.ALG], header[Header.KID], header[Header.CWT_CLAIMS]
    content_type, uri = header[Header.PREIMAGE_CONTENT_TYPE], header[Header.PAYLOAD_LOCATION]
    if type(kid) is not bytes or len(kid) != KEY_HINT_BYTES:
        raise LayoutError("the key id is not 8 bytes of a thumbprint", code="key-hint")
    if header[Header.PAYLOAD_HASH_ALG] != HASH_SHA256:
        raise LayoutError("the hash envelope is not over SHA-256", code="hash-algorithm")
    if type(content_type) is not str and (type(content_type) is not int or content_type < 0):
        raise LayoutError("the content type is neither text nor a number", code="content-type")
    if type(uri) is not str:
        raise LayoutError("the payload location is not text", code="payload-location")
    if type(claims) is not dict or claims.keys() != {_IAT} or type(claims[_IAT]) is not int:
        raise LayoutError("the CWT claims are not exactly an issuing time", code="claims")
    if type(sign1.payload) is not bytes or len(sign1.payload) != 32:
        raise LayoutError("the payload is not a SHA-256 digest", code="digest-length")
    issued_at = claims[_IAT]
    assert type(algorithm) is int
    assert type(issued_at) is int
    assert isinstance(content_type, str | int)
    day = issued_at // SECONDS_A_DAY
    check_day(day)
    return Statement(
        *(Level.FULL, algorithm, None, kid, day, sign1.payload, sign1.protected, sign1.payload, sign1.signature),
        *(uri, content_type, issued_at),
    )


def stored_length(data: bytes) -> int:
    """How many bytes the statement at the start of ``data`` takes; it delimits itself. Raises LayoutError."""
    if not data or not is_statement_start(data[0]):
        raise LayoutError("no statement begins with this byte", code="no-statement", found=data[:1].hex())
    head = data[0]
    if head < 0x80:
        return 83 if head & 0x20 else 67
    try:
        return cbor.item_end(data, 0)
    except CodecError as exc:
        raise LayoutError(f"damaged statement: {exc.message}", code="statement-damaged") from exc
