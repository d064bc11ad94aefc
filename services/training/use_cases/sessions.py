"""Sessions, and the producers in them."""

from services.training.application import Training
from services.training.domain.notices import AttendeeNotice, Plan
from shared.kernel.answers import Answer


def tell_session(training: Training, session_id: str, plan: Plan) -> Answer:
    """Plan a session or edit it; enrolments that waited for it are taken up.

    Refuses a price above 850 €, days in the wrong order, a number reused with other content.
    """
    session = training.session(session_id)
    answer = session.tell(plan)
    training.keep(session)
    return answer


def tell_attendee(
    training: Training, session_id: str, producer_id: str, notice: AttendeeNotice
) -> Answer:
    """Record an enrolment, completion or cancellation; held while what it refers to is missing.

    Refuses fundings that do not add up to the price, and a number reused with other content.
    """
    session = training.session(session_id)
    answer = session.tell_of(producer_id, notice)
    training.keep(session)
    return answer
