"""The Mercury driver on the simulated module: tags are chosen by TID, locks are proved, faults are survived."""

import contextlib
from collections.abc import Iterator

import pytest

from dpptag.devices.uhf.framing import Framing
from dpptag.devices.uhf.link import Choice, linked
from dpptag.devices.uhf.mercury import MercuryModule
from dpptag.devices.uhf.port import UhfPort
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.errors import TagLost, TagNak
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction
from dpptag.sim.uhf import SimulatedModule, start_uhf
from tests.unit.devices.uhf.mercury_peer import NANO, hasty

ACCESS = bytes.fromhex("A1B2C3D4")
BLANK = "E20000000000000000000000"
TWINS = f"tags=UCODE-7xm*2&mode=field&epc={BLANK},{BLANK}"


@contextlib.contextmanager
def opened(query: str, profile: UhfProfile = NANO) -> Iterator[tuple[SimulatedModule, MercuryModule]]:
    with start_uhf("mercury", query) as sim:
        module = MercuryModule(UhfPort(sim.path, Framing(profile.framing), baud=115200), profile)
        try:
            module.identify()
            module.set_region("EU")
            yield sim, module
        finally:
            module.close()


def test_the_state_is_what_was_set() -> None:
    with opened("") as (_, module):
        module.set_power(1850)
        state = module.state()
    assert (state.region, state.read_power_cdbm, state.write_power_cdbm) == ("EU", 1850, 1850)


@pytest.mark.parametrize("split", ["", "&split=7"])
def test_an_encode_with_passwords_and_a_proved_lock(split: str) -> None:
    user, epc = bytes(range(86)), bytes.fromhex("3074257BF7194E4000001A85")
    with opened(f"tags=UCODE-7xm&errors=coarse{split}") as (sim, module):
        (seen,) = module.inventory()
        link = linked(module, Choice(), seen, alone=True)
        assert link.read(Bank.TID, 0, 6) == link.tid
        link.write(Bank.USER, 0, user)
        link.write(Bank.RESERVED, 2, ACCESS, secret=True)
        link.write(Bank.EPC, 1, bytes.fromhex("3000") + epc)
        link.reselect()
        assert link.read(Bank.USER, 0, 43) == user
        assert [sighting.epc for sighting in module.inventory()] == [epc]
        link.lock({Area.USER: LockAction.LOCKED, Area.EPC: LockAction.LOCKED_FOREVER}, password=ACCESS)
        before = sim.simulated_us
        with pytest.raises(TagNak) as refused:
            link.write(Bank.USER, 0, b"no", expect_refusal=True)
        assert refused.value.facts["error"] == "write-failed"
        assert sim.simulated_us - before < 200_000  # 150 ms were allowed; a usual write may try for a second
        assert link.read(Bank.USER, 0, 43) == user
        link.write(Bank.USER, 0, b"ok", password=ACCESS)
        with pytest.raises(TagNak):
            link.write(Bank.EPC, 2, b"no", password=ACCESS)


@pytest.mark.parametrize(
    ("query", "status", "error", "took"),
    [("", "0406", "write-failed", 1_000_000), ("&errors=coarse", "0406", "write-failed", 1_000_000),
     ("&errors=fine", "0424", "locked", 29_200)],
)  # fmt: skip
def test_a_refused_write_is_told_as_a_real_nano_was_captured_unless_the_query_says_fine(
    query: str, status: str, error: str, took: int
) -> None:
    with opened(f"tags=UCODE-7xm{query}") as (sim, module):
        (seen,) = module.inventory()
        link = linked(module, Choice(), seen, alone=True)
        link.lock({Area.USER: LockAction.LOCKED_FOREVER})
        before = sim.simulated_us
        with pytest.raises(TagNak) as refused:
            link.write(Bank.USER, 0, b"no")
        assert (refused.value.facts["status"], refused.value.facts["error"]) == (status, error)
        assert abs(sim.simulated_us - before - took) < 20_000  # the wire takes the rest


def test_two_blank_tags_with_one_epc_are_seen_as_two_and_written_as_one() -> None:
    with opened(TWINS) as (_, module):
        seen = module.inventory()
        assert [sighting.epc.hex().upper() for sighting in seen] == [BLANK, BLANK]
        link = linked(module, Choice(), seen[0], alone=False)
        link.write(Bank.USER, 0, b"only")
        link.write(Bank.EPC, 1, bytes.fromhex("3000") + 6 * b"me")
        assert sorted(sighting.epc.hex().upper() for sighting in module.inventory()) == sorted(
            [BLANK, (6 * b"me").hex().upper()]
        )
        assert link.read(Bank.USER, 0, 2) == b"only"


def test_a_block_write_of_more_words_than_a_command_may_have_goes_out_as_several() -> None:
    with opened("tags=UCODE-7xm") as (sim, module):
        before = sim.host_commands
        module.write(Bank.USER, 1, bytes(range(20)), NO_PASSWORD, block=True)
        assert sim.host_commands - before == 3  # 4, 4 and 2 words
        assert module.read(Bank.USER, 0, 12, NO_PASSWORD) == bytes(2) + bytes(range(20)) + bytes(2)


def test_a_killed_tag_answers_nobody() -> None:
    with opened("tags=UCODE-7xm") as (_, module):
        link = linked(module, Choice(), module.inventory()[0], alone=True)
        link.write(Bank.RESERVED, 0, ACCESS, secret=True)
        with pytest.raises(TagNak):
            link.kill(b"wrong"[:4])
        link.kill(ACCESS)
        assert module.inventory() == []
        with pytest.raises(TagLost):
            link.read(Bank.TID, 0, 2)


def test_a_page_of_tags_holds_as_many_as_fit_and_all_are_told_once() -> None:
    with opened("tags=UCODE-7xm*50&mode=field") as (sim, module):
        before = sim.host_commands
        seen = module.inventory()
        assert len({sighting.epc for sighting in seen}) == len(seen) == 50
        assert sim.host_commands - before == 2 + 9  # clear, search, and six records of 37 bytes a page


def test_opening_and_rounds_outlive_every_damage_of_an_answer() -> None:
    # Each fault costs one wait: the version, an option, the state, the search and a page of the buffer are asked again.
    faults = ("no-answer@1", "late@9", "garbage@13", "checksum@18", "short@23")
    with opened(f"fault={','.join(faults)}", hasty(200)) as (sim, module):
        module.set_power(2000)
        assert len(module.inventory()) == 1
        assert len(module.inventory()) == 1
        assert len(sim.faults_fired) == len(faults), (sim.faults_fired, sim.host_commands)


def test_a_mask_is_no_longer_than_the_profile_allows() -> None:
    short = NANO.model_copy(update={"selection": NANO.selection.model_copy(update={"mask_bits": 64})})
    query = "tags=UCODE-7xm*2&mode=field&tid=E2806D12200000000001AAAA,E2806D12200000000001BBBB"
    for profile, reached in ((NANO, 1), (short, 2)):
        with opened(query, profile) as (sim, module):
            link = linked(module, Choice(), module.inventory()[0], alone=False)
            for number in range(8):
                link.write(Bank.USER, number, b"me")
            assert sum(any(tag.user) for tag in sim.field.tags) == reached
