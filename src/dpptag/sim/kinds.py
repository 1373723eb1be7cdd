"""Every kind of chip that can stand in a simulated field: a new one is one module and one line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dpptag.sim.chip import Kind

_TABLES: Final[tuple[Mapping[str, Kind], ...]] = ()

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({name: kind for table in _TABLES for name, kind in table.items()})
