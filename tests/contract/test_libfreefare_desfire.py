"""DESFire cards as this program protects them, in the eyes of libfreefare: its tools and its library, not ours.

Its NDEF tools authenticate with DES keys alone, so the message is read by its library, which knows AES keys too.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dpptag.devices.nfcpy import NfcpyReader
from dpptag.sim import SimulatedReader, start
from dpptag.tags import Lock, Protection, apply, identify, plan_protection, plan_write, protect
from dpptag.tags.desfire import APPLICATION_PURPOSE, CARD_PURPOSE
from tests.needs import program_path
from tests.unit.tags.type4_rig import KEYS, MESSAGE

CLIENT = Path(__file__).resolve().parents[1] / "freefare_desfire.py"
UID = bytes.fromhex("04A1B2C3D4E5F6")
PASSWORD = Protection(password=True)
BOTH = Protection(password=True, lock=Lock.PERMANENT)
CARD_AES = KEYS.key(UID, CARD_PURPOSE).hex()
NDEF_AES = KEYS.key(UID, APPLICATION_PURPOSE).hex()
FILE = len(MESSAGE).to_bytes(2, "big") + MESSAGE
KINDS = ["DESFIRE-EV1", "DESFIRE-EV2", "DESFIRE-EV3"]


def said(tool: str, *arguments: str, port: str) -> str:
    """What a libfreefare tool says on both streams, in single blanks, and its exit code."""
    ended = _run(port, str(program_path(tool, package="libfreefare-bin")), *arguments)
    return re.sub(r"[ \t]+", " ", ended.stdout + ended.stderr) + f"exit {ended.returncode}"


def library(*steps: str, port: str) -> list[Any]:
    """What each step of the client on the library gave."""
    program_path("mifare-desfire-info", package="libfreefare-bin")
    ended = _run(port, sys.executable, str(CLIENT), *steps)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told: list[Any] = json.loads(ended.stdout)
    return told


def _run(port: str, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "LIBNFC_DEFAULT_DEVICE": f"pn532_uart:{port}", "LIBNFC_AUTO_SCAN": "false"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(params=KINDS)
def card(request: pytest.FixtureRequest) -> Iterator[SimulatedReader]:
    """A blank card that this program has formatted and written."""
    with start(f"type={request.param}-BLANK&uid={UID.hex()}") as sim:
        with NfcpyReader(sim.path) as reader:
            link = reader.sense()
            assert link is not None
            apply(link, plan_write(identify(link), MESSAGE, allow_format=True))
        yield sim


def protected(sim: SimulatedReader, protection: Protection) -> str:
    with NfcpyReader(sim.path) as reader:
        link = reader.sense()
        assert link is not None
        protect(link, plan_protection(identify(link), protection, KEYS), KEYS)
    return sim.path


def test_before_a_protection_the_delivered_key_erases_the_card(card: SimulatedReader) -> None:
    shown = said("mifare-desfire-info", port=card.path)
    assert "Master Key settings (0x0f)" in shown
    assert "Master Key version: 0" in shown
    assert said("mifare-desfire-format", "-y", port=card.path).endswith("exit 0")
    assert library("select 000001", port=card.path) == ["refused a0"]


@pytest.mark.parametrize("protection", [PASSWORD, BOTH], ids=["password", "password+lock"])
def test_after_a_protection_the_delivered_key_does_nothing_and_the_message_is_there(
    card: SimulatedReader, protection: Protection
) -> None:
    port = protected(card, protection)
    shown = said("mifare-desfire-info", port=port)
    assert "Master Key settings (0x0b)" in shown
    assert "Master Key version: 1" in shown
    refused = said("mifare-desfire-format", "-y", port=port)
    assert "Can't authenticate" in refused
    assert refused.endswith("exit 1")
    told = library("select 000001", f"read 2 {len(FILE):x}", "get-settings", "get-version", port=port)
    assert told == ["done", FILE.hex(), [0x02 if protection is BOTH else 0x0B, 1], 1]
    keys = ("des 0000000000000000", "iso 0000000000000000", "aes " + "00" * 16)
    assert library("create 000002", "delete 000001", *keys, port=port) == ["refused ae"] * 5
    told = library("select 000001", "delete-file 2", *keys, f"aes {CARD_AES}", port=port)
    assert told == ["done"] + ["refused ae"] * 5


def test_the_derived_keys_are_the_cards_and_take_a_password_back(card: SimulatedReader) -> None:
    port = protected(card, PASSWORD)
    assert library(
        "select 000001",
        f"aes {NDEF_AES}",
        "rights 2 EEEE",
        "settings 0F",
        "get-settings",
        f"key 0 {'00' * 16}",
        "get-version",
        port=port,
    ) == ["done", "done", "done", "done", [0x0F, 1], "done", 0]
    assert library(f"aes {CARD_AES}", "settings 0F", "get-settings", "format", port=port) == [
        "done",
        "done",
        [0x0F, 1],
        "done",
    ]


def test_a_lock_stands_against_the_key_of_the_application_itself(card: SimulatedReader) -> None:
    port = protected(card, BOTH)
    steps = ("rights 2 EEEE", "rights 1 EEEE", "settings 0F", f"key 0 {'00' * 16}")
    told = library("select 000001", *(part for step in steps for part in (f"aes {NDEF_AES}", step)), port=port)
    assert told[1::2] == ["done"] * 4
    assert told[2::2] == ["refused 9d"] * 4
    assert library("select 000001", f"read 2 {len(FILE):x}", port=port)[1] == FILE.hex()


def test_keys_and_settings_that_libfreefare_set_are_taken_for_what_they_are(card: SimulatedReader) -> None:
    """The other way round: what this program sets with its own cryptography, libfreefare sets with its."""
    assert library(
        "iso 0000000000000000", f"key 1 {CARD_AES}", f"aes {CARD_AES}", "settings 0B", "get-settings", port=card.path
    ) == ["done", "done", "done", "done", [0x0B, 1]]
    assert (
        library(
            "select 000001", f"aes {'00' * 16}", f"key 1 {NDEF_AES}", f"aes {NDEF_AES}", "settings 0B", port=card.path
        )
        == ["done"] * 5
    )
    with NfcpyReader(card.path) as reader:
        link = reader.sense()
        assert link is not None
        plan = plan_protection(identify(link), BOTH, KEYS)
        assert [step.unit for step in plan.steps] == ["CC byte", "file", "file", "key settings"]
        protect(link, plan, KEYS)
        assert plan_protection(identify(link), BOTH, KEYS).steps == ()
