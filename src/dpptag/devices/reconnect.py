"""A reader that may be pulled and plugged again: found again by the next ``sense``, without a restart of the job.

The work on a tag that was in hand is lost with the reader: its link raises DeviceLost, and nothing is repeated for it.
Only looking for tags starts anew, on the same physical port, and so on the same reader as far as anybody can tell.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from dpptag.errors import DeviceError, DeviceLost
from dpptag.links.gen2 import Gen2Link, Gen2Reader, ModuleState, Sighting
from dpptag.links.nfc import DeviceInfo, NfcLink, NfcReader

_LOG: Final = logging.getLogger(__name__)

R = TypeVar("R", bound=NfcReader | Gen2Reader)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds. Waits grow from ``first`` to ``longest``; after ``patience`` the reader is given up.

    A hub needs half a second to tell of a device, udev another to set its permissions; a person needs longer.
    """

    first: float = 0.2
    longest: float = 2.0
    factor: float = 1.5
    patience: float = 60.0


class _Lasting(Generic[R]):
    """A reader that ``open_again`` opens, now and after each loss.

    ``is_present`` says whether something is plugged in there again, before it is opened. While the reader is away,
    looking for tags blocks, and for no longer than the backoff's patience; then it raises DeviceLost, and the next time
    it is tried again. ``clock`` is monotonic. Raises what ``open_again`` raises where the first opening fails.
    """

    def __init__(
        self,
        open_again: Callable[[], R],
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
        self._reader: R | None = open_again()
        self._info = self._reader.info

    @property
    def info(self) -> DeviceInfo:
        return self._info

    def _lasting(self, look: Callable[[R], T]) -> T:
        if self._closed:
            raise self._lost("is closed")
        loss: DeviceLost | None = None
        if self._reader is not None:
            try:
                return look(self._reader)
            except DeviceLost as error:
                loss = error
                self._forget()
                _LOG.warning("%s: %s; waiting for it", self._info.path, error.message)
        return self._look_again(look, loss)

    def _look_again(self, look: Callable[[R], T], loss: DeviceError | None) -> T:
        """Open and look until it goes, or patience ends."""
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
                        found = look(reader)
                    except DeviceLost as error:
                        loss = error
                        self._forget()
                    else:
                        _LOG.warning("%s: found again", self._info.path)
                        return found
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


class ReconnectingReader(_Lasting[NfcReader]):
    """Implements :class:`dpptag.links.NfcReader`."""

    def sense(self) -> NfcLink | None:
        return self._lasting(lambda reader: reader.sense())


class ReconnectingGen2Reader(_Lasting[Gen2Reader]):
    """Implements :class:`dpptag.links.Gen2Reader`. Region and power that were set are set again on a module that was
    found again: it may have been without power."""

    def __init__(
        self,
        open_again: Callable[[], Gen2Reader],
        is_present: Callable[[], bool],
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._region: str | None = None
        self._power_cdbm: int | None = None
        super().__init__(lambda: self._as_it_was(open_again()), is_present, backoff=backoff, clock=clock, wait=wait)

    def sense(self) -> Gen2Link | None:
        return self._lasting(lambda reader: reader.sense())

    def inventory(self) -> tuple[Sighting, ...]:
        return self._lasting(lambda reader: reader.inventory())

    def select(self, sighting: Sighting) -> Gen2Link:
        return self._lasting(lambda reader: reader.select(sighting))

    def state(self) -> ModuleState:
        return self._lasting(lambda reader: reader.state())

    def configure(self, *, region: str | None = None, power_cdbm: int | None = None) -> None:
        self._lasting(lambda reader: reader.configure(region=region, power_cdbm=power_cdbm))
        self._region = region if region is not None else self._region
        self._power_cdbm = power_cdbm if power_cdbm is not None else self._power_cdbm

    def _as_it_was(self, reader: Gen2Reader) -> Gen2Reader:
        if self._region is not None or self._power_cdbm is not None:
            try:
                reader.configure(region=self._region, power_cdbm=self._power_cdbm)
            except BaseException:
                reader.close()
                raise
        return reader
