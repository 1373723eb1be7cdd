"""Which issuer may sign for which identity: GS1 keys by digits, other URIs by host and path."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpptag.codec import digital_link
from dpptag.codec.epc import decode_epc
from dpptag.errors import LinkError, TrustDataError
from dpptag.trust.issuers import Issuer, IssuerKey
from dpptag.trust.scopes import DidScope, GcpScope, UriScope, gs1_digits, parse_scope, split_uri
from tests.unit.trust.trust_rig import ACME, EPC, URI, issuer, trust


def found(identity: str, *scopes: str) -> str | None:
    """The scope of the issuer that is found, each scope belonging to an issuer of its own."""
    store = trust(*(issuer(scope, (scope,), IssuerKey(1, ACME.public_key)) for scope in scopes))
    digits = gs1_digits(identity)
    owner: Issuer | None = store.issuer_by_uri(identity) if digits is None else store.issuer_by_digits(digits)
    return owner.name if owner else None


# --- scopes as text


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("gcp:9520", GcpScope("9520")),
        ("gcp:0952012345678", GcpScope("0952012345678")),
        ("uri:https://id.example.com/", UriScope("https", "id.example.com", ())),
        ("uri:https://id.example.com/a/b/", UriScope("https", "id.example.com", ("a", "b"))),
    ],
)
def test_a_scope_reads_back_in_its_canonical_form(text: str, scope: GcpScope | UriScope) -> None:
    assert parse_scope(text) == scope
    assert str(scope) == text


@pytest.mark.parametrize("text", ["uri:https://id.example.com", "uri:https://id.example.com/"])
def test_one_scope_has_one_canonical_form(text: str) -> None:
    assert str(parse_scope(text)) == "uri:https://id.example.com/"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gcp:",
        "gcp:952",
        "gcp:" + "9" * 31,
        "gcp:95201a3",
        "gcp: 9520123",
        "gcp:9520123\n",
        "gcp:\u0669\u0665\u0662\u0660",
        "GCP:9520123",
        "9520123",
        "host:id.example.com",
        "uri:",
        "uri:id.example.com",
        "uri:https:///a",
        "uri:https://ID.example.com/",
        "uri:HTTPS://id.example.com/",
        "uri:https://id.example.com:443/",
        "uri:https://user@id.example.com/",
        "uri:https://id.example.com/a/../b/",
        "uri:https://id.example.com/./",
        "uri:https://id.example.com/%2E%2e/",
        "uri:https://id.example.com/a?b",
        "uri:https://id.example.com/a#b",
        "uri:https://id.example.com/a b",
        "uri:https://id.exämple.com/",
        "uri:https://.example.com/",
        "uri:https://id..example.com/",
        "uri:https://id.example.com./",
        "uri:https://-id.example.com/",
        "uri:https://id.example.com\\@evil.org/",
        "uri:https://id.example.com/" + "a" * 512,
    ],
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(TrustDataError) as refusal:
        parse_scope(text)
    assert refusal.value.code == "scope"


# --- GS1 keys by their digits


def gtin_link(digits: str) -> str:
    """A link of 13 digits and their check digit."""
    return f"https://id.example.com/01/{digits}{digital_link.check_digit(digits)}"


def test_the_longest_run_of_digits_wins() -> None:
    scopes = ("gcp:9520", "gcp:9520123", "gcp:952012345")
    assert found(URI, *scopes) == "gcp:952012345"
    assert found(gtin_link("0952012300000"), *scopes) == "gcp:9520123"
    assert found(gtin_link("0952099999999"), *scopes) == "gcp:9520"


def test_the_order_of_scopes_does_not_matter() -> None:
    assert found(URI, "gcp:952012345", "gcp:9520") == found(URI, "gcp:9520", "gcp:952012345")


def test_a_whole_key_is_a_scope_of_its_own() -> None:
    """Single-GTIN licences (GS1 General Specifications): one key, its neighbours another's."""
    scopes = ("gcp:9520123", "gcp:9520123456788")
    assert found(URI, *scopes) == "gcp:9520123456788"
    assert found("https://id.example.com/01/09520123456795/21/12345", *scopes) == "gcp:9520123"


def test_the_indicator_digit_is_no_part_of_the_prefix() -> None:
    assert found("https://id.example.com/01/19520123456785", "gcp:9520123") == "gcp:9520123"
    assert found("https://id.example.com/01/19520123456785", "gcp:1952012") is None


def test_a_gtin_8_is_found_by_the_whole_key() -> None:
    link = gtin_link("0000009520120")
    padded = link[-13:]
    assert gs1_digits(link) == padded
    assert found(link, f"gcp:{padded}") == f"gcp:{padded}"
    assert found(link, "gcp:9520") is None


def test_the_extension_digit_of_an_sscc_is_no_part_of_the_prefix() -> None:
    link = "https://id.example.com/00/39520123456789012" + digital_link.check_digit("39520123456789012")
    assert found(link, "gcp:9520123") == "gcp:9520123"
    assert found(link, "gcp:3952012") is None


def test_the_leading_zero_of_a_grai_is_no_part_of_the_prefix() -> None:
    link = "https://id.example.com/8003/0952012345678" + digital_link.check_digit("0952012345678") + "X1"
    assert found(link, "gcp:9520123") == "gcp:9520123"
    assert found(link, "gcp:0952012") is None


def test_other_keys_count_from_their_start_to_the_first_character() -> None:
    assert gs1_digits("https://id.example.com/8004/9520123ABC456") == "9520123"
    assert found("https://id.example.com/8004/9520123ABC456", "gcp:9520123") == "gcp:9520123"
    assert found("https://id.example.com/8004/9520123ABC456", "gcp:9520123456") is None


def test_an_epc_and_its_link_find_by_the_same_digits() -> None:
    assert decode_epc(EPC).gs1_digits == gs1_digits(URI) == "9520123456788"


@pytest.mark.parametrize("host", ["id.example.com", "evil.org", "id.example.com.evil.org", "localhost:8080"])
def test_a_gs1_key_is_never_found_by_its_host(host: str) -> None:
    link = f"https://{host}/01/09520123456788/21/12345"
    assert found(link, "uri:https://id.example.com/", "uri:https://evil.org/") is None
    assert found(link, "uri:https://evil.org/", "gcp:9520123") == "gcp:9520123"


@pytest.mark.parametrize(
    "link",
    [
        "https://id.example.com/01/09520123456789/21/1",
        "https://id.example.com/01/9520123456788/21/1",
        "https://id.example.com/01/09520123456788/21/1/10/2",
        "https://id.example.com/gtin/09520123456788",
        "https://id.example.com/01/09520123456788/",
    ],
)
def test_a_malformed_gs1_link_is_refused_and_not_looked_up_by_host(link: str) -> None:
    with pytest.raises(LinkError):
        found(link, "uri:https://id.example.com/")


# --- other URIs by host and path

HOST = "uri:https://id.example.com/"
ITEMS = "uri:https://id.example.com/items/"
PHONES = "uri:https://id.example.com/items/phones/"


@pytest.mark.parametrize(
    ("uri", "scope"),
    [
        ("https://id.example.com", HOST),
        ("https://id.example.com/", HOST),
        ("https://id.example.com/x", HOST),
        ("https://id.example.com/items", ITEMS),
        ("https://id.example.com/items/", ITEMS),
        ("https://id.example.com/items/1", ITEMS),
        ("https://id.example.com/items?x=1", ITEMS),
        ("https://id.example.com/items#x", ITEMS),
        ("https://id.example.com/items/phones/1?x=/../#y", PHONES),
        ("https://id.example.com/items/phones", PHONES),
        ("https://id.example.com/items/phone", ITEMS),
        ("https://id.example.com/items/phones2", ITEMS),
        ("https://id.example.com/itemsx/1", HOST),
        ("https://id.example.com/Items/1", HOST),
        ("https://id.example.com/x/items/1", HOST),
    ],
)
def test_the_longest_run_of_whole_path_segments_wins(uri: str, scope: str) -> None:
    assert found(uri, HOST, ITEMS, PHONES) == scope


@pytest.mark.parametrize(
    "uri",
    [
        "https://id.example.com.evil.org/items/1",
        "https://evil.org/id.example.com/items/1",
        "https://evil.org/?https://id.example.com/items/1",
        "https://xid.example.com/items/1",
        "https://example.com/items/1",
        "https://sub.id.example.com/items/1",
        "https://id-example.com/items/1",
        "https://id.example.co/items/1",
        "https://id.example.com./items/1",
        "https://id.example.com:443/items/1",
        "https://id.example.com:8443/items/1",
        "https://id.example.com:/items/1",
        "https://ID.example.com/items/1",
        "https://id.example.COM/items/1",
        "HTTPS://id.example.com/items/1",
        "http://id.example.com/items/1",
        "ftp://id.example.com/items/1",
        "https:/id.example.com/items/1",
        "https:id.example.com/items/1",
        "//id.example.com/items/1",
        "id.example.com/items/1",
        "https://id.example.com/items/../x",
        "https://id.example.com/items/./1",
        "https://id.example.com/items/%2e%2E/x",
        "https://id.example.com/items/.%2e/x",
        "https://id.example.com/..",
        "urn:uuid:5939fbd6-18a7-463a-91fc-3879dc53c534",
        "mailto:info@id.example.com",
        "",
    ],
)
def test_another_host_is_never_taken_for_the_registered_one(uri: str) -> None:
    assert found(uri, HOST, ITEMS) is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://user@id.example.com/items/1",
        "https://id.example.com@evil.org/items/1",
        "https://id.example.com:443@evil.org/items/1",
        "https://id.example.com\\@evil.org/items/1",
        "https://id.example.com/items/a b",
        "https://id.example.com/items/é",
        "https://id.exämple.com/items/1",
        "https://id.example.com/items/1\\..\\x",
    ],
)
def test_odd_uris_are_refused_before_any_issuer_is_looked_up(uri: str) -> None:
    with pytest.raises(LinkError):
        found(uri, HOST)
    assert split_uri(uri) is None


@given(st.text(alphabet="/.%2eE:@?#\\a", max_size=12))
def test_whatever_stands_behind_it_the_host_is_what_a_browser_would_say(tail: str) -> None:
    """RFC 3986 section 3.2: the authority ends at the first slash, question mark or hash."""
    parts = split_uri("https://id.example.com" + tail)
    if parts is not None and parts[1] == "id.example.com":
        assert not tail or tail[0] in "/?#"


# Who owns https://a.example/ must not sign for what somebody else owns below it, in another spelling.
SPELLINGS = [
    "https://a.example//b/1",
    "https://a.example/b//1",
    "https://a.example/%62/1",
    "https://a.example/b%2F1",
    "https://a.example/b%2f1",
    "https://a.example/%7Eb/1",
    "https://a.example/b/%2e%2e/1",
]


@pytest.mark.parametrize("uri", SPELLINGS)
def test_an_equivalent_spelling_of_a_path_has_no_issuer(uri: str) -> None:
    assert split_uri(uri) is None


@pytest.mark.parametrize("uri", ["ftp://a/b%?41", "ftp://a/b%4?1", "ftp://a/b%#41", "ftp://a/b?c%4#1", "ftp://a/b%"])
def test_an_escape_cut_off_by_the_end_of_its_part_has_no_issuer(uri: str) -> None:
    assert split_uri(uri) is None


@given(st.text(alphabet="a%4?#/.:b", max_size=20))
def test_every_percent_sign_of_a_plain_uri_begins_an_escape(text: str) -> None:
    assert split_uri(f"ftp://{text}") is None or re.search(r"%(?![0-9A-Fa-f]{2})", text) is None


def test_an_escape_that_is_needed_is_kept_as_it_is() -> None:
    assert split_uri("https://a.example/b%20c/") == ("https", "a.example", ("b%20c", ""))


# Whatever somebody could take for a key of company 9520123 must not be an ordinary URI of another host.
BROKEN_KEYS = [
    "https://evil.example/8004/9520123ABC/",
    "https://evil.example/8004/9520123ABC/x",
    "https://evil.example/401/9520123ABC/",
    "https://evil.example/8010/9520123ABC/8011/12/",
    "https://evil.example/01/9520123456788/",
    "https://evil.example/01/9520123456788/21/A/",
    "https://evil.example/01/09520123456789/",
    "https://evil.example/01/09520123456789/x",
    "https://evil.example/01/09520123456788%20/x",
    "https://evil.example/01/09520123456788,/21/A/",
    "https://evil.example/00/106141411234567890/",
    "https://evil.example/8018/952012345678901230/x",
    "https://evil.example/%30%31/09520123456788/x",
    "https://evil.example/p?01=09520123456788&21=A",
]


@pytest.mark.parametrize("uri", BROKEN_KEYS)
def test_a_broken_gs1_key_is_never_an_ordinary_uri(uri: str) -> None:
    with pytest.raises(LinkError):
        gs1_digits(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://id.example.com/items/1",
        "https://id.example.com/401/page-2/x",
        "https://id.example.com/a/01/15th/b",
        "https://id.example.com/2024/01/15/report",
        "https://id.example.com/a?page=01&x=1",
    ],
)
def test_an_ordinary_uri_is_one(uri: str) -> None:
    assert gs1_digits(uri) is None


@pytest.mark.parametrize(
    "text",
    [
        "did:web:id.example.com",
        "did:web:id.example.com%3A8443",
        "did:web:id.example.com:issuers:a",
        "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        "did:webvh:QmfGEUAcMpzo25kF2Rhn8L2FAXysfGnkzjwdKoNPi615XQ:example.com",
    ],
)
def test_a_did_is_a_scope_that_stands_for_itself(text: str) -> None:
    assert parse_scope(text) == DidScope(text)
    assert str(parse_scope(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "did:web:",
        "did:web:ID.example.com",
        "did:web:id.example.com:",
        "did:web:id.example.com/a",
        "did:web:id.example.com#key-1",
        "did:web:id.example.com%3Aabc",
        "did:web:id.example.com%2",
        "did:WEB:id.example.com",
        "did::id",
        "did",
    ],
)
def test_what_is_no_plain_did_is_no_scope(text: str) -> None:
    with pytest.raises(TrustDataError):
        parse_scope(text)
