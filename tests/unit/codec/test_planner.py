"""The planner: which level fits which chip, which bytes are missing, what would help."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec.layout import build_ndef, build_user_bank
from dpptag.codec.planner import (
    NTAG_AREAS,
    NfcCapacity,
    UhfCapacity,
    Wish,
    candidates,
    check_digest_width,
    plan,
    sample_statement,
    stored_size,
)
from dpptag.errors import PlanError, UsageError
from dpptag.model.statement import Level

STEM = "https://id.example.com/01/09520123456788"
EPC = bytes.fromhex("3034d11e5ec9380000003039")
LINK = "https://id.gs1.org/01/09520123456788/21/12345"


def link(length: int) -> str:
    """A URI of ``length`` characters with the prefix https://."""
    return "https://" + "a" * (length - 8)


def nfc_wish(uri: str, width: int = 0, lowest: Level = Level.MINIMAL, *, exact: bool = False) -> Wish:
    return Wish(uri, uri, width, lowest, exact=exact)


def uhf_wish(width: int = 0, lowest: Level = Level.MINIMAL, *, exact: bool = False) -> Wish:
    return Wish(EPC, LINK, width, lowest, exact=exact)


@pytest.mark.parametrize(("area", "room"), [(144, 142), (496, 492), (872, 868)])
def test_the_room_of_each_ntag_is_known(area: int, room: int) -> None:
    assert area in NTAG_AREAS.values()
    assert NfcCapacity(area).room == room


@pytest.mark.parametrize(("area", "room"), [(255, 253), (256, 254), (257, 254), (258, 254), (259, 255), (260, 256)])
def test_a_tlv_costs_four_bytes_from_255_on(area: int, room: int) -> None:
    assert NfcCapacity(area).room == room


def test_the_room_is_the_longest_message_whose_tlv_fits() -> None:
    for area in range(2, 600):
        assert NfcCapacity(area).room == max(n for n in range(area) if n + (2 if n < 255 else 4) <= area)


@pytest.mark.parametrize(
    ("wish", "level", "width", "size"),
    [
        (nfc_wish(link(30)), Level.MINIMAL, 0, 4 + 23 + 3 + 67),
        (nfc_wish(link(30)), Level.MINIMAL, 16, 4 + 23 + 3 + 83),
        (nfc_wish(link(30)), Level.COMPACT, 0, 4 + 23 + 3 + 80),
        (nfc_wish(link(30)), Level.COMPACT, 16, 4 + 23 + 3 + 97),
        (nfc_wish(link(30)), Level.COMPACT, 32, 4 + 23 + 3 + 115),
        (uhf_wish(), Level.BARE, 0, 64),
        (uhf_wish(), Level.MINIMAL, 0, 68),
        (uhf_wish(), Level.MINIMAL, 16, 84),
        (uhf_wish(), Level.COMPACT, 0, 82),
        (uhf_wish(), Level.COMPACT, 16, 98),
        (uhf_wish(), Level.COMPACT, 32, 116),
    ],
)
def test_the_stored_size_is_exact(wish: Wish, level: Level, width: int, size: int) -> None:
    assert stored_size(wish, level, width) == size


def test_levels_are_tried_from_the_richest_down() -> None:
    assert candidates(uhf_wish(lowest=Level.BARE), nfc=False) == [
        (Level.FULL, 32),
        (Level.COMPACT, 32),
        (Level.COMPACT, 16),
        (Level.COMPACT, 0),
        (Level.MINIMAL, 16),
        (Level.MINIMAL, 0),
        (Level.BARE, 0),
    ]


def test_a_digest_width_is_a_least_width() -> None:
    assert candidates(nfc_wish(LINK, 16), nfc=True) == [
        (Level.FULL, 32),
        (Level.COMPACT, 32),
        (Level.COMPACT, 16),
        (Level.MINIMAL, 16),
    ]


def test_an_exact_digest_width_is_just_that_width() -> None:
    assert candidates(nfc_wish(LINK, 16, exact=True), nfc=True) == [(Level.COMPACT, 16), (Level.MINIMAL, 16)]
    assert candidates(nfc_wish(LINK, 0, exact=True), nfc=True) == [(Level.COMPACT, 0), (Level.MINIMAL, 0)]


def test_bare_is_no_candidate_on_nfc() -> None:
    assert Level.BARE not in {level for level, _ in candidates(nfc_wish(LINK, lowest=Level.BARE), nfc=True)}


def test_no_level_below_the_lowest_is_a_candidate() -> None:
    assert {level for level, _ in candidates(uhf_wish(lowest=Level.COMPACT), nfc=False)} == {Level.FULL, Level.COMPACT}


# --- what fits


@pytest.mark.parametrize(
    ("length", "level", "width"),
    [
        (63, Level.MINIMAL, 0),
        (62, Level.COMPACT, 0),
        (46, Level.COMPACT, 0),
        (45, Level.COMPACT, 16),
        (28, Level.COMPACT, 16),
        (27, Level.COMPACT, 32),
    ],
)
def test_an_ntag213_holds_the_richest_level_that_fits(length: int, level: Level, width: int) -> None:
    placement = plan(nfc_wish(link(length)), NfcCapacity(144))
    assert (placement.level, placement.digest_width) == (level, width)


def test_the_longest_link_of_an_ntag213_leaves_no_byte() -> None:
    longest = 142 - 67 - 3 - 4 - 1 + 8
    assert longest == 75
    assert plan(nfc_wish(link(75)), NfcCapacity(144)).spare == 0
    with pytest.raises(PlanError) as refusal:
        plan(nfc_wish(link(76)), NfcCapacity(144))
    assert refusal.value.facts == {"missing": 1, "needed": 143, "room": 142}


def test_an_ntag215_holds_full() -> None:
    assert plan(nfc_wish(LINK), NfcCapacity(496)).level is Level.FULL


def test_without_a_chip_the_richest_level_is_taken() -> None:
    placement = plan(nfc_wish(LINK), None)
    assert (placement.level, placement.digest_width, placement.spare) == (Level.FULL, 32, None)


@pytest.mark.parametrize(
    ("bank", "lowest", "level", "width"),
    [
        (64, Level.BARE, Level.BARE, 0),
        (80, Level.BARE, Level.MINIMAL, 0),  # 640 bits
        (86, Level.BARE, Level.COMPACT, 0),  # 688 bits: the level comes before the digest
        (128, Level.BARE, Level.COMPACT, 32),  # 1 kbit
        (1024, Level.BARE, Level.FULL, 32),
    ],
)
def test_a_user_bank_holds_the_richest_level_that_fits(bank: int, lowest: Level, level: Level, width: int) -> None:
    placement = plan(uhf_wish(lowest=lowest), UhfCapacity(bank))
    assert (placement.level, placement.digest_width) == (level, width)


def test_688_bits_hold_a_digest_where_one_is_required() -> None:
    placement = plan(uhf_wish(16, Level.BARE), UhfCapacity(86))
    assert (placement.level, placement.digest_width) == (Level.MINIMAL, 16)


@pytest.mark.parametrize("bank", [62, 66])
def test_bare_wants_a_bank_of_exactly_512_bits(bank: int) -> None:
    with pytest.raises(PlanError):
        plan(uhf_wish(lowest=Level.BARE), UhfCapacity(bank))


def test_a_bank_of_512_bits_without_bare_allowed_misses_four_bytes() -> None:
    with pytest.raises(PlanError) as refusal:
        plan(uhf_wish(), UhfCapacity(64))
    assert refusal.value.facts["missing"] == 4
    assert "at least 544 bits" in str(refusal.value.action)


# --- what is missing


def remedies(uri: str, area: int, width: int = 0, lowest: Level = Level.MINIMAL) -> tuple[int, str]:
    with pytest.raises(PlanError) as refusal:
        plan(nfc_wish(uri, width, lowest), NfcCapacity(area))
    error = refusal.value
    missing, action = error.facts["missing"], error.action
    assert error.code == "too-large"
    assert isinstance(missing, int)
    assert action is not None
    return missing, action


def test_a_shorter_link_is_proposed_by_the_bytes_missing() -> None:
    missing, action = remedies(link(90), 144)
    assert missing == 15
    assert "shorten the link (host or stem) by 15 characters" in action
    assert plan(nfc_wish(link(90 - 15)), NfcCapacity(144)).spare == 0


def test_each_character_of_a_link_counts_twice_in_full() -> None:
    missing, action = remedies(link(400), 872, 32, Level.FULL)
    shorter = -(-missing // 2)
    assert f"shorten the link (host or stem) by {shorter} characters" in action
    assert plan(nfc_wish(link(400 - shorter), 32, Level.FULL), NfcCapacity(872)).spare in (0, 1)


def test_a_batch_counts_twice_in_full() -> None:
    action = remedies(STEM + "/10/LOT20250712/21/12345", 144, 32, Level.FULL)[1]
    assert "leave out the batch (saves 30), not enough alone" in action


def test_a_batch_is_proposed_for_leaving_out() -> None:
    longer = STEM.replace(".com/", ".com/products/dd/")
    missing, action = remedies(longer + "/10/LOT20250712/21/" + "S" * 20, 144)
    assert missing == 16
    assert "leave out the batch (saves 15), not enough alone" in action


def test_a_batch_that_is_enough_is_proposed_so() -> None:
    missing, action = remedies(STEM + "/10/LOT20250712/21/" + "S" * 20, 144)
    assert missing == 4
    assert "leave out the batch (saves 15);" in action
    assert plan(nfc_wish(STEM + "/21/" + "S" * 20), NfcCapacity(144)).spare == 15 - 4


def test_a_larger_chip_is_proposed_where_there_is_one() -> None:
    assert "NTAG215 or up" in remedies(link(90), 144)[1]
    assert "larger chip" not in remedies(link(900), 872)[1]


def test_a_shorter_digest_is_proposed_where_one_was_asked_for() -> None:
    assert "shorter digest" in remedies(link(70), 144, 16)[1]
    assert "shorter digest" not in remedies(link(90), 144)[1]


def test_the_missing_bytes_are_those_of_the_smallest_candidate() -> None:
    assert remedies(link(70), 144, 32)[0] == 4 + 63 + 3 + 115 - 142


def test_no_level_with_that_digest_is_said_so() -> None:
    with pytest.raises(PlanError) as refusal:
        plan(nfc_wish(LINK, 16, Level.FULL, exact=True), NfcCapacity(872))
    assert refusal.value.code == "no-level"


ALLOWED = {Level.BARE: {0}, Level.MINIMAL: {0, 16}, Level.COMPACT: {0, 16, 32}, Level.FULL: {32}}


@pytest.mark.parametrize("level", Level)
def test_other_digest_widths_are_a_usage_error(level: Level) -> None:
    for width in (0, 8, 16, 20, 32, 64):
        if width in ALLOWED[level]:
            check_digest_width(level, width)
        else:
            with pytest.raises(UsageError) as refusal:
                check_digest_width(level, width)
            assert refusal.value.code == "digest-width"


# --- the plan keeps its word


@given(
    st.integers(8, 300),
    st.sampled_from([*NTAG_AREAS.values(), 48, 257, 2048]),
    st.sampled_from([0, 16, 32]),
    st.sampled_from([Level.MINIMAL, Level.COMPACT, Level.FULL]),
    st.booleans(),
)
def test_a_plan_that_fits_builds_a_message_that_fits(
    length: int, area: int, width: int, lowest: Level, exact: bool
) -> None:
    wish, capacity = nfc_wish(link(length), width, lowest, exact=exact), NfcCapacity(area)
    try:
        placement = plan(wish, capacity)
    except PlanError:
        assert all(stored_size(wish, *option) > capacity.room for option in candidates(wish, nfc=True))
        return
    message = build_ndef(link(length), sample_statement(wish, placement.level, placement.digest_width))
    assert len(message) == placement.stored <= capacity.room
    assert placement.spare == capacity.room - len(message)
    richer = candidates(wish, nfc=True)[: candidates(wish, nfc=True).index((placement.level, placement.digest_width))]
    assert all(stored_size(wish, *option) > capacity.room for option in richer)


@given(
    st.integers(0, 150).map(lambda words: 2 * words),
    st.sampled_from([0, 16, 32]),
    st.sampled_from(list(Level)),
)
def test_a_plan_that_fits_builds_a_user_bank_that_fits(bank: int, width: int, lowest: Level) -> None:
    wish = uhf_wish(width, lowest)
    try:
        placement = plan(wish, UhfCapacity(bank))
    except PlanError:
        return
    built = build_user_bank(sample_statement(wish, placement.level, placement.digest_width))
    assert len(built) == placement.stored <= bank
