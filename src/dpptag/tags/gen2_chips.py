"""Gen2 chips by the head of their TID: what they hold and can do. A new chip is one line in ``CHIPS``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gen2Chip:
    """``epc_bits`` and ``user_bits``: capacities. ``block_write``: the chip knows BlockWrite. ``name`` has no space."""

    name: str
    epc_bits: int
    user_bits: int
    block_write: bool
    note: str = ""
