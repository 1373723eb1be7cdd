"""The master key of chip passwords and keys: one file, encrypted under a passphrase.

A JSON object in ASCII: ``format``, the master key's ``id``, scrypt's ``cost`` and ``salt``, and the 16-byte key sealed
with AES-256-GCM (``nonce``, ``sealed``). All fields before ``sealed`` are part of what the seal protects.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from dpptag.crypto import AES_BYTES, PASSPHRASE_LIMIT, passphrase_key, seal, unseal
from dpptag.errors import KeyFileError
from dpptag.files import locked, replace_file
from dpptag.tags.key_derivation import DerivedKeys, master_id

_FORMAT: Final = "dpptag tag master key 1"
_COST: Final = 16  # 64 MiB and about 0.2 s on a PC: once a job, and a Raspberry Pi still has the memory
_COSTS: Final = range(14, 21)
"""What is read back: less would be no protection, more would let a file exhaust the memory."""
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_SEALED_BYTES: Final = AES_BYTES + 16
_FILE_LIMIT: Final = 4096


def create_tag_master(
    path: str | os.PathLike[str], passphrase: bytes, random: Callable[[int], bytes] = os.urandom
) -> DerivedKeys:
    """Make a master key and write it to a new file of mode 0600; the file is whole or not there.

    Raises KeyFileError where the file exists: the keys of tags already made would be lost with it.
    """
    _check_passphrase(passphrase)
    master = random(AES_BYTES)
    content = _sealed(master, passphrase, random)
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120  no pathlib here
    try:
        with locked(folder, wait=True, folder=True):
            if os.path.lexists(path):
                raise KeyFileError(
                    f"{os.fspath(path)} exists: a key is never overwritten", code="key-exists", path=os.fspath(path)
                )
            replace_file(path, content, mode=0o600)
    except OSError as exc:
        raise KeyFileError(
            f"cannot write {os.fspath(path)}: {exc.strerror}", code="key-write", path=os.fspath(path)
        ) from exc
    return DerivedKeys(master)


def open_tag_master(path: str | os.PathLike[str], passphrase: bytes) -> DerivedKeys:
    """The keys under the master key of this file. Raises KeyFileError; no message holds key or passphrase."""
    _check_passphrase(passphrase)
    try:
        with open(path, "rb") as file:  # noqa: PTH123  no pathlib here
            content = file.read(_FILE_LIMIT + 1)
    except OSError as exc:
        raise KeyFileError(
            f"cannot read {os.fspath(path)}: {exc.strerror}", code="key-file", path=os.fspath(path)
        ) from exc
    return DerivedKeys(_unsealed(content, passphrase))


def _check_passphrase(passphrase: bytes) -> None:
    if not 1 <= len(passphrase) <= PASSPHRASE_LIMIT:
        raise KeyFileError(f"a passphrase has 1 to {PASSPHRASE_LIMIT} bytes", code="key-passphrase-length")


def _sealed(master: bytes, passphrase: bytes, random: Callable[[int], bytes]) -> bytes:
    import json

    salt, nonce = random(_SALT_BYTES), random(_NONCE_BYTES)
    header: dict[str, str | int] = {
        "format": _FORMAT,
        "id": master_id(master),
        "cost": _COST,
        "salt": salt.hex(),
        "nonce": nonce.hex(),
    }
    box = seal(passphrase_key(passphrase, salt, _COST), nonce, master, _header_bytes(header))
    return (json.dumps({**header, "sealed": box.hex()}, indent=1) + "\n").encode()


def _header_bytes(header: dict[str, str | int]) -> bytes:
    import json

    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _unsealed(content: bytes, passphrase: bytes) -> bytes:
    import json

    try:
        value = json.loads(content)
        if not isinstance(value, dict) or value.keys() != {"format", "id", "cost", "salt", "nonce", "sealed"}:
            raise ValueError("other fields")
        cost = value["cost"]
        salt, nonce, box = (bytes.fromhex(value[name]) for name in ("salt", "nonce", "sealed"))
        if value["format"] != _FORMAT or not isinstance(value["id"], str) or type(cost) is not int:
            raise ValueError("other values")
        if (len(salt), len(nonce), len(box)) != (_SALT_BYTES, _NONCE_BYTES, _SEALED_BYTES) or cost not in _COSTS:
            raise ValueError("other sizes")
    except (ValueError, TypeError, RecursionError):
        raise KeyFileError(
            "not a file of a tag master key, or a damaged one",
            code="key-not-tag-master",
            action="make one with: dpptag keys new-tag-master --out FILE",
        ) from None
    header: dict[str, str | int] = {name: value[name] for name in ("format", "id", "cost", "salt", "nonce")}
    master = unseal(passphrase_key(passphrase, salt, cost), nonce, box, _header_bytes(header))
    if value["id"] != master_id(master):  # sealed, so written so: by a program with another rule
        raise KeyFileError("the key file names another master key than it holds", code="key-not-tag-master")
    return master
