"""Others who say this: exact, only among what is comparable, and only what the asker may see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from builders import NOW, case_on, found, reading, user

from listener import likeness
from listener import settings_files as settings_module
from listener.desk import Desk
from listener.errors import NotAllowed, ReaderMissing, StorageError
from listener.likeness import Likeness, as_vector, family
from listener.storage import Database, mentions, readings
from listener.storage.mentions import BrandHit
from listener.storage.tables import MentionBrand, MentionRow, ReadingRow

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 8


def vector(*values: float) -> np.ndarray:
    full = np.zeros(WIDTH, np.float32)
    full[: len(values)] = values
    return full / np.linalg.norm(full)


def say(
    db: Database,
    name: str,
    embedding: np.ndarray | None,
    *,
    model: str = "by-hand",
    brand: str = "movistar",
    muted: bool = False,
    author: str | None = None,
) -> int:
    item = found(name, f"dice {name}", author=author or name)
    with db.write() as session:
        hits = (BrandHit(brand, muted=muted),)
        [new] = mentions.save_found(session, "k", [replace(item, brands=hits)], now=NOW).new_ids
        said = replace(reading(harassment=True), model=model, embedding=embedding)
        readings.save(session, [(new, said)], NOW)
    return new


def opened(db: Database, mention_id: int) -> int:
    with db.write() as session:
        return case_on(session, mention_id)


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Desk:
    settings = settings_module.load(ROOT / "config", {"LISTENER_VAR": str(tmp_path / "var")})
    return Desk(database, settings, lambda: NOW)


def told(desk: Desk, case_id: int, who: str = "marta", **rights: object) -> list[str]:
    answer = desk.alike.case(user(who, **rights), case_id)
    assert answer is not None
    return [saying.author.partition("@")[0] for saying, _ in answer.found]


def test_the_nearest_posts_of_others_come_first(database: Database, desk: Desk) -> None:
    mine = say(database, "lucia", vector(1, 0))
    case_id = opened(database, mine)
    say(database, "again", vector(1, 0.01), author="lucia")  # her own
    say(database, "near", vector(1, 0.2))
    on_case = say(database, "nearest", vector(1, 0.1))
    other_case = opened(database, on_case)
    say(database, "far", vector(0, 1))
    say(database, "unread", None)
    say(database, "muted", vector(1, 0.05), muted=True)
    copy = say(database, "copy", vector(1, 0.05))
    with database.write() as session:
        session.get_one(MentionRow, copy).duplicate_of = mine
    answer = desk.alike.case(user("marta"), case_id)
    assert answer is not None
    assert [(s.author.partition("@")[0], s.case_id) for s, _ in answer.found] == [
        ("nearest", other_case),
        ("near", None),
    ]
    assert [round(score, 2) for _, score in answer.found] == [1.0, 0.98]
    assert (answer.compared, answer.kept, answer.model) == (7, 7, "by-hand")


def test_what_another_encoder_made_is_not_compared(database: Database, desk: Desk) -> None:
    case_id = opened(database, say(database, "lucia", vector(1)))
    say(database, "same", vector(1, 0.1), model="by-hand+sentiment-of-others")
    say(database, "other", vector(1, 0.1), model="reader-of-elsewhere")
    say(database, "wide", np.ones(WIDTH * 2, np.float32))
    assert told(desk, case_id) == ["same"]
    answer = desk.alike.case(user("marta"), case_id)
    assert answer is not None
    assert (answer.compared, answer.kept) == (2, 3)


def test_versions_that_retraining_made_are_one_family(tmp_path: Path) -> None:
    shipped = family(tmp_path, "unknown")
    assert shipped == {"unknown"}
    for name, revision, parent in (("a", "r1", "r0"), ("b", "r2", "r1"), ("c", "x1", "x0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(
            f'{{"revision": "{revision}", "started_from": "{parent}"}}'
        )
    assert family(tmp_path, "r2") == {"r0", "r1", "r2"} == family(tmp_path, "r0")
    assert family(tmp_path, "x1+hub") == {"x0", "x1"}


def test_only_posts_of_brands_that_the_user_sees(database: Database, desk: Desk) -> None:
    case_id = opened(database, say(database, "lucia", vector(1)))
    say(database, "movistar", vector(1, 0.2))
    for n in range(200):  # nearer, and nothing that berta may know of
        say(database, f"vodafone{n}", vector(1, 0.001 * n), brand="vodafone")
    assert told(desk, case_id, brands=("movistar",)) == ["movistar"]
    assert len(told(desk, case_id)) == 10
    with pytest.raises(NotAllowed):
        desk.alike.case(user("berta", role="brand_manager", brands=("vodafone",)), case_id)


def test_what_came_or_went_since_is_seen(database: Database, desk: Desk) -> None:
    case_id = opened(database, say(database, "lucia", vector(1)))
    first = say(database, "first", vector(1, 0.1))
    late = say(database, "late", None)
    assert told(desk, case_id) == ["first"]
    say(database, "second", vector(1, 0.2))
    with database.write() as session:  # finished by a slower worker, with an older id
        readings.save(session, [(late, replace(reading(), embedding=vector(1, 0.05)))], NOW)
    assert told(desk, case_id) == ["late", "first", "second"]
    with database.write() as session:
        for table in (ReadingRow, MentionBrand):
            session.execute(sa.delete(table).where(table.mention_id == first))
        session.execute(sa.delete(MentionRow).where(MentionRow.id == first))
    assert told(desk, case_id) == ["late", "second"]


def test_no_more_than_the_newest_are_kept(database: Database, tmp_path: Path) -> None:
    kept = Likeness(database, tmp_path, most=1200)
    rng = np.random.default_rng(3)
    made = {}
    for _ in range(30):
        with database.write() as session:
            names = [f"m{len(made) + n}" for n in range(50)]
            ids = mentions.save_found(session, "k", [found(n, n) for n in names], now=NOW).new_ids
            fresh = {i: as_vector(rng.normal(size=WIDTH)) for i in ids}
            read = [(i, replace(reading(), embedding=v)) for i, v in fresh.items()]
            readings.save(session, read, NOW)
        made |= fresh
        near = kept.near(vector(1), "by-hand", wanted=5)
        assert near.compared == near.kept <= 1200
        newest = sorted(made)[-near.kept :]
        # Exactly what a plain loop over the same posts finds.
        halves = {i: made[i].astype(np.float16).astype(np.float32) @ vector(1) for i in newest}
        best = sorted(newest, key=lambda i: -halves[i])[:5]
        assert [i for i, _ in near.found[:5]] == best
    assert near.kept >= 900


def test_a_case_without_an_embedding_says_so(database: Database, desk: Desk) -> None:
    case_id = opened(database, say(database, "lucia", None))
    assert desk.alike.case(user("marta"), case_id) is None


def test_a_missing_reader_is_told(database: Database, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    config = desk.settings.listener
    process = config.process.model_copy(update={"weights": str(tmp_path / "empty")})
    listener = config.model_copy(update={"process": process})
    blind = Desk(database, desk.settings.model_copy(update={"listener": listener}), lambda: NOW)
    with pytest.raises(ReaderMissing, match="weights"):
        blind.alike.sentence(user("marta"), "me llaman sin parar")
    with pytest.raises(StorageError, match="empty"):
        blind.alike.sentence(user("marta"), "  ")


def test_a_typed_sentence_finds_what_says_the_same_in_other_words_and_languages(
    database: Database, desk: Desk
) -> None:
    texts = {
        "marta": "Les he dicho mil veces que no me llamen más y no dejan de llamarme.",
        "john": "They keep ringing me every day although I told them to stop calling.",
        "noa": "La final de baloncesto de anoche fue una maravilla.",
        "leo": "Me han cobrado dos veces la factura de octubre.",
    }
    for name, text in texts.items():
        read = desk.alike.reader().read([text])[0]
        with database.write() as session:
            item = found(name, text, author=name)
            [new] = mentions.save_found(session, "k", [item], now=NOW).new_ids
            readings.save(session, [(new, read)], NOW)
    answer = desk.alike.sentence(user("ana"), "No paran de llamarme aunque les pedí que pararan")
    names = [saying.author.partition("@")[0] for saying, _ in answer.found]
    assert set(names[:2]) == {"marta", "john"}
    assert "noa" not in names
    assert answer.compared == 4
    assert likeness.origin(answer.model).startswith("reader-")
