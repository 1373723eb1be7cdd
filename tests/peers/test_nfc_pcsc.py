"""npm's nfc-pcsc 0.8.1 (Node.js, pcscd and vpcd) on simulated PC/SC readers: it reads tags that we wrote, and writes
tags that we read. Its ways are those of the storage card (FF CA, FF B0, FF D6), and plain APDUs for Type 4."""

import json
import os
import subprocess
from typing import Any

import pytest

from tests import tag_client
from tests.needs import ROOT, node_with_nfc_pcsc
from tests.pcsc_rig import ONE_TAG, UID, PcscRig, pcsc_rig

CLASSES = ["acr122u", "acr1252u", "acr1552u", "omnikey"]
MESSAGE = bytes.fromhex("D101175504") + b"id.example.com/01/0952"
OTHER = bytes.fromhex("D101175504") + b"id.example.org/01/9999"
NDEF_AID = "D2760000850101"
NDEF_FILES = {"NTAG424": "E104", "DESFIRE-EV1": "E104", "DESFIRE-EV3": "E104", "ST25TA02K": "0001"}
SCRIPT = ROOT / "tests" / "peers" / "peer_nfc_pcsc.js"


@pytest.fixture
def rig() -> PcscRig:
    node_with_nfc_pcsc()
    return pcsc_rig()


def nfc_pcsc(**job: Any) -> dict[str, Any]:
    node, folder = node_with_nfc_pcsc()
    ended = subprocess.run(
        [node, SCRIPT],
        input=json.dumps({"write": None, "read": None, "aid": None, "send": [], **job}),
        env={**os.environ, "NODE_PATH": str(folder / "node_modules")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def area(message: bytes) -> bytes:
    """The TLV of a message, in whole pages."""
    tlv = bytes((0x03, len(message))) + message + b"\xfe"
    return tlv + bytes(-len(tlv) % 4)


@pytest.mark.parametrize("reader_class", CLASSES)
def test_it_reads_an_ntag213_that_we_wrote(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    tag_client.write(f"pcsc:{name}", MESSAGE.hex())
    told = nfc_pcsc(read=[4, 144])
    assert (told["reader"], told["uid"], told["standard"]) == (name, UID.hex(), "TAG_ISO_14443_3")
    assert told["read"] == area(MESSAGE).ljust(144, b"\x00").hex()


@pytest.mark.parametrize("reader_class", CLASSES)
def test_we_read_the_message_that_it_wrote(rig: PcscRig, reader_class: str) -> None:
    name = rig.setup("--class", reader_class, ONE_TAG)
    tag_client.write(f"pcsc:{name}", MESSAGE.hex())
    nfc_pcsc(write=[4, area(OTHER).hex()])
    assert tag_client.read(f"pcsc:{name}") == OTHER.hex()


def test_it_is_told_of_a_page_that_the_chip_refuses(rig: PcscRig) -> None:
    rig.setup("--class", "acr122u", ONE_TAG)
    with pytest.raises(AssertionError, match="WriteError operation_failed"):
        nfc_pcsc(write=[200, "01020304"])


@pytest.mark.parametrize("kind", NDEF_FILES)
def test_it_reads_and_writes_a_type_4_tag_in_turns_with_us(rig: PcscRig, kind: str) -> None:
    name = rig.setup("--class", "acr1252u", f"tags={kind}")
    tag_client.write(f"pcsc:{name}", MESSAGE.hex())
    select = f"00A4000C02{NDEF_FILES[kind]}"
    told = nfc_pcsc(aid=NDEF_AID, send=[select, f"00B00000{2 + len(MESSAGE):02X}"])
    assert told["standard"] == "TAG_ISO_14443_4"
    assert told["answers"] == ["9000", f"00{len(MESSAGE):02x}{MESSAGE.hex()}9000"]
    file = len(OTHER).to_bytes(2, "big") + OTHER
    told = nfc_pcsc(aid=NDEF_AID, send=[select, f"00D60000{len(file):02X}{file.hex()}"])
    assert told["answers"] == ["9000", "9000"]
    assert tag_client.read(f"pcsc:{name}") == OTHER.hex()
