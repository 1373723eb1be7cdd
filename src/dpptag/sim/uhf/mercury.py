"""A module that speaks Mercury serial (ThingMagic/Jadak/Novanta): version, settings, and the table of its commands.

What an idle M6e Nano (firmware 01.07.01.02) was captured to answer is answered alike, but for its serial number. Values
for the other models are from memory and from the vendor's header files: they shape no tag command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from dpptag.sim.uhf.air import Air
from dpptag.sim.uhf.faults import HostCommands
from dpptag.sim.uhf.mercury_frames import Fields, Refused, Request, RequestFrames, Status, answer
from dpptag.sim.uhf.mercury_inventory import TagBuffer
from dpptag.sim.uhf.mercury_tags import Errors, TagCommands

REGISTER_US: Final = 2_000
"""Commands that touch no tag took 1.5 to 2.5 ms."""

_BYTE_US: Final = 87  # at 115200 baud
_GEN2: Final = 0x05
_BOOT_LOADER, _APPLICATION = 0x51, 0x52
_TEMPERATURE_C: Final = 35
_SERIAL: Final = b"SIM0000000000001"
_REGIONS: Final = bytes.fromhex("0D0E04050608090B0CFF")
_BAUDS: Final = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
_UNIQUE_BY_DATA: Final = 0x08
_RF_COMMANDS: Final = frozenset({0x22, 0x23, 0x24, 0x25, 0x26, 0x28, 0x2D, 0x2E})
_OPTIONS: Final = {
    0x00: "00", 0x01: "00", 0x03: "00", 0x04: "00", 0x06: "00", _UNIQUE_BY_DATA: "01", 0x09: "01", 0x0B: "00",
    0x0C: "01", 0x0D: "00000000", 0x0E: "00", 0x12: "0000", 0x13: "0011", 0x1E: "00",
}  # fmt: skip
"""Reader options (6A/9A) and their values, as captured. 0E: over which line the host speaks; 00 is a serial port."""
_GEN2_OPTIONS: Final = {0x00: "00", 0x01: "0100", 0x02: "02", 0x10: "00", 0x11: "00", 0x12: "00", 0x3F: "004E20"}
"""Gen2 options (6B/9B); 10, 11 and 3F as captured, the others assumed (session, target, encoding, Q)."""


@dataclass(frozen=True, slots=True)
class Model:
    """``hardware``: the first octet of the hardware version. Power in hundredths of dBm.

    ``senses_antennas``: the Nano reports its one antenna as absent (captured), though it transmits.
    """

    hardware: int
    most_power: int
    antennas: int
    least_power: int = 0
    senses_antennas: bool = True


MODELS: Final = {
    "nano": Model(0x30, 2_700, 1, senses_antennas=False),
    "micro": Model(0x20, 3_000, 2),
    "m6e": Model(0x18, 3_150, 4),
    "m7e": Model(0x38, 3_150, 4),
}


class Mercury:
    """The module. ``simulated_us``: how long a real one would have worked, as modelled from its captured times, less
    the time of the bytes on the wire, which those times include.

    ``boots``: the module starts in its boot loader, as after power-on: it knows 03, 0C and 04, and has no protocols.
    """

    def __init__(
        self,
        air: Air,
        commands: HostCommands | None = None,
        *,
        coarse: bool = True,
        model: str = "nano",
        boots: bool = False,
    ) -> None:
        """``coarse``: what it says of a refused write, see :class:`Errors`. Raises KeyError for an unknown model."""
        self.simulated_us = 0
        self.baud = self._next_baud = 115_200
        self.region = 0
        self.read_power = self.write_power = 2_000
        self._model = MODELS[model]
        self._commands = commands
        self._frames = RequestFrames()
        self._in_boot_loader = boots
        self._protocol = _GEN2
        self._options = {key: bytes.fromhex(value) for key, value in _OPTIONS.items()}
        self._gen2_options = {key: bytes.fromhex(value) for key, value in _GEN2_OPTIONS.items()}
        tags = TagCommands(air, Errors.COARSE if coarse else Errors.FINE, self._elapse)
        buffer = TagBuffer(air, tags, lambda: self._options[_UNIQUE_BY_DATA] == b"\0", self._elapse)
        self._table: dict[int, Callable[[Fields], bytes]] = {
            0x03: self._version, 0x04: self._boot, 0x06: self._baud, 0x0C: self._program, 0x10: self._hardware,
            0x22: buffer.search, 0x23: tags.write_epc, 0x24: tags.write, 0x25: tags.lock, 0x26: tags.kill,
            0x28: lambda fields: tags.read(fields, buffer.metadata),
            0x29: buffer.page, 0x2A: lambda _fields: buffer.clear(),
            0x2D: tags.block_write, 0x2E: tags.erase_or_permalock,
            0x61: self._antennas, 0x91: self._choose_antennas,
            0x62: partial(self._get_power, lambda: self.read_power), 0x92: self._set_read_power,
            0x64: partial(self._get_power, lambda: self.write_power), 0x94: self._set_write_power,
            0x63: lambda _fields: self._protocol.to_bytes(2, "big"), 0x93: self._set_protocol,
            0x65: self._hops, 0x67: self._get_region, 0x97: self._set_region,
            0x68: lambda _fields: b"\0", 0x98: lambda _fields: b"",
            0x6A: self._get_option, 0x9A: self._set_option, 0x6B: self._get_gen2_option, 0x9B: self._set_gen2_option,
            0x6C: self._statistics, 0x70: lambda _fields: _GEN2.to_bytes(2, "big"), 0x71: lambda _fields: _REGIONS,
            0x72: lambda _fields: bytes((_TEMPERATURE_C,)),
        }  # fmt: skip

    def feed(self, data: bytes) -> list[bytes]:
        """Whatever bytes came from the host; the answers to the commands that they complete, in order."""
        answers: list[bytes] = []
        for request in self._frames.feed(data):
            if self._commands is None:
                answers += self._execute(request)
            else:
                answers += self._commands.run(partial(self._execute, request))
        return answers

    def reset(self) -> None:
        """The host closed the port: a half frame is forgotten; the module keeps its power and its settings.

        An ordered speed (06) takes hold only now: until then the host still has to hear the answer.
        """
        self._frames.clear()
        self.baud = self._next_baud

    def _execute(self, request: Request) -> list[bytes]:
        before = self.simulated_us
        try:
            told, status = self._run(request), int(Status.OK)
        except Refused as refused:
            told, status = refused.data, refused.status
        if self.simulated_us == before:
            self._elapse(REGISTER_US)
        frame = answer(request.opcode, status, told)
        wire = _BYTE_US * (len(request.data) + 5 + len(frame))
        self.simulated_us = max(before, self.simulated_us - wire)
        return [frame]

    def _run(self, request: Request) -> bytes:
        command = self._table.get(request.opcode)
        if command is None or (self._in_boot_loader and request.opcode not in (0x03, 0x04, 0x06, 0x0C)):
            raise Refused(Status.INVALID_OPCODE)
        if request.opcode in _RF_COMMANDS and not self.region:
            raise Refused(Status.INVALID_REGION)
        return command(Fields(request.data))

    def _elapse(self, microseconds: int) -> None:
        self.simulated_us += microseconds

    # The module itself

    def _version(self, _fields: Fields) -> bytes:
        protocols = 0 if self._in_boot_loader else 1 << (_GEN2 - 1)
        hardware = bytes((self._model.hardware, 0x00, 0x00, 0x02))
        return bytes.fromhex("14120800") + hardware + bytes.fromhex("2016121301070102") + protocols.to_bytes(4, "big")

    def _boot(self, fields: Fields) -> bytes:
        if not self._in_boot_loader:
            raise Refused(Status.INVALID_OPCODE)
        self._in_boot_loader = False
        return self._version(fields)

    def _program(self, _fields: Fields) -> bytes:
        return bytes((_BOOT_LOADER if self._in_boot_loader else _APPLICATION,))

    def _baud(self, fields: Fields) -> bytes:
        baud = fields.number(4)
        if baud not in _BAUDS:
            raise Refused(Status.INVALID_BAUD)
        self._next_baud = baud
        return b""

    def _hardware(self, fields: Fields) -> bytes:
        option, flags = fields.number(1), fields.number(1)
        return bytes((option, flags, flags, len(_SERIAL))) + _SERIAL

    def _antennas(self, fields: Fields) -> bytes:
        option = fields.number(1)
        ports = range(1, self._model.antennas + 1)
        if option != 0x05:
            raise Refused(Status.INVALID_PARAMETER)
        return bytes(
            (option, *(octet for port in ports for octet in (port, port == 1 and self._model.senses_antennas)))
        )

    def _choose_antennas(self, fields: Fields) -> bytes:
        ports = fields.rest()
        if len(ports) % 2 and ports[0] in (0x02, 0x82):
            ports = ports[1:] if ports[0] == 0x02 else bytes(octet for port in ports[1:] for octet in (port, port))
        if not ports or len(ports) % 2:
            raise Refused(Status.WRONG_DATA_COUNT)
        if any(not 1 <= port <= self._model.antennas for port in ports):
            raise Refused(Status.INVALID_PARAMETER)
        if 1 not in ports:
            raise Refused(Status.ANTENNA_NOT_CONNECTED)
        return b""

    # Settings

    def _get_power(self, power: Callable[[], int], fields: Fields) -> bytes:
        option = fields.number(1)
        if option > 1:
            raise Refused(Status.INVALID_PARAMETER)
        limits = (self._model.most_power, self._model.least_power) if option else ()
        return bytes((option,)) + b"".join(value.to_bytes(2, "big") for value in (power(), *limits))

    def _checked_power(self, fields: Fields) -> int:
        power = fields.number(2)
        if power > self._model.most_power:
            raise Refused(Status.POWER_TOO_HIGH)
        if power < self._model.least_power:
            raise Refused(Status.POWER_TOO_LOW)
        return power

    def _set_read_power(self, fields: Fields) -> bytes:
        self.read_power = self._checked_power(fields)
        return b""

    def _set_write_power(self, fields: Fields) -> bytes:
        self.write_power = self._checked_power(fields)
        return b""

    def _get_region(self, fields: Fields) -> bytes:
        if fields.peek() is not None:  # options of a region: this firmware has none
            raise Refused(Status.INVALID_PARAMETER)
        return bytes((self.region,))

    def _set_region(self, fields: Fields) -> bytes:
        region = fields.number(1)
        if region not in _REGIONS:
            raise Refused(Status.INVALID_REGION)
        self.region = region
        return b""

    def _set_protocol(self, fields: Fields) -> bytes:
        if fields.number(2) != _GEN2:
            raise Refused(Status.INVALID_PROTOCOL)
        return b""

    def _hops(self, fields: Fields) -> bytes:
        option = fields.peek()
        return b"" if option is None else bytes((option, 0, 0, 0, 0))

    def _get_option(self, fields: Fields) -> bytes:
        kind, key = _option_key(fields)
        return bytes((kind, key)) + _value(self._options, key)

    def _set_option(self, fields: Fields) -> bytes:
        _kind, key = _option_key(fields)
        _value(self._options, key)
        self._options[key] = fields.rest()
        return b""

    def _get_gen2_option(self, fields: Fields) -> bytes:
        protocol, key = fields.number(1), fields.number(1)
        if protocol != _GEN2:
            raise Refused(Status.INVALID_PROTOCOL, bytes((protocol, key)))
        return bytes((protocol, key)) + _value(self._gen2_options, key)

    def _set_gen2_option(self, fields: Fields) -> bytes:
        protocol, key = fields.number(1), fields.number(1)
        if protocol != _GEN2:
            raise Refused(Status.INVALID_PROTOCOL)
        _value(self._gen2_options, key)
        self._gen2_options[key] = fields.rest()
        return b""

    def _statistics(self, fields: Fields) -> bytes:
        if fields.peek() != 0x01:  # 01 resets them; nothing is counted here
            raise Refused(Status.INVALID_PARAMETER)
        return fields.rest()


def _option_key(fields: Fields) -> tuple[int, int]:
    kind, key = fields.number(1), fields.number(1)
    if kind != 0x01:
        raise Refused(Status.INVALID_PARAMETER)
    return kind, key


def _value(options: Mapping[int, bytes], key: int) -> bytes:
    """An unknown key is refused with the kind of option repeated, and no more of the request (captured)."""
    if key not in options:
        raise Refused(Status.INVALID_PARAMETER, b"\x01")
    return options[key]
