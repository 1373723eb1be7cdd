"""PyLD expands the passports we make, with the contexts of the standard and no other: which members does it drop?

Each leaf of a document but its types is marked with a text of its own; the marks that the expansion lacks name what was
dropped. None of 0.7.0, whose context has a vocabulary for whatever it does not define. Of 0.6.1:

* NO-CHARACTERISTICS: the context does not define ``characteristics``, the open member that the schema gives to an
  industry: whoever fills it names a third context, which defines it. ``passport new`` therefore leaves it alone; only
  what a converted document already had there is dropped.

Members that a source has and no UNTP version are kept where they were, for the context that their industry names: of
the passports drawn here they are all called ``x`` and a digit, or stand in ``characteristics``. Where such a member is
an object, its own members are dropped even of 0.7.0 as soon as their names look like no word.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dpptag.passport.read_cursor import member_path
from tests.needs import peer_package
from tests.peers.ask import ask
from tests.peers.passport_documents import KINDS, VERSIONS, Credential, drawn, ours
from tests.vectors import vector_path

DRAWN = 5
CONTEXTS = {
    "https://www.w3.org/ns/credentials/v2": "0.7.0/credentials-v2.jsonld",
    "https://vocabulary.uncefact.org/untp/0.7.0/context/": "0.7.0/untp.jsonld",
    "https://test.uncefact.org/vocabulary/untp/dpp/0.6.1/": "0.6.1-branch/untp-dpp-context.jsonld",
}
CHARACTERISTICS = "$.credentialSubject.product.characteristics."
OWN_MEMBER = re.compile(r"\.(x[0-9]|characteristics)\b")


def marked(value: Any, marks: dict[str, str], path: str = "$") -> Any:
    """A copy in which each leaf but contexts and types is a mark, in a URI where it was one; ``marks``: to its path."""
    if isinstance(value, dict):
        return {
            name: inner if name in ("@context", "type") else marked(inner, marks, member_path(path, name))
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [marked(inner, marks, f"{path}[{index}]") for index, inner in enumerate(value)]
    mark = f"mark{len(marks):06}"
    marks[mark] = path
    return f"https://marks.example/{mark}" if isinstance(value, str) and ":" in value else mark


def expanded(documents: list[Any]) -> list[Any]:
    peer_package("pyld")
    contexts = {url: str(vector_path("untp", "context", file)) for url, file in CONTEXTS.items()}
    return ask("passport_jsonld", {"contexts": contexts, "documents": documents})


def dropped(documents: dict[str, Credential]) -> dict[str, list[str]]:
    """The paths that expansion drops, by document; and every type has become a URI."""
    marks: dict[str, dict[str, str]] = {name: {} for name in documents}
    answers = expanded([marked(one, marks[name]) for name, one in documents.items()])
    found = {}
    for (name, document), answer in zip(documents.items(), answers, strict=True):
        assert isinstance(answer, list), f"{name}: {answer}"
        if not name.startswith("drawn"):  # what is drawn has types of its own
            types = list(members(answer, "@type"))
            assert all(":" in one for one in types), name
            assert len([one for one in types if "XMLSchema" not in one]) >= len(list(members(document, "type"))), name
        text = json.dumps(answer)
        found[name] = [path for mark, path in marks[name].items() if mark not in text]
        assert len(found[name]) < len(marks[name]) / 2
    return found


def members(value: Any, wanted: str) -> Iterator[str]:
    """Each text that stands in a member of this name, at any depth."""
    if isinstance(value, list):
        for one in value:
            yield from members(one, wanted)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == wanted:
                yield from (inner if isinstance(inner, list) else [inner])
            else:
                yield from members(inner, wanted)


def test_expansion_drops_no_member_of_our_0_7_0() -> None:
    found = dropped(ours("0.7.0"))
    assert {name: paths for name, paths in found.items() if paths} == {}
    assert len(found) >= 20


def test_expansion_drops_nothing_of_our_0_6_1_but_characteristics_which_its_context_lacks() -> None:
    documents = ours("0.6.1")
    for name, paths in dropped(documents).items():
        marks: dict[str, str] = {}
        marked(documents[name], marks)
        assert paths == [path for path in marks.values() if path.startswith(CHARACTERISTICS)], name
        if name.split()[0] in KINDS:
            assert paths == [], "made here"


@pytest.mark.parametrize("version", VERSIONS)
def test_of_passports_with_everything_it_drops_only_members_that_are_not_the_standards(version: str) -> None:
    for name, paths in dropped(drawn(version, DRAWN)).items():
        assert [path for path in paths if not OWN_MEMBER.search(path)] == [], name


def test_a_member_that_no_context_defines_is_seen_to_be_dropped_and_a_context_of_elsewhere_is_not_loaded() -> None:
    document = ours("0.6.1")["item 0"]
    assert "$.colour" in dropped({"spoiled": document | {"colour": "red"}})["spoiled"]
    elsewhere = document | {"@context": [*document["@context"], "https://elsewhere.example/context"]}
    (answer,) = expanded([elsewhere])
    assert isinstance(answer, str)
    assert answer.startswith("refused: ")
