"""The frames between host and reader in the traffic log, secrets masked, and waits that end."""

from __future__ import annotations

import errno
import logging
import os
from typing import Final

from dpptag import logs
from dpptag.devices.raw_port import Hidden

LOG = logging.getLogger("dpptag.devices.nfcpy")

_ACK: Final = bytes.fromhex("0000FF00FF00")
_MOST_ACKS: Final = 4
"""After one command. One is right; nfcpy goes on reading for as long as acknowledgements come."""


class Traffic:
    """Logs frames. While :attr:`hidden` is set, what it names of :attr:`tag_frame` is masked wherever it travels."""

    def __init__(self) -> None:
        self.tag_frame = b""
        self.hidden: Hidden | None = None
        self._acks = 0

    def hide(self, tag_frame: bytes, hidden: Hidden | None) -> None:
        self.tag_frame, self.hidden = tag_frame, hidden

    def sent(self, frame: bytes) -> None:
        self._acks = 0
        if self.hidden is None:
            logs.traffic(LOG, ">", frame)
            return
        at = frame.find(self.tag_frame)
        spans = [(0, len(frame))]
        if at >= 0:
            # What follows the tag's frame tells of the secret too: CRC_A (RC-S380) two bytes of it, the host's sum one.
            spans = [(at + self.hidden.start, at + self.hidden.stop), (at + len(self.tag_frame), len(frame))]
        logs.traffic(LOG, ">", frame, spans)

    def received(self, frame: bytes) -> None:
        """Raises OSError where a reader sends acknowledgements without end."""
        whole = self.hidden is not None and self.hidden.answer
        logs.traffic(LOG, "<", frame, [(0, len(frame))] if whole else ())
        self._acks += frame == _ACK
        if self._acks > _MOST_ACKS:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
