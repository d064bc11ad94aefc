"""Server processes that end with the process that started them, and not before."""

import ctypes
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from shared.kernel.errors import Refusal

PR_SET_PDEATHSIG = 1
FIRST_PORT, LAST_PORT = 19_100, 31_000
"""Below the ephemeral range, so that no outgoing socket takes a port while its server is down."""


_given: set[int] = set()
"""Ports that this process gave out, each with the next one, whether or not they answer yet."""


class NotToBeHad(Refusal):
    """A server that cannot be had on this machine; the sentence says what to install."""

    name = "not-to-be-had"


def free_port() -> int:
    """A free port on the loopback, chosen at random: others look for one at the same time."""
    for _ in range(LAST_PORT - FIRST_PORT):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port in _given:
                continue
            _given.update((port, port + 1))
            return port
    raise NotToBeHad("No port is free on the loopback.")


def answers(port: int) -> bool:
    """Whether a server accepts connections on a port of the loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), 0.5):
            return True
    except OSError:
        return False


def docker_answers() -> bool:
    """Whether a Docker engine answers within a second; assumed of one that is not local."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as engine:
        engine.settimeout(1)
        try:
            engine.connect(host.removeprefix("unix://"))
        except OSError:
            return False
    return True


def unprivileged() -> dict[str, Any]:
    """Arguments of Popen that run a child as the user nobody if we are root; otherwise none."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def start(command: Sequence[str | Path], log: Path, end_signal: int, **child: Any) -> "Server":
    """Start a server in a session of its own; `end_signal` reaches it when its parent dies."""

    def end_with_parent() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, end_signal)

    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - the commands are our own
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - the server is started from one thread
            **child,
        )
    return Server(process, log)


class Server:
    """A running server process."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it is still running."""
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: int) -> None:
        """Wait until it is ready; raises NotToBeHad with the end of its log if it never is."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up and self.is_running:
            if ready():
                return
            time.sleep(0.02)
        self.kill()
        self._fail()

    def _fail(self) -> NoReturn:
        last_words = self._log.read_text(errors="replace")[-1_000:]
        raise NotToBeHad(f"{self._process.args!r} did not start: {last_words}")

    def signal(self, number: int) -> None:
        """Send a signal, if it is still running."""
        if self.is_running:
            self._process.send_signal(number)

    def freeze(self) -> None:
        """Suspend it; once this returns, it does nothing more."""
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.signal(signal.SIGKILL)
        self._process.wait(10)

    def stop(self, number: int, seconds: int = 15) -> None:
        """Ask it to end; kill it if it does not."""
        self.signal(signal.SIGCONT)
        self.signal(number)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
