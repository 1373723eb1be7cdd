"""Issuers and their keys, and the signed trust bundle ``issuers.cose`` (docs/tag-format.md section 8, CDDL there).

The bundle is a tagged COSE_Sign1 over deterministic CBOR, signed by the trust root that a reader pins.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, unique
from typing import Final, NamedTuple

from dpptag.codec import cbor, cose
from dpptag.codec.cbor import CborValue
from dpptag.codec.cose import Algorithm, Header
from dpptag.crypto import PublicKey, Signer
from dpptag.errors import BadSignature, CodecError, KeyFileError, TrustDataError
from dpptag.model.statement import LAST_DAY, LAST_SLOT
from dpptag.trust.scopes import Scope, parse_scope

BUNDLE_LIMIT: Final = 4 * 1024 * 1024
"""Bytes; ten thousand issuers take about 1 MB."""
CONTENT_TYPE: Final = "application/vnd.dpptag.issuers+cbor"
SCHEMA_VERSION: Final = 1
_LABELS: Final = frozenset((Header.ALG, Header.CONTENT_TYPE, Header.KID))
_NAME_LIMIT: Final = 200


@unique
class KeyStatus(IntEnum):
    """A retired key still verifies what it signed in its period; a compromised one verifies nothing."""

    ACTIVE = 0
    RETIRED = 1
    COMPROMISED = 2


_STATUSES: Final = frozenset(map(int, KeyStatus))


class IssuerKey(NamedTuple):
    """Days are counted since 1970-01-01 UTC and are signing days, both ends included; None: open."""

    slot: int
    public_key: PublicKey
    status: KeyStatus = KeyStatus.ACTIVE
    not_before: int | None = None
    not_after: int | None = None
    allows_bare: bool = False

    @property
    def hint(self) -> bytes:
        """First 8 bytes of the RFC 9679 thumbprint: the key id of ``full``."""
        return self.public_key.thumbprint()[:8]

    def check(self) -> None:
        """Raises TrustDataError."""
        if not 0 <= self.slot <= LAST_SLOT:
            raise TrustDataError(f"key slot {self.slot} is outside 0..31", code="slot-range")
        for day in (self.not_before, self.not_after):
            if day is not None and not 1 <= day <= LAST_DAY:
                raise TrustDataError(f"day {day} is outside 1..{LAST_DAY}", code="day-range")
        if self.not_before is not None and self.not_after is not None and self.not_after < self.not_before:
            raise TrustDataError("the signing period ends before it begins", code="period")
        if self.allows_bare and self.public_key.kind != "P-256":
            raise TrustDataError("bare statements take P-256 keys only", code="bare-kind")

    def covers(self, day: int) -> bool:
        return (self.not_before is None or day >= self.not_before) and (self.not_after is None or day <= self.not_after)


class Issuer(NamedTuple):
    """``keys`` are in ascending order of slot."""

    name: str
    scopes: tuple[Scope, ...]
    keys: tuple[IssuerKey, ...]

    def check(self) -> None:
        """Raises TrustDataError."""
        for key in self.keys:
            key.check()
        if not self.name or len(self.name) > _NAME_LIMIT or not self.name.isprintable():
            raise TrustDataError("an issuer's name has 1 to 200 printable characters", code="issuer-name")
        if not self.scopes or not self.keys:
            raise TrustDataError(f"issuer {self.name!r} has no scope or no key", code="issuer-empty")
        for kind, values in (
            ("slot", [key.slot for key in self.keys]),
            ("key", [key.hint for key in self.keys]),
            ("scope", list(self.scopes)),
        ):
            if len(set(values)) != len(values):
                raise TrustDataError(f"issuer {self.name!r} names the same {kind} twice", code=f"{kind}-twice")


class Bundle(NamedTuple):
    """``issued`` and ``expires`` in days since 1970-01-01 UTC; good through the whole of its last day."""

    issued: int
    expires: int
    issuers: tuple[Issuer, ...]

    def check(self) -> None:
        """Everything that must hold of trust data, when it is made and whenever it is loaded. Raises TrustDataError."""
        if not (1 <= self.issued <= LAST_DAY and 1 <= self.expires <= LAST_DAY):
            raise TrustDataError("the trust data has no possible dates", code="bundle-dates")
        seen: dict[Scope, str] = {}
        names: set[str] = set()
        lost: dict[PublicKey, tuple[bool, str]] = {}
        for issuer in self.issuers:
            issuer.check()
            if issuer.name != _plain(issuer.name):
                raise TrustDataError(
                    f"the name {issuer.name!r} begins or ends with a blank, or is not in Unicode's form NFC",
                    code="issuer-name",
                    action="write it so that no other name looks the same",
                )
            for key in issuer.keys:
                compromised = key.status is KeyStatus.COMPROMISED
                known, holder = lost.setdefault(key.public_key, (compromised, issuer.name))
                if known is not compromised:
                    raise TrustDataError(
                        f"{holder!r} and {issuer.name!r} have the same key, compromised with the one alone",
                        code="key-compromised",
                        action="mark it compromised with both, and give them new keys",
                    )
            if issuer.name in names:
                raise TrustDataError(f"two issuers are called {issuer.name!r}", code="issuer-twice")
            names.add(issuer.name)
            for scope in issuer.scopes:
                if scope in seen:
                    raise TrustDataError(
                        f"{seen[scope]!r} and {issuer.name!r} claim the same scope {scope}",
                        code="scope-conflict",
                        action="give each scope to one issuer",
                    )
                seen[scope] = issuer.name


def _plain(name: str) -> str:
    if name.isascii():
        return name.strip()
    from unicodedata import normalize

    return normalize("NFC", name).strip()


def encode_bundle(bundle: Bundle) -> bytes:
    """The CBOR payload."""
    return cbor.encode(
        {
            1: SCHEMA_VERSION,
            2: bundle.issued,
            3: bundle.expires,
            4: [
                {1: issuer.name, 2: [str(scope) for scope in issuer.scopes], 3: [_key_map(key) for key in issuer.keys]}
                for issuer in bundle.issuers
            ],
        }
    )


def _key_map(key: IssuerKey) -> dict[int, object]:
    entry: dict[int, object] = {1: key.slot, 2: key.public_key.cose_key(), 3: int(key.status)}
    if key.not_before is not None:
        entry[4] = key.not_before
    if key.not_after is not None:
        entry[5] = key.not_after
    if key.allows_bare:
        entry[6] = 1
    return entry


def sign_bundle(bundle: Bundle, root: Signer) -> bytes:
    """``issuers.cose``: the tagged COSE_Sign1."""
    bundle.check()
    payload = encode_bundle(bundle)
    if len(payload) > BUNDLE_LIMIT:
        raise TrustDataError(f"trust data of {len(payload)} bytes, more than {BUNDLE_LIMIT}", code="bundle-size")
    protected = cbor.encode(
        {
            int(Header.ALG): int(Algorithm.ES256),
            int(Header.CONTENT_TYPE): CONTENT_TYPE,
            int(Header.KID): root.public_key.thumbprint()[:8],
        }
    )
    signature = root.sign(cose.sig_structure(protected, b"", payload))
    return cose.assemble(protected, payload, signature, tagged=True)


def open_bundle(data: bytes, root: PublicKey) -> Bundle:
    """Verify ``issuers.cose`` under the pinned root, then parse it. Raises TrustDataError; used at every load."""
    if len(data) > BUNDLE_LIMIT + 1024:
        raise _refused(f"not a trust bundle: more than {BUNDLE_LIMIT} bytes", "bundle-damaged")
    try:
        # Nothing of a stranger's is decoded but heads and the small header: a CBOR bomb costs no time, no memory.
        protected, payload, signature = cose.split_sign1(data)
        header = cbor.decode(protected)
    except CodecError as exc:
        code = "bundle-shape" if exc.code == "cose-unprotected" else "bundle-damaged"
        raise _refused(f"not a trust bundle: {exc.message}", code) from exc
    if type(header) is not dict or header.keys() != _LABELS or data[0] != cose.TAG_SIGN1:
        raise _refused("not a trust bundle: untagged, or with other header labels than the format names", "bundle-type")
    if header[Header.CONTENT_TYPE] != CONTENT_TYPE or payload is None:
        raise _refused("not a trust bundle: another content type", "bundle-type")
    algorithm = header[Header.ALG]
    if type(algorithm) is not int or not root.supports(algorithm):
        raise _refused("the trust bundle is not signed with an algorithm of this root key", "bundle-root")
    if header[Header.KID] != root.thumbprint()[:8]:
        raise _refused("the trust bundle is signed by another root than the one pinned", "bundle-root")
    try:
        root.verify(signature, cose.sig_structure(protected, b"", payload))
    except BadSignature as exc:
        raise _refused("the signature of the trust bundle is false: it was changed", "bundle-signature") from exc
    try:
        bundle = _parse_bundle(cbor.decode(payload, max_size=BUNDLE_LIMIT, max_depth=8))
    except (CodecError, KeyFileError) as exc:
        raise _refused(f"damaged trust data: {exc.message}", "bundle-damaged") from exc
    bundle.check()
    return bundle


def _refused(message: str, code: str) -> TrustDataError:
    return TrustDataError(message, code=code, action="get issuers.cose and the root key again from who runs your trust")


def _parse_bundle(value: CborValue) -> Bundle:
    fields = _fields(value, {1, 2, 3, 4}, frozenset(), "trust data", version=True)
    return Bundle(_integer(fields[2]), _integer(fields[3]), tuple(_parse_issuer(item) for item in _list(fields[4])))


def _parse_issuer(value: CborValue) -> Issuer:
    fields = _fields(value, {1, 2, 3}, frozenset(), "an issuer")
    name = fields[1]
    if type(name) is not str:
        raise _refused("an issuer's name is not text", "bundle-shape")
    scopes: list[Scope] = []
    for text in _list(fields[2]):
        if type(text) is not str:
            raise _refused("a scope is not text", "bundle-shape")
        scope = parse_scope(text)
        if str(scope) != text:
            raise _refused(f"scope {text!r} is not in its canonical form", "bundle-shape")
        scopes.append(scope)
    keys = tuple(_parse_key(item) for item in _list(fields[3]))
    return Issuer(name, tuple(scopes), keys)


def _parse_key(value: CborValue) -> IssuerKey:
    fields = _fields(value, {1, 2, 3}, {4, 5, 6}, "a key")
    status = _integer(fields[3])
    if status not in _STATUSES:
        raise _refused(f"unknown key status {status}", "bundle-shape")
    if fields.get(6, 1) != 1:
        raise _refused("the bare mark of a key is not 1", "bundle-shape")
    return IssuerKey(
        slot=_integer(fields[1]),
        public_key=PublicKey.from_cose_key(fields[2]),
        status=KeyStatus(status),
        not_before=_integer(fields[4]) if 4 in fields else None,
        not_after=_integer(fields[5]) if 5 in fields else None,
        allows_bare=6 in fields,
    )


def _fields(
    value: CborValue, required: set[int], optional: set[int] | frozenset[int], what: str, *, version: bool = False
) -> dict[int | str, CborValue]:
    if type(value) is not dict:
        raise _refused(f"{what} is no map", "bundle-shape")
    if version and value.get(1) != SCHEMA_VERSION:
        raise TrustDataError(
            f"trust data of schema version {value.get(1)!r}; this dpptag reads version {SCHEMA_VERSION}",
            code="bundle-version",
            action="update dpptag; keep the old trust bundle until then",
        )
    if not required <= value.keys() <= required | optional:
        raise _refused(f"{what} has fields that this version does not know, or lacks one", "bundle-shape")
    return value


def _integer(value: CborValue) -> int:
    if type(value) is not int:
        raise _refused("a number is not an integer", "bundle-shape")
    return value


def _list(value: CborValue) -> Sequence[CborValue]:
    if type(value) is not list:
        raise _refused("a list is missing", "bundle-shape")
    return value
