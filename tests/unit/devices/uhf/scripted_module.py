"""A module on the far side of a pseudo-terminal that knows its lines and no protocol: this request, these answers."""

import os
import pty
import select
import threading
import tty
from collections.abc import Sequence
from types import TracebackType
from typing import Self

Turn = tuple[bytes, bytes]
"""A request, whole, and every byte that is said to it."""


class ScriptedModule:
    """Serves the turns in their order. Leaving it asserts that they all came, and nothing else did."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = list(turns)
        self._heard = bytearray()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while self._stop_read not in (ready := select.select([self._master, self._stop_read], [], [])[0]) or (
            self._master in ready
        ):
            self._heard += os.read(self._master, 4096)
            while self._turns and self._heard.startswith(self._turns[0][0]):
                request, answer = self._turns.pop(0)
                del self._heard[: len(request)]
                for at in range(0, len(answer), 7):  # in pieces
                    os.write(self._master, answer[at : at + 7])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.write(self._stop_write, b"\0")
        self._thread.join()
        for descriptor in (self._master, self._slave, self._stop_read, self._stop_write):
            os.close(descriptor)
        if error is None:
            assert not self._heard, f"unexpected: {self._heard.hex()}"
            assert not self._turns, f"never asked: {self._turns[0][0].hex()}"
