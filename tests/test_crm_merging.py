"""A contact in two logs is one contact."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from listener.crm.merging import merged
from listener.domain import Channel, ContactEvent, Direction, Disposition

AT = datetime(2026, 5, 13, 10, tzinfo=UTC)
CRM = ContactEvent("A-1", AT, Direction.OUT, Channel.CALL, note="no le interesa")
DIALLED = ContactEvent(
    "d/7",
    AT + timedelta(seconds=40),
    Direction.OUT,
    Channel.CALL,
    customer_number="+34600101010",
    caller_number="1004",
    agent="A7",
    disposition=Disposition.NO_ANSWER,
    duration_s=31,
)


def test_the_dialler_adds_what_the_crm_lacks() -> None:
    (one,) = merged([CRM], [("dialler", DIALLED)])
    assert (one.event_id, one.caller_number, one.agent, one.duration_s) == ("A-1", "1004", "A7", 31)
    assert (one.disposition, one.note) == (Disposition.NO_ANSWER, "no le interesa")


def test_what_the_crm_coded_stands() -> None:
    coded = replace(CRM, disposition=Disposition.NOT_INTERESTED)
    (one,) = merged([coded], [("dialler", DIALLED)])
    assert one.disposition is Disposition.NOT_INTERESTED


def test_others_stay_apart() -> None:
    for other in (
        replace(DIALLED, at=AT + timedelta(minutes=3)),
        replace(DIALLED, channel=Channel.SMS),
        replace(DIALLED, direction=Direction.IN),
    ):
        assert len(merged([CRM], [("dialler", other)])) == 2
    elsewhere = replace(CRM, customer_number="+34600202020")
    assert len(merged([elsewhere], [("dialler", DIALLED)])) == 2


def test_two_dials_within_a_minute_are_two() -> None:
    again = replace(DIALLED, event_id="d/8", at=AT + timedelta(seconds=80))
    assert [e.event_id for e in merged([CRM], [("d", DIALLED), ("d", again)])] == ["A-1", "d/8"]


def test_the_same_id_in_two_systems() -> None:
    later = replace(DIALLED, event_id="A-1", at=AT + timedelta(hours=1))
    assert [e.event_id for e in merged([CRM], [("d", later)])] == ["A-1", "d/A-1"]


@given(st.lists(st.integers(0, 600), max_size=8), st.lists(st.integers(0, 600), max_size=8))
def test_nothing_is_lost_and_nothing_made(own: list[int], others: list[int]) -> None:
    mine = [replace(CRM, event_id=f"m{i}", at=AT + timedelta(seconds=s)) for i, s in enumerate(own)]
    theirs = [
        ("d", replace(DIALLED, event_id=f"t{i}", at=AT + timedelta(seconds=s)))
        for i, s in enumerate(others)
    ]
    found = merged(mine, theirs)
    assert {e.event_id for e in mine} <= {e.event_id for e in found}
    assert max(len(mine), len(theirs)) <= len(found) <= len(mine) + len(theirs)
    assert [e.at for e in found] == sorted(e.at for e in found)
