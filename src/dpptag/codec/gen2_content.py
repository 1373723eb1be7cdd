"""What a Gen2 tag carries, as one value: the EPC from word 2 on, and the user bank (docs/tag-format.md section 5).

The ledger keeps it as the row's message, as it keeps the NDEF message of an NFC tag: CBOR ``[epc, user]``.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpptag.codec import cbor
from dpptag.errors import LayoutError

_EPC_LIMIT = 62  # StoredPC counts at most 31 words
_USER_LIMIT = 0x2000
_ENCODED_LIMIT = 1 + 3 + _EPC_LIMIT + 3 + _USER_LIMIT  # an array of two, each string with the longest head it can have


@dataclass(frozen=True, slots=True)
class Gen2Content:
    """Whole words each. ``user``: from word 0 on; what a bank holds behind it is zero. Raises LayoutError."""

    epc: bytes
    user: bytes

    def __post_init__(self) -> None:
        if not self.epc or len(self.epc) % 2 or len(self.epc) > _EPC_LIMIT:
            raise LayoutError(f"an EPC has 1 to 31 whole words, not {len(self.epc)} bytes", code="epc-length")
        if len(self.user) % 2 or len(self.user) > _USER_LIMIT:
            raise LayoutError(f"a user bank has whole words, not {len(self.user)} bytes", code="user-length")

    def to_bytes(self) -> bytes:
        return cbor.encode([self.epc, self.user])

    @classmethod
    def from_bytes(cls, data: bytes) -> Gen2Content:
        """Raises CborError or LayoutError for anything that :meth:`to_bytes` does not give."""
        value = cbor.decode(data, max_size=_ENCODED_LIMIT)
        if not isinstance(value, list) or len(value) != 2 or not all(isinstance(part, bytes) for part in value):
            raise LayoutError("not the content of a Gen2 tag", code="gen2-content")
        epc, user = value
        assert isinstance(epc, bytes)
        assert isinstance(user, bytes)
        return cls(epc, user)
