"""Storage, every test on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from builders import NOW, case_on, found, page, priority, reading, route
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from listener.dedupe import Fingerprinted
from listener.domain import (
    Alert,
    AlertKind,
    Candidate,
    CaseStatus,
    Customer,
    CustomerMatch,
    Identifier,
    IdentifierKind,
    PriorityLevel,
    Problem,
    Reason,
    Resolution,
    Route,
)
from listener.errors import StaleWrite, StorageError
from listener.storage import (
    Database,
    alerts,
    case_actions,
    case_customers,
    case_detail,
    case_opening,
    case_search,
    cases,
    duplicates,
    full_text,
    health,
    mentions,
    people,
    readings,
    trends,
)
from listener.storage.alerts import Recipient
from listener.storage.case_search import CaseFilter
from listener.storage.duplicates import Printed
from listener.storage.health import CursorMoved
from listener.storage.mentions import BrandHit, Found, Saved
from listener.storage.people import User
from listener.storage.tables import Base, MentionBrand, MentionRow, RawPageRow, ReadingRow, Reject

KEY = "mastodon-es"
_COUNTER = itertools.count()


def watched(db: Database, cursor: str | None = None) -> None:
    with db.write() as session:
        health.watch(session, [(KEY, "mastodon-es", "mastodon")], NOW)
        if cursor:
            health.move_cursor(session, KEY, None, cursor, NOW)


def save(
    db: Database,
    *items: Found,
    cursor: str | None,
    new: str | None,
    problems: tuple[Problem, ...] = (),
) -> Saved:
    with db.write() as session:
        return mentions.save_page(
            session,
            subscription=KEY,
            source_type="mastodon",
            page=page(cursor=new),
            found=items,
            problems=problems,
            expected_cursor=cursor,
            now=NOW,
        )


def stored(db: Database, *items: Found) -> list[int]:
    with db.write() as session:
        return mentions.save_found(session, KEY, items, now=NOW).new_ids


def total(db: Database, table: type) -> int:
    with db.read() as session:
        return int(session.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


# ---------------------------------------------------------------------------- schema


def test_migrations_from_nothing_give_exactly_the_models(empty_url: str) -> None:
    db = Database(empty_url)
    db.upgrade()
    with db.engine.connect() as connection:
        # What no model can say: the index of full text (tests/test_full_text.py).
        ours = {"compare_type": True, "include_name": lambda name, *_: not _full_text(name)}
        context = MigrationContext.configure(connection, opts=ours)
        assert compare_metadata(context, Base.metadata) == []
    current, newest = db.revision()
    assert current == newest is not None
    db.upgrade()  # a second time changes nothing
    assert db.revision() == (current, newest)
    db.close()


def _full_text(name: str | None) -> bool:
    return (name or "").removeprefix("ix_").startswith(full_text.TABLE)


def test_two_processes_may_migrate_at_once(empty_url: str) -> None:
    databases = [Database(empty_url) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda db: db.upgrade(), databases))
    assert databases[0].revision()[0] == databases[0].revision()[1]
    for db in databases:
        db.close()


def test_an_empty_database_says_what_to_do(empty_url: str) -> None:
    db = Database(empty_url)
    with pytest.raises(StorageError, match="doctor --migrate"), db.read() as session:
        trends.counts(session)
    db.close()


# ---------------------------------------------------------------------------- collect


def test_a_page_its_mentions_and_the_cursor_are_one_commit(database: Database) -> None:
    watched(database)
    saved = save(database, found("a"), found("b", author="paco"), cursor=None, new="2")
    assert (saved.new, saved.known, saved.rejected) == (2, 0, 0)
    with database.read() as session:
        [state] = health.subscriptions(session)
    assert state.cursor == "2"
    assert (state.items, state.pages) == (2, 1)
    assert state.last_item_at == NOW


def test_a_failure_in_the_middle_leaves_neither_mentions_nor_cursor(database: Database) -> None:
    watched(database, "1")

    def cut_short() -> None:
        with database.write() as session:
            mentions.save_page(
                session,
                subscription=KEY,
                source_type="mastodon",
                page=page(cursor="2"),
                found=[found("a")],
                problems=(),
                expected_cursor="1",
                now=NOW,
            )
            raise RuntimeError("the power fails")

    with pytest.raises(RuntimeError):
        cut_short()
    assert total(database, MentionRow) == total(database, RawPageRow) == 0
    with database.read() as session:
        assert health.subscriptions(session)[0].cursor == "1"


def test_a_page_that_another_collector_stored_is_refused(database: Database) -> None:
    watched(database)
    save(database, found("a"), cursor=None, new="2")
    with pytest.raises(CursorMoved):
        save(database, found("b"), cursor=None, new="2")
    assert total(database, MentionRow) == 1
    assert total(database, RawPageRow) == 1


def test_two_collectors_on_one_page_store_it_once(database: Database) -> None:
    watched(database)
    barrier = threading.Barrier(2)

    def collector(_: int) -> int:
        barrier.wait()
        try:
            return save(database, *(found(str(i)) for i in range(20)), cursor=None, new="2").new
        except CursorMoved:
            return 0

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(collector, range(2))) == [0, 20]
    assert total(database, MentionRow) == 20


def test_a_mention_that_is_known_is_stored_once_and_gains_brands(database: Database) -> None:
    watched(database)
    save(database, found("a", brands=["movistar"]), cursor=None, new="2")
    saved = save(database, found("a", brands=["vodafone"]), found("a"), cursor="2", new="3")
    assert (saved.new, saved.known) == (0, 2)
    assert total(database, MentionRow) == 1
    with database.read() as session:
        assert set(session.scalars(sa.select(MentionBrand.brand))) == {"movistar", "vodafone"}
        assert trends.counts(session, "brand")["by_brand"] == {"movistar": 1, "vodafone": 1}


def test_the_same_id_of_two_sources_is_two_mentions(database: Database) -> None:
    assert len(stored(database, found("1"), found("1", source="bluesky"))) == 2


def test_two_workers_who_meet_the_same_new_author(database: Database) -> None:
    barrier = threading.Barrier(2)

    def collector(part: str) -> int:
        barrier.wait()
        with database.write() as session:
            items = [found(f"{part}{i}", author="marta") for i in range(30)]
            return mentions.save_found(session, part, items, now=NOW).new

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(collector, "xy")) == [30, 30]
    with database.read() as session:
        authors = set(session.scalars(sa.select(MentionRow.author_id)))
    assert len(authors) == 1
    assert None not in authors


def test_what_could_not_be_read_is_kept_once(database: Database) -> None:
    watched(database)
    bad = Problem("no date", '{"id": 7}', 3)
    assert save(database, cursor=None, new="2", problems=(bad, bad)).rejected == 1
    assert save(database, cursor="2", new="3", problems=(bad,)).rejected == 0
    assert save(database, cursor="3", new="4", problems=(replace(bad, line=4),)).rejected == 1
    with database.read() as session:
        assert trends.counts(session)["rejects"] == 2
        assert health.subscriptions(session)[0].problems == 2


HOSTILE = [
    "con un nulo \0 en medio",
    "un sustituto suelto \ud83d aquí",
    "‮al revés",
    "'; DROP TABLE mentions; --",
    "🧨" * 50,
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:12]))
def test_no_text_of_the_world_stops_a_page(database: Database, text: str) -> None:
    watched(database)
    odd = found(
        f"id{text[:30]}",
        text,
        author=text[:50],
        title=text[:40],
        url=text[:60],
        tags=(text[:20],),
        links=(text[:20],),
        lang=text[:25],
        reply_to=text[:30],
        site=text[:30],
    )
    brand = replace(odd, brands=(BrandHit("movistar", False, ({"term": text[:20]},)),))
    saved = save(
        database, brand, found("next"), cursor=None, new="2", problems=(Problem(text, text, 1),)
    )
    assert (saved.new, saved.rejected) == (2, 1)
    # Met again, it is known.
    assert save(database, brand, cursor="2", new="3").known == 1
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Reject)) == 1


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=8, unique=True))
def test_texts_come_back_as_they_went_in(database: Database, texts: list[str]) -> None:
    ids = stored(database, *(found(f"{next(_COUNTER)}", t) for t in texts))
    with database.read() as session:
        rows = [session.get_one(MentionRow, i).text for i in ids]
    assert rows == [t.replace("\0", "\N{REPLACEMENT CHARACTER}") for t in texts]


def test_times_are_utc_and_a_naive_one_is_refused(database: Database) -> None:
    madrid = datetime(2026, 11, 20, 11, 30, tzinfo=ZoneInfo("Europe/Madrid"))
    far = datetime(2026, 11, 20, 23, 0, tzinfo=timezone(timedelta(hours=-8)))
    ids = stored(database, found("a", published_at=madrid), found("b", published_at=far))
    with database.read() as session:
        one, other = (session.get_one(MentionRow, i).published_at for i in ids)
    assert one == madrid
    assert one.utcoffset() == timedelta(0)
    assert other == datetime(2026, 11, 21, 7, 0, tzinfo=UTC)
    with pytest.raises(sa.exc.StatementError, match="naive"):
        stored(database, found("c", published_at=datetime(2026, 11, 20, 10)))


# ---------------------------------------------------------------------------- health


def test_failures_are_counted_and_end_with_a_success(database: Database) -> None:
    watched(database)
    for minute in range(3):
        with database.write() as session:
            health.failed(session, KEY, "no answer", NOW + timedelta(minutes=minute))
    with database.read() as session:
        [state] = health.subscriptions(session)
    assert (state.failures, state.failing_since, state.last_error) == (3, NOW, "no answer")
    with database.write() as session:
        health.succeeded(session, KEY, NOW + timedelta(hours=1))
    with database.read() as session:
        [state] = health.subscriptions(session)
    assert (state.failures, state.failing_since, state.last_error) == (0, None, None)
    assert state.last_success_at == NOW + timedelta(hours=1)


def test_watching_again_keeps_what_is_known(database: Database) -> None:
    watched(database, "7")
    watched(database)
    with database.read() as session:
        [state] = health.subscriptions(session)
    assert (state.cursor, state.watched_since) == ("7", NOW)


def test_a_loop_shows_its_last_run(database: Database) -> None:
    with database.write() as session:
        health.loop_started(session, "collect", NOW)
        health.loop_finished(session, "collect", NOW, {"new": 3}, None)
    later = NOW + timedelta(minutes=1)
    with database.write() as session:
        health.loop_started(session, "collect", later)
        health.loop_finished(session, "collect", later, {}, "broken")
    with database.read() as session:
        [loop] = health.loops(session)
    assert (loop.started_at, loop.succeeded_at, loop.last_error) == (later, NOW, "broken")


# ---------------------------------------------------------------------------- duplicates


def test_an_authors_own_post_is_compared_before_those_of_nobody(database: Database) -> None:
    text = "Otra vez el 1004"
    ids = stored(
        database,
        found("marta-1", text, author="marta"),
        *(found(f"nobody-{n}", text, author=None) for n in range(25)),
        found("marta-2", text, author="marta"),
    )
    with database.write() as session:
        rows = session.execute(sa.select(MentionRow.id, MentionRow.author_id))
        authors = {row[0]: row[1] for row in rows}
        copies = duplicates.find_and_store(
            session,
            [Printed(i, authors[i], Fingerprinted.of(text)) for i in ids],
            threshold=0.9,
        )
    assert copies[ids[-1]].of == ids[0]
    assert copies[ids[-1]].same_author


# ---------------------------------------------------------------------------- cases


def opened(db: Database, external_id: str = "a", **changes: object) -> int:
    [mention_id] = stored(db, found(external_id))
    with db.write() as session:
        return case_on(session, mention_id, **{"route": route(), **changes})


def detail(db: Database, case_id: int) -> case_detail.CaseDetail:
    with db.read() as session:
        found_case = case_detail.get(session, case_id)
    assert found_case is not None
    return found_case


def test_martas_matter_has_one_open_case(database: Database) -> None:
    case_id = opened(database)
    with pytest.raises(IntegrityError):
        opened(database, "b")
    view = detail(database, case_id)
    assert view.summary.author == "marta@social.example"
    assert [e.kind for e in view.timeline] == ["opened", "routed"]


def test_people_without_a_name_do_not_share_a_case() -> None:
    assert cases.open_key("movistar", None, "billing", 1) != cases.open_key(
        "movistar", None, "billing", 2
    )
    assert cases.open_key("movistar", 4, "billing", 1) == cases.open_key(
        "movistar", 4, "billing", 2
    )
    assert cases.open_key("movistar", 4, "billing", 1) != cases.open_key(
        "movistar", 4, "harassment", 1
    )


def test_another_mention_never_makes_a_case_less_urgent(database: Database) -> None:
    case_id = opened(database)
    [second, third] = stored(database, found("b"), found("c"))
    for mention_id, urgency in (
        (second, priority(20, PriorityLevel.NORMAL)),
        (third, priority(95)),
    ):
        with database.write() as session:
            case_opening.add_mention(
                session, case_id, mention_id, kind="again", now=NOW, priority=urgency
            )
        view = detail(database, case_id)
        assert view.summary.score == (80 if mention_id == second else 95)
    assert view.summary.mentions == 3
    with database.write() as session:  # the same mention twice is nothing new
        case_opening.add_mention(session, case_id, third, kind="again", now=NOW)
    assert len(detail(database, case_id).timeline) == len(view.timeline)


def test_a_case_that_rises_is_due_sooner_and_says_why(database: Database) -> None:
    calm = Route(
        "harassment",
        "lucia",
        NOW + timedelta(hours=4),
        (
            Reason("default_queue", {"queue": "harassment"}),
            Reason("due_around_the_clock", {"level": "high", "hours": 4}),
        ),
    )
    case_id = opened(database, priority=priority(60, PriorityLevel.HIGH), route=calm)
    [second, third] = stored(database, found("b"), found("c"))
    later = NOW + timedelta(minutes=30)
    why = Reason("due_around_the_clock", {"level": "urgent", "hours": 1})
    urgent = Route("general", "ana", later + timedelta(hours=1), (why,))
    with database.write() as session:
        case_opening.add_mention(
            session, case_id, second, kind="again", now=later, priority=priority(90), route=urgent
        )
    view = detail(database, case_id)
    assert (view.summary.level, view.summary.due_at) == ("urgent", urgent.due_at)
    assert (view.summary.queue, view.summary.owner) == ("harassment", "lucia")
    assert view.route_reasons == (calm.reasons[0], why)
    assert [e.kind for e in view.timeline] == ["opened", "routed", "again", "raised"]
    told = view.timeline[-1]
    assert (told.actor, told.data["from"], told.data["to"]) == ("listener", "high", "urgent")
    assert told.data["due_at"] == urgent.due_at.isoformat()
    assert told.data["reasons"] == [{"key": "harassment", "values": {}, "points": 90}]
    # Urgent already: more points raise nothing, and no promise is put off.
    much_later = Route("general", "ana", later + timedelta(hours=9), (why,))
    with database.write() as session:
        case_opening.add_mention(
            session,
            case_id,
            third,
            kind="again",
            now=later,
            priority=priority(99),
            route=much_later,
        )
    view = detail(database, case_id)
    assert (view.summary.score, view.summary.due_at) == (99, urgent.due_at)
    assert [e.kind for e in view.timeline].count("raised") == 1


def test_nobody_closes_a_case_under_the_mention_that_goes_on_it(database: Database) -> None:
    case_id = opened(database)
    [second] = stored(database, found("b"))
    with database.read() as session:
        author = session.scalar(sa.select(MentionRow.author_id).limit(1))
    key = cases.open_key("movistar", author, "harassment", second)
    refused: list[str] = []

    def lucia() -> None:
        try:
            close(database, case_id, 1)
        except StaleWrite as error:
            refused.append(str(error))

    closing = threading.Thread(target=lucia)
    with database.write() as session:
        case = cases.find_open(session, key)
        assert case is not None
        closing.start()
        closing.join(1)
        waits = closing.is_alive()  # else the mention would land on a closed case
        case_opening.add_mention(session, case.id, second, kind="again", now=NOW)
    closing.join(30)
    assert waits
    assert not closing.is_alive()
    assert len(refused) == 1
    view = detail(database, case_id)
    assert (view.summary.status, view.timeline[-1].kind) == ("new", "again")


def test_a_mention_that_comes_as_the_case_is_closed_finds_none(database: Database) -> None:
    case_id = opened(database)
    with database.read() as session:
        author = session.scalar(sa.select(MentionRow.author_id).limit(1))
    key = cases.open_key("movistar", author, "harassment", 0)
    seen: list[object] = []

    def worker() -> None:
        with database.write() as session:
            seen.append(cases.find_open(session, key))

    working = threading.Thread(target=worker)
    with database.write() as session:
        case_actions.set_status(
            session,
            case_id,
            CaseStatus.CLOSED,
            resolution=Resolution.ANSWERED,
            by="lucia",
            version=1,
            now=NOW,
        )
        session.flush()
        working.start()
        working.join(1)
        assert seen == []  # it waits to learn how this ends
    working.join(30)
    assert seen == [None]


def test_lucia_and_ana_do_not_overwrite_each_other(database: Database) -> None:
    case_id = opened(database)
    with database.write() as session:
        case_actions.assign(session, case_id, "ana", by="ana", version=1, now=NOW)
    with (
        pytest.raises(StaleWrite, match=r"ana: assigned.*Nothing was stored"),
        database.write() as s,
    ):
        case_actions.set_status(
            s,
            case_id,
            CaseStatus.CLOSED,
            resolution=Resolution.ANSWERED,
            by="lucia",
            version=1,
            now=NOW,
        )
    assert detail(database, case_id).summary.owner == "ana"
    assert detail(database, case_id).summary.status == "open"


def test_two_hands_on_one_case_at_the_same_moment(database: Database) -> None:
    case_id = opened(database)
    barrier = threading.Barrier(2)

    def take(name: str) -> bool:
        barrier.wait()
        try:
            with database.write() as session:
                case_actions.assign(session, case_id, name, by=name, version=1, now=NOW)
        except StaleWrite:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, ["ana", "lucia"])) == [False, True]
    view = detail(database, case_id)
    assert [e.kind for e in view.timeline].count("assigned") == 1


def close(db: Database, case_id: int, version: int) -> None:
    with db.write() as session:
        case_actions.set_status(
            session,
            case_id,
            CaseStatus.CLOSED,
            resolution=Resolution.ANSWERED,
            by="lucia",
            version=version,
            now=NOW,
        )


def test_a_closed_case_makes_room_and_is_remembered(database: Database) -> None:
    first = opened(database)
    close(database, first, 1)
    second = opened(database, "b")
    assert second != first
    with database.read() as session:
        author = session.scalar(sa.select(MentionRow.author_id).limit(1))
        assert cases.previous(session, "movistar", author, "harassment") == first
        assert cases.previous(session, "movistar", author, "billing") is None
        assert cases.previous(session, "movistar", None, "harassment") is None


def test_a_case_that_is_opened_again_is_the_open_one(database: Database) -> None:
    case_id = opened(database)
    close(database, case_id, 1)
    with database.write() as session:
        case_actions.set_status(session, case_id, CaseStatus.OPEN, by="lucia", version=2, now=NOW)
    view = detail(database, case_id)
    assert (view.summary.status, view.resolution, view.closed_at) == ("open", None, None)
    with pytest.raises(IntegrityError):
        opened(database, "b")


def test_a_case_that_is_opened_again_beside_a_newer_one(database: Database) -> None:
    first = opened(database)
    close(database, first, 1)
    second = opened(database, "b")
    with database.write() as session:
        case_actions.set_status(session, first, CaseStatus.OPEN, by="lucia", version=2, now=NOW)
        author = session.scalar(sa.select(MentionRow.author_id).limit(1))
        key = cases.open_key("movistar", author, "harassment", 0)
        assert (held := cases.find_open(session, key)) is not None
        assert held.id == second
    close(database, first, 3)
    with database.read() as session:
        assert cases.find_open(session, key) is not None


def test_a_case_is_closed_with_a_resolution_only(database: Database) -> None:
    case_id = opened(database)
    with pytest.raises(StorageError, match="resolution"), database.write() as session:
        case_actions.set_status(session, case_id, CaseStatus.CLOSED, by="lucia", version=1, now=NOW)


def test_the_inbox_finds_and_pages(database: Database) -> None:
    for number in range(5):
        [mention_id] = stored(
            database,
            found(f"m{number}", f"Llamada {number} del 1004, 50% más", author=f"a{number}"),
        )
        with database.write() as session:
            case_on(
                session,
                mention_id,
                key=f"k{number}",
                matter="harassment" if number % 2 else "billing",
                priority=priority(number * 10),
                route=route("lucia" if number else None),
            )

    def search(limit: int = 10, offset: int = 0, **wanted: object) -> tuple[list[int], int]:
        with database.read() as session:
            rows, count = case_search.search(
                session,
                CaseFilter(**wanted),  # type: ignore[arg-type]
                limit=limit,
                offset=offset,
            )
        return [row.score for row in rows], count

    assert search() == ([40, 30, 20, 10, 0], 5)
    assert search(limit=2, offset=2) == ([20, 10], 5)
    assert search(matters=("billing",)) == ([40, 20, 0], 3)
    assert search(unassigned=True) == ([0], 1)
    assert search(owner="lucia", search="LLAMADA 3")[0] == [30]
    assert search(search="50%")[1] == 5
    assert search(search="5_%")[1] == 0
    assert search(search="a2@social")[0] == [20]
    assert search(sources=("bluesky",)) == ([], 0)


def test_the_first_customer_that_is_decided_stays(database: Database) -> None:
    ana = Customer("local", "C1", "Ana Invención")
    phone = Identifier(IdentifierKind.PHONE, "+34600000001")
    maybe = CustomerMatch(False, None, 0.4, ("phone",), (Candidate(ana, phone),))
    sure = CustomerMatch(True, ana, 0.92, ("phone_given",), (Candidate(ana, phone),))
    other = CustomerMatch(True, Customer("local", "C2", "Otra"), 0.99, ("customer_id",))
    case_id = opened(database)
    for number, match in enumerate((maybe, sure, other)):
        [mention_id] = stored(database, found(f"more{number}"))
        with database.write() as session:
            case_opening.add_mention(
                session, case_id, mention_id, kind="again", now=NOW, match=match
            )
    view = detail(database, case_id)
    assert view.summary.customer_ref == "C1"
    assert view.match is not None
    assert view.match["reasons"] == ["phone_given"]


def test_a_persons_word_on_the_customer_is_not_overwritten(database: Database) -> None:
    case_id = opened(database)
    with database.write() as session:
        case_customers.confirm_customer(
            session, case_id, None, None, by="lucia", version=1, now=NOW
        )  # none of them
    sure = CustomerMatch(True, Customer("local", "C2", "Otra"), 0.99, ("customer_id",))
    [mention_id] = stored(database, found("more"))
    with database.write() as session:
        case_opening.add_mention(session, case_id, mention_id, kind="again", now=NOW, match=sure)
    assert detail(database, case_id).summary.customer_ref is None


# ---------------------------------------------------------------------------- readings


def read_again(db: Database, mention_id: int, **labels: object) -> None:
    with db.write() as session:
        readings.save(session, [(mention_id, reading(**labels))], NOW)  # type: ignore[arg-type]


def loaded(db: Database, mention_id: int) -> readings.StoredReading:
    with db.read() as session:
        return readings.load(session, [mention_id])[mention_id]


def test_a_persons_correction_wins_over_every_later_reading(database: Database) -> None:
    [mention_id] = stored(database, found("a"))
    read_again(database, mention_id, complaint=False)
    with database.write() as session:
        readings.correct(session, mention_id, "harassment", True, by="lucia", now=NOW)
    for _ in range(2):
        view = loaded(database, mention_id)
        assert (view.complaint, view.harassment, view.category) == (True, True, "harassment")
        assert view.corrected["harassment"] == "lucia"
        with database.read() as session:  # what trends count by
            row = session.get_one(ReadingRow, mention_id)
            assert (row.complaint, row.harassment, row.category) == (True, True, "harassment")
        read_again(database, mention_id, complaint=False)  # a newer model disagrees


@pytest.mark.parametrize(
    ("question", "value", "expected"),
    [
        ("complaint", False, (False, None, False)),
        ("category", None, (False, None, False)),
        ("category", "billing", (True, "billing", False)),
        ("category", "harassment", (True, "harassment", True)),
        ("harassment", False, (True, "other", False)),
        ("harassment", True, (True, "harassment", True)),
        ("sentiment", "positive", (True, "harassment", True)),
    ],
)
def test_the_questions_hang_together(
    database: Database, question: str, value: object, expected: tuple[object, ...]
) -> None:
    [mention_id] = stored(database, found("a"))
    read_again(database, mention_id, harassment=True)
    with database.write() as session:
        readings.correct(session, mention_id, question, value, by="lucia", now=NOW)
    view = loaded(database, mention_id)
    assert (view.complaint, view.category, view.harassment) == expected


def test_a_complaint_that_a_person_sees_has_a_category(database: Database) -> None:
    [mention_id] = stored(database, found("a"))
    read_again(database, mention_id, complaint=False)
    with database.write() as session:
        readings.correct(session, mention_id, "complaint", True, by="lucia", now=NOW)
    view = loaded(database, mention_id)
    assert (view.complaint, view.category) == (True, "other")


def test_an_impossible_answer_is_refused(database: Database) -> None:
    [mention_id] = stored(database, found("a"))
    for question, value in (("category", "weather"), ("mood", "bad"), ("complaint", "yes")):
        with pytest.raises(StorageError), database.write() as session:
            readings.correct(session, mention_id, question, value, by="lucia", now=NOW)
    with pytest.raises(StorageError, match="does not exist"), database.write() as session:
        readings.correct(session, 999, "complaint", True, by="lucia", now=NOW)


def test_a_correction_on_a_case_stands_on_its_timeline(database: Database) -> None:
    case_id = opened(database)
    [mention_id] = [m.id for m in detail(database, case_id).mentions]
    read_again(database, mention_id, harassment=True)
    with database.write() as session:
        version = detail(database, case_id).summary.version
        case_actions.correct(
            session, case_id, mention_id, "harassment", False, by="lucia", version=version, now=NOW
        )
    entry = detail(database, case_id).timeline[-1]
    assert (entry.actor, entry.kind) == ("lucia", "corrected")
    assert (entry.data["from"], entry.data["to"]) == (True, False)
    with database.write() as session, pytest.raises(StaleWrite, match="lucia: corrected"):
        case_actions.correct(
            session, case_id, mention_id, "harassment", True, by="marta", version=version, now=NOW
        )


# ---------------------------------------------------------------------------- outbox


def raised(
    db: Database, key: str = "severe:1", *addresses: str, invented: bool = False
) -> int | None:
    people_ = [Recipient(a, "es") for a in addresses or ("lucia@example.org",)]
    with db.write() as session:
        return alerts.raise_alert(
            session,
            Alert(
                AlertKind.SEVERE_HARASSMENT, key, "movistar", {"level": "urgent"}, (Reason("x"),)
            ),
            people_,
            notifier="email",
            domain="example.org",
            now=NOW,
            invented=invented,
        )


def claim(db: Database, worker: str = "w", now: datetime = NOW) -> alerts.StoredNotification | None:
    with db.write() as session:
        return alerts.claim_next(session, worker, now)


def outbox(db: Database) -> list[alerts.StoredNotification]:
    with db.read() as session:
        return alerts.notifications_of(session, [a.id for a in alerts.recent(session)])


def test_an_alert_stands_once_with_one_notification_a_person(database: Database) -> None:
    assert raised(database, "k", "lucia@example.org", "ana@example.org", "lucia@example.org")
    assert raised(database, "k", "paco@example.org") is None
    rows = outbox(database)
    assert sorted(r.recipient for r in rows) == ["ana@example.org", "lucia@example.org"]
    assert len({r.message_id for r in rows}) == 2


def test_many_workers_raise_the_same_alert_once(database: Database) -> None:
    barrier = threading.Barrier(4)

    def worker(_: int) -> bool:
        barrier.wait()
        return raised(database, "same") is not None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(worker, range(4))).count(True) == 1
    assert len(outbox(database)) == 1


def test_nobody_is_written_to_about_what_is_invented(database: Database) -> None:
    assert raised(database, "sample", invented=True)
    assert outbox(database) == []


def test_two_workers_never_claim_the_same_notification(database: Database) -> None:
    for number in range(30):
        raised(database, f"k{number}")
    barrier = threading.Barrier(3)

    def worker(number: int) -> list[int]:
        barrier.wait()
        mine = []
        while (row := claim(database, f"worker {number}")) is not None:
            mine.append(row.id)
        return mine

    with ThreadPoolExecutor(3) as pool:
        taken = [i for part in pool.map(worker, range(3)) for i in part]
    assert len(taken) == len(set(taken)) == 30
    assert claim(database) is None


def test_what_was_claimed_waits_for_its_worker(database: Database) -> None:
    raised(database)
    row = claim(database, "w")
    assert row is not None
    assert row.attempts == 1
    with database.write() as session:
        assert not alerts.transmitting(session, row.id, "another")
        assert alerts.transmitting(session, row.id, "w")
        assert not alerts.transmitting(session, row.id, "w")  # once only
    with database.read() as session:
        assert [n.status for n in alerts.claimed(session)] == ["transmitting"]
    with database.write() as session:
        assert alerts.sent(session, row.id, "w", NOW)
    assert outbox(database)[0].status == "sent"
    assert outbox(database)[0].sent_at == NOW


def test_a_worker_that_lost_its_claim_cannot_write_over_the_other(database: Database) -> None:
    raised(database)
    late = claim(database, "asleep")
    assert late is not None
    with database.write() as session:  # given back: it was thought to be dead
        alerts.postponed(session, late.id, "asleep", "the service stopped", next_attempt_at=NOW)
    again = claim(database, "awake")
    assert again is not None
    assert again.id == late.id
    with database.write() as session:
        assert not alerts.transmitting(session, late.id, "asleep")
        assert not alerts.postponed(session, late.id, "asleep", "x", next_attempt_at=NOW)
        assert not alerts.sent(session, late.id, "asleep", NOW)
        assert not alerts.in_doubt(session, late.id, "asleep", "x")
    assert outbox(database)[0].claimed_by == "awake"


def test_a_postponed_notification_comes_back_in_time(database: Database) -> None:
    raised(database)
    row = claim(database)
    assert row is not None
    later = NOW + timedelta(minutes=5)
    with database.write() as session:
        alerts.postponed(session, row.id, "w", "450 busy", next_attempt_at=later)
    assert claim(database, now=NOW + timedelta(minutes=4)) is None
    again = claim(database, now=later)
    assert again is not None
    assert (again.attempts, again.last_error) == (2, "450 busy")
    assert again.message_id == row.message_id


def test_only_a_person_sends_a_doubtful_one_again(database: Database) -> None:
    raised(database)
    row = claim(database)
    assert row is not None
    with database.write() as session:
        alerts.in_doubt(session, row.id, "w", "the line broke")
    assert claim(database, now=NOW + timedelta(days=30)) is None
    with database.write() as session:
        assert alerts.send_again(session, row.id, NOW)
        assert not alerts.send_again(session, row.id, NOW)
    again = claim(database)
    assert again is not None
    assert again.attempts == 1


# ---------------------------------------------------------------------------- people


def user(name: str = "lucia", **changes: object) -> User:
    base = User(
        username=name,
        name="Lucía",
        email="lucia@example.org",
        role="community_manager",
        language="es",
        time_zone="Europe/Madrid",
        brands=(),
        languages=("es",),
        queues=("harassment",),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_people_are_kept_as_they_are(database: Database) -> None:
    with database.write() as session:
        people.add(session, user(), NOW)
    with database.read() as session:
        assert people.get(session, "lucia") == user()
        assert people.everyone(session) == [user()]
        assert people.get(session, "paco") is None
    with pytest.raises(StorageError, match="already"), database.write() as session:
        people.add(session, user(), NOW)
    with database.write() as session:
        people.update(session, "lucia", queues=("billing",), disabled=True)
    with database.read() as session:
        assert people.get(session, "lucia") == user(queues=("billing",), disabled=True)
    with pytest.raises(StorageError, match="listener user list"), database.write() as session:
        people.update(session, "paco", disabled=True)


def test_the_workload_counts_what_is_not_closed(database: Database) -> None:
    first = opened(database)
    close(database, first, 1)
    opened(database, "b")
    with database.read() as session:
        load = people.workloads(session)
    assert load["lucia"].open_cases == 1
    assert load["lucia"].last_assigned_at == NOW


def test_a_link_is_used_once_before_it_expires(database: Database) -> None:
    with database.write() as session:
        people.add(session, user(), NOW)
    with database.write() as session:
        people.add_link(session, "old", "lucia", NOW + timedelta(hours=1))
    with database.write() as session:
        people.add_link(session, "h1", "lucia", NOW + timedelta(hours=1))
    with database.write() as session:
        assert people.use_link(session, "old", NOW) is None  # the newer one replaced it
        assert people.link_is_open(session, "h1", NOW)
        assert people.use_link(session, "h1", NOW + timedelta(hours=2)) is None
        assert people.use_link(session, "h1", NOW) == "lucia"
        assert people.use_link(session, "h1", NOW) is None


def test_sessions_open_and_close(database: Database) -> None:
    with database.write() as session:
        people.add(session, user(), NOW)
        session.flush()
        people.open_session(session, "t1", "lucia", NOW)
        people.open_session(session, "t2", "lucia", NOW)
    with database.write() as session:
        people.touch_session(session, "t1", NOW + timedelta(minutes=1))
    with database.read() as session:
        held = people.find_session(session, "t1")
        assert held is not None
        assert (held.created_at, held.seen_at) == (NOW, NOW + timedelta(minutes=1))
    with database.write() as session:
        people.close_sessions_of(session, "lucia")
    with database.read() as session:
        assert people.find_session(session, "t2") is None


# ---------------------------------------------------------------------------- trends


def test_tallies_are_days_of_the_zone_without_copies_and_muted_ones(database: Database) -> None:
    late = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)  # already the 20th in Madrid
    items = [
        found("a", published_at=late),
        found("b", published_at=NOW, author="paco"),
        found("copy", published_at=NOW, author="bot"),
        replace(found("muted", published_at=NOW), brands=(BrandHit("movistar", muted=True),)),
        found("invented", published_at=NOW, invented=True),
        found("v", published_at=NOW, brands=["vodafone"]),
    ]
    ids = stored(database, *items)
    with database.write() as session:
        readings.save(session, [(i, reading(harassment=True)) for i in ids], NOW)
        session.get_one(MentionRow, ids[2]).duplicate_of = ids[1]

    def days(zone: str, **wanted: object) -> list[tuple[date, str, int]]:
        with database.read() as session:
            rows = trends.tallies(
                session,
                start=NOW - timedelta(days=3),
                end=NOW + timedelta(days=1),
                zone=ZoneInfo(zone),
                **wanted,  # type: ignore[arg-type]
            )
        return [(row.day, row.brand, row.count) for row in rows]

    twentieth = date(2026, 11, 20)
    assert days("Europe/Madrid", invented=False) == [
        (twentieth, "movistar", 2),
        (twentieth, "vodafone", 1),
    ]
    assert days("UTC", brands=["movistar"]) == [
        (date(2026, 11, 19), "movistar", 1),
        (twentieth, "movistar", 2),
    ]


def test_counts_by_every_kind(database: Database) -> None:
    opened(database)
    raised(database)
    with database.read() as session:
        mention_id = session.scalar(sa.select(MentionRow.id))
    assert mention_id is not None
    read_again(database, mention_id, harassment=True)
    for kind in trends.KINDS:
        with database.read() as session:
            result = trends.counts(session, kind)
        assert result["mentions"] == result["cases"] == result["alerts"] == 1
        assert sum(result[f"by_{kind}"].values()) in (0, 1), kind


def test_words_of_the_world_for_databases() -> None:
    with pytest.raises(StorageError, match="LISTENER_DATABASE_URL"):
        Database("oracle+nothing://x")
