"""Write the worked examples of docs/tag-format.md: everything between its two markers.

    PYTHONPATH=src:. .venv/bin/python tools/make_tag_format_examples.py [--check]

Keys are published test keys and signatures deterministic, so that the text comes out the same every time; ``--check``
writes nothing and ends with 1 where the document says something else. A field is one line: its bytes in hex, how many
they are, what they mean; longer hex goes on in lines of its own. A block's name stands behind ``annotated``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from dpptag.codec import cbor, cose
from dpptag.codec import statement as codec
from dpptag.codec.layout import signed_identity
from dpptag.codec.planner import NTAG_AREAS, NfcCapacity, Wish, stored_size
from dpptag.crypto import sha256
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import SECONDS_A_DAY, Level, Statement
from dpptag.tags.tlv import build_area
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey, KeyStatus, encode_bundle, sign_bundle
from dpptag.trust.scopes import parse_scope
from dpptag.trust.signing import carrier_content, check_identity, sign_statement
from tools.published_keys import PublishedKey

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "tag-format.md"
BEGIN = "<!-- examples begin: written by tools/make_tag_format_examples.py -->\n"
END = "<!-- examples end -->\n"

URI = "https://id.example.com/01/09520123456788/21/12345"
UID = bytes.fromhex("04112233445566")
EPC = bytes.fromhex("3066C4409047E140075BCD15")
TID = bytes.fromhex("E280689020000123456789AB")
PASSPORT = b'{"passport": "an example"}'
DAY = 20778
ISSUED_AT = DAY * SECONDS_A_DAY + 43200
SLOT = 1
CONTENT_TYPE = "application/vc"

NFC = (
    *((Level.MINIMAL, 0), (Level.MINIMAL, 16), (Level.COMPACT, 0), (Level.COMPACT, 16), (Level.COMPACT, 32)),
    (Level.FULL, 32),
)
UHF = ((Level.BARE, 0), *NFC)

Field = tuple[bytes, str]


def render(name: str, fields: Sequence[Field]) -> str:
    """One block."""
    lines = [f"```annotated {name}"]
    for data, meaning in fields:
        first, *more = [data[at : at + 32].hex() for at in range(0, len(data), 32)]
        lines.append(f"{first:64}  {len(data):3}  {meaning}")
        lines += more
    return "\n".join((*lines, "```", ""))


def statement_fields(statement: Statement) -> list[Field]:
    """What the tag stores of the statement."""
    signature = (statement.signature, "signature, r || s")
    digest = statement.digest
    if statement.level is Level.BARE:
        return [signature]
    if statement.level is Level.MINIMAL:
        head = codec.encode_statement(statement)[:1]
        found: list[Field] = [
            (head, f"head: minimal, {'digest follows' if digest else 'no digest'}, key slot {statement.slot}"),
            (statement.day.to_bytes(2, "big"), f"day {statement.day}, 2026-11-21"),
        ]
        return [*found, *([(digest, "first 16 bytes of SHA-256 of the passport")] if digest else []), signature]
    tag: list[Field] = [(b"\xd2", "tag 18, COSE_Sign1")] if statement.level is Level.FULL else []
    return [
        *tag,
        (b"\x84", "array of 4"),
        (_head(statement.protected), f"byte string of {len(statement.protected)}: protected header"),
        *_map_fields(statement.protected),
        (b"\xa0", "unprotected header, empty"),
        (_head(statement.payload), f"byte string of {len(statement.payload)}: payload"),
        *_payload_fields(statement),
        (b"\x58\x40", "byte string of 64: signature"),
        signature,
    ]


def _head(content: bytes) -> bytes:
    return cbor.encode(content)[: -len(content)]


_LABELS = {
    1: "alg: ES256",
    3: "content type",
    4: "kid",
    15: "CWT claims: {6 (iat): 2026-11-21T12:00:00Z}",
    258: "payload hash algorithm: SHA-256",
    259: "preimage content type",
    260: "payload location",
}


def _map_fields(encoded: bytes) -> list[Field]:
    entries = cbor.decode(encoded)
    assert isinstance(entries, dict)
    fields: list[Field] = [(encoded[:1], f"map of {len(entries)}")]
    for label, value in entries.items():
        assert isinstance(label, int)
        text = f' "{value}"' if isinstance(value, str) else f" h'{value.hex()}'" if isinstance(value, bytes) else ""
        fields.append((cbor.encode(label) + cbor.encode(value), f"{label}, {_LABELS[label]}{text}"))
    assert b"".join(data for data, _ in fields) == encoded
    return fields


def _payload_fields(statement: Statement) -> list[Field]:
    if statement.level is Level.FULL:
        return [(statement.payload, "SHA-256 of the passport")]
    if statement.digest is None:
        return [(statement.payload, f"[{statement.day}]")]
    width = len(statement.digest)
    rest = len(_head(statement.digest)) + width
    return [
        (statement.payload[:-rest], f"[{statement.day},"),
        (statement.payload[-rest:], f"h'{width} bytes of SHA-256 of the passport']"),
    ]


def content_fields(content: bytes, statement: Statement, *, nfc: bool) -> list[Field]:
    """The NDEF message or the user bank."""
    stored = statement_fields(statement)
    size = sum(len(data) for data, _ in stored)
    if not nfc:
        if statement.level is Level.BARE:
            return stored
        fill = content[1 + size :]
        return [(content[:1], "DSFID: data format 0"), *stored, *([(fill, "fill to a whole word")] if fill else [])]
    rest = URI.removeprefix("https://").encode()
    at = 5 + len(rest)
    full = statement.level is Level.FULL
    header = content[at : at + 3]
    return [
        (content[:4], f"record 1: MB, SR, TNF 1; type length 1, U; payload length {1 + len(rest)}"),
        (content[4:5], "URI identifier code 4: https://"),
        (rest, f'"{rest.decode()}"'),
        (header, f"record 2: ME, SR, TNF {2 if full else 5}; type length {16 if full else 0}; payload length {size}"),
        *([(content[at + 3 : at + 19], '"application/cose"')] if full else []),
        *stored,
    ]


def aad_fields(identity: str | bytes, chip: bytes) -> list[Field]:
    return [
        (b"\x83", "array of 3"),
        (cbor.encode("dpptag/1"), '"dpptag/1"'),
        (cbor.encode(identity), "identity: the URI" if isinstance(identity, str) else "identity: the EPC from word 2"),
        (cbor.encode(chip), "chip number: the UID" if len(chip) == 7 else "chip number: the TID, words 0 to 5"),
    ]


def to_be_signed_fields(statement: Statement, aad: bytes) -> list[Field]:
    return [
        (b"\x84", "array of 4"),
        (cbor.encode("Signature1"), '"Signature1"'),
        (cbor.encode(statement.protected), "protected header, as a byte string"),
        (cbor.encode(aad), "external_aad, as a byte string"),
        (cbor.encode(statement.payload), "payload, as a byte string"),
    ]


def examples_of(carrier: str, identity: str | bytes, chip: bytes, level: Level, width: int) -> str:
    """One statement: on its carrier, rebuilt, and as it was signed."""
    signer, number = PublishedKey("issuer"), ChipNumber(chip)
    statement = sign_statement(
        *(signer, SLOT, identity, number),
        level=level,
        digest=sha256(PASSPORT),
        digest_width=width,
        issued_at=ISSUED_AT,
        content_type=CONTENT_TYPE,
    )
    name = f"{carrier}-{level.value}-{width}"
    nfc = isinstance(identity, str)
    content = carrier_content(identity, statement)
    fields = content_fields(content, statement, nfc=nfc)
    assert b"".join(data for data, _ in fields) == content
    what = "NDEF message" if nfc else "user bank"
    stored = len(codec.encode_statement(statement))
    parts = [
        f"#### {name}\n",
        f"Statement {stored} bytes, {what} {len(content)} bytes.\n",
        render(name, fields),
    ]
    rebuilt = codec.export_cose_sign1(statement)
    if level is Level.FULL:
        parts.append("The COSE_Sign1 is the statement itself. To be signed:\n")
    else:
        parts += ["Rebuilt:\n", render(f"{name}/cose_sign1", [(rebuilt, "COSE_Sign1, tagged")]), "To be signed:\n"]
    parts.append(render(f"{name}/to-be-signed", to_be_signed_fields(statement, codec.external_aad(identity, chip))))
    if (carrier, level, width) == ("nfc", Level.MINIMAL, 16):
        area = build_area(content, NTAG_AREAS["NTAG213"])
        end = 2 + len(content)
        fields = [
            (area[:2], f"NDEF TLV, {len(content)} bytes"),
            (area[2:end], "the message"),
            (area[end : end + 1], "terminator TLV"),
            (area[end + 1 :], "unused"),
        ]
        parts += ["The data area of an NTAG213, from page 4:\n", render(f"{name}/ntag213", fields)]
    return "\n".join(parts)


def key_section() -> str:
    parts = [
        "### 11.1 Keys\n",
        "**These are test keys. Their private halves are published here: nothing that they sign proves anything, and",
        "no trust bundle of production may name them.** The private scalar is SHA-256 of the seed, an ASCII text.",
        "Signatures are made by RFC 6979 with SHA-256, so that they can be computed again; a signer may choose its",
        "nonces otherwise.\n",
    ]
    for name in ("issuer", "root"):
        key = PublishedKey(name)
        parts += [
            f"Key `{name}`, seed `{key.seed}`:\n",
            render(
                f"key/{name}",
                [
                    (key.scalar, "private scalar d"),
                    (key.public_key.point[:32], "x"),
                    (key.public_key.point[32:], "y"),
                    (key.public_key.thumbprint(), "RFC 9679 thumbprint; its first 8 bytes are the kid of full"),
                ],
            ),
        ]
    fields: list[Field] = [(b"\xa4", "map of 4")]
    for label, meaning in ((1, "kty: EC2"), (-1, "crv: P-256"), (-2, "x"), (-3, "y")):
        fields.append((cbor.encode(label) + cbor.encode(PublishedKey("issuer").public_key.cose_key()[label]), meaning))
    parts += ["COSE_Key of `issuer`, the input of its thumbprint:\n", render("key/issuer/cose_key", fields)]
    return "\n".join(parts)


def carrier_section() -> str:
    return "\n".join(
        [
            "### 11.2 Carriers\n",
            f"NFC: URI `{URI}`.",
            "UHF: SGTIN-96 (01)09506000134352(21)123456789, in TDS 2.3 annex E; Digital Link",
            f"`{check_identity(EPC)}`.",
            f"Key slot {SLOT}; signed 2026-11-21T12:00:00Z, day {DAY}.",
            f"The passport document is these {len(PASSPORT)} bytes: `{PASSPORT.decode()}`.\n",
            render("carrier/uid", [(UID, "UID in anticollision order")]),
            render("carrier/epc", [(EPC, "EPC bank, words 2 to 7")]),
            render("carrier/tid", [(TID, "TID, words 0 to 5: XTID header 2000h, 48-bit serial")]),
            render("passport/sha-256", [(sha256(PASSPORT), "SHA-256 of the passport document")]),
            "external_aad on NFC and on UHF:\n",
            render("nfc/external_aad", aad_fields(signed_identity(URI), UID)),
            render("uhf/external_aad", aad_fields(EPC, TID)),
        ]
    )


def bundle() -> Bundle:
    """The example trust data: every optional field once."""
    active, retired = PublishedKey("issuer"), PublishedKey("issuer, retired")
    example = Issuer(
        "Example Electronics",
        tuple(map(parse_scope, ("gcp:9506000", "gcp:9520123", "uri:https://id.example.com/passports/"))),
        (
            IssuerKey(0, retired.public_key, KeyStatus.RETIRED, 20000, 20500),
            IssuerKey(1, active.public_key, KeyStatus.ACTIVE, 20501, None, allows_bare=True),
        ),
    )
    return Bundle(20770, 20860, (example,))


def bundle_section() -> str:
    root = PublishedKey("root")
    data = sign_bundle(bundle(), root)
    sign1 = cose.parse_sign1(data)
    payload = encode_bundle(bundle())
    assert sign1.payload == payload
    issuer = bundle().issuers[0]
    keys = [_key_fields(key) for key in issuer.keys]
    fields: list[Field] = [
        (b"\xd2\x84", "tag 18, array of 4"),
        (_head(sign1.protected), f"byte string of {len(sign1.protected)}: protected header"),
        *_map_fields(sign1.protected),
        (b"\xa0", "unprotected header, empty"),
        (_head(payload), f"byte string of {len(payload)}: payload"),
        (b"\xa4", "map of 4"),
        (b"\x01\x01", "1, schema version: 1"),
        (b"\x02" + cbor.encode(bundle().issued), "2, issued: day 20770, 2026-11-13"),
        (b"\x03" + cbor.encode(bundle().expires), "3, expires: day 20860, 2027-02-11"),
        (b"\x04\x81", "4, issuers: array of 1"),
        (b"\xa3\x01" + cbor.encode(issuer.name), f'map of 3; 1, name: "{issuer.name}"'),
        (b"\x02\x83", "2, scopes: array of 3"),
        *((cbor.encode(str(scope)), f'"{scope}"') for scope in issuer.scopes),
        (b"\x03\x82", "3, keys: array of 2"),
        *(field for key in keys for field in key),
        (b"\x58\x40", "byte string of 64: signature"),
        (sign1.signature, "signature, r || s"),
    ]
    assert b"".join(part for part, _ in fields) == data
    return "\n".join(
        [
            "### 11.5 Trust bundle\n",
            f"`issuers.cose`, {len(data)} bytes, signed by key `root`. Slot 0 holds a retired key (seed",
            "`dpptag/1 published test key: issuer, retired`), slot 1 the key `issuer`, allowed for bare.\n",
            render("bundle", fields),
        ]
    )


def _key_fields(key: IssuerKey) -> list[Field]:
    count = 3 + (key.not_before is not None) + (key.not_after is not None) + key.allows_bare
    fields: list[Field] = [
        (bytes((0xA0 | count,)) + b"\x01" + cbor.encode(key.slot), f"map of {count}; 1, slot: {key.slot}"),
        (b"\x02" + cbor.encode(key.public_key.cose_key()), "2, COSE_Key"),
        (b"\x03" + cbor.encode(int(key.status)), f"3, status: {key.status.name.lower()}"),
    ]
    if key.not_before is not None:
        fields.append((b"\x04" + cbor.encode(key.not_before), f"4, signs from day {key.not_before}"))
    if key.not_after is not None:
        fields.append((b"\x05" + cbor.encode(key.not_after), f"5, signs to day {key.not_after}"))
    if key.allows_bare:
        fields.append((b"\x06\x01", "6, allowed for bare"))
    return fields


def refusals() -> list[tuple[str, bytes]]:
    """Statements that are wrong in one thing each; the signature is zeros, for none gets as far as that."""
    protected = codec.protected_for_slot(SLOT)
    claims = codec.claims_payload(DAY)
    zeros = bytes(64)
    day = DAY.to_bytes(2, "big")

    def compact(header: bytes = protected, payload: bytes = claims, unprotected: bytes = b"\xa0") -> bytes:
        return cose.assemble(header, payload, zeros, tagged=False, unprotected=unprotected)

    def header(entries: dict[int, object]) -> bytes:
        return compact(cbor.encode(entries))

    return [
        ("minimal, one byte short", b"\x41" + day + zeros[1:]),
        ("minimal, one byte more", b"\x41" + day + zeros + b"\0"),
        ("minimal, day 0", b"\x41\0\0" + zeros),
        ("compact, day 0", compact(payload=cbor.encode([0]))),
        ("compact, day 65536", compact(payload=cbor.encode([65536]))),
        ("compact, day as 3-byte integer head where 2 suffice", compact(payload=b"\x81\x1a\0\0" + day)),
        ("compact, digest of 20 bytes", compact(payload=cbor.encode([DAY, bytes(20)]))),
        ("compact, third claim", compact(payload=cbor.encode([DAY, bytes(16), 0]))),
        ("compact, null in place of a digest", compact(payload=cbor.encode([DAY, None]))),
        ("compact, bytes behind the claims", compact(payload=claims + b"\0")),
        ("compact, claims of indefinite length", compact(payload=b"\x9f" + claims[1:] + b"\xff")),
        ("compact, detached payload", b"\x84" + cbor.encode(protected) + b"\xa0\xf6\x58\x40" + zeros),
        ("compact, key slot 32", header({1: -7, 4: b"\x20"})),
        ("compact, kid of two bytes", header({1: -7, 4: b"\0\x01"})),
        ("compact, no kid", header({1: -7})),
        ("compact, alg ES384", header({1: -35, 4: b"\x01"})),
        ("compact, alg as text", header({1: "ES256", 4: b"\x01"})),
        ("compact, further label", header({1: -7, 4: b"\x01", 5: b"\0"})),
        ("compact, critical label", header({1: -7, 2: [4], 4: b"\x01"})),
        ("compact, labels out of order", compact(b"\xa2\x04\x41\x01\x01\x26")),
        ("compact, label twice", compact(b"\xa3\x01\x26\x01\x26\x04\x41\x01")),
        ("compact, unprotected header not empty", compact(unprotected=cbor.encode({5: b"\0"}))),
        ("compact, byte behind it", compact() + b"\0"),
        ("compact, tagged", b"\xd2" + compact()),
        ("compact, signature of 63 bytes", cose.assemble(protected, claims, zeros[1:], tagged=False)),
        ("full, untagged", _full()[1:]),
        ("full, digest of 16 bytes", _full(payload=bytes(16))),
        ("full, kid of 1 byte", _full({4: b"\x01"})),
        ("full, SHA-384", _full({258: -43})),
        ("full, further CWT claim", _full({15: {4: 1, 6: ISSUED_AT}})),
        ("full, issued before 1970-01-02", _full({15: {6: SECONDS_A_DAY - 1}})),
        ("full, further label", _full({5: b"\0"})),
    ]


def _full(changes: dict[int, object] | None = None, payload: bytes | None = None) -> bytes:
    header = {1: -7, 4: bytes(8), 15: {6: ISSUED_AT}, 258: -16, 259: CONTENT_TYPE, 260: URI, **(changes or {})}
    return cose.assemble(cbor.encode(header), bytes(32) if payload is None else payload, bytes(64), tagged=True)


def refusal_section() -> str:
    return "\n".join(
        [
            "### 11.6 To be refused\n",
            "Statements, without their carrier, that a decoder refuses before it comes to the signature, here zeros.\n",
            render("refused", [(data, why) for why, data in refusals()]),
        ]
    )


def room_section() -> str:
    """How long a link may be: characters after ``https://``, by chip and level."""
    parts = [
        "### 11.7 Room for the link\n",
        "Characters after `https://` that fit beside the statement on a chip with its data area as delivered; `full`",
        f"with content type `{CONTENT_TYPE}`. A dash: no link fits.\n",
        "| level, digest | " + " | ".join(NTAG_AREAS) + " |",
        "|---|" + "---|" * len(NTAG_AREAS),
    ]
    for level, width in NFC:
        cells = [_longest_rest(level, width, NfcCapacity(area).room) for area in NTAG_AREAS.values()]
        parts.append(f"| {level.value}, {width} | " + " | ".join(str(cell) if cell else "-" for cell in cells) + " |")
    return "\n".join((*parts, ""))


def _longest_rest(level: Level, width: int, room: int) -> int:
    fitting = 0
    for length in range(1, 873):
        uri = "https://" + "x" * length
        if stored_size(Wish(uri, uri, content_type=CONTENT_TYPE), level, width) > room:
            break
        fitting = length
    return fitting


def examples() -> str:
    """The whole text between the markers."""
    return "\n".join(
        [
            "",
            key_section(),
            carrier_section(),
            "### 11.3 NFC\n",
            *(examples_of("nfc", URI, UID, level, width) for level, width in NFC),
            "### 11.4 UHF\n",
            *(examples_of("uhf", EPC, TID, level, width) for level, width in UHF),
            bundle_section(),
            refusal_section(),
            room_section(),
        ]
    )


def main(arguments: Sequence[str]) -> int:
    text = DOCUMENT.read_text()
    head, rest = text.split(BEGIN)
    old, tail = rest.split(END)
    new = examples()
    if list(arguments) == ["--check"]:
        return int(old != new)
    DOCUMENT.write_text(head + BEGIN + new + END + tail)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
