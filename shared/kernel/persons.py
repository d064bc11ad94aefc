"""A person's fields, kept together in one value wherever they travel.

Names, addresses and contacts never stand alone in an event or a fact: they travel as one
sealed string, which only `shared/vault` seals and opens.
"""

from dataclasses import dataclass

Sealed = str
"""A person's fields as one opaque string, `<scheme>:<content>`."""

FORGOTTEN: Sealed = "erased:"
"""Stands for a person who was forgotten; it holds nothing to open."""

IN_CLEAR = "plain:"
"""The scheme of the product's first version, which hid nothing."""

NEEDED_FOR_INVOICE = ("company_number", "street", "postcode", "city")


@dataclass(frozen=True, repr=False)
class Person:
    """A producer's identity, as a document must state it. Any field but the name may be missing."""

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
        """Whether nothing is known of the person any more."""
        return self == ERASED

    def missing_for_invoice(self) -> tuple[str, ...]:
        """The fields that an invoice needs and that were not told."""
        return tuple(field for field in NEEDED_FOR_INVOICE if not getattr(self, field))


ERASED = Person("effacé")
"""What is shown for a person whose key was destroyed."""
