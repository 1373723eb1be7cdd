"""Tag families over a link: identify, plan, apply, read back. A new family is one file and one line in the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dpptag.links import Type2Link
from dpptag.tags.type2 import apply, identify, read_back, write_and_verify
from dpptag.tags.type2_memory import (
    CHIPS,
    ChipType,
    Content,
    ContentState,
    Type2Tag,
    chip_by_name,
    chip_by_version,
    message_room,
)
from dpptag.tags.type2_plan import WritePlan, WriteStep, plan_write


@dataclass(frozen=True, slots=True)
class TagFamily:
    """``name`` as commands and reports print it; ``identify`` raises TagRefused for what is not of the family."""

    name: str
    chips: tuple[str, ...]
    identify: Callable[[Type2Link], Type2Tag]


FAMILIES: Final = (TagFamily("NFC Forum Type 2", tuple(chip.name for chip in CHIPS), identify),)

__all__ = [
    "CHIPS",
    "FAMILIES",
    "ChipType",
    "Content",
    "ContentState",
    "TagFamily",
    "Type2Tag",
    "WritePlan",
    "WriteStep",
    "apply",
    "chip_by_name",
    "chip_by_version",
    "identify",
    "message_room",
    "plan_write",
    "read_back",
    "write_and_verify",
]
