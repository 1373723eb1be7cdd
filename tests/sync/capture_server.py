"""A small EPCIS 2.0 capture endpoint on 127.0.0.1 with faults on order; state in memory.

It follows the reference rules: 202 with a job address, jobs that end later, one copy of (eventID, is declaration),
a second copy named in the job's errors. ``Faults`` says what goes wrong, by a seeded generator or a fixed script.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class Faults:
    """Shares of ``POST /capture`` requests, and scripts that are used up one by one before the shares count."""

    lost_request: float = 0.0
    unavailable: float = 0.0
    lost_reply: float = 0.0
    captured_503: float = 0.0
    """A 503 from a gateway whose repository has captured the document all the same."""
    polls: int = 0
    script: list[str] = field(default_factory=list)
    job_script: list[str] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    """Statuses for the next requests by their kind: OPTIONS, job, event. 200 is a login page."""
    seed: int = 1


@dataclass
class Captured:
    """What a job holds."""

    events: list[dict[str, Any]]
    polls_left: int
    fate: str
    errors: list[dict[str, str]] = field(default_factory=list)
    success: bool = True
    done: bool = False


class CaptureServer:
    """Use as a context manager; ``url`` is the base address."""

    def __init__(
        self,
        faults: Faults | None = None,
        *,
        event_limit: int | None = None,
        byte_limit: int | None = None,
        deduplicate: bool = True,
        token: str | None = None,
        poison: str | None = None,
        askable: bool = True,
    ) -> None:
        self.faults = faults or Faults()
        self.event_limit, self.byte_limit, self.deduplicate = event_limit, byte_limit, deduplicate
        self.token, self.poison, self.askable = token, poison, askable
        self.stored: list[dict[str, Any]] = []
        self.jobs: dict[str, Captured] = {}
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.batch_sizes: list[int] = []
        self._random = random.Random(self.faults.seed)
        self.lock = threading.RLock()
        server = self

        class Handler(_Handler):
            owner = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/epcis"

    def __enter__(self) -> CaptureServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def copies(self) -> Counter[tuple[str, bool]]:
        """How often each (eventID, is declaration) is stored."""
        return Counter(key_of(event) for event in self.stored)

    def fault(self) -> str:
        """What befalls the next ``POST /capture``."""
        if self.faults.script:
            return self.faults.script.pop(0)
        dice = self._random.random()
        for name, share in (
            ("lost-request", self.faults.lost_request),
            ("503", self.faults.unavailable),
            ("lost-reply", self.faults.lost_reply),
            ("captured-503", self.faults.captured_503),
        ):
            if dice < share:
                return name
            dice -= share
        return "ok"

    def scripted(self, kind: str) -> int:
        """The status ordered for this request, 0 where none is."""
        script = self.faults.answers.get(kind)
        return script.pop(0) if script else 0

    def capture(self, events: list[dict[str, Any]]) -> str:
        name = f"job-{len(self.jobs) + 1}"
        fate = self.faults.job_script.pop(0) if self.faults.job_script else "ok"
        self.jobs[name] = Captured(events, self.faults.polls, fate)
        if self.faults.polls == 0:
            self.finish(self.jobs[name])
        return name

    def finish(self, job: Captured) -> None:
        """Run the job to its end; ``proceed`` stores what can be stored, ``rollback`` nothing."""
        job.done = True
        if job.fate == "rollback":
            job.success = False
            job.errors.append({"type": "epcisException:ImplementationException", "title": "database is away"})
            return
        if job.fate == "silent":
            job.success = False
            return
        present = {key_of(event) for event in self.stored}
        for event in job.events:
            if self.poison is not None and self.poison in json.dumps(event):
                job.errors.append({"type": "epcisException:ValidationException", "title": "not to my taste"})
            elif self.deduplicate and key_of(event) in present:
                job.errors.append({"type": "epcisException:ResourceAlreadyExistsException", "title": "seen"})
            else:
                self.stored.append(event)
                present.add(key_of(event))
        job.success = not job.errors


def key_of(event: dict[str, Any]) -> tuple[str, bool]:
    return event["eventID"], "errorDeclaration" in event


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: CaptureServer

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: object = None, **headers: str) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _vanish(self) -> None:
        self.close_connection = True

    def _admitted(self) -> bool:
        self.owner.requests.append((self.command, self.path))
        self.owner.headers.append(dict(self.headers.items()))
        if self.owner.token is None or self.headers.get("Authorization") == f"Bearer {self.owner.token}":
            return True
        self._answer(401, {"type": "epcisException:SecurityException", "title": "who are you"})
        return False

    def do_OPTIONS(self) -> None:
        with self.owner.lock:
            if not self._admitted():
                return None
            if status := self.owner.scripted("OPTIONS"):
                return self._answer(status)
            limits: dict[str, str] = {}
            if self.owner.event_limit:
                limits["GS1_EPCIS_Capture_Limit"] = str(self.owner.event_limit)
            if self.owner.byte_limit:
                limits["GS1_EPCIS_Capture_File_Size_Limit"] = str(self.owner.byte_limit)
            return self._answer(204, **limits)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.owner.lock:
            if not self._admitted():
                return None
            fault = self.owner.fault()
            if fault == "lost-request":
                return self._vanish()
            if fault.isdigit():
                return self._answer(int(fault), {"type": f"epcisException:Status{fault}"})
            if fault.startswith("retry-after:"):
                return self._answer(503, None, Retry_After=fault.partition(":")[2])
            if fault == "redirect":
                return self._answer(307, None, Location="http://192.0.2.1/elsewhere")
            if fault == "no-location":
                return self._answer(202)
            events = json.loads(body)["epcisBody"]["eventList"]
            if self.owner.event_limit and len(events) > self.owner.event_limit:
                return self._answer(413, {"type": "epcisException:CaptureLimitExceededException"})
            if self.owner.byte_limit and len(body) > self.owner.byte_limit:
                return self._answer(413, {"type": "epcisException:CaptureLimitExceededException"})
            self.owner.batch_sizes.append(len(events))
            job = self.owner.capture(events)
            if fault == "lost-reply":
                return self._vanish()
            if fault == "captured-503":
                if not self.owner.jobs[job].done:
                    self.owner.finish(self.owner.jobs[job])  # nobody was told where to ask for it
                return self._answer(503, {"type": "about:blank", "title": "upstream time-out"})
            if fault.startswith("location:"):
                return self._answer(202, None, Location=fault.partition(":")[2])
            host = "http://inner.invalid" if fault == "inner-host" else ""
            return self._answer(202, None, Location=f"{host}/epcis/capture/{job}")

    def do_GET(self) -> None:
        with self.owner.lock:
            if not self._admitted():
                return None
            _, _, name = self.path.rpartition("/")
            if status := self.owner.scripted("job" if "/capture/" in self.path else "event"):
                return self._answer(status, "<html>log in</html>")
            if "/capture/" in self.path:
                job = self.owner.jobs.get(name)
                if job is None or job.fate == "gone":
                    return self._answer(404, {"type": "epcisException:NoSuchResourceException"})
                if not job.done and job.polls_left == 0:
                    self.owner.finish(job)
                job.polls_left -= not job.done
                return self._answer(
                    200,
                    {"captureID": name, "running": not job.done, "success": job.success, "errors": job.errors},
                )
            if not self.owner.askable:
                return self._answer(405, {"type": "epcisException:Unknown"})
            found = [event for event in self.owner.stored if event["eventID"] == unquote(name)]
            if not found:
                return self._answer(404, {"type": "epcisException:NoSuchResourceException"})
            return self._answer(
                200,
                {
                    "type": "EPCISQueryDocument",
                    "epcisBody": {"queryResults": {"resultsBody": {"eventList": found}}},
                },
            )
