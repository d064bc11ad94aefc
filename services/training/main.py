"""Training, put together."""

import tomllib
from pathlib import Path

from services.training.api.desk import TrainingDesk
from services.training.application import Training
from services.training.domain.learner import Rhythm
from services.training.publishing import publishing
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.eventstore.views import View
from shared.messaging.house import House
from shared.messaging.rules import Policies

VIEWS: tuple[View, ...] = ()

REFERENCE_RHYTHM = Path(__file__).parent / "reference_rhythm.toml"


def build(log: EventLog, lease: Lease) -> House[Training]:
    """The house of training over a log. It hears nobody yet."""
    return House(
        "training",
        log,
        lease,
        application=Training,
        policies=Policies[Training](),
        publishing=publishing,
    )


def desk(house: House[Training]) -> TrainingDesk:
    """How the house is asked by its neighbours in the same process."""
    rhythm = Rhythm(**tomllib.loads(REFERENCE_RHYTHM.read_text("utf-8")))
    return TrainingDesk(house, rhythm)
