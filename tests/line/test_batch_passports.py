"""A passport of a batch may stand for its items, where the job says so and the row names that batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpptag.errors import JobError
from dpptag.line import Job, read_job
from tests.line.job_folder import EXAMPLES, GTIN, HOST, JobFolder
from tests.line.uhf_rig import UHF_JOB

ALLOWED = {"job__batch_passports": "true", "job__passport": '"passports/batch.json"'}


def batch_passport(batch: str, gtin: str = GTIN) -> bytes:
    document = json.loads((EXAMPLES / "passports" / "laptop-battery.json").read_bytes())
    subject = document["credentialSubject"]
    subject["granularityLevel"] = "batch"
    product = subject["product"]
    product |= {"id": f"{HOST}/01/{gtin}/10/{batch}", "batchNumber": batch}
    product.pop("serialNumber", None)
    return json.dumps(document).encode()


def job_with(path: Path, row: list[str], passport: bytes, **changes: str) -> Job:
    folder = JobFolder(path, 1)
    (folder.path / "passports" / "batch.json").write_bytes(passport)
    folder.write_rows([["gtin", "serial", "batch"], row])
    folder.write_job(**(ALLOWED | changes))
    return read_job(folder.job)


def test_it_will_do_for_an_item_of_that_batch(tmp_path: Path) -> None:
    (row,) = job_with(tmp_path, [GTIN, "SN1", "L7"], batch_passport("L7")).rows
    assert (row.serial, row.pointer.granularity) == ("SN1", "batch")


def test_it_will_do_for_a_uhf_tag_whose_epc_does_not_carry_the_batch(tmp_path: Path) -> None:
    (row,) = job_with(tmp_path, [GTIN, "SN1", "L7"], batch_passport("L7"), **UHF_JOB).rows
    assert row.identity == f"https://id.gs1.org/01/{GTIN}/21/SN1"


@pytest.mark.parametrize(
    ("batch", "passport", "reason"),
    [
        ("L8", batch_passport("L7"), "of batch L7, the row names L8"),
        ("", batch_passport("L7"), "the row names none"),
        ("L7", batch_passport("L7", "09520123456825"), "of another product"),
    ],
    ids=["another batch", "no batch", "another product"],
)
def test_it_will_not_do_for_anything_else(batch: str, passport: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=reason):
        job_with(tmp_path, [GTIN, "SN1", batch], passport)


def test_without_leave_it_is_refused_and_the_leave_is_named(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="batch_passports = true"):
        job_with(tmp_path, [GTIN, "SN1", "L7"], batch_passport("L7"), job__batch_passports="false")
