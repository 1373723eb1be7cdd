"""Logging: one level below DEBUG for traffic with devices, in hex.

Secrets never reach a record: whoever logs traffic passes the bytes through :func:`masked` with the spans to hide.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

TRAFFIC: Final = 5
logging.addLevelName(TRAFFIC, "TRAFFIC")


def masked(data: bytes, secret_spans: Iterable[tuple[int, int]] = ()) -> str:
    """Hex of ``data``; every byte inside a half-open ``(start, stop)`` span is shown as ``**``."""
    cells = [f"{octet:02x}" for octet in data]
    for start, stop in secret_spans:
        cells[start:stop] = ["**"] * len(cells[start:stop])
    return "".join(cells)


def traffic(logger: logging.Logger, direction: str, data: bytes, secret_spans: Iterable[tuple[int, int]] = ()) -> None:
    """Log one frame; ``direction`` is ``">"`` to the device or ``"<"`` from it."""
    if logger.isEnabledFor(TRAFFIC):
        logger.log(TRAFFIC, "%s %s", direction, masked(data, secret_spans))


def configure(verbosity: int) -> None:
    """Send records to stderr: 0 warnings, 1 info, 2 debug, 3 traffic."""
    level = {0: logging.WARNING, 1: logging.INFO, 2: logging.DEBUG}.get(verbosity, TRAFFIC)
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
