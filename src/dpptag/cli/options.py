"""Option values that several commands share: files, days, times, passphrases, homes, keys."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from dpptag.errors import InputError, KeyFileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path  # not at run time: the verifier starts without it

    from dpptag.crypto import PrivateKey, PublicKey
    from dpptag.trust.store import TrustStore

_EPOCH: Final = date(1970, 1, 1)
SECONDS_A_DAY: Final = 86400
PASSPHRASE_VARIABLE: Final = "DPPTAG_PASSPHRASE"  # noqa: S105  the name of a variable
_FILE_LIMIT: Final = 8 * 1024 * 1024

Command = Callable[..., Any]

json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")


def path_type() -> click.Path:
    """Options that become a pathlib.Path."""
    from pathlib import Path

    return click.Path(path_type=Path)


passphrase_option = click.option(
    "--passphrase-file",
    help=f"First line of this file is the passphrase; else {PASSPHRASE_VARIABLE}, else a prompt.",
)


def home_option(command: Command) -> Command:
    """``--home`` on the command itself; the one before the command counts where this is not given."""
    return click.option("--home", help="Folder of ledger, events and outbox [env: DPPTAG_HOME].")(command)


def home_folder(home: str | None) -> Path:
    """``--home``, else DPPTAG_HOME, else the user's data folder; made if missing. Raises InputError."""
    from pathlib import Path

    chosen = home or click.get_current_context().find_root().obj
    if not chosen:
        data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")  # noqa: PTH111
        chosen = f"{data}/dpptag"
    folder = Path(chosen)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise InputError(f"cannot use {folder} as home: {exc.strerror}", code="home") from exc
    return folder


def read_file(path: Path | str, what: str, limit: int = _FILE_LIMIT) -> bytes:
    """A whole file of at most ``limit`` bytes. Raises InputError."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  no pathlib here
            data = file.read(limit + 1)
    except OSError as exc:
        raise InputError(f"cannot read {what} {path}: {exc.strerror}", code="file", path=str(path)) from exc
    if len(data) > limit:
        raise InputError(f"{what} {path} is larger than {limit} bytes", code="file-size", path=str(path))
    return data


def write_file(path: Path | str, what: str, data: bytes) -> None:
    """The whole file or none of it: what stood there before stays where the disk is full. Raises InputError."""
    from dpptag.files import replace_file

    target = os.fspath(path)
    if _holds_private_key(target):
        raise InputError(
            f"{target} holds a private key and is not overwritten",
            code="key-exists",
            action="give another file",
            path=target,
        )
    in_place = os.path.exists(target) and not os.path.isfile(target)  # noqa: PTH110, PTH113  a pipe, /dev/stdout
    try:
        if in_place:
            with open(target, "wb") as file:  # noqa: PTH123  no pathlib here
                file.write(data)
        else:
            replace_file(os.path.realpath(target), data)
    except OSError as exc:
        raise InputError(f"cannot write {what} {path}: {exc.strerror}", code="file", path=str(path)) from exc


def _holds_private_key(target: str) -> bool:
    if not os.path.isfile(target):  # noqa: PTH113
        return False
    try:
        with open(target, "rb") as file:  # noqa: PTH123
            return b"PRIVATE KEY-----" in file.read(64)
    except OSError:
        return False  # writing will say what is wrong


class Seconds(click.FloatRange):
    """A number of seconds from 0 to 10^6; no nan, which would never be over."""

    def __init__(self) -> None:
        super().__init__(0, 1e6)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail("not a number of seconds", param, ctx)
        return seconds


def parse_hex(text: str, option: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as exc:
        raise UsageError(f"{option} is not hex: {text[:80]!r}", code="not-hex") from exc


def parse_day(text: str, option: str) -> int:
    """An ISO date to days since 1970-01-01."""
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except ValueError as exc:
        raise UsageError(f"{option} is not an ISO date such as 2026-11-21: {text[:40]!r}", code="not-a-day") from exc


def show_day(day: int) -> str:
    return date.fromordinal(_EPOCH.toordinal() + day).isoformat()


def parse_time(text: str | None) -> datetime:
    """An ISO 8601 time, UTC where it names no zone; None: now."""
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise UsageError(f"--at is not an ISO 8601 time: {text[:40]!r}", code="not-a-time") from exc
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def day_of(at: datetime) -> int:
    return int(at.timestamp() // SECONDS_A_DAY)


def load_trust(trust: Path | str, root: Path | str) -> TrustStore:
    """The bundle, verified under the pinned root. Raises TrustDataError, KeyFileError."""
    from dpptag.crypto import parse_public_pem
    from dpptag.trust.store import TrustStore

    return TrustStore.load(read_file(trust, "trust bundle"), parse_public_pem(read_file(root, "root key", 4096)))


def load_public_key(path: Path) -> PublicKey:
    from dpptag.crypto import parse_public_pem

    return parse_public_pem(read_file(path, "public key", 4096))


def load_private_key(path: Path, passphrase_file: str | None) -> PrivateKey:
    """A PKCS#8 key; asks for its passphrase only where it is encrypted and none was handed in."""
    from dpptag.crypto import is_encrypted_pem, parse_private_pem

    pem = read_file(path, "private key", 64 * 1024)
    if not is_encrypted_pem(pem):
        key = parse_private_pem(pem, None)
        click.echo(f"warning: {path} is not encrypted: whoever reads this file can sign", err=True)
        return key
    passphrase = given_passphrase(passphrase_file)
    if passphrase is None and at_terminal():
        passphrase = click.prompt(f"Passphrase of {path}", hide_input=True, err=True).encode()
    return parse_private_pem(pem, passphrase)


def at_terminal() -> bool:
    """Whether there is somebody to ask; services start programs with no stdin at all."""
    return sys.stdin is not None and sys.stdin.isatty()


def given_passphrase(passphrase_file: str | None) -> bytes | None:
    """From file or environment; None where neither is given. Raises KeyFileError for an empty one."""
    if passphrase_file is not None:
        first = read_file(passphrase_file, "passphrase file", 4096).split(b"\n", 1)[0].rstrip(b"\r")
        if not first:
            raise KeyFileError(f"the first line of {passphrase_file} is empty", code="key-passphrase-empty")
        return first
    return os.environb.get(PASSPHRASE_VARIABLE.encode()) or None


def new_passphrase(passphrase_file: str | None) -> bytes | None:
    """For a new key: from file, environment or prompt; None where there is no terminal to ask at."""
    passphrase = given_passphrase(passphrase_file)
    if passphrase is None and at_terminal():
        text = click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)
        passphrase = str(text).encode()
    return passphrase
