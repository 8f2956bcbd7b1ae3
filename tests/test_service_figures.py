"""How well people are answered, and promises kept."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from builders import NOW, case_on, found, reading, user
from hypothesis import given
from hypothesis import strategies as st
from test_storage import opened, stored

from listener import service_report
from listener import settings_files as settings_module
from listener.desk import Desk
from listener.domain import Outcome
from listener.selection import Selection, from_parameters
from listener.service_figures import service, waited
from listener.speech import Speech
from listener.storage import Database, readings
from listener.storage.service_rows import Asked, Kept
from listener.storage.tables import BrokenPromise, CaseRow, SuppressionRow

NOTHING = Kept(0, 0, None, None)
HOUR = timedelta(hours=1)
ROOT = Path(__file__).resolve().parent.parent
MADRID = ZoneInfo("Europe/Madrid")
WAITS = st.lists(
    st.tuples(st.timedeltas(timedelta(), timedelta(days=9)), st.booleans()), max_size=30
)


def asked(hours: float | None, *, due: float = 4.0, ago: float = 24.0) -> Asked:
    """Written `ago` hours ago, answered after `hours`."""
    wrote = NOW - ago * HOUR
    if hours is None:
        outcome = Outcome.OVERDUE if due <= ago else Outcome.WAITING
        return Asked(outcome, wrote, wrote, None, None)
    outcome = Outcome.ON_TIME if hours <= due else Outcome.LATE
    return Asked(outcome, wrote, wrote, wrote + hours * HOUR, None)


def test_the_median_of_answered_cases_is_the_plain_one() -> None:
    found = service([asked(h) for h in (1, 2, 3, 10, 20)], NOTHING, NOW, MADRID)
    assert (found.median, found.p90) == (3 * HOUR, 20 * HOUR)
    assert (found.unanswered.count, found.on_time.count, found.on_time.of) == (0, 3, 5)


def test_what_is_unanswered_makes_no_service_look_fast() -> None:
    quick = [asked(1) for _ in range(5)]
    assert service(quick, NOTHING, NOW, MADRID).p90 == HOUR
    found = service([*quick, *[asked(None) for _ in range(5)]], NOTHING, NOW, MADRID)
    assert found.median == HOUR
    assert found.p90 is None
    assert found.unanswered.value == 0.5
    assert found.on_time.value == 0.5


def test_what_is_not_due_yet_is_not_held_against_anybody() -> None:
    found = service([asked(1), asked(None, ago=1)], NOTHING, NOW, MADRID)
    assert (found.on_time.count, found.on_time.of) == (1, 1)
    assert service([], NOTHING, NOW, MADRID).median is None


@given(WAITS)
def test_a_part_is_answered_no_sooner_than_a_smaller_one(
    waits: list[tuple[timedelta, bool]],
) -> None:
    median, most = waited(waits, 0.5), waited(waits, 0.9)
    assert median is None or most is None or median <= most
    if most is not None:
        assert median is not None
    lengths = sorted(length for length, _answered in waits)
    if waits and all(answered for _length, answered in waits):
        assert median == lengths[(len(lengths) + 1) // 2 - 1]


@given(WAITS, st.timedeltas(timedelta(), timedelta(days=9)))
def test_one_more_that_still_waits_shortens_no_time(
    waits: list[tuple[timedelta, bool]], length: timedelta
) -> None:
    before, after = waited(waits, 0.5), waited([*waits, (length, False)], 0.5)
    assert after is None or (before is not None and after >= before)


def test_figures_are_of_the_brands_that_the_user_sees(
    database: Database,
    tmp_path,  # type: ignore[no-untyped-def]
) -> None:
    case_id = opened(database)
    with database.write() as session:
        row = session.get_one(CaseRow, case_id)
        row.answered_at = NOW + 2 * HOUR
        row.due_at = NOW + 3 * HOUR
        order = SuppressionRow(
            case_id=case_id,
            brand=row.brand,
            status="in_effect",
            reason="asked",
            approved_by="lucia",
            approved_at=NOW + HOUR,
            complained_at=NOW,
            effective_at=NOW + 5 * HOUR,
        )
        session.add(order)
        session.flush()
        for what in ("event:E-1", "mention:9"):
            session.add(
                BrokenPromise(
                    suppression_id=order.id, what=what, at=NOW + 9 * HOUR, found_at=NOW + 9 * HOUR
                )
            )
    settings = settings_module.load(environ={"LISTENER_VAR": str(tmp_path)})
    desk = Desk(database, settings, lambda: NOW + timedelta(days=1))
    days = {"first": NOW.date() - timedelta(days=1), "last": NOW.date() + timedelta(days=1)}
    zone = MADRID
    seen = desk.figures.service(user("bruno", role="brand_manager"), zone=zone, **days)
    assert (seen.cases, seen.unanswered.count, seen.on_time.count) == (1, 0, 1)
    assert seen.days == {(NOW.astimezone(MADRID).date(), Outcome.ON_TIME): 1}
    assert seen.kept == Kept(1, 1, 5 * HOUR, None)
    other = desk.figures.service(user("berta", brands=("vodafone",)), zone=zone, **days)
    assert (other.cases, other.kept) == (0, NOTHING)
    french = desk.figures.service(user("bruno"), zone=zone, langs=("fr",), **days)
    assert french.cases == 0


def test_every_bar_leads_to_as_many_posts_as_it_counts(database: Database, tmp_path: Path) -> None:
    """Twenty cases, opened on three days on which their posts were not all published."""
    rng = random.Random(3)
    for n in range(20):
        wrote = NOW - rng.randrange(1, 200) * HOUR
        [mention_id] = stored(database, found(f"m{n}", author=f"a{n}", published_at=wrote))
        due = NOW + rng.choice((-30, -1, 5)) * HOUR
        with database.write() as session:
            readings.save(session, [(mention_id, reading())], NOW)
            row = session.get_one(CaseRow, case_on(session, mention_id))
            row.opened_at = NOW - rng.randrange(0, 60) * HOUR
            row.due_at = due
            row.answered_at = rng.choice((None, due, due + HOUR))
            row.invented = n % 7 == 0
            row.resolution = "no_reply_needed" if n % 9 == 0 else None
    settings = settings_module.load(ROOT / "config", environ={"LISTENER_VAR": str(tmp_path)})
    desk = Desk(database, settings, lambda: NOW)
    reader, today = user("bruno", role="brand_manager"), NOW.astimezone(MADRID).date()
    chosen = Selection(today - timedelta(days=3), today, invented=False)
    told = desk.figures.service(reader, first=chosen.first, last=chosen.last, zone=MADRID)
    assert sum(told.days.values()) == told.cases
    assert {outcome for _day, outcome in told.days} == set(Outcome)
    drawn = service_report.chart(told, (), chosen, Speech("en", "Europe/Madrid", {}))
    assert sum(int(row[2]) for row in drawn.rows) == told.cases
    for (_day, _name, count), link in zip(drawn.rows, drawn.links, strict=True):
        asked_for = parse_qs(link)
        selection = from_parameters(lambda name, a=asked_for: a.get(name, []), today)
        posts, total = desk.mentions.search(reader, selection, MADRID, limit=50)
        assert (len(posts), total) == (count, count)
    other = user("berta", role="brand_manager", brands=("vodafone",))
    late = replace(chosen, answered=Outcome.LATE)
    assert desk.mentions.search(other, late, MADRID, limit=50) == ([], 0)
