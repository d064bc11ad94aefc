"""What the marketplace reads about trainings: training answers, the gateway forwards."""

from fastapi import APIRouter

from services.gateway.api.shown import Shown
from shared.web.training_reads import add_training_reads


def add_trainings(router: APIRouter, shown: Shown) -> None:
    """Add the reads of training, in the same process or another; 503 while it is away."""
    add_training_reads(router, shown.training)
