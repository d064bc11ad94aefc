"""The ground of every body that comes in: strict types, no unknown fields, a content digest."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

ID_PATTERN = r"^[A-Za-z0-9_.-]{1,40}$"
DECIMAL_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"


def json_integer(value: Any) -> Any:
    """JSON Schema's integer: 28 and 28.0 are, "28" and true are not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (str, bool, float)):
        raise ValueError("must be a JSON integer")
    return value


def json_string(value: Any) -> Any:
    """A JSON string, never a number taken for one."""
    if not isinstance(value, (str, date)):
        raise ValueError("must be a JSON string")
    return value


def _id(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a string or an integer")
    return str(value) if isinstance(value, int) else value


def _between(first: date, last: date) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        day = json_string(value)
        if isinstance(day, str) and not first.isoformat() <= day[:10] <= last.isoformat():
            raise ValueError(f"must lie between {first} and {last}")
        return day

    return check


_calendar = _between(date(1990, 1, 1), date(2199, 12, 31))

Id = Annotated[
    str,
    Field(pattern=ID_PATTERN),
    BeforeValidator(_id),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": ID_PATTERN}]}
    ),
]
"""The marketplace's own id: an integer or a string, kept and compared as a string."""

Actor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,40}$")]
"""Somebody, by a pseudonym of the marketplace's, like `u:991`."""

Number = Annotated[int, Field(ge=1, le=2**53), BeforeValidator(json_integer)]
"""A number that rises."""

Cents = Annotated[int, Field(ge=0, le=10**12), BeforeValidator(json_integer)]
SignedCents = Annotated[int, Field(ge=-(10**12), le=10**12), BeforeValidator(json_integer)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000), BeforeValidator(json_integer)]
Count = Annotated[int, Field(ge=0, le=10**9), BeforeValidator(json_integer)]
Day = Annotated[date, BeforeValidator(_calendar)]
Instant = Annotated[AwareDatetime, BeforeValidator(_calendar)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def plain(value: Decimal) -> str:
    """A decimal by its value: 12.50 and 12.5 are one."""
    return format(value.normalize(), "f")


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, str) or not re.fullmatch(DECIMAL_PATTERN, value):
        raise ValueError('must be a decimal string with at most 6 decimals, like "12.5"')
    return Decimal(value)


DecimalString = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN}),
]


class Body(BaseModel):
    """A body, or a part of one. Unknown fields are refused, so that a typo is never money."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def content(self) -> dict[str, Any]:
        """What was told, after parsing: defaults filled in, decimals by value, ids as strings."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """Tells one content from another; equal for contents that mean the same.

        Defaults are left out, so that a field added one day changes no digest of before.
        """
        content = self.model_dump(mode="json", exclude_defaults=True)
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
