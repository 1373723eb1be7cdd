"""APDUs of NFC Forum Type 4 tags: the few ISO/IEC 7816-4 commands of T4T 2.0, and NXP's native ones in their wrapping.

A command that the chip refuses raises TagNak with the status word as fact ``sw``; an answer that is no answer, TagLost.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

from dpptag.errors import TagLost, TagNak
from dpptag.links.nfc import ApduLink

NDEF_APPLICATION: Final = bytes.fromhex("D2760000850101")
CC_FILE: Final = 0xE103
SHORT_LIMIT: Final = 255
"""The longest Lc and Le that a short APDU carries; Le 00h (256) is left out, for readers that take it for none."""
OFFSET_LIMIT: Final = 0x7FFF
"""The largest offset of READ and UPDATE BINARY; beyond it they need another coding (ISO/IEC 7816-4 11.2.2)."""
_PARTS: Final = 8
"""More answer parts than any command here has: a chip that never ends must not hold the line."""


@unique
class Status(IntEnum):
    """SW1 SW2 as these chips use them (ISO/IEC 7816-4 table 6; NT4H2421Gx table 23 for 91xxh)."""

    OK = 0x9000
    WRONG_LENGTH = 0x6700
    SECURITY = 0x6982
    CONDITIONS = 0x6985
    NO_FILE_SELECTED = 0x6986
    NOT_FOUND = 0x6A82
    NO_ROOM = 0x6A84
    WRONG_OFFSET = 0x6B00
    NATIVE_OK = 0x9100
    INTEGRITY = 0x911E
    NO_SUCH_KEY = 0x9140
    NATIVE_LENGTH = 0x917E
    PERMISSION_DENIED = 0x919D
    PARAMETER = 0x919E
    AUTHENTICATION_DELAY = 0x91AD
    AUTHENTICATION = 0x91AE
    MORE = 0x91AF
    BOUNDARY = 0x91BE
    ABORTED = 0x91CA
    FILE_NOT_FOUND = 0x91F0


def exchange(link: ApduLink, apdu: bytes, *, secret: bool = False) -> tuple[bytes, int]:
    """Data and status word of the answer, whatever the status says."""
    answer = link.transceive(apdu, secret=secret)
    if len(answer) < 2:
        raise TagLost("the tag's answer has no status word", chip=link.uid.hex(), length=len(answer))
    return answer[:-2], int.from_bytes(answer[-2:], "big")


def refused(link: ApduLink, what: str, status: int) -> TagNak:
    """The error of a command that the chip answered with ``status``."""
    name = Status(status).name.lower().replace("_", " ") if status in set(Status) else "not known to this program"
    return TagNak(f"the chip refuses {what}: {status:04X} ({name})", chip=link.uid.hex(), sw=f"{status:04x}")


def checked(link: ApduLink, what: str, apdu: bytes, *, secret: bool = False) -> bytes:
    """Data of the answer; TagNak for any status but 9000h."""
    data, status = exchange(link, apdu, secret=secret)
    if status != Status.OK:
        raise refused(link, what, status)
    return data


def select_application(link: ApduLink) -> int:
    """SELECT the NDEF application of mapping version 2.0 and up; the status word."""
    return exchange(link, b"\x00\xa4\x04\x00\x07" + NDEF_APPLICATION + b"\x00")[1]


def select_file(link: ApduLink, file: int) -> None:
    checked(link, f"selecting file {file:04X}h", b"\x00\xa4\x00\x0c\x02" + file.to_bytes(2, "big"))


def read_binary(link: ApduLink, offset: int, count: int) -> bytes:
    """Exactly ``count`` bytes of the selected file, 1 to 255."""
    apdu = b"\x00\xb0" + offset.to_bytes(2, "big") + bytes((count,))
    data = checked(link, f"reading {count} bytes at {offset}", apdu)
    if len(data) != count:
        raise TagLost(
            f"the tag sent {len(data)} bytes instead of {count}", chip=link.uid.hex(), offset=offset, length=len(data)
        )
    return data


def read_file(link: ApduLink, offset: int, count: int, chunk: int) -> bytes:
    """``count`` bytes of the selected file, at most ``chunk`` a command."""
    return b"".join(
        read_binary(link, at, min(chunk, offset + count - at)) for at in range(offset, offset + count, chunk)
    )


def update_binary(link: ApduLink, offset: int, data: bytes) -> None:
    """Write 1 to 255 bytes of the selected file; an accepted write proves nothing about the cells."""
    checked(link, f"writing {len(data)} bytes at {offset}", update_apdu(offset, data))


def update_apdu(offset: int, data: bytes) -> bytes:
    return b"\x00\xd6" + offset.to_bytes(2, "big") + bytes((len(data),)) + data


def native(link: ApduLink, ins: int, data: bytes = b"", *, secret: bool = False) -> tuple[bytes, int]:
    """One native command (CLA 90h) with all parts of its answer; the last status, which is never "more"."""
    answer, status = exchange(link, native_apdu(ins, data), secret=secret)
    for _ in range(_PARTS):
        if status != Status.MORE:
            return answer, status
        part, status = exchange(link, native_apdu(0xAF, b""))
        answer += part
    raise TagLost("the tag's answer does not end", chip=link.uid.hex())


def native_apdu(ins: int, data: bytes) -> bytes:
    """Wrapped as NT4H2421Gx 8.3 says; Lc is left out where there is no data."""
    return bytes((0x90, ins, 0, 0)) + (bytes((len(data),)) + data if data else b"") + b"\x00"
