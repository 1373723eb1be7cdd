"""What the driver of a family heeds of a profile. The rest is refused: a profile must promise nothing in vain.

So every field of a UHF profile is read by a driver, held against others here, or printed by ``dpptag profiles show``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from dpptag.devices.uhf_code_tables import COMMANDS, Command, Family
from dpptag.devices.uhf_tables import Identity, Inventory, Power, Region, Rssi, Selection, Waits

Fault = tuple[str, tuple[str | int, ...]]
"""What is wrong, and the keys that lead to it."""


@dataclass(frozen=True, slots=True)
class _Heeded:
    """``power``: the commands that set it; the driver takes the first that is there."""

    model: str
    identity: str
    inventory: frozenset[str]
    rssi: frozenset[str]
    power: tuple[str, ...]


_ANY_RSSI: Final = frozenset({"int8", "offset", "raw", "none"})

_FAMILIES: Final[Mapping[Family, _Heeded]] = MappingProxyType(
    {
        "mercury": _Heeded(
            "filter", "hardware", frozenset({"round_ms", "session"}), frozenset({"int8"}), ("read_power",)
        ),
        "magicrf": _Heeded("select", "texts", frozenset({"tail"}), _ANY_RSSI, ("power",)),
        "a0": _Heeded(
            "match-epc", "texts", frozenset({"rounds", "session", "done"}), _ANY_RSSI, ("temporary_power", "power")
        ),
        "reader18": _Heeded(
            "epc-in-command",
            "hardware",
            frozenset({"round_ms", "q", "session", "more", "done"}),
            frozenset({"raw", "none"}),
            ("power",),
        ),
    }
)
_STATEFUL: Final = frozenset({"select", "match-epc"})


class _Range(Protocol):
    @property
    def without_commands(self) -> list[str]: ...


class _Profile(Protocol):
    """Of a UhfProfile what is looked at here."""

    @property
    def family(self) -> Family: ...
    @property
    def identity(self) -> Identity: ...
    @property
    def waits(self) -> Waits: ...
    @property
    def selection(self) -> Selection: ...
    @property
    def power(self) -> Power: ...
    @property
    def rssi(self) -> Rssi: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def regions(self) -> Mapping[str, Region]: ...
    @property
    def commands(self) -> Mapping[str, Command]: ...
    @property
    def firmware(self) -> Sequence[_Range]: ...


def in_vain(profile: _Profile) -> Iterator[Fault]:
    """What this profile says and its family's driver does otherwise, or not at all."""
    family, heeded = profile.family, _FAMILIES[profile.family]
    if profile.selection.model != heeded.model:
        yield f"the family {family} chooses by {heeded.model}", ("selection", "model")
    if profile.selection.settle is not None and profile.selection.model not in _STATEFUL:
        yield "nothing is sent to choose a tag, so nothing settles", ("selection", "settle")
    for name in type(profile.identity).model_fields:
        if name != heeded.identity and getattr(profile.identity, name):
            yield f"the family {family} is told by {heeded.identity}", ("identity", name)
    for name, field in type(profile.inventory).model_fields.items():
        if name not in heeded.inventory and getattr(profile.inventory, name) != field.get_default(
            call_default_factory=True, validated_data={}
        ):
            yield f"the family {family} has no such setting", ("inventory", name)
    if profile.rssi.kind not in heeded.rssi:
        yield f"the family {family} gives {' or '.join(sorted(heeded.rssi))}", ("rssi", "kind")
    if profile.waits.boot is not None and "boot" not in profile.commands:
        yield "there is no command boot", ("waits", "boot")
    yield from _power(profile, heeded)
    yield from _regions(profile)
    needed = COMMANDS[family] | {"lock", "kill"}
    for index, found in enumerate(profile.firmware):
        if lacking := sorted(needed & set(found.without_commands)):
            yield f"the family {family} needs {', '.join(lacking)}", ("firmware", index)


def _power(profile: _Profile, heeded: _Heeded) -> Iterator[Fault]:
    power, commands = profile.power, profile.commands
    if power.separate != ("write_power" in commands):
        yield "separate goes with a command write_power", ("power", "separate")
    command = next((name for name in heeded.power if name in commands), None)
    if command is None:
        yield f"there is no command {heeded.power[-1]}", ("commands",)
    elif (power.set_by == "flash") != commands[command].flash:
        is_flash = "is" if commands[command].flash else "is not"
        yield f"the command {command} {is_flash} marked with flash", ("power", "set_by")


def _regions(profile: _Profile) -> Iterator[Fault]:
    """A list of legal channels that no module is told would be a breach of the law."""
    without = {name for found in profile.firmware for name in found.without_commands}
    for name, region in profile.regions.items():
        if region.legal_channels and ("hop_list" not in profile.commands or "hop_list" in without):
            yield "without the command hop_list the module sends on all channels", ("regions", name, "legal_channels")
        if region.by_frequency and profile.family != "a0":
            yield f"the family {profile.family} is told numbers of channels", ("regions", name, "by_frequency")
