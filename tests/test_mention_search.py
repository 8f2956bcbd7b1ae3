"""The mentions behind a figure: as many as the figure says, whatever is asked for."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from builders import NOW, found, reading, user

from listener import settings_files as settings_module
from listener.desk import Desk
from listener.errors import NotAllowed
from listener.selection import NONE, Selection
from listener.storage import Database, mention_search, mentions, readings
from listener.storage.mention_search import Figures
from listener.storage.tables import (
    CaseMention,
    CaseRow,
    CrmEvent,
    CrmPerson,
    MentionRow,
    ReportedNumber,
)

ROOT = Path(__file__).resolve().parent.parent
MADRID = ZoneInfo("Europe/Madrid")
BRANDS, SOURCES, LANGS = ("movistar", "vodafone", "global"), ("mastodon", "feed"), ("es", "pt")
"""Of these, `global` is a brand of two countries."""


@dataclass
class World:
    desk: Desk
    harassing: list[tuple[int, str]]


@pytest.fixture
def world(database: Database, tmp_path) -> World:  # type: ignore[no-untyped-def]
    """Three hundred mentions around the night when the clocks go back, some of two brands, some
    muted, some copies; one of each brand by a customer from Portugal whom a campaign called."""
    rng = random.Random(7)
    start = datetime(2026, 10, 20, tzinfo=UTC)
    items, read = [], []
    for n in range(300):
        brands = rng.sample(BRANDS, rng.choice((1, 1, 1, 2)))
        items.append(
            found(
                f"m{n}",
                brands=brands,
                author=f"author{n % 40}",
                source=rng.choice(SOURCES),
                published_at=start + timedelta(minutes=rng.randrange(60 * 24 * 12)),
                invented=rng.random() < 0.1,
            )
        )
        complaint = rng.random() < 0.5
        read.append(
            reading(
                complaint=complaint,
                harassment=complaint and rng.random() < 0.4,
                sentiment=rng.choice(("negative", "neutral", "positive")),
                lang=rng.choice(LANGS),
            )
        )
    harassing = []
    with database.write() as session:
        items.sort(key=lambda item: item.mention.published_at)  # as ids are given
        ids = mentions.save_found(session, "mastodon-es", items, now=NOW).new_ids
        readings.save(session, list(zip(ids, read, strict=True)), NOW)
        for copy in ids[50:60]:
            session.get_one(MentionRow, copy).duplicate_of = ids[0]
        session.add(_customer())
        for mention_id, item, said in zip(ids, items, read, strict=True):
            if not said.harassment or mention_id in ids[50:60]:
                continue
            brand = item.brands[0].brand
            harassing.append((mention_id, brand))
            session.add(
                ReportedNumber(
                    mention_id=mention_id,
                    digits=rng.choice(("1004", "+34911222333")),
                    brand=brand,
                    published_at=item.mention.published_at,
                )
            )
    for mention_id, brand in harassing[20:24]:
        _case(database, mention_id, brand)
    loaded = settings_module.load(ROOT / "config", {"LISTENER_VAR": str(tmp_path)})
    two = loaded.brands[1].model_copy(update={"key": "global", "countries": ("ES", "PT")})
    settings = loaded.model_copy(update={"brands": (*loaded.brands, two)})
    return World(Desk(database, settings, lambda: NOW), harassing)


def _customer() -> CrmPerson:
    return CrmPerson(
        customer_id="C-1",
        name="Inês Prado",
        country="PT",
        time_zone="Europe/Lisbon",
        consent="none",
        preferred_channel="call",
        status="customer",
        extra={},
    )


def _case(db: Database, mention_id: int, brand: str) -> None:
    """A case of the customer, whom a campaign called two days before."""
    with db.write() as session:
        row = session.get_one(MentionRow, mention_id)
        case = CaseRow(
            brand=brand,
            author_id=row.author_id,
            matter="harassment",
            lang="es",
            status="open",
            score=1,
            level="high",
            priority_reasons=[],
            queue="general",
            route_reasons=[],
            due_at=NOW,
            opened_at=row.published_at,
            updated_at=NOW,
            first_mention_id=mention_id,
            last_mention_id=mention_id,
            crm="local",
            customer_ref="C-1",
            invented=row.invented,
        )
        session.add(case)
        session.flush()
        session.add(CaseMention(case_id=case.id, mention_id=mention_id))
        session.add(
            CrmEvent(
                event_id=f"E-{mention_id}",
                at=row.published_at - timedelta(days=2),
                direction="out",
                channel="call",
                customer_id="C-1",
                customer_number="",
                caller_number="1004",
                campaign="Fibra Otoño" if mention_id % 2 else "fibra otoño ",
                list_name="",
                centre="",
                agent="",
                disposition="none",
                duration_s=3,
                note="",
                extra={},
                invented=row.invented,
            )
        )


WHOLE = Selection(datetime(2026, 10, 22).date(), datetime(2026, 10, 30).date())
ASKED = [
    {},
    {"brands": ("movistar",)},
    {"sources": ("feed",), "langs": ("pt",)},
    {"sentiments": ("negative", "neutral")},
    {"complaint": True, "harassment": False},
    {"harassment": True, "brands": ("vodafone", "global")},
    {"categories": (NONE,)},
    {"categories": (NONE, "billing")},
    {"countries": ("ES",)},
    {"countries": ("PT",)},
    {"countries": (NONE,)},
    {"countries": (NONE, "PT"), "brands": ("global",)},
    {"invented": False},
]


@pytest.mark.parametrize("role", ["community_manager", "brand_manager"])
def test_the_list_has_as_many_posts_as_the_counts_say(world: World, role: str) -> None:
    who = user("ana", role=role)
    for asked in ASKED:
        selection = replace(WHOLE, **asked)  # type: ignore[arg-type]
        tallies = world.desk.figures.trends(
            who, first=WHOLE.first, last=WHOLE.last, zone=MADRID, invented=selection.invented
        ).tallies
        counted = sum(t.count for t in tallies if selection.fits(t))
        posts, total = world.desk.mentions.search(who, selection, MADRID, limit=1000)
        assert len(posts) == total == counted, asked
        days = Counter(p.published_at.astimezone(MADRID).date() for p in posts)
        by_day: Counter[object] = Counter()
        for tally in tallies:
            if selection.fits(tally):
                by_day[tally.day] += tally.count
        assert days == by_day, asked


def test_only_those_who_work_on_cases_are_told_the_country_of_a_customer(world: World) -> None:
    portugal = replace(WHOLE, countries=("PT",))
    ana, marc = user("ana"), user("marc", role="marketing_lead")
    told = {
        name: world.desk.mentions.search(who, portugal, MADRID, limit=10)[1]
        for name, who in (("ana", ana), ("marc", marc))
    }
    assert told["ana"] > 0
    assert told["marc"] == 0


def test_pages_of_a_list_are_the_list_newest_first(world: World) -> None:
    whole, total = world.desk.mentions.search(user("ana"), WHOLE, MADRID, limit=1000)
    parts = [
        post
        for offset in range(0, total, 7)
        for post in world.desk.mentions.search(user("ana"), WHOLE, MADRID, limit=7, offset=offset)[
            0
        ]
    ]
    assert [(p.mention_id, p.brand) for p in parts] == [(p.mention_id, p.brand) for p in whole]
    moments = [p.published_at for p in whole]
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Bogota", "UTC"])
def test_hours_of_the_week_are_those_of_the_zone(world: World, zone: str) -> None:
    there = ZoneInfo(zone)
    posts, total = world.desk.mentions.search(user("ana"), WHOLE, there, limit=1000)
    expected: dict[tuple[int, int], Figures] = {}
    for post in posts:
        local = post.published_at.astimezone(there)
        slot = (local.weekday(), local.hour)
        said = post.reading
        expected[slot] = expected.get(slot, Figures()) + Figures(
            1, said.sentiment == "negative", said.complaint, said.harassment
        )
    found = world.desk.mentions.by_slot(user("ana"), WHOLE, there)
    assert found == expected
    weekday, hour = max(found, key=lambda slot: found[slot].mentions)
    one = replace(WHOLE, weekday=weekday, hour=hour)
    assert (
        world.desk.mentions.search(user("ana"), one, there, limit=1)[1]
        == found[weekday, hour].mentions
    )
    assert sum(f.mentions for f in found.values()) == total


def test_numbers_count_the_complaints_that_name_them(world: World) -> None:
    ana = user("ana")
    whole = replace(WHOLE, first=datetime(2026, 10, 1).date(), last=datetime(2026, 11, 20).date())
    counted = world.desk.mentions.by_number(ana, whole, MADRID)
    assert sum(counted.values()) == len(world.harassing)
    for (number, brand), count in counted.items():
        asked = replace(whole, number=number, brands=(brand,), harassment=True)
        assert world.desk.mentions.search(ana, asked, MADRID, limit=1)[1] == count
    berta = user("berta", brands=("vodafone",))
    seen = world.desk.mentions.by_number(berta, whole, MADRID)
    assert {brand for _number, brand in seen} == {"vodafone"}


def test_a_campaign_is_laid_the_complaints_that_followed_it(world: World) -> None:
    ana = user("ana")
    whole = replace(WHOLE, first=datetime(2026, 10, 1).date(), last=datetime(2026, 11, 20).date())
    laid = world.desk.mentions.by_campaign(ana, whole, MADRID)
    assert set(laid.campaigns) == {"fibra otoño"}
    assert len(laid.campaigns["fibra otoño"]) == 4
    assert (laid.unknown, laid.untouched) == (0, 0)
    posts, total = world.desk.mentions.search(
        ana, replace(whole, campaign="Fibra otoño"), MADRID, limit=10
    )
    assert total == 4
    assert {(p.mention_id, p.brand) for p in posts} == set(world.harassing[20:24])
    assert world.desk.mentions.search(
        ana, replace(whole, campaign="another"), MADRID, limit=10
    ) == ([], 0)


def test_which_posts_follow_a_campaign_is_for_those_who_work_on_cases(world: World) -> None:
    bruno = user("bruno", role="brand_manager")
    whole = replace(WHOLE, first=datetime(2026, 10, 1).date(), last=datetime(2026, 11, 20).date())
    assert world.desk.mentions.by_campaign(bruno, whole, MADRID).campaigns
    with pytest.raises(NotAllowed):
        world.desk.mentions.search(bruno, replace(whole, campaign="fibra otoño"), MADRID, limit=9)
    berta = user("berta", brands=("vodafone",))
    with pytest.raises(NotAllowed):
        world.desk.mentions.by_campaign(berta, whole, MADRID)


def test_berta_of_vodafone_finds_no_post_of_movistar(world: World) -> None:
    berta = user("berta", brands=("vodafone",))
    posts, _total = world.desk.mentions.search(berta, WHOLE, MADRID, limit=1000)
    assert {p.brand for p in posts} == {"vodafone"}
    asked = replace(WHOLE, brands=("movistar",))
    assert world.desk.mentions.search(berta, asked, MADRID, limit=10) == ([], 0)


def test_the_number_of_a_search_is_that_of_its_filter_alone(world: World) -> None:
    """Storage asked directly: of nothing there is nothing."""
    with world.desk.db.read() as session:
        empty = mention_search.MentionFilter(NOW, NOW, MADRID)
        assert mention_search.search(session, empty, limit=5) == ([], 0)
        assert mention_search.by_slot(session, empty) == {}
