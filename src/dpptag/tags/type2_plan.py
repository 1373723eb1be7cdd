"""Plan the page writes that give a Type 2 tag a message; pure, from a tag that was read to steps that can be shown.

The order survives a pulled tag: an empty NDEF TLV first, then the body, then the true header. Stopped between two page
writes, a tag holds the old message (before the first), a valid empty one, or the new one (after the last).
"""

from __future__ import annotations

from typing import Final

from dpptag.codec.ndef import decode_message
from dpptag.links.nfc import Technology
from dpptag.tags.tag import ContentState, WritePlan, WriteStep, refusal
from dpptag.tags.tlv import build_area
from dpptag.tags.type2_memory import BLANK_CC, CC_PAGE, FIRST_PAGE, PAGE_BYTES, ToldBy, Type2Tag

EMPTY_HEADER: Final = bytes.fromhex("0300FE00")
"""The header page of an empty message, terminator behind it: what the tag shows while its body changes."""


def plan_write(tag: Type2Tag, message: bytes, *, allow_format: bool = False, rewrite: bool = False) -> WritePlan:
    """The page writes that leave ``tag`` with exactly ``message`` and zeros behind it; pure, nothing is sent.

    Pages that already hold their bytes are left out; ``rewrite`` writes all of the message again, for cells that did
    not keep it. A blank CC is written only with ``allow_format``: those bits stay for ever. Raises NdefError if
    ``message`` is no NDEF message, TagRefused if the tag cannot take it.
    """
    decode_message(message)
    missing = len(message) - tag.message_room
    if missing > 0:
        raise refusal(
            tag.uid,
            "tag-too-small",
            f"{len(message)} bytes of NDEF do not fit into this {tag.chip.name}: {missing} too many",
            "shorten the message or take a larger chip",
            chip_type=tag.chip.name,
            room=tag.message_room,
            missing=missing,
        )
    if tag.content.state is ContentState.FOREIGN:
        raise refusal(
            tag.uid,
            "tag-foreign",
            tag.content.reason,
            "take a tag that is NDEF formatted or blank",
            chip_type=tag.chip.name,
        )
    area = build_area(message, tag.capacity)
    cc = tag.chip.cc if tag.cc == BLANK_CC else tag.cc
    rewrite_until = FIRST_PAGE + (len(message) + 4) // PAGE_BYTES if rewrite else FIRST_PAGE
    steps = _steps(tag, cc, area, rewrite_until)
    if steps:
        _refuse_unwritable(tag, steps, allow_format=allow_format)
    return WritePlan(Technology.TYPE2, tag.uid, tag.chip.name, message, steps, cc + area)


def _steps(tag: Type2Tag, cc: bytes, area: bytes, rewrite_until: int) -> tuple[WriteStep, ...]:
    """Order: empty header, body ascending, CC if blank, true header. The header is the commit.

    The empty header comes first whenever anything behind it changes; where only the header itself is wrong, its one
    write is the commit. Pages up to ``rewrite_until`` are written even if they read right.
    """
    pages = [area[at : at + PAGE_BYTES] for at in range(0, len(area), PAGE_BYTES)]
    body = [
        WriteStep("page", page, data, "body")
        for page, data in enumerate(pages[1:], FIRST_PAGE + 1)
        if page <= rewrite_until or data != tag.page(page)
    ]
    if tag.cc != cc:
        # Behind the body, where the silicon's own anti-tearing covers it (NTAG213_215_216: page 3), and before the
        # header: a tag that stops here is blank or validly empty.
        body.append(WriteStep("page", CC_PAGE, cc, "capability container", irreversible=True))
    header = tag.page(FIRST_PAGE)
    steps: list[WriteStep] = []
    if body and header != EMPTY_HEADER:
        steps.append(WriteStep("page", FIRST_PAGE, EMPTY_HEADER, "empty message while the body changes"))
        header = EMPTY_HEADER
    steps += body
    if header != pages[0]:
        steps.append(WriteStep("page", FIRST_PAGE, pages[0], "true header: the message is valid from here on"))
    return tuple(steps)


def _refuse_unwritable(tag: Type2Tag, steps: tuple[WriteStep, ...], *, allow_format: bool) -> None:
    """Everything that would stop the write half-way stops it here, before the first page. Raises TagRefused."""
    chip = tag.chip
    if tag.cc == BLANK_CC and not allow_format:
        raise refusal(
            tag.uid,
            "tag-unformatted",
            f"the CC is blank; writing {chip.cc.hex()} to page 3 sets bits that can never be cleared",
            "allow formatting, or take a tag that is NDEF formatted",
            chip_type=chip.name,
            page=CC_PAGE,
            wanted=chip.cc.hex(),
        )
    if tag.cc == BLANK_CC and tag.told_by is ToldBy.PAGES:
        raise refusal(
            tag.uid,
            "tag-format-unproved",
            f"this reader can tell an {chip.name} by its page count alone, and no CC confirms it: what is written to "
            "page 3 would stay for ever",
            "format this tag on a reader that passes tag commands, or take one that is NDEF formatted",
            chip_type=chip.name,
            page=CC_PAGE,
        )
    if tag.cc != BLANK_CC and not tag.writable:
        raise refusal(
            tag.uid,
            "tag-read-only",
            f"the CC says that this tag is not free to write (access {tag.cc[3]:02x})",
            "take another tag",
            chip_type=chip.name,
            cc=tag.cc.hex(),
        )
    locked = sorted({step.at for step in steps} & tag.locked)
    if locked:
        raise refusal(
            tag.uid,
            "tag-locked",
            f"{len(locked)} pages that must change are locked for ever, the first is {locked[0]}",
            "take another tag",
            chip_type=chip.name,
            page=locked[0],
            static_lock=tag.static_lock.hex(),
            dynamic_lock=tag.dynamic_lock.hex(),
        )
    last = max(step.at for step in steps)
    if tag.auth0 <= last:
        raise refusal(
            tag.uid,
            "tag-password",
            f"pages from {tag.auth0} on ask for a password to write",
            "take another tag, or remove the password first",
            chip_type=chip.name,
            auth0=tag.auth0,
            page=last,
        )
    if tag.mirror:
        raise refusal(
            tag.uid,
            "tag-mirror",
            "the chip mirrors its UID or counter into user memory, so a read-back would prove nothing",
            "switch the mirror off in CFG0, or take another tag",
            chip_type=chip.name,
        )
