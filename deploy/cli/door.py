"""A home served over HTTP, its houses hearing each other meanwhile.

Kept apart from the commands: only `serve` and `demo` need its half second of imports.
"""

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import uvicorn
from fastapi import FastAPI

from deploy.cli.hearing import beside, hear
from deploy.cli.home import Home
from deploy.cli.output import out, shown
from deploy.cli.own_key import KEY_FILE
from shared.kernel.errors import NotValid
from shared.settings import Settings
from shared.web.server import ProblemProtocol

LISTEN_SECONDS = 0.05
"""How often to look for facts that were told without a signal."""
REST_SECONDS = 75
"""How long a connection may be idle: longer than clients and proxies keep theirs, some 5 to 60 s,
or their next request might arrive just as the door closes it."""


def run(home: Home, settings: Settings, *, training: bool = False, as_json: bool = False) -> None:
    """Serve an open home; if embedded, its houses hear each other meanwhile.

    With `training` it serves training's own API, for the gateway.
    """
    key = home.api_key()
    told = threading.Event()
    if training:
        from deploy.cli.web_of_training import training_app  # noqa: PLC0415 - a door loads its own

        app = training_app(home, settings, key)
    else:
        from deploy.cli.web import web_app  # noqa: PLC0415 - as above

        app = web_app(home, settings, settings.key, told)
    door = _bound(settings.host, settings.port)
    server = uvicorn.Server(configured(app, settings))
    gc.freeze()  # the app stays: scanning it for garbage holds up requests
    where = f"http://{settings.host}:{door.getsockname()[1]}"
    source = "CAGETTE_KEY" if settings.key else str(home.folder / KEY_FILE)
    if as_json:
        shown({"url": where, "key_in": source})
    else:
        out.print(f"API and its page: [bold]{where}/docs[/] (key in {source}; Ctrl-C ends)")
    with _listening(home, told, server) if home.is_embedded else nullcontext():
        server.run(sockets=[door])


def _bound(host: str, port: int) -> socket.socket:
    """The socket to serve on; raises NotValid if it cannot be bound."""
    try:
        [family, *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((host, port), family=family)
    except OSError as reason:
        raise NotValid(
            f"Nothing can be served at {host}, port {port} ({reason.strerror}): "
            "set CAGETTE_HOST and CAGETTE_PORT to what is free on this machine."
        ) from reason


def configured(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves an app."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        loop="uvloop",
        http=ProblemProtocol,
        timeout_keep_alive=REST_SECONDS,
    )


@contextmanager
def _listening(home: Home, told: threading.Event, server: uvicorn.Server) -> Iterator[None]:
    """Threads that let the houses hear each other, and deliver webhooks.

    If one of them breaks, the server stops with it.
    """
    from deploy.cli.delivering import delivering  # noqa: PLC0415 - deployed, a worker delivers

    def listen() -> None:
        while not server.should_exit:
            told.wait(LISTEN_SECONDS)
            told.clear()
            hear(home)

    def end() -> None:
        server.should_exit = True

    with delivering(home, end), beside("listener", listen, end):
        yield
