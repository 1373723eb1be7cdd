"""Killing a Gen2 chip for good, and showing that it is silent."""

from __future__ import annotations

import logging
from typing import Final

from dpptag.errors import TagError, TagLost, TagSwapped, TagWriteFailed
from dpptag.links.gen2 import Gen2Link, Gen2Reader
from dpptag.tags.gen2_access import TRIES
from dpptag.tags.gen2_memory import Gen2Tag
from dpptag.tags.protection import PASSWORD_BYTES
from dpptag.tags.tag import refusal

_LOG: Final = logging.getLogger(__name__)


def kill_chip(reader: Gen2Reader, link: Gen2Link, tag: Gen2Tag, password: bytes) -> None:
    """IRREVERSIBLE: the chip never answers again. Sent once; then no round may find the chip any more, nor a tag with
    its EPC whose TID cannot be read.

    Raises TagRefused for a password of zero (it kills nothing, Gen2 6.3.2.12.3.4), TagSwapped for another chip, TagNak
    where the chip refused, TagWriteFailed where it still answers, TagLost where the answer was lost and the chip is
    silent: it is dead, or it left the field.
    """
    if link.uid != tag.uid:
        raise TagSwapped(
            "another chip stands where the chip to kill stood",
            action="put that chip back, alone",
            wanted=tag.uid.hex(),
            got=link.uid.hex(),
            tag_state="untouched",
        )
    if len(password) != PASSWORD_BYTES or not any(password):
        raise refusal(
            tag.uid, "kill-password", "a kill password of zero kills no chip", "give the chip's own 4-byte password"
        )
    if not link.selects_by_tid:
        link.reselect()  # while somebody was asked, the tag may have been changed for another with its EPC
    lost: TagLost | None = None
    try:
        link.kill(password)
    except TagLost as error:
        lost = error
    if _answers(reader, tag):
        raise TagWriteFailed(
            "a tag with the EPC of the chip still answers: it was not killed",
            code="kill-failed",
            action="bring it closer to the antenna and try again",
            chip=tag.uid.hex(),
            tag_state="unknown",
        )
    if lost is not None:
        raise TagLost(
            "the answer to the kill command was lost and the chip is silent: it is dead, or it left the field",
            action="hold the tag to another reader: a killed chip answers nowhere",
            chip=tag.uid.hex(),
            tag_state="unknown",
        ) from lost
    _LOG.info("%s: killed", tag.uid.hex())


def _answers(reader: Gen2Reader, tag: Gen2Tag) -> bool:
    """Whether one of several rounds finds the chip, told by its TID from others that carry its EPC.

    Heard in the last round without a TID that could be read, it may be the chip: so it is taken for it.
    """
    unknown = False
    for _ in range(TRIES):
        unknown = False
        for sighting in reader.inventory():
            if sighting.epc != tag.epc:
                continue
            try:
                found = reader.select(sighting)
            except TagError:
                unknown = True
                continue
            if found.uid == tag.uid:
                return True
    return unknown
