"""Frames of UHF modules: one engine for every family, told by a profile how its frames look.

The length alone says where a frame ends: its data and its check may hold the end byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dpptag.devices import uhf_framing_profile as tables
from dpptag.devices.uhf_framing_profile import FrameField


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame without what only carries it. ``kind``: the type byte, where the family has one.

    ``status``: a number in an answer of a family that has the field; None in requests, and where there is none.
    """

    command: int
    data: bytes = b""
    kind: int = 0
    address: int = 0
    status: int | None = None


class FrameError(ValueError):
    """The bytes are no frame of this family; the text says why."""


class Framing:
    """Builds and reads the frames that a profile's ``[framing]`` table describes. Pure: bytes in, values out."""

    def __init__(self, table: tables.Framing) -> None:
        self.table = table
        self.types = table.types
        self.header = b"" if table.header is None else bytes((table.header,))
        self._check = _checksum(table.check)
        self._request = _Layout(table, table.request, table.longest_request)
        self._answer = _Layout(table, table.answer, table.longest_answer)

    @property
    def longest_answer(self) -> int:
        """Bytes of the longest answer that is believed."""
        return self._answer.longest

    def overhead(self, *, answer: bool) -> int:
        """Bytes of a frame without data."""
        return (self._answer if answer else self._request).overhead

    def request(self, command: int, data: bytes = b"") -> Frame:
        """A frame for the module, with the profile's type byte and address."""
        kind = 0 if self.types is None else self.types.command
        return Frame(command, data, kind, self.table.address or 0)

    def data_at(self, *, answer: bool) -> int:
        """Where the data begins in a frame."""
        return (self._answer if answer else self._request).data_at

    def build(self, frame: Frame, *, answer: bool = False) -> bytes:
        """The bytes of a frame. Raises FrameError for more data than a frame may have."""
        layout = self._answer if answer else self._request
        length = len(frame.data) + layout.counted
        if length > layout.longest_length:
            raise FrameError(f"{len(frame.data)} bytes of data do not fit a frame")
        octets = layout.blank(frame.data)
        place = layout.place
        octets[place["length"]] = length.to_bytes(self.table.length_bytes, "big")
        octets[place["command"]] = bytes((frame.command,))
        if "type" in place:
            octets[place["type"]] = bytes((frame.kind,))
        if "address" in place:
            octets[place["address"]] = bytes((frame.address,))
        if "status" in place:
            octets[place["status"]] = (frame.status or 0).to_bytes(self.table.status_bytes, "big")
        octets[place["check"]] = self._check(layout.checked(octets))
        return bytes(octets)

    def parse(self, octets: bytes, *, answer: bool = True) -> Frame:
        """Exactly one whole frame. Raises FrameError."""
        size = self.size_of(octets, answer=answer)
        if size != len(octets):
            raise FrameError(f"{len(octets)} bytes, where the length says {'more' if size is None else size}")
        return self._taken_apart(octets, self._answer if answer else self._request)

    def _taken_apart(self, octets: bytes, layout: _Layout) -> Frame:
        """The fields of a frame whose size is right; end and check are looked at here, and nowhere else."""
        place = layout.place
        if self.table.end is not None and octets[-1] != self.table.end:
            raise FrameError("the end byte is missing")
        if octets[place["check"]] != self._check(layout.checked(octets)):
            raise FrameError("the check is wrong")
        return Frame(
            command=octets[place["command"]][0],
            data=octets[place["data"]],
            kind=octets[place["type"]][0] if "type" in place else 0,
            address=octets[place["address"]][0] if "address" in place else 0,
            status=int.from_bytes(octets[place["status"]], "big") if "status" in place else None,
        )

    def size_of(self, octets: bytes | bytearray, *, answer: bool = True) -> int | None:
        """How long the frame is that begins here; None while its length is not there yet.

        Raises FrameError where no frame begins so, or none that is believed.
        """
        layout = self._answer if answer else self._request
        if not octets.startswith(self.header):
            if octets:
                raise FrameError("the header is missing")
            return None
        length_ends = layout.length_at + self.table.length_bytes
        if len(octets) < length_ends:
            return None
        length = int.from_bytes(octets[layout.length_at : length_ends], "big")
        if not layout.counted <= length <= layout.longest_length:
            raise FrameError(f"no frame has the length {length}")
        return layout.overhead + length - layout.counted


class _Layout:
    """Where the fields of a request or an answer lie; what stands behind the data is counted from the end."""

    def __init__(self, table: tables.Framing, fields: Sequence[FrameField], longest_length: int) -> None:
        sizes = [table.size_of(field) for field in fields]
        self.counted = table.counted(list(fields))
        self.longest_length = longest_length
        self.overhead = sum(sizes)
        self.longest = self.overhead + longest_length - self.counted
        data = fields.index("data")
        self.data_at = sum(sizes[:data])
        self.length_at = sum(sizes[: fields.index("length")])
        self.place: dict[FrameField, slice] = {}
        for at, field in enumerate(fields):
            start, stop = sum(sizes[:at]), sum(sizes[: at + 1])
            if at == data:
                self.place[field] = slice(start, -sum(sizes[at + 1 :]))
            elif at > data:
                self.place[field] = slice(start - self.overhead, (stop - self.overhead) or None)
            else:
                self.place[field] = slice(start, stop)
        self._checked = _merged([self.place[field] for field in fields if field in table.check.covers])
        self._head = bytearray(self.data_at)
        self._tail = bytearray(self.overhead - self.data_at)
        if table.header is not None:
            self._head[0] = table.header
        if table.end is not None:
            self._tail[-1] = table.end

    def blank(self, data: bytes) -> bytearray:
        """A frame with nothing filled in but header, data and end."""
        return self._head + data + self._tail

    def checked(self, octets: bytes | bytearray) -> bytes | bytearray:
        """What the check is made of."""
        if len(self._checked) == 1:
            return octets[self._checked[0]]
        return b"".join(octets[part] for part in self._checked)


def _merged(parts: list[slice]) -> list[slice]:
    """Parts that follow one another become one."""
    merged = parts[:1]
    for part in parts[1:]:
        if merged[-1].stop == part.start:
            merged[-1] = slice(merged[-1].start, part.stop)
        else:
            merged.append(part)
    return merged


class FrameReader:
    """Finds the answers in a byte stream that comes in any pieces. Memory is bounded by the longest frame.

    With a header: what is no frame is skipped byte by byte. A frame that is short of bytes is waited for, until
    :meth:`quiet` says that nothing more comes; only then does the search go on behind its header, for its bytes may
    hold what looks like a frame. Whoever asked must hold an answer against its question all the same, command and
    length: the inside of a damaged frame may be found.

    Without a header any byte may be a length, so a frame begins only at the start or directly behind a frame. Once out
    of step, the reader waits for :meth:`quiet`, and then takes the earliest frames that fill the rest to its last byte.
    """

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._buffer = bytearray()
        self._astray = False
        self.skipped = 0
        """Bytes since :meth:`clear` that belonged to no frame: something was said that nobody understood."""

    @property
    def midway(self) -> bool:
        """Bytes are there that are no whole frame yet."""
        return bool(self._buffer)

    def clear(self) -> None:
        self._buffer.clear()
        self._astray = False
        self.skipped = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are whole now, in their order."""
        self._buffer += chunk
        if self._framing.header:
            return self._with_header()
        found: list[Frame] = []
        if not self._astray:
            try:
                self._take(found)
            except FrameError:
                self._astray = True
        if self._astray:  # what comes long before the end is no help
            self._skip(max(0, len(self._buffer) - 2 * self._framing.longest_answer))
        return found

    def quiet(self) -> list[Frame]:
        """No more bytes come: what can still be found in those that wait. Nothing waits afterwards."""
        if not self._framing.header:
            return self._filling()
        found: list[Frame] = []
        while self._buffer:
            self._skip(1)
            found += self._with_header()
        return found

    def _filling(self) -> list[Frame]:
        """The earliest frames that follow one another to the last byte."""
        waiting = bytes(self._buffer)
        self._astray = False
        for start in range(len(waiting)):
            self._buffer[:] = waiting[start:]
            found: list[Frame] = []
            try:
                self._take(found)
            except FrameError:
                continue
            if not self._buffer:
                self.skipped += start
                return found
        self._buffer[:] = waiting
        self._skip(len(waiting))
        return []

    def _with_header(self) -> list[Frame]:
        found: list[Frame] = []
        while self._buffer:
            try:
                self._take(found)
                break
            except FrameError:
                at = self._buffer.find(self._framing.header, 1)
                self._skip(at if at >= 0 else len(self._buffer))
        return found

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self.skipped += count

    def _take(self, found: list[Frame]) -> None:
        """Move the whole frames at the start to ``found``. Raises FrameError at what is none."""
        while (size := self._framing.size_of(self._buffer)) is not None and len(self._buffer) >= size:
            found.append(self._framing.parse(bytes(self._buffer[:size])))
            del self._buffer[:size]


def _checksum(check: tables.Check) -> Callable[[bytes | bytearray], bytes]:
    if check.kind == "sum8":
        return lambda octets: bytes((sum(octets) & 0xFF,))
    if check.kind == "complement8":
        return lambda octets: bytes((-sum(octets) & 0xFF,))
    return _crc16(check)


def _crc16(check: tables.Check) -> Callable[[bytes | bytearray], bytes]:
    poly, init, xorout = check.poly or 0, check.init or 0, check.xorout or 0
    order = check.order or "big"
    entries = []
    for octet in range(256):
        value = octet if check.reflected else octet << 8
        for _ in range(8):
            if check.reflected:
                value = value >> 1 ^ (poly if value & 1 else 0)
            else:
                value = (value << 1 ^ (poly if value & 0x8000 else 0)) & 0xFFFF
        entries.append(value)
    table = tuple(entries)

    def reflected(octets: bytes | bytearray) -> bytes:
        crc = init
        for octet in octets:
            crc = crc >> 8 ^ table[(crc ^ octet) & 0xFF]
        return (crc ^ xorout).to_bytes(2, order)

    def augmented(octets: bytes | bytearray) -> bytes:
        crc = init
        for octet in octets:
            crc = crc << 8 & 0xFF00 ^ table[crc >> 8 ^ octet]
        return (crc ^ xorout).to_bytes(2, order)

    def shifted_in(octets: bytes | bytearray) -> bytes:
        """The message enters at the low end of the register, and no zeros follow it."""
        crc = init
        for octet in octets:
            crc = (crc << 8 & 0xFF00 | octet) ^ table[crc >> 8]
        return (crc ^ xorout).to_bytes(2, order)

    if check.reflected:
        return reflected
    return augmented if check.augmented else shifted_in
