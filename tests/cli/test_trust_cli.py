"""dpptag trust and dpptag keys: round trips, refusals, secrets."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import (
    PASSPORT,
    UID,
    Done,
    command_line,
    dpptag,
    environment,
    make_key,
    make_trust,
    process,
)
from tests.cli.terminal import at_terminal
from tests.sim_fixtures import SOURCE

SECRET = "correct horse battery staple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert dpptag("trust", "init", "--out", tmp_path / "trust").code == 0
    return tmp_path / "trust"


def add(
    folder: Path, public: Path, *arguments: object, name: str = "A", slot: int = 1, scope: str = "gcp:9520"
) -> Done:
    options = ["--dir", folder, "--name", name, "--scope", scope, "--key", public, "--slot", slot]
    return dpptag("trust", "add-issuer", *options, *arguments, "--json")


def sign(folder: Path, expires: str = "2099-12-31") -> Done:
    return dpptag("trust", "sign", "--dir", folder, "--expires", expires, "--json")


def show(folder: Path, *arguments: object) -> Done:
    return dpptag("trust", "show", "--trust", folder / "issuers.cose", "--root", folder / "root.pub", *arguments)


# Trust data


def test_what_was_added_is_shown_from_the_signed_bundle(folder: Path, tmp_path: Path) -> None:
    _, first = make_key(tmp_path, "first")
    _, second = make_key(tmp_path, "second")
    period = ["--not-before", "2026-01-01", "--not-after", "2026-12-31"]
    assert add(folder, first, *period, "--scope", "uri:https://id.example.com/p/", scope="gcp:9520123").code == 0
    assert add(folder, second, "--status", "retired", "--allow-bare", slot=2, scope="gcp:9520123").code == 0
    signed = sign(folder)
    assert signed.json["expires"] == "2099-12-31"
    value = show(folder, "--json").json
    [issuer] = value.pop("issuers")
    assert value == {"issued": signed.json["issued"], "expires": "2099-12-31", "stale": False}
    assert issuer["scopes"] == ["gcp:9520123", "uri:https://id.example.com/p/"]
    assert [
        [key[name] for name in ("slot", "status", "not_before", "not_after", "allow_bare")] for key in issuer["keys"]
    ] == [[1, "active", "2026-01-01", "2026-12-31", False], [2, "retired", None, None, True]]
    thumbprint = dpptag("keys", "show", "--key", first, "--json").json["thumbprint"]
    assert issuer["keys"][0]["thumbprint"] == thumbprint


def test_the_table_for_people_names_issuer_slot_and_status(folder: Path, tmp_path: Path) -> None:
    add(folder, make_key(tmp_path, "k")[1], "--status", "retired", name="Müller Zellen")
    sign(folder)
    out = show(folder).out
    assert out.splitlines()[-1].split() == ["Müller", "Zellen", "1", "retired", "any", "day", "no", "gcp:9520"]


def test_a_slot_is_never_given_to_a_second_key(folder: Path, tmp_path: Path) -> None:
    assert add(folder, make_key(tmp_path, "first")[1], "--status", "compromised").code == 0
    done = add(folder, make_key(tmp_path, "second")[1])
    assert (done.code, done.error["code"]) == (7, "slot-taken")


def test_a_compromised_key_is_never_good_again(folder: Path, tmp_path: Path) -> None:
    _, public = make_key(tmp_path, "k")
    assert add(folder, public, "--status", "compromised").code == 0
    done = add(folder, public, "--status", "active")
    assert (done.code, done.error["code"]) == (7, "key-compromised")


def test_two_issuers_never_have_the_same_scope(folder: Path, tmp_path: Path) -> None:
    assert add(folder, make_key(tmp_path, "a")[1], scope="gcp:9520123").code == 0
    done = add(folder, make_key(tmp_path, "b")[1], name="B", scope="gcp:9520123")
    assert (done.code, done.error["code"]) == (7, "scope-conflict")
    sign(folder)
    assert [issuer["name"] for issuer in show(folder, "--json").json["issuers"]] == ["A"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--scope", "gcp:95x"], 7),
        (["--scope", "9520123"], 7),
        (["--scope", "uri:https://ID.example.com/"], 7),
        (["--slot", "32"], 2),
        (["--status", "lost"], 2),
        (["--not-before", "someday"], 2),
        (["--not-before", "2026-02-01", "--not-after", "2026-01-01"], 7),
        (["--not-before", "1969-12-31"], 7),
        (["--name", ""], 7),
        (["--name", "A\nB"], 7),
        (["--key", str(PASSPORT)], 7),
        (["--key", "/nowhere/key.pub"], 7),
    ],
)
def test_a_bad_entry_is_refused_and_changes_nothing(
    folder: Path, tmp_path: Path, arguments: list[str], code: int
) -> None:
    assert add(folder, make_key(tmp_path, "first")[1]).code == 0
    before = (folder / "issuers.json").read_bytes()
    done = add(folder, make_key(tmp_path, "second")[1], *arguments, name="B", slot=2, scope="gcp:4012")
    assert (done.code, done.error["exit_code"]) == (code, code)
    assert (folder / "issuers.json").read_bytes() == before


def test_a_private_key_given_for_a_public_one_is_refused_with_the_command_to_type(folder: Path, tmp_path: Path) -> None:
    private, _ = make_key(tmp_path, "k")
    done = add(folder, private)
    assert (done.code, done.error["code"]) == (7, "key-not-public-pem")
    assert "dpptag keys public" in done.error["action"]


def test_signing_past_its_date_warns_and_the_bundle_is_shown_stale(folder: Path, tmp_path: Path) -> None:
    add(folder, make_key(tmp_path, "k")[1])
    done = sign(folder, "2020-01-01")
    assert done.code == 0
    assert "lies in the past" in done.err
    assert show(folder, "--json").json["stale"] is True
    assert "(STALE)" in show(folder).out


def test_a_bundle_without_issuers_is_not_signed(folder: Path) -> None:
    done = sign(folder)
    assert (done.code, done.error["code"]) == (7, "no-issuers")
    assert not (folder / "issuers.cose").exists()


@pytest.mark.parametrize("command", ["add-issuer", "sign"])
def test_a_folder_without_root_key_is_no_trust_folder(tmp_path: Path, command: str) -> None:
    done = add(tmp_path, make_key(tmp_path, "k")[1]) if command == "add-issuer" else sign(tmp_path)
    assert (done.code, done.error["code"]) == (7, "no-trust-folder")
    assert "dpptag trust init" in done.error["action"]


def test_a_root_is_made_once(folder: Path) -> None:
    before = (folder / "root.key").read_bytes()
    done = dpptag("trust", "init", "--out", folder, "--json")
    assert (done.code, done.error["code"]) == (7, "key-exists")
    assert (folder / "root.key").read_bytes() == before


def test_another_root_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    own, other = make_trust(tmp_path / "own"), make_trust(tmp_path / "other")
    content = own.signed(tmp_path / "tag.ndef")
    trust = ["--trust", own.folder / "issuers.cose", "--root", other.folder / "root.pub"]
    for done in (
        dpptag("trust", "show", *trust, "--json"),
        dpptag("verify", "--ndef", content, "--chip", UID, *trust, "--json"),
        dpptag("scan", "--device", "sim:nfc", "--count", 1, *trust, "--json"),
    ):
        assert (done.code, done.error["code"]) == (7, "bundle-root")
        assert done.error["action"]


def test_a_bundle_with_any_byte_changed_is_refused(tmp_path: Path) -> None:
    own = make_trust(tmp_path / "own")
    bundle = own.folder / "issuers.cose"
    good = bundle.read_bytes()
    for at in range(0, len(good), 7):
        bundle.write_bytes(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
        done = show(own.folder, "--json")
        assert (done.code, done.error["exit_code"]) == (7, 7), at
    for cut in (0, 1, len(good) // 2, len(good) - 1):
        bundle.write_bytes(good[:cut])
        assert show(own.folder, "--json").code == 7, cut
    bundle.write_bytes(good + b"\0")
    assert show(own.folder, "--json").code == 7


def test_a_list_mended_by_hand_into_nonsense_is_refused(folder: Path, tmp_path: Path) -> None:
    add(folder, make_key(tmp_path, "k")[1])
    (folder / "issuers.json").write_text('{"format": 1, "issuers": [{"name": 7}]}')
    done = sign(folder)
    assert (done.code, done.error["code"]) == (7, "list-damaged")


def test_an_encrypted_root_signs_with_its_passphrase_alone(tmp_path: Path) -> None:
    secret = {"DPPTAG_PASSPHRASE": SECRET}
    done = dpptag("trust", "init", "--out", tmp_path / "trust", "--json", env=secret)
    assert done.json["encrypted"] is True
    add(tmp_path / "trust", make_key(tmp_path, "k")[1])
    command = ["trust", "sign", "--dir", tmp_path / "trust", "--expires", "2099-12-31", "--json"]
    assert dpptag(*command).error["code"] == "key-passphrase-missing"
    assert dpptag(*command, env={"DPPTAG_PASSPHRASE": "no"}).error["code"] == "key-passphrase-wrong"
    assert dpptag(*command, env=secret).code == 0


def test_a_plain_root_is_warned_of_loudly(tmp_path: Path) -> None:
    done = dpptag("trust", "init", "--out", tmp_path / "trust", "--json")
    assert done.json["encrypted"] is False
    assert "is NOT encrypted" in done.err


# Keys


def test_a_new_key_needs_a_passphrase_where_nobody_can_be_asked(tmp_path: Path) -> None:
    done = dpptag("keys", "new", "--out", tmp_path / "k.key", "--json")
    assert (done.code, done.error["code"]) == (2, "passphrase-missing")
    assert list(tmp_path.iterdir()) == []


def test_key_files_are_private_and_encrypted(tmp_path: Path) -> None:
    done = dpptag("keys", "new", "--out", tmp_path / "k.key", "--json", env={"DPPTAG_PASSPHRASE": SECRET})
    assert set(done.json) == {"private_key", "public_key", "kind", "thumbprint"}
    assert stat.S_IMODE((tmp_path / "k.key").stat().st_mode) == 0o600
    assert (tmp_path / "k.key").read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert dpptag("keys", "show", "--key", tmp_path / "k.pub", "--json").json["thumbprint"] == done.json["thumbprint"]


@pytest.mark.parametrize("content", [f"{SECRET}\n", f"{SECRET}\r\nsecond line\n", SECRET])
def test_the_first_line_of_a_passphrase_file_counts(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    assert dpptag("keys", "new", "--out", tmp_path / "k.key", "--passphrase-file", tmp_path / "secret").code == 0
    public = ["keys", "public", "--key", tmp_path / "k.key", "--out", tmp_path / "again.pub"]
    assert dpptag(*public, env={"DPPTAG_PASSPHRASE": SECRET}).code == 0
    assert (tmp_path / "again.pub").read_bytes() == (tmp_path / "k.pub").read_bytes()


def test_the_passphrase_file_counts_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    new = ["keys", "new", "--out", tmp_path / "k.key", "--passphrase-file", tmp_path / "secret"]
    assert dpptag(*new, env={"DPPTAG_PASSPHRASE": "another"}).code == 0
    public = ["keys", "public", "--key", tmp_path / "k.key", "--out", tmp_path / "again.pub"]
    assert dpptag(*public, env={"DPPTAG_PASSPHRASE": SECRET}).code == 0


@pytest.mark.parametrize("content", ["", "\n", "\nsecond\n"])
def test_an_empty_passphrase_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    done = dpptag("keys", "new", "--out", tmp_path / "k.key", "--passphrase-file", tmp_path / "secret", "--json")
    assert (done.code, done.error["code"]) == (7, "key-passphrase-empty")
    assert not (tmp_path / "k.key").exists()


def test_no_key_file_is_overwritten(tmp_path: Path) -> None:
    private, public = make_key(tmp_path, "k")
    for name in ("k.key", "k.pem"):  # k.pem would take k.pub, which is k.key's
        before = private.read_bytes(), public.read_bytes()
        done = dpptag("keys", "new", "--out", tmp_path / name, "--unsafe-plain", "--json")
        assert (done.code, done.error["code"]) == (7, "key-exists")
        assert (private.read_bytes(), public.read_bytes()) == before
    assert not (tmp_path / "k.pem").exists()


def test_a_plain_key_is_warned_of_when_it_is_made_and_when_it_signs(tmp_path: Path) -> None:
    made = dpptag("keys", "new", "--out", tmp_path / "k.key", "--unsafe-plain")
    used = dpptag("keys", "public", "--key", tmp_path / "k.key", "--out", tmp_path / "p.pub")
    assert "not encrypted" in made.err
    assert "not encrypted" in used.err
    assert "not encrypted" not in made.out + used.out


def test_neither_passphrase_nor_key_is_ever_shown(tmp_path: Path) -> None:
    """stdout and stderr of every command that touches them, with everything logged."""
    env = {"DPPTAG_PASSPHRASE": SECRET}
    key, public = tmp_path / "k.key", tmp_path / "k.pub"
    runs = [
        process("-vvv", "keys", "new", "--out", key, env=env),
        process("-vvv", "trust", "init", "--out", tmp_path / "trust", env=env),
        process(*("-vvv", "sign", "--uri", "https://id.example.com/01/09520123456788", "--chip", UID), "--digest", 0,
                *("--level", "minimal", "--key", key, "--slot", 1, "--out", tmp_path / "tag"), env=env),
        process("-vvv", "keys", "public", "--key", key, "--out", public, env={"DPPTAG_PASSPHRASE": "wrong one"}),
    ]  # fmt: skip
    assert [done.code for done in runs] == [0, 0, 0, 7]
    said = "".join(done.out + done.err for done in runs)
    body = [line for line in key.read_text().splitlines() if "-----" not in line]
    for secret in (SECRET, "wrong one", *body):
        assert secret not in said


def test_the_passphrase_is_asked_for_twice_at_a_terminal_and_never_echoed(tmp_path: Path) -> None:
    command = command_line("keys", "new", "--out", tmp_path / "k.key")
    code, seen = at_terminal(command, environment(), [("New passphrase", SECRET), ("confirmation", SECRET)])
    assert code == 0, seen
    assert SECRET not in seen
    public = ["keys", "public", "--key", tmp_path / "k.key", "--out", tmp_path / "again.pub"]
    assert dpptag(*public, env={"DPPTAG_PASSPHRASE": SECRET}).code == 0


def test_the_passphrase_of_a_key_is_asked_for_at_a_terminal(tmp_path: Path) -> None:
    assert dpptag("keys", "new", "--out", tmp_path / "k.key", env={"DPPTAG_PASSPHRASE": SECRET}).code == 0
    command = command_line("keys", "public", "--key", tmp_path / "k.key", "--out", tmp_path / "again.pub")
    code, seen = at_terminal(command, environment(), [("Passphrase of", SECRET)])
    assert code == 0, seen
    assert SECRET not in seen


def test_no_option_takes_a_passphrase_that_a_process_list_would_show() -> None:
    for command in (["keys", "new"], ["trust", "init"], ["trust", "sign"], ["sign"], ["keys", "public"]):
        options = dpptag(*command, "--help").out
        assert "--passphrase " not in options
        assert "--passphrase-file TEXT" in options


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        done = dpptag("trust", "init", "--out", out, "--json")
        assert (done.code, done.error["exit_code"]) == (7, 7)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("command", ["keys public --key {key} --out {key}", "keys new --unsafe-plain --out {key}"])
def test_no_output_replaces_a_private_key(tmp_path: Path, command: str) -> None:
    key, _ = make_key(tmp_path, "issuer")
    before = key.read_bytes()
    done = dpptag(*command.format(key=key).split())
    assert (done.code, key.read_bytes()) == (7, before)


@pytest.mark.parametrize("name", [".", "/", ""])
def test_a_key_needs_a_file_name(name: str) -> None:
    assert dpptag("keys", "new", "--unsafe-plain", "--out", name).code == 2


def test_a_service_without_stdin_is_told_what_is_missing(tmp_path: Path) -> None:
    """cron and service managers start programs with no stdin at all: that is no bug of ours."""
    script = f"exec 0<&-; exec {sys.executable} -m dpptag keys new --out {tmp_path}/k"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "no terminal to ask at" in done.stderr) == (2, True), done.stderr
