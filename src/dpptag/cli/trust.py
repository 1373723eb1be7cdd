"""``dpptag trust``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from dpptag.cli.options import (
    PASSPHRASE_VARIABLE,
    day_of,
    json_option,
    load_private_key,
    load_public_key,
    load_trust,
    new_passphrase,
    parse_day,
    passphrase_option,
    read_file,
    show_day,
)
from dpptag.cli.output import emit, emit_json, facts, say, table, warn
from dpptag.errors import UsageError
from dpptag.trust import authority
from dpptag.trust.issuers import Issuer, IssuerKey, KeyStatus

_path = click.Path(path_type=Path)
_folder = click.option("--dir", "folder", type=_path, required=True, help="Trust folder, made by 'trust init'.")


@click.group("trust")
def command() -> None:
    """Who may sign for what: issuers, keys, the signed trust bundle."""


@command.command()
@click.option("--out", type=_path, required=True, help="Folder for root.key and root.pub.")
@passphrase_option
@json_option
def init(out: Path, passphrase_file: str | None, as_json: bool) -> None:
    """Make a trust root: root.key stays here, root.pub is pinned in every reader."""
    passphrase = new_passphrase(passphrase_file)
    if passphrase is None:
        warn(
            f"{out / authority.ROOT_KEY} is NOT encrypted: no passphrase was given and there is no terminal to ask at. "
            f"For production give --passphrase-file or set {PASSPHRASE_VARIABLE}, and keep the folder offline"
        )
    root = authority.create_root(out, passphrase)
    value = {
        "root_key": str(out / authority.ROOT_KEY),
        "root_pub": str(out / authority.ROOT_PUB),
        "encrypted": passphrase is not None,
        "thumbprint": root.thumbprint().hex(),
    }
    if as_json:
        emit_json(value)
    else:
        emit(facts({name.replace("_", " "): text for name, text in value.items()}))


@command.command("add-issuer")
@_folder
@click.option("--name", required=True, help="Name that readers show.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="gcp:DIGITS, uri:https://HOST/ or did:web:HOST; repeat."
)
@click.option("--key", type=_path, required=True, help="Public key, PEM.")
@click.option("--slot", type=click.IntRange(0, 31), required=True, help="Key slot, never given to a second key.")
@click.option("--not-before", help="First day on which this key may sign.")
@click.option("--not-after", help="Last day on which this key may sign.")
@click.option(
    "--status",
    type=click.Choice([status.name.lower() for status in KeyStatus]),
    help="[default: active; for a key that is known: as it was]",
)
@click.option(
    "--allow-bare/--no-allow-bare",
    default=None,
    help="Whether this key's bare statements (64 bytes, UHF, 512-bit bank) count.",
)
@json_option
def add_issuer(
    folder: Path,
    name: str,
    scopes: tuple[str, ...],
    key: Path,
    slot: int,
    not_before: str | None,
    not_after: str | None,
    status: str | None,
    allow_bare: bool | None,
    as_json: bool,
) -> None:
    """Add an issuer, or a scope or key to one; the same key in its slot is updated. Sign afterwards."""
    entry = authority.KeyEntry(
        key=load_public_key(key),
        slot=slot,
        not_before=parse_day(not_before, "--not-before") if not_before else None,
        not_after=parse_day(not_after, "--not-after") if not_after else None,
        status=KeyStatus[status.upper()] if status else None,
        allows_bare=allow_bare,
    )
    issuer = authority.add_issuer(folder, name, scopes, entry)
    for known in issuer.keys:
        if known.slot == slot and known.status is KeyStatus.RETIRED and known.not_after is None:
            warn(f"the key in slot {slot} is retired without an end: give --not-after DAY, the last day it signed")
    if as_json:
        emit_json(_issuer_value(issuer))
    else:
        say(f"{issuer.name}: {len(issuer.scopes)} scopes, {len(issuer.keys)} keys")
        say(f"next: dpptag trust sign --dir {folder} --expires DAY")


@command.command("import-did")
@_folder
@click.option("--document", type=_path, required=True, help="did.json, as it was fetched and looked at.")
@click.option("--name", required=True, help="Name that readers show.")
@click.option("--scope", "scopes", multiple=True, help="What else it may sign for: gcp:DIGITS; repeat.")
@click.option("--slot", type=click.IntRange(0, 31), required=True, help="Slot of its first new key; the rest follow.")
@json_option
def import_did(folder: Path, document: Path, name: str, scopes: tuple[str, ...], slot: int, as_json: bool) -> None:
    """Take over the keys of a did:web snapshot, with the DID as scope. A key that is known keeps its slot."""
    from dpptag.passport.did_document import DOCUMENT_LIMIT, read_did_document

    found = read_did_document(read_file(document, "DID document", DOCUMENT_LIMIT))
    known = {
        key.public_key: key for issuer in authority.read_list(folder) if issuer.name == name for key in issuer.keys
    }
    entries: list[authority.KeyEntry] = []
    taken = {key.slot for key in known.values()}
    for one in found.keys:
        at = known[one.key].slot if one.key in known else next((n for n in range(slot, 32) if n not in taken), None)
        if at is None:
            raise UsageError(f"no slot from {slot} on is free", code="slot-range", action="give a lower --slot")
        taken.add(at)
        entries.append(authority.KeyEntry(one.key, at))
    issuer: Issuer | None = None
    for entry in entries:  # only now: an import without room for all keys changes nothing
        issuer = authority.add_issuer(folder, name, (found.did, *scopes), entry)
    assert issuer is not None
    for reason in found.left_out:
        warn(f"not taken: {reason}")
    for key in known.values():
        if key.status is KeyStatus.ACTIVE and key.public_key not in {one.key for one in found.keys}:
            warn(f"the active key in slot {key.slot} is not in this document: if it was withdrawn, end it (add-issuer)")
    if as_json:
        emit_json(_issuer_value(issuer) | {"left_out": list(found.left_out)})
    else:
        say(f"{issuer.name}: {len(found.keys)} keys of {found.did}; {len(issuer.keys)} in all")
        say(f"next: dpptag trust sign --dir {folder} --expires DAY")


@command.command()
@_folder
@click.option("--expires", required=True, help="Last day (ISO date, UTC) on which this trust data counts as fresh.")
@passphrase_option
@json_option
def sign(folder: Path, expires: str, passphrase_file: str | None, as_json: bool) -> None:
    """Sign the list of issuers into issuers.cose, for the readers."""
    last = parse_day(expires, "--expires")
    today = day_of(datetime.now(UTC))
    if last < today:
        warn(f"--expires {expires} lies in the past: every verdict under this bundle will be stale")
    authority.read_list(folder)
    root = load_private_key(folder / authority.ROOT_KEY, passphrase_file)
    data = authority.make_bundle(folder, root, today, last)
    path = folder / authority.BUNDLE
    if as_json:
        emit_json({"bundle": str(path), "bytes": len(data), "issued": show_day(today), "expires": show_day(last)})
    else:
        say(f"wrote {path}: {len(data)} bytes, good to {show_day(last)}")


@command.command()
@click.option("--trust", type=_path, required=True, help="Trust bundle, issuers.cose.")
@click.option("--root", type=_path, required=True, help="Pinned root key, root.pub.")
@json_option
def show(trust: Path, root: Path, as_json: bool) -> None:
    """Verify a trust bundle under its root and show what it says."""
    store = load_trust(trust, root)
    stale = store.is_stale(day_of(datetime.now(UTC)))
    if as_json:
        emit_json(
            {
                "issued": show_day(store.issued),
                "expires": show_day(store.expires),
                "stale": stale,
                "issuers": [_issuer_value(issuer) for issuer in store.issuers],
            }
        )
        return
    emit(f"issued {show_day(store.issued)}, good to {show_day(store.expires)}{' (STALE)' if stale else ''}")
    rows: list[tuple[str, ...]] = [
        (issuer.name, str(key.slot), key.status.name.lower(), _period(key), "yes" if key.allows_bare else "no", scopes)
        for issuer in store.issuers
        for scopes in [" ".join(map(str, issuer.scopes))]
        for key in issuer.keys
    ]
    emit(table(("issuer", "slot", "status", "signs", "bare", "scopes"), rows))


def _period(key: IssuerKey) -> str:
    first, last = (show_day(day) if day is not None else "" for day in (key.not_before, key.not_after))
    return f"{first}..{last}" if first or last else "any day"


def _issuer_value(issuer: Issuer) -> dict[str, object]:
    return {
        "name": issuer.name,
        "scopes": [str(scope) for scope in issuer.scopes],
        "keys": [
            {
                "slot": key.slot,
                "status": key.status.name.lower(),
                "kind": key.public_key.kind,
                "thumbprint": key.public_key.thumbprint().hex(),
                "not_before": None if key.not_before is None else show_day(key.not_before),
                "not_after": None if key.not_after is None else show_day(key.not_after),
                "allow_bare": key.allows_bare,
            }
            for key in issuer.keys
        ],
    }
