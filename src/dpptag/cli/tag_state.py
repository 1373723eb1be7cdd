"""The tag in hand: waiting for it, and saying what became of it when the work ends early."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from dpptag.cli.output import say
from dpptag.errors import DeviceError, TagError, TagLost, TagNotFound
from dpptag.links import TagLink, TagReader


@contextmanager
def tag_state(state: str) -> Iterator[None]:
    """What a person must know of the tag in hand when the work ends here: told with whatever ended it."""
    try:
        yield
    except (DeviceError, TagError) as error:
        error.facts.setdefault("tag_state", state)
        raise
    except KeyboardInterrupt:
        say(f"tag state {state}; the same command may be run again")
        raise


def sense(reader: TagReader, wait: float) -> TagLink:
    """The tag in the field, waited for so many seconds; one that is lost again while it is chosen may come nearer.

    Raises TagNotFound, TagRefused; TagLost where a tag answered to the end and could not be chosen.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            link = reader.sense()
        except TagLost:
            if time.monotonic() >= deadline:
                raise
            continue
        if link is not None:
            return link
        if time.monotonic() >= deadline:
            raise TagNotFound(
                f"no tag came to the reader within {wait:g} seconds",
                action="lay a tag on the reader and call again, or give a longer --wait",
                tag_state="untouched",
            )
