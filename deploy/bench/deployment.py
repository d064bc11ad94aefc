"""A deployment for one bench: a home, a database, topics and processes."""

import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.bench.grounds import Grounds
from deploy.bench.raw import fresh_database
from deploy.cli.home import Home, opened
from deploy.cli.operating import make_topics
from deploy.cli.services import variables_of
from deploy.local.processes import Server, answers, free_port, start
from shared.settings import Settings

CAGETTE = (sys.executable, "-m", "deploy.cli.main")
START_SECONDS = 30
KEY = "the-key-of-a-bench"


class Deployment:
    """Three houses, in one process or on PostgreSQL and Kafka, and the processes started."""

    def __init__(self, settings: Settings, home: Home, stack: ExitStack) -> None:
        self.settings = settings
        self.home = home
        self._stack = stack

    def serve(self, words: str = "serve") -> tuple[int, Server]:
        """Start a door and wait until it answers; return its port and process."""
        port = free_port()
        process = self.start(words, {"CAGETTE_PORT": str(port)})
        process.wait_until(lambda: answers(port), START_SECONDS)
        return port, process

    def start(self, words: str, more: Mapping[str, str] | None = None) -> Server:
        """Start `cagette WORDS`; it ends with the deployment."""
        log = self.settings.home / f"{words.replace(' ', '-')}.log"
        environment = {**self.environment, **(more or {})}
        process = start([*CAGETTE, *words.split()], log, signal.SIGKILL, env=environment)
        self._stack.callback(process.stop, signal.SIGTERM)
        return process

    @property
    def environment(self) -> dict[str, str]:
        """The environment that leads a command to it; its doors limit no requests."""
        ours = {name: value for name, value in os.environ.items() if "CAGETTE" not in name}
        servers = variables_of(self.settings) if self.settings.database_url else {}
        return {
            **ours,
            **servers,
            "CAGETTE_HOME": str(self.settings.home),
            "CAGETTE_KEY": KEY,
            "CAGETTE_KAFKA_PREFIX": self.settings.kafka_prefix,
            "CAGETTE_REQUESTS_PER_SECOND": "0",
            "CAGETTE_REQUESTS_IN_FLIGHT": "0",
        }


@contextmanager
def deployment(grounds: Grounds, *, embedded: bool = False) -> Iterator[Deployment]:
    """A fresh deployment, migrated; only its topics are left afterwards."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        settings = Settings(home=folder, key=KEY, database_url=None, kafka_bootstrap=None)
        if not embedded:
            servers = {
                "database_url": stack.enter_context(fresh_database(grounds.database_url, name)),
                "kafka_bootstrap": grounds.bootstrap,
                "kafka_prefix": name,
            }
            settings = settings.model_copy(update=servers)
            make_topics(settings)
        home = stack.enter_context(opened(settings, check=False))
        home.migrate(by="bench")
        yield Deployment(settings, home, stack)
