"""What people may see and do: refused in the service layer, whatever a page shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from browser import world as worlds

from listener.desk import Desk
from listener.desk.figures import gaps
from listener.desk.watch import state_of
from listener.domain import CaseStatus, Resolution
from listener.errors import CRMError, NotAllowed, StaleWrite, StorageError
from listener.settings import SourceConfig
from listener.storage import Database, cases, health, people
from listener.storage.case_search import CaseFilter
from listener.storage.health import SubscriptionHealth
from listener.storage.people import User

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[worlds.World]:
    made = worlds.build(tmp_path_factory.mktemp("desk"))
    yield made
    made.db.close()


@pytest.fixture(scope="module")
def desk(world: worlds.World) -> Desk:
    return Desk(world.db, world.settings)


@pytest.fixture(scope="module")
def user(world: worlds.World) -> Callable[[str], User]:
    def find(name: str) -> User:
        with world.db.read() as session:
            found = people.get(session, name)
        assert found is not None
        return found

    return find


def changes(desk: Desk, who: User, case_id: int, version: int) -> dict[str, Callable[[], object]]:
    return {
        "assign": lambda: desk.cases.assign(who, case_id, who.username, version=version),
        "status": lambda: desk.cases.set_status(who, case_id, CaseStatus.PENDING, version=version),
        "note": lambda: desk.cases.note(who, case_id, "una nota"),
        "correct": lambda: desk.cases.correct(
            who, case_id, 1, "sentiment", "neutral", version=version
        ),
        "customer": lambda: desk.cases.confirm_customer(who, case_id, None, None, version=version),
        "record": lambda: desk.cases.customer(who, "local", "C-1001"),
        "people": lambda: desk.cases.assignable(who, "movistar"),
    }


@pytest.mark.parametrize(
    "what", ["assign", "status", "note", "correct", "customer", "record", "people"]
)
def test_marc_of_marketing_looks_but_changes_nothing(
    desk: Desk, user: Callable[[str], User], world: worlds.World, what: str
) -> None:
    marc, case_id = user("marc"), world.cases["lucia"]
    before = desk.cases.view(marc, case_id)
    with pytest.raises(NotAllowed):
        changes(desk, marc, case_id, before.detail.summary.version)[what]()
    assert desk.cases.view(marc, case_id) == before


def test_only_those_who_work_on_cases_see_the_customers_record(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    case_id = world.cases["lucia"]
    assert desk.cases.view(user("marc"), case_id).record is None
    record = desk.cases.view(user("ana"), case_id).record
    assert record is not None
    assert record.customer.name == "Lucía Marín"
    assert len(record.events) == 7
    assert list(record.events) == sorted(record.events, key=lambda e: e.at)


def test_marc_of_marketing_does_not_learn_who_an_author_is(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    case_id = world.cases["lucia"]
    known = desk.cases.view(user("ana"), case_id).detail
    assert known.match is not None
    name, ref = known.match["name"], known.summary.customer_ref
    assert name == "Lucía Marín"
    with desk.db.write() as session:
        cases.log(session, case_id, NOW, "ana", "customer", {"from": None, "to": ref})
    view = desk.cases.view(user("marc"), case_id)
    assert view.detail.match is None
    assert view.detail.crm is None
    assert view.detail.summary.customer_ref is None
    assert "customer" not in {e.kind for e in view.detail.timeline}
    assert len(view.detail.timeline) == len(known.timeline)
    assert str(ref) not in repr(view)
    told = {u: [line.case.customer_ref for line in desk.cases.inbox(user(u), CaseFilter())[0]]
            for u in ("ana", "marc")}  # fmt: skip
    assert ref in told["ana"]
    assert set(told["marc"]) == {None}


def test_berta_of_vodafone_sees_no_case_of_movistar(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    berta = user("berta")
    assert desk.cases.inbox(berta, CaseFilter())[1] == 0
    assert desk.cases.inbox(berta, CaseFilter(brands=("movistar",)))[1] == 0
    with pytest.raises(NotAllowed):
        desk.cases.view(berta, world.cases["lucia"])
    found = desk.figures.trends(
        berta, first=NOW.date() - timedelta(9000), last=date(2030, 1, 1), zone=MADRID
    )
    assert {t.brand for t in found.tallies} == {"vodafone"}
    asked = desk.figures.trends(
        berta, first=date(2020, 1, 1), last=date(2030, 1, 1), zone=MADRID, brands=("movistar",)
    )
    assert asked.tallies == ()
    assert [v.alert.brand for v in desk.alerts.listed(berta)[0]] == [None]
    with pytest.raises(NotAllowed):
        desk.watch.rejects(berta)
    found = desk.watch.rejects(user("ana"))
    assert (len(found.found), list(found.origins.values())) == (1, [1])
    assert all(set(v) <= {"vodafone"} for v in desk.watch.sources(berta).volume.values())
    assert any("movistar" in v for v in desk.watch.sources(user("ana")).volume.values())


def test_somebody_of_some_brands_opens_a_record_only_from_a_case_of_theirs(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    ana = replace(user("ana"), brands=("movistar",))
    case_id = world.cases["lucia"]
    assert desk.cases.customer(ana, "local", "C-1001", case_id).customer.ref == "C-1001"
    for ref, case in (("C-1001", None), ("C-1002", case_id), ("C-1001", world.cases["jo"])):
        with pytest.raises(NotAllowed):
            desk.cases.customer(ana, "local", ref, case)
    with pytest.raises(NotAllowed):
        desk.cases.customer(replace(ana, brands=("vodafone",)), "local", "C-1001", case_id)


def test_a_case_goes_only_to_somebody_who_may_work_on_it(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    ana, case_id = user("ana"), world.cases["paula"]
    version = desk.cases.view(ana, case_id).detail.summary.version
    for name in ("marc", "berta"):
        with pytest.raises(NotAllowed):
            desk.cases.assign(ana, case_id, name, version=version)
    assert {p.username for p in desk.cases.assignable(ana, "movistar")} == {"ana", "ben", "admin"}


def test_the_second_of_two_is_told_what_the_first_did(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    case_id = world.cases["persona3"]
    version = desk.cases.view(user("ana"), case_id).detail.summary.version
    desk.cases.assign(user("ana"), case_id, "ana", version=version)
    with pytest.raises(StaleWrite) as stale:
        desk.cases.set_status(
            user("ben"), case_id, CaseStatus.CLOSED, Resolution.ANSWERED, version=version
        )
    assert "ana: assigned" in stale.value.changed
    assert desk.cases.view(user("ben"), case_id).detail.summary.status == CaseStatus.OPEN


def test_only_a_candidate_of_the_case_can_be_its_customer(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    ana, case_id = user("ana"), world.cases["tomas"]
    case = desk.cases.view(ana, case_id).detail
    assert case.summary.customer_ref is None
    with pytest.raises(NotAllowed):
        desk.cases.confirm_customer(ana, case_id, "local", "C-1001", version=case.summary.version)
    desk.cases.confirm_customer(ana, case_id, "local", "C-1002", version=case.summary.version)
    view = desk.cases.view(ana, case_id)
    assert view.record is not None
    assert view.record.customer.name == "Tomás Rey"


def test_a_mention_is_corrected_only_on_its_own_case(
    desk: Desk, user: Callable[[str], User], world: worlds.World
) -> None:
    ana = user("ana")
    paula, jo = (desk.cases.view(ana, world.cases[n]).detail.summary for n in ("paula", "jo"))
    other = desk.cases.view(ana, jo.id).detail.mentions[0].id
    with pytest.raises(NotAllowed):
        desk.cases.correct(ana, paula.id, other, "sentiment", "neutral", version=paula.version)
    desk.cases.correct(ana, jo.id, other, "sentiment", "neutral", version=jo.version)
    reading = desk.cases.view(ana, world.cases["jo"]).detail.mentions[0].reading
    assert reading is not None
    assert reading.sentiment == "neutral"
    assert reading.corrected["sentiment"] == "ana"


def test_a_crm_that_is_not_configured_leaves_the_case_readable(
    world: worlds.World, user: Callable[[str], User]
) -> None:
    desk = Desk(world.db, world.settings.model_copy(update={"crms": ()}))
    view = desk.cases.view(user("ana"), world.cases["lucia"])
    assert view.record is None
    assert "not configured" in str(view.trouble)
    with pytest.raises(CRMError):
        desk.cases.customer(user("ana"), "local", "C-1001")


def test_a_failed_message_is_sent_again_once(desk: Desk, user: Callable[[str], User]) -> None:
    failed = next(
        d for v in desk.alerts.listed(user("ana"))[0] for d in v.deliveries if d.status == "failed"
    )
    with pytest.raises(NotAllowed):
        desk.alerts.send_again(user("marc"), failed.id)
    desk.alerts.send_again(user("ana"), failed.id)
    with pytest.raises(StorageError):
        desk.alerts.send_again(user("ana"), failed.id)


def test_only_an_administrator_loads_or_removes_the_sample(
    desk: Desk, user: Callable[[str], User]
) -> None:
    for work in (desk.setup.load_sample, desk.setup.remove_sample):
        with pytest.raises(NotAllowed):
            work(user("ana"))


# ---------------------------------------------------------------------------- gaps and states


def watched(**changes: object) -> SubscriptionHealth:
    values: dict[str, object] = {
        "key": "noticias/movistar",
        "source_name": "noticias",
        "source_type": "feed",
        "cursor": None,
        "watched_since": NOW - timedelta(days=5),
        "last_attempt_at": NOW,
        "last_success_at": NOW,
        "last_item_at": NOW,
        "not_before": None,
        "failures": 0,
        "failing_since": None,
        "last_error": None,
        "items": 0,
        "pages": 0,
        "problems": 0,
    }
    return SubscriptionHealth(**(values | changes))  # type: ignore[arg-type]


def days(*numbers: int) -> set[date]:
    return {date(2026, 11, n) for n in numbers}


def test_five_days_down_in_the_middle_are_a_gap() -> None:
    answered = days(14, 20, 21, 22)
    first, last = date(2026, 11, 13), date(2026, 11, 30)
    found = gaps([watched()], answered, first, last, MADRID, NOW)
    assert found == days(13, 15, 16, 17, 18, 19)  # the 23rd is answered, the rest is to come
    assert gaps([], answered, first, last, MADRID, NOW) == frozenset()


def test_after_the_last_answer_all_is_a_gap_up_to_today() -> None:
    silent = watched(last_success_at=NOW - timedelta(days=2))
    found = gaps([silent], days(20, 21), date(2026, 11, 20), date(2026, 11, 30), MADRID, NOW)
    assert found == days(22, 23)


def test_a_source_that_never_answered_leaves_only_gaps() -> None:
    silent = watched(last_success_at=None)
    found = gaps([silent], (), date(2026, 11, 20), date(2026, 11, 23), MADRID, NOW)
    assert len(found) == 4


def test_a_day_that_begins_before_that_of_utc_is_no_gap() -> None:
    night = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # the 24th in Madrid
    source = watched(last_success_at=night)
    first, last = date(2026, 11, 23), date(2026, 11, 24)
    assert gaps([source], days(23), first, last, MADRID, night) == frozenset()


@pytest.mark.parametrize("zone", ["Europe/Madrid", "Pacific/Auckland", "America/Los_Angeles"])
def test_one_day_down_is_one_gap_in_every_zone(zone: str) -> None:
    answered = days(18, 19, 21, 22, 23)
    first, last = date(2026, 11, 19), date(2026, 11, 23)
    assert len(gaps([watched()], answered, first, last, ZoneInfo(zone), NOW)) == 1


def test_an_outage_in_the_past_stays_a_gap_when_the_source_answers_again(
    sqlite_database: Database, world: worlds.World, user: Callable[[str], User]
) -> None:
    with sqlite_database.write() as session:
        health.watch(session, [("noticias/movistar", "noticias", "feed")], NOW - timedelta(days=9))
        for ago in (9, 8, 2, 1, 0):
            health.succeeded(session, "noticias/movistar", NOW - timedelta(days=ago))
    found = Desk(sqlite_database, world.settings, lambda: NOW).figures.trends(
        user("ana"), first=date(2026, 11, 14), last=date(2026, 11, 23), zone=MADRID
    )
    assert found.gaps == days(16, 17, 18, 19, 20)


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, "ok"),
        ({"failures": 1}, "failing"),
        ({"last_attempt_at": None}, "waiting"),
        ({"not_before": NOW + timedelta(minutes=3)}, "waiting"),
        ({"last_item_at": NOW - timedelta(days=3)}, "silent"),
        ({"source_name": "gone"}, "off"),
    ],
)
def test_the_state_of_a_source(world: worlds.World, changed: dict[str, object], state: str) -> None:
    settings = world.settings.model_copy(
        update={"sources": (SourceConfig(name="noticias", type="feed"),)}
    )
    assert state_of(watched(**changed), settings, NOW) == state
