"""Test keys that everybody knows: for worked examples and repeatable sweeps, never for a tag.

Private scalar: SHA-256 over ``dpptag/1 published test key: NAME``. Signatures are deterministic (RFC 6979), so that
the examples of docs/tag-format.md come out the same, byte for byte, whenever they are made.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from dpptag.crypto import PublicKey


class PublishedKey:
    """A ``dpptag.crypto.Signer`` on P-256 whose private key is no secret."""

    def __init__(self, name: str) -> None:
        self.seed = f"dpptag/1 published test key: {name}"
        self.scalar = hashlib.sha256(self.seed.encode()).digest()
        self._key = ec.derive_private_key(int.from_bytes(self.scalar, "big"), ec.SECP256R1())
        numbers = self._key.public_key().public_numbers()
        point = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
        self.public_key = PublicKey.from_point("P-256", point)

    def sign(self, data: bytes) -> bytes:
        """``r || s`` by RFC 6979 with SHA-256."""
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
