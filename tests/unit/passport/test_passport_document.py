"""The envelope of a passport is parsed strictly, within bounds, and every fault has its own code."""

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.errors import PassportError
from dpptag.passport import read_passport
from dpptag.passport.document import MAX_BYTES, MAX_DEPTH, read_document
from tests.needs import ROOT

PHONE = ROOT / "examples" / "passports" / "phone.json"


def b64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def jwt(header: object, payload: bytes = b"{}", signature: bytes = b"\x01\x02\x03") -> bytes:
    return b".".join((b64(json.dumps(header).encode()), b64(payload), b64(signature)))


HEADER = {"alg": "ES256", "typ": "vc+jwt"}


def code_of(data: bytes) -> str:
    with pytest.raises(PassportError) as caught:
        read_document(data)
    return caught.value.code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json"),
        (b" \n", "json"),
        (b"{", "json"),
        (b"{} {}", "json"),
        (b"[]", "json"),
        (b'"text"', "json"),
        (b"{'a': 1}", "json"),
        (b'{"a": "\x01"}', "json"),
        (b"\xef\xbb\xbf{}", "bom"),
        (b'{"a": "\xff"}', "encoding"),
        (b'{"a": "\\ud83d"}', "encoding"),
        (b'{"\\uDE00\\uD83D": 1}', "encoding"),
        ('{"a": 1}'.encode("utf-16"), "json"),
        (b'{"a": 1, "a": 1}', "duplicate-key"),
        (b'{"b": {"a": 1, "\\u0061": 2}}', "duplicate-key"),
        (b'{"a": NaN}', "number"),
        (b'{"a": -Infinity}', "number"),
        (b'{"a": 1e999}', "number"),
        (b'{"a": ' + b"9" * 65 + b"}", "number"),
        (b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "depth"),
        (b'{"a": ' + b"[" * 500_000, "depth"),
        (b" " * MAX_BYTES + b"{}", "too-large"),
    ],
)
def test_a_faulty_json_document_is_refused(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_brackets_inside_a_string_do_not_count_as_depth() -> None:
    document = read_document(json.dumps({"a": '["' * 200 + "\\"}).encode())
    assert document.credential == {"a": '["' * 200 + "\\"}


def test_the_deepest_allowed_document_is_read() -> None:
    inner = MAX_DEPTH - 1
    assert "a" in read_document(b'{"a": ' + b"[" * inner + b"]" * inner + b"}").credential


def test_an_open_string_full_of_escaped_quotes_is_refused_in_one_pass() -> None:
    """Tried again at each quote, half a million quotes would take hours; the suite's time limit would end this."""
    assert code_of(b'{"' + b'\\"' * (MAX_BYTES // 2 - 2)) == "json"


@pytest.mark.parametrize("typ", ["vc+jwt", "VC+JWT", "application/vc+jwt"])
def test_the_payload_of_a_vc_jwt_is_the_credential(typ: str) -> None:
    document = read_document(jwt({"alg": "ES256", "typ": typ, "cty": "vc"}, b'{"a": 1}'))
    assert document.credential == {"a": 1}
    assert (document.media_type, document.secured) == ("application/vc+jwt", "vc+jwt")


def test_a_token_without_type_is_read() -> None:
    """VC-JOSE-COSE section 3.1.1 recommends typ, it does not demand it."""
    assert read_document(jwt({"alg": "ES256"})).secured == "vc+jwt"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (jwt({"alg": "none", "typ": "vc+jwt"}), "jwt"),
        (jwt({"alg": "NONE"}, signature=b""), "jwt"),
        (jwt({"typ": "vc+jwt"}), "jwt"),
        (jwt({"alg": 7}), "jwt"),
        (jwt(HEADER, signature=b""), "jwt"),
        (jwt({"alg": "ES256", "typ": "JWT"}), "jwt"),
        (jwt({"alg": "ES256", "typ": 7}), "jwt"),
        (jwt(HEADER | {"cty": "vp"}), "jwt"),
        (jwt(HEADER | {"crit": ["b64"], "b64": False}), "jwt"),
        (jwt(["alg"]), "json"),
        (jwt(HEADER, b"[]"), "json"),
        (jwt(HEADER, b"\xef\xbb\xbf{}"), "bom"),
        (jwt(HEADER, b'{"vc": {}}'), "vcdm-1"),
        (jwt(HEADER, b'{"a": 1, "a": 2}'), "duplicate-key"),
        (jwt(HEADER) + b"\n", "jwt-line-end"),
        (jwt(HEADER) + b"=", "json"),
        (jwt(HEADER) + b".e30", "json"),
        (b"\n" + jwt(HEADER), "json"),
        (jwt(HEADER).replace(b".e30.", b".e31."), "jwt"),  # unused bits set: a second spelling of {}
        (jwt(HEADER).replace(b".e30.", b".e3000."), "jwt"),  # a length that no octets have
    ],
)
def test_a_faulty_token_is_refused(token: bytes, code: str) -> None:
    assert code_of(token) == code


@given(st.binary(max_size=400))
def test_arbitrary_bytes_end_in_a_passport_error(data: bytes) -> None:
    with pytest.raises(PassportError):
        read_passport(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = [
    ("@context",), ("type",), ("issuer",), ("issuer", "name"), ("credentialSubject",), ("credentialSubject", "id"),
    ("credentialSubject", "name"), ("credentialSubject", "idGranularity"), ("credentialSubject", "itemNumber"),
    ("credentialSubject", "batchNumber"),
]  # fmt: skip


@given(place=st.sampled_from(PLACES), value=JSON)
def test_any_value_in_a_field_that_is_read_gives_a_pointer_or_a_passport_error(
    place: tuple[str, ...], value: object
) -> None:
    credential = json.loads(PHONE.read_bytes())
    holder = credential if len(place) == 1 else credential[place[0]]
    holder[place[-1]] = value
    try:
        pointer = read_passport(json.dumps(credential).encode())
    except PassportError:
        return
    assert pointer.product_name


@given(position=st.integers(min_value=0), value=st.integers(0, 255))
def test_a_changed_byte_changes_the_digest_or_is_refused(position: int, value: int) -> None:
    original = PHONE.read_bytes()
    changed = bytearray(original)
    changed[position % len(original)] = value
    try:
        digest = read_passport(bytes(changed)).digest
    except PassportError:
        return
    assert (digest == read_passport(original).digest) == (bytes(changed) == original)
