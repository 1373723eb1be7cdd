"""Who signs on the line and who judges what was written: collaborators of a session over ``trust``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from dpptag.codec import statement as codec
from dpptag.codec.cose import sig_structure
from dpptag.codec.gen2_content import Gen2Content
from dpptag.codec.layout import BARE_BANK_BYTES, build_user_bank, read_ndef, read_user_bank
from dpptag.crypto import PublicKey, Signer
from dpptag.errors import BadSignature, CodecError, Forged, LinkError, TrustDataError, Unreadable, Unsigned
from dpptag.line.job import Job
from dpptag.line.plan import RowPlan
from dpptag.line.rows import JobRow
from dpptag.line.table import collected
from dpptag.model.identifiers import LONGEST_UID, ChipNumber
from dpptag.model.statement import SECONDS_A_DAY, Level, Statement
from dpptag.trust.issuers import Issuer, KeyStatus
from dpptag.trust.scopes import gs1_digits
from dpptag.trust.signing import carrier_content, sign_statement
from dpptag.trust.store import TrustStore
from dpptag.trust.verification import Findings, check_nfc, check_uhf

_NEW_BUNDLE: Final = "put the key into the trust data: dpptag trust add-issuer, then dpptag trust sign"

Clock = Callable[[], datetime]


def day_of(now: datetime) -> int:
    """Whole days since 1970-01-01 UTC."""
    return int(now.timestamp()) // SECONDS_A_DAY


class KeyStatementMaker:
    """Signs with one key of one slot; ``now`` is asked once for every tag.

    ``mirrored`` is written behind every identity: what the chip fills in itself, and nobody signs.
    """

    def __init__(self, signer: Signer, slot: int, now: Clock, *, mirrored: str = "") -> None:
        self._signer = signer
        self._slot = slot
        self._now = now
        self._mirrored = mirrored

    def make(self, row: JobRow, planned: RowPlan, chip: ChipNumber) -> bytes:
        placement, identity = planned.placement, planned.identity
        statement = sign_statement(
            self._signer,
            self._slot,
            identity,
            chip,
            level=placement.level,
            digest=row.pointer.digest,
            digest_width=placement.digest_width,
            issued_at=int(self._now().timestamp()),
            content_type=row.pointer.media_type,
        )
        if isinstance(identity, bytes):
            return Gen2Content(identity, build_user_bank(statement)).to_bytes()
        return carrier_content(identity + self._mirrored, statement)


class TrustJudge:
    """Checks 1 to 7 of a reader in the field, with the trust data that it will have."""

    def __init__(self, trust: TrustStore, now: Clock) -> None:
        self._trust = trust
        self._now = now

    def judge(self, message: bytes, chip: ChipNumber) -> None:
        today = day_of(self._now())
        if len(chip.octets) <= LONGEST_UID:
            check_nfc(message, chip.octets, self._trust, today, Findings())
            return
        content = _gen2_content(message)
        check_uhf(content.epc, content.user, chip.octets, self._trust, today, Findings())


class KeyJudge:
    """Signature and chip binding under the signing key alone, for a job that names no trust data."""

    def __init__(self, key: PublicKey, slot: int) -> None:
        self._key = key
        self._slot = slot

    def judge(self, message: bytes, chip: ChipNumber) -> None:
        """Raises Unreadable, Unsigned or Forged."""
        identity, statement = self._read(message, chip)
        if statement is None:
            raise Unsigned("a pointer without a statement", check=2)
        if statement.slot not in (None, self._slot) or not self._key.supports(statement.algorithm):
            raise Forged("the statement names another key than the job's", check=5, code="key-other")
        aad = codec.external_aad(identity, chip.octets)
        try:
            self._key.verify(statement.signature, sig_structure(statement.protected, aad, statement.payload))
        except BadSignature as exc:
            raise Forged("the signature is false under the job's key", check=6, code="signature-false") from exc

    def _read(self, message: bytes, chip: ChipNumber) -> tuple[str | bytes, Statement | None]:
        try:
            if len(chip.octets) <= LONGEST_UID:
                ndef = read_ndef(message)
                return ndef.identity, ndef.statement
            content = _gen2_content(message)
            if len(content.user) == BARE_BANK_BYTES:  # nothing else fits such a bank
                return content.epc, codec.bare_statement(content.user, self._slot)
            return content.epc, read_user_bank(content.user)
        except CodecError as exc:
            raise Unreadable(exc.message, check=2, code=exc.code) from exc


def _gen2_content(message: bytes) -> Gen2Content:
    try:
        return Gen2Content.from_bytes(message)
    except CodecError as exc:
        raise Unreadable(exc.message, check=2, code=exc.code) from exc


def check_trust(job: Job, trust: TrustStore, key: PublicKey, today: int) -> None:
    """Would a reader with this trust data accept what this key signs today, for every row? Before the first tag.

    Trust data past its date is accepted (the tags will be good under the next bundle too); a clock before its date is
    not: the signed day would be wrong. Raises TrustDataError for the clock, JobError for rows.
    """
    if trust.clock_is_wrong(today):
        raise TrustDataError(
            "the clock of this machine lies before the date of the trust data: tags would carry a wrong day",
            code="clock",
            action="set the clock, then run again",
            today=today,
            issued=trust.issued,
        )
    errors: list[str] = []
    judged: dict[str, str | None] = {}
    for row in job.rows:
        issuer = _issuer(trust, row.identity)
        if issuer is None:
            errors.append(f"line {row.line}: the trust data has no issuer for {row.identity}")
            continue
        if issuer.name not in judged:
            bare = job.level is Level.BARE
            judged[issuer.name] = _key_trouble(trust, issuer, job.signing.slot, key, today, bare=bare)
        trouble = judged[issuer.name]
        if trouble:
            errors.append(f"line {row.line}: {trouble}")
    if errors:
        raise collected(job.name, errors, "job-trust", file=job.path, action=_NEW_BUNDLE)


def _issuer(trust: TrustStore, identity: str) -> Issuer | None:
    try:
        digits = gs1_digits(identity)
    except LinkError:
        return None
    return trust.issuer_by_uri(identity) if digits is None else trust.issuer_by_digits(digits)


def _key_trouble(trust: TrustStore, issuer: Issuer, slot: int, key: PublicKey, today: int, *, bare: bool) -> str | None:
    known = trust.key(issuer, slot)
    if known is None:
        return f"{issuer.name} has no key in slot {slot}"
    if known.public_key.thumbprint() != key.thumbprint():
        return f"slot {slot} of {issuer.name} holds another key than the job's"
    if known.status is not KeyStatus.ACTIVE:
        return f"the key in slot {slot} of {issuer.name} is {known.status.name.lower()}"
    if not known.covers(today):
        return f"the key in slot {slot} of {issuer.name} is outside its signing period today"
    if bare and not known.allows_bare:
        return f"the key in slot {slot} of {issuer.name} is not allowed for bare signatures in the trust data"
    return None
