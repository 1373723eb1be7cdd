"""What a passport says that a tag must carry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PassportPointer:
    """``digest`` is SHA-256 over the document exactly as issued (docs/tag-format.md section 7), 32 bytes."""

    uri: str
    serial: str | None
    batch: str | None
    product_name: str
    issuer_name: str | None
    granularity: str
    """``item``, ``batch`` or ``model``: as the passport states, or derived from its product id where it does not."""
    digest: bytes
    media_type: str
    """What label 259 of a ``full`` statement says: ``application/vc``, ``application/vc+jwt`` or ``+cose``."""
    untp_version: str
    secured: str = "none"
    """How it claims to be signed, which nobody has checked: ``vc+jwt``, ``vc+cose``, ``proof`` or ``none``."""
