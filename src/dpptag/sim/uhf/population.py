"""The simulated Gen2 tags as a query and as a file: which tags there are, and their memory across processes."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from dpptag.errors import UsageError
from dpptag.sim.uhf.faults import Fault, parse_fault
from dpptag.sim.uhf.field import Conditions
from dpptag.sim.uhf.models import MODELS
from dpptag.sim.uhf.tag import Gen2Chip, Model

STATE_VERSION: Final = 1
_TECHNOLOGY: Final = "gen2"
_DEFAULT_TAG: Final = "UCODE-7xm"
_TAGS: Final = re.compile(r"([A-Za-z0-9-]+)(?:\*([0-9]{1,6}))?", re.ASCII)
_RSSI: Final = re.compile(r"-[0-9]{1,2}", re.ASCII)
_KEYS: Final = (
    "state",
    "tags",
    "tid",
    "epc",
    "seed",
    "mode",
    "dwell",
    "position",
    "rssi",
    "collisions",
    "weak",
    "errors",
    "split",
    "fault",
)


@dataclass(frozen=True, slots=True)
class Options:
    """A parsed query. ``models`` has one entry a tag; ``tids`` and ``epcs`` are given to the tags in order.

    ``coarse``: the module says of a refused write only that it failed; None: as its family does.
    ``split``: the seed of random pieces in which answers reach the host; None: whole.
    """

    state: Path | None = None
    models: tuple[str, ...] = (_DEFAULT_TAG,)
    tids: tuple[bytes, ...] = ()
    epcs: tuple[bytes, ...] = ()
    position: int | None = None
    conditions: Conditions = field(default_factory=Conditions)
    coarse: bool | None = None
    split: int | None = None
    faults: tuple[Fault, ...] = ()


def parse_query(query: str) -> Options:
    """Parse ``key=value&...``, percent-encoding undone and ``+`` kept. Raises UsageError.

    ``state=FILE``, ``tags=Higgs-9*10+UCODE-7xm`` (names of ``models.MODELS``), ``tid=HEX,HEX``, ``epc=HEX,HEX``,
    ``seed=N``, ``mode=belt`` (one tag after another; where several tags are, the default) or ``mode=field`` (all at
    once), ``dwell=N``, ``position=N`` (this tag of the belt first), ``rssi=-45,-60`` (tag by tag, then again from the
    first), ``collisions=PERCENT``, ``weak=PERMILLE``, ``errors=fine`` or ``errors=coarse`` (without it, as the real
    module was captured or is documented), ``split=SEED``, ``fault=no-answer@12,leave@30+2``.
    """
    values: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in _KEYS or key in values or not value:
            raise _refused(f"not understood in the simulator's query: {part!r}", "each once: " + ", ".join(_KEYS))
        values[key] = unquote(value)
    dwell = _number(values, "dwell")
    return Options(
        state=Path(values["state"]) if "state" in values else None,
        models=_parse_tags(values.get("tags", _DEFAULT_TAG)),
        tids=_parse_hexes(values, "tid"),
        epcs=_parse_hexes(values, "epc"),
        position=_number(values, "position"),
        conditions=Conditions(
            is_belt=_choice(values, "mode", ("belt", "field")) == "belt",
            dwell=3 if dwell is None else dwell,
            rssi_dbm=_parse_rssi(values),
            collisions=_number(values, "collisions") or 0,
            weak=_number(values, "weak") or 0,
            seed=_number(values, "seed"),
        ),
        coarse=_choice(values, "errors", ("fine", "coarse")) == "coarse" if "errors" in values else None,
        split=_number(values, "split"),
        faults=tuple(parse_fault(text) for text in values["fault"].split(",")) if "fault" in values else (),
    )


def _refused(message: str, action: str, code: str = "sim-query") -> UsageError:
    return UsageError(message, code=code, action=action)


def _number(values: Mapping[str, str], key: str) -> int | None:
    text = values.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _refused(f"{key}= takes a whole number, not {text!r}", f"write {key}=1")
    return int(text)


def _choice(values: Mapping[str, str], key: str, choices: tuple[str, ...]) -> str:
    value = values.get(key, choices[0])
    if value not in choices:
        raise _refused(f"{key}= is not {value!r}", f"write {key}= with one of: " + ", ".join(choices))
    return value


def _parse_tags(text: str) -> tuple[str, ...]:
    names: list[str] = []
    for part in text.split("+"):
        match = _TAGS.fullmatch(part)
        if match is None or match[1] not in MODELS:
            raise _refused(
                f"not a simulated Gen2 tag: {part!r}",
                "write MODEL or MODEL*COUNT with one of: " + ", ".join(MODELS),
                "sim-tag",
            )
        names += [match[1]] * int(match[2] or 1)
    return tuple(names)


def _parse_hexes(values: Mapping[str, str], key: str) -> tuple[bytes, ...]:
    try:
        return tuple(bytes.fromhex(text) for text in values[key].split(",")) if key in values else ()
    except ValueError as exc:
        raise _refused(f"{key}= takes hex, not {values[key]!r}", f"write {key}= with whole bytes") from exc


def _parse_rssi(values: Mapping[str, str]) -> tuple[int, ...]:
    texts = values["rssi"].split(",") if "rssi" in values else []
    if not all(map(_RSSI.fullmatch, texts)):
        raise _refused(f"rssi= takes dBm, not {values['rssi']!r}", "write rssi=-45,-60")
    return tuple(map(int, texts))


def _new_tid(model: Model, source: random.Random) -> bytes:
    return model.fixed_tid + source.randbytes(model.serial_bytes) + model.tid_tail


def _ordered_tags(options: Options) -> list[Gen2Chip]:
    seed = options.conditions.seed
    source = random.Random(seed) if seed is not None else random.SystemRandom()  # noqa: S311  no secret is drawn
    given = max(len(options.tids), len(options.epcs))
    names = options.models if len(options.models) >= given else options.models[:1] * given
    tags = []
    for number, name in enumerate(names):
        model = MODELS[name]
        tid = options.tids[number] if number < len(options.tids) else _new_tid(model, source)
        epc = options.epcs[number] if number < len(options.epcs) else None
        try:
            tags.append(Gen2Chip(model, tid, epc))
        except ValueError as exc:
            raise _refused(str(exc), "give another tid= or epc=, or none", "sim-tid") from exc
    return tags


class StateFile:
    """The tags in a JSON file: ``version``, ``technology``, ``position``, ``tags`` (type, tid, and what the chip
    holds) and ``faults_fired``.

    A save is a rename, so that a killed process leaves the old file or the new one. It is not synced to the disk: the
    simulator survives the death of a process, not of the machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = ""
        self._lines: dict[int, tuple[int, str]] = {}

    def load(self) -> tuple[list[Gen2Chip], int, list[str]] | None:
        """Tags, position and fired faults; None where there is no file yet. Raises UsageError on anything else."""
        try:
            text = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as exc:
            raise self._unusable(exc) from exc
        try:
            state = json.loads(text)
            if (state["version"], state["technology"]) != (STATE_VERSION, _TECHNOLOGY):
                raise ValueError(f"version {state['version']} of {state['technology']}")
            tags = [_stored_tag(tag) for tag in state["tags"]]
            return tags, int(state["position"]), list(state["faults_fired"])
        except (ValueError, KeyError, TypeError) as exc:
            raise _refused(
                f"{self.path} is no state of the simulated UHF module: {exc}", "give another state=FILE", "sim-state"
            ) from exc

    def save(self, tags: Sequence[Gen2Chip], position: int, faults_fired: Sequence[str]) -> None:
        head = json.dumps({"version": STATE_VERSION, "technology": _TECHNOLOGY, "position": position})[:-1]
        fired = json.dumps(list(faults_fired))
        lines = ",\n".join(self._line(number, tag) for number, tag in enumerate(tags))
        text = f'{head}, "faults_fired": {fired}, "tags": [\n{lines}\n]}}\n'
        if text == self._last:
            return
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            fresh.write_text(text, encoding="ascii")
            fresh.replace(self.path)
        except OSError as exc:
            raise self._unusable(exc) from exc
        self._last = text

    def _line(self, number: int, tag: Gen2Chip) -> str:
        """A tag that did not change is not written anew: of a thousand tags one changes at a time."""
        changes, line = self._lines.get(number, (-1, ""))
        if changes != tag.changes:
            line = tag.to_json()
            self._lines[number] = tag.changes, line
        return line

    def _unusable(self, exc: Exception) -> UsageError:
        return _refused(
            f"{self.path} cannot be the state of the simulated UHF module: {exc}",
            "give another state=FILE",
            "sim-state",
        )


def _stored_tag(record: Mapping[str, Any]) -> Gen2Chip:
    tag = Gen2Chip(MODELS[record["type"]], bytes.fromhex(record["tid"]))
    tag.restore(record)
    return tag


def populate(options: Options) -> tuple[list[Gen2Chip], int, list[str]]:
    """Tags, position, and faults fired in earlier runs: from the state file, or, where there is none yet, new ones."""
    stored = StateFile(options.state).load() if options.state is not None else None
    tags, position, fired = stored if stored is not None else (_ordered_tags(options), 0, [])
    return tags, position if options.position is None else options.position, fired
