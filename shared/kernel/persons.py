"""A person's fields, kept together in one value wherever they travel.

Names, addresses and contacts never stand alone in an event or a fact: they go as one sealed
string, which `shared/vault` alone seals and opens.
"""

from dataclasses import dataclass

Sealed = str
"""A person's fields as one opaque string, `<scheme>:<content>`."""

FORGOTTEN: Sealed = "erased:"
"""Stands for a person who was forgotten: there is nothing in it to open."""

IN_CLEAR = "plain:"
"""The scheme of the product's first version, which hid nothing."""

NEEDED_FOR_INVOICE = ("company_number", "street", "postcode", "city")


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        return "Person(…)"

    @property
    def is_erased(self) -> bool:
        """Whether nothing is known of him any more."""
        return self == ERASED

    def missing_for_invoice(self) -> tuple[str, ...]:
        """The fields that an invoice needs and that were not told."""
        return tuple(field for field in NEEDED_FOR_INVOICE if not getattr(self, field))


ERASED = Person("effacé")
"""What is shown of a person whose key was destroyed."""
