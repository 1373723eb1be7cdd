"""``dpptag link``."""

from __future__ import annotations

import click

from dpptag.cli.options import json_option
from dpptag.cli.output import emit, emit_json, facts
from dpptag.codec import digital_link
from dpptag.errors import EXIT_INPUT, EXIT_OK, LinkError


@click.group("link")
def command() -> None:
    """GS1 Digital Links."""


@command.command()
@click.argument("uri")
@json_option
def check(uri: str, as_json: bool) -> int:
    """Parse URI as a GS1 Digital Link; show its keys and its canonical form."""
    try:
        link = digital_link.parse(uri)
    except LinkError as error:
        if not as_json:
            raise
        problem = {"code": error.code, "message": error.message}
        emit_json({"valid": False, "canonical": None, "keys": {}, "error": problem})
        return EXIT_INPUT
    if as_json:
        emit_json({"valid": True, "canonical": link.canonical, "keys": link.ais, "error": None})
    else:
        emit(facts({**{f"({ai})": value for ai, value in link.ais.items()}, "canonical": link.canonical}))
    return EXIT_OK
