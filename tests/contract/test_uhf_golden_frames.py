"""Every frame that others printed or captured, each accounted for: read and built byte for byte by the drivers' codec,
taken by the emulator of its protocol, or refused, as a misprint or as a protocol that is not ours.

That the drivers send the printed requests by themselves is shown beside them, in tests/unit/devices/uhf.
"""

import functools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from dpptag.devices.profiles import find_profiles_dir, load_uhf_profile
from dpptag.devices.uhf import mercury_answers, reader18_payloads
from dpptag.devices.uhf.framing import Frame, FrameError, FrameReader, Framing
from tests.unit.sim.uhf.emulators import emulated
from tests.vectors import vector_path

PROFILE = {
    "m100": "uhf-m100",
    "mercury": "uhf-m6e-nano",
    "uhfreader18": "uhf-uhfreader18",
    "uhfreader288": "uhf-uhfreader288",
}
FRAMINGS = {name: Framing(load_uhf_profile(profile).framing) for name, profile in PROFILE.items()}
FOREIGN = "swct"
"""Its manual has the title of another one's; the frames are there to be refused."""
WANTED = Counter(
    {
        ("m100", "request"): 32,
        ("m100", "answer"): 32,
        ("m100", "misprint"): 3,
        ("mercury", "exchange"): 67,
        ("mercury", "request"): 1,
        ("uhfreader18", "answer"): 3,
        ("uhfreader288", "answer"): 6,
        (FOREIGN, "refused"): 11,
    }
)


def _is_request(protocol: str, octets: bytes) -> Frame:
    """Read, built again, and taken by the emulator as one command, in one piece and byte by byte."""
    framing = FRAMINGS[protocol]
    frame = framing.parse(octets, answer=False)
    assert framing.build(frame, answer=False) == octets
    for pieces in ([octets], [bytes((octet,)) for octet in octets]):
        module = emulated(protocol)
        answers = [answer for piece in pieces for answer in module.emulator.feed(piece)]
        assert module.host_commands == 1
        assert module.waiting == 0
        for answer in answers:
            framing.parse(answer)
    return frame


def _is_answer(protocol: str, octets: bytes) -> Frame:
    """Read, built again, and found alone in a stream that comes byte by byte between two others like it."""
    framing = FRAMINGS[protocol]
    frame = framing.parse(octets)
    assert framing.build(frame, answer=True) == octets
    reader = FrameReader(framing)
    assert [found for octet in octets * 3 for found in reader.feed(bytes((octet,)))] == [frame] * 3
    assert (reader.quiet(), reader.skipped) == ([], 0)
    return frame


def _means(protocol: str, frame: Frame, request: Frame | None) -> None:
    """What the drivers read of it, where they ever ask for it. Raises what they raise."""
    if protocol.startswith("uhfreader"):
        seen = reader18_payloads.parse_sightings(frame.data, antenna_and_rssi=protocol == "uhfreader288")
        assert all(one.epc in frame.data for one in seen)
    if protocol == "mercury" and frame.status == 0 and request is not None:
        parse = _MERCURY.get(frame.command)
        if parse is not None:
            parse(request, frame)


_MERCURY: dict[int, Callable[[Frame, Frame], object]] = {
    0x03: lambda _, frame: mercury_answers.Version.from_bytes(frame.data),
    0x22: lambda _, frame: mercury_answers.SearchResult.from_bytes(frame.data),
    0x29: lambda request, frame: mercury_answers.parse_page(frame.data, int.from_bytes(request.data[:2], "big")),
    0x62: lambda _, frame: mercury_answers.Power.from_bytes(frame.data),
    0x64: lambda _, frame: mercury_answers.Power.from_bytes(frame.data),
    0x65: lambda request, frame: request.data or mercury_answers.parse_frequencies(frame.data),
    0x67: lambda _, frame: mercury_answers.parse_byte(frame.data),
    0x72: lambda _, frame: mercury_answers.parse_temperature(frame.data),
}


def _is_misprint(protocol: str, octets: bytes, note: str) -> None:
    """Refused for its check alone: with the one that its note computes it is a frame."""
    framing, reader = FRAMINGS[protocol], FrameReader(FRAMINGS[protocol])
    with pytest.raises(FrameError, match="check"):
        framing.parse(octets)
    assert [*reader.feed(octets), *reader.quiet()] == []
    mended = octets[:-2] + bytes.fromhex(note.rpartition(" ")[2]) + octets[-1:]
    assert framing.build(framing.parse(mended), answer=True) == mended


@functools.cache
def _every_framing() -> list[Framing]:
    tables = [load_uhf_profile(path.stem).framing for path in find_profiles_dir().glob("uhf-*.toml")]
    return [Framing(table) for table in {repr(table): table for table in tables}.values()]


def _is_foreign(octets: bytes) -> None:
    """No frame of any profile, no part of it is one, and no emulator does anything for it."""
    for framing in _every_framing():
        for answer in (False, True):
            with pytest.raises(FrameError):
                framing.parse(octets, answer=answer)
        reader = FrameReader(framing)
        assert [*reader.feed(octets), *reader.quiet()] == []
    for family in ("m100", "r200", "mercury", "a0", "uhfreader18", "uhfreader288"):
        module = emulated(family)
        module.emulator.feed(octets)
        assert module.commands_done == 0


def _account(entry: dict[str, Any]) -> str:
    """What this entry is, once it was shown to be that."""
    protocol, right = entry["protocol"], entry["length_ok"] and entry["checksum_ok"]
    if protocol == FOREIGN:
        _is_foreign(bytes.fromhex(entry["hex"]))
        return "refused"
    if not right:
        _is_misprint(protocol, bytes.fromhex(entry["hex"]), entry["note"])
        return "misprint"
    if entry["dir"] == "exchange":
        request = _is_request(protocol, bytes.fromhex(entry["request"]))
        answer = _is_answer(protocol, bytes.fromhex(entry["response"]))
        assert (answer.command, f"{answer.status:04X}") == (request.command, entry["status"])
        _means(protocol, answer, request)
        return "exchange"
    octets = bytes.fromhex(entry["hex"])
    if entry["dir"] == "req":
        _is_request(protocol, octets)
        return "request"
    _means(protocol, _is_answer(protocol, octets), None)
    return "answer"


def test_all_155_frames_are_accounted_for() -> None:
    golden = json.loads(vector_path("uhf", "golden_frames.json").read_text(encoding="utf-8"))
    assert len(golden["frames"]) == golden["count"] == 155
    found = Counter((entry["protocol"], _account(entry)) for entry in golden["frames"])
    assert found == WANTED
    assert found.total() == 155
