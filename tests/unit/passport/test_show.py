"""A passport shown to people: everything is there, nothing runs, nothing loads, nothing steers the reader."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from dpptag.passport.document import read_document
from dpptag.passport.outline import outline
from dpptag.passport.page import html_page
from dpptag.passport.read_untp import read_internal
from tests.needs import ROOT
from tests.unit.passport.test_from_rows import made

PHONE = (ROOT / "examples" / "passports" / "phone.json").read_bytes()
LAPTOP = (ROOT / "examples" / "passports" / "laptop-battery.json").read_bytes()


_HARMLESS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "section", "dl", "dt", "dd", "a", "footer"}
_HARMLESS |= {"svg", "rect", "text"}


class Page(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page_of(data: bytes) -> str:
    return html_page(read_internal(read_document(data)), "footer")


def evil(text: str) -> bytes:
    """The phone's passport with ``text`` in place of every text that is free."""
    document: dict[str, Any] = json.loads(PHONE)
    subject = document["credentialSubject"]
    subject |= {"name": text, "description": text, "modelNumber": text, "unheardOf": {text: text}}
    document["issuer"]["name"] = text
    for link in subject.get("relatedDocument", []):
        link |= {"linkName": text, "linkURL": "javascript:alert(1)"}
    return json.dumps(document).encode()


def test_what_an_item_is_and_who_says_so_is_in_the_outline() -> None:
    lines = {line.label: line.text for one in outline(read_internal(read_document(LAPTOP))) for line in one.lines}
    assert lines["serial"] == "LB70A0001"
    assert lines["level"] == "item"
    assert lines["issuer, as it calls itself"]


def test_a_member_that_no_field_takes_is_shown_with_its_place() -> None:
    (last,) = [one for one in outline(read_internal(read_document(evil("x")))) if one.title.startswith("Members")]
    assert ("$.credentialSubject.unheardOf", '{"x": "x"}') in [(line.label, line.text) for line in last.lines]


@pytest.mark.parametrize("data", [PHONE, LAPTOP], ids=["0.7.0", "0.6.0"])
def test_the_page_loads_nothing_and_runs_nothing(data: bytes) -> None:
    page = Page(page_of(data))
    assert {tag for tag, _ in page.tags} <= _HARMLESS
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        if tag == "a":
            assert str(attributes["href"]).startswith(("http://", "https://"))
    policies = [a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_no_text_of_a_passport_becomes_part_of_the_page() -> None:
    text = "</title></style><script>alert(1)</script><img src=x onerror=y>\"'&<!--"
    page = Page(page_of(evil(text)))
    assert not {"script", "img", "iframe", "link"} & {tag for tag, _ in page.tags}
    assert not any("javascript:" in str(value) for _, attributes in page.tags for value in attributes.values())
    assert any(text in shown for shown in page.texts)


def test_the_charts_say_in_words_what_they_draw() -> None:
    page = page_of(made()[0].content)
    charts = re.findall(r'<svg[^>]*aria-label="([^"]*)"', page)
    assert charts == ["Materials by mass", "Carbon footprint: 8.4 kg CO2e for one C62"]
    assert "Lithium cobalt oxide: 38 %" in page
    assert "not stated: 45 %" in page
    assert "from primary sources: 5.04 kg CO2e (60 %)" in page
    widths = [float(width) for width in re.findall(r'y="0" width="([0-9.]+)" height="28"', page)]
    assert sum(widths[:3]) == pytest.approx(640, abs=0.1)


def test_shares_that_make_no_sense_are_not_drawn() -> None:
    document = json.loads(made()[0].content)
    document["credentialSubject"]["materialProvenance"][0]["massFraction"] = 7
    assert "Materials by mass" not in page_of(json.dumps(document).encode())
