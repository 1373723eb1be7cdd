"""What nfcpy, pyserial, termios and libusb raise, turned into our errors in one place."""

from __future__ import annotations

import contextlib
import errno
import struct
import termios
from collections.abc import Callable, Iterator

import usb1
from nfc.clf.pn53x import Chipset
from nfc.clf.rcs380 import CommunicationError, StatusError

from dpptag.devices.raw_port import malformed
from dpptag.errors import DeviceLost, DeviceProtocolError


@contextlib.contextmanager
def foreign_errors(name: str, present: Callable[[], bool]) -> Iterator[None]:
    """Round every call of nfcpy. ``present`` says whether the reader is still plugged.

    ``Chipset.Error`` and its kin here are a command that the chip set itself refused; what a tag did not answer is
    caught by the port before.
    """
    try:
        yield
    except (Chipset.Error, CommunicationError, StatusError) as exc:
        raise DeviceProtocolError(
            f"the reader at {name} refused a command: {exc}", action="plug the reader in again", device=name
        ) from exc
    except (OSError, termios.error, usb1.USBError) as exc:
        gone = not present()
        # nfcpy turns a missing ACK frame into EIO raised from another OSError, and a failed USB transfer into EIO
        # raised from a USBError; a bare EIO is a malformed frame.
        from_below = isinstance(exc.__context__, OSError | termios.error | usb1.USBError)
        if isinstance(exc, OSError) and exc.errno == errno.EIO and not from_below and not gone:
            raise malformed(name) from exc
        how = "is gone" if gone else "does not answer"
        raise DeviceLost(
            f"the reader at {name} {how}", action="check cable and power, then run the command again", device=name
        ) from exc
    except (IndexError, struct.error) as exc:  # nfcpy takes frames apart without checking their length
        raise malformed(name) from exc
