"""NFC Forum Type 5 tags over a link: identify, plan, apply, read back, protect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dpptag.links.nfc import Technology, Type5Link
from dpptag.tags.protection import Protection, ProtectionPlan, TagKeys
from dpptag.tags.tag import Content, WritePlan


@dataclass(frozen=True, slots=True)
class Type5Tag:
    """A tag as it was read, once. ``capacity`` bytes of data area, ``memory`` as read."""

    uid: bytes
    chip_name: str
    capacity: int
    message_room: int
    content: Content
    writable: bool
    memory: bytes = field(repr=False)

    @property
    def technology(self) -> Literal[Technology.TYPE5]:
        return Technology.TYPE5

    @property
    def ndef(self) -> bytes | None:
        return self.content.ndef


def identify(link: Type5Link) -> Type5Tag:
    raise NotImplementedError


def plan_write(tag: Type5Tag, message: bytes, *, allow_format: bool = False, rewrite: bool = False) -> WritePlan:
    raise NotImplementedError


def apply(link: Type5Link, plan: WritePlan, *, state_before: str = "untouched") -> int:
    raise NotImplementedError


def read_back(link: Type5Link, tag: Type5Tag, message: bytes) -> bytes:
    raise NotImplementedError


def plan_protection(tag: Type5Tag, protection: Protection, keys: TagKeys | None) -> ProtectionPlan:
    raise NotImplementedError


def protect(link: Type5Link, plan: ProtectionPlan, keys: TagKeys | None) -> None:
    raise NotImplementedError
