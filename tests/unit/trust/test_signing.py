"""Making statements: what would be refused at reading is refused first."""

import pytest

from dpptag.codec.layout import read_ndef, read_user_bank
from dpptag.codec.statement import encode_statement, parse_statement
from dpptag.crypto import PublicKey
from dpptag.errors import InputError, LayoutError, LinkError, UsageError
from dpptag.model.identifiers import ChipNumber
from dpptag.model.statement import SECONDS_A_DAY, Level, Statement
from dpptag.trust.signing import check_identity, sign_statement
from tests.unit.trust.trust_rig import (
    ACME,
    DAY,
    DIGEST,
    EDWARDS_PUBLIC,
    EPC,
    EPC_LINK,
    NFC_SHAPES,
    TID,
    UID,
    URI,
    sign_nfc,
    sign_uhf,
)

CHIP = ChipNumber(UID)


TID_CHIP = ChipNumber(TID)


def sign(level: Level = Level.COMPACT, width: int = 0, identity: str | bytes = URI, **changes: object) -> Statement:
    arguments: dict[str, object] = {
        "digest": DIGEST,
        "issued_at": DAY * SECONDS_A_DAY,
        "slot": 1,
        "signer": ACME,
    } | changes
    chip = arguments.pop("chip", CHIP if isinstance(identity, str) else TID_CHIP)
    return sign_statement(identity=identity, chip=chip, level=level, digest_width=width, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("identity", "chip"), [(URI, TID_CHIP), (EPC, CHIP)])
def test_a_link_takes_a_uid_and_an_epc_a_tid(identity: str | bytes, chip: ChipNumber) -> None:
    with pytest.raises(InputError) as refusal:
        sign(identity=identity, chip=chip)
    assert refusal.value.code == "chip-carrier"


@pytest.mark.parametrize(("level", "width"), NFC_SHAPES)
def test_what_is_signed_reads_back_from_its_carrier(level: Level, width: int) -> None:
    assert (found := read_ndef(sign_nfc(level, width)).statement) is not None
    assert (found.level, found.digest, found.day) == (level, DIGEST[:width] or None, DAY)
    assert (bank := read_user_bank(sign_uhf(level, width))) is not None
    assert (bank.level, bank.digest, bank.day) == (level, DIGEST[:width] or None, DAY)


@pytest.mark.parametrize(("level", "width"), NFC_SHAPES)
def test_a_statement_reads_back_equal(level: Level, width: int) -> None:
    statement = sign(level, width)
    assert parse_statement(encode_statement(statement)) == statement


@pytest.mark.parametrize("day", [1, 23, 24, 255, 256, 65535])
@pytest.mark.parametrize(("level", "width"), NFC_SHAPES)
def test_every_day_reads_back(day: int, level: Level, width: int) -> None:
    assert sign(level, width, issued_at=day * SECONDS_A_DAY).day == day


def test_full_names_uri_seconds_and_thumbprint() -> None:
    statement = sign(Level.FULL, 32, issued_at=DAY * SECONDS_A_DAY + 7)
    assert (statement.uri, statement.issued_at, statement.key_hint) == (
        URI,
        DAY * SECONDS_A_DAY + 7,
        ACME.public_key.thumbprint()[:8],
    )


def test_full_on_uhf_names_the_link_of_the_epc() -> None:
    assert sign(Level.FULL, 32, identity=EPC).uri == EPC_LINK


def test_bare_never_begins_with_a_zero_word() -> None:
    """Its first word is written last: zero would read as torn."""

    class ZeroFirst:
        public_key = ACME.public_key
        calls = 0

        def sign(self, data: bytes) -> bytes:
            self.calls += 1
            return bytes(64) if self.calls < 3 else ACME.sign(data)

    signer = ZeroFirst()
    assert any(sign(Level.BARE, identity=EPC, signer=signer).signature[:2])
    assert signer.calls >= 3


@pytest.mark.parametrize("issued_at", [0, SECONDS_A_DAY - 1, 65536 * SECONDS_A_DAY, -1])
@pytest.mark.parametrize("level", [Level.MINIMAL, Level.COMPACT])
def test_a_day_outside_the_format_is_refused(issued_at: int, level: Level) -> None:
    with pytest.raises(LayoutError) as refusal:
        sign(level, issued_at=issued_at)
    assert refusal.value.code == "day-range"


@pytest.mark.parametrize("slot", [-1, 32])
def test_a_slot_outside_0_to_31_is_refused(slot: int) -> None:
    with pytest.raises(LayoutError) as refusal:
        sign(slot=slot)
    assert refusal.value.code == "slot-range"


USAGE = {
    "digest without document": ({"level": Level.COMPACT, "width": 32, "digest": None}, "digest-missing"),
    "digest of 16 bytes": ({"level": Level.COMPACT, "width": 32, "digest": bytes(16)}, "digest-length"),
    "digest of 64 bytes": ({"level": Level.FULL, "width": 32, "digest": bytes(64)}, "digest-length"),
    "bare with digest": ({"level": Level.BARE, "width": 16, "identity": EPC}, "digest-width"),
    "minimal with 32": ({"level": Level.MINIMAL, "width": 32}, "digest-width"),
    "compact with 20": ({"level": Level.COMPACT, "width": 20}, "digest-width"),
    "full without": ({"level": Level.FULL, "width": 0}, "digest-width"),
    "bare on NFC": ({"level": Level.BARE}, "bare-on-nfc"),
}


@pytest.mark.parametrize(("arguments", "code"), USAGE.values(), ids=USAGE.keys())
def test_an_impossible_combination_is_a_usage_error(arguments: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError) as refusal:
        sign(**arguments)  # type: ignore[arg-type]
    assert refusal.value.code == code


def test_only_p256_keys_sign() -> None:
    class Edwards:
        public_key: PublicKey = EDWARDS_PUBLIC

        def sign(self, data: bytes) -> bytes:
            raise AssertionError(data)

    with pytest.raises(UsageError) as refusal:
        sign(signer=Edwards())
    assert refusal.value.code == "key-kind"


def test_a_full_statement_longer_than_readers_take_is_refused() -> None:
    with pytest.raises(LayoutError) as refusal:
        sign(Level.FULL, 32, identity="https://id.example.com/items/" + "x" * 1100)
    assert refusal.value.code == "readback"


IDENTITIES = {
    "a serial that a browser takes for the parent": ("https://id.example.com/01/09520123456788/21/..", "identity-form"),
    "the same, encoded": ("https://id.example.com/01/09520123456788/21/%2e%2E", "identity-form"),
    "http": ("http://id.example.com/01/09520123456788/21/1", "identity-form"),
    "an upper-case host": ("https://ID.example.com/01/09520123456788/21/1", "identity-form"),
    "a wrong check digit": ("https://id.example.com/01/09520123456789/21/1", "check-digit"),
    "user info": ("https://user@id.example.com/items/1", "userinfo"),
    "a port and no GS1 key": ("https://id.example.com:8443/items/1", "identity"),
    "an upper-case host and no GS1 key": ("https://ID.example.com/items/1", "identity"),
    "dot segments": ("https://id.example.com/items/../1", "identity"),
    "no host": ("urn:uuid:5939fbd6-18a7-463a-91fc-3879dc53c534", "identity"),
    "a SUN query": ("https://id.example.com/items/1?e=" + "0" * 32 + "&c=" + "0" * 16, "identity-sun"),
    "a blank": ("https://id.example.com/items/a b", "illegal-character"),
    "a surrogate": ("https://id.example.com/items/\udc80", "non-ascii"),
    "a blank EPC": (bytes(12), "epc-unprogrammed"),
    "another EPC scheme": (b"\x35" + EPC[1:], "epc-unknown-header"),
    "an EPC of odd length": (EPC[:-1], "epc-length"),
}


@pytest.mark.parametrize(("identity", "code"), IDENTITIES.values(), ids=IDENTITIES.keys())
def test_an_identity_that_no_issuer_is_found_by_is_refused(identity: str | bytes, code: str) -> None:
    with pytest.raises(LinkError) as refusal:
        check_identity(identity)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "uri", [URI, "https://id.example.com/items/1", "http://id.example.com/", "https://localhost:8080/01/09520123456788"]
)
def test_an_identity_is_signed_as_it_stands(uri: str) -> None:
    assert check_identity(uri) == uri
