"""Keys, trust data and signed tags for the tests of trust. Days count from 1970-01-01."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dpptag.codec import cose
from dpptag.codec import statement as codec
from dpptag.codec.ndef import NdefRecord, encode_message, uri_record
from dpptag.crypto import PrivateKey, PublicKey
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import SECONDS_A_DAY, Level
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey
from dpptag.trust.scopes import parse_scope
from dpptag.trust.signing import carrier_content, sign_statement
from dpptag.trust.store import TrustStore

DAY = 20778
URI = "https://id.example.com/01/09520123456788/21/12345"
UID = bytes.fromhex("04a1b2c3d4e5f6")
OTHER_UID = bytes.fromhex("04a1b2c3d4e5f7")
# SGTIN-96 of the same item (TDS 2.3 section 14.6.1.1): filter 1, partition 5
EPC = (0x30 << 88 | 1 << 85 | 5 << 82 | 9520123 << 58 | 45678 << 38 | 12345).to_bytes(12, "big")
EPC_LINK = "https://id.gs1.org/01/09520123456788/21/12345"
# E2h, XTID present; XTID header 2000h: a serial of 48 bits
TID = bytes.fromhex("e2801160" + "2000" + "70b1c2d3e4f5")
DIGEST = bytes(range(100, 132))

ROOT, ACME, EVIL = PrivateKey.generate(), PrivateKey.generate(), PrivateKey.generate()
EDWARDS = Ed25519PrivateKey.generate()
EDWARDS_PUBLIC = PublicKey.from_point("Ed25519", EDWARDS.public_key().public_bytes_raw())


def issuer(name: str, scopes: Iterable[str], *keys: IssuerKey) -> Issuer:
    return Issuer(name, tuple(parse_scope(text) for text in scopes), keys)


def trust(*issuers: Issuer, issued: int = DAY, expires: int = DAY + 90, accepted: int | None = None) -> TrustStore:
    """Without issuers: Acme with one active key in slot 1."""
    return TrustStore(Bundle(issued, expires, issuers or (acme(IssuerKey(1, ACME.public_key)),)), accepted)


def acme(*keys: IssuerKey) -> Issuer:
    return issuer("Acme", ("gcp:9520123", "uri:https://id.example.com/items/"), *keys)


def sign_nfc(
    level: Level = Level.COMPACT,
    width: int = 0,
    *,
    uri: str = URI,
    uid: bytes = UID,
    key: PrivateKey = ACME,
    slot: int = 1,
    day: int = DAY,
) -> bytes:
    """A whole NDEF message."""
    return carrier_content(uri, _signed(level, width, uri, ChipNumber(uid), key, slot, day))


def sign_uhf(
    level: Level = Level.MINIMAL,
    width: int = 0,
    *,
    epc: bytes = EPC,
    tid: bytes = TID,
    key: PrivateKey = ACME,
    slot: int = 1,
    day: int = DAY,
) -> bytes:
    """A whole user bank."""
    return carrier_content(epc, _signed(level, width, epc, ChipNumber.from_tid(tid), key, slot, day))


def _signed(
    level: Level, width: int, identity: str | bytes, chip: ChipNumber, key: PrivateKey, slot: int, day: int
) -> codec.Statement:
    issued_at = day * SECONDS_A_DAY
    return sign_statement(
        key, slot, identity, chip, level=level, digest=DIGEST, digest_width=width, issued_at=issued_at
    )


def compact_with(algorithm: int, key: PrivateKey | Ed25519PrivateKey, *, slot: int = 1, day: int = DAY) -> bytes:
    """A message whose compact statement names ``algorithm``, signed by whatever key."""
    protected, payload = codec.protected_for_slot(slot, algorithm), codec.claims_payload(day)
    signature = key.sign(cose.sig_structure(protected, codec.external_aad(URI, UID), payload))
    return message_of(cose.assemble(protected, payload, signature, tagged=False))


def message_of(statement: bytes, *later: NdefRecord, uri: str = URI) -> bytes:
    """``statement`` as a second record of TNF unknown."""
    return encode_message((uri_record(uri), NdefRecord(5, b"", b"", statement), *later))


# DESIGN.md 2.2: level and digest widths that may be written
NFC_SHAPES = (
    (Level.MINIMAL, 0),
    (Level.MINIMAL, 16),
    (Level.COMPACT, 0),
    (Level.COMPACT, 16),
    (Level.COMPACT, 32),
    (Level.FULL, 32),
)
