"""Billing's own words: channel, kind of fee, formula, and the place where an amount stands."""

from datetime import date
from enum import StrEnum
from typing import Self

from shared.kernel.calendar import Month, month_of
from shared.kernel.value import Value


class Channel(StrEnum):
    """How fees are collected: at source from online sales, or by a monthly invoice."""

    ONLINE = "ONLINE"
    ON_SITE = "ON_SITE"


class FeeKind(StrEnum):
    """What a fee is for."""

    SERVICE = "SERVICE"
    PAYMENT = "PAYMENT"


class Formula(StrEnum):
    """The two formulas of the offer."""

    FLEXIBLE = "FLEXIBLE"
    ENGAGEE = "ENGAGEE"


class TrainingKind(StrEnum):
    """The two kinds of training."""

    INTEGRATION = "INTEGRATION"
    UPDATE = "UPDATE"


class Place(Value):
    """Where an amount stands: a month or, at source, a Monday and that Monday's month."""

    channel: Channel
    month: Month
    monday: date | None = None

    @classmethod
    def at_source(cls, monday: date) -> Self:
        """The place of what is withheld or paid out on a Monday."""
        return cls(Channel.ONLINE, month_of(monday), monday)

    @classmethod
    def invoiced(cls, month: Month) -> Self:
        """The place of what is invoiced for a month of sales on site."""
        return cls(Channel.ON_SITE, month)

    @property
    def order(self) -> tuple[Month, date, Channel]:
        """Places sort by month, then Monday, then channel."""
        return (self.month, self.monday or date.min, self.channel)
