"""Transcripts: frames and their order are checked, and the simulated reader says the same."""

from __future__ import annotations

import os
import select
import termios
import tty
from pathlib import Path

import pytest

from dpptag.devices.transcripts import Transcript, load_transcript
from dpptag.errors import ProfileError
from dpptag.sim import start

FIXTURES = Path(__file__).resolve().parents[3] / "hw_fixtures"
PATHS = sorted(FIXTURES.glob("*/*.toml"))
WRITE = FIXTURES / "nfc-pn532-uart" / "ntag213-write.toml"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_transcript_is_sound_and_says_where_it_is_from(path: Path) -> None:
    transcript = load_transcript(path)
    assert transcript.frames[0].sender == "host"
    assert transcript.provenance.kind == "synthesised", "a captured or printed one needs its own test of its source"


def replay(transcript: Transcript) -> int:
    """Say the host's part on the simulated reader's port; returns how many of its frames were equal."""
    query = f"type={transcript.tag.chip}&uid={transcript.tag.uid.hex()}" if transcript.tag else ""
    with start(query) as sim:
        port = os.open(sim.path, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(port)
            attributes = termios.tcgetattr(port)
            attributes[4] = attributes[5] = termios.B115200
            termios.tcsetattr(port, termios.TCSANOW, attributes)
            equal = 0
            for frame in transcript.frames:
                if frame.sender == "host":
                    os.write(port, frame.octets)
                    continue
                got = b""
                while len(got) < len(frame.octets):
                    assert select.select([port], [], [], 10)[0], f"no answer: {frame.name}"
                    got += os.read(port, len(frame.octets) - len(got))
                assert got == frame.octets, frame.name
                equal += 1
        finally:
            os.close(port)
    return equal


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("nfc-pn532-uart/*.toml")), ids=lambda path: path.stem)
def test_the_simulated_reader_answers_as_the_transcript(path: Path) -> None:
    transcript = load_transcript(path)
    assert replay(transcript) == sum(frame.sender == "reader" for frame in transcript.frames) > 0


def changed(tmp_path: Path, old: str, new: str) -> ProfileError:
    text = WRITE.read_text()
    assert old in text
    path = tmp_path / WRITE.name
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ProfileError) as caught:
        load_transcript(path)
    assert caught.value.facts["file"] == str(path)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("FF 04 FC D4 4A 01 00 E1 00", "FF 04 FD D4 4A 01 00 E1 00", "LCS"),
        ("FF 04 FC D4 4A 01 00 E1 00", "FF 04 FC D4 4A 01 01 E1 00", "DCS"),
        ("FF 04 FC D4 4A 01 00 E1 00", "FF 04 FC D4 4A 01 00 E1 01", "postamble"),
        ("FF 04 FC D4 4A 01 00 E1 00", "FF 05 FB D4 4A 01 00 E1 00", "LEN"),
        ("FF 04 FC D4 4A 01 00 E1 00", "FF 04 FC D5 4A 01 00 E0 00", "TFI"),
        ("00 00 FF 04 FC D4 4A 01 00 E1 00", "00 00 FF 04", "cut short"),
        ("00 00 FF 04 FC D4 4A 01 00 E1 00", "00 FF 04 FC D4 4A 01 00 E1 00", "start"),
        ("00 00 FF 04 FC D4 4A 01 00 E1 00", "12 00 00 FF 04 FC D4 4A 01 00 E1 00", "wake-up"),
        ("00 00 FF 00 FF 00", "00 00 FF 02 FE D5 15 16 00", "awaited is ack"),
        ("00 00 FF 02 FE D5 15 16 00", "00 00 FF 02 FE D5 17 14 00", "awaited is answer 15"),
        ("00 00 FF 02 FE D5 15 16 00", "55 00 00 FF 02 FE D5 15 16 00", "wake-up"),
        ('sender = "reader"\nname = "ACK"', 'sender = "host"\nname = "ACK"', "the host speaks while ack is awaited"),
        ("00 00 FF 00 FF 00", "zz", "hex"),
        ('"00 00 FF 00 FF 00"', "5", "bytes"),
        ('kind = "synthesised"', 'kind = "real"', "captured"),
        ('sender = "host"', 'sender = "tag"', "host"),
        ('note = "', 'remark = "', "required"),
        ("[tag]", "[tags]", "not known"),
    ],
)
def test_a_bad_transcript_is_refused(tmp_path: Path, old: str, new: str, cause: str) -> None:
    assert cause in changed(tmp_path, old, new).message


def test_the_error_names_the_line_of_the_bad_frame(tmp_path: Path) -> None:
    error = changed(tmp_path, "FF 04 FC D4 4A 01 00 E1 00", "FF 04 FD D4 4A 01 00 E1 00")
    lines = (tmp_path / WRITE.name).read_text().splitlines()
    assert lines[int(error.facts["line"] or 0) - 1] == "[[frames]]"
    assert "4A" in lines[int(error.facts["line"] or 0) + 2]


def test_a_transcript_that_ends_before_the_answer_is_refused(tmp_path: Path) -> None:
    text = WRITE.read_text()
    error = changed(tmp_path, text[text.rindex("\n[[frames]]") :], "")
    assert "ends while answer 41 is awaited" in error.message


def test_a_nack_must_be_answered_by_the_same_frame_again(tmp_path: Path) -> None:
    source = WRITE.with_name("host-nack.toml")
    text = source.read_text()
    head, again, tail = text.rpartition("FF 06 FA D5 03 32 01 06 07 E8 00")
    path = tmp_path / source.name
    path.write_text(head + "FF 06 FA D5 03 32 01 06 06 E9 00" + tail)
    assert again
    with pytest.raises(ProfileError, match="again"):
        load_transcript(path)


@pytest.mark.parametrize(("length", "sound"), [("01 05 FA", True), ("01 05 FB", False)])
def test_an_extended_frame_has_its_own_length_and_checksum(tmp_path: Path, length: str, sound: bool) -> None:
    payload = bytes.fromhex("D503") + bytes(259)
    extended = bytes.fromhex("0000FFFFFF" + length) + payload + bytes((-sum(payload) & 0xFF, 0))
    text = WRITE.with_name("wake-and-firmware.toml").read_text()
    path = tmp_path / "extended.toml"
    path.write_text(text.replace("00 00 FF 06 FA D5 03 32 01 06 07 E8 00", extended.hex(" ")))
    if sound:
        assert load_transcript(path).frames[-1].octets == extended
    else:
        with pytest.raises(ProfileError, match="LCS"):
            load_transcript(path)
