"""The job file: what it may say, and one clear error for all else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dpptag.crypto import PrivateKey
from dpptag.errors import JobError
from dpptag.line import read_job
from dpptag.model.statement import Level
from tests.line.job_folder import EXAMPLES, GTIN, HOST, JobFolder, job_text


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "job")


def refused(folder: JobFolder) -> JobError:
    with pytest.raises(JobError) as caught:
        read_job(folder.job)
    assert caught.value.exit_code == 7
    return caught.value


def test_a_job_says_what_its_file_says(folder: JobFolder) -> None:
    folder.write_job(statement__level='"compact"', statement__digest="32", line__stop_after_failures="5")
    job = read_job(folder.job)
    assert (job.name, job.level, job.digest_width, job.chips) == ("battery", Level.COMPACT, 32, ("NTAG213", "NTAG215"))
    assert (job.stop_after_failures, job.overwrite, job.trust) == (5, False, None)
    assert (job.signing.key, job.signing.slot, job.signing.passphrase_file) == (folder.path / "issuer.key", 1, None)
    assert [row.identity for row in job.rows] == [f"{HOST}/01/{GTIN}/21/SN{number}" for number in (1, 2, 3)]


def test_the_example_job_is_good(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    (tmp_path / "examples/jobs/issuer.key").write_bytes(PrivateKey.generate().pkcs8(None))
    job = read_job(tmp_path / "examples/jobs/battery.toml")
    assert [row.serial for row in job.rows] == ["LB70A0001", "FP3000417"]
    assert job.rows[0].metadata == {"order": "4500017731"}


def test_the_job_digest_covers_job_file_and_rows(folder: JobFolder) -> None:
    before = read_job(folder.job).file_sha256
    with (folder.path / "rows.csv").open("a") as rows:
        rows.write(f"{GTIN},SN4\n")
    folder.write_passport("SN4")
    after_rows = read_job(folder.job).file_sha256
    folder.write_job(line__overwrite="true")
    assert len({before, after_rows, read_job(folder.job).file_sha256}) == 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"line__colour": '"red"'}, "line.colour: unknown key"),
        ({"paint__colour": '"red"'}, "paint: unknown key"),
        ({"job__name": ""}, "job.name: missing"),
        ({"job__name": '"a/b"'}, "job.name: "),
        ({"signing__slot": "32"}, "signing.slot: "),
        ({"signing__slot": '"1"'}, "signing.slot: "),
        ({"statement__level": '"bare"'}, "statement.level: "),
        ({"statement__digest": "20"}, "statement.digest: "),
        ({"statement__level": '"full"', "statement__digest": "16"}, "statement.digest: level full always carries 32"),
        ({"chips__allowed": "[]"}, "chips.allowed: "),
        ({"chips__allowed": '["NTAG213", "NTAG424"]'}, "chips.allowed: NTAG424"),
        ({"line__stop_after_failures": "0"}, "line.stop_after_failures: "),
        ({"line__overwrite": "1"}, "line.overwrite: "),
        ({"trust__bundle": '"issuers.cose"'}, "trust.root: missing"),
        ({"trust__bundle": '"issuers.cose"', "trust__root": '"root.pub"'}, "trust.bundle: there is no file"),
        ({"signing__key": '"other.key"'}, "signing.key: there is no file"),
        ({"signing__passphrase_file": '"p"'}, "signing.passphrase_file: there is no file"),
    ],
)
def test_a_wrong_value_names_file_key_and_cause(folder: JobFolder, changes: dict[str, str], says: str) -> None:
    folder.write_job(**changes)
    error = refused(folder)
    assert says in error.message
    assert "job.toml" in error.message
    assert str(error.facts["key"]) in says


def test_all_wrong_keys_are_named_at_once(folder: JobFolder) -> None:
    folder.write_job(line__colour='"red"', signing__slot="99")
    assert "line.colour" in refused(folder).message
    assert "signing.slot" in refused(folder).message


def test_broken_toml_names_its_line(folder: JobFolder) -> None:
    folder.job.write_text(job_text() + "[job\n")
    error = refused(folder)
    assert error.code == "job-toml"
    assert "line" in error.message


def test_a_job_file_that_is_not_text_is_refused(folder: JobFolder) -> None:
    folder.job.write_bytes(b"\xff\xfe[job]")
    assert refused(folder).code == "job-toml"


def test_deeply_nested_toml_is_one_clear_error(folder: JobFolder) -> None:
    folder.job.write_text("a = " + "[" * 20_000)
    assert refused(folder).code == "job-toml"


def test_an_oversize_job_file_is_refused(folder: JobFolder) -> None:
    folder.job.write_text(job_text() + "#" * 70_000)
    assert refused(folder).code == "job-size"


def test_a_missing_job_file_is_refused(folder: JobFolder) -> None:
    folder.job.unlink()
    assert refused(folder).code == "job-unreadable"
