"""How well people are answered, and promises kept."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from builders import NOW, user
from hypothesis import given
from hypothesis import strategies as st
from test_storage import opened

from listener import settings_files as settings_module
from listener.desk import Desk
from listener.service_figures import Asked, Kept, service, waited
from listener.storage import Database
from listener.storage.tables import BrokenPromise, CaseRow, SuppressionRow

NOTHING = Kept(0, 0, None, None)
HOUR = timedelta(hours=1)
WAITS = st.lists(
    st.tuples(st.timedeltas(timedelta(), timedelta(days=9)), st.booleans()), max_size=30
)


def asked(hours: float | None, *, due: float = 4.0, ago: float = 24.0) -> Asked:
    """Written `ago` hours ago, answered after `hours`."""
    wrote = NOW - ago * HOUR
    answered = wrote + hours * HOUR if hours is not None else None
    return Asked(wrote, answered, wrote + due * HOUR, None)


def test_the_median_of_answered_cases_is_the_plain_one() -> None:
    found = service([asked(h) for h in (1, 2, 3, 10, 20)], NOTHING, NOW)
    assert (found.median, found.p90) == (3 * HOUR, 20 * HOUR)
    assert (found.unanswered.count, found.on_time.count, found.on_time.of) == (0, 3, 5)


def test_what_is_unanswered_makes_no_service_look_fast() -> None:
    quick = [asked(1) for _ in range(5)]
    assert service(quick, NOTHING, NOW).p90 == HOUR
    found = service([*quick, *[asked(None) for _ in range(5)]], NOTHING, NOW)
    assert found.median == HOUR
    assert found.p90 is None
    assert found.unanswered.value == 0.5
    assert found.on_time.value == 0.5


def test_what_is_not_due_yet_is_not_held_against_anybody() -> None:
    found = service([asked(1), asked(None, ago=1)], NOTHING, NOW)
    assert (found.on_time.count, found.on_time.of) == (1, 1)
    assert service([], NOTHING, NOW).median is None


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
    zone = ZoneInfo("Europe/Madrid")
    seen = desk.figures.service(user("bruno", role="brand_manager"), zone=zone, **days)
    assert (seen.cases, seen.unanswered.count, seen.on_time.count) == (1, 0, 1)
    assert seen.kept == Kept(1, 1, 5 * HOUR, None)
    other = desk.figures.service(user("berta", brands=("vodafone",)), zone=zone, **days)
    assert (other.cases, other.kept) == (0, NOTHING)
    french = desk.figures.service(user("bruno"), zone=zone, langs=("fr",), **days)
    assert french.cases == 0
