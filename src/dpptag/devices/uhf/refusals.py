"""What a module's error code becomes: an error of ours, by the meaning that the profile gives it."""

from __future__ import annotations

from typing import Final

from dpptag.devices.uhf_code_tables import ErrorCode, Meaning
from dpptag.devices.uhf_tables import Memory
from dpptag.errors import DeviceProtocolError, DpptagError, TagError, TagLost, TagNak, TagRefused, UsageError
from dpptag.links.gen2 import Bank, Refusal

_REFUSALS: Final = frozenset(refusal.value for refusal in Refusal)
_ACTIONS: Final[dict[Meaning, str]] = {
    "locked": "take a tag that is not locked, or give its password",
    "overrun": "check the chip type: its memory is smaller",
    "low-power": "bring the tag nearer to the antenna, or raise the power",
    "password": "check the password",
    "write-failed": "bring the tag nearer to the antenna; a tag that still refuses is locked",
    "hardware": "check antenna, supply and temperature of the module",
    "busy": "run the command again",
    "transport": "check the cable",
}
_PC_WORD: Final = 1
_PROFILE: Final = "check that the profile is that of the module and its firmware"


def refusal_error(entry: ErrorCode, code: str, *, what: str, device: str) -> DpptagError:
    """TagNak with fact ``error``, TagLost, UsageError (region) or DeviceProtocolError, for ``what`` was to be done.

    ``code``: the number as the module said it, in hex. ``retry`` among the facts: the same command may go again.
    """
    text = f"{what}: {entry.text} (code {code})"
    action = _ACTIONS.get(entry.meaning, _PROFILE)
    if entry.meaning in _REFUSALS:
        return TagNak(text, action=action, error=entry.meaning, status=code, retry=entry.retry, device=device)
    if entry.meaning in ("no-tag", "collision"):
        # ``answered``: the module spoke, so nothing is left to come; what the tag did may still be unknown.
        return TagLost(
            text,
            action="keep one tag in the field, in the middle of the antenna",
            answered=True,
            status=code,
            retry=entry.retry,
            device=device,
        )
    if entry.meaning == "region":
        return UsageError(
            text,
            code="module-region",
            action="name a region that module and profile know, with ?region= in the device path",
            status=code,
            device=device,
        )
    return DeviceProtocolError(
        text, code=f"module-{entry.meaning}", action=action, status=code, retry=entry.retry, device=device
    )


def of_module(error: DpptagError) -> DpptagError:
    """The same for a command to the module alone: where no tag was asked, none refused."""
    if isinstance(error, TagError):
        return DeviceProtocolError(error.message, code="module-refuses", action=_PROFILE, **error.facts)
    return error


def check_nameable(longest: int, bank: Bank, word: int, data: bytes) -> None:
    """Raises TagRefused for a StoredPC that makes the EPC longer than the ``longest`` bytes by which a module that
    knows tags by nothing else can name it: it could neither finish the tag nor write it once more."""
    if bank is not Bank.EPC or word > _PC_WORD or word + len(data) // 2 <= _PC_WORD:
        return
    words = data[2 * (_PC_WORD - word)] >> 3
    if 2 * words > longest:
        raise TagRefused(
            f"the module could not name an EPC of {words} words, and so not reach the tag any more",
            code="epc-too-long",
            action="use a shorter EPC, or another module",
            most=longest // 2,
        )


def check_reach(memory: Memory, word: int, count: int) -> None:
    """Raises TagRefused for words that the module's word pointer does not reach."""
    words = 1 << memory.word_pointer_bits
    if word + count > words:
        raise TagRefused(
            f"the module reaches the first {words} words of a bank alone",
            code="beyond-word-pointer",
            action="use a layout that fits, or another module",
            word=word,
            count=count,
        )
