"""SUN messages of the NTAG 424 DNA: what a chip mirrored into its URI, taken out and checked. AES mode; pure.

Facts: NXP AN12196 and NT4H2421Gx section 9.3 (Secure Dynamic Messaging). A MAC that holds proves that the chip with
this UID made this text; it does not prove when: keep the highest counter seen of each UID (dpptag.field.sun_counters).
The keys are symmetric: who can check can forge.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from dpptag.crypto import AES_BYTES, aes_cbc_decrypt, aes_cmac, aes_encrypt_block, is_same
from dpptag.errors import LinkError
from dpptag.tags.protection import TagKeys

META_PURPOSE: Final = "ntag424-meta"
"""Purpose of the key that decrypts UID and counter. It is derived without a UID, so common to all chips under one
master key: the UID is known only after decrypting (AN10922 leaves the choice to the system)."""
FILE_PURPOSE: Final = "ntag424-file"
"""Purpose of the key of MAC and file data; derived from the chip's UID."""

MAC_BYTES: Final = 8
PICC_BYTES: Final = 16
LRP_PICC_BYTES: Final = 24
"""Length of the PICC data in LRP mode: 8 random bytes first (AN12304)."""
_UID_BYTES: Final = 7
_COUNTER_BYTES: Final = 3
_UID_MIRRORED: Final = 0x80
_COUNTER_MIRRORED: Final = 0x40
_LENGTH_BITS: Final = 0x0F
_RFU_BITS: Final = 0x30
_MAC_LABEL: Final = bytes.fromhex("3CC300010080")
_ENC_LABEL: Final = bytes.fromhex("C33C00010080")
_URL_LIMIT: Final = 4096
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")


@unique
class SunOutcome(Enum):
    """``FALSE``: changed, made up, or of a chip under another master key; these cannot be told apart.

    ``UNSUPPORTED``: nothing was proved, neither good nor bad (LRP mode; UID or counter not mirrored).
    """

    VALID = "valid"
    FALSE = "false"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class SunTemplate:
    """Names of the query parameters in a chip's URI. ``enc``: encrypted file data, which the MAC then covers.

    Encrypted mirror: ``picc``. Plain mirror, where ``picc`` is None: ``uid`` and ``counter``.
    """

    mac: str = "c"
    picc: str | None = "e"
    enc: str | None = None
    uid: str = "uid"
    counter: str = "ctr"


TAG_FORMAT: Final = SunTemplate()
"""``?e=<32 hex>&c=<16 hex>`` at the end of the URI: what this program writes (docs/tag-format.md). The MAC covers the
UID and the counter alone: its input offset is its own offset, as in AN12196."""


@dataclass(frozen=True, slots=True)
class SunMessage:
    """What was mirrored. Either ``picc`` (encrypted) or ``uid`` and ``counter`` (plain, counter as a number).

    ``mac_input``: the bytes of the file, as served, from SDMMACInputOffset up to the MAC; empty where both are equal.
    """

    mac: bytes
    mac_input: bytes = b""
    picc: bytes | None = None
    uid: bytes | None = None
    counter: int | None = None
    enc: bytes | None = None


@dataclass(frozen=True, slots=True)
class SunResult:
    """``uid`` and ``counter`` only where the outcome is VALID: before that they are anybody's claim.

    ``claimed_uid`` is such a claim: what the chip's data decrypt to where they are of the right form. Under another
    master key they are not, but for one chance in thousands, and never name the chip that was read beside them.
    """

    outcome: SunOutcome
    reason: str
    uid: bytes | None = None
    counter: int | None = None
    file_data: bytes | None = field(default=None, repr=False)
    claimed_uid: bytes | None = None


def parse_sun(url: str, template: SunTemplate = TAG_FORMAT) -> SunMessage:
    """Take the mirrored values out of a URI, which must be exactly as it was served. Raises LinkError.

    The MAC's input is cut from the text itself, never built anew from parsed parameters: order and case count.
    """
    if len(url) > _URL_LIMIT or not url.isascii():
        raise LinkError(f"a SUN link is ASCII of at most {_URL_LIMIT} characters", code="sun-link")
    mark = url.find("?")
    if mark < 0:
        raise LinkError("the link has no query, so nothing was mirrored into it", code="sun-absent")
    end = url.find("#", mark)
    query_end = len(url) if end < 0 else end
    values = _query_values(url, mark + 1, query_end)
    mac_at, mac = _hex_value(values, template.mac)
    enc_at, enc = (None, None) if template.enc is None else _hex_value(values, template.enc)
    mac_input = b"" if enc_at is None else url[enc_at:mac_at].encode()
    if len(mac) != MAC_BYTES or (enc is not None and (len(enc) % AES_BYTES or not mac_input)):
        raise LinkError("the MAC or the encrypted data has another length, or stands elsewhere", code="sun-link")
    if template.picc is not None:
        picc = _hex_value(values, template.picc)[1]
        if len(picc) not in (PICC_BYTES, LRP_PICC_BYTES):
            raise LinkError(f"the chip's data has {len(picc)} bytes instead of {PICC_BYTES}", code="sun-link")
        return SunMessage(mac, mac_input, picc=picc, enc=enc)
    uid, counter = _hex_value(values, template.uid)[1], _hex_value(values, template.counter)[1]
    if len(uid) != _UID_BYTES or len(counter) != _COUNTER_BYTES:
        raise LinkError("the UID or the counter has another length", code="sun-link")
    # Plain mirrors give the counter most significant byte first; inside the computation it is the other way round.
    return SunMessage(mac, mac_input, uid=uid, counter=int.from_bytes(counter, "big"), enc=enc)


def _query_values(url: str, start: int, end: int) -> dict[str, tuple[int, str]]:
    """Name -> offset in ``url`` and text of each value, none decoded. Raises LinkError for a name given twice."""
    values: dict[str, tuple[int, str]] = {}
    at = start
    for part in url[start:end].split("&"):
        name, _, value = part.partition("=")
        if name in values:
            raise LinkError(f"the parameter {name[:20]!r} stands twice in the link", code="sun-link")
        values[name] = (at + len(name) + 1, value)
        at += len(part) + 1
    return values


def _hex_value(values: dict[str, tuple[int, str]], name: str) -> tuple[int, bytes]:
    if name not in values:
        raise LinkError(f"the link has no parameter {name!r}: nothing was mirrored there", code="sun-absent")
    at, text = values[name]
    if _HEX.fullmatch(text) is None:
        raise LinkError(f"the parameter {name!r} is not hex", code="sun-link")
    return at, bytes.fromhex(text)


def check_sun(message: SunMessage, meta_key: bytes, file_key: Callable[[bytes], bytes]) -> SunResult:
    """Decrypt, derive, compare.

    1. Decrypt the chip's data under ``meta_key`` (not for a plain mirror).
    2. Derive the session key of the MAC: CMAC(``file_key(uid)``, SV2).
    3. Compare the MAC in constant time; it is computed even where step 1 gave nonsense, so that both take alike long.
    4. Decrypt the file data, where there is any, under CMAC(``file_key(uid)``, SV1).
    """
    # 1
    sensible = True
    if message.picc is not None:
        if len(message.picc) == LRP_PICC_BYTES:
            return SunResult(SunOutcome.UNSUPPORTED, "the chip is in LRP mode, which this program does not check")
        plain = aes_cbc_decrypt(meta_key, bytes(AES_BYTES), message.picc)
        tag, uid, counter = plain[0], plain[1:8], int.from_bytes(plain[8:11], "little")
        sensible = tag & _LENGTH_BITS == _UID_BYTES and not tag & _RFU_BITS
        if sensible and tag & (_UID_MIRRORED | _COUNTER_MIRRORED) != _UID_MIRRORED | _COUNTER_MIRRORED:
            return SunResult(SunOutcome.UNSUPPORTED, "the chip does not mirror both its UID and its counter")
    elif message.uid is not None and message.counter is not None:
        uid, counter = message.uid, message.counter
    else:
        return SunResult(SunOutcome.UNSUPPORTED, "neither encrypted nor plain data of the chip are mirrored")
    # 2 and 3
    key = file_key(uid)
    good = is_same(truncated(aes_cmac(mac_session_key(key, uid, counter), message.mac_input)), message.mac)
    if not (good and sensible):
        return SunResult(
            SunOutcome.FALSE,
            "the MAC is false: the link was changed or made up, or its chip is not under this master key",
            claimed_uid=uid if sensible else None,
        )
    # 4
    data = None if message.enc is None else file_data(key, uid, counter, message.enc)
    return SunResult(SunOutcome.VALID, "", uid, counter, data)


def check_uri(uri: str, keys: TagKeys, chip: bytes | None = None) -> SunResult:
    """Chip authenticity of a URI as it was read or opened, with keys as this program derives them (check 10).

    ``chip``: the UID that was read beside it; a valid link of another chip is FALSE. A URI without whole values, or
    with places that no chip has filled (all zeros), is UNSUPPORTED: leaving the query away says no more either.
    """
    try:
        message = parse_sun(uri)
    except LinkError as error:
        return SunResult(SunOutcome.UNSUPPORTED, error.message)
    if message.picc is not None and not any(message.picc + message.mac):
        return SunResult(
            SunOutcome.UNSUPPORTED, "the link has places for what a chip mirrors, and none has filled them"
        )
    result = check_sun(message, keys.key(b"", META_PURPOSE), lambda uid: keys.key(uid, FILE_PURPOSE))
    if result.outcome is SunOutcome.VALID and chip is not None and result.uid != chip:
        return SunResult(SunOutcome.FALSE, "the link was made by another chip", claimed_uid=result.uid)
    return result


def session_vector(label: bytes, uid: bytes, counter: int) -> bytes:
    """SV1 (file data) or SV2 (MAC) by its label, 16 bytes: label, UID, counter with its low byte first."""
    return label + uid + counter.to_bytes(_COUNTER_BYTES, "little")


def mac_session_key(file_key: bytes, uid: bytes, counter: int) -> bytes:
    return aes_cmac(file_key, session_vector(_MAC_LABEL, uid, counter))


def file_session_key(file_key: bytes, uid: bytes, counter: int) -> bytes:
    return aes_cmac(file_key, session_vector(_ENC_LABEL, uid, counter))


def file_iv(session_key: bytes, counter: int) -> bytes:
    """The vectors need the session key here, where the data sheet's words suggest another."""
    return aes_encrypt_block(session_key, counter.to_bytes(_COUNTER_BYTES, "little").ljust(AES_BYTES, b"\0"))


def file_data(file_key: bytes, uid: bytes, counter: int, enc: bytes) -> bytes:
    """The part of the file that was served encrypted; what the file holds there, padding included."""
    key = file_session_key(file_key, uid, counter)
    return aes_cbc_decrypt(key, file_iv(key, counter), enc)


def truncated(mac: bytes) -> bytes:
    """MACt: the bytes with odd index, counted from 0 (NT4H2421Gx 9.1.3 calls them even, counted from 1)."""
    return mac[1::2]
