"""From a passport document to the pointer that a tag must carry."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from typing import Final

from dpptag.codec.digital_link import DigitalLink, parse
from dpptag.crypto import sha256
from dpptag.errors import LinkError, PassportError
from dpptag.model.pointer import PassportPointer
from dpptag.passport.document import read_document
from dpptag.passport.untp import UntpProduct, read_product

_MULTIHASH_SHA256: Final = b"\x12\x20"
# RFC 3986: a scheme, a colon, then URI characters only, every % with two hex digits.
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+").fullmatch


def read_passport(data: bytes) -> PassportPointer:
    """The pointer of a UNTP passport of any released version, in JSON or any envelope, exactly as issued.

    A version that states no granularity (0.3.0 to 0.4.0; from 0.4.1 to 0.6.1 it may be left out) has the one that its
    product id names; without a Digital Link, the one that its serial or batch number implies. The passport's own
    signature or proof is not checked; ``PassportPointer.secured`` says which it claims to have.
    Raises PassportError; beside the codes of ``document`` and ``untp``: ``identity`` (the product id is no URI, or
    a wrong GS1 Digital Link, then with fact ``link_code``), ``serial-mismatch``, ``batch-mismatch``,
    ``granularity-mismatch``, ``serial-missing`` (UNTP DPP-01).
    """
    document = read_document(data)
    product = read_product(document.credential)
    link = _digital_link(product.identity)
    serial = _agreed("serial", product.serial, link.serial if link else None)
    batch = _agreed("batch", product.batch, link.batch if link else None)
    granularity = _granularity(product, link, serial, batch)
    if granularity == "item" and serial is None and _carries_serial(link):
        raise PassportError(
            "a passport of one item must give its serial number",
            code="serial-missing",
            action="give it in the passport, or as AI 21 of the product's Digital Link",
            identity=product.identity,
        )
    return PassportPointer(
        uri=product.identity,
        serial=serial,
        batch=batch,
        product_name=product.name,
        issuer_name=product.issuer_name,
        granularity=granularity,
        digest=sha256(data),
        media_type=document.media_type,
        untp_version=product.version,
        secured=document.secured,
    )


def digest_multibase(digest: bytes) -> str:
    """``digestMultibase`` of a SHA-256 digest: multihash in multibase ``u``, 47 characters from ``uEi`` on."""
    return "u" + urlsafe_b64encode(_MULTIHASH_SHA256 + digest).rstrip(b"=").decode("ascii")


def _digital_link(identity: str) -> DigitalLink | None:
    """None for a URI without a GS1 key; a link that has one must be right."""
    if _URI(identity) is None:
        raise PassportError("the product id is no URI", code="identity", identity=identity)
    if not identity.lower().startswith(("http://", "https://")):
        return None
    try:
        return parse(identity)
    except LinkError as exc:
        if exc.code in ("no-key", "no-path"):
            return None
        raise PassportError(
            f"the product id is a wrong GS1 Digital Link: {exc.message}",
            code="identity",
            identity=identity,
            link_code=exc.code,
        ) from exc


def _agreed(what: str, stated: str | None, linked: str | None) -> str | None:
    if stated is not None and linked is not None and stated != linked:
        raise PassportError(
            f"the passport states {what} {stated!r}, its product id says {linked!r}",
            code=f"{what}-mismatch",
            stated=stated,
            linked=linked,
        )
    return linked if stated is None else stated


def _granularity(product: UntpProduct, link: DigitalLink | None, serial: str | None, batch: str | None) -> str:
    """The stated level, which a Digital Link must bear out (DPP-01); derived where the passport states none."""
    if link is None:
        return product.level or ("item" if serial else "batch" if batch else "model")
    if product.level is not None and product.level != link.granularity:
        raise PassportError(
            f"the passport is for one {product.level}, its product id names one {link.granularity}",
            code="granularity-mismatch",
            action="give the product id the qualifier of that level: AI 21 for an item, AI 10 for a batch",
            stated=product.level,
            linked=link.granularity,
        )
    return link.granularity


def _carries_serial(link: DigitalLink | None) -> bool:
    """Whether an item of this kind of identity needs a serial number beside it; a GIAI or SSCC is one itself."""
    return link is None or link.key_ai in ("01", "8006", "8010")
