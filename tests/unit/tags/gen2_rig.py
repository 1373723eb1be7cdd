"""Gen2 tags under the whole stack: tag family, link, driver, pseudo-terminal, simulated module and chips."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from dpptag import tags
from dpptag.codec.gen2_content import Gen2Content
from dpptag.devices import open_uhf, parse_device_path
from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.reader import open_module
from dpptag.devices.uhf_tables import Wait
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, Gen2Link, Gen2Reader, LockAction
from dpptag.sim import start_uhf
from dpptag.sim.uhf.server import SimulatedModule
from dpptag.tags.gen2_memory import Gen2Tag
from dpptag.tags.key_derivation import DerivedKeys

EPC = bytes.fromhex("3034d11e5ec9380000003039")
OTHER_EPC = bytes.fromhex("3034d11e5ec938000000303a")
LONG_EPC = bytes.fromhex("fd1209520123456788040c") + bytes(range(1, 14))
KEYS = DerivedKeys(bytes(range(16)))
STATEMENT = b"\0\x60" + bytes(range(1, 83))  # as long as minimal with a digest behind its DSFID
SHORT = b"\0\x40" + bytes(range(200, 130, -1))


def content(epc: bytes = EPC, user: bytes = STATEMENT) -> bytes:
    return Gen2Content(epc, user).to_bytes()


@contextlib.contextmanager
def module(query: str, family: str = "m100") -> Iterator[SimulatedModule]:
    path = parse_device_path(f"sim:uhf/{family}?{query}")
    sim = start_uhf(path.family, path.query)
    try:
        yield sim
    finally:
        sim.close()


@contextlib.contextmanager
def opened(sim: SimulatedModule, family: str = "m100") -> Iterator[Gen2Reader]:
    with open_uhf(parse_device_path(f"sim:uhf/{family}"), node=sim.path) as reader:
        yield reader


@contextlib.contextmanager
def opened_impatient(sim: SimulatedModule) -> Iterator[Gen2Reader]:
    """An M100 whose lost answers are not waited for long."""
    profile = load_uhf_profile("uhf-m100")
    quick = Wait(ms=30, reason="a simulated module answers at once or never")
    waits = profile.waits.model_copy(
        update=dict.fromkeys(("answer", "access", "inventory"), quick)
        | {"access_word": quick.model_copy(update={"ms": 1})}
    )
    with open_module(
        sim.path, profile.model_copy(update={"waits": waits}), region=next(iter(profile.regions)), wait=lambda _: None
    ) as reader:
        yield reader


@contextlib.contextmanager
def field(query: str = "tags=Higgs-9&seed=1", family: str = "m100") -> Iterator[tuple[SimulatedModule, Gen2Reader]]:
    with module(query, family) as sim, opened(sim, family) as reader:
        yield sim, reader


def linked(reader: Gen2Reader) -> tuple[Gen2Link, Gen2Tag]:
    link = reader.sense()
    assert link is not None
    tag = tags.identify(link)
    assert isinstance(tag, Gen2Tag)
    return link, tag


def stored(state: Path) -> tuple[int, bytes, bytes, bytes]:
    """PC, EPC, user bank and reserved bank of the only tag in a state file: the simulator's word, not our code's."""
    (tag,) = json.loads(state.read_text())["tags"]
    pc_epc = bytes.fromhex(tag["pc_epc"])
    words = pc_epc[0] >> 3
    return (
        int.from_bytes(pc_epc[:2], "big"),
        pc_epc[2 : 2 + 2 * words],
        bytes.fromhex(tag["user"]),
        bytes.fromhex(tag["reserved"]),
    )


class Recorded:
    """A link that notes what was asked of it, and where the module stood."""

    def __init__(self, link: Gen2Link, sim: SimulatedModule) -> None:
        self._link = link
        self._sim = sim
        self.calls: list[tuple[str, Bank | None, int, int]] = []
        """What, bank, first word, words."""
        self.at: list[int] = []
        """The number of the host command that each call began with."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._link, name)

    def _note(self, what: str, bank: Bank | None = None, word: int = 0, words: int = 0) -> None:
        self.calls.append((what, bank, word, words))
        self.at.append(self._sim.host_commands + 1)

    def read(self, bank: Bank, word: int, count: int, *, password: bytes = NO_PASSWORD, secret: bool = False) -> bytes:
        self._note("read", bank, word, count)
        return self._link.read(bank, word, count, password=password, secret=secret)

    def write(
        self,
        bank: Bank,
        word: int,
        data: bytes,
        *,
        password: bytes = NO_PASSWORD,
        block: bool = False,
        secret: bool = False,
        expect_refusal: bool = False,
    ) -> None:
        self._note("block write" if block else "write", bank, word, len(data) // 2)
        self._link.write(bank, word, data, password=password, block=block, secret=secret, expect_refusal=expect_refusal)

    def lock(self, actions: Mapping[Area, LockAction], *, password: bytes = NO_PASSWORD) -> int:
        self._note("lock")
        return self._link.lock(actions, password=password)

    def reselect(self, *, field_off: bool = True) -> None:
        self._note("reselect")
        self._link.reselect(field_off=field_off)
