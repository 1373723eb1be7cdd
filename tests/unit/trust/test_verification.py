"""The verdicts of DESIGN.md section 3: each row of the table, each sentence below it, and the checks behind them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec import cose
from dpptag.codec import statement as codec
from dpptag.codec.layout import build_user_bank
from dpptag.codec.ndef import NdefRecord, encode_message, uri_record
from dpptag.errors import CouldNotCheck, Forged, Revoked, UnknownIssuer, Unreadable, Unsigned, VerificationError, Wrong
from dpptag.model.statement import SECONDS_A_DAY, Level
from dpptag.model.verdict import CheckNumber, CheckOutcome, PassportMatch, Report, Verdict
from dpptag.trust.issuers import IssuerKey, KeyStatus
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import Findings, check_nfc, check_uhf, judge_nfc, judge_uhf, unreadable
from tests.unit.trust.trust_rig import (
    ACME,
    DAY,
    DIGEST,
    EDWARDS,
    EDWARDS_PUBLIC,
    EPC,
    EPC_LINK,
    EVIL,
    NFC_SHAPES,
    OTHER_UID,
    TID,
    UID,
    URI,
    acme,
    compact_with,
    issuer,
    message_of,
    sign_nfc,
    sign_uhf,
    trust,
)

ACTIVE = IssuerKey(1, ACME.public_key)
GOOD = {Verdict.GENUINE, Verdict.GENUINE_STALE}


def nfc(
    message: bytes,
    store: TrustStore | None = None,
    *,
    uid: bytes = UID,
    today: int = DAY,
    passport: bytes | None = None,
) -> Report:
    return judge_nfc(message, uid, store or trust(), today, passport)[0]


def uhf(
    bank: bytes, store: TrustStore | None = None, *, epc: bytes = EPC, tid: bytes = TID, today: int = DAY
) -> Report:
    return judge_uhf(epc, bank, tid, store or trust(), today)[0]


def outcomes(report: Report) -> str:
    """The eleven checks as one letter each: passed, failed, not run."""
    letters = {CheckOutcome.PASSED: "p", CheckOutcome.FAILED: "F", CheckOutcome.NOT_RUN: "-"}
    assert [check.number for check in report.checks] == list(CheckNumber)
    return "".join(letters[check.outcome] for check in report.checks)


def code(report: Report) -> str:
    """The code of the check that failed first."""
    return next(check.detail.split(":")[0] for check in report.checks if check.outcome is CheckOutcome.FAILED)


# --- genuine


@pytest.mark.parametrize(("level", "width"), NFC_SHAPES)
def test_a_good_nfc_tag_is_genuine(level: Level, width: int) -> None:
    report = nfc(sign_nfc(level, width))
    assert (report.verdict, report.exit_code) == (Verdict.GENUINE, 0)
    assert (report.identity, report.chip) == (URI, UID.hex())
    assert (report.level, report.day, report.issuer, report.slot) == (level.value, DAY, "Acme", 1)
    assert outcomes(report) == "ppppppp-p--"
    assert report.warnings == ()


@pytest.mark.parametrize(("level", "width"), NFC_SHAPES)
def test_a_good_uhf_tag_is_genuine(level: Level, width: int) -> None:
    report = uhf(sign_uhf(level, width))
    assert (report.verdict, report.identity, report.chip) == (Verdict.GENUINE, EPC.hex(), TID.hex())
    assert outcomes(report) == "ppppppp-p--"


def test_genuine_says_that_the_chip_itself_is_not_proven() -> None:
    assert nfc(sign_nfc()).reason == "signed by Acme for this chip number; the chip itself is not proven"


def test_a_uri_that_is_no_gs1_key_is_genuine_under_its_host_and_path() -> None:
    uri = "https://id.example.com/items/77"
    assert nfc(sign_nfc(uri=uri)).verdict is Verdict.GENUINE


def test_a_mirrored_sun_query_leaves_the_verdict() -> None:
    statement = codec.encode_statement(_statement(sign_nfc()))
    message = message_of(statement, uri=URI + "?e=" + "0" * 32 + "&c=" + "0" * 16)
    assert (nfc(message).verdict, nfc(message).identity) == (Verdict.GENUINE, URI)


def _statement(message: bytes) -> codec.Statement:
    found = Findings()
    check_nfc(message, UID, trust(), DAY, found)
    assert found.statement is not None
    return found.statement


def test_check_nfc_returns_nothing() -> None:
    assert check_nfc(sign_nfc(), UID, trust(), DAY, Findings()) is None  # type: ignore[func-returns-value]


def test_later_records_are_counted_and_not_vouched_for() -> None:
    statement = codec.encode_statement(_statement(sign_nfc()))
    report = nfc(message_of(statement, NdefRecord(1, b"T", b"", b"\x02enBuy"), NdefRecord(5, b"", b"", b"x")))
    assert (report.verdict, report.extra_records) == (Verdict.GENUINE, 2)
    assert report.warnings == ("2 later records are not signed",)


@pytest.mark.parametrize("chip", [bytes(range(7)), bytes(range(8)), bytes(range(10))])
def test_chip_numbers_of_7_8_and_10_bytes_are_bound(chip: bytes) -> None:
    assert nfc(sign_nfc(uid=chip), uid=chip).verdict is Verdict.GENUINE
    assert nfc(sign_nfc(uid=chip), uid=chip[:-1] + b"\xff").verdict is Verdict.FORGED


def test_a_tid_is_bound_up_to_its_serial_whatever_follows() -> None:
    assert uhf(sign_uhf(), tid=TID + bytes(20)).verdict is Verdict.GENUINE
    assert uhf(sign_uhf(), tid=TID + b"\xff" * 20).chip == TID.hex()


# --- algorithms


def test_esp256_verifies_in_compact() -> None:
    assert nfc(compact_with(-9, ACME)).verdict is Verdict.GENUINE


@pytest.mark.parametrize("algorithm", [-8, -19])
def test_eddsa_verifies_in_compact(algorithm: int) -> None:
    store = trust(acme(IssuerKey(1, EDWARDS_PUBLIC)))
    assert nfc(compact_with(algorithm, EDWARDS), store).verdict is Verdict.GENUINE


@pytest.mark.parametrize("algorithm", [-8, -19])
def test_an_eddsa_alg_under_a_p256_key_is_forged(algorithm: int) -> None:
    report = nfc(compact_with(algorithm, EDWARDS))
    assert (report.verdict, code(report)) == (Verdict.FORGED, "algorithm")


@pytest.mark.parametrize("algorithm", [-7, -9])
def test_an_ecdsa_alg_under_an_ed25519_key_is_forged(algorithm: int) -> None:
    report = nfc(compact_with(algorithm, ACME), trust(acme(IssuerKey(1, EDWARDS_PUBLIC))))
    assert (report.verdict, code(report)) == (Verdict.FORGED, "algorithm")


def test_minimal_under_an_ed25519_key_is_forged() -> None:
    """Minimal names no algorithm: it is ES256 by its template."""
    report = nfc(sign_nfc(Level.MINIMAL), trust(acme(IssuerKey(1, EDWARDS_PUBLIC))))
    assert (report.verdict, code(report)) == (Verdict.FORGED, "algorithm")


# --- genuine-stale


def test_trust_data_is_good_through_its_last_day() -> None:
    assert nfc(sign_nfc(), today=DAY + 90).verdict is Verdict.GENUINE


def test_trust_data_past_its_date_is_stale_and_shown_with_its_age() -> None:
    report = nfc(sign_nfc(), today=DAY + 93)
    assert (report.verdict, report.trust_stale, report.exit_code) == (Verdict.GENUINE_STALE, True, 0)
    assert report.reason.endswith("; the trust data is 3 days past its date")
    assert outcomes(report) == "ppppppp-F--"


CLOCK_IS_WRONG = "; the clock is wrong: it lies before the trust data, whose age is therefore unknown"


def test_a_clock_before_the_trust_data_is_wrong_and_the_trust_stale() -> None:
    report = nfc(sign_nfc(day=DAY - 1), today=DAY - 1)
    assert report.verdict is Verdict.GENUINE_STALE
    assert report.reason.endswith(CLOCK_IS_WRONG)


def test_a_clock_before_the_last_accepted_import_is_wrong_and_the_trust_stale() -> None:
    store = trust(accepted=DAY + 10)
    assert nfc(sign_nfc(), store, today=DAY + 9).reason.endswith(CLOCK_IS_WRONG)
    assert nfc(sign_nfc(), store, today=DAY + 9).verdict is Verdict.GENUINE_STALE
    assert nfc(sign_nfc(), store, today=DAY + 10).verdict is Verdict.GENUINE


def test_an_import_older_than_the_trust_data_does_not_lower_the_mark() -> None:
    assert nfc(sign_nfc(), trust(accepted=DAY - 10), today=DAY - 1).verdict is Verdict.GENUINE_STALE


def test_stale_trust_never_softens_a_negative() -> None:
    report = nfc(sign_nfc(), uid=OTHER_UID, today=DAY + 91)
    assert (report.verdict, report.trust_stale) == (Verdict.FORGED, True)
    assert outcomes(report) == "pppppFF-F--"


def test_a_signed_day_in_the_future_is_a_warning() -> None:
    report = nfc(sign_nfc(day=DAY + 1))
    assert (report.verdict, report.warnings) == (
        Verdict.GENUINE,
        ("the signed day lies in the future of this clock",),
    )


def test_a_signed_day_of_today_is_no_warning() -> None:
    assert nfc(sign_nfc(day=DAY)).warnings == ()


# --- forged


@pytest.mark.parametrize(("level", "width"), NFC_SHAPES)
def test_a_message_copied_to_another_chip_is_forged(level: Level, width: int) -> None:
    report = nfc(sign_nfc(level, width), uid=OTHER_UID)
    assert (report.verdict, report.exit_code, code(report)) == (Verdict.FORGED, 5, "signature-false")
    assert outcomes(report) == "pppppFF-p--"


def test_forged_says_what_cannot_be_told_apart() -> None:
    text = "changed data, another chip and another company's key cannot be told apart"
    assert text in nfc(sign_nfc(), uid=OTHER_UID).reason


@pytest.mark.parametrize(("level", "width"), NFC_SHAPES[:5])
def test_a_statement_moved_to_another_uri_is_forged(level: Level, width: int) -> None:
    statement = codec.encode_statement(_statement(sign_nfc(level, width)))
    assert nfc(message_of(statement, uri=URI + "6")).verdict is Verdict.FORGED
    assert nfc(message_of(statement, uri=URI.replace("id.", "www."))).verdict is Verdict.FORGED
    assert nfc(message_of(statement, uri=URI + "?x=1")).verdict is Verdict.FORGED


@pytest.mark.parametrize(("level", "width"), NFC_SHAPES)
def test_a_user_bank_copied_to_another_chip_or_epc_is_forged(level: Level, width: int) -> None:
    bank = sign_uhf(level, width)
    assert uhf(bank, tid=TID[:-1] + b"\0").verdict is Verdict.FORGED
    assert uhf(bank, epc=EPC[:-1] + b"\0").verdict is Verdict.FORGED


def test_the_filter_bits_of_an_epc_are_signed() -> None:
    assert uhf(sign_uhf(), epc=bytes((EPC[0], EPC[1] ^ 0x20, *EPC[2:]))).verdict is Verdict.FORGED


@pytest.mark.parametrize("level", [Level.MINIMAL, Level.COMPACT])
def test_another_companys_key_under_the_same_slot_is_forged(level: Level) -> None:
    store = trust(acme(ACTIVE), issuer("Evil", ("gcp:4000001",), IssuerKey(1, EVIL.public_key)))
    report = nfc(sign_nfc(level, key=EVIL), store)
    assert (report.verdict, report.issuer) == (Verdict.FORGED, "Acme")


def test_another_companys_key_in_full_is_not_even_known_to_the_issuer() -> None:
    store = trust(acme(ACTIVE), issuer("Evil", ("gcp:4000001",), IssuerKey(1, EVIL.public_key)))
    report = nfc(sign_nfc(Level.FULL, 32, key=EVIL), store)
    assert (report.verdict, code(report), report.issuer) == (Verdict.UNKNOWN_ISSUER, "unknown-key", "Acme")


def test_another_key_of_the_same_issuer_is_forged() -> None:
    store = trust(acme(ACTIVE, IssuerKey(2, EVIL.public_key)))
    assert nfc(sign_nfc(key=EVIL, slot=1), store).verdict is Verdict.FORGED
    assert nfc(sign_nfc(key=EVIL, slot=2), store).verdict is Verdict.GENUINE


PERIOD = IssuerKey(1, ACME.public_key, KeyStatus.ACTIVE, DAY - 10, DAY + 10)


@pytest.mark.parametrize(
    ("day", "verdict"), [(-11, Verdict.FORGED), (-10, Verdict.GENUINE), (10, Verdict.GENUINE), (11, Verdict.FORGED)]
)
@pytest.mark.parametrize("level", [Level.MINIMAL, Level.COMPACT])
def test_the_signed_day_must_lie_in_the_period_both_ends_included(day: int, verdict: Verdict, level: Level) -> None:
    report = nfc(sign_nfc(level, day=DAY + day), trust(acme(PERIOD)), today=DAY + 20)
    assert report.verdict is verdict
    if verdict is Verdict.FORGED:
        assert (code(report), outcomes(report)) == ("day-outside-period", "ppppF---p--")


def test_a_retired_key_verifies_what_it_signed_in_its_period_for_good() -> None:
    store = trust(acme(PERIOD._replace(status=KeyStatus.RETIRED)), expires=DAY + 9000)
    assert nfc(sign_nfc(), store, today=DAY + 8000).verdict is Verdict.GENUINE


def test_a_retired_key_verifies_nothing_outside_its_period() -> None:
    store = trust(acme(PERIOD._replace(status=KeyStatus.RETIRED)))
    assert nfc(sign_nfc(day=DAY + 11), store).verdict is Verdict.FORGED


# --- revoked


@pytest.mark.parametrize(("level", "width"), NFC_SHAPES)
def test_a_compromised_key_is_revoked_whatever_day_it_says(level: Level, width: int) -> None:
    report = nfc(sign_nfc(level, width, day=DAY - 1000), trust(acme(ACTIVE._replace(status=KeyStatus.COMPROMISED))))
    assert (report.verdict, report.exit_code, code(report)) == (Verdict.REVOKED, 5, "key-compromised")
    assert outcomes(report) == "ppppF---p--"


def test_a_compromised_key_is_revoked_under_stale_trust_too() -> None:
    store = trust(acme(ACTIVE._replace(status=KeyStatus.COMPROMISED)))
    assert nfc(sign_nfc(), store, today=DAY + 1000).verdict is Verdict.REVOKED


def test_a_compromised_key_leaves_the_issuers_other_keys() -> None:
    store = trust(acme(ACTIVE._replace(status=KeyStatus.COMPROMISED), IssuerKey(2, EVIL.public_key)))
    assert nfc(sign_nfc(key=EVIL, slot=2), store).verdict is Verdict.GENUINE


# --- unknown-issuer


def test_an_identity_without_trust_entry_is_unknown() -> None:
    report = nfc(sign_nfc(), trust(issuer("Other", ("gcp:4000001",), ACTIVE)))
    assert (report.verdict, report.exit_code, code(report)) == (Verdict.UNKNOWN_ISSUER, 8, "no-issuer")
    assert (outcomes(report), report.issuer) == ("pppF----p--", None)


def test_an_empty_trust_list_knows_nobody() -> None:
    empty = trust(issuer("Other", ("gcp:4000001",), ACTIVE))
    assert nfc(sign_nfc(uri="https://id.example.com/items/7"), empty).verdict is Verdict.UNKNOWN_ISSUER


@pytest.mark.parametrize("level", [Level.MINIMAL, Level.COMPACT])
def test_a_slot_without_key_is_unknown_and_asks_for_newer_trust_data(level: Level) -> None:
    report = nfc(sign_nfc(level, slot=2))
    assert (report.verdict, code(report)) == (Verdict.UNKNOWN_ISSUER, "unknown-key")
    assert report.reason == "Acme has no key in slot 2: newer than the trust data?"
    assert (outcomes(report), report.slot) == ("ppppF---p--", 2)


def test_a_slot_of_another_issuer_is_not_borrowed() -> None:
    store = trust(acme(ACTIVE), issuer("Evil", ("gcp:4000001",), IssuerKey(2, EVIL.public_key)))
    assert nfc(sign_nfc(key=EVIL, slot=2), store).verdict is Verdict.UNKNOWN_ISSUER


@pytest.mark.parametrize("length", [0, 1, 4, 5, 6, 9, 11, 12, 16])
def test_an_nfc_number_that_names_no_single_chip_is_not_checked(length: int) -> None:
    report = nfc(sign_nfc(), uid=bytes(length))
    assert (report.verdict, code(report), outcomes(report)) == (
        Verdict.UNKNOWN_ISSUER,
        "no-chip-number",
        "F-------p--",
    )


NO_SERIAL = {
    "no XTID": "e2001160" + "2000" + "70b1c2d3e4f5",
    "XTID without serial": "e2801160" + "0000" + "70b1c2d3e4f5",
    "serial cut short": "e2801160" + "2000" + "70b1c2d3e4",
    "a longer serial than was read": "e2801160" + "4000" + "70b1c2d3e4f5",
    "another class": "e0801160" + "2000" + "70b1c2d3e4f5",
    "short": "e280",
    "nothing": "",
}


@pytest.mark.parametrize("tid", NO_SERIAL.values(), ids=NO_SERIAL.keys())
def test_a_tid_without_serial_is_not_checked(tid: str) -> None:
    report = uhf(sign_uhf(), tid=bytes.fromhex(tid))
    assert (report.verdict, code(report)) == (Verdict.UNKNOWN_ISSUER, "no-chip-number")


def test_an_epc_scheme_that_is_not_read_is_unknown() -> None:
    report = uhf(sign_uhf(), epc=b"\x35" + EPC[1:])
    assert (report.verdict, code(report)) == (Verdict.UNKNOWN_ISSUER, "epc-unknown-header")


# --- unsigned


@pytest.mark.parametrize(
    "records",
    [
        [uri_record(URI)],
        [uri_record(URI), NdefRecord(1, b"T", b"", b"\x02enx")],
        [uri_record(URI), NdefRecord(5, b"", b"", b"")],
        [uri_record(URI), NdefRecord(1, b"T", b"", b"\x02enx"), NdefRecord(5, b"", b"", bytes(67))],
    ],
)
def test_a_pointer_without_a_statement_is_unsigned(records: list[NdefRecord]) -> None:
    report = nfc(encode_message(records))
    assert (report.verdict, report.exit_code, report.identity) == (Verdict.UNSIGNED, 8, URI)
    assert (outcomes(report), report.level) == ("pF------p--", None)


@pytest.mark.parametrize("bank", [b"", bytes(64), bytes(128)])
def test_an_epc_over_a_blank_user_bank_is_unsigned(bank: bytes) -> None:
    assert uhf(bank).verdict is Verdict.UNSIGNED


# --- unreadable


BROKEN_NFC = {
    "blank": b"",
    "formatted and blank": b"\xd0\x00\x00",
    "foreign": encode_message([NdefRecord(1, b"T", b"", b"\x02enx")]),
    "no NDEF": b"\xff" * 20,
    "cut short": sign_nfc()[:-1],
    "a byte behind": sign_nfc() + b"\0",
    "statement cut short": message_of(codec.encode_statement(_statement(sign_nfc(Level.MINIMAL)))[:-1]),
    "alg is a list": message_of(cose.assemble(bytes.fromhex("a20180044101"), b"\x81\x01", bytes(64), tagged=False)),
    "wrong check digit": message_of(
        codec.encode_statement(_statement(sign_nfc())), uri=URI.replace("456788", "456789")
    ),
    "a control character in the URI": encode_message([NdefRecord(1, b"U", b"", b"\x04a\x1b[2J")]),
}


@pytest.mark.parametrize("message", BROKEN_NFC.values(), ids=BROKEN_NFC.keys())
def test_torn_blank_foreign_and_damaged_content_is_unreadable(message: bytes) -> None:
    report = nfc(message)
    assert (report.verdict, report.exit_code) == (Verdict.UNREADABLE, 8)
    assert report.reason


def test_a_malformed_identity_fails_check_3() -> None:
    report = nfc(BROKEN_NFC["wrong check digit"])
    assert (outcomes(report), code(report)) == ("ppF-----p--", "check-digit")


def test_a_torn_user_bank_is_unreadable() -> None:
    report = uhf(b"\0\0" + sign_uhf()[2:])
    assert (report.verdict, code(report)) == (Verdict.UNREADABLE, "torn")


def test_a_blank_epc_over_a_blank_bank_is_unreadable_as_blank() -> None:
    report = uhf(bytes(64), epc=bytes(12))
    assert (report.verdict, code(report)) == (Verdict.UNREADABLE, "blank")


def test_a_malformed_epc_with_a_statement_is_unreadable() -> None:
    report = uhf(sign_uhf(), epc=bytes((EPC[0], EPC[1] | 0x1C, *EPC[2:])))
    assert (report.verdict, code(report)) == (Verdict.UNREADABLE, "epc-partition")


def full_naming(uri: str, identity: str | bytes, chip: bytes) -> bytes:
    """A full statement, rightly signed, whose label 260 names ``uri``."""
    hint = ACME.public_key.thumbprint()
    protected = codec.full_protected(DAY * SECONDS_A_DAY, hint, "application/vc", uri)
    signature = ACME.sign(cose.sig_structure(protected, codec.external_aad(identity, chip), DIGEST))
    return cose.assemble(protected, DIGEST, signature, tagged=True)


def full_message(uri: str) -> bytes:
    record = NdefRecord(2, b"application/cose", b"", full_naming(uri, URI, UID))
    return encode_message((uri_record(URI), record))


def test_full_that_names_another_link_is_unreadable_although_signed() -> None:
    assert nfc(full_message(URI)).verdict is Verdict.GENUINE
    report = nfc(full_message(URI + "6"))
    assert (report.verdict, code(report), outcomes(report)) == (
        Verdict.UNREADABLE,
        "payload-location",
        "pFppppp-p--",
    )


def test_full_on_uhf_names_the_link_of_its_epc() -> None:
    good = build_user_bank(codec.parse_statement(full_naming(EPC_LINK, EPC, TID)))
    other = build_user_bank(codec.parse_statement(full_naming(URI, EPC, TID)))
    assert uhf(good).verdict is Verdict.GENUINE
    assert (uhf(other).verdict, code(uhf(other))) == (Verdict.UNREADABLE, "payload-location")


def test_a_tag_without_any_message_is_reported_as_unreadable() -> None:
    report = unreadable("torn: length 0", "torn", UID, trust(), DAY)
    assert (report.verdict, report.chip, code(report)) == (Verdict.UNREADABLE, UID.hex(), "torn")
    assert unreadable("no answer", "torn", None, trust(), DAY).chip is None


# --- bare

BARE_KEY = ACTIVE._replace(allows_bare=True)
SECOND_BARE_KEY = IssuerKey(2, EVIL.public_key, allows_bare=True)
BARE_TRUST = trust(acme(BARE_KEY, SECOND_BARE_KEY))


def test_bare_is_genuine_and_says_that_its_date_is_not_signed() -> None:
    report = uhf(sign_uhf(Level.BARE), BARE_TRUST)
    assert (report.verdict, report.level, report.day, report.slot) == (Verdict.GENUINE, "bare", None, 1)
    assert report.warnings == ("bare: the date is not signed",)
    assert outcomes(report) == "ppppppp-p--"


def test_bare_finds_the_right_key_among_several() -> None:
    report = uhf(sign_uhf(Level.BARE, key=EVIL, slot=2), BARE_TRUST)
    assert (report.verdict, report.slot) == (Verdict.GENUINE, 2)


def test_bare_signed_for_another_slot_is_forged() -> None:
    """The slot is part of the rebuilt header: the same key elsewhere would not verify."""
    assert uhf(sign_uhf(Level.BARE, slot=3), BARE_TRUST).verdict is Verdict.FORGED


def test_bare_failing_under_fresh_trust_is_forged() -> None:
    report = uhf(sign_uhf(Level.BARE), BARE_TRUST, tid=TID[:-1] + b"\0")
    assert (report.verdict, code(report), report.slot) == (Verdict.FORGED, "signature-false", None)
    assert outcomes(report) == "pppppFF-p--"


@pytest.mark.parametrize("today", [DAY + 91, DAY - 1])
def test_bare_failing_under_stale_trust_is_unknown(today: int) -> None:
    report = uhf(sign_uhf(Level.BARE), BARE_TRUST, tid=TID[:-1] + b"\0", today=today)
    assert report.verdict is Verdict.UNKNOWN_ISSUER
    assert "a newer key may exist" in report.reason
    assert [check.outcome for check in report.checks[5:7]] == [CheckOutcome.NOT_RUN] * 2  # nothing is proved of it


def test_good_bare_under_stale_trust_is_genuine_stale() -> None:
    assert uhf(sign_uhf(Level.BARE), BARE_TRUST, today=DAY + 91).verdict is Verdict.GENUINE_STALE


def test_bare_where_the_issuer_does_not_allow_it_is_unsigned() -> None:
    assert uhf(sign_uhf(Level.BARE), trust(acme(ACTIVE, SECOND_BARE_KEY._replace(allows_bare=False)))).verdict in (
        Verdict.UNSIGNED,
        Verdict.UNREADABLE,  # where the signature happens to begin as a bank of ours would
    )


def test_bare_is_tried_with_the_keys_that_are_allowed_for_it_alone() -> None:
    store = trust(acme(ACTIVE, SECOND_BARE_KEY))
    assert uhf(sign_uhf(Level.BARE), store).verdict is Verdict.FORGED


@pytest.mark.parametrize("rest", [2, 64])
def test_bare_on_a_bank_that_is_not_512_bits_is_no_statement(rest: int) -> None:
    report = uhf(sign_uhf(Level.BARE) + bytes(rest), BARE_TRUST)
    assert report.verdict in (Verdict.UNSIGNED, Verdict.UNREADABLE)


def test_bare_of_a_compromised_key_is_revoked() -> None:
    store = trust(acme(BARE_KEY._replace(status=KeyStatus.COMPROMISED), SECOND_BARE_KEY))
    assert uhf(sign_uhf(Level.BARE), store).verdict is Verdict.REVOKED


def test_bare_of_a_retired_key_verifies_for_it_has_no_day() -> None:
    store = trust(acme(BARE_KEY._replace(status=KeyStatus.RETIRED, not_before=1, not_after=2)))
    assert uhf(sign_uhf(Level.BARE), store).verdict is Verdict.GENUINE


def test_a_blank_512_bit_bank_of_a_bare_issuer_is_unsigned_and_not_forged() -> None:
    assert uhf(bytes(64), BARE_TRUST).verdict is Verdict.UNSIGNED


def test_a_torn_bare_tag_is_unreadable_and_not_forged() -> None:
    """Its first word is written last (DESIGN.md section 4)."""
    report = uhf(b"\0\0" + sign_uhf(Level.BARE)[2:], BARE_TRUST)
    assert (report.verdict, code(report)) == (Verdict.UNREADABLE, "torn")


def test_bare_is_unknown_on_nfc() -> None:
    bare = sign_uhf(Level.BARE)
    report = nfc(encode_message((uri_record(URI), NdefRecord(5, b"", b"", bare))), BARE_TRUST)
    assert report.verdict not in GOOD


# --- passport


@pytest.mark.parametrize(
    ("level", "width"), [(Level.MINIMAL, 16), (Level.COMPACT, 16), (Level.COMPACT, 32), (Level.FULL, 32)]
)
def test_the_document_that_was_signed_for_matches(level: Level, width: int) -> None:
    report = nfc(sign_nfc(level, width), passport=DIGEST)
    assert (report.passport, report.exit_code, outcomes(report)) == (PassportMatch.MATCH, 0, "ppppppp-p-p")


@pytest.mark.parametrize(
    ("level", "width"), [(Level.MINIMAL, 16), (Level.COMPACT, 16), (Level.COMPACT, 32), (Level.FULL, 32)]
)
def test_another_document_leaves_the_verdict_and_exits_7(level: Level, width: int) -> None:
    report = nfc(sign_nfc(level, width), passport=bytes(32))
    assert (report.verdict, report.passport, report.exit_code) == (Verdict.GENUINE, PassportMatch.MISMATCH, 7)
    assert outcomes(report) == "ppppppp-p-F"


def test_another_document_under_stale_trust_exits_7_too() -> None:
    report = nfc(sign_nfc(Level.COMPACT, 32), passport=bytes(32), today=DAY + 91)
    assert (report.verdict, report.exit_code) == (Verdict.GENUINE_STALE, 7)


def test_a_document_for_a_statement_without_digest_is_absent() -> None:
    report = nfc(sign_nfc(), passport=DIGEST)
    assert (report.passport, report.exit_code, outcomes(report)) == (PassportMatch.ABSENT, 0, "ppppppp-p--")


def test_a_document_is_not_compared_with_a_forged_statement() -> None:
    report = nfc(sign_nfc(Level.COMPACT, 32), uid=OTHER_UID, passport=DIGEST)
    assert (report.passport, report.exit_code) == (PassportMatch.ABSENT, 5)


# --- errors


ERRORS: dict[type[VerificationError], tuple[Verdict, type[VerificationError], int]] = {
    Forged: (Verdict.FORGED, Wrong, 5),
    Revoked: (Verdict.REVOKED, Wrong, 5),
    UnknownIssuer: (Verdict.UNKNOWN_ISSUER, CouldNotCheck, 8),
    Unsigned: (Verdict.UNSIGNED, CouldNotCheck, 8),
    Unreadable: (Verdict.UNREADABLE, CouldNotCheck, 8),
}


@pytest.mark.parametrize(("kind", "facts"), ERRORS.items())
def test_wrong_and_could_not_check_are_different_branches(
    kind: type[VerificationError], facts: tuple[Verdict, type[VerificationError], int]
) -> None:
    verdict, branch, exit_code = facts
    assert issubclass(kind, branch)
    assert kind.exit_code == verdict.exit_code == exit_code


def test_the_core_raises_on_every_negative() -> None:
    with pytest.raises(Forged):
        check_nfc(sign_nfc(), OTHER_UID, trust(), DAY, Findings())
    with pytest.raises(Forged):
        check_uhf(EPC, sign_uhf(), TID[:-1] + b"\0", trust(), DAY, Findings())


# --- nothing changed is ever good

MESSAGES = {(level, width): sign_nfc(level, width) for level, width in NFC_SHAPES}
BANKS = {(level, width): sign_uhf(level, width) for level, width in NFC_SHAPES} | {
    (Level.BARE, 0): sign_uhf(Level.BARE)
}


@pytest.mark.parametrize("shape", MESSAGES, ids=str)
def test_no_single_bit_flip_of_a_message_is_genuine(shape: tuple[Level, int]) -> None:
    store, message = trust(), MESSAGES[shape]
    for bit in range(8 * len(message)):
        mutant = bytearray(message)
        mutant[bit // 8] ^= 1 << bit % 8
        assert nfc(bytes(mutant), store).verdict not in GOOD, bit


@pytest.mark.parametrize("shape", BANKS, ids=str)
def test_no_single_bit_flip_of_a_user_bank_is_genuine(shape: tuple[Level, int]) -> None:
    bank = BANKS[shape]
    for bit in range(8 * len(bank)):
        mutant = bytearray(bank)
        mutant[bit // 8] ^= 1 << bit % 8
        assert uhf(bytes(mutant), BARE_TRUST).verdict not in GOOD, bit


@given(st.sampled_from(list(MESSAGES.values())), st.integers(0, 10**6), st.integers(1, 255))
def test_no_mutation_of_a_message_is_genuine(message: bytes, at: int, flip: int) -> None:
    mutant = bytearray(message)
    mutant[at % len(mutant)] ^= flip
    report = nfc(bytes(mutant))
    assert report.verdict not in GOOD


@given(st.sampled_from(list(MESSAGES.values())), st.integers(0, 6), st.integers(1, 255))
def test_no_mutation_of_a_uid_is_genuine(message: bytes, at: int, flip: int) -> None:
    uid = bytearray(UID)
    uid[at] ^= flip
    assert nfc(message, uid=bytes(uid)).verdict is Verdict.FORGED


@given(st.sampled_from(list(BANKS.values())), st.integers(0, 10**6), st.integers(1, 255))
def test_no_mutation_of_a_user_bank_is_genuine(bank: bytes, at: int, flip: int) -> None:
    mutant = bytearray(bank)
    mutant[at % len(mutant)] ^= flip
    assert uhf(bytes(mutant), BARE_TRUST).verdict not in GOOD


@given(st.sampled_from(list(BANKS.values())), st.integers(0, 11), st.integers(1, 255))
def test_no_mutation_of_an_epc_or_tid_is_genuine(bank: bytes, at: int, flip: int) -> None:
    epc, tid = bytearray(EPC), bytearray(TID)
    epc[at] ^= flip
    tid[at] ^= flip
    assert uhf(bank, BARE_TRUST, epc=bytes(epc)).verdict not in GOOD
    assert uhf(bank, BARE_TRUST, tid=bytes(tid)).verdict not in GOOD


@given(st.sampled_from(list(MESSAGES.values())), st.integers(0, 10**6))
def test_no_cut_of_a_message_is_genuine(message: bytes, length: int) -> None:
    assert nfc(message[: length % len(message)]).verdict not in GOOD


def test_the_findings_name_the_bytes_that_bind_identity_and_chip() -> None:
    found = judge_nfc(sign_nfc(), UID, trust(), DAY)[1]
    assert found.external_aad() == codec.external_aad(URI, UID)
