"""The last step of a row: passwords, keys and locks, by the job's policy."""

from __future__ import annotations

from typing import Protocol

from dpptag.errors import LedgerConflict, TagWriteFailed
from dpptag.ledger import Row
from dpptag.line.compare import carries
from dpptag.links import TagLink
from dpptag.tags import (
    Gen2Tag,
    Passwords,
    Protection,
    ProtectionPlan,
    Tag,
    TagKeys,
    as_written,
    derive_passwords,
    identify,
    plan_protection,
    protect,
)


class Guard(Protocol):
    """Gives verified tags what the job asks for."""

    def commitment(self, tag: Tag, message: bytes) -> str:
        """What this chip is about to get, and how every secret among it is derived: committed before its first write.

        Raises TagRefused where the chip does not offer what the job asks for.
        """

    def passwords(self, tag: Tag) -> Passwords | None:
        """What a Gen2 tag gets before its EPC; None for other tags, and where the job sets none."""

    def protect(self, link: TagLink, row: Row, known: Tag | None = None) -> None:
        """Take every step that the tag still lacks, each read back, and prove the whole; may be called again.

        ``known``: the tag as it was read since it was chosen, or None to have it read.
        """


class TagGuard:
    """Protects by ``protection``; ``keys`` where it sets secrets."""

    def __init__(self, protection: Protection, keys: TagKeys | None) -> None:
        self._protection = protection
        self._keys = keys

    def commitment(self, tag: Tag, message: bytes) -> str:
        return self._committed(plan_protection(as_written(tag, message), self._protection, self._keys))

    def passwords(self, tag: Tag) -> Passwords | None:
        if not isinstance(tag, Gen2Tag) or not self._protection.password or self._keys is None:
            return None
        return derive_passwords(tag.uid, self._keys)

    def _committed(self, plan: ProtectionPlan) -> str:
        asked = [name for name in ("password", "sun") if getattr(self._protection, name)]
        policy = " ".join((f"lock {self._protection.lock.value}", *asked))
        return policy if plan.derivation is None else f"{policy}; {plan.derivation}"

    def protect(self, link: TagLink, row: Row, known: Tag | None = None) -> None:
        tag = identify(link) if known is None else known
        if row.message is None or not carries(tag, row.message):
            raise TagWriteFailed(
                "the tag does not hold its statement any more: it is not protected",
                action="lay the tag on the reader again; if it stays so: dpptag line resolve JOB.toml",
                chip=tag.uid.hex(),
                tag_state="written-unverified",
            )
        plan = plan_protection(tag, self._protection, self._keys)
        committed = self._committed(plan)
        if committed != row.protection:  # a row must not end locked and say something else than its tag has
            raise LedgerConflict(
                f"row {row.item.number} of job {row.job!r} was begun with another protection than the job names now",
                code="protection-changed",
                action="put back the [protect] section and the tag master key under which the tag was begun",
                row=row.id,
                committed=row.protection,
                wanted=committed,
            )
        protect(link, plan, self._keys)
