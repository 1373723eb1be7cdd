"""The error tree is the one its docstring draws, and its exit codes are those of DESIGN.md section 6."""

import inspect
import re

import pytest

from dpptag import errors
from dpptag.errors import DpptagError

LINE = re.compile(r"^    (?P<indent>[ │├└─]*)(?P<name>[A-Z]\w+) *(?:exit (?P<code>\d+))?", re.MULTILINE)
CLASSES = {name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, DpptagError)}


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Name -> (parent, exit code) as drawn; a code holds for what stands below it."""
    assert errors.__doc__ is not None
    found: dict[str, tuple[str | None, int | None]] = {}
    above: list[tuple[int, str, int | None]] = []
    for match in LINE.finditer(errors.__doc__):
        depth = len(match["indent"])
        while above and above[-1][0] >= depth:
            above.pop()
        parent = above[-1] if above else None
        code = int(match["code"]) if match["code"] else parent[2] if parent else None
        found[match["name"]] = (parent[1] if parent else None, code)
        above.append((depth, match["name"], code))
    return found


def test_every_error_is_drawn() -> None:
    assert drawn().keys() == CLASSES.keys()
    assert len(CLASSES) == 42


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_error_stands_where_it_is_drawn(name: str) -> None:
    parent, code = drawn()[name]
    assert parent is None or CLASSES[parent] in CLASSES[name].__mro__
    # VerificationError is a parent only; its two branches have their own codes
    assert name == "VerificationError" or CLASSES[name].exit_code == code


def test_every_error_has_a_code_of_its_own() -> None:
    leaves = [kind.default_code for kind in CLASSES.values() if not kind.__subclasses__()]
    assert len(set(leaves)) == len(leaves)


def test_an_error_carries_message_code_action_and_facts() -> None:
    error = errors.TagRefused("too small", code="tag-too-small", action="use a larger chip", room=142)
    assert (str(error), error.message, error.code) == ("too small", "too small", "tag-too-small")
    assert (error.action, error.facts) == ("use a larger chip", {"room": 142})


def test_a_verification_error_names_its_check() -> None:
    assert errors.Forged("x", check=6).check == 6
    assert errors.Forged("x", check=6).code == "forged"
