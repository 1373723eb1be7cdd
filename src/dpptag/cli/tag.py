"""``dpptag tag``."""

from __future__ import annotations

import click

from dpptag.cli import protect, tag_uhf
from dpptag.cli.device import device_option, opened_reader
from dpptag.cli.options import Seconds, json_option, read_file
from dpptag.cli.output import emit, emit_json, facts, say
from dpptag.cli.tag_state import sense, tag_state
from dpptag.cli.tag_uhf import gen2_value, given_content
from dpptag.codec.gen2_content import Gen2Content
from dpptag.codec.ndef import MESSAGE_LIMIT, decode_message
from dpptag.devices import parse_device_path
from dpptag.errors import UsageError
from dpptag.links import Technology
from dpptag.tags import Gen2Tag, Tag, WriteStep, identify, plan_write, write_and_verify
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
    """Read one tag: chip number, type, capacity, NDEF message; of a UHF tag EPC, PC, TID, user bank. Writes nothing."""
    with opened_reader(device) as reader, tag_state("untouched"):
        link = sense(reader, wait)
        tag = identify(link)
        if isinstance(tag, Gen2Tag):
            assert link.technology is Technology.GEN2
            value = gen2_value(tag, link.sighting, simulated=reader.info.simulated)
        else:
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
@click.option("--ndef", help="NFC: file with the bare NDEF message, no TLV.")
@click.option("--epc", help="UHF: the EPC bank from word 2, hex.")
@click.option("--user", help="UHF: file with the user bank; what is left of the chip's bank becomes zero.")
@click.option("--format", "allow_format", is_flag=True, help="Format a blank tag: its capability container is OTP.")
@click.option("--dry-run", is_flag=True, help="Show the page writes and stop.")
@_wait
@json_option
def write(
    device: str,
    ndef: str | None,
    epc: str | None,
    user: str | None,
    allow_format: bool,
    dry_run: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Write an NDEF message, or EPC and user bank, in an order that a pulled tag survives, and read all of it back."""
    uhf = parse_device_path(device).is_uhf
    if (epc is None if uhf else ndef is None) or (ndef is not None if uhf else (epc, user) != (None, None)):
        raise UsageError("an NFC reader takes --ndef, a UHF module --epc with --user", code="carrier")
    message = read_file(ndef, "NDEF message", MESSAGE_LIMIT) if ndef is not None else b""
    if ndef is not None:
        decode_message(message)
    with opened_reader(device) as reader:
        with tag_state("untouched"):
            link = sense(reader, wait)
            tag = identify(link)
            if isinstance(tag, Gen2Tag):
                assert epc is not None
                message = given_content(epc, user, tag)
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
            **_written(tag, read_back),
            "simulated": reader.info.simulated,
        }
    if as_json:
        emit_json(value)
    else:
        say(f"wrote {len(message)} bytes to {tag.chip_name} {tag.uid.hex()}, read back and equal")


def _written(tag: Tag, message: bytes) -> dict[str, object]:
    if not isinstance(tag, Gen2Tag):
        return {"ndef": message.hex()}
    content = Gen2Content.from_bytes(message)
    return {"epc": content.epc.hex(), "user": content.user.hex()}


def _step_value(step: WriteStep) -> dict[str, object]:
    """``file`` or ``bank`` only where the chip has several: an offset or word says little without it."""
    where = {} if step.file is None else {"file": f"{step.file:04x}"}
    if step.bank is not None:
        where["bank"] = step.bank.name
    data = None if step.secret else step.data.hex()
    return {**where, step.unit: step.at, "data": data, "irreversible": step.irreversible}


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
command.add_command(tag_uhf.list_command)
command.add_command(tag_uhf.kill_command)
