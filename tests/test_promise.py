"""The promise: written once into CRM and dialler, with receipts, and watched from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from builders import NOW, ByHand, Clock, found, reading, user

from listener import pipeline, promise
from listener.crm import CRMS, Cannot, Capability, Connection, Order, Receipt, csv_import
from listener.desk import Desk
from listener.domain import (
    CaseStatus,
    Channel,
    ContactEvent,
    Customer,
    Direction,
    Resolution,
    SuppressionStatus,
)
from listener.errors import AccountError, CRMError, NotAllowed, StaleWrite, StorageError
from listener.httpclient import HttpClient
from listener.pipeline import Road
from listener.sections import Section
from listener.settings import AlertRules, Brand, CrmConfig, Http, Settings
from listener.storage import (
    Database,
    alerts,
    case_detail,
    case_search,
    crm_writes,
    mentions,
    people,
    suppressions,
)
from listener.storage.case_detail import CaseDetail
from listener.storage.case_search import CaseFilter
from listener.storage.tables import CrmSuppression, CrmTicket, CrmWriteRow

ANA = user("ana")
MARC = user("marc", role="brand_manager")
MOVISTAR = Brand(key="movistar", name="Movistar", query="movistar OR number:1004")
PEOPLE = (
    "customer_id,name,phone,handles,country\n"
    "C-1,Marta Rey,612 904 417;+34 840 11 22 33,mastodon:marta@social.example,ES\n"
)
EVENTS = (
    "event_id,at,direction,channel,customer_id,customer_number,caller_number,campaign,agent,"
    "disposition,duration_s,note\n"
)
WORDS = (
    "Pues nada, otra vez Movistar al teléfono mientras comíamos, qué cruz de gente",
    "Les dije que no y otra vez el 1004, Movistar, ¿en qué idioma hablo?",
)
ANSWERS = {"otra vez": reading(harassment=True, opt_out=True, numbers=["1004"])}


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Dialler(Cannot):
    """A remote system that can be told to fail, before or after it did what was asked."""

    NAME = "dialler"
    Options = Section
    name: str = "dialler"
    can: frozenset[Capability] = frozenset({Capability.SUPPRESS, Capability.CALLS})
    suppressed: dict[str, str] = field(default_factory=dict)  # number to key
    asked: list[str] = field(default_factory=list)
    log: list[ContactEvent] = field(default_factory=list)
    error: BaseException | None = None
    after: bool = False

    def open(self, options: Any, connection: Connection) -> Dialler:
        return self

    def suppress(self, order: Order) -> Receipt:
        self.asked.append(order.number)
        if self.error and not self.after:
            raise self.error
        already = order.number in self.suppressed
        self.suppressed.setdefault(order.number, order.key)
        if self.error:
            raise self.error
        return Receipt(f"dnc-{order.number[-3:]}", NOW, already)

    def calls(self, numbers: Sequence[str]) -> list[ContactEvent]:
        return [e for e in self.log if e.customer_number in numbers]


@dataclass
class Scene:
    db: Database
    folder: Path
    dialler: Dialler = field(default_factory=Dialler)
    clock: Clock = field(default_factory=Clock)
    count: int = 0

    def settings(self) -> Settings:
        return Settings(
            folder=self.folder,
            var=self.folder,
            database_url=self.db.url,
            brands=(MOVISTAR,),
            crms=(
                CrmConfig(name="local", type="local"),
                CrmConfig(name="dialler", type="dialler", failures=99),
            ),
            alerts=AlertRules(recipients=("desk@example.org",)),
        )

    def road(self) -> Road:
        return Road(
            self.settings(), self.db, HttpClient(Http()), lambda: ByHand(ANSWERS), self.clock
        )

    def desk(self) -> Desk:
        return Desk(self.db, self.settings(), self.clock)

    def post(self, hours: float = 1) -> CaseDetail:
        """Marta writes; what comes of it."""
        self.count += 1
        item = found(
            f"post-{self.count}",
            WORDS[self.count % len(WORDS)],
            author="marta",
            published_at=self.clock.at - timedelta(hours=hours),
        )
        with self.db.write() as session:
            mentions.save_found(session, "square/movistar", [item], now=self.clock.at)
        pipeline.process(self.road())
        return self.case()

    def case(self) -> CaseDetail:
        with self.db.read() as session:
            lines, _ = case_search.search(session, CaseFilter())
            detail = case_detail.get(session, lines[0].id)
        assert detail is not None
        return detail

    def approve(self) -> int:
        case = self.case().summary
        self.desk().promise.suppress(ANA, case.id, version=case.version, reason="se lo prometimos")
        return case.id

    def log(self, *rows: str) -> None:
        file = self.folder / "events.csv"
        file.write_text(EVENTS + "".join(f"{r}\n" for r in rows), encoding="utf-8")
        assert not csv_import.import_events(self.db, self.settings(), file).refused

    def alerts(self) -> list[str]:
        with self.db.read() as session:
            return [a.kind for a in alerts.recent(session, brands=None, limit=50)]

    def kinds(self) -> list[str]:
        return [e.kind for e in self.case().timeline]


@pytest.fixture
def scene(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene(database, tmp_path)
    monkeypatch.setitem(CRMS, "dialler", made.dialler)  # type: ignore[arg-type]
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    csv_import.import_people(database, made.settings(), file)
    with database.write() as session:
        for person in (ANA, MARC):
            people.add(session, person, NOW)
    made.post()
    return made


def test_one_approval_ends_contact_everywhere_and_keeps_the_receipts(scene: Scene) -> None:
    case_id = scene.approve()
    pipeline.deliver(scene.road())
    order, _ = scene.desk().promise.of_case(ANA, case_id)
    assert order is not None
    assert order.status == SuppressionStatus.IN_EFFECT
    assert order.effective_at == NOW
    assert {(w.system, w.status) for w in order.writes} == {("local", "done"), ("dialler", "done")}
    assert len(order.writes) == 4  # two systems, two phones
    assert sorted(scene.dialler.suppressed) == ["+34612904417", "+34840112233"]
    assert all(w.reference for w in order.writes)
    assert scene.kinds()[-6:] == ["suppression_approved", *["suppressed"] * 4, "in_effect"]
    with scene.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CrmSuppression)) == 2
        sealed = session.scalars(sa.select(CrmWriteRow.sealed)).all()
    assert not [s for s in sealed if "612904417" in s]


def test_approving_twice_is_one_order(scene: Scene) -> None:
    case_id = scene.approve()
    scene.approve()
    pipeline.deliver(scene.road())
    assert len(scene.dialler.asked) == 2
    scene.approve()
    pipeline.deliver(scene.road())
    assert len(scene.dialler.asked) == 2
    order, _ = scene.desk().promise.of_case(ANA, case_id)
    assert order is not None


def test_a_system_that_is_down_is_tried_again_and_stops_nothing(scene: Scene) -> None:
    scene.dialler.error = CRMError("no answer", crm="dialler", retry=True)
    case_id = scene.approve()
    pipeline.deliver(scene.road())
    order, _ = scene.desk().promise.of_case(ANA, case_id)
    assert order is not None
    assert order.status == SuppressionStatus.PENDING
    assert {w.status for w in order.writes if w.system == "local"} == {"done"}
    waiting = [w for w in order.writes if w.system == "dialler"]
    assert all("no answer" in (w.last_error or "") for w in waiting)
    assert "not_written" in scene.kinds()
    scene.dialler.error = None
    scene.clock.at += timedelta(minutes=5)
    pipeline.deliver(scene.road())
    order, _ = scene.desk().promise.of_case(ANA, case_id)
    assert order is not None
    assert order.status == SuppressionStatus.IN_EFFECT


def test_a_crash_between_the_deed_and_its_record_repeats_nothing(scene: Scene) -> None:
    case_id = scene.approve()
    scene.dialler.error, scene.dialler.after = Killed(), True
    for _ in range(2):
        with pytest.raises(Killed):
            pipeline.deliver(scene.road())
    scene.dialler.error = None
    pipeline.deliver(scene.road())
    order, _ = scene.desk().promise.of_case(ANA, case_id)
    assert order is not None
    assert order.status == SuppressionStatus.IN_EFFECT
    assert len(scene.dialler.suppressed) == 2
    assert len(scene.dialler.asked) > 2
    assert any(w.already for w in order.writes if w.system == "dialler")


def test_what_answers_nonsense_waits_with_its_reason(scene: Scene) -> None:
    scene.dialler.error = KeyError("result")
    case_id = scene.approve()
    pipeline.deliver(scene.road())
    order, _ = scene.desk().promise.of_case(ANA, case_id)
    assert order is not None
    assert any("cannot be read" in (w.last_error or "") for w in order.writes)


def in_effect(scene: Scene) -> int:
    case_id = scene.approve()
    pipeline.deliver(scene.road())
    case = scene.case().summary
    scene.desk().cases.set_status(
        ANA, case_id, CaseStatus.CLOSED, Resolution.SUPPRESSED, version=case.version
    )
    scene.clock.at = NOW + timedelta(days=2)
    return case_id


def test_a_contact_after_it_reopens_the_case_within_one_cycle(scene: Scene) -> None:
    in_effect(scene)
    scene.log("E-1,2026-11-21T10:00:00Z,out,call,C-1,612904417,1004,Fibra,A7,no_answer,0,")
    assert pipeline.process(scene.road())["promises_broken"] == 1
    case = scene.case().summary
    assert (case.status, case.level) == (CaseStatus.OPEN, "urgent")
    assert case.priority_reasons[0].key == "promise_broken"
    assert scene.kinds()[-1] == "promise_broken"
    assert scene.alerts().count("promise_broken") == 1
    assert pipeline.process(scene.road())["promises_broken"] == 0
    assert scene.alerts().count("promise_broken") == 1
    kept = scene.desk().promise.kept(ANA)
    assert (kept.contacts_after, kept.longest) == (1, timedelta(hours=1))


@pytest.mark.parametrize(
    "row",
    [
        "E-2,2026-11-20T10:00:00Z,out,call,C-1,,1004,Fibra,A7,no_answer,0,",  # before it
        "E-3,2026-11-21T10:00:00Z,in,call,C-1,,1004,,A7,none,60,",
        "E-4,2026-11-21T10:00:00Z,out,call,C-1,,1004,Cita técnico,A7,none,60,",
        "E-5,2026-12-21T10:00:00Z,out,call,C-1,,1004,Fibra,A7,none,60,",  # after now
        "E-6,2026-11-21T10:00:00Z,out,call,C-2,699000111,1004,Fibra,A7,none,60,",
    ],
)
def test_what_breaks_no_promise(scene: Scene, row: str) -> None:
    in_effect(scene)
    scene.log(row)
    assert pipeline.process(scene.road())["promises_broken"] == 0
    assert scene.case().summary.status == CaseStatus.CLOSED


def test_a_contact_without_a_customer_is_told_by_its_phone(scene: Scene) -> None:
    in_effect(scene)
    scene.log("E-7,2026-11-21T10:00:00Z,out,sms,,840112233,,Fibra,,none,0,")
    assert pipeline.process(scene.road())["promises_broken"] == 1


def test_a_new_complaint_of_the_same_person(scene: Scene) -> None:
    case_id = in_effect(scene)
    scene.post()
    assert scene.alerts().count("promise_broken") == 1
    with scene.db.read() as session:
        first = case_detail.get(session, case_id)
        order = suppressions.of_case(session, case_id)
    assert first is not None
    assert first.summary.status == CaseStatus.OPEN
    assert order is not None
    assert [w.partition(":")[0] for w, _ in order.broken] == ["mention"]


def test_an_old_post_that_comes_late_breaks_nothing(scene: Scene) -> None:
    in_effect(scene)
    scene.post(hours=72)
    assert "promise_broken" not in scene.alerts()


def test_a_dialler_s_own_log_is_in_the_history(scene: Scene) -> None:
    scene.dialler.log = [
        ContactEvent(
            "7", NOW - timedelta(days=1), Direction.OUT, Channel.CALL,
            customer_number="+34612904417", campaign="Fibra",
        )
    ]  # fmt: skip
    customer = Customer("local", "C-1", "Marta", ("+34612904417",))
    events, silent = scene.road().crms.contacts("local", customer)
    assert ([e.event_id for e in events], silent) == (["7"], [])
    scene.dialler.can = scene.dialler.can - {Capability.CALLS}
    assert scene.road().crms.contacts("local", customer)[0] == []


def test_the_case_is_noted_on_the_record_once(scene: Scene) -> None:
    case_id = scene.case().summary.id
    for _ in range(2):
        scene.desk().promise.record(ANA, case_id)
        pipeline.deliver(scene.road())
    with scene.db.read() as session:
        (ticket,) = session.scalars(sa.select(CrmTicket)).all()
    assert ticket.customer_id == "C-1"
    assert "otra vez el 1004" in ticket.text
    assert scene.kinds()[-2:] == ["record_approved", "recorded"]


def test_who_may_not(scene: Scene) -> None:
    case = scene.case().summary
    desk = scene.desk()
    for forbidden in (
        lambda: desk.promise.suppress(MARC, case.id, version=case.version),
        lambda: desk.promise.record(MARC, case.id),
        lambda: desk.promise.of_case(MARC, case.id),
        lambda: desk.promise.diagnosis(MARC, case.id),
        lambda: desk.promise.suppress(
            replace(ANA, brands=("vodafone",)), case.id, version=case.version
        ),
    ):
        with pytest.raises(NotAllowed):
            forbidden()
    with pytest.raises(StaleWrite):
        desk.promise.suppress(ANA, case.id, version=case.version + 1)
    scene.approve()
    pipeline.deliver(scene.road())
    assert "suppressed" not in {e.kind for e in desk.cases.view(MARC, case.id).detail.timeline}


def test_a_phone_that_the_person_left(scene: Scene) -> None:
    case = scene.case().summary
    desk = scene.desk()
    with pytest.raises(AccountError):
        desk.promise.suppress(ANA, case.id, version=case.version, phone="no")
    desk.promise.suppress(ANA, case.id, version=case.version, phone="600 99 88 77")
    pipeline.deliver(scene.road())
    assert "+34600998877" in scene.dialler.suppressed


def test_the_case_explains_itself(scene: Scene) -> None:
    scene.log(
        "A-1,2026-11-16T10:00:00Z,out,call,C-1,,1004,Fibra,A1,none,60,dice que no le interesa",
        "A-2,2026-11-18T10:00:00Z,out,call,C-1,,1004,Fibra,A2,no_answer,0,",
    )
    told = scene.desk().promise.diagnosis(ANA, scene.case().summary.id)
    assert [c.kind.value for c in told.causes] == ["refusal_not_coded"]
    assert told.causes[0].evidence == ("A-1", "A-2")


def test_the_worker_that_holds_a_write_is_left_alone(scene: Scene) -> None:
    scene.approve()
    with scene.db.write() as session:
        held = crm_writes.claim_next(session, "elsewhere:1", NOW)
    assert held is not None
    pipeline.deliver(scene.road())
    with scene.db.read() as session:
        assert [w.id for w in crm_writes.claimed(session)] == [held.id]
    scene.clock.at = NOW + timedelta(minutes=11)
    promise.write(scene.road())
    with scene.db.read() as session:
        assert crm_writes.claimed(session) == []


def test_a_crm_that_was_down_is_asked_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    down = CRMError("no answer", crm="local", retry=True)
    local = CRMS["local"]

    class Down(Cannot):
        name = "local"
        can = frozenset({Capability.FIND})

        def find(self, identifiers: Sequence[Any]) -> list[Any]:
            raise down

    class Module:
        NAME, Options = "local", Section

        @staticmethod
        def open(*_: Any) -> Any:
            return Down()

    case = scene.case().summary
    scene.desk().cases.set_status(
        ANA, case.id, CaseStatus.CLOSED, Resolution.ANSWERED, version=case.version
    )
    monkeypatch.setitem(CRMS, "local", Module)  # type: ignore[arg-type]
    detail = scene.post()
    assert detail.summary.customer_ref is None
    assert any(r.startswith("crm_unavailable:") for r in (detail.match or {})["reasons"])
    assert pipeline.process(scene.road())["matched_later"] == 0
    monkeypatch.setitem(CRMS, "local", local)  # type: ignore[arg-type]
    assert pipeline.process(scene.road())["matched_later"] == 1
    assert scene.case().summary.customer_ref == "C-1"
    assert pipeline.process(scene.road())["matched_later"] == 0


def test_a_lifted_order_is_watched_no_more_and_can_be_given_again(scene: Scene) -> None:
    case_id = in_effect(scene)
    desk = scene.desk()
    case = scene.case().summary
    for wrong in ("", "  "):
        with pytest.raises(AccountError, match="say why"):
            desk.promise.lift(ANA, case_id, version=case.version, reason=wrong)
    with pytest.raises(NotAllowed):
        desk.promise.lift(MARC, case_id, version=case.version, reason="lo pidió")
    desk.promise.lift(ANA, case_id, version=case.version, reason="lo pidió por escrito")
    order, _ = desk.promise.of_case(ANA, case_id)
    assert order is not None
    assert order.status == SuppressionStatus.LIFTED
    assert scene.kinds()[-1] == "suppression_lifted"
    with scene.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(CrmSuppression)) == 0
    scene.log("E-1,2026-11-21T10:00:00Z,out,call,C-1,612904417,1004,Fibra,A7,no_answer,0,")
    assert pipeline.process(scene.road())["promises_broken"] == 0
    case = scene.case().summary
    with pytest.raises(StorageError, match="no suppression that stands"):
        desk.promise.lift(ANA, case_id, version=case.version, reason="otra vez")
    scene.approve()
    pipeline.deliver(scene.road())
    again, _ = desk.promise.of_case(ANA, case_id)
    assert again is not None
    assert (again.id != order.id, again.status) == (True, SuppressionStatus.IN_EFFECT)


def test_a_phone_that_another_order_names_stays_suppressed(scene: Scene) -> None:
    """So does one that was imported: neither is this order's to forget."""
    case_id = in_effect(scene)
    with scene.db.write() as session:
        kept = session.scalars(sa.select(CrmSuppression).order_by(CrmSuppression.number)).all()
        other = suppressions.Phone(kept[0].number, kept[0].number_sealed)
        suppressions.approve(
            session,
            suppressions.Wanted(
                case_id=None,
                brand="movistar",
                author_id=None,
                crm=None,
                customer_ref=None,
                phones=(other,),
                systems=(("local", None),),
                reason="la hermana",
                approved_by="ana",
                complained_at=NOW,
            ),
            NOW,
        )
        kept[1].key = "robinson-2026"
    version = scene.case().summary.version
    scene.desk().promise.lift(ANA, case_id, version=version, reason="lo pidió")
    with scene.db.read() as session:
        assert len(session.scalars(sa.select(CrmSuppression)).all()) == 2
