"""The tag master key as a command opens it."""

from __future__ import annotations

import os

import click

from dpptag.cli.options import at_terminal, given_passphrase
from dpptag.tags.key_derivation import DerivedKeys
from dpptag.trust.tag_keys import open_tag_master


def load_tag_keys(path: str | os.PathLike[str], passphrase_file: str | None) -> DerivedKeys:
    """The keys under this master key; asks for the passphrase where none was handed in. Raises KeyFileError."""
    passphrase = given_passphrase(passphrase_file)
    if passphrase is None and at_terminal():
        passphrase = click.prompt(f"Passphrase of {path}", hide_input=True, err=True).encode()
    return open_tag_master(path, passphrase or b"")
