"""The daily pass: who is due for an update, and who lapsed."""

from datetime import date

from services.training.application import Training
from services.training.domain.learner import Rhythm
from shared.kernel.answers import Answer, Result


def remind(training: Training, today: date, rhythm: Rhythm) -> Answer:
    """Remind every producer once of what is due on a day; a second pass changes nothing."""
    reminders = 0
    for producer_id, completed_on in training.last_completed().items():
        learner = training.learner(producer_id)
        before = learner.version
        learner.remind(completed_on, today, rhythm)
        if learner.version > before:
            training.keep(learner)
            reminders += 1
    result = Result.CREATED if reminders else Result.UNCHANGED
    return Answer(result, figures={"reminders": reminders})
