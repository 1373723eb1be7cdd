"""``dpptag sun verify``."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpptag.crypto import aes_cbc_encrypt, aes_cmac
from dpptag.tags.key_derivation import DerivedKeys
from dpptag.tags.sun import FILE_PURPOSE, META_PURPOSE, mac_session_key, truncated
from dpptag.trust import tag_keys
from dpptag.trust.tag_keys import create_tag_master
from tests.cli.command_line import Done, dpptag

UID = bytes.fromhex("04DE5F1EACC040")
PASSPHRASE = {"DPPTAG_PASSPHRASE": "for tests"}


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DerivedKeys:
    monkeypatch.setattr(tag_keys, "_COST", 14)
    return create_tag_master(tmp_path / "master", b"for tests")


def link(keys: DerivedKeys, counter: int) -> str:
    """As a chip would serve it, made here."""
    plain = b"\xc7" + UID + counter.to_bytes(3, "little") + bytes(5)
    picc = aes_cbc_encrypt(keys.key(b"", META_PURPOSE), bytes(16), plain)
    mac = truncated(aes_cmac(mac_session_key(keys.key(UID, FILE_PURPOSE), UID, counter), b""))
    return f"https://id.example.com/01/09520123456788/21/1?e={picc.hex().upper()}&c={mac.hex().upper()}"


def verify(folder: Path, url: str, *more: object) -> Done:
    return dpptag("sun", "verify", url, "--tag-master", folder / "master", "--json", *more, env=PASSPHRASE)


def test_a_fresh_link_is_valid_and_its_second_showing_a_replay(tmp_path: Path, keys: DerivedKeys) -> None:
    counters = ("--counters", tmp_path / "counters")
    first = verify(tmp_path, link(keys, 5), *counters)
    assert (first.code, first.json["sun"], first.json["chip"], first.json["counter"]) == (0, "valid", UID.hex(), 5)
    again = verify(tmp_path, link(keys, 5), *counters)
    assert (again.code, again.json["sun"]) == (5, "replayed")
    older = verify(tmp_path, link(keys, 4), *counters)
    assert (older.code, older.json["sun"]) == (5, "replayed")
    assert verify(tmp_path, link(keys, 6), *counters).code == 0


def test_a_false_mac_is_exit_5_tells_no_chip_and_moves_no_counter(tmp_path: Path, keys: DerivedKeys) -> None:
    url = link(keys, 9)
    done = verify(tmp_path, url[:-1] + ("0" if url[-1] != "0" else "1"), "--counters", tmp_path / "counters")
    assert (done.code, done.json["sun"], done.json["chip"]) == (5, "false", None)
    assert not (tmp_path / "counters").exists()


@pytest.mark.parametrize(
    "query", ["", "?e=00&c=00", "?e=" + "0" * 48 + "&c=" + "0" * 16, "?e=" + "0" * 32 + "&c=" + "0" * 16]
)
def test_what_cannot_be_checked_is_exit_8(tmp_path: Path, keys: DerivedKeys, query: str) -> None:
    assert keys.master_id
    done = verify(tmp_path, f"https://id.example.com/{query}")
    assert (done.code, done.json["sun"]) == (8, "unsupported")


def test_without_counters_it_says_that_replays_go_unnoticed(tmp_path: Path, keys: DerivedKeys) -> None:
    for _ in range(2):
        done = verify(tmp_path, link(keys, 5))
        assert done.code == 0
        assert "not looked at" in done.json["reason"]


def test_the_text_form_names_chip_and_counter(tmp_path: Path, keys: DerivedKeys) -> None:
    done = dpptag("sun", "verify", link(keys, 5), "--tag-master", tmp_path / "master", env=PASSPHRASE)
    assert done.code == 0
    assert UID.hex() in done.out


@pytest.mark.parametrize("passphrase", ["", "wrong"])
def test_a_missing_or_wrong_passphrase_is_exit_7(tmp_path: Path, keys: DerivedKeys, passphrase: str) -> None:
    done = dpptag(
        "sun",
        "verify",
        link(keys, 5),
        "--tag-master",
        tmp_path / "master",
        "--json",
        env={"DPPTAG_PASSPHRASE": passphrase},
    )
    assert done.code == 7
    assert done.error["code"].startswith("key-passphrase")
