"""Tell a Type 2 chip and read all that a write depends on; nothing is written.

The memory map comes from GET_VERSION. A chip that does not know the command (Ultralight, NTAG203), and any chip on a
reader that passes READ and WRITE alone (a PC/SC storage card), is told by its page count, and the count is measured:
READ answers at the last page and is refused at the one behind it, twice. Nothing is concluded from what READ shows
where it rolls over. Then the CC must agree, and no chip with a read password may hide behind a shorter one.

So told are Ultralight (16 pages), NTAG203 (42), NTAG213 (45), NTAG215 (135) and NTAG216 (231); 213F and 216F have the
map of 213 and 216 and go under their names. 20 pages are NTAG210 or Ultralight EV1, 41 NTAG212 or Ultralight EV1, of
which only the NTAG mirrors its UID: refused on such a reader, and so is NTAG I2C.
"""

from __future__ import annotations

import logging
from typing import Final

from dpptag.errors import TagNak, TagRefused
from dpptag.links import Type2Link
from dpptag.tags.tag import refusal
from dpptag.tags.type2_chips import CHIPS, ChipType, chip_by_version
from dpptag.tags.type2_memory import (
    CC_MAGIC,
    CC_PAGE,
    FIRST_PAGE,
    LOCK_PAGE,
    NO_PASSWORD,
    PAGE_BYTES,
    ToldBy,
    Type2Tag,
    locked_pages,
    read_content,
    uid_of,
)

_LOG: Final = logging.getLogger(__name__)

_READ_PAGES: Final = 4
_NAK_ARGUMENT: Final = 0x0  # NTAG213_215_216 table 23; 1h is a parity or CRC error
_PASSWORD_ON_READ: Final = 0x80  # CFG1 ACCESS b7, PROT
_MIRROR_BITS: Final = 0xC0  # CFG0 byte 0 b7-b6, MIRROR_CONF
_CHIPS_WE_NAME: Final = "take an NTAG213, NTAG215 or NTAG216"


def identify(link: Type2Link) -> Type2Tag:
    """Tell the chip and read its locks, configuration and NDEF data area; writes nothing.

    Raises TagRefused for a chip whose map is not known, a UID that is no chip number or does not read back, a CC that
    contradicts the chip, and a data area behind a read password.
    """
    uid = link.uid
    if len(uid) != 7:
        raise refusal(
            uid,
            "tag-uid",
            f"a UID of {len(uid)} bytes is no number of a chip that we write: it may be random, or a card or phone",
            _CHIPS_WE_NAME,
        )
    chip, told_by = _tell(link)
    configuration, auth0, read_protected, mirror, dynamic_lock = _read_configuration(link, chip)
    pages = read_pages(link, chip, 0, chip.last_area_page)
    if uid_of(chip, pages) != uid:
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
        told_by=told_by,
        cc=cc,
        static_lock=static_lock,
        dynamic_lock=dynamic_lock,
        locked=locked_pages(chip, static_lock, dynamic_lock),
        configuration=configuration,
        auth0=auth0,
        read_protected=read_protected,
        mirror=mirror,
        content=read_content(cc, pages[PAGE_BYTES * FIRST_PAGE :]),
        pages=pages,
    )
    _LOG.debug("%s %s: %s %s", chip.name, uid.hex(), tag.content.state.value, tag.content.reason)
    return tag


def read_pages(link: Type2Link, chip: ChipType, first: int, last: int) -> bytes:
    """Pages ``first`` to ``last``, both included; never asks past the last user page."""
    block = link.fast_read_pages if chip.fast_read and link.passes_commands else 0
    parts: list[bytes] = []
    if block > 0:
        for start in range(first, last + 1, block):
            parts.append(link.fast_read(start, min(start + block - 1, last)))
    else:
        for page in range(first, last + 1, _READ_PAGES):
            start = min(page, chip.last_user_page - _READ_PAGES + 1)
            parts.append(link.read(start)[PAGE_BYTES * (page - start) :])
    return b"".join(parts)[: PAGE_BYTES * (last - first + 1)]


def read_configuration(link: Type2Link, chip: ChipType) -> bytes:
    """CFG0 and CFG1, 8 bytes; empty where the chip has none. TagNak where they are behind a password for reading."""
    return link.read(chip.configuration)[: 2 * PAGE_BYTES] if chip.configuration is not None else b""


def read_dynamic_lock(link: Type2Link, chip: ChipType) -> bytes:
    """The three dynamic lock bytes, none where the chip has none."""
    return link.read(chip.dynamic_lock.page)[:3] if chip.dynamic_lock is not None else b""


def _tell(link: Type2Link) -> tuple[ChipType, ToldBy]:
    """The chip, by GET_VERSION or by measuring. Raises TagRefused where its map is not known."""
    if not link.passes_commands:
        return _by_pages(link, {chip.page_count: chip for chip in CHIPS if chip.told_by_pages}), ToldBy.PAGES
    version = link.get_version() or link.get_version()  # a NAK has no CRC: noise must not pass for an unknown chip
    if version is None:
        return _by_pages(link, {chip.page_count: chip for chip in CHIPS if not chip.versions}), ToldBy.NO_VERSION
    chip = chip_by_version(version)
    if chip is None:
        raise _unknown(link, version=version.hex())
    return chip, ToldBy.VERSION


def _by_pages(link: Type2Link, known: dict[int, ChipType]) -> ChipType:
    """Measure the memory: the first known count that is not passed must be the count. Raises TagRefused."""
    for count in sorted(known):
        if _refuses_read(link, count):
            if _refuses_read(link, count - 1):
                raise _unknown(link, pages_below=count)
            _refuse_cut_memory(link, count)
            return known[count]
    raise _unknown(link, pages_above=max(known))


def _refuses_read(link: Type2Link, page: int) -> bool:
    """Whether READ is refused at ``page``, twice: once may be noise. The chip is selected again after each refusal."""
    for _ in range(2):
        try:
            link.read(page)
        except TagNak as error:
            if error.facts.get("nak") not in (None, _NAK_ARGUMENT):  # a reader without nibbles tells none
                raise
            link.reselect()
        else:
            return False
    return True


def _refuse_cut_memory(link: Type2Link, count: int) -> None:
    """A larger chip with a password on reading from page ``count`` on looks as if it ended there.

    Its AUTH0 then says ``count``. Where AUTH0 itself is behind the cut, the CC gives the larger size away.
    """
    for chip in CHIPS:
        if chip.configuration is None or not chip.configuration < count < chip.page_count:
            continue
        if link.read(chip.configuration)[3] == count:
            raise _read_protected(link.uid, chip.name, count)


def _unknown(link: Type2Link, **facts: str | int | None) -> TagRefused:
    told = "" if link.passes_commands else "; on this reader it can only be told by its page count"
    return refusal(
        link.uid,
        "tag-chip-unknown",
        f"the memory map of this chip is not known, and guessing could write into lock or password pages{told}",
        _CHIPS_WE_NAME if link.passes_commands else f"{_CHIPS_WE_NAME}, or a reader that passes tag commands",
        **facts,
    )


def _read_protected(uid: bytes, chip_name: str, page: int) -> TagRefused:
    return refusal(
        uid,
        "tag-read-protected",
        "the configuration of this tag is behind a password, so its data cannot be trusted to read true",
        "take another tag, or remove the password first",
        chip_type=chip_name,
        page=page,
    )


def _read_configuration(link: Type2Link, chip: ChipType) -> tuple[bytes, int, bool | None, bool, bytes]:
    """CFG0 and CFG1, AUTH0, PROT, mirror and the dynamic lock bytes, before any other page is trusted.

    With PROT set, a READ may roll over to page 0 at AUTH0 instead of ending, so each answer is used only as far as
    AUTH0 shows it to be true; a configuration that is itself closed answers NAK 0h.
    """
    cfg0_page = chip.configuration
    if cfg0_page is None:
        return b"", NO_PASSWORD, False, False, read_dynamic_lock(link, chip)
    try:
        cfg = read_configuration(link, chip)
    except TagNak as error:
        if error.facts.get("nak") not in (None, _NAK_ARGUMENT):
            raise  # the chip received a damaged command: nothing is known of its configuration
        link.reselect()
        raise _read_protected(link.uid, chip.name, cfg0_page) from error
    auth0 = cfg[3]
    read_protected = bool(cfg[4] & _PASSWORD_ON_READ) if auth0 > cfg0_page + 1 else None
    if auth0 <= cfg0_page:
        read_protected = False  # the configuration lies behind AUTH0 and answered all the same
    mirror = chip.mirror and bool(cfg[0] & _MIRROR_BITS)
    return cfg, auth0, read_protected, mirror, read_dynamic_lock(link, chip)
