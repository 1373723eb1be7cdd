"""Whether what stands on a tag is, to a verifier, what a row wanted there."""

from __future__ import annotations

from dpptag.codec.gen2_content import Gen2Content
from dpptag.codec.layout import read_ndef
from dpptag.codec.ndef import decode_message
from dpptag.errors import CodecError
from dpptag.links import Technology
from dpptag.tags import Tag


def carries(tag: Tag, wanted: bytes) -> bool:
    """Same identity, same statement. What a chip mirrors into the URI, and records behind the statement, do not count;
    nor do the zeros that fill a user bank."""
    found = tag.message
    if not found:
        return False
    if found == wanted:
        return True
    try:
        if tag.technology is Technology.GEN2:
            return _filled(found) == _filled(wanted)
        return read_ndef(found)[1:3] == read_ndef(wanted)[1:3]
    except CodecError:
        return False


def same_but_mirrored(found: Tag, wanted: Tag) -> bool:
    """Every byte the same, but for what a chip mirrors into the URI: records behind the statement count too."""
    if not found.message or not wanted.message or found.technology is not wanted.technology:
        return False
    if found.message == wanted.message:
        return True
    if found.technology is Technology.GEN2 or not carries(found, wanted.message):
        return False
    return decode_message(found.message)[1:] == decode_message(wanted.message)[1:]


def wrong_bytes(tag: Tag, wanted: bytes) -> int | None:
    """How many bytes of the tag's message are not the wanted ones; None where the two are not of one length."""
    found = tag.message
    if not found:
        return None
    if tag.technology is Technology.GEN2:
        try:
            (epc, user), (wanted_epc, wanted_user) = _filled(found), _filled(wanted)
        except CodecError:
            return None
        if len(epc) != len(wanted_epc):
            return None
        room = max(len(user), len(wanted_user))
        found, wanted = epc + user.ljust(room, b"\0"), wanted_epc + wanted_user.ljust(room, b"\0")
    if len(found) != len(wanted):
        return None
    return sum(a != b for a, b in zip(found, wanted, strict=True))


def _filled(message: bytes) -> tuple[bytes, bytes]:
    content = Gen2Content.from_bytes(message)
    return content.epc, content.user.rstrip(b"\0")
