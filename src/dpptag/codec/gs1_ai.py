"""What the AI table says: components of a value, path order of a key, companions (GS1 Barcode Syntax Dictionary).

The table itself is generated (``gs1_table.py``); a row is taken apart when its AI is first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from dpptag.codec.gs1_content import CSET39, CSET64, CSET82, RULES
from dpptag.codec.gs1_table import ROWS, Row
from dpptag.errors import LinkError

_COMPONENT: Final = re.compile(r"(\[)?([NXYZ])(\.\.)?(\d+)\]?((?:,[a-z0-9]+)*)")
_SERIALISED_FOR_8030: Final = ("253", "255", "8003")  # GenSpecs 3.9.12: a signature needs their serial component


class Component(NamedTuple):
    kind: str
    """``N`` digits, ``X`` CSET 82, ``Y`` CSET 39, ``Z`` base64url."""
    minimum: int
    maximum: int
    optional: bool
    rules: tuple[str, ...]


class AiRule(NamedTuple):
    """One application identifier."""

    ai: str
    attribute: bool
    """Allowed as a Digital Link query attribute."""
    fixed: bool
    """Of pre-defined length: comes first in a canonical query."""
    components: tuple[Component, ...]
    requires: tuple[tuple[str, ...], ...]
    """Alternatives, each a group of AI patterns that must all be there; empty: nothing required."""
    excludes: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...] | None
    """Qualifier sequences of a Digital Link key; None where the AI is no key."""

    @property
    def shortest(self) -> int:
        return sum(component.minimum for component in self.components if not component.optional)

    @property
    def longest(self) -> int:
        return sum(component.maximum for component in self.components)


def _expand(rows: Iterable[Row]) -> dict[str, Row]:
    table = {}
    for row in rows:
        first, last = row[0], row[1]
        for number in range(int(first), int(last) + 1):
            table[str(number).zfill(len(first))] = row
    return table


_TABLE: Final = _expand(ROWS)


def _component(word: str) -> Component:
    match = _COMPONENT.fullmatch(word)
    if match is None:
        raise ValueError(f"component {word!r} in the generated AI table")
    optional, kind, variable, length, rules = match.groups()
    maximum = int(length)
    return Component(kind, 1 if variable else maximum, maximum, bool(optional), tuple(rules.split(",")[1:]))


_rules: dict[str, AiRule] = {}  # rows taken apart so far; never more than the table has


def rule_for(ai: str) -> AiRule | None:
    """The rule of an AI; None where the dictionary has no such AI."""
    rule = _rules.get(ai)
    if rule is None and ai in _TABLE:
        rule = _rules[ai] = _rule(ai, _TABLE[ai])
    return rule


def _rule(ai: str, row: Row) -> AiRule:
    _first, _last, flags, components, requires, excludes, path = row
    return AiRule(
        ai,
        "?" in flags,
        "*" in flags,
        tuple(_component(word) for word in components.split()),
        tuple(tuple(group.split("+")) for group in requires.split(",") if group),
        tuple(pattern for pattern in excludes.split(",") if pattern),
        None if path is None else tuple(tuple(part.split(",")) if part else () for part in path.split("|")),
    )


def all_ais() -> tuple[str, ...]:
    """Every AI of the dictionary, ranges expanded, in its order."""
    return tuple(_TABLE)


def check_value(rule: AiRule, value: str) -> None:
    """Check a decoded value against length, character sets and content rules of its AI. Raises LinkError."""
    if not rule.shortest <= len(value) <= rule.longest:
        raise _wrong_length(rule, value)
    at = 0
    for component in rule.components:
        part = value[at : at + component.maximum]
        if not part and component.optional:
            continue
        if len(part) < component.minimum:
            raise _wrong_length(rule, value)
        _check_characters(rule, component, part)
        at += len(part)
        for name in component.rules:
            content = RULES.get(name)
            if content is not None and not content.holds(part):
                raise LinkError(
                    f"AI {rule.ai}: {content.says}: {part!r}", code=content.code, ai=rule.ai, value=value, rule=name
                )


def _wrong_length(rule: AiRule, value: str) -> LinkError:
    shortest, longest = rule.shortest, rule.longest
    wanted = str(shortest) if shortest == longest else f"{shortest} to {longest}"
    short_gtin = rule.ai == "01" and len(value) in (8, 12, 13)
    return LinkError(
        f"AI {rule.ai} takes {wanted} characters, not {len(value)}",
        code="gtin-short" if short_gtin else "length",
        action=f"pad the GTIN with zeros on the left to 14 digits: {value.rjust(14, '0')}" if short_gtin else None,
        ai=rule.ai,
        wanted=wanted,
        got=len(value),
    )


def _check_characters(rule: AiRule, component: Component, part: str) -> None:
    if component.kind == "N":
        good, name = part.isascii() and part.isdigit(), "digits"
    elif component.kind == "X":
        good, name = CSET82.issuperset(part), "GS1 character set 82"
    elif component.kind == "Y":
        good, name = CSET39.issuperset(part), "GS1 character set 39"
    else:
        bare = part.rstrip("=")
        pads = len(part) - len(bare)
        # GenSpecs figure 7.11-3: up to two pads, which fill a group of three
        good = CSET64.issuperset(bare) and pads <= 2 and (not pads or len(part) % 3 == 0)
        name = "base64url"
    if not good:
        raise LinkError(
            f"AI {rule.ai} takes {name} only: {part!r}", code="characters", ai=rule.ai, value=part, wanted=name
        )


def _matches(pattern: str, ai: str) -> bool:
    """``n`` in a pattern stands for any digit."""
    return len(pattern) == len(ai) and all(want in ("n", have) for want, have in zip(pattern, ai, strict=True))


def _present(pattern: str, ais: Iterable[str]) -> bool:
    return any(_matches(pattern, ai) for ai in ais)


def check_companions(ais: Mapping[str, str]) -> None:
    """Check that the AIs of one link may and do stand together (attributes ``req`` and ``ex``). Raises LinkError."""
    for ai in ais:
        rule = rule_for(ai)
        if rule is None:
            raise LinkError(f"AI {ai} is not known", code="unknown-ai", ai=ai)
        for pattern in rule.excludes:
            for other in ais:
                if other != ai and _matches(pattern, other):
                    raise LinkError(f"AI {ai} may not stand with AI {other}", code="excluded-ai", ai=ai, other=other)
        if rule.requires and not any(all(_present(want, ais) for want in group) for group in rule.requires):
            wanted = " or ".join("+".join(group) for group in rule.requires)
            raise LinkError(f"AI {ai} needs AI {wanted} beside it", code="missing-companion", ai=ai, wanted=wanted)
    if "8030" in ais:
        for ai in _SERIALISED_FOR_8030:
            key = rule_for(ai)
            if ai in ais and key is not None and len(ais[ai]) == key.shortest:
                raise LinkError(
                    f"AI 8030 needs the serial component of AI {ai}", code="missing-companion", ai="8030", other=ai
                )
