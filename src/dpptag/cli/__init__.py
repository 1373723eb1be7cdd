"""The command line: composition root. click and the terminal live here and nowhere else.

A group is one file, loaded when one of its commands is called: ``dpptag verify`` must start fast on a handheld.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from dpptag import __version__
from dpptag.cli.output import end_in_order_when_terminated, run_command

_COMMANDS: Final = {
    "link": ("dpptag.cli.link", "GS1 Digital Links"),
    "epc": ("dpptag.cli.epc", "Electronic Product Codes of UHF tags"),
    "sign": ("dpptag.cli.sign", "Sign a statement for one chip, to a file"),
    "verify": ("dpptag.cli.verify", "Judge the bytes of one tag, offline"),
    "passport": ("dpptag.cli.passport", "Digital product passports"),
    "keys": ("dpptag.cli.keys", "Signing keys"),
    "trust": ("dpptag.cli.trust", "Issuers, their keys, the trust bundle"),
    "tag": ("dpptag.cli.tag", "Read or write one tag"),
    "devices": ("dpptag.cli.devices", "Readers: list, tell apart, mend, test"),
    "profiles": ("dpptag.cli.profiles", "Reader models: list, show, check profiles"),
    "scan": ("dpptag.cli.scan", "Judge tag after tag at a reader"),
    "sun": ("dpptag.cli.sun", "Links that a chip signs at every tap"),
    "line": ("dpptag.cli.line", "Encode a job's tags on the production line"),
    "event": ("dpptag.cli.event", "Record repair and recycling"),
    "sync": ("dpptag.cli.sync", "Send recorded events"),
    "demo": ("dpptag.cli.demo", "The main job on simulated devices"),
}
"""Command -> module that holds it under the name ``command``, and its line in ``--help``."""


class _Commands(click.Group):
    """Loads a command's module when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = import_module(entry[0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 2 usage, 3 device, 4 tag, 5 forged or revoked, 6 ledger, 7 bad input, "
    "8 could not check, 9 sync incomplete, 130 interrupted, 143 terminated.",
)
@click.version_option(__version__, prog_name="dpptag")
@click.option("-v", "--verbose", count=True, help="Say more on stderr; -vvv shows device traffic in hex.")
@click.option("--home", envvar="DPPTAG_HOME", help="Folder of ledger, events and outbox.")
@click.pass_context
def cli(ctx: click.Context, verbose: int, home: str | None) -> None:
    """Signed digital-product-passport pointers on NFC and RFID tags."""
    if verbose:
        from dpptag import logs

        logs.configure(verbose)
    ctx.obj = home


def run(arguments: Sequence[str]) -> int:
    """Run one command line in this process; its exit code. Every error becomes its exit code here."""
    return run_command(cli, arguments)


def main() -> None:
    """Entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no sign or foreign name may end the program under another locale
            stream.reconfigure(errors="backslashreplace")
    end_in_order_when_terminated()
    sys.exit(run(sys.argv[1:]))
