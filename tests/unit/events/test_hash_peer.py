"""Our event ids against epcis-event-hash-generator, the reference implementation, in an environment of its own."""

from __future__ import annotations

import subprocess

from dpptag.events.event import document, freeze
from tests.needs import peer_python
from tests.unit.events.test_event import AT, EVENTS

_SCRIPT = """
import sys
from epcis_event_hash_generator import hash_generator, json_to_py
events = json_to_py.event_list_from_epcis_document_str(sys.stdin.buffer.read().decode())
print("\\n".join(hash_generator.epcis_hashes_from_events(events)))
"""


def test_the_reference_implementation_gives_our_events_the_same_ids() -> None:
    frozen = [freeze(event) for event in EVENTS.values()]
    # One document for each: the tool swaps words of one event for terms of another in the same document.
    for event in frozen:
        answer = subprocess.run(
            [peer_python(), "-I", "-c", _SCRIPT],
            input=document([event.body], AT),
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert answer.stdout.decode().split("\n")[0] == event.event_id, event.body
