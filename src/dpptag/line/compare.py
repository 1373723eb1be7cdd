"""Whether two messages are the same to a verifier."""

from __future__ import annotations

from dpptag.codec.layout import read_ndef
from dpptag.codec.ndef import decode_message
from dpptag.errors import CodecError


def same_statement(found: bytes, wanted: bytes) -> bool:
    """Same identity, same statement; records behind it, and what a chip mirrors into the URI, do not count."""
    if found == wanted:
        return True
    try:
        return read_ndef(found)[1:3] == read_ndef(wanted)[1:3]
    except CodecError:
        return False


def same_but_mirrored(found: bytes, wanted: bytes) -> bool:
    """Every byte the same, but for what a chip mirrors into the URI: records behind the statement count too."""
    return found == wanted or (
        same_statement(found, wanted) and decode_message(found)[1:] == decode_message(wanted)[1:]
    )
