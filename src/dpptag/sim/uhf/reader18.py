"""Readers that speak the protocol of UHFReader18 and of the 288 (M, MP) ("UHFReader18 User's Manual V2.0").

Request ``LEN ADR CMD DATA CRC``, answer ``LEN ADR CMD STATUS DATA CRC``; LEN counts what follows it, the CRC has its
low byte first. One command at a time; a wrong address or a frame shorter than any command is met with silence. Times
were published for no reader of this family: those measured on an M100 stand in for them.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from enum import IntEnum, unique
from functools import partial
from typing import Final, TypeVar

from dpptag.sim.uhf.air import AccessRefused, Air, OpenTag, Reply, Selection, Silence, TagRefusal
from dpptag.sim.uhf.faults import HostCommands

_T = TypeVar("_T")
_SHORTEST: Final = 4
_EVERYONE: Final = 0xFF
_UNKNOWN: Final = 0x00
"""What an answer repeats in place of a command that was not understood."""
_MOST_DATA: Final = 0xFF - 5
_MOST_READ: Final = 120
_MOST_EPC_WORDS: Final = 15
_EPC_BANK, _TID_BANK = 1, 2
_PC_WORD: Final = 1
_EPC_AT: Final = 0x20
_BAUDS: Final = {0: 9_600, 1: 19_200, 2: 38_400, 5: 57_600, 6: 115_200}
_LOCK_AREAS: Final = (8, 6, 4, 2, 0)
"""Kill, access, EPC, TID, USER: the place of their two bits in Lock's payload."""
_LOCK_ACTIONS: Final = ((0b10, 0b00), (0b11, 0b01), (0b10, 0b10), (0b11, 0b11))
"""Open, open for ever, secured, never: mask and action. That 0 and 2 leave the permalock bit alone is assumed."""
_RSSI_OFFSET: Final = 160  # the byte's unit was not published; so -55 dBm is 69h, in the range of recorded answers
_ANY_TAG: Final = Selection(_EPC_BANK, _EPC_AT, 0, b"")

_REGISTER_US = 2_000
_ROUND_US = 25_000
_READ_US, _READ_WORD_US = 35_000, 1_200
_WRITE_US, _WRITE_WORD_US = 37_000, 10_000
_BLOCK_WRITE_WORD_US: Final = 5_000
_LOCK_US = 60_000
_FAILED_US: Final = 100_000


@unique
class Status(IntEnum):
    """Status bytes (manual, section 5)."""

    OK = 0x00
    INVENTORY_DONE = 0x01
    MORE_FRAMES = 0x03
    PASSWORD = 0x05
    KILL_FAILED = 0x09
    ZERO_KILL_PASSWORD = 0x0A
    POOR_COMMUNICATION = 0xFA
    NO_TAG = 0xFB
    TAG_ERROR = 0xFC
    LENGTH = 0xFD
    ILLEGAL = 0xFE
    PARAMETER = 0xFF


class _Refused(Exception):  # noqa: N818  an answer of the protocol, no fault of the simulator
    def __init__(self, status: Status, data: bytes = b"") -> None:
        super().__init__(status.name)
        self.status = status
        self.data = data


@dataclass(frozen=True, slots=True)
class _Variant:
    """``kind``: the type byte of 21. ``tells_more``: an inventory's frames carry antenna and RSSI."""

    kind: int
    work_mode: int
    tells_more: bool


_VARIANTS: Final = {
    "uhfreader18": _Variant(0x09, 0x35, tells_more=False),
    "uhfreader288": _Variant(0x0C, 0x76, tells_more=True),
}


def _of_octet(register: int) -> int:
    for _ in range(8):
        register = register >> 1 ^ (0x8408 if register & 1 else 0)
    return register


_CRC_STEPS: Final = tuple(map(_of_octet, range(0x100)))


def crc(data: bytes) -> bytes:
    """CRC-16/MCRF4XX, low byte first."""
    register = 0xFFFF
    for octet in data:
        register = register >> 8 ^ _CRC_STEPS[(register ^ octet) & 0xFF]
    return register.to_bytes(2, "little")


class _Data:
    """The data of a command, read from its beginning; too few bytes are answered FD."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, count: int) -> bytes:
        if len(self._data) < count:
            raise _Refused(Status.LENGTH)
        part, self._data = self._data[:count], self._data[count:]
        return part

    def byte(self, values: Container[int] = range(0x100)) -> int:
        value = self.take(1)[0]
        if value not in values:
            raise _Refused(Status.PARAMETER)
        return value

    @property
    def left(self) -> int:
        return len(self._data)

    def end(self) -> None:
        if self._data:
            raise _Refused(Status.LENGTH)


class Reader18:
    """The reader. ``variant``: "uhfreader18" or "uhfreader288". ``coarse`` changes nothing: tag errors have numbers.

    ``flash_writes`` counts commands whose values outlive the power.
    """

    def __init__(
        self,
        air: Air,
        commands: HostCommands | None = None,
        *,
        coarse: bool = False,
        variant: str = "uhfreader18",
        address: int = 0x00,
    ) -> None:
        """Raises KeyError for an unknown ``variant``."""
        self.simulated_us = 0
        self.baud = self._next_baud = 57_600
        self.address = address
        self.flash_writes = 0
        self.power_dbm = 20
        self._variant = _VARIANTS[variant]
        self._air = air
        self._commands = commands
        self._partial = bytearray()
        self._region = bytes((0x40 | 14, 0x00))  # EU, channels 0 to 14
        self._scan_time = 10
        self._work_mode = bytes(6)
        self._table: dict[int, Callable[[_Data], list[tuple[Status, bytes]]]] = {
            0x01: self._inventory, 0x02: self._read, 0x03: partial(self._write, False), 0x04: self._write_epc,
            0x05: self._kill, 0x06: self._lock, 0x0F: self._single_inventory, 0x10: partial(self._write, True),
            0x21: self._information, 0x22: self._set_region, 0x24: self._set_address, 0x25: self._set_scan_time,
            0x28: self._set_baud, 0x2F: self._set_power, 0x33: self._blink,
            self._variant.work_mode: self._set_work_mode,
        }  # fmt: skip
        if not self._variant.tells_more:
            self._table[0x36] = self._get_work_mode

    def feed(self, data: bytes) -> list[bytes]:
        """Whatever bytes came from the host; the answers to the commands that they complete, in order."""
        self._partial += data
        answers: list[bytes] = []
        while self._partial and len(self._partial) > self._partial[0]:
            frame = bytes(self._partial[: self._partial[0] + 1])
            del self._partial[: len(frame)]
            if len(frame) <= _SHORTEST or frame[1] not in (self.address, _EVERYONE):
                continue
            execute = partial(self._execute, frame)
            answers += execute() if self._commands is None else self._commands.run(execute)
        return answers

    def reset(self) -> None:
        """The host closed the port: a half frame is forgotten. An ordered speed (28) takes hold only now."""
        self._partial.clear()
        self.baud = self._next_baud

    def _execute(self, frame: bytes) -> list[bytes]:
        own, command = self.address, frame[2]  # 24 is answered with the old address
        before = self.simulated_us
        if crc(frame[:-2]) != frame[-2:] or command not in self._table:
            command, told = _UNKNOWN, [(Status.ILLEGAL, b"")]
        else:
            try:
                told = self._table[command](_Data(frame[3:-2]))
            except _Refused as refused:
                told = [(refused.status, refused.data)]
        if self.simulated_us == before:
            self.simulated_us += _REGISTER_US
        frames = [bytes((len(data) + 5, own, command, status)) + data for status, data in told]
        return [part + crc(part) for part in frames]

    # Settings

    def _information(self, _data: _Data) -> list[tuple[Status, bytes]]:
        """``version2 type protocols highest lowest power scan-time``; protocols bit 1: 18000-6C."""
        told = bytes((3, 7, self._variant.kind, 0b10)) + self._region + bytes((self.power_dbm, self._scan_time))
        return [(Status.OK, told)]

    def _set_region(self, data: _Data) -> list[tuple[Status, bytes]]:
        region = data.take(2)
        if region[0] & 0x3F < region[1] & 0x3F:
            raise _Refused(Status.PARAMETER)
        self._region = region
        return self._stored(data)

    def _set_address(self, data: _Data) -> list[tuple[Status, bytes]]:
        self.address = data.byte(range(0xFF))
        return self._stored(data)

    def _set_scan_time(self, data: _Data) -> list[tuple[Status, bytes]]:
        self._scan_time = data.byte(range(3, 0x100))
        return self._stored(data)

    def _set_baud(self, data: _Data) -> list[tuple[Status, bytes]]:
        self._next_baud = _BAUDS[data.byte(_BAUDS)]
        return self._stored(data)

    def _set_power(self, data: _Data) -> list[tuple[Status, bytes]]:
        self.power_dbm = data.byte(range(31))
        return self._stored(data)

    def _set_work_mode(self, data: _Data) -> list[tuple[Status, bytes]]:
        """35: six bytes of the 18; 76: one of the 288."""
        self._work_mode = data.take(1 if self._variant.tells_more else 6)
        return self._stored(data)

    def _get_work_mode(self, data: _Data) -> list[tuple[Status, bytes]]:
        data.end()
        return [(Status.OK, bytes(6) + self._work_mode)]

    def _blink(self, data: _Data) -> list[tuple[Status, bytes]]:
        data.take(3)
        data.end()
        return [(Status.OK, b"")]

    def _stored(self, data: _Data) -> list[tuple[Status, bytes]]:
        data.end()
        self.flash_writes += 1
        return [(Status.OK, b"")]

    # Rounds

    def _inventory(self, data: _Data) -> list[tuple[Status, bytes]]:
        """01: of the 18 nothing, or word and number of words of the TID to tell in place of the EPC; of the 288 Q,
        session, mask, and mostly target, antenna and time behind them."""
        selection, tid = None, None
        if self._variant.tells_more:
            data.take(1)
            data.byte((0, 1, 2, 3, 0xFF))
            bank, pointer, bits = data.byte(range(1, 4)), int.from_bytes(data.take(2), "big"), data.byte()
            mask = data.take((bits + 7) // 8)
            selection = Selection(bank, pointer, bits, mask) if bits else None
            if data.left in (2, 5):
                tid = data.byte(), data.byte(range(1, 16))
            if data.left:
                data.byte((0, 1))
                if data.byte(range(0x80, 0x84)) != 0x80:
                    return [(Status.INVENTORY_DONE, b"\x01\x00")]
                data.byte()
        elif data.left:
            tid = data.byte(), data.byte(range(1, 16))
        data.end()
        self.simulated_us += _ROUND_US
        records = [record for reply in self._air.round(selection) if (record := self._record(reply, tid)) is not None]
        return self._frames(records)

    def _single_inventory(self, data: _Data) -> list[tuple[Status, bytes]]:
        """0F: one tag, the one that is heard best."""
        data.end()
        self.simulated_us += _ROUND_US
        replies = self._air.round()
        if not replies:
            raise _Refused(Status.NO_TAG)
        record = self._record(replies[0], None) or b""
        return [(Status.INVENTORY_DONE, (b"\x01" if self._variant.tells_more else b"") + b"\x01" + record)]

    def _record(self, reply: Reply, tid: tuple[int, int] | None) -> bytes | None:
        """``length EPC``, and of the 288 the RSSI; None where the TID that was asked for could not be read."""
        told = reply.epc
        if tid is not None:
            try:
                told = self._air.open_reply(reply).read(_TID_BANK, *tid)
            except (Silence, TagRefusal, AccessRefused):
                return None
        rssi = bytes((min(max(reply.rssi_dbm + _RSSI_OFFSET, 0), 0xFF),)) if self._variant.tells_more else b""
        return bytes((len(told),)) + told + rssi

    def _frames(self, records: list[bytes]) -> list[tuple[Status, bytes]]:
        """What was heard in as many frames as it takes. The 288 ends with an empty one, the 18 with its last tags."""
        head = b"\x01" if self._variant.tells_more else b""
        parts: list[list[bytes]] = [[]]
        for record in records:
            if len(head) + 1 + sum(map(len, parts[-1])) + len(record) > _MOST_DATA:
                parts.append([])
            parts[-1].append(record)
        if self._variant.tells_more:
            parts = [*filter(None, parts), []]
        elif not records:
            return [(Status.NO_TAG, b"")]
        told = [(Status.MORE_FRAMES, head + bytes((len(part),)) + b"".join(part)) for part in parts]
        return [*told[:-1], (Status.INVENTORY_DONE, told[-1][1])]

    # Tags

    def _read(self, data: _Data) -> list[tuple[Status, bytes]]:
        """02."""
        epc, bank, word, count = _epc(data), data.byte(range(4)), data.byte(), data.byte(range(1, _MOST_READ))
        password, selection = self._password_and_mask(data, epc)
        microseconds = _READ_US + count * _READ_WORD_US
        return [(Status.OK, self._deed(selection, password, microseconds, lambda tag: tag.read(bank, word, count)))]

    def _write(self, block: bool, data: _Data) -> list[tuple[Status, bytes]]:
        """03, and with BlockWrite 10."""
        count = data.byte(range(1, 0x100))
        epc, bank, word, words = _epc(data), data.byte(range(4)), data.byte(), data.take(2 * count)
        password, selection = self._password_and_mask(data, epc)
        microseconds = _WRITE_US + count * (_BLOCK_WRITE_WORD_US if block else _WRITE_WORD_US)

        def act(tag: OpenTag) -> None:
            (tag.block_write if block else tag.write)(bank, word, words)

        self._deed(selection, password, microseconds, act)
        return [(Status.OK, b"")]

    def _write_epc(self, data: _Data) -> list[tuple[Status, bytes]]:
        """04: whichever tag answers gets the EPC, and the length in StoredPC that goes with it."""
        words = data.byte(range(1, _MOST_EPC_WORDS + 1))
        password = int.from_bytes(data.take(4), "big")
        epc = data.take(2 * words)
        data.end()

        def act(tag: OpenTag) -> None:
            old = int.from_bytes(tag.read(_EPC_BANK, _PC_WORD, 1), "big")
            tag.write(_EPC_BANK, _PC_WORD, (words << 11 | old & 0x07FF).to_bytes(2, "big") + epc)

        self._deed(None, password, _WRITE_US + (1 + words) * _WRITE_WORD_US, act)
        return [(Status.OK, b"")]

    def _kill(self, data: _Data) -> list[tuple[Status, bytes]]:
        """05."""
        epc = _epc(data)
        password, selection = self._password_and_mask(data, epc)
        if not password:
            raise _Refused(Status.ZERO_KILL_PASSWORD)
        try:
            self._deed(selection, 0, _LOCK_US, lambda tag: tag.kill(password))
        except _Refused as refused:
            raise _Refused(Status.NO_TAG if refused.status is Status.NO_TAG else Status.KILL_FAILED) from None
        return [(Status.OK, b"")]

    def _lock(self, data: _Data) -> list[tuple[Status, bytes]]:
        """06."""
        epc = _epc(data)
        area, kind = data.byte(range(len(_LOCK_AREAS))), data.byte(range(len(_LOCK_ACTIONS)))
        password, selection = self._password_and_mask(data, epc)
        mask, action = (bits << _LOCK_AREAS[area] for bits in _LOCK_ACTIONS[kind])
        self._deed(selection, password, _LOCK_US, lambda tag: tag.lock(mask, action))
        return [(Status.OK, b"")]

    def _password_and_mask(self, data: _Data, epc: bytes) -> tuple[int, Selection]:
        """The four bytes behind a command, and the tag that its EPC, or the masked bytes of it, are of."""
        password = int.from_bytes(data.take(4), "big")
        if not data.left:
            return password, _of_epc(epc) if epc else _ANY_TAG
        at, length = data.byte(), data.byte()
        data.end()
        if at + length > len(epc):
            raise _Refused(Status.PARAMETER)
        return password, Selection(_EPC_BANK, _EPC_AT + 8 * at, 8 * length, epc[at : at + length])

    def _deed(self, selection: Selection | None, password: int, microseconds: int, act: Callable[[OpenTag], _T]) -> _T:
        self.simulated_us += _FAILED_US
        try:
            tag = self._air.open(selection, password)
        except Silence:
            raise _Refused(Status.NO_TAG) from None
        except AccessRefused:
            raise _Refused(Status.PASSWORD) from None
        try:
            result = act(tag)
        except TagRefusal as refusal:
            raise _Refused(Status.TAG_ERROR, bytes((refusal.code,))) from None
        except Silence:
            raise _Refused(Status.POOR_COMMUNICATION) from None
        self.simulated_us += microseconds - _FAILED_US
        return result


def _epc(data: _Data) -> bytes:
    return data.take(2 * data.byte(range(_MOST_EPC_WORDS + 1)))


def _of_epc(epc: bytes) -> Selection:
    return Selection(_EPC_BANK, _EPC_AT, 8 * len(epc), epc)
