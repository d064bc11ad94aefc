"""A home served over HTTP, its houses hearing each other meanwhile.

Apart from the commands, for it is half a second of imports that only `serve` and `demo` need.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import uvicorn
from fastapi import FastAPI

from deploy.cli.clock import today
from deploy.cli.hearing import POLL_SECONDS, hear
from deploy.cli.home import Home
from deploy.cli.output import out, shown
from services.gateway.api.imports import MAXIMUM_LINE_BYTES
from services.gateway.api.reads import reads
from services.gateway.api.routes import routes
from services.gateway.api.shown import Shown
from services.training.api.routes import routes as training_routes
from shared.settings import Settings
from shared.web.app import create_app


def run(home: Home, settings: Settings, *, training: bool = False, as_json: bool = False) -> None:
    """Serve a home that is open; embedded, its houses hear each other meanwhile.

    Where `training` is served it is training's own API, for the gateway.
    """
    key = settings.key or home.api_key()
    told = threading.Event()
    app = training_app(home, settings, key) if training else web_app(home, settings, key, told)
    config = uvicorn.Config(app, host=settings.host, port=settings.port, log_level="warning")
    server = uvicorn.Server(config)
    where = f"http://{settings.host}:{settings.port}"
    source = "CAGETTE_KEY" if settings.key else str(home.folder / "api-key")
    if as_json:
        shown({"url": where, "key_in": source})
    else:
        out.print(f"API and its page: [bold]{where}/docs[/] (key in {source}; Ctrl-C ends)")
    with _listening(home, told, server) if home.is_embedded else nullcontext():
        server.run()


def web_app(home: Home, settings: Settings, key: str, told: threading.Event) -> FastAPI:
    """The gateway's HTTP app over a home."""
    shown = Shown(home.gateway, home.views["gateway"], home.gateway_desk.training, today)
    return create_app(
        "Cagette billing",
        [routes(home.gateway_desk, shown, told.set), reads(shown)],
        key=key,
        maximum_body_bytes=min(settings.maximum_body_bytes, MAXIMUM_LINE_BYTES),
        unlimited=("/v1/imports",),
    )


def training_app(home: Home, settings: Settings, key: str) -> FastAPI:
    """Training's HTTP app, which the gateway calls."""
    return create_app(
        "Cagette training",
        [training_routes(home.training_desk)],
        key=key,
        maximum_body_bytes=settings.maximum_body_bytes,
    )


@contextmanager
def _listening(home: Home, told: threading.Event, server: uvicorn.Server) -> Iterator[None]:
    """A thread that lets billing hear what was told; if it breaks, the server stops with it."""
    broken: list[BaseException] = []

    def listen() -> None:
        try:
            while not server.should_exit:
                told.wait(POLL_SECONDS)
                told.clear()
                hear(home)
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
