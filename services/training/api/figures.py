"""The trainings of a year in figures: who pays for them, and what the BPF asks for."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from services.training.domain.bpf import BpfForm
from services.training.domain.notices import ContractKind, TrainingKind
from services.training.views.attendances import Attendance, State
from services.training.views.sessions import StandingPlan
from shared.asks.base import plain
from shared.asks.training_figures import (
    Bpf,
    BpfFigures,
    BpfKindFigures,
    BpfNotFilled,
    BpfProduct,
    BpfTrainees,
    BpfUnplaced,
    EnrolmentSum,
    FundSum,
    TrainingFundings,
)

ON_SITE = "ON_SITE"
"""The mode of a session with no remote part."""
NOTHING = EnrolmentSum(enrolments=0, amount_cents=0)


def fundings(year: int, as_of_event: int, everyone: Sequence[Attendance]) -> TrainingFundings:
    """Who pays for the sessions of a year; `everyone` is all who were taken up in them."""
    standing = _in_state(everyone, State.ENROLLED, State.COMPLETED)
    cancelled = _in_state(everyone, State.CANCELLED)
    paid, lost = _by_fund(standing), _by_fund(cancelled)
    funds = [
        FundSum(
            fund=fund,
            enrolments=paid.get(fund, NOTHING).enrolments,
            amount_cents=paid.get(fund, NOTHING).amount_cents,
            cancelled=lost.get(fund, NOTHING),
        )
        for fund in sorted({*paid, *lost})
    ]
    return TrainingFundings(
        as_of_event=as_of_event,
        year=year,
        funds=funds,
        total=_sum(standing),
        cancelled=_sum(cancelled),
    )


def bpf(year: int, as_of_event: int, everyone: Sequence[Attendance], form: BpfForm) -> Bpf:
    """What the BPF of a year asks for; `everyone` is all who were taken up in its sessions."""
    completed = _in_state(everyone, State.COMPLETED)
    return Bpf(
        as_of_event=as_of_event,
        year=year,
        total=_figures(completed, form),
        kinds=[
            BpfKindFigures(kind=kind.value, **vars(_figures(_of_kind(completed, kind), form)))
            for kind in TrainingKind
        ],
        cancelled=_sum(_in_state(everyone, State.CANCELLED)),
        undecided=_sum(_in_state(everyone, State.ENROLLED)),
        not_filled=[BpfNotFilled(frame=frame, why=why) for frame, why in form.not_filled.items()],
    )


def _in_state(everyone: Iterable[Attendance], *states: State) -> list[Attendance]:
    return [attendance for attendance in everyone if attendance.state in states]


def _of_kind(everyone: Iterable[Attendance], kind: TrainingKind) -> list[Attendance]:
    return [attendance for attendance in everyone if _plan(attendance).kind == kind]


def _plan(attendance: Attendance) -> StandingPlan:
    assert attendance.plan, "an attendance taken up has a planned session"
    return attendance.plan


def _contract(attendance: Attendance) -> ContractKind:
    assert attendance.contract, "an attendance taken up has an enrolment"
    return attendance.contract


def _sum(some: Sequence[Attendance]) -> EnrolmentSum:
    cents = sum(attendance.price_cents for attendance in some)
    return EnrolmentSum(enrolments=len(some), amount_cents=cents)


def _by_fund(some: Iterable[Attendance]) -> dict[str, EnrolmentSum]:
    enrolments: Counter[str] = Counter()
    cents: Counter[str] = Counter()
    for attendance in some:
        enrolments.update({share.payer for share in attendance.fundings})
        for share in attendance.fundings:
            cents[share.payer] += share.amount_cents
    return {
        fund: EnrolmentSum(enrolments=count, amount_cents=cents[fund])
        for fund, count in enrolments.items()
    }


def _figures(completed: Sequence[Attendance], form: BpfForm) -> BpfFigures:
    remote = [attendance for attendance in completed if _plan(attendance).mode != ON_SITE]
    products, unplaced = _products(completed, form)
    return BpfFigures(
        trainees=len(completed),
        persons=len({attendance.participant for attendance in completed}),
        hours=_hours(completed),
        remote_trainees=len(remote),
        remote_hours=_hours(remote),
        planned_hours_of=sum(attendance.attended_hours is None for attendance in completed),
        types=_types(completed, form),
        products=products,
        unplaced=unplaced,
        products_cents=_sum(completed).amount_cents,
    )


def _hours(some: Iterable[Attendance]) -> str:
    """Hours × trainees: the hours attended or, if those were not told, planned."""
    hours = Decimal(0)
    for attendance in some:
        told = attendance.attended_hours
        hours += _plan(attendance).hours if told is None else told
    return plain(hours)


def _types(completed: Sequence[Attendance], form: BpfForm) -> list[BpfTrainees]:
    by_line: dict[str, list[Attendance]] = defaultdict(list)
    for attendance in completed:
        line = form.trainee_line(attendance.fundings, _contract(attendance))
        by_line[line].append(attendance)
    return [
        BpfTrainees(line=line, label=label, trainees=len(some), hours=_hours(some))
        for line, label in form.trainees.items()
        if (some := by_line[line])
    ]


def _products(
    completed: Iterable[Attendance], form: BpfForm
) -> tuple[list[BpfProduct], list[BpfUnplaced]]:
    by_line: Counter[str] = Counter()
    unplaced: Counter[str] = Counter()
    for attendance in completed:
        for share in attendance.fundings:
            line = form.product_line(share, _contract(attendance))
            if line:
                by_line[line] += share.amount_cents
            else:
                unplaced[share.payer] += share.amount_cents
    products = [
        BpfProduct(line=line, label=label, amount_cents=by_line[line])
        for line, label in form.products.items()
        if line in by_line
    ]
    return products, [
        BpfUnplaced(fund=f, amount_cents=cents) for f, cents in sorted(unplaced.items())
    ]
