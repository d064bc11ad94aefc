"""Training, assembled."""

import tomllib
from pathlib import Path

import msgspec

from services.training.api.desk import TrainingDesk
from services.training.application import Training
from services.training.domain.bpf import BpfForm
from services.training.domain.learner import Rhythm
from services.training.publishing import publishing
from services.training.views import attendees, sessions
from shared.eventstore.lease import Lease
from shared.eventstore.log import EventLog
from shared.eventstore.views import Views
from shared.messaging.house import House
from shared.messaging.rules import Policies

VIEWS = (sessions.VIEW, attendees.VIEW)

REFERENCE_RHYTHM = Path(__file__).parent / "reference_rhythm.toml"
REFERENCE_BPF = Path(__file__).parent / "reference_bpf.toml"


def build(log: EventLog, lease: Lease) -> House[Training]:
    """The training house, built on a log. It hears nobody yet."""
    return House(
        "training",
        log,
        lease,
        application=Training,
        policies=Policies[Training](),
        publishing=publishing,
    )


def desk(house: House[Training], views: Views) -> TrainingDesk:
    """The desk where neighbours in the same process ask the house and see what it shows."""
    rhythm = msgspec.convert(tomllib.loads(REFERENCE_RHYTHM.read_text("utf-8")), Rhythm)
    form = msgspec.convert(tomllib.loads(REFERENCE_BPF.read_text("utf-8")), BpfForm)
    return TrainingDesk(house, views, rhythm, form)
