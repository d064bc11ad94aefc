"""A person's fields, kept together in one value wherever they travel.

Names, addresses and contacts never stand alone in an event or a fact: they go as one sealed
string, which `shared/vault.py` alone seals and opens.
"""

from dataclasses import dataclass

Sealed = str
"""A person's fields as one opaque string, `<scheme>:<content>`."""


@dataclass(frozen=True)
class Person:
    """Who a producer is, as a document must name it. Every field but the name may be missing."""

    name: str
    company_number: str | None = None
    legal_form: str | None = None
    vat_number: str | None = None
    billing_email: str | None = None
    street: str | None = None
    postcode: str | None = None
    city: str | None = None

    def missing_for_invoice(self) -> tuple[str, ...]:
        """The fields that an invoice needs and that were not told."""
        needed = ("company_number", "street", "postcode", "city")
        return tuple(field for field in needed if not getattr(self, field))
