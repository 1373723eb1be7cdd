"""``dpptag profiles``: what is known of each reader model, and whether a profile of one's own is right."""

from __future__ import annotations

from pathlib import Path

import click

from dpptag.cli.options import Command, json_option, path_type
from dpptag.cli.output import emit, emit_json, facts, say, table
from dpptag.devices.profile_check import CheckedProfile, check_profiles
from dpptag.devices.profiles import NfcProfile, load_all, load_any
from dpptag.devices.uhf_profiles import UHF_QUIRKS, UhfProfile
from dpptag.errors import EXIT_INPUT, EXIT_OK, ProfileError


def profile_dir_option(command: Command) -> Command:
    return click.option(
        "--profile-dir", type=path_type(), help="Folder of profiles of your own; one of them hides a shipped one."
    )(command)


@click.group("profiles")
def command() -> None:
    """Reader models: list them, show one, check profiles of your own."""


@command.command("list")
@profile_dir_option
@json_option
def list_command(profile_dir: Path | None, as_json: bool) -> None:
    """The profiles that ?profile=NAME of a device path can name."""
    profiles = load_all(user_dir=_folder(profile_dir))
    if as_json:
        emit_json([{"name": one.name, "kind": one.kind, "title": one.title, "models": one.models} for one in profiles])
        return
    emit(table(("name", "kind", "title"), [(one.name, one.kind, one.title) for one in profiles]))


@command.command()
@click.argument("name")
@profile_dir_option
@json_option
def show(name: str, profile_dir: Path | None, as_json: bool) -> None:
    """All that the profile NAME says, tables taken over from another one included."""
    profile = load_any(name, user_dir=_folder(profile_dir))
    if as_json:
        emit_json(profile.model_dump(mode="json"))
    elif isinstance(profile, UhfProfile):
        _show_uhf(profile)
    else:
        _show_nfc(profile)


@command.command()
@click.argument("names", nargs=-1)
@profile_dir_option
@click.option("--fixtures", type=path_type(), help="Folder of the transcripts, one folder a profile below it.")
@json_option
def check(names: tuple[str, ...], profile_dir: Path | None, fixtures: Path | None, as_json: bool) -> int:
    """Check the profiles NAMES, or all, and their transcripts; show everything that is wrong, by file and line.

    Without --fixtures, transcripts are looked for in hw_fixtures below --profile-dir, then in a clone of the project.
    """
    checked = check_profiles(names, user_dir=profile_dir, fixtures_dir=fixtures)
    bad = [one for one in checked if one.problems]
    unchecked = [one.name for one in checked if one.transcripts is None and not one.problems]
    if as_json:
        emit_json({"ok": not bad, "transcripts_checked": not unchecked, "profiles": [_value(one) for one in checked]})
    else:
        _show_check(checked)
    if unchecked:
        say(f"transcripts were not checked, there are none here: {len(unchecked)} profiles; give --fixtures")
    return EXIT_INPUT if bad else EXIT_OK


def _folder(profile_dir: Path | None) -> Path | None:
    if profile_dir is not None and not profile_dir.is_dir():
        raise ProfileError(f"{profile_dir} is no folder", code="profile-folder-missing", path=str(profile_dir))
    return profile_dir


def _value(one: CheckedProfile) -> dict[str, object]:
    return {
        "name": one.name,
        "file": str(one.file),
        "own": one.own,
        "transcripts": one.transcripts,
        "problems": [
            {
                "code": error.code,
                "file": str(error.facts.get("file") or one.file),
                "line": error.facts.get("line"),
                "cause": str(error.facts.get("cause") or error.message),
            }
            for error in one.problems
        ],
    }


def _show_check(checked: tuple[CheckedProfile, ...]) -> None:
    rows = [
        ("✘" if one.problems else "✔", one.name, "-" if one.transcripts is None else str(one.transcripts))
        for one in checked
    ]
    emit(table(("", "profile", "transcripts"), rows))
    for one in checked:
        for error in one.problems:
            where = error.facts.get("file") or one.file
            line = error.facts.get("line")
            emit(f"{where}{f':{line}' if line is not None else ''}: {error.facts.get('cause') or error.message}")


def _show_nfc(profile: NfcProfile) -> None:
    emit(
        facts(
            {
                "name": profile.name,
                "title": profile.title,
                "models": ", ".join(profile.models),
                "driver": profile.driver,
                "other driver": profile.other_driver or "-",
                "tags": ", ".join(profile.technologies),
                "USB": ", ".join(f"{known.vendor:04x}:{known.product:04x}" for known in profile.usb) or "-",
                "quirks": ", ".join(profile.quirks) or "-",
            }
        )
    )


def _show_uhf(profile: UhfProfile) -> None:
    power, memory = profile.power, profile.memory
    emit(
        facts(
            {
                "name": profile.name,
                "title": profile.title,
                "models": ", ".join(profile.models),
                "protocol": profile.family,
                "based on": profile.based_on or "-",
                "speed": f"{profile.serial.baud} baud",
                "power": f"{_dbm(power.min_cdbm)} to {_dbm(power.max_cdbm)} dBm"
                + (", read and write apart" if power.separate else "")
                + (", kept in flash" if power.set_by == "flash" else ""),
                "chooses a tag": f"by {'TID' if profile.selection.by_tid else 'EPC alone'} ({profile.selection.model})",
                "one command": f"reads {memory.read_words}, writes {memory.write_words} words",
                "source": profile.source,
            }
        )
    )
    rows = []
    for name, region in profile.regions.items():
        limit = region.limit
        rows.append(
            (
                name,
                f"{region.first_khz / 1000:.3f}-{region.last_khz / 1000:.3f}",
                str(len(region.legal_channels or range(region.channels))),
                _dbm(region.max_cdbm),
                f"{_dbm(limit.radiated_cdbm)} dBm {limit.measure.upper()}",
                f"{_dbm(region.antenna_cdbi(region.max_cdbm))} dBi",
            )
        )
    emit(table(("region", "MHz", "channels", "most dBm", "law", "antenna at most"), rows))
    for quirk in profile.quirks:
        emit(f"{quirk}: {UHF_QUIRKS[quirk]}")
    for hazard in profile.hazards:
        emit(f"! {hazard}")
    for name, command_ in profile.commands.items():
        if command_.note and (command_.flash or command_.any_tag):
            emit(f"! {name} ({command_.code:02X}h): {command_.note}")
    for found in profile.firmware:
        emit(f"firmware {found.first or '...'} to {found.last or '...'}: {found.note} ({found.source})")


def _dbm(cdbm: int) -> str:
    return f"{cdbm / 100:g}"
