"""A deployment as it is run: each house in processes of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2 as httpx

from deploy.local.processes import free_port

CAGETTE = (sys.executable, "-m", "deploy.cli.main")
KEY = "a-key-of-the-tests"


class Deployment:
    """Doors and workers of a deployment, each a process that can be killed and started again."""

    def __init__(self, home: Path, database_url: str, broker: dict[str, str]) -> None:
        home.mkdir()
        self.home = home
        self.port, self.training_port = free_port(), free_port()
        self.environment = {
            **os.environ,
            "CAGETTE_HOME": str(home),
            "CAGETTE_KEY": KEY,
            "CAGETTE_DATABASE_URL": database_url,
            "CAGETTE_KAFKA_BOOTSTRAP": broker["kafka_bootstrap"],
            "CAGETTE_KAFKA_PREFIX": broker["kafka_prefix"],
            "CAGETTE_PATIENCE_SECONDS": "30",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [*CAGETTE, *words], env=self.environment, capture_output=True, text=True, check=False
        )

    def start(self, name: str) -> None:
        """Start a process, named by its command: `work billing`."""
        environment = dict(self.environment)
        if name == "serve gateway":
            environment |= {
                "CAGETTE_PORT": str(self.port),
                "CAGETTE_TRAINING_URL": f"http://127.0.0.1:{self.training_port}",
            }
        if name == "serve training":
            environment |= {"CAGETTE_PORT": str(self.training_port)}
        with (self.home / f"{name.replace(' ', '-')}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*CAGETTE, *name.split()], env=environment, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """End a process as a crash does."""
        self.running[name].kill()
        self.running[name].wait(10)

    def stop(self, name: str) -> int:
        """Ask a process to end; its exit code."""
        self.running[name].send_signal(signal.SIGTERM)
        return self.running[name].wait(10)

    def close(self) -> None:
        """End all of them."""
        for process in self.running.values():
            process.kill()
            process.wait(10)

    def said(self, name: str) -> str:
        """What a process printed."""
        return (self.home / f"{name.replace(' ', '-')}.log").read_text()

    def is_up(self, port: int) -> bool:
        """Whether a door answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{port}/livez", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def client(self) -> httpx.Client:
        """A client of the gateway, with the key."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=30,
        )


def wait_until(true: Callable[[], bool], seconds: int = 60) -> None:
    """Wait for something to be true, and fail loudly when it does not come."""
    give_up = time.monotonic() + seconds
    while not true():
        if time.monotonic() > give_up:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.1)
