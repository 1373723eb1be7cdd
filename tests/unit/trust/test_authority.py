"""The folder of who runs the trust: slots for good, no key lost, nothing half-written."""

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dpptag.codec import cbor
from dpptag.crypto import PrivateKey, PublicKey, parse_private_pem, parse_public_pem
from dpptag.errors import KeyFileError, TrustDataError
from dpptag.trust import authority
from dpptag.trust.authority import (
    BUNDLE,
    LIST,
    ROOT_KEY,
    ROOT_PUB,
    KeyEntry,
    add_issuer,
    create_root,
    make_bundle,
    read_list,
)
from dpptag.trust.issuers import KeyStatus, open_bundle
from tests.unit.trust.trust_rig import ACME, DAY, EVIL

GCP = ("gcp:9520123",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_root(tmp_path / "trust", None)
    return tmp_path / "trust"


def root_of(folder: Path) -> PrivateKey:
    return parse_private_pem((folder / ROOT_KEY).read_bytes(), None)


def bundle(folder: Path, day: int = DAY) -> bytes:
    return make_bundle(folder, root_of(folder), day, day + 90)


def entry(key: PublicKey = ACME.public_key, slot: int = 1, **changes: Any) -> KeyEntry:
    return KeyEntry(key, slot, **changes)


def edit(folder: Path, change: Callable[[Any], object]) -> None:
    """By hand, as in an editor."""
    value = json.loads((folder / LIST).read_bytes())
    change(value)
    (folder / LIST).write_text(json.dumps(value))


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(TrustDataError) as refusal:
        work()
    return refusal.value.code


# --- the root


def test_a_root_is_a_key_for_its_owner_alone_and_its_public_half(folder: Path) -> None:
    assert stat.S_IMODE((folder / ROOT_KEY).stat().st_mode) == 0o600
    assert parse_public_pem((folder / ROOT_PUB).read_bytes()) == root_of(folder).public_key


def test_a_root_is_encrypted_under_its_passphrase(tmp_path: Path) -> None:
    public = create_root(tmp_path, b"hunter2")
    assert parse_private_pem((tmp_path / ROOT_KEY).read_bytes(), b"hunter2").public_key == public
    with pytest.raises(KeyFileError):
        parse_private_pem((tmp_path / ROOT_KEY).read_bytes(), None)


def test_the_root_is_loaded_from_its_folder(folder: Path) -> None:
    assert authority.load_root(folder, None).public_key == root_of(folder).public_key


def test_a_root_that_cannot_be_read_is_said_so(folder: Path) -> None:
    (folder / ROOT_KEY).unlink()
    (folder / ROOT_KEY).mkdir()
    assert code_of(lambda: authority.load_root(folder, None)) == "read"


def test_a_second_root_is_refused_and_the_first_stays(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(KeyFileError) as refusal:
        create_root(folder, None)
    assert refusal.value.code == "key-exists"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_empty_passphrase_makes_no_root(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        create_root(tmp_path, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert code_of(lambda: create_root(tmp_path / "file" / "trust", None)) == "write"


# --- issuers and slots


def test_what_is_added_is_in_the_bundle(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry(not_before=DAY, not_after=DAY + 9, allows_bare=True))
    (issuer,) = open_bundle(bundle(folder), root_of(folder).public_key).issuers
    (key,) = issuer.keys
    assert (issuer.name, [str(scope) for scope in issuer.scopes]) == ("Acme", ["gcp:9520123"])
    assert (key.slot, key.public_key, key.status) == (1, ACME.public_key, KeyStatus.ACTIVE)
    assert (key.not_before, key.not_after, key.allows_bare) == (DAY, DAY + 9, True)


def test_a_scope_is_added_to_an_issuer_once(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    issuer = add_issuer(folder, "Acme", ("gcp:4000001", "gcp:9520123", "gcp:4000001"), entry())
    assert [str(scope) for scope in issuer.scopes] == ["gcp:9520123", "gcp:4000001"]


def test_keys_stand_in_the_order_of_their_slots(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry(slot=7))
    issuer = add_issuer(folder, "Acme", GCP, entry(EVIL.public_key, 2))
    assert [key.slot for key in issuer.keys] == [2, 7]


def test_the_same_key_in_its_slot_is_updated(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    (key,) = add_issuer(folder, "Acme", GCP, entry(status=KeyStatus.RETIRED, not_after=DAY)).keys
    assert (key.status, key.not_after) == (KeyStatus.RETIRED, DAY)


@pytest.mark.parametrize("status", KeyStatus)
def test_a_slot_is_never_given_to_a_second_key(folder: Path, status: KeyStatus) -> None:
    add_issuer(folder, "Acme", GCP, entry(status=status))
    assert code_of(lambda: add_issuer(folder, "Acme", GCP, entry(EVIL.public_key))) == "slot-taken"


@pytest.mark.parametrize("status", [KeyStatus.ACTIVE, KeyStatus.RETIRED])
def test_a_compromised_key_is_never_good_again(folder: Path, status: KeyStatus) -> None:
    add_issuer(folder, "Acme", GCP, entry(status=KeyStatus.COMPROMISED))
    assert code_of(lambda: add_issuer(folder, "Acme", GCP, entry(status=status))) == "key-compromised"


def test_a_compromised_key_gets_no_second_slot(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry(status=KeyStatus.COMPROMISED))
    assert code_of(lambda: add_issuer(folder, "Acme", GCP, entry(slot=2))) == "key-twice"


def test_a_scope_of_another_issuer_is_refused_when_it_is_added(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    assert code_of(lambda: add_issuer(folder, "Evil", GCP, entry(EVIL.public_key))) == "scope-conflict"


@pytest.mark.parametrize("slot", [-1, 32])
def test_a_slot_outside_0_to_31_is_refused(folder: Path, slot: int) -> None:
    assert code_of(lambda: add_issuer(folder, "Acme", GCP, entry(slot=slot))) == "slot-range"


def test_a_new_issuer_needs_a_scope(folder: Path) -> None:
    assert code_of(lambda: add_issuer(folder, "Acme", (), entry())) == "issuer-empty"


def test_what_was_refused_left_the_list_as_it_was(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    before = (folder / LIST).read_bytes()
    code_of(lambda: add_issuer(folder, "Evil", GCP, entry(EVIL.public_key)))
    assert (folder / LIST).read_bytes() == before


# --- the bundle remembers


def test_a_key_that_vanished_from_the_list_is_refused(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    add_issuer(folder, "Acme", GCP, entry(EVIL.public_key, 2))
    bundle(folder)
    edit(folder, lambda value: value["issuers"][0]["keys"].pop())
    assert code_of(lambda: bundle(folder)) == "slot-lost"


def test_an_issuer_that_vanished_or_was_renamed_is_refused(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    bundle(folder)
    edit(folder, lambda value: value["issuers"][0].update(name="Acme Ltd"))
    assert code_of(lambda: bundle(folder)) == "slot-lost"


def test_another_key_put_into_a_slot_by_hand_is_refused(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    bundle(folder)
    edit(folder, lambda value: value["issuers"][0]["keys"][0].update(public_key=EVIL.public_key.pem()))
    assert code_of(lambda: bundle(folder)) == "slot-taken"


@pytest.mark.parametrize("status", ["active", "retired"])
def test_a_compromised_key_made_good_by_hand_is_refused(folder: Path, status: str) -> None:
    """Or by an old copy of the list: the last bundle remembers."""
    add_issuer(folder, "Acme", GCP, entry(status=KeyStatus.COMPROMISED))
    bundle(folder)
    edit(folder, lambda value: value["issuers"][0]["keys"][0].update(status=status))
    assert code_of(lambda: bundle(folder)) == "key-compromised"


def test_a_refused_bundle_leaves_the_last_one(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    good = bundle(folder)
    edit(folder, lambda value: value["issuers"][0].update(name="B"))
    code_of(lambda: bundle(folder))
    assert (folder / BUNDLE).read_bytes() == good


def test_a_bundle_of_another_root_is_not_written_over(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    bundle(folder)
    assert code_of(lambda: make_bundle(folder, EVIL, DAY, DAY)) == "bundle-root"


def test_a_damaged_last_bundle_is_not_written_over(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    bundle(folder)
    (folder / BUNDLE).write_bytes(b"damaged")
    assert code_of(lambda: bundle(folder)) == "bundle-damaged"
    assert (folder / BUNDLE).read_bytes() == b"damaged"


def test_no_issuers_make_no_bundle(folder: Path) -> None:
    assert code_of(lambda: bundle(folder)) == "no-issuers"
    assert not (folder / BUNDLE).exists()


@pytest.mark.parametrize(("issued", "expires"), [(0, DAY), (DAY, 65536)])
def test_impossible_dates_make_no_bundle(folder: Path, issued: int, expires: int) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    assert code_of(lambda: make_bundle(folder, root_of(folder), issued, expires)) == "bundle-dates"


# --- a damaged list


def test_a_folder_without_a_root_is_no_trust_folder(tmp_path: Path) -> None:
    assert code_of(lambda: read_list(tmp_path)) == "no-trust-folder"


def test_an_absent_list_is_an_empty_one(folder: Path) -> None:
    assert read_list(folder) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"{}",
        b'{"format": 1}',
        b'{"format": 1, "issuers": 5}',
        b"\xff\xfe",
        b"[" * 100000,
    ],
)
def test_a_list_that_is_no_list_is_damaged(folder: Path, content: bytes) -> None:
    (folder / LIST).write_bytes(content)
    assert code_of(lambda: read_list(folder)) == "list-damaged"


def test_a_list_of_another_format_is_said_so(folder: Path) -> None:
    (folder / LIST).write_bytes(b'{"format": 2, "issuers": []}')
    assert code_of(lambda: read_list(folder)) == "list-format"


KEY_DAMAGE = [("slot", value) for value in ("1", 1.0, True, None, [], {})]
KEY_DAMAGE += [("status", value) for value in ("good", "", 1, None, [])]
KEY_DAMAGE += [("not_before", value) for value in ("1", 1.5, True, [])]
KEY_DAMAGE += [("not_after", value) for value in ("2026-01-01", False, {})]
KEY_DAMAGE += [("allows_bare", value) for value in ("no", 1, None)]
KEY_DAMAGE += [("public_key", value) for value in (1, None, [])]


@pytest.mark.parametrize(("field", "value"), KEY_DAMAGE)
def test_a_key_field_of_another_type_is_damage(folder: Path, field: str, value: object) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    edit(folder, lambda content: content["issuers"][0]["keys"][0].update({field: value}))
    assert code_of(lambda: read_list(folder)) == "list-damaged"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", 1), ("name", None), ("scopes", "gcp:9520123"), ("scopes", [1]), ("keys", 1), ("keys", [1])],
)
def test_an_issuer_field_of_another_type_is_damage(folder: Path, field: str, value: object) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    edit(folder, lambda content: content["issuers"][0].update({field: value}))
    assert code_of(lambda: read_list(folder)) == "list-damaged"


@pytest.mark.parametrize("field", ["slot", "status", "public_key"])
def test_a_missing_key_field_is_damage(folder: Path, field: str) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    edit(folder, lambda content: content["issuers"][0]["keys"][0].pop(field))
    assert code_of(lambda: read_list(folder)) == "list-damaged"


def test_a_damaged_key_in_the_list_is_refused(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    edit(folder, lambda content: content["issuers"][0]["keys"][0].update(public_key="-----BEGIN PUBLIC KEY-----"))
    with pytest.raises(KeyFileError):
        read_list(folder)


def test_a_slot_named_twice_by_hand_loses_no_key(folder: Path) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    twin = {"slot": 1, "status": "active", "public_key": EVIL.public_key.pem()}
    edit(folder, lambda content: content["issuers"][0]["keys"].append(twin))
    before = (folder / LIST).read_bytes()
    assert code_of(lambda: add_issuer(folder, "Acme", GCP, entry(slot=1))) == "slot-twice"
    assert (folder / LIST).read_bytes() == before


# --- disk


def fail(number: int, text: str) -> Callable[..., None]:
    def failing(*_: object, **__: object) -> None:
        raise OSError(number, text)

    return failing


def test_a_full_disk_leaves_the_old_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(os, "fsync", fail(28, "No space left on device"))
    with pytest.raises(TrustDataError) as refusal:
        add_issuer(folder, "Acme", GCP, entry(EVIL.public_key, 2))
    assert (refusal.value.code, "No space left on device" in refusal.value.message) == ("write", True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_full_disk_leaves_the_old_bundle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_issuer(folder, "Acme", GCP, entry())
    before = bundle(folder)
    monkeypatch.setattr(os, "fsync", fail(28, "No space left on device"))
    assert code_of(lambda: bundle(folder, DAY + 1)) == "write"
    assert (folder / BUNDLE).read_bytes() == before


def test_a_readonly_folder_is_said_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated at fsync and unlink: a superuser may write anywhere."""
    monkeypatch.setattr(os, "fsync", fail(30, "Read-only file system"))
    monkeypatch.setattr(os, "unlink", fail(30, "Read-only file system"))
    with pytest.raises(TrustDataError) as refusal:
        authority.write_atomically(folder / LIST, b"x")
    assert refusal.value.message.endswith("Read-only file system")


def test_a_list_that_is_a_folder_is_said_so(folder: Path) -> None:
    (folder / LIST).mkdir()
    assert code_of(lambda: read_list(folder)) == "read"


def test_a_write_replaces_the_whole_file(folder: Path) -> None:
    authority.write_atomically(folder / "x", b"long content")
    authority.write_atomically(folder / "x", b"short")
    assert (folder / "x").read_bytes() == b"short"
    assert not list(folder.glob(".x*"))


# --- what a hostile review found


def test_a_compromised_key_does_not_come_back_under_another_name(folder: Path) -> None:
    add_issuer(folder, "A", GCP, entry(status=KeyStatus.COMPROMISED))
    assert code_of(lambda: add_issuer(folder, "A GmbH", ("gcp:95201234",), entry())) == "key-compromised"


def test_a_key_that_is_lost_is_lost_to_everybody_who_has_it(folder: Path) -> None:
    add_issuer(folder, "A", GCP, entry())
    add_issuer(folder, "B", ("gcp:4012345",), entry(slot=4))
    add_issuer(folder, "A", GCP, entry(status=KeyStatus.COMPROMISED))
    assert [issuer.keys[0].status for issuer in read_list(folder)] == [KeyStatus.COMPROMISED] * 2


@pytest.mark.parametrize("name", ["A ", " A", "Cafe\u0301"])
def test_a_name_that_looks_like_another_is_refused(folder: Path, name: str) -> None:
    assert code_of(lambda: add_issuer(folder, name, GCP, entry())) == "issuer-name"


def test_a_scope_does_not_move_to_another_issuer(folder: Path) -> None:
    add_issuer(folder, "A", GCP, entry())
    bundle(folder)

    def move(value: Any) -> None:
        value["issuers"][0]["scopes"] = ["gcp:8888888"]

    edit(folder, move)
    add_issuer(folder, "B", GCP, entry(EVIL.public_key))
    assert code_of(lambda: bundle(folder)) == "scope-moved"


def test_what_an_update_does_not_say_stays_as_it_was(folder: Path) -> None:
    add_issuer(folder, "A", GCP, entry(not_before=DAY, not_after=DAY + 9, allows_bare=True))
    (key,) = add_issuer(folder, "A", GCP, entry(status=KeyStatus.RETIRED)).keys
    assert (key.status, key.not_before, key.not_after, key.allows_bare) == (KeyStatus.RETIRED, DAY, DAY + 9, True)
    (key,) = add_issuer(folder, "A", GCP, entry(not_after=DAY + 5)).keys
    assert (key.status, key.not_after) == (KeyStatus.RETIRED, DAY + 5)


def test_issuers_added_at_once_are_all_there(folder: Path) -> None:
    keys = [PrivateKey.generate().public_key for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: add_issuer(folder, f"I{at}", (f"gcp:952012{at}",), entry(keys[at])), range(8)))
    assert {issuer.name for issuer in read_list(folder)} == {f"I{at}" for at in range(8)}


def test_a_root_that_readers_have_pinned_is_not_replaced(folder: Path) -> None:
    (folder / ROOT_KEY).rename(folder.parent / "offline")
    pinned = (folder / ROOT_PUB).read_bytes()
    with pytest.raises(KeyFileError):
        create_root(folder, None)
    assert (folder / ROOT_PUB).read_bytes() == pinned


def test_an_issuer_is_added_while_the_root_key_is_elsewhere(folder: Path) -> None:
    (folder / ROOT_KEY).rename(folder.parent / "offline")
    assert add_issuer(folder, "A", GCP, entry()).name == "A"


@pytest.mark.parametrize("item", [b"\x80", b"\xa0", b"\x00", b"\xd2"])
def test_a_bomb_in_place_of_a_bundle_is_refused_by_its_head(folder: Path, item: bytes) -> None:
    """Four million items that cbor2 would build before anybody had looked at a signature."""
    bomb = b"\xd2\x9a\x00\x40\x00\x00" + item * 0x400000
    assert code_of(lambda: open_bundle(bomb, root_of(folder).public_key)) == "bundle-damaged"
    bomb = b"\xd2\x84" + cbor.encode_bytes(bytes(3)) + b"\xa1\x05\x9a\x00\x40\x00\x00" + item * 0x3F0000
    assert code_of(lambda: open_bundle(bomb, root_of(folder).public_key)) == "bundle-shape"
