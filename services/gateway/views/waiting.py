"""What is held, and what each notice waits for."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, except_, exists, func, select

from services.gateway.domain.distribution import CASH_MISMATCH
from services.gateway.domain.market import PaymentMode
from services.gateway.views.distributions import (
    CASH_MISMATCHES,
    DISTRIBUTIONS,
    FOUND_MODES,
    PARTS,
    SALES,
    UNVALIDATIONS,
    VALIDATIONS,
)
from services.gateway.views.markets import MARKETS
from services.gateway.views.producers import PRODUCERS
from shared.eventstore.reading import Readable

Row = dict[str, Any]


@dataclass(frozen=True)
class Held:
    """One held notice: its kind and id as in an import, and what it waits for."""

    kind: str
    id: str
    waiting_for: tuple[str, ...]


def held(views: Readable) -> list[Held]:
    """Everything that the gateway holds, by kind and id."""
    waiting: dict[str, set[str]] = defaultdict(set)
    for row in views.found(_without_mode()):
        waiting[row["distribution_id"]].add(_mode_of(row))
    for row in views.found(_without_producer()):
        waiting[row["distribution_id"]].add(f"producer:{row['producer_id']}")
    for row in views.found(select(SALES).where(SALES.c.held.is_not(None))):
        waiting[row["distribution_id"]].add(row["held"])
    for row in views.found(_not_in_place_of_what_stands()):
        waiting[row["distribution_id"]].add(CASH_MISMATCH)
    found = [Held("distribution", id_, tuple(sorted(what))) for id_, what in waiting.items()]
    for row in views.found(_without_validation()):
        id_ = row["distribution_id"]
        found.append(Held("unvalidation", id_, (f"validation:{id_}/{row['validation_no']}",)))
    return sorted(found, key=lambda h: (h.kind, h.id))


def _mode_of(row: Row) -> str:
    market = f"market:{row['market_id']}"
    return market if row["name"] is None else f"{market}/payment_mode/{row['day']}"


def _told() -> Any:
    """Distributions and all their validations."""
    return DISTRIBUTIONS.join(VALIDATIONS, DISTRIBUTIONS.c.stream == VALIDATIONS.c.stream)


def _without_mode() -> Select[Any]:
    found = exists().where(
        FOUND_MODES.c.stream == VALIDATIONS.c.stream,
        FOUND_MODES.c.validation_no == VALIDATIONS.c.validation_no,
    )
    columns = (DISTRIBUTIONS.c.distribution_id, VALIDATIONS.c.market_id, VALIDATIONS.c.day)
    market = MARKETS.c.market_id == VALIDATIONS.c.market_id
    return (
        select(*columns, MARKETS.c.name)
        .select_from(_told().outerjoin(MARKETS, market))
        .where(VALIDATIONS.c.payment_mode.is_(None), ~found)
    )


def _without_producer() -> Select[Any]:
    """Parts, in the highest validation of each distribution, of producers never told."""
    later = VALIDATIONS.alias("later")
    superseded = exists().where(
        later.c.stream == PARTS.c.stream, later.c.validation_no > PARTS.c.validation_no
    )
    named, told = select(PARTS.c.producer_id).distinct(), select(PRODUCERS.c.producer_id)
    is_unknown = PARTS.c.producer_id.in_(except_(named, told))
    parts = DISTRIBUTIONS.join(PARTS, DISTRIBUTIONS.c.stream == PARTS.c.stream)
    columns = (DISTRIBUTIONS.c.distribution_id, PARTS.c.producer_id)
    return select(*columns).select_from(parts).where(is_unknown, ~superseded)


def _not_in_place_of_what_stands() -> Select[Any]:
    """Distributions whose latest validation does not match while an earlier one stands."""
    stream, number = CASH_MISMATCHES.c.stream, CASH_MISMATCHES.c.validation_no
    later = VALIDATIONS.alias("later")
    is_superseded = exists().where(later.c.stream == stream, later.c.validation_no > number)
    stands = exists().where(
        SALES.c.distribution_id == DISTRIBUTIONS.c.distribution_id,
        SALES.c.validation_no < number,
        SALES.c.held.is_(None),
    )
    this = (VALIDATIONS.c.stream == stream) & (VALIDATIONS.c.validation_no == number)
    found = (FOUND_MODES.c.stream == stream) & (FOUND_MODES.c.validation_no == number)
    mode = func.coalesce(VALIDATIONS.c.payment_mode, FOUND_MODES.c.payment_mode)
    return (
        select(DISTRIBUTIONS.c.distribution_id)
        .join(CASH_MISMATCHES, DISTRIBUTIONS.c.stream == stream)
        .join(VALIDATIONS, this)
        .outerjoin(FOUND_MODES, found)
        .where(mode == PaymentMode.ONLINE, ~is_superseded, stands)
    )


def _without_validation() -> Select[Any]:
    told = exists().where(
        VALIDATIONS.c.stream == UNVALIDATIONS.c.stream,
        VALIDATIONS.c.validation_no == UNVALIDATIONS.c.validation_no,
    )
    streams = DISTRIBUTIONS.join(UNVALIDATIONS, DISTRIBUTIONS.c.stream == UNVALIDATIONS.c.stream)
    columns = (DISTRIBUTIONS.c.distribution_id, UNVALIDATIONS.c.validation_no)
    return select(*columns).select_from(streams).where(~told)
