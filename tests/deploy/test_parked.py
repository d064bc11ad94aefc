"""`cagette parked`: what is set aside is shown whole, corrected, and taken in order."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.reliving import relived
from services.billing.views.fees import FEES
from services.gateway.api.imports import import_lines
from shared.eventstore.work import END_OF_TAGS
from shared.facts.envelope import EPOCH, MalformedFact, Message, received
from shared.messaging.parking import PARKED, ParkedFacts, parked_id
from shared.messaging.releasing import ParkedDesk
from tests.support.commands import answered, refused, run
from tests.support.notices import distribution, market, producer
from tests.support.world import World


@pytest.fixture
def spoilt(cagette: World) -> list[Message]:
    """Four sales of producer 1, parked at billing; the first and third lost their content."""
    cagette.told(market(), producer("1"))
    for number in range(1, 5):
        told_alone(cagette, distribution(f"D{number}", {"1": 1_000 * number}))
    messages, _ = cagette.home.gateway.told(0, 1_000)
    facts = [message for message in messages if message.type.endswith("SalesValidated.v1")]
    cagette.home.billing.hear(
        [replace(m, value=b"{}") if n in (0, 2) else m for n, m in enumerate(facts)]
    )
    cagette.home.caught_up()
    assert cagette.rows(FEES) == []
    return facts


def told_alone(cagette: World, notice: dict[str, Any]) -> None:
    """Tell the gateway something that nobody hears yet."""
    list(import_lines(cagette.home.gateway_desk, [json.dumps(notice).encode()], by="test"))


def base(cagette: World) -> int:
    """The sales that were charged for, in cents."""
    return sum(fee["base_cents"] for fee in cagette.rows(FEES) if fee["kind"] == "SERVICE")


def test_the_first_is_fixed_what_waited_is_taken_in_and_the_next_that_is_bad_becomes_the_first(
    cagette: World, spoilt: list[Message], tmp_path: Path
) -> None:
    home, values = cagette.home.folder, [message.value.decode() for message in spoilt]
    before = answered(home, "parked show gateway/1")
    assert [(w["position"], w["reason"], w["value"]) for w in before["waiting"]] == [
        (
            m.position,
            "waits-behind" if n else "malformed-fact",
            {} if n in (0, 2) else json.loads(v),
        )
        for n, (m, v) in enumerate(zip(spoilt, values, strict=True))
    ]
    (tmp_path / "mended.json").write_text(values[0])
    fix = f"parked fix gateway/1 --fact {tmp_path / 'mended.json'} --by anne"
    refused(run(home, fix), "not-valid", "--why")
    (tmp_path / "latin1.json").write_bytes(b'{"name": "F\xe9e"}')
    refused(run(home, f"{fix.replace('mended', 'latin1')} --why lost"), "not-valid", "UTF-8")
    assert answered(home, f"{fix} --why lost --dry-run")["dry_run"] is True
    assert base(cagette) == 0
    assert answered(home, f"{fix} --why lost") == {
        "result": "updated", "dry_run": False, "warnings": [], "facts": 2, "still_parked": 2,
    }  # fmt: skip
    assert base(cagette) == 3_000
    shown = answered(home, "parked show gateway/1")
    assert [w["reason"] for w in shown["waiting"]] == ["malformed-fact", "waits-behind"]
    (done,) = shown["done"]
    assert (done["what"], done["by"], done["why"]) == ("fixed", "anne", "lost")
    assert done["positions"] == [m.position for m in spoilt[:2]]
    assert b"fixed by anne: lost" in run(home, "parked show gateway/1").stdout
    desk = ParkedDesk(cagette.home.billing)
    another_s = json.dumps(json.loads(values[2]) | {"producer_id": "2"})
    with pytest.raises(MalformedFact, match="key"):
        desk.fix("gateway", "1", another_s, by="test", why="a slip")
    answer = desk.fix("gateway", "1", values[2], by="test", why="lost too")
    assert answer.figures == {"facts": 2, "still_parked": 0}
    assert base(cagette) == 10_000
    history = list(cagette.home.billing.log.history())
    as_it_came = [e.message.value for e in history if isinstance(e, ParkedFacts.Parked)]
    assert as_it_came == [b"{}", spoilt[1].value, b"{}", spoilt[3].value]
    assert relived(cagette.home, "billing").is_same
    refused(run(home, "parked show gateway/1"), "not-found", "parked list")


def test_what_other_houses_park_is_seen_to_as_well(cagette: World) -> None:
    stranger = Message("billing", 1_000, "cagette.billing.Gone.v9", "1", EPOCH, b"\xff")
    cagette.home.gateway.hear([stranger])
    home = cagette.home.folder
    (fact,) = answered(home, "parked list")
    assert (fact["house"], fact["key"], fact["reason"]) == ("gateway", "billing/1", "unknown-fact")
    assert answered(home, "parked show billing/1")["waiting"][0]["value"] == "\\xff"
    cagette.home.billing.hear([stranger])
    refused(run(home, "parked show billing/1"), "not-valid", "gateway and billing", "--house")
    dropped = answered(home, "parked drop billing/1 --house gateway --why no --by anne")
    assert dropped["facts"] == 1
    assert relived(cagette.home, "gateway").is_same
    assert [each["house"] for each in answered(home, "parked list")] == ["billing"]


def test_a_dry_run_lets_nothing_go_and_a_reason_is_words(cagette: World) -> None:
    stranger = Message("stranger-on-gateway", 1, "x", "2045", EPOCH, b"{}")
    cagette.home.billing.hear([stranger])
    home, key = cagette.home.folder, "stranger-on-gateway/2045"
    refused(run(home, f"parked drop {key} --why '  '"), "not-valid", "--why")
    dry = answered(home, f"parked drop {key} --why junk --dry-run")
    assert (dry["dry_run"], dry["facts"]) == (True, 1)
    assert [fact["key"] for fact in answered(home, "parked list")] == [key]
    assert answered(home, f"parked drop {key} --why junk")["dry_run"] is False
    assert answered(home, "parked list") == []


def test_a_key_that_no_shell_can_pass_is_named_by_its_stream(cagette: World) -> None:
    strangers = [received("gateway", n, 7, b"a\0b", {}, b"%d" % n) for n in (0, 1)]
    cagette.home.billing.hear(strangers)
    home = cagette.home.folder
    one, two = answered(home, "parked list")
    for fact in (one, two):
        assert (fact["key"], fact["position"]) == ("stranger-on-gateway/a\0b", 8)
    shown = answered(home, f"parked show {one['stream']}")
    assert [each["value"] for each in shown["waiting"]] == [0, 1]
    dropped = answered(home, f"parked drop {one['stream']} --why strange --by anne")
    assert (dropped["facts"], answered(home, "parked list")) == (2, [])


def test_a_usual_key_is_the_tag_that_logs_have_always_had(
    spoilt: list[Message], cagette: World
) -> None:
    tagged = cagette.home.billing.log.recorder.tagged(PARKED, PARKED + END_OF_TAGS)
    assert tagged == [("parked/gateway/1", parked_id("gateway", "1"))]


def test_a_key_that_looks_like_markup_is_shown_as_it_is(cagette: World) -> None:
    cagette.home.billing.hear([received("gateway", 0, 7, b"[/x]", {}, b"{}")])
    home, key = cagette.home.folder, "stranger-on-gateway/[/x]"
    refused(run(home, "payout 2024-10-07"), "facts-parked", key)
    assert key.encode() in run(home, f"parked show {key}").stdout
    dropped = run(home, f"parked drop {key} --why strange")
    assert (dropped.returncode, key.encode() in dropped.stdout) == (0, True), dropped
