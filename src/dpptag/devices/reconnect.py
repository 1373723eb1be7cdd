"""A reader that may be pulled and plugged again: found again by the next ``sense``, without a restart of the job.

The work on a tag that was in hand is lost with the reader: its link raises DeviceLost, and nothing is repeated for it.
Only ``sense`` starts anew, on the same physical port, and so on the same reader as far as anybody can tell.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from dpptag.errors import DeviceError, DeviceLost
from dpptag.links.nfc import DeviceInfo, NfcLink, NfcReader

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds. Waits grow from ``first`` to ``longest``; after ``patience`` the reader is given up.

    A hub needs half a second to tell of a device, udev another to set its permissions; a person needs longer.
    """

    first: float = 0.2
    longest: float = 2.0
    factor: float = 1.5
    patience: float = 60.0


class ReconnectingReader:
    """Implements :class:`dpptag.links.NfcReader` over a reader that ``open_again`` opens, now and after each loss.

    ``is_present`` says whether something is plugged in there again, before it is opened. While the reader is away,
    ``sense`` blocks, and for no longer than the backoff's patience; then it raises DeviceLost, and the next ``sense``
    tries again. ``clock`` is monotonic. Raises what ``open_again`` raises where the first opening fails.
    """

    def __init__(
        self,
        open_again: Callable[[], NfcReader],
        is_present: Callable[[], bool],
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._open_again = open_again
        self._is_present = is_present
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._wait = wait
        self._closed = False
        self._reader: NfcReader | None = open_again()
        self._info = self._reader.info

    @property
    def info(self) -> DeviceInfo:
        return self._info

    def sense(self) -> NfcLink | None:
        if self._closed:
            raise self._lost("is closed")
        loss: DeviceLost | None = None
        if self._reader is not None:
            try:
                return self._reader.sense()
            except DeviceLost as error:
                loss = error
                self._forget()
                _LOG.warning("%s: %s; waiting for it", self._info.path, error.message)
        return self._sense_again(loss)

    def _sense_again(self, loss: DeviceError | None) -> NfcLink | None:
        """Open and sense until it goes, or patience ends."""
        deadline = self._clock() + self._backoff.patience
        pause = self._backoff.first
        while True:
            if self._is_present():
                try:
                    reader = self._open_again()
                except DeviceError as error:  # not ready yet: permissions, a module that must be thrown out, a reset
                    loss = error
                else:
                    self._reader, self._info = reader, reader.info
                    try:
                        link = reader.sense()
                    except DeviceLost as error:
                        loss = error
                        self._forget()
                    else:
                        _LOG.warning("%s: found again", self._info.path)
                        return link
            if self._clock() + pause > deadline:
                raise self._lost("did not come back") from loss
            self._wait(pause)
            pause = min(pause * self._backoff.factor, self._backoff.longest)

    def signal(self) -> bool:
        return self._reader.signal() if self._reader is not None else False

    def close(self) -> None:
        self._closed = True
        self._forget()

    def _forget(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _lost(self, how: str) -> DeviceLost:
        return DeviceLost(
            f"the reader {self._info.path} {how}",
            action="plug it in again at the same port, then go on",
            device=self._info.path,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
