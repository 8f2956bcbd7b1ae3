"""Muted alerts: still raised and shown, and nobody is written to; a broken promise only by name."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, Clock
from hypothesis import given
from hypothesis import strategies as st

from listener import raising, silencing
from listener import settings_files as settings_module
from listener.desk import Desk
from listener.domain import Alert, AlertKind, Reason, Role, Scope, Silence
from listener.errors import NotAllowed, SilenceRefused, StorageError
from listener.settings import Settings
from listener.storage import Database, alerts, people
from listener.storage.alerts import AlertFilter, State
from listener.storage.people import User
from listener.storage.tables import CaseRow

ROOT = Path(__file__).resolve().parent.parent
HOUR = timedelta(hours=1)


def number(digits: str = "1004", brand: str = "movistar", key: str = "n") -> Alert:
    subject = {"brand": brand, "number": digits, "count": 5, "window": "24 h"}
    return Alert(AlertKind.NUMBER_COMPLAINTS, f"number:{brand}:{digits}:{key}", brand, subject, ())


def severe(case_id: int = 7, brand: str = "movistar") -> Alert:
    subject = {"brand": brand, "level": "urgent"}
    return Alert(AlertKind.SEVERE_HARASSMENT, f"severe:{case_id}", brand, subject, (), case_id)


def promise(case_id: int | None = 7, key: str = "1") -> Alert:
    return Alert(
        AlertKind.PROMISE_BROKEN,
        f"promise:1:{key}",
        "movistar",
        {"brand": "Movistar"},
        (Reason("is_customer", {}), Reason("promise_broken", {})),
        case_id,
    )


def failing(source: str = "mastodon-es/movistar", key: str = "x") -> Alert:
    return Alert(AlertKind.SOURCE_FAILING, f"failing:{source}:{key}", None, {"source": source}, ())


EVERY = (number(), severe(), promise(), failing())


def silence(scope: Scope, until: datetime = NOW + HOUR, **more: Any) -> Silence:
    return Silence(1, scope, until, "obras en la centralita", "marc", NOW - HOUR, **more)


# ---------------------------------------------------------------------------- decided


@pytest.mark.parametrize(
    ("scope", "muted"),
    [
        (Scope(number="1004"), {"number_complaints"}),
        (Scope(number="1002"), set()),
        (Scope(brand="movistar"), {"number_complaints", "severe_harassment"}),
        (Scope(brand="vodafone"), set()),
        (Scope(kind=AlertKind.SEVERE_HARASSMENT), {"severe_harassment"}),
        (Scope(case_id=7), {"severe_harassment"}),
        (Scope(source="mastodon-es"), {"source_failing"}),
        (Scope(source="mastodon-es/movistar"), {"source_failing"}),
        (Scope(source="mastodon"), set()),
        (Scope(AlertKind.PROMISE_BROKEN, "movistar"), set()),
        (Scope(AlertKind.PROMISE_BROKEN, "movistar", case_id=7), {"promise_broken"}),
        (Scope(AlertKind.PROMISE_BROKEN, "movistar", case_id=8), set()),
        (Scope(), set()),
    ],
)
def test_what_a_silence_covers(scope: Scope, muted: set[str]) -> None:
    assert {a.kind for a in EVERY if silencing.silenced(a, [silence(scope)], NOW)} == muted


def test_a_silence_holds_from_its_beginning_until_its_end() -> None:
    one = silence(Scope(number="1004"))
    assert silencing.silenced(number(), [one], NOW) == one
    assert silencing.silenced(number(), [one], one.at) == one
    for moment in (one.at - HOUR, one.until):
        assert silencing.silenced(number(), [one], moment) is None
    ended = silence(Scope(number="1004"), ended_at=NOW, ended_by="ana")
    assert silencing.silenced(number(), [ended], NOW) is None


def test_of_several_the_one_that_lasts_longest_is_told() -> None:
    short, long = silence(Scope(number="1004")), silence(Scope(brand="movistar"), NOW + 9 * HOUR)
    assert silencing.silenced(number(), [short, long], NOW) == long
    assert silencing.silenced(number(), [], NOW) is None


@pytest.mark.parametrize("alert", EVERY, ids=lambda a: a.kind)
def test_whatever_is_offered_covers_the_alert_that_offers_it(alert: Alert) -> None:
    offers = silencing.offers(alert)
    assert offers
    assert all(silencing.covers(scope, alert) for scope in offers)
    assert len(set(offers)) == len(offers)


def test_a_broken_promise_offers_its_case_and_nothing_wider() -> None:
    [scope] = silencing.offers(promise())
    assert scope == Scope(AlertKind.PROMISE_BROKEN, "movistar", case_id=7)
    assert silencing.offers(promise(case_id=None)) == ()


@given(
    kind=st.none() | st.sampled_from(AlertKind),
    brand=st.none() | st.just("movistar"),
    number=st.none() | st.just(""),
    source=st.none() | st.just(""),
    case_id=st.none() | st.integers(6, 8),
)
def test_no_wide_silence_ever_hides_a_broken_promise(
    kind: AlertKind | None,
    brand: str | None,
    number: str | None,
    source: str | None,
    case_id: int | None,
) -> None:
    scope = Scope(kind, brand, number, source, case_id)
    if silencing.covers(scope, promise()):
        assert (scope.kind, scope.case_id) == (AlertKind.PROMISE_BROKEN, 7)


CASE = Scope(AlertKind.PROMISE_BROKEN, "movistar", case_id=7)


@pytest.mark.parametrize(
    ("scope", "until", "reason", "key"),
    [
        (Scope(), NOW + HOUR, "por algo", "silence.everything"),
        (Scope(AlertKind.PROMISE_BROKEN), NOW + HOUR, "por algo", "silence.promise"),
        (Scope(brand="movistar"), NOW + HOUR, " \n", "silence.reason"),
        (Scope(brand="movistar"), NOW + HOUR, "x" * 501, "silence.long"),
        (Scope(brand="movistar"), NOW, "por algo", "silence.until"),
        (Scope(brand="movistar"), NOW + timedelta(days=91), "por algo", "silence.until"),
        (CASE, NOW + timedelta(days=7, seconds=1), "por algo", "silence.until"),
    ],
)
def test_what_is_refused_and_why(scope: Scope, until: datetime, reason: str, key: str) -> None:
    assert refusal(scope, until, reason) == key


def test_what_is_sound_is_not_refused() -> None:
    assert refusal(Scope(brand="movistar"), NOW + timedelta(days=90), "x" * 500) is None
    assert refusal(CASE, NOW + timedelta(days=7), "ya hablamos con la agencia") is None


def refusal(scope: Scope, until: datetime, reason: str) -> str | None:
    """Why a silence is refused; None where it is not."""
    try:
        silencing.check(scope, until, reason, NOW)
    except SilenceRefused as told:
        return told.key
    return None


# ---------------------------------------------------------------------------- applied


class Office:
    """The desk, and what the loops do, on one database."""

    def __init__(self, db: Database) -> None:
        self.db, self.clock = db, Clock()
        loaded = settings_module.load(ROOT / "config", environ={})
        rules = loaded.alerts.model_copy(update={"recipients": ("jefa@listener.example",)})
        self.settings: Settings = loaded.model_copy(update={"alerts": rules})
        self.desk = Desk(db, self.settings, self.clock).alerts
        for name, role, brands in (
            ("ana", Role.COMMUNITY_MANAGER, ()),
            ("marc", Role.MARKETING_LEAD, ()),
            ("berta", Role.BRAND_MANAGER, ("vodafone",)),
        ):
            with db.write() as session:
                people.add(session, person(name, role, brands), NOW)

    def found(self, alert: Alert) -> bool:
        with self.db.write() as session:
            return raising.raise_alert(session, alert, self.settings, owner=None, now=self.clock())

    def raised(self, alert: Alert) -> int:
        assert self.found(alert)
        with self.db.read() as session:
            return alerts.recent(session, limit=1)[0].id

    def case(self) -> int:
        with self.db.write() as session:
            row = CaseRow(
                brand="movistar", matter="harassment", lang="es", status="open", score=80,
                level="urgent", priority_reasons=[], queue="harassment", route_reasons=[],
                due_at=NOW, opened_at=NOW, updated_at=NOW, first_mention_id=1, last_mention_id=1,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return row.id

    def mails(self) -> int:
        with self.db.read() as session:
            stored = alerts.recent(session)
            return len(alerts.notifications_of(session, [a.id for a in stored]))

    def user(self, name: str) -> User:
        with self.db.read() as session:
            found = people.get(session, name)
        assert found is not None
        return found


def person(name: str, role: Role, brands: tuple[str, ...]) -> User:
    return User(
        name, name.title(), "", role.value, "es", "UTC", brands, (), (), None, 0, None, False
    )


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def mute(office: Office, who: str, alert_id: int, scope: Scope, hours: float = 24) -> int:
    until = office.clock() + timedelta(hours=hours)
    return office.desk.silence(
        office.user(who), alert_id, scope, until=until, reason=" obras en la centralita "
    )


def test_marc_mutes_a_number_and_no_further_mail_is_written(office: Office) -> None:
    first = office.raised(number(key="1"))
    assert office.mails() == 1
    scope = Scope(brand="movistar", number="1004")
    made = mute(office, "marc", first, scope)
    office.clock.later(hours=2)
    second = office.raised(number(key="2"))
    other = office.raised(number("1002"))
    assert office.mails() == 2  # that of the other number
    view = office.desk.one(office.user("marc"), second)
    assert view.deliveries == ()
    assert view.silence == Silence(
        made, scope, NOW + 24 * HOUR, "obras en la centralita", "marc", NOW
    )
    assert office.desk.one(office.user("marc"), other).silence is None
    before = office.desk.one(office.user("marc"), first)
    assert (before.silence, before.muting) == (None, view.silence)
    listed, total = office.desk.listed(office.user("marc"), AlertFilter(state=State.MUTED))
    assert ([v.alert.id for v in listed], total) == ([second], 1)


def test_it_ends_by_itself_and_is_listed_as_over(office: Office) -> None:
    mute(office, "marc", office.raised(number(key="1")), Scope(brand="movistar", number="1004"), 3)
    assert len(office.desk.silences(office.user("ana"))) == 1
    office.clock.later(hours=3)
    assert office.desk.silences(office.user("ana")) == []
    [over] = office.desk.silences(office.user("ana"), over=True)
    assert (over.by, over.ended_by) == ("marc", None)
    office.raised(number(key="2"))
    assert office.mails() == 2


def test_ana_ends_it_early_once(office: Office) -> None:
    made = mute(office, "marc", office.raised(severe(office.case())), Scope(brand="movistar"))
    office.clock.later(minutes=5)
    office.desk.end_silence(office.user("ana"), made)
    with pytest.raises(StorageError, match="over already"):
        office.desk.end_silence(office.user("marc"), made)
    [over] = office.desk.silences(office.user("marc"), over=True)
    assert (over.ended_by, over.ended_at) == ("ana", office.clock())
    office.raised(number())
    assert office.mails() == 2


def test_what_still_lasts_after_the_silence_is_written_then_and_once(office: Office) -> None:
    """A source that failed all night while muted must not stay a secret in the morning."""
    name = "noticias"
    mute(office, "marc", office.raised(failing(name, "before")), Scope(source=name), 8)
    muted = office.raised(failing(name, "night"))
    office.clock.later(hours=7)
    assert not office.found(failing(name, "night"))
    assert office.mails() == 1
    office.clock.later(hours=2)
    for _ in range(3):
        assert not office.found(failing(name, "night"))
    assert office.mails() == 2
    view = office.desk.one(office.user("marc"), muted)
    assert view.silence is not None
    assert len(view.deliveries) == 1


def test_what_ended_in_the_meantime_is_not_written_any_more(office: Office) -> None:
    mute(office, "marc", office.raised(failing("noticias", "1")), Scope(source="noticias"), 1)
    office.raised(failing("noticias", "2"))
    with office.db.write() as session:
        alerts.end_alerts(session, "failing:noticias:", office.clock())
    office.clock.later(hours=2)
    assert not office.found(failing("noticias", "2"))
    assert office.mails() == 1


def test_a_broken_promise_is_told_whatever_is_muted_but_its_own_case(office: Office) -> None:
    case_id = office.case()
    mute(office, "marc", office.raised(severe(case_id)), Scope(brand="movistar"))
    broken = office.raised(promise(case_id))
    assert office.mails() == 2
    scope = Scope(AlertKind.PROMISE_BROKEN, "movistar", case_id=case_id)
    with pytest.raises(NotAllowed):
        mute(office, "marc", broken, scope)
    with pytest.raises(StorageError, match="offers no such silence"):
        mute(office, "ana", broken, Scope(brand="movistar"))
    mute(office, "ana", broken, scope)
    office.raised(promise(case_id, "2"))
    assert office.mails() == 2


def test_nobody_mutes_what_is_not_theirs(office: Office) -> None:
    berta = office.user("berta")
    theirs, ours = office.raised(number()), office.raised(number("1717", "vodafone"))
    source = office.raised(failing())
    with pytest.raises(NotAllowed):
        mute(office, "berta", theirs, Scope(brand="movistar", number="1004"))
    with pytest.raises(NotAllowed):
        office.desk.one(berta, theirs)
    with pytest.raises(NotAllowed):
        mute(office, "berta", source, Scope(source="mastodon-es"))
    assert office.desk.offers(berta, office.desk.one(berta, source).alert) == ()
    made = mute(office, "marc", theirs, Scope(brand="movistar"))
    assert office.desk.silences(berta) == []
    with pytest.raises(NotAllowed):
        office.desk.end_silence(berta, made)
    mute(office, "berta", ours, Scope(brand="vodafone", number="1717"))
    assert [s.by for s in office.desk.silences(berta)] == ["berta"]


def test_nothing_is_stored_of_what_was_refused(office: Office) -> None:
    alert_id = office.raised(number())
    with pytest.raises(SilenceRefused):
        office.desk.silence(
            office.user("marc"), alert_id, Scope(brand="movistar"), until=NOW, reason="tarde"
        )
    with pytest.raises(StorageError, match="does not exist"):
        mute(office, "marc", alert_id + 1, Scope(brand="movistar"))
    with pytest.raises(StorageError, match="does not exist"):
        office.desk.end_silence(office.user("marc"), 1)
    assert office.desk.silences(office.user("marc")) == []


# ---------------------------------------------------------------------------- listed


def test_alerts_are_found_by_what_they_are_about(office: Office) -> None:
    marc = office.user("marc")
    ids = {
        "number": office.raised(number()),
        "other": office.raised(number("1717", "vodafone")),
        "source": office.raised(failing()),
    }
    for wanted, expected in (
        (AlertFilter(), {"number", "other", "source"}),
        (AlertFilter(kind="source_failing"), {"source"}),
        (AlertFilter(brand="vodafone"), {"other"}),
        (AlertFilter(number="1004"), {"number"}),
        (AlertFilter(source="mastodon-es/movistar"), {"source"}),
        (AlertFilter(state=State.LASTING), {"number", "other", "source"}),
        (AlertFilter(state=State.UNDELIVERED), set()),
    ):
        found, total = office.desk.listed(marc, wanted)
        assert {v.alert.id for v in found} == {ids[name] for name in expected}, wanted
        assert total == len(expected)
    page, total = office.desk.listed(marc, limit=1, offset=1)
    assert ([v.alert.id for v in page], total) == ([ids["other"]], 3)


def test_marc_does_not_learn_from_an_alert_who_is_a_customer(office: Office) -> None:
    broken = office.raised(promise(office.case()))
    told = {
        name: [r.key for r in office.desk.one(office.user(name), broken).alert.reasons]
        for name in ("ana", "marc")
    }
    assert told == {"ana": ["is_customer", "promise_broken"], "marc": ["promise_broken"]}
