"""Delivery to a capture endpoint over real HTTP on the loopback, with faults on order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from dpptag.errors import SyncIncomplete, UsageError
from dpptag.events.event import FrozenEvent, declare_error
from dpptag.events.outbox import Outbox
from dpptag.events.store import EventStore
from dpptag.sync.delivery import Policy
from dpptag.sync.report import SyncReport
from dpptag.sync.targets import CaptureTarget, open_target, synchronise
from tests.sync.capture_server import CaptureServer, Faults
from tests.sync.conftest import START, FakeWorld, repair_event

Fill = Callable[[int], list[FrozenEvent]]


def _sync(store: EventStore, server: CaptureServer, world: FakeWorld, **policy: Any) -> SyncReport:
    target = CaptureTarget(server.url, server.token, Policy(**policy))
    return synchronise(store, target, edge=world.edge)


@contextmanager
def _incomplete(code: str) -> Iterator[dict[str, Any]]:
    facts: dict[str, Any] = {}
    with pytest.raises(SyncIncomplete) as caught:
        yield facts
    assert caught.value.code == code
    facts |= caught.value.facts


def _once_each(server: CaptureServer, events: list[FrozenEvent]) -> None:
    assert set(server.copies()) == {(event.event_id, event.is_error_declaration) for event in events}
    assert set(server.copies().values()) == {1}


def test_a_thousand_events_survive_lost_requests_replies_and_jobs(store: EventStore, world: FakeWorld) -> None:
    events = [repair_event(number) for number in range(900)]
    events += [declare_error(event, at=START + timedelta(days=1), reason="did_not_occur") for event in events[:100]]
    for event in events:
        store.append(event)
    faults = Faults(
        lost_request=0.10,
        unavailable=0.10,
        lost_reply=0.15,
        captured_503=0.10,
        polls=3,
        job_script=["ok", "rollback"],
        seed=3,
    )
    with CaptureServer(faults) as server:
        report = _sync(store, server, world, batch=20)
    assert (report.stored, report.pending, report.rejected) == (1000, 0, 0)
    assert len(server.stored) == 1000
    _once_each(server, events)
    assert Outbox(store, report.target).cursor == 1000


def test_a_receiver_without_deduplication_gets_each_event_once(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(200)
    with CaptureServer(Faults(lost_request=0.1, lost_reply=0.2, captured_503=0.1), deduplicate=False) as server:
        _sync(store, server, world, batch=10)
    _once_each(server, events)


def test_the_bodies_arrive_as_they_were_frozen(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(3)
    with CaptureServer() as server:
        _sync(store, server, world)
    assert server.stored == [json.loads(event.body) for event in events]


def test_a_second_run_sends_nothing(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(5)
    with CaptureServer() as server:
        _sync(store, server, world)
        before = len(server.requests)
        report = _sync(store, server, world)
        assert len(server.requests) == before
    assert (report.sent, report.stored, report.already) == (0, 0, 5)


def test_an_accepted_document_whose_job_fails_is_not_stored(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(4)
    with CaptureServer(Faults(job_script=["rollback"] * 100)) as server, _incomplete("sync-unreachable") as facts:
        _sync(store, server, world, tries=3)
    assert (facts["sent"], facts["stored"], facts["pending"]) == (4, 0, 4)
    assert Outbox(store, str(facts["target"])).cursor == 0
    assert server.stored == []


def test_a_poisoned_event_is_parked_and_all_others_go_on(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(50)
    with CaptureServer(poison="21/N17") as server, _incomplete("sync-rejected") as facts:
        _sync(store, server, world)
    _once_each(server, events[:17] + events[18:])
    outbox = Outbox(store, str(facts["target"]))
    [parked] = outbox.parked()
    assert (parked.seq, parked.event_id) == (18, events[17].event_id)
    assert "not to my taste" in parked.reason
    assert outbox.cursor == 17


def test_a_batch_refused_with_400_is_split_until_the_one_is_found(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    fill(8)
    with CaptureServer(Faults(script=["400", "400", "400", "400"])) as server, _incomplete("sync-rejected") as facts:
        _sync(store, server, world)
    assert (facts["stored"], facts["rejected"], facts["pending"]) == (7, 1, 0)


def test_a_parked_event_goes_out_once_a_person_retries_it(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(3)
    with CaptureServer(poison="21/N1") as server:
        with _incomplete("sync-rejected"):
            _sync(store, server, world)
        server.poison = None
        target = CaptureTarget(server.url, None)
        report = synchronise(store, target, edge=world.edge, retry_rejected=True)
    assert (report.stored, report.already, report.rejected) == (1, 2, 0)
    _once_each(server, events)


def test_batches_keep_to_the_event_limit_of_the_receiver(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(25)
    with CaptureServer(event_limit=10) as server:
        _sync(store, server, world)
    assert server.batch_sizes == [10, 10, 5]


def test_batches_keep_to_the_byte_limit_of_the_receiver(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(10)
    with CaptureServer(byte_limit=3 * len(events[0].body)) as server:
        _sync(store, server, world)
    assert max(server.batch_sizes) == 2
    _once_each(server, events)


def test_a_413_halves_the_batch(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(16)
    with CaptureServer(Faults(script=["413"])) as server:
        _sync(store, server, world)
    assert server.batch_sizes[0] == 8


@pytest.mark.parametrize("status", ["401", "403", "415", "406"])
def test_what_no_retry_can_cure_stops_at_once(status: str, store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(2)
    wanted = "sync-denied" if status in ("401", "403") else "sync-refused"
    with CaptureServer(Faults(script=[status])) as server, _incomplete(wanted) as facts:
        _sync(store, server, world)
    assert facts["pending"] == 2
    assert world.slept == []


def test_a_redirect_is_not_followed(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(1)
    with CaptureServer(Faults(script=["redirect"])) as server, _incomplete("sync-redirect"):
        _sync(store, server, world)


@pytest.mark.parametrize("status", ["408", "429", "500", "502", "503", "504"])
def test_a_passing_failure_is_tried_again(status: str, store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(3)
    with CaptureServer(Faults(script=[status])) as server:
        _sync(store, server, world)
    assert len(world.slept) == 1
    _once_each(server, events)


def test_a_503_after_the_capture_is_settled_by_asking(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(3)
    with CaptureServer(Faults(script=["captured-503"]), deduplicate=False) as server:
        assert _sync(store, server, world).stored == 3
    _once_each(server, events)
    assert server.batch_sizes == [3]


def test_a_job_and_events_that_the_receiver_never_knows_end_the_run_after_its_tries(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    fill(2)
    faults = Faults(job_script=["gone"] * 20, answers={"event": [404] * 80})
    with CaptureServer(faults) as server, _incomplete("sync-unreachable") as facts:
        _sync(store, server, world, tries=3)
    assert (facts["stored"], facts["pending"]) == (0, 2)
    assert len(world.slept) == 3
    assert len(server.batch_sizes) <= 4
    assert all(item.in_doubt for item in Outbox(store, str(facts["target"])).new(10))


def test_events_that_a_forgotten_job_stores_late_are_asked_for_again_before_a_repost(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(2)
    with CaptureServer(Faults(job_script=["gone"], answers={"event": [404, 404]}), deduplicate=False) as server:
        assert _sync(store, server, world).stored == 2
    _once_each(server, events)
    assert server.batch_sizes == [2]


def test_retry_after_is_waited_for(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(1)
    with CaptureServer(Faults(script=["retry-after:40"])) as server:
        _sync(store, server, world)
    assert 40 <= world.slept[0] <= 41


def test_a_long_retry_after_ends_the_run_and_holds_the_next_one(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(1)
    with CaptureServer(Faults(script=["retry-after:600"])) as server:
        with _incomplete("sync-wait"):
            _sync(store, server, world)
        asked = len(server.requests)
        with _incomplete("sync-wait"):
            _sync(store, server, world)
        assert len(server.requests) == asked
        world.moment += timedelta(seconds=601)
        _sync(store, server, world)
    _once_each(server, events)


def test_a_clock_set_far_back_does_not_silence_the_outbox(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(1)
    with CaptureServer(Faults(script=["retry-after:600"])) as server:
        with _incomplete("sync-wait"):
            _sync(store, server, world)
        world.moment -= timedelta(days=400)
        assert _sync(store, server, world).stored == 1


def test_delays_grow_with_jitter_and_the_run_ends(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(1)
    with CaptureServer(Faults(unavailable=1.0)) as server, _incomplete("sync-unreachable") as facts:
        _sync(store, server, world, tries=5, first_delay=1.0, longest_delay=4.0)
    assert facts["pending"] == 1
    assert len(world.slept) == 5
    assert all(delay <= ceiling for delay, ceiling in zip(world.slept, (1, 2, 4, 4, 4), strict=True))


def test_an_absent_receiver_leaves_everything_queued(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(2)
    with CaptureServer() as server:
        url = server.url
    with _incomplete("sync-unreachable") as facts:
        synchronise(store, CaptureTarget(url, None, Policy(tries=2)), edge=world.edge)
    assert (facts["sent"], facts["pending"]) == (0, 2)


def test_a_job_that_is_gone_is_asked_for_event_by_event(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(3)
    with CaptureServer(Faults(job_script=["gone"])) as server:
        report = _sync(store, server, world)
    assert report.stored == 3
    _once_each(server, events)
    assert sum(path.startswith("/epcis/events/") for _, path in server.requests) == 3


def test_a_slow_job_stays_posted_and_the_next_run_polls_it(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(3)
    with CaptureServer(Faults(polls=1000)) as server:
        with _incomplete("sync-job-slow") as facts:
            _sync(store, server, world, job_patience=5.0)
        assert Outbox(store, str(facts["target"])).counts().posted == 3
        server.jobs["job-1"].polls_left = 0
        report = _sync(store, server, world)
    assert (report.sent, report.stored) == (0, 3)
    _once_each(server, events)


def test_a_failed_job_without_errors_stores_nothing_unasked(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(4)
    with CaptureServer(Faults(job_script=["silent"])) as server:
        report = _sync(store, server, world)
    assert report.stored == 4
    _once_each(server, events)


def test_a_declaration_is_not_taken_for_the_event_that_it_voids(store: EventStore, world: FakeWorld) -> None:
    wrong = repair_event(1)
    declared = declare_error(wrong, at=START, reason="incorrect_data", corrective=(repair_event(2),))
    store.append(wrong)
    with CaptureServer(Faults(script=["ok", "lost-reply"])) as server:
        _sync(store, server, world)
        store.append(declared)
        report = _sync(store, server, world)
    assert report.stored == 1
    assert server.copies() == {(wrong.event_id, False): 1, (wrong.event_id, True): 1}


def test_a_login_page_in_place_of_the_event_does_not_make_it_go_out_twice(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(2)
    faults = Faults(script=["lost-reply"], answers={"event": [200, 200]})
    with CaptureServer(faults, deduplicate=False) as server:
        assert _sync(store, server, world).stored == 2
    _once_each(server, events)
    assert server.batch_sizes == [2]


def test_a_receiver_that_cannot_be_asked_stops_the_run_when_in_doubt(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    fill(2)
    with CaptureServer(Faults(script=["lost-reply"]), askable=False) as server, _incomplete("sync-cannot-ask") as facts:
        _sync(store, server, world)
    assert facts["pending"] == 2


def test_an_answer_without_a_job_address_is_settled_by_asking(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(2)
    with CaptureServer(Faults(script=["no-location"])) as server:
        _sync(store, server, world)
    _once_each(server, events)


@pytest.mark.parametrize("location", ["http://[bad/1", "/jobs/\x7f", "/epcis/capture/no. 1"])
def test_a_job_address_that_leads_nowhere_does_not_block_the_outbox(
    location: str, store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(2)
    with CaptureServer(Faults(script=[f"location:{location}"]), deduplicate=False) as server:
        assert _sync(store, server, world).stored == 2
    _once_each(server, events)


def test_an_unusable_job_address_of_an_earlier_run_does_not_block_the_outbox(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(2)
    with CaptureServer() as server:
        outbox = Outbox(store, CaptureTarget(server.url, None).name)
        outbox.sent(outbox.new(2), "/jobs/à 1")
        assert _sync(store, server, world).stored == 2
    _once_each(server, events)


def test_a_moments_nonsense_at_the_job_address_does_not_make_the_job_forgotten(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(2)
    with CaptureServer(Faults(polls=1, answers={"job": [200, 405]}), deduplicate=False) as server:
        assert _sync(store, server, world).stored == 2
    _once_each(server, events)
    assert not any("/events/" in path for _, path in server.requests)


def test_nonsense_at_the_job_address_for_a_whole_run_makes_the_next_one_ask_for_the_events(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(2)
    with CaptureServer(Faults(answers={"job": [200] * 100}), deduplicate=False) as server:
        with _incomplete("sync-unreachable") as facts:
            _sync(store, server, world, tries=2)
        assert facts["pending"] == 2
        assert _sync(store, server, world, tries=2).stored == 2
    _once_each(server, events)


def test_a_job_address_on_another_host_is_looked_up_here(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(1)
    with CaptureServer(Faults(script=["inner-host"])) as server:
        assert _sync(store, server, world).stored == 1


def test_the_requests_carry_the_headers_of_the_standard(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(1)
    with CaptureServer() as server:
        _sync(store, server, world)
    posted = server.headers[[method for method, _ in server.requests].index("POST")]
    assert posted["GS1-EPCIS-Version"] == posted["GS1-CBV-Version"] == "2.0.0"
    assert posted["GS1-Extensions"] == "dpt=urn:uuid:5939fbd6-18a7-463a-91fc-3879dc53c534#"
    assert posted["GS1-Capture-Error-Behaviour"] == "proceed"
    assert posted["Content-Type"] == "application/json"


def test_the_token_is_sent_and_never_logged(
    store: EventStore, world: FakeWorld, fill: Fill, caplog: pytest.LogCaptureFixture
) -> None:
    fill(1)
    caplog.set_level(0)
    with CaptureServer(token="s3cret-token") as server:
        target = open_target(server.url, {"DPPTAG_SYNC_TOKEN": "s3cret-token"})
        assert synchronise(store, target, edge=world.edge).stored == 1
    assert caplog.records
    assert "s3cret-token" not in caplog.text


def test_a_wrong_token_names_the_variable_and_not_the_token(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    fill(1)
    with CaptureServer(token="right") as server, pytest.raises(SyncIncomplete) as caught:
        synchronise(store, open_target(server.url, {"DPPTAG_SYNC_TOKEN": "wr0ng"}), edge=world.edge)
    assert "DPPTAG_SYNC_TOKEN" in str(caught.value.action)
    assert "wr0ng" not in f"{caught.value.message}{caught.value.action}{caught.value.facts}"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("https://user:pass@host/epcis", "sync-address-secret"),
        ("https://host/epcis?x=1", "sync-address"),
        ("https:///epcis", "sync-address"),
        ("https://host:port/epcis", "sync-address"),
        ("http://repository.example/epcis", "sync-token-plain"),
        ("mqtt://host/topic", "sync-scheme"),
        (".", "sync-address"),
    ],
)
def test_a_bad_address_is_refused_before_anything_is_sent(address: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_target(address, {"DPPTAG_SYNC_TOKEN": "token"})
    assert caught.value.code == code


def test_an_interrupt_in_the_middle_leaves_a_state_that_the_next_run_settles(
    store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(30)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with CaptureServer(Faults(polls=2)) as server:
        edge = world.edge
        with pytest.raises(KeyboardInterrupt):
            synchronise(
                store,
                CaptureTarget(server.url, None, Policy(batch=10)),
                edge=type(edge)(now=edge.now, sleep=interrupted, random=edge.random),
            )
        _sync(store, server, world, batch=10)
    _once_each(server, events)


@pytest.mark.parametrize("kind", ["OPTIONS", "job", "event"])
def test_a_passing_failure_of_any_request_is_tried_again(
    kind: str, store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(2)
    with CaptureServer(Faults(answers={kind: [503]}, job_script=["gone"])) as server:
        assert _sync(store, server, world).stored == 2
    assert len(world.slept) == 1
    _once_each(server, events)


@pytest.mark.parametrize("kind", ["OPTIONS", "job", "event"])
def test_a_denial_of_any_request_stops_and_the_next_run_goes_on(
    kind: str, store: EventStore, world: FakeWorld, fill: Fill
) -> None:
    events = fill(2)
    with CaptureServer(Faults(answers={kind: [401]}, job_script=["gone"])) as server:
        with _incomplete("sync-denied") as facts:
            _sync(store, server, world)
        assert (facts["stored"], facts["pending"]) == (0, 2)
        assert _sync(store, server, world).stored == 2
    _once_each(server, events)


def test_a_409_is_settled_by_asking_for_each_event(store: EventStore, world: FakeWorld, fill: Fill) -> None:
    events = fill(4)
    with CaptureServer(Faults(script=["409"])) as server:
        server.stored = [json.loads(event.body) for event in events[:3]]
        assert _sync(store, server, world).stored == 4
    _once_each(server, events)
    assert server.batch_sizes == [1]
