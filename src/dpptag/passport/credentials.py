"""Is this passport what its issuer issued? Offline, from the trust data and status lists at hand.

1. The document was parsed: JSON, and an envelope round it (``vc+jwt`` or ``vc+cose``).
2. The credential is well formed: an issuer with an id that token and key id do not contradict, dates that are dates.
3. The issuer is found by its id: a DID by its own scope, another URI by scheme, host and path.
4. It is a passport, and product and issuer belong together: whoever may sign tags of this product is this issuer.
5. The key is usable: known inside this issuer, not compromised.
6. The signature holds over the exact bytes, with an algorithm of the key's own.
7. The credential is not withdrawn: status lists at hand, each verified in the same way.
8. Now lies inside the validity period.
9. The trust data is fresh and the clock believable.

A negative of 8 or 9 makes ``genuine-stale``, as for tags; what could not be checked is said and never counts as good or
bad. A passport whose status was not looked up is genuine with a warning. Embedded proofs are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, unique
from typing import Final, NamedTuple

from dpptag.crypto import sha256
from dpptag.errors import BadSignature, LinkError, PassportError
from dpptag.model.statement import SECONDS_A_DAY
from dpptag.model.verdict import CheckOutcome, Verdict
from dpptag.passport.document import Document, Envelope, JsonObject, read_document
from dpptag.passport.periods import Window, latest, stated_seconds, stated_time, window_of
from dpptag.passport.sealing import issuer_id, jwk_thumbprint
from dpptag.passport.status_list import StatusEntry, bit_of, status_entries
from dpptag.passport.untp import read_identity
from dpptag.trust.issuers import Issuer, IssuerKey, KeyStatus
from dpptag.trust.scopes import gs1_digits, is_did
from dpptag.trust.store import TrustStore

_JOSE_ALGORITHMS: Final = {"ES256": -7, "EdDSA": -8, "Ed25519": -19}
CHECKS: Final = (
    "document parsed",
    "credential well formed",
    "issuer found",
    "issuer may speak for the product",
    "key usable",
    "signature",
    "not withdrawn",
    "inside its period",
    "trust data fresh",
)


@unique
class Standing(Enum):
    """What the status lists say. ``NOT_STATED``: the credential has no status; ``NOT_CHECKED``: no list at hand."""

    GOOD = "good"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    NOT_STATED = "not-stated"
    NOT_CHECKED = "not-checked"


class CredentialCheck(NamedTuple):
    number: int
    outcome: CheckOutcome
    detail: str

    @property
    def name(self) -> str:
        return CHECKS[self.number - 1]


@dataclass(frozen=True, slots=True)
class CredentialReport:
    """One passport, judged. ``digest`` is of the exact bytes, as tags carry it; absent values are None."""

    verdict: Verdict
    reason: str
    issuer: str | None
    issuer_id: str | None
    slot: int | None
    product: str | None
    secured: str | None
    window: Window | None
    status: Standing | None
    digest: bytes
    checks: tuple[CredentialCheck, ...]
    warnings: tuple[str, ...]


class _EndedError(Exception):
    """The check that decided, and the verdict that it makes."""

    def __init__(self, check: int, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.check = check
        self.verdict = verdict
        self.reason = reason


class _Findings:
    """What was found on the way, as far as it came."""

    def __init__(self) -> None:
        self.document: Document | None = None
        self.issuer: Issuer | None = None
        self.issuer_id: str | None = None
        self.key: IssuerKey | None = None
        self.product: str | None = None
        self.window: Window | None = None
        self.status: Standing | None = None
        self.details: dict[int, str] = {}
        self.warnings: list[str] = []


def judge_passport(
    data: bytes, trust: TrustStore, now: datetime, status_lists: Sequence[bytes] = ()
) -> CredentialReport:
    """All checks of a passport exactly as issued. ``status_lists``: list credentials at hand, signed as passports are.

    ``now`` is aware. Nothing is fetched; nothing is raised for whatever ``data`` holds.
    """
    found = _Findings()
    ended: _EndedError | None = None
    try:
        _check(data, trust, now, status_lists, found)
    except _EndedError as exc:
        ended = exc
    return _report(data, trust, now, found, ended)


def _check(data: bytes, trust: TrustStore, now: datetime, lists: Sequence[bytes], found: _Findings) -> None:
    credential = _check_signed(data, trust, found, is_passport=True)
    # 7
    found.status = _status(credential, trust, now, lists, found)
    if found.status in (Standing.REVOKED, Standing.SUSPENDED):
        raise _EndedError(7, Verdict.REVOKED, f"the issuer has {found.status.value} this passport")
    # 8
    found.window = _window(credential, trust, now, found)


def _check_signed(data: bytes, trust: TrustStore, found: _Findings, *, is_passport: bool) -> JsonObject:
    """Checks 1 to 6."""
    # 1
    try:
        document = found.document = read_document(data)
    except PassportError as exc:
        raise _EndedError(1, Verdict.UNREADABLE, exc.message) from exc
    credential = document.credential
    envelope = document.envelope
    if envelope is None:
        how = "has an embedded proof, which is not checked here" if document.secured == "proof" else "is not signed"
        raise _EndedError(1, Verdict.UNSIGNED, f"this document {how}")
    # 2
    try:
        found.issuer_id = named = issuer_id(credential)
        for name in ("validFrom", "validUntil"):
            stated_time(credential, name)
        _check_claims(document, envelope, named)
    except PassportError as exc:
        raise _EndedError(2, Verdict.UNREADABLE, exc.message) from exc
    # 3
    issuer = found.issuer = trust.issuer_by_did(named) if is_did(named) else trust.issuer_by_uri(named)
    if issuer is None:
        raise _EndedError(3, Verdict.UNKNOWN_ISSUER, f"the trust data has no issuer {named}")
    found.details[3] = issuer.name
    # 5, 6 before 4: what a stranger wrote is not compared with anything
    key = found.key = _verified(envelope, issuer)
    if key.status is KeyStatus.COMPROMISED:
        raise _EndedError(5, Verdict.REVOKED, f"the key in slot {key.slot} of {issuer.name} is compromised")
    if credential.get("validFrom") is None and (key.not_before is not None or key.not_after is not None):
        found.warnings.append("it states no validFrom: whether its key was in its signing period cannot be told")
    if not key.covers(_signed_day(credential, key)):
        raise _EndedError(5, Verdict.FORGED, "the credential's first day is outside the signing period of its key")
    # 4
    if is_passport:
        _check_product(credential, issuer, trust, found)
    return credential


def _check_claims(document: Document, envelope: Envelope, named: str) -> None:
    """What the token says beside the credential must not contradict it (VC-JOSE-COSE section 3.1.3)."""
    key_id = envelope.key_id.decode("utf-8", "replace") if isinstance(envelope.key_id, bytes) else envelope.key_id or ""
    owner, separator, _ = key_id.partition("#")
    if is_did(named) and separator and owner.startswith("did:") and owner != named:
        raise PassportError("the key id names a key of another DID than the issuer's", code="issuer-id")
    if document.secured != "vc+jwt":
        return
    if document.credential.get("iss", named) != named:
        raise PassportError("the token's iss is another than the credential's issuer", code="issuer-id")
    for name in ("nbf", "exp"):
        stated_seconds(document.credential, name)


def _verified(envelope: Envelope, issuer: Issuer) -> IssuerKey:
    """The issuer's key under which the signature holds. The key id is a hint: it orders the tries."""
    algorithm = envelope.algorithm
    number = _JOSE_ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else algorithm
    usable = [key for key in issuer.keys if number is not None and key.public_key.supports(number)]
    if not usable:
        raise _EndedError(
            5,
            Verdict.UNKNOWN_ISSUER,
            f"{issuer.name} has no key for algorithm {str(algorithm)[:20]}: newer trust data?",
        )
    hinted = _hinted(envelope.key_id, usable)
    for key in (*hinted, *(key for key in usable if key not in hinted)):
        try:
            key.public_key.verify(envelope.signature, envelope.signing_input)
        except BadSignature:
            continue
        return key
    if envelope.key_id is not None and not hinted:
        raise _EndedError(
            5, Verdict.UNKNOWN_ISSUER, f"no known key of {issuer.name} verifies this, and it names one not known here"
        )
    raise _EndedError(6, Verdict.FORGED, f"the signature is false under the keys of {issuer.name}")


def _hinted(key_id: str | bytes | None, keys: list[IssuerKey]) -> list[IssuerKey]:
    text = key_id.decode("utf-8", "replace") if isinstance(key_id, bytes) else key_id or ""
    fragment = text.rpartition("#")[2]
    return [key for key in keys if fragment in (jwk_thumbprint(key.public_key), f"slot-{key.slot}")]


def _signed_day(credential: JsonObject, key: IssuerKey) -> int:
    """The signed first day of the credential; where it says none, a day that the key's period holds."""
    at = stated_time(credential, "validFrom")
    if at is None:
        return key.not_before or key.not_after or 1
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) // SECONDS_A_DAY


def _check_product(credential: JsonObject, issuer: Issuer, trust: TrustStore, found: _Findings) -> None:
    """As for a tag: the product's identity finds whoever may sign for it (docs/tag-format.md section 8.1)."""
    try:
        found.product = product = read_identity(credential)
    except PassportError as exc:
        raise _EndedError(4, Verdict.UNREADABLE, exc.message) from exc
    try:
        digits = gs1_digits(product)
    except LinkError as exc:
        raise _EndedError(4, Verdict.UNREADABLE, f"the product id is malformed: {exc.message}") from exc
    owner = trust.issuer_by_uri(product) if digits is None else trust.issuer_by_digits(digits)
    if owner is None:
        raise _EndedError(4, Verdict.UNKNOWN_ISSUER, "the trust data does not say whose product this is")
    if owner is not issuer:
        raise _EndedError(
            4, Verdict.FORGED, f"signed by {issuer.name}, which may not speak for a product of {owner.name}"
        )


def _status(
    credential: JsonObject, trust: TrustStore, now: datetime, lists: Sequence[bytes], found: _Findings
) -> Standing:
    try:
        entries = status_entries(credential)
    except PassportError as exc:
        found.warnings.append(f"status not checked: {exc.message}")
        return Standing.NOT_CHECKED
    if not entries:
        return Standing.NOT_STATED
    verified = list(_verified_lists(trust, lists, found))
    standings = [_entry_status(entry, trust, now, verified, found) for entry in entries]
    for standing in (Standing.REVOKED, Standing.SUSPENDED, Standing.NOT_CHECKED):
        if standing in standings:
            return standing
    return Standing.GOOD


def _verified_lists(
    trust: TrustStore, lists: Sequence[bytes], found: _Findings
) -> Iterator[tuple[JsonObject, _Findings]]:
    """Those whose signature holds, each verified once."""
    for data in lists:
        of_list = _Findings()
        try:
            yield _check_signed(data, trust, of_list, is_passport=False), of_list
        except _EndedError as exc:
            found.warnings.append(f"a status list is not taken: {exc}")


def _entry_status(
    entry: StatusEntry,
    trust: TrustStore,
    now: datetime,
    lists: Sequence[tuple[JsonObject, _Findings]],
    found: _Findings,
) -> Standing:
    """Of all issues of the list at hand. A set bit counts on any of them, also on one past its date: a list that is
    older, or out of order, never hides it. A clear bit outside a list's period proves nothing of today.
    """
    standing = Standing.NOT_CHECKED
    newest = datetime.min.replace(tzinfo=UTC)
    for credential, of_list in lists:
        if credential.get("id") != entry.url:
            continue
        try:
            if of_list.issuer is not found.issuer:
                raise PassportError("the status list is signed by another issuer", code="status-issuer")
            is_set = bit_of(credential, entry)
        except PassportError as exc:
            found.warnings.append(f"a status list is not taken: {exc.message}")
            continue
        if is_set:
            return Standing.REVOKED if entry.purpose == "revocation" else Standing.SUSPENDED
        if _window(credential, trust, now, of_list) is not Window.INSIDE:
            found.warnings.append("the status list at hand is not of today's date: it proves nothing of today")
            continue
        standing = Standing.GOOD
        since = stated_time(credential, "validFrom")
        at = newest if since is None else latest(since)
        if at >= newest:
            newest = at
            found.details[7] = f"{entry.purpose} list of {since.isoformat() if since else 'an unstated date'}"
    return standing


def _window(credential: JsonObject, trust: TrustStore, now: datetime, found: _Findings) -> Window:
    is_token = found.document is not None and found.document.secured == "vc+jwt"
    is_clock_right = not trust.clock_is_wrong(int(now.timestamp()) // SECONDS_A_DAY)
    return window_of(credential, now, found.warnings, is_token=is_token, is_clock_right=is_clock_right)


def _report(
    data: bytes, trust: TrustStore, now: datetime, found: _Findings, ended: _EndedError | None
) -> CredentialReport:
    stale = trust.is_stale(int(now.timestamp()) // SECONDS_A_DAY)
    checks = []
    order = (1, 2, 3, 5, 6, 4, 7, 8)
    reached = len(order) if ended is None else order.index(ended.check)
    for place, number in enumerate(order):
        if place < reached:
            outcome, detail = CheckOutcome.PASSED, found.details.get(number, "")
        elif ended is not None and place == reached:
            outcome, detail = CheckOutcome.FAILED, ended.reason
        else:
            outcome, detail = CheckOutcome.NOT_RUN, "an earlier check failed"
        checks.append(_settled(CredentialCheck(number, outcome, detail), found))
    fresh = CheckOutcome.FAILED if stale else CheckOutcome.PASSED
    checks.append(CredentialCheck(9, fresh, "past its date, or the clock is wrong" if stale else ""))
    checks.sort()
    verdict, reason = (ended.verdict, ended.reason) if ended else _verdict(found, stale=stale)
    if ended is None and found.status is Standing.NOT_CHECKED:
        found.warnings.append("whether it was withdrawn is not known: no usable status list at hand")
    return CredentialReport(
        verdict=verdict,
        reason=reason,
        issuer=found.issuer.name if found.issuer else None,
        issuer_id=found.issuer_id,
        slot=found.key.slot if found.key else None,
        product=found.product,
        secured=found.document.secured if found.document else None,
        window=found.window,
        status=found.status,
        digest=sha256(data),
        checks=tuple(checks),
        warnings=tuple(dict.fromkeys(found.warnings)),
    )


def _settled(check: CredentialCheck, found: _Findings) -> CredentialCheck:
    """Checks 7 and 8 can end without a verdict of their own."""
    if check.outcome is not CheckOutcome.PASSED:
        return check
    if check.number == 7 and found.status in (Standing.NOT_CHECKED, Standing.NOT_STATED):
        said = "no usable list at hand" if found.status is Standing.NOT_CHECKED else "the passport names no status list"
        return check._replace(outcome=CheckOutcome.NOT_RUN, detail=said)
    if check.number == 8 and found.window is not Window.INSIDE:
        assert found.window is not None
        unsure = found.window is Window.UNSURE
        return check._replace(
            outcome=CheckOutcome.NOT_RUN if unsure else CheckOutcome.FAILED, detail=_WINDOWS[found.window]
        )
    return check


_WINDOWS: Final = {
    Window.INSIDE: "inside its period",
    Window.BEFORE: "it is not valid yet",
    Window.AFTER: "its period is over",
    Window.UNSURE: "whether it is inside its period cannot be told",
}


def _verdict(found: _Findings, *, stale: bool) -> tuple[Verdict, str]:
    assert found.issuer is not None
    assert found.window is not None
    reason = f"signed by {found.issuer.name} ({found.issuer_id})"
    parts = [] if found.window is Window.INSIDE else [_WINDOWS[found.window]]
    if stale:
        parts.append("the trust data is past its date, or the clock is wrong")
    verdict = Verdict.GENUINE_STALE if parts else Verdict.GENUINE
    if found.status is Standing.NOT_CHECKED:
        parts.append("status not checked")
    return verdict, "; ".join((reason, *parts))
