"""The gateway's HTTP app over a home."""

import threading

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from deploy.cli.clock import today
from deploy.cli.home import Home
from services.gateway.api.imports import MAXIMUM_LINE_BYTES
from services.gateway.api.reads import EXAMPLES, reads
from services.gateway.api.routes import routes
from services.gateway.api.shown import Shown
from shared.facts import documents
from shared.settings import Settings
from shared.web.app import SCHEMAS, create_app
from shared.web.keyring import Keyring
from shared.web.limits import Limits


def web_app(home: Home, settings: Settings, key: str | None, told: threading.Event) -> FastAPI:
    """The gateway's HTTP app over a home: for the deployment's own `key` and all keys given out."""
    shown = Shown(home.gateway, home.views["gateway"], home.gateway_desk.training, today)
    app = create_app(
        "Cagette billing",
        [routes(home.gateway_desk, shown, told.set), reads(shown)],
        keys=Keyring(key, home.keys),
        limits=Limits(
            body_bytes=min(settings.maximum_body_bytes, MAXIMUM_LINE_BYTES),
            requests_per_second=settings.requests_per_second,
            body_seconds=settings.body_seconds,
            requests_in_flight=settings.requests_in_flight,
            unlimited=frozenset({"/v1/imports"}),
        ),
        examples=EXAMPLES,
    )
    app.mount(SCHEMAS, StaticFiles(directory=documents.FOLDER / "schemas"))
    return app
