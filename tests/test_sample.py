"""The invented sample: alive, marked, in by the doors of real data, and gone without a trace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from builders import case_on, route, user

from classifiers.reading import CallFacts, Reading
from listener import pipeline, sample, settings_files
from listener.crm.local import LocalCrm, open_phone
from listener.desk import Desk
from listener.domain import Customer, CustomerMatch, Mention, NumberKind
from listener.httpclient import HttpClient
from listener.settings import Brand, Http, Settings
from listener.storage import Database, people
from listener.storage.database import insert_new
from listener.storage.mentions import BrandHit, Found, save_found
from listener.storage.tables import (
    AuthorRow,
    Base,
    CaseRow,
    CrmEvent,
    CrmIdentifier,
    CrmNumber,
    CrmPerson,
    CrmSuppression,
    CrmWriteRow,
    MentionBrand,
    MentionRow,
    NotificationRow,
    Reject,
    SuppressionRow,
)
from listener.vault import open_vault

CONFIG = Path(__file__).parents[1] / "config"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def config() -> Settings:
    return settings_files.load(CONFIG, {})


class Labels:
    """A reader that knows what the sample's author meant; everything is harassment that says so."""

    model = "labels"

    def __init__(self) -> None:
        self.kinds = {row["text"]: row["kind"] for row in sample._posts()}

    def read(
        self,
        texts: Sequence[str],
        *,
        langs: Sequence[str | None] | None = None,
        countries: Sequence[str] = ("ES",),
    ) -> list[Reading]:
        return [self._read(self.kinds.get(text, "harassment")) for text in texts]

    def _read(self, kind: str) -> Reading:
        harassment, complaint = kind == "harassment", kind in ("harassment", "complaint")
        return Reading(
            lang="es",
            sentiment="negative" if complaint else "neutral",
            complaint=complaint,
            category=("harassment" if harassment else "billing") if complaint else None,
            harassment=harassment,
            scores={},
            uncertain=(),
            facts=CallFacts(),
            evidence=(),
            model=self.model,
        )


def process(db: Database, config: Settings) -> None:
    with HttpClient(config.listener.http) as http:
        road = pipeline.Road(settings=config, db=db, http=http, reader=Labels, now=lambda: NOW)
        pipeline.process(road)


def rows(db: Database) -> dict[str, int]:
    with db.read() as session:
        return {
            table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


# ---------------------------------------------------------------------------- what it holds


def test_it_is_about_two_hundred_posts_in_six_languages_each_its_own() -> None:
    posts = list(sample._posts())
    assert len(posts) >= 200
    languages = Counter(p["lang"] for p in posts)
    assert set(languages) == {"es", "en", "pt", "fr", "it", "de"}
    assert languages["es"] > len(posts) / 2
    assert len({p["text"] for p in posts}) == len({p["id"] for p in posts}) == len(posts)
    assert max(p["hours_ago"] for p in posts) <= 30 * 24
    assert min(p["hours_ago"] for p in posts) > 0
    kinds = Counter(p["kind"] for p in posts)
    assert kinds["harassment"] >= 80
    assert min(kinds[k] for k in ("hard_negative", "complaint", "praise", "noise")) >= 10


def test_every_post_about_movistar_is_found_by_its_query(config: Settings) -> None:
    posts = [sample._mention(row, config, NOW) for row in sample._posts()]
    with HttpClient(config.listener.http) as http:
        road = pipeline.Road(
            settings=config, db=Database("sqlite://"), http=http, reader=Labels, now=lambda: NOW
        )
        found = pipeline.about(road, posts, keep_all=True)
    unfound = [
        f.mention.text
        for f in found
        if not any(hit.brand == f.mention.brand and hit.hits for hit in f.brands)
    ]
    assert unfound == []


# ---------------------------------------------------------------------------- load


def test_it_loads_once_everything_marked_as_invented(database: Database, config: Settings) -> None:
    counts = sample.load(database, config, NOW)
    assert counts["mentions"] >= 200
    assert counts["customers"] == 60
    assert counts["contact_events"] == 400
    before = rows(database)
    assert set(sample.load(database, config, NOW + timedelta(days=3)).values()) == {0}
    assert rows(database) == before
    with database.read() as session:
        for table in (MentionRow, AuthorRow, CrmPerson, CrmEvent, CrmNumber):
            real = sa.select(sa.func.count()).select_from(table).where(~table.invented)
            assert session.scalar(real) == 0, table.__tablename__
        assert session.scalars(sa.select(Reject)).all() == []


def test_its_times_lie_before_now_and_within_reach(
    sqlite_database: Database, config: Settings
) -> None:
    sample.load(sqlite_database, config, NOW)
    with sqlite_database.read() as session:
        posts = session.scalars(sa.select(MentionRow.published_at)).all()
        calls = session.scalars(sa.select(CrmEvent.at)).all()
    assert NOW - timedelta(days=30) <= min(posts) < max(posts) < NOW
    assert max(posts) > NOW - timedelta(hours=3)
    assert NOW - timedelta(days=100) < min(calls) < max(calls) < NOW


def test_no_phone_of_the_sample_is_anybodys(sqlite_database: Database, config: Settings) -> None:
    sample.load(sqlite_database, config, NOW)
    with sqlite_database.read() as session:
        sealed = session.scalars(
            sa.select(CrmIdentifier.as_written).where(CrmIdentifier.kind == "phone")
        ).all()
        numbers = [
            *(open_phone(open_vault(config.var), s)[0] for s in sealed),
            *session.scalars(sa.select(CrmNumber.number)),
        ]
    free = ("+3475", "+3484", "+34897", "+351940", "+39300", "+55209", "+447700900", "+33639980")
    assert [n for n in numbers if not n.startswith((*free, "+49171392"))] == []


def test_the_log_explains_the_posts(sqlite_database: Database, config: Settings) -> None:
    sample.load(sqlite_database, config, NOW)
    crm = LocalCrm(sqlite_database, open_vault(config.var))
    ana = crm.history("INV-1001")
    carmen = crm.history("INV-1005")
    andres = crm.history("INV-1009")
    kinds = {n.number: n.kind for n in crm.numbers("movistar")}
    refused = [e for e in ana if "no" in e.note.lower() and e.duration_s > 0]
    assert refused
    assert not [e for e in ana if e.disposition in ("not_interested", "do_not_call")]
    assert ana[-1].at > refused[0].at
    assert len(carmen) >= 15
    assert {e.customer_ref for e in carmen} == {None}
    assert not [e for e in andres if e.direction == "out"]
    assert kinds["+34897550123"] is NumberKind.IMPOSTOR
    assert kinds["+34840990001"] is NumberKind.AGENCY


def test_processed_like_real_posts_ana_is_recognised_and_nobody_is_written_to(
    sqlite_database: Database, config: Settings
) -> None:
    sample.load(sqlite_database, config, NOW)
    process(sqlite_database, config)
    with sqlite_database.read() as session:
        known = set(session.scalars(sa.select(CaseRow.customer_ref)))
        assert {"INV-1001", "INV-1003", "INV-1006", "INV-1013", "INV-1020"} <= known
        assert (
            session.scalar(sa.select(sa.func.count()).select_from(CaseRow).where(~CaseRow.invented))
            == 0
        )
        mother = session.scalars(sa.select(CaseRow).where(CaseRow.match.is_not(None))).all()
        proposed = [c for c in mother if "INV-1005" in str(c.match)]
        assert proposed
        assert all(c.customer_ref != "INV-1005" for c in proposed)
        assert session.scalars(sa.select(NotificationRow)).all() == []


def test_somebody_elses_brands_get_the_posts_all_the_same(
    sqlite_database: Database, tmp_path: Path
) -> None:
    acme = Brand(key="acme", name="Acme", query="acme", countries=("GB",))
    other = Settings(folder=tmp_path, var=tmp_path, database_url="", brands=(acme,))
    sample.load(sqlite_database, other, NOW)
    with sqlite_database.read() as session:
        assert set(session.scalars(sa.select(MentionBrand.brand))) == {"acme"}


# ---------------------------------------------------------------------------- remove


def test_removing_leaves_no_row_behind(database: Database, config: Settings) -> None:
    before = rows(database)
    sample.load(database, config, NOW)
    process(database, config)
    assert rows(database)["cases"] > 50
    gone = sample.remove(database)
    assert gone["mentions"] >= 200
    assert gone["customers"] == 60
    after = rows(database)
    assert {**after, "loops": 0} == {**before, "loops": 0}
    assert set(sample.remove(database).values()) == {0}


def test_removing_leaves_what_is_real_alone(database: Database, config: Settings) -> None:
    real = Mention("mastodon", "1", "Me llaman del 1004. Mi número es 755 010 101", NOW)
    with database.write() as session:
        save_found(session, "x", [Found(real, (BrandHit("movistar"),))], now=NOW)
        insert_new(
            session,
            CrmPerson,
            [
                {
                    "customer_id": "C-1",
                    "name": "Ana",
                    "consent": "none",
                    "status": "customer",
                    "extra": {},
                    "invented": False,
                    **dict.fromkeys(("country", "time_zone", "preferred_channel"), ""),
                }
            ],
        )
    sample.load(database, config, NOW)
    process(database, config)
    with database.read() as session:
        case = session.scalars(sa.select(CaseRow).where(~CaseRow.invented)).one()
        assert case.customer_ref == "INV-1001"  # the real post gave an invented phone
    sample.remove(database)
    with database.read() as session:
        case = session.scalars(sa.select(CaseRow)).one()
        assert (case.customer_ref, case.crm) == (None, None)
        assert session.scalars(sa.select(MentionRow.source)).all() == ["mastodon"]
        assert session.scalars(sa.select(CrmPerson.customer_id)).all() == ["C-1"]


def test_what_people_did_with_it_goes_too(database: Database, config: Settings) -> None:
    """A suppression that somebody approved on an invented case."""
    sample.load(database, config, NOW)
    desk = Desk(database, config, lambda: NOW)
    with database.write() as session:
        people.add(session, user("ana"), NOW)
        ref = session.scalars(
            sa.select(CrmPerson.customer_id).order_by(CrmPerson.customer_id).limit(1)
        ).one()
        mention = session.scalars(sa.select(MentionRow).order_by(MentionRow.id).limit(1)).one()
        match = CustomerMatch(
            True, Customer("local", ref, "Ana", ("+34755000000",)), 0.97, ("handle_declared:x",)
        )
        case_id = case_on(session, mention.id, match=match, route=route(), invented=True)
    desk.promise.suppress(user("ana"), case_id, version=1, phone="+34 755 00 00 00")
    pipeline.deliver(
        pipeline.Road(config, database, HttpClient(Http()), lambda: None, lambda: NOW)  # type: ignore[arg-type, return-value]
    )
    sample.remove(database)
    with database.read() as session:
        for table in (SuppressionRow, CrmWriteRow, CrmSuppression, CaseRow, CrmPerson):
            assert session.scalar(sa.select(sa.func.count()).select_from(table)) == 0
