"""The base of every fact: a sentence in the past tense that a house tells."""

from datetime import date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.kernel.persons import Sealed

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$", description="A marketplace id.")]
Cents = Annotated[int, Field(strict=True, description="Integer cents of a euro, signed.")]
BasisPoints = Annotated[int, Field(strict=True, ge=0, description="600 is 6 %.")]
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="YYYY-MM, Paris.")]
SealedPerson = Annotated[
    Sealed,
    Field(
        description="A person's fields, sealed; `erased:` for good once the person is forgotten."
    ),
]
PaymentMode = Literal["ONLINE", "ON_SITE"]
Formula = Literal["FLEXIBLE", "ENGAGEE"]
TrainingKind = Literal["INTEGRATION", "UPDATE"]
Day = date


def _offset_told(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs its offset")
    return instant


Instant = Annotated[datetime, AfterValidator(_offset_told)]


class Part(BaseModel):
    """A fact, or a part of one. Types are strict: JSON that the schema refuses is refused.

    Readers ignore fields they do not know; a released fact only grows by optional fields.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Fact(Part):
    """Something that happened, as the speaking house tells it."""

    speaker: ClassVar[str]
    """The house that tells it."""
    key_field: ClassVar[str] = "producer_id"
    """The field whose value orders the facts: same key, same partition."""

    @classmethod
    def type(cls) -> str:
        """Its public type, `cagette.<house>.<fact>.v1`."""
        return f"cagette.{cls.speaker}.{cls.__name__}.v1"

    @property
    def key(self) -> str:
        """The key under which it travels."""
        return str(getattr(self, self.key_field))
