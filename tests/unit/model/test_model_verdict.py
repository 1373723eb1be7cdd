"""Verdicts, signs and exit codes (DESIGN.md sections 3 and 6), levels and states."""

import pytest

from dpptag.model.outcome import NEXT_STATE, RowState
from dpptag.model.statement import Level
from dpptag.model.verdict import Check, CheckNumber, CheckOutcome, PassportMatch, Report, Verdict

TABLE = {
    "genuine": ("✔", 0),
    "genuine-stale": ("✔ !", 0),
    "forged": ("✘", 5),
    "revoked": ("✘", 5),
    "unknown-issuer": ("?", 8),
    "unsigned": ("?", 8),
    "unreadable": ("?", 8),
}


def report(verdict: Verdict, passport: PassportMatch) -> Report:
    nothing = (None,) * 6
    return Report(verdict, "x", *nothing, 1, 1, False, (), passport, 0, ())


def test_the_table_of_verdicts_is_whole() -> None:
    assert {verdict.value: (verdict.sign, verdict.exit_code) for verdict in Verdict} == TABLE


@pytest.mark.parametrize("verdict", Verdict)
def test_a_document_that_does_not_match_exits_7_unless_the_verdict_is_worse(verdict: Verdict) -> None:
    wanted = verdict.exit_code or 7
    assert report(verdict, PassportMatch.MISMATCH).exit_code == wanted


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("passport", [PassportMatch.MATCH, PassportMatch.ABSENT])
def test_a_document_that_matches_or_is_absent_leaves_the_exit_code(verdict: Verdict, passport: PassportMatch) -> None:
    assert report(verdict, passport).exit_code == verdict.exit_code


def test_the_checks_are_numbered_1_to_11() -> None:
    assert [int(number) for number in CheckNumber] == list(range(1, 12))


def test_a_check_is_called_by_its_words() -> None:
    assert Check(CheckNumber.CHIP_NUMBER_READ, CheckOutcome.PASSED, "").name == "chip number read"


def test_levels_are_ranked_from_bare_to_full() -> None:
    assert sorted(Level, key=lambda level: level.rank) == [Level.BARE, Level.MINIMAL, Level.COMPACT, Level.FULL]


def test_each_level_has_its_digest_widths() -> None:
    assert {level.value: level.digest_widths for level in Level} == {
        "bare": (0,),
        "minimal": (0, 16),
        "compact": (0, 16, 32),
        "full": (32,),
    }


def test_a_row_goes_one_way_and_ends_locked_or_void() -> None:
    state, way = RowState.RESERVED, [RowState.RESERVED]
    while state in NEXT_STATE:
        state = NEXT_STATE[state]
        way.append(state)
    assert [state.value for state in way] == ["reserved", "writing", "written", "verified", "locked"]
    assert RowState.VOID not in way
