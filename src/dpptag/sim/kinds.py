"""Every kind of chip that can stand in a simulated field: a new one is one module and one line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dpptag.sim import desfire, felica, ntag424, st25ta, type2, type5
from dpptag.sim.chip import Kind
from dpptag.sim.silent import silent_kind

_TABLES: Final[tuple[Mapping[str, Kind], ...]] = (
    type2.KINDS,
    ntag424.KINDS,
    st25ta.KINDS,
    desfire.KINDS,
    felica.KINDS,
    type5.KINDS,
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType({name: kind for table in _TABLES for name, kind in table.items()})


def kind_of(name: str) -> Kind | None:
    """The kind of this name: one of :data:`KINDS`, or ``SAK20`` (any SAK), selected and then silent."""
    return KINDS.get(name) or silent_kind(name)
