"""The signed trust bundle: read back whole, and refused for every change and every fault."""

from typing import Any

import pytest

from dpptag.codec import cbor, cose
from dpptag.crypto import PublicKey, Signer
from dpptag.errors import TrustDataError
from dpptag.trust.issuers import (
    BUNDLE_LIMIT,
    CONTENT_TYPE,
    Bundle,
    Issuer,
    IssuerKey,
    KeyStatus,
    encode_bundle,
    open_bundle,
    sign_bundle,
)
from dpptag.trust.store import TrustStore
from tests.unit.trust.trust_rig import ACME, DAY, EDWARDS_PUBLIC, EVIL, ROOT, acme, issuer

SMALL = Bundle(DAY, DAY + 90, (issuer("A", ("gcp:9520123",), IssuerKey(1, ACME.public_key)),))
RICH = Bundle(
    DAY,
    DAY + 90,
    (
        acme(
            IssuerKey(0, ACME.public_key, KeyStatus.RETIRED, 1, DAY, True),
            IssuerKey(31, EDWARDS_PUBLIC, KeyStatus.COMPROMISED, None, 65535),
        ),
        issuer("Größe & Söhne", ("gcp:4000001", "uri:https://id.example.org/a/b/"), IssuerKey(0, EVIL.public_key)),
    ),
)


def signed(payload: object, key: Signer = ROOT, **header: Any) -> bytes:
    """Whatever payload, signed by the root as ``sign_bundle`` would."""
    protected = cbor.encode(
        {
            1: header.get("alg", -7),
            3: header.get("content_type", CONTENT_TYPE),
            4: header.get("kid", key.public_key.thumbprint()[:8]),
        }
    )
    octets = payload if isinstance(payload, bytes) else cbor.encode(payload)
    return cose.assemble(protected, octets, key.sign(cose.sig_structure(protected, b"", octets)), tagged=True)


def code_of(data: bytes, root: PublicKey = ROOT.public_key) -> str:
    with pytest.raises(TrustDataError) as refusal:
        open_bundle(data, root)
    return refusal.value.code


@pytest.mark.parametrize("bundle", [SMALL, RICH, Bundle(1, 65535, ())])
def test_a_bundle_reads_back_whole(bundle: Bundle) -> None:
    assert open_bundle(sign_bundle(bundle, ROOT), ROOT.public_key) == bundle


def test_a_store_is_loaded_from_the_signed_bundle() -> None:
    store = TrustStore.load(sign_bundle(RICH, ROOT), ROOT.public_key, accepted=DAY + 3)
    assert (store.issued, store.expires, store.newest_day) == (DAY, DAY + 90, DAY + 3)
    assert [entry.name for entry in store.issuers] == ["Acme", "Größe & Söhne"]


def test_count_in_is_count_out_for_a_thousand_issuers() -> None:
    many = Bundle(
        DAY, DAY, tuple(issuer(f"I{n}", (f"gcp:{1000000 + n}",), IssuerKey(1, ACME.public_key)) for n in range(1000))
    )
    assert open_bundle(sign_bundle(many, ROOT), ROOT.public_key) == many


# --- nothing changed ever loads


def test_no_single_bit_flip_loads() -> None:
    data = sign_bundle(SMALL, ROOT)
    refused = 0
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TrustDataError):
            open_bundle(bytes(changed), ROOT.public_key)
        refused += 1
    assert refused == 8 * len(data)


def test_no_cut_loads() -> None:
    data = sign_bundle(SMALL, ROOT)
    for length in range(len(data)):
        with pytest.raises(TrustDataError):
            open_bundle(data[:length], ROOT.public_key)


def test_a_byte_behind_is_refused() -> None:
    assert code_of(sign_bundle(SMALL, ROOT) + b"\0") == "bundle-damaged"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xd2", b"\x9f" * 5000, b"\x81" * 5000, bytes(BUNDLE_LIMIT + 2000)])
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    assert code_of(data) == "bundle-damaged"


def test_another_root_is_said_so() -> None:
    assert code_of(sign_bundle(SMALL, EVIL)) == "bundle-root"


def test_another_root_under_the_pinned_key_id_is_refused() -> None:
    data = signed(encode_bundle(SMALL), EVIL, kid=ROOT.public_key.thumbprint()[:8])
    assert code_of(data) == "bundle-signature"


def test_a_root_of_another_kind_is_refused() -> None:
    assert code_of(sign_bundle(SMALL, ROOT), EDWARDS_PUBLIC) == "bundle-root"


@pytest.mark.parametrize("algorithm", [-8, -19, -35, "ES256", None, [], {}])
def test_another_algorithm_is_refused(algorithm: object) -> None:
    assert code_of(signed(encode_bundle(SMALL), alg=algorithm)) == "bundle-root"


@pytest.mark.parametrize("content_type", ["application/vc", 0, None, b"x"])
def test_another_content_type_is_refused(content_type: object) -> None:
    """A root key that signs other things too cannot be made to vouch for them as trust data."""
    assert code_of(signed(encode_bundle(SMALL), content_type=content_type)) == "bundle-type"


def test_headers_that_nobody_signed_are_refused() -> None:
    data = sign_bundle(SMALL, ROOT)
    sign1 = cose.parse_sign1(data)
    assert sign1.payload is not None
    more = cose.assemble(sign1.protected, sign1.payload, sign1.signature, tagged=True, unprotected=b"\xa1\x05\x00")
    assert code_of(more) == "bundle-shape"


def test_an_untagged_bundle_is_refused() -> None:
    assert code_of(sign_bundle(SMALL, ROOT)[1:]) == "bundle-type"


def test_a_header_label_that_the_format_does_not_name_is_refused() -> None:
    payload = encode_bundle(SMALL)
    header = {1: -7, 3: "application/vnd.dpptag.issuers+cbor", 4: ROOT.public_key.thumbprint()[:8], 99: 1}
    protected = cbor.encode(header)
    signature = ROOT.sign(cose.sig_structure(protected, b"", payload))
    assert code_of(cose.assemble(protected, payload, signature, tagged=True)) == "bundle-type"


def test_a_detached_payload_is_refused() -> None:
    protected = cose.parse_sign1(sign_bundle(SMALL, ROOT)).protected
    assert code_of(b"\xd2" + cbor.encode([protected, {}, None, bytes(64)])) == "bundle-type"


# --- faults that the root signed


KEY = {1: 1, 2: ACME.public_key.cose_key(), 3: 0}
ISSUER = {1: "A", 2: ["gcp:9520123"], 3: [KEY]}
BUNDLE: dict[int, object] = {1: 1, 2: DAY, 3: DAY + 90, 4: [ISSUER]}


def test_a_newer_schema_version_says_what_to_do() -> None:
    with pytest.raises(TrustDataError) as refusal:
        open_bundle(signed(BUNDLE | {1: 2, 9: "new"}), ROOT.public_key)
    error = refusal.value
    assert error.code == "bundle-version"
    assert error.message == "trust data of schema version 2; this dpptag reads version 1"
    assert error.action == "update dpptag; keep the old trust bundle until then"


def with_issuer(**changes: object) -> dict[int, object]:
    return BUNDLE | {4: [ISSUER | {int(label[1:]): value for label, value in changes.items()}]}


def with_key(**changes: object) -> dict[int, object]:
    return with_issuer(l3=[KEY | {int(label[1:]): value for label, value in changes.items()}])


def without(value: dict[int, object], label: int) -> dict[int, object]:
    return {key: item for key, item in value.items() if key != label}


FAULTS: dict[str, tuple[object, str]] = {
    "no CBOR": (b"\xff", "bundle-damaged"),
    "nothing": (b"", "bundle-damaged"),
    "no map": ([1], "bundle-shape"),
    "no version": (without(BUNDLE, 1), "bundle-version"),
    "version 0": (BUNDLE | {1: 0}, "bundle-version"),
    "version as text": (BUNDLE | {1: "1"}, "bundle-version"),
    "unknown field": (BUNDLE | {5: 0}, "bundle-shape"),
    "unknown text field": (BUNDLE | {"x": 0}, "bundle-shape"),
    "no expiry": (without(BUNDLE, 3), "bundle-shape"),
    "issued as text": (BUNDLE | {2: "x"}, "bundle-shape"),
    "issued on day 0": (BUNDLE | {2: 0}, "bundle-dates"),
    "expires after 2149": (BUNDLE | {3: 65536}, "bundle-dates"),
    "issuers as a map": (BUNDLE | {4: {}}, "bundle-shape"),
    "issuer as a list": (BUNDLE | {4: [[]]}, "bundle-shape"),
    "issuer with an unknown field": (with_issuer(l4=0), "bundle-shape"),
    "issuer without keys": (with_issuer(l3=[]), "issuer-empty"),
    "issuer without scopes": (with_issuer(l2=[]), "issuer-empty"),
    "name as bytes": (with_issuer(l1=b"A"), "bundle-shape"),
    "no name": (with_issuer(l1=""), "issuer-name"),
    "name of 201 characters": (with_issuer(l1="x" * 201), "issuer-name"),
    "name with a newline": (with_issuer(l1="A\nB"), "issuer-name"),
    "name that runs backwards": (with_issuer(l1="A\u202eB"), "issuer-name"),
    "scope as a number": (with_issuer(l2=[9520123]), "bundle-shape"),
    "scope without a kind": (with_issuer(l2=["9520123"]), "scope"),
    "scope not canonical, host alone": (with_issuer(l2=["uri:https://id.example.com"]), "bundle-shape"),
    "scope not canonical, no last slash": (with_issuer(l2=["uri:https://id.example.com/a"]), "bundle-shape"),
    "scope not canonical, two slashes": (with_issuer(l2=["uri:https://id.example.com//"]), "scope"),
    "scope twice": (with_issuer(l2=["gcp:9520123", "gcp:9520123"]), "scope-twice"),
    "slot twice": (with_issuer(l3=[KEY, KEY | {2: EVIL.public_key.cose_key()}]), "slot-twice"),
    "key twice": (with_issuer(l3=[KEY, KEY | {1: 2}]), "key-twice"),
    "slot 32": (with_key(l1=32), "slot-range"),
    "slot -1": (with_key(l1=-1), "slot-range"),
    "slot as text": (with_key(l1="1"), "bundle-shape"),
    "status 3": (with_key(l3=3), "bundle-shape"),
    "status as text": (with_key(l3="active"), "bundle-shape"),
    "key with an unknown field": (with_key(l7=0), "bundle-shape"),
    "key off the curve": (with_key(l2=ACME.public_key.cose_key() | {-3: bytes(32)}), "bundle-damaged"),
    "key without type": (with_key(l2={-1: 1}), "bundle-damaged"),
    "period on day 0": (with_key(l4=0), "day-range"),
    "period after 2149": (with_key(l5=65536), "day-range"),
    "period backwards": (with_key(l4=DAY, l5=DAY - 1), "period"),
    "period as null": (with_key(l4=None), "bundle-shape"),
    "bare mark 0": (with_key(l6=0), "bundle-shape"),
    "bare for Ed25519": (with_key(l2=EDWARDS_PUBLIC.cose_key(), l6=1), "bare-kind"),
    "two issuers of one name": (BUNDLE | {4: [ISSUER, ISSUER | {2: ["gcp:4000001"]}]}, "issuer-twice"),
    "two issuers of one scope": (BUNDLE | {4: [ISSUER, ISSUER | {1: "B"}]}, "scope-conflict"),
}


@pytest.mark.parametrize(("payload", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_refused_although_the_root_signed_it(payload: object, code: str) -> None:
    assert code_of(signed(payload)) == code


def test_what_is_refused_at_reading_is_refused_at_signing() -> None:
    a, b = ACME.public_key, EVIL.public_key
    for faulty in (
        issuer("A", ("gcp:9520123",)),
        Issuer("A", (), (IssuerKey(1, a),)),
        issuer("A", ("gcp:9520123",), IssuerKey(1, a), IssuerKey(1, b)),
        issuer("A", ("gcp:9520123",), IssuerKey(1, a), IssuerKey(2, a)),
        issuer("A", ("gcp:9520123",), IssuerKey(32, a)),
        issuer("", ("gcp:9520123",), IssuerKey(1, a)),
    ):
        with pytest.raises(TrustDataError):
            sign_bundle(Bundle(DAY, DAY, (faulty,)), ROOT)


def test_equal_scopes_of_two_issuers_are_refused_at_signing() -> None:
    one, two = (issuer(name, ("gcp:9520123",), IssuerKey(1, ACME.public_key)) for name in "AB")
    with pytest.raises(TrustDataError) as refusal:
        sign_bundle(Bundle(DAY, DAY, (one, two)), ROOT)
    assert refusal.value.code == "scope-conflict"
    assert "'A' and 'B'" in refusal.value.message


def test_a_bundle_larger_than_readers_take_is_not_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dpptag.trust.issuers.BUNDLE_LIMIT", 100)
    with pytest.raises(TrustDataError) as refusal:
        sign_bundle(SMALL, ROOT)
    assert refusal.value.code == "bundle-size"


def test_one_key_may_serve_two_issuers() -> None:
    """A service provider may sign for many; each issuer names the key for itself."""
    one = issuer("A", ("gcp:9520123",), IssuerKey(1, ACME.public_key))
    two = issuer("B", ("gcp:4000001",), IssuerKey(1, ACME.public_key))
    bundle = Bundle(DAY, DAY, (one, two))
    assert open_bundle(sign_bundle(bundle, ROOT), ROOT.public_key) == bundle
