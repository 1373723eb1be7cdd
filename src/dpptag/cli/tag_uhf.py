"""``dpptag tag`` at a UHF module: what its tags have more than NFC tags, and the commands that only they know."""

from __future__ import annotations

from pathlib import Path

import click

from dpptag.cli.device import device_option, opened_uhf
from dpptag.cli.options import Seconds, at_terminal, json_option, parse_hex, passphrase_option, path_type, read_file
from dpptag.cli.output import emit, emit_json, facts, say, table
from dpptag.cli.tag_master import load_tag_keys
from dpptag.cli.tag_state import sense, tag_state
from dpptag.codec.gen2_content import Gen2Content
from dpptag.errors import LinkError, TagRefused, UsageError
from dpptag.links import Technology
from dpptag.links.gen2 import Sighting
from dpptag.tags import Gen2Tag, derive_passwords, identify, kill_chip

USER_LIMIT = 0x2000
_wait = click.option("--wait", type=Seconds(), default=10.0, show_default=True, help="Seconds to wait for a tag.")


def link_of(epc: bytes) -> str | None:
    """The Digital Link that an EPC stands for; None for one that names no GTIN and serial."""
    from dpptag.codec.epc import decode_epc

    try:
        return decode_epc(epc).digital_link
    except LinkError:
        return None


def gen2_value(tag: Gen2Tag, sighting: Sighting, *, simulated: bool) -> dict[str, object]:
    """What ``tag read --json`` prints of a UHF tag. ``epc`` as memory holds it, as many words as ``pc`` counts."""
    return {
        "chip": tag.uid.hex(),
        "type": tag.chip_name,
        "technology": tag.technology.value,
        "epc": tag.epc.hex(),
        "pc": f"{tag.pc:04x}",
        "tid": tag.tid.hex(),
        "user": tag.user.hex(),
        "link": link_of(tag.epc),
        "rssi_dbm": sighting.rssi_dbm,
        "antenna": sighting.antenna,
        "frequency_khz": sighting.frequency_khz,
        "capacity": tag.capacity,
        "content": tag.content.state.value,
        "reason": tag.content.reason,
        "writable": tag.writable,
        "simulated": simulated,
    }


def given_content(epc: str, user: str | None, tag: Gen2Tag) -> bytes:
    """The message of ``tag write --epc --user``. Without ``--user`` the bank must be blank: it belongs to its EPC."""
    if user is None and any(tag.user):
        raise TagRefused(
            "the user bank holds something that belongs to the EPC on the tag now",
            code="user-bank-in-use",
            action="give --user FILE too; an empty file blanks the bank",
            chip=tag.uid.hex(),
            tag_state="untouched",
        )
    bank = read_file(user, "user bank", USER_LIMIT) if user is not None else b""
    return Gen2Content(parse_hex(epc, "--epc"), bank + b"\0" * (len(bank) % 2)).to_bytes()


@click.command("list")
@device_option
@click.option("--rounds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Inventory rounds.")
@json_option
def list_command(device: str, rounds: int, as_json: bool) -> None:
    """What stands in the field of a UHF module: every EPC heard, with its strength. Reads no memory."""
    found: dict[bytes, Sighting] = {}
    heard: dict[bytes, int] = {}
    with opened_uhf(device) as reader:
        for _ in range(rounds):
            for sighting in reader.inventory():
                before = found.get(sighting.epc)
                heard[sighting.epc] = heard.get(sighting.epc, 0) + 1
                if before is None or (sighting.rssi_dbm or -999) > (before.rssi_dbm or -999):
                    found[sighting.epc] = sighting
    order = sorted(found.values(), key=lambda one: (-(one.rssi_dbm or -999), one.epc))
    if as_json:
        emit_json([_sighting_value(one, heard[one.epc], rounds) for one in order])
        return
    if not order:
        say("no tag answered; check antenna, power and distance")
        return
    rows = [
        (
            one.epc.hex(),
            f"{one.pc:04x}",
            "-" if one.rssi_dbm is None else f"{one.rssi_dbm} dBm",
            f"{heard[one.epc]} of {rounds}",
            link_of(one.epc) or "-",
        )
        for one in order
    ]
    emit(table(("EPC (from the air)", "PC", "RSSI", "rounds", "link"), rows))


def _sighting_value(one: Sighting, rounds_heard: int, rounds: int) -> dict[str, object]:
    return {
        "epc": one.epc.hex(),
        "pc": f"{one.pc:04x}",
        "replies": one.replies,
        "rssi_dbm": one.rssi_dbm,
        "antenna": one.antenna,
        "frequency_khz": one.frequency_khz,
        "rounds_heard": rounds_heard,
        "rounds": rounds,
        "link": link_of(one.epc),
    }


@click.command("kill")
@device_option
@click.option("--master", type=path_type(), help="Tag master key from which the kill password was derived.")
@click.option("--password-file", type=path_type(), help="File with the kill password, 8 hex digits.")
@passphrase_option
@click.option("--dry-run", is_flag=True, help="Show which tag would be killed and stop.")
@click.option("--yes", metavar="TID", help="The chip number, instead of the question at a terminal.")
@_wait
@json_option
def kill_command(
    device: str,
    master: Path | None,
    password_file: Path | None,
    passphrase_file: str | None,
    dry_run: bool,
    yes: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Kill one UHF tag. IRREVERSIBLE: it never answers again, to nobody. Exactly one tag may be in the field."""
    if (master is None) == (password_file is None):
        raise UsageError("give either --master or --password-file", code="kill-password")
    keys = load_tag_keys(master, passphrase_file) if master is not None else None
    given = _password(password_file) if password_file is not None else None
    with opened_uhf(device) as reader, tag_state("untouched"):
        link = sense(reader, wait)
        tag = identify(link)
        assert isinstance(tag, Gen2Tag)
        assert link.technology is Technology.GEN2
        password = given if keys is None else derive_passwords(tag.uid, keys).kill
        assert password is not None
        value = {"chip": tag.uid.hex(), "type": tag.chip_name, "epc": tag.epc.hex(), "killed": False}
        if not dry_run:
            _confirm(tag, yes)
            with tag_state("unknown: look with dpptag tag list whether it still answers"):
                kill_chip(reader, link, tag, password)
            value["killed"] = True
        value["simulated"] = reader.info.simulated
    if as_json:
        emit_json(value)
    elif dry_run:
        emit(facts(value))
    else:
        say(f"killed {tag.chip_name} {tag.uid.hex()}: it answers no more")


def _password(path: Path) -> bytes:
    text = read_file(path, "kill password", 64).decode("ascii", "replace").strip()
    try:
        password = bytes.fromhex(text)
    except ValueError:
        password = b""
    if len(password) != 4:
        raise UsageError(f"{path} holds no kill password of 8 hex digits", code="kill-password")
    return password


def _confirm(tag: Gen2Tag, yes: str | None) -> None:
    chip = tag.uid.hex()
    if yes is None:
        if not at_terminal():
            raise UsageError("this asks first, and there is no terminal", code="confirm", action=f"add --yes {chip}")
        yes = click.prompt(f"This tag will never answer again. Type its chip number {chip}", err=True)
    if yes.strip().lower() != chip:
        raise UsageError(
            f"not confirmed: the tag in the field is {chip}; nothing was done", code="declined", action=f"--yes {chip}"
        )
