"""Damaged and foreign bytes against the frame engine with every shipped framing, and against the four drivers behind
it. What is right is said by a second, plain description of each family's frame, which shares no code with the engine.
"""

import functools
import itertools
import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpptag.devices.profiles import find_profiles_dir, load_uhf_profile
from dpptag.devices.uhf.families import FAMILIES
from dpptag.devices.uhf.framing import Frame, FrameError, FrameReader, Framing
from dpptag.devices.uhf.module import Gen2Module, Target
from dpptag.devices.uhf.port import UhfPort
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Wait
from dpptag.errors import DpptagError
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction


@functools.cache
def profile_of(name: str) -> UhfProfile:
    return load_uhf_profile(name)


@functools.cache
def framing(name: str) -> Framing:
    return Framing(profile_of(name).framing)


PROFILES = sorted(path.stem for path in find_profiles_dir().glob("uhf-*.toml"))
NAMES = list({profile_of(name).framing.model_dump_json(): name for name in reversed(PROFILES)}.values())
"""One profile for each framing that differs from the others."""


# Each family's answer, described once more


def crc16(octets: bytes, *, reflected: bool) -> int:
    """Bit by bit. Reflected: CRC-16/MCRF4XX. Else Mercury's, into whose register bits come at the low end."""
    crc = 0xFFFF
    for octet in octets:
        if reflected:
            crc ^= octet
            for _ in range(8):
                crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
        else:
            for bit in range(7, -1, -1):
                crc = (crc << 1 | octet >> bit & 1) ^ (0x11021 if crc & 0x8000 else 0)
    return crc


def octets_of(name: str, frame: Frame) -> bytes:
    data = frame.data
    status = frame.status or 0
    match profile_of(name).family:
        case "mercury":
            body = bytes((len(data), frame.command)) + status.to_bytes(2, "big") + data
            return b"\xff" + body + crc16(body, reflected=False).to_bytes(2, "big")
        case "magicrf":
            header, end = (0xBB, 0x7E) if name == "uhf-m100" else (0xAA, 0xDD)
            body = bytes((frame.kind, frame.command)) + len(data).to_bytes(2, "big") + data
            return bytes((header,)) + body + bytes((sum(body) % 256, end))
        case "a0":
            body = bytes((0xA0, len(data) + 3, frame.address, frame.command)) + data
            return body + bytes((-sum(body) % 256,))
        case _:
            body = bytes((len(data) + 5, frame.address, frame.command, status)) + data
            return body + crc16(body, reflected=True).to_bytes(2, "little")


def told(name: str, data: bytes, command: int = 0x22) -> Frame:
    """An answer with this data."""
    table = framing(name).table
    return Frame(
        command,
        data,
        kind=0 if table.types is None else table.types.answer,
        address=0 if table.address is None else 1,
        status=0 if table.status_bytes else None,
    )


def heard(name: str, pieces: list[bytes]) -> list[Frame]:
    reader = FrameReader(framing(name))
    found = [frame for piece in pieces for frame in reader.feed(piece)]
    found += reader.quiet()
    assert not reader.midway
    return found


def in_every_way(name: str, stream: bytes) -> list[Frame]:
    """At once, in halves and byte by byte: always the same frames, all of them there to the last bit, none twice."""
    found = heard(name, [stream])
    half = len(stream) // 2
    assert heard(name, [stream[:half], stream[half:]]) == found
    assert heard(name, [bytes((octet,)) for octet in stream]) == found
    at = 0
    for frame in found:
        octets = octets_of(name, frame)
        at = stream.index(octets, at) + len(octets)
    return found


def damaged(octets: bytes, likely: bytes) -> Iterator[bytes]:
    """One bit turned, one byte lost, one byte too many: everywhere."""
    for at in range(8 * len(octets)):
        yield octets[: at // 8] + bytes((octets[at // 8] ^ 1 << at % 8,)) + octets[at // 8 + 1 :]
    for at in range(len(octets)):
        yield octets[:at] + octets[at + 1 :]
    for at in range(len(octets) + 1):
        for more in {*likely, *octets[at : at + 1]}:
            yield octets[:at] + bytes((more,)) + octets[at:]


def likely_bytes(name: str) -> bytes:
    table = framing(name).table
    return bytes({0x00, 0x05, 0xFF, *(value for value in (table.header, table.end) if value is not None)})


def test_no_framing_of_a_profile_is_left_out() -> None:
    assert len(PROFILES) >= 14
    assert {profile_of(name).family for name in NAMES} == set(FAMILIES)
    for name in PROFILES:
        frame = told(name, b"\x01\x02\x03")
        assert framing(name).build(frame, answer=True) == octets_of(name, frame)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [b"", bytes.fromhex("00 BB 7E AA DD A0 05 FF 03 11")], ids=["empty", "full"])
def test_a_damaged_frame_never_comes_out_as_another_one(name: str, data: bytes) -> None:
    """Neither by itself nor before a whole one; and the whole one is found, or a part of it that is whole by chance."""
    whole, following = octets_of(name, told(name, data)), octets_of(name, told(name, b"\x12\x34", 0x39))
    for bad in damaged(whole, likely_bytes(name)):
        with suppress(FrameError):
            frame = framing(name).parse(bad)
            assert octets_of(name, frame) == bad
        stream = bad + following
        found = in_every_way(name, stream)
        places = [stream.rindex(octets_of(name, frame)) + len(octets_of(name, frame)) for frame in found]
        assert any(end > len(bad) for end in places), bad.hex()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_frame_comes_out_of_a_stream_that_was_not_in_it(name: str, data: st.DataObject) -> None:
    likely = st.sampled_from(likely_bytes(name) + bytes(range(8)))
    frames = st.binary(max_size=12).map(lambda content: octets_of(name, told(name, content)))
    parts = st.one_of(st.lists(likely, max_size=30).map(bytes), st.binary(max_size=30), frames)
    cut = frames.flatmap(lambda octets: st.integers(0, len(octets)).map(lambda at: octets[:at]))
    in_every_way(name, b"".join(data.draw(st.lists(parts | cut, max_size=6))))


# Work: counted, not timed


class Counted(Framing):
    """Counts what is looked at, and how many bytes go through the checksum."""

    def __init__(self, name: str) -> None:
        super().__init__(profile_of(name).framing)
        self.looks = self.checked = 0
        check = self._check

        def counting(octets: bytes | bytearray) -> bytes:
            self.checked += len(octets)
            return check(octets)

        self._check = counting

    def size_of(self, octets: bytes | bytearray, *, answer: bool = True) -> int | None:
        self.looks += 1
        return super().size_of(octets, answer=answer)


def _worst(name: str) -> dict[str, bytes]:
    table = framing(name).table
    header = framing(name).header
    claim = (framing(name).longest_answer - framing(name).overhead(answer=True)).to_bytes(2, "big")
    nearly = bytearray(octets_of(name, told(name, b"\x05" * 8)))
    nearly[-1 if table.end is None else -2] ^= 0xFF
    short = octets_of(name, told(name, b""))
    return {
        "headers": (header or b"\x05") * 4096,
        "headers that claim the most": (header + b"\x01" + claim if table.length_bytes == 2 else header + b"\x60")
        * 900,
        "frames with a wrong check": bytes(nearly) * 200,
        "frames with a wrong byte between": (short + b"\x03") * 400,
        "frames, the last of them cut": short * 400 + short[:-1],
        "zeros": bytes(4096),
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", list(_worst("uhf-m100")))
def test_the_work_for_a_byte_is_bounded_by_the_longest_frame(name: str, case: str) -> None:
    """Behind a header every byte is looked at a few times, and is checked in one frame for each header that claims it.
    Without headers any byte may begin a frame, so each beginning is tried once the line is quiet."""
    stream = _worst(name)[case]
    longest = framing(name).longest_answer
    for piece in (len(stream), 64, 1):
        counted = Counted(name)
        reader = FrameReader(counted)
        for at in range(0, len(stream), piece):
            reader.feed(stream[at : at + piece])
            assert len(reader._buffer) <= 2 * longest + piece
        reader.quiet()
        assert counted.checked <= longest * len(stream)
        assert counted.looks <= 4 * len(stream) + (4 * longest**2 // 5 if not counted.header else 0)


# The drivers: frames whose bytes are right and whose content is not


class Babbler:
    """Answers each request with the next of ``says``: frames that are whole, of the command that was asked."""

    def __init__(self, name: str) -> None:
        self.says: list[tuple[bytes, int]] = []
        self._name = name
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asked = b""
        while self._stop_read not in select.select([self._master, self._stop_read], [], [])[0]:
            asked += os.read(self._master, 4096)
            while (size := framing(self._name).size_of(asked, answer=False)) is not None and size <= len(asked):
                command = framing(self._name).parse(asked[:size], answer=False).command
                asked = asked[size:]
                for data, status in self.says:
                    answer = told(self._name, data, command)
                    if answer.status is not None:
                        answer = replace(answer, status=status)
                    os.write(self._master, octets_of(self._name, answer))

    def close(self) -> None:
        os.write(self._stop_write, b"\0")
        self._thread.join()
        for descriptor in (self._master, self._slave, self._stop_read, self._stop_write):
            os.close(descriptor)


_SOON = Wait(ms=2, reason="it answers at once or never")


@contextmanager
def babbled_at(name: str) -> Iterator[tuple[Babbler, Gen2Module]]:
    profile = profile_of(name)
    waits = profile.waits.model_copy(update=dict.fromkeys(("answer", "access", "access_word", "inventory"), _SOON))
    changed: dict[str, object] = {"waits": waits}
    if profile.access is not None:
        changed["access"] = profile.access.model_copy(update={"timeout_ms": 2, "proof_ms": 2})
    profile = profile.model_copy(update=changed)
    with closing(Babbler(name)) as peer:
        port = UhfPort(peer.path, framing(name), baud=921600, wait=lambda _seconds: None)
        with closing(FAMILIES[profile.family](port, profile)) as module:
            yield peer, module


EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
OPERATIONS: dict[str, Callable[[Gen2Module], object]] = {
    "identify": lambda module: module.identify(),
    "state": lambda module: module.state(),
    "region": lambda module: module.set_region("EU"),
    "power": lambda module: module.set_power(2000),
    "inventory": lambda module: module.inventory(),
    "choose": lambda module: module.choose(Target(EPC)),
    "read": lambda module: module.read(Bank.USER, 0, 2, NO_PASSWORD),
    "write": lambda module: module.write(Bank.USER, 0, b"\x12\x34", NO_PASSWORD),
    "lock": lambda module: module.lock({Area.USER: LockAction.LOCKED}, NO_PASSWORD),
    "kill": lambda module: module.kill(b"\x12\x34\x56\x78"),
    "signal": lambda module: module.signal(),
}
_TAGGED = b"\x0e\x34\x00" + EPC
contents = st.one_of(
    st.binary(max_size=24),
    st.sampled_from([b"", b"\x00", b"\x10", b"\x15", _TAGGED, _TAGGED + b"\x00", b"\xc9" + _TAGGED[1:] + b"\x3a\x76"]),
    st.tuples(st.just(_TAGGED), st.binary(max_size=6)).map(b"".join),
    st.tuples(st.just(b"\x00\x01\x12" + _TAGGED[1:] + b"\x3a\x76"), st.binary(max_size=8)).map(b"".join),
)


@pytest.mark.parametrize("name", ["uhf-m100", "uhf-m6e-nano", "uhf-a0-r2000", "uhf-uhfreader18", "uhf-uhfreader288"])
def test_a_driver_meets_whatever_whole_frames_say_with_an_error_of_ours(name: str) -> None:
    """Or takes it for what it says. One module for all examples, as it goes on after each of them."""
    longest = 2 * framing(name).longest_answer

    with babbled_at(name) as (peer, module):

        @settings(max_examples=120, deadline=None)
        @given(
            operation=st.sampled_from(sorted(OPERATIONS)),
            says=st.lists(st.tuples(contents, st.sampled_from([0, 0, 0, 1, 2, 0xFC, 0xFE])), max_size=3),
        )
        def babble(operation: str, says: list[tuple[bytes, int]]) -> None:
            peer.says = says
            try:
                result = OPERATIONS[operation](module)
            except DpptagError:
                return
            if operation == "read":
                assert isinstance(result, bytes)
                assert len(result) == 4
                assert any(result in data for data, _ in says)
            if operation == "inventory":
                assert isinstance(result, list)
                assert len(result) <= longest
                assert all(any(seen.epc in data for data, _ in says) for seen in result)

        babble()


def test_pairs_of_damaged_frames_leave_nothing_waiting() -> None:
    """Two frames cut short, one behind the other, and a third that is whole: it alone comes out."""
    for name in NAMES:
        whole = octets_of(name, told(name, b"\x12\x34\x56"))
        cuts = range(1, len(whole), 3)
        for one, two in itertools.product(cuts, cuts):
            found = in_every_way(name, whole[:one] + whole[:two] + whole)
            assert told(name, b"\x12\x34\x56") in found, (name, one, two)
