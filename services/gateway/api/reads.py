"""The reads of the marketplace (contract §3), from the gateway's own views or from training."""

import json
from pathlib import Path

from fastapi import APIRouter

from services.gateway.api.accounting import add_accounting
from services.gateway.api.explanations import add_explanations
from services.gateway.api.feed import add_feed
from services.gateway.api.held import add_held
from services.gateway.api.listings import add_listings
from services.gateway.api.previews import add_previews
from services.gateway.api.reconciliations import add_reconciliations
from services.gateway.api.shown import Shown
from services.gateway.api.standing import add_standing
from services.gateway.api.trainings import add_trainings
from shared.web.app import READS
from shared.web.examples import Examples
from shared.web.guarded import Guarded

EXAMPLES: Examples = json.loads((Path(__file__).parent / "examples.json").read_text("utf-8"))
"""Calls that were made, and the answers; `tests/gateway/test_openapi.py` makes them anew."""


def reads(shown: Shown) -> APIRouter:
    """The routes that read."""
    router = APIRouter(prefix="/v1", tags=[READS], route_class=Guarded)
    for add in (
        add_standing,
        add_accounting,
        add_explanations,
        add_previews,
        add_held,
        add_listings,
        add_feed,
        add_reconciliations,
        add_trainings,
    ):
        add(router, shown)
    return router
