"""`cagette services`: PostgreSQL and Kafka, to try the deployment without Docker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import typer

from deploy.cli import options
from deploy.cli.output import out, progress, shown
from deploy.local.kafka import LocalKafka
from deploy.local.postgres import LocalPostgres
from deploy.local.processes import NotToBeHad, answers, free_port
from shared.settings import Settings

DOORS_AND_WORKERS = ("serve training", "work gateway", "work training", "work billing")
STOP_SECONDS = 10
START_SECONDS = 30

services = typer.Typer(help="PostgreSQL and Kafka for development, kept in the home.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(services, name="services")


@services.command()
def up(as_json: options.Json = False) -> None:
    """Run a PostgreSQL and a Kafka until Ctrl-C; their data stay in the home.

    Example: cagette services up
    """
    with local_services(Settings()) as settings:
        variables = variables_of(settings)
        if as_json:
            shown(variables)
        else:
            out.print("In another shell, then `cagette migrate` and the rest:")
            for name, value in variables.items():
                out.print(f"export {name}={value}", highlight=False)
        with suppress(KeyboardInterrupt):
            signal.pause()


@contextmanager
def local_services(settings: Settings) -> Iterator[Settings]:
    """Run a PostgreSQL and a Kafka meanwhile; yield the settings of a deployment on them."""
    settings.home.mkdir(parents=True, exist_ok=True)
    folder = settings.home.absolute() / "services"
    with ExitStack() as stack:
        with progress("starting PostgreSQL and Kafka"):
            postgres = stack.enter_context(LocalPostgres(folder / "postgres"))
            kafka = stack.enter_context(LocalKafka(folder / "kafka"))
        yield settings.model_copy(
            update={"database_url": postgres.url, "kafka_bootstrap": kafka.bootstrap}
        )


@contextmanager
def processes(settings: Settings, key: str) -> Iterator[Settings]:
    """Run training's door and the workers of all houses meanwhile, as processes of their own."""
    port = free_port()
    environment = {
        **os.environ,
        **variables_of(settings),
        "CAGETTE_HOME": str(settings.home),
        "CAGETTE_KEY": key,
        "CAGETTE_PORT": str(port),
    }
    started = []
    log = settings.home / "processes.log"
    with log.open("ab") as said:
        for words in DOORS_AND_WORKERS:
            command = [sys.executable, "-m", "deploy.cli.main", *words.split()]
            started.append(subprocess.Popen(command, env=environment, stdout=said, stderr=said))  # noqa: S603
    try:
        _wait_for(port)
        yield settings.model_copy(update={"training_url": f"http://127.0.0.1:{port}", "key": key})
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(STOP_SECONDS)


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + START_SECONDS
    while not answers(port):
        if time.monotonic() > give_up:
            raise NotToBeHad("Training's door does not answer: see processes.log in the home.")
        time.sleep(0.05)


def variables_of(settings: Settings) -> dict[str, str]:
    """The environment variables that lead to the same services."""
    return {
        "CAGETTE_DATABASE_URL": settings.database_url or "",
        "CAGETTE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap or "",
    }
