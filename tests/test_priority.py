"""Points, their reasons and the level that they make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.reading import CallFacts, NumberMention, Reading
from listener.domain import Customer, CustomerMatch, Priority, PriorityLevel
from listener.priority import prioritise
from listener.settings import PriorityRules

UNKNOWN = CustomerMatch(False, None, 0.0, ("nothing_given:",))
ANA = CustomerMatch(True, Customer("local", "C-1", "Ana"), 0.92, ("phone_given:•••030",))
PRAISE = Reading("es", "positive", False, None, False, {}, (), CallFacts(), (), "test")
INVOICE = replace(PRAISE, sentiment="negative", complaint=True, category="billing")


def harassed(**facts: Any) -> Reading:
    return replace(
        INVOICE, category="harassment", harassment=True, facts=replace(CallFacts(), **facts)
    )


def judge(reading: Reading, rules: PriorityRules | None = None, **changes: Any) -> Priority:
    given_: dict[str, Any] = {
        "match": UNKNOWN,
        "reach": None,
        "previous_mentions": 0,
        "own_brand": True,
        "own_numbers": ("1004", "+34840556677"),
        "rules": rules or PriorityRules(),
    }
    return prioritise(reading, **{**given_, **changes})


def points(priority: Priority) -> dict[str, int]:
    return {r.key: r.points for r in priority.reasons}


def test_every_claim_of_ana_counts_and_says_so() -> None:
    reading = harassed(
        contact_count=6,
        opt_out=True,
        off_hours=True,
        legal_threat=True,
        churn_threat=True,
        numbers=(NumberMention("10 04", None, (0, 5), "1004"),),
    )
    judged = judge(reading, match=ANA, reach=2500, previous_mentions=2)
    assert points(judged) == {
        "harassment": 40,
        "refused": 15,
        "off_hours": 10,
        "contacts": 18,
        "own_number": 5,
        "negative": 5,
        "legal_threat": 15,
        "churn_threat": 10,
        "is_customer": 5,
        "again": 10,
        "reach": 12,
    }
    assert judged.score == 145
    assert judged.level is PriorityLevel.URGENT
    values = {r.key: dict(r.values) for r in judged.reasons}
    assert values["contacts"] == {"count": 6}
    assert values["own_number"] == {"number": "1004"}
    assert values["again"] == {"count": 2}


def test_praise_is_low_and_an_invoice_is_normal() -> None:
    assert (judge(PRAISE).score, judge(PRAISE).level) == (0, PriorityLevel.LOW)
    assert points(judge(INVOICE)) == {"complaint": 15, "negative": 5}
    assert judge(INVOICE).level is PriorityLevel.NORMAL


@pytest.mark.parametrize(("count", "expected"), [(None, 0), (1, 3), (6, 18), (7, 20), (10**9, 20)])
def test_contacts_count_up_to_their_maximum(count: int | None, expected: int) -> None:
    assert points(judge(harassed(contact_count=count))).get("contacts", 0) == expected


@pytest.mark.parametrize(
    ("reach", "expected"), [(None, 0), (0, 0), (9, 0), (10, 4), (999, 8), (1000, 12), (10**6, 24)]
)
def test_each_tenfold_of_reach_counts(reach: int | None, expected: int) -> None:
    assert points(judge(INVOICE, reach=reach)).get("reach", 0) == expected


def test_a_longer_own_number_is_known_by_its_e164_form() -> None:
    agency = NumberMention("840 55 66 77", "+34840556677", (0, 12), "840556677")
    other = NumberMention("840 55 66 78", "+34840556678", (0, 12), "840556678")
    assert points(judge(harassed(numbers=(other, agency))))["own_number"] == 5
    assert "own_number" not in points(judge(harassed(numbers=(other,))))


def test_call_facts_of_what_is_no_harassment_do_not_count_but_threats_do() -> None:
    reading = replace(INVOICE, facts=CallFacts(contact_count=9, opt_out=True, legal_threat=True))
    assert points(judge(reading)) == {"complaint": 15, "negative": 5, "legal_threat": 15}


def test_a_customer_who_is_only_proposed_is_no_reason() -> None:
    assert "is_customer" not in points(judge(INVOICE, match=replace(ANA, decided=False)))


def test_a_competitors_complaint_stays_low_and_says_why() -> None:
    judged = judge(harassed(contact_count=6), own_brand=False)
    assert (judged.score, judged.level) == (0, PriorityLevel.LOW)
    assert points(judged)["competitor"] == -63


@pytest.mark.parametrize(
    ("harassment", "level"),
    [(74, "high"), (75, "urgent"), (50, "high"), (49, "normal"), (19, "low"), (-5000, "low")],
)
def test_a_level_begins_at_its_number_of_points(harassment: int, level: str) -> None:
    rules = PriorityRules(harassment=harassment, negative=0)
    assert judge(harassed(), rules).level == level


def test_levels_may_be_fewer() -> None:
    rules = PriorityRules(levels={PriorityLevel.HIGH: 60})
    assert judge(harassed(), rules).level is PriorityLevel.LOW
    assert judge(harassed(opt_out=True), rules).level is PriorityLevel.HIGH


_facts = st.builds(
    CallFacts,
    contact_count=st.none() | st.integers(1, 500),
    opt_out=st.booleans(),
    off_hours=st.booleans(),
    churn_threat=st.booleans(),
    legal_threat=st.booleans(),
)
_reading = st.builds(
    lambda facts, harassment: replace(
        INVOICE,
        category="harassment" if harassment else "billing",
        harassment=harassment,
        facts=facts,
    ),
    _facts,
    st.booleans(),
)


@given(_reading, st.none() | st.integers(0, 10**9), st.integers(0, 20), st.booleans())
def test_the_score_is_the_sum_of_its_reasons(
    reading: Reading, reach: int | None, previous: int, own: bool
) -> None:
    judged = judge(reading, reach=reach, previous_mentions=previous, own_brand=own)
    assert judged.score == sum(r.points for r in judged.reasons)
    assert len({r.key for r in judged.reasons}) == len(judged.reasons)


@given(_reading, st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_reach_is_never_less_urgent(reading: Reading, one: int, other: int) -> None:
    small, large = sorted([one, other])
    assert judge(reading, reach=small).score <= judge(reading, reach=large).score
