"""dppvalidator 0.5.1, with its own models and copies of the schemas of 0.6.1 and 0.7.0, judges the passports we make.

What it refuses beyond those schemas has a name here and is told exactly, so that a release that changes shows up:

* SAFETY: a hazardous material without a link to its safety information. The standard's text forbids it, its schema does
  not; ``dpptag passport validate --strict`` says the same. No converter can invent the link.
* CAS: a hazardous material must have a CAS number as its name or code: a rule of CIRPASS, not of UNTP.
* STATUS-ID: ``credentialStatus`` without ``id``, which VCDM 2.0 section 4.10 and both schemas leave to the issuer.

It cannot judge 0.6.0: it has no schema of it, says so in a warning and accepts on.
"""

import copy
import json
from typing import Any

import pytest

from dpptag.passport.validation import validate
from tests.needs import peer_package
from tests.peers.ask import ask
from tests.peers.passport_documents import CAS_NUMBER, KINDS, VERSIONS, Credential, from_rows, ours

MATERIALS = {"0.6.1": "materialsProvenance", "0.7.0": "materialProvenance"}


def judged(documents: list[Credential]) -> list[tuple[list[list[str]], list[list[str]]]]:
    peer_package("dppvalidator")
    return [(errors, warnings) for errors, warnings in ask("passport_untp", {"documents": documents})]


def named(version: str, document: Credential) -> list[list[str]]:
    """What it must refuse by the rules above. Its models come first: CAS is looked at where they find nothing."""
    found: list[list[str]] = []
    cas: list[list[str]] = []
    member = MATERIALS[version]
    if "credentialStatus" in document and "id" not in document["credentialStatus"]:
        kind = {"0.6.1": "CredentialStatus", "0.7.0": "BitstringStatusListEntry"}[version]
        found += [["MDL001", f"$.credentialStatus.{kind}.id"], ["MDL014", f"$.credentialStatus.list[{kind}]"]]
    for index, material in enumerate(document["credentialSubject"].get(member, [])):
        place = f"$.credentialSubject.{member}[{index}]"
        if material.get("hazardous") and "materialSafetyInformation" not in material:
            found.append(["MDL002", place])
        elif material.get("hazardous") and material.get("materialType", {}).get("code") != CAS_NUMBER:
            cas.append(["CQ004", place])
    return found or cas


@pytest.mark.parametrize("version", VERSIONS)
def test_it_accepts_what_we_make_but_for_three_rules_by_name(version: str) -> None:
    documents = ours(version)
    answers = judged(list(documents.values()))
    refused = {name: errors for name, (errors, _) in zip(documents, answers, strict=True) if errors}
    assert refused == {name: errors for name, one in documents.items() if (errors := named(version, one))}
    assert not [name for name in refused if name.split()[0] in KINDS], "what passport new makes"
    assert len(documents) - len(refused) >= 12
    for name, (errors, warnings) in zip(documents, answers, strict=True):
        assert "SCH001" not in {code for code, _ in warnings}, f"{name}: it had no schema"
        if any(code == "MDL002" for code, _ in errors):
            assert "safety-information" in {fault.code for fault in validate(documents[name], strict=True)}


def planted(version: str) -> dict[str, Credential]:
    """Made of a row and then spoiled."""
    good = json.loads(from_rows(version)[0])
    found: dict[str, Any] = {
        name: copy.deepcopy(good) for name in ("id", "issuer", "issuer name", "fraction", "name", "time")
    }
    del found["id"]["id"], found["issuer"]["issuer"]
    del found["issuer name"]["issuer"]["name"]
    found["fraction"]["credentialSubject"][MATERIALS[version]][0]["massFraction"] = "38 %"
    subject = found["name"]["credentialSubject"]
    del subject.get("product", subject)["name"]
    found["time"]["validFrom"] = "some day"
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_it_refuses_each_planted_fault_so_that_its_yes_means_something(version: str) -> None:
    documents = planted(version)
    for (name, document), (errors, _) in zip(documents.items(), judged(list(documents.values())), strict=True):
        assert errors, name
        assert any(fault.severity == "error" for fault in validate(document, strict=True)), name


def test_it_has_no_schema_of_0_6_0_and_says_so() -> None:
    ((errors, warnings),) = judged([json.loads(from_rows("0.6.0")[0])])
    assert errors == []
    assert ["SCH001", "$"] in warnings
