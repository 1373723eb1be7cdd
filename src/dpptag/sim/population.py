"""The simulated tags as a file and as a query: which tags there are, and their memory across processes."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from dpptag.errors import UsageError
from dpptag.sim.chip import Chip, Kind
from dpptag.sim.faults import Fault, parse_fault
from dpptag.sim.kinds import KINDS, kind_of

STATE_VERSION: Final = 1
_KEYS: Final = ("state", "type", "tags", "uid", "seed", "dwell", "position", "fault")
_TAGS: Final = re.compile(r"([A-Z0-9.-]+)(?:\*([0-9]{1,6}))?", re.ASCII)
_UID_BYTES: Final = (4, 7, 8, 10)
_TYPE_A_UID_BYTES: Final = (4, 7, 10)
_CASCADE_TAG: Final = 0x88


@dataclass(frozen=True, slots=True)
class Options:
    """A parsed query. ``types`` has one entry a tag; ``uids`` are given to the tags in order, the rest is random."""

    state: Path | None = None
    types: tuple[str, ...] = ("NTAG213",)
    uids: tuple[bytes, ...] = ()
    seed: int | None = None
    dwell: int = 3
    position: int | None = None
    faults: tuple[Fault, ...] = ()


def parse_query(query: str) -> Options:
    """Parse ``key=value&...``, percent-encoding undone and ``+`` kept. Raises UsageError.

    ``state=FILE``, ``type=NTAG215``, ``tags=NTAG213*9+SLIX2*8`` (names of ``kinds.KINDS``), ``uid=HEX,HEX``,
    ``seed=N``, ``dwell=N``, ``position=N`` (put this tag of the belt into the field first), ``fault=nak@12,pull@30+2``.
    """
    values: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in _KEYS or key in values or not value:
            raise UsageError(
                f"not understood in the simulator's query: {part!r}",
                code="sim-query",
                action="each once, with a value: " + ", ".join(_KEYS),
            )
        values[key] = unquote(value)
    if "type" in values and "tags" in values:
        raise UsageError("type= and tags= exclude each other", code="sim-query", action="give tags= alone")
    return Options(
        state=Path(values["state"]) if "state" in values else None,
        types=_parse_types(values.get("tags", values.get("type", "NTAG213"))),
        uids=tuple(_parse_uid(text) for text in values["uid"].split(",")) if "uid" in values else (),
        seed=_number(values, "seed"),
        dwell=_number(values, "dwell") or 3,
        position=_number(values, "position"),
        faults=tuple(parse_fault(text) for text in values["fault"].split(",")) if "fault" in values else (),
    )


def _number(values: dict[str, str], key: str) -> int | None:
    text = values.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"{key}= takes a whole number, not {text!r}", code="sim-query", action=f"write {key}=1")
    return int(text)


def _parse_types(text: str) -> tuple[str, ...]:
    types: list[str] = []
    for part in text.split("+"):
        match = _TAGS.fullmatch(part)
        if match is None or not (kind_of(match[1])):
            raise UsageError(
                f"not a simulated tag: {part!r}",
                code="sim-tag",
                action="write TYPE or TYPE*COUNT with one of: "
                + ", ".join(KINDS)
                + ", SAK20 (any SAK, answers nothing)",
            )
        types += [match[1]] * int(match[2] or 1)
    return tuple(types)


def _parse_uid(text: str) -> bytes:
    try:
        uid = bytes.fromhex(text)
    except ValueError as exc:
        raise UsageError(f"uid= takes hex, not {text!r}", code="sim-uid", action="write uid=04A1B2C3D4E5F6") from exc
    if len(uid) not in _UID_BYTES:
        raise UsageError(
            f"a simulated UID has 4, 7, 8 or 10 bytes, not {len(uid)}", code="sim-uid", action="give 7 bytes, or 8"
        )
    return uid


def _kind(name: str) -> Kind:
    kind = kind_of(name)
    if kind is None:
        raise ValueError(f"no simulated tag: {name!r}")
    return kind


def _new_uid(name: str, source: random.Random) -> bytes:
    """Of 7 bytes, SN3 is never 88h, the cascade tag (ISO/IEC 14443-3 6.5.4)."""
    kind = _kind(name)
    uid = bytearray(kind.uid_head + source.randbytes(kind.uid_bytes - len(kind.uid_head)))
    if len(uid) == 7 and uid[3] == _CASCADE_TAG:
        uid[3] = _CASCADE_TAG + 1
    return bytes(uid)


def _chip(name: str, uid: bytes, stored: Mapping[str, Any]) -> Chip:
    """Raises ValueError for an unknown kind, a UID that it cannot have, or a record that is none of its own."""
    kind = _kind(name)
    alike = kind.uid_bytes in _TYPE_A_UID_BYTES and len(uid) in _TYPE_A_UID_BYTES
    if len(uid) != kind.uid_bytes and not alike:
        raise ValueError(f"the UID of {name} has {kind.uid_bytes} bytes, not {len(uid)}")
    return kind.make(uid, stored)


def _ordered_chip(name: str, uid: bytes) -> Chip:
    try:
        return _chip(name, uid, {})
    except ValueError as exc:
        raise UsageError(str(exc), code="sim-uid", action="give another uid=, or none") from exc


def _record(chip: Chip) -> dict[str, Any]:
    return {"type": chip.kind, "uid": chip.uid.hex(), **chip.record()}


class StateFile:
    """The tags in a JSON file: ``version``, ``position``, ``tags`` (type, uid, and the chip's own record) and
    ``faults_fired``.

    A save is a rename, so that a killed process leaves the old file or the new one. It is not synced to the disk: the
    simulator survives the death of a process, not of the machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = ""

    def load(self) -> tuple[list[Chip], int, list[str]] | None:
        """Tags, position and fired faults; None where there is no file yet. Raises UsageError on anything else."""
        try:
            text = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as exc:
            raise self._unusable(exc) from exc
        try:
            state = json.loads(text)
            if state["version"] != STATE_VERSION:
                raise ValueError(f"version {state['version']}")
            tags = [_chip(tag["type"], bytes.fromhex(tag["uid"]), tag) for tag in state["tags"]]
            return tags, int(state["position"]), list(state.get("faults_fired", []))
        except (ValueError, KeyError, TypeError) as exc:
            raise UsageError(
                f"{self.path} is no state of the simulator: {exc}", code="sim-state", action="give another state=FILE"
            ) from exc

    def save(self, tags: Sequence[Chip], position: int, faults_fired: Sequence[str]) -> None:
        state = {
            "version": STATE_VERSION,
            "position": position,
            "faults_fired": list(faults_fired),
            "tags": [_record(tag) for tag in tags],
        }
        text = json.dumps(state) + "\n"
        if text == self._last:
            return
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            fresh.write_text(text, encoding="ascii")
            fresh.replace(self.path)
        except OSError as exc:
            raise self._unusable(exc) from exc
        self._last = text

    def _unusable(self, exc: Exception) -> UsageError:
        return UsageError(
            f"{self.path} cannot be the state of the simulator: {exc}",
            code="sim-state",
            action="give another state=FILE",
        )


def populate(options: Options) -> tuple[list[Chip], int, list[str]]:
    """Tags, position, and faults fired in earlier runs: from the state file, or, where there is none yet, new ones."""
    stored = StateFile(options.state).load() if options.state is not None else None
    if stored is not None:
        tags, position, fired = stored
    else:
        source = random.Random(options.seed) if options.seed is not None else random.SystemRandom()  # noqa: S311
        kinds = options.types if len(options.types) >= len(options.uids) else options.types[:1] * len(options.uids)
        uids = [*options.uids, *(_new_uid(kind, source) for kind in kinds[len(options.uids) :])]
        tags = [_ordered_chip(kind, uid) for kind, uid in zip(kinds, uids, strict=True)]
        position, fired = 0, []
    return tags, position if options.position is None else options.position, fired
