"""Readers on a simulated bus: which there are, where they are plugged in, and what is ordered from outside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from dpptag.errors import UsageError
from dpptag.sim.faults import parse_fault
from dpptag.sim.host import Announce
from dpptag.sim.population import Options, parse_query
from dpptag.sim.usb.acr122u import Acr122u
from dpptag.sim.usb.pn533 import Pn533
from dpptag.sim.usb.rcs380 import RcS380
from dpptag.sim.usb.reader import UsbReader
from dpptag.sim.usb.testbed import PRELOAD, Testbed
from dpptag.sim.usb.usbfs import UsbFs

READERS: Final[Mapping[str, type[UsbReader]]] = MappingProxyType({"acr122u": Acr122u, "pn533": Pn533, "rcs380": RcS380})

_PORT: Final = re.compile(r"1-[1-8]", re.ASCII)
_DRIVER: Final = re.compile(r"[a-z0-9_]{1,32}", re.ASCII)
_FIRST_NUMBER: Final = 2
_OWN_KEYS: Final = ("port", "serial", "driver")


@dataclass(frozen=True, slots=True)
class Place:
    """One reader as ordered: ``driver`` is the kernel driver that holds it, where one does."""

    model: str
    port: str
    options: Options
    serial: str = ""
    driver: str | None = None


def parse_place(text: str, index: int) -> Place:
    """Parse ``MODEL[?QUERY]``: a simulated reader's query, and port=, serial=, driver= in it. Raises UsageError."""
    model, _, query = text.partition("?")
    if model not in READERS:
        raise UsageError(
            f"not a simulated USB reader: {model!r}", code="sim-usb-reader", action="one of: " + ", ".join(READERS)
        )
    own: dict[str, str] = {}
    rest: list[str] = []
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key in _OWN_KEYS and key not in own:
            own[key] = value
        else:
            rest.append(part)
    port = own.get("port", f"1-{index + 1}")
    if not _PORT.fullmatch(port):
        raise UsageError(f"not a port of the simulated bus: {port!r}", code="sim-usb-port", action="write 1-1 to 1-8")
    driver = own.get("driver")
    if driver is not None and not _DRIVER.fullmatch(driver):
        raise UsageError(f"not a kernel driver: {driver!r}", code="sim-usb-driver", action="write driver=pn533_usb")
    return Place(model, port, parse_query("&".join(rest)), own.get("serial", ""), driver)


class Rig:
    """All readers of one bus. Raises UsageError on two readers at one port, DeviceNotFound without umockdev."""

    def __init__(self, places: Sequence[Place], announce: Announce) -> None:
        if len({place.port for place in places}) != len(places):
            raise UsageError("two readers at one port", code="sim-usb-port", action="give each its own port=")
        self._announce = announce
        self._places = {place.port: place for place in places}
        self.bed = Testbed()
        self._readers = {place.port: READERS[place.model](place.options, self._at(place.port)) for place in places}
        self._plugged: dict[str, UsbFs] = {}
        self._next = _FIRST_NUMBER
        for port in self._places:
            self._plug(port)

    def greeting(self) -> dict[str, object]:
        return {
            "testbed": self.bed.root,
            "preload": PRELOAD,
            "readers": [self._described(port) for port in self._places],
            "tags": [tag.uid.hex() for reader in self._readers.values() for tag in reader.field.tags],
        }

    def close(self) -> None:
        self.bed.close()

    def order(self, order: Mapping[str, Any]) -> dict[str, object]:
        """One order from outside, and its answer. Raises UsageError on one that is not known.

        ``{"tag": "remove"|"insert"|"swap"}``, ``{"lay": QUERY}`` (other tags, as delivered), ``{"fault": "tear@0"}``,
        ``{"reader": "unplug"|"replug"}``, ``{"query": "state"}``, each with a ``"port"`` where there are two readers.
        """
        port = self._port(order.get("port"))
        reader = self._readers[port]
        match order:
            case {"tag": "remove"}:
                reader.take_away()
            case {"tag": "insert"}:
                reader.put_back()
            case {"tag": "swap"}:
                reader.swap()
            case {"lay": str(query)}:
                reader.lay(parse_query(query))
            case {"fault": str(fault)}:
                reader.faults.order(parse_fault(fault))
            case {"reader": "unplug"} if port in self._plugged:
                self.bed.unplug(self._plugged.pop(port), port)
                reader.unplugged()
            case {"reader": "replug"} if port not in self._plugged:
                self._plug(port)
            case {"query": "state"}:
                return {**self._described(port), **reader.record()}
            case _:
                raise UsageError(
                    f"not an order for the simulated bus: {dict(order)!r}",
                    code="sim-usb-order",
                    action="tag remove, insert, swap; lay a query; fault; reader unplug, replug; query state",
                )
        return self._described(port)

    def _port(self, wanted: object) -> str:
        if wanted is None and len(self._places) == 1:
            return next(iter(self._places))
        if wanted not in self._places:
            raise UsageError(f"no reader at port {wanted!r}", code="sim-usb-port", action="name its port")
        return str(wanted)

    def _at(self, port: str) -> Announce:
        return lambda event: self._announce({**event, "port": port})

    def _plug(self, port: str) -> None:
        """Each plugging gives the next device number, as Linux does."""
        place = self._places[port]
        number, self._next = self._next, self._next + 1
        self._plugged[port] = self.bed.plug(self._readers[port], port, number, driver=place.driver, serial=place.serial)

    def _described(self, port: str) -> dict[str, object]:
        place, model = self._places[port], READERS[self._places[port].model].model
        device = self._plugged.get(port)
        return {
            "model": place.model,
            "port": port,
            "busnum": 1,
            "devnum": None if device is None else device.number,
            "vid": f"{model.vendor:04x}",
            "pid": f"{model.product:04x}",
            "tags": [tag.uid.hex() for tag in self._readers[port].field.tags],
        }
