"""Reading that accounts for every member: what no reader takes is kept as unknown, under its JSON path.

A ``Cursor`` stands on one object of the document. Each ``text``, ``number``, ``node`` ... takes the member it names, if
its value is of that type. Only the cursor makes cursors of inner objects, and when the function that it hands one to is
done, all that the function did not take goes to ``Ledger.unknown``: a reader cannot forget a member, only ignore one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar, cast

from dpptag.passport.document import JsonObject
from dpptag.passport.internal import Note, Number, Unknown

T = TypeVar("T")

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_LAST_STEP: Final = re.compile(r"(?:\.([A-Za-z_][A-Za-z0-9_]*)|\['((?:[^'\\]|\\.)*)'\])\Z", re.DOTALL)


def member_path(at: str, name: str) -> str:
    """``$.a.b``, or ``$['@context']`` for a name that is no plain word; never cut, so that no two members share one."""
    if _PLAIN(name):
        return f"{at}.{name}"
    return at + "['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"


def split_member(path: str) -> tuple[str, str] | None:
    """The path of the object and the name of the member in it; None for an entry of a list."""
    match = _LAST_STEP.search(path)
    if match is None:
        return None
    plain, quoted = match.groups()
    return path[: match.start()], plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


@dataclass(slots=True)
class Ledger:
    """What one reading leaves over, in the order of the document's objects."""

    unknown: list[Unknown] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


class Cursor:
    """One object of the document and which of its members have been taken."""

    __slots__ = ("_left", "at", "ledger", "members")

    def __init__(self, members: JsonObject, at: str, ledger: Ledger) -> None:
        self.members = members
        self.at = at
        self.ledger = ledger
        self._left = dict(members)

    # ------------------------------------------------------------ single values

    def text(self, name: str | None) -> str | None:
        return cast("str", self._left.pop(name)) if name and isinstance(self._left.get(name), str) else None

    def number(self, name: str | None) -> Number | None:
        """An int or float; ``true`` is no number."""
        value = self._left.get(name) if name else None
        if name and isinstance(value, int | float) and not isinstance(value, bool):
            del self._left[name]
            return value
        return None

    def flag(self, name: str | None) -> bool | None:
        """Only ``true`` and ``false`` themselves: the text "false" is left to the unknown ones."""
        return cast("bool", self._left.pop(name)) if name and isinstance(self._left.get(name), bool) else None

    def texts(self, name: str | None) -> tuple[str, ...]:
        """The texts of a list; its other entries are unknown, each by itself."""
        return tuple(cast("str", value) for _at, value in self._entries(name, str))

    def implied(self, name: str, *words: str) -> None:
        """Take a member that only says, in one of these words or several, what the class read already says."""
        value = self._left.get(name)
        found = [value] if isinstance(value, str) else value
        if isinstance(found, list) and found and all(word in words for word in found) and len(set(found)) == len(found):
            del self._left[name]

    def take_rest(self) -> JsonObject:
        """All members that are left, for an object that is open by its nature."""
        rest, self._left = self._left, {}
        return rest

    def peek(self, name: str) -> object:
        return self._left.get(name)

    def take(self, name: str) -> object:
        """A member of whatever type; its reader has looked at it."""
        return self._left.pop(name)

    # ------------------------------------------------------------ inner objects

    def node(self, name: str | None, read: Callable[[Cursor], T]) -> T | None:
        """What ``read`` makes of an inner object."""
        if name and isinstance(self._left.get(name), dict):
            members = cast("JsonObject", self._left.pop(name))
            return self._enter(members, member_path(self.at, name), read)
        return None

    def nodes(self, name: str | None, read: Callable[[Cursor], T]) -> tuple[T, ...]:
        """What ``read`` makes of each object of a list; entries of other types are unknown, each by itself."""
        entries = self._entries(name, dict)
        return tuple(self._enter(cast("JsonObject", value), at, read) for at, value in entries)

    def close(self) -> None:
        for name, value in self._left.items():
            self.ledger.unknown.append(Unknown(member_path(self.at, name), value))
        self._left = {}

    def _enter(self, members: JsonObject, at: str, read: Callable[[Cursor], T]) -> T:
        cursor = Cursor(members, at, self.ledger)
        value = read(cursor)
        cursor.close()
        return value

    def _entries(self, name: str | None, kind: type[object]) -> list[tuple[str, object]]:
        values = self._left.get(name) if name else None
        if not name or not isinstance(values, list):
            return []
        del self._left[name]
        at = member_path(self.at, name)
        found: list[tuple[str, object]] = []
        for index, value in enumerate(values):
            if isinstance(value, kind):
                found.append((f"{at}[{index}]", value))
            else:
                self.ledger.unknown.append(Unknown(f"{at}[{index}]", value))
        return found
