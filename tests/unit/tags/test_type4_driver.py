"""Type 4 tags through the real driver on the simulated PN532: block protocol and frames included."""

from __future__ import annotations

import pytest

from dpptag.links import Technology
from dpptag.tags import Lock, Protection, apply, identify, plan_protection, plan_write, protect, read_back
from tests.sim_fixtures import connected
from tests.unit.tags.type4_rig import KEYS, SUN_MESSAGE, uri_message

ALL = Protection(password=True, lock=Lock.PERMANENT, sun=True)
BOTH = Protection(password=True, lock=Lock.PERMANENT)


@pytest.mark.parametrize(
    ("kind", "protection"),
    [("NTAG424", ALL), ("ST25TA02K", BOTH), ("DESFIRE-EV1-BLANK", None), ("DESFIRE-EV2", None), ("DESFIRE-EV3", None)],
)
def test_a_tag_is_written_protected_and_proved_over_the_air(kind: str, protection: Protection | None) -> None:
    with connected(f"tags={kind}") as (_, reader):
        link = reader.sense()
        assert link is not None
        assert link.technology is Technology.TYPE4
        tag = identify(link)
        apply(link, plan_write(tag, SUN_MESSAGE, allow_format=True))
        assert read_back(link, tag, SUN_MESSAGE) == SUN_MESSAGE
        if protection is None:
            assert identify(link).ndef == SUN_MESSAGE
            return
        protect(link, plan_protection(identify(link), protection, KEYS), KEYS)
        fresh = identify(link)
        assert not fresh.writable
        assert not plan_protection(fresh, protection, KEYS).irreversible
        assert plan_write(fresh, SUN_MESSAGE).steps == ()


def test_an_update_changes_the_message_over_the_air() -> None:
    with connected("tags=NTAG424") as (_, reader):
        link = reader.sense()
        assert link is not None
        for text in ("example.com/a", "example.com/a/longer/one", "example.com/b"):
            tag = identify(link)
            apply(link, plan_write(tag, uri_message(text)))
            assert read_back(link, tag, uri_message(text)) == uri_message(text)
