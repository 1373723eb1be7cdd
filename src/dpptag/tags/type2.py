"""NFC Forum Type 2 tags over a link: identify, plan, apply, read back.

Each is a step of its own, so that a caller can commit its ledger in between.
"""

from __future__ import annotations

from dpptag.errors import DeviceError, TagError, TagNak, TagSwapped, TagWriteFailed
from dpptag.links import Type2Link
from dpptag.tags.tag import WritePlan
from dpptag.tags.tlv import build_area
from dpptag.tags.type2_identify import identify, read_pages
from dpptag.tags.type2_memory import BLANK_CC, CC_PAGE, PAGE_BYTES, Type2Tag, read_content
from dpptag.tags.type2_plan import plan_write

__all__ = ["apply", "identify", "plan_write", "read_back"]


def apply(link: Type2Link, plan: WritePlan, *, state_before: str = "untouched") -> int:
    """Carry out the steps on the tag that they were planned for; returns how many pages were written.

    An acknowledged write proves nothing: :func:`read_back` does. An error of the link is let through, with
    ``page``, ``written`` and ``tag_state`` among its facts: ``state_before`` where no page was touched, else unknown.
    """
    if link.uid != plan.uid:
        raise TagSwapped(
            "another chip stands where the planned one stood",
            action="put the planned tag back",
            wanted=plan.uid.hex(),
            got=link.uid.hex(),
            tag_state=state_before,
        )
    for written, step in enumerate(plan.steps):
        try:
            link.write(step.at, step.data)
        except (TagError, DeviceError) as error:
            error.facts.setdefault("page", step.at)
            error.facts.setdefault("written", written)
            # Nothing was stored where the first write met a NAK or was never sent; else only reading would tell.
            kept = written == 0 and isinstance(error, TagNak | TagSwapped)
            error.facts.setdefault("tag_state", state_before if kept else "unknown")
            raise
    return len(plan.steps)


def read_back(link: Type2Link, tag: Type2Tag, message: bytes) -> bytes:
    """Field off and on, the same chip again, then compare the CC and the whole data area with ``message``.

    Returns the message as parsed from the bytes just read. Raises TagWriteFailed with page, wanted and got; TagLost
    or TagSwapped by the link.
    """
    link.reselect()
    if link.uid != tag.uid:
        raise TagSwapped(
            "another chip stands where the written one stood",
            action="put the written tag back and read it again",
            wanted=tag.uid.hex(),
            got=link.uid.hex(),
            tag_state="written-unverified",
        )
    wanted = (tag.chip.cc if tag.cc == BLANK_CC else tag.cc) + build_area(message, tag.capacity)
    got = read_pages(link, tag.chip, CC_PAGE, tag.chip.last_area_page)
    for at in range(0, len(wanted), PAGE_BYTES):
        if got[at : at + PAGE_BYTES] != wanted[at : at + PAGE_BYTES]:
            page = CC_PAGE + at // PAGE_BYTES
            raise TagWriteFailed(
                f"page {page} does not hold what was written to it",
                action="do not ship this tag; write it again",
                chip_type=tag.chip.name,
                chip=tag.uid.hex(),
                page=page,
                wanted=wanted[at : at + PAGE_BYTES].hex(),
                got=got[at : at + PAGE_BYTES].hex(),
                tag_state="written-unverified",
            )
    content = read_content(got[:PAGE_BYTES], got[PAGE_BYTES:])
    if content.ndef is None:
        raise TagWriteFailed(
            f"what was read back is no message: {content.reason}",
            action="do not ship this tag",
            chip=tag.uid.hex(),
            tag_state="written-unverified",
        )
    return content.ndef
