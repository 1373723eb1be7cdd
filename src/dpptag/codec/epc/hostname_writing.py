"""Writes the custom host name of ``++`` EPC schemes (TDS 2.3 section 14.5.16).

Encodings of one host are many. Ours is always the same, and legal: the method with fewer bits, URN Code 40 on a tie; of
the sequences of tables A and B, ``qr.``, ``www.`` and ``id.`` at the start of the host alone, top-level domains at its
end alone. The standard allows them anywhere, so a reader takes more than is written here.
"""

from __future__ import annotations

from typing import Final

from dpptag.codec.epc.bit_writing import BitWriter, code40_bits, fits_code40, write_code40
from dpptag.codec.epc.hostname import DOMAINS, SEQUENCES, checked_hostname

_STARTS: Final = {text: (unit,) for unit, text in SEQUENCES.items() if text.endswith(".")}
_ENDS: Final[dict[str, tuple[int, ...]]] = {
    **{text: (unit,) for unit, text in SEQUENCES.items() if text.startswith(".")},
    **{f".{name}": (table, at) for table, names in enumerate(DOMAINS) for at, name in enumerate(names.split())},
}


def write_hostname(bits: BitWriter, host: str) -> None:
    """Method bit, 6-bit length, data; letters keep their case. Raises LinkError ``epc-hostname``."""
    checked_hostname(host)
    units = _units(host)  # never more than characters, so that their number fits its field too
    if fits_code40(host) and code40_bits(len(host)) <= 7 * len(units):
        bits.put(0, 1)
        bits.put(len(host), 6)
        write_code40(bits, host)
        return
    bits.put(1, 1)
    bits.put(len(units), 6)
    for unit in units:
        bits.put(unit, 7)


def _units(host: str) -> list[int]:
    """The 7-bit units of ``host``, as few as the rule of this module allows.

    On a tie the lower ones, which is with a start sequence: its unit is below that of any letter.
    """
    head = next((text for text in _STARTS if host.startswith(text)), "")
    tails = [text for text in _ENDS if host.endswith(text)]
    options = [_joined(host, start, end) for start in {head, ""} for end in (*tails, "")]
    return min((units for units in options if units is not None), key=lambda units: (len(units), units))


def _joined(host: str, start: str, end: str) -> list[int] | None:
    if len(start) + len(end) > len(host):
        return None  # they overlap, as id. and .com in id.com
    middle = host[len(start) : len(host) - len(end)]
    return [*_STARTS.get(start, ()), *map(ord, middle), *_ENDS.get(end, ())]
