"""Transcripts of UHF modules held against the profile that they stand for: a wrong number in either is seen."""

from __future__ import annotations

from typing import Final

from dpptag.devices.transcripts import Transcript
from dpptag.devices.uhf_code_tables import Command
from dpptag.devices.uhf_profiles import UhfProfile
from dpptag.devices.uhf_transcripts import understood_by

_ERROR_REPLIES: Final = {"magicrf": 0xFF, "reader18": 0x00}
"""Command codes under which a family answers when it cannot do what any command asked."""


def misfit(profile: UhfProfile, transcript: Transcript) -> tuple[int | None, str] | None:
    """The first frame that this profile does not explain, with the reason; None where it explains them all.

    No index where the transcript is one of another family.
    """
    if transcript.protocol != profile.family:
        return None, f"the transcript speaks {transcript.protocol}, the profile {profile.family}"
    asked: Command | None = None
    for index, frame in enumerate(transcript.frames):
        try:
            said = understood_by(profile.framing, frame.octets, frame.sender)
        except ValueError as error:
            return index, f"frame {frame.name!r}: {error}"
        if frame.sender == "host":
            known = [command for command in profile.commands.values() if command.code == said.command]
            if not known:
                return index, f"frame {frame.name!r}: the profile has no command {said.command:02X}"
            last, asked = asked, known[0]
            if last is not None and last.many and said.command == _stop(profile):
                asked = Command(code=said.command, replies=sorted(last.accepted | {said.command}))
        elif asked is None or (
            said.command not in asked.accepted and said.command != _ERROR_REPLIES.get(profile.family)
        ):
            return index, f"frame {frame.name!r}: the profile does not accept {said.command:02X} as an answer here"
    return None


def _stop(profile: UhfProfile) -> int | None:
    """The command after which answers to an inventory may still be under way."""
    return profile.commands["stop"].code if "stop" in profile.commands else None
