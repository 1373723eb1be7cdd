"""What a PN531 gives as NFCID holds the cascade tags; no simulator stands for it, so its rule is tried alone."""

import pytest

from dpptag.devices.nfcpy.pn53x_port import uid_without_cascade_tags


@pytest.mark.parametrize(
    ("nfcid", "uid"),
    [
        ("01020304", "01020304"),
        ("8804A1B2C3D4E5F6", "04A1B2C3D4E5F6"),
        ("880102038804050607080910", "01020304050607080910"),
    ],
)
def test_cascade_tags_are_no_part_of_the_uid(nfcid: str, uid: str) -> None:
    assert uid_without_cascade_tags(bytes.fromhex(nfcid)) == bytes.fromhex(uid)
