"""``dpptag tag``."""

from __future__ import annotations

import click

from dpptag.cli import protect
from dpptag.cli.device import device_option, opened_reader
from dpptag.cli.options import Seconds, json_option, read_file
from dpptag.cli.output import emit, emit_json, facts, say
from dpptag.cli.tag_state import sense, tag_state
from dpptag.codec.ndef import MESSAGE_LIMIT, decode_message
from dpptag.tags import Tag, WriteStep, identify, plan_write, write_and_verify
from dpptag.tags.authenticity import read_originality

_wait = click.option("--wait", type=Seconds(), default=10.0, show_default=True, help="Seconds to wait for a tag.")


@click.group("tag")
def command() -> None:
    """Read or write one tag at a reader."""


@command.command()
@device_option
@_wait
@json_option
def read(device: str, wait: float, as_json: bool) -> None:
    """Read one tag: chip number, type, capacity, NDEF message. Writes nothing."""
    with opened_reader(device) as reader, tag_state("untouched"):
        link = sense(reader, wait)
        tag = identify(link)
        value = _tag_value(tag, simulated=reader.info.simulated)
        found = read_originality(link, tag)
        value["originality"] = found.outcome.value
        value["originality_key"] = found.key
    if as_json:
        emit_json(value)
    else:
        emit(facts(value))


@command.command()
@device_option
@click.option("--ndef", type=str, required=True, help="File with the bare NDEF message, no TLV.")
@click.option("--format", "allow_format", is_flag=True, help="Format a blank tag: its capability container is OTP.")
@click.option("--dry-run", is_flag=True, help="Show the page writes and stop.")
@_wait
@json_option
def write(device: str, ndef: str, allow_format: bool, dry_run: bool, wait: float, as_json: bool) -> None:
    """Write an NDEF message in an order that a pulled tag survives, and read all of it back."""
    message = read_file(ndef, "NDEF message", MESSAGE_LIMIT)
    decode_message(message)
    with opened_reader(device) as reader:
        with tag_state("untouched"):
            link = sense(reader, wait)
            tag = identify(link)
            plan = plan_write(tag, message, allow_format=allow_format)
        for step in plan.irreversible:
            say(f"irreversible: {step}")
        if dry_run:
            if as_json:
                steps = [_step_value(step) for step in plan.steps]
                emit_json({"chip": tag.uid.hex(), "type": tag.chip_name, "steps": steps})
            else:
                emit(str(plan))
            return
        with tag_state("unknown, do not ship"):
            read_back = write_and_verify(link, tag, message, allow_format=allow_format)
        value = {
            "chip": tag.uid.hex(),
            "type": tag.chip_name,
            "page_writes": len(plan.steps),
            "ndef": read_back.hex(),
            "simulated": reader.info.simulated,
        }
    if as_json:
        emit_json(value)
    else:
        say(f"wrote {len(message)} bytes to {tag.chip_name} {tag.uid.hex()}, read back and equal")


def _step_value(step: WriteStep) -> dict[str, object]:
    """``file`` only where the chip has files: an offset says little without it."""
    where = {} if step.file is None else {"file": f"{step.file:04x}"}
    return {**where, step.unit: step.at, "data": step.data.hex(), "irreversible": step.irreversible}


def _tag_value(tag: Tag, *, simulated: bool) -> dict[str, object]:
    return {
        "chip": tag.uid.hex(),
        "type": tag.chip_name,
        "technology": tag.technology.value,
        "capacity": tag.capacity,
        "ndef": None if tag.ndef is None else tag.ndef.hex(),
        "content": tag.content.state.value,
        "reason": tag.content.reason,
        "writable": tag.writable,
        "simulated": simulated,
    }


command.add_command(protect.command)
