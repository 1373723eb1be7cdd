"""Every refusal has its own code (GS1 Digital Link: URI Syntax and the rules of the syntax dictionary)."""

import pytest

from dpptag.codec import digital_link
from dpptag.codec.digital_link import MAX_URI, build, check_digit, parse
from dpptag.codec.gs1_ai import check_companions
from dpptag.errors import LinkError

G = "01/09520123456788"

REFUSED = [
    # scheme and host
    ("ftp://a/" + G, "scheme"),
    ("urn:epc:id:sgtin:9520123.045678.12345", "scheme"),
    ("", "scheme"),
    ("HtTpS://a/" + G, "scheme-case"),
    ("https:///" + G, "no-host"),
    ("https://:443/" + G, "no-host"),
    ("https://a", "no-path"),
    ("https://a?01=09520123456788", "no-path"),
    ("https://user@a/" + G, "userinfo"),
    ("https://user:word@a/" + G, "userinfo"),
    ("https://$a/" + G, "host-characters"),
    ("https://a_b/" + G, "host-characters"),
    ("https://[fe80::1%25lo]/" + G, "host-characters"),
    # characters
    *[(f"https://a/{G}/21/x{char}y", "illegal-character") for char in '"<>{}\\^`| \n\x00'],
    ("https://bücher.example/" + G, "non-ascii"),
    ("https://a/" + G + "/21/é", "non-ascii"),
    ("https://a/" + G + "/21/١", "non-ascii"),
    ("https://a/" + G + "/21/a%2", "percent-escape"),
    ("https://a/" + G + "?utm=100%", "percent-escape"),
    ("https://a/" + G + "/21/a%00b", "nul"),
    ("https://a/" + G + "?99=%00", "nul"),
    ("https://a/" + G + "/21/a%20b", "characters"),
    ("https://a/" + G + "/21/%C3%A9", "characters"),
    ("https://a/" + G + "/21/a%23b", "characters"),
    ("https://a/" + G + "/21/a~b", "characters"),
    ("https://a/" + G + "/21/a@b", "characters"),
    ("https://a/" + G + "?99=a+b", "characters"),
    ("https://a/01/0952012345678x", "characters"),
    ("https://a/8010/9520a", "characters"),
    # no key, and what only looks like none
    ("https://a/", "no-key"),
    ("https://a/passports/4711", "no-key"),
    ("https://a/2024/01/15/", "trailing-slash"),
    ("https://a/21/12345", "no-key"),
    ("https://a/b?01=09520123456788", "misplaced-key"),
    ("https://00/095201234567891235", "no-key"),
    ("https://a/" + G + "/", "trailing-slash"),
    ("https://a/" + G + "/passport", "misplaced-key"),
    ("https://a/" + G + "/21/ab/cd", "misplaced-key"),
    ("https://a/%30%31/09520123456788", "misplaced-key"),
    ("https://a/" + G + "/%32%31/x", "misplaced-key"),
    ("https://a/8003/09520123456788/x", "misplaced-key"),
    ("https://a/8013/1987654Ad4X4bL5ttr2310c2K/x", "misplaced-key"),
    ("https://a/gtin/09520123456788", "convenience-name"),
    ("https://a/GTIN/09520123456788/ser/1", "convenience-name"),
    ("https://a/sscc/095201234567891235", "convenience-name"),
    ("https://a/giai/9520abc", "convenience-name"),
    ("https://a/03/09520123456788", "ai-03"),
    ("https://a/03/09520123456788/21/1", "ai-03"),
    ("https://id.gs1.org/DAlCRVZJeLSbAwSbeFJWIu", "compressed-form"),
    # values and their place
    ("https://a/" + G + "/21/", "empty-value"),
    ("https://a/01/", "empty-value"),
    ("https://a/" + G + "?17=", "empty-value"),
    ("https://a/" + G + "/21/1/10/2", "qualifier-order"),
    ("https://a/" + G + "/10/1/22/2", "qualifier-order"),
    ("https://a/" + G + "/235/1/21/2", "qualifier-combination"),
    ("https://a/" + G + "/22/1/235/2", "qualifier-combination"),
    ("https://a/" + G + "/17/271231", "qualifier-combination"),
    ("https://a/00/095201234567891235/21/1", "qualifier-combination"),
    ("https://a/" + G + "/21/1/21/1", "duplicate-ai"),
    ("https://a/01/9520123456788", "gtin-short"),
    ("https://a/01/95201234567", "length"),
    ("https://a/01/095201234567880", "length"),
    ("https://a/" + G + "/21/" + "1" * 21, "length"),
    ("https://a/2024/01/15", "length"),
    ("https://a/01/09520123456789", "check-digit"),
    ("https://a/414/9520123456787", "check-digit"),
    ("https://a/8013/1987654Ad4X4bL5ttr2310cXK", "check-characters"),
    ("https://a/8004/A12345", "company-prefix"),
    ("https://a/8003/19520123456788", "content"),
    ("https://a/8006/095201234567880201", "content"),
    ("https://a/8010/9520X/8011/01", "content"),
    # query
    ("https://a/" + G + "?10=1", "belongs-in-path"),
    ("https://a/" + G + "?21=1", "belongs-in-path"),
    ("https://a/" + G + "/21/1?22=1", "belongs-in-path"),
    ("https://a/" + G + "?99=A&99=A", "duplicate-ai"),
    ("https://a/" + G + "?01=09520123456788", "duplicate-ai"),
    ("https://a/" + G + "?89=1", "unknown-ai"),
    ("https://a/" + G + "?12345=1", "unknown-ai"),
    ("https://a/" + G + "?7040=1ABC", "not-attribute"),
    ("https://a/" + G + "/21/1?8040=123456789012345", "not-attribute"),
    ("https://a/" + G + "?8200=http", "not-attribute"),
    ("https://a/" + G + "?37=1", "excluded-ai"),
    ("https://a/" + G + "?3100=000001&3101=000001", "excluded-ai"),
    ("https://a/" + G + "?12=271231", "missing-companion"),
    ("https://a/415/9520123456788", "missing-companion"),
    # The dictionary lets 22 follow 8006 in a path and yet requires 01 beside 22: its rules are applied as they are.
    ("https://a/8006/095201234567880102/22/A", "missing-companion"),
    ("https://a/" + G + "?250=1", "missing-companion"),
    ("https://a/253/9520123456788?8030=abc", "missing-companion"),
    ("https://a/" + G + "?423=1234", "length"),
    ("https://a/" + G + "?17=271331", "date"),
    ("https://a/" + G + "?11=270230", "date"),
    ("https://a/" + G + "?7006=270200", "date"),
    ("https://a/" + G + "?7003=2702012460", "time"),
]


@pytest.mark.parametrize(("uri", "code"), REFUSED)
def test_the_link_is_refused_with_its_code(uri: str, code: str) -> None:
    with pytest.raises(LinkError) as refused:
        parse(uri)
    assert refused.value.code == code


def test_the_longest_uri_is_read_and_one_character_more_is_refused() -> None:
    longest = "https://a/" + "s" * (MAX_URI - len("https://a//" + G)) + "/" + G
    assert len(longest) == MAX_URI
    assert parse(longest).key_ai == "01"
    with pytest.raises(LinkError) as refused:
        parse(longest.replace("/s", "/ss"))
    assert refused.value.code == "too-long"


def test_a_compressed_link_elsewhere_than_at_the_gs1_resolver_is_any_uri() -> None:
    # Nothing tells its base64url from a slug: only id.gs1.org has nothing but GS1 keys.
    with pytest.raises(LinkError) as refused:
        parse("https://example.com/DAlCRVZJeLSbAwSbeFJWIu")
    assert refused.value.code == "no-key"


def test_build_refuses_what_does_not_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    other = parse("https://a/01/09520123456788/21/2")
    monkeypatch.setattr(digital_link, "parse", lambda _uri: other)
    with pytest.raises(LinkError) as refused:
        build("a", {"01": "09520123456788", "21": "1"})
    assert refused.value.code == "readback"


def test_companions_of_an_unknown_ai_are_refused() -> None:
    with pytest.raises(LinkError) as refused:
        check_companions({"89": "1"})
    assert refused.value.code == "unknown-ai"


def test_the_check_digit_of_no_digits_is_refused() -> None:
    with pytest.raises(LinkError):
        check_digit("12x")


def test_a_short_gtin_is_refused_with_the_padded_one_as_the_way_out() -> None:
    with pytest.raises(LinkError) as refused:
        parse("https://a/01/9520123456788")
    assert "09520123456788" in str(refused.value.action)


@pytest.mark.parametrize(
    ("host", "ais", "code"),
    [
        ("http://a", {"01": "09520123456788"}, "scheme"),
        ("", {"01": "09520123456788"}, "no-host"),
        ("a_b", {"01": "09520123456788"}, "host-characters"),
        ("a.", {"01": "09520123456788"}, "host-characters"),
        ("user@a", {"01": "09520123456788"}, "host-characters"),
        ("bücher.example", {"01": "09520123456788"}, "non-ascii"),
        ("a/b c", {"01": "09520123456788"}, "stem"),
        ("a/../b", {"01": "09520123456788"}, "stem"),
        ("a//b", {"01": "09520123456788"}, "stem"),
        ("a/b?x=", {"01": "09520123456788"}, "stem"),
        ("a", {"21": "1"}, "no-key"),
        ("a", {}, "no-key"),
        ("a", {"gtin": "09520123456788"}, "unknown-ai"),
        ("a", {"01": "9520123456788"}, "gtin-short"),
        ("a", {"01": "09520123456789"}, "check-digit"),
        ("a", {"01": "09520123456788", "21": ""}, "empty-value"),
        ("a", {"01": "09520123456788", "21": "é"}, "characters"),
        ("a", {"01": "09520123456788", "21": "a b"}, "characters"),
        ("a", {"01": "09520123456788", "21": ".."}, "dot-segment"),
        ("a", {"01": "09520123456788", "235": "1", "21": "2"}, "not-attribute"),
        ("a", {"01": "09520123456788", "21": "1" * 21}, "length"),
        ("a/" + "s" * MAX_URI, {"01": "09520123456788"}, "too-long"),
    ],
)
def test_a_link_that_would_be_wrong_is_not_written(host: str, ais: dict[str, str], code: str) -> None:
    with pytest.raises(LinkError) as refused:
        build(host, ais)
    assert refused.value.code == code
