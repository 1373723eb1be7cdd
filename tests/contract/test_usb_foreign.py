"""Programs that are not ours on simulated USB readers: nfcpy, libnfc and lsusb find, read and write what is there.

No RF behaviour, no quirk of a real reader's firmware and no real timing is proved here.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import program_path
from tests.usb_rig import UsbRig, usb_rig

UID = "04a1b2c3d4e5f6"
MESSAGE = "d1011055046578616d706c652e636f6d2f616263"
READERS = {
    "acr122u": ("usb:072f:2200", "ACS ACR122U PN532v1.6"),
    "pn533": ("usb:04cc:2533", "SensorID StickID PN533v2.7"),
    "rcs380": ("usb:054c:06c1", "SONY RC-S380/S NFC Port-100 v1.11"),
}
WRITE = "import sys; from tests.usb_nfcpy import write_and_read; write_and_read(*sys.argv[1:])"


@pytest.mark.parametrize("model", READERS)
def test_nfcpy_finds_the_reader_and_names_its_tag(model: str) -> None:
    path, name = READERS[model]
    with usb_rig(f"{model}?uid={UID}") as rig:
        found = rig.call("tests.usb_nfcpy:about", path=path)
    assert found["device"].startswith(name)
    assert found["tag"] == ["NTAG213", "NXP NTAG213", UID]


@pytest.mark.parametrize("model", READERS)
def test_nfcpy_writes_and_reads_an_ntag213(model: str) -> None:
    with usb_rig(f"{model}?uid={UID}") as rig:
        done = rig.call("tests.usb_nfcpy:write_and_read", path=READERS[model][0], message=MESSAGE)
        assert done == {"changed": False, "octets": MESSAGE, "product": "NXP NTAG213"}
        assert rig.call("tests.usb_nfcpy:read", path=READERS[model][0]) == MESSAGE


@pytest.mark.parametrize("model", READERS)
def test_a_reader_opens_again_after_it_was_closed(model: str) -> None:
    with usb_rig(f"{model}?uid={UID}") as rig:
        assert rig.call("tests.usb_nfcpy:open_twice", path=READERS[model][0]) == [UID, UID]


def test_a_second_client_is_told_that_the_reader_is_busy() -> None:
    with usb_rig("pn533") as rig:
        assert rig.call("tests.usb_nfcpy:second_client", path="usb:04cc:2533") == "Device or resource busy"


def test_a_kernel_driver_keeps_the_reader_from_nfcpy() -> None:
    with usb_rig("pn533?driver=pn533_usb") as rig:
        assert rig.call("tests.usb_nfcpy:open_errno", path="usb:04cc:2533") == 16  # EBUSY


def test_two_equal_readers_keep_their_ports_and_their_tags() -> None:
    with usb_rig(f"acr122u?uid={UID}", "acr122u?uid=04FFEEDDCCBBAA") as rig:
        first, second = rig.readers
        assert (first["port"], second["port"]) == ("1-1", "1-2")
        found = [
            rig.call("tests.usb_nfcpy:about", path=f"usb:001:{one['devnum']:03d}")["tag"][2] for one in rig.readers
        ]
    assert found == [UID, "04ffeeddccbbaa"]


def test_a_pulled_reader_fails_at_once_and_a_replugged_one_has_a_new_number() -> None:
    with usb_rig(f"rcs380?uid={UID}") as rig:
        code = "from tests.usb_nfcpy import until_unplugged; print(until_unplugged('usb:054c:06c1'))"
        with rig.popen(sys.executable, "-c", code) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            rig.order(reader="unplug")
            assert child.stdout.readline() == "No such device\n"
        assert rig.order(reader="replug")["devnum"] == 3
        assert rig.call("tests.usb_nfcpy:about", path="usb:054c:06c1")["tag"][2] == UID


@pytest.mark.parametrize("model", READERS)
def test_a_tag_that_is_taken_away_is_not_found_until_it_is_back(model: str) -> None:
    path = READERS[model][0]
    with usb_rig(f"{model}?uid={UID}") as rig:
        rig.order(tag="remove")
        assert rig.call("tests.usb_nfcpy:about", path=path)["tag"] is None
        rig.order(tag="insert")
        assert rig.call("tests.usb_nfcpy:about", path=path)["tag"][2] == UID


@pytest.mark.parametrize("fault", ["garbage@20", "short@20", "hold@20", "hold-after@20"])
@pytest.mark.parametrize("model", READERS)
def test_a_fault_of_the_reader_fires_and_the_next_opening_works(model: str, fault: str) -> None:
    path = READERS[model][0]
    with usb_rig(f"{model}?uid={UID}&fault={fault}") as rig:
        with rig.popen(sys.executable, "-c", WRITE, path, MESSAGE, stderr=subprocess.DEVNULL) as child:
            assert rig.event("fired") == {"fired": fault, "host_command": 20, "port": "1-1"}
            child.kill()  # nfcpy waits for a silent RC-S380 without any limit
        if fault.startswith("hold"):
            assert rig.event("held")["held"] == 20
            assert rig.event("released")["released"] == 20
        assert rig.call("tests.usb_nfcpy:about", path=path)["tag"][2] == UID


def test_lsusb_lists_the_readers_with_their_strings() -> None:
    lsusb = program_path("lsusb", package="usbutils")
    with usb_rig("acr122u", "pn533", "rcs380") as rig:
        listed = rig.run(str(lsusb)).stdout
        verbose = rig.run(str(lsusb), "-v", "-d", "072f:2200").stdout
    assert [line[:33] for line in sorted(listed.splitlines())[1:]] == [
        "Bus 001 Device 002: ID 072f:2200 ",
        "Bus 001 Device 003: ID 04cc:2533 ",
        "Bus 001 Device 004: ID 054c:06c1 ",
    ]
    assert "ACR122U PICC Interface" in verbose
    assert "dwMaxCCIDMsgLen       271" in verbose


LIBNFC = {"acr122u": "ACS / ACR122U PICC Interface", "pn533": "NXP / PN533"}


def libnfc(rig: UsbRig, program: str, *arguments: str, input: str = "") -> str:
    path = program_path(program, package="libnfc-bin" if program == "nfc-list" else "libnfc-examples")
    return rig.run(str(path), *arguments, input=input).stdout


@pytest.mark.parametrize("model", LIBNFC)
def test_libnfc_lists_the_tag(model: str) -> None:
    program_path("nfc-list", package="libnfc-bin")
    with usb_rig(f"{model}?uid={UID}") as rig:
        listed = libnfc(rig, "nfc-list")
    assert f"NFC device: {LIBNFC[model]} opened" in listed
    assert "UID (NFCID1): 04  a1  b2  c3  d4  e5  f6" in listed


@pytest.mark.parametrize("model", LIBNFC)
def test_libnfc_dumps_what_nfcpy_wrote_and_nfcpy_reads_what_libnfc_wrote(model: str, tmp_path: Path) -> None:
    program_path("nfc-mfultralight", package="libnfc-bin")
    path, dump = READERS[model][0], tmp_path / "dump.mfd"
    with usb_rig(f"{model}?uid={UID}") as rig:
        rig.call("tests.usb_nfcpy:write_and_read", path=path, message=MESSAGE)
        libnfc(rig, "nfc-mfultralight", "r", str(dump))
        image = dump.read_bytes()
        assert len(image) == 180
        assert bytes.fromhex("0314" + MESSAGE + "FE") in image
        changed = image.replace(b"example.com/abc", b"example.com/xyz")
        dump.write_bytes(changed)
        assert "0 pages failed" in libnfc(rig, "nfc-mfultralight", "w", str(dump), input="n\nn\nn\nn\n")
        assert rig.call("tests.usb_nfcpy:read", path=path) == MESSAGE.replace("616263", "78797a")
