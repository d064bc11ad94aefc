"""Spans of days, both ends included: which one covers a day, and what lies around it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from shared.kernel.calendar import eve


@dataclass(frozen=True)
class Days:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    def covers(self, day: date) -> bool:
        """Whether a day lies in the span."""
        return self.first <= day <= self.last


AnyDays = TypeVar("AnyDays", bound=Days)


def clipped(spans: Iterable[AnyDays], first: date, last: date) -> list[AnyDays]:
    """The parts of spans that lie in [first, last]."""
    inside = (replace(s, first=max(s.first, first), last=min(s.last, last)) for s in spans)
    return [span for span in inside if span.first <= span.last]


def span_on(spans: Iterable[AnyDays], day: date) -> AnyDays | None:
    """The first span that covers a day, or None."""
    return next((span for span in spans if span.covers(day)), None)


def around(spans: Iterable[Days], day: date) -> tuple[date | None, date | None]:
    """The first and last day of the covered stretch or gap around a day; None: no bound."""
    merged = _merged(spans)
    for span in merged:
        if span.covers(day):
            return span.first, span.last
    since = max((s.last for s in merged if s.last < day), default=None)
    until = min((s.first for s in merged if s.first > day), default=None)
    return since and since + timedelta(days=1), until and eve(until)


def _merged(spans: Iterable[Days]) -> list[Days]:
    merged: list[Days] = []
    for span in sorted(spans, key=lambda s: (s.first, s.last)):
        previous = merged[-1] if merged else None
        if previous and span.first.toordinal() <= previous.last.toordinal() + 1:
            merged[-1] = Days(previous.first, max(previous.last, span.last))
        else:
            merged.append(span)
    return merged
