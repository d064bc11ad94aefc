"""How fresh the gateway's views are."""

from sqlalchemy import select

from services.gateway.views.heard import SPEAKERS
from shared.eventstore.reading import Readable


def heard_until(views: Readable) -> dict[str, str]:
    """Until when each neighbour has been heard: when the last of its facts shown here was told.

    Read it before the data it describes: read afterwards, it may claim facts that the data lacks.
    """
    rows = views.found(select(SPEAKERS.c.speaker, SPEAKERS.c.told_at).order_by(SPEAKERS.c.speaker))
    return {row["speaker"]: row["told_at"] for row in rows}
