"""Passwords of Type 5 chips: giving one, setting one, and closing the memory behind it.

SLIX2 (NXP SL2S2602 rev 4.2 section 9.5): SET PASSWORD sends the password xored with a random number; after a wrong one
the chip is mute until it loses power; a new one must be given again. ST25DV04K (data sheet, and ST's SDK for register
and password numbers): the password goes in clear; area 1 is all of the memory while ENDA1 is 0Fh.
"""

from __future__ import annotations

from typing import Final

from dpptag.errors import TagLost, TagNak, TagRefused, TagWriteFailed
from dpptag.links.nfc import Type5Link
from dpptag.tags.protection import ProtectionStep, TagKeys
from dpptag.tags.tag import refusal
from dpptag.tags.type5_memory import PasswordKind, Type5Chip
from dpptag.tags.type5_reading import NXP, RFA1SS, ST, WRITE_BITS, ask, configuration, page_protection, write_command

WRITE_PURPOSE: Final = "type5-password"
CONFIGURATION_PURPOSE: Final = "type5-config"

_GET_RANDOM_NUMBER: Final = 0xB2
_SET_PASSWORD: Final = 0xB3
_WRITE_PASSWORD: Final = 0xB4
_PROTECT_PAGE: Final = 0xB6
_ICODE_READ, _ICODE_WRITE = 0x01, 0x02

_WRITE_CONFIGURATION: Final = 0xA1
_ST_WRITE_PASSWORD: Final = 0xB1
_PRESENT_PASSWORD: Final = 0xB3
_ST_CONFIGURATION, _ST_AREA = 0, 1
_ENDA1: Final = 0x05
_LOCK_CFG: Final = 0x0F
_WHOLE_MEMORY: Final = 0x0F
_WRITE_WITH_PASSWORD_1: Final = 0x05  # PWD_CTRL 01, RW_PROTECTION 01: read always, write in a session of password 1


def purposes(chip: Type5Chip) -> tuple[str, ...]:
    """The secrets that protecting ``chip`` sets."""
    if chip.password is PasswordKind.ST25DV:
        return (WRITE_PURPOSE, CONFIGURATION_PURPOSE)
    return (WRITE_PURPOSE,)


def password_steps(uid: bytes, chip: Type5Chip, keys: TagKeys) -> tuple[ProtectionStep, ...]:
    """Set the password, then close the memory behind it. All of it can be undone by who knows the password."""
    if chip.password is PasswordKind.ICODE:
        secret = keys.key(uid, WRITE_PURPOSE)[:4]
        return (
            ProtectionStep("password", _ICODE_WRITE, secret, "write password, derived for this chip", secret=True),
            ProtectionStep("page", 0, bytes((WRITE_BITS,)), "page protection: writing asks for the write password"),
        )
    area, configured = (keys.key(uid, purpose)[:8] for purpose in purposes(chip))
    return (
        ProtectionStep("password", _ST_AREA, area, "password 1, derived for this chip", secret=True),
        ProtectionStep(
            "register", RFA1SS, bytes((_WRITE_WITH_PASSWORD_1,)), "RFA1SS: writing asks for password 1 (not over I2C)"
        ),
        ProtectionStep("password", _ST_CONFIGURATION, configured, "configuration password, derived", secret=True),
    )


def give_password(link: Type5Link, chip: Type5Chip, number: int, password: bytes) -> bool:
    """Open what password ``number`` guards; False for a wrong one, and the chip is then selected again."""
    try:
        if chip.password is PasswordKind.ICODE:
            random = ask(link, _GET_RANDOM_NUMBER, NXP, 2)
            masked = bytes(octet ^ random[at % 2] for at, octet in enumerate(password))
            link.command(_SET_PASSWORD, NXP + bytes((number,)) + masked, secret=True)
        else:
            link.command(_PRESENT_PASSWORD, ST + bytes((number,)) + password, secret=True)
    except (TagNak, TagLost):
        link.reselect()
        return False
    return True


def open_for_writing(link: Type5Link, chip: Type5Chip, keys: TagKeys | None) -> None:
    """Give the derived write password to a chip that asks for it. Raises TagRefused where it is not the one."""
    icode = chip.password is PasswordKind.ICODE
    secret = keys.key(link.uid, WRITE_PURPOSE)[: 4 if icode else 8] if keys is not None else None
    if secret is None or not give_password(link, chip, _ICODE_WRITE if icode else _ST_AREA, secret):
        raise refusal(
            link.uid,
            "tag-password",
            "the chip asks for a password to write, and it is not the one derived for it",
            "name the master key under which the tag was protected, or take another tag",
            chip_type=chip.name,
        )


def take_password_step(link: Type5Link, chip: Type5Chip, step: ProtectionStep, keys: TagKeys) -> None:
    """Take one of :func:`password_steps`, unless an earlier run did, and see it in force."""
    if step.unit == "password":
        _set_password(link, chip, step)
    elif step.unit == "page":
        _protect_pages(link, chip, keys)
    else:
        _protect_area(link, chip, keys)


def check_can_protect(link: Type5Link, chip: Type5Chip, steps: tuple[ProtectionStep, ...]) -> None:
    """Raises TagRefused before the first step, where one of the next would fail.

    Every password that ``steps`` set must be the delivered one or the one derived: else a tag would be locked for ever
    and then refused.
    """
    if chip.password is PasswordKind.ST25DV and (
        configuration(link, _ENDA1) != _WHOLE_MEMORY or configuration(link, _LOCK_CFG)
    ):
        raise refusal(
            link.uid,
            "tag-configuration",
            "the memory is cut into areas, or its configuration is locked: protecting area 1 would not close all of it",
            "take a tag as delivered",
            chip_type=chip.name,
        )
    for step in steps:
        if step.unit == "password" and not _has_one_of(link, chip, step.at, step.data, bytes(len(step.data))):
            raise _foreign_password(link, chip, step.at)
    if chip.password is PasswordKind.ICODE and page_protection(link)[1] & WRITE_BITS != WRITE_BITS:
        link.reselect()
        if not give_password(link, chip, _ICODE_READ, bytes(4)):
            raise _foreign_read_password(link, chip)
    link.reselect()


def _has_one_of(link: Type5Link, chip: Type5Chip, number: int, *passwords: bytes) -> bool:
    return any(give_password(link, chip, number, password) for password in passwords)


def _foreign_password(link: Type5Link, chip: Type5Chip, number: int) -> TagRefused:
    return refusal(
        link.uid,
        "tag-password",
        f"password {number} is neither the one derived for this chip nor the delivered one: nothing was set",
        "name the master key under which the tag was protected, or take another tag",
        chip_type=chip.name,
        password=number,
    )


def _foreign_read_password(link: Type5Link, chip: Type5Chip) -> TagRefused:
    return refusal(
        link.uid,
        "tag-password",
        "the read password is not the delivered one, so the page protection cannot be set",
        "take another tag",
        chip_type=chip.name,
        password=_ICODE_READ,
    )


def _set_password(link: Type5Link, chip: Type5Chip, step: ProtectionStep) -> None:
    if give_password(link, chip, step.at, step.data):
        return  # an earlier run came this far
    if not give_password(link, chip, step.at, bytes(len(step.data))):
        raise _foreign_password(link, chip, step.at)
    code, maker = (_WRITE_PASSWORD, NXP) if chip.password is PasswordKind.ICODE else (_ST_WRITE_PASSWORD, ST)
    write_command(link, code, maker + bytes((step.at,)) + step.data, secret=True)
    link.reselect()
    if not give_password(link, chip, step.at, step.data):
        raise password_failed(link, chip, f"password {step.at} was written, and is not taken")


def _protect_pages(link: Type5Link, chip: Type5Chip, keys: TagKeys) -> None:
    """SLIX2: PROTECT PAGE wants both passwords given; the read password is left as delivered."""
    pointer, condition = page_protection(link)
    if condition & WRITE_BITS == WRITE_BITS:
        return
    link.reselect()
    if not give_password(link, chip, _ICODE_READ, bytes(4)):
        raise _foreign_read_password(link, chip)
    open_for_writing(link, chip, keys)
    write_command(link, _PROTECT_PAGE, NXP + bytes((pointer, condition | WRITE_BITS)))
    link.reselect()
    if page_protection(link) != (pointer, condition | WRITE_BITS):
        raise password_failed(link, chip, "the page protection does not read back")


def _protect_area(link: Type5Link, chip: Type5Chip, keys: TagKeys) -> None:
    if configuration(link, RFA1SS) == _WRITE_WITH_PASSWORD_1:
        return
    secret = keys.key(link.uid, CONFIGURATION_PURPOSE)[:8]
    if not _has_one_of(link, chip, _ST_CONFIGURATION, bytes(8), secret):
        raise _foreign_password(link, chip, _ST_CONFIGURATION)
    write_command(link, _WRITE_CONFIGURATION, ST + bytes((RFA1SS, _WRITE_WITH_PASSWORD_1)))
    link.reselect()
    if configuration(link, RFA1SS) != _WRITE_WITH_PASSWORD_1:
        raise password_failed(link, chip, "the protection of area 1 does not read back")


def password_failed(link: Type5Link, chip: Type5Chip, message: str) -> TagWriteFailed:
    return TagWriteFailed(
        message,
        code="password-failed",
        action="do not ship this tag; protect it again",
        chip=link.uid.hex(),
        chip_type=chip.name,
        tag_state="written",
    )
