"""The verdicts of gs1-syntax-engine 1.4.1 over its own unit-test inputs."""

import json
import re

import pytest

from dpptag.codec.digital_link import build, parse
from dpptag.errors import LinkError
from tests.vectors import vector_path

# Generated only with the engine's option "permit unknown AIs", which dpptag has not.
ONLY_WITH_OPTION = "(01)12312312312326(99)000001(89)XXX(95)INT"


def engine() -> dict[str, list[dict[str, object]]]:
    return json.loads(vector_path("digital_link", "vectors_gs1_engine.json").read_text(encoding="utf-8"))


def bracketed(ais: dict[str, str]) -> str:
    return "".join(f"({ai}){value}" for ai, value in ais.items())


def from_bracketed(text: str) -> dict[str, str]:
    """AI -> value; equal repeats merge, as they do in the engine."""
    ais: dict[str, str] = {}
    for ai, value in re.findall(r"\((\d{2,4})\)([^(]+)", text):
        assert ais.setdefault(ai, value) == value
    return ais


def test_every_parse_vector_has_the_verdict_of_the_engine() -> None:
    run = accepted = 0
    for vector in engine()["parse"]:
        run += 1
        if not vector["valid"]:  # also those valid only with an option: dpptag follows the default
            with pytest.raises(LinkError):
                parse(str(vector["uri"]))
            continue
        link = parse(str(vector["uri"]))
        assert bracketed(link.ais) == vector["bracketed_ai"]
        assert link.canonical == vector["canonical"]
        accepted += 1
    assert (run, accepted) == (60, 22)


def test_every_generate_vector_is_written_as_the_engine_writes_it() -> None:
    run = written = with_option = 0
    for vector in engine()["generate"]:
        run += 1
        ais = from_bracketed(str(vector["bracketed_ai"]))
        stem = str(vector["stem"] or "https://id.gs1.org")
        if "option" in vector:
            assert vector["bracketed_ai"] == ONLY_WITH_OPTION
            with_option += 1
        if not vector["ok"] or "option" in vector:
            with pytest.raises(LinkError):
                build(stem, ais)
            continue
        assert build(stem, ais) == vector["uri"]
        written += 1
    assert (run, written, with_option) == (22, 15, 1)


def test_a_written_vector_reads_back_to_the_same_ais() -> None:
    run = 0
    for vector in engine()["generate"]:
        if vector["ok"] and "option" not in vector:
            assert parse(str(vector["uri"])).ais == from_bracketed(str(vector["bracketed_ai"]))
            run += 1
    assert run == 15


@pytest.mark.parametrize("escape", ["%2", "%GG", "%", "%2G"])
def test_a_broken_escape_is_refused_where_the_engine_takes_the_percent_sign_literally(escape: str) -> None:
    # Own rule, against the engine: reference/digital-link.md section 4, "Broken escapes", marked [own].
    with pytest.raises(LinkError) as refused:
        parse(f"https://a/01/09520123456788/21/ab{escape}")
    assert refused.value.code == "percent-escape"
