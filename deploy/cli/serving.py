"""`cagette serve` and `work`: the HTTP API, and the houses listening to each other."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from deploy.cli.home import Home, opened
from deploy.cli.output import err, out
from services.gateway.api.imports import MAXIMUM_LINE_BYTES
from services.gateway.api.routes import routes
from shared.eventstore.failures import STORAGE_EXCEPTIONS
from shared.eventstore.lease import HomeBusy
from shared.kernel.errors import NotFound
from shared.settings import Settings
from shared.web.app import create_app


class HouseName(StrEnum):
    """The three houses."""

    GATEWAY = "gateway"
    TRAINING = "training"
    BILLING = "billing"


Houses = Annotated[list[HouseName] | None, typer.Argument(help="Default: all of them.")]
POLL_SECONDS = 0.05
RETRY_SECONDS = 1
WORTH_WAITING: tuple[type[Exception], ...] = (HomeBusy, *STORAGE_EXCEPTIONS)
"""What passes by itself; anything else ends the process."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)
    app.command()(work)


def serve(houses: Houses = None) -> None:
    """Serve the HTTP API until Ctrl-C; its documentation is at /docs.

    Example: cagette serve gateway
    """
    if houses and HouseName.GATEWAY not in houses:
        raise NotFound("Only the gateway has an HTTP API: cagette serve gateway.")
    settings = Settings()
    with opened(settings) as home:
        run(home, settings)


def run(home: Home, settings: Settings) -> None:
    """Serve a home that is open, and let its houses hear each other meanwhile."""
    key = settings.key or home.api_key()
    told = threading.Event()
    app = web_app(home, settings, key, told)
    config = uvicorn.Config(app, host=settings.host, port=settings.port, log_level="warning")
    server = uvicorn.Server(config)
    where = f"http://{settings.host}:{settings.port}"
    source = "CAGETTE_KEY" if settings.key else str(home.folder / "api-key")
    out.print(f"API and its documentation: [bold]{where}/docs[/] (key in {source}; Ctrl-C ends)")
    with _listening(home, told, server):
        server.run()


def web_app(home: Home, settings: Settings, key: str, told: threading.Event) -> FastAPI:
    """The gateway's HTTP app over a home."""
    return create_app(
        "Cagette billing",
        [routes(home.gateway_desk, told.set)],
        key=key,
        maximum_body_bytes=min(settings.maximum_body_bytes, MAXIMUM_LINE_BYTES),
        unlimited=("/v1/imports",),
    )


def work(
    houses: Houses = None,
    once: Annotated[bool, typer.Option("--once", help="Stop when nothing is new.")] = False,
) -> None:
    """Let the houses hear each other and keep their views, until Ctrl-C.

    Example: cagette work --once
    """
    if houses and HouseName.BILLING not in houses:
        raise NotFound("Only billing hears its neighbours by now: cagette work billing.")
    with opened(Settings()) as home:
        _hear(home)
        while not once:
            time.sleep(POLL_SECONDS)
            _hear(home)


@contextmanager
def _listening(home: Home, told: threading.Event, server: uvicorn.Server) -> Iterator[None]:
    """A thread that lets billing hear what was told; if it breaks, the server stops with it."""
    broken: list[BaseException] = []

    def listen() -> None:
        try:
            while not server.should_exit:
                told.wait(POLL_SECONDS)
                told.clear()
                _hear(home)
        except BaseException as reason:
            broken.append(reason)
            server.should_exit = True
            raise

    thread = threading.Thread(target=listen, name="listener", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
    if broken:
        raise broken[0]


def _hear(home: Home) -> None:
    try:
        home.caught_up()
    except WORTH_WAITING as reason:
        err.print(f"hearing waits: {reason}", markup=False, highlight=False)
        time.sleep(RETRY_SECONDS)
