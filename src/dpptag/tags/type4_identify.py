"""Tell a Type 4 chip and read all that a write depends on; writes nothing.

The chip is told by its maker's own means: NXP's GetVersion, ST's system file. Everything else is refused: T4T alone
does not say what a file's rights are, nor whether a write lands in a file that means something else.
"""

from __future__ import annotations

import logging
from typing import Final

from dpptag.errors import TagLost, TagNak
from dpptag.links.nfc import ApduLink
from dpptag.tags.desfire_card import read_card
from dpptag.tags.ntag424_settings import FileSettings, parse_settings
from dpptag.tags.tag import Content, ContentState, refusal
from dpptag.tags.type4_apdu import (
    CC_FILE,
    Status,
    exchange,
    native,
    read_binary,
    read_file,
    refused,
    select_application,
    select_file,
)
from dpptag.tags.type4_cc import CC_BYTES, BrokenCcError, CapabilityContainer, cc_length, parse_cc
from dpptag.tags.type4_format import CC_NUMBER, FORMATTED_BYTES, NDEF_NUMBER, missing_parts
from dpptag.tags.type4_tag import (
    LENGTH_BYTES,
    MAKER_NXP,
    MAKER_ST,
    Type4Chip,
    Type4Family,
    Type4Tag,
    nxp_chip,
    read_content,
    st_chip,
    usable_bytes,
)

_LOG = logging.getLogger(__name__)

_UID_BYTES: Final = 7
_TAKE: Final = "take an NTAG 424 DNA, a DESFire EV1 to EV3 or an ST25TA"
_SYSTEM_FILE: Final = 0xE101  # ST25TA: length, configuration, then the UID at 8 and memory size - 1 at 15
_SYSTEM_BYTES: Final = 18
_NTAG424_FILE: Final = 0xE104
_GET_VERSION: Final = 0x60
GET_KEY_VERSION: Final = 0x64
GET_FILE_SETTINGS: Final = 0xF5
KEYS_USED: Final = 3


def identify(link: ApduLink) -> Type4Tag:
    """Raises TagRefused for a chip that is not known, and a UID that is no chip number or does not read back."""
    uid = link.uid
    if len(uid) != _UID_BYTES:
        raise refusal(
            uid,
            "tag-uid",
            f"a UID of {len(uid)} bytes is no number of a chip that we write: it may be random, or a card or phone",
            _TAKE,
        )
    selected = select_application(link)
    if uid[0] == MAKER_NXP:
        chip = _identify_nxp(link)
    elif uid[0] == MAKER_ST and selected == Status.OK:
        chip = _identify_st(link)
    else:
        raise _unknown(link, uid)
    if selected == Status.NOT_FOUND and chip.family is Type4Family.DESFIRE:
        return _unformatted(link, chip, frozenset(("application", "ndef file", "cc file", "cc")))
    if selected != Status.OK:
        raise refused(link, "selecting the NDEF application", selected)
    tag = _read(link, chip)
    _LOG.debug("%s %s: %s %s", chip.name, uid.hex(), tag.content.state.value, tag.content.reason)
    return tag


def _unknown(link: ApduLink, uid: bytes, **facts: str) -> Exception:
    return refusal(
        uid,
        "tag-chip-unknown",
        "this chip is not known, and guessing could write into files that mean something else",
        _TAKE,
        historical=link.historical_bytes.hex(),
        **facts,
    )


def _identify_nxp(link: ApduLink) -> Type4Chip:
    version, status = native(link, _GET_VERSION)
    chip = nxp_chip(version) if status == Status.NATIVE_OK else None
    if chip is None:
        raise _unknown(link, link.uid, version=version.hex(), sw=f"{status:04x}")
    _check_uid(link, version[14:21])
    return chip


def _identify_st(link: ApduLink) -> Type4Chip:
    chip = st_chip(link.uid)
    if chip is None:
        raise _unknown(link, link.uid)
    select_file(link, _SYSTEM_FILE)
    system = read_binary(link, 0, _SYSTEM_BYTES)
    _check_uid(link, system[8:15])
    return chip


def _check_uid(link: ApduLink, read: bytes) -> None:
    if read != link.uid:
        raise refusal(
            link.uid,
            "tag-uid-mismatch",
            "the chip's own record of its UID is not the UID that it was selected with",
            "set this tag aside: it is an emulation, or its reader garbles answers",
            read=read.hex(),
        )


def _read(link: ApduLink, chip: Type4Chip) -> Type4Tag:
    """CC, NDEF file, settings and key versions of a chip whose NDEF application is selected."""
    settings, cc_settings = _settings(link, chip)
    select = exchange(link, b"\x00\xa4\x00\x0c\x02" + CC_FILE.to_bytes(2, "big"))[1]
    if select == Status.NOT_FOUND and chip.family is Type4Family.DESFIRE:
        return _partly_formatted(link, chip)
    if select != Status.OK:
        raise refused(link, f"selecting file {CC_FILE:04X}h", select)
    head = read_binary(link, 0, CC_BYTES)
    if chip.family is Type4Family.DESFIRE and not any(head):
        return _partly_formatted(link, chip)
    try:
        length = cc_length(head)
        cc = head + (read_file(link, CC_BYTES, length - CC_BYTES, CC_BYTES) if length > CC_BYTES else b"")
        container = parse_cc(cc)
        _check_place(link, chip, container, settings)
    except BrokenCcError as broken:
        return Type4Tag(
            link.uid, chip, head, None, 0, Content(ContentState.FOREIGN, reason=str(broken)), settings, cc_settings
        )
    capacity = usable_bytes(container, settings)
    if container.read_access:
        content = Content(
            ContentState.FOREIGN,
            reason=f"the CC says that the message is not free to read ({container.read_access:02x})",
        )
        memory = b""
    else:
        try:
            memory = _read_message(link, chip, container, capacity)
        except TagNak as error:
            if error.facts.get("sw") != f"{Status.SECURITY:04x}":
                raise
            raise refusal(
                link.uid,
                "tag-read-protected",
                "the message of this tag is behind a key or password",
                "take another tag, or remove the protection first",
                chip_type=chip.name,
            ) from error
        content = read_content(memory, capacity)
    return Type4Tag(
        link.uid,
        chip,
        cc,
        container,
        capacity,
        content,
        settings,
        cc_settings,
        _key_versions(link) if chip.family is Type4Family.NTAG424 else b"",
        card=read_card(link, in_application=True) if chip.family is Type4Family.DESFIRE else None,
        memory=memory,
    )


def _check_place(
    link: ApduLink, chip: Type4Chip, container: CapabilityContainer, settings: FileSettings | None
) -> None:
    """The CC must not say what the chip contradicts. Raises BrokenCcError."""
    if chip.family is Type4Family.NTAG424 and container.file != _NTAG424_FILE:
        raise BrokenCcError(f"the CC names file {container.file:04X}h, this chip has its message in E104h")
    if settings is not None and container.size > settings.size:
        raise BrokenCcError(f"the CC says {container.size} bytes of file, the chip says {settings.size}")


def _settings(link: ApduLink, chip: Type4Chip) -> tuple[FileSettings | None, FileSettings | None]:
    """Of the NDEF file and the CC, where the chip says which number is which: NTAG 424 DNA, and DESFire as AN11004
    and this program format it."""
    if chip.family is Type4Family.ST25TA:
        return None, None
    if chip.family is Type4Family.DESFIRE and _file_numbers(link) != {CC_NUMBER, NDEF_NUMBER}:
        return None, None
    return read_settings(link, NDEF_NUMBER), read_settings(link, CC_NUMBER)


def read_settings(link: ApduLink, number: int) -> FileSettings:
    """GetFileSettings without secure messaging."""
    data, status = native(link, GET_FILE_SETTINGS, bytes((number,)))
    if status != Status.NATIVE_OK:
        raise refused(link, f"telling the settings of file {number}", status)
    try:
        return parse_settings(data)
    except ValueError as error:
        raise TagLost(f"the settings of file {number} are damaged: {error}", chip=link.uid.hex()) from error


def _key_versions(link: ApduLink) -> bytes:
    return bytes(key_version(link, number) for number in range(KEYS_USED))


def key_version(link: ApduLink, number: int) -> int:
    """GetKeyVersion without secure messaging: it needs no key."""
    data, status = native(link, GET_KEY_VERSION, bytes((number,)))
    if status != Status.NATIVE_OK:
        raise refused(link, f"telling the version of key {number}", status)
    if len(data) != 1:
        raise TagLost(f"a key version of {len(data)} bytes", chip=link.uid.hex())
    return data[0]


def _read_message(link: ApduLink, chip: Type4Chip, container: CapabilityContainer, capacity: int) -> bytes:
    """The NDEF file as far as its message goes; on NXP chips one whole command, which most messages fit.

    ST25TA lets nothing be read behind the message, so its length comes first.
    """
    select_file(link, container.file)
    first = LENGTH_BYTES if chip.family is Type4Family.ST25TA else min(container.read_chunk, capacity)
    file = read_binary(link, 0, first)
    end = LENGTH_BYTES + int.from_bytes(file[:LENGTH_BYTES], "big")
    if len(file) < end <= capacity:
        file += read_file(link, len(file), end - len(file), container.read_chunk)
    return file


def _file_numbers(link: ApduLink) -> set[int]:
    numbers, status = native(link, 0x6F)  # GetFileIDs
    if status != Status.NATIVE_OK:
        return set()
    return set(numbers)


def _partly_formatted(link: ApduLink, chip: Type4Chip) -> Type4Tag:
    """An NDEF application without a whole CC: one of ours that was left half-made is finished, others are foreign."""
    numbers = _file_numbers(link)
    known = {number: read_settings(link, number) for number in sorted(numbers & {CC_NUMBER, NDEF_NUMBER})}
    missing = missing_parts(numbers, known)
    if missing is None:
        return Type4Tag(
            link.uid,
            chip,
            b"",
            None,
            0,
            Content(ContentState.FOREIGN, reason="its NDEF application is not known to us"),
        )
    return _unformatted(link, chip, missing)


def _unformatted(link: ApduLink, chip: Type4Chip, missing: frozenset[str]) -> Type4Tag:
    reason = f"no NDEF application: {', '.join(sorted(missing))} missing"
    content = Content(ContentState.UNFORMATTED, reason=reason)
    card = read_card(link, in_application="application" not in missing)
    return Type4Tag(link.uid, chip, b"", None, FORMATTED_BYTES, content, missing=missing, card=card)
