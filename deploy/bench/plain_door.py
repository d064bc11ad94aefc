"""The baseline of `ingest`: the same job on FastAPI with the library's defaults.

It checks a key, the same shape of body and its totals, and saves one aggregate per line, as the
library's documentation does. Nothing of ours is in it; the environment names its database.
"""

import os
import secrets
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

Id = str | int
Cents = Annotated[int, Field(ge=0)]


class Line(BaseModel):
    """A line of a basket."""

    line_id: Id
    producer_id: Id
    product_id: Id
    label: str
    quantity: Decimal
    unit_price: Decimal
    amount_cents: Cents
    vat_rate_bp: int
    weighed: bool = False


class Payment(BaseModel):
    """A payment of a basket."""

    payment_id: Id
    type: str
    amount_cents: int


class Basket(BaseModel):
    """A basket."""

    basket_id: Id
    num: int
    payments: list[Payment]
    lines: list[Line]


class Control(BaseModel):
    """The sender's own totals."""

    baskets: int
    lines: int
    amount_cents: int
    payments_cents: int


class Distribution(BaseModel):
    """A distribution that was validated."""

    validation_no: int
    validated_at: datetime
    validated_by: str
    market_id: Id
    day: date
    control: Control
    baskets: list[Basket]


class SoldLine(Aggregate):
    """A line that was sold."""

    @event("Sold")
    def __init__(self, distribution_id: str, market_id: Id, day: str, line: dict[str, str]) -> None:
        self.distribution_id = distribution_id
        self.line = line


def sold(application: Application[UUID], distribution_id: str, body: Distribution) -> int:
    """Check a distribution's totals, save every line; return how many. Raises ValueError."""
    lines = [line for basket in body.baskets for line in basket.lines]
    total = sum(line.amount_cents for line in lines)
    if (len(lines), total) != (body.control.lines, body.control.amount_cents):
        raise ValueError("the totals differ")
    for line in lines:
        said = {name: str(value) for name, value in line.model_dump().items()}
        application.save(SoldLine(distribution_id, body.market_id, body.day.isoformat(), said))
    return len(lines)


def door() -> FastAPI:
    """The app of one worker."""
    application: Application[UUID] = Application()
    app, key = FastAPI(), os.environ["PLAIN_KEY"]

    @app.put("/v1/distributions/{distribution_id}")
    def tell(
        distribution_id: str, body: Distribution, authorization: Annotated[str, Header()]
    ) -> dict[str, int]:
        if not secrets.compare_digest(authorization, f"Bearer {key}"):
            raise HTTPException(401)
        try:
            return {"lines": sold(application, distribution_id, body)}
        except ValueError as reason:
            raise HTTPException(422) from reason

    return app
