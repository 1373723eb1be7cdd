"""TOML files of ours, read so that an error names file, line and cause."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from dpptag.errors import ProfileError

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
Words = Annotated[str, Field(min_length=1, max_length=400)]


class Table(BaseModel):
    """A table of such a file: unknown keys are refused, so that a misspelt one never goes unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def wrong_at(cause: str, *key: str | int) -> PydanticCustomError:
    """What a validator raises that looks at several keys: ``key`` is the one to correct, below the validated table."""
    return PydanticCustomError("wrong_at", "{cause}", {"cause": cause, "key": key})


_T = TypeVar("_T", bound=Table)


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except OSError as error:
        raise bad_file(path, None, f"it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise bad_file(path, None, "it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))  # else it is the end of the file
        raise bad_file(path, int(found[1]) if found else max(1, len(text.splitlines())), str(error)) from error


def validated(model: type[_T], document: dict[str, Any], path: Path, text: str) -> _T:
    """The first problem as a ProfileError."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _problems(error, model, path, text)[0] from error


def all_problems(model: type[Table], document: dict[str, Any], path: Path, text: str) -> list[ProfileError]:
    """Everything that is wrong, in the order of the model; what depends on several right values comes alone."""
    try:
        model.model_validate(document)
    except ValidationError as error:
        return _problems(error, model, path, text)
    return []


def _problems(error: ValidationError, model: type[Table], path: Path, text: str) -> list[ProfileError]:
    found = []
    for one in error.errors(include_url=False):
        location = (*one["loc"], *one["ctx"]["key"]) if one["type"] == "wrong_at" else one["loc"]
        where = ".".join(map(str, location))
        cause = "this key is not known" if one["type"] == "extra_forbidden" else one["msg"]
        # What a profile took over from another one stands in no line of its own but the one that says so.
        line = line_of(text, location) or line_of(text, ("based_on",))
        found.append(bad_file(path, line, f"{where or model.__name__}: {cause}"))
    return found


def line_of(text: str, location: tuple[int | str, ...]) -> int | None:
    """The line of a key, or of the innermost table on the way to it that the text spells out; None where none is."""
    best: tuple[int, int | None] = (0, None)
    header: tuple[int | str, ...] = ()
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
            header = tuple(found[2].split("."))
            if found[1] == "[[":
                counts[found[2]] = counts.get(found[2], -1) + 1
                header += (counts[found[2]],)
            path = header
        elif found := re.match(r"\s*([\w-]+)\s*=", line):
            path = (*header, found[1])
        else:
            continue
        if location[: len(path)] == path and len(path) > best[0]:
            best = (len(path), number)
    return best[1]


def bad_file(path: Path, line: int | None, cause: str) -> ProfileError:
    place = f"{path.name}, line {line}" if line is not None else path.name
    return ProfileError(
        f"{place}: {cause}", code="profile-bad", action=f"correct {path}", file=str(path), line=line, cause=cause
    )
