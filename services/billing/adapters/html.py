"""Documents as HTML, for reading and printing. The legal file (Factur-X) is separate."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.billing.domain.document import DocumentType, Issue
from services.billing.domain.words import Channel, FeeKind, Formula
from shared.kernel.french import euros, french_day, french_month, percent
from shared.vault.vault import Vault

FORMULAS = {Formula.FLEXIBLE: "FLEXIBLE", Formula.ENGAGEE: "ENGAGÉE"}
KINDS = {FeeKind.SERVICE: "Frais de service", FeeKind.PAYMENT: "Frais de paiement en ligne"}
TITLES = {DocumentType.INVOICE: "Facture", DocumentType.CREDIT_NOTE: "Avoir"}

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(issue: Issue, vault: Vault) -> str:
    """A document as one self-contained page, in French, readable on a phone and in print.

    The buyer's name and address come from the `vault`.
    """
    return _templates.get_template("document.html").render(
        issue=issue,
        title=f"{TITLES[issue.type]} {issue.number}",
        buyer=vault.unseal(issue.buyer),
        at_source=issue.channel is Channel.ONLINE,
        month=french_month(issue.month),
        kinds=KINDS,
        formulas=FORMULAS,
        euros=euros,
        percent=percent,
        day=french_day,
    )
