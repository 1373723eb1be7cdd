"""What a wire answer means: the client alone, against sockets that misbehave."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dpptag.sync.capture_client import ANSWER_LIMIT, CaptureClient
from dpptag.sync.transport import Accepted, Again, Gone, Halt, Holds, Job, Limits, NoJob
from tests.sync.conftest import START, repair_event


@contextmanager
def _server(answer: bytes, tls: ssl.SSLContext | None = None, *, hang_up: bool = True) -> Iterator[int]:
    """Answer the one request of the one connection with exactly these bytes, then hang up or let the client do it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            plain, _ = listener.accept()
            with tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
                while b"\r\n\r\n" not in connection.recv(65536):
                    pass
                connection.sendall(answer)
                while not hang_up and connection.recv(65536):
                    pass
        except OSError:
            pass  # the client gave up: that is what the test is about

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes an accept that nobody came to
        listener.close()
        thread.join()


@contextmanager
def _client(port: int, **options: ssl.SSLContext) -> Iterator[CaptureClient]:
    scheme = "https" if options else "http"
    client = CaptureClient(f"{scheme}://127.0.0.1:{port}/epcis", token=None, now=lambda: START, **options)
    try:
        yield client
    finally:
        client.close()


def _http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _job(body: object) -> object:
    with _server(_http("200 OK", json.dumps(body).encode())) as port, _client(port) as client:
        return client.job("/epcis/capture/1")


@pytest.mark.parametrize(("running", "success"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_job_says_running_and_success(running: bool, success: bool) -> None:
    assert _job({"running": running, "success": success}) == Job(running, success)


@pytest.mark.parametrize("body", [{}, [], None, {"running": "false", "success": "true"}, {"success": True}, "stored"])
def test_a_job_that_does_not_say_so_is_not_taken_for_success(body: object) -> None:
    assert isinstance(_job(body), NoJob)


@pytest.mark.parametrize("status", ["400 Bad", "405 Not Allowed", "406 Not Acceptable", "414 Too Long"])
def test_an_address_that_cannot_be_asked_is_no_job(status: str) -> None:
    with _server(_http(status)) as port, _client(port) as client:
        assert isinstance(client.job("/epcis/capture/1"), NoJob)


def test_a_job_names_its_errors_on_one_printable_line() -> None:
    problem = {"type": "epcisException:ValidationException", "title": "bad\x1b[31m\nline", "detail": 5}
    answer = _job({"running": False, "success": False, "errors": [problem, "noise"]})
    assert answer == Job(False, False, ("ValidationException: bad [31m line",))


def test_a_job_that_only_has_the_receivers_own_faults_says_so() -> None:
    problem = {"type": "epcisException:ImplementationException"}
    answer = _job({"running": False, "success": False, "errors": [problem]})
    assert isinstance(answer, Job)
    assert answer.fault_of_receiver


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/epcis/capture/1", "/epcis/capture/1"),
        ("job-1", "/epcis/job-1"),
        ("http://inner.invalid/jobs/1?part=2#top", "/jobs/1?part=2"),
        ("/jobs/no. 1", "/jobs/no.%201"),
        ("/jobs/50%25?a=<b>", "/jobs/50%25?a=%3Cb%3E"),
        ("/jobs/à", "/jobs/%C3%A0"),
    ],
)
def test_a_job_address_is_asked_for_as_a_path_of_this_origin(location: str, path: str) -> None:
    with _server(_http("202 Accepted", b"", f"Location: {location}")) as port, _client(port) as client:
        assert client.post(b"{}") == Accepted(path)


@pytest.mark.parametrize(
    "location", ["", "#top", "http://[bad/1", "/jobs/1\x00", "/jobs/\x7f1", "capture", "/epcis/capture"]
)
def test_a_location_that_is_no_job_address_is_none(location: str) -> None:
    with _server(_http("202 Accepted", b"", f"Location: {location}")) as port, _client(port) as client:
        answer = client.post(b"{}")
    assert isinstance(answer, Again)
    assert answer.in_doubt
    assert "without the address of a capture job" in answer.reason


@pytest.mark.parametrize("stored", ["/jobs/à", "/jobs/1 2", "/jobs/1\n", "jobs/1", ""])
def test_a_stored_job_address_that_cannot_be_asked_for_is_gone(stored: str) -> None:
    with _client(9) as client:
        assert client.job(stored) == Gone()


def test_a_host_that_cannot_be_looked_up_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: object) -> None:
        raise UnicodeError("label too long")  # the IDNA codec's

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    client = CaptureClient("http://host.invalid/epcis", token=None, now=lambda: START)
    assert isinstance(client.post(b"{}"), Again)


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_an_unknown_job_is_gone(status: str) -> None:
    with _server(_http(status)) as port, _client(port) as client:
        assert client.job("/epcis/capture/1") == Gone()


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 9"],
)
def test_a_torn_or_foreign_answer_is_worth_another_try(answer: bytes) -> None:
    with _server(answer) as port, _client(port) as client:
        assert isinstance(client.job("/epcis/capture/1"), Again)


def test_an_endless_answer_is_cut_off() -> None:
    with _server(_http("200 OK", b" " * (ANSWER_LIMIT + 100_000))) as port, _client(port) as client:
        answer = client.job("/epcis/capture/1")
    assert isinstance(answer, Again)
    assert str(ANSWER_LIMIT) in answer.reason


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1"]
)
def test_an_answer_that_does_not_end_is_given_up_at_the_deadline(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dpptag.sync.capture_client.DEADLINE_SECONDS", 0.05)
    with _server(sent, hang_up=False) as port, _client(port) as client:
        answer = client.job("/epcis/capture/1")
    assert isinstance(answer, Again)
    assert "no whole answer within 0.05 s" in answer.reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120.0), ("Mon, 10 May 2027 10:12:00 GMT", 120.0), ("Mon, 10 May 2020 10:12:00 GMT", 0.0), ("soon", None)],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    with _server(_http("429 Too Many", b"", f"Retry-After: {header}")) as port, _client(port) as client:
        answer = client.post(b"{}")
    assert isinstance(answer, Again)
    assert (answer.after, answer.in_doubt) == (seconds, False)


@pytest.mark.parametrize(("status", "in_doubt"), [(425, False), (429, False), (408, True), (500, True), (503, True)])
def test_only_425_and_429_prove_that_nothing_was_captured(status: int, in_doubt: bool) -> None:
    with _server(_http(f"{status} Later")) as port, _client(port) as client:
        answer = client.post(b"{}")
    assert isinstance(answer, Again)
    assert answer.in_doubt is in_doubt


@pytest.mark.parametrize(("events", "octets"), [("10", "5000"), ("0", "-1"), ("many", "")])
def test_limits_are_positive_numbers_or_none(events: str, octets: str) -> None:
    headers = (f"GS1-EPCIS-Capture-Limit: {events}", f"GS1-EPCIS-Capture-File-Size-Limit: {octets}")
    with _server(_http("204 No Content", b"", *headers)) as port, _client(port) as client:
        assert client.limits() == (Limits(10, 5000) if events == "10" else Limits())


def test_a_receiver_without_options_names_no_limits() -> None:
    with _server(_http("405 Method Not Allowed")) as port, _client(port) as client:
        assert client.limits() == Limits()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda event: event,
        lambda event: [event],
        lambda event: {"epcisBody": {"eventList": [event]}},
        lambda event: {"epcisBody": {"event": event}},
        lambda event: {"epcisBody": {"queryResults": {"resultsBody": {"eventList": [event]}}}},
    ],
)
@pytest.mark.parametrize("declared", [False, True])
def test_an_event_is_recognised_in_every_form_of_answer_and_not_as_its_declaration(
    wrap: Callable[[object], object], declared: bool
) -> None:
    event = repair_event(1)
    body = json.loads(event.body) | ({"errorDeclaration": {"declarationTime": "x"}} if declared else {})
    with _server(_http("200 OK", json.dumps(wrap(body)).encode())) as port, _client(port) as client:
        assert client.holds(event) == Holds(not declared)


_FOREIGN = b"<!doctype html><title>Please log in</title>"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b'"x"', b"{}", b"not json", b"[" * 100_000, _FOREIGN),
        *(b'{"status":"ok"}', b'{"eventID":"urn:x"}', b'{"type":"ObjectEvent"}', b"[1]", b'[{"status":"ok"}]'),
        *(b'{"epcisBody":[]}', b'{"epcisBody":{}}', b'{"epcisBody":null}', b'{"epcisBody":{"eventList":null}}'),
        *(b'{"epcisBody":{"eventList":[{}]}}', b'{"epcisBody":{"queryResults":{"resultsBody":{}}}}'),
    ],
)
def test_an_answer_that_is_not_about_events_says_neither_yes_nor_no(body: bytes) -> None:
    with _server(_http("200 OK", body)) as port, _client(port) as client:
        assert isinstance(client.holds(repair_event(1)), Again)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"epcisBody": {"eventList": []}},
        {"epcisBody": {"queryResults": {"resultsBody": {"eventList": []}}}},
        json.loads(repair_event(2).body),
        {"epcisBody": {"eventList": [json.loads(repair_event(2).body)]}},
    ],
)
def test_an_empty_list_or_other_events_are_a_no(body: object) -> None:
    with _server(_http("200 OK", json.dumps(body).encode())) as port, _client(port) as client:
        assert client.holds(repair_event(1)) == Holds(False)


def test_a_no_whose_body_did_not_arrive_whole_is_none() -> None:
    with _server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 50\r\n\r\n{}") as port, _client(port) as client:
        answer = client.holds(repair_event(1))
    assert isinstance(answer, Again)
    assert "48 bytes early" in answer.reason


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def _server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_trusted_certificate_is_spoken_to(certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate))
    with _server(_http("404 Not Found"), _server_tls(certificate)) as port, _client(port, tls=trusted) as client:
        assert client.job("/epcis/capture/1") == Gone()


def test_an_untrusted_certificate_halts(certificate: Path) -> None:
    default = ssl.create_default_context()
    with _server(_http("404 Not Found"), _server_tls(certificate)) as port, _client(port, tls=default) as client:
        answer = client.job("/epcis/capture/1")
    assert isinstance(answer, Halt)
    assert answer.code == "sync-certificate"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://Host.example:443/epcis/", "https://host.example/epcis"),
        ("https://host.example:/epcis/capture", "https://host.example/epcis"),
        ("HTTP://host.example:80", "http://host.example"),
        ("http://host.example:443/e", "http://host.example:443/e"),
        ("https://[::1]:443/e", "https://[::1]/e"),
        ("https://[::1]:8443/e", "https://[::1]:8443/e"),
    ],
)
def test_a_receiver_has_one_name_however_its_address_is_spelt(address: str, name: str) -> None:
    assert CaptureClient(address, token=None, now=lambda: START).name == name
