"""Ctrl-C in the middle of a host command: the answer that is still to come is never taken for the next one's."""

from __future__ import annotations

import pytest

from tests.usb_rig import usb_rig

READERS = {"acr122u": "nfc:usb:072f:2200", "pn533": "nfc:usb:04cc:2533", "rcs380": "nfc:usb:054c:06c1"}


@pytest.mark.parametrize("model", READERS)
def test_an_exchange_broken_by_ctrl_c_shifts_no_later_answer(model: str) -> None:
    with usb_rig(f"{model}?uid=04A1B2C3D4E5F6") as rig:
        whole, *after = rig.call("tests.usb_interrupt:pages_after_interrupts", path=READERS[model])
    assert after
    assert all(pages == whole for pages in after), after
