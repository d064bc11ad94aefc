"""How fresh the gateway's views are."""

from sqlalchemy import select

from services.gateway.views.heard import SPEAKERS
from shared.eventstore.reading import Readable


def heard_until(views: Readable) -> dict[str, str]:
    """Until when each neighbour has been heard: when its last fact that is shown was told.

    Ask it before what it is said of: who asks afterwards may say that he shows what he did not see.
    """
    rows = views.found(select(SPEAKERS.c.speaker, SPEAKERS.c.told_at).order_by(SPEAKERS.c.speaker))
    return {row["speaker"]: row["told_at"] for row in rows}
