"""What another contact policy would have meant. Marta buys after an avoided call, Nuria complains,
Tomás is known by his phone only; two flatmates share one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from builders import NOW
from command import Home
from hypothesis import given
from hypothesis import strategies as st
from test_ledger import PEOPLE, Scene, call, days_before

from listener import simulation
from listener.calling_rules import CallingRules
from listener.contact_words import Purpose
from listener.crm import csv_import
from listener.domain import Disposition
from listener.simulation import Outcome, Policy, Tally, Why, parse_hours
from listener.storage import Database
from listener.storage import ledger as stored
from listener.storage.ledger import Complaint, Logged, Person

MADRID = ZoneInfo("Europe/Madrid")
DAY = timedelta(days=1)


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    made = Scene(database, tmp_path)
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    csv_import.import_people(database, made.settings(), file)
    return made


def event(
    day: float,
    code: str = "no_answer",
    *,
    ours: bool = True,
    campaign: str = "Fibra",
    channel: str = "call",
    purpose: Purpose = Purpose.SALES,
    customer: str | None = "C-1",
    phone: str = "",
) -> Logged:
    at = NOW + day * DAY
    return Logged(at, ours, channel, campaign, code, purpose, customer, phone)


def avoided(
    events: Sequence[Logged], policy: Policy, start: datetime | None = None
) -> dict[float, tuple[Why, ...]]:
    """By the day of the event, what it was against."""
    judged = simulation.replay(events, policy, MADRID, start)
    return {(e.at - NOW) / DAY: why for e, why in judged if why}


def run(
    people: Iterable[Sequence[Logged]],
    policy: Policy,
    complaints: Iterable[Complaint] = (),
    start: datetime | None = None,
) -> Outcome:
    return simulation.simulate(
        (Person("", "", tuple(events)) for events in people),
        policy,
        complaints,
        zone_of=lambda _zone, _country: MADRID,
        start=start,
    )


# ---------------------------------------------------------------------------- the policy


def test_no_policy_avoids_nothing() -> None:
    events = [event(0, "do_not_call"), event(0.1), event(0.2)]
    assert avoided(events, Policy()) == {}


def test_at_most_so_many_in_any_seven_days() -> None:
    days = [0, 1, 2, 7, 7.5, 8, 14.6]
    told = avoided([event(d) for d in days], Policy(per_week=2))
    # Day 7 is within seven days of day 0, day 7.5 not any more.
    assert list(told) == [2, 7, 8]
    assert set(told.values()) == {(Why.PER_WEEK,)}
    assert list(avoided([event(d) for d in days], Policy(per_week=0))) == days


def test_what_is_avoided_uses_up_nothing() -> None:
    days = [0, 3, 6, 7.1]
    assert list(avoided([event(d) for d in days], Policy(per_week=1))) == [3, 6]


def test_messages_count_for_the_week_and_service_contacts_do_not() -> None:
    events = [
        event(0, channel="sms"),
        event(1, purpose=Purpose.SERVICE),
        event(2, ours=False),
        event(3),
        event(4, purpose=Purpose.SERVICE),
    ]
    assert list(avoided(events, Policy(per_week=1))) == [3]


@pytest.mark.parametrize(("day", "kept"), [(10, False), (30, False), (30.01, True)])
def test_a_refusal_is_followed_by_a_cool_off(day: float, kept: bool) -> None:
    told = avoided([event(0, "not_interested"), event(day)], Policy(cool_off=30 * DAY))
    assert told == ({} if kept else {day: (Why.COOL_OFF,)})


def test_after_do_not_call_there_is_no_end() -> None:
    policy = Policy(cool_off=30 * DAY)
    assert avoided([event(0, "do_not_call"), event(500)], policy) == {500: (Why.COOL_OFF,)}
    later = [event(0, "do_not_call"), event(1, "not_interested", ours=False), event(500)]
    assert avoided(later, policy) == {500: (Why.COOL_OFF,)}


@pytest.mark.parametrize("code", ["sale", "interested"])
def test_who_comes_back_by_themselves_may_be_contacted_again(code: str) -> None:
    policy = Policy(cool_off=30 * DAY)
    back = [event(0, "do_not_call"), event(1, code, ours=False), event(2)]
    assert avoided(back, policy) == {}
    ours = [event(0, "do_not_call"), event(1, code), event(2)]
    assert list(avoided(ours, policy)) == [1, 2]


def test_a_refusal_on_an_avoided_contact_is_not_known() -> None:
    events = [event(0), event(1, "do_not_call"), event(8)]
    policy = Policy(per_week=1, cool_off=30 * DAY)
    assert avoided(events, policy) == {1: (Why.PER_WEEK,)}


def test_a_refusal_by_the_person_s_own_call_or_on_a_service_contact_holds() -> None:
    policy = Policy(cool_off=30 * DAY)
    assert list(avoided([event(0, "not_interested", ours=False), event(1)], policy)) == [1]
    service = event(0, "do_not_call", purpose=Purpose.SERVICE)
    assert list(avoided([service, event(1)], policy)) == [1]


def test_a_debt_does_not_end_with_a_refused_offer() -> None:
    events = [event(0, "do_not_call"), event(1, purpose=Purpose.COLLECTION), event(2)]
    assert list(avoided(events, Policy(cool_off=30 * DAY))) == [2]
    assert list(avoided(events, Policy(per_week=1))) == [1, 2]


def test_hours_are_the_person_s_and_both_ends_are_permitted() -> None:
    policy = Policy(hours=(time(10), time(20)))
    midnight = datetime(2026, 7, 1, tzinfo=MADRID)  # in summer time
    moments = [(9, 59), (10, 0), (20, 0), (20, 1), (23, 0)]
    events = [
        event(0)._replace(at=midnight.replace(hour=h, minute=m, second=30).astimezone(UTC))
        for h, m in moments
    ]
    judged = simulation.replay(events, policy, MADRID)
    assert [bool(why) for _, why in judged] == [True, False, False, True, True]
    judged = simulation.replay(events, policy, ZoneInfo("America/Bogota"))  # seven hours earlier
    assert [bool(why) for _, why in judged] == [True, True, False, False, False]
    mail = events[-1]._replace(channel="email")
    assert simulation.replay([mail], policy, MADRID) == [(mail, ())]


def test_a_contact_may_be_against_several_rules() -> None:
    events = [event(0, "not_interested"), event(1)._replace(at=NOW + DAY / 2)]
    policy = Policy(per_week=1, cool_off=DAY, hours=(time(10), time(20)))
    (why,) = avoided(events, policy).values()
    assert why == (Why.PER_WEEK, Why.COOL_OFF, Why.HOURS)


def test_what_came_before_is_as_it_was_and_counts_for_what_follows() -> None:
    events = [event(-2), event(-1.5), event(-1, "not_interested"), event(1), event(20)]
    policy = Policy(per_week=1, cool_off=10 * DAY)
    assert avoided(events, policy, start=NOW) == {1: (Why.PER_WEEK, Why.COOL_OFF)}
    told = run([events], policy, start=NOW)
    assert (told.total.contacts, told.total.avoided) == (2, 1)


_EVENTS = st.lists(
    st.builds(
        event,
        st.floats(0, 40).map(lambda d: round(d, 2)),
        st.sampled_from([d.value for d in Disposition]),
        ours=st.booleans(),
        purpose=st.sampled_from(Purpose),
        channel=st.sampled_from(["call", "email"]),
    ),
    max_size=25,
).map(lambda found: sorted(found, key=lambda e: e.at))
_POLICIES = st.builds(
    Policy,
    st.none() | st.integers(0, 4),
    st.none() | st.integers(0, 20).map(lambda d: d * DAY),
    st.none() | st.just((time(10), time(20))),
)


@given(_EVENTS, _POLICIES)
def test_what_is_kept_keeps_the_policy(events: list[Logged], policy: Policy) -> None:
    judged = simulation.replay(events, policy, MADRID)
    kept = [e for e, why in judged if e.ours and not why]
    assert [e for e, _ in judged] == [
        e for e in events if not (e.ours and e.purpose is Purpose.SERVICE)
    ]
    if policy.per_week is not None:
        for last in kept:
            week = [e for e in kept if timedelta(0) <= last.at - e.at <= 7 * DAY]
            earlier = [e for e in week if kept.index(e) <= kept.index(last)]
            assert len(earlier) <= policy.per_week
    if policy.hours is not None:
        for e in kept:
            clock = e.at.astimezone(MADRID).time().replace(second=0, microsecond=0)
            assert e.channel == "email" or time(10) <= clock <= time(20)
    if policy.cool_off is not None:
        for n, e in enumerate(kept):
            refused = [r for r in kept[:n] if r.disposition == "do_not_call"]
            back = any(
                not b.ours and b.disposition in ("sale", "interested") and b.at <= e.at
                for b in events
            )
            assert not (refused and e.purpose is Purpose.SALES) or back


# ---------------------------------------------------------------------------- what it meant


def test_contacts_and_sales_by_campaign_and_in_all() -> None:
    marta = [
        event(0),
        event(1, campaign="TV"),  # avoided
        event(2, "sale", campaign="fibra "),  # avoided: its sale is lost
        event(9, "sale", campaign="Móvil"),  # followed on an avoided contact
        event(10, "sale", ours=False, campaign=""),  # she called
    ]
    eva = [event(0, "sale"), event(20, "sale")]
    told = run([marta, eva], Policy(per_week=1))
    total = told.total
    assert (total.contacts, total.avoided, total.sales) == (6, 2, 5)
    assert (total.sales_on_avoided, total.sales_after_avoided) == (1, 2)
    assert (told.people, told.people_spared) == (2, 1)
    by = dict(told.campaigns)
    assert set(by) == {"Fibra", "TV", "Móvil", ""}
    assert (by["Fibra"].contacts, by["Fibra"].avoided) == (4, 1)
    assert (by["Fibra"].sales, by["Fibra"].sales_on_avoided) == (3, 1)
    assert by["Móvil"].sales_after_avoided == by[""].sales_after_avoided == 1
    assert total.why == {Why.PER_WEEK: 2}


def test_complaints_avoided_are_an_upper_bound() -> None:
    def complaint(number: int, day: float, customer: str | None = "C-1", *phones: str) -> Complaint:
        return Complaint(number, NOW + day * DAY, True, customer, frozenset(phones), False)

    people = [
        [event(0, campaign="TV"), event(1)],
        [event(d, customer="C-2") for d in (0, 31)],
        [event(0, customer=None, phone="p3"), event(1, customer=None, phone="p3")],
    ]
    complaints = [
        complaint(1, 2),
        complaint(2, 31.5),  # the avoided contact is 30.5 days old
        complaint(3, 1.5, "C-2"),  # nothing avoided
        complaint(4, 2, None, "p3"),
        complaint(5, 2, "C-9"),
        complaint(6, 0.5),  # before the avoided contact
    ]
    told = run(people, Policy(per_week=1), complaints)
    assert told.total.complaints == {1, 3, 4, 6}
    assert told.total.touched == {1, 4}
    assert told.total.emptied == 0
    by = dict(told.campaigns)
    assert (by["TV"].complaints, by["TV"].touched) == ({1, 6}, set())
    assert by["Fibra"].touched == {1, 4}
    assert by["Fibra"].emptied == 1  # of Marta's, nothing but TV's contact is left
    told = run(people, Policy(per_week=0), complaints)
    assert told.total.touched == told.total.complaints
    assert told.total.emptied == 4


def test_a_complaint_that_two_logs_concern_counts_once() -> None:
    told = run(
        [[event(0)], [event(0, customer=None, phone="p1")]],
        Policy(per_week=0),
        [Complaint(1, NOW + DAY, True, "C-1", frozenset({"p1"}), False)],
    )
    assert simulation.figures(told.total)["complaints_avoided_at_most"] == 1


@given(st.lists(_EVENTS, max_size=4), _POLICIES)
def test_what_always_holds(people: list[list[Logged]], policy: Policy) -> None:
    complaints = [
        Complaint(n, NOW + n * 5 * DAY, True, "C-1", frozenset(), False) for n in range(8)
    ]
    told = run(people, policy, complaints)
    total = Tally()
    for _, tally in told.campaigns:
        total.add(tally)
        assert 0 <= tally.avoided <= tally.contacts
        assert tally.touched <= tally.complaints == tally.touched | tally.left
        assert tally.sales_on_avoided + tally.sales_after_avoided <= tally.sales
        assert tally.avoided <= sum(tally.why.values()) <= 3 * tally.avoided
    assert total == told.total
    nothing = run(people, Policy(), complaints).total
    assert (nothing.contacts, nothing.sales) == (told.total.contacts, told.total.sales)
    assert nothing.avoided == nothing.sales_after_avoided == len(nothing.touched) == 0


# ---------------------------------------------------------------------------- given


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("10-20", (time(10), time(20))),
        (" 9:30 - 21:00 ", (time(9, 30), time(21))),
        ("0-24", (time(0), time(23, 59))),
    ],
)
def test_hours_as_people_write_them(written: str, hours: tuple[time, time]) -> None:
    assert parse_hours(written) == hours


@pytest.mark.parametrize("written", ["", "10", "20-10", "10-10", "10-25", "9:75-20", "ten-four"])
def test_what_are_no_hours(written: str) -> None:
    with pytest.raises(ValueError, match=r"hours|hour"):
        parse_hours(written)


def test_zones_are_the_record_s_else_the_country_s_else_home() -> None:
    rules = {
        "ES": CallingRules(time_zone="Europe/Madrid"),
        "CO": CallingRules(time_zone="America/Bogota"),
    }
    zone_of = simulation.zones(rules, "ES")
    assert zone_of("Atlantic/Canary", "ES").key == "Atlantic/Canary"
    assert zone_of("", "CO").key == "America/Bogota"
    assert zone_of("Mars/Base", "XX").key == "Europe/Madrid"
    assert zone_of("/etc/passwd", "").key == "Europe/Madrid"
    assert simulation.zones({}, "ES")("", "").key == "UTC"


# ---------------------------------------------------------------------------- the log


def people(scene: Scene, end: datetime | None = None, **kw: bool) -> list[Person]:
    with scene.db.read() as session:
        return list(stored.people(session, end=end, **kw))


def test_a_person_is_a_customer_or_a_phone_that_no_single_customer_has(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_ROWS", 2)
    file = scene.folder / "flat.csv"
    file.write_text(
        "customer_id,name,phone,country\nC-8,Ada,699000111,ES\nC-9,Bea,699000111,ES\n",
        encoding="utf-8",
    )
    csv_import.import_people(scene.db, scene.settings(), file)
    scene.log(
        call(1, who="C-3"),
        call(3, who="", number="600333444"),  # Tomás's
        call(2, who="C-3", number="699000999"),
        call(4, who="", number="699000111"),  # Ada's or Bea's
        call(5, who="C-8", number="699000111"),
        call(6, who="", number="699000222"),  # nobody's
        call(7, who="", number="699000222", campaign="TV"),
        call(8, who="C-3", direction="in"),  # tells nothing
        call(9, who="C-3", direction="in", code="not_interested"),
    )
    told = people(scene)
    assert sorted([round((NOW - e.at) / DAY) for e in p.events] for p in told) == [
        [4],
        [5],
        [7, 6],
        [9, 3, 2, 1],
    ]
    assert {e.ours for p in told for e in p.events if (NOW - e.at) / DAY > 8} == {False}
    assert [len(p.events) for p in people(scene, end=NOW - 5.5 * DAY)] in ([1, 2], [2, 1])


def test_what_an_event_was_for_and_where_the_person_lives(scene: Scene) -> None:
    scene.log(
        call(1, campaign="Cita técnico"),
        call(2, note="confirmación de cita"),
        call(3, campaign="Recobro", who="C-4"),
    )
    scene.log(call(4, who="C-1"), invented=True)
    found = people(scene, zones=True)
    marta = next(p for p in found if p.time_zone)
    assert (marta.time_zone, marta.country) == ("Europe/Madrid", "ES")
    assert [e.purpose for e in marta.events] == [Purpose.SERVICE, Purpose.SERVICE]
    eva = next(p for p in found if not p.time_zone)
    assert (eva.country, [e.purpose for e in eva.events]) == ("ES", [Purpose.COLLECTION])
    assert sum(len(p.events) for p in people(scene, invented=True)) == 4
    assert {p.time_zone for p in people(scene)} == {""}


def test_the_log_is_read_as_a_stream(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_ROWS", 1)
    scene.log(*(call(n, who=f"C-{n}") for n in range(1, 5)))
    with scene.db.read() as session:
        stream = stored.people(session, end=None)
        assert isinstance(stream, Iterator)
        first = next(stream)
        assert len(first.events) == 1
        stream.close()  # type: ignore[attr-defined]


def test_the_command(scene: Scene, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.environ = {"LISTENER_DATABASE_URL": scene.db.url}
    scene.log(
        call(9, who="C-2", code="not_interested", seconds=20),
        call(5, who="C-2"),
        call(4, who="C-2", code="sale", seconds=80),
        call(3, who="C-4", campaign="TV"),
        f"{(NOW - 2 * DAY).replace(hour=21).isoformat()},out,call,C-4,,1004,TV,,,,none,3,",
    )
    scene.post("nuria")
    told = home.call("simulate", "--cool-off", "30", "--hours", "10-20", "--json").json
    assert told["policy"] == {"per_week": None, "cool_off_days": 30, "hours": ["10:00", "20:00"]}
    total = told["total"]
    assert (total["contacts"], total["avoided"]) == (5, 3)
    assert (total["avoided_cool_off"], total["avoided_hours"]) == (2, 1)
    assert (total["sales"], total["sales_on_avoided"]) == (1, 1)
    assert (total["complaints"], total["complaints_avoided_at_most"]) == (1, 1)
    assert total["complaints_without_contact"] == 0  # the refused call itself is left
    assert [c["campaign"] for c in told["campaigns"]] == ["Fibra", "TV"]
    assert (told["people"], told["people_spared"]) == (2, 2)
    day = days_before(4)[:10]
    one = home.call("simulate", "--per-week", "0", "--from", day, "--to", day, "--json").json
    assert (one["total"]["contacts"], one["total"]["avoided"]) == (1, 1)
    shown = home.call("simulate", "--per-week", "1")
    assert shown.code == 0
    assert "Fibra" in shown.out
    assert "cota superior" in shown.out or "upper bound" in shown.out


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("--per-week", "-1"),
        ("--cool-off", "many"),
        ("--hours", "20-10"),
        ("--per-week", "1", "--from", "31/12/2026"),
    ],
)
def test_a_wrong_call_is_told(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    done = Home(tmp_path / "home").call("simulate", *wrong)
    assert done.code == 2
    assert "--" in done.err


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_bound_and_what_is_assumed_stand_beside_the_result(language: str) -> None:
    policy = Policy(3, 30 * DAY, (time(10), time(20, 30)))
    told = " ".join(simulation.notes(run([[event(0)]], policy), language))
    for words in (
        "3",
        "30",
        "10:00",
        "20:30",
        {"es": "cota superior", "en": "upper bound"}[language],
    ):
        assert words in told
    without = " ".join(simulation.notes(run([], Policy(per_week=1)), language))
    assert "10:00" not in without
