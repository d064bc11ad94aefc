"""Money: one rounding, half away from zero."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.french import euros
from shared.kernel.money import extended, half_up, share


@pytest.mark.parametrize(
    ("cents", "basis_points", "expected"),
    [
        (1484, 600, 89),
        (25, 200, 1),  # 0.5 goes up
        (24, 200, 0),
        (-25, 200, -1),  # and away from zero
        (-24, 200, 0),
        (0, 600, 0),
        (1, 10_000, 1),
    ],
)
def test_a_share_is_rounded_half_away_from_zero(
    cents: int, basis_points: int, expected: int
) -> None:
    assert share(cents, basis_points) == expected


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_the_rounding_is_that_of_exact_decimals(numerator: int, denominator: int) -> None:
    exact = Decimal(numerator) / Decimal(denominator)
    twice = 2 * numerator
    if abs(twice) % denominator == 0 and (abs(twice) // denominator) % 2:  # exactly a half
        expected = (abs(twice) // denominator + 1) // 2
        assert half_up(numerator, denominator) == (expected if numerator > 0 else -expected)
    else:
        assert half_up(numerator, denominator) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@given(st.integers(-(10**10), 10**10), st.integers(0, 10_000))
def test_what_is_taken_back_is_what_was_charged(cents: int, basis_points: int) -> None:
    assert share(-cents, basis_points) == -share(cents, basis_points)


@pytest.mark.parametrize(
    ("quantity", "price", "expected"),
    [
        ("1.237", "12.00", 1484),
        ("0.005", "1.00", 1),
        ("0.0049", "1.00", 0),
        ("999999999.999999", "999999999.999999", 99999999999999800000),
    ],
)
def test_a_line_is_quantity_times_price(quantity: str, price: str, expected: int) -> None:
    assert extended(Decimal(quantity), Decimal(price)) == expected


@pytest.mark.parametrize(
    ("cents", "expected"),
    [
        (0, "0,00\u00a0€"),
        (-5, "-0,05\u00a0€"),
        (123456789, "1\u202f234\u202f567,89\u00a0€"),
    ],
)
def test_amounts_read_as_in_french(cents: int, expected: str) -> None:
    assert euros(cents) == expected
