"""Trust data at hand: issuer by identity, key by slot inside that issuer only."""

from __future__ import annotations

from dpptag.crypto import PublicKey
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey, open_bundle
from dpptag.trust.scopes import DidScope, GcpScope, split_uri


class TrustStore:
    """An indexed bundle. ``accepted`` is the day of the last accepted import, where there is one."""

    def __init__(self, bundle: Bundle, accepted: int | None = None) -> None:
        self.issued = bundle.issued
        self.expires = bundle.expires
        self.issuers = bundle.issuers
        self.newest_day = bundle.issued if accepted is None else max(bundle.issued, accepted)
        self._by_digits: dict[str, Issuer] = {}
        self._by_did: dict[str, Issuer] = {}
        self._by_host: dict[tuple[str, str], list[tuple[tuple[str, ...], Issuer]]] = {}
        for issuer in bundle.issuers:
            for scope in issuer.scopes:
                if isinstance(scope, GcpScope):
                    self._by_digits[scope.digits] = issuer
                elif isinstance(scope, DidScope):
                    self._by_did[scope.did] = issuer
                else:
                    self._by_host.setdefault((scope.scheme, scope.host), []).append((scope.segments, issuer))
        self._lengths = tuple(sorted({len(digits) for digits in self._by_digits}, reverse=True))
        for entries in self._by_host.values():
            entries.sort(key=lambda entry: -len(entry[0]))
        self._keys: dict[str, dict[int | bytes, IssuerKey]] = {}
        for issuer in bundle.issuers:
            by_slot: dict[int | bytes, IssuerKey] = {key.slot: key for key in issuer.keys}
            self._keys[issuer.name] = by_slot | {key.hint: key for key in issuer.keys}

    @classmethod
    def load(cls, data: bytes, root: PublicKey, accepted: int | None = None) -> TrustStore:
        """Verify and index ``issuers.cose``. Raises TrustDataError."""
        return cls(open_bundle(data, root), accepted)

    def clock_is_wrong(self, today: int) -> bool:
        return today < self.newest_day

    def is_stale(self, today: int) -> bool:
        """Past its date, or no believable clock to tell (DESIGN.md section 3, check 9)."""
        return today > self.expires or today < self.newest_day

    def issuer_by_digits(self, digits: str) -> Issuer | None:
        """By the longest registered run of the key's digits."""
        known = self._by_digits
        for length in self._lengths:
            if length <= len(digits):
                issuer = known.get(digits[:length])
                if issuer is not None:
                    return issuer
        return None

    def issuer_by_uri(self, uri: str) -> Issuer | None:
        """By scheme, exact host and the longest run of whole leading path segments; never for a GS1 key."""
        parts = split_uri(uri)
        if parts is None:
            return None
        scheme, host, segments = parts
        for prefix, issuer in self._by_host.get((scheme, host), ()):
            if segments[: len(prefix)] == prefix:
                return issuer
        return None

    def issuer_by_did(self, did: str) -> Issuer | None:
        """By exactly this DID: who signs credentials under it."""
        return self._by_did.get(did)

    def key(self, issuer: Issuer, name: int | bytes) -> IssuerKey | None:
        """By slot, or by the 8-byte thumbprint hint of ``full``."""
        return self._keys[issuer.name].get(name)
