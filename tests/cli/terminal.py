"""A program at a terminal of its own, where it may ask."""

import contextlib
import fcntl
import os
import subprocess
import termios
from collections.abc import Mapping, Sequence


def at_terminal(command: Sequence[str], env: Mapping[str, str], dialogue: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Run ``command``; wait for each question and type its answer. Exit code and everything the screen showed."""
    master, slave = os.openpty()
    name = os.ttyname(slave)

    def take_terminal() -> None:
        fcntl.ioctl(os.open(name, os.O_RDWR), termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        list(command),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=dict(env),
        start_new_session=True,
        preexec_fn=take_terminal,
    ) as child:
        os.close(slave)
        seen = b""
        questions = list(dialogue)
        with contextlib.suppress(OSError):  # EIO: the program has left the terminal
            while data := os.read(master, 4096):
                seen += data
                if questions and questions[0][0].encode() in seen and _echo_is_off(master):
                    os.write(master, questions.pop(0)[1].encode() + b"\n")
        os.close(master)
    return child.returncode, seen.decode()


def _echo_is_off(terminal: int) -> bool:
    return not termios.tcgetattr(terminal)[3] & termios.ECHO
