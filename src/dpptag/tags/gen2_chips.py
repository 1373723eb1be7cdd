"""Gen2 chips by manufacturer and model number of their TID: what they hold and can do. A new chip is one line.

The numbers are hints until the chip confirms them: a bank is read to its end when a tag is identified, and what is
written or locked is read back and proved. No published register of models exists, so each line says what it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Final

WORD_BITS: Final = 16


@unique
class Maker(IntEnum):
    """Mask designers (GS1 MDID list), 9 bits."""

    IMPINJ = 0x001
    ALIEN = 0x003
    NXP = 0x006
    EM = 0x00B


@dataclass(frozen=True, slots=True)
class Gen2Chip:
    """``epc_bits`` and ``user_bits``: capacities. ``name`` has no space.

    ``block_write``: how many words the chip programs by one BlockWrite, at an address that they divide; 0 where it has
    none, or no source says it. Two are from data sheets that give the time to write 32 bits (Monza 4 v10, IPJ-W1700,
    SL3S1004_1014); that the address must be even is from memory, and costs nothing to keep.
    ``epc_bits`` is what the bank can be made to hold behind StoredPC. ``passwords``: access and kill password.
    ``crypto``: the suite of its Authenticate command, empty for none. ``source``: what the line rests on.
    """

    name: str
    epc_bits: int
    user_bits: int
    block_write: int = 0
    note: str = ""
    passwords: bool = True
    crypto: str = ""
    source: str = ""
    maker: int = 0
    models: tuple[int, ...] = ()

    @property
    def user_bytes(self) -> int:
        return self.user_bits // 8

    @property
    def is_known(self) -> bool:
        """False for a chip that is in no line of ``CHIPS``: its numbers are then what was read of it."""
        return bool(self.models)


_SHARED: Final = "EPC and user bank share cells (from memory): these are the most, and a longer EPC may be refused"
_MEMORY: Final = "sizes from memory"  # nothing irreversible rests on these: banks are read, locks are proved
_ONE_TABLE: Final = "one public table of TID prefixes"
_TWO_TABLES: Final = "two public tables of TID prefixes"

CHIPS: Final[tuple[Gen2Chip, ...]] = (
    Gen2Chip(
        "Higgs-3",
        480,
        512,
        note=f"96 bits of EPC as delivered. {_SHARED}. Its TID has no XTID, so no serial to bind a statement to",
        source=f"{_TWO_TABLES}; 32 words of user memory were read from a real one",
        maker=Maker.ALIEN,
        models=(0x412,),
    ),
    Gen2Chip("Higgs-EC", 128, 128, source=f"{_TWO_TABLES}; {_MEMORY}", maker=Maker.ALIEN, models=(0x811,)),
    Gen2Chip(
        "Higgs-9",
        496,
        688,
        note=f"96 bits of EPC as delivered. {_SHARED}",
        source=f"{_TWO_TABLES}; 43 words of user memory were read from a real one",
        maker=Maker.ALIEN,
        models=(0x821,),
    ),
    Gen2Chip(
        "UCODE-7xm",
        448,
        1024,
        block_write=2,
        source=f"SL3S1004_1014 rev 3.2 (sizes); {_ONE_TABLE}",
        maker=Maker.NXP,
        models=(0xD12,),
    ),
    Gen2Chip(
        "UCODE-7xm-2k",
        448,
        2048,
        block_write=2,
        source="SL3S1004_1014 rev 3.2 (sizes); model, 28 words of EPC and 2048 bits were read from a real one",
        maker=Maker.NXP,
        models=(0xF12,),
    ),
    Gen2Chip(
        "UCODE-7xm-plus",
        448,
        2048,
        block_write=2,
        note="has an originality signature, which is not read here",
        source=f"SL3S1004_1014 rev 3.2 (sizes); {_ONE_TABLE}",
        maker=Maker.NXP,
        models=(0xD92,),
    ),
    Gen2Chip("UCODE-8", 128, 0, source=_TWO_TABLES, maker=Maker.NXP, models=(0x894,)),
    Gen2Chip(
        "UCODE-9",
        96,
        0,
        passwords=False,
        source=f"{_TWO_TABLES}; no access password on a real one",
        maker=Maker.NXP,
        models=(0x995, 0x915, 0x895),
    ),
    Gen2Chip(
        "UCODE-9xm",
        448,
        752,
        note=f"the user bank is as large as it was configured; EPC 448 or 496 bits. {_SHARED}",
        source=f"{_TWO_TABLES}; {_MEMORY}",
        maker=Maker.NXP,
        models=(0x897,),
    ),
    Gen2Chip(
        "UCODE-DNA",
        224,
        3072,
        crypto="AES-128, ISO/IEC 29167-10",
        source=f"NXP leaflet (AES); {_ONE_TABLE}; {_MEMORY}",
        maker=Maker.NXP,
        models=(0x892, 0xB12, 0xC12),
    ),
    Gen2Chip(
        "Monza-4QT",
        128,
        512,
        block_write=2,
        note="sizes of the private profile; four blocks of 128 bits for BlockPermalock",
        source="Monza 4 data sheet v10; 8 words of EPC and 32 of user memory were read from a real one",
        maker=Maker.IMPINJ,
        models=(0x105,),
    ),
    Gen2Chip(
        "Monza-4D", 128, 32, block_write=2, source=f"{_ONE_TABLE}; {_MEMORY}", maker=Maker.IMPINJ, models=(0x100,)
    ),
    Gen2Chip(
        "Monza-4E",
        496,
        128,
        block_write=2,
        source="31 words of EPC and 8 of user memory were read from a real one",
        maker=Maker.IMPINJ,
        models=(0x10C,),
    ),
    Gen2Chip("Monza-5", 128, 32, source="IPJ-W1600 r1.51", maker=Maker.IMPINJ, models=(0x130,)),
    Gen2Chip(
        "Monza-R6",
        96,
        0,
        block_write=2,
        passwords=False,
        source="IPJ-W1700 v5 (sizes); no passwords, from memory",
        maker=Maker.IMPINJ,
        models=(0x160,),
    ),
    Gen2Chip(
        "Monza-X-8K",
        128,
        8192,
        note="one page of the user bank at a time is read and written over the air",
        source="Monza X-8K Dura data sheet v8.1 (user bank); EPC from memory",
        maker=Maker.IMPINJ,
        models=(0x150,),
    ),
    Gen2Chip("Monza-X-2K", 128, 2176, source=_MEMORY, maker=Maker.IMPINJ, models=(0x140,)),
    Gen2Chip("M730", 128, 0, source=f"{_ONE_TABLE}; {_MEMORY}", maker=Maker.IMPINJ, models=(0x191,)),
    Gen2Chip("M750", 96, 32, source=f"{_ONE_TABLE}; {_MEMORY}", maker=Maker.IMPINJ, models=(0x190,)),
    Gen2Chip(
        "M775",
        128,
        32,
        crypto="PRESENT-80, ISO/IEC 29167-11; keys at the maker's service alone",
        source=f"maker's tutorial (TID); {_MEMORY}",
        maker=Maker.IMPINJ,
        models=(0x1A2,),
    ),
    Gen2Chip("M830", 128, 0, source=f"{_ONE_TABLE}; {_MEMORY}", maker=Maker.IMPINJ, models=(0x1B0,)),
    Gen2Chip(
        "EM4325",
        352,
        3072,
        source=f"model of a real one; {_MEMORY}",
        maker=Maker.EM,
        models=(0x044, 0x040),
    ),
)

BY_NAME: Final[Mapping[str, Gen2Chip]] = MappingProxyType({chip.name: chip for chip in CHIPS})

_BY_MODEL: Final = {(chip.maker, model): chip for chip in CHIPS for model in chip.models}


def chip_by_model(maker: int, model: int) -> Gen2Chip | None:
    """``maker`` and ``model`` as the TID gives them: MDID of 9 bits, TMN of 12."""
    return _BY_MODEL.get((maker, model))


def larger_than(user_bits: int) -> list[str]:
    """The chips whose user bank has at least so many bits, the smallest first."""
    fitting = [chip for chip in CHIPS if chip.user_bits >= user_bits]
    return [chip.name for chip in sorted(fitting, key=lambda chip: chip.user_bits)]
