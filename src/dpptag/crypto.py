"""The one door to cryptography: hashes, ECDSA, EdDSA, AES, key files, key thumbprints.

``verify`` returns nothing or raises BadSignature. Signatures are ``r || s``, 64 bytes, as COSE writes them
(RFC 9053 section 2.1); they are malleable and never an identifier.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, Hash

from dpptag.codec import cbor
from dpptag.codec.cbor import CborValue
from dpptag.codec.cose import Algorithm
from dpptag.errors import BadSignature, KeyFileError

if TYPE_CHECKING:
    from pathlib import Path  # not at run time: the verifier starts without it


class _EcdsaSha256(ec.ECDSA):
    """ES256. The base's constructor loads a backend module, a tenth of a cold start, to check what is not used here."""

    _hash = SHA256()

    def __init__(self) -> None:
        pass

    @property
    def algorithm(self) -> SHA256:
        return self._hash

    @property
    def deterministic_signing(self) -> bool:
        return False


_ECDSA_SHA256: Final = _EcdsaSha256()
SIGNATURE_BYTES: Final = 64
PASSPHRASE_LIMIT: Final = 1023
"""Bytes: OpenSSL takes no longer one."""

KeyKind = Literal["P-256", "Ed25519"]
_ALGORITHMS: Final[dict[int, KeyKind]] = {
    Algorithm.ES256: "P-256",
    Algorithm.ESP256: "P-256",
    Algorithm.EDDSA: "Ed25519",
    Algorithm.ED25519: "Ed25519",
}


def sha256(data: bytes) -> bytes:
    digest = Hash(SHA256())
    digest.update(data)
    return digest.finalize()


def _der(signature: bytes) -> bytes:
    """DER of ``r || s``: two positive INTEGERs of at most 33 bytes, so every length is one byte."""
    r, s = signature[:32].lstrip(b"\0") or b"\0", signature[32:].lstrip(b"\0") or b"\0"
    if r[0] & 0x80:
        r = b"\0" + r
    if s[0] & 0x80:
        s = b"\0" + s
    return bytes((0x30, len(r) + len(s) + 4, 2, len(r))) + r + bytes((2, len(s))) + s


class PublicKey:
    """A P-256 or Ed25519 public key. ``point`` is ``x || y`` (64 bytes) or the 32 bytes of an Ed25519 key."""

    __slots__ = ("_verify", "kind", "point")

    def __init__(self, kind: KeyKind, point: bytes, verify: Callable[[bytes, bytes], None]) -> None:
        self.kind: KeyKind = kind
        self.point = point
        self._verify = verify

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and (self.kind, self.point) == (other.kind, other.point)

    def __hash__(self) -> int:
        return hash((self.kind, self.point))

    def __repr__(self) -> str:
        return f"PublicKey({self.kind}, {self.point.hex()})"

    @classmethod
    def from_point(cls, kind: KeyKind, point: bytes) -> PublicKey:
        """Raises KeyFileError where the point is not on the curve."""
        try:
            if kind == "P-256":
                return cls._from_ec(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point))
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

            return cls("Ed25519", point, Ed25519PublicKey.from_public_bytes(point).verify)
        except ValueError as exc:
            raise KeyFileError(f"not a point of {kind}", code="key-point") from exc

    @classmethod
    def _from_ec(cls, key: ec.EllipticCurvePublicKey) -> PublicKey:
        numbers = key.public_numbers()
        point = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

        verify_der = key.verify

        def verify(signature: bytes, data: bytes) -> None:
            verify_der(_der(signature), data, _ECDSA_SHA256)

        return cls("P-256", point, verify)

    @classmethod
    def from_cose_key(cls, key: CborValue) -> PublicKey:
        """From a COSE_Key (RFC 9053 section 7) of exactly the required labels. Raises KeyFileError."""
        if type(key) is dict:
            x = key.get(-2)
            if key.keys() == {1, -1, -2, -3} and key[1] == 2 and key[-1] == 1:
                y = key[-3]
                if type(x) is bytes and type(y) is bytes and len(x) == len(y) == 32:
                    return cls.from_point("P-256", x + y)
            elif key.keys() == {1, -1, -2} and key[1] == 1 and key[-1] == 6 and type(x) is bytes and len(x) == 32:
                return cls.from_point("Ed25519", x)
        raise KeyFileError("not a COSE_Key of P-256 or Ed25519", code="key-cose")

    def cose_key(self) -> dict[int | str, CborValue]:
        """The COSE_Key with its required labels alone (RFC 9679 section 4)."""
        if self.kind == "P-256":
            return {1: 2, -1: 1, -2: self.point[:32], -3: self.point[32:]}
        return {1: 1, -1: 6, -2: self.point}

    def thumbprint(self) -> bytes:
        """RFC 9679: SHA-256 over the deterministic encoding of the required labels, 32 bytes."""
        return sha256(cbor.encode(self.cose_key()))

    def supports(self, algorithm: int) -> bool:
        """Whether ``algorithm`` is this key's own (-7, -9: P-256; -8, -19: Ed25519)."""
        return _ALGORITHMS.get(algorithm) == self.kind

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises BadSignature."""
        if len(signature) != SIGNATURE_BYTES:
            raise BadSignature("a signature has 64 bytes", found=len(signature))
        try:
            self._verify(signature, data)
        except InvalidSignature as exc:
            raise BadSignature("the signature does not verify") from exc

    def pem(self) -> str:
        """SubjectPublicKeyInfo, PEM."""
        import base64

        prefix = _SPKI_P256 if self.kind == "P-256" else _SPKI_ED25519
        text = base64.b64encode(prefix + self.point).decode()
        lines = [text[at : at + 64] for at in range(0, len(text), 64)]
        return "\n".join(("-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""))


# SubjectPublicKeyInfo up to the point (RFC 5480, RFC 8410): both have one form only, so no ASN.1 reader is needed.
_SPKI_P256: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_SPKI_ED25519: Final = bytes.fromhex("302a300506032b6570032100")


def parse_public_pem(pem: bytes) -> PublicKey:
    """A SubjectPublicKeyInfo PEM of a P-256 (uncompressed) or Ed25519 key. Raises KeyFileError."""
    from binascii import a2b_base64

    lines = pem.strip().splitlines()
    if len(pem) > 4096 or len(lines) < 3 or lines[0].strip() != b"-----BEGIN PUBLIC KEY-----":
        raise KeyFileError(
            "not a public key file: it should begin with -----BEGIN PUBLIC KEY-----",
            code="key-not-public-pem",
            action="make one with: dpptag keys public --key KEY --out PUB",
        )
    try:
        if lines[-1].strip() != b"-----END PUBLIC KEY-----":
            raise ValueError("no end line")
        der = a2b_base64(b"".join(line.strip() for line in lines[1:-1]), strict_mode=True)
    except ValueError as exc:
        raise KeyFileError(f"damaged public key file: {exc}", code="key-pem-damaged") from exc
    if der.startswith(_SPKI_P256) and len(der) == len(_SPKI_P256) + 64:
        return PublicKey.from_point("P-256", der[len(_SPKI_P256) :])
    if der.startswith(_SPKI_ED25519) and len(der) == len(_SPKI_ED25519) + 32:
        return PublicKey.from_point("Ed25519", der[len(_SPKI_ED25519) :])
    raise KeyFileError("the key is neither P-256 nor Ed25519", code="key-kind", action="use a P-256 key")


class Signer(Protocol):
    """What signs: a key file now, a token later."""

    @property
    def public_key(self) -> PublicKey: ...

    def sign(self, data: bytes) -> bytes:
        """``r || s``, 64 bytes, ES256."""


class PrivateKey:
    """A P-256 private key held in this process."""

    __slots__ = ("_key", "public_key")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public_key: PublicKey = PublicKey._from_ec(key.public_key())

    @classmethod
    def generate(cls) -> PrivateKey:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def sign(self, data: bytes) -> bytes:
        """ES256 over ``data``; checked with the public key before it is given out, against faults."""
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        r, s = decode_dss_signature(self._key.sign(data, _ECDSA_SHA256))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        self.public_key.verify(signature, data)
        return signature

    def pkcs8(self, passphrase: bytes | None) -> bytes:
        """PKCS#8 PEM, encrypted (PBES2) unless ``passphrase`` is None. Raises KeyFileError for an empty one."""
        from cryptography.hazmat.primitives import serialization as s

        encryption: s.KeySerializationEncryption = s.NoEncryption()
        if passphrase is not None:
            if not 1 <= len(passphrase) <= PASSPHRASE_LIMIT:  # an empty one would leave the key plain, unnoticed
                raise KeyFileError(f"a passphrase has 1 to {PASSPHRASE_LIMIT} bytes", code="key-passphrase-length")
            encryption = s.BestAvailableEncryption(passphrase)
        return self._key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, encryption)

    def __repr__(self) -> str:
        return "PrivateKey(P-256)"


def is_encrypted_pem(pem: bytes) -> bool:
    return pem.lstrip().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def parse_private_pem(pem: bytes, passphrase: bytes | None) -> PrivateKey:
    """A PKCS#8 PEM of a P-256 key. Raises KeyFileError; no message ever holds key or passphrase."""
    from cryptography.hazmat.primitives import serialization as s

    encrypted = is_encrypted_pem(pem)
    if encrypted and not passphrase:
        raise KeyFileError(
            "the key file is encrypted and no passphrase was given",
            code="key-passphrase-missing",
            action="set DPPTAG_PASSPHRASE, or give --passphrase-file FILE",
        )
    try:
        key = s.load_pem_private_key(pem, passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # `from None`: the foreign text could name what was tried
        if encrypted:
            raise KeyFileError("wrong passphrase, or a damaged key file", code="key-passphrase-wrong") from None
        raise KeyFileError(
            "not a PKCS#8 private key in PEM",
            code="key-not-private-pem",
            action="make one with: dpptag keys new --out KEY",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError("not a P-256 key: dpptag signs with ES256 alone", code="key-kind", action="use a P-256 key")
    return PrivateKey(key)


def write_secret_file(path: Path, content: bytes) -> None:
    """A new file of mode 0600, synced to disk. Raises KeyFileError if it exists or cannot be written whole."""
    created = False
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        created = True
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as exc:
        raise KeyFileError(f"{path} exists: a key is never overwritten", code="key-exists", path=str(path)) from exc
    except OSError as exc:
        if created:  # half a key is of no use, and would stand in the way of the next try
            path.unlink(missing_ok=True)
        raise KeyFileError(f"cannot write {path}: {exc.strerror}", code="key-write", path=str(path)) from exc


# AES for tag keys and secure messaging. Imported where it is used: the verifier of signatures starts without ciphers.
AES_BYTES: Final = 16
"""AES-128: key, block, CMAC."""


def aes_encrypt_block(key: bytes, block: bytes) -> bytes:
    """One block under AES-128 in ECB mode."""
    return _aes(key, None, block, encrypt=True)


def aes_cbc_encrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-128 CBC of whole blocks; no padding is added."""
    return _aes(key, iv, data, encrypt=True)


def aes_cbc_decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-128 CBC of whole blocks; no padding is removed."""
    return _aes(key, iv, data, encrypt=False)


def _aes(key: bytes, iv: bytes | None, data: bytes, *, encrypt: bool) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if len(key) != AES_BYTES:
        raise ValueError("not an AES-128 key")
    # ECB for single blocks alone: initialisation vectors and key derivation of the chips (NT4H2421Gx 9.1.4).
    mode = modes.ECB() if iv is None else modes.CBC(iv)  # noqa: S305
    cipher = Cipher(algorithms.AES(key), mode)
    context = cipher.encryptor() if encrypt else cipher.decryptor()
    return context.update(data) + context.finalize()


DES_BYTES: Final = 8
"""Single DES: key and block."""


def des_cbc_encrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Single DES, CBC of whole blocks: of use for the key that every DESFire card is delivered with, and no other."""
    return _des(key, iv, data, encrypt=True)


def des_cbc_decrypt(key: bytes, iv: bytes, data: bytes) -> bytes:
    return _des(key, iv, data, encrypt=False)


def _des(key: bytes, iv: bytes, data: bytes, *, encrypt: bool) -> bytes:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    if len(key) != DES_BYTES:
        raise ValueError("not a DES key")
    cipher = Cipher(TripleDES(key * 3), modes.CBC(iv))  # three equal keys are single DES
    context = cipher.encryptor() if encrypt else cipher.decryptor()
    return context.update(data) + context.finalize()


def aes_cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC (RFC 4493), 16 bytes."""
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.cmac import CMAC

    if len(key) != AES_BYTES:
        raise ValueError("not an AES-128 key")
    mac = CMAC(AES(key))
    mac.update(data)
    return mac.finalize()


def is_same(a: bytes, b: bytes) -> bool:
    """Compare secrets or MACs in a time that does not depend on where they differ."""
    from cryptography.hazmat.primitives.constant_time import bytes_eq

    return bytes_eq(a, b)


def passphrase_key(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    """32 bytes by scrypt (RFC 7914) with N = 2 ** ``cost``, r = 8, p = 1, in N KiB of memory."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(passphrase)


def seal(key: bytes, nonce: bytes, plain: bytes, header: bytes) -> bytes:
    """AES-GCM (SP 800-38D): ciphertext and tag; ``header`` is protected too. A nonce is used once under one key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key).encrypt(nonce, plain, header)


def unseal(key: bytes, nonce: bytes, sealed: bytes, header: bytes) -> bytes:
    """What :func:`seal` sealed. Raises KeyFileError for another key, or a byte changed in ``sealed`` or ``header``."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, header)
    except InvalidTag:
        raise KeyFileError("wrong passphrase, or a damaged key file", code="key-passphrase-wrong") from None


# Originality signatures: a chip maker's ECDSA over the chip number, verified alone. All of it is public data.
OriginalityCurve = Literal["secp128r1", "secp192r1", "secp224r1"]


def verify_originality(curve: OriginalityCurve, point: bytes, signature: bytes, uid: bytes, *, hashed: bool) -> None:
    """Raises BadSignature. ``point`` is uncompressed, 04 first; ``signature`` is ``r || s``; ``uid`` as it was signed.

    NXP signs the UID itself as an integer, no hash (AN11350, AN12196); ST its SHA-256, ``hashed``, of which the
    leftmost bits count. Raises KeyFileError where the point is not on the curve.
    """
    width = (len(point) - 1) // 2
    if len(signature) != 2 * width:
        raise BadSignature(f"an originality signature of {curve} has {2 * width} bytes", found=len(signature))
    message = sha256(uid)[:width] if hashed else uid
    if curve == "secp128r1":
        _verify_secp128r1(point, signature, message)
    else:
        _verify_short_curve(curve, point, signature, message)


def _verify_short_curve(curve: OriginalityCurve, point: bytes, signature: bytes, message: bytes) -> None:
    """Prehashed asks for exactly a digest's length: zeros on the left make it up and leave the integer as it is."""
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA1, SHA224

    # No hash is computed: SHA-1 and SHA-224 stand for the 20 and 28 bytes, neither longer than the order of its curve.
    shape: ec.EllipticCurve
    length: SHA1 | SHA224
    shape, length = (ec.SECP192R1(), SHA1()) if curve == "secp192r1" else (ec.SECP224R1(), SHA224())  # noqa: S303
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(shape, point)
        padded = message.rjust(length.digest_size, b"\0")
        key.verify(encode_dss_signature(r, s), padded, ec.ECDSA(Prehashed(length)))
    except InvalidSignature as exc:
        raise BadSignature("the originality signature does not verify") from exc
    except ValueError as exc:
        raise KeyFileError(f"not a point of {curve}", code="key-point") from exc


def _verify_secp128r1(point: bytes, signature: bytes, message: bytes) -> None:
    """secp128r1 (SEC 2) is not in cryptography; 64 bits of security, so counterfeit screening and no proof."""
    from ecdsa import BadSignatureError, VerifyingKey
    from ecdsa.curves import SECP128r1
    from ecdsa.errors import MalformedPointError

    try:
        key = VerifyingKey.from_string(point, curve=SECP128r1, valid_encodings=("uncompressed",))
    except MalformedPointError as exc:
        raise KeyFileError("not a point of secp128r1", code="key-point") from exc
    try:
        key.verify_digest(signature, message)
    except BadSignatureError as exc:
        raise BadSignature("the originality signature does not verify") from exc
