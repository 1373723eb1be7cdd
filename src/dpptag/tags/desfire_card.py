"""What a DESFire card tells without a key about its own key and the key of its NDEF application.

Commands: SelectApplication 5Ah, GetKeySettings 45h, GetKeyVersion 64h, GetApplicationIDs 6Ah (libfreefare, proxmark3).

Key settings, bit by bit: 0 the master key may be changed; 1 what is there is told without it; 2 applications (on the
card) or files (in an application) are created and deleted without it; 3 these settings may be changed with it; 4 to 7
which key changes the others, 0 the master key. Sources: the proxmark3 client, docs.baltech.de (MasterPiccKeySettings,
AppKeySettings), Entrust's help ("MIFARE DESFire Key Settings"), the card of josevcm/hce-laboratory: with bit 2 at 0
both creating and deleting an application need the card's key, with 1 an application's own key deletes it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dpptag.links.nfc import ApduLink
from dpptag.tags.type4_apdu import Status, native
from dpptag.tags.type4_format import APPLICATION_KEYS, DELIVERED_SETTINGS, FILE_IDENTIFIERS

SELECT: Final = 0x5A
CARD: Final = bytes(3)
"""The application identifier that selects the card itself."""
OPEN: Final = DELIVERED_SETTINGS
GUARDED: Final = 0x0B
"""As delivered, but creating and deleting ask for the master key: whoever has it can take all back."""
FROZEN: Final = 0x02
"""Told to anyone; creating and deleting ask for the master key; neither it nor these settings change ever again."""

_GET_KEY_SETTINGS: Final = 0x45
_GET_KEY_VERSION: Final = 0x64
_GET_APPLICATION_IDS: Final = 0x6A


@dataclass(frozen=True, slots=True)
class KeyState:
    """``settings`` and ``keys``: the answer to GetKeySettings, ``keys`` without the bit for file identifiers, which a
    chip may repeat or not; ``version`` of key 0."""

    settings: int
    keys: int
    version: int


FORMATTED: Final = KeyState(DELIVERED_SETTINGS, APPLICATION_KEYS, 0)
"""Of the NDEF application that a format makes."""


@dataclass(frozen=True, slots=True)
class DesfireCard:
    """``application``: of the NDEF application, None where there is none. ``identifiers``: of all applications."""

    card: KeyState
    identifiers: bytes
    application: KeyState | None


def read_card(link: ApduLink, *, in_application: bool) -> DesfireCard | None:
    """None where the card keeps it to itself. Leaves the card itself selected, and no application.

    ``in_application``: the NDEF application is there and selected.
    """
    application = _key_state(link) if in_application else None
    if in_application and application is None:
        return None
    if native(link, SELECT, CARD)[1] != Status.NATIVE_OK:
        return None
    card = _key_state(link)
    identifiers, status = native(link, _GET_APPLICATION_IDS)
    if card is None or status != Status.NATIVE_OK:
        return None
    return DesfireCard(card, identifiers, application)


def _key_state(link: ApduLink) -> KeyState | None:
    settings, status = native(link, _GET_KEY_SETTINGS)
    if status != Status.NATIVE_OK or len(settings) != 2:
        return None
    version, status = native(link, _GET_KEY_VERSION, b"\0")
    if status != Status.NATIVE_OK or len(version) != 1:
        return None
    return KeyState(settings[0], settings[1] & ~FILE_IDENTIFIERS, version[0])
