"""Rules for the whole test run: no network, hardware only when asked for, no silent skip under CI."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.needs import NEEDS_DEVICE, is_allowed_skip
from tests.network import cut

# A shared machine makes any single example slow; pytest-timeout bounds the test instead.
settings.register_profile("dpptag", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dpptag")

HW = Path(__file__).parent / "hw"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", help="run tests/hw against this reader, such as tty:/dev/ttyUSB0; overwrites its tags")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HW):
            item.add_marker(pytest.mark.hw)
        if item.get_closest_marker("hw") and not config.getoption("--device"):
            item.add_marker(pytest.mark.skip(reason=NEEDS_DEVICE))


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The reader named by --device; only for tests marked ``hw``."""
    name = request.config.getoption("--device")
    if name is None:
        pytest.skip(NEEDS_DEVICE)
    assert isinstance(name, str)
    return name


@pytest.fixture(autouse=True)
def _cut_network(monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch)


_refused_skips: list[str] = []


def _note_skip(nodeid: str, longrepr: object) -> None:
    text = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    reason = str(text).removeprefix("Skipped: ")
    if not is_allowed_skip(reason):
        _refused_skips.append(f"{nodeid}: {reason}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _note_skip(report.nodeid, report.longrepr)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped:
        _note_skip(report.nodeid, report.longrepr)


def _skips_fail(config: pytest.Config) -> bool:
    # With xdist the reports of all workers arrive at the controller; a worker alone decides nothing.
    return bool(_refused_skips) and os.environ.get("CI") == "true" and not hasattr(config, "workerinput")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skips_fail(session.config) and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _skips_fail(config):
        terminalreporter.section("skips that CI does not accept: the run fails")
        for line in _refused_skips:
            terminalreporter.line(line)
