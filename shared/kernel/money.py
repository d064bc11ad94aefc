"""Money is integer cents, a rate is integer basis points, and there is one rounding."""

from decimal import Decimal

BASIS_POINTS = 10_000
"""Basis points in a whole: 600 bp are 6 %."""


def half_up(numerator: int, denominator: int) -> int:
    """The integer nearest to numerator / denominator, halves away from zero.

    The only rounding of the product (contract §5.2). `denominator` is positive.
    """
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return quotient if numerator >= 0 else -quotient


def share(cents: int, basis_points: int) -> int:
    """A share of an amount at a rate, in cents: share(1484, 600) is 89."""
    return half_up(cents * basis_points, BASIS_POINTS)


def extended(quantity: Decimal, unit_price: Decimal) -> int:
    """Quantity × unit price (in euros), in cents; exact until its single rounding."""
    (q, q_over), (p, p_over) = quantity.as_integer_ratio(), unit_price.as_integer_ratio()
    return half_up(100 * q * p, q_over * p_over)
