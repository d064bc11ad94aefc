"""`cagette COMMAND`, each in a process of its own, as operations run it.

The process is forked from one that has imported everything, which saves a second per command.
`PROGRAM` is the command itself, for tests of how it starts and ends.
"""

import json
import multiprocessing
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing.forkserver import set_forkserver_preload
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("cagette"))
Run = subprocess.CompletedProcess[bytes]

_context = multiprocessing.get_context("forkserver")
set_forkserver_preload(
    [f"deploy.cli.{module}" for module in ("main", "embedded", "deployed", "web", "delivering")]
)


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The command's environment: its home, and a wide terminal."""
    ours = {name: value for name, value in os.environ.items() if "CAGETTE" not in name}
    return {**ours, "CAGETTE_HOME": str(home), "COLUMNS": "200", **settings}


def run(home: Path, command: str, stdin: bytes = b"", **settings: str) -> Run:
    """Runs `cagette COMMAND` on a home."""
    return ran(shlex.split(command), environment(home, **settings), stdin)


def ran(words: Sequence[str], env: dict[str, str], stdin: bytes = b"") -> Run:
    """Runs `cagette WORDS` to its end."""
    words = ["cagette", *words]
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        streams[0].write_bytes(stdin)
        process = _context.Process(target=_command, args=(words, env, streams))
        process.start()
        process.join()
        code = process.exitcode
        assert code is not None
        return Run(words, code, streams[1].read_bytes(), streams[2].read_bytes())


class Started:
    """`cagette WORDS` in the background: to be waited for, asked to end, or killed."""

    def __init__(self, words: Sequence[str], env: dict[str, str], log: Path) -> None:
        streams = [Path(os.devnull), log, log]
        self._words = ["cagette", *words]
        self._process = _context.Process(
            target=_command, args=(self._words, env, streams), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, negative if a signal ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code once it has ended; raises TimeoutExpired if it still runs."""
        self._process.join(seconds)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self._words, seconds or 0)
        return code

    def ask_to_end(self) -> None:
        """Send SIGTERM, as a supervisor does."""
        self._process.terminate()

    def kill(self) -> None:
        """End it with SIGKILL, as a crash does."""
        self._process.kill()


def _command(words: list[str], env: dict[str, str], streams: list[Path]) -> None:
    """Run the command in its own process, on standard streams of its own."""
    from deploy.cli.main import main

    for number, stream in enumerate(streams):
        handle = os.open(stream, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = words
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def answered(home: Path, command: str, stdin: bytes = b"") -> Any:
    """The JSON answer of a command that must succeed."""
    done = run(home, f"{command} --json", stdin)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def refused(done: Run, name: str, *words: str) -> None:
    """Checks that a command ended by naming a refusal, with some words about it."""
    said = done.stderr.decode()
    assert (done.returncode, said.split(":")[0]) == (1, name), done
    assert b"Traceback" not in done.stderr
    for word in words:
        assert word in said, said


def in_a_process(work: Callable[..., None], *arguments: Any) -> int:
    """Do some work in a process of its own; its exit code, negative if a signal killed it."""
    process = _context.Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode
