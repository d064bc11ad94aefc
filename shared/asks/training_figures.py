"""What training shows in figures: who paid a year's trainings, and what the BPF asks for."""

from typing import Any

from pydantic import BaseModel

from shared.asks.training_shown import Hours, Kind, example


class EnrolmentSum(BaseModel):
    """Some enrolments, and what they cost."""

    model_config = example(enrolments=2, amount_cents=130000)
    enrolments: int
    amount_cents: int


class FundSum(EnrolmentSum):
    """What one fund pays; an enrolment counts for every fund that pays a share of it."""

    model_config = example(
        fund="VIVEA",
        enrolments=2,
        amount_cents=100000,
        cancelled={"enrolments": 1, "amount_cents": 50000},
    )
    fund: str
    cancelled: EnrolmentSum


class TrainingFundings(BaseModel):
    """Who pays for the sessions that end in a year, by fund; abandoned enrolments are apart.

    `total` counts each enrolment once. Held notices are not included: see `GET /v1/held`.
    """

    model_config = example(
        as_of_event=812,
        year=2024,
        funds=[
            {
                "fund": "VIVEA",
                "enrolments": 2,
                "amount_cents": 100000,
                "cancelled": {"enrolments": 1, "amount_cents": 50000},
            }
        ],
        total={"enrolments": 2, "amount_cents": 130000},
        cancelled={"enrolments": 1, "amount_cents": 65000},
    )
    as_of_event: int
    year: int
    funds: list[FundSum]
    total: EnrolmentSum
    cancelled: EnrolmentSum


class BpfProduct(BaseModel):
    """A line of frame C: where money came from."""

    model_config = example(
        line="2g", label="Dispositifs pour les travailleurs non-salariés", amount_cents=100000
    )
    line: str
    label: str
    amount_cents: int


class BpfUnplaced(BaseModel):
    """What a fund pays that has no line on the form yet."""

    model_config = example(fund="FONDS DU VILLAGE", amount_cents=20000)
    fund: str
    amount_cents: int


class BpfTrainees(BaseModel):
    """A line of frame F-1: trainees of one type, and their total hours."""

    model_config = example(line="e", label="Autres stagiaires", trainees=2, hours="27.5")
    line: str
    label: str
    trainees: int
    hours: Hours


FIGURES: dict[str, Any] = {
    "trainees": 2,
    "persons": 2,
    "hours": "27.5",
    "remote_trainees": 2,
    "remote_hours": "27.5",
    "planned_hours_of": 0,
    "types": [{"line": "e", "label": "Autres stagiaires", "trainees": 2, "hours": "27.5"}],
    "products": [
        {
            "line": "2g",
            "label": "Dispositifs pour les travailleurs non-salariés",
            "amount_cents": 130000,
        }
    ],
    "unplaced": [],
    "products_cents": 130000,
}


class BpfFigures(BaseModel):
    """Completed trainings. A trainee counts once per training, a person once.

    `planned_hours_of`: trainees whose attended hours were not told; their planned hours count.
    """

    model_config = example(**FIGURES)
    trainees: int
    persons: int
    hours: Hours
    remote_trainees: int
    remote_hours: Hours
    planned_hours_of: int
    types: list[BpfTrainees]
    products: list[BpfProduct]
    unplaced: list[BpfUnplaced]
    products_cents: int


class BpfKindFigures(BpfFigures):
    """The figures of integration or of update trainings."""

    model_config = example(kind="UPDATE", **FIGURES)
    kind: Kind


class BpfNotFilled(BaseModel):
    """A part of the form that our data cannot fill, and why."""

    model_config = example(frame="E", why="Nothing is told about trainers.")
    frame: str
    why: str


class Bpf(BaseModel):
    """The *bilan pédagogique et financier* (cerfa 10443), as far as what was told can fill it.

    It counts trainings completed in the sessions that end in the year. Abandoned ones, and those
    whose outcome was not told (`undecided`), are counted apart.
    """

    model_config = example(
        as_of_event=812,
        year=2024,
        total=FIGURES,
        kinds=[{"kind": "UPDATE", **FIGURES}],
        cancelled={"enrolments": 1, "amount_cents": 65000},
        undecided={"enrolments": 0, "amount_cents": 0},
        not_filled=[{"frame": "E", "why": "Nothing is told about trainers."}],
    )
    as_of_event: int
    year: int
    total: BpfFigures
    kinds: list[BpfKindFigures]
    cancelled: EnrolmentSum
    undecided: EnrolmentSum
    not_filled: list[BpfNotFilled]
