"""What is worth an e-mail: pure decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from builders import NOW, priority
from hypothesis import given
from hypothesis import strategies as st

from listener.alerting import (
    NumberReport,
    duration_words,
    number_complaints,
    severe_harassment,
    source_trouble,
    unknown_number,
)
from listener.domain import Alert, AlertKind, NumberKind, PriorityLevel
from listener.settings import AlertRules, SourceConfig
from listener.storage.health import SubscriptionHealth

RULES = AlertRules()
SQUARE = SourceConfig(name="square", type="mastodon")


def severe(rules: AlertRules = RULES, **changes: Any) -> Alert | None:
    values: dict[str, Any] = {
        "case_id": 7,
        "brand": "movistar",
        "brand_name": "Movistar",
        "matter": "harassment",
        "priority": priority(80, PriorityLevel.URGENT),
        "published_at": NOW - timedelta(hours=1),
    }
    return severe_harassment(**(values | changes), rules=rules, now=NOW)


def test_martas_urgent_case_is_told_with_its_reasons() -> None:
    alert = severe()
    assert alert is not None
    assert (alert.kind, alert.key, alert.case_id) == (AlertKind.SEVERE_HARASSMENT, "severe:7", 7)
    assert [r.key for r in alert.reasons] == ["alert_level", "harassment"]
    assert alert.subject == {"brand": "Movistar", "level": "urgent"}


@pytest.mark.parametrize(
    ("level", "wanted", "told"),
    [
        ("urgent", "urgent", True),
        ("high", "urgent", False),
        ("urgent", "high", True),
        ("high", "high", True),
        ("normal", "high", False),
        ("low", "low", True),
    ],
)
def test_a_case_is_told_from_its_level_on(level: str, wanted: str, told: bool) -> None:
    rules = AlertRules.model_validate({"severe_harassment": {"level": wanted}})
    alert = severe(rules, priority=priority(50, PriorityLevel(level)))
    assert (alert is not None) is told


def test_what_is_not_told() -> None:
    assert severe(matter="billing") is None
    assert severe(published_at=NOW - timedelta(days=7, seconds=1)) is None
    assert severe(published_at=NOW - timedelta(days=7)) is not None
    assert severe(AlertRules.model_validate({"severe_harassment": {"enabled": False}})) is None


def report(number: int, author: str, hours: float = 1) -> NumberReport:
    return NumberReport(number, author, NOW - timedelta(hours=hours))


def complaints(*reports: NumberReport, last: timedelta | None = None, **rules: Any) -> Alert | None:
    return number_complaints(
        brand="movistar",
        brand_name="Movistar",
        number="1004",
        reports=reports,
        last_raised_at=None if last is None else NOW - last,
        rules=AlertRules.model_validate({"number_complaints": rules}),
        now=NOW,
    )


def test_three_people_ring_the_bell() -> None:
    alert = complaints(report(1, "marta"), report(2, "ana"), report(5, "luis"))
    assert alert is not None
    assert alert.key == "number:movistar:1004:5"
    assert alert.subject == {
        "brand": "Movistar",
        "number": "1004",
        "count": 3,
        "window": "24 h",
        "mentions": [1, 2, 5],
    }


def test_one_person_who_insists_does_not() -> None:
    assert complaints(*(report(n, "marta") for n in range(50))) is None
    assert complaints(report(1, "marta"), report(2, "ana"), report(3, "ana")) is None


def test_only_the_window_counts() -> None:
    assert complaints(report(1, "a"), report(2, "b"), report(3, "c", hours=24.1)) is None
    assert complaints(report(1, "a"), report(2, "b"), report(3, "c", hours=24)) is not None
    # A post that says it is of tomorrow is nobody's proof.
    assert complaints(report(1, "a"), report(2, "b"), report(3, "c", hours=-5)) is None


def test_once_in_a_window() -> None:
    three = [report(n, f"p{n}") for n in range(3)]
    assert complaints(*three, last=timedelta(hours=23)) is None
    assert complaints(*three, last=timedelta(hours=24)) is not None
    assert complaints(*three, enabled=False) is None
    assert complaints(*three, count=4) is None


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from("abcdef"), st.floats(0, 60)), max_size=15)
)
def test_the_bell_needs_as_many_people_as_the_rule_says(rows: list[tuple[int, str, float]]) -> None:
    reports = [report(n, who, hours) for n, who, hours in rows]
    people = {r.author for r in reports if NOW - r.published_at <= timedelta(hours=24)}
    alert = complaints(*reports)
    assert (alert is not None) == (len(people) >= 3)
    # The same facts in another order are the same alert.
    again = complaints(*reversed(reports))
    assert (again and again.key) == (alert and alert.key)


def stranger(
    *reports: NumberReport,
    kind: NumberKind = NumberKind.UNKNOWN,
    in_log: bool = False,
    last: timedelta | None = None,
    **rules: Any,
) -> Alert | None:
    return unknown_number(
        brand="movistar",
        brand_name="Movistar",
        number="+34911222333",
        kind=kind,
        in_log=in_log,
        reports=reports,
        last_raised_at=None if last is None else NOW - last,
        rules=AlertRules.model_validate({"unknown_number": rules}),
        now=NOW,
    )


def test_two_people_about_a_number_that_nobody_registered() -> None:
    alert = stranger(report(4, "marta", 100), report(7, "ana"))
    assert alert is not None
    assert (alert.kind, alert.key) == (
        AlertKind.UNKNOWN_NUMBER,
        "unknown:movistar:+34911222333:7",
    )
    assert alert.subject == {
        "brand": "Movistar",
        "number": "+34911222333",
        "count": 2,
        "window": "7 d",
        "mentions": [4, 7],
    }
    assert [r.key for r in alert.reasons] == ["alert_unknown_number", "number_not_in_log"]
    ours = stranger(report(4, "marta"), report(7, "ana"), in_log=True)
    assert ours is not None
    assert ours.reasons[1].key == "number_in_log"


@pytest.mark.parametrize("kind", [k for k in NumberKind if k is not NumberKind.UNKNOWN])
def test_a_number_that_the_registry_knows_is_not_unknown(kind: NumberKind) -> None:
    assert stranger(report(4, "marta"), report(7, "ana"), kind=kind) is None


def test_an_unknown_number_is_told_once_in_its_window() -> None:
    two = (report(4, "marta"), report(7, "ana"))
    assert stranger(*two, last=timedelta(days=6)) is None
    assert stranger(*two, last=timedelta(days=7)) is not None
    assert stranger(*two, enabled=False) is None
    assert stranger(*two, count=3) is None
    assert stranger(report(4, "marta"), report(7, "marta")) is None
    assert stranger(report(4, "marta", 24 * 8), report(7, "ana")) is None
    assert stranger(report(4, "marta", -1), report(7, "ana")) is None  # says it is of tomorrow


def health(**changes: Any) -> SubscriptionHealth:
    values: dict[str, Any] = {
        "key": "square",
        "source_name": "square",
        "source_type": "mastodon",
        "cursor": None,
        "watched_since": NOW - timedelta(days=30),
        "last_attempt_at": NOW,
        "last_success_at": NOW,
        "last_item_at": NOW - timedelta(hours=1),
        "not_before": None,
        "failures": 0,
        "failing_since": None,
        "last_error": None,
        "items": 5,
        "pages": 5,
        "problems": 0,
    }
    return SubscriptionHealth(**(values | changes))


def trouble(state: SubscriptionHealth, config: SourceConfig = SQUARE) -> list[Alert]:
    return list(source_trouble(state, config, RULES, NOW))


def test_a_healthy_source_is_no_news() -> None:
    assert trouble(health()) == []


def test_a_source_fails_from_the_third_time_on_under_one_key() -> None:
    since = NOW - timedelta(hours=2)
    assert trouble(health(failures=2, failing_since=since)) == []
    [third] = trouble(health(failures=3, failing_since=since, last_error="no answer"))
    [ninth] = trouble(health(failures=9, failing_since=since, last_error="still none"))
    assert third.kind == AlertKind.SOURCE_FAILING
    assert third.key == ninth.key
    [next_time] = trouble(health(failures=3, failing_since=NOW))
    assert next_time.key != third.key


def test_what_cannot_be_asked_is_not_called_silent() -> None:
    long_ago = NOW - timedelta(days=9)
    state = health(failures=3, failing_since=NOW, last_item_at=long_ago)
    assert [a.kind for a in trouble(state)] == [AlertKind.SOURCE_FAILING]


def test_silence_is_measured_from_the_last_new_post_or_the_beginning() -> None:
    [alert] = trouble(health(last_item_at=NOW - timedelta(hours=49)))
    assert alert.kind == AlertKind.SOURCE_SILENT
    assert alert.reasons[0].values["expected"] == "2 d"
    [never] = trouble(health(last_item_at=None))
    assert never.key == f"silent:square:{(NOW - timedelta(days=30)).isoformat()}"
    assert trouble(health(last_item_at=None, watched_since=NOW - timedelta(hours=1))) == []
    assert trouble(health(last_item_at=None, last_success_at=None)) == []  # was never asked


def test_a_source_that_may_be_silent_is_left_alone() -> None:
    quiet = SourceConfig(name="square", type="mastodon", silent_after="0s")  # type: ignore[arg-type]
    assert trouble(health(last_item_at=NOW - timedelta(days=900)), quiet) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 s"),
        (90, "90 s"),
        (60, "1 min"),
        (300, "5 min"),
        (3600, "1 h"),
        (5400, "90 min"),
        (86400, "24 h"),
        (172800, "2 d"),
        (604800, "7 d"),
        (0, "0 s"),
    ],
)
def test_spans_in_words(seconds: int, words: str) -> None:
    assert duration_words(timedelta(seconds=seconds)) == words
