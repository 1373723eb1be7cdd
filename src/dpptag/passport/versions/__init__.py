"""The released versions of the UNTP Digital Product Passport, and which one a document is.

The version is what ``@context[1]`` says and nothing else: the shapes of neighbouring versions overlap. The one
exception is 0.3.0, which describes a bare product without envelope or context, so that only its shape can tell;
``recognised_by`` says so. A context that is not in the table is never taken for its nearest neighbour.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final

from dpptag.errors import PassportError
from dpptag.passport.document import JsonObject

VCDM_2: Final = "https://www.w3.org/ns/credentials/v2"
PASSPORT_TYPE: Final = "DigitalProductPassport"


@unique
class Version(StrEnum):
    V0_3_0 = "0.3.0"
    V0_3_10 = "0.3.10"
    V0_4_0 = "0.4.0"
    V0_4_1 = "0.4.1"
    V0_4_2 = "0.4.2"
    V0_5_0 = "0.5.0"
    V0_6_0 = "0.6.0"
    V0_6_1 = "0.6.1"
    V0_7_0 = "0.7.0"


_VOCABULARY: Final = "https://test.uncefact.org/vocabulary/untp/"
SHARED_CONTEXT: Final = "https://vocabulary.uncefact.org/untp/0.7.0/context/"
"""From 0.7.0 on one context serves every kind of UNTP credential."""

CONTEXTS: Final[dict[Version, str]] = {
    **{
        version: f"{_VOCABULARY}dpp/{version}/"
        for version in Version
        if version not in (Version.V0_3_0, Version.V0_7_0)
    },
    Version.V0_7_0: SHARED_CONTEXT,
}
_VERSION_OF: Final = {context: version for version, context in CONTEXTS.items()}
_OTHER_KINDS: Final = {
    "dte": "Digital Traceability Event",
    "dia": "Digital Identity Anchor",
    "dcc": "Digital Conformity Credential",
    "dfr": "Digital Facility Record",
}
# Member names of a product that no later version has.
_ONLY_IN_0_3_0: Final = frozenset(
    {
        "productName",
        "idValue",
        "idSchemeName",
        "producedBy",
        "manufacturedAt",
        "conformityInformation",
        "circularityInformation",
    }
)


def recognise(credential: JsonObject) -> Version:
    """The version of a passport. Raises PassportError.

    Codes: ``unknown-version`` (no context of a released version), ``not-a-passport`` (another kind of UNTP
    credential), ``enveloped`` (an EnvelopedVerifiableCredential, whose ``data:`` URL holds the passport).
    """
    kinds = _strings(credential.get("type"))
    if "EnvelopedVerifiableCredential" in kinds:
        raise PassportError(
            "this is an envelope round a credential, not the credential itself",
            code="enveloped",
            action="give the credential that its data: URL holds",
        )
    if "@context" not in credential:
        if "credentialSubject" not in credential and not _ONLY_IN_0_3_0.isdisjoint(credential):
            return Version.V0_3_0
        raise _unknown("the document has no @context, so no UNTP version can be told", None)
    contexts = credential["@context"]
    second = contexts[1] if isinstance(contexts, list) and len(contexts) > 1 else None
    if not isinstance(second, str):
        raise _unknown("no UNTP context stands second in @context", contexts)
    version = _VERSION_OF.get(second)
    if version is None:
        kind = _other_kind(second)
        if kind is not None:
            raise _not_a_passport(kind, second)
        raise _unknown(f"no released UNTP version has the context {second[:200]!r}", second)
    if version is Version.V0_7_0 and "type" in credential and PASSPORT_TYPE not in kinds:
        others = sorted(kinds - {"VerifiableCredential"})
        raise _not_a_passport(others[0] if others else "credential of no stated kind", second)
    return version


def recognised_by(version: Version) -> str:
    """``context`` or ``shape``: how sure ``recognise`` is."""
    return "context" if version in CONTEXTS else "shape"


def _strings(value: object) -> set[str]:
    if isinstance(value, str):
        return {value}
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()


def _other_kind(context: str) -> str | None:
    if not context.startswith(_VOCABULARY):
        return None
    return _OTHER_KINDS.get(context.removeprefix(_VOCABULARY).partition("/")[0])


def _unknown(message: str, found: object) -> PassportError:
    return PassportError(
        message,
        code="unknown-version",
        action=f"have the passport issued as a released UNTP version, {Version.V0_6_0} to {Version.V0_7_0} if possible",
        found=str(found)[:200],
    )


def _not_a_passport(kind: str, context: str) -> PassportError:
    return PassportError(
        f"a UNTP credential, but no product passport: {kind[:80]}", code="not-a-passport", found=context[:200]
    )
