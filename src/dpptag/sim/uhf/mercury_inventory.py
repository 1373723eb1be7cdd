"""The tag buffer of a Mercury module: searches fill it (22), pages are read from it (29), 2A empties it.

A search lasts as long as it was told, and hears each tag many times; the buffer keeps one record of an EPC with their
number. Two tags with the same EPC are therefore one record, unless the data of an embedded read keeps them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag, unique
from typing import Final

from dpptag.sim.uhf.air import Air, Reply
from dpptag.sim.uhf.mercury_frames import MOST_ANSWER, Fields, Refused, Status
from dpptag.sim.uhf.mercury_select import read_option, read_singulation
from dpptag.sim.uhf.mercury_tags import TagCommands

_READ_DATA: Final = 0x28
_GEN2: Final = 0x05
_Q: Final = 4
_EMBEDDED_FAILED: Final = 0x8000
_MS_PER_HEARING: Final = 100
"""A real Nano counted each of seven tags 7 to 10 times in a second."""


@unique
class _Search(IntFlag):
    EMBEDDED = 0x0004
    STREAMING = 0x0008
    LARGE_POPULATION = 0x0010
    STOP_ON_COUNT = 0x0040


@unique
class _Metadata(IntFlag):
    """In the order of the fields of a record."""

    COUNT = 0x0001
    RSSI = 0x0002
    ANTENNA = 0x0004
    FREQUENCY = 0x0008
    TIMESTAMP = 0x0010
    PHASE = 0x0020
    PROTOCOL = 0x0040
    DATA = 0x0080
    GPIO = 0x0100
    Q = 0x0200
    LINK_FREQUENCY = 0x0400
    TARGET = 0x0800


_ALL_METADATA: Final = 0x0FFF


@dataclass(slots=True)
class _Record:
    reply: Reply
    count: int
    timestamp_ms: int
    data: bytes | None
    """What an embedded read gave; None: it failed."""


class TagBuffer:
    """``unique_by_data`` tells whether other data make another record; ``elapse`` takes modelled microseconds."""

    def __init__(
        self, air: Air, tags: TagCommands, unique_by_data: Callable[[], bool], elapse: Callable[[int], None]
    ) -> None:
        self._air = air
        self._tags = tags
        self._unique_by_data = unique_by_data
        self._elapse = elapse
        self._records: list[_Record] = []
        self._read = 0

    def clear(self) -> bytes:
        """2A."""
        self._records.clear()
        self._read = 0
        return b""

    def search(self, fields: Fields) -> bytes:
        """22. The count in the answer is that of the records that this search added."""
        option = read_option(fields)
        flags, timeout = fields.number(2), fields.number(2)
        if flags & _Search.STREAMING:
            raise Refused(Status.UNIMPLEMENTED_FEATURE)
        if option.metadata:
            _check(fields.number(2))
        most = fields.number(4) if flags & _Search.STOP_ON_COUNT else None
        singulation = read_singulation(fields, option)
        read = self._embedded(fields, singulation.password) if flags & _Search.EMBEDDED else None
        fields.end()

        self._elapse(1000 * timeout)
        replies = self._air.round(singulation.selection)[:most]
        before, done, failed, last = len(self._records), 0, 0, b""
        for number, reply in enumerate(replies):
            data: bytes | None = b""
            if read is not None:
                data = read(reply)
                done, failed = done + (data is not None), failed + (data is None)
                last = last if data is None else data
            self._add(reply, max(1, timeout // _MS_PER_HEARING), number, data)
        count = len(self._records) - before
        told = option.echo() + flags.to_bytes(2, "big")
        told += count.to_bytes(4, "big") if flags & _Search.LARGE_POPULATION else bytes((min(count, 0xFF),))
        if read is not None:
            told += bytes((1, _READ_DATA)) + done.to_bytes(2, "big") + failed.to_bytes(2, "big")
            told += last if len(told) + len(last) <= MOST_ANSWER else b""
        if not replies:
            raise Refused(Status.NO_TAGS, told)
        return told

    def page(self, fields: Fields) -> bytes:
        """29. Without data: where reading and writing stand; with metadata flags: as many records as a frame holds."""
        if fields.peek() is None:
            return self._read.to_bytes(2, "big") + len(self._records).to_bytes(2, "big")
        flags, read_option_byte = fields.number(2), fields.number(1)
        fields.end()
        _check(flags)
        if read_option_byte:
            raise Refused(Status.UNIMPLEMENTED_FEATURE)
        if self._read >= len(self._records):
            raise Refused(Status.BUFFER_NOT_ENOUGH)
        head, body, count = flags.to_bytes(2, "big") + b"\0", b"", 0
        for record in self._records[self._read :]:
            part = _metadata(flags, record) + _tag(record.reply)
            if len(head) + 1 + len(body) + len(part) > MOST_ANSWER:
                break
            body, count = body + part, count + 1
        if not count:
            raise Refused(Status.TOO_LARGE)
        self._read += count
        return head + bytes((count,)) + body

    def metadata(self, flags: int, reply: Reply) -> bytes:
        """That of a single read (28): its data field is empty, the words follow behind the metadata."""
        _check(flags)
        return _metadata(flags, _Record(reply, 1, 0, b""))

    def _embedded(self, fields: Fields, password: int) -> Callable[[Reply], bytes | None]:
        if fields.number(1) != 1:
            raise Refused(Status.UNIMPLEMENTED_FEATURE)
        length, opcode = fields.number(1), fields.number(1)
        command = fields.take(length)
        if opcode != _READ_DATA:
            raise Refused(Status.UNIMPLEMENTED_FEATURE)
        return self._tags.embedded_read(command, password)

    def _add(self, reply: Reply, times: int, number: int, data: bytes | None) -> None:
        by_data = self._unique_by_data()
        for record in self._records:
            same = record.reply.epc == reply.epc and record.reply.antenna == reply.antenna
            if same and (not by_data or record.data == data):
                record.count = min(0xFF, record.count + times)
                return
        self._records.append(_Record(reply, min(0xFF, times), 10 + 5 * number, data))


def _check(flags: int) -> None:
    if flags & ~_ALL_METADATA:
        raise Refused(Status.INVALID_PARAMETER)


def _metadata(flags: int, record: _Record) -> bytes:
    reply = record.reply
    fields = {
        _Metadata.COUNT: bytes((record.count,)),
        _Metadata.RSSI: bytes((reply.rssi_dbm & 0xFF,)),
        _Metadata.ANTENNA: bytes((reply.antenna << 4 | reply.antenna,)),
        _Metadata.FREQUENCY: reply.frequency_khz.to_bytes(3, "big"),
        _Metadata.TIMESTAMP: record.timestamp_ms.to_bytes(4, "big"),
        _Metadata.PHASE: reply.phase_degrees.to_bytes(2, "big"),
        _Metadata.PROTOCOL: bytes((_GEN2,)),
        _Metadata.DATA: _data(record.data),
        _Metadata.GPIO: b"\0",
        _Metadata.Q: bytes((_Q,)),
        _Metadata.LINK_FREQUENCY: b"\0",  # 250 kHz
        _Metadata.TARGET: b"\0",  # A
    }
    return b"".join(value for flag, value in fields.items() if flags & flag)


def _data(data: bytes | None) -> bytes:
    """Bits and bytes; where the embedded read failed the mark of a failure and a status word."""
    if data is None:
        return _EMBEDDED_FAILED.to_bytes(2, "big") + Status.GENERAL_TAG_ERROR.to_bytes(2, "big")
    return (8 * len(data)).to_bytes(2, "big") + data


def _tag(reply: Reply) -> bytes:
    body = reply.pc.to_bytes(2, "big") + reply.epc + reply.crc.to_bytes(2, "big")
    return (8 * len(body)).to_bytes(2, "big") + body
