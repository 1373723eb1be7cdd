"""A reader on a raw port: senses tags of every technology that the port polls for, and hands out their links."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from dpptag.devices.air import Air
from dpptag.devices.raw_port import RawPort, TypeATarget
from dpptag.devices.type2_link import RawType2Link
from dpptag.errors import TagRefused
from dpptag.links.nfc import DeviceInfo, TagLink

_SAK_TYPE2 = 0x00


class RawReader:
    """An opened reader; implements :class:`dpptag.links.NfcReader`.

    ``fast_read_pages``: what one FAST_READ may ask for through this reader, 0 where it is not trusted with it.
    """

    def __init__(
        self,
        port: RawPort,
        info: DeviceInfo,
        *,
        fast_read_pages: int = 0,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._air = Air(port, wait)
        self._port = port
        self._info = info
        self._fast_read_pages = fast_read_pages

    @property
    def info(self) -> DeviceInfo:
        return self._info

    def sense(self) -> TagLink | None:
        target = self._air.find_a()
        if target is not None:
            return self._type_a(target)
        return None

    def _type_a(self, target: TypeATarget) -> TagLink:
        if target.sak == _SAK_TYPE2:
            return RawType2Link(self._air, target.uid, self._fast_read_pages)
        raise TagRefused(
            f"the chip {target.uid.hex()} is no Type 2 tag (SAK {target.sak:02X}h)",
            code="tag-not-type-2",
            action="use an NTAG213, NTAG215 or NTAG216",
            chip=target.uid.hex(),
            sak=f"{target.sak:02X}",
            tag_state="untouched",
        )

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
