"""Under CI no test is skipped whose vectors are present or whose part set-up could have installed."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import ROOT, is_allowed_skip
from tests.network import NetworkUsedError
from tests.vectors import VECTORS


def run_session(folder: Path, test: str, *, ci: bool, workers: int) -> subprocess.CompletedProcess[str]:
    (folder / "tests").mkdir()
    for name in ("conftest.py", "needs.py", "network.py", "vectors.py"):
        (folder / "tests" / name).write_text((ROOT / "tests" / name).read_text())
    (folder / "tests" / "test_one.py").write_text(test)
    # Only this session's own variables: a coverage or xdist variable of the outer run must not reach the inner one.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:cov", "-n", str(workers), "tests"]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment | ({"CI": "true"} if ci else {}) | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


LAZY = "import pytest\ndef test_lazy():\n    pytest.skip('not today')\n"
LAZY_MODULE = "import pytest\npytest.skip('not today', allow_module_level=True)\n"
HARDWARE = "import pytest\n@pytest.mark.hw\ndef test_hw(device):\n    assert 0\n"


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("test", [LAZY, LAZY_MODULE])
def test_a_needless_skip_fails_the_run_under_ci(tmp_path: Path, test: str, workers: int) -> None:
    done = run_session(tmp_path, test, ci=True, workers=workers)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not today" in done.stdout.split("skips that CI does not accept")[1]


def test_the_same_skip_passes_on_a_desk(tmp_path: Path) -> None:
    assert run_session(tmp_path, LAZY, ci=False, workers=0).returncode == 0


def test_a_hardware_test_without_device_is_an_accepted_skip(tmp_path: Path) -> None:
    done = run_session(tmp_path, HARDWARE, ci=True, workers=0)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout


def test_absent_vectors_are_accepted_only_where_all_are_absent() -> None:
    assert is_allowed_skip("vectors absent: ../shared/vectors/x") is not VECTORS.exists()


def test_only_what_set_up_could_not_install_is_an_accepted_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.needs.not_installed", lambda: frozenset({"libnfc-bin"}))
    assert is_allowed_skip("not installed: libnfc-bin")
    assert not is_allowed_skip("not installed: .venv-peers")


def test_no_test_reaches_another_machine() -> None:
    with socket.socket() as one, pytest.raises(NetworkUsedError):
        one.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkUsedError):
        socket.getaddrinfo("example.com", 80)
