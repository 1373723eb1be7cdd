"""libnfc (Debian libnfc-bin, libnfc-examples) on the simulated PN532: a driver and tools that are not ours."""

import os
import subprocess
from pathlib import Path

import pytest

from dpptag.devices.nfcpy import NfcpyReader
from dpptag.sim import start
from tests.needs import program_path
from tests.sim_fixtures import ONE_TAG, UID, stored_pages

_PACKAGES = {"nfc-poll": "libnfc-examples"}
MESSAGE = bytes.fromhex("0313 D1010F5504") + b"example.com/01" + b"\xfe"


def libnfc(tool: str, *arguments: str, port: str, answers: str = "") -> str:
    """Run one tool on the port; skips where it is not installed."""
    program = program_path(tool, package=_PACKAGES.get(tool, "libnfc-bin"))
    ended = subprocess.run(
        [program, *arguments],
        env={**os.environ, "LIBNFC_DEFAULT_DEVICE": f"pn532_uart:{port}", "LIBNFC_AUTO_SCAN": "false"},
        input=answers,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def in_pages(data: bytes) -> list[bytes]:
    padded = data + bytes(-len(data) % 4)
    return [padded[at : at + 4] for at in range(0, len(padded), 4)]


def test_nfc_list_finds_the_tag() -> None:
    with start(ONE_TAG) as sim:
        shown = libnfc("nfc-list", port=sim.path)
    assert "04  a1  b2  c3  d4  e5  f6" in shown
    assert "ATQA (SENS_RES): 00  44" in shown
    assert "SAK (SEL_RES): 00" in shown


@pytest.mark.parametrize("kind", ["NTAG213", "NTAG215", "NTAG216"])
def test_libnfc_dumps_the_bytes_that_our_driver_wrote(tmp_path: Path, kind: str) -> None:
    state, dump = tmp_path / "tags.json", tmp_path / "dump.mfd"
    with start(f"{ONE_TAG}&type={kind}&state={state}") as sim:
        with NfcpyReader(sim.path, bauds=(921600,)) as reader:
            link = reader.sense()
            assert link is not None
            for page, data in enumerate(in_pages(MESSAGE), 4):
                link.write(page, data)
        libnfc("nfc-mfultralight", "r", str(dump), port=sim.path)
    assert dump.read_bytes() == b"".join(stored_pages(state)[:-2]) + bytes(8)  # PWD and PACK read as zero
    assert dump.read_bytes()[16 : 16 + len(MESSAGE)] == MESSAGE


def test_our_driver_reads_the_bytes_that_libnfc_wrote(tmp_path: Path) -> None:
    """libnfc writes by the 16-byte COMPATIBILITY_WRITE; four times "no": CC, lock bits, dynamic lock bits, UID."""
    image = tmp_path / "image.mfd"
    with start(ONE_TAG) as sim:
        libnfc("nfc-mfultralight", "r", str(image), port=sim.path)
        content = bytearray(image.read_bytes())
        content[16 : 16 + len(MESSAGE)] = MESSAGE
        content[144:160] = bytes(range(16))
        image.write_bytes(content)
        shown = libnfc("nfc-mfultralight", "w", str(image), port=sim.path, answers="n\n" * 4)
        assert "0 pages failed" in shown
        with NfcpyReader(sim.path, fast_read_pages=60) as reader:
            link = reader.sense()
            assert link is not None
            assert link.fast_read(0, 39) == bytes(content[:160])


def test_libnfc_finds_the_reader_that_our_driver_left_unclosed() -> None:
    with start(ONE_TAG) as sim:
        reader = NfcpyReader(sim.path)
        link = reader.sense()
        assert link is not None
        reader.port._release()
        assert sim.unused.wait(10)
        assert UID.hex(sep=" ").replace(" ", "  ") in libnfc("nfc-list", port=sim.path)


def test_nfc_poll_sees_the_tag_come_and_go() -> None:
    """InAutoPoll; the tag is pulled while the tool waits for that."""
    with start(f"{ONE_TAG}&fault=pull@40") as sim:
        shown = libnfc("nfc-poll", port=sim.path)
        assert sim.faults_fired == ("pull@40",)
    assert "04  a1  b2  c3  d4  e5  f6" in shown
    assert "Waiting for card removing...done." in shown
