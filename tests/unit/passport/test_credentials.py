"""A signed passport, judged offline: every check, its verdict, and what could not be checked."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.crypto import PrivateKey, sha256
from dpptag.errors import PassportError, UsageError
from dpptag.model.verdict import CheckOutcome, Verdict
from dpptag.passport.credentials import CredentialReport, Standing, judge_passport
from dpptag.passport.document import read_document
from dpptag.passport.periods import Window
from dpptag.passport.sealing import Form, base64url, seal
from dpptag.passport.status_list import StatusEntry, bit_of
from dpptag.trust.issuers import IssuerKey, KeyStatus
from dpptag.trust.store import TrustStore
from tests.unit.trust.trust_rig import ACME, DAY, EDWARDS, EDWARDS_PUBLIC, EVIL, issuer, trust

DID = "did:web:id.example.com"
NOW = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=DAY)
PRODUCT = "https://id.example.com/01/09520123456788/21/12345"
LIST_URL = "https://id.example.com/status/1"
FORMS: tuple[Form, ...] = ("vc+jwt", "vc+cose")


def passport(**changes: Any) -> bytes:
    document = {
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://vocabulary.uncefact.org/untp/0.7.0/context/"],
        "type": ["DigitalProductPassport", "VerifiableCredential"],
        "id": "https://id.example.com/passports/1",
        "issuer": {"id": DID, "name": "Acme"},
        "validFrom": "2026-01-01T00:00:00Z",
        "validUntil": "2036-01-01T00:00:00Z",
        "credentialSubject": {"type": ["Product"], "id": PRODUCT, "name": "Battery"},
    }
    return json.dumps({name: value for name, value in (document | changes).items() if value is not None}).encode()


def acme(*keys: IssuerKey, scopes: tuple[str, ...] = (DID, "gcp:9520123")) -> TrustStore:
    return trust(issuer("Acme", scopes, *(keys or (IssuerKey(1, ACME.public_key),))))


def judged(
    data: bytes, store: TrustStore | None = None, *, now: datetime = NOW, lists: tuple[bytes, ...] = ()
) -> CredentialReport:
    return judge_passport(data, store or acme(), now, lists)


def outcome(report: CredentialReport, number: int) -> CheckOutcome:
    return report.checks[number - 1].outcome


@pytest.mark.parametrize("form", FORMS)
def test_what_was_signed_is_genuine_and_its_digest_is_of_the_exact_bytes(form: Form) -> None:
    document = passport()
    signed = seal(document, ACME, form)
    report = judged(signed)
    assert (report.verdict, report.issuer, report.slot) == (Verdict.GENUINE, "Acme", 1)
    assert (report.secured, report.window, report.status) == (form, Window.INSIDE, Standing.NOT_STATED)
    assert report.digest == sha256(signed)
    assert report.product == PRODUCT
    assert [check.number for check in report.checks] == list(range(1, 10))
    assert outcome(report, 7) is CheckOutcome.NOT_RUN, "it names no status list"


@pytest.mark.parametrize("form", FORMS)
def test_an_enveloped_credential_is_judged_by_what_is_in_it(form: Form) -> None:
    signed = seal(passport(), ACME, form)
    text = signed.decode() if form == "vc+jwt" else b64encode(signed).decode()
    kind = "application/vc+jwt" if form == "vc+jwt" else "application/vc+cose;base64"
    wrapped = {
        "@context": "https://www.w3.org/ns/credentials/v2",
        "type": "EnvelopedVerifiableCredential",
        "id": f"data:{kind},{text}",
    }
    data = json.dumps(wrapped).encode()
    report = judged(data)
    assert (report.verdict, report.digest) == (Verdict.GENUINE, sha256(data))


@pytest.mark.parametrize("form", FORMS)
def test_no_flipped_bit_of_the_payload_or_signature_passes(form: Form) -> None:
    signed = seal(passport(), ACME, form)
    for at in range(0, len(signed), 7):
        changed = bytearray(signed)
        changed[at] ^= 1
        assert judged(bytes(changed)).verdict not in (Verdict.GENUINE, Verdict.GENUINE_STALE), at


def test_another_key_is_forged_unless_it_names_one_that_is_not_known_here() -> None:
    signed = seal(passport(), EVIL, "vc+jwt")
    assert judged(signed).verdict is Verdict.UNKNOWN_ISSUER, "its key id names a key that may be newer than this data"
    header, payload, signature = seal(passport(), ACME, "vc+jwt").split(b".")
    false = b".".join((header, payload, base64url(EVIL.sign(header + b"." + payload))))
    assert signature != false.split(b".")[2]
    report = judged(false)
    assert report.verdict is Verdict.FORGED
    assert outcome(report, 6) is CheckOutcome.FAILED


def test_a_company_cannot_speak_for_the_product_of_another() -> None:
    store = trust(
        issuer("Acme", ("gcp:9520123",), IssuerKey(1, ACME.public_key)),
        issuer("Evil", (DID, "gcp:401234"), IssuerKey(1, EVIL.public_key)),
    )
    report = judged(seal(passport(), EVIL, "vc+jwt"), store)
    assert report.verdict is Verdict.FORGED
    assert "may not speak" in report.reason


def test_a_second_product_in_the_subject_does_not_hide_the_one_that_the_passport_is_for() -> None:
    """0.7.0: the subject is the product; ``product`` is a member that no field takes."""
    store = trust(
        issuer("Acme", ("gcp:9520123",), IssuerKey(1, ACME.public_key)),
        issuer("Evil", (DID, "uri:https://evil.example/"), IssuerKey(1, EVIL.public_key)),
    )
    subject = {"id": PRODUCT, "name": "Battery", "product": {"id": "https://evil.example/things/1"}}
    report = judged(seal(passport(credentialSubject=subject), EVIL, "vc+jwt"), store)
    assert (report.verdict, report.product) == (Verdict.FORGED, PRODUCT)
    context = ["https://www.w3.org/ns/credentials/v2", "https://test.uncefact.org/vocabulary/untp/dpp/0.6.0/"]
    subject = {"id": "https://evil.example/things/1", "product": {"id": PRODUCT, "name": "Battery"}}
    old = seal(passport(**{"@context": context, "credentialSubject": subject}), EVIL, "vc+jwt")
    assert (judged(old, store).verdict, judged(old, store).product) == (Verdict.FORGED, PRODUCT)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": ["DigitalConformityCredential", "VerifiableCredential"]},
        {"@context": ["https://www.w3.org/ns/credentials/v2", "https://example.com/anything"]},
        {"credentialSubject": [{"id": PRODUCT, "name": "Battery"}]},
        {"credentialSubject": {"id": "urn:x\nGENUINE", "name": "Battery"}},
    ],
    ids=["another-type", "another-context", "subjects", "control-characters"],
)
def test_another_credential_of_the_issuer_is_no_genuine_passport(changes: dict[str, Any]) -> None:
    report = judged(seal(passport(**changes), ACME, "vc+jwt"))
    assert (report.verdict, report.product) == (Verdict.UNREADABLE, None)
    assert outcome(report, 4) is CheckOutcome.FAILED
    assert outcome(report, 6) is CheckOutcome.PASSED


def test_an_issuer_may_be_text_alone() -> None:
    assert judged(seal(passport(issuer=DID), ACME, "vc+jwt")).verdict is Verdict.GENUINE


def test_a_key_id_of_another_did_or_another_iss_contradicts_the_issuer() -> None:
    header = base64url(json.dumps({"alg": "ES256", "typ": "vc+jwt", "kid": "did:web:evil.example#1"}).encode())
    to_sign = header + b"." + base64url(passport())
    assert judged(to_sign + b"." + base64url(ACME.sign(to_sign))).verdict is Verdict.UNREADABLE
    assert judged(seal(passport(iss="did:web:evil.example"), ACME, "vc+jwt")).verdict is Verdict.UNREADABLE
    assert judged(seal(passport(iss=DID), ACME, "vc+jwt")).verdict is Verdict.GENUINE


@pytest.mark.parametrize(
    ("claims", "window", "verdict"),
    [
        ({"exp": NOW.timestamp()}, Window.AFTER, Verdict.GENUINE_STALE),
        ({"exp": NOW.timestamp() + 1}, Window.INSIDE, Verdict.GENUINE),
        ({"nbf": int(NOW.timestamp()) + 1}, Window.BEFORE, Verdict.GENUINE_STALE),
        ({"exp": "never"}, None, Verdict.UNREADABLE),
        ({"nbf": True}, None, Verdict.UNREADABLE),
    ],
)
def test_the_signatures_own_period_counts(claims: dict[str, Any], window: Window | None, verdict: Verdict) -> None:
    report = judged(seal(passport(**claims), ACME, "vc+jwt"))
    assert (report.window, report.verdict) == (window, verdict)


def test_members_beside_the_data_url_are_refused_since_nobody_signed_them() -> None:
    url = "data:application/vc+jwt," + seal(passport(), ACME, "vc+jwt").decode()
    wrapped = {"type": ["EnvelopedVerifiableCredential"], "id": url, "credentialSubject": {"id": "https://x.example/"}}
    report = judged(json.dumps(wrapped).encode())
    assert report.verdict is Verdict.UNREADABLE
    assert "credentialSubject" in report.reason


def test_an_issuer_that_nobody_registered_and_a_product_that_nobody_owns_could_not_be_checked() -> None:
    signed = seal(passport(), ACME, "vc+jwt")
    assert judged(signed, acme(scopes=("gcp:9520123",))).verdict is Verdict.UNKNOWN_ISSUER
    assert judged(signed, acme(scopes=(DID,))).verdict is Verdict.UNKNOWN_ISSUER


def test_a_compromised_key_is_revoked_a_retired_one_still_verifies() -> None:
    signed = seal(passport(), ACME, "vc+jwt")
    assert judged(signed, acme(IssuerKey(1, ACME.public_key, KeyStatus.COMPROMISED))).verdict is Verdict.REVOKED
    assert judged(signed, acme(IssuerKey(1, ACME.public_key, KeyStatus.RETIRED))).verdict is Verdict.GENUINE
    late = acme(IssuerKey(1, ACME.public_key, not_before=DAY))
    assert judged(signed, late).verdict is Verdict.FORGED, "it says 2026-01-01, before the key's period"


def test_a_key_with_a_period_and_no_first_day_to_compare_it_with_is_said() -> None:
    signed = seal(passport(validFrom=None), ACME, "vc+jwt")
    assert any(
        "validFrom" in said for said in judged(signed, acme(IssuerKey(1, ACME.public_key, not_after=9))).warnings
    )
    assert judged(signed).warnings == ()


def test_an_unsigned_passport_and_an_embedded_proof_are_told_apart_from_forgeries() -> None:
    assert judged(passport()).verdict is Verdict.UNSIGNED
    report = judged(passport(proof={"type": "DataIntegrityProof"}))
    assert report.verdict is Verdict.UNSIGNED
    assert "embedded proof" in report.reason
    assert judged(b'{"productName": "a bare product of 0.3.0"}').verdict is Verdict.UNSIGNED


def test_an_algorithm_that_is_not_the_keys_own_never_verifies() -> None:
    payload = base64url(passport())
    header = base64url(json.dumps({"alg": "EdDSA", "typ": "vc+jwt"}).encode())
    to_sign = header + b"." + payload
    good = to_sign + b"." + base64url(EDWARDS.sign(to_sign))
    assert judged(good, acme(IssuerKey(2, EDWARDS_PUBLIC))).verdict is Verdict.GENUINE
    assert judged(good).verdict is Verdict.UNKNOWN_ISSUER, "the issuer has a P-256 key alone"
    none = base64url(b'{"alg":"none"}') + b"." + payload + b"."
    assert judged(none).verdict is Verdict.UNREADABLE


# The period


@pytest.mark.parametrize(
    ("start", "end", "window", "verdict"),
    [
        ("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", Window.AFTER, Verdict.GENUINE_STALE),
        ("2030-01-01T00:00:00Z", None, Window.BEFORE, Verdict.GENUINE_STALE),
        ("2026-01-01T00:00:00", None, Window.INSIDE, Verdict.GENUINE),
        (None, "2026-11-21T12:00:00", Window.UNSURE, Verdict.GENUINE_STALE),
        (None, None, Window.INSIDE, Verdict.GENUINE),
    ],
)
def test_the_period_has_an_inside_an_outside_and_a_cannot_tell(
    start: str | None, end: str | None, window: Window, verdict: Verdict
) -> None:
    report = judged(seal(passport(validFrom=start, validUntil=end), ACME, "vc+jwt"))
    assert (report.window, report.verdict) == (window, verdict)


def test_a_clock_before_the_trust_data_makes_the_period_unsure() -> None:
    report = judged(seal(passport(), ACME, "vc+jwt"), now=NOW - timedelta(days=30))
    assert (report.window, report.verdict) == (Window.UNSURE, Verdict.GENUINE_STALE)


def test_trust_data_past_its_date_is_said() -> None:
    report = judged(seal(passport(), ACME, "vc+jwt"), now=NOW + timedelta(days=100))
    assert report.verdict is Verdict.GENUINE_STALE
    assert outcome(report, 9) is CheckOutcome.FAILED


# Status


def status_list(*set_bits: int, key: PrivateKey = ACME, purpose: str = "revocation", **changes: Any) -> bytes:
    octets = bytearray(16 * 1024)
    for bit in set_bits:
        octets[bit // 8] |= 0x80 >> bit % 8
    encoded = "u" + urlsafe_b64encode(gzip.compress(bytes(octets))).rstrip(b"=").decode()
    subject = {"type": "BitstringStatusList", "statusPurpose": purpose, "encodedList": encoded}
    kind = ["VerifiableCredential", "BitstringStatusListCredential"]
    return seal(passport(id=LIST_URL, type=kind, credentialSubject=subject, **changes), key, "vc+jwt")


def with_status(index: object = 77, purpose: str = "revocation") -> bytes:
    entry = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": purpose,
        "statusListIndex": index,
        "statusListCredential": LIST_URL,
    }
    return seal(passport(credentialStatus=entry), ACME, "vc+jwt")


@pytest.mark.parametrize("index", [77, "77"], ids=["number", "text"])
def test_a_set_bit_revokes_and_a_neighbouring_one_does_not(index: object) -> None:
    assert judged(with_status(index), lists=(status_list(77),)).verdict is Verdict.REVOKED
    report = judged(with_status(index), lists=(status_list(76, 78),))
    assert (report.verdict, report.status) == (Verdict.GENUINE, Standing.GOOD)
    assert outcome(report, 7) is CheckOutcome.PASSED


def test_without_a_list_the_status_is_said_to_be_unknown() -> None:
    report = judged(with_status())
    assert (report.verdict, report.status) == (Verdict.GENUINE, Standing.NOT_CHECKED)
    assert "status not checked" in report.reason
    assert report.warnings
    assert outcome(report, 7) is CheckOutcome.NOT_RUN


def test_a_list_of_another_issuer_or_past_its_date_proves_nothing_good() -> None:
    both = trust(
        issuer("Acme", (DID, "gcp:9520123"), IssuerKey(1, ACME.public_key)),
        issuer("Evil", ("did:web:evil.example",), IssuerKey(1, EVIL.public_key)),
    )
    evil = status_list(key=EVIL, issuer="did:web:evil.example")
    assert judged(with_status(), both, lists=(evil,)).status is Standing.NOT_CHECKED
    old = status_list(validUntil="2026-02-01T00:00:00Z")
    assert judged(with_status(), lists=(old,)).status is Standing.NOT_CHECKED
    assert judged(with_status(), lists=(status_list(77, validUntil="2026-02-01T00:00:00Z"),)).verdict is Verdict.REVOKED


@pytest.mark.parametrize("turned", [False, True])
def test_no_other_issue_of_a_list_hides_a_set_bit(turned: bool) -> None:
    issues = (status_list(), status_list(77), status_list(validUntil="2026-02-01T00:00:00Z"))
    assert judged(with_status(), lists=issues[::-1] if turned else issues).verdict is Verdict.REVOKED


def test_of_two_clear_issues_the_newest_one_inside_its_period_is_told() -> None:
    newer, older = status_list(validFrom="2026-11-01T00:00:00Z"), status_list(validFrom="2026-10-01T00:00:00Z")
    later = status_list(validFrom="2030-01-01T00:00:00Z")
    report = judged(with_status(), lists=(newer, older, later))
    assert (report.status, report.checks[6].detail) == (Standing.GOOD, "revocation list of 2026-11-01T00:00:00+00:00")


def test_more_entries_than_anybody_needs_are_not_looked_up() -> None:
    entry = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": 77}
    entries = [entry | {"statusListCredential": LIST_URL}] * 17
    report = judged(seal(passport(credentialStatus=entries), ACME, "vc+jwt"), lists=(status_list(),))
    assert report.status is Standing.NOT_CHECKED
    fewer = seal(passport(credentialStatus=entries[:16]), ACME, "vc+jwt")
    assert judged(fewer, lists=(status_list(),)).status is Standing.GOOD


def test_a_suspension_is_told_as_one() -> None:
    report = judged(with_status(purpose="suspension"), lists=(status_list(77, purpose="suspension"),))
    assert (report.verdict, report.status) == (Verdict.REVOKED, Standing.SUSPENDED)


@pytest.mark.parametrize("encoded", ["", "uAAAA", "z123", "u" + "A" * 40, None, 7])
def test_a_damaged_list_is_no_proof(encoded: object) -> None:
    subject = {"type": "BitstringStatusList", "statusPurpose": "revocation", "encodedList": encoded}
    with pytest.raises(PassportError):
        bit_of({"credentialSubject": subject}, StatusEntry("revocation", 0, LIST_URL))


def test_a_list_that_expands_without_end_is_refused() -> None:
    bomb = "u" + urlsafe_b64encode(gzip.compress(bytes(17 * 1024 * 1024))).rstrip(b"=").decode()
    subject = {"type": "BitstringStatusList", "statusPurpose": "revocation", "encodedList": bomb}
    with pytest.raises(PassportError) as caught:
        bit_of({"credentialSubject": subject}, StatusEntry("revocation", 0, LIST_URL))
    assert caught.value.code == "status-size"


# Signing


def test_only_an_unsigned_credential_of_a_named_issuer_is_signed() -> None:
    with pytest.raises(PassportError):
        seal(seal(passport(), ACME, "vc+jwt"), ACME, "vc+jwt")
    with pytest.raises(PassportError):
        seal(passport(issuer={"name": "Acme"}), ACME, "vc+jwt")


def test_the_payload_is_the_document_byte_for_byte() -> None:
    document = passport() + b"\n"
    for form in FORMS:
        read = read_document(seal(document, ACME, form))
        assert read.envelope is not None
        assert (document in read.envelope.signing_input) or (base64url(document) in read.envelope.signing_input)


@given(st.binary(max_size=300))
def test_whatever_comes_in_is_judged_and_never_good(data: bytes) -> None:
    assert judged(data).verdict in (Verdict.UNREADABLE, Verdict.UNSIGNED)


def test_a_key_of_another_kind_does_not_sign() -> None:
    class Edwards:
        public_key = EDWARDS_PUBLIC

        def sign(self, data: bytes) -> bytes:
            return EDWARDS.sign(data)

    with pytest.raises(UsageError):
        seal(passport(), Edwards(), "vc+jwt")
