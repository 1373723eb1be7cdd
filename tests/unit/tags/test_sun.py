"""SUN messages: the published vectors step by step, and links taken apart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dpptag.crypto import aes_cbc_decrypt, aes_cbc_encrypt, aes_cmac
from dpptag.errors import LinkError
from dpptag.tags import sun
from dpptag.tags.key_derivation import DerivedKeys
from dpptag.tags.sun import SunMessage, SunOutcome, SunTemplate, check_sun, check_uri, parse_sun
from tests.vectors import vector_path

ZERO = bytes(16)
URL = "https://choose.url.com/ntag424?e=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086"
"""AN12196, page 12: zero keys, UID 04DE5F1EACC040, counter 61."""


def cases() -> list[dict[str, Any]]:
    value: list[dict[str, Any]] = json.loads(vector_path("tag_auth", "ntag424_sdm_sun.json").read_text())
    return value


def message_of(case: dict[str, Any]) -> SunMessage:
    """As the vectors' own README puts the MAC's input together."""
    enc = bytes.fromhex(case["enc"]) if "enc" in case else None
    mac_input = "" if enc is None else case["enc"].upper()
    if enc is not None and case.get("param"):
        mac_input += f"&{case['param']}="
    if case["mode"] == "AES-plain":
        return SunMessage(bytes.fromhex(case["sdmmac"]), uid=bytes.fromhex(case["uid"]), counter=case["ctr"])
    return SunMessage(bytes.fromhex(case["sdmmac"]), mac_input.encode(), picc=bytes.fromhex(case["picc"]), enc=enc)


def test_every_vector_has_its_verdict() -> None:
    verdicts = {}
    for case in cases():
        keys = [bytes.fromhex(case.get(name, "00" * 16)) for name in ("meta_key", "file_key")]
        result = check_sun(message_of(case), keys[0], lambda _uid, key=keys[1]: key)
        verdicts[case["id"]] = result.outcome
        if result.outcome is SunOutcome.VALID:
            assert result.uid == bytes.fromhex(case["uid"])
            assert result.counter == case["ctr"]
            assert result.file_data == (bytes.fromhex(case["file"]) if "file" in case else None)
        else:
            assert (result.uid, result.counter, result.file_data) == (None, None, None)
    assert verdicts == {
        "AN12196-p12": SunOutcome.VALID,
        "AN12196-p18": SunOutcome.VALID,
        "custom-keys": SunOutcome.VALID,
        "negative-p18": SunOutcome.FALSE,
        "plain-sdm": SunOutcome.VALID,
        "lrp1": SunOutcome.UNSUPPORTED,
        "lrp2": SunOutcome.UNSUPPORTED,
    }


def test_every_step_of_the_aes_vectors_comes_out() -> None:
    steps = 0
    for case in cases():
        if case["mode"] == "LRP":
            continue
        uid, counter, key = bytes.fromhex(case["uid"]), case["ctr"], bytes.fromhex(case["file_key"])
        assert sun.session_vector(bytes.fromhex("3CC300010080"), uid, counter).hex() == case["sv2"]
        mac_key = sun.mac_session_key(key, uid, counter)
        assert mac_key.hex() == case["session_mac_key"]
        full = aes_cmac(mac_key, case["mac_input_ascii"].encode())
        assert full.hex() == case["mac_full"]
        assert sun.truncated(full).hex() == case["mac_truncated"]
        if "picc" in case:
            plain = aes_cbc_decrypt(bytes.fromhex(case["meta_key"]), ZERO, bytes.fromhex(case["picc"]))
            assert plain.hex() == case["picc_plaintext"]
            assert message_of(case).mac_input.decode() == case["mac_input_ascii"]
        if "enc" in case:
            assert sun.session_vector(bytes.fromhex("C33C00010080"), uid, counter).hex() == case["sv1"]
            enc_key = sun.file_session_key(key, uid, counter)
            assert enc_key.hex() == case["session_enc_key"]
            assert sun.file_iv(enc_key, counter).hex() == case["enc_iv"]
            assert sun.file_data(key, uid, counter, bytes.fromhex(case["enc"])).hex() == case["enc_plaintext"]
        steps += 1
    assert steps == 5


def test_a_link_of_this_programs_form_is_parsed_and_valid() -> None:
    result = check_sun(parse_sun(URL), ZERO, lambda _uid: ZERO)
    assert (result.outcome, result.counter) == (SunOutcome.VALID, 61)
    assert result.uid == bytes.fromhex("04DE5F1EACC040")


@pytest.mark.parametrize(
    "position", [index for index in range(len(URL)) if index > URL.index("=") and URL[index] in "0123456789ABCDEF"]
)
def test_any_other_digit_in_the_mirrored_values_is_false(position: int) -> None:
    other = "0" if URL[position] != "0" else "1"
    result = check_sun(parse_sun(URL[:position] + other + URL[position + 1 :]), ZERO, lambda _uid: ZERO)
    assert result.outcome in (SunOutcome.FALSE, SunOutcome.UNSUPPORTED)
    assert result.uid is None


def test_another_key_is_false() -> None:
    other = b"\1" * 16
    assert check_sun(parse_sun(URL), ZERO, lambda _uid: other).outcome is SunOutcome.FALSE
    assert check_sun(parse_sun(URL), other, lambda _uid: ZERO).outcome in (SunOutcome.FALSE, SunOutcome.UNSUPPORTED)


def test_the_file_key_is_asked_for_the_uid_that_was_decrypted() -> None:
    asked: list[bytes] = []
    check_sun(parse_sun(URL), ZERO, lambda uid: asked.append(uid) or ZERO)
    assert asked == [bytes.fromhex("04DE5F1EACC040")]


@pytest.mark.parametrize("tag", [0x87, 0x47, 0x07])
def test_a_chip_that_does_not_mirror_both_uid_and_counter_is_unsupported(tag: int) -> None:
    picc = aes_cbc_encrypt(ZERO, ZERO, bytes((tag,)) + bytes(15))
    assert check_sun(SunMessage(bytes(8), picc=picc), ZERO, lambda _uid: ZERO).outcome is SunOutcome.UNSUPPORTED


@pytest.mark.parametrize("tag", [0xC8, 0xC4, 0xD7, 0xE7, 0x00, 0xFF])
def test_nonsense_instead_of_the_chips_data_is_false_and_its_mac_is_computed_all_the_same(tag: int) -> None:
    picc = aes_cbc_encrypt(ZERO, ZERO, bytes((tag,)) + bytes(15))
    asked: list[bytes] = []
    message = SunMessage(sun.truncated(aes_cmac(sun.mac_session_key(ZERO, bytes(7), 0), b"")), picc=picc)
    assert check_sun(message, ZERO, lambda uid: asked.append(uid) or ZERO).outcome is SunOutcome.FALSE
    assert asked == [bytes(7)]


def test_the_mac_of_encrypted_file_data_covers_the_text_between_as_it_was_served() -> None:
    """AN12196 page 18 as a link: the parameter's name is under the MAC."""
    template = SunTemplate(mac="cmac", picc="picc_data", enc="enc")
    link = (
        "https://www.my424dna.com/?picc_data=FD91EC264309878BE6345CBE53BADF40"
        "&enc=CEE9A53E3E463EF1F459635736738962&cmac=ECC1E7F6C6C73BF6"
    )
    message = parse_sun(link, template)
    assert message.mac_input == b"CEE9A53E3E463EF1F459635736738962&cmac="
    result = check_sun(message, ZERO, lambda _uid: ZERO)
    assert (result.outcome, result.counter, result.file_data) == (SunOutcome.VALID, 8, b"x" * 16)
    changed = parse_sun(link.replace("&cmac=", "&c="), SunTemplate(mac="c", picc="picc_data", enc="enc"))
    assert check_sun(changed, ZERO, lambda _uid: ZERO).outcome is SunOutcome.FALSE
    lower = link.replace("CEE9A53E3E463EF1F459635736738962", "cee9a53e3e463ef1f459635736738962")
    assert check_sun(parse_sun(lower, template), ZERO, lambda _uid: ZERO).outcome is SunOutcome.FALSE


def test_a_plain_mirror_has_its_counter_most_significant_byte_first() -> None:
    link = "https://example.com/?uid=041E3C8A2D6B80&ctr=000006&c=4B00064004B0B3D3"
    message = parse_sun(link, SunTemplate(picc=None))
    assert (message.uid, message.counter) == (bytes.fromhex("041E3C8A2D6B80"), 6)
    assert check_sun(message, ZERO, lambda _uid: ZERO).outcome is SunOutcome.VALID


def test_a_fragment_is_no_part_of_the_values() -> None:
    assert parse_sun(URL + "#top") == parse_sun(URL)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.com/", "sun-absent"),
        ("https://example.com/?e=00", "sun-absent"),
        ("https://example.com/?c=94EED9EE65337086", "sun-absent"),
        (URL.replace("?e=", "?e=00"), "sun-link"),
        (URL + "00", "sun-link"),
        (URL.replace("94EE", "94E"), "sun-link"),
        (URL.replace("94EE", "94Eg"), "sun-link"),
        (URL.replace("94EE", "94 E"), "sun-link"),
        (URL + "&c=94EED9EE65337086", "sun-link"),
        (URL.replace("choose", "chöse"), "sun-link"),
        ("https://example.com/" + "a" * 5000 + "?" + URL.partition("?")[2], "sun-link"),
    ],
)
def test_a_link_without_whole_values_is_refused(url: str, code: str) -> None:
    with pytest.raises(LinkError) as caught:
        parse_sun(url)
    assert caught.value.code == code


def served(keys: DerivedKeys, uid: bytes, counter: int) -> str:
    """A link as a chip with derived keys serves it."""
    plain = b"\xc7" + uid + counter.to_bytes(3, "little") + bytes(5)
    picc = aes_cbc_encrypt(keys.key(b"", sun.META_PURPOSE), ZERO, plain)
    mac = sun.truncated(aes_cmac(sun.mac_session_key(keys.key(uid, sun.FILE_PURPOSE), uid, counter), b""))
    return f"https://id.example.com/01/09520123456788/21/1?e={picc.hex().upper()}&c={mac.hex().upper()}"


def test_a_uri_is_checked_with_the_keys_of_its_chip_and_against_the_uid_read_beside_it() -> None:
    keys, uid = DerivedKeys(bytes(range(16))), bytes.fromhex("04DE5F1EACC040")
    uri = served(keys, uid, 77)
    assert check_uri(uri, keys) == check_uri(uri, keys, uid)
    assert (check_uri(uri, keys).outcome, check_uri(uri, keys).counter) == (SunOutcome.VALID, 77)
    assert check_uri(uri, keys, uid[::-1]).outcome is SunOutcome.FALSE
    assert check_uri(uri, DerivedKeys(ZERO), uid).outcome in (SunOutcome.FALSE, SunOutcome.UNSUPPORTED)


@pytest.mark.parametrize("query", ["", "?e=1", f"?e={'0' * 32}&c={'0' * 16}"])
def test_a_uri_that_no_chip_has_filled_is_unsupported_never_false(query: str) -> None:
    assert check_uri("https://id.example.com/" + query, DerivedKeys(ZERO)).outcome is SunOutcome.UNSUPPORTED
