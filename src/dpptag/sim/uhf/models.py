"""The simulated Gen2 chips. Another chip is one line here.

Heads of TIDs and capacities are those of public tables and of data sheets as far as they were at hand. In Higgs-3,
Higgs-9 and UCODE-9xm EPC and user bank share cells, which is not modelled. Programming times: UCODE 7xm
(SL3S1004_1014), Monza 4 and Monza R6 (IPJ-W1700) from their data sheets, the rest assumed. Which Alien and EM chips
leave the factory with an EPC of zeros differs from order to order: here they all do, so that blank tags with equal EPCs
are met often.

``No-Serial`` (an XTID without a serial), ``Serial-64`` and ``Serial-64-tail`` are no products: they are there for
readers that must refuse the first, and take the chip number of the others to the end of the serial and not beyond.
"""

from __future__ import annotations

from typing import Final

from dpptag.sim.uhf.tag import Model, Umi

_MONZA_4_US: Final = 3_400
_MONZA_R6_US: Final = 1_600
_UCODE_7XM_US: Final = 1_500
_XTID_64: Final = 0x4000  # V = 2: a serial of 64 bits (TDS 2.3, 16.2)
_XTID_64_OPTIONAL: Final = 0x4000 | 1 << 12  # and one word of optional command support behind it


def _head(text: str) -> bytes:
    return bytes.fromhex(text)


MODELS: Final = {
    model.name: model
    for model in (
        Model("Higgs-3", _head("E2003412"), 480, 512, xtid=None, serial_bytes=8, block_words=4, copies_tid=False),
        Model("Higgs-EC", _head("E2003811"), 128, 128, xtid=None, serial_bytes=8, block_words=4, copies_tid=False),
        Model("Higgs-9", _head("E2803821"), 496, 688, block_words=4, copies_tid=False),
        Model("UCODE-7xm", _head("E2806D12"), 448, 1024, block_words=2, word_us=_UCODE_7XM_US),
        Model("UCODE-7xm-2k", _head("E2806F12"), 448, 2048, block_words=2, word_us=_UCODE_7XM_US),
        Model("UCODE-7xm-plus", _head("E2806D92"), 448, 2048, block_words=2, word_us=_UCODE_7XM_US),
        Model("UCODE-8", _head("E2806894"), 128, 0),
        Model("UCODE-9", _head("E2806995"), 96, 0, passwords=False),
        Model("UCODE-9xm", _head("E2806897"), 448, 752, block_words=2),
        Model("UCODE-DNA", _head("E2C06892"), 224, 3072, block_words=2, umi=Umi.BITS_03_07, has_xpc=True),
        Model(
            "Monza-4QT", _head("E2801105"), 128, 512,
            block_words=2, permalock_words=8, word_us=_MONZA_4_US, umi=Umi.FIRST_WORD,
        ),
        Model("Monza-4D", _head("E2801100"), 128, 32, block_words=2, word_us=_MONZA_4_US, umi=Umi.FIRST_WORD),
        Model("Monza-4E", _head("E280110C"), 496, 128, block_words=2, word_us=_MONZA_4_US, umi=Umi.FIRST_WORD),
        Model("Monza-5", _head("E2801130"), 128, 32, block_words=2),
        Model("Monza-R6", _head("E2801160"), 96, 0, block_words=2, word_us=_MONZA_R6_US, passwords=False),
        Model("Monza-X-8K", _head("E2801150"), 128, 8192, block_words=2, permalock_words=32),
        Model("Monza-X-2K", _head("E2801140"), 128, 2176, block_words=2, permalock_words=8),
        Model("M730", _head("E2801191"), 128, 0, block_words=2),
        Model("M750", _head("E2801190"), 96, 32, block_words=2),
        Model("M775", _head("E2C011A2"), 128, 32, block_words=2, umi=Umi.BITS_03_07, has_xpc=True),
        Model("M830", _head("E28011B0"), 128, 0, block_words=2),
        Model("EM4325", _head("E280B040"), 352, 3072, block_words=2, copies_tid=False),
        Model("No-Serial", _head("E2801105"), 128, 512, xtid=0x0000, serial_bytes=0, copies_tid=False),
        Model("Serial-64", _head("E2806D12"), 448, 1024, xtid=_XTID_64, serial_bytes=8),
        Model(
            "Serial-64-tail", _head("E2806D12"), 448, 1024,
            xtid=_XTID_64_OPTIONAL, serial_bytes=8, tid_tail=bytes.fromhex("0421"),
        ),
    )
}  # fmt: skip
"""By name, as in a query's ``tags=``."""
