"""Is this tag what its issuer made of it? The numbered checks of DESIGN.md section 3.

1.  The chip number was read and is one (docs/tag-format.md section 2.5).
2.  The layout was parsed: a pointer and a statement.
3.  The identity is well formed: check digits, qualifier order.
4.  An issuer is found for this identity: GS1 keys by their digits, other URIs by scheme, host and path.
5.  The key is usable: known inside this issuer, not compromised, signed day inside its signing period.
6., 7. Signature and chip binding: one check, for the chip number is part of what is signed.
8.  The tag is not revoked (not run: this format of trust data holds no revocation list).
9.  The trust data is fresh and the clock believable; if not, the verdict is ``genuine-stale``.
10. The chip is authentic (not run: this reader path reads no originality signature).
11. The passport document at hand is the one signed for; never changes the verdict.

:func:`check_nfc` and :func:`check_uhf` return nothing or raise a VerificationError; :func:`judge_nfc` and
:func:`judge_uhf` make a Report of either. No network, file or clock: the day comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from dpptag.codec import layout
from dpptag.codec import statement as codec
from dpptag.codec.cose import sig_structure
from dpptag.errors import (
    BadSignature,
    CodecError,
    Forged,
    LinkError,
    Revoked,
    UnknownIssuer,
    Unreadable,
    Unsigned,
    VerificationError,
)
from dpptag.model.statement import Level, Statement
from dpptag.model.verdict import Check, CheckNumber, CheckOutcome, PassportMatch, Report, Verdict
from dpptag.trust.issuers import Issuer, IssuerKey, KeyStatus
from dpptag.trust.scopes import gs1_digits
from dpptag.trust.store import TrustStore

if TYPE_CHECKING:
    from dpptag.codec.epc.sgtin import Sgtin

CHIP_NOT_PROVEN = "the chip itself is not proven"
"""Said of every good statement until check 10 has passed."""

_UID_LENGTHS = frozenset((7, 8, 10))
_PAYLOAD_LOCATION = "payload-location"
_BARE_UNDER_STALE_TRUST = "bare-under-stale-trust"


class Findings:
    """What the checks found on their way; filled as far as they came."""

    __slots__ = ("chip", "day_in_future", "extra_records", "identity", "issuer", "key", "statement")

    def __init__(self) -> None:
        self.chip: bytes | None = None
        self.identity: str | bytes | None = None
        self.statement: Statement | None = None
        self.issuer: Issuer | None = None
        self.key: IssuerKey | None = None
        self.extra_records = 0
        self.day_in_future = False

    def external_aad(self) -> bytes:
        """The external_aad of the statement that was found."""
        assert self.identity is not None
        assert self.chip is not None
        return codec.external_aad(self.identity, self.chip)


def check_nfc(message: bytes, chip: bytes, trust: TrustStore, today: int, found: Findings) -> None:
    """Checks 1 to 7 of an NFC tag from its NDEF message. Raises a VerificationError."""
    # 1
    if len(chip) not in _UID_LENGTHS:
        raise _no_chip_number(chip)
    found.chip = chip
    # 2
    try:
        content = layout.read_ndef(message)
    except CodecError as exc:
        raise Unreadable(exc.message, check=2, code=exc.code) from exc
    found.identity = identity = content.identity
    found.extra_records = content.extra_records
    statement = content.statement
    if statement is None:
        raise Unsigned("a pointer without a statement", check=2)
    found.statement = statement
    # 3, 4
    try:
        digits = gs1_digits(identity)
    except LinkError as exc:
        raise Unreadable(f"the identity is malformed: {exc.message}", check=3, code=exc.code) from exc
    issuer = trust.issuer_by_uri(identity) if digits is None else trust.issuer_by_digits(digits)
    if issuer is None:
        raise _no_issuer()
    found.issuer = issuer
    _check_key_and_signature(statement, codec.external_aad(identity, chip), trust, issuer, today, found)
    if statement.uri is not None and statement.uri != identity:
        raise Unreadable("the statement names another link than the tag", check=2, code=_PAYLOAD_LOCATION)


def check_uhf(epc: bytes, user_bank: bytes, tid: bytes, trust: TrustStore, today: int, found: Findings) -> None:
    """Checks 1 to 7 of a Gen2 tag. ``epc`` from word 2 of its bank; raises a VerificationError."""
    decode_epc, tid_serial_end = _uhf_parsers()
    # 1
    end = tid_serial_end(tid)
    if end is None:
        raise _no_chip_number(tid)
    found.chip = chip = tid[:end]
    # 2, and 3 and 4 before it for bare: only the issuer says whether a bank of 512 bits may be a bare signature
    found.identity = epc
    pointer: Sgtin | None = None
    malformed: LinkError | None = None
    try:
        pointer = decode_epc(epc)
    except LinkError as exc:
        malformed = exc
    issuer = trust.issuer_by_digits(pointer.gs1_digits) if pointer is not None else None
    aad = codec.external_aad(epc, chip)
    if len(user_bank) == layout.BARE_BANK_BYTES and issuer is not None and any(user_bank[:2]):
        keys = [key for key in issuer.keys if key.allows_bare]
        if keys:
            found.issuer = issuer
            _check_bare(user_bank, aad, keys, trust, today, found)
            return
    try:
        statement = layout.read_user_bank(user_bank)
    except CodecError as exc:
        raise Unreadable(exc.message, check=2, code=exc.code) from exc
    if statement is None:
        if malformed is not None and malformed.code == "epc-unprogrammed":
            raise Unreadable("the tag is blank: no EPC, no statement", check=2, code="blank")
        raise Unsigned("a pointer without a statement", check=2)
    found.statement = statement
    # 3
    if pointer is None:
        assert malformed is not None
        if malformed.code == "epc-unknown-header":
            raise UnknownIssuer(malformed.message, check=4, code=malformed.code) from malformed
        raise Unreadable(f"the identity is malformed: {malformed.message}", check=3, code=malformed.code)
    # 4
    if issuer is None:
        raise _no_issuer()
    found.issuer = issuer
    _check_key_and_signature(statement, aad, trust, issuer, today, found)
    if statement.uri is not None and statement.uri != pointer.digital_link:
        raise Unreadable("the statement names another link than the EPC", check=2, code=_PAYLOAD_LOCATION)


@cache
def _uhf_parsers() -> tuple[Callable[[bytes], Sgtin], Callable[[bytes], int | None]]:
    """Of EPCs and TIDs; the NFC path starts without them."""
    from dpptag.codec.epc import decode_epc
    from dpptag.model.identifiers import tid_serial_end

    return decode_epc, tid_serial_end


def _check_key_and_signature(
    statement: Statement, aad: bytes, trust: TrustStore, issuer: Issuer, today: int, found: Findings
) -> None:
    # 5
    name = statement.slot if statement.key_hint is None else statement.key_hint
    assert name is not None
    key = trust.key(issuer, name)
    if key is None:
        which = f"in slot {name}" if isinstance(name, int) else f"with thumbprint {name.hex()}"
        raise UnknownIssuer(
            f"{issuer.name} has no key {which}: newer than the trust data?",
            check=5,
            code="unknown-key",
            action="get newer trust data",
        )
    found.key = key
    if key.status is KeyStatus.COMPROMISED:
        raise Revoked(f"the key in slot {key.slot} of {issuer.name} is compromised", check=5, code="key-compromised")
    day = statement.day
    if not key.covers(day):
        raise Forged("the signed day is outside the signing period of its key", check=5, code="day-outside-period")
    found.day_in_future = day > today
    # 6, 7
    public_key = key.public_key
    if not public_key.supports(statement.algorithm):
        raise Forged("the statement names an algorithm that is not its key's", check=6, code="algorithm")
    try:
        public_key.verify(statement.signature, sig_structure(statement.protected, aad, statement.payload))
    except BadSignature as exc:
        raise _false_signature(issuer) from exc


def _check_bare(
    signature: bytes, aad: bytes, keys: list[IssuerKey], trust: TrustStore, today: int, found: Findings
) -> None:
    for key in keys:
        statement = codec.bare_statement(signature, key.slot)
        try:
            key.public_key.verify(signature, sig_structure(statement.protected, aad, statement.payload))
        except BadSignature:
            continue
        found.statement, found.key = statement, key
        if key.status is KeyStatus.COMPROMISED:
            raise Revoked(f"the key in slot {key.slot} is compromised", check=5, code="key-compromised")
        return
    found.statement = codec.bare_statement(signature, keys[0].slot)
    if trust.is_stale(today):
        raise UnknownIssuer(
            "no known key verifies this bare signature, and the trust data is stale: a newer key may exist",
            check=6,
            code=_BARE_UNDER_STALE_TRUST,
            action="get newer trust data",
        )
    assert found.issuer is not None
    raise _false_signature(found.issuer)


def _false_signature(issuer: Issuer) -> Forged:
    return Forged(
        f"the signature is false under the key of {issuer.name} that this tag names: changed data, another chip and "
        "another company's key cannot be told apart",
        check=6,
        code="signature-false",
    )


def _no_issuer() -> UnknownIssuer:
    return UnknownIssuer(
        "the trust data has no issuer for this identity", check=4, code="no-issuer", action="get newer trust data"
    )


def _no_chip_number(chip: bytes) -> UnknownIssuer:
    return UnknownIssuer(
        "no usable chip number: a 4-byte UID may be random, and a TID without a serial names no single chip",
        check=1,
        code="no-chip-number",
        chip=chip[:32].hex(),
    )


def judge_nfc(
    message: bytes, chip: bytes, trust: TrustStore, today: int, passport_digest: bytes | None = None
) -> tuple[Report, Findings]:
    """All checks of an NFC tag. ``passport_digest``: SHA-256 of the document at hand, 32 bytes, or None."""
    return _judge(lambda found: check_nfc(message, chip, trust, today, found), chip, trust, today, passport_digest)


def judge_uhf(
    epc: bytes, user_bank: bytes, tid: bytes, trust: TrustStore, today: int, passport_digest: bytes | None = None
) -> tuple[Report, Findings]:
    """All checks of a Gen2 tag, from its three banks."""

    def run(found: Findings) -> None:
        check_uhf(epc, user_bank, tid, trust, today, found)

    return _judge(run, tid, trust, today, passport_digest)


def unreadable(reason: str, code: str, chip: bytes | None, trust: TrustStore, today: int) -> Report:
    """The report of a tag whose memory holds no message at all: torn, unformatted, of an unknown kind."""

    def run(found: Findings) -> None:
        found.chip = chip
        raise Unreadable(reason, check=2, code=code)

    return _judge(run, chip, trust, today, None)[0]


def _judge(
    run: Callable[[Findings], None], chip: bytes | None, trust: TrustStore, today: int, passport_digest: bytes | None
) -> tuple[Report, Findings]:
    found = Findings()
    try:
        run(found)
    except VerificationError as exc:
        return _report(_VERDICTS[type(exc)], exc.message, exc, found, chip, trust, today, passport_digest), found
    stale = trust.is_stale(today)
    assert found.issuer is not None
    reason = f"signed by {found.issuer.name} for this chip number; {CHIP_NOT_PROVEN}"
    if stale:
        reason += f"; {_freshness(trust, today)}"
    verdict = Verdict.GENUINE_STALE if stale else Verdict.GENUINE
    return _report(verdict, reason, None, found, chip, trust, today, passport_digest), found


_VERDICTS: dict[type[VerificationError], Verdict] = {
    Forged: Verdict.FORGED,
    Revoked: Verdict.REVOKED,
    UnknownIssuer: Verdict.UNKNOWN_ISSUER,
    Unsigned: Verdict.UNSIGNED,
    Unreadable: Verdict.UNREADABLE,
}


def _freshness(trust: TrustStore, today: int) -> str:
    if trust.clock_is_wrong(today):
        return "the clock is wrong: it lies before the trust data, whose age is therefore unknown"
    if today > trust.expires:
        return f"the trust data is {today - trust.expires} days past its date"
    return f"the trust data is good for {trust.expires - today} more days"


def _report(
    verdict: Verdict,
    reason: str,
    error: VerificationError | None,
    found: Findings,
    chip: bytes | None,
    trust: TrustStore,
    today: int,
    passport_digest: bytes | None,
) -> Report:
    stale = trust.is_stale(today)
    statement, key = found.statement, found.key
    match, digest_check = _passport_check(statement, passport_digest, signed=error is None)
    warnings = []
    if found.day_in_future and error is None:
        warnings.append("the signed day lies in the future of this clock")
    if statement is not None and statement.level is Level.BARE:
        warnings.append("bare: the date is not signed")
    if found.extra_records:
        warnings.append(f"{found.extra_records} later records are not signed")
    identity = found.identity.hex() if isinstance(found.identity, bytes) else found.identity
    return Report(
        verdict=verdict,
        reason=reason,
        identity=identity,
        chip=(found.chip or chip or b"").hex() or None,
        level=statement.level.value if statement else None,
        day=(statement.day or None) if statement else None,
        issuer=found.issuer.name if found.issuer else None,
        slot=_slot(statement, key),
        trust_issued=trust.issued,
        trust_expires=trust.expires,
        trust_stale=stale,
        checks=(*_numbered_checks(error, found), _freshness_check(trust, today), _NO_AUTHENTICITY, digest_check),
        passport=match,
        extra_records=found.extra_records,
        warnings=tuple(warnings),
    )


def _slot(statement: Statement | None, key: IssuerKey | None) -> int | None:
    if key is not None:
        return key.slot
    return statement.slot if statement is not None and statement.level is not Level.BARE else None


_PASSED_DETAIL = {
    1: "read, and of a kind that names one chip",
    2: "a pointer and a statement",
    3: "well formed",
    4: "found",
    5: "known, not compromised, signed in its period",
    6: "good under the key named",
    7: "part of what is signed; one check with 6",
}
_PASSED = [Check(CheckNumber(number), CheckOutcome.PASSED, detail) for number, detail in _PASSED_DETAIL.items()]
"""Made once: a reader in a crowded field judges hundreds of good tags a second."""
_NO_REVOCATION = Check(
    CheckNumber.NOT_REVOKED, CheckOutcome.NOT_RUN, "the trust data holds no list of revoked tags; keys are in check 5"
)
_NO_AUTHENTICITY = Check(CheckNumber.CHIP_AUTHENTIC, CheckOutcome.NOT_RUN, f"not read: {CHIP_NOT_PROVEN}")
_NO_DOCUMENT = Check(CheckNumber.PASSPORT_DIGEST, CheckOutcome.NOT_RUN, "the document is not at hand")


def _numbered_checks(error: VerificationError | None, found: Findings) -> list[Check]:
    """Checks 1 to 8: those before the failed one passed, those behind it did not run."""
    if error is None:
        assert found.issuer is not None
        issuer = Check(CheckNumber.ISSUER_FOUND, CheckOutcome.PASSED, found.issuer.name)
        return [*_PASSED[:3], issuer, *_PASSED[4:], _NO_REVOCATION]
    failed = error.check
    # A true signature over another link than the tag's: 3 to 7 ran before that was seen.
    signature_held = error.code == _PAYLOAD_LOCATION
    # No known key verified it, and a newer one may: that proves nothing of the signature.
    unproven = error.code == _BARE_UNDER_STALE_TRUST
    checks = []
    for number in CheckNumber:
        if number > CheckNumber.CHIP_BINDING:
            break
        if number < failed or (signature_held and number > failed):
            detail = _PASSED_DETAIL[number]
            if number is CheckNumber.ISSUER_FOUND and found.issuer is not None:
                detail = found.issuer.name
            checks.append(Check(number, CheckOutcome.PASSED, detail))
        elif number == failed or (failed == CheckNumber.SIGNATURE and number is CheckNumber.CHIP_BINDING):
            outcome = CheckOutcome.NOT_RUN if unproven else CheckOutcome.FAILED
            checks.append(Check(number, outcome, f"{error.code}: {error.message}"))
        else:
            checks.append(Check(number, CheckOutcome.NOT_RUN, "an earlier check failed"))
    return [*checks, _NO_REVOCATION]


def _freshness_check(trust: TrustStore, today: int) -> Check:
    outcome = CheckOutcome.FAILED if trust.is_stale(today) else CheckOutcome.PASSED
    return Check(CheckNumber.TRUST_FRESH, outcome, _freshness(trust, today))


def _passport_check(
    statement: Statement | None, passport_digest: bytes | None, *, signed: bool
) -> tuple[PassportMatch, Check]:
    number = CheckNumber.PASSPORT_DIGEST
    if passport_digest is None:
        return PassportMatch.ABSENT, _NO_DOCUMENT
    if not signed or statement is None:
        return PassportMatch.ABSENT, Check(number, CheckOutcome.NOT_RUN, "no proven statement to compare with")
    if statement.digest is None:
        return PassportMatch.ABSENT, Check(number, CheckOutcome.NOT_RUN, "the statement carries no digest")
    if passport_digest[: len(statement.digest)] == statement.digest:
        return PassportMatch.MATCH, Check(number, CheckOutcome.PASSED, "the document is the one signed for")
    return PassportMatch.MISMATCH, Check(
        number, CheckOutcome.FAILED, "the document is another one, or changed since it was signed for"
    )
