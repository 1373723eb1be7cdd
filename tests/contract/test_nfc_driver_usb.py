"""The nfcpy driver on simulated USB readers, against what ``links`` promises: usbfs is where the simulation begins.

No RF behaviour, no quirk of a real reader's firmware and no real timing is proved here.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpptag.sim.usb.testbed import PRELOAD
from tests.usb_rig import PLAIN, SOURCE, SYSTEM_PYTHON, UsbRig, needs_umockdev, usb_rig

UID = "04a1b2c3d4e5f6"
READERS = {"acr122u": "nfc:usb:072f:2200", "pn533": "nfc:usb:04cc:2533", "rcs380": "nfc:usb:054c:06c1"}
TAGS = {"NTAG216": "TYPE2", "NTAG424": "TYPE4", "FELICA-LITE-S": "TYPE3"}
FIRMWARE = {"acr122u": "ACR122U215, PN532v1.6", "pn533": "PN533v2.7", "rcs380": "NFC Port-100 v1.11"}


def call(rig: UsbRig, function: str, **keywords: object) -> object:
    return rig.call(f"tests.usb_driver:{function}", **keywords)


@pytest.mark.parametrize("model", READERS)
def test_an_opened_reader_says_what_it_is(model: str) -> None:
    with usb_rig(f"{model}?uid={UID}") as rig:
        told = rig.call("tests.usb_driver:about", path=READERS[model])
    assert (told["driver"], told["firmware"]) == ("nfcpy 1.0.4", FIRMWARE[model])
    assert (told["tag"], told["uid"], told["warnings"]) == ("TYPE2", UID, [])


@pytest.mark.parametrize("model", READERS)
@pytest.mark.parametrize("tag", TAGS)
def test_one_exchange_is_one_host_command_on_every_chip_set(model: str, tag: str) -> None:
    with usb_rig(f"{model}?tags={tag}") as rig:
        counts = [0]
        for times in (2, 12):
            call(rig, "exchanges", path=READERS[model], times=times)
            counts.append(rig.state()["host_commands"])
    opening, longer = counts[1] - counts[0], counts[2] - counts[1]
    assert longer - opening == 10


@pytest.mark.parametrize(("model", "commands"), [("acr122u", 2), ("pn533", 2), ("rcs380", 7)])
def test_sensing_a_type_2_tag_again_costs(model: str, commands: int) -> None:
    """PN53x: InListPassiveTarget, receive CRC off. RC-S380: settings, REQA, settings, and four for two cascade levels;
    one more REQA for the tag that was active."""
    with usb_rig(f"{model}?uid={UID}") as rig:
        counts = [0]
        for times in (2, 12):
            assert call(rig, "sensed", path=READERS[model], times=times) == [UID] * times
            counts.append(rig.state()["host_commands"])
    opening, longer = counts[1] - counts[0], counts[2] - counts[1]
    assert (longer - opening) / 10 in (commands, commands + 1)


@pytest.mark.parametrize(("model", "signals"), [("acr122u", True), ("pn533", False), ("rcs380", False)])
def test_a_reader_with_a_buzzer_signals(model: str, signals: bool) -> None:
    with usb_rig(model) as rig:
        assert call(rig, "signal", path=READERS[model]) is signals


@pytest.mark.parametrize("model", READERS)
def test_a_password_and_a_secret_page_are_masked_in_the_traffic(model: str) -> None:
    with usb_rig(f"{model}?uid={UID}") as rig:
        records = rig.call("tests.usb_driver:traffic", path=READERS[model])
    text = "\n".join(records)
    assert "deadbeef" not in text
    assert "cafebabe" not in text
    assert "a214********" in text
    assert "1b********" in text


@contextlib.contextmanager
def clone(text: str) -> Iterator[UsbRig]:
    """An ACR122U that names itself otherwise."""
    needs_umockdev()
    script = (
        "import sys\nfrom dpptag.sim import pseudo_apdu\nfrom dpptag.sim.usb.__main__ import main\n"
        f"pseudo_apdu._FIRMWARE = {text.encode()!r}\nsys.exit(main(['--reader', 'acr122u?uid={UID}']))"
    )
    with subprocess.Popen(
        [SYSTEM_PYTHON, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # With the preload in its environment already, the simulator does not start itself anew.
        env=PLAIN | {"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1", "LD_PRELOAD": PRELOAD},
    ) as process:
        yield UsbRig(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("text", ["ACR122U102", "ACR122T201", "NFC Reader", ""])
def test_an_acr122u_clone_is_used_with_a_warning(text: str) -> None:
    with clone(text) as rig:
        told = rig.call("tests.usb_driver:about", path=READERS["acr122u"])
    assert told["uid"] == UID
    assert told["firmware"] == f"{text}, PN532v1.6"
    assert [text in warning and "clone" in warning for warning in told["warnings"]] == [True]


# Choosing the reader


def test_two_equal_readers_are_told_apart_by_their_ports() -> None:
    with usb_rig(f"acr122u?uid={UID}&port=1-2", "acr122u?uid=04FFEEDDCCBBAA&port=1-4") as rig:
        found = [
            rig.call("tests.usb_driver:about", path=f"{READERS['acr122u']}@{port}")["uid"] for port in ("1-4", "1-2")
        ]
        told = rig.call("tests.usb_driver:refusal", path=READERS["acr122u"])
    assert found == ["04ffeeddccbbaa", UID]
    assert (told["error"], told["code"]) == ("DeviceNotFound", "device-ambiguous")
    assert "nfc:usb:072f:2200@1-2" in told["action"]
    assert "nfc:usb:072f:2200@1-4" in told["action"]


def test_a_reader_at_another_port_is_not_taken_for_the_one_that_was_named() -> None:
    with usb_rig("pn533?port=1-3") as rig:
        told = rig.call("tests.usb_driver:refusal", path=f"{READERS['pn533']}@1-2")
    assert told["error"] == "DeviceNotFound"
    assert "nfc:usb:04cc:2533@1-3" in told["action"]


def test_a_kernel_driver_that_holds_the_reader_is_named() -> None:
    with usb_rig("pn533?driver=pn533_usb") as rig:
        told = rig.call("tests.usb_driver:refusal", path=READERS["pn533"])
    assert (told["error"], told["code"]) == ("DeviceBusy", "device-kernel-driver")
    assert told["facts"]["driver"] == "pn533_usb"
    assert "modprobe -r pn533_usb" in told["action"]


def test_a_reader_that_another_process_holds_is_busy_and_the_process_is_named() -> None:
    script = str(Path(__file__).resolve().parents[1] / "usb_driver.py")
    with usb_rig("pn533") as rig, rig.popen(sys.executable, script, READERS["pn533"]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().startswith("sensed ")
        told = rig.call("tests.usb_driver:refusal", path=READERS["pn533"])
        assert (told["error"], told["facts"]["holder"]) == ("DeviceBusy", holder.pid)
        holder.kill()


# Coming and going


@pytest.mark.parametrize("model", READERS)
def test_a_reader_pulled_and_replugged_is_found_again_by_the_same_process(model: str) -> None:
    script = str(Path(__file__).resolve().parents[1] / "usb_driver.py")
    with usb_rig(f"{model}?uid={UID}") as rig, rig.popen(sys.executable, script, f"{READERS[model]}") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == f"sensed {UID}\n"
        rig.order(reader="unplug")
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline().startswith("DeviceLost ")
        child.stdin.write("\n")
        child.stdin.flush()
        assert rig.order(reader="replug")["devnum"] == 3
        assert child.stdout.readline() == f"sensed {UID}\n"


@pytest.mark.parametrize("model", READERS)
def test_one_process_may_open_and_close_often_and_keeps_nothing(model: str) -> None:
    with usb_rig(f"{model}?uid={UID}") as rig:
        counts = rig.call("tests.usb_driver:descriptors_after", path=READERS[model], openings=5)
    assert len(set(counts)) == 1, counts


@pytest.mark.parametrize("model", READERS)
@pytest.mark.parametrize("fault", ["no-answer@20", "garbage@20", "short@20"])
def test_a_fault_of_the_reader_is_an_error_of_the_device_and_the_next_opening_works(model: str, fault: str) -> None:
    with usb_rig(f"{model}?uid={UID}&fault={fault}") as rig:
        told = rig.call("tests.usb_driver:refusal", path=READERS[model], senses=12)
        assert told["error"] in ("DeviceLost", "DeviceProtocolError"), told
        assert rig.state()["fired"] == [fault]
        assert rig.call("tests.usb_driver:about", path=READERS[model])["uid"] == UID
