"""The generated AI table and the content rules that stand behind it."""

import subprocess
import sys
from pathlib import Path

import pytest

from dpptag.codec import gs1_table
from dpptag.codec.gs1_ai import all_ais, rule_for
from dpptag.codec.gs1_content import NOT_APPLIED, RULES, check_pair
from tests.vectors import vector_path
from tools.make_gs1_table import main, parse_line, render

TABLE = Path(gs1_table.__file__)


def test_the_table_is_what_the_generator_makes_of_the_dictionary() -> None:
    dictionary = vector_path("digital_link", "gs1-syntax-dictionary.txt").read_bytes()
    assert render(dictionary) == TABLE.read_text(encoding="utf-8")


def test_the_generator_writes_the_file_it_is_told(tmp_path: Path) -> None:
    dictionary = vector_path("digital_link", "gs1-syntax-dictionary.txt")
    assert main([str(dictionary), str(tmp_path / "out.py")]) == 0
    assert (tmp_path / "out.py").read_bytes() == TABLE.read_bytes()


def test_the_table_is_stable_under_the_formatter() -> None:
    done = subprocess.run([sys.executable, "-m", "ruff", "format", "--check", "--no-cache", str(TABLE)], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("line", ["01 *? Q14", "01 *?", "01 N14 req=1 req=2", "01 N14 new=1", "x N14"])
def test_the_generator_stops_at_what_it_does_not_know(line: str) -> None:
    with pytest.raises(ValueError):
        parse_line(line)


def test_every_ai_of_the_table_can_be_taken_apart() -> None:
    rules = [rule_for(ai) for ai in all_ais()]
    assert len(rules) == 541
    assert sum(rule is not None and rule.paths is not None for rule in rules) == 16


def test_every_content_rule_of_the_dictionary_is_applied_or_listed_as_not_applied() -> None:
    named = {
        name
        for ai in all_ais()
        if (rule := rule_for(ai)) is not None
        for component in rule.components
        for name in component.rules
    }
    assert named == set(RULES) | NOT_APPLIED


@pytest.mark.parametrize(
    ("name", "good", "wrong"),
    [
        ("csum", "09520123456788", "09520123456789"),
        ("csumalpha", "1987654Ad4X4bL5ttr2310c2K", "1987654Ad4X4bL5ttr2310c2X"),
        ("gcppos1", "9520A", "952A0"),
        ("gcppos2", "A9520", "0952A"),
        ("yymmdd", "240229", "230229"),
        ("yymmdd", "240201", "240200"),
        ("yymmd0", "240200", "241300"),
        ("yyyymmdd", "20240229", "19000229"),
        ("hhmi", "2359", "2400"),
        ("hhmi", "0000", "0060"),
        ("hh", "23", "24"),
        ("mi", "59", "60"),
        ("ss", "59", "60"),
        ("zero", "0", "1"),
        ("nonzero", "0001", "0000"),
        ("nozeroprefix", "10", "01"),
        ("pieceoftotal", "0202", "0302"),
        ("pieceoftotal", "0102", "0002"),
        ("posinseqslash", "1/3", "3/1"),
        ("posinseqslash", "3/3", "0/3"),
        ("importeridx", "_", "!"),
        ("hasnondigit", "1a", "12"),
        ("hyphen", "-", "+"),
        ("yesno", "1", "2"),
        ("winding", "9", "2"),
        ("iso5218", "9", "3"),
        ("mediatype", "80", "11"),
        ("mediatype", "10", "00"),
        ("latitude", "1800000000", "1800000001"),
        ("longitude", "3600000000", "3600000001"),
        ("pcenc", "a%20b", "a%2"),
        ("iban", "DE91100000000123456789", "DE92100000000123456789"),
        ("iban", "DE91100000000123456789", "DE91-10000"),
    ],
)
def test_content_rule(name: str, good: str, wrong: str) -> None:
    assert RULES[name].holds(good)
    assert not RULES[name].holds(wrong)


def test_the_check_pair_of_a_gmn() -> None:
    assert check_pair("1987654Ad4X4bL5ttr2310c") == "2K"  # General Specifications, GMN example
