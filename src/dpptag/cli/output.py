"""What commands print and how errors end: text or JSON in one place, exit codes in one place."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import click

from dpptag.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, DpptagError


def emit_json(value: object, *, pretty: bool = True) -> None:
    """One JSON document on stdout; ``pretty=False`` for NDJSON."""
    import json

    click.echo(json.dumps(value, ensure_ascii=False, indent=1 if pretty else None))


def emit(text: str) -> None:
    """Data for people, on stdout."""
    click.echo(text)


def say(text: str) -> None:
    """Talk, on stderr."""
    click.echo(text, err=True)


def warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


def error_value(error: DpptagError) -> dict[str, object]:
    return {
        "code": error.code,
        "message": error.message,
        "action": error.action,
        "facts": error.facts,
        "exit_code": error.exit_code,
    }


def error_text(error: DpptagError) -> str:
    lines = [f"error [{error.code}]: {error.message}"]
    facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in error.facts.items() if value is not None)
    if facts:
        lines.append(f"  facts: {facts}")
    cause = error.__cause__
    if cause is not None and str(cause) and not isinstance(cause, DpptagError):
        lines.append(f"  cause: {type(cause).__name__}: {str(cause)[:300]}")
    if error.action:
        lines.append(f"  next:  {error.action}")
    return "\n".join(lines)


def fail(command: click.Command) -> int:
    """Run ``command`` and give the exit code of what became of it (DESIGN.md section 6)."""
    as_json = "--json" in sys.argv
    try:
        return _flush(int(command.main(standalone_mode=False) or EXIT_OK))
    except DpptagError as error:
        if as_json:
            emit_json({"error": error_value(error)}, pretty=False)
        say(error_text(error))
        if error.exit_code == EXIT_BUG:
            _log_bug(error)
        return _flush(error.exit_code)
    except click.exceptions.Exit as leave:
        return _flush(leave.exit_code)
    except click.Abort:
        say("interrupted")
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return EXIT_OK
    except Exception as error:  # noqa: BLE001  the top level: whatever is left is a bug, said as one
        _log_bug(error)
        return EXIT_BUG


def _log_bug(error: Exception) -> None:
    import logging

    logging.getLogger("dpptag").critical("this is a bug in dpptag", exc_info=error)


def _flush(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    return code


def _drop_stdout() -> None:
    """The reader of our output went away: the interpreter must not complain about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
