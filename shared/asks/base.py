"""The base of every body that comes in: strict types, no unknown fields, a content digest."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
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
INSTANT_PATTERN = r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})"
FIRST_YEAR, LAST_YEAR = "1990", "2199"
LEAP_YEAR = r"(199[26]|20([02468][048]|[13579][26])|21(0[48]|[2468][048]|[13579][26]))"
DAY_SHAPE = (
    r"((199[0-9]|2[01][0-9]{2})-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    r"|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    rf"|{LEAP_YEAR}-02-29)"
)
"""The pattern of a day in the documentation."""
INSTANT_SHAPE = (
    rf"{DAY_SHAPE}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,9}})?"
    r"([Zz]|[+-](0[0-9]|1[0-3]):[0-5][0-9])"
)
DECIMAL_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"


def json_integer(value: Any) -> Any:
    """What JSON Schema calls an integer: 28 and 28.0, but neither "28" nor true."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (str, bool, float)):
        raise ValueError("must be a JSON integer")
    return value


def _id(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise ValueError("must be a string or an integer")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int):
        return value
    if value < 0:
        raise ValueError("an integer must not be negative")
    return str(value)


def _written(pattern: str, example: str) -> Callable[[Any], Any]:
    is_so_written = re.compile(pattern).fullmatch

    def check(value: Any) -> Any:
        if isinstance(value, date):
            return value
        if not isinstance(value, str) or not is_so_written(value):
            raise ValueError(f"must be written like {example}")
        if not FIRST_YEAR <= value[:4] <= LAST_YEAR:
            raise ValueError(f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
        return value

    return check


def _in_utc(instant: datetime) -> str:
    """An instant in UTC, whatever offset it was written with."""
    return instant.astimezone(UTC).isoformat()


Id = Annotated[
    str,
    Field(pattern=ID_PATTERN),
    BeforeValidator(_id),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": ID_PATTERN},
            ]
        }
    ),
]
"""The marketplace's own id: an integer or a string, kept and compared as a string."""

Actor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,40}$")]
"""A person, by the marketplace's pseudonym, like `u:991`."""

Number = Annotated[int, Field(ge=1, le=2**53), BeforeValidator(json_integer)]
"""The number of a notice; a later one has a higher number."""

Cents = Annotated[int, Field(ge=0, le=10**12), BeforeValidator(json_integer)]
SignedCents = Annotated[int, Field(ge=-(10**12), le=10**12), BeforeValidator(json_integer)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000), BeforeValidator(json_integer)]
Count = Annotated[int, Field(ge=0, le=10**9), BeforeValidator(json_integer)]
Flag = Annotated[bool, Field(strict=True)]
Day = Annotated[
    date,
    BeforeValidator(_written(r"\d{4}-\d{2}-\d{2}", "2024-10-04")),
    WithJsonSchema({"type": "string", "format": "date", "pattern": f"^{DAY_SHAPE}$"}),
]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_written(INSTANT_PATTERN, "2024-10-04T21:12:09+02:00")),
    PlainSerializer(_in_utc, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{INSTANT_SHAPE}$"}),
]
WORDS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=WORDS)]
"""Text written by people: no control characters except line ends and tabs."""


def plain(value: Decimal) -> str:
    """A decimal by its value: 12.50 and 12.5 are written the same."""
    return format(value.normalize(), "f")


_is_decimal = re.compile(DECIMAL_PATTERN).fullmatch


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, str) or not _is_decimal(value):
        raise ValueError('must be a decimal string with at most 6 decimals, like "12.5"')
    return Decimal(value)


DecimalString = Annotated[
    Decimal,
    BeforeValidator(_decimal),
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN}),
]


class Body(BaseModel):
    """A body, or a part of one. Unknown fields are refused, so that a typo never costs money."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def content(self) -> dict[str, Any]:
        """What was told, after parsing: defaults filled in, decimals by value, ids as strings."""
        return self.model_dump(mode="json")

    def digest(self) -> str:
        """Tells one content from another; equal for contents that mean the same.

        Defaults are left out, so that adding a field changes no earlier digest.
        """
        content = self.model_dump(mode="json", exclude_defaults=True)
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
