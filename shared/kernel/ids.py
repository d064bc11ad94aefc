"""Stable ids, made from natural keys: what is done twice gets the same id."""

from functools import lru_cache
from uuid import UUID, uuid5

CAGETTE = UUID("6f0f2f5e-9f5e-5c1c-8d0c-6d2b7c5d4a10")
"""The namespace of every stable id of this product. It never changes."""


@lru_cache(maxsize=4096)  # a batch of facts names each stream several times
def stable_id(*natural_key: str) -> UUID:
    """The id of what a natural key names: stable_id("billing/sale", "2045", "48211").

    The parts of a key never contain a line feed, so two keys never share an id.
    """
    return uuid5(CAGETTE, "\n".join(natural_key))
