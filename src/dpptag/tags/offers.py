"""What a chip offers in protection, told from its name alone: a whole job is checked before its first tag."""

from __future__ import annotations

from dpptag.tags.gen2_chips import BY_NAME as GEN2_CHIPS
from dpptag.tags.protection import Lock, Protection
from dpptag.tags.type2_chips import chip_by_name
from dpptag.tags.type3_memory import CHIPS as FELICA_CHIPS
from dpptag.tags.type4_tag import DESFIRE_NAMES, NTAG424, NTAG424_TAMPER
from dpptag.tags.type5_memory import CHIPS as TYPE5_CHIPS


def cannot_protect(chip_name: str, protection: Protection) -> str | None:
    """Why this chip cannot have ``protection``; None where nothing speaks against it before a tag is seen."""
    if protection.sun and chip_name not in (NTAG424.name, NTAG424_TAMPER.name):
        return "it has no SUN (an NTAG 424 DNA has)"
    locks = protection.lock is Lock.PERMANENT
    if locks and not protection.password and chip_name in DESFIRE_NAMES:
        return "its master key as delivered deletes what was locked: ask for the password too"
    type2 = chip_by_name(chip_name)
    if type2 is not None:
        if protection.password and type2.configuration is None:
            return "it has no password"
        if locks and not type2.settled_lock:
            return "its I2C side can clear the lock bits again"
    if protection.password and any(chip.name == chip_name for chip in FELICA_CHIPS):
        return "it has no password"
    gen2 = GEN2_CHIPS.get(chip_name)
    if gen2 is not None and not protection.is_none and not gen2.passwords:
        return "it has no passwords"
    for type5 in TYPE5_CHIPS:
        if type5.name == chip_name:
            if protection.password and type5.unguarded:
                return type5.unguarded
            if locks and type5.no_lock:
                return type5.no_lock
    return None
