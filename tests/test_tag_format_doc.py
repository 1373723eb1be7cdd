"""docs/tag-format.md is true: its examples are read from the text, verified, encoded again; its CDDL is checked."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dpptag.codec import cbor, cose, layout
from dpptag.codec import statement as codec
from dpptag.codec.planner import NfcCapacity, Wish, stored_size
from dpptag.crypto import PublicKey, sha256
from dpptag.errors import LayoutError
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import Level, Statement
from dpptag.model.verdict import PassportMatch, Verdict
from dpptag.trust.issuers import encode_bundle, open_bundle
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import judge_nfc, judge_uhf
from tests.peers.ask import ask
from tools.make_tag_format_examples import main as regenerate

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "tag-format.md").read_text()
DAY = 20778

Field = tuple[bytes, int, str]


def _fields(body: str) -> list[Field]:
    fields: list[Field] = []
    for line in body.splitlines():
        whole = re.fullmatch(r"([0-9a-f]+) +(\d+)  (.+)", line)
        if whole is not None:
            fields.append((bytes.fromhex(whole[1]), int(whole[2]), whole[3]))
        else:
            data, length, meaning = fields[-1]
            fields[-1] = (data + bytes.fromhex(line), length, meaning)
    return fields


@cache
def blocks() -> dict[str, list[Field]]:
    """Name -> fields of every annotated block of the document."""
    found = re.findall(r"^```annotated (\S+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    named = {name: _fields(body) for name, body in found}
    assert len(named) == len(found)
    return named


def whole(name: str) -> bytes:
    return b"".join(data for data, _, _ in blocks()[name])


def field(name: str, meaning: str) -> bytes:
    (data,) = [data for data, _, text in blocks()[name] if text.startswith(meaning)]
    return data


def public_key(name: str) -> PublicKey:
    return PublicKey.from_point("P-256", field(f"key/{name}", "x") + field(f"key/{name}", "y"))


NAMES = [name for name in blocks() if re.fullmatch(r"(nfc|uhf)-[a-z]+-\d+", name)]
UID, EPC, TID = whole("carrier/uid"), whole("carrier/epc"), whole("carrier/tid")


def uri() -> str:
    found = re.search(r"^NFC: URI `(.+)`\.$", TEXT, re.MULTILINE)
    assert found is not None
    return found[1]


def passport() -> bytes:
    found = re.search(r"^The passport document is these (\d+) bytes: `(.+)`\.$", TEXT, re.MULTILINE)
    assert found is not None
    assert len(found[2]) == int(found[1])
    return found[2].encode()


def statement_of(name: str) -> Statement:
    content = whole(name)
    if name.startswith("nfc"):
        statement = layout.read_ndef(content).statement
    elif "bare" in name:
        statement = codec.bare_statement(content, 1)
    else:
        statement = layout.read_user_bank(content)
    assert statement is not None
    return statement


def rebuilt(name: str) -> bytes:
    return codec.encode_statement(statement_of(name)) if "full" in name else whole(f"{name}/cose_sign1")


def external_aad(name: str) -> bytes:
    return whole(f"{name[:3]}/external_aad")


def cddl() -> str:
    return "\n".join(re.findall(r"^```cddl\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE))


def test_the_examples_are_what_the_tool_writes() -> None:
    assert regenerate(["--check"]) == 0


def test_every_field_has_the_length_it_is_said_to_have() -> None:
    wrong = [
        (name, text, length, len(data))
        for name, fields in blocks().items()
        for data, length, text in fields
        if len(data) != length
    ]
    assert wrong == []
    assert sum(map(len, blocks().values())) > 300


def test_there_is_an_example_of_every_level_and_width() -> None:
    wanted = ["minimal-0", "minimal-16", "compact-0", "compact-16", "compact-32", "full-32"]
    assert [*(f"nfc-{name}" for name in wanted), "uhf-bare-0", *(f"uhf-{name}" for name in wanted)] == NAMES


@pytest.mark.parametrize("name", ["issuer", "root"])
def test_a_published_scalar_has_the_published_point_and_seed(name: str) -> None:
    seed = re.search(rf"^Key `{name}`, seed `(.+)`:$", TEXT, re.MULTILINE)
    assert seed is not None
    scalar = field(f"key/{name}", "private scalar")
    assert sha256(seed[1].encode()) == scalar
    numbers = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1()).public_key().public_numbers()
    assert (numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")) == (
        field(f"key/{name}", "x"),
        field(f"key/{name}", "y"),
    )


def test_the_thumbprints_are_over_the_cose_key() -> None:
    assert sha256(whole("key/issuer/cose_key")) == field("key/issuer", "RFC 9679")
    for name in ("issuer", "root"):
        assert public_key(name).thumbprint() == field(f"key/{name}", "RFC 9679")


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_of_the_document_verifies_and_encodes_back(name: str) -> None:
    statement = statement_of(name)
    content = whole(name)
    if name.startswith("nfc"):
        assert layout.read_ndef(content).identity == uri()
        assert layout.build_ndef(uri(), statement) == content
    else:
        assert layout.build_user_bank(statement) == content
    aad = codec.external_aad(uri() if name.startswith("nfc") else EPC, UID if name.startswith("nfc") else TID)
    assert aad == external_aad(name)
    to_be_signed = whole(f"{name}/to-be-signed")
    assert cose.sig_structure(statement.protected, aad, statement.payload) == to_be_signed
    assert codec.export_cose_sign1(statement) == rebuilt(name)
    public_key("issuer").verify(statement.signature, to_be_signed)
    level, width = name.split("-")[1:]
    assert statement.level.value == level
    assert (statement.digest or b"") == whole("passport/sha-256")[: int(width)] == sha256(passport())[: int(width)]
    said = re.search(rf"^#### {name}\n\nStatement (\d+) bytes, [a-zA-Z ]+ (\d+) bytes\.$", TEXT, re.MULTILINE)
    assert said is not None
    assert (int(said[1]), int(said[2])) == (len(codec.encode_statement(statement)), len(content))


def test_under_the_bundle_of_the_document_every_tag_is_genuine_and_its_copy_forged() -> None:
    trust = TrustStore.load(whole("bundle"), public_key("root"))
    digest = sha256(passport())
    verdicts = {}
    for name in NAMES:
        if name.startswith("nfc"):
            report, _ = judge_nfc(whole(name), UID, trust, DAY, digest)
            copy, _ = judge_nfc(whole(name), UID[:-1] + b"\0", trust, DAY)
        else:
            report, _ = judge_uhf(EPC, whole(name), TID, trust, DAY, digest)
            copy, _ = judge_uhf(EPC, whole(name), TID[:-1] + b"\0", trust, DAY)
        verdicts[name] = (report.verdict, copy.verdict)
        assert report.passport is (PassportMatch.ABSENT if name.endswith("-0") else PassportMatch.MATCH)
    assert verdicts == dict.fromkeys(NAMES, (Verdict.GENUINE, Verdict.FORGED))


def test_minimal_and_compact_of_the_same_claims_are_one_signed_object() -> None:
    for carrier in ("nfc", "uhf"):
        for width in (0, 16):
            assert rebuilt(f"{carrier}-minimal-{width}") == rebuilt(f"{carrier}-compact-{width}")


def test_the_bundle_encodes_back() -> None:
    bundle = open_bundle(whole("bundle"), public_key("root"))
    assert encode_bundle(bundle) == cose.parse_sign1(whole("bundle")).payload
    assert [key.public_key for key in bundle.issuers[0].keys][1] == public_key("issuer")
    said = re.search(r"^`issuers.cose`, (\d+) bytes", TEXT, re.MULTILINE)
    assert said is not None
    assert int(said[1]) == len(whole("bundle"))


def test_what_is_to_be_refused_is_refused_before_any_signature() -> None:
    refused = blocks()["refused"]
    assert len(refused) == 32
    for data, _, why in refused:
        with pytest.raises(LayoutError):
            pytest.fail(f"{why}: accepted as {codec.parse_statement(data)}")


def test_the_data_area_of_the_document_holds_the_message() -> None:
    name = "nfc-minimal-16/ntag213"
    assert len(whole(name)) == 144
    assert field(name, "the message") == whole("nfc-minimal-16")
    assert field(name, "NDEF TLV") == bytes((3, len(whole("nfc-minimal-16"))))


def test_the_level_table_has_the_sizes_of_the_examples() -> None:
    for level in ("bare", "minimal", "compact"):
        row = re.search(rf"^\| `{level}` \| ([0-9, ]+) \| ([a-z0-9, ]+) \|", TEXT, re.MULTILINE)
        assert row is not None
        widths = [0 if width == "none" else int(width) for width in row[2].split(", ")]
        sizes = [len(codec.encode_statement(statement_of(f"uhf-{level}-{width}"))) for width in widths]
        assert [int(size) for size in row[1].split(", ")] == sizes
        assert tuple(widths) == Level(level).digest_widths


@pytest.mark.parametrize("length", [1, 41, 200, 247, 248, 254, 255, 256, 400])
def test_the_arithmetic_of_section_6_is_the_planners(length: int) -> None:
    """``length``: characters after https://, across the borders of every head that grows."""
    link, media_type = "https://" + "x" * length, "application/vc"

    def head(size: int) -> int:
        return 1 if size < 24 else 2 if size < 256 else 3

    def record(header: int, payload: int) -> int:
        return header + payload + (3 if payload > 255 else 0)

    header = 1 + 2 + 10 + 8 + 4 + 3 + head(14) + 14 + 3 + head(len(link)) + len(link)
    full = 2 + head(header) + header + 1 + 2 + 32 + 2 + 64
    sizes = {(Level.MINIMAL, 0): 67, (Level.MINIMAL, 16): 83, (Level.COMPACT, 0): 80, (Level.COMPACT, 16): 97}
    sizes |= {(Level.COMPACT, 32): 115, (Level.FULL, 32): full}
    for (level, width), size in sizes.items():
        message = record(4, 1 + length) + record(19 if level is Level.FULL else 3, size)
        assert stored_size(Wish(link, link, content_type=media_type), level, width) == message
        area = message + (2 if message < 255 else 4)
        assert NfcCapacity(area).room >= message > NfcCapacity(area - 1).room


@pytest.mark.parametrize(("serial_bits", "octets"), [(48, 12), (64, 14), (144, 24)])
def test_a_tid_ends_with_its_serial(serial_bits: int, octets: int) -> None:
    """Section 2.5: 48 + 16 (n - 1) bits from word 3 on, whatever follows."""
    n = (serial_bits - 48) // 16 + 1
    tid = b"\xe2\x80\x68\x90" + bytes((n << 5, 0)) + bytes(range(1, 30))
    assert len(ChipNumber.from_tid(tid).octets) == octets


@pytest.mark.parametrize("library", ["cwt", "pycose", "fido2"])
def test_a_foreign_library_verifies_every_example(library: str) -> None:
    key = public_key("issuer").pem()
    others = {"nfc": "uhf", "uhf": "nfc"}
    jobs = [
        {"cose_sign1": rebuilt(name).hex(), "external_aad": aad.hex(), "key": key}
        for name in NAMES
        for aad in (external_aad(name), whole(f"{others[name[:3]]}/external_aad"))
    ]
    answers = [answer.partition(":")[0] for answer in ask(library, {"verify": jobs})]
    assert answers == ["accepted", "refused"] * 13


def test_the_examples_follow_the_cddl() -> None:
    items = [("external-aad", external_aad(name)) for name in ("nfc", "uhf")]
    items.append(("trust-bundle", whole("bundle")))
    for name in NAMES:
        items += [("rebuilt-statement", rebuilt(name)), ("sig-structure", whole(f"{name}/to-be-signed"))]
        if "compact" in name or "full" in name:
            items.append(("stored-statement", codec.encode_statement(statement_of(name))))
    answers = ask("cddl", {"schema": cddl(), "items": [(rule, data.hex()) for rule, data in items]})
    assert answers == [True] * len(items)
    assert len(items) == 3 + 2 * 13 + 8


def test_the_cddl_refuses_what_it_can_see() -> None:
    """CDDL speaks of values: three of the refused statements differ in their encoding alone (section 1.1)."""
    refused = [(why, data) for data, _, why in blocks()["refused"] if not why.startswith("minimal")]
    answers = ask("cddl", {"schema": cddl(), "items": [("stored-statement", data.hex()) for _, data in refused]})
    assert [why for (why, _), answer in zip(refused, answers, strict=True) if answer is True] == [
        "compact, day as 3-byte integer head where 2 suffice",
        "compact, claims of indefinite length",
        "compact, labels out of order",
    ]


def test_the_cddl_takes_every_slot_algorithm_and_day_there_is() -> None:
    def compact(slot: int = 1, algorithm: int = -7, day: int = DAY) -> str:
        header = cbor.encode({1: algorithm, 4: bytes((slot,))})
        return cose.assemble(header, cbor.encode([day]), bytes(64), tagged=False).hex()

    items = [compact(slot) for slot in range(256)]
    items += [compact(algorithm=-number) for number in range(1, 41)]
    items += [compact(day=day) for day in (0, 1, 255, 65535, 65536)]
    answers = [
        answer is True
        for answer in ask("cddl", {"schema": cddl(), "items": [("stored-statement", item) for item in items]})
    ]
    assert answers[:256] == [True] * 32 + [False] * 224
    assert [number for number, answer in enumerate(answers[256:296], 1) if answer] == [7, 8, 9, 19]
    assert answers[296:] == [False, True, True, True, False]


def test_the_cddl_refuses_damaged_trust_data() -> None:
    data = whole("bundle")
    sign1 = cose.parse_sign1(data)
    payload: Any = cbor.decode(sign1.payload or b"", max_depth=8)
    (issuer,) = payload[4]
    first, second = issuer[3]
    bad_keys: list[object] = [
        {**first, 1: 32},
        {**first, 3: 3},
        {**first, 4: 0},
        {**first, 6: 0},
        {**first, 7: 1},
        {**first, 2: {1: 2, -1: 2, -2: bytes(32), -3: bytes(32)}},
    ]
    bad = [{**payload, 4: [{**issuer, 3: [key, second]}]} for key in bad_keys]
    bad += [{**payload, 1: 2}, {**payload, 5: 0}, {**payload, 2: 0}]
    bad += [{**payload, 4: [{**issuer, 2: [scope]}]} for scope in ("gcp:123", "uri:https://h/a", "https://h/")]
    items = [cose.assemble(sign1.protected, cbor.encode(value), sign1.signature, tagged=True) for value in bad]
    answers = ask("cddl", {"schema": cddl(), "items": [("trust-bundle", item.hex()) for item in items]})
    assert [answer is True for answer in answers] == [False] * 12


def test_the_contents_lead_to_headings() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    assert links == anchors
