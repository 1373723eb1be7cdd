"""Plan the writes that give a Type 4 tag a message; pure, from a tag that was read to steps that can be shown.

The order survives a pulled tag: length 0 first, then the body, then the true length. Stopped between two commands, a
tag holds the old message (before the first), a valid empty one, or the new one (after the last).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dpptag.codec.ndef import decode_message
from dpptag.links.nfc import Technology
from dpptag.tags.tag import ContentState, WritePlan, WriteStep, refusal
from dpptag.tags.type4_cc import FREE, CapabilityContainer, parse_cc
from dpptag.tags.type4_format import FORMATTED_CC, format_steps
from dpptag.tags.type4_tag import LENGTH_BYTES, Type4Tag

EMPTY: Final = bytes(LENGTH_BYTES)
_GAP: Final = 16
"""Equal bytes between two changed runs that are written along: another command costs more than so many bytes."""


def plan_write(tag: Type4Tag, message: bytes, *, allow_format: bool = False, rewrite: bool = False) -> WritePlan:
    """The writes that leave ``tag`` with exactly ``message``; pure, nothing is sent.

    Bytes that are already right are left out; ``rewrite`` writes all of the message again. What lies behind the
    message is left as it is: nothing reads it. A DESFire without an NDEF application is formatted only with
    ``allow_format``. Raises NdefError if ``message`` is no NDEF message, TagRefused if the tag cannot take it.
    """
    decode_message(message)
    if tag.content.state is ContentState.FOREIGN:
        raise refusal(
            tag.uid,
            "tag-foreign",
            tag.content.reason,
            "take a tag that is NDEF formatted or blank",
            chip_type=tag.chip_name,
        )
    missing = len(message) - tag.message_room
    if missing > 0:
        raise refusal(
            tag.uid,
            "tag-too-small",
            f"{len(message)} bytes of NDEF do not fit into this {tag.chip_name}: {missing} too many",
            "shorten the message or take a larger chip",
            chip_type=tag.chip_name,
            room=tag.message_room,
            missing=missing,
        )
    content = len(message).to_bytes(LENGTH_BYTES, "big") + message
    if tag.container is None:
        if not allow_format:
            raise refusal(
                tag.uid,
                "tag-unformatted",
                f"{tag.content.reason}; formatting creates an application on the chip",
                "allow formatting, or take a tag that is NDEF formatted",
                chip_type=tag.chip_name,
            )
        container, cc = parse_cc(FORMATTED_CC), FORMATTED_CC
        made = format_steps(tag.missing or frozenset())
    else:
        container, cc, made = tag.container, tag.cc, []
    if not rewrite and not made and tag.holds(content):
        steps: tuple[WriteStep, ...] = ()
    else:
        steps = (*made, *_steps(tag, container, content, rewrite=rewrite))
        _refuse_unwritable(tag)
    return WritePlan(Technology.TYPE4, tag.uid, tag.chip_name, message, steps, cc + content)


def _steps(tag: Type4Tag, container: CapabilityContainer, content: bytes, *, rewrite: bool) -> list[WriteStep]:
    file = container.file
    body = [
        WriteStep("offset", at, content[at:end], "body", file=file)
        for at, end in _runs(b"" if rewrite else tag.memory, content, container.write_chunk)
    ]
    # A file just made begins with zeros; one that was left half-formatted has not been written either.
    length = tag.memory[:LENGTH_BYTES] or EMPTY
    steps: list[WriteStep] = []
    if (body or rewrite) and length != EMPTY:
        steps.append(WriteStep("offset", 0, EMPTY, "length 0 while the body changes", file=file))
        length = EMPTY
    steps += body
    if length != content[:LENGTH_BYTES]:
        steps.append(
            WriteStep("offset", 0, content[:LENGTH_BYTES], "length: the message is valid from here on", file=file)
        )
    return steps


def _runs(known: bytes, content: bytes, chunk: int) -> Iterator[tuple[int, int]]:
    """(from, to) of what differs behind the length bytes, small gaps closed, at most ``chunk`` bytes each."""
    different = [at for at in range(LENGTH_BYTES, len(content)) if at >= len(known) or known[at] != content[at]]
    at = 0
    while at < len(different):
        start = end = different[at]
        while at < len(different) and different[at] - end < _GAP and different[at] - start < chunk:
            end = different[at] + 1
            at += 1
        yield start, end


def _refuse_unwritable(tag: Type4Tag) -> None:
    """Everything that would stop the write half-way stops it here, before the first command. Raises TagRefused."""
    container, settings = tag.container, tag.settings
    if container is not None and container.write_access != FREE:
        raise refusal(
            tag.uid,
            "tag-read-only",
            f"the CC says that this tag is not free to write (access {container.write_access:02x})",
            "take another tag",
            chip_type=tag.chip_name,
            cc=tag.cc.hex(),
        )
    if settings is None:
        return
    if settings.is_never_written:
        raise refusal(
            tag.uid,
            "tag-locked",
            "the NDEF file is locked for ever",
            "take another tag",
            chip_type=tag.chip_name,
            rights=settings.rights.hex(),
        )
    if not settings.is_free_to_write:
        raise refusal(
            tag.uid,
            "tag-password",
            "the NDEF file asks for a key to write",
            "take another tag, or remove the key first",
            chip_type=tag.chip_name,
            rights=settings.rights.hex(),
        )
    if settings.mirrors:
        raise refusal(
            tag.uid,
            "tag-mirror",
            "the chip mirrors values into its message at places made for another message",
            "take another tag, or switch Secure Dynamic Messaging off",
            chip_type=tag.chip_name,
        )
