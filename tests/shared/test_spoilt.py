"""A record spoilt on its way is refused by name, whichever byte it is."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared.facts.catalogue import FACTS
from shared.facts.envelope import STRANGER, Message, Poison, enveloped, opened, received
from shared.kernel.errors import Refusal
from shared.messaging.parking import parked_facts
from shared.messaging.releasing import ParkedDesk
from tests.support.notices import distribution, market, producer
from tests.support.world import World, world

SALES = "cagette.gateway.SalesValidated.v1"
GONE_BY = ("ce_specversion", "ce_source", "ce_subject", "ce_dataschema", "content-type")
"""Headers that no listener of ours goes by."""

Record = tuple[bytes, dict[str, bytes], bytes]
"""Key, headers, value."""


@pytest.fixture
def sale(cagette: World) -> Message:
    """A sale as the gateway tells it."""
    cagette.told(market(), producer(), distribution())
    (message,) = (m for m in cagette.home.gateway.told(0, 100)[0] if m.type == SALES)
    return message


def sent(message: Message) -> Record:
    headers = {name: word.encode() for name, word in message.headers().items()}
    return message.key.encode(), headers, message.value


def flips(content: bytes) -> Iterator[bytes]:
    """The same bytes with one bit flipped, once for every byte."""
    for place, byte in enumerate(content):
        yield content[:place] + bytes([byte ^ (1 << place % 8)]) + content[place + 1 :]


def spoilt(record: Record) -> Iterator[tuple[str, Record]]:
    """A record with one bit flipped, once for every byte of it; and where that was."""
    key, headers, value = record
    yield from (("key", (each, headers, value)) for each in flips(key))
    yield from (("value", (key, headers, each)) for each in flips(value))
    for name, word in headers.items():
        yield from ((name, (key, headers | {name: each}, value)) for each in flips(word))
        rest = {other: headers[other] for other in headers if other != name}
        for each in flips(name.encode()):
            yield f"name of {name}", (key, {**rest, each.decode("latin-1"): word}, value)


def test_no_flipped_byte_of_a_record_is_taken_for_another_fact(sale: Message) -> None:
    true, refused = opened(sale), 0
    assert opened(received("gateway", 0, 7, *sent(sale))) == true
    for where, (key, headers, value) in spoilt(sent(sale)):
        message = received("gateway", 0, 7, key, headers, value)
        try:
            assert opened(message) == true, where
        except Poison:
            refused += 1
        else:
            place = (message.position, message.key, message.time)
            assert place == (sale.position, sale.key, sale.time), where
            assert where.startswith("name of ") or where in GONE_BY, where
        is_known = message.speaker.startswith(STRANGER) or message.position == sale.position
        assert is_known, f"{where}: a position that was never told is believed"
    assert refused > len(sale.value)


def test_a_spoilt_record_is_parked_under_its_key_and_the_true_value_can_be_given(
    cagette: World, sale: Message
) -> None:
    key, headers, value = sent(replace(sale, position=sale.position + 100))
    more = value.replace(b'"sales_cents":10000', b'"sales_cents":90000')
    assert more != value
    cagette.home.billing.hear([received("gateway", 0, 7, key, headers, more)])
    (parked,) = parked_facts(cagette.home.billing.log.begin())
    assert (parked.key, parked.reason) == ("gateway/2045", "malformed-fact")
    assert "digest" in parked.sentence
    desk = ParkedDesk(cagette.home.billing)
    with pytest.raises(Refusal, match="digest"):
        desk.release("gateway", "2045", by="test", why="again", drop=False)
    desk.fix("gateway", "2045", value.decode(), by="test", why="as the gateway remembers it")
    assert parked_facts(cagette.home.billing.log.begin()) == []


def test_what_was_told_before_there_was_a_digest_is_taken_as_ever(sale: Message) -> None:
    key, headers, value = sent(sale)
    del headers["ce_digest"]
    assert opened(received("gateway", 0, 7, key, headers, value)) == opened(sale)
    fact = FACTS[SALES].model_validate_json(value)
    assert not enveloped(fact, 1, sale.time).is_spoilt


@pytest.mark.parametrize(
    ("position", "with_id"),
    [
        ("900000", False),
        ("9" * 23, False),
        ("9" * 23, True),
        ("9" * 5_000, True),
        (str(2**63), True),
        ("0", True),
        ("-5", True),
    ],
)
def test_a_position_that_no_id_names_or_no_log_has_is_a_strangers_and_nothing_passes_for_heard(
    cagette: World, sale: Message, position: str, with_id: bool
) -> None:
    cagette.home.caught_up()
    before = cagette.home.billing.heard()
    key, headers, value = sent(sale)
    headers |= {"ce_id": b"gateway:%b" % position.encode(), "ce_sequence": position.encode()}
    if not with_id:
        del headers["ce_id"]
    cagette.home.billing.hear([received("gateway", 0, 7, key, headers, value)])
    assert cagette.home.billing.heard() == before | {f"{STRANGER}gateway/0": 8}
    (parked,) = parked_facts(cagette.home.billing.log.begin())
    assert (parked.key, parked.reason) == (f"{STRANGER}gateway/2045", "unknown-fact")


@pytest.mark.parametrize("odd", [b"NaN", b"-Infinity", b"1e999"])
def test_what_nobody_reads_has_to_be_json_too_for_the_gateway_keeps_facts_whole(
    cagette: World, sale: Message, odd: bytes
) -> None:
    cagette.home.caught_up()
    told = cagette.home.billing.told(0, 1_000)[0][-1]
    spoilt_one = replace(
        told, position=told.position + 1, value=b'{"x":' + odd + b"," + told.value[1:]
    )
    cagette.home.gateway.hear([spoilt_one])
    (parked,) = parked_facts(cagette.home.gateway.log.begin())
    assert (parked.key, parked.reason) == (f"billing/{told.key}", "malformed-fact")
    desk = ParkedDesk(cagette.home.gateway)
    desk.fix("billing", told.key, told.value.decode(), by="test", why="without it")
    assert parked_facts(cagette.home.gateway.log.begin()) == []


def test_a_nul_in_a_text_is_parked_for_no_table_of_postgresql_takes_it(
    tmp_path: Path, database_url: str, broker: dict[str, str]
) -> None:
    with world(tmp_path / "home", database_url=database_url, **broker) as cagette:
        cagette.told(market(), producer())
        told = next(m for m in cagette.home.gateway.told(0, 100)[0] if b'"name":"' in m.value)
        heard = cagette.home.billing.heard()["gateway/0"]
        named = replace(told, position=heard + 1, value=with_name(told, rb"x\u0000y"))
        cagette.home.billing.hear([named])
        (parked,) = parked_facts(cagette.home.billing.log.begin())
        assert (parked.reason, parked.sentence) == (
            "malformed-fact",
            "A text in it contains a NUL character.",
        )
        deque(cagette.home.workers["billing"].steps())
        ParkedDesk(cagette.home.billing).release(
            "gateway", told.key, by="test", why="no market is called that", drop=True
        )
    for backslashes in range(1, 7):
        name = b"about " + b"\\" * backslashes + b"u0000"
        message = replace(told, value=with_name(told, name))
        if backslashes % 2 == 0:
            assert opened(message)
            continue
        with pytest.raises(Poison, match="NUL"):
            opened(message)


def with_name(told: Message, name: bytes) -> bytes:
    """The value of a fact about a market, under another name."""
    return re.sub(rb'"name":"[^"]*"', lambda _: b'"name":"%b"' % name, told.value)
