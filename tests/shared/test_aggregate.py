"""What an aggregate remembers when a method under `@event` is called."""

from typing import Any

import pytest

from deploy.bench.account import AMOUNT, CURRENCY, DUE, INVOICE, MEMO, account

FIELDS: dict[str, Any] = {"invoice_id": INVOICE, "amount": AMOUNT, "currency": CURRENCY, "memo": MEMO, "due": DUE}


@pytest.mark.parametrize("by_position", range(len(FIELDS) + 1))
def test_fields_are_given_by_position_or_by_name(by_position: int) -> None:
    charged = account()
    fields = list(FIELDS.items())
    charged.charge(*(value for _, value in fields[:by_position]), **dict(fields[by_position:]))
    assert (charged.balance, charged.version) == (AMOUNT, 2)
    assert FIELDS.items() <= vars(charged.pending_events[-1]).items()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((), {}),
        (tuple(FIELDS.values())[1:], {}),
        ((*FIELDS.values(), "more"), {}),
        ((), {**FIELDS, "more": 1}),
        ((INVOICE,), {"amount": AMOUNT, "more": 1}),
    ],
)
def test_too_little_and_too_much_is_refused(given: tuple[Any, ...], named: Any) -> None:
    charged = account()
    with pytest.raises((TypeError, ValueError)):
        charged.charge(*given, **named)
    assert (charged.version, len(charged.pending_events)) == (1, 1)
