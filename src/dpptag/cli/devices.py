"""``dpptag devices``: which readers there are, which one is which, why one does not open, how good it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dpptag.cli.device import device_option, is_uhf, opened_reader
from dpptag.cli.options import Seconds, at_terminal, json_option, path_type, write_file
from dpptag.cli.output import emit, emit_json, facts, say, table
from dpptag.cli.tag_state import sense, tag_state
from dpptag.devices import pcsc_problem, pcsc_reader_names
from dpptag.devices.discovery import FoundReader, find_readers
from dpptag.devices.doctor import Finding, Severity, examine, this_machine
from dpptag.devices.install_rules import ACTIVATE, JOIN_GROUP, install, install_command, rule_files
from dpptag.devices.profiles import load_all
from dpptag.errors import EXIT_DEVICE, EXIT_INTERRUPTED, EXIT_OK, EXIT_TAG, DeviceError, UsageError
from dpptag.field.self_test import SelfTest, self_test


@click.group("devices")
def command() -> None:
    """Readers: list them, tell them apart, find out why one does not open, test one."""


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """The readers that are plugged in, by the USB port they hang on. Opens none of them."""
    readers = find_readers(pcsc_reader_names() or ())
    if as_json:
        emit_json([_value(reader) for reader in readers])
        return
    if not readers:
        say("no reader found; if one is plugged in: dpptag devices doctor")
        return
    rows = [(reader.path or "-", reader.port or "-", reader.usb_id or "-", reader.model) for reader in readers]
    emit(table(("--device", "USB port", "id", "model"), rows))
    for reader in readers:
        if reader.others:
            emit(f"{reader.path}: also {', '.join(reader.others)}")
        if reader.uhf:
            emit(f"{reader.path}: a UHF module there is {' or '.join(reader.uhf)}")
        if reader.note:
            emit(f"{reader.model} at port {reader.port}: {reader.note}")
    if any(reader.uhf for reader in readers):
        say("NAME is the module's profile: dpptag profiles list")


@command.command()
@device_option
@json_option
def identify(device: str, as_json: bool) -> int:
    """Let one reader blink or beep, so that a person sees which it is."""
    with opened_reader(device) as reader:
        signalled = reader.signal()
        value = {**asdict(reader.info), "signalled": signalled}
    if as_json:
        emit_json(value)
    elif signalled:
        say(f"{value['model']} at {device} blinked or beeped")
    else:
        say(
            f"{value['model']} at {device} answers, but has no light or buzzer of its own (some have only while a tag "
            "lies on them). Pull its plug and look which line of dpptag devices list is gone"
        )
    return EXIT_OK if signalled else EXIT_DEVICE


@command.command()
@device_option
@json_option
def info(device: str, as_json: bool) -> None:
    """What one reader says of itself; of a UHF module also region, powers and temperature. Changes nothing else.

    Region and power given in the device path are set first.
    """
    with opened_reader(device) as reader:
        value: dict[str, object] = asdict(reader.info)
        if is_uhf(reader):
            state = reader.state()
            value |= {
                "region": state.region,
                "read_power_dbm": _dbm(state.read_power_cdbm),
                "write_power_dbm": _dbm(state.write_power_cdbm),
                "temperature_c": state.temperature_c,
            }
    if as_json:
        emit_json(value)
    else:
        emit(facts(value))


def _dbm(hundredths: int | None) -> float | None:
    return None if hundredths is None else hundredths / 100


@command.command()
@json_option
def doctor(as_json: bool) -> int:
    """Say who holds a reader, why one cannot be opened, and the command that mends it. Changes nothing."""
    names = pcsc_reader_names()
    readers = find_readers(names or ())
    refused = names is None and pcsc_problem() == "device-permission"
    findings = examine(readers, pcsc_answers=names is not None, pcsc_refused=refused, machine=this_machine())
    problems = [finding for finding in findings if finding.severity is Severity.PROBLEM]
    if as_json:
        emit_json(
            {
                "readers": [_value(reader) for reader in readers],
                "findings": [_finding_value(finding) for finding in findings],
                "ok": not problems,
            }
        )
    else:
        _show_findings(readers, findings)
    return EXIT_DEVICE if problems else EXIT_OK


@command.command()
@device_option
@click.option("--out", type=path_type(), default="dpptag-self-test.json", show_default=True, help="File of the report.")
@click.option("--yes", is_flag=True, help="The tag may be overwritten: do not ask.")
@click.option("--wait", type=Seconds(), default=10.0, show_default=True, help="Seconds to wait for a tag.")
@json_option
def test(device: str, out: Path, yes: bool, wait: float, as_json: bool) -> int:
    """Try a reader on a scratch tag and write a report that can be contributed: no serial numbers in it.

    The tag gets trial messages and then its own message back. Nothing is locked, no password is set.
    """
    if not yes:
        if not at_terminal():
            raise UsageError(
                "this overwrites a tag, and there is no terminal to ask at", code="confirm", action="--yes"
            )
        typed = click.prompt("The tag on the reader is overwritten, then restored. Type SCRATCH", err=True)
        if typed != "SCRATCH":
            raise UsageError("not confirmed: nothing was written", code="declined")
    with opened_reader(device) as reader, tag_state("untouched"):
        link = sense(reader, wait)
        say("testing: do not move the tag")
        report = self_test(reader, link, time.monotonic)
    write_file(out, "report", (json.dumps(report.as_dict(), indent=2) + "\n").encode())
    if as_json:
        emit_json(report.as_dict())
    else:
        _show_report(report)
    say(f"report: {out}")
    if report.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_OK if report.passed else EXIT_TAG


@command.command("install-rules")
@click.option("--apply", is_flag=True, help="Write the files and make them count; needs root.")
@click.option("--root", type=path_type(), default="/", help="Write below this folder and run nothing, for an image.")
@json_option
def install_rules(apply: bool, root: Path, as_json: bool) -> None:
    """Show, or with --apply install, udev and polkit rules, the group dpptag, the blacklist of Linux's NFC modules."""
    files = rule_files(load_all(), root=root)
    written = install(files) if apply else ()
    ran = _activate() if apply and root.resolve() == Path("/") else []
    if as_json:
        emit_json(
            {
                "files": [{"path": str(file.path), "state": file.state, "text": file.text} for file in files],
                "written": [str(path) for path in written],
                "ran": ran,
            }
        )
        return
    if not apply:
        for file in files:
            emit(f"# --- {file.path} ({file.state})\n{file.text}")
        say(f"nothing was changed; to install: {install_command()}")
        return
    for path in written:
        say(f"wrote {path}")
    for step in ran:
        say(f"{'ran' if step['ok'] else 'FAILED'}: {step['command']}")
    say(f"plug readers in again; {JOIN_GROUP}")


def _activate() -> list[dict[str, Any]]:
    done = []
    for words in ACTIVATE:
        program = shutil.which(words[0])
        if program is None:
            done.append({"command": " ".join(words), "ok": False, "said": "not installed"})
            continue
        try:
            result = subprocess.run([program, *words[1:]], capture_output=True, text=True, check=False, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeviceError(f"{' '.join(words)} does not run: {error}", code="rules-activate") from error
        done.append({"command": " ".join(words), "ok": result.returncode == 0, "said": result.stderr.strip()[:400]})
    return done


def _value(reader: FoundReader) -> dict[str, object]:
    return {
        "device": reader.path,
        "others": list(reader.others),
        "uhf": list(reader.uhf),
        "model": reader.model,
        "profile": reader.profile,
        "port": reader.port,
        "usb_id": reader.usb_id,
        "node": reader.node,
        "note": reader.note,
    }


def _finding_value(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "severity": finding.severity.value}


def _show_findings(readers: tuple[FoundReader, ...], findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        sign = "✘" if finding.severity is Severity.PROBLEM else "!"
        emit(f"{sign} {finding.reader or 'this machine'}: {finding.cause}\n    next: {finding.action}")
    if not readers:
        say("no reader is plugged in, or its profile is not known")
    if not findings:
        say(f"{len(readers)} places looked at, nothing wrong found")


def _show_report(report: SelfTest) -> None:
    emit(facts({**report.reader, **{f"chip {key}": value for key, value in report.chip.items()}}))
    signs = {True: "✔", False: "✘", None: "-"}
    rows = [(signs[step.ok], step.name, step.detail, f"{step.seconds:.3f} s") for step in report.steps]
    emit(table(("", "step", "result", "time"), rows))
    if report.restored is False:
        say("ATTENTION: the tag does not hold its first message again")
