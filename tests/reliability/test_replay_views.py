"""`cagette replay views`: a view rebuilt beside the live one, while writers go on."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Table, delete, update

from deploy.cli.houses import VIEWS
from deploy.cli.rebuilding import chosen
from services.billing.views.fees import FEES
from services.billing.views.fees import VIEW as FEE_VIEW
from services.gateway.views.producers import PRODUCERS
from services.gateway.views.producers import VIEW as PRODUCER_VIEW
from shared.eventstore.rebuilding import Rebuild
from shared.eventstore.rebuilt import rebuilt
from shared.kernel.errors import NotFound
from tests.support import commands, notices
from tests.support.world import World, world

DAYS = 40


@pytest.fixture(params=["sqlite", "postgresql"])
def sold(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A home in which two producers sold, on each database."""
    settings = {}
    if request.param == "postgresql":
        settings = {
            "database_url": request.getfixturevalue("database_url"),
            "patience_seconds": 30,
            **request.getfixturevalue("broker"),
        }
    with world(tmp_path / "home", **settings) as cagette:
        cagette.told(notices.market(), notices.producer(), notices.producer("7"))
        cagette.told(notices.distribution("D1", {"2045": 10_000, "7": 5_000}))
        yield cagette


def spoil(cagette: World) -> None:
    """Change the amount of one row of the fees, delete another, and give a third another id."""
    with cagette.home.views["billing"].engine.begin() as connection:
        first = FEES.c.fee_id == "2045:D1:SERVICE:1"
        connection.execute(update(FEES).where(first).values(amount_cents=1))
        connection.execute(delete(FEES).where(FEES.c.fee_id == "7:D1:SERVICE:1"))
        made_up = FEES.c.fee_id == "7:D1:PAYMENT:1"
        connection.execute(update(FEES).where(made_up).values(fee_id="7:D9:PAYMENT:1"))


def as_the_log_says(cagette: World, house: str) -> bool:
    """Whether every table of a house's views agrees with its log."""
    live = cagette.home.views[house]
    stood = live.snapshot()
    fresh = rebuilt(live.log, VIEWS[house], stood.positions)
    return all(rows == fresh.rows(table) for table, rows in stood.rows.items())


def test_a_view_is_made_again_as_far_as_it_is_asked_and_no_further(sold: World) -> None:
    log, views = sold.home.views["billing"].log, VIEWS["billing"]
    early, late = log.head() // 2, log.head()
    until = {view.name: early for view in views}
    both = rebuilt(log, views, until)
    assert both.positions == until
    one = {**until, FEE_VIEW.name: late}
    assert sum(both.catch_up(one)) == late - early
    assert both.positions == one
    assert list(both.catch_up(one)) == []
    list(both.catch_up({**until, "producers": late}))
    assert both.positions == {**one, "producers": late}
    whole = rebuilt(log, views)
    assert both.rows(FEES) == whole.rows(FEES)


def test_a_spoilt_view_is_told_row_by_row_and_only_a_switch_mends_it(sold: World) -> None:
    spoil(sold)
    live = sold.home.views["billing"]
    positions = live.positions()
    rebuild = Rebuild(live, FEE_VIEW)
    told = {c.key["fee_id"]: (c.stands is None, c.should is None) for c in rebuild.changes()}
    assert told == {
        "2045:D1:SERVICE:1": (False, False),
        "7:D1:PAYMENT:1": (True, False),
        "7:D1:SERVICE:1": (True, False),
        "7:D9:PAYMENT:1": (False, True),
    }
    assert rebuild.changes()[0].fields == {"amount_cents": (1, 600)}
    assert not as_the_log_says(sold, "billing")
    assert len(rebuild.switch()) == 4
    assert as_the_log_says(sold, "billing")
    assert rebuild.switch() == []
    assert live.positions() == positions


def test_words_that_differ_are_told_as_plain_text(sold: World) -> None:
    live = sold.home.views["gateway"]
    with live.engine.begin() as connection:
        connection.execute(update(PRODUCERS).values(vat_regime="NONSENSE"))
    fields = [change.fields["vat_regime"] for change in Rebuild(live, PRODUCER_VIEW).changes()]
    assert repr(fields) == repr([("NONSENSE", "NORMAL")] * 2)


def test_while_a_worker_goes_on_views_are_switched_and_nothing_of_his_is_lost(
    sold: World,
) -> None:
    stop, broken = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            for number in range(DAYS):
                told = notices.distribution(f"E{number}", {"2045": 1_000 + number, "7": 500})
                sold.told(told)
        except BaseException as reason:
            broken.append(reason)
        finally:
            stop.set()

    worker = threading.Thread(target=work)
    worker.start()
    switched = 0
    while not stop.is_set():
        spoil(sold)
        for house, view in chosen(None):
            switched += len(Rebuild(sold.home.views[house], view).switch())
    worker.join()
    assert (broken, switched >= 4) == ([], True)
    sold.home.caught_up()
    assert all(as_the_log_says(sold, house) for house in VIEWS)
    assert len(sold.rows(FEES)) == 4 + 4 * DAYS


@pytest.mark.parametrize("which", ["nowhere", "billing.nothing", ".", "billing.fees.x"])
def test_an_unknown_view_is_refused_naming_those_there_are(which: str) -> None:
    with pytest.raises(NotFound, match="There are gateway"):
        list(chosen(which))


def test_every_table_of_a_view_has_a_key_to_be_compared_by() -> None:
    tables: list[Table] = [t for views in VIEWS.values() for view in views for t in view.tables]
    assert all(len(table.primary_key) for table in tables)


def test_the_command_says_what_would_change_and_then_changes_it(cagette: World) -> None:
    cagette.told(notices.market(), notices.producer(), notices.producer("7"))
    cagette.told(notices.distribution("D1", {"2045": 10_000, "7": 5_000}))
    spoil(cagette)

    def run(*words: str) -> bytes:
        done = commands.run(cagette.home.folder, " ".join(("replay views", *words)))
        assert done.returncode == 0, done
        return done.stdout

    (diff,) = json.loads(run("billing.fees", "--diff", "--json"))
    assert (diff["switched"], len(diff["changes"])) == (False, 4)
    assert diff["changes"][0]["fields"] == {"amount_cents": [1, 600]}
    said = run("billing").decode()
    assert "~ fees fee_id 2045:D1:SERVICE:1: amount_cents 1 → 600" in said
    assert "+ fees fee_id 7:D1:SERVICE:1: is missing" in said
    assert "4 rows changed" in said
    assert all(made["changes"] == [] for made in json.loads(run("--json")))
