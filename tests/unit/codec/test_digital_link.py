import subprocess
import sys

import pytest

from dpptag.codec.digital_link import build, check_digit, gtin14, parse
from dpptag.errors import LinkError

GTIN = "09520123456788"


def test_an_item_link_gives_key_qualifiers_and_host() -> None:
    link = parse("https://id.example.com/01/09520123456788/10/6789/21/12345")
    assert (link.key_ai, link.key_value) == ("01", GTIN)
    assert link.qualifiers == (("10", "6789"), ("21", "12345"))
    assert (link.host, link.stem, link.attributes) == ("id.example.com", "", ())
    assert (link.serial, link.batch, link.granularity) == ("12345", "6789", "item")


def test_the_key_is_found_from_the_right() -> None:
    link = parse("https://a/00/faux/dpp/01/09520123456788/21/1")
    assert (link.key_ai, link.stem) == ("01", "/00/faux/dpp")


def test_ais_keep_the_order_key_qualifiers_attributes() -> None:
    link = parse("https://a/01/09520123456788/21/1?99=A&17=271231&98=B")
    assert list(link.ais.items()) == [("01", GTIN), ("21", "1"), ("99", "A"), ("17", "271231"), ("98", "B")]


def test_canonical_puts_attributes_of_predefined_length_first() -> None:
    link = parse("https://a:8443/s/01/09520123456788?99=A&17=271231&98=B&linkType=gs1:dpp#x")
    assert link.canonical == "https://id.gs1.org/01/09520123456788?17=271231&99=A&98=B"


@pytest.mark.parametrize(
    ("raw", "serial", "canonical"),
    [
        ("ab%2Fcd", "ab/cd", "ab%2Fcd"),
        ("ab%2fcd", "ab/cd", "ab%2Fcd"),
        ("a+b", "a+b", "a%2Bb"),
        ("1;17=271231", "1;17=271231", "1%3B17%3D271231"),
        ("a!b'()*,:;=", "a!b'()*,:;=", "a%21b%27%28%29%2A%2C%3A%3B%3D"),
        ("%2525", "%25", "%2525"),
        ("a-b.c_d", "a-b.c_d", "a-b.c_d"),
        ("%41", "A", "A"),
    ],
)
def test_a_value_is_decoded_once_and_encoded_canonically(raw: str, serial: str, canonical: str) -> None:
    link = parse(f"https://a/01/{GTIN}/21/{raw}")
    assert link.serial == serial
    assert link.canonical == f"https://id.gs1.org/01/{GTIN}/21/{canonical}"


@pytest.mark.parametrize(
    "rest", ["?linkType=gs1:dpp", "?17", "?=1", "?utm_source=x&&y", "#frag", "?#x?17=1", "?99=a%2Bb", "?17=270200"]
)
def test_other_parameters_fragments_and_day_00_are_no_error(rest: str) -> None:
    assert parse(f"https://a/01/{GTIN}{rest}").key_value == GTIN


@pytest.mark.parametrize(
    "path",
    [
        "00/095201234567891235",
        "01/09520123456788/22/A/10/B/21/C",
        "01/09520123456788/235/T",
        "253/9520123456788doc1",
        "255/9520123456788123",
        "401/9520X",
        "402/95201234567891235",
        "414/9520123456788/254/X",
        "414/9520123456788/7040/1ABC",
        "415/9520123456788/8020/ref",
        "417/9520123456788/7040/1ABC",
        "8003/09520123456788abc",
        "8004/9520a/7040/1ABC",
        "8006/095201234567880102/10/B/21/C",
        "8010/9520-A/8011/12",
        "8013/1987654Ad4X4bL5ttr2310c2K",
        "8017/952012345678912352/8019/1",
        "8018/952012345678912352/8019/1",
    ],
)
def test_every_key_is_read_with_its_qualifiers(path: str) -> None:
    assert parse(f"https://a/{path}").canonical == f"https://id.gs1.org/{path}"


@pytest.mark.parametrize(
    ("path", "digits"),
    [
        ("01/09520123456788/21/99", "9520123456788"),
        ("00/095201234567891235", "95201234567891235"),
        ("8006/095201234567880102", "9520123456788"),
        ("8003/09520123456788abc", "9520123456788"),
        ("8004/95201A234", "95201"),
        ("253/9520123456788d1", "9520123456788"),
        ("414/9520123456788", "9520123456788"),
    ],
)
def test_issuer_digits_are_counted_from_the_company_prefix(path: str, digits: str) -> None:
    assert parse(f"https://a/{path}").gs1_digits == digits


@pytest.mark.parametrize(
    ("path", "granularity"),
    [
        ("01/09520123456788", "model"),
        ("01/09520123456788/22/V", "model"),
        ("01/09520123456788/10/L", "batch"),
        ("01/09520123456788/10/L/21/S", "item"),
        ("01/09520123456788/235/T", "item"),
        ("8004/9520A", "item"),
        ("414/9520123456788", "item"),
        ("8003/09520123456788", "model"),
        ("8003/09520123456788abc", "item"),
        ("253/9520123456788", "model"),
        ("253/9520123456788a", "item"),
        ("8010/9520A", "model"),
        ("8010/9520A/8011/1", "item"),
        ("8013/1987654Ad4X4bL5ttr2310c2K", "model"),
    ],
)
def test_granularity(path: str, granularity: str) -> None:
    assert parse(f"https://a/{path}").granularity == granularity


def test_build_writes_a_lower_case_host_a_stem_and_qualifiers_in_table_order() -> None:
    uri = build("https://ID.Example.com/dpp/", {"21": "a/b+c", "01": GTIN, "10": "L", "98": "x!y"})
    assert uri == f"https://id.example.com/dpp/01/{GTIN}/10/L/21/a%2Fb%2Bc?98=x%21y"


def test_a_signature_attribute_stands_with_a_serialised_key() -> None:
    assert parse("https://a/253/9520123456788d1?8030=abc").ais["8030"] == "abc"


def test_a_companion_pattern_stands_for_any_digit() -> None:
    assert parse(f"https://a/01/{GTIN}?3920=100&3103=000500").ais["3920"] == "100"


def test_build_takes_the_first_key_as_the_key() -> None:
    assert build("a", {"8004": "9520A", "01": "09521234543213"}) == "https://a/8004/9520A?01=09521234543213"


@pytest.mark.parametrize(
    ("text", "padded"),
    [
        ("95200002", "00000095200002"),
        ("416000336108", "00416000336108"),
        ("9520123456788", "09520123456788"),
        ("09520123456788", "09520123456788"),
    ],
)
def test_gtin14_pads_with_zeros(text: str, padded: str) -> None:
    assert gtin14(text) == padded


@pytest.mark.parametrize(
    ("text", "code"),
    [("9520123456789", "check-digit"), ("952012345", "length"), ("", "characters"), ("٩٥٢٠٠٠٠٢", "characters")],
)
def test_gtin14_refuses_what_is_no_gtin(text: str, code: str) -> None:
    with pytest.raises(LinkError) as refused:
        gtin14(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "number", ["09520123456788", "09521234543213", "09520123400019", "9520123456788", "095201234567891235", "95200002"]
)
def test_check_digit_of_known_keys(number: str) -> None:
    assert check_digit(number[:-1]) == number[-1]


def test_a_common_link_is_read_without_the_ai_table() -> None:
    code = (
        "import sys; from dpptag.codec.digital_link import parse;"
        "parse('https://id.example.com/01/09520123456788/21/1');"
        "sys.exit(any(m in sys.modules for m in ('dpptag.codec.gs1_table', 'urllib.parse', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == 0
