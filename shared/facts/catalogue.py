"""Every fact there is, by its public type."""

from shared.facts import billing, gateway, training
from shared.facts.base import Fact

FACTS: dict[str, type[Fact]] = {
    fact.type(): fact
    for fact in (
        gateway.ProducerEnrolled,
        gateway.ProducerChanged,
        gateway.MarketOpened,
        gateway.MarketChanged,
        gateway.MarketPaymentModeChanged,
        gateway.SalesValidated,
        training.TrainingEnrolled,
        training.TrainingCompleted,
        training.TrainingCancelled,
        training.TrainingUpdateDue,
        training.TrainingLapsed,
        billing.TariffChanged,
        billing.FormulaChanged,
        billing.SaleRated,
        billing.FeeCharged,
        billing.StatementClosed,
        billing.InvoiceIssued,
        billing.CreditNoteIssued,
        billing.TransferAsked,
        billing.TransferCarried,
    )
}
"""In the order in which the documentation lists them."""
