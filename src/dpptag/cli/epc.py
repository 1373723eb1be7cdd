"""``dpptag epc``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from dpptag.cli.options import Command, json_option
from dpptag.cli.output import emit, emit_json, facts, warn
from dpptag.codec.epc import SCHEMES, EpcItem, decode_epc, element_string, plan_epc, read_item, urn_id, urn_tag
from dpptag.codec.epc.encoding import EPC_LIMIT_BITS, PARTITIONED
from dpptag.codec.epc.forms import item_from_element_string, item_from_link, item_from_urn
from dpptag.errors import LinkError, UsageError

if TYPE_CHECKING:
    from dpptag.codec.epc import Sgtin

_SCHEMES: Final = {"auto": None, **{scheme: scheme for scheme in SCHEMES}}
_HEX: Final = frozenset("0123456789abcdefABCDEF")


@click.group("epc")
def command() -> None:
    """Electronic Product Codes of Gen2 tags."""


def _plan_options(wrapped: Command) -> Command:
    """What a text form does not say and an EPC needs."""
    options = (
        click.option(
            "--scheme",
            type=click.Choice(list(_SCHEMES), case_sensitive=False),
            default="auto",
            show_default=True,
            help="auto: the smallest that carries the serial exactly and fits.",
        ),
        click.option(
            "--filter", "scheme_filter", type=click.IntRange(0, 7), help="Filter value [default: 1, POS item]."
        ),
        click.option(
            "--prefix-digits",
            type=click.IntRange(6, 12),
            help="Digits of the company prefix: SGTIN-96 and SGTIN-198 need it.",
        ),
        click.option("--host", help="Host name that the EPC carries: SGTIN++, DSGTIN++."),
        click.option("--date", metavar="AI=YYMMDD", help="Date that the EPC carries: DSGTIN+, DSGTIN++."),
        click.option("--chip", help="Chip name, for the size of its EPC bank."),
        click.option("--epc-bits", type=click.IntRange(16), help="Size of the EPC bank [default: 496]."),
    )
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


@command.command()
@click.option("--gtin", help="GTIN of 8, 12, 13 or 14 digits.")
@click.option("--serial", help="Serial number, 1 to 20 characters; leading zeros count.")
@click.option("--link", help="Digital Link of a GTIN with its serial.")
@click.option("--element-string", "elements", help="(01)GTIN(21)SERIAL")
@click.option("--urn", help="urn:epc:id:sgtin:... or urn:epc:tag:sgtin-96:...")
@_plan_options
@json_option
def encode(
    gtin: str | None,
    serial: str | None,
    link: str | None,
    elements: str | None,
    urn: str | None,
    scheme: str,
    scheme_filter: int | None,
    prefix_digits: int | None,
    host: str | None,
    date: str | None,
    chip: str | None,
    epc_bits: int | None,
    as_json: bool,
) -> None:
    """Write the EPC of one item for a tag's EPC bank."""
    if (gtin is None) != (serial is None):
        raise UsageError("--gtin and --serial go together", code="item")
    if sum(given is not None for given in (gtin, link, elements, urn)) != 1:
        raise UsageError("give one of --gtin with --serial, --link, --element-string, --urn", code="item")
    chosen = _SCHEMES[scheme]
    _check_options(chosen, prefix_digits, host, date)
    if gtin is not None and serial is not None:
        from dpptag.codec.check_digit import gtin14

        item = EpcItem(gtin14(gtin), serial)
    elif link is not None:
        item = _read_link(link, chosen, host)
    else:
        item = item_from_urn(urn) if urn is not None else item_from_element_string(elements or "")
    _show_planned(item, chosen, scheme_filter, prefix_digits, host, date, chip, epc_bits, as_json)


@command.command()
@click.argument("epc")
@_plan_options
@json_option
def decode(
    epc: str,
    scheme: str,
    scheme_filter: int | None,
    prefix_digits: int | None,
    host: str | None,
    date: str | None,
    chip: str | None,
    epc_bits: int | None,
    as_json: bool,
) -> None:
    """Show all forms of EPC: the bank from word 2 in hex, an EPC URI, a Digital Link or an element string.

    The options are for a form that is no EPC bank yet.
    """
    chosen = _SCHEMES[scheme]
    text = "".join(epc.split())
    if set(text) <= _HEX:
        if (chosen, scheme_filter, prefix_digits, host, date, chip, epc_bits) != (None,) * 7:
            raise UsageError("an EPC in hex says all by itself: leave the options out", code="epc-options")
        value, data = _read_hex(text)
        _show(value, data, None, (), as_json=as_json)
        return
    if not epc.startswith(("urn:", "(")) and not epc.lower().startswith(("https:", "http:")):
        raise LinkError(
            f"no form of an EPC: {epc[:80]!r}",
            code="epc-form",
            action="give hex, urn:epc:..., https://.../01/GTIN/21/SERIAL, or '(01)GTIN(21)SERIAL'",
        )
    _check_options(chosen, prefix_digits, host, date)
    item = _read_link(epc, chosen, host) if not epc.startswith(("urn:", "(")) else read_item(epc)
    _show_planned(item, chosen, scheme_filter, prefix_digits, host, date, chip, epc_bits, as_json)


def _read_hex(digits: str) -> tuple[Sgtin, bytes]:
    """An EPC, and its bank. The zero fill to whole words may be missing, as it is in many a document; no more may."""
    data = bytes.fromhex(digits.ljust(-(-len(digits) // 4) * 4, "0"))
    value = decode_epc(data)
    assert value.bits is not None
    if value.bits > 4 * len(digits):
        raise LinkError(
            f"{value.scheme} has {value.bits} bits here, {len(digits)} hex digits are fewer",
            code="epc-truncated",
            action="give all of the EPC, as many words as StoredPC counts",
            wanted_bits=value.bits,
            got_bits=4 * len(digits),
        )
    return value, data


def _check_options(scheme: str | None, prefix_digits: int | None, host: str | None, date: str | None) -> None:
    """Raises UsageError where an option has no place in the scheme that another asks for."""
    if scheme is None:
        return
    for option, given, carried in (
        ("--host", host is not None, scheme.endswith("++")),
        ("--date", date is not None, scheme.startswith("D")),
    ):
        if given and not carried:
            raise UsageError(f"{option} does not go with --scheme {scheme}", code="epc-options")
    if prefix_digits is not None and scheme not in PARTITIONED:
        raise UsageError(f"--prefix-digits does not go with --scheme {scheme}", code="epc-options")


def _read_link(link: str, scheme: str | None, host: str | None) -> EpcItem:
    """A link's own host is wished for, unless --host or a scheme without host says otherwise."""
    return item_from_link(link, keep_host=host is None and (scheme is None or scheme.endswith("++")))


def _show_planned(
    item: EpcItem,
    scheme: str | None,
    scheme_filter: int | None,
    prefix_digits: int | None,
    host: str | None,
    date: str | None,
    chip: str | None,
    epc_bits: int | None,
    as_json: bool,
) -> None:
    if item.company_prefix_digits is not None and prefix_digits not in (None, item.company_prefix_digits):
        raise UsageError(
            f"the URI has a prefix of {item.company_prefix_digits} digits, --prefix-digits says {prefix_digits}",
            code="epc-options",
        )
    if item.date is not None and date is not None:
        raise UsageError("--date: the item has a date already", code="epc-options")
    if item.scheme is not None and scheme not in (None, item.scheme):
        raise UsageError(f"the URI is of {item.scheme}, --scheme says {scheme}", code="epc-options")
    if item.filter is not None and scheme_filter not in (None, item.filter):
        raise UsageError(f"the URI has filter value {item.filter}, --filter says {scheme_filter}", code="epc-options")
    if scheme_filter is None:
        scheme_filter = 1 if item.filter is None else item.filter
    planned = plan_epc(
        item.gtin14,
        item.serial,
        company_prefix_digits=prefix_digits or item.company_prefix_digits,
        filter=scheme_filter,
        hostname=host if host is not None else item.hostname,
        date=item.date if date is None else _parse_date(date),
        epc_bits=_room(chip, epc_bits),
        scheme=scheme or item.scheme,
    )
    _show(decode_epc(planned.epc), planned.epc, planned.spare, item.dropped, as_json=as_json)


def _parse_date(text: str) -> tuple[str, str]:
    ai, equals, day = text.partition("=")
    if not equals:
        raise UsageError(f"--date is not like 17=271231: {text[:40]!r}", code="not-a-date")
    return ai, day


def _room(chip: str | None, epc_bits: int | None) -> int:
    """Bits of the EPC bank that is meant."""
    if chip is None:
        return EPC_LIMIT_BITS if epc_bits is None else epc_bits
    if epc_bits is not None:
        raise UsageError("give --chip or --epc-bits", code="epc-options")
    from dpptag.tags.gen2_chips import BY_NAME

    known = BY_NAME.get(chip)
    if known is None:
        raise UsageError(
            f"{chip!r} is no Gen2 chip that is known here", code="unknown-chip", action=f"one of {', '.join(BY_NAME)}"
        )
    return known.epc_bits


def _show(value: Sgtin, epc: bytes, spare: int | None, dropped: tuple[str, ...], *, as_json: bool) -> None:
    words = len(epc) // 2
    shown: dict[str, object] = {
        "hex": epc.hex().upper(),
        "bits": value.bits,
        "words": words,
        "pc": f"{words << 11:04X}",
        "spare": spare,
        "scheme": value.scheme,
        "filter": value.filter,
        "gtin": value.gtin14,
        "serial": value.serial,
        "company_prefix": value.company_prefix,
        "hostname": value.hostname,
        "date": None if value.date is None else "=".join(value.date),
        "aidc": dict(value.aidc),
        "urn_id": urn_id(value),
        "urn_tag": urn_tag(value),
        "digital_link": value.digital_link,
        "element_string": element_string(value),
        "dropped": list(dropped),
    }
    for what in dropped:
        warn(f"no EPC carries this, left out: {what}")
    if as_json:
        emit_json(shown)
        return
    emit(facts({**shown, "aidc": " ".join(f"({ai}){data}" for ai, data in value.aidc) or None, "dropped": None}))
