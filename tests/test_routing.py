"""Which team, which person, until when: rules, loads, clocks that change, holidays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from listener.domain import PriorityLevel, Route
from listener.routing import CaseFacts, Person, add_working_time, choose, route
from listener.settings import QueueRule, RoutingRules, WorkingHours

MADRID = ZoneInfo("Europe/Madrid")
DAY = (time(9), time(19))
OFFICE = WorkingHours(mon=DAY, tue=DAY, wed=DAY, thu=DAY, fri=DAY)
TUESDAY = datetime(2026, 3, 10, 10, tzinfo=MADRID)

# Who does what: Lucía and Pablo answer harassment in Spanish, Emma anything in English, Rosa all of
# it and Orange's besides, Iván has left.
LUCIA = Person("lucia", "Lucía", queues=("harassment",), languages=("es",), open_cases=3)
PABLO = Person("pablo", "Pablo", queues=("harassment",), languages=("es", "pt"), open_cases=5)
EMMA = Person("emma", "Emma", languages=("en",), open_cases=0)
ROSA = Person("rosa", "Rosa", brands=("movistar", "orange"), open_cases=9)
IVAN = Person("ivan", "Iván", disabled=True)
TEAM = (LUCIA, PABLO, EMMA, ROSA, IVAN)

RULES = RoutingRules(
    rules=(
        QueueRule(queue="harassment", categories=("harassment",)),
        QueueRule(queue="vip", brands=("movistar",), levels=(PriorityLevel.URGENT,)),
        QueueRule(queue="english", languages=("en",)),
    ),
    working_hours=OFFICE,
)


def case(**changes: Any) -> CaseFacts:
    return replace(CaseFacts("movistar", "es", "harassment", PriorityLevel.HIGH), **changes)


def owner(case_: CaseFacts, *people: Person, queue: str = "harassment") -> str | None:
    return choose(case_, queue, people or TEAM)[0]


def reasons(found: Route) -> dict[str, dict[str, Any]]:
    return {r.key: dict(r.values) for r in found.reasons}


# ---------------------------------------------------------------------------- queues


@pytest.mark.parametrize(
    ("facts", "queue", "why"),
    [
        (case(), "harassment", {"rule": 1, "queue": "harassment", "category": "harassment"}),
        (
            case(category="billing", level=PriorityLevel.URGENT),
            "vip",
            {"rule": 2, "queue": "vip", "brand": "movistar", "level": "urgent"},
        ),
        (
            case(category="billing", lang="en"),
            "english",
            {"rule": 3, "queue": "english", "lang": "en"},
        ),
        (
            case(lang="en"),
            "harassment",
            {"rule": 1, "queue": "harassment", "category": "harassment"},
        ),
    ],
)
def test_the_first_rule_that_holds_names_the_queue(
    facts: CaseFacts, queue: str, why: dict[str, Any]
) -> None:
    found = route(facts, TEAM, RULES, TUESDAY)
    assert found.queue == queue
    assert reasons(found)["rule"] == why


def test_without_a_rule_it_is_the_default_queue() -> None:
    found = route(case(category="billing"), TEAM, RULES, TUESDAY)
    assert found.queue == "general"
    assert reasons(found)["default_queue"] == {"queue": "general"}


def test_a_rule_without_conditions_always_holds() -> None:
    rules = replace_rules(RULES, rules=(QueueRule(queue="all"),))
    assert route(case(category=None), (), rules, TUESDAY).queue == "all"


def replace_rules(base: RoutingRules, **changes: Any) -> RoutingRules:
    return base.model_copy(update=changes)


# ---------------------------------------------------------------------------- people


def test_lucia_has_the_fewest_open_cases_of_those_who_serve_it() -> None:
    found = route(case(), TEAM, RULES, TUESDAY)
    assert found.owner == "lucia"
    assert reasons(found)["fewest_open_cases"] == {"owner": "lucia", "open_cases": 3, "of": 3}


def test_each_condition_takes_somebody_out() -> None:
    assert owner(case(lang="pt")) == "pablo"
    assert owner(case(lang="en")) == "emma"
    assert owner(case(lang="fr")) == "rosa"
    assert owner(case(), queue="billing") == "rosa"
    assert owner(case(brand="orange"), EMMA, ROSA) == "rosa"
    assert owner(case(brand="vodafone", lang="fr")) is None


def test_a_disabled_account_gets_nothing_though_it_has_no_cases() -> None:
    assert owner(case(), IVAN) is None
    assert owner(case(), replace(IVAN, disabled=False)) == "ivan"


def test_a_post_in_no_language_goes_to_anybody_of_the_queue() -> None:
    assert owner(case(lang="und")) == "emma"


def test_among_equals_it_is_who_waited_longest_then_by_name() -> None:
    first = replace(LUCIA, open_cases=5, last_assigned_at=TUESDAY)
    second = replace(PABLO, last_assigned_at=TUESDAY - timedelta(hours=1))
    assert owner(case(), first, second) == "pablo"
    never = replace(second, username="zoe", last_assigned_at=None)
    assert owner(case(), first, second, never) == "zoe"
    twins = [replace(LUCIA, username=name, last_assigned_at=TUESDAY) for name in ("b", "a", "c")]
    assert owner(case(), *twins) == "a"
    why = choose(case(), "harassment", twins)[1]
    assert [r.key for r in why] == ["fewest_open_cases", "waited_longest"]


def test_when_nobody_serves_it_the_case_waits_in_its_queue_and_says_so() -> None:
    found = route(case(lang="fr"), (LUCIA,), RULES, TUESDAY)
    assert (found.queue, found.owner) == ("harassment", None)
    assert reasons(found)["nobody"] == {"queue": "harassment", "brand": "movistar", "lang": "fr"}


_people = st.lists(
    st.builds(
        Person,
        username=st.sampled_from(["ana", "ben", "eva", "leo", "mar", "zoe"]),
        name=st.just("x"),
        languages=st.sampled_from([(), ("es",), ("en",)]),
        queues=st.sampled_from([(), ("harassment",), ("billing",)]),
        open_cases=st.integers(0, 3),
        disabled=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda p: p.username,
)


@given(_people, st.randoms())
def test_the_choice_does_not_depend_on_the_order_and_nobody_able_has_less(
    people: list[Person], random: Any
) -> None:
    chosen = owner(case(), *people, ROSA)
    shuffled = [*people, ROSA]
    random.shuffle(shuffled)
    assert owner(case(), *shuffled) == chosen
    able = [
        p
        for p in [*people, ROSA]
        if not p.disabled
        and "harassment" in (*p.queues, *(["harassment"] * (not p.queues)))
        and "es" in (*p.languages, *(["es"] * (not p.languages)))
    ]
    assert (
        min(p.open_cases for p in able) == next(p for p in able if p.username == chosen).open_cases
    )


# ---------------------------------------------------------------------------- due times


def due(start: datetime, hours: float, working: WorkingHours = OFFICE) -> datetime:
    found = add_working_time(start, timedelta(hours=hours), working)
    assert found is not None
    return found.astimezone(ZoneInfo(working.time_zone))


def at(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=MADRID)


@pytest.mark.parametrize(
    ("why", "start", "hours", "end"),
    [
        ("inside the day", at(2026, 3, 10, 10), 4, at(2026, 3, 10, 14)),
        ("over the evening", at(2026, 3, 10, 17), 4, at(2026, 3, 11, 11)),
        ("before opening", at(2026, 3, 10, 6), 1, at(2026, 3, 10, 10)),
        ("after closing", at(2026, 3, 10, 21), 1, at(2026, 3, 11, 10)),
        ("exactly at closing", at(2026, 3, 10, 18), 1, at(2026, 3, 10, 19)),
        ("nothing to wait at night", at(2026, 3, 10, 23), 0, at(2026, 3, 11, 9)),
        ("over the weekend", at(2026, 3, 13, 18, 30), 1, at(2026, 3, 16, 9, 30)),
        ("ten hours are a day", at(2026, 3, 10, 9), 10, at(2026, 3, 10, 19)),
        ("thirty hours are three", at(2026, 3, 10, 12), 30, at(2026, 3, 13, 12)),
        # Good Friday 2026 is 3 April; the Monday after it is a holiday in some regions only.
        ("Easter", at(2026, 4, 2, 18), 2, at(2026, 4, 6, 10)),
        ("Christmas on a Friday", at(2026, 12, 24, 18), 2, at(2026, 12, 28, 10)),
        ("New Year and Epiphany", at(2025, 12, 31, 18), 22, at(2026, 1, 7, 10)),
        # The clocks go forward on Sunday 29 March 2026 and back on Sunday 25 October 2026.
        ("summer time begins", at(2026, 3, 27, 18), 2, at(2026, 3, 30, 10)),
        ("summer time ends", at(2026, 10, 23, 18), 2, at(2026, 10, 26, 10)),
    ],
)
def test_due_times_of_a_madrid_office(
    why: str, start: datetime, hours: float, end: datetime
) -> None:
    assert due(start, hours) == end, why


def test_lucia_in_madrid_and_jordi_in_barcelona_have_different_easters() -> None:
    start = at(2026, 4, 2, 18)  # Maundy Thursday: Lucía is off; on the Monday Jordi is
    assert due(start, 2, OFFICE.model_copy(update={"holidays": "ES-MD"})) == at(2026, 4, 6, 11)
    assert due(start, 2, OFFICE.model_copy(update={"holidays": "ES-CT"})) == at(2026, 4, 7, 10)


def test_without_a_calendar_holidays_are_workdays() -> None:
    assert due(at(2026, 12, 24, 18), 2, OFFICE.model_copy(update={"holidays": ""})) == at(
        2026, 12, 25, 10
    )


def test_an_hour_is_sixty_minutes_when_the_clock_changes_during_the_shift() -> None:
    night = (time(0), time(8))
    nights = WorkingHours(holidays="", sun=night)
    # Spring: from 0:00 to 8:00 are seven hours; autumn: nine.
    assert due(at(2026, 3, 29, 0), 7, nights) == at(2026, 3, 29, 8)
    assert due(at(2026, 10, 25, 0), 9, nights) == at(2026, 10, 25, 8)
    assert due(at(2026, 3, 29, 0), 7.5, nights) == at(2026, 4, 5, 0, 30)


def test_emmas_night_shift_in_london_runs_over_midnight() -> None:
    shift = (time(22), time(6))
    nights = WorkingHours(time_zone="Europe/London", holidays="GB", mon=shift)
    london = ZoneInfo("Europe/London")
    assert due(datetime(2026, 3, 10, 1, tzinfo=london), 2, nights) == datetime(
        2026, 3, 10, 3, tzinfo=london
    )


def test_midnight_to_midnight_is_a_whole_day() -> None:
    whole = (time(0), time(0))
    always = WorkingHours(holidays="", **dict.fromkeys(("mon", "tue", "wed"), whole))
    assert due(at(2026, 3, 9, 12), 48, always) == at(2026, 3, 11, 12)


def test_an_office_in_another_zone_is_judged_by_its_own_clock() -> None:
    mexico = OFFICE.model_copy(update={"time_zone": "America/Mexico_City", "holidays": "MX"})
    # 10:00 in Madrid is 3:00 in Mexico City.
    assert due(TUESDAY, 1, mexico) == datetime(
        2026, 3, 10, 10, tzinfo=ZoneInfo("America/Mexico_City")
    )


def test_urgent_cases_run_day_and_night_where_the_rules_say_so() -> None:
    night = at(2026, 3, 10, 23)
    rules = replace_rules(RULES, around_the_clock=(PriorityLevel.URGENT,))
    found = route(case(level=PriorityLevel.URGENT), TEAM, rules, night)
    assert found.due_at == night + timedelta(hours=1)
    assert reasons(found)["due_around_the_clock"] == {"level": "urgent", "hours": 1.0}
    found = route(case(level=PriorityLevel.URGENT), TEAM, RULES, night)
    assert found.due_at == at(2026, 3, 11, 10)
    assert reasons(found)["due_working_hours"]["hours"] == 1.0


def test_an_office_that_never_opens_counts_by_the_clock_and_says_so() -> None:
    rules = replace_rules(RULES, working_hours=WorkingHours())
    found = route(case(), TEAM, rules, TUESDAY)
    assert found.due_at == TUESDAY + timedelta(hours=4)
    assert "no_working_hours" in reasons(found)


def test_a_calendar_that_nobody_knows_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ValidationError, match="ES-ZZ"):
        WorkingHours(holidays="ES-ZZ")


_span = st.none() | st.tuples(st.times(), st.times()).map(
    lambda t: (t[0].replace(second=0, microsecond=0), t[1].replace(second=0, microsecond=0))
)
_hours = st.builds(
    WorkingHours,
    time_zone=st.sampled_from(
        ["Europe/Madrid", "America/Sao_Paulo", "Australia/Lord_Howe", "America/Santiago", "UTC"]
    ),
    holidays=st.sampled_from(["", "ES", "ES-MD", "BR", "DE-BY"]),
    **dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), _span),
)
_starts = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
_lengths = st.integers(0, 60 * 120).map(lambda m: timedelta(minutes=m))


def _is_open(moment: datetime, hours: WorkingHours) -> bool:
    """Written apart from the code: open today, or in yesterday's shift over midnight. The moment
    of closing counts as open."""
    import holidays as calendars

    zone = ZoneInfo(hours.time_zone)
    today = moment.astimezone(zone).date()
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    for day in (today - timedelta(days=1), today):
        country, _, region = hours.holidays.partition("-")
        if country and day in calendars.country_holidays(country, subdiv=region or None):
            continue
        span = getattr(hours, names[day.weekday()])
        if span is None:
            continue
        last = day if span[1] > span[0] else day + timedelta(days=1)
        opens = datetime.combine(day, span[0], zone).astimezone(UTC)
        if opens <= moment <= datetime.combine(last, span[1], zone).astimezone(UTC):
            return True
    return False


@given(_hours, _starts, _lengths)
@settings(deadline=None)
def test_due_is_never_before_now_nor_in_closed_time(
    hours: WorkingHours, start: datetime, length: timedelta
) -> None:
    found = add_working_time(start, length, hours)
    if found is None:
        assert not any(
            hours.model_dump(include={"mon", "tue", "wed", "thu", "fri", "sat", "sun"}).values()
        )
        return
    assert found >= start + length
    assert _is_open(found, hours)


@given(_hours, _starts, _lengths, _starts, _lengths)
@settings(deadline=None)
def test_later_or_longer_is_never_due_earlier(
    hours: WorkingHours,
    start: datetime,
    length: timedelta,
    other_start: datetime,
    other_length: timedelta,
) -> None:
    early, late = sorted([start, other_start])
    short, long = sorted([length, other_length])
    first, second, third = (
        add_working_time(early, short, hours),
        add_working_time(late, short, hours),
        add_working_time(early, long, hours),
    )
    if first is not None and second is not None and third is not None:
        assert first <= second
        assert first <= third
