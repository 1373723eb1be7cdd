"""A module on the far side of a pseudo-terminal that knows one conversation by heart, byte for byte."""

import os
import pty
import select
import threading
import tty
from types import TracebackType
from typing import Self


class ScriptedModule:
    """Answers each request of ``exchanges``, given in hex, once it has come whole and in its turn.

    An answer is one string, or pieces that are written one by one; "" is silence. What else the host says ends the
    conversation and fails the test on leaving.
    """

    def __init__(self, *exchanges: tuple[str, str | list[str]]) -> None:
        self._exchanges = [
            (bytes.fromhex(request), [bytes.fromhex(piece) for piece in ([said] if isinstance(said, str) else said)])
            for request, said in exchanges
        ]
        self.heard = bytearray()
        self.wrong = ""
        self.done = 0
        self._master, self._slave = pty.openpty()
        for end in (self._master, self._slave):
            tty.setraw(end)
        self.path = os.ttyname(self._slave)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            try:
                self.heard += os.read(self._master, 4096)
            except OSError:
                return
            while self.done < len(self._exchanges) and not self.wrong:
                request, answer = self._exchanges[self.done]
                if len(self.heard) < len(request):
                    break
                said = bytes(self.heard[: len(request)])
                del self.heard[: len(request)]
                if said != request:
                    self.wrong = f"request {self.done + 1} is {said.hex()}, not {request.hex()}"
                    return
                self.done += 1
                for piece in answer:
                    if piece:
                        os.write(self._master, piece)

    def say(self, octets: str) -> None:
        """Unasked."""
        os.write(self._master, bytes.fromhex(octets))

    def vanish(self) -> None:
        """As an adapter that is pulled: the port hangs up."""
        self._join()
        os.close(self._slave)
        os.close(self._master)
        self._slave = self._master = -1

    def _join(self) -> None:
        if self._thread.is_alive():
            os.write(self._stop_write, b"\0")
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._join()
        for end in (self._master, self._slave, self._stop_read, self._stop_write):
            if end >= 0:
                os.close(end)
        if kind is None:
            assert not self.wrong, self.wrong
            assert not self.heard, f"more was said: {self.heard.hex()}"
            assert self.done == len(self._exchanges), f"{len(self._exchanges) - self.done} requests did not come"
