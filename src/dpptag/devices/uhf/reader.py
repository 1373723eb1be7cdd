"""A UHF module as a reader: its speed found, its region and power within what profile and law allow, its tags."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from dpptag.devices.uhf.families import FAMILIES
from dpptag.devices.uhf.framing import Framing
from dpptag.devices.uhf.link import Choice, UhfLink, linked, merged, only_one
from dpptag.devices.uhf.module import Gen2Module, ModuleVersion
from dpptag.devices.uhf.port import SILENT, UhfPort
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.errors import DeviceLost, DeviceNotFound, DeviceProtocolError, UsageError
from dpptag.links.gen2 import ModuleState, Sighting
from dpptag.links.nfc import DeviceInfo

_LOG: Final = logging.getLogger(__name__)


class UhfReader:
    """Implements :class:`dpptag.links.gen2.Gen2Reader` over an identified module; takes over its port."""

    def __init__(self, module: Gen2Module, profile: UhfProfile, info: DeviceInfo) -> None:
        self._module = module
        self._profile = profile
        self._info = info
        self._choice = Choice()
        state = module.state()
        self._region = state.region
        self._region_is_ours = False
        self._power = state.read_power_cdbm if state.read_power_cdbm == state.write_power_cdbm else None

    @property
    def info(self) -> DeviceInfo:
        return self._info

    def inventory(self) -> tuple[Sighting, ...]:
        return merged(self._module.inventory())

    def select(self, sighting: Sighting) -> UhfLink:
        return linked(self._module, self._choice, sighting, alone=False)

    def sense(self) -> UhfLink | None:
        self._choice.link = None
        sighting = only_one(self.inventory())
        return None if sighting is None else linked(self._module, self._choice, sighting, alone=True)

    def state(self) -> ModuleState:
        return self._module.state()

    def configure(self, *, region: str | None = None, power_cdbm: int | None = None) -> None:
        """A new region may lower the power. What is set already is not set again: some modules wear flash by it.

        The first time a region is set even if the module says that it has it, for its channels come with it; unless
        that wears flash.
        """
        regions = self._profile.regions
        if region is not None and region not in regions:
            raise UsageError(
                f"{self._profile.title} has no region {region!r}",
                code="uhf-region",
                action=f"take one of: {', '.join(sorted(regions))}",
                device=self._info.path,
            )
        here = region or self._region
        highest = self._highest(here)
        if power_cdbm is not None:
            self._check(power_cdbm, highest, here)
        elif region is not None and self._power is not None and self._power > highest:
            power_cdbm = highest
        if region is not None and (region != self._region or not self._region_is_ours):
            if region != self._region or not self._profile.commands["region"].flash:
                self._module.set_region(region)
            self._region, self._region_is_ours = region, True
        if power_cdbm is not None and power_cdbm != self._power:
            self._module.set_power(power_cdbm)
            self._power = power_cdbm

    def start(self, region: str | None, power_cdbm: int | None) -> None:
        """Set what was asked for, and where nothing was, the profile's usual power."""
        if power_cdbm is None:
            here = region if region in self._profile.regions else self._region
            power_cdbm = min(self._profile.power.start_cdbm, self._highest(here))
        region = region or self._region
        if region is None:
            _LOG.warning("%s does not say its region: name it with ?region= in the device path", self._info.path)
        self.configure(region=region, power_cdbm=power_cdbm)

    def _highest(self, region: str | None) -> int:
        """What the law of the region allows with this module; of the strictest region where it is not known."""
        regions = self._profile.regions
        here = [regions[region]] if region is not None else list(regions.values())
        return min(self._profile.power.max_cdbm, *(found.max_cdbm for found in here))

    def _check(self, cdbm: int, highest: int, region: str | None) -> None:
        power = self._profile.power
        if power.min_cdbm <= cdbm <= highest and cdbm % power.unit_cdbm == 0:
            return
        where = f" in region {region}" if region is not None else ""
        raise UsageError(
            f"{cdbm / 100:g} dBm is no power that {self._profile.title} may have{where}",
            code="uhf-power",
            action=f"take {power.min_cdbm / 100:g} to {highest / 100:g} dBm in steps of {power.unit_cdbm / 100:g}",
            device=self._info.path,
        )

    def signal(self) -> bool:
        return self._module.signal()

    def close(self) -> None:
        self._choice.link = None
        self._module.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_module(
    node: str,
    profile: UhfProfile,
    *,
    name: str | None = None,
    region: str | None = None,
    power_cdbm: int | None = None,
    baud: int | None = None,
    simulated: bool = False,
    wait: Callable[[float], object] = time.sleep,
) -> UhfReader:
    """Open the module at a device node, at whatever speed of the profile it answers; ``baud`` allows one alone.

    ``name``: what the user calls it. ``wait`` passes settling times, in seconds.
    Raises DeviceNotFound, DeviceBusy, DeviceLost, DeviceProtocolError; UsageError for a region or power.
    """
    serial = profile.serial
    bauds = (baud,) if baud is not None else (serial.baud, *(other for other in serial.probe if other != serial.baud))
    port = UhfPort(
        node,
        Framing(profile.framing),
        baud=bauds[0],
        name=name,
        gap=0.0 if serial.gap is None else serial.gap.ms / 1000,
        wait=wait,
    )
    try:
        module = FAMILIES[profile.family](port, profile)
        version = _identified(port, module, profile, bauds)
        info = DeviceInfo(
            path=name or node,
            driver=f"dpptag {profile.family}",
            model=version.model or profile.title,
            firmware=version.firmware,
            simulated=simulated,
        )
        reader = UhfReader(module, profile.for_firmware(version.firmware), info)
        reader.start(region, power_cdbm)
    except BaseException:
        port.close()
        raise
    return reader


def _identified(port: UhfPort, module: Gen2Module, profile: UhfProfile, bauds: tuple[int, ...]) -> ModuleVersion:
    """Find the speed by asking for the version; only a wholly valid answer counts.

    Every speed is tried twice, the second time with the byte that wakes a sleeping module: the first time it may also
    have been in the middle of a frame that a killed process left.
    """
    wake = profile.serial.wake
    for again in (False, True):
        for baud in bauds:
            if baud != port.baud:
                port.baud = baud
            if again and wake is not None:
                port.send_raw(bytes((wake.octet,)))
                port.pause(wake.wait.ms / 1000)
            try:
                version = module.identify()
            except DeviceProtocolError as error:
                if error.code == "profile-other-module":  # it spoke our protocol at this speed
                    raise
                _LOG.debug("%s at %d baud: %s", port.name, baud, error.message)
            except DeviceLost as error:
                if error.code != SILENT:
                    raise
            else:
                _LOG.debug("%s answers at %d baud: %s %s", port.name, baud, version.model, version.firmware)
                _suits(profile, version, port.name)
                return version
    raise DeviceNotFound(
        f"no {profile.title} answers at {port.name}",
        action="check profile and power, and that TX and RX are crossed; another speed is named with ?baud=",
        device=port.name,
        bauds=", ".join(map(str, bauds)),
    )


def _suits(profile: UhfProfile, version: ModuleVersion, name: str) -> None:
    for found in profile.firmware:
        if found.refused and found.holds(version.firmware):
            raise DeviceProtocolError(
                f"the module at {name} runs firmware {version.firmware}: {found.note}",
                code="firmware-refused",
                action="load another firmware",
                device=name,
                firmware=version.firmware,
            )
    texts = profile.identity.texts
    if texts and not any(version.model.startswith(text) for text in texts):
        _LOG.warning("%s calls itself %r, its profile %s expects %s", name, version.model, profile.name, texts)
