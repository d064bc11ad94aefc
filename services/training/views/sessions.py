"""Every session of which something was told, and every plan told of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    MetaData,
    String,
    Subquery,
    Table,
    Uuid,
    func,
    select,
)

from services.training.domain.notices import TrainingKind
from services.training.domain.session import Session
from shared.eventstore.folding import Row, View
from shared.eventstore.views import CODE_POINTS, Views
from shared.kernel.errors import NotFound

METADATA = MetaData()
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("stream", Uuid, primary_key=True),
    Column("session_id", CODE_POINTS, nullable=False),
    Index("sessions_by_id", "session_id"),
)
PLANS = Table(
    "plans",
    METADATA,
    Column("stream", Uuid, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", String, nullable=False),
    Column("title", String, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("hours", BigInteger, nullable=False),
    Column("mode", String, nullable=False),
)
"""The plan with the highest number counts."""


def _session(event: Session.Opened) -> Iterator[Row]:
    yield SESSIONS, {"stream": event.originator_id, "session_id": event.session_id}


def _plan(event: Session.Planned) -> Iterator[Row]:
    plan = event.plan
    yield (
        PLANS,
        {
            "stream": event.originator_id,
            "seq": plan.seq,
            "kind": plan.kind,
            "title": plan.title,
            "starts_on": plan.starts_on,
            "ends_on": plan.ends_on,
            "price_cents": plan.price_cents,
            "hours": plan.hours,
            "mode": plan.mode,
        },
    )


def _highest() -> Subquery:
    plans = PLANS.alias("others")
    highest = select(func.max(plans.c.seq)).where(plans.c.stream == PLANS.c.stream)
    return select(PLANS).where(PLANS.c.seq == highest.scalar_subquery()).subquery("standing")


STANDING = _highest()
"""The plan that counts, for every session that has one."""
PLAN = [column for column in STANDING.columns if column.name != "stream"]
"""Its columns, without the stream."""


@dataclass(frozen=True)
class StandingPlan:
    """A plan that counts."""

    seq: int
    kind: TrainingKind
    title: str
    starts_on: date
    ends_on: date
    price_cents: int
    hours: int
    mode: str


def plan_in(row: Mapping[str, Any], prefix: str = "") -> StandingPlan | None:
    """The plan in a query's row, its columns under a prefix; None if there is none."""
    said = {column.name: row[prefix + column.name] for column in PLAN}
    if said["seq"] is None:
        return None
    return StandingPlan(**{**said, "kind": TrainingKind(said["kind"])})


EVERY_SESSION = select(SESSIONS.c.session_id, *PLAN).outerjoin(
    STANDING, STANDING.c.stream == SESSIONS.c.stream
)


def sessions_after(views: Views, after: str, limit: int) -> list[tuple[str, StandingPlan | None]]:
    """Up to `limit` sessions that follow an id, by id; with the plan, if one was told."""
    page = EVERY_SESSION.where(SESSIONS.c.session_id > after).limit(limit)
    found = views.found(page.order_by(SESSIONS.c.session_id))
    return [(row["session_id"], plan_in(row)) for row in found]


def plan_of(views: Views, session_id: str) -> StandingPlan | None:
    """The plan of a session; raises NotFound for one of which nothing was told."""
    found = views.found(EVERY_SESSION.where(SESSIONS.c.session_id == session_id))
    if not found:
        raise NotFound(f"The training session {session_id} was not told.")
    return plan_in(found[0])


VIEW = View("sessions", (SESSIONS, PLANS), {Session.Opened: _session, Session.Planned: _plan})
