"""The inside of a simulated PC/SC reader, without any service."""

import pytest

from dpptag.sim.faults import FaultSchedule, parse_fault
from dpptag.sim.field import Field
from dpptag.sim.population import parse_query, populate
from dpptag.sim.pseudo_apdu import READER_CLASSES, PseudoReader

UID = "04A1B2C3D4E5F6"


def reader(query: str = f"uid={UID}", reader_class: str = "acr1552u", fault: str = "") -> PseudoReader:
    tags, position, _ = populate(parse_query(query))
    faults = FaultSchedule([parse_fault(fault)] if fault else [])
    made = PseudoReader(Field(tags, position=position, faults=faults), READER_CLASSES[reader_class])
    made.power(True)
    return made


def sent(made: PseudoReader, apdu: str) -> str:
    made.field.faults.host_command += 1
    answer = made.transmit(bytes.fromhex(apdu))
    return "" if answer is None else answer.hex().upper()


@pytest.mark.parametrize(
    ("query", "reader_class", "atr"),
    [
        ("type=NTAG213", "acr122u", "3B8F8001804F0CA0000003060300030000000068"),
        ("type=NTAG216", "omnikey", "3B8F8001804F0CA0000003060300030000000068"),
        ("type=NTAG424", "acr1552u", "3B8180018080"),
        ("type=SLIX2", "acr1552u", "3B8F8001804F0CA0000003060B00140000000077"),
        ("type=ST25TV02K", "acr1552u", "3B8F8001804F0CA0000003060B00130000000070"),
        ("type=FELICA-LITE-S", "acr122u", "3B8F8001804F0CA00000030603F011000000008A"),
        ("type=FELICA-LITE-S", "acr1552u", "3B8F8001804F0CA00000030611003B0000000042"),
    ],
)
def test_the_atr_names_the_card(query: str, reader_class: str, atr: str) -> None:
    found = reader(query, reader_class).atr()
    assert found is not None
    assert found.hex().upper() == atr


def test_an_empty_field_has_no_atr() -> None:
    made = reader()
    made.field.swap()
    assert made.atr() is None


@pytest.mark.parametrize("apdu", ["FF82000006FFFFFFFFFFFF", "FF860000050100046000", "FFCA020000", "FF99000000"])
def test_what_the_reader_does_not_know_is_refused(apdu: str) -> None:
    assert sent(reader(), apdu) == "6A81"


def test_uid_read_and_write_by_pseudo_apdus() -> None:
    made = reader()
    assert sent(made, "FFCA000000") == UID + "9000"
    assert sent(made, "FFD600060401020304") == "9000"
    assert sent(made, "FFB0000604") == "010203049000"


def test_a_write_of_a_locked_page_fails() -> None:
    assert sent(reader(), "FFD600300401020304") == "6300"


def test_a_denied_write_is_made_and_called_failed() -> None:
    made = reader(fault="deny@1")
    assert sent(made, "FFD600060401020304") == "6300"
    assert sent(made, "FFB0000604") == "010203049000"


def test_a_reader_of_16_byte_writes_takes_no_page() -> None:
    assert sent(reader(reader_class="blocks16"), "FFD600060401020304") == "6700"


def test_direct_transmit_is_an_acr122u_s() -> None:
    made = reader(reader_class="acr122u")
    assert sent(made, "FF00000003D44260") == "D543000004040201000F039000"
    assert sent(made, "FF00000002D4FF") == "637F"
    assert sent(made, "FF00480000") == b"ACR122U215".hex().upper()
    assert sent(reader(), "FF00000003D44260") == "6A81"


def test_nothing_is_exchanged_outside_a_session() -> None:
    made = reader()
    assert sent(made, "FFC2000103950160" + "00") == "C0030169859000"
    assert sent(made, "FFC200000281" + "0000") == "C0030090009000"
    assert sent(made, "FFC20002048F0200" + "0300") == "C0030090009000"
    assert (
        sent(made, "FFC2000103950160" + "00") == "C003009000" + "920100" + "96020000" + "97080004040201000F03" + "9000"
    )


def test_a_type_5_write_without_a_timer_is_called_unanswered_although_it_was_made() -> None:
    made = reader("type=SLIX2")
    assert made.field.tag is not None
    uid = made.field.tag.uid[::-1].hex()
    sent(made, "FFC20000028100" + "00")
    sent(made, "FFC20002048F020203" + "00")
    write, read = f"2221{uid}05A1B2C3D4", f"2220{uid}05"
    assert sent(made, "FFC20001" + "11" + "950F" + write + "00") == "C0030164019000"
    assert sent(made, "FFC20001" + "0D" + "950B" + read + "00").endswith("9705" + "00A1B2C3D4" + "9000")
    assert sent(made, "FFC20001" + "18" + "5F460440420F00" + "950F" + write + "00").endswith("9701" + "00" + "9000")


def test_a_session_object_cut_short_is_named() -> None:
    made = reader()
    sent(made, "FFC20000028100" + "00")
    assert sent(made, "FFC20001" + "03" + "950960" + "00") == "C003016A809000"
