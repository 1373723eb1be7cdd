"""Electronic Product Codes: the EPC bank of a Gen2 tag from word 2 on (TDS 2.3).

Reading is loaded at once, for it stands on the way to a verdict; writing and other forms when they are first asked for.
A new scheme is one decoder and one line in ``_DECODERS``, one line in ``encoding.SCHEMES``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

from dpptag.codec.epc.sgtin import (
    Sgtin,
    decode_dsgtin_plus,
    decode_dsgtin_plus_plus,
    decode_sgtin96,
    decode_sgtin198,
    decode_sgtin_plus,
    decode_sgtin_plus_plus,
)
from dpptag.errors import LinkError

if TYPE_CHECKING:
    from dpptag.codec.epc.encoding import SCHEMES, EncodedEpc, encode_epc
    from dpptag.codec.epc.forms import EpcItem, element_string, read_item, urn_id, urn_tag
    from dpptag.codec.epc.planning import PlannedEpc, plan_epc

__all__ = [
    "SCHEMES",
    "EncodedEpc",
    "EpcItem",
    "PlannedEpc",
    "Sgtin",
    "decode_epc",
    "element_string",
    "encode_epc",
    "plan_epc",
    "read_item",
    "urn_id",
    "urn_tag",
]

_LATER: Final = {
    **dict.fromkeys(("SCHEMES", "EncodedEpc", "encode_epc"), "encoding"),
    **dict.fromkeys(("EpcItem", "element_string", "read_item", "urn_id", "urn_tag"), "forms"),
    **dict.fromkeys(("PlannedEpc", "plan_epc"), "planning"),
}
_DECODERS: Final[dict[int, Callable[[bytes], Sgtin]]] = {
    0x30: decode_sgtin96,
    0x36: decode_sgtin198,
    0xF7: decode_sgtin_plus,
    0xFB: decode_dsgtin_plus,
    0xFC: decode_dsgtin_plus_plus,
    0xFD: decode_sgtin_plus_plus,
}
_LONGEST_OCTETS: Final = 62  # StoredPC counts at most 31 words


def __getattr__(name: str) -> object:
    """Load what a reader of tags does not need (PEP 562)."""
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def decode_epc(data: bytes) -> Sgtin:
    """Decode the EPC bank from word 2, as many whole words as StoredPC bits 10h-14h say.

    Raises LinkError: ``epc-unprogrammed`` for zeros, ``epc-unknown-header`` for a scheme that is not read here,
    ``epc-length``, ``epc-truncated``, ``epc-fill``, ``epc-partition``, ``epc-range``, ``epc-digit``,
    ``epc-characters``, ``epc-reserved``, ``epc-hostname``, ``epc-aidc-unsupported``, and the codes of Digital Link
    values for a wrong check digit, date or +AIDC value.
    """
    if not data or len(data) % 2 or len(data) > _LONGEST_OCTETS:
        raise LinkError(
            f"an EPC has 1 to {_LONGEST_OCTETS // 2} whole words, not {len(data)} bytes",
            code="epc-length",
            got=len(data),
        )
    if not any(data):
        raise LinkError("the EPC bank is all zero: nothing was written", code="epc-unprogrammed")
    decoder = _DECODERS.get(data[0])
    if decoder is None:
        raise LinkError(
            f"EPC header {data[0]:02X}h is not a scheme that is read here",
            code="epc-unknown-header",
            header=f"{data[0]:02X}",
            epc=data.hex(),
        )
    return decoder(data)
