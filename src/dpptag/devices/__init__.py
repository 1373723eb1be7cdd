"""Drivers: open what a device path names. Importing this imports no foreign library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpptag.devices.paths import DeviceKind, DevicePath, parse_device_path

if TYPE_CHECKING:
    from pathlib import Path

    from dpptag.links.nfc import NfcReader

__all__ = ["DeviceKind", "DevicePath", "open_nfc", "parse_device_path"]


def open_nfc(path: DevicePath, *, node: str | None = None, user_profiles: Path | None = None) -> NfcReader:
    """Open the NFC reader of a parsed path.

    ``node`` takes the place of the path's own: for ``sim:nfc`` the pseudo-terminal of a simulator that the caller has
    started and will close after the reader. ``user_profiles`` is a folder of the user's own firmware profiles.
    Raises ProfileError, DeviceNotFound, DeviceBusy, DeviceLost, DeviceProtocolError.
    """
    from dpptag.devices.nfcpy import NfcpyReader
    from dpptag.devices.profiles import load_profile

    profile = load_profile(path.profile, user_dir=user_profiles)
    return NfcpyReader(
        node or path.node,
        path=path.text,
        fast_read_pages=profile.fast_read_pages,
        bauds=profile.bauds,
        response_timeout_ms=profile.timeouts.response.ms,
        model=profile.title,
        simulated=path.simulated,
    )
