"""The baseline of `ingest`: the same job on FastAPI with the library's defaults.

A key, the same shape of body, its totals checked, and one aggregate saved a line, as the library's
documentation saves them. Nothing of ours is in it; its database is that of the environment.
"""

import os
import secrets
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

Cents = Annotated[int, Field(ge=0)]


class Line(BaseModel):
    """A line of a basket."""

    line_id: str
    producer_id: str
    product_id: str
    label: str
    quantity: Decimal
    unit_price: Decimal
    amount_cents: Cents
    vat_rate_bp: int
    weighed: bool = False


class Payment(BaseModel):
    """A payment of a basket."""

    payment_id: str
    type: str
    amount_cents: int


class Basket(BaseModel):
    """A basket."""

    basket_id: str
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
    market_id: str
    day: date
    control: Control
    baskets: list[Basket]


class SoldLine(Aggregate):
    """A line that was sold."""

    @event("Sold")
    def __init__(
        self, distribution_id: str, market_id: str, day: str, line: dict[str, str]
    ) -> None:
        self.distribution_id = distribution_id
        self.line = line


def door() -> FastAPI:
    """The app of one worker."""
    application: Application[object] = Application()
    app, key = FastAPI(), os.environ["PLAIN_KEY"]

    @app.put("/v1/distributions/{distribution_id}")
    def tell(
        distribution_id: str, body: Distribution, authorization: Annotated[str, Header()]
    ) -> dict[str, int]:
        if not secrets.compare_digest(authorization, f"Bearer {key}"):
            raise HTTPException(401)
        lines = [line for basket in body.baskets for line in basket.lines]
        total = sum(line.amount_cents for line in lines)
        if (len(lines), total) != (body.control.lines, body.control.amount_cents):
            raise HTTPException(422)
        for line in lines:
            said = {name: str(value) for name, value in line.model_dump().items()}
            day = body.day.isoformat()
            application.save(SoldLine(distribution_id, body.market_id, day, said))
        return {"lines": len(lines)}

    return app
