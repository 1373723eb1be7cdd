"""NFC Forum Type 2 tags over a link: identify, plan, apply, read back.

Each is a step of its own, so that a caller can commit its ledger in between.
"""

from __future__ import annotations

import logging
from typing import Final

from dpptag.errors import DeviceError, TagError, TagNak, TagSwapped, TagWriteFailed
from dpptag.links import Type2Link
from dpptag.tags.tag import WritePlan, refusal
from dpptag.tags.tlv import build_area
from dpptag.tags.type2_memory import (
    BLANK_CC,
    CC_MAGIC,
    CC_PAGE,
    FIRST_PAGE,
    LOCK_PAGE,
    PAGE_BYTES,
    ChipType,
    Type2Tag,
    chip_by_version,
    locked_pages,
    read_content,
    uid_of,
)
from dpptag.tags.type2_plan import plan_write

__all__ = ["apply", "identify", "plan_write", "read_back"]

_LOG = logging.getLogger(__name__)

_READ_PAGES: Final = 4
_NAK_ARGUMENT: Final = 0x0  # NTAG213_215_216 table 23; 1h is a parity or CRC error
_PASSWORD_ON_READ: Final = 0x80  # CFG1 ACCESS b7, PROT
_MIRROR_BITS: Final = 0xC0  # CFG0 byte 0 b7-b6, MIRROR_CONF


def identify(link: Type2Link) -> Type2Tag:
    """Tell the chip by GET_VERSION and read its locks, configuration and NDEF data area; writes nothing.

    Raises TagRefused for a chip whose map is not known, a UID that is no chip number or does not read back, a CC that
    contradicts the chip, and a data area behind a read password.
    """
    uid = link.uid
    if len(uid) != 7:
        raise refusal(
            uid,
            "tag-uid",
            f"a UID of {len(uid)} bytes is no number of a chip that we write: it may be random, or a card or phone",
            "take an NTAG213, NTAG215 or NTAG216",
        )
    version = link.get_version() or link.get_version()  # a NAK has no CRC: noise must not pass for an unknown chip
    chip = chip_by_version(version) if version is not None else None
    if chip is None:
        raise refusal(
            uid,
            "tag-chip-unknown",
            "the memory map of this chip is not known, and guessing could write into lock or password pages",
            "take an NTAG213, NTAG215 or NTAG216",
            version=version.hex() if version is not None else None,
        )
    auth0, read_protected, mirror, dynamic_lock = _read_configuration(link, chip)
    pages = _read_pages(link, chip, 0, chip.last_area_page)
    if uid_of(pages) != uid:
        raise refusal(
            uid,
            "tag-uid-check",
            "pages 0 to 2 do not hold the UID that answered, with its check bytes: reader or chip is faulty",
            "try again, then try another reader",
            wanted=uid.hex(),
            got=pages[:9].hex(),
        )
    cc = pages[PAGE_BYTES * CC_PAGE : PAGE_BYTES * FIRST_PAGE]
    if cc[0] == CC_MAGIC and cc[2] != chip.cc_size:
        raise refusal(
            uid,
            "tag-cc-size",
            f"the CC gives a data area of {8 * cc[2]} bytes, an {chip.name} is delivered with {chip.area_bytes}",
            "set this tag aside: its size bits can never be cleared",
            chip_type=chip.name,
            wanted=chip.cc_size,
            got=cc[2],
        )
    static_lock = pages[PAGE_BYTES * LOCK_PAGE + 2 : PAGE_BYTES * CC_PAGE]
    tag = Type2Tag(
        uid=uid,
        chip=chip,
        cc=cc,
        static_lock=static_lock,
        dynamic_lock=dynamic_lock,
        locked=locked_pages(chip, static_lock, dynamic_lock),
        auth0=auth0,
        read_protected=read_protected,
        mirror=mirror,
        content=read_content(cc, pages[PAGE_BYTES * FIRST_PAGE :]),
        pages=pages,
    )
    _LOG.debug("%s %s: %s %s", chip.name, uid.hex(), tag.content.state.value, tag.content.reason)
    return tag


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
    got = _read_pages(link, tag.chip, CC_PAGE, tag.chip.last_area_page)
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


def _read_configuration(link: Type2Link, chip: ChipType) -> tuple[int, bool | None, bool, bytes]:
    """AUTH0, PROT, mirror and the dynamic lock bytes, before any other page is trusted.

    With PROT set, a READ may roll over to page 0 at AUTH0 instead of ending, so each answer is used only as far as
    AUTH0 shows it to be true; a configuration that is itself closed answers NAK 0h.
    """
    try:
        cfg = link.read(chip.cfg0_page)
    except TagNak as error:
        if error.facts.get("nak") != _NAK_ARGUMENT:
            raise  # the chip received a damaged command: nothing is known of its configuration
        link.reselect()
        raise refusal(
            link.uid,
            "tag-read-protected",
            "the configuration of this tag is behind a password, so its data cannot be trusted to read true",
            "take another tag, or remove the password first",
            chip_type=chip.name,
            page=chip.cfg0_page,
        ) from error
    auth0 = cfg[3]
    read_protected = bool(cfg[4] & _PASSWORD_ON_READ) if auth0 > chip.cfg0_page + 1 else None
    if auth0 <= chip.cfg0_page:
        read_protected = False  # the configuration lies behind AUTH0 and answered all the same
    return auth0, read_protected, bool(cfg[0] & _MIRROR_BITS), link.read(chip.dynamic_lock_page)[:3]


def _read_pages(link: Type2Link, chip: ChipType, first: int, last: int) -> bytes:
    """Pages ``first`` to ``last``, both included; never asks past the last user page."""
    block = link.fast_read_pages
    parts: list[bytes] = []
    if block > 0:
        for start in range(first, last + 1, block):
            parts.append(link.fast_read(start, min(start + block - 1, last)))
    else:
        for page in range(first, last + 1, _READ_PAGES):
            start = min(page, chip.last_user_page - _READ_PAGES + 1)
            parts.append(link.read(start)[PAGE_BYTES * (page - start) :])
    return b"".join(parts)[: PAGE_BYTES * (last - first + 1)]
