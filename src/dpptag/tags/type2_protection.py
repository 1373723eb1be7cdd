"""Passwords and locks of NFC Forum Type 2 chips."""

from __future__ import annotations

from dpptag.links.nfc import Type2Link
from dpptag.tags.protection import Protection, ProtectionPlan, TagKeys
from dpptag.tags.type2_memory import Type2Tag


def plan_protection(tag: Type2Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    raise NotImplementedError


def protect(link: Type2Link, plan: ProtectionPlan, keys: TagKeys | None) -> None:
    raise NotImplementedError
