"""libnfc and libfreefare on the simulated PN532 in front of chips that are not Type 2: tools that are not ours."""

import os
import re
import subprocess

import pytest

from dpptag.sim import start
from tests.needs import program_path

UID = "04a1b2c3d4e5f6"
_PACKAGES = {
    "nfc-list": "libnfc-bin",
    "nfc-read-forum-tag3": "libnfc-examples",
    "mifare-desfire-info": "libfreefare-bin",
}


def said(tool: str, *arguments: str, port: str) -> str:
    """What one tool on the port says on both streams, in single blanks; its exit code is not looked at."""
    ended = subprocess.run(
        [program_path(tool, package=_PACKAGES[tool]), *arguments],
        env={**os.environ, "LIBNFC_DEFAULT_DEVICE": f"pn532_uart:{port}", "LIBNFC_AUTO_SCAN": "false"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return re.sub(r"[ \t]+", " ", ended.stdout + ended.stderr)


@pytest.mark.parametrize("speed", ["212", "424"])
def test_nfc_list_finds_a_felica_chip_at_either_speed(speed: str) -> None:
    with start("type=FELICA-LITE-S&uid=012E4CD1A2B3C4D5") as sim:
        shown = said("nfc-list", port=sim.path)
    found = shown.split(f"FeliCa ({speed} kbps) target:")
    assert len(found) == 2
    assert "ID (NFCID2): 01 2e 4c d1 a2 b3 c4 d5" in found[1]


def test_nfc_read_forum_tag3_reads_the_attribute_block() -> None:
    with start("type=FELICA-LITE-S") as sim:
        shown = said("nfc-read-forum-tag3", "-o", os.devnull, port=sim.path)
    assert "Maximum nr of blocks available for NDEF data: 13 blocks" in shown
    assert "Checksum: ok" in shown


@pytest.mark.parametrize(("kind", "ats"), [("NTAG424", "77 77 71 02 80"), ("DESFIRE-EV1", "75 77 81 02 80")])
def test_nfc_list_shows_the_ats_that_automatic_rats_brought(kind: str, ats: str) -> None:
    with start(f"type={kind}&uid={UID}") as sim:
        shown = said("nfc-list", port=sim.path)
    assert "SAK (SEL_RES): 20" in shown
    assert f"ATS: {ats}" in shown


def test_libfreefare_reads_the_version_of_a_desfire_chip_by_apdus() -> None:
    with start(f"type=DESFIRE-EV1&uid={UID}") as sim:
        shown = said("mifare-desfire-info", port=sim.path)
    assert f"UID: 0x{UID}" in shown
    assert "Master Key version: 0" in shown


def test_libnfc_does_not_see_a_15693_chip_through_a_pn532() -> None:
    with start("type=SLIX2") as sim:
        shown = said("nfc-list", "-v", port=sim.path)
    assert set(re.findall(r"(\d+) [^\n]* passive target", shown)) == {"0"}
