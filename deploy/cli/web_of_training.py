"""Training's HTTP app over a home."""

from fastapi import FastAPI

from deploy.cli.home import Home
from services.training.api.routes import routes
from shared.settings import Settings
from shared.web.app import create_app
from shared.web.keyring import Keyring
from shared.web.limits import Limits


def training_app(home: Home, settings: Settings, key: str) -> FastAPI:
    """Training's HTTP app, which only the gateway calls."""
    return create_app(
        "Cagette training",
        [routes(home.training_desk)],
        keys=Keyring(key),
        limits=Limits(
            body_bytes=settings.maximum_body_bytes,
            body_seconds=settings.body_seconds,
            requests_in_flight=settings.requests_in_flight,
        ),
    )
