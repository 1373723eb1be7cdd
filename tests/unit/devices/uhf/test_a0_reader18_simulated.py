"""The drivers of A0 boards, UHFReader18 and 288 against the simulated modules, whose framing is another hand's."""

import contextlib
from collections.abc import Iterator

import pytest

from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.reader import UhfReader, open_module
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_tables import Wait
from dpptag.errors import (
    DeviceNotFound,
    DeviceProtocolError,
    DpptagError,
    TagError,
    TagNak,
    TagRefused,
    TagSwapped,
    UsageError,
)
from dpptag.links.gen2 import Area, Bank, LockAction
from dpptag.sim.uhf.population import parse_query
from dpptag.sim.uhf.server import SimulatedModule

FAMILIES = {"a0": "uhf-a0-r2000", "uhfreader18": "uhf-uhfreader18", "uhfreader288": "uhf-uhfreader288"}
TID = bytes.fromhex("E2806D122000F5B16522B791")
OTHER_TID = bytes.fromhex("E2806D122000F5B16522B792")
EPC, OTHER_EPC = bytes.fromhex("30751FEB705C5904E3D50D70"), bytes.fromhex("30751FEB705C5904E3D50D71")
ACCESS, KILL = bytes.fromhex("A1B2C3D4"), bytes.fromhex("01020304")
ONE = f"tags=UCODE-7xm&tid={TID.hex()}&epc={EPC.hex()}"
_QUICK = Wait(ms=50, reason="a simulated module answers at once or never")

each_family = pytest.mark.parametrize("family", FAMILIES)


def quick_profile(family: str) -> UhfProfile:
    """For tests in which answers do not come."""
    profile = load_uhf_profile(FAMILIES[family])
    waits = dict.fromkeys(("answer", "access", "access_word", "inventory"), _QUICK)
    inventory = profile.inventory.model_copy(update={"round_ms": 300 if profile.inventory.round_ms else None})
    return profile.model_copy(
        update={"waits": profile.waits.model_copy(update=waits), "inventory": inventory},
    )


@contextlib.contextmanager
def simulated(
    family: str, query: str, profile: UhfProfile | None = None
) -> Iterator[tuple[SimulatedModule, UhfReader]]:
    profile = profile or load_uhf_profile(FAMILIES[family])
    with (
        SimulatedModule(family, parse_query(query)) as module,
        open_module(module.path, profile, region="EU", power_cdbm=2300) as reader,
    ):
        yield module, reader


@each_family
def test_a_tag_is_written_locked_and_killed(family: str) -> None:
    new_epc = bytes.fromhex("30751FEB705C5904E3D5FFFF")
    with simulated(family, f"{ONE}&split=7") as (_, reader):
        state = reader.state()
        assert (state.region, state.read_power_cdbm) == ("EU", 2300)
        link = reader.sense()
        assert link is not None
        assert (link.tid, link.sighting.epc) == (TID, EPC)
        link.write(Bank.USER, 0, bytes(range(64)))
        link.write(Bank.USER, 2, b"\xaa\xbb\xcc\xdd", block=True)
        assert link.read(Bank.USER, 0, 32) == b"\0\1\2\3\xaa\xbb\xcc\xdd" + bytes(range(8, 64))
        link.write(Bank.RESERVED, 0, KILL + ACCESS, secret=True)
        link.write(Bank.EPC, 1, b"\x30\0" + new_epc)
        link.reselect()
        assert link.sighting.epc == new_epc
        assert link.lock({Area.USER: LockAction.LOCKED, Area.KILL: LockAction.LOCKED_FOREVER}, password=ACCESS) == 2
        with pytest.raises(TagNak) as refused:
            link.write(Bank.USER, 0, b"\xff\xff", expect_refusal=True)
        assert refused.value.facts["error"] == ("write-failed" if family == "a0" else "locked")
        with pytest.raises(TagNak) as refused:
            link.write(Bank.USER, 0, b"\xff\xff", password=KILL)
        assert refused.value.facts["error"] == "password"
        assert link.read(Bank.USER, 0, 1) == b"\0\1"
        link.write(Bank.USER, 0, b"\xee\xee", password=ACCESS)
        assert link.read(Bank.USER, 0, 1) == b"\xee\xee"
        with pytest.raises(TagNak):
            link.kill(ACCESS)
        link.kill(KILL)
        assert reader.sense() is None


@each_family
def test_open_is_another_number_than_locked_in_either_family(family: str) -> None:
    with simulated(family, ONE) as (_, reader):
        link = reader.sense()
        assert link is not None
        link.write(Bank.RESERVED, 2, ACCESS, secret=True)
        for action, writable in (
            (LockAction.LOCKED, False),
            (LockAction.OPEN, True),
            (LockAction.LOCKED, False),
            (LockAction.OPEN_FOREVER, True),
        ):
            link.lock({Area.USER: action}, password=ACCESS)
            with contextlib.nullcontext() if writable else pytest.raises(TagNak):
                link.write(Bank.USER, 0, b"\1\2")


@each_family
def test_settings_that_are_right_already_wear_no_flash(family: str) -> None:
    with simulated(family, ONE) as (module, reader):
        reader.inventory()
        stored = module.module.flash_writes
        reader.configure(region="EU", power_cdbm=2300)
        reader.configure(region="US", power_cdbm=2500)
        reader.configure(region="EU", power_cdbm=2300)
        reader.inventory()
        assert module.module.flash_writes - stored == (2 if family == "a0" else 4)


@each_family
def test_a_crowd_is_counted_and_refused(family: str) -> None:
    with simulated(family, "tags=UCODE-7xm*60&seed=5&mode=field") as (_, reader):
        assert len(reader.inventory()) == 60
        with pytest.raises(TagRefused) as refused:
            reader.sense()
    assert (refused.value.code, refused.value.facts["count"]) == ("several-tags", 60)


@each_family
def test_an_epc_too_long_for_the_18_is_refused_untouched(family: str) -> None:
    with simulated(family, f"tags=UCODE-7xm&tid={TID.hex()}&epc={bytes(range(32)).hex()}") as (_, reader):
        if family == "a0":
            link = reader.sense()
            assert link is not None
            assert link.tid == TID
        else:
            with pytest.raises(TagRefused) as refused:
                reader.sense()
            assert refused.value.code == "epc-too-long"


@each_family
def test_a_damaged_or_late_answer_is_never_another_word(family: str) -> None:
    kinds = ("no-answer", "late", "garbage", "checksum", "short")
    faults = [f"{kinds[number % 5]}@{12 + 3 * number}" for number in range(6)]
    written: dict[int, bytes] = {}
    with simulated(family, f"{ONE}&fault={','.join(faults)}", quick_profile(family)) as (module, reader):
        for turn in range(14):
            content = bytes([turn, turn ^ 0xFF])
            with contextlib.suppress(DpptagError):
                link = reader.sense()
                if link is None:
                    continue
                assert link.tid == TID
                written.pop(turn % 4, None)  # without an answer it is not known what stands there
                link.write(Bank.USER, turn % 4, content)
                written[turn % 4] = content
                for word, known in written.items():
                    assert link.read(Bank.USER, word, 1) == known
        assert module.faults_fired == tuple(faults)
        assert len(written) == 4


def test_an_a0_board_tells_another_tag_s_answer_from_the_chosen_one_s() -> None:
    query = f"tags=UCODE-7xm&tid={TID.hex()},{OTHER_TID.hex()}&epc={EPC.hex()},{OTHER_EPC.hex()}&dwell=99"
    with simulated("a0", query) as (module, reader):
        link = reader.sense()
        assert link is not None
        before = module.host_commands
    with simulated("a0", f"{query}&fault=other-tag@{before + 1}") as (module, reader):
        link = reader.sense()
        assert link is not None
        with pytest.raises(TagSwapped) as swapped:
            link.read(Bank.USER, 0, 1)
        assert swapped.value.facts == {"wanted": EPC.hex(), "got": OTHER_EPC.hex()}


@pytest.mark.parametrize(("family", "profile"), [("uhfreader18", "a0"), ("a0", "uhfreader18"), ("m100", "a0")])
def test_a_module_of_another_family_is_not_taken_for_one(family: str, profile: str) -> None:
    with SimulatedModule(family, parse_query(ONE)) as module, pytest.raises(DeviceNotFound):
        open_module(module.path, quick_profile(profile), baud=module.module.baud)


def test_a_reader_of_another_type_is_told_from_none() -> None:
    with SimulatedModule("uhfreader288", parse_query(ONE)) as module, pytest.raises(DeviceProtocolError) as refused:
        open_module(module.path, quick_profile("uhfreader18"))
    assert refused.value.code == "profile-other-module"


def test_a_refusal_of_the_tag_is_a_tag_error() -> None:
    with simulated("uhfreader288", f"{ONE}&fault=refuse@12") as (_, reader):
        link = reader.sense()
        assert link is not None
        with contextlib.suppress(TagError):
            for _ in range(9):
                link.read(Bank.USER, 0, 1)
            pytest.fail("no read was refused")


def test_an_a0_board_is_opened_with_a_power_that_66h_takes_and_less_is_refused_before_it_is_sent() -> None:
    profile = load_uhf_profile("uhf-a0-r2000")
    with SimulatedModule("a0", parse_query(ONE)) as module:
        with open_module(module.path, profile, region="EU") as reader:
            assert reader.state().read_power_cdbm == 2000
        for power, name in ((1900, "uhf-a0-r2000"), (-100, "uhf-a0-yr903")):
            with pytest.raises(UsageError) as refused:
                open_module(module.path, load_uhf_profile(name), region="EU", power_cdbm=power)
            assert refused.value.code == "uhf-power"
            assert (refused.value.action or "").startswith("take 20 to 33 dBm" if power > 0 else "take 0 to 26 dBm")


@each_family
def test_passwords_are_locked_last_and_not_at_all_where_a_bank_was_not(family: str) -> None:
    with simulated(family, ONE) as (module, reader):
        link = reader.sense()
        assert link is not None
        link.write(Bank.RESERVED, 0, KILL + ACCESS)
        (chip,) = module.field.tags
        chip.locks |= 0b11  # the user bank is locked for ever already, and never open again
        with pytest.raises(TagNak):
            link.lock(
                {Area.KILL: LockAction.LOCKED, Area.ACCESS: LockAction.LOCKED, Area.USER: LockAction.OPEN_FOREVER},
                password=ACCESS,
            )
        assert link.read(Bank.RESERVED, 0, 4) == KILL + ACCESS
