"""What a profile says of a UHF module: frames, speeds, limits, command codes, regions, lock and error tables.

A driver knows a family's questions; every number that differs from one model to the next stands in the profile.
Frequencies in kHz, powers in hundredths of dBm (cdBm), times in ms, memory in words of 16 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from dpptag.devices.toml_files import Name, Table, Words
from dpptag.devices.uhf_framing_profile import Framing, Octet
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

UHF_QUIRKS: Final = MappingProxyType(
    {
        "refusal-after-timeout": "a refused write ends only with the access timeout, as a general failure: keep it short",
        "multi-notice-either-code": "tags of a multiple inventory are announced under its own code or the single one's",
        "select-resets-flags": "a mask longer than 80 bits first sends all tags back to state A and not-selected",
        "select-lost-in-sleep": "after sleep the first byte is lost and the chosen tag is forgotten",
        "silent-on-bad-frame": "a frame that is too short or has another address gets no answer at all",
        "short-error-answer": "an error comes as one code byte or in the form of a tag answer: its length tells which",
        "answer-mode-needed": "a module in scan mode sends tags unasked: set the answer mode on opening",
        "antenna-as-mask": "the antenna of an inventory answer is a bit mask, not a number",
        "boots-first": "may answer from its boot loader: start the firmware before anything else",
        "random-tag-for-epc": "its write-EPC command takes any tag in the field: the bank is written instead",
    }
)
"""Every quirk that a UHF profile may name, and what it asks of a driver."""

COMMANDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "mercury": frozenset({"version", "region", "read_power", "write_power", "inventory", "read", "write"}),
        "magicrf": frozenset({"version", "region", "power", "inventory", "select", "select_mode", "read", "write"}),
        "a0": frozenset({"version", "region", "inventory", "match", "read", "write"}),
        "reader18": frozenset({"version", "region", "power", "inventory", "read", "write"}),
    }
)
"""The commands that a driver cannot do without, beside ``lock`` and ``kill``, which every module has."""

MORE_COMMANDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "mercury": frozenset(
            [
                "boot",
                "hardware",
                "program",
                "baud",
                "protocol",
                "get_protocol",
                "get_region",
                "regions",
                "get_read_power",
                "get_write_power",
                "antenna",
                "get_antenna",
                "hop_table",
                "temperature",
                "option",
                "get_option",
                "protocol_option",
                "statistics",
                "get_buffer",
                "clear_buffer",
                "write_epc",
                "block_write",
                "block_permalock",
                "block_erase",
            ]
        ),
        "magicrf": frozenset(
            [
                "get_region",
                "channel",
                "get_channel",
                "hop_list",
                "hopping",
                "get_power",
                "baud",
                "inventory_many",
                "stop",
                "get_select",
                "get_query",
                "query",
                "carrier",
                "demodulator",
                "get_demodulator",
                "block_permalock",
                "read_protect",
                "nxp_config",
                "qt",
                "sleep",
                "auto_sleep",
                "idle",
            ]
        ),
        "a0": frozenset(
            [
                "reset",
                "baud",
                "address",
                "antenna",
                "get_antenna",
                "power",
                "get_power",
                "temporary_power",
                "get_region",
                "beeper",
                "temperature",
                "return_loss",
                "identifier",
                "set_identifier",
                "link_profile",
                "get_link_profile",
                "session_inventory",
                "get_match",
                "block_write",
            ]
        ),
        "reader18": frozenset(
            [
                "address",
                "scan_time",
                "baud",
                "signal",
                "work_mode",
                "get_work_mode",
                "single_inventory",
                "write_epc",
                "block_write",
            ]
        ),
    }
)
"""What else may be named."""


class Wait(Table):
    """``ms`` may be 0 where nothing has to be waited for; ``reason`` says where the figure is from."""

    ms: Annotated[int, Field(ge=0, le=60_000)]
    reason: Words


class Wake(Table):
    """A byte that a sleeping module loses, and how long it takes to wake."""

    octet: Octet
    wait: Wait


Baud = Literal[9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600]


class Serial(Table):
    """8 data bits, no parity, 1 stop bit. ``probe``: the speeds to try in this order. ``gap``: between two commands."""

    baud: Baud
    probe: Annotated[list[Baud], Field(min_length=1)]
    gap: Wait | None = None
    wake: Wake | None = None

    @model_validator(mode="after")
    def _the_usual_speed_is_tried(self) -> Self:
        if self.baud not in self.probe or len(set(self.probe)) != len(self.probe):
            raise ValueError("probe must hold baud, and no speed twice")
        return self


class Waits(Table):
    """How long an answer may take, counted from the last byte sent.

    ``answer``: to a command without a tag. ``access``: to one for a tag, and ``access_word`` more for every word read
    or written. ``inventory``: to a round, beside what the round itself lasts.
    """

    answer: Wait
    access: Wait
    access_word: Wait
    inventory: Wait
    boot: Wait | None = None


class Identity(Table):
    """How the module says which one it is, all lists empty where it does not.

    ``hardware``: numbers of the version answer (Mercury: first hardware byte; reader18: type byte). ``texts``: how its
    text of itself begins.
    """

    hardware: Annotated[list[Octet], Field(default_factory=list)]
    texts: Annotated[list[Words], Field(default_factory=list)]


class Memory(Table):
    """Limits of one command. ``word_pointer_bits``: how wide a word address is. ``read_words``, ``write_words``: most
    words of one read or write; ``block_write_words``: of one BlockWrite, 0 where the module has none that is trusted.

    ``write_epc``: ``native`` for a command that sets EPC and PC length, ``bank`` for one write of PC and EPC.
    """

    word_pointer_bits: Literal[8, 16, 32]
    read_words: Annotated[int, Field(ge=1, le=255)]
    write_words: Annotated[int, Field(ge=1, le=255)]
    block_write_words: Annotated[int, Field(ge=0, le=255)]
    write_epc: Literal["native", "bank"]


class Selection(Table):
    """How a tag is chosen.

    ``filter``: a mask in every command. ``select``: a Select command with any mask, kept by the module. ``match-epc``:
    an EPC, kept by the module. ``epc-in-command``: an EPC in every command. ``settle``: the wait after choosing.
    """

    model: Literal["filter", "select", "match-epc", "epc-in-command"]
    by_tid: bool
    mask_bits: Annotated[int, Field(ge=8, le=496)]
    settle: Wait | None = None

    @model_validator(mode="after")
    def _a_tid_needs_a_mask(self) -> Self:
        if self.by_tid and self.model in ("match-epc", "epc-in-command"):
            raise ValueError(f"the model {self.model} cannot choose by TID")
        return self


Power10 = Annotated[int, Field(ge=-3000, le=4000)]


class Power(Table):
    """``unit_cdbm``: what one step of the number on the wire means. ``start_cdbm``: set on opening.

    ``separate``: reading and writing have their own. ``set_by``: ``volatile`` where a command changes it until power-off,
    ``flash`` where the only command wears the module's memory, so that it is sent only when the power differs.
    """

    unit_cdbm: Literal[1, 10, 100]
    min_cdbm: Power10
    max_cdbm: Power10
    start_cdbm: Power10
    separate: bool
    set_by: Literal["volatile", "flash"]

    @model_validator(mode="after")
    def _range_is_one(self) -> Self:
        if not self.min_cdbm <= self.start_cdbm <= self.max_cdbm:
            raise ValueError("start_cdbm must lie between min_cdbm and max_cdbm")
        if any(value % self.unit_cdbm for value in (self.min_cdbm, self.max_cdbm, self.start_cdbm)):
            raise ValueError("a power is no multiple of unit_cdbm")
        return self


class Rssi(Table):
    """``int8``: signed dBm. ``offset``: the byte plus ``offset`` is dBm. ``raw``: a number without a unit. ``none``."""

    kind: Literal["int8", "offset", "raw", "none"]
    offset: Annotated[int, Field(ge=-200, le=0)] = 0

    @model_validator(mode="after")
    def _offset_where_it_counts(self) -> Self:
        if (self.kind == "offset") != (self.offset != 0):
            raise ValueError("offset belongs to the kind offset, and to it alone")
        return self

    def dbm(self, octet: int) -> int | None:
        """The byte of an answer as dBm; None where it is no dBm."""
        if self.kind == "int8":
            return octet - 256 if octet > 127 else octet
        return octet + self.offset if self.kind == "offset" else None


class Inventory(Table):
    """``round_ms``: how long the module is told to look, None where it has no such setting. ``rounds``: how often.

    ``more``: statuses after which more frames of the same round follow; ``done``: those of a round's last frame (A0:
    the value of its length field).
    """

    round_ms: Annotated[int, Field(ge=10, le=60_000)] | None = None
    rounds: Annotated[int, Field(ge=1, le=255)] = 1
    q: Annotated[int, Field(ge=0, le=15)] | None = None
    session: Annotated[int, Field(ge=0, le=3)] | None = None
    more: Annotated[list[Octet], Field(default_factory=list)]
    done: Annotated[list[Octet], Field(default_factory=list)]


class Access(Table):
    """Timeouts that the module itself is told, where its commands carry one. ``proof_ms``: of a write that must fail."""

    timeout_ms: Annotated[int, Field(ge=10, le=10_000)]
    proof_ms: Annotated[int, Field(ge=10, le=10_000)]


class Limit(Table):
    """The law's limit of radiated power. ``measure``: ERP is against a dipole, 2.15 dB below EIRP.

    ``conducted_cdbm``: the limit at the antenna socket, where the law has one (47 CFR 15.247).
    """

    radiated_cdbm: Annotated[int, Field(ge=0, le=5000)]
    measure: Literal["erp", "eirp"]
    conducted_cdbm: Annotated[int, Field(ge=0, le=4000)] | None = None
    source: Words

    @property
    def eirp_cdbm(self) -> int:
        return self.radiated_cdbm + (215 if self.measure == "erp" else 0)


class Region(Table):
    """``code``: what the module calls it. Its first channel, ``first_channel``, lies at ``first_khz``, the next
    ``step_khz`` above.

    ``channels``: how many; ``max_cdbm``: the most that the driver sets here. With it the law allows an antenna, less
    its cable, of :meth:`antenna_cdbi`. ``by_frequency``: the module is told the
    frequencies, not the numbers of channels (A0, region 4). ``legal_channels``: those that may carry this power where not
    all may; a driver hops over these alone.
    """

    code: Octet
    first_khz: Annotated[int, Field(ge=840_000, le=960_000)]
    step_khz: Annotated[int, Field(ge=1, le=5000)]
    channels: Annotated[int, Field(ge=1, le=255)]
    first_channel: Annotated[int, Field(ge=0, le=255)] = 0
    max_cdbm: Power10
    by_frequency: bool = False
    legal_channels: list[Annotated[int, Field(ge=0, le=255)]] | None = None
    limit: Limit
    note: Words | None = None

    @property
    def last_khz(self) -> int:
        return self.first_khz + (self.channels - 1) * self.step_khz

    def antenna_cdbi(self, power_cdbm: int) -> int:
        """The antenna gain less cable loss, in hundredths of dBi, up to which this power stays legal."""
        return self.limit.eirp_cdbm - power_cdbm

    @model_validator(mode="after")
    def _within_the_law(self) -> Self:
        if self.last_khz > 960_000:
            raise ValueError(f"the last channel lies at {self.last_khz} kHz")
        last = self.first_channel + self.channels - 1
        for number in self.legal_channels or ():
            if not self.first_channel <= number <= last:
                raise ValueError(f"legal channel {number} is not one of {self.first_channel} to {last}")
        allowed = self.limit.eirp_cdbm
        if self.limit.conducted_cdbm is not None:
            allowed = min(allowed, self.limit.conducted_cdbm)
        if self.max_cdbm > allowed:
            raise ValueError(f"max_cdbm {self.max_cdbm} is above the legal {allowed} even without antenna gain")
        return self


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
            mask |= 0b11 << place
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


Version = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{1,8}(\.[0-9A-Fa-f]{1,8}){0,3}$")]


def version_key(text: str) -> tuple[int, ...]:
    """For comparison. Parts are read as hexadecimal: so do Mercury modules print them, and decimal ones sort alike.

    What stands before the first digit and behind the last part ("V2.3.5 beta") does not count.
    """
    start = next((at for at, char in enumerate(text) if char.isdigit()), len(text))
    parts: list[int] = []
    for part in text[start:].split("."):
        digits = part.split()[0] if part.split() else ""
        try:
            parts.append(int(digits, 16))
        except ValueError:
            break
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


class FirmwareRange(Table):
    """What differs from ``first`` to ``last`` version, both included; left out, the range is open at that end."""

    first: Version | None = None
    last: Version | None = None
    read_words: Annotated[int, Field(ge=1, le=255)] | None = None
    write_words: Annotated[int, Field(ge=1, le=255)] | None = None
    block_write_words: Annotated[int, Field(ge=0, le=255)] | None = None
    quirks: Annotated[list[str], Field(default_factory=list)]
    without_commands: Annotated[list[str], Field(default_factory=list)]
    refused: bool = False
    note: Words
    source: Words

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.first is None and self.last is None:
            raise ValueError("first or last must be given: what holds for all versions belongs in the profile itself")
        if self.first is not None and self.last is not None and version_key(self.first) > version_key(self.last):
            raise ValueError(f"first {self.first} is above last {self.last}")
        return self

    def holds(self, version: str) -> bool:
        key = version_key(version)
        return (self.first is None or key >= version_key(self.first)) and (
            self.last is None or key <= version_key(self.last)
        )


RegionName = Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{0,6}(-[A-Z0-9]+)?$")]


class UhfProfile(Table):
    """A UHF module. ``based_on``: the profile whose tables this one took over where it does not name its own.

    ``source``: where its facts are from. ``hazards``: what a person should know before putting it on a line.
    """

    kind: Literal["uhf"]
    name: Name
    title: Words
    models: Annotated[list[Words], Field(min_length=1)]
    source: Words
    based_on: Name | None = None
    family: Family
    quirks: list[str]
    hazards: Annotated[list[Words], Field(default_factory=list)]
    fixtures: Name
    identity: Identity
    framing: Framing
    serial: Serial
    waits: Waits
    memory: Memory
    selection: Selection
    access: Access | None = None
    power: Power
    rssi: Rssi
    inventory: Inventory
    regions: Annotated[dict[RegionName, Region], Field(min_length=1)]
    commands: dict[str, Command]
    lock: LockTable
    errors: Errors
    firmware: Annotated[list[FirmwareRange], Field(default_factory=list)]

    def __hash__(self) -> int:
        return hash(self.name)

    @field_validator("quirks")
    @classmethod
    def _quirks_are_known(cls, quirks: list[str]) -> list[str]:
        return known_quirks(quirks)

    @field_validator("regions")
    @classmethod
    def _region_codes_are_different(cls, regions: dict[str, Region]) -> dict[str, Region]:
        seen: dict[tuple[int, int], str] = {}
        for name, region in regions.items():
            # Where the module is told channels or frequencies beside the code, one code serves several regions.
            if other := seen.get(key := (region.code, region.first_khz)):
                raise ValueError(f"{name} and {other} have the same code {region.code}")
            seen[key] = name
        return regions

    @model_validator(mode="after")
    def _commands_are_the_family_s(self) -> Self:
        needed = COMMANDS[self.family] | {"lock", "kill"}
        if missing := sorted(needed - set(self.commands)):
            raise ValueError(f"commands: {', '.join(missing)} must be given for the family {self.family}")
        if unknown := sorted(set(self.commands) - needed - MORE_COMMANDS[self.family]):
            raise ValueError(f"commands: {', '.join(unknown)} is not known of the family {self.family}")
        codes: dict[tuple[int, int | None], str] = {}
        for name, command in self.commands.items():
            if other := codes.get(key := (command.code, command.sub)):
                raise ValueError(f"commands: {name} and {other} have the same code {command.code:02X}")
            codes[key] = name
        return self

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        for name, region in self.regions.items():
            if not self.power.min_cdbm <= region.max_cdbm <= self.power.max_cdbm:
                raise ValueError(f"regions: max_cdbm of {name} is not within the module's power")
        if self.memory.block_write_words and "block_write" not in self.commands and self.family != "magicrf":
            raise ValueError("memory: block_write_words needs the command block_write")
        if self.memory.write_epc == "native" and "write_epc" not in self.commands:
            raise ValueError("memory: write_epc native needs the command write_epc")
        if self.memory.write_epc == "native" and self.commands["write_epc"].any_tag:
            raise ValueError("memory: write_epc native would write any tag in the field")
        if (self.selection.model == "filter") != (self.access is not None):
            raise ValueError("access: its timeouts belong to modules that filter in every command, and to them alone")
        for found in self.firmware:
            known_quirks(found.quirks)
            if unknown := sorted(set(found.without_commands) - set(self.commands)):
                raise ValueError(f"firmware: {', '.join(unknown)} is no command of this profile")
        return self

    def frequencies_khz(self, region: str) -> tuple[int, ...]:
        found = self.regions[region]
        return tuple(range(found.first_khz, found.last_khz + 1, found.step_khz))

    def for_firmware(self, version: str) -> UhfProfile:
        """This profile with what is different in that version."""
        memory, quirks, commands = self.memory, list(self.quirks), dict(self.commands)
        for found in self.firmware:
            if not found.holds(version):
                continue
            words = {name: getattr(found, name) for name in ("read_words", "write_words", "block_write_words")}
            memory = memory.model_copy(update={name: value for name, value in words.items() if value is not None})
            quirks += [quirk for quirk in found.quirks if quirk not in quirks]
            commands = {name: command for name, command in commands.items() if name not in found.without_commands}
        return self.model_copy(update={"memory": memory, "quirks": quirks, "commands": commands})


def known_quirks(quirks: list[str]) -> list[str]:
    for quirk in quirks:
        if quirk not in UHF_QUIRKS:
            raise ValueError(f"quirk {quirk!r} is not known; known are {', '.join(UHF_QUIRKS)}")
    if len(set(quirks)) != len(quirks):
        raise ValueError("a quirk is named twice")
    return quirks
