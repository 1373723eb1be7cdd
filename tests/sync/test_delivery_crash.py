"""A sender that is killed with SIGKILL between two of its steps: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dpptag.events.outbox import Outbox
from dpptag.events.store import EventStore
from dpptag.sync.delivery import Policy
from dpptag.sync.targets import CaptureTarget, synchronise
from tests.sync.capture_server import CaptureServer, Faults
from tests.sync.conftest import FakeWorld, repair_event

REPO = Path(__file__).resolve().parents[2]

# Each durable step of the outbox is a place to die: before it, or right after it.
_SENDER = """
import os, signal, sys
from pathlib import Path
from dpptag.events.outbox import Outbox
from dpptag.events.store import EventStore
from dpptag.sync.delivery import Policy
from dpptag.sync.targets import CaptureTarget, synchronise
from tests.sync.conftest import FakeWorld
home, url, step, when, count = sys.argv[1:]
real, calls = getattr(Outbox, step), [0]
def dying(self, *args):
    calls[0] += 1
    if when == "before" and calls[0] == int(count):
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(self, *args)
    if when == "after" and calls[0] == int(count):
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(Outbox, step, dying)
with EventStore(Path(home)) as store:
    synchronise(store, CaptureTarget(url, None, Policy(batch=10)), edge=FakeWorld().edge)
"""


def _send_and_die(home: Path, url: str, step: str, when: str, count: int) -> int:
    environment = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{REPO / 'src'}"}
    command = [sys.executable, "-c", _SENDER, str(home), url, step, when, str(count)]
    return subprocess.run(command, env=environment, cwd=REPO, timeout=120, check=False).returncode


@pytest.mark.parametrize("deduplicate", [True, False])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["about_to_send", "sent", "stored"])
def test_a_killed_sender_loses_nothing_and_sends_nothing_twice(
    step: str, when: str, count: int, deduplicate: bool, tmp_path: Path, world: FakeWorld
) -> None:
    events = [repair_event(number) for number in range(30)]
    with EventStore(tmp_path) as store:
        for event in events:
            store.append(event)
    with CaptureServer(Faults(polls=1, script=["captured-503"]), deduplicate=deduplicate) as server:
        # A receiver that does not know its own events must at least have finished its job when it is asked.
        assert _send_and_die(tmp_path, server.url, step, when, count) == -signal.SIGKILL
        for job in server.jobs.values():
            if not job.done:
                server.finish(job)
        with EventStore(tmp_path) as store:
            target = CaptureTarget(server.url, None, Policy(batch=10))
            report = synchronise(store, target, edge=world.edge)
            assert (report.already + report.stored, report.pending, report.rejected) == (30, 0, 0)
            assert Outbox(store, report.target).cursor == 30
            store.verify_log()
    assert server.copies() == {(event.event_id, False): 1 for event in events}
