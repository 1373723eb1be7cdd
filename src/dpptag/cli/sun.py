"""``dpptag sun``: links of NTAG 424 DNA chips that sign every tap."""

from __future__ import annotations

import click

from dpptag.cli.options import json_option, passphrase_option
from dpptag.cli.output import emit, emit_json, facts
from dpptag.cli.tag_master import load_tag_keys
from dpptag.errors import EXIT_COULD_NOT_CHECK, EXIT_NEGATIVE, EXIT_OK
from dpptag.field.sun_counters import Replayed, SunCounters
from dpptag.tags.key_derivation import DerivedKeys
from dpptag.tags.sun import SunOutcome, check_uri

REPLAYED = "replayed"
_EXIT_CODES = {
    SunOutcome.VALID.value: EXIT_OK,
    SunOutcome.FALSE.value: EXIT_NEGATIVE,
    REPLAYED: EXIT_NEGATIVE,
    SunOutcome.UNSUPPORTED.value: EXIT_COULD_NOT_CHECK,
}


@click.group("sun")
def command() -> None:
    """Links of chips that mirror UID, counter and MAC into them (NTAG 424 DNA, SUN)."""


@command.command()
@click.argument("url")
@click.option("--tag-master", required=True, help="Tag master key under which the chips' keys were derived.")
@click.option("--counters", help="File of the highest counter seen of each chip; without it no replay is noticed.")
@passphrase_option
@json_option
def verify(url: str, tag_master: str, counters: str | None, passphrase_file: str | None, as_json: bool) -> int:
    """Check one link exactly as the tag served it.

    Exit code 0 valid (and, with --counters, not seen before on this device), 5 MAC false or replayed, 8 nothing to
    check. A valid link proves that the chip made it, not when: it may have been copied before it was first seen.
    """
    keys = load_tag_keys(tag_master, passphrase_file)
    value = _judge(url, keys, None if counters is None else SunCounters(counters))
    if as_json:
        emit_json(value)
    else:
        emit(facts(value))
    return _EXIT_CODES[str(value["sun"])]


def _judge(url: str, keys: DerivedKeys, counters: SunCounters | None) -> dict[str, object]:
    """``sun`` is the outcome; UID and counter are told only where the MAC covers them."""
    result = check_uri(url, keys)
    if result.outcome is not SunOutcome.VALID:
        return _value(result.outcome.value, result.reason)
    assert result.uid is not None
    assert result.counter is not None
    chip = result.uid.hex()
    if counters is None:
        return _value(
            result.outcome.value, "valid; whether it was shown before was not looked at", chip, result.counter
        )
    try:
        counters.accept(result.uid, result.counter)
    except Replayed as error:
        return _value(REPLAYED, error.message, chip, result.counter)
    return _value(result.outcome.value, "valid, and not seen before on this device", chip, result.counter)


def _value(sun: str, reason: str, chip: str | None = None, counter: int | None = None) -> dict[str, object]:
    return {"sun": sun, "reason": reason, "chip": chip, "counter": counter}
