"""A gateway and a training that talk over real HTTP only; no broker."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2 as httpx

from deploy.cli.web import web_app
from deploy.cli.web_of_training import training_app
from deploy.local.processes import answers, free_port
from services.gateway.adapters.training import HttpTraining
from shared.settings import Settings
from tests.support.commands import Started
from tests.support.processes import KEY, wait_until
from tests.support.served import served
from tests.support.world import World, world


@dataclass
class TwoDoors:
    """The gateway's door; training, behind it, is another home with a door of its own."""

    gateway: World
    training: World
    asked: HttpTraining
    training_url: str
    http: httpx.Client

    def heads(self) -> tuple[int, int]:
        """How many events gateway and training remember."""
        return self.gateway.home.gateway.log.head(), self.training.home.training.log.head()


@contextmanager
def two_doors(folder: Path) -> Iterator[TwoDoors]:
    """Both doors open."""
    with world(folder / "training") as training, world(folder / "gateway") as gateway:
        app = training_app(training.home, Settings(home=training.home.folder), KEY)
        with served(app) as port, asked_at(at(port)) as asked, behind(gateway, asked) as http:
            yield TwoDoors(gateway, training, asked, at(port), http)


def at(port: int) -> str:
    """The URL of an app served on a port."""
    return f"http://127.0.0.1:{port}"


@contextmanager
def asked_at(url: str, key: str = KEY) -> Iterator[HttpTraining]:
    """Training, as the gateway asks it at a URL."""
    with closing(HttpTraining(url, key)) as asked:
        yield asked


@contextmanager
def behind(gateway: World, training: HttpTraining) -> Iterator[httpx.Client]:
    """A client of the gateway's door over a home, with training elsewhere."""
    home = replace(gateway.home, training_elsewhere=lambda: training)
    app = web_app(home, Settings(home=home.folder), KEY, threading.Event())
    headers = {"Authorization": f"Bearer {KEY}"}
    with (
        served(app) as port,
        httpx.Client(base_url=at(port), headers=headers, timeout=30) as client,
    ):
        yield client


@contextmanager
def stranger(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server that is none of our houses."""
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class TrainingProcess:
    """`cagette serve training` on a home of its own, which can be killed and started again."""

    def __init__(self, home: Path) -> None:
        with world(home):
            self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"CAGETTE_HOME": str(home), "CAGETTE_PORT": str(self.port), "CAGETTE_KEY": KEY}
        self._environment = {**os.environ, **own}
        self._log = home / "said.log"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = Started(("serve", "training"), self._environment, self._log)
        wait_until(lambda: answers(self.port))

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait(30)
