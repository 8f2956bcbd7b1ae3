"""Nora edits a brand, Berta the query of hers; what another query would have found is shown first."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from builders import NOW, Clock, found, user
from command import ROOT

from listener import in_force, query
from listener import settings_files as files
from listener.desk import Desk
from listener.domain import NumberKind
from listener.errors import ConfigError, NotAllowed, QueryError, StaleSettings
from listener.query_preview import State, preview
from listener.settings import BrandNumber, Settings
from listener.storage import Database, mentions, query_sample
from listener.storage.query_sample import Sample

NORA = user("nora", role="administrator")
ANA = user("ana")
BERTA = user("berta", role="brand_manager", brands=("vodafone",))
WEEK = NOW - timedelta(days=7)

POSTS = (
    ("a", "Otra vez el 1004 de Movistar", ("movistar",), 2),
    ("b", "El 1004 llama sin parar", ("movistar",), 3),
    ("c", "Movistar Arena: qué concierto", ("movistar",), 4),
    ("d", "Vodafone y su telefonía me cansan", ("vodafone",), 5),
    ("e", "La telefonía de este país", (), 6),
    ("f", "Movistar, hace un mes", ("movistar",), 24 * 30),
)


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    address = database.engine.url.render_as_string(hide_password=False)
    env = {"LISTENER_VAR": str(tmp_path / "var"), "LISTENER_DATABASE_URL": address}
    return files.load(tmp_path / "config", env)


@pytest.fixture
def desk(database: Database, settings: Settings) -> Desk:
    save(database, POSTS)
    return Desk(database, settings, Clock(NOW))


def save(db: Database, posts: Sequence[tuple[str, str, tuple[str, ...], float]]) -> None:
    with db.write() as session:
        mentions.save_found(
            session,
            "square",
            [
                found(key, text, brands, published_at=NOW - timedelta(hours=hours))
                for key, text, brands, hours in posts
            ],
            now=NOW,
        )


def now_in_force(settings: Settings) -> Settings:
    env = {"LISTENER_VAR": str(settings.var), "LISTENER_DATABASE_URL": settings.database_url}
    return in_force.load(settings.folder, env)


# ---------------------------------------------------------------------------- the preview


def test_what_a_change_adds_mutes_and_drops(desk: Desk) -> None:
    made = desk.brands.preview(NORA, "movistar", '(movistar NOT "movistar arena") OR telefonía')
    assert made.exact
    assert (made.total, made.looked_at) == (5, 5)
    assert (made.before, made.after, made.muted) == (3, 3, 1)
    assert (made.added, made.dropped) == (2, 2)
    assert [e.mention.words.text for e in made.gained] == [POSTS[3][1], POSTS[4][1]]
    assert [(e.mention.words.text, e.now) for e in made.lost] == [
        (POSTS[1][1], State.LEFT),
        (POSTS[2][1], State.MUTED),
    ]
    [kept] = made.found
    text = kept.mention.words.text
    assert [text[a:b] for a, b in kept.hits] == ["Movistar"]
    lost = made.lost[0]
    assert [lost.mention.words.text[a:b] for a, b in lost.hits] == ["1004"]


def test_the_query_in_force_changes_nothing(desk: Desk, settings: Settings) -> None:
    for brand in settings.brands:
        made = desk.brands.preview(NORA, brand.key, brand.query)
        assert (made.added, made.dropped) == (0, 0)
        assert made.before == made.after


def test_a_query_that_cannot_be_read_says_where(desk: Desk) -> None:
    with pytest.raises(QueryError, match="position 10"):
        desk.brands.preview(NORA, "movistar", "movistar (1004")


def test_berta_is_shown_no_mention_of_brands_that_she_does_not_see(desk: Desk) -> None:
    made = desk.brands.preview(BERTA, "vodafone", "movistar OR telefonía")
    shown = [e.mention.words.text for e in [*made.gained, *made.found, *made.lost]]
    assert sorted(shown) == sorted([POSTS[3][1], POSTS[4][1]])
    assert made.total == 2


def test_a_large_week_is_sampled_evenly_and_says_so(sqlite_database: Database) -> None:
    many = [
        (f"n{n}", f"{'Movistar' if n % 4 else 'Vodafone'} {n}", ("movistar",) if n % 4 else (), 1.0)
        for n in range(2400)
    ]
    save(sqlite_database, many)
    with sqlite_database.read() as session:
        sample = query_sample.draw(session, "movistar", start=WEEK, end=NOW, most=300)
    made = preview(query.parse("vodafone OR movistar"), query.parse("movistar"), sample)
    assert not made.exact
    assert (made.total, made.looked_at) == (2400, 600)
    assert (round(made.before), round(made.added), made.dropped) == (1800, 600, 0)
    with sqlite_database.read() as session:
        short = query_sample.draw(session, "movistar", start=WEEK, end=NOW, characters=200)
    assert 0 < len(short.own.mentions) < 30


def test_a_rare_brand_is_looked_at_whole(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_sample, "_DRAWN", 50)
    save(sqlite_database, [(f"v{n}", f"Vodafone {n}", ("vodafone",), 1.0) for n in range(500)])
    save(sqlite_database, [(f"o{n}", f"Orange {n}", ("orange",), 1.0) for n in range(7)])
    with sqlite_database.read() as session:
        sample: Sample = query_sample.draw(session, "orange", start=WEEK, end=NOW)
    assert (len(sample.own.mentions), sample.own.of) == (7, 7)
    assert 0 < len(sample.others.mentions) <= 50
    assert sample.total == 507


# ---------------------------------------------------------------------------- edits and rights


def test_a_query_is_stored_and_the_rest_of_the_file_stays(desk: Desk, settings: Settings) -> None:
    desk.brands.set_query(BERTA, "vodafone", "vodafone OR 22123", version=0, note="tienda")
    changed = now_in_force(settings)
    assert [b.query for b in changed.brands if b.key == "vodafone"] == ["vodafone OR 22123"]
    assert changed.brands[0] == settings.brands[0]
    text = desk.documents.read(NORA, "brands.toml").text
    assert "# An everyday word needs its surroundings." in text
    [version] = desk.documents.history(NORA, "brands.toml")
    assert (version.edit.by, version.edit.note) == ("berta", "tienda")
    with pytest.raises(StaleSettings):
        desk.brands.set_query(NORA, "vodafone", "vodafone", version=0)


def test_who_may_edit_what(desk: Desk) -> None:
    assert [b.key for b in desk.brands.editable(NORA)] == ["movistar", "vodafone", "orange"]
    assert [b.key for b in desk.brands.editable(BERTA)] == ["vodafone"]
    assert desk.brands.editable(ANA) == []
    for who, key in (
        (BERTA, "movistar"),
        (ANA, "movistar"),
        (user("m", role="marketing_lead"), "movistar"),
    ):
        with pytest.raises(NotAllowed):
            desk.brands.set_query(who, key, "x", version=0)
        with pytest.raises(NotAllowed):
            desk.brands.set_numbers(who, key, [], version=0)
        with pytest.raises(NotAllowed):
            desk.brands.preview(who, key, "x")
    for who in (BERTA, ANA):
        with pytest.raises(NotAllowed):
            desk.brands.set_details(who, "vodafone", {"name": "V"}, version=0)
        with pytest.raises(NotAllowed):
            desk.brands.add(who, {"key": "x"}, version=0)
        with pytest.raises(NotAllowed):
            desk.brands.remove(who, "vodafone", version=0)


def test_a_query_that_cannot_be_read_is_not_stored(desk: Desk, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="brand vodafone: query, position"):
        desk.brands.set_query(BERTA, "vodafone", "vodafone AND", version=0)
    assert now_in_force(settings) == settings


def test_numbers_with_their_owners_campaigns_and_days(desk: Desk, settings: Settings) -> None:
    numbers = [
        BrandNumber(number="1004"),
        BrandNumber(
            number="911 222 333",
            kind=NumberKind.AGENCY,
            owner='Canal "Norte"',
            campaign="Fibra otoño",
            valid_from=date(2026, 1, 1),
            valid_to=date(2026, 6, 30),
        ),
        BrandNumber(number="+34911222333", kind=NumberKind.RETIRED, valid_from=date(2026, 7, 1)),
    ]
    desk.brands.set_numbers(NORA, "movistar", numbers, version=0)
    assert list(now_in_force(settings).brands[0].numbers) == numbers
    _, registry = Desk(desk.db, now_in_force(settings), Clock(NOW)).numbers.reported(NORA)
    assert {(r.entry.number, r.entry.campaign) for r in registry} >= {
        ("+34911222333", "Fibra otoño")
    }
    desk.brands.set_numbers(NORA, "movistar", [], version=1)
    assert now_in_force(settings).brands[0].numbers == ()


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([BrandNumber(number="no sé")], "'no sé' is no number that calls"),
        ([BrandNumber(number="12")], "'12' is no number"),
        ([BrandNumber(number="1004"), BrandNumber(number="10 04")], "stands twice"),
        (
            [BrandNumber(number="1004", valid_from=date(2026, 2, 1), valid_to=date(2026, 1, 1))],
            "its last day is before its first",
        ),
    ],
)
def test_numbers_that_make_no_sense(desk: Desk, numbers: list[BrandNumber], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        desk.brands.set_numbers(NORA, "movistar", numbers, version=0)


def test_a_brand_comes_and_goes(desk: Desk, settings: Settings) -> None:
    acme = {"key": "acme", "name": "Acme", "query": "acme", "countries": ["GB"], "handles": []}
    desk.brands.add(NORA, acme, version=0)
    added = now_in_force(settings).brand("acme")
    assert added is not None
    assert (added.name, added.countries) == ("Acme", ("GB",))
    with pytest.raises(ConfigError, match="two brands are called acme"):
        desk.brands.add(NORA, acme, version=1)
    desk.brands.set_details(NORA, "acme", {"name": "Acme Broadband"}, version=1)
    desk.brands.remove(NORA, "acme", version=2)
    assert now_in_force(settings).brands == settings.brands
    with pytest.raises(ConfigError, match="there is no brand 'acme'"):
        desk.brands.remove(NORA, "acme", version=3)
