"""Parts that a test needs and that may be absent; an absent part skips a test with a reason.

`tools/setup.sh` notes what it could not install. Under CI a skip passes only for what is noted there.
"""

import functools
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.vectors import VECTORS

ROOT = Path(__file__).resolve().parents[1]
NEEDS_DEVICE = "needs --device"
_NOTED = ROOT / ".venv" / "not-installed"


def not_installed() -> frozenset[str]:
    """Names of packages and parts that set-up said it could not install."""
    return frozenset(_NOTED.read_text().split()) if _NOTED.exists() else frozenset()


def program_path(program: str, *, package: str) -> Path:
    """The path of a system program, or a skip that names the Debian package."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"not installed: {package}")
    return Path(path)


def peer_python() -> Path:
    """The interpreter of the environment with foreign COSE, EPC and passport software, and PN532 drivers."""
    path = ROOT / ".venv-peers" / "bin" / "python"
    if not path.exists():
        pytest.skip("not installed: .venv-peers")
    return path


def peer_package(name: str) -> None:
    """Skips where the environment of :func:`peer_python` is older than the need for this package."""
    if not any(peer_python().parents[1].glob(f"lib/python*/site-packages/{name}")):
        pytest.skip(f"not installed: {name}")


def uhf_clients() -> Path:
    """The folder with the clients of UHF modules: Python packages, and the sources of the Mercury API for C."""
    path = ROOT / ".venv-peers" / "uhf"
    if not path.exists():
        pytest.skip("not installed: .venv-peers")
    return path


def node_with_nfc_pcsc() -> tuple[Path, Path]:
    """Node.js, and the folder whose node_modules has nfc-pcsc."""
    node, folder = shutil.which("node"), ROOT / ".venv-peers" / "node"
    if node is None or not (folder / "node_modules" / "nfc-pcsc").exists():
        pytest.skip("not installed: nfc-pcsc")
    return Path(node), folder


@functools.cache
def system_python_with_umockdev() -> Path:
    """The system's Python, if it can make devices with umockdev; else a skip that names the package."""
    path = Path("/usr/bin/python3")
    if not path.exists():
        pytest.skip("not installed: python3-gi")
    code = "import gi; gi.require_version('UMockdev', '1.0'); from gi.repository import UMockdev"
    found = subprocess.run([str(path), "-c", code], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    if found.returncode:
        pytest.skip("not installed: gir1.2-umockdev-1.0")
    return path


def is_allowed_skip(reason: str) -> bool:
    """Whether a skip is honest under CI: a device nobody named, vectors that are not here, what set-up left out."""
    if reason == NEEDS_DEVICE:
        return True
    if reason.startswith("vectors absent: "):
        return not VECTORS.exists()
    if reason.startswith("not installed: "):
        return reason.removeprefix("not installed: ") in not_installed()
    return False
