"""The inbox as a place to work, on SQLite and PostgreSQL: filters, orders, what changed, saved views,
one action on many cases. Marta and Paco work on cases of every brand; Vera of Vodafone's; Berta, a brand
manager, only looks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from builders import NOW, Clock, case_on, found, priority, reading, user

from listener import accounts, wishes
from listener import settings_files as settings_module
from listener.desk import Desk
from listener.desk.inbox import AT_ONCE, Outcome, Picked
from listener.domain import CaseStatus, Resolution, Role
from listener.errors import CaseError, NotAllowed, NotFound, StaleWrite, ViewError
from listener.storage import Database, case_search, mentions, readings
from listener.storage.case_search import Fresh, Sort
from listener.storage.tables import CaseRow
from listener.wishes import Wish

ROOT = Path(__file__).resolve().parents[1]
MARTA, PACO = user("marta"), user("paco")
VERA = user("vera", brands=("vodafone",))
BERTA = user("berta", role=Role.BRAND_MANAGER.value)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(database: Database, tmp_path: Path, clock: Clock) -> Desk:
    for person in (MARTA, PACO, VERA, BERTA):
        accounts.add_user(
            database,
            person.username,
            name=person.name,
            email=person.email,
            role=person.role,
            language="es",
            time_zone="Europe/Madrid",
            brands=person.brands,
        )
    settings = settings_module.load(ROOT / "config", {"LISTENER_VAR": str(tmp_path / "var")})
    return Desk(database, settings, clock)


Opens = Callable[..., int]


@pytest.fixture
def opened(database: Database, clock: Clock) -> Opens:
    """Opens a case with one post; changes are made to its row."""

    def make(name: str, *, brand: str = "movistar", score: int = 50, **changes: object) -> int:
        with database.write() as session:
            item = found(name, f"Otra vez {name}", brands=[brand], author=name)
            [new] = mentions.save_found(session, "k", [item], now=clock()).new_ids
            readings.save(session, [(new, reading(harassment=True))], clock())
            case_id = case_on(
                session, new, key=name, brand=brand, priority=priority(score), now=clock()
            )
            row = session.get_one(CaseRow, case_id)
            for key, value in changes.items():
                setattr(row, key, value)
        return case_id

    return make


def listed(desk: Desk, wish: Wish, who: object = MARTA) -> list[str]:
    wanted = wish.filter(who.username, NOW)  # type: ignore[attr-defined]
    lines, total = desk.cases.inbox(who, wanted, sort=wish.sort)  # type: ignore[arg-type]
    assert total == len(lines)
    return [line.case.author.partition("@")[0] for line in lines]


def picked(desk: Desk, *case_ids: int) -> list[Picked]:
    return [Picked(i, desk.cases.view(MARTA, i).detail.summary.version) for i in case_ids]


# ---------------------------------------------------------------------------- filters, orders


def test_every_filter_keeps_what_it_says(desk: Desk, opened: Opens) -> None:
    opened("plain")
    opened("late", due_at=NOW - timedelta(minutes=1))
    opened("asleep", snoozed_until=NOW + timedelta(days=1))
    opened("awake", snoozed_until=NOW - timedelta(hours=1))
    opened("answered", awaits_answer=False)
    opened("known", crm="local", customer_ref="C1")
    opened("mine", owner="marta", status="open")
    opened("closed", status="closed", due_at=NOW - timedelta(days=1))
    tagged = opened("tagged")
    desk.work.tag(MARTA, tagged, "VIP", version=1)
    everyone = {"plain", "late", "asleep", "awake", "answered", "known", "mine", "closed", "tagged"}
    assert set(listed(desk, Wish())) == everyone - {"asleep", "closed"}
    assert set(listed(desk, Wish(statuses=(), snoozed="shown"))) == everyone
    assert listed(desk, Wish(snoozed="only")) == ["asleep"]
    assert listed(desk, Wish(overdue=True, statuses=())) == ["late"]
    assert "answered" not in listed(desk, Wish(unanswered=True))
    assert listed(desk, Wish(matched="yes")) == ["known"]
    assert "known" not in listed(desk, Wish(matched="no"))
    assert listed(desk, Wish(tags=("vip",))) == ["tagged"]
    assert listed(desk, Wish(owner="mine")) == ["mine"]
    assert listed(desk, Wish(owner="mine"), PACO) == []
    assert "mine" not in listed(desk, Wish(owner="unassigned"))
    assert listed(desk, Wish(search="otra known")) == ["known"]
    assert listed(desk, Wish(search="%")) == []


def test_who_looks_only_does_not_learn_who_is_a_customer(desk: Desk, opened: Opens) -> None:
    opened("plain")
    opened("known", crm="local", customer_ref="C1")
    assert set(listed(desk, Wish(matched="yes"), BERTA)) == {"plain", "known"}
    assert desk.inbox.since(BERTA, Wish(matched="yes"), NOW - timedelta(days=1)) == Fresh(2, 0)


def test_orders(desk: Desk, opened: Opens, clock: Clock) -> None:
    for name, score, due, opened_at in (
        ("a", 10, 3, 1),
        ("b", 90, 2, 3),
        ("c", 50, 1, 2),
    ):
        at = NOW - timedelta(hours=opened_at)
        opened(name, score=score, due_at=NOW + timedelta(hours=due), opened_at=at)
    orders = {sort: listed(desk, Wish(sort=sort)) for sort in Sort}
    assert orders == {
        Sort.URGENCY: ["b", "c", "a"],
        Sort.DUE: ["c", "b", "a"],
        Sort.NEWEST: ["a", "c", "b"],
        Sort.WAITING: ["b", "c", "a"],
    }


def test_no_more_than_the_most_are_counted_and_paged(
    desk: Desk, opened: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case_search, "MOST", 3)
    for n in range(5):
        opened(f"n{n}", score=n)
    wanted = Wish().filter("marta", NOW)
    lines, total = desk.cases.inbox(MARTA, wanted, limit=2, offset=2)
    assert ([line.case.score for line in lines], total) == ([2], 4)


# ---------------------------------------------------------------------------- what changed since


def test_what_came_and_what_changed_is_told_apart(desk: Desk, opened: Opens, clock: Clock) -> None:
    first, second = opened("first"), opened("second")
    drawn = clock()
    clock.later(seconds=30)
    assert desk.inbox.since(MARTA, Wish(), drawn) == Fresh(0, 0)
    opened("third")
    opened("of_vodafone", brand="vodafone")
    desk.cases.assign(PACO, first, "paco", version=1)
    assert desk.inbox.since(MARTA, Wish(), drawn) == Fresh(2, 1)
    assert desk.inbox.since(VERA, Wish(), drawn) == Fresh(1, 0)
    assert desk.inbox.since(VERA, Wish(brands=("movistar",)), drawn) == Fresh(0, 0)
    assert desk.inbox.since(MARTA, Wish(owner="unassigned"), drawn) == Fresh(2, 0)
    assert desk.inbox.since(MARTA, Wish(search="second"), drawn) == Fresh(0, 0)
    desk.cases.note(PACO, second, "mirado")
    assert desk.inbox.since(MARTA, Wish(search="second"), drawn) == Fresh(0, 1)


# ---------------------------------------------------------------------------- saved views


def test_a_view_is_its_owners_until_it_is_shared_with_a_team(desk: Desk) -> None:
    late = Wish(overdue=True, owner="mine", sort=Sort.DUE, tags=("vip",), search='"otra vez"')
    own = desk.inbox.save_view(MARTA, "  Lo  mío ", late)
    shared = desk.inbox.save_view(MARTA, "Tarde", Wish(overdue=True), brand="vodafone")
    desk.inbox.save_view(PACO, "De Paco", Wish(), brand="movistar")

    def told(who: object) -> list[tuple[str, str | None]]:
        return [(v.name, v.shared_by) for v in desk.inbox.views(who).views]  # type: ignore[arg-type]

    assert told(MARTA) == [("De Paco", "paco"), ("Lo mío", None), ("Tarde", None)]
    assert told(VERA) == [("Tarde", "marta")]
    found_ = {v.name: v for v in desk.inbox.views(MARTA).views}
    assert found_["Lo mío"].wish == late
    again = desk.inbox.save_view(MARTA, "Lo mío", Wish(search="nuevo"))
    assert again == own
    assert {v.name: v.wish.search for v in desk.inbox.views(MARTA).views}["Lo mío"] == "nuevo"
    with pytest.raises(ViewError, match="no such view"):
        desk.inbox.remove_view(VERA, own)
    with pytest.raises(NotAllowed):
        desk.inbox.remove_view(VERA, shared)
    with pytest.raises(ViewError, match="no such view"):
        desk.inbox.open_with(VERA, own)
    desk.inbox.remove_view(user("root", role=Role.ADMINISTRATOR.value), shared)
    assert told(VERA) == []


def test_the_inbox_opens_with_the_chosen_view_until_it_is_gone(desk: Desk) -> None:
    view = desk.inbox.save_view(MARTA, "Tarde", Wish(overdue=True), brand="vodafone")
    for who in (MARTA, VERA):
        desk.inbox.open_with(who, view)
        chosen = desk.inbox.views(who).default
        assert chosen is not None
        assert chosen.wish.overdue
    desk.inbox.open_with(VERA, None)
    assert desk.inbox.views(VERA).default is None
    desk.inbox.remove_view(MARTA, view)
    assert desk.inbox.views(MARTA).default is None


def test_what_cannot_be_saved_is_refused_with_its_reason(desk: Desk) -> None:
    with pytest.raises(ViewError, match="1 to 80"):
        desk.inbox.save_view(MARTA, " ", Wish())
    with pytest.raises(ViewError, match="1 to 80"):
        desk.inbox.save_view(MARTA, "x" * 81, Wish())
    with pytest.raises(NotAllowed):
        desk.inbox.save_view(VERA, "v", Wish(), brand="movistar")
    with pytest.raises(NotAllowed):
        desk.inbox.save_view(MARTA, "v", Wish(), brand="no such brand")
    with pytest.raises(NotAllowed):
        desk.inbox.save_view(BERTA, "v", Wish(), brand="movistar")
    desk.inbox.save_view(BERTA, "own", Wish())
    for n in range(50):
        desk.inbox.save_view(PACO, f"v{n}", Wish())
    with pytest.raises(ViewError, match="50 views"):
        desk.inbox.save_view(PACO, "one more", Wish())
    desk.inbox.save_view(PACO, "v7", Wish(search="x"))


def test_a_wish_is_read_back_and_what_is_not_understood_left_out() -> None:
    wish = Wish(statuses=("new",), owner="unassigned", matched="no", sort=Sort.WAITING, search="a")
    assert wishes.from_json(wish.to_json()) == wish
    odd = {"owner": "root", "sort": 7, "tags": "vip", "overdue": "yes", "levels": [1], "x": {}}
    assert wishes.from_json(odd) == Wish(levels=("1",))
    assert wishes.from_json({}) == Wish()


# ---------------------------------------------------------------------------- many at once


def refusals(done: list[Outcome]) -> dict[int, type | None]:
    return {o.case_id: type(o.refused) if o.refused else None for o in done}


def test_each_case_is_done_or_refused_by_itself(desk: Desk, opened: Opens) -> None:
    one, two, changed, foreign, gone = (
        opened("one"),
        opened("two"),
        opened("changed"),
        opened("foreign", brand="vodafone"),
        9999,
    )
    paco_of_movistar = user("paco", brands=("movistar",))
    chosen = [*picked(desk, one, two, changed, foreign), Picked(gone, 1)]
    desk.cases.assign(MARTA, changed, "marta", version=1)
    done = desk.inbox.assign(paco_of_movistar, chosen, "paco")
    assert refusals(done) == {
        one: None,
        two: None,
        changed: StaleWrite,
        foreign: NotAllowed,
        gone: NotFound,
    }
    owners = {i: desk.cases.view(MARTA, i).detail.summary.owner for i in (one, two, changed)}
    assert owners == {one: "paco", two: "paco", changed: "marta"}


def test_every_common_action(desk: Desk, opened: Opens, database: Database) -> None:
    a, b = opened("a"), opened("b")

    def after(change: Callable[[list[Picked]], list[Outcome]]) -> list[CaseRow]:
        assert set(refusals(change(picked(desk, a, b))).values()) == {None}
        with database.read() as session:
            return list(session.scalars(sa.select(CaseRow).order_by(CaseRow.id)))

    until = NOW + timedelta(days=2)
    rows = after(lambda p: desk.inbox.snooze(MARTA, p, until))
    assert [r.snoozed_until for r in rows] == [until, until]
    rows = after(lambda p: desk.inbox.wake(MARTA, p))
    assert [r.snoozed_until for r in rows] == [None, None]
    after(lambda p: desk.inbox.tag(MARTA, p, "#VIP"))
    assert set(listed(desk, Wish(tags=("vip",)))) == {"a", "b"}
    rows = after(lambda p: desk.inbox.mark_answered(MARTA, p))
    assert [r.awaits_answer for r in rows] == [False, False]
    done = desk.inbox.mark_answered(PACO, picked(desk, a, b))  # nobody answers twice
    assert set(refusals(done).values()) == {CaseError}
    closed = Resolution.ANSWERED
    rows = after(lambda p: desk.inbox.set_status(MARTA, p, CaseStatus.CLOSED, closed))
    assert [r.status for r in rows] == ["closed", "closed"]
    done = desk.inbox.snooze(MARTA, picked(desk, a), until)
    assert refusals(done) == {a: CaseError}


def test_who_looks_only_does_nothing_to_many(desk: Desk, opened: Opens) -> None:
    chosen = picked(desk, opened("a"))
    for action in (
        lambda: desk.inbox.assign(BERTA, chosen, "berta"),
        lambda: desk.inbox.tag(BERTA, chosen, "vip"),
        lambda: desk.inbox.set_status(BERTA, chosen, CaseStatus.OPEN),
        lambda: desk.inbox.mark_answered(BERTA, chosen),
    ):
        with pytest.raises(NotAllowed):
            action()
    with pytest.raises(ViewError, match="too many"):
        desk.inbox.wake(MARTA, [Picked(n, 1) for n in range(AT_ONCE + 1)])
