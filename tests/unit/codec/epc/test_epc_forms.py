"""EPC URIs, Digital Links and element strings, each way."""

import pytest
from hypothesis import example, given

from dpptag.codec import epc
from dpptag.codec.epc import EpcItem, Sgtin, decode_epc, element_string, plan_epc, read_item, urn_id, urn_tag
from dpptag.codec.epc.forms import item_from_link
from dpptag.errors import LinkError
from tests.unit.codec.epc.epc_rig import CSET82, GTIN, SCHEMES, bank, epc_vectors, gtins, serials


def test_every_vector_has_the_printed_forms_and_is_read_back_from_each() -> None:
    run = 0
    for vector in epc_vectors("vectors"):
        if vector["scheme"] not in SCHEMES:
            continue
        sgtin = decode_epc(bank(vector))
        assert (urn_id(sgtin), urn_tag(sgtin)) == (vector.get("pure_identity"), vector.get("tag_uri"))
        assert element_string(sgtin) == vector.get("element_string", element_string(sgtin))
        forms = [urn_id(sgtin), urn_tag(sgtin)] + ([] if sgtin.aidc else [sgtin.digital_link, element_string(sgtin)])
        for form in filter(None, forms):
            item = read_item(form)
            assert (item.gtin14, item.serial, item.dropped) == (sgtin.gtin14, sgtin.serial, ())
            hostname = item.hostname if form.startswith("https:") else sgtin.hostname
            planned = plan_epc(
                item.gtin14,
                item.serial,
                company_prefix_digits=item.company_prefix_digits,
                filter=sgtin.filter,
                hostname=hostname,
                date=item.date,
                epc_bits=496,
                scheme=item.scheme or sgtin.scheme if item.company_prefix or not sgtin.company_prefix else None,
            )
            if item.company_prefix or not sgtin.company_prefix:  # no link tells how long the prefix is
                assert planned.epc == bank(vector)
            run += 1
    assert run == 5 * 4 + 13 * 2


SERIAL = "".join(sorted('"%&/<>?'))


def test_the_seven_characters_are_escaped_in_uris_alone() -> None:
    sgtin = Sgtin("SGTIN-198", 3, GTIN, SERIAL, "9520123")
    assert urn_id(sgtin) == "urn:epc:id:sgtin:9520123.045678.%22%25%26%2F%3C%3E%3F"
    assert urn_tag(sgtin) == "urn:epc:tag:sgtin-198:3.9520123.045678.%22%25%26%2F%3C%3E%3F"
    assert sgtin.digital_link == f"https://id.gs1.org/01/{GTIN}/21/%22%25%26%2F%3C%3E%3F"
    assert element_string(sgtin) == f"(01){GTIN}(21){SERIAL}"


@given(gtins, serials)
@example(GTIN, "A(17)220630")
@example(GTIN, "(21)(10")
@example(GTIN, CSET82[:20])
def test_every_form_reads_back_to_the_same_item(gtin: str, serial: str) -> None:
    sgtin = Sgtin("SGTIN-198", 5, gtin, serial, gtin[1:9])
    identity, tag = urn_id(sgtin), urn_tag(sgtin)
    assert identity is not None
    assert tag is not None
    assert read_item(identity) == EpcItem(gtin, serial, gtin[1:9])
    assert read_item(tag) == EpcItem(gtin, serial, gtin[1:9], scheme="SGTIN-198", filter=5)
    assert read_item(element_string(sgtin)) == EpcItem(gtin, serial)
    assert read_item(sgtin.digital_link) == EpcItem(gtin, serial)


def test_what_looks_like_an_ai_in_a_serial_is_escaped() -> None:
    assert element_string(Sgtin("SGTIN+", 1, GTIN, "A(17)(x)")) == f"(01){GTIN}(21)A\\(17)(x)"


def test_a_date_is_read_from_link_and_element_string() -> None:
    wanted = EpcItem(GTIN, "7", date=("17", "271200"))
    assert read_item(f"https://id.gs1.org/01/{GTIN}/21/7?17=271200") == wanted
    assert read_item(f"(01){GTIN}(21)7(17)271200") == wanted


def test_the_host_of_a_link_is_kept_as_written_or_dropped_and_said() -> None:
    link = f"https://ID.Example.com:8443/01/{GTIN}/21/7"
    assert read_item(link) == EpcItem(GTIN, "7", hostname="ID.Example.com:8443")
    assert item_from_link(link, keep_host=False) == EpcItem(GTIN, "7", dropped=("host ID.Example.com:8443",))
    stem = f"http://id.example.com/dpp/01/{GTIN}/21/7"
    assert item_from_link(stem, keep_host=False).dropped == ("host id.example.com/dpp",)


def test_parameters_that_are_no_ais_are_dropped_and_said() -> None:
    item = read_item(f"https://id.gs1.org/01/{GTIN}/21/7?linkType=all&17=271231&x#top")
    assert item.date == ("17", "271231")
    assert item.dropped == ("query parameter linkType", "query parameter x", "fragment #top")


LINK = f"/01/{GTIN}"
URN = "urn:epc:id:sgtin:"
REFUSED = [
    (f"https://id.example.com/dpp{LINK}/21/7", "epc-link-path"),
    (f"https://id.gs1.org/dpp{LINK}/21/7", "epc-link-path"),
    (f"http://id.example.com{LINK}/21/7", "epc-link-scheme"),
    (f"https://id.example.com{LINK}", "epc-no-item"),
    (f"https://id.example.com{LINK}/10/LOT", "epc-no-item"),
    ("https://id.example.com/00/095201234567891235", "epc-no-item"),
    ("https://id.example.com/8003/095211411234545678", "epc-no-item"),
    (f"https://id.example.com{LINK}/10/LOT/21/7", "epc-qualifier"),
    (f"https://id.example.com{LINK}/22/V/21/7", "epc-qualifier"),
    (f"https://id.example.com{LINK}/21/7?3103=000100", "epc-attribute"),
    (f"https://id.example.com{LINK}/21/7?17=271231&11=261231", "epc-attribute"),
    (f"https://id.example.com{LINK}/21/7?17=271331", "date"),
    (f"https://id.example.com{LINK[:-1]}9/21/7", "check-digit"),
    (f"{URN}9520123.45678.7", "epc-urn"),
    (f"{URN}95201.23045678.7", "epc-urn"),
    (f"{URN}9520123.045678.", "epc-urn"),
    (f"{URN}9520123.045678.a/b", "epc-urn"),
    (f"{URN}9520123.045678.a%2", "epc-urn"),
    (f"{URN}9520123.045678.a%20b", "epc-characters"),
    (f"{URN}9520123.045678.{'1' * 21}", "length"),
    ("urn:epc:tag:sgtin-96:8.9520123.045678.7", "epc-urn"),
    ("urn:epc:tag:sgtin-96:9520123.045678.7", "epc-urn"),
    ("urn:epc:id:sscc:952012.03456789123", "epc-urn"),
    ("urn:epc:id:sgtin:9520123.04567\u0668.7", "epc-urn"),
    (f"(01){GTIN}", "epc-element-string"),
    (f"(21)7(01){GTIN}", "epc-element-string"),
    (f"(01){GTIN}(10)LOT", "epc-element-string"),
    (f"(01){GTIN}(21)7(10)LOT", "epc-attribute"),
    (f"(01){GTIN[1:]}(21)7", "gtin-short"),
    (f"(01){GTIN}(21)", "length"),
    (f"(01){GTIN}(21)7(17)271331", "date"),
    (f"01{GTIN}21", "scheme"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_what_is_no_item_or_says_more_than_an_epc_is_refused(text: str, code: str) -> None:
    with pytest.raises(LinkError) as refused:
        read_item(text)
    assert refused.value.code == code


@pytest.mark.parametrize("scheme", ["SGTIN+", "DSGTIN++"])
def test_a_plus_scheme_has_no_epc_uri(scheme: str) -> None:
    assert urn_id(Sgtin(scheme, 1, GTIN, "7")) is None
    assert urn_tag(Sgtin(scheme, 1, GTIN, "7")) is None


def test_what_is_loaded_later_is_named_once() -> None:
    for name in epc.__all__:
        assert getattr(epc, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'plan_epcs'"):
        epc.plan_epcs  # noqa: B018
