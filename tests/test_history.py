"""One line of time: Lucía's calls, her posts, the suppression and what came after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from listener import charts
from listener.domain import Channel, ContactEvent, Direction, Disposition
from listener.history import Happened, line
from listener.storage.case_detail import CaseMentionView
from listener.storage.readings import StoredReading
from listener.storage.suppressions import Suppression

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


def call(event_id: str, after: timedelta, disposition: Disposition) -> ContactEvent:
    return ContactEvent(
        event_id=event_id,
        at=MONDAY + after,
        direction=Direction.OUT,
        channel=Channel.CALL,
        disposition=disposition,
    )


def post(mention_id: int, after: timedelta, **facts: object) -> CaseMentionView:
    return CaseMentionView(
        id=mention_id,
        source="mastodon",
        site="",
        url="",
        title="",
        text="Otra vez el 1004, y ya dije que no",
        published_at=MONDAY + after,
        collected_at=MONDAY + after,
        author="lucia",
        author_name="Lucía",
        author_url="",
        followers=None,
        duplicate_of=None,
        duplicate_kind=None,
        reading=stored(facts),
        invented=True,
    )


def stored(facts: dict[str, object]) -> StoredReading:
    return StoredReading(
        lang="es",
        sentiment="negative",
        complaint=True,
        category="harassment",
        harassment=True,
        scores={},
        uncertain=(),
        facts=facts,
        evidence=(),
        model="by-hand",
        corrected={},
    )


def order(*broken: str, effective: timedelta | None = timedelta(days=2)) -> Suppression:
    return Suppression(
        id=1,
        case_id=1,
        brand="iris",
        author_id=1,
        crm="local",
        customer_ref="C-1001",
        status="in_effect" if effective else "pending",
        reason="",
        approved_by="ana",
        approved_at=MONDAY + timedelta(days=1, hours=2),
        complained_at=MONDAY + timedelta(days=1),
        effective_at=MONDAY + effective if effective else None,
        watched_at=None,
        watch_error=None,
        invented=True,
        broken=tuple((what, MONDAY) for what in broken),
    )


def test_calls_posts_and_the_suppression_stand_in_the_order_of_time() -> None:
    found = line(
        [
            call("E3", timedelta(days=3), Disposition.NO_ANSWER),
            call("E1", timedelta(), Disposition.NOT_INTERESTED),
        ],
        [post(7, timedelta(days=1), opt_out=True)],
        order("event:E3"),
    )
    assert [(m.kind, m.refused, m.broken) for m in found] == [
        (Happened.CONTACT, True, False),
        (Happened.POST, True, False),
        (Happened.APPROVED, False, False),
        (Happened.IN_EFFECT, False, False),
        (Happened.CONTACT, False, True),
    ]
    assert found[2].by == "ana"


def test_a_new_post_after_the_suppression_breaks_it_too() -> None:
    found = line([], [post(8, timedelta(days=4))], order("mention:8"))
    assert [m.broken for m in found] == [False, False, True]
    assert not found[2].refused


def test_a_suppression_that_waits_for_a_system_is_not_in_effect() -> None:
    kinds = [m.kind for m in line([], [], order(effective=None))]
    assert kinds == [Happened.APPROVED]


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(Disposition)), max_size=20))
def test_nothing_is_lost_and_time_runs_forward(calls: list[tuple[int, Disposition]]) -> None:
    events = [call(f"E{i}", timedelta(minutes=m), d) for i, (m, d) in enumerate(calls)]
    found = line(events, [post(1, timedelta(days=1))], order())
    assert len(found) == len(events) + 3
    assert [m.at for m in found] == sorted(m.at for m in found)


def test_the_chart_has_a_row_for_posts_and_a_line_for_the_suppression() -> None:
    words = charts.Words("es", "Día", "Menciones", "", lambda kind, v: f"{kind}.{v}")
    moments = line(
        [call("E1", timedelta(), Disposition.NO_ANSWER)], [post(7, timedelta(days=1))], order()
    )
    spec = charts.timeline(moments, words, str).to_dict()
    dots, across = (layer["data"]["values"] for layer in spec["layer"])
    assert [d["channel"] for d in dots] == ["channel.call", "happened.post"]
    assert [d["what"] for d in across] == ["happened.approved", "happened.in_effect"]
