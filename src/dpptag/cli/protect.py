"""``dpptag tag protect``: password, keys and locks of one tag."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from dpptag.cli.device import device_option, opened_reader
from dpptag.cli.options import Seconds, at_terminal, home_folder, home_option, json_option, passphrase_option, path_type
from dpptag.cli.output import emit, emit_json, say
from dpptag.cli.tag_master import load_tag_keys
from dpptag.cli.tag_state import sense, tag_state
from dpptag.errors import InputError, UsageError
from dpptag.files import append_line
from dpptag.tags import Lock, Protection, ProtectionPlan, TagKeys, identify, plan_protection, protect

JOURNAL: Final = "protections.jsonl"
"""In the home folder: how the secrets of each chip are derived, one line before the first of them is set."""


@click.command("protect")
@device_option
@click.option("--lock", is_flag=True, help="Lock the message for ever. IRREVERSIBLE.")
@click.option("--password", is_flag=True, help="Set a password or key against writing, derived for this chip.")
@click.option("--sun", is_flag=True, help="NTAG 424 DNA: let the chip mirror UID, counter and MAC into the link.")
@click.option("--master", type=path_type(), help="Tag master key, for --password and --sun.")
@passphrase_option
@click.option("--dry-run", is_flag=True, help="Show every step and stop.")
@click.option("--yes", metavar="CHIP", help="The chip number, instead of the question at a terminal.")
@click.option("--wait", type=Seconds(), default=10.0, show_default=True, help="Seconds to wait for a tag.")
@home_option
@json_option
def command(
    device: str,
    lock: bool,
    password: bool,
    sun: bool,
    master: Path | None,
    passphrase_file: str | None,
    dry_run: bool,
    yes: str | None,
    wait: float,
    home: str | None,
    as_json: bool,
) -> None:
    """Give one tag that holds its message a password, keys or a permanent lock; every step is read back.

    Running it again on a tag where it stopped half-way finishes the work; on a finished one it proves the protection.
    """
    protection = Protection(password, Lock.PERMANENT if lock else Lock.NONE, sun)
    keys = _keys(protection, master, passphrase_file)
    with opened_reader(device) as reader:
        with tag_state("untouched"):
            link = sense(reader, wait)
            plan = plan_protection(identify(link), protection, keys)
        if dry_run:
            _show(plan, as_json, done=False, simulated=reader.info.simulated)
            return
        for step in plan.steps:
            say(str(step))
        _confirm(plan, yes)
        _journal(plan, home)
        with tag_state("unknown, do not ship; the same command may be run again"):
            protect(link, plan, keys)
        simulated = reader.info.simulated
    _show(plan, as_json, done=True, simulated=simulated)


def _keys(protection: Protection, master: Path | None, passphrase_file: str | None) -> TagKeys | None:
    if protection.is_none:
        raise UsageError("nothing asked for", code="protection-none", action="give --lock, --password or --sun")
    if not protection.password and not protection.sun:
        return None
    if master is None:
        raise UsageError(
            "passwords and keys are derived from a tag master key",
            code="master-missing",
            action="give --master FILE; make one: dpptag keys new-tag-master --out FILE",
        )
    return load_tag_keys(master, passphrase_file)


def _confirm(plan: ProtectionPlan, yes: str | None) -> None:
    """The person, or the caller, names the chip: what is done to it cannot be taken back or needs its secrets."""
    chip = plan.uid.hex()
    if not plan.steps:
        return
    if yes is not None:
        if yes.lower() != chip:
            raise UsageError(
                f"--yes names {yes[:40]}, the tag on the reader is {chip}", code="confirm", action=f"give --yes {chip}"
            )
        return
    if not at_terminal():
        raise UsageError("this asks first, and there is no terminal", code="confirm", action=f"add --yes {chip}")
    what = "IRREVERSIBLE steps" if plan.irreversible else "steps"
    typed = click.prompt(f"{len(plan.irreversible) or len(plan.steps)} {what}. Type the chip number {chip}", err=True)
    if typed.strip().lower() != chip:
        raise UsageError("not confirmed: nothing was changed", code="declined")


def _journal(plan: ProtectionPlan, home: str | None) -> None:
    if plan.derivation is None or not plan.steps:
        return
    path = home_folder(home) / JOURNAL
    at = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"at": at, "chip": plan.uid.hex(), "type": plan.chip_name, "derivation": plan.derivation}
    try:
        append_line(path, json.dumps(entry).encode())
    except OSError as exc:
        raise InputError(
            f"cannot write {path}: {exc.strerror}; no password was set",
            code="journal",
            action="free disk space or give another --home",
            path=str(path),
        ) from exc


def _show(plan: ProtectionPlan, as_json: bool, *, done: bool, simulated: bool) -> None:
    if as_json:
        steps = [
            {
                step.unit: step.at,
                "data": None if step.secret else step.data.hex(),
                "purpose": step.purpose,
                "irreversible": step.irreversible,
            }
            for step in plan.steps
        ]
        emit_json(
            {
                "chip": plan.uid.hex(),
                "type": plan.chip_name,
                "lock": plan.protection.lock.value,
                "password": plan.protection.password,
                "sun": plan.protection.sun,
                "derivation": plan.derivation,
                "steps": steps,
                "done": done,
                "simulated": simulated,
            }
        )
    elif done:
        say(f"protected {plan.chip_name} {plan.uid.hex()}: every step read back, and a write refused")
    else:
        emit(str(plan))
