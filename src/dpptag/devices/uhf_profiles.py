"""What a profile says of a UHF module: frames, speeds, limits, command codes, regions, lock and error tables.

A driver knows a family's questions; every number that differs from one model to the next stands in the profile.
Frequencies in kHz, powers in hundredths of dBm (cdBm), times in ms, memory in words of 16 bits.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from dpptag.devices.toml_files import Name, Table, Words, wrong_at
from dpptag.devices.uhf_code_tables import COMMANDS, MORE_COMMANDS, Command, Errors, Family, LockTable
from dpptag.devices.uhf_framing_profile import Framing
from dpptag.devices.uhf_heeded import in_vain
from dpptag.devices.uhf_tables import (
    Access,
    Identity,
    Inventory,
    Memory,
    Power,
    Region,
    Rssi,
    Selection,
    Serial,
    Waits,
)

UHF_QUIRKS: Final = MappingProxyType(
    {
        "refusal-after-timeout": "a refused write ends only with the access timeout, as a general failure",
        "multi-notice-either-code": "tags of a multiple inventory are announced under its own code or the single one's",
        "select-resets-flags": "a mask longer than 80 bits first sends all tags back to state A and not-selected",
        "select-lost-in-sleep": "after sleep the first byte is lost and the chosen tag is forgotten",
        "silent-on-bad-frame": "a frame that is too short or has another address gets no answer at all",
        "short-error-answer": "an error comes as one code byte or in the form of a tag answer: its length tells which",
        "answer-mode-needed": "a module left in scan mode sends tags unasked: its maker's program sets the answer mode",
        "antenna-as-mask": "the antenna of an inventory answer is a bit mask, not a number",
        "boots-first": "may answer from its boot loader: start the firmware before anything else",
        "random-tag-for-epc": "its write-EPC command takes any tag in the field: the bank is written instead",
    }
)
"""Every quirk that a UHF profile may name: for people, by ``dpptag profiles show``. None switches anything on: a driver
minds the quirks of its family with every module."""

Version = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{1,8}(\.[0-9A-Fa-f]{1,8}){0,3}$")]


def version_key(text: str) -> tuple[int, ...]:
    """For comparison. Parts are read as hexadecimal: so do Mercury modules print them, and decimal ones sort alike.

    Of a longer text ("M100 V2.3.5 beta") it is the first run of parts with dots, else the first number; zeros at the
    end do not count.
    """
    found = re.search(r"(?<![0-9A-Za-z])[Vv]?([0-9A-Fa-f]+(?:\.[0-9A-Fa-f]+)+)", text) or re.search(r"([0-9]+)", text)
    parts = [int(part, 16) for part in found[1].split(".")] if found else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


class FirmwareRange(Table):
    """What differs from ``first`` to ``last`` version, both included; left out, the range is open at that end.

    A ``last`` of fewer parts than a version has takes in all that begin with it: 1.3.1 holds 1.3.1.2 too.
    """

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
        if self.first is not None and key < version_key(self.first):
            return False
        if self.last is None:
            return True
        parts = self.last.count(".") + 1
        zeros = (0,) * parts
        return (*key, *zeros)[:parts] <= (*version_key(self.last), *zeros)[:parts]


RegionName = Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{0,6}(-[A-Z0-9]+)?$")]


class UhfProfile(Table):
    """A UHF module. ``based_on``: the profile whose tables this one took over where it does not name its own.

    ``without_commands``: those of that profile that this module lacks. ``source``: where its facts are from.
    ``hazards``: what a person should know before putting it on a line.
    """

    kind: Literal["uhf"]
    name: Name
    title: Words
    models: Annotated[list[Words], Field(min_length=1)]
    source: Words
    based_on: Name | None = None
    without_commands: Annotated[list[str], Field(default_factory=list)]
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
            # Where the module is told the frequencies beside the code, one code serves several regions.
            key = (region.code, region.first_khz if region.by_frequency else 0)
            if key in seen:
                raise wrong_at(f"{seen[key]} has the same code {region.code}", name, "code")
            seen[key] = name
        return regions

    @model_validator(mode="after")
    def _lacking_commands_have_a_base(self) -> Self:
        if self.without_commands and self.based_on is None:
            raise wrong_at("only a profile that is based on another can lack its commands", "without_commands")
        return self

    @model_validator(mode="after")
    def _commands_are_the_family_s(self) -> Self:
        needed = COMMANDS[self.family] | {"lock", "kill"}
        if missing := sorted(needed - set(self.commands)):
            raise wrong_at(f"the family {self.family} needs {', '.join(missing)}", "commands")
        codes: dict[tuple[int, int | None], str] = {}
        for name, command in self.commands.items():
            if name not in needed | MORE_COMMANDS[self.family]:
                raise wrong_at(f"the family {self.family} has no such command", "commands", name)
            if other := codes.get(key := (command.code, command.sub)):
                raise wrong_at(f"{other} has the same code {command.code:02X}", "commands", name)
            codes[key] = name
        return self

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        for name, region in self.regions.items():
            if not self.power.min_cdbm <= region.max_cdbm <= self.power.max_cdbm:
                raise wrong_at("it is not within the module's power", "regions", name, "max_cdbm")
        if self.memory.block_write_words and "block_write" not in self.commands:
            raise wrong_at("there is no command block_write", "memory", "block_write_words")
        if (self.selection.model == "filter") != (self.access is not None):
            raise wrong_at("timeouts belong to modules that filter in every command, and to them alone", "access")
        for index, found in enumerate(self.firmware):
            known_quirks(found.quirks)
            if unknown := sorted(set(found.without_commands) - set(self.commands)):
                raise wrong_at(f"{', '.join(unknown)} is no command of this profile", "firmware", index)
        for cause, keys in in_vain(self):
            raise wrong_at(cause, *keys)
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
