"""Software that is not ours judges our statements and makes some for us: python-cwt, pycose, fido2, ndeflib."""

from pathlib import Path
from typing import Any

import ndef
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dpptag.codec import cbor, cose
from dpptag.codec import statement as codec
from dpptag.crypto import PrivateKey, parse_public_pem, sha256
from tests.peers.ask import ask
from tests.peers.statement_rig import DAY, OTHER_UID, UID, URI, Rig, Signed

LIBRARIES = ("cwt", "pycose", "fido2")
DAY_NUMBER = 20778
ES256, EDDSA, ESP256, ED25519 = -7, -8, -9, -19


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(tmp_path_factory.mktemp("rig"))


@pytest.fixture(scope="module")
def signed(rig: Rig) -> list[Signed]:
    return list(rig.all_signed())


def changed(item: Signed, *, part: str) -> bytes:
    """The message with one bit of its protected key id, or of its payload's last byte, the other way."""
    sign1 = cose.parse_sign1(item.cose_sign1)
    assert sign1.payload is not None
    if part == "payload":
        payload = sign1.payload[:-1] + bytes((sign1.payload[-1] ^ 1,))
        return cose.assemble(sign1.protected, payload, sign1.signature, tagged=True)
    kid = sign1.protected_header[4]
    assert isinstance(kid, bytes)
    protected = cbor.encode({**sign1.protected_header, 4: kid[:-1] + bytes((kid[-1] ^ 1,))})
    return cose.assemble(protected, sign1.payload, sign1.signature, tagged=True)


def questions(item: Signed) -> dict[str, dict[str, str]]:
    """One statement five times: as it is, for another chip, for another identity, and changed in two places."""
    marks = bytes.fromhex("3066c4409047e140075bcd15") if item.name.startswith("UHF") else b"/12345"
    assert item.external_aad.count(marks) == 1
    other_identity = item.external_aad.replace(marks, marks[:-1] + bytes((marks[-1] ^ 1,)))

    def job(message: bytes = item.cose_sign1, aad: bytes = item.external_aad) -> dict[str, str]:
        return {"cose_sign1": message.hex(), "external_aad": aad.hex(), "key": item.key}

    return {
        "as signed": job(),
        "another chip": job(aad=item.other_chip_aad),
        "another identity": job(aad=other_identity),
        "payload changed": job(changed(item, part="payload")),
        "key id changed": job(changed(item, part="protected")),
    }


def test_every_level_and_width_is_signed_and_genuine(signed: list[Signed]) -> None:
    assert [item.name for item in signed] == [
        *("NFC minimal 0", "NFC minimal 16", "NFC compact 0", "NFC compact 16", "NFC compact 32", "NFC full 32"),
        *("UHF bare 0", "UHF minimal 0", "UHF minimal 16", "UHF compact 0", "UHF compact 16", "UHF compact 32"),
        "UHF full 32",
    ]
    assert {item.verdict for item in signed} == {"genuine"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_foreign_library_accepts_the_right_chip_and_refuses_all_else(library: str, signed: list[Signed]) -> None:
    """13 statements x (1 accepted + 4 refused) in one process and one function of the library's script."""
    asked = [(item.name, case, job) for item in signed for case, job in questions(item).items()]
    answers = ask(library, {"verify": [job for _, _, job in asked]})
    told = {(name, case): answer for (name, case, _), answer in zip(asked, answers, strict=True)}
    refusal = {"cwt": "refused: VerifyError", "pycose": "refused: False", "fido2": "refused: InvalidSignature"}[library]
    assert told == {(name, case): "accepted" if case == "as signed" else refusal for name, case in told}, (
        "one statement is judged otherwise"
    )
    assert (answers.count("accepted"), answers.count(refusal)) == (13, 52)


def test_ndeflib_reads_the_same_records(signed: list[Signed]) -> None:
    messages = [item for item in signed if item.name.startswith("NFC")]
    assert len(messages) == 6
    for item in messages:
        first, second = ndef.message_decoder(item.content, errors="strict")
        assert isinstance(first, ndef.UriRecord)
        assert (first.type, first.uri) == ("urn:nfc:wkt:U", URI)
        full = "full" in item.name
        assert second.type == ("application/cose" if full else "unknown")
        statement = codec.parse_statement(second.data)
        assert codec.encode_statement(statement) == second.data
        assert codec.export_cose_sign1(statement) == item.cose_sign1
        if full:
            assert second.data == item.cose_sign1


def test_ndeflib_writes_the_same_bytes(signed: list[Signed]) -> None:
    for item in signed:
        if item.name.startswith("NFC"):
            records = list(ndef.message_decoder(item.content, errors="strict"))
            assert b"".join(ndef.message_encoder(records)) == item.content


def test_the_exported_key_and_external_aad_are_those_of_the_carrier(rig: Rig, signed: list[Signed]) -> None:
    public = (rig.folder / "issuer.pub").read_text()
    assert {item.key for item in signed} == {public}
    for item in signed:
        decoded: Any = cbor.decode(item.external_aad)
        domain, identity, chip = decoded
        assert domain == "dpptag/1"
        if item.name.startswith("NFC"):
            assert (identity, chip) == (URI, bytes.fromhex(UID))
        else:
            assert (identity, chip) == (
                bytes.fromhex("3066c4409047e140075bcd15"),
                bytes.fromhex("e280689020000123456789ab"),
            )


def foreign_jobs(folder: Path, document: bytes) -> dict[tuple[str, int], dict[str, Any]]:
    """Compact and full statements that an encoder which is not ours is asked for: (level, algorithm) -> job."""
    aad = cbor.encode(["dpptag/1", URI, bytes.fromhex(UID)]).hex()
    jobs = {}
    for algorithm in (ES256, EDDSA, ESP256, ED25519):
        slot, name = (1, "issuer") if algorithm in (ES256, ESP256) else (2, "edwards")
        hint = parse_public_pem((folder / f"{name}.pub").read_bytes()).thumbprint()[:8].hex()
        beside = {"external_aad": aad, "key": (folder / f"{name}.key").read_text(), "alg": algorithm}
        jobs["compact", algorithm] = {
            "protected": [[1, algorithm], [4, {"hex": f"{slot:02x}"}]],
            "payload": cbor.encode([DAY_NUMBER, sha256(document)]).hex(),
            **beside,
        }
        envelope = [[258, -16], [259, "application/vc"], [260, URI]]
        jobs["full", algorithm] = {
            "protected": [[1, algorithm], [4, {"hex": hint}], [15, [[6, DAY_NUMBER * 86400 + 7]]], *envelope],
            "payload": sha256(document).hex(),
            **beside,
        }
    return jobs


@pytest.fixture(scope="module")
def two_keys(rig: Rig) -> Rig:
    """The rig with an Ed25519 key in slot 2, made by ``cryptography``: dpptag makes none."""
    key = Ed25519PrivateKey.generate()
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    (rig.folder / "edwards.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none))
    (rig.folder / "edwards.pub").write_bytes(
        key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    rig.run(
        *("trust", "add-issuer", "--dir", rig.folder / "trust", "--name", "Example", "--scope", "gcp:9520123"),
        *("--key", rig.folder / "edwards.pub", "--slot", "2"),
    )
    rig.run("trust", "sign", "--dir", rig.folder / "trust", "--expires", "2149-06-06")
    return rig


@pytest.mark.parametrize(
    ("library", "algorithms"), [("cwt", (ES256, EDDSA, ESP256, ED25519)), ("pycose", (ES256, EDDSA))]
)
def test_a_statement_from_a_foreign_encoder_is_accepted_for_its_chip_alone(
    library: str, algorithms: tuple[int, ...], two_keys: Rig
) -> None:
    """Headers, Sig_structure and message are the library's own, the NDEF message is ndeflib's."""
    jobs = {key: job for key, job in foreign_jobs(two_keys.folder, two_keys.passport.read_bytes()).items()
            if key[1] in algorithms}  # fmt: skip
    verdicts = []
    for (level, algorithm), answer in zip(jobs, ask(library, {"sign": list(jobs.values())}), strict=True):
        tagged = bytes.fromhex(answer)
        assert tagged[0] == cose.TAG_SIGN1
        kind, stored = ("application/cose", tagged) if level == "full" else ("unknown", tagged[1:])
        message = b"".join(ndef.message_encoder([ndef.UriRecord(URI), ndef.Record(kind, "", stored)]))
        file = two_keys.folder / f"{library}-{level}{algorithm}"
        file.write_bytes(message)
        right = two_keys.verify(("--ndef", file, "--passport", two_keys.passport), UID)
        other = two_keys.verify(("--ndef", file), OTHER_UID, accept=(5,))
        assert (right["level"], right["day"], right["passport"]) == (level, DAY, "match")
        assert (right["issuer"]["name"], right["issuer"]["slot"]) == (
            "Example",
            1 if algorithm in (ES256, ESP256) else 2,
        )
        assert bytes.fromhex(right["export"]["cose_sign1"]) == tagged
        verdicts += [right["verdict"], other["verdict"]]
    assert verdicts == ["genuine", "forged"] * 2 * len(algorithms)


def test_pycose_lacks_the_fully_specified_algorithms(two_keys: Rig) -> None:
    """Why -9 and -19 are not asked of pycose: said by pycose itself, so that a newer release shows up here."""
    jobs = foreign_jobs(two_keys.folder, b"")
    for algorithm in (ESP256, ED25519):
        with pytest.raises(AssertionError, match="Unknown COSE attribute"):
            ask("pycose", {"sign": [jobs["compact", algorithm]]})


@pytest.mark.parametrize("library", LIBRARIES)
def test_another_key_of_the_same_kind_is_refused(library: str, signed: list[Signed]) -> None:
    other = PrivateKey.generate().public_key.pem()
    jobs = [{**questions(item)["as signed"], "key": other} for item in signed]
    answers = ask(library, {"verify": jobs})
    assert [answer.partition(":")[0] for answer in answers] == ["refused"] * 13
