"""A module that knows one conversation by heart: every request must equal the recorded bytes, or it falls silent."""

import contextlib
import os
import pty
import select
import threading
import tty
from collections.abc import Iterator

from dpptag.devices.profiles import load_uhf_profile
from dpptag.devices.uhf.framing import Frame, Framing
from dpptag.devices.uhf.mercury import MercuryModule
from dpptag.devices.uhf.port import UhfPort
from dpptag.devices.uhf_profiles import UhfProfile

NANO = load_uhf_profile("uhf-m6e-nano")
FRAMING = Framing(NANO.framing)
Step = tuple[bytes, bytes]
"""A request and what is written when it came; nothing for a module that stays silent."""


def step(command: int, data: str = "", answer: str | None = "", status: int = 0) -> Step:
    """A step from what stands in its frames, in hex; ``answer`` None for silence."""
    request = FRAMING.build(FRAMING.request(command, bytes.fromhex(data)))
    if answer is None:
        return request, b""
    return request, FRAMING.build(Frame(command, bytes.fromhex(answer), status=status), answer=True)


def recorded(request: str, response: str) -> Step:
    return bytes.fromhex(request), bytes.fromhex(response)


class Peer:
    """Plays ``steps`` on the far side of a pseudo-terminal, whose path is ``path``."""

    def __init__(self, steps: list[Step]) -> None:
        self.left = list(steps)
        self.wrong: bytes | None = None
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave  # kept open, so that the master never sees a hang-up
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        heard = b""
        while True:
            ready, _, _ = select.select([self._master, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            heard += os.read(self._master, 4096)
            while self.left and heard.startswith(self.left[0][0]):
                request, answer = self.left.pop(0)
                heard = heard[len(request) :]
                os.write(self._master, answer)
            if heard and not (self.left and self.left[0][0].startswith(heard)):
                self.wrong = heard
                return

    def close(self) -> None:
        os.write(self._stop_write, b"\0")
        self._thread.join()
        for descriptor in (self._master, self._slave, self._stop_read, self._stop_write):
            os.close(descriptor)


@contextlib.contextmanager
def playing(
    steps: list[Step], profile: UhfProfile = NANO, pauses: list[float] | None = None
) -> Iterator[MercuryModule]:
    """The driver on a module that plays these steps, all of them and no others.

    ``pauses``: collects what the driver would have waited; nothing is slept.
    """
    peer = Peer(steps)
    waited = [] if pauses is None else pauses
    try:
        module = MercuryModule(UhfPort(peer.path, FRAMING, baud=115200, wait=waited.append), profile)
        try:
            yield module
        finally:
            module.close()
    finally:
        peer.close()
        left = [request.hex() for request, _ in peer.left]
        assert peer.wrong is None, f"asked {peer.wrong.hex()}, where {left[:1]} follows"
    assert not left


def hasty(answer_ms: int = 400) -> UhfProfile:
    """The profile with waits that a test can afford to let pass, those for answers long enough for a busy machine."""
    waits = {"answer": answer_ms, "access": 20, "inventory": answer_ms}
    access = NANO.access
    assert access is not None
    return NANO.model_copy(
        update={
            "waits": NANO.waits.model_copy(
                update={name: NANO.waits.answer.model_copy(update={"ms": ms}) for name, ms in waits.items()}
            ),
            "access": access.model_copy(update={"timeout_ms": 30, "proof_ms": 20}),
        }
    )
