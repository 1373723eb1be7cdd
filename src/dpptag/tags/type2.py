"""NFC Forum Type 2 tags over a link: identify, plan, apply, read back; each a step of its own, so that a caller can
commit its ledger in between.

The order of writing survives a pulled tag: an empty NDEF TLV first, then the body, then the true header. Stopped
between two page writes, a tag holds the old message (before the first), a valid empty one, or the new one (after the
last).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

from dpptag.codec.ndef import decode_message
from dpptag.errors import DeviceError, TagError, TagNak, TagRefused, TagSwapped, TagWriteFailed
from dpptag.links import Type2Link
from dpptag.tags.type2_memory import (
    BLANK_CC,
    CC_MAGIC,
    CC_PAGE,
    FIRST_PAGE,
    LOCK_PAGE,
    PAGE_BYTES,
    ChipType,
    Content,
    ContentState,
    build_area,
    chip_by_version,
    locked_pages,
    message_room,
    read_content,
    uid_of,
)

_LOG = logging.getLogger(__name__)

EMPTY_HEADER: Final = bytes.fromhex("0300FE00")
"""The header page of an empty message, terminator behind it: what the tag shows while its body changes."""

_READ_PAGES: Final = 4
_PASSWORD_ON_READ: Final = 0x80  # CFG1 ACCESS b7, PROT
_MIRROR_BITS: Final = 0xC0  # CFG0 byte 0 b7-b6, MIRROR_CONF
_CC_WRITABLE: Final = 0x00


@dataclass(frozen=True, slots=True)
class Type2Tag:
    """A tag as it was read, once. ``pages`` is its memory from page 0 to the end of the NDEF data area.

    ``locked``: pages whose lock bits are set. ``auth0``: first page that asks for a password, above the last page
    where none does; ``read_protected`` is None where the configuration does not read. ``mirror``: READ shows the UID
    or the counter inside user memory, so that a read-back proves nothing.
    """

    uid: bytes
    chip: ChipType
    cc: bytes
    static_lock: bytes
    dynamic_lock: bytes
    locked: frozenset[int]
    auth0: int
    read_protected: bool | None
    mirror: bool
    content: Content
    pages: bytes = field(repr=False)

    @property
    def chip_name(self) -> str:
        return self.chip.name

    @property
    def capacity(self) -> int:
        """Bytes of the NDEF data area: what the CC says, on a blank CC what it would say."""
        return self.chip.area_bytes

    @property
    def message_room(self) -> int:
        """Bytes of the longest message."""
        return message_room(self.capacity)

    @property
    def ndef(self) -> bytes | None:
        """The message without its TLV, empty for a formatted blank tag, None where there is no whole message."""
        return self.content.ndef

    @property
    def writable(self) -> bool:
        """Whether the CC allows writing; locks and passwords are looked at page by page when a write is planned."""
        return self.cc[0] == CC_MAGIC and self.cc[3] == _CC_WRITABLE

    def page(self, number: int) -> bytes:
        return self.pages[PAGE_BYTES * number : PAGE_BYTES * (number + 1)]


@dataclass(frozen=True, slots=True)
class WriteStep:
    """One page write. ``irreversible``: the bits set can never be cleared again."""

    page: int
    data: bytes
    purpose: str
    irreversible: bool = False

    def __str__(self) -> str:
        mark = "  IRREVERSIBLE" if self.irreversible else ""
        return f"page {self.page:02X}h  {self.data.hex(' ').upper()}  {self.purpose}{mark}"


@dataclass(frozen=True, slots=True)
class WritePlan:
    """The page writes, in order, that give one tag one message; none if the tag holds it already.

    ``wanted`` is the memory from the CC page to the end of the data area once they are done.
    """

    uid: bytes
    chip: ChipType
    message: bytes
    steps: tuple[WriteStep, ...]
    wanted: bytes = field(repr=False)

    @property
    def irreversible(self) -> tuple[WriteStep, ...]:
        """The steps to show to the user, bit by bit, before the act."""
        return tuple(step for step in self.steps if step.irreversible)

    def __str__(self) -> str:
        head = f"{self.chip.name} {self.uid.hex()}: {len(self.message)} bytes of NDEF, {len(self.steps)} page writes"
        return "\n".join((head, *map(str, self.steps)))


def identify(link: Type2Link) -> Type2Tag:
    """Tell the chip by GET_VERSION and read its locks, configuration and NDEF data area; writes nothing.

    Raises TagRefused for a chip whose map is not known, a UID that is no chip number or does not read back, a CC that
    contradicts the chip, and a data area behind a read password.
    """
    uid = link.uid
    if len(uid) != 7:
        raise _refused(
            uid,
            "tag-uid",
            f"a UID of {len(uid)} bytes is no number of a chip that we write: it may be random, or a card or phone",
            "take an NTAG213, NTAG215 or NTAG216",
        )
    version = link.get_version()
    chip = chip_by_version(version) if version is not None else None
    if chip is None:
        raise _refused(
            uid,
            "tag-chip-unknown",
            "the memory map of this chip is not known, and guessing could write into lock or password pages",
            "take an NTAG213, NTAG215 or NTAG216",
            version=version.hex() if version is not None else None,
        )
    auth0, read_protected, mirror, dynamic_lock = _read_configuration(link, chip)
    pages = _read_pages(link, chip, 0, chip.last_area_page)
    if uid_of(pages) != uid:
        raise _refused(
            uid,
            "tag-uid-check",
            "pages 0 to 2 do not hold the UID that answered, with its check bytes: reader or chip is faulty",
            "try again, then try another reader",
            wanted=uid.hex(),
            got=pages[:9].hex(),
        )
    cc = pages[PAGE_BYTES * CC_PAGE : PAGE_BYTES * FIRST_PAGE]
    if cc[0] == CC_MAGIC and cc[2] != chip.cc_size:
        raise _refused(
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


def plan_write(tag: Type2Tag, message: bytes, *, allow_format: bool = False, rewrite: bool = False) -> WritePlan:
    """The page writes that leave ``tag`` with exactly ``message`` and zeros behind it; pure, nothing is sent.

    Pages that already hold their bytes are left out; ``rewrite`` writes all of the message again, for cells that did
    not keep it. A blank CC is written only with ``allow_format``: those bits stay for ever. Raises NdefError if
    ``message`` is no NDEF message, TagRefused if the tag cannot take it.
    """
    decode_message(message)
    missing = len(message) - tag.message_room
    if missing > 0:
        raise _refused(
            tag.uid,
            "tag-too-small",
            f"{len(message)} bytes of NDEF do not fit into this {tag.chip.name}: {missing} too many",
            "shorten the message or take a larger chip",
            chip_type=tag.chip.name,
            room=tag.message_room,
            missing=missing,
        )
    if tag.content.state is ContentState.FOREIGN:
        raise _refused(
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
    return WritePlan(uid=tag.uid, chip=tag.chip, message=message, steps=steps, wanted=cc + area)


def _steps(tag: Type2Tag, cc: bytes, area: bytes, rewrite_until: int) -> tuple[WriteStep, ...]:
    """Order: empty header, body ascending, CC if blank, true header. The header is the commit.

    The empty header comes first whenever anything behind it changes; where only the header itself is wrong, its one
    write is the commit. Pages up to ``rewrite_until`` are written even if they read right.
    """
    pages = [area[at : at + PAGE_BYTES] for at in range(0, len(area), PAGE_BYTES)]
    body = [
        WriteStep(page, data, "body")
        for page, data in enumerate(pages[1:], FIRST_PAGE + 1)
        if page <= rewrite_until or data != tag.page(page)
    ]
    if tag.cc != cc:
        # Behind the body, where the silicon's own anti-tearing covers it (NTAG213_215_216: page 3), and before the
        # header: a tag that stops here is blank or validly empty.
        body.append(WriteStep(CC_PAGE, cc, "capability container", irreversible=True))
    header = tag.page(FIRST_PAGE)
    steps: list[WriteStep] = []
    if body and header != EMPTY_HEADER:
        steps.append(WriteStep(FIRST_PAGE, EMPTY_HEADER, "empty message while the body changes"))
        header = EMPTY_HEADER
    steps += body
    if header != pages[0]:
        steps.append(WriteStep(FIRST_PAGE, pages[0], "true header: the message is valid from here on"))
    return tuple(steps)


def _refuse_unwritable(tag: Type2Tag, steps: tuple[WriteStep, ...], *, allow_format: bool) -> None:
    """Everything that would stop the write half-way stops it here, before the first page. Raises TagRefused."""
    chip = tag.chip
    if tag.cc == BLANK_CC and not allow_format:
        raise _refused(
            tag.uid,
            "tag-unformatted",
            f"the CC is blank; writing {chip.cc.hex()} to page 3 sets bits that can never be cleared",
            "allow formatting, or take a tag that is NDEF formatted",
            chip_type=chip.name,
            page=CC_PAGE,
            wanted=chip.cc.hex(),
        )
    if tag.cc != BLANK_CC and not tag.writable:
        raise _refused(
            tag.uid,
            "tag-read-only",
            f"the CC says that this tag is not free to write (access {tag.cc[3]:02x})",
            "take another tag",
            chip_type=chip.name,
            cc=tag.cc.hex(),
        )
    locked = sorted({step.page for step in steps} & tag.locked)
    if locked:
        raise _refused(
            tag.uid,
            "tag-locked",
            f"{len(locked)} pages that must change are locked for ever, the first is {locked[0]}",
            "take another tag",
            chip_type=chip.name,
            page=locked[0],
            static_lock=tag.static_lock.hex(),
            dynamic_lock=tag.dynamic_lock.hex(),
        )
    last = max(step.page for step in steps)
    if tag.auth0 <= last:
        raise _refused(
            tag.uid,
            "tag-password",
            f"pages from {tag.auth0} on ask for a password to write",
            "take another tag, or remove the password first",
            chip_type=chip.name,
            auth0=tag.auth0,
            page=last,
        )
    if tag.mirror:
        raise _refused(
            tag.uid,
            "tag-mirror",
            "the chip mirrors its UID or counter into user memory, so a read-back would prove nothing",
            "switch the mirror off in CFG0, or take another tag",
            chip_type=chip.name,
        )


def apply(link: Type2Link, plan: WritePlan) -> int:
    """Carry out the steps on the tag that they were planned for; returns how many pages were written.

    An acknowledged write proves nothing: :func:`read_back` does. An error of the link is let through, with
    ``page``, ``written`` and ``tag_state`` among its facts.
    """
    if link.uid != plan.uid:
        raise TagSwapped(
            "another chip stands where the planned one stood",
            action="put the planned tag back",
            wanted=plan.uid.hex(),
            got=link.uid.hex(),
            tag_state="untouched",
        )
    for written, step in enumerate(plan.steps):
        try:
            link.write(step.page, step.data)
        except (TagError, DeviceError) as error:
            error.facts.setdefault("page", step.page)
            error.facts.setdefault("written", written)
            error.facts.setdefault("tag_state", _state_after_stop(plan, written, error))
            raise
    return len(plan.steps)


def _state_after_stop(plan: WritePlan, written: int, error: TagError | DeviceError) -> str:
    """What is certain when the step after ``written`` others failed; only a NAK tells that nothing was stored."""
    if written == 0:
        return "untouched" if isinstance(error, TagNak) else "unknown"
    if written == len(plan.steps) - 1 and not isinstance(error, TagNak):
        return "unknown"
    return "blank-reusable"


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


def write_and_verify(link: Type2Link, tag: Type2Tag, message: bytes, *, allow_format: bool = False) -> bytes:
    """Plan, apply, read back; on a mismatch write everything once more, then fail. Returns the message read back.

    For callers without a ledger, who need no state between the steps. A NAK or a lost tag is not tried again.
    """
    apply(link, plan_write(tag, message, allow_format=allow_format))
    try:
        return read_back(link, tag, message)
    except TagWriteFailed as error:
        _LOG.warning("%s: %s; writing the whole message once more", tag.uid.hex(), error.message)
    fresh = identify(link)
    apply(link, plan_write(fresh, message, rewrite=True))
    return read_back(link, fresh, message)


def _read_configuration(link: Type2Link, chip: ChipType) -> tuple[int, bool | None, bool, bytes]:
    """AUTH0, PROT, mirror and the dynamic lock bytes, before any other page is trusted.

    With PROT set, a READ may roll over to page 0 at AUTH0 instead of ending, so each answer is used only as far as
    AUTH0 shows it to be true; a configuration that is itself closed answers NAK.
    """
    try:
        cfg = link.read(chip.cfg0_page)
    except TagNak as error:
        link.reselect()
        raise _refused(
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


def _refused(uid: bytes, code: str, message: str, action: str, **facts: str | int | bool | None) -> TagRefused:
    return TagRefused(message, code=code, action=action, chip=uid.hex(), tag_state="untouched", **facts)
