"""What people correct teaches the reader; what is worse is kept aside; and there is a way back."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from builders import found, reading
from rich.console import Console
from test_train import EXAMPLES, NO, RECIPE, YES, example, toy, trained

from classifiers import calibrate, dataset, train, versions
from classifiers.dataset import Example
from classifiers.judging import Score, held_back
from classifiers.reader import SHIPPED, Reader
from classifiers.retrain import reasons, retrain
from listener import reader, reader_versions, retraining, training
from listener.errors import ImportError_, ListenerError
from listener.settings import Settings
from listener.storage import Database, mentions, readings
from listener.storage.tables import MentionRow

__all__ = ["toy"]
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OWN = {"train": EXAMPLES, "validation": EXAMPLES, "test": EXAMPLES}


@pytest.fixture(scope="module")
def old(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old") / "weights"
    train.export(trained(toy), toy, folder, RECIPE, ["what is said"], {"data": {}})
    config = json.loads((folder / "config.json").read_text())
    reader = Reader(folder, threads=1)
    logits = calibrate.text_logits(reader, [e.text for e in EXAMPLES])
    config["calibration"] = calibrate.for_posts(logits, EXAMPLES, reader.calibration).to_json()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def corrections(*, harassment: bool) -> list[Example]:
    """Twelve wordings of a complaint that the posts have not, half of which teach."""
    words = ("parcel", "nobody", "help", "late", "they", "call")
    texts = [f"my {a} is {b}" for a in words for b in words if a != b][:24]
    return [replace(example(t, harassment=harassment), source="corrected") for t in texts]


def test_corrections_change_the_answer_and_the_old_ones_stay(old: Path, tmp_path: Path) -> None:
    said = corrections(harassment=True)
    told: list[tuple[str, int, int]] = []
    outcome = retrain(
        old, tmp_path / "made", said, now=NOW, own=OWN, progress=lambda *p: told.append(p)
    )
    before, after = Reader(old, threads=1), Reader(outcome.folder, threads=1)
    apart = [c.text for c in said if held_back(c)]
    assert apart
    assert len(apart) < len(said)
    ens = ["en"] * len(apart)
    learnt = sum(a.harassment for a in after.answer(apart, ens))
    assert learnt > sum(a.harassment for a in before.answer(apart, ens))
    assert [a.harassment for a in after.answer([*YES, *NO], ["en"] * 6)] == [True] * 3 + [False] * 3
    assert {what for what, _, _ in told} == {"reading", "fitting", "comparing"}
    config = json.loads((outcome.folder / "config.json").read_text())
    assert config["started_from"] == before.model
    taught = [c for c in said if not held_back(c)]
    assert config["data"]["sha256"] == dataset.fingerprint([*EXAMPLES, *taught])
    assert config["made_at"].startswith("2026-11-25")


def test_the_encoder_and_the_call_facts_stay_as_they_were(old: Path, tmp_path: Path) -> None:
    outcome = retrain(old, tmp_path / "made", corrections(harassment=True), now=NOW, own=OWN)
    ((_, [one]),) = Reader(old, threads=1).encode(["they call me again"])
    ((_, [two]),) = Reader(outcome.folder, threads=1).encode(["they call me again"])
    assert (one.features == two.features).all()
    assert (one.tags == two.tags).all()
    assert (one.logits[15:] == two.logits[15:]).all()
    assert (one.logits[:15] != two.logits[:15]).any()


def test_nothing_that_teaches_is_nothing_learnt(old: Path, tmp_path: Path) -> None:
    measuring = [c for c in corrections(harassment=True) if held_back(c)]
    silent = [Example("my call is late", "en", "corrected")]
    for said in ([], measuring, silent):
        with pytest.raises(ValueError, match="nothing to learn"):
            retrain(old, tmp_path / "made", said, now=NOW, own=OWN)


def test_sentiment_moves_only_when_people_corrected_it(old: Path, tmp_path: Path) -> None:
    quiet = [replace(c, sentiment=None) for c in corrections(harassment=True)]
    for name, said, moved in (("a", quiet, False), ("b", corrections(harassment=True), True)):
        outcome = retrain(old, tmp_path / name, said, now=NOW, own=OWN)
        ((_, [one]),) = Reader(old, threads=1).encode(["they call me again"])
        ((_, [two]),) = Reader(outcome.folder, threads=1).encode(["they call me again"])
        assert (one.logits[:3] != two.logits[:3]).any() == moved


def test_what_a_killed_training_left_is_swept(
    database: Database, tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "SHIPPED", old)
    monkeypatch.setattr(dataset, "own_posts", lambda: OWN)
    settings = _settings(tmp_path, database)
    left = settings.var / "weights" / f"{retraining.SCRATCH}x"
    left.mkdir(parents=True)
    (left / "made.jsonl").write_text("somebody's words")
    file = tmp_path / "texts.jsonl"
    file.write_text(
        "\n".join(
            json.dumps({"text": c.text, "harassment": True}) for c in corrections(harassment=True)
        )
    )
    retraining.run(settings, database, [file], now=NOW, told=Console(file=io.StringIO()))
    assert not left.exists()


def test_worse_is_told_where_enough_texts_say_so() -> None:
    worse = Score("own", "harassment", "es", 100, 90.0, 80.0)
    few = replace(worse, count=5)
    chance = replace(worse, after=87.5)
    surer = replace(chance, count=1000)
    assert [s.worse for s in (worse, few, chance, surer)] == [True, False, False, True]
    [reason] = reasons([worse, few, chance])
    assert reason == "harassment on own texts (es, 100) would fall from 90.0 to 80.0"


def test_versions_are_kept_used_and_taken_back(old: Path, tmp_path: Path) -> None:
    home = tmp_path / "weights"
    assert versions.active(home) == SHIPPED
    assert [v.name for v in versions.versions(home)] == ["shipped"]
    shipped = json.loads((SHIPPED / "config.json").read_text())["revision"]
    for name, parent in (("one", shipped), ("two", "reader-one"), ("lost", "reader-gone")):
        made = tmp_path / "scratch"
        made.mkdir()
        for file in old.iterdir():
            (made / file.name).write_bytes(file.read_bytes())
        config = json.loads((made / "config.json").read_text())
        config |= {"revision": f"reader-{name}", "started_from": parent}
        (made / "config.json").write_text(json.dumps(config))
        versions.keep(home, made, name)
    assert versions.active(home) == SHIPPED
    versions.use(home, "two")
    assert versions.active(home) == home / "two"
    assert versions.roll_back(home).name == "one"
    assert versions.roll_back(home).name == "shipped"
    assert versions.roll_back(home).name == "shipped"
    with pytest.raises(versions.NoSuchVersion, match="shipped, lost, one, two"):
        versions.use(home, "three")
    versions.use(home, "lost")
    with pytest.raises(versions.NoSuchVersion, match="reader-gone"):
        versions.roll_back(home)
    versions.use(home, "two")
    (home / "two" / "config.json").unlink()
    assert versions.active(home) == SHIPPED  # deleted by hand: the service still starts


def _settings(tmp_path: Path, db: Database, weights: str = "") -> Settings:
    base = Settings(folder=tmp_path, var=tmp_path / "var", database_url=db.url)
    process = base.listener.process.model_copy(update={"weights": weights})
    listener = base.listener.model_copy(update={"process": process})
    return base.model_copy(update={"listener": listener})


def _correct(db: Database, name: str, text: str, **more: Any) -> None:
    with db.write() as session:
        mentions.save_found(session, "square", [found(name, text, **more)], now=NOW)
        row = session.scalars(sa.select(MentionRow).where(MentionRow.external_id == name)).one()
        readings.save(session, [(row.id, reading(lang="en"))], NOW)
        readings.correct(session, row.id, "sentiment", "positive", by="lucia", now=NOW)
        readings.correct(session, row.id, "harassment", True, by="lucia", now=NOW)
        readings.correct(session, row.id, "sentiment", "negative", by="rosa", now=NOW)


def test_corrections_come_with_their_newest_answers_and_without_what_is_invented(
    database: Database,
) -> None:
    _correct(database, "one", "they call me again")
    _correct(database, "two", "an invented call", invented=True)
    [only] = reader_versions.corrections(database)
    assert only.text == "they call me again"
    assert (only.sentiment, only.harassment, only.category) == ("negative", True, "harassment")
    assert only.complaint
    assert only.lang == "en"


def test_what_stands_in_the_way_is_said(database: Database, tmp_path: Path) -> None:
    told = Console(file=io.StringIO())
    with pytest.raises(reader_versions.NothingToLearn, match="review queue"):
        retraining.run(_settings(tmp_path, database), database, [], now=NOW, told=told)
    with pytest.raises(ListenerError, match="leave it empty"):
        retraining.run(_settings(tmp_path, database, "x"), database, [], now=NOW, told=told)


def test_the_command_keeps_shows_and_uses_what_is_better(
    database: Database, tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "SHIPPED", old)
    monkeypatch.setattr(dataset, "own_posts", lambda: OWN)
    settings = _settings(tmp_path, database)
    file = tmp_path / "texts.jsonl"
    rows = [
        {"text": c.text, "lang": "en", "harassment": True} for c in corrections(harassment=True)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    told = io.StringIO()
    console = Console(file=told, width=200)
    home = settings.var / "weights"
    assert retraining.run(settings, database, [file], now=NOW, told=console)
    assert versions.active(home) != old
    assert [p.name for p in home.iterdir() if p.is_dir()] == [versions.active(home).name]
    assert "corrected" in told.getvalue()
    retraining.show(settings, console)
    assert "in use" in told.getvalue()
    assert reader_versions.roll_back(settings) == "shipped"
    monkeypatch.setattr("listener.retraining.retrain", _worse(home))
    assert not retraining.run(settings, database, [file], now=NOW, told=console)
    assert "is kept in" in told.getvalue()
    assert versions.active(home) == old
    assert retraining.run(settings, database, [file], now=NOW, told=console, force=True)
    assert versions.active(home) != old


def test_what_is_kept_waits_with_its_verdict_and_the_reader_takes_it_up_when_told(
    sqlite_database: Database, tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "SHIPPED", old)
    monkeypatch.setattr(dataset, "own_posts", lambda: OWN)
    settings = _settings(tmp_path, sqlite_database)
    file = tmp_path / "texts.jsonl"
    said = corrections(harassment=True)
    file.write_text(
        "\n".join(json.dumps({"text": c.text, "lang": "en", "harassment": True}) for c in said)
    )
    reads = reader.lazy(settings)
    before = reads()
    assert reads() is before
    told = Console(file=io.StringIO())
    retraining.run(settings, sqlite_database, [file], now=NOW, told=told, install=False, by="admin")
    home = settings.var / "weights"
    assert versions.active(home) == old
    assert reads() is before
    how = training.progress(home)
    assert how is not None
    assert (how.state, how.by) == ("done", "admin")
    verdict = reader_versions.verdict(home / how.version)
    assert verdict is not None
    apart = sum(map(held_back, said))
    assert (verdict.taught, verdict.measured) == (len(said) - apart, apart)
    assert {(s.texts, s.question) for s in verdict.scores} >= {
        ("own", "harassment"),
        ("corrected", "harassment"),
    }
    reader_versions.use(settings, how.version)
    assert reads().model != before.model
    assert reader_versions.roll_back(settings) == "shipped"
    assert reads().model == before.model


def _worse(home: Path) -> Any:
    """As if the new heads had lost ten points: a real version with another's verdict."""

    def made(old: Path, new: Path, *rest: Any, **more: Any) -> Any:
        outcome = retrain(old, new, *rest, **more)
        score = Score("own", "harassment", "all", 100, 90.0, 80.0)
        return replace(outcome, scores=(score,), reasons=tuple(reasons([score])))

    return made


def test_a_file_that_cannot_teach_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text('{"text": "hola"}\n')
    with pytest.raises(ImportError_, match="line 1: no label"):
        retraining.labelled(file)
    with pytest.raises(ImportError_, match=r"missing\.jsonl"):
        retraining.labelled(tmp_path / "missing.jsonl")
    with pytest.raises(ListenerError, match="no weights 'x'"):
        reader_versions.use(Settings(folder=tmp_path, var=tmp_path, database_url="sqlite://"), "x")
