"""The Mercury driver by scripted answers: opening, rounds, what is lost or refused, and what the log may show."""

import random

import pytest

from dpptag.devices.uhf import mercury_requests as requests
from dpptag.devices.uhf.mercury_requests import Metadata, Select
from dpptag.devices.uhf.module import Target
from dpptag.errors import DeviceLost, DeviceProtocolError, DpptagError, TagLost, TagNak, UsageError
from dpptag.links.gen2 import NO_PASSWORD, Area, Bank, LockAction, Sighting
from dpptag.logs import TRAFFIC
from tests.unit.devices.uhf.mercury_peer import Step, hasty, playing, step

TID = bytes.fromhex("E28011A02000732F4A5B0C01")
PASSWORD = bytes.fromhex("A1B2C3D4")
NANO_VERSION = "14120800 30000002 20161213 01070102 00000010"
IN_BOOT_LOADER = "14120800 30000002 20161213 01070102 00000000"
SETTINGS = [
    step(0x93, "0005"),
    step(0x9B, "05 00 00"),  # session S0
    step(0x61, "05", "05 01 00"),
    step(0x91, "02 01 01"),
    step(0x91, "01 01"),
    step(0x9A, "01 06 01"),
    step(0x9A, "01 08 00"),
]
ROUND = "00 0017 0064 01 09 28 0064 00 02 00000000 06"
"""A search of 100 ms over the listed antennas, and in it of every tag six words of its TID."""
METADATA = f"{int(Metadata.RSSI | Metadata.ANTENNA | Metadata.FREQUENCY | Metadata.DATA):04X}"
CLEAR = step(0x2A)


def search(count: int) -> Step:
    return step(0x22, ROUND, f"00 0017 {count:08X} 01 28 {count:04X} 0000")


def tag(epc: str, tid: str | None, rssi: int = -50) -> str:
    """A record: RSSI, antenna 1, 866.3 MHz, TID or the mark of a read that failed, PC, EPC, CRC."""
    data = "8000 040A" if tid is None else f"{4 * len(tid):04X} {tid}"
    size = len(epc) // 2 + 4
    return f"{rssi & 0xFF:02X} 11 0D37FC {data} {8 * size:04X} {len(epc) // 4 << 11:04X} {epc} BEEF"


def page(*tags: str, status: int = 0) -> Step:
    return step(0x29, f"{METADATA} 00", f"{METADATA} 00 {len(tags):02X} {''.join(tags)}" if tags else "", status)


# Opening.


def test_a_module_in_its_boot_loader_is_started() -> None:
    steps = [
        step(0x03, answer=IN_BOOT_LOADER),
        step(0x04, answer=NANO_VERSION),
        step(0x03, answer=NANO_VERSION),
        step(0x0C, answer="52"),
        *SETTINGS,
    ]
    with playing(steps) as module:
        assert module.identify().model == "M6e Nano"


def test_a_module_that_stays_in_its_boot_loader_is_given_up_after_a_bounded_wait() -> None:
    pauses: list[float] = []
    steps = [
        step(0x03, answer=IN_BOOT_LOADER),
        step(0x04, answer=IN_BOOT_LOADER),
        *[step(0x03, answer=IN_BOOT_LOADER)] * 4,
        step(0x0C, answer="51"),
    ]
    with playing(steps, pauses=pauses) as module, pytest.raises(DeviceLost) as refused:
        module.identify()
    assert refused.value.code == "module-boot-loader"
    assert sum(pauses) == pytest.approx(4 * 0.65)


def test_another_model_than_the_profile_s_is_refused() -> None:
    steps = [step(0x03, answer="14120800 18000001 20161213 011B0200 00000010"), step(0x0C, answer="12")]
    with playing(steps) as module, pytest.raises(DeviceProtocolError, match=r"M6e$") as refused:
        module.identify()
    assert refused.value.code == "profile-other-module"


def test_the_first_port_with_an_antenna_is_used() -> None:
    steps = [
        step(0x03, answer=NANO_VERSION),
        step(0x0C, answer="52"),
        *SETTINGS[:2],
        step(0x61, "05", "05 01 00 02 01 03 01"),
        step(0x91, "02 02 02"),
        step(0x91, "02 02"),
        *SETTINGS[5:],
    ]
    with playing(steps) as module:
        module.identify()


def test_an_option_that_an_older_firmware_does_not_know_is_no_hindrance() -> None:
    refused = [step(0x9A, "01 06 01"), step(0x9A, "01 08 00", status=0x0105)]
    with playing([step(0x03, answer=NANO_VERSION), step(0x0C, answer="52"), *SETTINGS[:5], *refused]) as module:
        module.identify()


def test_a_region_with_other_frequencies_than_the_profile_s_is_refused() -> None:
    fitting = step(0x65, "", "000D35A4 000D37FC 000D3A54 000D3CAC")  # 865.7, 866.3, 866.9, 867.5 MHz
    with playing([step(0x97, "08"), fitting]) as module:
        module.set_region("EU")
    american = step(0x65, "", "000D35A4 000DC6CC")  # the second is 902.86 MHz
    with playing([step(0x97, "08"), american]) as module, pytest.raises(DeviceProtocolError) as refused:
        module.set_region("EU")
    assert refused.value.facts["khz"] == 902_860


def test_a_region_that_the_module_does_not_know_is_a_wrong_setting() -> None:
    with playing([step(0x97, "08", status=0x010B)]) as module, pytest.raises(UsageError):
        module.set_region("EU")


def test_a_power_outside_the_module_s_own_range_is_a_wrong_setting() -> None:
    limits = step(0x62, "01", "01 08FC 07D0 03E8")  # 10 to 20 dBm
    for cdbm in (2010, 990):
        with playing([limits]) as module, pytest.raises(UsageError):
            module.set_power(cdbm)
    with playing([limits, step(0x92, "07D0"), step(0x94, "07D0")]) as module:
        module.set_power(2000)


# Rounds.


def test_a_round_clears_the_buffer_first_and_reads_it_page_by_page() -> None:
    tags = [(f"30{number:022X}", f"{number:024X}") for number in range(5)]
    records = [tag(epc, tid, -40 - at) for at, (epc, tid) in enumerate(tags)]
    with playing([CLEAR, search(5), page(*records[:2]), page(*records[2:4]), page(*records[4:])]) as module:
        seen = module.inventory()
    assert [sighting.epc.hex().upper() for sighting in seen] == [epc for epc, _ in tags]
    assert seen[0] == Sighting(bytes.fromhex(tags[0][0]), 0x3000, 1, -40, 1, 866_300)


def test_tags_with_the_same_epc_are_counted_by_their_tids() -> None:
    blank = "E2" + "00" * 11
    records = [tag(blank, "AA" * 12), tag(blank, "BB" * 12), tag(blank, None), tag("30" * 12, None)]
    with playing([CLEAR, search(4), page(*records)]) as module:
        seen = module.inventory()
    # Of the first EPC the one without TID may be either; of the second nothing better is known.
    assert [sighting.epc.hex() for sighting in seen] == [blank.lower(), blank.lower(), "30" * 12]


def test_an_empty_field_is_an_empty_round() -> None:
    with playing([CLEAR, step(0x22, ROUND, "01 0017 00000000 01 28 0000 0000", 0x0400)]) as module:
        assert module.inventory() == []


def test_a_round_that_tells_of_fewer_tags_than_it_heard_is_no_round() -> None:
    # Otherwise two tags in the field could be taken for one.
    one_of_two = [CLEAR, search(2), page(tag("30" * 12, None)), page(status=0x0600)]
    with playing(one_of_two) as module, pytest.raises(DeviceProtocolError):
        module.inventory()
    empty = step(0x29, f"{METADATA} 00", f"{METADATA} 00 00")
    with playing([CLEAR, search(1), empty]) as module, pytest.raises(DeviceProtocolError):
        module.inventory()


def test_a_full_buffer_gives_what_it_holds() -> None:
    steps = [CLEAR, step(0x22, ROUND, "", 0x0601), step(0x29, "", "0000 0001"), page(tag("30" * 12, "AA" * 12))]
    with playing(steps) as module:
        assert len(module.inventory()) == 1


def test_after_a_lost_page_the_whole_round_is_held_again() -> None:
    record = tag("30" * 12, "AA" * 12)
    steps = [
        CLEAR,
        search(1),
        step(0x29, f"{METADATA} 00", None),
        step(0x03, answer=NANO_VERSION),  # all that came before is said
        CLEAR,
        search(1),
        page(record),
    ]
    with playing(steps, hasty()) as module:
        assert len(module.inventory()) == 1


# Commands for a tag.


def test_a_tag_without_answer_is_lost_and_nothing_is_sent_twice() -> None:
    write = requests.write(30, Bank.USER, 1, b"data", Select.by_tid(TID), NO_PASSWORD)
    read = requests.read(30, Bank.USER, 1, 2, Select.by_tid(TID), NO_PASSWORD)
    steps = [
        step(0x24, write.hex(), None),
        step(0x03, answer=NANO_VERSION),
        step(0x28, read.hex(), f"12 00C0 05 0000 {b'data'.hex()}"),
    ]
    with playing(steps, hasty()) as module:
        module.choose(Target(b"", TID))
        with pytest.raises(TagLost) as lost:
            module.write(Bank.USER, 1, b"data", NO_PASSWORD)
        assert module.read(Bank.USER, 1, 2, NO_PASSWORD) == b"data"
    assert lost.value.facts["answered"] is False


def test_a_write_that_proves_a_lock_gets_little_time_of_the_module() -> None:
    proof = requests.write(150, Bank.USER, 1, b"no", Select.by_tid(TID), NO_PASSWORD)
    assert proof[:2] == b"\0\x96"
    with playing([step(0x24, proof.hex(), status=0x0406)]) as module:
        module.choose(Target(b"", TID))
        with pytest.raises(TagNak) as refused:
            module.write(Bank.USER, 1, b"no", NO_PASSWORD, expect_refusal=True)
    assert refused.value.facts["error"] == "write-failed"


@pytest.mark.parametrize(
    ("status", "error"),
    [(0x0424, "locked"), (0x0423, "overrun"), (0x042B, "low-power"), (0x040E, "password"), (0x7777, "other")],
)
def test_refusals_of_the_tag_keep_their_reason(status: int, error: str) -> None:
    read = requests.read(1000, Bank.USER, 0, 1, None, NO_PASSWORD)
    with playing([step(0x28, read.hex(), status=status)]) as module, pytest.raises(TagNak) as refused:
        module.read(Bank.USER, 0, 1, NO_PASSWORD)
    assert refused.value.facts["error"] == error


@pytest.mark.parametrize(
    ("status", "error"),
    [(0x0400, TagLost), (0x0401, DeviceLost), (0x0101, DeviceProtocolError), (0x0504, DeviceProtocolError)],
)
def test_what_is_no_refusal_of_the_tag_is_another_error(status: int, error: type[DpptagError]) -> None:
    # 0401, no protocol set: it was set on opening, so the module has started anew and lost region and power too.
    read = requests.read(1000, Bank.USER, 0, 1, None, NO_PASSWORD)
    with playing([step(0x28, read.hex(), status=status)]) as module, pytest.raises(error):
        module.read(Bank.USER, 0, 1, NO_PASSWORD)


def test_a_module_that_has_lost_its_region_has_started_anew() -> None:
    search_refused = step(0x22, ROUND, status=0x010B)
    with playing([CLEAR, search_refused]) as module, pytest.raises(UsageError):  # none was ever set
        module.inventory()
    with playing([step(0x97, "08"), step(0x65), CLEAR, search_refused]) as module:
        module.set_region("EU")
        with pytest.raises(DeviceLost):
            module.inventory()


def test_several_areas_are_locked_with_one_command() -> None:
    lock = "03E8 00 A1B2C3D4 00A2 00A2"
    with playing([step(0x25, lock)]) as module:
        actions = dict.fromkeys((Area.USER, Area.EPC, Area.ACCESS), LockAction.LOCKED)
        assert module.lock(actions, PASSWORD) == 1


def test_no_password_and_no_secret_word_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    secret = bytes.fromhex("5EC2E7005EC2E700")
    by_tid = Select.by_tid(TID)
    write = requests.write(1000, Bank.RESERVED, 0, secret, by_tid, PASSWORD)
    block = requests.block_write(1000, Bank.USER, 0, secret, by_tid, PASSWORD)
    read = requests.read(1000, Bank.RESERVED, 0, 4, by_tid, PASSWORD)
    steps = [
        step(0x24, write.hex()),
        step(0x2D, block.hex(), "00 42 00C7"),
        step(0x28, read.hex(), f"12 00C0 05 0000 {secret.hex()}"),
        step(0x25, requests.lock(1000, bytes.fromhex("00020002"), by_tid, PASSWORD).hex()),
        step(0x26, requests.kill(1000, by_tid, PASSWORD).hex()),
    ]
    caplog.set_level(TRAFFIC)
    with playing(steps) as module:
        module.choose(Target(b"", TID))
        module.write(Bank.RESERVED, 0, secret, PASSWORD, secret=True)
        module.write(Bank.USER, 0, secret, PASSWORD, block=True, secret=True)
        assert module.read(Bank.RESERVED, 0, 4, PASSWORD, secret=True) == secret
        module.lock({Area.USER: LockAction.LOCKED}, PASSWORD)
        module.kill(PASSWORD)
    shown = [record.getMessage() for record in caplog.records if record.levelno == TRAFFIC]
    assert sum(text.startswith(">") for text in shown) == 5
    assert all("**" in text for text in shown if text.startswith(">"))
    for octets in (PASSWORD, secret, PASSWORD[:2], secret[:2]):
        assert not any(octets.hex() in text.lower() for text in shown)
    assert sum(TID.hex() in text for text in shown) == 5  # whom a command was for may be seen


def test_garbage_in_well_formed_frames_raises_protocol_errors_and_never_hangs() -> None:
    chance = random.Random(4)
    read = requests.read(1000, Bank.USER, 0, 4, None, NO_PASSWORD)
    for _ in range(12):
        garbage = chance.randbytes(chance.randrange(60)).hex()
        with playing([step(0x28, read.hex(), garbage), CLEAR, step(0x22, ROUND, garbage)]) as module:
            with pytest.raises(DeviceProtocolError):
                module.read(Bank.USER, 0, 4, NO_PASSWORD)
            with pytest.raises(DeviceProtocolError):
                module.inventory()
