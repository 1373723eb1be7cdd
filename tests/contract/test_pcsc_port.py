"""Two equal PC/SC readers are told apart by the USB port they hang on, whatever PC/SC calls them now."""

import json
import subprocess
import sys

from tests.needs import ROOT
from tests.usb_pcscd import needs_pcscd, pcscd_on
from tests.usb_rig import PLAIN, SOURCE, UsbRig, usb_rig

LEFT, RIGHT = "04a10000000001", "04a10000000002"


def dpptag(rig: UsbRig, service: dict[str, str], *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "dpptag", *arguments, "--json"],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SOURCE), **rig.environment, **service},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    value = json.loads(done.stdout)
    return {"readers": value} if isinstance(value, list) else dict(value)


def wait_for(count: int, service: dict[str, str]) -> None:
    """Until PC/SC knows so many readers: it tells of a change by itself."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.usb_pcsc_client"],
        env=PLAIN | service | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        input=f"readers {count}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert len(json.loads(done.stdout.splitlines()[0])["readers"]) == count


def test_equal_readers_keep_their_paths_when_pcsc_swaps_their_names() -> None:
    needs_pcscd()
    readers = (f"acr122u?uid={LEFT}&port=1-1", f"acr122u?uid={RIGHT}&port=1-2")
    with usb_rig(*readers) as rig, pcscd_on(rig) as service:
        wait_for(2, service)
        listed = dpptag(rig, service, "devices", "list")["readers"]
        assert isinstance(listed, list)
        paths = {reader["port"]: reader["device"] for reader in listed if reader["port"]}
        assert paths == {"1-1": "pcsc:ACS ACR122@1-1", "1-2": "pcsc:ACS ACR122@1-2"}
        for _ in range(2):
            for port, chip in (("1-1", LEFT), ("1-2", RIGHT)):
                assert dpptag(rig, service, "tag", "read", "--device", paths[port])["chip"] == chip
            rig.order(reader="unplug", port="1-1")
            wait_for(1, service)
            gone = dpptag(rig, service, "tag", "read", "--device", paths["1-1"])["error"]
            assert isinstance(gone, dict)
            assert (gone["code"], gone["exit_code"]) == ("device-not-found", 3)
            rig.order(reader="replug", port="1-1")
            wait_for(2, service)


_HELD_TWICE = """
from dpptag.devices import open_nfc, parse_device_path
from dpptag.errors import DeviceBusy
path = parse_device_path("pcsc:ACS ACR122@1-1")
with open_nfc(path) as reader:
    assert reader.sense() is not None
    try:
        open_nfc(path)
    except DeviceBusy as error:
        print(error.code)
"""


def test_a_reader_that_somebody_holds_is_busy_and_not_missing() -> None:
    needs_pcscd()
    with usb_rig(f"acr122u?uid={LEFT}&port=1-1") as rig, pcscd_on(rig) as service:
        wait_for(1, service)
        done = subprocess.run(
            [sys.executable, "-c", _HELD_TWICE],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SOURCE), **rig.environment, **service},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "device-busy\n", done.stderr


_HELD_TO_ITS_PORT = """
import sys
from dpptag.devices import open_nfc_lasting, parse_device_path
from dpptag.errors import DeviceLost
with open_nfc_lasting(parse_device_path("pcsc:ACS ACR122U PICC Interface 01 00")) as reader:
    print(reader.sense().uid.hex(), flush=True)
    sys.stdin.readline()
    link = None
    while link is None:
        try:
            link = reader.sense()
        except DeviceLost:
            pass
    print(link.uid.hex(), flush=True)
"""


def test_a_reader_of_a_job_is_itself_again_after_both_were_pulled_and_came_back_the_other_way_round() -> None:
    needs_pcscd()
    readers = (f"acr122u?uid={LEFT}&port=1-1", f"acr122u?uid={RIGHT}&port=1-2")
    with usb_rig(*readers) as rig, pcscd_on(rig) as service:
        wait_for(2, service)
        with subprocess.Popen(
            [sys.executable, "-c", _HELD_TO_ITS_PORT],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SOURCE), **rig.environment, **service},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as job:
            assert job.stdin is not None
            assert job.stdout is not None
            chip = job.stdout.readline()
            mine, other = ("1-1", "1-2") if chip == f"{LEFT}\n" else ("1-2", "1-1")
            rig.order(reader="unplug", port=other)
            rig.order(reader="unplug", port=mine)
            wait_for(0, service)
            rig.order(reader="replug", port=mine)  # was the second, is the first now
            wait_for(1, service)
            rig.order(reader="replug", port=other)
            wait_for(2, service)
            job.stdin.write("\n")
            job.stdin.flush()
            assert job.stdout.readline() == chip
