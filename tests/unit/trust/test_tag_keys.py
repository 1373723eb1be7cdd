"""The file of the tag master key."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from dpptag.errors import KeyFileError
from dpptag.tags.key_derivation import DerivedKeys
from dpptag.trust import tag_keys
from dpptag.trust.tag_keys import create_tag_master, open_tag_master

PASSPHRASE = b"correct horse"
MASTER = bytes.fromhex("00112233445566778899aabbccddeeff")
UID = bytes.fromhex("04782e21801d80")


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag_keys, "_COST", 14)


def fixed(count: int) -> bytes:
    return MASTER if count == 16 else bytes(count)


def test_what_was_created_opens_with_its_passphrase_and_gives_the_same_keys(tmp_path: Path) -> None:
    made = create_tag_master(tmp_path / "master", PASSPHRASE)
    again = open_tag_master(tmp_path / "master", PASSPHRASE)
    assert again.key(UID, "ntag424-key0") == made.key(UID, "ntag424-key0")
    assert again.master_id == made.master_id == json.loads((tmp_path / "master").read_text())["id"]


def test_two_files_hold_two_keys(tmp_path: Path) -> None:
    assert (
        create_tag_master(tmp_path / "a", PASSPHRASE).master_id
        != create_tag_master(tmp_path / "b", PASSPHRASE).master_id
    )


def test_the_file_is_for_its_owner_alone_and_holds_no_key_in_clear(tmp_path: Path) -> None:
    create_tag_master(tmp_path / "master", PASSPHRASE, fixed)
    path = tmp_path / "master"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    fields = json.loads(path.read_text())
    assert fields.pop("salt") == MASTER.hex()  # the same fixed bytes: only the seal is looked at
    assert MASTER.hex() not in json.dumps(fields)
    assert open_tag_master(path, PASSPHRASE).key(UID, "a") == DerivedKeys(MASTER).key(UID, "a")


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    create_tag_master(tmp_path / "master", PASSPHRASE)
    before = (tmp_path / "master").read_bytes()
    with pytest.raises(KeyFileError) as caught:
        create_tag_master(tmp_path / "master", PASSPHRASE)
    assert caught.value.code == "key-exists"
    assert (tmp_path / "master").read_bytes() == before


def test_another_passphrase_opens_nothing_and_is_not_told(tmp_path: Path) -> None:
    create_tag_master(tmp_path / "master", PASSPHRASE)
    with pytest.raises(KeyFileError) as caught:
        open_tag_master(tmp_path / "master", b"wrong horse")
    assert caught.value.code == "key-passphrase-wrong"
    assert "horse" not in str(caught.value) + str(caught.value.facts)


@pytest.mark.parametrize("passphrase", [b"", b"x" * 1024])
def test_a_passphrase_has_1_to_1023_bytes(tmp_path: Path, passphrase: bytes) -> None:
    with pytest.raises(KeyFileError) as caught:
        create_tag_master(tmp_path / "master", passphrase)
    assert caught.value.code == "key-passphrase-length"
    assert not (tmp_path / "master").exists()


@pytest.mark.parametrize("name", ["id", "cost", "salt", "nonce", "sealed", "format"])
def test_a_changed_field_is_noticed(tmp_path: Path, name: str) -> None:
    create_tag_master(tmp_path / "master", PASSPHRASE)
    value = json.loads((tmp_path / "master").read_text())
    old = value[name]
    value[name] = old + 1 if isinstance(old, int) else ("1" if old[0] != "1" else "2") + old[1:]
    (tmp_path / "master").write_text(json.dumps(value))
    with pytest.raises(KeyFileError):
        open_tag_master(tmp_path / "master", PASSPHRASE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b"nonsense",
        b'{"format":1,"id":2,"cost":3,"salt":4,"nonce":5,"sealed":6}',
        b"[" * 4000,
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "master").write_bytes(content)
    with pytest.raises(KeyFileError) as caught:
        open_tag_master(tmp_path / "master", PASSPHRASE)
    assert caught.value.code == "key-not-tag-master"


def test_a_cost_that_would_eat_the_memory_is_refused_before_it_is_paid(tmp_path: Path) -> None:
    create_tag_master(tmp_path / "master", PASSPHRASE)
    value = json.loads((tmp_path / "master").read_text())
    value["cost"] = 40
    (tmp_path / "master").write_text(json.dumps(value))
    with pytest.raises(KeyFileError) as caught:
        open_tag_master(tmp_path / "master", PASSPHRASE)
    assert caught.value.code == "key-not-tag-master"


def test_a_missing_file_and_a_missing_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError) as caught:
        open_tag_master(tmp_path / "none", PASSPHRASE)
    assert caught.value.code == "key-file"
    with pytest.raises(KeyFileError) as caught:
        create_tag_master(tmp_path / "none" / "master", PASSPHRASE)
    assert caught.value.code == "key-write"
