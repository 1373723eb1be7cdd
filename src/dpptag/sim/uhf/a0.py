"""A reader board with the A0 protocol (R2000 and E710 boards, "UHF RFID Reader Serial Interface Protocol V3.7").

Frame ``A0 LEN ADDR CMD DATA CHK``; LEN counts what follows it, CHK makes all bytes add up to 0. Times were published
for no board of this family: those measured on an M100 stand in for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from dpptag.sim.uhf.a0_codes import ROUND_US, Code, Refused, exactly, of_tag, one_of, rate, rssi, success
from dpptag.sim.uhf.air import AccessRefused, Air, OpenTag, Reply, Selection, Silence, TagRefusal
from dpptag.sim.uhf.faults import HostCommands

_T = TypeVar("_T")
_START: Final = 0xA0
_LEAST, _MOST = 3, 0xFF
_EVERYONE: Final = 0xFF
_EPC_BANK: Final = 1
_EPC_AT: Final = 0x20
_TEMPERATURE_C: Final = 32
_RETURN_LOSS_DB: Final = 18
_IDENTIFIER: Final = b"SIMULATED-A0"
_OPEN_REGION: Final = 4
_REGION_CHANNELS: Final = {1: range(7, 60), 2: range(7), 3: range(43, 54)}
"""FCC, ETSI and China in the channel table: 0-6 are 865.0 MHz and 0.5 MHz on, 7-59 are 902.0 MHz and 0.5 MHz on."""
_LOCK_AREAS: Final = {1: 0, 2: 2, 3: 4, 4: 6, 5: 8}
"""USER, TID, EPC, access and kill password: the place of their two bits in Lock's payload."""
_LOCK_ACTIONS: Final = {0: (0b10, 0b00), 1: (0b10, 0b10), 2: (0b11, 0b01), 3: (0b11, 0b11)}
"""Open, lock, open for ever, lock for ever: mask and action. That 0 and 1 leave the permalock bit alone is assumed."""

_REGISTER_US = 2_000
_READ_US, _READ_WORD_US = 35_000, 1_200
_WRITE_US, _WRITE_WORD_US = 37_000, 10_000
_BLOCK_WRITE_WORD_US: Final = 5_000
_LOCK_US = 60_000
_FAILED_US: Final = 100_000


@dataclass(slots=True)
class _Buffered:
    """A tag of the buffer mode. ``count``: how often it was heard."""

    reply: Reply
    count: int


def _check(frame: bytes) -> int:
    return -sum(frame) & 0xFF


class A0:
    """The board. ``flash_writes`` counts commands that wear its flash: a station sends none of them for each tag.

    ``address``: its own; FFh in a request is for every board. ``coarse`` changes nothing: a refused write is
    always 33h.
    """

    def __init__(
        self, air: Air, commands: HostCommands | None = None, *, coarse: bool = True, address: int = 0x01
    ) -> None:
        self.simulated_us = 0
        self.baud = self._next_baud = 115_200
        self.address = address
        self.flash_writes = 0
        self.powers = [20, 20, 20, 20]
        self.antenna = 0
        self._air = air
        self._commands = commands
        self._partial = bytearray()
        self._match: bytes | None = None
        self._buffer: list[_Buffered] = []
        self._beeper = self._detector = 0
        self._region = bytes((2, 0, 6))
        self._link_profile = 0xD1
        self._identifier = _IDENTIFIER
        self._table: dict[int, Callable[[bytes], list[bytes]]] = {
            0x62: self._set_detector, 0x63: lambda _: [bytes((self._detector,))], 0x66: self._set_temporary_power,
            0x67: self._set_identifier, 0x68: lambda _: [self._identifier], 0x69: self._set_link_profile,
            0x6A: lambda _: [bytes((self._link_profile,))], 0x70: self._restart, 0x71: self._set_baud,
            0x72: lambda _: [b"\x03\x07"], 0x73: self._set_address, 0x74: self._set_antenna,
            0x75: lambda _: [bytes((self.antenna,))], 0x76: self._set_power, 0x77: self._get_power,
            0x78: self._set_region, 0x79: lambda _: [self._region], 0x7A: self._set_beeper,
            0x7B: lambda _: [bytes((1, _TEMPERATURE_C))], 0x7E: self._return_loss,
            0x80: self._buffer_inventory, 0x81: self._read, 0x82: partial(self._write, False), 0x83: self._lock,
            0x84: self._kill, 0x85: self._set_match, 0x86: self._get_match, 0x89: self._inventory,
            0x8A: self._switched_inventory, 0x8B: self._session_inventory, 0x90: partial(self._get_buffer, False),
            0x91: partial(self._get_buffer, True), 0x92: lambda _: [len(self._buffer).to_bytes(2, "big")],
            0x93: self._clear_buffer, 0x94: partial(self._write, True),
        }  # fmt: skip

    def feed(self, data: bytes) -> list[bytes]:
        """Whatever bytes came from the host; the answers to the commands that they complete, in order."""
        self._partial += data
        answers: list[bytes] = []
        while (frame := self._next()) is not None:
            if frame[2] not in (self.address, _EVERYONE):
                continue
            execute = partial(self._execute, frame[3], frame[4:-1])
            answers += execute() if self._commands is None else self._commands.run(execute)
        return answers

    def reset(self) -> None:
        """The host closed the port: a half frame is forgotten. An ordered speed (71) takes hold only now."""
        self._partial.clear()
        self.baud = self._next_baud

    def _next(self) -> bytes | None:
        """The next whole frame with a right check; a wrong one is no frame, and the search goes on behind its start."""
        while (start := self._partial.find(_START)) >= 0:
            del self._partial[:start]
            if len(self._partial) < 2:
                return None
            size = self._partial[1] + 2
            if self._partial[1] >= _LEAST:
                if len(self._partial) < size:
                    return None
                frame = bytes(self._partial[:size])
                if _check(frame) == 0:
                    del self._partial[:size]
                    return frame
            del self._partial[:1]
        self._partial.clear()
        return None

    def _execute(self, command: int, data: bytes) -> list[bytes]:
        own = self.address  # 73 is answered with the old one
        before = self.simulated_us
        try:
            if command not in self._table:
                raise Refused(Code.PARAMETER)
            told = self._table[command](data)
        except Refused as refused:
            told = [bytes((refused.code,))]
        if self.simulated_us == before:
            self.simulated_us += _REGISTER_US
        frames = [bytes((_START, len(part) + 3, own, command)) + part for part in told]
        return [frame + bytes((_check(frame),)) for frame in frames]

    # Settings

    def _restart(self, _data: bytes) -> list[bytes]:
        """The board starts anew and says nothing."""
        self._match = None
        self._buffer.clear()
        return []

    def _set_baud(self, data: bytes) -> list[bytes]:
        self._next_baud = {3: 38_400, 4: 115_200}[one_of(data, (3, 4), Code.BAUD)]
        return self._stored()

    def _set_address(self, data: bytes) -> list[bytes]:
        self.address = one_of(data, range(0xFF), Code.ADDRESS)
        return self._stored()

    def _set_identifier(self, data: bytes) -> list[bytes]:
        self._identifier = exactly(data, 12)
        return self._stored()

    def _set_antenna(self, data: bytes) -> list[bytes]:
        self.antenna = one_of(data, range(4), Code.ANTENNA)
        return [success()]

    def _set_power(self, data: bytes) -> list[bytes]:
        """76: one power or four, whole dBm; kept in flash."""
        if len(data) not in (1, 4) or max(data) > 33:
            raise Refused(Code.POWER)
        self.powers = list(data) if len(data) == 4 else [data[0]] * 4
        return self._stored()

    def _set_temporary_power(self, data: bytes) -> list[bytes]:
        """66: until power-off; 20 to 33 dBm (the lower bound from memory)."""
        self.powers = [one_of(data, range(20, 34), Code.POWER)] * 4
        return [success()]

    def _get_power(self, _data: bytes) -> list[bytes]:
        return [bytes(self.powers[:1] if len(set(self.powers)) == 1 else self.powers)]

    def _set_region(self, data: bytes) -> list[bytes]:
        if data[:1] == bytes((_OPEN_REGION,)):
            if len(data) != 6 or not data[1] or not data[2]:
                raise Refused(Code.FREQUENCY)
        elif len(data) != 3 or data[0] not in _REGION_CHANNELS:
            raise Refused(Code.REGION)
        elif not (data[1] in _REGION_CHANNELS[data[0]] and data[2] in _REGION_CHANNELS[data[0]] and data[1] <= data[2]):
            raise Refused(Code.FREQUENCY)
        self._region = data
        return self._stored()

    def _set_beeper(self, data: bytes) -> list[bytes]:
        self._beeper = one_of(data, range(3), Code.BEEPER)
        return self._stored()

    def _set_detector(self, data: bytes) -> list[bytes]:
        self._detector = exactly(data, 1)[0]
        return self._stored()

    def _set_link_profile(self, data: bytes) -> list[bytes]:
        self._link_profile = one_of(data, range(0xD0, 0xD4), Code.PARAMETER)
        return self._stored()

    def _return_loss(self, data: bytes) -> list[bytes]:
        one_of(data, range(60), Code.FREQUENCY)
        return [bytes((_RETURN_LOSS_DB,))]

    def _stored(self) -> list[bytes]:
        self.flash_writes += 1
        return [success()]

    # Rounds

    def _inventory(self, data: bytes) -> list[bytes]:
        """89: a frame for every reply, then one that ends the rounds. Repeat FFh: one fast round."""
        repeat = exactly(data, 1)[0]
        return self._rounds(1 if repeat == 0xFF else repeat)

    def _session_inventory(self, data: bytes) -> list[bytes]:
        """8B: session, target, repeat."""
        if len(data) != 3 or data[0] > 3 or data[1] > 1:
            raise Refused(Code.PARAMETER)
        return self._inventory(data[2:])

    def _switched_inventory(self, data: bytes) -> list[bytes]:
        """8A: four antennas with their rounds each, pause, repeat; only antenna 0 has tags before it."""
        if len(data) != 10:
            raise Refused(Code.PARAMETER)
        rounds = sum(data[at + 1] for at in range(0, 8, 2) if data[at] == 0) * data[9]
        before = self.simulated_us
        frames = [self._heard(reply) for _ in range(rounds) for reply in self._round()]
        took_ms = (self.simulated_us - before) // 1000
        return [*frames, len(frames).to_bytes(3, "big") + took_ms.to_bytes(4, "big")]

    def _rounds(self, count: int) -> list[bytes]:
        frames = [self._heard(reply) for _ in range(count) for reply in self._round()]
        return [*frames, bytes((self.antenna,)) + rate(len(frames), count) + len(frames).to_bytes(4, "big")]

    def _buffer_inventory(self, data: bytes) -> list[bytes]:
        """80: what was heard stays in the buffer until 91 or 93."""
        repeat = exactly(data, 1)[0]
        count = 1 if repeat == 0xFF else repeat
        replies = [reply for _ in range(count) for reply in self._round()]
        for reply in replies:
            known = next((tag for tag in self._buffer if tag.reply.epc == reply.epc), None)
            if known is None:
                self._buffer.append(_Buffered(reply, 1))
            else:
                known.count = min(0xFF, known.count + 1)
        total = len(replies)
        head = bytes((self.antenna,)) + len(self._buffer).to_bytes(2, "big")
        return [head + rate(total, count) + total.to_bytes(4, "big")]

    def _get_buffer(self, clear: bool, _data: bytes) -> list[bytes]:
        """90, 91."""
        if not self._buffer:
            raise Refused(Code.BUFFER_EMPTY)
        count = len(self._buffer).to_bytes(2, "big")
        frames = []
        for tag in self._buffer:
            body = of_tag(tag.reply)
            end = bytes((rssi(tag.reply), self._freq_ant(tag.reply), tag.count))
            frames.append(count + bytes((len(body),)) + body + end)
        if clear:
            self._buffer.clear()
        return frames

    def _clear_buffer(self, _data: bytes) -> list[bytes]:
        self._buffer.clear()
        return [success()]

    def _round(self) -> list[Reply]:
        self.simulated_us += ROUND_US
        if self.antenna:
            raise Refused(Code.ANTENNA_MISSING)
        return self._air.round()

    def _heard(self, reply: Reply) -> bytes:
        return bytes((self._freq_ant(reply),)) + reply.pc.to_bytes(2, "big") + reply.epc + bytes((rssi(reply),))

    def _freq_ant(self, reply: Reply) -> int:
        """Channel in the high six bits, antenna from 0 in the low two."""
        if self._region[0] == _OPEN_REGION:
            start = int.from_bytes(self._region[3:], "big")
            channel = min(max(round((reply.frequency_khz - start) / (10 * self._region[1])), 0), self._region[2] - 1)
        elif reply.frequency_khz < 900_000:
            channel = min(max(round((reply.frequency_khz - 865_000) / 500), 0), 6)
        else:
            channel = 7 + min(max(round((reply.frequency_khz - 902_000) / 500), 0), 52)
        return (channel & 0x3F) << 2 | (reply.antenna - 1) & 0x03

    # Tags

    def _set_match(self, data: bytes) -> list[bytes]:
        """85: ``00 len EPC`` chooses the tags with this EPC for what follows, ``01`` all of them."""
        if not data or data[0] > 1:
            raise Refused(Code.MATCH_MODE)
        if data[0] == 1:
            self._match = None
        elif len(data) < 2 or len(data) != 2 + data[1] or not data[1]:
            raise Refused(Code.MATCH_LENGTH)
        else:
            self._match = data[2:]
        return [success()]

    def _get_match(self, _data: bytes) -> list[bytes]:
        return [b"\x01" if self._match is None else bytes((0, len(self._match))) + self._match]

    def _read(self, data: bytes) -> list[bytes]:
        """81: a frame for every tag that was read."""
        if len(data) not in (3, 7):
            raise Refused(Code.PARAMETER)
        bank, word, count = data[:3]
        password = int.from_bytes(data[3:], "big")
        if bank > 3:
            raise Refused(Code.BANK)
        if not count:
            raise Refused(Code.WORD_COUNT)
        self.simulated_us += count * _READ_WORD_US

        def act(tag: OpenTag) -> bytes:
            words = tag.read(bank, word, count)
            if 9 + len(of_tag(tag.reply)) + len(words) > _MOST:
                raise Refused(Code.WORD_COUNT)
            return words

        done = self._each(password, Code.READ, _READ_US, act)
        return self._told(
            [(r, bytes((len(of_tag(r)) + len(words),)) + of_tag(r) + words + bytes((len(words),))) for r, words in done]
        )

    def _write(self, block: bool, data: bytes) -> list[bytes]:
        """82, and with BlockWrite 94."""
        if len(data) < 9 or len(data) != 7 + 2 * data[6]:
            raise Refused(Code.WORD_COUNT if len(data) >= 7 else Code.PARAMETER)
        bank, word, count = data[4:7]
        if bank > 3:
            raise Refused(Code.BANK)
        self.simulated_us += count * (_BLOCK_WRITE_WORD_US if block else _WRITE_WORD_US)

        def act(tag: OpenTag) -> None:
            (tag.block_write if block else tag.write)(bank, word, data[7:])

        return self._deeds(data, Code.WRITE, _WRITE_US, act)

    def _lock(self, data: bytes) -> list[bytes]:
        """83."""
        if len(data) != 6:
            raise Refused(Code.PARAMETER)
        if data[4] not in _LOCK_AREAS:
            raise Refused(Code.LOCK_AREA)
        if data[5] not in _LOCK_ACTIONS:
            raise Refused(Code.LOCK_ACTION)
        mask, action = (bits << _LOCK_AREAS[data[4]] for bits in _LOCK_ACTIONS[data[5]])
        return self._deeds(data, Code.LOCK, _LOCK_US, lambda tag: tag.lock(mask, action))

    def _kill(self, data: bytes) -> list[bytes]:
        """84."""
        password = int.from_bytes(exactly(data, 4), "big")
        if not password:
            raise Refused(Code.KILL)
        return self._deeds(bytes(4), Code.KILL, _LOCK_US, lambda tag: tag.kill(password))

    def _deeds(self, data: bytes, failed: Code, microseconds: int, act: Callable[[OpenTag], None]) -> list[bytes]:
        """The answers of commands that only do or do not; ``data`` begins with the access password."""
        done = self._each(int.from_bytes(data[:4], "big"), failed, microseconds, act)
        return self._told([(reply, bytes((len(of_tag(reply)),)) + of_tag(reply) + success()) for reply, _ in done])

    def _each(
        self, password: int, failed: Code, microseconds: int, act: Callable[[OpenTag], _T]
    ) -> list[tuple[Reply, _T]]:
        """The deed on the tag that is chosen, or on every tag of a round; those with which it worked.

        Where it worked with none, the last failure is the answer, in the short form.
        """
        code, done = Code.NO_TAG, []
        for singulate in self._wanted(password):
            try:
                tag = singulate()
            except Silence:
                continue
            except AccessRefused:
                code = Code.PASSWORD
                continue
            try:
                done.append((tag.reply, act(tag)))
            except (TagRefusal, Silence):
                code = failed
        self.simulated_us += microseconds if done else _FAILED_US
        if not done:
            raise Refused(code)
        return done

    def _wanted(self, password: int) -> list[Callable[[], OpenTag]]:
        """What singulates the tags that a command is for."""
        if self._match is None:
            return [partial(self._air.open_reply, reply, password) for reply in self._round()]
        chosen = Selection(_EPC_BANK, _EPC_AT, 8 * len(self._match), self._match)
        return [partial(self._air.open, chosen, password)]

    def _told(self, parts: list[tuple[Reply, bytes]]) -> list[bytes]:
        """Every answer begins with the number of tags and ends with where, and how often, this one was met."""
        count = len(parts).to_bytes(2, "big")
        return [count + part + bytes((self._freq_ant(reply), 1)) for reply, part in parts]
