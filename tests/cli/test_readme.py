"""What the documents tell a reader to type works, line by line, as it stands there.

Every ``$ dpptag``, ``$ export`` and ``$ printf`` line of the ``console`` blocks runs in order, in one folder that holds
a copy of ``examples``. A line must end with exit code 0, or with N where it ends in the comment ``# exit N``. A block
whose fence says ``console not-run`` needs a reader.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command_line import environment
from tests.needs import ROOT

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_EXIT = re.compile(r"#\s*exit (\d+)\s*$")
_RUN = ("dpptag", "export", "printf")


@dataclass(frozen=True)
class Line:
    command: str
    exit_code: int


def console_lines(text: str) -> list[Line]:
    """The commands to run; output, comments and other programs (make, git, source) are left out."""
    joined = "\n".join(_BLOCK.findall(text)).replace("\\\n", " ")
    commands = [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]
    return [
        Line(command, int(found[1]) if (found := _EXIT.search(command)) else 0)
        for command in commands
        if command.split(maxsplit=1)[:1] and command.split(maxsplit=1)[0] in _RUN
    ]


def run_lines(lines: list[Line], folder: Path) -> subprocess.CompletedProcess[str]:
    """One shell for all lines, so that what one exports the next ones see; ends at the first surprise."""
    script = [f'dpptag() {{ "{sys.executable}" -m dpptag "$@"; }}', "set -o pipefail"]
    for number, line in enumerate(lines, 1):
        surprise = f'{{ echo "line {number}: exit $code" >&2; exit 99; }}'
        script += [line.command, f"code=$?; [ $code = {line.exit_code} ] || {surprise}"]
    return subprocess.run(
        ["/bin/bash", "-c", "\n".join(script)],
        cwd=folder,
        env=environment({"HOME": str(folder)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def documents() -> list[str]:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*.md"))]
    return [str(path.relative_to(ROOT)) for path in paths if console_lines(path.read_text(encoding="utf-8"))]


def test_the_readme_has_lines_to_run() -> None:
    assert len(console_lines((ROOT / "README.md").read_text(encoding="utf-8"))) > 10


@pytest.mark.parametrize("document", documents())
def test_every_line_of_the_document_works(document: str, tmp_path: Path) -> None:
    lines = console_lines((ROOT / document).read_text(encoding="utf-8"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.key", "*.pub"))
    done = run_lines(lines, tmp_path)
    at = re.search(r"^line (\d+): exit \d+$", done.stderr, re.MULTILINE)
    failed = lines[int(at[1]) - 1].command if at else "?"
    assert done.returncode == 0, f"{document}: {failed}\n{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr
    print(f"{document}: {len(lines)} lines run")


def test_a_line_that_fails_is_caught(tmp_path: Path) -> None:
    lines = console_lines("```console\n$ dpptag --version\n$ dpptag link check x\n$ dpptag --version\n```\n")
    done = run_lines(lines, tmp_path)
    assert (done.returncode, done.stdout.count("version")) == (99, 1)
    assert "line 2: exit 7" in done.stderr


def test_lines_are_taken_from_console_blocks_alone() -> None:
    text = (
        "$ dpptag no\n```console\n$ make demo\n$ export A=1\noutput\n$ dpptag link check \\\n  x  # exit 7\n```\n"
        "```toml\n$ dpptag no\n```\n```console\n$ dpptag --version\n```\n```console not-run\n$ dpptag no\n```\n"
    )
    assert console_lines(text) == [
        Line("export A=1", 0),
        Line("dpptag link check    x  # exit 7", 7),
        Line("dpptag --version", 0),
    ]
