"""The usbfs of the simulated bus, its calls made by hand."""

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dpptag.sim.pn532_frames import ACK, information_frame
from dpptag.sim.population import parse_query
from dpptag.sim.usb.pn533 import Pn533
from dpptag.sim.usb.usbfs import Number, UsbFs

VERSION = information_frame(bytes.fromhex("D402"))
URB = struct.Struct("<BB2xiI4xQiiiiiIQ")


@dataclass
class Cells:
    """A client's memory: ``pointers`` lead from an offset to what lies there."""

    data: bytearray
    pointers: "dict[int, Cells]" = field(default_factory=dict)
    heap: "dict[int, Cells]" = field(default_factory=dict)

    def read(self) -> bytes:
        return bytes(self.data)

    def write(self, at: int, data: bytes) -> None:
        self.data[at : at + len(data)] = data

    def behind(self, at: int, length: int) -> "Cells":
        if at in self.pointers:
            return self.pointers[at]
        return self.heap[int.from_bytes(self.data[at : at + 8], "little")]


@dataclass
class Call:
    client: object
    number: int
    argument: Cells
    done: tuple[int, int] | None = None

    def complete(self, result: int, error: int = 0) -> None:
        assert self.done is None, "a call is completed once"
        self.done = result, error


class Timers:
    def __init__(self) -> None:
        self.waiting: list[tuple[int, Callable[[], None]]] = []

    def __call__(self, milliseconds: int, function: Callable[[], None]) -> None:
        self.waiting.append((milliseconds, function))

    def run(self) -> None:
        for _ in range(100):
            if not self.waiting:
                return
            self.waiting.pop(0)[1]()
        raise AssertionError("timers without end")


class Bus:
    def __init__(self, query: str = "", driver: str | None = None) -> None:
        self.timers = Timers()
        self.reader = Pn533(parse_query(query))
        self.fs = UsbFs(self.reader, 2, self.timers, driver)
        self.heap: dict[int, Cells] = {}

    def open(self) -> object:
        client = object()
        self.fs.opened(client)
        return client

    def call(self, client: object, number: int, argument: bytes = bytes(8)) -> Call:
        there = Cells(bytearray(argument), heap=self.heap)
        call = Call(client, number, Cells(bytearray(8), {0: there}, self.heap))
        self.fs.handle(call)
        return call

    def claim(self, client: object) -> Call:
        return self.call(client, Number.CLAIMINTERFACE, bytes(4))

    def submit(self, client: object, endpoint: int, data: bytes, address: int, kind: int = 3) -> Call:
        buffer = Cells(bytearray(data))
        urb = Cells(bytearray(URB.pack(kind, endpoint, 0, 0, 0, len(data), 0, 0, 0, 0, 0, 0)), {16: buffer}, self.heap)
        self.heap[address] = urb
        call = Call(client, Number.SUBMITURB, Cells(bytearray(address.to_bytes(8, "little")), {0: urb}, self.heap))
        self.fs.handle(call)
        return call

    def reap(self, client: object, number: int = Number.REAPURBNDELAY) -> tuple[Call, Cells]:
        slot = Cells(bytearray(8), heap=self.heap)
        call = Call(client, number, Cells(bytearray(8), {0: slot}, self.heap))
        self.fs.handle(call)
        return call, slot

    def discard(self, client: object, address: int) -> Call:
        call = Call(client, Number.DISCARDURB, Cells(bytearray(address.to_bytes(8, "little"))))
        self.fs.handle(call)
        return call

    def reaped(self, client: object) -> tuple[int, int, bytes]:
        """Address, status and data of the next transfer done."""
        call, slot = self.reap(client)
        assert call.done == (0, 0)
        address = int.from_bytes(slot.data, "little")
        urb = self.heap[address]
        status, length = struct.unpack_from("<i", urb.data, 4)[0], struct.unpack_from("<i", urb.data, 28)[0]
        return address, status, bytes(urb.pointers[16].data[:length])


def test_a_command_goes_out_and_two_messages_come_in() -> None:
    bus = Bus()
    client = bus.open()
    assert bus.claim(client).done == (0, 0)
    bus.submit(client, 0x84, bytes(64), 0x1000)
    bus.submit(client, 0x04, VERSION, 0x2000)
    assert bus.reaped(client) == (0x2000, 0, VERSION)
    assert bus.reaped(client) == (0x1000, 0, ACK)
    bus.submit(client, 0x84, bytes(64), 0x1000)
    assert bus.reaped(client)[2] == information_frame(bytes.fromhex("D50333020707"))


def test_a_bulk_transfer_without_the_interface_is_refused() -> None:
    bus = Bus()
    assert bus.submit(bus.open(), 0x04, VERSION, 0x1000).done == (-1, errno.EINVAL)


def test_the_interface_is_busy_until_its_owner_closes() -> None:
    bus = Bus()
    first, second = bus.open(), bus.open()
    bus.claim(first)
    call = bus.claim(second)
    bus.timers.run()
    assert call.done == (-1, errno.EBUSY)
    bus.fs.closed(first)
    assert bus.claim(second).done == (0, 0)


def test_a_claim_waits_a_moment_for_news_of_a_dead_owner() -> None:
    bus = Bus()
    first, second = bus.open(), bus.open()
    bus.claim(first)
    call = bus.claim(second)
    assert call.done is None
    bus.fs.closed(first)
    bus.timers.run()
    assert call.done == (0, 0)


def test_a_kernel_driver_is_busy_until_it_is_detached() -> None:
    bus = Bus(driver="pn533_usb")
    client = bus.open()
    assert bus.claim(client).done == (-1, errno.EBUSY)
    asked = bus.call(client, Number.GETDRIVER, bytes(260))
    assert asked.argument.pointers[0].data[4:14] == b"pn533_usb\x00"
    detach = struct.pack("<II8x", 0, 0x5516)
    assert bus.call(client, Number.IOCTL, detach).done == (0, 0)
    assert bus.call(client, Number.IOCTL, detach).done == (-1, errno.ENODATA)
    assert bus.claim(client).done == (0, 0)


def test_nothing_to_reap_is_said_at_once_unless_a_transfer_is_awaited() -> None:
    bus = Bus()
    client = bus.open()
    bus.claim(client)
    assert bus.reap(client)[0].done == (-1, errno.EAGAIN)
    bus.submit(client, 0x84, bytes(64), 0x1000)
    waits = []
    for _ in range(6):
        call = bus.reap(client)[0]
        assert call.done is None
        waits.append(bus.timers.waiting[0][0])
        bus.timers.run()
        assert call.done == (-1, errno.EAGAIN)
    assert waits == [1, 2, 4, 8, 16, 16]


def test_a_discarded_transfer_is_reaped_as_given_up_and_cannot_be_discarded_twice() -> None:
    bus = Bus()
    client = bus.open()
    bus.claim(client)
    bus.submit(client, 0x84, bytes(64), 0x1000)
    assert bus.discard(client, 0x1000).done == (0, 0)
    assert bus.discard(client, 0x1000).done == (-1, errno.EINVAL)
    assert bus.reaped(client) == (0x1000, -errno.ENOENT, b"")


def test_unplugging_fails_what_waits_and_what_comes_after() -> None:
    bus = Bus()
    client = bus.open()
    bus.claim(client)
    bus.submit(client, 0x84, bytes(64), 0x1000)
    waiting = bus.reap(client, Number.REAPURB)[0]
    bus.fs.unplug()
    assert waiting.done == (0, 0)
    assert struct.unpack_from("<i", bus.heap[0x1000].data, 4)[0] == -errno.ESHUTDOWN
    assert bus.reap(client)[0].done == (-1, errno.ENODEV)
    assert bus.claim(client).done == (-1, errno.ENODEV)


def test_the_last_words_of_a_dead_client_bring_it_not_back() -> None:
    bus = Bus()
    client = bus.open()
    bus.fs.closed(client)
    assert bus.claim(client).done == (-1, errno.ENODEV)
    assert not bus.fs.in_use


@pytest.mark.parametrize(("value", "wanted"), [(0x0100, 18), (0x0302, 12)])
def test_a_descriptor_is_read_over_endpoint_zero(value: int, wanted: int) -> None:
    bus = Bus()
    client = bus.open()
    setup = struct.pack("<BBHHH", 0x80, 6, value, 0, 255)
    bus.submit(client, 0x00, setup + bytes(255), 0x1000, kind=2)
    call, _ = bus.reap(client)
    assert call.done == (0, 0)
    assert struct.unpack_from("<i", bus.heap[0x1000].data, 28)[0] == wanted
    assert bus.heap[0x1000].pointers[16].data[8] == wanted


def test_an_unknown_string_stalls() -> None:
    bus = Bus()
    client = bus.open()
    bus.submit(client, 0x00, struct.pack("<BBHHH", 0x80, 6, 0x0309, 0, 255) + bytes(255), 0x1000, kind=2)
    assert bus.reaped(client)[1] == -errno.EPIPE
