"""Producers: what the marketplace tells of them."""

from services.gateway.application import Gateway
from services.gateway.domain.producer import ProducerNotice, SamePerson, check_party
from services.gateway.use_cases.distributions import tell_sales
from shared.kernel.answers import Answer, Result


def tell_producer(gateway: Gateway, notice: ProducerNotice, is_same: SamePerson) -> Answer:
    """Take a producer's notice over, and tell his sales anew where they wait or he is excluded.

    Refuses a party that is not its own party, and a number that came with other content.
    """
    known = gateway.producer(notice.producer_id)
    if known is None or notice.seq > known.notice.seq:
        party = gateway.producer(notice.party_id)
        check_party(notice, party, gateway.naming(notice.producer_id))
    was_billed = gateway.is_billed(notice.producer_id)
    if known:
        result = known.tell(notice, is_same)
        gateway.keep(known)
    else:
        gateway.keep(gateway.enrolled(notice))
        result = Result.CREATED
    if gateway.is_billed(notice.producer_id) is not was_billed:
        for distribution in gateway.distributions_of_producer(notice.producer_id):
            tell_sales(gateway, distribution)
    return Answer(result)
