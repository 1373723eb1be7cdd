"""The vendor's Mercury API for C 1.37.5 (MIT, out of PyPI's smartx-rfid 13.1.0) on the simulated module: built here
with gcc, driven by a program of our own. What it writes our driver reads, and the other way round."""

import subprocess
from pathlib import Path

import pytest

from dpptag.errors import TagNak
from dpptag.links.gen2 import Bank
from dpptag.sim.uhf.server import SimulatedModule
from tests.needs import program_path, uhf_clients
from tests.peers.uhf_bench import (
    ACCESS,
    KILL,
    NEW_EPC,
    USER_BYTES,
    epc_of,
    our_link,
    simulated,
    user_bank,
    write_as_ours,
)

pytestmark = pytest.mark.xdist_group("mercury-api")  # it is built once

PROFILE = "uhf-m6e-nano"
EU3 = 8
OK, LOCKED, REFUSED, KILL_FAILED = "0000", "0424", "0406", "040E"
_FILES = (
    "hex_bytes", "osdep_posix", "serial_reader", "serial_reader_l3", "serial_transport_posix",
    "serial_transport_tcp_posix", "tm_reader", "tm_reader_async", "tmr_loadsave_configuration", "tmr_param",
    "tmr_strerror", "tmr_utils",
)  # fmt: skip
_FLAGS = (
    "-DTMR_ENABLE_UHF=1",
    "-DTMR_ENABLE_SERIAL_READER_ONLY=1",
    "-DisEBVTenBytesExpansionEnabled=0",  # without it a build for UHF alone lacks the name
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = uhf_clients() / "smartx_rfid" / "devices" / "RFID" / "ACUPAD" / "mercury_api"
    gcc = program_path("gcc", package="gcc")
    program = tmp_path_factory.mktemp("mercury") / "client"
    own = Path(__file__).with_name("uhf_mercury.c")
    command = [gcc, "-w", "-I", sources, *_FLAGS, own, *(sources / f"{name}.c" for name in _FILES), "-o", program]
    built = subprocess.run([*command, "-lpthread"], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return program


def ask(client: Path, sim: SimulatedModule, *commands: str) -> list[str]:
    """The answers to commands as uhf_mercury.c explains them, after a start-up that has gone well."""
    sim.unused.wait(5)
    done = subprocess.run(
        [client, f"tmr://{sim.path}"],
        input="\n".join((f"region {EU3}", *commands)) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    connected, region, *answers = done.stdout.splitlines()
    assert (connected, region) == (OK, f"{OK} {EU3}")
    assert len(answers) == len(commands)
    return answers


def test_it_starts_up_and_sets_region_and_both_powers(client: Path) -> None:
    with simulated("mercury") as sim:
        version, regions, powers, too_high, temperature = ask(
            client, sim, "version", "supported", "powers 2200 2500", "powers 2200 9999", "temperature"
        )
    assert version.startswith("0000 M6e Nano 01.07.01.02")
    assert str(EU3) in regions.split()
    assert (powers, too_high) == ("0000 2200 2500", "0103 2200 2500")
    assert temperature == "0000 35"


def test_its_inventory_tells_what_the_tags_sent(client: Path) -> None:
    with simulated("mercury") as sim:
        status, *found = ask(client, sim, "tags 30")[0].split()
        tags = {tag.epc.hex().upper(): tag for tag in sim.field.tags}
    assert status == OK
    seen = {}
    for record in found:
        epc, pc, crc, rssi, antenna, khz, *_ = record.split("/")
        assert (pc, crc, antenna) == ("3000", tags[epc].memory(Bank.EPC)[:2].hex().upper(), "1")
        assert khz in ("865700", "866300", "866900", "867500")
        seen[epc] = int(rssi)
    assert seen == dict(zip(tags, (-48, -61), strict=True))


def test_it_encodes_a_tag_that_we_then_read(client: Path) -> None:
    with simulated("mercury", "tags=UCODE-7xm*2&mode=field&errors=fine") as sim:
        tag, other = sim.field.tags
        before = other.record()
        answers = ask(
            client,
            sim,
            f"epc {tag.epc.hex()}",
            "read 2 0 6",
            f"tid {tag.tid.hex()}",
            f"write 3 0 {USER_BYTES.hex()}",
            "read 3 0 44",
            f"write 0 0 {(KILL + ACCESS).hex()}",
            f"password {ACCESS.hex()}",
            f"write-epc {NEW_EPC.hex()}",
            "read 1 2 6",
            "lock 2 2 00000001",
            f"lock 2 2 {ACCESS.hex()}",
            "password 0",
            "write 3 0 FFFF",
            f"password {ACCESS.hex()}",
            "write 3 0 4142",
        )
        assert answers == [
            OK,
            f"{OK} {tag.tid.hex().upper()}",
            OK,
            OK,
            f"{OK} {USER_BYTES.hex().upper()}",
            OK,
            OK,
            OK,
            f"{OK} {NEW_EPC.hex().upper()}",
            "040A",
            OK,
            OK,
            LOCKED,
            OK,
            OK,
        ]
        with our_link(sim, PROFILE, tag.tid) as link:
            assert (user_bank(link), epc_of(link)) == (USER_BYTES, NEW_EPC)
            assert link.read(Bank.RESERVED, 0, 4, secret=True) == KILL + ACCESS
            with pytest.raises(TagNak):
                link.write(Bank.USER, 0, b"no", expect_refusal=True)
            link.write(Bank.USER, 0, USER_BYTES[:2], password=ACCESS)
        assert other.record() == before


def test_the_module_counts_the_words_of_an_epc_and_a_lock_can_be_opened_again(client: Path) -> None:
    with simulated("mercury", "tags=UCODE-7xm&errors=fine") as sim:
        (tag,) = sim.field.tags
        answers = ask(
            client,
            sim,
            f"tid {tag.tid.hex()}",
            "write-epc 1122334455667788",
            "read 1 1 5",
            "tags 30",
            f"write 0 2 {ACCESS.hex()}",
            f"lock 0x20 0x20 {ACCESS.hex()}",
            "write-epc 1122",
            f"lock 0x20 0 {ACCESS.hex()}",
            "write-epc 1122",
            "read 1 1 2",
        )
    assert answers[1:3] == [OK, f"{OK} 20001122334455667788"]
    assert answers[3].split()[1].startswith("1122334455667788/2000/")
    assert answers[4:] == [OK, OK, LOCKED, OK, OK, f"{OK} 08001122"]


def test_it_reads_and_is_refused_what_we_wrote_and_locked(client: Path) -> None:
    with simulated("mercury", "tags=UCODE-7xm*2&mode=field&errors=coarse") as sim:
        tag = sim.field.tags[1]
        with our_link(sim, PROFILE, tag.tid) as link:
            write_as_ours(link)
        answers = ask(
            client,
            sim,
            f"epc {NEW_EPC.hex()}",
            "read 3 0 44",
            "read 2 0 6",
            "write 3 0 FFFF",
            f"password {ACCESS.hex()}",
            "write 3 0 4142",
        )
        assert answers == [
            OK,
            f"{OK} {USER_BYTES.hex().upper()}",
            f"{OK} {tag.tid.hex().upper()}",
            REFUSED,
            OK,
            OK,
        ]


def test_a_wrong_kill_password_kills_nothing_the_right_one_does(client: Path) -> None:
    with simulated("mercury") as sim:
        tag, other = sim.field.tags
        answers = ask(
            client,
            sim,
            f"tid {tag.tid.hex()}",
            f"write 0 0 {KILL.hex()}",
            "kill 00000001",
            "read 2 0 2",
            f"kill {KILL.hex()}",
            "read 2 0 2",
            "any",
            "tags 30",
        )
        *told, left = answers
        assert told[2:6] == [KILL_FAILED, f"{OK} {tag.tid[:4].hex().upper()}", OK, "0400"]
        assert [record.split("/")[0] for record in left.split()[1:]] == [other.epc.hex().upper()]


def test_blocks_are_written_erased_and_locked_for_ever(client: Path) -> None:
    with simulated("mercury", "tags=Monza-4QT&errors=fine") as sim:
        (tag,) = sim.field.tags
        answers = ask(
            client,
            sim,
            f"epc {tag.epc.hex()}",
            "block-write 3 0 0001020304050607",
            "erase 3 2 2",
            "read 3 0 4",
            "permalock 0 0x4000",
            "permalocked 0",
            "write 3 8 FFFF",
            "write 3 0 FFFF",
        )
    assert answers == [OK, OK, OK, f"{OK} 0001020300000000", OK, f"{OK} 4000", LOCKED, OK]
