"""The coverage ledger: what each day brought each source, why there is a gap, and asking again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from browser import world as worlds
from builders import NOW, found, page

from listener import coverage
from listener.coverage import Brought, Day, Gap
from listener.desk import Desk
from listener.desk.watch import is_wanted
from listener.domain import Problem
from listener.errors import NotAllowed, StorageError
from listener.pipeline import is_due
from listener.settings import SourceConfig
from listener.storage import Database, health, mentions, people
from listener.storage.health import CollectedDay, SubscriptionHealth

TODAY = NOW.date()
KEY = "square/movistar"


def source(**changes: Any) -> SubscriptionHealth:
    fields: dict[str, Any] = {
        "key": KEY, "source_name": "square", "source_type": "mastodon", "cursor": None,
        "watched_since": NOW - timedelta(days=4), "last_attempt_at": None, "last_success_at": None,
        "last_item_at": None, "not_before": None, "failures": 0, "failing_since": None,
        "last_error": None, "items": 0, "pages": 0, "problems": 0,
    }  # fmt: skip
    return SubscriptionHealth(**(fields | changes))


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def signs(days: Mapping[date, CollectedDay], length: int = 6) -> list[str]:
    return [d.brought.value for d in coverage.ledger(source(), days, NOW, length)]


# ---------------------------------------------------------------------------- decided


def test_each_day_says_what_it_brought() -> None:
    days = {
        ago(4): CollectedDay(5, 0, 3, None),
        ago(3): CollectedDay(5, 2, 0, None),
        ago(2): CollectedDay(0, 4, 0, "503"),
        ago(0): CollectedDay(1, 0, 0, None),
    }
    assert signs(days) == ["before", "posts", "quiet", "failed", "unasked", "quiet"]


def test_of_today_nothing_is_said_before_something_happened() -> None:
    assert signs({}, 3) == ["unasked", "unasked"]


def test_a_day_whose_posts_nobody_counted_is_not_called_quiet() -> None:
    assert signs({ago(1): CollectedDay(1, 0, None, None)}, 2) == ["posts"]


def test_days_are_those_of_utc() -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC).astimezone()
    [last] = coverage.ledger(source(), {TODAY: CollectedDay(1, 0, 1, None)}, late, 1)
    assert last.day == date(2026, 11, 20)


def test_gaps_are_told_with_their_reason_the_latest_first() -> None:
    days = [
        Day(ago(7), Brought.BEFORE),
        Day(ago(6), Brought.FAILED, error="503"),
        Day(ago(5), Brought.FAILED, error="timed out"),
        Day(ago(4), Brought.UNASKED),
        Day(ago(3), Brought.QUIET),
        Day(ago(2), Brought.FAILED, error="404"),
        Day(ago(1), Brought.POSTS),
    ]
    assert coverage.gaps(days) == [
        Gap(ago(2), ago(2), Brought.FAILED, "404"),
        Gap(ago(4), ago(4), Brought.UNASKED, None),
        Gap(ago(6), ago(5), Brought.FAILED, "timed out"),
    ]
    assert coverage.gaps([]) == []


# ---------------------------------------------------------------------------- stored


def watch(db: Database, since: datetime = NOW - timedelta(days=9)) -> None:
    with db.write() as session:
        health.watch(session, [(KEY, "square", "mastodon")], since)


def test_what_happens_is_counted_by_day(database: Database) -> None:
    watch(database)
    yesterday = NOW - timedelta(days=1)
    with database.write() as session:
        health.failed(session, KEY, "503", yesterday)
        health.failed(session, KEY, "timed out", yesterday + timedelta(minutes=5))
        health.count_page(session, KEY, items=2, problems=0, now=NOW)
        health.count_page(session, KEY, items=3, problems=0, now=NOW)
        health.count_page(session, KEY, items=0, problems=1, now=NOW)
        health.succeeded(session, KEY, NOW)
        health.succeeded(session, KEY, NOW + timedelta(minutes=5))
    with database.read() as session:
        days = health.collected_days(session, TODAY - timedelta(days=30))
        assert health.collected_days(session, TODAY + timedelta(days=1)) == {}
        assert health.answered_days(session) == {TODAY}  # a failure is no answer
    assert days == {
        KEY: {
            ago(1): CollectedDay(0, 2, 0, "timed out"),
            TODAY: CollectedDay(2, 0, 5, None),
        }
    }


def test_volume_is_by_source_and_brand_and_only_of_ones_brands(database: Database) -> None:
    with database.write() as session:
        mentions.save_found(
            session,
            KEY,
            [found("1"), found("2", brands=("movistar", "vodafone"), text="otra")],
            now=NOW,
        )
        mentions.save_found(
            session, "old", [found("3", text="vieja")], now=NOW - timedelta(days=40)
        )
    since = NOW - timedelta(days=30)
    with database.read() as session:
        assert mentions.volume(session, since, ()) == {KEY: {"movistar": 2, "vodafone": 1}}
        assert mentions.volume(session, since, ("vodafone",)) == {KEY: {"vodafone": 1}}


def test_what_could_not_be_read_is_found_by_where_it_came_from(database: Database) -> None:
    with database.write() as session:
        for origin, count in (("square", 3), ("a.csv", 1)):
            problems = [Problem("no date", f"{origin} {n}", n) for n in range(count)]
            mentions.save_problems(session, origin, problems, now=NOW)
    with database.read() as session:
        assert mentions.reject_origins(session) == {"square": 3, "a.csv": 1}
        page_one = mentions.rejects(session, origin="square", limit=2)
        page_two = mentions.rejects(session, origin="square", limit=2, offset=2)
    assert [r.excerpt for r in (*page_one, *page_two)] == ["square 2", "square 1", "square 0"]


# ---------------------------------------------------------------------------- asked again


CONFIG = SourceConfig(name="square", type="mastodon", every=timedelta(hours=1))


def test_a_source_that_somebody_wants_asked_is_due_at_once() -> None:
    asked = NOW - timedelta(minutes=1)
    assert not is_due(CONFIG, source(last_attempt_at=asked), NOW)
    wanted = source(last_attempt_at=asked, wanted_at=NOW)
    assert is_due(CONFIG, wanted, NOW)
    assert is_wanted(wanted)
    failing = source(last_attempt_at=asked, failures=6, wanted_at=NOW)
    assert is_due(CONFIG, failing, NOW)
    done = source(last_attempt_at=NOW, wanted_at=asked)
    assert not is_due(CONFIG, done, NOW)
    assert not is_wanted(done)


def test_a_server_that_asked_us_to_wait_is_left_alone_all_the_same() -> None:
    later = NOW + timedelta(minutes=5)
    assert not is_due(CONFIG, source(not_before=later, wanted_at=NOW), NOW)


def test_an_administrator_has_a_source_asked(database: Database) -> None:
    watch(database)
    with database.write() as session:
        health.succeeded(session, KEY, NOW)
        assert health.want(session, KEY, NOW + timedelta(minutes=1))
        assert not health.want(session, "nowhere", NOW)
    with database.read() as session:
        [state] = health.subscriptions(session)
    assert is_due(CONFIG, state, NOW + timedelta(minutes=2))
    with database.write() as session:
        health.failed(session, KEY, "429", NOW, not_before=NOW + timedelta(hours=1))
        assert not health.want(session, KEY, NOW + timedelta(minutes=3))


def test_only_administrators_ask_again(tmp_path: Any) -> None:
    world = worlds.build(tmp_path)
    watch = Desk(world.db, world.settings).watch
    with world.db.read() as session:
        everyone = {u.username: u for u in people.everyone(session)}
    key = watch.sources(everyone["admin"]).subscriptions[0].key
    for who in ("ana", "berta", "marc"):
        with pytest.raises(NotAllowed):
            watch.ask_again(everyone[who], key)
    watch.ask_again(everyone["admin"], key)
    with pytest.raises(StorageError, match="no such source"):
        watch.ask_again(everyone["admin"], "nowhere")
    assert is_wanted(watch.sources(everyone["marc"]).subscriptions[0])
    world.db.close()


def test_the_loop_counts_what_it_stored(database: Database) -> None:
    """In the page's own commit: a ledger that says more than there is would hide a gap."""
    watch(database)
    with database.write() as session:
        saved = mentions.save_page(
            session, subscription=KEY, source_type="mastodon", page=page(cursor="1"),
            found=[found("1")], problems=[], expected_cursor=None, now=NOW,
        )  # fmt: skip
    assert saved.new == 1
    with database.read() as session:
        assert health.collected_days(session, TODAY)[KEY][TODAY].items == 1
