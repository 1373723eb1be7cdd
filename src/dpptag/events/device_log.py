"""The envelope of a log entry: COSE_Sign1 by the device key over ``[1, seq, previous, event]``.

``previous`` is SHA-256 over the exact bytes of the entry before (32 zero bytes before the first), ``event`` the frozen
body. Whoever receives the log sees a missing, altered or reordered entry. A tail cut off before it was ever sent cannot
be seen by anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpptag.codec import cbor, cose
from dpptag.crypto import PublicKey, Signer, sha256
from dpptag.errors import CborError, CoseError
from dpptag.events.event import FrozenEvent

FIRST_PREVIOUS: Final = bytes(32)
ENTRY_LIMIT: Final = 1 << 20
"""Bytes of an envelope; an event is about one kilobyte."""

_EXTERNAL_AAD: Final = cbor.encode(["dpptag/log/1"])  # no log entry can pass for a tag statement, nor the reverse


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry; ``envelope`` is what is stored, sent and chained, byte for byte."""

    seq: int
    previous: bytes
    event: FrozenEvent
    envelope: bytes

    @property
    def digest(self) -> bytes:
        """What the next entry names as its ``previous``."""
        return sha256(self.envelope)

    @classmethod
    def seal(cls, signer: Signer, seq: int, previous: bytes, event: FrozenEvent) -> LogEntry:
        """Sign a new entry. Raises CborError for a body over the limit."""
        if len(event.body) > ENTRY_LIMIT // 2:
            raise CborError(f"an event of {len(event.body)} bytes is too large for the log", code="log-event-size")
        thumbprint = signer.public_key.thumbprint()
        protected = cbor.encode({cose.Header.ALG.value: cose.Algorithm.ES256.value, cose.Header.KID.value: thumbprint})
        payload = cbor.encode([1, seq, previous, event.body])
        signature = signer.sign(cose.sig_structure(protected, _EXTERNAL_AAD, payload))
        return cls(seq, previous, event, cose.assemble(protected, payload, signature, tagged=True))

    @classmethod
    def from_envelope(cls, envelope: bytes) -> LogEntry:
        """Parse without judging the signature. Raises CoseError, CborError or InputError."""
        return cls._parsed(envelope)[0]

    def verify(self, key: PublicKey) -> None:
        """Raises BadSignature, CoseError or CborError."""
        _, message = self._parsed(self.envelope)
        algorithm = message.header(cose.Header.ALG)
        if algorithm != cose.Algorithm.ES256 or message.header(cose.Header.KID) != key.thumbprint():
            raise CoseError("the entry names another key or algorithm than the device's", code="log-key")
        key.verify(message.signature, message.to_be_signed(_EXTERNAL_AAD))

    @classmethod
    def _parsed(cls, envelope: bytes) -> tuple[LogEntry, cose.Sign1]:
        message = cose.parse_sign1(envelope, max_size=ENTRY_LIMIT)
        if message.payload is None or not message.tagged:
            raise CoseError("a log entry is a tagged COSE_Sign1 that carries its payload", code="log-shape")
        match cbor.decode(message.payload, max_size=ENTRY_LIMIT):
            case [1, int(seq), bytes(previous), bytes(body)] if seq > 0 and len(previous) == len(FIRST_PREVIOUS):
                return cls(seq, previous, FrozenEvent.from_body(body), envelope), message
        raise CoseError("a log entry is [1, seq, previous, event]", code="log-shape")
