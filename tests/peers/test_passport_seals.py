"""joserfc and python-cwt verify the passports we sign and refuse changed ones; what they sign, we judge genuine."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from dpptag.model.verdict import Verdict
from dpptag.passport.credentials import judge_passport
from dpptag.passport.sealing import Form, seal
from dpptag.trust.issuers import IssuerKey
from tests.needs import peer_package
from tests.peers.ask import ask
from tests.peers.passport_documents import VERSIONS, from_rows
from tests.unit.trust.trust_rig import ACME, DAY, EVIL, issuer, trust

DID = "did:web:id.example.com"
NOW = datetime(1970, 1, 1, 12, tzinfo=UTC) + timedelta(days=DAY)
DOCUMENTS = tuple(one for version in VERSIONS for one in from_rows(version))
PRIVATE = ACME.pkcs8(None).decode()
PUBLIC, OTHER = ACME.public_key.pem(), EVIL.public_key.pem()


def verdict(signed: bytes) -> Verdict:
    store = trust(issuer("Acme", (DID, "gcp:9520123"), IssuerKey(1, ACME.public_key)))
    return judge_passport(signed, store, NOW).verdict


def signed(form: Form) -> list[bytes]:
    return [seal(document, ACME, form) for document in DOCUMENTS]


def changed(message: bytes, old: bytes, new: bytes) -> bytes:
    assert message.count(old) >= 1
    assert len(old) == len(new)
    return message.replace(old, new, 1)


def part_changed(token: bytes, part: int) -> bytes:
    """One bit of the token's header, payload or signature."""
    parts = [bytearray(base64.urlsafe_b64decode(one + b"==")) for one in token.split(b".")]
    parts[part][-10] ^= 1
    return b".".join(base64.urlsafe_b64encode(bytes(one)).rstrip(b"=") for one in parts)


def test_joserfc_verifies_our_vc_jwt_and_reads_the_very_bytes() -> None:
    peer_package("joserfc")
    tokens = signed("vc+jwt")
    answers = ask("passport_jose", {"verify": [{"token": one.decode(), "key": PUBLIC} for one in tokens]})
    for document, (header, payload) in zip(DOCUMENTS, answers, strict=True):
        assert payload.encode() == document
        assert (header["alg"], header["typ"], header["cty"]) == ("ES256", "vc+jwt", "vc")
        assert header["kid"].startswith(f"{DID}#")


def test_joserfc_and_we_refuse_a_vc_jwt_with_any_part_changed_and_another_key() -> None:
    peer_package("joserfc")
    jobs = [(part_changed(token, part), PUBLIC) for token in signed("vc+jwt") for part in range(3)]
    for token, _key in jobs:
        assert verdict(token) not in (Verdict.GENUINE, Verdict.GENUINE_STALE)
    jobs += [(token, OTHER) for token in signed("vc+jwt")]
    jobs.append((seal(DOCUMENTS[0], EVIL, "vc+jwt"), PUBLIC))
    answers = ask("passport_jose", {"verify": [{"token": token.decode(), "key": key} for token, key in jobs]})
    assert len(answers) == len(jobs)
    assert all(isinstance(one, str) and one.startswith("refused: ") for one in answers), answers


def test_what_joserfc_signs_is_genuine_here_and_forged_under_another_key() -> None:
    peer_package("joserfc")
    header = {"alg": "ES256", "typ": "vc+jwt", "cty": "vc"}
    jobs = [
        {"header": header, "payload": document.decode(), "key": key}
        for key in (PRIVATE, EVIL.pkcs8(None).decode())
        for document in DOCUMENTS
    ]
    tokens = [token.encode() for token in ask("passport_jose", {"sign": jobs})]
    here, other = tokens[: len(DOCUMENTS)], tokens[len(DOCUMENTS) :]
    assert [verdict(token) for token in here] == [Verdict.GENUINE] * len(DOCUMENTS)
    assert [verdict(token) for token in other] == [Verdict.FORGED] * len(DOCUMENTS)


def test_python_cwt_verifies_our_vc_cose_and_refuses_changed_ones() -> None:
    peer_package("cwt")
    good = signed("vc+cose")
    spoiled = [changed(one, b"2026W46", b"2026W47") for one in good]
    spoiled += [changed(one, b"application/vc+cose", b"application/vc+jose") for one in good]
    spoiled += [one[:-1] + bytes([one[-1] ^ 1]) for one in good]
    jobs = [(one, PUBLIC) for one in good + spoiled] + [(one, OTHER) for one in good]
    answers = ask("cwt", {"verify": [{"cose_sign1": one.hex(), "external_aad": "", "key": key} for one, key in jobs]})
    assert answers[: len(good)] == ["accepted"] * len(good)
    assert answers[len(good) :] == ["refused: VerifyError"] * (len(jobs) - len(good))
    for one in spoiled:
        assert verdict(one) not in (Verdict.GENUINE, Verdict.GENUINE_STALE)


@pytest.mark.parametrize("kid", [f"{DID}#slot-1", None])
def test_what_python_cwt_signs_is_genuine_here(kid: str | None) -> None:
    peer_package("cwt")
    # Written as given: labels in the order of deterministic CBOR, in which we read headers.
    named = [] if kid is None else [[4, {"hex": kid.encode().hex()}]]
    protected = [[1, -7], [3, "application/vc"], *named, [16, "application/vc+cose"]]
    jobs = [
        {"protected": protected, "payload": document.hex(), "external_aad": "", "key": PRIVATE, "alg": "ES256"}
        for document in DOCUMENTS
    ]
    for message in ask("cwt", {"sign": jobs}):
        assert verdict(bytes.fromhex(message)) is Verdict.GENUINE


def test_a_vc_cose_of_python_cwt_that_is_not_deterministic_cbor_is_unreadable_here_and_not_forged() -> None:
    """It encodes a header in the order given. We read deterministic CBOR alone, which VC-JOSE-COSE does not ask for."""
    peer_package("cwt")
    protected = [[16, "application/vc+cose"], [3, "application/vc"], [1, -7]]
    job = {"payload": DOCUMENTS[0].hex(), "external_aad": "", "key": PRIVATE, "alg": "ES256", "protected": protected}
    (message,) = ask("cwt", {"sign": [job]})
    assert verdict(bytes.fromhex(message)) is Verdict.UNREADABLE
