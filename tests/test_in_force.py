"""The settings in force: files, and what Nora edits in their place; out to a folder and in again."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, Clock, user
from command import ROOT, Home

from listener import config_documents, in_force, pipeline, schedule, service
from listener import settings_files as files
from listener.desk import Desk
from listener.errors import ConfigError, NotAllowed, StaleWrite
from listener.httpclient import HttpClient
from listener.in_force import InForce
from listener.pipeline import Road
from listener.settings import Http, Settings
from listener.storage import Database, config_edits
from listener.storage.config_edits import Edit
from listener.toml_edits import duration, only, with_values

NORA = user("nora", role="administrator")
ANA = user("ana")
BERTA = user("berta", role="brand_manager", brands=("movistar",))
BRANDS, ROUTING = "brands.toml", "rules/routing.toml"


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    env = {"LISTENER_VAR": str(tmp_path / "var"), "LISTENER_DATABASE_URL": url(database)}
    return files.load(tmp_path / "config", env)


def url(db: Database) -> str:
    return db.engine.url.render_as_string(hide_password=False)


@pytest.fixture
def desk(database: Database, settings: Settings) -> Desk:
    return Desk(database, settings, Clock(NOW))


def environment(settings: Settings) -> dict[str, str]:
    return {"LISTENER_VAR": str(settings.var), "LISTENER_DATABASE_URL": settings.database_url}


def now_in_force(settings: Settings) -> Settings:
    return in_force.load(settings.folder, environment(settings))


def test_what_nobody_edited_is_the_file(settings: Settings) -> None:
    assert now_in_force(settings) == settings
    assert Desk(Database(settings.database_url), settings).documents.history(NORA, BRANDS) == []


def test_an_edit_stands_in_place_of_its_file_and_of_no_other(
    desk: Desk, settings: Settings
) -> None:
    desk.documents.set(NORA, ROUTING, {("due", "urgent"): "20m"}, version=0, note="Black Friday")
    changed = now_in_force(settings)
    assert changed.routing.due["urgent"] == timedelta(minutes=20)
    assert changed.brands == settings.brands
    (settings.folder / ROUTING).write_text('[due]\nurgent = "9h"\n', encoding="utf-8")
    (settings.folder / "rules" / "priority.toml").write_text("harassment = 41\n", encoding="utf-8")
    changed = now_in_force(settings)
    assert changed.routing.due["urgent"] == timedelta(minutes=20)
    assert changed.priority.harassment == 41
    document = desk.documents.read(NORA, ROUTING)
    assert document.overrides
    assert document.edit is not None
    assert (document.edit.by, document.edit.at, document.edit.note) == ("nora", NOW, "Black Friday")


def test_comments_stay(desk: Desk) -> None:
    desk.documents.set(NORA, ROUTING, {("due", "high"): "3h"}, version=0)
    text = desk.documents.read(NORA, ROUTING).text
    assert "# Time to a first answer, counted in working hours" in text
    [version] = desk.documents.history(NORA, ROUTING)
    assert version.changed == ('-high = "4h"', '+high = "3h"')


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (ROUTING, 'due_times = "1h"', "due_times: unknown key"),
        (
            ROUTING,
            '[due]\nurgent = "soon"',
            "due.urgent: write a duration, for example 90s, 5m, 24h or 2d",
        ),
        (ROUTING, "[due", "rules/routing.toml, as edited in the dashboard: not valid TOML"),
        (
            BRANDS,
            '[[brands]]\nkey = "a"\nname = "A"\nquery = "a AND"',
            "brand a: query, position 3",
        ),
        ("sources.toml", "", "sources.toml is not edited in the dashboard"),
        ("../secrets.toml", "", "is not edited in the dashboard"),
        ("listener.toml", "[dashboard]\nport = 1", "dashboard stays in the file"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    desk: Desk, settings: Settings, name: str, text: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        desk.documents.write(NORA, name, text, version=0)
    assert now_in_force(settings) == settings


def test_a_brand_that_a_source_names_cannot_go(desk: Desk, settings: Settings) -> None:
    sources = settings.folder / "sources.toml"
    more = '\n[[sources]]\nname = "x"\ntype = "hackernews"\nbrands = ["orange"]\n'
    sources.write_text(sources.read_text("utf-8") + more, encoding="utf-8")
    with pytest.raises(ConfigError, match="source x: brand 'orange' is not in"):
        desk.documents.set(NORA, BRANDS, {("brands", 2): None}, version=0)


def test_only_an_administrator_edits_or_reads_documents(desk: Desk) -> None:
    for who in (ANA, BERTA):
        with pytest.raises(NotAllowed):
            desk.documents.write(who, ROUTING, "", version=0)
        with pytest.raises(NotAllowed):
            desk.documents.set(who, ROUTING, {("default_queue",): "x"}, version=0)
        with pytest.raises(NotAllowed):
            desk.documents.history(who, ROUTING)
        with pytest.raises(NotAllowed):
            desk.documents.go_back(who, ROUTING, 0, version=0)
        with pytest.raises(NotAllowed):
            desk.documents.every(who)


def test_two_who_edit_at_once(desk: Desk, settings: Settings) -> None:
    desk.documents.set(NORA, ROUTING, {("due", "urgent"): "20m"}, version=0)
    with pytest.raises(StaleWrite, match=r"changed meanwhile by nora at 2026-11-20 10:30"):
        desk.documents.set(NORA, ROUTING, {("due", "urgent"): "2h"}, version=0)
    assert now_in_force(settings).routing.due["urgent"] == timedelta(minutes=20)


def test_what_changes_nothing_is_no_edit(desk: Desk, database: Database) -> None:
    desk.documents.set(NORA, ROUTING, {("due", "urgent"): "1h"}, version=0)
    with database.read() as session:
        assert config_edits.count(session) == 0


def test_back_to_a_version_and_back_to_the_file(desk: Desk, settings: Settings) -> None:
    for version, due in enumerate(("20m", "40m")):
        desk.documents.set(NORA, ROUTING, {("due", "urgent"): due}, version=version)
    desk.documents.go_back(NORA, ROUTING, 1, version=2)
    assert now_in_force(settings).routing.due["urgent"] == timedelta(minutes=20)
    desk.documents.go_back(NORA, ROUTING, 0, version=3)
    assert now_in_force(settings).routing == settings.routing
    versions = desk.documents.history(NORA, ROUTING)
    assert [v.edit.version for v in versions] == [4, 3, 2, 1]
    assert versions[0].changed == ('-urgent = "20m"', '+urgent = "1h"')
    assert not desk.documents.read(NORA, ROUTING).overrides
    with pytest.raises(ConfigError, match="has no version 9"):
        desk.documents.go_back(NORA, ROUTING, 9, version=4)


def test_retention_is_edited_and_the_rest_of_its_file_stays_the_file(
    desk: Desk, settings: Settings
) -> None:
    desk.documents.set(NORA, "listener.toml", {("retention", "raw_pages"): "7d"}, version=0)
    file = settings.folder / "listener.toml"
    file.write_text(file.read_text("utf-8").replace("port = 8501", "port = 8777"), encoding="utf-8")
    changed = now_in_force(settings).listener
    assert changed.retention.raw_pages == timedelta(days=7)
    assert changed.private_link == settings.listener.private_link
    assert changed.dashboard.port == 8777


# ---------------------------------------------------------------------------- without a restart


def road(db: Database, settings: Settings) -> Road:
    def no_reader() -> Any:
        raise AssertionError("nothing is read here")

    return Road(settings, db, HttpClient(Http()), no_reader, now=lambda: NOW)


def test_the_next_run_of_a_loop_has_what_was_edited(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = service.roads(settings, database)
    seen: list[tuple[str, ...]] = []

    def look(given: Road) -> dict[str, Any]:
        seen.append(tuple(given.queries))
        return {}

    schedule.run_loop(newest(), "collect", look)
    before = newest()
    assert newest() is before
    desk = Desk(database, settings)
    desk.documents.set(
        NORA,
        BRANDS,
        {("brands", 3): {"key": "acme", "name": "Acme", "query": "acme OR number:900123456"}},
        version=0,
    )
    schedule.run_loop(newest(), "collect", look)
    assert seen == [("movistar", "vodafone", "orange"), ("movistar", "vodafone", "orange", "acme")]
    after = newest()
    assert (after.reader, after.http, after.stop) == (before.reader, before.http, before.stop)
    assert "acme" not in before.queries
    assert pipeline.about(after, [], keep_all=False) == []


def test_a_file_that_was_broken_meanwhile_leaves_what_there_was(
    database: Database, settings: Settings
) -> None:
    newest = InForce(database, settings, lambda s: s)
    Desk(database, settings).documents.set(NORA, ROUTING, {("due", "low"): "50h"}, version=0)
    (settings.folder / BRANDS).write_text("[[brands", encoding="utf-8")
    assert newest() == settings
    with pytest.raises(ConfigError, match=r"(?s)brands.toml: not valid.*routing.toml by nora"):
        now_in_force(settings)


def test_one_page_asks_the_database_once(sqlite_database: Database, tmp_path: Path) -> None:
    own = files.load(ROOT / "config", {"LISTENER_VAR": str(tmp_path)})
    patient = InForce(sqlite_database, own, lambda s: s.edits, patience=3600)
    assert patient() == 0
    with sqlite_database.write() as session:
        config_edits.add(session, ROUTING, "", after=0, by="nora", now=NOW)
    assert patient() == 0
    patient.look_again()
    assert patient() == 1


# ---------------------------------------------------------------------------- out and in


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    shutil.copytree(ROOT / "config", made.config, dirs_exist_ok=True)
    db = Database(f"sqlite:///{made.var / 'listener.db'}")
    db.upgrade()
    db.close()
    return made


def edit(home: Home, name: str, values: dict[Any, Any], version: int = 0) -> None:
    db = Database(f"sqlite:///{home.var / 'listener.db'}")
    own = in_force.load(home.config, {"LISTENER_VAR": str(home.var)})
    Desk(db, own, Clock(NOW)).documents.set(NORA, name, values, version=version)
    db.close()


def tree(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): p.read_text("utf-8")
        for p in sorted(folder.rglob("*.toml"))
    }


def test_export_and_import_go_round(home: Home) -> None:
    edit(home, BRANDS, {("brands", 0, "query"): "movistar OR number:1004"})
    edit(home, "listener.toml", {("retention", "raw_pages"): "7d"})
    done = home.call("export", "--to", "out")
    assert done.code == 0, done.err
    assert "out/brands.toml: as edited in the dashboard" in done.out
    assert "out/sources.toml: as its file" in done.out
    assert "LISTENER_SMTP_PASSWORD" in done.out
    assert "environment only" in done.out
    exported = tree(home.folder / "out")
    before = tree(home.config)
    assert set(exported) == set(before)
    differing = {n for n in before if before[n] != exported[n]}
    assert differing == {"brands.toml", "listener.toml"}
    assert exported["listener.toml"].startswith(before["listener.toml"].strip())
    assert 'raw_pages = "7d"' in exported["listener.toml"]

    other = Home(home.folder / "other")
    shutil.copytree(ROOT / "config", other.config, dirs_exist_ok=True)
    done = other.call("import-config", home.folder / "out")
    assert done.code == 0, done.err
    assert "brands.toml: taken" in done.out
    assert "rules/routing.toml: says what is in force" in done.out
    assert other.call("export", "--to", "out").code == 0
    assert tree(other.folder / "out") == exported


def test_the_configuration_folder_itself_puts_the_files_in_force_again(home: Home) -> None:
    edit(home, ROUTING, {("due", "urgent"): "20m"})
    told = home.call("doctor").out
    assert "rules/routing.toml: edited by nora, 2026-11-20 10:30 UTC (version 1)" in told
    status = home.call("status", "--json").json
    assert [e["name"] for e in status["edited"]] == [ROUTING]
    assert "rules/routing.toml: edited by nora" in home.call("status").out
    done = home.call("import-config", home.config)
    assert "rules/routing.toml: the file is in force again" in done.out
    assert home.call("status", "--json").json["edited"] == []


def test_export_writes_over_nothing_unasked(home: Home) -> None:
    edit(home, ROUTING, {("due", "urgent"): "20m"})
    done = home.call("export", "--to", home.config)
    assert done.code == 2
    assert "rules/routing.toml with other contents" in done.err
    assert home.call("export", "--to", home.config, "--overwrite").code == 0
    assert 'urgent = "20m"' in (home.config / ROUTING).read_text("utf-8")


def test_a_folder_that_makes_no_sense_is_not_taken(home: Home) -> None:
    bad = home.folder / "bad"
    (bad / "rules").mkdir(parents=True)
    (bad / "rules" / "routing.toml").write_text("due = 3\n", encoding="utf-8")
    done = home.call("import-config", bad)
    assert done.code == 2
    assert "due" in done.err
    assert home.query("SELECT count(*) FROM config_edits") == [(0,)]


def test_sources_and_crms_stay_files(home: Home) -> None:
    other = home.folder / "taken"
    shutil.copytree(home.config, other)
    (other / "sources.toml").write_text("", encoding="utf-8")
    done = home.call("import-config", other)
    assert "sources.toml: stays a file" in done.out


def test_looking_makes_no_database(tmp_path: Path) -> None:
    in_force.load(ROOT / "config", {"LISTENER_VAR": str(tmp_path / "var")})
    assert not (tmp_path / "var").exists()


# ---------------------------------------------------------------------------- values in a text


def test_values_are_set_made_and_taken_out() -> None:
    text = '# why\na = 1 # here\n[[b]]\nc = "x"\n\n[[b]]\nc = "y"\n'
    done = with_values(text, {("a",): 2, ("b", 0): None, ("d", "e"): True, ("b", 0, "f"): ["z"]})
    assert done == '# why\na = 2 # here\n[[b]]\nc = "y"\nf = ["z"]\n\n[d]\ne = true\n'


def test_only_some_tables() -> None:
    text = "# head\n[a]\nx = 1\n\n[b]\ny = 2 # two\n# of c\n\n[c]\nz = 3\n"
    assert only(text, ("b",)) == "[b]\ny = 2 # two\n"
    assert only(text, ("z",)) == ""


@pytest.mark.parametrize(
    ("length", "said"), [(90, "90s"), (300, "5m"), (86400, "24h"), (172800, "2d"), (1.5, "1.5s")]
)
def test_durations_are_written_as_they_are_read(length: float, said: str) -> None:
    assert duration(timedelta(seconds=length)) == said


def test_documents_are_told() -> None:
    edits = [Edit("a.toml", 2, "", "nora", NOW, ""), Edit("b.toml", 3, None, "nora", NOW, "")]
    assert config_documents.told(edits) == [
        "a.toml: edited by nora, 2026-11-20 10:30 UTC (version 2)"
    ]
