"""Billing's desk: takes asks from operations and hands each to a use case."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Any
from uuid import uuid4

from services.billing.application import Billing
from services.billing.domain.document import Issue
from services.billing.domain.tariff import Tariff
from services.billing.use_cases.closing import close
from services.billing.use_cases.forgetting import refuse_unfinished
from services.billing.use_cases.settlement import settle
from services.billing.use_cases.tariffs import publish
from shared.eventstore.asks import Ask
from shared.kernel.answers import Answer, Result
from shared.kernel.calendar import Month
from shared.kernel.errors import NotFound
from shared.kernel.persons import Sealed
from shared.messaging.house import House
from shared.vault.vault import Vault, documents_key

PORTION = 100
"""Statements closed and documented in one transaction."""


class BillingDesk:
    """Where asks to billing come in. Raises the refusals of its use cases."""

    def __init__(self, house: House[Billing], vault: Vault, portion: int = PORTION) -> None:
        self._house = house
        self._vault = vault
        self._portion = portion

    def settle(
        self, monday: date, *, by: str, why: str | None = None, dry_run: bool = False
    ) -> Answer:
        """Settle a Monday; `why` settles it despite parked facts and gives the reason."""
        despite = why is not None
        return self._ask(
            "settle",
            {"monday": monday, "despite": despite, "why": why},
            lambda billing: settle(billing, monday, despite=despite),
            by,
            dry_run,
        )

    def close(
        self,
        month: Month,
        on: date,
        *,
        by: str,
        why: str | None = None,
        dry_run: bool = False,
        advance: Callable[[int], None] = lambda _: None,
    ) -> Answer:
        """Close a month; `why` closes it despite parked facts and gives the reason.

        It is closed in portions, each an ask and a transaction of its own; `advance` is called
        with the number of documents in each. A run stopped between two portions can be asked
        again and resumes where it stopped: the documents and their numbers are the same.
        """
        made, documents, held = Result.UNCHANGED, 0, 0
        for answer in self._portions(month, on, by, why, dry_run=dry_run):
            made = Result.CREATED if answer.result is Result.CREATED else made
            documents += answer.figures["documents"]
            held = answer.figures["held_documents"]
            advance(answer.figures["documents"])
        return Answer(made, figures={"documents": documents, "held_documents": held})

    def _portions(
        self, month: Month, on: date, by: str, why: str | None, *, dry_run: bool
    ) -> Iterator[Answer]:
        def reseal(buyer: Sealed, day: date) -> Sealed:
            return self._vault.reseal(buyer, documents_key(day.year), dry_run=dry_run)

        left, skip = 1, 0
        while left:
            given: dict[str, Any] = {
                "month": month,
                "on": on,
                "despite": why is not None,
                "skip": skip,
                "at_most": None if dry_run else self._portion,
            }
            use_case = partial(close, reseal=reseal, **given)
            answer = self._ask("close", {**given, "why": why}, use_case, by, dry_run)
            yield answer
            left, skip = answer.figures.get("left", 0), answer.figures["held_documents"]

    def publish(self, tariff: Tariff, *, by: str, dry_run: bool = False) -> Answer:
        """Publish a version of the tariff."""
        return self._ask("publish", {"tariff": tariff}, lambda b: publish(b, tariff), by, dry_run)

    def tariffs(self) -> list[Tariff]:
        """Every version ever published."""
        return Billing(self._house.log.begin(), "").tariffs().versions

    def refuse_unfinished(self, producer_id: str) -> None:
        """Refuse to forget a producer while anything of theirs is open, held or parked."""
        refuse_unfinished(Billing(self._house.log.begin(), ""), producer_id)

    def has_tariff(self) -> bool:
        """Whether a tariff was ever published."""
        return bool(self.tariffs())

    def document(self, number: str) -> Issue:
        """What a document says; raises NotFound for a number that was never drawn."""
        document = Billing(self._house.log.begin(), "").document(number)
        if document is None:
            raise NotFound(f"No document has the number {number}: see `cagette export invoices`.")
        return document.issue

    def _ask(
        self,
        use_case: str,
        arguments: dict[str, Any],
        do: Callable[[Billing], Answer],
        by: str,
        dry_run: bool = False,
    ) -> Answer:
        ask = Ask(use_case, arguments, by=by, nonce=uuid4())
        answer, _ = self._house.ask(ask, do, dry_run=dry_run)
        return answer
