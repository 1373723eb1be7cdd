"""``dpptag keys``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dpptag.cli.options import (
    PASSPHRASE_VARIABLE,
    json_option,
    load_private_key,
    load_public_key,
    new_passphrase,
    passphrase_option,
    write_file,
)
from dpptag.cli.output import emit, emit_json, facts, say, warn
from dpptag.crypto import PrivateKey, PublicKey, write_secret_file
from dpptag.errors import KeyFileError, UsageError

_path = click.Path(path_type=Path)


@click.group("keys")
def command() -> None:
    """Signing keys: P-256, encrypted PKCS#8 files."""


@command.command()
@click.option("--out", type=_path, required=True, help="File of the private key; its public key gets .pub.")
@click.option("--unsafe-plain", is_flag=True, help="Write the key unencrypted. For trials only.")
@passphrase_option
@json_option
def new(out: Path, unsafe_plain: bool, passphrase_file: str | None, as_json: bool) -> None:
    """Make a P-256 key, encrypted at rest; the public key is written beside it."""
    passphrase = None if unsafe_plain else new_passphrase(passphrase_file)
    if passphrase is None and not unsafe_plain:
        raise UsageError(
            "no passphrase for the new key, and no terminal to ask at",
            code="passphrase-missing",
            action=f"give --passphrase-file FILE or set {PASSPHRASE_VARIABLE}",
        )
    if not out.name:
        raise UsageError(f"--out {out} names no file", code="key-name")
    public = out.with_suffix(".pub")
    if public == out:
        raise UsageError(f"--out {out} names a public key; give the private key another ending", code="key-name")
    if os.path.exists(public):  # noqa: PTH110  no OSError; perhaps the only copy of another key's public half
        raise KeyFileError(
            f"{public} exists: a key is never overwritten", code="key-exists", action="give another --out"
        )
    if unsafe_plain:
        warn(f"{out} is not encrypted: whoever reads this file can sign. For trials only")
    key = PrivateKey.generate()
    write_secret_file(out, key.pkcs8(passphrase))
    write_file(public, "public key", key.public_key.pem().encode())
    _show(key.public_key, as_json, private_key=str(out), public_key=str(public))


@command.command("new-tag-master")
@click.option("--out", type=_path, required=True, help="File of the new key.")
@passphrase_option
@json_option
def new_tag_master(out: Path, passphrase_file: str | None, as_json: bool) -> None:
    """Make the master key from which passwords and keys of tags are derived; encrypted at rest.

    Keep copies of this file: without it no password or key that was set on a tag can be derived again.
    """
    from dpptag.trust.tag_keys import create_tag_master

    passphrase = new_passphrase(passphrase_file)
    if passphrase is None:
        raise UsageError(
            "no passphrase for the new key, and no terminal to ask at",
            code="passphrase-missing",
            action=f"give --passphrase-file FILE or set {PASSPHRASE_VARIABLE}",
        )
    keys = create_tag_master(out, passphrase)
    value = {"file": str(out), "id": keys.master_id}
    if as_json:
        emit_json(value)
    else:
        emit(facts(value))
        say(f"keep copies of {out}: without it no password that is set with it can be derived again")


@command.command()
@click.option("--key", type=_path, required=True, help="PKCS#8 private key.")
@click.option("--out", type=_path, required=True, help="File of the public key, PEM.")
@passphrase_option
def public(key: Path, out: Path, passphrase_file: str | None) -> None:
    """Write the public key of a private key."""
    write_file(out, "public key", load_private_key(key, passphrase_file).public_key.pem().encode())
    say(f"wrote {out}")


@command.command()
@click.option("--key", type=_path, required=True, help="Public key, PEM.")
@json_option
def show(key: Path, as_json: bool) -> None:
    """Show kind and RFC 9679 thumbprint of a public key."""
    _show(load_public_key(key), as_json)


def _show(key: PublicKey, as_json: bool, **files: str) -> None:
    value = {**files, "kind": key.kind, "thumbprint": key.thumbprint().hex()}
    if as_json:
        emit_json(value)
    else:
        emit(facts({name.replace("_", " "): text for name, text in value.items()}))
