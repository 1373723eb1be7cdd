"""EPCIS 2.0 capture over REST, with the standard library's HTTP client.

What an answer means is decided in :func:`_again` and the methods of :class:`CaptureClient`; what to do about it is
:mod:`dpptag.sync.delivery`'s part. ``http.client`` knows no proxies, keeps no cookies and follows no redirect: a
document goes to the host that was named and nowhere else, and so does the token.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

from dpptag import __version__
from dpptag.errors import UsageError
from dpptag.events.event import NAMESPACE, PREFIX, FrozenEvent
from dpptag.sync.transport import (
    Accepted,
    Again,
    Duplicate,
    Gone,
    Halt,
    Holds,
    HoldsAnswer,
    Job,
    JobAnswer,
    Limits,
    NoJob,
    PostAnswer,
    Refused,
    TooLarge,
)

_LOG: Final = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 30.0  # per socket operation; a capture answers at once, the work is in the job
DEADLINE_SECONDS: Final = 300.0  # per exchange; a batch over a slow radio link ends in one, a dripping answer does not
ANSWER_LIMIT: Final = 1 << 20  # bytes of a job with its errors, or of one event with its declarations

_VERSION_HEADERS: Final = {
    "GS1-EPCIS-Version": "2.0.0",
    "GS1-CBV-Version": "2.0.0",
    "GS1-Extensions": f"{PREFIX}={NAMESPACE}",
}
_URI_CHARACTERS: Final = "/%:@!$&'()*+,;=~?"  # RFC 3986 reserved, less the brackets; an escape stays as it is
_REQUEST_TARGET: Final = re.compile(r"/[!-~]*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        """None where the body is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def problem(self) -> str:
        """The RFC 7807 text of an error, short and on one line."""
        return f"HTTP {self.status}{_problem(self.json())}"


class CaptureClient:
    """One repository, at ``url`` (its base, or its ``/capture``). Close it after use.

    ``token`` is sent as bearer token and never logged; over plain HTTP it is sent to this machine alone.
    Raises UsageError for an address that cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        now: Callable[[], datetime],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as exc:
            raise UsageError(f"not an address: {url[:120]!r}", code="sync-address") from exc
        if parts.scheme not in ("http", "https") or not self._host or parts.query or parts.fragment:
            raise UsageError(
                "the address of a repository is http(s)://host/path, without query or fragment", code="sync-address"
            )
        if not url.isascii() or " " in url:
            raise UsageError(
                "the address of a repository is ASCII without blanks",
                code="sync-address",
                action="write the host in punycode, and percent-encode the path",
            )
        if parts.username is not None or parts.password is not None:
            raise UsageError(
                "no user name or password in the address: it would be stored and shown",
                code="sync-address-secret",
                action="set DPPTAG_SYNC_TOKEN instead",
            )
        self._secure = parts.scheme == "https"
        if token is not None and not self._secure and self._host not in _LOOPBACK:
            raise UsageError(
                "the token would travel unencrypted", code="sync-token-plain", action="give an https:// address"
            )
        if token is not None and not (token.isascii() and token.isprintable() and token.strip() == token != ""):
            raise UsageError("DPPTAG_SYNC_TOKEN is no bearer token", code="sync-token")
        self._base = parts.path.rstrip("/").removesuffix("/capture")
        host = f"[{self._host}]" if ":" in self._host else self._host
        port = "" if self._port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{self._port}"
        origin = f"{parts.scheme}://{host}{port}"
        self.name = origin + self._base
        self._capture_url = f"{origin}{self._base}/capture"
        self._now = now
        self._tls = tls
        self._secret_headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def limits(self) -> Limits | Again | Halt:
        """``OPTIONS /capture``; a receiver that does not answer it well names no limits."""
        reply = self._exchange("OPTIONS", f"{self._base}/capture")
        if isinstance(reply, Again | Halt):
            return reply
        again = _again(reply, self._now)
        if again is not None:
            return again
        if reply.status in (401, 403):
            return _denied(reply)
        return Limits(
            _positive(reply.headers.get("gs1-epcis-capture-limit")),
            _positive(reply.headers.get("gs1-epcis-capture-file-size-limit")),
        )

    def post(self, document: bytes) -> PostAnswer:
        headers = {"Content-Type": "application/json", "GS1-Capture-Error-Behaviour": "proceed"}
        reply = self._exchange("POST", f"{self._base}/capture", document, headers)
        if isinstance(reply, Again | Halt):
            return reply
        match reply.status:
            case 202 if path := self._job_path(reply.headers.get("location", "")):
                return Accepted(path)
            case 200 | 201 | 202 | 204:
                return Again(f"HTTP {reply.status} without the address of a capture job")
            case 400 | 422:
                return Refused(reply.problem())
            case 409:
                return Duplicate(reply.problem())
            case 413:
                return TooLarge(reply.problem())
        return _again(reply, self._now) or self._halt(reply)

    def job(self, job_url: str) -> JobAnswer:
        """``Gone`` also for an address that no request can carry: then the events themselves are asked for."""
        if not _REQUEST_TARGET.fullmatch(job_url):
            return Gone()
        reply = self._exchange("GET", job_url)
        if isinstance(reply, Again | Halt):
            return reply
        if reply.status in (404, 410):
            return Gone()
        if reply.status in (400, 405, 406, 414):
            return NoJob(f"the capture job cannot be asked for: {reply.problem()}")
        if reply.status != 200:
            return _again(reply, self._now) or self._halt(reply)
        job = reply.json()
        running, success = (job.get("running"), job.get("success")) if isinstance(job, dict) else (None, None)
        if not isinstance(running, bool) or not isinstance(success, bool):
            return NoJob("the capture job does not say running and success")
        errors = job.get("errors")
        errors = [item for item in errors if isinstance(item, dict)] if isinstance(errors, list) else []
        own_fault = [str(item.get("type", "")).endswith("ImplementationException") for item in errors]
        texts = tuple(_problem(item).lstrip(": ") for item in errors[:5])
        return Job(running, success, texts, bool(own_fault) and all(own_fault))

    def holds(self, event: FrozenEvent) -> HoldsAnswer:
        """``GET /events/{id}``: an answer with the same id, declaration state and corrective ids.

        No is 404, 410, or events of which it is none. Any other answer, a login page or a foreign object, is neither.
        """
        reply = self._exchange("GET", f"{self._base}/events/{quote(event.event_id, safe='')}")
        if isinstance(reply, Again | Halt):
            return reply
        if reply.status in (404, 410):
            return Holds(False)
        if reply.status != 200:
            again = _again(reply, self._now)
            if again is None and reply.status in (400, 405, 406):
                return Halt(
                    f"the receiver cannot be asked what it has: GET /events/{{eventID}} says {reply.problem()}",
                    "sync-cannot-ask",
                    "have GET /events/{eventID} enabled at the receiver",
                )
            return again or self._halt(reply)
        events = _events(reply.json())
        if events is None:
            return Again(f"GET /events/{{eventID}}: {len(reply.body)} bytes that are no EPCIS events")
        return Holds(any(_key(found) == event.key for found in events))

    def _job_path(self, location: str) -> str | None:
        """Path and query of a job address, percent-encoded; None for what is none.

        A gateway's inner host name in it is ignored: we never leave the origin.
        """
        if not location or _CONTROL.search(location):
            return None
        try:
            parts = urlsplit(urljoin(self._capture_url, location))
        except ValueError:
            return None
        path, query = (quote(part.encode("latin-1"), safe=_URI_CHARACTERS) for part in (parts.path, parts.query))
        path = (path or "/") + (f"?{query}" if query else "")
        return None if path == f"{self._base}/capture" else path

    def _exchange(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> _Reply | Again | Halt:
        try:
            connection = self._connected()
            with _deadline(connection.sock, DEADLINE_SECONDS):
                connection.request(
                    method,
                    path,
                    body,
                    {
                        "Accept": "application/json, application/ld+json, application/problem+json",
                        "User-Agent": f"dpptag/{__version__}",
                        **_VERSION_HEADERS,
                        **(headers or {}),
                        **self._secret_headers,
                    },
                )
                with connection.getresponse() as response:
                    answer = response.read(ANSWER_LIMIT + 1)
        except ssl.SSLCertVerificationError as exc:
            self.close()
            return Halt(f"the certificate of {self._host} is not trusted: {exc.verify_message}", "sync-certificate")
        except (
            OSError,
            http.client.HTTPException,
            ValueError,
        ) as exc:  # ValueError: IDNA of a host, encoding of a path
            self.close()
            return Again(f"{self._host}: {_reason(exc)}")
        reply = _Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, answer)
        _LOG.debug("%s %s: %d, %d bytes", method, path, reply.status, len(answer))
        if len(answer) > ANSWER_LIMIT:
            self.close()
            return Again(f"{self._host}: an answer of more than {ANSWER_LIMIT} bytes")
        if response.length:  # what Content-Length still promises: a bounded read does not complain
            self.close()
            return Again(f"{self._host}: the answer ends {response.length} bytes early")
        return reply

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self._secure:
                context = self._tls or ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=TIMEOUT_SECONDS, context=context
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        if self._connection.sock is None:
            self._connection.connect()
        return self._connection

    def _halt(self, reply: _Reply) -> Halt:
        if reply.status in (401, 403):
            return _denied(reply)
        if 300 <= reply.status < 400:
            where = reply.headers.get("location", "nowhere")[:200]
            return Halt(
                f"the receiver points to {where}; a redirect is not followed",
                "sync-redirect",
                "check that address and give it with --to if it is right",
            )
        if reply.status in (404, 405):
            return Halt(
                f"{self._capture_url}: {reply.problem()}", "sync-no-capture", "check the address given with --to"
            )
        return Halt(f"the receiver does not take our documents: {reply.problem()}", "sync-refused")


@contextlib.contextmanager
def _deadline(connection: socket.socket, seconds: float) -> Iterator[None]:
    """Hang up after ``seconds``, whatever is going on: a socket's own time-out begins anew with every byte.

    Raises TimeoutError in place of what the hanging up led to.
    """
    expired = threading.Event()

    def hang_up() -> None:
        expired.set()
        with contextlib.suppress(OSError):  # closed meanwhile
            socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not SSLSocket's own: that one is not thread-safe

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if not expired.is_set():
            raise
    finally:
        timer.cancel()
    if expired.is_set():
        raise TimeoutError(f"no whole answer within {seconds:g} s")


def _denied(reply: _Reply) -> Halt:
    return Halt(
        f"the receiver refuses us: {reply.problem()}",
        "sync-denied",
        "set DPPTAG_SYNC_TOKEN to a token that may capture",
    )


def _again(reply: _Reply, now: Callable[[], datetime]) -> Again | None:
    """408, 425, 429 and 5xx. Only 425 and 429 say that nothing was taken: a gateway's 503 may hide a capture."""
    if reply.status in (408, 425, 429) or (reply.status >= 500 and reply.status != 501):
        after = _retry_after(reply.headers.get("retry-after"), now)
        return Again(reply.problem(), after, in_doubt=reply.status not in (425, 429))
    return None


def _retry_after(text: str | None, now: Callable[[], datetime]) -> float | None:
    """RFC 9110 10.2.3: seconds or a date."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text.strip()[:9])
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - now().timestamp())
    return None


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc)[:200] or type(exc).__name__


def _positive(text: str | None) -> int | None:
    value = int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else 0
    return value or None


def _problem(problem: object) -> str:
    """``: type: title: detail`` of an RFC 7807 object, printable and short; empty where there is none."""
    if not isinstance(problem, dict):
        return ""
    cells = [problem.get(name) for name in ("type", "title", "detail")]
    text = "".join(f": {cell.removeprefix('epcisException:')}" for cell in cells if isinstance(cell, str) and cell)
    return "".join(char if char.isprintable() else " " for char in text)[:300]


def _events(document: Any) -> list[dict[str, Any]] | None:
    """The events of whatever form an answer has: query document, document, list or one bare event; None if none."""
    found = document
    if isinstance(found, dict) and "epcisBody" in found:
        found = found["epcisBody"]
        for step in ("queryResults", "resultsBody"):
            found = found.get(step, found) if isinstance(found, dict) else None
        found = found.get("eventList", found.get("event")) if isinstance(found, dict) else None
    listed = found if isinstance(found, list) else [found]
    return listed if all(map(_is_event, listed)) else None


def _is_event(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("eventID"), str) and isinstance(value.get("type"), str)


def _key(event: Mapping[str, Any]) -> tuple[object, bool, tuple[object, ...]]:
    declaration = event.get("errorDeclaration")
    corrective = declaration.get("correctiveEventIDs") if isinstance(declaration, dict) else None
    return event.get("eventID"), declaration is not None, tuple(corrective) if isinstance(corrective, list) else ()
