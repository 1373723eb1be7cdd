"""What the tests with foreign UHF clients share: tags in the simulator's field, and our own driver on the same path."""

import contextlib
from collections.abc import Iterator

from dpptag.devices import open_uhf, parse_device_path
from dpptag.links.gen2 import Area, Bank, Gen2Link, LockAction
from dpptag.sim.uhf.server import SimulatedModule, start_uhf
from tests.needs import uhf_clients

USER_BYTES = bytes(range(0x41, 0x41 + 88))
NEW_EPC = bytes.fromhex("3074257BF7194E4000001A85")
ACCESS = bytes.fromhex("00003039")
KILL = bytes.fromhex("BEADEAD1")
ONE_TAG = "tags=UCODE-7xm"
TWO_TAGS = "tags=UCODE-7xm*2&mode=field&rssi=-48,-61"


@contextlib.contextmanager
def simulated(family: str, query: str = TWO_TAGS) -> Iterator[SimulatedModule]:
    """A module and its tags; skips where no foreign client is installed."""
    uhf_clients()
    with start_uhf(family, query) as sim:
        yield sim


@contextlib.contextmanager
def our_link(sim: SimulatedModule, profile: str, tid: bytes, region: str = "EU") -> Iterator[Gen2Link]:
    """Our driver on the simulator's path, and the tag with this TID chosen by it."""
    path = parse_device_path(f"uhf:{sim.path}?profile={profile}&region={region}")
    sim.unused.wait(5)
    with open_uhf(path, wait=lambda _seconds: None) as reader:
        links = (reader.select(sighting) for sighting in reader.inventory())
        yield next(link for link in links if link.tid == tid)


def write_as_ours(link: Gen2Link) -> None:
    """User bank, passwords and EPC, as a station writes them; then the user bank locked.

    Where the module chooses by EPC alone the tag must be the only one.
    """
    half = len(USER_BYTES) // 2
    for at in (0, half):
        link.write(Bank.USER, at // 2, USER_BYTES[at : at + half])
    link.write(Bank.RESERVED, 0, KILL + ACCESS, secret=True)
    link.write(Bank.EPC, 1, bytes.fromhex("3000") + NEW_EPC)
    link.reselect()
    link.lock({Area.USER: LockAction.LOCKED}, password=ACCESS)


def user_bank(link: Gen2Link) -> bytes:
    half = len(USER_BYTES) // 4
    return link.read(Bank.USER, 0, half) + link.read(Bank.USER, half, half)


def epc_of(link: Gen2Link) -> bytes:
    """From the EPC bank, not from a round."""
    return link.read(Bank.EPC, 2, len(NEW_EPC) // 2)
