"""The codes of a UHF module in its profile: commands, lock tables, errors."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from dpptag.devices.toml_files import Table, Words
from dpptag.devices.uhf_framing_profile import Octet
from dpptag.links.gen2 import Area, LockAction

Family = Literal["mercury", "magicrf", "a0", "reader18"]
"""The four protocols: Mercury; MagicRF M100 and R200; A0 boards; UHFReader18 and 288."""

Meaning = Literal[
    "locked",
    "overrun",
    "low-power",
    "password",
    "unsupported",
    "write-failed",
    "other",
    "no-tag",
    "collision",
    "busy",
    "parameter",
    "hardware",
    "transport",
    "region",
    "boot-loader",
]
"""What an error code means. The first seven are the values of :class:`dpptag.links.gen2.Refusal`; the rest are

``no-tag`` nothing answered, or not to the end; ``collision`` several answered; ``busy`` ask again; ``parameter`` the
module does not take what it was told, a bug or a wrong profile; ``hardware`` antenna, temperature, supply or radio
chip; ``transport`` the request arrived damaged; ``region`` frequency or power not allowed here, or channel occupied;
``boot-loader`` the module runs no firmware yet.
"""

COMMANDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "mercury": frozenset({"version", "region", "read_power", "write_power", "inventory", "read", "write"}),
        "magicrf": frozenset({"version", "region", "power", "inventory", "select", "select_mode", "read", "write"}),
        "a0": frozenset({"version", "region", "inventory", "match", "read", "write"}),
        "reader18": frozenset({"version", "region", "power", "inventory", "read", "write"}),
    }
)
"""The commands that a driver cannot do without, beside ``lock`` and ``kill``, which every module has."""

# fmt: off
MORE_COMMANDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "mercury": frozenset({
            "antenna", "baud", "block_erase", "block_permalock", "block_write", "boot", "clear_buffer", "get_antenna",
            "get_buffer", "get_option", "get_protocol", "get_read_power", "get_region", "get_write_power", "hardware",
            "hop_table", "option", "program", "protocol", "protocol_option", "regions", "statistics", "temperature",
            "write_epc",
        }),
        "magicrf": frozenset({
            "auto_sleep", "baud", "block_permalock", "carrier", "channel", "demodulator", "get_channel",
            "get_demodulator", "get_power", "get_query", "get_region", "get_select", "hop_list", "hopping", "idle",
            "inventory_many", "nxp_config", "qt", "query", "read_protect", "sleep", "stop",
        }),
        "a0": frozenset({
            "address", "antenna", "baud", "beeper", "block_write", "get_antenna", "get_link_profile", "get_match",
            "get_power", "get_region", "identifier", "link_profile", "power", "reset", "return_loss",
            "session_inventory", "set_identifier", "temperature", "temporary_power",
        }),
        "reader18": frozenset({
            "address", "baud", "block_write", "get_work_mode", "scan_time", "signal", "single_inventory", "work_mode",
            "write_epc",
        }),
    }
)
# fmt: on
"""What else may be named."""


class Command(Table):
    """``replies``: command codes that an answer may carry; left out, its own alone. ``sub``: a fixed sub-command.

    ``answer``: False where the module says nothing to it. ``many``: several frames may answer. ``flash``: wears the
    module's memory, so never once a tag. ``any_tag``: acts on whatever tag answers. Both need a ``note``.
    """

    code: Octet
    replies: Annotated[list[Octet], Field(default_factory=list)]
    sub: Annotated[int, Field(ge=0, le=0xFFFF)] | None = None
    answer: bool = True
    many: bool = False
    flash: bool = False
    any_tag: bool = False
    note: Words | None = None

    @property
    def accepted(self) -> frozenset[int]:
        """The command codes of its answers."""
        return frozenset(self.replies or (self.code,)) if self.answer else frozenset()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.answer and (self.replies or self.many):
            raise ValueError("a command without answer has no replies")
        if len(set(self.replies)) != len(self.replies):
            raise ValueError("a reply is named twice")
        if (self.flash or self.any_tag) and not self.note:
            raise ValueError("flash and any_tag need a note that says what to mind")
        return self


class LockTable(Table):
    """What the areas and actions of :mod:`dpptag.links.gen2` are called by the module.

    ``mask-action-16``: two 16-bit numbers, ``mask-action-24``: 4 zero bits, 10 of mask, 10 of action (Gen2
    6.3.2.12.3.5); an area is then the place of its lower bit, an action its two bits. ``area-action``: one byte each.
    """

    form: Literal["mask-action-16", "mask-action-24", "area-action"]
    areas: dict[str, Octet]
    actions: dict[str, Octet]

    @property
    def one_command(self) -> bool:
        """Whether one command takes several areas."""
        return self.form != "area-action"

    def payloads(self, actions: Mapping[Area, LockAction]) -> list[bytes]:
        """The bytes for the command or commands that do this, areas in the order of the Gen2 payload."""
        pairs = [(self.areas[area.value], self.actions[actions[area].value]) for area in Area if area in actions]
        if self.form == "area-action":
            return [bytes(pair) for pair in pairs]
        mask = action = 0
        for place, bits in pairs:
            # What can be undone leaves the permalock bit alone, as printed and captured frames do.
            mask |= (0b11 if bits & 1 else 0b10) << place
            action |= bits << place
        if self.form == "mask-action-16":
            return [mask.to_bytes(2, "big") + action.to_bytes(2, "big")]
        return [(mask << 10 | action).to_bytes(3, "big")]

    @model_validator(mode="after")
    def _every_meaning_has_its_own_code(self) -> Self:
        for found, wanted, what in (
            (self.areas, {area.value for area in Area}, "areas"),
            (self.actions, {action.value for action in LockAction}, "actions"),
        ):
            if set(found) != wanted:
                raise ValueError(f"{what} must be exactly {', '.join(sorted(wanted))}")
            if len(set(found.values())) != len(found):
                raise ValueError(f"a code stands twice in {what}")
        if self.form == "area-action":
            return self
        if self.areas != {"kill": 8, "access": 6, "epc": 4, "tid": 2, "user": 0}:
            raise ValueError("areas of a Gen2 payload are kill 8, access 6, epc 4, tid 2, user 0")
        if self.actions != {"open": 0b00, "open-forever": 0b01, "locked": 0b10, "locked-forever": 0b11}:
            raise ValueError("actions of a Gen2 payload are open 0, open-forever 1, locked 2, locked-forever 3")
        return self


class ErrorCode(Table):
    """``retry``: whether the same command may be tried again without anything changed. ``text``: for people."""

    meaning: Meaning
    retry: bool
    text: Words


def _number(text: str) -> int:
    if len(text) not in (2, 4):
        raise ValueError(f"the code {text!r} is not 2 or 4 hexadecimal digits")
    return int(text, 16)


class Errors(Table):
    """Codes are keys of 2 or 4 hexadecimal digits.

    ``ok``: statuses of success. ``module``: the module's own codes. ``tag``: error codes of the tag itself (Gen2 annex
    I), which follow the module code ``tag_follows`` as a byte, or fill the lower half of a code whose upper half is in
    ``tag_in_low_nibble``.
    """

    ok: Annotated[list[Annotated[int, Field(ge=0, le=0xFFFF)]], Field(min_length=1)]
    module: dict[str, ErrorCode]
    tag: Annotated[dict[str, ErrorCode], Field(default_factory=dict)]
    tag_follows: Octet | None = None
    tag_in_low_nibble: Annotated[list[Octet], Field(default_factory=list)]

    @field_validator("module", "tag")
    @classmethod
    def _codes_are_hex_and_once(cls, codes: dict[str, ErrorCode]) -> dict[str, ErrorCode]:
        if len({_number(code) for code in codes}) != len(codes):
            raise ValueError("a code stands twice")
        return codes

    @model_validator(mode="after")
    def _success_is_no_error(self) -> Self:
        both = set(self.ok) & {_number(code) for code in self.module}
        if both:
            raise ValueError(f"code {min(both):02X} is both ok and an error")
        if self.tag and self.tag_follows is None and not self.tag_in_low_nibble:
            raise ValueError("tag codes need tag_follows or tag_in_low_nibble")
        for nibble in self.tag_in_low_nibble:
            if nibble & 0x0F:
                raise ValueError(f"{nibble:02X} in tag_in_low_nibble has a low half")
            if clash := [code for code in self.module if _number(code) & 0xF0 == nibble]:
                raise ValueError(f"module code {clash[0]} lies in the range of tag code {nibble:02X}")
        return self

    def of(self, code: int, tag_code: int | None = None) -> ErrorCode:
        """What a code means; an unknown one is ``other``, never a KeyError. ``tag_code``: the byte behind it."""
        if self.tag_follows is not None and code == self.tag_follows and tag_code is not None:
            return self._tag_error(tag_code)
        if code <= 0xFF and code & 0xF0 in self.tag_in_low_nibble:
            return self._tag_error(code & 0x0F)
        for text, entry in self.module.items():
            if _number(text) == code:
                return entry
        return ErrorCode(meaning="other", retry=False, text=f"module code {code:02X}, not in its profile")

    def _tag_error(self, code: int) -> ErrorCode:
        known = self.tag.get(f"{code:02X}")
        return known or ErrorCode(meaning="other", retry=False, text=f"tag code {code:02X}, not in the profile")
