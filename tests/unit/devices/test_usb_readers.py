"""Without its profile a USB reader is trusted with no more than with it."""

from __future__ import annotations

from dpptag.devices.nfcpy import USB_READERS
from dpptag.devices.profiles import profile_by_usb


def test_fast_read_is_trusted_nowhere_where_the_profile_does_not() -> None:
    for (vendor, product), reader in USB_READERS.items():
        profile = profile_by_usb(vendor, product)
        assert profile is not None
        assert reader.fast_read_pages <= profile.fast_read_pages, reader.model
