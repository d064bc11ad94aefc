"""Markets: what the marketplace tells about them and their payment modes."""

from services.gateway.application import Gateway
from services.gateway.domain.market import Market, MarketNotice
from services.gateway.use_cases.distributions import tell_sales
from shared.kernel.answers import Answer, Result


def tell_market(gateway: Gateway, notice: MarketNotice) -> Answer:
    """Record a market's notice, and take up the distributions that waited for it.

    Refuses a mode over days already sold under the other, and a number reused with other content.
    """
    known = gateway.market(notice.market_id)
    if known and known.knows(notice):
        is_latest = notice.seq == max(known.digests)
        return Answer(Result.UNCHANGED if is_latest else Result.STALE)
    was_billed = known.details.is_billed if known else None
    market = known or gateway.opened(notice)
    days = market.affected(notice)
    affected = gateway.distributions_of_market(notice.market_id, days)
    result = market.tell(notice, (sold for d in affected for sold in d.relied_on()))
    gateway.keep(market)
    _take_up(gateway, market, everything=market.details.is_billed is not was_billed)
    return Answer(result)


def _take_up(gateway: Gateway, market: Market, *, everything: bool) -> None:
    if everything:
        distributions = gateway.distributions_of_market(market.market_id)
    else:
        distributions = gateway.distributions_without_mode(market.market_id)
    for distribution in distributions:
        distribution.find_modes(market.mode_on)
        gateway.keep(distribution)
        tell_sales(gateway, distribution)
