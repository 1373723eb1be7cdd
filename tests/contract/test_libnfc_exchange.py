"""libnfc 1.8.0 and libfreefare 0.4.0 over every reader of ours that they drive: they read what we wrote, and write what
we read. Their tools are run as they come from Debian.

libfreefare proves the NDEF application's key before it reads or writes, and that as a DES key. An application that we
format has an AES key, so its tools refuse what every phone reads; they take turns with us on applications of their own.

Known faults of the tools, not of the simulators: nfc-read-forum-tag3 prints what stands in its memory behind the blocks
that it has read; libfreefare knows no NTAG21x and calls it Ultralight; nfc-mfultralight takes the NAK of a chip without
GET_VERSION for a version, and so reads neither NTAG203 nor the first Ultralight.
"""

from pathlib import Path

import pytest

from dpptag import tags
from dpptag.devices.nfcpy import NfcpyReader
from dpptag.links import Technology
from dpptag.sim import start
from dpptag.tags import Lock, Protection
from tests.libnfc_bench import READERS, Bench, bench, bench_of

UID = "04A1B2C3D4E5F6"
IDM = "03FE010203040506"
MESSAGE = bytes.fromhex("D101175504") + b"id.example.com/01/0952"
OTHER = bytes.fromhex("D101175504") + b"id.example.org/01/9999"
LONG = bytes.fromhex("C1010000010055") + b"\x04" + bytes(range(48, 123)) * 3 + bytes(range(48, 78))
ASKED = "n\n" * 4  # nfc-mfultralight: CC, lock bits, dynamic lock bits, UID

NTAG213_HEAD = bytes.fromhex("04A1B29F C3D4E5F6 04480000 E1101200")
NTAG213_TAIL = bytes.fromhex("000000BD 040000FF 00050000 00000000 00000000")
"""Dynamic lock, CFG0, CFG1 as delivered, PWD and PACK read as zero (NTAG213_215_216 rev 3.2 section 8.5)."""


def ntag213(message: bytes) -> bytes:
    """The whole chip with a message, from the data sheet."""
    area = bytes((0x03, len(message))) + message + b"\xfe"
    return NTAG213_HEAD + area.ljust(144, b"\x00") + NTAG213_TAIL


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


NAMED = {
    "NTAG213": ("ATQA (SENS_RES): 00 44", "SAK (SEL_RES): 00", "* MIFARE Ultralight\n"),
    "NTAG424": ("ATQA (SENS_RES): 03 44", "* Max Frame Size accepted by PICC: 128 bytes", "* MIFARE DESFire EV1"),
    "DESFIRE-EV1": ("ATQA (SENS_RES): 03 44", "* Max Frame Size accepted by PICC: 64 bytes", "* MIFARE DESFire EV1"),
}


@pytest.mark.parametrize("kind", NAMED)
def test_nfc_list_tells_what_chip_it_may_be(reader: str, kind: str) -> None:
    with bench(reader, f"tags={kind}&uid={UID}") as on:
        shown = on.tool("nfc-list", "-v")
    assert "UID (NFCID1): 04 a1 b2 c3 d4 e5 f6" in shown
    assert [wanted for wanted in NAMED[kind] if wanted not in shown] == []


def test_nfc_list_finds_a_felica_chip(reader: str) -> None:
    with bench(reader, f"tags=FELICA-LITE-S&uid={IDM}") as on:
        shown = on.tool("nfc-list", "-v")
    assert "FeliCa (212 kbps) target:\n ID (NFCID2): 03 fe 01 02 03 04 05 06" in shown
    assert "System Code (SC): 88 b4" in shown


# Type 2


def dumped(on: Bench, file: Path) -> bytes:
    on.tool("nfc-mfultralight", "r", file)
    return file.read_bytes()


def test_libnfc_dumps_an_ntag213_that_we_wrote_byte_for_byte(reader: str, tmp_path: Path) -> None:
    with bench(reader, f"uid={UID}") as on:
        assert on.write(MESSAGE) == "NTAG213"
        assert dumped(on, tmp_path / "dump").hex(" ", 4) == ntag213(MESSAGE).hex(" ", 4)


def test_we_read_the_image_that_libnfc_wrote(reader: str, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(ntag213(OTHER))
    with bench(reader, f"uid={UID}") as on:
        on.write(MESSAGE)
        assert "0 pages failed" in on.tool("nfc-mfultralight", "w", image, input=ASKED)
        assert on.read() == OTHER


@pytest.mark.parametrize(
    ("kind", "pages"),
    [
        ("NTAG210", 20),
        ("NTAG212", 41),
        ("NTAG215", 135),
        ("NTAG216", 231),
        ("ULTRALIGHT-EV1-48", 20),
        ("ULTRALIGHT-EV1-128", 41),
    ],
)
def test_libnfc_and_we_take_turns_on_every_type_2_chip_that_it_knows(tmp_path: Path, kind: str, pages: int) -> None:
    image = tmp_path / "image"
    with bench("pn532-uart", f"tags={kind}&uid={UID}") as on:
        on.write(MESSAGE, allow_format=True)
        content = dumped(on, image)
        assert len(content) == 4 * pages
        assert content[16 : 16 + 30] == bytes((3, len(MESSAGE))) + MESSAGE + b"\xfe"
        image.write_bytes(content.replace(MESSAGE, OTHER))
        assert "0 pages failed" in on.tool("nfc-mfultralight", "w", image, input=ASKED)
        assert on.read() == OTHER


class OnePassword:
    """A master key that gives every chip the same key."""

    def key(self, uid: bytes, purpose: str) -> bytes:
        return bytes(range(0xA0, 0xB0))

    def derivation(self, uid: bytes, purposes: tuple[str, ...]) -> str:
        return "one for all"


def protected(port: str, protection: Protection) -> None:
    """Write, then protect by our family."""
    with NfcpyReader(port, simulated=True) as opened:
        link = opened.sense()
        assert link is not None
        assert link.technology is Technology.TYPE2
        tags.write_and_verify(link, tags.identify(link), MESSAGE)
        keys = OnePassword()
        tags.protect(link, tags.plan_protection(tags.identify(link), protection, keys), keys)


def test_libnfc_proves_the_password_that_we_set_and_writes_with_it_alone(tmp_path: Path) -> None:
    """It writes nothing without; with it the chip answers with our PACK, and the pages are written."""
    image = tmp_path / "image"
    with start(f"uid={UID}") as sim:
        protected(sim.path, Protection(password=True))
        on = bench_of(sim.path)
        image.write_bytes(ntag213(OTHER))
        assert "0 of 45 pages written" in on.tool("nfc-mfultralight", "w", image, input=ASKED)
        assert on.read() == MESSAGE
        shown = on.tool("nfc-mfultralight", "w", image, "--pw", "A0A1A2A3", input=ASKED)
        assert "Success - PACK: a4a5" in shown
        assert "(5 pages skipped, 0 pages failed)" in shown
        assert on.read() == OTHER


def test_libnfc_writes_no_page_of_a_tag_that_we_locked(tmp_path: Path) -> None:
    """User pages 4 to 39 fail; the four of configuration and password are not in a lock that says nothing of them."""
    image = tmp_path / "image"
    image.write_bytes(ntag213(OTHER))
    with start(f"uid={UID}") as sim:
        protected(sim.path, Protection(lock=Lock.PERMANENT))
        on = bench_of(sim.path)
        assert "36 pages failed" in on.tool("nfc-mfultralight", "w", image, input=ASKED)
        left = dumped(on, tmp_path / "dump")
    assert left[16:160] == ntag213(MESSAGE)[16:160]
    assert left[12:16].hex() == "e110120f"


def test_libfreefare_takes_an_ntag213_for_an_ultralight(reader: str) -> None:
    with bench(reader, f"uid={UID}") as on:
        assert on.tool("mifare-ultralight-info").strip() == f"Tag with UID {UID.lower()} is a Mifare UltraLight"


# Type 3


def test_libnfc_reads_the_felica_message_that_we_wrote(reader: str, tmp_path: Path) -> None:
    found = tmp_path / "message"
    with bench(reader, f"tags=FELICA-LITE-S&uid={IDM}") as on:
        on.write(MESSAGE)
        on.tool("nfc-read-forum-tag3", "-o", found)
    assert found.read_bytes()[: len(MESSAGE)] == MESSAGE


# Type 4: DESFire EV1


def freefare_reads(on: Bench, file: Path) -> bytes:
    on.tool("mifare-desfire-read-ndef", "-y", "-o", file)
    return file.read_bytes()


def freefare_writes(on: Bench, file: Path, message: bytes) -> None:
    file.write_bytes(message)
    on.tool("mifare-desfire-write-ndef", "-y", "-i", file)


def test_libfreefare_tells_a_desfire_ev1(reader: str) -> None:
    with bench(reader, f"tags=DESFIRE-EV1-BLANK&uid={UID}") as on:
        shown = on.tool("mifare-desfire-info")
    assert f"UID: 0x{UID.lower()}" in shown
    assert "Storage size: 0x1a (=8192 bytes)" in shown
    assert "Free memory: 8192 bytes" in shown
    assert "0x04 PICC Master Key not required for create / delete;" in shown


def test_libfreefare_and_we_take_turns_on_a_desfire_that_it_formatted(reader: str, tmp_path: Path) -> None:
    """What it writes is longer than one of its frames."""
    with bench(reader, f"tags=DESFIRE-EV1-BLANK&uid={UID}") as on:
        on.tool("mifare-desfire-create-ndef", "-y")
        assert on.read() == b""
        freefare_writes(on, tmp_path / "in", LONG)
        assert on.read() == LONG
        assert on.write(OTHER) == "DESFire EV1"
        assert freefare_reads(on, tmp_path / "out") == OTHER


def test_libfreefare_reads_a_long_message_that_we_wrote(reader: str, tmp_path: Path) -> None:
    with bench(reader, f"tags=DESFIRE-EV1&uid={UID}") as on:
        on.write(LONG)
        assert freefare_reads(on, tmp_path / "out") == LONG
