"""Producers: what the marketplace tells about them, and forgetting them."""

from services.gateway.application import Gateway
from services.gateway.domain.producer import (
    Producer,
    ProducerNotice,
    SamePerson,
    check_named_by_nobody,
    check_party,
)
from services.gateway.use_cases.distributions import tell_sales
from shared.kernel.answers import Answer, Result
from shared.kernel.errors import NotFound


def tell_producer(gateway: Gateway, notice: ProducerNotice, is_same: SamePerson) -> Answer:
    """Record a producer's notice; tell the sales anew if they are now billed or no longer are.

    Refuses a party that is not its own party, and a number reused with other content.
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
    return Answer(result, warnings=_warnings(known))


def forget_producer(gateway: Gateway, producer_id: str) -> Answer:
    """Forget a producer's person; sales, fees and documents stay. A repeat changes nothing.

    Refuses an unknown producer, and one who is invoiced in the place of others.
    """
    producer = known_producer(gateway, producer_id)
    check_named_by_nobody(producer, gateway.naming(producer_id))
    result = producer.forget()
    gateway.keep(producer)
    in_clear = (
        f"What was told about {producer_id} before this home had a vault is unencrypted in its "
        "log: forgetting does not erase it."
    )
    return Answer(result, warnings=(in_clear,) if producer.was_in_clear else ())


def known_producer(gateway: Gateway, producer_id: str) -> Producer:
    """A producer who was told; raises NotFound for any other."""
    producer = gateway.producer(producer_id)
    if producer is None:
        raise NotFound(f"No producer {producer_id} was told: see `cagette export producers`.")
    return producer


def _warnings(known: Producer | None) -> tuple[str, ...]:
    if known is None or not known.is_forgotten:
        return ()
    own = known.notice.producer_id
    return (f"Producer {own} was forgotten: name, address and contacts are not kept.",)
