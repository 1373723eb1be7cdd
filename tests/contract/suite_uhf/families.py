"""Which UHF modules and which chips the Gen2 contract suite runs over, and what each module can say of a refusal.

A new family is one entry of :data:`FAMILIES`, a new chip one of :data:`CHIPS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dpptag.links.gen2 import Refusal

_LOCKED, _OVERRUN, _FAILED, _OTHER = Refusal.LOCKED, Refusal.OVERRUN, Refusal.WRITE_FAILED, Refusal.OTHER


@dataclass(frozen=True)
class Family:
    """``family``: the simulated one, ``query`` what it is told besides. ``names_tags``: its answer to an access says
    which EPC it is from. ``locked``, ``overrun``, ``password``: what a refused write is called; ``unread``,
    ``beyond``: a refused read of a locked password, and of words that are not there. ``fixed``: a lock that a
    permanent one forbids. ``longest_epc``: words by which it can still choose a tag."""

    title: str
    family: str
    profile: str
    query: str = ""
    selects_by_tid: bool = False
    names_tags: bool = False
    block_write: bool = True
    rssi: bool = True
    temperature: bool = False
    locked: Refusal = _LOCKED
    overrun: Refusal = _OVERRUN
    password: Refusal = Refusal.PASSWORD
    unread: Refusal = _LOCKED
    beyond: Refusal = _OVERRUN
    fixed: Refusal = _LOCKED
    longest_epc: int = 31


FAMILIES: Mapping[str, Family] = {
    "m100": Family("MagicRF M100", "m100", "uhf-m100", selects_by_tid=True, names_tags=True, block_write=False),
    "r200": Family("MagicRF R200", "r200", "uhf-r200", selects_by_tid=True, names_tags=True, block_write=False),
    "mercury-fine": Family(
        "Mercury, M6e Nano, errors by number",
        "mercury",
        "uhf-m6e-nano",
        "&errors=fine",
        selects_by_tid=True,
        temperature=True,
        password=_OTHER,
    ),
    "mercury-coarse": Family(
        "Mercury, M6e Nano, errors as captured",
        "mercury",
        "uhf-m6e-nano",
        "&errors=coarse",
        selects_by_tid=True,
        temperature=True,
        locked=_FAILED,
        overrun=_FAILED,
        password=_FAILED,
        fixed=_OTHER,
    ),
    "a0": Family(
        "A0, R2000",
        "a0",
        "uhf-a0-r2000",
        names_tags=True,
        temperature=True,
        locked=_FAILED,
        overrun=_FAILED,
        unread=_OTHER,
        beyond=_OTHER,
        fixed=_OTHER,
    ),
    "uhfreader18": Family("UHFReader18", "uhfreader18", "uhf-uhfreader18", rssi=False, longest_epc=15),
    "uhfreader288": Family("UHFReader288M", "uhfreader288", "uhf-uhfreader288", rssi=False, longest_epc=15),
}


@dataclass(frozen=True)
class Chip:
    """Words of the user bank, and of the longest EPC that is written here."""

    user_words: int
    epc_words: int


CHIPS: Mapping[str, Chip] = {
    "Higgs-9": Chip(43, 12),
    "UCODE-7xm": Chip(64, 12),
    "Monza-4QT": Chip(32, 8),
}
