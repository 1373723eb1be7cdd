"""Whether two messages are the same to a verifier."""

from __future__ import annotations

from dpptag.codec.layout import read_ndef
from dpptag.errors import CodecError


def same_statement(found: bytes, wanted: bytes) -> bool:
    """Same identity, same statement; records behind it, and what a chip mirrors into the URI, do not count."""
    if found == wanted:
        return True
    try:
        return read_ndef(found)[1:3] == read_ndef(wanted)[1:3]
    except CodecError:
        return False
