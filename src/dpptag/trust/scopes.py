"""Scopes: the identities that an issuer may sign for (docs/tag-format.md section 8).

A GS1 key is found by its digits alone, never by its host; any other URI by scheme, host and leading path segments. A
DID is what an issuer calls itself in a credential; it stands for itself alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from dpptag.codec import digital_link
from dpptag.errors import LinkError, TrustDataError

_SCOPE_LIMIT: Final = 512
_GCP_DIGITS: Final = range(4, 31)
_LABEL: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_SCHEME: Final = _LABEL | frozenset("+.")
_UNRESERVED: Final = _LABEL | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ._~")
_PATH: Final = _UNRESERVED | frozenset("!$&'()*+,;=:@/%")  # RFC 3986 section 3.3, and the % of an escape
_QUERY: Final = _PATH | frozenset("?")
_HEX: Final = frozenset("0123456789ABCDEFabcdef")
_DID_METHOD: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_DID_ID: Final = _LABEL | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ._:%")  # DID Core 1.0 section 3.1


class GcpScope(NamedTuple):
    """A run of digits from the company prefix on; up to a whole key, for single-GTIN licences and GTIN-8."""

    digits: str

    def __str__(self) -> str:
        return f"gcp:{self.digits}"


class UriScope(NamedTuple):
    """Scheme, exact host, whole leading path segments."""

    scheme: str
    host: str
    segments: tuple[str, ...]

    def __str__(self) -> str:
        return f"uri:{self.scheme}://{self.host}/" + "".join(f"{segment}/" for segment in self.segments)


class DidScope(NamedTuple):
    """One decentralised identifier, exactly as credentials write it."""

    did: str

    def __str__(self) -> str:
        return self.did


Scope = GcpScope | UriScope | DidScope


def parse_scope(text: str) -> Scope:
    """``gcp:DIGITS``, ``uri:SCHEME://HOST/PATH/`` or a DID. Raises TrustDataError."""
    kind, _, rest = text.partition(":")
    if len(text) <= _SCOPE_LIMIT:
        if kind == "gcp" and len(rest) in _GCP_DIGITS and rest.isascii() and rest.isdigit():
            return GcpScope(rest)
        if kind == "uri":
            parts = split_uri(rest)
            if parts is not None and "?" not in rest and "#" not in rest:
                scheme, host, segments = parts
                return UriScope(scheme, host, tuple(s for s in segments if s))
        if kind == "did" and is_did(text):
            return DidScope(text)
    raise TrustDataError(
        f"not a scope: {text[:80]!r}",
        code="scope",
        action="write gcp:9520123 (4 digits or more), uri:https://id.example.com/path/ (lower-case host, no port), "
        "or the issuer's DID: did:web:id.example.com",
    )


def is_did(text: str) -> bool:
    """A plain DID, without path, query or fragment; of ``did:web`` with a lower-case host (did:web 3.2)."""
    start, method, name = (*text.split(":", 2), "", "")[:3]
    if start != "did" or not method or not _DID_METHOD.issuperset(method) or not name or name[-1] == ":":
        return False
    if not _DID_ID.issuperset(name) or not all(len(o) == 2 and _HEX.issuperset(o) for o in _escapes(name)):
        return False
    if method != "web":
        return True
    host, _, port = name.split(":")[0].partition("%3A")
    return all(_is_label(label) for label in host.split(".")) and (not port or port.isdigit())


def split_uri(uri: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Scheme, host and path segments of a plain URI; None for user info, a port, dot segments or odd characters."""
    scheme, separator, rest = uri.partition("://")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    host, _, path = rest.partition("/")
    if (
        not separator
        or not "a" <= scheme[:1] <= "z"
        or not _SCHEME.issuperset(scheme)
        or not all(_is_label(label) for label in host.split("."))
        or not _PATH.issuperset(path)
        or not (_QUERY.issuperset(query) and _QUERY.issuperset(fragment))
        or not all(
            len(octet) == 2 and _HEX.issuperset(octet) for part in (path, query, fragment) for octet in _escapes(part)
        )
    ):
        return None
    segments = tuple(path.split("/"))
    # Whatever servers take for another path than it looks like: dot segments, empty segments, and escapes of characters
    # that need none (RFC 3986 section 6.2.2.2) or of the slash.
    if any(segment in (".", "..") for segment in segments) or "" in segments[:-1]:
        return None
    if any(chr(int(octet, 16)) in _UNRESERVED or octet in ("2F", "2f") for octet in _escapes(path)):
        return None
    return scheme, host, segments


def _is_label(label: str) -> bool:
    return label != "" and label[0] != "-" != label[-1] and _LABEL.issuperset(label)


def _escapes(text: str) -> list[str]:
    """The two characters behind each percent sign."""
    return [part[:2] for part in text.split("%")[1:]]


_NO_GS1_KEY: Final = frozenset(("no-key", "no-path", "scheme"))


def gs1_digits(uri: str) -> str | None:
    """The digits of a Digital Link that issuers are found by; None for a URI that holds no GS1 key.

    Raises LinkError for a malformed Digital Link: a GS1 key must never be looked up by the host it stands under.
    """
    try:
        return digital_link.gs1_digits(uri)
    except LinkError as exc:
        if exc.code in _NO_GS1_KEY:
            return None
        raise
