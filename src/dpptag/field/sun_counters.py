"""The highest SUN counter seen of each chip: what tells a fresh tap from a copied link.

One JSON file, replaced whole and synced before a link is called fresh, so that a power cut never lets one pass twice.
It knows the taps of this device alone: a link first shown here is fresh here, whatever others have seen.
"""

from __future__ import annotations

import json
import os
from typing import Final

from dpptag.errors import StoreError, Wrong
from dpptag.files import locked, replace_file

_FORMAT: Final = "dpptag sun counters 1"
_LARGEST: Final = 0xFFFFFF  # SDMReadCtr has 3 bytes (NT4H2421Gx 9.3.2)
AUTHENTICITY_CHECK: Final = 10
"""Number of the check in a verdict (chip authenticity)."""


class Replayed(Wrong):
    """The counter is not above the highest seen of its chip: a copy of an earlier tap, or taps out of order."""

    default_code = "sun-replay"


class SunCounters:
    """The store at ``path``; the file is made at the first tap. Several processes may share it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)

    def accept(self, uid: bytes, counter: int) -> None:
        """Note a tap whose MAC was valid; durable on return. Raises Replayed, and StoreError where it cannot be noted.

        Only for values that a valid MAC covers: anybody could else push a chip's counter up and shut it out.
        """
        try:
            with locked(f"{self._path}.lock", wait=True):
                counters = self._read()
                highest = counters.get(uid.hex())
                if highest is not None and counter <= highest:
                    raise Replayed(
                        f"counter {counter} is not above {highest}, the highest seen of this chip here: a copied link, "
                        "or an older tap shown again",
                        check=AUTHENTICITY_CHECK,
                        action="tap the tag itself again and check the link it gives now",
                        chip=uid.hex(),
                        counter=counter,
                        highest=highest,
                    )
                counters[uid.hex()] = counter
                content = json.dumps({"format": _FORMAT, "highest": counters}, indent=1, sort_keys=True) + "\n"
                replace_file(self._path, content.encode(), mode=0o600)
        except OSError as exc:
            raise StoreError(
                f"cannot keep the counters of taps in {self._path}: {exc.strerror}",
                code="sun-counters",
                action="make room or give another --counters FILE; the link was not accepted",
                path=self._path,
            ) from exc

    def highest(self, uid: bytes) -> int | None:
        """The highest counter seen of this chip; None where it was never seen here."""
        try:
            return self._read().get(uid.hex())
        except OSError as exc:
            raise StoreError(f"cannot read {self._path}: {exc.strerror}", code="sun-counters", path=self._path) from exc

    def _read(self) -> dict[str, int]:
        try:
            with open(self._path, "rb") as file:  # noqa: PTH123
                value = json.loads(file.read())
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            value = None
        counters = value.get("highest") if isinstance(value, dict) and value.get("format") == _FORMAT else None
        if not isinstance(counters, dict) or not all(
            type(counter) is int and 0 <= counter <= _LARGEST for counter in counters.values()
        ):
            # Loud: starting anew would let every link ever seen pass once more.
            raise StoreError(
                f"{self._path} is no store of counters, or damaged",
                code="sun-counters-damaged",
                action="restore it from a backup; without it, links seen before would pass as fresh",
                path=self._path,
            )
        return counters
