"""All profiles held against their model and their transcripts, everything that is wrong at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dpptag.devices.profiles import (
    check_transcript,
    find_fixtures_dir,
    fixture_paths,
    load_file,
    problems_of,
    profile_paths,
)
from dpptag.devices.toml_files import line_of, read_toml
from dpptag.devices.transcripts import load_transcript
from dpptag.errors import ProfileError


@dataclass(frozen=True, slots=True)
class CheckedProfile:
    """``own``: from the user's folder. ``transcripts``: how many were checked, None where none could be.

    ``problems``: empty for a good profile. The transcripts of a bad one are held against their protocol alone.
    """

    name: str
    file: Path
    own: bool
    transcripts: int | None
    problems: tuple[ProfileError, ...]


def check_profiles(
    names: Sequence[str] = (), *, user_dir: Path | None = None, fixtures_dir: Path | None = None
) -> tuple[CheckedProfile, ...]:
    """The profiles of these names, or all; the user's own hide the shipped ones.

    ``fixtures_dir``: where every transcript is; without it they are looked for in ``hw_fixtures`` beside the user's own
    profiles, then among the shipped ones, which a wheel lacks. Raises ProfileError for a name that no file has, or a
    folder that is not there.
    """
    for folder in (user_dir, fixtures_dir):
        if folder is not None and not folder.is_dir():
            raise ProfileError(f"{folder} is no folder", code="profile-folder-missing", path=str(folder))
    paths = profile_paths(user_dir)
    if unknown := [name for name in names if name not in paths]:
        raise ProfileError(
            f"there is no firmware profile {unknown[0][:80]!r}",
            code="profile-unknown",
            action=f"take of: {', '.join(sorted(paths))}",
            profile=unknown[0][:80],
        )
    chosen = sorted(set(names)) or sorted(paths)
    return tuple(_checked(paths[name], user_dir, fixtures_dir) for name in chosen)


def _checked(path: Path, user_dir: Path | None, fixtures_dir: Path | None) -> CheckedProfile:
    own = user_dir is not None and path.parent == user_dir
    problems = problems_of(path, user_dir=user_dir)
    profile = None if problems else load_file(path, user_dir=user_dir)
    name = profile.fixtures if profile is not None else _named_folder(path)
    folder = fixtures_dir or _fixtures_of(name, user_dir if own else None)
    if folder is None or not name:
        return CheckedProfile(path.stem, path, own, None, tuple(problems))
    transcripts = fixture_paths(folder, name)
    if not transcripts:
        problems.append(_no_transcript(path, folder / name))
    for transcript in transcripts:
        try:
            if profile is None:
                load_transcript(transcript)
            else:
                check_transcript(profile, transcript)
        except ProfileError as error:
            problems.append(error)
    return CheckedProfile(path.stem, path, own, len(transcripts), tuple(problems))


def _named_folder(path: Path) -> str:
    """The fixture folder that a bad profile names, empty where that cannot be told."""
    try:
        name = read_toml(path)[0].get("fixtures")
    except ProfileError:
        return ""
    return name if isinstance(name, str) and re.fullmatch(r"[a-z0-9-]+", name) else ""


def _no_transcript(path: Path, folder: Path) -> ProfileError:
    cause = f"the fixture folder {folder} has no transcript"
    return ProfileError(
        f"{path.name}: {cause}",
        code="profile-fixtures-missing",
        action=f"add a transcript to {folder}",
        file=str(path),
        line=line_of(read_toml(path)[1], ("fixtures",)),
        cause=cause,
    )


def _fixtures_of(name: str, user_dir: Path | None) -> Path | None:
    """The folder that holds this fixture folder, or the one where it is missed; None where there is none at all."""
    shipped = find_fixtures_dir()
    beside = user_dir / "hw_fixtures" if user_dir is not None else None
    if beside is not None and ((beside / name).is_dir() or (beside.is_dir() and shipped is None)):
        return beside
    return shipped
