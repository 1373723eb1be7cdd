"""What an error code of a profile's table becomes: one error tree for every family."""

from __future__ import annotations

from typing import Final

from dpptag.devices.uhf_profiles import ErrorCode
from dpptag.errors import DeviceProtocolError, DpptagError, TagLost, TagNak, TagSwapped
from dpptag.links.gen2 import Refusal

_REFUSALS: Final = frozenset(refusal.value for refusal in Refusal)
_TAG_UNTOUCHED: Final = frozenset({"collision", "busy", "transport"})


def refused(entry: ErrorCode, code: int, *, device: str) -> DpptagError:
    """The error to raise for an answer with this code: TagNak, TagLost, or DeviceProtocolError.

    Facts: ``module_code``; ``retry``, whether the same may be tried again; of TagNak ``error``, a Refusal's value; of
    TagLost ``answered`` True, for the module did speak.
    """
    facts = {"module_code": f"{code:02X}", "retry": entry.retry, "device": device}
    if entry.meaning in _REFUSALS:
        return TagNak(f"refused: {entry.text}", error=entry.meaning, **facts)
    if entry.meaning == "no-tag":
        return TagLost(
            f"no tag answered: {entry.text}", action="put the tag back before the antenna", answered=True, **facts
        )
    if entry.meaning in _TAG_UNTOUCHED:
        return TagLost(f"the module did not reach the tag: {entry.text}", action="try again", answered=True, **facts)
    return DeviceProtocolError(
        f"the module at {device} reports: {entry.text}",
        code=f"module-{entry.meaning}",
        action=_ACTIONS.get(entry.meaning),
        **facts,
    )


_ACTIONS: Final = {
    "parameter": "check that the profile is the module's own",
    "hardware": "check antenna, supply and temperature of the module",
    "region": "choose another region or power",
    "boot-loader": "start the module's firmware, or load one",
}


def another_epc(wanted: bytes, got: bytes) -> TagSwapped:
    """A tag answered that is not the chosen one."""
    return TagSwapped(
        f"another tag answered: EPC {got.hex()}, not {wanted.hex()}",
        action="put the first tag back before the antenna, alone",
        wanted=wanted.hex(),
        got=got.hex(),
    )
