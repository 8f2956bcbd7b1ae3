"""What people do with a case: claim, hand over, answer, put off, tag, merge, split; who looks at it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from builders import NOW, ByHand, Clock, case_on, found, mention, reading

from listener import accounts, processing, settings_files
from listener.crm import systems
from listener.desk import Desk
from listener.domain import CaseStatus, Reason, Resolution, Role
from listener.errors import AccountError, CaseError, ListenerError, NotAllowed, StaleWrite
from listener.settings import Settings
from listener.storage import Database, case_opening, mentions, pending, people
from listener.storage.case_detail import CaseDetail
from listener.storage.mentions import BrandHit, Found
from listener.storage.people import User
from listener.storage.tables import CaseMention, CaseRow, MentionRow

ANSWERS = {
    "Otra vez": reading(harassment=True, numbers=("1004",)),
    "factura": reading(category="billing"),
    "Lo sentimos": reading(complaint=False, sentiment="neutral"),
}


@dataclass
class Office:
    """Ana and Ben work on every brand, Vera on Vodafone's cases only, Marc looks."""

    db: Database
    own: Settings
    clock: Clock
    desk: Desk
    staff: dict[str, User]

    def say(self, external_id: str, text: str, author: str | None = "marta", **kw: object) -> None:
        """Somebody writes, and the road follows it."""
        item = mention(external_id, text, author, **({"published_at": self.clock()} | kw))
        with self.db.write() as session:
            mentions.save_found(
                session,
                "mastodon/movistar",
                [Found(item, (BrandHit("movistar"),))],
                now=self.clock(),
            )
        self.turn()

    def turn(self) -> None:
        with self.db.read() as session:
            waiting = pending.oldest(session, 100)
        crms = systems(self.own, self.db, self.clock)
        processing.step(self.db, self.own, ByHand(ANSWERS), crms, waiting, self.clock)

    def case(self, case_id: int, who: str = "ana") -> CaseDetail:
        return self.desk.cases.view(self.staff[who], case_id).detail

    def version(self, case_id: int) -> int:
        return self.case(case_id).summary.version

    def newest(self) -> int:
        with self.db.read() as session:
            return int(session.scalar(sa.select(sa.func.max(CaseRow.id))) or 0)

    def mention(self, external_id: str) -> int:
        with self.db.read() as session:
            query = sa.select(MentionRow.id).where(MentionRow.external_id == external_id)
            return session.scalars(query).one()


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    own = settings_files.load(
        Path(__file__).parent.parent / "config", {"LISTENER_VAR": str(tmp_path / "var")}
    )
    brands = tuple(
        b.model_copy(update={"handles": ("mastodon:movistar@social.example",)})
        if b.key == "movistar"
        else b
        for b in own.brands
    )
    own = own.model_copy(update={"brands": brands})
    for name, role, sees in (
        ("ana", Role.COMMUNITY_MANAGER, ()),
        ("ben", Role.COMMUNITY_MANAGER, ()),
        ("vera", Role.COMMUNITY_MANAGER, ("vodafone",)),
        ("marc", Role.MARKETING_LEAD, ()),
    ):
        accounts.add_user(
            database, name, name=name.title(), email=f"{name}@listener.example", role=role.value,
            language="es", time_zone="Europe/Madrid", brands=sees, queues=("nobody's",),
        )  # fmt: skip
    clock = Clock()
    desk = Desk(database, own, clock)
    with database.read() as session:
        staff = {u.username: u for u in people.everyone(session)}
    return Office(database, own, clock, desk, staff)


@pytest.fixture
def marta(office: Office) -> int:
    """Marta's case: two posts on the same calls."""
    office.say("m1", "Otra vez el 1004")
    office.clock.later(minutes=5)
    office.say("m2", "Otra vez el 1004, y ya van dos")
    return office.newest()


def done(case: CaseDetail) -> list[tuple[str, str]]:
    return [(e.actor, e.kind) for e in case.timeline]


# ---------------------------------------------------------------------------- claim, hand over


def test_of_two_who_claim_at_once_one_gets_it(office: Office, marta: int) -> None:
    version = office.version(marta)

    def claim(name: str) -> Exception | None:
        try:
            office.desk.work.claim(office.staff[name], marta, version=version)
        except ListenerError as refused:
            return refused
        return None

    with ThreadPoolExecutor(2) as both:
        first, second = both.map(claim, ("ana", "ben"))
    refused = first or second
    assert (first is None) != (second is None)
    assert isinstance(refused, CaseError)
    case = office.case(marta)
    owner = case.summary.owner
    assert refused.values["who"] == owner == ("ana" if first is None else "ben")
    assert refused.values["at"] == case.assigned_at == NOW + timedelta(minutes=5)
    assert [k for _, k in done(case)].count("assigned") == 1
    assert case.summary.status == "open"


def test_a_case_is_taken_over_from_whom_one_saw_only(office: Office, marta: int) -> None:
    ana, ben = office.staff["ana"], office.staff["ben"]
    office.desk.work.claim(ana, marta, version=office.version(marta))
    with pytest.raises(CaseError, match="ana's now"):
        office.desk.work.claim(ben, marta, version=office.version(marta))
    office.desk.work.claim(ben, marta, version=office.version(marta), instead_of="ana")
    assert office.case(marta).summary.owner == "ben"


def test_a_case_is_handed_over_with_a_word(office: Office, marta: int) -> None:
    ana = office.staff["ana"]
    office.desk.work.hand_over(
        ana, marta, to="ben", message="  es de tu zona ", version=office.version(marta)
    )
    case = office.case(marta)
    assert (case.summary.owner, case.assigned_at) == ("ben", office.clock())
    assert case.timeline[-1].data == {
        "from": None, "to": "ben", "from_queue": "harassment", "queue": "harassment",
        "message": "es de tu zona",
    }  # fmt: skip
    office.desk.work.hand_over(ana, marta, queue="billing", version=office.version(marta))
    case = office.case(marta)
    assert (case.summary.owner, case.summary.queue, case.assigned_at) == (None, "billing", None)
    for to, queue, error in (
        ("nobody", None, AccountError),
        ("marc", None, NotAllowed),
        ("vera", None, NotAllowed),
        (None, "no such queue", CaseError),
        (None, None, CaseError),
    ):
        with pytest.raises(error):
            office.desk.work.hand_over(
                ana, marta, to=to, queue=queue, version=office.version(marta)
            )


# ---------------------------------------------------------------------------- answered


def test_two_people_cannot_answer_the_same_case(office: Office, marta: int) -> None:
    ana, ben = office.staff["ana"], office.staff["ben"]
    seen = office.version(marta)
    office.desk.work.mark_answered(
        ana, marta, url=" https://social.example/@movistar/9 ", version=seen
    )
    answered_at = office.clock()
    office.clock.later(minutes=3)
    for version in (seen, office.version(marta)):
        with pytest.raises(CaseError) as refused:
            office.desk.work.mark_answered(ben, marta, version=version)
        assert refused.value.key == "case.answered"
        assert refused.value.values == {"who": "ana", "at": answered_at}
    case = office.case(marta)
    assert (case.summary.answered_at, case.summary.awaits_answer) == (answered_at, False)
    assert case.answer is not None
    assert (case.answer.by, case.answer.url) == ("ana", "https://social.example/@movistar/9")
    assert case.summary.status == "open"


def test_who_writes_again_waits_again_and_the_first_answer_stays_the_first(
    office: Office, marta: int
) -> None:
    ana, ben = office.staff["ana"], office.staff["ben"]
    office.desk.work.mark_answered(ana, marta, version=office.version(marta))
    first = office.clock()
    before = first - timedelta(minutes=1)
    office.clock.later(hours=1)
    office.say("late", "Otra vez el 1004, escrito antes", published_at=before)
    assert not office.case(marta).summary.awaits_answer
    office.say("m3", "Otra vez el 1004, y siguen")
    assert office.case(marta).summary.awaits_answer
    office.desk.work.mark_answered(ben, marta, version=office.version(marta))
    case = office.case(marta)
    assert (case.summary.answered_at, case.summary.awaits_answer) == (first, False)
    assert case.answer is not None
    assert (case.answer.by, case.answer.at) == ("ben", office.clock())


def test_an_answer_marked_by_mistake_is_taken_back(office: Office, marta: int) -> None:
    ana = office.staff["ana"]
    office.desk.work.mark_answered(ana, marta, version=office.version(marta))
    office.desk.work.withdraw_answer(ana, marta, version=office.version(marta))
    case = office.case(marta)
    assert (case.summary.answered_at, case.answer, case.summary.awaits_answer) == (None, None, True)
    with pytest.raises(CaseError):
        office.desk.work.withdraw_answer(ana, marta, version=office.version(marta))
    assert done(case)[-2:] == [("ana", "answered"), ("ana", "answer_withdrawn")]


def test_a_reply_by_the_brands_own_account_answers_the_case(office: Office, marta: int) -> None:
    ana = office.staff["ana"]
    replied = office.clock() + timedelta(minutes=2)
    office.clock.later(minutes=30)
    office.say(
        "r1", "Lo sentimos, Marta", "movistar", reply_to="m2", published_at=replied,
        url="https://social.example/@movistar/r1",
    )  # fmt: skip
    case = office.case(marta)
    assert (case.summary.answered_at, case.summary.awaits_answer) == (replied, False)
    assert case.answer is not None
    assert case.answer.in_thread
    assert (case.answer.by, case.answer.at) == ("listener", replied)
    assert case.answer.url == "https://social.example/@movistar/r1"
    posts = {m.text: m for m in case.mentions}
    assert posts["Lo sentimos, Marta"].answered is not None
    assert posts["Lo sentimos, Marta"].answered.text in posts, "it stands under what it answers"
    with pytest.raises(CaseError) as refused:
        office.desk.work.mark_answered(ana, marta, version=office.version(marta))
    assert refused.value.values == {"who": "listener", "at": replied}
    with pytest.raises(CaseError):
        office.desk.work.withdraw_answer(ana, marta, version=office.version(marta))


def test_a_reply_older_than_the_last_post_leaves_that_unanswered(office: Office) -> None:
    office.say("m1", "Otra vez el 1004")
    case_id, replied = office.newest(), office.clock() + timedelta(minutes=2)
    office.clock.later(minutes=10)
    office.say("m2", "Otra vez el 1004, insisto")
    office.say("r1", "Lo sentimos", "movistar", reply_to="m1", published_at=replied)
    case = office.case(case_id)
    assert (case.summary.answered_at, case.summary.awaits_answer) == (replied, True)


def test_the_link_to_an_answer_is_an_address_of_the_web(office: Office, marta: int) -> None:
    ana = office.staff["ana"]
    for url in ("javascript:alert(1)", "contestado en X", "https://", "http://a b", "https://[x"):
        with pytest.raises(CaseError, match="no address"):
            office.desk.work.mark_answered(ana, marta, url=url, version=office.version(marta))
    assert office.case(marta).summary.awaits_answer


def test_a_case_closed_as_answered_has_been_answered(office: Office, marta: int) -> None:
    office.desk.cases.set_status(
        office.staff["ana"], marta, CaseStatus.CLOSED, Resolution.ANSWERED,
        reason=" por privado ", version=office.version(marta),
    )  # fmt: skip
    case = office.case(marta)
    assert (case.summary.answered_at, case.summary.awaits_answer) == (office.clock(), False)
    assert case.timeline[-1].data["reason"] == "por privado"
    with pytest.raises(CaseError, match="in words"):
        office.desk.cases.set_status(
            office.staff["ana"], marta, CaseStatus.CLOSED, Resolution.OTHER,
            version=office.version(marta),
        )  # fmt: skip


# ---------------------------------------------------------------------------- put off, tagged


def test_a_case_that_is_put_off_comes_back_when_its_author_writes(
    office: Office, marta: int
) -> None:
    ana, until = office.staff["ana"], NOW + timedelta(days=3)
    office.desk.work.snooze(ana, marta, until, version=office.version(marta))
    assert office.case(marta).summary.snoozed_until == until
    assert office.case(marta).timeline[-1].data == {"until": until.isoformat()}
    office.clock.later(hours=2)
    office.say("m3", "Otra vez el 1004, y siguen")
    case = office.case(marta)
    assert case.summary.snoozed_until is None
    assert ("listener", "woken") in done(case)


def test_a_case_that_is_put_off_comes_back_when_a_promise_is_broken(
    office: Office, marta: int
) -> None:
    ana = office.staff["ana"]
    office.desk.work.mark_answered(ana, marta, version=office.version(marta))
    office.desk.work.snooze(ana, marta, NOW + timedelta(days=3), version=office.version(marta))
    with office.db.write() as session:
        case_opening.promise_broken(
            session, marta, Reason("promise_broken"), {}, due_at=NOW, now=office.clock()
        )
    case = office.case(marta).summary
    assert (case.snoozed_until, case.awaits_answer) == (None, True)
    # Marc, who may not learn of promises, does not learn why it is back either.
    assert ("listener", "woken") in done(office.case(marta))
    assert ("listener", "woken") not in done(office.case(marta, "marc"))


def test_a_case_is_put_off_to_a_moment_to_come_or_woken(office: Office, marta: int) -> None:
    ana = office.staff["ana"]
    for until in (office.clock(), NOW - timedelta(days=1), NOW + timedelta(days=400)):
        with pytest.raises(CaseError):
            office.desk.work.snooze(ana, marta, until, version=office.version(marta))
    until = NOW + timedelta(days=1)
    office.desk.work.snooze(ana, marta, until, version=office.version(marta))
    office.desk.work.wake(ana, marta, version=office.version(marta))
    assert office.case(marta).summary.snoozed_until is None
    assert done(office.case(marta))[-2:] == [("ana", "snoozed"), ("ana", "woken")]


def test_tags_are_kept_in_one_form(office: Office, marta: int) -> None:
    ana = office.staff["ana"]
    add = office.desk.work.tag
    assert add(ana, marta, "  #VIP\u202e  Norte ", version=office.version(marta)) == "vip norte"
    before = office.version(marta)
    assert add(ana, marta, "vip norte", version=before) == "vip norte"
    assert office.version(marta) == before
    assert add(ana, marta, "ﬁbra", version=before) == "fibra"
    assert office.case(marta).tags == ("fibra", "vip norte")
    assert office.desk.work.tags(office.staff["marc"]) == ["fibra", "vip norte"]
    assert office.desk.work.tags(office.staff["vera"]) == []
    office.desk.work.untag(ana, marta, "fibra", version=office.version(marta))
    assert office.case(marta).tags == ("vip norte",)
    office.desk.work.retag(
        ana, marta, add=["Vip Norte", "sur"], remove=["vip norte"], version=office.version(marta)
    )
    assert office.case(marta).tags == ("sur",)
    with pytest.raises(CaseError):
        office.desk.work.retag(
            ana, marta, add=["este", "#"], remove=["sur"], version=office.version(marta)
        )
    assert office.case(marta).tags == ("sur",)
    for wrong in ("", " # ", "…", "a" * 41):
        with pytest.raises(CaseError):
            add(ana, marta, wrong, version=office.version(marta))
    for n in range(19):
        add(ana, marta, f"t{n}", version=office.version(marta))
    with pytest.raises(CaseError, match="20 tags"):
        add(ana, marta, "one more", version=office.version(marta))


# ---------------------------------------------------------------------------- merge, split


@pytest.fixture
def bill(office: Office, marta: int) -> int:
    """Marta's other case, on a bill."""
    office.say("f1", "Me cobran dos veces la factura")
    assert office.newest() != marta
    return office.newest()


def test_two_cases_become_one(office: Office, marta: int, bill: int) -> None:
    ana, ben = office.staff["ana"], office.staff["ben"]
    office.desk.cases.note(ben, bill, "ya reclamó en tienda")
    office.desk.work.tag(ana, bill, "tienda", version=office.version(bill))
    office.desk.work.mark_answered(ana, marta, version=office.version(marta))
    office.clock.later(minutes=1)
    office.desk.work.merge(ana, bill, marta, version=office.version(bill))
    gone, case = office.case(bill), office.case(marta)
    assert (gone.summary.status, gone.resolution, gone.summary.merged_into) == (
        "closed", "merged", marta,
    )  # fmt: skip
    assert gone.mentions == ()
    assert case.merged_here == (bill,)
    assert len(case.mentions) == 3
    assert case.summary.mention_id == office.mention("f1")
    assert case.tags == ("tienda",)
    assert case.summary.awaits_answer  # the bill is not answered
    notes = [e for e in case.timeline if e.kind == "note"]
    assert [(n.actor, n.data["text"], n.data["case"]) for n in notes] == [
        ("ben", "ya reclamó en tienda", bill)
    ]
    assert case.timeline[-1].kind == "merged_here"
    assert case.timeline[-1].data == {"case": bill, "mentions": [office.mention("f1")], "notes": 1}
    for refused in (
        lambda: office.desk.cases.assign(ana, bill, "ana", version=office.version(bill)),
        lambda: office.desk.cases.note(ana, bill, "más"),
        lambda: office.desk.work.mark_answered(ana, bill, version=office.version(bill)),
    ):
        with pytest.raises(CaseError, match="merged into"):
            refused()


def test_what_the_author_writes_next_joins_the_case_that_both_became(
    office: Office, marta: int, bill: int
) -> None:
    ana = office.staff["ana"]
    office.desk.work.merge(ana, bill, marta, version=office.version(bill))
    office.say("f2", "Otra factura doble")
    office.say("m3", "Otra vez el 1004, y siguen")
    assert office.newest() == bill
    assert len(office.case(marta).mentions) == 5
    office.desk.cases.set_status(
        ana, marta, CaseStatus.CLOSED, Resolution.NOT_OURS, version=office.version(marta)
    )
    office.say("f3", "Y otra factura doble más")
    new = office.newest()
    assert new not in (marta, bill)
    opened = office.case(new)
    assert [m.id for m in opened.mentions] == [office.mention("f3")]
    office.desk.cases.set_status(ana, marta, CaseStatus.OPEN, version=office.version(marta))
    keys = open_keys(office)
    assert keys[bill] is None
    assert None not in (keys[marta], keys[new])


def test_a_case_merged_twice_leads_to_the_last(office: Office, marta: int, bill: int) -> None:
    ana = office.staff["ana"]
    office.say("o1", "Otra vez el 1004", "tomas")
    tomas = office.newest()
    office.desk.work.merge(ana, bill, marta, version=office.version(bill))
    office.desk.work.merge(ana, marta, tomas, version=office.version(marta))
    assert office.case(bill).summary.merged_into == tomas
    office.say("f2", "Otra factura doble")
    assert len(office.case(tomas).mentions) == 5
    assert office.case(tomas).summary.author == "tomas@social.example"


def test_what_cannot_be_one_is_refused(office: Office, marta: int, bill: int) -> None:
    ana = office.staff["ana"]
    with office.db.write() as session:
        [other] = foreign(session, "vodafone")
    for into, key in ((marta, "case.merge_itself"), (other, "case.merge_none")):
        with pytest.raises(CaseError) as refused:
            office.desk.work.merge(ana, marta, into, version=office.version(marta))
        assert refused.value.key == key
    office.desk.cases.set_status(
        ana, bill, CaseStatus.CLOSED, Resolution.NOT_OURS, version=office.version(bill)
    )
    with pytest.raises(CaseError, match="closed"):
        office.desk.work.merge(ana, marta, bill, version=office.version(marta))


def test_two_merges_at_once_make_one_of_both_once(office: Office, marta: int, bill: int) -> None:
    ana = office.staff["ana"]
    versions = {i: office.version(i) for i in (marta, bill)}
    assert [c.id for c in office.desk.work.others_of_author(ana, marta)] == [bill]

    def merge(pair: tuple[int, int]) -> bool:
        try:
            office.desk.work.merge(ana, *pair, version=versions[pair[0]])
        except ListenerError:
            return False
        return True

    with ThreadPoolExecutor(2) as both:
        went = list(both.map(merge, [(marta, bill), (bill, marta)]))
    assert sorted(went) == [False, True]
    statuses = {office.case(i).summary.status for i in (marta, bill)}
    assert statuses == {"closed", "new"}


def test_a_case_of_two_matters_becomes_two(office: Office, marta: int) -> None:
    ana = office.staff["ana"]
    second = office.mention("m2")
    new = office.desk.work.split(ana, marta, [second], version=office.version(marta))
    office.turn()
    old, case = office.case(marta), office.case(new)
    assert [m.id for m in old.mentions] == [office.mention("m1")] == [old.summary.mention_id]
    assert [m.id for m in case.mentions] == [second]
    assert (case.summary.matter, case.summary.status) == ("harassment", "new")
    assert old.timeline[-1].data == {"case": new, "mentions": [second]}
    assert case.timeline[0].data["split_from"] == marta
    assert (open_keys(office)[marta] is None, open_keys(office)[new] is None) == (False, True)
    office.say("m3", "Otra vez el 1004, y siguen")
    assert len(office.case(marta).mentions) == 2
    # Corrected, it stays where a person put it.
    office.desk.cases.correct(ana, new, second, "category", "privacy", version=office.version(new))
    office.turn()
    assert [m.id for m in office.case(new).mentions] == [second]
    assert len(office.case(marta).mentions) == 2
    assert office.case(new).summary.matter == "privacy"


def test_some_posts_are_chosen_and_some_stay(office: Office, marta: int) -> None:
    ana = office.staff["ana"]
    every = [m.id for m in office.case(marta).mentions]
    for chosen in ([], every, [every[0], 999_999]):
        with pytest.raises(CaseError):
            office.desk.work.split(ana, marta, chosen, version=office.version(marta))


def foreign(session: sa.orm.Session, brand: str) -> list[int]:
    """A case of another brand."""
    [new] = mentions.save_found(session, "mastodon/x", [found("v1", author="eva")], now=NOW).new_ids
    return [case_on(session, new, brand=brand, matter="billing")]


def open_keys(office: Office) -> dict[int, str | None]:
    with office.db.read() as session:
        rows = session.execute(sa.select(CaseRow.id, CaseRow.open_key))
        return {row.id: row.open_key for row in rows}


# ---------------------------------------------------------------------------- who looks


def test_who_else_looks_is_known_for_a_minute(office: Office, marta: int) -> None:
    ana, ben, marc = (office.staff[n] for n in ("ana", "ben", "marc"))
    seen = office.desk.work.look(ana, marta)
    assert (seen.others, seen.version) == ((), office.version(marta))
    office.clock.later(seconds=20)
    assert names(office, ben, marta) == ["Ana"]
    assert names(office, marc, marta) == ["Ana", "Ben"]
    office.clock.later(seconds=45)
    assert names(office, ana, marta) == ["Ben", "Marc"]
    office.clock.later(seconds=61)
    assert names(office, ana, marta) == []
    with pytest.raises(NotAllowed):
        office.desk.work.look(office.staff["vera"], marta)


def names(office: Office, user: User, case_id: int) -> list[str]:
    return [v.name for v in office.desk.work.look(user, case_id).others]


# ---------------------------------------------------------------------------- rights, stale writes


def doings(
    office: Office, user: User, case_id: int, other: int
) -> dict[str, Callable[[int], object]]:
    work, cases = office.desk.work, office.desk.cases
    first = office.mention("m1")
    return {
        "claim": lambda v: work.claim(user, case_id, version=v),
        "hand_over": lambda v: work.hand_over(user, case_id, to="ben", version=v),
        "snooze": lambda v: work.snooze(user, case_id, NOW + timedelta(days=1), version=v),
        "wake": lambda v: work.wake(user, case_id, version=v),
        "answer": lambda v: work.mark_answered(user, case_id, version=v),
        "withdraw": lambda v: work.withdraw_answer(user, case_id, version=v),
        "tag": lambda v: work.tag(user, case_id, "vip", version=v),
        "untag": lambda v: work.untag(user, case_id, "vip", version=v),
        "retag": lambda v: work.retag(user, case_id, add=["vip"], version=v),
        "merge": lambda v: work.merge(user, case_id, other, version=v),
        "split": lambda v: work.split(user, case_id, [first], version=v),
        "close": lambda v: cases.set_status(
            user, case_id, CaseStatus.CLOSED, Resolution.NOT_OURS, reason="no", version=v
        ),
    }


def test_who_only_looks_and_who_sees_another_brand_do_nothing_to_a_case(
    office: Office, marta: int, bill: int
) -> None:
    before = office.case(marta)
    for name in ("marc", "vera"):
        for do in doings(office, office.staff[name], marta, bill).values():
            with pytest.raises(NotAllowed):
                do(before.summary.version)
    assert office.case(marta) == before


def test_a_stale_write_is_refused_with_what_changed(office: Office, marta: int, bill: int) -> None:
    ana, ben = office.staff["ana"], office.staff["ben"]
    seen = office.version(marta)
    office.desk.work.tag(ben, marta, "tienda", version=seen)
    office.desk.cases.set_status(ben, marta, CaseStatus.PENDING, version=office.version(marta))
    office.desk.cases.note(ben, marta, "una nota no estorba")
    before = office.case(marta)
    for do in doings(office, ana, marta, bill).values():
        with pytest.raises(StaleWrite) as refused:
            do(seen)
        assert refused.value.changed == ("ben: tagged", "ben: status")
    assert office.case(marta) == before


def test_every_mention_is_on_one_case(office: Office, marta: int, bill: int) -> None:
    ana = office.staff["ana"]
    new = office.desk.work.split(ana, marta, [office.mention("m1")], version=office.version(marta))
    office.desk.work.merge(ana, bill, new, version=office.version(bill))
    office.turn()
    with office.db.read() as session:
        placed = session.execute(sa.select(CaseMention.mention_id, CaseMention.case_id)).all()
    assert sorted(c for _, c in placed) == [marta, new, new]
    assert len({m for m, _ in placed}) == 3


# ---------------------------------------------------------------------------- what was there before


def test_cases_of_before_are_known_as_answered_where_they_were(empty_url: str) -> None:
    db = Database(empty_url)
    with db.engine.connect() as connection:
        config = db._alembic(connection)
        command.upgrade(config, "0009")
        connection.commit()
        connection.execute(sa.text(OLD_MENTION))
        for row in OLD_CASES:
            connection.execute(sa.text(OLD_CASE), row)
        for row in OLD_EVENTS:
            connection.execute(sa.text(OLD_EVENT), row)
        connection.commit()
    db.upgrade()
    with db.read() as session:
        rows = session.scalars(sa.select(CaseRow).order_by(CaseRow.id)).all()
        told = [(c.answered_by, c.answered_at, c.awaits_answer) for c in rows]
    db.close()
    assert told == [
        (None, None, True),
        ("listener", NOW + timedelta(hours=1), False),
        ("ana", NOW + timedelta(hours=2), False),
        (None, None, False),
    ]


LATER = [f"2026-11-20 {hour}:30:00.000000" for hour in (10, 11, 12)]
OLD_MENTION = f"""
    INSERT INTO mentions (id, source, external_id, subscription, title, text, url, site,
        published_at, collected_at, tags, links, invented, state, attempts)
    VALUES (1, 'mastodon', 'm1', 'x', '', 'Otra vez', '', '', '{LATER[0]}', '{LATER[0]}',
        '[]', '[]', false, 'processed', 0)
"""
OLD_CASE = f"""
    INSERT INTO cases (id, brand, matter, lang, status, resolution, score, level,
        priority_reasons, queue, route_reasons, due_at, opened_at, updated_at, closed_at,
        first_mention_id, last_mention_id, version, invented)
    VALUES (:id, 'movistar', 'harassment', 'es', :status, :resolution, 1, 'low', '[]', 'general',
        '[]', '{LATER[0]}', '{LATER[0]}', '{LATER[0]}', :closed_at, 1, 1, 1, false)
"""
OLD_CASES: tuple[dict[str, object], ...] = (
    {"id": 1, "status": "new", "resolution": None, "closed_at": None},
    {"id": 2, "status": "open", "resolution": None, "closed_at": None},
    {"id": 3, "status": "closed", "resolution": "answered", "closed_at": LATER[2]},
    {"id": 4, "status": "closed", "resolution": "not_ours", "closed_at": LATER[2]},
)
OLD_EVENT = """
    INSERT INTO case_events (case_id, at, actor, kind, data) VALUES (:case, :at, :who, :what, '{}')
"""
OLD_EVENTS: tuple[dict[str, object], ...] = (
    {"case": 2, "at": LATER[1], "who": "listener", "what": "answered_by_brand"},
    {"case": 3, "at": LATER[2], "who": "ana", "what": "status"},
    {"case": 4, "at": LATER[2], "who": "ana", "what": "status"},
)
