"""The three houses by name: how each is built, what it shows, whom it hears."""

from services.billing import main as billing
from services.gateway import main as gateway
from services.training import main as training

HOUSES = ("gateway", "training", "billing")
"""In the order in which a sale passes them."""

VIEWS = {"gateway": gateway.VIEWS, "training": training.VIEWS, "billing": billing.VIEWS}

HEARS: dict[str, tuple[str, ...]] = {
    "gateway": ("training", "billing"),
    "training": (),
    "billing": ("gateway", "training"),
}
"""Its speakers, by listener."""

NO_PATIENCE = 0
"""Whoever finds a worker at work leaves the work to it."""
