"""Collect and process on a real database, with a source and a reader that can be told to fail."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from builders import NOW, ByHand, Clock, mention, page, reading, user

from listener import accounts, pipeline, schedule
from listener.crm import csv_import
from listener.domain import CaseStatus, Mention, NumberKind, Parsed, Problem, RawPage, Resolution
from listener.errors import HttpStatus, ListenerError, ReaderMissing, SourceError, Unreachable
from listener.httpclient import HttpClient
from listener.pipeline import Road
from listener.query import Query
from listener.settings import (
    AlertRules,
    Brand,
    BrandNumber,
    Http,
    ListenerFile,
    PriorityRules,
    Process,
    Section,
    Settings,
    SourceConfig,
)
from listener.sources import SOURCES
from listener.storage import (
    Database,
    alerts,
    case_actions,
    case_detail,
    case_search,
    health,
    pending,
    people,
    readings,
    trends,
)
from listener.storage.alerts import StoredAlert
from listener.storage.case_detail import CaseDetail
from listener.storage.case_search import CaseFilter
from listener.storage.tables import MentionBrand, MentionRow, RawPageRow, Reject, ReportedNumber


class Killed(BaseException):
    """The process ends here: no handler of ours catches it."""


@dataclass
class FakeSource:
    """Pages that a test wrote, oldest first; the cursor is the number of the next one."""

    NAME = "fake"
    KEEP_UNMATCHED = False
    Options = Section
    pages: list[list[Mention]] = field(default_factory=list)
    problems: tuple[Problem, ...] = ()
    error: BaseException | None = None
    error_at: int = 0  # the page instead of which the error comes
    asked: list[str | None] = field(default_factory=list)
    searched: bool = False
    between: Callable[[int], None] | None = None

    def needs_query(self, options: Any) -> bool:
        return self.searched

    def fetch(
        self, options: Any, query: Query | None, cursor: str | None, http: HttpClient, now: datetime
    ) -> Iterator[RawPage]:
        self.asked.append(cursor)
        for number in range(int(cursor or 0), len(self.pages)):
            if self.error is not None and number >= self.error_at:
                raise self.error
            if self.between:
                self.between(number)
            yield page(str(number).encode(), str(number + 1), fetched_at=now)
        if self.error is not None and self.error_at >= len(self.pages):
            raise self.error

    def parse(self, raw: RawPage) -> Parsed:
        return Parsed(tuple(self.pages[int(raw.body)]), self.problems)


MOVISTAR = Brand(
    key="movistar",
    name="Movistar",
    query="(movistar OR number:1004) NOT sorteo",
    handles=("mastodon:movistar@social.example",),
    numbers=(BrandNumber(number="1004"),),
)
VODAFONE = Brand(key="vodafone", name="Vodafone", kind="competitor", query="vodafone")

ANSWERS = {
    "harto": reading(harassment=True, contact_count=12, opt_out=True, numbers=["1004"]),
    "otra vez": reading(harassment=True, numbers=["1004"]),
    "factura": reading(category="billing"),
    "desconocido": reading(harassment=True, numbers=["911 222 333"]),
}


RULES = AlertRules(recipients=("desk@example.org",))
DEFAULTS = ListenerFile()


@dataclass
class Scene:
    db: Database
    source: FakeSource
    brands: tuple[Brand, ...] = (MOVISTAR, VODAFONE)
    sources: tuple[SourceConfig, ...] = (SourceConfig(name="square", type="fake"),)
    rules: AlertRules = RULES
    listener: ListenerFile = DEFAULTS
    clock: Clock = field(default_factory=Clock)
    reader: ByHand = field(default_factory=lambda: ByHand(ANSWERS))
    counter: int = 0

    def road(self) -> Road:
        settings = Settings(
            folder=Path("config"),
            database_url=self.db.url,
            var=Path("var"),
            listener=self.listener,
            brands=self.brands,
            sources=self.sources,
            alerts=self.rules,
        )
        return Road(settings, self.db, HttpClient(Http()), lambda: self.reader, now=self.clock)

    def write(
        self, text: str, author: str | None = "marta", external_id: str = "", **changes: Any
    ) -> str:
        """One more post, on a page of its own."""
        self.counter += 1
        external_id = external_id or f"post-{self.counter}"
        values = {"published_at": self.clock() - timedelta(minutes=5)} | changes
        self.source.pages.append([mention(external_id, text, author, **values)])
        return external_id

    def collect(self) -> dict[str, Any]:
        return pipeline.collect(self.road(), force=True)

    def process(self) -> dict[str, Any]:
        return pipeline.process(self.road())

    def go(self) -> dict[str, Any]:
        self.collect()
        return self.process()

    def cases(self, **wanted: Any) -> list[CaseDetail]:
        """In the order in which they were opened."""
        with self.db.read() as session:
            found, _ = case_search.search(session, CaseFilter(**wanted))
            details = [case_detail.get(session, c.id) for c in sorted(found, key=lambda c: c.id)]
        return [d for d in details if d is not None]

    def alerts(self, kind: str = "") -> list[StoredAlert]:
        with self.db.read() as session:
            return [a for a in reversed(alerts.recent(session)) if kind in a.kind]

    def outbox(self) -> list[str]:
        with self.db.read() as session:
            rows = alerts.notifications_of(session, [a.id for a in alerts.recent(session)])
        return sorted(r.recipient for r in rows)

    def count(self) -> dict[str, Any]:
        with self.db.read() as session:
            return trends.counts(session)

    def health(self, key: str = "square") -> health.SubscriptionHealth:
        with self.db.read() as session:
            return next(s for s in health.subscriptions(session) if s.key == key)

    def ids(self) -> list[str]:
        with self.db.read() as session:
            return list(session.scalars(sa.select(MentionRow.external_id).order_by(MentionRow.id)))


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    made = FakeSource()
    monkeypatch.setitem(SOURCES, "fake", made)  # type: ignore[arg-type]
    return made


@pytest.fixture
def scene(database: Database, source: FakeSource) -> Scene:
    return Scene(database, source)


def kinds(case: CaseDetail) -> list[str]:
    return [e.kind for e in case.timeline]


# ---------------------------------------------------------------------------- collect


def test_only_what_a_query_finds_is_kept_and_every_page_is(scene: Scene) -> None:
    scene.write("Movistar me llama")
    scene.write("hoy hace sol")
    scene.write("nunca más el 10 04")
    assert scene.collect() == {"asked": 1, "failed": 0, "new": 2, "known": 0, "rejected": 0}
    assert scene.ids() == ["post-1", "post-3"]
    with scene.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(RawPageRow)) == 3
    assert scene.health().cursor == "3"
    assert scene.collect()["new"] == 0
    assert scene.source.asked == [None, "3"]


@pytest.mark.parametrize("last", range(6))
def test_a_crash_between_pages_loses_nothing_and_repeats_nothing(scene: Scene, last: int) -> None:
    for number in range(5):
        scene.write(f"movistar {number}")
    scene.source.error, scene.source.error_at = Killed(), last
    with pytest.raises(Killed):
        scene.collect()
    assert scene.ids() == [f"post-{n + 1}" for n in range(last)]
    scene.source.error = None
    scene.collect()
    assert scene.ids() == [f"post-{n + 1}" for n in range(5)]
    with scene.db.read() as session:
        pages = list(session.scalars(sa.select(RawPageRow.body_gzip)))
    assert len(pages) == len(set(pages)) == 5


def test_two_services_on_one_database_store_every_page_once(scene: Scene) -> None:
    for number in range(8):
        scene.write(f"movistar {number}")
    barrier = threading.Barrier(2)
    failures: list[object] = []

    def service() -> None:
        barrier.wait()
        failures.append(scene.collect()["failed"])

    workers = [threading.Thread(target=service) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    scene.collect()
    assert failures == [0, 0]
    assert sorted(scene.ids()) == sorted(f"post-{n + 1}" for n in range(8))
    with scene.db.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(RawPageRow)) == 8


def test_stopping_ends_between_two_pages(scene: Scene) -> None:
    for number in range(5):
        scene.write(f"movistar {number}")
    road = scene.road()
    scene.source.between = lambda number: road.stop.set() if number == 1 else None
    pipeline.collect(road, force=True)
    assert scene.ids() == ["post-1", "post-2"]
    scene.source.between = None
    scene.collect()
    assert len(scene.ids()) == 5


def test_a_problem_is_kept_beside_the_rest(scene: Scene) -> None:
    scene.write("movistar")
    scene.source.problems = (Problem("no date", '{"id": 9}'),)
    assert scene.collect()["rejected"] == 1
    assert scene.ids() == ["post-1"]
    with scene.db.read() as session:
        [row] = session.scalars(sa.select(Reject))
    assert (row.origin, row.reason, row.excerpt) == ("square", "no date", '{"id": 9}')


def test_a_failing_source_is_asked_less_and_alerts_once(scene: Scene) -> None:
    scene.source.error = Unreachable("https://x.example does not answer", url="https://x.example")
    road = scene.road()
    attempts = []
    for minute in range(0, 60 * 30, 10):
        scene.clock.at = NOW + timedelta(minutes=minute)
        if pipeline.collect(road)["asked"]:
            attempts.append(minute)
    waits = [b - a for a, b in itertools.pairwise(attempts)]
    assert waits[:6] == [20, 40, 80, 160, 320, 360]
    assert set(waits[5:]) == {360}  # never less than every six hours
    [alert] = scene.alerts("source_failing")
    assert alert.subject == {"source": "square"}
    assert alert.reasons[0].values["error"] == "https://x.example does not answer"
    assert scene.outbox() == ["desk@example.org"]
    assert scene.health().failures == len(attempts)


def test_the_alert_of_a_source_that_came_back_is_over_and_may_be_raised_again(scene: Scene) -> None:
    down = SourceError("answers nonsense", source="square", retry=True)
    scene.source.error = down
    for _ in range(4):
        scene.collect()
        scene.clock.later(hours=1)
    scene.source.error = None
    scene.collect()
    assert scene.alerts()[0].ended_at == scene.clock()
    assert scene.health().last_error is None
    scene.source.error = down
    for _ in range(4):
        scene.clock.later(hours=1)
        scene.collect()
    assert [a.ended_at is None for a in scene.alerts("source_failing")] == [False, True]


def test_a_server_that_asks_us_to_wait_is_obeyed(scene: Scene) -> None:
    scene.source.error = HttpStatus("too many", url="https://x", status=429, retry_after=3600)
    road = scene.road()
    pipeline.collect(road)
    scene.clock.later(minutes=59)
    assert pipeline.collect(road)["asked"] == 0
    scene.clock.later(minutes=2)
    assert pipeline.collect(road)["asked"] == 1


def test_a_mistake_of_ours_in_one_source_leaves_the_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = FakeSource(error=ZeroDivisionError("division by zero"))
    monkeypatch.setitem(SOURCES, "broken", broken)  # type: ignore[arg-type]
    scene.sources = (SourceConfig(name="bad", type="broken"), *scene.sources)
    scene.write("movistar")
    assert scene.collect() == {"asked": 2, "failed": 1, "new": 1, "known": 0, "rejected": 0}
    assert scene.health("bad").last_error == "ZeroDivisionError: division by zero"
    assert scene.health("square").failures == 0


def test_an_error_with_odd_characters_is_told_too(scene: Scene) -> None:
    scene.source.error = SourceError("said \0 and \ud83d", source="square")
    assert scene.collect()["failed"] == 1
    assert "said" in (scene.health().last_error or "")


def test_silence_is_told_once_and_ends_with_the_next_post(scene: Scene) -> None:
    scene.write("movistar")
    scene.collect()
    for _ in range(5):
        scene.clock.later(hours=30)
        scene.collect()
    [alert] = scene.alerts("source_silent")
    assert alert.reasons[0].values["expected"] == "2 d"
    scene.write("movistar otra vez")
    scene.collect()
    assert scene.alerts("source_silent")[0].ended_at == scene.clock()
    scene.clock.later(hours=49)
    scene.collect()
    assert len(scene.alerts("source_silent")) == 2


def test_a_source_that_never_gave_anything_falls_silent_too(scene: Scene) -> None:
    scene.collect()
    scene.clock.later(hours=49)
    scene.collect()
    assert len(scene.alerts("source_silent")) == 1


def test_a_source_that_may_be_silent(scene: Scene) -> None:
    scene.sources = (replace_config(scene.sources[0], silent_after="0s"),)
    scene.collect()
    scene.clock.later(days=300)
    scene.collect()
    assert scene.alerts() == []


def replace_config(config: SourceConfig, **changes: Any) -> SourceConfig:
    return SourceConfig(**(config.model_dump() | changes))


def test_a_searched_source_is_asked_for_each_brand(scene: Scene) -> None:
    scene.source.searched = True
    scene.write("movistar y vodafone, las dos")
    assert scene.collect()["asked"] == 2
    assert scene.ids() == ["post-1"]
    with scene.db.read() as session:
        assert sorted(s.key for s in health.subscriptions(session)) == [
            "square/movistar",
            "square/vodafone",
        ]
        assert set(session.scalars(sa.select(MentionBrand.brand))) == {"movistar", "vodafone"}


def test_a_source_that_is_switched_off_is_left_alone(scene: Scene) -> None:
    scene.sources = (replace_config(scene.sources[0], enabled=False),)
    assert scene.collect()["asked"] == 0


# ---------------------------------------------------------------------------- process: cases


def test_martas_complaint_becomes_a_routed_case_and_a_mail(scene: Scene) -> None:
    employ(scene, "lucia", "lucia@example.org")
    scene.write("Movistar, estoy harto: doce llamadas del 1004 y ya dije que no")
    assert scene.go() | {"alerts": 1} == {
        "processed": 1,
        "duplicates": 0,
        "opened": 1,
        "attached": 0,
        "alerts": 1,
        "failed": 0,
        "matched_later": 0,
        "promises_broken": 0,
    }
    [case] = scene.cases()
    assert (case.summary.matter, case.summary.owner) == ("harassment", "lucia")
    assert case.summary.due_at == NOW + timedelta(hours=1)
    assert {r.key for r in case.summary.priority_reasons} >= {
        "harassment",
        "refused",
        "contacts",
        "own_number",
    }
    assert scene.outbox() == ["desk@example.org", "lucia@example.org"]
    assert scene.process()["processed"] == 0


def employ(scene: Scene, username: str, email: str, **changes: Any) -> None:
    with scene.db.write() as session:
        people.add(session, user(username, email=email, **changes), NOW)


def test_work_is_shared_and_goes_to_who_may_have_it(scene: Scene) -> None:
    employ(scene, "ana", "ana@example.org")
    employ(scene, "lucia", "lucia@example.org")
    employ(scene, "gone", "gone@example.org", disabled=True)
    employ(scene, "boss", "boss@example.org", role="administrator")
    employ(scene, "other", "other@example.org", brands=("acme",))
    for number in range(6):
        scene.write("movistar: mi factura está mal", author=f"person{number}")
    scene.go()
    owners = [c.summary.owner for c in scene.cases()]
    assert sorted(str(o) for o in owners) == ["ana"] * 3 + ["lucia"] * 3


def test_the_same_person_again_goes_on_the_same_case(scene: Scene) -> None:
    scene.write("otra vez el 1004 de movistar")
    scene.go()
    [before] = scene.cases()
    scene.clock.later(days=2)
    second = scene.write("y otra vez movistar, van dos semanas así")
    counts = scene.go()
    assert (counts["opened"], counts["attached"]) == (0, 1)
    [case] = scene.cases()
    assert [m.text for m in case.mentions][1] == "y otra vez movistar, van dos semanas así"
    assert case.summary.mentions == 2
    assert case.summary.score > before.summary.score
    assert "again" in {r.key for r in case.summary.priority_reasons}
    assert kinds(case)[-1] == "again"
    assert second in scene.ids()


def test_a_case_that_becomes_urgent_is_due_as_urgent_ones_are(scene: Scene) -> None:
    scene.write("otra vez el 1004 de movistar")
    scene.go()
    [before] = scene.cases()
    assert (before.summary.level, before.summary.due_at) == ("high", NOW + timedelta(hours=4))
    scene.clock.later(minutes=20)
    scene.write("harto de movistar: doce llamadas hoy y ya dije que no")
    scene.go()
    [case] = scene.cases()
    assert case.summary.level == "urgent"
    assert case.summary.due_at == NOW + timedelta(minutes=20, hours=1)
    assert kinds(case)[-2:] == ["again", "raised"]
    told = case.timeline[-1].data
    assert (told["from"], told["to"]) == ("high", "urgent")
    assert "refused" in {r["key"] for r in told["reasons"]}


def test_an_exact_repetition_by_the_same_person_insists(scene: Scene) -> None:
    scene.write("otra vez el 1004 de movistar llamando a mi casa")
    scene.write("otra vez el 1004 de movistar llamando a mi casa")
    counts = scene.go()
    assert (counts["duplicates"], counts["opened"], counts["attached"]) == (1, 1, 1)


def test_another_matter_of_the_same_person_is_another_case(scene: Scene) -> None:
    scene.write("otra vez el 1004 de movistar")
    scene.write("movistar, y encima la factura")
    scene.go()
    assert [c.summary.matter for c in scene.cases()] == ["harassment", "billing"]


def test_people_without_a_name_have_cases_of_their_own(scene: Scene) -> None:
    scene.write("movistar: la factura", author=None)
    scene.write("movistar: otra factura", author=None)
    scene.go()
    assert len(scene.cases()) == 2


def test_after_closing_a_new_case_names_the_previous(scene: Scene) -> None:
    scene.write("otra vez el 1004 de movistar")
    scene.go()
    [first] = scene.cases()
    with scene.db.write() as session:
        case_actions.set_status(
            session,
            first.summary.id,
            CaseStatus.CLOSED,
            resolution=Resolution.SUPPRESSED,
            by="lucia",
            version=first.summary.version,
            now=scene.clock(),
        )
    scene.clock.later(days=3)
    scene.write("me han vuelto a llamar, otra vez movistar")
    scene.go()
    old, new = scene.cases()
    assert old.summary.status == "closed"
    assert new.timeline[0].data["previous_case"] == old.summary.id
    assert "again" in {r.key for r in new.summary.priority_reasons}


def test_praise_a_competitors_trouble_and_muted_posts_open_nothing(scene: Scene) -> None:
    scene.write("movistar, gracias por todo")
    scene.write("vodafone, harto de vosotros")
    scene.write("sorteo de movistar: estoy harto de no ganar")
    assert scene.go()["opened"] == 0
    assert scene.alerts() == []
    assert scene.count()["processed"] == 3
    with scene.db.read() as session:
        muted = session.scalars(
            sa.select(MentionRow.text)
            .join(MentionBrand)
            .where(MentionBrand.muted.is_(True), MentionBrand.brand == "movistar")
        ).all()
        assert muted == ["sorteo de movistar: estoy harto de no ganar"]
        reported = session.scalars(sa.select(ReportedNumber.brand)).all()
    assert "movistar" not in reported


def test_a_post_on_two_brands_is_a_case_of_our_own_only(scene: Scene) -> None:
    scene.write("harto de movistar y de vodafone")
    scene.go()
    [case] = scene.cases()
    assert case.summary.brand == "movistar"


def test_the_brands_own_answer_stands_on_the_case(scene: Scene) -> None:
    asked = scene.write("harto de movistar")
    scene.write(
        "Hola, somos movistar. ¿Nos escribes por privado? harto no, por favor",
        author="movistar",
        reply_to=asked,
    )
    counts = scene.go()
    assert (counts["opened"], counts["attached"]) == (1, 1)
    [case] = scene.cases()
    assert kinds(case)[-1] == "answered_by_brand"
    assert case.summary.author == "marta@social.example"
    assert case.summary.text == "harto de movistar"  # what the inbox shows is the person's


def test_a_copy_of_what_was_said_of_another_brand_is_a_complaint_of_its_own(scene: Scene) -> None:
    form = (
        "Escribo porque estoy harto de {} y de que nadie responda cuando pido que dejen de tratarme "
        "como si mi tiempo no valiera nada y mis datos fueran suyos para siempre"
    )
    scene.write(form.format("vodafone"), author="paco")
    scene.write(form.format("movistar"), author="marta")
    assert scene.go()["opened"] == 1
    [case] = scene.cases()
    assert (case.summary.brand, case.summary.author) == ("movistar", "marta@social.example")


def test_whoever_has_the_brands_name_on_another_server_is_not_the_brand(scene: Scene) -> None:
    asked = scene.write("harto de movistar")
    scene.write("somos movistar, llámenos", author="movistar@impostor.example", reply_to=asked)
    scene.go()
    [case] = scene.cases()
    assert "answered_by_brand" not in kinds(case)


def test_who_writes_again_raises_their_case_and_wakes_it(scene: Scene) -> None:
    scene.write("harto de movistar")
    scene.go()
    [case] = scene.cases()
    with scene.db.write() as session:
        case_actions.set_status(
            session,
            case.summary.id,
            CaseStatus.PENDING,
            by="lucia",
            version=case.summary.version,
            now=scene.clock(),
        )
    scene.clock.later(days=1)
    scene.write("movistar otra vez")  # less than the first post in everything but the insisting
    scene.go()
    [again] = scene.cases()
    assert again.summary.status == "open"
    assert again.summary.score == case.summary.score + PriorityRules().again
    assert kinds(again)[-2:] == ["status", "again"] or "again" in kinds(again)
    scene.write("movistar otra vez, y van tres")
    scene.go()
    [third] = scene.cases()
    assert third.summary.score == again.summary.score  # insisting counts once


def test_a_correction_makes_the_case_what_the_person_says(scene: Scene) -> None:
    scene.write("movistar, otra factura")
    scene.go()
    [case] = scene.cases()
    assert case.summary.matter == "billing"
    with scene.db.write() as session:
        case_actions.correct(
            session,
            case.summary.id,
            case.summary.mention_id,
            "harassment",
            True,
            by="lucia",
            version=case.summary.version,
            now=scene.clock(),
        )
    scene.process()
    [judged] = scene.cases()
    assert judged.summary.id == case.summary.id
    assert judged.summary.matter == "harassment"
    assert judged.summary.score > case.summary.score
    assert "harassment" in {r.key for r in judged.summary.priority_reasons}
    assert "again" not in {r.key for r in judged.summary.priority_reasons}
    assert len(judged.mentions) == 1
    scene.clock.later(days=1)
    scene.write("movistar otra vez")
    scene.go()
    [one] = scene.cases()  # on the same matter, so on the same case
    assert len(one.mentions) == 2


def test_a_correction_that_takes_the_harassment_away_lowers_the_case(scene: Scene) -> None:
    scene.write("harto de movistar")
    scene.go()
    [case] = scene.cases()
    with scene.db.write() as session:
        case_actions.correct(
            session,
            case.summary.id,
            case.summary.mention_id,
            "category",
            "billing",
            by="lucia",
            version=case.summary.version,
            now=scene.clock(),
        )
    scene.process()
    [judged] = scene.cases()
    assert judged.summary.matter == "billing"
    assert judged.summary.score < case.summary.score


def test_the_cases_of_somebody_who_left_are_nobodys(scene: Scene) -> None:
    scene.write("harto de movistar")
    scene.go()
    [case] = scene.cases()
    accounts.add_user(
        scene.db,
        "lucia",
        name="Lucía",
        email="",
        role="community_manager",
        language="es",
        time_zone="Europe/Madrid",
        now=NOW,
    )
    with scene.db.write() as session:
        version = case.summary.version
        case_actions.assign(session, case.summary.id, "lucia", by="lucia", version=version, now=NOW)
    accounts.disable(scene.db, "lucia", NOW)
    [left] = scene.cases()
    assert left.summary.owner is None
    assert (left.timeline[-1].kind, left.timeline[-1].data["from"]) == ("assigned", "lucia")


def test_no_server_silences_a_source_for_a_year(scene: Scene) -> None:
    scene.source.error = HttpStatus("later", url="https://x", status=503, retry_after=1e12)
    scene.collect()
    not_before = scene.health().not_before
    assert not_before == scene.clock() + timedelta(hours=6)


def test_an_answer_of_the_brand_to_nothing_of_ours_is_only_kept(scene: Scene) -> None:
    scene.write("Movistar aquí, ¿en qué ayudamos?", author="movistar", reply_to="elsewhere")
    assert scene.go()["opened"] == 0


def test_an_answer_that_stands_before_its_post_on_the_page_finds_it(scene: Scene) -> None:
    # Newest first, as most servers list; and once more with the answer a page earlier.
    asked = mention("asked", "harto de movistar", "marta", published_at=NOW - timedelta(hours=2))
    answer = mention(
        "answer", "¿Nos escribes? movistar", "movistar", reply_to="asked", published_at=NOW
    )
    early = mention(
        "early", "Mira el privado. movistar", "movistar", reply_to="later", published_at=NOW
    )
    stranger = mention("s", "A mí también, movistar", "eva", reply_to="later", published_at=NOW)
    later = mention("later", "harto de movistar también yo", "paco", published_at=NOW)
    scene.source.pages += [[answer, asked], [early, stranger], [later]]
    scene.go()
    scene.go()
    marta, paco = scene.cases()
    assert [m.text for m in marta.mentions] == [asked.text, answer.text]
    assert {m.text for m in paco.mentions} == {later.text, early.text}
    assert kinds(marta)[-1] == kinds(paco)[-1] == "answered_by_brand"


def test_a_repost_that_came_before_its_original_joins_it(scene: Scene) -> None:
    text = "harto de movistar y sus doce llamadas"
    scene.write(text, author="paco", repost_of="original")
    scene.go()
    assert scene.cases() == []
    scene.write(text, author="marta", external_id="original")
    scene.go()
    [case] = scene.cases()
    assert case.summary.author == "marta@social.example"
    assert [m.duplicate_kind for m in case.mentions if m.author.startswith("paco")] == ["repost"]


def test_retweets_by_hand_that_came_before_their_original_join_it(scene: Scene) -> None:
    text = "harto de movistar, doce llamadas del 1004 en tres días y a todas dije que no"
    for author in ("paco", "luis"):
        scene.write(f"RT @marta: {text}", author=author)
        scene.go()
    assert scene.cases() == []
    scene.write(text, author="marta")
    scene.write(f"RT @marta: {text}", author="eva")
    scene.go()
    [case] = scene.cases()
    assert case.summary.author == "marta@social.example"
    assert len(case.mentions) == 4
    assert [m.duplicate_kind for m in case.mentions].count("repost") == 3
    assert kinds(case).count("repost") == 3


def test_a_menus_language_is_not_the_texts(scene: Scene) -> None:
    seen: list[Any] = []

    class Watching(ByHand):
        def read(self, texts: Sequence[str], **rest: Any) -> Any:
            seen.extend(zip(texts, rest["langs"], strict=True))
            return super().read(texts, **rest)

    scene.reader = Watching({})
    spanish = "Movistar me llama todos los días a la hora de la siesta y no quiero nada"
    scene.write(spanish, lang="en")
    scene.write("movistar 🤬", lang="es")
    scene.write("movistar me llama sin parar desde hace una semana", lang=None)
    scene.go()
    assert [lang for _, lang in seen] == ["es", "es", None]


def test_a_repost_goes_on_the_case_of_what_it_repeats(scene: Scene) -> None:
    original = scene.write("harto de movistar y sus doce llamadas", author="marta")
    scene.write("harto de movistar y sus doce llamadas", author="paco", repost_of=original)
    counts = scene.go()
    assert (counts["duplicates"], counts["opened"], counts["attached"]) == (1, 1, 1)
    [case] = scene.cases()
    assert case.mentions[1].duplicate_kind == "repost"
    assert kinds(case)[-1] == "repost"
    assert case.summary.author == "marta@social.example"


def test_a_brand_that_a_second_source_adds_gets_its_case(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FakeSource()
    monkeypatch.setitem(SOURCES, "other", other)  # type: ignore[arg-type]
    scene.sources = (
        SourceConfig(name="theirs", type="other", brands=("vodafone",)),
        SourceConfig(name="ours", type="fake", brands=("movistar",)),
    )
    text = "harto de movistar, me voy a vodafone"
    other.pages.append([mention("same", text)])
    scene.go()
    assert scene.cases() == []
    scene.source.pages.append([mention("same", text)])
    counts = scene.go()
    assert (counts["processed"], counts["opened"]) == (1, 1)
    assert scene.count()["mentions"] == 1
    # Met a third time it stays as it is, even after the case was closed.
    [case] = scene.cases()
    with scene.db.write() as session:
        case_actions.set_status(
            session,
            case.summary.id,
            CaseStatus.CLOSED,
            resolution=Resolution.ANSWERED,
            by="lucia",
            version=1,
            now=NOW,
        )
    scene.source.pages.append([mention("same", text)])
    assert scene.go()["processed"] == 0
    assert len(scene.cases()) == 1


def test_the_customer_is_found_and_a_person_decides_between_two(
    scene: Scene, tmp_path: Any
) -> None:
    sheet = tmp_path / "people.csv"
    sheet.write_text(
        "customer_id,name,phone,email,handles,country,time_zone,consent,status\n"
        "C1,Marta Invención,600 123 456,,,ES,Europe/Madrid,none,customer\n"
        "C2,Ana Ejemplo,600 999 888,,,ES,Europe/Madrid,none,customer\n"
        "C3,Luis Ejemplo,600 999 888,,,ES,Europe/Madrid,none,customer\n"
    )
    assert csv_import.import_people(scene.db, scene.road().settings, sheet).new == 3
    scene.write("harto de movistar, mi número es el 600 123 456", author="marta")
    scene.write("harto de movistar, mi número es el 600 999 888", author="ana")
    scene.write("harto de movistar, me llama el 600 123 456", author="paco")
    scene.go()
    one, two, three = scene.cases()
    assert one.summary.customer_ref == "C1"
    assert two.summary.customer_ref is None
    assert two.match is not None
    assert {c["ref"] for c in two.match["candidates"]} == {"C2", "C3"}
    assert three.summary.customer_ref is None  # the caller's number is not the author's


def correct(scene: Scene, external_id: str, question: str, value: object) -> None:
    with scene.db.write() as session:
        found = session.scalar(
            sa.select(MentionRow.id).where(MentionRow.external_id == external_id)
        )
        assert found is not None
        readings.correct(session, found, question, value, by="lucia", now=scene.clock())


def test_a_brand_that_comes_later_respects_what_a_person_said(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FakeSource()
    monkeypatch.setitem(SOURCES, "other", other)  # type: ignore[arg-type]
    scene.sources = (
        SourceConfig(name="theirs", type="other", brands=("vodafone",)),
        SourceConfig(name="ours", type="fake", brands=("movistar",)),
    )
    for number, text in enumerate(("harto de movistar", "la factura de movistar")):
        other.pages.append([mention(f"post-{number}", f"{text}, me voy a vodafone", f"p{number}")])
    scene.go()
    correct(scene, "post-0", "complaint", False)
    correct(scene, "post-1", "harassment", True)
    for number, text in enumerate(("harto de movistar", "la factura de movistar")):
        scene.source.pages.append(
            [mention(f"post-{number}", f"{text}, me voy a vodafone", f"p{number}")]
        )
    assert scene.go()["opened"] == 1
    assert [(c.summary.author, c.summary.matter) for c in scene.cases()] == [
        ("p1@social.example", "harassment")
    ]


def test_an_impostors_number_or_a_former_one_is_not_the_brands_own(scene: Scene) -> None:
    def told(post: str, **listed: Any) -> bool:
        scene.brands = (replace_brand(BrandNumber(number="1004", **listed)),)
        scene.write("otra vez el 1004 de movistar", author=post, published_at=post_at)
        scene.go()
        return "own_number" in {r.key for r in scene.cases()[-1].summary.priority_reasons}

    post_at = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)  # in Madrid it is the 20th already
    day = date(2026, 11, 20)
    assert told("a", kind="agency", valid_from=day, valid_to=day)
    assert told("b", kind="care_only")
    assert not told("c", kind="impostor")
    assert not told("d", kind="retired")
    assert not told("e", kind="unknown")
    assert not told("f", valid_from=day + timedelta(days=1))
    assert not told("g", valid_to=day - timedelta(days=1))


def replace_brand(*numbers: BrandNumber) -> Brand:
    return MOVISTAR.model_copy(update={"numbers": numbers})


# ---------------------------------------------------------------------------- process: alerts


def test_what_a_person_ruled_out_is_not_counted_against_a_number(scene: Scene) -> None:
    first = scene.write("otra vez el 1004 de movistar, dice eva", author="eva")
    scene.write("otra vez el 1004 de movistar, dice pep", author="pep")
    scene.go()
    correct(scene, first, "harassment", False)
    scene.write("otra vez el 1004 de movistar, dice ines", author="ines")
    scene.go()
    assert scene.alerts("number_complaints") == []
    scene.write("otra vez el 1004 de movistar, dice luis", author="luis")
    scene.go()
    [alert] = scene.alerts("number_complaints")
    assert alert.subject["count"] == 3


def test_an_alert_without_a_recipient_goes_to_the_administrators(scene: Scene) -> None:
    employ(scene, "boss", "boss@example.org", role="administrator")
    employ(scene, "gone", "gone@example.org", role="administrator", disabled=True)
    employ(scene, "mute", "", role="administrator")
    scene.rules = AlertRules()
    scene.source.error = Unreachable("https://x.example does not answer", url="https://x.example")
    for _ in range(3):
        scene.collect()
    assert [a.kind for a in scene.alerts()] == ["source_failing"]
    assert scene.outbox() == ["boss@example.org"]
    scene.source.error = None
    scene.write("harto de movistar")
    scene.go()
    assert scene.outbox() == ["boss@example.org"] * 2  # the case has no owner either
    employ(scene, "lucia", "lucia@example.org")
    scene.write("harto de movistar, dice paco", author="paco")
    scene.go()
    assert scene.outbox() == ["boss@example.org"] * 2 + ["lucia@example.org"]


def test_three_people_about_one_number_are_an_alert_and_ten_posts_of_one_are_not(
    scene: Scene,
) -> None:
    scene.rules = AlertRules(
        recipients=("desk@example.org",),
        severe_harassment={"enabled": False},  # type: ignore[arg-type]
    )
    for number in range(10):
        scene.write(f"otra vez el 1004 de movistar, ya van {number}", author="marta")
    scene.write("otra vez el 1004 de movistar, también a mí", author="paco")
    scene.go()
    assert scene.alerts() == []
    scene.write("otra vez el 1004 de movistar y en la siesta", author="ana")
    scene.go()
    [alert] = scene.alerts("number_complaints")
    assert (alert.subject["number"], alert.subject["count"]) == ("1004", 3)
    # A fourth person within the window is no second alert; after it, three new ones are.
    scene.write("otra vez el 1004 de movistar, a mí la cuarta", author="luis")
    scene.go()
    assert len(scene.alerts()) == 1
    scene.clock.later(hours=25)
    for author in ("eva", "pep", "ines"):
        scene.write(f"otra vez el 1004 de movistar, firmado {author}", author=author)
    scene.go()
    assert len(scene.alerts()) == 2


def test_boosts_of_a_post_that_we_do_not_have_are_not_people(scene: Scene) -> None:
    for author in ("eva", "pep", "ines", "luis"):
        scene.write("otra vez el 1004 de movistar", author=author, repost_of="far/away")
    scene.go()
    assert scene.alerts() == []


def test_the_same_leaflet_by_four_accounts_is_not_four_people(scene: Scene) -> None:
    text = "otra vez el 1004 de movistar: firma la petición para que dejen de llamar a nuestros abuelos"
    for author in ("eva", "pep", "ines", "luis"):
        scene.write(text, author=author)
    counts = scene.go()
    assert counts["duplicates"] == 3
    assert scene.alerts("number_complaints") == []


def test_two_people_about_a_number_that_no_registry_knows_are_an_alert(scene: Scene) -> None:
    scene.write("un desconocido dice ser de movistar, cuenta eva", author="eva")
    scene.write("un desconocido dice ser de movistar, insiste eva", author="eva")
    scene.go()
    assert scene.alerts("unknown_number") == []
    scene.clock.later(hours=30)
    scene.write("movistar: otro desconocido que pregunta por mi contrato", author="pep")
    scene.go()
    [alert] = scene.alerts("unknown_number")
    assert (alert.subject["number"], alert.subject["count"]) == ("+34911222333", 2)
    assert [r.key for r in alert.reasons] == ["alert_unknown_number", "number_not_in_log"]
    scene.clock.later(hours=1)
    for author in ("ines", "luis", "rosa"):
        scene.write(f"movistar y su desconocido, soy {author} y ya no puedo", author=author)
    scene.go()
    # It goes on: that is the other rule's to say.
    assert [a.kind for a in scene.alerts("number")] == ["unknown_number", "number_complaints"]


def test_a_number_in_a_registry_of_ours_is_not_unknown(scene: Scene) -> None:
    scene.brands = (
        replace_brand(BrandNumber(number="911 22 23 33", kind=NumberKind.AGENCY)),
        VODAFONE,
    )
    for author in ("eva", "pep"):
        scene.write(f"un desconocido dice ser de movistar, cuenta {author}", author=author)
    scene.go()
    assert scene.alerts() == []


def test_old_posts_open_cases_and_wake_nobody(scene: Scene) -> None:
    for author in ("eva", "pep", "ines", "luis"):
        scene.write(
            "harto de movistar y del 1004", author=author, published_at=NOW - timedelta(days=9)
        )
    assert scene.go()["opened"] == 4
    assert scene.alerts() == []


def test_invented_posts_have_cases_and_write_to_nobody(scene: Scene) -> None:
    employ(scene, "lucia", "lucia@example.org")
    for author in ("eva", "pep", "ines", "luis"):
        scene.write("harto de movistar y del 1004", author=author, invented=True)
    scene.go()
    assert len(scene.cases()) == 4
    assert all(c.summary.invented for c in scene.cases())
    assert scene.outbox() == []
    assert scene.alerts("number_complaints") == []


def test_a_severe_case_is_told_once_however_often_it_grows(scene: Scene) -> None:
    for number in range(4):
        scene.write(f"harto de movistar, aviso número {number}")
        scene.go()
        scene.clock.later(hours=1)
    assert len(scene.alerts("severe_harassment")) == 1
    assert scene.outbox() == ["desk@example.org"]


# ---------------------------------------------------------------------------- process: trouble


def test_a_text_that_breaks_the_reader_is_put_aside_alone(scene: Scene) -> None:
    scene.reader = ByHand({"bomba": ValueError("cannot read this"), **ANSWERS})
    scene.write("harto de movistar uno", author="a")
    scene.write("movistar bomba", author="b")
    scene.write("harto de movistar tres", author="c")
    counts = scene.go()
    assert (counts["processed"], counts["failed"], counts["opened"]) == (2, 0, 2)
    # One attempt a run: what is wrong for a moment may have passed by the next.
    assert scene.process()["failed"] == 0
    assert scene.process()["failed"] == 1
    with scene.db.read() as session:
        [row] = session.scalars(sa.select(MentionRow).where(MentionRow.state == "failed"))
    assert (row.text, row.error, row.attempts) == (
        "movistar bomba",
        "ValueError: cannot read this",
        3,
    )
    assert scene.process()["processed"] == 0


@pytest.mark.parametrize("waiting", [1, 7])
def test_a_reader_that_breaks_for_a_while_blames_no_mention(scene: Scene, waiting: int) -> None:
    scene.listener = ListenerFile(process=Process(batch_size=3))
    for number in range(waiting):
        scene.write(f"harto de movistar, caso {number}", author=f"p{number}")
    scene.collect()
    whole, scene.reader = scene.reader, ByHand({"": MemoryError("out of memory")})
    for _ in range(2):
        with pytest.raises(ListenerError, match=r"MemoryError: out of memory.*they wait"):
            schedule.run_loop(scene.road(), "process")
    assert (scene.count()["pending"], scene.count()["failed"]) == (waiting, 0)
    with scene.db.read() as session:
        [loop] = health.loops(session)
        assert set(session.scalars(sa.select(MentionRow.attempts))) == {0}
    assert "out of memory" in (loop.last_error or "")
    scene.reader = whole
    assert scene.process()["opened"] == waiting


def test_what_was_put_aside_can_be_tried_again(scene: Scene) -> None:
    scene.reader = ByHand({"harto": ValueError("cannot read this")})
    scene.write("harto de movistar")
    scene.collect()
    assert [scene.process()["failed"] for _ in range(3)] == [0, 0, 1]
    scene.reader = ByHand(ANSWERS)
    assert scene.process()["processed"] == 0
    with scene.db.write() as session:
        assert pending.wait_again(session) == 1
        assert pending.wait_again(session) == 0
    with scene.db.read() as session:
        [row] = session.scalars(sa.select(MentionRow))
    assert (row.state, row.attempts, row.error) == ("pending", 0, None)
    assert scene.process()["opened"] == 1


def test_without_a_reader_everything_waits_and_nothing_is_blamed(scene: Scene) -> None:
    scene.write("harto de movistar")
    scene.collect()
    road = scene.road()

    def missing() -> Any:
        raise ReaderMissing("the weights are not there")

    road.reader = missing
    for _ in range(5):
        with pytest.raises(ReaderMissing):
            schedule.run_loop(road, "process")
    assert scene.count()["pending"] == 1
    with scene.db.read() as session:
        [loop] = health.loops(session)
        assert session.scalar(sa.select(MentionRow.attempts)) == 0
    assert "the weights are not there" in (loop.last_error or "")
    assert scene.process()["opened"] == 1


def test_a_crash_in_the_middle_of_a_batch_is_as_if_it_had_not_begun(scene: Scene) -> None:
    for number in range(3):
        scene.write(f"harto de movistar {number}", author=f"p{number}")
    scene.collect()

    class Dying(ByHand):
        def read(self, texts: Sequence[str], **rest: Any) -> Any:
            raise Killed

    alive, scene.reader = scene.reader, Dying({})
    with pytest.raises(Killed):
        scene.process()
    assert scene.count()["pending"] == 3
    assert scene.count()["cases"] == 0
    scene.reader = alive
    assert scene.process()["opened"] == 3


def test_two_services_process_every_mention_once(scene: Scene) -> None:
    scene.listener = ListenerFile(process=Process(batch_size=3))
    for number in range(30):
        scene.write(f"harto de movistar, caso {number}", author=f"p{number % 10}")
    scene.collect()
    barrier = threading.Barrier(2)
    done: list[dict[str, Any]] = []

    def service() -> None:
        barrier.wait()
        done.append(scene.process())

    workers = [threading.Thread(target=service) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    scene.process()
    assert scene.count()["processed"] == 30
    assert len(scene.cases()) == 10
    assert sum(c.summary.mentions for c in scene.cases()) == 30
    assert sum(d["failed"] for d in done) == 0
    assert len(scene.alerts("severe_harassment")) == 10


def test_a_brand_that_was_taken_out_of_the_configuration_stops_nothing(scene: Scene) -> None:
    scene.write("harto de movistar y de vodafone")
    scene.collect()
    scene.brands = (VODAFONE,)
    counts = scene.process()
    assert (counts["processed"], counts["opened"], counts["failed"]) == (1, 0, 0)


def test_stopping_ends_between_two_batches(scene: Scene) -> None:
    scene.listener = ListenerFile(process=Process(batch_size=2))
    for number in range(6):
        scene.write(f"movistar {number}")
    scene.collect()
    road = scene.road()

    class Stopping(ByHand):
        def read(self, texts: Sequence[str], **rest: Any) -> Any:
            road.stop.set()
            return super().read(texts, **rest)

    road.reader = lambda: Stopping({})
    assert pipeline.process(road)["processed"] == 2
    assert scene.count()["pending"] == 4


def test_a_limit_is_kept(scene: Scene) -> None:
    scene.listener = ListenerFile(process=Process(batch_size=2))
    for number in range(6):
        scene.write(f"movistar {number}")
    scene.collect()
    assert pipeline.process(scene.road(), limit=3)["processed"] == 4  # whole batches


def test_a_title_is_part_of_the_text_that_is_read(scene: Scene) -> None:
    scene.write("y ya van doce", title="Harto de Movistar", author="marta")
    scene.go()
    assert scene.reader.batches == [["Harto de Movistar\n\ny ya van doce"]]


def test_the_hits_of_a_query_are_kept_with_their_places(scene: Scene) -> None:
    scene.write("harto del 10-04 de Movistar")
    scene.collect()
    with scene.db.read() as session:
        [row] = session.scalars(sa.select(MentionBrand))
    text = "harto del 10-04 de Movistar"
    assert {text[h["start"] : h["end"]] for h in row.hits} == {"10-04", "Movistar"}


def test_no_step_of_processing_reads_every_mention_or_case(
    sqlite_database: Database, source: FakeSource
) -> None:
    """It holds the one write lock meanwhile: with a million mentions the service would stand still."""
    scene = Scene(sqlite_database, source)
    first = scene.write("Otra vez el 1004 de Movistar, ya van nueve llamadas")
    scene.write("Os he dicho que no, Movistar", reply_to=first)
    scene.write("Otra vez el 1004 de Movistar, ya van nueve llamadas", "pedro", repost_of=first)
    scene.collect()
    asked: set[str] = set()

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            asked.add(statement)

    sa.event.listen(sqlite_database.engine, "before_cursor_execute", note)
    scene.process()
    sa.event.remove(sqlite_database.engine, "before_cursor_execute", note)
    with sqlite_database.read() as session:
        steps = {
            (str(row[3]), statement)
            for statement in asked
            for row in session.connection().exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", (0,) * statement.count("?")
            )
        }
    assert any("ix_mentions_duplicate_of" in step for step, _ in steps)
    assert any("ix_mentions_repost_of" in step for step, _ in steps)
    read_whole = re.compile(r"SCAN (mentions|case_mentions|authors)\b|SCAN cases$")
    assert [found for found in steps if read_whole.match(found[0])] == []
