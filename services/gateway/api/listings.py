"""What was told, in pages: producers, markets and distributions, each in order of id."""

from datetime import date
from typing import Any, Literal

from fastapi import APIRouter

from services.gateway.api.shown import After, Limit, Links, Shape, Shown
from services.gateway.views.listing import distributions_after, markets_after, producers_after
from shared.web.guarded import ReadingAll
from shared.web.problems import PROBLEMS


class Page(Shape):
    """`next` is the `after` of the following page; null on the last one."""

    next: str | None


class ProducerItem(Shape):
    """A producer as last told; the person's fields are not shown."""

    producer_id: str
    seq: int
    joined_on: date
    billing_party_id: str
    vat_regime: Literal["NORMAL", "FRANCHISE", "FLAT_RATE"] | None
    pedagogic: bool
    disabled: bool
    info_missing: tuple[str, ...]
    links: Links


class ProducerPage(Page):
    """Producers, by id."""

    producers: tuple[ProducerItem, ...]


class ModeItem(Shape):
    """How a market is paid from a day on; for equal days the highest `seq` counts."""

    seq: int
    payment_mode: Literal["ONLINE", "ON_SITE"]
    from_on: date


class MarketItem(Shape):
    """A market as last told, and all its payment modes, by `seq`."""

    market_id: str
    name: str
    kind: Literal["MARKET", "AMAP"]
    test: bool
    administrator: str | None
    payment_modes: tuple[ModeItem, ...]


class MarketPage(Page):
    """Markets, by id."""

    markets: tuple[MarketItem, ...]


class DistributionItem(Shape):
    """A distribution as last told. `payment_mode` is null while its market's is unknown.

    `held` is "cash_mismatch" if what was paid is not what is owed: then it does not stand.
    """

    distribution_id: str
    market_id: str | None
    day: date | None
    validation_no: int | None
    validated_at: str | None
    payment_mode: Literal["ONLINE", "ON_SITE"] | None
    sales_cents: int
    unvalidated: bool
    held: str | None
    links: Links


class DistributionPage(Page):
    """Distributions, by id."""

    distributions: tuple[DistributionItem, ...]


def add_listings(router: APIRouter, shown: Shown) -> None:
    """Add the routes."""

    @router.get("/producers", responses=PROBLEMS)
    def list_producers(_: ReadingAll, limit: Limit = 50, after: After = None) -> ProducerPage:
        """Producers told, by id."""
        rows = producers_after(shown.views, after or "", limit + 1)
        items = tuple(_producer(row) for row in rows[:limit])
        return ProducerPage(producers=items, next=_next(rows, limit, "producer_id"))

    @router.get("/markets", responses=PROBLEMS)
    def list_markets(_: ReadingAll, limit: Limit = 50, after: After = None) -> MarketPage:
        """Markets told, by id."""
        with shown.views.reading() as views:
            rows = markets_after(views, after or "", limit + 1)
        items = tuple(MarketItem(**row) for row in rows[:limit])
        return MarketPage(markets=items, next=_next(rows, limit, "market_id"))

    @router.get("/distributions", responses=PROBLEMS)
    def list_distributions(
        _: ReadingAll, limit: Limit = 50, after: After = None
    ) -> DistributionPage:
        """Distributions told, by id."""
        with shown.views.reading() as views:
            rows = distributions_after(views, after or "", limit + 1)
        items = tuple(_distribution(row) for row in rows[:limit])
        return DistributionPage(distributions=items, next=_next(rows, limit, "distribution_id"))


def _next(rows: list[dict[str, Any]], limit: int, key: str) -> str | None:
    """The cursor to the next page, if one more row was found than this page takes."""
    return rows[limit - 1][key] if len(rows) > limit else None


def _producer(row: dict[str, Any]) -> ProducerItem:
    producer_id = row["producer_id"]
    return ProducerItem(
        producer_id=producer_id,
        seq=row["seq"],
        joined_on=row["joined_on"],
        billing_party_id=row["party_id"],
        vat_regime=row["vat_regime"],
        pedagogic=row["pedagogic"],
        disabled=row["disabled"],
        info_missing=tuple(row["info_missing"].split()),
        links={
            "standing": f"/v1/producers/{producer_id}/standing",
            "accounting": f"/v1/producers/{producer_id}/accounting",
        },
    )


def _distribution(row: dict[str, Any]) -> DistributionItem:
    return DistributionItem(
        **row, links={"billing": f"/v1/distributions/{row['distribution_id']}/billing"}
    )
