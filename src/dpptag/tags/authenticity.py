"""Originality signatures: did the chip's maker once make a chip with this number?

A valid one says just that: signature and UID are static, so a copy of both on an emulator passes too. A chip whose
signature no known key verifies is not called a counterfeit: makers have several keys, and this list may lack one.

Keys: NXP AN11350 (NTAG21x, NTAG 5), AN11341 (Ultralight EV1), AN12196 (NTAG 424 DNA), AN12998 (NTAG 223/224 DNA),
AN13452 (Ultralight AES), ST AN5101 and AN5580 (TruST25); collected with the others in the tools of the proxmark3
project, and each checked against signatures of real chips.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import TYPE_CHECKING, Final

from dpptag.errors import BadSignature, TagLost, TagNak
from dpptag.links import ApduLink, TagLink, Technology, Type5Link
from dpptag.tags.type2_chips import SignatureFamily

if TYPE_CHECKING:
    from dpptag.crypto import OriginalityCurve
    from dpptag.tags import Tag


@unique
class Outcome(Enum):
    """The value is what reports print. Only the first says anything about the chip."""

    VALID = "valid"
    NO_KNOWN_KEY = "no known key matches"
    NOT_READABLE = "not readable"
    UNSUPPORTED = "not supported by this chip"


@dataclass(frozen=True, slots=True)
class Originality:
    """``key``: the name of the key that verified the signature; ``reason``: why there is none to check."""

    outcome: Outcome
    key: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        more = self.key or self.reason
        return f"{self.outcome.value} ({more})" if more else self.outcome.value


@dataclass(frozen=True, slots=True)
class OriginalityKey:
    """A maker's key. ``hashed``: SHA-256 of the UID is signed (ST), else the UID (NXP). ``low_byte_first``: the UID of
    an ISO 15693 chip is signed as it goes over the air, E0h last (NXP), else E0h first (ST)."""

    name: str
    curve: OriginalityCurve
    point: bytes
    hashed: bool = False
    low_byte_first: bool = False

    @property
    def signature_bytes(self) -> int:
        """As many as the two numbers of the point: both have the width of the curve."""
        return len(self.point) - 1

    def matches(self, uid: bytes, signature: bytes) -> bool:
        """Whether this key made ``signature`` for ``uid`` (E0h first for ISO 15693)."""
        from dpptag.crypto import verify_originality  # not before a signature is at hand: commands start without it

        try:
            verify_originality(
                self.curve, self.point, signature, uid[::-1] if self.low_byte_first else uid, hashed=self.hashed
            )
        except BadSignature:
            return False
        return True


@unique
class ChipFamily(Enum):
    """Chips that share a list of keys; the value is what reports print."""

    NTAG21X = SignatureFamily.NTAG21X.value
    ULTRALIGHT_EV1 = SignatureFamily.ULTRALIGHT_EV1.value
    ULTRALIGHT_AES = "MIFARE Ultralight AES"
    NTAG22X_DNA = "NTAG 223/224 DNA"
    NTAG424_DNA = "NTAG 424 DNA"
    NTAG413_DNA = "NTAG 413 DNA"
    DESFIRE = "MIFARE DESFire"
    MIFARE_PLUS = "MIFARE Plus"
    MIFARE_CLASSIC = "MIFARE Classic"
    NXP_TYPE5 = "NXP ICODE and NTAG 5"
    ST25TA = "ST25TA"
    ST25TN = "ST25TN"
    ST25TV = "ST25TV"
    VIVOKEY_SPARK = "VivoKey Spark"


def _key128(name: str, point: str, *, hashed: bool = False, low_byte_first: bool = False) -> OriginalityKey:
    return OriginalityKey(name, "secp128r1", bytes.fromhex(point), hashed, low_byte_first)


def _key192(name: str, point: str) -> OriginalityKey:
    return OriginalityKey(name, "secp192r1", bytes.fromhex(point))


def _key224(name: str, point: str) -> OriginalityKey:
    return OriginalityKey(name, "secp224r1", bytes.fromhex(point))


_NTAG21X: Final = "04494E1A386D3D3CFE3DC10E5DE68A499B1C202DB5B132393E89ED19FE5BE8BC61"
_NTAG424_DNA: Final = (
    "048A9B380AF2EE1B98DC417FECC263F8449C7625CECE82D9B916C992DA209D68422B81EC20B65A66B5102A61596AF3379200599316A00A1410"
)
_NTAG413: Final = (
    "04BB5D514F7050025C7D0F397310360EEC91EAF792E96FC7E0F496CB4E669D414F877B7B27901FE67C2E3B33CD39D1C797715189AC951C2ADD"
)
_EV2: Final = (
    "04B304DC4C615F5326FE9383DDEC9AA892DF3A57FA7FFB3276192BC0EAA252ED45A865E3B093A3D0DCE5BE29E92F1392CE7DE321E3E5C52B3A"
)

KEYS: Final[dict[ChipFamily, tuple[OriginalityKey, ...]]] = {
    ChipFamily.NTAG21X: (_key128("NXP NTAG21x and NTAG 5", _NTAG21X),),
    ChipFamily.ULTRALIGHT_EV1: (
        _key128("NXP MIFARE Ultralight EV1", "0490933BDCD6E99B4E255E3DA55389A827564E11718E017292FAF23226A96614B8"),
    ),
    ChipFamily.ULTRALIGHT_AES: (
        _key192(
            "NXP MIFARE Ultralight AES",
            "0453BF8C49B7BD9FE3207A91513B9C1D238ECAB07186B772104AB535F7D3AE63CF7C7F3DD0D169DA3E99E43C6399621A86",
        ),
        _key192(
            "NXP MIFARE Ultralight AES, Vingcard",
            "04DC34DAA903F2726A6225B11C692AF6AB4396575CA12810CBBCE3F781A097B3833B50AB364A70D9C2B641A728A599AE74",
        ),
    ),
    ChipFamily.NTAG22X_DNA: (
        _key192(
            "NXP NTAG 223/224 DNA",
            "0485D5B9353B4FAA77581BA2AE96630C5876D6E8603308ABE9A81A0B506F52D02D04FEE6F2D365B3DEE7B9FAD9133E2976",
        ),
    ),
    ChipFamily.NTAG424_DNA: (
        _key224("NXP NTAG 424 DNA", _NTAG424_DNA),
        _key224("NXP MIFARE DESFire EV2", _EV2),
    ),
    ChipFamily.NTAG413_DNA: (_key224("NXP NTAG 413 DNA and MIFARE DESFire EV1", _NTAG413),),
    ChipFamily.DESFIRE: (
        _key224("NXP MIFARE DESFire EV2", _EV2),
        _key224(
            "NXP MIFARE DESFire EV3",
            "041DB46C145D0A36539C6544BD6D9B0AA62FF91EC48CBC6ABAE36E008"
            "9A46F0D08C8A715EA40A63313B92E90DDC1730230E0458A33276FB743",
        ),
        _key224("NXP NTAG 413 DNA and MIFARE DESFire EV1", _NTAG413),
        _key224(
            "NXP MIFARE DESFire Light",
            "040E98E117AAA36457F43173DC920A8757267F44CE4EC5ADD3C540755"
            "71AEBBF7B942A9774A1D94AD02572427E5AE0A2DD36591B1FB34FCF3D",
        ),
        _key224(
            "NXP MIFARE DESFire EV2 XL",
            "04CD5D45E50B1502F0BA4656FF37669597E7E183251150F9574CC8DA5"
            "6BF01C7ABE019E29FEA48F9CE22C3EA4029A765E1BC95A89543BAD1BC",
        ),
    ),
    ChipFamily.MIFARE_PLUS: (
        _key224(
            "NXP MIFARE Plus EV1",
            "044409ADC42F91A8394066BA83D872FB1D16803734E911170412DDF8B"
            "AD1A4DADFD0416291AFE1C748253925DA39A5F39A1C557FFACD34C62E",
        ),
        _key224(
            "MIFARE Plus Troika",
            "040F732E0EA7DF2B38F791BF89425BF7DCDF3EE4D976669E3831F324F"
            "F15751BD52AFF1782F72FF2731EEAD5F63ABE7D126E03C856FFB942AF",
        ),
    ),
    ChipFamily.MIFARE_CLASSIC: (
        _key128("NXP MIFARE Classic EV1", "044F6D3F294DEA5737F0F46FFEE88A356EED95695DD7E0C27A591E6F6F65962BAF"),
        _key128("MIFARE Classic QL88", "046F70AC557F5461CE5052C8E4A7838C11C7A236797E8A0730A101837C004039C2"),
    ),
    ChipFamily.NXP_TYPE5: (
        _key128(
            "NXP ICODE DNA and ICODE SLIX2",
            "048878A2A2D3EEC336B4F261A082BD71F9BE11C4E2E896648B32EFA59CEA6E59F0",
            low_byte_first=True,
        ),
        _key128("NXP NTAG21x and NTAG 5", _NTAG21X, low_byte_first=True),
    ),
    ChipFamily.ST25TA: (
        _key128(
            "ST TruST25, ST25TA02KB",
            "041D92163650161A2548D33881C235D0FB2315C2C31A442F23C87ACF14497C0CBA",
            hashed=True,
        ),
    ),
    ChipFamily.ST25TN: (
        _key128(
            "ST TruST25, ST25TN512/01K",
            "0440004F974F7C76BC8718E523D85FA7B354A9A992BFA966CB8219242F9D274FD6",
            hashed=True,
        ),
    ),
    ChipFamily.ST25TV: (
        _key128(
            "ST TruST25, ST25TV02KC",
            "04101E188A8B4CDDBC62D5BC3E0E6850F0C2730E744B79765A0E079907FBDB01BC",
            hashed=True,
        ),
    ),
    ChipFamily.VIVOKEY_SPARK: (
        _key128("VivoKey Spark 1", "04D64BB732C0D214E7EC580736ACF847284B502C25C0F7F2FA86AACE1DADA4387A", hashed=True),
    ),
}
"""Every family may have several keys; all are tried, and the report says which matched."""

_NXP_SIGNATURE_READ: Final = bytes.fromhex("903C0000010000")
_NXP_OK: Final = (bytes.fromhex("9190"), bytes.fromhex("9100"))
"""Read_Sig ends with 90h after 91h, its own good status; other native commands with 00h."""
_NXP_CUSTOM_READ_SIGNATURE: Final = 0xBD
_NXP_MAKER: Final = 0x04
_NO_SUCH_COMMAND: Final = (0x01, 0x02)
"""Error codes of ISO/IEC 15693-3: the command is not supported, or not recognised."""
_TYPE5_HEAD: Final = 0xE0
_ST_UNREAD: Final = "this program knows no command that reads the signature of this maker's chips"


def check_originality(uid: bytes, signature: bytes, family: ChipFamily) -> Originality:
    """Judge a signature (``r || s``) as read from a chip of this family; pure. ``uid`` as links give it."""
    if not any(signature):
        return Originality(Outcome.NOT_READABLE, reason="the chip or its reader answered zeros")
    if all(len(signature) != key.signature_bytes for key in KEYS[family]):
        # Cut short or too long on its way: no key was asked, so none may be said not to match.
        return Originality(Outcome.NOT_READABLE, reason=f"an answer of {len(signature)} bytes is no signature")
    for key in KEYS[family]:
        if key.matches(uid, signature):
            return Originality(Outcome.VALID, key.name)
    return Originality(Outcome.NO_KNOWN_KEY)


def read_originality(link: TagLink, tag: Tag) -> Originality:
    """Read the signature of the tag on ``link`` and judge it; writes nothing. Raises TagLost, TagSwapped, DeviceError.

    On an NTAG 424 DNA nothing that was selected or authenticated before is changed.
    """
    if link.technology is Technology.TYPE2 and tag.technology is Technology.TYPE2:
        if tag.chip.signature is None:
            return Originality(Outcome.UNSUPPORTED)
        if not link.passes_commands:
            return _unread("the reader passes READ and WRITE alone")
        signature = link.read_signature()
        if signature is None:
            return _unread("the chip refused the command")
        return check_originality(link.uid, signature, ChipFamily(tag.chip.signature.value))
    if link.technology is Technology.TYPE4:
        return _read_type4(link, tag.chip_name)
    if link.technology is Technology.TYPE5:
        return _read_type5(link)
    return Originality(Outcome.UNSUPPORTED)


def _unread(reason: str) -> Originality:
    return Originality(Outcome.NOT_READABLE, reason=reason)


def _type4_family(chip_name: str) -> ChipFamily | None:
    name = chip_name.casefold().replace(" ", "")
    for known, family in (
        ("ntag424", ChipFamily.NTAG424_DNA),
        ("ntag413", ChipFamily.NTAG413_DNA),
        ("desfire", ChipFamily.DESFIRE),
    ):
        if known in name:
            return family
    return None


def _read_type4(link: ApduLink, chip_name: str) -> Originality:
    """Read_Sig, native in ISO wrapping (NT4H2421Gx 10.8.1; 56 bytes)."""
    family = _type4_family(chip_name)
    if family is None:
        return _unread(_ST_UNREAD)
    answer = link.transceive(_NXP_SIGNATURE_READ)
    signature, status = answer[:-2], answer[-2:]
    if status not in _NXP_OK:
        return _unread(f"the chip answered {status.hex().upper()}")
    return check_originality(link.uid, signature, family)


def _read_type5(link: Type5Link) -> Originality:
    """READ SIGNATURE (BDh) of NXP (AN11350). Whether the 32 bytes come low byte first is not settled by a source at
    hand: both orders are judged, for only the true one can match."""
    if link.uid[0] != _TYPE5_HEAD or link.uid[1] != _NXP_MAKER:
        return _unread(_ST_UNREAD)
    if not link.passes_commands:
        return _unread("the reader passes the reading and writing of blocks alone")
    try:
        signature = link.command(_NXP_CUSTOM_READ_SIGNATURE, bytes((_NXP_MAKER,)))
    except TagNak as error:
        if error.facts.get("error") in _NO_SUCH_COMMAND:  # a plain ICODE SLIX has no signature
            return Originality(Outcome.UNSUPPORTED)
        return _unread("the chip refused the command")
    except TagLost:  # a chip may keep silent at a custom command that it does not know (ISO/IEC 15693-3)
        link.reselect()  # raises TagLost where the tag has gone
        return _unread("the chip did not answer the command")
    found = check_originality(link.uid, signature, ChipFamily.NXP_TYPE5)
    if found.outcome is Outcome.NO_KNOWN_KEY:
        return check_originality(link.uid, signature[::-1], ChipFamily.NXP_TYPE5)
    return found
