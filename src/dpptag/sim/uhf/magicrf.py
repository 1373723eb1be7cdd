"""The M100/QM100 and the R200 (MagicRF): frames of a header, a length and an end byte, and a Select that is kept.

Commands, codes and answers: "Unit-RFID-UHF-Protocol-EN" (M100/QM100, JRD-4035). The R200 speaks the same commands with
AAh and DDh as header and end; that its answer to 12h carries 12h, where the M100's printed one carries 0Ch, and the
texts by which both but the M100's hardware name themselves, are assumed. Not simulated: truncated replies, and the
custom commands E0h to E5h, which every tag here refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from dpptag.sim.uhf.air import AccessRefused, Air, OpenTag, Reply, Selection, Silence, TagRefusal
from dpptag.sim.uhf.faults import HostCommands
from dpptag.sim.uhf.magicrf_codes import (
    DIALECTS,
    FAILURE_US,
    LOCK_US,
    READ_US,
    READ_WORD_US,
    ROUND_US,
    SETTLE_US,
    WRITE_US,
    WRITE_WORD_US,
    Command,
    Failure,
    Mode,
)

MOST_WRITE_WORDS: Final = 32
_MOST_READ_WORDS: Final = 255
_MOST_ROUNDS: Final = 64
"""Of a longer series (27h) the first rounds are run: the emulator has no time of its own in which it could go on."""
_MOST_PARAMETERS: Final = 256
_MOST_CDBM: Final = 3000
_REGIONS: Final = frozenset({0x01, 0x02, 0x03, 0x04, 0x06})
_OK: Final = b"\x00"


_SOFTWARE: Final = b"V2.3.5"
_MAKER: Final = b"MagicRF"


class _Refused(Exception):  # noqa: N818  no error of ours: what the module answers
    def __init__(self, code: int, about: bytes = b"") -> None:
        super().__init__(code)
        self.answer = bytes((code,)) + about


class Magicrf:
    """One module. ``simulated_us``: modelled time of its commands, the wire not counted."""

    def __init__(self, air: Air, commands: HostCommands, *, coarse: bool = False, dialect: str = "m100") -> None:
        self._air = air
        self._commands = commands
        self._coarse = coarse
        self._dialect = DIALECTS[dialect]
        self._buffer = bytearray()
        self.simulated_us = 0
        self.baud = 115_200
        self.region = 0x01
        self.power_cdbm = 2_600
        self.mode = Mode.NEVER
        self._channel = 0
        self._query = bytes.fromhex("1020")
        self._demodulator = bytes.fromhex("030601B0")
        self._select = b""
        self._asleep = False
        self._simple: dict[int, Callable[[bytes], bytes]] = {
            Command.INFO: self._info,
            Command.IDLE: self._acknowledge(3),
            Command.SET_REGION: self._set_region,
            Command.GET_REGION: lambda _: bytes((self.region,)),
            Command.GET_SELECT: lambda _: self._select or bytes(7),
            Command.SELECT: self._keep_select,
            Command.GET_QUERY: lambda _: self._query,
            Command.SET_QUERY: self._set_query,
            Command.SELECT_MODE: self._set_mode,
            Command.SLEEP: self._sleep,
            Command.AUTO_SLEEP: self._acknowledge(1),
            Command.STOP: self._acknowledge(0),
            Command.READ: self._read,
            Command.WRITE: self._write,
            Command.KILL: self._kill,
            Command.LOCK: self._lock,
            Command.HOP_LIST: self._hop_list,
            Command.GET_CHANNEL: lambda _: bytes((self._channel,)),
            Command.SET_CHANNEL: self._set_channel,
            Command.HOPPING: self._acknowledge(1),
            Command.CARRIER: self._carrier,
            Command.SET_POWER: self._set_power,
            Command.GET_POWER: lambda _: self.power_cdbm.to_bytes(2, "big"),
            Command.SET_DEMODULATOR: self._set_demodulator,
            Command.GET_DEMODULATOR: lambda _: self._demodulator,
            Command.NXP_CONFIG: _never(Failure.NXP_CONFIG),
            Command.NXP_READ_PROTECT: _never(Failure.NXP_READ_PROTECT),
            Command.NXP_EAS: _never(Failure.NXP_EAS),
            Command.MONZA_QT: _never(Failure.MONZA_QT),
        }

    # Frames

    def feed(self, data: bytes) -> list[bytes]:
        """Bytes from the host; the answers, in order. A frame is as long as it says; its end byte may occur inside."""
        if self._asleep and data:
            self._asleep, data = False, data[1:]  # the first byte wakes it and is lost
        self._buffer += data
        answers: list[bytes] = []
        while (frame := self._next_frame()) is not None:
            answers += self._commands.run(partial(self._execute, frame[2], frame[5:-2]), checksum_at=-2)
        return answers

    def reset(self) -> None:
        """The client closed the port: half a frame is void. Select, mode, region and speed stay."""
        self._buffer.clear()

    def _next_frame(self) -> bytes | None:
        buffer = self._buffer
        while buffer:
            if buffer[0] != self._dialect.header:
                del buffer[0]
                continue
            if len(buffer) < 5:
                return None
            length = int.from_bytes(buffer[3:5], "big")
            whole = length + 7
            if length > _MOST_PARAMETERS or buffer[1] != 0:
                del buffer[0]
                continue
            if len(buffer) < whole:
                return None
            frame = bytes(buffer[:whole])
            if frame[-1] == self._dialect.end and frame[-2] == sum(frame[1:-2]) & 0xFF:
                del buffer[:whole]
                return frame
            del buffer[0]
        return None

    def _frame(self, kind: int, command: int, parameters: bytes) -> bytes:
        body = bytes((kind, command)) + len(parameters).to_bytes(2, "big") + parameters
        return bytes((self._dialect.header,)) + body + bytes((sum(body) & 0xFF, self._dialect.end))

    def _execute(self, command: int, parameters: bytes) -> list[bytes]:
        try:
            if command == Command.SET_BAUD:
                return self._set_baud(parameters)
            if command == Command.INVENTORY:
                return self._round()
            if command == Command.INVENTORIES:
                return self._rounds(parameters)
            if command == Command.PERMALOCK:
                return [self._frame(1, *self._permalock(parameters))]
            if command not in self._simple:
                raise _Refused(Failure.MALFORMED)
            answer = self._simple[command](parameters)
        except _Refused as refused:
            return [self._frame(1, Command.ERROR, refused.answer)]
        return [self._frame(1, self._dialect.mode_answer if command == Command.SELECT_MODE else command, answer)]

    # Settings

    def _acknowledge(self, length: int) -> Callable[[bytes], bytes]:
        def answer(parameters: bytes) -> bytes:
            _need(len(parameters) == length)
            return _OK

        return answer

    def _info(self, parameters: bytes) -> bytes:
        texts = {b"\x00": self._dialect.hardware, b"\x01": _SOFTWARE, b"\x02": _MAKER}
        _need(parameters in texts)
        return parameters + texts[parameters]

    def _set_region(self, parameters: bytes) -> bytes:
        _need(len(parameters) == 1 and parameters[0] in _REGIONS)
        self.region, self._channel = parameters[0], 0
        return _OK

    def _set_channel(self, parameters: bytes) -> bytes:
        _need(len(parameters) == 1)
        self._channel = parameters[0]
        return _OK

    def _hop_list(self, parameters: bytes) -> bytes:
        _need(len(parameters) > 1 and parameters[0] == len(parameters) - 1)
        return _OK

    def _set_power(self, parameters: bytes) -> bytes:
        cdbm = int.from_bytes(parameters, "big")
        _need(len(parameters) == 2 and cdbm <= _MOST_CDBM)
        self.power_cdbm = cdbm
        return _OK

    def _carrier(self, parameters: bytes) -> bytes:
        _need(parameters in (b"\x00", b"\xff"))
        self._air.power(parameters == b"\xff")
        return _OK

    def _set_query(self, parameters: bytes) -> bytes:
        _need(len(parameters) == 2)
        self._query = parameters
        return _OK

    def _set_demodulator(self, parameters: bytes) -> bytes:
        _need(len(parameters) == 4)
        self._demodulator = parameters
        return _OK

    def _set_baud(self, parameters: bytes) -> list[bytes]:
        """Not answered, at neither speed."""
        _need(len(parameters) == 2 and any(parameters))
        self.baud = 100 * int.from_bytes(parameters, "big")
        return []

    def _sleep(self, parameters: bytes) -> bytes:
        _need(not parameters)
        self._asleep = True
        self._select, self.mode = b"", Mode.NEVER
        return _OK

    # Select

    def _keep_select(self, parameters: bytes) -> bytes:
        _need(len(parameters) >= 7 and parameters[6] == 0)
        _need(len(parameters) - 7 == -(-parameters[5] // 8))
        self._select, self.mode = parameters, Mode.BEFORE_ACCESS
        self.simulated_us += SETTLE_US
        return _OK

    def _set_mode(self, parameters: bytes) -> bytes:
        _need(len(parameters) == 1 and parameters[0] <= Mode.BEFORE_ACCESS)
        self.mode = Mode(parameters[0])
        return _OK

    def _selection(self, *modes: Mode) -> Selection | None:
        """Of the kept Select target and action: actions 4 to 7 choose those that do not match (Gen2 6.3.2.12.1.1)."""
        if not self._select or self.mode not in modes:
            return None
        first, pointer, bits = self._select[0], int.from_bytes(self._select[1:5], "big"), self._select[5]
        return Selection(first & 0x03, pointer, bits, self._select[7:], inverted=bool(first & 0x10))

    # Rounds

    def _round(self) -> list[bytes]:
        self.simulated_us += ROUND_US
        replies = self._air.round(self._selection(Mode.ALWAYS))
        if not replies:
            return [self._frame(1, Command.ERROR, bytes((Failure.NO_TAG,)))]
        return [self._frame(2, Command.INVENTORY, _notification(reply)) for reply in replies]

    def _rounds(self, parameters: bytes) -> list[bytes]:
        _need(len(parameters) == 3 and parameters[0] == Command.INVENTORY)
        count = min(int.from_bytes(parameters[1:], "big"), _MOST_ROUNDS)
        return [frame for _ in range(count) for frame in self._round()]

    # Access

    def _access(
        self, password: bytes, microseconds: int, silent: Failure, refused: Failure, act: Callable[[OpenTag], bytes]
    ) -> bytes:
        """``UL PC EPC`` of the tag and what ``act`` gives; else the failure's answer."""
        try:
            tag = self._air.open(self._selection(Mode.ALWAYS, Mode.BEFORE_ACCESS), int.from_bytes(password, "big"))
        except Silence:
            raise self._failed(silent) from None
        except AccessRefused:
            raise self._failed(Failure.PASSWORD) from None
        who = _who(tag.reply)
        try:
            answer = act(tag)
        except Silence:
            raise self._failed(silent) from None
        except TagRefusal as refusal:
            if self._coarse and refused is not Failure.TAG_READ:
                raise self._failed(silent) from None
            raise self._failed(refused | refusal.code, who) from None
        self.simulated_us += microseconds
        return who + answer

    def _failed(self, code: int, about: bytes = b"") -> _Refused:
        self.simulated_us += FAILURE_US
        return _Refused(code, about)

    def _read(self, parameters: bytes) -> bytes:
        _need(len(parameters) == 9)
        bank, word, count = parameters[4], *_words(parameters[5:9])
        _need(bank < 4 and 0 < count <= _MOST_READ_WORDS)
        time = READ_US + READ_WORD_US * count
        return self._access(
            parameters[:4], time, Failure.READ, Failure.TAG_READ, lambda tag: tag.read(bank, word, count)
        )

    def _write(self, parameters: bytes) -> bytes:
        _need(len(parameters) >= 11)
        bank, word, count = parameters[4], *_words(parameters[5:9])
        data = parameters[9:]
        _need(bank < 4 and len(data) == 2 * count and 0 < count <= MOST_WRITE_WORDS)

        def act(tag: OpenTag) -> bytes:
            tag.write(bank, word, data)
            return _OK

        return self._access(parameters[:4], WRITE_US + WRITE_WORD_US * count, Failure.WRITE, Failure.TAG_WRITE, act)

    def _lock(self, parameters: bytes) -> bytes:
        _need(len(parameters) == 7 and parameters[4] < 0x10)
        payload = int.from_bytes(parameters[4:], "big")

        def act(tag: OpenTag) -> bytes:
            tag.lock(payload >> 10, payload & 0x3FF)
            return _OK

        return self._access(parameters[:4], LOCK_US, Failure.LOCK, Failure.TAG_LOCK, act)

    def _kill(self, parameters: bytes) -> bytes:
        _need(len(parameters) == 4)

        def act(tag: OpenTag) -> bytes:
            tag.kill(int.from_bytes(parameters, "big"))
            return _OK

        return self._access(bytes(4), LOCK_US, Failure.KILL, Failure.TAG_KILL, act)

    def _permalock(self, parameters: bytes) -> tuple[Command, bytes]:
        """``AP4 R/L bank BlockPtr2 range`` and, to lock, a mask for each unit of 16 blocks."""
        _need(len(parameters) >= 9 and parameters[4] <= 1)
        locks, bank, pointer, units = parameters[4], parameters[5], _words(parameters[6:8])[0], parameters[8]
        masks = _words(parameters[9:])
        _need(units > 0 and len(parameters) == 9 + (2 * units if locks else 0))

        def lock(tag: OpenTag) -> bytes:
            for unit, mask in enumerate(masks, pointer):
                tag.block_permalock(bank, unit, mask)
            return _OK

        def state(tag: OpenTag) -> bytes:
            return bytes((units,)) + tag.block_permalock_state(bank, pointer, units).to_bytes(2 * units, "big")

        answer = self._access(
            parameters[:4], LOCK_US, Failure.PERMALOCK, Failure.TAG_PERMALOCK, lock if locks else state
        )
        return Command.PERMALOCK_DONE if locks else Command.PERMALOCK, answer


def _need(condition: bool) -> None:
    if not condition:
        raise _Refused(Failure.MALFORMED)


def _never(failure: Failure) -> Callable[[bytes], bytes]:
    def answer(_parameters: bytes) -> bytes:
        raise _Refused(failure)

    return answer


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]


def _notification(reply: Reply) -> bytes:
    rssi = reply.rssi_dbm & 0xFF
    return bytes((rssi,)) + reply.pc.to_bytes(2, "big") + reply.epc + reply.crc.to_bytes(2, "big")


def _who(reply: Reply) -> bytes:
    """UL, PC, EPC; UL counts PC and EPC."""
    return bytes((2 + len(reply.epc),)) + reply.pc.to_bytes(2, "big") + reply.epc
