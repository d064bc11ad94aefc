"""Documents as HTML, to read and to print. The legal file (Factur-X) is another thing."""

from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.billing.domain.document import DocumentType, Issue
from services.billing.domain.words import Channel, FeeKind, Formula
from shared.kernel.calendar import first_day
from shared.kernel.money import euros
from shared.vault.vault import Vault

MONTHS = "janvier,février,mars,avril,mai,juin,juillet,août,septembre,octobre,novembre,décembre"
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

    Its buyer's name and address come out of the `vault`.
    """
    return _templates.get_template("document.html").render(
        issue=issue,
        title=f"{TITLES[issue.type]} {issue.number}",
        buyer=vault.unseal(issue.buyer),
        at_source=issue.channel is Channel.ONLINE,
        month=f"{MONTHS.split(',')[first_day(issue.month).month - 1]} {issue.month[:4]}",
        kinds=KINDS,
        formulas=FORMULAS,
        euros=euros,
        percent=percent,
        day=french_day,
    )


def percent(basis_points: int) -> str:
    """A rate as a French reader expects it: 550 is '5,5 %'."""
    whole, rest = divmod(basis_points, 100)
    decimals = f",{rest:02d}".rstrip("0").rstrip(",")
    return f"{whole}{decimals}\N{NO-BREAK SPACE}%"


def french_day(day: date) -> str:
    """A day as a French reader expects it: 07/10/2024."""
    return f"{day:%d/%m/%Y}"
