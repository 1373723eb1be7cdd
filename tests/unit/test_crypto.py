"""The door to cryptography: known answers, key files, and what a signature may look like."""

import base64
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from dpptag import crypto
from dpptag.codec import cbor
from dpptag.crypto import (
    PASSPHRASE_LIMIT,
    PrivateKey,
    PublicKey,
    is_encrypted_pem,
    parse_private_pem,
    parse_public_pem,
    sha256,
    write_secret_file,
)
from dpptag.errors import BadSignature, KeyFileError

PASSPHRASE = b"correct horse battery staple"
KEY = PrivateKey.generate()
OTHER = PrivateKey.generate()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, SP 800-186

# RFC 9679 section 6
RFC9679_X = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
RFC9679_Y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
RFC9679_THUMBPRINT = "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec"

# RFC 6979 appendix A.2.5: P-256, SHA-256, message "sample"
RFC6979_X = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
RFC6979_Y = "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
RFC6979_R = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
RFC6979_S = "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"

# RFC 8032 section 7.1, test 2
RFC8032_KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
RFC8032_SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def p256(x: str, y: str) -> PublicKey:
    return PublicKey.from_point("P-256", bytes.fromhex(x + y))


# --- known answers


def test_sha256_of_the_empty_string() -> None:
    assert sha256(b"").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_thumbprint_is_that_of_rfc_9679() -> None:
    assert p256(RFC9679_X, RFC9679_Y).thumbprint().hex() == RFC9679_THUMBPRINT


def test_the_hashed_cose_key_is_that_of_rfc_9679() -> None:
    encoded = cbor.encode(p256(RFC9679_X, RFC9679_Y).cose_key())
    assert encoded.hex() == "a40102200121" + "5820" + RFC9679_X + "22" + "5820" + RFC9679_Y


def test_the_signature_of_rfc_6979_verifies() -> None:
    p256(RFC6979_X, RFC6979_Y).verify(bytes.fromhex(RFC6979_R + RFC6979_S), b"sample")


def test_the_signature_of_rfc_6979_is_false_for_another_message() -> None:
    with pytest.raises(BadSignature):
        p256(RFC6979_X, RFC6979_Y).verify(bytes.fromhex(RFC6979_R + RFC6979_S), b"test")


def test_the_signature_of_rfc_8032_verifies() -> None:
    key = PublicKey.from_point("Ed25519", bytes.fromhex(RFC8032_KEY))
    key.verify(bytes.fromhex(RFC8032_SIGNATURE), b"\x72")


def test_the_signature_of_rfc_8032_is_false_for_another_message() -> None:
    key = PublicKey.from_point("Ed25519", bytes.fromhex(RFC8032_KEY))
    with pytest.raises(BadSignature):
        key.verify(bytes.fromhex(RFC8032_SIGNATURE), b"\x73")


# --- signatures


def test_what_is_signed_verifies_under_its_key() -> None:
    KEY.public_key.verify(KEY.sign(b"x"), b"x")


def test_what_is_signed_is_false_under_another_key() -> None:
    with pytest.raises(BadSignature):
        OTHER.public_key.verify(KEY.sign(b"x"), b"x")


def test_a_signature_has_64_bytes() -> None:
    assert {len(KEY.sign(b"x")) for _ in range(100)} == {64}


@pytest.mark.parametrize("length", [0, 1, 63, 65, 70, 72, 128])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadSignature):
        KEY.public_key.verify(bytes(length), b"x")


def test_a_der_signature_is_refused() -> None:
    der = crypto._der(KEY.sign(b"x"))
    with pytest.raises(BadSignature):
        KEY.public_key.verify(der, b"x")


EDGES = [0, 1, 0x7F, 0x80, 0xFF, 2**248, 2**255 - 1, 2**255, ORDER - 1, ORDER, 2**256 - 1]


@pytest.mark.parametrize("r", EDGES)
@pytest.mark.parametrize("s", EDGES)
def test_der_is_the_one_that_cryptography_reads(r: int, s: int) -> None:
    assert decode_dss_signature(crypto._der(r.to_bytes(32, "big") + s.to_bytes(32, "big"))) == (r, s)


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_der_says_both_numbers(r: int, s: int) -> None:
    assert decode_dss_signature(crypto._der(r.to_bytes(32, "big") + s.to_bytes(32, "big"))) == (r, s)


@pytest.mark.parametrize("r", [0, 1, ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER, 2**256 - 1])
def test_numbers_that_no_signature_has_are_false_and_no_crash(r: int, s: int) -> None:
    with pytest.raises(BadSignature):
        KEY.public_key.verify(r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"x")


def test_leading_zeros_in_r_and_s_verify() -> None:
    found = set()
    while found != {"r", "s"}:
        signature = KEY.sign(b"x")
        KEY.public_key.verify(signature, b"x")
        found |= ({"r"} if not signature[0] else set()) | ({"s"} if not signature[32] else set())


def test_the_twin_of_an_ecdsa_signature_verifies_too() -> None:
    """Malleable: so the bytes of a signature are never an identifier."""
    signature = KEY.sign(b"x")
    twin = signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    KEY.public_key.verify(twin, b"x")


class FaultyKey:
    """Signs another message than it was given, as a faulty token might."""

    def sign(self, _data: bytes, algorithm: object) -> bytes:
        return crypto._der(OTHER.sign(b"another"))


def test_a_false_signature_is_never_handed_out() -> None:
    key = PrivateKey.generate()
    key._key = FaultyKey()  # type: ignore[assignment]
    with pytest.raises(BadSignature):
        key.sign(b"x")


# --- algorithms and COSE_Key


def test_each_algorithm_belongs_to_one_kind_of_key() -> None:
    edwards = PublicKey.from_point("Ed25519", bytes.fromhex(RFC8032_KEY))
    assert {alg for alg in range(-300, 300) if KEY.public_key.supports(alg)} == {-7, -9}
    assert {alg for alg in range(-300, 300) if edwards.supports(alg)} == {-8, -19}


@pytest.mark.parametrize("key", [KEY.public_key, PublicKey.from_point("Ed25519", bytes.fromhex(RFC8032_KEY))])
def test_a_cose_key_reads_back(key: PublicKey) -> None:
    assert PublicKey.from_cose_key(key.cose_key()) == key


def changed(**changes: object) -> dict[object, object]:
    key: dict[object, object] = dict(KEY.public_key.cose_key())
    names: dict[str, int] = {"kty": 1, "crv": -1, "x": -2, "y": -3, "kid": 2, "d": -4}
    key |= {names[name]: value for name, value in changes.items()}
    return {label: value for label, value in key.items() if value is not None}


NOT_COSE_KEYS: dict[str, object] = {
    "no map": [1, 2],
    "nothing": None,
    "empty": {},
    "another type": changed(kty=1),
    "type as text": changed(kty="EC2"),
    "another curve": changed(crv=2),
    "curve as text": changed(crv="P-256"),
    "no x": changed(x=None),
    "no y": changed(y=None),
    "x of 31 bytes": changed(x=bytes(31)),
    "x of 33 bytes": changed(x=bytes(33)),
    "y as a sign bit": changed(y=1),
    "y as text": changed(y="y" * 32),
    "a kid besides": changed(kid=b"x"),
    "a private part": changed(d=bytes(32)),
    "off the curve": changed(y=bytes(32)),
    "coordinates over the field": changed(x=b"\xff" * 32, y=b"\xff" * 32),
    "Ed25519 with a y": {1: 1, -1: 6, -2: bytes(32), -3: bytes(32)},
    "Ed25519 of 31 bytes": {1: 1, -1: 6, -2: bytes(31)},
    "Ed448": {1: 1, -1: 7, -2: bytes(57)},
    "X25519": {1: 1, -1: 4, -2: bytes(32)},
}


@pytest.mark.parametrize("key", NOT_COSE_KEYS.values(), ids=NOT_COSE_KEYS.keys())
def test_another_cose_key_is_refused(key: object) -> None:
    with pytest.raises(KeyFileError):
        PublicKey.from_cose_key(key)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [0, 31, 32, 33, 63, 65])
def test_a_point_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(KeyFileError) as refusal:
        PublicKey.from_point("P-256", bytes(length))
    assert refusal.value.code == "key-point"


def test_keys_are_equal_by_kind_and_point() -> None:
    again = PublicKey.from_point("P-256", KEY.public_key.point)
    assert again == KEY.public_key
    assert len({again, KEY.public_key, OTHER.public_key}) == 2


# --- public PEM


@pytest.mark.parametrize("key", [KEY.public_key, PublicKey.from_point("Ed25519", bytes.fromhex(RFC8032_KEY))])
def test_a_public_pem_is_the_one_that_cryptography_writes(key: PublicKey) -> None:
    loaded = serialization.load_pem_public_key(key.pem().encode())
    written = loaded.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert written.decode() == key.pem()


@pytest.mark.parametrize("key", [KEY.public_key, PublicKey.from_point("Ed25519", bytes.fromhex(RFC8032_KEY))])
def test_a_public_pem_reads_back(key: PublicKey) -> None:
    assert parse_public_pem(key.pem().encode()) == key
    assert parse_public_pem(b"\n" + key.pem().replace("\n", "\r\n").encode()) == key


def spki(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, point: serialization.PublicFormat | None = None) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, point or serialization.PublicFormat.SubjectPublicKeyInfo)


PEM = KEY.public_key.pem().encode()
BODY = b"".join(PEM.splitlines()[1:-1])


def public_pem(der: bytes) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


DER = base64.b64decode(BODY)
NOT_PUBLIC_PEMS = {
    "nothing": (b"", "key-not-public-pem"),
    "one line": (b"-----BEGIN PUBLIC KEY-----", "key-not-public-pem"),
    "a private key": (KEY.pkcs8(None), "key-not-public-pem"),
    "a certificate": (PEM.replace(b"PUBLIC KEY", b"CERTIFICATE"), "key-not-public-pem"),
    "text before it": (b"key:\n" + PEM, "key-not-public-pem"),
    "over 4096 bytes": (PEM + b"\n" * 4096, "key-not-public-pem"),
    "no end line": (PEM.replace(b"END", b"BEGIN"), "key-pem-damaged"),
    "text behind it": (PEM + b"x", "key-pem-damaged"),
    "two keys": (PEM + PEM, "key-pem-damaged"),
    "no base64": (PEM.replace(BODY[:4], b"!!!!"), "key-pem-damaged"),
    "base64 cut short": (PEM.replace(BODY[-1:] + b"\n-", b"\n-"), "key-pem-damaged"),
    "cut short": (public_pem(DER[:-1]), "key-kind"),
    "a byte behind": (public_pem(DER + b"\0"), "key-kind"),
    "empty": (public_pem(b""), "key-kind"),
    "P-384": (spki(ec.generate_private_key(ec.SECP384R1()).public_key()), "key-kind"),
    "secp256k1": (spki(ec.generate_private_key(ec.SECP256K1()).public_key()), "key-kind"),
    "off the curve": (public_pem(DER[:-1] + bytes((DER[-1] ^ 1,))), "key-point"),
}


@pytest.mark.parametrize(("pem", "code"), NOT_PUBLIC_PEMS.values(), ids=NOT_PUBLIC_PEMS.keys())
def test_another_public_pem_is_refused_by_code(pem: bytes, code: str) -> None:
    with pytest.raises(KeyFileError) as refusal:
        parse_public_pem(pem)
    assert refusal.value.code == code


@given(st.binary(max_size=200))
def test_any_bytes_are_a_public_key_or_a_key_file_error(data: bytes) -> None:
    for pem in (data, public_pem(data)):
        with pytest.raises(KeyFileError):
            parse_public_pem(pem)


# --- private key files


def test_an_encrypted_key_reads_back() -> None:
    pem = KEY.pkcs8(PASSPHRASE)
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert is_encrypted_pem(pem)
    assert parse_private_pem(pem, PASSPHRASE).public_key == KEY.public_key


def test_a_plain_key_reads_back() -> None:
    pem = KEY.pkcs8(None)
    assert not is_encrypted_pem(pem)
    assert parse_private_pem(pem, None).public_key == KEY.public_key


@pytest.mark.parametrize("passphrase", [b"", b"x" * (PASSPHRASE_LIMIT + 1)])
def test_a_passphrase_of_no_use_is_refused_and_no_plain_key_written(passphrase: bytes) -> None:
    with pytest.raises(KeyFileError) as refusal:
        KEY.pkcs8(passphrase)
    assert refusal.value.code == "key-passphrase-length"


@pytest.mark.parametrize("passphrase", [b"x", b"x" * PASSPHRASE_LIMIT, "Straße\0".encode()])
def test_a_passphrase_of_any_bytes_encrypts(passphrase: bytes) -> None:
    assert parse_private_pem(KEY.pkcs8(passphrase), passphrase).public_key == KEY.public_key


def whole_text(error: BaseException | None) -> str:
    """What a traceback and a log would show: messages, facts, causes."""
    text = ""
    while error is not None:
        text += f"{error!r} {error} {vars(error)} "
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return text


def test_a_wrong_passphrase_is_refused_without_a_secret_in_the_error() -> None:
    with pytest.raises(KeyFileError) as refusal:
        parse_private_pem(KEY.pkcs8(PASSPHRASE), b"Tr0ub4dor&3")
    assert refusal.value.code == "key-passphrase-wrong"
    text = whole_text(refusal.value)
    assert "Tr0ub4dor" not in text
    assert "horse" not in text
    assert "PRIVATE KEY" not in text


def test_a_missing_passphrase_is_said_so() -> None:
    for passphrase in (None, b""):
        with pytest.raises(KeyFileError) as refusal:
            parse_private_pem(KEY.pkcs8(PASSPHRASE), passphrase)
        assert refusal.value.code == "key-passphrase-missing"


def pkcs8(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


PLAIN = KEY.pkcs8(None)
NOT_PRIVATE_PEMS = {
    "nothing": (b"", "key-not-private-pem"),
    "a public key": (PEM, "key-not-private-pem"),
    "cut short": (PLAIN[:80], "key-not-private-pem"),
    "no base64": (PLAIN.replace(PLAIN[30:34], b"!!!!"), "key-not-private-pem"),
    "P-384": (pkcs8(ec.generate_private_key(ec.SECP384R1())), "key-kind"),
    "secp256k1": (pkcs8(ec.generate_private_key(ec.SECP256K1())), "key-kind"),
    "Ed25519": (pkcs8(ed25519.Ed25519PrivateKey.generate()), "key-kind"),
}


@pytest.mark.parametrize(("pem", "code"), NOT_PRIVATE_PEMS.values(), ids=NOT_PRIVATE_PEMS.keys())
def test_another_private_pem_is_refused_by_code(pem: bytes, code: str) -> None:
    with pytest.raises(KeyFileError) as refusal:
        parse_private_pem(pem, None)
    assert refusal.value.code == code


def test_the_name_of_a_private_key_shows_nothing_of_it() -> None:
    assert repr(KEY) == "PrivateKey(P-256)"


# --- files


def test_a_secret_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    before = os.umask(0)
    try:
        write_secret_file(path, b"secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == b"secret"


def test_a_secret_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(b"older")
    with pytest.raises(KeyFileError) as refusal:
        write_secret_file(path, b"newer")
    assert refusal.value.code == "key-exists"
    assert path.read_bytes() == b"older"


def test_a_secret_file_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "root.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError):
        write_secret_file(tmp_path / "root.key", b"secret")
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyFileError) as refusal:
        write_secret_file(tmp_path / "root.key", b"secret")
    assert refusal.value.code == "key-write"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as refusal:
        write_secret_file(tmp_path / "absent" / "root.key", b"secret")
    assert refusal.value.code == "key-write"
