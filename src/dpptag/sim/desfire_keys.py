"""Keys and key settings of a simulated DESFire card and its applications: told, changed, and what the settings forbid.

Key settings: bit 0 the master key may be changed, bit 1 applications, files and settings are told without it, bit 2
applications or files are created and deleted without it (deleting an application asks for the card's key here in any
case), bit 3 these settings may be changed. Sources as of dpptag.sim.desfire_ev1, and docs.baltech.de.
"""

from __future__ import annotations

from typing import Final

from dpptag.sim.desfire_ev1 import Ev1Chip, Ev1Session
from dpptag.sim.desfire_legacy import LegacySession
from dpptag.sim.ev2 import Mode, NativeStatus
from dpptag.sim.native_memory import Key
from dpptag.sim.type4 import StatusError

_CHANGEABLE: Final = 0x08
_FREE_LISTING: Final = 0x02
_KEY_CHANGEABLE: Final = 0x01


class KeyedChip(Ev1Chip):
    """``settings``: of the card itself; those of an application are its own."""

    settings: int

    def authentication_keys(self) -> list[Key]:
        """None where they are not AES keys."""
        return self.all_keys() if self.has_aes_keys() else []

    def plain(self, ins: int, body: bytes, header: int = 0) -> bytes:
        """A command that carries a MAC where authenticated; its data field must have ``header`` bytes."""
        plain = self.opened(ins, body, header, Mode.MAC)
        if len(plain) != header:
            raise StatusError(NativeStatus.LENGTH)
        return plain

    def settings_now(self) -> int:
        return self.settings if self.application is None else self.application.settings

    def listing(self) -> None:
        """What is there is told to anyone, or with the master key of the card or application alone."""
        by_master = self.session is not None and self.session.key_number == 0
        if not self.settings_now() & _FREE_LISTING and not by_master:
            raise StatusError(NativeStatus.AUTHENTICATION)

    def get_key_settings(self, body: bytes) -> bytes:
        self.listing()
        self.plain(0x45, body)
        if self.application is None:
            return self.closed(bytes((self.settings, 0x81 if self.has_aes_keys() else 0x01)), Mode.MAC)
        keys = self.application.key_type & 0xC0 | len(self.application.keys)
        return self.closed(bytes((self.application.settings, keys)), Mode.MAC)

    def change_key_settings(self, body: bytes) -> bytes:
        """54h: of the card or of the selected application, where they may be changed."""
        session = self.need_session()
        if session.key_number != 0 or not self.settings_now() & _CHANGEABLE:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        if isinstance(session, LegacySession):
            settings = self.deciphered(body)
        else:
            plain = self.opened(0x54, body, 0, Mode.FULL)
            if len(plain) != 1:
                raise StatusError(NativeStatus.LENGTH)
            settings = plain[0]
        if not self.torn_before():
            if self.application is None:
                self.settings = settings
            else:
                self.application.settings = settings
            self.changes += 1
        return self.closed(b"", Mode.FULL)

    def change_key(self, body: bytes) -> bytes:
        """C4h. Of the card's own key in sessions of EV1 alone; with its master key, where the settings allow it."""
        session = self.need_session()
        if body and body[0] & 0x3F == 0 and not self.settings_now() & _KEY_CHANGEABLE:
            raise StatusError(NativeStatus.PERMISSION_DENIED)
        if not isinstance(session, Ev1Session):
            if self.application is None or isinstance(session, LegacySession):
                raise StatusError(NativeStatus.INTEGRITY)
            return super().change_key(body)
        if session.key_number != 0:
            raise StatusError(NativeStatus.AUTHENTICATION)
        number, key = self.changed_key(session, body)
        if not self.torn_before():
            if self.application is None:
                self.card = key
            else:
                self.application.keys[number] = key
            self.changes += 1
        if number == session.key_number:
            self.session = None
            return b""
        return self.closed(b"", Mode.FULL)

    def get_key_version(self, body: bytes) -> bytes:
        number = self.plain(0x64, body, 1)[0]
        versions = [key.version for key in self.all_keys()]
        if number >= len(versions):
            raise StatusError(NativeStatus.NO_SUCH_KEY)
        return self.closed(bytes((versions[number],)), Mode.MAC)
