"""The serial port and the module behind it: speeds, lost and late answers, other protocols, settings."""

import os
import pty
import subprocess
import sys
import tempfile
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dpptag import tags
from dpptag.codec.gen2_content import Gen2Content
from dpptag.devices.reconnect import Backoff, ReconnectingGen2Reader
from dpptag.errors import DeviceBusy, DeviceLost, DeviceNotFound, DeviceProtocolError, TagLost, TagSwapped, UsageError
from dpptag.links.gen2 import Bank
from dpptag.sim import start_uhf
from tests.contract.suite_uhf.bench import REFUSED_MS, Bench, impatient, order, pattern, profile_of
from tests.contract.suite_uhf.families import FAMILIES

_HOLDER = """
import fcntl, sys
port = open(sys.argv[1], "rb+", buffering=0)
fcntl.flock(port, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
_LOOK_ALIKES = {
    # Phychips RED-RCP: BB .. 7E as on an M100, with a CRC behind 7E where that has its end.
    "RED-RCP": "BB 01 03 00 0B 52 45 44 20 52 43 50 20 31 2E 30 7E 12 34",
    "RED-RCP, its CRC begins as an end byte": "BB 01 03 00 02 00 41 7E 7E 12",
    "RED-RCP, its end byte is what the sum would be": "BB 01 03 00 02 00 78 7E 12 34",
    "swct, a version": "43 54 00 0D 00 10 01 14 11 C3 DD 93 8E 17 01 23 2A",
    "swct, done": "43 54 00 04 00 24 01 40",
}


def region_power_and_temperature_are_told_as_they_were_set(bench: Bench) -> None:
    profile = profile_of(bench.family)
    with bench.simulator() as sim, bench.opened(sim, region="EU", power_cdbm=profile.power.min_cdbm) as reader:
        state = reader.state()
        assert (state.region, state.read_power_cdbm, state.write_power_cdbm) == ("EU", *[profile.power.min_cdbm] * 2)
        assert (state.temperature_c is not None) is bench.family.temperature
        reader.configure(region="US", power_cdbm=profile.power.start_cdbm)
        state = reader.state()
        assert (state.region, state.read_power_cdbm, state.write_power_cdbm) == ("US", *[profile.power.start_cdbm] * 2)
        assert reader.sense() is not None


def a_region_or_power_that_is_not_allowed_is_refused_and_the_module_not_asked(bench: Bench) -> None:
    profile = profile_of(bench.family)
    most = min(profile.power.max_cdbm, profile.regions["EU"].max_cdbm)
    with bench.scene() as scene:
        before = scene.sim.host_commands
        for region, power in (
            ("XX", None),
            ("JP-W", 2000),
            (None, most + profile.power.unit_cdbm),
            (None, profile.power.min_cdbm - profile.power.unit_cdbm),
            ("US", 9900),
            *([] if profile.power.unit_cdbm == 1 else [(None, profile.power.min_cdbm + 1)]),
        ):
            with pytest.raises(UsageError) as refused:
                scene.reader.configure(region=region, power_cdbm=power)
            assert refused.value.code in ("uhf-region", "uhf-power")
            assert refused.value.action
        assert scene.sim.host_commands == before


def a_whole_encode_comes_through_answers_in_random_pieces(bench: Bench) -> None:
    message = Gen2Content(pattern(12, 7), pattern(64, 8)).to_bytes()
    with bench.scene(more="&split=11") as scene:
        link = scene.link()
        assert tags.write_and_verify(link, tags.identify(link), message) == message
        assert (scene.tag.epc, bytes(scene.tag.user)) == (pattern(12, 7), pattern(64, 8))


def a_late_answer_never_answers_the_next_question(bench: Bench) -> None:
    with bench.scene(profile=impatient(bench.family)) as scene:
        scene.tag.user[:8] = b"\x11\x11\x22\x22\x33\x33\x44\x44"
        link = scene.link()
        scene.order("late")
        with pytest.raises(TagLost) as lost:
            link.read(Bank.USER, 0, 1)
        assert lost.value.facts["answered"] is False
        assert link.read(Bank.USER, 1, 1) == b"\x22\x22"
        scene.order("late")
        with pytest.raises(TagLost):
            link.write(Bank.USER, 2, b"\xaa\xaa")
        assert link.read(Bank.USER, 2, 2) == b"\xaa\xaa\x44\x44"  # the answer was lost, the write was not
        assert scene.sim.faults_fired[-1].startswith("late@")


def an_answer_that_does_not_come_whole_is_none_and_the_next_one_is_right(bench: Bench) -> None:
    with bench.scene(profile=impatient(bench.family)) as scene:
        scene.tag.user[:8] = b"\x11\x11\x22\x22\x33\x33\x44\x44"
        link = scene.link()
        for at, fault in enumerate(("no-answer", "garbage", "checksum", "short")):
            scene.order(fault)
            with pytest.raises(TagLost) as lost:
                link.read(Bank.USER, at, 1)
            assert lost.value.facts["answered"] is False, fault
            assert link.read(Bank.USER, at, 1) == (0x1111 * (at + 1)).to_bytes(2, "big"), fault
        scene.order("checksum")
        with pytest.raises(TagLost):
            link.write(Bank.USER, 0, b"\xaa\xaa")
        assert bytes(scene.tag.user[:2]) == b"\xaa\xaa"


def a_round_whose_answer_is_damaged_is_held_again(bench: Bench) -> None:
    with bench.scene(profile=impatient(bench.family)) as scene:
        for fault in ("checksum", "short", "late"):
            scene.order(fault)
            assert [seen.epc for seen in scene.reader.inventory()] == [scene.tag.epc], fault
        assert len(scene.sim.faults_fired) == 3


def a_lost_port_is_a_lost_device_and_found_again_by_the_lasting_reader(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder, bench.simulator() as sim:
        node = Path(folder) / "ttyUSB0"
        node.symlink_to(sim.path)

        def plugged_in_again(_seconds: float) -> None:
            node.symlink_to(sim.path)

        with ReconnectingGen2Reader(
            lambda: bench.opened(str(node)),
            node.exists,
            backoff=Backoff(patience=20.0),
            wait=plugged_in_again,
        ) as reader:
            link = reader.sense()
            assert link is not None
            order(sim, "port-lost")
            with pytest.raises(DeviceLost):
                link.read(Bank.USER, 0, 1)
            node.unlink()  # its number may be another pseudo-terminal's by now
            found = reader.sense()
            assert found is not None
            assert found.uid == sim.field.tags[0].tid
            with pytest.raises((DeviceLost, TagSwapped)):  # the link went with its port
                link.write(Bank.USER, 0, b"\xff\xff")
            found.write(Bank.USER, 0, b"\x12\x34")
            assert bytes(sim.field.tags[0].user[:2]) == b"\x12\x34"


def a_module_left_at_another_speed_is_found(bench: Bench) -> None:
    """The speed that is tried second: every further one costs a wait and shows no more."""
    profile = impatient(bench.family)
    baud = next(baud for baud in profile.serial.probe if baud != profile.serial.baud)
    with bench.simulator() as sim:
        sim.module.baud = baud
        with bench.opened(sim, profile) as reader:
            assert reader.sense() is not None


def a_port_has_one_owner_and_the_refusal_names_it(bench: Bench) -> None:
    with bench.simulator() as sim:
        with bench.opened(sim), pytest.raises(DeviceBusy) as busy:
            bench.opened(sim)
        assert busy.value.facts["holder"] == os.getpid()
        with subprocess.Popen(
            [sys.executable, "-S", "-c", _HOLDER, sim.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            with pytest.raises(DeviceBusy) as busy:
                bench.opened(sim)
            assert busy.value.facts["holder"] == other.pid
            assert other.stdin is not None
            other.stdin.close()
        bench.opened(sim).close()


def a_module_of_another_protocol_is_refused(bench: Bench) -> None:
    for family in {each.family: each for each in FAMILIES.values()}.values():
        if family.family == bench.family.family:
            continue
        same_frames = "uhfreader" in family.family and "uhfreader" in bench.family.family
        profile = impatient(bench.family) if same_frames else impatient(bench.family, REFUSED_MS)
        with start_uhf(family.family, "seed=1") as sim:
            sim.module.baud = profile.serial.baud
            with pytest.raises(DeviceProtocolError if same_frames else DeviceNotFound) as refused:
                bench.opened(sim, profile, baud=profile.serial.baud)
        assert (refused.value.code == "profile-other-module") is same_frames


def a_look_alike_protocol_is_refused_at_the_probe(bench: Bench) -> None:
    profile = impatient(bench.family, REFUSED_MS)
    for answer in _LOOK_ALIKES.values():
        with _says(bytes.fromhex(answer)) as path, pytest.raises(DeviceNotFound):
            bench.opened(path, profile, baud=profile.serial.baud)


@contextmanager
def _says(answer: bytes) -> Iterator[str]:
    """A peer that says the same to whatever comes; its path."""
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)

    def serve() -> None:
        while os.read(master, 4096) != b"\0end":
            os.write(master, answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(slave, b"\0end")
        thread.join()
        os.close(slave)
        os.close(master)
