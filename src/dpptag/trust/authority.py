"""The folder of who runs the trust: root key, list of issuers, the bundle made from it.

``issuers.json`` is the editable list, ``issuers.cose`` what readers get. A slot that once named a key never names
another, not even after a compromise: an old tag would be judged by a stranger's key.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from dpptag.crypto import (
    PrivateKey,
    PublicKey,
    Signer,
    parse_private_pem,
    parse_public_pem,
    write_secret_file,
)
from dpptag.errors import KeyFileError, TrustDataError
from dpptag.files import NoLocksError, locked, replace_file
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey, KeyStatus, open_bundle, sign_bundle
from dpptag.trust.scopes import Scope, parse_scope

ROOT_KEY: Final = "root.key"
ROOT_PUB: Final = "root.pub"
LIST: Final = "issuers.json"
BUNDLE: Final = "issuers.cose"
_FORMAT: Final = 1
_T = TypeVar("_T")


def create_root(folder: Path, passphrase: bytes | None) -> PublicKey:
    """Make ``root.key`` (PKCS#8, mode 0600) and ``root.pub``. Raises KeyFileError where there is a trust folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise TrustDataError(f"cannot make {folder}: {exc.strerror}", code="write", path=str(folder)) from exc
    for name in (ROOT_PUB, LIST, BUNDLE):  # its root key may be kept elsewhere: readers have pinned that one
        if _exists(folder / name):
            raise KeyFileError(
                f"{folder} is a trust folder already: it has {name}", code="key-exists", action="give another --out"
            )
    root = PrivateKey.generate()
    write_secret_file(folder / ROOT_KEY, root.pkcs8(passphrase))
    write_atomically(folder / ROOT_PUB, root.public_key.pem().encode())
    return root.public_key


def load_root(folder: Path, passphrase: bytes | None) -> PrivateKey:
    """``root.key``, which may be kept elsewhere but for signing. Raises TrustDataError, KeyFileError for the key."""
    read_list(folder)
    return parse_private_pem(_read(folder / ROOT_KEY), passphrase)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What ``add_issuer`` is told of one key; None: as it was, for a new key an active one without dates, not bare."""

    key: PublicKey
    slot: int
    not_before: int | None = None
    not_after: int | None = None
    status: KeyStatus | None = None
    allows_bare: bool | None = None

    def issuer_key(self, old: IssuerKey | None = None) -> IssuerKey:
        known = old or IssuerKey(self.slot, self.key)
        return IssuerKey(
            self.slot,
            self.key,
            known.status if self.status is None else self.status,
            known.not_before if self.not_before is None else self.not_before,
            known.not_after if self.not_after is None else self.not_after,
            known.allows_bare if self.allows_bare is None else self.allows_bare,
        )


def add_issuer(folder: Path, name: str, scopes: Sequence[str], entry: KeyEntry) -> Issuer:
    """Add an issuer, or to one of that name a scope or a key; the same key in its slot is updated.

    Raises TrustDataError: another key in that slot, a scope of another issuer, a compromised key made good again.
    """
    wanted = tuple(parse_scope(text) for text in scopes)
    with _locked(folder):
        return _add_issuer(folder, name, wanted, entry)


def _add_issuer(folder: Path, name: str, wanted: tuple[Scope, ...], entry: KeyEntry) -> Issuer:
    issuers = list(read_list(folder))
    at = next((index for index, issuer in enumerate(issuers) if issuer.name == name), None)
    if at is None:
        issuer = Issuer(name, tuple(dict.fromkeys(wanted)), (entry.issuer_key(),))
        issuers.append(issuer)
    else:
        issuer = _extended(issuers[at], wanted, entry)
        issuers[at] = issuer
    if entry.status is KeyStatus.COMPROMISED:  # whoever else uses the same key has lost it, too
        issuers = [_without(entry.key, one) for one in issuers]
    Bundle(1, 1, tuple(issuers)).check()  # refuses equal scopes of two issuers now, not on the day of signing
    _write_list(folder, issuers)
    return issuer


def _without(lost: PublicKey, issuer: Issuer) -> Issuer:
    keys = (key._replace(status=KeyStatus.COMPROMISED) if key.public_key == lost else key for key in issuer.keys)
    return issuer._replace(keys=tuple(keys))


def _extended(issuer: Issuer, scopes: tuple[Scope, ...], entry: KeyEntry) -> Issuer:
    keys = {known.slot: known for known in issuer.keys}
    old = keys.get(entry.slot)
    key = entry.issuer_key(old)
    if old is not None:
        _refuse_change(issuer.name, old, key)
    keys[key.slot] = key
    return issuer._replace(
        scopes=tuple(dict.fromkeys((*issuer.scopes, *scopes))),
        keys=tuple(keys[slot] for slot in sorted(keys)),
    )


def _refuse_change(name: str, old: IssuerKey, new: IssuerKey) -> None:
    if old.public_key != new.public_key:
        raise TrustDataError(
            f"slot {old.slot} of {name} belongs to another key and is never given to a second one",
            code="slot-taken",
            action="choose a free slot from 0 to 31",
            slot=old.slot,
        )
    if old.status is KeyStatus.COMPROMISED and new.status is not KeyStatus.COMPROMISED:
        raise TrustDataError(
            f"the key in slot {old.slot} of {name} is compromised for good",
            code="key-compromised",
            action="give the issuer a new key in a free slot",
            slot=old.slot,
        )


def make_bundle(folder: Path, root: Signer, issued: int, expires: int) -> bytes:
    """Sign ``issuers.json`` into ``issuers.cose``. Raises TrustDataError.

    The bundle that stands there is read first: no slot may have changed its key, none may have gone, and no compromised
    key may be good again, not even where the list was mended by hand or restored from an old copy.
    """
    with _locked(folder):
        return _make_bundle(folder, root, issued, expires)


def _make_bundle(folder: Path, root: Signer, issued: int, expires: int) -> bytes:
    issuers = read_list(folder)
    if not issuers:
        raise TrustDataError("no issuers yet", code="no-issuers", action="add one with: dpptag trust add-issuer")
    earlier = folder / BUNDLE
    if _exists(earlier):
        _refuse_lost_slots(open_bundle(_read(earlier), root.public_key).issuers, issuers)
    data = sign_bundle(Bundle(issued, expires, issuers), root)
    open_bundle(data, root.public_key)  # what readers will do with it
    write_atomically(earlier, data)
    return data


def _refuse_lost_slots(earlier: Sequence[Issuer], issuers: Sequence[Issuer]) -> None:
    now = {issuer.name: {key.slot: key for key in issuer.keys} for issuer in issuers}
    holders = {scope: issuer.name for issuer in issuers for scope in issuer.scopes}
    for issuer in earlier:
        for key in issuer.keys:
            new = now.get(issuer.name, {}).get(key.slot)
            if new is None:
                raise TrustDataError(
                    f"the key in slot {key.slot} of {issuer.name} stands in the last bundle and is missing now",
                    code="slot-lost",
                    action="keep it as retired or compromised: a key that vanishes looks like one never known",
                )
            _refuse_change(issuer.name, key, new)
        for scope in issuer.scopes:
            if holders.get(scope, issuer.name) != issuer.name:
                raise TrustDataError(
                    f"{scope} belonged to {issuer.name} and would now be {holders[scope]}'s: tags of the one would be "
                    "judged by the keys of the other",
                    code="scope-moved",
                    action=f"keep {scope} with {issuer.name}, and give that issuer the new keys",
                )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One change at a time: two processes that read, change and write the list would lose one of the changes."""
    try:
        lock = locked(folder, wait=True, folder=True)
    except NoLocksError as exc:
        raise TrustDataError(f"cannot lock {folder}: {exc.strerror}", code="write", path=str(folder)) from exc
    except OSError as exc:
        raise _no_trust_folder(folder, str(exc.strerror)) from exc
    with lock:
        yield


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as exc:
        raise TrustDataError(f"cannot read {path}: {exc.strerror}", code="read", path=str(path)) from exc


def _no_trust_folder(folder: Path, why: str) -> TrustDataError:
    return TrustDataError(
        f"{folder} is no trust folder: {why}",
        code="no-trust-folder",
        action=f"make one with: dpptag trust init --out {folder}",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise TrustDataError(f"cannot read {path}: {exc.strerror}", code="read", path=str(path)) from exc


def read_list(folder: Path) -> tuple[Issuer, ...]:
    """The issuers of ``issuers.json``, checked; none where there is no file yet. Raises TrustDataError."""
    path = folder / LIST
    if not (_exists(folder / ROOT_PUB) or _exists(folder / ROOT_KEY)):
        raise _no_trust_folder(folder, f"it has no {ROOT_PUB}")
    if not _exists(path):
        return ()
    content = _read(path)
    try:
        value = json.loads(content)
        if value["format"] != _FORMAT:
            raise TrustDataError(f"{path} has format {value['format']!r}", code="list-format")
        issuers = tuple(_issuer(item) for item in value["issuers"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise TrustDataError(
            f"{path} is damaged: {type(exc).__name__} {exc}",
            code="list-damaged",
            action="restore it from a backup, or mend it by hand",
        ) from exc
    Bundle(1, 1, issuers).check()  # a slot named twice by hand would lose one of its keys at the next change
    return issuers


def _issuer(item: dict[str, Any]) -> Issuer:
    keys = tuple(
        IssuerKey(
            slot=_of_type(int, key["slot"]),
            public_key=parse_public_pem(key["public_key"].encode()),
            status=KeyStatus[key["status"].upper()],
            not_before=_day_or_none(key.get("not_before")),
            not_after=_day_or_none(key.get("not_after")),
            allows_bare=_of_type(bool, key.get("allows_bare", False)),
        )
        for key in item["keys"]
    )
    return Issuer(
        _of_type(str, item["name"]), tuple(parse_scope(text) for text in _of_type(list, item["scopes"])), keys
    )


def _of_type(kind: type[_T], value: object) -> _T:
    if type(value) is not kind:  # exact: JSON's true is no slot 1
        raise TypeError(f"{value!r} where {kind.__name__} was expected")
    return value


def _day_or_none(value: object) -> int | None:
    return None if value is None else _of_type(int, value)


def _write_list(folder: Path, issuers: Sequence[Issuer]) -> None:
    value = {
        "format": _FORMAT,
        "issuers": [
            {
                "name": issuer.name,
                "scopes": [str(scope) for scope in issuer.scopes],
                "keys": [
                    {
                        "slot": key.slot,
                        "status": key.status.name.lower(),
                        "not_before": key.not_before,
                        "not_after": key.not_after,
                        "allows_bare": key.allows_bare,
                        "public_key": key.public_key.pem(),
                    }
                    for key in issuer.keys
                ],
            }
            for issuer in issuers
        ],
    }
    write_atomically(folder / LIST, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` in one step, synced: a crash leaves the old file or the new one. Raises TrustDataError."""
    try:
        replace_file(path, content)
    except OSError as exc:
        raise TrustDataError(f"cannot write {path}: {exc.strerror}", code="write", path=str(path)) from exc
