"""pcscd and the real libccid on the simulated ACR122U: found, powered, spoken to, pulled and replugged."""

import json
import subprocess
import sys
from typing import Any

from tests.needs import ROOT
from tests.usb_pcscd import needs_pcscd, pcscd_on
from tests.usb_rig import PLAIN, usb_rig

UID = "04a1b2c3d4e5f6"
ULTRALIGHT_FAMILY = "3b8f8001804f0ca0000003060300030000000068"


class Client:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, order: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def client(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.usb_pcsc_client"],
        env=PLAIN | environment | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_libccid_finds_the_reader_and_its_tag_and_carries_apdus() -> None:
    needs_pcscd()
    with usb_rig(f"acr122u?uid={UID}") as rig, pcscd_on(rig) as environment, client(environment) as process:
        pcsc = Client(process)
        assert pcsc.ask("readers 1")["readers"] == ["ACS ACR122U PICC Interface 00 00"]
        assert pcsc.ask("present")["atr"] == ULTRALIGHT_FAMILY
        uid, page, written, again, version = pcsc.ask(
            "apdu FFCA000000 FFB0000404 FFD600050411223344 FFB0000504 FF00000003D44260"
        )["answers"]
        assert uid == UID + "9000"
        assert page == "0103a00c9000"
        assert (written, again) == ("9000", "112233449000")
        assert version == "d5430000040402010" + "00f03" + "9000"
        process.kill()


def test_libccid_sees_a_tag_leave_and_another_come() -> None:
    needs_pcscd()
    query = f"acr122u?tags=NTAG213*2&uid={UID},04FFEEDDCCBBAA"
    with usb_rig(query) as rig, pcscd_on(rig) as environment, client(environment) as process:
        pcsc = Client(process)
        pcsc.ask("readers 1")
        pcsc.ask("present")
        rig.order(tag="remove")
        assert pcsc.ask("empty") == {"empty": True}
        rig.order(tag="swap")
        assert pcsc.ask("present")["atr"] == ULTRALIGHT_FAMILY
        assert pcsc.ask("apdu FFCA000000")["answers"] == ["04ffeeddccbbaa9000"]
        process.kill()


def test_libccid_loses_a_pulled_reader_and_finds_it_again() -> None:
    needs_pcscd()
    with usb_rig(f"acr122u?uid={UID}") as rig, pcscd_on(rig) as environment, client(environment) as process:
        pcsc = Client(process)
        pcsc.ask("readers 1")
        rig.order(reader="unplug")
        assert pcsc.ask("readers 0") == {"readers": []}
        rig.order(reader="replug")
        assert len(pcsc.ask("readers 1")["readers"]) == 1
        pcsc.ask("present")
        assert pcsc.ask("apdu FFCA000000")["answers"] == [UID + "9000"]
        process.kill()
