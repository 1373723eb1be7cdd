"""The four protocols, by the name that a profile gives its family. A driver is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dpptag.devices.uhf.module import Gen2Module
    from dpptag.devices.uhf.port import UhfPort
    from dpptag.devices.uhf_profiles import UhfProfile


def _mercury(port: UhfPort, profile: UhfProfile) -> Gen2Module:
    from dpptag.devices.uhf.mercury import MercuryModule

    return MercuryModule(port, profile)


def _magicrf(port: UhfPort, profile: UhfProfile) -> Gen2Module:
    from dpptag.devices.uhf.magicrf import MagicRfModule

    return MagicRfModule(port, profile)


def _a0(port: UhfPort, profile: UhfProfile) -> Gen2Module:
    from dpptag.devices.uhf.a0 import A0Module

    return A0Module(port, profile)


def _reader18(port: UhfPort, profile: UhfProfile) -> Gen2Module:
    from dpptag.devices.uhf.reader18 import Reader18Module

    return Reader18Module(port, profile)


FAMILIES: Final[Mapping[str, Callable[[UhfPort, UhfProfile], Gen2Module]]] = MappingProxyType(
    {"mercury": _mercury, "magicrf": _magicrf, "a0": _a0, "reader18": _reader18}
)
