from collections.abc import Sequence

from ecdsa.curves import Curve

class BadSignatureError(Exception): ...

class VerifyingKey:
    @classmethod
    def from_string(
        cls, string: bytes, curve: Curve, *, valid_encodings: Sequence[str] | None = None
    ) -> VerifyingKey: ...
    def verify_digest(self, signature: bytes, digest: bytes) -> bool: ...
