"""A reader on a raw port: senses tags of every technology that the port polls for, and hands out their links."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Final, Self

from dpptag.devices.air import Air, gone
from dpptag.devices.apdu_link import SAK_ISO_DEP, RawApduLink
from dpptag.devices.felica_link import ANY_SYSTEM, NDEF_SYSTEM, RawFelicaLink
from dpptag.devices.raw_port import FelicaTarget, RawPort, TypeATarget
from dpptag.devices.type2_link import RawType2Link
from dpptag.errors import TagLost, TagRefused, TagSwapped
from dpptag.links.nfc import DeviceInfo, NfcLink, Technology

_SAK_TYPE2: Final = 0x00
_SAK_PEER: Final = 0x40  # NFC-DEP: a phone, not a tag (NFC Forum Digital 4.8.2)

EVERY_TECHNOLOGY: Final = frozenset({Technology.TYPE2, Technology.TYPE3, Technology.TYPE4})


class RawReader:
    """An opened reader; implements :class:`dpptag.links.NfcReader`.

    ``fast_read_pages``: what one FAST_READ may ask for through this reader, 0 where it is not trusted with it.
    ``technologies``: what is polled for; without Type 3 an empty field costs one host command less.
    """

    def __init__(
        self,
        port: RawPort,
        info: DeviceInfo,
        *,
        fast_read_pages: int = 0,
        technologies: Collection[Technology] = EVERY_TECHNOLOGY,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._air = Air(port, wait)
        self._port = port
        self._info = info
        self._fast_read_pages = fast_read_pages
        self._type_a = not {Technology.TYPE2, Technology.TYPE4}.isdisjoint(technologies)
        self._felica = Technology.TYPE3 in technologies

    @property
    def info(self) -> DeviceInfo:
        return self._info

    def sense(self) -> NfcLink | None:
        """Type A first, FeliCa where none is there. A tag that goes while it is activated was not there."""
        try:
            if self._type_a and (target := self._air.find_a()) is not None:
                return self._type_a_link(target)
            if self._felica and (found := self._air.find_f(ANY_SYSTEM)) is not None:
                return self._felica_link(found)
        except (TagLost, TagSwapped):
            return None
        return None

    def _type_a_link(self, target: TypeATarget) -> NfcLink:
        if target.sak == _SAK_TYPE2:
            return RawType2Link(self._air, target.uid, self._fast_read_pages)
        if target.sak & SAK_ISO_DEP:
            return RawApduLink(self._air, target.uid)
        peer = " but a phone or reader" if target.sak & _SAK_PEER else ""
        raise TagRefused(
            f"the chip {target.uid.hex()} is no Type 2 or Type 4 tag{peer} (SAK {target.sak:02X}h)",
            code="tag-not-type-2",
            action="use an NFC Forum Type 2, 3 or 4 tag",
            chip=target.uid.hex(),
            sak=f"{target.sak:02X}",
            tag_state="untouched",
        )

    def _felica_link(self, found: FelicaTarget) -> NfcLink:
        """A formatted tag answers to the NDEF system too; its IDm may differ there in the system's number."""
        ndef = self._air.find_f(NDEF_SYSTEM) if found.system_code != NDEF_SYSTEM else found
        if ndef is not None:
            return RawFelicaLink(self._air, ndef, NDEF_SYSTEM)
        again = self._air.find_f(ANY_SYSTEM)
        if again is None or again.idm != found.idm:
            raise gone(found.idm)
        return RawFelicaLink(self._air, found, found.system_code if found.system_code is not None else ANY_SYSTEM)

    def signal(self) -> bool:
        return self._air.port.signal()

    def close(self) -> None:
        self._air.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
