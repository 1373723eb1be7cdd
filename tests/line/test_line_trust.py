"""Would readers in the field accept what this job is about to write?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dpptag.crypto import PrivateKey
from dpptag.errors import Forged, JobError, TrustDataError, Unreadable, Unsigned
from dpptag.line import Job, KeyJudge, TrustJudge, check_trust, read_job
from dpptag.line.signing import day_of
from dpptag.model.identifiers import ChipNumber
from dpptag.trust.issuers import Bundle, Issuer, IssuerKey, KeyStatus
from dpptag.trust.scopes import parse_scope
from dpptag.trust.store import TrustStore
from tests.line.line_rig import NOW, LineRig

TODAY = day_of(NOW)


@pytest.fixture
def rig(tmp_path: Path) -> LineRig:
    return LineRig(tmp_path)


@pytest.fixture
def job(rig: LineRig) -> Job:
    return read_job(rig.folder.job)


def trust_of(key: IssuerKey, *, scope: str = "gcp:9520123", issued: int = TODAY, expires: int = TODAY) -> TrustStore:
    return TrustStore(Bundle(issued, expires, (Issuer("Fjordcell", (parse_scope(scope),), (key,)),)))


def test_a_usable_key_of_the_right_issuer_passes(rig: LineRig, job: Job) -> None:
    check_trust(job, trust_of(IssuerKey(1, rig.folder.key.public_key)), rig.folder.key.public_key, TODAY)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"status": KeyStatus.RETIRED}, "is retired"),
        ({"status": KeyStatus.COMPROMISED}, "is compromised"),
        ({"not_after": TODAY - 1}, "outside its signing period"),
        ({"not_before": TODAY + 1}, "outside its signing period"),
        ({"slot": 2}, "no key in slot 1"),
        ({"public_key": PrivateKey.generate().public_key}, "another key than the job's"),
    ],
)
def test_a_key_that_readers_would_not_accept_is_refused(
    rig: LineRig, job: Job, change: dict[str, object], says: str
) -> None:
    values: dict[str, Any] = {"slot": 1, "public_key": rig.folder.key.public_key, **change}
    key = IssuerKey(**values)
    with pytest.raises(JobError) as caught:
        check_trust(job, trust_of(key), rig.folder.key.public_key, TODAY)
    assert says in caught.value.message
    assert caught.value.facts["errors"] == 3


def test_an_identity_without_an_issuer_is_refused(rig: LineRig, job: Job) -> None:
    trust = trust_of(IssuerKey(1, rig.folder.key.public_key), scope="gcp:9520999")
    with pytest.raises(JobError, match="line 2: the trust data has no issuer"):
        check_trust(job, trust, rig.folder.key.public_key, TODAY)


def test_a_clock_before_the_trust_data_is_refused(rig: LineRig, job: Job) -> None:
    trust = trust_of(IssuerKey(1, rig.folder.key.public_key), issued=TODAY + 1, expires=TODAY + 9)
    with pytest.raises(TrustDataError) as caught:
        check_trust(job, trust, rig.folder.key.public_key, TODAY)
    assert caught.value.code == "clock"


def test_trust_data_past_its_date_does_not_stop_the_line(rig: LineRig, job: Job) -> None:
    trust = trust_of(IssuerKey(1, rig.folder.key.public_key), issued=TODAY - 9, expires=TODAY - 1)
    check_trust(job, trust, rig.folder.key.public_key, TODAY)


def test_tags_are_judged_as_a_reader_in_the_field_would(rig: LineRig) -> None:
    trust = trust_of(IssuerKey(1, rig.folder.key.public_key))
    summary, _ = rig.run(judge=TrustJudge(trust, lambda: NOW))
    assert summary.is_complete


def test_a_tag_that_the_field_would_call_forged_is_not_verified(rig: LineRig) -> None:
    trust = trust_of(IssuerKey(1, PrivateKey.generate().public_key))
    _, told = rig.run(judge=TrustJudge(trust, lambda: NOW))
    assert told.codes == ["signature-false"] * 3
    assert rig.states() == ["written"] * 3


def test_without_trust_data_the_signing_key_judges(rig: LineRig) -> None:
    rig.run()
    with rig.ledger() as ledger:
        first, second, _ = ledger.rows("battery")
    assert first.message is not None
    assert first.chip is not None
    assert second.chip is not None
    rig.judge().judge(first.message, first.chip)
    with pytest.raises(Forged):
        rig.judge().judge(first.message, second.chip)
    with pytest.raises(Forged):
        KeyJudge(PrivateKey.generate().public_key, 1).judge(first.message, first.chip)
    with pytest.raises(Forged, match="another key"):
        KeyJudge(rig.folder.key.public_key, 2).judge(first.message, first.chip)


def test_a_tag_without_a_statement_is_never_good(rig: LineRig) -> None:
    chip = ChipNumber(bytes.fromhex("04a1b2c3d4e580"))
    with pytest.raises(Unsigned):
        rig.judge().judge(bytes.fromhex("d101055504612e6263"), chip)
    with pytest.raises(Unreadable):
        rig.judge().judge(b"\xff\xff", chip)
