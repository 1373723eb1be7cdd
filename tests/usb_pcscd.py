"""pcscd with the real libccid on the simulated bus, in a mount namespace with a /run of its own.

The client stays outside: ``PCSCLITE_CSOCK_NAME`` names the daemon's socket in the private folder.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import program_path
from tests.usb_rig import PLAIN, UsbRig

_BUNDLE = Path("/usr/lib/pcsc/drivers/ifd-ccid.bundle")
# unshare and mount do not belong on the simulated bus: the preload is for pcscd alone.
_START = 'mount --bind "$1" /run && shift && exec env "$@"'


def needs_pcscd() -> None:
    """Skip, naming the Debian package that is absent."""
    program_path("unshare", package="util-linux")
    if not Path("/usr/sbin/pcscd").exists():
        pytest.skip("not installed: pcscd")
    if not _BUNDLE.exists():
        pytest.skip("not installed: libccid")


@contextlib.contextmanager
def pcscd_on(rig: UsbRig) -> Iterator[dict[str, str]]:
    """Start pcscd on the rig's bus; gives the environment for its clients."""
    needs_pcscd()
    with tempfile.TemporaryDirectory(prefix="pcscd-") as folder:
        run, config = Path(folder, "run"), Path(folder, "conf")
        run.mkdir()
        config.mkdir()
        preload = [f"{key}={value}" for key, value in rig.environment.items()]
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        command = ["unshare", *user, "--mount", "sh", "-c", _START, "sh", str(run), *preload]
        with Path(folder, "log").open("wb") as log:
            daemon = subprocess.Popen(
                [*command, "/usr/sbin/pcscd", "--foreground", "--config", str(config)],
                env=PLAIN,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                yield {"PCSCLITE_CSOCK_NAME": str(run / "pcscd" / "pcscd.comm")}
            finally:
                daemon.terminate()
                daemon.wait(timeout=10)
