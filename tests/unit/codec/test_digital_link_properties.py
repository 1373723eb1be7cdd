from hypothesis import example, given
from hypothesis import strategies as st

from dpptag.codec.digital_link import DigitalLink, build, check_digit, gs1_digits, parse
from dpptag.codec.digital_link_syntax import parse_any
from dpptag.codec.gs1_content import CSET82
from dpptag.errors import LinkError

CSET82_TEXT = st.text(alphabet="".join(sorted(CSET82)), min_size=1, max_size=20).filter(lambda t: t not in (".", ".."))


def outcome(read: object, uri: str) -> DigitalLink | str:
    try:
        return read(uri)  # type: ignore[operator, no-any-return]
    except LinkError as refused:
        return refused.code


@st.composite
def gtins(draw: st.DrawFn) -> str:
    digits = draw(st.text(alphabet="0123456789", min_size=13, max_size=13))
    return digits + check_digit(digits)


# Close to the shape of the fast path, on both sides of its border; the first choice of each is what it takes.
PLAIN = st.sampled_from(["1", "x.y-z_", "01", "10", "21", "1" * 20])
SEGMENT = PLAIN | PLAIN | st.sampled_from(["", "%41", "a+b", "a~b", "1" * 21]) | st.text("abc01._-~%+é \n", max_size=4)
HOST = st.sampled_from(["a", "id.example.com", "a:1"]) | st.sampled_from(
    ["A.b", "a:", ":1", "-", ".", "a_b", "[::1]", "u@a", "a:1:2", "a\n", "٠"]
)
STEM = st.sampled_from(["", "/s", "/01", "/01/09520123456788"]) | st.sampled_from(["/21", "/~a/10", "//", "/s/01/x"])
SCHEME = st.just("https") | st.just("https") | st.sampled_from(["http", "HTTPS"])
TAIL = st.just("") | st.just("") | st.sampled_from(["/", "\n", "?17=271231", "#f", "?", "%"])
QUALIFIERS = st.lists(st.sampled_from(["22", "10", "21"]), unique=True).map(
    lambda ais: sorted(ais, key="22 10 21".find)
)
PATH_AIS = QUALIFIERS | st.lists(st.sampled_from(["22", "10", "21", "235", "17", "01"]), max_size=4)


@st.composite
def near_links(draw: st.DrawFn) -> str:
    gtin = draw(gtins() | gtins() | st.text("0123456789٠", min_size=13, max_size=15))
    pairs = "".join(f"/{ai}/{draw(SEGMENT)}" for ai in draw(PATH_AIS))
    return f"{draw(SCHEME)}://{draw(HOST)}{draw(STEM)}/01/{gtin}{pairs}{draw(TAIL)}"


@given(near_links())
@example("https://a/01/09520123456788/10/6789/21/12345")
@example("https://a/01/09520123456788/22/01/10/00/21/01")
@example("https://a/01/09520123456788\n")
@example("https://a/01/09520123456788/01/09521234543213/21/1")
@example("https://a/01/09520123456788/10/01/21/09521234543213")
@example("https://a/21/01/09520123456788/10/01/09521234543213")
@example("https://a:/01/09520123456788")
def test_the_fast_path_and_the_general_path_agree(uri: str) -> None:
    found = outcome(parse_any, uri)
    assert outcome(parse, uri) == found
    assert outcome(gs1_digits, uri) == (found.gs1_digits if isinstance(found, DigitalLink) else found)


@given(gtins(), *[st.one_of(st.none(), st.text(alphabet="aZ09._-", min_size=1, max_size=20))] * 3)
def test_both_paths_agree_on_plain_links(gtin: str, cpv: str | None, lot: str | None, serial: str | None) -> None:
    parts = [(ai, value) for ai, value in (("22", cpv), ("10", lot), ("21", serial)) if value is not None]
    uri = f"https://id.example.com/01/{gtin}" + "".join(f"/{ai}/{value}" for ai, value in parts)
    link = parse(uri)
    assert link == parse_any(uri)
    assert link.qualifiers == tuple(parts)
    assert link.uri == uri


@given(st.text())
def test_any_text_is_a_link_or_a_link_error(text: str) -> None:
    assert isinstance(outcome(parse, text), DigitalLink | str)


@given(st.text(alphabet="/0123456789?&=%#:.aAZ~+-", max_size=60))
def test_any_tail_is_a_link_or_a_link_error(text: str) -> None:
    assert isinstance(outcome(parse, "https://a/01/09520123456788" + text), DigitalLink | str)


@given(gtins(), CSET82_TEXT, st.one_of(st.none(), CSET82_TEXT), st.one_of(st.none(), CSET82_TEXT))
def test_what_build_writes_parses_to_the_same_ais(gtin: str, serial: str, lot: str | None, note: str | None) -> None:
    ais = {"01": gtin, "21": serial}
    ais |= {"10": lot} if lot else {}
    ais |= {"99": note} if note else {}
    uri = build("id.example.com/dpp", ais)
    link = parse(uri)
    assert link.ais == ais
    assert link.uri == uri
    assert parse(link.canonical).ais == ais
    assert (link.host, link.stem) == ("id.example.com", "/dpp")


@given(st.text(alphabet="0123456789", min_size=4, max_size=10), CSET82_TEXT)
def test_asset_links_read_back(prefix: str, reference: str) -> None:
    assert parse(build("a", {"8004": prefix + reference})).key_value == prefix + reference


@given(gtins(), st.integers(0, 13), st.integers(1, 9))
def test_no_single_wrong_digit_of_a_gtin_passes(gtin: str, at: int, add: int) -> None:
    wrong = gtin[:at] + str((int(gtin[at]) + add) % 10) + gtin[at + 1 :]
    assert outcome(parse, f"https://a/01/{wrong}") == "check-digit"
