"""What commands print and how errors end: text or JSON in one place, exit codes in one place."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import TextIO

import click

from dpptag.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TERMINATED,
    EXIT_USAGE,
    DpptagError,
    InputError,
)


class OutputClosedError(Exception):
    """Whoever read our stdout went away. Not an OSError: click ends the program on EPIPE, with the code of a bug."""


class TerminatedError(KeyboardInterrupt):
    """SIGTERM: ends the work as Ctrl-C does, so that the reader is left dark and at its safe speed."""


def end_in_order_when_terminated() -> None:
    """From now on SIGTERM raises TerminatedError, once: a second one must not cut off the closing."""

    def terminate(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise TerminatedError

    signal.signal(signal.SIGTERM, terminate)


def emit_json(value: object, *, pretty: bool = True) -> None:
    """One JSON document on stdout; ``pretty=False`` for NDJSON. ASCII alone: whole whatever the locale's encoding."""
    import json

    _write_stdout(json.dumps(value, indent=1 if pretty else None))


def emit(text: str) -> None:
    """Data for people, on stdout."""
    _write_stdout("\n".join(map(one_line, text.split("\n"))))


def say(text: str) -> None:
    """Talk, on stderr. If nobody listens any more the work goes on: a tag may be half written."""
    try:
        click.echo("\n".join(map(one_line, text.split("\n"))), err=True)
    except OSError:
        _discard(sys.stderr)


def warn(text: str) -> None:
    say(f"warning: {text}")


def one_line(text: str) -> str:
    """``text`` with everything that could steer a terminal written as an escape: tags are written by strangers."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _write_stdout(text: str) -> None:
    try:
        click.echo(text)
    except BrokenPipeError as exc:
        raise OutputClosedError from exc
    except OSError as exc:
        _discard(sys.stdout)
        raise InputError(
            f"cannot write to standard output: {exc.strerror}", code="stdout", action="make room, then call again"
        ) from exc


def error_value(error: DpptagError) -> dict[str, object]:
    return {
        "code": error.code,
        "message": error.message,
        "action": error.action,
        "facts": error.facts,
        "exit_code": error.exit_code,
    }


def error_text(error: DpptagError) -> str:
    lines = [f"error [{error.code}]: {one_line(error.message)}"]
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in error.facts.items() if value is not None)
    if facts:
        lines.append(f"  facts: {one_line(facts)}")
    cause = error.__cause__
    if cause is not None and str(cause) and not isinstance(cause, DpptagError):
        lines.append(f"  cause: {type(cause).__name__}: {one_line(str(cause)[:300])}")
    if error.action:
        lines.append(f"  next:  {one_line(error.action)}")
    return "\n".join(lines)


def run_command(command: click.Command, arguments: Sequence[str]) -> int:
    """Run ``command`` and give the exit code of what became of it (DESIGN.md section 6).

    With ``--json`` an error is a JSON document too: ``{"error": {...}}``, the last line of a stream.
    """
    as_json = "--json" in arguments
    try:
        return int(command.main(list(arguments), prog_name="dpptag", standalone_mode=False) or EXIT_OK)
    except DpptagError as error:
        code = _tell(error_value(error), error_text(error), as_json=as_json)
        if code == EXIT_BUG:
            _log_bug(error)
        return code
    except click.ClickException as error:
        usage: dict[str, object] = {
            "code": "usage",
            "message": error.format_message(),
            "action": _help_command(error),
            "facts": {},
            "exit_code": EXIT_USAGE,
        }
        return _tell(usage, _usage_text(error), as_json=as_json)
    except (click.Abort, KeyboardInterrupt) as stop:
        terminated = _is_terminated(stop)
        say("terminated" if terminated else "interrupted")
        return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED
    except OutputClosedError:
        _discard(sys.stdout)  # the interpreter must not complain about it at exit
        return EXIT_INTERRUPTED  # never 0: a negative verdict may have been among what nobody read
    except Exception as error:  # noqa: BLE001  the top level: whatever is left is a bug, said as one
        bug: dict[str, object] = {
            "code": "bug",
            "message": f"this is a bug in dpptag: {type(error).__name__}",
            "action": "report it with the traceback on stderr",
            "facts": {},
            "exit_code": EXIT_BUG,
        }
        _log_bug(error)
        return _tell(bug, "this is a bug in dpptag: please report the traceback above", as_json=as_json)


def _is_terminated(stop: BaseException | None) -> bool:
    """click makes an Abort of every KeyboardInterrupt."""
    while stop is not None and not isinstance(stop, TerminatedError):
        stop = stop.__context__
    return stop is not None


def _tell(value: dict[str, object], text: str, *, as_json: bool) -> int:
    """Say an error on stderr, with ``--json`` on stdout too; its exit code."""
    say(text)
    if as_json:
        try:
            emit_json({"error": value}, pretty=False)
        except (OutputClosedError, InputError):
            _discard(sys.stdout)  # said on stderr, and the exit code says it too
    code = value["exit_code"]
    assert isinstance(code, int)
    return code


def _usage_text(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    lines = [context.get_usage()] if context is not None else []
    lines.append(f"error [usage]: {error.format_message()}")
    action = _help_command(error)
    if action:
        lines.append(f"  next:  {action}")
    return "\n".join(lines)


def _help_command(error: click.ClickException) -> str | None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{context.command_path} --help" if context is not None else None


def _log_bug(error: Exception) -> None:
    import logging

    logging.getLogger("dpptag").critical("this is a bug in dpptag", exc_info=error)


def _discard(stream: TextIO) -> None:
    """From now on ``stream`` leads nowhere, and what it still holds with it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Left-aligned columns with two blanks between them."""
    widths = [max(len(row[at]) for row in (headings, *rows)) for at in range(len(headings))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (headings, *rows)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def facts(pairs: Mapping[str, object]) -> str:
    """``name  value`` lines; absent values are left out."""
    shown = {name: value for name, value in pairs.items() if value is not None}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown.items())
