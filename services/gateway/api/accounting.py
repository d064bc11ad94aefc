"""A producer's accounts and a distribution's fees."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from services.gateway.api.shown import HeardUntil, Links, Shape, Shown
from services.gateway.views.accounting import (
    Accounts,
    Row,
    accounts,
    fees_of_distribution,
    sales_of_distribution,
    total,
)
from services.gateway.views.freshness import heard_until
from services.gateway.views.standing import must_be_known
from shared.asks.base import Day
from shared.facts.billing import CreditNoteIssued, TransferAsked
from shared.kernel.errors import unknown
from shared.web.callers import Caller
from shared.web.guarded import Reading
from shared.web.problems import PROBLEMS
from shared.web.trainings import Id

Bound = Annotated[Day | None, Query(description="Inclusive; omit for no bound.")]


class FeeShape(Shape):
    """A fee or a correction, in cents excl. VAT."""

    fee_id: str
    kind: Literal["SERVICE", "PAYMENT"]
    formula: Literal["FLEXIBLE", "ENGAGEE"]
    channel: Literal["ONLINE", "ON_SITE"]
    month: str
    monday: date | None
    rate_bp: int
    base_cents: int
    amount_cents: int
    corrects: str | None
    links: Links


class TransferPart(Shape):
    """One distribution in a transfer: sales incl. VAT, or a correction of them; fees excl. VAT."""

    distribution_id: str
    day: date | None
    market_id: str | None
    market_name: str | None
    sales_cents: int
    service_fee_cents: int
    payment_fee_cents: int
    links: Links


class TransferRow(Shape):
    """One Monday: net = sales + carried in − withheld; withheld = fees + VAT."""

    monday: date
    transfer_id: str | None
    status: Literal["ASKED", "CARRIED", "ZERO"]
    sales_cents: int
    fees_cents: int
    vat_cents: int
    withheld_cents: int
    carried_cents: int
    net_cents: int
    distributions: tuple[TransferPart, ...]


class DocumentRow(Shape):
    """An invoice or a credit note (negative amounts). `own_net_cents` is the producer's share."""

    number: str
    type: Literal["INVOICE", "CREDIT_NOTE"]
    party_id: str
    month: str
    channel: Literal["ONLINE", "ON_SITE"]
    issued_on: date
    due_on: date
    net_cents: int
    vat_cents: int
    gross_cents: int
    paid_cents: int
    own_net_cents: int
    corrects: tuple[str, ...]
    links: Links


class AccountingShape(Shape):
    """Two lists, oldest first: one row per Monday, one row per document."""

    producer_id: str
    transfers: tuple[TransferRow, ...]
    invoices: tuple[DocumentRow, ...]
    heard_until: HeardUntil


class SaleShape(Shape):
    """One producer at one distribution: what stands, and every fee charged for it."""

    producer_id: str
    validation_no: int
    payment_mode: Literal["ONLINE", "ON_SITE"]
    sales_cents: int
    held: str | None
    service_fee_cents: int
    payment_fee_cents: int
    fees: tuple[FeeShape, ...]


class DistributionBilling(Shape):
    """The fees of a distribution, by producer."""

    distribution_id: str
    producers: tuple[SaleShape, ...]
    heard_until: HeardUntil


def add_accounting(router: APIRouter, shown: Shown) -> None:
    """Add the routes."""

    @router.get("/producers/{producer_id}/accounting", responses=PROBLEMS)
    def read_accounting(
        caller: Reading,
        producer_id: Id,
        first: Annotated[Bound, Query(alias="from")] = None,
        last: Annotated[Bound, Query(alias="to")] = None,
    ) -> AccountingShape:
        """A producer's accounts: the Monday transfers and the documents issued, `from` to `to`."""
        caller.must_see(producer_id, "producer", producer_id)
        with shown.views.reading() as views:
            fresh = heard_until(views)
            must_be_known(views, producer_id)
            found = accounts(views, producer_id, first or date.min, last or date.max)
        return AccountingShape(
            producer_id=producer_id,
            transfers=tuple(_transfer(row, found) for row in found.transfers),
            invoices=tuple(_document(row, found) for row in found.documents),
            heard_until=fresh,
        )

    @router.get("/distributions/{distribution_id}/billing", responses=PROBLEMS)
    def read_billing(caller: Reading, distribution_id: Id) -> DistributionBilling:
        """The fees of a distribution, by producer."""
        with shown.views.reading() as views:
            fresh = heard_until(views)
            sales = _seen_by(caller, sales_of_distribution(views, distribution_id))
            fees = _seen_by(caller, fees_of_distribution(views, distribution_id))
        if not sales and not fees:
            raise unknown("distribution", distribution_id)
        return DistributionBilling(
            distribution_id=distribution_id,
            producers=tuple(_sale(sale, fees) for sale in sales),
            heard_until=fresh,
        )


def _seen_by(caller: Caller, rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if caller.may_see(row["producer_id"])]


def _transfer(row: Row, found: Accounts) -> TransferRow:
    fees = found.fees_by_monday.get(row["monday"], [])
    fees_cents = sum(fee["amount_cents"] for fee in fees)
    asked = row["type"] == TransferAsked.type()
    nothing: Literal["CARRIED", "ZERO"] = "CARRIED" if row["net_cents"] else "ZERO"
    return TransferRow(
        monday=row["monday"],
        transfer_id=row.get("transfer_id"),
        status="ASKED" if asked else nothing,
        sales_cents=row["sales_cents"],
        fees_cents=fees_cents,
        vat_cents=row["withheld_cents"] - fees_cents,
        withheld_cents=row["withheld_cents"],
        carried_cents=row["carried_cents"],
        net_cents=row["net_cents"],
        distributions=tuple(_parts(row, fees, found)),
    )


def _parts(row: Row, fees: Iterable[Row], found: Accounts) -> Iterable[TransferPart]:
    shares = {d["distribution_id"]: d["sales_cents"] for d in row["distributions"] or ()}
    fees = list(fees)
    for distribution_id in sorted({*shares, *(fee["distribution_id"] for fee in fees)}):
        sale = found.sales.get(distribution_id, {})
        own = [fee for fee in fees if fee["distribution_id"] == distribution_id]
        yield TransferPart(
            distribution_id=distribution_id,
            day=sale.get("day"),
            market_id=sale.get("market_id"),
            market_name=sale.get("market_name"),
            sales_cents=shares.get(distribution_id, 0),
            service_fee_cents=total(own, "SERVICE"),
            payment_fee_cents=total(own, "PAYMENT"),
            links={"billing": f"/v1/distributions/{distribution_id}/billing"},
        )


def _document(row: Row, found: Accounts) -> DocumentRow:
    own = found.fees_by_document.get((row["party_id"], row["month"], row["channel"]), [])
    return DocumentRow.model_validate(
        {
            **row,
            "type": "CREDIT_NOTE" if row["type"] == CreditNoteIssued.type() else "INVOICE",
            "own_net_cents": sum(fee["amount_cents"] for fee in own),
            "links": {"fees": [f"/v1/fees/{fee['fee_id']}/explanation" for fee in own]},
        }
    )


def _sale(sale: Row, fees: Iterable[Row]) -> SaleShape:
    own = [fee for fee in fees if fee["producer_id"] == sale["producer_id"]]
    return SaleShape(
        producer_id=sale["producer_id"],
        validation_no=sale["validation_no"],
        payment_mode=sale["payment_mode"],
        sales_cents=sale["sales_cents"],
        held=sale["held"],
        service_fee_cents=total(own, "SERVICE"),
        payment_fee_cents=total(own, "PAYMENT"),
        fees=tuple(_fee(fee) for fee in own),
    )


def _fee(fee: dict[str, Any]) -> FeeShape:
    links = {"explanation": f"/v1/fees/{fee['fee_id']}/explanation"}
    return FeeShape.model_validate({**fee, "links": links})
