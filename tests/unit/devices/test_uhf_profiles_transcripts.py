"""Transcripts of UHF modules: frames, turns, the profile they stand for; a planted fault is told by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpptag.devices.profiles import check_fixtures, check_transcript, load_uhf_profile
from dpptag.devices.transcripts import load_transcript
from dpptag.devices.uhf_transcripts import FRAMINGS, Conversation, Sender, understood_by
from dpptag.errors import ProfileError
from dpptag.sim.uhf import start_uhf
from tests.vectors import vector_path

FIXTURES = Path(__file__).resolve().parents[3] / "hw_fixtures"
PROTOCOLS = {"m100": "magicrf", "r200": "magicrf", "mercury": "mercury", "a0": "a0"}
PROTOCOLS |= {"uhfreader18": "reader18", "uhfreader288": "reader18"}


def test_frames_that_others_printed_or_captured_are_read_alike() -> None:
    entries = json.loads(vector_path("uhf", "golden_frames.json").read_text())
    entries = entries if isinstance(entries, list) else next(v for v in entries.values() if isinstance(v, list))
    read = 0
    for entry in entries:
        framings = FRAMINGS.get(PROTOCOLS.get(entry["protocol"], ""), ())
        sides: list[tuple[str | None, Sender]] = [
            (entry.get("request"), "host"),
            (entry.get("response"), "reader"),
            (entry.get("hex"), "host" if entry["dir"] == "req" else "reader"),
        ]
        for text, sender in sides:
            if not text or not framings:
                continue
            octets = bytes.fromhex(text)
            framing = next((one for one in framings if one.header in (None, octets[0])), framings[0])
            if entry["length_ok"] and entry["checksum_ok"]:
                understood_by(framing, octets, sender)
            else:
                with pytest.raises(ValueError, match=r"checksum|LEN"):
                    understood_by(framing, octets, sender)
            read += 1
    assert read > 150


def changed(tmp_path: Path, profile: str, old: str, new: str, *, name: str = "encode-and-lock") -> Path:
    source = FIXTURES / profile / f"{name}.toml"
    text = source.read_text()
    assert old in text
    path = tmp_path / source.name
    path.write_text(text.replace(old, new, 1))
    return path


NO_TAG = '[[frames]]\nsender = "reader"\nname = "no tag"\nbytes = "BB 01 FF 00 01 15 16 7E"\n\n'


@pytest.mark.parametrize(
    ("profile", "old", "new", "blamed", "cause"),
    [
        ("uhf-m100", "BB 00 22 00 00 22 7E", "BB 00 22 00 00 23 7E", "one round", "checksum"),
        ("uhf-m100", "BB 00 22 00 00 22 7E", "BB 00 22 00 01 23 7E", "one round", "LEN says 1"),
        ("uhf-m100", "BB 00 22 00 00 22 7E", "BB 00 22 00 00 22 7F", "one round", "ends with 7f"),
        ("uhf-m100", "BB 00 22 00 00 22 7E", "BC 00 22 00 00 22 7E", "one round", "begins with bc"),
        ("uhf-m100", "BB 00 22 00 00 22 7E", "BB 01 22 00 00 23 7E", "one round", "type 01 is not that of the host"),
        ("uhf-m100", "BB 00 22 00 00 22 7E", "BB 00", "one round", "cut short"),
        ("uhf-m100", "BB 01 FF 00 01 15 16 7E", "BB 01 0C 00 01 15 23 7E", "no tag", "awaited is answer 22"),
        ("uhf-m100", NO_TAG, "", "one round", "the host speaks while answer 22 is awaited"),
        ("uhf-m100", NO_TAG, NO_TAG + NO_TAG, "no tag", "awaited is nothing"),
        ("uhf-m6e-nano", "FF 00 03 1D 0C", "FF 00 03 0C 1D", "version", "computed 1d0c"),
        ("uhf-m6e-nano", "FF 00 91 00 00 17 58", "FF 00 97 00 00 77 9E", "set", "awaited is answer 91"),
        ("uhf-a0-r2000", "A0 03 FF 72 EC", "A0 03 FF 72 ED", "version", "checksum is ed, computed ec"),
        ("uhf-a0-r2000", "A0 03 FF 72 EC", "A0 04 FF 72 EB", "version", "LEN says 4"),
        ("uhf-uhfreader18", "05 00 01 FB F2 3D", "05 00 01 FB 3D F2", "no tag", "checksum is 3df2"),
        ("uhf-uhfreader18", "04 FF 21 19 95", "05 FF 21 19 95", "reader information", "LEN says 5"),
    ],
)
def test_a_bad_transcript_is_refused(tmp_path: Path, profile: str, old: str, new: str, blamed: str, cause: str) -> None:
    path = changed(tmp_path, profile, old, new)
    with pytest.raises(ProfileError) as caught:
        load_transcript(path)
    assert cause in str(caught.value.facts["cause"])
    assert caught.value.facts["file"] == str(path)
    lines = path.read_text().splitlines()
    at = int(caught.value.facts["line"] or 0) - 1
    assert lines[at] == "[[frames]]"
    if "speaks while" not in cause:
        assert blamed in lines[at + 2]


def test_a_round_of_several_frames_ends_with_its_last() -> None:
    talk = Conversation("reader18")
    talk.hear(bytes.fromhex("04FF01 1B B4"), "host")
    talk.hear(bytes.fromhex("13000103010C0000000000000000000003133F39"), "reader")  # status 03: more follow
    with pytest.raises(ValueError, match="ends while answer 01"):
        talk.end()
    with pytest.raises(ValueError, match="host speaks while"):
        talk.hear(bytes.fromhex("04FF211995"), "host")
    talk.hear(bytes.fromhex("0700010101001E4B"), "reader")
    talk.end()
    with pytest.raises(ValueError, match="awaited is nothing"):
        talk.hear(bytes.fromhex("0700010101001E4B"), "reader")


def a0(command: int, data: str = "", address: int = 0xFF) -> bytes:
    octets = bytes.fromhex(data)
    body = bytes((0xA0, len(octets) + 3, address, command)) + octets
    return body + bytes((-sum(body) & 0xFF,))


def test_a_real_time_inventory_ends_with_its_totals_or_an_error() -> None:
    for last in ("00000C00000001", "22"):
        talk = Conversation("a0")
        talk.hear(a0(0x89, "01"), "host")
        talk.hear(a0(0x89, "04 3000 3034257BF7194E4000001A85 44", 1), "reader")
        with pytest.raises(ValueError, match="ends while"):
            talk.end()
        talk.hear(a0(0x89, last, 1), "reader")
        talk.end()
        talk.hear(a0(0x70), "host")
        talk.end()  # a restart is not answered


def test_an_access_is_answered_by_as_many_tags_as_its_first_answer_says() -> None:
    talk = Conversation("a0")
    talk.hear(a0(0x82, "00000000 03 00 01 1234"), "host")
    answer = a0(0x82, "0002 06 3000 1234 ABCD 10 04 01", 1)
    talk.hear(answer, "reader")
    with pytest.raises(ValueError, match="ends while"):
        talk.end()
    talk.hear(answer, "reader")
    talk.end()
    with pytest.raises(ValueError, match="awaited is nothing"):
        talk.hear(answer, "reader")


def test_the_reader_must_not_speak_first() -> None:
    with pytest.raises(ValueError, match="before it is asked"):
        Conversation("magicrf").hear(bytes.fromhex("BB01FF000115167E"), "reader")


@pytest.mark.parametrize(
    ("profile", "other", "cause"),
    [
        ("uhf-r200", "uhf-m100", "begins with bb, not with aa"),
        ("uhf-m100", "uhf-m6e-nano", "speaks mercury, the profile magicrf"),
        ("uhf-a0-yr903", "uhf-a0-r2000", "has no command 74"),
    ],
)
def test_a_transcript_of_another_model_does_not_fit(profile: str, other: str, cause: str) -> None:
    with pytest.raises(ProfileError) as caught:
        check_transcript(load_uhf_profile(profile), FIXTURES / other / "encode-and-lock.toml")
    assert cause in str(caught.value.facts["cause"])
    assert caught.value.facts["line"]


def test_a_wrong_number_in_a_profile_is_seen_in_its_transcripts() -> None:
    profile = load_uhf_profile("uhf-m100")
    assert check_fixtures(profile, FIXTURES)
    commands = {**profile.commands, "select_mode": profile.commands["select_mode"].model_copy(update={"replies": []})}
    for wrong in (
        profile.model_copy(update={"framing": profile.framing.model_copy(update={"end": 0x7D})}),
        profile.model_copy(update={"commands": commands}),
    ):
        with pytest.raises(ProfileError, match="by the profile uhf-m100"):
            check_fixtures(wrong, FIXTURES)


SIMULATED = {
    "m100": "uhf-m100",
    "r200": "uhf-r200",
    "mercury": "uhf-m6e-nano",
    "a0": "uhf-a0-r2000",
    "uhfreader18": "uhf-uhfreader18",
    "uhfreader288": "uhf-uhfreader288",
}


@pytest.mark.parametrize(("family", "profile"), SIMULATED.items())
def test_the_simulated_module_keeps_the_turns_and_ends_with_the_same_tag(family: str, profile: str) -> None:
    """The host's part of a transcript, said to the simulator, whose answers are judged by rules it knows nothing of."""
    transcript = load_transcript(FIXTURES / profile / "encode-and-lock.toml")
    assert transcript.tag is not None
    talk = Conversation(transcript.protocol)
    query = f"tags={transcript.tag.chip}&tid={transcript.tag.uid.hex()}&epc=3034257BF7194E4000001A85&mode=field"
    with start_uhf(family, query) as sim:
        for frame in transcript.frames:
            if frame.sender == "host":
                talk.hear(frame.octets, "host")
                for answer in sim.module.feed(frame.octets):
                    talk.hear(answer, "reader")
        talk.end()
        (tag,) = sim.field.tags
    assert tag.epc_memory[2:14].hex().upper() == "3034257BF7194E4000001A86"
    assert tag.user[:6].hex().upper() == "0000401234AB"  # the write behind the lock was refused
    assert tag.reserved[4:8].hex().upper() == "5A17C3E9"
    assert tag.locks & 0b11 == 0b10
