"""Amounts, rates and days as a French reader expects them."""

from datetime import date

from shared.kernel.calendar import Month, first_day

MONTHS = "janvier,février,mars,avril,mai,juin,juillet,août,septembre,octobre,novembre,décembre"


def euros(cents: int) -> str:
    """An amount: -123456 is '-1 234,56 €'."""
    whole, rest = divmod(abs(cents), 100)
    grouped = f"{whole:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{'-' if cents < 0 else ''}{grouped},{rest:02d}\N{NO-BREAK SPACE}€"


def percent(basis_points: int) -> str:
    """A rate: -550 is '-5,5 %'."""
    whole, rest = divmod(abs(basis_points), 100)
    decimals = f",{rest:02d}".rstrip("0").rstrip(",")
    return f"{'-' if basis_points < 0 else ''}{whole}{decimals}\N{NO-BREAK SPACE}%"


def french_day(day: date) -> str:
    """A day: 07/10/2024."""
    return f"{day:%d/%m/%Y}"


def french_month(month: Month) -> str:
    """A month: octobre 2024."""
    return f"{MONTHS.split(',')[first_day(month).month - 1]} {month[:4]}"
