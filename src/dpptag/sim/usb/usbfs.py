"""The kernel's usbfs as far as libusb 0.1 and 1.0 use it (Linux include/uapi/linux/usbdevice_fs.h, 64 bit).

What carries the calls is behind :class:`Call`: here are only transfers, who has the interface, and which reader gets
which bytes. A transfer waits until the reader has a message for its endpoint, or until its client gives it up.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final, Protocol

from dpptag.sim.usb.descriptors import Descriptor
from dpptag.sim.usb.reader import UsbReader

_IN: Final = 0x80
_POINTER: Final = struct.Struct("<Q")
_SETUP: Final = struct.Struct("<BBHHH")
_CONTROL: Final = struct.Struct("<BBHHHI4xQ")
_BULK: Final = struct.Struct("<III4xQ")
# type, endpoint, status, flags, buffer, buffer_length, actual_length, start_frame, number_of_packets, error_count,
# signr, usercontext
_URB: Final = struct.Struct("<BB2xiI4xQiiiiiIQ")
_URB_STATUS: Final = 4
_URB_BUFFER: Final = 16
_URB_ACTUAL: Final = 28
_TYPE_CONTROL: Final = 2
_GET_DESCRIPTOR: Final = 6
_STANDARD_REQUESTS: Final = frozenset({0x01, 0x03, 0x09, 0x0B})  # clear and set feature, set configuration, interface
_NOT_STANDARD: Final = 0x60
_FULL_SPEED: Final = 2
_CAPABILITIES: Final = 0x01  # zero packets
_EMPTY_REAP_MS: Final = (1, 16)  # the first wait of a client for a transfer, doubled up to the longest
_CLAIM_TRIES: Final = 10
_CLAIM_WAIT_MS: Final = 10


@unique
class Number(IntEnum):
    """The low byte of the request."""

    CONTROL = 0
    BULK = 2
    RESETEP = 3
    SETINTERFACE = 4
    SETCONFIGURATION = 5
    GETDRIVER = 8
    SUBMITURB = 10
    DISCARDURB = 11
    REAPURB = 12
    REAPURBNDELAY = 13
    CLAIMINTERFACE = 15
    RELEASEINTERFACE = 16
    CONNECTINFO = 17
    IOCTL = 18
    RESET = 20
    CLEAR_HALT = 21
    DISCONNECT = 22
    CONNECT = 23
    GET_CAPABILITIES = 26
    DISCONNECT_CLAIM = 27
    GET_SPEED = 31


Later = Callable[[int, Callable[[], None]], None]


class Memory(Protocol):
    """A piece of the client's memory: read when resolved, written back when the call is complete."""

    def read(self) -> bytes: ...

    def write(self, at: int, data: bytes) -> None: ...

    def behind(self, at: int, length: int) -> Memory:
        """What the pointer at ``at`` points to."""


class Call(Protocol):
    """One ioctl. ``client`` is the same object for every call on one open file."""

    @property
    def client(self) -> object: ...

    @property
    def number(self) -> int: ...

    @property
    def argument(self) -> Memory:
        """The 8 bytes of the third argument."""

    def complete(self, result: int, error: int = 0) -> None: ...


@dataclass(slots=True)
class _Urb:
    address: int
    endpoint: int
    length: int
    data: bytes = b""
    status: int = 0


@dataclass(slots=True)
class _Client:
    waiting: list[_Urb] = field(default_factory=list)
    done: list[_Urb] = field(default_factory=list)
    reap: Call | None = None
    """A reap that waits for a transfer to be done."""
    read: tuple[Call, int, int, Memory] | None = None
    """A BULK call on an IN endpoint that waits: the call, endpoint, room, buffer."""
    just_reaped: bool = False
    patience_ms: int = _EMPTY_REAP_MS[0]


class UsbFs:
    """One device node. ``later(milliseconds, function)`` runs the function after that time, once."""

    def __init__(self, reader: UsbReader, number: int, later: Later, driver: str | None = None) -> None:
        self.reader = reader
        self.number = number
        self.driver = driver
        """The kernel driver that holds the interface, until a client detaches it."""
        self._later = later
        self._clients: dict[object, _Client] = {}
        self._owner: object | None = None
        self._gone = False
        reader.wake = self._serve

    @property
    def in_use(self) -> bool:
        return bool(self._clients)

    def opened(self, client: object) -> None:
        self._clients.setdefault(client, _Client())

    def closed(self, client: object) -> None:
        """The client closed the node or died."""
        self._clients.pop(client, None)
        if self._owner is client:
            self._owner = None
            self.reader.reset()
        if not self._clients and not self._gone:
            self.reader.client_gone()

    def unplug(self) -> None:
        """The device is gone: what waits fails, and so does every later call."""
        self._gone = True
        self._owner = None
        for state in self._clients.values():
            for urb in state.waiting:
                urb.status = -errno.ESHUTDOWN
            state.done += state.waiting
            state.waiting.clear()
            if state.read is not None:
                state.read[0].complete(-1, errno.ENODEV)
                state.read = None
            self._reap(state)

    def handle(self, call: Call) -> None:
        state = self._clients.get(call.client)
        if state is None:  # its last words, read after it was seen to be dead
            call.complete(-1, errno.ENODEV)
        elif call.number in (Number.REAPURB, Number.REAPURBNDELAY):
            self._asked_to_reap(call, state)
        elif self._gone:
            call.complete(-1, errno.ENODEV)
        else:
            self._dispatch(call, state)

    def _dispatch(self, call: Call, state: _Client) -> None:
        match call.number:
            case Number.GET_CAPABILITIES:
                call.argument.behind(0, 4).write(0, struct.pack("<I", _CAPABILITIES))
                call.complete(0)
            case Number.GET_SPEED:
                call.complete(_FULL_SPEED)
            case Number.CONNECTINFO:
                call.argument.behind(0, 8).write(0, struct.pack("<IB3x", self.number, 0))
                call.complete(0)
            case Number.CLAIMINTERFACE | Number.DISCONNECT_CLAIM:
                self._claim(call, _CLAIM_TRIES)
            case Number.RELEASEINTERFACE:
                self._release(call)
            case Number.GETDRIVER:
                self._get_driver(call)
            case Number.IOCTL:
                self._to_driver(call)
            case Number.SUBMITURB:
                self._submit(call, state)
            case Number.DISCARDURB:
                self._discard(call, state)
            case Number.CONTROL:
                self._control(call)
            case Number.BULK:
                self._bulk(call, state)
            case Number.RESET | Number.CLEAR_HALT | Number.RESETEP:
                if self._owner in (None, call.client):
                    self.reader.reset()
                call.complete(0)
            case Number.SETCONFIGURATION | Number.SETINTERFACE:
                call.complete(0)
            case _:
                call.complete(-1, errno.ENOTTY)

    # Who has the interface

    def _claim(self, call: Call, tries: int) -> None:
        """A kernel has given back the interface of a process by the time it is seen dead; here the news of it may still
        be under way: wait for it a moment before the interface is called busy."""
        detaches = call.number == Number.DISCONNECT_CLAIM
        interface = int.from_bytes(call.argument.behind(0, 4).read(), "little")
        if interface != 0:
            call.complete(-1, errno.ENOENT)
        elif self._gone:
            call.complete(-1, errno.ENODEV)
        elif self.driver is not None and not detaches:
            call.complete(-1, errno.EBUSY)
        elif self._owner not in (None, call.client):
            if tries:
                self._later(_CLAIM_WAIT_MS, lambda: self._claim(call, tries - 1))
            else:
                call.complete(-1, errno.EBUSY)
        else:
            self.driver = None
            self._owner = call.client
            call.complete(0)

    def _release(self, call: Call) -> None:
        if self._owner is not call.client:
            call.complete(-1, errno.EINVAL)
            return
        self._owner = None
        self.reader.reset()
        call.complete(0)

    def _get_driver(self, call: Call) -> None:
        name = "usbfs" if self._owner is not None else self.driver
        if name is None:
            call.complete(-1, errno.ENODATA)
            return
        call.argument.behind(0, 260).write(4, name.encode() + b"\x00")
        call.complete(0)

    def _to_driver(self, call: Call) -> None:
        """DISCONNECT and CONNECT come wrapped: interface, code, data."""
        code = struct.unpack_from("<I", call.argument.behind(0, 16).read(), 4)[0] & 0xFF
        if code == Number.DISCONNECT and self.driver is not None:
            self.driver = None
            call.complete(0)
        elif code == Number.DISCONNECT:
            call.complete(-1, errno.ENODATA)
        else:
            call.complete(0)

    # Transfers

    def _submit(self, call: Call, state: _Client) -> None:
        address = _POINTER.unpack(call.argument.read())[0]
        memory = call.argument.behind(0, _URB.size)
        kind, endpoint, _, _, _, length, *_ = _URB.unpack(memory.read())
        urb = _Urb(address, endpoint, length)
        if kind == _TYPE_CONTROL:
            data = memory.behind(_URB_BUFFER, length).read()
            request_type, request, value, _, room = _SETUP.unpack_from(data)
            answer = self._request(request_type, request, value, room, data[_SETUP.size :])
            urb.endpoint = 0
            if answer is None:
                urb.status = -errno.EPIPE
            else:
                urb.data = answer
            state.done.append(urb)
        elif self._owner is not call.client:
            call.complete(-1, errno.EINVAL)
            return
        elif endpoint & _IN:
            state.waiting.append(urb)
        else:
            data = memory.behind(_URB_BUFFER, length).read() if length else b""
            state.done.append(urb)
            urb.data = data
            self._sent(endpoint, data)
        state.just_reaped = False
        state.patience_ms = _EMPTY_REAP_MS[0]
        call.complete(0)
        self._serve()

    def _discard(self, call: Call, state: _Client) -> None:
        address = _POINTER.unpack(call.argument.read())[0]
        for urb in state.waiting:
            if urb.address == address:
                state.waiting.remove(urb)
                urb.status = -errno.ENOENT
                state.done.append(urb)
                call.complete(0)
                self._reap(state)
                return
        call.complete(-1, errno.EINVAL)

    def _asked_to_reap(self, call: Call, state: _Client) -> None:
        state.reap = call
        if self._reap(state):
            return
        if self._gone:
            state.reap = None
            call.complete(-1, errno.ENODEV)
        elif call.number == Number.REAPURBNDELAY:
            # The node is a plain file, always ready for poll(): a client that waits for a transfer asks again and
            # again. It is kept waiting for a moment here, but not when it only asks whether there is more.
            if state.just_reaped or not state.waiting:
                state.just_reaped = False
                self._nothing_to_reap(state, call)
            else:
                self._later(state.patience_ms, lambda: self._nothing_to_reap(state, call))
                state.patience_ms = min(2 * state.patience_ms, _EMPTY_REAP_MS[1])

    def _nothing_to_reap(self, state: _Client, call: Call) -> None:
        if state.reap is call:
            state.reap = None
            call.complete(-1, errno.EAGAIN)

    def _reap(self, state: _Client) -> bool:
        if state.reap is None or not state.done:
            return False
        call, urb = state.reap, state.done.pop(0)
        state.reap = None
        state.just_reaped = True
        slot = call.argument.behind(0, _POINTER.size)
        slot.write(0, _POINTER.pack(urb.address))
        memory = slot.behind(0, _URB.size)
        if urb.data and (urb.endpoint & _IN or urb.endpoint == 0):
            at = _SETUP.size if urb.endpoint == 0 else 0
            memory.behind(_URB_BUFFER, urb.length).write(at, urb.data)
        memory.write(_URB_STATUS, struct.pack("<i", urb.status))
        memory.write(_URB_ACTUAL, struct.pack("<i", len(urb.data)))
        call.complete(0)
        return True

    def _bulk(self, call: Call, state: _Client) -> None:
        memory = call.argument.behind(0, _BULK.size)
        endpoint, length, timeout, _ = _BULK.unpack(memory.read())
        if endpoint & _IN:
            state.read = (call, endpoint, length, memory.behind(16, length))
            self._serve()
            if state.read is not None and timeout:
                self._later(timeout, lambda: self._too_late(state, call))
            return
        data = memory.behind(16, length).read() if length else b""
        call.complete(length)
        self._sent(endpoint, data)

    def _too_late(self, state: _Client, call: Call) -> None:
        if state.read is not None and state.read[0] is call:
            state.read = None
            call.complete(-1, errno.ETIMEDOUT)

    def _sent(self, endpoint: int, data: bytes) -> None:
        if endpoint == self.reader.model.bulk_out and data:  # an empty transfer only ends one of whole packets
            self.reader.host_sent(data)

    def _serve(self) -> None:
        """Hand what the reader has to the transfers that wait for it."""
        for state in self._clients.values():
            for urb in tuple(state.waiting):
                message = self.reader.take(urb.endpoint, urb.length)
                if message is not None:
                    state.waiting.remove(urb)
                    urb.data = message
                    state.done.append(urb)
            if state.read is not None:
                call, endpoint, room, buffer = state.read
                message = self.reader.take(endpoint, room)
                if message is not None:
                    state.read = None
                    buffer.write(0, message)
                    call.complete(len(message))
            self._reap(state)

    # Endpoint 0

    def _control(self, call: Call) -> None:
        memory = call.argument.behind(0, _CONTROL.size)
        request_type, request, value, _, length, _, _ = _CONTROL.unpack(memory.read())
        buffer = memory.behind(16, length) if length else None
        data = buffer.read() if buffer is not None and not request_type & _IN else b""
        answer = self._request(request_type, request, value, length, data)
        if answer is None:
            call.complete(-1, errno.EPIPE)
            return
        if buffer is not None and request_type & _IN and answer:
            buffer.write(0, answer)
        call.complete(len(answer) if request_type & _IN else length)

    def _request(self, request_type: int, request: int, value: int, length: int, data: bytes) -> bytes | None:
        """The answer to a control transfer, cut to its length; None stalls."""
        if request_type & _NOT_STANDARD:
            answer = self.reader.control(request_type, request, data, length)
        elif request_type == _IN and request == _GET_DESCRIPTOR:
            answer = self._descriptor(value >> 8, value & 0xFF)
        elif request_type & _IN:
            answer = bytes(length)  # status, configuration, interface: all zero
        else:
            answer = b"" if request in _STANDARD_REQUESTS else None
        return None if answer is None else answer[:length]

    def _descriptor(self, kind: int, index: int) -> bytes | None:
        model = self.reader.model
        match kind:
            case Descriptor.DEVICE:
                return model.device_descriptor()
            case Descriptor.CONFIGURATION:
                return model.configuration_descriptor()
            case Descriptor.STRING:
                return model.string_descriptor(index)
            case _:
                return None
