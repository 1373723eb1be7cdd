"""Every emulator with one tag and without a port, and its requests framed by hand."""

from dataclasses import dataclass

from dpptag.sim.uhf.faults import FaultSchedule, HostCommands
from dpptag.sim.uhf.field import Conditions, Field
from dpptag.sim.uhf.mercury_frames import crc as mercury_crc
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.reader18 import crc as reader_crc
from dpptag.sim.uhf.server import Emulator, _emulator
from dpptag.sim.uhf.tag import Gen2Chip

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")


@dataclass(frozen=True)
class Emulated:
    emulator: Emulator
    field: Field

    @property
    def tag(self) -> Gen2Chip:
        return self.field.tags[0]

    @property
    def host_commands(self) -> int:
        return self.field.faults.host_command

    @property
    def commands_done(self) -> int:
        """Rounds and accesses of tags."""
        return self.field.rounds + self.field.accesses

    @property
    def waiting(self) -> int:
        """Bytes that it, or its reader of frames, keeps of what it heard."""
        parts = {**vars(self.emulator), **vars(getattr(self.emulator, "_frames", Emulator))}
        return max(len(part) for part in parts.values() if isinstance(part, bytearray))


def emulated(family: str) -> Emulated:
    model = MODELS["UCODE-7xm"]
    chip = Gen2Chip(model, model.fixed_tid + bytes(model.serial_bytes), EPC)
    field = Field([chip], conditions=Conditions(seed=1), faults=FaultSchedule())
    module = _emulator(family, field, HostCommands(field), coarse=False)
    if family == "mercury":
        module.region = 8  # type: ignore[attr-defined]
    return Emulated(module, field)


def framed(family: str, command: int, data: bytes) -> bytes:
    """A whole request."""
    match family:
        case "mercury":
            body = bytes((len(data), command)) + data
            return b"\xff" + body + mercury_crc(body)
        case "a0":
            body = bytes((0xA0, len(data) + 3, 0xFF, command)) + data
            return body + bytes((-sum(body) & 0xFF,))
        case "m100" | "r200":
            header, end = (0xBB, 0x7E) if family == "m100" else (0xAA, 0xDD)
            body = bytes((0, command)) + len(data).to_bytes(2, "big") + data
            return bytes((header,)) + body + bytes((sum(body) & 0xFF, end))
        case _:
            body = bytes((len(data) + 4, 0xFF, command)) + data
            return body + reader_crc(body)


def is_request(family: str, octets: bytes) -> bool:
    """Whether these bytes, and no fewer, are a whole request; any address will do."""
    at = {"mercury": (2, 3, 2), "a0": (3, 4, 1), "m100": (2, 5, 2), "r200": (2, 5, 2)}.get(family, (2, 3, 2))
    command, data, tail = at
    if len(octets) < data + tail:
        return False
    wanted = bytearray(framed(family, octets[command], octets[data:-tail]))
    if family in ("a0", "uhfreader18", "uhfreader288"):  # the address is the board's own, or everybody's
        place = 2 if family == "a0" else 1
        wanted[place] = octets[place]
        body = bytes(wanted[:-tail])
        wanted[-tail:] = bytes((-sum(body) & 0xFF,)) if family == "a0" else reader_crc(body)
    return bytes(wanted) == octets


def write_request(family: str, data: bytes) -> bytes:
    """To the start of the user bank of the one tag, without a password."""
    words = bytes((len(data) // 2,))
    match family:
        case "mercury":
            return framed(family, 0x24, bytes.fromhex("03E8 00 00000000 03") + data)
        case "a0":
            return framed(family, 0x82, bytes(4) + b"\x03\x00" + words + data)
        case "m100" | "r200":
            return framed(family, 0x49, bytes(4) + b"\x03\x00\x00\x00" + words + data)
        case _:
            return framed(family, 0x03, words + bytes((len(EPC) // 2,)) + EPC + b"\x03\x00" + data + bytes(4))
